"""What the time of a run was made of, and what would have made it shorter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from makespan.optimizer import PASSES, graph_of_running
from makespan.planning.planner import plan
from makespan.result import seconds_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from makespan import _core
    from makespan.result import RunResult

__all__ = ["RunAnalysis", "RunChange", "analyze_run"]

_STEPS_TRIED_MAX = 5
# Below this share of the run a gain is noise.
_SHARE_SHOWN_MIN = 0.01


@dataclass(frozen=True, slots=True)
class RunChange:
    """What a run would have gained by a change, simulated on its recorded durations.

    Parameters
    ----------
    change
        The change in words.
    makespan_s
        Simulated seconds from the first start to the last finish.
    gain_s
        By how much that is less than the same simulation of the run as it was.

    Examples
    --------
    >>> RunChange("twice the workers", 1.0, 0.5)
    <twice the workers: 500 ms less, 33%>
    """

    change: str
    makespan_s: float
    gain_s: float

    @property
    def share(self) -> float:
        """The gain as a share of the simulated run; 0 where that is 0."""
        before = self.makespan_s + self.gain_s
        return self.gain_s / before if before > 0 else 0.0

    def __repr__(self) -> str:
        return f"<{self}>"

    def __str__(self) -> str:
        return f"{self.change}: {seconds_text(self.gain_s)} less, {self.share:.0%}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAnalysis:
    """What the time of a run was made of: made by `RunResult.analyze`.

    Parameters
    ----------
    workflow, strategy, workers, reasons
        Of the run.
    outcome_counts
        How many nodes ended in each way.
    elapsed_s, makespan_s, work_s
        Measured: the whole run, the first start to the last finish, the sum of all durations.
    critical_path_s
        The longest chain of dependencies: no number of workers makes it shorter.
    bound_s
        The larger of that and the work divided among the workers.
    simulated_s
        What the recorded durations take on so many workers when nothing else gets in the way.
    changes
        What would have gained something, the largest gain first.

    Examples
    --------
    >>> import makespan as ms
    >>> found = ms.Workflow.sequence([abs, str]).run(-1).analyze()
    >>> found.workflow, found.outcome_counts["finished"], found.critical_path_s <= found.work_s
    ('sequence', 2, True)
    """

    workflow: str
    strategy: str
    workers: int
    reasons: tuple[str, ...]
    outcome_counts: dict[str, int]
    elapsed_s: float
    makespan_s: float
    work_s: float
    critical_path_s: float
    bound_s: float
    simulated_s: float
    changes: tuple[RunChange, ...]

    def report(self) -> str:
        """Return all of it as text, a line for each thing that is known.

        Returns
        -------
        text
            For people.

        Examples
        --------
        >>> import makespan as ms
        >>> print(ms.Workflow.sequence([abs]).run(-1).analyze().report())  # doctest: +ELLIPSIS
        sequence: 1 node finished in ..., ... on average at once on ... worker...
        ...
        """
        counts = {name: n for name, n in self.outcome_counts.items() if n}
        n_finished = counts.pop("finished", 0)
        nodes = "node" if n_finished == 1 else "nodes"
        others = "".join(f", {n} {name}" for name, n in counts.items())
        concurrency = self.work_s / self.makespan_s if self.makespan_s else 0.0
        lines = [
            f"{self.workflow}: {n_finished} {nodes} finished{others} in {seconds_text(self.elapsed_s)}, "
            f"{concurrency:.2f} on average at once on {self.workers} {'worker' if self.workers == 1 else 'workers'}",
            f"no order takes less than {seconds_text(self.bound_s)}: the longest chain takes "
            f"{seconds_text(self.critical_path_s)}, all of the work {seconds_text(self.work_s)}",
        ]
        if self.simulated_s and self.makespan_s > 1.2 * self.simulated_s:
            lines.append(
                f"these durations alone would take {seconds_text(self.simulated_s)}: the rest is waiting for "
                "resources or for the interpreter, and what lies between tiny steps"
            )
        lines += [*self.reasons, *(f"with {change}" for change in self.changes)]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, ready for JSON.

        Returns
        -------
        data
            All fields; the changes as a list of dictionaries.

        Examples
        --------
        >>> import makespan as ms
        >>> ms.Workflow.sequence([abs]).run(-1).analyze().to_dict()["workers"] >= 1
        True
        """
        data = {name: getattr(self, name) for name in self.__slots__ if name != "changes"}
        data["changes"] = [
            {"change": change.change, "makespan_s": change.makespan_s, "gain_s": change.gain_s}
            for change in self.changes
        ]
        return data


