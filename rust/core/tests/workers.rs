//! Laws of plans on workers over random problems.

#[expect(dead_code, reason = "each test program uses a part of what they share")]
mod common;

use std::sync::Arc;

use makespan_core::plan::{WorkerDurations, WorkerProblem, plan_on_workers};
use proptest::collection::vec;
use proptest::prelude::*;

use common::{config, graphs};

/// Problems of fewer than `n_nodes_max` nodes: workers by speed or by table, of several cores, with transfers or none.
fn problems(n_nodes_max: usize) -> impl Strategy<Value = WorkerProblem> {
    (graphs(n_nodes_max), 1..6_usize, any::<bool>(), 0..3_u64).prop_flat_map(
        |(graph, n_workers, is_table, longest)| {
            let (n_nodes, n_edges) = (graph.n_nodes(), graph.n_edges());
            let n_durations = if is_table { n_nodes * n_workers } else { n_nodes };
            let durations = (vec(0..10_000_u64, n_durations), vec(0.1..4.0_f64, n_workers));
            let cores = vec(0..4_u32, n_workers).prop_flat_map(move |cores| {
                let demand = 0..=cores.iter().copied().max().unwrap_or(0);
                (Just(cores), vec(demand, n_nodes))
            });
            let transfers = vec(0..=longest * 5_000, n_edges);
            (durations, cores, transfers).prop_map(
                move |((durations_ns, speeds), (cores, demands), transfers)| {
                    let durations = if is_table {
                        WorkerDurations::Table { durations_ns, n_workers }
                    } else {
                        WorkerDurations::Speeds { durations_ns, speeds }
                    };
                    WorkerProblem::new(Arc::new(graph.clone()), durations, cores, demands, transfers)
                        .expect("some worker has the cores")
                },
            )
        },
    )
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn test_plans_are_feasible_between_their_bound_and_heft(problem in problems(30), seed: u64, n_max in 0_u64..200) {
        let planned = plan_on_workers(&problem, seed, n_max, || true);
        prop_assert_eq!(problem.first_violation(&planned.schedule), None);
        prop_assert_eq!(planned.makespan_ns, problem.makespan_ns(&planned.schedule));
        prop_assert!(planned.makespan_ns >= planned.lower_bound_ns);
        prop_assert!(planned.makespan_ns <= plan_on_workers(&problem, seed, 1, || true).makespan_ns);
        prop_assert!(!planned.is_truncated);
    }

    #[test]
    fn test_plans_are_deterministic_and_never_worse_for_more_schedules(problem in problems(30), seed: u64) {
        let few = plan_on_workers(&problem, seed, 50, || true);
        prop_assert_eq!(&few, &plan_on_workers(&problem, seed, 50, || true));
        prop_assert!(plan_on_workers(&problem, seed, 300, || true).makespan_ns <= few.makespan_ns);
    }
}
