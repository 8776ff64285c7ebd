//! Grants against a naive model, over random and seeded histories of requests, releases, changes and time.
//!
//! The model keeps lists and sorts them; after every step both say the same about everything that can be seen.

#[expect(dead_code, reason = "each test program uses a part of what they share")]
mod common;

use std::collections::BTreeMap;

use makespan_core::sched::grants::{GrantError, Grants, RELIEF_MILLI, Rate, Request, Ticket};
use makespan_core::sched::pools::Need;
use proptest::collection::vec;
use proptest::prelude::*;

use common::config;

const AGEING: i64 = 2_000;
const SECOND_NS: u64 = 1_000_000_000;
/// Two pools of amounts, two of tokens.
const CAPACITIES: [i64; 2] = [6, 3];
const RATES: [Rate; 2] = [
    Rate { amount: 3, period_ns: 7 * SECOND_NS, burst: 4 },
    Rate { amount: 1, period_ns: SECOND_NS / 3, burst: 2 },
];
const N_POOLS: u32 = 4;

/// What happens next; `pick` chooses among the tickets that are not over.
#[derive(Clone, Debug)]
enum Step {
    Request {
        holder: u64,
        amounts: [i64; 4],
        priority: i64,
    },
    Release {
        pick: usize,
    },
    Reclaim {
        holder: u64,
    },
    Wait {
        ns: u64,
    },
    /// To the moment when time alone may grant something.
    WaitForTokens,
    SetCapacity {
        pool: u32,
        capacity: i64,
    },
    SetRate {
        pool: u32,
        amount: i64,
        burst: i64,
    },
    SetPressure {
        pool: u32,
        pressure_milli: u32,
    },
}

fn steps(n_steps_max: usize) -> impl Strategy<Value = Vec<Step>> {
    let amount = || prop_oneof![2 => Just(0_i64), 3 => 1_i64..4, 1 => 4_i64..8];
    let amounts = [amount(), amount(), amount(), amount()];
    let step = prop_oneof![
        10 => (0_u64..4, amounts, -2_i64..3).prop_map(|(holder, amounts, priority)| {
            Step::Request { holder, amounts, priority: 1_000 * priority }
        }),
        10 => any::<usize>().prop_map(|pick| Step::Release { pick }),
        1 => (0_u64..4).prop_map(|holder| Step::Reclaim { holder }),
        4 => (0..3 * SECOND_NS).prop_map(|ns| Step::Wait { ns }),
        2 => Just(Step::WaitForTokens),
        1 => (0_u32..2, 0_i64..9).prop_map(|(pool, capacity)| Step::SetCapacity { pool, capacity }),
        1 => (2_u32..4, 1_i64..5, 1_i64..6).prop_map(|(pool, amount, burst)| {
            Step::SetRate { pool, amount, burst }
        }),
        1 => (0_u32..2, 700_u32..1_000).prop_map(|(pool, pressure_milli)| {
            Step::SetPressure { pool, pressure_milli }
        }),
    ];
    vec(step, 0..n_steps_max)
}

#[derive(Clone, Debug)]
struct Asked {
    ticket: Ticket,
    holder: u64,
    needs: Vec<Need>,
    /// Larger goes first.
    urgency: i128,
    arrival: usize,
}

/// The slow, obvious one.
struct Model {
    now_ns: u64,
    capacities: [i64; 4],
    taken: [i64; 4],
    rates: [Option<Rate>; 4],
    /// Tokens and parts of tokens, in `1 / period_ns`.
    parts: [i128; 4],
    threshold_milli: [Option<u32>; 4],
    is_throttled: [bool; 4],
    waiting: Vec<Asked>,
    held: BTreeMap<Ticket, Asked>,
    n_arrived: usize,
}

impl Model {
    fn new() -> Self {
        let [first, second] = RATES;
        let full = |rate: Rate| i128::from(rate.burst) * i128::from(rate.period_ns);
        Self {
            now_ns: 0,
            capacities: [CAPACITIES[0], CAPACITIES[1], first.burst, second.burst],
            taken: [0; 4],
            rates: [None, None, Some(first), Some(second)],
            parts: [0, 0, full(first), full(second)],
            threshold_milli: [Some(900), None, None, None],
            is_throttled: [false; 4],
            waiting: Vec::new(),
            held: BTreeMap::new(),
            n_arrived: 0,
        }
    }

