//! Prepared workflows: a program that runs as often as one likes, in one crossing per run.

use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use makespan_core::predict::{UNKNOWN_NS, filled_ns};
use makespan_core::sched::FailurePolicy;
use makespan_core::sched::way::Why;
use numpy::{IntoPyArray, PyArray1};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

use crate::argument::{Arg, Source, built};
use crate::arguments;
use crate::batch::Batching;
use crate::board::Failure;
use crate::caching::{CachedSteps, RunCache};
use crate::call::{Caller, Table};
use crate::clock::clock;
use crate::columns::{Columns, Outcomes, Stretch};
use crate::context;
use crate::draft;
use crate::error::{self, BindError, BindResult};
use crate::history::{self, History, PyHistory};
use crate::joint::{Attendance, InRun};
use crate::layout::{Layout, Ordering};
use crate::needs::Needs;
use crate::optimized::{Optimized, Switches};
use crate::plain_calls;
use crate::predictor::PyPredictor;
use crate::program::{Program, PyProgram};
use crate::progress;
use crate::record::{Origin, PyRecord};
use crate::recording::{Parameter, ParameterKind};
use crate::resources::PyResources;
use crate::result_cache::PyResultCache;
use crate::run::{Ending, Run, RunParts};
use crate::solo::{Alone, SoloEnd, run_in_order};
use crate::step::PyStep;
use crate::team::Team;
use crate::way::{ChosenWay, Helpers};
use crate::workers::PyTeam;

/// A layout, and whether something was learned since it was made.
#[derive(Debug)]
struct Laid {
    layout: Option<Arc<Layout>>,
    is_stale: bool,
}

/// The native base of `makespan.PreparedWorkflow`.
#[pyclass(name = "Prepared", module = "makespan._core", frozen, subclass)]
#[derive(Debug)]
pub(crate) struct PyPrepared {
    program: Arc<Program>,
    /// The same, as the object that the garbage collector knows.
    py_program: Py<PyProgram>,
    n_workers: usize,
    policy: FailurePolicy,
    history: Arc<Mutex<History>>,
    /// The engine's; it is asked for help where the run may be shared.
    team: Py<PyTeam>,
    /// The engine's; there where some step needs something.
    resources: Option<Py<PyResources>>,
    helpers: Helpers,
    /// Why the strategy chose as it did.
    reasons: Arc<[String]>,
    passes: Switches,
    /// The order is planned where that can pay.
    plans: bool,
    /// None where no calls are put together.
    batching: Option<Batching>,
    /// What is known of steps beyond the workflow.
    predictor: Py<PyPredictor>,
    /// The predictor does not learn, and what it says prevails.
    is_pinned: bool,
    /// None where no results are taken from one.
    cache: Option<Py<PyResultCache>>,
    /// None where no step is cached; not there before it was looked at.
    cached_steps: OnceLock<Option<Arc<CachedSteps>>>,
    /// What the passes leave of the program, once it was looked at.
    optimized: OnceLock<Arc<Optimized>>,
    /// `makespan.result.RunResult`, and the function that makes an exception of failures.
    result_class: Py<PyType>,
    to_exception: Py<PyAny>,
    laid: Mutex<Laid>,
    /// Every parameter may be given by position.
    is_plain: bool,
    strategy: Arc<str>,
}

impl PyPrepared {
    fn layout(&self, py: Python<'_>, needs: Option<&Needs>) -> BindResult<Arc<Layout>> {
        {
            let laid = self.laid.lock().unwrap_or_else(PoisonError::into_inner);
            if let (Some(layout), false) = (&laid.layout, laid.is_stale) {
                return Ok(Arc::clone(layout));
            }
        }
        let layout = Arc::new(self.lay_out(py, self.optimized(py), needs)?);
        *self.laid.lock().unwrap_or_else(PoisonError::into_inner) =
            Laid { layout: Some(Arc::clone(&layout)), is_stale: false };
        Ok(layout)
    }

    /// Lays out what is left of the program.
    fn lay_out(
        &self,
        py: Python<'_>,
        optimized: &Arc<Optimized>,
        needs: Option<&Needs>,
    ) -> BindResult<Layout> {
        let mut layout = if self.helpers.may_join() {
            let expected_ns = self.expected_ns(py);
            let ordering = if self.plans { Ordering::Planned(needs) } else { Ordering::Static };
            Layout::shared(py, optimized, &expected_ns, self.n_workers, ordering)?
        } else {
            Layout::serial(py, optimized)?
        };
        if let Some(candidates) = self.batching.and_then(|batching| batching.candidates(py, &layout)) {
            layout.set_candidates(candidates);
        }
        if let Some((_, steps)) = self.caching(py)? {
            layout.set_cached(|step_idx| steps.is_cached(step_idx));
        }
        if let Some(joinable) = self.batching.and_then(|batching| batching.joinable(py, &layout)) {
            layout.set_joinable(joinable);
        }
        Ok(layout)
    }

