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
}
