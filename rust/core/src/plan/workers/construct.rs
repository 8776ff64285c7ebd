//! First schedules, by the methods of the literature.

use std::cmp::Reverse;

use super::compact::{Compact, NEVER};
use crate::plan::lists::Lister;

/// Positions by falling priority, ties in topological order.
///
/// A list in which every node comes after its predecessors, if priorities never rise along an edge.
pub(super) fn by_priority(priorities: &[u64]) -> Vec<u32> {
    let mut list: Vec<u32> = (0..priorities.len() as u32).collect();
    list.sort_by_key(|&position| Reverse(priorities[position as usize]));
    list
}

/// HEFT (Topcuoglu, Hariri and Wu 2002): by upward rank with mean durations and transfers.
///
/// A pass that puts each node where it finishes earliest makes it a schedule.
pub(super) fn heft_list(compact: &Compact) -> Vec<u32> {
    let mean = |position: usize| compact.mean(position, compact.durations_of(position));
    by_priority(&compact.upward_ranks(mean, compact.n_workers() > 1))
}

/// The optimistic cost table of PEFT (Arabnejad and Barbosa 2014), by position and kind: how long what follows takes at least,
/// if this node runs on such a worker and each node of the path on the best one.
pub(super) fn optimistic_costs(compact: &Compact) -> Vec<u64> {
    let n_kinds = compact.n_kinds();
    let mut costs = vec![0_u64; compact.n_nodes() * n_kinds];
    for position in (0..compact.n_nodes()).rev() {
        // Successors stand behind, so their rows are complete.
        let (head, rows) = costs.split_at_mut((position + 1) * n_kinds);
        let own = &mut head[position * n_kinds..];
        for &(next, transfer) in compact.successors.of(position) {
            let next = next as usize;
            let row = &rows[(next - position - 1) * n_kinds..][..n_kinds];
            let through = |kind: usize| {
                let duration = compact.durations_of(next)[kind];
                (duration != NEVER).then(|| duration + row[kind])
            };
            let moved = (0..n_kinds).filter_map(through).min().unwrap_or(0) + transfer;
            for (kind, own) in own.iter_mut().enumerate() {
                // On the same worker nothing is moved; another one of the kind cannot be better than that.
                let cost = through(kind).map_or(moved, |stays| stays.min(moved));
                *own = cost.max(*own);
            }
        }
    }
    costs
}

/// PEFT's order: among the nodes whose predecessors are listed, the one of largest mean optimistic cost goes next.
pub(super) fn peft_list(compact: &Compact, costs: &[u64]) -> Vec<u32> {
    let n_kinds = compact.n_kinds();
    let n_nodes = compact.n_nodes();
    let ranks: Vec<_> = (0..n_nodes)
        .map(|position| compact.mean(position, &costs[position * n_kinds..(position + 1) * n_kinds]))
        .collect();
    let mut lister = Lister::new(n_nodes);
    let mut list = vec![0; n_nodes];
    lister.list(compact, &ranks, &mut list);
    list
}
