//! Random numbers that are the same everywhere.

/// The generator splitmix64 (Steele, Lea and Flood 2014): one word of state, and a seed names the whole sequence.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    #[inline]
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// A number below `n`, by multiplication (Lemire 2019); the bias of 2⁻³² · n does not matter here.
    ///
    /// # Panics
    ///
    /// In debug builds, when `n` is not from 1 to 2³².
    #[inline]
    pub(super) fn below(&mut self, n: usize) -> usize {
        debug_assert!(n > 0 && n <= 1 << 32, "a draw needs something to draw from");
        (((self.bits() >> 32) * n as u64) >> 32) as usize
    }

    /// True once in `n` times.
    #[inline]
    pub(super) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_the_sequence_of_a_seed_is_fixed() {
        // The first outputs of the reference implementation for seed 0.
        let mut random = Random::new(0);
        assert_eq!(random.bits(), 0xE220_A839_7B1D_CDAF);
        assert_eq!(random.bits(), 0x6E78_9E6A_A1B9_65F4);
    }

    #[test]
    fn test_draws_stay_below_and_reach_every_number() {
        let mut random = Random::new(7);
        let mut seen = [0; 5];
        for _ in 0..1_000 {
            seen[random.below(5)] += 1;
        }
        assert!(seen.iter().all(|&n| n > 150), "{seen:?}");
    }
}
