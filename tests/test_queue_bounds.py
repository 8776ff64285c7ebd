"""The queue: bounds, waiting threads, closing, Ctrl-C and fork."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import pytest

import makespan as ms
from makespan.testing import ManualClock


@contextmanager
def running(*work: Callable[[], object]) -> Iterator[list[threading.Thread]]:
    """Run functions in threads; all have ended when the block is left."""
    threads = [threading.Thread(target=each, daemon=True) for each in work]
    for thread in threads:
        thread.start()
    yield threads
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def test_full_queue_refuses_and_is_unchanged() -> None:
    queue = ms.ExecutionQueue(size_max=3)
    queue.push_many([1, 2], 1)
    queue.push(3, delay=60)
    before = queue.keys()
    for use, n in ((lambda: queue.push(4), 1), (lambda: queue.put(4), 1), (lambda: queue.push_many([4, "x"]), 2)):
        with pytest.raises(ms.QueueFullError) as caught:
            use()
        assert (caught.value.size_max, caught.value.n_refused) == (3, n)
    assert queue.keys() == before
    queue.pop()
    assert queue.push(4)


def test_batch_that_fits_in_part_is_refused_as_a_whole() -> None:
    queue = ms.ExecutionQueue(size_max=3)
    queue.push(1)
    with pytest.raises(ms.QueueFullError, match="3 entries were refused"):
        queue.push_many([2, 3, 4])
    assert queue.keys() == [1]
    queue.push_many([2, 3])
    assert len(queue) == 3


def test_full_queue_drops_the_lowest() -> None:
    queue = ms.ExecutionQueue(size_max=2, when_full="drop_lowest")
    assert queue.push("a", 1)
    assert queue.push("b", 2)
    assert queue.push("c", 3)
    assert not queue.push("d", 0)
    assert not queue.push("e", 2)
    assert queue.keys() == ["c", "b"]
    queue.update("b", 9)
    assert queue.push("a", 4)
    assert queue.keys() == ["b", "a"]
    assert queue.stats().dropped == 4
    queue.push_many([1, 2, 3, "x"], [5, 1, 10, 7])
    assert queue.keys() == [3, "b"]
    assert queue.state("x") is None


def test_what_comes_back_is_never_refused() -> None:
    queue = ms.ExecutionQueue(size_max=1, retries=1, retry_delay=0)
    queue.push("a")
    queue.pop()
    queue.push("b")
    assert queue.failed("a")
    assert sorted(queue.keys()) == ["a", "b"]
    with pytest.raises(ms.QueueFullError):
        queue.push("c")


def test_getter_waits_for_what_is_put() -> None:
    queue = ms.ExecutionQueue()
    taken: list[Any] = []
    with running(*[lambda: taken.append(queue.get())] * 3):
        for key in ("a", 1, (2,)):
            queue.put(key)
    assert sorted(map(str, taken)) == ["(2,)", "1", "a"]


def test_putter_waits_for_room() -> None:
    queue = ms.ExecutionQueue(size_max=1, when_full="block", tracked=False)
    taken = []
    with running(lambda: queue.put("a"), lambda: queue.put(1), lambda: queue.put((2,)), lambda: queue.put("d")):
        taken = [queue.get() for _ in range(4)]
    assert sorted(map(str, taken)) == ["(2,)", "1", "a", "d"]


def test_putter_that_waits_finds_out_about_duplicates() -> None:
    queue = ms.ExecutionQueue(size_max=1, when_full="block")
    queue.put("a")
    with pytest.raises(ms.DuplicateKeyError):
        queue.put("a")
    refused: list[BaseException] = []

    def put() -> None:
        try:
            queue.put(7)
        except ms.QueueError as error:
            refused.append(error)

    with running(put, put):
        assert queue.get() == "a"
        queue.get(timeout=60)
        # The other one is told as soon as there is room, since the key is in work.
    assert [type(error) for error in refused] == [ms.DuplicateKeyError]


def test_waiting_ends_in_time() -> None:
    queue = ms.ExecutionQueue(size_max=1, when_full="block")
    with pytest.raises(ms.EmptyQueueError):
        queue.get(timeout=0)
    with pytest.raises(ms.EmptyQueueError):
        queue.get(timeout=0.001)
    queue.put("a", timeout=0)
    for key in (1, "b"):
        with pytest.raises(ms.QueueFullError):
            queue.put(key, timeout=0.001)
    assert queue.keys() == ["a"]


def test_waiting_goes_by_a_given_clock() -> None:
    clock = ManualClock()
    queue = ms.ExecutionQueue(clock=clock)
    queue.push("later", delay=10)
    answers: list[Any] = []

    def get(timeout: float | None) -> None:
        try:
            answers.append(queue.get(timeout))
        except ms.EmptyQueueError:
            answers.append("nothing")

    with running(lambda: get(5)) as (thread,):
        while thread.is_alive():
            clock.advance(1)
            thread.join(0.01)
    assert answers == ["nothing"]
    with running(lambda: get(None)) as (thread,):
        while thread.is_alive():
            clock.advance(1)
            thread.join(0.01)
    assert answers == ["nothing", "later"]


def test_closed_queue_gives_what_is_left() -> None:
    with ms.ExecutionQueue(size_max=5, when_full="block") as queue:
        queue.push_many([1, 2])
        queue.push(3, delay=0.01)
    assert queue.closed
    for use in (lambda: queue.push(4), lambda: queue.put(4), lambda: queue.push_many([4]), lambda: queue.push("x")):
        with pytest.raises(ms.ClosedQueueError):
            use()
    assert [queue.get(), queue.get(), queue.get()] == [1, 2, 3]
    for take in (queue.get, queue.pop):
        with pytest.raises(ms.ClosedQueueError):
            take()
    queue.done(1)
    queue.close()
    assert queue.health().status == "closed"
    assert repr(queue) == "<ExecutionQueue 0 waiting, 0 delayed, 2 in work, 0 dead, closed>"


def test_closing_wakes_all_who_wait() -> None:
    empty = ms.ExecutionQueue()
    full = ms.ExecutionQueue(size_max=1, when_full="block")
    full.push("a")
    told: list[type[BaseException]] = []

    def expect(use: Callable[[], object]) -> None:
        try:
            use()
        except ms.QueueError as error:
            told.append(type(error))

    uses: list[Callable[[], object]] = [empty.get, empty.get, lambda: full.put(1), lambda: full.put("b")]
    with running(*[lambda use=use: expect(use) for use in uses]):
        empty.close()
        full.close()
    assert told == [ms.ClosedQueueError] * 4
    assert full.keys() == ["a"]


@pytest.mark.usefixtures("nervous_interpreter")
@pytest.mark.parametrize("size_max", [None, 1, 7])
@pytest.mark.parametrize("as_key", [int, str], ids=["int", "str"])
def test_producers_and_consumers(size_max: int | None, as_key: Callable[[int], Any]) -> None:
    n_threads, n_each = 3, 200
    queue = ms.ExecutionQueue(size_max=size_max, when_full="block")
    taken: list[list[Any]] = [[] for _ in range(n_threads)]

    def produce(thread: int) -> None:
        for at in range(n_each):
            queue.put(as_key(thread * n_each + at), at % 3)

    def consume(thread: int) -> None:
        while True:
            try:
                key = queue.get()
            except ms.ClosedQueueError:
                return
            queue.done(key)
            taken[thread].append(key)

    producers: list[Callable[[], None]] = [lambda at=at: produce(at) for at in range(n_threads)]  # type: ignore[misc]
    consumers: list[Callable[[], None]] = [lambda at=at: consume(at) for at in range(n_threads)]  # type: ignore[misc]
    with running(*consumers):
        with running(*producers):
            pass
        queue.close()
    assert sorted(chain.from_iterable(taken)) == sorted(as_key(at) for at in range(n_threads * n_each))
    stats = queue.stats()
    assert (stats.done, stats.waiting, stats.in_work) == (n_threads * n_each, 0, 0)


@pytest.mark.skipif(os.name != "posix", reason="signals of other processes are POSIX's")
@pytest.mark.parametrize("use", ["queue.get()", "full.put(2)", "manual.get()"])
def test_interrupt_ends_a_wait_and_loses_nothing(use: str) -> None:
    code = f"""
    import makespan as ms
    from makespan.testing import ManualClock
    queue, manual = ms.ExecutionQueue(), ms.ExecutionQueue(clock=ManualClock())
    full = ms.ExecutionQueue(size_max=1, when_full="block")
    full.put(1)
    try:
        print("ready", flush=True)
        {use}
    except KeyboardInterrupt:
        queue.put(3)
        print(queue.get(), full.get(), len(full), flush=True)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "3 1 0\n"
    assert process.returncode == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork is POSIX's")
def test_forked_child_has_a_copy_and_nobody_who_waits() -> None:
    # Threads wait while the process forks, so a process of its own: the interpreter warns about that since 3.12.
    code = """
    import os, threading, warnings
    import makespan as ms
    warnings.simplefilter("ignore")
    queue, other = ms.ExecutionQueue(), ms.ExecutionQueue()
    threads = [threading.Thread(target=queue.get) for _ in range(2)]
    for thread in threads:
        thread.start()
    other.push_many([1, "a"])
    child = os.fork()
    if child == 0:
        try:
            queue.push("mine")
            ok = queue.get(timeout=60) == "mine" and other.pop_many(2) == [1, "a"]
        except ms.QueueError as error:
            ok = "forked" in str(error)
        os._exit(0 if ok else 1)
    assert os.waitpid(child, 0)[1] == 0
    queue.push_many([1, 2])
    for thread in threads:
        thread.join()
    print(len(other))
    """
    answer = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (answer.stdout, answer.stderr) == ("2\n", "")
