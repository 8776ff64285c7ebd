//! A run that several workers may share: how they meet at the board, wait, and call Python.
//!
//! Every decision (what is next, what is released, when to wake somebody) is the core's; this file holds
//! the lock around it, calls Python outside of it, and knows how threads wait.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use makespan_core::sched::grants::Ticket;
use makespan_core::sched::{FailurePolicy, wake};
use pyo3::prelude::*;

use crate::batch::run_together;
use crate::baton::{Baton, Phase};
use crate::board::{Asking, Board, CallerState, Failure, NodeEnd, Report};
use crate::call::{Caller, Table};
use crate::clock::clock;
use crate::columns::{Columns, Outcomes, Span, Stretch};
use crate::context;
use crate::detach::detached;
use crate::error;
use crate::joint::{Attendance, InRun};
use crate::layout::{Layout, Sharing};
use crate::needs::Needs;
use crate::program::PyProgram;
use crate::progress::ProgressCell;
use crate::shared::{Rings, deliver};
use crate::signals;
use crate::solo::{SoloEnd, signal_period_ticks, solo};
use crate::team::Team;
use crate::thread_cpu::{CpuShare, CpuWatch};
use crate::watcher::Watcher;

/// The worker number of the thread that called `run`.
const CALLER: u16 = 0;

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) columns: Columns,
    pub(crate) failures: Vec<Failure>,
}

/// What a run is made of.
pub(crate) struct RunParts {
    pub(crate) layout: Arc<Layout>,
    /// Held for the garbage collector's eyes, also when the caller has left: see `PyProgram`.
    #[expect(dead_code, reason = "held, not read")]
    pub(crate) program: Py<PyProgram>,
    pub(crate) table: Table,
    /// What sharing takes, where the layout does not have it.
    pub(crate) sharing: Option<Sharing>,
    pub(crate) team: Arc<Team<Arc<Run>>>,
    /// Helpers run their steps in copies of this.
    pub(crate) context: Option<Py<PyAny>>,
    pub(crate) policy: FailurePolicy,
    pub(crate) started: u64,
    pub(crate) progress: Option<Arc<ProgressCell>>,
    /// None where no node needs a grant.
    pub(crate) needs: Option<Needs>,
}

/// A run that several workers may share.
pub(crate) struct Run {
    parts: RunParts,
    /// This run, for the bells of its nodes.
    me: Weak<Run>,
    baton: Baton,
    board: Mutex<Board>,
    caller_called: Condvar,
}

impl std::fmt::Debug for Run {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Run")
            .field("workflow", &self.parts.layout.program.names.workflow)
            .field("baton", &self.baton)
            .finish_non_exhaustive()
    }
}

/// How a worker leaves the loop.
enum WorkEnd {
    /// There is nothing for it now.
    Idle,
    /// The caller gave it up while its step ran.
    GivenUp,
    /// It is the caller, there is nothing to share, and the baton is its own again.
    Solo(u32),
}

/// How a worker enters the loop.
enum Begin {
    /// With nothing: it asks.
    Ask,
    /// With a node that it is to run.
    Run(u32),
    /// With a node that it has run.
    Report(Report),
}

impl Run {
    pub(crate) fn new(parts: RunParts) -> Arc<Self> {
        let run = Arc::new_cyclic(|me| Self {
            parts,
            me: Weak::clone(me),
            baton: Baton::new(),
            board: Mutex::default(),
            caller_called: Condvar::new(),
        });
        if let Some(progress) = &run.parts.progress {
            progress.follow(run.layout().n_nodes(), Arc::downgrade(&run));
        }
        run
    }

    pub(crate) fn layout(&self) -> &Arc<Layout> {
        &self.parts.layout
    }

    pub(crate) fn table(&self) -> &Table {
        &self.parts.table
    }

    pub(crate) fn phase(&self) -> Phase {
        self.baton.phase()
    }