class _Replay:
    """The nodes of a run with their recorded durations, to be put together otherwise."""

    def __init__(self, result: RunResult[Any]) -> None:
        self.program: _core.Program = result._record.program
        self.durations_s: NDArray[np.float64] = np.nan_to_num(result.nodes.duration_s)
        self.representatives: list[int | None] = result._record.representatives()

    def makespan_s(
        self,
        n_workers: int,
        *,
        ignored: str | None = None,
        representatives: list[int | None] | None = None,
    ) -> float:
        """Simulate list scheduling, the longest remaining chain first; effects of the step ``ignored`` do not order."""
        stands_in = self.representatives if representatives is None else representatives
        graph = graph_of_running(stands_in, [*self.program.given_edges(), self.program.effect_edges(ignored)])
        durations_s = self.durations_s[[node for node, other in enumerate(stands_in) if node == other]]
        occupies = np.ones((graph.n_nodes, 1), np.int64)
        return float(plan(graph, durations_s, occupies, [n_workers], max_schedules=1).makespan)

    def if_pure(self, step: str) -> list[int | None]:
        """By node, which would have run for it if a step promised to be pure; what did not run stays out."""
        assumed = self.program.representatives(PASSES, [step])
        pairs = zip(self.representatives, assumed, strict=True)
        return [None if before is None else other for before, other in pairs]


def analyze_run(result: RunResult[Any]) -> RunAnalysis:
    """Find out what the time of a run was made of; behind `RunResult.analyze`, which documents it.

    Parameters
    ----------
    result
        A run.

    Returns
    -------
    analysis
        Measured times, bounds, and simulated changes.

    Examples
    --------
    >>> import makespan as ms
    >>> analyze_run(ms.Workflow.sequence([abs]).run(-1)).changes
    ()
    """
    replay = _Replay(result)
    workers = result.workers
    simulated_s = replay.makespan_s(workers)
    critical_path_s = result.critical_path().length_s
    work_s = float(replay.durations_s.sum())
    changes = [RunChange("twice the workers", made := replay.makespan_s(2 * workers), simulated_s - made)]
    names = np.array(replay.program.step_names(), object)
    effect_ends = np.unique(np.concatenate(replay.program.effect_edges()))
    for step in _longest_steps(names[effect_ends], replay.durations_s[effect_ends]):
        made = replay.makespan_s(workers, ignored=step)
        changes.append(RunChange(f"no order by the effects of {step}", made, simulated_s - made))
    for step in _longest_steps(names, replay.durations_s):
        stands_in = replay.if_pure(step)
        if stands_in != replay.representatives:
            made = replay.makespan_s(workers, representatives=stands_in)
            changes.append(RunChange(f"pure=True on {step}", made, simulated_s - made))
    return RunAnalysis(
        workflow=result.workflow,
        strategy=result.strategy,
        workers=workers,
        reasons=result.reasons,
        outcome_counts=result.outcome_counts,
        elapsed_s=result.elapsed_s,
        makespan_s=result.makespan_s,
        work_s=work_s,
        critical_path_s=critical_path_s,
        bound_s=max(critical_path_s, work_s / workers),
        simulated_s=simulated_s,
        changes=tuple(
            sorted(
                (change for change in changes if change.share >= _SHARE_SHOWN_MIN), key=lambda change: -change.gain_s
            )
        ),
    )


def _longest_steps(names: NDArray[Any], durations_s: NDArray[np.float64]) -> list[str]:
    """Return the steps that took most time together, the longest first; equal ones by name."""
    total_s: dict[str, float] = {}
    for name, duration_s in zip(names.tolist(), durations_s.tolist(), strict=True):
        total_s[name] = total_s.get(name, 0.0) + duration_s
    return sorted(total_s, key=lambda name: (-total_s[name], name))[:_STEPS_TRIED_MAX]
