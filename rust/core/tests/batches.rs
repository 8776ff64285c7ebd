//! Seeded random runs in which nodes share calls, against the rules of [`Candidates`] applied by the slow obvious way.

#[expect(dead_code, reason = "each test program uses a part of what they share")]
mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use makespan_core::graph::{Graph, NodeId};
use makespan_core::sched::{
    Action, Candidates, Event, FailurePolicy, Inputs, NodeState, RunScheduler, SchedulerOptions,
};
use proptest::collection::vec;
use proptest::prelude::*;

use common::{config, graphs, inputs};

/// How much later each event is than the one before, in nanoseconds.
const STEP_NS: u64 = 10;

#[derive(Clone, Debug)]
struct Setup {
    graph: Arc<Graph>,
    inputs: Arc<Inputs>,
    needs: Arc<[bool]>,
    candidates: Arc<Candidates>,
    on_failure: FailurePolicy,
}

fn setups() -> impl Strategy<Value = Setup> {
    let classes = vec(prop_oneof![2 => Just(Candidates::NONE), 5 => 0_u32..3], 1..9);
    let limits = vec(1_u32..6, 3);
    let times = (1_u32..4, prop_oneof![Just(0), 0_u64..100]);
    let flags = (vec(any::<bool>(), 1..8), vec(prop::bool::weighted(0.2), 1..8), any::<bool>());
    (graphs(30), classes, limits, times, flags).prop_map(
        |(graph, classes, n_max_of_class, (n_min, wait_ns_max), (is_data, needs, stops))| {
            let inputs = inputs(&graph, &is_data);
            let class_of_node = graph.nodes().map(|node| classes[node.index() % classes.len()]).collect();
            let needs = graph.nodes().map(|node| needs[node.index() % needs.len()]).collect();
            Setup {
                graph: Arc::new(graph),
                inputs: Arc::new(inputs),
                needs,
                candidates: Arc::new(Candidates { class_of_node, n_max_of_class, n_min, wait_ns_max }),
                on_failure: if stops { FailurePolicy::Stop } else { FailurePolicy::Continue },
            }
        },
    )
}

impl Setup {
    fn scheduler(&self) -> RunScheduler {
        let kept: Arc<[bool]> = vec![false; self.graph.n_nodes()].into();
        let options = SchedulerOptions { on_failure: self.on_failure };
        RunScheduler::new(Arc::clone(&self.graph), Arc::clone(&self.inputs), kept, options)
            .with_needs(Arc::clone(&self.needs))
            .with_candidates(Arc::clone(&self.candidates))
    }

    fn class(&self, node: NodeId) -> Option<u32> {
        let class = self.candidates.class_of_node[node.index()];
        (class != Candidates::NONE).then_some(class)
    }
}

/// What is known of a run, kept beside the scheduler.
struct Books<'a> {
    setup: &'a Setup,
    scheduler: RunScheduler,
    now_ns: u64,
    granted: BTreeSet<NodeId>,
    /// Since when some node of a class is ready without a break.
    ready_since_ns: [Option<u64>; 3],
    calls: Vec<Vec<NodeId>>,
    n_ended: usize,
}

impl<'a> Books<'a> {
    fn new(setup: &'a Setup) -> Self {
        let mut books = Self {
            setup,
            scheduler: setup.scheduler(),
            now_ns: 0,
            granted: BTreeSet::new(),
            ready_since_ns: [None; 3],
            calls: Vec::new(),
            n_ended: 0,
        };
        books.note_ready();
        books
    }

    fn in_state(&self, state: NodeState) -> Vec<NodeId> {
        self.setup.graph.nodes().filter(|&node| self.scheduler.state(node) == state).collect()
    }

    fn of_class(&self, class: u32, state: NodeState) -> Vec<NodeId> {
        let mut nodes = self.in_state(state);
        nodes.retain(|&node| self.setup.class(node) == Some(class));
        nodes
    }

    fn note_ready(&mut self) {
        for class in 0..3 {
            let is_any = !self.of_class(class, NodeState::Ready).is_empty();
            let since = &mut self.ready_since_ns[class as usize];
            *since = if is_any { since.or(Some(self.now_ns)) } else { None };
        }
    }

