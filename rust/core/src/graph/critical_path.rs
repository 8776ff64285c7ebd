//! Longest paths under given durations.

use super::{Graph, GraphError, NodeId};

/// What bounds the makespan however many workers there are.
///
/// Times are nanoseconds from the start of the run and indexed by node id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CriticalPath {
    /// When a node can start at the earliest.
    pub earliest_start_ns: Vec<u64>,
    /// When a node must start at the latest for the run to take `length_ns`.
    pub latest_start_ns: Vec<u64>,
    /// The nodes of a longest path, from a source to a sink; among several, the one that begins with the smallest ids.
    pub path: Vec<NodeId>,
    /// The sum of the durations on the path.
    pub length_ns: u64,
}

impl CriticalPath {
    /// By how much the start of each node can be put off without making the run longer.
    #[must_use]
    pub fn slack_ns(&self) -> Vec<u64> {
        let starts = self.latest_start_ns.iter().zip(&self.earliest_start_ns);
        starts.map(|(latest, earliest)| latest.saturating_sub(*earliest)).collect()
    }
}

/// Finds a longest path and how much every other node may slip (the critical path method, Kelley and Walker 1959).
///
/// Sums saturate at `u64::MAX`.
///
/// # Errors
///
/// [`GraphError::LengthMismatch`] when there is not one duration per node.
///
/// # Complexity
///
/// O(n + m) time, O(n) space.
///
/// # Examples
///
/// ```
/// use makespan_core::graph::{Graph, NodeId, critical_path};
///
/// let graph = Graph::from_arrays(4, &[0, 0, 1, 2], &[1, 2, 3, 3])?;
/// let critical = critical_path(&graph, &[1, 5, 2, 1])?;
/// assert_eq!(critical.length_ns, 7);
/// assert_eq!(critical.path, [0, 1, 3].map(NodeId::new));
/// assert_eq!(critical.slack_ns(), [0, 0, 3, 0]);
/// # Ok::<(), makespan_core::graph::GraphError>(())
/// ```
pub fn critical_path(graph: &Graph, durations_ns: &[u64]) -> Result<CriticalPath, GraphError> {
    // The time from a node's start to the end of the run is at least its rank, which also leads along the path.
    let mut ranks_ns = upward_rank(graph, durations_ns)?;
    let length_ns = ranks_ns.iter().copied().max().unwrap_or(0);
    let path = longest_path(graph, &ranks_ns, length_ns);

    let mut earliest_start_ns = vec![0_u64; graph.n_nodes()];
    for (node, successors) in graph.walk() {
        let finish_ns = earliest_start_ns[node.index()].saturating_add(durations_ns[node.index()]);
        for next in successors {
            let start_ns = &mut earliest_start_ns[next.index()];
            *start_ns = finish_ns.max(*start_ns);
        }
    }
    for rank_ns in &mut ranks_ns {
        *rank_ns = length_ns - *rank_ns;
    }
    Ok(CriticalPath { earliest_start_ns, latest_start_ns: ranks_ns, path, length_ns })
}

/// Returns the upward rank of every node: its own duration plus the largest rank among its successors.
///
/// This is the longest path to a sink (Topcuoglu et al. 2002), in nanoseconds and indexed by node id. Sums saturate at
/// `u64::MAX`.
///
/// # Errors
///
/// [`GraphError::LengthMismatch`] when there is not one duration per node.
///
/// # Complexity
///
/// O(n + m) time, O(n) space.
pub fn upward_rank(graph: &Graph, durations_ns: &[u64]) -> Result<Vec<u64>, GraphError> {
    if durations_ns.len() != graph.n_nodes() {
        return Err(GraphError::LengthMismatch {
            what: "durations",
            expected: graph.n_nodes(),
            actual: durations_ns.len(),
        });
    }
    let mut ranks_ns = vec![0_u64; graph.n_nodes()];
    for (node, successors) in graph.walk().rev() {
        let following = successors.iter().map(|next| ranks_ns[next.index()]);
        let longest_ns = following.max().unwrap_or(0);
        ranks_ns[node.index()] = durations_ns[node.index()].saturating_add(longest_ns);
    }
    Ok(ranks_ns)
}

/// Follows the largest rank from a source to a sink, the smallest id among equals.
fn longest_path(graph: &Graph, ranks_ns: &[u64], length_ns: u64) -> Vec<NodeId> {
    // A predecessor's rank is at least as large, so the first node of this rank in topological order is a source.
    let first = graph.topological_order().find(|node| ranks_ns[node.index()] == length_ns);
    let next_of = |node: &NodeId| {
        // `max_by_key` returns the last maximum, and successors ascend.
        let following = graph.successors(*node).iter().rev();
        following.max_by_key(|next| ranks_ns[next.index()]).copied()
    };
    std::iter::successors(first, next_of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_ties_go_to_the_smallest_id() {
        let graph = Graph::from_arrays(5, &[0, 0, 4, 4], &[1, 2, 1, 2]).unwrap();
        let critical = critical_path(&graph, &[1, 1, 1, 0, 1]).unwrap();
        assert_eq!(critical.path, [0, 1].map(NodeId::new));
        assert_eq!(critical.latest_start_ns, [0, 1, 1, 2, 0]);
    }

    #[test]
    fn test_a_path_of_zero_durations_still_begins_at_a_source() {
        let graph = Graph::from_arrays(3, &[2, 1], &[1, 0]).unwrap();
        let critical = critical_path(&graph, &[0, 0, 0]).unwrap();
        assert_eq!(critical.path, [2, 1, 0].map(NodeId::new));
        assert_eq!(critical.length_ns, 0);
    }

    #[test]
    fn test_sums_saturate() {
        let graph = Graph::from_arrays(3, &[0, 1], &[1, 2]).unwrap();
        let critical = critical_path(&graph, &[u64::MAX, 2, u64::MAX]).unwrap();
        assert_eq!(critical.length_ns, u64::MAX);
        assert_eq!(critical.earliest_start_ns, [0, u64::MAX, u64::MAX]);
        assert_eq!(critical.slack_ns(), [0, 0, 0]);
    }

    #[test]
    fn test_an_empty_graph_has_an_empty_path() {
        let graph = Graph::from_edges(0, &[]).unwrap();
        let critical = critical_path(&graph, &[]).unwrap();
        assert_eq!((critical.length_ns, critical.path.len()), (0, 0));
    }

    #[test]
    fn test_the_number_of_durations_is_checked() {
        let graph = Graph::from_edges(2, &[]).unwrap();
        assert_eq!(
            critical_path(&graph, &[1]),
            Err(GraphError::LengthMismatch { what: "durations", expected: 2, actual: 1 })
        );
    }
}
