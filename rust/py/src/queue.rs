//! The priority queue as Python sees it: `makespan._core.Queue`, below `makespan.ExecutionQueue`.
//!
//! Keys are looked up and states changed under one lock, which is never held while Python code runs: where the equality
//! of two keys takes Python to decide, the lock is left, and the question is asked again with the answer. Whoever finds
//! the lock taken waits for it detached. Methods without a docstring are those that `scheduling/queue.py` wraps.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use makespan_core::queue::{
    Counts, EntryState, Exported, NewEntry, OrderBy, QueueOptions, WhenFull, WrongState,
};
use numpy::{IntoPyArray, PyReadonlyArray1};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyList};

use crate::detach::detached;
use crate::error::{BindError, BindResult, QueueRefusal};
use crate::keys::{Found, Key};
use crate::monitor::{Bells, Monitor, Shared, Side};
use crate::queue_state::{Answers, Pushed, PyCounts, QueueState, TakenKeys};
use crate::queue_values::{Columns, GivenKey, QueueClock, duration_ns, new_entry, seconds, wrong};

/// A thread that waits looks for signals this often, and reads a clock that is not ours.
const SLICE: Duration = Duration::from_millis(50);

/// A batch of this size is worked on detached.
const N_DETACHED_MIN: usize = 1 << 14;

/// An entry as it is written down: key, state, priority, deadline, arrival, attempts, reason.
type PyEntry<K> = (K, String, f64, Option<i64>, u64, u16, Option<String>);

/// Done, failed, dropped.
type PyTotals = (u64, u64, u64);

/// The queue's time in nanoseconds, every entry in the order of arrival, totals.
type PyExport<'py> = (u64, Vec<PyEntry<Bound<'py, PyAny>>>, PyTotals);

/// The native part of `makespan.ExecutionQueue`.
#[pyclass(name = "Queue", module = "makespan._core", frozen, subclass)]
#[derive(Debug)]
pub(crate) struct PyQueue {
    monitor: Monitor<QueueState>,
    clock: QueueClock,
    /// A full queue lets `put` wait.
    blocks: bool,
    is_tracked: bool,
    /// In a forked child, where a thread of the parent's has the lock for ever.
    is_orphaned: AtomicBool,
}

impl PyQueue {
    /// Works under the lock, attached: the work runs no Python code.
    #[inline]
    fn visit<R>(&self, py: Python<'_>, work: impl FnOnce(&mut QueueState) -> R) -> BindResult<(R, Bells)> {
        let mut work = work;
        loop {
            match self.monitor.try_visit(work) {
                Ok(result) => return Ok(result),
                Err(given_back) => work = given_back,
            }
            if self.is_orphaned.load(Ordering::Relaxed) {
                return Err(QueueRefusal::Forked.into());
            }
            detached(py, || self.monitor.wait_for_lock());
        }
    }

    /// The same, and tells those in event loops who wait for what is there now.
    #[inline]
    fn visit_and_ring<R>(slf: &Bound<'_, Self>, work: impl FnOnce(&mut QueueState) -> R) -> BindResult<R> {
        let (result, bells) = slf.get().visit(slf.py(), work)?;
        Self::ring(slf, bells)?;
        Ok(result)
    }

    /// The same for work that takes long, detached.
    fn visit_detached<R: Send>(
        slf: &Bound<'_, Self>,
        work: impl Send + FnOnce(&mut QueueState) -> R,
    ) -> BindResult<R> {
        let this = slf.get();
        let (result, bells) = detached(slf.py(), || this.monitor.visit(work));
        Self::ring(slf, bells)?;
        Ok(result)
    }

    #[inline]
    fn ring(slf: &Bound<'_, Self>, bells: Bells) -> BindResult<()> {
        if bells.any() {
            slf.call_method1("_ring", (bells.takers, bells.putters))?;
        }
        Ok(())
    }

