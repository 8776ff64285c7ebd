//! Layouts: a program's arrays in the order in which a run goes through them.
//!
//! Nodes are renumbered in plan order, so that a soloist streams through memory and the scheduler's
//! priority is the node's position. Program order needs no copy at all.

use std::sync::Arc;

use makespan_core::graph::{Graph, NodeId};
use makespan_core::plan::{StaticOrder, static_order};
use makespan_core::predict::{UNKNOWN_NS, filled_ns};
use makespan_core::sched::{Inputs, wake};
use pyo3::ffi;
use pyo3::prelude::*;

use crate::argument::{Arg, Source};
use crate::error::BindResult;
use crate::program::{Program, mark_last_uses};
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
    pub(crate) program: Arc<Program>,
    /// One more than there are nodes: the last one ends the arguments.
    pub(crate) nodes: Vec<NodeCode>,
    /// None where plan order is program order.
    args: Option<Vec<Arg>>,
    /// Position to node id, and back.
    order: Option<(Vec<NodeId>, Vec<u32>)>,
    /// None where one worker is all there is, or no step is worth a second one.
    pub(crate) sharing: Option<Sharing>,
    /// The most arguments that a node has.
    pub(crate) n_args_max: usize,
}

impl Layout {
    /// Lays a program out for one worker, in program order where the edges allow.
    pub(crate) fn serial(py: Python<'_>, program: &Arc<Program>) -> BindResult<Self> {
        if program.is_program_ordered() {
            return Ok(Self::in_order(py, program, None, None));
        }
        let order = program.graph()?.topological_order().collect();
        Ok(Self::in_order(py, program, Some(order), None))
    }

    /// Lays a program out for several workers.
    ///
    /// Where every step is known to be shorter than a wake-up and the whole is short, one worker does it
    /// best: no graph is built and no order is looked for.
    pub(crate) fn shared(
        py: Python<'_>,
        program: &Arc<Program>,
        expected_ns: &[u64],
        n_workers: usize,
    ) -> BindResult<Self> {
        // A node that may have to wait lasts, for all that is known.
        let has_lasting = program.has_needs || expected_ns.iter().any(|ns| wake::is_lasting(*ns));
        let needs_watcher = program.has_needs || wake::needs_watcher(expected_ns);
        if n_workers < 2 || program.n_nodes() < 2 || !(has_lasting || needs_watcher) {
            return Self::serial(py, program);
        }
        let graph = program.graph()?;
        let sharing =
            |graph: Arc<Graph>, inputs: Inputs, kept, expected_ns, order: Option<&[NodeId]>| Sharing {
                graph,
                inputs: Arc::new(inputs),
                kept,
                expected_ns,
                needs_watcher,
                has_lasting,
                needs: needing_positions(py, program, order),
            };
        match static_order(&graph, &filled_ns(expected_ns), n_workers) {
            StaticOrder::Identity => {
                let kept = Arc::clone(&program.kept);
                let sharing = sharing(graph, program.inputs(), kept, expected_ns.to_vec(), None);
                Ok(Self::in_order(py, program, None, Some(sharing)))
            }
            StaticOrder::Order(order) => {
                let position = inverse(&order);
                let inputs = renumbered(&program.inputs(), &order, &position);
                let kept = order.iter().map(|id| program.kept[id.index()]).collect();
                let expected_ns = order.iter().map(|id| expected_ns[id.index()]).collect();
                let graph = Arc::new(graph.renumbered(&order));
                let sharing = sharing(graph, inputs, kept, expected_ns, Some(&order));
                Ok(Self::in_order(py, program, Some(order), Some(sharing)))
            }
        }
    }

