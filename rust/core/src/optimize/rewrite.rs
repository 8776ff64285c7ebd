//! What became of each node, and the numbers of those that are left.

use super::combine::{Combined, NOT_COMBINED};
use super::dedupe::{Word, first_equals};
use super::prune::needed;

/// What rewriting did to a node.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub enum Fate {
    /// It runs.
    Runs,
    /// Nobody needs its result and its step is pure: it does not run.
    Pruned,
    /// An earlier call is equal: its result is taken instead.
    Merged,
    /// A later call is made for it as well: nobody else needs its result.
    Combined,
}

/// Which passes rewrite a graph.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct Passes {
    /// Leave out what nobody needs.
    pub prune: bool,
    /// Make equal calls once.
    pub dedupe: bool,
}

/// How many nodes do not run, by what became of them.
#[derive(Copy, Clone, Eq, PartialEq, Default, Debug)]
pub struct LeftOut {
    /// Nobody needs them.
    pub n_pruned: usize,
    /// An equal call is made.
    pub n_merged: usize,
    /// One call is made for them and another.
    pub n_combined: usize,
}

/// The map of old nodes to new ones that a rewriting returns.
///
/// New ids are dense and ascend with the old ones, so that program order stays program order.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct Rewrite {
    /// By new id.
    old_of_new: Vec<u32>,
    /// By old id; of a merged node that of its representative, of a combined one that of the call that is made for it,
    /// [`Rewrite::GONE`] of a pruned one.
    new_of_old: Vec<u32>,
    /// Old ids of combined nodes, ascending.
    combined: Vec<u32>,
}

impl Rewrite {
    /// The new id of a node that is gone.
    pub const GONE: u32 = u32::MAX;

    /// Composes the passes: prune, then dedupe what is left.
    ///
    /// Pruning goes first, as fewer calls are signed then; merging leaves nothing more to prune, since a merged node takes
    /// the results that its representative takes.
    ///
    /// `is_pinned` tells of a node that it may be neither left out nor merged; `is_wanted` that its result is needed
    /// whoever takes it. The others are as for [`needed`] and [`first_equals`]. Returns none when every node stays.
    #[must_use]
    pub fn of<Taken: Iterator<Item = u32>>(
        n_nodes: usize,
        passes: Passes,
        is_pinned: impl Fn(usize) -> bool,
        is_wanted: impl Fn(usize) -> bool,
        taken: impl Fn(usize) -> Taken,
        sign: impl Fn(usize, &mut Vec<Word>) -> bool,
    ) -> Option<Self> {
        let is_needed =
            passes.prune.then(|| needed(n_nodes, |node| is_pinned(node) || is_wanted(node), taken));
        let is_left = |node: usize| is_needed.as_ref().is_none_or(|is_needed| is_needed[node]);
        let first = passes.dedupe.then(|| {
            first_equals(n_nodes, |node, signature| {
                is_left(node) && !is_pinned(node) && sign(node, signature)
            })
        });
        let first_of = |node: usize| first.as_ref().map_or(node, |first| first[node] as usize);
        let mut old_of_new = Vec::with_capacity(n_nodes);
        let mut new_of_old = Vec::with_capacity(n_nodes);
        for node in 0..n_nodes {
            let first = first_of(node);
            if !is_left(node) {
                new_of_old.push(Self::GONE);
            } else if first == node {
                new_of_old.push(old_of_new.len() as u32);
                old_of_new.push(node as u32);
            } else {
                new_of_old.push(new_of_old[first]);
            }
        }
        (old_of_new.len() < n_nodes).then_some(Self { old_of_new, new_of_old, combined: Vec::new() })
    }

    /// Leaves out the nodes that are not needed; none when every node is.
    #[must_use]
    pub fn of_needed(is_needed: &[bool]) -> Option<Self> {
        let mut old_of_new = Vec::with_capacity(is_needed.len());
        let mut new_of_old = Vec::with_capacity(is_needed.len());
        for (node, is_needed) in is_needed.iter().enumerate() {
            if *is_needed {
                new_of_old.push(old_of_new.len() as u32);
                old_of_new.push(node as u32);
            } else {
                new_of_old.push(Self::GONE);
            }
        }
        (old_of_new.len() < is_needed.len()).then_some(Self { old_of_new, new_of_old, combined: Vec::new() })
    }

