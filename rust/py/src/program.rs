//! Programs: a described workflow, ready to be laid out and run. Immutable.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use makespan_core::graph::{Graph, GraphError, NodeId};
use makespan_core::optimize::hazard_edges;
use makespan_core::predict::UNKNOWN_NS;
use makespan_core::sched::Inputs;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use rustc_hash::FxHasher;

use crate::argument::{Arg, Nesting, Op, Shape};
use crate::error::{BindError, BindResult};
use crate::names::Names;
use crate::recording::{Leaf, Parameter, ParameterKind, Recording, flag};
use crate::step::PyStep;

/// What the workflow returns, in terms of its leaves.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) leaves: Vec<Arg>,
    pub(crate) shape: Shape,
}

/// A described workflow. Node ids are places in the trace.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) names: Arc<Names>,
    pub(crate) steps: Vec<Py<PyStep>>,
    pub(crate) parameters: Vec<Parameter>,
    /// `flag::…`, and above them the index of the nesting.
    pub(crate) flags: Vec<u32>,
    pub(crate) arg_offsets: Vec<u32>,
    /// In trace order, last uses marked for that order.
    pub(crate) args: Vec<Arg>,
    pub(crate) constants: Vec<Py<PyAny>>,
    pub(crate) nestings: Vec<Nesting>,
    pub(crate) output: Output,
    /// Outputs and `keep=True` nodes: their results live as long as the run.
    pub(crate) kept: Arc<[bool]>,
    pub(crate) has_kept_steps: bool,
    /// Some step needs a grant.
    pub(crate) has_needs: bool,
    pub(crate) hazards: Vec<(NodeId, NodeId)>,
    pub(crate) after: Vec<(NodeId, NodeId)>,
    /// Equal for programs that make the same step calls in the same order.
    pub(crate) fingerprint: u64,
    graph: OnceLock<Arc<Graph>>,
}

impl Program {
    pub(crate) fn new(
        py: Python<'_>,
        recording: Recording,
        output: Option<(Shape, Vec<Leaf>)>,
    ) -> BindResult<Self> {
        let mut recording = recording;
        let n_args = recording.args.len();
        let output = match output {
            Some((shape, leaves)) => {
                for leaf in leaves {
                    recording.push_leaf(leaf);
                }
                Output { leaves: recording.args.split_off(n_args), shape }
            }
            None => sinks(&recording),
        };
        let n_nodes = recording.n_nodes();
        let mut kept = vec![false; n_nodes];
        for node in output.leaves.iter().filter_map(|leaf| leaf.node()) {
            kept[node as usize] = true;
        }
        if recording.has_kept {
            for (node, step_idx) in recording.names.step_of_node().iter().enumerate() {
                kept[node] |= recording.steps[*step_idx as usize].bind(py).get().is_kept();
            }
        }
        resolve_named(&mut recording)?;
        mark_last_uses(&recording.arg_offsets, &mut recording.args, &mut recording.flags, &kept);
        let hazards = hazard_edges(&recording.touches);
        let has_needs = recording.steps.iter().any(|step| !step.bind(py).get().needs().is_empty());
        let program = Self {
            fingerprint: fingerprint(&recording.names),
            names: Arc::new(recording.names),
            steps: recording.steps,
            parameters: recording.parameters,
            flags: recording.flags,
            arg_offsets: recording.arg_offsets,
            args: recording.args,
            constants: recording.constants,
            nestings: recording.nestings,
            output,
            kept: kept.into(),
            has_kept_steps: recording.has_kept,
            has_needs,
            hazards,
            after: recording.after,
            graph: OnceLock::new(),
        };
        if program.after.iter().any(|(before, after)| before >= after) {
            // Only a named forward reference can point backwards: this is where a cycle can be.
            program.graph()?;
        }
        Ok(program)
    }

    pub(crate) fn n_nodes(&self) -> usize {
        self.flags.len()
    }

