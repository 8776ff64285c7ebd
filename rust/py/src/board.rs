//! The board of a shared run: the scheduler, and what its workers tell each other, under one lock.
//!
//! Nothing here waits, reads a clock or calls Python; `run.rs` holds the lock around it.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use makespan_core::graph::NodeId;
use makespan_core::sched::grants::Ticket;
use makespan_core::sched::{
    Action, Event, FailurePolicy, NodeState, RunScheduler, SchedulerError, SchedulerOptions, wake,
};
use pyo3::PyErr;

use crate::columns::{Outcome, Outcomes, Span};
use crate::desk::Bell;
use crate::error::{self, BindError};
use crate::layout::{Layout, Sharing};
use crate::needs::Needs;
use crate::run::Run;
use crate::shared::Rings;
use crate::waiter::Waker;

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

/// What a worker reports: nodes that have ended, and how.
#[derive(Debug)]
pub(crate) struct Report {
    first: (Span, NodeEnd),
    /// Those that it was given together with the first.
    others: Vec<(Span, NodeEnd)>,
    /// All of them were one call of a batch form.
    is_one_call: bool,
}

impl Report {
    pub(crate) fn of_node(span: Span, end: NodeEnd) -> Self {
        Self { first: (span, end), others: Vec::new(), is_one_call: false }
    }

    /// Of nodes that were one call.
    pub(crate) fn of_call(ended: Vec<(Span, NodeEnd)>) -> Self {
        Self { is_one_call: true, ..Self::of_nodes(ended) }
    }

    /// Of nodes that were called one after the other.
    pub(crate) fn of_nodes(ended: Vec<(Span, NodeEnd)>) -> Self {
        let mut ended = ended.into_iter();
        let Some(first) = ended.next() else {
            unreachable!("a call has at least one node");
        };
        Self { first, others: ended.collect(), is_one_call: false }
    }

    /// When the last of them ended.
    pub(crate) fn finish(&self) -> u64 {
        self.others.last().map_or(self.first.0.finish, |(span, _)| span.finish)
    }

    /// Replaces how the first of them ended.
    pub(crate) fn set_end(&mut self, end: NodeEnd) {
        self.first.1 = end;
    }
}

/// What a worker learns at the board.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) next: Option<u32>,
    /// Nodes that are called together with the next.
    pub(crate) mates: Vec<u32>,
    pub(crate) n_to_wake: usize,
    /// The caller gave this worker up while its step ran.
    pub(crate) is_given_up: bool,
    /// Everything before `next` is finished and nothing else runs: there is nothing to share.
    pub(crate) is_solo: bool,
}

/// Whom to ask for what nodes need, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asking<'a> {
    pub(crate) needs: &'a Needs,
    pub(crate) layout: &'a Layout,
    pub(crate) run: &'a Weak<Run>,
    /// On the clock of the resources.
    pub(crate) now_ns: u64,
}

