//! What makes a schedule as long as it is.

use super::problem::Problem;
use crate::graph::NodeId;

/// Nodes without a gap between them, the last of which ends the schedule.
///
/// A link is *tight*: its second node starts at the moment at which its first one ends, and could not have started earlier,
/// since it waited for this predecessor, or for a resource that this node gave back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CriticalChain {
    /// The nodes, the earliest first.
    pub nodes: Vec<NodeId>,
    /// For each node the resource that the node before it handed over; `None` for the first node and where the link is an edge.
    pub resources: Vec<Option<usize>>,
}

/// Finds the critical chain of a schedule: from the node that ends last back, as long as there is a tight link.
///
/// Of several nodes the one of the smallest id is taken, edges before resources, resources in order. Where no node can start
/// earlier with all others left as they are, the chain begins at time 0. A schedule with holes has a chain as well: it begins
/// at the first node that waits for nothing.
///
/// # Panics
///
/// When there is not one start per node.
///
/// # Complexity
///
/// O(r · n log n + m) for n nodes, m edges and r resources, and O(r) more for each node that ends where one of the chain starts.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use makespan_core::graph::{Graph, NodeId};
/// use makespan_core::plan::{Problem, critical_chain};
///
/// let graph = Arc::new(Graph::from_arrays(3, &[0], &[1])?);
/// let problem = Problem::new(graph, vec![4, 2, 1], vec![1, 1, 1], vec![1])?;
/// let chain = critical_chain(&problem, &[0, 4, 6]);
/// assert_eq!(chain.nodes, [0, 1, 2].map(NodeId::new));
/// assert_eq!(chain.resources, [None, None, Some(0)], "node 2 waits for no node, but for the resource");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn critical_chain(problem: &Problem, starts_ns: &[u64]) -> CriticalChain {
    assert_eq!(starts_ns.len(), problem.n_nodes(), "each node has a start");
    let finish_ns = |node: NodeId| starts_ns[node.index()] + problem.durations_ns()[node.index()];
    let mut by_finish: Vec<NodeId> = problem.graph().nodes().collect();
    by_finish.sort_by_key(|&node| finish_ns(node));
    let in_use: Vec<Usage> =
        (0..problem.n_resources()).map(|resource| Usage::of(problem, resource, starts_ns)).collect();

    let handed_over = |node: NodeId| {
        let at_ns = starts_ns[node.index()];
        let first = by_finish.partition_point(|&before| finish_ns(before) < at_ns);
        let ended = by_finish[first..].iter().take_while(|&&before| finish_ns(before) == at_ns);
        (0..problem.n_resources()).find_map(|resource| {
            let need = i128::from(problem.demands_of(node.index())[resource]);
            let free = i128::from(problem.capacities()[resource]) - in_use[resource].just_before(at_ns);
            let gave_back = |before: &&NodeId| {
                problem.demands_of(before.index())[resource] > 0 && problem.durations_ns()[before.index()] > 0
            };
            let before = if need > free { ended.clone().find(gave_back) } else { None };
            before.map(|&before| (before, Some(resource)))
        })
    };

    let makespan_ns = problem.makespan_ns(starts_ns);
    let mut chain = CriticalChain::default();
    let mut next =
        problem.graph().nodes().find(|&node| finish_ns(node) == makespan_ns).map(|node| (node, None));
    // It ends: each step leads to an earlier start, or along an edge from a node without duration.
    while let Some((node, handed_on)) = next {
        chain.nodes.push(node);
        chain.resources.push(handed_on);
        let is_tight = |before: &&NodeId| finish_ns(**before) == starts_ns[node.index()];
        let predecessor = problem.graph().predecessors(node).iter().find(is_tight);
        next = match predecessor {
            Some(&before) => Some((before, None)),
            None if problem.durations_ns()[node.index()] > 0 => handed_over(node),
            None => None,
        };
    }
    chain.nodes.reverse();
    chain.resources.reverse();
    // What a node hands on stands with the node after it; the last one hands nothing on.
    if !chain.nodes.is_empty() {
        chain.resources.rotate_right(1);
    }
    chain
}

/// How much of a resource is in use over time.
struct Usage {
    /// Ascending; from each on, so much is in use.
    moments: Vec<(u64, i128)>,
}

impl Usage {
    fn of(problem: &Problem, resource: usize, starts_ns: &[u64]) -> Self {
        let mut changes = Vec::with_capacity(2 * starts_ns.len());
        for (node, &start_ns) in starts_ns.iter().enumerate() {
            let (amount, duration_ns) = (problem.demands_of(node)[resource], problem.durations_ns()[node]);
            if amount > 0 && duration_ns > 0 {
                changes.push((start_ns, i128::from(amount)));
                changes.push((start_ns + duration_ns, -i128::from(amount)));
            }
        }
        changes.sort_unstable();
        let mut in_use = 0;
        for change in &mut changes {
            in_use += change.1;
            change.1 = in_use;
        }
        Self { moments: changes }
    }

    /// What is in use up to a moment, before anything ends or starts there.
    fn just_before(&self, at_ns: u64) -> i128 {
        let n_before = self.moments.partition_point(|&(moment_ns, _)| moment_ns < at_ns);
        n_before.checked_sub(1).map_or(0, |last| self.moments[last].1)
    }
}
