"""What a run's time was made of: bounds, and changes simulated on recorded durations."""

import json
import time

import pytest

import makespan as ms
from makespan.run_analysis import RunAnalysis, RunChange


@pytest.fixture
def run() -> ms.RunResult[None]:
    """Two loads of the same thing, and notes that are ordered among themselves: 10 ms each, or a little more."""

    @ms.step
    def load(name: str) -> str:
        time.sleep(0.01)
        return name

    @ms.step(writes="log")
    def note(text: str) -> None:
        time.sleep(0.01)

    @ms.workflow
    def demo() -> None:
        for _ in range(2):
            note(load("a"))

    with ms.SequentialExecutionEngine(workers=1) as engine:
        return engine.run(demo)


def test_bounds_and_simulation_of_one_worker(run: ms.RunResult[None]) -> None:
    found = run.analyze()
    assert found.work_s <= run.makespan_s * (1 + 1e-9)
    assert found.bound_s == found.work_s >= found.critical_path_s == run.critical_path().length_s
    assert found.simulated_s == pytest.approx(found.work_s)


def test_changes_are_simulated_on_what_was_recorded(run: ms.RunResult[None]) -> None:
    load, note, load_again, note_again = run.nodes.duration_s.tolist()
    gains = {change.change: change.gain_s for change in run.analyze().changes}
    on_two = max(load + note, load_again) + note_again
    assert gains == {
        "twice the workers": pytest.approx(run.analyze().work_s - on_two),
        "pure=True on load": pytest.approx(load_again),
    }


def test_effects_that_order_are_named() -> None:
    @ms.effect
    def legacy() -> None:
        time.sleep(0.01)

    workflow = ms.Workflow("demo")
    for _ in range(4):
        workflow.add(legacy)
    with ms.SequentialExecutionEngine(workers=2) as engine:
        run = engine.run(workflow)
    found = run.analyze()
    best = found.changes[0]
    assert best.change == "no order by the effects of legacy"
    # Independent steps on two workers: the bound of any list schedule (Graham 1969).
    longest_s = float(run.nodes.duration_s.max())
    assert found.work_s / 2 <= best.makespan_s <= found.work_s / 2 + longest_s / 2 + 1e-9


def test_nodes_that_did_not_run_take_no_time() -> None:
    square = ms.step(lambda x: x * x, name="square", pure=True)
    workflow = ms.Workflow("demo")
    left, right = workflow.add(square, 3), workflow.add(square, 3)
    workflow.add(square, right)
    workflow.output([left, right])
    found = workflow.run().analyze()
    assert found.outcome_counts == {
        "finished": 1,
        "failed": 0,
        "skipped": 0,
        "cancelled": 0,
        "pruned": 1,
        "merged": 1,
        "cached": 0,
        "combined": 0,
    }
    assert found.work_s == found.critical_path_s == found.simulated_s


def test_empty_runs_are_zeros() -> None:
    found = ms.Workflow("empty").run().analyze()
    times = (found.makespan_s, found.work_s, found.critical_path_s, found.bound_s, found.simulated_s)
    assert (times, found.changes) == ((0.0,) * 5, ())
    assert found.report().startswith("empty: 0 nodes finished in ")


def test_a_chain_gains_nothing_from_workers() -> None:
    found = ms.Workflow.sequence([ms.step(lambda x: x, name="a"), ms.step(lambda x: x, name="b")]).run(1).analyze()
    assert "twice the workers" not in [change.change for change in found.changes]


def test_report_and_data(run: ms.RunResult[None]) -> None:
    found = run.analyze()
    assert run.explain() == found.report()
    assert f"with {found.changes[0]}" in found.report()
    assert json.loads(json.dumps(found.to_dict()))["changes"][0]["gain_s"] == found.changes[0].gain_s


def test_waiting_beyond_the_durations_is_told() -> None:
    found = RunAnalysis(
        workflow="demo",
        strategy="optimized",
        reasons=(),
        workers=2,
        outcome_counts={"finished": 2},
        elapsed_s=3.0,
        makespan_s=3.0,
        work_s=2.0,
        critical_path_s=1.0,
        bound_s=1.0,
        simulated_s=1.0,
        changes=(),
    )
    assert "these durations alone would take 1 s" in found.report()
    assert RunChange("nothing", 0.0, 0.0).share == 0.0
