"""The engine: the life of a run."""

from __future__ import annotations

import os
import threading
import weakref
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, overload

from makespan import _core, strategies
from makespan.abc import RunOptions, Strategy, WorkflowFacts
from makespan.builder import Workflow
from makespan.config import WORKERS_MAX, Settings
from makespan.engine_statistics import EngineStatistics
from makespan.exceptions import ClosedEngineError, ConfigurationError, ValidationError
from makespan.executors.threads import WorkerThreads
from makespan.optimizer import described
from makespan.prepared import PreparedWorkflow
from makespan.resources import ResourceManager
from makespan.result import RunResult, to_exception
from makespan.workflow import WorkflowFunction

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from makespan.cache import ResultCache
    from makespan.prediction import DurationPredictor
    from makespan.run_comparison import RunComparison
    from makespan.workflow_plan import WorkflowPlan

__all__ = ["SequentialExecutionEngine", "default_engine"]

P = ParamSpec("P")
R = TypeVar("R")

_engines: weakref.WeakSet[SequentialExecutionEngine] = weakref.WeakSet()


class SequentialExecutionEngine:
    """Runs workflows under a strategy, with its own worker threads and its own memory of durations.

    Parameters
    ----------
    strategy
        A name that `makespan.strategies` knows, or a strategy.
    workers
        How many steps may run at once, the calling thread included; None for as many as there are usable cores.
    resources
        Limits of what steps need, by name, beside those of the machine; or a manager, which several engines may share.
    cache
        Where results of steps with ``cache=True`` are kept; None for one in memory, of this engine alone.
    predictor
        Learns from runs how long steps take, and tells it where a workflow is new. A pinned one does not learn, and
        what it says prevails over what was measured and declared: the same plans every time. None for one of this
        engine alone.

    Raises
    ------
    StrategyError
        No strategy has this name.
    ConfigurationError
        ``workers`` is not a number from 1 to 1,024, or ``resources`` are no limits.

    Examples
    --------
    >>> import makespan as ms
    >>> @ms.step
    ... def square(x: int) -> int:
    ...     return x * x
    >>> @ms.workflow
    ... def squares(n: int) -> list[int]:
    ...     return [square(x) for x in range(n)]
    >>> with ms.SequentialExecutionEngine(strategy="sequential") as engine:
    ...     engine.run(squares, 4).value
    [0, 1, 4, 9]
    """

    def __init__(
        self,
        strategy: str | Strategy = "auto",
        workers: int | None = None,
        *,
        resources: Mapping[str, float | str] | ResourceManager | None = None,
        cache: ResultCache | None = None,
        predictor: DurationPredictor | None = None,
    ) -> None:
        if workers is None:
            workers = _core.usable_cores()
        if not _is_n_workers(workers):
            raise ConfigurationError("workers", workers, f"a whole number from 1 to {WORKERS_MAX}")
        chosen = strategies.get(strategy) if isinstance(strategy, str) else strategy
        if isinstance(chosen, type) or not isinstance(chosen, Strategy):
            raise ConfigurationError("strategy", strategy, f"a strategy, or one of {', '.join(strategies.names())}")
        self._strategy: Strategy = chosen
        self._workers = workers
        # Made when it is first needed, where nothing is said: detecting the host reads a dozen files.
        self._resources: ResourceManager | None = None if resources is None else _manager_of(resources)
        self._made_later_lock = threading.Lock()
        if cache is not None and not isinstance(cache, _core.ResultCache):
            raise ConfigurationError("cache", cache, "a ResultCache")
        self._cache: ResultCache | None = cache
        # What says so to people is made when it is asked for, where none was given: it loads numpy.
        self._predictor_given: DurationPredictor | None = predictor
        if predictor is None:
            self._predictor, self._is_pinned = _core.Predictor(), False
        elif isinstance(getattr(predictor, "_native", None), _core.Predictor):
            self._predictor, self._is_pinned = predictor._native, predictor.is_pinned
        else:
            raise ConfigurationError("predictor", predictor, "a DurationPredictor")
        self._totals = _core.RunTotals()
        # Of fused runs, whose one node says nothing about steps.
        self._fused_history = _core.History(self._totals)
        self._histories: weakref.WeakKeyDictionary[Any, _core.History] = weakref.WeakKeyDictionary()
        self._helpers = WorkerThreads("makespan")
        self._is_closed = False
        _engines.add(self)

    @property
    def strategy(self) -> Strategy:
        """The strategy that runs go by."""
        return self._strategy

    @property
    def workers(self) -> int:
        """How many steps may run at once."""
        return self._workers

    @property
    def resources(self) -> ResourceManager:
        """What steps need is granted by this manager; ask it directly for what is not a step."""
        if self._resources is None:
            with self._made_later_lock:
                if self._resources is None:
                    self._resources = ResourceManager()
        return self._resources

    @property
    def cache(self) -> ResultCache:
        """Results of steps with ``cache=True`` are kept here."""
        if self._cache is None:
            from makespan.cache import ResultCache

            with self._made_later_lock:
                if self._cache is None:
                    self._cache = ResultCache()
        return self._cache

    @property
    def predictor(self) -> DurationPredictor:
        """What was learned from runs about how long steps take, by the names of steps."""
        if self._predictor_given is not None:
            return self._predictor_given
        from makespan.prediction import DurationPredictor

        return DurationPredictor._around(self._predictor, is_pinned=False)

    @overload
    def run(self, workflow: WorkflowFunction[P, R], /, *args: P.args, **kwargs: P.kwargs) -> RunResult[R]: ...
    @overload
    def run(self, workflow: PreparedWorkflow[R], /, *args: object, **kwargs: object) -> RunResult[R]: ...
    @overload
    def run(self, workflow: Workflow, /, *args: object, **kwargs: object) -> RunResult[Any]: ...
    def run(self, workflow: Any, /, *args: object, **kwargs: object) -> RunResult[Any]:
        """Run a workflow and wait for it.

        Parameters
        ----------
        workflow
            Traced, built or prepared. A prepared one runs on the engine that prepared it.
        *args, **kwargs
            The workflow's own.

        Returns
        -------
        result
            The value, and what happened to each node.

        Raises
        ------
        RunFailedError
            One step or several failed.
        UnsatisfiableError
            A step needs more of a resource than the engine has.
        ClosedEngineError
            The engine is closed.

        Examples
        --------
        >>> import makespan as ms
        >>> ms.default_engine().run(ms.Workflow.sequence([abs]), -1).value
        1
        """
        if isinstance(workflow, WorkflowFunction):
            history = self._history(workflow)
            if history.is_fused():
                from makespan.fused import run_fused

                return run_fused(self, workflow, args, kwargs, history)
            begun_ns = perf_counter_ns()
            program = workflow._traced(args, kwargs)
            options = self._options(program, history)
            result = self._prepared(program, options, history).run()
            if options.fuses and options.stop_on_failure:
                history.observe_nodes(result._record, perf_counter_ns() - begun_ns)
            return result
        if isinstance(workflow, Workflow):
            return self._prepared_now(workflow, workflow._finished()).run(*args, **kwargs)
        if isinstance(workflow, PreparedWorkflow):
            return workflow.run(*args, **kwargs)
        raise ConfigurationError("workflow", workflow, "a workflow: decorated, built or prepared")

    @overload
    async def arun(self, workflow: WorkflowFunction[P, R], /, *args: P.args, **kwargs: P.kwargs) -> RunResult[R]: ...
    @overload
    async def arun(self, workflow: PreparedWorkflow[R], /, *args: object, **kwargs: object) -> RunResult[R]: ...
    @overload
    async def arun(self, workflow: Workflow, /, *args: object, **kwargs: object) -> RunResult[Any]: ...
    async def arun(self, workflow: Any, /, *args: object, **kwargs: object) -> RunResult[Any]:
        """Run a workflow in a thread, so that the event loop goes on.

        Parameters
        ----------
        workflow
            Traced, built or prepared.
        *args, **kwargs
            The workflow's own.

        Returns
        -------
        result
            As from `run`.

        Raises
        ------
        RunFailedError
            One step or several failed.

        Examples
        --------
        >>> import asyncio, makespan as ms
        >>> asyncio.run(ms.default_engine().arun(ms.Workflow.sequence([abs]), -1)).value
        1
        """
        import asyncio

        return await asyncio.to_thread(self.run, workflow, *args, **kwargs)

    @overload
    def prepare(self, workflow: WorkflowFunction[P, R], /, **values: object) -> PreparedWorkflow[R]: ...
    @overload
    def prepare(self, workflow: Workflow, /, **values: object) -> PreparedWorkflow[Any]: ...
    def prepare(self, workflow: Any, /, **values: object) -> PreparedWorkflow[Any]:
        """Trace and lay out a workflow once, for many runs on this engine.

        Parameters
        ----------
        workflow
            Traced or built.
        **values
            Parameters that have their value now; the others are given to each run.

        Returns
        -------
        prepared
            Runs in microseconds.

        Raises
        ------
        NotComputedYet
            A body looks at a parameter that has no value.
        ConfigurationError
            A value is given for a parameter that does not exist.

        Examples
        --------
        >>> import makespan as ms
        >>> ms.default_engine().prepare(ms.Workflow.sequence([abs]))
        <prepared workflow sequence(x), 1 nodes>
        """
        if isinstance(workflow, WorkflowFunction):
            return self._prepared_now(workflow, workflow._traced_with(values))
        if isinstance(workflow, Workflow):
            return self._prepared_now(workflow, workflow._finished(values))
        raise ConfigurationError("workflow", workflow, "a workflow: decorated or built")

    @overload
    def plan(self, workflow: WorkflowFunction[P, Any], /, *args: P.args, **kwargs: P.kwargs) -> WorkflowPlan: ...
    @overload
    def plan(self, workflow: Workflow, /, **kwargs: object) -> WorkflowPlan: ...
    def plan(self, workflow: Any, /, *args: object, **kwargs: object) -> WorkflowPlan:
        """Tell what a run would do, without one: no step is called.

        Which calls would be made, left out, put together or answered by the cache, in which order, and how long that is
        expected to take.

        Parameters
        ----------
        workflow
            Traced, whose body is called with the arguments, or built.
        *args, **kwargs
            Arguments of a traced workflow; a built one takes values of its parameters by name.

        Returns
        -------
        plan
            What the passes do, and, as soon as some duration is known, a plan under workers and resources.

        Raises
        ------
        UnsatisfiableError
            A step needs more of a resource than the engine has.
        ConfigurationError
            ``workflow`` is something else, or a built one and given arguments by position.

        Examples
        --------
        >>> import makespan as ms
        >>> pause = ms.step(lambda x: x, name="pause", duration=0.5)
        >>> wf = ms.Workflow("demo")
        >>> for x in range(4):
        ...     _ = wf.add(pause, x)
        >>> with ms.SequentialExecutionEngine(workers=2) as engine:
        ...     engine.plan(wf)
        <plan of demo: 4 of 4 nodes run, 1 s expected, no order is shorter>
        """
        from makespan.workflow_plan import plan_of_workflow

        program = described(workflow, args, kwargs)
        history = self._history(workflow)
        options = self._options(program, history)
        n_workers = 1 if options.executor == "serial" else self._workers
        cache = self.cache if program.has_cached_steps else None
        prepared = self._prepared(program, options, history)
        return plan_of_workflow(prepared, options, n_workers, self._predictor, cache)

    @overload
    def compare(self, workflow: WorkflowFunction[P, R], /, *args: P.args, **kwargs: P.kwargs) -> RunComparison[R]: ...
    @overload
    def compare(self, workflow: Workflow, /, *args: object, **kwargs: object) -> RunComparison[Any]: ...
    def compare(self, workflow: Any, /, *args: object, **kwargs: object) -> RunComparison[Any]:
        """Run a workflow, then the same as plain code, and tell what the run saved.

        Everything is done twice, effects too.

        Parameters
        ----------
        workflow
            Traced or built.
        *args, **kwargs
            The workflow's own.

        Returns
        -------
        comparison
            Both times as measured, what was applied, whether the results are the same.

        Raises
        ------
        RunFailedError
            One step or several failed.
        ConfigurationError
            ``workflow`` is something else; a prepared one has no plain code.

        Examples
        --------
        >>> import makespan as ms
        >>> ms.default_engine().compare(ms.Workflow.sequence([abs]), -1).is_equal
        True
        """
        if not isinstance(workflow, WorkflowFunction | Workflow):
            raise ConfigurationError("workflow", workflow, "a workflow: decorated or built")
        from makespan.run_comparison import compare_run

        serial: Callable[..., object] = workflow.serial
        return compare_run(lambda: self.run(workflow, *args, **kwargs), lambda: serial(*args, **kwargs))

    def statistics(self) -> EngineStatistics:
        """Return what the runs of this engine did since it was made, those of its prepared workflows included.

        May be called at any time, from any thread, after `close` too.

        Returns
        -------
        statistics
            Sums over all runs that are over.

        Examples
        --------
        >>> import makespan as ms
        >>> with ms.SequentialExecutionEngine() as engine:
        ...     prepared = engine.prepare(ms.Workflow.sequence([abs]))
        ...     for x in range(3):
        ...         _ = prepared.run(x)
        >>> engine.statistics().n_runs
        3
        """
        *counts, work_ns, elapsed_ns = self._totals.sums()
        return EngineStatistics._make([*counts, work_ns / 1e9, elapsed_ns / 1e9])

    def _prepared_now(self, workflow: Any, program: _core.Program) -> PreparedWorkflow[Any]:
        history = self._history(workflow)
        return self._prepared(program, self._options(program, history), history)

    def _prepared(
        self, program: _core.Program, options: RunOptions, history: _core.History, *, learns: bool = True
    ) -> PreparedWorkflow[Any]:
        if self._is_closed:
            raise ClosedEngineError
        prepared: PreparedWorkflow[Any] = PreparedWorkflow(
            program=program,
            n_workers=self._workers,
            stops_on_failure=options.stop_on_failure,
            helpers=self._helpers_of(options),
            reasons=options.reasons,
            passes=options.passes,
            plans=options.plans,
            batching=options.batching,
            predictor=self._predictor,
            is_pinned=self._is_pinned or not learns,
            cache=self.cache if program.has_cached_steps else None,
            history=history,
            team=self._helpers.team,
            resources=self.resources if program.has_needs else None,
            result_class=RunResult,
            to_exception=to_exception,
            strategy=self._strategy.name,
        )
        return prepared

    def _history(self, workflow: Any) -> _core.History:
        return self._histories.get(workflow) or self._histories.setdefault(workflow, _core.History(self._totals))

    def _helpers_of(self, options: RunOptions) -> Literal["never", "always", "chosen"]:
        if options.executor == "serial" or self._workers == 1:
            return "never"
        return "chosen" if options.adapts else "always"

    def _options(self, program: _core.Program, history: _core.History) -> RunOptions:
        n_pure, n_batched, n_cached, is_chain = program.traits()
        return self._strategy.options(
            WorkflowFacts(
                n_nodes=program.n_nodes,
                n_workers=self._workers,
                n_pure=n_pure,
                n_batched=n_batched,
                n_cached=n_cached,
                has_needs=program.has_needs,
                is_chain=is_chain,
                n_runs=history.n_runs,
            )
        )

    def close(self) -> None:
        """Let the worker threads end and wait for them; again has no effect.

        Nothing more starts on this engine, prepared workflows included; runs under way go on to their end.

        Examples
        --------
        >>> import makespan as ms
        >>> engine = ms.SequentialExecutionEngine()
        >>> engine.close()
        >>> engine.close()
        """
        self._is_closed = True
        self._helpers.close()

    def _after_fork(self) -> None:
        """Forget the threads: they stayed in the parent."""
        self._helpers.forget()
        self._made_later_lock = threading.Lock()

    def __enter__(self) -> SequentialExecutionEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = ", closed" if self._is_closed else ""
        return f"<engine {self._strategy.name}, {self._workers} workers{state}>"


