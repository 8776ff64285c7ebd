//! How far a run is, for whoever watches it from another thread.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use pyo3::prelude::*;

use crate::baton::Phase;
use crate::run::Run;

thread_local! {
    static WATCHING: RefCell<Option<Arc<ProgressCell>>> = const { RefCell::new(None) };
}

/// Returns what watches the runs that this thread starts.
pub(crate) fn watching() -> Option<Arc<ProgressCell>> {
    WATCHING.with_borrow(Clone::clone)
}

/// Counts of one run, written by its workers.
#[derive(Debug, Default)]
pub(crate) struct ProgressCell {
    pub(crate) n_nodes: AtomicU32,
    pub(crate) n_finished: AtomicU32,
    pub(crate) n_running: AtomicU32,
    run: Mutex<Weak<Run>>,
}

impl ProgressCell {
    /// Starts to follow a run; `run` is given where workers may share it.
    pub(crate) fn follow(&self, n_nodes: usize, run: Weak<Run>) {
        self.n_nodes.store(n_nodes as u32, Ordering::Relaxed);
        self.n_finished.store(0, Ordering::Relaxed);
        self.n_running.store(u32::from(n_nodes > 0), Ordering::Relaxed);
        *self.run.lock().unwrap_or_else(PoisonError::into_inner) = run;
    }

    /// Says that the run is over.
    pub(crate) fn end(&self, n_finished: u32) {
        *self.run.lock().unwrap_or_else(PoisonError::into_inner) = Weak::new();
        self.n_finished.store(n_finished, Ordering::Relaxed);
        self.n_running.store(0, Ordering::Relaxed);
    }

    fn snapshot(&self) -> (u32, u32, u32) {
        let n_nodes = self.n_nodes.load(Ordering::Relaxed);
        let run = self.run.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        if let Some(Phase::Solo(position)) = run.map(|run| run.phase()) {
            return (position.min(n_nodes), u32::from(position < n_nodes), n_nodes);
        }
        let n_finished = self.n_finished.load(Ordering::Relaxed);
        (n_finished, self.n_running.load(Ordering::Relaxed), n_nodes)
    }
}

/// Counts of the run that the thread inside the `with` block has under way.
#[pyclass(name = "Progress", module = "makespan", frozen)]
#[derive(Debug)]
pub(crate) struct PyProgress {
    cell: Arc<ProgressCell>,
    outer: Mutex<Option<Arc<ProgressCell>>>,
}

#[pymethods]
impl PyProgress {
    #[new]
    fn new() -> Self {
        Self { cell: Arc::default(), outer: Mutex::default() }
    }

    /// Follows the runs that this thread starts from here on.
    fn __enter__(slf: Py<Self>) -> Py<Self> {
        let this = slf.get();
        let outer = WATCHING.replace(Some(Arc::clone(&this.cell)));
        *this.outer.lock().unwrap_or_else(PoisonError::into_inner) = outer;
        slf
    }

    fn __exit__(&self, _kind: &Bound<'_, PyAny>, _error: &Bound<'_, PyAny>, _traceback: &Bound<'_, PyAny>) {
        WATCHING.set(self.outer.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Return how many nodes are finished, how many run, and how many there are.
    fn snapshot(&self) -> (u32, u32, u32) {
        self.cell.snapshot()
    }

    fn __repr__(&self) -> String {
        let (n_finished, n_running, n_nodes) = self.cell.snapshot();
        format!("<Progress {n_finished}/{n_nodes} finished, {n_running} running>")
    }
}
