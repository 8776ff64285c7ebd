"""`ResourceManager`: rates, limits that change while somebody waits, throttling."""

import sys
from collections.abc import Callable
from typing import Any

import pytest

import makespan as ms
from acquiring import NET, Acquiring, manager_of, waiting
from makespan.testing import ManualClock
from test_concurrency import TIMEOUT_S

# --- rates ------------------------------------------------------------------------------------------


def test_rate_is_used_up_and_comes_back_with_time() -> None:
    clock = ManualClock()
    manager = ms.ResourceManager(rates={"api": ms.Rate(2, per=10, burst=3)}, detect=False, clock=clock)
    for _ in range(3):
        manager.acquire({"api": 1}).release()
    assert manager.try_acquire({"api": 1}) is None
    clock.advance(4.999)
    assert manager.try_acquire({"api": 1}) is None
    clock.advance(0.001)
    assert manager.try_acquire({"api": 1}) is not None
    assert manager.try_acquire({"api": 1}) is None
    clock.advance(1e9)
    assert manager.usage()["api"].tokens == 3
    with pytest.raises(ms.UnsatisfiableError):
        manager.acquire({"api": 4})


def test_name_may_have_a_limit_and_a_rate() -> None:
    clock = ManualClock()
    manager = ms.ResourceManager({"api": 1}, rates={"api": 2}, detect=False, clock=clock)
    with manager.acquire({"api": 1}):
        assert manager.try_acquire({"api": 1}) is None
        usage = manager.usage()["api"]
        assert (usage.limit, usage.used, usage.tokens, usage.burst) == (1, 1, 1, 2)
    manager.acquire({"api": 1}).release()
    assert manager.try_acquire({"api": 1}) is None
    assert repr(manager) == "<resources api=0/1, 0 of 2 tokens>"


def test_those_who_wait_for_tokens_get_them_in_order() -> None:
    clock = ManualClock()
    manager = ms.ResourceManager(rates={"api": 1}, detect=False, clock=clock)
    manager.acquire({"api": 1}).release()
    waiters = [waiting(manager, {"api": 1}, holder=str(at)) for at in range(3)]
    for at, acquiring in enumerate(waiters):
        assert [view.holder for view in manager.waiters()] == [str(left) for left in range(at, 3)]
        clock.advance(1)
        assert acquiring.is_held.wait(TIMEOUT_S)
        acquiring.release()


def test_tokens_come_by_the_machines_clock() -> None:
    manager = ms.ResourceManager(rates={"api": ms.Rate(1, per=0.02)}, detect=False)
    acquiring = [Acquiring(manager, {"api": 1}) for _ in range(6)]
    for one in acquiring:
        assert one.is_held.wait(TIMEOUT_S)
        one.release()
    assert manager.stats().n_granted == 6


def test_rate_may_be_changed_while_somebody_waits() -> None:
    clock = ManualClock()
    manager = ms.ResourceManager(rates={"api": ms.Rate(1, per=1e6)}, detect=False, clock=clock)
    manager.acquire({"api": 1}).release()
    acquiring = waiting(manager, {"api": 1})
    manager.set_rate("api", ms.Rate(1, per=1))
    clock.advance(1)
    assert acquiring.is_held.wait(TIMEOUT_S)
    acquiring.release()
    manager.set_rate("new", 5)
    assert manager.usage()["new"].tokens == 5


# --- changes while running --------------------------------------------------------------------------


def test_limit_may_be_changed_while_somebody_waits() -> None:
    manager = manager_of(net=1)
    with manager.acquire(NET):
        acquiring = waiting(manager, NET)
        manager.set_limit("net", 2)
        assert acquiring.is_held.wait(TIMEOUT_S)
        manager.set_limit("net", 0)
        assert manager.usage()["net"][:2] == (0, 2)
        acquiring.release()
    with pytest.raises(ms.UnsatisfiableError):
        manager.acquire(NET)
    manager.set_limit("disk", 3)
    assert manager.try_acquire({"disk": 3}) is not None
    with pytest.raises(ms.ValidationError):
        manager.set_limit("net", -1)
    assert manager.usage()["net"].limit == 0


def test_who_asks_for_more_than_there_is_now_keeps_nothing_from_others() -> None:
    manager = manager_of(net=4)
    with manager.acquire(NET):
        large = waiting(manager, {"net": 4})
        manager.set_limit("net", 2)
        with manager.acquire(NET, holder="small", timeout=0):
            pass
        manager.set_limit("net", 4)
        assert manager.try_acquire(NET) is None
    assert large.is_held.wait(TIMEOUT_S)
    large.release()


def throttled(level: Callable[[], float]) -> ms.ResourceManager:
    """A manager that throttles memory above 0.9, told by a function how much of it is used."""
    manager = manager_of(memory="1 GB", net=2)
    manager._throttle([("memory", 0.9)], lambda: [("memory", level())], 0.0)
    return manager


def test_throttled_resource_is_given_to_one_at_a_time() -> None:
    level = 0.5
    manager = throttled(lambda: level)
    needs = {"memory": "100 MB"}
    with manager.acquire(needs), manager.acquire(needs, holder="second"):
        level = 0.9
        assert manager.try_acquire(needs) is None
        assert manager.health()["status"] == "throttled"
        assert manager.usage()["memory"].is_throttled
        level = 0.87
        assert manager.try_acquire(needs) is None
        # Nothing is kept from those who need something else.
        assert manager.try_acquire({"net": 2}) is not None
        level = 0.84
        assert manager.try_acquire(needs) is not None
    level = 1.0
    with manager.acquire(needs):
        acquiring = waiting(manager, needs)
    assert acquiring.is_held.wait(TIMEOUT_S), "going on slowly is better than not at all"
    acquiring.release()


def test_waiter_notices_that_the_machine_has_room_again() -> None:
    level = 1.0
    manager = throttled(lambda: level)
    with manager.acquire({"memory": 1}):
        acquiring = waiting(manager, {"memory": 1})
        level = 0.1
        assert acquiring.is_held.wait(TIMEOUT_S)
        acquiring.release()


def test_sampler_that_fails_is_reported_and_throttles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: seen.append(unraisable.exc_value))
    manager = throttled(lambda: 1 / 0)
    assert manager.try_acquire({"memory": 1}) is not None
    assert seen
    assert all(isinstance(error, ZeroDivisionError) for error in seen)


def test_throttling_samples_the_machine() -> None:
    manager = ms.ResourceManager({"memory": "1 GB", "cpu": 2}, detect=False, throttle_above={"memory": 1e-6, "cpu": 1})
    with manager.acquire({"memory": 1}):
        assert manager.try_acquire({"memory": 1}) is None
        assert "memory" in manager.health()["throttled"]


def test_throttling_without_the_extra_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    with pytest.raises(ms.MissingDependencyError) as caught:
        ms.ResourceManager({"memory": "1 GB"}, throttle_above={"memory": 0.9})
    assert caught.value.extra == "resources"
