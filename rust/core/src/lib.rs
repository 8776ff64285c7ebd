//! Graphs, planning and scheduling decisions of makespan.
//!
//! Everything here is a value or a function of values, and can be tested as such: the layers above bring the callables,
//! the threads and the time.
//!
//! In suggested reading order:
//!
//! - [`graph`]: the immutable dependency graph, its order, levels, ranks and critical path
//! - [`sched`]: the scheduler, events in and actions out, and when to wake another worker
//! - [`plan`]: in which order a graph is gone through, and when its nodes start under limited resources
//! - [`optimize`]: what may be rewritten, and which edges declared effects require
//! - [`predict`]: expected durations from earlier runs
//! - [`key`]: the canonical bytes of values, from which keys are made; [`cache`]: which entries a cache keeps
//! - [`queue`]: the indexed priority queue; [`Priority`]: what it orders by
//!
//! **Architecture invariant:** there is no Python object, clock, thread, file, log or environment variable in this crate;
//! nothing iterates over a map of unspecified order, and nothing recurses. The same input gives the same output, and ties
//! break by node id.

#![forbid(unsafe_code)]

pub mod cache;
pub mod graph;
pub mod key;
pub mod optimize;
pub mod plan;
pub mod predict;
mod priority;
pub mod queue;
pub mod sched;

pub use priority::Priority;
