//! What is changed while nodes run: more nodes, other priorities, times and capacities.

use std::cmp::Reverse;

use super::lines::UNRANKED;
use super::{ListError, ListScheduler, NodeColumns, id_of};
use crate::Priority;
use crate::graph::{Graph, GraphError, N_NODES_MAX, NodeId};
use crate::sched::state::{NodeState, Stimulus};

/// Where so large a share of the nodes gets other priorities at once, all are ranked anew.
const RERANKED_SHARE: usize = 8;

impl ListScheduler {
    /// Adds nodes, with edges to them from any node, old or new; returns the id of the first, the others follow.
    ///
    /// An edge cannot end at a node that was there before: that may have started. A node downstream of one that failed, or
    /// was skipped or cancelled, is given up at once; so is every node after everything was stopped.
    ///
    /// # Errors
    ///
    /// When an end of an edge does not exist or an edge ends at an old node, when edges form a cycle, and as
    /// [`Self::new`] for the columns; then nothing has changed.
    ///
    /// # Complexity
    ///
    /// O((n + m) log m) of what is added.
    pub fn add(
        &mut self,
        now_ns: u64,
        n_nodes: usize,
        sources: &[i64],
        targets: &[i64],
        columns: NodeColumns,
    ) -> Result<usize, ListError> {
        let first = self.nodes.len();
        if n_nodes > N_NODES_MAX - first {
            return Err(GraphError::TooManyNodes { n_nodes: first.saturating_add(n_nodes) }.into());
        }
        let has_durations = self.durations.is_some();
        if n_nodes > 0 && has_durations != columns.durations_ns.is_some() {
            return Err(ListError::DurationsMismatch { has_durations });
        }
        self.check_columns(&columns, n_nodes, first)?;
        let edges = checked_edges(first, n_nodes, sources, targets)?;

        self.append(columns, n_nodes);
        for &(source, target) in &edges {
            self.added.push(source, target);
            if self.nodes[source as usize].state != NodeState::Finished {
                self.n_unmet.increment(target);
            }
        }
        let mut given_up = Vec::new();
        for &(source, target) in &edges {
            let stimulus = match self.nodes[source as usize].state {
                NodeState::Failed | NodeState::Skipped => Stimulus::Skipped,
                NodeState::Cancelled | NodeState::Cancelling => Stimulus::Cancelled,
                NodeState::Waiting
                | NodeState::Delayed
                | NodeState::Ready
                | NodeState::Running
                | NodeState::Finished => continue,
            };
            if self.nodes[target as usize].state == NodeState::Waiting {
                self.apply(target, stimulus);
                self.give_up_downstream(target, stimulus, &mut given_up);
            }
        }
        for id in first as u32..self.nodes.len() as u32 {
            if self.nodes[id as usize].state != NodeState::Waiting {
                continue;
            }
            if self.is_stopped {
                self.apply(id, Stimulus::Cancelled);
            } else if self.n_unmet.get(id) == 0 {
                self.make_ready(now_ns, id);
            }
        }
        self.validate_when_due(n_nodes + edges.len());
        Ok(first)
    }

    /// Gives nodes other priorities; one that is named twice gets the last.
    ///
    /// # Errors
    ///
    /// When an id is unknown or there are not as many priorities as ids; then nothing has changed.
    ///
    /// # Complexity
    ///
    /// O(log n) per node; O(n log n) where it is an eighth of all nodes or more.
    pub fn set_priorities(&mut self, nodes: &[i64], priorities: &[Priority]) -> Result<(), ListError> {
        check_length("priorities", nodes, priorities)?;
        for (idx, &node) in nodes.iter().enumerate() {
            self.checked(idx, node)?;
        }
        let is_large = nodes.len() >= self.nodes.len().div_ceil(RERANKED_SHARE);
        for (&node, &priority) in nodes.iter().zip(priorities) {
            let id = id_of(node);
            if is_large {
                self.priorities[id as usize] = priority;
                continue;
            }
            let node = self.nodes[id as usize];
            let class = self.demands.class_of(node.demand);
            let is_in_line = self.lines.contains(node.position, class, self.key(id));
            if is_in_line {
                self.lines.remove(node.position, class, || (self.priorities[id as usize], Reverse(id)));
            }
            self.priorities[id as usize] = priority;
            self.nodes[id as usize].position = UNRANKED;
            if is_in_line {
                self.lines.insert(UNRANKED, class, || (priority, Reverse(id)));
            }
        }
        if is_large {
            self.rank();
        }
        self.validate_when_due(nodes.len());
        Ok(())
    }

