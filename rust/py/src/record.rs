//! The record of a run: its value and, made when they are asked for, the columns about its nodes.

use std::sync::Arc;

use makespan_core::graph::critical_path;
use makespan_core::optimize::{Fate, LeftOut};
use makespan_core::sched::way::Why;
use numpy::{IntoPyArray, PyArray1};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::clock::clock;
use crate::columns::{Columns, N_OUTCOMES, Outcome};
use crate::error::BindResult;
use crate::layout::Layout;
use crate::program::PyProgram;

/// Start, finish (ns after the run's start, −1 where a node never ran), worker, outcome, batch, with how many nodes each was
/// called; by node id.
type PyColumns<'py> = (
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<i16>>,
    Bound<'py, PyArray1<u8>>,
    Bound<'py, PyArray1<i32>>,
    Bound<'py, PyArray1<i64>>,
);

/// Where a record comes from.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) program: Py<PyProgram>,
    pub(crate) strategy: Arc<str>,
    pub(crate) n_workers: usize,
    /// Why the strategy chose as it did.
    pub(crate) reasons: Arc<[String]>,
    /// Why the run was made with helpers or without, where that was chosen.
    pub(crate) why: Option<Why>,
}

/// What a run left behind.
#[pyclass(name = "Record", module = "makespan._core", frozen)]
#[derive(Debug)]
pub(crate) struct PyRecord {
    layout: Arc<Layout>,
    columns: Columns,
    value: Option<Py<PyAny>>,
    /// Results of `keep=True` steps, by node id.
    kept: Vec<(u32, Py<PyAny>)>,
    origin: Origin,
}

impl PyRecord {
    pub(crate) fn new(
        layout: Arc<Layout>,
        columns: Columns,
        value: Option<Py<PyAny>>,
        kept: Vec<(u32, Py<PyAny>)>,
        origin: Origin,
    ) -> Self {
        Self { layout, columns, value, kept, origin }
    }

    fn ns(&self, ticks: u64) -> i64 {
        clock().delta_as_nanos(self.columns.started, ticks).cast_signed()
    }

    /// The work in nanoseconds and the number of nodes of a run whose steps might as well have been plain calls.
    ///
    /// None where a plain call would not be the same: needs, results that are kept or cached, batch forms, and calls that
    /// were left out.
    pub(crate) fn fusible(&self) -> Option<(u64, usize)> {
        let program = &self.layout.program;
        let is_plain = self.layout.optimized.n_left_out() == LeftOut::default()
            && program.steps.iter().all(|step| step.get().is_plain());
        is_plain.then(|| (clock().delta_as_nanos(0, self.columns.work()), self.layout.n_nodes()))
    }

    fn durations_ns(&self) -> Vec<u64> {
        let mut durations_ns = vec![0; self.layout.program.n_nodes()];
        self.columns.each_span(|span| {
            durations_ns[self.layout.node_at(span.position) as usize] =
                clock().delta_as_nanos(span.start, span.finish);
        });
        durations_ns
    }
}

#[pymethods]
impl PyRecord {
    /// What the workflow returned; none for a failed run.
    #[getter]
    fn value(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.value.as_ref().map(|value| value.clone_ref(py))
    }

    #[getter]
    fn program(&self, py: Python<'_>) -> Py<PyProgram> {
        self.origin.program.clone_ref(py)
    }

    #[getter]
    fn strategy(&self) -> &str {
        &self.origin.strategy
    }

    #[getter]
    fn workers(&self) -> usize {
        self.origin.n_workers
    }

    /// Why the run was made as it was, where something was chosen.
    fn reasons(&self) -> Vec<&str> {
        let why = self.origin.why.map(Why::as_str);
        self.origin.reasons.iter().map(String::as_str).chain(why).collect()
    }

    /// Wall time of the run in nanoseconds.
    #[getter]
    fn elapsed_ns(&self) -> i64 {
        self.ns(self.columns.ended)
    }

    /// How many nodes had each outcome.
    fn outcome_counts(&self) -> [usize; N_OUTCOMES] {
        let mut counts = [0; N_OUTCOMES];
        let LeftOut { n_pruned, n_merged, n_combined } = self.layout.optimized.n_left_out();
        counts[Outcome::Pruned as usize] = n_pruned;
        counts[Outcome::Merged as usize] = n_merged;
        counts[Outcome::Combined as usize] = n_combined;
        for position in 0..self.layout.n_nodes() as u32 {
            counts[self.columns.outcome(position) as usize] += 1;
        }
        counts
    }

