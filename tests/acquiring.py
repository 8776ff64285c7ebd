"""Threads that acquire resources, for tests of waiting."""

import threading
from collections.abc import Callable
from typing import Any

import makespan as ms
from test_concurrency import TIMEOUT_S

NET = {"net": 1}


def manager_of(**limits: Any) -> ms.ResourceManager:
    return ms.ResourceManager(limits, detect=False)


class Acquiring:
    """A thread that acquires, tells that it holds, and releases when it is told to."""

    def __init__(self, manager: ms.ResourceManager, needs: dict[str, Any], **options: Any) -> None:
        self.is_held = threading.Event()
        self.go_on = threading.Event()
        self.error: BaseException | None = None
        self.n_waiting_before = manager.stats().n_waiting
        self._thread = threading.Thread(target=self._run, args=(manager, needs, options), daemon=True)
        self._thread.start()

    def _run(self, manager: ms.ResourceManager, needs: dict[str, Any], options: dict[str, Any]) -> None:
        try:
            with manager.acquire(needs, **options):
                self.is_held.set()
                self.go_on.wait(TIMEOUT_S)
        except ms.ExecutionException as error:
            self.error = error

    def release(self) -> None:
        self.go_on.set()
        self.join()

    def join(self) -> None:
        self._thread.join(TIMEOUT_S)
        assert not self._thread.is_alive()


def waiting(manager: ms.ResourceManager, needs: dict[str, Any], **options: Any) -> Acquiring:
    """Start a thread that acquires, and return when it waits."""
    acquiring = Acquiring(manager, needs, **options)
    until(lambda: manager.stats().n_waiting > acquiring.n_waiting_before)
    return acquiring


def until(condition: Callable[[], bool]) -> None:
    """Look until something holds; other threads go on meanwhile."""
    pause = threading.Event()
    for _ in range(TIMEOUT_S * 1_000):
        if condition():
            return
        pause.wait(0.001)
    raise AssertionError("it never came about")


def assert_idle(manager: ms.ResourceManager) -> None:
    """Nothing is held, and nobody waits."""
    assert (manager.holders(), manager.waiters()) == ([], [])
    assert all(pool.used == 0 and pool.n_waiting == 0 for pool in manager.usage().values())


def is_held(grant: ms.Grant) -> bool:
    """Tell whether a grant is held; asked twice, the type checker would believe the first answer."""
    return grant.is_held
