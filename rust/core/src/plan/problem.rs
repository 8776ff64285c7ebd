//! What is planned: a graph, how long its nodes take, and what they occupy.

use std::sync::Arc;

use super::error::{PlanError, TOTAL_NS_MAX};
use crate::graph::{Graph, NodeId};

/// The resource-constrained project scheduling problem: find starts such that every node begins after its predecessors have
/// ended, no resource is ever demanded beyond its capacity, and the last node ends as early as possible.
///
/// A node runs without interruption and holds its demands from its start to its finish. Whoever has a `Problem` knows that it
/// has a solution: its nodes one after another.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use makespan_core::graph::Graph;
/// use makespan_core::plan::Problem;
///
/// let graph = Arc::new(Graph::from_arrays(3, &[0], &[2])?);
/// let problem = Problem::new(graph, vec![4, 2, 1], vec![1, 1, 1], vec![2])?;
/// assert_eq!(problem.first_violation(&[0, 0, 4]), None);
/// assert!(problem.first_violation(&[0, 0, 3]).is_some(), "node 2 waits for node 0");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Problem {
    graph: Arc<Graph>,
    durations_ns: Vec<u64>,
    /// One row per node.
    demands: Vec<i64>,
    capacities: Vec<i64>,
}

/// What is wrong with a schedule.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A node starts before one of its predecessors has ended.
    Precedence {
        /// The predecessor.
        before: NodeId,
        /// The node.
        after: NodeId,
    },
    /// More of a resource is in use than there is.
    Capacity {
        /// The index of the resource.
        resource: usize,
        /// When this is first so.
        at_ns: u64,
    },
}

impl Problem {
    /// Checks and keeps a problem. `demands` holds one row of `capacities.len()` amounts per node, one after another.
    ///
    /// # Errors
    ///
    /// [`PlanError`] when lengths do not fit, an amount is negative, a node demands more than there is, or the durations add
    /// up to more than [`TOTAL_NS_MAX`].
    ///
    /// # Complexity
    ///
    /// O(n · r) for n nodes and r resources.
    pub fn new(
        graph: Arc<Graph>,
        durations_ns: Vec<u64>,
        demands: Vec<i64>,
        capacities: Vec<i64>,
    ) -> Result<Self, PlanError> {
        let (n_nodes, n_resources) = (graph.n_nodes(), capacities.len());
        let lengths =
            [("durations", n_nodes, &durations_ns.len()), ("demands", n_nodes * n_resources, &demands.len())];
        for (what, expected, &actual) in lengths {
            if actual != expected {
                return Err(PlanError::LengthMismatch { what, expected, actual });
            }
        }
        if let Some(resource) = capacities.iter().position(|&capacity| capacity < 0) {
            return Err(PlanError::NegativeCapacity { resource, capacity: capacities[resource] });
        }
        let problem = Self { graph, durations_ns, demands, capacities };
        for node in 0..n_nodes {
            for (resource, (&amount, &capacity)) in
                problem.demands_of(node).iter().zip(&problem.capacities).enumerate()
            {
                if amount < 0 {
                    return Err(PlanError::NegativeDemand { node, resource, amount });
                }
                if amount > capacity {
                    return Err(PlanError::DemandAboveCapacity { node, resource, amount, capacity });
                }
            }
        }
        let total_ns = problem.durations_ns.iter().copied().map(u128::from).sum();
        if total_ns > u128::from(TOTAL_NS_MAX) {
            return Err(PlanError::TooLong { total_ns });
        }
        Ok(problem)
    }

    /// What goes before what.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The number of nodes.
    #[must_use]
    pub fn n_nodes(&self) -> usize {
        self.durations_ns.len()
    }

    /// The number of resources.
    #[must_use]
    pub fn n_resources(&self) -> usize {
        self.capacities.len()
    }

    /// How long each node takes.
    #[must_use]
    pub fn durations_ns(&self) -> &[u64] {
        &self.durations_ns
    }

    /// The durations, to be drawn anew; their sum must stay within [`TOTAL_NS_MAX`].
    pub(super) fn durations_ns_mut(&mut self) -> &mut [u64] {
        &mut self.durations_ns
    }

    /// How much there is of each resource.
    #[must_use]
    pub fn capacities(&self) -> &[i64] {
        &self.capacities
    }

    /// What the node at this index holds of each resource while it runs.
    ///
    /// # Panics
    ///
    /// When there is no such node.
    #[must_use]
    pub fn demands_of(&self, node: usize) -> &[i64] {
        let n_resources = self.n_resources();
        &self.demands[node * n_resources..(node + 1) * n_resources]
    }

