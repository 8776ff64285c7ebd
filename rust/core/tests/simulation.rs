//! Seeded random runs of the scheduler, with several workers that end in any order.
//!
//! The driver keeps its own books by the slow obvious way and checks every action against them; what an action should have
//! been and was not shows at the end, when nothing may be left.

#[expect(dead_code, reason = "each test program uses a part of what they share")]
mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use makespan_core::graph::{Graph, NodeId, descendants};
use makespan_core::sched::{
    Action, Event, FailurePolicy, Inputs, NodeState, RunScheduler, SchedulerError, SchedulerOptions,
};
use proptest::collection::vec;
use proptest::prelude::*;

use common::{config, graphs, inputs};

/// What a scheduler is made of.
#[derive(Clone, Debug)]
struct Setup {
    graph: Arc<Graph>,
    inputs: Arc<Inputs>,
    kept: Arc<[bool]>,
    /// Which nodes need a grant.
    needs: Arc<[bool]>,
    options: SchedulerOptions,
}

impl Setup {
    /// Every edge carries data unless its turn in `is_data`, taken round robin, says otherwise.
    fn new(graph: Graph, is_data: &[bool], kept: &[bool], needs: &[bool], on_failure: FailurePolicy) -> Self {
        let inputs = inputs(&graph, is_data);
        let kept = graph.nodes().map(|node| kept[node.index() % kept.len()]).collect();
        let needs = graph.nodes().map(|node| needs[node.index() % needs.len()]).collect();
        Self {
            graph: Arc::new(graph),
            inputs: Arc::new(inputs),
            kept,
            needs,
            options: SchedulerOptions { on_failure },
        }
    }

    fn scheduler(&self) -> RunScheduler {
        RunScheduler::new(
            Arc::clone(&self.graph),
            Arc::clone(&self.inputs),
            Arc::clone(&self.kept),
            self.options,
        )
        .with_needs(Arc::clone(&self.needs))
    }

    fn after_prefix(&self, n_finished: u32, running: Option<NodeId>) -> RunScheduler {
        RunScheduler::after_prefix(
            Arc::clone(&self.graph),
            Arc::clone(&self.inputs),
            Arc::clone(&self.kept),
            self.options,
            n_finished,
            running,
        )
        .with_needs(Arc::clone(&self.needs))
    }

    fn consumers(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.graph.nodes().filter(move |&other| self.inputs.of(other).contains(&node))
    }
}

fn setups_of(graphs: impl Strategy<Value = Graph>) -> impl Strategy<Value = Setup> {
    let on_failure = prop_oneof![Just(FailurePolicy::Stop), Just(FailurePolicy::Continue)];
    let is_data = vec(any::<bool>(), 1..8);
    let kept = vec(prop::bool::weighted(0.2), 1..8);
    let needs = vec(prop::bool::weighted(0.3), 1..8);
    (graphs, is_data, kept, needs, on_failure).prop_map(|(graph, is_data, kept, needs, on_failure)| {
        Setup::new(graph, &is_data, &kept, &needs, on_failure)
    })
}

fn setups() -> impl Strategy<Value = Setup> {
    setups_of(graphs(30))
}

fn setups_in_plan_order() -> impl Strategy<Value = Setup> {
    let in_plan_order = |graph: Graph| {
        let order: Vec<_> = graph.topological_order().collect();
        graph.renumbered(&order)
    };
    setups_of(graphs(30).prop_map(in_plan_order))
}

/// What happens next; `pick` chooses among the running nodes.
#[derive(Copy, Clone, Debug)]
enum Stimulus {
    Request {
        n_nodes: u32,
    },
    Finish {
        pick: usize,
    },
    Fail {
        pick: usize,
    },
    Grant {
        pick: usize,
    },
    Decline {
        pick: usize,
    },
    Cancel,
    /// Reports a node that need not be running.
    Confuse {
        id: u32,
        is_failure: bool,
    },
}

fn stimuli() -> impl Strategy<Value = Vec<Stimulus>> {
    let stimulus = prop_oneof![
        20 => (0_u32..4).prop_map(|n_nodes| Stimulus::Request { n_nodes }),
        20 => any::<usize>().prop_map(|pick| Stimulus::Finish { pick }),
        2 => any::<usize>().prop_map(|pick| Stimulus::Fail { pick }),
        10 => any::<usize>().prop_map(|pick| Stimulus::Grant { pick }),
        2 => any::<usize>().prop_map(|pick| Stimulus::Decline { pick }),
        1 => prop::bool::weighted(0.3).prop_map(|is_cancel| {
            if is_cancel { Stimulus::Cancel } else { Stimulus::Request { n_nodes: 1 } }
        }),
        2 => (0_u32..32, any::<bool>()).prop_map(|(id, is_failure)| Stimulus::Confuse { id, is_failure }),
    ];
    vec(stimulus, 0..100)
}

