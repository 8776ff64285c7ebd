//! Plans over arrays: `makespan._core.plan`.

use makespan_core::plan::{
    DurationQuantiles, PlanError, Planned, Problem, Violation, critical_chain as core_critical_chain,
    default_schedules, plan as core_plan, simulate_runs as core_simulate_runs,
};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;

use crate::clock::clock;
use crate::detach::detached;
use crate::error::BindResult;
use crate::graph::{PyGraph, copied};
use crate::plan_team::{Limits, best_of};
use crate::signals::SignalWatch;

type PyIds<'py> = Bound<'py, PyArray1<i64>>;

/// Starts, makespan, lower bound, in nanoseconds; method; number of schedules; whether time or Ctrl-C ended the search.
type PyPlanned<'py> = (Bound<'py, PyArray1<u64>>, u64, u64, &'static str, u64, bool);

/// Makespans in nanoseconds, by sample; in how many samples each node was critical.
type PyRuns<'py> = (Bound<'py, PyArray1<u64>>, Bound<'py, PyArray1<u32>>);

/// Plan a graph under limited resources. Ctrl-C ends the search, and the best schedule so far is returned.
#[pyfunction]
#[pyo3(signature = (graph, durations_ns, demands, capacities, time_limit_ns, max_schedules, seed, workers))]
#[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
#[expect(clippy::too_many_arguments, reason = "one crossing carries the whole problem")]
pub(crate) fn plan<'py>(
    py: Python<'py>,
    graph: &PyGraph,
    durations_ns: PyReadonlyArray1<'_, u64>,
    demands: PyReadonlyArray2<'_, i64>,
    capacities: PyReadonlyArray1<'_, i64>,
    time_limit_ns: Option<u64>,
    max_schedules: Option<u64>,
    seed: u64,
    workers: usize,
) -> BindResult<PyPlanned<'py>> {
    let begun = clock().raw();
    let graph = graph.shared();
    let durations_ns = copied(&durations_ns);
    let demands = demands.as_array().iter().copied().collect();
    let capacities = copied(&capacities);
    let n_by_default = default_schedules(graph.n_nodes());
    let limits = Limits::new(begun, time_limit_ns, max_schedules, n_by_default, seed, workers);
    let planned = detached(py, || -> Result<Planned, PlanError> {
        let problem = Problem::new(graph, durations_ns, demands, capacities)?;
        best_of(&limits, |seed, n_schedules_max, keep_going| {
            Ok(core_plan(&problem, seed, n_schedules_max, keep_going))
        })
    })?;
    Ok((
        planned.starts_ns.into_pyarray(py),
        planned.makespan_ns,
        planned.lower_bound_ns,
        planned.method.as_str(),
        planned.n_schedules,
        planned.is_truncated,
    ))
}

/// Return the nodes of the critical chain, and for each the resource that the node before it handed over, or -1.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
pub(crate) fn critical_chain<'py>(
    py: Python<'py>,
    graph: &PyGraph,
    starts_ns: PyReadonlyArray1<'_, u64>,
    durations_ns: PyReadonlyArray1<'_, u64>,
    demands: PyReadonlyArray2<'_, i64>,
    capacities: PyReadonlyArray1<'_, i64>,
) -> BindResult<(PyIds<'py>, PyIds<'py>)> {
    let (graph, starts_ns, durations_ns) = (graph.shared(), copied(&starts_ns), copied(&durations_ns));
    let (demands, capacities) = (demands.as_array().iter().copied().collect(), copied(&capacities));
    let chain = detached(py, || {
        let problem = Problem::new(graph, durations_ns, demands, capacities)?;
        Ok::<_, PlanError>(core_critical_chain(&problem, &starts_ns))
    })?;
    let nodes: Vec<i64> = chain.nodes.iter().map(|node| i64::from(node.get())).collect();
    let resources = chain.resources.iter().map(|resource| {
        resource.map_or(-1, |idx| i64::try_from(idx).expect("a row of memory has fewer entries"))
    });
    Ok((nodes.into_pyarray(py), resources.collect::<Vec<_>>().into_pyarray(py)))
}

/// Simulate runs of a plan whose durations are drawn; makespans in nanoseconds, and how often each node was critical.
///
/// Ctrl-C is raised.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
#[expect(clippy::too_many_arguments, reason = "one crossing carries the whole problem")]
pub(crate) fn simulate_runs<'py>(
    py: Python<'py>,
    graph: &PyGraph,
    demands: PyReadonlyArray2<'_, i64>,
    capacities: PyReadonlyArray1<'_, i64>,
    priorities: PyReadonlyArray1<'_, u64>,
    deviates: Vec<f64>,
    quantiles_ns: PyReadonlyArray2<'_, u64>,
    n_samples: usize,
    seed: u64,
) -> BindResult<PyRuns<'py>> {
    let (graph, capacities, priorities) = (graph.shared(), copied(&capacities), copied(&priorities));
    let demands = demands.as_array().iter().copied().collect();
    let quantiles_ns: Vec<u64> = quantiles_ns.as_array().iter().copied().collect();
    let mut signals = SignalWatch::new();
    let runs = detached(py, || {
        let certain_ns = vec![1; graph.n_nodes()];
        let problem = Problem::new(graph, certain_ns, demands, capacities)?;
        let quantiles = DurationQuantiles::new(deviates, &quantiles_ns);
        Ok::<_, PlanError>(core_simulate_runs(&problem, &priorities, &quantiles, n_samples, seed, || {
            signals.is_quiet(clock().raw())
        }))
    })?;
    signals.end()?;
    Ok((runs.makespans_ns.into_pyarray(py), runs.n_critical.into_pyarray(py)))
}

/// Return how long each node takes at a standard normal deviate, in nanoseconds.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
pub(crate) fn quantile_durations<'py>(
    py: Python<'py>,
    deviates: Vec<f64>,
    quantiles_ns: PyReadonlyArray2<'_, u64>,
    deviate: f64,
) -> Bound<'py, PyArray1<u64>> {
    let quantiles_ns: Vec<u64> = quantiles_ns.as_array().iter().copied().collect();
    detached(py, || DurationQuantiles::new(deviates, &quantiles_ns).durations_ns(deviate)).into_pyarray(py)
}

/// Return what is wrong with a schedule first: ("precedence", before, after), ("capacity", resource, nanoseconds), or None.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
pub(crate) fn first_violation(
    py: Python<'_>,
    graph: &PyGraph,
    starts_ns: PyReadonlyArray1<'_, u64>,
    durations_ns: PyReadonlyArray1<'_, u64>,
    demands: PyReadonlyArray2<'_, i64>,
    capacities: PyReadonlyArray1<'_, i64>,
) -> BindResult<Option<(&'static str, u64, u64)>> {
    let (graph, starts_ns, durations_ns) = (graph.shared(), copied(&starts_ns), copied(&durations_ns));
    let (demands, capacities) = (demands.as_array().iter().copied().collect(), copied(&capacities));
    let violation = detached(py, || {
        let problem = Problem::new(graph, durations_ns, demands, capacities)?;
        Ok::<_, PlanError>(problem.first_violation(&starts_ns))
    })?;
    Ok(violation.map(|violation| match violation {
        Violation::Precedence { before, after } => {
            ("precedence", before.index() as u64, after.index() as u64)
        }
        Violation::Capacity { resource, at_ns } => ("capacity", resource as u64, at_ns),
    }))
}
