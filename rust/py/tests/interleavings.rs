//! The wake protocol under a model checker: thousands of random schedules of the same two files that the
//! extension is built from, compiled here against shuttle's primitives.
//!
//! A failing schedule is printed and can be replayed with `shuttle::replay`.

/// What `crate::sync` is in the extension, under the checker's control.
mod sync {
    pub(crate) use shuttle::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
    pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard};
}

#[path = "../src/baton.rs"]
#[allow(dead_code, reason = "not every scenario uses all of it")]
mod baton;
#[path = "../src/team.rs"]
#[allow(dead_code, reason = "not every scenario uses all of it")]
mod team;

use shuttle::sync::atomic::{AtomicUsize, Ordering};
use shuttle::sync::{Arc, Mutex};
use shuttle::thread;

use baton::{Baton, Phase};
use team::Team;

const N_SCHEDULES: usize = 20_000;

fn explore(scenario: impl Fn() + Send + Sync + 'static) {
    shuttle::check_random(scenario, N_SCHEDULES);
}

#[test]
fn baton_is_stepped_or_taken_never_both() {
    const N_NODES: u32 = 4;
    explore(|| {
        let baton = Arc::new(Baton::new());
        let n_finished = Arc::new(AtomicUsize::new(0));
        let soloist = {
            let (baton, n_finished) = (Arc::clone(&baton), Arc::clone(&n_finished));
            thread::spawn(move || {
                for position in 0..N_NODES {
                    n_finished.fetch_add(1, Ordering::SeqCst);
                    if !baton.step(position) {
                        return Some(position);
                    }
                }
                None
            })
        };
        let taker = thread::spawn(move || match baton.phase() {
            Phase::Solo(position) if position < N_NODES && baton.take(position) => {
                // Whatever came before the position is finished and was published.
                assert!(n_finished.load(Ordering::SeqCst) >= position as usize);
                Some(position)
            }
            Phase::Solo(_) | Phase::Taken | Phase::Done => None,
        });
        let (stopped_at, taken_at) = (soloist.join().unwrap(), taker.join().unwrap());
        assert_eq!(stopped_at, taken_at, "the soloist stops exactly where the baton was taken");
    });
}

#[test]
fn baton_of_an_ended_run_cannot_be_taken() {
    explore(|| {
        let baton = Arc::new(Baton::new());
        let ending = {
            let baton = Arc::clone(&baton);
            thread::spawn(move || baton.end(0))
        };
        let takers: Vec<_> = (0..2)
            .map(|_| {
                let baton = Arc::clone(&baton);
                thread::spawn(move || baton.take(0))
            })
            .collect();
        let is_ended = ending.join().unwrap();
        let n_taken = takers.into_iter().map(|taker| usize::from(taker.join().unwrap())).sum::<usize>();
        assert_eq!(usize::from(is_ended) + n_taken, 1, "one of them wins");
    });
}

#[test]
fn team_takes_every_invitation_once_and_ends_when_closed() {
    const N_MEMBERS: usize = 2;
    explore(|| {
        let team = Arc::new(Team::<usize>::new());
        assert!(team.enroll(N_MEMBERS));
        let taken = Arc::new(Mutex::new(Vec::new()));
        let members: Vec<_> = (0..N_MEMBERS)
            .map(|_| {
                let (team, taken) = (Arc::clone(&team), Arc::clone(&taken));
                thread::spawn(move || {
                    while let Some(invitation) = team.wait() {
                        taken.lock().unwrap().push(invitation);
                    }
                })
            })
            .collect();
        let inviters: Vec<_> = (0..2)
            .map(|inviter| {
                let team = Arc::clone(&team);
                thread::spawn(move || {
                    assert!(team.n_idle() <= N_MEMBERS);
                    let mut next = inviter * 10;
                    let n_invited = team.invite(2, || {
                        next += 1;
                        next
                    });
                    (1..=n_invited).map(|at| inviter * 10 + at).collect::<Vec<_>>()
                })
            })
            .collect();
        let mut invited: Vec<usize> =
            inviters.into_iter().flat_map(|inviter| inviter.join().unwrap()).collect();
        team.close();
        for member in members {
            member.join().unwrap();
        }
        let mut taken = std::mem::take(&mut *taken.lock().unwrap());
        taken.sort_unstable();
        invited.sort_unstable();
        assert_eq!(taken, invited, "no invitation is lost, none is taken twice");
        assert_eq!(team.n_idle(), 0);
        assert!(!team.enroll(1), "a closed team takes nobody in");
    });
}

#[test]
fn team_wakes_a_member_for_an_invitation_that_comes_while_it_falls_asleep() {
    explore(|| {
        let team = Arc::new(Team::<()>::new());
        assert!(team.enroll(1));
        let member = {
            let team = Arc::clone(&team);
            thread::spawn(move || team.wait().is_some())
        };
        // Invite until the member has come to wait: a lost wake-up would leave it asleep for ever.
        while team.invite(1, || ()) == 0 {
            thread::yield_now();
        }
        assert!(member.join().unwrap());
    });
}
