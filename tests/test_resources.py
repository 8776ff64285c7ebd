"""`ResourceManager`: grants, waiting, amounts, holders, looking on, closing, the event loop."""

import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
from typing import Any

import pytest

import makespan as ms
from acquiring import NET, Acquiring, assert_idle, is_held, manager_of, waiting
from makespan import _core
from makespan.testing import ManualClock
from test_concurrency import TIMEOUT_S, runs_in_time

# --- grants -----------------------------------------------------------------------------------------


def test_grant_is_a_context_manager_and_releases_once() -> None:
    manager = manager_of(net=4, memory="2 GB")
    with manager.acquire({"net": 1.5, "memory": "512 MB"}) as grant:
        assert is_held(grant)
        assert grant.needs == {"net": 1.5, "memory": 512_000_000}
        assert repr(grant) == "<grant of net=1.5, memory=512000000>"
        assert (manager.usage()["net"].used, manager.usage()["memory"].used) == (1.5, 512_000_000)
    assert not is_held(grant)
    assert repr(grant) == "<grant of net=1.5, memory=512000000, not held>"
    grant.release()
    grant.release()
    assert_idle(manager)
    assert manager.usage()["net"].peak == 1.5


def test_body_that_raises_gives_back() -> None:
    manager = manager_of(net=1)
    with pytest.raises(KeyError), manager.acquire(NET):
        raise KeyError
    assert_idle(manager)


def test_grant_is_all_or_nothing() -> None:
    manager = manager_of(net=1, disk=1)
    with manager.acquire({"disk": 1}):
        assert manager.try_acquire({"net": 1, "disk": 1}) is None
        assert manager.usage()["net"].used == 0
        assert manager.try_acquire({"net": 1}) is not None


def test_twenty_requests_at_a_limit_of_five() -> None:
    manager = manager_of(slots=5)
    inside, most, n_done = 0, 0, 0
    lock = threading.Lock()
    full = threading.Barrier(5, timeout=TIMEOUT_S)

    def work() -> None:
        nonlocal inside, most, n_done
        with manager.acquire({"slots": 1}):
            with lock:
                inside += 1
                most = max(most, inside)
            # Five at a time go on together: fewer at once would never end.
            full.wait()
            with lock:
                inside -= 1
                n_done += 1

    threads = [threading.Thread(target=work, daemon=True) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_S)
    assert (most, n_done, manager.usage()["slots"].peak) == (5, 20, 5)
    assert_idle(manager)


@pytest.mark.usefixtures("nervous_interpreter")
def test_memory_limit_is_never_exceeded() -> None:
    manager = manager_of(memory="512 MB")
    used, most = 0, 0
    lock = threading.Lock()

    def work(at: int) -> None:
        nonlocal used, most
        for n in range(20):
            size = 1_000_000 * (1 + (37 * at + 101 * n) % 300)
            with manager.acquire({"memory": size}):
                with lock:
                    used += size
                    most = max(most, used)
                with lock:
                    used -= size

    threads = [threading.Thread(target=work, args=(at,), daemon=True) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_S)
    assert 0 < most <= 512_000_000
    assert manager.usage()["memory"].peak <= 512_000_000
    assert manager.stats().n_granted == 160
    assert_idle(manager)


def test_sequential_requests_are_admitted_by_peak_not_by_sum() -> None:
    manager = manager_of(memory="512 MB")
    for _ in range(100):
        with manager.acquire({"memory": "100 MB"}, timeout=0):
            pass
    assert manager.usage()["memory"].peak == 100_000_000
    assert manager.stats().n_granted == 100


def test_waiter_is_woken_by_a_release_and_holds_the_grant() -> None:
    manager = manager_of(net=1)
    with manager.acquire(NET):
        other = waiting(manager, NET, holder="other")
        assert [view.holder for view in manager.waiters()] == ["other"]
        assert not other.is_held.is_set()
    assert other.is_held.wait(TIMEOUT_S)
    assert [view.holder for view in manager.holders()] == ["other"]
    assert manager.try_acquire(NET) is None
    other.release()
    assert_idle(manager)
    assert manager.stats().n_waited == 1


