//! Random lives of a scheduler, with the obvious one beside it.

use std::sync::Arc;

use makespan_core::Priority;
use makespan_core::graph::Graph;
use makespan_core::sched::list::{ListError, ListOptions, ListScheduler, NodeColumns, Reason};
use makespan_core::sched::{FailurePolicy, NodeState};

use crate::model::{Model, described};
use crate::random::Random;

const N_EVENTS: usize = 60;

/// A random life: the scheduler, the model beside it, and what was decided.
pub(crate) struct Life {
    pub(crate) random: Random,
    pub(crate) scheduler: ListScheduler,
    pub(crate) model: Model,
    pub(crate) now_ns: u64,
    pub(crate) log: Vec<String>,
}

impl Life {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let n_resources = random.below(4) as usize;
        let n_groups = random.below(3) as usize;
        let options = ListOptions {
            capacities: (0..n_resources).map(|_| random.below(6) as i64).collect(),
            group_limits: (0..n_groups).map(|_| 1 + random.below(3) as i64).collect(),
            speeds: None,
            on_failure: if random.is(4) { FailurePolicy::Stop } else { FailurePolicy::Continue },
            n_retries: random.below(3) as u16,
            retry_delay_ns: random.below(20),
            retry_delay_max_ns: 30,
        };
        let has_durations = random.is(2);
        let mut life_model = Model {
            nodes: Vec::new(),
            capacities: [&*options.capacities, &*options.group_limits].concat(),
            has_durations,
            options: options.clone(),
            is_stopped: false,
        };
        let n_nodes = random.below(24) as usize;
        let (sources, targets, columns, nodes) = described(&mut random, &life_model, n_nodes);
        let graph = Graph::from_arrays(n_nodes, &sources, &targets).unwrap();
        let columns = if n_nodes == 0 && has_durations {
            NodeColumns { durations_ns: Some(Vec::new()), ..columns }
        } else {
            columns
        };
        let scheduler = ListScheduler::new(Arc::new(graph), columns, options).unwrap();
        life_model.add(0, nodes);
        let life = Self { random, scheduler, model: life_model, now_ns: 0, log: Vec::new() };
        life.model.assert_agrees(&life.scheduler);
        life
    }

    /// Some of these nodes, in any order.
    pub(crate) fn some_of(&mut self, ids: &[usize]) -> Vec<i64> {
        let mut some: Vec<i64> = Vec::new();
        for &id in ids {
            if self.random.is(2) {
                let place = self.random.below(some.len() as u64 + 1) as usize;
                some.insert(place, id as i64);
            }
        }
        some
    }

    pub(crate) fn any_node(&mut self) -> Option<i64> {
        let n_nodes = self.model.nodes.len() as u64;
        (n_nodes > 0).then(|| self.random.below(n_nodes) as i64)
    }

    pub(crate) fn step(&mut self) {
        let kind = self.random.below(12);
        match kind {
            0..3 => self.take(),
            3..5 => self.report(|life, ids| {
                let outcome = life.scheduler.complete(life.now_ns, ids);
                if outcome.is_ok() {
                    life.model.complete(life.now_ns, ids);
                }
                outcome
            }),
            5 => self.report(|life, ids| {
                let mut given_up = Vec::new();
                let outcome = life.scheduler.fail(life.now_ns, ids, &mut given_up);
                if outcome.is_ok() {
                    life.model.fail(life.now_ns, ids);
                }
                life.log.push(format!("given up {given_up:?}"));
                assert!(given_up.is_sorted_by(|a, b| a < b));
                outcome
            }),
            6 => {
                let delay_ns = self.random.below(30);
                self.report(|life, ids| {
                    let outcome = life.scheduler.retry(life.now_ns, ids, delay_ns);
                    if outcome.is_ok() {
                        life.model.retry(life.now_ns, ids, delay_ns);
                    }
                    outcome
                });
            }
            7 if self.random.is(4) => self.cancel(),
            7 | 8 => self.set_priorities(),
            9 => self.set_not_before(),
            10 if self.random.is(3) => self.add(),
            10 => self.set_capacity(),
            _ => self.now_ns += self.random.below(15),
        }
        self.model.assert_agrees(&self.scheduler);
        self.explain();
    }

    pub(crate) fn take(&mut self) {
        let n_max = self.random.below(6) as usize;
        let mut taken = Vec::new();
        self.scheduler.take(self.now_ns, n_max, &mut taken);
        assert_eq!(taken, self.model.take(self.now_ns, n_max), "at {}", self.now_ns);
        self.log.push(format!("{} takes {taken:?}", self.now_ns));
    }

    pub(crate) fn report(&mut self, report: impl FnOnce(&mut Self, &[i64]) -> Result<(), ListError>) {
        let occupying = self.model.occupying();
        let mut ids = self.some_of(&occupying);
        if self.random.is(5) {
            // One that does not run, is not there, or is there twice.
            let wrong = match self.random.below(3) {
                0 => -1,
                1 => self.model.nodes.len() as i64,
                _ => self.any_node().unwrap_or(0),
            };
            ids.push(wrong);
        }
        let may = self.model.may_report(&ids);
        let outcome = report(self, &ids);
        assert_eq!(outcome.is_ok(), may, "{ids:?}: {outcome:?}");
        self.log.push(format!("reported {ids:?}: {outcome:?}"));
    }

    pub(crate) fn cancel(&mut self) {
        let mut ids: Vec<i64> = (0..=self.random.below(2)).filter_map(|_| self.any_node()).collect();
        if self.random.is(6) {
            ids.push(self.model.nodes.len() as i64);
            assert!(self.scheduler.cancel(&ids, &mut Vec::new()).is_err());
            return;
        }
        let mut to_stop = Vec::new();
        self.scheduler.cancel(&ids, &mut to_stop).unwrap();
        assert_eq!(to_stop, self.model.cancel(&ids));
        self.log.push(format!("cancels {ids:?}, stops {to_stop:?}"));
    }

    pub(crate) fn set_priorities(&mut self) {
        let n = if self.random.is(2) { 1 } else { 1 + self.model.nodes.len() / 4 };
        let ids: Vec<i64> = (0..n).filter_map(|_| self.any_node()).collect();
        let priorities: Vec<_> = ids.iter().map(|_| self.random.priority()).collect();
        self.scheduler.set_priorities(&ids, &priorities).unwrap();
        for (&id, &priority) in ids.iter().zip(&priorities) {
            self.model.nodes[id as usize].priority = priority;
        }
        assert!(self.scheduler.set_priorities(&[-1], &[Priority::ZERO]).is_err());
        assert!(self.scheduler.set_priorities(&ids, &[]).is_err() || ids.is_empty());
    }

    pub(crate) fn set_not_before(&mut self) {
        let Some(id) = self.any_node() else {
            return;
        };
        let at_ns = self.now_ns.saturating_sub(5) + self.random.below(30);
        let state = self.model.nodes[id as usize].state;
        let may = matches!(state, NodeState::Waiting | NodeState::Delayed | NodeState::Ready);
        assert_eq!(self.scheduler.set_not_before(self.now_ns, &[id], &[at_ns]).is_ok(), may);
        if may {
            self.model.set_not_before(self.now_ns, &[id], &[at_ns]);
        }
    }

    pub(crate) fn set_capacity(&mut self) {
        let n_resources = self.scheduler.n_resources();
        let n_pools = self.model.capacities.len();
        let pool = self.random.below(n_pools as u64 + 1) as usize;
        let capacity = self.random.below(7) as i64 - 1;
        let outcome = if pool < n_resources {
            self.scheduler.set_capacity(pool, capacity)
        } else {
            self.scheduler.set_group_limit(pool - n_resources, capacity)
        };
        let may = pool < n_pools && capacity >= 0;
        assert_eq!(outcome.is_ok(), may);
        if may {
            self.model.capacities[pool] = capacity;
        }
        self.log.push(format!("pool {pool} is {capacity}"));
    }

    pub(crate) fn add(&mut self) {
        let n_nodes = 1 + self.random.below(4) as usize;
        let (sources, targets, columns, nodes) = described(&mut self.random, &self.model, n_nodes);
        let first = self.model.nodes.len();
        let added = self.scheduler.add(self.now_ns, n_nodes, &sources, &targets, columns.clone());
        let fits = nodes
            .iter()
            .all(|node| node.needs.iter().all(|(&pool, &amount)| amount <= self.model.capacities[pool]));
        assert_eq!(added.is_ok(), fits, "{added:?}");
        if fits {
            assert_eq!(added, Ok(first));
            self.model.add(self.now_ns, nodes);
            let backwards = self.scheduler.add(self.now_ns, 1, &[first as i64], &[0], columns.clone());
            assert!(backwards.is_err());
        }
        let cycle = [first as i64, first as i64 + 1];
        let n_total = self.model.nodes.len() as i64;
        let cycle = cycle.map(|id| id + n_total - first as i64);
        let columns =
            NodeColumns { durations_ns: columns.durations_ns.map(|_| vec![1, 1]), ..NodeColumns::default() };
        let outcome = self.scheduler.add(self.now_ns, 2, &cycle, &[cycle[1], cycle[0]], columns);
        assert!(matches!(outcome, Err(ListError::Graph(_))), "{outcome:?}");
        self.log.push(format!("adds {n_nodes}"));
    }

    /// What is said of a node is true.
    pub(crate) fn explain(&mut self) {
        let Some(id) = self.any_node() else {
            return;
        };
        let node = &self.model.nodes[id as usize];
        let reason = self.scheduler.explain(self.now_ns, id).unwrap();
        self.log.push(format!("{id}: {reason:?}"));
        match reason {
            Reason::State(state) => assert_eq!(state, node.state),
            Reason::WaitsFor(before) => {
                assert_eq!(node.state, NodeState::Waiting);
                let expected = node.before.iter().copied();
                let expected =
                    expected.filter(|&before| self.model.nodes[before].state != NodeState::Finished);
                assert!(before.iter().map(|&before| before as usize).eq(expected));
            }
            Reason::DelayedUntil(at_ns) => {
                assert_eq!((node.state, node.not_before_ns), (NodeState::Delayed, Some(at_ns)));
            }
            Reason::Oversized { pool, amount, capacity } => {
                assert_eq!(node.needs.get(&(pool as usize)), Some(&amount));
                assert!(amount > capacity && capacity == self.model.capacities[pool as usize]);
            }
            Reason::Short(short) => {
                for (pool, amount, free) in short {
                    assert_eq!(node.needs.get(&(pool as usize)), Some(&amount));
                    assert!(amount > free && free == self.model.free(pool as usize));
                }
            }
            Reason::Behind(ahead) => {
                let ahead = &self.model.nodes[ahead as usize];
                assert!(matches!(ahead.state, NodeState::Ready | NodeState::Delayed));
                assert_eq!(node.state, NodeState::Ready);
                assert!(ahead.priority >= node.priority);
            }
            Reason::NoIdleWorker | Reason::WaitsForFasterWorker => unreachable!("there are no workers"),
            Reason::Next => {
                assert!(self.model.clone().take(self.now_ns, usize::MAX).contains(&(id as u32)));
            }
        }
    }
}

/// Lives a whole life; returns what was decided.
pub(crate) fn live(seed: u64) -> Vec<String> {
    let mut life = Life::new(seed);
    for _ in 0..N_EVENTS {
        life.step();
    }
    life.log
}