/// A run, and the driver's own books about it.
struct Driver<'a> {
    setup: &'a Setup,
    scheduler: RunScheduler,
    states: Vec<NodeState>,
    /// Nodes that were granted what they need, and not declined since.
    granted: BTreeSet<NodeId>,
    released: BTreeSet<NodeId>,
    n_settled: usize,
    n_dispatched: u64,
    log: Vec<Action>,
}

impl<'a> Driver<'a> {
    fn new(setup: &'a Setup) -> Self {
        let mut driver = Self {
            setup,
            scheduler: setup.scheduler(),
            states: vec![NodeState::Waiting; setup.graph.n_nodes()],
            granted: BTreeSet::new(),
            released: BTreeSet::new(),
            n_settled: 0,
            n_dispatched: 0,
            log: Vec::new(),
        };
        driver.unblock();
        driver
    }

    fn running(&self) -> Vec<NodeId> {
        self.in_state(NodeState::Running)
    }

    fn in_state(&self, state: NodeState) -> Vec<NodeId> {
        self.setup.graph.nodes().filter(|node| self.states[node.index()] == state).collect()
    }

    fn unblock(&mut self) {
        for node in self.in_state(NodeState::Waiting) {
            let mut before = self.setup.graph.predecessors(node).iter();
            if before.all(|before| self.states[before.index()] == NodeState::Finished) {
                self.states[node.index()] = NodeState::Ready;
            }
        }
    }

    fn stop(&mut self) -> Vec<Action> {
        let open = [NodeState::Waiting, NodeState::Ready, NodeState::Delayed];
        let given_up = open.map(|state| self.in_state(state)).concat();
        let given_up: BTreeSet<_> = given_up.into_iter().collect();
        for node in &given_up {
            self.states[node.index()] = NodeState::Cancelled;
        }
        given_up.into_iter().map(|node| Action::Cancel { node }).collect()
    }

    /// Applies an event to the books; returns the actions it must cause, without releases and the end.
    fn expect(&mut self, event: Event) -> Vec<Action> {
        match event {
            Event::Requested { n_nodes } => {
                let mut actions = Vec::new();
                for node in self.in_state(NodeState::Ready).into_iter().take(n_nodes as usize) {
                    if self.setup.needs[node.index()] && !self.granted.contains(&node) {
                        self.states[node.index()] = NodeState::Delayed;
                        actions.push(Action::Ask { node });
                    } else {
                        self.states[node.index()] = NodeState::Running;
                        self.n_dispatched += 1;
                        actions.push(Action::Dispatch { node });
                    }
                }
                actions
            }
            Event::Granted { node } => {
                self.states[node.index()] = NodeState::Ready;
                self.granted.insert(node);
                Vec::new()
            }
            Event::Declined { node } => {
                self.granted.remove(&node);
                Vec::new()
            }
            Event::Finished { node } => {
                self.states[node.index()] = NodeState::Finished;
                self.unblock();
                Vec::new()
            }
            Event::Failed { node } => {
                self.states[node.index()] = NodeState::Failed;
                match self.setup.options.on_failure {
                    FailurePolicy::Stop => self.stop(),
                    FailurePolicy::Continue => {
                        let mut skipped = descendants(&self.setup.graph, node);
                        skipped.retain(|node| self.states[node.index()] == NodeState::Waiting);
                        for node in &skipped {
                            self.states[node.index()] = NodeState::Skipped;
                        }
                        skipped.into_iter().map(|node| Action::Skip { node }).collect()
                    }
                }
            }
            Event::CancelRequested => self.stop(),
        }
    }

    /// What must have been released by now.
    fn due(&self) -> BTreeSet<NodeId> {
        let finished = self.in_state(NodeState::Finished).into_iter();
        let is_unused =
            |node: &NodeId| self.setup.consumers(*node).all(|other| self.states[other.index()].is_final());
        finished.filter(|node| !self.setup.kept[node.index()]).filter(is_unused).collect()
    }

    fn advance(&mut self, event: Event) {
        let expected = self.expect(event);
        let mut actions = Vec::new();
        let accepted = self.scheduler.advance(0, &[event], &mut actions);
        assert_eq!(accepted, Ok(()));
        self.log.extend_from_slice(&actions);
        let mut decisions = Vec::new();
        for action in actions {
            match action {
                Action::Release { node } => {
                    assert!(self.released.insert(node), "{node} was released twice");
                }
                Action::Settle => self.n_settled += 1,
                Action::Dispatch { .. }
                | Action::Join { .. }
                | Action::Ask { .. }
                | Action::Skip { .. }
                | Action::Cancel { .. } => {
                    decisions.push(action);
                }
            }
        }
        assert_eq!(decisions, expected, "after {event:?}");
        self.check();
    }

