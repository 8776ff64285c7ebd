"""Worker threads: ordinary `threading` threads whose target is the native loop."""

from __future__ import annotations

import itertools
import threading

from makespan import _core

__all__ = ["WorkerThreads"]


class WorkerThreads:
    """The helpers of one engine: started when a run first needs them, parked while there is nothing to do.

    The threads are daemons, so that a step that never ends does not keep the process from exiting.

    Parameters
    ----------
    name
        What the threads' names begin with.

    Examples
    --------
    >>> helpers = WorkerThreads("demo")
    >>> helpers.team.n_members
    0
    >>> helpers.close()
    []
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._numbers = itertools.count(1)
        self._threads: list[threading.Thread] = []
        self.team: _core.Team = _core.Team(self._start)

    def _start(self, team: _core.Team, n_threads: int) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        for _ in range(n_threads):
            thread = threading.Thread(target=team.work, name=f"{self._name}-{next(self._numbers)}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def forget(self) -> None:
        """Begin again without threads, in a forked child: they stayed in the parent.

        Examples
        --------
        >>> WorkerThreads("demo").forget()
        """
        self._threads = []
        self.team.restart()

    def close(self, timeout: float | None = None) -> list[str]:
        """Let the threads end and wait for them.

        Parameters
        ----------
        timeout
            Seconds to wait for each thread at most; None waits for the steps that still run.

        Returns
        -------
        names
            Threads that are still in a step.

        Examples
        --------
        >>> WorkerThreads("demo").close()
        []
        """
        self.team.close()
        if threading.current_thread() not in self._threads:
            # A step that closes the engine it runs on ends together with its thread: nobody waits for itself.
            for thread in self._threads:
                thread.join(timeout)
        return [thread.name for thread in self._threads if thread.is_alive()]
