//! Terms that have been checked against a graph, and what follows from them alone.

use std::sync::Arc;

use super::calendar::Calendar;
use super::terms::{Modes, NEVER_NS, Objective, Supply, Terms};
use crate::graph::{Graph, NodeId};
use crate::plan::error::{PlanError, TOTAL_NS_MAX};

/// A graph with modes, supplies and terms that are not known to contradict each other.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use makespan_core::graph::Graph;
/// use makespan_core::plan::PlanError;
/// use makespan_core::plan::constrained::{Constrained, Modes, Supply, Terms};
///
/// let graph = Arc::new(Graph::from_arrays(2, &[0], &[1])?);
/// let terms = Terms { deadlines_ns: vec![9, 4], ..Terms::default() };
/// let modes = Modes::single(vec![3, 2], vec![1, 1]);
/// let impossible = Constrained::new(graph, &modes, Supply::constant(vec![1]), terms).unwrap_err();
/// assert_eq!(impossible, PlanError::DeadlineTooEarly { node: 1, deadline_ns: 4, earliest_ns: 5, is_proven: true });
/// # Ok::<(), makespan_core::graph::GraphError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Constrained {
    pub(super) graph: Arc<Graph>,
    /// The modes of node `i` that can be carried out are those from `offsets[i]` to `offsets[i + 1]`.
    offsets: Vec<usize>,
    /// Which of its node's modes each of them is.
    pub(super) idx_of_mode: Vec<u32>,
    pub(super) durations: Vec<u64>,
    /// Rows by mode: what is held, and what is used up.
    held: Vec<i64>,
    n_held: usize,
    /// What every mode holds at least that holds anything.
    pub(super) least_held: Vec<i64>,
    consumed: Vec<i64>,
    pub(super) stock: Vec<i64>,
    pub(super) stock_resources: Vec<usize>,
    pub(super) releases: Vec<u64>,
    pub(super) delays: Vec<u64>,
    /// No finish is later, by the node's own deadline and the fixed starts of its successors.
    pub(super) limits: Vec<u64>,
    /// Of fixed nodes; the others have [`NEVER_NS`].
    pub(super) starts: Vec<u64>,
    pub(super) objective: Objective,
    /// Due dates, 0 where the objective has none, and [`NEVER_NS`] for what does not count.
    pub(super) dues: Vec<u64>,
    pub(super) weights: Vec<u64>,
    /// What fixed nodes leave of the supply.
    pub(super) calendar: Calendar,
    /// No node starts or finishes earlier, in any mode.
    pub(super) heads: Vec<u64>,
    pub(super) earliest_finishes: Vec<u64>,
    pub(super) shortest: Vec<u64>,
    /// The earliest of the heads of nodes that are not fixed.
    pub(super) opens: u64,
}

impl Constrained {
    /// Checks terms and keeps them.
    ///
    /// # Errors
    ///
    /// [`PlanError`] when lengths do not fit, a value cannot be meant, or something is proven to be impossible: a
    /// mode for a node, a deadline, a fixed start, fixed nodes beside each other.
    ///
    /// # Complexity
    ///
    /// O(n + m + k · r) for k modes and r resources, and for every node a look through the steps of the supply and
    /// the fixed nodes.
    pub fn new(graph: Arc<Graph>, modes: &Modes, supply: Supply, terms: Terms) -> Result<Self, PlanError> {
        let n_nodes = graph.n_nodes();
        check_lengths(n_nodes, modes, &supply, &terms)?;
        let column =
            |values: Vec<u64>, default: u64| if values.is_empty() { vec![default; n_nodes] } else { values };
        let objective = terms.objective;
        let mut problem = Self {
            offsets: vec![0],
            idx_of_mode: Vec::new(),
            durations: Vec::new(),
            held: Vec::new(),
            n_held: supply.is_consumed.iter().filter(|is_consumed| !**is_consumed).count(),
            least_held: Vec::new(),
            consumed: Vec::new(),
            stock: Vec::new(),
            stock_resources: (0..supply.is_consumed.len())
                .filter(|&resource| supply.is_consumed[resource])
                .collect(),
            releases: column(terms.releases_ns, 0),
            delays: column(terms.delays_ns, 0),
            limits: column(terms.deadlines_ns, NEVER_NS),
            starts: column(terms.starts_ns, NEVER_NS),
            objective,
            dues: if objective.has_dues() { column(terms.dues_ns, NEVER_NS) } else { vec![0; n_nodes] },
            weights: column(terms.weights, 1),
            calendar: Calendar::new(vec![0], Vec::new(), 0),
            heads: vec![0; n_nodes],
            earliest_finishes: vec![0; n_nodes],
            shortest: Vec::new(),
            opens: 0,
            graph,
        };
        problem.keep_modes(modes, &supply)?;
        problem.check_horizon(&supply)?;
        problem.check_stock()?;
        problem.fix(supply)?;
        problem.look_ahead()?;
        Ok(problem)
    }

