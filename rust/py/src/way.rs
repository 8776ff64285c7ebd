//! Whether helpers may join a run, chosen by how earlier runs of the workflow went.

use std::sync::Mutex;

use makespan_core::sched::way::{Observed, Way, Why};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::clock::clock;
use crate::columns::Columns;
use crate::error::BindError;
use crate::history::{self, History};

/// Whether runs have the help of other threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Helpers {
    Never,
    Always,
    /// As is chosen before each run.
    Chosen,
}

impl Helpers {
    /// Whether there are runs that helpers may join.
    pub(crate) fn may_join(self) -> bool {
        self != Self::Never
    }
}

impl FromPyObject<'_, '_> for Helpers {
    type Error = PyErr;

    fn extract(name: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        Ok(match name.extract::<&str>()? {
            "never" => Self::Never,
            "always" => Self::Always,
            "chosen" => Self::Chosen,
            _ => {
                let (argument, value) = ("helpers".to_owned(), name.to_owned().unbind());
                return Err(
                    BindError::Argument { argument, value, expected: "never, always or chosen" }.into()
                );
            }
        })
    }
}

/// A choice that was made, and what is to be known of its run.
#[derive(Debug)]
pub(crate) struct ChosenWay {
    way: Way,
    why: Why,
    /// Time of the process on processors before the run.
    cpu_ns: u64,
}

impl ChosenWay {
    /// Chooses for a run that begins now.
    pub(crate) fn now(py: Python<'_>, history: &Mutex<History>) -> PyResult<Self> {
        let (way, why) = history::lock(history).ways.choose();
        Ok(Self { way, why, cpu_ns: process_cpu_ns(py)? })
    }

    pub(crate) fn is_shared(&self) -> bool {
        self.way == Way::Shared
    }

    /// Tells the history how the run went; returns why it was made so.
    pub(crate) fn observe(
        self,
        py: Python<'_>,
        history: &Mutex<History>,
        columns: &Columns,
        n_nodes: usize,
    ) -> PyResult<Why> {
        let observed = Observed {
            elapsed_ns: clock().delta_as_nanos(columns.started, columns.ended),
            cpu_ns: process_cpu_ns(py)?.saturating_sub(self.cpu_ns),
            work_ns: clock().delta_as_nanos(0, columns.work()),
            n_nodes,
        };
        history::lock(history).ways.observe(self.way, observed);
        Ok(self.why)
    }
}

fn process_cpu_ns(py: Python<'_>) -> PyResult<u64> {
    static PROCESS_TIME: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    PROCESS_TIME.import(py, "time", "process_time_ns")?.call0()?.extract()
}
