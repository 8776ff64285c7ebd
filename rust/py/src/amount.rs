//! Amounts of resources: numbers as users write them, and whole numbers as the core counts them.
//!
//! `memory` is counted in bytes, everything else in thousandths.

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyMapping, PyString};

use crate::error::{BindError, BindResult};

/// The resource that is counted in bytes.
pub(crate) const MEMORY: &str = "memory";

/// How many of the core's units a public unit is, for everything but memory.
const MILLI: f64 = 1e3;

/// The largest amount, in the core's units: sums of a thousand of them still are exact.
const AMOUNT_MAX: f64 = 9e15;

/// What an amount may be written as.
const EXPECTED: &str = "a number above zero, at least 0.001";
const EXPECTED_OR_ZERO: &str = "a number, not negative";
const EXPECTED_MEMORY: &str = "bytes above zero, or a text such as \"512 MB\" or \"2 GiB\"";

/// Units of memory; the longest that fits is meant.
const UNITS: [(&str, f64); 13] = [
    ("kib", 1024.0),
    ("mib", 1_048_576.0),
    ("gib", 1_073_741_824.0),
    ("tib", 1_099_511_627_776.0),
    ("kb", 1e3),
    ("mb", 1e6),
    ("gb", 1e9),
    ("tb", 1e12),
    ("k", 1e3),
    ("m", 1e6),
    ("g", 1e9),
    ("t", 1e12),
    ("b", 1.0),
];

/// How amounts of a resource are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Byte,
    Milli,
}

impl Unit {
    pub(crate) fn of(resource: &str) -> Self {
        if resource == MEMORY { Self::Byte } else { Self::Milli }
    }

    /// Turns a public number into the core's: memory rounded up to whole bytes, others to the nearest thousandth.
    fn counted(self, value: f64) -> Option<i64> {
        let counted = match self {
            Self::Byte => value.ceil(),
            Self::Milli => (value * MILLI).round(),
        };
        (value >= 0.0 && counted <= AMOUNT_MAX && (counted > 0.0 || value == 0.0)).then_some(counted as i64)
    }

    /// Turns an amount of the core into the public number.
    #[expect(clippy::cast_precision_loss, reason = "amounts are below AMOUNT_MAX")]
    pub(crate) fn shown(self, amount: i64) -> Shown {
        match self {
            Self::Byte => Shown::Whole(amount),
            Self::Milli if amount % 1_000 == 0 => Shown::Whole(amount / 1_000),
            Self::Milli => Shown::Fraction(amount as f64 / MILLI),
        }
    }
}

/// A public number: an `int` where it is whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shown {
    Whole(i64),
    Fraction(f64),
}

impl std::fmt::Display for Shown {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(value) => value.fmt(formatter),
            Self::Fraction(value) => value.fmt(formatter),
        }
    }
}

impl<'py> IntoPyObject<'py> for Shown {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Self::Whole(value) => value.into_bound_py_any(py),
            Self::Fraction(value) => value.into_bound_py_any(py),
        }
    }
}

/// Reads a size such as "512 MB": a number and a unit, decimal unless it has an i.
fn bytes_of(text: &str) -> Option<f64> {
    let text = text.trim().to_ascii_lowercase();
    let (unit, factor) = UNITS.iter().find(|(unit, _)| text.ends_with(unit))?;
    let number = text[..text.len() - unit.len()].trim_end();
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let value: f64 = is_plain.then(|| number.parse().ok()).flatten()?;
    Some(value * factor)
}

/// Reads an amount of a resource as the core counts it; `allows_zero` for limits.
pub(crate) fn amount_of(
    resource: &str,
    value: &Bound<'_, PyAny>,
    allows_zero: bool,
) -> Result<i64, &'static str> {
    let unit = Unit::of(resource);
    let number = if let Ok(number) = value.cast_exact::<PyInt>() {
        number.extract::<f64>().ok()
    } else if let Ok(number) = value.cast_exact::<PyFloat>() {
        Some(number.value())
    } else if value.is_instance_of::<PyBool>() {
        None
    } else if let Ok(text) = value.cast::<PyString>() {
        (unit == Unit::Byte).then(|| bytes_of(&text.to_string())).flatten()
    } else {
        value.extract::<f64>().ok()
    };
    let counted = number.and_then(|number| unit.counted(number));
    match (counted, unit) {
        (Some(amount), _) if amount > 0 || allows_zero => Ok(amount),
        (_, Unit::Byte) => Err(EXPECTED_MEMORY),
        (_, Unit::Milli) if allows_zero => Err(EXPECTED_OR_ZERO),
        (_, Unit::Milli) => Err(EXPECTED),
    }
}

