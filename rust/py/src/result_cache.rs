//! The result cache: what pure calls returned, by the key of the call. In memory, and in a folder where there is one.
//!
//! Which entries stay is the core's (`makespan_core::cache`); values, threads that wait for each other, and the crossing to
//! the folder (`makespan.cache_folder`) are here.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;

use makespan_core::cache::{Found, Key, Ledger, NEVER_NS, Slot};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyString, PyTuple};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::detach::detached;
use crate::error::BindResult;
use crate::signals;
use crate::time_source::TimeSource;

static TO_KEEP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static HANDED_OUT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// What an entry takes beside its value, about.
const ENTRY_BYTES: u64 = 256;

/// What a call returned, or the failure that it ended with. Immutable.
#[derive(Debug)]
pub(crate) struct Entry {
    value: Py<PyAny>,
    /// Nobody can change it, so that it is handed out as it is.
    is_immutable: bool,
    is_failure: bool,
    /// Under which it is kept; other keys lead to it.
    key: Key,
    origin: Arc<CallOrigin>,
    /// By the cache's clock; before it began where another process stored it.
    stored_ns: i64,
    id: u64,
}

/// Of which step and workflow an entry is.
#[derive(Debug)]
pub(crate) struct CallOrigin {
    pub(crate) step: String,
    pub(crate) workflow: String,
}

impl Entry {
    /// The value for a consumer, or the failure, raised.
    pub(crate) fn hand_out<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let value = self.value.bind(py).clone();
        let value =
            if self.is_immutable { value } else { python(py, &HANDED_OUT, "handed_out")?.call1((value,))? };
        if self.is_failure { Err(PyErr::from_value(value)) } else { Ok(value) }
    }
}

fn python<'py>(
    py: Python<'py>,
    cell: &'static PyOnceLock<Py<PyAny>>,
    name: &str,
) -> PyResult<&'py Bound<'py, PyAny>> {
    let function =
        cell.get_or_try_init(py, || Ok::<_, PyErr>(py.import("makespan.cache")?.getattr(name)?.unbind()))?;
    Ok(function.bind(py))
}

/// A call that is being made, which others with its key wait for.
#[derive(Debug)]
struct Flight {
    thread: ThreadId,
    process: u32,
    is_over: Mutex<bool>,
    landed: Condvar,
}

/// The right to make a call; its end lets those go on who wait for it.
#[derive(Debug)]
pub(crate) struct OwnFlight<'py> {
    cache: Bound<'py, PyResultCache>,
    key: Key,
    flight: Arc<Flight>,
    /// Of the folder, for other processes.
    lock: Option<Bound<'py, PyAny>>,
}

impl Drop for OwnFlight<'_> {
    fn drop(&mut self) {
        let py = self.cache.py();
        self.cache.get().lock().flights.remove(&self.key);
        *self.flight.is_over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.flight.landed.notify_all();
        if let Some(lock) = &self.lock
            && let Err(error) = lock.call_method0(intern!(py, "release"))
        {
            error.write_unraisable(py, Some(lock));
        }
    }
}

/// What whoever wants the result of a call has to do.
#[derive(Debug)]
pub(crate) enum Begun<'py> {
    /// Nothing: it is there.
    Found(Arc<Entry>),
    /// Make the call; others wait for it.
    Mine(OwnFlight<'py>),
    /// Make the call: this thread is in the midst of it already.
    Nested,
}

#[derive(Debug)]
struct State {
    ledger: Ledger,
    entries: Vec<Option<Arc<Entry>>>,
    flights: FxHashMap<Key, Arc<Flight>>,
}

/// What is counted, in the order of `makespan.cache.CacheStats`.
#[derive(Clone, Copy, Debug)]
enum Count {
    Hits,
    Misses,
    Stored,
    Evicted,
    Expired,
    Waited,
    Read,
    NotKept,
}

const N_COUNTS: usize = Count::NotKept as usize + 1;

/// The native base of `makespan.ResultCache`.
#[pyclass(name = "ResultCache", module = "makespan._core", frozen, subclass)]
#[derive(Debug)]
pub(crate) struct PyResultCache {
    state: Mutex<State>,
    time: TimeSource,
    ttl_ns: u64,
    /// `makespan.cache_folder.CacheFolder`.
    folder: Option<Py<PyAny>>,
    counts: [AtomicU64; N_COUNTS],
    /// How many entries were made.
    n_made: AtomicU64,
}

impl PyResultCache {
    fn count(&self, what: Count, n: usize) {
        self.counts[what as usize].fetch_add(n as u64, Ordering::Relaxed);
    }