    fn wait(&mut self, ns: u64) {
        self.now_ns += ns;
        for pool in 0..4 {
            if let Some(rate) = self.rates[pool] {
                let parts = self.parts[pool] + i128::from(ns) * i128::from(rate.amount);
                self.parts[pool] = parts.min(i128::from(rate.burst) * i128::from(rate.period_ns));
            }
        }
        self.count();
    }

    /// Tokens are what is not taken of their pool.
    fn count(&mut self) {
        for pool in 0..4 {
            if let Some(rate) = self.rates[pool] {
                self.taken[pool] = rate.burst - (self.parts[pool] / i128::from(rate.period_ns)) as i64;
            }
        }
    }

    fn is_eligible(&self, needs: &[Need]) -> bool {
        needs.iter().all(|need| {
            let pool = need.pool as usize;
            need.amount <= self.capacities[pool] && !(self.is_throttled[pool] && self.taken[pool] > 0)
        })
    }

    /// Grants what can be granted, and once more as long as something was.
    fn settle(&mut self) -> Vec<Ticket> {
        let mut granted = Vec::new();
        loop {
            let n_before = granted.len();
            self.waiting.sort_by_key(|asked| (std::cmp::Reverse(asked.urgency), asked.arrival));
            let mut left: [i64; 4] = std::array::from_fn(|pool| self.capacities[pool] - self.taken[pool]);
            let mut has_head = false;
            let mut is_closed = [false; 4];
            for asked in self.waiting.clone() {
                if !self.is_eligible(&asked.needs)
                    || asked.needs.iter().any(|need| is_closed[need.pool as usize])
                {
                    continue;
                }
                let is_short = |need: &&Need| need.amount > left[need.pool as usize];
                let short: Vec<Need> = asked.needs.iter().filter(is_short).copied().collect();
                if short.is_empty() {
                    for need in &asked.needs {
                        let pool = need.pool as usize;
                        left[pool] -= need.amount;
                        self.taken[pool] += need.amount;
                        if let Some(rate) = self.rates[pool] {
                            self.parts[pool] -= i128::from(need.amount) * i128::from(rate.period_ns);
                        }
                    }
                    self.waiting.retain(|other| other.ticket != asked.ticket);
                    granted.push(asked.ticket);
                    self.held.insert(asked.ticket, asked);
                } else {
                    for need in &asked.needs {
                        let pool = need.pool as usize;
                        if short.contains(need) {
                            is_closed[pool] = true;
                        } else if !has_head {
                            left[pool] -= need.amount;
                        }
                    }
                    has_head = true;
                }
            }
            if granted.len() == n_before {
                return granted;
            }
        }
    }

    fn give_back(&mut self, asked: &Asked) {
        for need in &asked.needs {
            if self.rates[need.pool as usize].is_none() {
                self.taken[need.pool as usize] -= need.amount;
            }
        }
    }

    fn tickets(&self) -> Vec<Ticket> {
        let waiting = self.waiting.iter().map(|asked| asked.ticket);
        let mut tickets: Vec<_> = self.held.keys().copied().chain(waiting).collect();
        tickets.sort_unstable();
        tickets
    }
}

struct Driver {
    grants: Grants,
    model: Model,
    log: Vec<Ticket>,
}

impl Driver {
    fn new() -> Self {
        let mut grants = Grants::new(AGEING);
        for capacity in CAPACITIES {
            grants.add_pool(capacity);
        }
        for rate in RATES {
            grants.add_bucket(0, rate);
        }
        grants.set_throttle(0, Some(900), &mut Vec::new());
        Self { grants, model: Model::new(), log: Vec::new() }
    }

    fn now(&self) -> u64 {
        self.model.now_ns
    }

