"""The result cache: what calls of pure steps returned, kept for the next time."""

from __future__ import annotations

import contextlib
import contextvars
import copy
import datetime as dt
import decimal
import enum
import fractions
import pathlib
import sys
import types
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from makespan import _core
from makespan.exceptions import ConfigurationError, ValidationError

if TYPE_CHECKING:
    import os

    from makespan.cache_folder import CacheFolder

__all__ = ["CacheEntry", "CacheStats", "Caching", "ResultCache", "cache_scope"]

MAX_BYTES = 256 * 2**20

_scope: contextvars.ContextVar[str] = contextvars.ContextVar("makespan_cache_scope", default="")


class Caching(NamedTuple):
    """How the results of a step are cached: ``@step(pure=True, cache=Caching(ttl=60))``.

    Parameters
    ----------
    ttl
        For how many seconds a result is valid; None for as long as the cache says.
    version
        What stands for the code in the key: results of another version are not taken. None: the code itself does, with
        what it uses of its own package.
    failures
        For how many seconds a failure is remembered and raised again; None: the step is called again.
    ignore
        Names of arguments that are no part of the key, exactly as the function has them: what does not change the
        result (a connection, a token).
    shared
        Results serve every scope; see `cache_scope`.

    Examples
    --------
    >>> import makespan as ms
    >>> @ms.step(pure=True, cache=ms.Caching(ttl=60.0, ignore=("session",)))
    ... def fetch(session: object, url: str) -> str:
    ...     return url.upper()
    >>> fetch
    <step fetch>
    """

    ttl: float | None = None
    version: str | None = None
    failures: float | None = None
    ignore: tuple[str, ...] = ()
    shared: bool = False

    def native(self) -> tuple[int | None, int | None, list[str], bool]:
        """Return times in nanoseconds, names and whether it is shared, as the native step takes them.

        Returns
        -------
        caching
            Time to live, that of failures, names of arguments that do not count, whether entries serve every scope.

        Raises
        ------
        ConfigurationError
            A time is none.

        Examples
        --------
        >>> Caching(ttl=2.0).native()
        (2000000000, None, [], False)
        """
        times = nanoseconds("cache.ttl", self.ttl), nanoseconds("cache.failures", self.failures)
        return *times, list(self.ignore), self.shared


class CacheEntry(NamedTuple):
    """What is kept of one call.

    Parameters
    ----------
    step, workflow
        Names.
    age_s
        Seconds since it was stored.
    size_bytes
        About what it takes.
    is_failure
        It is a failure that is remembered.

    Examples
    --------
    >>> CacheEntry("load", "report", 0.5, 300, False).step
    'load'
    """

    step: str
    workflow: str
    age_s: float
    size_bytes: int
    is_failure: bool


class CacheStats(NamedTuple):
    """How a cache did since it was made.

    Parameters
    ----------
    n_hits, n_misses
        Look-ups that found a result, and that did not.
    n_stored
        Results that were kept.
    n_evicted, n_expired
        Entries that made room for others in memory, and whose time was over.
    n_waited
        How often a call waited for an equal one that was being made.
    n_read
        Results that were read from the folder.
    n_not_kept
        Results that could not be kept, since they cannot be copied.
    n_entries, n_bytes
        What is in memory now; a result that is found by two keys counts as two entries.

    Examples
    --------
    >>> import makespan as ms
    >>> ms.ResultCache().stats().hit_share
    0.0
    """

    n_hits: int
    n_misses: int
    n_stored: int
    n_evicted: int
    n_expired: int
    n_waited: int
    n_read: int
    n_not_kept: int
    n_entries: int
    n_bytes: int

    @property
    def hit_share(self) -> float:
        """Share of the look-ups that found a result."""
        n_looked_up = self.n_hits + self.n_misses
        return self.n_hits / n_looked_up if n_looked_up else 0.0


