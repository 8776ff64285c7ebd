//! Lower bounds: what no schedule can undercut.

use super::problem::Problem;
use crate::graph::{CriticalPath, NodeId};

/// So many pairs of a node and a threshold are looked at for the bound by work, whatever the size.
const N_PAIRS_MAX: usize = 1 << 18;

/// So many pairs of nodes are looked at for the bound by the critical sequence; larger problems do without it.
const N_SEQUENCE_PAIRS_MAX: usize = 1 << 20;

/// Returns a makespan that no schedule can undercut, in nanoseconds: the largest of three bounds.
///
/// - The longest path.
/// - Work between a head and a tail: nodes that cannot start before `head` and leave at least `tail` after them must do all
///   their work on a resource in between (Carlier 1982, for several units of a resource). In small problems all pairs of
///   head and tail are tried.
/// - The critical sequence (Stinson, Davis and Khumawala 1978): how much a node lacks of a stretch that is long enough, beside
///   the nodes of a critical path that keep their places.
///
/// `critical` is the critical path of the problem.
///
/// # Complexity
///
/// O(n log n + r · (n + 2¹⁸)).
#[must_use]
pub fn lower_bound(problem: &Problem, critical: &CriticalPath) -> u64 {
    let length_ns = critical.length_ns;
    length_ns.max(work_bound(problem, critical)).max(sequence_bound(problem, critical))
}

/// What must follow each node's finish at least.
fn tails_ns(problem: &Problem, critical: &CriticalPath) -> Vec<u64> {
    let latest_finish = |(start, duration): (&u64, &u64)| start + duration;
    let latest_finishes = critical.latest_start_ns.iter().zip(problem.durations_ns()).map(latest_finish);
    latest_finishes.map(|finish| critical.length_ns - finish).collect()
}

fn work_bound(problem: &Problem, critical: &CriticalPath) -> u64 {
    let n_nodes = problem.n_nodes();
    let heads = &critical.earliest_start_ns;
    let tails = tails_ns(problem, critical);
    let mut by_tail: Vec<usize> = (0..n_nodes).collect();
    by_tail.sort_unstable_by_key(|&node| (tails[node], node));
    let mut thresholds = heads.clone();
    thresholds.sort_unstable();
    thresholds.dedup();
    // Too many thresholds are thinned out evenly, from the first on.
    let n_thresholds_max = (N_PAIRS_MAX / n_nodes.max(1)).max(1);
    let step = thresholds.len().div_ceil(n_thresholds_max).max(1);

    let mut bound_ns = 0_u64;
    for (resource, &capacity) in problem.capacities().iter().enumerate() {
        if capacity == 0 {
            continue;
        }
        let work_of = |node: usize| {
            let amount = problem.demands_of(node)[resource];
            u128::from(problem.durations_ns()[node]) * u128::from(amount.unsigned_abs())
        };
        for &head in thresholds.iter().step_by(step) {
            let mut work = 0;
            for &node in by_tail.iter().rev().filter(|&&node| heads[node] >= head) {
                let own = work_of(node);
                if own > 0 {
                    work += own;
                    // To divide takes most of the time, so first it is asked whether the bound would grow.
                    let between_ns = u128::from(bound_ns.saturating_sub(head + tails[node]));
                    let capacity = u128::from(capacity.unsigned_abs());
                    if work > between_ns * capacity {
                        // The share is at most the sum of all durations, which fits.
                        bound_ns = head + work.div_ceil(capacity) as u64 + tails[node];
                    }
                }
            }
        }
    }
    bound_ns
}

fn sequence_bound(problem: &Problem, critical: &CriticalPath) -> u64 {
    let durations = problem.durations_ns();
    let path = &critical.path;
    if path.len().saturating_mul(problem.n_nodes()) > N_SEQUENCE_PAIRS_MAX {
        return 0;
    }
    let conflicts = |left: usize, right: usize| {
        let amounts = problem.demands_of(left).iter().zip(problem.demands_of(right));
        amounts.zip(problem.capacities()).any(|((left, right), capacity)| capacity - left < *right)
    };
    let mut lacking_ns = 0;
    for node in 0..problem.n_nodes() {
        if durations[node] == 0 || path.contains(&NodeId::from_index(node)) {
            continue;
        }
        // The longest stretch of its window in which no node of the path stands in its way.
        let window_end = critical.latest_start_ns[node] + durations[node];
        let mut begin = critical.earliest_start_ns[node];
        let mut longest_ns = 0;
        for on_path in path.iter().map(|on_path| on_path.index()) {
            let start = critical.earliest_start_ns[on_path];
            if durations[on_path] > 0 && conflicts(node, on_path) {
                longest_ns = longest_ns.max(start.min(window_end).saturating_sub(begin));
                begin = begin.max(start + durations[on_path]);
            }
        }
        longest_ns = longest_ns.max(window_end.saturating_sub(begin));
        lacking_ns = lacking_ns.max(durations[node].saturating_sub(longest_ns));
    }
    critical.length_ns + lacking_ns
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::graph::{Graph, critical_path};

    fn bound(graph: Graph, durations_ns: &[u64], demands: &[i64], capacities: &[i64]) -> u64 {
        let problem =
            Problem::new(Arc::new(graph), durations_ns.to_vec(), demands.to_vec(), capacities.to_vec())
                .unwrap();
        lower_bound(&problem, &critical_path(problem.graph(), problem.durations_ns()).unwrap())
    }

    #[test]
    fn test_work_counts_between_what_goes_before_and_after() {
        // Three nodes that share one unit, behind a head and before a tail.
        let graph = Graph::from_arrays(5, &[0, 0, 0, 1, 2, 3], &[1, 2, 3, 4, 4, 4]).unwrap();
        assert_eq!(bound(graph, &[5, 2, 2, 2, 7], &[0, 1, 1, 1, 0], &[1]), 5 + 6 + 7);
    }

    #[test]
    fn test_work_is_rounded_up() {
        let graph = Graph::from_edges(3, &[]).unwrap();
        assert_eq!(bound(graph, &[1, 1, 1], &[1, 1, 1], &[2]), 2);
    }

    #[test]
    fn test_a_node_beside_the_path_needs_a_stretch_of_its_length() {
        // Path 0 → 1 takes 4 + 4; node 2 takes 6 and fits beside neither.
        let graph = Graph::from_arrays(3, &[0], &[1]).unwrap();
        assert_eq!(bound(graph, &[4, 4, 6], &[1, 1, 2], &[2]), 8 + 6);
        // Beside the second half only: two are lacking.
        let graph = Graph::from_arrays(3, &[0], &[1]).unwrap();
        assert_eq!(bound(graph, &[4, 4, 6], &[2, 0, 1], &[2]), 8 + 2);
    }

    #[test]
    fn test_nothing_takes_no_time() {
        assert_eq!(bound(Graph::from_edges(0, &[]).unwrap(), &[], &[], &[3]), 0);
    }
}
