//! How long entries waited: a histogram of fixed size.

/// Sub-buckets per power of two, as a power of two: values are told apart to one part in 32.
const N_SUB_BITS: u32 = 5;
const N_SUB: usize = 1 << N_SUB_BITS;
const N_BUCKETS: usize = N_SUB * (64 - N_SUB_BITS as usize + 1);

/// Counts of durations in nanoseconds, in buckets whose width is at most 1/32 of what they hold.
///
/// # Examples
///
/// ```
/// use makespan_core::queue::Waits;
///
/// let mut waits = Waits::new();
/// (1..=100).for_each(|wait_ns| waits.record(wait_ns * 1_000));
/// assert_eq!(waits.n(), 100);
/// let median_ns = waits.quantile_ns(0.5).unwrap();
/// assert!(median_ns.abs_diff(50_000) <= 50_000 / 32);
/// ```
#[derive(Clone, Debug)]
pub struct Waits {
    counts: Box<[u64; N_BUCKETS]>,
    n: u64,
    max_ns: u64,
}

impl Waits {
    /// No waits yet.
    #[must_use]
    pub fn new() -> Self {
        Self { counts: Box::new([0; N_BUCKETS]), n: 0, max_ns: 0 }
    }

    /// Counts a wait in.
    pub fn record(&mut self, wait_ns: u64) {
        self.counts[bucket(wait_ns)] += 1;
        self.n += 1;
        self.max_ns = self.max_ns.max(wait_ns);
    }

    /// How many waits were counted.
    #[must_use]
    pub const fn n(&self) -> u64 {
        self.n
    }

    /// The longest wait; 0 if there is none.
    #[must_use]
    pub const fn max_ns(&self) -> u64 {
        self.max_ns
    }

    /// The wait that this share of all waits does not exceed, to 1/32 of its length; `None` if there is none.
    #[must_use]
    #[expect(clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "a share of a count, rounded up")]
    pub fn quantile_ns(&self, share: f64) -> Option<u64> {
        let target = ((self.n as f64 * share).ceil() as u64).max(1);
        let mut n = 0;
        for (bucket, &count) in self.counts.iter().enumerate() {
            n += count;
            if n >= target {
                return Some(last_of(bucket).min(self.max_ns));
            }
        }
        (self.n > 0).then_some(self.max_ns)
    }
}

impl Default for Waits {
    fn default() -> Self {
        Self::new()
    }
}

fn bucket(wait_ns: u64) -> usize {
    let n_bits = u64::BITS - wait_ns.leading_zeros();
    let shift = n_bits.saturating_sub(N_SUB_BITS + 1);
    (shift as usize) * N_SUB + (wait_ns >> shift) as usize
}

/// The longest wait of a bucket.
fn last_of(bucket: usize) -> u64 {
    if bucket < 2 * N_SUB {
        return bucket as u64;
    }
    let shift = bucket / N_SUB - 1;
    let first = ((bucket - shift * N_SUB) as u64) << shift;
    first + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_buckets_are_narrow_and_without_holes() {
        let mut values: Vec<u64> =
            (0..64).flat_map(|bit| [1_u64 << bit, (1 << bit) - 1, (1 << bit) | (1 << bit >> 1)]).collect();
        values.push(u64::MAX);
        for value in values {
            let bucket = bucket(value);
            assert!(bucket < N_BUCKETS);
            assert!(value <= last_of(bucket));
            assert!(last_of(bucket) - value <= value / 32);
            assert!(bucket == 0 || last_of(bucket - 1) < value);
        }
    }

    #[test]
    fn test_no_wait_has_no_quantile() {
        assert_eq!(Waits::new().quantile_ns(0.5), None);
    }
}
