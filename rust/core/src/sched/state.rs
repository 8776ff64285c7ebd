//! The states of a node, and the one table of what leads from which to which.
//!
//! | state      | `Unblocked` | `Deferred` | `Dispatched` | `Finished` | `Failed`  | `Skipped` | `Cancelled` |
//! |------------|-------------|------------|--------------|------------|-----------|-----------|-------------|
//! | waiting    | ready       | delayed    |              |            |           | skipped   | cancelled   |
//! | delayed    | ready       |            |              |            |           |           | cancelled   |
//! | ready      |             | delayed    | running      |            |           |           | cancelled   |
//! | running    |             | delayed    |              | finished   | failed    |           | cancelling  |
//! | cancelling |             |            |              | cancelled  | cancelled |           |             |
//! | finished   |             |            |              |            |           |           |             |
//! | failed     |             |            |              |            |           |           |             |
//! | skipped    |             |            |              |            |           |           |             |
//! | cancelled  |             |            |              |            |           |           |             |
//!
//! A blank is refused. The last four states are final. A run ([`super::RunScheduler`]) lets what runs end, so its nodes
//! are never cancelling, and they are delayed only while they wait for a grant.

/// Where a node is on its way.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
#[repr(u8)]
pub enum NodeState {
    /// A predecessor has not finished.
    Waiting,
    /// All predecessors have finished, but its time has not come.
    Delayed,
    /// All predecessors have finished.
    Ready,
    /// Dispatched, and not heard of since.
    Running,
    /// Dispatched, and then cancelled: whoever runs it has not said that it has ended.
    Cancelling,
    /// Ended well.
    Finished,
    /// Ended badly.
    Failed,
    /// Will never run: something upstream failed.
    Skipped,
    /// Will never run or has been stopped: it was cancelled, or the run was, or stopped at a failure elsewhere.
    Cancelled,
}

impl NodeState {
    /// All states, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Waiting,
        Self::Delayed,
        Self::Ready,
        Self::Running,
        Self::Cancelling,
        Self::Finished,
        Self::Failed,
        Self::Skipped,
        Self::Cancelled,
    ];

    /// How many states there are.
    pub const N: usize = Self::ALL.len();

    /// Whether nothing leads out of this state.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Waiting | Self::Delayed | Self::Ready | Self::Running | Self::Cancelling => false,
            Self::Finished | Self::Failed | Self::Skipped | Self::Cancelled => true,
        }
    }

    /// The state as a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delayed => "delayed",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
        }
    }

    /// The table of this module: the state that `stimulus` leads to, or `None` where it is refused.
    #[must_use]
    pub const fn after(self, stimulus: Stimulus) -> Option<Self> {
        match (self, stimulus) {
            (Self::Waiting | Self::Delayed, Stimulus::Unblocked) => Some(Self::Ready),
            (Self::Waiting | Self::Ready | Self::Running, Stimulus::Deferred) => Some(Self::Delayed),
            (Self::Waiting, Stimulus::Skipped) => Some(Self::Skipped),
            (Self::Waiting | Self::Delayed | Self::Ready, Stimulus::Cancelled)
            | (Self::Cancelling, Stimulus::Finished | Stimulus::Failed) => Some(Self::Cancelled),
            (Self::Ready, Stimulus::Dispatched) => Some(Self::Running),
            (Self::Running, Stimulus::Finished) => Some(Self::Finished),
            (Self::Running, Stimulus::Failed) => Some(Self::Failed),
            (Self::Running, Stimulus::Cancelled) => Some(Self::Cancelling),
            (Self::Waiting, Stimulus::Dispatched | Stimulus::Finished | Stimulus::Failed)
            | (
                Self::Delayed,
                Stimulus::Deferred
                | Stimulus::Dispatched
                | Stimulus::Finished
                | Stimulus::Failed
                | Stimulus::Skipped,
            )
            | (
                Self::Ready,
                Stimulus::Unblocked | Stimulus::Finished | Stimulus::Failed | Stimulus::Skipped,
            )
            | (Self::Running, Stimulus::Unblocked | Stimulus::Dispatched | Stimulus::Skipped)
            | (
                Self::Cancelling,
                Stimulus::Unblocked
                | Stimulus::Deferred
                | Stimulus::Dispatched
                | Stimulus::Skipped
                | Stimulus::Cancelled,
            )
            | (
                Self::Finished | Self::Failed | Self::Skipped | Self::Cancelled,
                Stimulus::Unblocked
                | Stimulus::Deferred
                | Stimulus::Dispatched
                | Stimulus::Finished
                | Stimulus::Failed
                | Stimulus::Skipped
                | Stimulus::Cancelled,
            ) => None,
        }
    }
}

/// What happens to one node: the columns of the table.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub enum Stimulus {
    /// Its last predecessor finished, or its time came.
    Unblocked,
    /// It is not to start before some time.
    Deferred,
    /// It was handed to an executor.
    Dispatched,
    /// An executor reports that it ended well.
    Finished,
    /// An executor reports that it ended badly.
    Failed,
    /// Something upstream failed.
    Skipped,
    /// It was cancelled, or everything was, or the run stopped at a failure.
    Cancelled,
}

impl Stimulus {
    /// The stimulus as a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unblocked => "unblocked",
            Self::Deferred => "deferred",
            Self::Dispatched => "dispatched",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STIMULI: [Stimulus; 7] = [
        Stimulus::Unblocked,
        Stimulus::Deferred,
        Stimulus::Dispatched,
        Stimulus::Finished,
        Stimulus::Failed,
        Stimulus::Skipped,
        Stimulus::Cancelled,
    ];

    /// The rows of the table in the documentation of this module, each cell trimmed.
    fn documented_rows() -> Vec<Vec<&'static str>> {
        let rows = include_str!("state.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("//! | ")?.strip_suffix('|'));
        rows.map(|row| row.split('|').map(str::trim).collect()).collect()
    }

    #[test]
    fn test_the_documented_table_is_the_one_that_runs() {
        let rows = documented_rows();
        assert_eq!(rows.len(), 1 + NodeState::N);
        for (state, row) in NodeState::ALL.into_iter().zip(&rows[1..]) {
            assert_eq!(row[0], state.as_str());
            for (stimulus, cell) in STIMULI.into_iter().zip(&row[1..]) {
                let next = state.after(stimulus).map_or("", NodeState::as_str);
                assert_eq!(*cell, next, "{state:?} {stimulus:?}");
            }
        }
    }

    #[test]
    fn test_states_are_numbered_in_the_order_of_the_table() {
        for (number, state) in NodeState::ALL.into_iter().enumerate() {
            assert_eq!(state as usize, number);
        }
    }

    #[test]
    fn test_final_states_are_those_that_nothing_leads_out_of() {
        for state in NodeState::ALL {
            let is_left = STIMULI.into_iter().any(|stimulus| state.after(stimulus).is_some());
            assert_eq!(state.is_final(), !is_left, "{state:?}");
        }
    }
}
