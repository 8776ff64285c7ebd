"""Where each node stands in a chart: in the first lane that is free when it starts."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

import numpy as np

from makespan.exceptions import ValidationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from makespan.planning.plan import Plan

__all__ = ["lanes_of", "mean_shares", "names_of"]


def lanes_of(plan: Plan) -> tuple[NDArray[np.int64], int]:
    """Return a lane for each node, and how many there are: as many as ever run at once, in O(n log n).

    The lane of the smallest index among the free ones is taken, so that the first lanes are full.
    """
    lanes = np.zeros(plan.start.size, np.int64)
    free: list[int] = []
    busy: list[tuple[float, int]] = []
    n_lanes = 0
    start, finish = plan.start.tolist(), plan.finish.tolist()
    for node in plan.order.tolist():
        while busy and busy[0][0] <= start[node]:
            heappush(free, heappop(busy)[1])
        if free:
            lane = heappop(free)
        else:
            lane, n_lanes = n_lanes, n_lanes + 1
        lanes[node] = lane
        heappush(busy, (finish[node], lane))
    return lanes, n_lanes


def mean_shares(plan: Plan, resource: int, n_cells: int) -> NDArray[np.float64]:
    """Return which share of a resource is in use in each of so many equal parts of the makespan, from 0 to 1."""
    capacity = int(plan.capacities[resource])
    if plan.makespan <= 0 or capacity == 0:
        return np.zeros(n_cells)
    moments, amounts = plan.usage(resource)
    # What has been used up to each moment, in seconds times amount; in between it grows in straight lines.
    used = np.concatenate([[0.0], np.cumsum(np.diff(moments) * amounts[:-1])])
    ends = np.linspace(0.0, plan.makespan, n_cells + 1)
    shares: NDArray[np.float64] = np.diff(np.interp(ends, moments, used)) * n_cells / (plan.makespan * capacity)
    return shares.clip(0.0, 1.0)


def names_of(plan: Plan, names: Sequence[object] | None) -> list[str]:
    """Return what to call each node: the given names, the labels of the graph, or the ids."""
    if names is None:
        names = plan.graph.labels or range(plan.start.size)
    if len(names) != plan.start.size:
        raise ValidationError("names", f"{len(names)} names", f"one for each of the {plan.start.size} nodes")
    return [str(name) for name in names]
