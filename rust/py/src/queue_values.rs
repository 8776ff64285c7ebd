//! What a queue is given, as the core takes it: priorities, seconds, keys, columns, the time.

use std::sync::Arc;

use makespan_core::Priority;
use makespan_core::queue::NewEntry;
use numpy::PyReadonlyArray1;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyFloat, PyInt, PyString, PyTuple, PyType};

use crate::clock::clock;
use crate::error::{BindError, BindResult};
use crate::keys::Key;

/// Seconds are counted in nanoseconds of 64 bits: about 292 years.
const SECONDS_MAX: f64 = 9e9;

/// The priorities that have names, the lowest first; `makespan.Priority` says the same.
const NAMED_PRIORITIES: [(&str, f64); 5] =
    [("low", -10.0), ("normal", 0.0), ("high", 10.0), ("urgent", 20.0), ("critical", 30.0)];

/// The error that an argument has a value that cannot be meant.
pub(crate) fn wrong(
    argument: impl Into<String>,
    value: &Bound<'_, PyAny>,
    expected: &'static str,
) -> BindError {
    BindError::Argument { argument: argument.into(), value: value.clone().unbind(), expected }
}

/// A number: exact floats and integers without a detour, all else by Python's `float`.
fn number(value: &Bound<'_, PyAny>) -> Option<f64> {
    match value.cast_exact::<PyFloat>() {
        Ok(float) => Some(float.value()),
        Err(_) => value.extract().ok(),
    }
}

/// Reads a priority: a number or a name.
pub(crate) fn priority(value: Option<&Bound<'_, PyAny>>) -> BindResult<Priority> {
    const EXPECTED: &str = "a number that is not NaN, or one of low, normal, high, urgent, critical";
    let Some(value) = value else {
        return Ok(Priority::ZERO);
    };
    let number = match value.cast::<PyString>() {
        Ok(name) => {
            let name = name.to_str()?;
            NAMED_PRIORITIES.iter().find(|(known, _)| *known == name).map(|&(_, number)| number)
        }
        Err(_) => number(value),
    };
    number.and_then(Priority::from_f64).ok_or_else(|| wrong("priority", value, EXPECTED))
}

/// Reads seconds that are not negative.
pub(crate) fn duration_ns(argument: &str, value: &Bound<'_, PyAny>) -> BindResult<u64> {
    match number(value) {
        Some(seconds) if seconds >= 0.0 => Ok(nanoseconds(seconds).unsigned_abs()),
        Some(_) | None => Err(wrong(argument, value, "seconds, 0 or more")),
    }
}

/// Seconds as nanoseconds; those beyond what is counted are the most that is.
fn nanoseconds(seconds: f64) -> i64 {
    (seconds.clamp(-SECONDS_MAX, SECONDS_MAX) * 1e9).round() as i64
}

/// Nanoseconds as seconds.
#[expect(clippy::cast_precision_loss, reason = "seconds are floats, and rounded")]
pub(crate) fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// The deadline in so many seconds; infinity is none. `None` for NaN.
pub(crate) fn deadline_ns(now_ns: u64, seconds: f64) -> Option<i64> {
    if seconds.is_nan() {
        return None;
    }
    if seconds == f64::INFINITY {
        return Some(i64::MAX);
    }
    Some(i64::try_from(now_ns).unwrap_or(i64::MAX).saturating_add(nanoseconds(seconds)))
}

/// Reads what is pushed.
pub(crate) fn new_entry(
    now_ns: u64,
    priority_value: Option<&Bound<'_, PyAny>>,
    deadline: Option<&Bound<'_, PyAny>>,
    delay: Option<&Bound<'_, PyAny>>,
) -> BindResult<NewEntry> {
    let mut entry = NewEntry::new(0, priority(priority_value)?);
    if let Some(deadline) = deadline {
        entry.deadline_ns = number(deadline)
            .and_then(|seconds| deadline_ns(now_ns, seconds))
            .ok_or_else(|| wrong("deadline", deadline, "seconds from now, not NaN"))?;
    }
    if let Some(delay) = delay {
        entry.delay_ns = duration_ns("delay", delay)?;
    }
    Ok(entry)
}

/// A key that was given: an integer, or an object with its hash.
pub(crate) enum GivenKey<'a, 'py> {
    Int(i64),
    Object(&'a Bound<'py, PyAny>, isize),
}

impl<'a, 'py> GivenKey<'a, 'py> {
    /// Reads a key. Integers of every kind that fit into 64 bits and whole floats are the integer that they equal.
    pub(crate) fn new(key: &'a Bound<'py, PyAny>) -> BindResult<Self> {
        let int = if key.is_instance_of::<PyInt>() {
            key.extract::<i64>().ok()
        } else if key.is_exact_instance_of::<PyString>()
            || key.is_exact_instance_of::<PyTuple>()
            || key.is_exact_instance_of::<PyBytes>()
        {
            None
        } else if let Ok(float) = key.cast::<PyFloat>() {
            whole(float.value())
        } else if key.is_instance(integral(key.py())?)? {
            key.extract::<i64>().ok()
        } else {
            None
        };
        match int {
            Some(int) => Ok(Self::Int(int)),
            None => Ok(Self::Object(key, key.hash()?)),
        }
    }

    /// The key as it is kept.
    pub(crate) fn to_key(&self) -> Key {
        match self {
            Self::Int(key) => Key::Int(*key),
            Self::Object(key, _) => Key::Object(Arc::new((*key).clone().unbind())),
        }
    }

