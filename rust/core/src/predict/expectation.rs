//! The expected duration of each node of one workflow, from earlier runs.
//!
//! Durations are nanoseconds in a plain vector indexed by node, [`UNKNOWN_NS`] where nothing is known.

/// The expectation for a node that has never been observed.
pub const UNKNOWN_NS: u64 = u64::MAX;

/// What it costs to learn from one node of a finished run and to plan it anew, in nanoseconds.
pub const LEARN_COST_PER_NODE_NS: u64 = 100;

/// Learning may cost one part in so many of the run that was learned from: 2 %.
const LEARN_RUN_PER_COST: u64 = 50;

/// Returns the expectation after one more observation.
///
/// The first observation is taken as it is, and so is each that is shorter: a node that was quick once can be, and
/// what makes it look slower (preemption, a garbage collection, waiting for the interpreter) only ever adds. A longer
/// one moves the expectation halfway, and at most to its double, so that one hiccup does not turn a tiny node into one
/// that is worth waking others for, while a change that lasts is followed within a few runs.
///
/// # Examples
///
/// ```
/// use makespan_core::predict::{UNKNOWN_NS, updated_ns};
///
/// assert_eq!(updated_ns(UNKNOWN_NS, 100), 100);
/// assert_eq!(updated_ns(100, 200), 150);
/// assert_eq!(updated_ns(100, 1_000_000), 200);
/// assert_eq!(updated_ns(100, 20), 20);
/// ```
#[must_use]
pub fn updated_ns(expected_ns: u64, observed_ns: u64) -> u64 {
    // What was observed is known, however long it took.
    let observed_ns = observed_ns.min(UNKNOWN_NS - 1);
    if observed_ns <= expected_ns {
        // Also where nothing was known: unknown is the largest number.
        return observed_ns;
    }
    let doubled_ns = expected_ns.max(1).saturating_mul(2).min(UNKNOWN_NS - 1);
    expected_ns.midpoint(observed_ns).min(doubled_ns)
}

/// Is a node expected to take so long that the time of its thread on a processor, two calls of the system, is worth knowing?
///
/// # Examples
///
/// ```
/// use makespan_core::predict::{UNKNOWN_NS, is_worth_watching};
///
/// assert!(is_worth_watching(5_000_000));
/// assert!(!is_worth_watching(5_000) && !is_worth_watching(UNKNOWN_NS));
/// ```
#[must_use]
pub const fn is_worth_watching(expected_ns: u64) -> bool {
    const NS_MIN: u64 = 1_000_000;
    NS_MIN <= expected_ns && expected_ns < UNKNOWN_NS
}

/// Is it worth learning from this run, and perhaps planning anew after it?
///
/// Yes for the first, second, fourth, eighth … run, so that short workflows are learned at a vanishing cost, and whenever
/// learning costs at most 2 % of the run.
#[must_use]
pub fn is_worth_learning(n_runs_before: u64, elapsed_ns: u64, n_nodes: usize) -> bool {
    let cost_ns = (n_nodes as u64).saturating_mul(LEARN_COST_PER_NODE_NS);
    n_runs_before.saturating_add(1).is_power_of_two()
        || elapsed_ns >= cost_ns.saturating_mul(LEARN_RUN_PER_COST)
}

/// Returns the durations with every unknown one replaced by the mean of the known ones, or by 1 if none is known.
///
/// For ranking only: a node that nothing is known about is taken to be like the others.
#[must_use]
pub fn filled_ns(expected_ns: &[u64]) -> Vec<u64> {
    let known_ns = || expected_ns.iter().copied().filter(|&ns| ns != UNKNOWN_NS);
    let total_ns: u128 = known_ns().map(u128::from).sum();
    let fill_ns = match known_ns().count() as u128 {
        0 => 1,
        n_known => (total_ns / n_known) as u64,
    };
    let filled = |&ns: &u64| if ns == UNKNOWN_NS { fill_ns } else { ns };
    expected_ns.iter().map(filled).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_an_observation_is_always_known_afterwards() {
        assert_ne!(updated_ns(UNKNOWN_NS, UNKNOWN_NS), UNKNOWN_NS);
        assert_ne!(updated_ns(UNKNOWN_NS - 1, UNKNOWN_NS), UNKNOWN_NS);
    }

    #[test]
    fn test_expectation_follows_within_a_few_runs() {
        let expected_ns = (0..20).fold(1_000, |expected_ns, _| updated_ns(expected_ns, 1_000_000));
        assert!((999_000..=1_000_000).contains(&expected_ns), "{expected_ns}");
        assert_eq!(updated_ns(expected_ns, 1_000), 1_000);
    }

    #[test]
    fn test_one_hiccup_at_most_doubles_the_expectation() {
        assert_eq!(updated_ns(40, 3_000_000), 80);
        assert_eq!(updated_ns(0, 3_000_000), 2);
    }

    #[test]
    fn test_learning_happens_at_powers_of_two_or_when_cheap() {
        let learned: Vec<_> = (0..20).filter(|&run| is_worth_learning(run, 0, 1_000)).collect();
        assert_eq!(learned, [0, 1, 3, 7, 15]);
        assert!(is_worth_learning(2, 5_000_000, 1_000));
        assert!(!is_worth_learning(2, 4_999_999, 1_000));
        assert!(!is_worth_learning(u64::MAX, 0, 1));
    }

    #[test]
    fn test_unknown_durations_become_the_mean() {
        assert_eq!(filled_ns(&[10, UNKNOWN_NS, 20]), [10, 15, 20]);
        assert_eq!(filled_ns(&[UNKNOWN_NS; 2]), [1, 1]);
        assert_eq!(filled_ns(&[]), []);
        assert_eq!(filled_ns(&[u64::MAX - 1, u64::MAX - 1, UNKNOWN_NS])[2], u64::MAX - 1);
    }
}
