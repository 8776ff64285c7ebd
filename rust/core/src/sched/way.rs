//! Whether the runs of a workflow are shared with helpers, or made by the calling thread alone.
//!
//! Helpers gain nothing where steps only compute and hold on to the interpreter: they take turns, and pay for it. No
//! duration tells that, since a step that waits for the interpreter takes as long as one that waits for a server. What
//! tells is how busy the processor was, and in case of doubt both ways, measured.

use crate::predict::{UNKNOWN_NS, updated_ns};

/// How a run is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// By the calling thread.
    Alone,
    /// Helpers may join.
    Shared,
}

/// Why a run is made as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// Nothing is known of earlier runs.
    NothingKnown,
    /// Steps were hardly ever running at the same time: it makes no difference.
    NothingAtOnce,
    /// Several cores were busy at once, or steps waited at the same time.
    Overlapped,
    /// Steps ran at the same time, and yet one core did the work: the other way is tried.
    Tried,
    /// Both ways were measured, and this one is faster.
    Faster,
    /// The other way is faster, and it is a while since this one was tried.
    TriedAgain,
}

impl Why {
    /// The reason in words, for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NothingKnown => "helpers may join: nothing is known of earlier runs",
            Self::NothingAtOnce => "helpers may join, though hardly any steps ran at the same time",
            Self::Overlapped => "helpers join: steps overlapped, on several cores or while they waited",
            Self::Tried => "this way as a trial: helpers had joined, and one core was busy all the same",
            Self::Faster => "this way was the faster one, measured both with helpers and without",
            Self::TriedAgain => "this way as a trial: the other one was faster some time ago",
        }
    }
}

/// What was observed of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observed {
    /// From its begin to its end.
    pub elapsed_ns: u64,
    /// Time that the process spent on processors meanwhile.
    pub cpu_ns: u64,
    /// The sum over its nodes of how long they took.
    pub work_ns: u64,
    /// How many nodes it had.
    pub n_nodes: usize,
}

/// What is known of the runs of one workflow, both ways.
#[derive(Clone, Debug, Default)]
pub struct Ways {
    alone: Option<u64>,
    shared: Option<u64>,
    doubt: Doubt,
    n_runs: u64,
}

/// What the last shared run said about sharing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Doubt {
    #[default]
    Unknown,
    NothingAtOnce,
    Overlapped,
    OneCoreBusy,
}

/// Picoseconds, so that a node of a few nanoseconds can be told from one of a few more.
fn ps_per_node(observed: Observed) -> u64 {
    let ps = u128::from(observed.elapsed_ns) * 1_000 / observed.n_nodes.max(1) as u128;
    u64::try_from(ps).unwrap_or(UNKNOWN_NS - 1)
}

impl Ways {
    /// Decides about the next run.
    ///
    /// The first one is shared. If steps ran at the same time in it, and the process used about one core, one run is made
    /// alone and one more shared; from then on the faster way is taken. Runs whose number is a power of two try the other
    /// way again, unless that took more than three times as long: what is lost by trying is a vanishing share.
    ///
    /// # Examples
    ///
    /// ```
    /// use makespan_core::sched::way::{Observed, Way, Ways, Why};
    ///
    /// let mut ways = Ways::default();
    /// assert_eq!(ways.choose(), (Way::Shared, Why::NothingKnown));
    /// // Two steps at a time, on one core.
    /// ways.observe(Way::Shared, Observed { elapsed_ns: 100, cpu_ns: 98, work_ns: 190, n_nodes: 10 });
    /// assert_eq!(ways.choose(), (Way::Alone, Why::Tried));
    /// ways.observe(Way::Alone, Observed { elapsed_ns: 90, cpu_ns: 90, work_ns: 90, n_nodes: 10 });
    /// assert_eq!(ways.choose(), (Way::Shared, Why::Tried));
    /// ways.observe(Way::Shared, Observed { elapsed_ns: 95, cpu_ns: 94, work_ns: 180, n_nodes: 10 });
    /// assert_eq!(ways.choose(), (Way::Alone, Why::Faster));
    /// ```
    #[must_use]
    pub fn choose(&self) -> (Way, Why) {
        let why = match (self.doubt, self.shared, self.alone) {
            (Doubt::Unknown, ..) => Why::NothingKnown,
            (Doubt::NothingAtOnce, ..) => Why::NothingAtOnce,
            (Doubt::Overlapped, ..) => Why::Overlapped,
            (Doubt::OneCoreBusy, Some(shared), Some(alone)) => {
                let (faster, other, way) =
                    if alone <= shared { (alone, shared, Way::Alone) } else { (shared, alone, Way::Shared) };
                let tries_again = self.n_runs >= 4
                    && (self.n_runs + 1).is_power_of_two()
                    && other <= faster.saturating_mul(3);
                return match (tries_again, way) {
                    (false, way) => (way, Why::Faster),
                    (true, Way::Alone) => (Way::Shared, Why::TriedAgain),
                    (true, Way::Shared) => (Way::Alone, Why::TriedAgain),
                };
            }
            (Doubt::OneCoreBusy, _, None) => return (Way::Alone, Why::Tried),
            (Doubt::OneCoreBusy, None, Some(_)) => Why::Tried,
        };
        (Way::Shared, why)
    }

