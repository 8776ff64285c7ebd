//! Search: a population of lists that is crossed, disturbed and justified.

use super::budget::Budget;
use super::compact::Compact;
use super::generate::{Direction, Generator};
use super::lists::{Lister, cross, disturb};
use super::population::{Member, Population};
use super::profile::Profile;
use super::random::Random;
use super::rules::Rule;

/// A population of p members is left after so many times p² lists.
const N_LISTS_PER_PAIR: usize = 12;

/// A list of all positions, each after its predecessors, and the makespan that it leads to.
struct Listed {
    list: Vec<u32>,
    makespan: u64,
    /// By position, of a forward pass over the list.
    finishes: Vec<u64>,
}

impl Member for Listed {
    type Cost = u64;

    fn cost(&self) -> u64 {
        self.makespan
    }
}

/// The search over lists of a compact problem.
///
/// In the manner of the hybrid genetic algorithm of Valls, Ballestín and Quintanilla (2008): every list is made into a
/// schedule, the schedule is justified twice, and the list that is kept is that of the justified one. Two things
/// differ: populations follow one another, and their members are replaced by those that resemble them (see
/// [`Population`]); and besides crossing, a stretch of a list is disturbed, a large-neighborhood move, whose repair is the
/// schedule generation.
pub(super) struct Search<'a, P: Profile> {
    compact: &'a Compact,
    generator: Generator<'a, P>,
    random: Random,
    lister: Lister<u128>,
    /// What guides the lists that are drawn, and the same in a random mood.
    ranks: Vec<u64>,
    noisy: Vec<u128>,
    population: Population<Listed>,
    best: Best,
    child: Vec<u32>,
    scratch: Vec<u32>,
    is_taken: Vec<bool>,
}

/// The best schedule so far.
pub(super) struct Best {
    pub(super) makespan: u64,
    /// By position, in units.
    pub(super) starts: Vec<u64>,
}

impl<'a, P: Profile> Search<'a, P> {
    /// A search that has seen nothing yet but a first schedule.
    pub(super) fn new(compact: &'a Compact, first: Best, seed: u64) -> Self {
        let n_nodes = compact.n_nodes();
        Self {
            compact,
            generator: Generator::new(compact),
            random: Random::new(seed),
            lister: Lister::new(n_nodes),
            ranks: Rule::LatestStart.priorities(compact),
            noisy: vec![0; n_nodes],
            population: Population::new(N_LISTS_PER_PAIR),
            best: first,
            child: vec![0; n_nodes],
            scratch: vec![0; n_nodes],
            is_taken: vec![false; n_nodes],
        }
    }

    /// Searches until the budget is used up or the makespan meets the bound, and returns the best schedule.
    pub(super) fn run(mut self, bound: u64, budget: &mut Budget<impl FnMut() -> bool>) -> Best {
        if self.best.makespan > bound && self.begin(bound, budget).is_some() {
            while self.best.makespan > bound && self.improve(budget).is_some() {}
        }
        self.best
    }

    /// The first members: the first schedule, and what the rules say.
    fn begin(&mut self, bound: u64, budget: &mut Budget<impl FnMut() -> bool>) -> Option<()> {
        let starts = &self.best.starts;
        let mut by_start: Vec<u32> = (0..starts.len() as u32).collect();
        by_start.sort_unstable_by_key(|&position| (starts[position as usize], position));
        self.child.copy_from_slice(&by_start);
        self.admit(budget)?;
        for rule in Rule::ALL {
            if self.best.makespan <= bound {
                return None;
            }
            let priorities: Vec<_> = rule.priorities(self.compact).into_iter().map(u128::from).collect();
            self.lister.list(self.compact, &priorities, &mut self.child);
            self.admit(budget)?;
        }
        Some(())
    }

    /// One new list, by drawing, crossing or disturbing; `None` when the budget does not allow it.
    fn improve(&mut self, budget: &mut Budget<impl FnMut() -> bool>) -> Option<()> {
        if self.population.has_room() {
            self.draw();
            return self.admit(budget);
        }
        let parents = self.population.parents(&mut self.random);
        let mother = &self.population.member(parents.mother).list;
        match parents.father {
            Some(father) => {
                let father = &self.population.member(father).list;
                cross([mother, father], &mut self.random, &mut self.is_taken, &mut self.child, |_| {});
            }
            None => self.child.copy_from_slice(mother),
        }
        if parents.father.is_none() || self.random.once_in(2) {
            disturb(self.compact, &mut self.random, &mut self.child);
        }
        let makespan = self.evaluate(Some(parents.mother), budget)?;
        if let Some(member) = self.population.replaced(&parents, &makespan) {
            member.list.copy_from_slice(&self.child);
            member.makespan = makespan;
            member.finishes.copy_from_slice(self.generator.finishes());
        }
        Some(())
    }

    /// Draws a list of nodes by upward rank, each rank multiplied by a random factor from one to two.
    fn draw(&mut self) {
        const ONE: u64 = 1 << 10;
        for (noisy, &rank) in self.noisy.iter_mut().zip(&self.ranks) {
            *noisy = u128::from(rank) * u128::from(ONE + self.random.below(ONE as usize + 1) as u64);
        }
        self.lister.list(self.compact, &self.noisy, &mut self.child);
    }

    /// Makes the child a member.
    fn admit(&mut self, budget: &mut Budget<impl FnMut() -> bool>) -> Option<()> {
        let makespan = self.evaluate(None, budget)?;
        let finishes = self.generator.finishes().to_vec();
        self.population.push(Listed { list: self.child.clone(), makespan, finishes });
        Some(())
    }

    /// The makespan of the child, which becomes the list of its justified schedule; three passes, the first of which goes on
    /// from where the child differs from its mother.
    fn evaluate(&mut self, mother: Option<usize>, budget: &mut Budget<impl FnMut() -> bool>) -> Option<u64> {
        self.population.count_list();
        let Self { generator, child, scratch, population, .. } = self;
        budget.spend()?;
        let mut makespan = match mother.map(|mother| population.member(mother)) {
            Some(mother) => {
                let n_known = child.iter().zip(&mother.list).take_while(|(own, hers)| own == hers).count();
                generator.resumed(child, n_known, &mother.finishes)
            }
            None => generator.serial(Direction::Forward, child),
        };
        self.best.improve(makespan, self.compact, generator.finishes());
        // Double justification (Valls, Ballestín and Quintanilla 2005): all nodes to the right, then to the left.
        budget.spend()?;
        generator.turned(child, makespan, scratch);
        makespan = generator.serial(Direction::Backward, scratch);
        budget.spend()?;
        generator.turned(scratch, makespan, child);
        makespan = generator.serial(Direction::Forward, child);
        self.best.improve(makespan, self.compact, generator.finishes());
        Some(makespan)
    }
}

impl Best {
    fn improve(&mut self, makespan: u64, compact: &Compact, finishes: &[u64]) {
        if makespan < self.makespan {
            self.makespan = makespan;
            for (start, (finish, duration)) in
                self.starts.iter_mut().zip(finishes.iter().zip(&compact.durations))
            {
                *start = finish - duration;
            }
        }
    }
}