    /// By node id, how long it is expected to take.
    fn expected_ns(&self, py: Python<'_>) -> Vec<u64> {
        let mut expected_ns = history::lock(&self.history).expected_ns(py, &self.program);
        self.predictor.get().fill(&self.program, &mut expected_ns, self.is_pinned);
        expected_ns
    }

    /// The cache, and what it takes of the program; none where nothing is cached.
    fn caching(&self, py: Python<'_>) -> BindResult<Option<(&Py<PyResultCache>, &Arc<CachedSteps>)>> {
        let Some(cache) = &self.cache else {
            return Ok(None);
        };
        let steps = if let Some(steps) = self.cached_steps.get() {
            steps
        } else {
            let steps = CachedSteps::of_program(py, &self.program)?.map(Arc::new);
            self.cached_steps.get_or_init(|| steps)
        };
        Ok(steps.as_ref().map(|steps| (cache, steps)))
    }

    /// The layout for a run, and the cache in it where something is cached.
    ///
    /// Where no parameter is free, what is in the cache is found first: what only that needs is not run. Such a layout is
    /// for one run.
    fn laid_out(
        &self,
        py: Python<'_>,
        needs: Option<&Needs>,
        parameters: &[Py<PyAny>],
    ) -> BindResult<(Arc<Layout>, Option<RunCache>)> {
        let Some((cache, steps)) = self.caching(py)? else {
            return Ok((self.layout(py, needs)?, None));
        };
        let cache = RunCache::new(py, cache, steps, &self.program)?;
        let optimized = self.optimized(py);
        let is_free = |parameter: &Parameter| parameter.kind != ParameterKind::Bound;
        let is_ordered = optimized.calls.is_program_ordered();
        let mut known = None;
        if is_ordered && !self.program.parameters.iter().any(is_free) {
            known = Some(cache.look_ahead(py, optimized, parameters)?);
        }
        let layout = match known.as_ref().and_then(|known| known.left.as_ref()) {
            Some(left) => Arc::new(self.lay_out(py, left, needs)?),
            None => self.layout(py, needs)?,
        };
        let cache = cache.place(layout.n_nodes(), known, |call| layout.position_of_call(call));
        Ok((layout, Some(cache)))
    }

    fn optimized(&self, py: Python<'_>) -> &Arc<Optimized> {
        self.optimized
            .get_or_init(|| Arc::new(Optimized::new(py, &self.program, self.passes, PyStep::is_pure)))
    }

    /// Finds what the nodes need, and refuses what the engine does not have, before anything runs.
    fn needs(&self, py: Python<'_>) -> BindResult<Option<Needs>> {
        if !self.program.has_needs {
            return Ok(None);
        }
        let Some(resources) = &self.resources else {
            return Err(error::internal(
                "a workflow whose steps need something was prepared without resources",
            )
            .into());
        };
        Needs::of_program(py, resources, self.optimized(py)).map(Some)
    }

    fn origin(&self, py: Python<'_>, why: Option<Why>) -> Origin {
        Origin {
            program: self.py_program.clone_ref(py),
            strategy: Arc::clone(&self.strategy),
            n_workers: self.n_workers,
            reasons: Arc::clone(&self.reasons),
            why,
        }
    }

