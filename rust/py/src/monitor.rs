//! A lock with two kinds of waiting: for something to take, and for room to put something in.
//!
//! This file knows no Python, so that a model checker can drive it. Whoever leaves the lock looks whether what is there
//! now is what somebody waits for. At most one waiting thread of a kind is called at a time: once it has the lock and
//! has done what it came for, it calls the next if there is still something for it. So a producer pays one wake-up for a
//! consumer that then takes all it finds, and not one for each entry. Those who do not wait in a thread leave a bell: it
//! is rung once, and must be hung up again.

use std::time::Duration;

use crate::sync::{Condvar, Mutex, MutexGuard, TryLockError};

/// What is behind the lock.
pub(crate) trait Shared {
    /// Whether one who waits to take would not wait any more.
    fn can_take(&self) -> bool;
    /// Whether one who waits to put would not wait any more.
    fn can_put(&self) -> bool;
    /// Whether those who wait to take have to look although there is nothing yet; asked once for each reason.
    fn take_news(&mut self) -> bool;
}

/// What somebody waits for.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(crate) enum Side {
    /// Something to take.
    Takers,
    /// Room.
    Putters,
}

/// Bells that must be rung by whoever gets this.
#[derive(Copy, Clone, Default, Eq, PartialEq, Debug)]
#[must_use]
pub(crate) struct Bells {
    pub(crate) takers: bool,
    pub(crate) putters: bool,
}

impl Bells {
    pub(crate) fn any(self) -> bool {
        self.takers || self.putters
    }
}

/// Those who wait for one thing.
#[derive(Default, Debug)]
struct Line {
    n_waiting: usize,
    /// Somebody was notified and has not had the lock since.
    is_called: bool,
    has_bell: bool,
}

impl Line {
    /// Whether to notify somebody, and whether to ring.
    fn call(&mut self) -> (bool, bool) {
        let notifies = self.n_waiting > 0 && !std::mem::replace(&mut self.is_called, true);
        (notifies, std::mem::take(&mut self.has_bell))
    }
}

#[derive(Debug)]
struct State<S> {
    shared: S,
    takers: Line,
    putters: Line,
}

/// The lock around `S`.
#[derive(Debug)]
pub(crate) struct Monitor<S> {
    state: Mutex<State<S>>,
    takeable: Condvar,
    puttable: Condvar,
}

impl<S: Shared> Monitor<S> {
    pub(crate) fn new(shared: S) -> Self {
        Self {
            state: Mutex::new(State { shared, takers: Line::default(), putters: Line::default() }),
            takeable: Condvar::new(),
            puttable: Condvar::new(),
        }
    }

    /// Works on what is behind the lock, waiting for the lock.
    pub(crate) fn visit<R>(&self, work: impl FnOnce(&mut S) -> R) -> (R, Bells) {
        let mut state = self.lock();
        let result = work(&mut state.shared);
        (result, self.leave(state))
    }

    /// The same if nobody has the lock; else gives the work back.
    pub(crate) fn try_visit<R, W: FnOnce(&mut S) -> R>(&self, work: W) -> Result<(R, Bells), W> {
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(work),
        };
        let result = work(&mut state.shared);
        Ok((result, self.leave(state)))
    }

    /// Looks at what is behind the lock if nobody has it, and calls nobody.
    pub(crate) fn try_look<R>(&self, look: impl FnOnce(&S) -> R) -> Option<R> {
        self.state.try_lock().ok().map(|state| look(&state.shared))
    }

    /// Tries `attempt`, and once more when there is a reason or the time is over; spurious reasons included.
    pub(crate) fn wait<R>(
        &self,
        side: Side,
        timeout: Duration,
        mut attempt: impl FnMut(&mut S) -> Option<R>,
    ) -> (Option<R>, Bells) {
        let mut state = self.lock();
        let mut result = attempt(&mut state.shared);
        if result.is_none() {
            let (condvar, line): (&Condvar, fn(&mut State<S>) -> &mut Line) = match side {
                Side::Takers => (&self.takeable, |state| &mut state.takers),
                Side::Putters => (&self.puttable, |state| &mut state.putters),
            };
            line(&mut state).n_waiting += 1;
            state = match condvar.wait_timeout(state, timeout) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
            let line = line(&mut state);
            line.n_waiting -= 1;
            line.is_called = false;
            result = attempt(&mut state.shared);
        }
        (result, self.leave(state))
    }

    /// Hangs up a bell, unless there is a reason to ring it at once: then returns false.
    pub(crate) fn hang_bell(&self, side: Side) -> bool {
        let mut state = self.lock();
        let (line, is_ready) = match side {
            Side::Takers => {
                let is_ready = state.shared.can_take();
                (&mut state.takers, is_ready)
            }
            Side::Putters => {
                let is_ready = state.shared.can_put();
                (&mut state.putters, is_ready)
            }
        };
        line.has_bell |= !is_ready;
        !is_ready
    }

    /// Lets all who wait look at what is there now.
    pub(crate) fn call_all(&self) -> Bells {
        let mut state = self.lock();
        let takers = std::mem::take(&mut state.takers.has_bell);
        let putters = std::mem::take(&mut state.putters.has_bell);
        drop(state);
        self.takeable.notify_all();
        self.puttable.notify_all();
        Bells { takers, putters }
    }

    /// Returns once nobody has the lock.
    pub(crate) fn wait_for_lock(&self) {
        drop(self.lock());
    }

    /// Forgets all who wait: in a forked child they are not there. False if somebody who is not there has the lock.
    pub(crate) fn forget_waiting(&self) -> bool {
        let Ok(mut state) = self.state.try_lock() else {
            return false;
        };
        state.takers = Line::default();
        state.putters = Line::default();
        true
    }

    /// Leaves the lock, and calls those who have waited for what is there now.
    fn leave(&self, mut state: MutexGuard<'_, State<S>>) -> Bells {
        let State { shared, takers, putters } = &mut *state;
        let is_awaited = |line: &Line| line.n_waiting > 0 || line.has_bell;
        let has_news = shared.take_news();
        let (wakes_taker, rings_takers) = if is_awaited(takers) && (has_news || shared.can_take()) {
            takers.call()
        } else {
            (false, false)
        };
        let (wakes_putter, rings_putters) =
            if is_awaited(putters) && shared.can_put() { putters.call() } else { (false, false) };
        drop(state);
        if wakes_taker {
            self.takeable.notify_one();
        }
        if wakes_putter {
            self.puttable.notify_one();
        }
        Bells { takers: rings_takers, putters: rings_putters }
    }

    fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
