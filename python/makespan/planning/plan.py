"""What planning finds: when each node starts and finishes, and how near that is to what is possible."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from makespan.exceptions import ValidationError
from makespan.scheduling.usage import usage_over_time

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from makespan.planning.options import Objective, PlanOptions
    from makespan.scheduling.graph import DependencyGraph

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
        What no schedule can undercut, in the unit of ``objective_value``: of the makespan, seconds.
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
        int64, shapes ``(n_nodes, n_resources)`` and ``(n_resources,)``: what each node needs in its mode, and how
        much there is at most.
    graph, durations
        What was planned: the dependencies, and float64 seconds, shape ``(n_nodes,)``, in the mode of each node.
    objective, objective_value
        What was made small, and how small it is: seconds, times weights where it is a weighted sum.
    options
        What was asked for besides.
    modes
        int64, shape ``(n_nodes,)``: in which of its modes each node runs; None where the options name none.
    capacity_steps
        Seconds, shape ``(n_steps,)``, and the amounts from then on, int64, shape ``(n_steps, n_resources)``; None
        where capacities do not change.

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
    graph: DependencyGraph
    durations: NDArray[np.float64]
    objective: Objective
    objective_value: float
    options: PlanOptions
    modes: NDArray[np.int64] | None = None
    capacity_steps: tuple[NDArray[np.float64], NDArray[np.int64]] | None = None

    @property
    def gap(self) -> float:
        """By which share of the lower bound the objective is above it; 0 where it is proven to be the smallest.

        Infinite above a bound that is not positive.
        """
        if self.is_optimal:
            return 0.0
        return self.objective_value / self.lower_bound - 1.0 if self.lower_bound > 0 else math.inf

    @property
    def is_optimal(self) -> bool:
        """Whether the objective meets the lower bound, so that no schedule is better."""
        return self.objective_value == self.lower_bound

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

    def update(
        self,
        now: float,
        *,
        finished: ArrayLike = (),
        finish: ArrayLike | None = None,
        running: ArrayLike = (),
        start: ArrayLike | None = None,
        durations: ArrayLike | None = None,
        time_limit: float | None = None,
        max_schedules: int | None = None,
        seed: int = 0,
        workers: int = 1,
    ) -> Plan:
        """Plan again what is left at a moment, around what runs, beginning with the order of this plan.

        What has finished is left out of the problem; what runs keeps its resources until it is expected to finish;
        the rest starts at ``now`` or later. Only what is left is planned, so the time depends on that, besides one
        look at the edges.

        Parameters
        ----------
        now
            Seconds from the beginning.
        finished, finish
            Node ids, and when they finished, seconds, NaN or None for as planned; never after ``now``. All their
            predecessors have finished. A planned start that is after the finish is put there.
        running, start, durations
            Node ids, when they started and how long they are expected to take altogether, NaN or None for as
            planned. Who should have finished by now is expected to finish now. Their deadlines do not count any
            more, as planning cannot help.
        time_limit, max_schedules, seed, workers
            As for `makespan.plan`.

        Returns
        -------
        plan
            Of all nodes; ``lower_bound`` is that of all plans with the same past.

        Raises
        ------
        ValidationError
            Nodes are named twice, have predecessors that have not finished, or times contradict ``now``.
        UnsatisfiableError
            What is left cannot be planned around what runs, or no such plan was found.

        Examples
        --------
        Node 0 takes 5 seconds instead of 2.

        >>> import makespan as ms
        >>> graph = ms.DependencyGraph.from_edges(3, [0, 0], [1, 2])
        >>> found = ms.plan(graph, [2, 1, 1], [[1]] * 3, [1])
        >>> found.update(3.0, running=[0], durations=[5.0]).start.tolist()
        [0.0, 5.0, 6.0]
        """
        # The module makes plans, and so imports this one.
        from makespan.planning.replanning import Progress, updated

        progress = Progress.of(self, now, finished, finish, running, start, durations)
        limits = {"time_limit": time_limit, "max_schedules": max_schedules, "seed": seed, "workers": workers}
        return updated(self, progress, limits)

    def __repr__(self) -> str:
        proof = "optimal" if self.is_optimal else f"at most {self.gap:.1%} above the optimum"
        return (
            f"<Plan {self.start.size} nodes, makespan {self.makespan:g} s, {proof}, "
            f"{self.method} with {self.n_schedules} schedules>"
        )
