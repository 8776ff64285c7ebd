"""Simulated runs, written down slowly: draws by the book, and a schedule made moment by moment."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["dispatched_makespan", "drawn_durations"]

_MASK = (1 << 64) - 1


def drawn_durations(
    levels: Sequence[float], durations: Sequence[Sequence[float]], n_samples: int, seed: int
) -> Iterator[list[float]]:
    """Yield the durations of each sample.

    Parameters
    ----------
    levels
        Shares between 0 and 1, ascending.
    durations
        Seconds: one row per node, a quantile for each level.
    n_samples, seed
        As for `makespan.Plan.simulate`.

    Yields
    ------
    drawn
        Seconds, by node, in whole nanoseconds.

    Examples
    --------
    >>> list(drawn_durations([0.5], [[1.0], [2.0]], 2, 0))
    [[1.0, 2.0], [1.0, 2.0]]
    """
    bits = _splitmix(seed)
    deviates = [NormalDist().inv_cdf(level) for level in levels]
    for _ in range(n_samples):
        drawn = []
        for row in durations:
            radius = math.sqrt(-2 * math.log(_unit(bits)))
            deviate = min(max(radius * math.cos(math.tau * _unit(bits)), -5.0), 5.0)
            logarithms = [math.log(max(round(1e9 * seconds), 1)) for seconds in row]
            drawn.append(round(math.exp(_on_line(deviates, logarithms, deviate))) / 1e9)
        yield drawn


def dispatched_makespan(
    edges: Sequence[tuple[int, int]],
    durations: Sequence[float],
    demands: Sequence[Sequence[int]],
    capacities: Sequence[int],
    order: Sequence[int],
) -> float:
    """Return when the last node ends, if whenever something ends the first nodes in order that fit are started.

    Parameters
    ----------
    edges
        Pairs of nodes: the first must finish before the second starts.
    durations
        Seconds above 0.
    demands, capacities
        One row per node, one amount per resource.
    order
        All nodes, the most urgent first.

    Returns
    -------
    makespan
        Seconds.

    Examples
    --------
    >>> dispatched_makespan([], [1.0, 1.0, 2.0], [[1]] * 3, [2], [2, 0, 1])
    2.0
    """
    finish_ns: dict[int, int] = {}
    now_ns = 0
    while len(finish_ns) < len(durations):
        for node in order:
            before = [first for first, second in edges if second == node]
            is_ready = all(finish_ns.get(first, now_ns + 1) <= now_ns for first in before)
            running = [other for other, end_ns in finish_ns.items() if end_ns > now_ns]
            fits = all(
                demands[node][resource] + sum(demands[other][resource] for other in running) <= capacity
                for resource, capacity in enumerate(capacities)
            )
            if node not in finish_ns and is_ready and fits:
                finish_ns[node] = now_ns + round(1e9 * durations[node])
        now_ns = min((end_ns for end_ns in finish_ns.values() if end_ns > now_ns), default=now_ns)
    return max(finish_ns.values(), default=0) / 1e9


def _splitmix(seed: int) -> Iterator[int]:
    """Yield the numbers of the generator splitmix64 (Steele, Lea and Flood 2014)."""
    state = seed
    while True:
        state = (state + 0x9E3779B97F4A7C15) & _MASK
        mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        yield mixed ^ (mixed >> 31)


def _unit(bits: Iterator[int]) -> float:
    return ((next(bits) >> 12) + 0.5) / (1 << 52)


def _on_line(xs: Sequence[float], ys: Sequence[float], x: float) -> float:
    """Return the value at `x` of the piecewise line through the points, its ends carried on."""
    if len(xs) == 1:
        return ys[0]
    piece = 0
    while piece < len(xs) - 2 and x >= xs[piece + 1]:
        piece += 1
    slope = (ys[piece + 1] - ys[piece]) / (xs[piece + 1] - xs[piece])
    return ys[piece] + slope * (x - xs[piece])
