//! The list scheduler: what of a growing graph may start now, by priority, under resources.
//!
//! For programs that schedule by themselves. A [`ListScheduler`] is told what ended and asked what may start, in batches; it
//! has no clock, thread or callback, so the same calls with the same times give the same answers. Unlike
//! [`super::RunScheduler`] it knows priorities, demands, groups, delays, repetition and workers of different speed, and nodes
//! may be added, delayed, prioritized and cancelled while others run.
//!
//! - [`ListScheduler`]: construction, and what is asked without changing anything
//! - `report`: what has ended, and what follows for others
//! - `take`: what may start, in one pass over the lines of the ready
//! - `backfill`: what may go before the head of the line without putting it off
//! - `change`: adding nodes; priorities, times, capacities
//! - `explain`: what a node waits for
//! - `demands`, `lines`, `counts`, `workers`: what they are made of
//!
//! ## What goes first
//!
//! The largest priority first, the smallest id among equals. Nodes that need no pool, or only pools that nobody ahead of them
//! waits for, are not held up by those ahead: see [`Pools`] for the rule. Where durations are known, what the head of the
//! line leaves free may be used by others as long as that cannot put it off ("EASY" backfilling, Lifka 1995): the time at
//! which the head can start at the latest, if nodes take as long as they should, is its *reservation*.

mod backfill;
mod change;
mod counts;
mod demands;
mod error;
mod explain;
mod lines;
mod report;
mod take;
#[cfg(test)]
mod tests;
mod validate;
mod workers;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use self::counts::Counts;
use self::demands::Demands;
use self::lines::{Front, Key, Lines, UNRANKED};
use self::workers::Workers;
use super::pools::{Need, Pools};
use super::run::FailurePolicy;
use super::state::{NodeState, Stimulus};
use crate::Priority;
use crate::graph::{Graph, NodeId};

pub use self::error::ListError;
pub use self::explain::Reason;

/// The group of a node that is in none.
pub const NO_GROUP: i64 = -1;

/// What is known of nodes, one entry each; `None` where it is the same for all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeColumns {
    /// Zero for all if not given.
    pub priorities: Option<Vec<Priority>>,
    /// How much of each resource a node needs while it runs: a row per node, a column per resource. Nothing if not given.
    pub demands: Option<Vec<i64>>,
    /// Of each node the group, or [`NO_GROUP`].
    pub groups: Option<Vec<i64>>,
    /// How long each node takes on a worker of speed 1; for all nodes or for none.
    pub durations_ns: Option<Vec<u64>>,
}

/// Priorities of these numbers.
///
/// # Errors
///
/// [`ListError::BadPriority`] for the first that is NaN.
pub fn priorities_of(numbers: &[f64]) -> Result<Vec<Priority>, ListError> {
    let priorities = numbers.iter().enumerate();
    priorities
        .map(|(idx, &number)| Priority::from_f64(number).ok_or(ListError::BadPriority { idx }))
        .collect()
}

/// What nodes have to share, and how failures are met.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListOptions {
    /// How much there is of each resource.
    pub capacities: Vec<i64>,
    /// How many nodes of each group may run at once.
    pub group_limits: Vec<i64>,
    /// The speed of each worker, each of which runs one node at a time; without them, any number of nodes may run.
    pub speeds: Option<Vec<f64>>,
    /// What a failure means for the rest.
    pub on_failure: FailurePolicy,
    /// How often a node that fails is tried again.
    pub n_retries: u16,
    /// How long after its first failure a node is tried again; doubled after each further one.
    pub retry_delay_ns: u64,
    /// The longest that this delay grows to.
    pub retry_delay_max_ns: u64,
}

/// What the scheduler knows of one node besides what is counted for it and its priority, in 12 bytes.
#[derive(Copy, Clone, Debug)]
struct Node {
    /// Where it waits when it is ready.
    position: u32,
    /// The row of its needs.
    demand: u32,
    /// How often it was dispatched.
    n_attempts: u16,
    state: NodeState,
    /// Whether it has an entry in `not_before_ns`.
    has_time: bool,
}

/// What is known when nodes have durations.
#[derive(Clone, Debug)]
struct Durations {
    of_node_ns: Vec<u64>,
    /// Of running nodes, when they are expected to finish.
    finish_ns: Vec<u64>,
    /// The running nodes by when they are expected to finish.
    running: BTreeSet<(u64, u32)>,
}

