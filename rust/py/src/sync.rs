//! The primitives that the pyo3-free concurrent parts are built on, behind one name.
//!
//! `baton.rs`, `team.rs`, `monitor.rs` and `meeting.rs` say `crate::sync::…` and nothing else, so that a model checker
//! compiles the same files against its own primitives (`tests/interleavings.rs`, `tests/meeting.rs`).

pub(crate) use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, TryLockError};
