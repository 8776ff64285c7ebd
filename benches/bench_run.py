"""Prepared runs of tiny steps: one worker and four, beside the generic loop and straight-line code."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import makespan as ms
from benches.baselines import generic_loop_of_inputs, loop_of, straight_line
from benches.compare import Comparison
from benches.shapes import SHAPES, Mixed, Shape, same, shape
from benches.workflows import check_wiring, traced

N_WORKERS = 4
N_WARM_UP_RUNS = 3
N_SMALL_RUNS = 1_000
N_SMALL_STEPS = 10


@pytest.fixture
def sequential() -> Iterator[ms.SequentialExecutionEngine]:
    with ms.SequentialExecutionEngine("sequential") as engine:
        yield engine


@pytest.fixture
def optimized() -> Iterator[ms.SequentialExecutionEngine]:
    with ms.SequentialExecutionEngine("optimized", workers=N_WORKERS) as engine:
        yield engine


def compare_runs(
    compare: Comparison, figure: str, graph: Shape | Mixed, run: Callable[[], Any], **options: Any
) -> None:
    compare(
        figure,
        run,
        loop_of(graph),
        n=graph.n_steps,
        per="step",
        source=graph.source,
        check=lambda value, results: bool(value == graph.answer(results)),
        **options,
    )


@pytest.mark.parametrize("name", SHAPES)
def bench_serial(compare: Comparison, sequential: ms.SequentialExecutionEngine, name: str) -> None:
    graph = shape(name)
    if isinstance(graph, Shape):
        check_wiring(sequential, graph)
    prepared = sequential.prepare(traced(graph))
    assert prepared.run().outcome_counts["finished"] == graph.n_steps
    compare_runs(compare, f"serial-{name}", graph, lambda: prepared.run().value, straight_line=straight_line(graph))


@pytest.mark.parametrize("name", SHAPES)
def bench_threads_warm(compare: Comparison, optimized: ms.SequentialExecutionEngine, name: str) -> None:
    graph = shape(name)
    if isinstance(graph, Shape):
        check_wiring(optimized, graph)
    prepared = optimized.prepare(traced(graph))
    for _ in range(N_WARM_UP_RUNS):
        assert prepared.run().outcome_counts["finished"] == graph.n_steps
    compare_runs(compare, f"threads-warm-{name}", graph, lambda: prepared.run().value)


@pytest.mark.parametrize("name", SHAPES)
def bench_threads_cold(compare: Comparison, name: str) -> None:
    graph = shape(name)
    workflow = traced(graph)
    engines: list[ms.SequentialExecutionEngine] = []
    prepared: list[ms.PreparedWorkflow[Any]] = []

    def forget() -> None:
        close_all()
        engines.append(ms.SequentialExecutionEngine("optimized", workers=N_WORKERS))
        prepared[:] = [engines[0].prepare(workflow)]

    def close_all() -> None:
        prepared.clear()
        while engines:
            engines.pop().close()

    compare_runs(compare, f"threads-cold-{name}", graph, lambda: prepared[0].run().value, before=forget)
    close_all()


@pytest.mark.parametrize("strategy", ["sequential", "optimized"])
def bench_small_workflow(compare: Comparison, request: pytest.FixtureRequest, strategy: str) -> None:
    engine: ms.SequentialExecutionEngine = request.getfixturevalue(strategy)
    step = ms.step(same)
    increment = ms.step(lambda x: x + 1, name="increment")

    def ten(x: Any, of: Any) -> Any:
        for _ in range(N_SMALL_STEPS):
            x = of(x)
        return x

    counting = engine.prepare(ms.workflow(lambda x: ten(x, increment)))
    assert [counting.run(x).value for x in range(100)] == [x + N_SMALL_STEPS for x in range(100)]
    prepared = engine.prepare(ms.workflow(lambda x: ten(x, step)))
    functions = [same] * N_SMALL_STEPS
    # Node 0 is the argument.
    parents = [[], *([node] for node in range(N_SMALL_STEPS))]

    def run_ours() -> Any:
        run = prepared.run
        for x in range(N_SMALL_RUNS - 1):
            run(x)
        return run(N_SMALL_RUNS - 1).value

    def run_loop() -> Any:
        for x in range(N_SMALL_RUNS - 1):
            generic_loop_of_inputs(functions, parents, (x,))
        return generic_loop_of_inputs(functions, parents, (N_SMALL_RUNS - 1,))[-1]

    def by_hand(a: Any) -> Any:
        b = same(a)
        c = same(b)
        d = same(c)
        e = same(d)
        f = same(e)
        g = same(f)
        h = same(g)
        i = same(h)
        j = same(i)
        return same(j)

    def run_by_hand() -> Any:
        for x in range(N_SMALL_RUNS - 1):
            by_hand(x)
        return by_hand(N_SMALL_RUNS - 1)

    compare(
        f"small-{strategy}",
        run_ours,
        ("generic loop", run_loop),
        n=N_SMALL_RUNS,
        per="run",
        source=f"{N_SMALL_STEPS} steps, {N_SMALL_RUNS:,} runs a round",
        check=lambda value, expected: bool(value == expected),
        straight_line=run_by_hand,
    )
