"""The queue beside what a user would reach for otherwise, on the same keys and priorities."""

import asyncio
import ctypes
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from heapq import heapify, heappop, heappush, heapreplace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sortedcontainers import SortedDict, SortedList

import makespan as ms
from benches.compare import Comparison
from benches.pure_python.queue import KeyedQueue

N_BATCH = 1_000_000
N_HOLD = 100_000
N_ROUNDS = 3
SOURCE = "uniform priorities, seeded"


def size(compare: Comparison, n: int) -> int:
    """Return how many entries there are: fewer where only the answer counts."""
    return n if compare.is_timed else n // 20


def uniform(n: int, seed: int) -> Any:
    return np.random.default_rng(seed).random(n)


# --- batches --------------------------------------------------------------------------------------


def with_heapq(keys: list[int], priorities: list[float]) -> list[int]:
    heap: list[tuple[float, int]] = []
    for key, priority in zip(keys, priorities, strict=True):
        heappush(heap, (-priority, key))
    return [heappop(heap)[1] for _ in keys]


def with_keyed_queue(keys: list[int], priorities: list[float]) -> list[int]:
    keyed = KeyedQueue()
    keyed.push_many(keys, priorities)
    taken: list[int] = []
    while batch := keyed.pop_many(1_024):
        taken += batch
    return taken


@pytest.mark.parametrize("figure", ["heapq", "pure", "tracked"])
def bench_batch(compare: Comparison, figure: str) -> None:
    n = size(compare, N_BATCH)
    priorities = uniform(n, 1)
    keys = np.arange(n)
    given = keys.tolist(), priorities.tolist()
    baselines = {"heapq": with_heapq, "pure": with_keyed_queue, "tracked": with_heapq}

    def ours() -> list[Any]:
        made = ms.ExecutionQueue(tracked=figure == "tracked")
        made.push_many(keys, priorities)
        taken = []
        while len(batch := made.pop_many(1_024)):
            taken.append(batch)
            if figure == "tracked":
                made.done_many(batch)
        return taken

    compare(
        f"queue-batch-{figure}",
        ours,
        ("heapq and dict" if figure == "pure" else "heapq", lambda: baselines[figure](*given)),
        n=n,
        per="entry",
        source=SOURCE,
        check=lambda taken, expected: bool(np.array_equal(np.concatenate(taken), expected)),
        rounds=N_ROUNDS,
    )


# --- hold -----------------------------------------------------------------------------------------


