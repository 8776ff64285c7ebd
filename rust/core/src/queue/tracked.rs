//! The queue: what becomes of entries, decided from values.

use std::collections::{BTreeMap, BTreeSet};

use super::book::{Book, Record};
use super::lineup::{Entry, Wide};
use super::places::Places;
use super::state::EntryState;
use super::values::{
    Counts, Exported, Gone, NewEntry, OrderBy, QueueFull, QueueOptions, Taken, WhenFull, WrongState,
};
use super::waits::Waits;
use crate::Priority;

/// In all states.
const N_ENTRIES_MAX: usize = u32::MAX as usize - 1;

/// A queue that knows what becomes of its entries: waiting, delayed, in work, dead.
///
/// Time is the caller's: nanoseconds that never fall. Entries are addressed by slot; keys are the caller's business, who
/// gives each entry a label that comes back with it.
///
/// # Complexity
///
/// O(log n) to push and pop, amortized; a batch of m costs one sort of m and then O(1) per entry where it is popped in
/// batches. `update` and `remove` leave a stale place behind and cost O(log n), amortized.
///
/// # Examples
///
/// ```
/// use makespan_core::Priority;
/// use makespan_core::queue::{NewEntry, Queue, QueueOptions};
///
/// let mut queue = Queue::new(QueueOptions { n_retries: 1, ..QueueOptions::default() });
/// queue.push(0, NewEntry::new(7, Priority::ZERO)).unwrap();
/// queue.push(0, NewEntry::new(8, Priority::from_f64(1.0).unwrap())).unwrap();
/// let taken = queue.pop(5).unwrap();
/// assert_eq!(taken.label, 8);
/// assert_eq!(queue.fail(9, taken.slot, None), Ok(Some(1_000_000_009)));
/// assert_eq!(queue.pop(10).unwrap().label, 7);
/// assert_eq!(queue.pop(11), None);
/// assert_eq!(queue.pop(1_000_000_009).unwrap().label, 8);
/// ```
#[derive(Clone, Debug)]
pub struct Queue {
    options: QueueOptions,
    book: Book,
    waiting: Places,
    /// The reverse order, kept where the lowest is dropped.
    lowest: Option<Places>,
    /// Due time, ticket, slot.
    delayed: BTreeSet<(u64, u32, u32)>,
    /// By ticket: the slot, and the reason where there is one.
    dead: BTreeMap<u32, (u32, Option<Box<str>>)>,
    next_ticket: u32,
    counts: Counts,
    waits: Waits,
}

impl Queue {
    /// An empty queue.
    #[must_use]
    pub fn new(options: QueueOptions) -> Self {
        let is_wide = options.order == OrderBy::Deadline;
        let drops = options.size_max.is_some() && options.when_full == WhenFull::DropLowest;
        Self {
            book: Book::new(&options),
            waiting: Places::new(is_wide),
            lowest: drops.then(|| Places::new(is_wide)),
            delayed: BTreeSet::new(),
            dead: BTreeMap::new(),
            next_ticket: 0,
            counts: Counts::default(),
            waits: Waits::new(),
            options,
        }
    }

    /// A queue with the entries that another one exported, in their order; what was in work waits again.
    #[must_use]
    pub fn restored(options: QueueOptions, counts: Counts, entries: impl Iterator<Item = Exported>) -> Self {
        let mut queue = Self::new(options);
        queue.counts = counts;
        let mut waiting = Vec::new();
        for entry in entries {
            let state = match entry.state {
                EntryState::Waiting | EntryState::InWork => EntryState::Waiting,
                EntryState::Delayed | EntryState::Dead => entry.state,
            };
            let ticket = queue.ticket();
            let slot = queue.book.add(Record {
                priority: entry.priority,
                arrived_ns: entry.arrived_ns,
                label: entry.label,
                ticket,
                n_attempts: entry.n_attempts,
                state: Some(state),
            });
            queue.book.set_deadline(slot, entry.deadline_ns);
            match state {
                EntryState::Delayed => {
                    queue.delayed.insert((entry.arrived_ns, ticket, slot));
                }
                EntryState::Dead => {
                    queue.dead.insert(ticket, (slot, entry.reason));
                }
                EntryState::Waiting | EntryState::InWork => waiting.push(slot),
            }
        }
        queue.widen();
        queue.line_up(&waiting);
        queue
    }

