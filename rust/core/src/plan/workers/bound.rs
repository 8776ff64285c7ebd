//! What no schedule on workers can undercut.

use std::cmp::Reverse;

use super::compact::{Compact, NEVER};

/// So many pairs of a node and a threshold are looked at for the bound by work, whatever the size.
const N_PAIRS_MAX: usize = 1 << 20;

/// The weight of the fastest kind; weights are whole numbers, so that the bound is exact.
const WEIGHT_MAX: f64 = (1 << 20) as f64;

/// Returns a makespan that no schedule can undercut: the largest of three bounds, all of which let results travel at once.
///
/// - The longest path, each node on the worker where it is fastest.
/// - Work between a head and a tail: nodes that cannot start before `head` and leave at least `tail` after them must do all
///   their work in between. Time on a worker is weighted by its speed, and each node counts with the least weighted time that any
///   worker takes for it; that is a bound for whatever weights, also where nothing is known of speeds.
/// - Whole nodes between a head and a tail: in a stretch of time, a core begins and ends only so many nodes of a set, by the
///   shortest of them on its worker; for all of the set, the stretch must be long enough.
pub(super) fn lower_bound(compact: &Compact) -> u64 {
    let n_nodes = compact.n_nodes();
    let fastest = |position: usize| compact.fastest(position);
    let ranks = compact.upward_ranks(fastest, false);
    let tails: Vec<_> = (0..n_nodes).map(|position| ranks[position] - fastest(position)).collect();
    let mut heads = vec![0_u64; n_nodes];
    for position in 0..n_nodes {
        let before = compact.predecessors.of(position).iter();
        let finishes = before.map(|&(before, _)| heads[before as usize] + fastest(before as usize));
        heads[position] = finishes.max().unwrap_or(0);
    }
    let longest = ranks.iter().copied().max().unwrap_or(0);
    let equal = vec![1; compact.n_kinds()];
    longest
        .max(work_bound(compact, &heads, &tails, &equal))
        .max(work_bound(compact, &heads, &tails, &weights(compact)))
        .max(count_bound(compact, &heads, &tails))
}

/// Different heads, ascending, of at most as many as `n_pairs_max` pairs with nodes allow; thinned out evenly, from the first on.
fn thresholds(heads: &[u64], n_pairs_max: usize) -> impl Iterator<Item = u64> {
    let mut thresholds = heads.to_vec();
    thresholds.sort_unstable();
    thresholds.dedup();
    let n_max = (n_pairs_max / heads.len().max(1)).max(1);
    let step = thresholds.len().div_ceil(n_max).max(1);
    thresholds.into_iter().step_by(step)
}

fn count_bound(compact: &Compact, heads: &[u64], tails: &[u64]) -> u64 {
    let n_kinds = compact.n_kinds();
    // A node that demands cores holds at least one.
    let mut n_cores = vec![0_u64; n_kinds];
    for (&kind, &cores) in compact.kinds.iter().zip(&compact.cores) {
        n_cores[kind as usize] += u64::from(cores);
    }
    let occupies = |position: usize| compact.demands[position] > 0 && compact.fastest(position) > 0;
    let lasting = |position: usize| compact.fastest(position) + tails[position];
    let mut longest_first: Vec<usize> =
        (0..compact.n_nodes()).filter(|&position| occupies(position)).collect();
    longest_first.sort_by_key(|&position| Reverse(lasting(position)));
    let mut bound = 0;
    let mut shortest = vec![NEVER; n_kinds];
    for head in thresholds(heads, N_PAIRS_MAX) {
        shortest.fill(NEVER);
        let (mut n_nodes, mut tail) = (0, u64::MAX);
        for &position in longest_first.iter().filter(|&&position| heads[position] >= head) {
            n_nodes += 1;
            tail = tail.min(tails[position]);
            for (shortest, &duration) in shortest.iter_mut().zip(compact.durations_of(position)) {
                *shortest = duration.min(*shortest);
            }
            let is_enough = |stretch: u64| {
                let ended = n_cores
                    .iter()
                    .zip(&shortest)
                    .map(|(&n_cores, &shortest)| n_cores.saturating_mul(stretch / shortest));
                ended.fold(0, u64::saturating_add) >= n_nodes
            };
            let known = bound.max(head + tail) - head - tail;
            if !is_enough(known) {
                bound = head + tail + least_stretch(known, is_enough);
            }
        }
    }
    bound
}

