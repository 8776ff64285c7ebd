"""What a run would do, told beforehand: `plan` of workflows and engines."""

import json

import pytest

import makespan as ms


def demo() -> ms.Workflow:
    load = ms.step(lambda x: x, name="load", duration=1.0, pure=True)
    store = ms.step(lambda x: x, name="store", duration=2.0, writes="db")
    workflow = ms.Workflow("demo")
    for i in range(3):
        workflow.add(store, workflow.add(load, i % 2))
    workflow.add(load, 9)
    workflow.output(workflow.add(load, 8))
    return workflow


def test_a_plan_tells_what_runs_when() -> None:
    with ms.SequentialExecutionEngine(workers=2) as engine:
        planned = engine.plan(demo())
    assert planned.rewriting.n_nodes == 8
    assert planned.rewriting.pruned == ["demo/load[3]"]
    assert planned.rewriting.merged == {"demo/load[2]": "demo/load[0]"}
    # One load, then three stores in program order.
    assert (planned.expected_makespan_s, planned.schedule and planned.schedule.lower_bound) == (7.0, 7.0)
    assert repr(planned) == "<plan of demo: 6 of 8 nodes run, 7 s expected, no order is shorter>"
    data = json.loads(json.dumps(planned.to_dict()))
    starts = {node["path"]: node["start_s"] for node in data["nodes"]}
    assert [starts[f"demo/store[{i}]"] for i in range(3)] == [1.0, 3.0, 5.0]
    assert data["strategy"] == "auto"
    assert "store[2]" in planned.to_gantt(80)


def test_what_steps_need_is_planned_for() -> None:
    query = ms.step(lambda x: x, name="query", duration=1.0, needs={"db": 2})
    workflow = ms.Workflow("demo")
    for i in range(4):
        workflow.add(query, i)
    with ms.SequentialExecutionEngine(workers=8, resources={"db": 5}) as engine:
        planned = engine.plan(workflow)
        assert planned.expected_makespan_s == 2.0
        assert planned.resource_names == ("workers", "db")
    with ms.SequentialExecutionEngine(workers=8, resources={"db": 1}) as engine, pytest.raises(ms.UnsatisfiableError):
        engine.plan(workflow)


def test_a_built_workflow_takes_values_by_name() -> None:
    workflow = ms.Workflow("demo")
    workflow.output(workflow.add(ms.step(abs, name="load", duration=1.0), workflow.parameter("x")))
    with ms.SequentialExecutionEngine() as engine:
        assert engine.plan(workflow, x=1).rewriting.n_nodes == 1
        with pytest.raises(ms.ConfigurationError, match="by the names"):
            engine.plan(workflow, 1)  # type: ignore[call-overload]
    assert ms.WorkflowOptimizer().optimize(workflow, x=1).n_nodes == 1
    with pytest.raises(ms.ConfigurationError, match="by the names"):
        ms.WorkflowOptimizer().optimize(workflow, 1)


def test_durations_come_from_earlier_runs() -> None:
    calls = []

    @ms.step
    def note(x: int) -> int:
        calls.append(x)
        return x

    @ms.workflow
    def noted(n: int) -> list[int]:
        return [note(x) for x in range(n)]

    with ms.SequentialExecutionEngine(workers=2) as engine:
        before = engine.plan(noted, 3)
        assert (before.schedule, before.n_known, calls) == (None, 0, [])
        assert repr(before) == "<plan of noted: 3 of 3 nodes run, durations unknown>"
        assert before.to_dict()["expected_makespan_s"] is None
        engine.run(noted, 3)
        after = engine.plan(noted, 4)
        assert calls == [0, 1, 2]
        assert after.n_known == 4
        assert after.schedule is not None
        after.schedule.check()


def test_unknown_durations_are_guessed_and_said_to_be() -> None:
    known = ms.step(lambda x: x, name="known", duration=3.0)
    unknown = ms.step(lambda x: x, name="unknown")
    workflow = ms.Workflow("demo")
    workflow.add(known, workflow.add(unknown, 1))
    planned = workflow.plan()
    assert planned.expected_makespan_s == 6.0
    assert repr(planned).endswith("no order is shorter, 1 duration guessed>")


def test_sequential_strategies_rewrite_nothing() -> None:
    with ms.SequentialExecutionEngine("sequential") as engine:
        planned = engine.plan(demo())
    assert (planned.rewriting.n_runs, planned.expected_makespan_s) == (8, 11.0)


def test_empty_workflows_have_plans() -> None:
    assert repr(ms.Workflow("empty").plan()) == "<plan of empty: 0 of 0 nodes run, durations unknown>"


def test_what_is_no_workflow_has_no_plan() -> None:
    with pytest.raises(ms.ConfigurationError, match="a workflow"):
        ms.default_engine().plan(abs)  # type: ignore[call-overload]
