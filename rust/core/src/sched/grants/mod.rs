//! Grants: who holds what of the pools of one engine, and who waits for what.
//!
//! [`Grants`] is the one place where amounts are given out: nodes of runs and those who ask directly are its clients alike,
//! so that no two parties can each hold what the other waits for. It decides and never waits: whoever drives it tells it what
//! happened and when, and learns which *tickets* were granted by that. It has no clock, no thread and no callback.
//!
//! A ticket waits, then holds, then is over. Those who wait stand in one line, by priority and age: waiting adds
//! `ageing` to the priority per second. As all age alike, the order of two who wait never changes: it is that of
//! priority less ageing times arrival, first come first served among equals. So a request of priority p is overtaken only by
//! those of a higher priority q that come within (q - p) / ageing seconds of it.
//!
//! Who is served is decided in passes over that line, by [`Pools`]. A rate is a pool too: its tokens are taken like other
//! amounts, and come back with time instead of by release.
//!
//! | what happens | what may be granted by it |
//! |---|---|
//! | `request` | the request itself; another, where the head of the line is now somebody else |
//! | `release`, `reclaim` | who waits for what was held; who stood behind one that waited |
//! | `set_capacity`, `set_rate`, `set_pressure`, `set_throttle` | who waits for that pool |
//! | `advance` | who waits for tokens that have come |
//!
//! Two kinds of those who wait keep nothing from others meanwhile: who asks for more than there is now altogether, and who
//! needs a *throttled* pool. A throttled pool is given to one at a time: the machine is short of it, whoever uses it up, and
//! going on slowly is better than not going on.

mod bucket;
mod inspect;
mod line;
mod validate;

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt;

use self::bucket::Bucket;
pub use self::bucket::Rate;
use super::pools::{Need, Pools};

/// A throttled pool is throttled no more when its pressure is so far below the threshold, in thousandths.
pub const RELIEF_MILLI: u32 = 50;

/// Nanoseconds of a second: priorities and ageing are per second.
const SECOND_NS: i128 = 1_000_000_000;

/// A place in the line, and what is held once it was granted.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct Ticket {
    slot: u32,
    generation: u32,
}

impl Ticket {
    /// A small number that no other ticket has at the same time.
    #[must_use]
    pub const fn slot(self) -> u32 {
        self.slot
    }
}

/// What is asked for.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Request<'a> {
    /// Who asks: a number that means something to the caller.
    pub holder: u64,
    /// All of it or nothing; each pool at most once.
    pub needs: &'a [Need],
    /// Larger goes first, in thousandths.
    pub priority: i64,
    /// Since when it waits, where it has waited before.
    pub since_ns: Option<u64>,
}

/// What cannot be granted, ever, or is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrantError {
    /// There is no such pool.
    UnknownPool {
        /// Its index.
        pool: u32,
    },
    /// An amount that is not above zero.
    NotPositive {
        /// The pool.
        pool: u32,
        /// The amount.
        amount: i64,
    },
    /// A pool is named twice.
    Repeated {
        /// The pool.
        pool: u32,
    },
    /// More than there is altogether.
    Unsatisfiable {
        /// The pool.
        pool: u32,
        /// How much is asked for.
        requested: i64,
        /// How much there is.
        capacity: i64,
    },
    /// The ticket is over.
    UnknownTicket {
        /// Which one.
        ticket: Ticket,
    },
}

impl fmt::Display for GrantError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownPool { pool } => write!(f, "there is no pool {pool}"),
            Self::NotPositive { pool, amount } => write!(f, "{amount} of pool {pool} cannot be asked for"),
            Self::Repeated { pool } => write!(f, "pool {pool} is named twice"),
            Self::Unsatisfiable { pool, requested, capacity } => {
                write!(f, "{requested} of pool {pool} are asked for, and there are {capacity}")
            }
            Self::UnknownTicket { ticket } => write!(f, "ticket {} is over", ticket.slot),
        }
    }
}

impl std::error::Error for GrantError {}

