//! Which of the ready nodes are started together, as one call.

use std::sync::Arc;

use super::{Action, RunScheduler};
use crate::graph::NodeId;
use crate::sched::ready_set::ReadySet;
use crate::sched::state::{NodeState, Stimulus};

/// Which nodes of a run may be started together, and when that is done.
///
/// Nodes of one class may share a call. A call that was asked for is chosen by the first of these rules that finds one:
///
/// 1. a class whose call has the grant that it needs;
/// 2. a class with as many ready nodes as a call may have, the first such class;
/// 3. a node that is in no class, the smallest;
/// 4. a class of which no node will become ready later, the first such class: it gains nothing by waiting;
/// 5. the class with the most ready nodes, the first among equals, unless it waits for more of them.
///
/// So calls fill as long as there is something else to do, and no worker stands idle for their sake, but for as long
/// as `wait_ns_max` says. A call takes the ready nodes of its class, the smallest first, and then nodes that wait for
/// nothing but nodes of this call, and take no result of theirs: a chain of writes becomes one call, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidates {
    /// By node, the index of its class, or [`Candidates::NONE`] for a node that is always started alone.
    pub class_of_node: Vec<u32>,
    /// By class, how many nodes a call may have; at least 1.
    pub n_max_of_class: Vec<u32>,
    /// Where a call would have fewer nodes than this, only one is started, alone.
    pub n_min: u32,
    /// How long nodes may be ready and wait for others of their class while something runs, in nanoseconds.
    pub wait_ns_max: u64,
}

impl Candidates {
    /// The class of nodes that are started alone.
    pub const NONE: u32 = u32::MAX;
}

/// What a scheduler knows of classes.
#[derive(Clone, Debug)]
pub(super) struct Batches {
    pub(super) candidates: Arc<Candidates>,
    /// Candidates are ranked by class, then by id; where the ranks of each class begin, and at the end how many there are.
    begins: Vec<u32>,
    /// By node; of no meaning for nodes without a class.
    rank_of_node: Vec<u32>,
    node_of_rank: Vec<u32>,
    /// The ranks of ready nodes.
    ready: ReadySet,
    pub(super) classes: Vec<Class>,
    /// By node, how many of its predecessors are in the call that is being made up; zero between calls.
    n_befores_in_call: Vec<u32>,
}

/// What is known of one class.
#[derive(Clone, Debug, Default)]
pub(super) struct Class {
    pub(super) n_ready: u32,
    /// Nodes that have not been started and may still be.
    pub(super) n_open: u32,
    /// Since when some node is ready without a break.
    ready_since_ns: u64,
    /// The node that asks, or has asked, for the grant of the next call.
    asking: Option<NodeId>,
}

impl Batches {
    fn new(candidates: Arc<Candidates>) -> Self {
        let n_classes = candidates.n_max_of_class.len();
        let mut begins = vec![0; n_classes + 1];
        for &class in candidates.class_of_node.iter().filter(|&&class| class != Candidates::NONE) {
            begins[class as usize + 1] += 1;
        }
        for class in 0..n_classes {
            begins[class + 1] += begins[class];
        }
        let n_candidates = begins[n_classes] as usize;
        let mut next_free = begins.clone();
        let mut rank_of_node = vec![0; candidates.class_of_node.len()];
        let mut node_of_rank = vec![0; n_candidates];
        for (node, &class) in candidates.class_of_node.iter().enumerate() {
            if class != Candidates::NONE {
                let rank = &mut next_free[class as usize];
                rank_of_node[node] = *rank;
                node_of_rank[*rank as usize] = node as u32;
                *rank += 1;
            }
        }
        Self {
            begins,
            n_befores_in_call: vec![0; rank_of_node.len()],
            rank_of_node,
            node_of_rank,
            ready: ReadySet::new(n_candidates),
            classes: vec![Class::default(); n_classes],
            candidates,
        }
    }

    /// The class of a node, if it has one.
    pub(super) fn class_of(&self, node: NodeId) -> Option<usize> {
        let class = self.candidates.class_of_node[node.index()];
        (class != Candidates::NONE).then_some(class as usize)
    }

    pub(super) fn is_ready(&self, node: NodeId) -> bool {
        self.ready.contains(self.rank_of_node[node.index()])
    }

