//! Caching in a run: the keys of calls, which results are at hand before anything runs, and look-ups when a call is due.
//!
//! The key of a call is made of its step (code, or declared version), its scope, and its arguments. Where everything upstream
//! is pure, an argument that another call returns counts by the key of that call, so that the key is known before the run;
//! when the call is due, by its value.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use makespan_core::cache::Key;
use makespan_core::key::{self, Container};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyTuple};
use rustc_hash::FxHashMap;

use crate::argument::{Arg, Op, Shape, Source};
use crate::digest::{Durable, KeyError, encode};
use crate::error::{self, BindError, BindResult};
use crate::optimized::Optimized;
use crate::program::Program;
use crate::recording::flag;
use crate::result_cache::{CallOrigin, Entry, OwnFlight, PyResultCache};
use crate::step::PyStep;

static VERSION_OF: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static SCOPE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// What caching takes of a program: found out once.
#[derive(Debug)]
pub(crate) struct CachedSteps {
    /// By step: what its calls' keys begin with. Of pure steps whose code can be told from other code.
    versions: Vec<Option<Key>>,
    /// By step; there where its results are cached.
    kept: Vec<Option<Kept>>,
}

/// How the results of a step are kept.
#[derive(Debug)]
struct Kept {
    origin: Arc<CallOrigin>,
    /// None for as long as the cache says.
    ttl_ns: Option<u64>,
    /// None where failures are not kept.
    failures_ns: Option<u64>,
}

impl CachedSteps {
    /// None where the results of no step are cached; an error where such a step has no version.
    pub(crate) fn of_program(py: Python<'_>, program: &Program) -> BindResult<Option<Self>> {
        let steps: Vec<&PyStep> = program.steps.iter().map(|step| step.bind(py).get()).collect();
        if steps.iter().all(|step| step.caching().is_none()) {
            return Ok(None);
        }
        let version_of = VERSION_OF.get_or_try_init(py, || {
            Ok::<_, PyErr>(py.import("makespan.code_version")?.getattr("version_of")?.unbind())
        })?;
        let mut versions = Vec::with_capacity(steps.len());
        let mut kept = Vec::with_capacity(steps.len());
        for (step, native) in program.steps.iter().zip(steps) {
            let version = match version_of.bind(py).call1((step,)) {
                _ if !native.is_pure() => None,
                Ok(version) => Some(version.extract::<Key>()?),
                Err(error) if native.caching().is_some() => return Err(error.into()),
                // Its calls have no keys, nor have those that take their results.
                Err(_) => None,
            };
            versions.push(version);
            kept.push(native.caching().map(|caching| Kept {
                origin: Arc::new(CallOrigin {
                    step: native.name().to_owned(),
                    workflow: program.names.workflow.clone(),
                }),
                ttl_ns: caching.ttl_ns,
                failures_ns: caching.failures_ns,
            }));
        }
        Ok(Some(Self { versions, kept }))
    }

    /// Whether the results of a step are cached.
    pub(crate) fn is_cached(&self, step_idx: usize) -> bool {
        self.kept[step_idx].is_some()
    }

    /// By step, what the keys of its calls begin with in a scope.
    fn prefixes(&self, py: Python<'_>, program: &Program, scope: &str) -> Vec<Option<Key>> {
        let in_scope = |(version, step): (&Option<Key>, &Py<PyStep>)| {
            let version = (*version)?;
            let is_shared = step.bind(py).get().caching().is_none_or(|caching| caching.is_shared);
            if scope.is_empty() || is_shared {
                return Some(version);
            }
            let mut sink = Durable::default();
            key::put_call(&mut sink, &version);
            key::put_text(&mut sink, scope);
            Some(sink.digest())
        };
        self.versions.iter().zip(&program.steps).map(in_scope).collect()
    }
}

/// The scope that the calling context is in.
fn scope(py: Python<'_>) -> PyResult<String> {
    let variable = SCOPE
        .get_or_try_init(py, || Ok::<_, PyErr>(py.import("makespan.cache")?.getattr("_scope")?.unbind()))?;
    variable.bind(py).call_method0(intern!(py, "get"))?.extract()
}

