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
/// the first bit that is set in it. A node whose key was not known then waits in a tree beside it. Where it waits has no
/// influence on when it goes.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    /// The node at each position.
    order: Vec<u32>,
    /// Where the line of each class begins in `order`; one more than there are classes.
    begins: Vec<u32>,
    ranked: ReadySet,
    /// By class: nodes without a position, the first to go last.
    unranked: Vec<BTreeSet<Key>>,
    n_unranked: usize,
}

/// The first node of a line that has not been looked at in a pass, and where to look for the next.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Front {
    pub(super) key: Key,
    class: u32,
    /// The first position that has not been looked at.
    next_position: u32,
    /// The last node of the tree that has been looked at.
    last_unranked: Option<Key>,
}

impl Front {
    pub(super) fn node(&self) -> u32 {
        self.key.1.0
    }
}

impl PartialOrd for Front {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Front {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

impl Lines {
    /// Ranks nodes, given the class and the priority of each; returns the lines, empty, and the position of each node.
    ///
    /// # Complexity
    ///
    /// O(n log n); O(n) where all nodes are of one class and priority.
    pub(super) fn ranked(
        n_nodes: usize,
        n_classes: usize,
        rank_of: impl Fn(u32) -> (u32, Priority),
    ) -> (Self, Vec<u32>) {
        let n_lines = n_classes.max(1);
        let mut ranks: Vec<_> = (0..n_nodes as u32)
            .map(|node| {
                let (class, priority) = rank_of(node);
                (class, Reverse(priority), node)
            })
            .collect();
        if !ranks.is_sorted() {
            ranks.sort_unstable();
        }
        let mut begins = vec![0_u32; n_lines + 1];
        for &(class, ..) in &ranks {
            begins[class as usize + 1] += 1;
        }
        for class in 0..n_lines {
            begins[class + 1] += begins[class];
        }
        let order: Vec<u32> = ranks.into_iter().map(|(.., node)| node).collect();
        let mut positions = vec![0; n_nodes];
        for (&node, position) in order.iter().zip(0..) {
            positions[node as usize] = position;
        }
        let lines = Self {
            order,
            begins,
            ranked: ReadySet::new(n_nodes),
            unranked: vec![BTreeSet::new(); n_lines],
            n_unranked: 0,
        };
        (lines, positions)
    }

    /// Makes room for more classes.
    pub(super) fn add_classes(&mut self, n_classes: usize) {
        if n_classes > self.unranked.len() {
            self.begins.resize(n_classes + 1, self.order.len() as u32);
            self.unranked.resize(n_classes, BTreeSet::new());
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ranked.len() + self.n_unranked
    }

    #[inline]
    pub(super) fn insert(&mut self, position: u32, class: u32, key: Key) {
        if position == UNRANKED {
            self.n_unranked += usize::from(self.unranked[class as usize].insert(key));
        } else {
            self.ranked.insert(position);
        }
    }

    #[inline]
    pub(super) fn remove(&mut self, position: u32, class: u32, key: Key) {
        if position == UNRANKED {
            self.n_unranked -= usize::from(self.unranked[class as usize].remove(&key));
        } else {
            self.ranked.remove(position);
        }
    }

    pub(super) fn contains(&self, position: u32, class: u32, key: Key) -> bool {
        if position == UNRANKED {
            self.unranked[class as usize].contains(&key)
        } else {
            self.ranked.contains(position)
        }
    }

    /// Puts the front of each line that is not empty into `fronts`.
    pub(super) fn fronts(&self, fronts: &mut BinaryHeap<Front>, priority_of: impl Fn(u32) -> Priority) {
        fronts.clear();
        for class in 0..self.unranked.len() as u32 {
            let begin = self.begins[class as usize];
            fronts.extend(self.front(class, begin, None, &priority_of));
        }
    }

    /// The front of the same line after this one.
    #[inline]
    pub(super) fn after(&self, front: &Front, priority_of: impl Fn(u32) -> Priority) -> Option<Front> {
        self.front(front.class, front.next_position, front.last_unranked, priority_of)
    }

    #[inline]
    fn front(
        &self,
        class: u32,
        next_position: u32,
        last_unranked: Option<Key>,
        priority_of: impl Fn(u32) -> Priority,
    ) -> Option<Front> {
        let end = self.begins[class as usize + 1];
        let position = self.ranked.first_from(next_position).filter(|&position| position < end);
        let ranked = position.map(|position| {
            let node = self.order[position as usize];
            let key = (priority_of(node), Reverse(node));
            Front { key, class, next_position: position + 1, last_unranked }
        });
        if self.n_unranked == 0 {
            return ranked;
        }
        let line = &self.unranked[class as usize];
        let unranked = match last_unranked {
            None => line.last(),
            Some(last) => line.range(..last).next_back(),
        };
        let unranked = unranked.map(|&key| Front { key, class, next_position, last_unranked: Some(key) });
        ranked.max(unranked)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.order)
            + size_of_val(&*self.begins)
            + self.order.len() / 8
            + self.n_unranked * size_of::<Key>()
    }
}
