//! Populations that follow one another, and who is crossed with whom in them.

use super::random::Random;

/// How many members the first population has, and how many times as many each further one.
const N_MEMBERS_FIRST: usize = 10;
const GROWTH: usize = 4;

/// What populations are made of.
pub(super) trait Member {
    /// The smaller the better.
    type Cost: Ord;

    fn cost(&self) -> Self::Cost;
}

/// Members, and how many lists this population has tried.
///
/// Populations follow one another, each four times as large and starting afresh: a small one is soon good, a large one ends
/// better, and nobody need know beforehand how long the search will be. A child takes its mother's place, or that of the one
/// who lost against her, if it is not worse. So members are replaced by those that resemble them, and search moves along
/// plateaus, of which a makespan has many.
pub(super) struct Population<M> {
    members: Vec<M>,
    n_members_max: usize,
    n_lists: usize,
    n_lists_per_pair: usize,
}

/// Members by index.
pub(super) struct Parents {
    /// The better of two.
    pub(super) mother: usize,
    /// The other one.
    loser: usize,
    /// Whom the mother is crossed with, if with anybody.
    pub(super) father: Option<usize>,
}

impl<M: Member> Population<M> {
    /// A population of p members is left after `n_lists_per_pair` · p² lists: until then it still improves.
    pub(super) const fn new(n_lists_per_pair: usize) -> Self {
        Self { members: Vec::new(), n_members_max: N_MEMBERS_FIRST, n_lists: 0, n_lists_per_pair }
    }

    /// Counts a list that is tried.
    pub(super) const fn count_list(&mut self) {
        self.n_lists += 1;
    }

    /// Whether there is room for another member; a population that has tried enough makes room for the next one.
    pub(super) fn has_room(&mut self) -> bool {
        if self.n_lists >= self.n_lists_per_pair * self.n_members_max * self.n_members_max {
            self.members.clear();
            self.n_lists = 0;
            self.n_members_max *= GROWTH;
        }
        self.members.len() < self.n_members_max
    }

    pub(super) fn push(&mut self, member: M) {
        self.members.push(member);
    }

    pub(super) fn member(&self, idx: usize) -> &M {
        &self.members[idx]
    }

    /// Draws who has the next child; every other mother has it alone.
    pub(super) fn parents(&self, random: &mut Random) -> Parents {
        let n_members = self.members.len();
        let (mut mother, mut loser) = (random.below(n_members), random.below(n_members));
        if self.members[mother].cost() > self.members[loser].cost() {
            (mother, loser) = (loser, mother);
        }
        let father = random.below(n_members);
        let is_crossed = father != mother && random.once_in(2);
        Parents { mother, loser, father: is_crossed.then_some(father) }
    }

    /// Whose place a child of such a cost takes.
    pub(super) fn replaced(&mut self, parents: &Parents, cost: &M::Cost) -> Option<&mut M> {
        let not_better = |&member: &usize| *cost <= self.members[member].cost();
        let place = [parents.mother, parents.loser].into_iter().find(not_better)?;
        Some(&mut self.members[place])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Member for u32 {
        type Cost = Self;

        fn cost(&self) -> Self {
            *self
        }
    }

    #[test]
    fn test_populations_grow_and_begin_afresh() {
        let mut population = Population::<u32>::new(2);
        for n_members in [10, 40] {
            for member in 0..n_members {
                assert!(population.has_room());
                population.push(member);
            }
            for _ in 0..2 * n_members * n_members {
                assert!(!population.has_room());
                population.count_list();
            }
        }
        assert!(population.has_room());
    }

    #[test]
    fn test_the_better_one_is_the_mother_and_makes_way_first() {
        let (mut population, mut random) = (Population::new(9), Random::new(1));
        (0..10).for_each(|member| population.push(member));
        for _ in 0..100 {
            let parents = population.parents(&mut random);
            assert!(parents.mother <= parents.loser, "costs are the indices here");
            assert_ne!(parents.father, Some(parents.mother));
            let [best, middle] = [parents.mother, parents.loser].map(|member| *population.member(member));
            assert_eq!(population.replaced(&parents, &best).copied(), Some(best));
            if middle > best {
                assert_eq!(population.replaced(&parents, &middle).copied(), Some(middle));
            }
            assert_eq!(population.replaced(&parents, &(middle + 1)), None);
        }
    }
}
