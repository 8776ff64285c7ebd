//! Drafts: a workflow that is being described, by tracing a body or call by call.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use makespan_core::graph::NodeId;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::argument::{Nesting, Shape};
use crate::call;
use crate::error::{BindError, BindResult};
use crate::handle::{PyHandle, Target};
use crate::names::Names;
use crate::plain_calls;
use crate::program::{Program, PyProgram};
use crate::recording::{ComputedNames, Parameter, ParameterKind, Recording, flag};
use crate::scan::{self, Scan};
use crate::step::{Declared, PyStep};

thread_local! {
    static CURRENT: RefCell<Option<Arc<Draft>>> = const { RefCell::new(None) };
}

/// Returns the draft that step calls on this thread are recorded in.
#[inline]
pub(crate) fn current() -> Option<Arc<Draft>> {
    CURRENT.with_borrow(Clone::clone)
}

/// Makes `draft` the current one of this thread until the guard is dropped.
#[must_use]
pub(crate) fn make_current(draft: Option<Arc<Draft>>) -> CurrentGuard {
    CurrentGuard(CURRENT.replace(draft))
}

/// Restores the draft that was current before.
pub(crate) struct CurrentGuard(Option<Arc<Draft>>);

impl Drop for CurrentGuard {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

#[derive(Debug)]
enum State {
    Open(Box<Recording>),
    /// Described to the end; handles still know their paths.
    Finished(Arc<Names>),
}

/// A workflow that is being described.
#[derive(Debug)]
pub(crate) struct Draft {
    state: Mutex<State>,
}

impl Draft {
    fn new(workflow: String) -> Self {
        Self { state: Mutex::new(State::Open(Box::new(Recording::new(workflow)))) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_names<T>(&self, read: impl FnOnce(&Names) -> T) -> T {
        match &*self.lock() {
            State::Open(recording) => read(&recording.names),
            State::Finished(names) => read(names),
        }
    }

    fn with_recording<T>(&self, write: impl FnOnce(&mut Recording) -> BindResult<T>) -> BindResult<T> {
        match &mut *self.lock() {
            State::Open(recording) => write(recording),
            State::Finished(names) => Err(BindError::Workflow(format!(
                "workflow '{}' is already described to its end; nothing can be added to it",
                names.workflow
            ))),
        }
    }

    pub(crate) fn path(&self, node: u32) -> String {
        self.with_names(|names| names.path(node))
    }

    pub(crate) fn parameter_name(&self, idx: u32) -> String {
        self.with_names(|names| {
            format!("parameter '{}' of {}", names.parameters[idx as usize], names.workflow)
        })
    }

    /// Records a call and returns its node.
    pub(crate) fn record(
        self: &Arc<Self>,
        step: &Bound<'_, PyStep>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> BindResult<u32> {
        let declared = step.get();
        declared.check_arity(args.len(), kwargs)?;
        let kwargs = kwargs.filter(|kwargs| !kwargs.is_empty());
        let computed = match declared.declared() {
            Declared::Computed(function) => Some(computed_names(function, args, kwargs)?),
            Declared::Nothing | Declared::Anything | Declared::Names { .. } => None,
        };
        let node = match self.record_simple(step, args, kwargs)? {
            Some(node) => node,
            None => self.record_scanned(step, args, kwargs)?,
        };
        if let Some(names) = computed {
            self.with_recording(|recording| {
                recording.add_touches(node, &names);
                Ok(())
            })?;
        }
        Ok(node)
    }

    /// Records a call whose arguments are certainly handles and plain objects; none when one may be more.
    #[inline]
    fn record_simple(
        self: &Arc<Self>,
        step: &Bound<'_, PyStep>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> BindResult<Option<u32>> {
        let keywords = kwargs.map(|kwargs| kwargs.keys().to_tuple());
        let values = kwargs.map(PyDictMethods::values);
        let values = values.as_ref().map(PyListMethods::iter);
        self.with_recording(|recording| {
            let mark = recording.mark();
            for argument in args.iter_borrowed() {
                if !recording.push_simple(self, argument) {
                    recording.reset(mark);
                    return Ok(None);
                }
            }
            for argument in values.into_iter().flatten() {
                if !recording.push_simple(self, argument.as_borrowed()) {
                    recording.reset(mark);
                    return Ok(None);
                }
            }
            let mut flags = 0;
            if let Some(keywords) = keywords {
                recording.push_object(keywords.into_any().unbind());
                flags = flag::KEYWORDS;
            }
            Ok(Some(recording.end_node(step, flags)))
        })
    }

    /// A handle of another workflow; its path is read without this draft's lock being held twice.
    fn foreign(&self, step: &str, handle: &PyHandle) -> BindError {
        debug_assert!(!std::ptr::eq(self, Arc::as_ptr(handle.draft())), "the handle is of another draft");
        BindError::ForeignHandle { step: step.to_owned(), handle: handle.path() }
    }

    /// Records a call after a look into its arguments.
    #[cold]
    fn record_scanned(
        self: &Arc<Self>,
        step: &Bound<'_, PyStep>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> BindResult<u32> {
        let mut scan = Scan::new(self, step.get().name());
        let mut shapes = Vec::with_capacity(args.len());
        let mut plain_types = Vec::new();
        let values = kwargs.map(PyDictMethods::values);
        for argument in args.iter().chain(values.iter().flat_map(PyListMethods::iter)) {
            shapes.push(scan.argument(&argument)?);
            if !scan::may_hold_handles(&argument) {
                plain_types.push(argument.get_type_ptr().addr());
            }
        }
        let is_simple = shapes.iter().all(|shape| matches!(shape, Shape::Leaf(_)));
        let keywords = kwargs.map(|kwargs| kwargs.keys().to_tuple());
        let leaves = scan.leaves;
        self.with_recording(|recording| {
            recording.add_plain_types(plain_types);
            for leaf in leaves {
                recording.push_leaf(leaf);
            }
            let mut flags = 0;
            if !is_simple {
                flags = flag::NESTED | ((recording.nestings.len() as u32) << flag::N_BITS);
                let keywords = keywords.map(Bound::unbind);
                recording.nestings.push(Nesting { shapes: shapes.into(), keywords });
            } else if let Some(keywords) = keywords {
                recording.push_object(keywords.into_any().unbind());
                flags = flag::KEYWORDS;
            }
            Ok(recording.end_node(step, flags))
        })
    }

    /// Declares that `node` comes after what `after` names: handles, paths, or a sequence of them.
    fn add_after(self: &Arc<Self>, node: u32, after: &Bound<'_, PyAny>) -> BindResult<()> {
        if let Ok(handle) = after.cast_exact::<PyHandle>() {
            let handle = handle.get();
            if !Arc::ptr_eq(handle.draft(), self) {
                return Err(self.foreign(&self.path(node), handle));
            }
            return self.with_recording(|recording| {
                let targets = match handle.target() {
                    Target::Each(targets) => &**targets,
                    target => std::slice::from_ref(target),
                };
                for target in targets {
                    if let Target::Node(before) = target {
                        recording.after.push((NodeId::new(*before), NodeId::new(node)));
                    }
                }
                Ok(())
            });
        }
        if let Ok(name) = after.cast::<PyString>() {
            let name = name.to_string();
            return self.with_recording(|recording| {
                recording.after_named.push((name, NodeId::new(node)));
                Ok(())
            });
        }
        for item in after.try_iter()? {
            let item = item?;
            if !item.is_exact_instance_of::<PyHandle>() && !item.is_instance_of::<PyString>() {
                return Err(BindError::Workflow(format!(
                    "after= of {} takes handles and paths, not {}",
                    self.path(node),
                    item.get_type().name()?
                )));
            }
            self.add_after(node, &item)?;
        }
        Ok(())
    }

    /// Ends the description. A traced body is consumed; a builder can be finished again and again.
    fn finish(
        self: &Arc<Self>,
        py: Python<'_>,
        outputs: Option<&Bound<'_, PyAny>>,
        keep: bool,
    ) -> BindResult<Program> {
        let output = match outputs {
            None => None,
            Some(outputs) => {
                let mut scan = Scan::new(self, "the workflow's outputs");
                let shape = scan.argument(outputs)?;
                Some((shape, scan.leaves))
            }
        };
        let recording = {
            let mut state = self.lock();
            match &mut *state {
                State::Finished(names) => {
                    return Err(BindError::Workflow(format!(
                        "workflow '{}' is already finished",
                        names.workflow
                    )));
                }
                State::Open(recording) if keep => recording.clone_ref(py),
                State::Open(recording) => {
                    let recording = std::mem::replace(&mut **recording, Recording::new(String::new()));
                    *state = State::Finished(Arc::new(recording.names.clone()));
                    recording
                }
            }
        };
        Program::new(py, recording, output)
    }
}

fn computed_names(
    function: &Py<PyAny>,
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> BindResult<ComputedNames> {
    let (reads, writes) = call::call(function.bind(args.py()), args, kwargs)?.extract()?;
    Ok(ComputedNames { reads, writes })
}

/// A workflow that is being described.
#[pyclass(name = "Draft", module = "makespan._core", frozen)]
#[derive(Debug)]
pub(crate) struct PyDraft(Arc<Draft>);

#[pymethods]
impl PyDraft {
    #[new]
    fn new(workflow: String) -> Self {
        Self(Arc::new(Draft::new(workflow)))
    }

    /// Adds a parameter and returns its handle.
    ///
    /// `kind` is None, "positional-only" or "keyword-only".
    #[pyo3(signature = (name, *default, kind = None))]
    fn parameter<'py>(
        &self,
        name: String,
        default: &Bound<'py, PyTuple>,
        kind: Option<&str>,
    ) -> BindResult<Bound<'py, PyHandle>> {
        let py = default.py();
        let kind = match kind {
            None => ParameterKind::Any,
            Some("positional-only") => ParameterKind::PositionalOnly,
            Some(_) => ParameterKind::KeywordOnly,
        };
        let default = default.get_item(0).ok().map(Bound::unbind);
        let idx = self.0.with_recording(|recording| {
            recording.names.parameters.push(name.clone());
            recording.parameters.push(Parameter { name, default, kind });
            Ok(recording.parameters.len() as u32 - 1)
        })?;
        Ok(PyHandle::new(py, Arc::clone(&self.0), Target::Parameter(idx))?)
    }

    /// Calls a workflow's body, records the step calls it makes, and returns the program.
    #[pyo3(signature = (body, args, kwargs))]
    fn trace(
        &self,
        py: Python<'_>,
        body: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> BindResult<PyProgram> {
        let outputs = {
            let _current = make_current(Some(Arc::clone(&self.0)));
            call::call(body, args, kwargs)?
        };
        Ok(PyProgram::new(self.0.finish(py, Some(&outputs), false)?))
    }

    /// Records one call; `after` is a handle, a path, or a sequence of them.
    #[pyo3(signature = (step, args, kwargs, after))]
    fn add<'py>(
        &self,
        step: &Bound<'py, PyStep>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
        after: Option<&Bound<'py, PyAny>>,
    ) -> BindResult<Bound<'py, PyAny>> {
        let (node, handle) = PyStep::record(step, &self.0, args, kwargs)?;
        if let Some(after) = after {
            self.0.add_after(node, after)?;
        }
        Ok(handle)
    }

