//! Quantiles of the next duration of one step.
//!
//! Three forecasters, each of which has quantiles: the last few durations, the last many, and where sizes are known a
//! line through them. They are blended by how well each did lately, in pinball loss. Then the levels are moved until
//! the share of durations outside is the one that was asked for: adaptive conformal inference (Gibbs and Candès 2021),
//! for each tail.

use super::line::{self, Line};
use super::spread::{RunningMean, change};
use super::window::{Window, are_amounts, quantile, whole};

/// The levels at which forecasters are compared and tails calibrated.
pub(super) const LEVELS: [f64; 3] = [0.05, 0.5, 0.95];

/// How often a tail is to be missed.
const MISS_WANTED: f64 = 0.05;

/// By how much a miss moves a tail, and how far it may move.
const TAIL_RATE: f64 = 0.03;
const TAIL_MIN: f64 = -0.1;
const TAIL_MAX: f64 = 0.2;

/// What an earlier loss weighs when the next one comes.
const DISCOUNT: f64 = 0.95;

const N_RECENT: usize = 4;

/// So many equal durations are a step that always takes the same.
const N_CONSTANT_MIN: usize = 16;

const N_FORECASTERS: usize = 3;

/// Nothing takes longer: 285 years, the longest time that plans know.
const DURATION_NS_MAX: u64 = 9_000_000_000_000_000_000;

/// What is remembered of one step.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Estimator {
    window: Window,
    changes: RunningMean,
    line: Line,
    /// Discounted, of the recent ones, the window and the line.
    losses: [f64; N_FORECASTERS],
    /// The levels that are used for the lowest and, from above, the highest one.
    tails: [f64; 2],
}

/// How many numbers an estimator is written down in, beside durations and residuals.
pub(super) const N_NUMBERS: usize = 7 + line::N_NUMBERS;

impl Default for Estimator {
    fn default() -> Self {
        Self {
            window: Window::default(),
            changes: RunningMean::default(),
            line: Line::default(),
            losses: [0.0; N_FORECASTERS],
            tails: [MISS_WANTED; 2],
        }
    }
}

/// The forecasters at one moment, for one size.
struct Forecast<'a> {
    recent: [f64; N_RECENT],
    n_recent: usize,
    window: &'a Window,
    /// The line, and how many times what its first size takes this one takes.
    line: Option<(&'a Line, f64)>,
    spread: f64,
}

impl Forecast<'_> {
    fn at(&self, level: f64) -> [f64; N_FORECASTERS] {
        let of_window = quantile(self.window.sorted(), level, self.spread);
        [
            quantile(&self.recent[..self.n_recent], level, self.spread),
            of_window,
            // Without a size there is nothing better to say than what the window says.
            self.line.map_or(of_window, |(line, growth)| line.quantile(growth, level)),
        ]
    }
}

impl Estimator {
    pub(super) fn is_empty(&self) -> bool {
        self.window.sorted().is_empty()
    }

    /// Returns quantiles, if there was any observation.
    ///
    /// `prior` is by how much steps like this one change. Levels ascend between 0 and 1, and so do the quantiles.
    pub(super) fn quantiles_ns(&self, levels: &[f64], size: Option<u64>, prior: f64) -> Option<Vec<u64>> {
        if self.is_empty() {
            return None;
        }
        if let Some(constant) = self.window.constant(N_CONSTANT_MIN) {
            return Some(vec![rounded(constant, 0.5); levels.len()]);
        }
        let forecast = self.forecast(size, prior);
        let weights = self.weights(forecast.line.is_some());
        let mut lowest = 0;
        let quantiles = levels.iter().map(|&level| {
            let forecasts = forecast.at(self.calibrated(level));
            // The sum may be off in the last bit, and rounded to another nanosecond for that.
            lowest = rounded(blended(&forecasts, &weights), level).max(lowest);
            lowest
        });
        Some(quantiles.collect())
    }

