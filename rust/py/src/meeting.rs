//! A meeting: where workers of several runs bring calls of one step, and one of them makes a call for all.
//!
//! Who waits and who makes which call is decided by `makespan_core::sched::gather`. Here is the lock around it, what the
//! workers bring (`D`) and get back (`R`), and a bell for each that waits. This file knows no Python, so that a model checker
//! can drive it. What is Python's is moved under the lock, and dropped outside of it.
//!
//! Who makes a call waits for nobody, so who waits for a call does not wait for ever; and if it does not come to make it, each
//! of the others learns that it is to make its calls by itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use makespan_core::sched::gather::{Gathering, Guest, JointCall, Lot, LotId};

use crate::sync::{Condvar, Mutex, MutexGuard};

/// The lock around a [`Gathering`].
#[derive(Debug)]
pub(crate) struct Meeting<D, R>(Mutex<State<D, R>>);

#[derive(Debug)]
struct State<D, R> {
    gathering: Gathering,
    seats: BTreeMap<LotId, Seat<D, R>>,
}

/// Where a worker waits.
#[derive(Debug)]
struct Seat<D, R> {
    stage: Stage<D, R>,
    bell: Arc<Condvar>,
}

#[derive(Debug)]
enum Stage<D, R> {
    Waiting(D),
    /// Another worker makes its calls.
    Taken,
    Leads(JointCall, Vec<(LotId, D)>),
    Answered(R),
    Alone,
}

/// What a worker is to do.
#[derive(Debug)]
pub(crate) enum Turn<D, R> {
    Wait,
    /// It makes the call.
    Lead(Lead<D, R>),
    /// Another one made it.
    Answered(R),
    /// It makes its own calls as if there were no others.
    Alone,
}

/// A call that is being made. When this is dropped without answers, each of the others makes its calls by itself.
#[derive(Debug)]
pub(crate) struct Lead<D, R> {
    meeting: Arc<Meeting<D, R>>,
    call: JointCall,
    /// What was brought, the oldest first, its own included; nothing where it is alone from the first.
    lots: Vec<(LotId, D)>,
}

impl<D, R> Default for Meeting<D, R> {
    fn default() -> Self {
        Self(Mutex::new(State { gathering: Gathering::default(), seats: BTreeMap::new() }))
    }
}

impl<D, R> Meeting<D, R> {
    /// As [`Gathering::enter`].
    pub(crate) fn enter(&self, n_open: u32) -> Guest {
        self.lock().gathering.enter(n_open)
    }

    /// As [`Gathering::leave`].
    pub(crate) fn leave(&self, guest: Guest) {
        self.change(|state| state.gathering.leave(guest));
    }

    /// Begins a call of these calls alone, where there is nobody to wait for: nothing is brought then.
    pub(crate) fn lead_alone(self: &Arc<Self>, lot: Lot) -> Option<Lead<D, R>> {
        let mut state = self.lock();
        if !state.gathering.is_alone(lot.guest) {
            return None;
        }
        let id = state.gathering.arrive(lot);
        let call = state.gathering.next_call(0, Some(id))?;
        Some(Lead { meeting: Arc::clone(self), call, lots: Vec::new() })
    }

    /// Brings calls; returns their number and what to do.
    pub(crate) fn bring(self: &Arc<Self>, now_ns: u64, lot: Lot, brought: D) -> (LotId, Turn<D, R>) {
        let mut bells = Vec::new();
        let mut state = self.lock();
        let id = state.gathering.arrive(lot);
        state.seats.insert(id, Seat { stage: Stage::Waiting(brought), bell: Arc::new(Condvar::new()) });
        state.settle(now_ns, Some(id), &mut bells);
        let turn = state.turn(id, self);
        drop(state);
        ring(&bells);
        (id, turn)
    }

    /// Sleeps until the bell is rung or the time is over, unless there is something to see already.
    pub(crate) fn wait(&self, id: LotId, timeout: Duration) {
        let state = self.lock();
        let Some(Seat { stage: Stage::Waiting(_) | Stage::Taken, bell }) = state.seats.get(&id) else {
            return;
        };
        let bell = Arc::clone(bell);
        drop(bell.wait_timeout(state, timeout).unwrap_or_else(std::sync::PoisonError::into_inner));
    }

    /// What a worker that waited is to do now.
    pub(crate) fn look(self: &Arc<Self>, now_ns: u64, id: LotId) -> Turn<D, R> {
        let mut bells = Vec::new();
        let mut state = self.lock();
        state.settle(now_ns, Some(id), &mut bells);
        let turn = state.turn(id, self);
        drop(state);
        ring(&bells);
        turn
    }