def test_timeout_leaves_nothing_behind() -> None:
    manager = manager_of(net=4)
    with manager.acquire({"net": 3}, holder="somebody"):
        with pytest.raises(ms.AcquireTimeoutError) as caught:
            manager.acquire({"net": 2}, timeout=0.01)
        assert (caught.value.resource, caught.value.requested, caught.value.available) == ("net", 2, 1)
        assert caught.value.timeout_s == 0.01
        assert isinstance(caught.value, TimeoutError)
        assert manager.waiters() == []
        assert manager.try_acquire({"net": 1}) is not None
    with manager.acquire({"net": 4}, timeout=0):
        pass
    assert manager.stats().n_withdrawn == 1
    assert_idle(manager)


def test_large_request_is_not_starved_by_small_ones() -> None:
    manager = manager_of(net=2)
    small = [Acquiring(manager, NET) for _ in range(2)]
    for acquiring in small:
        assert acquiring.is_held.wait(TIMEOUT_S)
    large = waiting(manager, {"net": 2})
    late = waiting(manager, NET)
    small[0].release()
    assert manager.try_acquire(NET) is None
    assert not late.is_held.is_set()
    small[1].release()
    assert large.is_held.wait(TIMEOUT_S)
    assert not late.is_held.is_set()
    large.release()
    assert late.is_held.wait(TIMEOUT_S)
    late.release()


def test_larger_priority_goes_first_and_equals_in_order() -> None:
    manager = manager_of(net=1)
    with manager.acquire(NET):
        waiters = [waiting(manager, NET, priority=p, holder=f"{p}") for p in (0, 50, 50, -9, 1e9, 9)]
        assert [view.holder for view in manager.waiters()] == ["1000000000.0", "50", "50", "9", "0", "-9"]
    for at in (4, 1, 2, 5, 0, 3):
        assert waiters[at].is_held.wait(TIMEOUT_S)
        waiters[at].release()


def test_waiting_ages() -> None:
    clock = ManualClock()
    manager = ms.ResourceManager({"net": 1}, detect=False, clock=clock, ageing=2.0)
    with manager.acquire(NET):
        patient = waiting(manager, NET, holder="patient")
        clock.advance(3)
        hurried = waiting(manager, NET, priority=5, holder="hurried")
        urgent = waiting(manager, NET, priority=7, holder="urgent")
        assert [view.holder for view in manager.waiters()] == ["urgent", "patient", "hurried"]
    for acquiring in (urgent, patient, hurried):
        assert acquiring.is_held.wait(TIMEOUT_S)
        acquiring.release()


def test_thread_does_not_wait_for_itself() -> None:
    manager = manager_of(net=4)
    with manager.acquire({"net": 3}):
        with pytest.raises(ms.UnsatisfiableError, match="which holds 3 of it itself, needs 2 of resource 'net'"):
            manager.acquire({"net": 2})
        # With a timeout it ends anyhow; under another name it may be released by somebody else.
        with pytest.raises(ms.AcquireTimeoutError):
            manager.acquire({"net": 2}, timeout=0)
    assert_idle(manager)


# --- amounts ----------------------------------------------------------------------------------------


def test_demand_above_the_limit_names_everything() -> None:
    manager = manager_of(net=4, closed=0)
    with pytest.raises(ms.UnsatisfiableError) as caught:
        manager.acquire({"net": 4.5}, holder="crawler")
    error = caught.value
    assert (error.path, error.resource, error.requested, error.capacity) == ("crawler", "net", 4.5, 4)
    with pytest.raises(ms.UnsatisfiableError) as caught:
        manager.try_acquire({"tape": 1})
    assert (caught.value.resource, caught.value.capacity) == ("tape", None)
    assert caught.value.path == f"thread {threading.current_thread().name}"
    with pytest.raises(ms.UnsatisfiableError):
        manager.acquire({"closed": 1})
    assert_idle(manager)


