//! Steps: a Python function with what is declared about it, and the call that runs or records it.

use std::sync::Arc;

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::amount::Demands;
use crate::draft::{self, Draft};
use crate::error::{BindError, BindResult};
use crate::handle::{PyHandle, Target};
use crate::plain_calls;

/// What a step declares about effects.
#[derive(Debug)]
pub(crate) enum Declared {
    /// Ordered by data only.
    Nothing,
    /// Ordered against every other step that touches anything.
    Anything,
    /// Names that it reads and writes.
    Names { reads: Vec<String>, writes: Vec<String> },
    /// A Python function of the call's arguments that returns both.
    Computed(Py<PyAny>),
}

/// The parameters of a step's function, to check a call when it is recorded.
#[derive(Debug, FromPyObject)]
pub(crate) struct Arity {
    /// Positional parameters, positional-only ones first.
    names: Vec<String>,
    n_positional_only: usize,
    n_defaults: usize,
    keyword_only: Vec<String>,
    keyword_only_required: Vec<String>,
    has_var_positional: bool,
    has_var_keyword: bool,
}

impl Arity {
    /// Says why a call does not fit, if it does not.
    #[inline]
    fn mismatch(&self, n_args: usize, kwargs: Option<&Bound<'_, PyDict>>) -> Option<String> {
        if kwargs.is_none_or(PyDictMethods::is_empty)
            && n_args <= self.names.len()
            && n_args + self.n_defaults >= self.names.len()
            && self.keyword_only_required.is_empty()
        {
            return None;
        }
        self.mismatch_in_full(n_args, kwargs)
    }

    #[cold]
    fn mismatch_in_full(&self, n_args: usize, kwargs: Option<&Bound<'_, PyDict>>) -> Option<String> {
        let given: Vec<String> =
            kwargs.into_iter().flat_map(PyDictMethods::keys).map(|key| key.to_string()).collect();
        if n_args > self.names.len() && !self.has_var_positional {
            return Some(format!(
                "takes at most {} positional arguments, {n_args} were given",
                self.names.len()
            ));
        }
        for name in &given {
            match self.names.iter().position(|known| known == name) {
                Some(idx) if idx < self.n_positional_only => {
                    if !self.has_var_keyword {
                        return Some(format!("parameter '{name}' is positional-only"));
                    }
                }
                Some(idx) if idx < n_args => {
                    return Some(format!("multiple values for argument '{name}'"));
                }
                Some(_) => {}
                None if self.has_var_keyword || self.keyword_only.contains(name) => {}
                None => return Some(format!("unexpected keyword argument '{name}'")),
            }
        }
        let n_required = self.names.len() - self.n_defaults;
        let missing = self.names[..n_required]
            .iter()
            .enumerate()
            .skip(n_args)
            .find(|(idx, name)| *idx < self.n_positional_only || !given.contains(name))
            .map(|(_, name)| name)
            .or_else(|| self.keyword_only_required.iter().find(|name| !given.contains(name)));
        missing.map(|name| format!("missing a required argument: '{name}'"))
    }
}

/// How the results of a step are cached: `makespan.cache.Caching`.
#[derive(Debug)]
pub(crate) struct Caching {
    /// None for as long as the cache says.
    pub(crate) ttl_ns: Option<u64>,
    /// How long failures are remembered; none: not at all.
    pub(crate) failures_ns: Option<u64>,
    /// Names of arguments that are no part of the key.
    ignored: Vec<String>,
    /// Entries serve every scope.
    pub(crate) is_shared: bool,
}

