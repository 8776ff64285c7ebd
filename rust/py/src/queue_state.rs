//! What is behind a queue's lock: the core's queue, and which key is in which slot. No Python code runs here.

use std::sync::Arc;

use makespan_core::queue::{
    Counts, EntryState, Exported, Gone, NewEntry, Queue, QueueOptions, Taken, WrongState,
};
use pyo3::prelude::*;

use crate::error::QueueRefusal;
use crate::keys::{Found, IntKeys, Key, ObjectKeys};
use crate::monitor::Shared;
use crate::queue_values::{Columns, GivenKey, seconds};

/// Objects that were compared with a key in Python, and whether they are equal.
pub(crate) type Answers = Vec<(Py<PyAny>, bool)>;

/// Counts by state, of done, failed, dropped; for how long the oldest has waited, in seconds.
pub(crate) type PyCounts = ([usize; 4], u64, u64, u64, Option<f64>);

/// What was taken at once: integers, or where there is an object among them, keys.
pub(crate) enum TakenKeys {
    Ints(Vec<i64>),
    Keys(Vec<Key>),
}

/// What became of a batch of objects.
pub(crate) enum Pushed {
    /// All are in.
    In,
    /// None is in.
    Refused(QueueRefusal),
    /// None is in: whether the key at this place is there already depends on whether it equals this object.
    Ask(usize, Py<PyAny>),
}

/// What is behind the lock.
#[derive(Debug)]
pub(crate) struct QueueState {
    pub(crate) queue: Queue,
    ints: IntKeys,
    pub(crate) objects: ObjectKeys,
    pub(crate) is_closed: bool,
    /// Something is due earlier than those who wait know.
    is_due_earlier: bool,
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

    fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.is_due_earlier)
    }
}

impl QueueState {
    pub(crate) fn new(options: QueueOptions, now_ns: u64) -> Self {
        Self {
            queue: Queue::new(options),
            ints: IntKeys::default(),
            objects: ObjectKeys::default(),
            is_closed: false,
            is_due_earlier: false,
            now_ns,
        }
    }

    /// Lets time pass, and what is due wait; returns the time.
    #[inline]
    pub(crate) fn advance(&mut self, now_ns: u64) -> u64 {
        self.now_ns = self.now_ns.max(now_ns);
        self.queue.advance(self.now_ns);
        self.now_ns
    }

    /// The key of an entry.
    #[inline]
    pub(crate) fn key(&self, Taken { slot, label }: Taken) -> Key {
        self.objects.get(slot).map_or(Key::Int(label), |key| Key::Object(Arc::clone(key)))
    }

    /// The slot of a key, if that can be told without Python.
    pub(crate) fn find(&self, key: &GivenKey<'_, '_>, answers: &[(Py<PyAny>, bool)]) -> Found {
        match key {
            GivenKey::Int(key) => Found::Known(self.ints.get(*key)),
            GivenKey::Object(key, hash) => self.objects.find(key, *hash, answers),
        }
    }

    #[inline]
    pub(crate) fn find_int(&self, key: i64) -> Option<u32> {
        self.ints.get(key)
    }

    /// Takes the first entry; none while one may still come.
    #[inline]
    pub(crate) fn take(&mut self, now_ns: u64) -> Option<Result<Key, QueueRefusal>> {
        let now_ns = self.advance(now_ns);
        let Some(taken) = self.queue.pop(now_ns) else {
            let is_drained = self.is_closed && self.queue.n_in(EntryState::Delayed) == 0;
            return is_drained.then_some(Err(QueueRefusal::Closed));
        };
        Some(Ok(if self.queue.options().is_tracked { self.key(taken) } else { self.forget(taken) }))
    }

    /// Takes the first `n` entries, or all.
    pub(crate) fn take_many(&mut self, now_ns: u64, n: usize) -> TakenKeys {
        let now_ns = self.advance(now_ns);
        let n = n.min(self.queue.n_in(EntryState::Waiting));
        let is_tracked = self.queue.options().is_tracked;
        if self.objects.is_empty() {
            let mut keys = Vec::with_capacity(n);
            self.queue.pop_many(now_ns, n, |taken| keys.push(taken.label));
            if !is_tracked {
                self.forget_ints(&keys);
            }
            return TakenKeys::Ints(keys);
        }
        let mut taken = Vec::with_capacity(n);
        self.queue.pop_many(now_ns, n, |entry| taken.push(entry));
        let keys: Vec<Key> = taken
            .into_iter()
            .map(|entry| if is_tracked { self.key(entry) } else { self.forget(entry) })
            .collect();
        let ints = keys.iter().map(|key| if let Key::Int(key) = key { Some(*key) } else { None });
        match ints.collect() {
            Some(ints) => TakenKeys::Ints(ints),
            None => TakenKeys::Keys(keys),
        }
    }

