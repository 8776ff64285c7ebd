"""Resources: cores, memory, graphics processors, and whatever else there is only so much of."""

from __future__ import annotations

import math
import os
import weakref
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from makespan import _core
from makespan._core import Grant
from makespan.exceptions import MissingDependencyError, ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import TypeAlias

    Amount: TypeAlias = float | str
    """How much of a resource: a number, or for memory a text such as ``"512 MB"``."""

__all__ = ["Grant", "PoolUsage", "Rate", "ResourceManager", "ResourceStats", "TicketView"]

_THROTTLED = ("cpu", "memory")
_SAMPLE_PERIOD_S = 0.2
_RATE_MAX = 1e9

_managers: weakref.WeakSet[ResourceManager] = weakref.WeakSet()


class Rate(NamedTuple):
    """How much of a resource may be taken per period.

    Parameters
    ----------
    n
        How much.
    per
        Seconds.
    burst
        How much at once after a pause; by default ``n``.

    Examples
    --------
    >>> Rate(100, per=60.0)
    Rate(n=100, per=60.0, burst=None)
    """

    n: float
    per: float = 1.0
    burst: float | None = None


class PoolUsage(NamedTuple):
    """How it stands with one resource.

    Parameters
    ----------
    limit
        How much may be held at once; None where only its rate is limited.
    used, peak
        How much is held, and the most that was held at once.
    n_waiting
        How many wait for some of it.
    is_throttled
        It is given to one at a time, because the machine is short of it.
    tokens, burst
        How much the rate allows now, and at most; None where the rate is not limited.

    Examples
    --------
    >>> import makespan as ms
    >>> ms.ResourceManager({"net": 4}, detect=False).usage()["net"].limit
    4
    """

    limit: float | None
    used: float
    peak: float
    n_waiting: int
    is_throttled: bool
    tokens: float | None
    burst: float | None


class TicketView(NamedTuple):
    """Who holds something, or waits for it.

    Parameters
    ----------
    holder
        A thread, a process, a node of a run, or the name that was given.
    needs
        Amounts by resource.
    seconds
        For how long.

    Examples
    --------
    >>> import makespan as ms
    >>> manager = ms.ResourceManager({"net": 4}, detect=False)
    >>> with manager.acquire({"net": 1}, holder="crawler"):
    ...     [(view.holder, view.needs) for view in manager.holders()]
    [('crawler', {'net': 1})]
    """

    holder: str
    needs: dict[str, float]
    seconds: float


class ResourceStats(NamedTuple):
    """Counts since the manager was made.

    Parameters
    ----------
    n_granted
        Requests that were granted.
    n_waited, waited_s, waited_s_max
        Those among them that had to wait, for how long altogether, and for how long at most.
    n_withdrawn
        Requests that ended without a grant: a timeout, a cancellation.
    n_reclaimed
        What was taken back from processes that had ended.
    n_held, n_waiting
        Grants that are held now, and requests that wait now.

    Examples
    --------
    >>> import makespan as ms
    >>> ms.ResourceManager(detect=False).stats().n_granted
    0
    """

    n_granted: int
    n_waited: int
    waited_s: float
    waited_s_max: float
    n_withdrawn: int
    n_reclaimed: int
    n_held: int
    n_waiting: int


