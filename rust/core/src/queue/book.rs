//! What a queue knows of each entry, and what follows from it: its rank, and whether a place in the order is still its own.

use super::lineup::{Entry, Rank};
use super::state::EntryState;
use super::values::{NO_DEADLINE, OrderBy, QueueOptions, Taken};
use super::waits::Waits;
use crate::Priority;

/// What is known of an entry: half a cache line.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Record {
    pub(crate) priority: Priority,
    /// When it could first be taken, or will be.
    pub(crate) arrived_ns: u64,
    pub(crate) label: i64,
    /// Its place among those that came to wait.
    pub(crate) ticket: u32,
    pub(crate) n_attempts: u16,
    /// None where the slot is free.
    pub(crate) state: Option<EntryState>,
}

/// The records, by slot.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    records: Vec<Record>,
    /// By slot, as far as a deadline was ever given; those beyond have none.
    deadlines_ns: Vec<i64>,
    /// Used again from the end.
    free: Vec<u32>,
    n_in: [usize; 4],
    order: OrderBy,
    ageing_per_ns: f64,
    is_tracked: bool,
}

impl Book {
    pub(crate) fn new(options: &QueueOptions) -> Self {
        Self {
            records: Vec::new(),
            deadlines_ns: Vec::new(),
            free: Vec::new(),
            n_in: [0; 4],
            order: options.order,
            ageing_per_ns: options.ageing_per_s / 1e9,
            is_tracked: options.is_tracked,
        }
    }

    pub(crate) const fn n_in(&self, state: EntryState) -> usize {
        self.n_in[state as usize]
    }

    /// How many entries there are in all states.
    pub(crate) fn n_entries(&self) -> usize {
        self.records.len() - self.free.len()
    }

    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> {
        (0..self.records.len() as u32).filter(|&slot| self.state(slot).is_some())
    }

    pub(crate) fn record(&self, slot: u32) -> &Record {
        &self.records[slot as usize]
    }

    pub(crate) fn record_mut(&mut self, slot: u32) -> &mut Record {
        &mut self.records[slot as usize]
    }

    pub(crate) fn state(&self, slot: u32) -> Option<EntryState> {
        self.records.get(slot as usize).and_then(|record| record.state)
    }

    pub(crate) fn set_state(&mut self, slot: u32, state: EntryState) {
        let record = &mut self.records[slot as usize];
        if let Some(before) = record.state.replace(state) {
            self.n_in[before as usize] -= 1;
        }
        self.n_in[state as usize] += 1;
    }

    pub(crate) fn deadline_ns(&self, slot: u32) -> i64 {
        self.deadlines_ns.get(slot as usize).copied().unwrap_or(NO_DEADLINE)
    }

    /// Whether a deadline was ever given.
    pub(crate) fn has_deadlines(&self) -> bool {
        !self.deadlines_ns.is_empty()
    }

    pub(crate) fn set_deadline(&mut self, slot: u32, deadline_ns: i64) {
        if self.deadline_ns(slot) == deadline_ns {
            return;
        }
        if self.deadlines_ns.len() < self.records.len() {
            self.deadlines_ns.resize(self.records.len(), NO_DEADLINE);
        }
        self.deadlines_ns[slot as usize] = deadline_ns;
    }

    /// The slots of the next `n` entries that are added.
    pub(crate) fn next_slots(&self, n: usize) -> impl Iterator<Item = u32> + use<> {
        let used_again: Vec<u32> = self.free.iter().rev().take(n).copied().collect();
        let first_new = self.records.len() as u32;
        let n_new = (n - used_again.len()) as u32;
        used_again.into_iter().chain(first_new..first_new + n_new)
    }

    /// Adds an entry in the slot that `next_slots` told.
    pub(crate) fn add(&mut self, record: Record) -> u32 {
        self.n_in[record.state.expect("an entry has a state") as usize] += 1;
        if let Some(slot) = self.free.pop() {
            self.records[slot as usize] = record;
            return slot;
        }
        self.records.push(record);
        self.records.len() as u32 - 1
    }

    pub(crate) fn reserve(&mut self, n: usize) {
        self.records.reserve(n.saturating_sub(self.free.len()));
    }

    /// Forgets an entry.
    pub(crate) fn forget(&mut self, slot: u32) {
        let state = self.records[slot as usize].state.take().expect("only entries are forgotten");
        self.n_in[state as usize] -= 1;
        self.free.push(slot);
        self.set_deadline(slot, NO_DEADLINE);
        if self.free.len() == self.records.len() {
            // Slots begin anew, so that the next batch is written front to back.
            self.records.clear();
            self.free.clear();
        }
    }

    /// Forgets every entry.
    pub(crate) fn clear(&mut self) {
        self.records.clear();
        self.deadlines_ns.clear();
        self.free.clear();
        self.n_in = [0; 4];
    }

    /// What an entry is ordered by.
    pub(crate) fn rank(&self, slot: u32) -> Rank {
        self.rank_of(self.record(slot), slot)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a rank is rounded as the priority is; arrivals stay in order"
    )]
    fn rank_of(&self, record: &Record, slot: u32) -> Rank {
        let priority = if self.ageing_per_ns == 0.0 {
            record.priority
        } else {
            let aged = record.priority.to_f64() - self.ageing_per_ns * record.arrived_ns as f64;
            Priority::from_f64(aged).expect("the rate is finite")
        };
        let deadline_rank = self.deadline_ns(slot).cast_unsigned() ^ (1 << 63);
        match self.order {
            OrderBy::Priority => (priority.rank(), deadline_rank),
            OrderBy::Deadline => (deadline_rank, priority.rank()),
        }
    }

    /// The place of an entry that waits; in the reverse order, the last one's place is the first.
    pub(crate) fn place<E: Entry>(&self, slot: u32, is_reverse: bool) -> E {
        let (rank, ticket) = (self.rank(slot), self.record(slot).ticket);
        if is_reverse { E::new((!rank.0, !rank.1), !ticket, slot) } else { E::new(rank, ticket, slot) }
    }

    /// Whether a place is still that of an entry that waits.
    pub(crate) fn is_live<E: Entry>(&self, place: E, is_reverse: bool) -> bool {
        let slot = place.slot();
        self.state(slot) == Some(EntryState::Waiting) && self.place::<E>(slot, is_reverse) == place
    }

    /// Has the records of these places brought from memory, all at once.
    pub(crate) fn touch<E: Entry>(&self, places: &[E]) {
        let tickets =
            places.iter().map(|place| self.records.get(place.slot() as usize).map_or(0, |r| r.ticket));
        std::hint::black_box(tickets.fold(0, |all, ticket| all ^ ticket));
    }

    /// Takes the entry whose place this is, if it still is.
    #[inline]
    pub(crate) fn take<E: Entry>(&mut self, place: E, now_ns: u64, waits: &mut Waits) -> Option<Taken> {
        let slot = place.slot();
        let record = self.records.get(slot as usize)?;
        if record.state != Some(EntryState::Waiting)
            || !place.is_of(self.rank_of(record, slot), record.ticket)
        {
            return None;
        }
        let taken = Taken { slot, label: record.label };
        waits.record(now_ns.saturating_sub(record.arrived_ns));
        if self.is_tracked {
            self.set_state(slot, EntryState::InWork);
        } else {
            self.forget(slot);
        }
        Some(taken)
    }
}
