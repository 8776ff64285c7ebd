//! Predicted durations as Python sees them: `makespan._core.Predictor`, below `makespan.DurationPredictor`.
//!
//! The book is under a lock that is never held while Python code runs, nor while anybody waits for the interpreter.
//! Methods without a docstring are those that `prediction.py` wraps.

use std::sync::{Mutex, MutexGuard, PoisonError};

use makespan_core::predict::{Book, KindState, Observation, Score, Source, StepState, UNKNOWN_NS};
use makespan_core::sched::wake;
use numpy::{IntoPyArray, PyArray2, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;

use crate::clock::clock;
use crate::columns::{Columns, Outcome};
use crate::detach::detached;
use crate::layout::Layout;
use crate::program::Program;

/// A batch of this size is worked on detached, and the lock is left after so many: whoever waits for it holds on to the
/// interpreter.
const N_AT_ONCE: usize = 1 << 10;

/// So many durations of a step are remembered: more of one run would leave nothing of the one before.
const N_REMEMBERED: usize = 64;

/// Name, kind, durations, residuals, failures, numbers.
type PyStepState = (String, Option<String>, Vec<f64>, Vec<f64>, Vec<u64>, Vec<f64>);
/// Name, durations, numbers.
type PyKindState = (String, Vec<f64>, Vec<f64>);
/// Durations and numbers of everything.
type PyPoolState = (Vec<f64>, Vec<f64>);
/// Observations, below, above; losses at the three levels, distances of the mean and of the last value.
type PyScore = (u64, u64, u64, [f64; 3], f64, f64);
/// A step and its kind.
type PyName = (String, Option<String>);

/// The native part of `makespan.DurationPredictor`.
#[pyclass(name = "Predictor", module = "makespan._core", frozen)]
#[derive(Debug)]
pub(crate) struct PyPredictor {
    book: Mutex<Book>,
}

impl PyPredictor {
    fn book(&self) -> MutexGuard<'_, Book> {
        // What a panic left halfway is numbers about the past: no reason to refuse the future.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PyPredictor {
    /// Learns from a run: of the nodes that lasted, at most as many of each step as are remembered.
    pub(crate) fn learn(&self, layout: &Layout, columns: &Columns) {
        let names = &layout.program.names;
        let elapsed_ns = clock().delta_as_nanos(columns.started, columns.ended).max(1);
        let work_ns = clock().delta_as_nanos(0, columns.work());
        // On average: which of them ran beside a node is not looked at.
        let n_concurrent = work_ns.div_ceil(elapsed_ns).clamp(1, u64::from(u32::MAX)) as u32;
        let mut n_of_step = vec![0; names.n_steps()];
        let mut book = self.book();
        columns.each_span(|span| {
            let duration_ns = clock().delta_as_nanos(span.start, span.finish);
            let step_idx = layout.step_idx_at(span.position) as usize;
            let is_failed = match columns.outcome(span.position) {
                Outcome::Finished => false,
                Outcome::Failed => true,
                Outcome::Skipped
                | Outcome::Cancelled
                | Outcome::Pruned
                | Outcome::Merged
                | Outcome::Combined
                | Outcome::Cached => return,
            };
            if wake::is_lasting(duration_ns) && n_of_step[step_idx] < N_REMEMBERED {
                n_of_step[step_idx] += 1;
                let cpu_ns = span.cpu.cpu_ns(duration_ns);
                let observation = Observation { duration_ns, size: None, is_failed, n_concurrent, cpu_ns };
                book.observe(names.step(step_idx), None, observation);
            }
        });
    }

    /// Fills in the medians of steps that were observed where nothing else is known; everywhere if they `prevail`.
    pub(crate) fn fill(&self, program: &Program, expected_ns: &mut [u64], prevail: bool) {
        let names = &program.names;
        if !prevail && !expected_ns.contains(&UNKNOWN_NS) {
            return;
        }
        let of_step: Vec<Option<u64>> = {
            let book = self.book();
            let median = |step_idx| {
                let predicted = book.predict(names.step(step_idx), None, None, &[0.5])?;
                (predicted.source != Source::All).then(|| predicted.quantiles_ns[0])
            };
            (0..names.n_steps()).map(median).collect()
        };
        for (expected_ns, step_idx) in expected_ns.iter_mut().zip(names.step_of_node()) {
            if let Some(median_ns) = of_step[*step_idx as usize]
                && (prevail || *expected_ns == UNKNOWN_NS)
            {
                *expected_ns = median_ns;
            }
        }
    }
}

fn copied<T: numpy::Element + Copy>(array: &PyReadonlyArray1<'_, T>) -> Vec<T> {
    array.as_array().iter().copied().collect()
}

/// A number that may be missing comes as -1.
fn known(number: i64) -> Option<u64> {
    u64::try_from(number).ok()
}

#[pymethods]
impl PyPredictor {
    #[new]
    fn new() -> Self {
        Self { book: Mutex::new(Book::default()) }
    }

    #[expect(clippy::too_many_arguments, reason = "one crossing carries the whole observation")]
    fn observe(
        &self,
        step: &str,
        kind: Option<&str>,
        duration_ns: u64,
        size: Option<u64>,
        is_failed: bool,
        n_concurrent: u32,
        cpu_ns: Option<u64>,
    ) {
        let observation = Observation { duration_ns, size, is_failed, n_concurrent, cpu_ns };
        self.book().observe(step, kind, observation);
    }

    /// Learn from columns: which of the names each is of, and -1 where a size or processor time is not known.
    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
    #[expect(clippy::too_many_arguments, reason = "one crossing carries all columns")]
    fn observe_many(
        &self,
        py: Python<'_>,
        names: Vec<PyName>,
        name_idx: PyReadonlyArray1<'_, u32>,
        durations_ns: PyReadonlyArray1<'_, u64>,
        sizes: PyReadonlyArray1<'_, i64>,
        failed: PyReadonlyArray1<'_, bool>,
        n_concurrent: PyReadonlyArray1<'_, i64>,
        cpu_ns: PyReadonlyArray1<'_, i64>,
    ) {
        let (name_idx, durations_ns, sizes) = (copied(&name_idx), copied(&durations_ns), copied(&sizes));
        let (failed, n_concurrent, cpu_ns) = (copied(&failed), copied(&n_concurrent), copied(&cpu_ns));
        let mut rows = Vec::with_capacity(durations_ns.len());
        let mut learn = || {
            for (at, &duration_ns) in durations_ns.iter().enumerate() {
                rows.push(Observation {
                    duration_ns,
                    size: known(sizes[at]),
                    is_failed: failed[at],
                    n_concurrent: u32::try_from(n_concurrent[at]).unwrap_or(u32::MAX),
                    cpu_ns: known(cpu_ns[at]),
                });
            }
            for (idx, rows) in name_idx.chunks(N_AT_ONCE).zip(rows.chunks(N_AT_ONCE)) {
                let mut book = self.book();
                for (&idx, &observation) in idx.iter().zip(rows) {
                    let (step, kind) = &names[idx as usize];
                    book.observe(step, kind.as_deref(), observation);
                }
            }
        };
        if durations_ns.len() < N_AT_ONCE { learn() } else { detached(py, learn) }
    }

    /// Return what is predicted from ("step", "kind", "all"), and quantiles; None where nothing was ever observed.
    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
    fn predict(
        &self,
        step: &str,
        kind: Option<&str>,
        size: Option<u64>,
        levels: Vec<f64>,
    ) -> Option<(&'static str, Vec<u64>)> {
        let predicted = self.book().predict(step, kind, size, &levels)?;
        let source = match predicted.source {
            Source::Step => "step",
            Source::Kind => "kind",
            Source::All => "all",
        };
        Some((source, predicted.quantiles_ns))
    }

    /// Return quantiles, one row for each index: all 2**64 - 1 where nothing was ever observed.
    #[expect(clippy::needless_pass_by_value, reason = "extracted arguments are owned")]
    fn predict_many<'py>(
        &self,
        py: Python<'py>,
        names: Vec<PyName>,
        name_idx: PyReadonlyArray1<'_, u32>,
        sizes: PyReadonlyArray1<'_, i64>,
        levels: Vec<f64>,
    ) -> PyResult<Bound<'py, PyArray2<u64>>> {
        let (name_idx, sizes) = (copied(&name_idx), copied(&sizes));
        let predict = || {
            let mut quantiles_ns = Vec::with_capacity(name_idx.len() * levels.len());
            for (idx, sizes) in name_idx.chunks(N_AT_ONCE).zip(sizes.chunks(N_AT_ONCE)) {
                let book = self.book();
                for (&idx, &size) in idx.iter().zip(sizes) {
                    let (step, kind) = &names[idx as usize];
                    match book.predict(step, kind.as_deref(), known(size), &levels) {
                        Some(predicted) => quantiles_ns.extend(predicted.quantiles_ns),
                        None => quantiles_ns.extend(levels.iter().map(|_| UNKNOWN_NS)),
                    }
                }
            }
            quantiles_ns
        };
        let is_long = name_idx.len() >= N_AT_ONCE;
        let quantiles_ns = if is_long { detached(py, predict) } else { predict() };
        quantiles_ns.into_pyarray(py).reshape([name_idx.len(), levels.len()])
    }

    fn longest_failure_ns(&self, step: &str) -> Option<u64> {
        self.book().longest_failure_ns(step)
    }

    /// Return how good the predictions for a step were, or for all; None for a step that is not known.
    fn score(&self, step: Option<&str>) -> Option<PyScore> {
        let score = self.book().score(step)?;
        let Score { n, n_below, n_above, losses_ns, off_mean_ns, off_last_ns } = score;
        Some((n, n_below, n_above, losses_ns, off_mean_ns, off_last_ns))
    }

    /// Return how many steps, kinds and durations there are.
    fn counts(&self) -> (usize, usize, u64) {
        let book = self.book();
        (book.n_steps(), book.n_kinds(), book.n_durations())
    }

    /// Return everything, by name.
    fn states(&self) -> (Vec<PyStepState>, Vec<PyKindState>, PyPoolState) {
        let (steps, kinds, all) = self.book().to_states();
        let of_step = |(name, state): (String, StepState)| {
            let StepState { kind, durations_ns, residuals_ns, failures_ns, numbers } = state;
            (name, kind, durations_ns, residuals_ns, failures_ns, numbers)
        };
        let of_kind = |(name, state): (String, KindState)| (name, state.durations_ns, state.numbers);
        (
            steps.into_iter().map(of_step).collect(),
            kinds.into_iter().map(of_kind).collect(),
            (all.durations_ns, all.numbers),
        )
    }

    /// Replace everything by what `states` returned; return the name of what cannot be that, or None.
    fn restore(&self, steps: Vec<PyStepState>, kinds: Vec<PyKindState>, pool: PyPoolState) -> Option<String> {
        let of_step = |(name, kind, durations_ns, residuals_ns, failures_ns, numbers): PyStepState| {
            (name, StepState { kind, durations_ns, residuals_ns, failures_ns, numbers })
        };
        let of_kind =
            |(name, durations_ns, numbers): PyKindState| (name, KindState { durations_ns, numbers });
        let steps: Vec<_> = steps.into_iter().map(of_step).collect();
        let kinds: Vec<_> = kinds.into_iter().map(of_kind).collect();
        let all = KindState { durations_ns: pool.0, numbers: pool.1 };
        match Book::from_states(&steps, &kinds, &all) {
            Ok(book) => {
                *self.book() = book;
                None
            }
            Err(name) => Some(name),
        }
    }
}
