//! The lines of those that are ready: one per class of needs, each in the order in which its nodes go.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use crate::Priority;
use crate::sched::ReadySet;

/// What nodes go by: the largest priority first, the smallest id among equals. The larger key goes first.
pub(super) type Key = (Priority, Reverse<u32>);

/// The position of a node that has none: it was added later, or its priority was changed since the ranking.
pub(super) const UNRANKED: u32 = u32::MAX;

/// The ready nodes by class.
///
/// Nodes are *ranked* once: sorted by class and then by key, so that a line is a range of positions and the first in line is
/// the first bit that is set in it; a pass streams through memory. A node whose key was not known then waits in a tree
/// beside it. Where it waits has no influence on when it goes.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    places: Vec<Place>,
    /// Where the line of each class begins in `places`; one more than there are classes.
    begins: Vec<u32>,
    ranked: ReadySet,
    /// By class: nodes without a position, the first to go last.
    unranked: Vec<BTreeSet<Key>>,
    n_unranked: usize,
    /// Whether somebody was unranked when the pass began, so that its fronts compare by key and not by rank.
    compares_keys: bool,
}

/// What waits at a position when it is ready: all that a pass needs to know of it.
#[derive(Copy, Clone, Debug)]
struct Place {
    node: u32,
    /// How many nodes of all classes go before it.
    rank: u32,
    /// The row of its needs.
    demand: u32,
}

/// The first node of a line that has not been looked at in a pass, and where to look for the next.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Front {
    pub(super) node: u32,
    pub(super) demand: u32,
    pub(super) position: u32,
    /// Of fronts of one pass, the larger goes first.
    order: (Priority, Reverse<u32>),
    class: u32,
    /// The first position that has not been looked at.
    next_position: u32,
    /// The last node of the tree that has been looked at.
    last_unranked: Option<Key>,
}

impl PartialOrd for Front {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Front {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order.cmp(&other.order)
    }
}

impl Lines {
    /// Ranks nodes, given the class, the priority and the row of needs of each; returns the lines, empty, and the position
    /// of each node.
    ///
    /// # Complexity
    ///
    /// O(n log n); O(n) where all nodes are of one class and priority.
    pub(super) fn ranked(
        n_nodes: usize,
        n_classes: usize,
        rank_of: impl Fn(u32) -> (u32, Priority, u32),
    ) -> (Self, Vec<u32>) {
        let n_lines = n_classes.max(1);
        let ids = 0..n_nodes as u32;
        let mut ranked: Vec<u32> = ids.clone().collect();
        if !ids.clone().is_sorted_by_key(|node| Reverse(rank_of(node).1)) {
            let mut keys: Vec<(Reverse<Priority>, u32)> =
                ids.map(|node| (Reverse(rank_of(node).1), node)).collect();
            keys.sort_unstable();
            ranked = keys.into_iter().map(|(_, node)| node).collect();
        }
        let mut begins = vec![0_u32; n_lines + 1];
        for &node in &ranked {
            begins[rank_of(node).0 as usize + 1] += 1;
        }
        for class in 0..n_lines {
            begins[class + 1] += begins[class];
        }
        let mut next_free = begins.clone();
        let mut places = vec![Place { node: 0, rank: 0, demand: 0 }; n_nodes];
        let mut positions = vec![0; n_nodes];
        for (rank, node) in (0..).zip(ranked) {
            let (class, _, demand) = rank_of(node);
            let position = &mut next_free[class as usize];
            places[*position as usize] = Place { node, rank, demand };
            positions[node as usize] = *position;
            *position += 1;
        }
        let lines = Self {
            places,
            begins,
            ranked: ReadySet::new(n_nodes),
            unranked: vec![BTreeSet::new(); n_lines],
            n_unranked: 0,
            compares_keys: false,
        };
        (lines, positions)
    }

