"""Steps that block reach full parallelism, whatever is known of them: otherwise these tests would wait for ever."""

import functools
import threading
from collections.abc import Callable
from typing import Any

import pytest

import makespan as ms

TIMEOUT_S = 20


def runs_in_time(run: Callable[[], Any]) -> Any:
    """Return what a run returns; fail, instead of hanging, where it does not end."""
    values: list[Any] = []
    errors: list[BaseException] = []

    def target() -> None:
        try:
            values.append(run())
        except BaseException as error:  # noqa: BLE001 (handed on)
            errors.append(error)

    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    thread.join(2 * TIMEOUT_S)
    assert not thread.is_alive(), "the run does not end"
    if errors:
        raise errors[0]
    return values[0]


@ms.step
def tiny(*before: Any) -> int:
    return len(before)


def meeting(n: int, **options: Any) -> ms.Step[..., int]:
    """A step that ends when n calls of it run at the same time."""
    barrier = threading.Barrier(n, timeout=TIMEOUT_S)
    return ms.step(lambda *before: barrier.wait(), name="meet", **options)


@pytest.mark.parametrize("duration", [None, 0.001, 10.0], ids=lambda duration: f"declared {duration}")
@pytest.mark.parametrize("n", [2, 3, 8])
def test_n_workers_carry_n_blocking_steps(n: int, duration: float | None) -> None:
    meet = meeting(n, duration=duration)

    @ms.workflow
    def body() -> list[int]:
        return [meet() for _ in range(n)]

    for _ in range(5):
        # A new engine each time: once it is known that the steps are short, nobody is woken for them.
        with ms.SequentialExecutionEngine("optimized", workers=n) as engine:
            run = runs_in_time(engine.prepare(body).run)
        assert sorted(run.value) == list(range(n))
        assert len(set(run.nodes.worker.tolist())) == n


@pytest.mark.parametrize("place", ["first", "middle", "last"])
@pytest.mark.parametrize("n", [2, 4])
def test_blocking_steps_anywhere_in_a_long_chain(n: int, place: str) -> None:
    meet = meeting(n)
    at = {"first": 0, "middle": 500, "last": 999}[place]

    @ms.workflow
    def body() -> Any:
        value: Any = None
        for step in range(1000):
            value = [meet(value) for _ in range(n)] if step == at else tiny(value)
        return value

    with ms.SequentialExecutionEngine("optimized", workers=n) as engine:
        runs_in_time(lambda: engine.run(body))


def test_blocking_steps_beside_a_long_chain() -> None:
    """The chain is more urgent, and the ones that block are tiny by all that is known."""
    meet = meeting(3)

    @ms.workflow
    def body() -> Any:
        value: Any = None
        waiting = []
        for step in range(2000):
            value = tiny(value)
            if step in (10, 1000, 1990):
                waiting.append(meet())
        return [value, waiting]

    with ms.SequentialExecutionEngine("optimized", workers=3) as engine:
        runs_in_time(lambda: engine.run(body))


def test_a_step_may_wait_for_what_a_later_one_gives() -> None:
    given = threading.Event()

    @ms.workflow
    def body() -> Any:
        waited = wait()
        value = tiny()
        for _ in range(50):
            value = tiny(value)
        return waited, give(value)

    wait = ms.step(lambda: given.wait(TIMEOUT_S), name="wait")
    give = ms.step(lambda _: (given.set(), 0)[1], name="give")  # type: ignore[func-returns-value]
    for _ in range(5):
        given.clear()
        with ms.SequentialExecutionEngine("optimized", workers=2) as engine:
            assert runs_in_time(functools.partial(engine.run, body)).value == (True, 0)


def test_layers_of_blocking_steps() -> None:
    meet = meeting(4)

    @ms.workflow
    def body() -> Any:
        layer: list[Any] = [None] * 4
        for _ in range(20):
            layer = [meet(layer[at], layer[at - 1]) for at in range(4)]
        return layer

    with ms.SequentialExecutionEngine("optimized", workers=4) as engine:
        runs_in_time(lambda: engine.run(body))


def test_more_steps_than_workers_meet_in_turn() -> None:
    meet = meeting(3)

    @ms.workflow
    def body() -> list[int]:
        return [meet() for _ in range(30)]

    with ms.SequentialExecutionEngine("optimized", workers=3) as engine:
        assert sorted(runs_in_time(lambda: engine.run(body)).value) == sorted(list(range(3)) * 10)


