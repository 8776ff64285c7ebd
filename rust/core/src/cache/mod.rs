//! Which entries a cache keeps: the ledger of a bounded, expiring, least-recently-used cache.
//!
//! The ledger knows keys, sizes and times; the values themselves are its user's, by slot.

use std::hash::{BuildHasherDefault, Hasher};

/// A digest: as good as random, so that a table needs no further hashing.
pub type Key = [u8; 32];

/// The number of an entry while it is kept; used again afterwards.
pub type Slot = u32;

/// Looked up and never iterated over, so that its order is nobody's concern.
#[expect(clippy::disallowed_types, reason = "as just said")]
type Slots = std::collections::HashMap<Key, Slot, BuildHasherDefault<FirstBytes>>;

const NONE: Slot = Slot::MAX;

/// An entry that never expires.
pub const NEVER_NS: u64 = u64::MAX;

/// What is known of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is kept, and was used just now.
    Valid(Slot),
    /// It was kept beyond its time and is gone now.
    Expired(Slot),
    /// It is not kept.
    Missing,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    key: Key,
    size_bytes: u64,
    expires_ns: u64,
    /// Towards what was used more recently.
    newer: Slot,
    older: Slot,
    is_free: bool,
}

/// Keys of a cache in the order of their last use.
///
/// # Examples
///
/// ```
/// use makespan_core::cache::{Found, Ledger, NEVER_NS};
///
/// let mut ledger = Ledger::new(100);
/// let mut gone = Vec::new();
/// let first = ledger.insert([1; 32], 60, NEVER_NS, &mut gone).expect("it fits");
/// assert_eq!(ledger.get(&[1; 32], 0), Found::Valid(first));
/// ledger.insert([2; 32], 60, NEVER_NS, &mut gone);
/// assert_eq!((gone, ledger.get(&[1; 32], 0)), (vec![first], Found::Missing));
/// ```
#[derive(Clone, Debug)]
pub struct Ledger {
    slots: Slots,
    entries: Vec<Entry>,
    free: Vec<Slot>,
    newest: Slot,
    oldest: Slot,
    n_bytes: u64,
    n_bytes_max: u64,
}

impl Ledger {
    /// An empty ledger for entries of at most `n_bytes_max` together.
    #[must_use]
    pub fn new(n_bytes_max: u64) -> Self {
        Self {
            slots: Slots::default(),
            entries: Vec::new(),
            free: Vec::new(),
            newest: NONE,
            oldest: NONE,
            n_bytes: 0,
            n_bytes_max,
        }
    }

    /// How many entries are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The sum of the sizes.
    #[must_use]
    pub fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    /// The slots in use, the most recently used first.
    pub fn slots(&self) -> impl Iterator<Item = Slot> {
        let entry_after = |slot: &Slot| Some(self.entries[*slot as usize].older).filter(|slot| *slot != NONE);
        std::iter::successors(Some(self.newest).filter(|slot| *slot != NONE), entry_after)
    }

    /// The size of an entry in bytes.
    #[must_use]
    pub fn size_bytes(&self, slot: Slot) -> u64 {
        self.entries[slot as usize].size_bytes
    }

    /// When an entry expires.
    #[must_use]
    pub fn expires_ns(&self, slot: Slot) -> u64 {
        self.entries[slot as usize].expires_ns
    }

    /// Looks a key up, which counts as use. O(1).
    pub fn get(&mut self, key: &Key, now_ns: u64) -> Found {
        let Some(&slot) = self.slots.get(key) else {
            return Found::Missing;
        };
        if self.entries[slot as usize].expires_ns <= now_ns {
            self.remove(slot);
            return Found::Expired(slot);
        }
        if self.newest != slot {
            self.unlink(slot);
            self.link_newest(slot);
        }
        Found::Valid(slot)
    }

    /// Keeps a key, in place of what was kept under it; `gone` receives the slots whose entries are gone, the least
    /// recently used first; the returned one may be among them. None, and nothing changed but that the old entry is gone, where it is larger than the whole cache
    /// may be. O(1) amortized.
    pub fn insert(
        &mut self,
        key: Key,
        size_bytes: u64,
        expires_ns: u64,
        gone: &mut Vec<Slot>,
    ) -> Option<Slot> {
        if let Some(&slot) = self.slots.get(&key) {
            self.remove(slot);
            gone.push(slot);
        }
        if size_bytes > self.n_bytes_max {
            return None;
        }
        while self.n_bytes + size_bytes > self.n_bytes_max {
            let oldest = self.oldest;
            self.remove(oldest);
            gone.push(oldest);
        }
        let entry = Entry { key, size_bytes, expires_ns, newer: NONE, older: NONE, is_free: false };
        let slot = if let Some(slot) = self.free.pop() {
            self.entries[slot as usize] = entry;
            slot
        } else {
            self.entries.push(entry);
            self.entries.len() as Slot - 1
        };
        self.slots.insert(key, slot);
        self.n_bytes += size_bytes;
        self.link_newest(slot);
        Some(slot)
    }

