//! Where an argument of a step call comes from: encoded in four bytes, or rebuilt from a nested container.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

/// Where an argument comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The result of a node.
    Result(u32),
    /// An object that was passed while the workflow was described.
    Constant(u32),
    /// A parameter of the prepared workflow.
    Parameter(u32),
}

/// A [`Source`] in four bytes; for a result also whether this is its last use in the order.
///
/// The two top bits: `00` result, `01` result used for the last time, `10` constant, `11` parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arg(u32);

const FIXED: u32 = 1 << 31;
const FLAG: u32 = 1 << 30;
const INDEX: u32 = FLAG - 1;

impl Arg {
    pub(crate) const fn new(source: Source) -> Self {
        match source {
            Source::Result(idx) => Self(idx),
            Source::Constant(idx) => Self(idx | FIXED),
            Source::Parameter(idx) => Self(idx | FIXED | FLAG),
        }
    }

    pub(crate) const fn source(self) -> Source {
        match (self.0 & FIXED != 0, self.0 & FLAG != 0) {
            (false, _) => Source::Result(self.0 & INDEX),
            (true, false) => Source::Constant(self.0 & INDEX),
            (true, true) => Source::Parameter(self.0 & INDEX),
        }
    }

    /// The node whose result this is.
    #[inline]
    pub(crate) const fn node(self) -> Option<u32> {
        if self.0 & FIXED == 0 { Some(self.0 & INDEX) } else { None }
    }

    /// The same argument, marked as the last use of its result.
    #[must_use]
    pub(crate) const fn as_last_use(self) -> Self {
        Self(self.0 | FLAG)
    }

    #[inline]
    pub(crate) const fn is_last_use(self) -> bool {
        self.0 & (FIXED | FLAG) == FLAG
    }

    /// The same argument without the mark.
    #[must_use]
    pub(crate) const fn unmarked(self) -> Self {
        Self::new(self.source())
    }

    /// The same argument where results have other numbers.
    #[must_use]
    pub(crate) fn renumbered(self, numbers: &[u32]) -> Self {
        self.node().map_or(self, |node| Self::new(Source::Result(numbers[node as usize])))
    }

    #[inline]
    pub(crate) const fn is_result(self) -> bool {
        self.0 & FIXED == 0
    }

    #[inline]
    pub(crate) const fn is_constant(self) -> bool {
        self.0 & (FIXED | FLAG) == FIXED
    }

    #[inline]
    pub(crate) const fn index(self) -> usize {
        (self.0 & INDEX) as usize
    }
}

/// One instruction that rebuilds a container, in postfix order: operands are on a stack.
#[derive(Debug)]
pub(crate) enum Op {
    /// Push the `k`-th leaf of the call.
    Leaf(u32),
    /// Replace the top `n` by a list, a tuple.
    List(u32),
    Tuple(u32),
    /// Replace the top `2 n` (key, value, key, value, …) by a dict.
    Dict(u32),
    /// Replace the top `n` by what the callable makes of them (named tuples, dataclasses).
    Call(Py<PyAny>, u32),
}

/// An argument of a call that has at least one nested one.
#[derive(Debug)]
pub(crate) enum Shape {
    /// The `k`-th leaf of the call, as it is.
    Leaf(u32),
    /// A container that is rebuilt when the call is made.
    Nested(Box<[Op]>),
}

/// The arguments of one call in terms of its leaves.
#[derive(Debug)]
pub(crate) struct Nesting {
    /// Positional arguments first, then keyword arguments in the order of `keywords`.
    pub(crate) shapes: Box<[Shape]>,
    /// Names of the keyword arguments.
    pub(crate) keywords: Option<Py<PyTuple>>,
}

impl Op {
    pub(crate) fn clone_ref(&self, py: Python<'_>) -> Self {
        match self {
            Self::Leaf(k) => Self::Leaf(*k),
            Self::List(n) => Self::List(*n),
            Self::Tuple(n) => Self::Tuple(*n),
            Self::Dict(n) => Self::Dict(*n),
            Self::Call(rebuild, n) => Self::Call(rebuild.clone_ref(py), *n),
        }
    }
}

impl Shape {
    /// The callables that rebuild named tuples and dataclasses.
    pub(crate) fn callables(&self) -> impl Iterator<Item = &Py<PyAny>> {
        let ops = match self {
            Self::Leaf(_) => &[][..],
            Self::Nested(ops) => ops,
        };
        ops.iter().filter_map(|op| match op {
            Op::Call(rebuild, _) => Some(rebuild),
            Op::Leaf(_) | Op::List(_) | Op::Tuple(_) | Op::Dict(_) => None,
        })
    }

    pub(crate) fn clone_ref(&self, py: Python<'_>) -> Self {
        match self {
            Self::Leaf(k) => Self::Leaf(*k),
            Self::Nested(ops) => Self::Nested(ops.iter().map(|op| op.clone_ref(py)).collect()),
        }
    }
}

impl Nesting {
    pub(crate) fn clone_ref(&self, py: Python<'_>) -> Self {
        Self {
            shapes: self.shapes.iter().map(|shape| shape.clone_ref(py)).collect(),
            keywords: self.keywords.as_ref().map(|names| names.clone_ref(py)),
        }
    }
}

/// Builds one argument, or the outputs of a workflow, from its leaves.
pub(crate) fn built<'py>(
    py: Python<'py>,
    shape: &Shape,
    leaves: &[Arg],
    leaf: &impl Fn(Arg) -> Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let ops = match shape {
        Shape::Leaf(k) => return Ok(leaf(leaves[*k as usize])),
        Shape::Nested(ops) => ops,
    };
    let mut stack: Vec<Bound<'py, PyAny>> = Vec::new();
    for op in ops {
        let container = match op {
            Op::Leaf(k) => leaf(leaves[*k as usize]),
            Op::List(n) => PyList::new(py, top(&mut stack, *n))?.into_any(),
            Op::Tuple(n) => PyTuple::new(py, top(&mut stack, *n))?.into_any(),
            Op::Dict(n) => {
                let dict = PyDict::new(py);
                let items = top(&mut stack, 2 * n);
                for pair in items.chunks_exact(2) {
                    dict.set_item(&pair[0], &pair[1])?;
                }
                dict.into_any()
            }
            Op::Call(rebuild, n) => rebuild.bind(py).call1(PyTuple::new(py, top(&mut stack, *n))?)?,
        };
        stack.push(container);
    }
    Ok(stack.pop().unwrap_or_else(|| py.None().into_bound(py)))
}

fn top<'py>(stack: &mut Vec<Bound<'py, PyAny>>, n: u32) -> Vec<Bound<'py, PyAny>> {
    stack.split_off(stack.len() - n as usize)
}
