//! The immutable dependency graph.
//!
//! A [`Graph`] is acyclic from birth: whoever holds one need not handle cycles. Nodes are dense ids, an edge means "must
//! finish before", parallel edges count once, and the adjacency of every node is ascending, so that each walk over a graph
//! is deterministic.
//!
//! - [`Graph`] and its construction from edges, arrays and predecessor lists
//! - [`critical_path()`] and [`upward_rank`]: longest paths under given durations
//! - [`ancestors`] and [`descendants`]: what reaches what
//! - [`transitive_reduction`]: the edges that are needed; [`TransitiveReduction`] where one may want to stop
//! - [`subgraph()`]: some of the nodes, and the edges between them

mod build;
pub mod critical_path;
mod csr;
mod error;
mod order;
pub mod reach;
pub mod reduction;
pub mod subgraph;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::OnceLock;

use self::csr::Csr;
use self::order::StoredOrder;

pub use self::critical_path::{CriticalPath, critical_path, upward_rank};
pub use self::error::GraphError;
pub use self::order::TopologicalOrder;
pub use self::reach::{ancestors, descendants};
pub use self::reduction::{TransitiveReduction, transitive_reduction};
pub use self::subgraph::subgraph;

/// The largest number of nodes of a graph.
///
/// Leaves two spare bits in a `u32` id, and is far above what fits in memory as Python calls.
pub const N_NODES_MAX: usize = 1 << 30;

/// The place of a node in its graph, counted from zero.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
#[repr(transparent)]
pub struct NodeId(u32);

impl NodeId {
    /// The node with this number.
    #[must_use]
    pub const fn new(id: u32) -> Self {
        Self(id)
    }

    /// The node at this index of an array over all nodes.
    ///
    /// # Panics
    ///
    /// In debug builds, when `idx` is not below [`N_NODES_MAX`]: no graph has such a node.
    #[must_use]
    pub const fn from_index(idx: usize) -> Self {
        debug_assert!(idx < N_NODES_MAX);
        Self(idx as u32)
    }

    /// The index of this node in an array over all nodes.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The number of this node.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An immutable directed acyclic graph: edges point from what goes before to what goes after.
///
/// Stored as compressed rows (an array of offsets and one of neighbors), four bytes per node and per edge. Predecessors
/// are derived from successors when they are first asked for, since most walks only look forward.
///
/// # Examples
///
/// ```
/// use makespan_core::graph::{Graph, NodeId};
///
/// let [load, left, right, join] = [0, 1, 2, 3].map(NodeId::new);
/// let graph = Graph::from_edges(4, &[(load, left), (load, right), (left, join), (right, join)])?;
///
/// assert_eq!(graph.successors(load), [left, right]);
/// assert_eq!(graph.predecessors(join), [left, right]);
/// assert_eq!(graph.levels(), [0, 1, 1, 2]);
/// assert!(graph.topological_order().eq([load, left, right, join]));
/// # Ok::<(), makespan_core::graph::GraphError>(())
/// ```
#[derive(Clone)]
pub struct Graph {
    successors: Csr,
    predecessors: OnceLock<Csr>,
    /// `None` when every edge ascends, so that the order is the identity.
    order: Option<StoredOrder>,
}

impl Graph {
    /// The number of nodes.
    #[must_use]
    pub fn n_nodes(&self) -> usize {
        self.successors.n_rows()
    }

    /// The number of different edges.
    #[must_use]
    pub fn n_edges(&self) -> usize {
        self.successors.n_entries()
    }

    /// The nodes that wait for `node`, ascending.
    ///
    /// # Panics
    ///
    /// When the graph has no such node.
    #[must_use]
    pub fn successors(&self, node: NodeId) -> &[NodeId] {
        self.successors.row(node)
    }

    /// The nodes that `node` waits for, ascending.
    ///
    /// # Panics
    ///
    /// When the graph has no such node.
    ///
    /// # Complexity
    ///
    /// The first call on a graph costs O(n + m), each later one O(1).
    #[must_use]
    pub fn predecessors(&self, node: NodeId) -> &[NodeId] {
        self.predecessors.get_or_init(|| self.successors.transposed()).row(node)
    }

    /// All nodes, ascending by id.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator + use<> {
        (0..self.n_nodes() as u32).map(NodeId)
    }

    /// The compressed rows of successors: row `i` is `targets[offsets[i]..offsets[i + 1]]`, where `offsets` come first.
    #[must_use]
    pub fn rows(&self) -> (&[u32], &[NodeId]) {
        (self.successors.offsets(), self.successors.entries())
    }