    /// Forgets an entry.
    ///
    /// # Panics
    /// The slot is not in use.
    pub fn remove(&mut self, slot: Slot) {
        let entry = self.entries[slot as usize];
        assert!(!entry.is_free, "slot {slot} is not in use");
        self.unlink(slot);
        self.slots.remove(&entry.key);
        self.n_bytes -= entry.size_bytes;
        self.entries[slot as usize].is_free = true;
        self.free.push(slot);
    }

    fn unlink(&mut self, slot: Slot) {
        let Entry { newer, older, .. } = self.entries[slot as usize];
        match newer {
            NONE => self.newest = older,
            newer => self.entries[newer as usize].older = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => self.entries[older as usize].newer = newer,
        }
    }

    fn link_newest(&mut self, slot: Slot) {
        let before = std::mem::replace(&mut self.newest, slot);
        self.entries[slot as usize].newer = NONE;
        self.entries[slot as usize].older = before;
        match before {
            NONE => self.oldest = slot,
            before => self.entries[before as usize].newer = slot,
        }
    }
}

/// Takes the first eight bytes of a digest for its hash.
#[derive(Clone, Copy, Debug, Default)]
struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        // The length that comes before an array is no digest.
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> Key {
        let mut key = [0; 32];
        key[0] = n;
        key
    }

    #[test]
    fn test_least_recently_used_goes_first() {
        let mut ledger = Ledger::new(3);
        let mut gone = Vec::new();
        let slots: Vec<Slot> = (0..3).filter_map(|n| ledger.insert(key(n), 1, NEVER_NS, &mut gone)).collect();
        assert_eq!(ledger.get(&key(0), 0), Found::Valid(slots[0]));
        ledger.insert(key(3), 2, NEVER_NS, &mut gone);
        assert_eq!(gone, [slots[1], slots[2]]);
        assert_eq!((ledger.len(), ledger.n_bytes()), (2, 3));
    }

    #[test]
    fn test_time_is_over_at_its_end() {
        let mut ledger = Ledger::new(3);
        let slot = ledger.insert(key(0), 1, 10, &mut Vec::new()).expect("it fits");
        assert_eq!(ledger.get(&key(0), 9), Found::Valid(slot));
        assert_eq!(ledger.get(&key(0), 10), Found::Expired(slot));
        assert_eq!((ledger.get(&key(0), 10), ledger.n_bytes()), (Found::Missing, 0));
    }

    #[test]
    fn test_what_is_larger_than_the_whole_replaces_nothing_else() {
        let mut ledger = Ledger::new(3);
        let mut gone = Vec::new();
        let first = ledger.insert(key(0), 1, NEVER_NS, &mut gone);
        let second = ledger.insert(key(1), 1, NEVER_NS, &mut gone).expect("it fits");
        assert_eq!(ledger.insert(key(1), 4, NEVER_NS, &mut gone), None);
        assert_eq!((gone, ledger.slots().collect()), (vec![second], vec![first.expect("it fits")]));
    }

    /// Against a list in the order of use.
    #[test]
    fn test_as_a_list_would_do_it() {
        for seed in 0_u64..300 {
            let mut state = seed;
            let mut below = |n: u64| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) % n
            };
            let mut ledger = Ledger::new(20);
            let mut slow: Vec<(u8, u64, u64)> = Vec::new();
            for now_ns in 0..200 {
                let n = below(12) as u8;
                if below(2) == 0 {
                    let is_kept = matches!(ledger.get(&key(n), now_ns), Found::Valid(_));
                    slow.retain(|(other, _, expires_ns)| *other != n || *expires_ns > now_ns);
                    let at = slow.iter().position(|(other, ..)| *other == n);
                    assert_eq!(is_kept, at.is_some(), "seed {seed}, time {now_ns}");
                    if let Some(at) = at {
                        let used = slow.remove(at);
                        slow.push(used);
                    }
                } else {
                    let (size, expires_ns) = (below(25), now_ns + below(40));
                    ledger.insert(key(n), size, expires_ns, &mut Vec::new());
                    slow.retain(|(other, ..)| *other != n);
                    if size <= 20 {
                        while slow.iter().map(|(_, size, _)| size).sum::<u64>() + size > 20 {
                            slow.remove(0);
                        }
                        slow.push((n, size, expires_ns));
                    }
                }
                let order: Vec<u8> =
                    ledger.slots().map(|slot| ledger.entries[slot as usize].key[0]).collect();
                let expected: Vec<u8> = slow.iter().rev().map(|(n, ..)| *n).collect();
                assert_eq!(order, expected, "seed {seed}, time {now_ns}");
                assert_eq!(ledger.n_bytes(), slow.iter().map(|(_, size, _)| size).sum::<u64>());
            }
        }
    }
}
