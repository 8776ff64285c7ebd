//! Calling a node's function: gather the arguments, call through vectorcall, drop what was used up.
//!
//! All unsafe code of the run loops is here. Results live in a [`Table`], one slot per position; who may
//! touch which slot when is the protocol of `baton.rs` and of the scheduler.

use std::cell::UnsafeCell;
use std::hint::black_box;
use std::sync::Arc;

use pyo3::exceptions::PyBaseException;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};

use crate::argument::{Arg, Nesting, built};
use crate::caching::{LookedUp, Missing, RunCache, unkeyable};
use crate::digest::KeyError;
use crate::joint::{self, Attendance};
use crate::layout::{Layout, NodeCode};
use crate::recording::flag;
use crate::result_cache::{Begun, PyResultCache};

/// `makespan.exceptions.Failed`: a step that returns an instance has failed, as if it had raised it.
static FAILED: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// Results of a run, by position, and the values of its parameters.
pub(crate) struct Table {
    slots: Box<[UnsafeCell<Option<Py<PyAny>>>]>,
    parameters: Vec<Py<PyAny>>,
    /// None where nothing is cached.
    cache: Option<RunCache>,
    /// None where no call is made together with those of other runs.
    attendance: Option<Box<Attendance>>,
}

// SAFETY: a slot is written by the one worker that runs its node, before it publishes the node's end
// (the baton's release or the board's lock); it is read by workers that acquired that, and emptied by
// the one that the scheduler tells to, after all of them. So no two threads touch a slot at one time.
#[expect(unsafe_code, reason = "the protocol above is what makes it so")]
unsafe impl Sync for Table {}

impl Table {
    pub(crate) fn new(
        n_nodes: usize,
        parameters: Vec<Py<PyAny>>,
        cache: Option<RunCache>,
        attendance: Option<Box<Attendance>>,
    ) -> Self {
        let mut slots = Vec::with_capacity(n_nodes);
        slots.resize_with(n_nodes, || UnsafeCell::new(None));
        Self { slots: slots.into(), parameters, cache, attendance }
    }

    /// Positions, ascending, whose result the cache had.
    pub(crate) fn cached_positions(&self) -> Vec<u32> {
        self.cache.as_ref().map_or_else(Vec::new, RunCache::hits)
    }

    /// What the run has to do with meetings, if anything.
    pub(crate) fn attendance(&self) -> Option<&Attendance> {
        self.attendance.as_deref()
    }

    /// Returns the value of a parameter.
    pub(crate) fn parameter<'py>(&self, py: Python<'py>, idx: usize) -> Bound<'py, PyAny> {
        self.parameters[idx].bind(py).clone()
    }

    /// Returns the result at `position` of a run that is over.
    ///
    /// # Safety
    /// No other thread may touch the slot: see the `Sync` impl.
    #[expect(unsafe_code, reason = "slots are shared by protocol")]
    pub(crate) unsafe fn result<'py>(&self, py: Python<'py>, position: usize) -> Bound<'py, PyAny> {
        // SAFETY: the caller vouches for the slot.
        match unsafe { &*self.slots[position].get() } {
            Some(result) => result.bind(py).clone(),
            None => unreachable!("outputs and kept results of a finished run are never released"),
        }
    }

    /// Takes the result at `position` out.
    ///
    /// # Safety
    /// No other thread may touch the slot: see the `Sync` impl.
    #[inline]
    #[expect(unsafe_code, reason = "slots are shared by protocol")]
    pub(crate) unsafe fn take(&self, position: usize) -> Option<Py<PyAny>> {
        // SAFETY: the caller vouches for the slot.
        unsafe { (*self.slots.get_unchecked(position).get()).take() }
    }
}

/// Keeps a thread that the interpreter ends while it is inside a call from unwinding through this crate.
///
/// Before 3.14 `CPython` ends daemon threads that come back during finalization by unwinding them. This
/// stops there for good, as 3.14 does by itself.
struct EndsHere;

