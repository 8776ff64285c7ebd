//! Small counts, one byte each.

use std::collections::BTreeMap;

/// The byte of a count that is kept elsewhere.
const MANY: u8 = u8::MAX;

/// A count per node of what it still waits for.
///
/// Visited once per edge, at places all over memory: what decides is how many counts fit into the nearest cache. Few nodes
/// wait for 255 others or more; theirs stand in a map.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    small: Vec<u8>,
    many: BTreeMap<u32, u32>,
}

impl Counts {
    pub(super) fn new(counts: &[u32]) -> Self {
        let mut made = Self { small: vec![0; counts.len()], many: BTreeMap::new() };
        for (id, &count) in (0..).zip(counts) {
            made.set(id, count);
        }
        made
    }

    /// Appends zeros, or cuts off, so that there are so many counts.
    pub(super) fn resize(&mut self, n_counts: usize) {
        self.small.resize(n_counts, 0);
    }

    pub(super) fn get(&self, id: u32) -> u32 {
        match self.small[id as usize] {
            MANY => self.many[&id],
            small => u32::from(small),
        }
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = u32> + '_ {
        (0..self.small.len() as u32).map(|id| self.get(id))
    }

    pub(super) fn increment(&mut self, id: u32) {
        self.set(id, self.get(id) + 1);
    }

    /// Takes one off; returns whether none is left.
    #[inline]
    pub(super) fn decrement(&mut self, id: u32) -> bool {
        let small = &mut self.small[id as usize];
        if *small == MANY {
            self.set(id, self.get(id) - 1);
            return false;
        }
        *small -= 1;
        *small == 0
    }

    fn set(&mut self, id: u32, count: u32) {
        match u8::try_from(count) {
            Ok(small) if small != MANY => {
                self.small[id as usize] = small;
                self.many.remove(&id);
            }
            Ok(_) | Err(_) => {
                self.small[id as usize] = MANY;
                self.many.insert(id, count);
            }
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.small.len() + self.many.len() * size_of::<(u32, u32)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_counts_of_any_size_come_down_to_zero() {
        for count in [1, 2, 253, 254, 255, 256, 1_000] {
            let mut counts = Counts::new(&[7, count]);
            counts.increment(1);
            for left in (0..=count).rev() {
                assert_eq!(counts.decrement(1), left == 0, "{count}, {left}");
                assert_eq!(counts.get(1), left);
            }
            assert!(counts.iter().eq([7, 0]));
        }
    }
}