    /// Leaves out the calls that others are made for.
    #[must_use]
    pub fn of_combined(combined: &Combined) -> Self {
        let made_by = &combined.made_by;
        let n_nodes = made_by.len() as u32;
        let (combined, old_of_new): (Vec<u32>, Vec<u32>) =
            (0..n_nodes).partition(|node| made_by[*node as usize] != NOT_COMBINED);
        let mut new_of_old = vec![Self::GONE; made_by.len()];
        for (new, old) in (0..).zip(&old_of_new) {
            new_of_old[*old as usize] = new;
        }
        // A call is made by a later one, which may be made by one that is later still.
        for old in combined.iter().rev() {
            new_of_old[*old as usize] = new_of_old[made_by[*old as usize] as usize];
        }
        Self { old_of_new, new_of_old, combined }
    }

    /// Both rewritings, one after the other: `next` is of what this one leaves.
    #[must_use]
    pub fn then(&self, next: &Self) -> Self {
        let in_next = |new: u32| if new == Self::GONE { new } else { next.new_of_old[new as usize] };
        let old_of = |between: &u32| self.old_of_new[*between as usize];
        // What was merged with a call that is combined now is made along with it.
        let is_combined = |old: &u32| match self.new_of_old[*old as usize] {
            Self::GONE => false,
            new => self.combined.binary_search(old).is_ok() || next.combined.binary_search(&new).is_ok(),
        };
        let combined = (0..self.n_old() as u32).filter(is_combined).collect();
        Self {
            old_of_new: next.old_of_new.iter().map(old_of).collect(),
            new_of_old: self.new_of_old.iter().map(|between| in_next(*between)).collect(),
            combined,
        }
    }

    /// How many nodes are left.
    #[must_use]
    pub fn n_new(&self) -> usize {
        self.old_of_new.len()
    }

    /// How many nodes there were.
    #[must_use]
    pub fn n_old(&self) -> usize {
        self.new_of_old.len()
    }

    /// By new id, the old one.
    #[must_use]
    pub fn old_of_new(&self) -> &[u32] {
        &self.old_of_new
    }

    /// By old id, the new one, of a merged node that of its representative, of a combined one that of the call that is
    /// made for it; [`Rewrite::GONE`] of a pruned one.
    #[must_use]
    pub fn new_of_old(&self) -> &[u32] {
        &self.new_of_old
    }

    /// What became of an old node.
    #[must_use]
    pub fn fate(&self, old: u32) -> Fate {
        match self.new_of_old[old as usize] {
            Self::GONE => Fate::Pruned,
            new if self.old_of_new[new as usize] == old => Fate::Runs,
            _ if self.combined.binary_search(&old).is_ok() => Fate::Combined,
            _ => Fate::Merged,
        }
    }

