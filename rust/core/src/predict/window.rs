//! The last values of something, in the order in which they came and sorted, and quantiles of them.

use std::collections::VecDeque;

/// How many values are kept.
pub(super) const N_KEPT: usize = 64;

/// Beyond the ends a quantile is at most exp(3), 20 times, away from the last value.
const EXPONENT_MAX: f64 = 3.0;

/// By how many spreads one value beyond the ends is away, where there are many.
const REACH: f64 = 1.5;

/// The last [`N_KEPT`] values.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Window {
    by_arrival: VecDeque<f64>,
    sorted: Vec<f64>,
}

impl Window {
    pub(super) fn from_values(values: impl IntoIterator<Item = f64>) -> Self {
        let mut window = Self::default();
        values.into_iter().for_each(|value| window.push(value));
        window
    }

    pub(super) fn push(&mut self, value: f64) {
        if self.by_arrival.len() == N_KEPT
            && let Some(oldest) = self.by_arrival.pop_front()
        {
            let place = self.sorted.partition_point(|&kept| kept < oldest);
            self.sorted.remove(place);
        }
        self.by_arrival.push_back(value);
        let place = self.sorted.partition_point(|&kept| kept < value);
        self.sorted.insert(place, value);
    }

    pub(super) fn sorted(&self) -> &[f64] {
        &self.sorted
    }

    pub(super) fn last(&self) -> Option<f64> {
        self.by_arrival.back().copied()
    }

    /// Writes the last values into `recent`, sorted, and returns how many they are.
    pub(super) fn sort_recent(&self, recent: &mut [f64]) -> usize {
        let n = self.by_arrival.len().min(recent.len());
        for (place, &value) in recent.iter_mut().zip(self.by_arrival.iter().rev()) {
            *place = value;
        }
        recent[..n].sort_unstable_by(f64::total_cmp);
        n
    }

    /// Returns the value if there are so many and they are all the same.
    pub(super) fn constant(&self, n_min: usize) -> Option<f64> {
        let (&first, &last) = (self.sorted.first()?, self.sorted.last()?);
        #[expect(clippy::float_cmp, reason = "the very same value")]
        let is_constant = self.sorted.len() >= n_min && first == last;
        is_constant.then_some(first)
    }

    /// Returns the values in the order in which they came.
    pub(super) fn values(&self) -> Vec<f64> {
        self.by_arrival.iter().copied().collect()
    }
}

/// Returns a quantile of at least one sorted value: linear between neighbors, and beyond both ends exponential in
/// how far beyond it is, counted in values, the faster the more values spread.
///
/// The level may lie outside of 0 to 1. A few values are further from the next one than many.
pub(super) fn quantile(sorted: &[f64], level: f64, spread: f64) -> f64 {
    let last = sorted.len() - 1;
    let place = level * (sorted.len() as f64 + 1.0) - 1.0;
    let slope = (REACH + 1.0 / sorted.len() as f64) * spread;
    if place < 0.0 {
        return sorted[0] * (slope * place).max(-EXPONENT_MAX).exp();
    }
    if place >= last as f64 {
        return sorted[last] * (slope * (place - last as f64)).min(EXPONENT_MAX).exp();
    }
    #[expect(clippy::cast_sign_loss, reason = "0 <= place < last")]
    let below = place as usize;
    sorted[below] + (sorted[below + 1] - sorted[below]) * (place - below as f64)
}

/// Returns a whole number that is not negative; what is beyond the range becomes its end.
#[expect(clippy::cast_sign_loss, reason = "a cast of a float saturates")]
pub(super) fn whole(number: f64) -> u64 {
    number as u64
}

/// Whether all of them are finite and not negative.
pub(super) fn are_amounts(numbers: &[f64]) -> bool {
    numbers.iter().all(|number| number.is_finite() && *number >= 0.0)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "exactness is what is tested")]
mod tests {
    use super::*;

    #[test]
    fn test_the_oldest_value_goes() {
        let window = Window::from_values((0..100).rev().map(f64::from));
        assert_eq!(window.values(), (0..64).rev().map(f64::from).collect::<Vec<_>>());
        assert_eq!(window.sorted(), (0..64).map(f64::from).collect::<Vec<_>>());
        let mut recent = [0.0; 4];
        assert_eq!(window.sort_recent(&mut recent), 4);
        assert_eq!(recent, [0.0, 1.0, 2.0, 3.0]);
    }

    #[test]
    fn test_quantiles_are_linear_within_and_exponential_beyond() {
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.5, 1.0), 2.0);
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.625, 1.0), 3.0);
        assert_eq!(quantile(&[2.0], 0.0, 0.5), 2.0 * (-1.25_f64).exp());
        assert_eq!(quantile(&[2.0], 1.0, 0.5), 2.0 * 1.25_f64.exp());
        assert_eq!(quantile(&[2.0], 9.0, 0.5), 2.0 * 3.0_f64.exp());
        assert_eq!(quantile(&[2.0, 2.0], -0.1, 0.0), 2.0);
    }

    #[test]
    fn test_constant_needs_enough_equal_values() {
        assert_eq!(Window::from_values([7.0; 3]).constant(4), None);
        assert_eq!(Window::from_values([7.0; 4]).constant(4), Some(7.0));
        assert_eq!(Window::from_values([7.0, 7.0, 7.0, 8.0]).constant(4), None);
        assert_eq!(Window::default().constant(0), None);
    }
}
