"""Results live until their last consumer has finished; nothing else outlives its run."""

import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import makespan as ms
from engines import every_engine


class Thing:
    """Something that can be watched."""


@ms.step
def make(*before: Any) -> Thing:
    return Thing()


@ms.step
def use(*things: Any) -> int:
    return len(things)


def gone(refs: list["weakref.ref[Any]"]) -> bool:
    gc.collect()
    return all(ref() is None for ref in refs)


def wait_until(is_so: Callable[[], bool]) -> bool:
    """Wait for what another thread is about to do; false after a generous minute."""
    for _ in range(6000):
        if is_so():
            return True
        threading.Event().wait(0.01)
    return is_so()


@every_engine
def test_result_is_dropped_when_its_last_consumer_has_finished(engine: ms.SequentialExecutionEngine) -> None:
    refs: list[weakref.ref[Thing]] = []
    alive: list[bool] = []

    @ms.step
    def produce() -> Thing:
        thing = Thing()
        refs.append(weakref.ref(thing))
        return thing

    @ms.step
    def look(before: Any, *thing: Any) -> int:
        alive.append(refs[0]() is not None)
        return 0

    @ms.workflow
    def body() -> int:
        thing = produce()
        first = look(0, thing)
        second = look(first, [thing])
        return look(second)

    for _ in range(3):
        refs.clear()
        alive.clear()
        engine.run(body)
        assert alive == [True, True, False]


@every_engine
def test_result_that_nobody_takes_is_dropped_at_once(engine: ms.SequentialExecutionEngine) -> None:
    refs: list[weakref.ref[Thing]] = []
    alive: list[bool] = []

    @ms.step(writes="order")
    def produce() -> Thing:
        thing = Thing()
        refs.append(weakref.ref(thing))
        return thing

    look = ms.step(lambda: alive.append(refs[0]() is not None), writes="order")

    @ms.workflow
    def body() -> None:
        produce()
        look()

    engine.run(body)
    assert alive == [False]


@every_engine
def test_outputs_and_kept_results_live_as_long_as_the_result(engine: ms.SequentialExecutionEngine) -> None:
    kept = make.with_options(keep=True, name="kept")

    @ms.workflow
    def body() -> list[Any]:
        return [make(kept()), use(kept())]

    run = engine.run(body)
    refs = [weakref.ref(run.value[0]), *(weakref.ref(thing) for thing in run.kept().values())]
    assert all(ref() is not None for ref in refs)
    del run
    assert wait_until(lambda: gone(refs))


@every_engine
@pytest.mark.parametrize("way", ["traced", "prepared", "built"])
def test_arguments_and_results_go_with_the_run(engine: ms.SequentialExecutionEngine, way: str) -> None:
    thing = Thing()
    refs = [weakref.ref(thing)]

    def look(*things: Any) -> Any:
        refs.extend(weakref.ref(thing) for thing in things)
        return things[0]

    step = ms.step(look)

    if way == "built":
        built = ms.Workflow("built")
        x = built.parameter("x")
        built.output(built.add(step, built.add(make), x), built.add(step, built.add(make), x))
        run = engine.run(built, thing)
        del built, x
    else:
        workflow = ms.workflow()(lambda x: (step(make(), x), step(make(), x)))
        run = engine.prepare(workflow).run(thing) if way == "prepared" else engine.run(workflow, thing)
        del workflow
    assert len(refs) == 5
    del run, thing
    assert wait_until(lambda: gone(refs))


@every_engine
def test_built_workflow_goes_with_its_last_reference(engine: ms.SequentialExecutionEngine) -> None:
    thing = Thing()
    refs = [weakref.ref(thing)]
    built = ms.Workflow("built")
    first = built.add(use, thing)
    built.output(built.add(use, first, [thing]), built.each(use, [first, thing]))
    refs.append(weakref.ref(built))  # type: ignore[arg-type]
    engine.run(built)
    built.serial()
    del built, first, thing
    assert wait_until(lambda: gone(refs))


def test_builder_that_never_ran_goes_too() -> None:
    thing = Thing()
    refs = [weakref.ref(thing)]
    built = ms.Workflow("built")
    built.add(use, thing)
    del built, thing
    assert gone(refs)


