//! When to wake another worker.
//!
//! Waking a worker costs more than many steps take, so a run of tiny steps is best left to the worker that began it. Two
//! rules share the work without knowing durations in advance: a worker that starts a node known to last wakes others first;
//! and a watcher looks once a tick whether a worker is stuck in a node that nobody expected to last.

use crate::predict::UNKNOWN_NS;

/// What one blocking wake-up of a sleeping thread costs until the thread runs, in nanoseconds.
///
/// Measured on Linux, in a virtual machine: 20 to 26 µs one way, whatever the sleeper sleeps on.
pub const WAKE_COST_NS: u64 = 21_000;

/// How often a watcher looks, in nanoseconds: often enough to lose little, seldom enough to cost nothing.
pub const TICK_NS: u64 = 100_000;

/// For how many ticks a node that is known to be short may be stuck before a watcher steps in.
///
/// A thread that is preempted stands still for a time slice, and that is no reason to share the work.
const PATIENCE_TICKS: u32 = 20;

/// A node that takes no longer than this only computes: a lock, a file or a socket takes longer, in nanoseconds.
const TINY_NS: u64 = 2_000;

/// Below this much expected work a run is over before a watcher is of use, in nanoseconds.
const WATCHED_WORK_NS_MIN: u64 = 1_000_000;

/// Whether a node is known to take longer than a wake-up, so that others are worth waking before it starts.
#[must_use]
pub fn is_lasting(expected_ns: u64) -> bool {
    expected_ns != UNKNOWN_NS && expected_ns > WAKE_COST_NS
}

/// How many idle workers to wake when a worker is about to start a node.
///
/// `n_ready` counts what is ready besides that node.
///
/// # Examples
///
/// ```
/// use makespan_core::predict::UNKNOWN_NS;
/// use makespan_core::sched::wake::n_to_wake_on_dispatch;
///
/// assert_eq!(n_to_wake_on_dispatch(2_000_000, 5, 3), 3);
/// assert_eq!(n_to_wake_on_dispatch(1_000, 5, 3), 0);
/// assert_eq!(n_to_wake_on_dispatch(UNKNOWN_NS, 5, 3), 0);
/// ```
#[must_use]
pub fn n_to_wake_on_dispatch(expected_ns: u64, n_ready: usize, n_idle: usize) -> usize {
    if is_lasting(expected_ns) { n_ready.min(n_idle) } else { 0 }
}

/// For how many ticks the soloist may stand in one node before a watcher takes over from it.
///
/// One where nothing is known about the node: that is what the watcher is for. More where it is known to be short. And
/// twice as many after each time that taking over led to nothing (`n_handed_back`), so that what it costs to set the
/// scheduler up, which is linear in the graph, is paid a logarithmic number of times.
#[must_use]
pub fn n_ticks_of_patience(expected_ns: u64, n_handed_back: u32) -> u32 {
    let n_ticks = if expected_ns == UNKNOWN_NS { 1 } else { PATIENCE_TICKS };
    n_ticks << n_handed_back.min(16)
}

/// How many idle workers a watcher wakes at a tick: none as long as nodes are being dispatched.
#[must_use]
pub fn n_to_wake_on_tick(n_ready: usize, n_idle: usize, n_dispatched_since_tick: u64) -> usize {
    if n_dispatched_since_tick == 0 { n_ready.min(n_idle) } else { 0 }
}

/// Whether a run needs a watcher: when a duration is unknown, when a node takes long enough to do something that may
/// block another time, or when there is work for at least a millisecond.
#[must_use]
pub fn needs_watcher(expected_ns: &[u64]) -> bool {
    // UNKNOWN_NS is the largest number, so it exceeds every limit by itself.
    let mut total_ns = 0_u64;
    expected_ns.iter().any(|&ns| {
        total_ns = total_ns.saturating_add(ns);
        ns > TINY_NS || total_ns >= WATCHED_WORK_NS_MIN
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_patience_is_longer_where_the_node_is_known() {
        assert_eq!(n_ticks_of_patience(UNKNOWN_NS, 0), 1);
        assert_eq!(n_ticks_of_patience(UNKNOWN_NS, 3), 8);
        assert!(n_ticks_of_patience(50, 0) > 1);
        assert!(n_ticks_of_patience(50, u32::MAX) > n_ticks_of_patience(50, 3));
    }

    #[test]
    fn test_only_known_lasting_nodes_wake_others() {
        assert!(is_lasting(WAKE_COST_NS + 1));
        assert!(!is_lasting(WAKE_COST_NS));
        assert!(!is_lasting(UNKNOWN_NS));
        assert_eq!(n_to_wake_on_dispatch(WAKE_COST_NS + 1, 0, 3), 0);
        assert_eq!(n_to_wake_on_dispatch(WAKE_COST_NS + 1, 2, 3), 2);
    }

    #[test]
    fn test_a_tick_wakes_only_when_nothing_moved() {
        assert_eq!(n_to_wake_on_tick(4, 2, 0), 2);
        assert_eq!(n_to_wake_on_tick(4, 2, 1), 0);
        assert_eq!(n_to_wake_on_tick(0, 2, 0), 0);
    }

    #[test]
    fn test_a_watcher_is_for_unknown_or_long_work() {
        assert!(!needs_watcher(&[]));
        assert!(!needs_watcher(&[TINY_NS; 400]));
        assert!(needs_watcher(&[TINY_NS; 500]));
        assert!(needs_watcher(&[40, TINY_NS + 1]));
        assert!(needs_watcher(&[0, UNKNOWN_NS]));
    }
}