    /// How this queue behaves.
    #[must_use]
    pub const fn options(&self) -> &QueueOptions {
        &self.options
    }

    /// How many entries are in a state. What is due by now counts as waiting only after [`Self::advance`].
    #[must_use]
    pub const fn n_in(&self, state: EntryState) -> usize {
        self.book.n_in(state)
    }

    /// What happened so far.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// How long entries waited until they were taken.
    #[must_use]
    pub const fn waits(&self) -> &Waits {
        &self.waits
    }

    /// The state of the entry in a slot; none if the slot is free.
    #[must_use]
    pub fn state(&self, slot: u32) -> Option<EntryState> {
        self.book.state(slot)
    }

    /// How many entries may still be put in before the queue is full.
    #[must_use]
    pub fn n_free(&self) -> usize {
        let n_slots = N_ENTRIES_MAX - self.book.n_entries();
        self.options.size_max.map_or(n_slots, |size_max| n_slots.min(size_max.saturating_sub(self.size())))
    }

    /// When the first delayed entry is due.
    #[must_use]
    pub fn next_due_ns(&self) -> Option<u64> {
        self.delayed.first().map(|&(due_ns, ..)| due_ns)
    }

    /// Since when the entry waits that has waited longest. O(n).
    #[must_use]
    pub fn oldest_ns(&self) -> Option<u64> {
        self.slots_in(EntryState::Waiting).map(|slot| self.book.record(slot).arrived_ns).min()
    }

    /// Lets what is due wait.
    pub fn advance(&mut self, now_ns: u64) {
        while let Some(&(due_ns, _, slot)) = self.delayed.first()
            && due_ns <= now_ns
        {
            self.delayed.pop_first();
            self.arrive(due_ns, slot);
        }
    }

    /// The slots of the next `n` entries that are pushed.
    pub fn next_slots(&self, n: usize) -> impl Iterator<Item = u32> + use<> {
        self.book.next_slots(n)
    }

    /// Puts an entry in; returns its slot, and what was dropped to make room, which may be the new entry itself.
    ///
    /// # Errors
    ///
    /// [`QueueFull`], unless the lowest is dropped.
    pub fn push(&mut self, now_ns: u64, entry: NewEntry) -> Result<(u32, Option<Gone>), QueueFull> {
        self.make_room(1)?;
        let slot = self.add(now_ns, entry);
        if entry.delay_ns == 0 {
            self.widen();
            self.line_up_one(slot);
        }
        Ok((slot, self.drop_lowest(slot)))
    }

    /// Puts entries in, which arrive in this order; all of them or, where there is no room, none.
    ///
    /// Returns what was dropped to make room.
    ///
    /// # Errors
    ///
    /// [`QueueFull`], unless the lowest are dropped.
    pub fn push_many(
        &mut self,
        now_ns: u64,
        entries: impl ExactSizeIterator<Item = NewEntry>,
    ) -> Result<Vec<Gone>, QueueFull> {
        let n = entries.len();
        self.make_room(n)?;
        self.book.reserve(n);
        let mut slots = Vec::with_capacity(n);
        for entry in entries {
            let slot = self.add(now_ns, entry);
            if entry.delay_ns == 0 {
                slots.push(slot);
            }
        }
        self.widen();
        self.line_up(&slots);
        Ok(slots.iter().rev().map_while(|&newest| self.drop_lowest(newest)).collect())
    }

    /// Takes the first entry that waits.
    pub fn pop(&mut self, now_ns: u64) -> Option<Taken> {
        let mut first = None;
        self.pop_many(now_ns, 1, |taken| first = Some(taken));
        first
    }

    /// Takes the first `n` entries that wait, or all; `visit` gets them in order.
    pub fn pop_many(&mut self, now_ns: u64, n: usize, visit: impl FnMut(Taken)) {
        self.advance(now_ns);
        let Self { book, waiting, waits, .. } = self;
        waiting.pop_many(book, waits, now_ns, n, visit);
    }

    /// The entry that would be taken next.
    pub fn peek(&mut self, now_ns: u64) -> Option<Taken> {
        self.advance(now_ns);
        let slot = self.waiting.first(&self.book, false)?;
        Some(Taken { slot, label: self.book.record(slot).label })
    }

    /// An entry in work has ended well, and is forgotten.
    ///
    /// # Errors
    ///
    /// [`WrongState`] if it is not in work.
    pub fn finish(&mut self, slot: u32) -> Result<Gone, WrongState> {
        self.expect(slot, &[EntryState::InWork])?;
        self.counts.n_done += 1;
        Ok(self.forget(slot))
    }

