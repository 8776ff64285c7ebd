"""A keyed priority queue in plain Python, straightforward and fast: heapq, and a dict with lazy deletion.

Frozen: it is what the native queue is measured against, so it does not change with it.
"""

from collections.abc import Hashable, Iterable
from heapq import heapify, heappop, heappush
from typing import Any

__all__ = ["KeyedQueue"]


class KeyedQueue:
    """The largest priority first, first come first served among equals; keys can be updated and removed."""

    def __init__(self) -> None:
        # [-priority, arrival, key]; the key is None where the entry is stale.
        self._heap: list[list[Any]] = []
        self._entries: dict[Hashable, list[Any]] = {}
        self._n_arrived = 0

    def __len__(self) -> int:
        return len(self._entries)

    def push(self, key: Hashable, priority: float = 0.0) -> None:
        """Put a key in."""
        if key in self._entries:
            raise ValueError(key)
        entry = [-priority, self._n_arrived, key]
        self._n_arrived += 1
        self._entries[key] = entry
        heappush(self._heap, entry)

    def push_many(self, keys: Iterable[Hashable], priorities: Iterable[float]) -> None:
        """Put keys in, none of which is there."""
        arrival = self._n_arrived
        new = [[-priority, arrival + at, key] for at, (key, priority) in enumerate(zip(keys, priorities, strict=True))]
        self._n_arrived += len(new)
        self._entries.update((entry[2], entry) for entry in new)
        if len(new) > len(self._heap):
            self._heap += new
            heapify(self._heap)
        else:
            for entry in new:
                heappush(self._heap, entry)

    def pop(self) -> Any:
        """Take the first key."""
        heap = self._heap
        while heap:
            key = heappop(heap)[2]
            if key is not None:
                del self._entries[key]
                return key
        raise IndexError

    def pop_many(self, n: int) -> list[Any]:
        """Take the first n keys."""
        heap, entries = self._heap, self._entries
        taken: list[Any] = []
        while heap and len(taken) < n:
            key = heappop(heap)[2]
            if key is not None:
                del entries[key]
                taken.append(key)
        return taken

    def update(self, key: Hashable, priority: float) -> None:
        """Change the priority of a key."""
        before = self._entries[key]
        entry = [-priority, before[1], key]
        before[2] = None
        self._entries[key] = entry
        heappush(self._heap, entry)

    def remove(self, key: Hashable) -> None:
        """Take a key out."""
        self._entries.pop(key)[2] = None
