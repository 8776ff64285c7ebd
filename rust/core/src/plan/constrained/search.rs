//! Search: a population of lists with modes that is crossed, disturbed and justified.

use std::cmp::Reverse;

use super::bound::{NO_TAIL, tails};
use super::check::Constrained;
use super::generate::{Cost, Generator, excess, used_by, used_by_change};
use super::planner::Hint;
use super::terms::NEVER_NS;
use crate::graph::NodeId;
use crate::plan::budget::Budget;
use crate::plan::lists::{Lister, cross, disturb};
use crate::plan::population::{Member, Population};
use crate::plan::random::Random;

/// A population of p members is left after so many times p² lists.
const N_LISTS_PER_PAIR: usize = 12;

/// A pass chooses the mode of one node in so many by its finish.
const CHOOSING_ONCE_IN: usize = 4;

/// A list of all nodes, each after its predecessors; the mode of each node; and what they lead to.
struct Listed {
    list: Vec<NodeId>,
    modes: Vec<u32>,
    cost: Cost,
}

impl Member for Listed {
    type Cost = Cost;

    fn cost(&self) -> Cost {
        self.cost
    }
}

/// The best schedule so far.
pub(super) struct Best {
    pub(super) cost: Cost,
    pub(super) starts: Vec<u64>,
    pub(super) finishes: Vec<u64>,
    pub(super) modes: Vec<u32>,
    /// A node for which there was no place.
    pub(super) unplaced: Option<usize>,
}

/// The search over lists and modes.
///
/// In the manner of the genetic algorithms of Hartmann (2001) and Van Peteghem and Vanhoucke (2010): a list and a
/// vector of modes are made into a schedule, which is justified twice, some nodes choose their mode while that is
/// done, and what is kept is what comes out. Populations follow one another as in the search for plain problems.
pub(super) struct Search<'a> {
    problem: &'a Constrained,
    generator: Generator<'a>,
    random: Random,
    /// By rule and node: the place in the order of the rule.
    ranks: Vec<Vec<u32>>,
    /// The nodes that have more than one mode.
    flexible: Vec<usize>,
    population: Population<Listed>,
    child: Vec<NodeId>,
    modes: Vec<u32>,
    best: Option<Best>,
    is_taken: Vec<bool>,
    used: Vec<i128>,
}

impl<'a> Search<'a> {
    pub(super) fn new(problem: &'a Constrained, seed: u64) -> Self {
        let n_nodes = problem.n_nodes();
        Self {
            problem,
            generator: Generator::new(problem),
            random: Random::new(seed),
            ranks: rules(problem),
            flexible: (0..n_nodes).filter(|&node| problem.modes_of(node).len() > 1).collect(),
            population: Population::new(N_LISTS_PER_PAIR),
            child: Vec::with_capacity(n_nodes),
            modes: vec![0; n_nodes],
            best: None,
            is_taken: vec![false; n_nodes],
            used: vec![0; problem.stock.len()],
        }
    }

    /// Searches until the budget is used up or the objective meets the bound, and returns the best schedule.
    pub(super) fn run(
        mut self,
        hint: Option<&Hint>,
        bound: i128,
        budget: &mut Budget<impl FnMut() -> bool>,
    ) -> Best {
        if self.begin(hint, bound, budget).is_some() {
            while !self.is_done(bound) && self.improve(budget).is_some() {}
        }
        self.best.expect("the first schedule is always allowed")
    }

    fn is_done(&self, bound: i128) -> bool {
        self.best.as_ref().is_some_and(|best| best.cost.is_feasible() && best.cost.value <= bound)
    }