    /// An entry in work has failed: it comes back after a delay, or is dead. Returns when it comes back.
    ///
    /// # Errors
    ///
    /// [`WrongState`] if it is not in work.
    pub fn fail(
        &mut self,
        now_ns: u64,
        slot: u32,
        reason: Option<Box<str>>,
    ) -> Result<Option<u64>, WrongState> {
        self.expect(slot, &[EntryState::InWork])?;
        self.counts.n_failed += 1;
        let n_attempts = self.book.record(slot).n_attempts.saturating_add(1);
        self.book.record_mut(slot).n_attempts = n_attempts;
        let ticket = self.ticket();
        self.book.record_mut(slot).ticket = ticket;
        if n_attempts > self.options.n_retries {
            self.book.record_mut(slot).arrived_ns = now_ns;
            self.book.set_state(slot, EntryState::Dead);
            self.dead.insert(ticket, (slot, reason));
            return Ok(None);
        }
        let n_doublings = u32::from(n_attempts - 1).min(63);
        let delay_ns = self.options.retry_delay_ns.saturating_mul(1 << n_doublings);
        let due_ns = now_ns.saturating_add(delay_ns.min(self.options.retry_delay_ns_max));
        self.book.record_mut(slot).arrived_ns = due_ns;
        self.book.set_state(slot, EntryState::Delayed);
        self.delayed.insert((due_ns, ticket, slot));
        self.advance(now_ns);
        Ok(Some(due_ns))
    }

    /// A dead entry waits again, as if it had never failed.
    ///
    /// # Errors
    ///
    /// [`WrongState`] if it is not dead.
    pub fn revive(&mut self, now_ns: u64, slot: u32) -> Result<(), WrongState> {
        self.expect(slot, &[EntryState::Dead])?;
        self.dead.remove(&self.book.record(slot).ticket);
        self.book.record_mut(slot).n_attempts = 0;
        self.arrive(now_ns, slot);
        Ok(())
    }

    /// Changes the priority of an entry that is waiting or delayed; its arrival stays.
    ///
    /// # Errors
    ///
    /// [`WrongState`] if it is neither.
    pub fn update(&mut self, slot: u32, priority: Priority) -> Result<(), WrongState> {
        let state = self.expect(slot, &[EntryState::Waiting, EntryState::Delayed])?;
        if self.book.record(slot).priority != priority {
            self.book.record_mut(slot).priority = priority;
            if state == EntryState::Waiting {
                self.line_up_one(slot);
            }
        }
        Ok(())
    }

    /// Forgets an entry that is not in work.
    ///
    /// # Errors
    ///
    /// [`WrongState`] if it is in work, or there is none.
    pub fn remove(&mut self, slot: u32) -> Result<Gone, WrongState> {
        let state = self.expect(slot, &[EntryState::Waiting, EntryState::Delayed, EntryState::Dead])?;
        let record = *self.book.record(slot);
        match state {
            EntryState::Delayed => {
                self.delayed.remove(&(record.arrived_ns, record.ticket, slot));
            }
            EntryState::Dead => {
                self.dead.remove(&record.ticket);
            }
            EntryState::Waiting | EntryState::InWork => {}
        }
        let gone = self.forget(slot);
        self.tidy();
        Ok(gone)
    }

    /// Forgets every entry, in whatever state.
    pub fn clear(&mut self) {
        self.book.clear();
        self.delayed.clear();
        self.dead.clear();
        self.waiting = Places::new(self.waiting.is_wide());
        if let Some(lowest) = &mut self.lowest {
            *lowest = Places::new(self.waiting.is_wide());
        }
    }

    /// The slots of what waits, in order. O(n log n).
    #[must_use]
    pub fn waiting(&self) -> Vec<u32> {
        let mut places: Vec<Wide> =
            self.slots_in(EntryState::Waiting).map(|slot| self.book.place(slot, false)).collect();
        places.sort_unstable();
        places.into_iter().map(Entry::slot).collect()
    }

    /// The slots of what is dead, the first to die first.
    pub fn dead(&self) -> impl Iterator<Item = u32> {
        self.dead.values().map(|&(slot, _)| slot)
    }

