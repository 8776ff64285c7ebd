"""The queue: order, keys, batches, and what is refused."""

import decimal
import enum
import gc
import math
import threading
import weakref
from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np
import pytest

import makespan as ms
from makespan.testing import ManualClock


def drained(queue: ms.ExecutionQueue) -> list[Any]:
    keys = []
    while queue:
        keys.append(queue.pop())
    return keys


def test_larger_priority_goes_first_and_equals_in_order_of_arrival() -> None:
    queue = ms.ExecutionQueue()
    for key, priority in [("a", 1), ("b", 2.5), ("c", 1), ("d", -math.inf), ("e", 2.5), ("f", math.inf)]:
        queue.push(key, priority)
    assert drained(queue) == ["f", "b", "e", "a", "c", "d"]


def test_named_priorities_stand_among_numbers() -> None:
    queue = ms.ExecutionQueue()
    queue.push("none")
    for name in ("low", "normal", "high", "urgent", "critical"):
        queue.push(name, name)
    queue.push("between", 15)
    queue.push("enum", ms.Priority.URGENT)
    assert drained(queue) == ["critical", "urgent", "enum", "between", "high", "none", "normal", "low"]
    assert [priority.name.lower() for priority in ms.Priority] == ["low", "normal", "high", "urgent", "critical"]
    for priority in ms.Priority:
        by_name = ms.ExecutionQueue()
        by_name.push(1, priority.name.lower())  # type: ignore[arg-type]
        assert by_name.snapshot()["entries"]["priority"] == [float(priority)]


def test_zero_has_one_priority() -> None:
    queue = ms.ExecutionQueue()
    queue.push("a", -0.0)
    queue.push("b", 0)
    assert drained(queue) == ["a", "b"]


def test_deadlines_order_equals() -> None:
    queue = ms.ExecutionQueue(clock=ManualClock())
    queue.push("none", 1)
    queue.push("late", 1, deadline=20)
    queue.push("early", 1, deadline=10)
    queue.push("overdue", 1, deadline=-5)
    queue.push("more", 2, deadline=math.inf)
    assert drained(queue) == ["more", "overdue", "early", "late", "none"]


def test_deadlines_as_the_order() -> None:
    queue = ms.ExecutionQueue(order="deadline", clock=ManualClock())
    queue.push("none", 99)
    queue.push("late", 5, 20.0)
    queue.push("early", 1, 10.0)
    queue.push("early and more", 2, 10.0)
    queue.push("none and less", 98)
    assert drained(queue) == ["early and more", "early", "late", "none", "none and less"]


def test_deadline_counts_from_the_push() -> None:
    clock = ManualClock()
    queue = ms.ExecutionQueue(order="deadline", clock=clock)
    queue.push("first", deadline=10)
    clock.advance(5)
    queue.push("second", deadline=6)
    queue.push("third", deadline=4)
    assert drained(queue) == ["third", "first", "second"]


@pytest.mark.parametrize("rate", [0.5, 2.0])
def test_ageing_bounds_how_long_newcomers_overtake(rate: float) -> None:
    clock = ManualClock()
    queue = ms.ExecutionQueue(ageing=rate, clock=clock)
    queue.push("old", 1)
    clock.advance(10 / rate - 0.001)
    queue.push("in time", 11)
    clock.advance(0.002)
    queue.push("too late", 11)
    assert drained(queue) == ["in time", "old", "too late"]


def test_delayed_entries_arrive_when_their_delay_is_over() -> None:
    clock = ManualClock()
    queue = ms.ExecutionQueue(clock=clock)
    queue.push("delayed", 1, delay=2)
    queue.push("urgent", "urgent", delay=5)
    queue.push("now", 1)
    assert (len(queue), queue.state("delayed"), "delayed" in queue) == (1, "delayed", False)
    clock.advance(2)
    queue.push("later", 1)
    assert drained(queue) == ["now", "delayed", "later"]
    with pytest.raises(ms.EmptyQueueError):
        queue.pop()
    clock.advance(3)
    assert queue.peek() == "urgent"
    assert drained(queue) == ["urgent"]


def test_update_keeps_the_arrival() -> None:
    queue = ms.ExecutionQueue()
    queue.push_many(["a", "b", "c"], 1)
    queue.update("b", 5)
    assert queue.keys() == ["b", "a", "c"]
    queue.update("b", 1)
    assert list(queue) == ["a", "b", "c"]


def test_key_in_work_cannot_be_pushed_removed_or_updated() -> None:
    queue = ms.ExecutionQueue()
    queue.push("a")
    queue.pop()
    with pytest.raises(ms.DuplicateKeyError, match=r"'a'.*in work"):
        queue.push("a")
    with pytest.raises(ms.UnknownKeyError, match="'a' is not waiting, delayed or dead"):
        queue.remove("a")
    with pytest.raises(ms.UnknownKeyError, match="'a' is not waiting or delayed"):
        queue.update("a", 1)
    queue.done("a")
    assert queue.push("a")


