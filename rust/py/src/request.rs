//! What a request says beside its amounts: who asks, how urgent it is, for how long it waits.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyString};

use crate::amount::invalid;
use crate::error::{BindError, BindResult};
use crate::waiter::{Who, process_started};

/// The largest priority, in whole units.
const PRIORITY_MAX: f64 = 1e9;

/// Set in the number of a holder that is a process; the other numbers are those of threads.
const PROCESS: u64 = 1 << 62;

/// The number of holders that are known by a name, and of nodes of shared runs.
pub(crate) const NAMED: u64 = 1 << 63;

/// Nanoseconds of seconds that are not negative; those that are too many are the most that there are.
#[expect(clippy::cast_sign_loss, reason = "negative numbers become 0")]
pub(crate) fn ns_of(seconds: f64) -> u64 {
    (seconds * 1e9).round() as u64
}

/// Thousandths of a part of the machine.
#[expect(clippy::cast_sign_loss, reason = "clamped")]
pub(crate) fn milli_of(part: f64) -> u32 {
    (part.clamp(0.0, 1e3) * 1e3).round() as u32
}

/// Seconds that are not negative, or none.
pub(crate) fn timeout_of(timeout: Option<&Bound<'_, PyAny>>) -> BindResult<Option<f64>> {
    let Some(timeout) = timeout else {
        return Ok(None);
    };
    match timeout.extract::<f64>() {
        Ok(seconds) if seconds >= 0.0 => Ok(Some(seconds)),
        Ok(_) | Err(_) => Err(invalid("timeout", timeout, "seconds, not negative, or None")),
    }
}

pub(crate) fn priority_of(priority: Option<&Bound<'_, PyAny>>) -> BindResult<i64> {
    let Some(priority) = priority else {
        return Ok(0);
    };
    match priority.extract::<f64>() {
        Ok(units) if units.abs() <= PRIORITY_MAX => Ok((units * 1e3).round() as i64),
        Ok(_) | Err(_) => Err(invalid("priority", priority, "a number of at most a billion")),
    }
}

/// Who asks: this thread, a process by its id, or whoever goes by a name.
pub(crate) fn holder_of(holder: Option<&Bound<'_, PyAny>>) -> BindResult<(u64, Who)> {
    let Some(holder) = holder else {
        let ident = thread_ident();
        return Ok((ident, Who::Thread(ident)));
    };
    if let Ok(name) = holder.extract::<String>() {
        return Ok((NAMED, Who::Named(name.into())));
    }
    let pid = if holder.is_instance_of::<PyBool>() { None } else { holder.extract::<u32>().ok() };
    let started = pid.and_then(process_started);
    match (pid, started) {
        (Some(pid), Some(started)) => Ok((PROCESS | u64::from(pid), Who::Process { pid, started })),
        (_, _) => Err(invalid("holder", holder, "a name, or the id of a process that is there")),
    }
}

/// A process in whose name somebody waited has ended.
pub(crate) fn holder_is_dead(py: Python<'_>) -> BindError {
    let value = PyString::new(py, "a process that has ended").into_any().unbind();
    BindError::Argument {
        argument: "holder".to_owned(),
        value,
        expected: "the id of a process that is there",
    }
}

/// The number of this thread, as `threading.get_ident` says.
pub(crate) fn thread_ident() -> u64 {
    // SAFETY: the call takes nothing and needs no interpreter.
    #[expect(unsafe_code, reason = "PyO3 has no safe form of it")]
    let ident = unsafe { ffi::PyThread_get_thread_ident() };
    ident as u64 & !(PROCESS | NAMED)
}
