//! Whether a workflow runs as its nodes or fused into one: described and dispatched step by step, or as plain code.
//!
//! To describe a step and to dispatch it costs some hundreds of nanoseconds. Where steps take no longer than that, and
//! nothing can be left out, put together or run at the same time, the sum of it is all that an engine can add. How much
//! that is, beside the work, is seen in each run by nodes: both are measured together, so that a machine which is
//! slower at one time than at another changes nothing. Runs of both grains, made at different times, are not compared.

use crate::predict::{UNKNOWN_NS, updated_ns};

/// How fine a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Grain {
    /// Every step call is a node.
    Nodes,
    /// The whole workflow is one node, in which its steps are plain calls.
    Fused,
}

/// A run in which every step call was a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObservedNodes {
    /// From the begin of its description to its end.
    pub elapsed_ns: u64,
    /// The sum over its nodes of how long they took.
    pub work_ns: u64,
    /// How many nodes it had.
    pub n_nodes: usize,
}

/// What is known of the runs of one workflow, in both grains.
///
/// # Examples
///
/// ```
/// use makespan_core::sched::grain::{Grain, Grains, ObservedNodes};
///
/// let mut grains = Grains::default();
/// // A thousand steps of 0.5 µs, each of which costs 1 µs more as a node.
/// for _ in 0..3 {
///     assert_eq!(grains.choose(), Grain::Nodes);
///     grains.observe_nodes(ObservedNodes { elapsed_ns: 1_500_000, work_ns: 500_000, n_nodes: 1_000 });
/// }
/// assert_eq!(grains.choose(), Grain::Fused);
/// grains.observe_fused(600_000, 1_000);
/// assert_eq!(grains.choose(), Grain::Fused);
/// // The steps are longer now, which only nodes can make the best of.
/// grains.observe_fused(9_000_000, 1_000);
/// grains.observe_fused(9_000_000, 1_000);
/// assert_eq!(grains.choose(), Grain::Nodes);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Grains {
    n_runs: u64,
    /// What the last two runs by nodes took beside the work in them: one may have been disturbed by what else the machine
    /// does, and one may have been shared by threads that wait for the interpreter, which looks like work.
    overheads_ns: [Option<u64>; 2],
    /// How many thousandths of the work in them runs by nodes take.
    of_work: Option<u64>,
    /// Of the last runs, picoseconds per node, description included, and per step call.
    nodes_ps: Option<u64>,
    fused_ps: Option<u64>,
    /// How many fused runs took much longer than those before, one after the other.
    n_longer: u32,
}

/// Less than this is not worth the loss of what is known of single nodes.
const OVERHEAD_NS_MIN: u64 = 200_000;

/// In thousandths of the work: an overhead of a tenth.
const OF_WORK_MIN: u64 = 1_100;

/// From here on nodes are not tried again.
const OF_WORK_TRIED_MAX: u64 = 1_500;

/// Steps that take so many times as long as before are other steps.
const GROWTH_MAX: u64 = 2;

/// And so many runs of them in a row are no disturbance.
const N_LONGER_MAX: u32 = 2;

impl Grains {
    /// Decides about the next run.
    ///
    /// The first three runs are by nodes, and the first is not measured: it may load what later ones find. If the other
    /// two, or any later ones, took a tenth and 0.2 ms longer than the work in them, runs are fused from then on. Runs
    /// whose number is a power of two try nodes again, unless half of their work was added to it.
    #[must_use]
    pub fn choose(&self) -> Grain {
        let ([Some(last_ns), Some(before_ns)], Some(of_work)) = (self.overheads_ns, self.of_work) else {
            return Grain::Nodes;
        };
        let can_gain = last_ns.min(before_ns) > OVERHEAD_NS_MIN && of_work > OF_WORK_MIN;
        let tries_again = (self.n_runs + 1).is_power_of_two() && of_work <= OF_WORK_TRIED_MAX;
        if can_gain && !tries_again { Grain::Fused } else { Grain::Nodes }
    }

    /// What the last run by nodes took, and the last fused one, in nanoseconds per step.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    pub fn ns_per_step(&self) -> (Option<f64>, Option<f64>) {
        let ns = |ps: u64| ps as f64 / 1e3;
        (self.nodes_ps.map(ns), self.fused_ps.map(ns))
    }

    /// Takes in a run by nodes that could have been a fused one.
    pub fn observe_nodes(&mut self, observed: ObservedNodes) {
        let ObservedNodes { elapsed_ns, work_ns, n_nodes } = observed;
        self.n_runs += 1;
        if self.n_runs > 1 {
            self.overheads_ns = [Some(elapsed_ns.saturating_sub(work_ns)), self.overheads_ns[0]];
            let of_work = ratio(elapsed_ns, work_ns);
            self.of_work = Some(updated_ns(self.of_work.unwrap_or(UNKNOWN_NS), of_work));
            self.nodes_ps = Some(ratio(elapsed_ns, n_nodes as u64));
        }
    }

    /// Takes in a fused run in which some steps would better have been nodes: all that is known is forgotten.
    pub fn observe_mixed(&mut self) {
        *self = Self::default();
    }

    /// Takes in a fused run, and how many calls of steps it made.
    ///
    /// If they took more than twice as long as those before, and in the next run again, all that is known is forgotten:
    /// there may be something to gain by nodes.
    pub fn observe_fused(&mut self, elapsed_ns: u64, n_calls: usize) {
        let ps = ratio(elapsed_ns, n_calls as u64);
        self.n_runs += 1;
        if self.fused_ps.is_none_or(|known| ps <= known.saturating_mul(GROWTH_MAX)) {
            self.fused_ps = Some(ps);
            self.n_longer = 0;
            return;
        }
        self.n_longer += 1;
        if self.n_longer >= N_LONGER_MAX {
            *self = Self { n_runs: 1, ..Self::default() };
        }
    }
}

