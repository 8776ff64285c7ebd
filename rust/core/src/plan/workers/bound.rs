//! What no schedule on workers can undercut.

use super::compact::{Compact, NEVER};

/// So many pairs of a node and a threshold are looked at for the bound by work, whatever the size.
const N_PAIRS_MAX: usize = 1 << 20;

/// The weight of the fastest kind; weights are whole numbers, so that the bound is exact.
const WEIGHT_MAX: f64 = (1 << 20) as f64;

/// Returns a makespan that no schedule can undercut: the larger of two bounds, both of which let results travel at once.
///
/// - The longest path, each node on the worker where it is fastest.
/// - Work between a head and a tail: nodes that cannot start before `head` and leave at least `tail` after them must do all
///   their work in between. Time on a worker is weighted by its speed, and each node counts with the least weighted time that any
///   worker takes for it; that is a bound for whatever weights, also where nothing is known of speeds.
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
    longest.max(work_bound(compact, &heads, &tails, &equal)).max(work_bound(
        compact,
        &heads,
        &tails,
        &weights(compact),
    ))
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
    let mut thresholds = heads.to_vec();
    thresholds.sort_unstable();
    thresholds.dedup();
    // Too many thresholds are thinned out evenly, from the first on.
    let step = thresholds.len().div_ceil((N_PAIRS_MAX / n_nodes.max(1)).max(1)).max(1);
    let mut bound = 0;
    for &head in thresholds.iter().step_by(step) {
        let mut work = 0;
        for &position in by_tail.iter().filter(|&&position| heads[position] >= head) {
            work += works[position];
            // It is at most the sum of all durations, which fits.
            bound = bound.max(head + work.div_ceil(rate) as u64 + tails[position]);
        }
    }
    bound
}
