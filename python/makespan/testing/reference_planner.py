"""The obvious planner: what a schedule and its chain must keep, and the shortest schedule by trying every order."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["loose_links", "order_agreement", "serial_schedule", "shortest_makespan", "violations"]


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


def loose_links(
    edges: Sequence[tuple[int, int]],
    durations: Sequence[float],
    demands: Sequence[Sequence[int]],
    capacities: Sequence[int],
    start: Sequence[float],
    nodes: Sequence[int],
    resources: Sequence[int],
) -> Iterator[str]:
    """Yield what is wrong with a critical chain, a sentence each; times are compared in nanoseconds.

    Parameters
    ----------
    edges, durations, demands, capacities, start
        As for `violations`.
    nodes, resources
        The chain, and for each of its nodes the resource that the node before it handed over, or -1.

    Yields
    ------
    sentence
        A link without an edge or without need, a gap, or an end at which nothing begins or ends.

    Examples
    --------
    >>> list(loose_links([], [2.0, 1.0], [[1], [1]], [2], [0.0, 2.0], [0, 1], [-1, 0]))
    ['node 1 could have more of resource 0 before 2 s']
    """
    start_ns = [round(1e9 * seconds) for seconds in start]
    finish_ns = [begin + round(1e9 * seconds) for begin, seconds in zip(start_ns, durations, strict=True)]
    if start_ns and (not nodes or start_ns[nodes[0]] != 0 or finish_ns[nodes[-1]] != max(finish_ns)):
        yield "the chain does not reach from the beginning to the end"
    for before, after, resource in zip(nodes[:-1], nodes[1:], resources[1:], strict=True):
        moment = start_ns[after]
        if finish_ns[before] != moment:
            yield f"node {after} does not start when node {before} finishes"
        if resource < 0:
            if (before, after) not in edges:
                yield f"node {after} does not wait for node {before}"
            continue
        running = [node for node, begin in enumerate(start_ns) if begin < moment <= finish_ns[node]]
        used = sum(demands[node][resource] for node in running)
        if before not in running or not demands[before][resource]:
            yield f"node {before} hands over nothing of resource {resource}"
        if used + demands[after][resource] <= capacities[resource]:
            yield f"node {after} could have more of resource {resource} before {moment / 1e9:g} s"


def order_agreement(left: Sequence[float], right: Sequence[float]) -> float:
    """Return the share of pairs that differ in both sequences and are in the same order in both.

    Parameters
    ----------
    left, right
        As many numbers in each.

    Returns
    -------
    share
        1 where there is no such pair.

    Examples
    --------
    >>> order_agreement([0, 1, 2], [0, 2, 1])
    0.6666666666666666
    """
    signs = [
        (left[i] < left[j]) == (right[i] < right[j])
        for i in range(len(left))
        for j in range(i)
        if left[i] != left[j] and right[i] != right[j]
    ]
    return sum(signs) / len(signs) if signs else 1.0


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
