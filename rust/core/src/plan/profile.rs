//! What is free of the packed resources over time, and where a node fits in first.

use super::compact::Compact;

/// The amounts of one node or moment, packed; see [`Compact`].
pub(super) trait Row: Copy + PartialEq {
    /// How many bits there are for the fields of one word.
    const N_BITS: u32;

    /// The words of a compact problem as a row; what is beyond them stays zero, and a zero never sets a guard.
    fn new(words: &[u64]) -> Self;

    /// Whether `demand` is more than what is free in any field.
    fn is_short_of(self, demand: Self, guards: Self) -> bool;

    /// Less of everything.
    fn minus(self, demand: Self) -> Self;

    /// The larger of both in each field; every field of word `k` is `widths[k]` bits wide.
    fn larger(self, other: Self, guards: Self, widths: &[u32]) -> Self;
}

/// All in one short word, so that a machine looks at several moments at once.
impl Row for u32 {
    const N_BITS: u32 = Self::BITS;

    fn new(words: &[u64]) -> Self {
        words.first().map_or(0, |&word| word as Self)
    }

    #[inline]
    fn is_short_of(self, demand: Self, guards: Self) -> bool {
        self.wrapping_sub(demand) & guards != 0
    }

    #[inline]
    fn minus(self, demand: Self) -> Self {
        self - demand
    }

    #[inline]
    fn larger(self, other: Self, guards: Self, widths: &[u32]) -> Self {
        // A guard survives where this is not smaller, and then becomes a mask over its field.
        let survived = (self | guards).wrapping_sub(other) & guards;
        let mask = survived - (survived >> (widths[0] - 1));
        (self & mask) | (other & !mask)
    }
}

impl<const W: usize> Row for [u64; W] {
    const N_BITS: u32 = u64::BITS;

    fn new(words: &[u64]) -> Self {
        let mut row = [0; W];
        row[..words.len()].copy_from_slice(words);
        row
    }

    #[inline]
    fn is_short_of(self, demand: Self, guards: Self) -> bool {
        let mut set = 0;
        for word in 0..W {
            set |= self[word].wrapping_sub(demand[word]) & guards[word];
        }
        set != 0
    }

    #[inline]
    fn minus(mut self, demand: Self) -> Self {
        for word in 0..W {
            self[word] -= demand[word];
        }
        self
    }

    #[inline]
    fn larger(mut self, other: Self, guards: Self, widths: &[u32]) -> Self {
        for (word, width) in widths.iter().enumerate() {
            let survived = (self[word] | guards[word]).wrapping_sub(other[word]) & guards[word];
            let mask = survived - (survived >> (width - 1));
            self[word] = (self[word] & mask) | (other[word] & !mask);
        }
        self
    }
}

/// The free amounts over time, while a schedule is generated.
pub(super) trait Profile {
    /// How amounts are packed.
    type Row: Row;

    /// A profile of which nothing is in use.
    fn new(compact: &Compact) -> Self;

    /// Makes all free again.
    fn clear(&mut self);

    /// Finds the first start from `earliest` on at which `demand` is free for `duration`, takes it, and returns the start.
    ///
    /// `duration` is not zero.
    fn place(&mut self, earliest: u64, duration: u64, demand: Self::Row) -> u64;

    /// Takes `demand` for `duration` from `start` on, where it is known to be free.
    fn take(&mut self, start: u64, duration: u64, demand: Self::Row);
}

/// How many units of time share an upper bound in a [`Grid`].
const N_UNITS_PER_BLOCK: usize = 8;

/// How many units a [`Grid`] looks at together, as the bits of one word.
const N_UNITS_PER_WINDOW: usize = 32;

/// One row per unit of time: for short horizons, where looking at a unit costs a nanosecond and inserting costs nothing.
///
/// Units are looked at without a branch per unit: whether each fits becomes one bit, and a run of ones is found by shifting.
pub(super) struct Grid<R> {
    free: Vec<R>,
    /// At least what is free of each resource in any unit of a block; what is not free there is free nowhere in it.
    tops: Vec<R>,
    /// From here on all is free.
    end: usize,
    capacity: R,
    guards: R,
    widths: Vec<u32>,
}

