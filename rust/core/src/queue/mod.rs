//! Priority queues.
//!
//! In reading order:
//!
//! - [`heap`]: an indexed heap over dense slots, for callers that keep their own states
//! - [`state`]: the states of a queue's entry
//! - `book`: what is known of each entry
//! - `lineup`: the order of what waits, for single entries and for batches
//! - [`tracked`]: the queue: states, delays, retries, deadlines, ageing, bounds, counts
//! - [`waits`]: how long entries waited

mod book;
pub mod heap;
mod lineup;
pub mod state;
pub mod tracked;
pub mod waits;

pub use self::heap::IndexedHeap;
pub use self::state::EntryState;
pub use self::tracked::{
    Counts, Exported, Gone, NewEntry, OrderBy, Queue, QueueFull, QueueOptions, Taken, WhenFull, WrongState,
};
pub use self::waits::Waits;
