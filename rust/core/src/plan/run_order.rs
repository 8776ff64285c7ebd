//! The order of a run under resources: planned where planning can gain more than it costs.

use std::sync::Arc;

use super::bound::lower_bound;
use super::list::list_schedule;
use super::planner::{N_NODES_SEARCHED_MAX, plan};
use super::problem::Problem;
use super::static_order::{StaticOrder, static_order};
use crate::graph::{Graph, NodeId, critical_path};

/// Planning may cost one part in so many of what it can gain at most.
const GAIN_PER_COST: u64 = 10;

/// What a schedule costs for each node, in nanoseconds; from 120 nodes (31) to 4,000 it grows with the width.
const SCHEDULE_COST_PER_NODE_NS: u64 = 100;

/// However much there is to gain, nobody waits longer for a plan.
const COST_MAX_NS: u64 = 100_000_000;

/// Fewer schedules than these do not begin to search.
const N_SCHEDULES_MIN: u64 = 20;

/// A planned order takes the place of the static one where it is shorter by one part in so many: less is noise.
const MAKESPAN_PER_GAIN: u64 = 200;

/// An order, and what is expected of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunOrder {
    /// The position is the priority.
    pub order: StaticOrder,
    /// When the last node ends, if durations are as expected and workers start what fits, the first in order first.
    pub makespan_ns: u64,
    /// No order ends earlier.
    pub lower_bound_ns: u64,
    /// How many schedules the search generated; 0 where it could not pay.
    pub n_schedules: u64,
}

/// Orders a graph for workers that start, whenever one is free, the first node in order that fits.
///
/// The static order (see [`static_order`]) knows nothing of resources. Where list scheduling by it leaves a gap to the lower
/// bound, a search may spend a tenth of that gap, in schedules, so that it is deterministic; its order is taken if list
/// scheduling by it is shorter by at least half a percent. So the order is never worse than the static one, as far as
/// durations are known.
///
/// `problem` has the workers among its resources, each node demanding one. Durations of 0 count as 1.
///
/// # Panics
///
/// Never: a problem has one duration per node.
///
/// # Complexity
///
/// O((n + m) log n), and the search; at most 0.1 s of it on the machine that the costs were measured on.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use makespan_core::graph::Graph;
/// use makespan_core::plan::{Problem, run_order};
///
/// // Two workers; nodes 1 and 2 need the same license, 3 needs none.
/// let graph = Arc::new(Graph::from_edges(3, &[])?);
/// let ms = 1_000_000;
/// let demands = vec![1, 1, 1, 1, 1, 0];
/// let problem = Problem::new(graph, vec![20 * ms, 20 * ms, 40 * ms], demands, vec![2, 1])?;
/// let found = run_order(&problem, 2, 0);
/// assert_eq!((found.makespan_ns, found.lower_bound_ns), (40 * ms, 40 * ms));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn run_order(problem: &Problem, n_workers: usize, seed: u64) -> RunOrder {
    let graph = problem.graph();
    let order = static_order(graph, problem.durations_ns(), n_workers);
    let critical = critical_path(graph, problem.durations_ns()).expect("each node has a duration");
    let lower_bound_ns = lower_bound(problem, &critical);
    let makespan_ns = dispatched_ns(problem, &order);
    let mut found = RunOrder { order, makespan_ns, lower_bound_ns, n_schedules: 0 };
    let n_schedules_max = n_schedules_worth(graph.n_nodes(), makespan_ns.saturating_sub(lower_bound_ns));
    if n_schedules_max < N_SCHEDULES_MIN || graph.n_nodes() > N_NODES_SEARCHED_MAX {
        return found;
    }
    let planned = plan(problem, seed, n_schedules_max, || true);
    found.n_schedules = planned.n_schedules;
    let order = StaticOrder::Order(by_start(graph, &planned.starts_ns));
    let makespan_ns = dispatched_ns(problem, &order);
    if makespan_ns + makespan_ns / MAKESPAN_PER_GAIN < found.makespan_ns {
        found.order = order;
        found.makespan_ns = makespan_ns;
    }
    found
}

