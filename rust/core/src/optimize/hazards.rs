//! The edges that declared effects require, as in an out-of-order processor.

use std::collections::BTreeMap;

use crate::graph::NodeId;

/// A named effect, numbered by the caller.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct EffectId(pub u32);

/// What a node declares to do to the world outside its results.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub enum Touch {
    /// Looks at the effect: ordered against what writes it.
    Reads(EffectId),
    /// Changes the effect: ordered against what reads or writes it.
    Writes(EffectId),
    /// May do anything: ordered against every node that touches something.
    Anything,
}

/// Returns the edges (before, after) that keep conflicting nodes in program order.
///
/// `touches` are in program order, ascending by node; a node may have several, and reading and writing one effect counts
/// as writing it. Two nodes conflict when both touch one effect and at least one writes it, or when either touches
/// anything. Their order is kept by read-after-write, write-after-read and write-after-write edges.
///
/// An edge that earlier ones on the same effect imply is not repeated: n writers in a row give n - 1 edges, and a writer
/// after readers waits for the readers only. Edges ascend by (after, before) and occur once.
///
/// # Panics
///
/// In debug builds, when `touches` does not ascend by node.
///
/// # Complexity
///
/// O(t log t) for t touches; at most two edges per touch.
///
/// # Examples
///
/// ```
/// use makespan_core::graph::NodeId;
/// use makespan_core::optimize::{EffectId, Touch, hazard_edges};
///
/// let index = EffectId(0);
/// let [create, query, count, publish] = [0, 1, 2, 3].map(NodeId::new);
/// let touches = [
///     (create, Touch::Writes(index)),
///     (query, Touch::Reads(index)),
///     (count, Touch::Reads(index)),
///     (publish, Touch::Writes(index)),
/// ];
/// // The two readers may run at the same time.
/// assert_eq!(
///     hazard_edges(&touches),
///     [(create, query), (create, count), (query, publish), (count, publish)],
/// );
/// ```
#[must_use]
pub fn hazard_edges(touches: &[(NodeId, Touch)]) -> Vec<(NodeId, NodeId)> {
    debug_assert!(touches.is_sorted_by_key(|&(node, _)| node), "touches must ascend by node");
    let mut effects = Effects::default();
    let mut edges = Vec::new();
    let mut befores = Vec::new();
    for touches_of_node in touches.chunk_by(|(left, _), (right, _)| left == right) {
        let after = touches_of_node[0].0;
        effects.touch(after, touches_of_node, &mut befores);
        befores.sort_unstable();
        befores.dedup();
        edges.extend(befores.drain(..).map(|before| (before, after)));
    }
    edges
}

/// Who must be waited for, by whatever touches an effect next.
#[derive(Default)]
struct Effects {
    /// The last node that touched anything; everything before it is before whatever waits for it.
    barrier: Option<NodeId>,
    /// The effects touched since the barrier.
    touched: BTreeMap<EffectId, Effect>,
}

/// The state of one effect since the last barrier.
#[derive(Default)]
struct Effect {
    last_writer: Option<NodeId>,
    /// Since the last writer, all of them after it.
    readers: Vec<NodeId>,
}

impl Effects {
    /// Records the touches of one node and appends the nodes it must wait for, perhaps repeatedly.
    fn touch(&mut self, node: NodeId, touches: &[(NodeId, Touch)], befores: &mut Vec<NodeId>) {
        if touches.iter().any(|&(_, touch)| touch == Touch::Anything) {
            if self.touched.is_empty() {
                befores.extend(self.barrier);
            }
            for effect in self.touched.values_mut() {
                effect.write(node, self.barrier, befores);
            }
            self.touched.clear();
            self.barrier = Some(node);
            return;
        }
        // Writes first: what the node writes it need not read.
        for &(_, touch) in touches {
            if let Touch::Writes(id) = touch {
                let effect = self.touched.entry(id).or_default();
                effect.write(node, self.barrier, befores);
            }
        }
        for &(_, touch) in touches {
            if let Touch::Reads(id) = touch {
                let effect = self.touched.entry(id).or_default();
                effect.read(node, self.barrier, befores);
            }
        }
    }
}

impl Effect {
    fn write(&mut self, node: NodeId, barrier: Option<NodeId>, befores: &mut Vec<NodeId>) {
        if self.last_writer == Some(node) {
            return;
        }
        if self.readers.is_empty() {
            befores.extend(self.last_writer.or(barrier));
        }
        befores.append(&mut self.readers);
        self.last_writer = Some(node);
    }

    fn read(&mut self, node: NodeId, barrier: Option<NodeId>, befores: &mut Vec<NodeId>) {
        let is_touched_by_node = self.last_writer == Some(node) || self.readers.last() == Some(&node);
        if !is_touched_by_node {
            befores.extend(self.last_writer.or(barrier));
            self.readers.push(node);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: EffectId = EffectId(7);
    const B: EffectId = EffectId(u32::MAX);

    fn check(touches: &[(u32, Touch)], expected: &[(u32, u32)]) {
        let touches: Vec<_> = touches.iter().map(|&(node, touch)| (NodeId::new(node), touch)).collect();
        let edges: Vec<_> =
            hazard_edges(&touches).into_iter().map(|(before, after)| (before.get(), after.get())).collect();
        assert_eq!(edges, expected);
    }

    #[test]
    fn test_writers_form_a_chain() {
        let touches: Vec<_> = (0..4).map(|node| (node, Touch::Writes(A))).collect();
        check(&touches, &[(0, 1), (1, 2), (2, 3)]);
    }

    #[test]
    fn test_readers_alone_are_free() {
        check(&[(0, Touch::Reads(A)), (1, Touch::Reads(A))], &[]);
    }

    #[test]
    fn test_effects_are_independent() {
        check(&[(0, Touch::Writes(A)), (1, Touch::Writes(B))], &[]);
    }

    #[test]
    fn test_reading_and_writing_is_writing() {
        for both in [[Touch::Reads(A), Touch::Writes(A)], [Touch::Writes(A), Touch::Reads(A)]] {
            let touches = [(0, both[0]), (0, both[1]), (1, both[0]), (1, both[1]), (2, Touch::Reads(A))];
            check(&touches, &[(0, 1), (1, 2)]);
        }
    }

    #[test]
    fn test_reading_before_writing_does_not_repeat_the_writer() {
        let touches =
            [(0, Touch::Writes(A)), (1, Touch::Reads(A)), (2, Touch::Reads(A)), (2, Touch::Writes(A))];
        check(&touches, &[(0, 1), (1, 2)]);
    }

    #[test]
    fn test_anything_waits_for_the_last_of_each_effect_and_is_waited_for() {
        let touches = [
            (0, Touch::Writes(A)),
            (1, Touch::Reads(A)),
            (2, Touch::Writes(B)),
            (3, Touch::Anything),
            (4, Touch::Reads(A)),
            (5, Touch::Writes(A)),
            (5, Touch::Writes(B)),
            (6, Touch::Anything),
            (7, Touch::Anything),
        ];
        check(&touches, &[(0, 1), (1, 3), (2, 3), (3, 4), (3, 5), (4, 5), (5, 6), (6, 7)]);
    }
}
