//! Topological order, and the cycle that stands in its way.

use std::{hint, iter, ops, slice};

use super::csr::Csr;
use super::{GraphError, NodeId};
use crate::sched::ReadySet;

/// The nodes of a graph, every one after its predecessors.
///
/// See [`Graph::topological_order`](super::Graph::topological_order).
#[derive(Clone, Debug)]
pub struct TopologicalOrder<'a>(Nodes<'a>);

#[derive(Clone, Debug)]
enum Nodes<'a> {
    Identity(ops::Range<u32>),
    Stored(slice::Iter<'a, NodeId>),
}

impl<'a> TopologicalOrder<'a> {
    /// The stored order, or the identity over `n_nodes`.
    pub(super) fn new(stored: Option<&'a [NodeId]>, n_nodes: u32) -> Self {
        Self(match stored {
            Some(nodes) => Nodes::Stored(nodes.iter()),
            None => Nodes::Identity(0..n_nodes),
        })
    }
}

impl Iterator for TopologicalOrder<'_> {
    type Item = NodeId;

    fn next(&mut self) -> Option<NodeId> {
        match &mut self.0 {
            Nodes::Identity(ids) => ids.next().map(NodeId),
            Nodes::Stored(nodes) => nodes.next().copied(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Nodes::Identity(ids) => ids.size_hint(),
            Nodes::Stored(nodes) => nodes.size_hint(),
        }
    }
}

impl DoubleEndedIterator for TopologicalOrder<'_> {
    fn next_back(&mut self) -> Option<NodeId> {
        match &mut self.0 {
            Nodes::Identity(ids) => ids.next_back().map(NodeId),
            Nodes::Stored(nodes) => nodes.next_back().copied(),
        }
    }
}

impl ExactSizeIterator for TopologicalOrder<'_> {}
impl iter::FusedIterator for TopologicalOrder<'_> {}

/// A topological order that is not the identity.
#[derive(Clone)]
pub(super) struct StoredOrder {
    /// Every node once.
    pub(super) nodes: Box<[NodeId]>,
    /// The successors of `nodes[i]` in row `i`: a second copy, so that walks in this order read memory in sequence.
    pub(super) rows: Csr,
}

impl StoredOrder {
    /// The lexicographically smallest topological order (Kahn 1962, with a set that yields the smallest ready node).
    ///
    /// # Errors
    ///
    /// [`GraphError::Cycle`].
    ///
    /// # Complexity
    ///
    /// O(n log n + m), where the logarithm is to base 64.
    pub(super) fn lexicographic(successors: &Csr) -> Result<Self, GraphError> {
        let n_nodes = successors.n_rows();
        let mut pending = pending_nodes(successors);
        let mut ready = ReadySet::new(n_nodes);
        for (id, _) in (0..n_nodes as u32).zip(&pending).filter(|(_, node)| node.n_unmet == 0) {
            ready.insert(id);
        }
        let mut nodes = Vec::with_capacity(n_nodes);
        let mut rows = Csr::with_capacity(n_nodes, successors.n_entries());
        let entries = successors.entries();
        let mut fetched = 0;
        while let Some(id) = ready.pop_first() {
            let begin = pending[id as usize].row_begin as usize;
            let end = pending[id as usize + 1].row_begin as usize;
            let row = &entries[begin..end];
            nodes.push(NodeId(id));
            rows.push(row);
            for next in row {
                let node = &mut pending[next.index()];
                node.n_unmet -= 1;
                if node.n_unmet == 0 {
                    ready.insert(next.0);
                    // Nothing is done with what is read: it is in the cache when the node's turn comes.
                    fetched ^= entries.get(node.row_begin as usize).map_or(0, |first| first.0);
                }
            }
        }
        hint::black_box(fetched);
        if nodes.len() == n_nodes {
            let nodes = nodes.into_boxed_slice();
            Ok(Self { nodes, rows })
        } else {
            let n_unmet: Vec<_> = pending.iter().map(|node| node.n_unmet).collect();
            let nodes = find_cycle(successors, &n_unmet[..n_nodes]);
            Err(GraphError::Cycle { nodes })
        }
    }
}

/// A node that is to be placed. What is read together lies together: one node, one access to memory.
struct PendingNode {
    row_begin: u32,
    /// Predecessors that have not been placed.
    n_unmet: u32,
}

/// All nodes, and after them one that only says where the last row ends.
fn pending_nodes(successors: &Csr) -> Vec<PendingNode> {
    let offsets = successors.offsets().iter();
    let mut pending: Vec<_> = offsets.map(|&row_begin| PendingNode { row_begin, n_unmet: 0 }).collect();
    for entry in successors.entries() {
        pending[entry.index()].n_unmet += 1;
    }
    pending
}

