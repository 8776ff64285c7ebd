//! The scheduler of a run: events in, actions out.
//!
//! A [`RunScheduler`] decides what runs when. It never runs anything: whoever drives it tells it what happened ([`Event`]) and
//! does what it answers ([`Action`]). It has no clock, no thread and no callback, so that a recorded list of events replays
//! to the same decisions. Nodes are in plan order: among the ready, the smallest id goes first.
//!
//! ## Which action follows which event
//!
//! | event | actions, in this order |
//! |---|---|
//! | `Requested` | `Dispatch`, ascending; `Ask` instead where a node needs a grant and has none; what cannot be met is forgotten |
//! | `Requested`, nodes of a class | `Dispatch` of the smallest, then `Join` for each that is started with it, ascending |
//! | `Granted`, `Declined` | none: the node is ready, with its grant or without |
//! | `Finished` | `Release` for inputs that this was the last consumer of; `Release` for the node itself if nobody consumes it |
//! | `Failed`, policy `Continue` | `Release` for inputs; then for each node downstream, ascending, `Skip` and `Release` for its inputs |
//! | `Failed`, policy `Stop`, and `CancelRequested` | `Release` for inputs; then for each node that has not started, ascending, `Cancel` and `Release` for its inputs |
//! | any | `Settle`, once, when no node is waiting, ready or running any more |
//!
//! A node that needs a grant is asked for when its turn has come: the driver asks for what it needs, and the node is *delayed*
//! until that is granted. Others go on meanwhile. A grant for which there is no worker is declined: the node is as ready as
//! before, and is asked for again in its turn.
//!
//! A result is released when all its consumers are in a final state, whichever it is; only the result of a finished node
//! is, once, and never that of a node that is kept.
//!
//! Where some nodes may be started together, [`Candidates`] says which, and by which rules that is done. Of their grants, the
//! call takes one: that of the node that asked.

mod batches;
mod event;
mod validate;

use std::sync::Arc;

pub use self::batches::Candidates;
use self::batches::{Batches, insert_ready};
pub use self::event::{Action, Event, FailurePolicy, SchedulerError, SchedulerOptions};
use super::ready_set::ReadySet;
use super::state::{NodeState, Stimulus};
use crate::graph::{Graph, NodeId};

/// The data inputs of each node: node `i` uses the results of `nodes[offsets[i]..offsets[i + 1]]`.
///
/// Each input occurs once per node and is also an edge of the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inputs {
    /// Where each node's inputs begin, and at the end how many there are; length `n_nodes + 1`, ascending from 0.
    pub offsets: Vec<u32>,
    /// The inputs of all nodes, grouped by node.
    pub nodes: Vec<NodeId>,
}

impl Inputs {
    /// The nodes whose results `node` uses.
    ///
    /// # Panics
    ///
    /// When there is no such node.
    #[must_use]
    pub fn of(&self, node: NodeId) -> &[NodeId] {
        let begin = self.offsets[node.index()] as usize;
        let end = self.offsets[node.index() + 1] as usize;
        &self.nodes[begin..end]
    }
}

/// A list scheduler for one run of a graph.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use makespan_core::graph::{Graph, NodeId};
/// use makespan_core::sched::{Action, Event, Inputs, RunScheduler, SchedulerOptions};
///
/// let [load, clean] = [0, 1].map(NodeId::new);
/// let graph = Graph::from_edges(2, &[(load, clean)])?;
/// let inputs = Inputs { offsets: vec![0, 0, 1], nodes: vec![load] };
/// let kept = [false, true];
/// let options = SchedulerOptions::default();
/// let mut scheduler = RunScheduler::new(Arc::new(graph), Arc::new(inputs), Arc::new(kept), options);
///
/// let mut actions = Vec::new();
/// scheduler.advance(0, &[Event::Requested { n_nodes: 2 }], &mut actions)?;
/// assert_eq!(actions, [Action::Dispatch { node: load }]);
///
/// actions.clear();
/// let events = [Event::Finished { node: load }, Event::Requested { n_nodes: 2 }, Event::Finished { node: clean }];
/// scheduler.advance(1_000, &events, &mut actions)?;
/// assert_eq!(actions, [Action::Dispatch { node: clean }, Action::Release { node: load }, Action::Settle]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct RunScheduler {
    graph: Arc<Graph>,
    inputs: Arc<Inputs>,
    kept: Arc<[bool]>,
    options: SchedulerOptions,
    /// Which nodes need a grant, and have one; none where no node does.
    grants: Option<(Arc<[bool]>, Vec<bool>)>,
    /// Nodes that are ready and have the grant that they need.
    n_granted: usize,
    /// None where every node is started alone.
    batches: Option<Box<Batches>>,
    /// The time of the last call.
    now_ns: u64,
    states: Vec<NodeState>,
    /// Predecessors that have not finished.
    n_unmet: Vec<u32>,
    /// Consumers that are not in a final state.
    n_consumers_left: Vec<u32>,
    ready: ReadySet,
    n_running: usize,
    n_finished: usize,
    /// Nodes that are not in a final state.
    n_left: usize,
    n_dispatched: u64,
    is_stopped: bool,
    is_settled: bool,
    /// What has happened since the last validation, which is due when it outweighs the cost of validating.
    n_unvalidated: usize,
}

