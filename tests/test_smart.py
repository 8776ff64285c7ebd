"""The smart strategy: orders that are planned under resources, seen in what runs do."""

import threading
from typing import Any

import pytest

import makespan as ms
import makespan._core
from makespan.abc import WorkflowFacts


def licensed(n_free: int, n_licensed: int, *, is_declared: bool = True) -> ms.Workflow:
    """Steps of 30 ms that need nothing beside more of 20 ms that need the only license; so they say, if anything."""
    free_s, needy_s = (0.03, 0.02) if is_declared else (None, None)
    free = ms.step(lambda x: None, name="free", duration=free_s)
    needy = ms.step(lambda x: None, name="needy", duration=needy_s, needs={"license": 1})
    workflow = ms.Workflow("demo")
    for i in range(n_free):
        workflow.add(free, i)
    for i in range(n_licensed):
        workflow.add(needy, i)
    return workflow


@pytest.fixture
def engine() -> Any:
    with ms.SequentialExecutionEngine("smart", 2, resources={"license": 1}) as engine:
        yield engine


def test_nothing_is_expected_before_durations_are_known(engine: ms.SequentialExecutionEngine) -> None:
    workflow = licensed(2, 4, is_declared=False)
    first, second = engine.run(workflow), engine.run(workflow)
    assert first.expected_makespan_s is None
    assert second.expected_makespan_s is not None
    assert second.to_dict()["expected_makespan_s"] == second.expected_makespan_s


def test_the_order_is_planned_under_what_steps_need(engine: ms.SequentialExecutionEngine) -> None:
    workflow = licensed(2, 4)
    prepared = engine.prepare(workflow)
    # By the critical path alone the free ones go first, and one worker is left without work for what is left.
    assert max(prepared.order()[:2]) >= 2
    with ms.SequentialExecutionEngine("optimized", 2, resources={"license": 1}) as other:
        unplanned = other.prepare(workflow)
        assert sorted(unplanned.order()[:2]) == [0, 1]


def test_the_expected_makespan_is_that_of_a_checked_plan(engine: ms.SequentialExecutionEngine) -> None:
    expected_s = engine.run(licensed(2, 4)).expected_makespan_s
    assert expected_s is not None
    # Two workers and one license: no order of 2 x 30 ms and 4 x 20 ms ends before 80 ms.
    assert 0.08 <= expected_s <= 2 * 0.03 + 4 * 0.02


def test_declared_durations_are_enough_to_plan() -> None:
    step = ms.step(lambda x: x, name="declared", duration=0.01)
    workflow = ms.Workflow("demo")
    for i in range(5):
        workflow.add(step, i)
    with ms.SequentialExecutionEngine("smart", 2) as engine:
        assert engine.run(workflow).expected_makespan_s == pytest.approx(0.03)


def test_one_worker_and_one_node_are_not_planned() -> None:
    step = ms.step(lambda x: x, name="declared", duration=0.01)
    workflow = ms.Workflow("demo")
    workflow.add(step, 1)
    for workers in (1, 2):
        with ms.SequentialExecutionEngine("smart", workers) as engine:
            assert engine.run(workflow).expected_makespan_s is None


def test_planning_is_deterministic() -> None:
    step = ms.step(lambda x: x, name="declared", duration=0.01, needs={"license": 1})
    other = ms.step(lambda x: x, name="other", duration=0.015)
    workflow = ms.Workflow("demo")
    for i in range(6):
        workflow.add(step if i % 2 else other, i)
    orders = []
    for _ in range(3):
        with ms.SequentialExecutionEngine("smart", 2, resources={"license": 1}) as engine:
            orders.append(engine.prepare(workflow).order())
    assert orders[0] == orders[1] == orders[2]


def test_runs_from_several_threads_plan_once_and_agree(engine: ms.SequentialExecutionEngine) -> None:
    prepared = engine.prepare(licensed(1, 2))
    values: list[Any] = []
    threads = [threading.Thread(target=lambda: values.append(prepared.run().value)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert values == [(None, None, None)] * 4


def test_what_no_search_looks_through_is_not_planned() -> None:
    n_max = makespan._core.N_NODES_SEARCHED_MAX
    options = ms.SmartSequentialStrategy().options
    assert options(WorkflowFacts(n_nodes=n_max)).plans
    assert not options(WorkflowFacts(n_nodes=n_max + 1)).plans
    # The documentation tells the number.
    assert f"{n_max:,}" in (ms.SmartSequentialStrategy.__doc__ or "")
