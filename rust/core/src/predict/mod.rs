//! Expected durations from earlier runs.
//!
//! In suggested reading order:
//!
//! - [`expectation`](UNKNOWN_NS): one number per node of one workflow, what a strategy plans by
//! - `window`, `spread`, `line`: what is remembered of one step, bounded
//! - `estimator`: quantiles of the next duration of one step, blended and calibrated
//! - `work`: how much of a wall time counts where steps get in each other's way
//! - `score`: how good the predictions were
//! - [`Book`]: all steps by name, and what a step that is new falls back on
//!
//! Durations come and go as whole nanoseconds. Between, arithmetic is that of f64, which holds them exactly up to
//! 104 days; a step that always takes the same comes back exactly.

#![expect(clippy::cast_precision_loss, reason = "counts are small, and durations exact up to 104 days")]

mod book;
mod estimator;
mod expectation;
mod line;
mod score;
mod spread;
mod window;
mod work;

pub use book::{Book, KindState, Observation, Predicted, Source, States, StepState};
pub use expectation::{
    LEARN_COST_PER_NODE_NS, UNKNOWN_NS, filled_ns, is_worth_learning, is_worth_watching, updated_ns,
};
pub use score::Score;
