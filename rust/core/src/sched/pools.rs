//! Pools of resources: amounts that are granted all at once or not at all.

/// One amount of one pool, of what a holder asks for.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct Need {
    /// The index of the pool.
    pub pool: u32,
    /// How much, above zero: milli-units, bytes, or pieces.
    pub amount: i64,
}

/// What each pool holds and how much of it is taken.
///
/// Amounts are whole numbers in the unit of the pool. A capacity may be lowered below what is taken: nothing is taken back,
/// and nothing is granted before enough has been given back.
///
/// Those who wait are gone through in *passes*, the first in line first. Whoever cannot be served closes the pools that it is
/// short of to all behind it: who needs one of them is passed over, and closes nothing. The first who cannot be served is
/// the *head* of the line, and what it needs of its other pools is kept for it as well, so that nobody behind it can put it
/// off. So nobody starves who stays in line, no pool is taken past an earlier one that waits for it, and what needs none of
/// these pools goes on.
///
/// # Examples
///
/// ```
/// use makespan_core::sched::pools::{Need, Pools};
///
/// let mut pools = Pools::new(vec![4, 1]);
/// let needs = [Need { pool: 0, amount: 3 }, Need { pool: 1, amount: 1 }];
/// assert!(pools.try_take(&needs));
/// assert!(!pools.try_take(&needs), "one of the second pool is all there is");
/// assert_eq!(pools.free(0), 1);
/// pools.give_back(&needs);
/// assert_eq!(pools.free(0), 4);
///
/// pools.begin_pass();
/// assert!(!pools.offer(&[Need { pool: 0, amount: 2 }, Need { pool: 1, amount: 9 }]), "the head of the line");
/// assert!(pools.offer(&[Need { pool: 0, amount: 2 }]), "two are left beside those kept for the head");
/// assert!(!pools.offer(&[Need { pool: 0, amount: 1 }]));
/// ```
#[derive(Clone, Debug)]
pub struct Pools {
    capacities: Vec<i64>,
    taken: Vec<i64>,
    /// In a pass: what is left for whoever comes next.
    left: Vec<i64>,
    /// In a pass: whether somebody was short of it.
    is_closed: Vec<bool>,
    /// Whether somebody was refused in this pass.
    has_head: bool,
}

impl Pools {
    /// Pools of these capacities, nothing taken.
    ///
    /// # Panics
    ///
    /// When a capacity is negative.
    #[must_use]
    pub fn new(capacities: Vec<i64>) -> Self {
        assert!(capacities.iter().all(|&capacity| capacity >= 0), "a capacity is not negative");
        let taken = vec![0; capacities.len()];
        let left = capacities.clone();
        let is_closed = vec![false; capacities.len()];
        Self { capacities, taken, left, is_closed, has_head: false }
    }

    /// The number of pools.
    #[must_use]
    pub fn len(&self) -> usize {
        self.capacities.len()
    }