    /// Never held while Python runs: values are dropped after it is given back.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is kept under a key; a look-up counts, also one that finds nothing.
    pub(crate) fn get(&self, py: Python<'_>, key: &Key) -> BindResult<Option<Arc<Entry>>> {
        let found = self.peek(py, key)?;
        self.count(Count::Misses, usize::from(found.is_none()));
        Ok(found)
    }

    /// What is kept under a key; counts where that is something.
    pub(crate) fn peek(&self, py: Python<'_>, key: &Key) -> BindResult<Option<Arc<Entry>>> {
        let now_ns = self.time.now_ns(py)?;
        let (found, expired) = {
            let mut state = self.lock();
            match state.ledger.get(key, now_ns) {
                Found::Valid(slot) => {
                    let found = state.entries[slot as usize].clone();
                    let leads_on = found.as_ref().map(|entry| entry.key).filter(|to| to != key);
                    match leads_on.map(|to| state.ledger.get(&to, now_ns)) {
                        None | Some(Found::Valid(_)) => (found, None),
                        // What the key leads to is gone, and is not to be kept alive by it.
                        Some(Found::Missing) => {
                            state.ledger.remove(slot);
                            (None, state.entries[slot as usize].take())
                        }
                        Some(Found::Expired(target)) => {
                            state.ledger.remove(slot);
                            drop(found);
                            let gone = state.entries[slot as usize].take();
                            (None, state.entries[target as usize].take().or(gone))
                        }
                    }
                }
                Found::Expired(slot) => (None, state.entries[slot as usize].take()),
                Found::Missing => (None, None),
            }
        };
        self.count(Count::Expired, usize::from(expired.is_some()));
        if found.is_some() {
            self.count(Count::Hits, 1);
            return Ok(found);
        }
        let read = self.read(py, key, now_ns)?;
        self.count(Count::Hits, usize::from(read.is_some()));
        Ok(read)
    }

    /// Looks into the folder, and keeps what is there in memory as well.
    #[expect(clippy::cast_sign_loss, reason = "a conversion to u64 saturates")]
    fn read(&self, py: Python<'_>, key: &Key, now_ns: u64) -> BindResult<Option<Arc<Entry>>> {
        let Some(folder) = &self.folder else {
            return Ok(None);
        };
        let read = folder.bind(py).call_method1(intern!(py, "read"), (PyBytes::new(py, key),))?;
        if read.is_none() {
            return Ok(None);
        }
        let (value, is_failure, left_s, age_s, step, workflow): (_, _, Option<f64>, f64, _, _) =
            read.extract()?;
        let origin = Arc::new(CallOrigin { step, workflow });
        let expires_ns = left_s.map_or(NEVER_NS, |left_s| now_ns.saturating_add((left_s * 1e9) as u64));
        let stored_ns = now_ns.cast_signed() - (age_s * 1e9) as i64;
        self.count(Count::Read, 1);
        let kept = self.kept(py, key, value, is_failure, &origin, stored_ns)?;
        Ok(kept.map(|(entry, n_bytes)| {
            self.keep(*key, &entry, n_bytes, expires_ns);
            entry
        }))
    }

