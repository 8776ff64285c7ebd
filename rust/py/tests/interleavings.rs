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
#[path = "../src/desk.rs"]
#[allow(dead_code, reason = "not every scenario uses all of it")]
mod desk;
#[path = "../src/monitor.rs"]
#[allow(dead_code, reason = "not every scenario uses all of it")]
mod monitor;
#[path = "../src/team.rs"]
#[allow(dead_code, reason = "not every scenario uses all of it")]
mod team;

use std::collections::VecDeque;
use std::time::Duration;

use makespan_core::sched::grants::{Grants, Rate, Request, Ticket};
use makespan_core::sched::pools::Need;
use shuttle::sync::atomic::{AtomicUsize, Ordering};
use shuttle::sync::{Arc, Condvar, Mutex};
use shuttle::thread;

use baton::{Baton, Phase};
use desk::{Bell, Desk, Look, deliver};
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

/// A desk with one pool, whose clients are known by a number.
type OnePool = Desk<(), u64>;

fn desk_of(capacity: i64) -> OnePool {
    let mut grants = Grants::new(0);
    grants.add_pool(capacity);
    Desk::new(grants)
}

/// Waits as `resources.rs` does, but for ever: the checker's condition variables know no timeout, so a bell that is not
/// rung shows as a deadlock.
fn wait(desk: &OnePool, ticket: Ticket, bell: &Condvar) -> Look {
    loop {
        let mut rings = Vec::new();
        let look = desk.look(0, ticket, &mut rings);
        deliver(rings, |(), _, _| Vec::new());
        let Look::Waiting { n_turns, .. } = look else {
            return look;
        };
        desk.wait(ticket, bell, n_turns, Duration::from_secs(1));
    }
}

/// Asks and waits; returns the ticket, held, or nothing if the desk was closed.
fn acquire(desk: &OnePool, holder: u64, needs: &[Need]) -> Option<Ticket> {
    ask(desk, holder, needs).ok()
}

/// The same where the holder may be found dead, and the ticket be over.
fn acquire_or_over(desk: &OnePool, holder: u64, needs: &[Need]) -> Option<Ticket> {
    match ask(desk, holder, needs) {
        Ok(ticket) => {
            // Found dead while it held: there is nothing to give back.
            desk.read(|grants, _| grants.is_held(ticket)).then_some(ticket)
        }
        Err(look) => {
            assert_eq!(look, Look::Over);
            None
        }
    }
}

fn ask(desk: &OnePool, holder: u64, needs: &[Need]) -> Result<Ticket, Look> {
    // The bell is shared with the desk, which is compiled with the standard library's `Arc`.
    let bell = std::sync::Arc::new(Condvar::new());
    let new_bell = || Bell::Thread(std::sync::Arc::clone(&bell));
    let mut rings = Vec::new();
    let request = Request { holder, needs, priority: 0, since_ns: None };
    let requested = desk.request(0, request, holder, Some(new_bell), &mut rings);
    deliver(rings, |(), _, _| Vec::new());
    let Ok((ticket, is_held)) = requested else {
        return Err(Look::Closed);
    };
    if is_held {
        return Ok(ticket);
    }
    match wait(desk, ticket, &bell) {
        Look::Held => Ok(ticket),
        look => {
            if look == Look::Closed {
                release(desk, ticket);
            }
            Err(look)
        }
    }
}

fn release(desk: &OnePool, ticket: Ticket) {
    let mut rings = Vec::new();
    assert!(desk.release(0, ticket, &mut rings));
    deliver(rings, |(), _, _| Vec::new());
}

#[test]
fn desk_gives_everybody_a_turn_and_never_too_much() {
    const CAPACITY: i64 = 3;
    explore(|| {
        let desk = Arc::new(desk_of(CAPACITY));
        let n_used = Arc::new(AtomicUsize::new(0));
        let clients: Vec<_> = [2, 2, 3, 1]
            .into_iter()
            .zip(0..)
            .map(|(amount, holder)| {
                let (desk, n_used) = (Arc::clone(&desk), Arc::clone(&n_used));
                thread::spawn(move || {
                    for _ in 0..2 {
                        let needs = [Need { pool: 0, amount }];
                        let ticket = acquire(&desk, holder, &needs).expect("the desk is open");
                        let amount = amount.unsigned_abs() as usize;
                        let used = n_used.fetch_add(amount, Ordering::SeqCst) + amount;
                        assert!(used <= CAPACITY as usize);
                        n_used.fetch_sub(amount, Ordering::SeqCst);
                        release(&desk, ticket);
                    }
                })
            })
            .collect();
        for client in clients {
            client.join().unwrap();
        }
        desk.read(|grants, _| assert_eq!((grants.taken(0), grants.n_held(), grants.n_waiting()), (0, 0, 0)));
    });
}

