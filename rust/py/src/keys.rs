//! From keys to slots: integers in tables of their own, everything else by Python's hash and equality.

use std::sync::Arc;

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyString;
use rustc_hash::FxHashMap;

const ABSENT: u32 = u32::MAX;

/// The table of small integers may be this much longer than there are keys, so that memory stays in proportion.
const N_PER_KEY_MAX: usize = 4;
const N_DENSE_MIN: usize = 1 << 12;

/// Slots of integers: a plain table for those from 0 to about the number of keys, a map for the rest.
#[derive(Default, Debug)]
pub(crate) struct IntKeys {
    /// By key.
    dense: Vec<u32>,
    sparse: FxHashMap<i64, u32>,
    n_dense: usize,
}

impl IntKeys {
    #[inline]
    pub(crate) fn get(&self, key: i64) -> Option<u32> {
        match usize::try_from(key).ok().and_then(|place| self.dense.get(place)) {
            Some(&slot) => (slot != ABSENT).then_some(slot),
            None if self.sparse.is_empty() => None,
            None => self.sparse.get(&key).copied(),
        }
    }

    /// Adds a key; if it is there already, changes nothing and returns its slot.
    #[inline]
    pub(crate) fn insert(&mut self, key: i64, slot: u32) -> Option<u32> {
        if usize::try_from(key).is_ok_and(|place| place >= self.dense.len()) {
            self.make_room(key, 1);
        }
        if let Some(place) = usize::try_from(key).ok().and_then(|place| self.dense.get_mut(place)) {
            if *place != ABSENT {
                return Some(*place);
            }
            *place = slot;
            self.n_dense += 1;
            return None;
        }
        match self.sparse.entry(key) {
            std::collections::hash_map::Entry::Occupied(entry) => Some(*entry.get()),
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(slot);
                None
            }
        }
    }

    #[inline]
    pub(crate) fn remove(&mut self, key: i64) {
        if let Some(place) = usize::try_from(key).ok().and_then(|place| self.dense.get_mut(place)) {
            self.n_dense -= usize::from(*place != ABSENT);
            *place = ABSENT;
        } else {
            self.sparse.remove(&key);
        }
    }

    /// Prepares for `n` more keys, the largest of which is `key_max`. The table grows while the map is empty, so that
    /// a key is in one of them for certain.
    pub(crate) fn make_room(&mut self, key_max: i64, n: usize) {
        let n_wanted = usize::try_from(key_max).map_or(0, |key| key.saturating_add(1));
        let n_max = N_DENSE_MIN + N_PER_KEY_MAX * (self.n_dense + n);
        if self.sparse.is_empty() && n_wanted > self.dense.len() && n_wanted <= n_max {
            self.dense.resize(n_wanted.next_power_of_two().clamp(N_DENSE_MIN, n_max), ABSENT);
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// A key that is no integer, as it stands in the table.
#[derive(Debug)]
struct ObjectKey {
    /// Shared, so that it can be handed out where there is no interpreter.
    key: Arc<Py<PyAny>>,
    hash: isize,
    /// The slot of the next key with the same hash.
    next: u32,
}

/// Slots of other objects. Python code runs in `__eq__`, so the table never compares where that could be needed: it
/// asks, and is asked again with the answer.
#[derive(Default, Debug)]
pub(crate) struct ObjectKeys {
    /// By slot.
    keys: Vec<Option<ObjectKey>>,
    /// By hash, the slot of the first key that has it.
    first: FxHashMap<isize, u32>,
}

/// A key as it is handed out.
#[derive(Clone, Debug)]
pub(crate) enum Key {
    Int(i64),
    Object(Arc<Py<PyAny>>),
}

impl Key {
    /// What the core calls an entry with this key; objects are known by their slots.
    pub(crate) fn label(&self) -> i64 {
        match self {
            Self::Int(key) => *key,
            Self::Object(_) => 0,
        }
    }

    pub(crate) fn to_py<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Self::Int(key) => Ok(key.into_pyobject(py)?.into_any()),
            Self::Object(key) => Ok(key.bind(py).clone()),
        }
    }
}

/// What the table knows of a key.
pub(crate) enum Found {
    /// It is in this slot, or in none.
    Known(Option<u32>),
    /// It depends on whether it equals this one.
    Ask(Py<PyAny>),
}

