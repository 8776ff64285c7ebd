//! Calls of steps that are no nodes: which ones a body makes on its thread, and which of them it failed with.

use std::cell::{Cell, RefCell};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use rustc_hash::FxHashMap;

use crate::call;
use crate::names::Names;
use crate::step::PyStep;

/// A step that was called.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// Its index among the names.
    idx: u32,
    /// A call of it is one node, and a plain call is enough for that.
    is_one_node: bool,
}

/// A body calls a few steps in turn.
const N_RECENT: usize = 8;

/// What is counted on a thread.
#[derive(Debug)]
struct Counting {
    /// The nodes that the calls would have been.
    names: Names,
    n_calls: u64,
    /// By address.
    known: FxHashMap<usize, Known>,
    /// Of these the last ones that were called, each at the place that its address says.
    recent: [(usize, Known); N_RECENT],
    /// Kept alive, so that no other step has the address of one of them.
    steps: Vec<Py<PyStep>>,
    /// Every step was one that a plain call is enough for.
    is_plain: bool,
    /// Makes the calls for which a plain one is not enough.
    apart: Py<PyAny>,
    /// The last call that failed, and with what.
    failed: Option<(u32, Py<PyBaseException>)>,
}

impl Counting {
    fn new(workflow: String, apart: Py<PyAny>) -> Self {
        Self {
            names: Names::new(workflow),
            n_calls: 0,
            known: FxHashMap::default(),
            recent: [(0, Known::default()); N_RECENT],
            steps: Vec::new(),
            is_plain: true,
            apart,
            failed: None,
        }
    }

    #[inline]
    fn known(&mut self, step: &Bound<'_, PyStep>) -> Known {
        let address = step.as_ptr().addr();
        let (recent, known) = self.recent[place_of(address)];
        if recent == address { known } else { self.look_up(step, address) }
    }

    #[cold]
    fn look_up(&mut self, step: &Bound<'_, PyStep>, address: usize) -> Known {
        let known = *self.known.entry(address).or_insert_with(|| {
            let native = step.get();
            self.is_plain &= native.is_plain();
            self.steps.push(step.clone().unbind());
            let idx = self.names.add_step(native.name());
            Known { idx, is_one_node: native.pick().is_none() && !native.needs_a_node() }
        });
        self.recent[place_of(address)] = (address, known);
        known
    }
}

/// Adds the nodes that take the results of a call apart; returns what makes the call, if a plain one is not enough.
#[cold]
fn add_more(step: &Bound<'_, PyStep>) -> Option<Py<PyAny>> {
    let native = step.get();
    COUNTING.with_borrow_mut(|counting| {
        let counting = counting.as_mut()?;
        if let Some(pick) = native.pick() {
            let idx = counting.known(pick.bind(step.py())).idx;
            (0..native.n_outputs()).for_each(|_| counting.names.add_node(idx));
        }
        native.needs_a_node().then(|| counting.apart.clone_ref(step.py()))
    })
}

/// Objects are apart by a cache line or more.
#[inline]
fn place_of(address: usize) -> usize {
    (address >> 6 ^ address >> 9) % N_RECENT
}

/// Whether calls of steps are counted, in a place that costs next to nothing to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Off,
    Counting,
    /// A step is running: what it calls is its own affair.
    Inside,
}

thread_local! {
    static STAGE: Cell<Stage> = const { Cell::new(Stage::Off) };
    static COUNTING: RefCell<Option<Counting>> = const { RefCell::new(None) };
}

/// A call that is counted.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// The node that it would have been.
    node: u32,
    is_one_node: bool,
}

/// Notes that a step is called; returns which call it is where that is counted.
#[inline]
fn begin(step: &Bound<'_, PyStep>) -> Option<Place> {
    if STAGE.get() != Stage::Counting {
        return None;
    }
    STAGE.set(Stage::Inside);
    COUNTING.with_borrow_mut(|counting| {
        let counting = counting.as_mut()?;
        counting.n_calls += 1;
        let node = counting.names.n_nodes() as u32;
        let Known { idx, is_one_node } = counting.known(step);
        counting.names.add_node(idx);
        Some(Place { node, is_one_node })
    })
}

/// Notes that a call failed.
#[cold]
fn note_failure(py: Python<'_>, node: u32, error: &PyErr) {
    let failed = (node, error.value(py).clone().unbind());
    let before = COUNTING.with_borrow_mut(|counting| counting.as_mut()?.failed.replace(failed));
    drop(before); // Its finalizer may call a step.
}