    /// Looks a call up, and waits where another thread or process is making it.
    pub(crate) fn begin<'py>(slf: &Bound<'py, Self>, key: &Key) -> BindResult<Begun<'py>> {
        let (py, cache) = (slf.py(), slf.get());
        loop {
            if let Some(entry) = cache.get(py, key)? {
                return Ok(Begun::Found(entry));
            }
            let own = Arc::new(Flight {
                thread: std::thread::current().id(),
                process: std::process::id(),
                is_over: Mutex::new(false),
                landed: Condvar::new(),
            });
            let other = {
                let mut state = cache.lock();
                match state.flights.get(key) {
                    // A forked child does not have the threads of its parent.
                    Some(flight) if flight.process == own.process => Some(Arc::clone(flight)),
                    Some(_) | None => {
                        state.flights.insert(*key, Arc::clone(&own));
                        None
                    }
                }
            };
            match other {
                None => {
                    let mut own = OwnFlight { cache: slf.clone(), key: *key, flight: own, lock: None };
                    let Some(folder) = &cache.folder else {
                        return Ok(Begun::Mine(own));
                    };
                    let key = PyBytes::new(py, key);
                    own.lock = Some(folder.bind(py).call_method1(intern!(py, "lock"), (key,))?);
                    // Another process may have made it meanwhile.
                    let now_ns = cache.time.now_ns(py)?;
                    return Ok(match cache.read(py, &own.key, now_ns)? {
                        Some(entry) => Begun::Found(entry),
                        None => Begun::Mine(own),
                    });
                }
                Some(flight) if flight.thread == own.thread => return Ok(Begun::Nested),
                Some(flight) => {
                    cache.count(Count::Waited, 1);
                    wait(py, &flight)?;
                }
            }
        }
    }

    /// Keeps what a call returned, or the failure that it ended with, under its key; for as long
    /// as the cache says where `ttl_ns` is none.
    pub(crate) fn store(
        &self,
        py: Python<'_>,
        key: &Key,
        value: Py<PyAny>,
        is_failure: bool,
        origin: &Arc<CallOrigin>,
        ttl_ns: Option<u64>,
    ) -> BindResult<()> {
        let now_ns = self.time.now_ns(py)?;
        let ttl_ns = ttl_ns.unwrap_or(self.ttl_ns);
        let expires_ns = now_ns.saturating_add(ttl_ns);
        if let Some(folder) = &self.folder {
            #[expect(clippy::cast_precision_loss, reason = "seconds for the folder")]
            let valid_s = (ttl_ns != NEVER_NS).then_some(ttl_ns as f64 / 1e9);
            let call = (PyBytes::new(py, key), &value, is_failure, valid_s, &origin.step, &origin.workflow);
            folder.bind(py).call_method1(intern!(py, "write"), call)?;
        }
        match self.kept(py, key, value, is_failure, origin, now_ns.cast_signed())? {
            None => self.count(Count::NotKept, 1),
            Some((entry, n_bytes)) => {
                self.count(Count::Stored, 1);
                self.keep(*key, &entry, n_bytes, expires_ns);
            }
        }
        Ok(())
    }

    /// Keeps what is kept under one key under another one, too.
    pub(crate) fn link(&self, py: Python<'_>, key: &Key, to: &Key) -> BindResult<()> {
        let now_ns = self.time.now_ns(py)?;
        let (entry, expires_ns) = {
            let mut state = self.lock();
            match state.ledger.get(to, now_ns) {
                Found::Valid(slot) => (state.entries[slot as usize].clone(), state.ledger.expires_ns(slot)),
                Found::Expired(slot) => (state.entries[slot as usize].take(), 0),
                Found::Missing => (None, 0),
            }
        };
        if let Some(entry) = entry.filter(|_| expires_ns > now_ns) {
            self.keep(*key, &entry, 0, expires_ns);
        }
        if let Some(folder) = &self.folder {
            let keys = (PyBytes::new(py, key), PyBytes::new(py, to));
            folder.bind(py).call_method1(intern!(py, "link"), keys)?;
        }
        Ok(())
    }

    /// Makes the entry of a value, as it is kept, and tells its size; none where it cannot be kept.
    fn kept(
        &self,
        py: Python<'_>,
        key: &Key,
        value: Py<PyAny>,
        is_failure: bool,
        origin: &Arc<CallOrigin>,
        stored_ns: i64,
    ) -> BindResult<Option<(Arc<Entry>, u64)>> {
        let id = self.n_made.fetch_add(1, Ordering::Relaxed);
        let origin_of_entry = Arc::clone(origin);
        let entry = |value, is_immutable| {
            Arc::new(Entry {
                value,
                is_immutable,
                is_failure,
                key: *key,
                origin: origin_of_entry,
                stored_ns,
                id,
            })
        };
        if let Some(n_bytes) = plain_size_bytes(value.bind(py), 4) {
            return Ok(Some((entry(value, true), n_bytes)));
        }
        let kept = python(py, &TO_KEEP, "to_keep")?.call1((value, &origin.step))?;
        if kept.is_none() {
            return Ok(None);
        }
        let (value, is_immutable, n_bytes): (Py<PyAny>, bool, u64) = kept.extract()?;
        Ok(Some((entry(value, is_immutable), n_bytes)))
    }

    fn keep(&self, key: Key, entry: &Arc<Entry>, n_bytes: u64, expires_ns: u64) {
        let mut gone = Vec::new();
        let mut dropped: Vec<Option<Arc<Entry>>> = Vec::new();
        {
            let mut state = self.lock();
            let slot = state.ledger.insert(key, n_bytes + ENTRY_BYTES, expires_ns, &mut gone);
            dropped.extend(gone.iter().map(|slot| state.entries[*slot as usize].take()));
            if let Some(slot) = slot {
                if state.entries.len() <= slot as usize {
                    state.entries.resize(slot as usize + 1, None);
                }
                state.entries[slot as usize] = Some(Arc::clone(entry));
            }
        }
        self.count(Count::Evicted, gone.len());
        drop(dropped);
    }
}

