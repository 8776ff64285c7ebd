//! The graphs that benchmarks run on. Names, numbers and seeds are those of the benchmarks in Python.

use makespan_core::graph::Graph;

/// Edges as array libraries deliver them.
pub(crate) struct Instance {
    pub(crate) name: &'static str,
    pub(crate) n_nodes: usize,
    pub(crate) sources: Vec<i64>,
    pub(crate) targets: Vec<i64>,
}

impl Instance {
    fn new(name: &'static str, n_nodes: usize, edges: impl Iterator<Item = (i64, i64)>) -> Self {
        let (sources, targets) = edges.unzip();
        Self { name, n_nodes, sources, targets }
    }

    pub(crate) fn graph(&self) -> Graph {
        Graph::from_arrays(self.n_nodes, &self.sources, &self.targets).expect("instances are acyclic")
    }

    /// The same graph with its nodes renamed at random, so that ids are not a topological order.
    pub(crate) fn permuted(&self, name: &'static str) -> Self {
        let mut random = SplitMix64(7);
        let mut names: Vec<i64> = (0_i64..).take(self.n_nodes).collect();
        for idx in (1..names.len()).rev() {
            names.swap(idx, random.below(idx + 1));
        }
        let rename = |ends: &[i64]| ends.iter().map(|&end| names[index(end)]).collect();
        Self { name, n_nodes: self.n_nodes, sources: rename(&self.sources), targets: rename(&self.targets) }
    }

    /// Durations between 1 and 1,000.
    pub(crate) fn durations_ns(&self) -> Vec<u64> {
        let mut random = SplitMix64(11);
        (0..self.n_nodes).map(|_| 1 + random.below(1_000) as u64).collect()
    }
}

/// 100,000 nodes without edges.
pub(crate) fn independent_100k() -> Instance {
    Instance::new("independent_100k", 100_000, std::iter::empty())
}

/// 10,000 nodes, each after the one before.
pub(crate) fn chain_10k() -> Instance {
    Instance::new("chain_10k", 10_000, (1..10_000).map(|id| (id - 1, id)))
}

/// 100 layers of 1,000 nodes, each with 3 parents drawn from the layer before.
pub(crate) fn layered_100k() -> Instance {
    let mut random = SplitMix64(3);
    let edges = (1_000..100_000_i64).flat_map(|id| std::iter::repeat_n(id, 3));
    let edges = edges.map(|id| {
        let layer_begin = (id / 1_000 - 1) * 1_000;
        (layer_begin + random.id_below(1_000), id)
    });
    Instance::new("layered_100k", 100_000, edges)
}

/// 1,000,000 nodes and 3,000,000 pairs of them drawn at random, from the smaller to the larger.
pub(crate) fn random_1m() -> Instance {
    let n_nodes = 1_000_000;
    let mut random = SplitMix64(5);
    let pairs = std::iter::repeat_with(|| (random.id_below(n_nodes), random.id_below(n_nodes)));
    let edges =
        pairs.filter(|(left, right)| left != right).map(|(left, right)| (left.min(right), left.max(right)));
    Instance::new("random_1m", n_nodes, edges.take(3_000_000))
}

fn index(id: i64) -> usize {
    usize::try_from(id).expect("ids are not negative")
}

/// Vigna's `splitmix64`: small, seeded, the same everywhere.
struct SplitMix64(u64);

impl SplitMix64 {
    fn id_below(&mut self, n_nodes: usize) -> i64 {
        i64::try_from(self.below(n_nodes)).expect("ids are small")
    }

    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        ((u128::from(bits) * n as u128) >> 64) as usize
    }
}