    pub(super) fn n_ready(&self) -> usize {
        self.ready.len()
    }

    fn insert(&mut self, node: NodeId, class: usize, now_ns: u64) {
        self.ready.insert(self.rank_of_node[node.index()]);
        let class = &mut self.classes[class];
        if class.n_ready == 0 {
            class.ready_since_ns = now_ns;
        }
        class.n_ready += 1;
    }

    fn remove(&mut self, node: NodeId, class: usize) {
        self.ready.remove(self.rank_of_node[node.index()]);
        self.classes[class].n_ready -= 1;
    }

    /// The smallest ready nodes of a class.
    fn ready_of(&self, class: usize) -> impl Iterator<Item = NodeId> + '_ {
        let end = self.begins[class + 1];
        let next = move |from: u32| self.ready.first_from(from).filter(|&rank| rank < end);
        std::iter::successors(next(self.begins[class]), move |&rank| next(rank + 1))
            .map(|rank| NodeId::new(self.node_of_rank[rank as usize]))
    }

    /// Whether the nodes of a class wait, at a time, for others of their class.
    fn is_held(&self, class: &Class, now_ns: u64, is_something_running: bool) -> bool {
        is_something_running
            && class.n_ready < class.n_open
            && now_ns.saturating_sub(class.ready_since_ns) < self.candidates.wait_ns_max
    }

    /// How many calls could be made at a time.
    pub(super) fn n_calls_ready(&self, now_ns: u64, is_something_running: bool) -> usize {
        let of_class = |(class, &n_max): (&Class, &u32)| match class.n_ready {
            n_ready if n_ready >= n_max => (n_ready / n_max) as usize,
            0 => 0,
            _ => usize::from(!self.is_held(class, now_ns, is_something_running)),
        };
        self.classes.iter().zip(&self.candidates.n_max_of_class).map(of_class).sum()
    }

    /// The class of the next call, by the rules of [`Candidates`]; none where it is a node's turn that is in no class.
    fn next_class(
        &self,
        now_ns: u64,
        has_grant: impl Fn(NodeId) -> bool,
        is_other_ready: bool,
        is_something_running: bool,
    ) -> Option<usize> {
        let n_max = &self.candidates.n_max_of_class;
        let find = |is_next: &dyn Fn(usize, &Class) -> bool| {
            self.classes.iter().enumerate().position(|(idx, class)| class.n_ready > 0 && is_next(idx, class))
        };
        let is_free = |class: &Class| class.asking.is_none();
        find(&|_, class| class.asking.is_some_and(&has_grant))
            .or_else(|| find(&|idx, class| is_free(class) && class.n_ready >= n_max[idx]))
            .or_else(|| {
                if is_other_ready {
                    return None;
                }
                find(&|_, class| is_free(class) && class.n_ready == class.n_open).or_else(|| {
                    let is_next = |class: &Class| {
                        class.n_ready > 0
                            && is_free(class)
                            && !self.is_held(class, now_ns, is_something_running)
                    };
                    let classes = self.classes.iter().enumerate().rev().filter(|(_, class)| is_next(class));
                    classes.max_by_key(|(_, class)| class.n_ready).map(|(idx, _)| idx)
                })
            })
    }

    /// Forgets what is ready: nothing more is started.
    pub(super) fn clear(&mut self) {
        while self.ready.pop_first().is_some() {}
        self.classes.fill(Class::default());
    }

    /// Counts a node that will not be started.
    pub(super) fn give_up(&mut self, node: NodeId) {
        if let Some(class) = self.class_of(node) {
            self.classes[class].n_open -= 1;
        }
    }

    /// Takes in that a grant was given back.
    pub(super) fn decline(&mut self, node: NodeId) {
        if let Some(class) = self.class_of(node) {
            self.classes[class].asking = None;
        }
    }
}

/// Adds a node to those that are ready.
#[inline]
pub(super) fn insert_ready(ready: &mut ReadySet, batches: Option<&mut Batches>, node: NodeId, now_ns: u64) {
    if let Some(batches) = batches
        && let Some(class) = batches.class_of(node)
    {
        batches.insert(node, class, now_ns);
    } else {
        ready.insert(node.get());
    }
}

