//! What cannot be planned.

use std::fmt;

/// Why no plan can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanError {
    /// What is given for each node or resource has the wrong length.
    LengthMismatch {
        /// What was given.
        what: &'static str,
        /// How many entries there must be.
        expected: usize,
        /// How many there are.
        actual: usize,
    },
    /// A demand is negative.
    NegativeDemand {
        /// The node.
        node: usize,
        /// The index of the resource.
        resource: usize,
        /// The demand.
        amount: i64,
    },
    /// A capacity is negative.
    NegativeCapacity {
        /// The index of the resource.
        resource: usize,
        /// The capacity.
        capacity: i64,
    },
    /// A node needs more of a resource than there is.
    DemandAboveCapacity {
        /// The node.
        node: usize,
        /// The index of the resource.
        resource: usize,
        /// How much it needs.
        amount: i64,
        /// How much there is.
        capacity: i64,
    },
    /// A worker's speed is not finite and above 0.
    SpeedNotPositive {
        /// The worker.
        worker: usize,
    },
    /// No worker has the cores that a node demands.
    NoWorkerFits {
        /// The node.
        node: usize,
        /// How many cores it demands.
        demand: u32,
        /// How many the largest worker has; 0 where there is none.
        n_cores_max: u32,
    },
    /// All durations one after another are longer than [`TOTAL_NS_MAX`].
    TooLong {
        /// The sum of the durations.
        total_ns: u128,
    },
    /// A node has no mode.
    NoMode {
        /// The node.
        node: usize,
    },
    /// A node whose start is fixed has more than one mode.
    ModesOfFixedNode {
        /// The node.
        node: usize,
        /// How many it has.
        n_modes: usize,
    },
    /// The steps of the capacities do not ascend from 0.
    StepsNotAscending {
        /// The index of the first step that does not.
        step_idx: usize,
    },
    /// A resource that is used up has a capacity that changes.
    StepOfStock {
        /// The index of the resource.
        resource: usize,
    },
    /// The maximum lateness is asked for, and no node has a due date.
    NoDueDate,
    /// The weights add up to more than [`TOTAL_NS_MAX`].
    TooHeavy {
        /// The sum of the weights.
        total: u128,
    },
    /// A node cannot finish, or was not made to finish, by its deadline.
    DeadlineTooEarly {
        /// The node.
        node: usize,
        /// Its deadline.
        deadline_ns: u64,
        /// When it finishes at the earliest, or in the best schedule found.
        earliest_ns: u64,
        /// Whether no schedule keeps the deadline.
        is_proven: bool,
    },
    /// What goes before a node cannot be, or was not made to be, over by the node's fixed start.
    StartTooEarly {
        /// The node.
        node: usize,
        /// Its fixed start.
        start_ns: u64,
        /// When it could start at the earliest, or in the best schedule found.
        earliest_ns: u64,
        /// Whether no schedule keeps the start.
        is_proven: bool,
    },
    /// Nodes whose starts are fixed need more of a resource than there is.
    FixedAboveCapacity {
        /// The node that is too much.
        node: usize,
        /// The index of the resource.
        resource: usize,
        /// When.
        at_ns: u64,
        /// How much it needs.
        amount: i64,
        /// How much the other fixed nodes leave.
        free: i64,
    },
    /// The capacities are never sufficient for a node for as long as it takes.
    NoStretch {
        /// The node.
        node: usize,
        /// How long it takes.
        duration_ns: u64,
        /// How long it finds enough at most.
        longest_ns: u64,
        /// Whether this is so without other nodes; otherwise in the best schedule found.
        is_proven: bool,
    },
    /// Nodes use up more of a resource than there is.
    StockTooSmall {
        /// The index of the resource.
        resource: usize,
        /// How much they use up.
        amount: i128,
        /// How much there is.
        capacity: i64,
        /// Whether this is so in all modes; otherwise in the best found.
        is_proven: bool,
    },
}