#[test]
fn desk_loses_no_grant_to_one_who_gives_up() {
    explore(|| {
        let desk = Arc::new(desk_of(1));
        let needs = [Need { pool: 0, amount: 1 }];
        let first = acquire(&desk, 0, &needs).expect("nothing is held yet");
        let impatient = {
            let desk = Arc::clone(&desk);
            thread::spawn(move || {
                let mut rings = Vec::new();
                let bell = || Bell::Thread(std::sync::Arc::new(Condvar::new()));
                let request = Request { holder: 1, needs: &needs, priority: 0, since_ns: None };
                let (ticket, _) = desk.request(0, request, 1, Some(bell), &mut rings).unwrap();
                // The grant may come just before, and is then there to be given back.
                let was_held = desk.give_up(0, ticket, &mut rings).is_none();
                deliver(rings, |(), _, _| Vec::new());
                if was_held {
                    release(&desk, ticket);
                }
            })
        };
        let patient = {
            let desk = Arc::clone(&desk);
            thread::spawn(move || {
                let ticket = acquire(&desk, 2, &needs).expect("the desk is open");
                release(&desk, ticket);
            })
        };
        release(&desk, first);
        impatient.join().unwrap();
        patient.join().unwrap();
        desk.read(|grants, _| assert_eq!((grants.taken(0), grants.n_held(), grants.n_waiting()), (0, 0, 0)));
    });
}

#[test]
fn desk_tells_all_who_wait_that_it_is_closed() {
    explore(|| {
        let desk = Arc::new(desk_of(1));
        let needs = [Need { pool: 0, amount: 1 }];
        let held = acquire(&desk, 0, &needs).expect("nothing is held yet");
        let waiting: Vec<_> = (1..3)
            .map(|holder| {
                let desk = Arc::clone(&desk);
                thread::spawn(move || acquire(&desk, holder, &needs).is_some())
            })
            .collect();
        let mut rings = Vec::new();
        desk.close(&mut rings);
        deliver(rings, |(), _, _| Vec::new());
        for client in waiting {
            assert!(!client.join().unwrap(), "nothing was given back in time");
        }
        release(&desk, held);
        desk.read(|grants, _| assert_eq!((grants.n_held(), grants.n_waiting()), (0, 0)));
    });
}

#[test]
fn desk_takes_back_what_the_dead_held_and_tells_who_waits_for_them() {
    explore(|| {
        let desk = Arc::new(desk_of(1));
        let needs = [Need { pool: 0, amount: 1 }];
        assert!(acquire(&desk, 7, &needs).is_some(), "nothing is held yet");
        let waiting: Vec<_> = [7, 8]
            .into_iter()
            .map(|holder| {
                let desk = Arc::clone(&desk);
                thread::spawn(move || {
                    if let Some(ticket) = acquire_or_over(&desk, holder, &needs) {
                        // Of the dead one it may be over by now.
                        let mut rings = Vec::new();
                        let is_released = desk.release(0, ticket, &mut rings);
                        assert!(is_released || holder == 7);
                        deliver(rings, |(), _, _| Vec::new());
                    }
                })
            })
            .collect();
        // The dead one is found again and again, as it asks.
        let is_over = |desk: &OnePool| {
            desk.read(|grants, _| grants.held().chain(grants.waiting()).all(|view| view.holder != 7))
        };
        let mut n_reclaimed = 0;
        while n_reclaimed == 0 || !is_over(&desk) {
            let mut rings = Vec::new();
            n_reclaimed += desk.reclaim(0, 7, &mut rings);
            deliver(rings, |(), _, _| Vec::new());
            thread::yield_now();
        }
        for client in waiting {
            client.join().unwrap();
        }
        desk.read(|grants, _| assert_eq!((grants.taken(0), grants.n_held(), grants.n_waiting()), (0, 0, 0)));
    });
}

#[test]
fn desk_has_a_timekeeper_as_long_as_tokens_are_waited_for() {
    explore(|| {
        let mut grants = Grants::new(0);
        let rate = Rate { amount: 1, period_ns: 10, burst: 1 };
        let bucket = grants.add_bucket(0, rate);
        let desk = Arc::new(Desk::<(), u64>::new(grants));
        let now_ns = Arc::new(AtomicUsize::new(0));
        let clients: Vec<_> = (0..3)
            .map(|holder| {
                let (desk, now_ns) = (Arc::clone(&desk), Arc::clone(&now_ns));
                thread::spawn(move || {
                    let bell = std::sync::Arc::new(Condvar::new());
                    let new_bell = || Bell::Thread(std::sync::Arc::clone(&bell));
                    let needs = [Need { pool: bucket, amount: 1 }];
                    let request = Request { holder, needs: &needs, priority: 0, since_ns: None };
                    let mut rings = Vec::new();
                    let now = || now_ns.load(Ordering::SeqCst) as u64;
                    let (ticket, mut is_held) =
                        desk.request(now(), request, holder, Some(new_bell), &mut rings).unwrap();
                    while !is_held {
                        deliver(std::mem::take(&mut rings), |(), _, _| Vec::new());
                        match desk.look(now(), ticket, &mut rings) {
                            Look::Held => is_held = true,
                            Look::Closed | Look::Over => panic!("the desk is open"),
                            // Whoever keeps the time goes on to when the token comes; the others sleep until they are told.
                            Look::Waiting { wake_ns: Some(wake_ns), .. } => {
                                now_ns.fetch_max(wake_ns as usize, Ordering::SeqCst);
                            }
                            Look::Waiting { wake_ns: None, n_turns } => {
                                deliver(std::mem::take(&mut rings), |(), _, _| Vec::new());
                                is_held = desk.wait(ticket, &bell, n_turns, Duration::from_secs(1));
                            }
                        }
                    }
                    deliver(rings, |(), _, _| Vec::new());
                })
            })
            .collect();
        for client in clients {
            client.join().unwrap();
        }
        assert_eq!(now_ns.load(Ordering::SeqCst), 20, "the first is there, two more come one by one");
    });
}
