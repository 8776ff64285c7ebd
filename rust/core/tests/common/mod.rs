//! Random graphs for the tests of this folder, and how many of them are tried.

use makespan_core::graph::{Graph, NodeId};
use makespan_core::sched::Inputs;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// An acyclic graph as its number of nodes and its edges, duplicates and any numbering included.
pub(crate) type Description = (usize, Vec<(NodeId, NodeId)>);

/// So many cases, the same in every run; `PROPTEST_RNG_SEED` asks for others.
pub(crate) fn config(n_cases: u32) -> ProptestConfig {
    let config = ProptestConfig::with_cases(n_cases);
    let rng_seed = match config.rng_seed {
        RngSeed::Random => RngSeed::Fixed(0),
        RngSeed::Fixed(seed) => RngSeed::Fixed(seed),
    };
    ProptestConfig { rng_seed, failure_persistence: None, ..config }
}

/// Descriptions of graphs of fewer than `n_nodes_max` nodes.
///
/// Edges ascend by a random permutation of the ids, which is the identity in some cases.
pub(crate) fn descriptions(n_nodes_max: usize) -> impl Strategy<Value = Description> {
    (1..n_nodes_max, any::<bool>()).prop_flat_map(|(n_nodes, is_id_ordered)| {
        let ids: Vec<u32> = (0..n_nodes as u32).collect();
        let numbering = if is_id_ordered { Just(ids).boxed() } else { Just(ids).prop_shuffle().boxed() };
        let pairs = vec((0..n_nodes, 0..n_nodes), 0..3 * n_nodes);
        (numbering, pairs).prop_map(move |(numbering, pairs)| {
            let different = pairs.into_iter().filter(|(left, right)| left != right);
            let edges = different.map(|(left, right)| {
                let [before, after] = [left.min(right), left.max(right)];
                (NodeId::new(numbering[before]), NodeId::new(numbering[after]))
            });
            (n_nodes, edges.collect())
        })
    })
}

/// Graphs of fewer than `n_nodes_max` nodes.
pub(crate) fn graphs(n_nodes_max: usize) -> impl Strategy<Value = Graph> {
    descriptions(n_nodes_max).prop_map(|(n_nodes, edges)| {
        Graph::from_edges(n_nodes, &edges).expect("the edges ascend by a permutation")
    })
}

/// Which nodes each node reaches, itself excluded, by the slow obvious way.
pub(crate) fn closure(n_nodes: usize, edges: &[(NodeId, NodeId)]) -> Vec<Vec<bool>> {
    let mut reaches = vec![vec![false; n_nodes]; n_nodes];
    for &(before, after) in edges {
        reaches[before.index()][after.index()] = true;
    }
    for via in 0..n_nodes {
        for before in 0..n_nodes {
            for after in 0..n_nodes {
                reaches[before][after] |= reaches[before][via] && reaches[via][after];
            }
        }
    }
    reaches
}

/// Data inputs of all nodes: every edge carries data unless its turn in `is_data`, taken round robin, says otherwise.
pub(crate) fn inputs(graph: &Graph, is_data: &[bool]) -> Inputs {
    let mut is_data = is_data.iter().cycle();
    let mut inputs = Inputs { offsets: vec![0], nodes: Vec::new() };
    for node in graph.nodes() {
        let data = graph.predecessors(node).iter().filter(|_| is_data.next() == Some(&true));
        inputs.nodes.extend(data);
        inputs.offsets.push(inputs.nodes.len() as u32);
    }
    inputs
}
