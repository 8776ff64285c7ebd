//! What is free of the packed resources over time, and where a node fits in first.

use super::compact::Compact;

/// The amounts of one node or moment, packed; see [`Compact`].
pub(super) type Row<const W: usize> = [u64; W];

/// The words of a compact problem as a row; what is beyond them stays zero, and a zero never sets a guard.
pub(super) fn row<const W: usize>(words: &[u64]) -> Row<W> {
    let mut row = [0; W];
    row[..words.len()].copy_from_slice(words);
    row
}

/// The free amounts over time, while a schedule is generated.
pub(super) trait Profile<const W: usize> {
    /// A profile of which nothing is in use.
    fn new(compact: &Compact) -> Self;

    /// Makes all free again.
    fn clear(&mut self);

    /// Finds the first start from `earliest` on at which `demand` is free for `duration`, takes it, and returns the start.
    ///
    /// `duration` is not zero.
    fn place(&mut self, earliest: u64, duration: u64, demand: Row<W>) -> u64;
}

#[inline]
fn fits<const W: usize>(free: Row<W>, demand: Row<W>, guards: Row<W>) -> bool {
    let mut set = 0;
    for word in 0..W {
        set |= free[word].wrapping_sub(demand[word]) & guards[word];
    }
    set == 0
}

#[inline]
fn take<const W: usize>(free: &mut Row<W>, demand: Row<W>) {
    for word in 0..W {
        free[word] -= demand[word];
    }
}

/// The larger of both in each field.
#[inline]
fn larger<const W: usize>(left: Row<W>, right: Row<W>, guards: Row<W>, widths: [u32; W]) -> Row<W> {
    let mut result = [0; W];
    for word in 0..W {
        // A guard survives where left is not smaller, and then becomes a mask over its field.
        let survived = (left[word] | guards[word]).wrapping_sub(right[word]) & guards[word];
        let mask = survived - (survived >> (widths[word] - 1));
        result[word] = (left[word] & mask) | (right[word] & !mask);
    }
    result
}

/// How many units of time share an upper bound in a [`Grid`].
const N_UNITS_PER_BLOCK: usize = 8;

/// One row per unit of time: for short horizons, where looking at a unit costs a nanosecond and inserting costs nothing.
pub(super) struct Grid<const W: usize> {
    free: Vec<Row<W>>,
    /// At least what is free of each resource in any unit of a block; what is not free there is free nowhere in it.
    tops: Vec<Row<W>>,
    /// From here on all is free.
    end: usize,
    capacity: Row<W>,
    guards: Row<W>,
    widths: [u32; W],
}

impl<const W: usize> Grid<W> {
    /// The first unit from `from` on in which `demand` is free.
    #[inline]
    fn first_fit(&mut self, mut from: usize, demand: Row<W>) -> usize {
        loop {
            let block = from / N_UNITS_PER_BLOCK;
            let begin = block * N_UNITS_PER_BLOCK;
            let end = begin + N_UNITS_PER_BLOCK;
            if fits(self.tops[block], demand, self.guards) {
                let rest = &self.free[from..end];
                if let Some(place) = rest.iter().position(|&free| fits(free, demand, self.guards)) {
                    return from + place;
                }
                // The bound was too loose. To tighten it costs as much as the search that was in vain.
                if from == begin {
                    let larger = |top, &free| larger(top, free, self.guards, self.widths);
                    self.tops[block] = rest.iter().fold([0; W], larger);
                }
            }
            from = end;
        }
    }
}

impl<const W: usize> Profile<W> for Grid<W> {
    fn new(compact: &Compact) -> Self {
        let capacity = row(&compact.capacity);
        // No pass goes beyond all durations one after another.
        let horizon = compact.durations.iter().sum::<u64>() as usize;
        let n_blocks = horizon / N_UNITS_PER_BLOCK + 1;
        let mut widths = [1; W];
        widths[..compact.widths.len()].copy_from_slice(&compact.widths);
        Self {
            free: vec![capacity; n_blocks * N_UNITS_PER_BLOCK],
            tops: vec![capacity; n_blocks],
            end: 0,
            capacity,
            guards: row(&compact.guards),
            widths,
        }
    }