class ResultCache(_core.ResultCache):
    """Results of pure steps by what they were computed from: code, arguments, and what these came from.

    An engine has one of its own, in memory, unless it is given one; several engines may share one. A step takes part
    with ``@step(pure=True, cache=True)``. What cannot be changed is handed out as it is; arrays are handed out
    read-only, and everything else as a copy, so that no caller changes what another one gets. Of equal calls that are
    due at the same time, in several threads, or with ``folder`` in several processes, one is made.

    Parameters
    ----------
    max_bytes
        What results may take in memory; those that were not used for longest go first.
    ttl
        For how many seconds results are valid, where their step does not say; None for ever.
    folder
        Where results are kept as well, for other processes and the next start. Plain data, arrays, dates, numbers and
        paths are stored; nothing in the folder is ever executed. It is made if it does not exist. Needs
        ``pip install makespan[cache]``.
    pickle
        Store everything else in the folder, too, by `pickle`: whoever can write to the folder can then run code in this
        process.
    clock
        A function that returns seconds, for tests; by default the process's clock.

    Raises
    ------
    ConfigurationError
        An argument has a value that it cannot have.

    Examples
    --------
    >>> import makespan as ms
    >>> @ms.step(pure=True, cache=True)
    ... def load(name: str) -> str:
    ...     print("loading", name)
    ...     return name.upper()
    >>> wf = ms.Workflow("demo")
    >>> wf.output(wf.add(load, wf.parameter("name")))
    >>> with ms.SequentialExecutionEngine(cache=ms.ResultCache(ttl=3600.0)) as engine:
    ...     [engine.run(wf, "a").value for _ in range(3)]
    loading a
    ['A', 'A', 'A']
    """

    _folder: CacheFolder | None

    def __new__(  # noqa: D102 (documented by the class)
        cls,
        max_bytes: int = MAX_BYTES,
        *,
        ttl: float | None = None,
        folder: str | os.PathLike[str] | None = None,
        pickle: bool = False,
        clock: Callable[[], float] | None = None,
    ) -> ResultCache:
        if not _is_size(max_bytes):
            raise ConfigurationError("max_bytes", max_bytes, "a number of bytes, not negative")
        if clock is not None and not callable(clock):
            raise ConfigurationError("clock", clock, "a function that returns seconds")
        if not isinstance(pickle, bool):
            raise ConfigurationError("pickle", pickle, "True or False")
        opened = None
        if folder is not None:
            from makespan.cache_folder import CacheFolder

            opened = CacheFolder(folder, unpickles=pickle)
        elif pickle:
            raise ConfigurationError("pickle", pickle, "nothing without folder=: memory keeps everything")
        made = super().__new__(cls, max_bytes=max_bytes, ttl_ns=nanoseconds("ttl", ttl), folder=opened, clock=clock)
        made._folder = opened
        return made

    def stats(self) -> CacheStats:
        """Return how the cache did since it was made.

        Returns
        -------
        stats
            Counts.

        Examples
        --------
        >>> import makespan as ms
        >>> ms.ResultCache().stats().n_hits
        0
        """
        return CacheStats(*self.counts())

    def invalidate(
        self,
        *,
        step: str | None = None,
        workflow: str | None = None,
        older_than: float | None = None,
        where: Callable[[CacheEntry], bool] | None = None,
    ) -> int:
        """Forget results, in memory and in the folder: those that meet every given condition.

        Parameters
        ----------
        step, workflow
            Names.
        older_than
            Seconds since they were stored.
        where
            A function that says so of an entry.

        Returns
        -------
        n
            How many entries were forgotten.

        Raises
        ------
        ValidationError
            No condition is given (`clear` forgets everything), or ``older_than`` is negative.

        Examples
        --------
        >>> import makespan as ms
        >>> ms.ResultCache().invalidate(step="load")
        0
        """
        if step is None and workflow is None and older_than is None and where is None:
            raise ValidationError("step", None, "some condition; clear() forgets everything")
        if older_than is not None and not older_than >= 0:
            raise ValidationError("older_than", older_than, "seconds, not negative")

        def is_meant(entry: CacheEntry) -> bool:
            return (
                (step is None or entry.step == step)
                and (workflow is None or entry.workflow == workflow)
                and (older_than is None or entry.age_s > older_than)
                and (where is None or where(entry))
            )

        return self._forget(is_meant)

    def clear(self) -> int:
        """Forget every result, in memory and in the folder.

        Returns
        -------
        n
            How many entries were forgotten.

        Examples
        --------
        >>> import makespan as ms
        >>> ms.ResultCache().clear()
        0
        """
        return self._forget(lambda _: True)

    def _forget(self, is_meant: Callable[[CacheEntry], bool]) -> int:
        ids = {id_ for id_, *described in self.entries() if is_meant(CacheEntry._make(described))}
        self.forget(list(ids))
        n_of_folder = 0 if self._folder is None else self._folder.forget(is_meant)
        return max(len(ids), n_of_folder)

    def __repr__(self) -> str:
        stats = self.stats()
        where = "" if self._folder is None else f", {self._folder.path}"
        return f"<result cache: {stats.n_entries} entries, {stats.n_bytes:,} bytes, {stats.hit_share:.0%} hits{where}>"


@contextlib.contextmanager
def cache_scope(name: str) -> Iterator[None]:
    """Keep what is cached within a block apart from everything else: a tenant, a user.

    A context variable: it holds for runs that are started within the block, also in the tasks of an event loop.

    Parameters
    ----------
    name
        Results are taken only by runs in a scope of this name; an empty one for the scope that all others are in.

    Raises
    ------
    ValidationError
        It is no string.

    Examples
    --------
    >>> import makespan as ms
    >>> load = ms.step(lambda: print("loading"), name="load", pure=True, cache=True)
    >>> wf = ms.Workflow("demo")
    >>> wf.output(wf.add(load))
    >>> with ms.SequentialExecutionEngine() as engine:
    ...     for tenant in ("a", "b", "a"):
    ...         with ms.cache_scope(tenant):
    ...             _ = engine.run(wf)
    loading
    loading
    """
    if not isinstance(name, str):
        raise ValidationError("name", name, "a string")
    token = _scope.set(name)
    try:
        yield
    finally:
        _scope.reset(token)


