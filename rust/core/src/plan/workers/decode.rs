//! From lists of nodes to schedules: each node on its worker, or on the one where it finishes earliest.

use super::compact::{Compact, NEVER, Neighbors};
use super::timeline::Timeline;
use crate::plan::generate::Direction;
use crate::plan::lists::turn;

/// Marks a position whose worker is chosen while decoding.
pub(super) const ANY: u32 = u32::MAX;

/// So many steps of timelines are looked at for all nodes and workers together, and 64 for each at least. Beyond that, gaps are
/// passed over, so that a pass over a large graph stays linear.
const N_STEPS_LOOKED_AT: usize = 1 << 26;
const N_STEPS_EACH_MIN: usize = 64;

/// Generates schedules of one problem; once it has warmed up, without allocating.
#[derive(Debug)]
pub(super) struct Decoder<'a> {
    compact: &'a Compact,
    timelines: Vec<Timeline>,
    n_steps_max: usize,
    /// Of the last pass, by position.
    starts: Vec<u64>,
    finishes: Vec<u64>,
    sorted: Vec<(u64, u32)>,
}

/// When a position's inputs are there: on one worker, and on all others.
#[derive(Copy, Clone, Debug)]
struct Arrival {
    worker: u32,
    there: u64,
    elsewhere: u64,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(compact: &'a Compact) -> Self {
        let n_pairs = (compact.n_nodes() * compact.n_workers()).max(1);
        Self {
            compact,
            timelines: compact.cores.iter().map(|&n_cores| Timeline::new(n_cores)).collect(),
            n_steps_max: (N_STEPS_LOOKED_AT / n_pairs).max(N_STEPS_EACH_MIN),
            starts: vec![0; compact.n_nodes()],
            finishes: vec![0; compact.n_nodes()],
            sorted: Vec::new(),
        }
    }

    /// The starts of the last pass, by position, counted from the end it began at.
    pub(super) fn starts(&self) -> &[u64] {
        &self.starts
    }

    /// Insertion-based scheduling: goes through the list and starts each node as early as its inputs and the nodes before it
    /// in the list leave room, on its worker, or, where that is [`ANY`], on the worker where its finish and what `ahead` says
    /// (by position and kind) add up to the least; the first among equals. Chosen workers are written back. Returns the makespan.
    pub(super) fn decode(
        &mut self,
        direction: Direction,
        list: &[u32],
        workers: &mut [u32],
        ahead: Option<&[u64]>,
    ) -> u64 {
        let compact = self.compact;
        let neighbors = match direction {
            Direction::Forward => &compact.predecessors,
            Direction::Backward => &compact.successors,
        };
        self.timelines.iter_mut().for_each(Timeline::clear);
        let mut makespan = 0;
        for &position in list {
            let position = position as usize;
            let (worker, start) = if workers[position] == ANY {
                self.choose(position, self.arrival(neighbors, position, workers), ahead)
            } else {
                let worker = workers[position];
                let ready = self.ready(neighbors, position, workers, worker);
                (worker, self.earliest(position, worker, compact.duration(position, worker), ready))
            };
            workers[position] = worker;
            let duration = compact.duration(position, worker);
            self.timelines[worker as usize].occupy(start, duration, compact.demands[position]);
            self.starts[position] = start;
            self.finishes[position] = start + duration;
            makespan = makespan.max(start + duration);
        }
        makespan
    }

    /// When all inputs of a position are on a worker.
    #[inline]
    fn ready(&self, neighbors: &Neighbors, position: usize, workers: &[u32], worker: u32) -> u64 {
        let arrivals = neighbors.of(position).iter().map(|&(before, transfer)| {
            let is_there = workers[before as usize] == worker;
            self.finishes[before as usize] + if is_there { 0 } else { transfer }
        });
        arrivals.max().unwrap_or(0)
    }

    /// On every worker but the one that the latest input comes from, the inputs are there when that has arrived.
    #[inline]
    fn arrival(&self, neighbors: &Neighbors, position: usize, workers: &[u32]) -> Arrival {
        let (mut worker, mut elsewhere) = (ANY, 0);
        for &(before, transfer) in neighbors.of(position) {
            let moved = self.finishes[before as usize] + transfer;
            if moved > elsewhere {
                (worker, elsewhere) = (workers[before as usize], moved);
            }
        }
        let there = if self.compact.has_transfers {
            self.ready(neighbors, position, workers, worker)
        } else {
            elsewhere
        };
        Arrival { worker, there, elsewhere }
    }