    /// Makes room for more classes.
    pub(super) fn add_classes(&mut self, n_classes: usize) {
        if n_classes > self.unranked.len() {
            self.begins.resize(n_classes + 1, self.places.len() as u32);
            self.unranked.resize(n_classes, BTreeSet::new());
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ranked.len() + self.n_unranked
    }

    /// Puts a node in line; its key is only asked for where it has no position.
    #[inline]
    pub(super) fn insert(&mut self, position: u32, class: u32, key: impl FnOnce() -> Key) {
        if position == UNRANKED {
            self.n_unranked += usize::from(self.unranked[class as usize].insert(key()));
        } else {
            self.ranked.insert(position);
        }
    }

    #[inline]
    pub(super) fn remove(&mut self, position: u32, class: u32, key: impl FnOnce() -> Key) {
        if position == UNRANKED {
            self.n_unranked -= usize::from(self.unranked[class as usize].remove(&key()));
        } else {
            self.ranked.remove(position);
        }
    }

    /// Takes a front out of its line.
    #[inline]
    pub(super) fn remove_front(&mut self, front: &Front) {
        self.remove(front.position, front.class, || front.order);
    }

    pub(super) fn contains(&self, position: u32, class: u32, key: Key) -> bool {
        if position == UNRANKED {
            self.unranked[class as usize].contains(&key)
        } else {
            self.ranked.contains(position)
        }
    }

    /// The ids of up to `n_max` nodes of the only line, which are taken out of it; appended to `taken`.
    pub(super) fn drain_only_line(&mut self, n_max: usize, taken: &mut Vec<u32>) {
        debug_assert!(
            self.unranked.len() == 1 && self.n_unranked == 0,
            "there is one line, and all is ranked"
        );
        for _ in 0..n_max.min(self.ranked.len()) {
            let position = self.ranked.pop_first().expect("so many are in line");
            taken.push(self.places[position as usize].node);
        }
    }

    /// Whether all nodes are in one line and none waits beside it.
    pub(super) fn is_one_line(&self) -> bool {
        self.unranked.len() == 1 && self.n_unranked == 0
    }

    /// Puts the front of each line that is not empty into `fronts`; `look` tells priority and row of needs of a node.
    pub(super) fn fronts(&mut self, fronts: &mut BinaryHeap<Front>, look: impl Fn(u32) -> (Priority, u32)) {
        self.compares_keys = self.n_unranked > 0;
        fronts.clear();
        for class in 0..self.unranked.len() as u32 {
            let begin = self.begins[class as usize];
            fronts.extend(self.front(class, begin, None, &look));
        }
    }

    /// The front of the same line after this one.
    #[inline]
    pub(super) fn after(&self, front: &Front, look: impl Fn(u32) -> (Priority, u32)) -> Option<Front> {
        self.front(front.class, front.next_position, front.last_unranked, look)
    }

    #[inline]
    fn front(
        &self,
        class: u32,
        next_position: u32,
        last_unranked: Option<Key>,
        look: impl Fn(u32) -> (Priority, u32),
    ) -> Option<Front> {
        let end = self.begins[class as usize + 1];
        let position = self.ranked.first_from(next_position).filter(|&position| position < end);
        let place = position.map(|position| (position, self.places[position as usize]));
        let next_position = position.map_or(end, |position| position + 1);
        if !self.compares_keys {
            return place.map(|(position, Place { node, rank, demand })| {
                let order = (Priority::ZERO, Reverse(rank));
                Front { node, demand, position, order, class, next_position, last_unranked }
            });
        }
        let ranked = place.map(|(position, Place { node, demand, .. })| {
            let order = (look(node).0, Reverse(node));
            Front { node, demand, position, order, class, next_position, last_unranked }
        });
        let line = &self.unranked[class as usize];
        let unranked = match last_unranked {
            None => line.last(),
            Some(last) => line.range(..last).next_back(),
        };
        let unranked = unranked.map(|&order| {
            let node = order.1.0;
            let next_position = position.unwrap_or(end);
            let (position, last_unranked) = (UNRANKED, Some(order));
            Front { node, demand: look(node).1, position, order, class, next_position, last_unranked }
        });
        ranked.max(unranked)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.places)
            + size_of_val(&*self.begins)
            + self.places.len() / 8
            + self.n_unranked * size_of::<Key>()
    }
}
