"""From a graph with durations and resources to a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from makespan.planning.optimizer import ExecutionOptimizer
from makespan.planning.options import PlanOptions

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from makespan.planning.plan import Plan
    from makespan.scheduling.graph import DependencyGraph

__all__ = ["plan"]


def plan(
    graph: DependencyGraph,
    durations: ArrayLike,
    demands: ArrayLike | None = None,
    capacities: ArrayLike | tuple[ArrayLike, ArrayLike] | None = None,
    *,
    time_limit: float | None = None,
    max_schedules: int | None = None,
    seed: int = 0,
    workers: int = 1,
    options: PlanOptions | None = None,
) -> Plan:
    """Find starts under which the whole graph is finished as early as possible, or another objective is small.

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
        Whole numbers, shape ``(n_resources,)``: how much there is. Where that changes, a tuple of the times of the
        changes, seconds that ascend from 0, shape ``(n_steps,)``, and of the amounts from each of them on, shape
        ``(n_steps, n_resources)``.
    time_limit
        Seconds after which the best plan so far is returned; the first one is made in any case.
    max_schedules
        How many schedules are generated at most. Where neither limit is given, so many that it takes milliseconds.
    seed
        Of the search; a whole number that is not negative.
    workers
        How many threads search, each with a seed of its own and an equal share of ``max_schedules``.
    options
        What a plan is to keep besides edges and capacities (releases, deadlines, fixed starts, delays, modes), and the
        objective, if it is not the makespan.

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
    DeadlineError
        A deadline or a fixed start cannot be kept, which is said with the node and by how much, or it is not kept by
        the best plan found (``is_proven`` tells which). An `UnsatisfiableError` as well.

    Notes
    -----
    Deterministic for ``seed``, ``max_schedules`` and ``workers`` as long as the plan does not say ``is_truncated``.
    Releases the interpreter; Ctrl-C ends the search and returns the best plan so far.

    With options or changing capacities, lists of nodes and their modes are searched together, in the manner of
    Hartmann (2001) and Van Peteghem and Vanhoucke (2010); beyond 4,000 nodes the first list counts, and generating
    its schedule takes time that is quadratic at worst.

    Examples
    --------
    Five nodes for two workers; to start the longest first would take 7 seconds.

    >>> import makespan as ms
    >>> graph = ms.DependencyGraph.from_edges(5, [], [])
    >>> found = ms.plan(graph, [3, 3, 2, 2, 2], demands=[[1]] * 5, capacities=[2], max_schedules=1_000)
    >>> found.makespan, found.lower_bound
    (6.0, 6.0)

    One worker until 3 s, two from then on.

    >>> ms.plan(graph, [3, 3, 2, 2, 2], [[1]] * 5, ([0, 3], [[1], [2]]), max_schedules=1_000).makespan
    8.0
    """
    optimizer = ExecutionOptimizer(
        time_limit=time_limit,
        max_schedules=max_schedules,
        seed=seed,
        workers=workers,
        options=PlanOptions() if options is None else options,
    )
    return optimizer.plan(graph, durations, demands, capacities)
