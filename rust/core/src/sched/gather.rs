//! Calls of one step that runs at the same time put together: who waits for whom, who makes which call.
//!
//! A worker that is about to call the batch form of a step brings its calls here, as a *lot*, which is never split.
//! Lots that wait go together, the oldest first, as one *joint call*, which the worker of one of them makes for all. They go
//! as soon as one of these holds:
//!
//! - they are as many calls as one call may have, or the next lot would be too much;
//! - a lot has waited for as long as it may;
//! - there is no other run that is worth waiting for: a run is, while calls of this step are being made for it (what comes
//!   meanwhile goes together next), or while it may still bring some and none of its lots waits here.
//!
//! So a run that is the only one never waits, and neither does one that all others wait with. Which of the open calls of a
//! run depend on which is not known here: a run that waits for its own lot is not waited for, one whose calls were
//! skipped is, until it leaves.
//!
//! Pure decisions: time comes in as a value, and whoever has the lot that leads is told by the one who asks.

use std::collections::VecDeque;

/// A run, as long as it is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guest(u64);

/// Calls that a worker brings, by a number that is not used again; those that came later are larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LotId(u64);

/// What a worker brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lot {
    /// Whose calls they are.
    pub guest: Guest,
    /// How many there are; at least 1.
    pub n_calls: u32,
    /// How many calls may be made together, by this run.
    pub n_max: u32,
    /// Until when it may wait.
    pub until_ns: u64,
}

/// A call that is made for one lot or for several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JointCall {
    /// The lot whose worker makes it.
    pub leader: LotId,
    /// All lots of it, the oldest first.
    pub lots: Vec<LotId>,
    /// How many calls they are.
    pub n_calls: u32,
    guests: Vec<Guest>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Presence {
    /// Calls that it has not brought and may still bring.
    n_open: u32,
    n_lots_waiting: u32,
    /// Lots that are part of a call which is being made.
    n_lots_called: u32,
    has_left: bool,
}

impl Presence {
    /// Whether other runs may wait for it.
    fn is_busy(&self) -> bool {
        self.n_lots_called > 0 || (self.n_open > 0 && self.n_lots_waiting == 0)
    }
}

/// The calls of one step, of all runs that are there.
#[derive(Clone, Debug, Default)]
pub struct Gathering {
    n_numbered: u64,
    /// Ascending.
    present: Vec<(Guest, Presence)>,
    /// Ascending.
    waiting: VecDeque<(LotId, Lot)>,
}

impl Gathering {
    /// Takes in a run that may bring `n_open` calls.
    pub fn enter(&mut self, n_open: u32) -> Guest {
        let guest = Guest(self.next_number());
        self.present.push((guest, Presence { n_open, ..Presence::default() }));
        guest
    }

    /// Takes in that a run brings nothing more. If it does all the same, nobody waits for more of it.
    pub fn leave(&mut self, guest: Guest) {
        let presence = self.presence_mut(guest);
        presence.n_open = 0;
        presence.has_left = true;
        self.forget_if_over(guest);
    }

    /// Takes in calls that wait to be made.
    ///
    /// # Panics
    ///
    /// When there are none.
    pub fn arrive(&mut self, lot: Lot) -> LotId {
        assert!(lot.n_calls > 0, "a lot has at least one call");
        let id = LotId(self.next_number());
        let presence = self.presence_mut(lot.guest);
        presence.n_open = presence.n_open.saturating_sub(lot.n_calls);
        presence.n_lots_waiting += 1;
        self.waiting.push_back((id, lot));
        id
    }

    /// True when calls of a run would go at once and with no others, if it brought some now.
    #[must_use]
    pub fn is_alone(&self, guest: Guest) -> bool {
        self.waiting.is_empty() && self.present.iter().all(|(other, it)| *other == guest || !it.is_busy())
    }