/// The native base of `makespan.Step`.
#[pyclass(name = "Step", module = "makespan._core", frozen, subclass)]
#[derive(Debug)]
pub(crate) struct PyStep {
    function: Py<PyAny>,
    name: String,
    arity: Option<Arity>,
    declared: Declared,
    duration_ns: u64,
    /// With how many results a call is unpacked; 0: it is one.
    n_outputs: u32,
    /// Takes one of the results, `(results, idx, n_outputs)`; there when `n_outputs` is not 0.
    pick: Option<Py<PyStep>>,
    is_kept: bool,
    is_cheap_check: bool,
    /// Of calls of the first, which step does both.
    merges: Vec<(Py<Self>, Py<Self>)>,
    /// Its result depends on its arguments only, and it does nothing else.
    is_pure: bool,
    /// What a call occupies while it runs.
    needs: Demands,
    /// A function that makes several calls at once, and how many at most.
    batch: Option<Py<PyAny>>,
    max_batch: Option<u32>,
    /// None where results are not cached.
    caching: Option<Caching>,
}

impl FromPyObject<'_, '_> for Caching {
    type Error = PyErr;

    fn extract(native: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let (ttl_ns, failures_ns, ignored, is_shared) = native.extract()?;
        Ok(Self { ttl_ns, failures_ns, ignored, is_shared })
    }
}

impl Caching {
    /// Whether an argument is no part of the key.
    pub(crate) fn ignores(&self, name: &str) -> bool {
        self.ignored.iter().any(|ignored| ignored == name)
    }
}