def test_clear_forgets_every_state() -> None:
    queue = ms.ExecutionQueue()
    queue.push_many([1, 2, 3, "x"], [4, 3, 2, 1])
    queue.push("later", delay=60)
    queue.failed(queue.pop())
    queue.pop()
    queue.clear()
    assert repr(queue) == "<ExecutionQueue 0 waiting, 0 delayed, 0 in work, 0 dead>"
    queue.push_many([1, 2, 3, "x", "later"])
    assert drained(queue) == [1, 2, 3, "x", "later"]


class Color(enum.IntEnum):
    RED = 1


@pytest.mark.parametrize("same", [True, 1.0, np.int64(1), np.uint8(1), np.float64(1.0), Color.RED])
def test_equal_integers_are_one_key(same: object) -> None:
    queue = ms.ExecutionQueue()
    queue.push(1)
    with pytest.raises(ms.DuplicateKeyError, match="key 1 "):
        queue.push(same)
    assert same in queue
    queue.remove(same)
    queue.push(same)
    key = queue.pop()
    assert key == 1
    assert type(key) is int


def test_other_keys_are_told_apart_by_their_own_equality() -> None:
    queue = ms.ExecutionQueue()
    keys = [0, 0.5, "0", b"0", (0,), None, 2**63, -(2**63), 2**63 - 1, decimal.Decimal(0), frozenset(), 1e300]
    queue.push_many(keys)
    for same in ["0", (0.0,), 2.0**63, frozenset(), b"0", 1e300]:
        with pytest.raises(ms.DuplicateKeyError):
            queue.push(same)
    assert drained(queue) == keys


class Collider:
    """A key with the hash of all of its kind."""

    def __init__(self, name: str, on_compare: Callable[[], object] = lambda: None) -> None:
        self.name = name
        self.on_compare = on_compare

    def __hash__(self) -> int:
        return 7

    def __eq__(self, other: object) -> bool:
        self.on_compare()
        return isinstance(other, Collider) and other.name == self.name


def test_keys_with_one_hash_are_compared() -> None:
    queue = ms.ExecutionQueue()
    names = "abcdef"
    queue.push_many([Collider(name) for name in names])
    for name in names:
        assert Collider(name) in queue
        with pytest.raises(ms.DuplicateKeyError):
            queue.push(Collider(name))
    for name in "cfa":
        queue.remove(Collider(name))
    assert [key.name for key in drained(queue)] == ["b", "d", "e"]
    assert Collider("b") not in queue


def test_comparing_keys_may_use_the_queue() -> None:
    queue = ms.ExecutionQueue()
    queue.push("side")
    removed: list[bool] = []

    def remove_once() -> None:
        if not removed:
            removed.append(True)
            queue.remove("side")
            queue.push("other side")

    queue.push(Collider("a", remove_once))
    with pytest.raises(ms.DuplicateKeyError):
        queue.push(Collider("a"))
    assert queue.push(Collider("b"))
    assert [getattr(key, "name", key) for key in drained(queue)] == ["a", "other side", "b"]


def test_comparison_that_raises_changes_nothing() -> None:
    def fail() -> None:
        raise RuntimeError("compared")

    queue = ms.ExecutionQueue()
    queue.push(Collider("a", fail))
    before = queue.keys()
    for use in (queue.push, queue.remove, queue.state, queue.__contains__):
        with pytest.raises(RuntimeError, match="compared"):
            use(Collider("b"))
    with pytest.raises(RuntimeError, match="compared"):
        queue.push_many([1, "x", Collider("b")])
    assert len(before) == len(queue) == 1
    assert queue.keys()[0] is before[0]


def test_unhashable_keys_are_refused() -> None:
    queue = ms.ExecutionQueue()
    for use in (queue.push, queue.remove, queue.done):
        with pytest.raises(TypeError, match="unhashable"):
            use([1])  # type: ignore[arg-type]
    assert not queue


def test_batches_of_integers() -> None:
    rng = np.random.default_rng(5)
    keys = rng.permutation(50_000) * 3 - 70_000
    priorities = rng.integers(0, 1_000, len(keys)).astype(float)
    queue = ms.ExecutionQueue(tracked=False)
    queue.push_many(keys[:30_000], priorities[:30_000])
    queue.push_many(keys[30_000:], priorities[30_000:])
    taken = []
    while len(batch := queue.pop_many(1_024)):
        assert isinstance(batch, np.ndarray)
        assert batch.dtype == np.int64
        taken.append(batch)
    np.testing.assert_array_equal(np.concatenate(taken), keys[np.argsort(-priorities, kind="stable")])


