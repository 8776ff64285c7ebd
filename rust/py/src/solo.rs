//! The solo loop: one worker goes through the static order, without a queue, a lock or a wake-up.
//!
//! Per step: gather, call, store, one time stamp (the finish of one step is the start of the next), and
//! the results dropped that this step used last.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use pyo3::prelude::*;

use crate::baton::Baton;
use crate::call::Caller;
use crate::clock::clock;
use crate::columns::Stretch;
use crate::layout::Layout;
use crate::needs::Needs;
use crate::recording::flag;

/// How long the loop goes on without looking for signals.
const SIGNAL_PERIOD_NS: u64 = 10_000_000;

/// How the soloist tells where it is, and learns that it is not one any more.
pub(crate) trait Pace {
    /// Steps from `position` to the next; false when somebody took over.
    fn step(&self, position: u32) -> bool;
}

/// A soloist that nobody can take over from; others may read how far it is.
pub(crate) struct Alone<'a>(pub(crate) &'a AtomicU32);

impl Pace for Alone<'_> {
    #[inline]
    fn step(&self, position: u32) -> bool {
        self.0.store(position + 1, Ordering::Relaxed);
        true
    }
}

impl Pace for Baton {
    #[inline]
    fn step(&self, position: u32) -> bool {
        Baton::step(self, position)
    }
}

/// How a solo ended.
#[derive(Debug)]
pub(crate) enum SoloEnd {
    /// Every node is finished.
    Finished,
    /// The node at the position failed; somebody may have taken over while it ran.
    Failed { position: u32, error: PyErr },
    /// A signal handler raised; the node at the position was not started.
    Interrupted { position: u32, error: PyErr },
    /// The node at the position is expected to last, or needs a grant; it was not started.
    Lasting { position: u32 },
    /// Somebody took over while the node at the position ran; its end is still to be reported.
    Taken { position: u32 },
}

/// How many ticks a worker goes on without looking for signals.
pub(crate) fn signal_period_ticks() -> u64 {
    static TICKS: OnceLock<u64> = OnceLock::new();
    *TICKS.get_or_init(|| {
        let ticks = 1_u64 << 32;
        let ns = clock().delta_as_nanos(0, ticks).max(1);
        (u128::from(ticks) * u128::from(SIGNAL_PERIOD_NS) / u128::from(ns)) as u64
    })
}

/// Goes through the layout from where `stretch` ends; it receives the finish of every node, in ticks.
///
/// # Safety
/// The caller of this function is the run's soloist, and `pace` is what others see of it; every node
/// up to the end of the stretch is finished.
#[expect(unsafe_code, reason = "calls nodes, see call.rs")]
pub(crate) unsafe fn solo(
    py: Python<'_>,
    layout: &Layout,
    caller: &mut Caller<'_, '_>,
    pace: &impl Pace,
    stretch: &mut Stretch,
) -> SoloEnd {
    let clock = clock();
    let period = signal_period_ticks();
    let n_nodes = layout.n_nodes() as u32;
    let mut looked = stretch.finishes.last().copied().unwrap_or(stretch.started);
    let begin = stretch.first + stretch.finishes.len() as u32;
    if stretch.finishes.is_empty() {
        stretch.finishes.reserve_exact((n_nodes - begin) as usize);
    }
    for position in begin..n_nodes {
        if layout.nodes[position as usize].flags & flag::LASTING != 0 {
            return SoloEnd::Lasting { position };
        }
        // SAFETY: positions ascend and plan order is topological: the parents are finished, and the
        // soloist alone touches slots.
        let outcome = unsafe { caller.call(position as usize) };
        let now = clock.raw();
        stretch.finishes.push(now);
        if let Err(error) = outcome {
            return SoloEnd::Failed { position, error };
        }
        if !pace.step(position) {
            return SoloEnd::Taken { position };
        }
        // SAFETY: the step was made, so this worker still is the soloist, and the node is finished.
        unsafe { caller.release_last_uses(position as usize) };
        if now.wrapping_sub(looked) > period {
            looked = now;
            if let Err(error) = py.check_signals() {
                return SoloEnd::Interrupted { position: position + 1, error };
            }
        }
    }
    SoloEnd::Finished
}

/// Goes through the layout on this thread alone, and waits before each node that needs a grant until it has it.
///
/// What is waited is no node's time: a new stretch begins after it.
///
/// # Safety
/// As `solo`.
#[expect(unsafe_code, reason = "runs nodes, see call.rs")]
pub(crate) unsafe fn run_in_order(
    py: Python<'_>,
    layout: &Layout,
    caller: &mut Caller<'_, '_>,
    pace: &Alone<'_>,
    needs: Option<&Needs>,
    stretches: &mut Vec<Stretch>,
) -> SoloEnd {
    loop {
        let Some(stretch) = stretches.last_mut() else {
            unreachable!("a run begins with a stretch");
        };
        // SAFETY: as the caller vouches.
        let end = unsafe { solo(py, layout, caller, pace, stretch) };
        let (SoloEnd::Lasting { position }, Some(needs)) = (&end, needs) else {
            return end;
        };
        let position = *position;
        let ticket = match needs.acquire(py, layout, position) {
            Ok(ticket) => ticket,
            Err(error) => return SoloEnd::Interrupted { position, error },
        };
        let started = clock().raw();
        // SAFETY: as in `solo`: the parents are finished, and this thread alone touches slots.
        let outcome = unsafe { caller.call(position as usize) };
        stretches.push(Stretch { first: position, started, finishes: vec![clock().raw()] });
        needs.release(py, ticket);
        if let Err(error) = outcome {
            return SoloEnd::Failed { position, error };
        }
        pace.step(position);
        // SAFETY: the node is finished, and this thread is the soloist.
        unsafe { caller.release_last_uses(position as usize) };
    }
}
