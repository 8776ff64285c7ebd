//! The invariants of the scheduler, restated.

use super::RunScheduler;
use super::batches::Batches;
use crate::graph::NodeId;
use crate::sched::NodeState;

/// Up to this many nodes, the invariants are checked after each call in debug builds.
const N_NODES_ALWAYS_VALIDATED_MAX: usize = 64;

impl RunScheduler {
    /// Checks every invariant against a recount.
    ///
    /// Debug builds do so by themselves: after every [`RunScheduler::advance`] in small graphs, and in large ones as often as
    /// keeps its cost in proportion to the events.
    ///
    /// # Panics
    ///
    /// When an invariant is broken, naming it: a bug in this crate.
    ///
    /// # Complexity
    ///
    /// O(n + m).
    pub fn validate(&self) {
        let mut n_unmet = vec![0; self.graph.n_nodes()];
        let mut n_consumers_left = vec![0; self.graph.n_nodes()];
        let mut n_by_state = [0; NodeState::N];
        for node in self.graph.nodes() {
            let state = self.state(node);
            n_by_state[state as usize] += 1;
            if state != NodeState::Finished {
                for next in self.graph.successors(node) {
                    n_unmet[next.index()] += 1;
                }
            }
            if !state.is_final() {
                for input in self.inputs.of(node) {
                    n_consumers_left[input.index()] += 1;
                }
            }
        }
        assert_eq!(self.n_unmet, n_unmet, "unfinished predecessors are counted");
        assert_eq!(
            self.n_consumers_left, n_consumers_left,
            "consumers that may still need a result are counted"
        );

        let needs_grant = |node: NodeId| self.grants.as_ref().is_some_and(|(needs, _)| needs[node.index()]);
        let has_grant = |node: NodeId| self.grants.as_ref().is_some_and(|(_, granted)| granted[node.index()]);
        let mut n_granted = 0;
        for node in self.graph.nodes() {
            let state = self.state(node);
            assert!(needs_grant(node) || !has_grant(node), "node {node} has a grant only if it needs one");
            n_granted += usize::from(state == NodeState::Ready && has_grant(node));
            let n_unmet = n_unmet[node.index()];
            let class = self.batches.as_deref().and_then(|batches| Some((batches, batches.class_of(node)?)));
            let is_in_set = match class {
                None => self.ready.contains(node.get()),
                Some((batches, _)) => batches.is_ready(node) && !self.ready.contains(node.get()),
            };
            assert_eq!(
                is_in_set,
                state == NodeState::Ready,
                "the set of the ready holds node {node} exactly if it is ready"
            );
            match state {
                NodeState::Waiting => assert!(n_unmet > 0, "node {node} waits for something"),
                NodeState::Ready => assert_eq!(n_unmet, 0, "node {node} waits for nothing when it is ready"),
                NodeState::Running | NodeState::Finished | NodeState::Failed => {
                    for before in self.waits_for(node) {
                        let is_of_class =
                            |(batches, class): (&Batches, _)| batches.class_of(before) == Some(class);
                        let is_started = matches!(self.state(before), NodeState::Running | NodeState::Failed);
                        assert!(
                            class.is_some_and(is_of_class) && is_started,
                            "node {node}, which is {state:?}, waits for nothing but nodes of its own call"
                        );
                    }
                }
                NodeState::Skipped => assert!(n_unmet > 0, "node {node} was skipped for a reason"),
                NodeState::Delayed => {
                    assert_eq!(n_unmet, 0, "node {node} waits for its grant alone");
                    assert!(
                        needs_grant(node) && !has_grant(node),
                        "node {node} waits for a grant that it needs"
                    );
                }
                NodeState::Cancelling => panic!("a run lets what runs end, but node {node} is {state:?}"),
                NodeState::Cancelled => {
                    assert!(self.is_stopped, "nodes are cancelled when the run is stopped");
                }
            }
        }

        let n_in = |state: NodeState| n_by_state[state as usize];
        let n_open = n_in(NodeState::Waiting) + n_in(NodeState::Ready) + n_in(NodeState::Delayed);
        assert_eq!(self.n_granted, n_granted, "the ready that have their grant are counted");
        let n_ready_of_classes = self.batches.as_deref().map_or(0, Batches::n_ready);
        assert_eq!(self.ready.len() + n_ready_of_classes, n_in(NodeState::Ready), "the ready are counted");
        assert_eq!(self.n_running, n_in(NodeState::Running), "the running are counted");
        assert_eq!(self.n_finished, n_in(NodeState::Finished), "the finished are counted");
        assert_eq!(self.n_left, n_open + self.n_running, "what is left is counted");
        assert!(!self.is_stopped || n_open == 0, "nothing waits when the run is stopped");
        assert!(
            n_in(NodeState::Waiting) == 0
                || n_in(NodeState::Ready) + n_in(NodeState::Delayed) + self.n_running > 0,
            "something moves as long as something waits"
        );
        assert!(!self.is_settled || self.n_left == 0, "a settled run is over");
        if let Some(batches) = &self.batches {
            self.validate_classes(batches);
        }
    }

    fn validate_classes(&self, batches: &Batches) {
        let mut counts = vec![(0, 0); batches.classes.len()];
        for node in self.graph.nodes() {
            if let Some(class) = batches.class_of(node) {
                let state = self.state(node);
                counts[class].0 += u32::from(state == NodeState::Ready);
                let is_open = matches!(state, NodeState::Waiting | NodeState::Ready | NodeState::Delayed);
                counts[class].1 += u32::from(is_open);
            }
        }
        let counted: Vec<_> = batches.classes.iter().map(|class| (class.n_ready, class.n_open)).collect();
        assert_eq!(counted, counts, "the ready and the open of each class are counted");
    }

    /// Validates when as much has happened as a validation costs, so that a long run stays linear.
    pub(super) fn validate_when_due(&mut self, n_happened: usize) {
        self.n_unvalidated += n_happened;
        let cost = self.graph.n_nodes() + self.graph.n_edges() + self.inputs.nodes.len();
        if self.graph.n_nodes() <= N_NODES_ALWAYS_VALIDATED_MAX || self.n_unvalidated >= cost {
            self.n_unvalidated = 0;
            self.validate();
        }
    }
}
