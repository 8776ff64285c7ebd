//! The obvious scheduler: lists, and everything looked for anew at each call.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use makespan_core::Priority;
use makespan_core::sched::list::{ListOptions, ListScheduler, NO_GROUP, NodeColumns};
use makespan_core::sched::{FailurePolicy, NodeState};

use crate::random::Random;

/// What the obvious scheduler knows of a node.
#[derive(Clone, Debug)]
pub(crate) struct ModelNode {
    pub(crate) state: NodeState,
    pub(crate) priority: Priority,
    pub(crate) needs: BTreeMap<usize, i64>,
    pub(crate) before: BTreeSet<usize>,
    pub(crate) duration_ns: u64,
    pub(crate) n_attempts: u16,
    pub(crate) not_before_ns: Option<u64>,
    pub(crate) expected_finish_ns: u64,
}

/// The obvious scheduler.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) nodes: Vec<ModelNode>,
    pub(crate) capacities: Vec<i64>,
    pub(crate) has_durations: bool,
    pub(crate) options: ListOptions,
    pub(crate) is_stopped: bool,
}

impl Model {
    pub(crate) fn in_state(&self, state: NodeState) -> Vec<usize> {
        (0..self.nodes.len()).filter(|&id| self.nodes[id].state == state).collect()
    }

    pub(crate) fn occupying(&self) -> Vec<usize> {
        [self.in_state(NodeState::Running), self.in_state(NodeState::Cancelling)].concat()
    }

    pub(crate) fn free(&self, pool: usize) -> i64 {
        let taken: i64 = self.occupying().iter().filter_map(|&id| self.nodes[id].needs.get(&pool)).sum();
        self.capacities[pool] - taken
    }

    /// Moves on whatever waits for nothing any more.
    pub(crate) fn settle(&mut self, now_ns: u64) {
        loop {
            let mut has_changed = false;
            for id in 0..self.nodes.len() {
                if self.nodes[id].state != NodeState::Waiting {
                    continue;
                }
                let states: Vec<_> =
                    self.nodes[id].before.iter().map(|&before| self.nodes[before].state).collect();
                if states.iter().all(|&state| state == NodeState::Finished) {
                    let is_early = self.nodes[id].not_before_ns.is_some_and(|at_ns| at_ns > now_ns);
                    self.nodes[id].state = if is_early { NodeState::Delayed } else { NodeState::Ready };
                    has_changed = true;
                }
            }
            if !has_changed {
                return;
            }
        }
    }

    pub(crate) fn release_delayed(&mut self, now_ns: u64) {
        for node in &mut self.nodes {
            if node.state == NodeState::Delayed && node.not_before_ns.is_some_and(|at_ns| at_ns <= now_ns) {
                node.state = NodeState::Ready;
                node.not_before_ns = None;
            }
        }
    }

    pub(crate) fn take(&mut self, now_ns: u64, n_max: usize) -> Vec<u32> {
        self.release_delayed(now_ns);
        let mut line = self.in_state(NodeState::Ready);
        line.sort_by_key(|&id| (Reverse(self.nodes[id].priority), id));
        line.retain(|&id| {
            self.nodes[id].needs.iter().all(|(&pool, &amount)| amount <= self.capacities[pool])
        });
        let mut taken = Vec::new();
        let mut closed = BTreeSet::new();
        let mut kept: BTreeMap<usize, i64> = BTreeMap::new();
        let mut has_head = false;
        let mut reservation: Option<(u64, Vec<i64>)> = None;
        for id in line {
            if taken.len() == n_max {
                break;
            }
            let needs = self.nodes[id].needs.clone();
            if let Some((start_ns, left)) = &mut reservation {
                let fits = needs.iter().all(|(&pool, &amount)| amount <= self.free(pool));
                let is_over = now_ns + self.nodes[id].duration_ns <= *start_ns;
                if fits && (is_over || needs.iter().all(|(&pool, &amount)| amount <= left[pool])) {
                    if !is_over {
                        for (&pool, &amount) in &needs {
                            left[pool] -= amount;
                        }
                    }
                    self.start(now_ns, id, &mut taken);
                }
                continue;
            }
            if needs.keys().any(|pool| closed.contains(pool)) {
                continue;
            }
            let left = |pool: usize| self.free(pool) - kept.get(&pool).copied().unwrap_or(0);
            let short: Vec<usize> = needs
                .iter()
                .filter(|(pool, amount)| **amount > left(**pool))
                .map(|(&pool, _)| pool)
                .collect();
            if short.is_empty() {
                self.start(now_ns, id, &mut taken);
            } else if self.has_durations {
                reservation = Some(self.reservation(now_ns, id));
            } else {
                for (pool, amount) in needs {
                    if short.contains(&pool) {
                        closed.insert(pool);
                    } else if !has_head {
                        *kept.entry(pool).or_default() += amount;
                    }
                }
                has_head = true;
            }
        }
        taken
    }

