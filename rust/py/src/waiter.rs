//! Those who ask for resources: who they are, and how they are woken.

use std::sync::{Arc, Weak};

use makespan_core::sched::grants::Ticket;
use pyo3::prelude::*;

use crate::names::Names;
use crate::run::Run;
use crate::shared::Rings;

/// Whose a ticket is.
#[derive(Clone, Debug)]
pub(crate) enum Who {
    /// A thread, by its number.
    Thread(u64),
    /// A process, by its id and when it started: ids are used again.
    Process {
        pid: u32,
        started: u64,
    },
    Named(Arc<str>),
    /// A node of a run.
    Node(Arc<Names>, u32),
}

impl Who {
    /// Who it is, for people.
    pub(crate) fn text(&self, py: Python<'_>) -> String {
        match self {
            Self::Thread(ident) => match thread_name(py, *ident) {
                Ok(name) => format!("thread {name}"),
                Err(_) => format!("thread {ident}"),
            },
            Self::Process { pid, .. } => format!("process {pid}"),
            Self::Named(name) => name.to_string(),
            Self::Node(names, node) => names.path(*node),
        }
    }
}

/// Looks a thread up among those that Python knows; it may have ended.
fn thread_name(py: Python<'_>, ident: u64) -> PyResult<String> {
    let threads = py.import("threading")?.call_method0("enumerate")?;
    for thread in threads.try_iter()? {
        let thread = thread?;
        if thread.getattr("ident")?.extract::<Option<u64>>()? == Some(ident) {
            return thread.getattr("name")?.extract();
        }
    }
    Ok(ident.to_string())
}

/// How one is told that does not sleep in the desk.
#[derive(Clone, Debug)]
pub(crate) enum Waker {
    /// A function that tells an event loop.
    Loop(Arc<Py<PyAny>>),
    /// A node of a run, by position.
    Node(Weak<Run>, u32),
}

impl Waker {
    /// Tells it; no lock is held. Returns what is to be rung by that.
    pub(crate) fn ring(self, py: Python<'_>, ticket: Ticket, is_granted: bool) -> Rings {
        match self {
            Self::Loop(function) => {
                if let Err(error) = function.bind(py).call0() {
                    error.write_unraisable(py, None);
                }
                Rings::new()
            }
            Self::Node(run, position) => {
                run.upgrade().map_or_else(Rings::new, |run| run.on_ring(py, position, ticket, is_granted))
            }
        }
    }
}

/// When a process started, in ticks of the system; none if it has ended, 0 where the system does not tell.
pub(crate) fn process_started(pid: u32) -> Option<u64> {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => started_of(&stat),
        Err(_) if std::fs::exists("/proc/self/stat").unwrap_or(false) => None,
        Err(_) => Some(0),
    }
}

/// Whether the process that started then is still there.
pub(crate) fn is_process_alive(pid: u32, started: u64) -> bool {
    process_started(pid) == Some(started)
}

/// Reads the 22nd field of a process's line; the second one is a name in parentheses that may contain anything.
fn started_of(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_start() {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194304 1 0 0 0 1 2 0 0 20 0 1 0 777 100 5";
        assert_eq!(started_of(stat), Some(777));
        assert_eq!(started_of(&stat.replace(" S ", " Z ")), None);
        assert_eq!(started_of(""), None);
        let started = process_started(std::process::id());
        assert!(started.is_some_and(|started| is_process_alive(std::process::id(), started)));
    }
}
