//! Parallel schedule generation, for graphs of any size.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::problem::Problem;

/// At one moment, so many different rows of demands are tried in vain before the next moment comes.
const N_TRIES_MAX: usize = 64;

/// Parallel schedule generation (Kelley 1963, Kolisch 1996): goes through time, and at each moment starts the ready nodes that
/// fit, the largest priority first, the smallest id among equals.
///
/// The schedule is *non-delay*: nothing that fits is kept waiting, as long as the ready nodes of larger priority that do not
/// fit have at most 64 different rows of demands.
///
/// # Panics
///
/// When there is not one priority per node.
///
/// # Complexity
///
/// O((n + m) log n) where many nodes have the same demands; at most 64 times that, where all differ and few fit.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use makespan_core::graph::Graph;
/// use makespan_core::plan::{Problem, list_schedule};
///
/// let graph = Arc::new(Graph::from_edges(3, &[])?);
/// let problem = Problem::new(graph, vec![1, 2, 3], vec![1, 1, 1], vec![2])?;
/// assert_eq!(list_schedule(&problem, &[1, 2, 3]), [2, 0, 0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn list_schedule(problem: &Problem, priorities: &[u64]) -> Vec<u64> {
    let n_nodes = problem.n_nodes();
    assert_eq!(priorities.len(), n_nodes, "each node has a priority");
    let mut state = State {
        problem,
        priorities,
        n_unmet: problem.graph().n_predecessors(),
        free: problem.capacities().to_vec(),
        least: least_demands(problem),
        kinds: Kinds::of(problem),
        n_moments: 0,
        ready: BinaryHeap::new(),
        running: BinaryHeap::new(),
        ended: Vec::new(),
        starts_ns: vec![0; n_nodes],
    };
    for node in problem.graph().sources() {
        state.on_ready(node.get(), 0);
    }
    let mut refused = Vec::new();
    state.start_what_fits(0, &mut refused);
    while let Some(&Reverse((now_ns, _))) = state.running.peek() {
        state.finish_all(now_ns);
        state.start_what_fits(now_ns, &mut refused);
    }
    state.starts_ns
}

/// A node that may start: by priority, then id.
type Ready = (u64, Reverse<u32>);

/// Nodes by what they demand. Where one does not fit, none of its kind does, so one of them is tried for all.
struct Kinds {
    /// By node.
    of_node: Vec<u32>,
    /// By kind: those behind one that was refused.
    waiting: Vec<BinaryHeap<Ready>>,
    /// By kind: the last moment at which one was refused.
    refused_at: Vec<u64>,
}

impl Kinds {
    fn of(problem: &Problem) -> Self {
        let mut found = BTreeMap::new();
        let mut kind_of = |node| {
            let n_known = found.len() as u32;
            *found.entry(problem.demands_of(node)).or_insert(n_known)
        };
        let of_node = (0..problem.n_nodes()).map(&mut kind_of).collect();
        let n_kinds = found.len();
        Self { of_node, waiting: vec![BinaryHeap::new(); n_kinds], refused_at: vec![0; n_kinds] }
    }
}

struct State<'a> {
    problem: &'a Problem,
    priorities: &'a [u64],
    n_unmet: Vec<u32>,
    free: Vec<i64>,
    /// What every node demands at least of each resource.
    least: Vec<i64>,
    kinds: Kinds,
    n_moments: u64,
    /// Of every kind the first that is ready, and others that have become ready since.
    ready: BinaryHeap<Ready>,
    /// By finish.
    running: BinaryHeap<Reverse<(u64, u32)>>,
    /// Nodes whose successors are to be told.
    ended: Vec<u32>,
    starts_ns: Vec<u64>,
}

