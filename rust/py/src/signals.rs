//! Signals during detached work: Ctrl-C is noticed within a few hundredths of a second, whatever is computed.

use std::time::Duration;

use pyo3::prelude::*;

use crate::clock::clock;

/// How often signals are looked for.
pub(crate) const PERIOD: Duration = Duration::from_millis(50);

/// Looks for signals now and then, and keeps what a handler raised.
#[derive(Debug)]
pub(crate) struct SignalWatch {
    looked: u64,
    raised: Option<PyErr>,
}

impl SignalWatch {
    pub(crate) fn new() -> Self {
        Self { looked: clock().raw(), raised: None }
    }

    /// Whether no handler has raised; `now` is a reading of the clock. Handlers run when the last look is a period ago.
    pub(crate) fn is_quiet(&mut self, now: u64) -> bool {
        if clock().delta(self.looked, now) > PERIOD {
            self.looked = now;
            self.raised = self.raised.take().or_else(|| Python::attach(|py| py.check_signals().err()));
        }
        self.raised.is_none()
    }

    /// Raises what a handler raised.
    pub(crate) fn end(self) -> PyResult<()> {
        self.raised.map_or(Ok(()), Err)
    }
}