/// In thousandths.
fn ratio(part: u64, of: u64) -> u64 {
    let ratio = u128::from(part) * 1_000 / u128::from(of.max(1));
    u64::try_from(ratio).unwrap_or(UNKNOWN_NS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: ObservedNodes = ObservedNodes { elapsed_ns: 1_500_000, work_ns: 500_000, n_nodes: 1_000 };

    fn after(runs: &[ObservedNodes]) -> Grains {
        let mut grains = Grains::default();
        for &run in runs {
            grains.observe_nodes(run);
        }
        grains
    }

    #[test]
    fn test_nothing_is_fused_without_a_gain() {
        let shared = ObservedNodes { elapsed_ns: 5_000_000, work_ns: 9_000_000, n_nodes: 4 };
        let long = ObservedNodes { elapsed_ns: 10_000_000, work_ns: 9_500_000, n_nodes: 4 };
        let short = ObservedNodes { elapsed_ns: 100_000, work_ns: 1_000, n_nodes: 4 };
        for run in [shared, long, short] {
            assert_eq!(after(&[run; 9]).choose(), Grain::Nodes, "{run:?}");
        }
        assert_eq!(after(&[SMALL; 2]).choose(), Grain::Nodes, "one measured run may have been disturbed");
        let quick = ObservedNodes { elapsed_ns: 510_000, ..SMALL };
        assert_eq!(after(&[quick, SMALL, quick]).choose(), Grain::Nodes, "it was");
        assert_eq!(after(&[SMALL; 3]).choose(), Grain::Fused);
    }

    #[test]
    fn test_nodes_are_tried_again_where_they_cost_little() {
        for (work_ns, n_by_nodes_expected) in [(500_000, 0), (1_200_000, 5)] {
            let mut grains = after(&[ObservedNodes { work_ns, ..SMALL }; 3]);
            let mut n_by_nodes = 0;
            for _ in 0..100 {
                match grains.choose() {
                    Grain::Fused => grains.observe_fused(1_250_000, 1_000),
                    Grain::Nodes => {
                        n_by_nodes += 1;
                        grains.observe_nodes(ObservedNodes { work_ns, ..SMALL });
                    }
                }
            }
            // Runs 4, 8, 16, 32 and 64.
            assert_eq!(n_by_nodes, n_by_nodes_expected);
        }
    }

    #[test]
    fn test_a_run_whose_work_was_waiting_is_forgotten() {
        let waiting = ObservedNodes { work_ns: 1_500_000, ..SMALL };
        assert_eq!(after(&[SMALL, waiting, SMALL]).choose(), Grain::Nodes);
        assert_eq!(after(&[SMALL, waiting, SMALL, SMALL]).choose(), Grain::Fused);
    }

    #[test]
    fn test_a_machine_that_becomes_slower_changes_nothing() {
        let mut grains = after(&[SMALL; 3]);
        for slower in [10, 13, 17, 22, 28, 36] {
            assert_eq!(grains.choose(), Grain::Fused);
            grains.observe_fused(60_000 * slower, 1_000);
        }
        assert_eq!(grains.choose(), Grain::Fused);
    }

    #[test]
    fn test_runs_of_other_sizes_are_compared_by_call() {
        let mut grains = after(&[SMALL; 3]);
        grains.observe_fused(600_000, 1_000);
        grains.observe_fused(6_000_000, 10_000);
        assert_eq!(grains.choose(), Grain::Fused);
        grains.observe_fused(6_000_000, 1_000);
        assert_eq!(grains.choose(), Grain::Fused, "one run may have been disturbed");
        grains.observe_fused(6_000_000, 1_000);
        assert_eq!(grains.choose(), Grain::Nodes);
        grains.observe_nodes(ObservedNodes { elapsed_ns: 4_000_000, work_ns: 6_000_000, n_nodes: 1_000 });
        assert_eq!(grains.choose(), Grain::Nodes, "longer steps run at the same time");
    }

    #[test]
    fn test_a_run_with_other_steps_begins_anew() {
        let mut grains = after(&[SMALL; 3]);
        grains.observe_mixed();
        assert_eq!(grains.choose(), Grain::Nodes);
        grains.observe_nodes(SMALL);
        assert_eq!(grains.choose(), Grain::Nodes, "the first run is not measured");
    }

    #[test]
    fn test_empty_runs_are_observed_too() {
        let mut grains = after(&[ObservedNodes { elapsed_ns: 0, work_ns: 0, n_nodes: 0 }; 3]);
        grains.observe_fused(0, 0);
        assert_eq!(grains.choose(), Grain::Nodes);
    }
}
