//! The desk: where amounts of an engine's resources are asked for and given back, under one lock.
//!
//! What is granted to whom is decided by `makespan_core::sched::Grants`. Here is the lock around it, and how those who wait
//! learn of it: each leaves a *bell*, and whoever causes a grant rings the bells of those it went to, after the lock. So
//! nobody is woken for what went to another. This file knows no Python, so that a model checker can drive it: bells of its
//! own kind are threads that sleep here; what other bells there are is the user's choice.
//!
//! Where tokens are waited for, one of those who wait is the *timekeeper*: it looks when the next one comes, and its bell is
//! rung when it becomes so. There is no thread and no timer beside those who wait.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use makespan_core::sched::grants::{GrantError, Grants, Request, Ticket};
use makespan_core::sched::pools::Need;

use crate::sync::{Condvar, Mutex, MutexGuard};

/// How one who waits is told.
#[derive(Clone, Debug)]
pub(crate) enum Bell<B> {
    /// A thread that sleeps in [`Desk::wait`].
    Thread(Arc<Condvar>),
    /// Something else.
    Other(B),
}

/// A bell that is to be rung once the lock is given up: its ticket was granted, or is the timekeeper's.
#[derive(Debug)]
pub(crate) struct Ring<B> {
    pub(crate) bell: Bell<B>,
    pub(crate) ticket: Ticket,
    /// Otherwise its owner keeps the time from now on.
    pub(crate) is_granted: bool,
}

/// Rings bells; `other` is given those that are no threads, with the ticket and whether it was granted, and returns what is
/// to be rung by that.
pub(crate) fn deliver<B>(rings: Vec<Ring<B>>, mut other: impl FnMut(B, Ticket, bool) -> Vec<Ring<B>>) {
    let mut pending = VecDeque::from(rings);
    while let Some(ring) = pending.pop_front() {
        match ring.bell {
            Bell::Thread(bell) => bell.notify_one(),
            Bell::Other(bell) => pending.extend(other(bell, ring.ticket, ring.is_granted)),
        }
    }
}

/// Why nothing is given out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Closed,
    Error(GrantError),
}

/// What one who waits sees when it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Held,
    /// Nothing more is granted.
    Closed,
    /// Its holder was found dead.
    Over,
    /// It is to wait; where it keeps the time, until then.
    Waiting {
        wake_ns: Option<u64>,
        n_turns: u64,
    },
}

/// Resources of one engine, and who waits for them; `W` says who holds a ticket.
#[derive(Debug)]
pub(crate) struct Desk<B, W>(Mutex<State<B, W>>);

#[derive(Debug)]
struct State<B, W> {
    grants: Grants,
    /// By slot: of tickets that wait.
    bells: Vec<Option<Bell<B>>>,
    /// By slot: whose it is.
    who: Vec<Option<W>>,
    /// When the next tokens come that are waited for, and who looks then.
    timekeeper: Option<(u64, Ticket)>,
    /// How often that changed: who is about to sleep looks again.
    n_turns: u64,
    is_closed: bool,
    granted: Vec<Ticket>,
}

impl<B: Clone, W: Clone> State<B, W> {
    /// Collects the bells of those who were granted something, and of who keeps the time from now on.
    fn settle(&mut self, rings: &mut Vec<Ring<B>>) {
        for ticket in self.granted.drain(..) {
            let slot = ticket.slot() as usize;
            if let Some(bell) = self.bells.get_mut(slot).and_then(Option::take) {
                rings.push(Ring { bell, ticket, is_granted: true });
            }
        }
        let timekeeper = self.grants.next_wake();
        if timekeeper != self.timekeeper {
            self.timekeeper = timekeeper;
            self.n_turns += 1;
            if let Some((_, ticket)) = timekeeper
                && let Some(Some(bell)) = self.bells.get(ticket.slot() as usize)
            {
                rings.push(Ring { bell: bell.clone(), ticket, is_granted: false });
            }
        }
    }

    fn enter(&mut self, ticket: Ticket, who: W, bell: Option<Bell<B>>) {
        let slot = ticket.slot() as usize;
        if slot >= self.who.len() {
            self.who.resize_with(slot + 1, || None);
            self.bells.resize_with(slot + 1, || None);
        }
        self.who[slot] = Some(who);
        self.bells[slot] = bell;
    }

    fn leave(&mut self, ticket: Ticket) -> Option<Bell<B>> {
        let slot = ticket.slot() as usize;
        self.who[slot] = None;
        self.bells[slot].take()
    }
}

