"""The obvious planner for workers: what a schedule must keep, HEFT and PEFT, and the shortest of few nodes.

All times are whole numbers of any unit. A schedule is a start and a worker for every node.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import permutations, product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Workers", "heft", "peft", "shortest_makespan", "violations"]

Schedule = tuple[list[int], list[int]]


@dataclass(frozen=True)
class Workers:
    """What is to be planned.

    Parameters
    ----------
    durations
        One row per node, one entry per worker.
    transfers
        For each edge ``(before, after)`` how long a result takes to another worker.
    cores, demands
        How many cores each worker has, and how many each node holds.

    Examples
    --------
    >>> Workers([[2, 1], [2, 1]], {(0, 1): 5}, cores=[1, 1], demands=[1, 1]).n_nodes
    2
    """

    durations: Sequence[Sequence[int]]
    transfers: Mapping[tuple[int, int], int]
    cores: Sequence[int]
    demands: Sequence[int]

    @property
    def n_nodes(self) -> int:
        """How many nodes there are."""
        return len(self.durations)

    def able(self, node: int) -> list[int]:
        """Return the workers that have the cores for a node."""
        return [worker for worker, n_cores in enumerate(self.cores) if n_cores >= self.demands[node]]

    def before(self, node: int) -> list[int]:
        """Return the predecessors of a node."""
        return [before for before, after in self.transfers if after == node]

    def after(self, node: int) -> list[int]:
        """Return the successors of a node."""
        return [after for before, after in self.transfers if before == node]

    def mean(self, node: int, values: Sequence[int]) -> int:
        """Return the mean of a value over the workers that have the cores for a node, rounded down."""
        able = self.able(node)
        return sum(values[worker] for worker in able) // len(able)

    def order(self, priorities: Sequence[int]) -> list[int]:
        """Return all nodes: the largest priority first, then the smallest id, each after its predecessors."""
        n_unmet = [len(self.before(node)) for node in range(self.n_nodes)]
        eligible = [(-priorities[node], node) for node in range(self.n_nodes) if not n_unmet[node]]
        heapq.heapify(eligible)
        order = []
        while eligible:
            _, node = heapq.heappop(eligible)
            order.append(node)
            for after in self.after(node):
                n_unmet[after] -= 1
                if not n_unmet[after]:
                    heapq.heappush(eligible, (-priorities[after], after))
        return order

    def earliest(self, node: int, worker: int, placed: Mapping[int, tuple[int, int]]) -> int:
        """Return the first moment at which a node can start on a worker beside the nodes that are placed."""
        duration, demand = self.durations[node][worker], self.demands[node]
        finish = {other: start + self.durations[other][where] for other, (start, where) in placed.items()}
        arrivals = [
            finish[before] + (self.transfers[before, node] if placed[before][1] != worker else 0)
            for before in self.before(node)
        ]
        ready = max(arrivals, default=0)
        here = [other for other, (_, where) in placed.items() if where == worker]

        def n_used(moment: int) -> int:
            return sum(self.demands[other] for other in here if placed[other][0] <= moment < finish[other])

        for moment in sorted({ready, *(finish[other] for other in here if finish[other] > ready)}):
            begins = [placed[other][0] for other in here if moment < placed[other][0] < moment + duration]
            if not duration or all(n_used(when) + demand <= self.cores[worker] for when in (moment, *begins)):
                return moment
        message = "after all other nodes there is room"
        raise AssertionError(message)


def violations(workers: Workers, start: Sequence[int], worker: Sequence[int]) -> Iterator[str]:
    """Yield what is wrong with a schedule, a sentence each.

    Parameters
    ----------
    workers
        What was planned.
    start, worker
        One entry per node.

    Yields
    ------
    sentence
        A worker with too few cores, an edge that is broken, or a moment at which cores are short.

    Examples
    --------
    >>> two = Workers([[2, 1], [2, 1]], {(0, 1): 5}, cores=[1, 1], demands=[1, 1])
    >>> list(violations(two, [0, 3], [0, 1]))
    ['node 1 starts on worker 1 before the result of node 0 is there']
    """
    finish = [begin + workers.durations[node][worker[node]] for node, begin in enumerate(start)]
    for node in range(workers.n_nodes):
        if worker[node] not in workers.able(node):
            yield f"node {node} runs on worker {worker[node]}, which has too few cores"
    for (before, after), transfer in workers.transfers.items():
        if start[after] < finish[before] + (transfer if worker[before] != worker[after] else 0):
            yield f"node {after} starts on worker {worker[after]} before the result of node {before} is there"
    for where, n_cores in enumerate(workers.cores):
        here = [node for node in range(workers.n_nodes) if worker[node] == where]
        for moment in sorted({start[node] for node in here}):
            n_used = sum(workers.demands[node] for node in here if start[node] <= moment < finish[node])
            if n_used > n_cores:
                yield f"{n_used} cores of worker {where} are in use at {moment}, and it has {n_cores}"


def heft(workers: Workers) -> Schedule:
    """Return the schedule of heterogeneous earliest finish time (Topcuoglu, Hariri and Wu 2002).

    Parameters
    ----------
    workers
        What is to be planned.

    Returns
    -------
    start, worker
        One entry per node; ties between nodes go in the smallest topological order, between workers to the first.

    Examples
    --------
    >>> heft(Workers([[2, 1], [2, 1]], {(0, 1): 5}, cores=[1, 1], demands=[1, 1]))
    ([0, 1], [1, 1])
    """
    topological = workers.order([0] * workers.n_nodes)
    moves = len(workers.cores) > 1
    rank = [0] * workers.n_nodes
    for node in reversed(topological):
        below = [workers.transfers[node, after] * moves + rank[after] for after in workers.after(node)]
        rank[node] = workers.mean(node, workers.durations[node]) + max(below, default=0)
    order = sorted(topological, key=lambda node: -rank[node])
    return _placed(workers, order, [[0] * len(workers.cores)] * workers.n_nodes)


def peft(workers: Workers) -> Schedule:
    """Return the schedule of predicted earliest finish time (Arabnejad and Barbosa 2014).

    Parameters
    ----------
    workers
        What is to be planned.

    Returns
    -------
    start, worker
        One entry per node; ties as for `heft`.

    Examples
    --------
    >>> peft(Workers([[2, 1], [2, 1]], {(0, 1): 5}, cores=[1, 1], demands=[1, 1]))
    ([0, 1], [1, 1])
    """
    everyone = range(len(workers.cores))
    topological = workers.order([0] * workers.n_nodes)
    costs = [[0] * len(everyone) for _ in range(workers.n_nodes)]
    for node in reversed(topological):
        for worker in everyone:
            for after in workers.after(node):
                ways = [
                    costs[after][other]
                    + workers.durations[after][other]
                    + (workers.transfers[node, after] if other != worker else 0)
                    for other in workers.able(after)
                ]
                costs[node][worker] = max(costs[node][worker], min(ways))
    # Ties between nodes go by topological order, so nodes are called by their place in it.
    place = {node: idx for idx, node in enumerate(topological)}
    renamed = Workers(
        [workers.durations[node] for node in topological],
        {(place[before], place[after]): transfer for (before, after), transfer in workers.transfers.items()},
        workers.cores,
        [workers.demands[node] for node in topological],
    )
    order = renamed.order([workers.mean(node, costs[node]) for node in topological])
    return _placed(workers, [topological[idx] for idx in order], costs)


def _placed(workers: Workers, order: Sequence[int], ahead: Sequence[Sequence[int]]) -> Schedule:
    """Put each node of an order where its finish and what lies ahead add up to the least."""
    placed: dict[int, tuple[int, int]] = {}
    for node in order:
        costs = []
        for worker in workers.able(node):
            start = workers.earliest(node, worker, placed)
            costs.append((start + workers.durations[node][worker] + ahead[node][worker], worker, start))
        _, worker, start = min(costs)
        placed[node] = (start, worker)
    return [placed[node][0] for node in range(workers.n_nodes)], [placed[node][1] for node in range(workers.n_nodes)]


def shortest_makespan(workers: Workers) -> int:
    """Return the shortest makespan of a few nodes: some order on some workers leads to it, so all are tried.

    Parameters
    ----------
    workers
        What is to be planned.

    Returns
    -------
    makespan
        In the unit of the durations.

    Examples
    --------
    >>> shortest_makespan(Workers([[3, 9], [3, 4], [3, 4]], {}, cores=[1, 1], demands=[1, 1, 1]))
    6
    """
    shortest = sum(max(row) for row in workers.durations) + sum(workers.transfers.values())
    for order in permutations(range(workers.n_nodes)):
        if any(order.index(before) > order.index(after) for before, after in workers.transfers):
            continue
        for chosen in product(*(workers.able(node) for node in order)):
            placed: dict[int, tuple[int, int]] = {}
            for node, worker in zip(order, chosen, strict=True):
                placed[node] = (workers.earliest(node, worker, placed), worker)
            finishes = [start + workers.durations[node][worker] for node, (start, worker) in placed.items()]
            shortest = min(shortest, max(finishes, default=0))
    return shortest
