//! Layouts: a program's arrays in the order in which a run goes through them.
//!
//! Nodes are renumbered in plan order, so that a soloist streams through memory and the scheduler's
//! priority is the node's position. Program order needs no copy at all.

use std::sync::Arc;

use makespan_core::graph::{Graph, NodeId};
use makespan_core::plan::{RunOrder, StaticOrder, problem_of_workers, run_order, static_order};
use makespan_core::predict::{UNKNOWN_NS, filled_ns, is_worth_watching};
use makespan_core::sched::{Candidates, Inputs, wake};
use pyo3::ffi;
use pyo3::prelude::*;

use crate::argument::Arg;
use crate::calls::{Calls, mark_last_uses};
use crate::detach::detached;
use crate::error::BindResult;
use crate::joint::Joinable;
use crate::needs::Needs;
use crate::optimized::Optimized;
use crate::program::Program;
use crate::recording::flag;

/// What the run loop needs of one node, in 16 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeCode {
    /// Borrowed from the step, which the program owns.
    pub(crate) callable: *mut ffi::PyObject,
    pub(crate) args_begin: u32,
    pub(crate) flags: u32,
}

// SAFETY: the pointer is only followed by a thread that is attached, and the program keeps what it
// points to alive.
#[expect(unsafe_code, reason = "raw pointers carry no auto traits")]
unsafe impl Send for NodeCode {}
// SAFETY: as above; nothing is ever written through it.
#[expect(unsafe_code, reason = "raw pointers carry no auto traits")]
unsafe impl Sync for NodeCode {}

/// What is needed beyond the static order when several workers may share a run; in plan order.
#[derive(Debug)]
pub(crate) struct Sharing {
    pub(crate) graph: Arc<Graph>,
    pub(crate) inputs: Arc<Inputs>,
    pub(crate) kept: Arc<[bool]>,
    pub(crate) expected_ns: Vec<u64>,
    /// Some duration is unknown, or the whole is long enough for surprises.
    pub(crate) needs_watcher: bool,
    /// Some node is known to outlast a wake-up, or may have to wait for what it needs.
    pub(crate) has_lasting: bool,
    /// Which nodes need a grant; none where no node does.
    pub(crate) needs: Option<Arc<[bool]>>,
}

/// A program in the order in which it is run.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Held here as well: the run loop reads its constants.
    pub(crate) program: Arc<Program>,
    pub(crate) optimized: Arc<Optimized>,
    /// One more than there are nodes: the last one ends the arguments.
    pub(crate) nodes: Vec<NodeCode>,
    /// None where plan order is program order.
    args: Option<Vec<Arg>>,
    /// Position to call, and back; a call is a node unless the program was rewritten.
    order: Option<(Vec<NodeId>, Vec<u32>)>,
    /// None where one worker is all there is, or no step is worth a second one.
    pub(crate) sharing: Option<Sharing>,
    /// The most arguments that a node has.
    pub(crate) n_args_max: usize,
    /// By position, which nodes may share a call of their batch form; none where no two may.
    pub(crate) candidates: Option<Arc<Candidates>>,
    /// Which nodes may be called together with those of other runs; none where none may.
    pub(crate) joinable: Option<Arc<Joinable>>,
    /// Of a run, if durations are as expected; there where the order was planned.
    pub(crate) expected_makespan_ns: Option<u64>,
}

/// How the order of a layout is found.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ordering<'a> {
    /// By the critical path.
    Static,
    /// Planned under the workers and what the nodes need.
    Planned(Option<&'a Needs>),
}

impl Layout {
    /// Lays a program out for one worker, in program order where the edges and checks allow.
    pub(crate) fn serial(py: Python<'_>, optimized: &Arc<Optimized>) -> BindResult<Self> {
        if optimized.calls.is_program_ordered() && !optimized.has_checks_to_put_first() {
            return Ok(Self::in_order(py, optimized, None, None));
        }
        let graph = optimized.graph()?;
        let order = optimized.checks_first(&graph, graph.topological_order().collect());
        Ok(Self::in_order(py, optimized, Some(order), None))
    }