    /// Whose turn it is: a class, or a node without one.
    fn turn(&self) -> Result<u32, Option<NodeId>> {
        let candidates = &self.setup.candidates;
        let n_ready = |class: u32| self.of_class(class, NodeState::Ready).len();
        let n_more = |class: u32| {
            self.of_class(class, NodeState::Waiting).len() + self.of_class(class, NodeState::Delayed).len()
        };
        let has_grant = |class: &u32| {
            self.of_class(*class, NodeState::Ready).iter().any(|node| self.granted.contains(node))
        };
        let asks = |class: u32| !self.of_class(class, NodeState::Delayed).is_empty();
        if let Some(class) = (0..3).find(has_grant) {
            return Ok(class);
        }
        let free: Vec<u32> = (0..3).filter(|&class| n_ready(class) > 0 && !asks(class)).collect();
        let is_full = |class: &&u32| n_ready(**class) >= candidates.n_max_of_class[**class as usize] as usize;
        if let Some(class) = free.iter().find(is_full) {
            return Ok(*class);
        }
        let ready = self.in_state(NodeState::Ready);
        if let Some(alone) = ready.into_iter().find(|&node| self.setup.class(node).is_none()) {
            return Err(Some(alone));
        }
        if let Some(class) = free.iter().find(|&&class| n_more(class) == 0) {
            return Ok(*class);
        }
        let is_something_running = !self.in_state(NodeState::Running).is_empty();
        let waits = |class: u32| {
            let since = self.ready_since_ns[class as usize].expect("some node of the class is ready");
            is_something_running && self.now_ns - since < candidates.wait_ns_max
        };
        let mut free: Vec<u32> = free.into_iter().filter(|&class| !waits(class)).collect();
        free.sort_by_key(|&class| (std::cmp::Reverse(n_ready(class)), class));
        free.first().copied().ok_or(None)
    }

    /// What a request must lead to.
    fn expected(&self) -> Vec<Action> {
        let is_asked_for = |node: NodeId| self.setup.needs[node.index()] && !self.granted.contains(&node);
        let (class, first) = match self.turn() {
            Err(None) => return Vec::new(),
            Err(Some(node)) if is_asked_for(node) => return vec![Action::Ask { node }],
            Err(Some(node)) => return vec![Action::Dispatch { node }],
            Ok(class) => {
                let ready = self.of_class(class, NodeState::Ready);
                let granted = ready.iter().find(|node| self.granted.contains(node));
                (class, *granted.unwrap_or(&ready[0]))
            }
        };
        if is_asked_for(first) {
            return vec![Action::Ask { node: first }];
        }
        let n_max = self.setup.candidates.n_max_of_class[class as usize] as usize;
        let mut call = vec![first];
        call.extend(self.of_class(class, NodeState::Ready).into_iter().filter(|&node| node != first));
        call.truncate(n_max);
        // Breadth first: a node joins when the last of those that it waits for is looked at.
        let mut n_looked_at = 0;
        while n_looked_at < call.len() {
            n_looked_at += 1;
            let is_looked_at = |before: &NodeId| call[..n_looked_at].contains(before);
            let joins = |next: &&NodeId| {
                let is_finished = |node: &NodeId| self.scheduler.state(*node) == NodeState::Finished;
                self.scheduler.state(**next) == NodeState::Waiting
                    && self.setup.class(**next) == Some(class)
                    && self.scheduler.waits_for(**next).iter().all(is_looked_at)
                    && self.setup.inputs.of(**next).iter().all(is_finished)
            };
            let before = call[n_looked_at - 1];
            let joining: Vec<_> = self.setup.graph.successors(before).iter().filter(joins).copied().collect();
            call.extend(joining);
            call.truncate(n_max);
        }
        if call.len() < self.setup.candidates.n_min as usize {
            call.truncate(1);
        }
        call.sort_unstable();
        let mut actions = vec![Action::Dispatch { node: call[0] }];
        actions.extend(call[1..].iter().map(|&node| Action::Join { node }));
        actions
    }