impl RunScheduler {
    /// A scheduler at the beginning of a run; results of nodes that are `kept` are never released.
    ///
    /// # Panics
    ///
    /// When `inputs` or `kept` are not for as many nodes as the graph has.
    ///
    /// # Complexity
    ///
    /// O(n + m).
    #[must_use]
    pub fn new(graph: Arc<Graph>, inputs: Arc<Inputs>, kept: Arc<[bool]>, options: SchedulerOptions) -> Self {
        let n_unmet = graph.n_predecessors();
        let mut ready = ReadySet::new(graph.n_nodes());
        let states = n_unmet.iter().zip(0..).map(|(&n, id)| {
            if n == 0 {
                ready.insert(id);
                NodeState::Ready
            } else {
                NodeState::Waiting
            }
        });
        let states = states.collect();
        Self::from_states(graph, inputs, kept, options, states, n_unmet, ready)
    }

    /// The scheduler that [`RunScheduler::new`] turns into when nodes `0..n_finished` were dispatched and finished one by one,
    /// and then `running`, if given, was dispatched.
    ///
    /// For a run that began without a scheduler, on one worker, and turns out to be worth several. The actions on the way
    /// there are the caller's.
    ///
    /// # Panics
    ///
    /// As [`RunScheduler::new`]; when the graph is not ordered by id; when `n_finished` is above the number of nodes; and when
    /// `running` is not node `n_finished`.
    ///
    /// # Complexity
    ///
    /// O(n + m), with m counted from node `n_finished` on.
    #[must_use]
    pub fn after_prefix(
        graph: Arc<Graph>,
        inputs: Arc<Inputs>,
        kept: Arc<[bool]>,
        options: SchedulerOptions,
        n_finished: u32,
        running: Option<NodeId>,
    ) -> Self {
        let n_nodes = graph.n_nodes();
        assert!(graph.is_id_ordered(), "a prefix of a plan needs a graph in plan order");
        assert!(
            n_finished as usize <= n_nodes,
            "{n_finished} nodes cannot have finished, the graph has {n_nodes}"
        );
        assert!(
            running.is_none_or(|node| node.get() == n_finished && node.index() < n_nodes),
            "the node that runs must be {n_finished}, the first that has not finished"
        );
        let left = || (n_finished..n_nodes as u32).map(NodeId::new);
        let mut n_unmet = vec![0; n_nodes];
        for node in left() {
            for next in graph.successors(node) {
                n_unmet[next.index()] += 1;
            }
        }
        let mut ready = ReadySet::new(n_nodes);
        let mut states = vec![NodeState::Finished; n_nodes];
        for node in left() {
            states[node.index()] = if running == Some(node) {
                NodeState::Running
            } else if n_unmet[node.index()] > 0 {
                NodeState::Waiting
            } else {
                ready.insert(node.get());
                NodeState::Ready
            };
        }
        let mut scheduler = Self::from_states(graph, inputs, kept, options, states, n_unmet, ready);
        scheduler.n_finished = n_finished as usize;
        scheduler.n_left = n_nodes - n_finished as usize;
        scheduler.n_running = usize::from(running.is_some());
        scheduler.n_dispatched = u64::from(n_finished) + u64::from(running.is_some());
        scheduler.is_settled = n_finished > 0 && scheduler.n_left == 0;
        scheduler
    }