    /// Lays a program out for several workers; `expected_ns` is by node.
    ///
    /// Where every step is known to be shorter than a wake-up and the whole is short, one worker does it
    /// best: no graph is built and no order is looked for.
    pub(crate) fn shared(
        py: Python<'_>,
        optimized: &Arc<Optimized>,
        expected_ns: &[u64],
        n_workers: usize,
        ordering: Ordering<'_>,
    ) -> BindResult<Self> {
        let (program, calls) = (&optimized.program, &optimized.calls);
        let mut expected_ns = optimized.by_call(expected_ns);
        if (0..optimized.n_nodes()).any(|call| optimized.is_answered(call)) {
            for (call, expected_ns) in expected_ns.to_mut().iter_mut().enumerate() {
                // Handing a result out takes next to nothing.
                *expected_ns = if optimized.is_answered(call) { 0 } else { *expected_ns };
            }
        }
        let expected_ns = &*expected_ns;
        // A node that may have to wait lasts, for all that is known.
        let has_lasting = program.has_needs || expected_ns.iter().any(|ns| wake::is_lasting(*ns));
        let needs_watcher = program.has_needs || wake::needs_watcher(expected_ns);
        if n_workers < 2 || calls.n_nodes() < 2 || !(has_lasting || needs_watcher) {
            return Self::serial(py, optimized);
        }
        let graph = optimized.graph()?;
        let sharing =
            |graph: Arc<Graph>, inputs: Inputs, kept, expected_ns, order: Option<&[NodeId]>| Sharing {
                graph,
                inputs: Arc::new(inputs),
                kept,
                expected_ns,
                needs_watcher,
                has_lasting,
                needs: needing_positions(py, optimized, order),
            };
        let filled_ns = filled_ns(expected_ns);
        let planned = match ordering {
            Ordering::Planned(needs) if expected_ns.iter().any(|ns| *ns != UNKNOWN_NS) => {
                planned(py, optimized, &graph, &filled_ns, n_workers, needs)?
            }
            Ordering::Planned(_) | Ordering::Static => None,
        };
        let (order, expected_makespan_ns) = match planned {
            Some(planned) => (planned.order, Some(planned.makespan_ns)),
            None => (static_order(&graph, &filled_ns, n_workers), None),
        };
        let (order, expected_makespan_ns) = if optimized.has_checks_to_put_first() {
            let without = match order {
                StaticOrder::Identity => graph.topological_order().collect(),
                StaticOrder::Order(order) => order,
            };
            let order = optimized.checks_first(&graph, without.clone());
            // How long another order takes is not how long this one does.
            let expected_makespan_ns = expected_makespan_ns.filter(|_| order == without);
            (StaticOrder::Order(order), expected_makespan_ns)
        } else {
            (order, expected_makespan_ns)
        };
        let laid_out = match order {
            StaticOrder::Identity => {
                let kept = Arc::clone(&calls.kept);
                let sharing = sharing(graph, calls.inputs(), kept, expected_ns.to_vec(), None);
                Self::in_order(py, optimized, None, Some(sharing))
            }
            StaticOrder::Order(order) => {
                let position = inverse(&order);
                let inputs = renumbered(&calls.inputs(), &order, &position);
                let kept = order.iter().map(|id| calls.kept[id.index()]).collect();
                let expected_ns = order.iter().map(|id| expected_ns[id.index()]).collect();
                let graph = Arc::new(graph.renumbered(&order));
                let sharing = sharing(graph, inputs, kept, expected_ns, Some(&order));
                Self::in_order(py, optimized, Some(order), Some(sharing))
            }
        };
        Ok(Self { expected_makespan_ns, ..laid_out })
    }