    fn check(&self) {
        self.scheduler.validate();
        for node in self.setup.graph.nodes() {
            assert_eq!(self.scheduler.state(node), self.states[node.index()], "node {node}");
        }
        assert_eq!(self.released, self.due());
        let is_over = self.states.iter().all(|state| state.is_final());
        assert_eq!(self.n_settled, usize::from(is_over));
        assert_eq!(self.scheduler.is_settled(), is_over);
        assert_eq!(self.scheduler.n_dispatched(), self.n_dispatched);
        assert!(self.scheduler.running().eq(self.running()));
        assert_eq!(self.scheduler.n_running(), self.running().len());
        assert_eq!(self.scheduler.n_finished(), self.in_state(NodeState::Finished).len());
        assert_eq!(self.scheduler.n_left(), self.states.iter().filter(|state| !state.is_final()).count());
    }

    fn stimulate(&mut self, stimulus: Stimulus) {
        let running = self.running();
        match stimulus {
            Stimulus::Request { n_nodes } => self.advance(Event::Requested { n_nodes }),
            Stimulus::Finish { pick } if !running.is_empty() => {
                self.advance(Event::Finished { node: running[pick % running.len()] });
            }
            Stimulus::Fail { pick } if !running.is_empty() => {
                self.advance(Event::Failed { node: running[pick % running.len()] });
            }
            Stimulus::Finish { .. } | Stimulus::Fail { .. } => {}
            Stimulus::Grant { pick } => {
                let delayed = self.in_state(NodeState::Delayed);
                if !delayed.is_empty() {
                    self.advance(Event::Granted { node: delayed[pick % delayed.len()] });
                }
            }
            Stimulus::Decline { pick } => {
                let mut ready = self.in_state(NodeState::Ready);
                ready.retain(|node| self.granted.contains(node));
                assert_eq!(self.scheduler.n_granted(), ready.len());
                if !ready.is_empty() {
                    self.advance(Event::Declined { node: ready[pick % ready.len()] });
                }
            }
            Stimulus::Cancel => self.advance(Event::CancelRequested),
            Stimulus::Confuse { id, is_failure } => {
                let node = NodeId::new(id);
                let event = if is_failure { Event::Failed { node } } else { Event::Finished { node } };
                if running.contains(&node) {
                    self.advance(event);
                } else {
                    self.confuse(node, event);
                }
            }
        }
    }

    /// Sends what cannot have happened.
    fn confuse(&mut self, node: NodeId, event: Event) {
        let mut actions = Vec::new();
        let refused =
            self.scheduler.advance(0, &[event], &mut actions).expect_err("this cannot have happened");
        assert!(actions.is_empty());
        match refused {
            SchedulerError::UnknownNode { node: named, n_nodes } => {
                assert_eq!((named, n_nodes), (node, self.states.len()));
                assert!(node.index() >= n_nodes);
            }
            SchedulerError::IllegalTransition { node: named, state, event: _ } => {
                assert_eq!((named, state), (node, self.states[node.index()]));
            }
        }
        self.check();
    }

    /// Asks for a node, which is the first that is ready, until it is dispatched.
    fn dispatch(&mut self, node: NodeId) {
        self.advance(Event::Requested { n_nodes: 1 });
        if self.states[node.index()] == NodeState::Delayed {
            self.advance(Event::Granted { node });
            self.advance(Event::Requested { n_nodes: 1 });
        }
        assert_eq!(self.states[node.index()], NodeState::Running);
    }

    /// Lets the rest of the run go well.
    fn drain(&mut self) {
        while !self.scheduler.is_settled() {
            self.stimulate(Stimulus::Request { n_nodes: 2 });
            self.stimulate(Stimulus::Grant { pick: 0 });
            self.stimulate(Stimulus::Finish { pick: 0 });
        }
    }
}

fn run(setup: &Setup, stimuli: &[Stimulus]) -> Vec<Action> {
    let mut driver = Driver::new(setup);
    for &stimulus in stimuli {
        driver.stimulate(stimulus);
    }
    driver.drain();
    driver.log
}

