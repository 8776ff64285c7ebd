//! Joint calls: calls of one step that several runs of an engine make together, as one call of its batch form.
//!
//! A worker that is about to call a step which is pure, has a batch form, needs nothing and is not cached, goes to the
//! meeting of the step's calls and makes them there, or waits while another worker makes them with its own. Nothing else of a
//! run is concerned: its worker is in a call, for all that the scheduler knows. So a failure, an interrupt or the end of one
//! run reaches others only through the call that they share, and if that raises, each run makes its own calls as if it were
//! alone.
//!
//! A run that begins inside of a step takes no part: what its step holds, a lock for example, whoever makes the joint call may
//! wait for.

use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use makespan_core::sched::gather::{Guest, Lot, LotId};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use rustc_hash::FxHashMap;

use crate::batch::{Failure, call_form, found, listed, misshapen};
use crate::call::Caller;
use crate::clock::clock;
use crate::columns::Joint;
use crate::detach::detached;
use crate::error;
use crate::layout::{Layout, NodeCode};
use crate::meeting::{Lead, Meeting, Turn};
use crate::program::Program;
use crate::signals;
use crate::step::PyStep;

/// Arguments of calls: a column for each argument.
pub(crate) type Brought = Vec<Vec<Py<PyAny>>>;

/// What one who did not make the call gets of it.
#[derive(Debug)]
pub(crate) struct Answer {
    call: LotId,
    n_calls: usize,
    /// Or what there was instead of one result for each call.
    results: Result<Vec<Py<PyAny>>, String>,
}

type StepMeeting = Meeting<Brought, Answer>;

/// What calls have in common that may be made together: the step, by its address, how many arguments, and the names of the
/// last ones.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Form {
    pub(crate) step: usize,
    pub(crate) n_args: u32,
    pub(crate) keywords: Vec<String>,
}

/// The meetings of an engine.
#[derive(Debug, Default)]
pub(crate) struct Meetings(Mutex<FxHashMap<Form, Weak<StepMeeting>>>);

impl Meetings {
    fn of_form(&self, form: &Form) -> Arc<StepMeeting> {
        let mut meetings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(meeting) = meetings.get(form).and_then(Weak::upgrade) {
            return meeting;
        }
        // Meetings whose runs are over, so that there are never more than there were runs at once.
        meetings.retain(|_, meeting| meeting.strong_count() > 0);
        let meeting = Arc::new(StepMeeting::default());
        meetings.insert(form.clone(), Arc::downgrade(&meeting));
        meeting
    }
}

/// Calls of a layout that may be made together with those of other runs.
#[derive(Debug)]
pub(crate) struct Joinable {
    /// Keeps the steps alive that the forms name by their address.
    #[expect(dead_code, reason = "held, not read")]
    pub(crate) program: Arc<Program>,
    /// By position, the index of its form, or [`Joinable::NONE`].
    pub(crate) form_of_position: Vec<u32>,
    /// How many of the calls there are, and how many may be one.
    pub(crate) forms: Vec<(Form, u32, u32)>,
    pub(crate) n_min: usize,
    /// How long calls may wait for those of others.
    pub(crate) wait_ns_max: u64,
}

impl Joinable {
    pub(crate) const NONE: u32 = u32::MAX;
}

thread_local! {
    /// How many runs this thread is in, as their caller or a helper.
    static N_RUNS: Cell<u32> = const { Cell::new(0) };
}

/// Says that this thread is in a run, until it is dropped.
#[derive(Debug)]
pub(crate) struct InRun(());

impl InRun {
    pub(crate) fn enter() -> Self {
        N_RUNS.set(N_RUNS.get() + 1);
        Self(())
    }
}

impl Drop for InRun {
    fn drop(&mut self) {
        N_RUNS.set(N_RUNS.get() - 1);
    }
}

/// What one run has to do with meetings.
#[derive(Debug)]
pub(crate) struct Attendance {
    joinable: Arc<Joinable>,
    /// By form.
    meetings: Vec<(Arc<StepMeeting>, Guest)>,
    /// Calls that were made together with others: form and number of the call, the first of the positions, how many calls.
    joint: Mutex<Vec<(u32, LotId, u32, u32)>>,
}

