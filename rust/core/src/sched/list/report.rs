//! What has ended, and what follows for others.

use super::{ListError, ListScheduler, id_of};
use crate::graph::NodeId;
use crate::sched::FailurePolicy;
use crate::sched::state::{NodeState, Stimulus};

/// Memory for what follows from nodes that finished.
#[derive(Clone, Debug, Default)]
pub(super) struct Reached {
    finished: Vec<u32>,
    /// The successors of these, one per edge.
    successors: Vec<u32>,
    /// Those of them that wait for nothing more.
    unblocked: Vec<u32>,
}

/// How a node that runs ended.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
enum Report {
    Finished,
    Failed,
    /// It is to be tried again.
    ToRetry,
}

impl ListScheduler {
    /// Nodes that were taken ended well: what only waited for them is ready.
    ///
    /// A node that was cancelled meanwhile is cancelled now.
    ///
    /// # Errors
    ///
    /// When an id is unknown or named twice, or a node does not run; then nothing has changed.
    ///
    /// # Complexity
    ///
    /// O(1) per node, edge and need.
    pub fn complete(&mut self, now_ns: u64, nodes: &[i64]) -> Result<(), ListError> {
        self.report(nodes, |_| Report::Finished)?;
        let mut reached = std::mem::take(&mut self.reached);
        let holds_nothing = self.holds_nothing();
        for &node in nodes {
            let id = id_of(node);
            if !holds_nothing {
                self.give_back(id);
            }
            if self.nodes[id as usize].state == NodeState::Finished {
                reached.finished.push(id);
            }
        }
        self.unblock_after(now_ns, &mut reached);
        self.reached = reached;
        self.validate_when_due(nodes.len());
        Ok(())
    }

    /// Nodes that were taken ended badly.
    ///
    /// Those that may be tried again are, after a delay, unless everything was stopped. What is downstream of the others is skipped, or everything that has
    /// not started is cancelled, as the policy says; the ids of those that were given up so are appended to `given_up`,
    /// ascending. A node that was cancelled meanwhile is cancelled now.
    ///
    /// # Errors
    ///
    /// As [`Self::complete`].
    ///
    /// # Complexity
    ///
    /// O(1) per node, and per node and edge downstream; O(n + m) where a failure stops everything.
    pub fn fail(&mut self, now_ns: u64, nodes: &[i64], given_up: &mut Vec<u32>) -> Result<(), ListError> {
        let n_retries = self.options.n_retries;
        let n_before = given_up.len();
        self.report(
            nodes,
            |n_attempts| {
                if n_attempts <= n_retries { Report::ToRetry } else { Report::Failed }
            },
        )?;
        let mut is_stop = false;
        for &node in nodes {
            let id = id_of(node);
            self.give_back(id);
            match self.nodes[id as usize].state {
                NodeState::Delayed => {
                    let n_doublings = u32::from(self.nodes[id as usize].n_attempts) - 1;
                    let delay_ns = self.options.retry_delay_ns.saturating_mul(1 << n_doublings.min(63));
                    self.defer(id, now_ns.saturating_add(delay_ns.min(self.options.retry_delay_max_ns)));
                }
                NodeState::Failed if self.options.on_failure == FailurePolicy::Continue => {
                    self.give_up_downstream(id, Stimulus::Skipped, given_up);
                }
                state => is_stop |= state == NodeState::Failed,
            }
        }
        if is_stop {
            self.stop(given_up);
        }
        given_up[n_before..].sort_unstable();
        self.validate_when_due(nodes.len());
        Ok(())
    }

    /// Nodes that were taken are to be tried again `delay_ns` from now, however often they have been tried.
    ///
    /// A node that was cancelled meanwhile is cancelled now, and where everything was stopped the nodes have failed.
    ///
    /// # Errors
    ///
    /// As [`Self::complete`].
    ///
    /// # Complexity
    ///
    /// O(log n) per node.
    pub fn retry(&mut self, now_ns: u64, nodes: &[i64], delay_ns: u64) -> Result<(), ListError> {
        self.report(nodes, |_| Report::ToRetry)?;
        for &node in nodes {
            let id = id_of(node);
            self.give_back(id);
            if self.nodes[id as usize].state == NodeState::Delayed {
                self.defer(id, now_ns.saturating_add(delay_ns));
            }
        }
        self.validate_when_due(nodes.len());
        Ok(())
    }

    /// Nodes and all that is downstream of them are not wanted any more.
    ///
    /// What has not started is cancelled. What runs goes on until it is reported; these ids are appended to `to_stop`, in
    /// the order given. What has ended stays as it is, and so does what was cancelled before.
    ///
    /// # Errors
    ///
    /// When an id is unknown; then nothing has changed.
    ///
    /// # Complexity
    ///
    /// O(log n) per node, and per node and edge downstream.
    pub fn cancel(&mut self, nodes: &[i64], to_stop: &mut Vec<u32>) -> Result<(), ListError> {
        for (idx, &node) in nodes.iter().enumerate() {
            self.checked(idx, node)?;
        }
        let mut given_up = Vec::new();
        for &node in nodes {
            let id = id_of(node);
            match self.nodes[id as usize].state {
                NodeState::Waiting | NodeState::Delayed | NodeState::Ready => {
                    self.unline(id);
                    self.forget_time(id);
                    self.apply(id, Stimulus::Cancelled);
                }
                NodeState::Running => {
                    self.apply(id, Stimulus::Cancelled);
                    to_stop.push(id);
                }
                NodeState::Cancelling
                | NodeState::Finished
                | NodeState::Failed
                | NodeState::Skipped
                | NodeState::Cancelled => continue,
            }
            self.give_up_downstream(id, Stimulus::Cancelled, &mut given_up);
        }
        self.validate_when_due(nodes.len() + given_up.len());
        Ok(())
    }

