//! Improvement: a population of lists with a worker for every node.

use super::compact::{Compact, NEVER};
use super::construct::{Lister, by_priority, optimistic_costs, peft_list};
use super::decode::{ANY, Decoder, Direction};
use crate::plan::planner::Budget;
use crate::plan::random::Random;

const N_MEMBERS_FIRST: usize = 10;
const GROWTH: usize = 4;
/// A population of `n` members gives way to a larger one after so many times `n²` children.
const N_CHILDREN_PER_PAIR: usize = 10;
/// A disturbed stretch is up to one part in so many of the list.
const N_WINDOWS: usize = 4;

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

/// The best schedule so far, by position.
#[derive(Clone, Debug)]
pub(super) struct Best {
    pub(super) makespan: u64,
    pub(super) starts: Vec<u64>,
    pub(super) workers: Vec<u32>,
    pub(super) method: WorkerMethod,
}

impl Best {
    /// Keeps the last pass of a decoder if it is shorter.
    pub(super) fn improve(
        &mut self,
        makespan: u64,
        decoder: &Decoder<'_>,
        workers: &[u32],
        method: WorkerMethod,
    ) {
        if makespan < self.makespan {
            self.makespan = makespan;
            self.starts.copy_from_slice(decoder.starts());
            self.workers.copy_from_slice(workers);
            self.method = method;
        }
    }
}

#[derive(Clone, Debug)]
struct Member {
    list: Vec<u32>,
    workers: Vec<u32>,
    makespan: u64,
}

/// A search for short schedules.
///
/// A member is a list of nodes and a worker for each. A child takes stretches of two parents or a disturbed copy of one; some
/// of its nodes are taken off their workers and go where they finish earliest. Double justification (Valls, Ballestín and
/// Quintanilla 2005) follows, with workers kept. Populations of 10, 40, 160, … members follow each other, each afresh.
pub(super) struct Search<'a> {
    compact: &'a Compact,
    decoder: Decoder<'a>,
    random: Random,
    lister: Lister,
    ranks: Vec<u64>,
    /// What lies ahead of every position, by kind.
    costs: Vec<u64>,
    members: Vec<Member>,
    n_members_max: usize,
    n_children: usize,
    best: Best,
    child: Member,
    scratch: Vec<u32>,
    is_taken: Vec<bool>,
}

impl<'a> Search<'a> {
    /// A search that has seen nothing yet but a first schedule.
    pub(super) fn new(compact: &'a Compact, decoder: Decoder<'a>, first: Best, seed: u64) -> Self {
        let n_nodes = compact.n_nodes();
        Self {
            compact,
            decoder,
            random: Random::new(seed),
            lister: Lister::new(n_nodes),
            ranks: compact.upward_ranks(|position| compact.fastest(position), false),
            costs: optimistic_costs(compact),
            members: Vec::new(),
            n_members_max: N_MEMBERS_FIRST,
            n_children: 0,
            child: Member { list: vec![0; n_nodes], workers: first.workers.clone(), makespan: 0 },
            best: first,
            scratch: vec![0; n_nodes],
            is_taken: vec![false; n_nodes],
        }
    }

    /// Searches until the budget is used up or the makespan meets the bound, and returns the best schedule.
    pub(super) fn run(mut self, bound: u64, budget: &mut Budget<impl FnMut() -> bool>) -> Best {
        if self.begin(bound, budget).is_some() {
            while self.best.makespan > bound && self.improve(budget).is_some() {}
        }
        self.best
    }

    /// The first members: PEFT, the longest path on the fastest workers, and the first schedule.
    fn begin(&mut self, bound: u64, budget: &mut Budget<impl FnMut() -> bool>) -> Option<()> {
        let lists = [
            (peft_list(self.compact, &self.costs), WorkerMethod::Peft),
            (by_priority(&self.ranks), WorkerMethod::BLevel),
        ];
        let first = self.best.clone();
        for (list, method) in lists {
            if self.best.makespan <= bound {
                return None;
            }
            self.child.list.copy_from_slice(&list);
            self.child.workers.fill(ANY);
            self.evaluate(budget, method, method == WorkerMethod::Peft)?;
            self.members.push(self.child.clone());
        }
        let mut list: Vec<u32> = (0..first.starts.len() as u32).collect();
        list.sort_by_key(|&position| first.starts[position as usize]);
        self.child.list = list;
        self.child.workers = first.workers;
        self.evaluate(budget, WorkerMethod::Search, false)?;
        self.members.push(self.child.clone());
        Some(())
    }

    /// One child, by drawing, crossing or disturbing; `None` when the budget does not allow it.
    fn improve(&mut self, budget: &mut Budget<impl FnMut() -> bool>) -> Option<()> {
        if self.n_children >= N_CHILDREN_PER_PAIR * self.n_members_max * self.n_members_max {
            self.members.clear();
            self.n_children = 0;
            self.n_members_max *= GROWTH;
        }
        let n_members = self.members.len();
        if n_members < self.n_members_max {
            self.draw();
            let looks_ahead = self.random.once_in(2);
            self.evaluate(budget, WorkerMethod::Search, looks_ahead)?;
            self.members.push(self.child.clone());
            return Some(());
        }
        let (mut mother, mut loser) = (self.random.below(n_members), self.random.below(n_members));
        if self.members[mother].makespan > self.members[loser].makespan {
            (mother, loser) = (loser, mother);
        }
        let father = self.random.below(n_members);
        let is_crossed = father != mother && self.random.once_in(2);
        if is_crossed {
            self.cross(mother, father);
        } else {
            self.child.list.copy_from_slice(&self.members[mother].list);
            self.child.workers.copy_from_slice(&self.members[mother].workers);
        }
        if !is_crossed || self.random.once_in(2) {
            self.disturb();
        }
        self.take_off();
        let looks_ahead = self.random.once_in(2);
        self.evaluate(budget, WorkerMethod::Search, looks_ahead)?;
        let makespan = self.child.makespan;
        let replaced = [mother, loser].into_iter().find(|&member| makespan <= self.members[member].makespan);
        if let Some(member) = replaced {
            self.members[member].clone_from(&self.child);
        }
        Some(())
    }

