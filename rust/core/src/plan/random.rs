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

    /// A number from 0 to 1, both left out, in steps of 2⁻⁵².
    #[expect(clippy::cast_precision_loss, reason = "52 bits fit")]
    fn unit(&mut self) -> f64 {
        ((self.bits() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    /// A standard normal deviate (Box and Muller 1958, one of the two).
    pub(super) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.unit().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
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
    fn test_normal_deviates_have_mean_0_and_variance_1() {
        let mut random = Random::new(3);
        let n = 100_000;
        let drawn: Vec<f64> = (0..n).map(|_| random.normal()).collect();
        let mean = drawn.iter().sum::<f64>() / f64::from(n);
        let variance = drawn.iter().map(|deviate| deviate * deviate).sum::<f64>() / f64::from(n);
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
        let n_within_1 = drawn.iter().filter(|deviate| deviate.abs() < 1.0).count();
        assert!((67_800..68_800).contains(&n_within_1), "{n_within_1}");
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
