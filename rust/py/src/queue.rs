//! The priority queue as Python sees it: `makespan._core.Queue`, below `makespan.ExecutionQueue`.
//!
//! Keys are looked up and states changed under one lock, which is never held while Python code runs: where the equality
//! of two keys takes Python to decide, the lock is left, and the question is asked again with the answer. Whoever finds
//! the lock taken waits for it detached.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use makespan_core::Priority;
use makespan_core::queue::{
    Counts, EntryState, Exported, Gone, NewEntry, OrderBy, Queue, QueueOptions, Taken, WhenFull, WrongState,
};
use numpy::{IntoPyArray, PyReadonlyArray1};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::detach::detached;
use crate::error::{BindError, BindResult, QueueRefusal};
use crate::keys::{Found, IntKeys, Key, ObjectKeys};
use crate::monitor::{Bells, Monitor, Shared, Side};
use crate::queue_values::{GivenKey, QueueClock, deadline_ns, duration_ns, new_entry, priority, seconds, wrong};

/// A thread that waits looks for signals this often, and reads a clock that is not ours.
const SLICE: Duration = Duration::from_millis(50);

/// A batch of this size is worked on detached.
const N_DETACHED_MIN: usize = 1 << 14;

/// What is behind the lock.
#[derive(Debug)]
struct QueueState {
    queue: Queue,
    ints: IntKeys,
    objects: ObjectKeys,
    is_closed: bool,
    /// The latest time that was told: a clock that falls stands still instead.
    now_ns: u64,
}

impl Shared for QueueState {
    fn can_take(&self) -> bool {
        self.queue.n_in(EntryState::Waiting) > 0 || self.is_closed
    }

    fn can_put(&self) -> bool {
        self.queue.n_free() > 0 || self.is_closed
    }
}

/// Objects to be dropped where Python code may run.
type Dropped = Vec<Arc<Py<PyAny>>>;

impl QueueState {
    fn advance(&mut self, now_ns: u64) -> u64 {
        self.now_ns = self.now_ns.max(now_ns);
        self.now_ns
    }

    /// The key of an entry whose record may be gone, but whose key is not.
    #[inline]
    fn key(&self, Taken { slot, label }: Taken) -> Key {
        self.objects.get(slot).map_or(Key::Int(label), |key| Key::Object(Arc::clone(key)))
    }

    #[inline]
    fn forget(&mut self, Gone { slot, label }: Gone) -> Key {
        match self.objects.remove(slot) {
            Some(key) => Key::Object(key),
            None => {
                self.ints.remove(label);
                Key::Int(label)
            }
        }
    }

    /// The key of an entry that was just taken.
    #[inline]
    fn taken(&mut self, taken: Taken) -> Key {
        if self.queue.options().is_tracked { self.key(taken) } else { self.forget(taken) }
    }

    /// Takes the first entry; none while one may still come.
    #[inline]
    fn take(&mut self, now_ns: u64) -> Option<Result<Key, QueueRefusal>> {
        let now_ns = self.advance(now_ns);
        match self.queue.pop(now_ns) {
            Some(taken) => Some(Ok(self.taken(taken))),
            None if self.is_closed && self.queue.n_in(EntryState::Delayed) == 0 => {
                Some(Err(QueueRefusal::Closed))
            }
            None => None,
        }
    }

    /// Puts an entry in whose key is in no slot, or in this one.
    #[inline]
    fn put(
        &mut self,
        now_ns: u64,
        entry: NewEntry,
        key: Key,
        hash: isize,
        slot: Option<u32>,
    ) -> Result<(bool, Option<Key>), QueueRefusal> {
        let now_ns = self.advance(now_ns);
        if self.is_closed {
            return Err(QueueRefusal::Closed);
        }
        if let Some(state) = slot.and_then(|slot| self.queue.state(slot)) {
            return Err(QueueRefusal::Duplicate { key, state });
        }
        let label = match key {
            Key::Int(label) => label,
            Key::Object(_) => 0,
        };
        let (slot, dropped) = self.queue.push(now_ns, NewEntry { label, ..entry })?;
        match key {
            Key::Int(label) => {
                self.ints.insert(label, slot);
            }
            Key::Object(key) => self.objects.insert(key, hash, slot),
        }
        let is_kept = dropped.is_none_or(|gone| gone.slot != slot);
        Ok((is_kept, dropped.map(|gone| self.forget(gone))))
    }

