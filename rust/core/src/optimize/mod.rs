//! What may be rewritten without changing a result.
//!
//! - [`hazards`]: the edges that declared effects require

pub mod hazards;

pub use self::hazards::{EffectId, Touch, hazard_edges};