class Hold:
    """A queue of constant size: what goes in is less urgent, on average, by as much as what came out."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.first = uniform(n, 2)
        self.pushed = (np.arange(n) / n + uniform(n, 3)).tolist()
        self.heap = list(zip(self.first.tolist(), range(n), strict=True))
        heapify(self.heap)

    def with_queue(self, made: Any) -> list[int]:
        """Hold a queue of the standard library, which begins with a copy of the heap."""
        made.queue = self.heap.copy()
        put, get = made.put, made.get
        for priority in self.pushed:
            put((priority, get()[1]))
        return [get()[1] for _ in range(100)]

    def with_asyncio(self) -> list[int]:
        made: Any = asyncio.PriorityQueue()
        made._queue = self.heap.copy()
        put, get = made.put_nowait, made.get_nowait
        for priority in self.pushed:
            put((priority, get()[1]))
        return [get()[1] for _ in range(100)]

    def with_heapq(self) -> list[int]:
        heap = self.heap.copy()
        for priority in self.pushed:
            heapreplace(heap, (priority, heap[0][1]))
        return [heappop(heap)[1] for _ in range(100)]

    def with_sorted_list(self, entries: Any) -> list[int]:
        pop, add = entries.pop, entries.add
        for priority in self.pushed:
            add((priority, pop(0)[1]))
        return [pop(0)[1] for _ in range(100)]

    def with_keyed_queue(self, keyed: KeyedQueue) -> list[int]:
        pop, push = keyed.pop, keyed.push
        for priority in self.pushed:
            push(pop(), -priority)
        return [pop() for _ in range(100)]


@pytest.mark.parametrize("figure", ["queue", "asyncio", "heapq", "sorted", "pure", "tracked"])
def bench_hold(compare: Comparison, figure: str) -> None:
    hold = Hold(size(compare, N_HOLD))
    negated = [-priority for priority in hold.pushed]
    fresh: list[ms.ExecutionQueue] = []

    def fill() -> None:
        made = ms.ExecutionQueue(tracked=figure == "tracked")
        # One by one, as they come later.
        for key, priority in enumerate((-hold.first).tolist()):
            made.push(key, priority)
        fresh[:] = [made]

    def ours() -> list[int]:
        pop, push, done = fresh[0].pop, fresh[0].push, fresh[0].done
        if figure == "tracked":
            for priority in negated:
                key = pop()
                done(key)
                push(key, priority)
        else:
            for priority in negated:
                push(pop(), priority)
        return [pop() for _ in range(100)]

    def with_sorted_list() -> list[int]:
        return hold.with_sorted_list(SortedList(hold.heap))

    def with_keyed_queue() -> list[int]:
        keyed = KeyedQueue()
        keyed.push_many(range(hold.n), (-hold.first).tolist())
        return hold.with_keyed_queue(keyed)

    baselines: dict[str, tuple[str, Callable[[], list[int]]]] = {
        "queue": ("queue.PriorityQueue", lambda: hold.with_queue(queue.PriorityQueue())),
        "asyncio": ("asyncio.PriorityQueue", hold.with_asyncio),
        "heapq": ("heapq", hold.with_heapq),
        "sorted": ("SortedList", with_sorted_list),
        "pure": ("heapq and dict", with_keyed_queue),
        "tracked": ("queue.PriorityQueue", lambda: hold.with_queue(queue.PriorityQueue())),
    }
    compare(
        f"queue-hold-{figure}",
        ours,
        baselines[figure],
        n=hold.n,
        per="pair",
        source=SOURCE,
        check=lambda taken, expected: bool(taken == expected),
        before=fill,
        rounds=N_ROUNDS,
    )


# --- threads --------------------------------------------------------------------------------------

N_THREADS = 4
N_THREADED = 40_000


def through_threads(n: int, produce: Callable[[range], None], consume: Callable[[int], list[int]]) -> list[int]:
    """Have entries go from four threads to four others; return what came out, sorted."""
    n_each = n // N_THREADS
    taken: list[list[int]] = []
    threads = [
        *(threading.Thread(target=produce, args=(range(at * n_each, (at + 1) * n_each),)) for at in range(N_THREADS)),
        *(threading.Thread(target=lambda: taken.append(consume(n_each))) for _ in range(N_THREADS)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(chain.from_iterable(taken))


def with_priority_queue(n: int, size_max: int) -> list[int]:
    made: queue.PriorityQueue[tuple[int, int]] = queue.PriorityQueue(size_max)
    put, get = made.put, made.get

    def produce(keys: range) -> None:
        for key in keys:
            put((key % 7, key))

    return through_threads(n, produce, lambda n_each: [get()[1] for _ in range(n_each)])


def with_execution_queue(n: int, size_max: int | None) -> list[int]:
    made = ms.ExecutionQueue(tracked=False, size_max=size_max, when_full="block")
    put, get = made.put, made.get

    def produce(keys: range) -> None:
        for key in keys:
            put(key, key % 7)

    return through_threads(n, produce, lambda n_each: [get() for _ in range(n_each)])


@pytest.mark.parametrize(("figure", "size_max"), [("queue-threads", None), ("queue-threads-bounded", 1_000)])
def bench_threads(compare: Comparison, figure: str, size_max: int | None) -> None:
    n = size(compare, N_THREADED)
    compare(
        figure,
        lambda: with_execution_queue(n, size_max),
        ("queue.PriorityQueue", lambda: with_priority_queue(n, size_max or 0)),
        n=n,
        per="entry",
        source="priorities 0 to 6",
        check=lambda taken, expected: bool(taken == expected == list(range(n))),
        rounds=5,
    )


# --- keyed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("figure", ["pure", "sorted"])
def bench_keyed(compare: Comparison, figure: str) -> None:
    n = size(compare, N_HOLD)
    keys = [f"key-{at}" for at in range(n)]
    first, second = uniform(n, 4).tolist(), uniform(n, 5).tolist()

    def with_methods(made: Any) -> list[str]:
        push, update, pop = made.push, made.update, made.pop
        for key, priority in zip(keys, first, strict=True):
            push(key, priority)
        for key, priority in zip(keys, second, strict=True):
            update(key, priority)
        return [pop() for _ in keys]

    def with_sorted_dict() -> list[str]:
        by_priority, of_key = SortedDict(), {}
        for at, (key, priority) in enumerate(zip(keys, first, strict=True)):
            of_key[key] = (-priority, at)
            by_priority[of_key[key]] = key
        for key, priority in zip(keys, second, strict=True):
            before = of_key[key]
            del by_priority[before]
            of_key[key] = (-priority, before[1])
            by_priority[of_key[key]] = key
        return [by_priority.popitem(0)[1] for _ in keys]

    baselines: dict[str, tuple[str, Callable[[], list[str]]]] = {
        "pure": ("heapq and dict", lambda: with_methods(KeyedQueue())),
        "sorted": ("SortedDict", with_sorted_dict),
    }
    compare(
        f"queue-keyed-{figure}",
        lambda: with_methods(ms.ExecutionQueue(tracked=False)),
        baselines[figure],
        n=n,
        per="key",
        source=SOURCE,
        check=lambda taken, expected: bool(taken == expected),
        rounds=N_ROUNDS,
    )


# --- memory ---------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="what a process occupies is read from /proc")
def bench_memory(compare: Comparison) -> None:
    keys, priorities = np.arange(N_BATCH), uniform(N_BATCH, 6)

    def fill() -> Iterator[int]:
        yield resident_bytes()
        made = ms.ExecutionQueue()
        made.push_many(keys, priorities)
        yield resident_bytes()

    def ours() -> float:
        before, after = fill()
        return (after - before) / N_BATCH

    def with_heapq() -> float:
        before = resident_bytes()
        heap = [(-priority, key) for key, priority in enumerate(priorities.tolist())]
        heapify(heap)
        return (resident_bytes() - before) / N_BATCH

    of_heapq = with_heapq()
    occupied = ours()
    compare._benchmark.pedantic(ours)
    assert 0 < occupied < 200
    compare.report("queue-memory", [occupied], ("heapq of tuples", [of_heapq]), n=1, per="waiting entry", source=SOURCE)


def resident_bytes() -> int:
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4_096
