//! What is asked for, as it is given.

/// Stands for no deadline, no due date, no fixed start.
pub const NEVER_NS: u64 = u64::MAX;

/// What a good plan is; less is better.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Objective {
    /// The last finish.
    #[default]
    Makespan,
    /// The sum of all finishes, each times its weight.
    WeightedCompletion,
    /// The sum of what each node finishes after its due date, times its weight.
    WeightedTardiness,
    /// The most by which a node finishes after its due date; negative where all finish before.
    MaximumLateness,
}

impl Objective {
    /// Every objective.
    pub const ALL: [Self; 4] =
        [Self::Makespan, Self::WeightedCompletion, Self::WeightedTardiness, Self::MaximumLateness];

    /// The objective as a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Makespan => "makespan",
            Self::WeightedCompletion => "weighted_completion",
            Self::WeightedTardiness => "weighted_tardiness",
            Self::MaximumLateness => "maximum_lateness",
        }
    }

    /// Whether values of nodes are added up; otherwise the largest counts.
    pub(super) const fn is_sum(self) -> bool {
        matches!(self, Self::WeightedCompletion | Self::WeightedTardiness)
    }

    /// Whether due dates count; otherwise every node is due at once.
    pub(super) const fn has_dues(self) -> bool {
        matches!(self, Self::WeightedTardiness | Self::MaximumLateness)
    }
}

/// Terms of single nodes; entry `i` of each column belongs to node `i`, and an empty column asks for nothing.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// What is to be made small.
    pub objective: Objective,
    /// No start is earlier.
    pub releases_ns: Vec<u64>,
    /// No finish is later; [`NEVER_NS`] for none.
    pub deadlines_ns: Vec<u64>,
    /// When a node should have finished, for the objectives that ask; [`NEVER_NS`] where it does not count.
    pub dues_ns: Vec<u64>,
    /// How much a node counts in a sum; one each if empty.
    pub weights: Vec<u64>,
    /// The start that a node has or must have; [`NEVER_NS`] where it is free.
    pub starts_ns: Vec<u64>,
    /// How much time passes at least between the last finish among a node's predecessors and its start.
    pub delays_ns: Vec<u64>,
}

/// The ways in which nodes can run: node `i` has those from `offsets[i]` to `offsets[i + 1]`.
#[derive(Clone, Debug)]
pub struct Modes {
    /// One more than there are nodes, from 0 on, ascending.
    pub offsets: Vec<usize>,
    /// How long a node takes, by mode.
    pub durations_ns: Vec<u64>,
    /// One row per mode: how much of each resource it needs.
    pub demands: Vec<i64>,
}

impl Modes {
    /// One mode for each node.
    #[must_use]
    pub fn single(durations_ns: Vec<u64>, demands: Vec<i64>) -> Self {
        Self { offsets: (0..=durations_ns.len()).collect(), durations_ns, demands }
    }
}

/// How much there is of each resource, from which time on.
#[derive(Clone, Debug)]
pub struct Supply {
    /// Ascending, from 0 on.
    pub times_ns: Vec<u64>,
    /// One row per time: from then on, so much of each resource.
    pub amounts: Vec<i64>,
    /// By resource: whether nodes use it up (nonrenewable) rather than hold it while they run.
    pub is_consumed: Vec<bool>,
}

impl Supply {
    /// The same amounts at all times, held while nodes run.
    #[must_use]
    pub fn constant(capacities: Vec<i64>) -> Self {
        Self { times_ns: vec![0], is_consumed: vec![false; capacities.len()], amounts: capacities }
    }
}