/// The longest that all nodes together may take: 146 years, so that no sum of times overflows.
pub const TOTAL_NS_MAX: u64 = 1 << 62;

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LengthMismatch { what, expected, actual } => {
                write!(f, "there must be {expected} {what}, and there are {actual}")
            }
            Self::NegativeDemand { node, resource, amount } => {
                write!(f, "node {node} demands {amount} of resource {resource}, which is negative")
            }
            Self::NegativeCapacity { resource, capacity } => {
                write!(f, "resource {resource} has the negative capacity {capacity}")
            }
            Self::DemandAboveCapacity { node, resource, amount, capacity } => {
                write!(f, "node {node} demands {amount} of resource {resource}, of which there is {capacity}")
            }
            Self::SpeedNotPositive { worker } => {
                write!(f, "the speed of worker {worker} is not finite and above 0")
            }
            Self::NoWorkerFits { node, demand, n_cores_max } => {
                write!(f, "node {node} demands {demand} cores of a worker, and the largest has {n_cores_max}")
            }
            Self::TooLong { total_ns } => {
                write!(f, "the durations add up to {total_ns} ns, which is more than {TOTAL_NS_MAX}")
            }
            Self::NoMode { node } => write!(f, "node {node} has no mode"),
            Self::ModesOfFixedNode { node, n_modes } => {
                write!(f, "node {node} has a fixed start, and {n_modes} modes instead of one")
            }
            Self::StepsNotAscending { step_idx } => {
                write!(
                    f,
                    "step {step_idx} of the capacities is not after the one before it, or the first is not at 0"
                )
            }
            Self::StepOfStock { resource } => {
                write!(f, "resource {resource} is used up, and its capacity changes")
            }
            Self::NoDueDate => write!(f, "the maximum lateness needs a due date, and no node has one"),
            Self::TooHeavy { total } => {
                write!(f, "the weights add up to {total}, which is more than {TOTAL_NS_MAX}")
            }
            Self::DeadlineTooEarly { node, deadline_ns, earliest_ns, is_proven } => {
                let how = if *is_proven { "cannot finish" } else { "was not found to finish" };
                write!(f, "node {node} {how} before {earliest_ns} ns, and its deadline is {deadline_ns} ns")
            }
            Self::StartTooEarly { node, start_ns, earliest_ns, is_proven } => {
                let how = if *is_proven { "cannot start" } else { "was not found to be able to start" };
                write!(
                    f,
                    "node {node} {how} before {earliest_ns} ns, and its start is fixed at {start_ns} ns"
                )
            }
            Self::FixedAboveCapacity { node, resource, at_ns, amount, free } => {
                write!(
                    f,
                    "node {node} demands {amount} of resource {resource} at {at_ns} ns, and other fixed nodes leave {free}"
                )
            }
            Self::NoStretch { node, duration_ns, longest_ns, is_proven } => {
                let where_ = if *is_proven { "the capacities" } else { "the best schedule found" };
                write!(f, "node {node} takes {duration_ns} ns, and {where_} leave room for {longest_ns} ns")
            }
            Self::StockTooSmall { resource, amount, capacity, is_proven } => {
                let least = if *is_proven { "at least " } else { "" };
                write!(f, "nodes use up {least}{amount} of resource {resource}, of which there is {capacity}")
            }
        }
    }
}

impl std::error::Error for PlanError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_messages_name_what_is_wrong() {
        let error = PlanError::DemandAboveCapacity { node: 3, resource: 1, amount: 9, capacity: 4 };
        assert_eq!(error.to_string(), "node 3 demands 9 of resource 1, of which there is 4");
        let error = PlanError::LengthMismatch { what: "durations", expected: 2, actual: 1 };
        assert_eq!(error.to_string(), "there must be 2 durations, and there are 1");
    }

    #[test]
    fn test_messages_tell_what_is_proven_from_what_was_not_found() {
        let late = |is_proven| {
            PlanError::DeadlineTooEarly { node: 3, deadline_ns: 4, earliest_ns: 9, is_proven }.to_string()
        };
        assert_eq!(late(true), "node 3 cannot finish before 9 ns, and its deadline is 4 ns");
        assert_eq!(late(false), "node 3 was not found to finish before 9 ns, and its deadline is 4 ns");
        let error = PlanError::StockTooSmall { resource: 1, amount: 8, capacity: 5, is_proven: true };
        assert_eq!(error.to_string(), "nodes use up at least 8 of resource 1, of which there is 5");
    }
}
