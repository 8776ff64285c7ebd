//! The wake protocols under a model checker: thousands of random schedules of the same files that the
//! extension is built from, compiled here against shuttle's primitives.
//!
//! A failing schedule is printed and can be replayed with `shuttle::replay`.

/// What `crate::sync` is in the extension, under the checker's control.
mod sync {
    pub(crate) use shuttle::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
    pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard, TryLockError};
}

#[path = "../src/baton.rs"]
#[allow(dead_code, reason = "not every scenario uses all of it")]
mod baton;
#[path = "../src/monitor.rs"]
#[allow(dead_code, reason = "not every scenario uses all of it")]
mod monitor;
#[path = "../src/team.rs"]
#[allow(dead_code, reason = "not every scenario uses all of it")]
mod team;

use shuttle::sync::atomic::{AtomicUsize, Ordering};
use shuttle::sync::{Arc, Mutex};
use shuttle::thread;

use std::collections::VecDeque;
use std::time::Duration;

use baton::{Baton, Phase};
use monitor::{Monitor, Shared, Side};
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

/// A queue with room for so many, behind the monitor. Under the checker no wait ends by itself: a wake-up that is lost is
/// a deadlock, which it reports.
#[derive(Debug)]
struct Bounded {
    entries: VecDeque<usize>,
    n_max: usize,
    is_closed: bool,
}

impl Bounded {
    fn new(n_max: usize) -> Self {
        Self { entries: VecDeque::new(), n_max, is_closed: false }
    }
}

impl Shared for Bounded {
    fn can_take(&self) -> bool {
        !self.entries.is_empty() || self.is_closed
    }

    fn can_put(&self) -> bool {
        self.entries.len() < self.n_max || self.is_closed
    }

    fn take_news(&mut self) -> bool {
        false
    }
}

const TIMEOUT: Duration = Duration::from_millis(50);

/// Waits for an entry; none once the queue is closed and empty.
fn get(monitor: &Monitor<Bounded>) -> Option<usize> {
    loop {
        let (taken, _) = monitor.wait(Side::Takers, TIMEOUT, |queue| {
            queue.entries.pop_front().map(Some).or(queue.is_closed.then_some(None))
        });
        if let Some(taken) = taken {
            return taken;
        }
    }
}

/// Waits for room; false once the queue is closed.
fn put(monitor: &Monitor<Bounded>, entry: usize) -> bool {
    loop {
        let (is_in, _) = monitor.wait(Side::Putters, TIMEOUT, |queue| {
            let may = !queue.is_closed && queue.entries.len() < queue.n_max;
            may.then(|| queue.entries.push_back(entry)).map(|()| true).or(queue.is_closed.then_some(false))
        });
        if let Some(is_in) = is_in {
            return is_in;
        }
    }
}

#[test]
fn monitor_wakes_all_who_wait_for_what_comes() {
    explore(|| {
        let monitor = Arc::new(Monitor::new(Bounded::new(1)));
        let putters: Vec<_> = (0..2)
            .map(|putter| {
                let monitor = Arc::clone(&monitor);
                thread::spawn(move || (0..2).for_each(|at| assert!(put(&monitor, putter * 2 + at))))
            })
            .collect();
        let takers: Vec<_> = (0..2)
            .map(|_| {
                let monitor = Arc::clone(&monitor);
                thread::spawn(move || [get(&monitor), get(&monitor)])
            })
            .collect();
        for putter in putters {
            putter.join().unwrap();
        }
        let mut taken: Vec<_> =
            takers.into_iter().flat_map(|taker| taker.join().unwrap()).map(Option::unwrap).collect();
        taken.sort_unstable();
        assert_eq!(taken, [0, 1, 2, 3], "every entry is taken once");
    });
}

#[test]
fn monitor_passes_the_call_on_after_a_batch() {
    explore(|| {
        let monitor = Arc::new(Monitor::new(Bounded::new(3)));
        let takers: Vec<_> = (0..3)
            .map(|_| {
                let monitor = Arc::clone(&monitor);
                thread::spawn(move || get(&monitor).unwrap())
            })
            .collect();
        // One call for the whole batch: each who was woken has to wake the next.
        let ((), bells) = monitor.visit(|queue| queue.entries.extend([0, 1, 2]));
        assert!(!bells.any());
        let mut taken: Vec<_> = takers.into_iter().map(|taker| taker.join().unwrap()).collect();
        taken.sort_unstable();
        assert_eq!(taken, [0, 1, 2]);
    });
}

#[test]
fn monitor_lets_all_go_when_it_is_closed() {
    explore(|| {
        let monitor = Arc::new(Monitor::new(Bounded::new(1)));
        let ((), _) = monitor.visit(|queue| queue.entries.push_back(7));
        let putter = {
            let monitor = Arc::clone(&monitor);
            thread::spawn(move || put(&monitor, 8))
        };
        let takers: Vec<_> = (0..2)
            .map(|_| {
                let monitor = Arc::clone(&monitor);
                thread::spawn(move || std::iter::from_fn(|| get(&monitor)).collect::<Vec<_>>())
            })
            .collect();
        let ((), _) = monitor.visit(|queue| queue.is_closed = true);
        let _ = monitor.call_all();
        let is_in = putter.join().unwrap();
        let mut taken: Vec<_> = takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect();
        taken.sort_unstable();
        assert_eq!(taken, if is_in { vec![7, 8] } else { vec![7] }, "what was let in is taken");
    });
}

#[test]
fn monitor_rings_a_bell_once_or_refuses_to_hang_it() {
    explore(|| {
        let monitor = Arc::new(Monitor::new(Bounded::new(4)));
        let putters: Vec<_> = (0..2)
            .map(|putter| {
                let monitor = Arc::clone(&monitor);
                thread::spawn(move || {
                    let ((), bells) = monitor.visit(|queue| queue.entries.push_back(putter));
                    assert!(!bells.putters);
                    usize::from(bells.takers)
                })
            })
            .collect();
        let is_hung = monitor.hang_bell(Side::Takers);
        let n_rung: usize = putters.into_iter().map(|putter| putter.join().unwrap()).sum();
        assert_eq!(n_rung, usize::from(is_hung));
    });
}
