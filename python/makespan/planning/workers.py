"""Plans on workers of different speed: where and when each node of a graph should run."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from makespan import _core
from makespan.exceptions import ValidationError
from makespan.scheduling.arguments import array_of, count, ns_of, times_ns_of, vector

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from makespan.scheduling.graph import DependencyGraph

__all__ = ["WorkerPlan", "plan_on_workers"]

_N_CORES_MAX = np.iinfo(np.uint32).max


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class WorkerPlan:
    """Where and when each node runs; entry ``i`` of each column belongs to node ``i``.

    Parameters
    ----------
    start, finish
        float64 seconds from the beginning, shape ``(n_nodes,)``.
    worker
        int64, shape ``(n_nodes,)``: the index of the worker it runs on.
    makespan
        Seconds from the beginning to the last finish.
    lower_bound
        Seconds that no schedule can undercut.
    method
        How it was found. ``"heft"``, ``"peft"`` and ``"b_level"``: one pass by that rule. ``"search"``: improved from
        there.
    n_schedules
        How many schedules were generated, the passes of justification counted.
    elapsed_s
        Seconds that planning took.
    is_truncated
        Whether the time limit or Ctrl-C ended the search; only then does a repetition possibly give another plan.

    Examples
    --------
    >>> import makespan as ms
    >>> found = ms.plan_on_workers(ms.DependencyGraph.from_edges(2, [0], [1]), [1.0, 2.0], speeds=[1.0, 2.0])
    >>> found.start.tolist(), found.worker.tolist(), found.is_optimal
    ([0.0, 0.5], [1, 1], True)
    """

    start: NDArray[np.float64]
    finish: NDArray[np.float64]
    worker: NDArray[np.int64]
    makespan: float
    lower_bound: float
    method: str
    n_schedules: int
    elapsed_s: float
    is_truncated: bool

    @property
    def gap(self) -> float:
        """By which share of the lower bound the makespan is above it; 0 where it is proven to be the shortest."""
        return self.makespan / self.lower_bound - 1.0 if self.lower_bound > 0 else 0.0

    @property
    def is_optimal(self) -> bool:
        """Whether the makespan meets the lower bound, so that no schedule is shorter."""
        return self.makespan == self.lower_bound

    def __repr__(self) -> str:
        proof = "optimal" if self.is_optimal else f"at most {self.gap:.1%} above the optimum"
        return (
            f"<WorkerPlan {self.start.size} nodes on {np.unique(self.worker).size} workers, "
            f"makespan {self.makespan:g} s, {proof}, {self.method} with {self.n_schedules} schedules>"
        )


def plan_on_workers(
    graph: DependencyGraph,
    durations: ArrayLike,
    speeds: ArrayLike | None = None,
    *,
    n_workers: int | None = None,
    cores: ArrayLike | None = None,
    demands: ArrayLike | None = None,
    transfers: ArrayLike | None = None,
    time_limit: float | None = None,
    max_schedules: int | None = None,
    seed: int = 0,
) -> WorkerPlan:
    """Find a worker and a start for every node under which the whole graph is finished as early as possible.

    A node starts when the results of its predecessors have arrived, runs without interruption on one worker, and holds
    its cores meanwhile. A result is there at once on the worker that made it, and on every other after the edge's
    transfer time; transfers occupy nobody. The first schedule is HEFT's (Topcuoglu, Hariri and Wu 2002). It is then
    improved, beginning with PEFT (Arabnejad and Barbosa 2014), by a search over lists of nodes with their workers and
    double justification, until it meets the lower bound or a limit. The result is never longer than HEFT's.

    Parameters
    ----------
    graph
        The dependencies.
    durations
        Seconds, finite and not negative, counted in nanoseconds. Shape ``(n_nodes,)``: on a worker of speed 1. Shape
        ``(n_nodes, n_workers)``: on each worker; then there are no ``speeds``.
    speeds
        Finite numbers above 0, shape ``(n_workers,)``: a node takes its duration divided by the worker's speed.
    n_workers
        How many workers there are, all of speed 1; may be left out where ``speeds`` or a table of durations says so.
    cores
        Whole numbers, shape ``(n_workers,)``, or one for all: how many cores each worker has; one if not given.
    demands
        Whole numbers, shape ``(n_nodes,)``: how many cores of its worker each node holds; one if not given.
    transfers
        Seconds, shape ``(n_edges,)`` in the order of `DependencyGraph.edges`; nothing takes time if not given.
    time_limit
        Seconds after which the best plan so far is returned; the first one is made in any case.
    max_schedules
        How many schedules are generated at most. Where neither limit is given, so many that it takes milliseconds, and
        one where nodes times workers are more than half a million.
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
        A node demands more cores than any worker has; the error names the node.

    Notes
    -----
    Deterministic for ``seed`` and ``max_schedules`` as long as the plan does not say ``is_truncated``. A schedule costs
    O(n_nodes * n_workers + n_edges). In large graphs a pass looks at a limited number of gaps between nodes for each
    node and worker: at all of them up to 64, and up to 67 million for all nodes together. Releases the interpreter;
    Ctrl-C ends the search and returns the best plan so far.

    Examples
    --------
    The second worker is twice as fast, and what the first made takes a second to get there.

    >>> import makespan as ms
    >>> graph = ms.DependencyGraph.from_edges(4, [0, 1, 2], [3, 3, 3])
    >>> found = ms.plan_on_workers(graph, [2, 2, 2, 2], speeds=[1.0, 2.0], transfers=[1.0, 1.0, 1.0])
    >>> found.makespan, found.worker.tolist()
    (4.0, [1, 0, 1, 1])
    """
    begun_s = time.perf_counter()
    n_nodes = graph.n_nodes
    rates, table_ns = _durations(durations, speeds, n_workers, n_nodes)
    n_found = table_ns.shape[1] if rates is None else rates.size
    moves_ns = times_ns_of(
        vector(
            [] if transfers is None else transfers,
            "transfers",
            np.float64,
            None if transfers is None else graph.n_edges,
        ),
        "transfers",
    )
    limit_ns = None if time_limit is None else ns_of(time_limit, "time_limit")
    n_max = None if max_schedules is None else count(max_schedules, "max_schedules")
    start_ns, finish_ns, worker, makespan_ns, bound_ns, method, n_schedules, is_truncated = _core.plan_on_workers(
        graph._graph,
        table_ns,
        rates,
        _cores(cores, "cores", n_found),
        _cores(demands, "demands", n_nodes),
        moves_ns,
        limit_ns,
        n_max,
        count(seed, "seed"),
    )
    return WorkerPlan(
        start=start_ns / 1e9,
        finish=finish_ns / 1e9,
        worker=worker,
        makespan=makespan_ns / 1e9,
        lower_bound=bound_ns / 1e9,
        method=method,
        n_schedules=n_schedules,
        elapsed_s=time.perf_counter() - begun_s,
        is_truncated=is_truncated,
    )


def _durations(
    durations: ArrayLike, speeds: ArrayLike | None, n_workers: int | None, n_nodes: int
) -> tuple[NDArray[np.float64] | None, NDArray[np.uint64]]:
    """Return speeds and durations of one column, or no speeds and a column per worker; in nanoseconds."""
    given = array_of(durations, "durations")
    n_given = None if n_workers is None else count(n_workers, "n_workers")
    rates = None
    if given.ndim == 2:
        if speeds is not None:
            raise ValidationError("speeds", "given", "nothing, since durations are given for each worker")
        n_columns = n_found = given.shape[1]
        if given.shape[0] != n_nodes:
            raise ValidationError("durations", f"shape {given.shape}", f"numbers, shape ({n_nodes}, n_workers)")
    elif speeds is None:
        if n_given is None:
            raise ValidationError("speeds", None, "numbers, shape (n_workers,), or n_workers, or a table of durations")
        n_columns, n_found = 1, n_given
        rates = np.ones(n_given)
    else:
        n_columns = 1
        rates = vector(speeds, "speeds", np.float64)
        n_found = rates.size
        is_wrong = ~((rates > 0) & np.isfinite(rates))
        if is_wrong.any():
            place = int(np.argmax(is_wrong))
            raise ValidationError(f"speeds[{place}]", float(rates[place]), "a finite number above 0")
    if n_given not in (None, n_found):
        raise ValidationError("n_workers", n_workers, f"{n_found}, as the other arguments say, or nothing")
    flat = vector(given.ravel() if given.ndim == 2 else given, "durations", np.float64, n_nodes * n_columns)
    return rates, times_ns_of(flat, "durations").reshape(n_nodes, n_columns)


def _cores(given: ArrayLike | None, argument: str, n: int) -> NDArray[np.uint32]:
    """Return numbers of cores; one each where nothing is said, and one number is for all."""
    array = np.ones(n, np.int64) if given is None else array_of(given, argument)
    numbers = vector(np.full(n, array) if array.ndim == 0 else array, argument, np.int64, n)
    is_wrong = (numbers < 0) | (numbers > _N_CORES_MAX)
    if is_wrong.any():
        place = int(np.argmax(is_wrong))
        raise ValidationError(f"{argument}[{place}]", int(numbers[place]), f"a whole number from 0 to {_N_CORES_MAX}")
    return numbers.astype(np.uint32)
