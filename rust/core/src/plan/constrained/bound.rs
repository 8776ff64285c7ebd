//! What no schedule can undercut.

use super::calendar::Calendar;
use super::check::Constrained;
use super::terms::NEVER_NS;

/// So many pairs of a node and a threshold are looked at for the bound by work, whatever the size.
const N_PAIRS_MAX: usize = 1 << 18;

/// What a node that counts nowhere has for a tail.
pub(super) const NO_TAIL: i128 = i128::MIN;

/// What comes after each node's finish at least, before due dates are subtracted: its finish and its tail are no
/// more than the largest lateness. [`NO_TAIL`] where neither the node nor one after it counts.
///
/// Without due dates the largest lateness is the makespan, so that these are the tails of the makespan.
pub(super) fn tails(problem: &Constrained) -> Vec<i128> {
    let own = |due: &u64| if *due == NEVER_NS { NO_TAIL } else { -i128::from(*due) };
    let mut tails: Vec<i128> = problem.dues.iter().map(own).collect();
    for node in problem.graph.topological_order().rev() {
        for next in problem.graph.successors(node).iter().map(|next| next.index()) {
            if tails[next] != NO_TAIL {
                let between = i128::from(problem.delays[next]) + i128::from(problem.shortest[next]);
                tails[node.index()] = tails[node.index()].max(tails[next] + between);
            }
        }
    }
    tails
}

/// Returns an objective that no schedule can undercut.
///
/// For sums, every node finishes as early as it can: in its shortest modes, behind its longest path of releases,
/// delays and supply. For the makespan and the lateness, the same with what follows, and work between a head and a
/// tail (Carlier 1982): nodes that cannot start before `head` need, in the modes that take least, so much of a
/// resource that it is not available before a certain time.
pub(super) fn lower_bound(problem: &Constrained) -> i128 {
    if problem.n_nodes() == 0 {
        return 0;
    }
    if problem.objective.is_sum() {
        return problem.value(&problem.earliest_finishes);
    }
    let tails = tails(problem);
    let nodes = (0..problem.n_nodes()).filter(|&node| tails[node] != NO_TAIL);
    let path = nodes.map(|node| i128::from(problem.earliest_finishes[node]) + tails[node]).max();
    (0..problem.n_held()).map(|held| work_bound(problem, &tails, held)).fold(path.unwrap_or(0), i128::max)
}

fn work_bound(problem: &Constrained, tails: &[i128], held: usize) -> i128 {
    let least = |node: usize| {
        let work = |mode: usize| {
            u128::from(problem.durations[mode]) * u128::from(problem.held_by(mode)[held].unsigned_abs())
        };
        problem.modes_of(node).map(work).min().unwrap_or(0)
    };
    // What fixed nodes need is not in the calendar any more.
    let counts = |node: usize| problem.starts[node] == NEVER_NS && tails[node] != NO_TAIL;
    let work: Vec<u128> =
        (0..problem.n_nodes()).map(|node| if counts(node) { least(node) } else { 0 }).collect();
    let mut by_tail: Vec<usize> = (0..problem.n_nodes()).filter(|&node| work[node] > 0).collect();
    by_tail.sort_unstable_by_key(|&node| (std::cmp::Reverse(tails[node]), node));
    let mut thresholds: Vec<u64> = by_tail.iter().map(|&node| problem.heads[node]).collect();
    thresholds.sort_unstable();
    thresholds.dedup();
    // Too many thresholds are thinned out evenly, from the first on.
    let step = thresholds.len().div_ceil((N_PAIRS_MAX / by_tail.len().max(1)).max(1)).max(1);
    let supplied = Supplied::new(&problem.calendar, held);
    let mut bound = NO_TAIL;
    for &head in thresholds.iter().step_by(step) {
        let mut total = supplied.until(head);
        for &node in by_tail.iter().filter(|&&node| problem.heads[node] >= head) {
            total += work[node];
            if let Some(time) = supplied.time_of(total) {
                bound = bound.max(i128::from(time) + tails[node]);
            }
        }
    }
    bound
}

/// How much work a resource has allowed for since the beginning.
struct Supplied<'a> {
    times: &'a [u64],
    free: Vec<u128>,
    /// Up to the beginning of each row.
    totals: Vec<u128>,
}

impl<'a> Supplied<'a> {
    fn new(calendar: &'a Calendar, held: usize) -> Self {
        let times = calendar.times();
        let free: Vec<u128> =
            (0..times.len()).map(|idx| u128::from(calendar.row(idx)[held].unsigned_abs())).collect();
        let mut totals = vec![0];
        for (idx, pair) in times.windows(2).enumerate() {
            totals.push(totals[idx] + u128::from(pair[1] - pair[0]) * free[idx]);
        }
        Self { times, free, totals }
    }

    fn until(&self, time: u64) -> u128 {
        let idx = self.times.partition_point(|&begin| begin <= time) - 1;
        self.totals[idx] + u128::from(time - self.times[idx]) * self.free[idx]
    }

    /// The first time up to which there is so much work; `None` if there never is.
    fn time_of(&self, total: u128) -> Option<u64> {
        let idx = self.totals.partition_point(|&before| before < total).checked_sub(1)?;
        let missing = total - self.totals[idx];
        (self.free[idx] > 0).then(|| self.times[idx] + missing.div_ceil(self.free[idx]) as u64)
    }
}
