//! Where a scheduling object has its time from: the process's clock, or a function of the user's.

use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::clock::clock;
use crate::error::{BindError, BindResult};

/// Seconds beyond this are no time of a clock: 292 years in nanoseconds.
const SECONDS_MAX: f64 = 9.0e9;

/// A clock that does not go back.
#[derive(Debug)]
pub(crate) struct TimeSource {
    /// Returns seconds; none for the process's clock.
    function: Option<Py<PyAny>>,
    /// The reading of the process's clock that counts as zero.
    origin: u64,
    last_ns: AtomicU64,
}

impl TimeSource {
    /// A clock that starts at zero now, or one that reads `function`.
    pub(crate) fn new(function: Option<Py<PyAny>>) -> Self {
        Self { function, origin: clock().raw(), last_ns: AtomicU64::new(0) }
    }

    /// Nanoseconds, never fewer than at an earlier call. May run Python code.
    #[inline]
    pub(crate) fn now_ns(&self, py: Python<'_>) -> BindResult<u64> {
        let read_ns = match &self.function {
            None => clock().delta_as_nanos(self.origin, clock().raw()),
            Some(function) => read(function.bind(py))?,
        };
        Ok(self.last_ns.fetch_max(read_ns, Ordering::Relaxed).max(read_ns))
    }

    /// Whether it is the process's clock.
    pub(crate) fn is_native(&self) -> bool {
        self.function.is_none()
    }

    /// The time where it is the process's clock: needs no interpreter.
    pub(crate) fn native_now_ns(&self) -> Option<u64> {
        self.is_native().then(|| clock().delta_as_nanos(self.origin, clock().raw()))
    }

    /// The last time that was read.
    pub(crate) fn last_ns(&self) -> u64 {
        self.last_ns.load(Ordering::Relaxed)
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.function.as_ref().map_or(Ok(()), |function| visit.call(function))
    }
}

fn read(function: &Bound<'_, PyAny>) -> BindResult<u64> {
    let reading = function.call0()?;
    let seconds: f64 = reading.extract()?;
    if !(0.0..SECONDS_MAX).contains(&seconds) {
        return Err(BindError::Argument {
            argument: "clock()".to_owned(),
            value: reading.unbind(),
            expected: "seconds, not negative",
        });
    }
    #[expect(clippy::cast_sign_loss, reason = "just checked")]
    let ns = (seconds * 1e9).round() as u64;
    Ok(ns)
}
