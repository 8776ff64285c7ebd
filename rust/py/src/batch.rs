//! Batch forms: which nodes may share a call of one, and that call.
//!
//! A batch form is called as its step is, with a list in the place of each argument: the values of all calls, in program
//! order. It returns one result for each.

use std::sync::Arc;

use makespan_core::sched::Candidates;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFrozenSet, PyList, PySet, PyString, PyTuple};
use rustc_hash::FxHashMap;

use crate::board::{NodeEnd, Report};
use crate::call::{self, Caller, Recalled};
use crate::clock::clock;
use crate::columns::Span;
use crate::error::{self, BindError};
use crate::joint::{Form as JointForm, Joinable, Met, met};
use crate::layout::Layout;
use crate::recording::flag;
use crate::run::node_end;
use crate::step::PyStep;
use crate::thread_cpu::CpuShare;

/// How a strategy batches: `makespan.abc.Batching`.
#[derive(Clone, Copy, Debug, FromPyObject)]
pub(crate) struct Batching {
    /// Most calls in one, where the step does not say.
    max_batch: u32,
    min_batch: u32,
    /// In seconds.
    max_wait: f64,
    /// Calls may wait for those of other runs, too.
    across_runs: bool,
}

/// What the calls of one class have in common: step, number of arguments, names of the last ones.
#[derive(PartialEq, Eq, Hash)]
struct Form {
    step_idx: u32,
    n_args: u32,
    keywords: Vec<String>,
}

impl Batching {
    /// Finds the nodes that may share calls, by position; none where there are no two of a kind.
    pub(crate) fn candidates(&self, py: Python<'_>, layout: &Layout) -> Option<Arc<Candidates>> {
        let steps = &layout.program.steps;
        let has_batch: Vec<bool> = steps.iter().map(|step| step.bind(py).get().batch().is_some()).collect();
        if !has_batch.contains(&true) {
            return None;
        }
        let mut forms: FxHashMap<Form, u32> = FxHashMap::default();
        let mut n_of_form: Vec<(u32, u32)> = Vec::new();
        let mut form_of_node = vec![Candidates::NONE; layout.n_nodes()];
        for (position, form_idx) in (0_u32..).zip(&mut form_of_node) {
            let step_idx = layout.step_idx_at(position);
            if !has_batch[step_idx as usize] {
                continue;
            }
            let (n_args, keywords) = signature(py, layout, position);
            if n_args == 0 {
                // Nothing would tell the batch form how many calls it stands for.
                continue;
            }
            let n_forms = forms.len() as u32;
            *form_idx = *forms.entry(Form { step_idx, n_args, keywords }).or_insert(n_forms);
            if *form_idx == n_forms {
                n_of_form.push((step_idx, 0));
            }
            n_of_form[*form_idx as usize].1 += 1;
        }
        let mut n_max_of_class = Vec::new();
        let class_of_form: Vec<u32> = n_of_form
            .into_iter()
            .map(|(step_idx, n)| {
                let n_max = steps[step_idx as usize].bind(py).get().max_batch().unwrap_or(self.max_batch);
                if n < 2 || n_max < 2 {
                    return Candidates::NONE;
                }
                n_max_of_class.push(n_max);
                n_max_of_class.len() as u32 - 1
            })
            .collect();
        if n_max_of_class.is_empty() {
            return None;
        }
        let wait_ns_max = self.wait_ns_max();
        let class = |form: u32| if form == Candidates::NONE { form } else { class_of_form[form as usize] };
        let class_of_node = form_of_node.into_iter().map(class).collect();
        Some(Arc::new(Candidates { class_of_node, n_max_of_class, n_min: self.min_batch, wait_ns_max }))
    }

    /// Finds the nodes that may be called together with those of other runs, by position; none where calls wait for nobody.
    ///
    /// Those of pure steps only: nothing but the results can tell who was called with whom. And none that needs a grant or
    /// that the cache may have, since these would be settled for each run on its own, while the call is one.
    pub(crate) fn joinable(&self, py: Python<'_>, layout: &Layout) -> Option<Arc<Joinable>> {
        if !self.across_runs || self.wait_ns_max() == 0 {
            return None;
        }
        let n_max_of = |step: &Bound<'_, PyStep>| {
            let step = step.get();
            let n_max = step.max_batch().unwrap_or(self.max_batch);
            let may = step.batch().is_some() && step.is_pure() && step.needs().is_empty() && n_max > 1;
            may.then_some(n_max)
        };
        let n_max_of_step: Vec<Option<u32>> =
            layout.program.steps.iter().map(|step| n_max_of(step.bind(py))).collect();
        let mut idx_of_form: FxHashMap<JointForm, u32> = FxHashMap::default();
        let mut forms: Vec<(JointForm, u32, u32)> = Vec::new();
        let mut form_of_position = vec![Joinable::NONE; layout.n_nodes()];
        for (position, form_idx) in (0_u32..).zip(&mut form_of_position) {
            let step_idx = layout.step_idx_at(position) as usize;
            let is_cached = layout.nodes[position as usize].flags & flag::CACHED != 0;
            let Some(n_max) = n_max_of_step[step_idx].filter(|_| !is_cached) else {
                continue;
            };
            let (n_args, keywords) = signature(py, layout, position);
            if n_args == 0 {
                continue;
            }
            let step = layout.program.steps[step_idx].as_ptr() as usize;
            let form = JointForm { step, n_args, keywords };
            *form_idx = *idx_of_form.entry(form.clone()).or_insert(forms.len() as u32);
            if *form_idx as usize == forms.len() {
                forms.push((form, 0, n_max));
            }
            forms[*form_idx as usize].1 += 1;
        }
        let (n_min, wait_ns_max) = (self.min_batch as usize, self.wait_ns_max());
        let program = Arc::clone(&layout.program);
        let joinable = Joinable { program, form_of_position, forms, n_min, wait_ns_max };
        (!joinable.forms.is_empty()).then(|| Arc::new(joinable))
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a conversion to u64 saturates"
    )]
    fn wait_ns_max(&self) -> u64 {
        (self.max_wait * 1e9) as u64
    }
}

