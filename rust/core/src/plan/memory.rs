//! Orders that keep few bytes alive.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::budget::Budget;
use super::list::list_schedule;
use super::problem::Problem;
use super::random::Random;
use crate::graph::{Graph, NodeId, upward_rank};

/// Larger graphs keep the best of the constructed orders: trying takes time in proportion to the nodes.
const N_NODES_IMPROVED_MAX: usize = 20_000;

/// Ranks are compared in parts of the longest path: the fewer parts, the more memory decides.
const N_PARTS: [u64; 5] = [u64::MAX, 64, 16, 4, 1];

/// A graph whose results take space.
///
/// A result is alive from the start of its node until its last consumer has ended; what is kept, and what nobody takes,
/// to the end.
#[derive(Copy, Clone, Debug)]
pub struct Sizes<'a> {
    graph: &'a Graph,
    bytes: &'a [u64],
    kept: &'a [bool],
}

/// An order, and how many bytes are alive at most when it is run one node at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryOrder {
    /// Every node once, each after its predecessors.
    pub order: Vec<NodeId>,
    /// The most bytes that are alive at once.
    pub peak_bytes: u64,
    /// No order has a smaller peak.
    pub lower_bound_bytes: u64,
    /// How many orders were tried.
    pub n_tried: u64,
}

/// Starts that keep few bytes alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemorySchedule {
    /// When each node starts, by id.
    pub starts_ns: Vec<u64>,
    /// The most bytes that are alive at once.
    pub peak_bytes: u64,
    /// When the last node ends.
    pub makespan_ns: u64,
    /// The makespan of list scheduling that does not look at memory.
    pub unaware_makespan_ns: u64,
    /// The peak of that.
    pub unaware_peak_bytes: u64,
}

impl<'a> Sizes<'a> {
    /// Keeps the sizes of results, and which of them are kept to the end, by node.
    ///
    /// # Panics
    ///
    /// When there is not one of each per node.
    #[must_use]
    pub fn new(graph: &'a Graph, bytes: &'a [u64], kept: &'a [bool]) -> Self {
        assert_eq!(bytes.len(), graph.n_nodes(), "each node has a size");
        assert_eq!(kept.len(), graph.n_nodes(), "each node is kept or not");
        Self { graph, bytes, kept }
    }

    fn stays(&self, node: NodeId) -> bool {
        self.kept[node.index()] || self.graph.successors(node).is_empty()
    }

    /// The most bytes that are alive at once when the nodes run one after another.
    ///
    /// # Complexity
    ///
    /// O(n + m).
    #[must_use]
    pub fn peak_of_order(&self, order: &[NodeId]) -> u64 {
        self.cost_of_order(order).0
    }

    /// The peak, and the sum over all nodes of what is alive while they run, which tells orders of one peak apart.
    fn cost_of_order(&self, order: &[NodeId]) -> (u64, u128) {
        let mut n_left: Vec<u32> =
            self.graph.nodes().map(|node| self.graph.successors(node).len() as u32).collect();
        let (mut alive, mut peak, mut sum) = (0_u64, 0_u64, 0_u128);
        for &node in order {
            alive += self.bytes[node.index()];
            peak = peak.max(alive);
            sum += u128::from(alive);
            for &before in self.graph.predecessors(node) {
                n_left[before.index()] -= 1;
                if n_left[before.index()] == 0 && !self.kept[before.index()] {
                    alive -= self.bytes[before.index()];
                }
            }
        }
        (peak, sum)
    }

    /// The most bytes that are alive at once in a schedule; what ends at a moment gives way to what starts then.
    ///
    /// # Panics
    ///
    /// When there is not one start and one duration per node.
    ///
    /// # Complexity
    ///
    /// O(m + n log n).
    #[must_use]
    pub fn peak_of_schedule(&self, starts_ns: &[u64], durations_ns: &[u64]) -> u64 {
        let finish_ns = |node: NodeId| starts_ns[node.index()] + durations_ns[node.index()];
        let mut changes = Vec::with_capacity(2 * starts_ns.len());
        for node in self.graph.nodes() {
            let bytes = i128::from(self.bytes[node.index()]);
            changes.push((starts_ns[node.index()], bytes));
            if !self.stays(node) {
                let consumers = self.graph.successors(node).iter();
                let dropped_ns = consumers.map(|after| finish_ns(*after)).max().unwrap_or_default();
                // A node without duration still needs its inputs beside its result.
                changes.push((dropped_ns.max(starts_ns[node.index()]), -bytes));
            }
        }
        changes.sort_unstable();
        let (mut alive, mut peak) = (0_i128, 0_i128);
        for (_, change) in changes {
            alive += change;
            peak = peak.max(alive);
        }
        u64::try_from(peak).unwrap_or(u64::MAX)
    }