/// Edges from any node to one that was added later, as linked lists.
#[derive(Clone, Debug, Default)]
struct AddedEdges {
    /// Of each node its first link, or `NO_LINK`; shorter than the nodes where the last have none.
    first: Vec<u32>,
    /// The target, and the next link.
    links: Vec<(u32, u32)>,
}

const NO_LINK: u32 = u32::MAX;

/// The number of a node or a group that was given and checked.
#[expect(clippy::cast_sign_loss, reason = "what was checked is not negative")]
const fn id_of(node: i64) -> u32 {
    node as u32
}

impl AddedEdges {
    fn push(&mut self, source: u32, target: u32) {
        if source as usize >= self.first.len() {
            self.first.resize(source as usize + 1, NO_LINK);
        }
        self.links.push((target, self.first[source as usize]));
        self.first[source as usize] = self.links.len() as u32 - 1;
    }

    fn of(&self, source: u32) -> impl Iterator<Item = u32> + '_ {
        let mut link = self.first.get(source as usize).copied().unwrap_or(NO_LINK);
        std::iter::from_fn(move || {
            let &(target, next) = self.links.get(link as usize)?;
            link = next;
            Some(target)
        })
    }
}

/// A scheduler of a graph that may grow.
///
/// All times are nanoseconds on the caller's clock and do not fall from call to call.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use makespan_core::graph::Graph;
/// use makespan_core::sched::list::{ListOptions, ListScheduler, NodeColumns};
///
/// let graph = Graph::from_arrays(4, &[0, 0], &[1, 2])?;
/// let columns = NodeColumns { demands: Some(vec![1, 1, 2, 1]), ..NodeColumns::default() };
/// let options = ListOptions { capacities: vec![2], ..ListOptions::default() };
/// let mut scheduler = ListScheduler::new(Arc::new(graph), columns, options)?;
///
/// let mut taken = Vec::new();
/// scheduler.take(0, 10, &mut taken);
/// assert_eq!(taken, [0, 3]);
/// scheduler.complete(5, &[0])?;
/// taken.clear();
/// scheduler.take(5, 10, &mut taken);
/// assert_eq!(taken, [1]);
/// # Ok::<(), makespan_core::sched::list::ListError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ListScheduler {
    graph: Arc<Graph>,
    added: AddedEdges,
    nodes: Vec<Node>,
    /// Of each node, predecessors that have not finished: apart from the rest, since it is visited once per edge.
    n_unmet: Counts,
    priorities: Vec<Priority>,
    demands: Demands,
    pools: Pools,
    /// The first pools are resources, the others groups.
    n_resources: usize,
    lines: Lines,
    /// Kept between calls for their memory.
    fronts: BinaryHeap<Front>,
    reached: report::Reached,
    /// Whether some capacity was lowered, so that nodes may need more than there is.
    was_lowered: bool,
    /// Ready nodes that need more than there is.
    oversized: BTreeSet<u32>,
    /// Nodes that may not start before a time, which is still to come or was when it was said.
    not_before_ns: BTreeMap<u32, u64>,
    /// The delayed nodes by when they may start.
    timers: BTreeSet<(u64, u32)>,
    durations: Option<Durations>,
    workers: Option<Workers>,
    options: ListOptions,
    n_by_state: [usize; NodeState::N],
    is_stopped: bool,
    /// The head of the line in the last pass, with the latest time at which it should start.
    reservation: Option<(u32, u64)>,
    n_unvalidated: usize,
}

