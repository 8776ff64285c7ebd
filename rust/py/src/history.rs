//! What earlier runs of a workflow tell about the durations of its nodes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use makespan_core::predict::{UNKNOWN_NS, is_worth_learning, updated_ns};
use makespan_core::sched::grain::{Grain, Grains, ObservedNodes};
use makespan_core::sched::way::Ways;
use pyo3::prelude::*;
use rustc_hash::FxHashMap;

use crate::clock::clock;
use crate::columns::{Columns, Outcome};
use crate::layout::Layout;
use crate::program::Program;
use crate::progress;
use crate::record::PyRecord;
use crate::run_statistics::{PyRunTotals, Totals};

/// Expected durations of one workflow. Holds no Python object.
#[derive(Debug, Default)]
pub(crate) struct History {
    n_runs: u64,
    /// Of the program that `expected_ns` belongs to.
    fingerprint: u64,
    /// By node id.
    expected_ns: Vec<u64>,
    /// By step name: for programs of the same workflow with other nodes.
    of_step_ns: FxHashMap<String, u64>,
    /// How its runs go with helpers and without.
    pub(crate) ways: Ways,
    /// How its runs go by nodes and fused into one.
    grains: Grains,
    /// What its runs did.
    pub(crate) totals: Totals,
}

impl History {
    /// Returns the expected duration of every node of a program, `UNKNOWN_NS` where nothing is known.
    pub(crate) fn expected_ns(&self, py: Python<'_>, program: &Program) -> Vec<u64> {
        if self.fingerprint == program.fingerprint && self.expected_ns.len() == program.n_nodes() {
            return self.expected_ns.clone();
        }
        let mut expected_ns = program.declared_ns(py);
        if self.of_step_ns.is_empty() {
            return expected_ns;
        }
        let of_step: Vec<Option<u64>> = (0..program.names.n_steps())
            .map(|step_idx| self.of_step_ns.get(program.names.step(step_idx)).copied())
            .collect();
        for (expected_ns, step_idx) in expected_ns.iter_mut().zip(program.names.step_of_node()) {
            if let Some(known) = of_step[*step_idx as usize] {
                *expected_ns = known;
            }
        }
        expected_ns
    }

    /// Counts a run and learns from it where that is worth its cost; true when expectations changed.
    pub(crate) fn learn(&mut self, py: Python<'_>, layout: &Layout, columns: &Columns) -> bool {
        let n_runs_before = self.n_runs;
        self.n_runs += 1;
        self.totals.add(layout, columns);
        let elapsed_ns = clock().delta_as_nanos(columns.started, columns.ended);
        if !is_worth_learning(n_runs_before, elapsed_ns, layout.n_nodes()) {
            return false;
        }
        let program = &layout.program;
        let mut expected_ns = self.expected_ns(py, program);
        let is_first = self.fingerprint != program.fingerprint || self.expected_ns.len() != expected_ns.len();
        let mut sums = vec![(0_u64, 0_u64); program.names.n_steps()];
        columns.each_span(|span| {
            if columns.outcome(span.position) != Outcome::Finished {
                return;
            }
            let node = layout.node_at(span.position) as usize;
            let observed_ns = clock().delta_as_nanos(span.start, span.finish);
            // What was declared, or is known of other nodes of its step, gives way to the first look.
            let before = if is_first { UNKNOWN_NS } else { expected_ns[node] };
            expected_ns[node] = updated_ns(before, observed_ns);
            let sum = &mut sums[layout.step_idx_at(span.position) as usize];
            sum.0 = sum.0.saturating_add(observed_ns);
            sum.1 += 1;
        });
        for (step_idx, (sum_ns, n)) in sums.into_iter().enumerate() {
            if let Some(mean_ns) = sum_ns.checked_div(n) {
                let name = program.names.step(step_idx);
                let before = self.of_step_ns.get(name).copied().unwrap_or(UNKNOWN_NS);
                self.of_step_ns.insert(name.to_owned(), updated_ns(before, mean_ns));
            }
        }
        self.fingerprint = program.fingerprint;
        self.expected_ns = expected_ns;
        true
    }
}

/// What earlier runs of a workflow tell; shared by everything that was prepared from it.
#[pyclass(name = "History", module = "makespan._core", frozen)]
#[derive(Debug)]
pub(crate) struct PyHistory(Arc<Mutex<History>>);

impl PyHistory {
    pub(crate) fn shared(&self) -> Arc<Mutex<History>> {
        Arc::clone(&self.0)
    }
}

/// Locks a history; it stays usable after a panic elsewhere.
pub(crate) fn lock(history: &Mutex<History>) -> MutexGuard<'_, History> {
    history.lock().unwrap_or_else(PoisonError::into_inner)
}

#[pymethods]
impl PyHistory {
    /// What its runs do counts in `totals`, too.
    #[new]
    #[pyo3(signature = (totals = None))]
    fn new(totals: Option<&Bound<'_, PyRunTotals>>) -> Self {
        let history = Arc::default();
        if let Some(totals) = totals {
            totals.get().join(&history);
        }
        Self(history)
    }

    /// How many runs were counted.
    #[getter]
    fn n_runs(&self) -> u64 {
        lock(&self.0).n_runs
    }

    /// Whether the next run is to be fused into one node. Never while somebody watches nodes.
    fn is_fused(&self) -> bool {
        lock(&self.0).grains.choose() == Grain::Fused && progress::watching().is_none()
    }

    /// Take in a run by nodes, its description included; unless it could not have been fused.
    fn observe_nodes(&self, record: &PyRecord, elapsed_ns: u64) {
        if let Some((work_ns, n_nodes)) = record.fusible() {
            lock(&self.0).grains.observe_nodes(ObservedNodes { elapsed_ns, work_ns, n_nodes });
        }
    }

    /// Take in a fused run, and how many calls of steps it made; `is_mixed` where some were better nodes.
    fn observe_fused(&self, elapsed_ns: u64, n_calls: usize, is_mixed: bool) {
        let grains = &mut lock(&self.0).grains;
        if is_mixed {
            grains.observe_mixed();
        } else {
            grains.observe_fused(elapsed_ns, n_calls);
        }
    }

    /// What a run by nodes took at last, and what a fused one, in nanoseconds per step; none where it is not known.
    fn grains_ns(&self) -> (Option<f64>, Option<f64>) {
        lock(&self.0).grains.ns_per_step()
    }
}