/// A problem whose first resource is the workers, and whose others are given: one row of `capacities.len()` demands per node.
///
/// None where it cannot be planned: a node demands more than there is, or the durations add up to more than 292 years.
#[must_use]
pub fn problem_of_workers(
    graph: &Arc<Graph>,
    durations_ns: &[u64],
    n_workers: usize,
    demands: &[i64],
    capacities: &[i64],
) -> Option<Problem> {
    let durations_ns = durations_ns.iter().map(|ns| (*ns).max(1)).collect();
    let n_resources = capacities.len();
    let mut rows = Vec::with_capacity(graph.n_nodes() * (n_resources + 1));
    for node in 0..graph.n_nodes() {
        rows.push(1);
        rows.extend(&demands[node * n_resources..(node + 1) * n_resources]);
    }
    let mut all = Vec::with_capacity(n_resources + 1);
    all.push(i64::try_from(n_workers).unwrap_or(i64::MAX));
    all.extend(capacities);
    Problem::new(Arc::clone(graph), durations_ns, rows, all).ok()
}

/// How many schedules may be generated for a gain of so much at most.
fn n_schedules_worth(n_nodes: usize, gain_ns: u64) -> u64 {
    let cost_ns = (gain_ns / GAIN_PER_COST).min(COST_MAX_NS);
    cost_ns / (n_nodes.max(1) as u64 * SCHEDULE_COST_PER_NODE_NS)
}

/// When the last node ends if workers start the first in order that fits.
fn dispatched_ns(problem: &Problem, order: &StaticOrder) -> u64 {
    let n_nodes = problem.n_nodes();
    let mut priorities = vec![0; n_nodes];
    match order {
        StaticOrder::Identity => {
            for (node, priority) in priorities.iter_mut().enumerate() {
                *priority = (n_nodes - node) as u64;
            }
        }
        StaticOrder::Order(order) => {
            for (position, node) in order.iter().enumerate() {
                priorities[node.index()] = (n_nodes - position) as u64;
            }
        }
    }
    problem.makespan_ns(&list_schedule(problem, &priorities))
}

/// The nodes by start, in topological order among equals.
fn by_start(graph: &Graph, starts_ns: &[u64]) -> Vec<NodeId> {
    let mut order: Vec<NodeId> = graph.topological_order().collect();
    order.sort_by_key(|node| starts_ns[node.index()]);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn problem(in_ms: &[u64], demands: &[i64], capacity: i64, n_workers: usize) -> Problem {
        let graph = Arc::new(Graph::from_edges(in_ms.len(), &[]).unwrap());
        let durations_ns: Vec<u64> = in_ms.iter().map(|ms| ms * MS).collect();
        problem_of_workers(&graph, &durations_ns, n_workers, demands, &[capacity]).unwrap()
    }

    #[test]
    fn test_a_resource_that_the_ranks_do_not_see_is_planned_for() {
        // Those that need the license are short, but many: by rank they go last, one after another.
        let problem = problem(&[60, 60, 40, 40, 40, 40], &[0, 0, 1, 1, 1, 1], 1, 2);
        let by_rank = static_order(problem.graph(), problem.durations_ns(), 2);
        assert_eq!(dispatched_ns(&problem, &by_rank), 220 * MS);
        let found = run_order(&problem, 2, 7);
        assert_eq!((found.makespan_ns, found.lower_bound_ns), (160 * MS, 160 * MS));
        assert!(found.n_schedules > 1);
    }

    #[test]
    fn test_nothing_is_searched_where_the_static_order_meets_the_bound() {
        let problem = problem(&[10, 10, 10, 10], &[0; 4], 1, 2);
        assert_eq!(run_order(&problem, 2, 0).n_schedules, 0);
    }

    #[test]
    fn test_microseconds_are_not_worth_a_search() {
        assert_eq!(n_schedules_worth(100, 9_000), 0);
        assert_eq!(n_schedules_worth(100, 100 * MS), 1_000);
        assert_eq!(n_schedules_worth(100, 1 << 60), 10_000);
    }

    #[test]
    fn test_what_cannot_be_planned_is_none() {
        let graph = Arc::new(Graph::from_edges(1, &[]).unwrap());
        assert!(problem_of_workers(&graph, &[1], 1, &[5], &[4]).is_none());
        assert!(problem_of_workers(&graph, &[u64::MAX], 1, &[], &[]).is_none());
    }

    #[test]
    fn test_the_order_is_topological_whatever_the_starts() {
        let graph = Graph::from_arrays(4, &[3, 0], &[0, 1]).unwrap();
        let order = by_start(&graph, &[5, 5, 0, 5]);
        assert_eq!(order.iter().map(|node| node.get()).collect::<Vec<_>>(), [2, 3, 0, 1]);
    }
}