/// Counts since the beginning.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Default)]
pub struct Counts {
    /// Tickets that were granted.
    pub n_granted: u64,
    /// Those among them that had to wait.
    pub n_waited: u64,
    /// How long those waited, altogether.
    pub waited_ns: u64,
    /// How long the one that waited longest did.
    pub waited_ns_max: u64,
    /// Tickets that left the line without a grant.
    pub n_withdrawn: u64,
    /// Tickets of holders that died.
    pub n_reclaimed: u64,
}

/// A ticket, for inspection.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct TicketView<'a> {
    /// Which one.
    pub ticket: Ticket,
    /// Whose it is.
    pub holder: u64,
    /// What it waits for or holds; tokens only while it waits.
    pub needs: &'a [Need],
    /// Since when it waits or holds.
    pub since_ns: u64,
}

#[derive(Copy, Clone, Eq, PartialEq, Debug)]
enum Stage {
    Over,
    Waiting,
    Held,
}

/// What is known of one ticket; the slot is used again.
#[derive(Clone, Debug)]
struct Entry {
    generation: u32,
    stage: Stage,
    holder: u64,
    needs: Vec<Need>,
    place: Place,
    since_ns: u64,
}

/// A place in the line: the smallest is the first.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Debug)]
struct Place {
    urgency: Reverse<i128>,
    arrival: u64,
    slot: u32,
}

/// What is known of one pool beside its amounts.
#[derive(Clone, Debug, Default)]
struct PoolState {
    bucket: Option<Bucket>,
    peak: i64,
    n_waiting: usize,
    /// Thousandths of use above which it is throttled.
    threshold_milli: Option<u32>,
    pressure_milli: u32,
    is_throttled: bool,
}

/// Who holds what of the pools of one engine, and who waits for what.
///
/// # Examples
///
/// ```
/// use makespan_core::sched::grants::{Grants, Request};
/// use makespan_core::sched::pools::Need;
///
/// let mut grants = Grants::new(1_000);
/// let net = grants.add_pool(2);
/// let needs = [Need { pool: net, amount: 2 }];
/// let request = Request { holder: 1, needs: &needs, priority: 0, since_ns: None };
/// let mut granted = Vec::new();
///
/// let first = grants.request(0, request, &mut granted)?;
/// let second = grants.request(1, request, &mut granted)?;
/// assert_eq!(granted, [first]);
/// assert!(!grants.is_held(second));
///
/// granted.clear();
/// grants.release(2, first, &mut granted)?;
/// assert_eq!(granted, [second]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Grants {
    pools: Pools,
    states: Vec<PoolState>,
    n_throttled: usize,
    has_buckets: bool,
    entries: Vec<Entry>,
    free_slots: Vec<u32>,
    line: BTreeSet<Place>,
    ageing: i64,
    next_arrival: u64,
    /// The largest time that was told: a clock that goes back stands still.
    now_ns: u64,
    counts: Counts,
    served: Vec<Place>,
    /// When time alone may grant something next, and who lacks what comes then.
    wake: Option<(u64, Ticket)>,
}

impl Grants {
    /// Grants without pools; `ageing` is what waiting adds to a priority, in thousandths per second.
    ///
    /// # Panics
    ///
    /// When `ageing` is negative.
    #[must_use]
    pub fn new(ageing: i64) -> Self {
        assert!(ageing >= 0, "waiting does not lower a priority");
        Self {
            pools: Pools::new(Vec::new()),
            states: Vec::new(),
            n_throttled: 0,
            has_buckets: false,
            entries: Vec::new(),
            free_slots: Vec::new(),
            line: BTreeSet::new(),
            ageing,
            next_arrival: 0,
            now_ns: 0,
            counts: Counts::default(),
            served: Vec::new(),
            wake: None,
        }
    }

    /// Adds a pool; returns its index.
    ///
    /// # Panics
    ///
    /// When the capacity is negative.
    pub fn add_pool(&mut self, capacity: i64) -> u32 {
        self.states.push(PoolState::default());
        self.pools.push(capacity)
    }

