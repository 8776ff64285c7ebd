//! What is held: given back once, by whoever has it or by nobody having it any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use makespan_core::sched::grants::Ticket;
use makespan_core::sched::pools::Need;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::desk::Look;
use crate::error::BindError;
use crate::request::holder_is_dead;
use crate::resources::PyResources;
use crate::shared::{Rings, Shared, deliver};

/// Amounts that are held until they are given back: made by `acquire`.
#[pyclass(name = "Grant", module = "makespan", frozen)]
#[derive(Debug)]
pub(crate) struct PyGrant {
    resources: Py<PyResources>,
    shared: Arc<Shared>,
    ticket: Ticket,
    needs: Vec<Need>,
    is_over: AtomicBool,
}

impl PyGrant {
    pub(crate) fn new(
        resources: &Bound<'_, PyResources>,
        shared: Arc<Shared>,
        ticket: Ticket,
        needs: Vec<Need>,
    ) -> Self {
        Self { resources: resources.clone().unbind(), shared, ticket, needs, is_over: AtomicBool::new(false) }
    }

    fn end(&self, py: Python<'_>) {
        if !self.is_over.swap(true, Ordering::Relaxed) {
            let now_ns = self.resources.get().now_or_still_ns(py);
            self.shared.release(py, now_ns, self.ticket);
        }
    }

    fn holds(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed)
            && !self.shared.is_abandoned()
            && self.shared.desk.read(|grants, _| grants.is_held(self.ticket))
    }
}

#[pymethods]
impl PyGrant {
    /// What was asked for, by name.
    #[getter]
    fn needs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.shared.table().shown(py, &self.needs)
    }

    /// True until it is released, or its holder was found dead.
    #[getter]
    fn is_held(&self) -> bool {
        self.holds()
    }

    /// Give everything back; again has no effect.
    fn release(&self, py: Python<'_>) {
        self.end(py);
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __exit__(
        &self,
        py: Python<'_>,
        _kind: &Bound<'_, PyAny>,
        _error: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) {
        self.end(py);
    }

    /// For one who waits without a thread: None if it is held, otherwise after how many seconds to look again.
    fn _look(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        let resources = self.resources.get();
        let now_ns = resources.now_ns(py)?;
        resources.sample(py, &self.shared, now_ns);
        let mut rings = Rings::new();
        let look = self.shared.desk.look(now_ns, self.ticket, &mut rings);
        deliver(py, rings);
        match look {
            Look::Held => Ok(None),
            Look::Closed => Err(BindError::ClosedResources.into()),
            Look::Over => Err(holder_is_dead(py).into()),
            Look::Waiting { wake_ns, .. } => {
                let wait_ns = wake_ns.map_or(u64::MAX, |wake_ns| wake_ns.saturating_sub(now_ns));
                // Without a sampler or a foreign clock the bell is all that there is to wait for.
                let wait_ns =
                    if resources.must_be_looked_at() { wait_ns.min(resources.period_ns()) } else { wait_ns };
                Ok(Some(if wait_ns == u64::MAX {
                    f64::INFINITY
                } else {
                    Duration::from_nanos(wait_ns).as_secs_f64()
                }))
            }
        }
    }

    /// Waits no more: raises that it was too long, unless it is held at the last moment.
    fn _give_up(&self, py: Python<'_>, timeout_s: f64) -> PyResult<()> {
        match self.resources.get().timed_out(py, &self.shared, self.ticket, timeout_s)? {
            None => Ok(()),
            Some(error) => {
                self.is_over.store(true, Ordering::Relaxed);
                Err(error.into())
            }
        }
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let needs = self.needs(py)?;
        let shown: Vec<String> = needs.iter().map(|(name, amount)| format!("{name}={amount}")).collect();
        let state = if self.holds() { "" } else { ", not held" };
        Ok(format!("<grant of {}{state}>", shown.join(", ")))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.resources)
    }
}

impl Drop for PyGrant {
    /// A grant that nobody has any more is given back: nobody could do it later.
    fn drop(&mut self) {
        if !self.is_over.load(Ordering::Relaxed) {
            Python::attach(|py| self.end(py));
        }
    }
}
