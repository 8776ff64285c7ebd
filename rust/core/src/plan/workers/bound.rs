//! What no schedule on workers can undercut.

use std::cmp::Reverse;
use std::ops::Range;

use super::compact::{Compact, NEVER};

/// So many pairs of a node and a threshold are looked at for each bound, whatever the size.
const N_PAIRS_MAX: usize = 1 << 20;

/// The weight of the fastest kind is two to this; weights are whole numbers, so that the bound is exact.
const N_WEIGHT_BITS: u32 = 20;

/// Returns a makespan that no schedule can undercut, letting results travel at once.
///
/// Nodes that all others come before or after part the graph into stretches that follow each other. Each takes at least the
/// largest of three bounds:
///
/// - The longest path, each node on the worker where it is fastest.
/// - Work between a head and a tail: nodes that cannot start before `head` and leave at least `tail` after them must do all
///   their work in between. Time on a worker is weighted by its speed, and each node counts with the least weighted time that any
///   worker takes for it; that is a bound for whatever weights, also where nothing is known of speeds.
/// - Whole nodes between a head and a tail: in so much time, a core begins and ends only so many nodes of a set, by the
///   shortest of them on its worker; for all of the set, the time must be long enough.
pub(super) fn lower_bound(compact: &Compact) -> u64 {
    let n_nodes = compact.n_nodes();
    let barriers = barriers(compact);
    let stretches = Stretches::new(compact, &barriers);
    let (equal, weights) = (vec![1; compact.n_kinds()], weights(compact));
    let mut bound = barriers.iter().map(|&barrier| compact.fastest(barrier)).sum();
    let mut begin = 0;
    for end in barriers.into_iter().chain([n_nodes]) {
        if begin < end {
            bound += stretches
                .longest(begin..end)
                .max(stretches.work_bound(begin..end, &equal))
                .max(stretches.work_bound(begin..end, &weights))
                .max(stretches.count_bound(begin..end));
        }
        begin = end + 1;
    }
    bound
}

/// The positions that all smaller ones come before, and all larger ones after.
fn barriers(compact: &Compact) -> Vec<usize> {
    let n_nodes = compact.n_nodes();
    let first_after =
        |position: usize| compact.successors.of(position).iter().map(|&(next, _)| next as usize).min();
    let last_before =
        |position: usize| compact.predecessors.of(position).iter().map(|&(before, _)| before as usize).max();
    // From each larger position on, predecessors lead to the barrier without passing it by.
    let mut is_reached = vec![true; n_nodes];
    let mut reach = usize::MAX;
    for position in (0..n_nodes).rev() {
        is_reached[position] = reach >= position;
        let Some(before) = last_before(position) else {
            // A source is reached by nobody in front of it.
            is_reached[..position].fill(false);
            break;
        };
        reach = reach.min(before);
    }
    let mut reach = 0;
    let mut found = Vec::new();
    for (position, is_reached) in is_reached.into_iter().enumerate() {
        if is_reached && reach <= position {
            found.push(position);
        }
        reach = reach.max(first_after(position).unwrap_or(usize::MAX));
    }
    found
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
        // The best kind takes no longer, so that the share is at most one.
        (best << N_WEIGHT_BITS).checked_div(own).map_or(1, |weight| weight.max(1) as u64)
    };
    (0..compact.n_kinds()).map(weight).collect()
}

/// What goes before and after every position within its stretch.
struct Stretches<'a> {
    compact: &'a Compact,
    heads: Vec<u64>,
    tails: Vec<u64>,
}

impl<'a> Stretches<'a> {
    fn new(compact: &'a Compact, barriers: &[usize]) -> Self {
        let n_nodes = compact.n_nodes();
        let mut is_barrier = vec![false; n_nodes];
        for &barrier in barriers {
            is_barrier[barrier] = true;
        }
        // A barrier counts as nothing, so that paths begin and end there: all that is behind it begins anew.
        let through = |position: usize, sofar: u64| {
            if is_barrier[position] { 0 } else { sofar + compact.fastest(position) }
        };
        let (mut heads, mut tails) = (vec![0_u64; n_nodes], vec![0_u64; n_nodes]);
        let mut begin = 0;
        for position in 0..n_nodes {
            let before = compact.predecessors.of(position).iter().map(|&(before, _)| before as usize);
            let inside = before.filter(|&before| before >= begin);
            heads[position] = inside.map(|before| through(before, heads[before])).max().unwrap_or(0);
            if is_barrier[position] {
                begin = position;
            }
        }
        let mut end = n_nodes;
        for position in (0..n_nodes).rev() {
            let after = compact.successors.of(position).iter().map(|&(after, _)| after as usize);
            let inside = after.filter(|&after| after < end);
            tails[position] = inside.map(|after| through(after, tails[after])).max().unwrap_or(0);
            if is_barrier[position] {
                end = position;
            }
        }
        Self { compact, heads, tails }
    }

    fn longest(&self, stretch: Range<usize>) -> u64 {
        let passing = |position| self.heads[position] + self.compact.fastest(position) + self.tails[position];
        stretch.map(passing).max().unwrap_or(0)
    }

    /// Different heads, ascending; thinned out evenly, from the first on, where they are too many.
    fn thresholds(&self, stretch: Range<usize>) -> impl Iterator<Item = u64> + use<> {
        let mut thresholds = self.heads[stretch].to_vec();
        thresholds.sort_unstable();
        thresholds.dedup();
        let n_max = (N_PAIRS_MAX / self.heads.len()).max(1);
        let step = thresholds.len().div_ceil(n_max);
        thresholds.into_iter().step_by(step)
    }