    /// Takes in how a run went.
    pub fn observe(&mut self, way: Way, observed: Observed) {
        self.n_runs += 1;
        let known = match way {
            Way::Alone => &mut self.alone,
            Way::Shared => &mut self.shared,
        };
        // The first run may load what later ones find: it tells how the steps went together, and not how long runs take.
        if self.n_runs > 1 {
            *known = Some(updated_ns(known.unwrap_or(UNKNOWN_NS), ps_per_node(observed)));
        }
        if way == Way::Shared {
            self.doubt = Doubt::of(observed);
        }
    }
}

impl Doubt {
    fn of(observed: Observed) -> Self {
        let Observed { elapsed_ns, cpu_ns, work_ns, .. } = observed;
        let per_cent = |part: u64| u128::from(part) * 100 / u128::from(elapsed_ns.max(1));
        match (per_cent(work_ns), per_cent(cpu_ns)) {
            (..=105, _) => Self::NothingAtOnce,
            // Much waiting, or more than one core's work.
            (_, ..=70 | 125..) => Self::Overlapped,
            (_, _) => Self::OneCoreBusy,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observed(elapsed_ns: u64, cpu_ns: u64, work_ns: u64) -> Observed {
        Observed { elapsed_ns, cpu_ns, work_ns, n_nodes: 1 }
    }

    fn after(runs: &[(Way, Observed)]) -> Ways {
        let mut ways = Ways::default();
        for (way, observed) in runs {
            ways.observe(*way, *observed);
        }
        ways
    }

    #[test]
    fn test_nobody_runs_alone_without_a_reason() {
        let waiting = observed(100, 10, 400);
        let two_cores = observed(100, 180, 190);
        let one_after_the_other = observed(100, 99, 100);
        for (observed, why) in [
            (waiting, Why::Overlapped),
            (two_cores, Why::Overlapped),
            (one_after_the_other, Why::NothingAtOnce),
        ] {
            assert_eq!(after(&[(Way::Shared, observed)]).choose(), (Way::Shared, why));
        }
    }

    #[test]
    fn test_in_doubt_the_faster_way_is_taken() {
        let shared = (Way::Shared, observed(100, 100, 190));
        let tried = after(&[shared]);
        assert_eq!(tried.choose(), (Way::Alone, Why::Tried));
        let quick = (Way::Alone, observed(80, 80, 80));
        assert_eq!(after(&[shared, quick]).choose(), (Way::Shared, Why::Tried));
        assert_eq!(after(&[shared, quick, shared]).choose(), (Way::Alone, Why::Faster));
        let slow = (Way::Alone, observed(120, 90, 120));
        assert_eq!(after(&[shared, slow, shared]).choose(), (Way::Shared, Why::Faster));
    }

    #[test]
    fn test_what_the_first_run_loads_is_not_held_against_sharing() {
        let cold = (Way::Shared, observed(600, 600, 900));
        let alone = (Way::Alone, observed(120, 2, 120));
        let warm = (Way::Shared, observed(31, 2, 120));
        assert_eq!(after(&[cold, alone, warm]).choose(), (Way::Shared, Why::Overlapped));
    }

    #[test]
    fn test_the_other_way_is_tried_again_ever_more_seldom() {
        let mut ways = Ways::default();
        let mut tried = Vec::new();
        for run in 1..=200_u64 {
            let (way, why) = ways.choose();
            if why == Why::TriedAgain {
                tried.push(run);
            }
            let elapsed_ns = if way == Way::Shared { 100 } else { 90 };
            ways.observe(way, observed(elapsed_ns, 95, 190));
        }
        assert_eq!(tried, [8, 16, 32, 64, 128]);
        // A way that is much slower is not tried again.
        let mut ways = Ways::default();
        let mut n_alone = 0;
        for _ in 0..200 {
            let (way, _) = ways.choose();
            n_alone += usize::from(way == Way::Alone);
            let elapsed_ns = if way == Way::Shared { 100 } else { 390 };
            ways.observe(way, observed(elapsed_ns, 95, 190));
        }
        assert_eq!(n_alone, 1);
    }

    #[test]
    fn test_other_times_change_the_choice() {
        let shared = (Way::Shared, observed(100, 100, 190));
        let mut ways = after(&[shared, (Way::Alone, observed(80, 80, 80)), shared]);
        for _ in 0..20 {
            let (way, _) = ways.choose();
            // Alone has become slow.
            let elapsed_ns = if way == Way::Shared { 100 } else { 400 };
            ways.observe(way, observed(elapsed_ns, 100, 190));
        }
        assert_eq!(ways.choose(), (Way::Shared, Why::Faster));
    }

    #[test]
    fn test_runs_of_different_size_are_compared_by_node() {
        let shared = Observed { elapsed_ns: 1_000, cpu_ns: 1_000, work_ns: 1_900, n_nodes: 10 };
        let alone = Observed { elapsed_ns: 180, cpu_ns: 180, work_ns: 180, n_nodes: 2 };
        let runs = [(Way::Shared, shared), (Way::Alone, alone), (Way::Shared, shared)];
        assert_eq!(after(&runs).choose(), (Way::Alone, Why::Faster));
        let nothing = Observed { elapsed_ns: 0, cpu_ns: 0, work_ns: 0, n_nodes: 0 };
        assert_eq!(after(&[(Way::Shared, nothing)]).choose(), (Way::Shared, Why::NothingAtOnce));
    }
}
