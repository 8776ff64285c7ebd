"""What is alive when, written down slowly, and the smallest peak by trying every order."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["peak_of_order", "peak_of_schedule", "smallest_peak"]


def peak_of_order(
    edges: Sequence[tuple[int, int]], sizes: Sequence[int], kept: Sequence[bool], order: Sequence[int]
) -> int:
    """Return the most bytes that are alive at once when nodes run one after another.

    Parameters
    ----------
    edges
        Pairs of nodes: the second takes the result of the first.
    sizes, kept
        Bytes of each result, and whether it is kept to the end.
    order
        All nodes, each after its predecessors.

    Returns
    -------
    peak
        Bytes.

    Examples
    --------
    >>> peak_of_order([(0, 1)], [5, 2], [False, False], [0, 1])
    7
    """
    durations = [1] * len(sizes)
    start = [0] * len(sizes)
    for place, node in enumerate(order):
        start[node] = place
    return peak_of_schedule(edges, sizes, kept, start, durations)


def peak_of_schedule(
    edges: Sequence[tuple[int, int]],
    sizes: Sequence[int],
    kept: Sequence[bool],
    start: Sequence[int],
    durations: Sequence[int],
) -> int:
    """Return the most bytes that are alive at once in a schedule.

    Parameters
    ----------
    edges, sizes, kept
        As for `peak_of_order`.
    start, durations
        Whole seconds above 0 for durations, by node.

    Returns
    -------
    peak
        Bytes.

    Examples
    --------
    >>> peak_of_schedule([(0, 1)], [5, 2], [False, True], [0, 3], [1, 1])
    7
    """
    end = max((begin + length for begin, length in zip(start, durations, strict=True)), default=0)

    def is_alive(node: int, moment: int) -> bool:
        consumers = [after for before, after in edges if before == node]
        if not consumers or kept[node]:
            return start[node] <= moment
        return start[node] <= moment < max(start[after] + durations[after] for after in consumers)

    return max(
        (sum(size for node, size in enumerate(sizes) if is_alive(node, moment)) for moment in range(end)), default=0
    )


def smallest_peak(edges: Sequence[tuple[int, int]], sizes: Sequence[int], kept: Sequence[bool]) -> int:
    """Return the smallest peak of any order of a few nodes.

    Parameters
    ----------
    edges, sizes, kept
        As for `peak_of_order`.

    Returns
    -------
    peak
        Bytes.

    Examples
    --------
    >>> smallest_peak([(0, 2), (1, 3)], [9, 9, 1, 1], [False] * 4)
    11
    """
    peaks = []
    for order in permutations(range(len(sizes))):
        place = {node: at for at, node in enumerate(order)}
        if all(place[before] < place[after] for before, after in edges):
            peaks.append(peak_of_order(edges, sizes, kept, order))
    return min(peaks)