    /// Runs with one worker; what others may see of it is a counter.
    fn run_alone(
        &self,
        py: Python<'_>,
        layout: &Arc<Layout>,
        parameters: Vec<Py<PyAny>>,
        cache: Option<RunCache>,
        needs: Option<Needs>,
    ) -> PyResult<(Ending, Results)> {
        let _entered = context::enter(context::copy_of_current(py)?.into_bound(py))?;
        let attendance = Attendance::of_run(layout, || self.team.get().meetings());
        let table = Table::new(layout.n_nodes(), parameters, cache, attendance);
        let watching = progress::watching();
        let unwatched = AtomicU32::new(0);
        if let Some(cell) = &watching {
            cell.follow(layout.n_nodes(), Weak::new());
        }
        let counter = watching.as_ref().map_or(&unwatched, |cell| &cell.n_finished);
        let started = clock().raw();
        let mut stretches = vec![Stretch { first: 0, started, finishes: Vec::new() }];
        let end = {
            let mut caller = Caller::new(py, layout, &table)?;
            // Where calls are put together the scheduler goes on from the first node that needs a grant, too.
            let needs = needs.as_ref().filter(|_| layout.candidates.is_none());
            // SAFETY: nobody else knows the table.
            #[expect(unsafe_code, reason = "runs nodes, see call.rs")]
            unsafe {
                run_in_order(py, layout, &mut caller, &Alone(counter), needs, &mut stretches)
            }
        };
        let mut failures = Vec::new();
        let outcomes = match end {
            SoloEnd::Finished => Outcomes::AllFinished,
            SoloEnd::Failed { position, error }
                if self.policy == FailurePolicy::Stop || crate::error::ends_the_program(py, &error) =>
            {
                if crate::error::ends_the_program(py, &error) {
                    return Err(error);
                }
                failures.push(Failure { position, error });
                Outcomes::FailedAt(position)
            }
            SoloEnd::Interrupted { error, .. } => return Err(error),
            end @ (SoloEnd::Failed { .. } | SoloEnd::Lasting { .. } | SoloEnd::Taken { .. }) => {
                // The rest goes on where it can: the scheduler knows what that is.
                let sharing = match &layout.sharing {
                    // It marks the nodes that last, so that the scheduler keeps what it is given.
                    Some(_) => None,
                    None => Some(layout.new_sharing(py)?),
                };
                let run = Run::new(RunParts {
                    layout: Arc::clone(layout),
                    program: self.py_program.clone_ref(py),
                    table,
                    sharing,
                    team: Arc::new(Team::new()),
                    context: None,
                    policy: self.policy,
                    started,
                    progress: watching.clone(),
                    needs,
                });
                let mut caller = Caller::new(py, layout, run.table())?;
                let ending = run.go_on_from(py, &mut caller, end, stretches);
                if let Some(cell) = watching {
                    cell.end(layout.n_nodes() as u32);
                }
                return Ok((ending?, Results::Shared(Arc::clone(&run))));
            }
        };
        let ended = clock().raw();
        if let Some(cell) = watching {
            let n_ran: usize = stretches.iter().map(|stretch| stretch.finishes.len()).sum();
            cell.end(n_ran as u32);
        }
        let columns = Columns {
            started,
            ended,
            solo: stretches,
            spans: Vec::new(),
            batches: Vec::new(),
            outcomes,
            cached: table.cached_positions(),
            joint: Attendance::joint_calls(table.attendance()),
        };
        Ok((Ending { columns, failures }, Results::Own(table)))
    }

    /// Runs with the help of the team.
    fn run_shared(
        &self,
        py: Python<'_>,
        team: &Bound<'_, PyTeam>,
        layout: Arc<Layout>,
        parameters: Vec<Py<PyAny>>,
        cache: Option<RunCache>,
        needs: Option<Needs>,
    ) -> PyResult<(Ending, Results)> {
        let n_helpers_max = self.n_workers - 1;
        let _claim = PyTeam::claim(team, n_helpers_max.min(layout.n_nodes() - 1), n_helpers_max)?;
        let context = context::copy_of_current(py)?;
        let _entered = context::enter_copy_of(context.bind(py))?;
        let attendance = Attendance::of_run(&layout, || team.get().meetings());
        let table = Table::new(layout.n_nodes(), parameters, cache, attendance);
        let watching = progress::watching();
        let run = Run::new(RunParts {
            layout,
            program: self.py_program.clone_ref(py),
            table,
            sharing: None,
            team: team.get().team(),
            context: Some(context),
            policy: self.policy,
            started: clock().raw(),
            progress: watching.clone(),
            needs,
        });
        let ending = run.drive(py);
        if let Some(cell) = watching {
            cell.end(run.layout().n_nodes() as u32);
        }
        Ok((ending?, Results::Shared(run)))
    }