def test_batches_of_mixed_keys_are_lists() -> None:
    queue = ms.ExecutionQueue()
    queue.push_many(["a", 1, (2, 3), 2.0], [1, 2, 3, 4])
    assert queue.pop_many(1) == np.array([2])
    assert queue.pop_many(10) == [(2, 3), 1, "a"]
    assert isinstance(queue.pop_many(10), np.ndarray)
    queue.done_many(["a", 1])
    assert queue.in_work() == [(2, 3), 2]


@pytest.mark.parametrize(
    "keys", [range(3), [0, 1, 2], np.arange(3, dtype=np.int32), (key for key in range(3)), np.array([0.0, 1.0, 2.0])]
)
def test_batches_from_any_iterable(keys: Any) -> None:
    queue = ms.ExecutionQueue()
    queue.push_many(keys, "high", deadlines=[3, 2, 1])
    assert drained(queue) == [2, 1, 0]


@pytest.mark.parametrize(
    ("keys", "priorities", "deadlines", "error", "message"),
    [
        ([1, 2, 9], [1, 1, 1], None, ms.DuplicateKeyError, r"key 9 .*waiting"),
        ([1, 2, 1], [1, 1, 1], None, ms.DuplicateKeyError, "key 1 "),
        (["a", "b", "a"], 1, None, ms.DuplicateKeyError, "'a'"),
        (["a", 9], 1, None, ms.DuplicateKeyError, "key 9 "),
        (["a", "x"], 1, None, ms.DuplicateKeyError, "'x'"),
        ([1, 2, 3], [1, math.nan, 1], None, ms.ValidationError, r"priorities\[1\] is nan"),
        ([1, 2], [1, 1], [1, math.nan], ms.ValidationError, r"deadlines\[1\] is nan"),
        ([1, 2], [1, 2, 3], None, ms.ValidationError, r"priorities is \(3,\); expected shape \(2,\)"),
        (["a", "b"], [1], None, ms.ValidationError, r"priorities is \(1,\)"),
        ([1, 2], "hihg", None, ms.ValidationError, "priorities is 'hihg'"),
        ([1, 2], ["a", "b"], None, ms.ValidationError, r"priorities is \['a', 'b'\]"),
        (np.zeros((2, 2), dtype=np.int64), 1, None, ms.ValidationError, r"keys is \(2, 2\)"),
        ("ab", 1, None, ms.ValidationError, "keys is 'ab'"),
        (7, 1, None, ms.ValidationError, "keys is 7"),
    ],
)
def test_batch_that_is_wrong_changes_nothing(
    keys: Any, priorities: Any, deadlines: Any, error: type[Exception], message: str
) -> None:
    queue = ms.ExecutionQueue(clock=ManualClock())
    queue.push_many([9, "x"], [1, 2])
    before = queue.snapshot()
    with pytest.raises(error, match=message):
        queue.push_many(keys, priorities, deadlines)
    assert queue.snapshot() == before
    queue.push_many([1, 2, 3, "a", "b"])
    assert drained(queue) == ["x", 9, 1, 2, 3, "a", "b"]


@pytest.mark.parametrize(
    ("use", "error", "message"),
    [
        (lambda q: q.push(1, math.nan), ms.ValidationError, "priority is nan"),
        (lambda q: q.push(1, "hihg"), ms.ValidationError, "priority is 'hihg'"),
        (lambda q: q.push(1, [1]), ms.ValidationError, r"priority is \[1\]"),
        (lambda q: q.push(1, 1, math.nan), ms.ValidationError, "deadline is nan"),
        (lambda q: q.push(1, 1, None, -1), ms.ValidationError, "delay is -1"),
        (lambda q: q.push(1, delay="soon"), ms.ValidationError, "delay is 'soon'"),
        (lambda q: q.put(1, timeout=-0.5), ms.ValidationError, "timeout is -0.5"),
        (lambda q: q.get(math.nan), ms.ValidationError, "timeout is nan"),
        (lambda q: q.pop_many(-1), ms.ValidationError, "n is -1"),
        (lambda q: q.pop_many(1.5), ms.ValidationError, "n is 1.5"),
        (lambda q: q.update("a", math.nan), ms.ValidationError, "priority is nan"),
        (lambda q: q.update("b", 1), ms.UnknownKeyError, "'b' is not waiting"),
        (lambda q: q.remove(5), ms.UnknownKeyError, "key 5 is not waiting"),
        (lambda q: q.done("a"), ms.UnknownKeyError, "'a' is not in work"),
        (lambda q: q.done_many([4, 5]), ms.UnknownKeyError, "key 4 is not in work"),
        (lambda q: q.failed("a"), ms.UnknownKeyError, "'a' is not in work"),
        (lambda q: q.revive("a"), ms.UnknownKeyError, "'a' is not dead"),
        (lambda q: q.push("a"), ms.DuplicateKeyError, "'a'.*waiting"),
    ],
)
def test_call_that_is_wrong_changes_nothing(
    use: Callable[[ms.ExecutionQueue], object], error: type[Exception], message: str
) -> None:
    queue = ms.ExecutionQueue(clock=ManualClock())
    queue.push("a", 1)
    before = queue.snapshot()
    with pytest.raises(error, match=message):
        use(queue)
    assert queue.snapshot() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": "fifo"}, "order is 'fifo'"),
        ({"ageing": -1}, "ageing is -1"),
        ({"ageing": math.nan}, "ageing is nan"),
        ({"tracked": 1}, "tracked is 1"),
        ({"retries": -1}, "retries is -1"),
        ({"retries": 1.5}, "retries is 1.5"),
        ({"retry_delay": math.inf}, "retry_delay is inf"),
        ({"retry_delay_max": "long"}, "retry_delay_max is 'long'"),
        ({"size_max": 0}, "size_max is 0"),
        ({"when_full": "explode"}, "when_full is 'explode'"),
        ({"clock": 5}, "clock is 5"),
        ({"clock": lambda: math.nan}, "what clock returns is nan"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ms.ValidationError, match=message):
        ms.ExecutionQueue(**options)