impl ObjectKeys {
    /// Looks a key up; `answers` are the objects that it was compared with, and whether they are equal.
    pub(crate) fn find(&self, key: &Bound<'_, PyAny>, hash: isize, answers: &[(Py<PyAny>, bool)]) -> Found {
        let py = key.py();
        let mut slot = self.first.get(&hash).copied().unwrap_or(ABSENT);
        while let Some(entry) = self.keys.get(slot as usize).and_then(Option::as_ref) {
            let other = entry.key.bind(py);
            let is_equal = if other.is(key) {
                Some(true)
            } else if let (Some(text), Some(other_text)) = (exact_text(key), exact_text(other)) {
                Some(text == other_text)
            } else {
                answers.iter().find(|(asked, _)| asked.is(other)).map(|&(_, is_equal)| is_equal)
            };
            match is_equal {
                Some(true) => return Found::Known(Some(slot)),
                Some(false) => slot = entry.next,
                None => return Found::Ask(entry.key.clone_ref(py)),
            }
        }
        Found::Known(None)
    }

    /// Adds a key that is not there.
    pub(crate) fn insert(&mut self, key: Arc<Py<PyAny>>, hash: isize, slot: u32) {
        if slot as usize >= self.keys.len() {
            self.keys.resize_with(slot as usize + 1, || None);
        }
        let next = self.first.insert(hash, slot).unwrap_or(ABSENT);
        self.keys[slot as usize] = Some(ObjectKey { key, hash, next });
    }

    /// Whether there is no key.
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// The key in a slot; none if there is an integer.
    #[inline]
    pub(crate) fn get(&self, slot: u32) -> Option<&Arc<Py<PyAny>>> {
        self.keys.get(slot as usize)?.as_ref().map(|entry| &entry.key)
    }

    /// Takes a key out, to be dropped where Python code may run.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<Arc<Py<PyAny>>> {
        let removed = self.keys.get_mut(slot as usize)?.take()?;
        let first = self.first.get_mut(&removed.hash).expect("every key can be reached by its hash");
        if *first == slot && removed.next == ABSENT {
            self.first.remove(&removed.hash);
        } else if *first == slot {
            *first = removed.next;
        } else {
            let mut before = *first;
            while let Some(entry) = self.keys[before as usize].as_mut() {
                if entry.next == slot {
                    entry.next = removed.next;
                    break;
                }
                before = entry.next;
            }
        }
        Some(removed.key)
    }

    /// Takes all keys out, to be dropped where Python code may run.
    pub(crate) fn clear(&mut self) -> Vec<Arc<Py<PyAny>>> {
        self.first.clear();
        std::mem::take(&mut self.keys).into_iter().flatten().map(|entry| entry.key).collect()
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.keys.iter().flatten().try_for_each(|entry| visit.call(&*entry.key))
    }
}

/// The text of a string, whose comparison runs no Python code; none for anything else, subclasses included.
fn exact_text<'a>(key: &'a Bound<'_, PyAny>) -> Option<&'a str> {
    key.cast_exact::<PyString>().ok()?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use std::iter;

    use super::*;

    #[test]
    fn test_int_keys_are_found_in_table_and_map() {
        let mut keys = IntKeys::default();
        let wanted = [0, 1, -1, 5_000, i64::MAX, i64::MIN, 1 << 40, 2];
        for (key, slot) in iter::zip(wanted, 0..) {
            assert_eq!(keys.insert(key, slot), None);
        }
        for (key, slot) in iter::zip(wanted, 0..) {
            assert_eq!(keys.get(key), Some(slot));
            assert_eq!(keys.insert(key, 99), Some(slot));
            keys.remove(key);
            assert_eq!(keys.get(key), None);
        }
    }

    #[test]
    fn test_table_grows_in_proportion() {
        let mut keys = IntKeys::default();
        for key in 0..100_000 {
            assert_eq!(keys.insert(key * 1_000, 7), None);
        }
        assert!(keys.dense.len() <= N_DENSE_MIN + N_PER_KEY_MAX * 100_000);
        assert!((0..100_000).all(|key| keys.get(key * 1_000) == Some(7)));
        assert_eq!(keys.get(5), None);
    }
}
