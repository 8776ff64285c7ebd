//! What is planned: a graph, workers of different speed, and what it takes to bring a result from one to another.

use std::sync::Arc;

use crate::graph::{Graph, NodeId};
use crate::plan::error::{PlanError, TOTAL_NS_MAX};

/// How long nodes take on each worker.
#[derive(Clone, Debug)]
pub enum WorkerDurations {
    /// Related workers: a node takes its duration divided by the worker's speed, to the nearest nanosecond, even among equals.
    Speeds {
        /// By node, on a worker of speed 1.
        durations_ns: Vec<u64>,
        /// By worker; finite and above 0.
        speeds: Vec<f64>,
    },
    /// Unrelated workers: one row per node, one entry per worker.
    Table {
        /// `durations_ns[node * n_workers + worker]`.
        durations_ns: Vec<u64>,
        /// How long the rows are.
        n_workers: usize,
    },
}

impl WorkerDurations {
    fn n_workers(&self) -> usize {
        match self {
            Self::Speeds { speeds, .. } => speeds.len(),
            Self::Table { n_workers, .. } => *n_workers,
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "speeds are fractions and above 0"
    )]
    fn of(&self, node: usize, worker: usize) -> u64 {
        match self {
            // A cast saturates, and whatever is too long is refused with the sum.
            Self::Speeds { durations_ns, speeds } => {
                (durations_ns[node] as f64 / speeds[worker]).round_ties_even() as u64
            }
            Self::Table { durations_ns, n_workers } => durations_ns[node * n_workers + worker],
        }
    }
}

/// Nodes on workers of different speed: find a worker and a start for every node such that each begins after its
/// predecessors' results have arrived, no worker's cores are ever demanded beyond what it has, and the last node ends as
/// early as possible.
///
/// A result is there at once on the worker that made it, and after the edge's transfer time on every other. Transfers
/// occupy nobody. A node runs without interruption on one worker, and one without duration occupies nothing.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use makespan_core::graph::Graph;
/// use makespan_core::plan::{WorkerDurations, WorkerProblem, WorkerSchedule};
///
/// let graph = Arc::new(Graph::from_arrays(2, &[0], &[1])?);
/// let durations = WorkerDurations::Speeds { durations_ns: vec![4, 4], speeds: vec![1.0, 2.0] };
/// let problem = WorkerProblem::new(graph, durations, vec![1, 1], vec![1, 1], vec![3])?;
/// assert_eq!(problem.duration_ns(0, 1), 2);
/// let schedule = WorkerSchedule { starts_ns: vec![0, 5], workers: vec![1, 0] };
/// assert_eq!(problem.first_violation(&schedule), None);
/// assert_eq!(problem.makespan_ns(&schedule), 9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct WorkerProblem {
    graph: Arc<Graph>,
    durations: WorkerDurations,
    cores: Vec<u32>,
    demands: Vec<u32>,
    /// By edge, ascending by source, then target; empty where nothing takes time.
    transfers_ns: Vec<u64>,
}

/// Where and when every node runs, by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerSchedule {
    /// When each node starts.
    pub starts_ns: Vec<u64>,
    /// On which worker it runs.
    pub workers: Vec<u32>,
}

/// What is wrong with a schedule on workers.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum WorkerViolation {
    /// A node's worker does not exist or has fewer cores than the node demands.
    Worker {
        /// The node.
        node: NodeId,
    },
    /// A node starts before a predecessor's result has arrived.
    Precedence {
        /// The predecessor.
        before: NodeId,
        /// The node.
        after: NodeId,
    },
    /// More cores of a worker are in use than it has.
    Capacity {
        /// The worker.
        worker: usize,
        /// When this is first so.
        at_ns: u64,
    },
}