    fn work_bound(&self, stretch: Range<usize>, weights: &[u64]) -> u64 {
        let Self { compact, heads, tails } = self;
        let kinds = compact.kinds.iter().zip(&compact.cores);
        let rate: u128 =
            kinds.map(|(&kind, &cores)| u128::from(weights[kind as usize]) * u128::from(cores)).sum();
        if rate == 0 {
            return 0; // Nobody has a core, so that nobody demands one.
        }
        let work_of = |position: usize| {
            let durations = compact.durations_of(position).iter().zip(weights);
            let able = durations.filter(|&(&duration, _)| duration != NEVER);
            let least = able.map(|(&duration, &weight)| u128::from(duration) * u128::from(weight)).min();
            least.unwrap_or(0) * u128::from(compact.demands[position])
        };
        let works = stretch.clone().map(|position| (position, work_of(position)));
        let mut by_tail: Vec<_> = works.filter(|&(_, work)| work > 0).collect();
        by_tail.sort_by_key(|&(position, _)| Reverse(tails[position]));
        let mut bound = 0;
        for head in self.thresholds(stretch) {
            let mut sum = 0;
            for &(position, work) in by_tail.iter().filter(|&&(position, _)| heads[position] >= head) {
                sum += work;
                // It is at most the sum of all durations, which fits.
                bound = bound.max(head + sum.div_ceil(rate) as u64 + tails[position]);
            }
        }
        bound
    }

    fn count_bound(&self, stretch: Range<usize>) -> u64 {
        let Self { compact, heads, tails } = self;
        let mut n_cores = vec![0_u64; compact.n_kinds()];
        for (&kind, &cores) in compact.kinds.iter().zip(&compact.cores) {
            n_cores[kind as usize] += u64::from(cores);
        }
        // A node that demands cores holds at least one.
        let occupies = |&position: &usize| compact.demands[position] > 0 && compact.fastest(position) > 0;
        let mut longest_first: Vec<_> = stretch.clone().filter(occupies).collect();
        longest_first.sort_by_key(|&position| Reverse(compact.fastest(position) + tails[position]));
        let mut bound = 0;
        let mut shortest = vec![NEVER; compact.n_kinds()];
        for head in self.thresholds(stretch) {
            shortest.fill(NEVER);
            let (mut n_nodes, mut tail) = (0, u64::MAX);
            for &position in longest_first.iter().filter(|&&position| heads[position] >= head) {
                n_nodes += 1;
                tail = tail.min(tails[position]);
                for (shortest, &duration) in shortest.iter_mut().zip(compact.durations_of(position)) {
                    *shortest = duration.min(*shortest);
                }
                let is_enough = |time: u64| {
                    let by_kind = n_cores.iter().zip(&shortest);
                    let ended = by_kind.map(|(&n_cores, &shortest)| n_cores.saturating_mul(time / shortest));
                    ended.fold(0, u64::saturating_add) >= n_nodes
                };
                let known = bound.max(head + tail) - head - tail;
                if !is_enough(known) {
                    bound = head + tail + least_time(known, is_enough);
                }
            }
        }
        bound
    }
}

/// The least time that is enough, given one that is not.
fn least_time(mut too_little: u64, is_enough: impl Fn(u64) -> bool) -> u64 {
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
    fn test_what_a_barrier_parts_adds_up() {
        // Three nodes of 4 on two workers take 8, before node 3 and again behind it.
        let edges: [&[i64]; 2] = [&[0, 1, 2, 3, 3, 3], &[3, 3, 3, 4, 5, 6]];
        assert_eq!(bound(&[4, 4, 4, 1, 4, 4, 4], edges, &[1.0, 1.0]), 8 + 1 + 8);
        // Node 7 may run at any time, so that node 3 is none: all work is 28, for two workers.
        assert_eq!(bound(&[4, 4, 4, 1, 4, 4, 4, 3], edges, &[1.0, 1.0]), 14);
    }

    #[test]
    fn test_barriers_are_what_all_others_come_before_or_after() {
        let found = |n_nodes: usize, source: &[i64], target: &[i64]| {
            let graph = Arc::new(Graph::from_arrays(n_nodes, source, target).unwrap());
            let durations = WorkerDurations::Speeds { durations_ns: vec![1; n_nodes], speeds: vec![1.0] };
            let problem = WorkerProblem::new(graph, durations, vec![1], vec![1; n_nodes], vec![]).unwrap();
            barriers(&Compact::new(&problem))
        };
        assert_eq!(found(4, &[0, 0, 1, 2], &[1, 2, 3, 3]), [0, 3]);
        assert_eq!(found(4, &[0, 0, 1, 2, 0], &[1, 2, 3, 3, 3]), [0, 3]);
        assert_eq!(found(3, &[0, 1], &[1, 2]), [0, 1, 2]);
        assert_eq!(found(4, &[0, 1, 2], &[1, 3, 3]), [3]);
        assert_eq!(found(2, &[], &[]), [0_usize; 0]);
        assert_eq!(found(0, &[], &[]), [0_usize; 0]);
    }

    #[test]
    fn test_whole_nodes_do_not_share_a_worker() {
        // Three nodes of 10 behind one of 6: two on the fast worker, or one of them on a slow one.
        assert_eq!(bound(&[6, 10, 10, 10], [&[0, 0, 0], &[1, 2, 3]], &[2.0, 1.0, 0.25]), 3 + 10);
    }
}
