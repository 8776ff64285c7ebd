//! What reaches what.

use super::{Graph, NodeId, order};

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

/// The graph without the edges that a longer path implies: the fewest edges that leave the order of execution the same.
///
/// For an acyclic graph it is unique (Aho, Garey and Ullman 1972).
///
/// # Complexity
///
/// For each node with several successors, the edges among its descendants that lie, in topological order, before the last
/// of these successors: O(n · m) at worst, near O(n + m) where edges are short. O(n) extra space.
#[must_use]
#[expect(clippy::missing_panics_doc, reason = "a part of the edges of an acyclic graph is acyclic")]
pub fn transitive_reduction(graph: &Graph) -> Graph {
    const NEVER: NodeId = NodeId::new(u32::MAX);
    let order: Vec<_> = graph.topological_order().collect();
    let positions = order::positions(&order, graph.n_nodes());
    let position = |node: NodeId| positions[node.index()];
    // `reached_from[i]` is the last node whose successors were found to reach node i, so that nothing is cleared.
    let mut reached_from = vec![NEVER; graph.n_nodes()];
    let mut pending = Vec::new();
    let mut candidates = Vec::new();
    let mut edges = Vec::with_capacity(graph.n_edges());
    for node in graph.nodes() {
        candidates.clear();
        candidates.extend_from_slice(graph.successors(node));
        candidates.sort_unstable_by_key(|&next| position(next));
        let position_max = candidates.last().map_or(0, |&last| position(last));
        for &next in &candidates {
            // Only an earlier candidate can reach a later one, and all it reaches is marked by then.
            if reached_from[next.index()] == node {
                continue;
            }
            edges.push((node, next));
            pending.push(next);
            while let Some(reached) = pending.pop() {
                for &further in graph.successors(reached) {
                    if position(further) <= position_max && reached_from[further.index()] != node {
                        reached_from[further.index()] = node;
                        pending.push(further);
                    }
                }
            }
        }
    }
    Graph::from_edges(graph.n_nodes(), &edges).expect("a part of the edges of an acyclic graph is acyclic")
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

    #[test]
    fn test_reduction_drops_exactly_what_is_implied() {
        let full = Graph::from_arrays(4, &[0, 0, 0, 1, 1, 2], &[1, 2, 3, 2, 3, 3]).unwrap();
        let chain = Graph::from_arrays(4, &[0, 1, 2], &[1, 2, 3]).unwrap();
        assert_eq!(transitive_reduction(&full), chain);
        assert_eq!(transitive_reduction(&chain), chain);
    }
}