    fn forecast(&self, size: Option<u64>, prior: f64) -> Forecast<'_> {
        let mut recent = [0.0; N_RECENT];
        let n_recent = self.window.sort_recent(&mut recent);
        let line = size.filter(|_| !self.line.is_empty()).map(|size| (&self.line, self.line.growth(size)));
        Forecast { recent, n_recent, window: &self.window, line, spread: self.changes.with_prior(prior) }
    }

    /// Weights that sum to 1: the fourth power of how many times better than the others each was.
    fn weights(&self, has_line: bool) -> [f64; N_FORECASTERS] {
        let n = if has_line { N_FORECASTERS } else { N_FORECASTERS - 1 };
        let least = self.losses[..n].iter().copied().fold(f64::INFINITY, f64::min);
        let mut weights = [0.0; N_FORECASTERS];
        for (weight, &loss) in weights[..n].iter_mut().zip(&self.losses) {
            // Also where both are 0.
            let ratio = if loss <= least { 1.0 } else { least / loss };
            *weight = ratio * ratio * (ratio * ratio);
        }
        let total: f64 = weights.iter().sum();
        weights.map(|weight| weight / total)
    }

    /// Returns the level to ask forecasters for.
    fn calibrated(&self, level: f64) -> f64 {
        if level < 0.5 {
            level + (self.tails[0] - MISS_WANTED) * (0.5 - level) / (0.5 - MISS_WANTED)
        } else {
            level - (self.tails[1] - MISS_WANTED) * (level - 0.5) / (0.5 - MISS_WANTED)
        }
    }

    /// Learns a duration, where `predicted_ns` are the quantiles at [`LEVELS`] that were said before.
    ///
    /// Returns by how much it differs from the one before, if there was one.
    pub(super) fn observe(
        &mut self,
        duration_ns: u64,
        size: Option<u64>,
        prior: f64,
        predicted_ns: Option<&[u64]>,
    ) -> Option<f64> {
        let observed = duration_ns as f64;
        if let Some(&[low_ns, _, high_ns]) = predicted_ns {
            let is_missed = [duration_ns < low_ns, duration_ns > high_ns];
            for (tail, is_missed) in self.tails.iter_mut().zip(is_missed) {
                let miss = if is_missed { 1.0 } else { 0.0 };
                *tail = (*tail + TAIL_RATE * (MISS_WANTED - miss)).clamp(TAIL_MIN, TAIL_MAX);
            }
            let forecast = self.forecast(size, prior);
            let forecasts = LEVELS.map(|level| forecast.at(level));
            for (idx, loss) in self.losses.iter_mut().enumerate() {
                *loss *= DISCOUNT;
                for (level, at_level) in LEVELS.iter().zip(&forecasts) {
                    *loss += pinball(*level, observed - at_level[idx]);
                }
            }
        }
        let change = self.window.last().map(|before| change(before, observed));
        if let Some(change) = change {
            self.changes.add(change);
        }
        self.window.push(observed);
        if let Some(size) = size {
            self.line.push(observed, size);
        }
        change
    }

    pub(super) fn last_ns(&self) -> Option<f64> {
        self.window.last()
    }

    /// Returns by how much the step changes, where `prior` is by how much others do.
    #[cfg(test)]
    pub(super) fn spread(&self, prior: f64) -> f64 {
        self.changes.with_prior(prior)
    }

    pub(super) fn to_parts(&self) -> (Vec<f64>, Vec<f64>, [f64; N_NUMBERS]) {
        let (line_numbers, residuals) = self.line.to_parts();
        let [recent, window, line] = self.losses;
        let [low, high] = self.tails;
        let mut numbers = [0.0; N_NUMBERS];
        let own = [self.changes.n as f64, self.changes.mean, recent, window, line, low, high];
        numbers[..own.len()].copy_from_slice(&own);
        numbers[own.len()..].copy_from_slice(&line_numbers);
        (self.window.values(), residuals, numbers)
    }

    /// Returns the estimator if these can be parts of one.
    pub(super) fn from_parts(
        durations_ns: &[f64],
        residuals: &[f64],
        numbers: [f64; N_NUMBERS],
    ) -> Option<Self> {
        let [n_changes, changes, recent, window, line, low, high, line_numbers @ ..] = numbers;
        let has_tails = [low, high].iter().all(|tail| (TAIL_MIN..=TAIL_MAX).contains(tail));
        let are_sound = has_tails
            && are_amounts(durations_ns)
            && residuals.len() <= durations_ns.len()
            && numbers.iter().all(|number| number.is_finite())
            && are_amounts(&[n_changes, changes, recent, window, line]);
        let line_of_sizes = Line::from_parts(line_numbers, residuals)?;
        are_sound.then(|| Self {
            window: Window::from_values(durations_ns.iter().copied()),
            changes: RunningMean { n: whole(n_changes), mean: changes },
            line: line_of_sizes,
            losses: [recent, window, line],
            tails: [low, high],
        })
    }
}

/// Returns the loss of a forecast at a level that the observation exceeds by so much.
pub(super) fn pinball(level: f64, excess: f64) -> f64 {
    (level * excess).max((level - 1.0) * excess)
}

