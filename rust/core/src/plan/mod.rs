//! In which order a graph is gone through, and when its nodes start under limited resources.
//!
//! - [`mod@static_order`]: one order for all runs of a graph, from expected durations
//! - [`run_order()`]: the same under resources, planned where that can pay
//! - [`checks_first()`]: what may fail goes before what would be in vain
//! - [`Problem`]: a graph, durations, demands and capacities; what is wrong with a schedule
//! - [`plan()`]: the method by size, the first schedule, the search, and what is known about the result
//! - [`list_schedule`]: parallel schedule generation, for graphs of any size
//! - [`lower_bound`]: what no schedule can undercut
//! - [`constrained`]: releases, deadlines, due dates, fixed starts, modes, capacities that change, other objectives
//! - [`critical_chain()`]: what makes a schedule as long as it is
//! - [`low_memory_order`], [`low_memory_schedule`]: orders and starts that keep few bytes alive
//! - [`simulate_runs`]: what becomes of a plan when durations are not known exactly ([`DurationQuantiles`])
//! - [`plan_on_workers`]: workers of different speed, and results that take time to travel ([`WorkerProblem`])
//!
//! The search works on a compact form of the problem (`compact`): `profile` keeps what is free over time, `generate` makes a
//! list of nodes into a schedule, `rules` gives first lists, `search` finds better ones.
//!
//! **Architecture invariant:** there is no clock here: effort is counted in generated schedules, and who wants to stop earlier
//! says so when asked.

mod bound;
mod budget;
mod chain;
mod checks_first;
mod compact;
pub mod constrained;
mod error;
mod generate;
mod list;
mod lists;
mod memory;
mod planner;
mod population;
mod problem;
mod profile;
mod random;
mod rules;
mod run_order;
mod search;
pub mod static_order;
mod uncertain;
mod workers;

pub use self::bound::lower_bound;
pub use self::chain::{CriticalChain, critical_chain};
pub use self::checks_first::checks_first;
pub use self::error::{PlanError, TOTAL_NS_MAX};
pub use self::list::list_schedule;
pub use self::memory::{
    MemoryOrder, MemorySchedule, Sizes, default_memory_tries, low_memory_order, low_memory_schedule,
};
pub use self::planner::{Method, N_NODES_SEARCHED_MAX, Planned, default_schedules, plan};
pub use self::problem::{Problem, Violation};
pub use self::run_order::{RunOrder, problem_of_workers, run_order};
pub use self::static_order::{StaticOrder, static_order};
pub use self::uncertain::{DurationQuantiles, SimulatedRuns, simulate_runs};
pub use self::workers::{
    WorkerDurations, WorkerMethod, WorkerPlanned, WorkerProblem, WorkerSchedule, WorkerViolation,
    default_worker_schedules, plan_on_workers,
};
