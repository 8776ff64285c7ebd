"""How tasks of event loops wait for a queue: they leave a bell, and are told to look again when it is rung."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from makespan.scheduling.queue import ExecutionQueue

__all__: list[str] = []

_Futures = deque[asyncio.Future[None]]


class Bells:
    """The waiting tasks of one queue, by event loop; each deque is touched by the thread of its loop only.

    Nothing is handed over when a bell is rung: a task looks again by itself, so that one that is cancelled has taken
    nothing. A task that was told and does not look tells the next.
    """

    def __init__(self) -> None:
        self._takers: dict[asyncio.AbstractEventLoop, _Futures] = {}
        self._putters: dict[asyncio.AbstractEventLoop, _Futures] = {}

    async def wait(self, queue: ExecutionQueue, *, takers: bool) -> None:
        """Wait until it is worth looking again."""
        loop = asyncio.get_running_loop()
        of_side = self._takers if takers else self._putters
        futures = of_side.setdefault(loop, deque())
        future: asyncio.Future[None] = loop.create_future()
        futures.append(future)
        timer: asyncio.TimerHandle | None = None
        try:
            if queue._hang_bell(takers):
                if takers and (due_s := queue._seconds_until_due()) is not None:
                    timer = loop.call_later(due_s, _tell, future)
                await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self._look(queue, loop, takers)
            raise
        finally:
            if timer is not None:
                timer.cancel()
            if future in futures:
                futures.remove(future)
            if not futures:
                of_side.pop(loop, None)

    def ring(self, queue: ExecutionQueue, *, takers: bool, putters: bool) -> None:
        """Have every loop look, with one call each; from any thread."""
        for is_rung, of_side, side in ((takers, self._takers, True), (putters, self._putters, False)):
            for loop in list(of_side) if is_rung else ():
                try:
                    loop.call_soon_threadsafe(self._look, queue, loop, side)
                except RuntimeError:  # The loop is closed, and nobody waits in it any more.
                    of_side.pop(loop, None)

    def _look(self, queue: ExecutionQueue, loop: asyncio.AbstractEventLoop, takers: bool) -> None:
        """Tell as many tasks of this loop as there is something for, and hang the bell up again for the others."""
        futures = (self._takers if takers else self._putters).get(loop, ())
        waiting = [future for future in futures if not future.done()]
        n_ready = len(waiting) if queue.closed else queue._n_ready(takers)
        for future in waiting[:n_ready]:
            _tell(future)
        for future in waiting[n_ready:]:
            # The first of the others looks by itself, and sees until when it is to wait.
            _tell(future)
            if queue._hang_bell(takers):
                break


def _tell(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
