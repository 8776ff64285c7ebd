//! What may be rewritten without changing a result.
//!
//! - [`hazards`]: the edges that declared effects require
//! - [`prune`]: the nodes that somebody needs
//! - [`dedupe`]: equal calls
//! - [`combine`]: calls that one call of another step stands for
//! - [`cached`]: what the entries of a cache make unnecessary
//! - [`rewrite`]: what became of each node, and the numbers of those that are left

pub mod cached;
pub mod combine;
pub mod dedupe;
pub mod hazards;
pub mod prune;
pub mod rewrite;

pub use self::cached::{Answered, cut_off};
pub use self::combine::{Called, Combined, NOT_COMBINED, combined};
pub use self::dedupe::{Word, first_equals};
pub use self::hazards::{EffectId, Touch, hazard_edges};
pub use self::prune::needed;
pub use self::rewrite::{Fate, LeftOut, Passes, Rewrite};
