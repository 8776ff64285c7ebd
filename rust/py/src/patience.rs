//! How long a search may go on: until its time is up, or Ctrl-C.

use std::time::Duration;

use pyo3::prelude::*;

use crate::clock::clock;

/// How often a search looks for signals.
const SIGNAL_PERIOD: Duration = Duration::from_millis(50);

/// What a search asks before each schedule.
pub(crate) struct Patience {
    limit: Option<Duration>,
    begun: u64,
    looked: u64,
}

impl Patience {
    /// Counts from now on.
    pub(crate) fn new(limit_ns: Option<u64>) -> Self {
        let begun = clock().raw();
        Self { limit: limit_ns.map(Duration::from_nanos), begun, looked: begun }
    }

    /// Whether to go on. What a signal's handler raises ends the search as a time limit does: the best so far is the answer.
    pub(crate) fn lasts(&mut self) -> bool {
        let now = clock().raw();
        if self.limit.is_some_and(|limit| clock().delta(self.begun, now) >= limit) {
            return false;
        }
        if clock().delta(self.looked, now) > SIGNAL_PERIOD {
            self.looked = now;
            return Python::attach(|py| py.check_signals().is_ok());
        }
        true
    }
}
