//! The list scheduler beside a slow obvious one, in seeded random lives of 60 events, and whole simulations by their laws.
//!
//! Each seed is a graph that grows, with demands, groups, priorities, failures, retries, delays, cancellations and resizes, and
//! calls that must be refused. After each event both must agree on every column, and the scheduler's own invariants hold
//! (debug builds check them after every call).

#![expect(clippy::cast_possible_wrap, clippy::cast_sign_loss, reason = "numbers of nodes are small here")]
#![expect(clippy::unwrap_used, reason = "all of this is a test")]

mod life;
mod model;
mod random;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use makespan_core::graph::Graph;
use makespan_core::sched::list::{ListOptions, ListScheduler, NodeColumns};
use makespan_core::sched::simulate::{Behavior, Disturbance, NEVER_NS, Simulated, simulate};
use makespan_core::sched::{FailurePolicy, NodeState};

use life::live;
use model::{Model, described};
use random::Random;

const N_SEEDS: u64 = 10_000;

#[test]
fn test_ten_thousand_lives_agree_with_the_obvious_scheduler() {
    for seed in 0..N_SEEDS {
        let log =
            std::panic::catch_unwind(|| live(seed)).unwrap_or_else(|_| panic!("the life of seed {seed}"));
        if seed % 16 == 0 {
            assert_eq!(live(seed), log, "the same seed has the same life, seed {seed}");
        }
    }
}

/// A simulation with everything, of which only the laws are known.
fn simulated(seed: u64) -> (Simulated, ListScheduler, Vec<(u64, Vec<NodeState>)>) {
    let mut random = Random::new(seed);
    let n_nodes = 20 + random.below(60) as usize;
    let mut model = Model {
        nodes: Vec::new(),
        capacities: vec![4, 9, 2],
        has_durations: random.is(2),
        options: ListOptions {
            capacities: vec![4, 9],
            group_limits: vec![2],
            speeds: random
                .is(3)
                .then(|| (0..=random.below(5)).map(|_| [1.0, 1.5, 4.0][random.below(3) as usize]).collect()),
            n_retries: random.below(3) as u16,
            retry_delay_ns: random.below(9),
            retry_delay_max_ns: 20,
            on_failure: FailurePolicy::Continue,
        },
        is_stopped: false,
    };
    let (sources, targets, columns, nodes) = described(&mut random, &model, n_nodes);
    let graph = Arc::new(Graph::from_arrays(n_nodes, &sources, &targets).unwrap());
    model.nodes = nodes;
    let mut scheduler = ListScheduler::new(graph, columns, model.options.clone()).unwrap();
    let behavior = Behavior {
        durations_ns: (0..n_nodes).map(|_| random.below(40)).collect(),
        failure_rate: [0.0, 0.1, 0.5][random.below(3) as usize],
        seed,
    };
    let mut disturbances: Vec<_> = (0..random.below(6))
        .map(|_| {
            let at_ns = random.below(300);
            let disturbance = if random.is(2) {
                Disturbance::Cancel(vec![random.below(n_nodes as u64) as i64])
            } else {
                let resource = random.below(2) as usize;
                Disturbance::SetCapacity { resource, capacity: random.below(10) as i64 }
            };
            (at_ns, disturbance)
        })
        .collect();
    // In the end there is enough of everything.
    disturbances.sort_by_key(|(at_ns, _)| *at_ns);
    disturbances.extend([0, 1].map(|resource| (400, Disturbance::SetCapacity { resource, capacity: 9 })));
    let mut looks = Vec::new();
    let simulated = simulate(&mut scheduler, &behavior, &disturbances, |scheduler, now_ns| {
        looks.push((now_ns, scheduler.states().collect()));
        ControlFlow::Continue(())
    });
    let simulated = simulated.unwrap();
    (simulated, scheduler, looks)
}

#[test]
fn test_simulations_end_with_every_node_in_a_final_state_and_repeat() {
    for seed in 0..3_000 {
        let (first, scheduler, seen) = simulated(seed);
        scheduler.validate();
        assert_eq!(scheduler.n_left(), 0, "seed {seed} stalls");
        assert!(scheduler.states().all(NodeState::is_final), "seed {seed}");
        for (state, finish_ns) in scheduler.states().zip(&first.finishes_ns) {
            let has_run = matches!(state, NodeState::Finished | NodeState::Failed);
            assert!(!has_run || *finish_ns != NEVER_NS, "seed {seed}");
        }
        assert!(seen.is_sorted_by_key(|(now_ns, _)| *now_ns), "seed {seed}");
        let (again, _, seen_again) = simulated(seed);
        assert_eq!((first, seen), (again, seen_again), "the same seed has the same schedule, seed {seed}");
    }
}

#[test]
fn test_the_head_starts_no_later_than_its_reservation() {
    // Exact durations, nothing from outside, and all nodes ready at once: nobody comes in ahead of the head.
    let mut n_reserved = 0;
    for seed in 0..2_000 {
        let mut random = Random::new(seed);
        let n_nodes = 10 + random.below(30) as usize;
        let demands = (0..2 * n_nodes).map(|place| 1 + random.below([4, 9][place % 2]) as i64).collect();
        let durations_ns: Vec<u64> = (0..n_nodes).map(|_| 1 + random.below(40)).collect();
        let columns = NodeColumns {
            priorities: Some((0..n_nodes).map(|_| random.priority()).collect()),
            demands: Some(demands),
            groups: None,
            durations_ns: Some(durations_ns.clone()),
        };
        let options = ListOptions { capacities: vec![4, 9], ..ListOptions::default() };
        let graph = Arc::new(Graph::from_arrays(n_nodes, &[], &[]).unwrap());
        let mut scheduler = ListScheduler::new(graph, columns, options).unwrap();
        let mut reserved_ns: BTreeMap<u32, u64> = BTreeMap::new();
        let behavior = Behavior { durations_ns, ..Behavior::default() };
        let simulated = simulate(&mut scheduler, &behavior, &[], |scheduler, _| {
            if let Some((head, at_ns)) = scheduler.reservation() {
                reserved_ns.entry(head).or_insert(at_ns);
            }
            ControlFlow::Continue(())
        });
        let simulated = simulated.unwrap();
        n_reserved += reserved_ns.len();
        for (head, at_ns) in reserved_ns {
            assert!(simulated.starts_ns[head as usize] <= at_ns, "seed {seed}, node {head}");
        }
    }
    assert!(n_reserved > 10_000);
}
