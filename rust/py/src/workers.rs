//! The team as Python sees it: threads made by `threading.Thread` whose target is a native loop.

use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::call;
use crate::detach::detached;
use crate::joint::Meetings;
use crate::run::Run;
use crate::team::Team;

/// Worker threads that help with runs.
#[pyclass(name = "Team", module = "makespan._core", frozen)]
#[derive(Debug)]
pub(crate) struct PyTeam {
    /// Replaced in a forked child, where the threads are not.
    team: Mutex<Arc<Team<Arc<Run>>>>,
    /// Where runs of the engine meet to make calls together; replaced in a forked child as well.
    meetings: Mutex<Arc<Meetings>>,
    /// Starts `n` threads whose target is `work`.
    start_threads: Py<PyAny>,
    n_numbered: AtomicU16,
    is_closed: AtomicBool,
    /// How many helpers the runs under way want.
    n_claimed: AtomicUsize,
}

impl PyTeam {
    pub(crate) fn team(&self) -> Arc<Team<Arc<Run>>> {
        Arc::clone(&self.team.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn meetings(&self) -> Arc<Meetings> {
        Arc::clone(&self.meetings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    /// Claims up to `n_wanted` helpers for a run, until the claim is dropped.
    ///
    /// Starts threads where all claims together need more than there are, up to `n_members_max`.
    pub(crate) fn claim<'a>(
        slf: &'a Bound<'_, Self>,
        n_wanted: usize,
        n_members_max: usize,
    ) -> PyResult<Claim<'a>> {
        let this = slf.get();
        let team = this.team();
        let n_claimed = this.n_claimed.fetch_add(n_wanted, Ordering::Relaxed) + n_wanted;
        let claim = Claim { team: this, n_claimed: n_wanted };
        let n_missing = n_claimed.min(n_members_max).saturating_sub(team.n_members());
        if n_missing > 0 && team.enroll(n_missing) {
            let started = call::call(
                slf.get().start_threads.bind(slf.py()),
                &(slf, n_missing).into_pyobject(slf.py())?,
                None,
            );
            if let Err(error) = started {
                team.dismiss(n_missing);
                return Err(error);
            }
        }
        Ok(claim)
    }
}

/// What a run wants of a team while it is under way.
pub(crate) struct Claim<'a> {
    team: &'a PyTeam,
    n_claimed: usize,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.team.n_claimed.fetch_sub(self.n_claimed, Ordering::Relaxed);
    }
}

#[pymethods]
impl PyTeam {
    #[new]
    fn new(start_threads: Py<PyAny>) -> Self {
        Self {
            team: Mutex::new(Arc::new(Team::new())),
            meetings: Mutex::default(),
            start_threads,
            n_numbered: AtomicU16::new(1),
            is_closed: AtomicBool::new(false),
            n_claimed: AtomicUsize::new(0),
        }
    }

    /// Wait for runs to help with, until the team is closed or a caller gives this thread up.
    fn work(&self, py: Python<'_>) -> PyResult<()> {
        let worker = self.n_numbered.fetch_add(1, Ordering::Relaxed);
        let team = self.team();
        while let Some(run) = detached(py, || team.wait()) {
            if !run.help(py, worker)? {
                break;
            }
        }
        Ok(())
    }

    /// Let the threads end; those inside a step end with it. No prepared workflow starts any more.
    fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        self.team().close();
    }

    /// Begin again without members, in a forked child: the threads stayed in the parent.
    fn restart(&self) {
        *self.team.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(Team::new());
        *self.meetings.lock().unwrap_or_else(PoisonError::into_inner) = Arc::default();
    }

    #[getter]
    fn n_members(&self) -> usize {
        self.team().n_members()
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.start_threads)
    }
}