impl Drop for EndsHere {
    fn drop(&mut self) {
        loop {
            std::thread::park();
        }
    }
}

/// The arguments of a node, positional ones first, and the names of the last ones.
pub(crate) type Gathered<'py> = (Vec<Bound<'py, PyAny>>, Option<Bound<'py, PyTuple>>);

/// What became of a call that may be in the cache.
pub(crate) enum Recalled<'a, 'py> {
    /// Its step is not cached.
    NotCached,
    /// The cache had it: its result is stored.
    Stored,
    /// It is to be made.
    Missing(&'a RunCache, Missing<'py>),
}

/// How many arguments are gathered without the heap.
const N_INLINE: usize = 12;

/// What one worker needs to call the nodes of one run.
pub(crate) struct Caller<'a, 'py> {
    py: Python<'py>,
    layout: &'a Layout,
    args: &'a [Arg],
    table: &'a Table,
    failed: &'py Bound<'py, PyType>,
    vectorcall: Vectorcall,
    /// Arguments are gathered from index 1 on; the callee may use index 0.
    inline: [*mut ffi::PyObject; N_INLINE + 1],
    spilled: Vec<*mut ffi::PyObject>,
}

impl<'a, 'py> Caller<'a, 'py> {
    pub(crate) fn new(py: Python<'py>, layout: &'a Layout, table: &'a Table) -> PyResult<Self> {
        let failed = FAILED.import(py, "makespan.exceptions", "Failed")?;
        let n_spilled = if layout.n_args_max > N_INLINE { layout.n_args_max + 1 } else { 0 };
        Ok(Self {
            py,
            layout,
            args: layout.args(),
            table,
            failed,
            vectorcall: black_box(PyObject_Vectorcall),
            inline: [std::ptr::null_mut(); N_INLINE + 1],
            spilled: vec![std::ptr::null_mut(); n_spilled],
        })
    }

