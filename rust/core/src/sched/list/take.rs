//! What may start, in one pass over the lines of the ready.

use std::collections::binary_heap::PeekMut;

use super::lines::Front;
use super::{ListScheduler, demands};
use crate::sched::state::{NodeState, Stimulus};

impl ListScheduler {
    /// Takes up to `n_max` nodes that may start now; they run from now on, with what they need.
    ///
    /// Their ids are appended to `taken` in the order in which they go: the largest priority first, the smallest id among
    /// equals.
    ///
    /// # Complexity
    ///
    /// O(log classes) per node taken, and O(classes + pools) per call; with workers, O(workers) per node; where the head of
    /// the line cannot start and durations are known, O(running nodes) more. Allocates only for `taken` to grow.
    pub fn take(&mut self, now_ns: u64, n_max: usize, taken: &mut Vec<u32>) {
        self.release_delayed(now_ns);
        let n_before = taken.len();
        let n_idle = self.workers.as_ref().map_or(usize::MAX, super::Workers::n_idle);
        let n_end = n_before.saturating_add(n_max.min(n_idle));
        self.reservation = None;
        if self.lines.len() > 0 && n_end > n_before {
            if self.is_free_for_all() {
                self.lines.drain_only_line(n_end - n_before, taken);
            } else {
                self.pass(now_ns, n_end, taken);
            }
        }
        self.start(&taken[n_before..]);
        self.validate_when_due(taken.len() - n_before);
    }

    /// Whether whatever is ready may start, in one line.
    fn is_free_for_all(&self) -> bool {
        self.holds_nothing() && self.lines.is_one_line()
    }

    /// Whether a node that runs holds neither a pool nor a worker, and nobody asks when it will end.
    pub(super) fn holds_nothing(&self) -> bool {
        self.demands.n_rows() == 1 && self.workers.is_none() && self.durations.is_none()
    }

    fn pass(&mut self, now_ns: u64, n_end: usize, taken: &mut Vec<u32>) {
        let mut fronts = std::mem::take(&mut self.fronts);
        self.begin_pass(&mut fronts);
        while taken.len() < n_end {
            let Some(front) = fronts.peek_mut() else {
                break;
            };
            if let Some(head) = self.take_front(now_ns, front, taken) {
                self.backfill(now_ns, head, &mut fronts, n_end, taken);
                break;
            }
        }
        self.fronts = fronts;
    }

    fn begin_pass(&mut self, fronts: &mut std::collections::BinaryHeap<Front>) {
        self.pools.begin_pass();
        if let Some(workers) = &mut self.workers {
            workers.begin_pass();
        }
        self.lines.fronts(fronts, |id| (self.priorities[id as usize], self.nodes[id as usize].demand));
    }

    /// Takes the node at the front of a line, or passes over it.
    ///
    /// Returns the node where it is the head of the line and durations are known: what goes next is for backfilling to say.
    #[inline]
    fn take_front(&mut self, now_ns: u64, front: PeekMut<'_, Front>, taken: &mut Vec<u32>) -> Option<u32> {
        let Front { node: id, demand, .. } = *front;
        if self.was_lowered && !self.pools.could_fit(self.demands.row(demand)) {
            self.set_aside(&front);
            self.move_on(front);
            return None;
        }
        let Ok(worker) = self.choose_worker(now_ns, id) else {
            self.move_on(front);
            return None;
        };
        if demand == demands::NOTHING || self.pools.offer(self.demands.row(demand)) {
            self.dispatch(now_ns, &front, worker, taken);
            self.move_on(front);
        } else if self.durations.is_some() {
            self.move_on(front);
            return Some(id);
        } else {
            // All of the line needs a pool that is closed now.
            PeekMut::pop(front);
        }
        None
    }

    /// Replaces a front by the next of its line.
    #[inline]
    pub(super) fn move_on(&self, mut front: PeekMut<'_, Front>) {
        match self.lines.after(&front, |id| (self.priorities[id as usize], self.nodes[id as usize].demand)) {
            Some(next) => *front = next,
            None => {
                PeekMut::pop(front);
            }
        }
    }

    /// The worker for a node, if there are workers; an error where it would finish earlier by waiting.
    pub(super) fn choose_worker(&mut self, now_ns: u64, id: u32) -> Result<Option<u32>, WaitsForFaster> {
        let Some(workers) = &mut self.workers else {
            return Ok(None);
        };
        let duration_ns = self.durations.as_ref().map(|durations| durations.of_node_ns[id as usize]);
        workers.choose(now_ns, duration_ns).map(Some).ok_or(WaitsForFaster)
    }

    /// Takes a node, whose needs have been taken, out of its line; what the rest of the pass does not depend on is done for
    /// all that are taken together, by [`Self::start`].
    #[inline]
    pub(super) fn dispatch(&mut self, now_ns: u64, front: &Front, worker: Option<u32>, taken: &mut Vec<u32>) {
        self.lines.remove_front(front);
        taken.push(front.node);
        let Some(durations) = &mut self.durations else {
            if let (Some(workers), Some(worker)) = (&mut self.workers, worker) {
                workers.assign(worker, front.node, now_ns);
            }
            return;
        };
        let mut duration_ns = durations.of_node_ns[front.node as usize];
        if let (Some(workers), Some(worker)) = (&mut self.workers, worker) {
            duration_ns = workers.duration_ns(worker, duration_ns);
            workers.assign(worker, front.node, now_ns.saturating_add(duration_ns));
        }
        let finish_ns = now_ns.saturating_add(duration_ns);
        durations.finish_ns[front.node as usize] = finish_ns;
        durations.running.insert((finish_ns, front.node));
    }

    /// Starts nodes that were taken out of their lines.
    ///
    /// Apart from choosing them, since here each visit of memory is independent of the one before.
    fn start(&mut self, taken: &[u32]) {
        for &id in taken {
            let node = &mut self.nodes[id as usize];
            node.state = node.state.after(Stimulus::Dispatched).expect("what is in line is ready");
            node.n_attempts = node.n_attempts.saturating_add(1);
            if node.has_time {
                self.forget_time(id);
            }
        }
        self.n_by_state[NodeState::Ready as usize] -= taken.len();
        self.n_by_state[NodeState::Running as usize] += taken.len();
    }

    /// Takes a ready node that needs more than there is out of its line, so that it holds up nobody.
    pub(super) fn set_aside(&mut self, front: &Front) {
        self.lines.remove_front(front);
        self.oversized.insert(front.node);
    }

    /// Puts delayed nodes whose time has come in line.
    pub(super) fn release_delayed(&mut self, now_ns: u64) {
        while let Some(&(at_ns, id)) = self.timers.first()
            && at_ns <= now_ns
        {
            self.timers.pop_first();
            debug_assert_eq!(
                self.nodes[id as usize].state,
                NodeState::Delayed,
                "timers are of delayed nodes"
            );
            self.forget_time(id);
            self.make_ready(now_ns, id);
        }
    }
}

/// A node would finish earlier on a worker that is busy.
#[derive(Copy, Clone, Debug)]
pub(super) struct WaitsForFaster;
