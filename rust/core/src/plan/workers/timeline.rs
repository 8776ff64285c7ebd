//! What is free on one worker over time.

/// How many cores are free from which moment on.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
struct Step {
    from: u64,
    n_free: u32,
}

/// The free cores of a worker as a step function; neighboring steps differ, and on the last one all cores are free.
#[derive(Clone, Debug)]
pub(super) struct Timeline {
    steps: Vec<Step>,
}

impl Timeline {
    pub(super) fn new(n_cores: u32) -> Self {
        Self { steps: vec![Step { from: 0, n_free: n_cores }] }
    }

    /// All cores are free for ever.
    pub(super) fn clear(&mut self) {
        let n_free = self.steps[self.steps.len() - 1].n_free;
        self.steps.clear();
        self.steps.push(Step { from: 0, n_free });
    }

    /// The first moment from `ready` on at which `demand` cores are free for so long.
    ///
    /// At most `n_steps_max` steps are looked at; where none of them begins a stretch that is long enough, the moment after
    /// which they stay free is taken. Without a duration it is `ready`.
    #[inline]
    pub(super) fn earliest(&self, ready: u64, duration: u64, demand: u32, n_steps_max: usize) -> u64 {
        let steps = &self.steps;
        let last = steps[steps.len() - 1];
        if duration == 0 || last.from <= ready {
            return ready;
        }
        let first = steps.partition_point(|step| step.from <= ready) - 1;
        let mut start = ready;
        for (step, next) in steps[first..].iter().zip(&steps[first + 1..]).take(n_steps_max) {
            if step.n_free < demand {
                start = next.from;
            } else if next.from - start >= duration {
                return start;
            }
        }
        if steps.len() - 1 - first <= n_steps_max {
            return start;
        }
        let n_short = steps.iter().rposition(|step| step.n_free < demand).map_or(0, |idx| idx + 1);
        steps[n_short].from.max(ready)
    }

    /// Takes cores that are free from `start` on for so long.
    #[inline]
    pub(super) fn occupy(&mut self, start: u64, duration: u64, demand: u32) {
        if duration == 0 || demand == 0 {
            return;
        }
        let finish = start + duration;
        let steps = &mut self.steps;
        let mut first = steps.partition_point(|step| step.from <= start) - 1;
        if steps[first].from < start {
            first += 1;
            steps.insert(first, Step { from: start, n_free: steps[first - 1].n_free });
        }
        let mut end = first;
        while end < steps.len() && steps[end].from < finish {
            debug_assert!(steps[end].n_free >= demand, "no more is taken than is free");
            steps[end].n_free -= demand;
            end += 1;
        }
        let n_free_after = steps[end - 1].n_free + demand;
        if end == steps.len() || steps[end].from > finish {
            steps.insert(end, Step { from: finish, n_free: n_free_after });
        }
        if steps[end].n_free == steps[end - 1].n_free {
            steps.remove(end);
        }
        if first > 0 && steps[first].n_free == steps[first - 1].n_free {
            steps.remove(first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::random::Random;

    #[test]
    fn test_gaps_are_found_and_filled() {
        let mut timeline = Timeline::new(1);
        timeline.occupy(0, 2, 1);
        timeline.occupy(5, 2, 1);
        assert_eq!(timeline.earliest(0, 3, 1, 9), 2);
        assert_eq!(timeline.earliest(1, 4, 1, 9), 7);
        assert_eq!(timeline.earliest(3, 3, 1, 9), 7);
        assert_eq!(timeline.earliest(1, 0, 1, 9), 1);
        // The gap is beyond the only step that may be looked at.
        assert_eq!(timeline.earliest(0, 3, 1, 1), 7);
        timeline.occupy(2, 3, 1);
        assert_eq!(timeline.steps, [Step { from: 0, n_free: 0 }, Step { from: 7, n_free: 1 }]);
        timeline.clear();
        assert_eq!(timeline.earliest(0, 9, 1, 9), 0);
    }

    #[test]
    fn test_it_agrees_with_a_count_per_moment() {
        let mut random = Random::new(5);
        for _ in 0..200 {
            let n_cores = 1 + random.below(4) as u32;
            let (mut timeline, mut free) = (Timeline::new(n_cores), [n_cores; 500]);
            for _ in 0..40 {
                let [ready, duration] = [random.below(60), random.below(8)];
                let demand = random.below(n_cores as usize + 1) as u32;
                let fits = |&at: &usize| free[at..at + duration].iter().all(|&n_free| n_free >= demand);
                let expected = (ready..=500 - duration).find(fits).unwrap();
                let found = timeline.earliest(ready as u64, duration as u64, demand, usize::MAX);
                assert_eq!(found, expected as u64);
                timeline.occupy(found, duration as u64, demand);
                free[expected..expected + duration].iter_mut().for_each(|n_free| *n_free -= demand);
                assert!(timeline.steps.is_sorted_by(|left, right| left.from < right.from));
                assert!(timeline.steps.windows(2).all(|pair| pair[0].n_free != pair[1].n_free));
            }
        }
    }
}
