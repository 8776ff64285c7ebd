//! The calls of a program, in arrays: what each takes, in which order they must be.
//!
//! Of a whole program, or of what a rewriting left of it. Knows neither names nor Python objects.

use std::sync::{Arc, OnceLock};

use makespan_core::graph::{Graph, GraphError, NodeId};
use makespan_core::optimize::{Combined, NOT_COMBINED, Rewrite, Touch, hazard_edges};
use makespan_core::sched::Inputs;

use crate::argument::Arg;
use crate::recording::flag;

/// Calls of steps, by node id. Immutable.
#[derive(Debug)]
pub(crate) struct Calls {
    /// `flag::…`, and above them the index of the nesting.
    pub(crate) flags: Vec<u32>,
    pub(crate) arg_offsets: Vec<u32>,
    /// In the order of ids, last uses marked for that order.
    pub(crate) args: Vec<Arg>,
    /// Outputs and `keep=True` nodes: their results live as long as the run.
    pub(crate) kept: Arc<[bool]>,
    touches: Vec<(NodeId, Touch)>,
    pub(crate) hazards: Vec<(NodeId, NodeId)>,
    /// Declared order: (before, after).
    pub(crate) after: Vec<(NodeId, NodeId)>,
    graph: OnceLock<Arc<Graph>>,
}

impl Calls {
    pub(crate) fn new(
        mut flags: Vec<u32>,
        arg_offsets: Vec<u32>,
        mut args: Vec<Arg>,
        kept: Vec<bool>,
        touches: Vec<(NodeId, Touch)>,
        after: Vec<(NodeId, NodeId)>,
    ) -> Self {
        mark_last_uses(&arg_offsets, &mut args, &mut flags, &kept);
        let hazards = hazard_edges(&touches);
        Self { flags, arg_offsets, args, kept: kept.into(), touches, hazards, after, graph: OnceLock::new() }
    }

    /// What a rewriting leaves of these calls.
    ///
    /// Nodes that declared order names are neither pruned nor merged, so that each of its ends is left.
    pub(crate) fn rewritten(&self, rewrite: &Rewrite) -> Self {
        self.rewritten_with(rewrite, |call| self.args_of(call))
    }

    /// The calls that are left when some are made for others as well, by `rewrite`: each takes what those took, and then its
    /// own other arguments.
    pub(crate) fn combined(&self, combined: &Combined, rewrite: &Rewrite) -> Self {
        let mut args_of: Vec<Vec<Arg>> =
            (0..self.n_nodes()).map(|call| self.args_of(call).to_vec()).collect();
        for call in 0..self.n_nodes() {
            let made_by = combined.made_by[call];
            if made_by != NOT_COMBINED {
                let taken = std::mem::take(&mut args_of[call]);
                args_of[made_by as usize].splice(..1, taken);
            }
        }
        self.rewritten_with(rewrite, |call| &args_of[call])
    }

