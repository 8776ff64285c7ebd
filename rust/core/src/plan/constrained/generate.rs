//! From a list of nodes with their modes to a schedule, and back to a better list.

use super::calendar::Calendar;
use super::check::Constrained;
use super::terms::NEVER_NS;
use crate::graph::NodeId;

/// How bad a schedule is: what is impossible counts before what is late, and that before the objective.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cost {
    /// So many nodes have no place, since what the supply has in the end is too little for them.
    pub(super) n_unplaced: usize,
    /// By how much more is used up than there is, over all resources.
    pub(super) excess: u128,
    /// By how much nodes miss their limits, over all nodes.
    pub(super) late: u128,
    /// The objective.
    pub(super) value: i128,
}

impl Cost {
    /// Whether the schedule keeps all terms.
    pub(super) const fn is_feasible(&self) -> bool {
        self.n_unplaced == 0 && self.excess == 0 && self.late == 0
    }
}

/// Generates schedules; once it has warmed up, without allocating.
pub(super) struct Generator<'a> {
    problem: &'a Constrained,
    calendar: Calendar,
    /// Of the last pass, by node.
    pub(super) starts: Vec<u64>,
    pub(super) finishes: Vec<u64>,
    n_unplaced: usize,
    /// The first node without a place.
    pub(super) unplaced: Option<usize>,
    used: Vec<i128>,
    by_time: Vec<(u64, u32, NodeId)>,
}

impl<'a> Generator<'a> {
    pub(super) fn new(problem: &'a Constrained) -> Self {
        let n_nodes = problem.n_nodes();
        Self {
            problem,
            calendar: problem.calendar.clone(),
            starts: vec![0; n_nodes],
            finishes: vec![0; n_nodes],
            n_unplaced: 0,
            unplaced: None,
            used: vec![0; problem.stock.len()],
            by_time: Vec::with_capacity(n_nodes),
        }
    }

    /// Serial generation (Kelley 1963): each node of the list as early as its terms and the nodes before it allow.
    ///
    /// Where `is_choosing` says yes to a node, it runs in the mode in which it finishes first, among those that do
    /// not use up more than there is (as the extended generation of Van Peteghem and Vanhoucke 2010); `modes` is
    /// changed to that.
    pub(super) fn forward(
        &mut self,
        list: &[NodeId],
        modes: &mut [u32],
        mut is_choosing: impl FnMut() -> bool,
    ) -> Cost {
        let problem = self.problem;
        self.calendar.reset(&problem.calendar);
        (self.n_unplaced, self.unplaced) = (0, None);
        used_by(problem, modes, &mut self.used);
        for &node_id in list {
            let node = node_id.index();
            let mode = modes[node] as usize;
            if problem.starts[node] != NEVER_NS {
                self.starts[node] = problem.starts[node];
                self.finishes[node] = problem.starts[node] + problem.durations[mode];
                continue;
            }
            let before =
                problem.graph.predecessors(node_id).iter().map(|before| self.finishes[before.index()]);
            let ready = before.max().map_or(0, |finish| finish + problem.delays[node]);
            let earliest = ready.max(problem.releases[node]);
            let mut chosen = self.fit(earliest, mode).map(|start| (start + problem.durations[mode], mode));
            let others = problem.modes_of(node);
            if others.len() > 1 && is_choosing() {
                for other in others.filter(|&other| other != mode && self.is_affordable(mode, other)) {
                    let finish = self.fit(earliest, other).map(|start| start + problem.durations[other]);
                    if let Some(finish) = finish
                        && chosen.is_none_or(|(best, _)| finish < best)
                    {
                        chosen = Some((finish, other));
                    }
                }
            }
            let (finish, kept) = chosen.unwrap_or_else(|| {
                self.n_unplaced += 1;
                self.unplaced.get_or_insert(node);
                (earliest + problem.durations[mode], mode)
            });
            if kept != mode {
                modes[node] = kept as u32;
                used_by_change(problem, mode as u32, kept as u32, &mut self.used);
            }
            self.finishes[node] = finish;
            self.starts[node] = finish - problem.durations[kept];
            if chosen.is_some() {
                self.calendar.take(self.starts[node], problem.durations[kept], problem.held_by(kept));
                self.calendar.close(problem.opens, &problem.least_held);
            }
        }
        self.cost()
    }