/// Waits until a call that another thread makes is over.
fn wait(py: Python<'_>, flight: &Flight) -> PyResult<()> {
    loop {
        let is_over = detached(py, || {
            let is_over = flight.is_over.lock().unwrap_or_else(PoisonError::into_inner);
            let waited = flight.landed.wait_timeout_while(is_over, signals::PERIOD, |is_over| !*is_over);
            *waited.unwrap_or_else(PoisonError::into_inner).0
        });
        if is_over {
            return Ok(());
        }
        py.check_signals()?;
    }
}

/// The size of a value that nobody can change, if it is one of plain data, about.
fn plain_size_bytes(value: &Bound<'_, PyAny>, depth: u32) -> Option<u64> {
    if let Ok(text) = value.cast_exact::<PyString>() {
        return Some(64 + text.len().ok()? as u64);
    }
    if let Ok(bytes) = value.cast_exact::<PyBytes>() {
        return Some(40 + bytes.as_bytes().len() as u64);
    }
    if value.is_none() || value.is_exact_instance_of::<PyBool>() || value.is_exact_instance_of::<PyFloat>() {
        return Some(24);
    }
    if value.is_exact_instance_of::<PyInt>() {
        let n_bytes = value.call_method0(intern!(value.py(), "__sizeof__")).ok()?;
        return n_bytes.extract().ok();
    }
    let tuple = value.cast_exact::<PyTuple>().ok()?;
    let depth = depth.checked_sub(1)?;
    tuple.iter_borrowed().try_fold(56, |sum, member| Some(sum + 8 + plain_size_bytes(&member, depth)?))
}

/// Id, step, workflow, age in seconds, size in bytes, whether it is a failure.
type Described = (u64, String, String, f64, u64, bool);

#[pymethods]
impl PyResultCache {
    #[new]
    #[pyo3(signature = (*, max_bytes, ttl_ns, folder, clock))]
    fn new(max_bytes: u64, ttl_ns: Option<u64>, folder: Option<Py<PyAny>>, clock: Option<Py<PyAny>>) -> Self {
        Self {
            state: Mutex::new(State {
                ledger: Ledger::new(max_bytes),
                entries: Vec::new(),
                flights: FxHashMap::default(),
            }),
            time: TimeSource::new(clock),
            ttl_ns: ttl_ns.unwrap_or(NEVER_NS),
            folder,
            counts: Default::default(),
            n_made: AtomicU64::new(0),
        }
    }

    /// Hits, misses, stored, evicted, expired, waited for another call, read from the folder, not kept; entries and
    /// bytes in memory.
    fn counts(&self) -> Vec<u64> {
        let now = {
            let state = self.lock();
            [state.ledger.len() as u64, state.ledger.n_bytes()]
        };
        self.counts.iter().map(|counter| counter.load(Ordering::Relaxed)).chain(now).collect()
    }

    /// The entries in memory, the most recently used first; what is kept under two keys is there twice.
    fn entries(&self, py: Python<'_>) -> BindResult<Vec<Described>> {
        let now_ns = self.time.now_ns(py)?.cast_signed();
        let state = self.lock();
        let described = |slot: Slot| {
            let entry = state.entries[slot as usize].as_ref()?;
            #[expect(clippy::cast_precision_loss, reason = "an age for people")]
            let age_s = (now_ns - entry.stored_ns) as f64 / 1e9;
            let CallOrigin { step, workflow } = &*entry.origin;
            let size_bytes = state.ledger.size_bytes(slot);
            Some((entry.id, step.clone(), workflow.clone(), age_s, size_bytes, entry.is_failure))
        };
        Ok(state.ledger.slots().filter_map(described).collect())
    }

    /// Forget entries in memory, by their ids.
    fn forget(&self, ids: Vec<u64>) {
        let ids: FxHashSet<u64> = ids.into_iter().collect();
        let mut dropped = Vec::new();
        let mut state = self.lock();
        for slot in state.ledger.slots().collect::<Vec<_>>() {
            if state.entries[slot as usize].as_ref().is_some_and(|entry| ids.contains(&entry.id)) {
                state.ledger.remove(slot);
                dropped.push(state.entries[slot as usize].take());
            }
        }
        drop(state);
        drop(dropped);
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.time.traverse(&visit)?;
        if let Some(folder) = &self.folder {
            visit.call(folder)?;
        }
        // Each value is held by one entry, which may be kept under several keys: it is shown once.
        if let Ok(state) = self.state.try_lock() {
            let mut seen = FxHashSet::default();
            for entry in state.entries.iter().flatten() {
                if !seen.insert(entry.id) {
                    continue;
                }
                visit.call(&entry.value)?;
            }
        }
        Ok(())
    }
}