impl PyStep {
    pub(crate) fn function(&self) -> &Py<PyAny> {
        &self.function
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn declared(&self) -> &Declared {
        &self.declared
    }

    pub(crate) fn duration_ns(&self) -> u64 {
        self.duration_ns
    }

    /// What takes its results apart, where it has several.
    pub(crate) fn pick(&self) -> Option<&Py<Self>> {
        self.pick.as_ref()
    }

    pub(crate) fn n_outputs(&self) -> u32 {
        self.n_outputs
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// Whether one call may be made for one of its and another: the cache knows calls by themselves, and batches are made of
    /// them.
    pub(crate) fn is_combinable(&self) -> bool {
        self.is_pure && self.caching.is_none() && self.batch.is_none()
    }

    /// Whether its calls are to be granted something, or may be in the cache.
    pub(crate) fn needs_a_node(&self) -> bool {
        !self.needs.is_empty() || self.caching.is_some()
    }

    /// Whether nothing is lost where its calls are plain ones.
    pub(crate) fn is_plain(&self) -> bool {
        !self.needs_a_node() && !self.is_kept && !self.is_cheap_check && self.batch.is_none()
    }

    /// Whether a call with so many positional arguments leaves no positional parameter to its default.
    pub(crate) fn is_filled_by(&self, n_args: usize) -> bool {
        self.arity.as_ref().is_some_and(|arity| n_args >= arity.names.len())
    }

    pub(crate) fn is_cheap_check(&self) -> bool {
        self.is_cheap_check
    }

    pub(crate) fn merges(&self) -> &[(Py<Self>, Py<Self>)] {
        &self.merges
    }

    pub(crate) fn is_pure(&self) -> bool {
        self.is_pure
    }

    pub(crate) fn needs(&self) -> &Demands {
        &self.needs
    }

    pub(crate) fn batch(&self) -> Option<&Py<PyAny>> {
        self.batch.as_ref()
    }

    pub(crate) fn max_batch(&self) -> Option<u32> {
        self.max_batch
    }

    pub(crate) fn caching(&self) -> Option<&Caching> {
        self.caching.as_ref()
    }

    /// The name of a positional argument, where the function tells.
    pub(crate) fn argument_name(&self, idx: usize) -> Option<&str> {
        self.arity.as_ref().and_then(|arity| arity.names.get(idx)).map(String::as_str)
    }

    /// Refuses a call whose arguments do not fit the function.
    #[inline]
    pub(crate) fn check_arity(&self, n_args: usize, kwargs: Option<&Bound<'_, PyDict>>) -> BindResult<()> {
        let mismatch = self.arity.as_ref().and_then(|arity| arity.mismatch(n_args, kwargs));
        match mismatch {
            None => Ok(()),
            Some(reason) => Err(BindError::ArgumentMismatch { callee: self.name.clone(), reason }),
        }
    }

    /// Records a call and returns its handle, or a tuple of handles where the step has several outputs.
    pub(crate) fn record<'py>(
        slf: &Bound<'py, Self>,
        draft: &Arc<Draft>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> BindResult<(u32, Bound<'py, PyAny>)> {
        let py = slf.py();
        let step = slf.get();
        let node = draft.record(slf, args, kwargs)?;
        let handle = PyHandle::new(py, Arc::clone(draft), Target::Node(node))?.into_any();
        let Some(pick) = &step.pick else {
            return Ok((node, handle));
        };
        let mut picked = Vec::with_capacity(step.n_outputs as usize);
        for idx in 0..step.n_outputs {
            let args = (&handle, idx, step.n_outputs).into_pyobject(py)?;
            picked.push(Self::record(pick.bind(py), draft, &args, None)?.1);
        }
        Ok((node, PyTuple::new(py, picked)?.into_any()))
    }

    /// Refuses handles where a step is called as an ordinary function.
    fn refuse_handles(
        &self,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> BindResult<()> {
        let values = kwargs.map(PyDictMethods::values);
        let handle = args
            .iter_borrowed()
            .find_map(|argument| argument.cast_exact::<PyHandle>().ok().map(|handle| handle.get().path()))
            .or_else(|| {
                values?
                    .iter()
                    .find_map(|value| value.cast_exact::<PyHandle>().ok().map(|handle| handle.get().path()))
            });
        match handle {
            None => Ok(()),
            Some(handle) => Err(BindError::ForeignHandle { step: self.name.clone(), handle }),
        }
    }
}

#[pymethods]
impl PyStep {
    #[new]
    #[pyo3(signature = (*, function, name, arity, declared, duration_ns, n_outputs, pick, is_kept, is_cheap_check, is_pure, merges, needs, batch, max_batch, caching))]
    #[expect(clippy::too_many_arguments, reason = "a record, built in one place by keyword")]
    fn new(
        function: Py<PyAny>,
        name: String,
        arity: Option<Arity>,
        declared: &Bound<'_, PyAny>,
        duration_ns: Option<u64>,
        n_outputs: u32,
        pick: Option<Py<PyStep>>,
        is_kept: bool,
        is_cheap_check: bool,
        is_pure: bool,
        merges: Vec<(Py<Self>, Py<Self>)>,
        needs: Demands,
        batch: Option<Py<PyAny>>,
        max_batch: Option<u32>,
        caching: Option<Caching>,
    ) -> Self {
        let declared = if declared.is_none() {
            Declared::Nothing
        } else if declared.is_callable() {
            Declared::Computed(declared.clone().unbind())
        } else if let Ok((reads, writes)) = declared.extract() {
            Declared::Names { reads, writes }
        } else {
            Declared::Anything
        };
        Self {
            function,
            name,
            arity,
            declared,
            duration_ns: duration_ns.unwrap_or(makespan_core::predict::UNKNOWN_NS),
            n_outputs,
            pick,
            is_kept,
            is_cheap_check,
            is_pure,
            merges,
            needs,
            batch,
            max_batch,
            caching,
        }
    }

    /// Runs the function, or records the call while a workflow is traced.
    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if let Some(draft) = draft::current() {
            return Ok(Self::record(slf, &draft, args, kwargs)?.1);
        }
        let step = slf.get();
        step.refuse_handles(args, kwargs)?;
        plain_calls::call_step(slf, args, kwargs)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.function)?;
        if let Declared::Computed(function) = &self.declared {
            visit.call(function)?;
        }
        if let Some(pick) = &self.pick {
            visit.call(pick)?;
        }
        if let Some(batch) = &self.batch {
            visit.call(batch)?;
        }
        for (producer, merged) in &self.merges {
            visit.call(producer)?;
            visit.call(merged)?;
        }
        Ok(())
    }
}