/// The cache in one run.
#[derive(Debug)]
pub(crate) struct RunCache {
    cache: Py<PyResultCache>,
    steps: Arc<CachedSteps>,
    prefixes: Vec<Option<Key>>,
    /// By position, the key that was known before the run.
    known: Vec<Option<Key>>,
    /// By position, results that are at hand.
    at_hand: FxHashMap<u32, Arc<Entry>>,
    /// By position, whether the cache had the result.
    hits: Box<[AtomicBool]>,
}

impl RunCache {
    pub(crate) fn new(
        py: Python<'_>,
        cache: &Py<PyResultCache>,
        steps: &Arc<CachedSteps>,
        program: &Program,
    ) -> PyResult<Self> {
        let prefixes = steps.prefixes(py, program, &scope(py)?);
        Ok(Self {
            cache: cache.clone_ref(py),
            steps: Arc::clone(steps),
            prefixes,
            known: Vec::new(),
            at_hand: FxHashMap::default(),
            hits: Box::new([]),
        })
    }

    /// Finds what is at hand before anything runs, and what that leaves to be run; by call of what is left.
    pub(crate) fn look_ahead(
        &self,
        py: Python<'_>,
        optimized: &Optimized,
        parameters: &[Py<PyAny>],
    ) -> BindResult<KnownCalls> {
        let keys = known_keys(py, optimized, &self.prefixes, parameters);
        let mut at_hand = FxHashMap::default();
        let mut error = None;
        let cache = self.cache.bind(py).get();
        let left = optimized.cut_off(|call| {
            let is_cached = self.steps.is_cached(optimized.step_idx(call));
            let Some(key) = keys[call].filter(|_| is_cached && error.is_none()) else {
                return false;
            };
            match cache.peek(py, &key) {
                Ok(Some(entry)) => at_hand.insert(call as u32, entry).is_none(),
                Ok(None) => false,
                Err(raised) => {
                    error = Some(raised);
                    false
                }
            }
        });
        match (error, left) {
            (Some(error), _) => Err(error),
            (None, None) => Ok(KnownCalls { keys, at_hand, left: None }),
            (None, Some(left)) => {
                let old_of_new: Vec<u32> = (0..left.n_nodes() as u32)
                    .filter_map(|call| optimized.call_of(left.node_of(call)))
                    .collect();
                let entry = |(new, old): (u32, &u32)| at_hand.remove(old).map(|entry| (new, entry));
                Ok(KnownCalls {
                    keys: old_of_new.iter().map(|call| keys[*call as usize]).collect(),
                    at_hand: (0..).zip(&old_of_new).filter_map(entry).collect(),
                    left: Some(Arc::new(left)),
                })
            }
        }
    }

    /// Takes in where the calls stand; `known` are those of `look_ahead`, `position_of` by call.
    pub(crate) fn place(
        mut self,
        n_positions: usize,
        known: Option<KnownCalls>,
        position_of: impl Fn(u32) -> u32,
    ) -> Self {
        if let Some(known) = known {
            self.known = vec![None; n_positions];
            for (call, key) in (0..).zip(known.keys) {
                self.known[position_of(call) as usize] = key;
            }
            let placed = |(call, entry)| (position_of(call), entry);
            self.at_hand = known.at_hand.into_iter().map(placed).collect();
        }
        self.hits = (0..n_positions).map(|_| AtomicBool::new(false)).collect();
        self
    }

    pub(crate) fn cache<'py>(&self, py: Python<'py>) -> &Bound<'py, PyResultCache> {
        self.cache.bind(py)
    }

    /// The result of the node at a position, where it was found before the run.
    pub(crate) fn at_hand(&self, position: usize) -> Option<&Arc<Entry>> {
        self.at_hand.get(&(position as u32))
    }

    /// The key of the node at a position, where it was known before the run.
    pub(crate) fn known(&self, position: usize) -> Option<&Key> {
        self.known.get(position).and_then(Option::as_ref)
    }

    pub(crate) fn note_hit(&self, position: usize) {
        self.hits[position].store(true, Ordering::Relaxed);
    }

    /// Positions whose result the cache had, ascending.
    pub(crate) fn hits(&self) -> Vec<u32> {
        let is_hit = |(position, hit): (u32, &AtomicBool)| hit.load(Ordering::Relaxed).then_some(position);
        (0..).zip(&self.hits).filter_map(is_hit).collect()
    }

    /// The key of a call by the values of its arguments.
    pub(crate) fn key_of_values(
        &self,
        step_idx: usize,
        step: &PyStep,
        args: &[Bound<'_, PyAny>],
        names: Option<&Bound<'_, PyTuple>>,
    ) -> Result<Key, KeyError> {
        let mut sink = Durable::default();
        if let Some(prefix) = &self.prefixes[step_idx] {
            key::put_call(&mut sink, prefix);
        }
        put_arguments(&mut sink, step, args, names, |sink, arg, name| encode(arg, name, sink))?;
        Ok(sink.digest())
    }
}

