//! What reaches what.

use super::{Graph, NodeId};

/// The nodes that must finish before `node`, directly or not, ascending and without itself.
///
/// # Panics
///
/// When the graph has no such node.
///
/// # Complexity
///
/// O(n + m) time, O(n) space.
#[must_use]
pub fn ancestors(graph: &Graph, node: NodeId) -> Vec<NodeId> {
    reached(graph.n_nodes(), node, |next| graph.predecessors(next))
}

/// The nodes that must wait for `node`, directly or not, ascending and without itself.
///
/// # Panics
///
/// When the graph has no such node.
///
/// # Complexity
///
/// O(n + m) time, O(n) space.
#[must_use]
pub fn descendants(graph: &Graph, node: NodeId) -> Vec<NodeId> {
    reached(graph.n_nodes(), node, |next| graph.successors(next))
}

fn reached<'a>(n_nodes: usize, start: NodeId, neighbors: impl Fn(NodeId) -> &'a [NodeId]) -> Vec<NodeId> {
    let mut is_reached = vec![false; n_nodes];
    let mut pending = vec![start];
    let mut found = Vec::new();
    while let Some(node) = pending.pop() {
        for &next in neighbors(node) {
            if !is_reached[next.index()] {
                is_reached[next.index()] = true;
                pending.push(next);
                found.push(next);
            }
        }
    }
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_ancestors_and_descendants_exclude_the_node() {
        let graph = Graph::from_arrays(6, &[5, 4, 4, 2], &[4, 2, 3, 1]).unwrap();
        assert_eq!(ancestors(&graph, NodeId::new(1)), [2, 4, 5].map(NodeId::new));
        assert_eq!(descendants(&graph, NodeId::new(4)), [1, 2, 3].map(NodeId::new));
        assert_eq!(descendants(&graph, NodeId::new(0)), []);
    }
}
