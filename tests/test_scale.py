"""Large graphs: deep, wide, and with many arguments. Nothing recurses and nothing is quadratic."""

from typing import Any

import numpy as np
import pytest

import makespan as ms
from engines import every_engine


@ms.step
def increment(x: int) -> int:
    return x + 1


@ms.step
def count(*values: Any, **named: Any) -> int:
    return len(values) + len(named)


@ms.workflow
def chain(n: int) -> int:
    value = 0
    for _ in range(n):
        value = increment(value)
    return value


@every_engine
@pytest.mark.parametrize("n_nodes", [100_000, 1_000_000])
def test_deep_chain_runs(engine: ms.SequentialExecutionEngine, n_nodes: int) -> None:
    run = engine.run(chain, n_nodes)
    assert run.value == n_nodes
    assert run.outcome_counts["finished"] == n_nodes
    assert len(run.critical_path().paths) == n_nodes
    assert (np.diff(run.nodes.finish_s) >= 0).all()


@every_engine
def test_deep_chain_runs_again_with_known_durations(engine: ms.SequentialExecutionEngine) -> None:
    prepared = engine.prepare(chain, n=50_000)
    assert [prepared.run().value for _ in range(3)] == [50_000] * 3


@every_engine
def test_deep_chain_whose_first_node_fails_is_skipped(engine: ms.SequentialExecutionEngine) -> None:
    @ms.workflow
    def body(n: int) -> Any:
        value = increment("text")  # type: ignore[arg-type]
        for _ in range(n):
            value = increment(value)
        return value

    with pytest.raises(ms.RunFailedError) as caught:
        engine.run(body, 100_000)
    assert caught.value.result is not None
    assert caught.value.result.outcome_counts["failed"] == 1


@every_engine
def test_deep_chain_of_effects_runs_in_order(engine: ms.SequentialExecutionEngine) -> None:
    seen: list[int] = []
    note = ms.effect(seen.append)

    @ms.workflow
    def body(n: int) -> None:
        for at in range(n):
            note(at)

    engine.run(body, 50_000)
    assert seen == list(range(50_000))


@every_engine
@pytest.mark.parametrize("n_nodes", [100_000, 1_000_000])
def test_wide_workflow_runs(engine: ms.SequentialExecutionEngine, n_nodes: int) -> None:
    @ms.workflow
    def body(n: int) -> list[int]:
        return [increment(x) for x in range(n)]

    run = engine.run(body, n_nodes)
    assert run.value == list(range(1, n_nodes + 1))
    assert len(run.critical_path().paths) == 1


@every_engine
def test_hundred_thousand_arguments(engine: ms.SequentialExecutionEngine) -> None:
    @ms.workflow
    def body(n: int) -> Any:
        handles = [increment(x) for x in range(n)]
        return count(*handles), count(handles), count(*handles, [handles[0]], key=handles[1])

    assert engine.run(body, 100_000).value == (100_000, 1, 100_002)


@every_engine
def test_three_hundred_keyword_arguments(engine: ms.SequentialExecutionEngine) -> None:
    named = ms.step(lambda **values: list(values.items()))

    @ms.workflow
    def body() -> Any:
        values = {f"k{at}": increment(at) for at in range(300)}
        return named(**values), named(**values, nested=[values["k0"]])

    flat, nested = engine.run(body).value
    expected = [(f"k{at}", at + 1) for at in range(300)]
    assert flat == expected
    assert nested == [*expected, ("nested", [1])]


@every_engine
def test_one_result_taken_by_a_hundred_thousand(engine: ms.SequentialExecutionEngine) -> None:
    @ms.workflow
    def body(n: int) -> Any:
        one = increment(0)
        return count(*[increment(one) for _ in range(n)])

    assert engine.run(body, 100_000).value == 100_000


def test_results_nested_a_million_deep_are_dropped_without_harm() -> None:
    wrap = ms.step(lambda x: [x])

    @ms.workflow
    def body(n: int) -> Any:
        value: Any = None
        for _ in range(n):
            value = wrap(value)
        return value

    run = body.run(200_000)
    assert type(run.value) is list
    del run


def test_each_over_a_hundred_thousand() -> None:
    @ms.workflow
    def body(n: int) -> Any:
        return count(ms.each(increment, range(n))), ms.each(increment, range(n))

    n_groups, values = body(100_000)
    assert n_groups == 1
    assert values == list(range(1, 100_001))


def test_million_node_graph_answers() -> None:
    n_nodes = 1_000_000
    rng = np.random.default_rng(1)
    target = np.arange(1, n_nodes).repeat(3)
    source = (target * rng.random(target.size)).astype(np.int64)
    graph = ms.DependencyGraph.from_edges(n_nodes, source, target)
    assert (graph.topological_order() == np.arange(n_nodes)).all()
    levels = graph.levels()
    assert (levels[source] < levels[target]).all()
    assert graph.critical_path(np.ones(n_nodes)).length == levels.max() + 1


def test_million_node_chain_backwards_answers() -> None:
    n_nodes = 1_000_000
    graph = ms.DependencyGraph.from_edges(n_nodes, np.arange(1, n_nodes), np.arange(n_nodes - 1))
    assert (graph.topological_order() == np.arange(n_nodes)[::-1]).all()
    assert graph.critical_path(np.ones(n_nodes)).length == n_nodes


def test_million_node_cycle_is_named() -> None:
    n_nodes = 1_000_000
    with pytest.raises(ms.CycleError) as caught:
        ms.DependencyGraph.from_edges(n_nodes, np.arange(n_nodes), np.roll(np.arange(n_nodes), -1))
    assert len(caught.value.cycle) == n_nodes + 1
    assert len(str(caught.value)) < 10_000
