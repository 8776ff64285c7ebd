//! Plans under more than constant capacities: when nodes may start and must have finished, in which mode they run,
//! how much there is of a resource at which time, and what a good plan is.
//!
//! - [`Terms`], [`Modes`], [`Supply`]: what is asked for
//! - [`Constrained`]: the same, checked; what is known before any schedule is generated
//! - [`plan_constrained`]: the search, and what is known about its result
//!
//! `calendar` keeps what is free over time, `generate` makes a list of nodes with their modes into a schedule and
//! justifies it, `search` finds better ones, `bound` says what none can undercut.
//!
//! All objectives are *regular*: no node helps by finishing later. So for each of them some list of nodes, with some
//! modes, leads to an optimal schedule by serial generation, under all terms that are known here.

mod bound;
mod calendar;
mod check;
mod generate;
mod planner;
mod search;
mod terms;

pub use self::check::Constrained;
pub use self::planner::{ConstrainedPlan, Hint, plan_constrained};
pub use self::terms::{Modes, NEVER_NS, Objective, Supply, Terms};