def test_runs_of_two_threads_share_the_helpers() -> None:
    """Two callers and two helpers carry four steps that wait for each other, two in each run."""
    meet = meeting(4)

    @ms.workflow
    def body() -> list[int]:
        return [meet(), meet()]

    with ms.SequentialExecutionEngine("optimized", workers=3) as engine:
        others: list[Any] = []
        thread = threading.Thread(target=lambda: others.append(engine.run(body)), daemon=True)
        thread.start()
        mine = runs_in_time(lambda: engine.run(body))
        thread.join(TIMEOUT_S)
    assert sorted(mine.value + others[0].value) == [0, 1, 2, 3]


def test_a_step_that_runs_a_workflow_is_helped() -> None:
    meet = meeting(2)

    @ms.workflow
    def inner() -> list[int]:
        return [meet(), meet()]

    with ms.SequentialExecutionEngine("optimized", workers=2) as engine:
        outer = ms.Workflow("outer")
        outer.output(outer.add(ms.step(lambda: engine.run(inner).value, name="run inside")))
        assert sorted(runs_in_time(lambda: engine.run(outer)).value) == [0, 1]


def test_the_sequential_strategy_stays_on_the_calling_thread() -> None:
    idents: list[int] = []
    note = ms.step(lambda: idents.append(threading.get_ident()), duration=0.01)

    @ms.workflow
    def body() -> None:
        for _ in range(10):
            note()

    with ms.SequentialExecutionEngine("sequential", 8) as engine:
        run = engine.run(body)
    assert set(idents) == {threading.get_ident()}
    assert set(run.nodes.worker.tolist()) == {0}


@pytest.mark.usefixtures("nervous_interpreter")
def test_shared_runs_of_tiny_steps_lose_and_repeat_nothing() -> None:
    counted: list[int] = []
    step = ms.step(lambda at, *before: counted.append(at), name="count", duration=0.001)

    @ms.workflow
    def body(n: int) -> None:
        results: list[Any] = []
        for at in range(n):
            results.append(step(at, *results[at // 2 : at // 2 + 2]))

    with ms.SequentialExecutionEngine("optimized", workers=8) as engine:
        for _ in range(30):
            counted.clear()
            run = engine.run(body, 200)
            assert sorted(counted) == list(range(200))
            assert run.outcome_counts["finished"] == 200


@pytest.mark.usefixtures("nervous_interpreter")
def test_failures_on_many_workers_lose_nothing() -> None:
    ended: list[int] = []

    @ms.step(duration=0.001)
    def sometimes(at: int, *before: Any) -> int:
        ended.append(at)
        if at % 7 == 3:
            raise ValueError(at)
        return at

    @ms.workflow
    def body() -> Any:
        results: list[Any] = []
        for at in range(100):
            results.append(sometimes(at, *(results[at - 10 : at - 9] if at >= 10 else ())))
        return results

    strategy = ms.OptimizedSequentialStrategy(stop_on_failure=False)
    with ms.SequentialExecutionEngine(strategy, workers=8) as engine:
        for _ in range(20):
            ended.clear()
            with pytest.raises(ms.RunFailedError) as caught:
                engine.run(body)
            assert caught.value.result is not None
            outcome = caught.value.result.nodes.outcome
            assert sorted(ended) == [at for at in range(100) if outcome[at] in ("finished", "failed")]
            failed = [at for at in range(100) if outcome[at] == "failed"]
            assert failed == [failure.index for failure in caught.value.failures]
            assert all(at % 7 == 3 for at in failed)
            skipped = {at for at in range(100) if outcome[at] == "skipped"}
            assert skipped == {at for at in range(10, 100) if outcome[at - 10] in ("failed", "skipped")}


def test_engine_may_be_closed_while_others_run_on_it() -> None:
    inside, release = threading.Event(), threading.Event()
    values: list[Any] = []

    @ms.workflow
    def body() -> Any:
        return [hold(), tiny()]

    hold = ms.step(lambda: (inside.set(), release.wait(TIMEOUT_S))[1], name="hold")  # type: ignore[func-returns-value]
    engine = ms.SequentialExecutionEngine("optimized", workers=2)
    running = threading.Thread(target=lambda: values.append(engine.run(body).value), daemon=True)
    running.start()
    assert inside.wait(TIMEOUT_S)
    closing = threading.Thread(target=engine.close, daemon=True)
    closing.start()
    release.set()
    closing.join(TIMEOUT_S)
    running.join(TIMEOUT_S)
    assert values == [[True, 0]]
    assert not closing.is_alive()