    /// Keeps the modes that need no more than there ever is.
    fn keep_modes(&mut self, modes: &Modes, supply: &Supply) -> Result<(), PlanError> {
        let n_resources = supply.is_consumed.len();
        let steps = || supply.amounts.chunks_exact(n_resources.max(1));
        let most: Vec<i64> =
            (0..n_resources).map(|resource| steps().map(|row| row[resource]).max().unwrap_or(0)).collect();
        self.stock = self.stock_resources.iter().map(|&resource| most[resource]).collect();
        for node in 0..self.graph.n_nodes() {
            let mut refused = None;
            for mode in modes.offsets[node]..modes.offsets[node + 1] {
                let demand = &modes.demands[mode * n_resources..(mode + 1) * n_resources];
                if let Some(resource) = demand.iter().position(|&amount| amount < 0) {
                    return Err(PlanError::NegativeDemand { node, resource, amount: demand[resource] });
                }
                if let Some(resource) = (0..n_resources).find(|&resource| demand[resource] > most[resource]) {
                    let (amount, capacity) = (demand[resource], most[resource]);
                    refused.get_or_insert(PlanError::DemandAboveCapacity {
                        node,
                        resource,
                        amount,
                        capacity,
                    });
                    continue;
                }
                self.idx_of_mode.push((mode - modes.offsets[node]) as u32);
                self.durations.push(modes.durations_ns[mode]);
                for (&amount, &is_consumed) in demand.iter().zip(&supply.is_consumed) {
                    if is_consumed { self.consumed.push(amount) } else { self.held.push(amount) }
                }
            }
            let n_before = self.offsets[node];
            match self.durations[n_before..].iter().min() {
                Some(&shortest) => self.shortest.push(shortest),
                None => return Err(refused.unwrap_or(PlanError::NoMode { node })),
            }
            if self.starts[node] != NEVER_NS && self.durations.len() > n_before + 1 {
                let n_modes = self.durations.len() - n_before;
                return Err(PlanError::ModesOfFixedNode { node, n_modes });
            }
            self.offsets.push(self.durations.len());
        }
        let holding = (0..self.durations.len())
            .filter(|&mode| self.durations[mode] > 0 && self.held_by(mode).iter().any(|&amount| amount > 0));
        let least = holding.map(|mode| self.held_by(mode)).fold(None, |least: Option<Vec<i64>>, held| {
            let least = least.unwrap_or_else(|| held.to_vec());
            Some(least.iter().zip(held).map(|(&left, &right)| left.min(right)).collect())
        });
        self.least_held = least.unwrap_or_default();
        Ok(())
    }

    /// After all releases, steps and fixed starts, nodes one after another end before the times are too large to add.
    fn check_horizon(&self, supply: &Supply) -> Result<(), PlanError> {
        let nodes = 0..self.graph.n_nodes();
        let longest =
            nodes.map(|node| self.durations[self.modes_of(node)].iter().max().copied().unwrap_or(0));
        let starts = self.starts.iter().filter(|&&start| start != NEVER_NS);
        let latest = starts.chain(&self.releases).chain(&supply.times_ns).max().copied().unwrap_or(0);
        let summands = longest.chain(self.delays.iter().copied()).chain([latest]);
        let total_ns: u128 = summands.map(u128::from).sum();
        if total_ns > u128::from(TOTAL_NS_MAX) { Err(PlanError::TooLong { total_ns }) } else { Ok(()) }
    }

    /// The modes that need least use up no more than there is.
    fn check_stock(&self) -> Result<(), PlanError> {
        for (idx, &resource) in self.stock_resources.iter().enumerate() {
            let least =
                |node: usize| self.modes_of(node).map(|mode| i128::from(self.consumed_by(mode)[idx])).min();
            let amount = (0..self.graph.n_nodes()).filter_map(least).sum();
            let capacity = self.stock[idx];
            if amount > i128::from(capacity) {
                return Err(PlanError::StockTooSmall { resource, amount, capacity, is_proven: true });
            }
        }
        Ok(())
    }

