"""Failures: one exception group in program order, with the cause, the path and the user's traceback."""

import re
import threading
import traceback
from dataclasses import dataclass
from typing import Any

import pytest

import makespan as ms
from engines import CONFIGURATIONS, every_engine, strategy_of
from makespan.result import OUTCOMES


class TroubleError(Exception):
    """An exception of the user's."""


def raise_trouble(at: int) -> None:
    message = f"trouble at {at}"
    raise TroubleError(message)  # this very line is in the traceback


@ms.step
def fail(at: int, *before: Any) -> Any:
    raise_trouble(at)


@ms.step
def echo(value: Any, *before: Any) -> Any:
    return value


@ms.step
def decline(value: Any) -> Any:
    raise ms.Failed(value)


@ms.step
def return_failed(value: Any) -> Any:
    return ms.Failed(value)


@ms.workflow
def single() -> Any:
    return [echo(0), fail(1), echo(2)]


def failure_of(engine: ms.SequentialExecutionEngine, workflow: Any, *args: Any) -> ms.RunFailedError:
    with pytest.raises(ms.RunFailedError) as caught:
        engine.run(workflow, *args)
    return caught.value


@every_engine
def test_failure_is_a_group_with_cause_path_index_and_attempts(engine: ms.SequentialExecutionEngine) -> None:
    error = failure_of(engine, single)
    assert isinstance(error, ExceptionGroup)
    assert isinstance(error, ms.ExecutionException)
    (failure,) = error.failures
    assert error.exceptions == error.failures
    assert (failure.path, failure.index, failure.attempts) == ("single/fail[0]", 1, 1)
    assert type(failure.__cause__) is TroubleError
    assert str(failure) == "single/fail[0] failed: TroubleError: trouble at 1"
    assert "1 step failed" in str(error)


@every_engine
def test_except_star_finds_failures(engine: ms.SequentialExecutionEngine) -> None:
    seen: list[ExceptionGroup[ms.StepFailedError]] = []
    try:
        engine.run(single)
    except* ms.StepFailedError as group:
        seen.append(group)
    assert [type(group) for group in seen] == [ms.RunFailedError]
    assert [str(error.__cause__) for error in seen[0].exceptions] == ["trouble at 1"]


@every_engine
def test_traceback_of_the_cause_is_the_users_with_its_source(engine: ms.SequentialExecutionEngine) -> None:
    cause = failure_of(engine, single).failures[0].__cause__
    assert cause is not None
    frames = traceback.extract_tb(cause.__traceback__)
    assert [frame.name for frame in frames] == ["fail", "raise_trouble"]
    assert frames[-1].filename == __file__
    assert frames[-1].line == "raise TroubleError(message)  # this very line is in the traceback"
    text = "".join(traceback.format_exception(failure_of(engine, single)))
    assert "this very line is in the traceback" in text
    assert "The above exception was the direct cause" in text


@every_engine
def test_cause_keeps_its_own_cause_context_and_notes(engine: ms.SequentialExecutionEngine) -> None:
    @ms.step
    def wrap() -> None:
        try:
            raise_trouble(1)
        except TroubleError as error:
            wrapped = ValueError("outer")
            wrapped.add_note("seen at noon")
            raise wrapped from error

    @ms.workflow
    def body() -> Any:
        return wrap()

    cause = failure_of(engine, body).failures[0].__cause__
    assert isinstance(cause, ValueError)
    assert isinstance(cause.__cause__, TroubleError)
    assert cause.__notes__ == ["seen at noon"]


@every_engine
def test_index_zero_stays_zero(engine: ms.SequentialExecutionEngine) -> None:
    @ms.workflow
    def body() -> Any:
        return fail(0)

    (failure,) = failure_of(engine, body).failures
    assert (failure.index, failure.path) == (0, "body/fail[0]")


@every_engine
def test_returned_and_raised_failures_are_the_same(engine: ms.SequentialExecutionEngine) -> None:
    shown = []
    for step in (decline, return_failed):
        wf = ms.Workflow("demo")
        wf.output(wf.add(echo, wf.add(step.with_options(name="declined"), {"reason": 3})))
        error = failure_of(engine, wf)
        (failure,) = error.failures
        assert isinstance(failure.__cause__, ms.Failed)
        assert failure.__cause__.value == {"reason": 3}
        assert error.result is not None
        shown.append((str(error), str(failure), failure.index, error.result.nodes.outcome))
    assert shown[0] == shown[1]


@every_engine
def test_failed_of_the_users_own_kind_is_a_failure_however_declared(engine: ms.SequentialExecutionEngine) -> None:
    class Late(ms.Failed):
        """A declared failure of one's own."""

    for step in (ms.step(lambda: Late(3)), ms.step(lambda: (_ for _ in ()).throw(Late(3)))):
        wf = ms.Workflow("demo")
        wf.add(step)
        assert isinstance(failure_of(engine, wf).failures[0].__cause__, Late)


