//! Plans on workers of different speed, with the time that results take to travel.
//!
//! `problem` is what is planned, and every check; `planner` the method and what is known of the result. Below them, `compact`
//! is the problem in topological order, `timeline` what is free on a worker, `decode` makes lists into schedules, `construct`
//! gives the first lists, `search` finds better ones, `bound` says what cannot be undercut.

mod bound;
mod compact;
mod construct;
mod decode;
mod planner;
mod problem;
mod search;
mod timeline;

pub use self::planner::{WorkerMethod, WorkerPlanned, default_worker_schedules, plan_on_workers};
pub use self::problem::{WorkerDurations, WorkerProblem, WorkerSchedule, WorkerViolation};
