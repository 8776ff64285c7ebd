"""Prepared workflows: traced once, run with arguments, from several threads at once."""

import asyncio
import threading
from typing import Any

import pytest

import makespan as ms
from engines import every_engine


@ms.step
def scale(x: float, by: float = 2.0) -> float:
    return x * by


@ms.step
def echo(value: Any, *more: Any) -> Any:
    return value


n_traces = 0


@ms.workflow
def scaled(x: float, times: int, by: float = 3.0) -> float:
    global n_traces
    n_traces += 1
    for _ in range(times):
        x = scale(x, by)
    return x


@every_engine
def test_body_is_traced_once(engine: ms.SequentialExecutionEngine) -> None:
    before = n_traces
    prepared = engine.prepare(scaled, times=3)
    assert [prepared.run(x).value for x in (1.0, 2.0)] == [27.0, 54.0]
    assert n_traces == before + 1
    assert (prepared.name, prepared.n_nodes, prepared.parameters) == ("scaled", 3, ["x", "by"])
    assert repr(prepared) == "<prepared workflow scaled(x, by), 3 nodes>"


@every_engine
def test_arguments_are_taken_by_place_name_and_default(engine: ms.SequentialExecutionEngine) -> None:
    prepared = engine.prepare(scaled, times=1)
    assert prepared.run(2.0).value == 6.0
    assert prepared.run(2.0, 4.0).value == 8.0
    assert prepared.run(2.0, by=5.0).value == 10.0
    assert prepared.run(by=5.0, x=3.0).value == 15.0
    assert engine.run(prepared, 2.0, by=4.0).value == 8.0
    assert asyncio.run(prepared.arun(2.0)).value == 6.0
    assert asyncio.run(engine.arun(prepared, 2.0)).value == 6.0


@pytest.mark.parametrize(
    ("args", "kwargs", "reason"),
    [
        ((), {}, "missing a required argument: 'x'"),
        ((), {"by": 2.0}, "missing a required argument: 'x'"),
        ((1.0, 2.0, 3.0), {}, "takes 2 arguments, 3 were given"),
        ((1.0,), {"x": 2.0}, "multiple values for argument 'x'"),
        ((1.0,), {"times": 2}, "unexpected keyword argument 'times'"),
        ((1.0,), {"other": 2, "by": 3.0}, "unexpected keyword argument 'other'"),
    ],
)
@every_engine
def test_arguments_that_do_not_fit_are_refused_by_name(
    engine: ms.SequentialExecutionEngine, args: tuple[float, ...], kwargs: dict[str, Any], reason: str
) -> None:
    prepared = engine.prepare(scaled, times=1)
    with pytest.raises(ms.ArgumentMismatchError) as caught:
        prepared.run(*args, **kwargs)
    assert str(caught.value) == f"scaled: {reason}"
    assert prepared.run(1.0).value == 3.0


def test_every_parameter_may_have_its_value() -> None:
    prepared = scaled.prepare(x=1.0, times=2, by=2.0)
    assert prepared.parameters == []
    assert prepared.run().value == 4.0
    with pytest.raises(ms.ArgumentMismatchError, match="takes 0 arguments, 1 were given"):
        prepared.run(1.0)
    built = ms.Workflow("built")
    built.output(built.add(scale, built.parameter("x"), built.parameter("by", 3.0)))
    bound = built.prepare(x=2.0)
    assert (bound.parameters, bound.run().value, bound.run(5.0).value) == (["by"], 6.0, 10.0)
    assert built.prepare().run(1.0).value == 3.0


def test_unknown_parameter_is_refused_with_the_nearest() -> None:
    with pytest.raises(ms.ConfigurationError, match="did you mean 'times'") as caught:
        scaled.prepare(time=3)
    assert caught.value.key == "time"
    built = ms.Workflow("built")
    built.parameter("path")
    with pytest.raises(ms.ConfigurationError, match="did you mean 'path'"):
        built.prepare(paht=3)


def test_body_that_looks_at_a_parameter_says_which() -> None:
    with pytest.raises(ms.NotComputedYet, match=r"parameter 'times' of scaled .*prepare\(times=\.\.\.\)"):
        scaled.prepare()
    with pytest.raises(ms.NotComputedYet, match="'times'"):
        scaled.prepare(x=2.0)