/// Returns whole nanoseconds: outwards from the median.
pub(super) fn rounded(ns: f64, level: f64) -> u64 {
    let rounded = match level {
        level if level < 0.5 => ns.floor(),
        level if level > 0.5 => ns.ceil(),
        _ => (ns + 0.5).floor(),
    };
    whole(rounded).min(DURATION_NS_MAX)
}

/// Returns the weighted mean, between the least and the largest even in the last bit.
fn blended(forecasts: &[f64; N_FORECASTERS], weights: &[f64; N_FORECASTERS]) -> f64 {
    let (mut sum, mut least, mut most) = (0.0, f64::INFINITY, 0.0_f64);
    for (&forecast, &weight) in forecasts.iter().zip(weights) {
        if weight > 0.0 {
            sum += weight * forecast;
            least = least.min(forecast);
            most = most.max(forecast);
        }
    }
    sum.max(least).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::spread::UNKNOWN;

    fn learned(durations_ns: impl IntoIterator<Item = u64>) -> Estimator {
        let mut estimator = Estimator::default();
        for duration_ns in durations_ns {
            let predicted_ns = estimator.quantiles_ns(&LEVELS, None, UNKNOWN);
            estimator.observe(duration_ns, None, UNKNOWN, predicted_ns.as_deref());
        }
        estimator
    }

    #[test]
    fn test_nothing_is_said_about_nothing() {
        assert_eq!(Estimator::default().quantiles_ns(&LEVELS, None, UNKNOWN), None);
    }

    #[test]
    fn test_one_observation_is_the_median_of_an_interval() {
        let predicted = learned([1_000]).quantiles_ns(&LEVELS, None, UNKNOWN).unwrap();
        assert_eq!(predicted[1], 1_000);
        assert!(predicted[0] < 700 && predicted[2] > 1_400, "{predicted:?}");
    }

    #[test]
    fn test_constants_come_back_exactly() {
        for constant_ns in [0, 1, 333_333_333, 5_000_000_000_000_000] {
            let estimator = learned([constant_ns; 16]);
            let predicted_ns = estimator.quantiles_ns(&[0.001, 0.5, 0.999], None, UNKNOWN);
            assert_eq!(predicted_ns.unwrap(), [constant_ns; 3]);
            assert_eq!(learned([constant_ns; 3]).quantiles_ns(&[0.5], None, UNKNOWN).unwrap(), [constant_ns]);
        }
    }

    #[test]
    fn test_extremes_stay_finite_and_ascend() {
        let estimator = learned([0, u64::MAX, 0, 1, u64::MAX, 5, 0]);
        let predicted_ns = estimator.quantiles_ns(&[0.001, 0.05, 0.5, 0.95, 0.999], None, UNKNOWN).unwrap();
        assert!(predicted_ns.is_sorted(), "{predicted_ns:?}");
        assert_eq!(predicted_ns.last(), Some(&DURATION_NS_MAX));
        assert!(estimator.to_parts().2.iter().all(|number| number.is_finite()));
    }

    #[test]
    fn test_a_jump_is_followed() {
        let before = (0..100).map(|k| 1_000 + k * 37 % 100);
        let after = (0..8).map(|k| 9_000 + k * 37 % 100);
        let median_ns = learned(before.chain(after)).quantiles_ns(&[0.5], None, UNKNOWN).unwrap()[0];
        assert!((8_500..9_500).contains(&median_ns), "{median_ns}");
    }

    #[test]
    fn test_parts_are_the_whole() {
        let mut estimator = learned((0..90).map(|k| 100 + k * k % 71));
        for k in 0..5 {
            estimator.observe(100 + k, Some(k), UNKNOWN, Some(&[90, 100, 101]));
        }
        let (durations_ns, residuals, numbers) = estimator.to_parts();
        assert_eq!(Estimator::from_parts(&durations_ns, &residuals, numbers), Some(estimator.clone()));
        for (idx, value) in [(0, -1.0), (2, f64::INFINITY), (5, 0.5), (9, -2.0), (10, f64::NAN)] {
            let mut broken = numbers;
            broken[idx] = value;
            assert_eq!(Estimator::from_parts(&durations_ns, &residuals, broken), None, "{idx}");
        }
        assert_eq!(Estimator::from_parts(&[-1.0], &[], numbers), None);
        assert_eq!(Estimator::from_parts(&[], &residuals, numbers), None);
        assert!(estimator.spread(UNKNOWN) > 0.0);
    }
}
