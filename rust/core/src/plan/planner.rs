//! From a problem to a plan: which method, how long, and what is known about the result.

use super::bound::lower_bound;
use super::budget::Budget;
use super::compact::{Compact, N_WORDS_MAX};
use super::list::list_schedule;
use super::problem::Problem;
use super::profile::{Events, Grid, Profile, Row};
use super::search::{Best, Search};
use crate::graph::critical_path;

/// Larger problems are not searched: one pass of list scheduling is most of what the time allows.
pub const N_NODES_SEARCHED_MAX: usize = 4_000;

/// A grid is used while durations are at most so many units on average; with longer ones, moments of change are fewer.
const N_UNITS_PER_NODE_MAX: u64 = 64;

/// How a plan was found.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// No resource can be short: every node starts when its predecessors have ended, which is optimal.
    EarliestStart,
    /// Parallel list scheduling by upward rank, one pass.
    ListScheduling,
    /// Search over lists of nodes.
    Search,
}

impl Method {
    /// The method as a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EarliestStart => "earliest_start",
            Self::ListScheduling => "list_scheduling",
            Self::Search => "search",
        }
    }
}

/// A schedule, and what is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// When each node starts, by id.
    pub starts_ns: Vec<u64>,
    /// When the last node ends.
    pub makespan_ns: u64,
    /// No schedule is shorter than this; if it is the makespan, the schedule is optimal.
    pub lower_bound_ns: u64,
    /// How the schedule was found.
    pub method: Method,
    /// How many schedules were generated, the passes of justification counted.
    pub n_schedules: u64,
    /// Whether `keep_going` ended the search, before the schedules were used up.
    pub is_truncated: bool,
}

/// Finds a schedule with a short makespan.
///
/// The first schedule is made in any case: by upward rank, one pass. Up to [`N_NODES_SEARCHED_MAX`] nodes it is then improved
/// until the makespan meets the lower bound, `n_schedules_max` schedules have been generated, or `keep_going` says no; it is
/// asked before every schedule. Larger problems, and those with so many different resources that they do not fit into a few
/// words, keep the first schedule.
///
/// Deterministic for a problem, a seed and `n_schedules_max`, as long as `keep_going` says yes.
///
/// # Panics
///
/// Never: a problem has a solution.
///
/// # Complexity
///
/// O((n + m) log n) for the first schedule and the bound; about O(n + m) for each further one.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use makespan_core::graph::Graph;
/// use makespan_core::plan::{Problem, plan};
///
/// // Three nodes for two workers: 2 + 1 beside 3 is best, and longest first does not see it.
/// let graph = Arc::new(Graph::from_edges(5, &[])?);
/// let problem = Problem::new(graph, vec![3, 3, 2, 2, 2], vec![1; 5], vec![2])?;
/// let planned = plan(&problem, 0, 1_000, || true);
/// assert_eq!((planned.makespan_ns, planned.lower_bound_ns), (6, 6));
/// assert_eq!(problem.first_violation(&planned.starts_ns), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn plan(problem: &Problem, seed: u64, n_schedules_max: u64, keep_going: impl FnMut() -> bool) -> Planned {
    let critical = critical_path(problem.graph(), problem.durations_ns()).expect("each node has a duration");
    if !problem.has_short_resource() {
        return Planned {
            makespan_ns: critical.length_ns,
            lower_bound_ns: critical.length_ns,
            starts_ns: critical.earliest_start_ns,
            method: Method::EarliestStart,
            n_schedules: 1,
            is_truncated: false,
        };
    }
    let lower_bound_ns = lower_bound(problem, &critical);
    let ranks_ns: Vec<_> = critical.latest_start_ns.iter().map(|start| critical.length_ns - start).collect();
    let starts_ns = list_schedule(problem, &ranks_ns);
    let mut planned = Planned {
        makespan_ns: problem.makespan_ns(&starts_ns),
        lower_bound_ns,
        starts_ns,
        method: Method::ListScheduling,
        n_schedules: 1,
        is_truncated: false,
    };
    let is_searched = problem.n_nodes() <= N_NODES_SEARCHED_MAX && n_schedules_max > 1;
    if planned.makespan_ns > lower_bound_ns && is_searched {
        let compact = Compact::new(problem);
        if compact.n_words() <= N_WORDS_MAX {
            let mut budget = Budget::new(1, n_schedules_max, keep_going);
            searched(&compact, seed, &mut budget, &mut planned);
        }
    }
    planned
}

/// How many schedules are generated where nobody says: so many that planning takes a few milliseconds, whatever the size.
#[must_use]
pub fn default_schedules(n_nodes: usize) -> u64 {
    // A pass places every node, and for each it may look at moments in proportion to the nodes.
    const N_LOOKS: usize = 20_000_000;
    (N_LOOKS / n_nodes.max(1).saturating_pow(2)).clamp(10, 1_000) as u64
}