/// What is asked for, by name, as the core counts it.
pub(crate) type Demands = Vec<(String, i64)>;

/// Calls `take` with each name and amount of a mapping.
pub(crate) fn each_need<'py>(
    needs: &Bound<'py, PyAny>,
    mut take: impl FnMut(&Bound<'py, PyString>, i64) -> BindResult<()>,
) -> BindResult<()> {
    let mut one = |name: &Bound<'py, PyAny>, value: &Bound<'py, PyAny>| {
        let Ok(name) = name.cast::<PyString>() else {
            return Err(invalid("needs", needs, "a mapping of names to amounts"));
        };
        let text = name.to_str()?;
        let amount = amount_of(text, value, false)
            .map_err(|expected| invalid(&format!("needs[{text:?}]"), value, expected))?;
        take(name, amount)
    };
    if let Ok(needs) = needs.cast_exact::<PyDict>() {
        for (name, value) in needs {
            one(&name, &value)?;
        }
        return Ok(());
    }
    let Ok(mapping) = needs.cast::<PyMapping>() else {
        return Err(invalid("needs", needs, "a mapping of names to amounts"));
    };
    for item in mapping.items()? {
        let (name, value): (Bound<'py, PyAny>, Bound<'py, PyAny>) = item.extract()?;
        one(&name, &value)?;
    }
    Ok(())
}

/// A value that cannot be meant, by the name of the argument.
pub(crate) fn invalid(argument: &str, value: &Bound<'_, PyAny>, expected: &'static str) -> BindError {
    BindError::Argument { argument: argument.to_owned(), value: value.clone().unbind(), expected }
}

/// Read a mapping of names to amounts as the core counts them: bytes of memory, thousandths of everything else.
#[pyfunction]
pub(crate) fn demands(needs: &Bound<'_, PyAny>) -> BindResult<Demands> {
    let mut demands = Demands::new();
    each_need(needs, |name, amount| {
        demands.push((name.to_str()?.to_owned(), amount));
        Ok(())
    })?;
    Ok(demands)
}

/// Read one limit as the core counts it; zero is one.
#[pyfunction]
pub(crate) fn limit(name: &str, value: &Bound<'_, PyAny>) -> BindResult<i64> {
    amount_of(name, value, true).map_err(|expected| invalid(name, value, expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_numbers_with_units() {
        let sizes = [
            ("512 MB", 512e6),
            ("1.5GiB", 1.5 * 1_073_741_824.0),
            (" 64 kb ", 64e3),
            ("10b", 10.0),
            ("2 T", 2e12),
            ("0 B", 0.0),
        ];
        for (text, bytes) in sizes {
            assert_eq!(bytes_of(text), Some(bytes), "{text}");
        }
        for text in ["", "MB", "1e3 MB", "-1 MB", "1 QB", "nan MB", "1.2.3 MB", "512", "inf GB"] {
            assert_eq!(bytes_of(text), None, "{text}");
        }
    }

    #[test]
    fn amounts_are_thousandths_or_bytes() {
        assert_eq!(Unit::Milli.counted(0.5), Some(500));
        assert_eq!(Unit::Milli.counted(0.0), Some(0));
        assert_eq!(Unit::Byte.counted(0.5), Some(1));
        for value in [0.0001, -1.0, f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(Unit::Milli.counted(value), None, "{value}");
        }
        assert_eq!(Unit::Milli.shown(1_500), Shown::Fraction(1.5));
        assert_eq!(Unit::Milli.shown(2_000), Shown::Whole(2));
        assert_eq!(Unit::Byte.shown(2_000), Shown::Whole(2_000));
    }
}
