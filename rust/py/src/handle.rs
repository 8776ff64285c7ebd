//! Handles: what stands for a node's result while a workflow is described.
//!
//! A handle may be passed on, compared by identity, hashed and shown; every other use needs the value,
//! which does not exist yet, and raises `NotComputedYet` naming the operation.

#![allow(
    unsafe_op_in_unsafe_fn,
    reason = "what #[pymethods] writes is unsafe, and inside a macro the lint sees it"
)]

use std::sync::Arc;

use pyo3::basic::CompareOp;
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;

use crate::draft::Draft;
use crate::error::{BindError, BindResult};

/// What a handle stands for.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// The result of a node.
    Node(u32),
    /// A parameter of the workflow.
    Parameter(u32),
    /// The list of the results of several handles (`each`).
    Each(Arc<[Target]>),
}

/// What stands for a value while a workflow is described.
#[pyclass(name = "Handle", module = "makespan", frozen)]
#[derive(Debug)]
pub(crate) struct PyHandle {
    draft: Arc<Draft>,
    target: Target,
}

impl PyHandle {
    /// Makes a handle that the garbage collector need not look at: it refers to no Python object.
    pub(crate) fn new(py: Python<'_>, draft: Arc<Draft>, target: Target) -> PyResult<Bound<'_, Self>> {
        let handle = Bound::new(py, Self { draft, target })?;
        // SAFETY: the object is new and tracked, as every pyclass; untracking a leaf is what the
        // interpreter itself does for tuples without containers.
        #[expect(unsafe_code, reason = "PyO3 tracks every class and has no safe way to stop that")]
        unsafe {
            pyo3::ffi::PyObject_GC_UnTrack(handle.as_ptr().cast());
        }
        Ok(handle)
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    pub(crate) fn draft(&self) -> &Arc<Draft> {
        &self.draft
    }

    /// Names the handle for people.
    pub(crate) fn path(&self) -> String {
        match &self.target {
            Target::Node(node) => self.draft.path(*node),
            Target::Parameter(idx) => self.draft.parameter_name(*idx),
            Target::Each(targets) => match targets.first() {
                Some(Target::Node(node)) => {
                    format!("each of {} results from {}", targets.len(), self.draft.path(*node))
                }
                _ => format!("each of {} results", targets.len()),
            },
        }
    }

    fn refuse<T>(&self, operation: &'static str) -> BindResult<T> {
        Err(BindError::NotComputedYet { path: self.path(), operation })
    }
}

/// Writes the class with one refusing method per operation.
macro_rules! refusals {
    (
        unary { $($unary:ident: $unary_operation:literal,)* }
        binary { $($binary:ident: $binary_operation:literal,)* }
        ternary { $($ternary:ident: $ternary_operation:literal,)* }
    ) => {
        #[pymethods]
        impl PyHandle {
            fn __repr__(&self) -> String {
                format!("<handle of {}>", self.path())
            }

            fn __hash__(slf: &Bound<'_, Self>) -> isize {
                slf.as_ptr().addr().cast_signed() >> 4
            }

            /// The path of the node that this handle stands for.
            #[getter]
            fn _path(&self) -> String {
                self.path()
            }

            fn __richcmp__(
                slf: &Bound<'_, Self>,
                other: &Bound<'_, PyAny>,
                operation: CompareOp,
            ) -> BindResult<bool> {
                match operation {
                    CompareOp::Eq if slf.is(other) => Ok(true),
                    CompareOp::Ne if slf.is(other) => Ok(false),
                    CompareOp::Eq | CompareOp::Ne => slf.get().refuse("comparing it for equality"),
                    CompareOp::Lt | CompareOp::Le | CompareOp::Gt | CompareOp::Ge => {
                        slf.get().refuse("ordering it")
                    }
                }
            }

            fn __getattr__(&self, name: &str) -> PyResult<Py<PyAny>> {
                if name.starts_with("__") {
                    return Err(PyAttributeError::new_err(name.to_owned()));
                }
                Err(self.refuse::<()>("reading an attribute of it").unwrap_err().into())
            }

            fn __setattr__(&self, _name: &str, _value: &Bound<'_, PyAny>) -> BindResult<()> {
                self.refuse("setting an attribute of it")
            }

            fn __delattr__(&self, _name: &str) -> BindResult<()> {
                self.refuse("deleting an attribute of it")
            }

            fn __delitem__(&self, _key: &Bound<'_, PyAny>) -> BindResult<()> {
                self.refuse("deleting an element of it")
            }

            #[pyo3(signature = (*_digits))]
            fn __round__(&self, _digits: &Bound<'_, PyAny>) -> BindResult<Py<PyAny>> {
                self.refuse("arithmetic with it")
            }

            #[pyo3(signature = (*_reason))]
            fn __exit__(&self, _reason: &Bound<'_, PyAny>) -> BindResult<Py<PyAny>> {
                self.refuse("entering it as a context")
            }

            fn __getitem__(&self, _key: &Bound<'_, PyAny>) -> BindResult<Py<PyAny>> {
                self.refuse("taking an element of it")
            }

            fn __setitem__(&self, _key: &Bound<'_, PyAny>, _value: &Bound<'_, PyAny>) -> BindResult<()> {
                self.refuse("setting an element of it")
            }

            fn __contains__(&self, _other: &Bound<'_, PyAny>) -> BindResult<bool> {
                self.refuse("looking for an element in it")
            }

            fn __bool__(&self) -> BindResult<bool> {
                self.refuse("testing its truth")
            }

            fn __len__(&self) -> BindResult<usize> {
                self.refuse("taking its length")
            }

            fn __format__(&self, _specification: &str) -> BindResult<String> {
                self.refuse("formatting it")
            }

            #[pyo3(signature = (*_args, **_kwargs))]
            fn __call__(
                &self,
                _args: &Bound<'_, PyAny>,
                _kwargs: Option<&Bound<'_, PyAny>>,
            ) -> BindResult<Py<PyAny>> {
                self.refuse("calling it")
            }

            $(fn $unary(&self) -> BindResult<Py<PyAny>> { self.refuse($unary_operation) })*
            $(fn $binary(&self, _other: &Bound<'_, PyAny>) -> BindResult<Py<PyAny>> {
                self.refuse($binary_operation)
            })*
            $(fn $ternary(
                &self,
                _other: &Bound<'_, PyAny>,
                _modulo: Option<&Bound<'_, PyAny>>,
            ) -> BindResult<Py<PyAny>> {
                self.refuse($ternary_operation)
            })*
        }
    };
}

refusals! {
    unary {
        __str__: "making text of it",
        __iter__: "iterating over it",
        __next__: "iterating over it",
        __reversed__: "iterating over it",
        __bytes__: "making bytes of it",
        __fspath__: "using it as a path",
        __complex__: "making a complex number of it",
        __trunc__: "arithmetic with it",
        __floor__: "arithmetic with it",
        __ceil__: "arithmetic with it",
        __int__: "making an integer of it",
        __float__: "making a float of it",
        __index__: "using it as an index",
        __neg__: "arithmetic with it",
        __pos__: "arithmetic with it",
        __abs__: "arithmetic with it",
        __invert__: "arithmetic with it",
        __enter__: "entering it as a context",
        __await__: "awaiting it",
    }
    binary {
        __add__: "arithmetic with it",
        __radd__: "arithmetic with it",
        __sub__: "arithmetic with it",
        __rsub__: "arithmetic with it",
        __mul__: "arithmetic with it",
        __rmul__: "arithmetic with it",
        __matmul__: "arithmetic with it",
        __rmatmul__: "arithmetic with it",
        __truediv__: "arithmetic with it",
        __rtruediv__: "arithmetic with it",
        __floordiv__: "arithmetic with it",
        __rfloordiv__: "arithmetic with it",
        __mod__: "arithmetic with it",
        __rmod__: "arithmetic with it",
        __divmod__: "arithmetic with it",
        __rdivmod__: "arithmetic with it",
        __lshift__: "arithmetic with it",
        __rlshift__: "arithmetic with it",
        __rshift__: "arithmetic with it",
        __rrshift__: "arithmetic with it",
        __and__: "arithmetic with it",
        __rand__: "arithmetic with it",
        __or__: "arithmetic with it",
        __ror__: "arithmetic with it",
        __xor__: "arithmetic with it",
        __rxor__: "arithmetic with it",
    }
    ternary {
        __pow__: "arithmetic with it",
        __rpow__: "arithmetic with it",
    }
}