def test_clock_that_raises_changes_nothing_and_hides_no_statistics() -> None:
    is_broken: list[bool] = []

    def clock() -> float:
        if is_broken:
            raise OSError("no time")
        return 0.0

    queue = ms.ExecutionQueue(clock=clock)
    queue.push("a")
    is_broken.append(True)
    for use in (queue.pop, queue.peek, queue.get, lambda: queue.push("b")):
        with pytest.raises(OSError, match="no time"):
            use()
    assert (queue.stats().waiting, queue.health().status) == (1, "ok")


def test_time_that_falls_stands_still() -> None:
    times = iter([10.0, 10.0, 12.0, 11.0, 3.0])
    queue = ms.ExecutionQueue(clock=lambda: next(times))
    queue.push("a")
    queue.push("b", 1, None, 0)
    assert queue.pop() == "b"
    assert queue.stats().oldest_s == 2.0


def test_keys_are_released_and_cycles_collected() -> None:
    class Key:
        queue: ms.ExecutionQueue

    queue = ms.ExecutionQueue(tracked=False)
    key = Key()
    gone = weakref.ref(key)
    queue.push(key)
    assert queue.pop() is key
    del key
    assert gone() is None
    key = Key()
    key.queue = ms.ExecutionQueue()
    key.queue.push("other")
    queue.push(key)
    gone = weakref.ref(key)
    queue.clear()
    del key
    assert gone() is None
    gc.collect()


def test_end_of_a_key_may_use_the_queue() -> None:
    class Last:
        def __del__(self) -> None:
            queue.push("the end")

    queue = ms.ExecutionQueue(tracked=False)
    queue.push(Last())
    queue.clear()
    queue.push(Last())
    assert drained(queue)[0] == "the end"


@pytest.mark.usefixtures("nervous_interpreter")
@pytest.mark.parametrize("as_key", [int, str, lambda at: (at, "x")], ids=["int", "str", "tuple"])
def test_threads_take_each_key_once(as_key: Callable[[int], Any]) -> None:
    n_threads, n_each = 4, 300
    queue = ms.ExecutionQueue(tracked=False)
    begin = threading.Barrier(2 * n_threads)
    taken: list[list[Any]] = [[] for _ in range(n_threads)]

    def produce(thread: int) -> None:
        begin.wait()
        for at in range(n_each):
            queue.push(as_key(thread * n_each + at), at % 5)

    def consume(thread: int) -> None:
        begin.wait()
        taken[thread].extend(queue.get() for _ in range(n_each))

    threads = [threading.Thread(target=work, args=(at,)) for at in range(n_threads) for work in (produce, consume)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(chain.from_iterable(taken)) == sorted(as_key(at) for at in range(n_threads * n_each))
    assert not queue


@pytest.mark.usefixtures("nervous_interpreter")
def test_one_of_many_threads_gets_a_key_in() -> None:
    queue = ms.ExecutionQueue()
    n_threads, n_keys = 4, 100
    begin = threading.Barrier(n_threads)
    n_in = [0] * n_threads

    def push(thread: int) -> None:
        begin.wait()
        for at in range(n_keys):
            try:
                queue.push((at, "key"))
                n_in[thread] += 1
            except ms.DuplicateKeyError:
                pass

    threads = [threading.Thread(target=push, args=(at,)) for at in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(n_in) == len(queue) == n_keys