    fn choose(&self, position: usize, arrival: Arrival, ahead: Option<&[u64]>) -> (u32, u64) {
        let compact = self.compact;
        let durations = compact.durations_of(position);
        let (mut best, mut least) = ((ANY, 0), u64::MAX);
        for (worker, &kind) in compact.kinds.iter().enumerate() {
            let duration = durations[kind as usize];
            if duration == NEVER {
                continue;
            }
            let ready = if worker as u32 == arrival.worker { arrival.there } else { arrival.elsewhere };
            let beyond = ahead.map_or(0, |ahead| ahead[position * compact.n_kinds() + kind as usize]);
            if ready + duration + beyond >= least {
                continue;
            }
            let start = self.earliest(position, worker as u32, duration, ready);
            let cost = start + duration + beyond;
            if cost < least {
                (best, least) = ((worker as u32, start), cost);
            }
        }
        best
    }

    #[inline]
    fn earliest(&self, position: usize, worker: u32, duration: u64, ready: u64) -> u64 {
        let demand = self.compact.demands[position];
        self.timelines[worker as usize].earliest(ready, duration, demand, self.n_steps_max)
    }

    /// Turns the list of the last pass into one for the other direction: the last to finish goes first.
    ///
    /// A pass over the result on the same workers moves every node as far as it goes towards the other end.
    pub(super) fn turned(&mut self, list: &[u32], turned: &mut [u32]) {
        turn(list, &self.finishes, &mut self.sorted, turned);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::problem::{WorkerDurations, WorkerProblem};
    use super::*;
    use crate::graph::Graph;

    fn compact(durations_ns: &[u64], edges: [&[i64]; 2], transfers_ns: &[u64], speeds: &[f64]) -> Compact {
        let n_nodes = durations_ns.len();
        let graph = Arc::new(Graph::from_arrays(n_nodes, edges[0], edges[1]).unwrap());
        let durations =
            WorkerDurations::Speeds { durations_ns: durations_ns.to_vec(), speeds: speeds.to_vec() };
        let (cores, demands) = (vec![1; speeds.len()], vec![1; n_nodes]);
        Compact::new(&WorkerProblem::new(graph, durations, cores, demands, transfers_ns.to_vec()).unwrap())
    }

    #[test]
    fn test_a_node_goes_where_it_finishes_earliest_and_results_travel() {
        let compact = compact(&[4, 6, 2], [&[0, 1], &[2, 2]], &[3, 1], &[1.0, 2.0]);
        let mut decoder = Decoder::new(&compact);
        let mut workers = [ANY; 3];
        // 0 on the fast one until 2; 1 there as well until 5, before the slow one's 6; 2 has both results there.
        assert_eq!(decoder.decode(Direction::Forward, &[0, 1, 2], &mut workers, None), 6);
        assert_eq!((workers, decoder.starts()), ([1, 1, 1], [0, 2, 5].as_slice()));
        // On different workers, the result of the other one is waited for: 4 + 3.
        let mut workers = [0, 1, ANY];
        assert_eq!(decoder.decode(Direction::Forward, &[1, 0, 2], &mut workers, None), 6);
        assert_eq!((workers, decoder.starts()), ([0, 1, 0], [0, 0, 4].as_slice()));
        // What is said to lie ahead counts as well.
        let mut workers = [0, 1, ANY];
        let ahead = [0, 0, 0, 0, 9, 0];
        assert_eq!(decoder.decode(Direction::Forward, &[1, 0, 2], &mut workers, Some(&ahead)), 8);
        assert_eq!(workers, [0, 1, 1]);
    }

    #[test]
    fn test_justification_closes_gaps() {
        let compact = compact(&[1, 3, 2], [&[0], &[2]], &[5], &[1.0, 1.0]);
        let mut decoder = Decoder::new(&compact);
        let mut workers = [0, 0, 1];
        assert_eq!(decoder.decode(Direction::Forward, &[1, 0, 2], &mut workers, None), 11);
        let mut turned = [0; 3];
        decoder.turned(&[1, 0, 2], &mut turned);
        assert_eq!(turned, [2, 0, 1]);
        assert_eq!(decoder.decode(Direction::Backward, &turned, &mut workers, None), 8);
        decoder.turned(&turned, &mut [0; 3]);
        assert_eq!(decoder.decode(Direction::Forward, &[0, 1, 2], &mut workers, None), 8);
    }
}
