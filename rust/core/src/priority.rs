//! Priorities: numbers in an order that has no holes.

use std::fmt;

/// A priority: larger goes first. Made of any `f64` but NaN; `-0.0` is `0.0`.
///
/// Stored as an integer that orders as the number does, so that comparing costs one instruction and every two priorities
/// compare.
///
/// # Examples
///
/// ```
/// use makespan_core::Priority;
///
/// let low = Priority::from_f64(-1.5).unwrap();
/// assert!(low < Priority::ZERO);
/// assert_eq!(low.to_f64(), -1.5);
/// assert_eq!(Priority::from_f64(f64::NAN), None);
/// ```
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
#[repr(transparent)]
pub struct Priority(i64);

impl Priority {
    /// The priority of what has none of its own.
    pub const ZERO: Self = Self(0);

    /// The priority of this number; `None` for NaN.
    #[must_use]
    pub const fn from_f64(value: f64) -> Option<Self> {
        if value.is_nan() {
            return None;
        }
        // Adding zero turns -0.0 into 0.0. Negative numbers order backwards by their bits: all but the sign is flipped.
        let bits = (value + 0.0).to_bits().cast_signed();
        Some(Self(if bits < 0 { bits ^ i64::MAX } else { bits }))
    }

    /// The number.
    #[must_use]
    pub const fn to_f64(self) -> f64 {
        let bits = if self.0 < 0 { self.0 ^ i64::MAX } else { self.0 };
        f64::from_bits(bits.cast_unsigned())
    }

    /// A number that is the smaller, the earlier this priority goes.
    #[must_use]
    pub const fn rank(self) -> u64 {
        !(self.0.cast_unsigned() ^ (1 << 63))
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self::ZERO
    }
}

impl fmt::Debug for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Priority({:?})", self.to_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_priorities_order_as_their_numbers_do() {
        let numbers = [
            f64::NEG_INFINITY,
            f64::MIN,
            -2.0,
            -1.0,
            -1e-300,
            0.0,
            1e-300,
            1.0,
            2.0,
            f64::MAX,
            f64::INFINITY,
        ];
        let priorities: Vec<_> = numbers.iter().map(|&number| Priority::from_f64(number).unwrap()).collect();
        assert!(priorities.is_sorted_by(|a, b| a < b));
        assert!(priorities.is_sorted_by(|a, b| a.rank() > b.rank()));
        let back: Vec<_> = priorities.iter().map(|priority| priority.to_f64()).collect();
        assert_eq!(back, numbers);
    }

    #[test]
    fn test_zero_has_one_priority() {
        assert_eq!(Priority::from_f64(-0.0), Some(Priority::ZERO));
        assert_eq!(Priority::ZERO.to_f64().to_bits(), 0);
    }
}