@every_engine
def test_failed_run_keeps_nothing_but_what_its_exception_holds(engine: ms.SequentialExecutionEngine) -> None:
    refs: list[weakref.ref[Thing]] = []

    @ms.step
    def fail(thing: Thing) -> None:
        refs.append(weakref.ref(thing))
        raise ValueError(thing)

    @ms.workflow
    def body() -> Any:
        return fail(make())

    with pytest.raises(ms.RunFailedError) as caught:
        engine.run(body)
    assert refs[0]() is not None
    del caught
    assert wait_until(lambda: gone(refs))


def made_cycle(engine: ms.SequentialExecutionEngine, kept: str) -> list["weakref.ref[Any]"]:
    """Make a step whose closure holds what holds the step, and return what the cycle holds."""
    thing = Thing()
    refs = [weakref.ref(thing)]
    holder: list[Any] = [thing]

    @ms.step
    def look(fails: bool) -> int:
        if fails:
            raise ValueError
        return len(holder)

    @ms.workflow
    def body(fails: bool, extra: Any = holder) -> Any:
        return look(fails), [extra, look(False)]

    prepared = engine.prepare(body)
    with pytest.raises(ms.RunFailedError) as caught:
        engine.run(body, True)
    held = {
        "run": prepared.run(False),
        "prepared": prepared,
        "workflow": body,
        "step": look,
        "error": caught.value,
    }
    holder.append(held[kept])
    return refs


@every_engine
@pytest.mark.parametrize("kept", ["run", "prepared", "workflow", "step", "error"])
def test_cycles_through_a_workflow_are_collected(engine: ms.SequentialExecutionEngine, kept: str) -> None:
    refs = made_cycle(engine, kept)
    assert wait_until(lambda: gone(refs))


@every_engine
def test_garbage_collection_at_any_moment_does_no_harm(engine: ms.SequentialExecutionEngine) -> None:
    collect = ms.step(lambda *before: gc.collect() and None, name="collect")
    echo = ms.step(lambda x: x, name="echo")

    @ms.workflow
    def body(x: Any) -> Any:
        gc.collect()
        first = echo([x, echo(x)])
        collect(first)
        gc.collect()
        return echo({"a": first}), ms.each(echo, [x, first])

    for _ in range(3):
        prepared = [engine.prepare(body) for _ in range(2)]
        built = ms.Workflow("built")
        built.output(built.add(echo, [built.parameter("x")]))
        runs = [p.run(5) for p in prepared] + [engine.run(built, 5) for _ in range(2)]
        for held in (*prepared, built, runs):
            if hasattr(held, "__dict__"):
                held.cycle = held  # type: ignore[attr-defined]
        del prepared, built
        gc.collect()
        assert [run.value for run in runs] == [({"a": [5, 5]}, [5, [5, 5]])] * 2 + [[5]] * 2
        assert echo(3) == 3
        assert echo.name == "echo"


@every_engine
def test_results_are_dropped_outside_of_any_lock(engine: ms.SequentialExecutionEngine) -> None:
    """What runs when a result is dropped may run workflows on the same engine and look at the run."""
    seen: list[Any] = []
    quick = ms.Workflow.sequence([lambda: 5])

    class Talkative:
        def __del__(self) -> None:
            seen.append(engine.run(quick).value)
            seen.append(progress.snapshot()[2])

    @ms.step(duration=0.001)
    def produce() -> Talkative:
        return Talkative()

    @ms.workflow
    def body() -> list[int]:
        return [use(produce()) for _ in range(4)]

    with ms.Progress() as progress:
        for _ in range(3):
            assert engine.run(body).value == [1, 1, 1, 1]
    assert wait_until(lambda: len(seen) == 24)
    assert seen[::2] == [5] * 12


@every_engine
def test_memory_is_flat_over_ten_thousand_runs(engine: ms.SequentialExecutionEngine) -> None:
    alive = 0

    class Counted:
        def __init__(self) -> None:
            nonlocal alive
            alive += 1

        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    @ms.step
    def produce(x: Any, fails: bool) -> Counted:
        if fails:
            raise ValueError(x)
        return Counted()

    @ms.workflow
    def body(x: Any, fails: bool) -> Any:
        return [produce(x, False), produce([x, produce(x, fails)], False)]

    prepared = engine.prepare(body)

    def many(n: int) -> None:
        for at in range(n):
            argument = Counted()
            if at % 10:
                prepared.run(argument, False)
            else:
                with pytest.raises(ms.RunFailedError):
                    prepared.run(argument, fails=True)

    many(500)
    gc.collect()
    n_objects = len(gc.get_objects())
    many(10_000)
    gc.collect()
    assert wait_until(lambda: alive == 0)
    assert len(gc.get_objects()) < n_objects + 200
