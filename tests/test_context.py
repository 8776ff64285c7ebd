"""Context variables: every worker sees a copy of the caller's, and writes do not travel."""

import asyncio
import contextvars
import decimal
import threading
from typing import Any

import makespan as ms
from engines import every_engine

request: contextvars.ContextVar[str] = contextvars.ContextVar("request", default="none")


@ms.step
def read(*before: Any) -> str:
    return request.get()


@ms.step
def write(value: str) -> str:
    request.set(value)
    return request.get()


@every_engine
def test_steps_see_the_callers_context(engine: ms.SequentialExecutionEngine) -> None:
    @ms.workflow
    def body() -> list[str]:
        return [read() for _ in range(5)]

    prepared = engine.prepare(body)
    for value in ("first", "second"):
        token = request.set(value)
        assert prepared.run().value == [value] * 5
        request.reset(token)
    assert prepared.run().value == ["none"] * 5


@every_engine
def test_writes_of_steps_do_not_reach_the_caller(engine: ms.SequentialExecutionEngine) -> None:
    @ms.workflow
    def body() -> str:
        return write("inside")

    assert engine.run(body).value == "inside"
    assert request.get() == "none"


def test_helpers_see_a_copy_and_their_writes_stay_theirs() -> None:
    all_inside = threading.Barrier(3, timeout=60)

    @ms.step
    def meet(at: int) -> tuple[str, str]:
        before = request.get()
        all_inside.wait()
        request.set(f"written by {at}")
        all_inside.wait()
        return before, request.get()

    @ms.workflow
    def body() -> list[tuple[str, str]]:
        return [meet(at) for at in range(3)]

    token = request.set("outer")
    try:
        with ms.SequentialExecutionEngine("optimized", workers=3) as engine:
            for _ in range(2):
                run = engine.run(body)
                assert run.value == [("outer", f"written by {at}") for at in range(3)]
                assert sorted(run.nodes.worker.tolist())[0] == 0
                assert len(set(run.nodes.worker.tolist())) == 3
        assert request.get() == "outer"
    finally:
        request.reset(token)


@every_engine
def test_runs_of_different_contexts_do_not_mix(engine: ms.SequentialExecutionEngine) -> None:
    @ms.workflow
    def body() -> list[str]:
        return [read() for _ in range(20)]

    prepared = engine.prepare(body)
    wrong: list[Any] = []

    def many(value: str) -> None:
        request.set(value)
        wrong.extend(run for run in (prepared.run().value for _ in range(100)) if run != [value] * 20)

    threads = [threading.Thread(target=many, args=(f"thread {at}",)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@every_engine
def test_decimal_precision_is_the_callers(engine: ms.SequentialExecutionEngine) -> None:
    divide = ms.step(lambda: str(decimal.Decimal(1) / 3))

    @ms.workflow
    def body() -> str:
        return divide()

    with decimal.localcontext() as context:
        context.prec = 4
        assert engine.run(body).value == "0.3333"


def test_arun_sees_the_tasks_context() -> None:
    @ms.workflow
    def body() -> str:
        return read()

    async def task(value: str) -> str:
        request.set(value)
        return (await body.arun()).value

    async def main() -> list[str]:
        return await asyncio.gather(*(task(f"task {at}") for at in range(5)))

    assert asyncio.run(main()) == [f"task {at}" for at in range(5)]


@every_engine
def test_context_is_left_after_a_failure(engine: ms.SequentialExecutionEngine) -> None:
    @ms.step
    def fail() -> None:
        request.set("failing")
        raise ValueError

    @ms.workflow
    def body() -> None:
        fail()

    for _ in range(3):
        try:
            engine.run(body)
        except ms.RunFailedError:
            assert request.get() == "none"