    fn in_order(
        py: Python<'_>,
        optimized: &Arc<Optimized>,
        order: Option<Vec<NodeId>>,
        sharing: Option<Sharing>,
    ) -> Self {
        let (program, calls) = (&optimized.program, &optimized.calls);
        let n_nodes = calls.n_nodes();
        let callables: Vec<*mut ffi::PyObject> =
            program.steps.iter().map(|step| step.bind(py).get().function().as_ptr()).collect();
        let mut nodes = Vec::with_capacity(n_nodes + 1);
        let mut n_args_max = 0;
        let laid_out = order.map(|order| {
            let position = inverse(&order);
            let (args, offsets, flags) = permuted(calls, &order, &position);
            for (at, id) in order.iter().enumerate() {
                nodes.push(NodeCode {
                    callable: callables[optimized.step_idx(id.index())],
                    args_begin: offsets[at],
                    flags: flags[at],
                });
            }
            (args, (order, position))
        });
        let (args, order) = laid_out.unzip();
        if order.is_none() {
            for node in 0..n_nodes {
                nodes.push(NodeCode {
                    callable: callables[optimized.step_idx(node)],
                    args_begin: calls.arg_offsets[node],
                    flags: calls.flags[node],
                });
            }
        }
        nodes.push(NodeCode {
            callable: std::ptr::null_mut(),
            args_begin: calls.args.len() as u32,
            flags: 0,
        });
        for pair in nodes.windows(2) {
            n_args_max = n_args_max.max(pair[1].args_begin - pair[0].args_begin);
        }
        if let Some(sharing) = &sharing {
            for (node, expected_ns) in nodes.iter_mut().zip(&sharing.expected_ns) {
                if wake::is_lasting(*expected_ns) {
                    node.flags |= flag::LASTING;
                }
            }
        }
        if program.has_needs {
            // A soloist stops before them, as before nodes that last: so it pays for no other branch.
            for (call, needs_grant) in needing_calls(py, optimized).into_iter().enumerate() {
                let position = order.as_ref().map_or(call as u32, |(_, positions)| positions[call]);
                if needs_grant {
                    nodes[position as usize].flags |= flag::LASTING;
                }
            }
        }
        Self {
            program: Arc::clone(program),
            optimized: Arc::clone(optimized),
            nodes,
            args,
            order,
            sharing,
            n_args_max: n_args_max as usize,
            expected_makespan_ns: None,
            candidates: None,
            joinable: None,
        }
    }

    /// What sharing takes, where the layout was made for one worker.
    pub(crate) fn new_sharing(&self, py: Python<'_>) -> BindResult<Sharing> {
        let calls = &self.optimized.calls;
        let graph = self.optimized.graph()?;
        let inputs = calls.inputs();
        let expected_ns = vec![UNKNOWN_NS; self.n_nodes()];
        let order = self.order.as_ref().map(|(order, _)| order.as_slice());
        let needs = needing_positions(py, &self.optimized, order);
        Ok(match &self.order {
            None => Sharing {
                graph,
                inputs: Arc::new(inputs),
                kept: Arc::clone(&calls.kept),
                expected_ns,
                needs_watcher: false,
                has_lasting: needs.is_some(),
                needs,
            },
            Some((order, position)) => Sharing {
                graph: Arc::new(graph.renumbered(order)),
                inputs: Arc::new(renumbered(&inputs, order, position)),
                kept: order.iter().map(|id| calls.kept[id.index()]).collect(),
                expected_ns,
                needs_watcher: false,
                has_lasting: needs.is_some(),
                needs,
            },
        })
    }

    /// Whether the node at a position is expected to take so long that its time on a processor is worth knowing.
    pub(crate) fn is_worth_watching(&self, position: u32) -> bool {
        let expected_ns = self.sharing.as_ref().map(|sharing| sharing.expected_ns[position as usize]);
        expected_ns.is_some_and(is_worth_watching)
    }

    /// Takes in which nodes may share a call.
    ///
    /// A soloist stops before the first of them, as before nodes that last: the scheduler makes the calls up.
    pub(crate) fn set_candidates(&mut self, candidates: Arc<Candidates>) {
        for (node, class) in self.nodes.iter_mut().zip(&candidates.class_of_node) {
            if *class != Candidates::NONE {
                node.flags |= flag::LASTING;
            }
        }
        self.candidates = Some(candidates);
    }

    /// Marks the nodes that may be called together with those of other runs.
    pub(crate) fn set_joinable(&mut self, joinable: Arc<Joinable>) {
        for (node, form) in self.nodes.iter_mut().zip(&joinable.form_of_position) {
            if *form != Joinable::NONE {
                node.flags |= flag::JOINT;
            }
        }
        self.joinable = Some(joinable);
    }

    /// Marks the nodes whose results may be in the cache, or are at hand.
    pub(crate) fn set_cached(&mut self, is_cached: impl Fn(usize) -> bool) {
        for position in 0..self.n_nodes() {
            let step_idx = self.step_idx_at(position as u32) as usize;
            if is_cached(step_idx) {
                self.nodes[position].flags |= flag::CACHED;
            }
        }
    }

    /// The position of a call.
    pub(crate) fn position_of_call(&self, call: u32) -> u32 {
        self.order.as_ref().map_or(call, |(_, positions)| positions[call as usize])
    }

    /// How many positions there are: nodes of the program that were neither pruned nor merged.
    pub(crate) fn n_nodes(&self) -> usize {
        self.nodes.len() - 1
    }

    pub(crate) fn args(&self) -> &[Arg] {
        self.args.as_deref().unwrap_or(&self.optimized.calls.args)
    }