    /// Adds a pool of tokens, full, that are taken by a grant and come back with time; returns its index.
    ///
    /// # Panics
    ///
    /// When a part of the rate is not above zero.
    pub fn add_bucket(&mut self, now_ns: u64, rate: Rate) -> u32 {
        let bucket = Some(Bucket::new(self.at(now_ns), rate));
        self.has_buckets = true;
        self.states.push(PoolState { bucket, ..PoolState::default() });
        self.pools.push(rate.burst)
    }

    /// Whether `needs` could be granted if nobody held anything.
    ///
    /// # Errors
    ///
    /// [`GrantError`] for the first that could not.
    ///
    /// # Complexity
    ///
    /// O(needs²), and there are few.
    pub fn check(&self, needs: &[Need]) -> Result<(), GrantError> {
        for (idx, &Need { pool, amount }) in needs.iter().enumerate() {
            if pool as usize >= self.states.len() {
                return Err(GrantError::UnknownPool { pool });
            }
            if amount <= 0 {
                return Err(GrantError::NotPositive { pool, amount });
            }
            if needs[..idx].iter().any(|other| other.pool == pool) {
                return Err(GrantError::Repeated { pool });
            }
            let capacity = self.pools.capacity(pool);
            if amount > capacity {
                return Err(GrantError::Unsatisfiable { pool, requested: amount, capacity });
            }
        }
        Ok(())
    }

    /// Asks for amounts; appends the ticket to `granted` if it is granted at once, and others that are by this.
    ///
    /// # Errors
    ///
    /// As [`Grants::check`]; nothing is changed then.
    ///
    /// # Complexity
    ///
    /// O(needs) if nobody waits for the same pools, otherwise that of a pass: O(pools + line), and usually less, as a
    /// pass ends where nothing is left of what is waited for.
    pub fn request(
        &mut self,
        now_ns: u64,
        request: Request<'_>,
        granted: &mut Vec<Ticket>,
    ) -> Result<Ticket, GrantError> {
        self.check(request.needs)?;
        let now_ns = self.at(now_ns);
        let have_tokens_come = self.count_tokens();
        let is_first = request.needs.iter().all(|need| self.states[need.pool as usize].n_waiting == 0);
        let is_served = is_first && self.is_eligible(request.needs) && self.pools.try_take(request.needs);
        let ticket = self.new_ticket(request, now_ns);
        if is_served {
            self.hold(ticket.slot);
            granted.push(ticket);
        } else {
            let entry = &self.entries[ticket.slot as usize];
            self.line.insert(entry.place);
            for need in &entry.needs {
                self.states[need.pool as usize].n_waiting += 1;
            }
        }
        if have_tokens_come || !is_served {
            self.pass(granted);
            // Whoever is granted in a pass has waited, but not who came with it.
            let is_at_once = !is_served && request.since_ns.is_none() && self.is_held(ticket);
            self.counts.n_waited -= u64::from(is_at_once);
        }
        self.validate_if_small();
        Ok(ticket)
    }

    /// Ends a ticket: gives back what it holds, or lets it wait no more; appends what is granted by that.
    ///
    /// # Errors
    ///
    /// [`GrantError::UnknownTicket`] if it is over already.
    ///
    /// # Complexity
    ///
    /// O(needs) if nobody waits for the same pools, otherwise that of a pass, see [`Grants::request`].
    pub fn release(
        &mut self,
        now_ns: u64,
        ticket: Ticket,
        granted: &mut Vec<Ticket>,
    ) -> Result<(), GrantError> {
        let stage = self.stage(ticket);
        if stage == Stage::Over {
            return Err(GrantError::UnknownTicket { ticket });
        }
        self.at(now_ns);
        let have_tokens_come = self.count_tokens();
        self.counts.n_withdrawn += u64::from(stage == Stage::Waiting);
        if self.end(ticket.slot) || have_tokens_come {
            self.pass(granted);
        }
        self.validate_if_small();
        Ok(())
    }