impl ListScheduler {
    /// A scheduler at the beginning.
    ///
    /// # Errors
    ///
    /// When a column has the wrong length, a priority is NaN, a demand, a capacity or a limit is negative, a node needs more
    /// than there is, a group does not exist, or a speed is not a positive number.
    ///
    /// # Complexity
    ///
    /// O(n log n + m), O(n + m) where all nodes are equal.
    pub fn new(graph: Arc<Graph>, columns: NodeColumns, options: ListOptions) -> Result<Self, ListError> {
        let n_nodes = graph.n_nodes();
        let capacities = options.capacities.iter().map(|&value| ("capacities", value)).enumerate();
        let limits = options.group_limits.iter().map(|&value| ("group_limits", value)).enumerate();
        for (idx, (what, value)) in capacities.chain(limits) {
            if value < 0 {
                return Err(ListError::BadCapacity { what, idx, value });
            }
        }
        let speeds = options.speeds.iter().flatten().enumerate();
        for (idx, &value) in speeds {
            if !(value > 0.0 && value.is_finite()) {
                return Err(ListError::BadSpeed { idx, value });
            }
        }
        let n_resources = options.capacities.len();
        let mut scheduler = Self {
            nodes: Vec::new(),
            n_unmet: Counts::default(),
            priorities: Vec::new(),
            added: AddedEdges::default(),
            demands: Demands::new(),
            pools: Pools::new([&*options.capacities, &*options.group_limits].concat()),
            n_resources,
            lines: Lines::ranked(0, 1, |_| unreachable!("there are no nodes")).0,
            fronts: BinaryHeap::new(),
            reached: report::Reached::default(),
            was_lowered: false,
            oversized: BTreeSet::new(),
            not_before_ns: BTreeMap::new(),
            timers: BTreeSet::new(),
            durations: columns.durations_ns.is_some().then(|| Durations {
                of_node_ns: Vec::new(),
                finish_ns: Vec::new(),
                running: BTreeSet::new(),
            }),
            workers: options.speeds.clone().map(|speeds| Workers::new(speeds, n_nodes)),
            n_by_state: [0; NodeState::N],
            is_stopped: false,
            reservation: None,
            n_unvalidated: 0,
            options,
            graph,
        };
        scheduler.check_columns(&columns, n_nodes, 0)?;
        scheduler.append(columns, n_nodes);
        scheduler.n_unmet = Counts::new(&scheduler.graph.n_predecessors());
        scheduler.rank();
        for id in 0..n_nodes as u32 {
            if scheduler.n_unmet.get(id) == 0 {
                scheduler.make_ready(0, id);
            }
        }
        Ok(scheduler)
    }

    /// The number of nodes.
    #[must_use]
    pub fn n_nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The number of nodes in a state.
    #[must_use]
    pub fn n_in(&self, state: NodeState) -> usize {
        self.n_by_state[state as usize]
    }

    /// The number of nodes that are not in a final state.
    #[must_use]
    pub fn n_left(&self) -> usize {
        use NodeState::{Cancelling, Delayed, Ready, Running, Waiting};
        [Waiting, Delayed, Ready, Running, Cancelling].into_iter().map(|state| self.n_in(state)).sum()
    }

