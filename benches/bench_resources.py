"""Resources: asking and giving back, alone and among threads that wait, beside a manager in plain Python."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

import pytest

import makespan as ms
from benches.compare import Comparison
from benches.pure_python import resources as pure_python

N_GRANTS = 20_000
N_THREADS = 32
N_TURNS = 20
LIMITS = {"cpu": 4, "memory": 1_000, "net": 2}
NEEDS: dict[str, Mapping[str, float]] = {
    "one": {"net": 1},
    "three": {"cpu": 1.5, "memory": 100, "net": 1},
}


class Manager(Protocol):
    """What both can do."""

    def acquire(self, needs: Mapping[str, Any]) -> AbstractContextManager[Any]: ...


def take_and_give_back(manager: Manager, needs: Mapping[str, float]) -> Callable[[], int]:
    def run() -> int:
        acquire = manager.acquire
        for _ in range(N_GRANTS):
            with acquire(needs):
                pass
        return N_GRANTS

    return run


def take_turns(manager: Manager) -> Callable[[], tuple[int, bool]]:
    """Threads take one or both of two, as soon as they can; returns how often, and whether it was never too much."""
    inside, most = [], [0]

    def work(at: int) -> None:
        acquire, needs = manager.acquire, {"net": 1 + at % 2}
        for _ in range(N_TURNS):
            with acquire(needs):
                inside.append(needs["net"])
                most[0] = max(most[0], sum(inside))
                # Hands the interpreter over, as a step does that reads a file or a socket: so the others come to wait.
                time.sleep(0)
                inside.pop()

    def run() -> tuple[int, bool]:
        threads = [threading.Thread(target=work, args=(at,)) for at in range(N_THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return N_THREADS * N_TURNS, 0 < most[0] <= LIMITS["net"]

    return run


@pytest.mark.parametrize("name", NEEDS)
def bench_acquire(compare: Comparison, name: str) -> None:
    ours = ms.ResourceManager(LIMITS, detect=False)
    theirs = pure_python.ResourceManager(LIMITS)
    compare(
        f"resources-{name}",
        take_and_give_back(ours, NEEDS[name]),
        ("plain Python", take_and_give_back(theirs, NEEDS[name])),
        n=N_GRANTS,
        per="grant",
        source=f"{N_GRANTS:,} grants a round, nobody waits",
        check=lambda n, expected: n == expected and idle(ours) and not any(theirs.used().values()),
    )


def bench_contended(compare: Comparison) -> None:
    ours = ms.ResourceManager(LIMITS, detect=False)
    theirs = pure_python.ResourceManager(LIMITS)
    compare(
        "resources-contended",
        take_turns(ours),
        ("plain Python", take_turns(theirs)),
        n=N_THREADS * N_TURNS,
        per="grant",
        source=f"{N_THREADS} threads, {N_TURNS} turns each, one or both of two",
        check=lambda answer, expected: answer == expected and answer[1] and idle(ours),
    )


def idle(manager: ms.ResourceManager) -> bool:
    return not (manager.holders() or manager.waiters())
