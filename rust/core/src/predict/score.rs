//! How good predictions were: losses summed beside those of two simple ones.

use super::estimator::{LEVELS, pinball};

/// What was said before each observation, compared with it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// How many observations there were to which something had been said.
    pub n: u64,
    /// How many were below the quantile at 0.05.
    pub n_below: u64,
    /// How many were above the quantile at 0.95.
    pub n_above: u64,
    /// Sums of pinball losses at 0.05, 0.5 and 0.95, in nanoseconds.
    pub losses_ns: [f64; 3],
    /// How far the mean of all earlier durations was off, summed.
    pub off_mean_ns: f64,
    /// How far the duration before was off, summed.
    pub off_last_ns: f64,
}

impl Score {
    pub(super) fn add(&mut self, observed_ns: u64, predicted_ns: &[u64], mean_ns: f64, last_ns: f64) {
        let observed = observed_ns as f64;
        self.n += 1;
        self.n_below += u64::from(predicted_ns.first().is_some_and(|&low_ns| observed_ns < low_ns));
        self.n_above += u64::from(predicted_ns.last().is_some_and(|&high_ns| observed_ns > high_ns));
        for ((loss, level), &predicted_ns) in self.losses_ns.iter_mut().zip(LEVELS).zip(predicted_ns) {
            *loss += pinball(level, observed - predicted_ns as f64);
        }
        self.off_mean_ns += (observed - mean_ns).abs();
        self.off_last_ns += (observed - last_ns).abs();
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.n += other.n;
        self.n_below += other.n_below;
        self.n_above += other.n_above;
        for (loss, of_other) in self.losses_ns.iter_mut().zip(other.losses_ns) {
            *loss += of_other;
        }
        self.off_mean_ns += other.off_mean_ns;
        self.off_last_ns += other.off_last_ns;
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "exactness is what is tested")]
mod tests {
    use super::*;

    #[test]
    fn test_losses_and_misses_are_summed() {
        let mut score = Score::default();
        score.add(10, &[20, 30, 40], 12.0, 5.0);
        score.add(50, &[20, 30, 40], 50.0, 10.0);
        score.add(40, &[20, 30, 40], 40.0, 40.0);
        assert_eq!((score.n, score.n_below, score.n_above), (3, 1, 1));
        assert_eq!(score.losses_ns[1], 10.0 + 10.0 + 5.0);
        assert!((score.losses_ns[0] - (9.5 + 1.5 + 1.0)).abs() < 1e-9);
        assert_eq!((score.off_mean_ns, score.off_last_ns), (2.0, 45.0));
        let mut twice = score;
        twice.merge(&score);
        assert_eq!((twice.n, twice.losses_ns[1]), (6, 50.0));
    }
}