    fn find(&self, key: &GivenKey<'_, '_>, answers: &[(Py<PyAny>, bool)]) -> Found {
        match key {
            GivenKey::Int(key) => Found::Known(self.ints.get(*key)),
            GivenKey::Object(key, hash) => self.objects.find(key, *hash, answers),
        }
    }
}

/// The native part of `makespan.ExecutionQueue`.
#[pyclass(name = "Queue", module = "makespan._core", frozen, subclass)]
#[derive(Debug)]
pub(crate) struct PyQueue {
    monitor: Monitor<QueueState>,
    clock: QueueClock,
    /// A full queue lets `put` wait.
    blocks: bool,
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
            let _ = detached(py, || self.monitor.visit(|_| ()));
        }
    }

    /// Works on the slot of a key; Python's equality is asked outside of the lock.
    fn with_key<R>(
        slf: &Bound<'_, Self>,
        key: &GivenKey<'_, '_>,
        mut work: impl FnMut(&mut QueueState, Option<u32>) -> R,
    ) -> BindResult<R> {
        let (this, py) = (slf.get(), slf.py());
        let mut answers = Vec::new();
        loop {
            let (found, bells) = this.visit(py, |state| match state.find(key, &answers) {
                Found::Known(slot) => Ok(work(state, slot)),
                Found::Ask(other) => Err(other),
            })?;
            Self::ring(slf, bells)?;
            match (found, key) {
                (Ok(result), _) => return Ok(result),
                (Err(other), GivenKey::Object(key, _)) => {
                    let is_equal = other.bind(py).eq(key)?;
                    answers.push((other, is_equal));
                }
                (Err(_), GivenKey::Int(_)) => unreachable!("integers are compared natively"),
            }
        }
    }

    /// Tells those who wait in an event loop.
    #[inline]
    fn ring(slf: &Bound<'_, Self>, bells: Bells) -> BindResult<()> {
        if bells.any() {
            slf.call_method1("_ring", (bells.takers, bells.putters))?;
        }
        Ok(())
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
            .ok_or_else(|| QueueRefusal::Unknown { key: owned(&given), expected }.into())
    }

    fn expect_tracked(&self, py: Python<'_>) -> BindResult<()> {
        match self.visit(py, |state| state.queue.options().is_tracked)?.0 {
            true => Ok(()),
            false => Err(QueueRefusal::Untracked.into()),
        }
    }

    /// How long to wait at most before looking again.
    fn slice(&self, now_ns: u64, until_ns: Option<u64>, due_ns: Option<u64>) -> Duration {
        if self.clock.native_ns().is_none() {
            return SLICE;
        }
        let next_ns = [until_ns, due_ns].into_iter().flatten().min();
        next_ns.map_or(SLICE, |next_ns| SLICE.min(Duration::from_nanos(next_ns.saturating_sub(now_ns))))
    }

    /// Puts all of a batch in, or nothing; what is to be dropped comes out.
    fn put_many(
        state: &mut QueueState,
        now_ns: u64,
        entries: impl ExactSizeIterator<Item = NewEntry>,
    ) -> Result<Dropped, QueueRefusal> {
        let now_ns = state.advance(now_ns);
        let dropped = state.queue.push_many(now_ns, entries)?;
        Ok(dropped.into_iter().filter_map(|gone| as_object(state.forget(gone))).collect())
    }
}

fn as_object(key: Key) -> Option<Arc<Py<PyAny>>> {
    match key {
        Key::Int(_) => None,
        Key::Object(key) => Some(key),
    }
}

/// The key as the table keeps it.
fn owned(key: &GivenKey<'_, '_>) -> Key {
    match key {
        GivenKey::Int(key) => Key::Int(*key),
        GivenKey::Object(key, _) => Key::Object(Arc::new((*key).clone().unbind())),
    }
}

fn hash_of(key: &GivenKey<'_, '_>) -> isize {
    match key {
        GivenKey::Int(_) => 0,
        GivenKey::Object(_, hash) => *hash,
    }
}