    fn clear(&mut self) {
        self.free[..self.end].fill(self.capacity);
        self.tops[..self.end.div_ceil(N_UNITS_PER_BLOCK)].fill(self.capacity);
        self.end = 0;
    }

    #[inline]
    fn place(&mut self, earliest: u64, duration: u64, demand: Row<W>) -> u64 {
        let duration = duration as usize;
        let mut start = self.first_fit(earliest as usize, demand);
        // The units up to `known` are looked at already, and fit.
        let mut known = start + 1;
        // The last unit that does not fit rules out all starts up to it, so a window is looked at from its end.
        while let Some(place) =
            self.free[known..start + duration].iter().rposition(|&free| !fits(free, demand, self.guards))
        {
            let end = start + duration;
            let next = known + place + 1;
            if next < end {
                (start, known) = (next, end);
            } else {
                start = self.first_fit(next, demand);
                known = start + 1;
            }
        }
        let end = start + duration;
        for free in &mut self.free[start..end] {
            take(free, demand);
        }
        self.end = self.end.max(end);
        start as u64
    }
}

/// One row per moment at which something changes: for times of any size.
pub(super) struct Events<const W: usize> {
    /// Ascending, from 0 on; the last row is valid for ever, and all is free in it.
    times: Vec<u64>,
    free: Vec<Row<W>>,
    capacity: Row<W>,
    guards: Row<W>,
}

impl<const W: usize> Events<W> {
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

impl<const W: usize> Profile<W> for Events<W> {
    fn new(compact: &Compact) -> Self {
        let n_moments_max = 2 * compact.n_nodes() + 1;
        let mut profile = Self {
            times: Vec::with_capacity(n_moments_max),
            free: Vec::with_capacity(n_moments_max),
            capacity: row(&compact.capacity),
            guards: row(&compact.guards),
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

    fn place(&mut self, earliest: u64, duration: u64, demand: Row<W>) -> u64 {
        let mut start = earliest;
        let mut first = self.times.partition_point(|&time| time <= earliest) - 1;
        let mut idx = first;
        loop {
            let fits = fits(self.free[idx], demand, self.guards);
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
            take(free, demand);
        }
        start
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
        for _ in 0..50 {
            let durations: Vec<u64> = (0..n_nodes).map(|_| 1 + random.below(9) as u64).collect();
            let demands: Vec<i64> =
                (0..n_nodes * 3).map(|_| i64::try_from(random.below(7)).unwrap()).collect();
            let graph = Arc::new(Graph::from_edges(n_nodes, &[]).unwrap());
            let problem = Problem::new(graph, durations, demands, vec![6, 9, 12]).unwrap();
            let compact = Compact::new(&problem);
            let (mut grid, mut events) = (Grid::<1>::new(&compact), Events::<1>::new(&compact));
            let mut used = vec![[0; 3]; 1_000];
            for node in 0..n_nodes {
                let (duration, demand) = (compact.durations[node], [compact.demands[node]]);
                if demand == [0] {
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
                let expected = (earliest..900).find(is_free).unwrap();
                for moment in &mut used[expected as usize..(expected + duration) as usize] {
                    (0..3).for_each(|r| moment[r] += amounts[r]);
                }
                // The grid holds what a pass can need, which random earliest starts may exceed.
                if (expected + duration) as usize <= grid.free.len() && grid.end < usize::MAX {
                    assert_eq!(grid.place(earliest, duration, demand), expected);
                } else {
                    grid.end = usize::MAX;
                }
                assert_eq!(events.place(earliest, duration, demand), expected);
            }
        }
    }
}