/// A cycle among the nodes that Kahn's algorithm could not place, those with `n_unmet > 0`.
///
/// Each of these has a predecessor among them, so a walk backwards from the smallest one meets itself; where it does is a
/// node on a cycle. A breadth-first search from there gives the shortest cycle through it.
#[cold]
fn find_cycle(successors: &Csr, n_unmet: &[u32]) -> Vec<NodeId> {
    let predecessors = successors.transposed();
    let is_left = |node: NodeId| n_unmet[node.index()] > 0;
    let first_left = n_unmet.iter().position(|&n| n > 0);
    let mut on_cycle = NodeId::from_index(first_left.expect("a node is left when the order is not complete"));
    let mut was_met = vec![false; successors.n_rows()];
    while !was_met[on_cycle.index()] {
        was_met[on_cycle.index()] = true;
        let back = predecessors.row(on_cycle).iter().find(|&&node| is_left(node));
        on_cycle = *back.expect("a node that is left has a predecessor that is left");
    }

    let mut reached_from = vec![None; successors.n_rows()];
    let mut reached = vec![on_cycle];
    let mut n_expanded = 0;
    while reached_from[on_cycle.index()].is_none() {
        let node = reached[n_expanded];
        n_expanded += 1;
        for &next in successors.row(node) {
            let from = &mut reached_from[next.index()];
            if from.is_none() {
                *from = Some(node);
                reached.push(next);
            }
        }
    }

    let back_from = |node: &NodeId| reached_from[node.index()].filter(|&from| from != on_cycle);
    let mut cycle: Vec<_> = iter::successors(Some(on_cycle), back_from).collect();
    cycle[1..].reverse();
    cycle
}

/// The inverse of `order`, which must contain every node once.
///
/// # Panics
///
/// When it does not.
pub(super) fn positions(order: &[NodeId], n_nodes: usize) -> Vec<u32> {
    const ABSENT: u32 = u32::MAX;
    let mut positions = vec![ABSENT; n_nodes];
    for (position, node) in (0..).zip(order) {
        if let Some(slot) = positions.get_mut(node.index()) {
            *slot = position;
        }
    }
    assert!(
        order.len() == n_nodes && !positions.contains(&ABSENT),
        "the order must contain each of the {n_nodes} nodes exactly once"
    );
    positions
}

#[cfg(test)]
mod tests {
    use super::super::Graph;
    use super::*;

    fn cycle_of(n_nodes: usize, edges: &[(u32, u32)]) -> Vec<u32> {
        let edges: Vec<_> = edges.iter().map(|&(before, after)| (NodeId(before), NodeId(after))).collect();
        match Graph::from_edges(n_nodes, &edges) {
            Err(GraphError::Cycle { nodes }) => nodes.into_iter().map(NodeId::get).collect(),
            other => panic!("expected a cycle, got {other:?}"),
        }
    }

    #[test]
    fn test_order_can_be_walked_from_both_ends() {
        for stored in [None, Some([2, 0, 1].map(NodeId))] {
            let order = TopologicalOrder::new(stored.as_ref().map(<[_; 3]>::as_slice), 3);
            assert_eq!(order.len(), 3);
            let mut backwards: Vec<_> = order.clone().rev().collect();
            backwards.reverse();
            assert_eq!(backwards, order.collect::<Vec<_>>());
        }
    }

    #[test]
    fn test_cycle_is_the_shortest_through_its_first_node() {
        assert_eq!(cycle_of(2, &[(0, 1), (1, 0)]), [0, 1]);
        assert_eq!(cycle_of(4, &[(0, 1), (1, 2), (2, 3), (3, 1), (3, 2)]), [1, 2, 3]);
        assert_eq!(cycle_of(4, &[(0, 1), (1, 2), (2, 3), (3, 1), (2, 1)]), [1, 2]);
    }

    #[test]
    fn test_cycle_does_not_contain_what_only_follows_it() {
        assert_eq!(cycle_of(4, &[(2, 3), (3, 2), (2, 0), (0, 1)]), [2, 3]);
    }

    #[test]
    fn test_cycle_of_a_million_nodes_is_found_without_recursion() {
        let n_nodes = 1_000_000;
        let ids: Vec<_> = (0..n_nodes).collect();
        let next: Vec<_> = (0..n_nodes).map(|id| (id + 1) % n_nodes).collect();
        let found = Graph::from_arrays(1_000_000, &ids, &next);
        assert!(matches!(found, Err(GraphError::Cycle { nodes }) if nodes.len() == 1_000_000));
    }
}
