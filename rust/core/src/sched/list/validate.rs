//! The invariants of the list scheduler, restated.

use super::ListScheduler;
use crate::sched::pools::Need;
use crate::sched::state::NodeState;

/// Up to this many nodes, the invariants are checked after each call in debug builds.
const N_NODES_ALWAYS_VALIDATED_MAX: usize = 64;

impl ListScheduler {
    /// Checks every invariant against a recount.
    ///
    /// Debug builds do so by themselves: after every call that changes something in small graphs, and in large ones as often
    /// as keeps its cost in proportion to what happened.
    ///
    /// # Panics
    ///
    /// When an invariant is broken, naming it: a bug in this crate.
    ///
    /// # Complexity
    ///
    /// O((n + m) log n).
    pub fn validate(&self) {
        let mut n_unmet = vec![0; self.nodes.len()];
        let mut n_by_state = [0; NodeState::N];
        let mut taken = vec![0; self.pools.len()];
        let mut n_lined = 0;
        let mut n_occupied = 0;
        for (id, node) in (0..).zip(&self.nodes) {
            let state = node.state;
            n_by_state[state as usize] += 1;
            if state != NodeState::Finished {
                for next in self.successors(id) {
                    n_unmet[next as usize] += 1;
                }
            }
            let occupies = matches!(state, NodeState::Running | NodeState::Cancelling);
            n_occupied += usize::from(occupies);
            if occupies {
                for &Need { pool, amount } in self.demands.row(node.demand) {
                    taken[pool as usize] += amount;
                }
            }
            if let Some(durations) = &self.durations {
                let is_listed = durations.running.contains(&(durations.finish_ns[id as usize], id));
                assert_eq!(is_listed, occupies, "node {id} has an expected finish exactly if it runs");
            }

            let class = self.demands.class_of(node.demand);
            let is_lined = self.lines.contains(node.position, class, self.key(id));
            let is_oversized = self.oversized.contains(&id);
            n_lined += usize::from(is_lined);
            assert_eq!(
                is_lined || is_oversized,
                state == NodeState::Ready,
                "node {id} is in line, or put aside, exactly if it is ready"
            );
            assert!(!(is_lined && is_oversized), "node {id} waits in one place");
            let time_ns = self.not_before_ns.get(&id);
            assert_eq!(time_ns.is_some(), node.has_time, "node {id} knows whether it has a time");
            let is_timed = time_ns.is_some_and(|&at_ns| self.timers.contains(&(at_ns, id)));
            assert_eq!(
                is_timed,
                state == NodeState::Delayed,
                "node {id} has a timer exactly if it is delayed"
            );
            match state {
                NodeState::Waiting | NodeState::Skipped => {
                    assert!(self.n_unmet.get(id) > 0, "node {id} waits for something, or did");
                }
                NodeState::Delayed
                | NodeState::Ready
                | NodeState::Running
                | NodeState::Cancelling
                | NodeState::Finished
                | NodeState::Failed => {
                    assert_eq!(self.n_unmet.get(id), 0, "node {id} waits for nothing");
                }
                NodeState::Cancelled => {}
            }
        }
        assert!(self.n_unmet.iter().eq(n_unmet), "unfinished predecessors are counted");
        assert_eq!(self.n_by_state, n_by_state, "nodes are counted by state");
        assert_eq!(self.lines.len(), n_lined, "nodes in line are counted");
        assert_eq!(self.timers.len(), n_by_state[NodeState::Delayed as usize], "timers are counted");
        for (pool, taken) in (0..).zip(taken) {
            assert_eq!(self.pools.taken(pool), taken, "what is taken of pool {pool} is what runs needs");
        }
        if let Some(workers) = &self.workers {
            let n_workers = self.options.speeds.as_ref().map_or(0, Vec::len);
            assert_eq!(workers.n_idle() + n_occupied, n_workers, "a worker is idle or runs one node");
        }
        let n_to_start =
            [NodeState::Waiting, NodeState::Delayed, NodeState::Ready].map(|state| self.n_in(state));
        assert!(!self.is_stopped || n_to_start == [0; 3], "nothing waits when all is stopped");
    }

    /// Validates when as much has happened as a validation costs, so that a long run stays linear; only in debug builds.
    pub(super) fn validate_when_due(&mut self, n_happened: usize) {
        if cfg!(debug_assertions) {
            self.n_unvalidated += n_happened + 1;
            let cost = self.nodes.len() + self.graph.n_edges() + self.added.links.len();
            if self.nodes.len() <= N_NODES_ALWAYS_VALIDATED_MAX || self.n_unvalidated >= cost {
                self.n_unvalidated = 0;
                self.validate();
            }
        }
    }
}
