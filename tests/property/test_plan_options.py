"""Plans with options beside the obvious planner, which tries every order in every mode."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import makespan as ms
from makespan.planning.options import OBJECTIVES
from makespan.testing.reference_plan_options import (
    OptionsProblem,
    best_value,
    objective_value,
    serial_schedule_with_options,
    violations_of_options,
)


@st.composite
def problems(draw: st.DrawFn, n_nodes_max: int) -> OptionsProblem:
    """Draw a problem whose edges ascend; some have no solution."""
    n_nodes = draw(st.integers(1, n_nodes_max))
    pairs = [(before, after) for after in range(n_nodes) for before in range(after)]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=6)) if pairs else []
    n_resources = draw(st.integers(0, 2))
    consumed = [draw(st.integers(0, 4)) == 0 for _ in range(n_resources)]

    def demand() -> list[int]:
        return [draw(st.integers(0, 3)) for _ in range(n_resources)]

    def column(low: int, high: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=n_nodes, max_size=n_nodes))

    def sparse(low: int, high: int) -> list[int | None]:
        entry = st.one_of(st.none(), st.none(), st.integers(low, high))
        return draw(st.lists(entry, min_size=n_nodes, max_size=n_nodes))

    start = sparse(3, 12) if draw(st.booleans()) else [None] * n_nodes
    modes = [
        [(draw(st.integers(0, 4)), demand()) for _ in range(1 if begin is not None else draw(st.integers(1, 2)))]
        for begin in start
    ]
    first = [draw(st.integers(6 if is_consumed else 3, 8)) for is_consumed in consumed]
    times = [0, *draw(st.sets(st.integers(1, 9), max_size=2))]
    steps = [
        (
            time,
            [
                amount if is_consumed or not time else draw(st.integers(0, 5))
                for amount, is_consumed in zip(first, consumed, strict=True)
            ],
        )
        for time in sorted(times)
    ]
    objective = draw(st.sampled_from(OBJECTIVES))
    due = sparse(0, 9)
    if objective == "maximum_lateness":
        due[0] = 3
    return OptionsProblem(
        edges=edges,
        modes=modes,
        steps=steps,
        consumed=consumed,
        release=column(0, 5),
        delay=column(0, 2),
        weights=column(0, 3),
        deadline=sparse(5, 20),
        due=due,
        start=start,
        objective=objective,
    )


def plan_of(problem: OptionsProblem, max_schedules: int, seed: int = 0, workers: int = 1) -> ms.Plan:
    """Plan the problem, and check what comes out."""

    def seconds(values: list[int | None]) -> list[float]:
        return [math.nan if value is None else value for value in values]

    source, target = [before for before, _ in problem.edges], [after for _, after in problem.edges]
    options = ms.PlanOptions(
        objective=problem.objective,  # type: ignore[arg-type]
        release=problem.release,
        deadline=seconds(list(problem.deadline)),
        due=seconds(list(problem.due)),
        weights=problem.weights,
        start=seconds(list(problem.start)),
        delay=problem.delay,
        modes=dict(enumerate(problem.modes)),
        consumed=np.array(problem.consumed, np.bool_),
    )
    n_nodes, n_resources = len(problem.modes), len(problem.consumed)
    amounts = np.array([row for _, row in problem.steps], np.int64).reshape(len(problem.steps), n_resources)
    found = ms.plan(
        ms.DependencyGraph.from_edges(n_nodes, source, target),
        [0.0] * n_nodes,
        np.zeros((n_nodes, n_resources), np.int64),
        ([time for time, _ in problem.steps], amounts),
        max_schedules=max_schedules,
        seed=seed,
        workers=workers,
        options=options,
    )
    assert found.modes is not None
    assert list(violations_of_options(problem, found.start.tolist(), found.modes.tolist())) == []
    assert found.objective_value == pytest.approx(objective_value(problem, found.finish.tolist()))
    assert found.lower_bound <= found.objective_value
    return found


@given(problems(n_nodes_max=12), st.integers(0, 200), st.integers(0, 2**63 - 1), st.integers(1, 3))
def test_plans_keep_all_terms(problem: OptionsProblem, max_schedules: int, seed: int, workers: int) -> None:
    try:
        found = plan_of(problem, max_schedules, seed, workers)
    except ms.UnsatisfiableError:
        return
    again = plan_of(problem, max_schedules, seed, workers)
    assert (found.start.tolist(), found.n_schedules) == (again.start.tolist(), again.n_schedules)


@given(problems(n_nodes_max=8), st.data())
def test_check_finds_what_the_obvious_check_finds(problem: OptionsProblem, data: st.DataObject) -> None:
    try:
        found = plan_of(problem, max_schedules=50)
    except ms.UnsatisfiableError:
        return
    found.check()
    assert found.modes is not None
    n_nodes = found.start.size
    shift = data.draw(st.lists(st.integers(-2, 2), min_size=n_nodes, max_size=n_nodes))
    start = np.maximum(found.start + shift, 0.0)
    finish = start + found.durations
    other = replace(
        found,
        start=start,
        finish=finish,
        makespan=float(finish.max(initial=0.0)),
        objective_value=float(objective_value(problem, finish.tolist())),
        lower_bound=-math.inf,
    )
    if list(violations_of_options(problem, start.tolist(), found.modes.tolist())):
        with pytest.raises(ms.ValidationError):
            other.check()
    else:
        other.check()


@given(problems(n_nodes_max=8))
def test_json_brings_plans_with_options_back(problem: OptionsProblem) -> None:
    try:
        found = plan_of(problem, max_schedules=20)
    except ms.UnsatisfiableError:
        return
    again = ms.Plan.from_json(found.to_json())
    assert again.to_json() == found.to_json()
    again.check()
    # Nothing is lost that a new plan needs.
    assert again.update(0.0).objective_value == found.update(0.0).objective_value


@given(problems(n_nodes_max=12))
def test_serial_generation_in_the_order_of_a_plan_is_not_worse(problem: OptionsProblem) -> None:
    try:
        found = plan_of(problem, max_schedules=100)
    except ms.UnsatisfiableError:
        return
    assert found.modes is not None
    # Nodes that start together and take no time may precede each other.
    order = sorted(range(len(problem.modes)), key=lambda node: (found.start[node], found.finish[node], node))
    start = serial_schedule_with_options(problem, order, found.modes.tolist())
    assert start is not None
    finish = [begin + problem.modes[node][found.modes[node]][0] for node, begin in enumerate(start)]
    assert objective_value(problem, finish) <= found.objective_value + 1e-9


@given(problems(n_nodes_max=4))
def test_small_plans_are_the_best_and_refusals_are_right(problem: OptionsProblem) -> None:
    best = best_value(replace(problem))
    try:
        found = plan_of(problem, max_schedules=2_000)
    except ms.UnsatisfiableError:
        assert best is None
    else:
        assert found.objective_value == pytest.approx(best)
