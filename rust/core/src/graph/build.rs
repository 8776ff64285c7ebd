//! Building a graph: everything that can be wrong with edges is found here, once.

use std::sync::OnceLock;

use super::csr::Csr;
use super::order::StoredOrder;
use super::{Graph, GraphError, N_NODES_MAX, NodeId};

impl Graph {
    /// Builds a graph from (before, after) pairs, in any order; an edge that is given twice counts once.
    ///
    /// # Errors
    ///
    /// [`GraphError`] for too many nodes or edges, for the first edge that has an unknown end or both ends on one node,
    /// and for a cycle.
    ///
    /// # Complexity
    ///
    /// O(n + m) when all edges ascend, else O(n log n + m) for the order, besides the sorting of each adjacency list.
    pub fn from_edges(n_nodes: usize, edges: &[(NodeId, NodeId)]) -> Result<Self, GraphError> {
        let ends = edges.iter().map(|&(before, after)| (u64::from(before.0), u64::from(after.0)));
        build(n_nodes, edges.len(), ends)
    }

    /// Builds a graph from two arrays: `sources[i]` goes before `targets[i]`.
    ///
    /// The ends are signed because that is how array libraries deliver them; otherwise as [`Graph::from_edges`].
    ///
    /// # Errors
    ///
    /// As [`Graph::from_edges`], and [`GraphError::LengthMismatch`] when the arrays differ in length.
    ///
    /// # Examples
    ///
    /// ```
    /// use makespan_core::graph::{Graph, GraphError, NodeId};
    ///
    /// let chain = Graph::from_arrays(3, &[0, 1], &[1, 2])?;
    /// assert_eq!(chain.n_edges(), 2);
    ///
    /// let cycle = Graph::from_arrays(3, &[0, 1, 2], &[1, 2, 1]);
    /// assert_eq!(cycle, Err(GraphError::Cycle { nodes: vec![NodeId::new(1), NodeId::new(2)] }));
    /// # Ok::<(), GraphError>(())
    /// ```
    pub fn from_arrays(n_nodes: usize, sources: &[i64], targets: &[i64]) -> Result<Self, GraphError> {
        if sources.len() != targets.len() {
            return Err(GraphError::LengthMismatch {
                what: "targets",
                expected: sources.len(),
                actual: targets.len(),
            });
        }
        // A negative end becomes a huge one, and is refused as such.
        let ends = sources
            .iter()
            .zip(targets)
            .map(|(source, target)| (source.cast_unsigned(), target.cast_unsigned()));
        build(n_nodes, sources.len(), ends)
    }

    /// Builds a graph from compressed rows: `targets[offsets[i]..offsets[i + 1]]` wait for node `i`.
    ///
    /// The numbers are signed because that is how array libraries deliver them. A row may be in any order and name a node
    /// more than once. `edge_idx` of an error is an index into `targets`.
    ///
    /// # Errors
    ///
    /// As [`Graph::from_predecessors`].
    ///
    /// # Examples
    ///
    /// ```
    /// use makespan_core::graph::Graph;
    ///
    /// let chain = Graph::from_csr(&[0, 1, 2, 2], &[1, 2])?;
    /// assert_eq!(chain, Graph::from_arrays(3, &[0, 1], &[1, 2])?);
    /// # Ok::<(), makespan_core::graph::GraphError>(())
    /// ```
    pub fn from_csr(offsets: &[i64], targets: &[i64]) -> Result<Self, GraphError> {
        check_offsets(offsets, "targets", targets.len())?;
        let ends = offsets.windows(2).zip(0_u64..).flat_map(|(pair, source)| {
            let row = &targets[pair[0].cast_unsigned() as usize..pair[1].cast_unsigned() as usize];
            row.iter().map(move |target| (source, target.cast_unsigned()))
        });
        build(offsets.len() - 1, targets.len(), ends)
    }

    /// Builds a graph from predecessor lists: node `i` waits for `preds[offsets[i]..offsets[i + 1]]`.
    ///
    /// A list may be in any order and name a node more than once. `edge_idx` of an error is an index into `preds`.
    ///
    /// # Errors
    ///
    /// As [`Graph::from_edges`]; [`GraphError::LengthMismatch`] when `offsets` is empty or does not end with the length of
    /// `preds`, and [`GraphError::OffsetsNotAscending`] when an offset is smaller than the one before or the first is not 0.
    pub fn from_predecessors(offsets: &[u32], preds: &[NodeId]) -> Result<Self, GraphError> {
        check_offsets(offsets, "predecessors", preds.len())?;
        let ends = offsets.windows(2).enumerate().flat_map(|(after, pair)| {
            preds[pair[0] as usize..pair[1] as usize]
                .iter()
                .map(move |before| (u64::from(before.0), after as u64))
        });
        build(offsets.len() - 1, preds.len(), ends)
    }
}

/// Checks that offsets ascend from 0 to the number of entries, which are called `what`.
fn check_offsets<T: Copy + Ord + Into<i64>>(
    offsets: &[T],
    what: &'static str,
    n_entries: usize,
) -> Result<(), GraphError> {
    let Some(&last) = offsets.last() else {
        return Err(GraphError::LengthMismatch { what: "offsets", expected: 1, actual: 0 });
    };
    let not_ascending = |offset_idx: usize| {
        Err(GraphError::OffsetsNotAscending { offset_idx, offset: offsets[offset_idx].into() })
    };
    if offsets[0].into() != 0 {
        return not_ascending(0);
    }
    if let Some(idx) = offsets.windows(2).position(|pair| pair[1] < pair[0]) {
        return not_ascending(idx + 1);
    }
    // It is not below the first, which is 0.
    let expected = last.into().cast_unsigned() as usize;
    if expected == n_entries {
        Ok(())
    } else {
        Err(GraphError::LengthMismatch { what, expected, actual: n_entries })
    }
}

