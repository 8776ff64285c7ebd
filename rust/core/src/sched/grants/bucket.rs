//! Token buckets: how much may be taken per period.

/// So much per period, and at most so much at once after a pause.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct Rate {
    /// How many tokens come in a period, above zero.
    pub amount: i64,
    /// How long a period is, above zero.
    pub period_ns: u64,
    /// How many tokens there are at most, above zero.
    pub burst: i64,
}

/// When tokens come. How many there are is kept by the pool beside it, whose capacity is the burst.
///
/// Whole tokens in whole nanoseconds: what is left of a token is carried over exactly, so that no rate drifts.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    rate: Rate,
    /// Up to when tokens were counted.
    counted_ns: u64,
    /// What has come of the next token, in `1 / period_ns` of one.
    rest: u64,
}

impl Bucket {
    pub(super) fn new(now_ns: u64, rate: Rate) -> Self {
        assert!(rate.amount > 0 && rate.period_ns > 0 && rate.burst > 0, "a rate is above zero");
        Self { rate, counted_ns: now_ns, rest: 0 }
    }

    pub(super) fn rate(&self) -> Rate {
        self.rate
    }

    /// Changes the rate; tokens that have come must have been counted.
    pub(super) fn set_rate(&mut self, rate: Rate) {
        *self = Self::new(self.counted_ns, rate);
    }

    /// Returns how many tokens have come since the last count, at most `n_missing`: what is above that is lost.
    pub(super) fn count(&mut self, now_ns: u64, n_missing: i64) -> i64 {
        let elapsed_ns = now_ns.saturating_sub(self.counted_ns);
        self.counted_ns = now_ns.max(self.counted_ns);
        let period_ns = u128::from(self.rate.period_ns);
        let parts =
            u128::from(elapsed_ns) * u128::from(self.rate.amount.unsigned_abs()) + u128::from(self.rest);
        match i64::try_from(parts / period_ns) {
            Ok(n) if n < n_missing => {
                self.rest = (parts % period_ns) as u64;
                n
            }
            Ok(_) | Err(_) => {
                self.rest = 0;
                n_missing
            }
        }
    }

    /// When `n` more tokens will have come, if nothing is lost meanwhile.
    pub(super) fn ready_ns(&self, n: i64) -> u64 {
        let n = u128::from(n.max(0).unsigned_abs());
        let parts = (n * u128::from(self.rate.period_ns)).saturating_sub(u128::from(self.rest));
        let wait_ns = parts.div_ceil(u128::from(self.rate.amount.unsigned_abs()));
        self.counted_ns.saturating_add(u64::try_from(wait_ns).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { amount: 3, period_ns: 10, burst: 6 };

    #[test]
    fn test_no_part_of_a_token_is_lost_or_made() {
        let mut bucket = Bucket::new(0, RATE);
        let n: i64 = (1..=1_000).map(|now_ns| bucket.count(now_ns, 6)).sum();
        assert_eq!(n, 300);
    }

    #[test]
    fn test_a_clock_that_jumps_fills_the_bucket_and_no_more() {
        let mut bucket = Bucket::new(0, RATE);
        assert_eq!(bucket.count(u64::MAX, 6), 6);
        assert_eq!(bucket.count(0, 6), 0, "and one that goes back stands still");
        assert_eq!(bucket.count(u64::MAX, 6), 0);
    }

    #[test]
    fn test_tokens_are_there_when_it_was_said() {
        for n in 1..20 {
            for begin_ns in 0..7 {
                let mut bucket = Bucket::new(0, RATE);
                bucket.count(begin_ns, 100);
                let ready_ns = bucket.ready_ns(n);
                assert!(bucket.clone().count(ready_ns - 1, 100) < n);
                assert!(bucket.count(ready_ns, 100) >= n);
            }
        }
    }
}
