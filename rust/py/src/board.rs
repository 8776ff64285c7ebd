//! The board of a shared run: the scheduler, and what its workers tell each other, under one lock.
//!
//! Nothing here waits, reads a clock or calls Python; `run.rs` holds the lock around it.

use std::sync::Arc;

use makespan_core::graph::NodeId;
use makespan_core::sched::{
    Action, Event, FailurePolicy, NodeState, RunScheduler, SchedulerError, SchedulerOptions, wake,
};
use pyo3::PyErr;

use crate::columns::{Outcome, Outcomes, Span};
use crate::error;
use crate::layout::Sharing;

/// A node that failed, by position.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) position: u32,
    pub(crate) error: PyErr,
}

/// Where the thread is that called `run`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CallerState {
    /// In the worker loop.
    #[default]
    Working,
    /// Parked, to be called when there is work or the run is settled.
    Waiting,
    /// Called, not awake yet.
    Called,
    /// It left while steps were running: whoever still runs one ends with it.
    Gone,
}

/// How a node that a worker ran has ended.
#[derive(Debug)]
pub(crate) enum NodeEnd {
    Finished,
    Failed(PyErr),
    /// It raised what ends the program rather than the step.
    EndsTheProgram(PyErr),
}

/// What a worker learns at the board.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) next: Option<u32>,
    pub(crate) n_to_wake: usize,
    /// The caller gave this worker up while its step ran.
    pub(crate) is_given_up: bool,
    /// Everything before `next` is finished and nothing else runs: there is nothing to share.
    pub(crate) is_solo: bool,
}

/// What the workers of a run share.
#[derive(Debug, Default)]
pub(crate) struct Board {
    /// There once the baton is taken.
    scheduler: Option<RunScheduler>,
    actions: Vec<Action>,
    pub(crate) spans: Vec<Span>,
    pub(crate) failures: Vec<Failure>,
    /// What ends the program rather than the run.
    pub(crate) interruption: Option<PyErr>,
    pub(crate) caller: CallerState,
    is_settled: bool,
    /// How often there turned out to be nothing to share.
    pub(crate) n_handed_back: u32,
}

impl Board {
    /// Sets the scheduler up where a soloist stands: all before `position` is finished.
    pub(crate) fn share(
        &mut self,
        sharing: &Sharing,
        policy: FailurePolicy,
        position: u32,
        is_running: bool,
    ) {
        self.scheduler = Some(RunScheduler::after_prefix(
            Arc::clone(&sharing.graph),
            Arc::clone(&sharing.inputs),
            Arc::clone(&sharing.kept),
            SchedulerOptions { on_failure: policy },
            position,
            is_running.then(|| NodeId::new(position)),
        ));
    }

    /// Puts the scheduler away: a soloist goes on.
    pub(crate) fn unshare(&mut self) {
        self.scheduler = None;
        self.n_handed_back += 1;
    }

    /// True when nothing runs and nothing will, or the run is to be given up.
    pub(crate) fn is_over(&self) -> bool {
        self.is_settled || self.interruption.is_some()
    }

    pub(crate) fn is_caller_idle(&self) -> bool {
        self.caller == CallerState::Waiting
    }

    /// How many nodes are finished and how many run; none before the scheduler stands.
    pub(crate) fn counts(&self) -> Option<(usize, usize)> {
        self.scheduler.as_ref().map(|scheduler| (scheduler.n_finished(), scheduler.n_running()))
    }

    /// How many nodes the scheduler has dispatched; none before it stands.
    pub(crate) fn n_dispatched(&self) -> Option<u64> {
        self.scheduler.as_ref().map(RunScheduler::n_dispatched)
    }

    /// The watcher's rule: how many of the idle to wake.
    pub(crate) fn n_to_wake_on_tick(&self, n_idle: usize, n_dispatched_since: u64) -> usize {
        self.scheduler
            .as_ref()
            .map_or(0, |scheduler| wake::n_to_wake_on_tick(scheduler.n_ready(), n_idle, n_dispatched_since))
    }