    /// Counts consumers; all other counts are those of the beginning.
    fn from_states(
        graph: Arc<Graph>,
        inputs: Arc<Inputs>,
        kept: Arc<[bool]>,
        options: SchedulerOptions,
        states: Vec<NodeState>,
        n_unmet: Vec<u32>,
        ready: ReadySet,
    ) -> Self {
        let n_nodes = graph.n_nodes();
        assert_eq!(inputs.offsets.len(), n_nodes + 1, "inputs must be given for each node");
        assert_eq!(kept.len(), n_nodes, "it must be said for each node whether it is kept");
        let mut n_consumers_left = vec![0; n_nodes];
        for (node, state) in graph.nodes().zip(&states) {
            if !state.is_final() {
                for input in inputs.of(node) {
                    n_consumers_left[input.index()] += 1;
                }
            }
        }
        Self {
            states,
            n_unmet,
            n_consumers_left,
            ready,
            n_running: 0,
            n_finished: 0,
            n_left: n_nodes,
            n_dispatched: 0,
            is_stopped: false,
            is_settled: false,
            n_unvalidated: 0,
            grants: None,
            n_granted: 0,
            batches: None,
            now_ns: 0,
            graph,
            inputs,
            kept,
            options,
        }
    }

    /// Says which nodes need a grant before they are dispatched.
    ///
    /// # Panics
    ///
    /// When it is not said for each node.
    #[must_use]
    pub fn with_needs(mut self, needs: Arc<[bool]>) -> Self {
        assert_eq!(needs.len(), self.states.len(), "it must be said for each node whether it needs a grant");
        let granted = vec![false; needs.len()];
        self.grants = Some((needs, granted));
        self
    }

    /// Takes in what happened and appends what is to be done; the table is in the documentation of this module.
    ///
    /// `now_ns` is the time of the call on the caller's clock, or 0 where that does not matter: it says how long nodes have
    /// waited for others of their class.
    ///
    /// # Errors
    ///
    /// [`SchedulerError`] for the first event that cannot have happened. It changes nothing; events before it have been
    /// taken in and their actions appended, events after it have not been looked at.
    ///
    /// # Complexity
    ///
    /// O(1) per event and per edge and input of each node that ends or is given up; a failure that stops the run or is
    /// skipped around, and a cancellation, O(n + m). Allocates for neither, but for `actions` to grow.
    pub fn advance(
        &mut self,
        now_ns: u64,
        events: &[Event],
        actions: &mut Vec<Action>,
    ) -> Result<(), SchedulerError> {
        self.now_ns = self.now_ns.max(now_ns);
        let n_actions_before = actions.len();
        let outcome = events.iter().try_for_each(|event| match *event {
            Event::Requested { n_nodes } => {
                self.on_requested(n_nodes, actions);
                Ok(())
            }
            Event::Finished { node } => self.on_finished(node, actions),
            Event::Failed { node } => self.on_failed(node, actions),
            Event::Granted { node } => self.on_granted(node),
            Event::Declined { node } => self.on_declined(node),
            Event::CancelRequested => {
                self.on_cancel_requested(actions);
                Ok(())
            }
        });
        if self.n_left == 0 && !self.is_settled {
            self.is_settled = true;
            actions.push(Action::Settle);
        }
        if cfg!(debug_assertions) {
            self.validate_when_due(events.len() + actions.len() - n_actions_before);
        }
        outcome
    }

    /// How many calls could be started at the time of the last event: of one node each, or of several of a class.
    #[must_use]
    pub fn n_ready(&self) -> usize {
        self.n_ready_at(self.now_ns)
    }

    /// As [`RunScheduler::n_ready`], at a later time: nodes that wait for others of their class do so for some time.
    #[must_use]
    pub fn n_ready_at(&self, now_ns: u64) -> usize {
        let of_classes = |batches: &Batches| batches.n_calls_ready(now_ns, self.n_running > 0);
        self.ready.len() + self.batches.as_deref().map_or(0, of_classes)
    }