    /// Takes a lot back that waits; false if it does not wait any more.
    pub fn withdraw(&mut self, id: LotId) -> bool {
        let Ok(idx) = self.waiting.binary_search_by_key(&id, |(id, _)| *id) else {
            return false;
        };
        if let Some((_, lot)) = self.waiting.remove(idx) {
            self.presence_mut(lot.guest).n_lots_waiting -= 1;
            self.forget_if_over(lot.guest);
        }
        true
    }

    /// The next call that is to be made at a time, if there is one; `awake` is a lot whose worker asks: it leads the call
    /// that it is part of, since nobody needs to be woken for that.
    pub fn next_call(&mut self, now_ns: u64, awake: Option<LotId>) -> Option<JointCall> {
        let (n_lots, n_calls, is_full) = self.first_that_fit();
        let next = self.waiting.range(..n_lots);
        let mut busy = self.present.iter().filter(|(_, it)| it.is_busy()).map(|(guest, _)| *guest);
        let is_worth_waiting = match (busy.next(), busy.next()) {
            (None, _) => false,
            // Nobody waits for itself.
            (Some(one), None) => next.clone().all(|(_, lot)| lot.guest != one),
            (Some(_), Some(_)) => true,
        };
        let is_due = next.clone().any(|(_, lot)| lot.until_ns <= now_ns);
        if n_lots == 0 || !(is_full || is_due || !is_worth_waiting) {
            return None;
        }
        let (mut lots, mut guests) = (Vec::with_capacity(n_lots), Vec::with_capacity(n_lots));
        for (id, lot) in self.waiting.drain(..n_lots) {
            lots.push(id);
            guests.push(lot.guest);
        }
        for guest in &guests {
            let presence = self.presence_mut(*guest);
            presence.n_lots_waiting -= 1;
            presence.n_lots_called += 1;
        }
        let leader = awake.filter(|id| lots.contains(id)).unwrap_or(lots[0]);
        Some(JointCall { leader, lots, n_calls, guests })
    }

    /// Takes in that a call is over.
    pub fn end(&mut self, call: &JointCall) {
        for guest in &call.guests {
            self.presence_mut(*guest).n_lots_called -= 1;
            self.forget_if_over(*guest);
        }
    }

    /// Recounts what is there, for tests and debug builds.
    ///
    /// # Panics
    ///
    /// When the counts are others.
    pub fn validate(&self) {
        assert!(self.present.is_sorted_by_key(|(guest, _)| *guest), "runs are in order");
        assert!(self.waiting.iter().is_sorted_by_key(|(id, _)| *id), "lots are in order");
        for (guest, it) in &self.present {
            let n_waiting = self.waiting.iter().filter(|(_, lot)| lot.guest == *guest).count();
            assert_eq!(it.n_lots_waiting as usize, n_waiting, "{guest:?} has other lots that wait");
            assert!(!it.has_left || it.n_open == 0, "{guest:?} has left and is waited for");
            let is_over = it.has_left && n_waiting == 0 && it.n_lots_called == 0;
            assert!(!is_over, "{guest:?} is over and still here");
        }
    }

    /// How many of the lots that wait go together, how many calls they are, and whether no more fit.
    fn first_that_fit(&self) -> (usize, u32, bool) {
        let (mut n_lots, mut n_calls, mut n_max) = (0, 0_u32, u32::MAX);
        for (_, lot) in &self.waiting {
            let n_with_it = n_calls.saturating_add(lot.n_calls);
            if n_lots > 0 && n_with_it > n_max.min(lot.n_max) {
                return (n_lots, n_calls, true);
            }
            n_max = n_max.min(lot.n_max);
            n_calls = n_with_it;
            n_lots += 1;
        }
        (n_lots, n_calls, n_calls >= n_max)
    }

    fn next_number(&mut self) -> u64 {
        self.n_numbered += 1;
        self.n_numbered
    }

    /// What is known of a run; one that had left comes back for what it brings.
    fn presence_mut(&mut self, guest: Guest) -> &mut Presence {
        let idx = match self.present.binary_search_by_key(&guest, |(guest, _)| *guest) {
            Ok(idx) => idx,
            Err(idx) => {
                self.present.insert(idx, (guest, Presence { has_left: true, ..Presence::default() }));
                idx
            }
        };
        &mut self.present[idx].1
    }

