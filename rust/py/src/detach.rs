//! The one door through which this crate leaves the interpreter.

use pyo3::Python;
use pyo3::marker::Ungil;

/// Runs `work` without holding on to the interpreter.
///
/// What `work` touches is owned or shared Rust data: no Python object, no borrowed array.
pub(crate) fn detached<T: Ungil + Send>(py: Python<'_>, work: impl Ungil + Send + FnOnce() -> T) -> T {
    #[expect(clippy::disallowed_methods, reason = "this is the one door")]
    py.detach(work)
}
