"""The log of a scheduler: what it was told and asked, at which times, and what it answered."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from makespan.exceptions import ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

__all__ = ["Columns", "LogEntry", "ReplayClock", "SchedulerLog", "plain"]

_VERSION = 1


class Columns(NamedTuple):
    """What is known of nodes, as the native scheduler reads it."""

    priorities: NDArray[np.float64] | None
    demands: NDArray[np.int64] | None
    groups: NDArray[np.int64] | None
    durations_ns: NDArray[np.uint64] | None


def _array(dtype: type[np.generic]) -> Callable[[Any], Any]:
    return lambda values: None if values is None else np.array(values, dtype=dtype)


def _columns(values: list[Any]) -> Columns:
    priorities, demands, groups, durations_ns = values
    # Of no rows it cannot be told how long they are, and does not matter.
    rows = None if demands is None else np.array(demands or np.empty((0, 0)), dtype=np.int64)
    return Columns(_array(np.float64)(priorities), rows, _array(np.int64)(groups), _array(np.uint64)(durations_ns))


# How the arguments of each call are made of plain data.
_ARGUMENTS: dict[str, tuple[Callable[[Any], Any], ...]] = {
    "take": (int,),
    "complete": (_array(np.int64),),
    "fail": (_array(np.int64),),
    "retry": (_array(np.int64), int),
    "cancel": (_array(np.int64),),
    "add": (int, _array(np.int64), _array(np.int64), _columns),
    "set_priority": (_array(np.int64), _array(np.float64)),
    "set_not_before": (_array(np.int64), _array(np.uint64)),
    "set_capacity": (int, int),
    "set_group_limit": (int, int),
}


class LogEntry(NamedTuple):
    """One call.

    Parameters
    ----------
    time
        Seconds on the scheduler's clock.
    method
        What was called.
    arguments, answer
        Plain data.

    Examples
    --------
    >>> LogEntry(0.5, "take", (2,), [0, 1]).method
    'take'
    """

    time: float
    method: str
    arguments: tuple[Any, ...]
    answer: Any

    def native_arguments(self) -> list[Any]:
        """Return the arguments as the native scheduler takes them."""
        makers = _ARGUMENTS[self.method]
        return [make(argument) for make, argument in zip(makers, self.arguments, strict=True)]


class SchedulerLog:
    """What a scheduler was told and asked, in order; `ExecutionScheduler.replay` makes the same calls again.

    Examples
    --------
    >>> import makespan as ms
    >>> scheduler = ms.ExecutionScheduler(ms.DependencyGraph.from_edges(2, [0], [1]), record=True, clock=lambda: 1.5)
    >>> _ = scheduler.take()
    >>> list(scheduler.log)
    [LogEntry(time=1.5, method='take', arguments=(1,), answer=[0])]
    """

    def __init__(self) -> None:
        self._entries: list[LogEntry] = []

    def append(self, entry: LogEntry) -> None:
        """Note a call."""
        self._entries.append(entry)

    def to_json(self) -> str:
        """Return the log as text.

        Returns
        -------
        text
            JSON.

        Examples
        --------
        >>> SchedulerLog().to_json()
        '{"version": 1, "entries": []}'
        """
        return json.dumps({"version": _VERSION, "entries": self._entries})

    @classmethod
    def from_json(cls, text: str) -> SchedulerLog:
        """Read a log.

        Parameters
        ----------
        text
            What `to_json` returned.

        Returns
        -------
        log
            An equal one.

        Raises
        ------
        ValidationError
            The text is no log, or one of another version.

        Examples
        --------
        >>> len(SchedulerLog.from_json('{"version": 1, "entries": []}'))
        0
        """
        try:
            data = json.loads(text)
            version = data["version"]
            if version != _VERSION:
                raise ValidationError("text", f"a log of version {version}", f"one of version {_VERSION}")
            log = cls()
            for at, method, given, answer in data["entries"]:
                log.append(LogEntry(float(at), method, tuple(given), answer))
                log._entries[-1].native_arguments()
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            if isinstance(error, ValidationError):
                raise
            raise ValidationError("text", text, "what SchedulerLog.to_json returned") from None
        return log

    def __iter__(self) -> Iterator[LogEntry]:
        return iter(tuple(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SchedulerLog) and self._entries == other._entries

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<SchedulerLog {len(self)} calls>"


class ReplayClock:
    """A clock that stands at the times of a log, and then goes on."""

    def __init__(self) -> None:
        self._standing: float = 0.0
        self._clock: Callable[[], float] | None = None

    def stand_at(self, seconds: float) -> None:
        """Show this time until told otherwise."""
        self._standing = seconds

    def go_on(self, clock: Callable[[], float] | None) -> None:
        """Go on from here: by another clock, or by the time that passes."""
        if clock is None:
            offset = self._standing - time.monotonic()
            self._clock = lambda: time.monotonic() + offset
        else:
            self._clock = clock

    def __call__(self) -> float:
        """Return seconds."""
        return self._standing if self._clock is None else self._clock()


def plain(value: Any) -> Any:
    """Return an argument or an answer as plain data."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Columns):
        return [plain(column) for column in value]
    return value
