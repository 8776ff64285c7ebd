//! A problem as decoding reads it: in topological order, with transfers beside neighbors and alike workers as one kind.

use super::problem::{WorkerProblem, WorkerSchedule};
use crate::graph::NodeId;
use crate::plan::lists::Precedence;

/// Marks a duration on a kind of worker that has too few cores.
pub(super) const NEVER: u64 = u64::MAX;

/// Neighbors by position, each with the transfer time of the edge.
#[derive(Clone, Debug)]
pub(super) struct Neighbors {
    offsets: Vec<u32>,
    entries: Vec<(u32, u64)>,
}

impl Neighbors {
    #[inline]
    pub(super) fn of(&self, position: usize) -> &[(u32, u64)] {
        &self.entries[self.offsets[position] as usize..self.offsets[position + 1] as usize]
    }
}

/// A problem, renumbered in topological order.
///
/// Workers of one *kind* have as many cores and take equally long for every node.
#[derive(Clone, Debug)]
pub(super) struct Compact {
    /// The node at each position; edges lead from smaller to larger positions.
    pub(super) order: Vec<NodeId>,
    pub(super) predecessors: Neighbors,
    pub(super) successors: Neighbors,
    /// By position, `n_kinds` each; [`NEVER`] where the kind has too few cores.
    durations: Vec<u64>,
    pub(super) demands: Vec<u32>,
    /// By worker.
    pub(super) kinds: Vec<u32>,
    pub(super) cores: Vec<u32>,
    /// By kind.
    pub(super) n_workers_of_kind: Vec<u32>,
    pub(super) has_transfers: bool,
}

impl Compact {
    pub(super) fn new(problem: &WorkerProblem) -> Self {
        let graph = problem.graph();
        let order: Vec<_> = graph.topological_order().collect();
        let mut positions = vec![0_u32; order.len()];
        for (position, node) in order.iter().enumerate() {
            positions[node.index()] = position as u32;
        }
        let (successors, predecessors) = neighbors(problem, &order, &positions);
        let (kinds, representatives) = kinds(problem);
        let mut durations = Vec::with_capacity(order.len() * representatives.len());
        for node in order.iter().map(|node| node.index()) {
            durations.extend(representatives.iter().map(|&worker| {
                let fits = problem.demands()[node] <= problem.cores()[worker];
                if fits { problem.duration_ns(node, worker) } else { NEVER }
            }));
        }
        let mut n_workers_of_kind = vec![0; representatives.len()];
        for &kind in &kinds {
            n_workers_of_kind[kind as usize] += 1;
        }
        Self {
            predecessors,
            successors,
            durations,
            demands: order.iter().map(|node| problem.demands()[node.index()]).collect(),
            kinds,
            cores: problem.cores().to_vec(),
            n_workers_of_kind,
            has_transfers: problem.transfers_ns().iter().any(|&transfer_ns| transfer_ns > 0),
            order,
        }
    }

    pub(super) fn n_nodes(&self) -> usize {
        self.order.len()
    }

    pub(super) fn n_workers(&self) -> usize {
        self.cores.len()
    }

    pub(super) fn n_kinds(&self) -> usize {
        self.n_workers_of_kind.len()
    }

    /// The durations of a position, by kind.
    #[inline]
    pub(super) fn durations_of(&self, position: usize) -> &[u64] {
        let n_kinds = self.n_workers_of_kind.len();
        &self.durations[position * n_kinds..(position + 1) * n_kinds]
    }

    /// How long a position takes on a worker.
    #[inline]
    pub(super) fn duration(&self, position: usize, worker: u32) -> u64 {
        self.durations[position * self.n_workers_of_kind.len() + self.kinds[worker as usize] as usize]
    }

    /// The mean over the workers that have the cores, rounded down.
    pub(super) fn mean(&self, position: usize, by_kind: &[u64]) -> u64 {
        let (mut sum, mut n_workers) = (0_u128, 0_u128);
        let durations = self.durations_of(position);
        for ((&duration, &value), &n_of_kind) in durations.iter().zip(by_kind).zip(&self.n_workers_of_kind) {
            if duration != NEVER {
                sum += u128::from(value) * u128::from(n_of_kind);
                n_workers += u128::from(n_of_kind);
            }
        }
        (sum / n_workers) as u64
    }

    /// The shortest duration of a position.
    pub(super) fn fastest(&self, position: usize) -> u64 {
        self.durations_of(position).iter().copied().min().unwrap_or(0)
    }

    /// The longest path from each position's start to the end, by durations and, where wanted, transfers.
    pub(super) fn upward_ranks(&self, duration: impl Fn(usize) -> u64, with_transfers: bool) -> Vec<u64> {
        let mut ranks = vec![0_u64; self.n_nodes()];
        for position in (0..self.n_nodes()).rev() {
            let following =
                self.successors.of(position).iter().map(|&(next, transfer)| {
                    ranks[next as usize] + if with_transfers { transfer } else { 0 }
                });
            ranks[position] = following.max().unwrap_or(0) + duration(position);
        }
        ranks
    }

