"""The queue: what becomes of entries that were taken; statistics, health, snapshots."""

import json
import math
import pickle
from typing import Any

import numpy as np
import pytest

import makespan as ms
from makespan.testing import ManualClock


def test_failed_entries_come_back_after_growing_delays() -> None:
    clock = ManualClock()
    queue = ms.ExecutionQueue(retries=4, retry_delay=1, retry_delay_max=3, clock=clock)
    queue.push("a", 5)
    for delay in (1, 2, 3, 3):
        assert queue.pop() == "a"
        assert queue.failed("a", f"after {delay}")
        clock.advance(delay - 0.001)
        assert (len(queue), queue.state("a")) == (0, "delayed")
        clock.advance(0.001)
        assert (len(queue), queue.state("a")) == (1, "waiting")
    assert queue.pop() == "a"
    assert not queue.failed("a", ValueError("at last"))
    assert queue.dead() == [ms.DeadEntry("a", 5.0, 5, "at last")]
    with pytest.raises(ms.DuplicateKeyError, match="dead"):
        queue.push("a")
    queue.revive("a")
    assert queue.dead() == []
    assert queue.pop() == "a"
    assert queue.failed("a")


def test_dead_entries_stay_until_they_are_removed_or_revived() -> None:
    queue = ms.ExecutionQueue()
    queue.push_many(["a", "b", 3], [3, 2, 1])
    assert queue.pop_many(3) == ["a", "b", 3]
    for key in ("b", 3, "a"):
        queue.failed(key)
    assert [entry.key for entry in queue.dead()] == ["b", 3, "a"]
    queue.remove("b")
    queue.revive(3)
    assert [entry.key for entry in queue.dead()] == ["a"]
    assert queue.keys() == [3]
    assert queue.dead()[0].reason is None


def test_untracked_queue_forgets_what_is_taken() -> None:
    queue = ms.ExecutionQueue(tracked=False)
    queue.push_many(["a", 1])
    assert (queue.pop(), queue.pop()) == ("a", 1)
    for use in (queue.done, queue.failed, lambda key: queue.done_many([key])):
        for key in ("a", 1):
            with pytest.raises(ms.QueueError, match="tracked=True"):
                use(key)
    assert queue.in_work() == []
    assert queue.push("a")


def test_done_many_is_all_or_nothing_for_integers() -> None:
    queue = ms.ExecutionQueue()
    queue.push_many(range(5))
    taken = queue.pop_many(3)
    for wrong in ([0, 1, 4], [0, 1, 1]):
        with pytest.raises(ms.UnknownKeyError, match=f"key {wrong[-1]} is not in work"):
            queue.done_many(wrong)
        assert queue.in_work() == [0, 1, 2]
    queue.done_many(taken)
    assert (queue.in_work(), queue.stats().done) == ([], 3)


def test_statistics() -> None:
    clock = ManualClock(100.0)
    queue = ms.ExecutionQueue(retries=1, retry_delay=10, clock=clock)
    assert queue.stats() == ms.QueueStatistics(
        waiting=0,
        delayed=0,
        in_work=0,
        dead=0,
        done=0,
        failed=0,
        dropped=0,
        oldest_s=None,
        taken=0,
        wait_p50_s=None,
        wait_p90_s=None,
        wait_p99_s=None,
        wait_max_s=None,
    )
    for key in range(100):
        queue.push(key)
        clock.advance(1)
    assert queue.stats().oldest_s == 100.0
    taken = queue.pop_many(98)
    queue.failed(taken[0])
    queue.done_many(taken[1:])
    stats = queue.stats()
    assert (stats.waiting, stats.delayed, stats.in_work, stats.done, stats.failed) == (2, 1, 0, 97, 1)
    assert (stats.oldest_s, stats.taken, stats.wait_max_s) == (2.0, 98, 100.0)
    for share, value in ((0.5, stats.wait_p50_s), (0.9, stats.wait_p90_s), (0.99, stats.wait_p99_s)):
        assert value is not None
        exact = float(np.quantile(np.arange(3, 101), share, method="inverted_cdf"))
        assert exact <= value <= exact * (1 + 1 / 32)