/// Chooses how time and resources are represented, searches, and notes what was found.
fn searched(compact: &Compact, seed: u64, budget: &mut Budget<impl FnMut() -> bool>, planned: &mut Planned) {
    let units: u64 = compact.durations.iter().sum();
    let is_short = units <= N_UNITS_PER_NODE_MAX * compact.n_nodes() as u64;
    let best = match (compact.n_words(), is_short) {
        (0 | 1, true) if compact.n_bits_max() <= u32::N_BITS => {
            searched_with::<Grid<u32>>(compact, seed, budget, planned)
        }
        (0 | 1, true) => searched_with::<Grid<[u64; 1]>>(compact, seed, budget, planned),
        (0 | 1, false) => searched_with::<Events<[u64; 1]>>(compact, seed, budget, planned),
        (2, true) => searched_with::<Grid<[u64; 2]>>(compact, seed, budget, planned),
        (2, false) => searched_with::<Events<[u64; 2]>>(compact, seed, budget, planned),
        (_, true) => searched_with::<Grid<[u64; N_WORDS_MAX]>>(compact, seed, budget, planned),
        (_, false) => searched_with::<Events<[u64; N_WORDS_MAX]>>(compact, seed, budget, planned),
    };
    planned.makespan_ns = best.makespan * compact.unit_ns;
    planned.starts_ns = compact.starts_ns(&best.starts);
    planned.method = Method::Search;
    planned.n_schedules = budget.n_spent();
    planned.is_truncated = budget.is_truncated();
}

fn searched_with<P: Profile>(
    compact: &Compact,
    seed: u64,
    budget: &mut Budget<impl FnMut() -> bool>,
    planned: &Planned,
) -> Best {
    let first = Best {
        makespan: planned.makespan_ns / compact.unit_ns,
        starts: compact.order.iter().map(|node| planned.starts_ns[node.index()] / compact.unit_ns).collect(),
    };
    let bound = planned.lower_bound_ns.div_ceil(compact.unit_ns);
    Search::<P>::new(compact, first, seed).run(bound, budget)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::graph::Graph;

    fn independent(durations_ns: &[u64], n_workers: i64) -> Problem {
        let n_nodes = durations_ns.len();
        let graph = Arc::new(Graph::from_edges(n_nodes, &[]).unwrap());
        Problem::new(graph, durations_ns.to_vec(), vec![1; n_nodes], vec![n_workers]).unwrap()
    }

    #[test]
    fn test_the_method_follows_from_the_problem() {
        assert_eq!(plan(&independent(&[1, 2], 2), 0, 10, || true).method, Method::EarliestStart);
        // Meets the bound at once.
        let planned = plan(&independent(&[2, 2], 1), 0, 10, || true);
        assert_eq!((planned.method, planned.n_schedules), (Method::ListScheduling, 1));
        let planned = plan(&independent(&[3, 3, 2, 2, 2], 2), 0, 100, || true);
        assert_eq!((planned.method, planned.makespan_ns), (Method::Search, 6));
        let large = vec![1; N_NODES_SEARCHED_MAX + 1];
        assert_eq!(plan(&independent(&large, 4), 0, 100, || true).method, Method::ListScheduling);
    }

    #[test]
    fn test_no_more_schedules_are_generated_than_allowed() {
        let problem = independent(&[5, 5, 4, 4, 3, 3, 3, 7, 11, 2], 3);
        for n_max in 0..40 {
            let planned = plan(&problem, 1, n_max, || true);
            assert!(planned.n_schedules <= n_max.max(1), "{planned:?}");
            assert!(!planned.is_truncated);
        }
    }

    #[test]
    fn test_who_is_stopped_keeps_the_best_so_far() {
        let problem = independent(&[9, 8, 8, 7, 7, 5, 5, 5, 3], 4);
        let mut n_asked = 0;
        let planned = plan(&problem, 1, 1_000, || {
            n_asked += 1;
            n_asked < 5
        });
        assert_eq!(problem.first_violation(&planned.starts_ns), None);
        assert!(
            planned.makespan_ns == planned.lower_bound_ns || planned.is_truncated && planned.n_schedules == 5
        );
    }

    #[test]
    fn test_wide_amounts_and_long_times_are_searched_as_well() {
        let n_nodes = 9;
        let graph = Arc::new(Graph::from_edges(n_nodes, &[]).unwrap());
        let capacities = vec![i64::MAX - 1, (1 << 50) + 1, 1 << 40];
        let durations: Vec<_> = (0..9).map(|node| 1_000_000_007 + 313_131_313 * (node * node % 7)).collect();
        let demands = (0..9).flat_map(|node| [i64::MAX / (2 + node % 3), (1 << 49) + node, (1 << 39) - node]);
        let problem = Problem::new(graph, durations, demands.collect(), capacities).unwrap();
        let planned = plan(&problem, 3, 500, || true);
        assert_eq!(problem.first_violation(&planned.starts_ns), None);
        assert!(planned.makespan_ns >= planned.lower_bound_ns);
    }

    #[test]
    fn test_nothing_is_planned_in_no_time() {
        let planned = plan(&independent(&[], 1), 0, 10, || true);
        assert_eq!((planned.makespan_ns, planned.starts_ns.len()), (0, 0));
    }
}