def nanoseconds(key: str, seconds: float | None) -> int | None:
    """Return a time as the core has it; refuse what is none."""
    if seconds is None:
        return None
    if not _is_time(seconds):
        raise ConfigurationError(key, seconds, "seconds, not negative")
    return round(seconds * 1e9)


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 9e9


def _are_names(value: object) -> bool:
    return isinstance(value, tuple | list) and all(isinstance(name, str) for name in value)


def checked_caching(cache: object, *, is_pure: bool) -> Caching:
    """Return how results of a step are cached; refuse what cannot be meant."""
    if cache is not True and not isinstance(cache, Caching):
        raise ConfigurationError("cache", cache, "True, False or a Caching")
    if not is_pure:
        raise ConfigurationError("cache", cache, "nothing without pure=True: only then is a result the same next time")
    caching = cache if isinstance(cache, Caching) else Caching()
    caching.native()
    if caching.version is not None and not isinstance(caching.version, str):
        raise ConfigurationError("cache.version", caching.version, "a string")
    if not _are_names(caching.ignore):
        raise ConfigurationError("cache.ignore", caching.ignore, "names of arguments")
    if not isinstance(caching.shared, bool):
        raise ConfigurationError("cache.shared", caching.shared, "True or False")
    return caching


_IMMUTABLE = (
    *(bool, int, float, complex, str, bytes, type(None), type(...), range, type, enum.Enum, uuid.UUID),
    *(dt.date, dt.time, dt.timedelta, dt.tzinfo, decimal.Decimal, fractions.Fraction),
    *(pathlib.PurePath, types.FunctionType, types.BuiltinFunctionType, types.ModuleType),
)
_STANDARD = frozenset({"builtins", "datetime", "decimal", "fractions", "pathlib", "types", "uuid", "zoneinfo"})
_UNKNOWN_BYTES = 512


def to_keep(value: Any, step: str) -> tuple[Any, bool, int] | None:
    """Make what is kept of a result, for the native cache.

    Parameters
    ----------
    value
        What a step returned, or the failure that it ended with.
    step
        The step's name, for the warning.

    Returns
    -------
    kept
        What is kept, whether nobody can change it (otherwise `handed_out` makes of it what consumers get), and its
        size in bytes; None where it cannot be copied.
    """
    try:
        if isinstance(value, BaseException):
            # What it refers to of the run that it ended is not kept.
            kept = _without_traceback(value)
            return kept, False, _size_bytes(kept)
        if is_immutable(value):
            return value, True, _size_bytes(value)
        if _is_array(value):
            array = value.copy(order="K")
            array.flags.writeable = False
            return array, False, int(array.nbytes) + 128
        return copy.deepcopy(value), False, _size_bytes(value)
    except Exception as error:  # noqa: BLE001 (copying runs the code of classes)
        message = f"what {step} returned is not cached: a {type(value).__name__} cannot be copied ({error})"
        warnings.warn(message, RuntimeWarning, stacklevel=2)
        return None


def handed_out(kept: Any) -> Any:
    """Return what a consumer gets of what is kept: a read-only view of an array, a copy of anything else.

    Parameters
    ----------
    kept
        From `to_keep`.

    Returns
    -------
    value
        Not to be changed by others, nor changing what others get.
    """
    if _is_array(kept):
        return kept.view()
    if isinstance(kept, BaseException):
        return _without_traceback(kept)
    return copy.deepcopy(kept)


def is_immutable(value: Any) -> bool:
    """Tell whether nobody can change a value, nor anything in it."""
    if isinstance(value, tuple | frozenset) and type(value) in (tuple, frozenset):
        return all(is_immutable(member) for member in value)
    if isinstance(value, _IMMUTABLE):
        if isinstance(value, enum.Enum | type | types.ModuleType):
            return True
        # A subclass may have attributes of its own, and so may a function.
        return type(value).__module__ in _STANDARD and not getattr(value, "__dict__", None)
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.generic) and value.dtype.kind != "V"


def _is_array(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and type(value) is numpy.ndarray and not value.dtype.hasobject


def _without_traceback(error: BaseException) -> BaseException:
    """Copy a failure with what it was caused by, and without the frames that these refer to."""
    try:
        copied = copy.deepcopy(error)
    except Exception:  # noqa: BLE001 (copying runs the code of classes)
        # It cannot be made anew: all get this one.
        copied = error
    copied.__cause__ = None if error.__cause__ is None else _without_traceback(error.__cause__)
    copied.__context__ = None
    copied.__suppress_context__ = True
    return copied.with_traceback(None)


def _size_bytes(value: Any) -> int:
    """Add up what a value takes, each object in it once; about."""
    seen: set[int] = set()
    pending, n_bytes = [value], 0
    while pending:
        part = pending.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        n_bytes += sys.getsizeof(part, _UNKNOWN_BYTES)
        if isinstance(part, Mapping):
            pending.extend(part.keys())
            pending.extend(part.values())
        elif isinstance(part, list | tuple | set | frozenset):
            pending.extend(part)
        elif not isinstance(part, _IMMUTABLE):
            pending.extend(getattr(part, "__dict__", {}).values())
    return n_bytes