    /// Returns the program of what was added so far; `outputs` is a tuple of one, or none: all sinks.
    ///
    /// Parameters that are in `values` have their value already: runs do not take them.
    #[pyo3(signature = (outputs, values))]
    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
    fn finish(
        &self,
        py: Python<'_>,
        outputs: Option<(Bound<'_, PyAny>,)>,
        values: Option<&Bound<'_, PyDict>>,
    ) -> BindResult<PyProgram> {
        let outputs = outputs.as_ref().map(|(outputs,)| outputs);
        let mut program = self.0.finish(py, outputs, true)?;
        for parameter in &mut program.parameters {
            let value = match values {
                Some(values) => values.get_item(&parameter.name)?,
                None => None,
            };
            if let Some(value) = value {
                parameter.default = Some(value.unbind());
                parameter.kind = ParameterKind::Bound;
            }
        }
        Ok(PyProgram::new(program))
    }

    #[getter]
    fn n_nodes(&self) -> usize {
        self.0.with_names(Names::n_nodes)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.0.state.try_lock() {
            Ok(state) => match &*state {
                State::Open(recording) => recording.traverse(&visit),
                State::Finished(_) => Ok(()),
            },
            Err(_) => Ok(()),
        }
    }
}

/// Returns one handle of the list of what several handles stand for.
///
/// None where one of them is no handle of a single result: then their list is passed on as it is.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
pub(crate) fn each_handle<'py>(
    py: Python<'py>,
    results: Vec<Bound<'py, PyAny>>,
) -> PyResult<Option<Bound<'py, PyHandle>>> {
    let mut draft: Option<&Arc<Draft>> = None;
    let mut targets = Vec::with_capacity(results.len());
    for result in &results {
        let Ok(handle) = result.cast_exact::<PyHandle>() else {
            return Ok(None);
        };
        let handle = handle.get();
        match handle.target() {
            target @ (Target::Node(_) | Target::Parameter(_))
                if draft.is_none_or(|draft| Arc::ptr_eq(draft, handle.draft())) =>
            {
                draft = Some(handle.draft());
                targets.push(target.clone());
            }
            Target::Node(_) | Target::Parameter(_) | Target::Each(_) => return Ok(None),
        }
    }
    draft.map(|draft| PyHandle::new(py, Arc::clone(draft), Target::Each(targets.into()))).transpose()
}

/// True while a workflow's body is traced on this thread.
#[pyfunction]
pub(crate) fn is_tracing() -> bool {
    CURRENT.with_borrow(Option::is_some)
}

/// Calls the body of a workflow inside the one that is traced, or is a plain call: its nodes are the outer one's.
#[pyfunction]
pub(crate) fn inline<'py>(
    name: &str,
    body: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> BindResult<Bound<'py, PyAny>> {
    let Some(draft) = current() else {
        return Ok(plain_calls::call_inner(name, body, args, kwargs)?);
    };
    let scope = draft.with_recording(|recording| Ok(recording.names.enter_scope(name)))?;
    let value = call::call(body, args, kwargs);
    draft.with_recording(|recording| {
        recording.names.leave_scope(scope);
        Ok(())
    })?;
    Ok(value?)
}
