"""What a run of a workflow would do, and how long that is expected to take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from makespan import _core
from makespan.exceptions import ConfigurationError
from makespan.optimizer import Rewriting
from makespan.planning.planner import plan
from makespan.planning.uncertain import DurationQuantiles
from makespan.prediction.predictor import LEVELS
from makespan.result import seconds_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from makespan.engine import PreparedWorkflow
    from makespan.planning.plan import Plan
    from makespan.planning.uncertain import SimulatedMakespan

__all__ = ["WorkflowPlan", "plan_of_workflow"]


class WorkflowPlan:
    """What a run would do: made by ``plan`` of workflows and engines.

    Parameters
    ----------
    rewriting
        What the passes do.
    schedule
        When which node that runs starts, of node ``i`` of ``rewriting.graph`` in entry ``i``; None while no duration is
        known.
    n_known
        Of how many nodes that run the duration is known; the others are taken to be like these on average.
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
        schedule: Plan | None,
        n_known: int,
        resource_names: tuple[str, ...],
        strategy: str,
        durations: DurationQuantiles | None,
    ) -> None:
        self.rewriting: Rewriting = rewriting
        self.schedule: Plan | None = schedule
        self.n_known: int = n_known
        self.resource_names: tuple[str, ...] = resource_names
        self.strategy: str = strategy
        self.durations: DurationQuantiles | None = durations

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
        counts = f"{rewriting.n_runs} of {rewriting.n_nodes} {nodes}"
        if self.schedule is None:
            return f"<plan of {rewriting.workflow}: {counts}, durations unknown>"
        expected = f"{seconds_text(self.schedule.makespan)} expected"
        proof = "no order is shorter" if self.schedule.is_optimal else f"at most {self.schedule.gap:.1%} too long"
        guessed = rewriting.n_runs - self.n_known
        note = f", {guessed} {'duration' if guessed == 1 else 'durations'} guessed" if guessed else ""
        return f"<plan of {rewriting.workflow}: {counts}, {expected}, {proof}{note}>"


def plan_of_workflow(
    prepared: PreparedWorkflow[Any], passes: tuple[str, ...], n_workers: int, predictor: _core.Predictor
) -> WorkflowPlan:
    """Plan a prepared workflow; behind ``plan`` of workflows and engines, which document it.

    Parameters
    ----------
    prepared
        The workflow.
    passes
        Those that rewrite it.
    n_workers
        How many nodes may run at once.
    predictor
        What the engine has learned.

    Returns
    -------
    plan
        What a run would do.

    Examples
    --------
    >>> import makespan as ms
    >>> workflow = ms.Workflow.sequence([ms.step(abs, name="not run yet")])
    >>> plan_of_workflow(workflow.prepare(), (), 1, _core.Predictor()).schedule is None
    True
    """
    rewriting = Rewriting(prepared.program, passes)
    expected_ns, is_known, demands, capacities, names = prepared.expectations()
    schedule, durations = None, None
    if is_known.any():
        n_nodes = expected_ns.size
        schedule = plan(
            rewriting.graph,
            expected_ns / 1e9,
            np.hstack([np.ones((n_nodes, 1), np.int64), demands.reshape(n_nodes, capacities.size)]),
            np.concatenate([[n_workers], capacities]),
        )
        durations = _quantiles(prepared.program, rewriting, expected_ns, predictor)
    return WorkflowPlan(
        rewriting=rewriting,
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
