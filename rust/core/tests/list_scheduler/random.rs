//! Seeded random numbers.

use makespan_core::Priority;

/// Vigna's splitmix64: small, seeded, the same everywhere.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0xA076_1D64_78BD_642F))
    }

    /// A number below `bound`, which is not zero.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (bits ^ (bits >> 31)) % bound
    }

    /// True once in `n` times.
    pub(crate) fn is(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of a few priorities, so that equals are common.
    pub(crate) fn priority(&mut self) -> Priority {
        Priority::from_f64([-1.5, 0.0, 2.0, 1e9][self.below(4) as usize]).expect("these are numbers")
    }
}