    /// Puts an entry in whose key is in no slot, or in this one. Returns whether it is in, and the key that was dropped.
    #[inline]
    pub(crate) fn put(
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
        let (slot, dropped) = self.queue.push(now_ns, NewEntry { label: key.label(), ..entry })?;
        self.is_due_earlier |= entry.delay_ns > 0;
        self.add_key(key, hash, slot);
        let is_in = dropped.is_none_or(|gone| gone.slot != slot);
        Ok((is_in, dropped.map(|gone| self.forget(gone))))
    }

    /// Puts all integers in, or none.
    pub(crate) fn put_ints(
        &mut self,
        now_ns: u64,
        keys: &[i64],
        columns: &Columns,
    ) -> Result<Vec<Key>, QueueRefusal> {
        if self.is_closed {
            return Err(QueueRefusal::Closed);
        }
        self.ints.make_room(keys.iter().copied().max().unwrap_or(0), keys.len());
        for (place, (&key, slot)) in keys.iter().zip(self.queue.next_slots(keys.len())).enumerate() {
            if let Some(known) = self.ints.insert(key, slot) {
                self.forget_ints(&keys[..place]);
                return Err(self.duplicate(Key::Int(key), known));
            }
        }
        self.put_many(now_ns, keys.iter().copied(), columns).inspect_err(|_| self.forget_ints(keys))
    }

    /// Puts all keys in, or none; `answers` by place. What is dropped comes out, since its end may run Python code.
    pub(crate) fn put_keys(
        &mut self,
        now_ns: u64,
        keys: &[GivenKey<'_, '_>],
        columns: &Columns,
        answers: &[Answers],
        dropped: &mut Vec<Key>,
    ) -> Pushed {
        if self.is_closed {
            return Pushed::Refused(QueueRefusal::Closed);
        }
        let slots: Vec<u32> = self.queue.next_slots(keys.len()).collect();
        let undo = |state: &mut Self, n: usize, dropped: &mut Vec<Key>| {
            let keys = keys[..n].iter().zip(&slots);
            dropped.extend(keys.map(|(key, &slot)| state.forget(Gone { slot, label: key.label() })));
        };
        for (place, (key, &slot)) in keys.iter().zip(&slots).enumerate() {
            match self.find(key, &answers[place]) {
                Found::Known(None) => self.add_key(key.to_key(), key.hash(), slot),
                Found::Known(Some(known)) => {
                    let duplicate = self.duplicate(key.to_key(), known);
                    undo(self, place, dropped);
                    return Pushed::Refused(duplicate);
                }
                Found::Ask(other) => {
                    undo(self, place, dropped);
                    return Pushed::Ask(place, other);
                }
            }
        }
        match self.put_many(now_ns, keys.iter().map(GivenKey::label), columns) {
            Ok(lowest) => {
                dropped.extend(lowest);
                Pushed::In
            }
            Err(refusal) => {
                undo(self, keys.len(), dropped);
                Pushed::Refused(refusal)
            }
        }
    }

    /// An entry in work has failed; returns whether it comes back.
    pub(crate) fn fail(
        &mut self,
        now_ns: u64,
        slot: u32,
        reason: Option<Box<str>>,
    ) -> Result<bool, WrongState> {
        let now_ns = self.advance(now_ns);
        let due_ns = self.queue.fail(now_ns, slot, reason)?;
        self.is_due_earlier |= due_ns.is_some();
        Ok(due_ns.is_some())
    }

