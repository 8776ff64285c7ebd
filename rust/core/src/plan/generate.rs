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
    /// Of the last pass, by position; one more that is always 0, for groups of neighbors that are not full.
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
            finishes: vec![0; n_nodes + 1],
            next_free: Vec::new(),
            sorted: Vec::new(),
        }
    }

    /// The finishes of the last pass, by position.
    pub(super) fn finishes(&self) -> &[u64] {
        &self.finishes[..self.compact.n_nodes()]
    }

    /// Serial schedule generation (Kelley 1963): goes through the list and starts each node as early as the nodes before it
    /// in the list leave room. Returns the makespan.
    ///
    /// The schedule is *active*: no node can start earlier without another starting later. Some list gives an optimal one.
    pub(super) fn serial(&mut self, direction: Direction, list: &[u32]) -> u64 {
        self.profile.clear();
        self.placed(direction, list, 0)
    }

    /// A forward pass over a list of whose first `n_known` positions the finishes are known, as they are where another list
    /// began with the same.
    pub(super) fn resumed(&mut self, list: &[u32], n_known: usize, known: &[u64]) -> u64 {
        let Self { compact, demands, profile, finishes, .. } = self;
        let nothing = P::Row::new(&[]);
        profile.clear();
        let (first, rest) = list.split_at(n_known);
        let mut makespan = 0;
        for &node in first {
            let node = node as usize;
            let (duration, demand, finish) = (compact.durations[node], demands[node], known[node]);
            if duration > 0 && demand != nothing {
                profile.take(finish - duration, duration, demand);
            }
            finishes[node] = finish;
            makespan = finish.max(makespan);
        }
        self.placed(Direction::Forward, rest, makespan)
    }

    /// Places the positions of a list after those that are placed, which lead to `makespan`; returns the one of all.
    fn placed(&mut self, direction: Direction, list: &[u32], mut makespan: u64) -> u64 {
        let Self { compact, demands, profile, finishes, .. } = self;
        let neighbors: &Neighbors = match direction {
            Direction::Forward => &compact.predecessors,
            Direction::Backward => &compact.successors,
        };
        let nothing = P::Row::new(&[]);
        for &node in list {
            let node = node as usize;
            let mut earliest = 0;
            for group in neighbors.groups_of(node) {
                let [first, second, third, fourth] = group.map(|before| finishes[before as usize]);
                earliest = first.max(second).max(third.max(fourth)).max(earliest);
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::lists::{Lister, disturb};
    use super::super::problem::Problem;
    use super::super::profile::{Events, Grid};
    use super::super::random::Random;
    use super::*;
    use crate::graph::{Graph, NodeId};

    fn compact(random: &mut Random) -> Compact {
        let n_nodes = 30;
        let node = NodeId::from_index;
        let edges: Vec<_> = (1..n_nodes)
            .flat_map(|after| [random.below(after), after / 2].map(|before| (node(before), node(after))))
            .collect();
        let graph = Arc::new(Graph::from_edges(n_nodes, &edges).unwrap());
        let durations = (0..n_nodes).map(|_| random.below(9) as u64).collect();
        let demands = (0..2 * n_nodes).map(|_| i64::from(random.below(4) as u32)).collect();
        Compact::new(&Problem::new(graph, durations, demands, vec![4, 5]).unwrap())
    }

    /// Makes schedules of lists from their begin, and from where they differ from others.
    fn check<P: Profile>(compact: &Compact, random: &mut Random) {
        let (mut whole, mut resumed) = (Generator::<P>::new(compact), Generator::<P>::new(compact));
        let mut mother = vec![0; compact.n_nodes()];
        let ranks: Vec<u64> = (0..compact.n_nodes()).map(|_| random.below(1_000) as u64).collect();
        Lister::new(compact.n_nodes()).list(compact, &ranks, &mut mother);
        for _ in 0..20 {
            whole.serial(Direction::Forward, &mother);
            let known = whole.finishes().to_vec();
            let mut child = mother.clone();
            disturb(compact, random, &mut child);
            let n_known = child.iter().zip(&mother).take_while(|(own, hers)| own == hers).count();
            let makespan = whole.serial(Direction::Forward, &child);
            assert_eq!(resumed.resumed(&child, n_known, &known), makespan);
            assert_eq!(resumed.finishes(), whole.finishes());
            mother = child;
        }
    }

    #[test]
    fn test_a_pass_goes_on_from_what_is_known() {
        let mut random = Random::new(3);
        for _ in 0..20 {
            let compact = compact(&mut random);
            check::<Grid<u32>>(&compact, &mut random);
            check::<Events<[u64; 1]>>(&compact, &mut random);
        }
    }
}