    /// Asks Python whether another key equals this one, and returns both.
    pub(crate) fn compared(&self, py: Python<'_>, other: Py<PyAny>) -> BindResult<(Py<PyAny>, bool)> {
        let is_equal = match self {
            Self::Int(_) => false,
            Self::Object(key, _) => other.bind(py).eq(key)?,
        };
        Ok((other, is_equal))
    }

    /// What the core calls an entry with this key.
    pub(crate) fn label(&self) -> i64 {
        match self {
            Self::Int(key) => *key,
            Self::Object(..) => 0,
        }
    }

    pub(crate) fn hash(&self) -> isize {
        match self {
            Self::Int(_) => 0,
            Self::Object(_, hash) => *hash,
        }
    }
}

/// The columns of a batch, checked.
pub(crate) struct Columns {
    priorities: Vec<Priority>,
    deadlines_ns: Option<Vec<i64>>,
}

impl Columns {
    /// Reads columns of as many numbers as there are keys.
    pub(crate) fn new(
        py: Python<'_>,
        now_ns: u64,
        n: usize,
        priorities: &PyReadonlyArray1<'_, f64>,
        deadlines: Option<&PyReadonlyArray1<'_, f64>>,
    ) -> BindResult<Self> {
        let priorities =
            column(py, "priorities", n, priorities, "a number that is not NaN", Priority::from_f64)?;
        let from_now = |seconds| deadline_ns(now_ns, seconds);
        let deadlines_ns = deadlines
            .map(|seconds| column(py, "deadlines", n, seconds, "seconds from now, not NaN", from_now))
            .transpose()?;
        Ok(Self { priorities, deadlines_ns })
    }

    /// The entries with these labels.
    pub(crate) fn entries(
        &self,
        labels: impl ExactSizeIterator<Item = i64>,
    ) -> impl ExactSizeIterator<Item = NewEntry> {
        labels.enumerate().map(|(place, label)| {
            let entry = NewEntry::new(label, self.priorities[place]);
            match &self.deadlines_ns {
                Some(deadlines_ns) => NewEntry { deadline_ns: deadlines_ns[place], ..entry },
                None => entry,
            }
        })
    }
}

fn column<T>(
    py: Python<'_>,
    argument: &str,
    n: usize,
    values: &PyReadonlyArray1<'_, f64>,
    expected: &'static str,
    read: impl Fn(f64) -> Option<T>,
) -> BindResult<Vec<T>> {
    let values = values.as_array();
    if values.len() != n {
        return Err(wrong(argument, PyInt::new(py, values.len()).as_any(), "as many as there are keys"));
    }
    let mut column = Vec::with_capacity(n);
    for (place, &value) in values.iter().enumerate() {
        match read(value) {
            Some(value) => column.push(value),
            None => {
                return Err(wrong(
                    format!("{argument}[{place}]"),
                    PyFloat::new(py, value).as_any(),
                    expected,
                ));
            }
        }
    }
    Ok(column)
}

/// The integer that a float equals, if it fits.
#[expect(
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "whether they are exactly equal is the question"
)]
fn whole(value: f64) -> Option<i64> {
    let int = value as i64;
    (int as f64 == value && int != i64::MAX).then_some(int)
}

fn integral(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static INTEGRAL: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    Ok(INTEGRAL.import(py, "numbers", "Integral")?.as_any())
}

/// Where a queue's time is from. It begins at a number of nanoseconds, which after a restore is not 0.
#[derive(Debug)]
pub(crate) enum QueueClock {
    /// The processor's counter.
    Native { start_raw: u64, base_ns: u64 },
    /// A function of the user's that returns seconds.
    Given { function: Py<PyAny>, start_s: f64, base_ns: u64 },
}

impl QueueClock {
    pub(crate) fn new(py: Python<'_>, function: Option<Py<PyAny>>, base_ns: u64) -> BindResult<Self> {
        Ok(match function {
            None => Self::Native { start_raw: clock().raw(), base_ns },
            Some(function) => {
                let start_s = reading(function.bind(py))?;
                Self::Given { function, start_s, base_ns }
            }
        })
    }

    pub(crate) fn is_native(&self) -> bool {
        matches!(self, Self::Native { .. })
    }

    /// The time where it can be known without Python, else what was `known_ns` before.
    #[inline]
    pub(crate) fn native_ns(&self, known_ns: u64) -> u64 {
        match self {
            Self::Native { start_raw, base_ns } => {
                base_ns + clock().delta_as_nanos(*start_raw, clock().raw())
            }
            Self::Given { .. } => known_ns,
        }
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Self::Native { .. } => Ok(()),
            Self::Given { function, .. } => visit.call(function),
        }
    }

    #[inline]
    pub(crate) fn now_ns(&self, py: Python<'_>) -> BindResult<u64> {
        match self {
            Self::Native { .. } => Ok(self.native_ns(0)),
            Self::Given { function, start_s, base_ns } => {
                let elapsed_s = reading(function.bind(py))? - start_s;
                Ok(base_ns.saturating_add_signed(nanoseconds(elapsed_s)))
            }
        }
    }
}

fn reading(function: &Bound<'_, PyAny>) -> BindResult<f64> {
    let value = function.call0()?;
    match number(&value) {
        Some(seconds) if seconds.is_finite() => Ok(seconds),
        Some(_) | None => Err(wrong("what clock returns", &value, "seconds")),
    }
}