/// Builds a graph from edges that can be visited more than once; ends are checked here.
fn build(
    n_nodes: usize,
    n_edges: usize,
    edges: impl Iterator<Item = (u64, u64)> + Clone,
) -> Result<Graph, GraphError> {
    if n_nodes > N_NODES_MAX {
        return Err(GraphError::TooManyNodes { n_nodes });
    }
    if n_edges >= u32::MAX as usize {
        return Err(GraphError::TooManyEdges { n_edges });
    }
    let n = n_nodes as u64;
    let mut n_successors = vec![0_u32; n_nodes];
    let mut is_ascending = true;
    let mut is_valid = true;
    edges.clone().for_each(|(source, target)| {
        is_ascending &= source < target;
        is_valid &= source < n && target < n && source != target;
        if source < n {
            n_successors[source as usize] += 1;
        }
    });
    if !is_valid {
        return Err(first_invalid(n_nodes, edges));
    }
    let successors = Csr::from_counted(
        n_successors,
        edges.map(|(source, target)| (source as usize, NodeId(target as u32))),
    );
    let order = if is_ascending { None } else { Some(StoredOrder::lexicographic(&successors)?) };
    Ok(Graph { successors, predecessors: OnceLock::new(), order })
}

/// The error of the first edge that has one; apart from the loop that counts, which need not stop early.
#[cold]
fn first_invalid(n_nodes: usize, edges: impl Iterator<Item = (u64, u64)>) -> GraphError {
    let n = n_nodes as u64;
    for (edge_idx, (source, target)) in edges.enumerate() {
        for end in [source, target] {
            if end >= n {
                return GraphError::UnknownNode { edge_idx, node: end.cast_signed(), n_nodes };
            }
        }
        if source == target {
            return GraphError::SelfLoop { edge_idx, node: NodeId(source as u32) };
        }
    }
    unreachable!("an edge was found invalid by one loop and not by the other");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_the_constructors_agree() {
        let pairs = [(2, 0), (0, 1), (2, 1), (0, 1), (3, 1)];
        let edges = pairs.map(|(before, after)| (NodeId(before), NodeId(after)));
        let sources = pairs.map(|(before, _)| i64::from(before));
        let targets = pairs.map(|(_, after)| i64::from(after));
        let graph = Graph::from_edges(4, &edges).unwrap();
        assert_eq!(graph.n_edges(), 4);
        assert!(graph.topological_order().eq([2, 0, 3, 1].map(NodeId)));
        assert_eq!(graph.predecessors(NodeId(1)), [0, 2, 3].map(NodeId));
        assert_eq!(graph, Graph::from_arrays(4, &sources, &targets).unwrap());
        let preds = [2, 3, 0, 2, 0].map(NodeId);
        assert_eq!(graph, Graph::from_predecessors(&[0, 1, 5, 5, 5], &preds).unwrap());
        assert_eq!(graph, Graph::from_csr(&[0, 1, 1, 4, 5], &[1, 1, 0, 1, 1]).unwrap());
    }

    #[test]
    fn test_the_first_invalid_edge_is_named() {
        assert_eq!(
            Graph::from_arrays(3, &[0, 1, 7], &[1, -1, 7]),
            Err(GraphError::UnknownNode { edge_idx: 1, node: -1, n_nodes: 3 })
        );
        assert_eq!(
            Graph::from_arrays(3, &[0, 1], &[1, 1]),
            Err(GraphError::SelfLoop { edge_idx: 1, node: NodeId(1) })
        );
        assert_eq!(
            Graph::from_edges(1, &[(NodeId(0), NodeId(4))]),
            Err(GraphError::UnknownNode { edge_idx: 0, node: 4, n_nodes: 1 })
        );
    }

    #[test]
    fn test_lengths_and_offsets_are_checked() {
        assert_eq!(
            Graph::from_arrays(3, &[0], &[1, 2]),
            Err(GraphError::LengthMismatch { what: "targets", expected: 1, actual: 2 })
        );
        assert!(matches!(
            Graph::from_predecessors(&[], &[]),
            Err(GraphError::LengthMismatch { what: "offsets", .. })
        ));
        assert_eq!(
            Graph::from_predecessors(&[0, 1, 0], &[]),
            Err(GraphError::OffsetsNotAscending { offset_idx: 2, offset: 0 })
        );
        assert_eq!(
            Graph::from_predecessors(&[1, 1], &[NodeId(0)]),
            Err(GraphError::OffsetsNotAscending { offset_idx: 0, offset: 1 })
        );
        assert!(matches!(
            Graph::from_predecessors(&[0, 0], &[NodeId(0)]),
            Err(GraphError::LengthMismatch { what: "predecessors", .. })
        ));
        assert_eq!(
            Graph::from_csr(&[0, -1], &[]),
            Err(GraphError::OffsetsNotAscending { offset_idx: 1, offset: -1 })
        );
        assert_eq!(
            Graph::from_csr(&[0, i64::MAX], &[]),
            Err(GraphError::LengthMismatch { what: "targets", expected: i64::MAX as usize, actual: 0 })
        );
        assert_eq!(
            Graph::from_edges(N_NODES_MAX + 1, &[]),
            Err(GraphError::TooManyNodes { n_nodes: N_NODES_MAX + 1 })
        );
    }
}