    pub(crate) fn start(&mut self, now_ns: u64, id: usize, taken: &mut Vec<u32>) {
        let node = &mut self.nodes[id];
        node.state = NodeState::Running;
        node.n_attempts += 1;
        node.not_before_ns = None;
        node.expected_finish_ns = now_ns + node.duration_ns;
        taken.push(id as u32);
    }

    /// When the head can start, and what is left beside it then.
    pub(crate) fn reservation(&self, now_ns: u64, head: usize) -> (u64, Vec<i64>) {
        let mut times: Vec<u64> =
            self.occupying().iter().map(|&id| self.nodes[id].expected_finish_ns.max(now_ns)).collect();
        times.push(now_ns);
        times.sort_unstable();
        for at_ns in times {
            let left: Vec<i64> = (0..self.capacities.len())
                .map(|pool| {
                    let ended = self.occupying().into_iter();
                    let ended = ended.filter(|&id| self.nodes[id].expected_finish_ns.max(now_ns) <= at_ns);
                    let given_back: i64 = ended.filter_map(|id| self.nodes[id].needs.get(&pool)).sum();
                    let needed = self.nodes[head].needs.get(&pool).copied().unwrap_or(0);
                    self.free(pool) + given_back - needed
                })
                .collect();
            let needs = &self.nodes[head].needs;
            if needs.keys().all(|&pool| left[pool] >= 0) {
                return (at_ns, left);
            }
        }
        unreachable!("the head fits when nothing runs")
    }

    pub(crate) fn after(&self, id: usize) -> Vec<usize> {
        (0..self.nodes.len()).filter(|&next| self.nodes[next].before.contains(&id)).collect()
    }

    pub(crate) fn give_up_after(&mut self, id: usize, state: NodeState) {
        for next in self.after(id) {
            if self.nodes[next].state == NodeState::Waiting {
                self.nodes[next].state = state;
                self.nodes[next].not_before_ns = None;
                self.give_up_after(next, state);
            }
        }
    }

    /// Whether all of these can be reported on, each once.
    pub(crate) fn may_report(&self, ids: &[i64]) -> bool {
        let known = ids.iter().all(|&id| {
            let node = usize::try_from(id).ok().and_then(|id| self.nodes.get(id));
            node.is_some_and(|node| matches!(node.state, NodeState::Running | NodeState::Cancelling))
        });
        known && ids.iter().collect::<BTreeSet<_>>().len() == ids.len()
    }

    pub(crate) fn complete(&mut self, now_ns: u64, ids: &[i64]) {
        for &id in ids {
            let node = &mut self.nodes[id as usize];
            let was_cancelling = node.state == NodeState::Cancelling;
            node.state = if was_cancelling { NodeState::Cancelled } else { NodeState::Finished };
        }
        self.settle(now_ns);
    }

    pub(crate) fn fail(&mut self, now_ns: u64, ids: &[i64]) {
        let mut is_stop = false;
        for &id in ids {
            let id = id as usize;
            let node = &mut self.nodes[id];
            if node.state == NodeState::Cancelling {
                node.state = NodeState::Cancelled;
            } else if node.n_attempts <= self.options.n_retries && !self.is_stopped {
                let delay_ns = self.options.retry_delay_ns << (node.n_attempts - 1);
                node.state = NodeState::Delayed;
                node.not_before_ns = Some(now_ns + delay_ns.min(self.options.retry_delay_max_ns));
            } else {
                node.state = NodeState::Failed;
                match self.options.on_failure {
                    FailurePolicy::Continue => self.give_up_after(id, NodeState::Skipped),
                    FailurePolicy::Stop => is_stop = true,
                }
            }
        }
        if is_stop {
            self.is_stopped = true;
            for node in &mut self.nodes {
                if matches!(node.state, NodeState::Waiting | NodeState::Delayed | NodeState::Ready) {
                    node.state = NodeState::Cancelled;
                    node.not_before_ns = None;
                }
            }
        }
    }

    pub(crate) fn retry(&mut self, now_ns: u64, ids: &[i64], delay_ns: u64) {
        for &id in ids {
            let node = &mut self.nodes[id as usize];
            if node.state == NodeState::Cancelling {
                node.state = NodeState::Cancelled;
            } else if self.is_stopped {
                node.state = NodeState::Failed;
            } else {
                node.state = NodeState::Delayed;
                node.not_before_ns = Some(now_ns + delay_ns);
            }
        }
    }

    pub(crate) fn cancel(&mut self, ids: &[i64]) -> Vec<u32> {
        let mut to_stop = Vec::new();
        for &id in ids {
            let node = &mut self.nodes[id as usize];
            match node.state {
                NodeState::Waiting | NodeState::Delayed | NodeState::Ready => {
                    node.state = NodeState::Cancelled;
                    node.not_before_ns = None;
                }
                NodeState::Running => {
                    node.state = NodeState::Cancelling;
                    to_stop.push(id as u32);
                }
                _ => continue,
            }
            self.give_up_after(id as usize, NodeState::Cancelled);
        }
        to_stop
    }

