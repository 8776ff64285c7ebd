"""The slow, obvious implementations of what the core does fast, to be compared with it.

Plain Python over node ids and (before, after) pairs; nothing here is meant for more than a few hundred nodes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

__all__ = [
    "CriticalPath",
    "Edge",
    "Schedule",
    "Touch",
    "ancestors",
    "critical_path",
    "descendants",
    "hazard_edges",
    "is_cycle",
    "levels",
    "list_schedule",
    "subgraph",
    "topological_order",
    "transitive_reduction",
    "upward_rank",
    "width",
]

Edge = tuple[int, int]
"""The node that comes before, and the one that comes after."""

Touch = tuple[Literal["reads", "writes"], str] | Literal["anything"]
"""What a node does to the world: it reads or writes an effect by name, or may touch anything."""


def topological_order(n_nodes: int, edges: Iterable[Edge]) -> list[int] | None:
    """Return an order in which every node comes after its predecessors, the smallest possible id first.

    Parameters
    ----------
    n_nodes
        Number of nodes.
    edges
        What comes before what.

    Returns
    -------
    order
        Every node once; None where nodes wait for each other.

    Notes
    -----
    O(n (n + m)).

    Examples
    --------
    >>> topological_order(3, [(2, 0), (1, 0)])
    [1, 2, 0]
    >>> topological_order(2, [(0, 1), (1, 0)]) is None
    True
    """
    edges = list(edges)
    order: list[int] = []
    left = set(range(n_nodes))
    while left:
        blocked = {after for before, after in edges if before in left}
        ready = left - blocked
        if not ready:
            return None
        node = min(ready)
        order.append(node)
        left.remove(node)
    return order


def is_cycle(nodes: Sequence[int], edges: Iterable[Edge]) -> bool:
    """Tell whether nodes form a cycle, as they are named by an error: in order, the first repeated last.

    Parameters
    ----------
    nodes
        The nodes.
    edges
        What comes before what.

    Returns
    -------
    is_cycle
        True where each step is an edge and no node but the first occurs twice.

    Examples
    --------
    >>> is_cycle([1, 2, 1], [(0, 1), (1, 2), (2, 1)])
    True
    >>> is_cycle([0, 1, 0], [(0, 1), (1, 2), (2, 1)])
    False
    """
    steps = set(itertools.pairwise(nodes))
    is_closed = len(nodes) > 1 and nodes[0] == nodes[-1] and len(set(nodes)) == len(nodes) - 1
    return is_closed and steps <= set(edges)


def levels(n_nodes: int, edges: Iterable[Edge]) -> list[int]:
    """Return how many edges the longest path to each node has.

    Parameters
    ----------
    n_nodes
        Number of nodes.
    edges
        What comes before what, without a cycle.

    Returns
    -------
    levels
        By node; 0 for nodes without predecessors.

    Raises
    ------
    ValueError
        The edges form a cycle.

    Examples
    --------
    >>> levels(3, [(0, 1), (1, 2), (0, 2)])
    [0, 1, 2]
    """
    edges = list(edges)
    found = [0] * n_nodes
    for node in _ordered(n_nodes, edges):
        found[node] = max((found[before] + 1 for before, after in edges if after == node), default=0)
    return found


def width(n_nodes: int, edges: Iterable[Edge]) -> int:
    """Return how many nodes the fullest level has.

    Parameters
    ----------
    n_nodes
        Number of nodes.
    edges
        What comes before what, without a cycle.

    Returns
    -------
    width
        0 where there are no nodes.

    Raises
    ------
    ValueError
        The edges form a cycle.

    Examples
    --------
    >>> width(4, [(0, 1), (0, 2)])
    2
    """
    found = levels(n_nodes, edges)
    return max((found.count(level) for level in found), default=0)


def descendants(edges: Iterable[Edge], node: int) -> set[int]:
    """Return the nodes that wait for a node, directly or not.

    Parameters
    ----------
    edges
        What comes before what.
    node
        The node.

    Returns
    -------
    descendants
        Without the node itself, where it is on no cycle.

    Examples
    --------
    >>> descendants([(0, 1), (1, 2), (3, 2)], 0)
    {1, 2}
    """
    edges = list(edges)
    found: set[int] = set()
    while more := {after for before, after in edges if before == node or before in found} - found:
        found |= more
    return found


def ancestors(edges: Iterable[Edge], node: int) -> set[int]:
    """Return the nodes that a node waits for, directly or not.

    Parameters
    ----------
    edges
        What comes before what.
    node
        The node.

    Returns
    -------
    ancestors
        Without the node itself, where it is on no cycle.

    Examples
    --------
    >>> ancestors([(0, 1), (1, 2), (0, 3)], 2)
    {0, 1}
    """
    return descendants([(after, before) for before, after in edges], node)


def transitive_reduction(edges: Iterable[Edge]) -> set[Edge]:
    """Return the edges that no longer path implies (Aho, Garey and Ullman 1972).

    Parameters
    ----------
    edges
        What comes before what, without a cycle.

    Returns
    -------
    edges
        Those between whose ends there is no other path.

    Examples
    --------
    >>> sorted(transitive_reduction([(0, 1), (1, 2), (0, 2)]))
    [(0, 1), (1, 2)]
    """
    edges = set(edges)
    return {(before, after) for before, after in edges if after not in descendants(edges - {(before, after)}, before)}


def subgraph(edges: Iterable[Edge], nodes: Sequence[int]) -> set[Edge]:
    """Return the edges between some nodes, which are called by their places.

    Parameters
    ----------
    edges
        What comes before what.
    nodes
        The nodes, each once; `nodes[i]` becomes `i`.

    Returns
    -------
    edges
        Those with both ends among the nodes.

    Examples
    --------
    >>> subgraph([(0, 1), (1, 2)], [2, 1])
    {(1, 0)}
    """
    return {(nodes.index(before), nodes.index(after)) for before, after in edges if {before, after} <= set(nodes)}


def upward_rank(n_nodes: int, edges: Iterable[Edge], durations: Sequence[float]) -> list[float]:
    """Return each node's longest path to a sink, its own duration included.

    Parameters
    ----------
    n_nodes
        Number of nodes.
    edges
        What comes before what, without a cycle.
    durations
        By node, in any unit.

    Returns
    -------
    ranks
        By node, in the unit of the durations.

    Raises
    ------
    ValueError
        The edges form a cycle.

    Examples
    --------
    >>> upward_rank(3, [(0, 1), (0, 2)], [1, 5, 2])
    [6, 5, 2]
    """
    edges = list(edges)
    ranks: list[float] = [0] * n_nodes
    for node in reversed(_ordered(n_nodes, edges)):
        ranks[node] = durations[node] + max((ranks[after] for before, after in edges if before == node), default=0)
    return ranks


class CriticalPath(NamedTuple):
    """The longest path, and when each node starts without any limit on workers.

    Parameters
    ----------
    path
        Node ids from a source to a sink; among several the one that begins with the smallest ids.
    length
        The sum of its durations.
    earliest_start, latest_start
        By node: as soon as its predecessors allow, and without making the whole longer.

    Examples
    --------
    >>> critical_path(2, [(0, 1)], [1, 2]).length
    3
    """

    path: list[int]
    length: float
    earliest_start: list[float]
    latest_start: list[float]


def critical_path(n_nodes: int, edges: Iterable[Edge], durations: Sequence[float]) -> CriticalPath:
    """Return the longest path, and earliest and latest starts (Kelley and Walker 1959).

    Parameters
    ----------
    n_nodes
        Number of nodes.
    edges
        What comes before what, without a cycle.
    durations
        By node, in any unit.

    Returns
    -------
    path
        All in the unit of the durations.

    Raises
    ------
    ValueError
        The edges form a cycle.

    Examples
    --------
    >>> critical_path(4, [(0, 1), (0, 2), (1, 3), (2, 3)], [1, 5, 2, 1])
    CriticalPath(path=[0, 1, 3], length=7, earliest_start=[0, 1, 1, 6], latest_start=[0, 1, 4, 6])
    """
    edges = list(edges)
    ranks = upward_rank(n_nodes, edges, durations)
    length = max(ranks, default=0)
    earliest: list[float] = [0] * n_nodes
    for node in _ordered(n_nodes, edges):
        earliest[node] = max(
            (earliest[before] + durations[before] for before, after in edges if after == node), default=0
        )
    path: list[int] = []
    candidates = set(range(n_nodes)) - {after for _, after in edges}
    while candidates:
        longest = max(ranks[node] for node in candidates)
        node = min(node for node in candidates if ranks[node] == longest)
        path.append(node)
        candidates = {after for before, after in edges if before == node}
    return CriticalPath(path, length, earliest, [length - rank for rank in ranks])


def hazard_edges(touches: Sequence[Iterable[Touch]]) -> set[Edge]:
    """Return every pair of nodes that declared effects keep in program order.

    Two nodes conflict when both touch one effect and at least one of them writes it, or when both touch something and
    one of them may touch anything.

    Parameters
    ----------
    touches
        What each node does to the world; nodes in program order.

    Returns
    -------
    edges
        All pairs, also those that others imply.

    Examples
    --------
    >>> sorted(hazard_edges([[("writes", "log")], [("reads", "log")], [("reads", "log")], ["anything"]]))
    [(0, 1), (0, 2), (0, 3), (1, 3), (2, 3)]
    """
    nodes = [set(found) for found in touches]
    return {
        (before, after)
        for after in range(len(nodes))
        for before in range(after)
        if _conflict(nodes[before], nodes[after])
    }


def _conflict(left: set[Touch], right: set[Touch]) -> bool:
    if not left or not right:
        return False
    if "anything" in left or "anything" in right:
        return True
    return any(
        ours[1] == theirs[1] and "writes" in (ours[0], theirs[0])
        for ours in left
        for theirs in right
        if isinstance(ours, tuple) and isinstance(theirs, tuple)
    )


class Schedule(NamedTuple):
    """When each node starts and finishes, by node.

    Examples
    --------
    >>> Schedule([0, 2], [2, 3]).makespan
    3
    """

    start: list[float]
    finish: list[float]

    @property
    def makespan(self) -> float:
        """The last finish."""
        return max(self.finish, default=0)


def list_schedule(
    n_nodes: int,
    edges: Iterable[Edge],
    durations: Sequence[float],
    n_workers: int,
    priorities: Sequence[float] | None = None,
) -> Schedule:
    """Simulate workers that always take the most urgent node that is ready (Graham 1966).

    Parameters
    ----------
    n_nodes
        Number of nodes.
    edges
        What comes before what, without a cycle.
    durations
        By node, in any unit.
    n_workers
        How many nodes may run at once.
    priorities
        By node, the larger first, the smaller id among equals; by default the `upward_rank`.

    Returns
    -------
    schedule
        In the unit of the durations, from 0.

    Raises
    ------
    ValueError
        The edges form a cycle, or there is no worker.

    Examples
    --------
    >>> list_schedule(3, [(1, 2)], [2, 2, 2], n_workers=2)
    Schedule(start=[0, 0, 2], finish=[2, 2, 4])
    >>> list_schedule(3, [(1, 2)], [2, 2, 2], n_workers=1).makespan
    6
    """
    edges = list(edges)
    if n_workers < 1:
        message = "there is no worker"
        raise ValueError(message)
    urgency = upward_rank(n_nodes, edges, durations) if priorities is None else priorities
    start: dict[int, float] = {}
    finish: dict[int, float] = {}
    now: float = 0
    while len(start) < n_nodes:
        running = [node for node in start if finish[node] > now]
        blocked = {after for before, after in edges if finish.get(before, now + 1) > now}
        ready = sorted(set(range(n_nodes)) - start.keys() - blocked, key=lambda node: (-urgency[node], node))
        for node in ready[: n_workers - len(running)]:
            start[node] = now
            finish[node] = now + durations[node]
        if not ready and not running:
            _ordered(n_nodes, edges)
        if not ready or len(running) == n_workers:
            now = min(finish[node] for node in running)
    return Schedule([start[node] for node in range(n_nodes)], [finish[node] for node in range(n_nodes)])


def _ordered(n_nodes: int, edges: Iterable[Edge]) -> list[int]:
    order = topological_order(n_nodes, edges)
    if order is None:
        message = "the edges form a cycle"
        raise ValueError(message)
    return order
