//! What a list scheduler refuses.

use std::fmt;

use crate::graph::GraphError;
use crate::sched::NodeState;

/// Why a call was refused; the scheduler is as it was before.
#[derive(Clone, Debug, PartialEq)]
pub enum ListError {
    /// There is no such node.
    UnknownNode {
        /// Its place in what was given.
        idx: usize,
        /// The id as it was given; may be negative.
        node: i64,
        /// How many nodes there are.
        n_nodes: usize,
    },
    /// A node cannot be reported so in its state, or is named twice.
    IllegalTransition {
        /// The node.
        node: u32,
        /// The state that it is in, and stays in; where it is named twice, the one that the first report leads to.
        state: NodeState,
        /// What was reported of it, as a word.
        event: &'static str,
    },
    /// What is given for each node has the wrong length.
    LengthMismatch {
        /// What was given.
        what: &'static str,
        /// How many there must be.
        expected: usize,
        /// How many there are.
        actual: usize,
    },
    /// A priority is not a number.
    BadPriority {
        /// Its place in what was given.
        idx: usize,
    },
    /// A demand is negative.
    BadDemand {
        /// The node's place in what was given.
        idx: usize,
        /// The index of the resource.
        resource: usize,
        /// The demand.
        amount: i64,
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
    /// A capacity or a limit is negative.
    BadCapacity {
        /// What it is a capacity of: `capacities` or `group_limits`.
        what: &'static str,
        /// The index of the resource or group.
        idx: usize,
        /// The value.
        value: i64,
    },
    /// There is no such resource.
    UnknownResource {
        /// The index as it was given.
        resource: usize,
        /// How many there are.
        n_resources: usize,
    },
    /// There is no such group.
    UnknownGroup {
        /// The node's place in what was given.
        idx: usize,
        /// The group as it was given.
        group: i64,
        /// How many there are.
        n_groups: usize,
    },
    /// A node of a group that lets none run could never start.
    GroupWithoutPlace {
        /// The node.
        node: usize,
        /// Its group.
        group: usize,
    },
    /// A speed is not a positive number.
    BadSpeed {
        /// The index of the worker.
        idx: usize,
        /// The value.
        value: f64,
    },
    /// Added nodes have durations exactly if the others have.
    DurationsMismatch {
        /// Whether the scheduler has durations.
        has_durations: bool,
    },
    /// An edge that is added ends at a node that was there before.
    EdgeIntoOldNode {
        /// Its place in what was given.
        edge_idx: usize,
        /// Where it ends.
        target: i64,
        /// The first of the new nodes.
        first_new: usize,
    },
    /// Added edges are no graph.
    Graph(GraphError),
}

impl From<GraphError> for ListError {
    fn from(error: GraphError) -> Self {
        Self::Graph(error)
    }
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownNode { idx, node, n_nodes } => {
                write!(f, "id {idx} is {node}, but there are {n_nodes} nodes")
            }
            Self::IllegalTransition { node, state, event } => {
                write!(f, "node {node} was reported as {event}, but it is {}", state.as_str())
            }
            Self::LengthMismatch { what, expected, actual } => {
                write!(f, "{what} must have length {expected}, got {actual}")
            }
            Self::BadPriority { idx } => write!(f, "priority {idx} is not a number"),
            Self::BadDemand { idx, resource, amount } => {
                write!(f, "the demand of node {idx} on resource {resource} is {amount}, which is negative")
            }
            Self::DemandAboveCapacity { node, resource, amount, capacity } => {
                write!(f, "node {node} needs {amount} of resource {resource}, of which there are {capacity}")
            }
            Self::BadCapacity { what, idx, value } => {
                write!(f, "{what} {idx} is {value}, which is negative")
            }
            Self::UnknownResource { resource, n_resources } => {
                write!(f, "there is no resource {resource}, there are {n_resources}")
            }
            Self::UnknownGroup { idx, group, n_groups } => {
                write!(f, "the group of node {idx} is {group}, but there are {n_groups} groups")
            }
            Self::GroupWithoutPlace { node, group } => {
                write!(f, "node {node} is in group {group}, which lets none run")
            }
            Self::BadSpeed { idx, value } => {
                write!(f, "speed {idx} is {value}, which is not a positive number")
            }
            Self::DurationsMismatch { has_durations: true } => {
                write!(f, "durations are missing for the added nodes, the others have them")
            }
            Self::DurationsMismatch { has_durations: false } => {
                write!(f, "durations are given for the added nodes, the others have none")
            }
            Self::EdgeIntoOldNode { edge_idx, target, first_new } => {
                write!(
                    f,
                    "added edge {edge_idx} ends at node {target}, but only nodes from {first_new} on are new"
                )
            }
            Self::Graph(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ListError {}