impl RunScheduler {
    /// Says which nodes may be started together.
    ///
    /// # Panics
    ///
    /// When it is not said for each node, and when a class does not exist or may have no node.
    #[must_use]
    pub fn with_candidates(mut self, candidates: Arc<Candidates>) -> Self {
        assert_eq!(
            candidates.class_of_node.len(),
            self.states.len(),
            "it must be said for each node whether it is a candidate"
        );
        assert!(candidates.n_max_of_class.iter().all(|&n_max| n_max > 0), "a call has at least one node");
        let mut batches = Box::new(Batches::new(candidates));
        for node in self.graph.nodes() {
            let Some(class) = batches.class_of(node) else {
                continue;
            };
            let state = self.states[node.index()];
            if matches!(state, NodeState::Waiting | NodeState::Ready | NodeState::Delayed) {
                batches.classes[class].n_open += 1;
            }
            if state == NodeState::Ready {
                self.ready.remove(node.get());
                batches.insert(node, class, self.now_ns);
            }
        }
        self.batches = Some(batches);
        self
    }

    /// Starts the nodes of one call, or asks for the grant that it needs; false where it is not the turn of a class.
    pub(super) fn on_call_requested(&mut self, actions: &mut Vec<Action>) -> bool {
        let Some(mut batches) = self.batches.take() else {
            return false;
        };
        let has_grant = |node: NodeId| self.grants.as_ref().is_some_and(|(_, granted)| granted[node.index()]);
        let class = batches.next_class(self.now_ns, has_grant, !self.ready.is_empty(), self.n_running > 0);
        if let Some(class) = class {
            self.start_call(&mut batches, class, actions);
        }
        self.batches = Some(batches);
        class.is_some()
    }

    fn start_call(&mut self, batches: &mut Batches, class: usize, actions: &mut Vec<Action>) {
        let asking = batches.classes[class].asking;
        let first = asking.or_else(|| batches.ready_of(class).next());
        let first = first.expect("a class whose turn it is has a ready node");
        if let Some((needs, granted)) = &self.grants
            && needs[first.index()]
            && !granted[first.index()]
        {
            batches.remove(first, class);
            batches.classes[class].asking = Some(first);
            self.apply(first, Stimulus::Deferred);
            actions.push(Action::Ask { node: first });
            return;
        }
        let mut call = self.made_up(batches, class, first);
        if call.len() < batches.candidates.n_min as usize {
            call.truncate(1);
        }
        if asking.is_some() {
            self.n_granted -= 1;
            batches.classes[class].asking = None;
        }
        call.sort_unstable();
        let mut is_first = true;
        for node in call {
            if self.states[node.index()] == NodeState::Ready {
                batches.remove(node, class);
            } else {
                self.apply(node, Stimulus::Unblocked);
            }
            self.apply(node, Stimulus::Dispatched);
            self.n_running += 1;
            self.n_dispatched += 1;
            batches.classes[class].n_open -= 1;
            actions.push(if is_first { Action::Dispatch { node } } else { Action::Join { node } });
            is_first = false;
        }
    }

    /// The nodes of a call that `first` is in: ready ones, then those that wait for nothing but others of the call.
    fn made_up(&self, batches: &mut Batches, class: usize, first: NodeId) -> Vec<NodeId> {
        let n_max = batches.candidates.n_max_of_class[class] as usize;
        let mut call = vec![first];
        call.extend(batches.ready_of(class).filter(|&node| node != first).take(n_max - 1));
        let mut touched = Vec::new();
        let mut n_looked_at = 0;
        while n_looked_at < call.len() && call.len() < n_max {
            let before = call[n_looked_at];
            n_looked_at += 1;
            for &next in self.graph.successors(before) {
                if batches.class_of(next) != Some(class) || self.states[next.index()] != NodeState::Waiting {
                    continue;
                }
                let n_befores = &mut batches.n_befores_in_call[next.index()];
                *n_befores += 1;
                touched.push(next);
                let is_finished = |input: &NodeId| self.states[input.index()] == NodeState::Finished;
                if *n_befores == self.n_unmet[next.index()]
                    && call.len() < n_max
                    && self.inputs.of(next).iter().all(is_finished)
                {
                    call.push(next);
                }
            }
        }
        for node in touched {
            batches.n_befores_in_call[node.index()] = 0;
        }
        call
    }
}