    fn columns<'py>(&self, py: Python<'py>) -> PyColumns<'py> {
        let n_nodes = self.layout.program.n_nodes();
        let mut start_ns = vec![-1; n_nodes];
        let mut finish_ns = vec![-1; n_nodes];
        let mut worker = vec![-1; n_nodes];
        let mut batch_size = vec![0; n_nodes];
        let mut outcome = vec![Outcome::Cancelled as u8; n_nodes];
        self.columns.each_span(|span| {
            let node = self.layout.node_at(span.position) as usize;
            start_ns[node] = self.ns(span.start);
            finish_ns[node] = self.ns(span.finish);
            worker[node] = span.worker.cast_signed();
            batch_size[node] = 1;
        });
        for (node, outcome) in outcome.iter_mut().enumerate() {
            *outcome = match (self.layout.optimized.fate(node as u32), self.layout.position_of(node as u32)) {
                (Fate::Pruned, _) | (Fate::Runs, None) => Outcome::Pruned,
                (Fate::Merged, _) => Outcome::Merged,
                (Fate::Combined, _) => Outcome::Combined,
                (Fate::Runs, Some(position)) => self.columns.outcome(position),
            } as u8;
        }
        let mut batch = vec![-1; n_nodes];
        for (idx, call) in (0..).zip(self.columns.called_together()) {
            for span in call.spans {
                let node = self.layout.node_at(span.position) as usize;
                batch[node] = idx;
                batch_size[node] = i64::from(call.n_calls);
            }
        }
        (
            start_ns.into_pyarray(py),
            finish_ns.into_pyarray(py),
            worker.into_pyarray(py),
            outcome.into_pyarray(py),
            batch.into_pyarray(py),
            batch_size.into_pyarray(py),
        )
    }

    /// How many calls of functions were made: the nodes of a batch are one.
    fn n_calls(&self) -> usize {
        self.columns.n_calls()
    }

    /// The first node of the batch that a node was called in, how many calls it was made of, and how many of them were of
    /// other runs; none where it was called alone.
    fn batch_of(&self, node: u32) -> Option<(u32, u32, u32)> {
        let position = self.layout.position_of(node)?;
        let mut calls = self.columns.called_together().into_iter();
        let call = calls.find(|call| call.spans.iter().any(|span| span.position == position))?;
        let n_others = call.n_calls - call.spans.len() as u32;
        Some((self.layout.node_at(call.spans[0].position), call.n_calls, n_others))
    }

    /// First start to last finish, and the sum of the durations, both in nanoseconds.
    fn makespan_ns(&self) -> (u64, u64) {
        let (mut first, mut last, mut work_ns) = (u64::MAX, 0, 0);
        self.columns.each_span(|span| {
            first = first.min(span.start);
            last = last.max(span.finish);
            work_ns += clock().delta_as_nanos(span.start, span.finish);
        });
        (clock().delta_as_nanos(first.min(last), last), work_ns)
    }

    /// The longest chain of dependencies by measured durations: node ids, and its length in nanoseconds.
    fn critical_path(&self) -> BindResult<(Vec<u32>, u64)> {
        let optimized = &self.layout.optimized;
        let found = critical_path(&*optimized.graph()?, &optimized.by_call(&self.durations_ns()))?;
        Ok((found.path.iter().map(|call| optimized.node_of(call.get())).collect(), found.length_ns))
    }

    /// By node, the node whose result was taken for its own, itself where it ran; none for a pruned one.
    fn representatives(&self) -> Vec<Option<u32>> {
        self.layout.optimized.representatives()
    }

    /// The makespan in nanoseconds that a planned order promised.
    #[getter]
    fn expected_makespan_ns(&self) -> Option<u64> {
        self.layout.expected_makespan_ns
    }

    /// The `n` nodes that took longest, and how long in nanoseconds.
    fn slowest(&self, n: usize) -> Vec<(u32, u64)> {
        let durations_ns = self.durations_ns();
        let mut nodes: Vec<u32> = (0..durations_ns.len() as u32).collect();
        nodes.sort_by_key(|node| (std::cmp::Reverse(durations_ns[*node as usize]), *node));
        nodes.truncate(n);
        nodes.into_iter().map(|node| (node, durations_ns[node as usize])).collect()
    }

    /// The results that were kept, by node id.
    fn kept<'py>(&self, py: Python<'py>) -> Vec<(u32, Bound<'py, PyAny>)> {
        self.kept.iter().map(|(node, result)| (*node, result.bind(py).clone())).collect()
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.origin.program)?;
        if let Some(value) = &self.value {
            visit.call(value)?;
        }
        for (_, result) in &self.kept {
            visit.call(result)?;
        }
        Ok(())
    }
}
