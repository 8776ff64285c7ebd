"""Runs that are fused into one node: when, and that nothing else is different."""

import contextvars
from typing import Any

import pytest

import makespan as ms
from makespan import _core

SLOW_NS = 10**12
"""So long a run is said to have taken that all of it but the steps is what the nodes cost."""


@ms.step
def double(x: int) -> int:
    return 2 * x


@ms.workflow
def doubles(numbers: list[int]) -> list[int]:
    return [double(x) for x in numbers]


def is_fused(engine: ms.SequentialExecutionEngine, workflow: Any, *args: Any, elapsed_ns: int = SLOW_NS) -> bool:
    """Whether a workflow is fused after three runs that took so long."""
    record = engine.run(workflow, *args)._record
    # What the runs until now took is forgotten.
    history = engine._histories[workflow] = _core.History()
    for _ in range(3):
        history.observe_nodes(record, elapsed_ns)
    return history.is_fused()


def test_a_fused_run_says_so_and_has_one_node() -> None:
    with ms.SequentialExecutionEngine() as engine:
        assert is_fused(engine, doubles, [1, 2])
        first, second = (engine.run(doubles, list(range(3_000))) for _ in range(2))
    assert first.value == second.value == doubles.serial(list(range(3_000)))
    assert [(run.n_nodes, run.outcome_counts["finished"], run.strategy) for run in (first, second)] == [
        (1, 1, "auto")
    ] * 2
    assert first.reasons[0].startswith("fused into one node: a step took")
    assert second.reasons[0].startswith("fused into one node: a step took")


@pytest.mark.parametrize(
    "strategy", ["sequential", "optimized", "batch", "smart", ms.AutoStrategy(stop_on_failure=False)]
)
def test_only_auto_fuses_and_only_where_a_failure_ends_the_run(strategy: Any) -> None:
    with ms.SequentialExecutionEngine(strategy) as engine:
        assert {engine.run(doubles, list(range(3_000))).n_nodes for _ in range(5)} == {3_000}


@pytest.mark.parametrize(
    "promises",
    [
        {"needs": {"net": 1}},
        {"keep": True},
        {"pure": True, "cache": ms.Caching(version="1")},
        {"batch": lambda xs: [2 * x for x in xs]},
    ],
    ids=["needs", "keep", "cache", "batch"],
)
def test_promises_that_a_plain_call_does_not_keep_are_not_fused(promises: dict[str, Any]) -> None:
    bound = ms.step(lambda x: 2 * x, name="bound", **promises)

    @ms.workflow
    def body() -> list[int]:
        return [bound(x) for x in range(3)]

    with ms.SequentialExecutionEngine(resources={"net": 1}) as engine:
        assert not is_fused(engine, body)


@pytest.mark.parametrize("arguments", [(1, 1), (1, 2)], ids=["merged", "pruned"])
def test_what_passes_leave_out_is_not_fused(arguments: tuple[int, int]) -> None:
    pure = ms.step(lambda x: 2 * x, name="pure", pure=True)

    @ms.workflow
    def body() -> Any:
        first, _ = (pure(x) for x in arguments)
        return first

    with ms.SequentialExecutionEngine() as engine:
        assert not is_fused(engine, body)


def test_short_runs_keep_their_nodes() -> None:
    with ms.SequentialExecutionEngine() as engine:
        assert not is_fused(engine, doubles, [1, 2], elapsed_ns=150_000)
        assert is_fused(engine, doubles, [1, 2])


def test_nodes_that_are_watched_are_not_fused() -> None:
    with ms.SequentialExecutionEngine() as engine:
        assert is_fused(engine, doubles, [1, 2])
        with _core.Progress():
            assert engine.run(doubles, [1, 2]).n_nodes == 2


def test_longer_steps_are_nodes_again() -> None:
    sums = ms.step(lambda n: sum(range(n)), name="sums")

    @ms.workflow
    def body(n: int) -> list[int]:
        return [sums(n) for _ in range(4)]

    with ms.SequentialExecutionEngine() as engine:
        assert is_fused(engine, body, 1)
        assert engine.run(body, 1).n_nodes == 1
        # One run may have been disturbed; two were not.
        assert [engine.run(body, 3_000_000).n_nodes for _ in range(3)] == [1, 1, 4]


def test_a_failure_names_the_node_it_would_have_been() -> None:
    pair = ms.step(lambda x: (x, x), name="pair", outputs=2)
    inverse = ms.step(lambda x: 1 / double(x), name="inverse")
    sum_of = ms.step(sum, name="sum_of")

    @ms.workflow
    def inner(x: int) -> float:
        return inverse(x)

    @ms.workflow
    def body(numbers: list[int]) -> list[float]:
        return [inner(sum_of(pair(x))) for x in numbers]

    with ms.SequentialExecutionEngine() as engine:
        with pytest.raises(ms.RunFailedError) as by_nodes:
            engine.run(body, [1, 2, 0, 4])
        assert is_fused(engine, body, [1, 2, 3, 4])
        with pytest.raises(ms.RunFailedError) as fused:
            engine.run(body, [1, 2, 0, 4])
    assert str(fused.value) == str(by_nodes.value)
    assert [str(failure) for failure in fused.value.failures] == [str(failure) for failure in by_nodes.value.failures]
    assert fused.value.failures[0].path == "body/inner[2]/inverse[0]"
    assert fused.value.failures[0].index == by_nodes.value.failures[0].index
    assert fused.value.result is not None
    assert fused.value.result.outcome_counts["failed"] == 1