    fn fit(&self, earliest: u64, mode: usize) -> Option<u64> {
        self.calendar.first_fit(earliest, self.problem.durations[mode], self.problem.held_by(mode))
    }

    /// Whether another mode uses up no more than there is, or than the one that it replaces.
    fn is_affordable(&self, mode: usize, other: usize) -> bool {
        let amounts = self.problem.consumed_by(other).iter().zip(self.problem.consumed_by(mode));
        let mut stocks = self.used.iter().zip(&self.problem.stock).zip(amounts);
        stocks.all(|((used, &stock), (&more, &less))| {
            more <= less || used + i128::from(more) - i128::from(less) <= i128::from(stock)
        })
    }

    fn cost(&self) -> Cost {
        let problem = self.problem;
        let late = self.finishes.iter().zip(&problem.limits);
        Cost {
            n_unplaced: self.n_unplaced,
            excess: excess(problem, &self.used),
            late: late.map(|(finish, limit)| u128::from(finish.saturating_sub(*limit))).sum(),
            value: problem.value(&self.finishes),
        }
    }

    /// Moves every node of the last schedule as late as its successors and the objective allow, last finish first,
    /// and turns `list` into the order of the new starts: the first half of double justification (Valls, Ballestín
    /// and Quintanilla 2005), for any regular objective. A forward pass over the result finishes no node later than
    /// it is here, so that neither the objective nor a missed limit becomes worse.
    pub(super) fn justify(&mut self, list: &mut [NodeId], modes: &[u32]) {
        let problem = self.problem;
        let value = problem.value(&self.finishes);
        let end = self.finishes.iter().copied().max().unwrap_or(0);
        let order = list.iter().zip(0_u32..);
        self.by_time.clear();
        self.by_time.extend(order.map(|(&node, idx)| (self.finishes[node.index()], idx, node)));
        self.by_time.sort_unstable();
        self.calendar.reset(&problem.calendar);
        for &(finish, _, node_id) in self.by_time.iter().rev() {
            let node = node_id.index();
            if problem.starts[node] != NEVER_NS {
                continue;
            }
            // What a finish may be at the latest without a higher value.
            let harmless = match problem.dues[node] {
                NEVER_NS => end,
                due if problem.objective.is_sum() => {
                    if problem.weights[node] == 0 {
                        end
                    } else {
                        due
                    }
                }
                due => u64::try_from(i128::from(due) + value).unwrap_or(0),
            };
            let mut latest = finish.max(harmless.min(problem.limits[node]).min(end));
            for next in problem.graph.successors(node_id) {
                if problem.starts[next.index()] == NEVER_NS {
                    latest = latest.min(self.starts[next.index()] - problem.delays[next.index()]);
                }
            }
            let mode = modes[node] as usize;
            let (duration, demand) = (problem.durations[mode], problem.held_by(mode));
            let start = self.calendar.last_fit(latest, duration, demand);
            let start = start.expect("where it is, a node has room");
            self.calendar.take(start, duration, demand);
            self.starts[node] = start;
        }
        for (start, idx, node) in &mut self.by_time {
            (*start, *idx) = (self.starts[node.index()], *idx);
        }
        self.by_time.sort_unstable();
        for (slot, &(_, _, node)) in list.iter_mut().zip(&self.by_time) {
            *slot = node;
        }
    }
}

/// Adds up what modes use up.
pub(super) fn used_by(problem: &Constrained, modes: &[u32], used: &mut [i128]) {
    used.fill(0);
    for &mode in modes {
        for (used, &amount) in used.iter_mut().zip(problem.consumed_by(mode as usize)) {
            *used += i128::from(amount);
        }
    }
}

/// What is used up after a node has changed its mode.
pub(super) fn used_by_change(problem: &Constrained, before: u32, after: u32, used: &mut [i128]) {
    let amounts = problem.consumed_by(after as usize).iter().zip(problem.consumed_by(before as usize));
    for (used, (&more, &less)) in used.iter_mut().zip(amounts) {
        *used += i128::from(more) - i128::from(less);
    }
}

/// By how much more is used up than there is.
pub(super) fn excess(problem: &Constrained, used: &[i128]) -> u128 {
    let over = used.iter().zip(&problem.stock).map(|(&used, &stock)| (used - i128::from(stock)).max(0));
    over.map(i128::unsigned_abs).sum()
}