/// What is known of the calls of a run before it begins; by call of what is left.
#[derive(Debug)]
pub(crate) struct KnownCalls {
    keys: Vec<Option<Key>>,
    at_hand: FxHashMap<u32, Arc<Entry>>,
    /// What is left to be run; none where that is everything.
    pub(crate) left: Option<Arc<Optimized>>,
}

fn ignored(step: &PyStep, name: &str) -> bool {
    step.caching().is_some_and(|caching| caching.ignores(name))
}

/// Puts arguments, positional ones first, `names` those of the last ones; without what is no part of the key.
fn put_arguments<T>(
    sink: &mut Durable,
    step: &PyStep,
    args: &[T],
    names: Option<&Bound<'_, PyTuple>>,
    put: impl Fn(&mut Durable, &T, &str) -> Result<(), KeyError>,
) -> Result<(), KeyError> {
    let (positional, by_name) = args.split_at(args.len() - names.map_or(0, PyTupleMethods::len));
    for (idx, arg) in positional.iter().enumerate() {
        match step.argument_name(idx) {
            Some(name) if ignored(step, name) => {}
            Some(name) => put(sink, arg, name)?,
            None => put(sink, arg, &format!("args[{idx}]"))?,
        }
    }
    for (name, arg) in names.into_iter().flat_map(PyTupleMethods::iter).zip(by_name) {
        let name = name.cast_into::<PyString>().map_err(PyErr::from)?;
        let name = name.to_str()?;
        if !ignored(step, name) {
            key::begin_keyword(sink, name);
            put(sink, arg, name)?;
        }
    }
    Ok(())
}

/// By call, the key that it has before anything runs; none where it depends on something that is not pure, or has no key.
fn known_keys(
    py: Python<'_>,
    optimized: &Optimized,
    prefixes: &[Option<Key>],
    parameters: &[Py<PyAny>],
) -> Vec<Option<Key>> {
    let program = &optimized.program;
    // What is ordered by hand may depend on what happens before it: what its arguments are is not known yet.
    let mut is_ordered = vec![false; optimized.n_nodes()];
    for (_, after) in &optimized.calls.after {
        is_ordered[after.index()] = true;
    }
    let mut keys: Vec<Option<Key>> = Vec::with_capacity(optimized.n_nodes());
    // The results of these are valid for a time, and so is what is made of them: only values tell.
    let mut is_passing: Vec<bool> = Vec::with_capacity(optimized.n_nodes());
    for (call, is_ordered) in is_ordered.into_iter().enumerate() {
        let step_idx = optimized.step_idx(call);
        let step = program.steps[step_idx].bind(py).get();
        let takes_passing = optimized.calls.data_parents(call).any(|before| is_passing[before as usize]);
        is_passing.push(step.caching().is_some_and(|caching| caching.ttl_ns.is_some()));
        let key = prefixes[step_idx].as_ref().filter(|_| !is_ordered && !takes_passing);
        // An argument without a key, a file that is not there yet: the node itself will say so, if it has to.
        keys.push(
            key.and_then(|prefix| known_key(py, optimized, call, step, prefix, &keys, parameters).ok()),
        );
    }
    keys
}

