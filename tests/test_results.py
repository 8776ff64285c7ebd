"""What a run leaves behind: columns, critical path, explanations, plain data."""

import itertools
import json
import threading
from typing import Any

import numpy as np
import pytest

import makespan as ms
from engines import every_engine
from makespan.result import OUTCOMES
from makespan.testing import reference

# Parents of each node.
SHAPE = [[], [], [0], [0, 1], [2, 3], [], [4, 5], [3], [6, 7], [1]]


@ms.step
def gather(at: int, *before: int) -> int:
    return at + sum(before)


@ms.workflow
def shaped() -> list[int]:
    results: list[int] = []
    for at, parents in enumerate(SHAPE):
        results.append(gather(at, *[results[parent] for parent in parents]))
    return results


EDGES = [(parent, at) for at, parents in enumerate(SHAPE) for parent in parents]


@every_engine
def test_columns_say_when_and_where_each_node_ran(engine: ms.SequentialExecutionEngine) -> None:
    for _ in range(3):
        run = engine.run(shaped)
        nodes = run.nodes
        assert nodes.path == run.paths == [f"shaped/gather[{at}]" for at in range(len(SHAPE))]
        assert len(nodes) == run.n_nodes == len(SHAPE)
        assert nodes.outcome == ["finished"] * len(SHAPE)
        assert run.outcome_counts == {**dict.fromkeys(OUTCOMES, 0), "finished": len(SHAPE)}
        kinds = [str(column.dtype) for column in (nodes.start_s, nodes.finish_s, nodes.worker, nodes.outcome_code)]
        assert kinds == ["float64", "float64", "int16", "uint8"]
        assert (nodes.start_s >= 0).all()
        assert (nodes.start_s <= nodes.finish_s).all()
        assert nodes.finish_s.max() <= run.elapsed_s + 1e-9
        assert ((nodes.worker >= 0) & (nodes.worker < engine.workers)).all()
        assert (nodes.duration_s == nodes.finish_s - nodes.start_s).all()
        for before, after in EDGES:
            assert nodes.finish_s[before] <= nodes.start_s[after]


