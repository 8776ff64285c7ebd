//! A set of small numbers that yields its smallest.

/// The number of bits in a word, and so the fan-out of the tree.
const N_BITS: usize = u64::BITS as usize;

/// The depth that a set over all of `u32` needs: 64 to the sixth is above it.
const N_LEVELS_MAX: usize = 6;

/// A set of `u32` below a capacity, as a tree of bits with fan-out 64.
///
/// The lowest level has one bit per member; a bit of a higher level says that the word below it is not zero. The smallest
/// member is found by one count of trailing zeros per level, so every operation takes at most log64 of the capacity
/// steps: four for a million. It needs no comparison, no allocation, and little more than one bit per possible member.
///
/// # Examples
///
/// ```
/// use makespan_core::sched::ReadySet;
///
/// let mut ready = ReadySet::new(1_000);
/// ready.insert(700);
/// ready.insert(7);
/// assert_eq!(ready.pop_first(), Some(7));
/// assert_eq!(ready.first(), Some(700));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadySet {
    /// All levels, the lowest first.
    words: Vec<u64>,
    /// Where each level begins in `words`.
    level_begins: [u32; N_LEVELS_MAX],
    n_levels: usize,
    capacity: usize,
    len: usize,
}

impl ReadySet {
    /// An empty set of numbers below `capacity`.
    ///
    /// # Panics
    ///
    /// When `capacity` is above what `u32` can number.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        assert!(capacity as u64 <= 1 << u32::BITS, "capacity is at most 2^32, got {capacity}");
        let mut level_begins = [0; N_LEVELS_MAX];
        let mut n_levels = 0;
        let mut n_words = 0;
        let mut n_words_in_level = capacity;
        loop {
            n_words_in_level = n_words_in_level.div_ceil(N_BITS).max(1);
            level_begins[n_levels] = n_words as u32;
            n_levels += 1;
            n_words += n_words_in_level;
            if n_words_in_level == 1 {
                break;
            }
        }
        Self { words: vec![0; n_words], level_begins, n_levels, capacity, len: 0 }
    }

    /// The number of members.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no member.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether `value` is a member; never when it is not below the capacity.
    #[must_use]
    pub fn contains(&self, value: u32) -> bool {
        let idx = value as usize;
        idx < self.capacity && self.words[idx / N_BITS] & bit(idx) != 0
    }

    /// Adds `value`; returns whether it was not a member before.
    ///
    /// # Panics
    ///
    /// When `value` is not below the capacity.
    pub fn insert(&mut self, value: u32) -> bool {
        let mut idx = value as usize;
        assert!(idx < self.capacity, "{value} is not below the capacity {}", self.capacity);
        if self.words[idx / N_BITS] & bit(idx) != 0 {
            return false;
        }
        self.len += 1;
        for begin in &self.level_begins[..self.n_levels] {
            let word = &mut self.words[*begin as usize + idx / N_BITS];
            let was_empty = *word == 0;
            *word |= bit(idx);
            if !was_empty {
                break;
            }
            idx /= N_BITS;
        }
        true
    }

    /// Takes out `value`; returns whether it was a member.
    pub fn remove(&mut self, value: u32) -> bool {
        let is_member = self.contains(value);
        if is_member {
            self.remove_member(value as usize);
        }
        is_member
    }

    /// The smallest member.
    #[must_use]
    pub fn first(&self) -> Option<u32> {
        if self.is_empty() {
            return None;
        }
        let begins = self.level_begins[..self.n_levels].iter().rev();
        let first = begins.fold(0, |idx, begin| {
            let word = self.words[*begin as usize + idx];
            idx * N_BITS + word.trailing_zeros() as usize
        });
        Some(first as u32)
    }

    /// The smallest member that is not below `value`.
    ///
    /// # Examples
    ///
    /// ```
    /// use makespan_core::sched::ReadySet;
    ///
    /// let mut ready = ReadySet::new(1_000);
    /// ready.insert(7);
    /// ready.insert(700);
    /// assert_eq!(ready.first_from(7), Some(7));
    /// assert_eq!(ready.first_from(8), Some(700));
    /// assert_eq!(ready.first_from(701), None);
    /// ```
    #[must_use]
    pub fn first_from(&self, value: u32) -> Option<u32> {
        let mut idx = value as usize;
        if idx >= self.capacity {
            return None;
        }
        for level in 0..self.n_levels {
            let place = self.level_begins[level] as usize + idx / N_BITS;
            let end = self.level_begins[..self.n_levels]
                .get(level + 1)
                .map_or(self.words.len(), |end| *end as usize);
            if place >= end {
                return None;
            }
            let rest = self.words[place] & (u64::MAX << (idx % N_BITS));
            if rest != 0 {
                let mut found = idx / N_BITS * N_BITS + rest.trailing_zeros() as usize;
                for lower in self.level_begins[..level].iter().rev() {
                    let word = self.words[*lower as usize + found];
                    found = found * N_BITS + word.trailing_zeros() as usize;
                }
                return Some(found as u32);
            }
            // The word holds nothing from here on: the next one is looked for, a level up.
            idx = idx / N_BITS + 1;
        }
        None
    }

    /// Takes out the smallest member.
    pub fn pop_first(&mut self) -> Option<u32> {
        let first = self.first()?;
        self.remove_member(first as usize);
        Some(first)
    }

    fn remove_member(&mut self, mut idx: usize) {
        self.len -= 1;
        for begin in &self.level_begins[..self.n_levels] {
            let word = &mut self.words[*begin as usize + idx / N_BITS];
            *word &= !bit(idx);
            if *word != 0 {
                break;
            }
            idx /= N_BITS;
        }
    }
}

/// The bit of `idx` within its word.
const fn bit(idx: usize) -> u64 {
    1 << (idx % N_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_members_come_ascending_across_levels() {
        for capacity in [1, 64, 65, 4_096, 4_097, 262_145, 20_000_000] {
            let mut set = ReadySet::new(capacity);
            let last = capacity as u32 - 1;
            let mut expected = vec![0, last / 2, last];
            expected.dedup();
            for &value in expected.iter().rev() {
                assert!(set.insert(value));
                assert!(!set.insert(value));
            }
            assert_eq!(set.len(), expected.len());
            let popped: Vec<_> = std::iter::from_fn(|| set.pop_first()).collect();
            assert_eq!(popped, expected, "capacity {capacity}");
            assert!(set.is_empty());
        }
    }

    #[test]
    fn test_first_from_finds_the_next_member_across_levels() {
        for capacity in [1, 64, 65, 4_096, 4_097, 262_145] {
            let mut set = ReadySet::new(capacity);
            let last = capacity as u32 - 1;
            let members = [0, last / 3, last / 2, last];
            for value in members {
                set.insert(value);
            }
            for from in [0, 1, last / 3, last / 3 + 1, last / 2 + 1, last, last + 1, u32::MAX] {
                let expected = members.into_iter().filter(|&value| value >= from).min();
                assert_eq!(set.first_from(from), expected, "capacity {capacity}, from {from}");
            }
        }
        assert_eq!(ReadySet::new(0).first_from(0), None);
    }

    #[test]
    fn test_what_is_beyond_the_capacity_is_no_member() {
        let mut set = ReadySet::new(10);
        assert!(!set.contains(10));
        assert!(!set.remove(u32::MAX));
        assert_eq!(ReadySet::new(0).first(), None);
    }

    #[test]
    #[should_panic(expected = "10 is not below the capacity 10")]
    fn test_insert_refuses_what_is_beyond_the_capacity() {
        ReadySet::new(10).insert(10);
    }
}