impl State<'_> {
    /// Lines a node up. One without duration occupies nothing: it is over as soon as it may start.
    fn on_ready(&mut self, node: u32, now_ns: u64) {
        if self.problem.durations_ns()[node as usize] > 0 {
            self.ready.push((self.priorities[node as usize], Reverse(node)));
            return;
        }
        self.starts_ns[node as usize] = now_ns;
        self.ended.push(node);
        self.release_successors(now_ns);
    }

    /// Tells the successors of all that ended. A worklist, since a chain of nodes without duration may be long.
    fn release_successors(&mut self, now_ns: u64) {
        while let Some(node) = self.ended.pop() {
            for next in self.problem.graph().successors(crate::graph::NodeId::new(node)) {
                let n_unmet = &mut self.n_unmet[next.index()];
                *n_unmet -= 1;
                if *n_unmet > 0 {
                    continue;
                }
                if self.problem.durations_ns()[next.index()] > 0 {
                    self.ready.push((self.priorities[next.index()], Reverse(next.get())));
                } else {
                    self.starts_ns[next.index()] = now_ns;
                    self.ended.push(next.get());
                }
            }
        }
    }

    fn finish_all(&mut self, now_ns: u64) {
        while let Some(&Reverse((finish_ns, node))) = self.running.peek()
            && finish_ns == now_ns
        {
            self.running.pop();
            for (free, amount) in self.free.iter_mut().zip(self.problem.demands_of(node as usize)) {
                *free += amount;
            }
            self.ended.push(node);
        }
        self.release_successors(now_ns);
    }

    fn start_what_fits(&mut self, now_ns: u64, refused: &mut Vec<Ready>) {
        self.n_moments += 1;
        // Where even the most modest node does not fit, nothing need be looked at.
        while refused.len() < N_TRIES_MAX
            && self.free.iter().zip(&self.least).all(|(free, least)| free >= least)
        {
            let Some(first) = self.ready.pop() else { break };
            let node = first.1.0 as usize;
            let kind = self.kinds.of_node[node] as usize;
            if self.kinds.refused_at[kind] == self.n_moments {
                self.kinds.waiting[kind].push(first);
                continue;
            }
            let demands = self.problem.demands_of(node);
            if self.free.iter().zip(demands).any(|(free, amount)| amount > free) {
                self.kinds.refused_at[kind] = self.n_moments;
                refused.push(first);
                continue;
            }
            // Who waited behind this one may be the first of its kind now.
            self.ready.extend(self.kinds.waiting[kind].pop());
            for (free, amount) in self.free.iter_mut().zip(demands) {
                *free -= amount;
            }
            self.starts_ns[node] = now_ns;
            self.running.push(Reverse((now_ns + self.problem.durations_ns()[node], node as u32)));
        }
        self.ready.extend(refused.drain(..));
    }
}

fn least_demands(problem: &Problem) -> Vec<i64> {
    let mut least = problem.capacities().to_vec();
    for node in 0..problem.n_nodes() {
        for (least, &amount) in least.iter_mut().zip(problem.demands_of(node)) {
            *least = amount.min(*least);
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::graph::Graph;

    #[test]
    fn test_what_fits_goes_before_what_does_not() {
        let graph = Arc::new(Graph::from_edges(3, &[]).unwrap());
        let problem = Problem::new(graph, vec![4, 4, 2], vec![2, 2, 1], vec![3]).unwrap();
        assert_eq!(list_schedule(&problem, &[3, 2, 1]), [0, 4, 0]);
    }

    #[test]
    fn test_nodes_without_duration_wait_for_nobody_and_hold_nothing() {
        let graph = Arc::new(Graph::from_arrays(5, &[0, 1, 2], &[1, 2, 3]).unwrap());
        let problem = Problem::new(graph, vec![0, 3, 0, 0, 3], vec![1; 5], vec![1]).unwrap();
        assert_eq!(list_schedule(&problem, &[5; 5]), [0, 0, 3, 3, 3]);
    }

    #[test]
    fn test_equals_go_by_id_and_nothing_overlaps_on_a_single_unit() {
        let graph = Arc::new(Graph::from_edges(4, &[]).unwrap());
        let problem = Problem::new(graph, vec![2; 4], vec![1; 4], vec![1]).unwrap();
        assert_eq!(list_schedule(&problem, &[0, 9, 0, 9]), [4, 0, 6, 2]);
    }
    #[test]
    fn test_more_nodes_than_are_tried_wait_behind_one_of_their_kind() {
        let n_wide = 3 * N_TRIES_MAX;
        let graph = Arc::new(Graph::from_edges(n_wide + 1, &[]).unwrap());
        let mut demands = vec![2; n_wide];
        demands.push(1);
        let problem = Problem::new(graph, vec![1; n_wide + 1], demands, vec![3]).unwrap();
        let mut priorities = vec![9; n_wide];
        priorities.push(1);
        let mut expected: Vec<_> = (0..n_wide as u64).collect();
        expected.push(0);
        assert_eq!(list_schedule(&problem, &priorities), expected);
    }
}