@pytest.mark.parametrize(
    ("needs", "argument"),
    [
        ({"net": 0}, 'needs["net"]'),
        ({"net": -1}, 'needs["net"]'),
        ({"net": float("nan")}, 'needs["net"]'),
        ({"net": float("inf")}, 'needs["net"]'),
        ({"net": 0.0001}, 'needs["net"]'),
        ({"net": 10**30}, 'needs["net"]'),
        ({"net": True}, 'needs["net"]'),
        ({"net": "1"}, 'needs["net"]'),
        ({"net": None}, 'needs["net"]'),
        ({"memory": "1 XB"}, 'needs["memory"]'),
        ({"memory": "-1 MB"}, 'needs["memory"]'),
        ({"memory": "1e3 MB"}, 'needs["memory"]'),
        ({1: 1}, "needs"),
        ({}, "needs"),
        ([("net", 1)], "needs"),
        (3, "needs"),
    ],
)
def test_needs_that_cannot_be_meant_are_refused(needs: Any, argument: str) -> None:
    manager = manager_of(net=4, memory="1 GB")
    for acquire in (manager.acquire, manager.try_acquire):
        with pytest.raises(ms.ValidationError) as caught:
            acquire(needs)
        assert caught.value.argument == argument
    assert_idle(manager)
    assert manager.stats().n_granted == 0


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"timeout": -1}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"timeout": "soon"}, "timeout"),
        ({"priority": float("nan")}, "priority"),
        ({"priority": 1e10}, "priority"),
        ({"priority": "high"}, "priority"),
        ({"holder": 2**22 + 1}, "holder"),
        ({"holder": True}, "holder"),
        ({"holder": 1.5}, "holder"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(options: dict[str, Any], argument: str) -> None:
    manager = manager_of(net=4)
    with pytest.raises(ms.ValidationError) as caught:
        manager.acquire(NET, **options)
    assert caught.value.argument == argument
    assert_idle(manager)


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"limits": {"net": -1}}, "net"),
        ({"limits": {"net": float("nan")}}, "net"),
        ({"limits": {"memory": "lots"}}, "memory"),
        ({"limits": {"": 1}}, "name"),
        ({"limits": {3: 1}}, "name"),
        ({"limits": 3}, "limits"),
        ({"rates": {"api": 0}}, "rates['api']"),
        ({"rates": {"api": "often"}}, "rates['api']"),
        ({"rates": {"api": ms.Rate(1, per=0)}}, "rates['api']"),
        ({"rates": {"api": ms.Rate(1, per=1, burst=0)}}, "rates['api']"),
        ({"ageing": -1}, "ageing"),
        ({"ageing": float("nan")}, "ageing"),
        ({"clock": 3}, "clock"),
        ({"limits": {"net": 1}, "throttle_above": {"net": 0.5}}, "throttle_above"),
        ({"limits": {"cpu": 1}, "throttle_above": {"cpu": 1.5}}, "throttle_above['cpu']"),
    ],
)
def test_managers_that_cannot_be_are_refused(options: dict[str, Any], argument: str) -> None:
    with pytest.raises(ms.ValidationError) as caught:
        ms.ResourceManager(**options, detect=False)
    assert caught.value.argument == argument


def test_amounts_may_be_any_numbers_and_mappings() -> None:
    import types
    from fractions import Fraction

    import numpy as np

    manager = manager_of(net=4, memory="1 KiB")
    needs: Any = types.MappingProxyType({"net": np.float32(0.5), "memory": np.int64(24)})
    with manager.acquire(needs) as grant:
        assert grant.needs == {"net": 0.5, "memory": 24}
    needs = {"net": Fraction(1, 4), "memory": "1000 B"}
    with manager.acquire(needs) as grant:
        assert grant.needs == {"net": 0.25, "memory": 1000}


def test_host_is_detected() -> None:
    cores_milli, memory_bytes, n_gpus = _core.host()
    usage = ms.ResourceManager().usage()
    assert 1_000 <= cores_milli <= 1_000 * len(os.sched_getaffinity(0))
    assert usage["cpu"].limit == cores_milli / 1_000
    assert memory_bytes is not None
    assert usage["memory"].limit == memory_bytes > 2**20
    assert usage["gpu"].limit == n_gpus
    assert ms.ResourceManager({"cpu": 64, "net": 3}).usage()["cpu"].limit == 64
    assert set(ms.ResourceManager(detect=False).usage()) == set()