def test_serial_fails_where_a_failure_is_returned() -> None:
    """Otherwise `serial()` would succeed where a run fails."""

    @ms.workflow
    def body() -> Any:
        return echo(return_failed(3))

    with pytest.raises(ms.Failed):
        body.serial()
    built = ms.Workflow("demo")
    built.add(return_failed, 3)
    with pytest.raises(ms.Failed):
        built.serial()


@every_engine
def test_failed_inside_a_container_is_a_value(engine: ms.SequentialExecutionEngine) -> None:
    wf = ms.Workflow("demo")
    wf.add(ms.step(lambda: [ms.Failed(3)]))
    assert engine.run(wf).value[0].value == 3


@pytest.mark.parametrize(("name", "workers"), CONFIGURATIONS)
def test_without_stopping_whatever_does_not_depend_on_the_failure_runs(name: str, workers: int) -> None:
    @ms.workflow
    def body() -> Any:
        first = fail(0)
        second = echo(1)
        third = echo(2, first)
        fourth = echo(3, second)
        fifth = fail(4)
        return [first, second, third, fourth, fifth, echo(5, third, fifth), echo(6)]

    with ms.SequentialExecutionEngine(strategy_of(name, stop_on_failure=False), workers) as engine:
        error = failure_of(engine, body)
    assert [(failure.index, str(failure.__cause__)) for failure in error.failures] == [
        (0, "trouble at 0"),
        (4, "trouble at 4"),
    ]
    assert error.result is not None
    assert error.result.nodes.outcome == [
        "failed", "finished", "skipped", "finished", "failed", "skipped", "finished",
    ]  # fmt: skip
    assert error.result.value is None


@pytest.mark.parametrize(("name", "workers"), CONFIGURATIONS)
def test_stopping_starts_nothing_more(name: str, workers: int) -> None:
    started: list[int] = []
    begin = ms.step(started.append, writes="log")

    @ms.workflow
    def body() -> None:
        begin(0)
        begin(1)
        fail.with_options(writes="log")(2)
        for at in range(3, 50):
            begin(at)

    with ms.SequentialExecutionEngine(strategy_of(name), workers) as engine:
        error = failure_of(engine, body)
    assert started == [0, 1]
    assert error.result is not None
    assert error.result.outcome_counts == {**dict.fromkeys(OUTCOMES, 0), "finished": 2, "failed": 1, "cancelled": 47}


def test_several_failures_at_a_time_stand_in_program_order() -> None:
    """All four are inside their step when the first of them fails."""
    inside = threading.Barrier(4, timeout=60)
    turn = [threading.Event() for _ in range(4)]

    @ms.step
    def fail_in_turn(at: int) -> None:
        inside.wait()
        if at < 3:
            assert turn[at + 1].wait(60)
        turn[at].set()
        raise_trouble(at)

    @ms.workflow
    def body() -> Any:
        return [fail_in_turn(at) for at in range(4)]

    with ms.SequentialExecutionEngine("optimized", workers=4) as engine:
        error = failure_of(engine, body)
    assert [failure.index for failure in error.failures] == [0, 1, 2, 3]
    assert [str(failure.__cause__) for failure in error.failures] == [f"trouble at {at}" for at in range(4)]
    assert "4 steps failed" in str(error)


@dataclass
class Sealed:
    """Cannot be copied."""

    value: Any

    def __copy__(self) -> "Sealed":
        raise_trouble(5)
        return self


@every_engine
def test_failing_to_make_an_argument_is_the_failure_of_its_step(engine: ms.SequentialExecutionEngine) -> None:
    @ms.workflow
    def sealed() -> Any:
        return echo(Sealed(echo(1)))

    @ms.workflow
    def missing() -> Any:
        return ms.get(echo({}), "missing")

    (failure,) = failure_of(engine, sealed).failures
    assert (failure.path, type(failure.__cause__)) == ("sealed/echo[1]", TroubleError)
    (failure,) = failure_of(engine, missing).failures
    assert (failure.path, type(failure.__cause__)) == ("missing/get[0]", KeyError)


class Shy:
    """Raises wherever it can."""

    def __repr__(self) -> str:
        raise TroubleError

    def __str__(self) -> str:
        raise TroubleError

    def __eq__(self, other: object) -> bool:
        raise TroubleError

    def __hash__(self) -> int:
        raise TroubleError

    def __bool__(self) -> bool:
        raise TroubleError


class ShyError(Exception):
    def __str__(self) -> str:
        raise TroubleError

    __repr__ = __str__