    /// Ends all tickets of a holder that died; returns how many, and appends what is granted by that.
    ///
    /// # Complexity
    ///
    /// O(tickets).
    pub fn reclaim(&mut self, now_ns: u64, holder: u64, granted: &mut Vec<Ticket>) -> usize {
        self.at(now_ns);
        let have_tokens_come = self.count_tokens();
        let mut n_reclaimed = 0;
        for slot in 0..self.entries.len() as u32 {
            let entry = &self.entries[slot as usize];
            if entry.holder == holder && entry.stage != Stage::Over {
                self.end(slot);
                n_reclaimed += 1;
            }
        }
        self.counts.n_reclaimed += n_reclaimed as u64;
        if n_reclaimed > 0 || have_tokens_come {
            self.pass(granted);
        }
        self.validate_if_small();
        n_reclaimed
    }

    /// Counts tokens that have come; appends what is granted by that.
    pub fn advance(&mut self, now_ns: u64, granted: &mut Vec<Ticket>) {
        self.at(now_ns);
        if self.count_tokens() {
            self.pass(granted);
        }
        self.validate_if_small();
    }

    /// Changes what a pool holds; appends what is granted by that. What is held stays held.
    ///
    /// # Panics
    ///
    /// When there is no such pool, it is one of tokens, or the capacity is negative.
    pub fn set_capacity(&mut self, now_ns: u64, pool: u32, capacity: i64, granted: &mut Vec<Ticket>) {
        assert!(self.states[pool as usize].bucket.is_none(), "a pool of tokens holds its burst");
        self.at(now_ns);
        self.count_tokens();
        self.pools.set_capacity(pool, capacity);
        self.pass(granted);
        self.validate_if_small();
    }

    /// Changes a rate; appends what is granted by that. Tokens that are there stay, up to the new burst.
    ///
    /// # Panics
    ///
    /// When there is no such pool, it is not one of tokens, or a part of the rate is not above zero.
    pub fn set_rate(&mut self, now_ns: u64, pool: u32, rate: Rate, granted: &mut Vec<Ticket>) {
        self.at(now_ns);
        self.count_tokens();
        let bucket = self.states[pool as usize].bucket.as_mut().expect("the pool is one of tokens");
        bucket.set_rate(rate);
        let n_tokens = self.pools.free(pool).min(rate.burst);
        let taken = Need { pool, amount: self.pools.taken(pool) };
        self.pools.give_back(&[taken]);
        self.pools.set_capacity(pool, rate.burst);
        let is_taken = self.pools.try_take(&[Need { pool, amount: rate.burst - n_tokens }]);
        assert!(is_taken, "no more tokens are taken than there are");
        self.pass(granted);
        self.validate_if_small();
    }

    /// Says from which use on a pool is throttled, in thousandths; none: never. Appends what is granted by that.
    ///
    /// # Panics
    ///
    /// When there is no such pool.
    pub fn set_throttle(&mut self, pool: u32, threshold_milli: Option<u32>, granted: &mut Vec<Ticket>) {
        self.states[pool as usize].threshold_milli = threshold_milli;
        let pressure_milli = self.states[pool as usize].pressure_milli;
        self.set_pressure(pool, pressure_milli, granted);
    }

    /// Says how much of a resource the whole machine uses, in thousandths; appends what is granted by that.
    ///
    /// At or above its threshold a pool is throttled until it is [`RELIEF_MILLI`] below, so that it does not flicker.
    ///
    /// # Panics
    ///
    /// When there is no such pool.
    pub fn set_pressure(&mut self, pool: u32, pressure_milli: u32, granted: &mut Vec<Ticket>) {
        let state = &mut self.states[pool as usize];
        state.pressure_milli = pressure_milli;
        let was_throttled = state.is_throttled;
        state.is_throttled = match state.threshold_milli {
            Some(threshold) if was_throttled => pressure_milli + RELIEF_MILLI > threshold,
            Some(threshold) => pressure_milli >= threshold,
            None => false,
        };
        if state.is_throttled && !was_throttled {
            self.n_throttled += 1;
        } else if was_throttled && !state.is_throttled {
            self.n_throttled -= 1;
        }
        if was_throttled != self.is_throttled(pool) {
            self.pass(granted);
        }
        self.validate_if_small();
    }

    fn stage(&self, ticket: Ticket) -> Stage {
        let entry = self.entries.get(ticket.slot as usize);
        entry.filter(|entry| entry.generation == ticket.generation).map_or(Stage::Over, |entry| entry.stage)
    }
}
