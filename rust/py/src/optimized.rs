//! Programs as they are run: whole, or what the passes of the core leave of them.

use std::borrow::Cow;
use std::sync::Arc;

use makespan_core::graph::{Graph, NodeId};
use makespan_core::optimize::{Answered, Called, Fate, LeftOut, Passes, Rewrite, Word, combined, cut_off};
use makespan_core::plan::checks_first;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyFloat, PyInt, PyString, PyTuple};
use rustc_hash::FxHashMap;

use crate::argument::{Nesting, Op, Shape, Source};
use crate::calls::Calls;
use crate::error::{BindError, BindResult};
use crate::program::Program;
use crate::recording::flag;
use crate::step::PyStep;

/// The passes of `makespan.abc.RunOptions`, by name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Switches {
    pub(crate) passes: Passes,
    /// Take results from the cache.
    pub(crate) cache: bool,
    /// Put cheap checks first.
    pub(crate) check: bool,
    /// Make one call for two where that is declared.
    pub(crate) combine: bool,
}

impl FromPyObject<'_, '_> for Switches {
    type Error = PyErr;

    fn extract(names: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let mut passes = Passes { prune: false, dedupe: false };
        let (mut cache, mut check, mut combine) = (false, false, false);
        for name in names.extract::<Vec<String>>()? {
            match name.as_str() {
                "prune" => passes.prune = true,
                "dedupe" => passes.dedupe = true,
                "combine" => combine = true,
                "cache" => cache = true,
                "check" => check = true,
                _ => {
                    let value = names.to_owned().unbind();
                    let expected = "names of passes, among prune, dedupe, combine, cache and check";
                    return Err(BindError::Argument { argument: "passes".to_owned(), value, expected }.into());
                }
            }
        }
        Ok(Self { passes, cache, check, combine })
    }
}

/// A program, and those of its calls that are made.
#[derive(Debug)]
pub(crate) struct Optimized {
    pub(crate) program: Arc<Program>,
    pub(crate) calls: Arc<Calls>,
    /// None where every call is made.
    rewrite: Option<Rewrite>,
    /// By call, the step that is called; empty where it is that of the node.
    step_of_call: Vec<u32>,
    /// By call, whether its result is at hand; empty where none is.
    answered: Vec<bool>,
    /// Cheap checks are put first.
    puts_checks_first: bool,
}

impl Optimized {
    /// Rewrites a program by the passes; costs nothing where no step is pure.
    pub(crate) fn new(
        py: Python<'_>,
        program: &Arc<Program>,
        switches: Switches,
        is_pure: impl Fn(&PyStep) -> bool,
    ) -> Self {
        let rewrite = rewrite_of(py, program, switches.passes, is_pure);
        let calls = match &rewrite {
            None => Arc::clone(&program.calls),
            Some(rewrite) => Arc::new(program.calls.rewritten(rewrite)),
        };
        let mut optimized = Self {
            program: Arc::clone(program),
            calls,
            rewrite,
            step_of_call: Vec::new(),
            answered: Vec::new(),
            puts_checks_first: switches.check,
        };
        if switches.combine && program.has_merges() {
            optimized.combine(py);
        }
        optimized
    }

