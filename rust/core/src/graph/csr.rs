//! Compressed rows: the entries of all nodes in one array, grouped by node.

use std::ops::Range;

use super::NodeId;

/// One list of nodes per node; row `i` is `entries[offsets[i]..offsets[i + 1]]`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Csr {
    offsets: Vec<u32>,
    entries: Vec<NodeId>,
}

impl Csr {
    /// Groups edges by their source; every row comes out ascending and without duplicates.
    ///
    /// `ends` are the row lengths, and all edges lie within them. `edges` are visited once.
    ///
    /// # Complexity
    ///
    /// O(n + m) besides the sorting of each row.
    pub(super) fn from_counted(mut ends: Vec<u32>, edges: impl Iterator<Item = (usize, NodeId)>) -> Self {
        let mut n_entries = 0;
        for end in &mut ends {
            let n_row = *end;
            *end = n_entries;
            n_entries += n_row;
        }
        // Until all edges are placed, `ends[i]` is where the next entry of row i goes; afterwards it is where row i ends.
        let mut entries = vec![NodeId(0); n_entries as usize];
        edges.for_each(|(source, target)| {
            let end = &mut ends[source];
            entries[*end as usize] = target;
            *end += 1;
        });
        Self::from_row_ends(ends, entries)
    }

    /// Sorts and deduplicates rows in place, given where each ends.
    fn from_row_ends(mut ends: Vec<u32>, mut entries: Vec<NodeId>) -> Self {
        let mut begin = 0;
        let mut kept_end = 0;
        for row_end in &mut ends {
            let end = *row_end as usize;
            *row_end = kept_end as u32;
            entries[begin..end].sort_unstable();
            let mut previous = None;
            for idx in begin..end {
                let entry = entries[idx];
                entries[kept_end] = entry;
                kept_end += usize::from(previous != Some(entry));
                previous = Some(entry);
            }
            begin = end;
        }
        ends.push(kept_end as u32);
        entries.truncate(kept_end);
        Self { offsets: ends, entries }
    }

    /// No rows yet.
    pub(super) fn with_capacity(n_rows: usize, n_entries: usize) -> Self {
        let mut offsets = Vec::with_capacity(n_rows + 1);
        offsets.push(0);
        Self { offsets, entries: Vec::with_capacity(n_entries) }
    }

    /// Appends a row, which ascends and has no duplicates.
    pub(super) fn push(&mut self, row: &[NodeId]) {
        // Rows are short: a loop costs less than the call that copies a slice.
        for &entry in row {
            self.entries.push(entry);
        }
        self.offsets.push(self.entries.len() as u32);
    }

    pub(super) fn n_rows(&self) -> usize {
        self.offsets.len() - 1
    }

    pub(super) fn n_entries(&self) -> usize {
        self.entries.len()
    }

    #[inline]
    pub(super) fn row(&self, node: NodeId) -> &[NodeId] {
        &self.entries[self.range(node.index())]
    }

    /// Where row `idx` is among the entries.
    #[inline]
    pub(super) fn range(&self, idx: usize) -> Range<usize> {
        self.offsets[idx] as usize..self.offsets[idx + 1] as usize
    }

    /// All rows, the first node's first.
    pub(super) fn rows(&self) -> impl DoubleEndedIterator<Item = &[NodeId]> + ExactSizeIterator {
        let bounds = self.offsets.windows(2);
        bounds.map(|pair| &self.entries[pair[0] as usize..pair[1] as usize])
    }

    /// Where each row begins in [`Csr::entries`], and where the last one ends.
    pub(super) fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    /// The entries of all rows, one after another.
    pub(super) fn entries(&self) -> &[NodeId] {
        &self.entries
    }

    /// How often each node occurs as an entry.
    pub(super) fn n_entries_by_target(&self) -> Vec<u32> {
        let mut n_by_target = vec![0; self.n_rows()];
        for entry in &self.entries {
            n_by_target[entry.index()] += 1;
        }
        n_by_target
    }

    /// The rows without the entries that are marked.
    pub(super) fn without(&self, is_dropped: &[bool]) -> Self {
        let mut kept = Self::with_capacity(self.n_rows(), self.n_entries());
        for idx in 0..self.n_rows() {
            for entry in self.range(idx) {
                if !is_dropped[entry] {
                    kept.entries.push(self.entries[entry]);
                }
            }
            kept.offsets.push(kept.entries.len() as u32);
        }
        kept
    }

    /// The same edges grouped by their other end.
    pub(super) fn transposed(&self) -> Self {
        let mut offsets = Vec::with_capacity(self.offsets.len());
        offsets.push(0);
        let mut next_free = self.n_entries_by_target();
        let mut n_entries = 0;
        for slot in &mut next_free {
            let n_row = *slot;
            *slot = n_entries;
            n_entries += n_row;
            offsets.push(n_entries);
        }
        // Rows are visited ascending, so the transposed rows come out sorted.
        let mut entries = vec![NodeId(0); self.entries.len()];
        for source in 0..self.n_rows() as u32 {
            for target in self.row(NodeId(source)) {
                let slot = &mut next_free[target.index()];
                entries[*slot as usize] = NodeId(source);
                *slot += 1;
            }
        }
        Self { offsets, entries }
    }

    /// The same edges with node `order[i]` called `i`; `positions` is the inverse of `order`.
    ///
    /// # Panics
    ///
    /// When an edge would lead backwards.
    pub(super) fn renumbered(&self, order: &[NodeId], positions: &[u32]) -> Self {
        let mut ends = Vec::with_capacity(self.offsets.len());
        let mut entries = Vec::with_capacity(self.entries.len());
        for (idx, &node) in order.iter().enumerate() {
            for next in self.row(node) {
                let position = positions[next.index()];
                assert!(position as usize > idx, "the order puts node {next} before its predecessor {node}");
                entries.push(NodeId(position));
            }
            ends.push(entries.len() as u32);
        }
        Self::from_row_ends(ends, entries)
    }
}
