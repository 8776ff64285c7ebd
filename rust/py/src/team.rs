//! The team: worker threads that wait for an invitation, and the way to hand one out.
//!
//! Invitations are generic and this file knows no Python, so that a model checker can drive it. A thread
//! that waits is *idle*; an invitation that nobody has picked up yet is already counted against the idle
//! ones, so that two inviters never count on the same thread. An invitation that comes too late, when the
//! work is gone, costs its thread one look and nothing else.

use std::collections::VecDeque;

use crate::sync::{AtomicUsize, Condvar, Mutex, MutexGuard, Ordering};

/// Worker threads that share invitations of type `T`.
#[derive(Debug)]
pub(crate) struct Team<T> {
    state: Mutex<State<T>>,
    invited: Condvar,
    /// A copy of what `State::n_idle` computes, to be read without the lock.
    n_idle: AtomicUsize,
}

#[derive(Debug)]
struct State<T> {
    invitations: VecDeque<T>,
    n_waiting: usize,
    n_members: usize,
    is_closed: bool,
}

impl<T> State<T> {
    fn n_idle(&self) -> usize {
        self.n_waiting.saturating_sub(self.invitations.len())
    }
}

impl<T> Team<T> {
    /// Makes a team without members.
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                invitations: VecDeque::new(),
                n_waiting: 0,
                n_members: 0,
                is_closed: false,
            }),
            invited: Condvar::new(),
            n_idle: AtomicUsize::new(0),
        }
    }

    /// Returns how many members could take an invitation now; a moment later it may be another number.
    pub(crate) fn n_idle(&self) -> usize {
        self.n_idle.load(Ordering::Relaxed)
    }

    /// Returns how many threads belong to the team.
    pub(crate) fn n_members(&self) -> usize {
        self.lock().n_members
    }

    /// Counts `n` members in before their threads start; false when the team is closed.
    pub(crate) fn enroll(&self, n: usize) -> bool {
        let mut state = self.lock();
        if state.is_closed {
            return false;
        }
        state.n_members += n;
        true
    }

    /// Counts `n` members out: they do not come back to wait.
    pub(crate) fn dismiss(&self, n: usize) {
        let mut state = self.lock();
        state.n_members = state.n_members.saturating_sub(n);
    }

    /// Waits for an invitation; none once the team is closed.
    pub(crate) fn wait(&self) -> Option<T> {
        let mut state = self.lock();
        state.n_waiting += 1;
        let invitation = loop {
            if let Some(invitation) = state.invitations.pop_front() {
                break Some(invitation);
            }
            if state.is_closed {
                break None;
            }
            self.publish(&state);
            state = self.invited.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
        };
        state.n_waiting -= 1;
        self.publish(&state);
        invitation
    }

    /// Hands out up to `n` invitations, no more than there are idle members; returns how many.
    pub(crate) fn invite(&self, n: usize, mut invitation: impl FnMut() -> T) -> usize {
        let mut state = self.lock();
        let n = n.min(state.n_idle());
        for _ in 0..n {
            state.invitations.push_back(invitation());
        }
        self.publish(&state);
        drop(state);
        for _ in 0..n {
            self.invited.notify_one();
        }
        n
    }

    /// Lets every member go that waits now or comes to wait later.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.invited.notify_all();
    }

    fn publish(&self, state: &State<T>) {
        self.n_idle.store(state.n_idle(), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