    /// Whether there is no pool.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.capacities.is_empty()
    }

    /// Adds a pool; returns its index.
    ///
    /// # Panics
    ///
    /// When the capacity is negative.
    pub fn push(&mut self, capacity: i64) -> u32 {
        assert!(capacity >= 0, "a capacity is not negative");
        self.capacities.push(capacity);
        self.taken.push(0);
        self.left.push(capacity);
        self.is_closed.push(false);
        (self.capacities.len() - 1) as u32
    }

    /// What a pool holds.
    #[must_use]
    pub fn capacity(&self, pool: u32) -> i64 {
        self.capacities[pool as usize]
    }

    /// How much of a pool is taken; above its capacity after that was lowered.
    #[must_use]
    pub fn taken(&self, pool: u32) -> i64 {
        self.taken[pool as usize]
    }

    /// How much of a pool can be taken now; negative after its capacity was lowered below what is taken.
    #[must_use]
    pub fn free(&self, pool: u32) -> i64 {
        self.capacities[pool as usize] - self.taken[pool as usize]
    }

    /// Whether all of `needs` can be taken now.
    #[must_use]
    pub fn fits(&self, needs: &[Need]) -> bool {
        needs.iter().all(|need| need.amount <= self.free(need.pool))
    }

    /// Whether all of `needs` could be taken if nothing were.
    #[must_use]
    pub fn could_fit(&self, needs: &[Need]) -> bool {
        needs.iter().all(|need| need.amount <= self.capacity(need.pool))
    }

    /// Begins a pass over those who wait.
    ///
    /// # Complexity
    ///
    /// O(pools).
    pub fn begin_pass(&mut self) {
        for ((left, capacity), taken) in self.left.iter_mut().zip(&self.capacities).zip(&self.taken) {
            *left = capacity - taken;
        }
        self.is_closed.fill(false);
        self.has_head = false;
    }

    /// The grant to the next in line of a pass: takes all of `needs`, each pool at most once among them, or nothing.
    ///
    /// Returns whether they were taken. Within a pass nothing is given back and no capacity is changed.
    pub fn offer(&mut self, needs: &[Need]) -> bool {
        if needs.iter().any(|need| self.is_closed[need.pool as usize]) {
            return false;
        }
        if needs.iter().all(|need| need.amount <= self.left[need.pool as usize]) {
            for need in needs {
                self.left[need.pool as usize] -= need.amount;
                self.taken[need.pool as usize] += need.amount;
            }
            return true;
        }
        for need in needs {
            let left = &mut self.left[need.pool as usize];
            if need.amount > *left {
                self.is_closed[need.pool as usize] = true;
            } else if !self.has_head {
                *left -= need.amount;
            }
        }
        self.has_head = true;
        false
    }

    /// How much of a pool is left for whoever comes next in this pass.
    #[must_use]
    pub fn left(&self, pool: u32) -> i64 {
        self.left[pool as usize]
    }

    /// Whether somebody was short of a pool in this pass, so that nobody behind is served from it.
    #[must_use]
    pub fn is_closed(&self, pool: u32) -> bool {
        self.is_closed[pool as usize]
    }

    /// Whether somebody was refused in this pass, so that what is free may be kept for it.
    #[must_use]
    pub fn has_head(&self) -> bool {
        self.has_head
    }

    /// The grant outside of a pass, when nobody waits: takes all of `needs`, each pool at most once among them, or nothing.
    pub fn try_take(&mut self, needs: &[Need]) -> bool {
        let fits = self.fits(needs);
        if fits {
            for need in needs {
                self.taken[need.pool as usize] += need.amount;
            }
        }
        fits
    }

    /// Gives back what was taken.
    ///
    /// # Panics
    ///
    /// When more is given back than is taken.
    pub fn give_back(&mut self, needs: &[Need]) {
        for need in needs {
            let taken = &mut self.taken[need.pool as usize];
            *taken -= need.amount;
            assert!(*taken >= 0, "no more is given back than was taken");
        }
    }

    /// Changes what a pool holds; what is taken stays taken.
    ///
    /// # Panics
    ///
    /// When the capacity is negative.
    pub fn set_capacity(&mut self, pool: u32, capacity: i64) {
        assert!(capacity >= 0, "a capacity is not negative");
        self.capacities[pool as usize] = capacity;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_a_lowered_capacity_takes_nothing_back() {
        let mut pools = Pools::new(vec![4]);
        let needs = [Need { pool: 0, amount: 3 }];
        assert!(pools.try_take(&needs));
        pools.set_capacity(0, 2);
        assert_eq!((pools.free(0), pools.taken(0)), (-1, 3));
        assert!(!pools.fits(&[Need { pool: 0, amount: 1 }]));
        assert!(!pools.could_fit(&needs));
        pools.give_back(&needs);
        assert_eq!(pools.free(0), 2);
    }

    #[test]
    fn test_a_grant_is_all_or_nothing() {
        let mut pools = Pools::new(vec![4, 0]);
        let needs = [Need { pool: 0, amount: 1 }, Need { pool: 1, amount: 1 }];
        assert!(!pools.try_take(&needs));
        assert_eq!((pools.taken(0), pools.taken(1)), (0, 0));
    }

    #[test]
    fn test_what_the_head_could_use_is_kept_for_it() {
        let need = |pool, amount| Need { pool, amount };
        let mut pools = Pools::new(vec![4, 2, 1]);
        assert!(pools.try_take(&[need(0, 2)]));
        pools.begin_pass();
        assert!(!pools.offer(&[need(0, 3), need(1, 1)]));
        assert!(pools.is_closed(0) && !pools.is_closed(1));
        assert!(!pools.offer(&[need(0, 1)]), "the head is short of it");
        assert!(!pools.offer(&[need(1, 2)]), "one of two is kept for the head");
        assert!(!pools.offer(&[need(1, 1)]), "and the other for who was refused before");
        assert!(pools.offer(&[need(2, 1)]), "what nobody waits for is granted");
        assert!(pools.has_head());
        pools.begin_pass();
        assert!(pools.offer(&[need(1, 2)]), "a pass forgets the one before");
    }

    #[test]
    fn test_a_pool_below_its_capacity_is_kept_for_nobody() {
        let mut pools = Pools::new(vec![4]);
        assert!(pools.try_take(&[Need { pool: 0, amount: 3 }]));
        pools.set_capacity(0, 1);
        pools.begin_pass();
        assert!(!pools.offer(&[Need { pool: 0, amount: 1 }]));
        assert!(pools.is_closed(0));
        pools.give_back(&[Need { pool: 0, amount: 3 }]);
        pools.begin_pass();
        assert!(pools.offer(&[Need { pool: 0, amount: 1 }]));
    }

    #[test]
    #[should_panic(expected = "no more is given back")]
    fn test_giving_back_too_much_is_a_mistake_of_ours() {
        Pools::new(vec![1]).give_back(&[Need { pool: 0, amount: 1 }]);
    }
}
