"""`needs=` of steps: granted by the engine's manager, the same that direct requests ask; everything is given back."""

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import makespan as ms
from acquiring import NET, Acquiring, assert_idle, until, waiting
from engines import CONFIGURATIONS, strategy_of
from makespan.testing import ManualClock
from test_concurrency import TIMEOUT_S, runs_in_time

every_configuration = pytest.mark.parametrize(
    ("strategy", "workers"), CONFIGURATIONS, ids=[f"{strategy}-{workers}" for strategy, workers in CONFIGURATIONS]
)


@contextmanager
def engine_of(
    strategy: str, workers: int, *, stop_on_failure: bool = True, **limits: Any
) -> Iterator[ms.SequentialExecutionEngine]:
    """An engine with limits of its own and nothing detected; everything has been given back at its end."""
    manager = ms.ResourceManager(limits, detect=False)
    chosen = strategy_of(strategy, stop_on_failure=stop_on_failure)
    with ms.SequentialExecutionEngine(chosen, workers, resources=manager) as engine:
        yield engine
        # A helper reports its step after the run is over, where the caller left.
        until(lambda: not manager.holders())
        assert_idle(manager)


class Counter:
    """Counts how many are inside at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.n_inside = 0
        self.most = 0
        self.n_done = 0

    def __enter__(self) -> None:
        with self._lock:
            self.n_inside += 1
            self.most = max(self.most, self.n_inside)

    def __exit__(self, *reason: object) -> None:
        with self._lock:
            self.n_inside -= 1
            self.n_done += 1


def fan(function: Callable[..., Any], n: int, **options: Any) -> ms.WorkflowFunction[[], Any]:
    step = ms.step(function, **options)
    return ms.workflow(name="fan")(lambda: [step(at) for at in range(n)])


@every_configuration
def test_no_more_run_at_once_than_the_limit_allows(strategy: str, workers: int) -> None:
    counter = Counter()
    pause = threading.Event()

    def work(at: int) -> int:
        with counter:
            pause.wait(0.001)
        return at

    with engine_of(strategy, workers, net=2) as engine:
        for _ in range(3):
            run = runs_in_time(lambda: engine.run(fan(work, 30, needs=NET)))
            assert run.value == list(range(30))
        assert counter.most == min(workers, 2) == engine.resources.usage()["net"].peak
        assert counter.n_done == 90
        assert engine.resources.stats().n_granted == 90


def test_as_many_run_at_once_as_the_limit_allows() -> None:
    """Three steps meet, again and again, while a fourth worker has nothing to do."""
    meet = threading.Barrier(3, timeout=TIMEOUT_S)
    with engine_of("optimized", 4, net=3) as engine:
        for _ in range(3):
            runs_in_time(lambda: engine.run(fan(lambda at: meet.wait(), 30, needs=NET)))
        assert engine.resources.usage()["net"].peak == 3


def test_worker_does_not_wait_while_something_else_is_ready() -> None:
    done: list[int] = []
    release = threading.Event()

    def free(at: int) -> None:
        done.append(at)
        if len(done) == 20:
            release.set()

    with engine_of("optimized", 2, net=1) as engine, engine.resources.acquire(NET) as held:
        threading.Thread(target=lambda: release.wait(TIMEOUT_S) and held.release(), daemon=True).start()  # type: ignore[func-returns-value]
        needing, other = ms.step(lambda at: at, name="needing", needs=NET), ms.step(free)
        wf = ms.Workflow("both")
        wf.output([wf.add(needing, at) for at in range(20)])
        for at in range(20):
            wf.add(other, at)
        assert runs_in_time(lambda: engine.run(wf)).value == list(range(20))
        assert sorted(done) == list(range(20))


@every_configuration
def test_run_waits_for_what_others_hold(strategy: str, workers: int) -> None:
    with engine_of(strategy, workers, net=2) as engine:
        held = engine.resources.acquire({"net": 2})
        values: list[Any] = []
        running = threading.Thread(
            target=lambda: values.append(engine.run(fan(lambda at: at, 6, needs=NET)).value), daemon=True
        )
        running.start()
        until(lambda: engine.resources.stats().n_waiting > 0)
        assert engine.resources.waiters()[0].holder == "fan/<lambda>[0]"
        assert values == []
        held.release()
        running.join(TIMEOUT_S)
        assert values == [list(range(6))]


@every_configuration
@pytest.mark.usefixtures("nervous_interpreter")
def test_runs_and_direct_requests_share_a_limit(strategy: str, workers: int) -> None:
    counter = Counter()

    def work(at: int) -> int:
        with counter:
            return at

    def ask(manager: ms.ResourceManager) -> None:
        for _ in range(30):
            with manager.acquire({"net": 1, "disk": 1}), counter:
                pass

    with engine_of(strategy, workers, net=2, disk=2) as engine:
        workflow = fan(work, 40, needs={"disk": 1, "net": 1}, duration=0.001)
        threads = [threading.Thread(target=ask, args=(engine.resources,), daemon=True) for _ in range(3)]
        threads += [threading.Thread(target=engine.run, args=(workflow,), daemon=True) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(2 * TIMEOUT_S)
            assert not thread.is_alive()
        assert counter.most <= 2
        assert counter.n_done == 3 * 30 + 3 * 40


@pytest.mark.usefixtures("nervous_interpreter")
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_run_and_steps_that_ask_themselves_always_finish(workers: int) -> None:
    """Nodes are granted what all workers wait for inside their steps: a run holds nothing that it does not use."""
    with engine_of("optimized", workers, net=1) as engine:

        def ask(at: int) -> int:
            with engine.resources.acquire(NET):
                return at

        asking, needing = (
            ms.step(ask, duration=0.001),
            ms.step(lambda at: at, name="needing", needs=NET, duration=0.001),
        )
        wf = ms.Workflow("mixed")
        wf.output([wf.add((asking, needing)[at % 2], at) for at in range(60)])
        for _ in range(5):
            assert runs_in_time(lambda: engine.run(wf)).value == list(range(60))


def test_grant_that_finds_no_free_worker_is_passed_on() -> None:
    inside, release = threading.Barrier(3, timeout=TIMEOUT_S), threading.Event()

    def hold() -> bool:
        inside.wait()
        return release.wait(TIMEOUT_S)

    with engine_of("optimized", 2, net=1) as engine:
        held = engine.resources.acquire(NET)
        holding = ms.step(hold)
        wf = ms.Workflow("busy")
        wf.output([wf.add(ms.step(abs, needs=NET), -1), wf.add(holding), wf.add(holding)])
        values: list[Any] = []
        thread = threading.Thread(target=lambda: values.append(engine.run(wf).value), daemon=True)
        thread.start()
        # Both workers are inside of steps; one of them has asked for the first node's needs before.
        inside.wait()
        assert [view.holder for view in engine.resources.waiters()] == ["busy/abs[0]"]
        direct = waiting(engine.resources, NET)
        held.release()
        assert direct.is_held.wait(TIMEOUT_S)
        assert values == []
        direct.release()
        release.set()
        thread.join(TIMEOUT_S)
        assert values == [[1, True, True]]


@pytest.mark.usefixtures("nervous_interpreter")
def test_engines_may_share_a_manager() -> None:
    counter = Counter()
    manager = ms.ResourceManager({"net": 2}, detect=False)

    def work(at: int) -> None:
        with counter:
            pass

    engines = [ms.SequentialExecutionEngine(workers=2, resources=manager) for _ in range(3)]
    assert all(engine.resources is manager for engine in engines)
    threads = [
        threading.Thread(target=engine.run, args=(fan(work, 30, needs=NET, duration=0.001),), daemon=True)
        for engine in engines
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * TIMEOUT_S)
        assert not thread.is_alive()
    assert counter.most <= 2
    assert counter.n_done == 90
    assert_idle(manager)
    for engine in engines:
        engine.close()
    with manager.acquire(NET):
        pass


# --- what may be declared ---------------------------------------------------------------------------


def test_needs_are_accepted_wherever_options_are() -> None:
    seen: list[dict[str, float]] = []

    def look() -> None:
        seen.extend(view.needs for view in engine.resources.holders())

    with engine_of("sequential", 1, net=4, memory="2 GB") as engine:
        plain = ms.step(look, needs={"net": 0.5, "memory": "1 GB"})
        steps = (plain, plain.with_options(needs=NET), ms.effect(look, needs={"net": 2}), plain.with_options(needs={}))
        for step in steps:
            wf = ms.Workflow("one")
            wf.add(step)
            engine.run(wf)
            engine.run(ms.workflow(lambda step=step: step(), name="traced"))
        assert seen == [needs for needs in ({"net": 0.5, "memory": 10**9}, {"net": 1}, {"net": 2}) for _ in range(2)]
        # Outside of an engine needs mean nothing.
        plain()
        alone = ms.Workflow("alone")
        alone.add(plain)
        alone.serial()
        assert len(seen) == 6


@pytest.mark.parametrize(
    ("needs", "key"),
    [
        ({"net": 0}, 'needs["net"]'),
        ({"net": float("nan")}, 'needs["net"]'),
        ({"net": "many"}, 'needs["net"]'),
        ({"memory": "many"}, 'needs["memory"]'),
        ({3: 1}, "needs"),
        ("net", "needs"),
        (3, "needs"),
    ],
)
def test_needs_that_cannot_be_meant_are_refused_when_they_are_declared(needs: Any, key: str) -> None:
    for make in (ms.step, ms.effect):
        with pytest.raises(ms.ConfigurationError) as caught:
            make(needs=needs)(abs)
        assert caught.value.key == key


@pytest.mark.parametrize(
    ("resources", "key"), [({"net": -1}, "resources['net']"), ({"": 1}, "resources['name']"), (3, "resources")]
)
def test_resources_that_cannot_be_are_refused(resources: Any, key: str) -> None:
    with pytest.raises(ms.ConfigurationError) as caught:
        ms.SequentialExecutionEngine(resources=resources)
    assert caught.value.key == key


@every_configuration
def test_need_beyond_the_engine_names_the_node_before_anything_runs(strategy: str, workers: int) -> None:
    ran: list[int] = []
    with engine_of(strategy, workers, net=4) as engine:
        wf = ms.Workflow("greedy")
        wf.add(ms.step(lambda: ran.append(1), name="first"))
        wf.add(ms.step(lambda: None, name="second", needs={"net": 4.5}))
        with pytest.raises(ms.UnsatisfiableError) as caught:
            engine.run(wf)
        error = caught.value
        assert (error.path, error.resource, error.requested, error.capacity) == ("greedy/second[0]", "net", 4.5, 4)
        unknown = ms.Workflow("unknown")
        unknown.add(ms.step(abs, needs={"tape": 1}), 1)
        prepared = engine.prepare(unknown)
        with pytest.raises(ms.UnsatisfiableError, match=r"unknown/abs\[0\] needs 1 of resource 'tape'"):
            prepared.run()
        engine.resources.set_limit("tape", 1)
        assert prepared.run().value == 1
        engine.resources.set_limit("net", 5)
        engine.run(wf)
        assert ran == [1]


def test_engine_makes_its_manager_when_it_is_needed() -> None:
    with ms.SequentialExecutionEngine(resources={"net": 3}) as engine:
        usage = engine.resources.usage()
        assert usage["net"].limit == 3
        assert {"cpu", "memory", "gpu"} <= usage.keys()
    with ms.SequentialExecutionEngine(workers=1) as engine:
        engine.run(fan(abs, 3))
        assert engine._resources is None
        assert engine.run(fan(abs, 3, needs={"cpu": 1, "memory": "1 kB"})).value == [0, 1, 2]
        assert engine.resources is engine.resources
        assert engine.resources.stats().n_granted == 3


def test_waiting_is_no_time_of_a_step() -> None:
    clock_stands = threading.Event()
    with engine_of("sequential", 1, net=1) as engine:
        held = engine.resources.acquire(NET)
        runs: list[Any] = []
        thread = threading.Thread(target=lambda: runs.append(engine.run(fan(abs, 2, needs=NET))), daemon=True)
        thread.start()
        until(lambda: engine.resources.stats().n_waiting == 1)
        clock_stands.wait(0.02)
        held.release()
        thread.join(TIMEOUT_S)
        nodes = runs[0].nodes
        assert nodes.start_s[0] >= 0.02
        assert nodes.duration_s.sum() < nodes.start_s[0]
        assert nodes.finish_s[0] <= nodes.start_s[1]


# --- what is given back -----------------------------------------------------------------------------


@every_configuration
@pytest.mark.parametrize("stop_on_failure", [True, False])
def test_failure_gives_everything_back(strategy: str, workers: int, stop_on_failure: bool) -> None:
    def work(at: int) -> int:
        if at % 5 == 2:
            raise ValueError(at)
        return at

    with engine_of(strategy, workers, stop_on_failure=stop_on_failure, net=2) as engine:
        for _ in range(3):
            with pytest.raises(ms.RunFailedError) as caught:
                runs_in_time(lambda: engine.run(fan(work, 30, needs=NET, duration=0.001)))
            n_failed = len(caught.value.failures)
            assert n_failed <= workers if stop_on_failure else n_failed == 6


@every_configuration
@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_what_ends_the_program_gives_everything_back(strategy: str, workers: int, error: type[BaseException]) -> None:
    def work(at: int) -> None:
        if at == 7:
            raise error

    with engine_of(strategy, workers, net=2) as engine, pytest.raises(error):
        runs_in_time(lambda: engine.run(fan(work, 30, needs=NET, duration=0.001)))


@every_configuration
def test_failure_while_others_wait_gives_everything_back(strategy: str, workers: int) -> None:
    with engine_of(strategy, workers, net=1, disk=1) as engine:
        held = engine.resources.acquire(NET)

        def fail() -> None:
            if workers > 1:
                until(lambda: engine.resources.stats().n_waiting == 3)
            raise ValueError

        wf = ms.Workflow("waiting")
        wf.add(ms.step(fail))
        for _ in range(3):
            wf.add(ms.step(lambda: None, name="needing", needs=NET))
        with pytest.raises(ms.RunFailedError):
            runs_in_time(lambda: engine.run(wf))
        assert engine.resources.waiters() == []
        held.release()


def test_closing_the_manager_ends_a_run_that_waits() -> None:
    for strategy, workers in CONFIGURATIONS:
        with engine_of(strategy, workers, net=1) as engine:
            held = engine.resources.acquire(NET)
            errors: list[BaseException] = []

            def run() -> None:
                try:
                    engine.run(fan(abs, 4, needs=NET))
                except ms.ClosedResourcesError as error:
                    errors.append(error)  # noqa: B023 (this round's)

            thread = threading.Thread(target=run, daemon=True)
            thread.start()
            until(lambda: engine.resources.stats().n_waiting > 0)
            engine.resources.close()
            thread.join(TIMEOUT_S)
            assert len(errors) == 1
            held.release()


def test_limit_lowered_during_a_run_ends_it_or_lets_it_wait() -> None:
    for strategy, workers in CONFIGURATIONS:
        with engine_of(strategy, workers, net=2) as engine:

            def work(at: int) -> None:
                if at == 3:
                    engine.resources.set_limit("net", 0.5)

            with pytest.raises(ms.UnsatisfiableError):
                runs_in_time(lambda: engine.run(fan(work, 20, needs=NET)))


# --- rates, the machine, nesting --------------------------------------------------------------------


@every_configuration
def test_rate_spreads_the_nodes_of_a_run(strategy: str, workers: int) -> None:
    manager = ms.ResourceManager(rates={"api": ms.Rate(1, per=0.004)}, detect=False)
    with ms.SequentialExecutionEngine(strategy, workers, resources=manager) as engine:
        run = runs_in_time(lambda: engine.run(fan(abs, 8, needs={"api": 1})))
    starts = sorted(run.nodes.start_s.tolist())
    assert starts[-1] >= 7 * 0.004 * 0.99
    assert manager.stats().n_granted == 8


@every_configuration
def test_rate_goes_by_the_managers_clock(strategy: str, workers: int) -> None:
    clock = ManualClock()
    manager = ms.ResourceManager(rates={"api": 1}, detect=False, clock=clock)
    done: list[int] = []
    with ms.SequentialExecutionEngine(strategy, workers, resources=manager) as engine:
        thread = threading.Thread(target=engine.run, args=(fan(done.append, 4, needs={"api": 1}),), daemon=True)
        thread.start()
        for n in range(1, 5):
            until(lambda: len(done) == n and (n == 4 or manager.stats().n_waiting > 0))  # noqa: B023 (this round's)
            clock.advance(1)
        thread.join(TIMEOUT_S)
    assert sorted(done) == [0, 1, 2, 3]


def test_helpers_notice_tokens_while_the_caller_is_inside_a_step() -> None:
    manager = ms.ResourceManager(rates={"api": ms.Rate(1, per=0.01)}, detect=False)
    done = Counter()
    all_done = threading.Event()

    def work(at: int) -> None:
        with done:
            pass
        if done.n_done == 5:
            all_done.set()

    inside = threading.Event()

    def hold() -> bool:
        if threading.current_thread() is not caller:
            # The caller is to be the one that stays inside.
            return inside.wait(TIMEOUT_S)
        inside.set()
        return all_done.wait(TIMEOUT_S)

    with ms.SequentialExecutionEngine(workers=3, resources=manager) as engine:
        hold_step, limited = ms.step(hold), ms.step(work, needs={"api": 1})
        wf = ms.Workflow("held")
        wf.output([wf.add(hold_step) for _ in range(3)])
        for at in range(5):
            wf.add(limited, at)
        values: list[Any] = []

        def run() -> None:
            values.append(engine.run(wf).value)

        caller = threading.Thread(target=run, daemon=True)
        caller.start()
        caller.join(2 * TIMEOUT_S)
    assert values == [[True, True, True]]


@every_configuration
def test_throttled_run_goes_on_one_at_a_time(strategy: str, workers: int) -> None:
    counter = Counter()

    def work(at: int) -> None:
        with counter:
            pass

    with engine_of(strategy, workers, memory="1 GB") as engine:
        engine.resources._throttle([("memory", 0.5)], lambda: [("memory", 1.0)], 0.0)
        runs_in_time(lambda: engine.run(fan(work, 20, needs={"memory": "1 MB"}, duration=0.001)))
    assert (counter.most, counter.n_done) == (1, 20)


def test_step_that_waits_for_what_its_own_node_holds_is_refused_on_its_thread() -> None:
    with engine_of("sequential", 1, net=1) as engine:
        inner = fan(abs, 1, needs=NET)
        outer = fan(lambda at: engine.run(inner).value, 1, needs=NET)
        with pytest.raises(ms.RunFailedError) as caught:
            runs_in_time(lambda: engine.run(outer))
        cause = caught.value.failures[0].__cause__
        assert isinstance(cause, ms.UnsatisfiableError)
        assert "fan/abs[0], which holds 1 of it itself, needs 1" in str(cause)


def test_priority_of_a_direct_request_goes_before_nodes() -> None:
    with engine_of("optimized", 2, net=1) as engine:
        held = engine.resources.acquire(NET)
        thread = threading.Thread(target=engine.run, args=(fan(abs, 5, needs=NET),), daemon=True)
        thread.start()
        until(lambda: engine.resources.stats().n_waiting >= 5)
        hurried = waiting(engine.resources, NET, priority=10)
        held.release()
        assert hurried.is_held.wait(TIMEOUT_S)
        hurried.release()
        thread.join(TIMEOUT_S)
        assert not thread.is_alive()


def test_layers_with_different_needs() -> None:
    with engine_of("optimized", 4, net=2, disk=1, memory="100 MB") as engine:
        fetch = ms.step(lambda at: at, name="fetch", needs={"net": 1, "memory": "30 MB"}, duration=0.001)
        parse = ms.step(lambda x: x + 1, name="parse", needs={"memory": "50 MB"}, duration=0.001)
        save = ms.step(lambda x: -x, name="save", needs={"disk": 1}, duration=0.001)

        @ms.workflow
        def layers() -> list[int]:
            return [save(parse(fetch(at))) for at in range(30)]

        prepared = engine.prepare(layers)
        for _ in range(10):
            assert runs_in_time(prepared.run).value == [-at - 1 for at in range(30)]
        usage = engine.resources.usage()
        assert usage["net"].peak <= 2
        assert usage["memory"].peak <= 100_000_000


def test_engine_with_needs_is_collected() -> None:
    import weakref

    engine: Any = ms.SequentialExecutionEngine(workers=2, resources={"net": 1})
    prepared: Any = engine.prepare(fan(abs, 5, needs=NET))
    prepared.run()
    gone = [weakref.ref(engine), weakref.ref(engine.resources)]
    engine.close()
    del engine, prepared
    gc.collect()
    assert [ref() for ref in gone] == [None, None]


def test_direct_waiter_is_served_between_nodes() -> None:
    with engine_of("optimized", 2, net=1) as engine:
        go_on = threading.Semaphore(0)
        thread = threading.Thread(
            target=engine.run, args=(fan(lambda at: go_on.acquire(timeout=TIMEOUT_S), 6, needs=NET),), daemon=True
        )
        thread.start()
        until(lambda: len(engine.resources.holders()) == 1 and engine.resources.stats().n_waiting >= 1)
        direct = Acquiring(engine.resources, NET)
        for _ in range(6):
            go_on.release()
        assert direct.is_held.wait(TIMEOUT_S)
        direct.release()
        thread.join(TIMEOUT_S)
        assert not thread.is_alive()