    pub(crate) fn py(&self) -> Python<'py> {
        self.py
    }

    pub(crate) fn layout(&self) -> &'a Layout {
        self.layout
    }

    pub(crate) fn attendance(&self) -> Option<&'a Attendance> {
        self.table.attendance()
    }

    #[inline]
    fn args_of(&self, position: usize) -> &'a [Arg] {
        let nodes = &self.layout.nodes;
        debug_assert!(position + 1 < nodes.len(), "positions come from the layout");
        // SAFETY: a layout has one node more than positions, and offsets ascend to its arguments' end.
        #[expect(unsafe_code, reason = "bounds are an invariant of the layout")]
        unsafe {
            let begin = nodes.get_unchecked(position).args_begin as usize;
            let end = nodes.get_unchecked(position + 1).args_begin as usize;
            self.args.get_unchecked(begin..end)
        }
    }

    /// Borrows the object that an argument stands for.
    ///
    /// # Safety
    /// The results it names are stored and no other thread empties their slots meanwhile.
    #[inline]
    #[expect(unsafe_code, reason = "slots are shared by protocol")]
    unsafe fn load(&self, arg: Arg) -> *mut ffi::PyObject {
        // SAFETY: indices come from the layout; a parent's slot is full when its child is called.
        unsafe {
            let object = if arg.is_result() {
                (*self.table.slots.get_unchecked(arg.index()).get()).as_ref()
            } else if arg.is_constant() {
                self.layout.program.constants.get(arg.index())
            } else {
                self.table.parameters.get(arg.index())
            };
            debug_assert!(object.is_some(), "a parent's result is stored before its child is called");
            object.unwrap_unchecked().as_ptr()
        }
    }

    /// Calls the node at `position` and stores its result; an error if it failed.
    ///
    /// # Safety
    /// The node's parents are finished, their slots are full, and nobody else calls this node.
    #[inline]
    #[expect(unsafe_code, reason = "vectorcall has no safe form, and slots are shared by protocol")]
    pub(crate) unsafe fn call(&mut self, position: usize) -> PyResult<()> {
        // SAFETY: as the caller vouches.
        unsafe { self.call_as(position, *self.layout.nodes.get_unchecked(position)) }
    }

    /// The same, never together with calls of other runs.
    ///
    /// # Safety
    /// As `call`.
    #[inline(never)]
    #[expect(unsafe_code, reason = "as `call`")]
    pub(crate) unsafe fn call_by_itself(&mut self, position: usize) -> PyResult<()> {
        let mut node = self.layout.nodes[position];
        node.flags &= !flag::JOINT;
        // SAFETY: as the caller vouches.
        unsafe { self.call_as(position, node) }
    }

    /// Calls a node as its code says.
    ///
    /// # Safety
    /// As `call`.
    #[inline(always)]
    #[expect(unsafe_code, reason = "as `call`")]
    #[expect(clippy::inline_always, reason = "the one way through the hot loop")]
    unsafe fn call_as(&mut self, position: usize, node: NodeCode) -> PyResult<()> {
        // SAFETY: as the caller vouches; every argument is borrowed from the table, the program or the
        // parameters, which outlive the call.
        unsafe {
            let result = if node.flags & (flag::NESTED | flag::CACHED | flag::JOINT) == 0 {
                self.call_plain(position, node)
            } else if node.flags & (flag::CACHED | flag::JOINT) == 0 {
                self.call_nested(position, node)?
            } else if node.flags & flag::JOINT == 0 {
                self.call_cached(position, node)?
            } else {
                joint::call_joint(self, position, node)?
            };
            if result.is_null() {
                return Err(PyErr::fetch(self.py));
            }
            if ffi::PyExceptionInstance_Check(result) != 0
                && let Some(failure) = self.declared_failure(result)
            {
                return Err(failure);
            }
            if node.flags & flag::UNUSED != 0 {
                ffi::Py_DECREF(result);
            } else {
                *self.table.slots.get_unchecked(position).get() =
                    Some(Bound::from_owned_ptr(self.py, result).unbind());
            }
            Ok(())
        }
    }

    /// Calls a node with arguments that are at hand as they are.
    ///
    /// # Safety
    /// As `call`.
    #[inline(always)]
    #[expect(unsafe_code, reason = "as `call`")]
    #[expect(clippy::inline_always, reason = "the one way through the hot loop")]
    unsafe fn call_plain(&mut self, position: usize, node: NodeCode) -> *mut ffi::PyObject {
        // SAFETY: as the caller vouches; every argument is borrowed from the table, the program or the parameters, which
        // outlive the call.
        unsafe {
            let mut args = self.args_of(position);
            let mut keywords = std::ptr::null_mut();
            let mut n_positional = args.len();
            if node.flags & flag::KEYWORDS != 0
                && let Some((last, rest)) = args.split_last()
            {
                keywords = self.load(*last);
                args = rest;
                n_positional = rest.len() - ffi::PyTuple_GET_SIZE(keywords).unsigned_abs();
            }
            let buffer = if self.spilled.is_empty() {
                self.inline.as_mut_ptr().add(1)
            } else {
                self.spilled.as_mut_ptr().add(1)
            };
            for (at, arg) in args.iter().enumerate() {
                *buffer.add(at) = self.load(*arg);
            }
            vectorcall(self.vectorcall, node.callable, buffer, n_positional, keywords)
        }
    }

    /// Finds the result of a node in the cache, or calls it and stores what it returned.
    ///
    /// # Safety
    /// As `call`.
    #[inline(never)]
    #[expect(unsafe_code, reason = "as `call`")]
    unsafe fn call_cached(&mut self, position: usize, node: NodeCode) -> PyResult<*mut ffi::PyObject> {
        let Some(cache) = &self.table.cache else {
            unreachable!("nodes are marked as cached in runs with a cache");
        };
        // SAFETY: as the caller vouches.
        match unsafe { self.looked_up(cache, position, true)? } {
            LookedUp::Found(entry) => entry.hand_out(self.py).map(Bound::into_ptr),
            LookedUp::Missing(missing) => {
                // SAFETY: as the caller vouches.
                let result = unsafe { self.call_itself(position, node)? };
                let outcome = if result.is_null() {
                    Err(PyErr::fetch(self.py))
                } else {
                    // SAFETY: the call returned a new reference.
                    unless_failed(unsafe { Bound::from_owned_ptr(self.py, result) })
                };
                missing.end(self.py, cache, &outcome)?;
                outcome.map(Bound::into_ptr)
            }
        }
    }

    /// Calls a node, whatever its arguments are.
    ///
    /// # Safety
    /// As `call`.
    #[expect(unsafe_code, reason = "as `call`")]
    pub(crate) unsafe fn call_itself(
        &mut self,
        position: usize,
        node: NodeCode,
    ) -> PyResult<*mut ffi::PyObject> {
        // SAFETY: as the caller vouches.
        unsafe {
            if node.flags & flag::NESTED == 0 {
                Ok(self.call_plain(position, node))
            } else {
                self.call_nested(position, node)
            }
        }
    }

    /// Looks a node of a cached step up, and notes a hit. One that `waits` waits for others that make the same call, and others for it.
    ///
    /// # Safety
    /// As `call`.
    #[expect(unsafe_code, reason = "as `call`")]
    unsafe fn looked_up(&self, cache: &RunCache, position: usize, waits: bool) -> PyResult<LookedUp<'py>> {
        if let Some(entry) = cache.at_hand(position) {
            cache.note_hit(position);
            return Ok(LookedUp::Found(Arc::clone(entry)));
        }
        let step_idx = self.layout.step_idx_at(position as u32) as usize;
        let step = self.layout.program.steps[step_idx].bind(self.py).get();
        // SAFETY: as the caller vouches.
        let (args, names) = unsafe { self.gathered(position)? };
        let known = cache.known(position);
        let key = match (cache.key_of_values(step_idx, step, &args, names.as_ref()), known) {
            (Ok(key), _) => key,
            // What it depends on is known, though the value has no key.
            (Err(KeyError::Unkeyable { .. }), Some(known)) => *known,
            (Err(error), _) => return Err(unkeyable(step, error)),
        };
        // A key that was known and is not that of the values is a second one: of how the values came to be.
        let link = known.copied().filter(|known| *known != key);
        let begun = if waits {
            PyResultCache::begin(cache.cache(self.py), &key)?
        } else {
            cache.cache(self.py).get().get(self.py, &key)?.map_or(Begun::Nested, Begun::Found)
        };
        Ok(match begun {
            Begun::Found(entry) => {
                if let Some(link) = link {
                    cache.cache(self.py).get().link(self.py, &link, &key)?;
                }
                cache.note_hit(position);
                LookedUp::Found(entry)
            }
            Begun::Mine(flight) => LookedUp::Missing(Missing { key, link, step_idx, flight: Some(flight) }),
            Begun::Nested => LookedUp::Missing(Missing { key, link, step_idx, flight: None }),
        })
    }

    /// Finds the result of the node at `position` in the cache and stores it, or tells of the call that is to be made; an
    /// error where the cache has a failure.
    ///
    /// # Safety
    /// As `call`.
    #[expect(unsafe_code, reason = "as `call`")]
    pub(crate) unsafe fn recalled(&self, position: usize) -> PyResult<Recalled<'a, 'py>> {
        let (Some(cache), true) = (&self.table.cache, self.layout.nodes[position].flags & flag::CACHED != 0)
        else {
            return Ok(Recalled::NotCached);
        };
        // SAFETY: as the caller vouches.
        match unsafe { self.looked_up(cache, position, false)? } {
            LookedUp::Found(entry) => {
                // SAFETY: as the caller vouches.
                unsafe { self.store(position, entry.hand_out(self.py)?) };
                Ok(Recalled::Stored)
            }
            LookedUp::Missing(missing) => Ok(Recalled::Missing(cache, missing)),
        }
    }

    /// Drops the results that the node at `position` used for the last time in the static order.
    ///
    /// # Safety
    /// The node is finished and its worker is the soloist.
    #[inline]
    #[expect(unsafe_code, reason = "slots are shared by protocol")]
    pub(crate) unsafe fn release_last_uses(&self, position: usize) {
        for arg in self.args_of(position) {
            if arg.is_last_use() {
                // SAFETY: the soloist is the only one that touches slots.
                unsafe {
                    if let Some(result) = self.table.take(arg.index()) {
                        ffi::Py_DECREF(result.into_ptr());
                    }
                }
            }
        }
    }

    /// Takes an exception that was returned, if it is a declared failure.
    #[cold]
    #[expect(unsafe_code, reason = "an owned pointer becomes an object again")]
    fn declared_failure(&self, result: *mut ffi::PyObject) -> Option<PyErr> {
        // SAFETY: `result` is borrowed here.
        let returned = unsafe { Bound::from_borrowed_ptr(self.py, result) };
        if !returned.is_instance(self.failed.as_any()).unwrap_or(false) {
            return None;
        }
        // SAFETY: the reference that the call returned is not needed any more; `returned` is another.
        unsafe { ffi::Py_DECREF(result) };
        Some(PyErr::from_value(returned))
    }

    /// Borrows the arguments of the node at `position`, positional ones first, and the names of the last ones.
    ///
    /// # Safety
    /// As `call`.
    #[expect(unsafe_code, reason = "slots are shared by protocol")]
    pub(crate) unsafe fn gathered(&self, position: usize) -> PyResult<Gathered<'py>> {
        let flags = self.layout.nodes[position].flags;
        if flags & flag::NESTED != 0 {
            let nesting = &self.layout.program.nestings[(flags >> flag::N_BITS) as usize];
            let names = nesting.keywords.as_ref().map(|names| names.bind(self.py).clone());
            // SAFETY: as the caller vouches.
            return Ok((unsafe { self.rebuilt(position, nesting)? }, names));
        }
        // SAFETY: as the caller vouches.
        let leaf = |arg: &Arg| unsafe { Bound::from_borrowed_ptr(self.py, self.load(*arg)) };
        let mut args = self.args_of(position);
        let mut names = None;
        if flags & flag::KEYWORDS != 0
            && let Some((last, rest)) = args.split_last()
        {
            names = Some(leaf(last).cast_into::<PyTuple>()?);
            args = rest;
        }
        Ok((args.iter().map(leaf).collect(), names))
    }

    /// Stores the result of the node at `position`, which is no declared failure.
    ///
    /// # Safety
    /// As `call`.
    #[expect(unsafe_code, reason = "slots are shared by protocol")]
    pub(crate) unsafe fn store(&self, position: usize, result: Bound<'py, PyAny>) {
        if self.layout.nodes[position].flags & flag::UNUSED == 0 {
            // SAFETY: as the caller vouches.
            unsafe { *self.table.slots[position].get() = Some(result.unbind()) };
        }
    }

    /// Rebuilds the arguments of a node around results.
    ///
    /// # Safety
    /// As `call`.
    #[expect(unsafe_code, reason = "slots are shared by protocol")]
    unsafe fn rebuilt(&self, position: usize, nesting: &Nesting) -> PyResult<Vec<Bound<'py, PyAny>>> {
        // SAFETY: as the caller vouches.
        let leaf = |arg: Arg| unsafe { Bound::from_borrowed_ptr(self.py, self.load(arg)) };
        let args = self.args_of(position);
        let mut values = Vec::with_capacity(nesting.shapes.len());
        for shape in &nesting.shapes {
            values.push(built(self.py, shape, args, &leaf)?);
        }
        Ok(values)
    }

    /// Calls a node with arguments that are rebuilt around results.
    #[cold]
    #[inline(never)]
    #[expect(unsafe_code, reason = "as `call`")]
    unsafe fn call_nested(&mut self, position: usize, node: NodeCode) -> PyResult<*mut ffi::PyObject> {
        let nesting = &self.layout.program.nestings[(node.flags >> flag::N_BITS) as usize];
        // SAFETY: as the caller of `call` vouches.
        let values = unsafe { self.rebuilt(position, nesting)? };
        let keywords = nesting.keywords.as_ref();
        let n_keywords = keywords.map_or(0, |names| names.bind(self.py).len());
        let mut pointers: Vec<*mut ffi::PyObject> = Vec::with_capacity(values.len() + 1);
        pointers.push(std::ptr::null_mut());
        pointers.extend(values.iter().map(Bound::as_ptr));
        // SAFETY: `values` owns the arguments until the call is over.
        Ok(unsafe {
            vectorcall(
                self.vectorcall,
                node.callable,
                pointers.as_mut_ptr().add(1),
                values.len() - n_keywords,
                keywords.map_or(std::ptr::null_mut(), Py::as_ptr),
            )
        })
    }
}