    /// What no order and no schedule undercuts: a node's inputs beside its result, and what stays to the end.
    #[must_use]
    pub fn lower_bound_bytes(&self) -> u64 {
        let of_node = |node: NodeId| {
            let inputs: u64 =
                self.graph.predecessors(node).iter().map(|before| self.bytes[before.index()]).sum();
            inputs + self.bytes[node.index()]
        };
        let staying = self.graph.nodes().filter(|node| self.stays(*node));
        let at_end = staying.map(|node| self.bytes[node.index()]).sum();
        self.graph.nodes().map(of_node).max().unwrap_or(0).max(at_end)
    }
}

/// Finds an order with a small peak for one node at a time.
///
/// Constructed are: the order of ids; the best postorder (Liu 1986, exact for in-trees that keep nothing but their root), which
/// computes what a result needs just before it, the most demanding input first; a greedy order that always runs the ready node
/// after which the fewest bytes are alive, the one whose inputs are youngest among equals; and depth first in the direction
/// of the edges. The best of them is improved by moving single nodes, `n_tries_max` times or until `keep_going` says no.
///
/// Deterministic for a seed and `n_tries_max`, as long as `keep_going` says yes. Never worse than the order of ids, if that is
/// topological.
///
/// # Complexity
///
/// O((n + m) log n), and O(n + m) for each try; none in graphs above 20,000 nodes.
///
/// # Examples
///
/// ```
/// use makespan_core::graph::Graph;
/// use makespan_core::plan::{Sizes, low_memory_order};
///
/// // Two chains of a large and a small result, and their sum: one chain after the other.
/// let graph = Graph::from_arrays(5, &[0, 1, 2, 3], &[2, 3, 4, 4])?;
/// let found = low_memory_order(Sizes::new(&graph, &[9, 9, 1, 1, 1], &[false; 5]), 0, 0, || true);
/// assert_eq!(found.peak_bytes, 11);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn low_memory_order(
    sizes: Sizes<'_>,
    seed: u64,
    n_tries_max: u64,
    keep_going: impl FnMut() -> bool,
) -> MemoryOrder {
    let graph = sizes.graph;
    let constructed = [
        graph.topological_order().collect(),
        best_postorder(&sizes),
        greedy_order(&sizes),
        depth_first_order(graph),
    ];
    let n_constructed = constructed.len() as u64;
    let lower_bound_bytes = sizes.lower_bound_bytes();
    let costs: Vec<(u64, u128)> = constructed.iter().map(|order| sizes.cost_of_order(order)).collect();
    let (mut order, mut cost) =
        constructed.into_iter().zip(costs).min_by_key(|(_, cost)| *cost).unwrap_or_default();
    let n_tries_max = n_constructed.saturating_add(n_tries_max);
    let mut budget = Budget::new(n_constructed, n_tries_max, keep_going);
    if graph.n_nodes() <= N_NODES_IMPROVED_MAX {
        let mut random = Random::new(seed);
        let mut tried = order.clone();
        while cost.0 > lower_bound_bytes && order.len() > 1 && budget.spend().is_some() {
            tried.clone_from(&order);
            if !move_a_node(graph, &mut tried, &mut random) {
                continue;
            }
            let new = sizes.cost_of_order(&tried);
            if new <= cost {
                std::mem::swap(&mut order, &mut tried);
                cost = new;
            }
        }
    }
    MemoryOrder { order, peak_bytes: cost.0, lower_bound_bytes, n_tried: budget.n_spent() }
}

