//! The meeting under a model checker: random schedules of the same file that the extension is built from, as in
//! `interleavings.rs`.

/// What `crate::sync` is in the extension, under the checker's control.
mod sync {
    pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard};
}

#[path = "../src/meeting.rs"]
#[allow(dead_code, reason = "not every scenario uses all of it")]
mod meeting;

use std::time::Duration;

use makespan_core::sched::gather::{Guest, Lot};
use shuttle::sync::atomic::{AtomicUsize, Ordering};
use shuttle::sync::{Arc, Mutex};
use shuttle::thread;

use meeting::{Lead, Meeting, Turn};

const N_SCHEDULES: usize = 20_000;

fn explore(scenario: impl Fn() + Send + Sync + 'static) {
    shuttle::check_random(scenario, N_SCHEDULES);
}

/// Numbers are brought, and their squares come back.
type Squares = Meeting<u64, u64>;

fn one_call(guest: Guest) -> Lot {
    Lot { guest, n_calls: 1, n_max: 2, until_ns: u64::MAX }
}

/// What became of a call.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Answered(u64),
    /// It was to be made without others.
    ByItself,
}

fn answered(lead: Lead<u64, u64>, own: u64) -> End {
    let answers = lead.lots().iter().filter(|(id, _)| *id != lead.id()).map(|(id, x)| (*id, x * x)).collect();
    lead.answer(answers);
    End::Answered(own * own)
}

/// Calls as `joint.rs` does, but waits for ever: the checker's condition variables know no timeout, so that a bell which is
/// not rung shows as a deadlock.
fn called(
    meeting: &std::sync::Arc<Squares>,
    guest: Guest,
    x: u64,
    make: impl Fn(Lead<u64, u64>, u64) -> End,
) -> End {
    if let Some(lead) = meeting.lead_alone(one_call(guest)) {
        return make(lead, x);
    }
    let (id, mut turn) = meeting.bring(0, one_call(guest), x);
    loop {
        match turn {
            Turn::Lead(lead) => return make(lead, x),
            Turn::Answered(answer) => return End::Answered(answer),
            Turn::Alone => return End::ByItself,
            Turn::Wait => {
                meeting.wait(id, Duration::from_secs(1));
                turn = meeting.look(0, id);
            }
        }
    }
}

#[test]
fn every_call_of_every_run_is_answered() {
    explore(|| {
        let meeting = std::sync::Arc::new(Squares::default());
        let runs: Vec<_> = (1..4)
            .map(|x| {
                let meeting = std::sync::Arc::clone(&meeting);
                thread::spawn(move || {
                    let guest = meeting.enter(2);
                    for x in [x, 10 * x] {
                        assert_eq!(called(&meeting, guest, x, answered), End::Answered(x * x));
                    }
                    meeting.leave(guest);
                })
            })
            .collect();
        for run in runs {
            run.join().unwrap();
        }
    });
}

#[test]
fn calls_of_a_leader_that_is_gone_are_made_by_those_who_brought_them() {
    explore(|| {
        let meeting = std::sync::Arc::new(Squares::default());
        let n_made = Arc::new(AtomicUsize::new(0));
        let runs: Vec<_> = (1..4)
            .map(|x| {
                let (meeting, n_made) = (std::sync::Arc::clone(&meeting), Arc::clone(&n_made));
                thread::spawn(move || {
                    let guest = meeting.enter(1);
                    // Nobody ever answers: leaders go away.
                    let end = called(&meeting, guest, x, |lead, _| {
                        drop(lead);
                        End::ByItself
                    });
                    meeting.leave(guest);
                    assert_eq!(end, End::ByItself);
                    n_made.fetch_add(1, Ordering::SeqCst);
                })
            })
            .collect();
        for run in runs {
            run.join().unwrap();
        }
        assert_eq!(n_made.load(Ordering::SeqCst), 3);
    });
}

#[test]
fn who_leaves_holds_nobody_up() {
    explore(|| {
        let meeting = std::sync::Arc::new(Squares::default());
        let ends = Arc::new(Mutex::new(Vec::new()));
        let guests = [(); 3].map(|()| meeting.enter(1));
        let impatient = {
            let meeting = std::sync::Arc::clone(&meeting);
            let [guest, ..] = guests;
            thread::spawn(move || {
                // Interrupted whatever its turn is: also when it was to make the call for the others.
                let (id, turn) = meeting.bring(0, one_call(guest), 7);
                drop(turn);
                meeting.withdraw(id);
                meeting.leave(guest);
            })
        };
        let others: Vec<_> = [(guests[1], 2), (guests[2], 3)]
            .into_iter()
            .map(|(guest, x)| {
                let (meeting, ends) = (std::sync::Arc::clone(&meeting), Arc::clone(&ends));
                thread::spawn(move || {
                    let end = called(&meeting, guest, x, answered);
                    assert!(end == End::Answered(x * x) || end == End::ByItself);
                    ends.lock().unwrap().push(end);
                    meeting.leave(guest);
                })
            })
            .collect();
        impatient.join().unwrap();
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(ends.lock().unwrap().len(), 2);
    });
}
