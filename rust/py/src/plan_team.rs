//! One thread or several that plan the same thing, each with a seed of its own; the best plan counts.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use makespan_core::plan::constrained::ConstrainedPlan;
use makespan_core::plan::{Planned, WorkerPlanned};
use pyo3::Python;

use crate::clock::clock;
use crate::signals::{self, SignalWatch};

/// How long is planned, and by how many threads.
pub(crate) struct Limits {
    /// A reading of the clock.
    begun: u64,
    time_limit: Option<Duration>,
    n_schedules_max: u64,
    seed: u64,
    n_threads: usize,
}

impl Limits {
    /// Takes what is asked for; without any limit so many schedules as `n_by_default`.
    pub(crate) fn new(
        begun: u64,
        time_limit_ns: Option<u64>,
        max_schedules: Option<u64>,
        n_by_default: u64,
        seed: u64,
        n_threads: usize,
    ) -> Self {
        // A limit of time alone is one; the default is for who says nothing.
        let n_schedules_max = match (max_schedules, time_limit_ns) {
            (Some(n), _) => n,
            (None, Some(_)) => u64::MAX,
            (None, None) => n_by_default,
        };
        Self { begun, time_limit: time_limit_ns.map(Duration::from_nanos), n_schedules_max, seed, n_threads }
    }

    fn is_over(&self, now: u64) -> bool {
        self.time_limit.is_some_and(|limit| clock().delta(self.begun, now) >= limit)
    }

    /// What a thread gets of the schedules: the same for all, and one more for the first ones.
    fn share(&self, idx: usize) -> u64 {
        if self.n_schedules_max == u64::MAX {
            return u64::MAX;
        }
        let n_threads = self.n_threads as u64;
        self.n_schedules_max / n_threads + u64::from((idx as u64) < self.n_schedules_max % n_threads)
    }

    /// The seed of a thread; the first one has the seed itself.
    const fn seed_of(&self, idx: usize) -> u64 {
        self.seed.wrapping_add((idx as u64).wrapping_mul(0xD1B5_4A32_D192_ED03))
    }
}

/// What plans are compared by.
pub(crate) trait Judged {
    /// Less is better.
    fn value(&self) -> i128;
    /// Whether no plan is better.
    fn is_optimal(&self) -> bool;
    /// How many schedules were generated, and whether the search was ended.
    fn effort(&mut self) -> (&mut u64, &mut bool);
}

impl Judged for Planned {
    fn value(&self) -> i128 {
        i128::from(self.makespan_ns)
    }

    fn is_optimal(&self) -> bool {
        self.makespan_ns == self.lower_bound_ns
    }

    fn effort(&mut self) -> (&mut u64, &mut bool) {
        (&mut self.n_schedules, &mut self.is_truncated)
    }
}

impl Judged for WorkerPlanned {
    fn value(&self) -> i128 {
        i128::from(self.makespan_ns)
    }

    fn is_optimal(&self) -> bool {
        self.makespan_ns == self.lower_bound_ns
    }

    fn effort(&mut self) -> (&mut u64, &mut bool) {
        (&mut self.n_schedules, &mut self.is_truncated)
    }
}

impl Judged for ConstrainedPlan {
    fn value(&self) -> i128 {
        self.value
    }

    fn is_optimal(&self) -> bool {
        self.value == self.lower_bound
    }

    fn effort(&mut self) -> (&mut u64, &mut bool) {
        (&mut self.n_schedules, &mut self.is_truncated)
    }
}

/// Lets every thread search by `search(seed, n_schedules_max, keep_going)` and returns the best plan, the first
/// among equals; the first refusal if no thread found one. Called while detached; what a signal handler raises ends
/// all searches as a time limit does.
///
/// A thread that finds an optimal plan ends those behind it, which could only find as good a one; those before it go
/// on. So the result is the same in every run in which time and signals end nothing, whichever thread is faster. The
/// schedules of threads that were ended this way are not counted, for the same reason.
pub(crate) fn best_of<T: Judged + Send, E: Send>(
    limits: &Limits,
    search: impl Fn(u64, u64, &mut dyn FnMut() -> bool) -> Result<T, E> + Sync,
) -> Result<T, E> {
    if limits.n_threads <= 1 {
        let mut signals = SignalWatch::new();
        return search(limits.seed, limits.n_schedules_max, &mut || {
            let now = clock().raw();
            !limits.is_over(now) && signals.is_quiet(now)
        });
    }
    // Threads from this one on are to end.
    let ends_from = AtomicUsize::new(usize::MAX);
    let found = std::thread::scope(|scope| {
        let (sender, receiver) = channel();
        for idx in 0..limits.n_threads {
            let (sender, search, ends_from) = (sender.clone(), &search, &ends_from);
            scope.spawn(move || {
                let mut keep_going =
                    || idx < ends_from.load(Ordering::Relaxed) && !limits.is_over(clock().raw());
                let result = search(limits.seed_of(idx), limits.share(idx), &mut keep_going);
                if result.as_ref().is_ok_and(Judged::is_optimal) {
                    ends_from.fetch_min(idx + 1, Ordering::Relaxed);
                }
                // Whoever receives waits for all.
                let _ = sender.send((idx, result));
            });
        }
        drop(sender);
        let mut found = Vec::with_capacity(limits.n_threads);
        loop {
            match receiver.recv_timeout(signals::PERIOD) {
                Ok(result) => found.push(result),
                Err(RecvTimeoutError::Timeout) if is_interrupted() => ends_from.store(0, Ordering::Relaxed),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return found,
            }
        }
    });
    best(found)
}

fn best<T: Judged, E>(mut found: Vec<(usize, Result<T, E>)>) -> Result<T, E> {
    found.sort_by_key(|(idx, _)| *idx);
    let key = |(idx, result): &(usize, Result<T, E>)| match result {
        Ok(plan) => (false, plan.value(), *idx),
        Err(_) => (true, 0, *idx),
    };
    let winner = found.iter().min_by_key(|entry| key(entry)).map_or(0, |(idx, _)| *idx);
    let is_optimal = found[winner].1.as_ref().is_ok_and(Judged::is_optimal);
    let n_counted = if is_optimal { winner + 1 } else { found.len() };
    let (mut n_schedules, mut is_truncated) = (0, false);
    for (_, result) in &mut found[..n_counted] {
        if let Ok(plan) = result {
            let (n_own, is_ended) = plan.effort();
            n_schedules += *n_own;
            is_truncated |= *is_ended;
        }
    }
    let mut result = found.swap_remove(winner).1;
    if let Ok(plan) = &mut result {
        let (n_all, is_any_ended) = plan.effort();
        (*n_all, *is_any_ended) = (n_schedules, is_truncated);
    }
    result
}

fn is_interrupted() -> bool {
    Python::attach(|py| py.check_signals().is_err())
}
