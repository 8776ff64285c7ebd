"""What a graph's time is made of, and what would make it shorter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import makespan as ms
from makespan.testing import generated_problem

CHAIN = ms.DependencyGraph.from_edges(2, [0], [1])
NOTHING = ms.DependencyGraph.from_edges(0, [], [])


def generated(seed: int = 0, n_nodes: int = 25) -> ms.Analysis:
    problem = generated_problem(n_nodes, resource_strength=0.2, seed=seed)
    return ms.analyze(problem.graph, problem.durations, problem.demands, problem.capacities, max_schedules=60)


def test_nothing_takes_no_time() -> None:
    found = ms.analyze(NOTHING, [])
    assert (found.plan.makespan, found.critical_path_length, found.width, found.n_parts) == (0, 0, 0, 0)
    assert (found.critical_path.tolist(), found.slack.tolist(), found.recommendations()) == ([], [], [])


def test_more_does_not_help_a_chain() -> None:
    found = ms.analyze(CHAIN, [1, 2], [[1], [1]], [1])
    assert found.critical_path.tolist() == [0, 1]
    assert [each.change for each in found.recommendations()] == ["node 1 in half the time", "node 0 in half the time"]
    assert found.what_if(more={0: 5}).gain == 0


def test_slack_is_what_a_node_may_be_late() -> None:
    graph = ms.DependencyGraph.from_edges(4, [0, 0, 1, 2], [1, 2, 3, 3])
    found = ms.analyze(graph, [1, 5, 2, 1])
    assert found.slack.tolist() == [0, 0, 3, 0]
    assert ms.analyze(graph, [1, 5, 2 + 3, 1]).critical_path_length == found.critical_path_length
    assert (found.width, found.n_parts) == (2, 1)


def test_a_changed_problem_is_planned_as_if_it_were_given() -> None:
    found = generated()
    plan = found.plan
    source, target = plan.graph.edges()
    durations = plan.durations.copy()
    durations[3] /= 4
    graph = ms.DependencyGraph.from_edges(len(durations), source[1:], target[1:])
    limits = [capacity + 2 for capacity in plan.capacities]
    changed = found.what_if(more=dict.fromkeys(range(4), 2), faster={3: 4}, without=[(int(source[0]), int(target[0]))])
    expected = ms.plan(graph, durations, plan.demands, limits, max_schedules=60)
    assert changed.plan.start.tolist() == expected.start.tolist()
    assert changed.gain == max(plan.makespan - expected.makespan, 0)
    assert changed.share == pytest.approx(changed.gain / plan.makespan)


def test_less_may_take_longer() -> None:
    found = ms.analyze(ms.DependencyGraph.from_edges(2, [], []), [2, 2], [[1], [1]], [2])
    lost = found.what_if(more={0: -1}, faster={0: 0.5})
    assert (lost.gain, lost.change) == (-4, "1 less of resource 0, node 0 0.5 times as fast")
    assert repr(lost) == "<WhatIf 1 less of resource 0, node 0 0.5 times as fast: 4 s longer, 200.0%>"
    with pytest.raises(ms.UnsatisfiableError, match="node 0"):
        found.what_if(more={0: -2})


@pytest.mark.parametrize("seed", range(4))
def test_recommendations_are_sorted_and_each_can_be_had(seed: int) -> None:
    found = generated(seed)
    gains = [each.gain for each in found.recommendations()]
    assert gains == sorted(gains, reverse=True)
    assert min(gains, default=1) > 0
    for each in found.recommendations():
        each.plan.check()
        assert each.plan.makespan == pytest.approx(found.plan.makespan - each.gain)
        assert each.change in found.report()


@given(st.integers(0, 30), st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=40))
def test_parts_are_those_of_the_obvious_search(n_nodes: int, pairs: list[tuple[int, int]]) -> None:
    edges = [(min(pair), max(pair)) for pair in pairs if max(pair) < n_nodes and pair[0] != pair[1]]
    graph = ms.DependencyGraph.from_edges(n_nodes, [edge[0] for edge in edges], [edge[1] for edge in edges])
    left, n_parts = set(range(n_nodes)), 0
    while left:
        n_parts += 1
        pending = {left.pop()}
        while pending:
            node = pending.pop()
            beside = {other for edge in edges if node in edge for other in edge} & left
            left -= beside
            pending |= beside
    assert ms.analyze(graph, np.ones(n_nodes)).n_parts == n_parts


@pytest.mark.parametrize(
    ("change", "argument", "value"),
    [
        ({"more": {1: 1}}, "more", 1),
        ({"faster": {2: 2.0}}, "faster", 2),
        ({"faster": {-1: 2.0}}, "faster", -1),
        ({"faster": {0: 0.0}}, "faster[0]", 0.0),
        ({"faster": {0: float("nan")}}, "faster[0]", None),
        ({"without": [(1, 0)]}, "without", (1, 0)),
    ],
)
def test_changes_that_cannot_be_meant_are_refused_by_name(
    change: dict[str, object], argument: str, value: object
) -> None:
    found = ms.analyze(CHAIN, [1, 2], [[1], [1]], [1])
    with pytest.raises(ms.ValidationError) as caught:
        found.what_if(**change)  # type: ignore[arg-type]
    assert caught.value.argument == argument
    assert value is None or caught.value.value == value


def test_steps_of_capacities_are_refused() -> None:
    with pytest.raises(ms.ValidationError, match="the same at all times"):
        ms.analyze(CHAIN, [1, 2], [[1], [1]], ([0, 1], [[1], [2]]))
