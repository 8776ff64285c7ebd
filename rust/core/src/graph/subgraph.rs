//! Some of the nodes of a graph.

use super::{Graph, GraphError, NodeId};

/// Returns the graph of some nodes and the edges between them; node `nodes[i]` is called `i` in it.
///
/// The numbers are signed because that is how array libraries deliver them.
///
/// # Errors
///
/// [`GraphError::NotANode`] and [`GraphError::RepeatedNode`] for the first entry that is none or was named before.
///
/// # Complexity
///
/// O(n) and the edges from the nodes that are named, besides the construction of the result.
///
/// # Examples
///
/// ```
/// use makespan_core::graph::{Graph, subgraph};
///
/// let chain = Graph::from_arrays(4, &[0, 1, 2], &[1, 2, 3])?;
/// assert_eq!(subgraph(&chain, &[3, 2, 0])?, Graph::from_arrays(3, &[1], &[0])?);
/// # Ok::<(), makespan_core::graph::GraphError>(())
/// ```
#[expect(clippy::missing_panics_doc, reason = "a part of the edges of an acyclic graph is acyclic")]
pub fn subgraph(graph: &Graph, nodes: &[i64]) -> Result<Graph, GraphError> {
    let n_nodes = graph.n_nodes();
    let mut new_ids = vec![None; n_nodes];
    let mut named = Vec::with_capacity(nodes.len());
    for (node_idx, &node) in nodes.iter().enumerate() {
        let idx = usize::try_from(node).ok().filter(|&idx| idx < n_nodes);
        let old = NodeId::from_index(idx.ok_or(GraphError::NotANode { node_idx, node, n_nodes })?);
        if new_ids[old.index()].replace(NodeId::from_index(node_idx)).is_some() {
            return Err(GraphError::RepeatedNode { node_idx, node: old });
        }
        named.push(old);
    }
    let edges: Vec<_> = named
        .iter()
        .zip(0_u32..)
        .flat_map(|(&old, new)| {
            let kept = graph.successors(old).iter().filter_map(|next| new_ids[next.index()]);
            kept.map(move |next| (NodeId(new), next))
        })
        .collect();
    Ok(Graph::from_edges(named.len(), &edges).expect("a part of the edges of an acyclic graph is acyclic"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_what_is_no_list_of_nodes_is_refused() {
        let graph = Graph::from_arrays(3, &[0], &[1]).unwrap();
        let not_a_node = |node_idx, node| Err(GraphError::NotANode { node_idx, node, n_nodes: 3 });
        assert_eq!(subgraph(&graph, &[0, 3]), not_a_node(1, 3));
        assert_eq!(subgraph(&graph, &[-1]), not_a_node(0, -1));
        assert_eq!(
            subgraph(&graph, &[1, 2, 1]),
            Err(GraphError::RepeatedNode { node_idx: 2, node: NodeId(1) })
        );
        assert_eq!(subgraph(&graph, &[]), Graph::from_edges(0, &[]));
    }
}
