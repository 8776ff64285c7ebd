//! What may go before the head of the line without putting it off.
//!
//! "EASY" backfilling (Lifka 1995): of all that wait, the head has a *reservation*, the earliest time at which it can start if
//! what runs takes as long as it should. Another node may start if it is expected to be over by then, or needs only what will
//! be left beside the head.

use std::collections::BinaryHeap;

use super::ListScheduler;
use super::lines::Front;

/// How many nodes behind the head are looked at in one pass, so that a pass over a long line stays short.
const N_LOOKED_AT_MAX: usize = 256;

impl ListScheduler {
    /// When the head can start, given what runs and when it is expected to end, and what is left of each pool then beside it.
    ///
    /// Its needs fit into the capacities.
    fn reserve(&self, now_ns: u64, head: u32) -> (u64, Vec<i64>) {
        let durations = self.durations.as_ref().expect("backfilling is for known durations");
        let needs = self.demands.row(self.nodes[head as usize].demand);
        let mut left: Vec<i64> = (0..self.pools.len() as u32).map(|pool| self.pools.free(pool)).collect();
        let mut at_ns = now_ns;
        let mut running = durations.running.iter();
        while needs.iter().any(|need| need.amount > left[need.pool as usize]) {
            let &(finish_ns, id) = running.next().expect("what is taken of a pool is held by what runs");
            // What should have ended by now may end at any moment.
            at_ns = at_ns.max(finish_ns);
            for need in self.demands.row(self.nodes[id as usize].demand) {
                left[need.pool as usize] += need.amount;
            }
        }
        // Whatever ends at the same time is over as well.
        for &(finish_ns, id) in running {
            if finish_ns > at_ns {
                break;
            }
            for need in self.demands.row(self.nodes[id as usize].demand) {
                left[need.pool as usize] += need.amount;
            }
        }
        for need in needs {
            left[need.pool as usize] -= need.amount;
        }
        (at_ns, left)
    }

    /// Makes the reservation of the head, which is not among the fronts any more, and takes nodes behind it.
    pub(super) fn backfill(
        &mut self,
        now_ns: u64,
        head: u32,
        fronts: &mut BinaryHeap<Front>,
        n_end: usize,
        taken: &mut Vec<u32>,
    ) {
        let (start_ns, mut left) = self.reserve(now_ns, head);
        self.reservation = Some((head, start_ns));
        for _ in 0..N_LOOKED_AT_MAX {
            let Some(front) = fronts.peek_mut().filter(|_| taken.len() < n_end) else {
                break;
            };
            let Front { node: id, demand, .. } = *front;
            let needs = self.demands.row(demand);
            if self.was_lowered && !self.pools.could_fit(needs) {
                self.set_aside(&front);
            } else if self.pools.fits(needs)
                && let Ok(worker) = self.choose_worker(now_ns, id)
            {
                let needs = self.demands.row(demand);
                let is_over_by_then = self.expected_finish_ns(now_ns, id, worker) <= start_ns;
                if is_over_by_then || needs.iter().all(|need| need.amount <= left[need.pool as usize]) {
                    let is_taken = self.pools.try_take(needs);
                    debug_assert!(is_taken, "what fits can be taken");
                    if !is_over_by_then {
                        for need in needs {
                            left[need.pool as usize] -= need.amount;
                        }
                    }
                    self.dispatch(now_ns, &front, worker, taken);
                }
            }
            self.move_on(front);
        }
    }

    /// When a node would be over if it started now.
    fn expected_finish_ns(&self, now_ns: u64, id: u32, worker: Option<u32>) -> u64 {
        let durations = self.durations.as_ref().expect("backfilling is for known durations");
        let duration_ns = durations.of_node_ns[id as usize];
        let on_worker_ns = match (&self.workers, worker) {
            (Some(workers), Some(worker)) => workers.duration_ns(worker, duration_ns),
            _ => duration_ns,
        };
        now_ns.saturating_add(on_worker_ns)
    }
}
