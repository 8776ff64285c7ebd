//! A run that several workers may share: the board they meet at, the worker loop, the caller's part.
//!
//! Every decision (what is next, what is released, when to wake somebody) is the core's; this file holds
//! the lock around it, calls Python outside of it, and knows how threads wait.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::sync::atomic::Ordering;
use std::time::Duration;

use makespan_core::graph::NodeId;
use makespan_core::sched::{
    Action, Event, FailurePolicy, NodeState, Scheduler, SchedulerError, SchedulerOptions, wake,
};
use pyo3::prelude::*;

use crate::baton::{Baton, Phase};
use crate::call::{Caller, Table};
use crate::clock::clock;
use crate::columns::{Columns, Outcome, Outcomes, Span};
use crate::context;
use crate::detach::detached;
use crate::error;
use crate::layout::{Layout, Sharing};
use crate::progress::ProgressCell;
use crate::solo::{SoloEnd, solo};
use crate::team::Team;
use crate::watcher::Watcher;

/// How long the caller waits before it looks for signals.
const SIGNAL_PERIOD: Duration = Duration::from_millis(50);

/// The worker number of the thread that called `run`.
const CALLER: u16 = 0;

/// A node that failed, by position.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) position: u32,
    pub(crate) error: PyErr,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) columns: Columns,
    pub(crate) failures: Vec<Failure>,
}

/// What the workers of a run share under one lock.
#[derive(Debug, Default)]
struct Board {
    /// There once the baton is taken.
    scheduler: Option<Scheduler>,
    actions: Vec<Action>,
    spans: Vec<Span>,
    failures: Vec<Failure>,
    /// What ends the program rather than the run.
    interruption: Option<PyErr>,
    is_caller_waiting: bool,
    is_caller_called: bool,
    is_settled: bool,
    /// The caller left while steps were running.
    is_abandoned: bool,
}

/// A run that several workers may share.
pub(crate) struct Run {
    pub(crate) layout: Arc<Layout>,
    pub(crate) table: Table,
    sharing: Option<Sharing>,
    baton: Baton,
    team: Arc<Team<Arc<Run>>>,
    board: Mutex<Board>,
    caller_called: Condvar,
    context: Option<Py<PyAny>>,
    policy: FailurePolicy,
    started: u64,
    progress: Option<Arc<ProgressCell>>,
}

impl std::fmt::Debug for Run {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Run")
            .field("workflow", &self.layout.program.names.workflow)
            .field("baton", &self.baton)
            .finish_non_exhaustive()
    }
}

/// The end of a node that a worker ran.
struct Ended {
    span: Span,
    outcome: PyResult<()>,
}

/// How a worker enters the loop.
enum Begin {
    /// With nothing: it asks.
    Ask,
    /// With a node that it is to run.
    Run(u32),
    /// With a node that it has run.
    Report(Ended),
}

/// What a worker learns at the board.
struct Told {
    next: Option<u32>,
    n_to_wake: usize,
    /// The caller gave this worker up while its step ran.
    is_given_up: bool,
}

impl Run {
    #[expect(clippy::too_many_arguments, reason = "a record, built in one place")]
    pub(crate) fn new(
        layout: Arc<Layout>,
        table: Table,
        sharing: Option<Sharing>,
        team: Arc<Team<Arc<Run>>>,
        context: Option<Py<PyAny>>,
        policy: FailurePolicy,
        started: u64,
        progress: Option<Arc<ProgressCell>>,
    ) -> Arc<Self> {
        let run = Arc::new(Self {
            layout,
            table,
            sharing,
            baton: Baton::new(),
            team,
            board: Mutex::default(),
            caller_called: Condvar::new(),
            context,
            policy,
            started,
            progress,
        });
        if let Some(progress) = &run.progress {
            progress.follow(run.layout.n_nodes(), Arc::downgrade(&run));
        }
        run
    }

    pub(crate) fn phase(&self) -> Phase {
        self.baton.phase()
    }

