//! The watcher: a native thread that looks, once a tick, whether a step lasts while others are ready.
//!
//! It is there for the durations that nobody knows yet. It is parked between two ticks and ends with the
//! run; it never attaches to the interpreter.

use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Duration;

use makespan_core::sched::wake::TICK_NS;

use crate::run::{Run, Watermark};

#[derive(Debug, Default)]
struct Stop {
    is_over: Mutex<bool>,
    told: Condvar,
}

/// A thread that watches one run; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Watcher(Arc<Stop>);

impl Watcher {
    /// Starts to watch a run; none where the system gives no thread: the run is right without one.
    pub(crate) fn start(run: &Arc<Run>) -> Option<Self> {
        let stop = Arc::new(Stop::default());
        let (seen, run) = (Arc::clone(&stop), Arc::downgrade(run));
        let thread = std::thread::Builder::new()
            .name("makespan-watch".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || watch(&seen, &run));
        thread.is_ok().then_some(Self(stop))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        *self.0.is_over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.told.notify_one();
    }
}

fn watch(stop: &Stop, run: &Weak<Run>) {
    let tick = Duration::from_nanos(TICK_NS);
    let mut watermark = Watermark::Solo { position: u32::MAX, n_ticks: 0 };
    let mut is_over = stop.is_over.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        is_over = stop
            .told
            .wait_timeout_while(is_over, tick, |is_over| !*is_over)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        if *is_over {
            return;
        }
        // The lock is held during the look, so that whoever ends the watch, and owns the run, waits for it:
        // this thread, which is not attached, is never the last to let go of the run's Python objects.
        match run.upgrade().and_then(|run| run.on_tick(watermark)) {
            Some(next) => watermark = next,
            None => return,
        }
    }
}