def _manager_of(resources: Mapping[str, float | str] | ResourceManager) -> ResourceManager:
    if isinstance(resources, ResourceManager):
        return resources
    try:
        return ResourceManager(resources)
    except ValidationError as error:
        key = "resources" if error.argument == "limits" else f"resources[{error.argument!r}]"
        raise ConfigurationError(key, error.value, error.expected) from None


def _is_n_workers(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= WORKERS_MAX


_default: SequentialExecutionEngine | None = None
_default_lock = threading.Lock()


def default_engine() -> SequentialExecutionEngine:
    """Return the engine that workflows run on when they are called: one per process, made at the first call.

    ``MAKESPAN_STRATEGY`` and ``MAKESPAN_WORKERS`` configure it.

    Returns
    -------
    engine
        The same one every time.

    Raises
    ------
    ConfigurationError
        A variable of the environment has a value that cannot be read.

    Examples
    --------
    >>> import makespan as ms
    >>> ms.default_engine() is ms.default_engine()
    True
    """
    global _default
    if _default is None:
        with _default_lock:
            if _default is None:
                settings = Settings.from_environment()
                _default = SequentialExecutionEngine(settings.strategy, settings.workers)
    return _default


def _after_fork_in_child() -> None:
    global _default_lock
    _default_lock = threading.Lock()
    for engine in list(_engines):
        engine._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
