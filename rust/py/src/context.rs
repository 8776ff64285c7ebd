//! Context variables: each worker runs its steps in a copy of the run's context; writes do not travel.

#![expect(unsafe_code, reason = "PyO3 has no safe functions to enter and leave a context")]

use pyo3::ffi;
use pyo3::prelude::*;

/// Copies the context of the calling thread.
pub(crate) fn copy_of_current(py: Python<'_>) -> PyResult<Py<PyAny>> {
    // SAFETY: attached; the call returns a new reference or null with an error set.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_CopyCurrent()) }.map(Bound::unbind)
}

/// Enters a copy of `context` until the guard is dropped.
pub(crate) fn enter_copy_of<'py>(context: &Bound<'py, PyAny>) -> PyResult<Entered<'py>> {
    // SAFETY: attached, and `context` is a context object: this module alone makes them.
    let copy = unsafe { Bound::from_owned_ptr_or_err(context.py(), ffi::PyContext_Copy(context.as_ptr())) }?;
    enter(copy)
}

/// Enters `context`, which nobody else has entered, until the guard is dropped.
pub(crate) fn enter(context: Bound<'_, PyAny>) -> PyResult<Entered<'_>> {
    // SAFETY: as above.
    if unsafe { ffi::PyContext_Enter(context.as_ptr()) } < 0 {
        return Err(PyErr::fetch(context.py()));
    }
    Ok(Entered(context))
}

/// A context that this thread is in.
pub(crate) struct Entered<'py>(Bound<'py, PyAny>);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        // SAFETY: this thread entered the context and is attached, as the bound reference shows.
        if unsafe { ffi::PyContext_Exit(self.0.as_ptr()) } < 0 {
            PyErr::fetch(self.0.py()).write_unraisable(self.0.py(), None);
        }
    }
}