/// Bit `i` says whether `demand` is free in unit `i`.
#[inline]
fn fitting<R: Row>(units: &[R; N_UNITS_PER_WINDOW], demand: R, guards: R) -> u32 {
    let mut bits = 0;
    for (place, &free) in units.iter().enumerate() {
        bits |= u32::from(!free.is_short_of(demand, guards)) << place;
    }
    bits
}

/// Bit `i` says whether `length` ones follow from bit `i` on; `length` is from 1 to 32.
#[inline]
fn runs(mut bits: u32, length: u32) -> u32 {
    let mut known = 1;
    while 2 * known <= length {
        bits &= bits >> known;
        known *= 2;
    }
    bits & (bits >> (length - known))
}

impl<R: Row> Grid<R> {
    #[inline]
    fn window(&self, from: usize) -> &[R; N_UNITS_PER_WINDOW] {
        self.free[from..].first_chunk().expect("the grid is longer than any pass by a window")
    }

    /// `from`, or a later unit before which `demand` is nowhere free.
    #[inline]
    fn skip(&mut self, from: usize, demand: R) -> usize {
        let mut block = from / N_UNITS_PER_BLOCK;
        if !self.tops[block].is_short_of(demand, self.guards) {
            return from;
        }
        loop {
            block += 1;
            if !self.tops[block].is_short_of(demand, self.guards) {
                return block * N_UNITS_PER_BLOCK;
            }
        }
    }

    /// Sets the bound of a block to what is free in it.
    #[inline]
    fn tighten(&mut self, block: usize) {
        let units = &self.free[block * N_UNITS_PER_BLOCK..][..N_UNITS_PER_BLOCK];
        let larger = |top: R, &free: &R| top.larger(free, self.guards, &self.widths);
        self.tops[block] = units[1..].iter().fold(units[0], larger);
    }
}

impl<R: Row> Profile for Grid<R> {
    type Row = R;

    fn new(compact: &Compact) -> Self {
        let capacity = R::new(&compact.capacity);
        // No pass goes beyond all durations one after another.
        let horizon = compact.durations.iter().sum::<u64>() as usize;
        let n_blocks = (horizon + N_UNITS_PER_WINDOW) / N_UNITS_PER_BLOCK + 1;
        Self {
            free: vec![capacity; n_blocks * N_UNITS_PER_BLOCK],
            tops: vec![capacity; n_blocks],
            end: 0,
            capacity,
            guards: R::new(&compact.guards),
            widths: compact.widths.clone(),
        }
    }

    fn clear(&mut self) {
        self.free[..self.end].fill(self.capacity);
        self.tops[..self.end.div_ceil(N_UNITS_PER_BLOCK)].fill(self.capacity);
        self.end = 0;
    }

    #[inline]
    fn place(&mut self, earliest: u64, duration: u64, demand: R) -> u64 {
        let duration = duration as usize;
        let n_first = duration.min(N_UNITS_PER_WINDOW);
        let mut from = earliest as usize;
        let start = loop {
            from = self.skip(from, demand);
            let bits = fitting(self.window(from), demand, self.guards);
            let runs = runs(bits, n_first as u32);
            if runs == 0 {
                if from.is_multiple_of(N_UNITS_PER_BLOCK)
                    && bits.trailing_zeros() as usize >= N_UNITS_PER_BLOCK
                {
                    self.tighten(from / N_UNITS_PER_BLOCK);
                }
                // A run may begin with the ones at the end.
                from += N_UNITS_PER_WINDOW - bits.leading_ones() as usize;
                continue;
            }
            let start = from + runs.trailing_zeros() as usize;
            let rest = &self.free[start + n_first..start + duration];
            match rest.iter().rposition(|free| free.is_short_of(demand, self.guards)) {
                Some(place) => from = start + n_first + place + 1,
                None => break start,
            }
        };
        self.take(start as u64, duration as u64, demand);
        start as u64
    }

    #[inline]
    fn take(&mut self, start: u64, duration: u64, demand: R) {
        let (start, end) = (start as usize, (start + duration) as usize);
        for free in &mut self.free[start..end] {
            *free = free.minus(demand);
        }
        self.end = self.end.max(end);
    }
}

/// One row per moment at which something changes: for times of any size.
pub(super) struct Events<R> {
    /// Ascending, from 0 on; the last row is valid for ever, and all is free in it.
    times: Vec<u64>,
    free: Vec<R>,
    capacity: R,
    guards: R,
}

