"""What a run of a workflow would do, and how long that is expected to take."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from makespan import _core
from makespan.exceptions import ConfigurationError
from makespan.optimizer import Rewriting
from makespan.planning.planner import plan
from makespan.planning.uncertain import DurationQuantiles
from makespan.prediction.predictor import LEVELS
from makespan.result import OUTCOMES, seconds_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from makespan.abc import RunOptions
    from makespan.cache import ResultCache
    from makespan.planning.plan import Plan
    from makespan.planning.uncertain import SimulatedMakespan
    from makespan.prepared import PreparedWorkflow

__all__ = ["WorkflowPlan", "plan_of_workflow"]


class WorkflowPlan:
    """What a run would do: made by ``plan`` of workflows and engines.

    Parameters
    ----------
    rewriting
        What the passes do.
    outcome
        How each node would end, in program order: ``"runs"``, ``"pruned"``, ``"merged"``, ``"combined"`` or
        ``"cached"``. What only cached nodes need is pruned, too.
    order
        Paths of the nodes that run, in the order in which one worker would run them. What is called together by a batch
        form goes when the first of its calls is due, or the last.
    batchable
        By step with a batch form, how many of its calls that run may be made together; nothing where the strategy does
        not batch.
    schedule
        When which node that runs starts, of node ``i`` of ``rewriting.graph`` in entry ``i``; None while no duration is
        known. What the cache has takes no time in it.
    n_known
        Of how many nodes of ``rewriting.graph`` the duration is known; the others are taken to be like these on
        average.
    resource_names
        Names of the schedule's resources, the workers first.
    strategy
        Name of the strategy.
    durations
        Quantiles of how long the nodes that run take, where something is known.

    Examples
    --------
    >>> import makespan as ms
    >>> wf = ms.Workflow("demo")
    >>> _ = wf.add(ms.step(str, name="show", duration=0.5), 1)
    >>> planned = wf.plan()
    >>> planned, planned.schedule.makespan
    (<plan of demo: 1 of 1 node runs, 500 ms expected, no order is shorter>, 0.5)
    """

    def __init__(
        self,
        *,
        rewriting: Rewriting,
        outcome: list[str],
        order: list[str],
        batchable: dict[str, int],
        schedule: Plan | None,
        n_known: int,
        resource_names: tuple[str, ...],
        strategy: str,
        durations: DurationQuantiles | None,
    ) -> None:
        self.rewriting: Rewriting = rewriting
        self.outcome: list[str] = outcome
        self.order: list[str] = order
        self.batchable: dict[str, int] = batchable
        self.schedule: Plan | None = schedule
        self.n_known: int = n_known
        self.resource_names: tuple[str, ...] = resource_names
        self.strategy: str = strategy
        self.durations: DurationQuantiles | None = durations

    @property
    def n_runs(self) -> int:
        """How many nodes would be called."""
        return self.outcome.count("runs")

    @property
    def running(self) -> list[str]:
        """Paths of the nodes that would be called, in program order."""
        return self._with("runs")

    @property
    def pruned(self) -> list[str]:
        """Paths of the nodes whose result nobody needs, or only nodes that the cache has."""
        return self._with("pruned")

    @property
    def reused(self) -> list[str]:
        """Paths of the nodes whose result would be taken from the engine's cache, as it is now."""
        return self._with("cached")

    def _with(self, outcome: str) -> list[str]:
        return [path for path, ends in zip(self.rewriting.paths, self.outcome, strict=True) if ends == outcome]

    @property
    def expected_makespan_s(self) -> float | None:
        """Seconds from the first start to the last finish that are expected; None while no duration is known."""
        return None if self.schedule is None else self.schedule.makespan

    def simulate(self, *, n_samples: int = 1_000, seed: int = 0) -> SimulatedMakespan:
        """Simulate runs by this plan while durations vary as they did in earlier runs.

        Parameters
        ----------
        n_samples
            How many runs are simulated.
        seed
            Of the durations that are drawn.

        Returns
        -------
        simulated
            Quantiles of the makespan, the probability to miss a deadline, how often each node was critical; as from
            `Plan.simulate`.

        Raises
        ------
        ConfigurationError
            No duration is known yet.

        Examples
        --------
        >>> import makespan as ms
        >>> wf = ms.Workflow("demo")
        >>> _ = wf.add(ms.step(str, name="show", duration=0.5), 1)
        >>> wf.plan().simulate(n_samples=10).quantile(0.9)
        0.5
        """
        if self.schedule is None or self.durations is None:
            raise ConfigurationError("durations", None, "known ones: run it once, or declare @step(duration=...)")
        return self.schedule.simulate(self.durations, n_samples=n_samples, seed=seed)

    def to_gantt(self, width: int = 100) -> str:
        """Return a chart of text of the expected schedule.

        Parameters
        ----------
        width
            Characters in a line.

        Returns
        -------
        chart
            As from `makespan.Plan.to_gantt`; one line that says so while no duration is known.

        Examples
        --------
        >>> import makespan as ms
        >>> print(ms.Workflow.sequence([ms.step(abs, name="not run yet")]).plan().to_gantt())
        no duration is known yet: run it once, or declare @step(duration=...)
        """
        if self.schedule is None:
            return "no duration is known yet: run it once, or declare @step(duration=...)"
        return self.schedule.to_gantt(width, names=self.rewriting.running, resource_names=self.resource_names)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, ready for JSON.

        Returns
        -------
        data
            What the passes do, and expected starts and finishes in seconds by path.

        Examples
        --------
        >>> import makespan as ms
        >>> ms.Workflow.sequence([ms.step(abs, name="not run yet")]).plan().to_dict()["n_known_durations"]
        0
        """
        data: dict[str, Any] = {
            "strategy": self.strategy,
            **self.rewriting.to_dict(),
            "outcomes": dict(zip(self.rewriting.paths, self.outcome, strict=True)),
            "order": self.order,
            "batchable": self.batchable,
            "expected_makespan_s": self.expected_makespan_s,
            "n_known_durations": self.n_known,
        }
        if self.schedule is not None:
            data["lower_bound_s"] = self.schedule.lower_bound
            data["nodes"] = [
                {"path": path, "start_s": start_s, "finish_s": finish_s}
                for path, start_s, finish_s in zip(
                    self.rewriting.running, self.schedule.start.tolist(), self.schedule.finish.tolist(), strict=True
                )
            ]
        return data

    def __repr__(self) -> str:
        rewriting = self.rewriting
        nodes = "node runs" if rewriting.n_nodes == 1 else "nodes run"
        reused = f", {len(self.reused)} reused" if self.reused else ""
        counts = f"{self.n_runs} of {rewriting.n_nodes} {nodes}{reused}"
        if self.schedule is None:
            return f"<plan of {rewriting.workflow}: {counts}, durations unknown>"
        expected = f"{seconds_text(self.schedule.makespan)} expected"
        proof = "no order is shorter" if self.schedule.is_optimal else f"at most {self.schedule.gap:.1%} too long"
        guessed = self.schedule.start.size - self.n_known
        note = f", {guessed} {'duration' if guessed == 1 else 'durations'} guessed" if guessed else ""
        return f"<plan of {rewriting.workflow}: {counts}, {expected}, {proof}{note}>"


def plan_of_workflow(
    prepared: PreparedWorkflow[Any],
    options: RunOptions,
    n_workers: int,
    predictor: _core.Predictor,
    cache: ResultCache | None = None,
) -> WorkflowPlan:
    """Plan a prepared workflow; behind ``plan`` of workflows and engines, which document it.

    Parameters
    ----------
    prepared
        The workflow.
    options
        What the strategy decided.
    n_workers
        How many nodes may run at once.
    predictor
        What the engine has learned.
    cache
        Where results are looked up; None where no step is cached.

    Returns
    -------
    plan
        What a run would do.

    Examples
    --------
    >>> import makespan as ms
    >>> workflow = ms.Workflow.sequence([ms.step(abs, name="not run yet")])
    >>> from makespan.abc import RunOptions
    >>> plan_of_workflow(workflow.prepare(), RunOptions("serial"), 1, _core.Predictor()).schedule is None
    True
    """
    program = prepared.program
    rewriting = Rewriting(program, options.passes)
    codes = _core.foreseen_outcomes(program, options.passes, cache)
    outcome = ["runs" if code == 0 else OUTCOMES[code] for code in codes]
    step_names = program.step_names()
    together = program.batchable() if options.batching else []
    # What the cache has, and what only that needs, is there at once.
    is_called = np.array([outcome[node] == "runs" for node in rewriting.running_nodes], np.bool_)
    expected_ns, is_known, demands, capacities, names = prepared.expectations()
    expected_ns = np.where(is_called, expected_ns, 0)
    schedule, durations = None, None
    if is_known.any():
        n_nodes = expected_ns.size
        schedule = plan(
            rewriting.graph,
            expected_ns / 1e9,
            np.hstack([np.ones((n_nodes, 1), np.int64), demands.reshape(n_nodes, capacities.size)])
            * is_called[:, None],
            np.concatenate([[n_workers], capacities]),
        )
        durations = _quantiles(prepared.program, rewriting, expected_ns, predictor)
    return WorkflowPlan(
        rewriting=rewriting,
        outcome=outcome,
        order=[rewriting.paths[node] for node in prepared.order() if outcome[node] == "runs"],
        batchable=dict(Counter(step_names[node] for node in together if outcome[node] == "runs")),
        schedule=schedule,
        n_known=int(is_known.sum()),
        resource_names=("workers", *names),
        strategy=prepared.strategy,
        durations=durations,
    )


def _quantiles(
    program: _core.Program, rewriting: Rewriting, expected_ns: NDArray[np.uint64], predictor: _core.Predictor
) -> DurationQuantiles:
    """Return how long the nodes that run may take: as predicted for their steps, around what is expected of each."""
    of_step: dict[str, NDArray[np.float64] | None] = {}
    names = dict(zip(rewriting.paths, program.step_names(), strict=True))
    rows = []
    for path, median_ns in zip(rewriting.running, expected_ns.tolist(), strict=True):
        name = names[path]
        if name not in of_step:
            found = predictor.predict(name, None, None, list(LEVELS))
            is_known = found is not None and found[0] == "step" and found[1][1] > 0
            of_step[name] = np.array(found[1]) / found[1][1] if found is not None and is_known else None
        spread = of_step[name]
        rows.append(np.full(len(LEVELS), median_ns / 1e9) if spread is None else spread * (median_ns / 1e9))
    return DurationQuantiles(LEVELS, np.array(rows).reshape(len(rows), len(LEVELS)))