    fn step(&mut self, step: &Step) {
        let now_ns = self.now();
        let mut granted = Vec::new();
        match *step {
            Step::Request { holder, amounts, priority } => {
                let needs = needs_of(amounts);
                self.request(holder, &needs, priority, &mut granted);
            }
            Step::Release { pick } => {
                let tickets = self.model.tickets();
                if tickets.is_empty() {
                    return;
                }
                let ticket = tickets[pick % tickets.len()];
                assert_eq!(self.grants.release(now_ns, ticket, &mut granted), Ok(()));
                self.model.waiting.retain(|asked| asked.ticket != ticket);
                if let Some(asked) = self.model.held.remove(&ticket) {
                    self.model.give_back(&asked);
                }
                let again = self.grants.clone().release(now_ns, ticket, &mut granted);
                assert_eq!(again, Err(GrantError::UnknownTicket { ticket }));
            }
            Step::Reclaim { holder } => {
                let n_reclaimed = self.grants.reclaim(now_ns, holder, &mut granted);
                let tickets = self.model.tickets();
                self.model.waiting.retain(|asked| asked.holder != holder);
                let dead: Vec<_> =
                    self.model.held.values().filter(|asked| asked.holder == holder).cloned().collect();
                for asked in dead {
                    self.model.held.remove(&asked.ticket);
                    self.model.give_back(&asked);
                }
                assert_eq!(n_reclaimed, tickets.len() - self.model.tickets().len());
            }
            Step::Wait { ns } => {
                self.model.wait(ns);
                self.grants.advance(self.model.now_ns, &mut granted);
            }
            Step::WaitForTokens => {
                let Some((wake_ns, _)) = self.grants.next_wake() else {
                    // However long one waits: time alone grants nothing.
                    let mut later = self.grants.clone();
                    later.advance(now_ns + 1_000 * SECOND_NS, &mut granted);
                    assert_eq!(granted, []);
                    return;
                };
                assert!(wake_ns > now_ns);
                let mut early = self.grants.clone();
                early.advance(wake_ns - 1, &mut granted);
                assert_eq!(granted, [], "nothing is granted before");
                self.model.wait(wake_ns - now_ns);
                self.grants.advance(wake_ns, &mut granted);
                let next = self.grants.next_wake();
                assert!(next.is_none_or(|(next_ns, _)| next_ns > wake_ns), "a look leads on");
            }
            Step::SetCapacity { pool, capacity } => {
                self.grants.set_capacity(now_ns, pool, capacity, &mut granted);
                self.model.capacities[pool as usize] = capacity;
            }
            Step::SetRate { pool, amount, burst } => {
                let rate = Rate { amount, period_ns: SECOND_NS, burst };
                self.grants.set_rate(now_ns, pool, rate, &mut granted);
                let pool = pool as usize;
                let n_tokens = (self.model.capacities[pool] - self.model.taken[pool]).min(burst);
                self.model.rates[pool] = Some(rate);
                self.model.capacities[pool] = burst;
                self.model.parts[pool] = i128::from(n_tokens) * i128::from(SECOND_NS);
                self.model.count();
            }
            Step::SetPressure { pool, pressure_milli } => {
                self.grants.set_pressure(pool, pressure_milli, &mut granted);
                let idx = pool as usize;
                let threshold = self.model.threshold_milli[idx];
                let relief = if self.model.is_throttled[idx] { RELIEF_MILLI } else { 0 };
                self.model.is_throttled[idx] = threshold.is_some_and(|threshold| {
                    pressure_milli + relief > threshold || pressure_milli >= threshold
                });
            }
        }
        assert_eq!(granted, self.model.settle(), "after {step:?}");
        self.log.extend(granted);
        self.check();
    }

