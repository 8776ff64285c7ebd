//! What becomes of a plan when durations are not known exactly: simulation of many runs.

use super::chain::critical_chain;
use super::error::TOTAL_NS_MAX;
use super::list::list_schedule;
use super::problem::Problem;
use super::random::Random;

/// Draws farther out than so many standard deviations are moved there: one in three million.
const DEVIATE_MAX: f64 = 5.0;

/// How long nodes may take: by quantiles.
///
/// The logarithm of a duration is a piecewise linear function of a standard normal deviate, through the given quantiles and
/// beyond them with the slope of the first and the last piece. With two quantiles this is the log-normal distribution
/// through both; with one, every duration is certain.
#[derive(Clone, Debug, PartialEq)]
pub struct DurationQuantiles {
    /// Standard normal deviates of the levels, ascending.
    deviates: Vec<f64>,
    /// Logarithms of nanoseconds: one row of quantiles per node. A quantile of 0 counts as a nanosecond.
    logarithms: Vec<f64>,
}

impl DurationQuantiles {
    /// Keeps quantiles: `deviates` ascend, and `quantiles_ns` holds one row of as many per node, none falling.
    ///
    /// # Panics
    ///
    /// When there is no level, or the rows are not whole.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a duration is not known to the nanosecond")]
    pub fn new(deviates: Vec<f64>, quantiles_ns: &[u64]) -> Self {
        assert!(!deviates.is_empty(), "there is at least one level");
        assert_eq!(quantiles_ns.len() % deviates.len(), 0, "there is a quantile for each level of each node");
        let logarithms = quantiles_ns.iter().map(|ns| (*ns.max(&1) as f64).ln()).collect();
        Self { deviates, logarithms }
    }

    /// The number of nodes.
    #[must_use]
    pub fn n_nodes(&self) -> usize {
        self.logarithms.len() / self.deviates.len()
    }

    /// How long a node takes at a standard normal deviate: its quantile at the level of that deviate, in nanoseconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "exponentials are positive")]
    pub fn duration_ns(&self, node: usize, deviate: f64) -> u64 {
        let n_levels = self.deviates.len();
        let row = &self.logarithms[node * n_levels..(node + 1) * n_levels];
        if n_levels == 1 {
            return row[0].exp().round() as u64;
        }
        let piece = self.deviates[1..n_levels - 1].partition_point(|level| *level <= deviate);
        let slope = (row[piece + 1] - row[piece]) / (self.deviates[piece + 1] - self.deviates[piece]);
        let logarithm = row[piece] + slope * (deviate - self.deviates[piece]);
        logarithm.exp().round().min(TOTAL_NS_MAX as f64) as u64
    }

    /// How long each node takes at a standard normal deviate, in nanoseconds.
    #[must_use]
    pub fn durations_ns(&self, deviate: f64) -> Vec<u64> {
        (0..self.n_nodes()).map(|node| self.duration_ns(node, deviate)).collect()
    }
}

/// What simulated runs found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SimulatedRuns {
    /// When the last node ended, by sample.
    pub makespans_ns: Vec<u64>,
    /// By node, in how many samples it was on the critical chain.
    pub n_critical: Vec<u32>,
}

