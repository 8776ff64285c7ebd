"""What a run saved, measured: the same workflow with the same arguments as plain code, beside it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from makespan.result import seconds_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from makespan.result import RunResult

__all__ = ["RunComparison", "compare_run"]

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunComparison(Generic[R]):
    """A run beside the same workflow as plain code: made by ``compare`` of engines.

    Nothing of it is estimated, and a run by itself says nothing about what it saved: without the plain code there is
    nothing to subtract from.

    Parameters
    ----------
    run
        The run.
    elapsed_s
        Seconds that it took from the call on, the body and the planning included.
    serial_s
        Seconds that the plain code took, after it.
    is_equal
        Both returned the same, as `makespan.testing.first_difference` says.

    Examples
    --------
    >>> import makespan as ms
    >>> with ms.SequentialExecutionEngine() as engine:
    ...     found = engine.compare(ms.Workflow.sequence([abs, str]), -1)
    >>> found.is_equal, found.applied, found.saved_s
    (True, (), 0.0)
    """

    run: RunResult[R]
    elapsed_s: float
    serial_s: float
    is_equal: bool

    @property
    def applied(self) -> tuple[str, ...]:
        """What was done otherwise than by the plain code, in words; nothing where each call was made in its turn."""
        counts, columns = self.run.outcome_counts, self.run.nodes
        n_batched = int((columns.batch_size > 1).sum())
        started = columns.start_s[columns.worker >= 0]
        n_workers = len(set(columns.worker[columns.worker >= 0].tolist()))
        found = [f"{counts[name]:,} {name}" for name in ("pruned", "merged", "combined", "cached") if counts[name]]
        if n_batched:
            found.append(f"{n_batched:,} batched")
        if n_workers > 1:
            found.append(f"{n_workers:,} workers")
        elif (started[1:] < started[:-1]).any():
            found.append("another order")
        return tuple(found)

    @property
    def saved_s(self) -> float:
        """Measured seconds less than the plain code, negative where it was faster; 0 where nothing was applied."""
        return self.serial_s - self.elapsed_s if self.applied else 0.0

    @property
    def speed_up(self) -> float:
        """How many times faster the run was, as measured."""
        return self.serial_s / self.elapsed_s

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, ready for JSON.

        Returns
        -------
        data
            What was measured, what was applied, and the run.

        Examples
        --------
        >>> import makespan as ms
        >>> sorted(ms.default_engine().compare(ms.Workflow.sequence([abs]), -1).to_dict())
        ['applied', 'elapsed_s', 'is_equal', 'run', 'saved_s', 'serial_s', 'speed_up']
        """
        return {
            "serial_s": self.serial_s,
            "elapsed_s": self.elapsed_s,
            "saved_s": self.saved_s,
            "speed_up": self.speed_up,
            "is_equal": self.is_equal,
            "applied": list(self.applied),
            "run": self.run.to_dict(),
        }

    def __repr__(self) -> str:
        times = f"serial() {seconds_text(self.serial_s)}, the run {seconds_text(self.elapsed_s)}"
        saved = seconds_text(abs(self.saved_s))
        said = f"{saved} {'saved' if self.saved_s >= 0 else 'lost'} by {', '.join(self.applied)}"
        results = "" if self.is_equal else ", DIFFERENT results"
        return f"<{self.run.workflow}: {times}, {said if self.applied else 'nothing applied'}{results}>"


def compare_run(run: Callable[[], RunResult[R]], serial: Callable[[], object]) -> RunComparison[R]:
    """Run, then run the plain code, which so has the gain of warm files; behind ``compare`` of engines.

    Parameters
    ----------
    run, serial
        Both, without arguments.

    Returns
    -------
    comparison
        What was measured.

    Examples
    --------
    >>> import makespan as ms
    >>> workflow = ms.Workflow.sequence([abs])
    >>> compare_run(lambda: workflow.run(-1), lambda: workflow.serial(-1)).is_equal
    True
    """
    from makespan.testing import first_difference

    begun_s = time.perf_counter()
    result = run()
    between_s = time.perf_counter()
    value = serial()
    ended_s = time.perf_counter()
    return RunComparison(
        run=result,
        elapsed_s=between_s - begun_s,
        serial_s=ended_s - between_s,
        is_equal=first_difference(result.value, value) is None,
    )