    fn in_order(
        py: Python<'_>,
        program: &Arc<Program>,
        order: Option<Vec<NodeId>>,
        sharing: Option<Sharing>,
    ) -> Self {
        let n_nodes = program.n_nodes();
        let step_of_node = program.names.step_of_node();
        let callables: Vec<*mut ffi::PyObject> =
            program.steps.iter().map(|step| step.bind(py).get().function().as_ptr()).collect();
        let mut nodes = Vec::with_capacity(n_nodes + 1);
        let mut n_args_max = 0;
        let laid_out = order.map(|order| {
            let position = inverse(&order);
            let (args, offsets, flags) = permuted(program, &order, &position);
            for (at, id) in order.iter().enumerate() {
                nodes.push(NodeCode {
                    callable: callables[step_of_node[id.index()] as usize],
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
                    callable: callables[step_of_node[node] as usize],
                    args_begin: program.arg_offsets[node],
                    flags: program.flags[node],
                });
            }
        }
        nodes.push(NodeCode {
            callable: std::ptr::null_mut(),
            args_begin: program.args.len() as u32,
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
            for (node, needs_grant) in program.needing_nodes(py).into_iter().enumerate() {
                let position = order.as_ref().map_or(node as u32, |(_, positions)| positions[node]);
                if needs_grant {
                    nodes[position as usize].flags |= flag::LASTING;
                }
            }
        }
        Self { program: Arc::clone(program), nodes, args, order, sharing, n_args_max: n_args_max as usize }
    }

    /// What sharing takes, where the layout was made for one worker.
    pub(crate) fn new_sharing(&self, py: Python<'_>) -> BindResult<Sharing> {
        let graph = self.program.graph()?;
        let inputs = self.program.inputs();
        let expected_ns = vec![UNKNOWN_NS; self.n_nodes()];
        let order = self.order.as_ref().map(|(order, _)| order.as_slice());
        let needs = needing_positions(py, &self.program, order);
        Ok(match &self.order {
            None => Sharing {
                graph,
                inputs: Arc::new(inputs),
                kept: Arc::clone(&self.program.kept),
                expected_ns,
                needs_watcher: false,
                has_lasting: needs.is_some(),
                needs,
            },
            Some((order, position)) => Sharing {
                graph: Arc::new(graph.renumbered(order)),
                inputs: Arc::new(renumbered(&inputs, order, position)),
                kept: order.iter().map(|id| self.program.kept[id.index()]).collect(),
                expected_ns,
                needs_watcher: false,
                has_lasting: needs.is_some(),
                needs,
            },
        })
    }

    pub(crate) fn n_nodes(&self) -> usize {
        self.nodes.len() - 1
    }

    pub(crate) fn args(&self) -> &[Arg] {
        self.args.as_deref().unwrap_or(&self.program.args)
    }

    /// Returns the id of the node at a position.
    pub(crate) fn node_at(&self, position: u32) -> u32 {
        self.order.as_ref().map_or(position, |(order, _)| order[position as usize].get())
    }

    /// Returns the position of a node.
    pub(crate) fn position_of(&self, node: u32) -> u32 {
        self.order.as_ref().map_or(node, |(_, positions)| positions[node as usize])
    }
}

/// By position, whether the node needs a grant; none where no node does.
fn needing_positions(py: Python<'_>, program: &Program, order: Option<&[NodeId]>) -> Option<Arc<[bool]>> {
    let of_node = program.has_needs.then(|| program.needing_nodes(py))?;
    Some(match order {
        None => of_node.into(),
        Some(order) => order.iter().map(|id| of_node[id.index()]).collect(),
    })
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
fn permuted(program: &Program, order: &[NodeId], position: &[u32]) -> (Vec<Arg>, Vec<u32>, Vec<u32>) {
    let mut args = Vec::with_capacity(program.args.len());
    let mut offsets = Vec::with_capacity(order.len() + 1);
    offsets.push(0);
    for id in order {
        let range = program.arg_offsets[id.index()] as usize..program.arg_offsets[id.index() + 1] as usize;
        args.extend(program.args[range].iter().map(|arg| match arg.source() {
            Source::Result(node) => Arg::new(Source::Result(position[node as usize])),
            Source::Constant(_) | Source::Parameter(_) => *arg,
        }));
        offsets.push(args.len() as u32);
    }
    let mut flags: Vec<u32> = order.iter().map(|id| program.flags[id.index()]).collect();
    let kept: Vec<bool> = order.iter().map(|id| program.kept[id.index()]).collect();
    mark_last_uses(&offsets, &mut args, &mut flags, &kept);
    (args, offsets, flags)
}
