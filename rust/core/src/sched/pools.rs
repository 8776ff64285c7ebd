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
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pools {
    capacities: Vec<i64>,
    taken: Vec<i64>,
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
        Self { capacities, taken }
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

    /// The grant: takes all of `needs`, each pool at most once among them, or nothing; returns which.
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
        assert_eq!(pools, Pools::new(vec![4, 0]));
    }

    #[test]
    #[should_panic(expected = "no more is given back")]
    fn test_giving_back_too_much_is_a_mistake_of_ours() {
        Pools::new(vec![1]).give_back(&[Need { pool: 0, amount: 1 }]);
    }
}