impl WorkerProblem {
    /// Checks and keeps a problem: `cores` by worker, `demands` of cores by node, `transfers_ns` by edge, in the order of
    /// [`Graph::edges`], or empty where nothing takes time.
    ///
    /// # Errors
    ///
    /// [`PlanError`] when lengths do not fit, a speed is not finite and above 0, no worker has the cores that a node demands, or
    /// the longest durations and all transfers add up to more than [`TOTAL_NS_MAX`].
    ///
    /// # Complexity
    ///
    /// O(n · w + m) for n nodes, w workers and m edges.
    pub fn new(
        graph: Arc<Graph>,
        durations: WorkerDurations,
        cores: Vec<u32>,
        demands: Vec<u32>,
        transfers_ns: Vec<u64>,
    ) -> Result<Self, PlanError> {
        let (n_nodes, n_workers) = (graph.n_nodes(), durations.n_workers());
        let n_durations = match &durations {
            WorkerDurations::Speeds { durations_ns, .. } => (n_nodes, durations_ns.len()),
            WorkerDurations::Table { durations_ns, .. } => (n_nodes * n_workers, durations_ns.len()),
        };
        let n_transfers = if transfers_ns.is_empty() { 0 } else { graph.n_edges() };
        let lengths = [
            ("durations", n_durations),
            ("cores", (n_workers, cores.len())),
            ("demands", (n_nodes, demands.len())),
            ("transfers", (n_transfers, transfers_ns.len())),
        ];
        for (what, (expected, actual)) in lengths {
            if expected != actual {
                return Err(PlanError::LengthMismatch { what, expected, actual });
            }
        }
        if let WorkerDurations::Speeds { speeds, .. } = &durations
            && let Some(worker) = speeds.iter().position(|&speed| !(speed > 0.0 && speed.is_finite()))
        {
            return Err(PlanError::SpeedNotPositive { worker });
        }
        let n_cores_max = cores.iter().copied().max().unwrap_or(0);
        let is_homeless = |&node: &usize| n_workers == 0 || demands[node] > n_cores_max;
        if let Some(node) = (0..n_nodes).find(is_homeless) {
            return Err(PlanError::NoWorkerFits { node, demand: demands[node], n_cores_max });
        }
        let problem = Self { graph, durations, cores, demands, transfers_ns };
        let longest =
            |node| (0..n_workers).map(|worker| problem.durations.of(node, worker)).max().unwrap_or(0);
        let durations_ns = (0..n_nodes).map(longest);
        let total_ns = durations_ns.chain(problem.transfers_ns.iter().copied()).map(u128::from).sum();
        if total_ns > u128::from(TOTAL_NS_MAX) {
            return Err(PlanError::TooLong { total_ns });
        }
        Ok(problem)
    }

    /// What goes before what.
    #[must_use]
    pub fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// The number of nodes.
    #[must_use]
    pub fn n_nodes(&self) -> usize {
        self.demands.len()
    }

    /// The number of workers.
    #[must_use]
    pub fn n_workers(&self) -> usize {
        self.cores.len()
    }

    /// How many cores each worker has.
    #[must_use]
    pub fn cores(&self) -> &[u32] {
        &self.cores
    }

    /// How many cores each node holds while it runs.
    #[must_use]
    pub fn demands(&self) -> &[u32] {
        &self.demands
    }

    /// By edge in the order of [`Graph::edges`]; empty where nothing takes time.
    #[must_use]
    pub fn transfers_ns(&self) -> &[u64] {
        &self.transfers_ns
    }

    /// How long a node takes on a worker, whether it has the cores or not.
    ///
    /// # Panics
    ///
    /// When there is no such node or worker.
    #[must_use]
    pub fn duration_ns(&self, node: usize, worker: usize) -> u64 {
        self.durations.of(node, worker)
    }

    /// When the last node ends.
    ///
    /// # Panics
    ///
    /// When the schedule is not one of as many nodes, on workers of this problem.
    #[must_use]
    pub fn makespan_ns(&self, schedule: &WorkerSchedule) -> u64 {
        (0..self.n_nodes()).map(|node| self.finish_ns(schedule, node)).max().unwrap_or(0)
    }

    fn finish_ns(&self, schedule: &WorkerSchedule, node: usize) -> u64 {
        schedule.starts_ns[node] + self.duration_ns(node, schedule.workers[node] as usize)
    }

