//! What a node waits for.

use super::{ListError, ListScheduler};
use crate::graph::NodeId;
use crate::sched::state::NodeState;

/// Why a node is where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It has started or ended, or never will start: its state says all.
    State(NodeState),
    /// These predecessors have not finished; ascending.
    WaitsFor(Vec<u32>),
    /// It may not start before this time.
    DelayedUntil(u64),
    /// It needs more of a pool than there is since its capacity was lowered.
    Oversized {
        /// The pool.
        pool: u32,
        /// How much it needs.
        amount: i64,
        /// How much there is.
        capacity: i64,
    },
    /// Too little is free of these pools: the pool, what it needs, what is free.
    Short(Vec<(u32, i64, i64)>),
    /// What it needs is free, but this node goes first and takes it or waits for it.
    Behind(u32),
    /// All workers have something to do.
    NoIdleWorker,
    /// It would finish earlier on a faster worker that is busy.
    WaitsForFasterWorker,
    /// It may be taken now.
    Next,
}

impl ListScheduler {
    /// Says what a node waits for at this time.
    ///
    /// # Errors
    ///
    /// [`ListError::UnknownNode`].
    ///
    /// # Complexity
    ///
    /// O(n log n) time and O(n) space, since it is tried on a copy what would be taken: for inspection.
    pub fn explain(&self, now_ns: u64, node: i64) -> Result<Reason, ListError> {
        let id = self.checked(0, node)?;
        Ok(match self.nodes[id as usize].state {
            NodeState::Waiting => Reason::WaitsFor(self.unfinished_predecessors(id)),
            NodeState::Delayed => Reason::DelayedUntil(self.not_before_ns.get(&id).copied().unwrap_or(0)),
            NodeState::Ready => self.reason_of_ready(now_ns, id),
            state @ (NodeState::Running
            | NodeState::Cancelling
            | NodeState::Finished
            | NodeState::Failed
            | NodeState::Skipped
            | NodeState::Cancelled) => Reason::State(state),
        })
    }

    fn unfinished_predecessors(&self, id: u32) -> Vec<u32> {
        let mut before: Vec<u32> = if (id as usize) < self.graph.n_nodes() {
            self.graph.predecessors(NodeId::new(id)).iter().map(|node| node.get()).collect()
        } else {
            let sources = 0..self.added.first.len() as u32;
            sources.filter(|&source| self.added.of(source).any(|target| target == id)).collect()
        };
        before.retain(|&source| self.nodes[source as usize].state != NodeState::Finished);
        before
    }

    fn reason_of_ready(&self, now_ns: u64, id: u32) -> Reason {
        let mut trial = self.clone();
        let mut taken = Vec::new();
        trial.take(now_ns, usize::MAX, &mut taken);
        if taken.contains(&id) {
            return Reason::Next;
        }
        let needs = self.demands.row(self.nodes[id as usize].demand);
        for need in needs {
            let capacity = self.pools.capacity(need.pool);
            if need.amount > capacity {
                return Reason::Oversized { pool: need.pool, amount: need.amount, capacity };
            }
        }
        if self.workers.as_ref().is_some_and(|workers| workers.n_idle() == 0) {
            return Reason::NoIdleWorker;
        }
        let short = needs.iter().filter(|need| need.amount > self.pools.free(need.pool));
        let short: Vec<_> = short.map(|need| (need.pool, need.amount, self.pools.free(need.pool))).collect();
        if !short.is_empty() {
            return Reason::Short(short);
        }
        if trial.workers.as_ref().is_some_and(|workers| workers.n_idle() == 0) {
            // Each worker got a node that goes first, or one that it can be given without waiting.
            return taken.last().map_or(Reason::NoIdleWorker, |&last| Reason::Behind(last));
        }
        let head = trial.reservation.map(|(head, _)| head);
        match self.rival(&trial, id, &taken) {
            Some(rival) => Reason::Behind(rival),
            // So far behind the head that a pass does not look at it.
            None if self.workers.is_none() => head.map_or(Reason::Next, Reason::Behind),
            None => Reason::WaitsForFasterWorker,
        }
    }

    /// The last node that goes before one and shares a pool with it: taken in the trial, or still waiting after it.
    fn rival(&self, trial: &Self, id: u32, taken: &[u32]) -> Option<u32> {
        let needs = self.demands.row(self.nodes[id as usize].demand);
        let is_rival = |&other: &u32| {
            let theirs = self.demands.row(self.nodes[other as usize].demand);
            self.key(other) > self.key(id)
                && self.pools.could_fit(theirs)
                && theirs.iter().any(|their| needs.iter().any(|need| need.pool == their.pool))
        };
        let waiting = (0..trial.nodes.len() as u32)
            .filter(|&other| trial.nodes[other as usize].state == NodeState::Ready);
        waiting.chain(taken.iter().copied()).filter(is_rival).min_by_key(|&other| self.key(other))
    }
}
