"""The priority queue: keys in, keys out, and what becomes of them in between."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal, Self

from makespan import _core
from makespan.exceptions import EmptyQueueError, QueueFullError, ValidationError
from makespan.scheduling.bells import Bells
from makespan.scheduling.queue_arguments import as_column, as_keys, as_priorities, count, flag, number, one_of
from makespan.scheduling.queue_report import DeadEntry, QueueHealth, QueueStatistics

if TYPE_CHECKING:
    from types import TracebackType
    from typing import SupportsFloat

    from numpy.typing import ArrayLike

__all__ = ["ExecutionQueue"]

PriorityName = Literal["low", "normal", "high", "urgent", "critical"]
Clock = Callable[[], float]

_SNAPSHOT_VERSION = 1
_DEGRADED_FROM = 0.9
_N_RETRIES_MAX = 65_000
# How often a waiting task looks at a clock that is not ours.
_SLICE_S = 0.05


class ExecutionQueue(_core.Queue):
    """A priority queue whose entries have keys, and are looked after until they are done.

    The largest priority goes first, among equals the earliest deadline, among those the first to arrive. Every method
    may be called from any thread. A key is in the queue once; while it waits, its priority can be changed (`update`),
    and it can be taken out (`remove`), which a heap of tuples cannot do. What was taken is *in work* until it is
    `done`, or `failed`: then it comes back after a delay, and is *dead* after the last retry.

    Parameters
    ----------
    order
        ``"priority"``; or ``"deadline"``: the earliest deadline first, among equals the largest priority.
    ageing
        How much priority an entry gains per second of waiting. Because all gain alike, the order of those that wait
        never changes: an entry is ordered by its priority less ``ageing`` times its time of arrival. So it is overtaken
        by newcomers whose priority is higher by ``d`` for at most ``d / ageing`` seconds.
    tracked
        False: an entry is forgotten as soon as it is taken; `done` and `failed` mean nothing.
    retries
        How often an entry that failed comes back.
    retry_delay, retry_delay_max
        Seconds after which it comes back the first time; doubled each time, up to the maximum.
    size_max
        How many entries may be waiting or delayed. What comes back after a failure is never refused.
    when_full
        What happens to an entry that a full queue is given: ``"refuse"`` raises `QueueFullError`; ``"block"`` lets
        `put` and `aput` wait for room (`push` and `push_many` never wait); ``"drop_lowest"`` takes it in and drops what
        would be taken last of all that wait, which may be the new entry itself.
    clock
        Returns seconds, never falling: `makespan.testing.ManualClock` in tests. None is the system's monotonic time.

    Raises
    ------
    ValidationError
        An option has a value that it cannot have.

    Notes
    -----
    Keys are any hashable. Integers of all kinds that fit into 64 bits, and floats that are whole, are one key where
    they are equal (``1``, ``1.0``, ``True``) and come back as `int`; they take no Python object. All others are told
    apart by their own hash and equality. Numbers of other types (`decimal.Decimal`, `fractions.Fraction`) are keys of
    their own.

    A single push or pop is O(log n). A batch is sorted once and then read in order: batches are an order of magnitude
    faster than single calls.

    Wake-ups: one waiting thread is woken at a time, takes what is there, and wakes the next while there is more.

    A forked child has a copy of the queue; those who waited in it are in the parent.

    Examples
    --------
    >>> queue = ExecutionQueue()
    >>> queue.push("mail", "low"), queue.push("report", 5), queue.push("alarm", "critical")
    (True, True, True)
    >>> queue.update("mail", 7)
    >>> [queue.pop() for _ in range(3)]
    ['alarm', 'mail', 'report']
    >>> queue.done("alarm")
    >>> queue
    <ExecutionQueue 0 waiting, 0 delayed, 2 in work, 0 dead>

    Batches take and give arrays:

    >>> queue = ExecutionQueue(tracked=False)
    >>> queue.push_many([7, 8, 9], [1.0, 3.0, 2.0])
    >>> queue.pop_many(2)
    array([8, 9])
    """

    _bells: Bells
    _options: dict[str, Any]
    _clock: Clock | None

    def __new__(  # noqa: D102 (documented by the class)
        cls,
        *,
        order: Literal["priority", "deadline"] = "priority",
        ageing: float = 0.0,
        tracked: bool = True,
        retries: int = 0,
        retry_delay: float = 1.0,
        retry_delay_max: float = 60.0,
        size_max: int | None = None,
        when_full: Literal["refuse", "block", "drop_lowest"] = "refuse",
        clock: Clock | None = None,
    ) -> Self:
        options = {
            "order": one_of("order", order, ("priority", "deadline")),
            "ageing": number("ageing", ageing),
            "tracked": flag("tracked", tracked),
            "retries": count("retries", retries, 0, _N_RETRIES_MAX),
            "retry_delay": number("retry_delay", retry_delay),
            "retry_delay_max": number("retry_delay_max", retry_delay_max),
            "size_max": None if size_max is None else count("size_max", size_max, 1, 2**32 - 2),
            "when_full": one_of("when_full", when_full, ("refuse", "block", "drop_lowest")),
        }
        return cls._made(options, clock, 0)

    @classmethod
    def _made(cls, options: dict[str, Any], clock: Clock | None, start_ns: int) -> Self:
        if clock is not None and not callable(clock):
            raise ValidationError("clock", clock, "a function that returns seconds, or None")
        queue = super().__new__(
            cls,
            by_deadline=options["order"] == "deadline",
            ageing=options["ageing"],
            tracked=options["tracked"],
            retries=options["retries"],
            retry_delay_ns=round(options["retry_delay"] * 1e9),
            retry_delay_ns_max=round(options["retry_delay_max"] * 1e9),
            size_max=options["size_max"],
            when_full=options["when_full"],
            clock=clock,
            start_ns=start_ns,
        )
        queue._bells = Bells()
        queue._options = options
        queue._clock = clock
        _queues.add(queue)
        return queue

    def push_many(
        self,
        keys: Iterable[Hashable] | ArrayLike,
        priorities: ArrayLike | PriorityName = 0.0,
        deadlines: ArrayLike | None = None,
    ) -> None:
        """Put many entries in, which arrive in this order: all of them or, if there is anything wrong, none.

        Parameters
        ----------
        keys
            An int64 array, shape ``(n,)``: the fast way. Or any keys.
        priorities
            Numbers, shape ``(n,)``, or one for all: a number or a name.
        deadlines
            Seconds from now, shape ``(n,)``, or one for all; ``inf`` for no deadline.

        Raises
        ------
        DuplicateKeyError
            A key is in the queue already, or is given twice.
        QueueFullError
            There is no room for all of them.
        ClosedQueueError
            The queue is closed.
        ValidationError
            A shape does not fit, or a number is NaN; the error names its place.

        Notes
        -----
        O(n log n) once for the batch. Large batches release the interpreter.

        Examples
        --------
        >>> queue = ExecutionQueue()
        >>> queue.push_many(["a", "b", "c"], [1, 2, 3])
        >>> queue.pop_many(2)
        ['c', 'b']
        """
        given = as_keys(keys)
        n = len(given)
        of_priority = as_priorities(priorities, n)
        of_deadline = None if deadlines is None else as_column("deadlines", deadlines, n)
        if isinstance(given, list):
            self._push_objects(given, of_priority, of_deadline)
        else:
            self._push_ints(given, of_priority, of_deadline)

    def done_many(self, keys: Iterable[Hashable] | ArrayLike) -> None:
        """Mark entries that are in work as done: they are forgotten.

        Parameters
        ----------
        keys
            An int64 array, shape ``(n,)``: the fast way, and all of them or none. Or any keys, one after the other.

        Raises
        ------
        UnknownKeyError
            A key is not in work.
        QueueError
            The queue is not tracked.

        Examples
        --------
        >>> queue = ExecutionQueue()
        >>> queue.push_many([1, 2, 3])
        >>> queue.done_many(queue.pop_many(3))
        >>> queue.stats().done
        3
        """
        given = as_keys(keys)
        if isinstance(given, list):
            for key in given:
                self.done(key)
        else:
            self._ints_done(given)

    async def aget(self) -> Any:
        """Take the first entry; wait for one without blocking the event loop.

        Returns
        -------
        key
            The key.

        Raises
        ------
        ClosedQueueError
            The queue is closed, and what it held has been taken.

        Notes
        -----
        May be cancelled at any time, and loses no entry then. For a time limit: ``asyncio.timeout``.

        Examples
        --------
        >>> queue = ExecutionQueue()
        >>> queue.push("a")
        True
        >>> import asyncio
        >>> asyncio.run(queue.aget())
        'a'
        """
        while True:
            try:
                return self.pop()
            except EmptyQueueError:
                await self._bells.wait(self, takers=True)

    async def aput(
        self,
        key: Hashable,
        priority: SupportsFloat | PriorityName | None = None,
        deadline: float | None = None,
        delay: float | None = None,
    ) -> bool:
        """Put an entry in; where ``when_full="block"``, wait for room without blocking the event loop.

        Parameters
        ----------
        key, priority, deadline, delay
            As for `push`.

        Returns
        -------
        is_in
            False if it was dropped at once.

        Raises
        ------
        DuplicateKeyError
            The key is in the queue already.
        QueueFullError
            There is no room, and the queue does not block.
        ClosedQueueError
            The queue is closed.

        Examples
        --------
        >>> queue = ExecutionQueue()
        >>> import asyncio
        >>> asyncio.run(queue.aput("a", "high"))
        True
        """
        while True:
            try:
                return self.push(key, priority, deadline, delay)
            except QueueFullError:
                if self._options["when_full"] != "block":
                    raise
                await self._bells.wait(self, takers=False)

    def keys(self) -> list[Any]:
        """Return the keys that wait, in the order in which they would be taken.

        Returns
        -------
        keys
            A list. O(n log n).

        Examples
        --------
        >>> queue = ExecutionQueue()
        >>> queue.push_many(["a", "b"], [1, 2])
        >>> queue.keys()
        ['b', 'a']
        """
        return self._keys("waiting")

    def in_work(self) -> list[Any]:
        """Return the keys that were taken and are neither done nor failed, in the order of their arrival.

        Returns
        -------
        keys
            A list.

        Examples
        --------
        >>> queue = ExecutionQueue()
        >>> queue.push("a"), queue.pop(), queue.in_work()
        (True, 'a', ['a'])
        """
        return self._keys("in work")

    def dead(self) -> list[DeadEntry]:
        """Return the entries that failed more often than they are retried, the first to die first.

        Returns
        -------
        dead
            The dead-letter list. They stay there until `revive` or `remove`.

        Examples
        --------
        >>> ExecutionQueue().dead()
        []
        """
        _, entries, _ = self._export()
        return [
            DeadEntry(key, priority, attempts, reason)
            for key, state, priority, _, _, attempts, reason in entries
            if state == "dead"
        ]

    def stats(self) -> QueueStatistics:
        """Return what is in the queue and what happened so far; never raises.

        Returns
        -------
        statistics
            O(n) for the age of the oldest entry, O(1) for the rest.

        Examples
        --------
        >>> ExecutionQueue().stats().oldest_s is None
        True
        """
        (waiting, delayed, in_work, dead), done, failed, dropped, oldest_s = self._counts()
        taken, (p50, p90, p99), longest = self._waits([0.5, 0.9, 0.99])
        return QueueStatistics(
            waiting=waiting,
            delayed=delayed,
            in_work=in_work,
            dead=dead,
            done=done,
            failed=failed,
            dropped=dropped,
            oldest_s=oldest_s,
            taken=taken,
            wait_p50_s=p50 if taken else None,
            wait_p90_s=p90 if taken else None,
            wait_p99_s=p99 if taken else None,
            wait_max_s=longest if taken else None,
        )

    def health(self) -> QueueHealth:
        """Return whether the queue can do its work; never raises.

        Returns
        -------
        health
            Degraded from 90 % full.

        Examples
        --------
        >>> queue = ExecutionQueue(size_max=10)
        >>> queue.push_many(range(9))
        >>> queue.health()
        QueueHealth(status='degraded', reason='9 of 10 entries', fill=0.9)
        """
        (waiting, delayed, _, _), *_ = self._counts()
        size_max = self._options["size_max"]
        fill = (waiting + delayed) / size_max if size_max else 0.0
        if self.closed:
            return QueueHealth("closed", "it was closed", fill)
        if fill >= _DEGRADED_FROM:
            return QueueHealth("degraded", f"{waiting + delayed} of {size_max} entries", fill)
        return QueueHealth("ok", None, fill)

    def snapshot(self) -> dict[str, Any]:
        """Return the queue as plain data: ready for JSON where keys are.

        Returns
        -------
        snapshot
            ``version``, ``options``, ``now_ns``, ``counts``, and ``entries`` in the order of their arrival, one list
            for each property.

        Examples
        --------
        >>> queue = ExecutionQueue()
        >>> queue.push("a", 5)
        True
        >>> ExecutionQueue.restore(queue.snapshot()).pop()
        'a'
        """
        now_ns, entries, (done, failed, dropped) = self._export()
        columns = ("key", "state", "priority", "deadline_ns", "arrived_ns", "attempts", "reason")
        return {
            "version": _SNAPSHOT_VERSION,
            "options": dict(self._options),
            "now_ns": now_ns,
            "counts": {"done": done, "failed": failed, "dropped": dropped},
            "entries": {name: [entry[at] for entry in entries] for at, name in enumerate(columns)},
        }

    @classmethod
    def restore(cls, snapshot: dict[str, Any], clock: Clock | None = None) -> Self:
        """Make a queue from what `snapshot` returned: same order, ages, attempts, remaining delays, dead entries.

        Entries that were in work wait again in their old places: whoever worked on them is not known to be there still.
        Wait quantiles begin anew. The new queue is open.

        Parameters
        ----------
        snapshot
            What `snapshot` returned, also by way of JSON or pickle.
        clock
            As for the class. Time goes on where the snapshot was made.

        Returns
        -------
        queue
            A new queue.

        Raises
        ------
        ValidationError
            The snapshot is of another version, or damaged.

        Examples
        --------
        >>> ExecutionQueue.restore(ExecutionQueue().snapshot())
        <ExecutionQueue 0 waiting, 0 delayed, 0 in work, 0 dead>
        """
        version = snapshot.get("version")
        if version != _SNAPSHOT_VERSION:
            raise ValidationError("snapshot version", version, f"a snapshot of version {_SNAPSHOT_VERSION}")
        try:
            counts = snapshot["counts"]
            columns = snapshot["entries"]
            names = ("key", "state", "priority", "deadline_ns", "arrived_ns", "attempts", "reason")
            entries = list(zip(*(columns[name] for name in names), strict=True))
            seen: set[Any] = set()
            for key, *_ in entries:
                if key in seen:
                    raise ValueError(f"key {key!r} is there twice")
                seen.add(key)
            queue = cls._made(snapshot["options"], clock, snapshot["now_ns"])
            queue._load(entries, (counts["done"], counts["failed"], counts["dropped"]))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ValidationError("snapshot", str(error), "what ExecutionQueue.snapshot returned") from error
        return queue

    def __reduce__(self) -> tuple[Callable[..., Self], tuple[dict[str, Any], Clock | None]]:
        return type(self).restore, (self.snapshot(), self._clock)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.keys())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        (waiting, delayed, in_work, dead), *_ = self._counts()
        return (
            f"<ExecutionQueue {waiting} waiting, {delayed} delayed, {in_work} in work, {dead} dead"
            f"{', closed' if self.closed else ''}>"
        )

    def _ring(self, takers: bool, putters: bool) -> None:
        """Tell tasks that wait: the native part calls this, attached and without a lock."""
        self._bells.ring(self, takers=takers, putters=putters)

    def _seconds_until_due(self) -> float | None:
        """Return when it is worth looking again although no bell was rung."""
        due_s = self._due_in()
        if due_s is None or self._clock is None:
            return due_s
        return min(due_s, _SLICE_S)


# The examples of the native methods are run with those of this module.
__test__ = {
    f"ExecutionQueue.{name}": getattr(_core.Queue, name).__doc__
    for name in vars(_core.Queue)
    if not name.startswith("_")
}

_queues: weakref.WeakSet[ExecutionQueue] = weakref.WeakSet()


def _after_fork() -> None:
    for queue in list(_queues):
        queue._after_fork()
        queue._bells = Bells()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
