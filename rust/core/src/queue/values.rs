//! What a queue is made of, given, and answers.

use super::state::EntryState;
use crate::Priority;

/// The deadline of what has none.
pub(crate) const NO_DEADLINE: i64 = i64::MAX;

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
