//! Laws of plans under terms, beside trying every mode and every start.

#[expect(dead_code, reason = "each test program uses a part of what they share")]
mod common;

use std::sync::Arc;

use makespan_core::graph::{Graph, NodeId};
use makespan_core::plan::constrained::{
    Constrained, ConstrainedPlan, Hint, Modes, NEVER_NS, Objective, Supply, Terms, plan_constrained,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use common::{config, graphs};

/// What is given, before it is checked.
#[derive(Clone, Debug)]
struct Given {
    graph: Arc<Graph>,
    modes: Modes,
    supply: Supply,
    terms: Terms,
}

impl Given {
    fn checked(&self) -> Option<Constrained> {
        let Self { graph, modes, supply, terms } = self.clone();
        Constrained::new(graph, &modes, supply, terms).ok()
    }

    fn n_nodes(&self) -> usize {
        self.graph.n_nodes()
    }

    fn entry(column: &[u64], node: usize, default: u64) -> u64 {
        column.get(node).copied().unwrap_or(default)
    }

    /// No optimal schedule ends later: all has happened, and then one node after another.
    fn horizon(&self) -> u64 {
        let starts = self.terms.starts_ns.iter().filter(|&&start| start != NEVER_NS);
        let last = starts.chain(&self.terms.releases_ns).chain(&self.supply.times_ns).max();
        let nodes = (0..self.n_nodes()).map(|node| {
            let modes = self.modes.offsets[node]..self.modes.offsets[node + 1];
            self.modes.durations_ns[modes].iter().max().expect("a column that is not empty")
                + Self::entry(&self.terms.delays_ns, node, 0)
        });
        last.unwrap_or(&0) + nodes.sum::<u64>()
    }

    fn demand(&self, mode: usize, resource: usize) -> i64 {
        self.modes.demands[mode * self.supply.is_consumed.len() + resource]
    }

    /// Whether nodes that have a mode and a start keep all terms beside each other; the others do not count.
    fn is_kept(&self, placed: &[Option<(usize, u64)>]) -> bool {
        let terms = &self.terms;
        let nodes = || {
            placed
                .iter()
                .enumerate()
                .filter_map(|(node, placed)| placed.map(|(mode, start)| (node, mode, start)))
        };
        let finish = |mode: usize, start: u64| start + self.modes.durations_ns[mode];
        let own = |(node, mode, start): (usize, usize, u64)| {
            let fixed = Self::entry(&terms.starts_ns, node, NEVER_NS);
            let before = self.graph.predecessors(NodeId::from_index(node)).iter();
            let mut finishes =
                before.filter_map(|before| placed[before.index()].map(|(mode, start)| finish(mode, start)));
            // What needs more than there ever is cannot be meant, even if it takes no time.
            let n_resources = self.supply.is_consumed.len();
            let most = |resource: usize| self.supply.amounts.iter().skip(resource).step_by(n_resources).max();
            (0..n_resources)
                .all(|resource| most(resource).is_some_and(|&most| self.demand(mode, resource) <= most))
                && start >= Self::entry(&terms.releases_ns, node, 0)
                && finish(mode, start) <= Self::entry(&terms.deadlines_ns, node, NEVER_NS)
                && (fixed == NEVER_NS || fixed == start)
                && finishes.all(|finish| finish + Self::entry(&terms.delays_ns, node, 0) <= start)
        };
        let n_resources = self.supply.is_consumed.len();
        let is_enough = |resource: usize, at: u64| {
            let step = self
                .supply
                .times_ns
                .iter()
                .rposition(|&time| time <= at)
                .expect("a column that is not empty");
            let runs = |&(_, mode, start): &(usize, usize, u64)| {
                self.supply.is_consumed[resource] || (start <= at && at < finish(mode, start))
            };
            let used: i64 = nodes().filter(runs).map(|(_, mode, _)| self.demand(mode, resource)).sum();
            used <= self.supply.amounts[step * n_resources + resource]
        };
        let begins = nodes().map(|(.., start)| start).chain(self.supply.times_ns.iter().copied());
        let mut moments: Vec<u64> = begins.collect();
        moments.dedup();
        nodes().all(own) && (0..n_resources).all(|resource| moments.iter().all(|&at| is_enough(resource, at)))
    }

    fn value(&self, placed: &[Option<(usize, u64)>]) -> i128 {
        let nodes = placed
            .iter()
            .enumerate()
            .filter_map(|(node, placed)| placed.map(|(mode, start)| (node, mode, start)));
        let finishes =
            nodes.map(|(node, mode, start)| (node, i128::from(start + self.modes.durations_ns[mode])));
        let weight = |node: usize| i128::from(Self::entry(&self.terms.weights, node, 1));
        let due = |node: usize| match Self::entry(&self.terms.dues_ns, node, NEVER_NS) {
            NEVER_NS => None,
            due => Some(i128::from(due)),
        };
        match self.terms.objective {
            Objective::Makespan => finishes.map(|(_, finish)| finish).max().unwrap_or(0),
            Objective::WeightedCompletion => finishes.map(|(node, finish)| weight(node) * finish).sum(),
            Objective::WeightedTardiness => {
                finishes.filter_map(|(node, finish)| Some(weight(node) * (finish - due(node)?).max(0))).sum()
            }
            Objective::MaximumLateness => {
                finishes.filter_map(|(node, finish)| Some(finish - due(node)?)).max().unwrap_or(i128::MIN)
            }
        }
    }

    /// The best objective of all modes and starts up to the horizon.
    fn best_value(&self) -> Option<i128> {
        fn extend(
            given: &Given,
            order: &[NodeId],
            horizon: u64,
            placed: &mut Vec<Option<(usize, u64)>>,
            best: &mut Option<i128>,
        ) {
            let value = given.value(placed);
            // No node makes it better by being there, and none by starting later.
            if best.is_some_and(|best| value >= best) {
                return;
            }
            let Some((node, rest)) = order.split_first() else {
                *best = Some(value);
                return;
            };
            let node = node.index();
            for mode in given.modes.offsets[node]..given.modes.offsets[node + 1] {
                for start in 0..=horizon {
                    placed[node] = Some((mode, start));
                    if given.is_kept(placed) {
                        extend(given, rest, horizon, placed, best);
                    }
                }
            }
            placed[node] = None;
        }
        let order: Vec<_> = self.graph.topological_order().collect();
        let mut best = None;
        extend(self, &order, self.horizon(), &mut vec![None; self.n_nodes()], &mut best);
        best
    }

    fn placed(&self, plan: &ConstrainedPlan) -> Vec<Option<(usize, u64)>> {
        let nodes = plan.starts_ns.iter().zip(&plan.modes).enumerate();
        nodes.map(|(node, (&start, &mode))| Some((self.modes.offsets[node] + mode as usize, start))).collect()
    }
}

/// Either no column or one with an entry per node, of which some are `never`.
fn column(n_nodes: usize, values: std::ops::Range<u64>) -> BoxedStrategy<Vec<u64>> {
    prop_oneof![Just(Vec::new()), vec(values, n_nodes)].boxed()
}

fn sparse(n_nodes: usize, values: std::ops::Range<u64>) -> BoxedStrategy<Vec<u64>> {
    let entry = prop_oneof![2 => Just(NEVER_NS), 1 => values];
    prop_oneof![Just(Vec::new()), vec(entry, n_nodes)].boxed()
}

/// Terms for a graph of fewer than `n_nodes_max` nodes, with times of up to `span`; many contradict themselves.
fn given(n_nodes_max: usize, span: u64) -> impl Strategy<Value = Given> {
    (graphs(n_nodes_max), 0_usize..3, any::<bool>()).prop_flat_map(move |(graph, n_resources, has_modes)| {
        let n_nodes = graph.n_nodes();
        let n_alternatives = vec(1..=if has_modes { 2_usize } else { 1 }, n_nodes);
        let modes = n_alternatives.prop_flat_map(move |n_alternatives| {
            let mut offsets = vec![0];
            for n in n_alternatives {
                offsets.push(offsets.last().expect("a column that is not empty") + n);
            }
            let n_alternatives = *offsets.last().expect("a column that is not empty");
            (Just(offsets), vec(0..4_u64, n_alternatives), vec(0..4_i64, n_alternatives * n_resources))
                .prop_map(|(offsets, durations_ns, demands)| Modes { offsets, durations_ns, demands })
        });
        let supply = (vec(1..span, 0..3), vec(prop_oneof![1 => Just(true), 4 => Just(false)], n_resources))
            .prop_flat_map(move |(gaps, is_consumed)| {
                let mut times_ns = vec![0];
                for gap in gaps {
                    times_ns.push(times_ns.last().expect("a column that is not empty") + gap);
                }
                vec(1..6_i64, times_ns.len() * n_resources).prop_map(move |mut amounts| {
                    for (idx, _) in is_consumed.iter().enumerate().filter(|(_, is_consumed)| **is_consumed) {
                        for step in 0..times_ns.len() {
                            amounts[step * n_resources + idx] = amounts[idx] + 2 * i64::from(step == 0);
                        }
                        for step in 1..times_ns.len() {
                            amounts[step * n_resources + idx] = amounts[idx];
                        }
                    }
                    Supply { times_ns: times_ns.clone(), amounts, is_consumed: is_consumed.clone() }
                })
            });
        let terms = (
            select(Objective::ALL.to_vec()),
            column(n_nodes, 0..span),
            sparse(n_nodes, span..3 * span),
            sparse(n_nodes, 0..2 * span),
            column(n_nodes, 0..4),
            sparse(n_nodes, span / 2..2 * span),
            column(n_nodes, 0..3),
        );
        let terms = terms.prop_map(
            |(objective, releases_ns, deadlines_ns, dues_ns, weights, starts_ns, delays_ns)| Terms {
                objective,
                releases_ns,
                deadlines_ns,
                dues_ns,
                weights,
                starts_ns,
                delays_ns,
            },
        );
        let graph = Arc::new(graph);
        (modes, supply, terms).prop_map(move |(modes, supply, terms)| Given {
            graph: graph.clone(),
            modes,
            supply,
            terms,
        })
    })
}

proptest! {
    #![proptest_config(config(512))]

    #[test]
    fn test_plans_keep_all_terms_and_are_not_below_their_bound(given in given(20, 12), seed: u64, n_max in 0_u64..200) {
        let Some(problem) = given.checked() else { return Ok(()) };
        let Ok(plan) = plan_constrained(&problem, None, seed, n_max, || true) else { return Ok(()) };
        let placed = given.placed(&plan);
        prop_assert!(given.is_kept(&placed), "{plan:?}");
        prop_assert_eq!(plan.value, given.value(&placed));
        prop_assert!(plan.value >= plan.lower_bound);
        prop_assert!(plan.n_schedules <= n_max.max(1));
        prop_assert!(!plan.is_truncated);
    }

    #[test]
    fn test_plans_are_deterministic_and_never_worse_for_more_schedules(given in given(20, 12), seed: u64) {
        let Some(problem) = given.checked() else { return Ok(()) };
        let few = plan_constrained(&problem, None, seed, 50, || true);
        prop_assert_eq!(&few, &plan_constrained(&problem, None, seed, 50, || true));
        let many = plan_constrained(&problem, None, seed, 300, || true);
        if let Ok(few) = few {
            prop_assert!(many.expect("what few schedules reach, more reach as well").value <= few.value);
        }
    }

    #[test]
    fn test_a_plan_that_is_planned_again_is_not_worse_at_once(given in given(20, 12), seed: u64) {
        let Some(problem) = given.checked() else { return Ok(()) };
        let Ok(plan) = plan_constrained(&problem, None, seed, 100, || true) else { return Ok(()) };
        // Modes that are chosen anew would be another list.
        if plan.modes.iter().any(|&mode| mode > 0) || given.modes.offsets.len() <= *given.modes.offsets.last().expect("a column that is not empty") {
            return Ok(());
        }
        let hint = Hint { keys: plan.starts_ns.clone(), modes: plan.modes.clone() };
        let again = plan_constrained(&problem, Some(&hint), 0, 1, || true).expect("the hint keeps all terms");
        prop_assert!(again.value <= plan.value);
    }
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn test_small_plans_are_optimal_and_refusals_are_right(given in given(5, 5)) {
        let best = given.best_value();
        match given.checked() {
            None => prop_assert!(
                best.is_none() || (given.terms.objective == Objective::MaximumLateness && best == Some(i128::MIN))
                    || has_modes_where_fixed(&given),
                "{best:?}"
            ),
            Some(problem) => match plan_constrained(&problem, None, 0, 3_000, || true) {
                Ok(plan) => {
                    prop_assert!(given.is_kept(&given.placed(&plan)));
                    prop_assert_eq!(Some(plan.value), best);
                    prop_assert!(plan.lower_bound <= plan.value);
                }
                Err(error) => prop_assert_eq!(best, None, "{}", error),
            },
        }
    }
}

/// A fixed node must have one mode, which the oracle does not know.
fn has_modes_where_fixed(given: &Given) -> bool {
    let is_fixed = |node: usize| Given::entry(&given.terms.starts_ns, node, NEVER_NS) != NEVER_NS;
    (0..given.n_nodes())
        .any(|node| is_fixed(node) && given.modes.offsets[node] + 1 < given.modes.offsets[node + 1])
}