/// The least stretch that is enough, given one that is not.
fn least_stretch(mut too_little: u64, is_enough: impl Fn(u64) -> bool) -> u64 {
    let mut enough = 2 * too_little.max(1);
    while !is_enough(enough) {
        (too_little, enough) = (enough, 2 * enough);
    }
    while enough - too_little > 1 {
        let middle = too_little.midpoint(enough);
        if is_enough(middle) { enough = middle } else { too_little = middle }
    }
    enough
}

/// The speed of every kind, from the work that it and the best kind take for the nodes that it can run.
fn weights(compact: &Compact) -> Vec<u64> {
    let weight = |kind: usize| {
        let (mut own, mut best) = (0_u128, 0_u128);
        for position in 0..compact.n_nodes() {
            let duration = compact.durations_of(position)[kind];
            if duration != NEVER {
                own += u128::from(duration);
                best += u128::from(compact.fastest(position));
            }
        }
        if own > 0 { (WEIGHT_MAX * best as f64 / own as f64).round().max(1.0) as u64 } else { 1 }
    };
    (0..compact.n_kinds()).map(weight).collect()
}

fn work_bound(compact: &Compact, heads: &[u64], tails: &[u64], weights: &[u64]) -> u64 {
    let n_nodes = compact.n_nodes();
    let kinds = compact.kinds.iter().zip(&compact.cores);
    let rate: u128 =
        kinds.map(|(&kind, &cores)| u128::from(weights[kind as usize]) * u128::from(cores)).sum();
    let work_of = |position: usize| {
        let durations = compact.durations_of(position).iter().zip(weights);
        let able = durations.filter(|&(&duration, _)| duration != NEVER);
        let least = able.map(|(&duration, &weight)| u128::from(duration) * u128::from(weight)).min();
        least.unwrap_or(0) * u128::from(compact.demands[position])
    };
    if rate == 0 {
        return 0; // Nobody has a core, so that nobody demands one.
    }
    let works: Vec<_> = (0..n_nodes).map(work_of).collect();
    let mut by_tail: Vec<usize> = (0..n_nodes).filter(|&position| works[position] > 0).collect();
    by_tail.sort_unstable_by(|&left, &right| (tails[right], right).cmp(&(tails[left], left)));
    let mut bound = 0;
    for head in thresholds(heads, N_PAIRS_MAX) {
        let mut work = 0;
        for &position in by_tail.iter().filter(|&&position| heads[position] >= head) {
            work += works[position];
            // It is at most the sum of all durations, which fits.
            bound = bound.max(head + work.div_ceil(rate) as u64 + tails[position]);
        }
    }
    bound
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::problem::{WorkerDurations, WorkerProblem};
    use super::*;
    use crate::graph::Graph;

    fn bound(durations_ns: &[u64], edges: [&[i64]; 2], speeds: &[f64]) -> u64 {
        let n_nodes = durations_ns.len();
        let graph = Arc::new(Graph::from_arrays(n_nodes, edges[0], edges[1]).unwrap());
        let durations =
            WorkerDurations::Speeds { durations_ns: durations_ns.to_vec(), speeds: speeds.to_vec() };
        let (cores, demands) = (vec![1; speeds.len()], vec![1; n_nodes]);
        lower_bound(&Compact::new(&WorkerProblem::new(graph, durations, cores, demands, vec![]).unwrap()))
    }

    #[test]
    fn test_the_longest_path_is_that_of_the_fastest_worker() {
        assert_eq!(bound(&[4, 4, 4], [&[0, 1], &[1, 2]], &[1.0, 2.0]), 6);
    }

    #[test]
    fn test_work_counts_by_speed() {
        assert_eq!(bound(&[2; 30], [&[], &[]], &[1.0, 2.0]), 20);
    }

    #[test]
    fn test_whole_nodes_do_not_share_a_worker() {
        // Three nodes of 10 behind one of 6: two on the fast worker, or one of them on a slow one.
        assert_eq!(bound(&[6, 10, 10, 10], [&[0, 0, 0], &[1, 2, 3]], &[2.0, 1.0, 0.25]), 3 + 10);
    }
}
