//! The baton: who may decide what runs next, in one atomic word.
//!
//! A run begins *solo*: one worker goes through the static order and nobody else looks at the graph, so
//! no ready queue, no lock and no wake-up is paid for. The baton holds the position of the node that
//! worker is in. When a node lasts and others are ready, somebody else *takes* the baton: from then on
//! every decision is made by the scheduler behind the board's lock, until it turns out that there is nothing
//! to share and the baton is *given back*.
//!
//! The one race, a soloist that steps on while another takes over, is settled by a compare-and-swap on
//! that word: exactly one of them succeeds. A release on the soloist's side and an acquire on the
//! taker's make every result stored before position `p` visible to whoever took the baton at `p`.

use crate::sync::{AtomicU32, Ordering};

/// The word's value once the scheduler decides.
const TAKEN: u32 = u32::MAX;
/// The word's value once the soloist went through the whole order.
const DONE: u32 = u32::MAX - 1;

/// Where the soloist is, or who decides instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The soloist is in the node at this position; all earlier ones are finished.
    Solo(u32),
    /// The scheduler decides.
    Taken,
    /// The soloist finished or ended the run; there is nothing left to take.
    Done,
}

/// One atomic word that says who decides what runs next.
#[derive(Debug)]
pub(crate) struct Baton(AtomicU32);

impl Baton {
    /// Makes a baton whose soloist is about to enter position 0.
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Returns who decides now.
    pub(crate) fn phase(&self) -> Phase {
        match self.0.load(Ordering::Acquire) {
            TAKEN => Phase::Taken,
            DONE => Phase::Done,
            position => Phase::Solo(position),
        }
    }

    /// Steps from `position` to the next one; false when the baton was taken meanwhile.
    ///
    /// Only the soloist calls this.
    #[inline]
    pub(crate) fn step(&self, position: u32) -> bool {
        self.swap(position, position + 1)
    }

    /// Takes the baton while the soloist is at `position`; false when it has moved on.
    ///
    /// The caller holds the board's lock, so that whoever finds the baton taken waits there until the
    /// scheduler stands.
    pub(crate) fn take(&self, position: u32) -> bool {
        self.swap(position, TAKEN)
    }

    /// Ends the run from `position`; false when the baton was taken meanwhile.
    ///
    /// Only the soloist calls this.
    pub(crate) fn end(&self, position: u32) -> bool {
        self.swap(position, DONE)
    }

    /// Gives the baton back to a soloist that is about to enter `position`.
    ///
    /// Only whoever holds the board's lock, and with it the baton, calls this.
    pub(crate) fn give_back(&self, position: u32) {
        self.0.store(position, Ordering::Release);
    }

    #[inline]
    fn swap(&self, from: u32, to: u32) -> bool {
        self.0.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}
