//! Laws of plans over random problems.

#[expect(dead_code, reason = "each test program uses a part of what they share")]
mod common;

use std::sync::Arc;

use makespan_core::graph::{Graph, critical_path};
use makespan_core::plan::{Problem, critical_chain, list_schedule, lower_bound, plan};
use proptest::collection::vec;
use proptest::prelude::*;

use common::{config, graphs};

/// Problems of fewer than `n_nodes_max` nodes: with zero durations, without resources, with times too large for a grid.
fn problems(n_nodes_max: usize) -> impl Strategy<Value = Problem> {
    (graphs(n_nodes_max), vec(0..12_i64, 0..7), any::<bool>()).prop_flat_map(
        |(graph, capacities, is_long)| {
            let n_nodes = graph.n_nodes();
            let rows: Vec<_> = capacities.iter().map(|&capacity| 0..=capacity).collect();
            let factor = if is_long { 1_000_003 } else { 1 };
            (vec((0..10_u64, 0..factor), n_nodes), vec(rows, n_nodes)).prop_map(
                move |(durations, demands)| {
                    let durations =
                        durations.into_iter().map(|(units, rest)| units * factor + rest).collect();
                    problem(graph.clone(), durations, demands.concat(), capacities.clone())
                },
            )
        },
    )
}

fn problem(graph: Graph, durations_ns: Vec<u64>, demands: Vec<i64>, capacities: Vec<i64>) -> Problem {
    Problem::new(Arc::new(graph), durations_ns, demands, capacities).expect("no demand is above its capacity")
}

/// Asserts that a chain goes from 0 to the makespan, and that each link is tight, by counting what is in use node by node.
fn check_chain(problem: &Problem, starts_ns: &[u64]) {
    let chain = critical_chain(problem, starts_ns);
    assert_eq!(chain, critical_chain(problem, starts_ns));
    let (Some(first), Some(last)) = (chain.nodes.first(), chain.nodes.last()) else {
        assert_eq!(problem.n_nodes(), 0);
        return;
    };
    let finish_ns = |node: usize| starts_ns[node] + problem.durations_ns()[node];
    assert_eq!((starts_ns[first.index()], chain.resources[0]), (0, None));
    assert_eq!(finish_ns(last.index()), problem.makespan_ns(starts_ns));
    assert_eq!(chain.nodes.len(), chain.resources.len());
    for (pair, handed_over) in chain.nodes.windows(2).zip(&chain.resources[1..]) {
        let [before, after] = [pair[0], pair[1]];
        let at_ns = starts_ns[after.index()];
        assert_eq!(finish_ns(before.index()), at_ns);
        let Some(resource) = *handed_over else {
            assert!(problem.graph().successors(before).contains(&after));
            continue;
        };
        let held = |node: usize| problem.demands_of(node)[resource];
        let running =
            (0..problem.n_nodes()).filter(|&node| starts_ns[node] < at_ns && at_ns <= finish_ns(node));
        let in_use: i64 = running.map(held).sum();
        assert!(held(before.index()) > 0);
        assert!(in_use + held(after.index()) > problem.capacities()[resource]);
    }
}

/// Makespan of the best non-preemptive schedule of a few nodes: every order, each node as early as those before it allow.
fn shortest_ns(problem: &Problem) -> u64 {
    fn extend(problem: &Problem, starts: &mut Vec<Option<u64>>) -> u64 {
        let graph = problem.graph();
        let open: Vec<_> = graph.nodes().filter(|node| starts[node.index()].is_none()).collect();
        let durations = problem.durations_ns();
        let finish = |starts: &[Option<u64>], node: usize| starts[node].map(|start| start + durations[node]);
        if open.is_empty() {
            return (0..starts.len()).filter_map(|node| finish(starts, node)).max().unwrap_or(0);
        }
        let mut shortest = u64::MAX;
        for node in open {
            let before = graph.predecessors(node).iter().map(|before| finish(starts, before.index()));
            let Some(earliest) = before.collect::<Option<Vec<_>>>() else { continue };
            let earliest = earliest.into_iter().max().unwrap_or(0);
            let candidates = (0..starts.len()).filter_map(|other| finish(starts, other)).chain([earliest]);
            let mut candidates: Vec<_> = candidates.filter(|&start| start >= earliest).collect();
            candidates.sort_unstable();
            let fits = |&start: &u64| {
                let end = start + durations[node.index()];
                let during = |at: u64| {
                    (0..problem.n_resources()).all(|resource| {
                        let others = (0..starts.len()).filter(|&other| {
                            starts[other].is_some_and(|begin| begin <= at && at < begin + durations[other])
                        });
                        let used: i64 = others.map(|other| problem.demands_of(other)[resource]).sum();
                        used + problem.demands_of(node.index())[resource] <= problem.capacities()[resource]
                    })
                };
                let begins = starts.iter().flatten().copied().filter(|&begin| begin > start && begin < end);
                durations[node.index()] == 0 || begins.chain([start]).all(during)
            };
            let start = candidates.into_iter().find(fits).expect("after all others there is room");
            starts[node.index()] = Some(start);
            shortest = shortest.min(extend(problem, starts));
            starts[node.index()] = None;
        }
        shortest
    }
    extend(problem, &mut vec![None; problem.n_nodes()])
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn test_plans_are_feasible_and_not_below_their_bound(problem in problems(30), seed: u64, n_max in 0_u64..300) {
        let planned = plan(&problem, seed, n_max, || true);
        prop_assert_eq!(problem.first_violation(&planned.starts_ns), None);
        prop_assert_eq!(planned.makespan_ns, problem.makespan_ns(&planned.starts_ns));
        prop_assert!(planned.makespan_ns >= planned.lower_bound_ns);
        prop_assert!(planned.n_schedules <= n_max.max(1));
        prop_assert!(!planned.is_truncated);
    }

    #[test]
    fn test_plans_are_deterministic_and_never_worse_for_more_schedules(problem in problems(30), seed: u64) {
        let few = plan(&problem, seed, 50, || true);
        prop_assert_eq!(&few, &plan(&problem, seed, 50, || true));
        prop_assert!(plan(&problem, seed, 400, || true).makespan_ns <= few.makespan_ns);
    }

    #[test]
    fn test_list_schedules_are_feasible(problem in problems(40), priorities in vec(any::<u64>(), 40)) {
        let starts_ns = list_schedule(&problem, &priorities[..problem.n_nodes()]);
        prop_assert_eq!(problem.first_violation(&starts_ns), None);
        check_chain(&problem, &starts_ns);
    }

    #[test]
    fn test_plans_have_a_chain_without_gaps(problem in problems(40), seed: u64, n_max in 0_u64..300) {
        check_chain(&problem, &plan(&problem, seed, n_max, || true).starts_ns);
    }
}

proptest! {
    #![proptest_config(config(64))]

    #[test]
    fn test_small_plans_are_optimal_and_bounds_are_below(problem in problems(6)) {
        let shortest_ns = shortest_ns(&problem);
        let critical = critical_path(problem.graph(), problem.durations_ns()).expect("each node has a duration");
        prop_assert!(lower_bound(&problem, &critical) <= shortest_ns);
        prop_assert_eq!(plan(&problem, 0, 3_000, || true).makespan_ns, shortest_ns);
    }
}