    /// True when program order respects every edge, which only a forward reference by name can break.
    pub(crate) fn is_program_ordered(&self) -> bool {
        self.after.iter().all(|(before, after)| before < after)
    }

    /// The results that `node` takes, as they stand among its arguments.
    pub(crate) fn data_parents(&self, node: usize) -> impl Iterator<Item = u32> {
        self.args[self.arg_offsets[node] as usize..self.arg_offsets[node + 1] as usize]
            .iter()
            .filter_map(|arg| arg.node())
    }

    /// Returns the dependency graph, made at the first call.
    pub(crate) fn graph(&self) -> BindResult<Arc<Graph>> {
        if let Some(graph) = self.graph.get() {
            return Ok(Arc::clone(graph));
        }
        let graph = Arc::new(self.new_graph().map_err(|error| self.named(error))?);
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

    /// Gives a core error the names that the user knows.
    fn named(&self, error: GraphError) -> BindError {
        match error {
            GraphError::Cycle { nodes } => {
                let paths = self.names.paths();
                BindError::Cycle(nodes.iter().map(|node| paths[node.index()].clone()).collect())
            }
            GraphError::SelfLoop { node, .. } => BindError::Cycle(vec![self.names.path(node.get())]),
            GraphError::TooManyNodes { .. }
            | GraphError::TooManyEdges { .. }
            | GraphError::UnknownNode { .. }
            | GraphError::OffsetsNotAscending { .. }
            | GraphError::NotANode { .. }
            | GraphError::RepeatedNode { .. }
            | GraphError::LengthMismatch { .. } => BindError::Graph(error),
        }
    }

    /// By node, whether it needs a grant.
    pub(crate) fn needing_nodes(&self, py: Python<'_>) -> Vec<bool> {
        let of_step: Vec<bool> =
            self.steps.iter().map(|step| !step.bind(py).get().needs().is_empty()).collect();
        self.names.step_of_node().iter().map(|step_idx| of_step[*step_idx as usize]).collect()
    }

    /// Expected durations as the steps declare them, `UNKNOWN_NS` where they do not.
    pub(crate) fn declared_ns(&self, py: Python<'_>) -> Vec<u64> {
        let of_step: Vec<u64> = self.steps.iter().map(|step| step.bind(py).get().duration_ns()).collect();
        if of_step.iter().all(|ns| *ns == UNKNOWN_NS) {
            return vec![UNKNOWN_NS; self.n_nodes()];
        }
        self.names.step_of_node().iter().map(|step_idx| of_step[*step_idx as usize]).collect()
    }
}

/// Without named outputs every result that nobody takes is one, in order of addition.
fn sinks(recording: &Recording) -> Output {
    let mut is_taken = vec![false; recording.n_nodes()];
    for node in recording.args.iter().filter_map(|arg| arg.node()) {
        is_taken[node as usize] = true;
    }
    let leaves: Vec<Arg> = (0..recording.n_nodes() as u32)
        .filter(|node| !is_taken[*node as usize])
        .map(|node| Arg::new(crate::argument::Source::Result(node)))
        .collect();
    let shape = match leaves.len() {
        1 => Shape::Leaf(0),
        n => {
            let ops = (0..n as u32).map(Op::Leaf).chain([Op::Tuple(n as u32)]);
            Shape::Nested(ops.collect())
        }
    };
    Output { leaves, shape }
}

/// Replaces the named ends of declared order by nodes.
fn resolve_named(recording: &mut Recording) -> BindResult<()> {
    if recording.after_named.is_empty() {
        return Ok(());
    }
    let paths = recording.names.paths();
    for (name, node) in std::mem::take(&mut recording.after_named) {
        let Some(before) = recording.names.find(&name, &paths) else {
            return Err(BindError::UnknownNode { path: name, referrer: paths[node.index()].clone() });
        };
        if NodeId::new(before) == node {
            return Err(BindError::Cycle(vec![paths[node.index()].clone()]));
        }
        recording.after.push((NodeId::new(before), node));
    }
    Ok(())
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

fn fingerprint(names: &Names) -> u64 {
    let mut hasher = FxHasher::default();
    for node in 0..names.n_nodes() as u32 {
        names.step_of_node()[node as usize].hash(&mut hasher);
    }
    for step_idx in 0..names.n_steps() {
        names.step(step_idx).hash(&mut hasher);
    }
    hasher.finish()
}

/// A described workflow.
///
/// There is one of these for a program, and it alone shows the program's Python objects to the garbage
/// collector: shown twice, they would look as if nobody else held them. Whatever else uses the program
/// holds this object as well.
#[pyclass(name = "Program", module = "makespan._core", frozen)]
#[derive(Debug)]
pub(crate) struct PyProgram(Arc<Program>);

impl PyProgram {
    pub(crate) fn new(program: Program) -> Self {
        Self(Arc::new(program))
    }

    pub(crate) fn program(&self) -> &Arc<Program> {
        &self.0
    }
}

#[pymethods]
impl PyProgram {
    #[getter]
    fn name(&self) -> &str {
        &self.0.names.workflow
    }

    #[getter]
    fn n_nodes(&self) -> usize {
        self.0.n_nodes()
    }

    /// Whether some step declares what it needs.
    #[getter]
    fn has_needs(&self) -> bool {
        self.0.has_needs
    }

    /// The number of distinct edges; builds the graph at the first call.
    #[getter]
    fn n_edges(&self) -> BindResult<usize> {
        Ok(self.0.graph()?.n_edges())
    }

    /// Names of the parameters that a run takes.
    #[getter]
    fn parameters(&self) -> Vec<String> {
        let free = self.0.parameters.iter().filter(|parameter| parameter.kind != ParameterKind::Bound);
        free.map(|parameter| parameter.name.clone()).collect()
    }

    /// Node ids in program order, where the declared order allows; the smallest id first where it does not.
    fn topological_order(&self) -> BindResult<Vec<u32>> {
        if self.0.is_program_ordered() {
            return Ok((0..self.0.n_nodes() as u32).collect());
        }
        Ok(self.0.graph()?.topological_order().map(NodeId::get).collect())
    }

    /// The nodes whose result no other node takes.
    fn sinks(&self) -> Vec<u32> {
        let mut is_taken = vec![false; self.0.n_nodes()];
        for node in self.0.args.iter().filter_map(|arg| arg.node()) {
            is_taken[node as usize] = true;
        }
        (0..self.0.n_nodes() as u32).filter(|node| !is_taken[*node as usize]).collect()
    }

    /// Every node's path, by id.
    fn paths(&self) -> Vec<String> {
        self.0.names.paths()
    }

    /// The direct predecessors of a node and why each comes first: "data", "effect", "after".
    fn reasons(&self, node: u32) -> BindResult<Vec<(u32, Vec<&'static str>)>> {
        let id = NodeId::new(node);
        let graph = self.0.graph()?;
        Ok(graph
            .predecessors(id)
            .iter()
            .map(|before| {
                let edge = (*before, id);
                let reasons = [
                    ("data", self.0.data_parents(id.index()).any(|parent| parent == before.get())),
                    ("effect", self.0.hazards.contains(&edge)),
                    ("after", self.0.after.contains(&edge)),
                ];
                let given = reasons.into_iter().filter(|(_, is_given)| *is_given);
                (before.get(), given.map(|(reason, _)| reason).collect())
            })
            .collect())
    }

    /// The direct successors of a node.
    fn successors(&self, node: u32) -> BindResult<Vec<u32>> {
        let graph = self.0.graph()?;
        Ok(graph.successors(NodeId::new(node)).iter().map(|id| id.get()).collect())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let program = &self.0;
        crate::recording::traverse(
            &visit,
            &program.steps,
            &program.constants,
            &program.nestings,
            &program.parameters,
        )
    }
}