/// What the workers of a run share.
#[derive(Debug, Default)]
pub(crate) struct Board {
    /// There once the baton is taken.
    scheduler: Option<RunScheduler>,
    events: Vec<Event>,
    actions: Vec<Action>,
    /// By position: what nodes hold, or wait for.
    tickets: BTreeMap<u32, Ticket>,
    /// By position: since when a node waits, also where its grant was declined.
    asked_ns: BTreeMap<u32, u64>,
    /// Workers that were woken and have not come yet.
    pub(crate) n_coming: usize,
    pub(crate) spans: Vec<Span>,
    /// As in `Columns`.
    pub(crate) batches: Vec<(u32, u32)>,
    /// Nodes that run and are not the first of their call.
    n_mates_running: usize,
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
        layout: &Layout,
        sharing: &Sharing,
        policy: FailurePolicy,
        position: u32,
        is_running: bool,
    ) {
        let scheduler = RunScheduler::after_prefix(
            Arc::clone(&sharing.graph),
            Arc::clone(&sharing.inputs),
            Arc::clone(&sharing.kept),
            SchedulerOptions { on_failure: policy },
            position,
            is_running.then(|| NodeId::new(position)),
        );
        let scheduler = match &sharing.needs {
            None => scheduler,
            Some(needs) => scheduler.with_needs(Arc::clone(needs)),
        };
        self.scheduler = Some(match &layout.candidates {
            None => scheduler,
            Some(candidates) => scheduler.with_candidates(Arc::clone(candidates)),
        });
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
    pub(crate) fn n_to_wake_on_tick(&self, now_ns: u64, n_idle: usize, n_dispatched_since: u64) -> usize {
        self.scheduler.as_ref().map_or(0, |scheduler| {
            wake::n_to_wake_on_tick(scheduler.n_ready_at(now_ns), n_idle, n_dispatched_since)
        })
    }

    /// Takes a worker's report, if it has one, and tells it what is next; `released` receives results, `rings` the bells
    /// of others who were granted what nodes gave back.
    pub(crate) fn exchange(
        &mut self,
        sharing: &Sharing,
        now_ns: u64,
        ended: Option<Report>,
        n_idle: usize,
        asking: Option<&Asking<'_>>,
        (released, rings): (&mut Vec<u32>, &mut Rings),
    ) -> Told {
        let is_given_up = self.caller == CallerState::Gone && ended.is_some();
        let mut told = Told { is_given_up, ..Told::default() };
        if self.scheduler.is_none() {
            return told;
        }
        match ended {
            None => self.n_coming = self.n_coming.saturating_sub(1),
            Some(report) => self.take_report(report, asking, rings),
        }
        if let Some(asking) = asking
            && !self.tickets.is_empty()
        {
            let is_closed = asking.needs.shared().desk.advance(asking.now_ns, rings);
            self.take_own(asking, rings);
            if is_closed && self.has_delayed() {
                self.interruption.get_or_insert_with(|| BindError::ClosedResources.into());
                self.events.push(Event::CancelRequested);
            }
        }
        let request = Event::Requested { n_nodes: 1 };
        self.events.push(request);
        while !self.events.is_empty() {
            if told.next.is_none() && !self.events.contains(&request) {
                // Another node was granted what it needs meanwhile.
                self.events.push(request);
            }
            let asked = self.advance(now_ns, asking, &mut told, released, rings);
            if let (Some(node), Some(asking)) = (asked, asking) {
                self.ask(node, asking, rings);
            }
        }
        if let (Some(position), Some(scheduler)) = (told.next, &self.scheduler) {
            let expected_ns = |position: &u32| sharing.expected_ns[*position as usize];
            let of_mates = told.mates.iter().map(expected_ns);
            let expected_ns = of_mates.fold(expected_ns(&position), u64::saturating_add);
            told.n_to_wake = wake::n_to_wake_on_dispatch(expected_ns, scheduler.n_ready(), n_idle);
            told.is_solo = scheduler.n_running() == 1 && scheduler.n_finished() == position as usize;
        }
        told
    }

    /// Whether a node waits for what it needs.
    fn has_delayed(&self) -> bool {
        let is_delayed = |scheduler: &RunScheduler, position: &u32| {
            scheduler.state(NodeId::new(*position)) == NodeState::Delayed
        };
        self.scheduler
            .as_ref()
            .is_some_and(|scheduler| self.tickets.keys().any(|position| is_delayed(scheduler, position)))
    }

    /// Turns a report into events, and gives back what the node held.
    fn take_report(&mut self, report: Report, asking: Option<&Asking<'_>>, rings: &mut Rings) {
        self.n_mates_running -= report.others.len();
        if report.is_one_call {
            self.batches.push((self.spans.len() as u32, report.others.len() as u32 + 1));
        }
        let (span, end) = report.first;
        self.take_end(span, end, asking, rings);
        for (span, end) in report.others {
            self.take_end(span, end, asking, rings);
        }
    }

    fn take_end(&mut self, span: Span, end: NodeEnd, asking: Option<&Asking<'_>>, rings: &mut Rings) {
        let node = NodeId::new(span.position);
        self.spans.push(span);
        match end {
            NodeEnd::Finished => self.events.push(Event::Finished { node }),
            NodeEnd::Failed(error) => {
                self.failures.push(Failure { position: span.position, error });
                self.events.push(Event::Failed { node });
            }
            NodeEnd::EndsTheProgram(error) => {
                self.interruption.get_or_insert(error);
                self.events.extend([Event::Failed { node }, Event::CancelRequested]);
            }
        }
        if let Some(asking) = asking {
            self.give_back(span.position, asking, rings);
            self.take_own(asking, rings);
        }
    }

    /// Tells the scheduler the events and does its actions; returns the node that is to be asked for.
    fn advance(
        &mut self,
        now_ns: u64,
        asking: Option<&Asking<'_>>,
        told: &mut Told,
        released: &mut Vec<u32>,
        rings: &mut Rings,
    ) -> Option<u32> {
        let scheduler = self.scheduler.as_mut()?;
        if let Err(error) = scheduler.advance(now_ns, &self.events, &mut self.actions) {
            self.interruption.get_or_insert_with(|| refused(&error));
        }
        self.events.clear();
        let mut asked = None;
        let mut given_up = Vec::new();
        for action in self.actions.drain(..) {
            match action {
                Action::Dispatch { node } => told.next = Some(node.get()),
                Action::Join { node } => {
                    self.n_mates_running += 1;
                    told.mates.push(node.get());
                }
                Action::Ask { node } => asked = Some(node.get()),
                Action::Release { node } => released.push(node.get()),
                Action::Skip { node } | Action::Cancel { node } => {
                    given_up.extend(self.tickets.remove(&node.get()));
                }
                Action::Settle => self.is_settled = true,
            }
        }
        if let Some(asking) = asking {
            for ticket in given_up {
                asking.needs.shared().desk.release(asking.now_ns, ticket, rings);
            }
            self.take_own(asking, rings);
        }
        asked
    }

    /// Asks for what a node needs, and for another node meanwhile where it has to wait.
    fn ask(&mut self, position: u32, asking: &Asking<'_>, rings: &mut Rings) {
        let since_ns = self.asked_ns.get(&position).copied();
        let asked = asking.needs.ask(asking.layout, position, asking.run, asking.now_ns, since_ns, rings);
        match asked {
            Ok((ticket, is_held)) => {
                self.tickets.insert(position, ticket);
                if is_held {
                    self.events.push(Event::Granted { node: NodeId::new(position) });
                } else {
                    self.asked_ns.entry(position).or_insert(asking.now_ns);
                }
                self.events.push(Event::Requested { n_nodes: 1 });
            }
            Err(error) => {
                // A limit was lowered, or the manager closed, since the run began.
                self.interruption.get_or_insert_with(|| error.into());
                self.events.push(Event::CancelRequested);
            }
        }
        self.take_own(asking, rings);
    }

    /// Gives back what a node holds, or lets it wait no more.
    fn give_back(&mut self, position: u32, asking: &Asking<'_>, rings: &mut Rings) {
        if let Some(ticket) = self.tickets.remove(&position) {
            asking.needs.shared().desk.release(asking.now_ns, ticket, rings);
        }
    }

    /// Takes the bells of this run's own nodes out of `rings`: those that were granted are events.
    fn take_own(&mut self, asking: &Asking<'_>, rings: &mut Rings) {
        rings.retain(|ring| {
            let Bell::Other(Waker::Node(run, position)) = &ring.bell else {
                return true;
            };
            if !Weak::ptr_eq(run, asking.run) {
                return true;
            }
            if ring.is_granted && self.tickets.get(position) == Some(&ring.ticket) {
                // Whoever waits with it is granted too, before anything is requested.
                self.events.insert(0, Event::Granted { node: NodeId::new(*position) });
            }
            false
        });
    }

    /// Takes in that a node was granted what it waits for; false if it does not wait any more.
    pub(crate) fn on_granted(&mut self, position: u32, ticket: Ticket) -> bool {
        let Some(scheduler) = &mut self.scheduler else {
            return false;
        };
        let node = NodeId::new(position);
        if self.tickets.get(&position) != Some(&ticket) || scheduler.state(node) != NodeState::Delayed {
            return false;
        }
        if let Err(error) = scheduler.advance(0, &[Event::Granted { node }], &mut self.actions) {
            self.interruption.get_or_insert_with(|| refused(&error));
        }
        true
    }

    /// How many nodes hold what they need and have nobody who comes to run them.
    pub(crate) fn n_unattended(&self) -> usize {
        self.scheduler.as_ref().map_or(0, |scheduler| scheduler.n_granted().saturating_sub(self.n_coming))
    }

    /// Gives back the grants of nodes that nobody comes to run, the last ones first: they are asked for again in their turn,
    /// and keep their place in line. So no run holds what it does not use, which another may be waiting for.
    pub(crate) fn decline_unattended(&mut self, asking: &Asking<'_>, rings: &mut Rings) {
        while self.n_unattended() > 0 {
            let Some(scheduler) = &mut self.scheduler else {
                return;
            };
            let is_ready = |position: &&u32| scheduler.state(NodeId::new(**position)) == NodeState::Ready;
            let Some(&position) = self.tickets.keys().rev().find(is_ready) else {
                return;
            };
            let node = NodeId::new(position);
            self.events.push(Event::Declined { node });
            self.give_back(position, asking, rings);
            self.take_own(asking, rings);
            let told = &mut Told::default();
            self.advance(0, Some(asking), told, &mut Vec::new(), rings);
        }
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

    /// Gives the run up: nothing more starts; returns the positions of the nodes that run, and in how many calls.
    pub(crate) fn give_up(&mut self, asking: Option<&Asking<'_>>, rings: &mut Rings) -> (Vec<u32>, usize) {
        self.caller = CallerState::Gone;
        self.events.push(Event::CancelRequested);
        let told = &mut Told::default();
        self.advance(0, asking, told, &mut Vec::new(), rings);
        let Some(scheduler) = &self.scheduler else {
            self.events.clear();
            return (Vec::new(), 0);
        };
        let running: Vec<u32> = scheduler.running().map(NodeId::get).collect();
        let n_calls = running.len() - self.n_mates_running;
        (running, n_calls)
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
