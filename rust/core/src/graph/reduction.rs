//! The transitive reduction of a graph.

use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use super::csr::Csr;
use super::order::StoredOrder;
use super::{Graph, NodeId, order};

/// The graph without the edges that a longer path implies: the fewest edges that leave the order of execution the same.
///
/// For an acyclic graph it is unique (Aho, Garey and Ullman 1972). [`TransitiveReduction`] finds it in slices.
///
/// # Complexity
///
/// O(n + m) time and space where no edge skips a level. Otherwise each edge that is kept costs one operation per 64 nodes
/// that lie, in topological order, between its target and the farthest node that an edge past it leads to, in blocks of
/// 2,048: O(n · m / 64) at worst. At most 256 bytes per node of extra space, however many nodes there are.
#[must_use]
pub fn transitive_reduction(graph: &Graph) -> Graph {
    let mut reduction = TransitiveReduction::new(graph);
    while reduction.advance() {}
    reduction.finish()
}

/// A [`transitive_reduction`] under way, in slices of some milliseconds: whoever waits for it may stop between two.
///
/// # Examples
///
/// ```
/// use makespan_core::graph::{Graph, TransitiveReduction};
///
/// let graph = Graph::from_arrays(3, &[0, 1, 0], &[1, 2, 2])?;
/// let mut reduction = TransitiveReduction::new(&graph);
/// while reduction.advance() {}
/// assert_eq!(reduction.finish(), Graph::from_arrays(3, &[0, 1], &[1, 2])?);
/// # Ok::<(), makespan_core::graph::GraphError>(())
/// ```
#[derive(Debug)]
pub struct TransitiveReduction<'a> {
    graph: &'a Graph,
    search: Search<'a, N_WORDS>,
}

impl<'a> TransitiveReduction<'a> {
    /// Looks at every edge once.
    #[must_use]
    pub fn new(graph: &'a Graph) -> Self {
        Self { graph, search: Search::new(graph) }
    }

    /// Works for a while; false when there is nothing left to do.
    pub fn advance(&mut self) -> bool {
        self.search.advance(N_STEPS_PER_SLICE)
    }

    /// The reduced graph; what has not been looked at is kept.
    #[must_use]
    pub fn finish(self) -> Graph {
        let (graph, is_implied) = (self.graph, self.search.is_implied);
        if !is_implied.contains(&true) {
            return graph.clone();
        }
        let Some(order) = &graph.order else {
            let successors = graph.successors.without(&is_implied);
            return Graph { successors, predecessors: OnceLock::new(), order: None };
        };
        let rows = order.rows.without(&is_implied);
        let mut successors = Csr::with_capacity(rows.n_rows(), rows.n_entries());
        for position in order::positions(&order.nodes, graph.n_nodes()) {
            successors.push(rows.row(NodeId(position)));
        }
        // As before every node waits for the same others, directly or not: the order is the same too.
        let order = Some(StoredOrder { nodes: order.nodes.clone(), rows });
        Graph { successors, predecessors: OnceLock::new(), order }
    }
}

/// How many words of bits a node has in a block of columns: a block is enough for 2,048 nodes.
const N_WORDS: usize = 32;

/// Nodes and edges that are looked at in a slice; each costs some 10 to 40 ns.
const N_STEPS_PER_SLICE: usize = 1 << 20;

/// Finds the edges that are implied.
///
/// Goes through the columns of the matrix "row reaches column" in blocks, and through the rows of a block from the last
/// node to the first. A row is the union of its successors' rows, and a successor that is in it is implied. Only the part
/// of the matrix is computed that can tell anything: see [`horizons`]. Rows and columns are positions in the order.
struct Search<'a, const N_WORDS: usize> {
    /// The successors of every node, in topological order.
    successors: &'a Csr,
    /// The position of each entry of `successors`.
    targets: Vec<u32>,
    horizons: Vec<u32>,
    /// By block, the first row that it has.
    first_rows: Vec<usize>,
    block: usize,
    /// The rows of the block that are done, the last node's first.
    rows: Vec<[u64; N_WORDS]>,
    /// Of each entry of `successors`, as far as blocks are done.
    is_implied: Vec<bool>,
}

