//! How durations grow with sizes: a line through logarithms that forgets.

use super::spread::{RunningMean, UNKNOWN, change};
use super::window::{Window, are_amounts, quantile, whole};

/// What an earlier observation weighs when the next one comes.
const DISCOUNT: f64 = 0.98;

/// Sizes that hardly differ say nothing about the slope: this much is added to what they differ by.
const RIDGE: f64 = 0.3;

/// Faster than the square of the size nothing is taken to grow.
const SLOPE_MAX: f64 = 2.0;

const EXPONENT_MAX: f64 = 50.0;

/// A line, and how far the observations were from it.
///
/// Logarithms are relative to the first observation, so that a step that always takes the same is exactly on the line.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Line {
    /// Of the first observation: the logarithm of the size, and nanoseconds.
    first_size: f64,
    first_ns: f64,
    weight: f64,
    mean_size: f64,
    mean_duration: f64,
    /// Discounted sums of products of deviations.
    size_size: f64,
    size_duration: f64,
    /// Nanoseconds that the first size would have taken.
    residuals: Window,
    /// From one residual to the next: where sizes tell much, far less than durations change.
    changes: RunningMean,
}

/// How many numbers a line is written down in, beside the residuals.
pub(super) const N_NUMBERS: usize = 9;

impl Line {
    pub(super) fn is_empty(&self) -> bool {
        self.residuals.sorted().is_empty()
    }

    /// Returns a quantile for a size that takes so many times what the first one took.
    pub(super) fn quantile(&self, growth: f64, level: f64) -> f64 {
        growth * quantile(self.residuals.sorted(), level, self.changes.with_prior(UNKNOWN))
    }

    /// Returns how many times what the first size would take a size takes.
    pub(super) fn growth(&self, size: u64) -> f64 {
        self.at(logarithm(size) - self.first_size).clamp(-EXPONENT_MAX, EXPONENT_MAX).exp()
    }

    fn at(&self, size: f64) -> f64 {
        let slope = (self.size_duration / (self.size_size + RIDGE)).clamp(0.0, SLOPE_MAX);
        self.mean_duration + slope * (size - self.mean_size)
    }

    pub(super) fn push(&mut self, duration_ns: f64, size: u64) {
        let duration_ns = duration_ns.max(1.0);
        if self.is_empty() {
            (self.first_size, self.first_ns) = (logarithm(size), duration_ns);
        }
        let size = logarithm(size) - self.first_size;
        let duration = (duration_ns / self.first_ns).ln();
        let beside = (duration - self.at(size)).clamp(-EXPONENT_MAX, EXPONENT_MAX);
        let residual = beside.exp() * self.first_ns;
        if let Some(before) = self.residuals.last() {
            self.changes.add(change(before, residual));
        }
        self.residuals.push(residual);
        self.weight = self.weight * DISCOUNT + 1.0;
        let (off_size, off_duration) = (size - self.mean_size, duration - self.mean_duration);
        self.mean_size += off_size / self.weight;
        self.mean_duration += off_duration / self.weight;
        self.size_size = self.size_size * DISCOUNT + off_size * (size - self.mean_size);
        self.size_duration = self.size_duration * DISCOUNT + off_size * (duration - self.mean_duration);
    }

    pub(super) fn to_parts(&self) -> ([f64; N_NUMBERS], Vec<f64>) {
        let numbers = [
            self.first_size,
            self.first_ns,
            self.weight,
            self.mean_size,
            self.mean_duration,
            self.size_size,
            self.size_duration,
            self.changes.n as f64,
            self.changes.mean,
        ];
        (numbers, self.residuals.values())
    }

    /// Returns the line if these can be parts of one.
    pub(super) fn from_parts(numbers: [f64; N_NUMBERS], residuals: &[f64]) -> Option<Self> {
        let [first_size, first_ns, weight, mean_size, mean_duration, sums @ .., n_changes, change] = numbers;
        let [size_size, size_duration] = sums;
        let are_sound = are_amounts(&[first_size, first_ns, weight, size_size, n_changes, change]);
        (are_sound && are_amounts(residuals)).then(|| Self {
            first_size,
            first_ns,
            weight,
            mean_size,
            mean_duration,
            size_size,
            size_duration,
            residuals: Window::from_values(residuals.iter().copied()),
            changes: RunningMean { n: whole(n_changes), mean: change },
        })
    }
}

fn logarithm(size: u64) -> f64 {
    (size.max(1) as f64).ln()
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "exactness is what is tested")]
mod tests {
    use super::*;

    #[test]
    fn test_a_line_is_found() {
        let mut line = Line::default();
        for k in 0..200_u64 {
            let size = 1 << (k * 7 % 20);
            line.push(3.0 * size as f64, size);
        }
        let ratio = line.growth(1 << 15) / line.growth(1 << 5);
        assert!((900.0..1_100.0).contains(&ratio), "{ratio}");
    }

    #[test]
    fn test_what_always_takes_the_same_is_on_the_line() {
        let mut line = Line::default();
        (0..100_u64).for_each(|k| line.push(333_333_333.0, k * k));
        assert_eq!(line.quantile(line.growth(12_345), 0.3), 333_333_333.0);
    }

    #[test]
    fn test_extremes_stay_finite() {
        let mut line = Line::default();
        for (duration_ns, size) in [(0.0, 0), (1.8e19, u64::MAX), (0.0, u64::MAX), (1.8e19, 0), (1.0, 1)] {
            line.push(duration_ns, size);
            assert!(line.quantile(line.growth(u64::MAX), 1.2).is_finite());
        }
    }
}
