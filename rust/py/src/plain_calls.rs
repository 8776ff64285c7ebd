//! Calls of steps that are no nodes: which ones a body makes on its thread, and which of them it failed with.

use std::cell::RefCell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use rustc_hash::FxHashMap;

use crate::call;
use crate::names::Names;
use crate::step::PyStep;

/// What is counted on a thread.
#[derive(Debug)]
struct Counting {
    /// The nodes that the calls would have been.
    names: Names,
    n_calls: u64,
    idx_of_step: FxHashMap<usize, u32>,
    /// Kept alive, so that no other step has the address of one of them.
    steps: Vec<Py<PyStep>>,
    /// A step is running: what it calls is its own affair.
    is_inside: bool,
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
            idx_of_step: FxHashMap::default(),
            steps: Vec::new(),
            is_inside: false,
            is_plain: true,
            apart,
            failed: None,
        }
    }

    fn add(&mut self, step: &Bound<'_, PyStep>) {
        let address = step.as_ptr().addr();
        let idx = *self.idx_of_step.entry(address).or_insert_with(|| {
            self.steps.push(step.clone().unbind());
            self.names.add_step(step.get().name())
        });
        self.names.add_node(idx);
    }
}

thread_local! {
    static COUNTING: RefCell<Option<Counting>> = const { RefCell::new(None) };
}

/// A call that is counted.
#[derive(Debug)]
struct Place {
    /// The node that it would have been.
    node: u32,
    /// Makes the call, where a plain one is not enough.
    apart: Option<Py<PyAny>>,
}

/// Notes that a step is called; returns which call it is where that is counted.
#[inline]
fn begin(step: &Bound<'_, PyStep>) -> Option<Place> {
    COUNTING.with_borrow_mut(|counting| {
        let counting = counting.as_mut().filter(|counting| !counting.is_inside)?;
        counting.is_inside = true;
        counting.n_calls += 1;
        let node = counting.names.n_nodes() as u32;
        counting.add(step);
        let native = step.get();
        if let Some(pick) = native.pick() {
            (0..native.n_outputs()).for_each(|_| counting.add(pick.bind(step.py())));
        }
        counting.is_plain &= native.is_plain();
        let apart = native.needs_a_node().then(|| counting.apart.clone_ref(step.py()));
        Some(Place { node, apart })
    })
}

/// Notes that a call is over.
#[inline]
fn end<T>(py: Python<'_>, node: u32, result: &PyResult<T>, is_mismatch: bool) {
    let failed = result.as_ref().err().filter(|_| !is_mismatch);
    let failed = failed.map(|error| (node, error.value(py).clone().unbind()));
    let before = COUNTING.with_borrow_mut(|counting| {
        let counting = counting.as_mut()?;
        counting.is_inside = false;
        failed.and_then(|failed| counting.failed.replace(failed))
    });
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
    let result = match &place.apart {
        None => call::call(function, args, kwargs),
        Some(apart) => apart.bind(py).call1((step, args, kwargs)),
    };
    let result = result.and_then(call::unless_failed);
    // A call that does not fit is refused before anything runs where it is a node.
    let mismatch = if result.is_err() { step.get().check_arity(args.len(), kwargs).err() } else { None };
    end(py, place.node, &result, mismatch.is_some());
    match mismatch {
        Some(mismatch) => Err(mismatch.into()),
        None => result,
    }
}

/// Calls the body of a workflow inside of one that is a plain call: its steps are named as its own.
pub(crate) fn call_inner<'py>(
    name: &str,
    body: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let scope = COUNTING.with_borrow_mut(|counting| {
        let counting = counting.as_mut().filter(|counting| !counting.is_inside)?;
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
    let is_counting = COUNTING.with_borrow(Option::is_some);
    is_counting.then(|| CountingGuard::new(None))
}

/// Counts something else until it is dropped.
#[derive(Debug)]
pub(crate) struct CountingGuard(Option<Counting>);

impl CountingGuard {
    fn new(counting: Option<Counting>) -> Self {
        Self(COUNTING.replace(counting))
    }

    fn finish(mut self) -> Option<Counting> {
        let counted = COUNTING.replace(self.0.take());
        std::mem::forget(self);
        counted
    }
}

impl Drop for CountingGuard {
    fn drop(&mut self) {
        COUNTING.set(self.0.take());
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