impl<R: Row> Events<R> {
    /// Divides the stretch at `idx` so that one begins at `time`, and returns that one's index.
    fn split(&mut self, idx: usize, time: u64) -> usize {
        if self.times[idx] == time {
            return idx;
        }
        self.times.insert(idx + 1, time);
        self.free.insert(idx + 1, self.free[idx]);
        idx + 1
    }
}

impl<R: Row> Profile for Events<R> {
    type Row = R;

    fn new(compact: &Compact) -> Self {
        let n_moments_max = 2 * compact.n_nodes() + 1;
        let mut profile = Self {
            times: Vec::with_capacity(n_moments_max),
            free: Vec::with_capacity(n_moments_max),
            capacity: R::new(&compact.capacity),
            guards: R::new(&compact.guards),
        };
        profile.clear();
        profile
    }

    fn clear(&mut self) {
        self.times.clear();
        self.free.clear();
        self.times.push(0);
        self.free.push(self.capacity);
    }

    fn place(&mut self, earliest: u64, duration: u64, demand: R) -> u64 {
        let mut start = earliest;
        let mut first = self.times.partition_point(|&time| time <= earliest) - 1;
        let mut idx = first;
        loop {
            let fits = !self.free[idx].is_short_of(demand, self.guards);
            match self.times.get(idx + 1) {
                Some(&end) if fits && end < start + duration => {}
                Some(&end) if !fits => (first, start) = (idx + 1, end),
                Some(_) | None => break,
            }
            idx += 1;
        }
        // `idx` is the stretch in which the node ends. The later split goes first, since it moves nothing before it.
        let end = start + duration;
        if self.times.get(idx + 1) != Some(&end) {
            self.split(idx, end);
        }
        let begin = self.split(first, start);
        let end = idx + usize::from(begin != first);
        for free in &mut self.free[begin..=end] {
            *free = free.minus(demand);
        }
        start
    }

    fn take(&mut self, start: u64, duration: u64, demand: R) {
        let placed = self.place(start, duration, demand);
        debug_assert_eq!(placed, start, "it is free there");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::problem::Problem;
    use super::super::random::Random;
    use super::*;
    use crate::graph::Graph;

    #[test]
    fn test_both_profiles_place_every_node_at_the_first_start_that_fits() {
        let n_nodes = 40;
        let mut random = Random::new(1);
        for round in 0..50 {
            // Some are longer than a window of the grid.
            let n_units_max = if round % 2 == 0 { 9 } else { 80 };
            let durations: Vec<u64> = (0..n_nodes).map(|_| 1 + random.below(n_units_max) as u64).collect();
            let demands: Vec<i64> =
                (0..n_nodes * 3).map(|_| i64::try_from(random.below(7)).unwrap()).collect();
            let graph = Arc::new(Graph::from_edges(n_nodes, &[]).unwrap());
            let problem = Problem::new(graph, durations, demands, vec![6, 9, 12]).unwrap();
            let compact = Compact::new(&problem);
            let (mut grid, mut events) = (Grid::<u32>::new(&compact), Events::<[u64; 1]>::new(&compact));
            let mut used = vec![[0; 3]; 4_000];
            for node in 0..n_nodes {
                let (duration, demand) = (compact.durations[node], compact.demands[node]);
                if demand == 0 {
                    continue;
                }
                let earliest = random.below(60) as u64;
                let amounts = problem.demands_of(compact.order[node].index());
                let is_free = |start: &u64| {
                    let moments = *start as usize..(start + duration) as usize;
                    let beside =
                        |used: &[i64; 3]| (0..3).all(|r| used[r] + amounts[r] <= problem.capacities()[r]);
                    used[moments].iter().all(beside)
                };
                let expected = (earliest..3_900).find(is_free).unwrap();
                for moment in &mut used[expected as usize..(expected + duration) as usize] {
                    (0..3).for_each(|r| moment[r] += amounts[r]);
                }
                // The grid holds what a pass can need, which random earliest starts may exceed.
                if (expected + duration) as usize <= grid.free.len() && grid.end < usize::MAX {
                    assert_eq!(grid.place(earliest, duration, demand as u32), expected);
                } else {
                    grid.end = usize::MAX;
                }
                assert_eq!(events.place(earliest, duration, [demand]), expected);
            }
        }
    }
}
