//! The clock: the processor's time-stamp counter, calibrated once.
//!
//! A reading of the system's clock costs about as much as the call it would measure (25 ns here, the
//! counter 10), and the run loops take one reading per step. Where the counter is not invariant the
//! `quanta` crate falls back to the monotonic clock by itself.

use std::sync::OnceLock;

static CLOCK: OnceLock<quanta::Clock> = OnceLock::new();

/// Returns the process's clock; the first call calibrates it (about 0.6 ms).
pub(crate) fn clock() -> &'static quanta::Clock {
    CLOCK.get_or_init(quanta::Clock::new)
}
