//! The line of those who wait, and the passes over it.

use std::cmp::Reverse;

use super::{Entry, Grants, Place, PoolState, Request, SECOND_NS, Stage, Ticket};
use crate::sched::pools::{Need, Pools};

impl Grants {
    /// Takes in the time of a call; returns it, or the largest before it.
    pub(super) fn at(&mut self, now_ns: u64) -> u64 {
        self.now_ns = self.now_ns.max(now_ns);
        self.now_ns
    }

    /// Puts tokens that have come into their pools; true if somebody waits for one.
    pub(super) fn count_tokens(&mut self) -> bool {
        let mut is_waited_for = false;
        for (pool, state) in self.states.iter_mut().enumerate() {
            let Some(bucket) = &mut state.bucket else {
                continue;
            };
            let pool = pool as u32;
            let amount = bucket.count(self.now_ns, self.pools.taken(pool));
            self.pools.give_back(&[Need { pool, amount }]);
            is_waited_for |= amount > 0 && state.n_waiting > 0;
        }
        is_waited_for
    }

    pub(super) fn new_ticket(&mut self, request: Request<'_>, now_ns: u64) -> Ticket {
        let slot = self.free_slots.pop().unwrap_or_else(|| {
            let place = Place { urgency: Reverse(0), arrival: 0, slot: self.entries.len() as u32 };
            self.entries.push(Entry {
                generation: 0,
                stage: Stage::Over,
                holder: 0,
                needs: Vec::new(),
                place,
                since_ns: 0,
            });
            place.slot
        });
        let since_ns = request.since_ns.unwrap_or(now_ns).min(now_ns);
        let age = i128::from(self.ageing) * i128::from(since_ns);
        let entry = &mut self.entries[slot as usize];
        entry.stage = Stage::Waiting;
        entry.holder = request.holder;
        entry.needs.clear();
        entry.needs.extend_from_slice(request.needs);
        entry.since_ns = since_ns;
        entry.place = Place {
            urgency: Reverse(i128::from(request.priority) * SECOND_NS - age),
            arrival: self.next_arrival,
            slot,
        };
        self.next_arrival += 1;
        Ticket { slot, generation: entry.generation }
    }

    /// Makes a waiting ticket, whose needs were taken, one that holds. Tokens are used up: they are not held.
    pub(super) fn hold(&mut self, slot: u32) {
        let entry = &mut self.entries[slot as usize];
        entry.stage = Stage::Held;
        entry.since_ns = self.now_ns;
        for need in &entry.needs {
            let state = &mut self.states[need.pool as usize];
            state.peak = state.peak.max(self.pools.taken(need.pool));
        }
        entry.needs.retain(|need| self.states[need.pool as usize].bucket.is_none());
        self.counts.n_granted += 1;
    }

    /// Ends the ticket in a slot; true if that concerns somebody who waits.
    pub(super) fn end(&mut self, slot: u32) -> bool {
        let entry = &mut self.entries[slot as usize];
        let was_waiting = entry.stage == Stage::Waiting;
        if was_waiting {
            self.line.remove(&entry.place);
            for need in &entry.needs {
                self.states[need.pool as usize].n_waiting -= 1;
            }
        } else {
            self.pools.give_back(&entry.needs);
        }
        entry.stage = Stage::Over;
        entry.generation = entry.generation.wrapping_add(1);
        self.free_slots.push(slot);
        // For one that stood in line, pools may have been kept.
        was_waiting || entry.needs.iter().any(|need| self.states[need.pool as usize].n_waiting > 0)
    }

    /// Whether a request takes part in a pass: not while it waits for the machine, or for a larger capacity.
    pub(super) fn is_eligible(&self, needs: &[Need]) -> bool {
        needs.iter().all(|need| {
            need.amount <= self.pools.capacity(need.pool)
                && (!self.is_throttled(need.pool) || self.pools.taken(need.pool) == 0)
        })
    }

    /// Grants whatever can be granted to those in line.
    pub(super) fn pass(&mut self, granted: &mut Vec<Ticket>) {
        loop {
            self.pass_once();
            // Once more after a grant of a throttled pool, which closes it to others, who then keep nothing from anybody; and
            // after one of tokens, which those who were passed over may lack now.
            let is_over = self.served.is_empty() || (self.n_throttled == 0 && !self.has_buckets);
            for at in 0..self.served.len() {
                let place = self.served[at];
                self.line.remove(&place);
                let entry = &self.entries[place.slot as usize];
                for need in &entry.needs {
                    self.states[need.pool as usize].n_waiting -= 1;
                }
                let waited_ns = self.now_ns - entry.since_ns;
                granted.push(Ticket { slot: place.slot, generation: entry.generation });
                self.counts.n_waited += 1;
                self.counts.waited_ns += waited_ns;
                self.counts.waited_ns_max = self.counts.waited_ns_max.max(waited_ns);
                self.hold(place.slot);
            }
            if is_over {
                return;
            }
        }
    }

    /// Goes through the line once and takes for each what can be taken; they are in `served`, still in line.
    pub(super) fn pass_once(&mut self) {
        self.served.clear();
        self.wake = None;
        self.pools.begin_pass();
        for place in &self.line {
            let entry = &self.entries[place.slot as usize];
            if !self.is_eligible(&entry.needs) {
                continue;
            }
            if let Some(wake_ns) = wake_ns(&self.pools, &self.states, &entry.needs) {
                let ticket = Ticket { slot: place.slot, generation: entry.generation };
                let is_earlier = self.wake.is_none_or(|(earliest_ns, _)| wake_ns < earliest_ns);
                self.wake = if is_earlier { Some((wake_ns, ticket)) } else { self.wake };
            }
            if self.pools.offer(&entry.needs) {
                self.served.push(*place);
            } else if self.states.iter().zip(0..).all(|(state, pool)| {
                // Behind one who is short of a pool nobody gets any.
                state.n_waiting == 0 || self.pools.is_closed(pool)
            }) {
                break;
            }
        }
    }
}

/// When the next in a pass will have the tokens that it lacks; none if it lacks none, or waits behind another.
///
/// A bucket that is full fills no further: what is kept of it for the head of the line comes by no waiting.
fn wake_ns(pools: &Pools, states: &[PoolState], needs: &[Need]) -> Option<u64> {
    if needs.iter().any(|need| pools.is_closed(need.pool)) {
        return None;
    }
    let ready_ns = |need: &Need| {
        let n_missing = need.amount - pools.left(need.pool);
        let bucket = states[need.pool as usize].bucket.as_ref()?;
        (n_missing > 0 && n_missing <= pools.taken(need.pool)).then(|| bucket.ready_ns(n_missing))
    };
    needs.iter().filter_map(ready_ns).min()
}