/// Finds starts with a small peak whose makespan is at most `price_milli` thousandths of that of list scheduling by upward rank.
///
/// Nodes go by rank in parts of the longest path, and within a part by `order`: with many parts, memory decides between equals
/// only, with one part it decides alone. Of five such priorities the one with the smallest peak is taken among those that keep
/// the price.
///
/// # Panics
///
/// When there is not one place in `order` per node.
///
/// # Complexity
///
/// O((n + m) log n).
#[must_use]
pub fn low_memory_schedule(
    problem: &Problem,
    sizes: Sizes<'_>,
    order: &[NodeId],
    price_milli: u64,
) -> MemorySchedule {
    let n_nodes = problem.n_nodes();
    let ranks_ns = upward_rank(problem.graph(), problem.durations_ns()).expect("each node has a duration");
    let longest_ns = ranks_ns.iter().copied().max().unwrap_or(0).max(1);
    let unaware = list_schedule(problem, &ranks_ns);
    let unaware_makespan_ns = problem.makespan_ns(&unaware);
    let unaware_peak_bytes = sizes.peak_of_schedule(&unaware, problem.durations_ns());
    let longest_allowed = u128::from(unaware_makespan_ns) * u128::from(price_milli.max(1_000)) / 1_000;
    let mut best = (unaware_peak_bytes, unaware_makespan_ns, unaware);
    let mut places = vec![0; n_nodes];
    for (place, node) in order.iter().enumerate() {
        places[node.index()] = place;
    }
    for n_parts in N_PARTS {
        let part_ns = (longest_ns / n_parts).max(1) + u64::from(n_parts == 1);
        // By part, the later in the order within it first; dense, so that part and place fit.
        let mut nodes: Vec<usize> = (0..n_nodes).collect();
        nodes.sort_by_key(|node| (ranks_ns[*node] / part_ns, Reverse(places[*node])));
        let mut priorities = vec![0; n_nodes];
        for (priority, node) in (0_u64..).zip(nodes) {
            priorities[node] = priority;
        }
        let starts_ns = list_schedule(problem, &priorities);
        let makespan_ns = problem.makespan_ns(&starts_ns);
        let peak_bytes = sizes.peak_of_schedule(&starts_ns, problem.durations_ns());
        if u128::from(makespan_ns) <= longest_allowed && (peak_bytes, makespan_ns) < (best.0, best.1) {
            best = (peak_bytes, makespan_ns, starts_ns);
        }
    }
    let (peak_bytes, makespan_ns, starts_ns) = best;
    MemorySchedule { starts_ns, peak_bytes, makespan_ns, unaware_makespan_ns, unaware_peak_bytes }
}

/// How many orders are tried where nobody says: so many that it takes milliseconds.
#[must_use]
pub fn default_memory_tries(n_nodes: usize) -> u64 {
    const N_LOOKS: usize = 2_000_000;
    (N_LOOKS / n_nodes.max(1)).clamp(100, 20_000) as u64
}

/// What a result needs is computed just before it, the input first that leaves most to be dropped again.
fn best_postorder(sizes: &Sizes<'_>) -> Vec<NodeId> {
    let graph = sizes.graph;
    let n_nodes = graph.n_nodes();
    // By node: the peak of computing it and what it needs, as if nothing were shared, and its inputs in order.
    let mut peaks = vec![0_u64; n_nodes];
    let mut inputs: Vec<Vec<NodeId>> = vec![Vec::new(); n_nodes];
    for node in graph.topological_order() {
        let mut before = graph.predecessors(node).to_vec();
        before.sort_by_key(|input| {
            let left = peaks[input.index()].saturating_sub(sizes.bytes[input.index()]);
            (Reverse(left), *input)
        });
        let (mut held, mut peak) = (0_u64, 0_u64);
        for input in &before {
            peak = peak.max(held.saturating_add(peaks[input.index()]));
            held = held.saturating_add(sizes.bytes[input.index()]);
        }
        peaks[node.index()] = peak.max(held.saturating_add(sizes.bytes[node.index()]));
        inputs[node.index()] = before;
    }
    let mut order = Vec::with_capacity(n_nodes);
    let mut is_done = vec![false; n_nodes];
    let mut stack: Vec<(NodeId, usize)> = Vec::new();
    let mut sinks: Vec<NodeId> = graph.nodes().filter(|node| graph.successors(*node).is_empty()).collect();
    sinks.sort_by_key(|sink| (Reverse(peaks[sink.index()].saturating_sub(sizes.bytes[sink.index()])), *sink));
    for sink in sinks {
        stack.push((sink, 0));
        while let Some((node, next)) = stack.last_mut() {
            let node = *node;
            if is_done[node.index()] {
                stack.pop();
            } else if let Some(&input) = inputs[node.index()].get(*next) {
                *next += 1;
                stack.push((input, 0));
            } else {
                is_done[node.index()] = true;
                order.push(node);
                stack.pop();
            }
        }
    }
    order
}

