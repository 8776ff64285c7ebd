//! What the scheduler of a run is told and what it tells, and how it behaves.

use std::fmt;

use crate::graph::NodeId;
use crate::sched::NodeState;

/// What a failure means for the rest of the run.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug, Default)]
pub enum FailurePolicy {
    /// Nothing more is started; what runs may end.
    #[default]
    Stop,
    /// What is downstream of the failure is skipped; the rest runs.
    Continue,
}

/// How a [`RunScheduler`](super::RunScheduler) behaves.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug, Default)]
pub struct SchedulerOptions {
    /// What a failure means for the rest of the run.
    pub on_failure: FailurePolicy,
}

/// Something that happened, told to the scheduler.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub enum Event {
    /// An executor can start up to so many more nodes now. What cannot be met is forgotten: it asks again.
    Requested {
        /// How many.
        n_nodes: u32,
    },
    /// A node that was dispatched ended well.
    Finished {
        /// Which one.
        node: NodeId,
    },
    /// A node that was dispatched ended badly.
    Failed {
        /// Which one.
        node: NodeId,
    },
    /// What a node needs, which was asked for, was granted.
    Granted {
        /// Which one.
        node: NodeId,
    },
    /// What a node needs was given back before it was dispatched, since there is nobody to run it now.
    Declined {
        /// Which one.
        node: NodeId,
    },
    /// The run is to end: nothing more is started.
    CancelRequested,
}

/// Something to be done, told by the scheduler.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub enum Action {
    /// Start this node.
    Dispatch {
        /// Which one.
        node: NodeId,
    },
    /// Start this node in the same call as the one that was dispatched before.
    Join {
        /// Which one.
        node: NodeId,
    },
    /// Ask for what this node needs, and tell when it is granted.
    Ask {
        /// Which one.
        node: NodeId,
    },
    /// The last consumer of this node's result has finally finished: drop the result.
    Release {
        /// Whose result.
        node: NodeId,
    },
    /// This node will never run, because something upstream failed.
    Skip {
        /// Which one.
        node: NodeId,
    },
    /// This node will never run, because the run was cancelled or stopped at a failure.
    Cancel {
        /// Which one.
        node: NodeId,
    },
    /// Nothing runs, and nothing will: the last action of a run.
    Settle,
}

/// An event that cannot have happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchedulerError {
    /// The event names a node that the graph does not have.
    UnknownNode {
        /// The node it names.
        node: NodeId,
        /// The number of nodes of the graph.
        n_nodes: usize,
    },
    /// The state of the node does not allow the event.
    IllegalTransition {
        /// The node it names.
        node: NodeId,
        /// The state that the node is in, and stays in.
        state: NodeState,
        /// What was reported of it, as a word.
        event: &'static str,
    },
}

impl fmt::Display for SchedulerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownNode { node, n_nodes } => {
                write!(f, "an event names node {node}, but the graph has {n_nodes} nodes")
            }
            Self::IllegalTransition { node, state, event } => {
                let state = state.as_str();
                write!(f, "node {node} was reported as {event}, but it is {state}")
            }
        }
    }
}

impl std::error::Error for SchedulerError {}
