"""What describing a workflow costs per node, and a run that was not prepared."""

from collections.abc import Callable
from typing import Any

import pytest

import makespan as ms
from benches.baselines import generic_loop_of_inputs, loop_of
from benches.compare import Comparison
from benches.shapes import SHAPES, same, shape
from benches.workflows import built, traced

N_INDEXED = 1_000
N_WORKERS = 4


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("form", ["traced", "add-step", "add-callable"])
def bench_describe(compare: Comparison, form: str, name: str) -> None:
    graph = shape(name)
    with ms.SequentialExecutionEngine("sequential") as engine:
        describe: Callable[[], ms.PreparedWorkflow[Any]]
        if form == "traced":
            workflow = traced(graph)

            def describe() -> ms.PreparedWorkflow[Any]:
                return engine.prepare(workflow)
        else:
            build = built(graph, of_steps=form == "add-step")

            def describe() -> ms.PreparedWorkflow[Any]:
                return engine.prepare(build())

        compare(
            f"describe-{form}-{name}",
            describe,
            loop_of(graph),
            n=graph.n_steps,
            per="node",
            source=graph.source,
            check=lambda prepared, results: bool(prepared.run().value == graph.answer(results)),
        )


@pytest.mark.parametrize("strategy", ["sequential", "optimized"])
@pytest.mark.parametrize("age", ["first", "again"])
def bench_once(compare: Comparison, strategy: str, age: str) -> None:
    xs = list(range(N_INDEXED))
    made: list[tuple[ms.SequentialExecutionEngine, ms.WorkflowFunction[[list[int]], list[int]]]] = []

    def make() -> None:
        close_all()
        step = ms.step(same)

        @ms.workflow
        def index(xs: list[int]) -> list[int]:
            return [step(x) for x in xs]

        made.append((ms.SequentialExecutionEngine(strategy, workers=N_WORKERS), index))

    def close_all() -> None:
        while made:
            made.pop()[0].close()

    def run() -> list[int]:
        engine, index = made[0]
        return engine.run(index, xs).value

    functions = [same] * N_INDEXED
    # The arguments are the first nodes.
    parents = [*([] for _ in xs), *([node] for node in range(N_INDEXED))]
    make()
    compare(
        f"once-{age}-{strategy}",
        run,
        ("generic loop", lambda: generic_loop_of_inputs(functions, parents, xs)[N_INDEXED:]),
        n=1,
        per="run",
        source=f"{N_INDEXED:,} steps",
        check=lambda value, expected: bool(value == expected == xs),
        before=make if age == "first" else None,
        rounds=101,
    )
    close_all()
