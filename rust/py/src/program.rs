//! Programs: a described workflow, ready to be laid out and run. Immutable.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use makespan_core::graph::{Graph, GraphError, NodeId};
use makespan_core::optimize::Fate;
use makespan_core::predict::UNKNOWN_NS;
use numpy::{IntoPyArray, PyArray1};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use rustc_hash::{FxHashSet, FxHasher};

use crate::argument::{Arg, Nesting, Op, Shape};
use crate::calls::Calls;
use crate::error::{BindError, BindResult};
use crate::names::Names;
use crate::optimized::{Optimized, Switches};
use crate::recording::{Leaf, Parameter, ParameterKind, Recording};
use crate::step::{Declared, PyStep};

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
    pub(crate) calls: Arc<Calls>,
    pub(crate) constants: Vec<Py<PyAny>>,
    pub(crate) nestings: Vec<Nesting>,
    pub(crate) output: Output,
    pub(crate) has_kept_steps: bool,
    /// Some step needs a grant.
    pub(crate) has_needs: bool,
    /// By step, whether it is a cheap check; none where no step is.
    pub(crate) cheap_checks: Option<Box<[bool]>>,
    /// Equal for programs that make the same step calls in the same order.
    pub(crate) fingerprint: u64,
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
        recording.add_merged_steps(py);
        let calls = Calls::new(
            recording.flags,
            recording.arg_offsets,
            recording.args,
            kept,
            recording.touches,
            recording.after,
        );
        let has_needs = recording.steps.iter().any(|step| !step.bind(py).get().needs().is_empty());
        let cheap_checks: Box<[bool]> =
            recording.steps.iter().map(|step| step.get().is_cheap_check()).collect();
        let program = Self {
            fingerprint: fingerprint(&recording.names),
            names: Arc::new(recording.names),
            steps: recording.steps,
            parameters: recording.parameters,
            calls: Arc::new(calls),
            constants: recording.constants,
            nestings: recording.nestings,
            output,
            has_kept_steps: recording.has_kept,
            has_needs,
            cheap_checks: Some(cheap_checks).filter(|of_step| of_step.contains(&true)),
        };
        if !program.calls.is_program_ordered() {
            // Only a named forward reference can point backwards: this is where a cycle can be.
            program.graph()?;
        }
        Ok(program)
    }

    pub(crate) fn n_nodes(&self) -> usize {
        self.calls.n_nodes()
    }

    /// Returns the dependency graph, made at the first call.
    pub(crate) fn graph(&self) -> BindResult<Arc<Graph>> {
        self.calls.graph().map_err(|error| self.named(error))
    }

    /// Gives a core error the names that the user knows.
    pub(crate) fn named(&self, error: GraphError) -> BindError {
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

    /// Whether some step may be combined with what it takes.
    pub(crate) fn has_merges(&self) -> bool {
        self.steps.iter().any(|step| !step.get().merges().is_empty())
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

/// Ends of edges.
type PyEdges<'py> = (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<i64>>);

fn edges(py: Python<'_>, edges: impl Iterator<Item = (u32, u32)>) -> PyEdges<'_> {
    let (before, after): (Vec<i64>, Vec<i64>) =
        edges.map(|(before, after)| (i64::from(before), i64::from(after))).unzip();
    (before.into_pyarray(py), after.into_pyarray(py))
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

    /// How many calls are of pure steps, of steps with a batch form, of cached steps; and whether each call comes after the one
    /// before.
    fn traits(&self) -> (usize, usize, usize, bool) {
        let program = &self.0;
        let steps: Vec<&PyStep> = program.steps.iter().map(Py::get).collect();
        let step_of_node = program.names.step_of_node();
        let n_of = |has: &dyn Fn(&PyStep) -> bool| {
            let of_step: Vec<bool> = steps.iter().map(|step| has(step)).collect();
            step_of_node.iter().filter(|step_idx| of_step[**step_idx as usize]).count()
        };
        (
            n_of(&PyStep::is_pure),
            n_of(&|step| step.batch().is_some()),
            n_of(&|step| step.caching().is_some()),
            program.calls.is_chain(),
        )
    }

    /// Whether the results of some step are cached.
    #[getter]
    fn has_cached_steps(&self) -> bool {
        self.0.steps.iter().any(|step| step.get().caching().is_some())
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
        if self.0.calls.is_program_ordered() {
            return Ok((0..self.0.n_nodes() as u32).collect());
        }
        Ok(self.0.graph()?.topological_order().map(NodeId::get).collect())
    }

    /// The nodes whose result no other node takes.
    fn sinks(&self) -> Vec<u32> {
        let mut is_taken = vec![false; self.0.n_nodes()];
        for node in self.0.calls.args.iter().filter_map(|arg| arg.node()) {
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
                    ("data", self.0.calls.data_parents(id.index()).any(|parent| parent == before.get())),
                    ("effect", self.0.calls.hazards.contains(&edge)),
                    ("after", self.0.calls.after.contains(&edge)),
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

    /// By node, the node whose result stands for its own when the passes have rewritten the program; none for a pruned one.
    ///
    /// Steps of the names in `assumed_pure` that declare no effects are taken to be pure.
    #[pyo3(signature = (passes, assumed_pure = Vec::new()))]
    fn representatives(
        &self,
        py: Python<'_>,
        passes: Switches,
        assumed_pure: Vec<String>,
    ) -> Vec<Option<u32>> {
        let assumed_pure: FxHashSet<String> = assumed_pure.into_iter().collect();
        let is_pure = |step: &PyStep| {
            step.is_pure()
                || (matches!(step.declared(), Declared::Nothing) && assumed_pure.contains(step.name()))
        };
        Optimized::new(py, &self.0, passes, is_pure).representatives()
    }

    /// The nodes that others are called for as well when the passes have rewritten the program.
    fn combined(&self, py: Python<'_>, passes: Switches) -> Vec<u32> {
        let optimized = Optimized::new(py, &self.0, passes, PyStep::is_pure);
        (0..self.0.n_nodes() as u32).filter(|node| optimized.fate(*node) == Fate::Combined).collect()
    }

    /// Edges of values that are passed, and of declared order: (before, after), perhaps repeated.
    fn given_edges<'py>(&self, py: Python<'py>) -> (PyEdges<'py>, PyEdges<'py>) {
        let calls = &self.0.calls;
        let data = (0..calls.n_nodes())
            .flat_map(|node| calls.data_parents(node).map(move |parent| (parent, node as u32)));
        let after = calls.after.iter().map(|(before, after)| (before.get(), after.get()));
        (edges(py, data), edges(py, after))
    }

    /// The edges that declared effects require: (before, after); those of the step `ignored` do not count.
    #[pyo3(signature = (ignored = None))]
    fn effect_edges<'py>(&self, py: Python<'py>, ignored: Option<&str>) -> PyEdges<'py> {
        let names = &self.0.names;
        let is_counted = |node: u32| ignored.is_none_or(|ignored| names.step_name(node) != ignored);
        let hazards = self.0.calls.hazards_among(|node| is_counted(node.get()));
        edges(py, hazards.into_iter().map(|(before, after)| (before.get(), after.get())))
    }

    /// The nodes that are calls of steps with a batch form.
    fn batchable(&self) -> Vec<u32> {
        let has_batch: Vec<bool> = self.0.steps.iter().map(|step| step.get().batch().is_some()).collect();
        let steps = (0..).zip(self.0.names.step_of_node());
        steps.filter(|(_, step_idx)| has_batch[**step_idx as usize]).map(|(node, _)| node).collect()
    }

    /// By node, the name of its step.
    fn step_names(&self) -> Vec<&str> {
        (0..self.0.n_nodes() as u32).map(|node| self.0.names.step_name(node)).collect()
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