    fn forget_if_over(&mut self, guest: Guest) {
        if let Ok(idx) = self.present.binary_search_by_key(&guest, |(guest, _)| *guest) {
            let it = &self.present[idx].1;
            if it.has_left && it.n_lots_waiting == 0 && it.n_lots_called == 0 {
                self.present.remove(idx);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE_NS: u64 = 1_000;

    fn bring(gathering: &mut Gathering, guest: Guest, n_calls: u32) -> LotId {
        gathering.arrive(Lot { guest, n_calls, n_max: 4, until_ns: LATE_NS })
    }

    fn lots(call: Option<JointCall>) -> Vec<LotId> {
        call.map_or_else(Vec::new, |call| call.lots)
    }

    #[test]
    fn a_run_that_is_the_only_one_never_waits() {
        let mut gathering = Gathering::default();
        let guest = gathering.enter(5);
        assert!(gathering.is_alone(guest));
        let first = bring(&mut gathering, guest, 1);
        let call = gathering.next_call(0, Some(first)).unwrap();
        assert_eq!((call.leader, call.n_calls), (first, 1));
        // Another of its workers, meanwhile.
        assert!(gathering.is_alone(guest));
        let second = bring(&mut gathering, guest, 3);
        assert_eq!(lots(gathering.next_call(0, None)), [second]);
        gathering.validate();
    }

    #[test]
    fn what_comes_while_a_call_is_made_goes_together_next() {
        let mut gathering = Gathering::default();
        let guests = [1, 1, 1].map(|n_open| gathering.enter(n_open));
        gathering.leave(guests[0]);
        let early = gathering.enter(0);
        bring(&mut gathering, early, 1);
        // The two others may still bring theirs.
        assert_eq!(gathering.next_call(0, None), None);
        let call = gathering.next_call(LATE_NS, None).unwrap();
        let second = bring(&mut gathering, guests[1], 1);
        assert!(!gathering.is_alone(guests[2]));
        let third = bring(&mut gathering, guests[2], 1);
        assert_eq!(gathering.next_call(0, Some(third)), None);
        gathering.end(&call);
        gathering.validate();
        let next = gathering.next_call(0, None).unwrap();
        assert_eq!((next.leader, &next.lots[..]), (second, &[second, third][..]));
    }

    #[test]
    fn a_run_that_may_still_bring_calls_is_waited_for_until_it_does_or_leaves() {
        for leaves in [false, true] {
            let mut gathering = Gathering::default();
            let (one, other) = (gathering.enter(1), gathering.enter(2));
            let first = bring(&mut gathering, one, 1);
            assert_eq!(gathering.next_call(LATE_NS - 1, Some(first)), None);
            if leaves {
                gathering.leave(other);
                assert_eq!(lots(gathering.next_call(0, None)), [first]);
            } else {
                // Its other call may come after this one only.
                let second = bring(&mut gathering, other, 1);
                let call = gathering.next_call(0, Some(second)).unwrap();
                assert_eq!((call.leader, &call.lots[..]), (second, &[first, second][..]));
            }
            gathering.validate();
        }
    }

    #[test]
    fn lots_go_when_one_of_them_has_waited_long_enough() {
        let mut gathering = Gathering::default();
        let (one, other) = (gathering.enter(1), gathering.enter(1));
        gathering.enter(1);
        let first = bring(&mut gathering, one, 1);
        let second = gathering.arrive(Lot { guest: other, n_calls: 1, n_max: 4, until_ns: 10 });
        assert_eq!(gathering.next_call(9, Some(second)), None);
        assert_eq!(lots(gathering.next_call(10, Some(second))), [first, second]);
    }

    #[test]
    fn no_call_is_larger_than_any_of_its_lots_allows() {
        let mut gathering = Gathering::default();
        let guest = gathering.enter(100);
        gathering.enter(1);
        let sizes = [(1, 4), (2, 4), (1, 3), (3, 3), (4, 4), (1, 9), (5, 4)];
        let ids =
            sizes.map(|(n_calls, n_max)| gathering.arrive(Lot { guest, n_calls, n_max, until_ns: LATE_NS }));
        let mut calls = Vec::new();
        while let Some(call) = gathering.next_call(0, None) {
            calls.push(call.lots);
        }
        // The last lot is larger than it may be itself: it goes alone.
        assert_eq!(calls, [&ids[..2], &ids[2..3], &ids[3..4], &ids[4..5], &ids[5..6], &ids[6..]]);
        gathering.validate();
    }

    #[test]
    fn a_lot_that_is_taken_back_is_in_no_call() {
        let mut gathering = Gathering::default();
        let (one, other) = (gathering.enter(1), gathering.enter(1));
        let first = bring(&mut gathering, one, 1);
        assert!(gathering.withdraw(first));
        assert!(!gathering.withdraw(first));
        gathering.leave(one);
        let second = bring(&mut gathering, other, 1);
        assert_eq!(lots(gathering.next_call(0, Some(second))), [second]);
        assert!(!gathering.withdraw(second), "it is being called");
    }

    #[test]
    fn a_run_that_has_left_may_bring_more_and_is_forgotten_afterwards() {
        let mut gathering = Gathering::default();
        let (one, other) = (gathering.enter(3), gathering.enter(1));
        gathering.leave(one);
        let first = bring(&mut gathering, one, 1);
        assert_eq!(gathering.next_call(0, Some(first)), None, "the other run may come");
        let second = bring(&mut gathering, other, 1);
        let call = gathering.next_call(0, Some(second)).unwrap();
        assert_eq!(call.lots, [first, second]);
        gathering.end(&call);
        gathering.validate();
        gathering.leave(other);
        assert!(gathering.present.is_empty());
    }

    /// Random events: each lot is in one call or taken back, whoever waits could not go, and at the end nobody waits.
    #[test]
    fn every_lot_is_called_once_or_taken_back() {
        let mut bits = 1_u64;
        let mut below = |n: usize| {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (bits >> 33) as usize % n
        };
        for _ in 0..300 {
            let mut gathering = Gathering::default();
            let mut guests: Vec<Guest> = Vec::new();
            let (mut brought, mut over, mut under_way) = (Vec::new(), Vec::new(), Vec::new());
            for now_ns in 0..60 {
                match below(6) {
                    0 => guests.push(gathering.enter(below(4) as u32)),
                    1 | 2 if !guests.is_empty() => {
                        let guest = guests[below(guests.len())];
                        let (n_calls, n_max) = (1 + below(3) as u32, 3 + below(3) as u32);
                        let until_ns = now_ns + below(9) as u64;
                        brought.push(gathering.arrive(Lot { guest, n_calls, n_max, until_ns }));
                    }
                    3 if !guests.is_empty() => gathering.leave(guests.swap_remove(below(guests.len()))),
                    4 if !under_way.is_empty() => {
                        gathering.end(&under_way.swap_remove(below(under_way.len())));
                    }
                    5 if !brought.is_empty() => {
                        let id = brought[below(brought.len())];
                        if gathering.withdraw(id) {
                            over.push(id);
                        }
                    }
                    _ => {}
                }
                while let Some(call) = gathering.next_call(now_ns, brought.last().copied()) {
                    assert!(call.n_calls <= 5);
                    assert!(call.lots.contains(&call.leader));
                    over.extend(&call.lots);
                    under_way.push(call);
                }
                gathering.validate();
            }
            for guest in guests {
                gathering.leave(guest);
            }
            for call in under_way {
                gathering.end(&call);
            }
            while let Some(call) = gathering.next_call(0, None) {
                over.extend(&call.lots);
                gathering.end(&call);
            }
            over.sort_unstable();
            assert_eq!(over, brought);
            assert!(gathering.present.is_empty() && gathering.waiting.is_empty());
        }
    }
}
