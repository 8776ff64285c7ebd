"""What the runs of an engine did, summed up: the same sums as over the results of its runs."""

import gc
import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

import makespan as ms
from benches.suite.cases import NAMES, NEEDS_PACKAGES, cached_case
from engines import all_engines, every_engine


@ms.step(pure=True, cache=True)
def half(x: int) -> float:
    return x / 2


@ms.step(batch=lambda xs: [-x for x in xs])
def negated(x: float) -> float:
    return -x


@ms.step(pure=True)
def reciprocal(x: int) -> float:
    return 1 / x


@ms.workflow
def body(xs: list[int]) -> list[float]:
    half(99)
    return [negated(half(x)) for x in xs] + [reciprocal(x) for x in xs]


def outcome_of(run: Callable[[], ms.RunResult[Any]]) -> ms.RunResult[Any]:
    try:
        return run()
    except ms.RunFailedError as error:
        return cast("ms.RunResult[Any]", error.result)


def check_sums(engine: ms.SequentialExecutionEngine, results: list[ms.RunResult[Any]], n_failed: int) -> None:
    found = engine.statistics()
    counts = [result.outcome_counts for result in results]
    batched = [result.nodes.batch[result.nodes.batch >= 0] for result in results]
    assert (found.n_runs, found.n_failed) == (len(results), n_failed)
    assert found.n_nodes == sum(result.n_nodes for result in results)
    assert found.n_calls == sum(result.n_calls for result in results)
    for name in ("pruned", "merged", "combined", "cached"):
        assert getattr(found, f"n_{name}") == sum(of_run[name] for of_run in counts), name
    assert found.n_left_out == found.n_pruned + found.n_merged + found.n_combined + found.n_cached
    assert found.n_batched == sum(of_run.size for of_run in batched)
    assert found.n_batches == sum(len(set(of_run.tolist())) for of_run in batched)
    # Results round to nanoseconds, run by run and node by node.
    elapsed_s = sum(result.elapsed_s for result in results)
    assert found.elapsed_s == pytest.approx(elapsed_s, abs=1e-9 * (1 + len(results)))
    work_s = sum(result.mean_concurrency * result.makespan_s for result in results)
    assert found.work_s == pytest.approx(work_s, abs=1e-9 * (1 + found.n_nodes) * 2)


@given(st.lists(st.lists(st.integers(0, 4), max_size=6), max_size=4), st.booleans())
def test_sums_are_those_of_the_results(inputs: list[list[int]], stop: bool) -> None:
    with all_engines(stop_on_failure=stop) as engines:
        for engine in engines:
            results = [outcome_of(partial(engine.run, body, xs)) for xs in inputs]
            check_sums(engine, results, sum(0 in xs for xs in inputs))


@every_engine
@pytest.mark.parametrize("name", [name for name in NAMES if name not in NEEDS_PACKAGES])
def test_sums_over_the_suite(engine: ms.SequentialExecutionEngine, name: str, tmp_path: Path) -> None:
    workflow = cached_case(name)
    with workflow.data(tmp_path, True) as arguments:
        results = [engine.run(workflow.workflow, *arguments) for _ in range(2)]
    check_sums(engine, results, 0)


def test_prepared_workflows_and_those_that_are_gone_count() -> None:
    with ms.SequentialExecutionEngine(workers=1) as engine:
        prepared = engine.prepare(ms.Workflow.sequence([abs, str]))
        for x in range(3):
            prepared.run(x)
        del prepared
        gc.collect()
        engine.run(ms.Workflow.sequence([abs]), 1)
        gc.collect()
        assert engine.statistics()[:4] == (4, 0, 7, 7)
        with ms.SequentialExecutionEngine(workers=1) as other:
            assert other.statistics() == ms.EngineStatistics()


def test_workflows_that_came_and_went_still_count() -> None:
    with ms.SequentialExecutionEngine(workers=1) as engine:
        kept = [engine.prepare(ms.Workflow.sequence([abs])) for _ in range(3)]
        for at in range(500):
            engine.run(ms.Workflow.sequence([abs, str]), at)
            kept[at % 3].run(at)
            assert engine.statistics()[:3] == (2 * (at + 1), 0, 3 * (at + 1))


def test_a_run_that_cannot_begin_does_not_count() -> None:
    greedy = ms.step(lambda: None, name="greedy", needs={"license": 2})
    workflow = ms.Workflow("demo")
    workflow.add(greedy)
    with ms.SequentialExecutionEngine(resources={"license": 1}) as engine:
        with pytest.raises(ms.UnsatisfiableError):
            engine.run(workflow)
        assert engine.statistics().n_runs == 0


def test_statistics_never_raise() -> None:
    engine = ms.SequentialExecutionEngine(workers=2)
    assert repr(engine.statistics()) == "<0 runs: 0 nodes, 0 calls, 0 ns of work in 0 ns>"
    assert engine.statistics().mean_concurrency == 0
    during: list[ms.EngineStatistics] = []
    engine.run(ms.Workflow.sequence([lambda _: during.append(engine.statistics())]), 1)
    assert during[0].n_runs == 0
    engine.close()
    with pytest.raises(ms.ClosedEngineError):
        engine.run(ms.Workflow.sequence([abs]), 1)
    assert engine.statistics().n_runs == 1


def test_repr_tells_what_there_is_to_tell() -> None:
    found = ms.EngineStatistics(2, 1, 10, 3, 1, 1, 1, 3, 1, 2, 0.5, 0.25)
    assert repr(found) == "<2 runs (1 failed): 10 nodes, 3 calls, 6 left out, 2 in 1 batches, 500 ms of work in 250 ms>"
    assert found.mean_concurrency == 2


def test_runs_of_many_threads_all_count() -> None:
    with ms.SequentialExecutionEngine(workers=2) as engine:
        prepared = engine.prepare(ms.Workflow.sequence([abs, str, len]))
        seen: list[int] = []

        def runs() -> None:
            for x in range(200):
                prepared.run(x)
                seen.append(engine.statistics().n_runs)

        threads = [threading.Thread(target=runs) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert engine.statistics()[:4] == (800, 0, 2400, 2400)
        assert max(seen) <= 800


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_child_goes_on_counting() -> None:
    with ms.SequentialExecutionEngine(workers=1) as engine:
        workflow = ms.Workflow.sequence([abs])
        engine.run(workflow, 1)
        child = os.fork()
        if not child:
            engine.run(workflow, 2)
            os._exit(engine.statistics().n_runs)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
        assert engine.statistics().n_runs == 1