    /// Integers in work are done; all of them, or none and the one that is not in work.
    pub(crate) fn finish_ints(&mut self, keys: &[i64]) -> Result<(), QueueRefusal> {
        let unknown = |key| QueueRefusal::Unknown { key: Key::Int(key), expected: "in work" };
        let mut slots = Vec::with_capacity(keys.len());
        for &key in keys {
            let slot = self.ints.get(key).filter(|&slot| self.queue.state(slot) == Some(EntryState::InWork));
            slots.push(slot.ok_or_else(|| unknown(key))?);
        }
        let mut sorted = slots.clone();
        sorted.sort_unstable();
        if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(unknown(self.queue.export(twice[0]).label));
        }
        for slot in slots {
            let gone = self.queue.finish(slot).expect("every one of them is in work, and here once");
            self.ints.remove(gone.label);
        }
        Ok(())
    }

    /// Forgets the key of an entry that the queue has forgotten.
    #[inline]
    pub(crate) fn forget(&mut self, Gone { slot, label }: Gone) -> Key {
        if let Some(key) = self.objects.remove(slot) {
            return Key::Object(key);
        }
        self.ints.remove(label);
        Key::Int(label)
    }

    /// Forgets everything; the objects are to be dropped where Python code may run.
    pub(crate) fn clear(&mut self) -> Vec<Arc<Py<PyAny>>> {
        self.queue.clear();
        self.ints.clear();
        self.objects.clear()
    }

    /// The keys in a state: those that wait in order, the dead in the order of their deaths, others as they arrived.
    pub(crate) fn keys_in(&self, state: EntryState) -> Vec<Key> {
        let slots = match state {
            EntryState::Waiting => self.queue.waiting(),
            EntryState::Dead => self.queue.dead().collect(),
            EntryState::Delayed | EntryState::InWork => {
                let mut slots = self.queue.slots();
                slots.retain(|&slot| self.queue.state(slot) == Some(state));
                slots
            }
        };
        slots.into_iter().map(|slot| self.key(Taken { slot, label: self.queue.export(slot).label })).collect()
    }

    pub(crate) fn counts(&mut self, now_ns: u64) -> PyCounts {
        let now_ns = self.advance(now_ns);
        let Counts { n_done, n_failed, n_dropped } = self.queue.counts();
        let oldest_s = self.queue.oldest_ns().map(|ns| seconds(now_ns.saturating_sub(ns)));
        (EntryState::ALL.map(|state| self.queue.n_in(state)), n_done, n_failed, n_dropped, oldest_s)
    }

    /// Everything, in the order of arrival.
    pub(crate) fn export(&mut self, now_ns: u64) -> (u64, Vec<(Key, Exported)>, Counts) {
        let now_ns = self.advance(now_ns);
        let of_slot = |slot| {
            let entry = self.queue.export(slot);
            (self.key(Taken { slot, label: entry.label }), entry)
        };
        (now_ns, self.queue.slots().into_iter().map(of_slot).collect(), self.queue.counts())
    }

    /// Takes in what was exported, in place of what is here.
    pub(crate) fn load(
        &mut self,
        entries: Vec<(Key, isize, Exported)>,
        counts: Counts,
    ) -> Vec<Arc<Py<PyAny>>> {
        let dropped = self.clear();
        let options = self.queue.options().clone();
        let slots: Vec<u32> = self.queue.next_slots(entries.len()).collect();
        let mut exported = Vec::with_capacity(entries.len());
        for ((key, hash, entry), slot) in entries.into_iter().zip(slots) {
            self.add_key(key, hash, slot);
            exported.push(entry);
        }
        self.queue = Queue::restored(options, counts, exported.into_iter());
        dropped
    }

    #[inline]
    fn add_key(&mut self, key: Key, hash: isize, slot: u32) {
        match key {
            Key::Int(key) => {
                self.ints.insert(key, slot);
            }
            Key::Object(key) => self.objects.insert(key, hash, slot),
        }
    }

    /// A loop of its own, so that the memory of many keys is fetched at once.
    fn forget_ints(&mut self, keys: &[i64]) {
        for &key in keys {
            self.ints.remove(key);
        }
    }

    /// A key that is in the queue, or earlier in the same batch.
    fn duplicate(&self, key: Key, known: u32) -> QueueRefusal {
        QueueRefusal::Duplicate { key, state: self.queue.state(known).unwrap_or(EntryState::Waiting) }
    }

    /// Puts entries in whose keys are there already; returns the keys that were dropped.
    fn put_many(
        &mut self,
        now_ns: u64,
        labels: impl ExactSizeIterator<Item = i64>,
        columns: &Columns,
    ) -> Result<Vec<Key>, QueueRefusal> {
        let now_ns = self.advance(now_ns);
        let dropped = self.queue.push_many(now_ns, columns.entries(labels))?;
        Ok(dropped.into_iter().map(|gone| self.forget(gone)).collect())
    }
}