/// Always the ready node after which the fewest bytes are alive; among equals the one whose inputs are youngest.
fn greedy_order(sizes: &Sizes<'_>) -> Vec<NodeId> {
    let graph = sizes.graph;
    let n_nodes = graph.n_nodes();
    let mut n_unmet = graph.n_predecessors();
    let mut n_left: Vec<u32> = graph.nodes().map(|node| graph.successors(node).len() as u32).collect();
    // By node: bytes that running it adds, those of inputs that it is the last to take left out.
    let mut growth: Vec<i128> = sizes.bytes.iter().map(|bytes| i128::from(*bytes)).collect();
    for node in graph.nodes() {
        if let [only] = graph.successors(node)
            && !sizes.kept[node.index()]
        {
            growth[only.index()] -= i128::from(sizes.bytes[node.index()]);
        }
    }
    let mut ready: BinaryHeap<(Reverse<i128>, u32, Reverse<u32>)> = BinaryHeap::new();
    let mut youngest = vec![0_u32; n_nodes];
    let mut is_done = vec![false; n_nodes];
    let mut order = Vec::with_capacity(n_nodes);
    for source in graph.sources() {
        ready.push((Reverse(growth[source.index()]), 0, Reverse(source.get())));
    }
    while let Some((Reverse(known), _, Reverse(id))) = ready.pop() {
        let node = NodeId::new(id);
        if is_done[node.index()] || known != growth[node.index()] {
            // It was pushed again when it became the last to take an input.
            continue;
        }
        is_done[node.index()] = true;
        order.push(node);
        let now = order.len() as u32;
        for &before in graph.predecessors(node) {
            n_left[before.index()] -= 1;
            if n_left[before.index()] == 1 && !sizes.kept[before.index()] {
                let last = graph.successors(before).iter().copied().find(|after| !is_done[after.index()]);
                if let Some(last) = last {
                    growth[last.index()] -= i128::from(sizes.bytes[before.index()]);
                    if n_unmet[last.index()] == 0 {
                        ready.push((
                            Reverse(growth[last.index()]),
                            youngest[last.index()],
                            Reverse(last.get()),
                        ));
                    }
                }
            }
        }
        for &after in graph.successors(node) {
            n_unmet[after.index()] -= 1;
            youngest[after.index()] = now;
            if n_unmet[after.index()] == 0 {
                ready.push((Reverse(growth[after.index()]), now, Reverse(after.get())));
            }
        }
    }
    order
}

/// Whatever became ready last goes first, the smallest id among those.
fn depth_first_order(graph: &Graph) -> Vec<NodeId> {
    let mut n_unmet = graph.n_predecessors();
    let mut stack: Vec<NodeId> = graph.sources().collect();
    stack.reverse();
    let mut order = Vec::with_capacity(graph.n_nodes());
    while let Some(node) = stack.pop() {
        order.push(node);
        for &after in graph.successors(node).iter().rev() {
            n_unmet[after.index()] -= 1;
            if n_unmet[after.index()] == 0 {
                stack.push(after);
            }
        }
    }
    order
}

