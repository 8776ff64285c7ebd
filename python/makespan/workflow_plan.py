"""What a run of a workflow would do, and how long that is expected to take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from makespan.optimizer import Rewriting
from makespan.planning.planner import plan
from makespan.result import seconds_text

if TYPE_CHECKING:
    from makespan.engine import PreparedWorkflow
    from makespan.planning.plan import Plan

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
    ) -> None:
        self.rewriting: Rewriting = rewriting
        self.schedule: Plan | None = schedule
        self.n_known: int = n_known
        self.resource_names: tuple[str, ...] = resource_names
        self.strategy: str = strategy

    @property
    def expected_makespan_s(self) -> float | None:
        """Seconds from the first start to the last finish that are expected; None while no duration is known."""
        return None if self.schedule is None else self.schedule.makespan

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
        >>> print(ms.Workflow.sequence([abs]).plan().to_gantt())
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
        >>> ms.Workflow.sequence([abs]).plan().to_dict()["expected_makespan_s"] is None
        True
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


def plan_of_workflow(prepared: PreparedWorkflow[Any], passes: tuple[str, ...], n_workers: int) -> WorkflowPlan:
    """Plan a prepared workflow; behind ``plan`` of workflows and engines, which document it.

    Parameters
    ----------
    prepared
        The workflow.
    passes
        Those that rewrite it.
    n_workers
        How many nodes may run at once.

    Returns
    -------
    plan
        What a run would do.

    Examples
    --------
    >>> import makespan as ms
    >>> plan_of_workflow(ms.Workflow.sequence([abs]).prepare(), (), 1).schedule is None
    True
    """
    rewriting = Rewriting(prepared.program, passes)
    expected_ns, is_known, demands, capacities, names = prepared.expectations()
    schedule = None
    if is_known.any():
        n_nodes = expected_ns.size
        schedule = plan(
            rewriting.graph,
            expected_ns / 1e9,
            np.hstack([np.ones((n_nodes, 1), np.int64), demands.reshape(n_nodes, capacities.size)]),
            np.concatenate([[n_workers], capacities]),
        )
    return WorkflowPlan(
        rewriting=rewriting,
        schedule=schedule,
        n_known=int(is_known.sum()),
        resource_names=("workers", *names),
        strategy=prepared.strategy,
    )
