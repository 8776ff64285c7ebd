//! The invariants of grants, restated.

use std::collections::BTreeSet;

use super::{Grants, Stage};

/// Up to this many tickets, the invariants are checked after each call in debug builds.
const N_TICKETS_ALWAYS_VALIDATED_MAX: usize = 48;

impl Grants {
    /// Checks every invariant against a recount.
    ///
    /// Debug builds do so by themselves after every call, where there are few tickets.
    ///
    /// # Panics
    ///
    /// When an invariant is broken, naming it: a bug in this crate.
    ///
    /// # Complexity
    ///
    /// O(pools × tickets).
    pub fn validate(&self) {
        let n_pools = self.states.len();
        let mut taken = vec![0; n_pools];
        let mut n_waiting = vec![0; n_pools];
        let mut line = BTreeSet::new();
        let mut n_over = 0;
        for (entry, slot) in self.entries.iter().zip(0..) {
            assert_eq!(entry.place.slot, slot, "a place in the line names its slot");
            match entry.stage {
                Stage::Over => n_over += 1,
                Stage::Held => {
                    for need in &entry.needs {
                        assert!(self.states[need.pool as usize].bucket.is_none(), "tokens are not held");
                        taken[need.pool as usize] += need.amount;
                    }
                }
                Stage::Waiting => {
                    line.insert(entry.place);
                    for need in &entry.needs {
                        n_waiting[need.pool as usize] += 1;
                    }
                }
            }
        }
        assert_eq!(self.line, line, "who waits stands in line");
        assert_eq!(self.free_slots.len(), n_over, "a slot is free exactly if its ticket is over");
        for (state, pool) in self.states.iter().zip(0..) {
            let (capacity, counted) = (self.pools.capacity(pool), self.pools.taken(pool));
            if state.bucket.is_some() {
                assert!((0..=capacity).contains(&counted), "there are tokens from none to the burst");
            } else {
                assert_eq!(counted, taken[pool as usize], "what is taken is what is held");
            }
            assert!(state.bucket.is_some() || counted <= state.peak, "a peak is not passed");
            assert_eq!(state.n_waiting, n_waiting[pool as usize], "those who wait for a pool are counted");
        }
        if let Some((_, ticket)) = self.wake {
            assert!(self.is_waiting(ticket), "who is told when to look waits");
        }
        let n_throttled = self.states.iter().filter(|state| state.is_throttled).count();
        assert_eq!(self.n_throttled, n_throttled, "throttled pools are counted");
        let mut again = self.clone();
        again.pass_once();
        assert!(again.served.is_empty(), "whoever could be granted something was");
        assert_eq!(again.wake, self.wake, "the next look is the one of the last pass");
    }

    pub(super) fn validate_if_small(&self) {
        if cfg!(debug_assertions) && self.entries.len() <= N_TICKETS_ALWAYS_VALIDATED_MAX {
            self.validate();
        }
    }
}