    /// The slots in a state, in no meaningful order. O(slots).
    pub fn slots_in(&self, state: EntryState) -> impl Iterator<Item = u32> {
        self.book.slots().filter(move |&slot| self.book.state(slot) == Some(state))
    }

    /// The slots of all entries, in the order in which they arrived or will be due.
    #[must_use]
    pub fn slots(&self) -> Vec<u32> {
        let mut slots: Vec<u32> = self.book.slots().collect();
        slots.sort_unstable_by_key(|&slot| self.book.record(slot).ticket);
        slots
    }

    /// An entry as it is written down.
    ///
    /// # Panics
    ///
    /// When there is no entry in this slot.
    #[must_use]
    pub fn export(&self, slot: u32) -> Exported {
        let record = self.book.record(slot);
        let state = record.state.expect("an entry is in this slot");
        Exported {
            label: record.label,
            state,
            priority: record.priority,
            deadline_ns: self.book.deadline_ns(slot),
            arrived_ns: record.arrived_ns,
            n_attempts: record.n_attempts,
            reason: match state {
                EntryState::Dead => self.dead[&record.ticket].1.clone(),
                EntryState::Waiting | EntryState::Delayed | EntryState::InWork => None,
            },
        }
    }

    /// The invariants, recounted; for tests.
    ///
    /// # Panics
    ///
    /// When one is broken.
    pub fn validate(&self) {
        for state in EntryState::ALL {
            assert_eq!(self.slots_in(state).count(), self.n_in(state), "counts of {}", state.as_str());
        }
        assert_eq!(self.delayed.len(), self.n_in(EntryState::Delayed));
        assert_eq!(self.dead.len(), self.n_in(EntryState::Dead));
        for places in [Some(&self.waiting), self.lowest.as_ref()].into_iter().flatten() {
            assert!(places.len() >= self.n_in(EntryState::Waiting));
        }
    }

    fn size(&self) -> usize {
        self.n_in(EntryState::Waiting) + self.n_in(EntryState::Delayed)
    }

    fn make_room(&mut self, n: usize) -> Result<(), QueueFull> {
        let n_slots = N_ENTRIES_MAX - self.book.n_entries();
        if n > n_slots {
            return Err(QueueFull { size_max: N_ENTRIES_MAX, n_refused: n });
        }
        match (self.options.size_max, self.options.when_full) {
            (Some(size_max), WhenFull::Refuse) if n > size_max.saturating_sub(self.size()) => {
                Err(QueueFull { size_max, n_refused: n })
            }
            _ => {
                if n > (u32::MAX - self.next_ticket) as usize {
                    self.renumber();
                }
                Ok(())
            }
        }
    }

    /// Drops one entry if there are too many: the last of what waits, or where nothing waits the newest. Each new entry
    /// drops one at most, also where failures have come back to a full queue.
    fn drop_lowest(&mut self, newest: u32) -> Option<Gone> {
        let size_max = self.options.size_max?;
        let lowest = self.lowest.as_mut()?;
        if self.book.n_in(EntryState::Waiting) + self.book.n_in(EntryState::Delayed) <= size_max {
            return None;
        }
        let is_there = self.book.state(newest).is_some();
        let slot = lowest.first(&self.book, true).or(is_there.then_some(newest))?;
        self.counts.n_dropped += 1;
        Some(self.remove(slot).expect("what waits or is delayed can be removed"))
    }

    fn add(&mut self, now_ns: u64, entry: NewEntry) -> u32 {
        let ticket = self.ticket();
        let is_delayed = entry.delay_ns > 0;
        let arrived_ns = now_ns.saturating_add(entry.delay_ns);
        let slot = self.book.add(Record {
            priority: entry.priority,
            arrived_ns,
            label: entry.label,
            ticket,
            n_attempts: 0,
            state: Some(if is_delayed { EntryState::Delayed } else { EntryState::Waiting }),
        });
        self.book.set_deadline(slot, entry.deadline_ns);
        if is_delayed {
            self.delayed.insert((arrived_ns, ticket, slot));
        }
        slot
    }

    /// Lets an entry wait, behind its equals.
    fn arrive(&mut self, now_ns: u64, slot: u32) {
        let ticket = self.ticket();
        let record = self.book.record_mut(slot);
        record.ticket = ticket;
        record.arrived_ns = now_ns;
        self.book.set_state(slot, EntryState::Waiting);
        self.widen();
        self.line_up_one(slot);
    }