    /// All edges as (before, after), ascending.
    pub fn edges(&self) -> impl Iterator<Item = (NodeId, NodeId)> + '_ {
        self.nodes().flat_map(|node| self.successors(node).iter().map(move |&next| (node, next)))
    }

    /// The nodes without predecessors, ascending.
    ///
    /// # Complexity
    ///
    /// O(n + m) for the first item.
    pub fn sources(&self) -> impl Iterator<Item = NodeId> + use<> {
        let n_predecessors = self.successors.n_entries_by_target();
        self.nodes().filter(move |node| n_predecessors[node.index()] == 0)
    }

    /// The nodes without successors, ascending.
    pub fn sinks(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.nodes().filter(|&node| self.successors(node).is_empty())
    }

    /// The number of predecessors of every node, indexed by id.
    ///
    /// # Complexity
    ///
    /// O(n + m); does not build the predecessor lists.
    #[must_use]
    pub fn n_predecessors(&self) -> Vec<u32> {
        self.successors.n_entries_by_target()
    }

    /// The lexicographically smallest topological order: among the nodes that are ready, the smallest id goes first.
    ///
    /// Found when the graph was built, so that asking costs nothing.
    #[must_use]
    pub fn topological_order(&self) -> TopologicalOrder<'_> {
        let stored = self.order.as_ref().map(|order| &*order.nodes);
        TopologicalOrder::new(stored, self.n_nodes() as u32)
    }

    /// Every node with its successors, in topological order.
    pub(crate) fn walk(&self) -> impl DoubleEndedIterator<Item = (NodeId, &[NodeId])> {
        let rows = self.order.as_ref().map_or(&self.successors, |order| &order.rows);
        self.topological_order().zip(rows.rows())
    }

    /// Whether every edge leads from a smaller to a larger id, so that ascending ids are a topological order.
    #[must_use]
    pub fn is_id_ordered(&self) -> bool {
        self.order.is_none()
    }

    /// The level of every node, indexed by id: the number of edges of the longest path to it from a source.
    ///
    /// # Complexity
    ///
    /// O(n + m).
    #[must_use]
    pub fn levels(&self) -> Vec<u32> {
        let mut levels = vec![0; self.n_nodes()];
        for (node, successors) in self.walk() {
            let next_level = levels[node.index()] + 1;
            for next in successors {
                let level = &mut levels[next.index()];
                *level = next_level.max(*level);
            }
        }
        levels
    }

    /// The number of nodes on the fullest level: how much can run at once when all nodes take equally long.
    ///
    /// # Complexity
    ///
    /// O(n + m).
    #[must_use]
    pub fn width(&self) -> usize {
        let mut n_by_level = Vec::new();
        for level in self.levels() {
            let level = level as usize;
            if level >= n_by_level.len() {
                n_by_level.resize(level + 1, 0);
            }
            n_by_level[level] += 1;
        }
        n_by_level.into_iter().max().unwrap_or(0)
    }

    /// The same graph with node `order[i]` called `i`; the result is ordered by id.
    ///
    /// # Panics
    ///
    /// When `order` does not contain every node exactly once, or puts a node before one of its predecessors.
    ///
    /// # Complexity
    ///
    /// O(n + m) besides the sorting of each adjacency list.
    #[must_use]
    pub fn renumbered(&self, order: &[NodeId]) -> Self {
        let positions = order::positions(order, self.n_nodes());
        Self {
            successors: self.successors.renumbered(order, &positions),
            predecessors: OnceLock::new(),
            order: None,
        }
    }
}

impl PartialEq for Graph {
    fn eq(&self, other: &Self) -> bool {
        self.successors == other.successors
    }
}

impl Eq for Graph {}

impl Hash for Graph {
    /// O(n + m), as comparing is.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.successors.hash(state);
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph")
            .field("n_nodes", &self.n_nodes())
            .field("n_edges", &self.n_edges())
            .field("is_id_ordered", &self.is_id_ordered())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(n_nodes: usize, edges: &[(u32, u32)]) -> Graph {
        let edges: Vec<_> = edges.iter().map(|&(before, after)| (NodeId(before), NodeId(after))).collect();
        Graph::from_edges(n_nodes, &edges).unwrap()
    }

    #[test]
    fn test_graph_of_no_nodes_is_ordinary() {
        let empty = graph(0, &[]);
        assert_eq!((empty.n_nodes(), empty.n_edges(), empty.width()), (0, 0, 0));
        assert_eq!(empty.topological_order().count(), 0);
        assert!(empty.is_id_ordered());
    }

    #[test]
    fn test_sources_and_sinks_ascend() {
        let fork = graph(5, &[(3, 1), (3, 0), (4, 0)]);
        assert!(fork.sources().eq([2, 3, 4].map(NodeId)));
        assert!(fork.sinks().eq([0, 1, 2].map(NodeId)));
    }

    #[test]
    fn test_hash_follows_equality() {
        let hash = |graph: &Graph| {
            let mut state = std::hash::DefaultHasher::new();
            graph.hash(&mut state);
            state.finish()
        };
        let fork = graph(3, &[(0, 1), (0, 2)]);
        assert_eq!(hash(&fork), hash(&graph(3, &[(0, 2), (0, 1), (0, 2)])));
        assert_ne!(hash(&fork), hash(&graph(3, &[(0, 1), (1, 2)])));
        assert_ne!(hash(&fork), hash(&graph(4, &[(0, 1), (0, 2)])));
    }

    #[test]
    fn test_width_is_that_of_the_fullest_level() {
        assert_eq!(graph(6, &[(0, 1), (0, 2), (0, 3), (1, 4), (2, 5)]).width(), 3);
    }

    #[test]
    fn test_renumbered_is_id_ordered_and_isomorphic() {
        let original = graph(4, &[(3, 0), (3, 2), (2, 1), (0, 1)]);
        assert!(!original.is_id_ordered());
        let order: Vec<_> = original.topological_order().collect();
        let renumbered = original.renumbered(&order);
        assert!(renumbered.is_id_ordered());
        assert_eq!(renumbered, graph(4, &[(0, 1), (0, 2), (1, 3), (2, 3)]));
        for new in renumbered.nodes() {
            let mut names: Vec<_> = renumbered.successors(new).iter().map(|n| order[n.index()]).collect();
            names.sort_unstable();
            assert_eq!(names, original.successors(order[new.index()]));
        }
    }

    #[test]
    #[should_panic(expected = "before its predecessor")]
    fn test_renumbered_refuses_an_order_that_is_not_topological() {
        let _ = graph(2, &[(0, 1)]).renumbered(&[NodeId(1), NodeId(0)]);
    }

    #[test]
    #[should_panic(expected = "exactly once")]
    fn test_renumbered_refuses_an_order_that_is_not_a_permutation() {
        let _ = graph(2, &[(0, 1)]).renumbered(&[NodeId(0), NodeId(0)]);
    }
}
