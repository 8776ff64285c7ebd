"""The folder of a result cache: one file per result, found by its key."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import pickle
import secrets
import time
import warnings
from typing import TYPE_CHECKING, Any

from makespan.exceptions import ConfigurationError, UnkeyableError
from makespan.keys import from_plain_bytes, plain_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import filelock

    from makespan.cache import CacheEntry

__all__ = ["CacheFolder"]

_MAGIC = b"makespan cache 1\n"
_PLAIN, _PICKLED, _LINK = "plain", "pickled", "link"
_LOCK_POLL_S = 0.005


class CallLock:
    """The right to make a call, held.

    Parameters
    ----------
    lock
        Acquired.
    """

    def __init__(self, lock: filelock.BaseFileLock) -> None:
        self._lock = lock

    def release(self) -> None:
        """Let other processes go on.

        The file goes first. Who waited for it and who makes a new one may then both hold a lock: each looks for the
        result before it makes the call.
        """
        with contextlib.suppress(OSError):
            pathlib.Path(self._lock.lock_file).unlink(missing_ok=True)
        self._lock.release()


class CacheFolder:
    """Files that are written once and then only read, replaced or removed, so that many processes may share them.

    Each has a checksum; what was cut off, or was written by something else, counts as missing and is removed. Times are
    those of the machine's clock, as other processes have it.

    Parameters
    ----------
    path
        The folder; made, for its owner only, if it does not exist.
    unpickles
        Store what is no plain data by `pickle`, and read such files.

    Raises
    ------
    ConfigurationError
        It is no folder, or cannot be made, or the package that locks files is missing.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as path:
    ...     folder = CacheFolder(path, unpickles=False)
    ...     folder.write(b"k" * 32, [1, 2], False, None, "load", "demo")
    ...     folder.read(b"k" * 32)[0]
    [1, 2]
    """

    def __init__(self, path: str | os.PathLike[str], *, unpickles: bool) -> None:
        try:
            import filelock
        except ImportError:
            expected = "nothing unless `pip install makespan[cache]` was run: it brings what locks files"
            raise ConfigurationError("folder", path, expected) from None
        try:
            self.path = pathlib.Path(path).absolute()
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.path / "locks").mkdir(mode=0o700, exist_ok=True)
        except (OSError, TypeError) as error:
            raise ConfigurationError("folder", path, f"a folder that can be written to ({error})") from None
        self._lock_class = filelock.FileLock
        self._unpickles = unpickles
        self._warned: set[str] = set()

    def read(self, key: bytes) -> tuple[Any, bool, float | None, float, str, str] | None:
        """Return what is kept under a key, None where that is nothing.

        Parameters
        ----------
        key
            32 bytes.

        Returns
        -------
        kept
            Value, whether it is a failure, seconds that it is still valid (None for ever), seconds since it was stored,
            step, workflow.
        """
        found = self._described(self._file(key))
        if found is not None and found[0] == _LINK:
            found = self._described(self._file(found[-1]))
        if found is None:
            return None
        kind, is_failure, stored_s, expires_s, step, workflow, content = found
        now_s = time.time()
        if kind == _PICKLED:
            if not self._unpickles:
                return None
            try:
                content = pickle.loads(content)
            except Exception:  # noqa: BLE001 (unpickling runs the code of classes)
                # The code that it was made by has changed.
                return None
        left_s = None if expires_s is None else expires_s - now_s
        return content, is_failure, left_s, now_s - stored_s, step, workflow

    def write(self, key: bytes, value: Any, is_failure: bool, ttl_s: float | None, step: str, workflow: str) -> None:
        """Keep a value under a key, in place of what was there; what cannot be stored is in memory only.

        Parameters
        ----------
        key
            32 bytes.
        value
            What a step returned, or the failure that it ended with.
        is_failure
            Which of these.
        ttl_s
            Seconds for which it is valid; None for ever.
        step, workflow
            Names.
        """
        now_s = time.time()
        facts = (is_failure, now_s, None if ttl_s is None else now_s + ttl_s, step, workflow)
        try:
            body = plain_bytes((_PLAIN, *facts, value))
        except UnkeyableError as error:
            if not self._unpickles:
                self._warn(step, f"what {step} returned is cached in memory only: {error.reason}; see pickle=True")
                return
            try:
                body = plain_bytes((_PICKLED, *facts, pickle.dumps(value, pickle.HIGHEST_PROTOCOL)))
            except Exception as problem:  # noqa: BLE001 (pickling runs the code of classes)
                self._warn(step, f"what {step} returned is cached in memory only: {problem}")
                return
        self._write(key, body)

    def link(self, key: bytes, to: bytes) -> None:
        """Let one key lead to what another one leads to.

        Parameters
        ----------
        key, to
            32 bytes.
        """
        self._write(key, plain_bytes((_LINK, False, time.time(), None, "", "", to)))

    def lock(self, key: bytes) -> CallLock:
        """Wait for the right to make a call that other processes may be making.

        Parameters
        ----------
        key
            32 bytes.

        Returns
        -------
        lock
            Held; ``release()`` it.
        """
        lock = self._lock_class(self.path / "locks" / key.hex(), thread_local=False)
        try:
            lock.acquire(poll_interval=_LOCK_POLL_S)
        except OSError as error:
            self._warn("locks", f"other processes may make the same calls: {error}")
        return CallLock(lock)

    def forget(self, is_meant: Callable[[CacheEntry], bool]) -> int:
        """Remove files.

        Parameters
        ----------
        is_meant
            Says so of an entry.

        Returns
        -------
        n
            How many results were removed.
        """
        from makespan.cache import CacheEntry

        now_s, n_removed = time.time(), 0
        links = []
        for file in self._files():
            found = self._described(file)
            if found is None:
                continue
            kind, is_failure, stored_s, _, step, workflow, content = found
            if kind == _LINK:
                links.append((file, self._file(content)))
                continue
            try:
                size_bytes = file.stat().st_size
            except OSError:
                # Somebody else has removed it.
                continue
            if is_meant(CacheEntry(step, workflow, now_s - stored_s, size_bytes, is_failure)):
                file.unlink(missing_ok=True)
                n_removed += 1
        for file, target in links:
            if not target.exists():
                file.unlink(missing_ok=True)
        return n_removed

    def _files(self) -> Iterator[pathlib.Path]:
        return (file for file in self.path.glob("??/*") if len(file.name) == 62)

    def _file(self, key: bytes) -> pathlib.Path:
        name = key.hex()
        return self.path / name[:2] / name[2:]

    def _described(self, file: pathlib.Path) -> tuple[Any, ...] | None:
        """Read a file whose time is not over; remove one that is not to be read again."""
        try:
            with os.fdopen(os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as opened:
                content = opened.read()
        except OSError:
            return None
        head, body = content[: len(_MAGIC) + 32], content[len(_MAGIC) + 32 :]
        if head == _MAGIC + hashlib.blake2b(body, digest_size=32).digest():
            with contextlib.suppress(ValueError):
                found: tuple[Any, ...] = from_plain_bytes(body)
                if found[3] is None or found[3] > time.time():
                    return found
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)
        return None

    def _write(self, key: bytes, body: bytes) -> None:
        file = self._file(key)
        temporary = file.with_name(f"{secrets.token_hex(8)}.part")
        try:
            file.parent.mkdir(mode=0o700, exist_ok=True)
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
                opened.write(_MAGIC + hashlib.blake2b(body, digest_size=32).digest() + body)
            temporary.replace(file)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            self._warn("", f"results are cached in memory only: {error}")

    def _warn(self, about: str, message: str) -> None:
        """Warn once of each thing."""
        if about not in self._warned:
            self._warned.add(about)
            warnings.warn(message, RuntimeWarning, stacklevel=3)

    def __repr__(self) -> str:
        return f"<cache folder {self.path}>"
