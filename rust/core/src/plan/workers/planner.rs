//! From a problem to a plan on workers.

use std::sync::Arc;

use super::bound::lower_bound;
use super::compact::Compact;
use super::construct::heft_list;
use super::decode::{ANY, Decoder};
use super::problem::{WorkerProblem, WorkerSchedule};
use super::search::{Best, Search};
use crate::plan::budget::Budget;
use crate::plan::generate::Direction;
use crate::plan::planner::plan;
use crate::plan::problem::Problem;

/// How a schedule was found.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum WorkerMethod {
    /// Heterogeneous earliest finish time, one pass.
    Heft,
    /// Predicted earliest finish time, one pass.
    Peft,
    /// One pass by the longest path on the fastest workers.
    BLevel,
    /// Search over lists of nodes.
    Search,
}

impl WorkerMethod {
    /// The method as a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Heft => "heft",
            Self::Peft => "peft",
            Self::BLevel => "b_level",
            Self::Search => "search",
        }
    }
}

/// A schedule on workers, and what is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerPlanned {
    /// Where and when every node runs.
    pub schedule: WorkerSchedule,
    /// When the last node ends.
    pub makespan_ns: u64,
    /// No schedule is shorter than this; if it is the makespan, the schedule is optimal.
    pub lower_bound_ns: u64,
    /// How the schedule was found.
    pub method: WorkerMethod,
    /// How many schedules were generated, the passes of justification counted.
    pub n_schedules: u64,
    /// Whether `keep_going` ended the search, before the schedules were used up.
    pub is_truncated: bool,
}

/// How many schedules are generated where nobody says: one of large problems, and of others so many that it takes
/// milliseconds.
#[must_use]
pub fn default_worker_schedules(n_nodes: usize, n_workers: usize) -> u64 {
    const N_PAIRS: usize = 1_000_000;
    (N_PAIRS / n_nodes.saturating_mul(n_workers).max(1)).clamp(1, 1_000) as u64
}

/// Finds a schedule with a short makespan on workers of different speed.
///
/// The first schedule is made in any case, by HEFT. It is then improved, beginning with PEFT and the longest path on the fastest
/// workers, until the makespan meets the lower bound, `n_schedules_max` schedules have been generated, or `keep_going` says no;
/// it is asked before every schedule. So the result is never longer than HEFT's. Where all workers are alike and it does not
/// matter which one a node gets, they are one resource, and [`plan()`](crate::plan::plan()) does the search.
///
/// Deterministic for a problem, a seed and `n_schedules_max`, as long as `keep_going` says yes.
///
/// # Panics
///
/// Never: a problem has a solution.
///
/// # Complexity
///
/// O(n · (w + log n) + m) per schedule for n nodes, w workers and m edges, while gaps are few. Bookkeeping takes O(n · k), where k
/// is the number of different kinds of workers.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use makespan_core::graph::Graph;
/// use makespan_core::plan::{WorkerDurations, WorkerProblem, plan_on_workers};
///
/// // Two chains; the second worker is twice as fast.
/// let graph = Arc::new(Graph::from_arrays(4, &[0, 2], &[1, 3])?);
/// let durations = WorkerDurations::Speeds { durations_ns: vec![4, 4, 2, 2], speeds: vec![1.0, 2.0] };
/// let problem = WorkerProblem::new(graph, durations, vec![1; 2], vec![1; 4], vec![9, 9])?;
/// let planned = plan_on_workers(&problem, 0, 100, || true);
/// assert_eq!((planned.makespan_ns, planned.lower_bound_ns), (4, 4));
/// assert_eq!(problem.first_violation(&planned.schedule), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn plan_on_workers(
    problem: &WorkerProblem,
    seed: u64,
    n_schedules_max: u64,
    mut keep_going: impl FnMut() -> bool,
) -> WorkerPlanned {
    let compact = Compact::new(problem);
    let mut lower_bound_ns = lower_bound(&compact);
    let mut decoder = Decoder::new(&compact);
    let mut workers = vec![ANY; compact.n_nodes()];
    let makespan = decoder.decode(Direction::Forward, &heft_list(&compact), &mut workers, None);
    let starts = decoder.starts().to_vec();
    let mut best = Best { makespan, starts, workers, method: WorkerMethod::Heft };
    let (mut n_schedules, mut is_truncated) = (1, false);
    if makespan > lower_bound_ns && n_schedules_max > 1 {
        if let Some(pool) = pooled(problem, &compact) {
            let planned = plan(&pool, seed, n_schedules_max - 1, &mut keep_going);
            lower_bound_ns = lower_bound_ns.max(planned.lower_bound_ns);
            n_schedules += planned.n_schedules;
            is_truncated = planned.is_truncated;
            adopt(&planned.starts_ns, &compact, &mut decoder, &mut best);
        } else {
            let mut budget = Budget::new(1, n_schedules_max, keep_going);
            best = Search::new(&compact, decoder, best, seed).run(lower_bound_ns, &mut budget);
            n_schedules = budget.n_spent();
            is_truncated = budget.is_truncated();
        }
    }
    WorkerPlanned {
        schedule: compact.schedule(&best.starts, &best.workers),
        makespan_ns: best.makespan,
        lower_bound_ns,
        method: best.method,
        n_schedules,
        is_truncated,
    }
}

