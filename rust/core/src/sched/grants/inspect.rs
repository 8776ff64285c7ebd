//! What can be read of grants, for whoever watches them.

use super::bucket::{Bucket, Rate};
use super::{Counts, Grants, Stage, Ticket, TicketView};
use crate::sched::pools::Need;

impl Grants {
    /// When the passing of time may grant something next, and the ticket that lacks the tokens that come then.
    ///
    /// Before that time alone grants nothing; none: it never will. Whoever drives the one who is named should look then, by
    /// [`Grants::advance`]; others that are granted by that learn it from there.
    #[must_use]
    pub fn next_wake(&self) -> Option<(u64, Ticket)> {
        self.wake
    }

    /// Whether a ticket was granted and is not over.
    #[must_use]
    pub fn is_held(&self, ticket: Ticket) -> bool {
        self.stage(ticket) == Stage::Held
    }

    /// Whether a ticket waits.
    #[must_use]
    pub fn is_waiting(&self, ticket: Ticket) -> bool {
        self.stage(ticket) == Stage::Waiting
    }

    /// The number of pools, those of tokens among them.
    #[must_use]
    pub fn n_pools(&self) -> usize {
        self.states.len()
    }

    /// What a pool holds: its capacity, or its burst.
    ///
    /// # Panics
    ///
    /// As all functions of one pool: when there is no such pool.
    #[must_use]
    pub fn capacity(&self, pool: u32) -> i64 {
        self.pools.capacity(pool)
    }

    /// How much of a pool is held, or how many tokens are not there.
    #[must_use]
    pub fn taken(&self, pool: u32) -> i64 {
        self.pools.taken(pool)
    }

    /// How much of a pool can be had now; negative after its capacity was lowered below what is held.
    #[must_use]
    pub fn free(&self, pool: u32) -> i64 {
        self.pools.free(pool)
    }

    /// The most of a pool that was held at once.
    #[must_use]
    pub fn peak(&self, pool: u32) -> i64 {
        self.states[pool as usize].peak
    }

    /// How many tickets wait for something of a pool.
    #[must_use]
    pub fn n_waiting_for(&self, pool: u32) -> usize {
        self.states[pool as usize].n_waiting
    }

    /// The rate of a pool of tokens.
    #[must_use]
    pub fn rate(&self, pool: u32) -> Option<Rate> {
        self.states[pool as usize].bucket.as_ref().map(Bucket::rate)
    }

    /// Whether a pool is given to one at a time.
    #[must_use]
    pub fn is_throttled(&self, pool: u32) -> bool {
        self.states[pool as usize].is_throttled
    }

    /// How many tickets wait.
    #[must_use]
    pub fn n_waiting(&self) -> usize {
        self.line.len()
    }

    /// How many tickets hold something.
    #[must_use]
    pub fn n_held(&self) -> usize {
        self.entries.len() - self.free_slots.len() - self.line.len()
    }

    /// Counts since the beginning.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How much of a pool a holder holds.
    ///
    /// # Complexity
    ///
    /// O(tickets).
    #[must_use]
    pub fn held_by(&self, holder: u64, pool: u32) -> i64 {
        let of_holder = self.held().filter(|view| view.holder == holder);
        let needs = of_holder.flat_map(|view| view.needs).filter(|need| need.pool == pool);
        needs.map(|need| need.amount).sum()
    }

    /// The first pool that a waiting ticket is short of: it is asked for more of it than is free.
    #[must_use]
    pub fn short_of(&self, ticket: Ticket) -> Option<Need> {
        let needs = self.is_waiting(ticket).then(|| &self.entries[ticket.slot as usize].needs)?;
        let short = needs.iter().find(|need| need.amount > self.free(need.pool));
        short.or(needs.first()).copied()
    }

    /// Tickets that hold something.
    pub fn held(&self) -> impl Iterator<Item = TicketView<'_>> {
        let slots =
            (0..self.entries.len() as u32).filter(|&slot| self.entries[slot as usize].stage == Stage::Held);
        slots.map(|slot| self.view(slot))
    }

    /// Tickets that wait, the first in line first.
    pub fn waiting(&self) -> impl Iterator<Item = TicketView<'_>> {
        self.line.iter().map(|place| self.view(place.slot))
    }

    fn view(&self, slot: u32) -> TicketView<'_> {
        let entry = &self.entries[slot as usize];
        let ticket = Ticket { slot, generation: entry.generation };
        TicketView { ticket, holder: entry.holder, needs: &entry.needs, since_ns: entry.since_ns }
    }
}
