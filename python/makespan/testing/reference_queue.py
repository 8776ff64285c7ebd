"""The slow, obvious priority queue: a list that is sorted whenever it is asked."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal

__all__ = ["ReferenceQueue"]


@dataclass
class _Entry:
    key: Hashable
    priority: float
    deadline: float
    arrived: float
    # Its place among all that came to wait, or to be delayed.
    place: int
    state: Literal["waiting", "delayed", "in work", "dead"]
    attempts: int = 0


class ReferenceQueue:
    """What `makespan.ExecutionQueue` does, without speed, threads and checks; time is what `advance` says.

    Parameters
    ----------
    order, ageing, retries, retry_delay, retry_delay_max
        As for `makespan.ExecutionQueue`.

    Examples
    --------
    >>> queue = ReferenceQueue()
    >>> queue.push("a", 1)
    >>> queue.push("b", 2)
    >>> queue.pop(), queue.keys()
    ('b', ['a'])
    """

    def __init__(
        self,
        *,
        order: Literal["priority", "deadline"] = "priority",
        ageing: float = 0.0,
        retries: int = 0,
        retry_delay: float = 1.0,
        retry_delay_max: float = 60.0,
    ) -> None:
        self._order = order
        self._ageing = ageing
        self._retries = retries
        self._retry_delay = retry_delay
        self._retry_delay_max = retry_delay_max
        self._entries: dict[Hashable, _Entry] = {}
        self._now = 0.0
        self._n_places = 0

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds
        delayed = [entry for entry in self._entries.values() if entry.state == "delayed"]
        for entry in sorted(delayed, key=lambda entry: (entry.arrived, entry.place)):
            if entry.arrived <= self._now:
                self._arrive(entry, entry.arrived)

    def push(
        self, key: Hashable, priority: float = 0.0, deadline: float | None = None, delay: float | None = None
    ) -> None:
        """Put a key in that is not there."""
        assert key not in self._entries
        until = math.inf if deadline is None else self._now + deadline
        entry = _Entry(key, priority, until, self._now + (delay or 0.0), self._place(), "waiting")
        self._entries[key] = entry
        if delay:
            entry.state = "delayed"

    def keys(self) -> list[Hashable]:
        """Return what waits, in order."""

        def rank(entry: _Entry) -> tuple[float, float, int]:
            priority = -(entry.priority - self._ageing * entry.arrived)
            if self._order == "priority":
                return (priority, entry.deadline, entry.place)
            return (entry.deadline, priority, entry.place)

        waiting = [entry for entry in self._entries.values() if entry.state == "waiting"]
        return [entry.key for entry in sorted(waiting, key=rank)]

    def pop(self) -> Hashable:
        """Take the first key."""
        key = self.keys()[0]
        self._entries[key].state = "in work"
        return key

    def state(self, key: Hashable) -> str | None:
        """Return where a key is."""
        entry = self._entries.get(key)
        return entry.state if entry else None

    def update(self, key: Hashable, priority: float) -> None:
        """Change the priority of what waits or is delayed."""
        self._entries[key].priority = priority

    def remove(self, key: Hashable) -> None:
        """Forget a key; also what `done` does."""
        del self._entries[key]

    def failed(self, key: Hashable) -> bool:
        """Let a key in work come back, or be dead."""
        entry = self._entries[key]
        entry.attempts += 1
        entry.place = self._place()
        if entry.attempts > self._retries:
            entry.state = "dead"
            return False
        entry.state = "delayed"
        entry.arrived = self._now + min(self._retry_delay * 2 ** (entry.attempts - 1), self._retry_delay_max)
        return True

    def dead(self) -> list[Hashable]:
        """Return what is dead, the first to die first."""
        dead = [entry for entry in self._entries.values() if entry.state == "dead"]
        return [entry.key for entry in sorted(dead, key=lambda entry: entry.place)]

    def revive(self, key: Hashable) -> None:
        """Let a dead key wait again."""
        self._entries[key].attempts = 0
        self._arrive(self._entries[key], self._now)

    def _arrive(self, entry: _Entry, at: float) -> None:
        entry.state = "waiting"
        entry.arrived = at
        entry.place = self._place()

    def _place(self) -> int:
        self._n_places += 1
        return self._n_places
