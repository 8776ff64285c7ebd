//! Schedules from lists of nodes: serial generation, forward and backward; and turning a list round, which justifies.

use super::compact::{Compact, Neighbors};
use super::lists::turn;
use super::profile::{Profile, Row};

/// Which end of time a pass begins at.
///
/// A backward pass is a forward pass of the mirrored problem, in which edges are turned round and time runs from the end:
/// its starts are distances from the end to the nodes' finishes.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Forward,
    Backward,
}

/// Generates schedules of one problem; once it has warmed up, without allocating.
///
/// All nodes are positions of the compact problem, all times are in its units. A *list* holds every position once, each
/// after those that its direction goes through before it.
pub(super) struct Generator<'a, P: Profile> {
    compact: &'a Compact,
    demands: Vec<P::Row>,
    profile: P,
    /// Of the last pass, by position.
    finishes: Vec<u64>,
    /// What [`Generator::turned`] counts in.
    next_free: Vec<u32>,
    sorted: Vec<(u64, u32)>,
}

impl<'a, P: Profile> Generator<'a, P> {
    pub(super) fn new(compact: &'a Compact) -> Self {
        let n_nodes = compact.n_nodes();
        let n_words = compact.n_words();
        let demands = (0..n_nodes)
            .map(|node| Row::new(&compact.demands[node * n_words..(node + 1) * n_words]))
            .collect();
        Self {
            compact,
            demands,
            profile: P::new(compact),
            finishes: vec![0; n_nodes],
            next_free: Vec::new(),
            sorted: Vec::new(),
        }
    }

    /// The finishes of the last pass, by position.
    pub(super) fn finishes(&self) -> &[u64] {
        &self.finishes
    }

    /// Serial schedule generation (Kelley 1963): goes through the list and starts each node as early as the nodes before it
    /// in the list leave room. Returns the makespan.
    ///
    /// The schedule is *active*: no node can start earlier without another starting later. Some list gives an optimal one.
    pub(super) fn serial(&mut self, direction: Direction, list: &[u32]) -> u64 {
        let Self { compact, demands, profile, finishes, .. } = self;
        let neighbors: &Neighbors = match direction {
            Direction::Forward => &compact.predecessors,
            Direction::Backward => &compact.successors,
        };
        let nothing = P::Row::new(&[]);
        profile.clear();
        let mut makespan = 0;
        for &node in list {
            let node = node as usize;
            let mut earliest = 0;
            for &before in neighbors.of(node) {
                earliest = finishes[before as usize].max(earliest);
            }
            let (duration, demand) = (compact.durations[node], demands[node]);
            let start = if duration == 0 || demand == nothing {
                earliest
            } else {
                profile.place(earliest, duration, demand)
            };
            let finish = start + duration;
            finishes[node] = finish;
            makespan = finish.max(makespan);
        }
        makespan
    }

    /// Turns the list of the last pass into one for the other direction: the last to finish goes first.
    ///
    /// A pass over the result moves every node as far as it goes towards the other end, so that the makespan cannot grow.
    pub(super) fn turned(&mut self, list: &[u32], makespan: u64, turned: &mut [u32]) {
        let finishes = &self.finishes;
        // Counting is faster than sorting while there are few times.
        if makespan < 8 * list.len() as u64 + 64 {
            let next_free = &mut self.next_free;
            next_free.clear();
            next_free.resize(makespan as usize + 1, 0);
            for &node in list {
                next_free[finishes[node as usize] as usize] += 1;
            }
            let mut n_before = 0;
            for slot in next_free.iter_mut().rev() {
                let n_of_time = *slot;
                *slot = n_before;
                n_before += n_of_time;
            }
            for &node in list.iter().rev() {
                let slot = &mut next_free[finishes[node as usize] as usize];
                turned[*slot as usize] = node;
                *slot += 1;
            }
        } else {
            turn(list, finishes, &mut self.sorted, turned);
        }
    }
}