    fn sharing(&self) -> &Sharing {
        match self.sharing.as_ref().or(self.layout.sharing.as_ref()) {
            Some(sharing) => sharing,
            None => unreachable!("a run that can be shared is made with what that takes"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the baton at `position` and sets the scheduler up; false when the soloist has moved on.
    ///
    /// `is_running`: the node at `position` runs; otherwise it is still to be started.
    fn share(&self, board: &mut Board, position: u32, is_running: bool) -> bool {
        if !self.baton.take(position) {
            return false;
        }
        let sharing = self.sharing();
        board.scheduler = Some(Scheduler::after_prefix(
            Arc::clone(&sharing.graph),
            Arc::clone(&sharing.inputs),
            Arc::clone(&sharing.kept),
            SchedulerOptions { on_failure: self.policy },
            position,
            is_running.then(|| NodeId::new(position)),
        ));
        true
    }

    /// Called once a tick by the watcher: shares the work when a node lasts.
    ///
    /// Returns how far the run is, for the next call; none when there is nothing left to watch.
    pub(crate) fn on_tick(self: &Arc<Self>, last: Watermark) -> Option<Watermark> {
        let n_nodes = self.layout.n_nodes() as u32;
        match self.baton.phase() {
            Phase::Done => None,
            Phase::Solo(position) if position >= n_nodes => None,
            Phase::Solo(position) => {
                if last == Watermark::Position(position) {
                    let mut board = self.lock();
                    if self.share(&mut board, position, true) {
                        let n_to_wake = self.n_to_wake_on_tick(&board, 0);
                        drop(board);
                        self.wake(n_to_wake);
                        return Some(Watermark::Dispatched(0));
                    }
                }
                Some(Watermark::Position(position))
            }
            Phase::Taken => {
                let board = self.lock();
                let scheduler = board.scheduler.as_ref()?;
                if board.is_settled {
                    return None;
                }
                let n_dispatched = scheduler.n_dispatched();
                let n_since = match last {
                    Watermark::Dispatched(before) => n_dispatched - before,
                    Watermark::Position(_) => n_dispatched,
                };
                let n_to_wake = self.n_to_wake_on_tick(&board, n_since);
                drop(board);
                self.wake(n_to_wake);
                Some(Watermark::Dispatched(n_dispatched))
            }
        }
    }

    fn n_to_wake_on_tick(&self, board: &Board, n_dispatched_since: u64) -> usize {
        board.scheduler.as_ref().map_or(0, |scheduler| {
            wake::n_to_wake_on_tick(scheduler.n_ready(), self.n_idle(board), n_dispatched_since)
        })
    }

    fn n_idle(&self, board: &Board) -> usize {
        self.team.n_idle() + usize::from(board.is_caller_waiting && !board.is_caller_called)
    }

    /// Wakes up to `n` idle workers, the caller first.
    fn wake(self: &Arc<Self>, n: usize) {
        if n == 0 {
            return;
        }
        let mut n_left = n;
        let mut board = self.lock();
        if board.is_caller_waiting && !board.is_caller_called {
            board.is_caller_called = true;
            n_left -= 1;
            self.caller_called.notify_one();
        }
        drop(board);
        if n_left > 0 {
            self.team.invite(n_left, || Arc::clone(self));
        }
    }

    /// Reports what a worker ended, if anything, and asks what it is to do next.
    fn exchange(&self, py: Python<'_>, ended: Option<Ended>, released: &mut Vec<u32>) -> Told {
        let mut board = self.lock();
        let board = &mut *board;
        let mut told = Told { next: None, n_to_wake: 0, is_given_up: board.is_abandoned && ended.is_some() };
        let Some(scheduler) = &mut board.scheduler else {
            return told;
        };
        let mut events = [Event::Requested { n_nodes: 1 }; 3];
        let mut n_events = 0;
        if let Some(Ended { span, outcome }) = ended {
            let node = NodeId::new(span.position);
            board.spans.push(span);
            events[0] = match outcome {
                Ok(()) => Event::Finished { node },
                Err(error) => {
                    if error::ends_the_program(py, &error) {
                        board.interruption.get_or_insert(error);
                        n_events = 1;
                        events[1] = Event::CancelRequested;
                    } else {
                        board.failures.push(Failure { position: span.position, error });
                    }
                    Event::Failed { node }
                }
            };
            n_events += 1;
        }
        events[n_events] = Event::Requested { n_nodes: 1 };
        let now_ns = clock().delta_as_nanos(self.started, clock().raw());
        if let Err(error) = scheduler.advance(now_ns, &events[..=n_events], &mut board.actions) {
            board.interruption.get_or_insert_with(|| refused(error));
            board.is_settled = true;
        }
        for action in board.actions.drain(..) {
            match action {
                Action::Dispatch { node } => told.next = Some(node.get()),
                Action::Release { node } => released.push(node.get()),
                Action::Skip { .. } | Action::Cancel { .. } => {}
                Action::Settle => board.is_settled = true,
            }
        }
        if let Some(progress) = &self.progress {
            progress.n_finished.store(scheduler.n_finished() as u32, Ordering::Relaxed);
            progress.n_running.store(scheduler.n_running() as u32, Ordering::Relaxed);
        }
        if board.is_settled && board.is_caller_waiting {
            self.caller_called.notify_one();
        }
        if let Some(position) = told.next {
            let n_idle = self.team.n_idle() + usize::from(board.is_caller_waiting && !board.is_caller_called);
            told.n_to_wake = wake::n_to_wake_on_dispatch(
                self.sharing().expected_ns[position as usize],
                scheduler.n_ready(),
                n_idle,
            );
        }
        told
    }

    /// Runs nodes until there is none for this worker; false when the caller gave the worker up.
    fn work(
        self: &Arc<Self>,
        py: Python<'_>,
        caller: &mut Caller<'_, '_>,
        worker: u16,
        begin: Begin,
    ) -> bool {
        let clock = clock();
        let mut released = Vec::new();
        let mut now = clock.raw();
        let (mut next, mut ended) = match begin {
            Begin::Ask => (None, None),
            Begin::Run(position) => (Some(position), None),
            Begin::Report(ended) => (None, Some(ended)),
        };
        loop {
            let position = if let Some(position) = next.take() {
                position
            } else {
                let told = self.exchange(py, ended.take(), &mut released);
                for position in released.drain(..) {
                    // SAFETY: the scheduler releases a result once, when its last consumer is over.
                    #[expect(unsafe_code, reason = "slots are shared by protocol")]
                    let result = unsafe { self.table.take(position as usize) };
                    drop(result);
                }
                self.wake(told.n_to_wake);
                match told.next {
                    Some(position) => position,
                    None => return !told.is_given_up,
                }
            };
            // SAFETY: the scheduler dispatched the node to this worker, so its parents are finished.
            #[expect(unsafe_code, reason = "calls nodes, see call.rs")]
            let outcome = unsafe { caller.call(position as usize) };
            let finish = clock.raw();
            let span = Span { position, worker, start: now, finish };
            ended = Some(Ended { span, outcome });
            now = finish;
        }
    }

    /// A helper's part: what the invitation was for. False when the caller gave the helper up.
    pub(crate) fn help(self: &Arc<Self>, py: Python<'_>, worker: u16) -> PyResult<bool> {
        let _entered = match &self.context {
            Some(context) => Some(context::enter_copy_of(context.bind(py))?),
            None => None,
        };
        let mut caller = Caller::new(py, &self.layout, &self.table)?;
        Ok(self.work(py, &mut caller, worker, Begin::Ask))
    }

    /// The caller's part, from the first node to the end.
    pub(crate) fn drive(self: &Arc<Self>, py: Python<'_>) -> PyResult<Ending> {
        let mut caller = Caller::new(py, &self.layout, &self.table)?;
        let _watcher = if self.sharing().needs_watcher && self.team.n_members() > 0 {
            Watcher::start(self)
        } else {
            None
        };
        let mut stamps = Vec::new();
        // SAFETY: the baton is new: this thread is the soloist.
        #[expect(unsafe_code, reason = "runs nodes, see call.rs")]
        let end = unsafe { solo(py, &self.layout, &mut caller, &self.baton, self.started, &mut stamps) };
        self.go_on(py, &mut caller, end, stamps)
    }

    /// Goes on, without helpers, from where a solo that nobody could take over from ended.
    pub(crate) fn go_on_from(
        self: &Arc<Self>,
        py: Python<'_>,
        caller: &mut Caller<'_, '_>,
        end: SoloEnd,
        stamps: Vec<u64>,
    ) -> PyResult<Ending> {
        for position in 0..(stamps.len() as u32).saturating_sub(1) {
            self.baton.step(position);
        }
        self.go_on(py, caller, end, stamps)
    }

    /// Goes on from where a solo ended.
    fn go_on(
        self: &Arc<Self>,
        py: Python<'_>,
        caller: &mut Caller<'_, '_>,
        end: SoloEnd,
        mut stamps: Vec<u64>,
    ) -> PyResult<Ending> {
        let mut begin = match end {
            SoloEnd::Finished => return Ok(self.ending(stamps, Outcomes::AllFinished)),
            SoloEnd::Interrupted { position, error } => {
                if !self.baton.end(position) {
                    // The watcher counts the node as running; it never starts.
                    let mut board = self.lock();
                    let board = &mut *board;
                    if let Some(scheduler) = &mut board.scheduler {
                        let events = [Event::Failed { node: NodeId::new(position) }];
                        let _ = scheduler.advance(0, &events, &mut board.actions);
                    }
                }
                return Err(self.interrupted(py, error));
            }
            SoloEnd::Lasting { position } => {
                let mut board = self.lock();
                if self.share(&mut board, position, false) {
                    Begin::Ask
                } else {
                    // The watcher took over just before: it counts the node as dispatched to the soloist.
                    Begin::Run(position)
                }
            }
            SoloEnd::Taken { position } => Begin::Report(self.last_of(&mut stamps, position, Ok(()))),
            SoloEnd::Failed { position, error } => {
                let ends_the_program = error::ends_the_program(py, &error);
                if (ends_the_program || self.policy == FailurePolicy::Stop) && self.baton.end(position) {
                    if ends_the_program {
                        return Err(error);
                    }
                    let mut ending = self.ending(stamps, Outcomes::FailedAt(position));
                    ending.failures.push(Failure { position, error });
                    return Ok(ending);
                }
                // Somebody has taken over, or the rest is to go on: the scheduler takes it from here.
                self.share(&mut self.lock(), position, true);
                Begin::Report(self.last_of(&mut stamps, position, Err(error)))
            }
        };
        loop {
            self.work(py, caller, CALLER, begin);
            if self.lock().interruption.is_some() {
                break;
            }
            match self.wait(py) {
                Err(error) => return Err(self.interrupted(py, error)),
                Ok(true) => break,
                Ok(false) => begin = Begin::Ask,
            }
        }
        let interruption = self.lock().interruption.take();
        if let Some(error) = interruption {
            return Err(self.interrupted(py, error));
        }
        let outcomes = self.outcomes();
        Ok(self.ending(stamps, outcomes))
    }

    /// Turns the soloist's last stamp into the end of its node, to be reported to the scheduler.
    fn last_of(&self, stamps: &mut Vec<u64>, position: u32, outcome: PyResult<()>) -> Ended {
        let finish = stamps.pop().unwrap_or(self.started);
        let start = stamps.last().copied().unwrap_or(self.started);
        let span = Span { position, worker: CALLER, start, finish };
        Ended { span, outcome }
    }

    /// Waits until the run is settled (true) or there is work for the caller (false).
    fn wait(&self, py: Python<'_>) -> PyResult<bool> {
        loop {
            let is_settled = detached(py, || {
                let mut board = self.lock();
                board.is_caller_waiting = true;
                let mut is_timed_out = false;
                while !(board.is_settled || board.is_caller_called || is_timed_out || board.interruption.is_some()) {
                    let waited = self
                        .caller_called
                        .wait_timeout(board, SIGNAL_PERIOD)
                        .unwrap_or_else(PoisonError::into_inner);
                    board = waited.0;
                    is_timed_out = waited.1.timed_out();
                }
                board.is_caller_waiting = false;
                let is_called = std::mem::take(&mut board.is_caller_called);
                let is_over = board.is_settled || board.interruption.is_some();
                (is_called || is_over).then_some(is_over)
            });
            if let Some(is_over) = is_settled {
                return Ok(is_over);
            }
            py.check_signals()?;
        }
    }

    /// Stops the run at once: nothing more starts, and the steps that run are named and left alone.
    fn interrupted(&self, py: Python<'_>, error: PyErr) -> PyErr {
        let mut board = self.lock();
        let mut actions = Vec::new();
        let mut running = Vec::new();
        if let Some(scheduler) = &mut board.scheduler {
            // Cancelling is allowed in every state; the actions concern results, which go with the run.
            let _ = scheduler.advance(0, &[Event::CancelRequested], &mut actions);
            running.extend(scheduler.running().map(NodeId::get));
        }
        board.is_abandoned = true;
        drop(board);
        if running.is_empty() {
            return error;
        }
        self.team.dismiss(running.len());
        let paths: Vec<String> = running
            .iter()
            .map(|position| self.layout.program.names.path(self.layout.node_at(*position)))
            .collect();
        let note = format!("makespan: still running, and their threads end with them: {}", paths.join(", "));
        let value = error.into_value(py).into_bound(py).into_any();
        if let Err(failed) = value.call_method1(pyo3::intern!(py, "add_note"), (note,)) {
            failed.write_unraisable(py, Some(&value));
        }
        PyErr::from_value(value)
    }

    fn outcomes(&self) -> Outcomes {
        let board = self.lock();
        let Some(scheduler) = &board.scheduler else {
            return Outcomes::AllFinished;
        };
        if scheduler.n_finished() == self.layout.n_nodes() {
            return Outcomes::AllFinished;
        }
        Outcomes::Mixed(
            (0..self.layout.n_nodes())
                .map(|position| match scheduler.state(NodeId::from_index(position)) {
                    NodeState::Finished => Outcome::Finished,
                    NodeState::Failed => Outcome::Failed,
                    NodeState::Skipped => Outcome::Skipped,
                    NodeState::Waiting | NodeState::Ready | NodeState::Running | NodeState::Cancelled => {
                        Outcome::Cancelled
                    }
                })
                .collect(),
        )
    }

    fn ending(&self, solo: Vec<u64>, outcomes: Outcomes) -> Ending {
        let ended = clock().raw();
        let mut board = self.lock();
        Ending {
            columns: Columns {
                started: self.started,
                ended,
                solo,
                spans: std::mem::take(&mut board.spans),
                outcomes,
            },
            failures: std::mem::take(&mut board.failures),
        }
    }
}

/// How far a run was at the watcher's last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watermark {
    /// The soloist's position.
    Position(u32),
    /// How many nodes the scheduler had dispatched.
    Dispatched(u64),
}

fn refused(error: SchedulerError) -> PyErr {
    error::internal(&format!("the scheduler refused an event of its own run loop: {error}"))
}