    /// A schedule by position as one by node.
    pub(super) fn schedule(&self, starts: &[u64], workers: &[u32]) -> WorkerSchedule {
        let mut schedule =
            WorkerSchedule { starts_ns: vec![0; starts.len()], workers: vec![0; starts.len()] };
        for (position, node) in self.order.iter().enumerate() {
            schedule.starts_ns[node.index()] = starts[position];
            schedule.workers[node.index()] = workers[position];
        }
        schedule
    }
}

impl Precedence for Compact {
    type Item = u32;

    fn before(&self, position: u32) -> impl Iterator<Item = u32> {
        self.predecessors.of(position as usize).iter().map(|&(before, _)| before)
    }

    fn after(&self, position: u32) -> impl Iterator<Item = u32> {
        self.successors.of(position as usize).iter().map(|&(after, _)| after)
    }
}

/// The kind of every worker, and the first worker of every kind.
fn kinds(problem: &WorkerProblem) -> (Vec<u32>, Vec<usize>) {
    let mut representatives: Vec<usize> = Vec::new();
    let alike = |left: usize, right: usize| {
        problem.cores()[left] == problem.cores()[right]
            && (0..problem.n_nodes())
                .all(|node| problem.duration_ns(node, left) == problem.duration_ns(node, right))
    };
    let kind_of = |worker: usize| {
        let kind = representatives.iter().position(|&first| alike(first, worker));
        kind.unwrap_or_else(|| {
            representatives.push(worker);
            representatives.len() - 1
        }) as u32
    };
    let kinds = (0..problem.n_workers()).map(kind_of).collect();
    (kinds, representatives)
}

/// Successors and predecessors by position.
fn neighbors(problem: &WorkerProblem, order: &[NodeId], positions: &[u32]) -> (Neighbors, Neighbors) {
    let graph = problem.graph();
    let transfer_of = |edge: usize| problem.transfers_ns().get(edge).copied().unwrap_or(0);
    // Edges are numbered by source.
    let mut first_edges = vec![0; order.len()];
    let mut n_edges = 0;
    for node in graph.nodes() {
        first_edges[node.index()] = n_edges;
        n_edges += graph.successors(node).len();
    }
    let mut after = Neighbors { offsets: vec![0], entries: Vec::with_capacity(n_edges) };
    let mut before = Neighbors { offsets: vec![0; order.len() + 1], entries: vec![(0, 0); n_edges] };
    for node in order {
        for (edge, next) in (first_edges[node.index()]..).zip(graph.successors(*node)) {
            let next = positions[next.index()];
            after.entries.push((next, transfer_of(edge)));
            before.offsets[next as usize + 1] += 1;
        }
        after.offsets.push(after.entries.len() as u32);
    }
    for position in 0..order.len() {
        before.offsets[position + 1] += before.offsets[position];
    }
    let mut next_free = before.offsets.clone();
    for position in 0..order.len() {
        for &(next, transfer) in after.of(position) {
            let slot = &mut next_free[next as usize];
            before.entries[*slot as usize] = (position as u32, transfer);
            *slot += 1;
        }
    }
    (after, before)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::problem::WorkerDurations;
    use super::*;
    use crate::graph::Graph;

    #[test]
    fn test_positions_kinds_and_transfers() {
        // 2 → 0 takes 7 and 1 → 0 takes 5, in the order of edges: (1, 0), (2, 0).
        let graph = Arc::new(Graph::from_arrays(3, &[2, 1], &[0, 0]).unwrap());
        let speeds = vec![1.0, 2.0, 1.0, 1.0];
        let durations = WorkerDurations::Speeds { durations_ns: vec![4, 6, 8], speeds };
        let problem =
            WorkerProblem::new(graph, durations, vec![2, 2, 2, 1], vec![2, 1, 1], vec![5, 7]).unwrap();
        let compact = Compact::new(&problem);
        assert_eq!(compact.order, [1, 2, 0].map(NodeId::new));
        assert_eq!(
            (&*compact.kinds, &*compact.n_workers_of_kind),
            ([0, 1, 0, 2].as_slice(), [2, 1, 1].as_slice())
        );
        assert_eq!(compact.predecessors.of(2), [(0, 5), (1, 7)]);
        assert_eq!(compact.successors.of(1), [(2, 7)]);
        assert_eq!(compact.durations_of(2), [4, 2, NEVER]);
        assert_eq!(compact.mean(2, compact.durations_of(2)), 10 / 3);
        assert_eq!(compact.upward_ranks(|position| compact.fastest(position), true), [10, 13, 2]);
        let schedule = compact.schedule(&[1, 2, 3], &[0, 1, 2]);
        assert_eq!((schedule.starts_ns, schedule.workers), (vec![3, 1, 2], vec![2, 0, 1]));
    }
}
