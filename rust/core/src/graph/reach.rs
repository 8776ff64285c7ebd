//! What reaches what.

use std::sync::OnceLock;

use super::csr::Csr;
use super::order::StoredOrder;
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
/// O(n + m) time and space where no edge skips a level. Otherwise, for each edge that is kept, one operation per 64 nodes
/// that lie, in topological order, between its target and the farthest node that an edge past it leads to: O(n · m / 64)
/// at worst. At most 256 bytes per node of extra space, however many nodes there are.
#[must_use]
pub fn transitive_reduction(graph: &Graph) -> Graph {
    let is_implied = implied_entries::<N_WORDS>(graph);
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

/// How many words of bits a node has in a block of columns: a block is enough for 2,048 nodes.
const N_WORDS: usize = 32;

/// Which entries of the rows of successors, in topological order, a longer path implies.
///
/// Goes through the columns of the matrix "row reaches column" in blocks, and through the rows of a block from the last
/// node to the first. A row is the union of its successors' rows, and a successor that is in it is implied. Only the part
/// of the matrix is computed that can tell anything: see [`horizons`]. Rows and columns are positions in the order.
fn implied_entries<const N_WORDS: usize>(graph: &Graph) -> Vec<bool> {
    let n_nodes = graph.n_nodes();
    let n_columns = 64 * N_WORDS;
    let successors = graph.order.as_ref().map_or(&graph.successors, |order| &order.rows);
    let targets = positions_of_entries(graph, successors);
    let horizons = horizons(graph, successors, &targets);
    let mut is_implied = vec![false; targets.len()];
    let mut rows: Vec<[u64; N_WORDS]> = Vec::new();
    for (block, &first) in first_rows(&horizons, n_columns).iter().enumerate() {
        let columns = block * n_columns..n_nodes.min((block + 1) * n_columns);
        let bit = |target: usize| ((target - columns.start) / 64, 1 << (target % 64));
        // The last node's row comes first.
        rows.clear();
        for node in (first..columns.end).rev() {
            let mut row = [0; N_WORDS];
            let horizon = horizons[node] as usize;
            if horizon > node && horizon >= columns.start {
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
                        for (reached, further) in row.iter_mut().zip(&rows[columns.end - 1 - target]) {
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
            rows.push(row);
        }
    }
    is_implied
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
    fn test_reduction_does_not_depend_on_the_width_of_blocks() {
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
            assert_eq!(implied_entries::<1>(&graph), expected);
            assert_eq!(implied_entries::<2>(&graph), expected);
            assert_eq!(implied_entries::<N_WORDS>(&graph), expected);
        }
    }

    #[test]
    fn test_reduction_keeps_the_names_of_nodes() {
        let graph = Graph::from_arrays(4, &[3, 3, 3, 1, 0], &[1, 0, 2, 0, 2]).unwrap();
        assert_eq!(transitive_reduction(&graph), Graph::from_arrays(4, &[3, 1, 0], &[1, 0, 2]).unwrap());
    }
}
