//! What the nodes of one run need, in terms of the engine's pools.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use makespan_core::sched::grants::{Request, Ticket};
use makespan_core::sched::pools::Need;
use pyo3::prelude::*;

use crate::desk::{Bell, Refusal};
use crate::error::BindResult;
use crate::layout::Layout;
use crate::names::Names;
use crate::optimized::Optimized;
use crate::request::{NAMED, thread_ident};
use crate::resources::PyResources;
use crate::run::Run;
use crate::shared::{Rings, Shared, deliver};
use crate::waiter::{Waker, Who};

/// What the nodes of a run need, and whom to ask for it.
#[derive(Debug)]
pub(crate) struct Needs {
    resources: Py<PyResources>,
    shared: Arc<Shared>,
    names: Arc<Names>,
    /// By step; empty where it needs nothing.
    of_step: Vec<Box<[Need]>>,
}

impl Needs {
    /// Finds the pools that a program's steps need, and refuses what could never be granted.
    pub(crate) fn of_program(
        py: Python<'_>,
        resources: &Py<PyResources>,
        optimized: &Optimized,
    ) -> BindResult<Self> {
        let program = &optimized.program;
        let shared = resources.get().shared();
        let names = Arc::clone(&program.names);
        let mut of_step = Vec::with_capacity(program.steps.len());
        for (step_idx, step) in program.steps.iter().enumerate() {
            if step.bind(py).get().needs().is_empty() {
                of_step.push(Box::default());
                continue;
            }
            let is_of_step = |node: &u32| names.step_of_node()[*node as usize] as usize == step_idx;
            let is_call = |call: &u32| optimized.step_idx(*call as usize) == step_idx;
            let first = (0..names.n_nodes() as u32).find(is_of_step).or_else(|| {
                let call = (0..optimized.n_nodes() as u32).find(is_call);
                call.map(|call| optimized.node_of(call))
            });
            // A step that might have been called for others, but is not, needs nothing.
            let Some(node) = first else {
                of_step.push(Box::default());
                continue;
            };
            let first = || names.path(node);
            let needs = shared.resolved(step.bind(py).get().needs(), first)?;
            if !needs.is_empty() {
                let checked = shared.desk.read(|grants, _| grants.check(&needs));
                checked.map_err(|error| shared.named(Refusal::Error(error), first))?;
            }
            of_step.push(needs);
        }
        Ok(Self { resources: resources.clone_ref(py), shared, names, of_step })
    }

    /// What the calls of a run occupy of amounts that are limited, one row per call; how much there is of each; the pools.
    ///
    /// Tokens that come with time are left out: when they come is not the order's concern.
    pub(crate) fn demands(&self, optimized: &Optimized) -> (Vec<i64>, Vec<i64>, Vec<u32>) {
        let used: BTreeSet<u32> = self.of_step.iter().flatten().map(|need| need.pool).collect();
        let (pools, capacities): (Vec<u32>, Vec<i64>) = self.shared.desk.read(|grants, _| {
            let amounts = used.into_iter().filter(|pool| grants.rate(*pool).is_none());
            amounts.map(|pool| (pool, grants.capacity(pool))).unzip()
        });
        let mut demands = vec![0; optimized.n_nodes() * pools.len()];
        for (call, row) in demands.chunks_mut(pools.len().max(1)).enumerate() {
            for need in &self.of_step[optimized.step_idx(call)] {
                if let Ok(column) = pools.binary_search(&need.pool) {
                    row[column] += need.amount;
                }
            }
        }
        (demands, capacities, pools)
    }

    /// The names of the resources that pools stand for.
    pub(crate) fn names_of(&self, pools: &[u32]) -> Vec<String> {
        let table = self.shared.table();
        pools.iter().map(|pool| table.of_pool(*pool).0.to_owned()).collect()
    }

    /// Looks for what rings no bell; returns the time on the clock of the resources.
    pub(crate) fn look_around(&self, py: Python<'_>) -> u64 {
        let now_ns = self.resources().now_or_still_ns(py);
        self.resources().look_around(py, &self.shared, now_ns);
        now_ns
    }

    /// Counts tokens that have come; returns how long one may sleep then, at most `longest`.
    pub(crate) fn pause(&self, py: Python<'_>, longest: Duration) -> Duration {
        let now_ns = self.look_around(py);
        let mut rings = Rings::new();
        self.shared.desk.advance(now_ns, &mut rings);
        deliver(py, rings);
        let wake_ns = self.shared.desk.next_wake_ns().unwrap_or(u64::MAX);
        let wait_ns = wake_ns.saturating_sub(now_ns).min(self.resources().period_ns());
        longest.min(Duration::from_nanos(wait_ns))
    }

    /// Whether tokens have come that somebody waits for and nobody has counted yet; needs no interpreter.
    pub(crate) fn has_tokens_due(&self) -> bool {
        let now_ns = self.resources().time.native_now_ns();
        now_ns.is_some_and(|now_ns| self.shared.desk.next_wake_ns().is_some_and(|wake_ns| wake_ns <= now_ns))
    }

    fn of(&self, layout: &Layout, position: u32) -> (&[Need], Who) {
        let node = layout.node_at(position);
        let step_idx = layout.step_idx_at(position) as usize;
        (&self.of_step[step_idx], Who::Node(Arc::clone(&self.names), node))
    }

    pub(crate) fn resources(&self) -> &PyResources {
        self.resources.get()
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Waits, on this thread, for what a node needs.
    pub(crate) fn acquire(&self, py: Python<'_>, layout: &Layout, position: u32) -> PyResult<Ticket> {
        let (needs, who) = self.of(layout, position);
        let request = Request { holder: thread_ident(), needs, priority: 0, since_ns: None };
        self.resources().blocking(py, &self.shared, request, &who, None)
    }

    /// Gives back what a node held.
    pub(crate) fn release(&self, py: Python<'_>, ticket: Ticket) {
        self.shared.release(py, self.resources().now_or_still_ns(py), ticket);
    }

    /// Asks for what a node needs; the run is told when it is granted later.
    pub(crate) fn ask(
        &self,
        layout: &Layout,
        position: u32,
        run: &Weak<Run>,
        now_ns: u64,
        since_ns: Option<u64>,
        rings: &mut Rings,
    ) -> BindResult<(Ticket, bool)> {
        let (needs, who) = self.of(layout, position);
        let request = Request { holder: NAMED, needs, priority: 0, since_ns };
        let bell = || Bell::Other(Waker::Node(Weak::clone(run), position));
        let asked = self.shared.desk.request(now_ns, request, who, Some(bell), rings);
        asked.map_err(|refusal| self.shared.named(refusal, || self.names.path(layout.node_at(position))))
    }
}
