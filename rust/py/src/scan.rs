//! Finding handles inside the arguments of a call: lists, tuples, dicts, named tuples, dataclasses.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyFrozenSet, PyList, PySet, PyTuple};

use crate::argument::{Op, Shape};
use crate::draft::Draft;
use crate::error::{BindError, BindResult};
use crate::handle::{PyHandle, Target};
use crate::recording::Leaf;

/// How many containers deep handles are found.
const DEPTH_MAX: usize = 8;

/// `makespan.containers.open_container`: takes named tuples and dataclasses apart.
static OPEN_CONTAINER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// What a container is rebuilt by.
enum Kind {
    List,
    Tuple,
    Dict,
    Call(Py<PyAny>),
}

/// A container that is being looked through.
struct Frame<'py> {
    original: Bound<'py, PyAny>,
    kind: Kind,
    items: Vec<Bound<'py, PyAny>>,
    next: usize,
    ops_before: usize,
    leaves_before: usize,
    handles_before: usize,
}

/// Collects the leaves of one call.
pub(crate) struct Scan<'d> {
    draft: &'d Arc<Draft>,
    callee: &'d str,
    pub(crate) leaves: Vec<Leaf>,
    n_handles: usize,
}

impl<'d> Scan<'d> {
    pub(crate) fn new(draft: &'d Arc<Draft>, callee: &'d str) -> Self {
        Self { draft, callee, leaves: Vec::new(), n_handles: 0 }
    }

    fn leaf(&mut self, leaf: Leaf, ops: &mut Vec<Op>) {
        ops.push(Op::Leaf(self.leaves.len() as u32));
        self.leaves.push(leaf);
    }

    fn target(&mut self, target: &Target, ops: &mut Vec<Op>) {
        self.n_handles += 1;
        match target {
            Target::Node(node) => self.leaf(Leaf::Node(*node), ops),
            Target::Parameter(idx) => self.leaf(Leaf::Parameter(*idx), ops),
            Target::Each(targets) => {
                for target in targets.iter() {
                    match target {
                        Target::Node(node) => self.leaf(Leaf::Node(*node), ops),
                        Target::Parameter(idx) => self.leaf(Leaf::Parameter(*idx), ops),
                        Target::Each(_) => {
                            unreachable!("an each of handles is made flat, never nested")
                        }
                    }
                }
                ops.push(Op::List(targets.len() as u32));
            }
        }
    }

    /// Looks through one argument. Without recursion, so that no nesting can overflow the stack.
    pub(crate) fn argument(&mut self, value: &Bound<'_, PyAny>) -> BindResult<Shape> {
        let mut ops = Vec::new();
        let mut frames: Vec<Frame<'_>> = Vec::new();
        let mut pending = Some(value.clone());
        loop {
            if let Some(value) = pending.take() {
                if let Ok(handle) = value.cast_exact::<PyHandle>() {
                    let handle = handle.get();
                    if !Arc::ptr_eq(handle.draft(), self.draft) {
                        return Err(BindError::ForeignHandle {
                            step: self.callee.to_owned(),
                            handle: handle.path(),
                        });
                    }
                    self.target(handle.target(), &mut ops);
                } else if let Some((kind, items)) = opened(&value, frames.len())? {
                    frames.push(Frame {
                        original: value,
                        kind,
                        items,
                        next: 0,
                        ops_before: ops.len(),
                        leaves_before: self.leaves.len(),
                        handles_before: self.n_handles,
                    });
                } else {
                    self.leaf(Leaf::Object(value.unbind()), &mut ops);
                }
            }
            let Some(frame) = frames.last_mut() else {
                break;
            };
            if let Some(item) = frame.items.get(frame.next) {
                pending = Some(item.clone());
                frame.next += 1;
                continue;
            }
            let Some(frame) = frames.pop() else { break };
            if frame.handles_before == self.n_handles {
                // Nothing in it waits for a result: it is passed as it is, not rebuilt.
                ops.truncate(frame.ops_before);
                self.leaves.truncate(frame.leaves_before);
                self.leaf(Leaf::Object(frame.original.unbind()), &mut ops);
                continue;
            }
            let n_items = frame.items.len() as u32;
            ops.push(match frame.kind {
                Kind::List => Op::List(n_items),
                Kind::Tuple => Op::Tuple(n_items),
                Kind::Dict => Op::Dict(n_items / 2),
                Kind::Call(rebuild) => Op::Call(rebuild, n_items),
            });
        }
        Ok(match ops.as_slice() {
            [Op::Leaf(k)] => Shape::Leaf(*k),
            _ => Shape::Nested(ops.into()),
        })
    }
}

/// Takes a container apart, if it is one that handles are looked for in.
fn opened<'py>(
    value: &Bound<'py, PyAny>,
    depth: usize,
) -> BindResult<Option<(Kind, Vec<Bound<'py, PyAny>>)>> {
    if depth >= DEPTH_MAX {
        return Ok(None);
    }
    if let Ok(list) = value.cast_exact::<PyList>() {
        return Ok(Some((Kind::List, list.iter().collect())));
    }
    if let Ok(tuple) = value.cast_exact::<PyTuple>() {
        return Ok(Some((Kind::Tuple, tuple.iter().collect())));
    }
    if let Ok(dict) = value.cast_exact::<PyDict>() {
        return Ok(Some((Kind::Dict, dict.iter().flat_map(|(key, value)| [key, value]).collect())));
    }
    if value.is_exact_instance_of::<PySet>() || value.is_exact_instance_of::<PyFrozenSet>() {
        for item in value.try_iter()? {
            if let Ok(handle) = item?.cast_exact::<PyHandle>() {
                let path = handle.get().path();
                return Err(BindError::Workflow(format!(
                    "{path} stands in a set, where handles are not looked for: use a list"
                )));
            }
        }
        return Ok(None);
    }
    if !is_record(value) {
        return Ok(None);
    }
    let py = value.py();
    let open = OPEN_CONTAINER.import(py, "makespan.containers", "open_container")?;
    let parts: Option<(Py<PyAny>, Vec<Bound<'py, PyAny>>)> = open.call1((value,))?.extract()?;
    Ok(parts.map(|(rebuild, items)| (Kind::Call(rebuild), items)))
}

/// True for instances of classes written in Python that are tuples or dataclasses.
fn is_record(value: &Bound<'_, PyAny>) -> bool {
    let kind = value.get_type();
    let is_heap_type = {
        // SAFETY: `kind` is a type object; reading its flags has no other precondition.
        #[expect(unsafe_code, reason = "PyO3 has no safe way to read a type's flags")]
        unsafe {
            pyo3::ffi::PyType_GetFlags(kind.as_type_ptr()) & pyo3::ffi::Py_TPFLAGS_HEAPTYPE != 0
        }
    };
    is_heap_type
        && (value.is_instance_of::<PyTuple>()
            || kind.hasattr(pyo3::intern!(value.py(), "__dataclass_fields__")).unwrap_or(false))
}

/// True for objects that are looked into for handles, and for handles.
pub(crate) fn may_hold_handles(value: &Bound<'_, PyAny>) -> bool {
    value.is_exact_instance_of::<PyHandle>()
        || value.is_exact_instance_of::<PyList>()
        || value.is_exact_instance_of::<PyTuple>()
        || value.is_exact_instance_of::<PyDict>()
        || value.is_exact_instance_of::<PySet>()
        || value.is_exact_instance_of::<PyFrozenSet>()
        || is_record(value)
}
