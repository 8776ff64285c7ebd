//! What the runs of one engine did, summed up: numbers that are at hand when a run ends, added once per run.
//!
//! Nothing is counted per node. What is summed over nodes here is read where a run was shared, rewritten, failed or found
//! results in a cache, and costs a small part of what that costs per node.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;

use crate::clock::clock;
use crate::columns::{Columns, Outcome, Outcomes};
use crate::layout::Layout;

/// Sums over runs that came to their end, in the order of `makespan.EngineStatistics`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    n_runs: u64,
    n_failed: u64,
    n_nodes: u64,
    n_calls: u64,
    n_pruned: u64,
    n_merged: u64,
    n_cached: u64,
    /// Calls of batch forms, and the nodes in them.
    n_batches: u64,
    n_batched: u64,
    /// Over the nodes that ran, how long they took; in ticks, as what follows.
    work: u64,
    elapsed: u64,
}

impl Totals {
    /// Takes in a run that is over.
    pub(crate) fn add(&mut self, layout: &Layout, columns: &Columns) {
        let is_failed = match &columns.outcomes {
            Outcomes::AllFinished => false,
            Outcomes::FailedAt(_) => true,
            Outcomes::Mixed(outcomes) => outcomes.contains(&Outcome::Failed),
        };
        let (n_pruned, n_merged) = layout.optimized.n_pruned_and_merged();
        self.n_runs += 1;
        self.n_failed += u64::from(is_failed);
        self.n_nodes += layout.program.n_nodes() as u64;
        self.n_calls += columns.n_calls() as u64;
        self.n_pruned += n_pruned as u64;
        self.n_merged += n_merged as u64;
        self.n_cached += columns.cached.len() as u64;
        if !columns.batches.is_empty() {
            for spans in columns.called_together() {
                self.n_batches += 1;
                self.n_batched += spans.len() as u64;
            }
        }
        self.work += columns.work();
        self.elapsed += columns.ended.saturating_sub(columns.started);
    }
}

/// The sums of one engine; its workflows add to them.
#[pyclass(name = "RunTotals", module = "makespan._core", frozen)]
#[derive(Debug, Default)]
pub(crate) struct PyRunTotals(Arc<Mutex<Totals>>);

impl PyRunTotals {
    pub(crate) fn shared(&self) -> Arc<Mutex<Totals>> {
        Arc::clone(&self.0)
    }
}

/// Locks sums; they stay usable after a panic elsewhere.
pub(crate) fn lock(totals: &Mutex<Totals>) -> MutexGuard<'_, Totals> {
    totals.lock().unwrap_or_else(PoisonError::into_inner)
}

#[pymethods]
impl PyRunTotals {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Runs, failed ones, nodes, calls, pruned, merged, cached, batches, nodes in batches; nanoseconds of work and of runs.
    fn sums(&self) -> [u64; 11] {
        let totals = *lock(&self.0);
        [
            totals.n_runs,
            totals.n_failed,
            totals.n_nodes,
            totals.n_calls,
            totals.n_pruned,
            totals.n_merged,
            totals.n_cached,
            totals.n_batches,
            totals.n_batched,
            clock().delta_as_nanos(0, totals.work),
            clock().delta_as_nanos(0, totals.elapsed),
        ]
    }
}