    /// Takes a worker's report, if it has one, and tells it what is next; `released` receives results.
    pub(crate) fn exchange(
        &mut self,
        sharing: &Sharing,
        now_ns: u64,
        ended: Option<(Span, NodeEnd)>,
        n_idle: usize,
        released: &mut Vec<u32>,
    ) -> Told {
        let is_given_up = self.caller == CallerState::Gone && ended.is_some();
        let mut told = Told { next: None, n_to_wake: 0, is_given_up, is_solo: false };
        let Some(scheduler) = &mut self.scheduler else {
            return told;
        };
        let mut events = [Event::Requested { n_nodes: 1 }; 3];
        let mut n_events = 1;
        if let Some((span, end)) = ended {
            let node = NodeId::new(span.position);
            self.spans.push(span);
            n_events = 2;
            events[0] = match end {
                NodeEnd::Finished => Event::Finished { node },
                NodeEnd::Failed(error) => {
                    self.failures.push(Failure { position: span.position, error });
                    Event::Failed { node }
                }
                NodeEnd::EndsTheProgram(error) => {
                    self.interruption.get_or_insert(error);
                    n_events = 3;
                    events[1] = Event::CancelRequested;
                    Event::Failed { node }
                }
            };
        }
        if let Err(error) = scheduler.advance(now_ns, &events[..n_events], &mut self.actions) {
            self.interruption.get_or_insert_with(|| refused(&error));
        }
        for action in self.actions.drain(..) {
            match action {
                Action::Dispatch { node } => told.next = Some(node.get()),
                Action::Release { node } => released.push(node.get()),
                Action::Skip { .. } | Action::Cancel { .. } => {}
                Action::Settle => self.is_settled = true,
            }
        }
        if let Some(position) = told.next {
            let expected_ns = sharing.expected_ns[position as usize];
            told.n_to_wake = wake::n_to_wake_on_dispatch(expected_ns, scheduler.n_ready(), n_idle);
            told.is_solo = scheduler.n_running() == 1 && scheduler.n_finished() == position as usize;
        }
        told
    }

    /// Says that a node which counts as running never started.
    pub(crate) fn never_started(&mut self, position: u32) {
        if let Some(scheduler) = &mut self.scheduler {
            let events = [Event::Failed { node: NodeId::new(position) }];
            if let Err(error) = scheduler.advance(0, &events, &mut self.actions) {
                self.interruption.get_or_insert_with(|| refused(&error));
            }
            self.actions.clear();
        }
    }

    /// Gives the run up: nothing more starts; returns the positions of the nodes that run.
    pub(crate) fn give_up(&mut self) -> Vec<u32> {
        self.caller = CallerState::Gone;
        let Some(scheduler) = &mut self.scheduler else {
            return Vec::new();
        };
        if let Err(error) = scheduler.advance(0, &[Event::CancelRequested], &mut self.actions) {
            self.interruption.get_or_insert_with(|| refused(&error));
        }
        self.actions.clear();
        scheduler.running().map(NodeId::get).collect()
    }

    /// Returns how every node of a settled run ended.
    pub(crate) fn outcomes(&self, n_nodes: usize) -> Outcomes {
        let Some(scheduler) = &self.scheduler else {
            return Outcomes::AllFinished;
        };
        if scheduler.n_finished() == n_nodes {
            return Outcomes::AllFinished;
        }
        let outcome = |position| match scheduler.state(NodeId::from_index(position)) {
            NodeState::Finished => Outcome::Finished,
            NodeState::Failed => Outcome::Failed,
            NodeState::Skipped => Outcome::Skipped,
            NodeState::Waiting
            | NodeState::Delayed
            | NodeState::Ready
            | NodeState::Running
            | NodeState::Cancelling
            | NodeState::Cancelled => Outcome::Cancelled,
        };
        Outcomes::Mixed((0..n_nodes).map(outcome).collect())
    }
}

fn refused(error: &SchedulerError) -> PyErr {
    error::internal(&format!("the scheduler refused an event of its own run loop: {error}"))
}