/// Calls the function of a step; what it returns may be a declared failure.
#[inline]
pub(crate) fn call_step<'py>(
    step: &Bound<'py, PyStep>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = step.py();
    let function = step.get().function().bind(py);
    let Some(place) = begin(step) else {
        return call::call(function, args, kwargs).and_then(call::unless_failed);
    };
    let apart = if place.is_one_node { None } else { add_more(step) };
    let result = match &apart {
        None => call::call(function, args, kwargs),
        Some(apart) => apart.bind(py).call1((step, args, kwargs)),
    };
    STAGE.set(Stage::Counting);
    let error = match result.and_then(call::unless_failed) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    // A call that does not fit is refused before anything runs where it is a node.
    step.get().check_arity(args.len(), kwargs)?;
    note_failure(py, place.node, &error);
    Err(error)
}

/// Calls the body of a workflow inside of one that is a plain call: its steps are named as its own.
pub(crate) fn call_inner<'py>(
    name: &str,
    body: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let is_counting = STAGE.get() == Stage::Counting;
    let scope = COUNTING.with_borrow_mut(|counting| {
        let counting = counting.as_mut().filter(|_| is_counting)?;
        Some(counting.names.enter_scope(name))
    });
    let result = call::call(body, args, kwargs);
    if let Some(scope) = scope {
        COUNTING.with_borrow_mut(|counting| {
            if let Some(counting) = counting {
                counting.names.leave_scope(scope);
            }
        });
    }
    result
}

/// Counts nothing until the guard is dropped; none where nothing is counted anyway.
pub(crate) fn uncounted() -> Option<CountingGuard> {
    (STAGE.get() != Stage::Off).then(|| CountingGuard::new(None))
}

/// Counts something else until it is dropped.
#[derive(Debug)]
pub(crate) struct CountingGuard {
    before: Option<Counting>,
    stage: Stage,
}

impl CountingGuard {
    fn new(counting: Option<Counting>) -> Self {
        let stage = if counting.is_some() { Stage::Counting } else { Stage::Off };
        Self { before: COUNTING.replace(counting), stage: STAGE.replace(stage) }
    }

    fn finish(mut self) -> Option<Counting> {
        STAGE.set(self.stage);
        let counted = COUNTING.replace(self.before.take());
        std::mem::forget(self);
        counted
    }
}

impl Drop for CountingGuard {
    fn drop(&mut self) {
        STAGE.set(self.stage);
        COUNTING.set(self.before.take());
    }
}

/// Calls a body whose steps are plain calls, and counts those.
#[pyclass(name = "PlainCalls", module = "makespan._core", frozen)]
#[derive(Debug, Default)]
pub(crate) struct PyPlainCalls {
    n_calls: AtomicU64,
    is_mixed: AtomicBool,
    failed_node: OnceLock<(String, u32)>,
}

#[pymethods]
impl PyPlainCalls {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Call `function(*args, **kwargs)` and count the calls of steps that it makes, those aside that steps make.
    ///
    /// `apart(step, args, kwargs)` makes those that are to be granted something or may be in the cache.
    fn make<'py>(
        &self,
        workflow: String,
        apart: Py<PyAny>,
        function: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: &Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let guard = CountingGuard::new(Some(Counting::new(workflow, apart)));
        let result = call::call(function, args, Some(kwargs));
        let Some(counted) = guard.finish() else { return result };
        self.n_calls.store(counted.n_calls, Ordering::Relaxed);
        self.is_mixed.store(!counted.is_plain, Ordering::Relaxed);
        if let (Err(error), Some((node, failed_with))) = (&result, &counted.failed)
            && error.value(function.py()).is(failed_with)
        {
            self.failed_node.get_or_init(|| (counted.names.path(*node), *node));
        }
        result
    }

    /// How many calls were made.
    #[getter]
    fn n_calls(&self) -> u64 {
        self.n_calls.load(Ordering::Relaxed)
    }

    /// Whether some step was one for which nodes are there.
    #[getter]
    fn is_mixed(&self) -> bool {
        self.is_mixed.load(Ordering::Relaxed)
    }

    /// Path and index of the node that the call would have been whose exception left the body; none where no step is to blame.
    #[getter]
    fn failed_node(&self) -> Option<(String, u32)> {
        self.failed_node.get().cloned()
    }
}
