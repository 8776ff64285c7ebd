"""Orders and starts that keep few bytes alive."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from makespan import _core
from makespan.exceptions import ValidationError
from makespan.scheduling.arguments import count, times_ns_of, vector

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from makespan.scheduling.graph import DependencyGraph

__all__ = ["MemoryPlan", "peak_memory", "plan_memory"]

_PRICE_MAX = 1_000.0
_WORKERS_MAX = 1_000_000


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class MemoryPlan:
    """An order for one worker and starts for several that keep few bytes alive: made by `plan_memory`.

    Entry ``i`` of each column belongs to node ``i``.

    Parameters
    ----------
    order
        Node ids, each after its predecessors: int64, shape ``(n_nodes,)``.
    order_peak_bytes
        The most bytes that are alive at once when one worker goes by the order.
    lower_bound_bytes
        What neither an order nor a schedule undercuts.
    n_tried
        How many orders were tried.
    start, finish
        float64 seconds, shape ``(n_nodes,)``: a schedule for all workers.
    peak_bytes, makespan
        Of the schedule.
    unaware_peak_bytes, unaware_makespan
        The same of list scheduling by upward rank, which does not look at memory.
    graph, sizes, kept
        What was planned: dependencies, bytes, and whether a result is kept to the end.

    Examples
    --------
    >>> import makespan as ms
    >>> graph = ms.DependencyGraph.from_edges(4, [0, 1], [2, 3])
    >>> found = ms.plan_memory(graph, [9, 9, 1, 1])
    >>> found.order.tolist(), found.order_peak_bytes
    ([0, 2, 1, 3], 11)
    """

    order: NDArray[np.int64]
    order_peak_bytes: int
    lower_bound_bytes: int
    n_tried: int
    start: NDArray[np.float64]
    finish: NDArray[np.float64]
    peak_bytes: int
    makespan: float
    unaware_peak_bytes: int
    unaware_makespan: float
    graph: DependencyGraph
    sizes: NDArray[np.int64]
    kept: NDArray[np.bool_]

    def live(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return how many bytes are alive over time in the schedule.

        Returns
        -------
        times, amounts
            From ``times[k]`` on, in seconds and ascending, ``amounts[k]`` bytes are alive, until ``times[k + 1]``.

        Examples
        --------
        >>> import makespan as ms
        >>> found = ms.plan_memory(ms.DependencyGraph.from_edges(2, [0], [1]), [5, 2])
        >>> [column.tolist() for column in found.live()]
        [[0.0, 1.0, 2.0], [5, 7, 2]]
        """
        source, target = self.graph.edges()
        dropped = np.full(self.start.size, -np.inf)
        np.maximum.at(dropped, source, self.finish[target])
        is_dropped = np.isfinite(dropped) & ~self.kept
        moments = np.concatenate([self.start, dropped[is_dropped]])
        changes = np.concatenate([self.sizes, -self.sizes[is_dropped]])
        times, place = np.unique(moments, return_inverse=True)
        totals = np.zeros(times.size, np.int64)
        np.add.at(totals, place, changes)
        return times, np.cumsum(totals)

    def __repr__(self) -> str:
        saved = 1 - self.peak_bytes / self.unaware_peak_bytes if self.unaware_peak_bytes else 0.0
        longer = self.makespan / self.unaware_makespan - 1 if self.unaware_makespan else 0.0
        return (
            f"<MemoryPlan {self.order.size} nodes: peak {self.peak_bytes:,} bytes, {saved:.0%} less than unaware, "
            f"makespan {self.makespan:g} s, {longer:+.1%}>"
        )