    /// The state of every node.
    #[must_use]
    pub fn states(&self) -> impl ExactSizeIterator<Item = NodeState> + '_ {
        self.nodes.iter().map(|node| node.state)
    }

    /// The number of unfinished predecessors of every node.
    #[must_use]
    pub fn n_unmet(&self) -> impl ExactSizeIterator<Item = u32> + '_ {
        self.n_unmet.iter()
    }

    /// The priority of every node.
    #[must_use]
    pub fn priorities(&self) -> impl ExactSizeIterator<Item = Priority> + '_ {
        self.priorities.iter().copied()
    }

    /// How often every node was dispatched.
    #[must_use]
    pub fn n_attempts(&self) -> impl ExactSizeIterator<Item = u16> + '_ {
        self.nodes.iter().map(|node| node.n_attempts)
    }

    /// How often a node was dispatched.
    pub(crate) fn n_attempts_of(&self, node: u32) -> u16 {
        self.nodes[node as usize].n_attempts
    }

    /// How long a node takes on the worker that it was given to last, where it takes `duration_ns` at speed 1.
    pub(crate) fn duration_on_its_worker_ns(&self, node: u32, duration_ns: u64) -> u64 {
        self.workers
            .as_ref()
            .map_or(duration_ns, |workers| workers.duration_on_its_worker_ns(node, duration_ns))
    }

    /// Before when a node may not start, in order of ids, where that was said and it has not started since.
    #[must_use]
    pub fn not_before_ns(&self) -> impl ExactSizeIterator<Item = (u32, u64)> + '_ {
        self.not_before_ns.iter().map(|(&node, &at_ns)| (node, at_ns))
    }

    /// The last worker that a node was given to, if there are workers and it was given to one.
    ///
    /// # Errors
    ///
    /// [`ListError::UnknownNode`].
    pub fn worker_of(&self, node: i64) -> Result<Option<u32>, ListError> {
        let id = self.checked(0, node)?;
        Ok(self.workers.as_ref().and_then(|workers| workers.worker_of(id)))
    }

    /// The last worker that every node was given to.
    #[must_use]
    pub fn workers(&self) -> impl ExactSizeIterator<Item = Option<u32>> + '_ {
        let workers = self.workers.as_ref();
        (0..self.nodes.len() as u32).map(move |id| workers.and_then(|workers| workers.worker_of(id)))
    }

    /// The pools: first one per resource, then one per group.
    #[must_use]
    pub fn pools(&self) -> &Pools {
        &self.pools
    }

    /// The number of resources.
    #[must_use]
    pub fn n_resources(&self) -> usize {
        self.n_resources
    }

    /// When the next delayed node may start.
    #[must_use]
    pub fn next_time_ns(&self) -> Option<u64> {
        self.timers.first().map(|&(at_ns, _)| at_ns)
    }

    /// The node that was the head of the line at the end of the last pass, with its reservation, where durations are known.
    #[must_use]
    pub fn reservation(&self) -> Option<(u32, u64)> {
        self.reservation
    }

    /// Whether a failure or a cancellation has ended everything.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// How much memory it takes, without the graph that it was made with.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let durations = self
            .durations
            .as_ref()
            .map_or(0, |durations| size_of_val(&*durations.of_node_ns) + size_of_val(&*durations.finish_ns));
        size_of_val(&*self.nodes)
            + self.n_unmet.memory_bytes()
            + size_of_val(&*self.priorities)
            + size_of_val(&*self.added.first)
            + size_of_val(&*self.added.links)
            + self.demands.memory_bytes()
            + self.lines.memory_bytes()
            + self.workers.as_ref().map_or(0, Workers::memory_bytes)
            + durations
    }

    /// The node of an id that was given, at place `idx` of what was given.
    fn checked(&self, idx: usize, node: i64) -> Result<u32, ListError> {
        let n_nodes = self.nodes.len();
        match u32::try_from(node) {
            Ok(id) if (id as usize) < n_nodes => Ok(id),
            Ok(_) | Err(_) => Err(ListError::UnknownNode { idx, node, n_nodes }),
        }
    }

    fn key(&self, id: u32) -> Key {
        (self.priorities[id as usize], Reverse(id))
    }

    /// The successors of a node, whenever they were added.
    fn successors(&self, id: u32) -> impl Iterator<Item = u32> + '_ {
        let original =
            if (id as usize) < self.graph.n_nodes() { self.graph.successors(NodeId::new(id)) } else { &[] };
        original.iter().map(|next| next.get()).chain(self.added.of(id))
    }

    /// Applies what we decided, which the table must allow.
    #[inline]
    fn apply(&mut self, id: u32, stimulus: Stimulus) {
        let state = &mut self.nodes[id as usize].state;
        let next = state.after(stimulus).expect("the table of states allows what we decide");
        self.n_by_state[*state as usize] -= 1;
        self.n_by_state[next as usize] += 1;
        *state = next;
    }

    /// A node waits for no other any more: it is ready, or delayed until its time comes.
    #[inline]
    fn make_ready(&mut self, now_ns: u64, id: u32) {
        let node = self.nodes[id as usize];
        if node.has_time
            && let Some(&at_ns) = self.not_before_ns.get(&id)
            && at_ns > now_ns
        {
            self.apply(id, Stimulus::Deferred);
            self.timers.insert((at_ns, id));
        } else {
            self.apply(id, Stimulus::Unblocked);
            let class = self.demands.class_of(node.demand);
            self.lines.insert(node.position, class, || (self.priorities[id as usize], Reverse(id)));
        }
    }

    /// Takes a node that is ready, delayed or oversized out of wherever it waits; its state is still to be changed.
    fn unline(&mut self, id: u32) {
        let node = self.nodes[id as usize];
        let class = self.demands.class_of(node.demand);
        self.lines.remove(node.position, class, || (self.priorities[id as usize], Reverse(id)));
        self.oversized.remove(&id);
        if node.has_time
            && let Some(&at_ns) = self.not_before_ns.get(&id)
        {
            self.timers.remove(&(at_ns, id));
        }
    }

    /// Forgets before when a node may not start.
    fn forget_time(&mut self, id: u32) {
        if self.nodes[id as usize].has_time {
            self.nodes[id as usize].has_time = false;
            self.not_before_ns.remove(&id);
        }
    }

    /// Ranks all nodes anew and puts those that are ready back in line.
    fn rank(&mut self) {
        let rank_of = |id: u32| {
            let demand = self.nodes[id as usize].demand;
            (self.demands.class_of(demand), self.priorities[id as usize], demand)
        };
        let (lines, positions) = Lines::ranked(self.nodes.len(), self.demands.n_classes(), rank_of);
        self.lines = lines;
        for (id, position) in (0..).zip(positions) {
            let node = &mut self.nodes[id as usize];
            node.position = position;
            if node.state == NodeState::Ready && !self.oversized.contains(&id) {
                let class = self.demands.class_of(node.demand);
                self.lines.insert(position, class, || unreachable!("all nodes have a position"));
            }
        }
    }

    /// Checks what is given for `n_nodes` nodes, the first of which is to be node `first`.
    fn check_columns(&self, columns: &NodeColumns, n_nodes: usize, first: usize) -> Result<(), ListError> {
        let check = |what, expected, actual: Option<usize>| match actual {
            Some(actual) if actual != expected => Err(ListError::LengthMismatch { what, expected, actual }),
            Some(_) | None => Ok(()),
        };
        check("priorities", n_nodes, columns.priorities.as_ref().map(Vec::len))?;
        check("demands", n_nodes * self.n_resources, columns.demands.as_ref().map(Vec::len))?;
        check("groups", n_nodes, columns.groups.as_ref().map(Vec::len))?;
        check("durations", n_nodes, columns.durations_ns.as_ref().map(Vec::len))?;
        let amounts = columns.demands.iter().flatten().enumerate();
        for (place, &amount) in amounts {
            let (idx, resource) = (place / self.n_resources, place % self.n_resources);
            let capacity = self.pools.capacity(resource as u32);
            if amount < 0 {
                return Err(ListError::BadDemand { idx, resource, amount });
            }
            if amount > capacity {
                return Err(ListError::DemandAboveCapacity { node: first + idx, resource, amount, capacity });
            }
        }
        let n_groups = self.pools.len() - self.n_resources;
        for (idx, &group) in columns.groups.iter().flatten().enumerate() {
            if group == NO_GROUP {
                continue;
            }
            let Some(place) = usize::try_from(group).ok().filter(|&place| place < n_groups) else {
                return Err(ListError::UnknownGroup { idx, group, n_groups });
            };
            if self.pools.capacity((self.n_resources + place) as u32) == 0 {
                return Err(ListError::GroupWithoutPlace { node: first + idx, group: place });
            }
        }
        Ok(())
    }

    /// Appends nodes that have no edges yet; `columns` were checked.
    fn append(&mut self, columns: NodeColumns, n_nodes: usize) {
        self.nodes.reserve_exact(n_nodes);
        self.n_unmet.resize(self.nodes.len() + n_nodes);
        match columns.priorities {
            Some(given) => self.priorities.extend(given),
            None => self.priorities.resize(self.nodes.len() + n_nodes, Priority::ZERO),
        }
        let mut needs = Vec::with_capacity(self.n_resources + 1);
        for idx in 0..n_nodes {
            needs.clear();
            if let Some(demands) = &columns.demands {
                let row = &demands[idx * self.n_resources..(idx + 1) * self.n_resources];
                let given = (0..).zip(row).filter(|(_, amount)| **amount > 0);
                needs.extend(given.map(|(pool, &amount)| Need { pool, amount }));
            }
            if let Some(groups) = &columns.groups
                && groups[idx] != NO_GROUP
            {
                needs.push(Need { pool: self.n_resources as u32 + id_of(groups[idx]), amount: 1 });
            }
            self.nodes.push(Node {
                position: UNRANKED,
                demand: self.demands.intern(&needs),
                n_attempts: 0,
                state: NodeState::Waiting,
                has_time: false,
            });
        }
        self.n_by_state[NodeState::Waiting as usize] += n_nodes;
        if let (Some(durations), Some(given)) = (&mut self.durations, columns.durations_ns) {
            durations.of_node_ns.extend(given);
            durations.finish_ns.resize(self.nodes.len(), 0);
        }
        if let Some(workers) = &mut self.workers {
            workers.add_nodes(self.nodes.len());
        }
        self.lines.add_classes(self.demands.n_classes());
    }
}
