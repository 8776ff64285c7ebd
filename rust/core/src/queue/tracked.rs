//! The queue: what becomes of entries, decided from values.

use std::collections::{BTreeMap, BTreeSet};

use super::book::{Book, NO_DEADLINE, Record};
use super::lineup::{Entry, Lineup, Narrow, Wide};
use super::state::EntryState;
use super::waits::Waits;
use crate::Priority;

/// What entries are ordered by first.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum OrderBy {
    /// The largest priority, among equals the earliest deadline.
    Priority,
    /// The earliest deadline, among equals the largest priority.
    Deadline,
}

/// What becomes of an entry that a full queue is given.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum WhenFull {
    /// It is refused.
    Refuse,
    /// It is taken in, and what would be taken last of all that wait is dropped.
    DropLowest,
}

/// How a queue behaves.
#[derive(Clone, Debug)]
pub struct QueueOptions {
    /// What entries are ordered by first.
    pub order: OrderBy,
    /// Priority gained per second of waiting; finite, not negative.
    pub ageing_per_s: f64,
    /// Whether an entry that is taken is remembered until it is done or failed.
    pub is_tracked: bool,
    /// How often an entry that failed comes back.
    pub n_retries: u16,
    /// After how long it comes back the first time; doubled each time.
    pub retry_delay_ns: u64,
    /// After how long it comes back at most.
    pub retry_delay_ns_max: u64,
    /// How many entries may be waiting or delayed.
    pub size_max: Option<usize>,
    /// What becomes of an entry beyond that.
    pub when_full: WhenFull,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self {
            order: OrderBy::Priority,
            ageing_per_s: 0.0,
            is_tracked: true,
            n_retries: 0,
            retry_delay_ns: 1_000_000_000,
            retry_delay_ns_max: 60_000_000_000,
            size_max: None,
            when_full: WhenFull::Refuse,
        }
    }
}

/// What is put into a queue.
#[derive(Copy, Clone, Debug)]
pub struct NewEntry {
    /// The caller's name for it, returned when it is taken.
    pub label: i64,
    /// Larger goes first.
    pub priority: Priority,
    /// By when it should be taken; `i64::MAX` for no deadline.
    pub deadline_ns: i64,
    /// How long it may not be taken.
    pub delay_ns: u64,
}

impl NewEntry {
    /// An entry without deadline and delay.
    #[must_use]
    pub const fn new(label: i64, priority: Priority) -> Self {
        Self { label, priority, deadline_ns: NO_DEADLINE, delay_ns: 0 }
    }
}

/// An entry that was taken out of the order. Where entries are not tracked, its slot is free again.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Taken {
    /// Where its record is, or was.
    pub slot: u32,
    /// The caller's name for it.
    pub label: i64,
}

/// An entry that the queue has forgotten: its slot is free again.
pub type Gone = Taken;

/// The queue has no room; it is unchanged.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct QueueFull {
    /// How many entries it may hold.
    pub size_max: usize,
    /// How many were refused.
    pub n_refused: usize,
}

/// This cannot happen to an entry in its state; the queue is unchanged.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct WrongState {
    /// The state; none if there is no such entry.
    pub state: Option<EntryState>,
}

/// What happened to entries since the queue was made.
#[derive(Copy, Clone, Default, Eq, PartialEq, Debug)]
pub struct Counts {
    /// Ended well.
    pub n_done: u64,
    /// Failures, those that were retried included.
    pub n_failed: u64,
    /// Dropped to make room.
    pub n_dropped: u64,
}

/// An entry as it is written down.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct Exported {
    /// The caller's name for it.
    pub label: i64,
    /// Where it is.
    pub state: EntryState,
    /// Larger goes first.
    pub priority: Priority,
    /// `i64::MAX` for no deadline.
    pub deadline_ns: i64,
    /// When it could first be taken, or will be.
    pub arrived_ns: u64,
    /// How often it failed.
    pub n_attempts: u16,
    /// Why it is dead, if somebody said so.
    pub reason: Option<Box<str>>,
}

/// Stale places are forgotten when they are more than the live ones and this many.
const N_STALE_MIN: usize = 64;

/// How many entries a queue can hold in all states.
const N_ENTRIES_MAX: usize = u32::MAX as usize - 1;

/// The order of what waits; places are narrow until the first deadline.
#[derive(Clone, Debug)]
enum Places {
    Narrow(Lineup<Narrow>),
    Wide(Lineup<Wide>),
}

/// The same lines for places of either width.
macro_rules! with_lineup {
    ($places:expr, $lineup:ident => $body:expr) => {
        match $places {
            Places::Narrow($lineup) => $body,
            Places::Wide($lineup) => $body,
        }
    };
}

impl Places {
    const fn new(is_wide: bool) -> Self {
        if is_wide { Self::Wide(Lineup::new()) } else { Self::Narrow(Lineup::new()) }
    }

    const fn is_wide(&self) -> bool {
        matches!(self, Self::Wide(_))
    }

    fn add(&mut self, book: &Book, slots: impl Iterator<Item = u32>, is_reverse: bool) {
        with_lineup!(self, lineup => lineup.extend(slots.map(|slot| book.place(slot, is_reverse)).collect()));
    }

    fn add_one(&mut self, book: &Book, slot: u32, is_reverse: bool) {
        with_lineup!(self, lineup => lineup.push(book.place(slot, is_reverse)));
    }

    fn first(&mut self, book: &Book, is_reverse: bool) -> Option<u32> {
        with_lineup!(self, lineup => lineup.first(|place| book.is_live(place, is_reverse)).map(Entry::slot))
    }

    fn tidy(&mut self, book: &Book, is_reverse: bool) {
        with_lineup!(self, lineup => {
            if lineup.len() > 2 * book.n_in(EntryState::Waiting) + N_STALE_MIN {
                lineup.retain(|place| book.is_live(place, is_reverse));
            }
        });
    }
}

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
    pub fn pop_many(&mut self, now_ns: u64, n: usize, mut visit: impl FnMut(Taken)) {
        self.advance(now_ns);
        let Self { book, waiting, waits, .. } = self;
        with_lineup!(waiting, lineup => lineup.pop_many(n, book, Book::touch, |book, place| {
            book.take(place, now_ns, waits).map(&mut visit).is_some()
        }));
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
            assert!(with_lineup!(places, lineup => lineup.len()) >= self.n_in(EntryState::Waiting));
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
            self.waiting = Places::new(true);
            self.lowest = self.lowest.is_some().then(|| Places::new(true));
            self.line_up_all();
        }
    }

    fn line_up_all(&mut self) {
        let slots: Vec<u32> = self.slots_in(EntryState::Waiting).collect();
        self.line_up(&slots);
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
        let is_wide = self.waiting.is_wide();
        self.waiting = Places::new(is_wide);
        self.lowest = self.lowest.is_some().then(|| Places::new(is_wide));
        self.line_up_all();
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
