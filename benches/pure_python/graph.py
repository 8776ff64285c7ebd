"""What a careful person writes for graphs in plain Python: the speed-up of the core is measured against it.

Lists and a deque, local names, no objects per node; sets of nodes are integers whose bits are the nodes. Frozen: it
does not change when the core does, so that a figure means the same from one year to the next. The slow obvious versions
that answers are compared with are `makespan.testing.reference`.
"""

from collections import deque
from collections.abc import Sequence

__all__ = ["build", "critical_path", "levels", "topological_order", "transitive_reduction"]

Successors = list[list[int]]


def build(n_nodes: int, sources: Sequence[int], targets: Sequence[int]) -> Successors:
    """Return the successors of each node; an edge that is given twice is there twice."""
    successors: Successors = [[] for _ in range(n_nodes)]
    for source, target in zip(sources, targets, strict=True):
        successors[source].append(target)
    return successors


def topological_order(successors: Successors) -> list[int]:
    """Return the nodes in an order of execution (Kahn 1962)."""
    n_unmet = [0] * len(successors)
    for row in successors:
        for target in row:
            n_unmet[target] += 1
    ready = deque([node for node, n in enumerate(n_unmet) if not n])
    take, add = ready.popleft, ready.append
    order: list[int] = []
    while ready:
        node = take()
        order.append(node)
        for target in successors[node]:
            n = n_unmet[target] - 1
            n_unmet[target] = n
            if not n:
                add(target)
    if len(order) < len(successors):
        message = "the edges form a cycle"
        raise ValueError(message)
    return order


def levels(successors: Successors, order: Sequence[int]) -> list[int]:
    """Return how many edges the longest path to each node has."""
    found = [0] * len(successors)
    for node in order:
        next_level = found[node] + 1
        for target in successors[node]:
            if found[target] < next_level:
                found[target] = next_level
    return found


def critical_path(
    successors: Successors, order: Sequence[int], durations: Sequence[float]
) -> tuple[list[float], list[float], list[int], float]:
    """Return earliest starts, latest starts, the nodes of a longest path, and its length."""
    n_nodes = len(successors)
    earliest = [0.0] * n_nodes
    for node in order:
        finish = earliest[node] + durations[node]
        for target in successors[node]:
            if earliest[target] < finish:
                earliest[target] = finish
    # The longest path from each node, and the node that it goes on with.
    ranks = [0.0] * n_nodes
    following = [-1] * n_nodes
    for node in reversed(order):
        longest = 0.0
        best = -1
        for target in successors[node]:
            rank = ranks[target]
            if rank > longest or best < 0:
                longest = rank
                best = target
        ranks[node] = durations[node] + longest
        following[node] = best
    length = max(ranks, default=0.0)
    path: list[int] = []
    node = ranks.index(length) if ranks else -1
    while node >= 0:
        path.append(node)
        node = following[node]
    return earliest, [length - rank for rank in ranks], path, length


def transitive_reduction(successors: Successors) -> list[tuple[int, int]]:
    """Return the edges that no longer path implies."""
    order = topological_order(successors)
    places = [0] * len(order)
    for place, node in enumerate(order):
        places[node] = place
    masks = [1 << node for node in range(len(order))]
    reached = [0] * len(order)
    needed: list[tuple[int, int]] = []
    for node in reversed(order):
        bits = 0
        # Only an earlier successor can reach a later one.
        for target in sorted(successors[node], key=places.__getitem__):
            if not bits & masks[target]:
                needed.append((node, target))
                bits |= reached[target]
        reached[node] = bits | masks[node]
    return needed
