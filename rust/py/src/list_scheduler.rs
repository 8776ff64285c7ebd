//! The list scheduler over arrays: `makespan._core.ListScheduler`.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use makespan_core::graph::Graph;
use makespan_core::sched::list::{ListError, ListOptions, ListScheduler, NodeColumns, Reason, priorities_of};
use makespan_core::sched::simulate::{Behavior, Disturbance, simulate};
use makespan_core::sched::{FailurePolicy, NodeState};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;

use crate::clock::clock;
use crate::detach::detached;
use crate::error::BindResult;
use crate::graph::{PyGraph, copied};
use crate::signals::SignalWatch;
use crate::time_source::TimeSource;

/// From so many nodes on, a call leaves the interpreter while it works.
const N_NODES_DETACHED: usize = 16_384;

/// State, unfinished predecessors, priority, attempts, earliest start in nanoseconds (`u64::MAX`: none), worker (-1: none).
type PyColumns<'py> = (
    Bound<'py, PyArray1<u8>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<u64>>,
    Bound<'py, PyArray1<i64>>,
);

/// What a node waits for: a word, and what belongs to it as whole numbers.
type PyReason = (&'static str, Vec<i64>);

/// When each node started and finished, in nanoseconds (`u64::MAX`: never); makespan; number of dispatches.
type PySimulated<'py> = (Bound<'py, PyArray1<u64>>, Bound<'py, PyArray1<u64>>, u64, u64);

/// What is known of nodes, as it comes from Python.
#[derive(FromPyObject)]
pub(crate) struct ColumnArrays<'py> {
    priorities: Option<PyReadonlyArray1<'py, f64>>,
    demands: Option<PyReadonlyArray2<'py, i64>>,
    groups: Option<PyReadonlyArray1<'py, i64>>,
    durations_ns: Option<PyReadonlyArray1<'py, u64>>,
}

impl ColumnArrays<'_> {
    fn copied(&self) -> Result<NodeColumns, ListError> {
        Ok(NodeColumns {
            priorities: self.priorities.as_ref().map(|given| priorities_of(&copied(given))).transpose()?,
            demands: self.demands.as_ref().map(|given| given.as_array().iter().copied().collect()),
            groups: self.groups.as_ref().map(copied),
            durations_ns: self.durations_ns.as_ref().map(copied),
        })
    }
}

/// What nodes share, as it comes from Python.
#[derive(FromPyObject)]
pub(crate) struct SharedOptions {
    capacities: Vec<i64>,
    group_limits: Vec<i64>,
    speeds: Option<Vec<f64>>,
    stops_on_failure: bool,
    n_retries: u16,
    retry_delay_ns: u64,
    retry_delay_max_ns: u64,
}

/// The native part of `makespan.ExecutionScheduler`.
#[pyclass(name = "ListScheduler", module = "makespan._core", frozen)]
#[derive(Debug)]
pub(crate) struct PyListScheduler {
    scheduler: Mutex<ListScheduler>,
    time: TimeSource,
}