    /// Says before when nodes may not start; what was said before is forgotten.
    ///
    /// # Errors
    ///
    /// When an id is unknown, a node has started or will never start, or there are not as many times as ids; then nothing
    /// has changed.
    ///
    /// # Complexity
    ///
    /// O(log n) per node.
    pub fn set_not_before(&mut self, now_ns: u64, nodes: &[i64], times_ns: &[u64]) -> Result<(), ListError> {
        check_length("times", nodes, times_ns)?;
        for (idx, &node) in nodes.iter().enumerate() {
            let id = self.checked(idx, node)?;
            let state = self.nodes[id as usize].state;
            if !matches!(state, NodeState::Waiting | NodeState::Delayed | NodeState::Ready) {
                let event = Stimulus::Deferred.as_str();
                return Err(ListError::IllegalTransition { node: id, state, event });
            }
        }
        for (&node, &at_ns) in nodes.iter().zip(times_ns) {
            let id = id_of(node);
            match self.nodes[id as usize].state {
                NodeState::Ready if at_ns <= now_ns => {}
                NodeState::Ready => {
                    self.unline(id);
                    self.apply(id, Stimulus::Deferred);
                    self.defer(id, at_ns);
                }
                NodeState::Delayed => {
                    self.unline(id);
                    self.defer(id, at_ns);
                }
                NodeState::Waiting
                | NodeState::Running
                | NodeState::Cancelling
                | NodeState::Finished
                | NodeState::Failed
                | NodeState::Skipped
                | NodeState::Cancelled => {
                    self.nodes[id as usize].has_time = true;
                    self.not_before_ns.insert(id, at_ns);
                }
            }
        }
        self.validate_when_due(nodes.len());
        Ok(())
    }

    /// Changes how much there is of a resource; what is taken stays taken.
    ///
    /// Below what a node needs, that node waits until there is more, and holds up nobody.
    ///
    /// # Errors
    ///
    /// When there is no such resource or the capacity is negative; then nothing has changed.
    pub fn set_capacity(&mut self, resource: usize, capacity: i64) -> Result<(), ListError> {
        let n_resources = self.n_resources;
        if resource >= n_resources {
            return Err(ListError::UnknownResource { resource, n_resources });
        }
        self.set_pool("capacities", resource, resource, capacity)
    }

    /// Changes how many nodes of a group may run at once, as [`Self::set_capacity`].
    ///
    /// # Errors
    ///
    /// When there is no such group or the limit is negative; then nothing has changed.
    pub fn set_group_limit(&mut self, group: usize, limit: i64) -> Result<(), ListError> {
        let n_groups = self.pools.len() - self.n_resources;
        if group >= n_groups {
            return Err(ListError::UnknownGroup {
                idx: 0,
                group: i64::try_from(group).unwrap_or(i64::MAX),
                n_groups,
            });
        }
        self.set_pool("group_limits", group, self.n_resources + group, limit)
    }

    fn set_pool(&mut self, what: &'static str, idx: usize, pool: usize, value: i64) -> Result<(), ListError> {
        if value < 0 {
            return Err(ListError::BadCapacity { what, idx, value });
        }
        self.was_lowered |= value < self.pools.capacity(pool as u32);
        self.pools.set_capacity(pool as u32, value);
        let aside: Vec<u32> = self.oversized.iter().copied().collect();
        for id in aside {
            let node = self.nodes[id as usize];
            if self.pools.could_fit(self.demands.row(node.demand)) {
                self.oversized.remove(&id);
                let class = self.demands.class_of(node.demand);
                self.lines.insert(node.position, class, || (self.priorities[id as usize], Reverse(id)));
            }
        }
        self.validate_when_due(1);
        Ok(())
    }
}

fn check_length<T>(what: &'static str, nodes: &[i64], values: &[T]) -> Result<(), ListError> {
    if nodes.len() == values.len() {
        Ok(())
    } else {
        Err(ListError::LengthMismatch { what, expected: nodes.len(), actual: values.len() })
    }
}

/// The edges to `n_nodes` new nodes, the first of which is `first`: ascending, each once, without a cycle.
fn checked_edges(
    first: usize,
    n_nodes: usize,
    sources: &[i64],
    targets: &[i64],
) -> Result<Vec<(u32, u32)>, ListError> {
    if sources.len() != targets.len() {
        let (expected, actual) = (sources.len(), targets.len());
        return Err(ListError::LengthMismatch { what: "targets", expected, actual });
    }
    let n_total = first + n_nodes;
    let mut edges = Vec::with_capacity(sources.len());
    for (edge_idx, (&source, &target)) in sources.iter().zip(targets).enumerate() {
        let known = |node: i64| {
            let id = u32::try_from(node).ok().filter(|&id| (id as usize) < n_total);
            id.ok_or(GraphError::UnknownNode { edge_idx, node, n_nodes: n_total })
        };
        let (source, id) = (known(source)?, known(target)?);
        if source == id {
            return Err(GraphError::SelfLoop { edge_idx, node: NodeId::new(id) }.into());
        }
        if (id as usize) < first {
            return Err(ListError::EdgeIntoOldNode { edge_idx, target, first_new: first });
        }
        edges.push((source, id));
    }
    edges.sort_unstable();
    edges.dedup();
    let new = |node: u32| NodeId::from_index(node as usize - first);
    let among_new: Vec<_> = edges
        .iter()
        .filter(|(source, _)| *source as usize >= first)
        .map(|&(source, target)| (new(source), new(target)))
        .collect();
    match Graph::from_edges(n_nodes, &among_new) {
        Ok(_) => Ok(edges),
        Err(GraphError::Cycle { nodes }) => {
            let nodes = nodes.into_iter().map(|node| NodeId::from_index(first + node.index())).collect();
            Err(GraphError::Cycle { nodes }.into())
        }
        Err(other) => Err(other.into()),
    }
}
