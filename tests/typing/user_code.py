"""Typical user code: the types that a checker infers from it, and the mistakes that it finds.

mypy and pyright read all of it, and each comment that ignores an error is an expectation: both fail when there is
nothing to ignore. What is correct is run as well; the mistakes are only read.
"""

from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar, assert_type

import numpy as np
from numpy.typing import NDArray

import makespan as ms
from makespan.abc import RunOptions, WorkflowFacts
from makespan.scheduling import Explanation, SchedulerLog
from makespan.testing import Simulation, simulate

T = TypeVar("T")


@ms.step
def fetch(url: str, *, attempts: int = 1) -> bytes:
    return url.encode() * attempts


@ms.step(reads="dictionary", duration=0.001)
def words(raw: bytes) -> list[str]:
    return raw.decode().split()


@ms.step(outputs=2)
def shortest_and_longest(texts: list[str]) -> tuple[str, int]:
    return min(texts, key=len), max(map(len, texts))


@ms.step
def count(texts: list[str]) -> dict[str, int]:
    return {text: texts.count(text) for text in texts}


@ms.step
def total(numbers: list[int]) -> int:
    return sum(numbers)


@ms.step
def first(items: Sequence[T]) -> T:
    return items[0]


@ms.effect(keep=True)
def publish(n: int, title: str = "words") -> None: ...


def file_of(path: str) -> list[str]:
    return [path]


@ms.step(reads=file_of, writes=("log", "index"))
def both(path: str) -> tuple[str, int]:
    return path, len(path)


@ms.workflow
def index(urls: list[str], least: int = 0) -> int:
    pages = ms.each(fetch, urls)
    assert_type(pages, list[bytes])
    texts = [words(page) for page in map(fetch, urls)]
    assert_type(texts, list[list[str]])
    shortest, length = shortest_and_longest(texts[0])
    assert_type(shortest, str)
    assert_type(length, int)
    result = total([length, least])
    assert_type(result, int)
    publish(result)
    return result


@ms.workflow(name="nested")
def nested(url: str) -> tuple[int, str]:
    assert_type(index([url]), int)
    return index([url], least=1), ms.get(words(fetch(url, attempts=2)), 0)


class Careful:
    """A strategy of one's own, its name a plain attribute."""

    def __init__(self) -> None:
        self.name = "careful"

    def options(self, facts: WorkflowFacts, /) -> RunOptions:
        return RunOptions(executor="serial" if facts.n_nodes < 10 else "threads")


class Cautious(ms.SequentialStrategy):
    """A strategy that changes one of ours."""

    name = "cautious"


class Unfinished:
    """No strategy: it decides nothing."""

    name = "unfinished"


def correct() -> None:
    """Every way to run a workflow, and what it gives."""
    assert_type(fetch("plain call"), bytes)
    assert_type(fetch.with_options(name="again", duration=0.5)("plain call"), bytes)
    assert_type(fetch.function("plain function", attempts=1), bytes)
    assert_type(first([1.5]), float)
    assert_type(publish.name, str)

    assert_type(index(["a b"], least=2), int)
    assert_type(index.serial(["a b"]), int)
    run = index.run(["a b"], 2)
    assert_type(run, ms.RunResult[int])
    assert_type(run.value, int)
    assert_type(run.outcome_counts, dict[str, int])
    assert_type(run.critical_path(), ms.CriticalPath)
    assert_type(run.slowest(), list[tuple[str, float]])
    assert_type(nested.run("a").value, tuple[int, str])

    prepared = index.prepare(urls=["a b"])
    assert_type(prepared, ms.PreparedWorkflow[int])
    assert_type(prepared.run(3).value, int)
    assert_type(prepared.parameters, list[str])

    assert_type(ms.each(words, [b"a b"]), list[list[str]])
    assert_type(ms.get(both("x"), 0), str)
    assert_type(ms.get(both("x"), 1), int)
    assert_type(ms.get(words(b"a b"), 1), str)
    assert_type(ms.get(count(["a"]), "a"), int)


def correct_builder() -> None:
    """The builder keeps the types of what it is given."""
    wf = ms.Workflow("report")
    assert_type(wf.parameter("anything"), Any)
    attempts = wf.parameter("attempts", 1)
    assert_type(attempts, int)
    raw = wf.add(fetch, "a b", attempts=attempts)
    assert_type(raw, bytes)
    texts = wf.add(words, raw, after="fetch[0]")
    assert_type(texts, list[str])
    assert_type(wf.add(sorted, texts), list[str])
    assert_type(wf.add(first, texts), str)
    assert_type(wf.each(len, ["a", "b"]), list[int])
    wf.add(publish, 3, after=[raw, texts])
    wf.output(texts)
    assert_type(wf.run(None), ms.RunResult[Any])
    assert_type(wf.prepare(anything=1), ms.PreparedWorkflow[Any])
    assert_type(ms.Workflow.sequence([str.strip, len]), ms.Workflow)