    /// Makes one call for two where that is declared.
    fn combine(&mut self, py: Python<'_>) {
        let (program, calls) = (&self.program, &self.calls);
        let mut n_uses = vec![0_u32; calls.n_nodes()];
        for call in 0..calls.n_nodes() {
            calls.data_parents(call).for_each(|before| n_uses[before as usize] += 1);
        }
        let is_ordered = calls.is_ordered();
        let is_combinable: Vec<bool> = program.steps.iter().map(|step| step.get().is_combinable()).collect();
        let is_free = |call: usize| is_combinable[self.step_idx(call)] && !is_ordered[call];
        // Positional arguments, of calls that have only flat ones.
        let mut n_positional: Vec<usize> = (0..calls.n_nodes())
            .map(|call| {
                let args = calls.args_of(call);
                match args.last().map(|arg| arg.source()) {
                    Some(Source::Constant(idx)) if calls.flags[call] & flag::KEYWORDS != 0 => {
                        let names = program.constants[idx as usize].bind(py).cast_exact::<PyTuple>();
                        args.len() - 1 - names.map_or(0, PyTupleMethods::len)
                    }
                    Some(_) | None => args.len(),
                }
            })
            .collect();
        let has_first: Vec<bool> = n_positional.iter().map(|n| *n > 0).collect();
        let is_flat = |call: usize, other: u32| calls.flags[call] & (flag::NESTED | other) == 0;
        let producer = |call: usize| {
            let before = calls.args_of(call).first().filter(|_| has_first[call])?.node()?;
            let idx = before as usize;
            let is_only_use = n_uses[idx] == 1 && !calls.kept[idx];
            let are_free = is_free(call) && is_free(idx);
            (is_only_use && are_free && is_flat(call, 0) && is_flat(idx, flag::KEYWORDS)).then_some(before)
        };
        let merged = |producer: Called, consumer: Called| {
            let step = &program.steps[producer.step as usize];
            // What follows would take the place of an argument that is left to its default.
            if !step.get().is_filled_by(n_positional[producer.call]) {
                return None;
            }
            let merges = program.steps[consumer.step as usize].get().merges();
            let (_, both) = merges.iter().find(|(declared, _)| declared.is(step))?;
            let idx = program.steps.iter().position(|step| step.is(both))?;
            n_positional[consumer.call] += n_positional[producer.call] - 1;
            Some(idx as u32)
        };
        let step_of_call = (0..calls.n_nodes()).map(|call| self.step_idx(call) as u32).collect();
        let Some(found) = combined(step_of_call, producer, merged) else {
            return;
        };
        let next = Rewrite::of_combined(&found);
        let calls = Arc::new(calls.combined(&found, &next));
        self.step_of_call = next.old_of_new().iter().map(|call| found.step_of_call[*call as usize]).collect();
        self.calls = calls;
        self.rewrite = Some(match &self.rewrite {
            None => next,
            Some(rewrite) => rewrite.then(&next),
        });
    }

    /// Leaves out what is not needed when some results are at hand; `answer` tells of a call whether its is.
    ///
    /// None where no result is.
    pub(crate) fn cut_off(&self, answer: impl FnMut(usize) -> bool) -> Option<Self> {
        let calls = &self.calls;
        let mut is_root: Vec<bool> = calls.kept.to_vec();
        let mut is_taken = vec![false; self.n_nodes()];
        for call in 0..self.n_nodes() {
            calls.data_parents(call).for_each(|before| is_taken[before as usize] = true);
        }
        let is_pure: Vec<bool> = self.program.steps.iter().map(|step| step.get().is_pure()).collect();
        let is_ordered = calls.is_ordered();
        for (call, is_root) in is_root.iter_mut().enumerate() {
            // What is not pure is done whoever needs it; what nobody takes is there for another pass to leave out.
            *is_root |= is_ordered[call] || !is_taken[call] || !is_pure[self.step_idx(call)];
        }
        let Answered { is_needed, is_answered } =
            cut_off(self.n_nodes(), |call| is_root[call], |call| calls.data_parents(call), answer);
        if !is_answered.contains(&true) {
            return None;
        }
        let next = Rewrite::of_needed(&is_needed);
        let calls = Arc::new(calls.answered(&is_answered, next.as_ref()));
        let step_of_call = match &next {
            Some(next) if !self.step_of_call.is_empty() => {
                next.old_of_new().iter().map(|call| self.step_of_call[*call as usize]).collect()
            }
            Some(_) | None => self.step_of_call.clone(),
        };
        let answered = is_answered.into_iter().zip(&is_needed).filter(|(_, is_needed)| **is_needed);
        let rewrite = match (&self.rewrite, next) {
            (None, next) => next,
            (Some(rewrite), None) => Some(rewrite.clone()),
            (Some(rewrite), Some(next)) => Some(rewrite.then(&next)),
        };
        let answered = answered.map(|(is_answered, _)| is_answered).collect();
        let puts_checks_first = self.puts_checks_first;
        Some(Self {
            program: Arc::clone(&self.program),
            calls,
            rewrite,
            step_of_call,
            answered,
            puts_checks_first,
        })
    }

    /// Whether the result of a call is at hand.
    pub(crate) fn is_answered(&self, call: usize) -> bool {
        self.answered.get(call).copied().unwrap_or(false)
    }

    pub(crate) fn n_nodes(&self) -> usize {
        self.calls.n_nodes()
    }

    pub(crate) fn graph(&self) -> BindResult<Arc<Graph>> {
        self.calls.graph().map_err(|error| self.program.named(error))
    }