impl<'a, const N_WORDS: usize> Search<'a, N_WORDS> {
    const N_COLUMNS: usize = 64 * N_WORDS;

    fn new(graph: &'a Graph) -> Self {
        let successors = graph.order.as_ref().map_or(&graph.successors, |order| &order.rows);
        let targets = positions_of_entries(graph, successors);
        let horizons = horizons(graph, successors, &targets);
        let first_rows = first_rows(&horizons, Self::N_COLUMNS);
        let is_implied = vec![false; targets.len()];
        Self { successors, targets, horizons, first_rows, block: 0, rows: Vec::new(), is_implied }
    }

    /// Looks at about so many nodes and edges; false when there are none left.
    fn advance(&mut self, n_steps: usize) -> bool {
        let mut n_left = n_steps;
        while let Some(&first) = self.first_rows.get(self.block) {
            let begin = self.block * Self::N_COLUMNS;
            let columns = begin..self.horizons.len().min(begin + Self::N_COLUMNS);
            for node in (first..columns.end - self.rows.len()).rev() {
                if n_left == 0 {
                    return true;
                }
                self.add_row(node, &columns);
                n_left = n_left.saturating_sub(1 + self.successors.range(node).len());
            }
            self.rows.clear();
            self.block += 1;
        }
        false
    }

    /// Makes the next row of a block of columns, and finds out which successors of its node there are implied.
    #[inline]
    fn add_row(&mut self, node: usize, columns: &Range<usize>) {
        let Self { successors, targets, horizons, rows, is_implied, .. } = self;
        rows.push([0; N_WORDS]);
        let horizon = horizons[node] as usize;
        let Some((row, done)) = rows.split_last_mut().filter(|_| horizon > node && horizon >= columns.start)
        else {
            return;
        };
        let bit = |target: usize| ((target - columns.start) / 64, 1 << (target % 64));
        for entry in successors.range(node) {
            let target = targets[entry] as usize;
            if target >= columns.end || target >= horizon {
                continue;
            }
            let is_known = if target < columns.start {
                is_implied[entry]
            } else {
                let (word, bit) = bit(target);
                row[word] & bit != 0
            };
            // What an implied successor reaches, the one that reaches it reaches too.
            if !is_known {
                for (reached, further) in row.iter_mut().zip(&done[columns.end - 1 - target]) {
                    *reached |= further;
                }
            }
        }
        // Only now, since a row that holds its successors could not tell which of them are implied.
        for entry in successors.range(node) {
            let target = targets[entry] as usize;
            if columns.contains(&target) {
                let (word, bit) = bit(target);
                is_implied[entry] = row[word] & bit != 0;
                row[word] |= bit;
            }
        }
    }
}

impl<const N_WORDS: usize> fmt::Debug for Search<'_, N_WORDS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Search")
            .field("block", &self.block)
            .field("n_blocks", &self.first_rows.len())
            .field("n_rows", &self.rows.len())
            .finish_non_exhaustive()
    }
}

/// The positions, in topological order, of the entries of rows.
fn positions_of_entries(graph: &Graph, rows: &Csr) -> Vec<u32> {
    let entries = rows.entries().iter();
    match &graph.order {
        None => entries.map(|node| node.0).collect(),
        Some(order) => {
            let positions = order::positions(&order.nodes, graph.n_nodes());
            entries.map(|node| positions[node.index()]).collect()
        }
    }
}

