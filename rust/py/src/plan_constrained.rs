//! Plans under terms over arrays: `makespan._core.plan_constrained`.

use makespan_core::plan::constrained::{
    Constrained, Hint, Modes, Objective, Supply, Terms, plan_constrained as core_plan,
};
use makespan_core::plan::{PlanError, default_schedules};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

use crate::clock::clock;
use crate::detach::detached;
use crate::error::{BindError, BindResult};
use crate::graph::{PyGraph, copied};
use crate::plan_team::{Limits, best_of};

/// The attributes of what Python hands over: columns by node, by mode and by step.
#[derive(FromPyObject)]
pub(crate) struct PyTerms<'py> {
    objective: String,
    release_ns: PyReadonlyArray1<'py, u64>,
    deadline_ns: PyReadonlyArray1<'py, u64>,
    due_ns: PyReadonlyArray1<'py, u64>,
    weights: PyReadonlyArray1<'py, u64>,
    start_ns: PyReadonlyArray1<'py, u64>,
    delay_ns: PyReadonlyArray1<'py, u64>,
    mode_offsets: PyReadonlyArray1<'py, u64>,
    duration_ns: PyReadonlyArray1<'py, u64>,
    demands: PyReadonlyArray1<'py, i64>,
    step_ns: PyReadonlyArray1<'py, u64>,
    capacities: PyReadonlyArray1<'py, i64>,
    is_consumed: PyReadonlyArray1<'py, bool>,
    hint_keys: PyReadonlyArray1<'py, u64>,
    hint_modes: PyReadonlyArray1<'py, u32>,
}

/// Starts, finishes, modes; objective and lower bound, in nanoseconds times weights; method; number of schedules;
/// whether time or Ctrl-C ended the search.
type PyConstrainedPlan<'py> = (
    Bound<'py, PyArray1<u64>>,
    Bound<'py, PyArray1<u64>>,
    Bound<'py, PyArray1<u32>>,
    i128,
    i128,
    &'static str,
    u64,
    bool,
);

/// Plan a graph under terms. Ctrl-C ends the search, and the best schedule so far is returned.
#[pyfunction]
#[pyo3(signature = (graph, terms, time_limit_ns, max_schedules, seed, workers))]
pub(crate) fn plan_constrained<'py>(
    py: Python<'py>,
    graph: &PyGraph,
    terms: PyTerms<'py>,
    time_limit_ns: Option<u64>,
    max_schedules: Option<u64>,
    seed: u64,
    workers: usize,
) -> BindResult<PyConstrainedPlan<'py>> {
    let begun = clock().raw();
    let graph = graph.shared();
    let n_by_default = default_schedules(graph.n_nodes());
    let limits = Limits::new(begun, time_limit_ns, max_schedules, n_by_default, seed, workers);
    let objective = Objective::ALL.into_iter().find(|objective| objective.as_str() == terms.objective);
    let Some(objective) = objective else {
        return Err(BindError::Argument {
            argument: "objective".to_owned(),
            value: terms.objective.into_pyobject(py).map_err(PyErr::from)?.into_any().unbind(),
            expected: "an objective",
        });
    };
    let keys = copied(&terms.hint_keys);
    let hint = (!keys.is_empty()).then(|| Hint { keys, modes: copied(&terms.hint_modes) });
    let offsets = terms.mode_offsets.as_array().iter().map(|&offset| offset as usize).collect();
    let modes = Modes { offsets, durations_ns: copied(&terms.duration_ns), demands: copied(&terms.demands) };
    let supply = Supply {
        times_ns: copied(&terms.step_ns),
        amounts: copied(&terms.capacities),
        is_consumed: copied(&terms.is_consumed),
    };
    let terms = Terms {
        objective,
        releases_ns: copied(&terms.release_ns),
        deadlines_ns: copied(&terms.deadline_ns),
        dues_ns: copied(&terms.due_ns),
        weights: copied(&terms.weights),
        starts_ns: copied(&terms.start_ns),
        delays_ns: copied(&terms.delay_ns),
    };
    let plan = detached(py, || -> Result<_, PlanError> {
        let problem = Constrained::new(graph, &modes, supply, terms)?;
        best_of(&limits, |seed, n_schedules_max, keep_going| {
            core_plan(&problem, hint.as_ref(), seed, n_schedules_max, keep_going)
        })
    })?;
    Ok((
        plan.starts_ns.into_pyarray(py),
        plan.finishes_ns.into_pyarray(py),
        plan.modes.into_pyarray(py),
        plan.value,
        plan.lower_bound,
        plan.method.as_str(),
        plan.n_schedules,
        plan.is_truncated,
    ))
}
