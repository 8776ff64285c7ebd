//! By how much something changes from one observation to the next.

/// A change counts as at most exp(3), 20 times.
const CHANGE_MAX: f64 = 3.0;

/// So many of the last changes count, roughly.
const N_COUNTED: u64 = 16;

/// What is assumed where nothing was ever observed: by a factor of exp(0.5), 1.6.
pub(super) const UNKNOWN: f64 = 0.5;

/// A running mean that follows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct RunningMean {
    pub(super) n: u64,
    pub(super) mean: f64,
}

impl RunningMean {
    pub(super) fn add(&mut self, value: f64) {
        self.n += 1;
        self.mean += (value - self.mean) / self.n_counted();
    }

    fn n_counted(self) -> f64 {
        self.n.min(N_COUNTED) as f64
    }

    /// Returns the mean where `prior` is one more value.
    pub(super) fn with_prior(self, prior: f64) -> f64 {
        (prior + self.n_counted() * self.mean) / (1.0 + self.n_counted())
    }
}

/// Returns by how much two durations differ: the logarithm of their ratio without sign, bounded.
pub(super) fn change(before_ns: f64, after_ns: f64) -> f64 {
    (after_ns.max(1.0) / before_ns.max(1.0)).ln().abs().min(CHANGE_MAX)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "exactness is what is tested")]
mod tests {
    use super::*;

    #[test]
    fn test_the_prior_is_one_value_among_others() {
        let mut mean = RunningMean::default();
        assert_eq!(mean.with_prior(0.5), 0.5);
        mean.add(1.5);
        assert_eq!(mean.with_prior(0.5), 1.0);
    }

    #[test]
    fn test_the_mean_follows() {
        let mut mean = RunningMean::default();
        (0..1_000).for_each(|_| mean.add(0.0));
        (0..64).for_each(|_| mean.add(1.0));
        assert!((0.95..1.0).contains(&mean.mean));
    }

    #[test]
    fn test_changes_are_symmetric_and_bounded() {
        assert_eq!(change(5.0, 5.0), 0.0);
        assert_eq!(change(2.0, 1.0), change(1.0, 2.0));
        assert_eq!(change(0.0, 1e18), 3.0);
    }
}
