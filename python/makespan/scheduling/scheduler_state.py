"""What a scheduler says of its nodes: their states, and what one of them waits for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from makespan.exceptions import ValidationError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["STATE_NAMES", "Explanation", "SchedulerState"]

STATE_NAMES = ("waiting", "delayed", "ready", "running", "cancelling", "finished", "failed", "skipped", "cancelled")
"""Names of the states, by the numbers that `SchedulerState.state` holds."""


@dataclass(frozen=True, eq=False, slots=True)
class SchedulerState:
    """The state of every node, as columns: entry ``i`` belongs to node ``i``.

    Parameters
    ----------
    state
        uint8, an index into ``names``.
    n_unmet
        int64: how many predecessors have not finished.
    priority
        float64.
    attempts
        int64: how often the node was taken.
    not_before
        float64 seconds on the scheduler's clock; NaN where nothing was said.
    worker
        int64: the last worker of the node, -1 where there is none.

    Examples
    --------
    >>> import makespan as ms
    >>> state = ms.ExecutionScheduler(ms.DependencyGraph.from_edges(2, [0], [1])).state()
    >>> [state.names[code] for code in state.state]
    ['ready', 'waiting']
    """

    state: NDArray[np.uint8]
    n_unmet: NDArray[np.int64]
    priority: NDArray[np.float64]
    attempts: NDArray[np.int64]
    not_before: NDArray[np.float64]
    worker: NDArray[np.int64]

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each state, by number."""
        return STATE_NAMES

    def in_state(self, name: str) -> NDArray[np.int64]:
        """Return the nodes that are in a state.

        Parameters
        ----------
        name
            One of ``names``.

        Returns
        -------
        nodes
            int64, ascending.

        Raises
        ------
        ValidationError
            No state has this name.

        Examples
        --------
        >>> import makespan as ms
        >>> scheduler = ms.ExecutionScheduler(ms.DependencyGraph.from_edges(2, [0], [1]))
        >>> scheduler.state().in_state("waiting")
        array([1])
        """
        if name not in STATE_NAMES:
            raise ValidationError("name", name, f"one of {', '.join(STATE_NAMES)}")
        return np.flatnonzero(self.state == STATE_NAMES.index(name)).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What one node waits for; its text is a sentence.

    Parameters
    ----------
    node
        The node.
    reason
        ``waits_for``, ``delayed``, ``oversized``, ``short``, ``behind``, ``no_idle_worker``,
        ``waits_for_faster_worker``, ``next``, or the name of a state that says all.
    nodes
        The nodes that it waits for, where it waits for nodes.
    resources
        Of each resource or group that is short: its index (groups follow the resources), what is needed, what there is.
    until
        The time on the scheduler's clock that it waits for, where it waits for one.

    Examples
    --------
    >>> import makespan as ms
    >>> scheduler = ms.ExecutionScheduler(ms.DependencyGraph.from_edges(2, [0], [1]))
    >>> print(scheduler.explain(1))
    node 1 waits for node 0
    """

    node: int
    reason: str
    nodes: tuple[int, ...] = ()
    resources: tuple[tuple[int, int, int], ...] = ()
    until: float | None = None
    n_resources: int = 0

    def __str__(self) -> str:
        return f"node {self.node} {self._told()}"

    def _told(self) -> str:
        match self.reason:
            case "waits_for":
                shown = ", ".join(map(str, self.nodes[:10])) + (" and others" if len(self.nodes) > 10 else "")
                return f"waits for node{'s' if len(self.nodes) > 1 else ''} {shown}"
            case "delayed":
                return f"may not start before {self.until:g} s on the scheduler's clock"
            case "oversized":
                index, needed, there = self.resources[0]
                return f"needs {needed} of {self._name(index)}, of which there are only {there} since it was lowered"
            case "short":
                told = (f"{needed} of {self._name(index)} ({free} free)" for index, needed, free in self.resources)
                return f"needs {' and '.join(told)}"
            case "behind":
                return f"is behind node {self.nodes[0]}, which goes first"
            case "no_idle_worker":
                return "waits for a worker: all have something to do"
            case "waits_for_faster_worker":
                return "would finish earlier on a faster worker that is busy"
            case "next":
                return "may be taken now"
            case state:
                return f"is {state}"

    def _name(self, index: int) -> str:
        return f"resource {index}" if index < self.n_resources else f"group {index - self.n_resources}"