/// The same problem with all cores as one resource, if any schedule of that can be kept by the workers.
fn pooled(problem: &WorkerProblem, compact: &Compact) -> Option<Problem> {
    let is_any_worker_good = compact.n_workers() == 1 || compact.demands.iter().all(|&demand| demand <= 1);
    if compact.n_kinds() != 1 || compact.has_transfers || !is_any_worker_good {
        return None;
    }
    let durations_ns = (0..problem.n_nodes()).map(|node| problem.duration_ns(node, 0)).collect();
    let demands = problem.demands().iter().copied().map(i64::from).collect();
    let n_cores = problem.cores().iter().copied().map(i64::from).sum();
    Problem::new(Arc::clone(problem.graph()), durations_ns, demands, vec![n_cores]).ok()
}

/// Gives every node of a pooled schedule a worker. In the order of starts, at a node's start a core is free for good among
/// the nodes before it, so that no node starts later.
fn adopt(starts_ns: &[u64], compact: &Compact, decoder: &mut Decoder<'_>, best: &mut Best) {
    let mut list: Vec<u32> = (0..starts_ns.len() as u32).collect();
    list.sort_by_key(|&position| starts_ns[compact.order[position as usize].index()]);
    let mut workers = vec![ANY; list.len()];
    let makespan = decoder.decode(Direction::Forward, &list, &mut workers, None);
    best.improve(makespan, decoder, &workers, WorkerMethod::Search);
}

#[cfg(test)]
mod tests {
    use super::super::problem::WorkerDurations;
    use super::*;
    use crate::graph::Graph;

    fn independent(durations_ns: &[u64], speeds: &[f64], n_cores: u32, demands: &[u32]) -> WorkerProblem {
        let graph = Arc::new(Graph::from_edges(durations_ns.len(), &[]).unwrap());
        let durations =
            WorkerDurations::Speeds { durations_ns: durations_ns.to_vec(), speeds: speeds.to_vec() };
        let cores = vec![n_cores; speeds.len()];
        WorkerProblem::new(graph, durations, cores, demands.to_vec(), vec![]).unwrap()
    }

    #[test]
    fn test_workers_that_are_alike_are_searched_as_one_resource() {
        let problem = independent(&[3, 3, 2, 2, 2], &[1.0, 1.0], 1, &[1; 5]);
        let planned = plan_on_workers(&problem, 0, 200, || true);
        assert_eq!(
            (planned.makespan_ns, planned.lower_bound_ns, planned.method),
            (6, 6, WorkerMethod::Search)
        );
        assert_eq!(problem.first_violation(&planned.schedule), None);
        // Two cores at once are on one worker, so that these are not one resource: 2 + 1 beside 2 + 1.
        let problem = independent(&[2, 2, 3, 3], &[1.0, 1.0], 3, &[2, 2, 1, 1]);
        assert_eq!(plan_on_workers(&problem, 0, 200, || true).makespan_ns, 3);
    }

    #[test]
    fn test_the_first_schedule_is_made_whatever_the_budget_and_no_more_than_allowed() {
        let problem = independent(&[5, 5, 4, 4, 3, 3, 3, 7, 11, 2], &[1.0, 0.7, 0.4], 1, &[1; 10]);
        let heft = plan_on_workers(&problem, 1, 0, || true);
        assert_eq!((heft.method, heft.n_schedules), (WorkerMethod::Heft, 1));
        for n_max in 1..30 {
            let planned = plan_on_workers(&problem, 1, n_max, || true);
            assert!(planned.n_schedules <= n_max && !planned.is_truncated, "{planned:?}");
            assert!(planned.makespan_ns <= heft.makespan_ns);
        }
        let mut n_asked = 0;
        let stopped = plan_on_workers(&problem, 1, 1_000, || {
            n_asked += 1;
            n_asked < 4
        });
        assert_eq!((stopped.n_schedules, stopped.is_truncated), (4, true));
    }

    #[test]
    fn test_nothing_is_planned_in_no_time() {
        let planned = plan_on_workers(&independent(&[], &[], 1, &[]), 0, 10, || true);
        assert_eq!((planned.makespan_ns, planned.lower_bound_ns), (0, 0));
    }
}
