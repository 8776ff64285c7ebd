//! The states of an entry.
//!
//! | state   | taken                          | done | failed                              | due     | revived | removed |
//! |---------|--------------------------------|------|-------------------------------------|---------|---------|---------|
//! | waiting | in work; gone if not tracked   |      |                                     |         |         | gone    |
//! | delayed |                                |      |                                     | waiting |         | gone    |
//! | in work |                                | gone | delayed; dead after the last retry  |         |         |         |
//! | dead    |                                |      |                                     |         | waiting | gone    |
//!
//! A blank is refused. A push makes an entry that is waiting, or delayed. In a queue that drops the lowest, one that is
//! waiting may also be gone for another one's sake.

/// Where an entry of a queue is.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
#[repr(u8)]
pub enum EntryState {
    /// May be taken.
    Waiting,
    /// May be taken later.
    Delayed,
    /// Taken, and neither done nor failed.
    InWork,
    /// Failed more often than it is retried.
    Dead,
}

impl EntryState {
    /// Every state, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Delayed, Self::InWork, Self::Dead];

    /// The state as words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delayed => "delayed",
            Self::InWork => "in work",
            Self::Dead => "dead",
        }
    }
}