    /// The first members: the hint, and what the rules say, in shortest modes.
    fn begin(
        &mut self,
        hint: Option<&Hint>,
        bound: i128,
        budget: &mut Budget<impl FnMut() -> bool>,
    ) -> Option<()> {
        if let Some(hint) = hint {
            self.child = listed(self.problem, &hint.keys);
            for (node, mode) in self.modes.iter_mut().enumerate() {
                let mut modes = self.problem.modes_of(node);
                let first = modes.start;
                let same = modes.find(|&mode| self.problem.idx_of_mode[mode] == hint.modes[node]);
                *mode = same.unwrap_or(first) as u32;
            }
            self.admit(budget)?;
        }
        for rule in 0..self.ranks.len() {
            if self.is_done(bound) {
                return None;
            }
            self.child = listed(self.problem, &self.ranks[rule]);
            self.choose_shortest();
            self.repair();
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
        let mother = self.population.member(parents.mother);
        self.child.clone_from(&mother.list);
        self.modes.clone_from(&mother.modes);
        if let Some(father) = parents.father {
            let father = self.population.member(father);
            let Self { random, is_taken, child, modes, .. } = self;
            // What stands in the father's order runs in his modes.
            cross([&mother.list, &father.list], random, is_taken, child, |node| {
                modes[node.index()] = father.modes[node.index()];
            });
        }
        if parents.father.is_none() || self.random.once_in(2) {
            disturb(&*self.problem.graph, &mut self.random, &mut self.child);
            self.change_modes();
        }
        self.repair();
        let cost = self.evaluate(budget)?;
        if let Some(member) = self.population.replaced(&parents, &cost) {
            member.list.clone_from(&self.child);
            member.modes.clone_from(&self.modes);
            member.cost = cost;
        }
        Some(())
    }

    /// Draws a list by one of the rules, each place in its order put off at random, and modes: the shortest or any.
    fn draw(&mut self) {
        let rule = self.random.below(self.ranks.len());
        let n_places = self.child.len() / 2 + 1;
        let keys: Vec<u64> = self.ranks[rule]
            .iter()
            .map(|&rank| u64::from(rank) + self.random.below(n_places) as u64)
            .collect();
        self.child = listed(self.problem, &keys);
        self.choose_shortest();
        for idx in 0..self.flexible.len() {
            if self.random.once_in(2) {
                self.change_mode(self.flexible[idx]);
            }
        }
        self.repair();
    }

    fn choose_shortest(&mut self) {
        for (node, mode) in self.modes.iter_mut().enumerate() {
            let modes = self.problem.modes_of(node);
            let shortest = modes.clone().min_by_key(|&mode| self.problem.durations[mode]);
            *mode = shortest.unwrap_or(modes.start) as u32;
        }
    }

    fn change_mode(&mut self, node: usize) {
        let modes = self.problem.modes_of(node);
        self.modes[node] = (modes.start + self.random.below(modes.len())) as u32;
    }

    /// Gives other modes to one to three nodes.
    fn change_modes(&mut self) {
        if self.flexible.is_empty() {
            return;
        }
        for _ in 0..=self.random.below(3) {
            let idx = self.random.below(self.flexible.len());
            self.change_mode(self.flexible[idx]);
        }
    }

    /// Changes modes at random until no more is used up than there is, or it does not become better (Hartmann 2001).
    fn repair(&mut self) {
        used_by(self.problem, &self.modes, &mut self.used);
        let mut over = excess(self.problem, &self.used);
        for _ in 0..4 * self.flexible.len() {
            if over == 0 {
                return;
            }
            let node = self.flexible[self.random.below(self.flexible.len())];
            let before = self.modes[node];
            self.change_mode(node);
            used_by_change(self.problem, before, self.modes[node], &mut self.used);
            let changed = excess(self.problem, &self.used);
            if changed > over {
                used_by_change(self.problem, self.modes[node], before, &mut self.used);
                self.modes[node] = before;
            } else {
                over = changed;
            }
        }
    }

    /// Makes the child a member.
    fn admit(&mut self, budget: &mut Budget<impl FnMut() -> bool>) -> Option<()> {
        let cost = self.evaluate(budget)?;
        self.population.push(Listed { list: self.child.clone(), modes: self.modes.clone(), cost });
        Some(())
    }

    /// The cost of the child, which becomes what its justified schedule says; three passes.
    fn evaluate(&mut self, budget: &mut Budget<impl FnMut() -> bool>) -> Option<Cost> {
        self.population.count_list();
        budget.spend()?;
        let cost = self.pass();
        // A node without place cannot be moved, and one node has nowhere to go.
        if cost.n_unplaced > 0 {
            return Some(cost);
        }
        budget.spend()?;
        self.generator.justify(&mut self.child, &self.modes);
        budget.spend()?;
        Some(self.pass())
    }

    fn pass(&mut self) -> Cost {
        let Self { generator, random, child, modes, .. } = self;
        let cost = generator.forward(child, modes, || random.once_in(CHOOSING_ONCE_IN));
        if self.best.as_ref().is_none_or(|best| cost < best.cost) {
            self.best = Some(Best {
                cost,
                starts: generator.starts.clone(),
                finishes: generator.finishes.clone(),
                modes: modes.clone(),
                unplaced: generator.unplaced,
            });
        }
        cost
    }
}

/// The nodes by key, as far as predecessors allow; among equals by id.
fn listed<K: Ord + Copy>(problem: &Constrained, keys: &[K]) -> Vec<NodeId> {
    assert_eq!(keys.len(), problem.n_nodes(), "each node has a key");
    let priorities: Vec<_> = keys.iter().copied().map(Reverse).collect();
    let mut list = vec![NodeId::new(0); keys.len()];
    Lister::new(keys.len()).list(&*problem.graph, &priorities, &mut list);
    list
}

/// What lists are made by: by rule and node, the place in the order of the rule.
fn rules(problem: &Constrained) -> Vec<Vec<u32>> {
    let nodes = 0..problem.n_nodes();
    let tails = tails(problem);
    let urgency = |node: usize| match tails[node] {
        NO_TAIL => i128::MAX,
        tail => -(tail + i128::from(problem.shortest[node])),
    };
    // The longest path to what counts first: upward rank, or the latest start by due dates.
    let mut rules = vec![nodes.clone().map(urgency).collect::<Vec<_>>()];
    if problem.limits.iter().any(|&limit| limit != NEVER_NS) {
        let latest = latest_starts(problem);
        let pressing = |node: usize| match latest[node] {
            NEVER_NS => (NEVER_NS, urgency(node)),
            latest => (latest, 0),
        };
        let mut order: Vec<usize> = nodes.clone().collect();
        order.sort_by_key(|&node| pressing(node));
        let mut keys = vec![0; order.len()];
        for (key, &node) in (0..).zip(&order) {
            keys[node] = key;
        }
        rules.insert(0, keys);
    }
    rules.push(nodes.clone().map(|node| i128::from(problem.heads[node])).collect());
    if problem.objective.is_sum() {
        // Shortest weighted duration first (Smith 1956).
        let ratio = |node: usize| {
            (i128::from(problem.shortest[node]) << 32) / i128::from(problem.weights[node].max(1))
        };
        rules.push(nodes.map(ratio).collect());
    }
    rules.iter().map(|keys| ranked(keys)).collect()
}

/// When each node must start at the latest, by limits alone.
fn latest_starts(problem: &Constrained) -> Vec<u64> {
    let mut latest = problem.limits.clone();
    for node in problem.graph.topological_order().rev() {
        let mut finish = latest[node.index()];
        for next in problem.graph.successors(node).iter().map(|next| next.index()) {
            if latest[next] != NEVER_NS {
                finish = finish.min(latest[next].saturating_sub(problem.delays[next]));
            }
        }
        let start = finish.saturating_sub(problem.shortest[node.index()]);
        latest[node.index()] = if finish == NEVER_NS { NEVER_NS } else { start };
    }
    latest
}

fn ranked(keys: &[i128]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..keys.len() as u32).collect();
    order.sort_by_key(|&node| keys[node as usize]);
    let mut ranks = vec![0; keys.len()];
    for (rank, &node) in (0..).zip(&order) {
        ranks[node as usize] = rank;
    }
    ranks
}
