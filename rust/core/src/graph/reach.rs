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
#[expect(clippy::missing_panics_doc, reason = "a part of the edges of an acyclic graph is acyclic")]
pub fn transitive_reduction(graph: &Graph) -> Graph {
    let needed = if graph.is_id_ordered() {
        needed_edges::<N_WORDS>(graph)
    } else {
        let order: Vec<_> = graph.topological_order().collect();
        let mut needed = needed_edges::<N_WORDS>(&graph.renumbered(&order));
        for (before, after) in &mut needed {
            (*before, *after) = (order[before.index()], order[after.index()]);
        }
        needed
    };
    Graph::from_edges(graph.n_nodes(), &needed).expect("a part of the edges of an acyclic graph is acyclic")
}

/// How many words of bits a node has in a block of columns.
///
/// One block is enough for 2,048 nodes; of the values that were tried, none was faster on a million.
const N_WORDS: usize = 32;

/// The edges that no longer path implies, of a graph that is ordered by id.
///
/// Goes through the columns of the matrix "row reaches column" in blocks, and through the rows of a block from the last
/// node to the first. A row is the union of its successors' rows, and a successor that an earlier one reaches is implied.
/// Only the part of the matrix is computed that can tell anything: see [`horizons`].
fn needed_edges<const N_WORDS: usize>(graph: &Graph) -> Vec<(NodeId, NodeId)> {
    let n_columns = 64 * N_WORDS;
    let horizons = horizons(graph);
    let offsets = graph.successors.offsets();
    let entries = graph.successors.entries();
    let mut is_implied = vec![false; entries.len()];
    // `rows[i]` is that of node `first + i`.
    let mut rows: Vec<[u64; N_WORDS]> = Vec::new();
    for (block, &first) in first_rows(&horizons, n_columns).iter().enumerate() {
        let columns = block * n_columns..graph.n_nodes().min((block + 1) * n_columns);
        if rows.len() < columns.end.saturating_sub(first) {
            rows.resize(columns.end - first, [0; N_WORDS]);
        }
        let word = |node: usize| node.saturating_sub(columns.start) / 64;
        for node in (first..columns.end).rev() {
            let horizon = horizons[node] as usize;
            if horizon <= node || horizon < columns.start {
                continue;
            }
            let last_word = word(horizon).min(N_WORDS - 1);
            let (before, after) = rows.split_at_mut(node - first + 1);
            let row = &mut before[node - first];
            row[word(node)..=last_word].fill(0);
            for entry in offsets[node] as usize..offsets[node + 1] as usize {
                let next = entries[entry].index();
                if next >= columns.end || next > horizon {
                    break;
                }
                if next >= columns.start {
                    let bit = 1 << (next % 64);
                    is_implied[entry] = row[word(next)] & bit != 0;
                    row[word(next)] |= bit;
                }
                if next < horizon && !is_implied[entry] {
                    let further = &after[next - node - 1][word(next)..=last_word];
                    for (reached, further) in row[word(next)..=last_word].iter_mut().zip(further) {
                        *reached |= further;
                    }
                }
            }
        }
    }
    let needed = graph.edges().zip(is_implied).filter(|(_, is_implied)| !is_implied);
    needed.map(|(edge, _)| edge).collect()
}

/// For each node of a graph that is ordered by id, the largest node of which it matters whether this one reaches it.
///
/// A path of several edges leads at least two levels up, so only an edge that skips a level can be implied. Of nodes past
/// the last such edge of a node and of its ancestors, nobody asks whether the node reaches them.
fn horizons(graph: &Graph) -> Vec<u32> {
    let levels = graph.levels();
    let mut horizons = vec![0; graph.n_nodes()];
    for (node, successors) in graph.walk() {
        let skips_a_level = |next: &&NodeId| levels[next.index()] > levels[node.index()] + 1;
        let last = successors.iter().rev().find(skips_a_level).map_or(0, |next| next.0);
        let horizon = last.max(horizons[node.index()]);
        horizons[node.index()] = horizon;
        for next in successors {
            horizons[next.index()] = horizon.max(horizons[next.index()]);
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
            let expected = needed_by_definition(&graph);
            assert!(expected.len() < graph.n_edges());
            assert_eq!(needed_edges::<1>(&graph), expected);
            assert_eq!(needed_edges::<2>(&graph), expected);
            assert_eq!(needed_edges::<N_WORDS>(&graph), expected);
        }
    }

    #[test]
    fn test_reduction_keeps_the_names_of_nodes() {
        let graph = Graph::from_arrays(4, &[3, 3, 3, 1, 0], &[1, 0, 2, 0, 2]).unwrap();
        assert_eq!(transitive_reduction(&graph), Graph::from_arrays(4, &[3, 1, 0], &[1, 0, 2]).unwrap());
    }
}
