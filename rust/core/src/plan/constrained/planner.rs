//! From checked terms to a plan.

use super::bound::lower_bound;
use super::check::Constrained;
use super::search::{Best, Search};
use super::terms::NEVER_NS;
use crate::plan::budget::Budget;
use crate::plan::error::PlanError;
use crate::plan::planner::{Method, N_NODES_SEARCHED_MAX};

/// An earlier plan to begin with.
#[derive(Clone, Debug)]
pub struct Hint {
    /// By node: smaller goes first, as far as predecessors allow. The starts of the earlier plan.
    pub keys: Vec<u64>,
    /// By node: the mode in the earlier plan, counted within the node.
    pub modes: Vec<u32>,
}

/// A schedule that keeps all terms, and what is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConstrainedPlan {
    /// When each node starts, by id.
    pub starts_ns: Vec<u64>,
    /// When each node finishes, by id.
    pub finishes_ns: Vec<u64>,
    /// In which of its modes each node runs, by id.
    pub modes: Vec<u32>,
    /// The objective: nanoseconds, times weights where it is a weighted sum.
    pub value: i128,
    /// No schedule has a smaller objective; if it is the value, the schedule is optimal.
    pub lower_bound: i128,
    /// How the schedule was found.
    pub method: Method,
    /// How many schedules were generated, the passes of justification counted.
    pub n_schedules: u64,
    /// Whether `keep_going` ended the search, before the schedules were used up.
    pub is_truncated: bool,
}

/// Finds a schedule that keeps all terms and has a small objective.
///
/// The first schedule is made in any case, in the order of the hint if there is one. Up to [`N_NODES_SEARCHED_MAX`]
/// nodes it is then improved until the objective meets the lower bound, `n_schedules_max` schedules have been
/// generated, or `keep_going` says no; it is asked before every schedule but the first.
///
/// Deterministic for terms, a hint, a seed and `n_schedules_max`, as long as `keep_going` says yes.
///
/// # Errors
///
/// [`PlanError`] when no schedule was found that keeps all terms: it tells how far the best one is from that. This
/// is no proof that there is none.
///
/// # Panics
///
/// When the hint does not have an entry for each node.
///
/// # Complexity
///
/// A schedule takes O(n log n + m) and a look through what is free, which is O(n) for each node at most.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use makespan_core::graph::Graph;
/// use makespan_core::plan::constrained::{Constrained, Modes, Objective, Supply, Terms, plan_constrained};
///
/// // Two nodes for one worker: the one that is due first goes first, although it is released late.
/// let terms = Terms {
///     objective: Objective::MaximumLateness,
///     releases_ns: vec![0, 1],
///     dues_ns: vec![9, 3],
///     ..Terms::default()
/// };
/// let graph = Arc::new(Graph::from_edges(2, &[])?);
/// let problem = Constrained::new(graph, &Modes::single(vec![4, 2], vec![1, 1]), Supply::constant(vec![1]), terms)?;
/// let plan = plan_constrained(&problem, None, 0, 100, || true)?;
/// assert_eq!((plan.starts_ns, plan.value), (vec![3, 1], 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn plan_constrained(
    problem: &Constrained,
    hint: Option<&Hint>,
    seed: u64,
    n_schedules_max: u64,
    keep_going: impl FnMut() -> bool,
) -> Result<ConstrainedPlan, PlanError> {
    let lower_bound = lower_bound(problem);
    let is_searched = problem.n_nodes() <= N_NODES_SEARCHED_MAX;
    let n_max = if is_searched { n_schedules_max } else { 1 };
    let mut budget = Budget::new(0, n_max, keep_going);
    let best = Search::new(problem, seed).run(hint, lower_bound, &mut budget);
    if let Some(error) = refusal(problem, &best) {
        return Err(error);
    }
    Ok(ConstrainedPlan {
        starts_ns: best.starts,
        finishes_ns: best.finishes,
        modes: best.modes.iter().map(|&mode| problem.idx_of_mode[mode as usize]).collect(),
        value: best.cost.value,
        lower_bound,
        method: if budget.n_spent() > 1 { Method::Search } else { Method::ListScheduling },
        n_schedules: budget.n_spent(),
        is_truncated: budget.is_truncated(),
    })
}

/// What the best schedule that was found does not keep.
fn refusal(problem: &Constrained, best: &Best) -> Option<PlanError> {
    if best.cost.is_feasible() {
        return None;
    }
    if let Some(node) = best.unplaced {
        let duration_ns = problem.durations[best.modes[node] as usize];
        return Some(PlanError::NoStretch { node, duration_ns, longest_ns: 0, is_proven: false });
    }
    if best.cost.excess > 0 {
        let amounts =
            |idx: usize| best.modes.iter().map(move |&mode| problem.consumed_by(mode as usize)[idx]);
        let used = (0..problem.stock.len()).map(|idx| amounts(idx).map(i128::from).sum::<i128>());
        let over = used.enumerate().find(|&(idx, used)| used > i128::from(problem.stock[idx]));
        return over.map(|(idx, amount)| PlanError::StockTooSmall {
            resource: problem.stock_resources[idx],
            amount,
            capacity: problem.stock[idx],
            is_proven: false,
        });
    }
    let late = |&node: &usize| best.finishes[node].saturating_sub(problem.limits[node]);
    let node = (0..problem.n_nodes()).rev().max_by_key(late)?;
    debug_assert_ne!(problem.limits[node], NEVER_NS, "who has no limit is not late");
    Some(problem.too_late(node, best.finishes[node], false))
}