impl Attendance {
    /// None where no call of the run may be made together with those of others.
    pub(crate) fn of_run(layout: &Layout, meetings: impl FnOnce() -> Arc<Meetings>) -> Option<Box<Self>> {
        let joinable = layout.joinable.as_ref().filter(|_| N_RUNS.get() < 2)?;
        let meetings = meetings();
        let enter = |(form, n_open, _): &(Form, u32, u32)| {
            let meeting = meetings.of_form(form);
            let guest = meeting.enter(*n_open);
            (meeting, guest)
        };
        Some(Box::new(Self {
            meetings: joinable.forms.iter().map(enter).collect(),
            joinable: Arc::clone(joinable),
            joint: Mutex::default(),
        }))
    }

    /// Says that nobody is to wait for more calls of this run.
    pub(crate) fn leave(&self) {
        for (meeting, guest) in &self.meetings {
            meeting.leave(*guest);
        }
    }

    /// Calls of a run that were made together with others.
    pub(crate) fn joint_calls(of_run: Option<&Self>) -> Vec<Joint> {
        let Some(attendance) = of_run else {
            return Vec::new();
        };
        let mut joint = std::mem::take(&mut *attendance.joint.lock().unwrap_or_else(PoisonError::into_inner));
        joint.sort_unstable();
        let of_call = |of_call: &[(u32, LotId, u32, u32)]| Joint {
            firsts: of_call.iter().map(|(_, _, first, _)| *first).collect(),
            n_calls: of_call[0].3,
        };
        joint.chunk_by(|one, next| (one.0, one.1) == (next.0, next.1)).map(of_call).collect()
    }

    fn note(&self, form: u32, call: LotId, first: u32, n_calls: usize) {
        let mut joint = self.joint.lock().unwrap_or_else(PoisonError::into_inner);
        joint.push((form, call, first, n_calls as u32));
    }
}

impl Drop for Attendance {
    fn drop(&mut self) {
        self.leave();
    }
}

/// What became of calls that may be made together with those of others.
pub(crate) enum Met<'py> {
    /// They are to be made as if there were no others; what is held meanwhile tells others that they are being made.
    Alone(Option<Lead<Brought, Answer>>),
    /// They were made: what the batch form returned for each.
    Made(Vec<Bound<'py, PyAny>>),
}

/// Calls a node together with calls of other runs, where there are any.
///
/// # Safety
/// As `Caller::call`.
#[inline(never)]
#[expect(unsafe_code, reason = "calls a node, see call.rs")]
pub(crate) unsafe fn call_joint(
    caller: &mut Caller<'_, '_>,
    position: usize,
    node: NodeCode,
) -> PyResult<*mut ffi::PyObject> {
    // SAFETY: as the caller vouches.
    match unsafe { met(caller, &[position as u32]) } {
        // SAFETY: as the caller vouches.
        Ok(Met::Alone(_lead)) => unsafe { caller.call_itself(position, node) },
        Ok(Met::Made(mut results)) => {
            let Some(result) = results.pop() else {
                unreachable!("there is one result for each call");
            };
            Ok(result.into_ptr())
        }
        Err(Failure::Raised(error) | Failure::Misshapen(error)) => Err(error),
    }
}