    /// The program's id of a call that is made.
    pub(crate) fn node_of(&self, call: u32) -> u32 {
        self.rewrite.as_ref().map_or(call, |rewrite| rewrite.old_of_new()[call as usize])
    }

    /// The call whose result stands for that of a node; none for a pruned one.
    pub(crate) fn call_of(&self, node: u32) -> Option<u32> {
        let Some(rewrite) = &self.rewrite else {
            return Some(node);
        };
        let call = rewrite.new_of_old()[node as usize];
        (call != Rewrite::GONE).then_some(call)
    }

    /// What is known by node, by call.
    pub(crate) fn by_call<'a, T: Copy>(&self, of_node: &'a [T]) -> Cow<'a, [T]> {
        match &self.rewrite {
            None => Cow::Borrowed(of_node),
            Some(rewrite) => rewrite.old_of_new().iter().map(|node| of_node[*node as usize]).collect(),
        }
    }

    /// By node, the node whose result stands for its own, itself where it runs; none for a pruned one.
    pub(crate) fn representatives(&self) -> Vec<Option<u32>> {
        let nodes = 0..self.program.n_nodes() as u32;
        nodes.map(|node| self.call_of(node).map(|call| self.node_of(call))).collect()
    }

    /// What became of a node.
    pub(crate) fn fate(&self, node: u32) -> Fate {
        self.rewrite.as_ref().map_or(Fate::Runs, |rewrite| rewrite.fate(node))
    }

    /// How many nodes do not run.
    pub(crate) fn n_left_out(&self) -> LeftOut {
        self.rewrite.as_ref().map_or_else(LeftOut::default, Rewrite::n_left_out)
    }

    /// The calls in an order with cheap checks first; the order itself where there are none.
    pub(crate) fn checks_first(&self, graph: &Graph, order: Vec<NodeId>) -> Vec<NodeId> {
        match &self.program.cheap_checks {
            Some(of_step) if self.puts_checks_first => {
                checks_first(graph, order, |call| of_step[self.step_idx(call.index())])
            }
            Some(_) | None => order,
        }
    }

    /// Whether program order may have to give way to checks.
    pub(crate) fn has_checks_to_put_first(&self) -> bool {
        self.puts_checks_first && self.program.cheap_checks.is_some()
    }

    /// The index of the step that a call is of.
    pub(crate) fn step_idx(&self, call: usize) -> usize {
        let step_idx = self.step_of_call.get(call);
        let of_node = || self.program.names.step_of_node()[self.node_of(call as u32) as usize];
        step_idx.copied().unwrap_or_else(of_node) as usize
    }
}

fn rewrite_of(
    py: Python<'_>,
    program: &Program,
    passes: Passes,
    is_pure: impl Fn(&PyStep) -> bool,
) -> Option<Rewrite> {
    let mut classes: FxHashMap<usize, u32> = FxHashMap::default();
    // Steps of one function are one class, whatever their options; steps that are not pure have none.
    let class_of_step: Vec<Option<u32>> = program
        .steps
        .iter()
        .map(|step| {
            let step = step.bind(py).get();
            let n_classes = classes.len() as u32;
            is_pure(step).then(|| *classes.entry(step.function().as_ptr().addr()).or_insert(n_classes))
        })
        .collect();
    if classes.is_empty() {
        return None;
    }
    let calls = &program.calls;
    let step_of_node = program.names.step_of_node();
    let is_ordered = calls.is_ordered();
    let class_of = |node: usize| class_of_step[step_of_node[node] as usize];
    // A check is there for its failing: nobody needs its result, and yet it is not left out.
    let is_check_step: Vec<bool> = program.steps.iter().map(|step| step.get().is_cheap_check()).collect();
    let is_check = |node: usize| is_check_step[step_of_node[node] as usize];
    let numbers = passes.dedupe.then(|| Numbers::of_program(py, program, |node| class_of(node).is_some()));
    Rewrite::of(
        calls.n_nodes(),
        passes,
        |node| class_of(node).is_none() || is_ordered[node],
        |node| calls.kept[node] || is_check(node),
        |node| calls.data_parents(node),
        |node, signature| {
            let (Some(class), Some(numbers)) = (class_of(node), &numbers) else {
                return false;
            };
            let flags = calls.flags[node];
            signature.push(Word::Value(class));
            signature.push(Word::Value(match flags & flag::NESTED {
                0 => flags & flag::KEYWORDS,
                _ => numbers.nestings[(flags >> flag::N_BITS) as usize] + 2,
            }));
            signature.extend(calls.args_of(node).iter().map(|arg| match arg.source() {
                Source::Result(before) => Word::Result(before),
                Source::Constant(idx) => Word::Value(numbers.constants[idx as usize]),
                Source::Parameter(idx) => Word::Value(numbers.n_constants + idx),
            }));
            true
        },
    )
}

