//! Lists of nodes in which each comes after its predecessors: how they are made, crossed, disturbed and turned round.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::random::Random;
use crate::graph::{Graph, NodeId};

/// A disturbance reaches over at most one part in so many of a list.
const N_WINDOWS: usize = 4;

/// What stands in a list: a node, or its position in topological order.
pub(super) trait Item: Copy + Ord {
    fn from_index(idx: usize) -> Self;
    fn index(self) -> usize;
}

impl Item for u32 {
    fn from_index(idx: usize) -> Self {
        idx as Self
    }

    fn index(self) -> usize {
        self as usize
    }
}

impl Item for NodeId {
    fn from_index(idx: usize) -> Self {
        Self::from_index(idx)
    }

    fn index(self) -> usize {
        self.index()
    }
}

/// What comes directly before and after an item.
pub(super) trait Precedence {
    type Item: Item;

    fn before(&self, item: Self::Item) -> impl Iterator<Item = Self::Item>;
    fn after(&self, item: Self::Item) -> impl Iterator<Item = Self::Item>;

    /// Whether an item comes directly before another.
    fn is_before(&self, item: Self::Item, other: Self::Item) -> bool {
        self.before(other).any(|before| before == item)
    }
}

impl Precedence for Graph {
    type Item = NodeId;

    fn before(&self, item: NodeId) -> impl Iterator<Item = NodeId> {
        self.predecessors(item).iter().copied()
    }

    fn after(&self, item: NodeId) -> impl Iterator<Item = NodeId> {
        self.successors(item).iter().copied()
    }
}

/// Makes priorities into lists.
#[derive(Debug)]
pub(super) struct Lister<K, I = u32> {
    n_unmet: Vec<u32>,
    /// By priority, the smallest item among equals first.
    eligible: BinaryHeap<(K, Reverse<I>)>,
}

impl<K: Ord + Copy, I: Item> Lister<K, I> {
    pub(super) fn new(n_nodes: usize) -> Self {
        Self { n_unmet: vec![0; n_nodes], eligible: BinaryHeap::with_capacity(n_nodes) }
    }

    /// Fills `list`: among the items whose predecessors are in it, the one of largest priority goes next.
    pub(super) fn list(&mut self, precedence: &impl Precedence<Item = I>, priorities: &[K], list: &mut [I]) {
        let Self { n_unmet, eligible } = self;
        let entry = |item: I| (priorities[item.index()], Reverse(item));
        for (idx, n_unmet) in n_unmet.iter_mut().enumerate() {
            let item = I::from_index(idx);
            *n_unmet = precedence.before(item).count() as u32;
            if *n_unmet == 0 {
                eligible.push(entry(item));
            }
        }
        for slot in list {
            let (_, Reverse(item)) =
                eligible.pop().expect("an acyclic graph has a node without predecessors");
            *slot = item;
            for next in precedence.after(item) {
                let n_unmet = &mut n_unmet[next.index()];
                *n_unmet -= 1;
                if *n_unmet == 0 {
                    eligible.push(entry(next));
                }
            }
        }
    }
}

/// Two-point crossing (Hartmann 1998): the mother's list up to the first point and from the second on, and between them what is
/// left in the father's order, for which `on_father` is called. Predecessors stay in front, since they do in both.
pub(super) fn cross<I: Item>(
    [mother, father]: [&[I]; 2],
    random: &mut Random,
    is_taken: &mut [bool],
    child: &mut [I],
    mut on_father: impl FnMut(I),
) {
    let n_nodes = child.len();
    let points = [random.below(n_nodes + 1), random.below(n_nodes + 1)];
    let (first, second) = (points[0].min(points[1]), points[0].max(points[1]));
    is_taken.fill(false);
    child[..first].copy_from_slice(&mother[..first]);
    for item in &mother[..first] {
        is_taken[item.index()] = true;
    }
    let mut end = first;
    for &item in father {
        if end == second {
            break;
        }
        if !is_taken[item.index()] {
            is_taken[item.index()] = true;
            on_father(item);
            child[end] = item;
            end += 1;
        }
    }
    for &item in &mother[first..] {
        if !is_taken[item.index()] {
            child[end] = item;
            end += 1;
        }
    }
}