    /// Leaves without waiting any longer, whatever becomes of the calls.
    pub(crate) fn withdraw(self: &Arc<Self>, id: LotId) {
        let dropped = self.change(|state| {
            state.gathering.withdraw(id);
            let turn = state.turn(id, self);
            (turn, state.seats.remove(&id))
        });
        drop(dropped);
    }

    /// Does something after which calls may go that waited; those who wait until a time look at it themselves.
    fn change<T>(&self, change: impl FnOnce(&mut State<D, R>) -> T) -> T {
        let mut bells = Vec::new();
        let mut state = self.lock();
        let changed = change(&mut state);
        state.settle(0, None, &mut bells);
        drop(state);
        ring(&bells);
        changed
    }

    fn lock(&self) -> MutexGuard<'_, State<D, R>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl<D, R> State<D, R> {
    /// Lets calls go that can; collects the bells of those who are to make them, but for the one that is awake.
    fn settle(&mut self, now_ns: u64, awake: Option<LotId>, bells: &mut Vec<Arc<Condvar>>) {
        while let Some(call) = self.gathering.next_call(now_ns, awake) {
            let mut lots = Vec::with_capacity(call.lots.len());
            for id in &call.lots {
                if let Some(seat) = self.seats.get_mut(id)
                    && let Stage::Waiting(brought) = std::mem::replace(&mut seat.stage, Stage::Taken)
                {
                    lots.push((*id, brought));
                }
            }
            let leader = call.leader;
            if let Some(seat) = self.seats.get_mut(&leader) {
                seat.stage = Stage::Leads(call, lots);
                if awake != Some(leader) {
                    bells.push(Arc::clone(&seat.bell));
                }
            }
        }
        if cfg!(debug_assertions) {
            self.gathering.validate();
        }
    }

    /// Takes out what a worker is to do, if it is anything but waiting.
    fn turn(&mut self, id: LotId, meeting: &Arc<Meeting<D, R>>) -> Turn<D, R> {
        match self.seats.get(&id).map(|seat| &seat.stage) {
            Some(Stage::Waiting(_) | Stage::Taken) => return Turn::Wait,
            None | Some(Stage::Leads(..) | Stage::Answered(_) | Stage::Alone) => {}
        }
        match self.seats.remove(&id).map(|seat| seat.stage) {
            Some(Stage::Leads(call, lots)) => Turn::Lead(Lead { meeting: Arc::clone(meeting), call, lots }),
            Some(Stage::Answered(answer)) => Turn::Answered(answer),
            Some(Stage::Waiting(_) | Stage::Taken | Stage::Alone) | None => Turn::Alone,
        }
    }
}

impl<D, R> Lead<D, R> {
    /// Whether others wait for the call.
    pub(crate) fn is_for_others(&self) -> bool {
        self.call.lots.len() > 1
    }

    /// The number of the call among those of this meeting.
    pub(crate) fn id(&self) -> LotId {
        self.call.leader
    }

    /// Of how many calls it is made.
    pub(crate) fn n_calls(&self) -> usize {
        self.call.n_calls as usize
    }

    /// What was brought, the oldest first, that of the leader included.
    pub(crate) fn lots(&self) -> &[(LotId, D)] {
        &self.lots
    }

    /// Ends the call with what the others get.
    pub(crate) fn answer(mut self, answers: Vec<(LotId, R)>) {
        let unclaimed = self.end(answers);
        drop(unclaimed);
    }

    /// Returns answers for workers that are not there any more.
    fn end(&mut self, answers: Vec<(LotId, R)>) -> Vec<R> {
        let others = std::mem::take(&mut self.call.lots);
        let leader = self.call.leader;
        let (unclaimed, bells) = self.meeting.change(|state| {
            let (mut unclaimed, mut bells) = (Vec::new(), Vec::new());
            for (id, answer) in answers {
                match state.seats.get_mut(&id) {
                    Some(seat) => seat.stage = Stage::Answered(answer),
                    None => unclaimed.push(answer),
                }
            }
            for id in others.iter().filter(|id| **id != leader) {
                if let Some(seat) = state.seats.get_mut(id) {
                    if matches!(seat.stage, Stage::Taken) {
                        seat.stage = Stage::Alone;
                    }
                    bells.push(Arc::clone(&seat.bell));
                }
            }
            state.gathering.end(&self.call);
            (unclaimed, bells)
        });
        ring(&bells);
        unclaimed
    }
}

impl<D, R> Drop for Lead<D, R> {
    fn drop(&mut self) {
        if !self.call.lots.is_empty() {
            self.end(Vec::new());
        }
    }
}

fn ring(bells: &[Arc<Condvar>]) {
    for bell in bells {
        bell.notify_one();
    }
}
