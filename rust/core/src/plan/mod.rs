//! In which order a graph is gone through.
//!
//! - [`mod@static_order`]: one order for all runs of a graph, from expected durations

pub mod static_order;

pub use self::static_order::{StaticOrder, static_order};
