//! What is written down while a workflow is described: nodes, arguments, effects. Runs no Python.

use std::sync::Arc;

use makespan_core::graph::NodeId;
use makespan_core::optimize::{EffectId, Touch};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyString};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::argument::{Arg, Nesting, Shape, Source};
use crate::draft::Draft;
use crate::handle::{PyHandle, Target};
use crate::names::Names;
use crate::step::{Declared, PyStep};

/// A leaf of a call's arguments, before it has an index.
#[derive(Debug)]
pub(crate) enum Leaf {
    Node(u32),
    Parameter(u32),
    Object(Py<PyAny>),
}

/// What a call writes or reads by names that were computed from its arguments.
#[derive(Debug, Default)]
pub(crate) struct ComputedNames {
    pub(crate) reads: Vec<String>,
    pub(crate) writes: Vec<String>,
}

/// How a parameter may be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ParameterKind {
    Any,
    PositionalOnly,
    KeywordOnly,
    /// Not at all: it has its value already.
    Bound,
}

/// A parameter of a workflow that is described by a builder or prepared.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) default: Option<Py<PyAny>>,
    pub(crate) kind: ParameterKind,
}

/// Flags of a node.
pub(crate) mod flag {
    /// Its last argument is a constant: the tuple of the keywords' names.
    pub(crate) const KEYWORDS: u32 = 1;
    /// Some argument is rebuilt from a nesting, whose index stands above the flags.
    pub(crate) const NESTED: u32 = 1 << 1;
    /// Nobody uses the result.
    pub(crate) const UNUSED: u32 = 1 << 2;
    /// The node is expected to outlast a wake-up.
    pub(crate) const LASTING: u32 = 1 << 3;
    /// Its result may be in the cache, or is at hand.
    pub(crate) const CACHED: u32 = 1 << 4;
    /// It may be called together with calls of other runs.
    pub(crate) const JOINT: u32 = 1 << 5;
    /// How far a nesting's index is shifted.
    pub(crate) const N_BITS: u32 = 6;
}

/// The description of a workflow, growing call by call.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) names: Names,
    pub(crate) steps: Vec<Py<PyStep>>,
    idx_of_step: FxHashMap<usize, u32>,
    touches_of_step: Vec<Box<[Touch]>>,
    last_step: (usize, u32),
    effects: FxHashMap<String, EffectId>,
    /// Classes whose instances hold no handles that are looked for, by address; a constant of each is
    /// held, so that the address stays what it means.
    plain_types: FxHashSet<usize>,
    pub(crate) flags: Vec<u32>,
    pub(crate) arg_offsets: Vec<u32>,
    pub(crate) args: Vec<Arg>,
    pub(crate) constants: Vec<Py<PyAny>>,
    pub(crate) nestings: Vec<Nesting>,
    pub(crate) touches: Vec<(NodeId, Touch)>,
    /// Declared order: (before, after).
    pub(crate) after: Vec<(NodeId, NodeId)>,
    /// The same, the first end named.
    pub(crate) after_named: Vec<(String, NodeId)>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) has_kept: bool,
}

impl Recording {
    pub(crate) fn new(workflow: String) -> Self {
        Self {
            names: Names::new(workflow),
            steps: Vec::new(),
            idx_of_step: FxHashMap::default(),
            touches_of_step: Vec::new(),
            last_step: (0, 0),
            effects: FxHashMap::default(),
            plain_types: FxHashSet::default(),
            flags: Vec::new(),
            arg_offsets: vec![0],
            args: Vec::new(),
            constants: Vec::new(),
            nestings: Vec::new(),
            touches: Vec::new(),
            after: Vec::new(),
            after_named: Vec::new(),
            parameters: Vec::new(),
            has_kept: false,
        }
    }

    pub(crate) fn n_nodes(&self) -> usize {
        self.flags.len()
    }

    fn effect(&mut self, name: &str) -> EffectId {
        if let Some(effect) = self.effects.get(name) {
            return *effect;
        }
        let effect = EffectId(self.effects.len() as u32);
        self.effects.insert(name.to_owned(), effect);
        effect
    }

    fn named_touches(&mut self, reads: &[String], writes: &[String]) -> Vec<Touch> {
        let mut touches: Vec<Touch> = reads.iter().map(|name| Touch::Reads(self.effect(name))).collect();
        touches.extend(writes.iter().map(|name| Touch::Writes(self.effect(name))));
        touches
    }

    #[inline]
    fn step_idx(&mut self, step: &Bound<'_, PyStep>) -> u32 {
        let address = step.as_ptr().addr();
        if self.last_step.0 == address {
            return self.last_step.1;
        }
        let idx = match self.idx_of_step.get(&address) {
            Some(idx) => *idx,
            None => self.add_step(step, address),
        };
        self.last_step = (address, idx);
        idx
    }

    #[cold]
    fn add_step(&mut self, step: &Bound<'_, PyStep>, address: usize) -> u32 {
        let declared = step.get();
        let idx = self.names.add_step(declared.name());
        let touches = match declared.declared() {
            Declared::Nothing | Declared::Computed(_) => Vec::new(),
            Declared::Anything => vec![Touch::Anything],
            Declared::Names { reads, writes } => self.named_touches(reads, writes),
        };
        self.touches_of_step.push(touches.into());
        self.has_kept |= declared.is_kept();
        self.steps.push(step.clone().unbind());
        self.idx_of_step.insert(address, idx);
        idx
    }

