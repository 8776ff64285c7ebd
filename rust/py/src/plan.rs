//! Plans over arrays: `makespan._core.plan`.

use makespan_core::plan::{Planned, Problem, default_schedules, plan as core_plan};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;

use crate::detach::detached;
use crate::error::BindResult;
use crate::graph::{PyGraph, copied};
use crate::patience::Patience;

/// Starts, makespan, lower bound, in nanoseconds; method; number of schedules; whether time or Ctrl-C ended the search.
type PyPlanned<'py> = (Bound<'py, PyArray1<u64>>, u64, u64, &'static str, u64, bool);

/// Plan a graph under limited resources. Ctrl-C ends the search, and the best schedule so far is returned.
#[pyfunction]
#[pyo3(signature = (graph, durations_ns, demands, capacities, time_limit_ns, max_schedules, seed))]
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
) -> BindResult<PyPlanned<'py>> {
    let mut patience = Patience::new(time_limit_ns);
    let graph = graph.shared();
    let durations_ns = copied(&durations_ns);
    let demands = demands.as_array().iter().copied().collect();
    let capacities = copied(&capacities);
    // A limit of time alone is one; the default is for who says nothing.
    let n_schedules_max = match (max_schedules, time_limit_ns) {
        (Some(n), _) => n,
        (None, Some(_)) => u64::MAX,
        (None, None) => default_schedules(graph.n_nodes()),
    };
    let planned: Planned = detached(py, || {
        let problem = Problem::new(graph, durations_ns, demands, capacities)?;
        let planned = core_plan(&problem, seed, n_schedules_max, || patience.lasts());
        Ok::<_, makespan_core::plan::PlanError>(planned)
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