impl<B: Clone, W: Clone> Desk<B, W> {
    pub(crate) fn new(grants: Grants) -> Self {
        Self(Mutex::new(State {
            grants,
            bells: Vec::new(),
            who: Vec::new(),
            timekeeper: None,
            n_turns: 0,
            is_closed: false,
            granted: Vec::new(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State<B, W>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Asks for amounts. Where they are not granted at once, the ticket waits if there is a bell, and is over otherwise.
    ///
    /// Returns the ticket, and whether it holds.
    pub(crate) fn request(
        &self,
        now_ns: u64,
        request: Request<'_>,
        who: W,
        bell: Option<impl FnOnce() -> Bell<B>>,
        rings: &mut Vec<Ring<B>>,
    ) -> Result<(Ticket, bool), Refusal> {
        let mut state = self.lock();
        let state = &mut *state;
        if state.is_closed {
            return Err(Refusal::Closed);
        }
        let ticket = state.grants.request(now_ns, request, &mut state.granted).map_err(Refusal::Error)?;
        let is_held = state.grants.is_held(ticket);
        match bell {
            Some(bell) if !is_held => state.enter(ticket, who, Some(bell())),
            None if !is_held => {
                let withdrawn = state.grants.release(now_ns, ticket, &mut state.granted);
                debug_assert!(withdrawn.is_ok(), "a ticket that waits can be withdrawn");
            }
            Some(_) | None => state.enter(ticket, who, None),
        }
        state.settle(rings);
        Ok((ticket, is_held))
    }

    /// Ends a ticket, whether it holds or waits; false if it is over already.
    pub(crate) fn release(&self, now_ns: u64, ticket: Ticket, rings: &mut Vec<Ring<B>>) -> bool {
        let mut guard = self.lock();
        let state = &mut *guard;
        let is_released = state.grants.release(now_ns, ticket, &mut state.granted).is_ok();
        let left = if is_released { state.leave(ticket) } else { None };
        state.settle(rings);
        // What a bell holds may run anything when it is dropped.
        drop(guard);
        drop(left);
        is_released
    }

    /// Lets a ticket wait no more. Returns what it was short of and how much of that was free; none if it holds.
    pub(crate) fn give_up(
        &self,
        now_ns: u64,
        ticket: Ticket,
        rings: &mut Vec<Ring<B>>,
    ) -> Option<(Need, i64)> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let short = state.grants.short_of(ticket)?;
        let free = state.grants.free(short.pool);
        let withdrawn = state.grants.release(now_ns, ticket, &mut state.granted);
        debug_assert!(withdrawn.is_ok(), "a ticket that is short of something waits");
        let left = state.leave(ticket);
        state.settle(rings);
        drop(guard);
        drop(left);
        Some((short, free))
    }

    /// Counts tokens, and says how it stands with a ticket.
    pub(crate) fn look(&self, now_ns: u64, ticket: Ticket, rings: &mut Vec<Ring<B>>) -> Look {
        let mut state = self.lock();
        let state = &mut *state;
        state.grants.advance(now_ns, &mut state.granted);
        state.settle(rings);
        if state.grants.is_held(ticket) {
            return Look::Held;
        }
        if !state.grants.is_waiting(ticket) {
            return Look::Over;
        }
        if state.is_closed {
            return Look::Closed;
        }
        let wake = state.timekeeper.filter(|(_, keeper)| *keeper == ticket);
        Look::Waiting { wake_ns: wake.map(|(wake_ns, _)| wake_ns), n_turns: state.n_turns }
    }

    /// Sleeps until the bell is rung or the time is over, unless there is something to see already.
    ///
    /// `n_turns` is what was told at the last look. Returns whether the ticket holds.
    pub(crate) fn wait(&self, ticket: Ticket, bell: &Condvar, n_turns: u64, timeout: Duration) -> bool {
        let state = self.lock();
        if state.is_closed || state.n_turns != n_turns || !state.grants.is_waiting(ticket) {
            return state.grants.is_held(ticket);
        }
        let (state, _) = bell.wait_timeout(state, timeout).unwrap_or_else(std::sync::PoisonError::into_inner);
        state.grants.is_held(ticket)
    }

    /// Ends all tickets of a holder that died; returns how many. Who waits in its name is told.
    pub(crate) fn reclaim(&self, now_ns: u64, holder: u64, rings: &mut Vec<Ring<B>>) -> usize {
        let mut state = self.lock();
        let state = &mut *state;
        let of_holder = state.grants.waiting().filter(|view| view.holder == holder);
        for ticket in of_holder.map(|view| view.ticket) {
            // Rung, and dropped, without the lock: what a bell holds may run anything.
            if let Some(bell) = state.bells[ticket.slot() as usize].take() {
                rings.push(Ring { bell, ticket, is_granted: false });
            }
        }
        let n_reclaimed = state.grants.reclaim(now_ns, holder, &mut state.granted);
        state.settle(rings);
        n_reclaimed
    }

    /// Counts tokens that have come; returns whether the desk is closed, so that nothing more is granted.
    pub(crate) fn advance(&self, now_ns: u64, rings: &mut Vec<Ring<B>>) -> bool {
        self.change(rings, |grants, granted| grants.advance(now_ns, granted));
        self.is_closed()
    }

    /// When the next tokens come that are waited for.
    pub(crate) fn next_wake_ns(&self) -> Option<u64> {
        self.lock().timekeeper.map(|(wake_ns, _)| wake_ns)
    }

    /// Does something to the grants that may grant something.
    pub(crate) fn change<T>(
        &self,
        rings: &mut Vec<Ring<B>>,
        change: impl FnOnce(&mut Grants, &mut Vec<Ticket>) -> T,
    ) -> T {
        let mut state = self.lock();
        let state = &mut *state;
        let changed = change(&mut state.grants, &mut state.granted);
        state.settle(rings);
        changed
    }

    /// Reads the grants; `who` of a ticket is given by the second argument.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Grants, &dyn Fn(Ticket) -> Option<W>) -> T) -> T {
        let state = self.lock();
        read(&state.grants, &|ticket| state.who.get(ticket.slot() as usize).cloned().flatten())
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Gives out nothing more; who waits is told. What is held stays held until it is given back.
    pub(crate) fn close(&self, rings: &mut Vec<Ring<B>>) {
        let mut state = self.lock();
        let state = &mut *state;
        state.is_closed = true;
        state.n_turns += 1;
        let waiting = state.grants.waiting().map(|view| view.ticket);
        for ticket in waiting {
            if let Some(bell) = state.bells[ticket.slot() as usize].take() {
                rings.push(Ring { bell, ticket, is_granted: false });
            }
        }
    }
}