/// Moves a node to another place between its predecessors and its successors; false where there is none.
fn move_a_node(graph: &Graph, order: &mut [NodeId], random: &mut Random) -> bool {
    let from = random.below(order.len());
    let node = order[from];
    let before = graph.predecessors(node);
    let after = graph.successors(node);
    let is_any = |others: &[NodeId], at: NodeId| others.binary_search(&at).is_ok();
    let earliest = order[..from].iter().rposition(|other| is_any(before, *other)).map_or(0, |at| at + 1);
    let latest = order[from + 1..]
        .iter()
        .position(|other| is_any(after, *other))
        .map_or(order.len() - 1, |n_between| from + n_between);
    if earliest == latest {
        return false;
    }
    let mut to = earliest + random.below(latest - earliest);
    to += usize::from(to >= from);
    if to < from {
        order[to..=from].rotate_right(1);
    } else {
        order[from..=to].rotate_left(1);
    }
    true
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn ids(order: &[NodeId]) -> Vec<u32> {
        order.iter().map(|node| node.get()).collect()
    }

    #[test]
    fn test_what_is_alive_is_counted() {
        let graph = Graph::from_arrays(4, &[0, 1, 0], &[2, 2, 3]).unwrap();
        let sizes = Sizes::new(&graph, &[5, 3, 2, 1], &[false; 4]);
        let order = [0, 1, 2, 3].map(NodeId::new);
        // 5; 5 + 3; 5 + 3 + 2, then 1 is dropped; 5 + 2 + 1.
        assert_eq!(sizes.cost_of_order(&order), (10, 5 + 8 + 10 + 8));
        assert_eq!(sizes.lower_bound_bytes(), 10);
        assert_eq!(Sizes::new(&graph, &[5, 3, 2, 1], &[true; 4]).peak_of_order(&order), 11);
        assert_eq!(sizes.peak_of_schedule(&[0, 0, 1, 2], &[1; 4]), 10);
        assert_eq!(sizes.peak_of_schedule(&[0, 0, 1, 1], &[1; 4]), 11);
    }

    #[test]
    fn test_a_reduction_tree_takes_the_demanding_branch_first() {
        // 4 sums 0 and 1, 5 sums 2 and 3, 6 sums both.
        let graph = Graph::from_arrays(7, &[0, 1, 2, 3, 4, 5], &[4, 4, 5, 5, 6, 6]).unwrap();
        let bytes = [1, 1, 8, 8, 1, 1, 1];
        let sizes = Sizes::new(&graph, &bytes, &[false; 7]);
        assert_eq!(ids(&best_postorder(&sizes)), [2, 3, 5, 0, 1, 4, 6]);
        assert_eq!(low_memory_order(sizes, 0, 0, || true).peak_bytes, 17);
    }

    #[test]
    fn test_greedy_ends_what_it_began() {
        let graph = Graph::from_arrays(6, &[0, 1, 2], &[3, 4, 5]).unwrap();
        let sizes = Sizes::new(&graph, &[9, 9, 9, 1, 1, 1], &[false; 6]);
        assert_eq!(ids(&greedy_order(&sizes)), [0, 3, 1, 4, 2, 5]);
        assert_eq!(ids(&depth_first_order(&graph)), [0, 3, 1, 4, 2, 5]);
    }

    #[test]
    fn test_moves_keep_the_order_topological() {
        let graph = Graph::from_arrays(6, &[0, 1, 2, 0], &[3, 4, 5, 5]).unwrap();
        let mut order: Vec<NodeId> = graph.topological_order().collect();
        let mut random = Random::new(1);
        let mut n_moved = 0;
        for _ in 0..200 {
            n_moved += u32::from(move_a_node(&graph, &mut order, &mut random));
            let place = |id: NodeId| order.iter().position(|node| *node == id);
            assert!(graph.edges().all(|(before, after)| place(before) < place(after)), "{order:?}");
        }
        assert!(n_moved > 100);
    }

    #[test]
    fn test_memory_decides_as_far_as_the_price_allows() {
        // Four chains of a large and a small result on two workers: by rank all large ones first.
        let graph = Arc::new(Graph::from_arrays(8, &[0, 1, 2, 3], &[4, 5, 6, 7]).unwrap());
        let durations_ns = vec![10, 10, 10, 10, 2, 2, 2, 2];
        let problem = Problem::new(Arc::clone(&graph), durations_ns, vec![1; 8], vec![2]).unwrap();
        let bytes = [10, 10, 10, 10, 1, 1, 1, 1];
        let sizes = Sizes::new(&graph, &bytes, &[false; 8]);
        let order = low_memory_order(sizes, 0, 100, || true).order;
        let found = low_memory_schedule(&problem, sizes, &order, 1_000);
        assert_eq!((found.makespan_ns, found.unaware_makespan_ns), (24, 24));
        assert!(found.peak_bytes < found.unaware_peak_bytes, "{found:?}");
        assert_eq!(problem.first_violation(&found.starts_ns), None);
    }

    #[test]
    fn test_nothing_takes_no_memory() {
        let graph = Graph::from_edges(0, &[]).unwrap();
        let found = low_memory_order(Sizes::new(&graph, &[], &[]), 0, 10, || true);
        assert_eq!((found.order.len(), found.peak_bytes), (0, 0));
    }
}