    fn sharing(&self) -> &Sharing {
        match self.parts.sharing.as_ref().or(self.layout().sharing.as_ref()) {
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
        let is_taken = self.baton.take(position);
        if is_taken {
            board.share(self.layout(), self.sharing(), self.parts.policy, position, is_running);
        }
        is_taken
    }

    /// Called once a tick by the watcher: shares the work when a node lasts.
    ///
    /// Returns how far the run is, for the next call; none when there is nothing left to watch.
    pub(crate) fn on_tick(self: &Arc<Self>, last: Watermark) -> Option<Watermark> {
        let mut board = match self.baton.phase() {
            Phase::Done => return None,
            Phase::Solo(position) if position as usize >= self.layout().n_nodes() => return None,
            Phase::Solo(position) => {
                let n_ticks = match last {
                    Watermark::Solo { position: before, n_ticks } if before == position => n_ticks + 1,
                    Watermark::Solo { .. } | Watermark::Shared { .. } => 0,
                };
                let expected_ns = self.sharing().expected_ns[position as usize];
                let mut board = self.lock();
                let n_handed_back = board.n_handed_back;
                let is_patient = n_ticks < wake::n_ticks_of_patience(expected_ns, n_handed_back);
                if is_patient || !self.share(&mut board, position, true) {
                    return Some(Watermark::Solo { position, n_ticks });
                }
                board
            }
            Phase::Taken => self.lock(),
        };
        let n_dispatched = board.n_dispatched()?;
        if board.is_over() {
            return None;
        }
        let n_since = match last {
            // The scheduler may be another one than at the last look, and have dispatched less.
            Watermark::Shared { n_dispatched: before } => {
                n_dispatched.checked_sub(before).unwrap_or(n_dispatched)
            }
            // The soloist has been in one node for a tick.
            Watermark::Solo { .. } => 0,
        };
        let n_idle = self.n_idle(&board);
        let now_ns = clock().delta_as_nanos(self.parts.started, clock().raw());
        let mut n_to_wake = board.n_to_wake_on_tick(now_ns, n_idle, n_since);
        if n_to_wake == 0 && n_idle > 0 && self.has_tokens_due() {
            n_to_wake = 1;
        }
        self.wake(&mut board, n_to_wake);
        Some(Watermark::Shared { n_dispatched })
    }

    /// Whether tokens have come that somebody waits for: an idle worker then looks.
    fn has_tokens_due(&self) -> bool {
        self.parts.needs.as_ref().is_some_and(Needs::has_tokens_due)
    }

    /// Whom to ask for what nodes need. Reads the clock of the resources, which may run Python.
    fn asking(&self, py: Python<'_>) -> Option<Asking<'_>> {
        let needs = self.parts.needs.as_ref()?;
        Some(Asking { needs, layout: self.layout(), run: &self.me, now_ns: needs.look_around(py) })
    }

    /// The bell of a node that waits for what it needs was rung, by whoever caused the grant.
    pub(crate) fn on_ring(
        self: &Arc<Self>,
        py: Python<'_>,
        position: u32,
        ticket: Ticket,
        is_granted: bool,
    ) -> Rings {
        let asking = self.asking(py);
        let mut rings = Rings::new();
        let mut board = self.lock();
        if !is_granted {
            // The caller keeps the time while it is idle; otherwise the watcher does, and workers who ask.
            if board.is_caller_idle() {
                self.wake(&mut board, 1);
            }
        } else if board.on_granted(position, ticket)
            && let Some(asking) = &asking
        {
            self.attend(&mut board, 0, asking, &mut rings);
        }
        rings
    }

    /// Wakes workers for nodes that were granted what they need, at least `n` in all, and declines for want of workers.
    fn attend(self: &Arc<Self>, board: &mut Board, n: usize, asking: &Asking<'_>, rings: &mut Rings) {
        self.wake(board, n.max(board.n_unattended()));
        board.decline_unattended(asking, rings);
    }

    fn n_idle(&self, board: &Board) -> usize {
        self.parts.team.n_idle() + usize::from(board.is_caller_idle())
    }

    /// Wakes up to `n` idle workers, the caller first.
    fn wake(self: &Arc<Self>, board: &mut Board, n: usize) {
        let mut n_left = n;
        if n_left > 0 && board.is_caller_idle() {
            board.caller = CallerState::Called;
            n_left -= 1;
            board.n_coming += 1;
            self.caller_called.notify_one();
        }
        if n_left > 0 {
            board.n_coming += self.parts.team.invite(n_left, || Arc::clone(self));
        }
    }

    /// Reports what a worker ended, if anything, and asks what it is to do next; `mates` receives what is called with that.
    fn exchange(
        self: &Arc<Self>,
        py: Python<'_>,
        worker: u16,
        ended: Option<Report>,
        released: &mut Vec<u32>,
        mates: &mut Vec<u32>,
    ) -> Result<u32, WorkEnd> {
        let now = ended.as_ref().map_or_else(|| clock().raw(), Report::finish);
        let now_ns = clock().delta_as_nanos(self.parts.started, now);
        let sharing = self.sharing();
        let asking = self.asking(py);
        let mut rings = Rings::new();
        let mut board = self.lock();
        let n_idle = self.n_idle(&board);
        let told =
            board.exchange(sharing, now_ns, ended, n_idle, asking.as_ref(), (&mut *released, &mut rings));
        if let (Some(progress), Some((n_finished, n_running))) = (&self.parts.progress, board.counts()) {
            progress.n_finished.store(n_finished as u32, Ordering::Relaxed);
            progress.n_running.store(n_running as u32, Ordering::Relaxed);
        }
        if board.is_over() {
            self.caller_called.notify_one();
        }
        if worker == CALLER && told.next.is_none() && !board.is_over() {
            // From here on it may be called.
            board.caller = CallerState::Waiting;
        }
        match &asking {
            None => self.wake(&mut board, told.n_to_wake),
            Some(asking) => {
                self.attend(&mut board, told.n_to_wake, asking, &mut rings);
                drop(board);
                deliver(py, rings);
                board = self.lock();
            }
        }
        *mates = told.mates;
        let is_worth_it = sharing.has_lasting || self.layout().candidates.is_some();
        match told.next {
            // Where nodes are known to last, or share calls, sharing is not for nothing.
            Some(position) if told.is_solo && worker == CALLER && !is_worth_it => {
                board.unshare();
                self.baton.give_back(position);
                Err(WorkEnd::Solo(position))
            }
            Some(position) => Ok(position),
            None if told.is_given_up => Err(WorkEnd::GivenUp),
            None => Err(WorkEnd::Idle),
        }
    }

    /// Runs nodes as the scheduler says, until it has none for this worker.
    fn work(
        self: &Arc<Self>,
        py: Python<'_>,
        caller: &mut Caller<'_, '_>,
        worker: u16,
        begin: Begin,
    ) -> WorkEnd {
        let clock = clock();
        let (mut released, mut mates) = (Vec::new(), Vec::new());
        let mut now = clock.raw();
        let mut looked = now;
        let (mut next, mut ended) = match begin {
            Begin::Ask => (None, None),
            Begin::Run(position) => (Some(position), None),
            Begin::Report(report) => (None, Some(report)),
        };
        loop {
            let position = if let Some(position) = next.take() {
                position
            } else {
                let told = self.exchange(py, worker, ended.take(), &mut released, &mut mates);
                for position in released.drain(..) {
                    // SAFETY: the scheduler releases a result once, when its last consumer is over.
                    #[expect(unsafe_code, reason = "slots are shared by protocol")]
                    let result = unsafe { self.table().take(position as usize) };
                    drop(result);
                }
                match told {
                    Ok(position) => position,
                    Err(end) => return end,
                }
            };
            let mut report = if mates.is_empty() {
                let watch =
                    if self.layout().is_worth_watching(position) { CpuWatch::start(py) } else { None };
                // SAFETY: the scheduler dispatched the node to this worker, so its parents are finished.
                #[expect(unsafe_code, reason = "calls nodes, see call.rs")]
                let outcome = unsafe { caller.call(position as usize) };
                let finish = clock.raw();
                let share = |watch: CpuWatch| watch.share(py, clock.delta_as_nanos(now, finish));
                let cpu = watch.map_or(CpuShare::UNKNOWN, share);
                let span = Span { position, worker, cpu, start: now, finish };
                Report::of_node(span, node_end(py, outcome))
            } else {
                let mut positions = vec![position];
                positions.append(&mut mates);
                // SAFETY: as above, and what nodes of one call give each other is no result.
                #[expect(unsafe_code, reason = "calls nodes, see call.rs")]
                unsafe {
                    run_together(py, self.layout(), caller, worker, positions, now)
                }
            };
            let finish = report.finish();
            if worker == CALLER && finish.wrapping_sub(looked) > signal_period_ticks() {
                looked = finish;
                if let Err(error) = py.check_signals() {
                    report.set_end(NodeEnd::EndsTheProgram(error));
                }
            }
            ended = Some(report);
            now = finish;
        }
    }

    /// A helper's part: what the invitation was for. False when the caller gave the helper up.
    pub(crate) fn help(self: &Arc<Self>, py: Python<'_>, worker: u16) -> PyResult<bool> {
        let _in_run = InRun::enter();
        let _entered = match &self.parts.context {
            Some(context) => Some(context::enter_copy_of(context.bind(py))?),
            None => None,
        };
        let mut caller = Caller::new(py, self.layout(), self.table())?;
        Ok(!matches!(self.work(py, &mut caller, worker, Begin::Ask), WorkEnd::GivenUp))
    }

    /// The caller's part, from the first node to the end.
    pub(crate) fn drive(self: &Arc<Self>, py: Python<'_>) -> PyResult<Ending> {
        let mut caller = Caller::new(py, self.layout(), self.table())?;
        let is_watched = self.sharing().needs_watcher && self.parts.team.n_members() > 0;
        let _watcher = is_watched.then(|| Watcher::start(self));
        let mut stretches = Vec::new();
        let end = self.solo(py, &mut caller, 0, self.parts.started, &mut stretches);
        self.go_on(py, &mut caller, end, stretches)
    }

    /// Runs nodes from `first` on as the soloist, which this thread is.
    fn solo(
        &self,
        py: Python<'_>,
        caller: &mut Caller<'_, '_>,
        first: u32,
        started: u64,
        stretches: &mut Vec<Stretch>,
    ) -> SoloEnd {
        let mut stretch = Stretch { first, started, finishes: Vec::new() };
        // SAFETY: the baton is this thread's: it is new, or was given back at `first`, before which all
        // nodes are finished.
        #[expect(unsafe_code, reason = "runs nodes, see call.rs")]
        let end = unsafe { solo(py, self.layout(), caller, &self.baton, &mut stretch) };
        stretches.push(stretch);
        end
    }

    /// Goes on, without helpers, from where a solo that nobody could take over from ended.
    pub(crate) fn go_on_from(
        self: &Arc<Self>,
        py: Python<'_>,
        caller: &mut Caller<'_, '_>,
        end: SoloEnd,
        stretches: Vec<Stretch>,
    ) -> PyResult<Ending> {
        let n_behind = match &end {
            SoloEnd::Finished => self.layout().n_nodes() as u32,
            SoloEnd::Failed { position, .. }
            | SoloEnd::Interrupted { position, .. }
            | SoloEnd::Lasting { position }
            | SoloEnd::Taken { position } => *position,
        };
        for position in 0..n_behind {
            self.baton.step(position);
        }
        self.go_on(py, caller, end, stretches)
    }

    /// Goes on from where a solo ended.
    fn go_on(
        self: &Arc<Self>,
        py: Python<'_>,
        caller: &mut Caller<'_, '_>,
        mut end: SoloEnd,
        mut stretches: Vec<Stretch>,
    ) -> PyResult<Ending> {
        loop {
            let mut begin = match end {
                SoloEnd::Finished => return Ok(self.ending(stretches, Outcomes::AllFinished)),
                SoloEnd::Interrupted { position, error } => {
                    if !self.baton.end(position) {
                        // The watcher counts the node as running; it never starts.
                        self.lock().never_started(position);
                    }
                    return Err(self.given_up(py, error));
                }
                SoloEnd::Lasting { position } => {
                    if self.share(&mut self.lock(), position, false) {
                        Begin::Ask
                    } else {
                        // The watcher took over just before: it counts the node as dispatched to the soloist.
                        Begin::Run(position)
                    }
                }
                SoloEnd::Taken { position } => {
                    Begin::Report(Report::of_node(last_span(&mut stretches, position), NodeEnd::Finished))
                }
                SoloEnd::Failed { position, error } => match node_end(py, Err(error)) {
                    NodeEnd::EndsTheProgram(error) if self.baton.end(position) => return Err(error),
                    NodeEnd::Failed(error)
                        if self.parts.policy == FailurePolicy::Stop && self.baton.end(position) =>
                    {
                        let mut ending = self.ending(stretches, Outcomes::FailedAt(position));
                        ending.failures.push(Failure { position, error });
                        return Ok(ending);
                    }
                    end => {
                        // Somebody has taken over, or the rest is to go on: the scheduler takes it from here.
                        self.share(&mut self.lock(), position, true);
                        Begin::Report(Report::of_node(last_span(&mut stretches, position), end))
                    }
                },
            };
            let first = loop {
                if let WorkEnd::Solo(position) = self.work(py, caller, CALLER, begin) {
                    break Some(position);
                }
                match self.wait(py) {
                    Err(error) => return Err(self.given_up(py, error)),
                    Ok(true) => break None,
                    Ok(false) => begin = Begin::Ask,
                }
            };
            match first {
                Some(position) => end = self.solo(py, caller, position, clock().raw(), &mut stretches),
                None => break,
            }
        }
        let interruption = self.lock().interruption.take();
        if let Some(error) = interruption {
            return Err(self.given_up(py, error));
        }
        let outcomes = self.lock().outcomes(self.layout().n_nodes());
        Ok(self.ending(stretches, outcomes))
    }

    /// Waits until the run is over (true) or there is work for the caller (false).
    fn wait(&self, py: Python<'_>) -> PyResult<bool> {
        loop {
            let pause =
                self.parts.needs.as_ref().map_or(signals::PERIOD, |needs| needs.pause(py, signals::PERIOD));
            let woken = detached(py, || {
                let mut board = self.lock();
                let mut is_timed_out = false;
                while !(board.is_over() || board.caller == CallerState::Called || is_timed_out) {
                    let waited =
                        self.caller_called.wait_timeout(board, pause).unwrap_or_else(PoisonError::into_inner);
                    board = waited.0;
                    is_timed_out = waited.1.timed_out();
                }
                let is_woken = board.caller == CallerState::Called || board.is_over();
                if is_woken {
                    board.caller = CallerState::Working;
                }
                is_woken.then(|| board.is_over())
            });
            if let Some(is_over) = woken {
                return Ok(is_over);
            }
            py.check_signals()?;
        }
    }

    /// Stops the run at once: nothing more starts, and the steps that run are named and left alone.
    fn given_up(&self, py: Python<'_>, error: PyErr) -> PyErr {
        if let Some(attendance) = self.table().attendance() {
            attendance.leave();
        }
        let asking = self.asking(py);
        let mut rings = Rings::new();
        let (running, n_calls) = self.lock().give_up(asking.as_ref(), &mut rings);
        deliver(py, rings);
        if running.is_empty() {
            return error;
        }
        self.parts.team.dismiss(n_calls);
        let names = &self.layout().program.names;
        let paths: Vec<String> =
            running.iter().map(|position| names.path(self.layout().node_at(*position))).collect();
        let note = format!("makespan: still running, and their threads end with them: {}", paths.join(", "));
        let value = error.into_value(py).into_bound(py).into_any();
        if let Err(failed) = value.call_method1(pyo3::intern!(py, "add_note"), (note,)) {
            failed.write_unraisable(py, Some(&value));
        }
        PyErr::from_value(value)
    }

    fn ending(&self, solo: Vec<Stretch>, outcomes: Outcomes) -> Ending {
        let ended = clock().raw();
        let mut board = self.lock();
        let spans = std::mem::take(&mut board.spans);
        let batches = std::mem::take(&mut board.batches);
        let cached = self.table().cached_positions();
        let joint = Attendance::joint_calls(self.table().attendance());
        let columns =
            Columns { started: self.parts.started, ended, solo, spans, batches, outcomes, cached, joint };
        Ending { columns, failures: std::mem::take(&mut board.failures) }
    }
}

/// Turns the soloist's last stamp into the span of its node, to be reported to the scheduler.
fn last_span(stretches: &mut [Stretch], position: u32) -> Span {
    let Some(stretch) = stretches.last_mut() else {
        unreachable!("a soloist that ended has a stretch");
    };
    let finish = stretch.finishes.pop().unwrap_or(stretch.started);
    let start = stretch.finishes.last().copied().unwrap_or(stretch.started);
    Span { position, worker: CALLER, cpu: CpuShare::UNKNOWN, start, finish }
}

pub(crate) fn node_end(py: Python<'_>, outcome: PyResult<()>) -> NodeEnd {
    match outcome {
        Ok(()) => NodeEnd::Finished,
        Err(error) if error::ends_the_program(py, &error) => NodeEnd::EndsTheProgram(error),
        Err(error) => NodeEnd::Failed(error),
    }
}

/// How far a run was at the watcher's last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watermark {
    /// The soloist's position, and at how many looks before it was the same.
    Solo { position: u32, n_ticks: u32 },
    /// How many nodes the scheduler had dispatched.
    Shared { n_dispatched: u64 },
}
