"""What planning finds: when each node starts and finishes, and how near that is to what is possible."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from makespan.exceptions import ValidationError
from makespan.scheduling.usage import usage_over_time

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Plan"]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Plan:
    """When each node starts and finishes; entry ``i`` of each column belongs to node ``i``.

    Parameters
    ----------
    start, finish
        float64 seconds from the beginning, shape ``(n_nodes,)``.
    makespan
        Seconds from the beginning to the last finish.
    lower_bound
        Seconds that no schedule can undercut.
    method
        How it was found. ``"earliest_start"``: no resource can be short. ``"list_scheduling"``: one pass by upward
        rank, which met the bound or was all that size or budget allows. ``"search"``: improved from there.
    n_schedules
        How many schedules were generated, the passes of justification counted.
    elapsed_s
        Seconds that planning took.
    is_truncated
        Whether the time limit or Ctrl-C ended the search; only then does a repetition possibly give another plan.
    demands, capacities
        int64, shapes ``(n_nodes, n_resources)`` and ``(n_resources,)``, as they were given.

    Examples
    --------
    >>> import makespan as ms
    >>> found = ms.plan(ms.DependencyGraph.from_edges(2, [0], [1]), [1.0, 2.0])
    >>> found.start.tolist(), found.makespan, found.is_optimal
    ([0.0, 1.0], 3.0, True)
    """

    start: NDArray[np.float64]
    finish: NDArray[np.float64]
    makespan: float
    lower_bound: float
    method: str
    n_schedules: int
    elapsed_s: float
    is_truncated: bool
    demands: NDArray[np.int64]
    capacities: NDArray[np.int64]

    @property
    def gap(self) -> float:
        """By which share of the lower bound the makespan is above it; 0 where it is proven to be the shortest."""
        return self.makespan / self.lower_bound - 1.0 if self.lower_bound > 0 else 0.0

    @property
    def is_optimal(self) -> bool:
        """Whether the makespan meets the lower bound, so that no schedule is shorter."""
        return self.makespan == self.lower_bound

    @property
    def order(self) -> NDArray[np.int64]:
        """Node ids by start, then by finish, then by id: int64, shape ``(n_nodes,)``."""
        return np.lexsort((self.finish, self.start)).astype(np.int64)

    def usage(self, resource: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return how much of a resource is in use over time.

        Parameters
        ----------
        resource
            Its index.

        Returns
        -------
        times, amounts
            From ``times[k]`` on, in seconds and ascending, ``amounts[k]`` is in use, until ``times[k + 1]``.

        Raises
        ------
        ValidationError
            There is no such resource.

        Examples
        --------
        >>> import makespan as ms
        >>> graph = ms.DependencyGraph.from_edges(2, [], [])
        >>> times, amounts = ms.plan(graph, [1.0, 2.0], [[1], [2]], [3]).usage(0)
        >>> times.tolist(), amounts.tolist()
        ([0.0, 1.0, 2.0], [3, 2, 0])
        """
        if not 0 <= resource < self.capacities.size:
            raise ValidationError("resource", resource, f"an index below {self.capacities.size}")
        return usage_over_time(self.start, self.finish, self.demands[:, resource])

    def __repr__(self) -> str:
        proof = "optimal" if self.is_optimal else f"at most {self.gap:.1%} above the optimum"
        return (
            f"<Plan {self.start.size} nodes, makespan {self.makespan:g} s, {proof}, "
            f"{self.method} with {self.n_schedules} schedules>"
        )
