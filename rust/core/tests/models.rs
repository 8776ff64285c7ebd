//! Data structures and plans against slow obvious models.

#[expect(dead_code, reason = "each test program uses a part of what they share")]
mod common;

use std::collections::BTreeSet;

use makespan_core::graph::NodeId;
use makespan_core::optimize::{EffectId, Touch, hazard_edges};
use makespan_core::plan::{StaticOrder, static_order};
use makespan_core::sched::ReadySet;
use proptest::collection::vec;
use proptest::prelude::*;

use common::{closure, config, graphs};

#[derive(Clone, Debug)]
enum SetStep {
    Insert(u32),
    Remove(u32),
    Pop,
}

fn set_steps(capacity: u32) -> impl Strategy<Value = Vec<SetStep>> {
    let step = prop_oneof![
        3 => (0..capacity).prop_map(SetStep::Insert),
        1 => (0..capacity).prop_map(SetStep::Remove),
        1 => Just(SetStep::Pop),
    ];
    vec(step, 0..200)
}

/// Whether two nodes with these touches must keep their order.
fn is_conflict(left: &[Touch], right: &[Touch]) -> bool {
    let pairs = left.iter().flat_map(|left| right.iter().map(move |right| (left, right)));
    pairs.into_iter().any(|pair| match pair {
        (Touch::Anything, _) | (_, Touch::Anything) => true,
        (Touch::Reads(_), Touch::Reads(_)) => false,
        (Touch::Reads(left) | Touch::Writes(left), Touch::Reads(right) | Touch::Writes(right)) => {
            left == right
        }
    })
}

fn touches() -> impl Strategy<Value = Vec<(NodeId, Touch)>> {
    let touch = prop_oneof![
        4 => (0_u32..4).prop_map(|id| Touch::Reads(EffectId(id))),
        4 => (0_u32..4).prop_map(|id| Touch::Writes(EffectId(id))),
        1 => Just(Touch::Anything),
    ];
    vec((0_u32..24, touch), 0..40).prop_map(|mut touches| {
        touches.sort_by_key(|&(node, _)| node);
        touches.into_iter().map(|(node, touch)| (NodeId::new(node), touch)).collect()
    })
}

proptest! {
    #![proptest_config(config(512))]

    #[test]
    fn test_ready_set_agrees_with_a_sorted_set(
        (capacity, steps) in prop_oneof![Just(1), Just(64), Just(65), Just(300), Just(5_000), Just(300_000)]
            .prop_flat_map(|capacity| (Just(capacity), set_steps(capacity))),
    ) {
        let mut set = ReadySet::new(capacity as usize);
        let mut model = BTreeSet::new();
        for step in steps {
            match step {
                SetStep::Insert(value) => prop_assert_eq!(set.insert(value), model.insert(value)),
                SetStep::Remove(value) => prop_assert_eq!(set.remove(value), model.remove(&value)),
                SetStep::Pop => prop_assert_eq!(set.pop_first(), model.pop_first()),
            }
            prop_assert_eq!(set.first(), model.first().copied());
            prop_assert_eq!(set.len(), model.len());
        }
        prop_assert!(model.iter().all(|&value| set.contains(value)));
    }

    #[test]
    fn test_hazard_edges_order_exactly_what_conflicts(touches in touches()) {
        let n_nodes = 24;
        let of_node: Vec<Vec<Touch>> = (0..n_nodes)
            .map(|id| touches.iter().filter(|(node, _)| node.get() == id).map(|&(_, touch)| touch).collect())
            .collect();
        let mut conflicts = Vec::new();
        for (after, of_after) in of_node.iter().enumerate() {
            for (before, of_before) in of_node[..after].iter().enumerate() {
                if is_conflict(of_before, of_after) {
                    conflicts.push((NodeId::from_index(before), NodeId::from_index(after)));
                }
            }
        }
        let edges = hazard_edges(&touches);
        prop_assert!(edges.is_sorted_by_key(|&(before, after)| (after, before)));
        prop_assert!(edges.iter().all(|edge| conflicts.contains(edge)));
        prop_assert_eq!(closure(n_nodes as usize, &edges), closure(n_nodes as usize, &conflicts));
        prop_assert!(edges.len() <= 2 * touches.len());
    }

    #[test]
    fn test_static_order_is_a_linear_extension_by_falling_rank(
        (graph, durations_ns) in prop_oneof![graphs(40), graphs(600)].prop_flat_map(|graph| {
            let durations_ns = vec(prop_oneof![0_u64..3, 0_u64..10_000], graph.n_nodes());
            (Just(graph), durations_ns)
        }),
        n_workers in 0_usize..5,
    ) {
        let order = match static_order(&graph, &durations_ns, n_workers) {
            StaticOrder::Identity => {
                prop_assert!(graph.is_id_ordered());
                graph.nodes().collect()
            }
            StaticOrder::Order(order) => order,
        };
        // Checks that every node occurs once and after its predecessors.
        let renumbered = graph.renumbered(&order);
        prop_assert_eq!(renumbered.n_edges(), graph.n_edges());

        // The rule, restated.
        let durations_ns: Vec<_> = durations_ns.iter().map(|&ns| ns.max(1)).collect();
        let mut ranks_ns = vec![0; graph.n_nodes()];
        let mut positions = vec![0; graph.n_nodes()];
        let topological: Vec<_> = graph.topological_order().collect();
        for (position, node) in topological.iter().enumerate().rev() {
            let after = graph.successors(*node).iter().map(|after| ranks_ns[after.index()]);
            ranks_ns[node.index()] = durations_ns[node.index()] + after.max().unwrap_or(0);
            positions[node.index()] = position;
        }
        let share_ns = durations_ns.iter().sum::<u64>().div_ceil(n_workers.max(1) as u64);
        let bound_ns = share_ns.max(ranks_ns.iter().copied().max().unwrap());
        let quantum_ns = if graph.n_nodes() <= 256 { 1 } else { (bound_ns / 64).max(1) };
        let mut expected: Vec<_> = graph.nodes().collect();
        expected.sort_by_key(|node| {
            (std::cmp::Reverse(ranks_ns[node.index()] / quantum_ns), positions[node.index()])
        });
        prop_assert_eq!(order, expected);
    }
}