    /// Whether any resource can be short: if all nodes together demand no more than there is, none can.
    #[must_use]
    pub fn has_short_resource(&self) -> bool {
        (0..self.n_resources())
            .any(|resource| self.total_demand(resource) > i128::from(self.capacities[resource]))
    }

    /// What all nodes together demand of a resource.
    pub(super) fn total_demand(&self, resource: usize) -> i128 {
        (0..self.n_nodes()).map(|node| i128::from(self.demands_of(node)[resource])).sum()
    }

    /// When the last node ends.
    ///
    /// # Panics
    ///
    /// When there is not one start per node.
    #[must_use]
    pub fn makespan_ns(&self, starts_ns: &[u64]) -> u64 {
        assert_eq!(starts_ns.len(), self.n_nodes(), "each node has a start");
        let finishes = starts_ns.iter().zip(&self.durations_ns).map(|(start, duration)| start + duration);
        finishes.max().unwrap_or(0)
    }

    /// Looks for the first thing that is wrong with a schedule: edges in order, then resources in order.
    ///
    /// # Panics
    ///
    /// When there is not one start per node.
    ///
    /// # Complexity
    ///
    /// O(m + r · n log n).
    #[must_use]
    pub fn first_violation(&self, starts_ns: &[u64]) -> Option<Violation> {
        assert_eq!(starts_ns.len(), self.n_nodes(), "each node has a start");
        let finish_ns = |node: usize| starts_ns[node] + self.durations_ns[node];
        for (before, after) in self.graph.edges() {
            if starts_ns[after.index()] < finish_ns(before.index()) {
                return Some(Violation::Precedence { before, after });
            }
        }
        for resource in 0..self.n_resources() {
            // What ends at a time gives back before what starts then takes.
            let mut changes = Vec::with_capacity(2 * self.n_nodes());
            for (node, &start_ns) in starts_ns.iter().enumerate() {
                let amount = self.demands_of(node)[resource];
                if amount > 0 && self.durations_ns[node] > 0 {
                    changes.push((start_ns, amount));
                    changes.push((finish_ns(node), -amount));
                }
            }
            changes.sort_unstable();
            let mut in_use = 0_i128;
            for (at_ns, change) in changes {
                in_use += i128::from(change);
                if in_use > i128::from(self.capacities[resource]) {
                    return Some(Violation::Capacity { resource, at_ns });
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(durations_ns: &[u64], demands: &[i64], capacities: &[i64]) -> Result<Problem, PlanError> {
        let graph = Arc::new(Graph::from_edges(2, &[]).unwrap());
        Problem::new(graph, durations_ns.to_vec(), demands.to_vec(), capacities.to_vec())
    }

    #[test]
    fn test_what_cannot_be_meant_is_refused_by_name() {
        let lengths = problem(&[1], &[], &[]).unwrap_err();
        assert_eq!(lengths, PlanError::LengthMismatch { what: "durations", expected: 2, actual: 1 });
        let lengths = problem(&[1, 1], &[1], &[1]).unwrap_err();
        assert_eq!(lengths, PlanError::LengthMismatch { what: "demands", expected: 2, actual: 1 });
        let negative = problem(&[1, 1], &[0, 1, -3, 0], &[1, 1]).unwrap_err();
        assert_eq!(negative, PlanError::NegativeDemand { node: 1, resource: 0, amount: -3 });
        let negative = problem(&[1, 1], &[0, 0], &[-1]).unwrap_err();
        assert_eq!(negative, PlanError::NegativeCapacity { resource: 0, capacity: -1 });
        let above = problem(&[1, 1], &[0, 1, 2, 5], &[9, 4]).unwrap_err();
        assert_eq!(above, PlanError::DemandAboveCapacity { node: 1, resource: 1, amount: 5, capacity: 4 });
        let too_long = problem(&[u64::MAX, u64::MAX], &[], &[]).unwrap_err();
        assert_eq!(too_long, PlanError::TooLong { total_ns: 2 * u128::from(u64::MAX) });
    }

    #[test]
    fn test_capacity_counts_what_overlaps_and_not_what_touches() {
        let problem = problem(&[2, 2], &[2, 1], &[2]).unwrap();
        assert_eq!(problem.first_violation(&[0, 2]), None);
        assert_eq!(problem.first_violation(&[0, 1]), Some(Violation::Capacity { resource: 0, at_ns: 1 }));
        assert_eq!(problem.makespan_ns(&[0, 2]), 4);
    }

    #[test]
    fn test_a_node_without_duration_occupies_nothing() {
        let problem = problem(&[0, 2], &[2, 2], &[2]).unwrap();
        assert_eq!(problem.first_violation(&[1, 0]), None);
    }
}