    /// The arguments of the node at a position.
    pub(crate) fn args_at(&self, position: usize) -> &[Arg] {
        let (begin, end) = (self.nodes[position].args_begin, self.nodes[position + 1].args_begin);
        &self.args()[begin as usize..end as usize]
    }

    /// The index of the step of the node at a position.
    pub(crate) fn step_idx_at(&self, position: u32) -> u32 {
        let call = self.order.as_ref().map_or(position, |(order, _)| order[position as usize].get());
        self.optimized.step_idx(call as usize) as u32
    }

    /// True when program order respects every edge.
    pub(crate) fn is_program_ordered(&self) -> bool {
        self.optimized.calls.is_program_ordered()
    }

    /// Returns the id of the node at a position.
    pub(crate) fn node_at(&self, position: u32) -> u32 {
        let call = self.order.as_ref().map_or(position, |(order, _)| order[position as usize].get());
        self.optimized.node_of(call)
    }

    /// Returns the position whose result stands for that of a node; none for a pruned one.
    pub(crate) fn position_of(&self, node: u32) -> Option<u32> {
        self.optimized.call_of(node).map(|call| self.position_of_call(call))
    }
}

/// The planned order; none where it cannot be planned.
fn planned(
    py: Python<'_>,
    optimized: &Optimized,
    graph: &Arc<Graph>,
    durations_ns: &[u64],
    n_workers: usize,
    needs: Option<&Needs>,
) -> BindResult<Option<RunOrder>> {
    let (demands, capacities, _) = needs.map_or_else(Default::default, |needs| needs.demands(optimized));
    let Some(problem) = problem_of_workers(graph, durations_ns, n_workers, &demands, &capacities) else {
        return Ok(None);
    };
    // It takes at most a tenth of a second: signals are looked at afterwards.
    let found = detached(py, || run_order(&problem, n_workers, 0));
    py.check_signals()?;
    Ok(Some(found))
}

/// By position, whether the node needs a grant; none where no node does.
fn needing_positions(py: Python<'_>, optimized: &Optimized, order: Option<&[NodeId]>) -> Option<Arc<[bool]>> {
    let of_call = optimized.program.has_needs.then(|| needing_calls(py, optimized))?;
    Some(match order {
        None => of_call.into(),
        Some(order) => order.iter().map(|id| of_call[id.index()]).collect(),
    })
}

/// By call, whether it needs a grant.
fn needing_calls(py: Python<'_>, optimized: &Optimized) -> Vec<bool> {
    let of_step: Vec<bool> =
        optimized.program.steps.iter().map(|step| !step.bind(py).get().needs().is_empty()).collect();
    let needs_grant = |call| of_step[optimized.step_idx(call)] && !optimized.is_answered(call);
    (0..optimized.n_nodes()).map(needs_grant).collect()
}

fn inverse(order: &[NodeId]) -> Vec<u32> {
    let mut position = vec![0; order.len()];
    for (at, id) in order.iter().enumerate() {
        position[id.index()] = at as u32;
    }
    position
}

fn renumbered(inputs: &Inputs, order: &[NodeId], position: &[u32]) -> Inputs {
    let mut offsets = Vec::with_capacity(order.len() + 1);
    let mut nodes = Vec::with_capacity(inputs.nodes.len());
    offsets.push(0);
    for id in order {
        let range = inputs.offsets[id.index()] as usize..inputs.offsets[id.index() + 1] as usize;
        nodes.extend(inputs.nodes[range].iter().map(|node| NodeId::new(position[node.index()])));
        offsets.push(nodes.len() as u32);
    }
    Inputs { offsets, nodes }
}

/// Returns arguments, offsets and flags in plan order.
fn permuted(calls: &Calls, order: &[NodeId], position: &[u32]) -> (Vec<Arg>, Vec<u32>, Vec<u32>) {
    let mut args = Vec::with_capacity(calls.args.len());
    let mut offsets = Vec::with_capacity(order.len() + 1);
    offsets.push(0);
    for id in order {
        args.extend(calls.args_of(id.index()).iter().map(|arg| arg.renumbered(position)));
        offsets.push(args.len() as u32);
    }
    let mut flags: Vec<u32> = order.iter().map(|id| calls.flags[id.index()]).collect();
    let kept: Vec<bool> = order.iter().map(|id| calls.kept[id.index()]).collect();
    mark_last_uses(&offsets, &mut args, &mut flags, &kept);
    (args, offsets, flags)
}
