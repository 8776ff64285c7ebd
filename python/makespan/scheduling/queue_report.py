"""What a queue says about itself: priorities by name, statistics, health, what is dead."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["DeadEntry", "Priority", "QueueHealth", "QueueStatistics"]


class Priority(enum.IntEnum):
    """Priorities with names; any number between, below or above them is a priority too.

    Examples
    --------
    >>> Priority.LOW < Priority.NORMAL < Priority.HIGH < Priority.URGENT < Priority.CRITICAL
    True
    """

    LOW = -10
    NORMAL = 0
    HIGH = 10
    URGENT = 20
    CRITICAL = 30


@dataclass(frozen=True, kw_only=True)
class QueueStatistics:
    """What is in a queue, and what happened to its entries since it was made.

    Parameters
    ----------
    waiting, delayed, in_work, dead
        How many entries are in this state.
    done, failed, dropped
        How often an entry was done, failed (those that came back included), or was dropped to make room.
    oldest_s
        For how many seconds the entry has been waiting that waits longest; None where none waits.
    taken
        How many waits the following four are about: those of every entry that was taken.
    wait_p50_s, wait_p90_s, wait_p99_s, wait_max_s
        Seconds from arrival until an entry was taken: a share of 50, 90, 99 percent waited no longer, to 1/32 of the
        value; and the longest wait. None where nothing was taken.

    Examples
    --------
    >>> from makespan import ExecutionQueue
    >>> queue = ExecutionQueue()
    >>> queue.push("a")
    True
    >>> queue.stats().waiting
    1
    """

    waiting: int
    delayed: int
    in_work: int
    dead: int
    done: int
    failed: int
    dropped: int
    oldest_s: float | None
    taken: int
    wait_p50_s: float | None
    wait_p90_s: float | None
    wait_p99_s: float | None
    wait_max_s: float | None


@dataclass(frozen=True)
class QueueHealth:
    """Whether a queue can do its work.

    Parameters
    ----------
    status
        ``"ok"``; ``"degraded"`` from 90 % full; ``"closed"``.
    reason
        Why it is not ``"ok"``.
    fill
        Share of ``size_max`` that is used; 0 where there is no bound.

    Examples
    --------
    >>> from makespan import ExecutionQueue
    >>> ExecutionQueue().health().status
    'ok'
    """

    status: Literal["ok", "degraded", "closed"]
    reason: str | None
    fill: float


@dataclass(frozen=True)
class DeadEntry:
    """An entry that failed more often than it is retried.

    Parameters
    ----------
    key
        Its key.
    priority
        Its priority.
    attempts
        How often it failed.
    reason
        What the last `failed` gave as the reason.

    Examples
    --------
    >>> from makespan import ExecutionQueue
    >>> queue = ExecutionQueue()
    >>> queue.push("a"), queue.pop(), queue.failed("a", "no network")
    (True, 'a', False)
    >>> queue.dead()
    [DeadEntry(key='a', priority=0.0, attempts=1, reason='no network')]
    """

    key: Any
    priority: float
    attempts: int
    reason: str | None