    /// Looks for the first thing that is wrong with a schedule: workers by node, then edges in order, then cores by worker.
    ///
    /// # Panics
    ///
    /// When there is not one start and one worker per node.
    ///
    /// # Complexity
    ///
    /// O(m + n log n).
    #[must_use]
    pub fn first_violation(&self, schedule: &WorkerSchedule) -> Option<WorkerViolation> {
        let WorkerSchedule { starts_ns, workers } = schedule;
        assert!(
            starts_ns.len() == self.n_nodes() && workers.len() == self.n_nodes(),
            "each node has a start and a worker"
        );
        for node in self.graph.nodes() {
            let cores = self.cores.get(workers[node.index()] as usize);
            if cores.is_none_or(|&cores| cores < self.demands[node.index()]) {
                return Some(WorkerViolation::Worker { node });
            }
        }
        for (edge, (before, after)) in self.graph.edges().enumerate() {
            let is_moved = workers[before.index()] != workers[after.index()];
            let transfer_ns = if is_moved { self.transfers_ns.get(edge).copied().unwrap_or(0) } else { 0 };
            if starts_ns[after.index()] < self.finish_ns(schedule, before.index()) + transfer_ns {
                return Some(WorkerViolation::Precedence { before, after });
            }
        }
        // What ends at a time gives back before what starts then takes.
        let mut changes = Vec::with_capacity(2 * self.n_nodes());
        for (node, &start_ns) in starts_ns.iter().enumerate() {
            let finish_ns = self.finish_ns(schedule, node);
            if finish_ns > start_ns {
                let n_cores = i64::from(self.demands[node]);
                changes.push((workers[node] as usize, start_ns, n_cores));
                changes.push((workers[node] as usize, finish_ns, -n_cores));
            }
        }
        changes.sort_unstable();
        let mut n_used = 0;
        for (worker, at_ns, change) in changes {
            n_used += change;
            if n_used > i64::from(self.cores[worker]) {
                return Some(WorkerViolation::Capacity { worker, at_ns });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_two(speeds: [f64; 2], demands: [u32; 2], transfers_ns: &[u64]) -> Result<WorkerProblem, PlanError> {
        let graph = Arc::new(Graph::from_arrays(2, &[0], &[1]).unwrap());
        let durations = WorkerDurations::Speeds { durations_ns: vec![3, 5], speeds: speeds.to_vec() };
        WorkerProblem::new(graph, durations, vec![1, 2], demands.to_vec(), transfers_ns.to_vec())
    }

    #[test]
    fn test_what_cannot_be_meant_is_refused_by_name() {
        for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let refused = on_two([1.0, speed], [1, 1], &[]).unwrap_err();
            assert_eq!(refused, PlanError::SpeedNotPositive { worker: 1 });
        }
        let refused = on_two([1.0, 1.0], [1, 3], &[]).unwrap_err();
        assert_eq!(refused, PlanError::NoWorkerFits { node: 1, demand: 3, n_cores_max: 2 });
        let refused = on_two([1.0, 1.0], [1, 1], &[1, 2]).unwrap_err();
        assert_eq!(refused, PlanError::LengthMismatch { what: "transfers", expected: 1, actual: 2 });
        assert!(matches!(on_two([1.0, 1e-30], [1, 1], &[]), Err(PlanError::TooLong { .. })));
        let nobody = WorkerDurations::Table { durations_ns: vec![], n_workers: 0 };
        let graph = Arc::new(Graph::from_edges(1, &[]).unwrap());
        let refused = WorkerProblem::new(graph, nobody, vec![], vec![0], vec![]).unwrap_err();
        assert_eq!(refused, PlanError::NoWorkerFits { node: 0, demand: 0, n_cores_max: 0 });
    }

    #[test]
    fn test_the_checker_sees_each_kind_of_fault() {
        let problem = on_two([1.0, 2.0], [1, 2], &[4]).unwrap();
        let violation = |starts: [u64; 2], workers: [u32; 2]| {
            let schedule = WorkerSchedule { starts_ns: starts.to_vec(), workers: workers.to_vec() };
            problem.first_violation(&schedule)
        };
        let [before, after] = [0, 1].map(NodeId::new);
        // 3 / 2 is 1.5, and the even neighbor is 2.
        assert_eq!(violation([0, 2], [1, 1]), None);
        assert_eq!(violation([0, 7], [0, 1]), None);
        assert_eq!(violation([0, 6], [0, 1]), Some(WorkerViolation::Precedence { before, after }));
        assert_eq!(violation([0, 9], [0, 0]), Some(WorkerViolation::Worker { node: after }));
        assert_eq!(violation([0, 9], [7, 1]), Some(WorkerViolation::Worker { node: before }));
        let graph = Arc::new(Graph::from_edges(2, &[]).unwrap());
        let durations = WorkerDurations::Table { durations_ns: vec![2, 9, 2, 9], n_workers: 2 };
        let problem = WorkerProblem::new(graph, durations, vec![2, 2], vec![1, 2], vec![]).unwrap();
        let schedule = WorkerSchedule { starts_ns: vec![0, 1], workers: vec![0, 0] };
        let violation = problem.first_violation(&schedule);
        assert_eq!(violation, Some(WorkerViolation::Capacity { worker: 0, at_ns: 1 }));
    }
}