    /// Applies reports about nodes that run: all of them, or none where one is refused.
    fn report(&mut self, nodes: &[i64], report_of: impl Fn(u16) -> Report) -> Result<(), ListError> {
        for (idx, &node) in nodes.iter().enumerate() {
            let refused = match self.checked(idx, node) {
                Ok(id) => {
                    let seen = self.nodes[id as usize];
                    let stimulus = match report_of(seen.n_attempts) {
                        Report::ToRetry if seen.state == NodeState::Running && !self.is_stopped => {
                            Stimulus::Deferred
                        }
                        Report::Finished => Stimulus::Finished,
                        Report::Failed | Report::ToRetry => Stimulus::Failed,
                    };
                    // Only of a node that runs can anything be reported.
                    let runs = matches!(seen.state, NodeState::Running | NodeState::Cancelling);
                    if runs {
                        self.apply(id, stimulus);
                        continue;
                    }
                    ListError::IllegalTransition { node: id, state: seen.state, event: stimulus.as_str() }
                }
                Err(unknown) => unknown,
            };
            self.take_back_reports(&nodes[..idx]);
            return Err(refused);
        }
        Ok(())
    }

    /// Puts nodes that were just reported back to where they were.
    fn take_back_reports(&mut self, nodes: &[i64]) {
        for &node in nodes {
            let state = &mut self.nodes[id_of(node) as usize].state;
            let before =
                if *state == NodeState::Cancelled { NodeState::Cancelling } else { NodeState::Running };
            self.n_by_state[*state as usize] -= 1;
            self.n_by_state[before as usize] += 1;
            *state = before;
        }
    }

    /// Gives back what a node held while it ran.
    fn give_back(&mut self, id: u32) {
        self.pools.give_back(self.demands.row(self.nodes[id as usize].demand));
        if let Some(workers) = &mut self.workers {
            workers.release(id);
        }
        if let Some(durations) = &mut self.durations {
            durations.running.remove(&(durations.finish_ns[id as usize], id));
        }
    }

    /// Unblocks what waited for nothing but nodes that have just finished.
    ///
    /// In phases, each of which visits memory at places that do not depend on one another: what is missing in the caches is
    /// fetched at the same time.
    fn unblock_after(&mut self, now_ns: u64, reached: &mut Reached) {
        reached.successors.clear();
        for &id in &reached.finished {
            if (id as usize) < self.graph.n_nodes() {
                reached
                    .successors
                    .extend(self.graph.successors(NodeId::new(id)).iter().map(|next| next.get()));
            }
            if !self.added.links.is_empty() {
                reached.successors.extend(self.added.of(id));
            }
        }
        reached.finished.clear();
        reached.unblocked.clear();
        reached.unblocked.resize(reached.successors.len(), 0);
        let mut n_unblocked = 0;
        for &next in &reached.successors {
            // Written in any case and counted if so: a branch would be mispredicted often.
            reached.unblocked[n_unblocked] = next;
            n_unblocked += usize::from(self.n_unmet.decrement(next));
        }
        for &next in &reached.unblocked[..n_unblocked] {
            // A node that was given up stays so.
            if self.nodes[next as usize].state == NodeState::Waiting {
                self.make_ready(now_ns, next);
            }
        }
    }

    /// Gives up every node downstream that waits; appends them, ascending.
    pub(super) fn give_up_downstream(&mut self, id: u32, stimulus: Stimulus, given_up: &mut Vec<u32>) {
        let mut n_expanded = given_up.len();
        let mut expanded = id;
        loop {
            let next: Vec<u32> = self
                .successors(expanded)
                .filter(|&next| self.nodes[next as usize].state == NodeState::Waiting)
                .collect();
            for id in next {
                self.forget_time(id);
                self.apply(id, stimulus);
                given_up.push(id);
            }
            let Some(&next) = given_up.get(n_expanded) else {
                break;
            };
            n_expanded += 1;
            expanded = next;
        }
    }

    /// Gives up everything that has not started; appends it, ascending.
    fn stop(&mut self, given_up: &mut Vec<u32>) {
        self.is_stopped = true;
        for id in 0..self.nodes.len() as u32 {
            let state = self.nodes[id as usize].state;
            if matches!(state, NodeState::Waiting | NodeState::Delayed | NodeState::Ready) {
                self.unline(id);
                self.forget_time(id);
                self.apply(id, Stimulus::Cancelled);
                given_up.push(id);
            }
        }
    }

    /// Notes when a node that was just delayed may start.
    pub(super) fn defer(&mut self, id: u32, at_ns: u64) {
        self.nodes[id as usize].has_time = true;
        self.not_before_ns.insert(id, at_ns);
        self.timers.insert((at_ns, id));
    }
}
