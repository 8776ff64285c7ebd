//! Schedulers: what may start now, decided from what has happened.
//!
//! - [`state`]: the states of a node and the one table of transitions
//! - [`run`]: the scheduler of a run, in plan order, with the release of results
//! - [`list`]: the scheduler of a growing graph, by priority, under resources
//! - [`simulate`](mod@simulate): whole schedules with a fake clock
//! - [`pools`]: amounts of named resources, granted all at once or not at all
//! - [`grants`]: who holds what of these pools, and who waits for what
//! - [`gather`]: calls of one step that runs at the same time put together
//! - [`ReadySet`]: the set that yields its smallest member
//! - [`wake`]: when to wake another worker; [`way`]: whether helpers may join a run at all;
//!   [`grain`]: whether there are nodes in it at all

pub mod gather;
pub mod grain;
pub mod grants;
pub mod list;
pub mod pools;
pub mod ready_set;
pub mod run;
pub mod simulate;
pub mod state;
pub mod wake;
pub mod way;

pub use self::grants::Grants;
pub use self::pools::Pools;
pub use self::ready_set::ReadySet;
pub use self::run::{
    Action, Candidates, Event, FailurePolicy, Inputs, RunScheduler, SchedulerError, SchedulerOptions,
};
pub use self::state::NodeState;
