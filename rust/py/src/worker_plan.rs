//! Plans on workers over arrays: `makespan._core.plan_on_workers`.

use makespan_core::plan::{
    PlanError, WorkerDurations, WorkerPlanned, WorkerProblem, default_worker_schedules,
    plan_on_workers as core_plan,
};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::clock::clock;
use crate::detach::detached;
use crate::error::BindResult;
use crate::graph::{PyGraph, copied};
use crate::plan_team::{Limits, best_of};

/// Starts, finishes, workers, makespan, lower bound; method; number of schedules; whether time or Ctrl-C ended the search.
type PyPlanned<'py> = (
    Bound<'py, PyArray1<u64>>,
    Bound<'py, PyArray1<u64>>,
    Bound<'py, PyArray1<i64>>,
    u64,
    u64,
    &'static str,
    u64,
    bool,
);

/// Plan a graph on workers. Durations have one column and speeds, or one column per worker.
#[pyfunction]
#[pyo3(signature = (graph, durations_ns, speeds, cores, demands, transfers_ns, time_limit_ns, max_schedules, seed))]
#[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
#[expect(clippy::too_many_arguments, reason = "one crossing carries the whole problem")]
pub(crate) fn plan_on_workers<'py>(
    py: Python<'py>,
    graph: &PyGraph,
    durations_ns: PyReadonlyArray2<'_, u64>,
    speeds: Option<PyReadonlyArray1<'_, f64>>,
    cores: PyReadonlyArray1<'_, u32>,
    demands: PyReadonlyArray1<'_, u32>,
    transfers_ns: PyReadonlyArray1<'_, u64>,
    time_limit_ns: Option<u64>,
    max_schedules: Option<u64>,
    seed: u64,
) -> BindResult<PyPlanned<'py>> {
    let begun = clock().raw();
    let graph = graph.shared();
    let n_columns = durations_ns.shape()[1];
    let durations_ns = durations_ns.as_array().iter().copied().collect();
    let durations = match speeds {
        Some(speeds) => WorkerDurations::Speeds { durations_ns, speeds: copied(&speeds) },
        None => WorkerDurations::Table { durations_ns, n_workers: n_columns },
    };
    let (cores, demands, transfers_ns) = (copied(&cores), copied(&demands), copied(&transfers_ns));
    let n_by_default = default_worker_schedules(graph.n_nodes(), cores.len());
    let limits = Limits::new(begun, time_limit_ns, max_schedules, n_by_default, seed, 1);
    let (planned, finishes_ns) = detached(py, || {
        let problem = WorkerProblem::new(graph, durations, cores, demands, transfers_ns)?;
        let planned = best_of(&limits, |seed, n_schedules_max, keep_going| {
            Ok::<_, PlanError>(core_plan(&problem, seed, n_schedules_max, keep_going))
        })?;
        let schedule = &planned.schedule;
        let placed = schedule.starts_ns.iter().zip(&schedule.workers).enumerate();
        let finishes_ns: Vec<_> = placed
            .map(|(node, (start_ns, &worker))| start_ns + problem.duration_ns(node, worker as usize))
            .collect();
        Ok::<_, PlanError>((planned, finishes_ns))
    })?;
    let WorkerPlanned { schedule, makespan_ns, lower_bound_ns, method, n_schedules, is_truncated } = planned;
    let workers: Vec<_> = schedule.workers.into_iter().map(i64::from).collect();
    Ok((
        schedule.starts_ns.into_pyarray(py),
        finishes_ns.into_pyarray(py),
        workers.into_pyarray(py),
        makespan_ns,
        lower_bound_ns,
        method.as_str(),
        n_schedules,
        is_truncated,
    ))
}
