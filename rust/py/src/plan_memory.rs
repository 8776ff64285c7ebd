//! Orders and starts that keep few bytes alive: `makespan._core.plan_memory`, `makespan._core.peak_bytes`.

use makespan_core::plan::{
    PlanError, Problem, Sizes, default_memory_tries, low_memory_order, low_memory_schedule,
};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

use crate::clock::clock;
use crate::detach::detached;
use crate::error::BindResult;
use crate::graph::{PyGraph, copied};
use crate::signals::SignalWatch;

/// Order, its peak, what no order undercuts, how many orders were tried; starts, their peak and makespan; peak and makespan
/// of list scheduling that does not look at memory. Bytes and nanoseconds.
type PyMemoryPlan<'py> =
    (Bound<'py, PyArray1<i64>>, u64, u64, u64, Bound<'py, PyArray1<u64>>, u64, u64, u64, u64);

/// Plan an order and starts that keep few bytes alive. Ctrl-C is raised.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
#[expect(clippy::too_many_arguments, reason = "one crossing carries the whole problem")]
pub(crate) fn plan_memory<'py>(
    py: Python<'py>,
    graph: &PyGraph,
    sizes: PyReadonlyArray1<'_, u64>,
    kept: PyReadonlyArray1<'_, bool>,
    durations_ns: PyReadonlyArray1<'_, u64>,
    n_workers: i64,
    price_milli: u64,
    max_tries: Option<u64>,
    seed: u64,
) -> BindResult<PyMemoryPlan<'py>> {
    let (graph, bytes, kept, durations_ns) =
        (graph.shared(), copied(&sizes), copied(&kept), copied(&durations_ns));
    let mut signals = SignalWatch::new();
    let found = detached(py, || {
        let n_nodes = graph.n_nodes();
        let n_tries_max = max_tries.unwrap_or_else(|| default_memory_tries(n_nodes));
        let problem = Problem::new(graph, durations_ns, vec![1; n_nodes], vec![n_workers])?;
        let sizes = Sizes::new(problem.graph(), &bytes, &kept);
        let found = low_memory_order(sizes, seed, n_tries_max, || signals.is_quiet(clock().raw()));
        let schedule = low_memory_schedule(&problem, sizes, &found.order, price_milli);
        Ok::<_, PlanError>((found, schedule))
    });
    signals.end()?;
    let (found, schedule) = found?;
    let order: Vec<i64> = found.order.iter().map(|node| i64::from(node.get())).collect();
    Ok((
        order.into_pyarray(py),
        found.peak_bytes,
        found.lower_bound_bytes,
        found.n_tried,
        schedule.starts_ns.into_pyarray(py),
        schedule.peak_bytes,
        schedule.makespan_ns,
        schedule.unaware_peak_bytes,
        schedule.unaware_makespan_ns,
    ))
}

/// Return the most bytes that are alive at once in a schedule.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
pub(crate) fn peak_bytes(
    py: Python<'_>,
    graph: &PyGraph,
    sizes: PyReadonlyArray1<'_, u64>,
    kept: PyReadonlyArray1<'_, bool>,
    starts_ns: PyReadonlyArray1<'_, u64>,
    durations_ns: PyReadonlyArray1<'_, u64>,
) -> u64 {
    let (graph, bytes, kept) = (graph.shared(), copied(&sizes), copied(&kept));
    let (starts_ns, durations_ns) = (copied(&starts_ns), copied(&durations_ns));
    detached(py, || Sizes::new(&graph, &bytes, &kept).peak_of_schedule(&starts_ns, &durations_ns))
}
