//! Whole schedules, with a fake clock: what a [`ListScheduler`] does when nodes take as long as they are said to.
//!
//! The same scheduler that serves real programs, so that a million nodes are scheduled in about a second, every decision can
//! be looked at, and a seed names a run for ever.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;

use super::list::{ListError, ListScheduler};

/// The time of what never happened.
pub const NEVER_NS: u64 = u64::MAX;

/// What is done to a schedule from outside, at a time.
#[derive(Clone, Debug, PartialEq)]
pub enum Disturbance {
    /// These nodes are cancelled; what runs of them goes on to its end.
    Cancel(Vec<i64>),
    /// There is so much of a resource from now on.
    SetCapacity {
        /// The index of the resource.
        resource: usize,
        /// How much.
        capacity: i64,
    },
}

/// What nodes do when they run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Behavior {
    /// How long each node really takes on a worker of speed 1, in nanoseconds.
    pub durations_ns: Vec<u64>,
    /// The share of attempts that fail, from 0 to 1.
    pub failure_rate: f64,
    /// Which attempts those are; the same attempt of the same node fails whatever else happens.
    pub seed: u64,
}

/// What a simulation leaves behind: one entry per node.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulated {
    /// When the last attempt began, or [`NEVER_NS`].
    pub starts_ns: Vec<u64>,
    /// When it ended, or [`NEVER_NS`].
    pub finishes_ns: Vec<u64>,
    /// When the last attempt of all ended.
    pub makespan_ns: u64,
    /// How many attempts were started.
    pub n_dispatched: u64,
}

/// Runs a scheduler from where it stands to where nothing moves any more.
///
/// `disturbances` ascend by time. Whatever ends at one time is reported together, then what happens from outside is done,
/// then as much is started as may be. `observe` sees the scheduler and the time after each such moment, and may end it there.
///
/// # Errors
///
/// When a disturbance names what does not exist.
///
/// # Panics
///
/// When there is not one duration for each node.
///
/// # Complexity
///
/// O((n + m) log n).
///
/// # Examples
///
/// ```
/// use std::ops::ControlFlow;
/// use std::sync::Arc;
/// use makespan_core::graph::Graph;
/// use makespan_core::sched::list::{ListOptions, ListScheduler, NodeColumns};
/// use makespan_core::sched::simulate::{Behavior, simulate};
///
/// let graph = Arc::new(Graph::from_arrays(3, &[0], &[2])?);
/// let columns = NodeColumns { demands: Some(vec![1, 1, 1]), ..NodeColumns::default() };
/// let options = ListOptions { capacities: vec![1], ..ListOptions::default() };
/// let mut scheduler = ListScheduler::new(graph, columns, options)?;
/// let behavior = Behavior { durations_ns: vec![5, 3, 2], ..Behavior::default() };
/// let simulated = simulate(&mut scheduler, &behavior, &[], |_, _| ControlFlow::Continue(()))?;
/// assert_eq!(simulated.starts_ns, [0, 5, 8]);
/// assert_eq!(simulated.makespan_ns, 10);
/// # Ok::<(), makespan_core::sched::list::ListError>(())
/// ```
pub fn simulate(
    scheduler: &mut ListScheduler,
    behavior: &Behavior,
    disturbances: &[(u64, Disturbance)],
    mut observe: impl FnMut(&ListScheduler, u64) -> ControlFlow<()>,
) -> Result<Simulated, ListError> {
    let n_nodes = scheduler.n_nodes();
    assert_eq!(behavior.durations_ns.len(), n_nodes, "each node has a duration");
    let mut simulated = Simulated {
        starts_ns: vec![NEVER_NS; n_nodes],
        finishes_ns: vec![NEVER_NS; n_nodes],
        makespan_ns: 0,
        n_dispatched: 0,
    };
    let mut running: BinaryHeap<Reverse<(u64, u32)>> = BinaryHeap::new();
    let mut disturbances = disturbances.iter().peekable();
    let mut now_ns = 0;
    let (mut taken, mut ended, mut failed, mut ignored) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    loop {
        while let Some(Reverse((finish_ns, node))) = running.peek().copied()
            && finish_ns <= now_ns
        {
            running.pop();
            simulated.finishes_ns[node as usize] = finish_ns;
            simulated.makespan_ns = finish_ns;
            let fails = behavior.failure_rate > 0.0 && behavior.fails(node, scheduler.n_attempts_of(node));
            if fails { failed.push(i64::from(node)) } else { ended.push(i64::from(node)) }
        }
        if !ended.is_empty() {
            scheduler.complete(now_ns, &ended)?;
            ended.clear();
        }
        if !failed.is_empty() {
            scheduler.fail(now_ns, &failed, &mut ignored)?;
            failed.clear();
        }
        while let Some((_, disturbance)) = disturbances.next_if(|(at_ns, _)| *at_ns <= now_ns) {
            match disturbance {
                Disturbance::Cancel(nodes) => scheduler.cancel(nodes, &mut ignored)?,
                Disturbance::SetCapacity { resource, capacity } => {
                    scheduler.set_capacity(*resource, *capacity)?;
                }
            }
        }
        ignored.clear();
        taken.clear();
        scheduler.take(now_ns, usize::MAX, &mut taken);
        for &node in &taken {
            let duration_ns = scheduler.duration_on_its_worker_ns(node, behavior.durations_ns[node as usize]);
            simulated.starts_ns[node as usize] = now_ns;
            running.push(Reverse((now_ns.saturating_add(duration_ns), node)));
        }
        simulated.n_dispatched += taken.len() as u64;
        if observe(scheduler, now_ns).is_break() {
            return Ok(simulated);
        }
        let next_ns = [
            running.peek().map(|Reverse((finish_ns, _))| *finish_ns),
            scheduler.next_time_ns(),
            disturbances.peek().map(|(at_ns, _)| *at_ns),
        ];
        match next_ns.into_iter().flatten().min() {
            Some(next_ns) => now_ns = now_ns.max(next_ns),
            None => return Ok(simulated),
        }
    }
}

impl Behavior {
    fn fails(&self, node: u32, n_attempts: u16) -> bool {
        let attempt = (u64::from(node) << 16) | u64::from(n_attempts);
        let drawn = mixed(self.seed ^ mixed(attempt));
        #[expect(clippy::cast_precision_loss, reason = "53 bits are what a float holds")]
        let share = (drawn >> 11) as f64 / (1_u64 << 53) as f64;
        share < self.failure_rate
    }
}

/// The output function of splitmix64 (Steele, Lea and Flood 2014): every bit depends on every bit.
fn mixed(value: u64) -> u64 {
    let mut bits = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}
