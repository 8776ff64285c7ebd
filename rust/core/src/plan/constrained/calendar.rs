//! What is free of each resource over time.

/// One row of free amounts per moment at which something changes; the last row is valid for ever.
#[derive(Clone, Debug)]
pub(super) struct Calendar {
    /// Ascending, from 0 on.
    times: Vec<u64>,
    free: Vec<i64>,
    n_resources: usize,
    /// In the rows before this one there is no room for anything that is still to be placed.
    n_closed: usize,
}

impl Calendar {
    pub(super) fn new(times: Vec<u64>, free: Vec<i64>, n_resources: usize) -> Self {
        debug_assert_eq!(times.first(), Some(&0), "a calendar begins at the beginning");
        debug_assert_eq!(free.len(), times.len() * n_resources, "a row belongs to each time");
        Self { times, free, n_resources, n_closed: 0 }
    }

    /// Makes this calendar like another one, without allocating where it has had as many rows before.
    pub(super) fn reset(&mut self, other: &Self) {
        self.times.clone_from(&other.times);
        self.free.clone_from(&other.free);
        self.n_closed = 0;
    }

    /// Closes the first rows, as long as they end by `opens` or have less of some resource than `least`: before the
    /// one nothing starts, and the other is what everything that is still to be placed needs at least. So whoever
    /// could start at once does not look through all that is taken.
    pub(super) fn close(&mut self, opens: u64, least: &[i64]) {
        while self
            .times
            .get(self.n_closed + 1)
            .is_some_and(|&end| end <= opens || !self.fits(self.n_closed, least))
        {
            self.n_closed += 1;
        }
    }

    pub(super) fn times(&self) -> &[u64] {
        &self.times
    }

    pub(super) fn row(&self, idx: usize) -> &[i64] {
        &self.free[idx * self.n_resources..(idx + 1) * self.n_resources]
    }

    /// The row that is valid at a time.
    pub(super) fn idx_at(&self, time: u64) -> usize {
        self.times.partition_point(|&begin| begin <= time) - 1
    }

    fn fits(&self, idx: usize, demand: &[i64]) -> bool {
        self.row(idx).iter().zip(demand).all(|(free, amount)| free >= amount)
    }

    /// The first start from `earliest` on at which `demand` is free for `duration`.
    pub(super) fn first_fit(&self, earliest: u64, duration: u64, demand: &[i64]) -> Option<u64> {
        if occupies_nothing(duration, demand) {
            return Some(earliest);
        }
        let (mut idx, mut start) = (self.idx_at(earliest), earliest);
        if idx < self.n_closed {
            (idx, start) = (self.n_closed, self.times[self.n_closed]);
        }
        loop {
            if !self.fits(idx, demand) {
                idx += 1;
                start = *self.times.get(idx)?;
            } else if self.times.get(idx + 1).is_some_and(|&end| end < start + duration) {
                idx += 1;
            } else {
                return Some(start);
            }
        }
    }

    /// The last start at which `demand` is free for `duration` and that is over by `latest`.
    pub(super) fn last_fit(&self, latest: u64, duration: u64, demand: &[i64]) -> Option<u64> {
        let mut start = latest.checked_sub(duration)?;
        if occupies_nothing(duration, demand) {
            return Some(start);
        }
        let mut idx = self.times.partition_point(|&begin| begin < latest) - 1;
        loop {
            if !self.fits(idx, demand) {
                start = self.times[idx].checked_sub(duration)?;
            } else if self.times[idx] <= start {
                return Some(start);
            }
            // A start that is not negative is in the first row at the earliest.
            idx -= 1;
        }
    }

    /// Takes `demand` out for `duration`.
    pub(super) fn take(&mut self, start: u64, duration: u64, demand: &[i64]) {
        if occupies_nothing(duration, demand) {
            return;
        }
        let (begin, end) = (self.split(start), self.split(start + duration));
        for row in
            self.free[begin * self.n_resources..end * self.n_resources].chunks_exact_mut(self.n_resources)
        {
            for (free, amount) in row.iter_mut().zip(demand) {
                *free -= amount;
            }
        }
    }

    /// Lets a row begin at a time, and returns its index.
    fn split(&mut self, time: u64) -> usize {
        let idx = self.idx_at(time);
        if self.times[idx] == time {
            return idx;
        }
        self.times.insert(idx + 1, time);
        let (width, end) = (self.n_resources, self.free.len());
        self.free.resize(end + width, 0);
        self.free.copy_within(idx * width..end, (idx + 1) * width);
        idx + 1
    }

    /// The longest time on end from `earliest` on for which `demand` is free; `None` if there is no end to it.
    pub(super) fn longest_fit(&self, earliest: u64, demand: &[i64]) -> Option<u64> {
        let (mut longest, mut begin) = (0, earliest);
        for idx in self.idx_at(earliest)..self.times.len() {
            let end = self.times.get(idx + 1);
            if self.fits(idx, demand) {
                longest = longest.max(end? - begin);
            } else {
                begin = end.copied().unwrap_or(0);
            }
        }
        Some(longest)
    }
}

fn occupies_nothing(duration: u64, demand: &[i64]) -> bool {
    duration == 0 || demand.iter().all(|&amount| amount == 0)
}

#[cfg(test)]
mod tests {
    use super::super::super::random::Random;
    use super::*;

    #[test]
    fn test_a_node_is_placed_where_trying_every_moment_places_it() {
        const N_MOMENTS: usize = 60;
        let mut random = Random::new(5);
        let amount = |random: &mut Random, n: usize| i64::try_from(random.below(n)).unwrap();
        for _ in 0..200 {
            let steps: Vec<[i64; 2]> =
                (0..3).map(|_| [amount(&mut random, 6), amount(&mut random, 6)]).collect();
            let mut free: Vec<[i64; 2]> = (0..N_MOMENTS).map(|moment| steps[(moment / 8).min(2)]).collect();
            let mut calendar = Calendar::new(vec![0, 8, 16], steps.concat(), 2);
            for _ in 0..8 {
                let (limit, duration) = (random.below(30), random.below(6));
                let demand = [amount(&mut random, 4), amount(&mut random, 4)];
                let is_free = |start: &usize| {
                    let mut moments = free[*start..start + duration].iter();
                    moments.all(|free| (0..2).all(|resource| free[resource] >= demand[resource]))
                };
                let last = (0..=limit).rev().filter(|start| start + duration <= limit).find(is_free);
                let to_end = |start: usize| start as u64;
                assert_eq!(calendar.last_fit(limit as u64, duration as u64, &demand), last.map(to_end));
                let first = (limit..N_MOMENTS - duration).find(is_free);
                assert_eq!(calendar.first_fit(limit as u64, duration as u64, &demand), first.map(to_end));
                let Some(start) = first else { continue };
                calendar.take(start as u64, duration as u64, &demand);
                for free in &mut free[start..start + duration] {
                    (0..2).for_each(|resource| free[resource] -= demand[resource]);
                }
            }
        }
    }
}