proptest! {
    #![proptest_config(config(4_000))]

    #[test]
    fn test_any_run_keeps_the_books(setup in setups(), stimuli in stimuli()) {
        let log = run(&setup, &stimuli);
        prop_assert_eq!(log.last(), Some(&Action::Settle));
        // Every node is dispatched or given up, once.
        let decided: Vec<_> = log
            .iter()
            .filter_map(|action| match *action {
                Action::Dispatch { node } | Action::Skip { node } | Action::Cancel { node } => Some(node),
                Action::Join { .. } | Action::Ask { .. } | Action::Release { .. } | Action::Settle => None,
            })
            .collect();
        let different: BTreeSet<_> = decided.iter().copied().collect();
        prop_assert_eq!(decided.len(), setup.graph.n_nodes());
        prop_assert_eq!(different.len(), setup.graph.n_nodes());
        // The same events lead to the same decisions.
        prop_assert_eq!(run(&setup, &stimuli), log);
    }

    #[test]
    fn test_events_may_come_in_batches(setup in setups(), n_workers in 1_u32..5) {
        let mut one_by_one = Driver::new(&setup);
        let mut scheduler = setup.scheduler();
        let mut batch = vec![Event::Requested { n_nodes: n_workers }];
        let mut actions = Vec::new();
        while !scheduler.is_settled() {
            let n_actions_before = actions.len();
            scheduler.advance(0, &batch, &mut actions).unwrap();
            for event in batch.drain(..) {
                one_by_one.advance(event);
            }
            for action in &actions[n_actions_before..] {
                match *action {
                    Action::Dispatch { node } => batch.push(Event::Finished { node }),
                    Action::Ask { node } => batch.push(Event::Granted { node }),
                    Action::Join { .. }
                    | Action::Release { .. }
                    | Action::Skip { .. }
                    | Action::Cancel { .. }
                    | Action::Settle => {}
                }
            }
            batch.push(Event::Requested { n_nodes: n_workers });
        }
        prop_assert_eq!(one_by_one.log, actions);
    }

    #[test]
    fn test_after_prefix_is_what_event_by_event_leads_to(
        setup in setups_in_plan_order(),
        n_finished in 0_u32..31,
        is_running in any::<bool>(),
        stimuli in stimuli(),
    ) {
        let n_nodes = setup.graph.n_nodes();
        let n_finished = n_finished.min(n_nodes as u32);
        let running = (is_running && (n_finished as usize) < n_nodes).then(|| NodeId::new(n_finished));

        let mut driver = Driver::new(&setup);
        for id in 0..n_finished {
            driver.dispatch(NodeId::new(id));
            driver.advance(Event::Finished { node: NodeId::new(id) });
        }
        if let Some(running) = running {
            driver.dispatch(running);
        }

        driver.scheduler = setup.after_prefix(n_finished, running);
        driver.check();
        for &stimulus in &stimuli {
            driver.stimulate(stimulus);
        }
        driver.drain();
    }
}

fn chain(n_nodes: u32, on_failure: FailurePolicy) -> Setup {
    let edges: Vec<_> = (1..n_nodes).map(|id| (NodeId::new(id - 1), NodeId::new(id))).collect();
    let graph = Graph::from_edges(n_nodes as usize, &edges).expect("a chain is acyclic");
    Setup::new(graph, &[true], &[false], &[false], on_failure)
}

#[test]
fn test_a_chain_of_a_million_nodes_runs() {
    let n_nodes = 1_000_000;
    let mut scheduler = chain(n_nodes, FailurePolicy::Stop).scheduler();
    let mut actions = Vec::new();
    scheduler.advance(0, &[Event::Requested { n_nodes: 1 }], &mut actions).unwrap();
    for id in 0..n_nodes {
        assert_eq!(actions[0], Action::Dispatch { node: NodeId::new(id) });
        actions.clear();
        let node = NodeId::new(id);
        scheduler.advance(0, &[Event::Finished { node }], &mut actions).unwrap();
        actions.clear();
        scheduler.advance(0, &[Event::Requested { n_nodes: 1 }], &mut actions).unwrap();
    }
    assert!(scheduler.is_settled());
    scheduler.validate();
}

#[test]
fn test_a_chain_of_a_million_nodes_fails_at_its_head() {
    let n_nodes = 1_000_000;
    for on_failure in [FailurePolicy::Stop, FailurePolicy::Continue] {
        let mut scheduler = chain(n_nodes, on_failure).scheduler();
        let mut actions = Vec::new();
        let node = NodeId::new(0);
        let events = [Event::Requested { n_nodes: 1 }, Event::Failed { node }];
        scheduler.advance(0, &events, &mut actions).unwrap();
        assert_eq!(actions.len(), n_nodes as usize + 1);
        assert_eq!(actions.last(), Some(&Action::Settle));
        scheduler.validate();
    }
}