/// For each position, the largest one of which it matters whether the node reaches it.
///
/// A path of several edges leads at least two levels up, so only an edge that skips a level can be implied. Of nodes past
/// the last such edge of a node and of its ancestors, nobody asks whether the node reaches them.
fn horizons(graph: &Graph, rows: &Csr, targets: &[u32]) -> Vec<u32> {
    let levels = graph.levels();
    let mut horizons = vec![0; graph.n_nodes()];
    for (position, node) in graph.topological_order().enumerate() {
        let level = levels[node.index()];
        let mut horizon = horizons[position];
        for entry in rows.range(position) {
            if levels[rows.entries()[entry].index()] > level + 1 {
                horizon = horizon.max(targets[entry]);
            }
        }
        horizons[position] = horizon;
        for entry in rows.range(position) {
            let of_target = &mut horizons[targets[entry] as usize];
            *of_target = horizon.max(*of_target);
        }
    }
    horizons
}

/// For each block of columns, the first node whose horizon is in it or past it; the number of nodes where there is none.
fn first_rows(horizons: &[u32], n_columns: usize) -> Vec<usize> {
    let mut first = vec![horizons.len(); horizons.len().div_ceil(n_columns)];
    for (node, &horizon) in horizons.iter().enumerate().rev() {
        if horizon as usize > node {
            first[horizon as usize / n_columns] = node;
        }
    }
    let mut after = horizons.len();
    for node in first.iter_mut().rev() {
        after = after.min(*node);
        *node = after;
    }
    first
}

#[cfg(test)]
mod tests {
    use super::super::descendants;
    use super::*;

    fn implied_entries<const N_WORDS: usize>(graph: &Graph, n_steps: usize) -> Vec<bool> {
        let mut search = Search::<N_WORDS>::new(graph);
        while search.advance(n_steps) {}
        search.is_implied
    }

    #[test]
    fn test_reduction_drops_exactly_what_is_implied() {
        let full = Graph::from_arrays(4, &[0, 0, 0, 1, 1, 2], &[1, 2, 3, 2, 3, 3]).unwrap();
        let chain = Graph::from_arrays(4, &[0, 1, 2], &[1, 2, 3]).unwrap();
        assert_eq!(transitive_reduction(&full), chain);
        assert_eq!(transitive_reduction(&chain), chain);
    }

    /// Aho, Garey and Ullman's definition: no other successor reaches the target.
    fn needed_by_definition(graph: &Graph) -> Vec<(NodeId, NodeId)> {
        let below: Vec<_> = graph.nodes().map(|node| descendants(graph, node)).collect();
        let is_needed = |&(before, after): &(NodeId, NodeId)| {
            let mut others = graph.successors(before).iter();
            !others.any(|other| below[other.index()].binary_search(&after).is_ok())
        };
        graph.edges().filter(is_needed).collect()
    }

    #[test]
    fn test_reduction_depends_neither_on_blocks_nor_on_slices() {
        // A linear congruence draws graphs that span several blocks of one word, with short edges and with long ones.
        let mut state = 1_u32;
        let mut below = |bound: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % bound
        };
        for reach in [2, 7, 60, 300] {
            let n_nodes = 300;
            let edges: Vec<_> = (0..900)
                .map(|_| {
                    let before = below(n_nodes - 1);
                    let after = before + 1 + below(reach.min(n_nodes - 1 - before));
                    (NodeId(before), NodeId(after))
                })
                .collect();
            let graph = Graph::from_edges(n_nodes as usize, &edges).unwrap();
            let needed = needed_by_definition(&graph);
            let expected: Vec<_> = graph.edges().map(|edge| needed.binary_search(&edge).is_err()).collect();
            assert!(expected.contains(&true));
            for n_steps in [1, 100, usize::MAX] {
                assert_eq!(implied_entries::<1>(&graph, n_steps), expected);
                assert_eq!(implied_entries::<2>(&graph, n_steps), expected);
                assert_eq!(implied_entries::<N_WORDS>(&graph, n_steps), expected);
            }
        }
    }

    #[test]
    fn test_reduction_keeps_the_names_of_nodes() {
        let graph = Graph::from_arrays(4, &[3, 3, 3, 1, 0], &[1, 0, 2, 0, 2]).unwrap();
        assert_eq!(transitive_reduction(&graph), Graph::from_arrays(4, &[3, 1, 0], &[1, 0, 2]).unwrap());
    }
}