    fn advance(&mut self, event: Event) -> Vec<Action> {
        self.now_ns += STEP_NS;
        let mut actions = Vec::new();
        self.scheduler.advance(self.now_ns, &[event], &mut actions).expect("what happened can happen");
        self.scheduler.validate();
        let is_end = |action: &&Action| matches!(action, Action::Skip { .. } | Action::Cancel { .. });
        self.n_ended += actions.iter().filter(is_end).count();
        actions
    }

    fn request(&mut self) -> bool {
        self.now_ns += STEP_NS;
        let expected = self.expected();
        self.now_ns -= STEP_NS;
        let actions = self.advance(Event::Requested { n_nodes: 1 });
        assert_eq!(actions, expected);
        let mut call = Vec::new();
        for action in actions {
            match action {
                Action::Dispatch { node } | Action::Join { node } => {
                    self.granted.remove(&node);
                    call.push(node);
                }
                Action::Ask { .. }
                | Action::Release { .. }
                | Action::Skip { .. }
                | Action::Cancel { .. }
                | Action::Settle => {}
            }
        }
        if !call.is_empty() {
            self.calls.push(call);
        }
        self.note_ready();
        !expected.is_empty()
    }

    fn tell(&mut self, event: Event) {
        match event {
            Event::Granted { node } => {
                self.granted.insert(node);
            }
            Event::Declined { node } => {
                self.granted.remove(&node);
            }
            Event::Requested { .. }
            | Event::Finished { .. }
            | Event::Failed { .. }
            | Event::CancelRequested => {}
        }
        self.advance(event);
        self.note_ready();
    }

    fn do_something(&mut self, what: u8, pick: usize) {
        let picked = |nodes: Vec<NodeId>| (!nodes.is_empty()).then(|| nodes[pick % nodes.len()]);
        let event = match what {
            0..6 => {
                self.request();
                None
            }
            6..10 => picked(self.in_state(NodeState::Running)).map(|node| Event::Finished { node }),
            10 => picked(self.in_state(NodeState::Running)).map(|node| Event::Failed { node }),
            11..14 => picked(self.in_state(NodeState::Delayed)).map(|node| Event::Granted { node }),
            14 => {
                let mut ready = self.in_state(NodeState::Ready);
                ready.retain(|node| self.granted.contains(node));
                picked(ready).map(|node| Event::Declined { node })
            }
            _ => pick.is_multiple_of(8).then_some(Event::CancelRequested),
        };
        if let Some(event) = event {
            self.tell(event);
        }
    }

    fn drain(&mut self) {
        while !self.scheduler.is_settled() {
            let moved = self.request();
            let event = self.in_state(NodeState::Delayed).first().map(|&node| Event::Granted { node });
            let event = event
                .or_else(|| self.in_state(NodeState::Running).first().map(|&node| Event::Finished { node }));
            assert!(moved || event.is_some(), "something moves as long as the run is not settled");
            if let Some(event) = event {
                self.tell(event);
            }
        }
    }
}

proptest! {
    #![proptest_config(config(4_000))]

    #[test]
    fn test_calls_are_made_up_by_the_rules(setup in setups(), whats in vec((0_u8..16, any::<usize>()), 0..100)) {
        let mut books = Books::new(&setup);
        for (what, pick) in whats {
            books.do_something(what, pick);
        }
        books.drain();
        // Every node is in one call, or was given up.
        let mut started: Vec<_> = books.calls.concat();
        let n_started = started.len();
        started.sort_unstable();
        started.dedup();
        prop_assert_eq!(started.len(), n_started);
        prop_assert_eq!(n_started + books.n_ended, setup.graph.n_nodes());
        for call in books.calls.iter().filter(|call| call.len() > 1) {
            let class = setup.class(call[0]).expect("nodes without a class are alone");
            prop_assert!(call.iter().all(|&node| setup.class(node) == Some(class)));
            prop_assert!(call.len() <= setup.candidates.n_max_of_class[class as usize] as usize);
            prop_assert!(call.len() >= setup.candidates.n_min as usize);
            let takes_of_call = |node: &NodeId| setup.inputs.of(*node).iter().any(|input| call.contains(input));
            prop_assert!(!call.iter().any(takes_of_call));
        }
    }
}

