//! Priority queues.
//!
//! In reading order:
//!
//! - [`state`]: the states of a queue's entry
//! - [`values`]: what a queue is made of, given, and answers
//! - [`tracked`]: the queue: states, delays, retries, deadlines, ageing, bounds, counts
//! - `book`: what is known of each entry
//! - `places`, `lineup`: the order of what waits, for single entries and for batches
//! - [`waits`]: how long entries waited

mod book;
mod lineup;
mod places;
pub mod state;
pub mod tracked;
pub mod values;
pub mod waits;

pub use self::state::EntryState;
pub use self::tracked::Queue;
pub use self::values::{
    Counts, Exported, Gone, NewEntry, OrderBy, QueueFull, QueueOptions, Taken, WhenFull, WrongState,
};
pub use self::waits::Waits;