def correct_engine() -> None:
    """The engine runs what is decorated, built or prepared."""
    ms.strategies.register("careful", Careful)
    ms.strategies.register("cautious", Cautious)
    with ms.SequentialExecutionEngine(strategy=ms.SequentialStrategy(), workers=2) as engine:
        assert_type(engine, ms.SequentialExecutionEngine)
        assert_type(engine.run(index, ["a b"], least=1), ms.RunResult[int])
        assert_type(engine.run(nested, "a").value, tuple[int, str])
        assert_type(engine.prepare(nested), ms.PreparedWorkflow[tuple[int, str]])
        assert_type(engine.run(engine.prepare(nested), "a"), ms.RunResult[tuple[int, str]])
        assert_type(engine.run(ms.Workflow.sequence([abs]), -1), ms.RunResult[Any])
    try:
        index.run([""])
    except ms.RunFailedError as error:
        assert_type(error.failures, tuple[ms.StepFailedError, ...])
        assert_type(error.failures[0].path, str)


def correct_arrays() -> None:
    """The scheduling without workflows: whole arrays in and out."""
    graph = ms.DependencyGraph.from_edges(3, [0, 1], np.array([1, 2]))
    assert_type(graph, ms.DependencyGraph)
    assert_type(graph.levels(), NDArray[np.int64])
    scheduler = ms.ExecutionScheduler(
        graph,
        priorities=[3.0, 2.0, 1.0],
        demands=[[1], [1], [1]],
        capacities=[2],
        on_failure="stop",
        retries=1,
        clock=lambda: 1.0,
        record=True,
    )
    nodes = scheduler.take(64)
    assert_type(nodes, NDArray[np.int64])
    assert_type(scheduler.fail(nodes, retry_after=0.5), NDArray[np.int64])
    assert_type(scheduler.next_time, float | None)
    assert_type(scheduler.reservation, tuple[int, float] | None)
    assert_type(scheduler.add(1, source=[0], target=[3]), NDArray[np.int64])
    scheduler.set_priority(nodes, 2)
    scheduler.delay(0, 1.5)
    assert_type(scheduler.cancel(2), NDArray[np.int64])
    assert_type(scheduler.counts(), dict[str, int])
    assert_type(scheduler.usage(), tuple[NDArray[np.int64], NDArray[np.int64]])
    assert_type(scheduler.explain(1), Explanation)
    assert_type(scheduler.state().priority, NDArray[np.float64])
    assert_type(scheduler.log, SchedulerLog)
    assert_type([entry.method for entry in scheduler.log], list[str])
    assert_type(scheduler.replay(SchedulerLog.from_json(scheduler.log.to_json())), ms.ExecutionScheduler)
    simulation = simulate(graph, [1.0, 2.0, 3.0], policy="longest", retries=1)
    assert_type(simulation, Simulation)
    assert_type(simulation.start, NDArray[np.float64])
    assert_type(simulation.makespan, float)
    assert_type(simulate(graph, np.ones(3), policy=[1.0, 2.0, 3.0]).is_complete, bool)


async def correct_in_a_loop() -> None:
    """The same inside an event loop."""
    assert_type(await index.arun(["a b"]), ms.RunResult[int])
    assert_type((await nested.prepare().arun("a")).value, tuple[int, str])
    assert_type(await ms.Workflow.sequence([abs]).arun(-1), ms.RunResult[Any])
    assert_type(await ms.default_engine().arun(index, ["a b"], least=1), ms.RunResult[int])
    pending: Awaitable[ms.RunResult[int]] = index.arun(["a b"])
    await pending


def mistakes() -> None:
    """What a checker finds before anything runs."""
    fetch(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    fetch()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    fetch("a", 2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    fetch("a", tries=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    words("a b")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    words(fetch("a"), fetch("b"))  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    fetch("a").split("b")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    words(*total([1]))  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues, reportUnknownArgumentType]
    fetch(url=words(b"a"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ms.each(words, ["a"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ms.get(both("x"), "first")  # type: ignore[misc]  # pyright: ignore[reportArgumentType, reportCallIssue]
    ms.step(name=3)(len)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    ms.step(retry=3)(len)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    ms.effect(reads="log")(len)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    fetch.with_options(durations=0.5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    ms.stepp(len)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]

    index("a b")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    index(["a b"], least="2")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    index.run(urls=["a b"], most=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    index.serial([1])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    index.run([]).valeu.bit_length()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    index([], nested("a"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ms.workflow(title="index")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]

    wf = ms.Workflow("report")
    wf.add(fetch, 3)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    wf.add(words)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    wf.add(words, wf.add(total, [1]))  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    wf.each(words, ["a"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    wf.parameter("attempts", 1).upper()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    ms.Workflow()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]

    engine = ms.SequentialExecutionEngine(strategy=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ms.strategies.register("unfinished", Unfinished)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    engine.run(index, "a b")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    engine.run(index)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    engine.run(fetch, "a")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    engine.prepare(fetch)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    engine.run(index, []).value.upper()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]

    graph = ms.DependencyGraph.from_edges(3, None, [1])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    scheduler = ms.ExecutionScheduler(graph, on_failure="panic")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ms.ExecutionScheduler(graph, [1.0])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    ms.ExecutionScheduler([(0, 1)])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ms.ExecutionScheduler(graph, clock=lambda: "noon")  # type: ignore[arg-type, return-value]  # pyright: ignore[reportArgumentType]
    scheduler.take("all")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    scheduler.take(1).append(2)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    scheduler.complete(None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    scheduler.fail([0], 1.0)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    scheduler.is_done = True  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    simulate(graph, [1.0], policy=len)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def mistakes_in_a_loop() -> None:
    """What a checker finds in coroutines."""
    index.arun([]).value.bit_length()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    await index.run([])  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    await index.arun(["a"], "b")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