def test_health_is_degraded_from_ninety_percent() -> None:
    queue = ms.ExecutionQueue(size_max=10)
    queue.push_many(range(8))
    assert queue.health() == ms.QueueHealth("ok", None, 0.8)
    queue.push(8, delay=60)
    assert queue.health() == ms.QueueHealth("degraded", "9 of 10 entries", 0.9)
    queue.pop()
    assert queue.health().status == "ok"
    assert ms.ExecutionQueue().health() == ms.QueueHealth("ok", None, 0.0)


def eventful_queue(clock: ManualClock) -> ms.ExecutionQueue:
    queue = ms.ExecutionQueue(ageing=0.5, retries=2, retry_delay=4, clock=clock)
    queue.push_many(["a", 1, "b", 2, "c", 3], [1.5, 3, 3, -2, math.inf, 0])
    clock.advance(0.1)
    queue.push_many([10, 11, 12], [3, 2, 1], deadlines=[5.0, math.inf, 1.0])
    queue.push("later", 2, deadline=7.5, delay=3.25)
    assert queue.pop_many(4) == ["c", "b", 1, 10] or True
    for key in queue.in_work()[:2]:
        queue.failed(key, "first")
    clock.advance(4)
    for _ in range(3):
        for key in [key for key in ("c", "b", 1, 10) if queue.state(key) == "waiting"][:1]:
            while queue.pop() != key:
                pass
            queue.failed(key, "again")
        clock.advance(8)
    queue.push("fresh", 2)
    return queue


@pytest.mark.parametrize("way", ["plain", "json", "pickle of the queue", "pickle of the snapshot"])
def test_snapshot_restores_order_ages_attempts_and_delays(way: str) -> None:
    clock = ManualClock(50.0)
    queue = eventful_queue(clock)
    snapshot: Any = queue.snapshot()
    in_work = queue.in_work()
    assert in_work
    if way == "json":
        snapshot = json.loads(json.dumps(snapshot))
    elif way == "pickle of the snapshot":
        snapshot = pickle.loads(pickle.dumps(snapshot))
    other_clock = ManualClock(7.0)
    if way == "pickle of the queue":
        restored = pickle.loads(pickle.dumps(queue))
        assert restored._clock() == clock()
        other_clock = restored._clock
    else:
        restored = ms.ExecutionQueue.restore(snapshot, clock=other_clock)
    again = restored.snapshot()
    for name in ("version", "options", "now_ns", "counts"):
        assert again[name] == snapshot[name]
    for name in ("key", "priority", "deadline_ns", "arrived_ns", "attempts", "reason"):
        assert again["entries"][name] == snapshot["entries"][name]
    assert restored.in_work() == []
    assert [key for key in restored if key not in in_work] == queue.keys()
    assert restored.dead() == queue.dead()
    assert restored.stats().oldest_s == pytest.approx(max(queue.stats().oldest_s or 0, restored.stats().oldest_s or 0))
    for queue_clock in (clock, other_clock):
        queue_clock.advance(30)
    assert [key for key in restored if key not in in_work] == queue.keys()


def test_snapshot_of_another_version_is_refused() -> None:
    snapshot = ms.ExecutionQueue().snapshot()
    with pytest.raises(ms.ValidationError, match="snapshot version is 2"):
        ms.ExecutionQueue.restore(snapshot | {"version": 2})
    with pytest.raises(ms.ValidationError, match="snapshot version is None"):
        ms.ExecutionQueue.restore({})
    with pytest.raises(ms.ValidationError, match="snapshot is"):
        ms.ExecutionQueue.restore({"version": 1})
    damaged = ms.ExecutionQueue()
    damaged.push("a")
    entries = damaged.snapshot()["entries"]
    for column, values in (("state", ["lost"]), ("priority", [math.nan]), ("arrived_ns", [-1]), ("key", [])):
        with pytest.raises(ms.ValidationError):
            ms.ExecutionQueue.restore(snapshot | {"entries": entries | {column: values}})
    twice = {column: values * 2 for column, values in entries.items()}
    with pytest.raises(ms.ValidationError, match="'a'"):
        ms.ExecutionQueue.restore(snapshot | {"entries": twice})


def test_snapshot_changes_nothing() -> None:
    queue = ms.ExecutionQueue(clock=ManualClock())
    queue.push_many(["a", "b"], [1, 2])
    queue.pop()
    assert queue.snapshot() == queue.snapshot()
    assert (queue.in_work(), queue.keys()) == (["b"], ["a"])