    fn line_up_one(&mut self, slot: u32) {
        self.waiting.add_one(&self.book, slot, false);
        if let Some(lowest) = &mut self.lowest {
            lowest.add_one(&self.book, slot, true);
        }
        self.tidy();
    }

    fn line_up(&mut self, slots: &[u32]) {
        self.waiting.add(&self.book, slots.iter().copied(), false);
        if let Some(lowest) = &mut self.lowest {
            lowest.add(&self.book, slots.iter().copied(), true);
        }
        self.tidy();
    }

    fn tidy(&mut self) {
        self.waiting.tidy(&self.book, false);
        if let Some(lowest) = &mut self.lowest {
            lowest.tidy(&self.book, true);
        }
    }

    /// Makes places wide once there are deadlines.
    fn widen(&mut self) {
        if self.book.has_deadlines() && !self.waiting.is_wide() {
            self.line_up_anew(true);
        }
    }

    fn line_up_anew(&mut self, is_wide: bool) {
        self.waiting = Places::new(is_wide);
        self.lowest = self.lowest.is_some().then(|| Places::new(is_wide));
        self.line_up(&self.slots_in(EntryState::Waiting).collect::<Vec<_>>());
    }

    fn ticket(&mut self) -> u32 {
        if self.next_ticket == u32::MAX {
            self.renumber();
        }
        self.next_ticket += 1;
        self.next_ticket - 1
    }

    /// Gives all entries the smallest tickets in the same order. O(n log n), once in four billion tickets.
    fn renumber(&mut self) {
        let slots = self.slots();
        let mut dead = BTreeMap::new();
        self.delayed.clear();
        for (ticket, &slot) in (0_u32..).zip(&slots) {
            let record = self.book.record_mut(slot);
            let before = std::mem::replace(&mut record.ticket, ticket);
            match record.state.expect("these are entries") {
                EntryState::Delayed => {
                    self.delayed.insert((record.arrived_ns, ticket, slot));
                }
                EntryState::Dead => {
                    dead.extend(self.dead.remove(&before).map(|entry| (ticket, entry)));
                }
                EntryState::Waiting | EntryState::InWork => {}
            }
        }
        self.dead = dead;
        self.next_ticket = slots.len() as u32;
        self.line_up_anew(self.waiting.is_wide());
    }

    fn expect(&self, slot: u32, allowed: &[EntryState]) -> Result<EntryState, WrongState> {
        match self.book.state(slot) {
            Some(state) if allowed.contains(&state) => Ok(state),
            state => Err(WrongState { state }),
        }
    }

    fn forget(&mut self, slot: u32) -> Gone {
        let gone = Gone { slot, label: self.book.record(slot).label };
        self.book.forget(slot);
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::super::places::N_STALE_MIN;
    use super::*;

    #[test]
    fn test_order_outlives_the_tickets() {
        let mut queue =
            Queue::new(QueueOptions { retry_delay_ns: 5, n_retries: 1, ..QueueOptions::default() });
        queue.next_ticket = u32::MAX - 5;
        for label in 0..4 {
            queue.push(0, NewEntry::new(label, Priority::ZERO)).unwrap();
        }
        let (failed, dead) = (queue.pop(0).unwrap(), queue.pop(0).unwrap());
        queue.fail(0, failed.slot, None).unwrap();
        queue.fail(0, dead.slot, None).unwrap();
        queue.advance(5);
        let again = queue.pop(5).unwrap();
        assert_eq!(again.label, 2);
        queue.push_many(5, (4..9_i32).map(|label| NewEntry::new(i64::from(label), Priority::ZERO))).unwrap();
        queue.validate();
        assert!(queue.next_ticket < 100);
        let mut labels = Vec::new();
        queue.pop_many(5, 100, |taken| labels.push(taken.label));
        assert_eq!(labels, [3, 0, 1, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn test_updates_back_and_forth_leave_nothing_behind() {
        let mut queue = Queue::new(QueueOptions::default());
        let (slot, _) = queue.push(0, NewEntry::new(1, Priority::ZERO)).unwrap();
        for step in 0..10_000 {
            queue.update(slot, Priority::from_f64(f64::from(step % 2)).unwrap()).unwrap();
            let n_places = queue.waiting.len();
            assert!(n_places <= N_STALE_MIN + 3);
        }
        assert_eq!(queue.pop(0).map(|taken| taken.label), Some(1));
        assert_eq!(queue.pop(0), None);
    }
}
