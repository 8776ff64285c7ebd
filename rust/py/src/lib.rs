//! `makespan._core`: the Python face of the core.
//!
//! Converts, runs, and decides nothing: order, wake-ups and releases are `makespan-core`'s. In reading
//! order: `step` and `draft` describe a workflow, `program` is what comes of it, `layout` puts it in
//! order by what `history` knows, `prepared` runs it: `solo` alone, `run` with the help of a `team`, which meets
//! at the `board` once the `baton` is taken; `call` is where Python is called; `record` is what is left.

mod amount;
mod argument;
mod arguments;
mod batch;
mod baton;
mod board;
mod caching;
mod call;
mod calls;
mod clock;
mod columns;
mod context;
mod desk;
mod detach;
mod digest;
mod draft;
mod error;
mod foresight;
mod grant;
mod graph;
mod handle;
mod history;
mod host;
mod joint;
mod keys;
mod layout;
mod list_scheduler;
mod meeting;
mod monitor;
mod names;
mod needs;
mod optimized;
mod plain_calls;
mod plan;
mod plan_constrained;
mod plan_memory;
mod plan_team;
mod pool_table;
mod predictor;
mod prepared;
mod program;
mod progress;
mod queue;
mod queue_state;
mod queue_values;
mod record;
mod recording;
mod request;
mod resources;
mod result_cache;
mod run;
mod run_statistics;
mod scan;
mod shared;
mod signals;
mod solo;
mod step;
mod sync;
mod team;
mod thread_cpu;
mod time_source;
mod waiter;
mod watcher;
mod way;
mod worker_plan;
mod workers;

/// The native part of makespan.
#[pyo3::pymodule(gil_used = false)]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::amount::{demands, limit};
    #[pymodule_export]
    use crate::digest::{canonical_bytes, durable_key, file_digest, from_plain_bytes, plain_bytes};
    #[pymodule_export]
    use crate::draft::{PyDraft, each_handle, inline, is_tracing};
    #[pymodule_export]
    use crate::foresight::foreseen_outcomes;
    #[pymodule_export]
    use crate::grant::PyGrant;
    #[pymodule_export]
    use crate::graph::PyGraph;
    #[pymodule_export]
    use crate::handle::PyHandle;
    #[pymodule_export]
    use crate::history::PyHistory;
    #[pymodule_export]
    use crate::host::host;
    #[pymodule_export]
    use crate::list_scheduler::PyListScheduler;
    #[pymodule_export]
    use crate::plain_calls::PyPlainCalls;
    #[pymodule_export]
    use crate::plan::{critical_chain, first_violation, plan, quantile_durations, simulate_runs};
    #[pymodule_export]
    use crate::plan_constrained::plan_constrained;
    #[pymodule_export]
    use crate::plan_memory::{peak_bytes, plan_memory};
    #[pymodule_export]
    use crate::predictor::PyPredictor;
    #[pymodule_export]
    use crate::prepared::PyPrepared;
    #[pymodule_export]
    use crate::program::PyProgram;
    #[pymodule_export]
    use crate::progress::PyProgress;
    #[pymodule_export]
    use crate::queue::PyQueue;
    #[pymodule_export]
    use crate::record::PyRecord;
    #[pymodule_export]
    use crate::resources::PyResources;
    #[pymodule_export]
    use crate::result_cache::PyResultCache;
    #[pymodule_export]
    use crate::run_statistics::PyRunTotals;
    #[pymodule_export]
    use crate::step::PyStep;
    #[pymodule_export]
    use crate::worker_plan::plan_on_workers;
    #[pymodule_export]
    use crate::workers::PyTeam;

    /// The version of the package.
    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");

    /// "release", or "dev" where assertions are on: a benchmark refuses that.
    #[pymodule_export]
    const BUILD_PROFILE: &str = if cfg!(debug_assertions) { "dev" } else { "release" };

    /// Larger graphs are planned without a search.
    #[pymodule_export]
    const N_NODES_SEARCHED_MAX: usize = makespan_core::plan::N_NODES_SEARCHED_MAX;

    /// Return how many cores this process may use: affinity and cgroup limits considered.
    #[pyfunction]
    fn usable_cores() -> usize {
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
    }
}
