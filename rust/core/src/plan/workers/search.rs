//! Improvement: a population of lists with a worker for every node.

use super::compact::{Compact, NEVER};
use super::construct::{by_priority, optimistic_costs, peft_list};
use super::decode::{ANY, Decoder};
use super::planner::WorkerMethod;
use crate::plan::budget::Budget;
use crate::plan::generate::Direction;
use crate::plan::lists::{Lister, cross, disturb};
use crate::plan::population::{Member, Population};
use crate::plan::random::Random;

/// A population of p members is left after so many times p² children.
const N_CHILDREN_PER_PAIR: usize = 10;

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
struct Placed {
    list: Vec<u32>,
    workers: Vec<u32>,
    makespan: u64,
}

impl Member for Placed {
    type Cost = u64;

    fn cost(&self) -> u64 {
        self.makespan
    }
}

/// A search for short schedules.
///
/// A member is a list of nodes and a worker for each. A child takes stretches of two parents or a disturbed copy of one; some
/// of its nodes are taken off their workers and go where they finish earliest. Double justification (Valls, Ballestín and
/// Quintanilla 2005) follows, with workers kept.
pub(super) struct Search<'a> {
    compact: &'a Compact,
    decoder: Decoder<'a>,
    random: Random,
    lister: Lister<u64>,
    ranks: Vec<u64>,
    /// What lies ahead of every position, by kind.
    costs: Vec<u64>,
    population: Population<Placed>,
    best: Best,
    child: Placed,
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
            population: Population::new(N_CHILDREN_PER_PAIR),
            child: Placed { list: vec![0; n_nodes], workers: first.workers.clone(), makespan: 0 },
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
            self.population.push(self.child.clone());
        }
        let mut list: Vec<u32> = (0..first.starts.len() as u32).collect();
        list.sort_by_key(|&position| first.starts[position as usize]);
        self.child.list = list;
        self.child.workers = first.workers;
        self.evaluate(budget, WorkerMethod::Search, false)?;
        self.population.push(self.child.clone());
        Some(())
    }

    /// One child, by drawing, crossing or disturbing; `None` when the budget does not allow it.
    fn improve(&mut self, budget: &mut Budget<impl FnMut() -> bool>) -> Option<()> {
        if self.population.has_room() {
            self.draw();
            let looks_ahead = self.random.once_in(2);
            self.evaluate(budget, WorkerMethod::Search, looks_ahead)?;
            self.population.push(self.child.clone());
            return Some(());
        }
        let parents = self.population.parents(&mut self.random);
        let mother = self.population.member(parents.mother);
        self.child.list.copy_from_slice(&mother.list);
        self.child.workers.copy_from_slice(&mother.workers);
        if let Some(father) = parents.father {
            let father = self.population.member(father);
            let Self { random, is_taken, child: Placed { list, workers, .. }, .. } = self;
            // What stands in the father's order runs on his workers.
            cross([&mother.list, &father.list], random, is_taken, list, |position| {
                workers[position as usize] = father.workers[position as usize];
            });
        }
        if parents.father.is_none() || self.random.once_in(2) {
            disturb(self.compact, &mut self.random, &mut self.child.list);
        }
        self.take_off();
        let looks_ahead = self.random.once_in(2);
        self.evaluate(budget, WorkerMethod::Search, looks_ahead)?;
        if let Some(member) = self.population.replaced(&parents, &self.child.makespan) {
            member.clone_from(&self.child);
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
        self.population.count_list();
        let Self { decoder, child, scratch, best, costs, .. } = self;
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
}
