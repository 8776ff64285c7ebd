//! The one map from errors of the core and of the binding to Python's exceptions.
//!
//! Exceptions are classes written in Python (`makespan/exceptions.py`), loaded when first raised.

use std::time::Duration;

use makespan_core::graph::{GraphError, NodeId};
use makespan_core::plan::{PlanError, TOTAL_NS_MAX};
use makespan_core::queue::{EntryState, QueueFull};
use makespan_core::sched::SchedulerError;
use makespan_core::sched::list::ListError;
use pyo3::PyErr;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

use crate::amount::Shown;
use crate::digest::KeyError;
use crate::keys::Key;

#[expect(clippy::disallowed_methods, reason = "this is where Python's classes are reached")]
mod classes {
    pyo3::import_exception!(makespan.exceptions, AcquireTimeoutError);
    pyo3::import_exception!(makespan.exceptions, ArgumentMismatchError);
    pyo3::import_exception!(makespan.exceptions, BatchResultError);
    pyo3::import_exception!(makespan.exceptions, ClosedEngineError);
    pyo3::import_exception!(makespan.exceptions, ClosedQueueError);
    pyo3::import_exception!(makespan.exceptions, ClosedResourcesError);
    pyo3::import_exception!(makespan.exceptions, CycleError);
    pyo3::import_exception!(makespan.exceptions, DeadlineError);
    pyo3::import_exception!(makespan.exceptions, DuplicateKeyError);
    pyo3::import_exception!(makespan.exceptions, EmptyQueueError);
    pyo3::import_exception!(makespan.exceptions, ForeignHandleError);
    pyo3::import_exception!(makespan.exceptions, InternalError);
    pyo3::import_exception!(makespan.exceptions, NotComputedYet);
    pyo3::import_exception!(makespan.exceptions, QueueError);
    pyo3::import_exception!(makespan.exceptions, QueueFullError);
    pyo3::import_exception!(makespan.exceptions, SchedulerError);
    pyo3::import_exception!(makespan.exceptions, UnkeyableError);
    pyo3::import_exception!(makespan.exceptions, UnknownKeyError);
    pyo3::import_exception!(makespan.exceptions, UnknownNodeError);
    pyo3::import_exception!(makespan.exceptions, UnsatisfiableError);
    pyo3::import_exception!(makespan.exceptions, ValidationError);
    pyo3::import_exception!(makespan.exceptions, WorkflowError);
}