/// Moves items of one stretch of a list to other places in it, as far as their neighbors allow.
pub(super) fn disturb<P: Precedence>(precedence: &P, random: &mut Random, list: &mut [P::Item]) {
    let n_nodes = list.len();
    let length = (2 + random.below(n_nodes / N_WINDOWS + 1)).min(n_nodes);
    let begin = random.below(n_nodes - length + 1);
    let stretch = &mut list[begin..begin + length];
    for _ in 0..length {
        let from = random.below(length);
        let item = stretch[from];
        if random.once_in(2) {
            let is_free = |other: &&P::Item| !precedence.is_before(**other, item);
            let n_free = stretch[..from].iter().rev().take_while(is_free).count();
            let to = from - random.below(n_free + 1);
            stretch[to..=from].rotate_right(1);
        } else {
            let is_free = |other: &&P::Item| !precedence.is_before(item, **other);
            let n_free = stretch[from + 1..].iter().take_while(is_free).count();
            let to = from + random.below(n_free + 1);
            stretch[from..=to].rotate_left(1);
        }
    }
}

/// Turns a list into one for the other direction of time: the last to finish goes first. `sorted` is scratch.
///
/// Among equals the later in the list goes first: it may be a successor, if a duration is zero.
pub(super) fn turn(list: &[u32], finishes: &[u64], sorted: &mut Vec<(u64, u32)>, turned: &mut [u32]) {
    sorted.clear();
    sorted.extend(list.iter().enumerate().map(|(idx, &node)| (finishes[node as usize], idx as u32)));
    sorted.sort_unstable_by(|left, right| right.cmp(left));
    for (slot, &(_, idx)) in turned.iter_mut().zip(&*sorted) {
        *slot = list[idx as usize];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph() -> Graph {
        Graph::from_arrays(8, &[0, 0, 1, 3, 4, 2], &[1, 2, 3, 5, 6, 7]).unwrap()
    }

    fn is_list(graph: &Graph, list: &[NodeId]) -> bool {
        let place = |node: NodeId| list.iter().position(|&other| other == node);
        list.len() == graph.n_nodes() && graph.edges().all(|(before, after)| place(before) < place(after))
    }

    #[test]
    fn test_lists_go_by_priority_where_the_edges_allow_it() {
        let graph = Graph::from_arrays(5, &[3], &[4]).unwrap();
        let mut list = [0; 5].map(NodeId::from_index);
        Lister::new(5).list(&graph, &[1_u64, 3, 3, 0, 9], &mut list);
        assert_eq!(list, [1, 2, 0, 3, 4].map(NodeId::from_index));
    }

    #[test]
    fn test_children_are_lists_whatever_is_drawn() {
        let (graph, mut random) = (graph(), Random::new(7));
        let mut lists = [[0; 8].map(NodeId::from_index); 2];
        for (list, priorities) in
            lists.iter_mut().zip([[1_u64, 2, 3, 4, 5, 6, 7, 8], [9, 2, 8, 1, 3, 7, 4, 5]])
        {
            Lister::new(8).list(&graph, &priorities, list);
        }
        for _ in 0..200 {
            let (mut child, mut from_father) = (lists[0], Vec::new());
            let [mother, father] = &lists;
            cross([mother, father], &mut random, &mut [false; 8], &mut child, |node| from_father.push(node));
            assert!(is_list(&graph, &child));
            let places: Vec<_> =
                from_father.iter().map(|node| father.iter().position(|other| other == node)).collect();
            assert!(places.is_sorted(), "what is the father's is in his order");
            disturb(&graph, &mut random, &mut child);
            assert!(is_list(&graph, &child));
            lists = [lists[1], child];
        }
    }

    #[test]
    fn test_turned_lists_begin_with_the_last_to_finish_and_the_later_among_equals() {
        let mut turned = [0; 4];
        turn(&[2, 0, 3, 1], &[5, 9, 1, 5], &mut Vec::new(), &mut turned);
        assert_eq!(turned, [1, 3, 0, 2]);
    }
}
