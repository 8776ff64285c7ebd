"""The scheduler of arrays in plain Python: what a careful user would write. Frozen: changed only where it is wrong.

`heapq`, lists and local names; it decides what `makespan.ExecutionScheduler` decides, by the same passes over the line.
"""

from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush

__all__ = ["HeapScheduler", "PoolScheduler", "simulate", "successors_of"]


def successors_of(n_nodes: int, sources: Iterable[int], targets: Iterable[int]) -> tuple[list[list[int]], list[int]]:
    """Return the successors of each node, and how many edges end at it."""
    successors: list[list[int]] = [[] for _ in range(n_nodes)]
    n_before = [0] * n_nodes
    for source, target in zip(sources, targets, strict=True):
        successors[source].append(target)
        n_before[target] += 1
    return successors, n_before


class HeapScheduler:
    """What is ready, by priority and then by id: one heap."""

    def __init__(
        self, successors: list[list[int]], n_before: list[int], priorities: Sequence[float] | None = None
    ) -> None:
        self._successors = successors
        self._n_unmet = list(n_before)
        self._keys = [0.0] * len(n_before) if priorities is None else [-priority for priority in priorities]
        keys = self._keys
        self._ready = [(keys[node], node) for node, n in enumerate(n_before) if not n]
        heapify(self._ready)

    def take(self, n_max: int) -> list[int]:
        """Take up to so many nodes."""
        ready = self._ready
        return [heappop(ready)[1] for _ in range(min(n_max, len(ready)))]

    def complete(self, nodes: Iterable[int]) -> None:
        """Put in line what only waited for these."""
        successors, n_unmet, keys, ready = self._successors, self._n_unmet, self._keys, self._ready
        for node in nodes:
            for after in successors[node]:
                n = n_unmet[after] - 1
                n_unmet[after] = n
                if not n:
                    heappush(ready, (keys[after], after))


class PoolScheduler:
    """What is ready and what of it may start: a heap for each set of resources that nodes need.

    What needs a resource that is closed is passed over without being looked at.
    """

    def __init__(
        self,
        successors: list[list[int]],
        n_before: list[int],
        priorities: Sequence[float],
        demands: Sequence[Sequence[int]],
        capacities: Sequence[int],
    ) -> None:
        self._successors = successors
        self._n_unmet = list(n_before)
        self._keys = [-priority for priority in priorities]
        self._free = list(capacities)
        self._needs: list[tuple[tuple[int, int], ...]] = []
        self._line_of: list[int] = []
        self._pools_of_line: list[tuple[int, ...]] = []
        known_needs: dict[tuple[int, ...], tuple[tuple[int, int], ...]] = {}
        known_lines: dict[tuple[int, ...], int] = {}
        for row in map(tuple, demands):
            needs = known_needs.get(row)
            if needs is None:
                needs = known_needs[row] = tuple([(pool, amount) for pool, amount in enumerate(row) if amount])
            pools = tuple([pool for pool, _ in needs])
            line = known_lines.setdefault(pools, len(known_lines))
            if line == len(self._pools_of_line):
                self._pools_of_line.append(pools)
            self._needs.append(needs)
            self._line_of.append(line)
        self._lines: list[list[tuple[float, int]]] = [[] for _ in self._pools_of_line]
        for node, n in enumerate(n_before):
            if not n:
                self._lines[self._line_of[node]].append((self._keys[node], node))
        for ready in self._lines:
            heapify(ready)

    def take(self, n_max: int) -> list[int]:
        """Take up to so many nodes, in one pass."""
        lines, needs_of, free = self._lines, self._needs, self._free
        left = list(free)
        closed: set[int] = set()
        has_head = False
        taken: list[int] = []
        fronts = [(*ready[0], line) for line, ready in enumerate(lines) if ready]
        heapify(fronts)
        while fronts and len(taken) < n_max:
            _, node, line = heappop(fronts)
            if closed and not closed.isdisjoint(self._pools_of_line[line]):
                continue
            needs = needs_of[node]
            short = [pool for pool, amount in needs if amount > left[pool]]
            if short:
                closed.update(short)
                if not has_head:
                    has_head = True
                    for pool, amount in needs:
                        if pool not in short:
                            left[pool] -= amount
                continue
            for pool, amount in needs:
                left[pool] -= amount
                free[pool] -= amount
            taken.append(node)
            ready = lines[line]
            heappop(ready)
            if ready:
                heappush(fronts, (*ready[0], line))
        return taken

    def complete(self, nodes: Iterable[int]) -> None:
        """Give back what these held, and put in line what only waited for them."""
        successors, n_unmet, keys = self._successors, self._n_unmet, self._keys
        lines, line_of, needs_of, free = self._lines, self._line_of, self._needs, self._free
        for node in nodes:
            for pool, amount in needs_of[node]:
                free[pool] += amount
            for after in successors[node]:
                n = n_unmet[after] - 1
                n_unmet[after] = n
                if not n:
                    heappush(lines[line_of[after]], (keys[after], after))


def simulate(scheduler: PoolScheduler, durations: Sequence[int]) -> list[int]:
    """Return when each node starts, if all that may start does at once; whole times, 0 for what never does."""
    starts = [0] * len(durations)
    running: list[tuple[int, int]] = []
    n_nodes = len(durations)
    now = 0
    while True:
        for node in scheduler.take(n_nodes):
            starts[node] = now
            heappush(running, (now + durations[node], node))
        if not running:
            return starts
        now = running[0][0]
        ended = []
        while running and running[0][0] == now:
            ended.append(heappop(running)[1])
        scheduler.complete(ended)