class ResourceManager(_core.Resources):
    """Gives out resources: all that is asked for at once or nothing, in order, so that nobody starves.

    Each engine has one, and the nodes of its runs ask the same one as direct calls of `acquire` do. Amounts are
    numbers, counted in thousandths; ``memory`` is in bytes, and may be written as ``"512 MB"`` (decimal) or
    ``"512 MiB"`` (binary).

    Who waits stands in one line: larger priority first, first come first served among equals, and waiting adds
    ``ageing`` to a priority per second. What the first in line could use is kept for it. A grant belongs to whoever has
    the object: it is given back by ``release``, at the end of a ``with`` block, or when the last reference to it goes.

    A thread that asks for more while it holds something may wait for itself, or two may wait for each other. The plain
    case, more of what the thread itself holds than there is beside it, is refused where it would wait without a
    timeout. For the rest: ask for everything at once.

    Parameters
    ----------
    limits
        How much of each resource may be held at once; 0 is a limit.
    rates
        How much of each resource may be taken per time: a number per second, or a `Rate`. Taken when granted, never
        given back. A name may have a limit, a rate, or both.
    clock
        Returns seconds that never go back; the machine's by default.
    ageing
        What a second of waiting adds to a priority.
    detect
        Take limits for ``cpu``, ``memory`` and ``gpu`` from the machine where ``limits`` does not say: affinity,
        control groups, total memory, visible graphics processors.
    throttle_above
        Parts of the machine's ``cpu`` or ``memory``, from 0 to 1, above which that resource is given to one at a time,
        whoever uses it up, until it is 0.05 below. Needs the extra ``resources``.

    Raises
    ------
    ValidationError
        A name, an amount, a rate or another argument has a value that cannot be meant.
    MissingDependencyError
        ``throttle_above`` is used without the extra.

    Examples
    --------
    >>> import makespan as ms
    >>> manager = ms.ResourceManager({"cpu": 2, "memory": "2 GB", "net": 4}, detect=False)
    >>> with manager.acquire({"cpu": 1.5, "memory": "512 MB"}) as grant:
    ...     grant
    <grant of cpu=1.5, memory=512000000>
    >>> manager
    <resources cpu=0/2, memory=0/2000000000, net=0/4>
    """

    def __new__(
        cls,
        limits: Mapping[str, Amount] | None = None,
        *,
        rates: Mapping[str, float | Rate] | None = None,
        clock: Callable[[], float] | None = None,
        ageing: float = 1.0,
        detect: bool = True,
        throttle_above: Mapping[str, float] | None = None,
    ) -> ResourceManager:
        """Make the native part; the pools come with ``__init__``."""
        del limits, rates, detect, throttle_above
        if not _is_number(ageing) or not 0 <= ageing <= _RATE_MAX:
            raise ValidationError("ageing", ageing, "priority per second, not negative")
        if clock is not None and not callable(clock):
            raise ValidationError("clock", clock, "a function that returns seconds")
        return super().__new__(cls, ageing_milli=round(ageing * 1e3), clock=clock)

    def __init__(
        self,
        limits: Mapping[str, Amount] | None = None,
        *,
        rates: Mapping[str, float | Rate] | None = None,
        clock: Callable[[], float] | None = None,
        ageing: float = 1.0,
        detect: bool = True,
        throttle_above: Mapping[str, float] | None = None,
    ) -> None:
        del clock, ageing
        limits = {} if limits is None else limits
        counted = {name: _core.limit(_name(name), amount) for name, amount in _items("limits", limits)}
        buckets = {name: _bucket(_name(name), rate) for name, rate in _items("rates", {} if rates is None else rates)}
        if detect:
            cores_milli, memory_bytes, n_gpus = _core.host()
            found = {"cpu": cores_milli, "memory": memory_bytes, "gpu": 1_000 * n_gpus}
            counted = {name: amount for name, amount in found.items() if amount is not None} | counted
        thresholds = [
            (name, _threshold(name, level, counted)) for name, level in _items("throttle_above", throttle_above or {})
        ]
        sample = _sampler([name for name, _ in thresholds]) if thresholds else None
        # What a forked child begins with: the lock around the pools may be held by a thread of its parent.
        self._limits: dict[str, int] = {}
        self._buckets: dict[str, tuple[int, int, int]] = {}
        for name, amount in counted.items():
            self._limit(name, amount)
        for name, bucket in buckets.items():
            self._rate(name, bucket)
        if sample is not None:
            self._throttle(thresholds, sample, _SAMPLE_PERIOD_S)
        _managers.add(self)

    if TYPE_CHECKING:

        def acquire(
            self,
            needs: Mapping[str, Amount],
            *,
            timeout: float | None = None,
            priority: float | None = None,
            holder: str | int | None = None,
        ) -> Grant:
            """Wait until all of ``needs`` is granted at once.

            Ctrl-C ends the wait. ``holder`` is a name for `holders`, or the id of a process: what it holds is taken
            back when it has ended. Raises `UnsatisfiableError` where it could never be granted, `AcquireTimeoutError`
            after ``timeout`` seconds; nothing is left behind then.
            """
            ...

        def try_acquire(
            self, needs: Mapping[str, Amount], *, priority: float | None = None, holder: str | int | None = None
        ) -> Grant | None:
            """Take all of ``needs`` if it can be granted now; None otherwise."""
            ...

        def reclaim_dead(self) -> int:
            """Take back what processes held that have ended; done by itself while somebody waits."""
            ...

        def close(self) -> None:
            """Grant nothing more: who waits gets `ClosedResourcesError`, what is held stays held."""
            ...

    async def aacquire(
        self,
        needs: Mapping[str, Amount],
        *,
        timeout: float | None = None,
        priority: float = 0,
        holder: str | int | None = None,
    ) -> Grant:
        """Wait until all of ``needs`` is granted at once, while the event loop goes on.

        Cancelling the task that waits leaves nothing behind.

        Parameters
        ----------
        needs
            Amounts by resource.
        timeout
            Seconds to wait at most; None for as long as it takes.
        priority
            Larger goes first.
        holder
            As for ``acquire``.

        Returns
        -------
        grant
            To be released, or used as a context manager.

        Raises
        ------
        UnsatisfiableError
            There is not as much altogether.
        AcquireTimeoutError
            It was not granted in time.

        Examples
        --------
        >>> import asyncio, makespan as ms
        >>> async def main() -> dict[str, float]:
        ...     with await ms.ResourceManager({"net": 4}, detect=False).aacquire({"net": 2}) as grant:
        ...         return grant.needs
        >>> asyncio.run(main())
        {'net': 2}
        """
        import asyncio

        if timeout is not None and not (_is_number(timeout) and timeout >= 0):
            raise ValidationError("timeout", timeout, "seconds, not negative, or None")
        loop = asyncio.get_running_loop()
        rung = asyncio.Event()

        def ring() -> None:
            # A loop that is closed has nobody who waits any more.
            if not loop.is_closed():
                loop.call_soon_threadsafe(rung.set)

        deadline = math.inf if timeout is None else loop.time() + timeout
        grant = self._request(needs, priority, holder, ring)
        try:
            while (pause := grant._look()) is not None:
                left = deadline - loop.time()
                if timeout is not None and left <= 0:
                    grant._give_up(timeout)
                    break
                pause = min(pause, left)
                try:
                    async with asyncio.timeout(None if pause == math.inf else pause):
                        await rung.wait()
                except TimeoutError:
                    pass
                rung.clear()
        except BaseException:
            grant.release()
            raise
        return grant

    def set_limit(self, name: str, amount: Amount) -> None:
        """Change how much of a resource may be held at once, or begin to limit one.

        What is held stays held. Who asks for more than there is now waits until there is more again.

        Parameters
        ----------
        name
            The resource.
        amount
            How much; 0 grants nothing.

        Examples
        --------
        >>> import makespan as ms
        >>> manager = ms.ResourceManager({"net": 4}, detect=False)
        >>> manager.set_limit("net", 8)
        >>> manager.usage()["net"].limit
        8
        """
        self._limit(_name(name), _core.limit(name, amount))

    def set_rate(self, name: str, rate: float | Rate) -> None:
        """Change how much of a resource may be taken per time, or begin to limit that.

        Parameters
        ----------
        name
            The resource.
        rate
            A number per second, or a `Rate`.

        Examples
        --------
        >>> import makespan as ms
        >>> manager = ms.ResourceManager(detect=False)
        >>> manager.set_rate("api", ms.Rate(100, per=60.0, burst=10))
        >>> manager.usage()["api"].tokens
        10
        """
        self._rate(_name(name), _bucket(name, rate))

    def usage(self) -> dict[str, PoolUsage]:
        """Tell how it stands with each resource; never raises.

        Returns
        -------
        usage
            By name.

        Examples
        --------
        >>> import makespan as ms
        >>> manager = ms.ResourceManager({"net": 4}, detect=False)
        >>> with manager.acquire({"net": 3}):
        ...     manager.usage()["net"].used
        3
        """
        return {
            name: PoolUsage(limit, used, peak, n_waiting, is_throttled, *(bucket or (None, None)))
            for name, limit, used, peak, n_waiting, is_throttled, bucket in self._usage()
        }

    def holders(self) -> list[TicketView]:
        """Tell who holds what; never raises.

        Returns
        -------
        holders
            One entry per grant.

        Examples
        --------
        >>> import makespan as ms
        >>> ms.ResourceManager(detect=False).holders()
        []
        """
        return [TicketView(*row) for row in self._tickets(False)]

    def waiters(self) -> list[TicketView]:
        """Tell who waits for what; never raises.

        Returns
        -------
        waiters
            In the order in which they are served.

        Examples
        --------
        >>> import makespan as ms
        >>> ms.ResourceManager(detect=False).waiters()
        []
        """
        return [TicketView(*row) for row in self._tickets(True)]

    def stats(self) -> ResourceStats:
        """Return counts since the manager was made; never raises.

        Returns
        -------
        stats
            Counts, and seconds of waiting.

        Examples
        --------
        >>> import makespan as ms
        >>> manager = ms.ResourceManager({"net": 4}, detect=False)
        >>> manager.acquire({"net": 3}).release()
        >>> manager.stats().n_granted, manager.stats().n_held
        (1, 0)
        """
        return ResourceStats(*self._counts())

    def health(self) -> dict[str, Any]:
        """Tell in short how it goes, ready for JSON; never raises.

        Returns
        -------
        health
            ``status``: "ok", "waiting", "throttled" or "closed"; ``n_held``, ``n_waiting``; ``throttled`` and
            ``exhausted`` name resources.

        Examples
        --------
        >>> import makespan as ms
        >>> ms.ResourceManager({"net": 4}, detect=False).health()["status"]
        'ok'
        """
        usage, stats = self.usage(), self.stats()
        throttled = [name for name, pool in usage.items() if pool.is_throttled]
        status: Literal["ok", "waiting", "throttled", "closed"] = "ok"
        if self.is_closed:
            status = "closed"
        elif throttled:
            status = "throttled"
        elif stats.n_waiting:
            status = "waiting"
        return {
            "status": status,
            "n_held": stats.n_held,
            "n_waiting": stats.n_waiting,
            "throttled": throttled,
            "exhausted": [name for name, pool in usage.items() if pool.limit and pool.used >= pool.limit],
        }

    def _limit(self, name: str, amount: int) -> None:
        self._set_limit(name, amount)
        self._limits[name] = amount

    def _rate(self, name: str, bucket: tuple[int, int, int]) -> None:
        self._set_rate(name, *bucket)
        self._buckets[name] = bucket

    def _after_fork(self) -> None:
        """Begin again with nothing held: the parent's threads, which would give it back, are not here."""
        self._restart()
        for name, amount in self._limits.items():
            self._set_limit(name, amount)
        for name, bucket in self._buckets.items():
            self._set_rate(name, *bucket)

    def __enter__(self) -> ResourceManager:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        shown = []
        for name, pool in self.usage().items():
            limit = "" if pool.limit is None else f"={pool.used}/{pool.limit}"
            rate = "" if pool.burst is None else f", {pool.tokens} of {pool.burst} tokens"
            shown.append(f"{name}{limit}{rate}")
        return f"<resources {', '.join(shown) or 'without limits'}{', closed' if self.is_closed else ''}>"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _name(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise ValidationError("name", name, "the name of a resource, not empty")
    return name


def _items(argument: str, mapping: Mapping[str, Any]) -> list[tuple[str, Any]]:
    try:
        return list(mapping.items())
    except AttributeError:
        raise ValidationError(argument, mapping, "a mapping of names to numbers") from None


def _bucket(name: str, rate: float | Rate) -> tuple[int, int, int]:
    """Read a rate: tokens as the core counts amounts of the resource, nanoseconds, tokens."""
    argument = f"rates[{name!r}]"
    if not isinstance(rate, Rate):
        if not _is_number(rate):
            raise ValidationError(argument, rate, "a number per second, or a Rate")
        rate = Rate(rate)
    if not (_is_number(rate.per) and 0 < rate.per <= _RATE_MAX and round(rate.per * 1e9) > 0):
        raise ValidationError(argument, rate, "a period of seconds above zero")
    try:
        [(_, n)] = _core.demands({name: rate.n})
        [(_, burst)] = _core.demands({name: rate.n if rate.burst is None else rate.burst})
    except ValidationError as error:
        raise ValidationError(argument, rate, error.expected) from None
    return n, round(rate.per * 1e9), burst


def _threshold(name: str, level: object, limits: Mapping[str, Any]) -> float:
    if name not in _THROTTLED or name not in limits:
        raise ValidationError("throttle_above", name, f"resources with a limit, among {', '.join(_THROTTLED)}")
    if not _is_number(level) or not 0 < cast("float", level) <= 1:
        raise ValidationError(f"throttle_above[{name!r}]", level, "a part of the machine, above 0 and at most 1")
    return cast("float", level)


def _sampler(names: list[str]) -> Callable[[], list[tuple[str, float]]]:
    """Return what tells the parts of the machine that are in use."""
    try:
        import psutil
    except ImportError:
        raise MissingDependencyError("resources") from None
    # The first answer is about the time since the last question.
    psutil.cpu_percent()
    levels: dict[str, Callable[[], float]] = {
        "cpu": psutil.cpu_percent,
        "memory": lambda: psutil.virtual_memory().percent,
    }
    return lambda: [(name, levels[name]() / 100) for name in names]


def _after_fork_in_child() -> None:
    for manager in list(_managers):
        manager._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