/// Everything that can go wrong in this crate.
#[derive(Debug)]
pub(crate) enum BindError {
    /// A graph could not be built or was asked for the impossible.
    Graph(GraphError),
    /// The scheduler refused an event: this crate's mistake, since its loops send the events.
    RunScheduler(SchedulerError),
    /// The list scheduler was asked for the impossible.
    List(ListError),
    /// What was to be planned has no plan.
    Plan(PlanError),
    /// Python raised.
    Python(PyErr),
    /// The edges of a workflow form a cycle; paths in order, first not repeated.
    Cycle(Vec<String>),
    /// `after=` names a node that the workflow does not have.
    UnknownNode { path: String, referrer: String },
    /// A handle was used as a value.
    NotComputedYet { path: String, operation: &'static str },
    /// A handle was passed to a step call outside of its workflow.
    ForeignHandle { step: String, handle: String },
    /// The arguments do not fit the signature of a step or of a prepared workflow.
    ArgumentMismatch { callee: String, reason: String },
    /// A batch form returned something else than one result for each of its calls.
    BatchResult { step: String, expected: usize, found: String },
    /// The engine that prepared a workflow is closed.
    ClosedEngine,
    /// The description of a workflow is wrong in another way.
    Workflow(String),
    /// An argument has a value that cannot be meant.
    Argument { argument: String, value: Py<PyAny>, expected: &'static str },
    /// More is asked for than there is altogether, or of a resource that there is not.
    Unsatisfiable { who: String, resource: String, requested: Shown, capacity: Option<Shown> },
    /// Resources could not be had in time.
    AcquireTimeout { resource: String, requested: Shown, available: Shown, timeout_s: f64 },
    /// The manager of resources is closed.
    ClosedResources,
    /// A queue could not do what was asked of it.
    Queue(QueueRefusal),
    /// A value has no key.
    Unkeyable { path: String, reason: String },
}

/// Why a queue refuses.
#[derive(Debug)]
pub(crate) enum QueueRefusal {
    /// There is no room.
    Full(QueueFull),
    /// There is nothing to take.
    Empty,
    /// Nothing goes in any more, and what was there is taken.
    Closed,
    /// The key is there already.
    Duplicate { key: Key, state: EntryState },
    /// The key is not in the state that this needs.
    Unknown { key: Key, expected: &'static str },
    /// What is taken is not remembered.
    Untracked,
    /// Another thread had the lock when the process was forked.
    Forked,
}

/// The result of everything fallible in this crate.
pub(crate) type BindResult<T> = Result<T, BindError>;

impl From<GraphError> for BindError {
    fn from(error: GraphError) -> Self {
        Self::Graph(error)
    }
}

impl From<SchedulerError> for BindError {
    fn from(error: SchedulerError) -> Self {
        Self::RunScheduler(error)
    }
}

impl From<ListError> for BindError {
    fn from(error: ListError) -> Self {
        Self::List(error)
    }
}

impl From<PlanError> for BindError {
    fn from(error: PlanError) -> Self {
        Self::Plan(error)
    }
}

impl From<PyErr> for BindError {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

impl From<KeyError> for BindError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Unkeyable { path, reason } => Self::Unkeyable { path, reason },
            KeyError::Python(error) => Self::Python(error),
        }
    }
}

impl From<QueueRefusal> for BindError {
    fn from(refusal: QueueRefusal) -> Self {
        Self::Queue(refusal)
    }
}

impl From<QueueFull> for QueueRefusal {
    fn from(full: QueueFull) -> Self {
        Self::Full(full)
    }
}

impl From<BindError> for PyErr {
    fn from(error: BindError) -> Self {
        use classes as raise;
        match error {
            BindError::Python(error) => error,
            BindError::Graph(error) => graph_error(error),
            BindError::List(error) => list_error(error),
            BindError::Plan(error) => plan_error(&error),
            BindError::RunScheduler(error) => match error {
                SchedulerError::UnknownNode { node, .. } => {
                    raise::SchedulerError::new_err((node.get(), "unknown", "any"))
                }
                SchedulerError::IllegalTransition { node, state, event } => {
                    raise::SchedulerError::new_err((node.get(), state.as_str(), event))
                }
            },
            BindError::Cycle(paths) => raise::CycleError::new_err((closed(paths),)),
            BindError::UnknownNode { path, referrer } => raise::UnknownNodeError::new_err((path, referrer)),
            BindError::NotComputedYet { path, operation } => {
                raise::NotComputedYet::new_err((path, operation))
            }
            BindError::ForeignHandle { step, handle } => raise::ForeignHandleError::new_err((step, handle)),
            BindError::ArgumentMismatch { callee, reason } => {
                raise::ArgumentMismatchError::new_err((callee, reason))
            }
            BindError::BatchResult { step, expected, found } => {
                raise::BatchResultError::new_err((step, expected, found))
            }
            BindError::ClosedEngine => raise::ClosedEngineError::new_err(()),
            BindError::Workflow(message) => raise::WorkflowError::new_err((message,)),
            BindError::Argument { argument, value, expected } => {
                raise::ValidationError::new_err((argument, value, expected))
            }
            BindError::Queue(refusal) => queue_error(refusal),
            BindError::Unsatisfiable { who, resource, requested, capacity } => {
                raise::UnsatisfiableError::new_err((who, resource, requested, capacity))
            }
            BindError::AcquireTimeout { resource, requested, available, timeout_s } => {
                raise::AcquireTimeoutError::new_err((resource, requested, available, timeout_s))
            }
            BindError::Unkeyable { path, reason } => raise::UnkeyableError::new_err((path, reason)),
            BindError::ClosedResources => raise::ClosedResourcesError::new_err(()),
        }
    }
}

fn queue_error(refusal: QueueRefusal) -> PyErr {
    use classes as raise;
    let of_key = |key: &Key| Python::attach(|py| key.to_py(py).map(Bound::unbind));
    match refusal {
        QueueRefusal::Full(QueueFull { size_max, n_refused }) => {
            raise::QueueFullError::new_err((size_max, n_refused))
        }
        QueueRefusal::Empty => raise::EmptyQueueError::new_err(()),
        QueueRefusal::Closed => raise::ClosedQueueError::new_err(()),
        QueueRefusal::Duplicate { key, state } => match of_key(&key) {
            Ok(key) => raise::DuplicateKeyError::new_err((key, state.as_str())),
            Err(error) => error,
        },
        QueueRefusal::Unknown { key, expected } => match of_key(&key) {
            Ok(key) => raise::UnknownKeyError::new_err((key, expected)),
            Err(error) => error,
        },
        QueueRefusal::Untracked => raise::QueueError::new_err((
            "this queue forgets what is taken (tracked=False), so that nothing is in work; make it with tracked=True",
        )),
        QueueRefusal::Forked => raise::QueueError::new_err((
            "another thread was using this queue when the process was forked; make another one in the child",
        )),
    }
}

fn graph_error(error: GraphError) -> PyErr {
    use classes as raise;
    let text = error.to_string();
    match error {
        GraphError::Cycle { nodes } => {
            raise::CycleError::new_err((closed(nodes.into_iter().map(NodeId::get).collect()),))
        }
        GraphError::SelfLoop { node, .. } => raise::CycleError::new_err((vec![node.get(), node.get()],)),
        GraphError::UnknownNode { edge_idx, node, n_nodes } => {
            raise::ValidationError::new_err((format!("edge {edge_idx}"), node, node_id(n_nodes)))
        }
        GraphError::LengthMismatch { what, actual, expected } => {
            raise::ValidationError::new_err((what, actual, format!("length {expected}")))
        }
        GraphError::OffsetsNotAscending { offset_idx, offset } => raise::ValidationError::new_err((
            format!("offsets[{offset_idx}]"),
            offset,
            "offsets that ascend from 0",
        )),
        GraphError::NotANode { node_idx, node, n_nodes } => {
            raise::ValidationError::new_err((format!("nodes[{node_idx}]"), node, node_id(n_nodes)))
        }
        GraphError::RepeatedNode { node_idx, node } => raise::ValidationError::new_err((
            format!("nodes[{node_idx}]"),
            node.get(),
            "different nodes, and this one was named before",
        )),
        GraphError::TooManyNodes { n_nodes } => raise::ValidationError::new_err(("n_nodes", n_nodes, text)),
        GraphError::TooManyEdges { n_edges } => raise::ValidationError::new_err(("n_edges", n_edges, text)),
    }
}

fn list_error(error: ListError) -> PyErr {
    use classes::{SchedulerError, UnsatisfiableError, ValidationError};
    let index = |what: &str, n: usize| match n.checked_sub(1) {
        Some(last) => format!("a {what} from 0 to {last}"),
        None => format!("no {what}, since there is none"),
    };
    match error {
        ListError::Graph(error) => graph_error(error),
        ListError::UnknownNode { idx, node, n_nodes } => {
            ValidationError::new_err((format!("nodes[{idx}]"), node, node_id(n_nodes)))
        }
        ListError::IllegalTransition { node, state, event } => {
            SchedulerError::new_err((node, state.as_str(), event))
        }
        ListError::LengthMismatch { what, expected, actual } => {
            ValidationError::new_err((what, actual, format!("length {expected}")))
        }
        ListError::BadPriority { idx } => {
            ValidationError::new_err((format!("priorities[{idx}]"), f64::NAN, "a number"))
        }
        ListError::BadDemand { idx, resource, amount } => ValidationError::new_err((
            format!("demands[{idx}, {resource}]"),
            amount,
            "a whole number that is not negative",
        )),
        ListError::DemandAboveCapacity { node, resource, amount, capacity } => {
            UnsatisfiableError::new_err((node, resource, amount, capacity))
        }
        ListError::GroupWithoutPlace { node, group } => {
            UnsatisfiableError::new_err((node, format!("group {group}"), 1, 0))
        }
        ListError::BadCapacity { what, idx, value } => {
            ValidationError::new_err((format!("{what}[{idx}]"), value, "a whole number that is not negative"))
        }
        ListError::UnknownResource { resource, n_resources } => {
            ValidationError::new_err(("resource", resource, index("resource", n_resources)))
        }
        ListError::UnknownGroup { idx, group, n_groups } => ValidationError::new_err((
            format!("groups[{idx}]"),
            group,
            format!("{}, or -1", index("group", n_groups)),
        )),
        ListError::BadSpeed { idx, value } => {
            ValidationError::new_err((format!("speeds[{idx}]"), value, "a positive number"))
        }
        ListError::DurationsMismatch { has_durations } => {
            let (given, expected) = if has_durations {
                ("missing", "durations of the added nodes, since the others have them")
            } else {
                ("given", "none for the added nodes, since the others have none")
            };
            ValidationError::new_err(("durations", given, expected))
        }
        ListError::EdgeIntoOldNode { edge_idx, target, first_new } => ValidationError::new_err((
            format!("target[{edge_idx}]"),
            target,
            format!("a node that is added now, from {first_new} on: edges into older nodes come too late"),
        )),
    }
}

fn plan_error(error: &PlanError) -> PyErr {
    use classes::{DeadlineError, UnsatisfiableError, ValidationError};
    const NOT_NEGATIVE: &str = "a whole number that is not negative";
    let seconds = |ns: u64| Duration::from_nanos(ns).as_secs_f64();
    match *error {
        PlanError::LengthMismatch { what, expected, actual } => {
            ValidationError::new_err((what, actual, format!("length {expected}")))
        }
        PlanError::NegativeDemand { node, resource, amount } => {
            ValidationError::new_err((format!("demands[{node}, {resource}]"), amount, NOT_NEGATIVE))
        }
        PlanError::NegativeCapacity { resource, capacity } => {
            ValidationError::new_err((format!("capacities[{resource}]"), capacity, NOT_NEGATIVE))
        }
        PlanError::DemandAboveCapacity { node, resource, amount, capacity } => {
            UnsatisfiableError::new_err((node, resource, amount, capacity))
        }
        PlanError::SpeedNotPositive { worker } => {
            ValidationError::new_err((format!("speeds[{worker}]"), "not above 0", "a finite number above 0"))
        }
        PlanError::NoWorkerFits { node, demand, n_cores_max } => {
            UnsatisfiableError::new_err((node, "cores of one worker", demand, n_cores_max))
        }
        PlanError::TooLong { total_ns } => {
            ValidationError::new_err(("durations", total_ns, format!("a sum of at most {TOTAL_NS_MAX} ns")))
        }
        PlanError::NoMode { node } => {
            ValidationError::new_err((format!("modes[{node}]"), "empty", "at least one mode"))
        }
        PlanError::ModesOfFixedNode { node, n_modes } => ValidationError::new_err((
            format!("modes[{node}]"),
            format!("{n_modes} modes"),
            "one mode, since the start of the node is fixed",
        )),
        PlanError::StepsNotAscending { step_idx } => ValidationError::new_err((
            format!("capacities[0][{step_idx}]"),
            "not after the one before it, or not 0 at the beginning",
            "times that ascend from 0",
        )),
        PlanError::StepOfStock { resource } => ValidationError::new_err((
            format!("consumed[{resource}]"),
            true,
            "false, since the capacity of the resource changes over time",
        )),
        PlanError::NoDueDate => ValidationError::new_err((
            "due",
            "missing",
            "a due date for at least one node, as the objective asks",
        )),
        PlanError::TooHeavy { total } => ValidationError::new_err((
            "weights",
            total,
            format!("a sum of at most {TOTAL_NS_MAX} millionths"),
        )),
        PlanError::DeadlineTooEarly { node, deadline_ns, earliest_ns, is_proven } => {
            DeadlineError::new_err((node, "deadline", seconds(deadline_ns), seconds(earliest_ns), is_proven))
        }
        PlanError::StartTooEarly { node, start_ns, earliest_ns, is_proven } => {
            DeadlineError::new_err((node, "start", seconds(start_ns), seconds(earliest_ns), is_proven))
        }
        PlanError::FixedAboveCapacity { node, resource, at_ns, amount, free } => {
            let moment = format!("{resource} at {} s, beside the other fixed nodes,", seconds(at_ns));
            UnsatisfiableError::new_err((node, moment, amount, free))
        }
        PlanError::NoStretch { node, duration_ns, longest_ns, is_proven } => {
            let where_ = if is_proven { "the capacities" } else { "the best plan found" };
            let what = format!("seconds on end that {where_} leave");
            UnsatisfiableError::new_err((node, what, seconds(duration_ns), seconds(longest_ns)))
        }
        PlanError::StockTooSmall { resource, amount, capacity, is_proven } => {
            let who = if is_proven { "the graph at least" } else { "the best plan found" };
            UnsatisfiableError::new_err((who, resource, amount, capacity))
        }
    }
}

/// What would do for a node of a graph of this size.
fn node_id(n_nodes: usize) -> String {
    match n_nodes.checked_sub(1) {
        Some(last) => format!("a node id from 0 to {last}"),
        None => "no node id, since the graph has no nodes".to_owned(),
    }
}

/// Repeats the first element at the end, as a cycle is read.
fn closed<T: Clone>(mut cycle: Vec<T>) -> Vec<T> {
    cycle.extend(cycle.first().cloned());
    cycle
}

/// A broken invariant of ours, as an exception that asks for a report.
pub(crate) fn internal(story: &str) -> PyErr {
    classes::InternalError::new_err((story.to_owned(),))
}

/// True for what ends a program rather than a step: the run stops and it travels on as it is.
pub(crate) fn ends_the_program(py: Python<'_>, error: &PyErr) -> bool {
    !error.is_instance_of::<PyException>(py)
}
