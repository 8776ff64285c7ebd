"""From a graph with durations and resources to a plan."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from makespan import _core
from makespan.exceptions import ValidationError
from makespan.planning.plan import Plan
from makespan.scheduling.arguments import count, ns_of, times_ns_of, vector

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from makespan.scheduling.graph import DependencyGraph

__all__ = ["plan"]


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
    seconds = vector(durations, "durations", np.float64, n_nodes).copy()
    durations_ns = times_ns_of(seconds, "durations")
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
        graph=graph,
        durations=seconds,
    )


def _demands(demands: ArrayLike | None, n_nodes: int, n_resources: int) -> NDArray[np.int64]:
    """Return demands as an array with a row per node; without any, nothing is needed."""
    if demands is None:
        return np.zeros((n_nodes, n_resources), np.int64)
    array = np.asarray(demands)
    if array.shape != (n_nodes, n_resources):
        raise ValidationError("demands", f"shape {array.shape}", f"whole numbers, shape ({n_nodes}, {n_resources})")
    return vector(array.ravel(), "demands", np.int64).reshape(n_nodes, n_resources)