/// Makes calls together with those of other runs, or waits until somebody did; the positions are of one form.
///
/// # Safety
/// As `Caller::call`, for each of the positions.
#[expect(unsafe_code, reason = "gathers arguments, see call.rs")]
pub(crate) unsafe fn met<'py>(caller: &Caller<'_, 'py>, positions: &[u32]) -> Result<Met<'py>, Failure> {
    let (py, layout) = (caller.py(), caller.layout());
    let Some(attendance) = caller.attendance() else {
        return Ok(Met::Alone(None));
    };
    let joinable = &attendance.joinable;
    let first = positions[0];
    let form = joinable.form_of_position[first as usize];
    if form == Joinable::NONE {
        return Ok(Met::Alone(None));
    }
    let (meeting, guest) = &attendance.meetings[form as usize];
    let n_max = joinable.forms[form as usize].2;
    let lot = Lot { guest: *guest, n_calls: positions.len() as u32, n_max, until_ns: 0 };
    if let Some(lead) = meeting.lead_alone(lot) {
        return Ok(Met::Alone(Some(lead)));
    }
    // SAFETY: as the caller vouches.
    let (brought, names) = unsafe { columns(caller, positions) }.map_err(Failure::Raised)?;
    let arrived_ns = now_ns();
    let until_ns = arrived_ns.saturating_add(joinable.wait_ns_max);
    let (id, mut turn) = meeting.bring(arrived_ns, Lot { until_ns, ..lot }, brought);
    loop {
        match turn {
            Turn::Wait => {
                let left = Duration::from_nanos(until_ns.saturating_sub(now_ns()));
                let pause = if left.is_zero() { signals::PERIOD } else { left.min(signals::PERIOD) };
                detached(py, || meeting.wait(id, pause));
                turn = meeting.look(now_ns(), id);
                if matches!(turn, Turn::Wait)
                    && let Err(error) = py.check_signals()
                {
                    meeting.withdraw(id);
                    return Err(Failure::Raised(error));
                }
            }
            Turn::Alone => return Ok(Met::Alone(None)),
            Turn::Lead(lead) if !lead.is_for_others() => return Ok(Met::Alone(Some(lead))),
            Turn::Lead(lead) if lead.n_calls() < joinable.n_min => return Ok(Met::Alone(None)),
            Turn::Lead(lead) => {
                let step = layout.program.steps[layout.step_idx_at(first) as usize].bind(py).get();
                let (call, n_calls) = (lead.id(), lead.n_calls());
                let met = led(py, step, lead, names.as_ref());
                if !matches!(met, Ok(Met::Alone(_)) | Err(Failure::Raised(_))) {
                    attendance.note(form, call, first, n_calls);
                }
                return met;
            }
            Turn::Answered(Answer { call, n_calls, results }) => {
                attendance.note(form, call, first, n_calls);
                return match results {
                    Ok(results) => {
                        Ok(Met::Made(results.into_iter().map(|result| result.into_bound(py)).collect()))
                    }
                    Err(found) => {
                        let step = layout.program.steps[layout.step_idx_at(first) as usize].bind(py).get();
                        Err(misshapen(step, n_calls, found))
                    }
                };
            }
        }
    }
}

/// Gathers the arguments of calls in columns, and the names of the last ones.
///
/// # Safety
/// As `Caller::call`, for each of the positions.
#[expect(unsafe_code, reason = "gathers arguments, see call.rs")]
unsafe fn columns<'py>(
    caller: &Caller<'_, 'py>,
    positions: &[u32],
) -> PyResult<(Brought, Option<Bound<'py, PyTuple>>)> {
    let (mut columns, mut keywords) = (Brought::new(), None);
    for position in positions {
        // SAFETY: as the caller vouches.
        let (args, names) = unsafe { caller.gathered(*position as usize) }?;
        columns.resize_with(args.len(), Vec::new);
        for (column, arg) in columns.iter_mut().zip(args) {
            column.push(arg.unbind());
        }
        keywords = names;
    }
    Ok((columns, keywords))
}

/// Makes a call for all who brought something to it, and hands out the results.
///
/// If it raises, those who wait make their calls by themselves, as does this one.
fn led<'py>(
    py: Python<'py>,
    step: &PyStep,
    lead: Lead<Brought, Answer>,
    names: Option<&Bound<'py, PyTuple>>,
) -> Result<Met<'py>, Failure> {
    let (call, n_calls) = (lead.id(), lead.n_calls());
    let mut columns: Vec<Vec<Bound<'py, PyAny>>> = Vec::new();
    for (_, brought) in lead.lots() {
        columns.resize_with(brought.len(), Vec::new);
        for (column, args) in columns.iter_mut().zip(brought) {
            column.extend(args.iter().map(|arg| arg.bind(py).clone()));
        }
    }
    let result = match call_form(py, step, columns, names) {
        Ok(result) => result,
        Err(error) if error::ends_the_program(py, &error) => return Err(Failure::Raised(error)),
        Err(_) => return Ok(Met::Alone(None)),
    };
    let listed = listed(&result).filter(|results| results.len() == n_calls);
    let mut results = listed.ok_or_else(|| found(&result)).map(Vec::into_iter);
    let (mut own, mut answers) = (Vec::new(), Vec::with_capacity(lead.lots().len() - 1));
    for (id, brought) in lead.lots() {
        let n_brought = brought.first().map_or(0, Vec::len);
        let of_lot = results.as_mut().map(|results| results.take(n_brought));
        if *id == call {
            own = of_lot.map_or_else(|_| Vec::new(), Iterator::collect);
        } else {
            let results =
                of_lot.map(|results| results.map(Bound::unbind).collect()).map_err(|found| found.clone());
            answers.push((*id, Answer { call, n_calls, results }));
        }
    }
    lead.answer(answers);
    match results {
        Ok(_) => Ok(Met::Made(own)),
        Err(found) => Err(misshapen(step, n_calls, found)),
    }
}

/// The time that meetings go by.
fn now_ns() -> u64 {
    clock().delta_as_nanos(0, clock().raw())
}