impl PyListScheduler {
    fn lock(&self, py: Python<'_>) -> MutexGuard<'_, ListScheduler> {
        self.scheduler.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to the scheduler; away from the interpreter where it is much.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        n_nodes: usize,
        work: impl FnOnce(&mut ListScheduler) -> T + Send,
    ) -> T {
        if n_nodes < N_NODES_DETACHED {
            return work(&mut self.lock(py));
        }
        detached(py, || work(&mut self.scheduler.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

#[pymethods]
impl PyListScheduler {
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
    fn new(
        py: Python<'_>,
        graph: &PyGraph,
        columns: ColumnArrays<'_>,
        options: SharedOptions,
        clock: Option<Py<PyAny>>,
    ) -> BindResult<Self> {
        let columns = columns.copied()?;
        let graph: Arc<Graph> = graph.shared();
        let options = ListOptions {
            capacities: options.capacities,
            group_limits: options.group_limits,
            speeds: options.speeds,
            on_failure: if options.stops_on_failure { FailurePolicy::Stop } else { FailurePolicy::Continue },
            n_retries: options.n_retries,
            retry_delay_ns: options.retry_delay_ns,
            retry_delay_max_ns: options.retry_delay_max_ns,
        };
        let scheduler = detached(py, || ListScheduler::new(graph, columns, options))?;
        Ok(Self { scheduler: Mutex::new(scheduler), time: TimeSource::new(clock) })
    }

    fn now_ns(&self, py: Python<'_>) -> BindResult<u64> {
        self.time.now_ns(py)
    }

    /// The last time that was read: that of the last call, where calls come one after another.
    #[getter]
    fn last_ns(&self) -> u64 {
        self.time.last_ns()
    }

    fn take<'py>(&self, py: Python<'py>, n_max: usize) -> BindResult<Bound<'py, PyArray1<i64>>> {
        let now_ns = self.time.now_ns(py)?;
        let mut taken = Vec::new();
        self.with(py, n_max.min(N_NODES_DETACHED - 1), |scheduler| scheduler.take(now_ns, n_max, &mut taken));
        Ok(ids(py, &taken))
    }

    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
    fn complete(&self, py: Python<'_>, nodes: PyReadonlyArray1<'_, i64>) -> BindResult<()> {
        let now_ns = self.time.now_ns(py)?;
        let nodes = copied(&nodes);
        Ok(self.with(py, nodes.len(), |scheduler| scheduler.complete(now_ns, &nodes))?)
    }

    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
    fn fail<'py>(
        &self,
        py: Python<'py>,
        nodes: PyReadonlyArray1<'_, i64>,
    ) -> BindResult<Bound<'py, PyArray1<i64>>> {
        let now_ns = self.time.now_ns(py)?;
        let nodes = copied(&nodes);
        let mut given_up = Vec::new();
        self.with(py, nodes.len(), |scheduler| scheduler.fail(now_ns, &nodes, &mut given_up))?;
        Ok(ids(py, &given_up))
    }

    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
    fn retry(&self, py: Python<'_>, nodes: PyReadonlyArray1<'_, i64>, delay_ns: u64) -> BindResult<()> {
        let now_ns = self.time.now_ns(py)?;
        let nodes = copied(&nodes);
        Ok(self.with(py, nodes.len(), |scheduler| scheduler.retry(now_ns, &nodes, delay_ns))?)
    }

    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
    fn cancel<'py>(
        &self,
        py: Python<'py>,
        nodes: PyReadonlyArray1<'_, i64>,
    ) -> BindResult<Bound<'py, PyArray1<i64>>> {
        let nodes = copied(&nodes);
        let mut to_stop = Vec::new();
        self.with(py, nodes.len(), |scheduler| scheduler.cancel(&nodes, &mut to_stop))?;
        Ok(ids(py, &to_stop))
    }

    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
    fn add(
        &self,
        py: Python<'_>,
        n_nodes: usize,
        source: PyReadonlyArray1<'_, i64>,
        target: PyReadonlyArray1<'_, i64>,
        columns: ColumnArrays<'_>,
    ) -> BindResult<usize> {
        let now_ns = self.time.now_ns(py)?;
        let columns = columns.copied()?;
        let (source, target) = (copied(&source), copied(&target));
        Ok(self.with(py, n_nodes, |scheduler| scheduler.add(now_ns, n_nodes, &source, &target, columns))?)
    }

    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
    fn set_priority(
        &self,
        py: Python<'_>,
        nodes: PyReadonlyArray1<'_, i64>,
        priorities: PyReadonlyArray1<'_, f64>,
    ) -> BindResult<()> {
        let (nodes, priorities) = (copied(&nodes), priorities_of(&copied(&priorities))?);
        Ok(self.with(py, nodes.len(), |scheduler| scheduler.set_priorities(&nodes, &priorities))?)
    }

    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
    fn set_not_before(
        &self,
        py: Python<'_>,
        nodes: PyReadonlyArray1<'_, i64>,
        times_ns: PyReadonlyArray1<'_, u64>,
    ) -> BindResult<()> {
        let now_ns = self.time.now_ns(py)?;
        let (nodes, times_ns) = (copied(&nodes), copied(&times_ns));
        Ok(self.with(py, nodes.len(), |scheduler| scheduler.set_not_before(now_ns, &nodes, &times_ns))?)
    }

    fn set_capacity(&self, py: Python<'_>, resource: usize, capacity: i64) -> BindResult<()> {
        Ok(self.lock(py).set_capacity(resource, capacity)?)
    }

    fn set_group_limit(&self, py: Python<'_>, group: usize, limit: i64) -> BindResult<()> {
        Ok(self.lock(py).set_group_limit(group, limit)?)
    }

    fn explain(&self, py: Python<'_>, node: i64) -> BindResult<PyReason> {
        let now_ns = self.time.now_ns(py)?;
        let n_nodes = self.lock(py).n_nodes();
        let reason = self.with(py, n_nodes, |scheduler| scheduler.explain(now_ns, node))?;
        let time = |ns: u64| i64::try_from(ns).unwrap_or(i64::MAX);
        Ok(match reason {
            Reason::State(state) => (state.as_str(), Vec::new()),
            Reason::WaitsFor(before) => ("waits_for", before.into_iter().map(i64::from).collect()),
            Reason::DelayedUntil(at_ns) => ("delayed", vec![time(at_ns), time(now_ns)]),
            Reason::Oversized { pool, amount, capacity } => {
                ("oversized", vec![i64::from(pool), amount, capacity])
            }
            Reason::Short(short) => {
                let rows = short.into_iter().map(|(pool, amount, free)| [i64::from(pool), amount, free]);
                ("short", rows.flatten().collect())
            }
            Reason::Behind(other) => ("behind", vec![i64::from(other)]),
            Reason::NoIdleWorker => ("no_idle_worker", Vec::new()),
            Reason::WaitsForFasterWorker => ("waits_for_faster_worker", Vec::new()),
            Reason::Next => ("next", Vec::new()),
        })
    }

    /// The number of nodes in each state, in the order of `STATE_NAMES`.
    fn counts(&self, py: Python<'_>) -> Vec<usize> {
        let scheduler = self.lock(py);
        NodeState::ALL.into_iter().map(|state| scheduler.n_in(state)).collect()
    }

    #[getter]
    fn n_nodes(&self, py: Python<'_>) -> usize {
        self.lock(py).n_nodes()
    }

    #[getter]
    fn n_left(&self, py: Python<'_>) -> usize {
        self.lock(py).n_left()
    }

    #[getter]
    fn is_stopped(&self, py: Python<'_>) -> bool {
        self.lock(py).is_stopped()
    }

    #[getter]
    fn next_time_ns(&self, py: Python<'_>) -> Option<u64> {
        self.lock(py).next_time_ns()
    }

    #[getter]
    fn reservation_ns(&self, py: Python<'_>) -> Option<(u32, u64)> {
        self.lock(py).reservation()
    }

    #[getter]
    fn memory_bytes(&self, py: Python<'_>) -> usize {
        self.lock(py).memory_bytes()
    }

    /// Capacity of each pool, and how much of it is taken: first the resources, then the groups.
    fn pools(&self, py: Python<'_>) -> (Vec<i64>, Vec<i64>) {
        let scheduler = self.lock(py);
        let pools = scheduler.pools();
        (0..pools.len() as u32).map(|pool| (pools.capacity(pool), pools.taken(pool))).unzip()
    }

    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
    fn workers_of<'py>(
        &self,
        py: Python<'py>,
        nodes: PyReadonlyArray1<'_, i64>,
    ) -> BindResult<Bound<'py, PyArray1<i64>>> {
        let nodes = copied(&nodes);
        let scheduler = self.lock(py);
        let n_nodes = scheduler.n_nodes();
        let worker_of = |(idx, &node): (usize, &i64)| match scheduler.worker_of(node) {
            Ok(worker) => Ok(worker.map_or(-1, i64::from)),
            Err(_) => Err(ListError::UnknownNode { idx, node, n_nodes }),
        };
        let workers: Result<Vec<i64>, ListError> = nodes.iter().enumerate().map(worker_of).collect();
        Ok(workers?.into_pyarray(py))
    }

    fn columns<'py>(&self, py: Python<'py>) -> PyColumns<'py> {
        let n_nodes = self.lock(py).n_nodes();
        let columns = self.with(py, n_nodes, |scheduler| {
            let mut not_before_ns = vec![u64::MAX; scheduler.n_nodes()];
            for (node, at_ns) in scheduler.not_before_ns() {
                not_before_ns[node as usize] = at_ns;
            }
            (
                scheduler.states().map(|state| state as u8).collect::<Vec<_>>(),
                scheduler.n_unmet().map(i64::from).collect::<Vec<_>>(),
                scheduler.priorities().map(makespan_core::Priority::to_f64).collect::<Vec<_>>(),
                scheduler.n_attempts().map(i64::from).collect::<Vec<_>>(),
                not_before_ns,
                scheduler.workers().map(|worker| worker.map_or(-1, i64::from)).collect::<Vec<_>>(),
            )
        });
        let (state, n_unmet, priority, n_attempts, not_before_ns, worker) = columns;
        (
            state.into_pyarray(py),
            n_unmet.into_pyarray(py),
            priority.into_pyarray(py),
            n_attempts.into_pyarray(py),
            not_before_ns.into_pyarray(py),
            worker.into_pyarray(py),
        )
    }

    /// Runs to the end with a clock of its own, from time zero.
    ///
    /// `cancels` are times with the nodes that are cancelled then, `resizes` times with a resource and its capacity.
    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
    fn simulate<'py>(
        &self,
        py: Python<'py>,
        durations_ns: PyReadonlyArray1<'_, u64>,
        failure_rate: f64,
        seed: u64,
        cancels: Vec<(u64, Vec<i64>)>,
        resizes: Vec<(u64, usize, i64)>,
    ) -> BindResult<PySimulated<'py>> {
        let behavior = Behavior { durations_ns: copied(&durations_ns), failure_rate, seed };
        let cancels = cancels.into_iter().map(|(at_ns, nodes)| (at_ns, Disturbance::Cancel(nodes)));
        let resizes = resizes
            .into_iter()
            .map(|(at_ns, resource, capacity)| (at_ns, Disturbance::SetCapacity { resource, capacity }));
        let mut disturbances: Vec<_> = cancels.chain(resizes).collect();
        disturbances.sort_by_key(|(at_ns, _)| *at_ns);
        let mut signals = SignalWatch::new();
        let simulated = detached(py, || {
            let mut scheduler = self.scheduler.lock().unwrap_or_else(PoisonError::into_inner);
            let mut n_moments = 0_u32;
            simulate(&mut scheduler, &behavior, &disturbances, |_, _| {
                n_moments = n_moments.wrapping_add(1);
                let is_quiet = !n_moments.is_multiple_of(64) || signals.is_quiet(clock().raw());
                if is_quiet { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
        })?;
        signals.end()?;
        Ok((
            simulated.starts_ns.into_pyarray(py),
            simulated.finishes_ns.into_pyarray(py),
            simulated.makespan_ns,
            simulated.n_dispatched,
        ))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.time.traverse(&visit)
    }
}

fn ids<'py>(py: Python<'py>, nodes: &[u32]) -> Bound<'py, PyArray1<i64>> {
    let ids: Vec<i64> = nodes.iter().map(|&node| i64::from(node)).collect();
    ids.into_pyarray(py)
}