    /// Draws a list of nodes by upward rank, each rank multiplied by a random factor from one to two; workers are open.
    fn draw(&mut self) {
        const N_BITS: u32 = 10;
        let random = &mut self.random;
        let noisy: Vec<_> = self
            .ranks
            .iter()
            .map(|&rank| {
                let factor = (1_u128 << N_BITS) + random.below((1 << N_BITS) + 1) as u128;
                ((u128::from(rank) * factor) >> N_BITS) as u64
            })
            .collect();
        self.lister.list(self.compact, &noisy, &mut self.child.list);
        self.child.workers.fill(ANY);
    }

    /// Takes some nodes off their workers: all, those of a stretch, or few that are sent to a worker at random.
    fn take_off(&mut self) {
        let n_nodes = self.child.list.len();
        let Self { child, random, compact, .. } = self;
        match random.below(3) {
            0 => child.workers.fill(ANY),
            1 => {
                let length = 1 + random.below(n_nodes);
                let begin = random.below(n_nodes - length + 1);
                for &position in &child.list[begin..begin + length] {
                    child.workers[position as usize] = ANY;
                }
            }
            _ => {
                for _ in 0..=random.below(3) {
                    let (position, worker) =
                        (random.below(n_nodes), random.below(compact.n_workers()) as u32);
                    if compact.duration(position, worker) != NEVER {
                        child.workers[position] = worker;
                    }
                }
            }
        }
    }

    /// Makes the child a schedule and justifies it; three passes. Its list becomes that of the last.
    fn evaluate(
        &mut self,
        budget: &mut Budget<impl FnMut() -> bool>,
        method: WorkerMethod,
        looks_ahead: bool,
    ) -> Option<()> {
        let Self { decoder, child, scratch, best, costs, .. } = self;
        self.n_children += 1;
        budget.spend()?;
        let ahead = looks_ahead.then_some(costs.as_slice());
        let makespan = decoder.decode(Direction::Forward, &child.list, &mut child.workers, ahead);
        best.improve(makespan, decoder, &child.workers, method);
        budget.spend()?;
        decoder.turned(&child.list, scratch);
        decoder.decode(Direction::Backward, scratch, &mut child.workers, None);
        budget.spend()?;
        decoder.turned(scratch, &mut child.list);
        child.makespan = decoder.decode(Direction::Forward, &child.list, &mut child.workers, None);
        best.improve(child.makespan, decoder, &child.workers, WorkerMethod::Search);
        Some(())
    }

    /// Two-point crossing: the mother's list up to the first point and from the second on, and between them what is left in
    /// the father's order and on his workers. Predecessors stay in front, since they do in both.
    fn cross(&mut self, mother: usize, father: usize) {
        let n_nodes = self.child.list.len();
        let points = [self.random.below(n_nodes + 1), self.random.below(n_nodes + 1)];
        let (first, second) = (points[0].min(points[1]), points[0].max(points[1]));
        let (mother, father) = (&self.members[mother], &self.members[father]);
        let Member { list, workers, .. } = &mut self.child;
        self.is_taken.fill(false);
        workers.copy_from_slice(&mother.workers);
        list[..first].copy_from_slice(&mother.list[..first]);
        for &position in &mother.list[..first] {
            self.is_taken[position as usize] = true;
        }
        let mut end = first;
        for &position in &father.list {
            if end == second {
                break;
            }
            if !self.is_taken[position as usize] {
                self.is_taken[position as usize] = true;
                workers[position as usize] = father.workers[position as usize];
                list[end] = position;
                end += 1;
            }
        }
        for &position in &mother.list {
            if !self.is_taken[position as usize] {
                list[end] = position;
                end += 1;
            }
        }
    }

    /// Moves nodes of one stretch of the child to other places in it, as far as their neighbors allow.
    fn disturb(&mut self) {
        let Self { child, random, compact, .. } = self;
        let n_nodes = child.list.len();
        let length = (2 + random.below(n_nodes / N_WINDOWS + 1)).min(n_nodes);
        let begin = random.below(n_nodes - length + 1);
        let stretch = &mut child.list[begin..begin + length];
        for _ in 0..length {
            let from = random.below(length);
            let position = stretch[from] as usize;
            if random.once_in(2) {
                let before = compact.predecessors.of(position);
                let is_free = |&&other: &&u32| before.iter().all(|&(before, _)| before != other);
                let n_free = stretch[..from].iter().rev().take_while(is_free).count();
                let to = from - random.below(n_free + 1);
                stretch[to..=from].rotate_right(1);
            } else {
                let after = compact.successors.of(position);
                let is_free = |&&other: &&u32| after.iter().all(|&(after, _)| after != other);
                let n_free = stretch[from + 1..].iter().take_while(is_free).count();
                let to = from + random.below(n_free + 1);
                stretch[from..=to].rotate_left(1);
            }
        }
    }
}