    /// The number of nodes that could be dispatched now and have the grant that they need.
    #[must_use]
    pub fn n_granted(&self) -> usize {
        self.n_granted
    }

    /// The number of nodes that were dispatched and have not ended.
    #[must_use]
    pub fn n_running(&self) -> usize {
        self.n_running
    }

    /// The number of nodes that ended well.
    #[must_use]
    pub fn n_finished(&self) -> usize {
        self.n_finished
    }

    /// The number of nodes that are waiting, ready or running.
    #[must_use]
    pub fn n_left(&self) -> usize {
        self.n_left
    }

    /// The number of nodes dispatched so far.
    #[must_use]
    pub fn n_dispatched(&self) -> u64 {
        self.n_dispatched
    }

    /// Whether [`Action::Settle`] was given.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.is_settled
    }

    /// The state of `node`.
    ///
    /// # Panics
    ///
    /// When the graph has no such node.
    #[must_use]
    pub fn state(&self, node: NodeId) -> NodeState {
        self.states[node.index()]
    }

    /// The nodes that were dispatched and have not ended, ascending.
    ///
    /// # Complexity
    ///
    /// O(n): for inspection.
    pub fn running(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.graph.nodes().filter(|&node| self.state(node) == NodeState::Running)
    }

    /// The predecessors of `node` that have not finished, ascending.
    ///
    /// # Panics
    ///
    /// When the graph has no such node.
    ///
    /// # Complexity
    ///
    /// O(predecessors), and once per graph O(n + m): for inspection.
    #[must_use]
    pub fn waits_for(&self, node: NodeId) -> Vec<NodeId> {
        let predecessors = self.graph.predecessors(node).iter().copied();
        predecessors.filter(|&before| self.state(before) != NodeState::Finished).collect()
    }

    fn on_requested(&mut self, n_nodes: u32, actions: &mut Vec<Action>) {
        for _ in 0..n_nodes {
            if self.batches.is_some() && self.on_call_requested(actions) {
                continue;
            }
            let Some(id) = self.ready.pop_first() else {
                return;
            };
            let node = NodeId::new(id);
            let grant =
                self.grants.as_ref().map(|(needs, granted)| (needs[id as usize], granted[id as usize]));
            match grant {
                Some((true, false)) => {
                    self.apply(node, Stimulus::Deferred);
                    actions.push(Action::Ask { node });
                    continue;
                }
                Some((true, true)) => self.n_granted -= 1,
                Some((false, _)) | None => {}
            }
            self.apply(node, Stimulus::Dispatched);
            self.n_running += 1;
            self.n_dispatched += 1;
            actions.push(Action::Dispatch { node });
        }
    }

    fn on_granted(&mut self, node: NodeId) -> Result<(), SchedulerError> {
        let state = self.known_state(node)?;
        let granted = self.grants.as_mut().map(|(_, granted)| &mut granted[node.index()]);
        match granted {
            Some(granted) if state == NodeState::Delayed => {
                *granted = true;
                self.n_granted += 1;
                self.apply(node, Stimulus::Unblocked);
                insert_ready(&mut self.ready, self.batches.as_deref_mut(), node, self.now_ns);
                Ok(())
            }
            Some(_) | None => Err(SchedulerError::IllegalTransition { node, state, event: "granted" }),
        }
    }

    fn on_declined(&mut self, node: NodeId) -> Result<(), SchedulerError> {
        let state = self.known_state(node)?;
        let granted = self.grants.as_mut().map(|(_, granted)| &mut granted[node.index()]);
        match granted {
            Some(granted) if *granted && state == NodeState::Ready => {
                *granted = false;
                self.n_granted -= 1;
                if let Some(batches) = &mut self.batches {
                    batches.decline(node);
                }
                Ok(())
            }
            Some(_) | None => Err(SchedulerError::IllegalTransition { node, state, event: "declined" }),
        }
    }

    fn on_finished(&mut self, node: NodeId, actions: &mut Vec<Action>) -> Result<(), SchedulerError> {
        self.try_apply(node, Stimulus::Finished)?;
        self.n_running -= 1;
        self.n_finished += 1;
        for &next in self.graph.successors(node) {
            let n_unmet = &mut self.n_unmet[next.index()];
            *n_unmet -= 1;
            // A node that was given up stays so.
            let state = &mut self.states[next.index()];
            if *n_unmet == 0
                && let Some(unblocked) = state.after(Stimulus::Unblocked)
            {
                *state = unblocked;
                insert_ready(&mut self.ready, self.batches.as_deref_mut(), next, self.now_ns);
            }
        }
        self.end(node, actions);
        if self.n_consumers_left[node.index()] == 0 && !self.kept[node.index()] {
            actions.push(Action::Release { node });
        }
        Ok(())
    }

    fn on_failed(&mut self, node: NodeId, actions: &mut Vec<Action>) -> Result<(), SchedulerError> {
        self.try_apply(node, Stimulus::Failed)?;
        self.n_running -= 1;
        self.end(node, actions);
        match self.options.on_failure {
            FailurePolicy::Stop => self.stop(actions),
            FailurePolicy::Continue => self.skip_descendants(node, actions),
        }
        Ok(())
    }

    fn on_cancel_requested(&mut self, actions: &mut Vec<Action>) {
        self.stop(actions);
    }

    /// Gives up everything that has not started.
    fn stop(&mut self, actions: &mut Vec<Action>) {
        if self.is_stopped {
            return;
        }
        self.is_stopped = true;
        self.n_granted = 0;
        while self.ready.pop_first().is_some() {}
        if let Some(batches) = &mut self.batches {
            batches.clear();
        }
        for node in self.graph.nodes() {
            let state = self.states[node.index()];
            // What runs may end.
            if state != NodeState::Running
                && let Some(cancelled) = state.after(Stimulus::Cancelled)
            {
                self.states[node.index()] = cancelled;
                actions.push(Action::Cancel { node });
                self.end(node, actions);
            }
        }
    }

    /// Gives up everything downstream of a failure that was not given up before.
    fn skip_descendants(&mut self, failed: NodeId, actions: &mut Vec<Action>) {
        let mut skipped = Vec::new();
        let mut n_expanded = 0;
        let mut expanded = failed;
        loop {
            for &next in self.graph.successors(expanded) {
                if let Some(state) = self.states[next.index()].after(Stimulus::Skipped) {
                    self.states[next.index()] = state;
                    skipped.push(next);
                }
            }
            let Some(&next) = skipped.get(n_expanded) else {
                break;
            };
            n_expanded += 1;
            expanded = next;
        }
        skipped.sort_unstable();
        for node in skipped {
            if let Some(batches) = &mut self.batches {
                batches.give_up(node);
            }
            actions.push(Action::Skip { node });
            self.end(node, actions);
        }
    }

    /// Counts a node that has reached a final state, and releases the inputs that it was the last to need.
    fn end(&mut self, node: NodeId, actions: &mut Vec<Action>) {
        self.n_left -= 1;
        for &input in self.inputs.of(node) {
            let n_left = &mut self.n_consumers_left[input.index()];
            *n_left -= 1;
            if *n_left == 0 && self.states[input.index()] == NodeState::Finished && !self.kept[input.index()]
            {
                actions.push(Action::Release { node: input });
            }
        }
    }

    /// The state of a node that an event names, which may be none of the graph's.
    fn known_state(&self, node: NodeId) -> Result<NodeState, SchedulerError> {
        let n_nodes = self.states.len();
        self.states.get(node.index()).copied().ok_or(SchedulerError::UnknownNode { node, n_nodes })
    }

    /// Applies what an executor reported, or refuses it.
    fn try_apply(&mut self, node: NodeId, stimulus: Stimulus) -> Result<(), SchedulerError> {
        let n_nodes = self.states.len();
        let Some(state) = self.states.get_mut(node.index()) else {
            return Err(SchedulerError::UnknownNode { node, n_nodes });
        };
        let Some(next) = state.after(stimulus) else {
            return Err(SchedulerError::IllegalTransition { node, state: *state, event: stimulus.as_str() });
        };
        *state = next;
        Ok(())
    }

    /// Applies what we decided, which the table must allow.
    fn apply(&mut self, node: NodeId, stimulus: Stimulus) {
        let state = &mut self.states[node.index()];
        *state = state.after(stimulus).expect("only a ready node is in the set of the ready");
    }
}

#[cfg(test)]
mod tests;