/// Simulates runs of a plan: durations are drawn independently, and whenever something ends, the ready nodes that fit are
/// started, the largest priority first.
///
/// So a plan is taken as an order, not as fixed times: that is how runs go by it. Ends before `n_samples` when `keep_going`,
/// asked before each sample, says no. Durations that add up to more than what a problem may hold are cut off there.
///
/// Deterministic for a problem, priorities and a seed: the samples of fewer are the first of those of more.
///
/// # Panics
///
/// When there is not one priority and one row of quantiles per node.
///
/// # Complexity
///
/// O(s · r · (n + m) log n) for s samples.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use makespan_core::graph::Graph;
/// use makespan_core::plan::{DurationQuantiles, Problem, simulate_runs};
///
/// // Two nodes one after another; half of the time each takes at most 10, one in ten at least 20.
/// let graph = Arc::new(Graph::from_arrays(2, &[0], &[1])?);
/// let problem = Problem::new(graph, vec![10, 10], vec![], vec![])?;
/// let quantiles = DurationQuantiles::new(vec![0.0, 1.2816], &[10, 20, 10, 20]);
/// let runs = simulate_runs(&problem, &[2, 1], &quantiles, 1_000, 0, || true);
/// let n_above_20 = runs.makespans_ns.iter().filter(|ns| **ns > 20).count();
/// assert!((500..700).contains(&n_above_20));
/// assert_eq!(runs.n_critical, [1_000, 1_000]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn simulate_runs(
    problem: &Problem,
    priorities: &[u64],
    quantiles: &DurationQuantiles,
    n_samples: usize,
    seed: u64,
    mut keep_going: impl FnMut() -> bool,
) -> SimulatedRuns {
    let n_nodes = problem.n_nodes();
    assert_eq!(quantiles.n_nodes(), n_nodes, "each node has a row of quantiles");
    let mut random = Random::new(seed);
    let mut runs = SimulatedRuns { makespans_ns: Vec::new(), n_critical: vec![0; n_nodes] };
    let mut drawn = problem.clone();
    for _ in 0..n_samples {
        if !keep_going() {
            break;
        }
        let mut left_ns = TOTAL_NS_MAX;
        for node in 0..n_nodes {
            let deviate = random.normal().clamp(-DEVIATE_MAX, DEVIATE_MAX);
            let duration_ns = quantiles.duration_ns(node, deviate).min(left_ns);
            left_ns -= duration_ns;
            drawn.durations_ns_mut()[node] = duration_ns;
        }
        let starts_ns = list_schedule(&drawn, priorities);
        runs.makespans_ns.push(drawn.makespan_ns(&starts_ns));
        for node in critical_chain(&drawn, &starts_ns).nodes {
            runs.n_critical[node.index()] += 1;
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::graph::Graph;

    #[test]
    fn test_quantiles_are_met_and_carried_on() {
        let quantiles = DurationQuantiles::new(vec![-1.0, 0.0, 2.0], &[100, 200, 800, 0, 5, 5]);
        let of = |node, deviate| quantiles.duration_ns(node, deviate);
        assert_eq!([of(0, -1.0), of(0, 0.0), of(0, 2.0)], [100, 200, 800]);
        // Doubles with every deviation, beyond both ends as well.
        assert_eq!([of(0, -2.0), of(0, 1.0), of(0, 3.0)], [50, 400, 1_600]);
        assert_eq!([of(1, -1.0), of(1, 1.0), of(1, 5.0)], [1, 5, 5]);
        assert_eq!(quantiles.durations_ns(1.0), [400, 5]);
        assert_eq!(DurationQuantiles::new(vec![0.3], &[7]).duration_ns(0, -4.0), 7);
    }

    #[test]
    fn test_certain_durations_give_the_list_schedule_every_time() {
        let graph = Arc::new(Graph::from_arrays(4, &[0, 1], &[2, 3]).unwrap());
        let problem = Problem::new(graph, vec![4, 2, 3, 6], vec![1; 4], vec![2]).unwrap();
        let quantiles = DurationQuantiles::new(vec![0.0], problem.durations_ns());
        let runs = simulate_runs(&problem, &[4, 3, 2, 1], &quantiles, 3, 9, || true);
        assert_eq!(runs.makespans_ns, [8, 8, 8]);
        assert_eq!(runs.n_critical, [0, 3, 0, 3]);
    }

    #[test]
    fn test_fewer_samples_are_the_first_of_more() {
        let graph = Arc::new(Graph::from_edges(5, &[]).unwrap());
        let problem = Problem::new(graph, vec![10; 5], vec![1; 5], vec![2]).unwrap();
        let quantiles = DurationQuantiles::new(vec![0.0, 1.0], &[1_000, 3_000].repeat(5));
        let of = |n, seed| simulate_runs(&problem, &[1; 5], &quantiles, n, seed, || true).makespans_ns;
        assert_eq!(of(10, 1)[..4], of(4, 1));
        assert_ne!(of(10, 1), of(10, 2));
        let mut n_asked = 0;
        let stopped = simulate_runs(&problem, &[1; 5], &quantiles, 10, 1, || {
            n_asked += 1;
            n_asked <= 4
        });
        assert_eq!(stopped.makespans_ns, of(4, 1));
    }

    #[test]
    fn test_what_lasts_for_ever_is_cut_off() {
        let graph = Arc::new(Graph::from_arrays(2, &[0], &[1]).unwrap());
        let problem = Problem::new(graph, vec![1, 1], vec![], vec![]).unwrap();
        let quantiles = DurationQuantiles::new(vec![0.0, 0.1], &[1, TOTAL_NS_MAX, 1, TOTAL_NS_MAX]);
        let runs = simulate_runs(&problem, &[1, 1], &quantiles, 50, 3, || true);
        assert!(runs.makespans_ns.iter().all(|ns| *ns <= TOTAL_NS_MAX));
        assert!(runs.makespans_ns.contains(&TOTAL_NS_MAX));
    }
}
