//! What a run of a program that begins now would do with each node, as far as that can be known before it.

use std::sync::Arc;

use makespan_core::optimize::Fate;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::arguments;
use crate::caching::{CachedSteps, RunCache};
use crate::columns::Outcome;
use crate::error::BindResult;
use crate::optimized::{Optimized, Switches};
use crate::program::PyProgram;
use crate::recording::ParameterKind;
use crate::result_cache::PyResultCache;
use crate::step::PyStep;

/// By node, the code of the outcome that a run would have: finished where the node would be called, pruned, merged,
/// combined or cached; what only cached ones need is pruned. Results are looked up as a run does it, and count as hits.
#[pyfunction]
pub(crate) fn foreseen_outcomes(
    py: Python<'_>,
    program: &PyProgram,
    passes: Switches,
    cache: Option<Py<PyResultCache>>,
) -> BindResult<Vec<u8>> {
    let program = program.program();
    let mut optimized = Arc::new(Optimized::new(py, program, passes, PyStep::is_pure));
    let is_known = program.parameters.iter().all(|parameter| parameter.kind == ParameterKind::Bound)
        && optimized.calls.is_program_ordered();
    if let Some(cache) = cache.filter(|_| passes.cache && is_known)
        && let Some(steps) = CachedSteps::of_program(py, program)?
    {
        let parameters = arguments::bound(py, program, false, &PyTuple::empty(py), None)?;
        let cache = RunCache::new(py, &cache, &Arc::new(steps), program)?;
        if let Some(left) = cache.look_ahead(py, &optimized, &parameters)?.left {
            optimized = left;
        }
    }
    let outcome = |node: u32| match (optimized.fate(node), optimized.call_of(node)) {
        (Fate::Pruned, _) | (Fate::Runs, None) => Outcome::Pruned,
        (Fate::Merged, _) => Outcome::Merged,
        (Fate::Combined, _) => Outcome::Combined,
        (Fate::Runs, Some(call)) if optimized.is_answered(call as usize) => Outcome::Cached,
        (Fate::Runs, Some(_)) => Outcome::Finished,
    };
    Ok((0..program.n_nodes() as u32).map(|node| outcome(node) as u8).collect())
}