/// Checks and reads the columns of a batch.
fn columns(
    py: Python<'_>,
    now_ns: u64,
    n: usize,
    priorities: &PyReadonlyArray1<'_, f64>,
    deadlines_in_s: Option<&PyReadonlyArray1<'_, f64>>,
) -> BindResult<(Vec<Priority>, Option<Vec<i64>>)> {
    let at = |what: &str, place: usize, value: f64, expected| {
        wrong(format!("{what}[{place}]"), value.into_pyobject(py).expect("a float").as_any(), expected)
    };
    let checked = |what: &str, len: usize| {
        if len == n {
            return Ok(());
        }
        Err(wrong(what, len.into_pyobject(py).expect("an int").as_any(), "as many as there are keys"))
    };
    checked("priorities", priorities.as_array().len())?;
    let mut read = Vec::with_capacity(n);
    for (place, &value) in priorities.as_array().iter().enumerate() {
        read.push(
            Priority::from_f64(value)
                .ok_or_else(|| at("priorities", place, value, "a number that is not NaN"))?,
        );
    }
    let Some(deadlines_in_s) = deadlines_in_s else {
        return Ok((read, None));
    };
    checked("deadlines", deadlines_in_s.as_array().len())?;
    let mut deadlines_ns = Vec::with_capacity(n);
    for (place, &value) in deadlines_in_s.as_array().iter().enumerate() {
        deadlines_ns.push(
            deadline_ns(now_ns, value)
                .ok_or_else(|| at("deadlines", place, value, "seconds from now, not NaN"))?,
        );
    }
    Ok((read, Some(deadlines_ns)))
}

/// The entries of a batch, by place.
fn entries<'a>(
    labels: impl ExactSizeIterator<Item = i64> + 'a,
    priorities: &'a [Priority],
    deadlines_ns: Option<&'a [i64]>,
) -> impl ExactSizeIterator<Item = NewEntry> + 'a {
    labels.enumerate().map(move |(place, label)| {
        let entry = NewEntry::new(label, priorities[place]);
        match deadlines_ns {
            Some(deadlines_ns) => NewEntry { deadline_ns: deadlines_ns[place], ..entry },
            None => entry,
        }
    })
}

/// Counts of waiting, delayed, in work, dead, done, failed, dropped; age of the oldest in seconds.
type PyCounts = ([usize; 4], u64, u64, u64, Option<f64>);

/// An entry as it is written down: key, state, priority, deadline, arrival, attempts, reason.
type PyEntry<'py> = (Bound<'py, PyAny>, &'static str, f64, Option<i64>, u64, u16, Option<String>);