def test_parameters_stay_what_they_are_declared() -> None:
    """Positional-only and keyword-only parameters are taken as the body takes them."""

    @ms.workflow
    def strict(a: int, /, b: int, *, c: int = 3) -> Any:
        return [echo(a), b, c]

    prepared = strict.prepare()
    assert prepared.parameters == ["a", "b", "c"]
    assert prepared.run(1, 2).value == [1, 2, 3]
    assert prepared.run(1, b=2, c=4).value == [1, 2, 4]
    with pytest.raises(ms.ArgumentMismatchError):
        prepared.run(1, 2, 3)
    with pytest.raises(ms.ArgumentMismatchError):
        prepared.run(a=1, b=2)


def test_variadic_parameters_cannot_be_left_open() -> None:
    @ms.workflow
    def variadic(*xs: int, **named: int) -> list[int]:
        return [echo(x) for x in xs]

    assert variadic(1, 2) == [1, 2]
    with pytest.raises((ms.ConfigurationError, ms.NotComputedYet, ms.WorkflowError)):
        variadic.prepare()


@every_engine
def test_parameters_are_found_in_containers_and_outputs(engine: ms.SequentialExecutionEngine) -> None:
    @ms.workflow
    def body(x: int, y: Any = (1, 2)) -> Any:
        return {"x": [x, echo([x, {"y": y}])], "each": ms.each(echo, [x, y])}

    prepared = engine.prepare(body)
    assert prepared.run(5).value == body.serial(5) == {"x": [5, [5, {"y": (1, 2)}]], "each": [5, (1, 2)]}
    assert prepared.run(6, None).value == body.serial(6, None)


@every_engine
def test_default_objects_are_those_of_the_body(engine: ms.SequentialExecutionEngine) -> None:
    marker = object()

    @ms.workflow
    def body(x: Any = marker) -> Any:
        return echo(x)

    assert engine.prepare(body).run().value is marker


@pytest.mark.usefixtures("nervous_interpreter")
@every_engine
def test_one_prepared_workflow_runs_from_many_threads_at_once(engine: ms.SequentialExecutionEngine) -> None:
    pause = threading.Event()
    slow = ms.step(lambda x, *more: (pause.wait(0.0001), x)[1], name="slow")

    @ms.workflow
    def body(x: int) -> Any:
        first = [slow(x), echo(x)]
        return [echo(x, *first), first, ms.each(echo, first)]

    prepared = engine.prepare(body)
    wrong: list[Any] = []

    def many(base: int) -> None:
        for at in range(40):
            x = base + at
            run = prepared.run(x)
            if run.value != [x, [x, x], [x, x]] or run.nodes.outcome != ["finished"] * 5:
                wrong.append(run)

    threads = [threading.Thread(target=many, args=(1000 * at,)) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@every_engine
def test_prepared_workflow_may_run_inside_its_own_step(engine: ms.SequentialExecutionEngine) -> None:
    @ms.step
    def countdown(n: int) -> int:
        return 0 if n == 0 else 1 + prepared.run(n - 1).value

    @ms.workflow
    def body(n: int) -> int:
        return countdown(n)

    prepared = engine.prepare(body)
    assert prepared.run(20).value == 20


@every_engine
def test_later_changes_of_a_builder_do_not_reach_what_was_prepared(engine: ms.SequentialExecutionEngine) -> None:
    built = ms.Workflow("built")
    built.output(built.add(echo, built.parameter("x")))
    prepared = engine.prepare(built)
    built.output(built.add(echo, 5))
    assert prepared.run(1).value == 1
    assert engine.prepare(built).run(1).value == (1, 5)


def test_prepared_belongs_to_its_engine() -> None:
    with ms.SequentialExecutionEngine("sequential", 1) as one, ms.SequentialExecutionEngine(workers=2) as other:
        prepared = one.prepare(scaled, times=1)
        assert other.run(prepared, 1.0).strategy == "sequential"


def test_preparing_what_is_prepared_is_refused() -> None:
    with pytest.raises(ms.ConfigurationError):
        ms.default_engine().prepare(scaled.prepare(times=1))  # type: ignore[call-overload]