    /// Takes out of the supply what fixed nodes hold, and limits their predecessors.
    fn fix(&mut self, supply: Supply) -> Result<(), PlanError> {
        let n_resources = supply.is_consumed.len();
        let resources: Vec<usize> =
            (0..n_resources).filter(|&resource| !supply.is_consumed[resource]).collect();
        let rows = supply.amounts.chunks_exact(n_resources.max(1));
        let free = rows.flat_map(|row| resources.iter().map(|&resource| row[resource])).collect();
        let mut calendar = Calendar::new(supply.times_ns, free, self.n_held);
        for node in 0..self.graph.n_nodes() {
            let start = self.starts[node];
            if start == NEVER_NS {
                continue;
            }
            let mode = self.offsets[node];
            let (duration, demand) = (self.durations[mode], self.held_by(mode));
            if calendar.first_fit(start, duration, demand) != Some(start) {
                let mut idx = calendar.idx_at(start);
                let short =
                    |idx: usize| (0..self.n_held).find(|&held| calendar.row(idx)[held] < demand[held]);
                let held = loop {
                    match short(idx) {
                        Some(held) => break held,
                        None => idx += 1,
                    }
                };
                let at_ns = start.max(calendar.times()[idx]);
                let (amount, free) = (demand[held], calendar.row(idx)[held]);
                return Err(PlanError::FixedAboveCapacity {
                    node,
                    resource: resources[held],
                    at_ns,
                    amount,
                    free,
                });
            }
            let demand = demand.to_vec();
            calendar.take(start, duration, &demand);
            for before in self.graph.predecessors(NodeId::from_index(node)) {
                let limit = &mut self.limits[before.index()];
                *limit = start.saturating_sub(self.delays[node]).min(*limit);
            }
        }
        self.calendar = calendar;
        Ok(())
    }

    /// When nodes can start and finish at the earliest, and whether that is early enough.
    fn look_ahead(&mut self) -> Result<(), PlanError> {
        let graph = Arc::clone(&self.graph);
        for node_id in graph.topological_order() {
            let node = node_id.index();
            let before =
                graph.predecessors(node_id).iter().map(|before| self.earliest_finishes[before.index()]);
            let ready = before.max().map_or(0, |finish| finish + self.delays[node]);
            let start = self.starts[node];
            if start == NEVER_NS {
                let head = ready.max(self.releases[node]);
                let fit = |mode: usize| {
                    let start = self.calendar.first_fit(head, self.durations[mode], self.held_by(mode))?;
                    Some((start, start + self.durations[mode]))
                };
                let fits = || self.modes_of(node).filter_map(fit);
                let (Some(start), Some(finish)) =
                    (fits().map(|(start, _)| start).min(), fits().map(|(_, finish)| finish).min())
                else {
                    return Err(self.no_stretch(node, head));
                };
                self.heads[node] = start;
                self.earliest_finishes[node] = finish;
            } else {
                let earliest_ns = ready.max(self.releases[node]);
                if earliest_ns > start {
                    return Err(PlanError::StartTooEarly {
                        node,
                        start_ns: start,
                        earliest_ns,
                        is_proven: true,
                    });
                }
                self.heads[node] = start;
                self.earliest_finishes[node] = start + self.shortest[node];
            }
            let earliest_ns = self.earliest_finishes[node];
            if earliest_ns > self.limits[node] {
                return Err(self.too_late(node, earliest_ns, true));
            }
        }
        let free = self.heads.iter().zip(&self.starts).filter(|(_, start)| **start == NEVER_NS);
        self.opens = free.map(|(&head, _)| head).min().unwrap_or(0);
        Ok(())
    }

    /// Whose fault it is that a node cannot finish in time: its own deadline, or a successor that is fixed.
    pub(super) fn too_late(&self, node: usize, earliest_ns: u64, is_proven: bool) -> PlanError {
        let limit = self.limits[node];
        let successors = self.graph.successors(NodeId::from_index(node));
        let fixed = successors.iter().map(|next| next.index()).find(|&next| {
            self.starts[next] != NEVER_NS && self.starts[next].saturating_sub(self.delays[next]) == limit
        });
        match fixed {
            Some(next) => PlanError::StartTooEarly {
                node: next,
                start_ns: self.starts[next],
                earliest_ns: earliest_ns + self.delays[next],
                is_proven,
            },
            None => PlanError::DeadlineTooEarly { node, deadline_ns: limit, earliest_ns, is_proven },
        }
    }