/// What is the same has the same number: constants of a program, and ways to nest arguments.
struct Numbers {
    /// By index; 0 for those that no pure step takes.
    constants: Vec<u32>,
    n_constants: u32,
    /// By index.
    nestings: Vec<u32>,
}

/// What makes two constants the same: the value of those that cannot change, the identity of all others.
#[derive(PartialEq, Eq, Hash)]
enum Sameness<'a> {
    Object(usize),
    Int(i64),
    /// By its bits: zeros of both signs are two, as a function may tell them apart.
    Float(u64),
    Text(&'a str),
    Bytes(&'a [u8]),
    /// A tuple, by the identity of its members: the names of keywords are one.
    Tuple(Vec<usize>),
}

impl<'a> Sameness<'a> {
    #[inline]
    fn of(object: &'a Bound<'_, PyAny>) -> Self {
        let identity = Self::Object(object.as_ptr().addr());
        if let Ok(text) = object.cast_exact::<PyString>() {
            return text.to_str().map_or(identity, Self::Text);
        }
        if object.is_exact_instance_of::<PyInt>() {
            return object.extract().map_or(identity, Self::Int);
        }
        if let Ok(number) = object.cast_exact::<PyFloat>() {
            return Self::Float(number.value().to_bits());
        }
        if let Ok(bytes) = object.cast_exact::<PyBytes>() {
            return Self::Bytes(bytes.as_bytes());
        }
        if let Ok(tuple) = object.cast_exact::<PyTuple>() {
            return Self::Tuple(tuple.iter_borrowed().map(|member| member.as_ptr().addr()).collect());
        }
        identity
    }
}

/// The form of nested arguments, without their leaves.
#[derive(PartialEq, Eq, Hash)]
enum Form {
    Leaf(u32),
    List(u32),
    Tuple(u32),
    Dict(u32),
    Call(usize, u32),
    EndOfArgument,
    Keyword(String),
}

impl Numbers {
    fn of_program(py: Python<'_>, program: &Program, is_signed: impl Fn(usize) -> bool) -> Self {
        let calls = &program.calls;
        let bound: Vec<&Bound<'_, PyAny>> =
            program.constants.iter().map(|constant| constant.bind(py)).collect();
        let mut known: FxHashMap<Sameness<'_>, u32> = FxHashMap::default();
        let mut constants = vec![0; bound.len()];
        for node in (0..calls.n_nodes()).filter(|node| is_signed(*node)) {
            for arg in calls.args_of(node) {
                if let Source::Constant(idx) = arg.source() {
                    let n_known = known.len() as u32;
                    let number = *known.entry(Sameness::of(bound[idx as usize])).or_insert(n_known);
                    constants[idx as usize] = number;
                }
            }
        }
        let mut forms: FxHashMap<Vec<Form>, u32> = FxHashMap::default();
        let nestings = program
            .nestings
            .iter()
            .map(|nesting| {
                let n_known = forms.len() as u32;
                *forms.entry(form(py, nesting)).or_insert(n_known)
            })
            .collect();
        Self { constants, n_constants: known.len() as u32, nestings }
    }
}

fn form(py: Python<'_>, nesting: &Nesting) -> Vec<Form> {
    let mut form = Vec::new();
    for shape in &nesting.shapes {
        match shape {
            Shape::Leaf(k) => form.push(Form::Leaf(*k)),
            Shape::Nested(ops) => form.extend(ops.iter().map(|op| match op {
                Op::Leaf(k) => Form::Leaf(*k),
                Op::List(n) => Form::List(*n),
                Op::Tuple(n) => Form::Tuple(*n),
                Op::Dict(n) => Form::Dict(*n),
                Op::Call(rebuild, n) => Form::Call(rebuild.as_ptr().addr(), *n),
            })),
        }
        form.push(Form::EndOfArgument);
    }
    if let Some(keywords) = &nesting.keywords {
        form.extend(keywords.bind(py).iter().map(|name| Form::Keyword(name.to_string())));
    }
    form
}