    /// Takes the outputs and the kept results out of a run that is over.
    fn harvest(&self, py: Python<'_>, layout: &Layout, results: &Results) -> PyResult<Harvest> {
        let table = results.table();
        // SAFETY: the run is settled: no worker touches a slot any more.
        #[expect(unsafe_code, reason = "slots are shared by protocol")]
        let result = |node: u32| match layout.position_of(node) {
            Some(position) => unsafe { table.result(py, position as usize) },
            None => unreachable!("outputs and kept results are not pruned"),
        };
        let program = &self.program;
        let leaf = |arg: Arg| match arg.source() {
            Source::Result(node) => result(node),
            Source::Constant(idx) => program.constants[idx as usize].bind(py).clone(),
            Source::Parameter(idx) => table.parameter(py, idx as usize),
        };
        let value = built(py, &program.output.shape, &program.output.leaves, &leaf)?.unbind();
        let mut kept = Vec::new();
        if program.has_kept_steps {
            for (node, step_idx) in program.names.step_of_node().iter().enumerate() {
                if program.steps[*step_idx as usize].bind(py).get().is_kept() {
                    kept.push((node as u32, result(node as u32).unbind()));
                }
            }
        }
        Ok((value, kept))
    }
}

/// See `PyPrepared::expectations`.
type Expectations<'py> = (
    Bound<'py, PyArray1<u64>>,
    Bound<'py, PyArray1<bool>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<i64>>,
    Vec<String>,
);

/// A value, and results of `keep=True` steps by node id.
type Harvest = (Py<PyAny>, Vec<(u32, Py<PyAny>)>);

/// The table of a run that is over.
enum Results {
    Own(Table),
    Shared(Arc<Run>),
}

impl Results {
    fn table(&self) -> &Table {
        match self {
            Self::Own(table) => table,
            Self::Shared(run) => run.table(),
        }
    }
}

#[pymethods]
impl PyPrepared {
    #[new]
    #[expect(clippy::too_many_arguments, reason = "a record, built in one place by keyword")]
    #[pyo3(signature = (*, program, n_workers, helpers, reasons, stops_on_failure, passes, plans, batching, predictor, is_pinned, cache, history, team, resources, result_class, to_exception, strategy))]
    fn new(
        program: &Bound<'_, PyProgram>,
        n_workers: usize,
        helpers: Helpers,
        reasons: Vec<String>,
        stops_on_failure: bool,
        passes: Switches,
        plans: bool,
        batching: Option<Batching>,
        predictor: Py<PyPredictor>,
        is_pinned: bool,
        cache: Option<Py<PyResultCache>>,
        history: &Bound<'_, PyHistory>,
        team: Py<PyTeam>,
        resources: Option<Py<PyResources>>,
        result_class: Py<PyType>,
        to_exception: Py<PyAny>,
        strategy: &str,
    ) -> Self {
        let parameters = &program.get().program().parameters;
        let policy = if stops_on_failure { FailurePolicy::Stop } else { FailurePolicy::Continue };
        Self {
            program: Arc::clone(program.get().program()),
            py_program: program.clone().unbind(),
            n_workers,
            policy,
            history: history.get().shared(),
            team,
            resources,
            helpers,
            reasons: reasons.into(),
            // Where the rest goes on after a failure, nothing is gained by failing early.
            passes: Switches { check: passes.check && stops_on_failure, ..passes },
            plans,
            batching,
            predictor,
            is_pinned,
            cache: cache.filter(|_| passes.cache),
            cached_steps: OnceLock::new(),
            optimized: OnceLock::new(),
            result_class,
            to_exception,
            laid: Mutex::new(Laid { layout: None, is_stale: false }),
            is_plain: parameters.iter().all(|parameter| {
                matches!(parameter.kind, ParameterKind::Any | ParameterKind::PositionalOnly)
            }),
            strategy: strategy.into(),
        }
    }