    /// That no stretch of time is long enough for a node.
    fn no_stretch(&self, node: usize, head: u64) -> PlanError {
        let lengths =
            self.modes_of(node).filter_map(|mode| self.calendar.longest_fit(head, self.held_by(mode)));
        PlanError::NoStretch {
            node,
            duration_ns: self.shortest[node],
            longest_ns: lengths.max().unwrap_or(0),
            is_proven: true,
        }
    }

    /// The number of nodes.
    #[must_use]
    pub fn n_nodes(&self) -> usize {
        self.graph.n_nodes()
    }

    /// The modes of a node that can be carried out.
    pub(super) fn modes_of(&self, node: usize) -> std::ops::Range<usize> {
        self.offsets[node]..self.offsets[node + 1]
    }

    pub(super) fn held_by(&self, mode: usize) -> &[i64] {
        &self.held[mode * self.n_held..(mode + 1) * self.n_held]
    }

    pub(super) fn consumed_by(&self, mode: usize) -> &[i64] {
        let width = self.stock.len();
        &self.consumed[mode * width..(mode + 1) * width]
    }

    pub(super) fn n_held(&self) -> usize {
        self.n_held
    }

    /// The objective of a schedule, by the finishes of the nodes.
    pub(super) fn value(&self, finishes: &[u64]) -> i128 {
        let nodes =
            finishes.iter().zip(&self.dues).zip(&self.weights).filter(|((_, due), _)| **due != NEVER_NS);
        if self.objective.is_sum() {
            let parts = nodes
                .map(|((finish, &due), &weight)| u128::from(finish.saturating_sub(due)) * u128::from(weight));
            return parts.sum::<u128>().cast_signed();
        }
        nodes.map(|((&finish, &due), _)| i128::from(finish) - i128::from(due)).max().unwrap_or(0)
    }
}

fn check_lengths(n_nodes: usize, modes: &Modes, supply: &Supply, terms: &Terms) -> Result<(), PlanError> {
    let n_resources = supply.is_consumed.len();
    let n_rows = modes.offsets.last().copied().unwrap_or(0);
    let lengths = [
        ("modes", n_nodes + 1, modes.offsets.len()),
        ("durations", n_rows, modes.durations_ns.len()),
        ("demands", n_rows * n_resources, modes.demands.len()),
        ("capacities", supply.times_ns.len() * n_resources, supply.amounts.len()),
    ];
    let columns = [
        ("release", &terms.releases_ns),
        ("deadline", &terms.deadlines_ns),
        ("due", &terms.dues_ns),
        ("weights", &terms.weights),
        ("start", &terms.starts_ns),
        ("delay", &terms.delays_ns),
    ];
    let columns = columns.into_iter().filter(|(_, column)| !column.is_empty());
    for (what, expected, actual) in
        lengths.into_iter().chain(columns.map(|(what, c)| (what, n_nodes, c.len())))
    {
        if actual != expected {
            return Err(PlanError::LengthMismatch { what, expected, actual });
        }
    }
    if let Some(node) = modes.offsets.windows(2).position(|pair| pair[0] >= pair[1]) {
        return Err(PlanError::NoMode { node });
    }
    if supply.times_ns.first() != Some(&0) {
        return Err(PlanError::StepsNotAscending { step_idx: 0 });
    }
    if let Some(idx) = supply.times_ns.windows(2).position(|pair| pair[0] >= pair[1]) {
        return Err(PlanError::StepsNotAscending { step_idx: idx + 1 });
    }
    for (idx, &capacity) in supply.amounts.iter().enumerate() {
        let resource = idx % n_resources;
        if capacity < 0 {
            return Err(PlanError::NegativeCapacity { resource, capacity });
        }
        if supply.is_consumed[resource] && capacity != supply.amounts[resource] {
            return Err(PlanError::StepOfStock { resource });
        }
    }
    let counts = |due: &u64| *due != NEVER_NS;
    if terms.objective == Objective::MaximumLateness && n_nodes > 0 && !terms.dues_ns.iter().any(counts) {
        return Err(PlanError::NoDueDate);
    }
    let weight: u128 = terms.weights.iter().copied().map(u128::from).sum();
    // So that a weighted sum of times fits into 127 bits.
    if weight > u128::from(TOTAL_NS_MAX) {
        return Err(PlanError::TooHeavy { total: weight });
    }
    Ok(())
}