@pytest.mark.usefixtures("nervous_interpreter")
@every_engine
def test_no_worker_is_at_two_places_and_no_node_before_its_parents(engine: ms.SequentialExecutionEngine) -> None:
    pause = threading.Event()

    @ms.step
    def doze(at: int, *before: None) -> None:
        pause.wait(0.0002 if at % 5 == 0 else 0)

    @ms.workflow
    def body(n: int) -> None:
        results: list[None] = []
        for at in range(n):
            results.append(doze(at, *[results[parent] for parent in {at // 2, at // 3} if parent < at]))

    for _ in range(3):
        run = engine.run(body, 60)
        nodes = run.nodes
        for worker in set(nodes.worker.tolist()):
            mine = np.flatnonzero(nodes.worker == worker)
            mine = mine[np.argsort(nodes.start_s[mine])]
            assert (nodes.finish_s[mine][:-1] <= nodes.start_s[mine][1:]).all()
        edges = [(parent, at) for at in range(60) for parent in {at // 2, at // 3} if parent < at]
        assert all(nodes.finish_s[before] <= nodes.start_s[after] for before, after in edges)
        assert run.critical_path().length_s <= run.makespan_s + 1e-9
        assert 0 < run.mean_concurrency <= engine.workers + 1e-9


@every_engine
def test_critical_path_is_the_longest_by_measured_durations(engine: ms.SequentialExecutionEngine) -> None:
    run = engine.run(shaped)
    durations_ns = [round(float(seconds) * 1e9) for seconds in run.nodes.duration_s]
    expected = reference.critical_path(len(SHAPE), EDGES, durations_ns)
    found = run.critical_path()
    # The clock counts in ticks, the columns in nanoseconds: each duration may be rounded by one.
    assert found.length_s * 1e9 == pytest.approx(expected.length, abs=2 * len(SHAPE))
    places = [run.paths.index(path) for path in found.paths]
    assert sum(durations_ns[place] for place in places) == pytest.approx(expected.length, abs=2 * len(SHAPE))
    assert all((before, after) in EDGES for before, after in itertools.pairwise(places))


@every_engine
def test_summary_figures_agree_with_columns(engine: ms.SequentialExecutionEngine) -> None:
    run = engine.run(shaped)
    nodes = run.nodes
    makespan_s = float(nodes.finish_s.max() - nodes.start_s.min())
    assert run.makespan_s == pytest.approx(makespan_s, abs=1e-8)
    assert run.mean_concurrency == pytest.approx(float(nodes.duration_s.sum()) / makespan_s, rel=0.1)
    assert run.makespan_s <= run.elapsed_s + 1e-9
    (path, seconds), *others = run.slowest(4)
    assert len(others) == 3
    assert seconds == pytest.approx(float(nodes.duration_s.max()), abs=1e-8)
    assert path in run.paths
    assert [seconds for _, seconds in run.slowest(100)] == sorted((s for _, s in run.slowest(100)), reverse=True)
    assert len(run.slowest(100)) == len(SHAPE)
    assert run.slowest(0) == []


def test_result_says_what_ran_and_how() -> None:
    with ms.SequentialExecutionEngine("sequential", 3) as engine:
        run = engine.run(shaped)
    assert (run.workflow, run.strategy, run.workers) == ("shaped", "sequential", 3)
    assert repr(run).startswith("<run of shaped: 10 of 10 nodes finished, ")


@every_engine
def test_plain_data_is_json_and_complete(engine: ms.SequentialExecutionEngine) -> None:
    run = engine.run(shaped)
    data = json.loads(json.dumps(run.to_dict(), allow_nan=False))
    assert data["n_nodes"] == len(data["nodes"]) == len(SHAPE)
    assert data["outcomes"]["finished"] == len(SHAPE)
    assert [node["path"] for node in data["nodes"]] == run.paths
    assert data["critical_path"]["paths"] == list(run.critical_path().paths)
    for key in ("workflow", "elapsed_s", "makespan_s", "mean_concurrency"):
        assert data[key] == getattr(run, key)


@ms.step
def fail(*before: Any) -> None:
    raise ValueError


@ms.workflow
def failing() -> list[Any]:
    first = gather(1)
    second = fail(first)
    return [gather(2, second), gather(3)]  # type: ignore[arg-type]


@every_engine
def test_result_of_a_failed_run_is_complete_too(engine: ms.SequentialExecutionEngine) -> None:
    with pytest.raises(ms.RunFailedError) as caught:
        engine.run(failing)
    run = caught.value.result
    assert run is not None
    assert run.value is None
    nodes = run.nodes
    assert nodes.outcome[:2] == ["finished", "failed"]
    ran = nodes.worker >= 0
    assert [bool(flag) for flag in ran[:3]] == [True, True, False]
    assert np.isnan(nodes.start_s[~ran]).all()
    assert np.isnan(nodes.finish_s[~ran]).all()
    assert not np.isnan(nodes.duration_s[ran]).any()
    data = json.loads(json.dumps(run.to_dict(), allow_nan=False))
    assert data["nodes"][2] == {
        "path": "failing/gather[1]",
        "outcome": nodes.outcome[2],
        "start_s": None,
        "finish_s": None,
        "worker": None,
        "batch": None,
    }
    assert "1 failed" in repr(run)
    for path in run.paths:
        assert run.explain(path)
    assert run.kept() == {}
    assert run.critical_path().length_s >= 0
    run.slowest()


def test_explain_tells_reasons_times_and_followers() -> None:
    wf = ms.Workflow("demo")
    write = ms.step(abs, writes="log", name="write")
    first = wf.add(write, -1)
    second = wf.add(write, first)
    wf.add(write, 3, after=[second])
    for at in range(7):
        wf.add(gather, at, second)
    run = wf.run()
    assert "waited for nothing" in run.explain("write[0]")
    assert "came after demo/write[0] (data, effect)" in run.explain("write[1]")
    assert "came after demo/write[1] (effect, after)" in run.explain("write[2]")
    assert run.explain("demo/write[1]") == run.explain("write[1]")
    assert "waited for by demo/write[2], demo/gather[0]" in run.explain("write[1]")
    assert "and 3 more" in run.explain("write[1]")
    assert "nothing waited for it" in run.explain("gather[0]")
    on_path = run.critical_path().paths
    for path in run.paths:
        assert ("is on the critical path" in run.explain(path)) == (path in on_path)


@pytest.mark.parametrize("path", ["", "write", "write[1]", "other/write[0]", "demo", "demo/"])
def test_explain_of_an_unknown_node_is_refused_by_name(path: str) -> None:
    wf = ms.Workflow("demo")
    wf.add(ms.step(abs, name="write"), 1)
    with pytest.raises(ms.UnknownNodeError) as caught:
        wf.run().explain(path)
    assert caught.value.path == path


@every_engine
def test_kept_results_stay_by_path(engine: ms.SequentialExecutionEngine) -> None:
    kept = gather.with_options(keep=True, name="kept")

    @ms.workflow
    def body() -> int:
        for at in range(3):
            kept(at)
        return gather(1, kept(5))

    run = engine.run(body)
    assert run.kept() == {"body/kept[0]": 0, "body/kept[1]": 1, "body/kept[2]": 2, "body/kept[3]": 5}
    assert run.value == 6


@every_engine
def test_several_outputs_may_be_kept(engine: ms.SequentialExecutionEngine) -> None:
    @ms.step(outputs=2, keep=True)
    def pair() -> tuple[int, int]:
        return 1, 2

    @ms.workflow
    def body() -> int:
        first, _ = pair()
        return first

    assert engine.run(body).kept() == {"body/pair[0]": (1, 2)}


def test_paths_count_calls_of_each_name() -> None:
    other = gather.with_options(name="other")

    @ms.workflow
    def body() -> list[int]:
        return [gather(1), other(2), gather(3), gather.with_options(keep=True)(4)]

    assert body.run().paths == ["body/gather[0]", "body/other[0]", "body/gather[1]", "body/gather[2]"]


def test_columns_of_a_result_do_not_change_with_later_runs() -> None:
    prepared = shaped.prepare()
    first = prepared.run()
    for _ in range(20):
        prepared.run()
    assert first.nodes.finish_s.max() <= first.elapsed_s + 1e-9
    assert first.nodes is first.nodes


@every_engine
def test_progress_counts_up_to_the_end(engine: ms.SequentialExecutionEngine) -> None:
    seen: list[tuple[int, int, int]] = []
    with ms.Progress() as progress:
        look = ms.step(lambda *before: seen.append(progress.snapshot()), name="look", writes="log")

        @ms.workflow
        def body() -> None:
            for _ in range(5):
                look()

        run = engine.run(body)
    assert run.value is None
    assert [n_finished for n_finished, _, _ in seen] == [0, 1, 2, 3, 4]
    assert {n_nodes for _, _, n_nodes in seen} == {5}
    assert progress.snapshot() == (5, 0, 5)
    assert "5/5 finished" in repr(progress)
    engine.run(shaped)
    assert progress.snapshot() == (5, 0, 5)
