//! What nodes need, each different row stored once.

use std::collections::BTreeMap;

use crate::sched::pools::Need;

/// The row of nodes that need nothing, in the class of those that need no pool.
pub(super) const NOTHING: u32 = 0;

/// A table of rows of needs; a row is the needs of one node, ascending by pool and above zero.
///
/// Many nodes need the same, so a node holds the index of its row. Rows that need amounts of the same pools form a *class*:
/// when a pool is closed in a pass, whole classes are passed over.
#[derive(Clone, Debug)]
pub(super) struct Demands {
    needs: Vec<Need>,
    offsets: Vec<u32>,
    class_of_row: Vec<u32>,
    class_of_pools: BTreeMap<Box<[u32]>, u32>,
    /// Open addressing, a power of two long and at most half full: a row, or `EMPTY`.
    buckets: Vec<u32>,
}

const EMPTY: u32 = u32::MAX;

impl Demands {
    /// A table with the one row that needs nothing.
    pub(super) fn new() -> Self {
        let mut table = Self {
            needs: Vec::new(),
            offsets: vec![0],
            class_of_row: Vec::new(),
            class_of_pools: BTreeMap::new(),
            buckets: vec![EMPTY; 8],
        };
        let row = table.intern(&[]);
        debug_assert_eq!((row, table.class_of(row)), (NOTHING, 0), "the first row needs nothing");
        table
    }

    pub(super) fn n_rows(&self) -> usize {
        self.class_of_row.len()
    }

    pub(super) fn n_classes(&self) -> usize {
        self.class_of_pools.len()
    }

    #[inline]
    pub(super) fn row(&self, row: u32) -> &[Need] {
        let begin = self.offsets[row as usize] as usize;
        let end = self.offsets[row as usize + 1] as usize;
        &self.needs[begin..end]
    }

    #[inline]
    pub(super) fn class_of(&self, row: u32) -> u32 {
        self.class_of_row[row as usize]
    }

    /// The row of these needs, which is added if it is new.
    pub(super) fn intern(&mut self, needs: &[Need]) -> u32 {
        let mut bucket = self.first_bucket(needs);
        loop {
            match self.buckets[bucket] {
                EMPTY => break,
                row if self.row(row) == needs => return row,
                _ => bucket = (bucket + 1) % self.buckets.len(),
            }
        }
        let row = self.n_rows() as u32;
        self.needs.extend_from_slice(needs);
        self.offsets.push(self.needs.len() as u32);
        let pools: Box<[u32]> = needs.iter().map(|need| need.pool).collect();
        let n_classes = self.class_of_pools.len() as u32;
        self.class_of_row.push(*self.class_of_pools.entry(pools).or_insert(n_classes));
        self.buckets[bucket] = row;
        if 2 * self.n_rows() > self.buckets.len() {
            self.grow();
        }
        row
    }

    fn first_bucket(&self, needs: &[Need]) -> usize {
        // Fibonacci hashing (Knuth 1973): the upper bits of a product with 2⁶⁴ divided by the golden ratio.
        const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
        let hash = needs.iter().fold(0_u64, |hash, need| {
            let word = need.amount.cast_unsigned() ^ (u64::from(need.pool) << 48);
            (hash.rotate_left(5) ^ word).wrapping_mul(FACTOR)
        });
        (hash >> 32) as usize & (self.buckets.len() - 1)
    }

    fn grow(&mut self) {
        self.buckets = vec![EMPTY; 2 * self.buckets.len()];
        for row in 0..self.n_rows() as u32 {
            let mut bucket = self.first_bucket(self.row(row));
            while self.buckets[bucket] != EMPTY {
                bucket = (bucket + 1) % self.buckets.len();
            }
            self.buckets[bucket] = row;
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.needs)
            + size_of_val(&*self.offsets)
            + size_of_val(&*self.class_of_row)
            + size_of_val(&*self.buckets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_equal_rows_are_stored_once_and_classes_are_sets_of_pools() {
        let mut table = Demands::new();
        let rows: Vec<_> = (0..1_000)
            .map(|i| table.intern(&[Need { pool: i % 2, amount: 1 + i64::from(i % 10) }]))
            .collect();
        assert_eq!((table.n_rows(), table.n_classes()), (11, 3));
        for (i, &row) in (0..).zip(&rows) {
            assert_eq!(table.row(row), [Need { pool: i % 2, amount: 1 + i64::from(i % 10) }]);
            assert_eq!(table.class_of(row), 1 + i % 2);
        }
        assert_eq!(table.intern(&[]), NOTHING);
    }
}
