//! Calls of steps that are no nodes: how many a body makes on its thread, and which of them it failed with.

use std::cell::RefCell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::call;

/// What is counted on a thread.
#[derive(Debug, Default)]
struct Counting {
    n_calls: u64,
    /// A step is running: what it calls is its own affair.
    is_inside: bool,
    /// The last call that failed, and with what.
    failed: Option<(u64, Py<PyBaseException>)>,
}

thread_local! {
    static COUNTING: RefCell<Option<Counting>> = const { RefCell::new(None) };
}

/// Notes that a step is called; returns the number of its call where that is counted.
#[inline]
pub(crate) fn begin() -> Option<u64> {
    COUNTING.with_borrow_mut(|counting| {
        let counting = counting.as_mut().filter(|counting| !counting.is_inside)?;
        counting.is_inside = true;
        counting.n_calls += 1;
        Some(counting.n_calls - 1)
    })
}

/// Notes that a call is over, by the number that [`begin`] returned.
#[inline]
pub(crate) fn end<T>(py: Python<'_>, call: Option<u64>, result: &PyResult<T>) {
    let Some(call) = call else { return };
    let failed = result.as_ref().err().map(|error| (call, error.value(py).clone().unbind()));
    let before = COUNTING.with_borrow_mut(|counting| {
        let counting = counting.as_mut()?;
        counting.is_inside = false;
        failed.and_then(|failed| counting.failed.replace(failed))
    });
    drop(before); // Its finalizer may call a step.
}

/// Counts anew until the guard is dropped.
struct CountingGuard(Option<Counting>);

impl CountingGuard {
    fn new() -> Self {
        Self(COUNTING.replace(Some(Counting::default())))
    }

    fn finish(mut self) -> Counting {
        let counted = COUNTING.replace(self.0.take()).unwrap_or_default();
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
    failed_call: OnceLock<u64>,
}

#[pymethods]
impl PyPlainCalls {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Call `function(*args, **kwargs)` and count the calls of steps that it makes, those aside that steps make.
    fn make<'py>(
        &self,
        function: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: &Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let guard = CountingGuard::new();
        let result = call::call(function, args, Some(kwargs));
        let counted = guard.finish();
        self.n_calls.store(counted.n_calls, Ordering::Relaxed);
        if let (Err(error), Some((failed_call, failed_with))) = (&result, &counted.failed)
            && error.value(function.py()).is(failed_with)
        {
            self.failed_call.get_or_init(|| *failed_call);
        }
        result
    }

    /// How many calls were made.
    #[getter]
    fn n_calls(&self) -> u64 {
        self.n_calls.load(Ordering::Relaxed)
    }

    /// The number of the call whose exception left the body, in program order; none where no step is to blame.
    #[getter]
    fn failed_call(&self) -> Option<u64> {
        self.failed_call.get().copied()
    }
}