@every_engine
def test_objects_that_raise_everywhere_pass_through(engine: ms.SequentialExecutionEngine) -> None:
    shy = Shy()

    @ms.workflow
    def body(x: Any) -> Any:
        return [echo(x, echo(x)), (x,)]

    first, (second,) = engine.run(body, shy).value
    assert first is second is shy
    assert engine.prepare(body).run(shy).value[0] is shy


@every_engine
def test_exception_whose_text_raises_is_shown_anyway(engine: ms.SequentialExecutionEngine) -> None:
    @ms.step
    def fail_shyly() -> None:
        raise ShyError

    wf = ms.Workflow("demo")
    wf.add(fail_shyly)
    (failure,) = failure_of(engine, wf).failures
    assert re.search("ShyError.*raises TroubleError", str(failure))
    failure.to_dict()
    wf = ms.Workflow("demo")
    wf.add(decline, Shy())
    assert "raises TroubleError" in str(failure_of(engine, wf).failures[0])


@pytest.mark.parametrize("kind", [StopIteration, StopAsyncIteration, RecursionError, MemoryError, AssertionError])
@every_engine
def test_exceptions_with_a_meaning_of_their_own_are_failures_like_others(
    engine: ms.SequentialExecutionEngine, kind: type[Exception]
) -> None:
    @ms.step
    def raise_kind() -> None:
        raise kind("text")

    @ms.workflow
    def body() -> Any:
        return [raise_kind()]

    assert type(failure_of(engine, body).failures[0].__cause__) is kind


class Ending(BaseException):
    """Ends a program."""


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit, Ending])
@every_engine
def test_what_ends_a_program_travels_as_it_is(engine: ms.SequentialExecutionEngine, kind: type[BaseException]) -> None:
    started: list[int] = []

    @ms.step(writes="log")
    def end() -> None:
        raise kind("now")

    @ms.step(writes="log")
    def later() -> None:
        started.append(1)

    @ms.workflow
    def body() -> None:
        end()
        later()

    with pytest.raises(kind, match="now") as caught:
        engine.run(body)
    assert not isinstance(caught.value, ms.ExecutionException)
    assert [frame.name for frame in caught.traceback][-1] == "end"
    assert started == []
    assert engine.run(ms.Workflow.sequence([lambda: 5])).value == 5


@pytest.mark.parametrize("kind", [TroubleError, SystemExit, KeyboardInterrupt])
def test_failure_in_a_helper_thread_reaches_the_caller(kind: type[BaseException]) -> None:
    caller = threading.current_thread()
    both = threading.Barrier(2, timeout=60)
    helper_raised = threading.Event()

    @ms.step
    def meet() -> None:
        both.wait()
        if threading.current_thread() is not caller:
            helper_raised.set()
            raise kind("from the helper")
        assert helper_raised.wait(60)

    @ms.workflow
    def body() -> Any:
        return [meet(), meet()]

    with ms.SequentialExecutionEngine("optimized", workers=2) as engine:
        expected: type[BaseException] = ms.RunFailedError if kind is TroubleError else kind
        with pytest.raises(expected) as caught:
            engine.run(body)
        told = caught.value
        if isinstance(told, ms.RunFailedError):
            assert str(told.failures[0].__cause__) == "from the helper"
            assert told.failures[0].__cause__.__traceback__ is not None  # type: ignore[union-attr]
        # The engine goes on, with all its workers.
        both.reset()
        helper_raised.clear()
        again = threading.Barrier(2, timeout=60)
        wait = ms.step(again.wait)
        wf = ms.Workflow("again")
        wf.output([wf.add(wait), wf.add(wait)])
        assert sorted(engine.run(wf).value) == [0, 1]


@every_engine
def test_failed_run_inside_a_step_is_a_failure_of_that_step(engine: ms.SequentialExecutionEngine) -> None:
    @ms.step
    def inner_run() -> Any:
        return engine.run(single).value

    wf = ms.Workflow("outer")
    wf.add(inner_run)
    (failure,) = failure_of(engine, wf).failures
    assert isinstance(failure.__cause__, ms.RunFailedError)
    assert failure.__cause__.failures[0].path == "single/fail[0]"


@every_engine
def test_engine_runs_on_after_failures(engine: ms.SequentialExecutionEngine) -> None:
    prepared = engine.prepare(single)
    for _ in range(50):
        with pytest.raises(ms.RunFailedError):
            prepared.run()
    wf = ms.Workflow("fine")
    wf.add(echo, 1)
    assert engine.run(wf).value == 1


@every_engine
def test_errors_have_a_json_form_with_the_cause(engine: ms.SequentialExecutionEngine) -> None:
    (failure,) = failure_of(engine, single).failures
    assert failure.to_dict() == {
        "code": "step_failed",
        "type": "StepFailedError",
        "message": "single/fail[0] failed: TroubleError: trouble at 1",
        "retryable": False,
        "cause": {"type": "TroubleError", "message": "trouble at 1"},
    }
