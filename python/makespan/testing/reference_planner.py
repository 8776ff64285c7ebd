"""The obvious planner: what a schedule must keep, and the shortest one of a few nodes by trying every order."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["serial_schedule", "shortest_makespan", "violations"]


def violations(
    edges: Sequence[tuple[int, int]],
    durations: Sequence[float],
    demands: Sequence[Sequence[int]],
    capacities: Sequence[int],
    start: Sequence[float],
) -> Iterator[str]:
    """Yield what is wrong with a schedule, a sentence each; times are compared in nanoseconds.

    Parameters
    ----------
    edges
        Pairs of nodes: the first must finish before the second starts.
    durations, start
        Seconds, one per node.
    demands, capacities
        One row per node, one amount per resource.

    Yields
    ------
    sentence
        An edge that is broken, a start that is negative, or a moment at which a resource is short.

    Examples
    --------
    >>> list(violations([(0, 1)], [2.0, 1.0], [[], []], [], [0.0, 1.0]))
    ['node 1 starts before node 0 has finished']
    """
    start_ns = [round(1e9 * seconds) for seconds in start]
    finish_ns = [begin + round(1e9 * seconds) for begin, seconds in zip(start_ns, durations, strict=True)]
    for node, begin in enumerate(start_ns):
        if begin < 0:
            yield f"node {node} starts before the beginning"
    for before, after in edges:
        if start_ns[after] < finish_ns[before]:
            yield f"node {after} starts before node {before} has finished"
    # What is in use grows only where a node starts.
    for moment in sorted(set(start_ns)):
        running = [node for node, begin in enumerate(start_ns) if begin <= moment < finish_ns[node]]
        for resource, capacity in enumerate(capacities):
            used = sum(demands[node][resource] for node in running)
            if used > capacity:
                yield f"{used} of resource {resource} are in use at {moment / 1e9:g} s, and there are {capacity}"


def serial_schedule(
    edges: Sequence[tuple[int, int]],
    durations: Sequence[int],
    demands: Sequence[Sequence[int]],
    capacities: Sequence[int],
    order: Sequence[int],
) -> list[int]:
    """Return starts: each node of the order at the first whole second at which it fits beside those before it.

    Parameters
    ----------
    edges, demands, capacities
        As for `violations`.
    durations
        Whole seconds.
    order
        All nodes, each after its predecessors.

    Returns
    -------
    start
        Whole seconds, by node.

    Examples
    --------
    >>> serial_schedule([], [2, 3, 1], [[1], [1], [1]], [2], [0, 1, 2])
    [0, 0, 2]
    """
    start: dict[int, int] = {}
    used = [[0] * len(capacities) for _ in range(sum(durations) + 1)]
    for node in order:
        moment = max((start[before] + durations[before] for before, after in edges if after == node), default=0)
        while any(
            used[when][resource] + demands[node][resource] > capacity
            for when in range(moment, moment + durations[node])
            for resource, capacity in enumerate(capacities)
        ):
            moment += 1
        start[node] = moment
        for when in range(moment, moment + durations[node]):
            used[when] = [amount + more for amount, more in zip(used[when], demands[node], strict=True)]
    return [start[node] for node in range(len(durations))]


def shortest_makespan(
    edges: Sequence[tuple[int, int]],
    durations: Sequence[int],
    demands: Sequence[Sequence[int]],
    capacities: Sequence[int],
) -> int:
    """Return the shortest makespan of a few nodes: some order leads to it by serial generation, so all are tried.

    Parameters
    ----------
    edges, durations, demands, capacities
        As for `serial_schedule`.

    Returns
    -------
    makespan
        Whole seconds.

    Examples
    --------
    >>> shortest_makespan([], [3, 3, 2, 2, 2], [[1]] * 5, [2])
    6
    """
    n_nodes = len(durations)
    shortest = sum(durations)
    for order in permutations(range(n_nodes)):
        place = {node: idx for idx, node in enumerate(order)}
        if all(place[before] < place[after] for before, after in edges):
            start = serial_schedule(edges, durations, demands, capacities, order)
            shortest = min(shortest, max((begin + durations[node] for node, begin in enumerate(start)), default=0))
    return shortest
