"""A straightforward manager of resources in plain Python: what one would write without this package.

Frozen: it is what `ResourceManager` is measured against, and is not made better or worse.
"""

import threading
import time
from collections import deque
from collections.abc import Mapping

__all__ = ["Grant", "ResourceManager"]


class Grant:
    """Amounts that are held until they are released."""

    __slots__ = ("_is_over", "_manager", "_needs")

    def __init__(self, manager: "ResourceManager", needs: Mapping[str, float]) -> None:
        self._manager = manager
        self._needs = needs
        self._is_over = False

    def release(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._manager._give_back(self._needs)

    def __enter__(self) -> "Grant":
        return self

    def __exit__(self, *reason: object) -> None:
        self.release()


class ResourceManager:
    """Grants all that is asked for at once, first come first served."""

    def __init__(self, limits: Mapping[str, float]) -> None:
        self._limits = dict(limits)
        self._used = dict.fromkeys(limits, 0.0)
        self._line: deque[object] = deque()
        self._changed = threading.Condition()

    def acquire(self, needs: Mapping[str, float], timeout: float | None = None) -> Grant:
        for name, amount in needs.items():
            if amount <= 0:
                raise ValueError(f"needs[{name!r}] is {amount}")
            if name not in self._limits or amount > self._limits[name]:
                raise ValueError(f"{amount} of {name!r} can never be granted")
        with self._changed:
            if self._line or not self._fits(needs):
                self._wait(needs, timeout)
            for name, amount in needs.items():
                self._used[name] += amount
        return Grant(self, needs)

    def used(self) -> dict[str, float]:
        with self._changed:
            return dict(self._used)

    def _fits(self, needs: Mapping[str, float]) -> bool:
        used, limits = self._used, self._limits
        for name, amount in needs.items():  # noqa: SIM110 (a loop takes half the time)
            if used[name] + amount > limits[name]:
                return False
        return True

    def _wait(self, needs: Mapping[str, float], timeout: float | None) -> None:
        deadline = None if timeout is None else time.monotonic() + timeout
        ticket = object()
        self._line.append(ticket)
        while self._line[0] is not ticket or not self._fits(needs):
            left = None if deadline is None else deadline - time.monotonic()
            if (left is not None and left <= 0) or not self._changed.wait(left):
                self._line.remove(ticket)
                self._changed.notify_all()
                raise TimeoutError
        self._line.popleft()
        # Who is first now may fit as well.
        self._changed.notify_all()

    def _give_back(self, needs: Mapping[str, float]) -> None:
        with self._changed:
            for name, amount in needs.items():
                self._used[name] -= amount
            self._changed.notify_all()