# --- holders ----------------------------------------------------------------------------------------


def test_grant_that_is_forgotten_is_given_back() -> None:
    manager = manager_of(net=1)
    grant: Any = manager.acquire(NET)
    cycle = [grant]
    cycle.append(cycle)
    del grant, cycle
    gc.collect()
    assert_idle(manager)


def test_grant_of_a_thread_that_ended_is_given_back() -> None:
    manager = manager_of(net=1)

    def forget() -> None:
        grant = manager.acquire(NET)
        assert grant.is_held

    thread = threading.Thread(target=forget)
    thread.start()
    thread.join()
    assert manager.acquire(NET, timeout=TIMEOUT_S).is_held


def test_grant_may_be_released_by_another_thread() -> None:
    manager = manager_of(net=1)
    grant = manager.acquire(NET)
    thread = threading.Thread(target=grant.release)
    thread.start()
    thread.join()
    assert_idle(manager)


def test_process_that_died_is_reclaimed() -> None:
    manager = manager_of(net=2)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    grant = manager.acquire({"net": 2}, holder=child.pid)
    assert [view.holder for view in manager.holders()] == [f"process {child.pid}"]
    assert manager.reclaim_dead() == 0
    child.kill()
    # Not waited for yet: it has ended all the same.
    with manager.acquire(NET, timeout=TIMEOUT_S):
        assert not grant.is_held
        grant.release()
    child.communicate()
    assert manager.stats().n_reclaimed == 1
    with pytest.raises(ms.ValidationError):
        manager.acquire(NET, holder=child.pid)
    assert_idle(manager)


def test_who_waits_for_a_process_that_died_is_told() -> None:
    manager = manager_of(net=1)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with manager.acquire(NET):
        acquiring = waiting(manager, NET, holder=child.pid)
        child.kill()
        child.communicate()
        assert manager.reclaim_dead() == 1
        acquiring.join()
    assert isinstance(acquiring.error, ms.ValidationError)
    assert acquiring.error.argument == "holder"
    assert_idle(manager)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_forked_child_begins_with_nothing_held() -> None:
    from test_engine import in_child

    manager = ms.ResourceManager({"net": 1}, rates={"api": 1}, detect=False)
    manager.set_limit("net", 2)
    with manager.acquire({"net": 2, "api": 1}) as grant:

        def look() -> bool:
            fresh = manager.usage()["net"][:2] == (2, 0) and manager.usage()["api"].tokens == 1
            was_held = grant.is_held
            grant.release()
            with manager.acquire({"net": 2, "api": 1}, timeout=0):
                return fresh and not was_held and manager.usage()["net"].used == 2

        assert in_child(look)
        assert grant.is_held
        assert manager.usage()["net"].used == 2


# --- looking on, closing ----------------------------------------------------------------------------


def test_looking_on_never_raises_and_is_json() -> None:
    def broken() -> float:
        raise OSError("no clock")

    manager = ms.ResourceManager({"net": 1}, rates={"api": 1}, detect=False)
    for state in ("ok", "closed"):
        assert manager.health()["status"] == state
        shown = (manager.health(), manager.stats(), manager.usage(), manager.holders(), manager.waiters())
        assert json.loads(json.dumps(shown))
        assert "net=0/1" in repr(manager)
        manager.close()
    failing = manager_of(net=1)
    with failing.acquire(NET):
        acquiring = waiting(failing, NET)
        health = failing.health()
        assert (health["status"], health["n_held"], health["n_waiting"]) == ("waiting", 1, 1)
        assert health["exhausted"] == ["net"]
    acquiring.release()
    hooked: list[Any] = []
    before, sys.unraisablehook = sys.unraisablehook, hooked.append
    try:
        with_broken_clock = ms.ResourceManager({}, detect=False, clock=broken)
        assert with_broken_clock.health()["status"] == "ok"
    finally:
        sys.unraisablehook = before
    assert hooked


