//! The arguments of a run of a prepared workflow.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::error::{BindError, BindResult};
use crate::program::Program;
use crate::recording::{Parameter, ParameterKind};

/// Puts the arguments of a run in the order of the parameters; `is_plain`: all of these may be given by position.
pub(crate) fn bound(
    py: Python<'_>,
    program: &Program,
    is_plain: bool,
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> BindResult<Vec<Py<PyAny>>> {
    let parameters = &program.parameters;
    if parameters.len() == args.len() && kwargs.is_none() && is_plain {
        return Ok(args.iter_borrowed().map(|value| value.to_owned().unbind()).collect());
    }
    let mismatch =
        |reason: String| BindError::ArgumentMismatch { callee: program.names.workflow.clone(), reason };
    let is_positional =
        |parameter: &&Parameter| matches!(parameter.kind, ParameterKind::Any | ParameterKind::PositionalOnly);
    let is_named =
        |parameter: &Parameter| matches!(parameter.kind, ParameterKind::Any | ParameterKind::KeywordOnly);
    let n_free = parameters.iter().filter(is_positional).count();
    if args.len() > n_free {
        let n_args = args.len();
        return Err(mismatch(match n_free {
            0 if parameters.iter().any(|parameter| parameter.kind == ParameterKind::Bound) => {
                format!("every parameter has its value already, {n_args} more were given")
            }
            n => format!("takes {n} arguments, {n_args} were given"),
        }));
    }
    let mut n_used = 0;
    let mut positional = args.iter_borrowed();
    let mut values: Vec<Py<PyAny>> = Vec::with_capacity(parameters.len());
    for parameter in parameters {
        let named = match kwargs {
            Some(kwargs) if is_named(parameter) => kwargs.get_item(&parameter.name)?,
            Some(_) | None => None,
        };
        n_used += usize::from(named.is_some());
        let given = if is_positional(&parameter) { positional.next() } else { None };
        if given.is_some() && named.is_some() {
            return Err(mismatch(format!("multiple values for argument '{}'", parameter.name)));
        }
        let value = given
            .map(|value| value.to_owned().unbind())
            .or_else(|| named.map(Bound::unbind))
            .or_else(|| parameter.default.as_ref().map(|default| default.clone_ref(py)));
        match value {
            Some(value) => values.push(value),
            None => {
                return Err(mismatch(format!("missing a required argument: '{}'", parameter.name)));
            }
        }
    }
    if let Some(kwargs) = kwargs.filter(|kwargs| kwargs.len() > n_used) {
        let is_known = |name: &String| parameters.iter().any(|known| known.name == *name && is_named(known));
        let names = kwargs.keys().iter().map(|key| key.to_string());
        if let Some(name) = names.into_iter().find(|name| !is_known(name)) {
            return Err(mismatch(format!("unexpected keyword argument '{name}'")));
        }
    }
    Ok(values)
}