    /// Works on the slot of a key; Python's equality is asked outside of the lock.
    fn with_key<R>(
        slf: &Bound<'_, Self>,
        given: &GivenKey<'_, '_>,
        mut work: impl FnMut(&mut QueueState, Option<u32>) -> R,
    ) -> BindResult<R> {
        let mut answers = Answers::new();
        loop {
            let found = Self::visit_and_ring(slf, |state| match state.find(given, &answers) {
                Found::Known(slot) => Ok(work(state, slot)),
                Found::Ask(other) => Err(other),
            })?;
            match found {
                Ok(result) => return Ok(result),
                Err(other) => answers.push(given.compared(slf.py(), other)?),
            }
        }
    }

    /// Puts an entry in if there is room; says whether it is in, and which key was dropped.
    #[inline]
    fn try_put(
        slf: &Bound<'_, Self>,
        now_ns: u64,
        entry: NewEntry,
        given: &GivenKey<'_, '_>,
    ) -> BindResult<Result<(bool, Option<Key>), QueueRefusal>> {
        match *given {
            GivenKey::Int(label) => Self::visit_and_ring(slf, |state| {
                let slot = state.find_int(label);
                state.put(now_ns, entry, Key::Int(label), 0, slot)
            }),
            GivenKey::Object(_, hash) => {
                Self::with_key(slf, given, |state, slot| state.put(now_ns, entry, given.to_key(), hash, slot))
            }
        }
    }

    /// Works on an entry that has to be in a state.
    fn with_entry<R>(
        slf: &Bound<'_, Self>,
        key: &Bound<'_, PyAny>,
        expected: &'static str,
        mut work: impl FnMut(&mut QueueState, u32) -> Result<R, WrongState>,
    ) -> BindResult<R> {
        let given = GivenKey::new(key)?;
        Self::with_key(slf, &given, |state, slot| slot.and_then(|slot| work(state, slot).ok()))?
            .ok_or_else(|| QueueRefusal::Unknown { key: given.to_key(), expected }.into())
    }

    fn expect_tracked(&self) -> Result<(), QueueRefusal> {
        if self.is_tracked { Ok(()) } else { Err(QueueRefusal::Untracked) }
    }

    /// How long to wait at most before looking again.
    fn slice(&self, now_ns: u64, until_ns: Option<u64>, due_ns: Option<u64>) -> Duration {
        let next_ns = until_ns.into_iter().chain(due_ns).min();
        match next_ns.filter(|_| self.clock.is_native()) {
            Some(next_ns) => SLICE.min(Duration::from_nanos(next_ns.saturating_sub(now_ns))),
            None => SLICE,
        }
    }
}