// PyO3 declares these functions as ones that never unwind, so that a thread which the interpreter ends inside
// of them would abort the process; with these declarations, and called through a pointer that the optimizer
// cannot see through (it would believe PyO3's declaration), the unwinding reaches `EndsHere`. Not needed
// from CPython 3.14 on.
#[expect(unsafe_code, reason = "a foreign function")]
unsafe extern "C-unwind" {
    fn PyObject_Vectorcall(
        callable: *mut ffi::PyObject,
        args: *const *mut ffi::PyObject,
        n_args: usize,
        keywords: *mut ffi::PyObject,
    ) -> *mut ffi::PyObject;

    fn PyObject_Call(
        callable: *mut ffi::PyObject,
        args: *mut ffi::PyObject,
        keywords: *mut ffi::PyObject,
    ) -> *mut ffi::PyObject;
}

type Vectorcall = unsafe extern "C-unwind" fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    usize,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;
type Call = unsafe extern "C-unwind" fn(
    *mut ffi::PyObject,
    *mut ffi::PyObject,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;

/// Calls a user's function from native code that is not a run loop; see `EndsHere`.
#[expect(unsafe_code, reason = "PyO3's own call does not let a thread end inside of it")]
pub(crate) fn call<'py>(
    callable: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let keywords = kwargs.map_or(std::ptr::null_mut(), Bound::as_ptr);
    let function = black_box(PyObject_Call as Call);
    let guard = EndsHere;
    // SAFETY: the objects are borrowed for the call; it returns a new reference or null with an error set.
    let result = unsafe { function(callable.as_ptr(), args.as_ptr(), keywords) };
    std::mem::forget(guard);
    // SAFETY: as above.
    unsafe { Bound::from_owned_ptr_or_err(callable.py(), result) }
}

/// Calls through vectorcall; null with an error set when it raised.
///
/// # Safety
/// `args` points to the arguments, with one writable slot before it.
#[inline]
#[expect(unsafe_code, reason = "vectorcall has no safe form")]
unsafe fn vectorcall(
    function: Vectorcall,
    callable: *mut ffi::PyObject,
    args: *mut *mut ffi::PyObject,
    n_positional: usize,
    keywords: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let guard = EndsHere;
    // SAFETY: as the caller vouches.
    let result =
        unsafe { function(callable, args, n_positional | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET, keywords) };
    std::mem::forget(guard);
    result
}

/// Raises a declared failure that a plain call of a step returned.
pub(crate) fn unless_failed(result: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    if result.is_instance_of::<PyBaseException>()
        && result.is_instance(FAILED.import(result.py(), "makespan.exceptions", "Failed")?)?
    {
        return Err(PyErr::from_value(result));
    }
    Ok(result)
}