/// The sizes of the calls that one worker makes of a run in which all goes well.
fn sizes(
    n_nodes: usize,
    edges: &[(u32, u32)],
    hazards: &[(u32, u32)],
    class_of_node: &[u32],
    n_max: u32,
) -> Vec<usize> {
    let id = |&(before, after): &(u32, u32)| (NodeId::new(before), NodeId::new(after));
    let all: Vec<_> = edges.iter().chain(hazards).map(id).collect();
    let graph = Graph::from_edges(n_nodes, &all).expect("the example is acyclic");
    let mut inputs = Inputs { offsets: vec![0], nodes: Vec::new() };
    for node in 0..n_nodes as u32 {
        inputs.nodes.extend(edges.iter().filter(|edge| edge.1 == node).map(|edge| NodeId::new(edge.0)));
        inputs.offsets.push(inputs.nodes.len() as u32);
    }
    let class_of_node = class_of_node.to_vec();
    let n_max_of_class = vec![n_max; 3];
    let setup = Setup {
        graph: Arc::new(graph),
        inputs: Arc::new(inputs),
        needs: vec![false; n_nodes].into(),
        candidates: Arc::new(Candidates { class_of_node, n_max_of_class, n_min: 2, wait_ns_max: 0 }),
        on_failure: FailurePolicy::Stop,
    };
    let mut books = Books::new(&setup);
    while !books.scheduler.is_settled() {
        books.request();
        for node in books.in_state(NodeState::Running) {
            books.tell(Event::Finished { node });
        }
    }
    books.calls.iter().map(Vec::len).collect()
}

const ALONE: u32 = Candidates::NONE;

#[test]
fn test_independent_nodes_fill_calls() {
    assert_eq!(sizes(10, &[], &[], &[0; 10], 4), [4, 4, 2]);
}

#[test]
fn test_pipelines_meet_in_one_call() {
    // Three times fetch, then embed.
    let edges = [(0, 1), (2, 3), (4, 5)];
    assert_eq!(sizes(6, &edges, &[], &[ALONE, 0, ALONE, 0, ALONE, 0], 64), [1, 1, 1, 3]);
    // A call that is full does not wait for the rest.
    assert_eq!(sizes(6, &edges, &[], &[ALONE, 0, ALONE, 0, ALONE, 0], 2), [1, 1, 2, 1, 1]);
}

#[test]
fn test_n_plus_one_on_two_levels_is_three_calls() {
    // One list, four look-ups of it, two more of each of these.
    let mut edges: Vec<_> = (1..5).map(|id| (0, id)).collect();
    edges.extend((5..13).map(|id| ((id - 5) / 2 + 1, id)));
    let classes: Vec<_> =
        (0..13).map(|id| [ALONE, 0, 1][usize::from(id > 0) + usize::from(id > 4)]).collect();
    assert_eq!(sizes(13, &edges, &[], &classes, 64), [1, 4, 8]);
    // Look-ups of one step on both levels: of the two levels no call is made, as one takes what the other gives.
    let classes: Vec<_> = (0..13).map(|id| if id == 0 { ALONE } else { 0 }).collect();
    assert_eq!(sizes(13, &edges, &[], &classes, 64), [1, 4, 8]);
}

#[test]
fn test_a_chain_of_writes_is_one_call_and_what_interrupts_it_ends_it() {
    let chain: Vec<_> = (1..6).map(|id| (id - 1, id)).collect();
    assert_eq!(sizes(6, &[], &chain, &[0; 6], 64), [6]);
    assert_eq!(sizes(6, &chain, &[], &[0; 6], 64), [1; 6]);
    assert_eq!(sizes(6, &[], &chain, &[0, 0, ALONE, 0, 0, 0], 64), [2, 1, 3]);
}

#[test]
fn test_a_class_goes_when_no_more_of_it_comes() {
    // Class 0 has more ready, but the nodes of class 1 make more of class 0 ready.
    let edges = [(3, 5), (4, 6)];
    assert_eq!(sizes(7, &edges, &[], &[0, 0, 0, 1, 1, 0, 0], 64), [2, 5]);
}
