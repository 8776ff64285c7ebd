//! What the runs of one engine did, summed up: numbers that are at hand when a run ends, added once per run.
//!
//! Nothing is counted per node. What is summed over nodes here is read where a run was shared, rewritten, failed or found
//! results in a cache, and costs a small part of what that costs per node.

use std::ops::AddAssign;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use makespan_core::optimize::LeftOut;
use pyo3::prelude::*;

use crate::clock::clock;
use crate::columns::{Columns, Outcome, Outcomes};
use crate::history::{self, History};
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
    n_combined: u64,
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
        let LeftOut { n_pruned, n_merged, n_combined } = layout.optimized.n_left_out();
        self.n_runs += 1;
        self.n_failed += u64::from(is_failed);
        self.n_nodes += layout.program.n_nodes() as u64;
        self.n_calls += columns.n_calls() as u64;
        self.n_pruned += n_pruned as u64;
        self.n_merged += n_merged as u64;
        self.n_combined += n_combined as u64;
        self.n_cached += columns.cached.len() as u64;
        if !columns.batches.is_empty() || !columns.joint.is_empty() {
            for call in columns.called_together() {
                self.n_batches += 1;
                self.n_batched += call.spans.len() as u64;
            }
        }
        self.work += columns.work();
        self.elapsed += columns.ended.saturating_sub(columns.started);
    }
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.n_runs += other.n_runs;
        self.n_failed += other.n_failed;
        self.n_nodes += other.n_nodes;
        self.n_calls += other.n_calls;
        self.n_pruned += other.n_pruned;
        self.n_merged += other.n_merged;
        self.n_combined += other.n_combined;
        self.n_cached += other.n_cached;
        self.n_batches += other.n_batches;
        self.n_batched += other.n_batched;
        self.work += other.work;
        self.elapsed += other.elapsed;
    }
}

/// The sums of one engine: kept with the histories of its workflows, whose lock a run takes anyway when it is over.
#[pyclass(name = "RunTotals", module = "makespan._core", frozen)]
#[derive(Debug, Default)]
pub(crate) struct PyRunTotals(Mutex<Members>);

#[derive(Debug, Default)]
struct Members {
    /// Of histories that nobody adds to any more.
    gone: Totals,
    histories: Vec<Arc<Mutex<History>>>,
    /// With so many, those that are gone are looked for.
    n_sweep: usize,
}

/// With fewer histories nothing is looked for.
const N_SWEEP_MIN: usize = 64;

impl PyRunTotals {
    /// Makes the sums of a history count.
    pub(crate) fn join(&self, history: &Arc<Mutex<History>>) {
        let mut members = self.members();
        if members.histories.len() >= members.n_sweep {
            let Members { gone, histories, n_sweep } = &mut *members;
            histories.retain(|history| {
                // Workflow and prepared workflows are gone, if these sums are the last to hold it.
                let is_used = Arc::strong_count(history) > 1;
                if !is_used {
                    *gone += history::lock(history).totals;
                }
                is_used
            });
            *n_sweep = (2 * histories.len()).max(N_SWEEP_MIN);
        }
        members.histories.push(Arc::clone(history));
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl PyRunTotals {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Runs, failed ones, nodes, calls, pruned, merged, combined, cached, batches, nodes in batches; nanoseconds of work and of runs.
    fn sums(&self) -> [u64; 12] {
        let members = self.members();
        let mut totals = members.gone;
        for history in &members.histories {
            totals += history::lock(history).totals;
        }
        [
            totals.n_runs,
            totals.n_failed,
            totals.n_nodes,
            totals.n_calls,
            totals.n_pruned,
            totals.n_merged,
            totals.n_combined,
            totals.n_cached,
            totals.n_batches,
            totals.n_batched,
            clock().delta_as_nanos(0, totals.work),
            clock().delta_as_nanos(0, totals.elapsed),
        ]
    }
}