    /// Adds the steps that may be called for those that were, and for these.
    pub(crate) fn add_merged_steps(&mut self, py: Python<'_>) {
        let mut at = 0;
        while at < self.steps.len() {
            let step = self.steps[at].clone_ref(py);
            for (_, merged) in step.get().merges() {
                if merged.get().is_combinable() {
                    self.step_idx(merged.bind(py));
                }
            }
            at += 1;
        }
    }

    #[inline]
    pub(crate) fn push_node(&mut self, node: u32) {
        self.args.push(Arg::new(Source::Result(node)));
    }

    #[inline]
    pub(crate) fn push_parameter(&mut self, idx: u32) {
        self.args.push(Arg::new(Source::Parameter(idx)));
    }

    #[inline]
    pub(crate) fn push_object(&mut self, object: Py<PyAny>) {
        self.args.push(Arg::new(Source::Constant(self.constants.len() as u32)));
        self.constants.push(object);
    }

    /// Pushes an argument that is a handle of `draft` or a plain object; false when it may be more.
    #[inline]
    pub(crate) fn push_simple(&mut self, draft: &Arc<Draft>, argument: Borrowed<'_, '_, PyAny>) -> bool {
        if let Ok(handle) = argument.cast_exact::<PyHandle>() {
            let handle = handle.get();
            if !Arc::ptr_eq(handle.draft(), draft) {
                return false;
            }
            match handle.target() {
                Target::Node(node) => self.push_node(*node),
                Target::Parameter(idx) => self.push_parameter(*idx),
                Target::Each(_) => return false,
            }
            return true;
        }
        let is_plain = argument.is_exact_instance_of::<PyInt>()
            || argument.is_exact_instance_of::<PyString>()
            || self.plain_types.contains(&argument.get_type_ptr().addr());
        if is_plain {
            self.push_object(argument.to_owned().unbind());
        }
        is_plain
    }

    /// Remembers classes whose instances need not be looked into.
    pub(crate) fn add_plain_types(&mut self, addresses: Vec<usize>) {
        self.plain_types.extend(addresses);
    }

    /// Marks where the arguments of the next node begin.
    pub(crate) fn mark(&self) -> (usize, usize) {
        (self.args.len(), self.constants.len())
    }

    /// Forgets the arguments that were pushed since a mark.
    pub(crate) fn reset(&mut self, (n_args, n_constants): (usize, usize)) {
        self.args.truncate(n_args);
        self.constants.truncate(n_constants);
    }

    pub(crate) fn push_leaf(&mut self, leaf: Leaf) {
        match leaf {
            Leaf::Node(node) => self.push_node(node),
            Leaf::Parameter(idx) => self.push_parameter(idx),
            Leaf::Object(object) => self.push_object(object),
        }
    }

    /// Ends a node whose arguments were pushed, and returns its id.
    #[inline]
    pub(crate) fn end_node(&mut self, step: &Bound<'_, PyStep>, flags: u32) -> u32 {
        let node = self.flags.len() as u32;
        let step_idx = self.step_idx(step);
        self.names.add_node(step_idx);
        self.flags.push(flags);
        self.arg_offsets.push(self.args.len() as u32);
        for touch in &self.touches_of_step[step_idx as usize] {
            self.touches.push((NodeId::new(node), *touch));
        }
        node
    }

    /// Adds touches whose names were computed from the arguments of `node`.
    pub(crate) fn add_touches(&mut self, node: u32, names: &ComputedNames) {
        for touch in self.named_touches(&names.reads, &names.writes) {
            self.touches.push((NodeId::new(node), touch));
        }
    }

    /// A copy that shares the Python objects: a builder can be prepared again and again.
    pub(crate) fn clone_ref(&self, py: Python<'_>) -> Self {
        Self {
            names: self.names.clone(),
            steps: self.steps.iter().map(|step| step.clone_ref(py)).collect(),
            idx_of_step: self.idx_of_step.clone(),
            touches_of_step: self.touches_of_step.clone(),
            last_step: self.last_step,
            effects: self.effects.clone(),
            plain_types: self.plain_types.clone(),
            flags: self.flags.clone(),
            arg_offsets: self.arg_offsets.clone(),
            args: self.args.clone(),
            constants: self.constants.iter().map(|constant| constant.clone_ref(py)).collect(),
            nestings: self.nestings.iter().map(|nesting| nesting.clone_ref(py)).collect(),
            touches: self.touches.clone(),
            after: self.after.clone(),
            after_named: self.after_named.clone(),
            parameters: self
                .parameters
                .iter()
                .map(|parameter| Parameter {
                    name: parameter.name.clone(),
                    default: parameter.default.as_ref().map(|default| default.clone_ref(py)),
                    kind: parameter.kind,
                })
                .collect(),
            has_kept: self.has_kept,
        }
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        traverse(visit, &self.steps, &self.constants, &self.nestings, &self.parameters)
    }
}

/// Shows what a recording, or the program made of it, holds to the garbage collector.
pub(crate) fn traverse(
    visit: &PyVisit<'_>,
    steps: &[Py<PyStep>],
    constants: &[Py<PyAny>],
    nestings: &[Nesting],
    parameters: &[Parameter],
) -> Result<(), PyTraverseError> {
    for step in steps {
        visit.call(step)?;
    }
    for constant in constants {
        visit.call(constant)?;
    }
    for nesting in nestings {
        if let Some(keywords) = &nesting.keywords {
            visit.call(keywords)?;
        }
        for rebuild in nesting.shapes.iter().flat_map(Shape::callables) {
            visit.call(rebuild)?;
        }
    }
    for parameter in parameters {
        if let Some(default) = &parameter.default {
            visit.call(default)?;
        }
    }
    Ok(())
}
