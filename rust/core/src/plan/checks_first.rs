//! Checks that may fail go before what would be in vain if they did.

use crate::graph::{Graph, NodeId};

/// Moves checks, and whatever they need, to the front of an order; apart from that the order stays as it is.
///
/// *Law.* What is moved is closed under predecessors, so a topological order stays one: the results and the order of
/// conflicting effects are those of any other order. Of the nodes before the last check, each is a check or needed by one;
/// applied again, nothing moves.
///
/// # Panics
///
/// When `order` does not name every node of the graph once.
///
/// # Complexity
///
/// O(n + m).
///
/// # Examples
///
/// ```
/// use makespan_core::graph::{Graph, NodeId};
/// use makespan_core::plan::checks_first;
///
/// // 2 is a check of what 1 reads; 0 is long, and in vain if the check fails.
/// let graph = Graph::from_arrays(3, &[1], &[2])?;
/// let order = checks_first(&graph, [0, 1, 2].map(NodeId::new).to_vec(), |node| node.get() == 2);
/// assert_eq!(order, [1, 2, 0].map(NodeId::new));
/// # Ok::<(), makespan_core::graph::GraphError>(())
/// ```
#[must_use]
pub fn checks_first(graph: &Graph, order: Vec<NodeId>, is_check: impl Fn(NodeId) -> bool) -> Vec<NodeId> {
    assert_eq!(order.len(), graph.n_nodes(), "an order names every node once");
    let mut goes_first = vec![false; graph.n_nodes()];
    for &node in order.iter().rev() {
        let is_needed = |after: &NodeId| goes_first[after.index()];
        goes_first[node.index()] = is_check(node) || graph.successors(node).iter().any(is_needed);
    }
    let (mut first, rest): (Vec<_>, Vec<_>) = order.into_iter().partition(|node| goes_first[node.index()]);
    first.extend(rest);
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(edges: &[(u32, u32)], order: &[u32], checks: &[u32]) -> Vec<u32> {
        let edges: Vec<_> =
            edges.iter().map(|&(before, after)| (NodeId::new(before), NodeId::new(after))).collect();
        let graph = Graph::from_edges(order.len(), &edges).unwrap();
        let order = order.iter().copied().map(NodeId::new).collect();
        let found = checks_first(&graph, order, |node| checks.contains(&node.get()));
        found.into_iter().map(NodeId::get).collect()
    }

    #[test]
    fn test_checks_go_first_with_what_they_need() {
        assert_eq!(ordered(&[(0, 1), (2, 3), (3, 4)], &[0, 1, 2, 3, 4], &[4]), [2, 3, 4, 0, 1]);
        assert_eq!(ordered(&[], &[3, 2, 1, 0], &[0, 2]), [2, 0, 3, 1]);
        // What comes after a check stays behind.
        assert_eq!(ordered(&[(2, 1)], &[0, 2, 1], &[2]), [2, 0, 1]);
    }

    #[test]
    fn test_nothing_moves_without_a_reason_or_twice() {
        let edges = [(0, 1), (2, 3), (3, 4)];
        assert_eq!(ordered(&edges, &[0, 1, 2, 3, 4], &[]), [0, 1, 2, 3, 4]);
        assert_eq!(ordered(&edges, &[2, 3, 4, 0, 1], &[4]), [2, 3, 4, 0, 1]);
        assert_eq!(ordered(&[], &[], &[]), []);
    }
}
