"""Plans: when each node of a graph should start under limited resources, and how good that is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from makespan import _core
from makespan.exceptions import ValidationError
from makespan.scheduling.arguments import count, ns_of, times_ns_of, vector
from makespan.scheduling.usage import usage_over_time

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from makespan.scheduling.graph import DependencyGraph

__all__ = ["Plan", "plan"]


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


def plan(
    graph: DependencyGraph,
    durations: ArrayLike,
    demands: ArrayLike | None = None,
    capacities: ArrayLike | None = None,
    *,
    time_limit: float | None = None,
    max_schedules: int | None = None,
    seed: int = 0,
) -> Plan:
    """Find starts under which the whole graph is finished as early as possible.

    A node starts after all its predecessors have finished, runs without interruption, and holds its demands meanwhile;
    no resource is ever demanded beyond its capacity (the resource-constrained project scheduling problem). The first
    schedule is made by upward rank; up to 4,000 nodes it is then improved by a search over lists of nodes with double
    justification, in the manner of Valls, Ballestín and Quintanilla (2008), until it meets the lower bound or a limit.

    Parameters
    ----------
    graph
        The dependencies.
    durations
        Seconds, shape ``(n_nodes,)``; finite and not negative. They are counted in nanoseconds.
    demands
        Whole numbers, shape ``(n_nodes, n_resources)``: what each node holds while it runs.
    capacities
        Whole numbers, shape ``(n_resources,)``: how much there is.
    time_limit
        Seconds after which the best plan so far is returned; the first one is made in any case.
    max_schedules
        How many schedules are generated at most. Where neither limit is given, so many that it takes milliseconds.
    seed
        Of the search; a whole number that is not negative.

    Returns
    -------
    plan
        The best plan found, and a lower bound.

    Raises
    ------
    ValidationError
        An argument has the wrong shape or a value that cannot be meant; the error names it.
    UnsatisfiableError
        A node demands more than there is; the error names node and resource.

    Notes
    -----
    Deterministic for ``seed`` and ``max_schedules`` as long as the plan does not say ``is_truncated``. Releases the
    interpreter; Ctrl-C ends the search and returns the best plan so far.

    Examples
    --------
    Five nodes for two workers; to start the longest first would take 7 seconds.

    >>> import makespan as ms
    >>> graph = ms.DependencyGraph.from_edges(5, [], [])
    >>> found = ms.plan(graph, [3, 3, 2, 2, 2], demands=[[1]] * 5, capacities=[2], max_schedules=1_000)
    >>> found.makespan, found.lower_bound
    (6.0, 6.0)
    """
    begun_s = time.perf_counter()
    n_nodes = graph.n_nodes
    durations_ns = times_ns_of(vector(durations, "durations", np.float64, n_nodes), "durations")
    available = np.zeros(0, np.int64) if capacities is None else vector(capacities, "capacities", np.int64)
    needed = _demands(demands, n_nodes, available.size)
    limit_ns = None if time_limit is None else ns_of(time_limit, "time_limit")
    n_max = None if max_schedules is None else count(max_schedules, "max_schedules")
    start_ns, makespan_ns, bound_ns, method, n_schedules, is_truncated = _core.plan(
        graph._graph, durations_ns, needed, available, limit_ns, n_max, count(seed, "seed")
    )
    return Plan(
        start=start_ns / 1e9,
        finish=(start_ns + durations_ns) / 1e9,
        makespan=makespan_ns / 1e9,
        lower_bound=bound_ns / 1e9,
        method=method,
        n_schedules=n_schedules,
        elapsed_s=time.perf_counter() - begun_s,
        is_truncated=is_truncated,
        demands=needed,
        capacities=available,
    )


def _demands(demands: ArrayLike | None, n_nodes: int, n_resources: int) -> NDArray[np.int64]:
    """Return demands as an array with a row per node; without any, nothing is needed."""
    if demands is None:
        return np.zeros((n_nodes, n_resources), np.int64)
    array = np.asarray(demands)
    if array.shape != (n_nodes, n_resources):
        raise ValidationError("demands", f"shape {array.shape}", f"whole numbers, shape ({n_nodes}, {n_resources})")
    return vector(array.ravel(), "demands", np.int64).reshape(n_nodes, n_resources)
