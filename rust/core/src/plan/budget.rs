//! How many schedules a search may generate.

/// How many schedules have been generated, and whether there may be another one.
pub(super) struct Budget<F> {
    n_spent: u64,
    n_max: u64,
    keep_going: F,
    is_truncated: bool,
}

impl<F: FnMut() -> bool> Budget<F> {
    /// A budget of which `n_spent` schedules have been generated already.
    pub(super) const fn new(n_spent: u64, n_max: u64, keep_going: F) -> Self {
        Self { n_spent, n_max, keep_going, is_truncated: false }
    }

    /// How many schedules have been generated.
    pub(super) const fn n_spent(&self) -> u64 {
        self.n_spent
    }

    /// Whether `keep_going` said no.
    pub(super) const fn is_truncated(&self) -> bool {
        self.is_truncated
    }

    /// Takes one schedule out of the budget, if there is one; the first one always is.
    pub(super) fn spend(&mut self) -> Option<()> {
        if self.n_spent > 0 {
            if self.n_spent >= self.n_max {
                return None;
            }
            if !(self.keep_going)() {
                self.is_truncated = true;
                return None;
            }
        }
        self.n_spent += 1;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_the_first_schedule_is_always_allowed_and_the_others_are_counted() {
        let mut budget = Budget::new(0, 2, || true);
        assert_eq!([(); 3].map(|()| budget.spend()), [Some(()), Some(()), None]);
        assert_eq!((budget.n_spent(), budget.is_truncated()), (2, false));
        let mut budget = Budget::new(0, 0, || false);
        assert_eq!([(); 2].map(|()| budget.spend()), [Some(()), None]);
        assert!(!budget.is_truncated(), "nobody was asked");
        let mut budget = Budget::new(1, 9, || false);
        assert_eq!((budget.spend(), budget.n_spent(), budget.is_truncated()), (None, 1, true));
    }
}