/// How many arguments a node has, and the names of the last ones.
fn signature(py: Python<'_>, layout: &Layout, position: u32) -> (u32, Vec<String>) {
    let flags = layout.nodes[position as usize].flags;
    let args = layout.args_at(position as usize);
    let (n_args, keywords) = if flags & flag::NESTED != 0 {
        let nesting = &layout.program.nestings[(flags >> flag::N_BITS) as usize];
        (nesting.shapes.len(), nesting.keywords.as_ref().map(|names| names.bind(py).clone()))
    } else if flags & flag::KEYWORDS != 0
        && let Some((last, rest)) = args.split_last()
    {
        let names = layout.program.constants[last.index()].bind(py);
        (rest.len(), names.cast::<PyTuple>().ok().cloned())
    } else {
        (args.len(), None)
    };
    let names =
        keywords.into_iter().flat_map(|names| names.iter().map(|name| name.to_string()).collect::<Vec<_>>());
    (n_args as u32, names.collect())
}

/// Why a batch form gave no results.
pub(crate) enum Failure {
    /// It raised.
    Raised(PyErr),
    /// What it returned is not one result for each call.
    Misshapen(PyErr),
}

/// Runs the nodes of one call, which a worker was given together, and tells how each ended.
///
/// Where the batch form of a pure step raises, the nodes are called one by one: so those fail that would by themselves.
/// Otherwise all of them fail.
///
/// # Safety
/// As `Caller::call`, for each of the positions.
#[expect(unsafe_code, reason = "calls nodes, see call.rs")]
pub(crate) unsafe fn run_together(
    py: Python<'_>,
    layout: &Layout,
    caller: &mut Caller<'_, '_>,
    worker: u16,
    mut positions: Vec<u32>,
    start: u64,
) -> Report {
    if layout.is_program_ordered() {
        positions.sort_unstable_by_key(|position| layout.node_at(*position));
    }
    let step = layout.program.steps[layout.step_idx_at(positions[0]) as usize].bind(py).get();
    // SAFETY: as the caller vouches.
    let outcomes = match unsafe { met(caller, &positions) } {
        Ok(Met::Alone(_lead)) => unsafe { called_together(py, caller, step, &positions) },
        Ok(Met::Made(results)) => {
            let stored = |(position, result): (&u32, Bound<'_, PyAny>)| {
                // SAFETY: as the caller vouches.
                call::unless_failed(result).map(|result| unsafe { caller.store(*position as usize, result) })
            };
            Ok(positions.iter().zip(results).map(stored).collect())
        }
        Err(failure) => Err(failure),
    };
    let finish = clock().raw();
    let ends: Vec<NodeEnd> = match outcomes {
        Ok(outcomes) => outcomes.into_iter().map(|outcome| node_end(py, outcome)).collect(),
        Err(Failure::Raised(error)) if step.is_pure() && !error::ends_the_program(py, &error) => {
            // SAFETY: as the caller vouches.
            return unsafe { run_one_by_one(py, caller, worker, &positions, start) };
        }
        Err(Failure::Raised(error) | Failure::Misshapen(error)) => {
            positions.iter().map(|_| node_end(py, Err(error.clone_ref(py)))).collect()
        }
    };
    // The nodes have equal shares of the time that the call took.
    let n_nodes = positions.len() as u64;
    let at = |n: u64| {
        start + (u128::from(finish.saturating_sub(start)) * u128::from(n) / u128::from(n_nodes)) as u64
    };
    let spans = (0..).zip(positions).map(|(n, position)| Span {
        position,
        worker,
        cpu: CpuShare::UNKNOWN,
        start: at(n),
        finish: at(n + 1),
    });
    Report::of_call(spans.zip(ends).collect())
}