#[pymethods]
impl PyQueue {
    #[new]
    #[pyo3(signature = (*, by_deadline, ageing, tracked, retries, retry_delay_ns, retry_delay_ns_max, size_max, when_full, clock, start_ns))]
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
        let queue = Queue::new(QueueOptions {
            order: if by_deadline { OrderBy::Deadline } else { OrderBy::Priority },
            ageing_per_s: ageing,
            is_tracked: tracked,
            n_retries: retries,
            retry_delay_ns,
            retry_delay_ns_max,
            size_max,
            when_full: if when_full == "drop_lowest" { WhenFull::DropLowest } else { WhenFull::Refuse },
        });
        Ok(Self {
            monitor: Monitor::new(QueueState {
                queue,
                ints: IntKeys::default(),
                objects: ObjectKeys::default(),
                is_closed: false,
                now_ns: start_ns,
            }),
            clock: QueueClock::new(py, clock, start_ns)?,
            blocks: when_full == "block",
            is_orphaned: AtomicBool::new(false),
        })
    }

    #[pyo3(signature = (key, priority=None, deadline=None, delay=None))]
    fn push(
        slf: &Bound<'_, Self>,
        key: &Bound<'_, PyAny>,
        priority: Option<&Bound<'_, PyAny>>,
        deadline: Option<&Bound<'_, PyAny>>,
        delay: Option<&Bound<'_, PyAny>>,
    ) -> BindResult<bool> {
        let (this, py) = (slf.get(), slf.py());
        let now_ns = this.clock.now_ns(py)?;
        let entry = new_entry(now_ns, priority, deadline, delay)?;
        let given = GivenKey::new(key)?;
        if let GivenKey::Int(label) = given {
            let (put, bells) = this.visit(py, |state| {
                let slot = state.ints.get(label);
                state.put(now_ns, entry, Key::Int(label), 0, slot)
            })?;
            Self::ring(slf, bells)?;
            return Ok(put?.0);
        }
        let put = Self::with_key(slf, &given, |state, slot| {
            state.put(now_ns, entry, owned(&given), hash_of(&given), slot)
        })?;
        Ok(put?.0)
    }

    fn pop<'py>(slf: &Bound<'py, Self>) -> BindResult<Bound<'py, PyAny>> {
        let (this, py) = (slf.get(), slf.py());
        let now_ns = this.clock.now_ns(py)?;
        let (taken, bells) = this.visit(py, |state| state.take(now_ns))?;
        Self::ring(slf, bells)?;
        Ok(taken.unwrap_or(Err(QueueRefusal::Empty))?.to_py(py)?)
    }

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
            let put = Self::with_key(slf, &given, |state, slot| {
                state.put(now_ns, entry, owned(&given), hash_of(&given), slot)
            })?;
            match put {
                Err(full @ QueueRefusal::Full(_)) => {
                    if !this.blocks || until_ns.is_some_and(|until_ns| until_ns <= now_ns) {
                        return Err(full.into());
                    }
                }
                put => return Ok(put?.0),
            }
            let slice = this.slice(now_ns, until_ns, None);
            let label = if let GivenKey::Int(label) = given { Some(label) } else { None };
            let (put, bells) = detached(py, || {
                this.monitor.wait(Side::Putters, slice, |state| {
                    if !state.can_put() {
                        return None;
                    }
                    // Where the key is an object, its equality may be Python's: that is asked attached.
                    Some(label.map(|label| {
                        let now_ns = this.clock.native_ns().unwrap_or(now_ns);
                        let slot = state.ints.get(label);
                        state.put(now_ns, entry, Key::Int(label), 0, slot)
                    }))
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

    #[pyo3(signature = (timeout=None))]
    fn get<'py>(slf: &Bound<'py, Self>, timeout: Option<&Bound<'py, PyAny>>) -> BindResult<Bound<'py, PyAny>> {
        let (this, py) = (slf.get(), slf.py());
        let timeout_ns = timeout.map(|timeout| duration_ns("timeout", timeout)).transpose()?;
        let mut now_ns = this.clock.now_ns(py)?;
        let until_ns = timeout_ns.map(|timeout_ns| now_ns.saturating_add(timeout_ns));
        loop {
            let ((taken, due_ns), bells) =
                this.visit(py, |state| (state.take(now_ns), state.queue.next_due_ns()))?;
            Self::ring(slf, bells)?;
            if let Some(taken) = taken {
                return Ok(taken?.to_py(py)?);
            }
            if until_ns.is_some_and(|until_ns| until_ns <= now_ns) {
                return Err(QueueRefusal::Empty.into());
            }
            let slice = this.slice(now_ns, until_ns, due_ns);
            let (taken, bells) = detached(py, || {
                this.monitor.wait(Side::Takers, slice, |state| {
                    state.take(this.clock.native_ns().unwrap_or(now_ns))
                })
            });
            Self::ring(slf, bells)?;
            if let Some(taken) = taken {
                return Ok(taken?.to_py(py)?);
            }
            py.check_signals()?;
            now_ns = this.clock.now_ns(py)?;
        }
    }

    fn pop_many<'py>(slf: &Bound<'py, Self>, n: &Bound<'py, PyAny>) -> BindResult<Bound<'py, PyAny>> {
        let (this, py) = (slf.get(), slf.py());
        let n = n.extract::<usize>().map_err(|_| wrong("n", n, "a whole number, 0 or more"))?;
        let now_ns = this.clock.now_ns(py)?;
        let work = |state: &mut QueueState| {
            let now_ns = state.advance(now_ns);
            let n = n.min(state.queue.n_in(EntryState::Waiting) + state.queue.n_in(EntryState::Delayed));
            let mut labels = Vec::with_capacity(n);
            let mut objects: Option<Vec<Key>> = None;
            let QueueState { queue, ints, objects: table, .. } = state;
            let is_tracked = queue.options().is_tracked;
            queue.pop_many(now_ns, n, |Taken { slot, label }| {
                let object = if is_tracked { table.get(slot).cloned() } else { table.remove(slot) };
                match object {
                    Some(object) => objects
                        .get_or_insert_with(|| labels.drain(..).map(Key::Int).collect())
                        .push(Key::Object(object)),
                    None => {
                        if !is_tracked {
                            ints.remove(label);
                        }
                        match &mut objects {
                            Some(objects) => objects.push(Key::Int(label)),
                            None => labels.push(label),
                        }
                    }
                }
            });
            (labels, objects)
        };
        let ((labels, objects), bells) = if n >= N_DETACHED_MIN {
            detached(py, || this.monitor.visit(work))
        } else {
            this.visit(py, work)?
        };
        Self::ring(slf, bells)?;
        match objects {
            None => Ok(labels.into_pyarray(py).into_any()),
            Some(objects) => {
                let keys = objects.iter().map(|key| key.to_py(py)).collect::<PyResult<Vec<_>>>()?;
                Ok(PyList::new(py, keys)?.into_any())
            }
        }
    }

    /// Push integers; all of them or none.
    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
    fn _push_ints(
        slf: &Bound<'_, Self>,
        keys: PyReadonlyArray1<'_, i64>,
        priorities: PyReadonlyArray1<'_, f64>,
        deadlines_in_s: Option<PyReadonlyArray1<'_, f64>>,
    ) -> BindResult<()> {
        let (this, py) = (slf.get(), slf.py());
        let now_ns = this.clock.now_ns(py)?;
        let keys = keys.as_array().to_vec();
        let (priorities, deadlines_ns) = columns(py, now_ns, keys.len(), &priorities, deadlines_in_s.as_ref())?;
        let is_large = keys.len() >= N_DETACHED_MIN;
        let work = |state: &mut QueueState| {
            if state.is_closed {
                return Err(QueueRefusal::Closed);
            }
            let QueueState { queue, ints, .. } = state;
            ints.make_room(keys.iter().copied().max().unwrap_or(0), keys.len());
            for (place, (&key, slot)) in keys.iter().zip(queue.next_slots(keys.len())).enumerate() {
                if let Some(known) = ints.insert(key, slot) {
                    for &key in &keys[..place] {
                        ints.remove(key);
                    }
                    // One that is here twice would be waiting by the time it came again.
                    let state = queue.state(known).unwrap_or(EntryState::Waiting);
                    return Err(QueueRefusal::Duplicate { key: Key::Int(key), state });
                }
            }
            let new = entries(keys.iter().copied(), &priorities, deadlines_ns.as_deref());
            Self::put_many(state, now_ns, new).inspect_err(|_| {
                for &key in &keys {
                    state.ints.remove(key);
                }
            })
        };
        let (put, bells) =
            if is_large { detached(py, || this.monitor.visit(work)) } else { this.visit(py, work)? };
        Self::ring(slf, bells)?;
        put?;
        Ok(())
    }

    /// Push objects; all of them or none.
    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
    fn _push_objects(
        slf: &Bound<'_, Self>,
        keys: Vec<Bound<'_, PyAny>>,
        priorities: PyReadonlyArray1<'_, f64>,
        deadlines_in_s: Option<PyReadonlyArray1<'_, f64>>,
    ) -> BindResult<()> {
        let (this, py) = (slf.get(), slf.py());
        let now_ns = this.clock.now_ns(py)?;
        let given = keys.iter().map(GivenKey::new).collect::<BindResult<Vec<_>>>()?;
        let (priorities, deadlines_ns) = columns(py, now_ns, keys.len(), &priorities, deadlines_in_s.as_ref())?;
        let mut answers: BTreeMap<usize, Vec<(Py<PyAny>, bool)>> = BTreeMap::new();
        loop {
            let mut dropped = Dropped::new();
            let (put, bells) = this.visit(py, |state| {
                if state.is_closed {
                    return Ok(Err(QueueRefusal::Closed));
                }
                let mut undo = |state: &mut QueueState, n: usize, slots: &[u32]| {
                    for (key, &slot) in given[..n].iter().zip(slots) {
                        match key {
                            GivenKey::Int(key) => state.ints.remove(*key),
                            GivenKey::Object(..) => dropped.extend(state.objects.remove(slot)),
                        }
                    }
                };
                let slots: Vec<u32> = state.queue.next_slots(given.len()).collect();
                for (place, (key, &slot)) in given.iter().zip(&slots).enumerate() {
                    match state.find(key, answers.get(&place).map_or(&[], Vec::as_slice)) {
                        Found::Known(None) => match owned(key) {
                            Key::Int(key) => {
                                state.ints.insert(key, slot);
                            }
                            Key::Object(object) => state.objects.insert(object, hash_of(key), slot),
                        },
                        Found::Known(Some(known)) => {
                            let known = state.queue.state(known).unwrap_or(EntryState::Waiting);
                            undo(state, place, &slots);
                            return Ok(Err(QueueRefusal::Duplicate { key: owned(key), state: known }));
                        }
                        Found::Ask(other) => {
                            undo(state, place, &slots);
                            return Err((place, other));
                        }
                    }
                }
                let labels = given.iter().map(|key| if let GivenKey::Int(key) = key { *key } else { 0 });
                let put =
                    Self::put_many(state, now_ns, entries(labels, &priorities, deadlines_ns.as_deref()));
                if put.is_err() {
                    undo(state, given.len(), &slots);
                }
                Ok(put)
            })?;
            Self::ring(slf, bells)?;
            match put {
                Ok(put) => return put.map(drop).map_err(BindError::from),
                Err((place, other)) => {
                    let is_equal = other.bind(py).eq(&keys[place])?;
                    answers.entry(place).or_default().push((other, is_equal));
                }
            }
        }
    }

    fn peek<'py>(slf: &Bound<'py, Self>) -> BindResult<Bound<'py, PyAny>> {
        let (this, py) = (slf.get(), slf.py());
        let now_ns = this.clock.now_ns(py)?;
        let (first, bells) = this.visit(py, |state| {
            let now_ns = state.advance(now_ns);
            state.queue.peek(now_ns).map(|first| state.key(first))
        })?;
        Self::ring(slf, bells)?;
        Ok(first.ok_or(QueueRefusal::Empty)?.to_py(py)?)
    }

    fn update(
        slf: &Bound<'_, Self>,
        key: &Bound<'_, PyAny>,
        priority: &Bound<'_, PyAny>,
    ) -> BindResult<()> {
        let priority = crate::queue_values::priority(Some(priority))?;
        Self::with_entry(slf, key, "waiting or delayed", |state, slot| state.queue.update(slot, priority))
    }

    fn remove(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>) -> BindResult<()> {
        Self::with_entry(slf, key, "waiting, delayed or dead", |state, slot| {
            state.queue.remove(slot).map(|gone| state.forget(gone))
        })?;
        Ok(())
    }

    fn done(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>) -> BindResult<()> {
        slf.get().expect_tracked(slf.py())?;
        Self::with_entry(slf, key, "in work", |state, slot| {
            state.queue.finish(slot).map(|gone| state.forget(gone))
        })?;
        Ok(())
    }

    #[pyo3(signature = (key, reason=None))]
    fn failed(
        slf: &Bound<'_, Self>,
        key: &Bound<'_, PyAny>,
        reason: Option<&Bound<'_, PyAny>>,
    ) -> BindResult<bool> {
        let (this, py) = (slf.get(), slf.py());
        this.expect_tracked(py)?;
        let reason: Option<Box<str>> =
            reason.map(|reason| reason.str()?.extract::<String>()).transpose()?.map(String::into_boxed_str);
        let now_ns = this.clock.now_ns(py)?;
        Self::with_entry(slf, key, "in work", |state, slot| {
            let now_ns = state.advance(now_ns);
            state.queue.fail(now_ns, slot, reason.clone()).map(|due_ns| due_ns.is_some())
        })
    }

    fn revive(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>) -> BindResult<()> {
        let now_ns = slf.get().clock.now_ns(slf.py())?;
        Self::with_entry(slf, key, "dead", |state, slot| {
            let now_ns = state.advance(now_ns);
            state.queue.revive(now_ns, slot)
        })
    }

    /// Forget every integer that is in work; all of them or none.
    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
    fn _ints_done(slf: &Bound<'_, Self>, keys: PyReadonlyArray1<'_, i64>) -> BindResult<()> {
        let (this, py) = (slf.get(), slf.py());
        this.expect_tracked(py)?;
        let keys = keys.as_array().to_vec();
        let (done, bells) = this.visit(py, |state| {
            let mut slots = Vec::with_capacity(keys.len());
            for &key in &keys {
                let slot = state.ints.get(key);
                match slot.filter(|&slot| state.queue.state(slot) == Some(EntryState::InWork)) {
                    Some(slot) => slots.push(slot),
                    None => return Err(key),
                }
            }
            let mut sorted = slots.clone();
            sorted.sort_unstable();
            if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(state.queue.export(twice[0]).label);
            }
            for slot in slots {
                let gone = state.queue.finish(slot).expect("every one of them is in work, and here once");
                state.ints.remove(gone.label);
            }
            Ok(())
        })?;
        Self::ring(slf, bells)?;
        done.map_err(|key| QueueRefusal::Unknown { key: Key::Int(key), expected: "in work" }.into())
    }

    fn clear(slf: &Bound<'_, Self>) -> BindResult<()> {
        let (this, py) = (slf.get(), slf.py());
        let (dropped, bells) = this.visit(py, |state| {
            state.queue.clear();
            state.ints.clear();
            state.objects.clear()
        })?;
        Self::ring(slf, bells)?;
        drop(dropped);
        Ok(())
    }

    fn close(slf: &Bound<'_, Self>) -> BindResult<()> {
        let (this, py) = (slf.get(), slf.py());
        let ((), bells) =
            detached(py, || this.monitor.visit_and_call_all(|state| state.is_closed = true));
        Self::ring(slf, bells)
    }

    #[getter]
    fn closed(&self, py: Python<'_>) -> BindResult<bool> {
        Ok(self.visit(py, |state| state.is_closed)?.0)
    }

    fn state(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>) -> BindResult<Option<&'static str>> {
        let this = slf.get();
        let now_ns = this.clock.now_ns(slf.py())?;
        let given = GivenKey::new(key)?;
        let state = Self::with_key(slf, &given, |state, slot| {
            let now_ns = state.advance(now_ns);
            state.queue.advance(now_ns);
            slot.and_then(|slot| state.queue.state(slot))
        })?;
        Ok(state.map(EntryState::as_str))
    }

    fn __contains__(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>) -> BindResult<bool> {
        Ok(Self::state(slf, key)? == Some(EntryState::Waiting.as_str()))
    }

    fn __len__(slf: &Bound<'_, Self>) -> BindResult<usize> {
        let (this, py) = (slf.get(), slf.py());
        let now_ns = this.clock.now_ns(py)?;
        let (n, bells) = this.visit(py, |state| {
            let now_ns = state.advance(now_ns);
            state.queue.advance(now_ns);
            state.queue.n_in(EntryState::Waiting)
        })?;
        Self::ring(slf, bells)?;
        Ok(n)
    }

    /// The keys in a state: those that wait in order, the dead in the order of their deaths.
    fn _keys<'py>(slf: &Bound<'py, Self>, state: &str) -> BindResult<Bound<'py, PyList>> {
        let (this, py) = (slf.get(), slf.py());
        let now_ns = this.clock.now_ns(py)?;
        let (keys, bells) = this.visit(py, |inside| {
            let now_ns = inside.advance(now_ns);
            inside.queue.advance(now_ns);
            let slots = match state {
                "waiting" => inside.queue.waiting(),
                "dead" => inside.queue.dead().collect(),
                other => {
                    let is_in = |slot: &u32| inside.queue.state(*slot).is_some_and(|s| s.as_str() == other);
                    inside.queue.slots().into_iter().filter(is_in).collect()
                }
            };
            slots
                .into_iter()
                .map(|slot| inside.key(Taken { slot, label: inside.queue.export(slot).label }))
                .collect::<Vec<Key>>()
        })?;
        Self::ring(slf, bells)?;
        let keys = keys.iter().map(|key| key.to_py(py)).collect::<PyResult<Vec<_>>>()?;
        Ok(PyList::new(py, keys)?)
    }

    /// Counts, whatever the clock does.
    fn _counts(&self, py: Python<'_>) -> BindResult<PyCounts> {
        let now_ns = self.clock.now_ns(py).unwrap_or(0);
        let (counts, _) = self.visit(py, |state| {
            let now_ns = state.advance(now_ns);
            state.queue.advance(now_ns);
            let Counts { n_done, n_failed, n_dropped } = state.queue.counts();
            let oldest_s = state.queue.oldest_ns().map(|ns| seconds(now_ns.saturating_sub(ns)));
            (EntryState::ALL.map(|of| state.queue.n_in(of)), n_done, n_failed, n_dropped, oldest_s)
        })?;
        Ok(counts)
    }

    /// Number of waits, and the waits that these shares of them do not exceed, in seconds; the longest.
    fn _waits(&self, py: Python<'_>, shares: Vec<f64>) -> BindResult<(u64, Vec<f64>, f64)> {
        let (waits, _) = self.visit(py, |state| {
            let waits = state.queue.waits();
            let of_share = |&share: &f64| seconds(waits.quantile_ns(share).unwrap_or(0));
            (waits.n(), shares.iter().map(of_share).collect(), seconds(waits.max_ns()))
        })?;
        Ok(waits)
    }

    /// For how many who wait to take, or to put, there is something.
    fn _n_ready(&self, py: Python<'_>, takers: bool) -> BindResult<usize> {
        let n_ready = |state: &mut QueueState| match takers {
            true => state.queue.n_in(EntryState::Waiting),
            false => state.queue.n_free(),
        };
        Ok(self.visit(py, n_ready)?.0)
    }

    /// Seconds until the first delayed entry is due, none if there is none.
    fn _due_in(&self, py: Python<'_>) -> BindResult<Option<f64>> {
        let now_ns = self.clock.now_ns(py)?;
        let (due_ns, _) = self.visit(py, |state| state.queue.next_due_ns())?;
        Ok(due_ns.map(|due_ns| seconds(due_ns.saturating_sub(now_ns))))
    }

    /// Ask to be rung once there is something to take, or room; false if there is already.
    fn _hang_bell(&self, py: Python<'_>, takers: bool) -> bool {
        let side = if takers { Side::Takers } else { Side::Putters };
        detached(py, || self.monitor.hang_bell(side))
    }

    /// The queue's time, every entry in the order of arrival, and counts of done, failed, dropped.
    fn _export<'py>(&self, py: Python<'py>) -> BindResult<(u64, Vec<PyEntry<'py>>, (u64, u64, u64))> {
        let now_ns = self.clock.now_ns(py)?;
        let ((now_ns, exported, counts), _) = self.visit(py, |state| {
            let now_ns = state.advance(now_ns);
            state.queue.advance(now_ns);
            let of_slot = |slot| {
                let entry = state.queue.export(slot);
                (state.key(Taken { slot, label: entry.label }), entry)
            };
            let exported: Vec<(Key, Exported)> = state.queue.slots().into_iter().map(of_slot).collect();
            (now_ns, exported, state.queue.counts())
        })?;
        let entries = exported.into_iter().map(|(key, entry)| {
            let deadline_ns = (entry.deadline_ns != i64::MAX).then_some(entry.deadline_ns);
            Ok((
                key.to_py(py)?,
                entry.state.as_str(),
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

    /// Take in what another queue exported, in place of what is here.
    fn _load(
        slf: &Bound<'_, Self>,
        entries: Vec<(Bound<'_, PyAny>, String, f64, Option<i64>, u64, u16, Option<String>)>,
        counts: (u64, u64, u64),
    ) -> BindResult<()> {
        let (this, py) = (slf.get(), slf.py());
        let (n_done, n_failed, n_dropped) = counts;
        let counts = Counts { n_done, n_failed, n_dropped };
        let mut keys = Vec::with_capacity(entries.len());
        let mut exported = Vec::with_capacity(entries.len());
        for (key, state, priority_value, deadline_ns, arrived_ns, n_attempts, reason) in &entries {
            let given = GivenKey::new(key)?;
            let state_name = state.as_str();
            let known = EntryState::ALL.into_iter().find(|known| known.as_str() == state_name);
            let priority_value = priority_value.into_pyobject(py).expect("a float");
            exported.push(Exported {
                label: if let GivenKey::Int(label) = given { label } else { 0 },
                state: known.ok_or_else(|| wrong("the state of an entry", key, "a state that this version knows"))?,
                priority: priority(Some(&priority_value))?,
                deadline_ns: deadline_ns.unwrap_or(i64::MAX),
                arrived_ns: *arrived_ns,
                n_attempts: *n_attempts,
                reason: reason.as_deref().map(Box::from),
            });
            keys.push((owned(&given), hash_of(&given)));
        }
        let (dropped, bells) = this.visit(py, |state| {
            let dropped = state.objects.clear();
            state.ints.clear();
            state.queue.clear();
            for ((key, hash), slot) in keys.into_iter().zip(state.queue.next_slots(exported.len())) {
                match key {
                    Key::Int(key) => {
                        state.ints.insert(key, slot);
                    }
                    Key::Object(key) => state.objects.insert(key, hash, slot),
                }
            }
            state.queue = Queue::restored(state.queue.options().clone(), counts, exported.into_iter());
            dropped
        })?;
        drop(dropped);
        Self::ring(slf, bells)
    }

    /// In a forked child: those who waited are in the parent.
    fn _after_fork(&self) {
        if !self.monitor.forget_waiting() {
            self.is_orphaned.store(true, Ordering::Relaxed);
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let QueueClock::Given { function, .. } = &self.clock {
            visit.call(function)?;
        }
        // Whoever has the lock reports nothing now: less is safe.
        match self.monitor.try_look(|state| state.objects.traverse(&visit)) {
            Some(result) => result,
            None => Ok(()),
        }
    }
}
