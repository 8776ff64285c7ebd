//! How much of a wall time is the step's own where others run beside it.

use super::spread::RunningMean;

/// Returns the nanoseconds that count as the duration of an attempt.
///
/// An attempt that ran alone took what it took. Beside others, wall time alone cannot tell waiting for a processor or
/// for the interpreter from waiting for a device. What the step's own processor time was a share of when it ran alone
/// tells: the attempt counts as long as it would have taken alone, at least its processor time and at most its wall
/// time. Where either is unknown, wall time counts.
pub(super) fn counted_ns(
    wall_ns: u64,
    cpu_ns: Option<u64>,
    n_concurrent: u32,
    share_alone: Option<f64>,
) -> u64 {
    match (cpu_ns, share_alone) {
        (Some(cpu_ns), Some(share)) if n_concurrent > 1 && share > 0.0 => {
            super::estimator::rounded(cpu_ns as f64 / share, 0.5).max(cpu_ns).min(wall_ns)
        }
        _ => wall_ns,
    }
}

/// Learns from an attempt that ran alone which share of it was processor time.
pub(super) fn learn_share(share: &mut RunningMean, wall_ns: u64, cpu_ns: Option<u64>, n_concurrent: u32) {
    if let Some(cpu_ns) = cpu_ns
        && n_concurrent <= 1
        && wall_ns > 0
    {
        share.add((cpu_ns as f64 / wall_ns as f64).min(1.0));
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "exactness is what is tested")]
mod tests {
    use super::*;

    #[test]
    fn test_waiting_for_others_does_not_count() {
        // Alone it computes all the time; beside three others it waits for three quarters.
        assert_eq!(counted_ns(400, Some(100), 4, Some(1.0)), 100);
        // Alone it waits for a device for nine tenths, and beside others too.
        assert_eq!(counted_ns(1_050, Some(100), 4, Some(0.1)), 1_000);
        assert_eq!(counted_ns(900, Some(100), 4, Some(0.1)), 900);
    }

    #[test]
    fn test_wall_time_counts_where_nothing_else_is_known() {
        assert_eq!(counted_ns(400, Some(100), 1, Some(1.0)), 400);
        assert_eq!(counted_ns(400, None, 4, Some(1.0)), 400);
        assert_eq!(counted_ns(400, Some(100), 4, None), 400);
        assert_eq!(counted_ns(400, Some(100), 4, Some(0.0)), 400);
    }

    #[test]
    fn test_the_share_is_learned_from_attempts_alone() {
        let mut share = RunningMean::default();
        learn_share(&mut share, 100, Some(10), 2);
        learn_share(&mut share, 100, None, 1);
        learn_share(&mut share, 0, Some(0), 1);
        assert_eq!(share.n, 0);
        learn_share(&mut share, 100, Some(40), 1);
        assert_eq!(share.mean, 0.4);
    }
}