/// # Safety
/// As `Caller::call`, for each of the positions.
#[expect(unsafe_code, reason = "calls nodes, see call.rs")]
unsafe fn run_one_by_one(
    py: Python<'_>,
    caller: &mut Caller<'_, '_>,
    worker: u16,
    positions: &[u32],
    mut start: u64,
) -> Report {
    let mut ended = Vec::with_capacity(positions.len());
    for position in positions {
        // SAFETY: as the caller vouches.
        let outcome = unsafe { caller.call_by_itself(*position as usize) };
        let finish = clock().raw();
        ended.push((
            Span { position: *position, worker, cpu: CpuShare::UNKNOWN, start, finish },
            node_end(py, outcome),
        ));
        start = finish;
    }
    Report::of_nodes(ended)
}

/// Calls the batch form and stores its results.
///
/// # Safety
/// As `Caller::call`, for each of the positions.
#[expect(unsafe_code, reason = "slots are shared by protocol")]
unsafe fn called_together(
    py: Python<'_>,
    caller: &Caller<'_, '_>,
    step: &PyStep,
    positions: &[u32],
) -> Result<Vec<PyResult<()>>, Failure> {
    let mut outcomes: Vec<Option<PyResult<()>>> = Vec::with_capacity(positions.len());
    // What the cache does not have: where it stands among the positions, and how its end is told to the cache.
    let mut calls = Vec::new();
    let mut columns: Vec<Vec<Bound<'_, PyAny>>> = Vec::new();
    let mut keywords = None;
    for (idx, position) in positions.iter().enumerate() {
        // SAFETY: as the caller vouches.
        let missing = match unsafe { caller.recalled(*position as usize) } {
            Ok(Recalled::Stored) => {
                outcomes.push(Some(Ok(())));
                continue;
            }
            Ok(Recalled::NotCached) => None,
            Ok(Recalled::Missing(cache, missing)) => Some((cache, missing)),
            Err(error) => {
                outcomes.push(Some(Err(error)));
                continue;
            }
        };
        outcomes.push(None);
        calls.push((idx, missing));
        // SAFETY: as the caller vouches.
        let (args, names) = unsafe { caller.gathered(*position as usize) }.map_err(Failure::Raised)?;
        columns.resize_with(args.len(), Vec::new);
        for (column, arg) in columns.iter_mut().zip(args) {
            column.push(arg);
        }
        keywords = names;
    }
    if calls.is_empty() {
        return Ok(outcomes.into_iter().flatten().collect());
    }
    let result = call_form(py, step, columns, keywords.as_ref()).map_err(Failure::Raised)?;
    let results = listed(&result)
        .filter(|results| results.len() == calls.len())
        .ok_or_else(|| misshapen(step, calls.len(), found(&result)))?;
    for ((idx, missing), result) in calls.into_iter().zip(results) {
        let outcome = call::unless_failed(result);
        if let Some((cache, missing)) = missing {
            missing.end(py, cache, &outcome).map_err(|error| Failure::Raised(error.into()))?;
        }
        // SAFETY: as the caller vouches.
        let store = |result| unsafe { caller.store(positions[idx] as usize, result) };
        outcomes[idx] = Some(outcome.map(store));
    }
    Ok(outcomes.into_iter().flatten().collect())
}

/// The failure of a batch form that returned something else than one result for each of its calls.
pub(crate) fn misshapen(step: &PyStep, expected: usize, found: String) -> Failure {
    Failure::Misshapen(BindError::BatchResult { step: step.name().to_owned(), expected, found }.into())
}

/// Calls the batch form of a step.
pub(crate) fn call_form<'py>(
    py: Python<'py>,
    step: &PyStep,
    mut columns: Vec<Vec<Bound<'py, PyAny>>>,
    keywords: Option<&Bound<'py, PyTuple>>,
) -> PyResult<Bound<'py, PyAny>> {
    let Some(batch) = step.batch() else {
        unreachable!("only nodes whose step has a batch form are started together");
    };
    let n_positional = columns.len() - keywords.map_or(0, PyTupleMethods::len);
    let named = columns.split_off(n_positional);
    let lists = columns.into_iter().map(|column| PyList::new(py, column)).collect::<PyResult<Vec<_>>>()?;
    let kwargs = PyDict::new(py);
    for (name, column) in keywords.into_iter().flat_map(PyTupleMethods::iter).zip(named) {
        kwargs.set_item(name, PyList::new(py, column)?)?;
    }
    call::call(batch.bind(py), &PyTuple::new(py, lists)?, Some(&kwargs))
}

/// Lists the members of what a batch form returned, if it has any in an order.
pub(crate) fn listed<'py>(result: &Bound<'py, PyAny>) -> Option<Vec<Bound<'py, PyAny>>> {
    let has_no_order = result.is_instance_of::<PyDict>()
        || result.is_instance_of::<PySet>()
        || result.is_instance_of::<PyFrozenSet>()
        || result.is_instance_of::<PyString>()
        || result.is_instance_of::<PyBytes>();
    if has_no_order || result.len().is_err() {
        return None;
    }
    result.try_iter().ok()?.collect::<PyResult<_>>().ok()
}

/// What a batch form returned, for people.
pub(crate) fn found(result: &Bound<'_, PyAny>) -> String {
    match listed(result) {
        Some(results) => format!("{} results", results.len()),
        None => {
            result.get_type().name().map_or_else(|_| "something else".to_owned(), |name| name.to_string())
        }
    }
}