    pub(crate) fn add(&mut self, now_ns: u64, added: Vec<ModelNode>) {
        let first = self.nodes.len();
        self.nodes.extend(added);
        // In the order of the edges, ascending, as it is decided for which reason a node is given up.
        for source in 0..self.nodes.len() {
            let state = match self.nodes[source].state {
                NodeState::Failed | NodeState::Skipped => NodeState::Skipped,
                NodeState::Cancelled | NodeState::Cancelling => NodeState::Cancelled,
                _ => continue,
            };
            for target in first..self.nodes.len() {
                if self.nodes[target].before.contains(&source)
                    && self.nodes[target].state == NodeState::Waiting
                {
                    self.nodes[target].state = state;
                    self.give_up_after(target, state);
                }
            }
        }
        if self.is_stopped {
            for node in &mut self.nodes[first..] {
                if node.state == NodeState::Waiting {
                    node.state = NodeState::Cancelled;
                }
            }
        }
        self.settle(now_ns);
    }

    pub(crate) fn set_not_before(&mut self, now_ns: u64, ids: &[i64], times_ns: &[u64]) {
        for (&id, &at_ns) in ids.iter().zip(times_ns) {
            let node = &mut self.nodes[id as usize];
            if node.state == NodeState::Ready && at_ns <= now_ns {
                continue;
            }
            node.not_before_ns = Some(at_ns);
            if node.state == NodeState::Ready {
                node.state = NodeState::Delayed;
            }
        }
    }

    pub(crate) fn assert_agrees(&self, scheduler: &ListScheduler) {
        let states: Vec<_> = self.nodes.iter().map(|node| node.state).collect();
        assert_eq!(scheduler.states().collect::<Vec<_>>(), states);
        let priorities: Vec<_> = self.nodes.iter().map(|node| node.priority).collect();
        assert_eq!(scheduler.priorities().collect::<Vec<_>>(), priorities);
        let n_attempts: Vec<_> = self.nodes.iter().map(|node| node.n_attempts).collect();
        assert_eq!(scheduler.n_attempts().collect::<Vec<_>>(), n_attempts);
        let times = (0..).zip(&self.nodes).filter_map(|(id, node)| Some((id, node.not_before_ns?)));
        assert!(scheduler.not_before_ns().eq(times));
        for pool in 0..self.capacities.len() {
            assert_eq!(scheduler.pools().free(pool as u32), self.free(pool));
        }
        assert_eq!(scheduler.is_stopped(), self.is_stopped);
    }
}

pub(crate) type Described = (Vec<i64>, Vec<i64>, NodeColumns, Vec<ModelNode>);

/// New nodes for both, numbered from where the model ends.
pub(crate) fn described(random: &mut Random, model: &Model, n_nodes: usize) -> Described {
    let first = model.nodes.len();
    let n_resources = model.options.capacities.len();
    let n_groups = model.options.group_limits.len();
    let (mut sources, mut targets) = (Vec::new(), Vec::new());
    let (mut demands, mut groups) = (Vec::new(), Vec::new());
    let mut nodes = Vec::new();
    let is_plain = random.is(3);
    for id in first..first + n_nodes {
        let mut before = BTreeSet::new();
        for _ in 0..random.below(3) {
            if id > 0 {
                let source = random.below(id as u64) as usize;
                before.insert(source);
                sources.push(source as i64);
                targets.push(id as i64);
            }
        }
        let mut needs = BTreeMap::new();
        for resource in 0..n_resources {
            // Mostly what the capacity was at first, so that some exceed what it is now.
            let most = model.options.capacities[resource];
            let amount = if is_plain { 0 } else { random.below(most as u64 + 1) as i64 };
            demands.push(amount);
            if amount > 0 {
                needs.insert(resource, amount);
            }
        }
        let group = random.below(n_groups as u64 + 2) as usize;
        let group = if group < n_groups { group as i64 } else { NO_GROUP };
        groups.push(group);
        if group != NO_GROUP {
            needs.insert(n_resources + group as usize, 1);
        }
        nodes.push(ModelNode {
            state: NodeState::Waiting,
            priority: if is_plain { Priority::ZERO } else { random.priority() },
            needs,
            before,
            duration_ns: if model.has_durations { random.below(20) } else { 0 },
            n_attempts: 0,
            not_before_ns: None,
            expected_finish_ns: 0,
        });
    }
    let columns = NodeColumns {
        priorities: (!is_plain).then(|| nodes.iter().map(|node| node.priority).collect()),
        demands: (!is_plain).then_some(demands),
        groups: Some(groups),
        durations_ns: (model.has_durations && n_nodes > 0)
            .then(|| nodes.iter().map(|node| node.duration_ns).collect()),
    };
    (sources, targets, columns, nodes)
}