    /// What a rewriting leaves of these calls, with other arguments.
    fn rewritten_with<'a>(&self, rewrite: &Rewrite, args_of: impl Fn(usize) -> &'a [Arg]) -> Self {
        let new_of_old = rewrite.new_of_old();
        let new = |old: NodeId| NodeId::new(new_of_old[old.index()]);
        let mut flags = Vec::with_capacity(rewrite.n_new());
        let mut arg_offsets = Vec::with_capacity(rewrite.n_new() + 1);
        let mut args = Vec::with_capacity(self.args.len());
        arg_offsets.push(0);
        for old in rewrite.old_of_new() {
            flags.push(self.flags[*old as usize]);
            args.extend(args_of(*old as usize).iter().map(|arg| arg.renumbered(new_of_old)));
            arg_offsets.push(args.len() as u32);
        }
        let mut kept = vec![false; rewrite.n_new()];
        for (is_kept, new) in self.kept.iter().zip(new_of_old) {
            if *is_kept {
                kept[*new as usize] = true;
            }
        }
        // Pure steps touch nothing, and no other node is left out.
        let touches = self.touches.iter().map(|(old, touch)| (new(*old), *touch)).collect();
        let after = self.after.iter().map(|(before, after)| (new(*before), new(*after))).collect();
        Self::new(flags, arg_offsets, args, kept, touches, after)
    }

    /// The same where some results are at hand, so that those calls take nothing; and without what `rewrite` leaves out.
    pub(crate) fn answered(&self, is_answered: &[bool], rewrite: Option<&Rewrite>) -> Self {
        let mut flags = self.flags.clone();
        let mut args = Vec::with_capacity(self.args.len());
        let mut arg_offsets = vec![0];
        for (call, is_answered) in is_answered.iter().enumerate() {
            if *is_answered {
                flags[call] = 0;
            } else {
                args.extend(self.args_of(call).iter().map(|arg| arg.unmarked()));
            }
            arg_offsets.push(args.len() as u32);
        }
        let calls =
            Self::new(flags, arg_offsets, args, self.kept.to_vec(), self.touches.clone(), self.after.clone());
        match rewrite {
            None => calls,
            Some(rewrite) => calls.rewritten(rewrite),
        }
    }

    pub(crate) fn n_nodes(&self) -> usize {
        self.flags.len()
    }

    pub(crate) fn args_of(&self, node: usize) -> &[Arg] {
        &self.args[self.arg_offsets[node] as usize..self.arg_offsets[node + 1] as usize]
    }

    /// By call, whether declared order names it.
    pub(crate) fn is_ordered(&self) -> Vec<bool> {
        let mut is_ordered = vec![false; self.n_nodes()];
        for (before, after) in &self.after {
            is_ordered[before.index()] = true;
            is_ordered[after.index()] = true;
        }
        is_ordered
    }

    /// True when the order of ids respects every edge, which only a forward reference by name can break.
    pub(crate) fn is_program_ordered(&self) -> bool {
        self.after.iter().all(|(before, after)| before < after)
    }

    /// True when each call comes after the one before, so that no two could ever run at once.
    pub(crate) fn is_chain(&self) -> bool {
        let mut follows = vec![false; self.n_nodes()];
        for (before, after) in self.hazards.iter().chain(&self.after) {
            follows[after.index()] |= before.index() + 1 == after.index();
        }
        let takes_last = |node: usize| self.data_parents(node).any(|parent| parent as usize + 1 == node);
        (1..self.n_nodes()).all(|node| follows[node] || takes_last(node))
    }

    /// The results that `node` takes, as they stand among its arguments.
    pub(crate) fn data_parents(&self, node: usize) -> impl Iterator<Item = u32> {
        self.args_of(node).iter().filter_map(|arg| arg.node())
    }

    /// Returns the dependency graph, made at the first call.
    pub(crate) fn graph(&self) -> Result<Arc<Graph>, GraphError> {
        if let Some(graph) = self.graph.get() {
            return Ok(Arc::clone(graph));
        }
        let graph = Arc::new(self.new_graph()?);
        Ok(Arc::clone(self.graph.get_or_init(|| graph)))
    }

    fn new_graph(&self) -> Result<Graph, GraphError> {
        if self.hazards.is_empty() && self.after.is_empty() {
            let inputs = self.inputs();
            return Graph::from_predecessors(&inputs.offsets, &inputs.nodes);
        }
        let mut edges = Vec::with_capacity(self.args.len() + self.hazards.len() + self.after.len());
        for node in 0..self.n_nodes() {
            edges.extend(
                self.data_parents(node).map(|parent| (NodeId::new(parent), NodeId::from_index(node))),
            );
        }
        edges.extend(&self.hazards);
        edges.extend(&self.after);
        Graph::from_edges(self.n_nodes(), &edges)
    }

    /// Returns the edges that the effects of some of the nodes require.
    pub(crate) fn hazards_among(&self, is_counted: impl Fn(NodeId) -> bool) -> Vec<(NodeId, NodeId)> {
        let counted: Vec<(NodeId, Touch)> =
            self.touches.iter().copied().filter(|(node, _)| is_counted(*node)).collect();
        hazard_edges(&counted)
    }

    /// Returns the data inputs of every node, each once.
    pub(crate) fn inputs(&self) -> Inputs {
        let mut offsets = Vec::with_capacity(self.n_nodes() + 1);
        let mut nodes: Vec<NodeId> = Vec::with_capacity(self.args.len());
        offsets.push(0);
        for node in 0..self.n_nodes() {
            let begin = nodes.len();
            nodes.extend(self.data_parents(node).map(NodeId::new));
            if nodes.len() - begin > 1 {
                nodes[begin..].sort_unstable();
                let mut kept = begin + 1;
                for idx in begin + 1..nodes.len() {
                    if nodes[idx] != nodes[kept - 1] {
                        nodes[kept] = nodes[idx];
                        kept += 1;
                    }
                }
                nodes.truncate(kept);
            }
            offsets.push(nodes.len() as u32);
        }
        Inputs { offsets, nodes }
    }
}

/// Marks, going backwards, the last use of each result that is not kept, and the results without a use.
pub(crate) fn mark_last_uses(offsets: &[u32], args: &mut [Arg], flags: &mut [u32], kept: &[bool]) {
    let mut is_used = kept.to_vec();
    for node in (0..flags.len()).rev() {
        if is_used[node] {
            flags[node] &= !flag::UNUSED;
        } else {
            flags[node] |= flag::UNUSED;
        }
        for arg in args[offsets[node] as usize..offsets[node + 1] as usize].iter_mut().rev() {
            if let Some(parent) = arg.node() {
                *arg = if std::mem::replace(&mut is_used[parent as usize], true) {
                    arg.unmarked()
                } else {
                    arg.as_last_use()
                };
            }
        }
    }
}