def plan_memory(
    graph: DependencyGraph,
    sizes: ArrayLike,
    durations: ArrayLike | None = None,
    *,
    n_workers: int = 1,
    price: float = 1.0,
    kept: ArrayLike | None = None,
    max_tries: int | None = None,
    seed: int = 0,
) -> MemoryPlan:
    """Find an order, and starts on several workers, that keep few bytes alive.

    A result is alive from the start of its node until its last consumer has finished; results that are kept, and those
    that nobody takes, to the end.

    Parameters
    ----------
    graph
        Dependencies; each is a result that is taken.
    sizes
        Bytes of each result: int64, shape ``(n_nodes,)``.
    durations
        float64 seconds, shape ``(n_nodes,)``; one second each if None.
    n_workers
        How many nodes run at once in the schedule.
    price
        How many times as long as list scheduling by upward rank the schedule may take, at least 1.
    kept
        Booleans, shape ``(n_nodes,)``: results that are kept to the end; only those that nobody takes, if None.
    max_tries
        How many changed orders are tried to improve the best constructed one; if None so many as take milliseconds.
        Graphs above 20,000 nodes keep the constructed one.
    seed
        Of the changes.

    Returns
    -------
    plan
        Never a larger peak of the schedule than without looking at memory, nor a longer schedule than the price
        allows.

    Raises
    ------
    ValidationError
        An argument has the wrong shape or a value that cannot be meant; the error names it.

    Notes
    -----
    Orders are constructed by the best postorder (Liu 1986), greedily by growth, and depth first; the best is improved
    by moving single nodes. Deterministic. O((n + m) log n), and O(n + m) a try; Ctrl-C is raised.

    Examples
    --------
    >>> import makespan as ms
    >>> graph = ms.DependencyGraph.from_edges(8, [0, 1, 2, 3], [4, 5, 6, 7])
    >>> ms.plan_memory(graph, [10] * 4 + [1] * 4, [5] * 4 + [1] * 4, n_workers=2)
    <MemoryPlan 8 nodes: peak 24 bytes, 43% less than unaware, makespan 12 s, +0.0%>
    """
    n_nodes = graph.n_nodes
    bytes_ = _sizes(sizes, n_nodes)
    is_kept = _kept(kept, n_nodes)
    seconds = np.ones(n_nodes) if durations is None else vector(durations, "durations", np.float64, n_nodes)
    durations_ns = times_ns_of(seconds, "durations")
    if not 1 <= count(n_workers, "n_workers") <= _WORKERS_MAX:
        raise ValidationError("n_workers", n_workers, f"a whole number from 1 to {_WORKERS_MAX:,}")
    if not 1 <= price <= _PRICE_MAX:
        raise ValidationError("price", price, f"a number from 1 to {_PRICE_MAX:g}")
    order, order_peak, bound, n_tried, start_ns, peak, makespan_ns, unaware_peak, unaware_ns = _core.plan_memory(
        graph._graph,
        bytes_.astype(np.uint64),
        is_kept,
        durations_ns,
        int(n_workers),
        math.floor(1_000 * price),
        None if max_tries is None else count(max_tries, "max_tries"),
        count(seed, "seed"),
    )
    return MemoryPlan(
        order=order,
        order_peak_bytes=order_peak,
        lower_bound_bytes=bound,
        n_tried=n_tried,
        start=start_ns / 1e9,
        finish=(start_ns + durations_ns) / 1e9,
        peak_bytes=peak,
        makespan=makespan_ns / 1e9,
        unaware_peak_bytes=unaware_peak,
        unaware_makespan=unaware_ns / 1e9,
        graph=graph,
        sizes=bytes_,
        kept=is_kept,
    )


def peak_memory(
    graph: DependencyGraph, sizes: ArrayLike, start: ArrayLike, durations: ArrayLike, *, kept: ArrayLike | None = None
) -> int:
    """Return the most bytes that are alive at once in a schedule.

    Parameters
    ----------
    graph, sizes, durations, kept
        As for `plan_memory`.
    start
        float64 seconds, shape ``(n_nodes,)``: when each node starts.

    Returns
    -------
    peak
        Bytes; what ends at a moment gives way to what starts then.

    Raises
    ------
    ValidationError
        An argument has the wrong shape or a value that cannot be meant.

    Examples
    --------
    >>> import makespan as ms
    >>> graph = ms.DependencyGraph.from_edges(3, [0, 1], [2, 2])
    >>> ms.peak_memory(graph, [5, 6, 1], [0, 0, 1], [1, 1, 1])
    12
    """
    n_nodes = graph.n_nodes
    starts_ns = times_ns_of(vector(start, "start", np.float64, n_nodes), "start")
    durations_ns = times_ns_of(vector(durations, "durations", np.float64, n_nodes), "durations")
    return _core.peak_bytes(
        graph._graph, _sizes(sizes, n_nodes).astype(np.uint64), _kept(kept, n_nodes), starts_ns, durations_ns
    )


def _sizes(sizes: ArrayLike, n_nodes: int) -> NDArray[np.int64]:
    array = vector(sizes, "sizes", np.int64, n_nodes)
    if array.size and array.min() < 0:
        node = int(np.argmin(array))
        raise ValidationError(f"sizes[{node}]", int(array[node]), "bytes, not negative")
    if array.astype(np.float64).sum() > 2.0**62:
        raise ValidationError("sizes", float(array.astype(np.float64).sum()), "at most 2**62 bytes altogether")
    return array


def _kept(kept: ArrayLike | None, n_nodes: int) -> NDArray[np.bool_]:
    if kept is None:
        return np.zeros(n_nodes, np.bool_)
    array = np.asarray(kept)
    if array.shape != (n_nodes,) or array.dtype != np.bool_:
        raise ValidationError("kept", f"dtype {array.dtype}, shape {array.shape}", f"booleans, shape ({n_nodes},)")
    return array
