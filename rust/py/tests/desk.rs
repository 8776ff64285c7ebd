//! The desk under a model checker: random schedules of the same file that the extension is built from, as in
//! `interleavings.rs`.

/// What `crate::sync` is in the extension, under the checker's control.
mod sync {
    pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard};
}

#[path = "../src/desk.rs"]
#[allow(dead_code, reason = "not every scenario uses all of it")]
mod desk;

use std::time::Duration;

use makespan_core::sched::grants::{Grants, Rate, Request, Ticket};
use makespan_core::sched::pools::Need;
use shuttle::sync::atomic::{AtomicUsize, Ordering};
use shuttle::sync::{Arc, Condvar};
use shuttle::thread;

use desk::{Bell, Desk, Look, deliver};

const N_SCHEDULES: usize = 20_000;

fn explore(scenario: impl Fn() + Send + Sync + 'static) {
    shuttle::check_random(scenario, N_SCHEDULES);
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