def test_closed_manager_grants_nothing_and_wakes_who_waits() -> None:
    manager = manager_of(net=1)
    with manager:
        grant = manager.acquire(NET)
        acquiring = waiting(manager, NET)
    acquiring.join()
    assert isinstance(acquiring.error, ms.ClosedResourcesError)
    for acquire in (manager.acquire, manager.try_acquire):
        with pytest.raises(ms.ClosedResourcesError):
            acquire(NET)
    assert grant.is_held
    grant.release()
    manager.close()
    assert repr(manager) == "<resources net=0/1, closed>"
    assert_idle(manager)


# --- the event loop ---------------------------------------------------------------------------------


def test_aacquire_lets_the_loop_go_on() -> None:
    async def main() -> list[str]:
        manager = manager_of(net=1)
        seen: list[str] = []

        async def work(name: str) -> None:
            with await manager.aacquire(NET):
                seen.append(name)
                await asyncio.sleep(0)

        held = await manager.aacquire(NET)
        tasks = [asyncio.create_task(work(name)) for name in "abc"]
        while manager.stats().n_waiting < 3:
            await asyncio.sleep(0)
        # By another thread, as a run would.
        await asyncio.to_thread(held.release)
        await asyncio.gather(*tasks)
        assert_idle(manager)
        return seen

    assert runs_in_time(lambda: asyncio.run(main())) == ["a", "b", "c"]


def test_cancelled_aacquire_leaves_nothing_behind() -> None:
    async def main() -> None:
        manager = manager_of(net=1)
        held = manager.acquire(NET)
        task = asyncio.create_task(manager.aacquire(NET))
        while manager.stats().n_waiting < 1:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert manager.waiters() == []
        # Granted and cancelled before the task could run: the grant is given back.
        task = asyncio.create_task(manager.aacquire(NET))
        while manager.stats().n_waiting < 1:
            await asyncio.sleep(0)
        held.release()
        assert len(manager.holders()) == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert_idle(manager)

    runs_in_time(lambda: asyncio.run(main()))


def test_aacquire_times_out_and_refuses_as_acquire_does() -> None:
    async def main() -> None:
        manager = manager_of(net=1)
        with await manager.aacquire(NET):
            with pytest.raises(ms.AcquireTimeoutError) as caught:
                await manager.aacquire(NET, timeout=0.01)
            assert (caught.value.resource, caught.value.timeout_s) == ("net", 0.01)
            waiter = asyncio.create_task(manager.aacquire(NET))
            while manager.stats().n_waiting < 1:
                await asyncio.sleep(0)
            manager.close()
            with pytest.raises(ms.ClosedResourcesError):
                await waiter
        assert_idle(manager)
        with pytest.raises(ms.UnsatisfiableError):
            await manager_of(net=1).aacquire({"net": 2})
        with pytest.raises(ms.ValidationError):
            await manager.aacquire(NET, timeout=float("nan"))

    runs_in_time(lambda: asyncio.run(main()))


def test_aacquire_waits_for_tokens_and_for_the_machine() -> None:
    async def main() -> None:
        manager = ms.ResourceManager({"memory": "1 GB"}, rates={"api": ms.Rate(1, per=0.01)}, detect=False)
        level = 1.0
        manager._throttle([("memory", 0.9)], lambda: [("memory", level)], 0.0)
        grants = await asyncio.gather(*(manager.aacquire({"api": 1}) for _ in range(4)))
        assert all(grant.is_held for grant in grants)
        with manager.acquire({"memory": 1}):
            waiter = asyncio.create_task(manager.aacquire({"memory": 1}))
            while manager.stats().n_waiting < 1:
                await asyncio.sleep(0)
            level = 0.0
            (await waiter).release()

    runs_in_time(lambda: asyncio.run(main()))


def test_manager_and_grants_are_collected() -> None:
    import weakref

    class Clock:
        def __call__(self) -> float:
            return 0.0

    clock: Any = Clock()
    manager: Any = ms.ResourceManager({"net": 1}, detect=False, clock=clock)
    clock.manager = manager
    clock.grant = manager.acquire(NET)
    gone = weakref.ref(clock)
    del clock, manager
    gc.collect()
    assert gone() is None