    /// How many nodes were pruned, merged and combined.
    #[must_use]
    pub fn n_left_out(&self) -> LeftOut {
        let n_pruned = self.new_of_old.iter().filter(|new| **new == Self::GONE).count();
        let is_left = |old: &&u32| self.new_of_old[**old as usize] != Self::GONE;
        let n_combined = self.combined.iter().filter(is_left).count();
        LeftOut { n_pruned, n_merged: self.n_old() - self.n_new() - n_pruned - n_combined, n_combined }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Passes = Passes { prune: true, dedupe: true };

    /// Calls of one step: what each takes, and a constant.
    const CALLS: [(&[u32], u32); 6] = [(&[], 1), (&[], 1), (&[0], 0), (&[1], 0), (&[3], 0), (&[2], 0)];

    fn rewrite(passes: Passes, pinned: &[usize], wanted: &[usize]) -> Option<Rewrite> {
        Rewrite::of(
            CALLS.len(),
            passes,
            |node| pinned.contains(&node),
            |node| wanted.contains(&node),
            |node| CALLS[node].0.iter().copied(),
            |node, signature| {
                signature.extend(CALLS[node].0.iter().map(|before| Word::Result(*before)));
                signature.push(Word::Value(CALLS[node].1));
                true
            },
        )
    }

    #[test]
    fn test_pruned_and_merged_are_told_apart() {
        let rewrite = rewrite(ALL, &[], &[3, 5]).expect("something is left out");
        assert_eq!(rewrite.old_of_new(), [0, 2, 5]);
        assert_eq!(rewrite.new_of_old(), [0, 0, 1, 1, Rewrite::GONE, 2]);
        let fates: Vec<Fate> = (0..6).map(|old| rewrite.fate(old)).collect();
        assert_eq!(fates, [Fate::Runs, Fate::Merged, Fate::Runs, Fate::Merged, Fate::Pruned, Fate::Runs]);
        assert_eq!(rewrite.n_left_out(), LeftOut { n_pruned: 1, n_merged: 2, n_combined: 0 });
    }

    #[test]
    fn test_each_pass_alone() {
        let pruned = rewrite(Passes { dedupe: false, ..ALL }, &[], &[5]).expect("three are pruned");
        assert_eq!(pruned.old_of_new(), [0, 2, 5]);
        let merged = rewrite(Passes { prune: false, ..ALL }, &[], &[5]).expect("three are merged");
        assert_eq!(merged.old_of_new(), [0, 2, 4]);
        assert_eq!(merged.new_of_old(), [0, 0, 1, 1, 2, 2]);
        assert_eq!(rewrite(Passes { prune: false, dedupe: false }, &[], &[]), None);
    }

    #[test]
    fn test_a_pinned_node_stays_by_itself() {
        let rewrite = rewrite(ALL, &[1], &[5]).expect("some are left out");
        assert_eq!(rewrite.old_of_new(), [0, 1, 2, 5]);
    }

    #[test]
    fn test_rewritings_compose() {
        // 0 and 1 are one; of what is left (0, 2, 4, 5 were) the second goes.
        let merged = rewrite(Passes { prune: false, ..ALL }, &[4], &[5]).expect("some are merged");
        assert_eq!(merged.old_of_new(), [0, 2, 4, 5]);
        let next = Rewrite::of_needed(&[true, false, true, true]).expect("one is left out");
        let both = merged.then(&next);
        assert_eq!(both.old_of_new(), [0, 4, 5]);
        assert_eq!(both.new_of_old(), [0, 0, Rewrite::GONE, Rewrite::GONE, 1, 2]);
        assert_eq!(both.fate(3), Fate::Pruned);
        assert_eq!(Rewrite::of_needed(&[true, true]), None);
    }

    #[test]
    fn test_combined_calls_are_those_that_are_made_for_them() {
        // 0 is made by 2, which is made by 3; 1 stays.
        let combined = Combined { step_of_call: vec![0; 4], made_by: vec![2, NOT_COMBINED, 3, NOT_COMBINED] };
        let rewrite = Rewrite::of_combined(&combined);
        assert_eq!(rewrite.old_of_new(), [1, 3]);
        assert_eq!(rewrite.new_of_old(), [1, 0, 1, 1]);
        assert_eq!(rewrite.n_left_out(), LeftOut { n_combined: 2, ..LeftOut::default() });
        let fates: Vec<Fate> = (0..4).map(|old| rewrite.fate(old)).collect();
        assert_eq!(fates, [Fate::Combined, Fate::Runs, Fate::Combined, Fate::Runs]);
        // After other passes, and before the one that cuts off.
        let first = Rewrite::of_needed(&[true, false, true, true, true]).expect("one is left out");
        let both = first.then(&rewrite);
        assert_eq!(both.new_of_old(), [1, Rewrite::GONE, 0, 1, 1]);
        assert_eq!(both.fate(3), Fate::Combined);
        let all = both.then(&Rewrite::of_needed(&[true, false]).expect("one is left out"));
        assert_eq!(all.n_left_out(), LeftOut { n_pruned: 4, ..LeftOut::default() });
    }

    #[test]
    fn test_nothing_to_do_is_none() {
        assert_eq!(rewrite(ALL, &[0, 1, 2, 3, 4, 5], &[]), None);
        assert_eq!(Rewrite::of(0, ALL, |_| false, |_| false, |_| [].into_iter(), |_, _| true), None);
    }
}
