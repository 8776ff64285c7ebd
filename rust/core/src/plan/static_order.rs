//! One order for all runs of a graph, from expected durations.

use std::cmp::Reverse;

use crate::graph::{Graph, NodeId, upward_rank};

/// Up to this many nodes, ranks are compared exactly.
const N_NODES_EXACT_MAX: usize = 256;

/// In larger graphs, ranks are compared in steps of one part in so many of the bound.
const N_QUANTA: u64 = 64;

/// The order in which one worker goes through a graph; with several workers, the position is the priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StaticOrder {
    /// Ascending by id.
    Identity,
    /// Every node once, each after its predecessors.
    Order(Vec<NodeId>),
}

/// Orders a graph for list scheduling: what the longest remaining path hangs on goes first.
///
/// Nodes are sorted by upward rank (expected durations, 0 counted as 1), the larger first, in steps of one quantum; within
/// a step they stay in topological order, which is by id where the graph is ordered by id.
///
/// - With up to 256 nodes the quantum is 1: critical-path priority, exactly (Graham's list scheduling with the longest
///   path first; at most twice the optimum, and in practice within a few percent).
/// - In larger graphs the quantum is 1/64 of the lower bound of the makespan, the longest path or the work per worker,
///   whichever is larger. What exact priorities could still save is the length of the last, thinly occupied part of the
///   run, at most about one quantum; staying close to program order keeps few results alive and memory accesses local,
///   which saves more.
///
/// Rank falls along every edge and topological order breaks the ties, so the result is a topological order. It is
/// deterministic.
///
/// # Panics
///
/// When there is not one duration per node.
///
/// # Complexity
///
/// O(n + m) in large graphs, O(n log n + m) in small ones.
///
/// # Examples
///
/// ```
/// use makespan_core::graph::{Graph, NodeId};
/// use makespan_core::plan::{StaticOrder, static_order};
///
/// // A short node beside the chain 1 -> 2: the chain is begun first.
/// let graph = Graph::from_arrays(3, &[1], &[2])?;
/// let order = static_order(&graph, &[10, 10, 10], 2);
/// assert_eq!(order, StaticOrder::Order([1, 0, 2].map(NodeId::new).to_vec()));
/// # Ok::<(), makespan_core::graph::GraphError>(())
/// ```
#[must_use]
pub fn static_order(graph: &Graph, durations_ns: &[u64], n_workers: usize) -> StaticOrder {
    let durations_ns: Vec<_> = durations_ns.iter().map(|&ns| ns.max(1)).collect();
    let mut ranks = upward_rank(graph, &durations_ns).expect("the caller gives one duration per node");
    let quantum_ns = quantum_ns(&durations_ns, &ranks, n_workers);
    if quantum_ns > 1 {
        for rank in &mut ranks {
            *rank /= quantum_ns;
        }
    }

    // From here on `ranks` counts quanta. Nothing to sort is common: equal nodes side by side, or a chain.
    let rank = |node: NodeId| ranks[node.index()];
    if graph.is_id_ordered() && ranks.is_sorted_by(|left, right| left >= right) {
        return StaticOrder::Identity;
    }
    let rank_max = ranks.iter().copied().max().unwrap_or(0);
    let order = if rank_max < 4 * N_QUANTA {
        counting_sorted(graph, rank, rank_max)
    } else {
        let mut order: Vec<_> = graph.topological_order().collect();
        order.sort_by_key(|&node| Reverse(rank(node)));
        order
    };
    StaticOrder::Order(order)
}

/// The step in which ranks are compared.
fn quantum_ns(durations_ns: &[u64], ranks_ns: &[u64], n_workers: usize) -> u64 {
    if durations_ns.len() <= N_NODES_EXACT_MAX {
        return 1;
    }
    let longest_path_ns = ranks_ns.iter().copied().max().unwrap_or(0);
    let total_ns: u128 = durations_ns.iter().copied().map(u128::from).sum();
    let share_ns = total_ns.div_ceil(n_workers.max(1) as u128);
    let bound_ns = u128::from(longest_path_ns).max(share_ns);
    u64::try_from(bound_ns / u128::from(N_QUANTA)).map_or(u64::MAX, |ns| ns.max(1))
}

/// The nodes by falling rank, in topological order among equals.
fn counting_sorted(graph: &Graph, rank: impl Fn(NodeId) -> u64, rank_max: u64) -> Vec<NodeId> {
    let mut next_free = vec![0_usize; rank_max as usize + 1];
    for node in graph.nodes() {
        next_free[rank(node) as usize] += 1;
    }
    let mut n_before = 0;
    for slot in next_free.iter_mut().rev() {
        let n_of_rank = *slot;
        *slot = n_before;
        n_before += n_of_rank;
    }
    let mut order = vec![NodeId::new(0); graph.n_nodes()];
    for node in graph.topological_order() {
        let slot = &mut next_free[rank(node) as usize];
        order[*slot] = node;
        *slot += 1;
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order_of(graph: &Graph, durations_ns: &[u64], n_workers: usize) -> Vec<u32> {
        match static_order(graph, durations_ns, n_workers) {
            StaticOrder::Identity => panic!("expected an order that is stored"),
            StaticOrder::Order(nodes) => nodes.into_iter().map(NodeId::get).collect(),
        }
    }

    #[test]
    fn test_small_graphs_go_by_exact_rank() {
        let graph = Graph::from_edges(3, &[]).unwrap();
        assert_eq!(order_of(&graph, &[1, 3, 2], 1), [1, 2, 0]);
        assert_eq!(order_of(&graph, &[1_000, 3_000, 2_000], 1), [1, 2, 0]);
    }

    #[test]
    fn test_equal_nodes_and_chains_stay_as_they_are() {
        let independent = Graph::from_edges(3, &[]).unwrap();
        assert_eq!(static_order(&independent, &[5; 3], 4), StaticOrder::Identity);
        let chain = Graph::from_arrays(3, &[0, 1], &[1, 2]).unwrap();
        assert_eq!(static_order(&chain, &[0, 7, 0], 4), StaticOrder::Identity);
        let empty = Graph::from_edges(0, &[]).unwrap();
        assert_eq!(static_order(&empty, &[], 0), StaticOrder::Identity);
    }

    #[test]
    fn test_large_graphs_keep_program_order_within_a_quantum() {
        let graph = Graph::from_edges(1_000, &[]).unwrap();
        // The bound is 1,000 · 100 / 2, the quantum 781: the difference between 100 and 199 does not matter, 3,000 does.
        let mut durations_ns: Vec<u64> = (0..1_000).map(|idx| 100 + idx % 100).collect();
        assert_eq!(static_order(&graph, &durations_ns, 2), StaticOrder::Identity);
        durations_ns[500] = 3_000;
        assert_eq!(order_of(&graph, &durations_ns, 2)[..3], [500, 0, 1]);
    }

    #[test]
    fn test_topological_order_breaks_ties_where_ids_do_not_ascend() {
        let n_nodes = 300;
        let ids: Vec<_> = (1..n_nodes).collect();
        let before: Vec<_> = (0..n_nodes - 1).collect();
        let backwards = Graph::from_arrays(300, &ids, &before).unwrap();
        let mut durations_ns = vec![1; 300];
        durations_ns[0] = u64::MAX / 2;
        let order = order_of(&backwards, &durations_ns, 1);
        assert!(order.into_iter().eq((0..300).rev()));
    }
}
