//! The order of what waits, in places as wide as they have to be.

use super::book::Book;
use super::lineup::{Entry, Lineup, Narrow, Wide};
use super::state::EntryState;
use super::values::Taken;
use super::waits::Waits;

/// Stale places are forgotten when they are more than the live ones and this many.
pub(crate) const N_STALE_MIN: usize = 64;

/// The order of what waits; places are narrow until the first deadline.
#[derive(Clone, Debug)]
pub(crate) enum Places {
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
    pub(crate) const fn new(is_wide: bool) -> Self {
        if is_wide { Self::Wide(Lineup::new()) } else { Self::Narrow(Lineup::new()) }
    }

    pub(crate) const fn is_wide(&self) -> bool {
        matches!(self, Self::Wide(_))
    }

    pub(crate) fn add(&mut self, book: &Book, slots: impl Iterator<Item = u32>, is_reverse: bool) {
        with_lineup!(self, lineup => lineup.extend(slots.map(|slot| book.place(slot, is_reverse)).collect()));
    }

    pub(crate) fn add_one(&mut self, book: &Book, slot: u32, is_reverse: bool) {
        with_lineup!(self, lineup => lineup.push(book.place(slot, is_reverse)));
    }

    pub(crate) fn first(&mut self, book: &Book, is_reverse: bool) -> Option<u32> {
        with_lineup!(self, lineup => lineup.first(|place| book.is_live(place, is_reverse)).map(Entry::slot))
    }

    /// How many places there are, stale ones included.
    pub(crate) fn len(&self) -> usize {
        with_lineup!(self, lineup => lineup.len())
    }

    /// Takes out the first `n` entries that wait, or all.
    pub(crate) fn pop_many(
        &mut self,
        book: &mut Book,
        waits: &mut Waits,
        now_ns: u64,
        n: usize,
        mut visit: impl FnMut(Taken),
    ) {
        with_lineup!(self, lineup => lineup.pop_many(n, book, Book::touch, |book, place| {
            book.take(place, now_ns, waits).map(&mut visit).is_some()
        }));
    }

    /// Forgets stale places where they are too many.
    pub(crate) fn tidy(&mut self, book: &Book, is_reverse: bool) {
        with_lineup!(self, lineup => {
            if lineup.len() > 2 * book.n_in(EntryState::Waiting) + N_STALE_MIN {
                lineup.retain(|place| book.is_live(place, is_reverse));
            }
        });
    }
}
