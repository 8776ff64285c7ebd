//! The states of a node, and the one table of what leads from which to which.
//!
//! | state     | `Unblocked` | `Dispatched` | `Finished` | `Failed` | `Skipped` | `Cancelled` |
//! |-----------|-------------|--------------|------------|----------|-----------|-------------|
//! | waiting   | ready       |              |            |          | skipped   | cancelled   |
//! | ready     |             | running      |            |          |           | cancelled   |
//! | running   |             |              | finished   | failed   |           |             |
//! | finished  |             |              |            |          |           |             |
//! | failed    |             |              |            |          |           |             |
//! | skipped   |             |              |            |          |           |             |
//! | cancelled |             |              |            |          |           |             |
//!
//! A blank is refused. The last four states are final.

/// Where a node is on its way.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
#[repr(u8)]
pub enum NodeState {
    /// A predecessor has not finished.
    Waiting,
    /// All predecessors have finished.
    Ready,
    /// Dispatched, and not heard of since.
    Running,
    /// Ended well.
    Finished,
    /// Ended badly.
    Failed,
    /// Will never run: something upstream failed.
    Skipped,
    /// Will never run: the run was cancelled, or stopped at a failure elsewhere.
    Cancelled,
}

impl NodeState {
    /// Whether nothing leads out of this state.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Waiting | Self::Ready | Self::Running => false,
            Self::Finished | Self::Failed | Self::Skipped | Self::Cancelled => true,
        }
    }

    /// The state as a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Ready => "ready",
            Self::Running => "running",
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
            (Self::Waiting, Stimulus::Unblocked) => Some(Self::Ready),
            (Self::Waiting, Stimulus::Skipped) => Some(Self::Skipped),
            (Self::Waiting | Self::Ready, Stimulus::Cancelled) => Some(Self::Cancelled),
            (Self::Ready, Stimulus::Dispatched) => Some(Self::Running),
            (Self::Running, Stimulus::Finished) => Some(Self::Finished),
            (Self::Running, Stimulus::Failed) => Some(Self::Failed),
            (Self::Waiting, Stimulus::Dispatched | Stimulus::Finished | Stimulus::Failed)
            | (
                Self::Ready,
                Stimulus::Unblocked | Stimulus::Finished | Stimulus::Failed | Stimulus::Skipped,
            )
            | (
                Self::Running,
                Stimulus::Unblocked | Stimulus::Dispatched | Stimulus::Skipped | Stimulus::Cancelled,
            )
            | (
                Self::Finished | Self::Failed | Self::Skipped | Self::Cancelled,
                Stimulus::Unblocked
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
    /// Its last predecessor finished.
    Unblocked,
    /// It was handed to an executor.
    Dispatched,
    /// An executor reports that it ended well.
    Finished,
    /// An executor reports that it ended badly.
    Failed,
    /// Something upstream failed.
    Skipped,
    /// The run was cancelled, or stopped at a failure.
    Cancelled,
}

impl Stimulus {
    /// The stimulus as a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unblocked => "unblocked",
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

    const STATES: [NodeState; 7] = [
        NodeState::Waiting,
        NodeState::Ready,
        NodeState::Running,
        NodeState::Finished,
        NodeState::Failed,
        NodeState::Skipped,
        NodeState::Cancelled,
    ];
    const STIMULI: [Stimulus; 6] = [
        Stimulus::Unblocked,
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
        assert_eq!(rows.len(), 1 + STATES.len());
        for (state, row) in STATES.into_iter().zip(&rows[1..]) {
            assert_eq!(row[0], state.as_str());
            for (stimulus, cell) in STIMULI.into_iter().zip(&row[1..]) {
                let next = state.after(stimulus).map_or("", NodeState::as_str);
                assert_eq!(*cell, next, "{state:?} {stimulus:?}");
            }
        }
    }

    #[test]
    fn test_final_states_are_those_that_nothing_leads_out_of() {
        for state in STATES {
            let is_left = STIMULI.into_iter().any(|stimulus| state.after(stimulus).is_some());
            assert_eq!(state.is_final(), !is_left, "{state:?}");
        }
    }
}