#[pymethods]
#[expect(
    clippy::doc_markdown,
    clippy::doc_link_with_quotes,
    reason = "docstrings, in the form that Python's tools read"
)]
impl PyQueue {
    #[new]
    #[pyo3(signature = (
        *, by_deadline, ageing, tracked, retries, retry_delay_ns, retry_delay_ns_max, size_max, when_full, clock, start_ns
    ))]
    #[expect(clippy::too_many_arguments, reason = "the options, by name")]
    fn new(
        py: Python<'_>,
        by_deadline: bool,
        ageing: f64,
        tracked: bool,
        retries: u16,
        retry_delay_ns: u64,
        retry_delay_ns_max: u64,
        size_max: Option<usize>,
        when_full: &str,
        clock: Option<Py<PyAny>>,
        start_ns: u64,
    ) -> BindResult<Self> {
        let options = QueueOptions {
            order: if by_deadline { OrderBy::Deadline } else { OrderBy::Priority },
            ageing_per_s: ageing,
            is_tracked: tracked,
            n_retries: retries,
            retry_delay_ns,
            retry_delay_ns_max,
            size_max,
            when_full: if when_full == "drop_lowest" { WhenFull::DropLowest } else { WhenFull::Refuse },
        };
        Ok(Self {
            monitor: Monitor::new(QueueState::new(options, start_ns)),
            clock: QueueClock::new(py, clock, start_ns)?,
            blocks: when_full == "block",
            is_tracked: tracked,
            is_orphaned: AtomicBool::new(false),
        })
    }

    /// Put an entry in; never wait.
    ///
    /// Parameters
    /// ----------
    /// key
    ///     Any hashable.
    /// priority
    ///     A number that is not NaN, or a name; larger goes first. None is 0, the same as ``"normal"``.
    /// deadline
    ///     Seconds from now by which it should be taken: it is a matter of order only.
    /// delay
    ///     Seconds from now before which it is not taken; it arrives when they are over.
    ///
    /// Returns
    /// -------
    /// is_in
    ///     False if the queue was full of what goes first, and this entry was dropped.
    ///
    /// Raises
    /// ------
    /// DuplicateKeyError
    ///     The key is in the queue already, in whatever state.
    /// QueueFullError
    ///     There is no room.
    /// ClosedQueueError
    ///     The queue is closed.
    /// ValidationError
    ///     An argument is NaN, or of the wrong kind.
    ///
    /// Examples
    /// --------
    /// >>> queue = ExecutionQueue()
    /// >>> queue.push("report", 5), queue.push("alarm", "urgent")
    /// (True, True)
    /// >>> queue.pop()
    /// 'alarm'
    #[pyo3(signature = (key, priority=None, deadline=None, delay=None))]
    fn push(
        slf: &Bound<'_, Self>,
        key: &Bound<'_, PyAny>,
        priority: Option<&Bound<'_, PyAny>>,
        deadline: Option<&Bound<'_, PyAny>>,
        delay: Option<&Bound<'_, PyAny>>,
    ) -> BindResult<bool> {
        let now_ns = slf.get().clock.now_ns(slf.py())?;
        let entry = new_entry(now_ns, priority, deadline, delay)?;
        let given = GivenKey::new(key)?;
        let put = Self::try_put(slf, now_ns, entry, &given)?;
        Ok(put?.0)
    }

    /// Take the first entry; never wait.
    ///
    /// Returns
    /// -------
    /// key
    ///     Its key. It is in work now, unless the queue is not tracked.
    ///
    /// Raises
    /// ------
    /// EmptyQueueError
    ///     Nothing waits.
    /// ClosedQueueError
    ///     The queue is closed, and what it held has been taken.
    ///
    /// Examples
    /// --------
    /// >>> queue = ExecutionQueue()
    /// >>> queue.push(7)
    /// True
    /// >>> queue.pop()
    /// 7
    fn pop<'py>(slf: &Bound<'py, Self>) -> BindResult<Bound<'py, PyAny>> {
        let now_ns = slf.get().clock.now_ns(slf.py())?;
        let taken = Self::visit_and_ring(slf, |state| state.take(now_ns))?;
        Ok(taken.unwrap_or(Err(QueueRefusal::Empty))?.to_py(slf.py())?)
    }

    /// Put an entry in; where ``when_full="block"``, wait for room.
    ///
    /// Parameters
    /// ----------
    /// key, priority, deadline, delay
    ///     As for `push`.
    /// timeout
    ///     Seconds to wait at most; None is for ever.
    ///
    /// Returns
    /// -------
    /// is_in
    ///     As for `push`.
    ///
    /// Raises
    /// ------
    /// DuplicateKeyError
    ///     The key is in the queue already, in whatever state.
    /// QueueFullError
    ///     There was no room in time, or the queue does not block.
    /// ClosedQueueError
    ///     The queue is closed, or was closed in the meantime.
    /// ValidationError
    ///     An argument is NaN, negative where it may not be, or of the wrong kind.
    ///
    /// Notes
    /// -----
    /// Releases the interpreter while it waits; Ctrl-C ends the wait.
    ///
    /// Examples
    /// --------
    /// >>> queue = ExecutionQueue(size_max=1, when_full="block")
    /// >>> queue.put("a", timeout=1.0)
    /// True
    #[pyo3(signature = (key, priority=None, deadline=None, delay=None, timeout=None))]
    fn put(
        slf: &Bound<'_, Self>,
        key: &Bound<'_, PyAny>,
        priority: Option<&Bound<'_, PyAny>>,
        deadline: Option<&Bound<'_, PyAny>>,
        delay: Option<&Bound<'_, PyAny>>,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> BindResult<bool> {
        let (this, py) = (slf.get(), slf.py());
        let timeout_ns = timeout.map(|timeout| duration_ns("timeout", timeout)).transpose()?;
        let mut now_ns = this.clock.now_ns(py)?;
        let until_ns = timeout_ns.map(|timeout_ns| now_ns.saturating_add(timeout_ns));
        let entry = new_entry(now_ns, priority, deadline, delay)?;
        let given = GivenKey::new(key)?;
        loop {
            let put = Self::try_put(slf, now_ns, entry, &given)?;
            let is_over = until_ns.is_some_and(|until_ns| until_ns <= now_ns);
            match put {
                Err(QueueRefusal::Full(_)) if this.blocks && !is_over => {}
                put => return Ok(put?.0),
            }
            let slice = this.slice(now_ns, until_ns, None);
            let label = if let GivenKey::Int(label) = given { Some(label) } else { None };
            let (put, bells) = detached(py, || {
                this.monitor.wait(Side::Putters, slice, |state| {
                    // Where the key is an object, its equality may be Python's: that is asked attached.
                    state.can_put().then(|| {
                        let label = label?;
                        let slot = state.find_int(label);
                        Some(state.put(this.clock.native_ns(now_ns), entry, Key::Int(label), 0, slot))
                    })
                })
            });
            Self::ring(slf, bells)?;
            if let Some(Some(put)) = put {
                return Ok(put?.0);
            }
            py.check_signals()?;
            now_ns = this.clock.now_ns(py)?;
        }
    }

    /// Take the first entry; wait for one.
    ///
    /// Parameters
    /// ----------
    /// timeout
    ///     Seconds to wait at most; None is for ever.
    ///
    /// Returns
    /// -------
    /// key
    ///     Its key. It is in work now, unless the queue is not tracked.
    ///
    /// Raises
    /// ------
    /// EmptyQueueError
    ///     Nothing came in time.
    /// ClosedQueueError
    ///     The queue is closed, and what it held has been taken; also what was delayed.
    /// ValidationError
    ///     The timeout is negative or NaN.
    ///
    /// Notes
    /// -----
    /// Releases the interpreter while it waits; Ctrl-C ends the wait, and takes nothing out.
    ///
    /// Examples
    /// --------
    /// >>> queue = ExecutionQueue()
    /// >>> queue.push("a", delay=0.01)
    /// True
    /// >>> queue.get(timeout=10)
    /// 'a'
    #[pyo3(signature = (timeout=None))]
    fn get<'py>(
        slf: &Bound<'py, Self>,
        timeout: Option<&Bound<'py, PyAny>>,
    ) -> BindResult<Bound<'py, PyAny>> {
        let (this, py) = (slf.get(), slf.py());
        let timeout_ns = timeout.map(|timeout| duration_ns("timeout", timeout)).transpose()?;
        let mut now_ns = this.clock.now_ns(py)?;
        let until_ns = timeout_ns.map(|timeout_ns| now_ns.saturating_add(timeout_ns));
        loop {
            let (taken, due_ns) =
                Self::visit_and_ring(slf, |state| (state.take(now_ns), state.queue.next_due_ns()))?;
            if let Some(taken) = taken {
                return Ok(taken?.to_py(py)?);
            }
            if until_ns.is_some_and(|until_ns| until_ns <= now_ns) {
                return Err(QueueRefusal::Empty.into());
            }
            let slice = this.slice(now_ns, until_ns, due_ns);
            let (taken, bells) = detached(py, || {
                this.monitor.wait(Side::Takers, slice, |state| state.take(this.clock.native_ns(now_ns)))
            });
            Self::ring(slf, bells)?;
            if let Some(taken) = taken {
                return Ok(taken?.to_py(py)?);
            }
            py.check_signals()?;
            now_ns = this.clock.now_ns(py)?;
        }
    }

    /// Take the first ``n`` entries, or all; never wait.
    ///
    /// Parameters
    /// ----------
    /// n
    ///     How many at most.
    ///
    /// Returns
    /// -------
    /// keys
    ///     In order: an int64 array where all are integers (also where there is none), else a list.
    ///
    /// Raises
    /// ------
    /// ValidationError
    ///     It is no whole number, or negative.
    ///
    /// Examples
    /// --------
    /// >>> queue = ExecutionQueue()
    /// >>> queue.push_many([1, 2, 3], [0.5, 0.1, 0.9])
    /// >>> queue.pop_many(10)
    /// array([3, 1, 2])
    fn pop_many<'py>(slf: &Bound<'py, Self>, n: &Bound<'py, PyAny>) -> BindResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let n = n.extract().map_err(|_| wrong("n", n, "a whole number, 0 or more"))?;
        let now_ns = slf.get().clock.now_ns(py)?;
        let taken = if n < N_DETACHED_MIN {
            Self::visit_and_ring(slf, |state| state.take_many(now_ns, n))?
        } else {
            Self::visit_detached(slf, |state| state.take_many(now_ns, n))?
        };
        match taken {
            TakenKeys::Ints(keys) => Ok(keys.into_pyarray(py).into_any()),
            TakenKeys::Keys(keys) => Ok(listed(py, &keys)?.into_any()),
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
    fn _push_ints(
        slf: &Bound<'_, Self>,
        keys: PyReadonlyArray1<'_, i64>,
        priorities: PyReadonlyArray1<'_, f64>,
        deadlines: Option<PyReadonlyArray1<'_, f64>>,
    ) -> BindResult<()> {
        let now_ns = slf.get().clock.now_ns(slf.py())?;
        let keys = keys.as_array().to_vec();
        let columns = Columns::new(slf.py(), now_ns, keys.len(), &priorities, deadlines.as_ref())?;
        let put = if keys.len() < N_DETACHED_MIN {
            Self::visit_and_ring(slf, |state| state.put_ints(now_ns, &keys, &columns))?
        } else {
            Self::visit_detached(slf, |state| state.put_ints(now_ns, &keys, &columns))?
        };
        put.map(drop).map_err(BindError::from)
    }

    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
    fn _push_objects(
        slf: &Bound<'_, Self>,
        keys: Vec<Bound<'_, PyAny>>,
        priorities: PyReadonlyArray1<'_, f64>,
        deadlines: Option<PyReadonlyArray1<'_, f64>>,
    ) -> BindResult<()> {
        let now_ns = slf.get().clock.now_ns(slf.py())?;
        let given = keys.iter().map(GivenKey::new).collect::<BindResult<Vec<_>>>()?;
        let columns = Columns::new(slf.py(), now_ns, keys.len(), &priorities, deadlines.as_ref())?;
        let mut answers: Vec<Answers> = keys.iter().map(|_| Answers::new()).collect();
        loop {
            let mut dropped = Vec::new();
            let pushed = Self::visit_and_ring(slf, |state| {
                state.put_keys(now_ns, &given, &columns, &answers, &mut dropped)
            })?;
            match pushed {
                Pushed::In => return Ok(()),
                Pushed::Refused(refusal) => return Err(refusal.into()),
                Pushed::Ask(place, other) => answers[place].push(given[place].compared(slf.py(), other)?),
            }
        }
    }

    /// Return the key that would be taken next, and leave it.
    ///
    /// Returns
    /// -------
    /// key
    ///     The key.
    ///
    /// Raises
    /// ------
    /// EmptyQueueError
    ///     Nothing waits.
    ///
    /// Examples
    /// --------
    /// >>> queue = ExecutionQueue()
    /// >>> queue.push_many(["a", "b"], [1, 2])
    /// >>> queue.peek(), len(queue)
    /// ('b', 2)
    fn peek<'py>(slf: &Bound<'py, Self>) -> BindResult<Bound<'py, PyAny>> {
        let now_ns = slf.get().clock.now_ns(slf.py())?;
        let first = Self::visit_and_ring(slf, |state| {
            let now_ns = state.advance(now_ns);
            state.queue.peek(now_ns).map(|first| state.key(first))
        })?;
        Ok(first.ok_or(QueueRefusal::Empty)?.to_py(slf.py())?)
    }

    /// Change the priority of an entry that is waiting or delayed. Its arrival stays: among its new equals it is not last.
    ///
    /// Parameters
    /// ----------
    /// key
    ///     Its key.
    /// priority
    ///     As for `push`.
    ///
    /// Raises
    /// ------
    /// UnknownKeyError
    ///     It is neither waiting nor delayed.
    /// ValidationError
    ///     The priority is NaN, or no number and no name.
    ///
    /// Examples
    /// --------
    /// >>> queue = ExecutionQueue()
    /// >>> queue.push_many(["a", "b"], [1, 2])
    /// >>> queue.update("a", "high")
    /// >>> queue.pop()
    /// 'a'
    fn update(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>, priority: &Bound<'_, PyAny>) -> BindResult<()> {
        let priority = crate::queue_values::priority(Some(priority))?;
        Self::with_entry(slf, key, "waiting or delayed", |state, slot| state.queue.update(slot, priority))
    }

    /// Take an entry out that is waiting, delayed or dead, and forget it.
    ///
    /// Parameters
    /// ----------
    /// key
    ///     Its key.
    ///
    /// Raises
    /// ------
    /// UnknownKeyError
    ///     It is in work, or not in the queue.
    ///
    /// Examples
    /// --------
    /// >>> queue = ExecutionQueue()
    /// >>> queue.push_many(["a", "b"], [1, 2])
    /// >>> queue.remove("b")
    /// >>> queue.pop()
    /// 'a'
    fn remove(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>) -> BindResult<()> {
        let gone = Self::with_entry(slf, key, "waiting, delayed or dead", |state, slot| {
            state.queue.remove(slot).map(|gone| state.forget(gone))
        })?;
        drop(gone);
        Ok(())
    }

    /// Mark an entry that is in work as done: it is forgotten, and its key may come again.
    ///
    /// Parameters
    /// ----------
    /// key
    ///     Its key.
    ///
    /// Raises
    /// ------
    /// UnknownKeyError
    ///     It is not in work.
    /// QueueError
    ///     The queue is not tracked.
    ///
    /// Examples
    /// --------
    /// >>> queue = ExecutionQueue()
    /// >>> queue.push("a"), queue.pop()
    /// (True, 'a')
    /// >>> queue.done("a")
    fn done(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>) -> BindResult<()> {
        slf.get().expect_tracked()?;
        let gone = Self::with_entry(slf, key, "in work", |state, slot| {
            state.queue.finish(slot).map(|gone| state.forget(gone))
        })?;
        drop(gone);
        Ok(())
    }

    /// Mark an entry that is in work as failed: it comes back after a delay, or is dead.
    ///
    /// Parameters
    /// ----------
    /// key
    ///     Its key.
    /// reason
    ///     Kept as text for those who look at what is dead; an exception, for example.
    ///
    /// Returns
    /// -------
    /// comes_back
    ///     False if it is dead: it failed more often than it is retried.
    ///
    /// Raises
    /// ------
    /// UnknownKeyError
    ///     It is not in work.
    /// QueueError
    ///     The queue is not tracked.
    ///
    /// Examples
    /// --------
    /// >>> queue = ExecutionQueue(retries=1, retry_delay=0)
    /// >>> queue.push("a"), queue.pop(), queue.failed("a")
    /// (True, 'a', True)
    /// >>> queue.pop(), queue.failed("a")
    /// ('a', False)
    #[pyo3(signature = (key, reason=None))]
    fn failed(
        slf: &Bound<'_, Self>,
        key: &Bound<'_, PyAny>,
        reason: Option<&Bound<'_, PyAny>>,
    ) -> BindResult<bool> {
        slf.get().expect_tracked()?;
        let reason: Option<Box<str>> = match reason {
            Some(reason) => Some(reason.str()?.extract::<String>()?.into_boxed_str()),
            None => None,
        };
        let now_ns = slf.get().clock.now_ns(slf.py())?;
        Self::with_entry(slf, key, "in work", |state, slot| state.fail(now_ns, slot, reason.clone()))
    }

    /// Let a dead entry wait again, as if it had never failed.
    ///
    /// Parameters
    /// ----------
    /// key
    ///     Its key.
    ///
    /// Raises
    /// ------
    /// UnknownKeyError
    ///     It is not dead.
    ///
    /// Examples
    /// --------
    /// >>> queue = ExecutionQueue()
    /// >>> queue.push("a"), queue.pop(), queue.failed("a")
    /// (True, 'a', False)
    /// >>> queue.revive("a")
    /// >>> queue.pop()
    /// 'a'
    fn revive(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>) -> BindResult<()> {
        let now_ns = slf.get().clock.now_ns(slf.py())?;
        Self::with_entry(slf, key, "dead", |state, slot| {
            let now_ns = state.advance(now_ns);
            state.queue.revive(now_ns, slot)
        })
    }

    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
    fn _ints_done(slf: &Bound<'_, Self>, keys: PyReadonlyArray1<'_, i64>) -> BindResult<()> {
        slf.get().expect_tracked()?;
        let keys = keys.as_array().to_vec();
        Self::visit_and_ring(slf, |state| state.finish_ints(&keys))?.map_err(BindError::from)
    }

    /// Forget every entry, in whatever state; what is in work then cannot be done or failed any more.
    ///
    /// Examples
    /// --------
    /// >>> queue = ExecutionQueue()
    /// >>> queue.push_many(range(3))
    /// >>> queue.clear()
    /// >>> len(queue)
    /// 0
    fn clear(slf: &Bound<'_, Self>) -> BindResult<()> {
        let dropped = Self::visit_and_ring(slf, QueueState::clear)?;
        drop(dropped);
        Ok(())
    }

    /// Take nothing in any more. What is there can be taken still; who waits for more gets `ClosedQueueError`.
    ///
    /// Examples
    /// --------
    /// >>> with ExecutionQueue() as queue:
    /// ...     queue.push_many(range(2))
    /// >>> queue.get(), queue.get(), queue.closed
    /// (0, 1, True)
    fn close(slf: &Bound<'_, Self>) -> BindResult<()> {
        Self::visit_and_ring(slf, |state| state.is_closed = true)?;
        let bells = slf.get().monitor.call_all();
        Self::ring(slf, bells)
    }

    /// Whether the queue is closed.
    #[getter]
    fn closed(&self, py: Python<'_>) -> BindResult<bool> {
        Ok(self.visit(py, |state| state.is_closed)?.0)
    }

    /// Return where a key is.
    ///
    /// Parameters
    /// ----------
    /// key
    ///     The key.
    ///
    /// Returns
    /// -------
    /// state
    ///     ``"waiting"``, ``"delayed"``, ``"in work"``, ``"dead"``; None where the queue does not know it.
    ///
    /// Examples
    /// --------
    /// >>> queue = ExecutionQueue()
    /// >>> queue.push("a", delay=60)
    /// True
    /// >>> queue.state("a"), queue.state("b")
    /// ('delayed', None)
    fn state(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>) -> BindResult<Option<&'static str>> {
        let now_ns = slf.get().clock.now_ns(slf.py())?;
        let state = Self::with_key(slf, &GivenKey::new(key)?, |state, slot| {
            state.advance(now_ns);
            slot.and_then(|slot| state.queue.state(slot))
        })?;
        Ok(state.map(EntryState::as_str))
    }

    fn __contains__(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>) -> BindResult<bool> {
        Ok(Self::state(slf, key)? == Some(EntryState::Waiting.as_str()))
    }

    fn __len__(slf: &Bound<'_, Self>) -> BindResult<usize> {
        let now_ns = slf.get().clock.now_ns(slf.py())?;
        Self::visit_and_ring(slf, |state| {
            state.advance(now_ns);
            state.queue.n_in(EntryState::Waiting)
        })
    }

    fn _keys<'py>(slf: &Bound<'py, Self>, state: &str) -> BindResult<Bound<'py, PyList>> {
        let now_ns = slf.get().clock.now_ns(slf.py())?;
        let state = EntryState::ALL.into_iter().find(|known| known.as_str() == state);
        let keys = Self::visit_and_ring(slf, |inside| {
            inside.advance(now_ns);
            state.map(|state| inside.keys_in(state)).unwrap_or_default()
        })?;
        listed(slf.py(), &keys)
    }

    fn _counts(&self, py: Python<'_>) -> BindResult<PyCounts> {
        // They are told whatever the clock does; time then stands still.
        let now_ns = self.clock.now_ns(py).unwrap_or(0);
        Ok(self.visit(py, |state| state.counts(now_ns))?.0)
    }

    fn _waits(&self, py: Python<'_>, shares: [f64; 3]) -> BindResult<(u64, [f64; 3], f64)> {
        let (waits, _) = self.visit(py, |state| {
            let waits = state.queue.waits();
            let of_share = |share| seconds(waits.quantile_ns(share).unwrap_or(0));
            (waits.n(), shares.map(of_share), seconds(waits.max_ns()))
        })?;
        Ok(waits)
    }

    fn _n_ready(&self, py: Python<'_>, takers: bool) -> BindResult<usize> {
        let n_ready = |state: &mut QueueState| {
            if takers { state.queue.n_in(EntryState::Waiting) } else { state.queue.n_free() }
        };
        Ok(self.visit(py, n_ready)?.0)
    }

    fn _due_in(&self, py: Python<'_>) -> BindResult<Option<f64>> {
        let now_ns = self.clock.now_ns(py)?;
        let (due_ns, _) = self.visit(py, |state| state.queue.next_due_ns())?;
        Ok(due_ns.map(|due_ns| seconds(due_ns.saturating_sub(now_ns))))
    }

    fn _hang_bell(&self, py: Python<'_>, takers: bool) -> bool {
        let side = if takers { Side::Takers } else { Side::Putters };
        detached(py, || self.monitor.hang_bell(side))
    }

    fn _export<'py>(&self, py: Python<'py>) -> BindResult<PyExport<'py>> {
        let now_ns = self.clock.now_ns(py)?;
        let ((now_ns, exported, counts), _) = self.visit(py, |state| state.export(now_ns))?;
        let entries = exported.into_iter().map(|(key, entry)| {
            let deadline_ns = (entry.deadline_ns != i64::MAX).then_some(entry.deadline_ns);
            Ok((
                key.to_py(py)?,
                entry.state.as_str().to_owned(),
                entry.priority.to_f64(),
                deadline_ns,
                entry.arrived_ns,
                entry.n_attempts,
                entry.reason.map(String::from),
            ))
        });
        let entries = entries.collect::<PyResult<Vec<_>>>()?;
        Ok((now_ns, entries, (counts.n_done, counts.n_failed, counts.n_dropped)))
    }

    fn _load(
        slf: &Bound<'_, Self>,
        entries: Vec<PyEntry<Bound<'_, PyAny>>>,
        totals: PyTotals,
    ) -> BindResult<()> {
        let (n_done, n_failed, n_dropped) = totals;
        let mut loaded = Vec::with_capacity(entries.len());
        for (key, state, priority, deadline_ns, arrived_ns, n_attempts, reason) in entries {
            let given = GivenKey::new(&key)?;
            let known = EntryState::ALL.into_iter().find(|known| known.as_str() == state);
            let exported = Exported {
                label: given.label(),
                state: known
                    .ok_or_else(|| wrong(format!("the state {state:?} of"), &key, "a state that is known"))?,
                priority: crate::queue_values::priority(Some(&PyFloat::new(slf.py(), priority)))?,
                deadline_ns: deadline_ns.unwrap_or(i64::MAX),
                arrived_ns,
                n_attempts,
                reason: reason.map(String::into_boxed_str),
            };
            loaded.push((given.to_key(), given.hash(), exported));
        }
        let counts = Counts { n_done, n_failed, n_dropped };
        let dropped = Self::visit_and_ring(slf, |state| state.load(loaded, counts))?;
        drop(dropped);
        Ok(())
    }

    fn _after_fork(&self) {
        if !self.monitor.forget_waiting() {
            self.is_orphaned.store(true, Ordering::Relaxed);
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.clock.traverse(&visit)?;
        // While somebody has the lock nothing is reported: less is safe.
        self.monitor.try_look(|state| state.objects.traverse(&visit)).unwrap_or(Ok(()))
    }
}

fn listed<'py>(py: Python<'py>, keys: &[Key]) -> BindResult<Bound<'py, PyList>> {
    Ok(PyList::new(py, keys.iter().map(|key| key.to_py(py)).collect::<PyResult<Vec<_>>>()?)?)
}