def test_a_failure_is_named_without_another_look_at_the_body() -> None:
    log: list[int] = []
    note = ms.step(lambda x: log.append(x), name="note", writes="log")
    inverse = ms.step(lambda x: 1 / x, name="inverse")
    thrice = ms.step(lambda x: [note(y) for y in (x, x, x)], name="thrice")

    @ms.workflow
    def noted(x: int) -> None:
        thrice(x)

    @ms.workflow
    def body(numbers: list[int]) -> Any:
        number = numbers.pop()
        with ms.SequentialExecutionEngine("sequential") as inner:
            inner.run(noted, number)
        return inverse(number)

    with ms.SequentialExecutionEngine() as engine:
        assert is_fused(engine, body, [1])
        log.clear()
        with pytest.raises(ms.RunFailedError) as fused:
            engine.run(body, [0])
    assert [(failure.path, failure.index) for failure in fused.value.failures] == [("body/inverse[0]", 0)]
    assert log == [0, 0, 0]


def test_what_is_granted_or_cached_is_so_in_fused_runs_too() -> None:
    manager = ms.ResourceManager({"net": 1})
    seen: list[float] = []

    def look(x: int) -> int:
        seen.append(manager.usage()["net"].used)
        if x < 0:
            message = "negative"
            raise ValueError(message)
        return x

    fetch = ms.step(look, name="fetch", needs={"net": 1})
    cached = ms.step(look, name="cached", pure=True, cache=ms.Caching(version="1"))

    @ms.workflow
    def inner(x: int) -> list[int]:
        return [fetch(x), cached(7), cached(7)]

    @ms.workflow
    def body(x: int) -> Any:
        return [double(x), inner(x)] if x else double(x)

    with ms.SequentialExecutionEngine(resources=manager) as engine:
        assert is_fused(engine, body, 0)
        run = engine.run(body, 3)
        assert (run.value, run.n_nodes) == ([6, [3, 7, 7]], 1)
        assert seen == [1, 0]
        assert engine.run(body, 3).n_nodes == 4
    with ms.SequentialExecutionEngine(resources=manager) as engine:
        assert is_fused(engine, body, 0)
        with pytest.raises(ms.RunFailedError) as caught:
            engine.run(body, -1)
    assert [str(failure) for failure in caught.value.failures] == [
        "body/inner[0]/fetch[0] failed: ValueError: negative"
    ]


def test_a_body_that_returns_a_failure_has_it_as_its_value() -> None:
    failure = ms.Failed("said, not raised")

    @ms.workflow
    def body(x: int) -> Any:
        double(x)
        return failure if x else None

    with ms.SequentialExecutionEngine() as engine:
        assert engine.run(body, 1).value is body.serial(1) is failure
        assert is_fused(engine, body, 0)
        assert engine.run(body, 1).value is failure


def test_what_the_body_itself_raises_is_raised() -> None:
    @ms.workflow
    def body(numbers: list[int]) -> list[int]:
        if not numbers:
            message = "no numbers"
            raise LookupError(message)
        return [double(x) for x in numbers]

    with ms.SequentialExecutionEngine() as engine:
        assert is_fused(engine, body, [1, 2])
        with pytest.raises(LookupError, match="no numbers"):
            engine.run(body, [])


def test_a_body_may_go_on_after_a_failure_as_plain_code_does() -> None:
    inverse = ms.step(lambda x: 1 / x, name="inverse")

    @ms.workflow
    def body(numbers: list[int]) -> list[float]:
        try:
            return [inverse(x) for x in numbers]
        except ZeroDivisionError:
            message = "zero"
            raise ValueError(message) from None

    with ms.SequentialExecutionEngine() as engine:
        assert is_fused(engine, body, [1, 2])
        with pytest.raises(ValueError, match="zero"):
            engine.run(body, [1, 0])


def test_arguments_that_a_step_does_not_take_are_refused_as_before() -> None:
    @ms.workflow
    def body(numbers: list[tuple[int, ...]]) -> list[int]:
        return [double(*x) for x in numbers]

    with ms.SequentialExecutionEngine() as engine:
        assert is_fused(engine, body, [(1,), (2,)])
        with pytest.raises(ms.ArgumentMismatchError, match="double"):
            engine.run(body, [(1,), (2, 3)])


def test_context_variables_do_not_leak_and_interrupts_end_the_run() -> None:
    variable = contextvars.ContextVar("variable", default="outside")

    @ms.step
    def look(x: int) -> str:
        if x < 0:
            raise KeyboardInterrupt
        before = variable.get()
        variable.set("inside")
        return before

    @ms.workflow
    def body(numbers: list[int]) -> list[str]:
        return [look(x) for x in numbers]

    with ms.SequentialExecutionEngine() as engine:
        assert is_fused(engine, body, [1, 2])
        assert engine.run(body, [1, 2]).value == ["outside", "inside"]
        assert variable.get() == "outside"
        with pytest.raises(KeyboardInterrupt):
            engine.run(body, [1, -1])


def test_a_closed_engine_fuses_nothing() -> None:
    with ms.SequentialExecutionEngine() as engine:
        assert is_fused(engine, doubles, [1, 2])
    with pytest.raises(ms.ClosedEngineError):
        engine.run(doubles, [1, 2])


def test_fused_runs_teach_nothing_about_steps() -> None:
    with ms.SequentialExecutionEngine() as engine:
        assert is_fused(engine, doubles, [1, 2])
        known = engine.predictor.export()
        engine.run(doubles, [1, 2])
        assert engine.predictor.export() == known