fn known_key(
    py: Python<'_>,
    optimized: &Optimized,
    call: usize,
    step: &PyStep,
    prefix: &Key,
    keys: &[Option<Key>],
    parameters: &[Py<PyAny>],
) -> Result<Key, KeyError> {
    let program = &optimized.program;
    let flags = optimized.calls.flags[call];
    let args = optimized.calls.args_of(call);
    let unknown = || KeyError::Unkeyable { path: String::new(), reason: String::new() };
    let put_leaf = |sink: &mut Durable, arg: Arg, name: &str| match arg.source() {
        Source::Result(before) => {
            key::put_call(sink, keys.get(before as usize).and_then(Option::as_ref).ok_or_else(unknown)?);
            Ok(())
        }
        Source::Constant(idx) => encode(program.constants[idx as usize].bind(py), name, sink),
        Source::Parameter(idx) => encode(parameters[idx as usize].bind(py), name, sink),
    };
    let mut sink = Durable::default();
    key::put_call(&mut sink, prefix);
    if flags & flag::NESTED != 0 {
        let nesting = &program.nestings[(flags >> flag::N_BITS) as usize];
        let names = nesting.keywords.as_ref().map(|names| names.bind(py));
        put_arguments(&mut sink, step, &nesting.shapes, names, |sink, shape, name| match shape {
            Shape::Leaf(k) => put_leaf(sink, args[*k as usize], name),
            Shape::Nested(ops) => put_ops(sink, ops, &|sink, k| put_leaf(sink, args[k as usize], name)),
        })?;
        return Ok(sink.digest());
    }
    let (values, names) = match args.split_last() {
        Some((last, rest)) if flags & flag::KEYWORDS != 0 => {
            let names = program.constants[last.index()].bind(py);
            (rest, Some(names.cast::<PyTuple>().map_err(PyErr::from)?))
        }
        Some(_) | None => (args, None),
    };
    put_arguments(&mut sink, step, values, names, |sink, arg, name| put_leaf(sink, *arg, name))?;
    Ok(sink.digest())
}

/// A container that is rebuilt around results: its instructions, in postfix order, say exactly what it is.
fn put_ops(
    sink: &mut Durable,
    ops: &[Op],
    put_leaf: &impl Fn(&mut Durable, u32) -> Result<(), KeyError>,
) -> Result<(), KeyError> {
    key::begin_rebuilt(sink, ops.len());
    for op in ops {
        match op {
            Op::Leaf(k) => {
                key::put_leaf(sink);
                put_leaf(sink, *k)?;
            }
            Op::List(n) => key::begin(sink, Container::List, *n as usize),
            Op::Tuple(n) => key::begin(sink, Container::Tuple, *n as usize),
            Op::Dict(n) => key::begin(sink, Container::Dict, *n as usize),
            // A class of the user's: its name may not tell it from others.
            Op::Call(..) => {
                return Err(KeyError::Unkeyable { path: String::new(), reason: String::new() });
            }
        }
    }
    Ok(())
}

/// What a look-up found.
#[derive(Debug)]
pub(crate) enum LookedUp<'py> {
    Found(Arc<Entry>),
    Missing(Missing<'py>),
}

/// A call whose result is not in the cache.
#[derive(Debug)]
pub(crate) struct Missing<'py> {
    pub(crate) key: Key,
    /// A second key for its result.
    pub(crate) link: Option<Key>,
    pub(crate) step_idx: usize,
    /// Others wait for its end; none in a call within itself.
    #[expect(dead_code, reason = "held, not read")]
    pub(crate) flight: Option<OwnFlight<'py>>,
}

impl Missing<'_> {
    /// Stores how the call ended, if that is to be kept, and lets those go on who wait for it.
    pub(crate) fn end(
        self,
        py: Python<'_>,
        cache: &RunCache,
        outcome: &PyResult<Bound<'_, PyAny>>,
    ) -> BindResult<()> {
        let Some(kept) = &cache.steps.kept[self.step_idx] else {
            return Ok(());
        };
        let native = cache.cache(py).get();
        let (value, ttl_ns, is_failure) = match (outcome, kept.failures_ns) {
            (Ok(value), _) => (value.clone().unbind(), kept.ttl_ns, false),
            (Err(error), Some(_)) if !error::ends_the_program(py, error) => {
                (error.value(py).clone().unbind().into_any(), kept.failures_ns, true)
            }
            (Err(_), _) => return Ok(()),
        };
        native.store(py, &self.key, value, is_failure, &kept.origin, ttl_ns)?;
        if let Some(link) = &self.link {
            native.link(py, link, &self.key)?;
        }
        Ok(())
    }
}

/// Names the step of a call whose argument has no key.
pub(crate) fn unkeyable(step: &PyStep, error: KeyError) -> PyErr {
    match error {
        KeyError::Unkeyable { path, reason } => {
            let path = format!("argument {path} of {}", step.name());
            PyErr::from(BindError::Unkeyable { path, reason })
        }
        KeyError::Python(error) => error,
    }
}