    /// Run the workflow and return its `RunResult`.
    #[pyo3(signature = (*args, **kwargs))]
    fn run(
        slf: &Bound<'_, Self>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        let this = slf.get();
        if this.team.get().is_closed() {
            return Err(BindError::ClosedEngine.into());
        }
        let parameters = arguments::bound(py, &this.program, this.is_plain, args, kwargs)?;
        let needs = this.needs(py)?;
        let (layout, cache) = this.laid_out(py, needs.as_ref(), &parameters)?;
        let _in_run = InRun::enter();
        // Steps that a step calls are plain calls, also when this run was started by a traced body.
        let _current = draft::is_tracing().then(|| draft::make_current(None));
        let _uncounted = plain_calls::uncounted();
        let can_share = this.helpers.may_join() && layout.sharing.is_some();
        let is_chosen = can_share && this.helpers == Helpers::Chosen;
        let chosen = is_chosen.then(|| ChosenWay::now(py, &this.history)).transpose()?;
        let (ending, results) = if can_share && chosen.as_ref().is_none_or(ChosenWay::is_shared) {
            this.run_shared(py, this.team.bind(py), Arc::clone(&layout), parameters, cache, needs)?
        } else {
            this.run_alone(py, &layout, parameters, cache, needs)?
        };
        let why = chosen
            .map(|chosen| chosen.observe(py, &this.history, &ending.columns, layout.n_nodes()))
            .transpose()?;
        if history::lock(&this.history).learn(py, &layout, &ending.columns) {
            // One worker goes by program order, whatever steps take.
            this.laid.lock().unwrap_or_else(PoisonError::into_inner).is_stale = this.helpers.may_join();
            if !this.is_pinned {
                this.predictor.get().learn(&layout, &ending.columns);
            }
        }
        if ending.failures.is_empty() {
            let (value, kept) = this.harvest(py, &layout, &results)?;
            let record = PyRecord::new(layout, ending.columns, Some(value), kept, this.origin(py, why));
            return new_result(this.result_class.bind(py), Bound::new(py, record)?.as_any());
        }
        let mut failures: Vec<(u32, Py<PyAny>)> = ending
            .failures
            .into_iter()
            .map(|failure| {
                let error = failure.error.into_value(py).into_any();
                (layout.node_at(failure.position), error)
            })
            .collect();
        failures.sort_by_key(|(node, _)| *node);
        let record = PyRecord::new(layout, ending.columns, None, Vec::new(), this.origin(py, why));
        let result = new_result(this.result_class.bind(py), Bound::new(py, record)?.as_any())?;
        let error = this.to_exception.bind(py).call1((result, failures))?;
        Err(PyErr::from_value(error))
    }

    #[getter]
    fn program(&self, py: Python<'_>) -> Py<PyProgram> {
        self.py_program.clone_ref(py)
    }

    /// Name of the strategy.
    #[getter]
    fn strategy(&self) -> &str {
        &self.strategy
    }

    /// How many steps may run at once.
    #[getter]
    fn workers(&self) -> usize {
        self.n_workers
    }

    /// Node ids in the order in which one worker would run them now.
    fn order(&self, py: Python<'_>) -> BindResult<Vec<u32>> {
        let layout = self.layout(py, self.needs(py)?.as_ref())?;
        Ok((0..layout.n_nodes() as u32).map(|position| layout.node_at(position)).collect())
    }

    /// What is known before a run of the calls that are made, in program order: expected durations in nanoseconds, and
    /// whether they are known or taken to be like those; what each occupies, one row after another; how much there is of it; the names of it.
    fn expectations<'py>(&self, py: Python<'py>) -> BindResult<Expectations<'py>> {
        let optimized = self.optimized(py);
        let expected_ns = self.expected_ns(py);
        let expected_ns = optimized.by_call(&expected_ns);
        let is_known: Vec<bool> = expected_ns.iter().map(|ns| *ns != UNKNOWN_NS).collect();
        let filled_ns = filled_ns(&expected_ns);
        let (demands, capacities, names) = match self.needs(py)? {
            Some(needs) => {
                let (demands, capacities, pools) = needs.demands(optimized);
                (demands, capacities, needs.names_of(&pools))
            }
            None => Default::default(),
        };
        Ok((
            filled_ns.into_pyarray(py),
            is_known.into_pyarray(py),
            demands.into_pyarray(py),
            capacities.into_pyarray(py),
            names,
        ))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.py_program)?;
        visit.call(&self.team)?;
        if let Some(resources) = &self.resources {
            visit.call(resources)?;
        }
        if let Some(cache) = &self.cache {
            visit.call(cache)?;
        }
        visit.call(&self.to_exception)
    }
}

/// Makes a `RunResult` around a record, without a Python frame: `object.__new__` and one attribute.
fn new_result(class: &Bound<'_, PyType>, record: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let py = class.py();
    let allocate = |class: *mut ffi::PyTypeObject| {
        // SAFETY: the class is an ordinary Python class without a base of its own layout; allocating
        // through its own slot and setting one attribute is what `object.__new__` would do.
        #[expect(unsafe_code, reason = "PyO3 has no safe form of object.__new__")]
        unsafe {
            Bound::from_owned_ptr_or_err(py, ffi::PyType_GenericAlloc(class, 0))
        }
    };
    let result = allocate(class.as_type_ptr())?;
    result.setattr(pyo3::intern!(py, "_record"), record)?;
    Ok(result.unbind())
}
