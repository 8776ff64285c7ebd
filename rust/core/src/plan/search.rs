//! Search: a population of lists that is crossed, disturbed and justified.

use super::compact::Compact;
use super::generate::{Direction, Generator};
use super::planner::Budget;
use super::profile::Profile;
use super::random::Random;
use super::rules::{Lister, Rule};

/// How many members the first population has, and how many times as many each further one.
const N_MEMBERS_FIRST: usize = 10;
const GROWTH: usize = 4;

/// A population of p members is left after so many times p² lists: until then it still improves.
const N_LISTS_PER_PAIR: usize = 12;

/// A disturbance reaches over at most one part in so many of a list.
const N_WINDOWS: usize = 4;

/// One member: a list of all positions, each after its predecessors, and the makespan that it leads to.
struct Member {
    list: Vec<u32>,
    makespan: u64,
}

/// The search over lists of a compact problem.
///
/// In the manner of the hybrid genetic algorithm of Valls, Ballestín and Quintanilla (2008): every list is made into a
/// schedule, the schedule is justified twice, and the list that is kept is that of the justified one. Three things
/// differ:
///
/// - Populations follow one another, each four times as large and starting afresh: a small one is soon good, a large one ends
///   better, and nobody need know beforehand how long the search will be.
/// - A child takes its mother's place, or that of the one who lost against her, if it is not worse. So members are replaced by
///   those that resemble them, and search moves along plateaus, of which a makespan has many.
/// - Besides crossing (two points, Hartmann 1998), a stretch of a list is disturbed: a large-neighborhood move, whose
///   repair is the schedule generation.
pub(super) struct Search<'a, P: Profile> {
    compact: &'a Compact,
    generator: Generator<'a, P>,
    random: Random,
    lister: Lister<u128>,
    /// What guides the lists that are drawn, and the same in a random mood.
    ranks: Vec<u64>,
    noisy: Vec<u128>,
    members: Vec<Member>,
    /// How many there may be in this population, and how many lists it has tried.
    n_members_max: usize,
    n_lists: usize,
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
            members: Vec::new(),
            n_members_max: N_MEMBERS_FIRST,
            n_lists: 0,
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
        if self.n_lists >= N_LISTS_PER_PAIR * self.n_members_max * self.n_members_max {
            self.members.clear();
            self.n_lists = 0;
            self.n_members_max *= GROWTH;
        }
        let n_members = self.members.len();
        if n_members < self.n_members_max {
            self.draw();
            return self.admit(budget);
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
            self.child.copy_from_slice(&self.members[mother].list);
        }
        if !is_crossed || self.random.once_in(2) {
            self.disturb();
        }
        let makespan = self.evaluate(budget)?;
        let replaced = [mother, loser].into_iter().find(|&member| makespan <= self.members[member].makespan);
        if let Some(member) = replaced {
            let member = &mut self.members[member];
            member.list.copy_from_slice(&self.child);
            member.makespan = makespan;
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
        let makespan = self.evaluate(budget)?;
        self.members.push(Member { list: self.child.clone(), makespan });
        Some(())
    }

    /// The makespan of the child, which becomes the list of its justified schedule; three passes.
    fn evaluate(&mut self, budget: &mut Budget<impl FnMut() -> bool>) -> Option<u64> {
        let Self { generator, child, scratch, .. } = self;
        self.n_lists += 1;
        budget.spend()?;
        let mut makespan = generator.serial(Direction::Forward, child);
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

    /// Two-point crossing: the mother's list up to the first point and from the second on, and between them what is left in
    /// the father's order. Predecessors stay in front, since they do in both.
    fn cross(&mut self, mother: usize, father: usize) {
        let n_nodes = self.child.len();
        let points = [self.random.below(n_nodes + 1), self.random.below(n_nodes + 1)];
        let (first, second) = (points[0].min(points[1]), points[0].max(points[1]));
        let (mother, father) = (&self.members[mother].list, &self.members[father].list);
        self.is_taken.fill(false);
        self.child[..first].copy_from_slice(&mother[..first]);
        for &position in &mother[..first] {
            self.is_taken[position as usize] = true;
        }
        let mut end = first;
        for list in [father, mother] {
            for &position in list {
                let is_last = std::ptr::eq(list, mother);
                if !is_last && end == second {
                    break;
                }
                if !self.is_taken[position as usize] {
                    self.is_taken[position as usize] = true;
                    self.child[end] = position;
                    end += 1;
                }
            }
        }
    }

    /// Moves nodes of one stretch of the child to other places in it, as far as their neighbors allow.
    fn disturb(&mut self) {
        let n_nodes = self.child.len();
        let length = (2 + self.random.below(n_nodes / N_WINDOWS + 1)).min(n_nodes);
        let begin = self.random.below(n_nodes - length + 1);
        let stretch = &mut self.child[begin..begin + length];
        for _ in 0..length {
            let from = self.random.below(length);
            let position = stretch[from] as usize;
            if self.random.once_in(2) {
                let before = self.compact.predecessors.of(position);
                let free = stretch[..from].iter().rev().take_while(|other| !before.contains(other)).count();
                let to = from - self.random.below(free + 1);
                stretch[to..=from].rotate_right(1);
            } else {
                let after = self.compact.successors.of(position);
                let free = stretch[from + 1..].iter().take_while(|other| !after.contains(other)).count();
                let to = from + self.random.below(free + 1);
                stretch[from..=to].rotate_left(1);
            }
        }
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