    fn request(&mut self, holder: u64, needs: &[Need], priority: i64, granted: &mut Vec<Ticket>) {
        let request = Request { holder, needs, priority, since_ns: None };
        let asked = self.grants.request(self.model.now_ns, request, granted);
        let too_much = needs.iter().find(|need| need.amount > self.model.capacities[need.pool as usize]);
        match asked {
            Ok(ticket) => {
                assert_eq!(too_much, None);
                let age = i128::from(AGEING) * i128::from(self.model.now_ns);
                let urgency = i128::from(priority) * i128::from(SECOND_NS) - age;
                let arrival = self.model.n_arrived;
                self.model.n_arrived += 1;
                self.model.waiting.push(Asked { ticket, holder, needs: needs.to_vec(), urgency, arrival });
            }
            Err(GrantError::Unsatisfiable { pool, requested, capacity }) => {
                assert_eq!(too_much, Some(&Need { pool, amount: requested }));
                assert_eq!(capacity, self.model.capacities[pool as usize]);
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn check(&self) {
        self.grants.validate();
        for pool in 0..N_POOLS {
            let idx = pool as usize;
            assert_eq!(self.grants.capacity(pool), self.model.capacities[idx]);
            assert_eq!(self.grants.taken(pool), self.model.taken[idx], "pool {pool}");
            assert_eq!(self.grants.is_throttled(pool), self.model.is_throttled[idx]);
            let waits = |asked: &&Asked| asked.needs.iter().any(|need| need.pool == pool);
            assert_eq!(self.grants.n_waiting_for(pool), self.model.waiting.iter().filter(waits).count());
        }
        let order: Vec<_> = self.grants.waiting().map(|view| view.ticket).collect();
        let expected: Vec<_> = self.model.waiting.iter().map(|asked| asked.ticket).collect();
        assert_eq!(order, expected);
        let mut held: Vec<_> = self.grants.held().map(|view| view.ticket).collect();
        held.sort_unstable();
        assert_eq!(held, self.model.held.keys().copied().collect::<Vec<_>>());
        assert_eq!(self.grants.n_held(), held.len());
        assert_eq!(self.grants.n_waiting(), order.len());
    }

    /// Lets everybody have their turn; nothing is left then.
    fn drain(&mut self) {
        for (pool, capacity) in CAPACITIES.into_iter().enumerate() {
            self.step(&Step::SetCapacity { pool: pool as u32, capacity: 9.max(capacity) });
            self.step(&Step::SetPressure { pool: pool as u32, pressure_milli: 0 });
        }
        for pool in [2, 3] {
            self.step(&Step::SetRate { pool, amount: 5, burst: 9 });
        }
        let mut n_steps = 0;
        while !self.model.tickets().is_empty() {
            while let Some(&ticket) = self.model.held.keys().next() {
                let tickets = self.model.tickets();
                let pick = tickets.binary_search(&ticket).expect("a ticket that holds is not over");
                self.step(&Step::Release { pick });
            }
            self.step(&Step::WaitForTokens);
            n_steps += 1;
            assert!(n_steps < 1_000, "somebody starves");
        }
        for pool in 0..2 {
            assert_eq!(self.grants.taken(pool), 0, "nothing is left behind");
        }
    }
}

fn needs_of(amounts: [i64; 4]) -> Vec<Need> {
    let needs = amounts.into_iter().zip(0..).filter(|(amount, _)| *amount > 0);
    needs.map(|(amount, pool)| Need { pool, amount }).collect()
}

fn run(steps: &[Step]) -> Vec<Ticket> {
    let mut driver = Driver::new();
    for step in steps {
        driver.step(step);
    }
    driver.drain();
    driver.log
}

proptest! {
    #![proptest_config(config(3_000))]

    #[test]
    fn test_any_history_agrees_with_the_model(steps in steps(60)) {
        let log = run(&steps);
        let mut distinct = log.clone();
        distinct.sort_unstable();
        distinct.dedup();
        prop_assert_eq!(distinct.len(), log.len(), "nobody is granted twice");
        prop_assert_eq!(run(&steps), log, "the same history, the same grants");
    }

    #[test]
    fn test_long_histories_agree_with_the_model(steps in steps(400)) {
        run(&steps);
    }

    /// A request waits for those of larger priority that come within a bounded time, and for nobody else.
    #[test]
    fn test_nobody_is_overtaken_for_longer_than_ageing_allows(
        priorities in vec(0_i64..10_000, 1..30),
        gap_ns in 1..SECOND_NS,
    ) {
        let mut grants = Grants::new(AGEING);
        let pool = grants.add_pool(1);
        let needs = [Need { pool, amount: 1 }];
        let mut granted = Vec::new();
        let mut now_ns = 0;
        let ask = |grants: &mut Grants, now_ns, priority, granted: &mut Vec<Ticket>| {
            let request = Request { holder: 0, needs: &needs, priority, since_ns: None };
            grants.request(now_ns, request, granted).unwrap()
        };
        let mut holding = ask(&mut grants, now_ns, 0, &mut granted);
        let patient = ask(&mut grants, now_ns, 0, &mut granted);
        let bound_ns = (10_000 / AGEING).unsigned_abs() * SECOND_NS;
        let mut priorities = priorities.into_iter().cycle();
        while !grants.is_held(patient) {
            prop_assert!(now_ns <= bound_ns + 2 * gap_ns);
            now_ns += gap_ns;
            ask(&mut grants, now_ns, priorities.next().unwrap(), &mut granted);
            granted.clear();
            grants.release(now_ns, holding, &mut granted).unwrap();
            holding = granted[0];
        }
    }
}

#[test]
fn test_a_large_request_is_not_starved_by_small_ones() {
    let mut grants = Grants::new(0);
    let pool = grants.add_pool(4);
    let mut granted = Vec::new();
    let ask = |grants: &mut Grants, amount, granted: &mut Vec<Ticket>| {
        let needs = [Need { pool, amount }];
        grants.request(0, Request { holder: 0, needs: &needs, priority: 0, since_ns: None }, granted).unwrap()
    };
    let small: Vec<_> = (0..4).map(|_| ask(&mut grants, 1, &mut granted)).collect();
    let large = ask(&mut grants, 4, &mut granted);
    let late = ask(&mut grants, 1, &mut granted);
    granted.clear();
    for ticket in small {
        assert!(!grants.is_held(large) && !grants.is_held(late));
        grants.release(0, ticket, &mut granted).unwrap();
    }
    assert_eq!(granted, [large]);
    grants.release(0, large, &mut granted).unwrap();
    assert_eq!(granted, [large, late]);
}

#[test]
fn test_what_cannot_be_granted_changes_nothing() {
    let mut grants = Grants::new(0);
    let pool = grants.add_pool(4);
    let mut granted = Vec::new();
    let need = |pool, amount| Need { pool, amount };
    let cases = [
        (vec![need(pool, 5)], GrantError::Unsatisfiable { pool, requested: 5, capacity: 4 }),
        (vec![need(7, 1)], GrantError::UnknownPool { pool: 7 }),
        (vec![need(pool, 0)], GrantError::NotPositive { pool, amount: 0 }),
        (vec![need(pool, 1), need(pool, 1)], GrantError::Repeated { pool }),
    ];
    for (needs, error) in cases {
        let request = Request { holder: 0, needs: &needs, priority: 0, since_ns: None };
        assert_eq!(grants.request(0, request, &mut granted), Err(error));
        assert_eq!((grants.n_held(), grants.n_waiting(), granted.len()), (0, 0, 0));
    }
}

#[test]
fn test_a_place_in_line_can_be_kept() {
    let mut grants = Grants::new(1_000);
    let pool = grants.add_pool(1);
    let needs = [Need { pool, amount: 1 }];
    let mut granted = Vec::new();
    let request = Request { holder: 0, needs: &needs, priority: 0, since_ns: None };
    let first = grants.request(0, request, &mut granted).unwrap();
    let second = grants.request(5, request, &mut granted).unwrap();
    let back = grants.request(9, Request { since_ns: Some(3), ..request }, &mut granted).unwrap();
    assert!(grants.waiting().map(|view| view.ticket).eq([back, second]));
    granted.clear();
    grants.release(9, first, &mut granted).unwrap();
    assert_eq!(granted, [back]);
    assert_eq!(grants.counts().waited_ns_max, 6);
}

#[test]
fn test_counts_tell_who_waited() {
    let mut grants = Grants::new(0);
    let pool = grants.add_pool(1);
    let needs = [Need { pool, amount: 1 }];
    let request = Request { holder: 3, needs: &needs, priority: 0, since_ns: None };
    let mut granted = Vec::new();
    let first = grants.request(0, request, &mut granted).unwrap();
    let second = grants.request(10, request, &mut granted).unwrap();
    let third = grants.request(20, request, &mut granted).unwrap();
    assert_eq!(grants.short_of(second), Some(needs[0]));
    grants.release(30, third, &mut granted).unwrap();
    grants.release(50, first, &mut granted).unwrap();
    assert_eq!(grants.held_by(3, pool), 1);
    assert_eq!(grants.reclaim(60, 3, &mut granted), 1);
    let counts = grants.counts();
    assert_eq!((counts.n_granted, counts.n_waited, counts.n_withdrawn, counts.n_reclaimed), (2, 1, 1, 1));
    assert_eq!((counts.waited_ns, counts.waited_ns_max), (40, 40));
    assert_eq!((grants.peak(pool), grants.taken(pool)), (1, 0));
}
