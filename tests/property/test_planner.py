"""Plans beside the obvious planner, which tries every order."""

from hypothesis import given
from hypothesis import strategies as st

import makespan as ms
from makespan.testing.reference_planner import shortest_makespan, violations

Problem = tuple[list[tuple[int, int]], list[int], list[list[int]], list[int]]


@st.composite
def problems(draw: st.DrawFn, n_nodes_max: int) -> Problem:
    """Draw a problem whose edges ascend."""
    n_nodes = draw(st.integers(1, n_nodes_max))
    pairs = [(before, after) for after in range(n_nodes) for before in range(after)]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=8)) if pairs else []
    capacities = draw(st.lists(st.integers(0, 5), max_size=3))
    durations = draw(st.lists(st.integers(0, 5), min_size=n_nodes, max_size=n_nodes))
    demands = [[draw(st.integers(0, capacity)) for capacity in capacities] for _ in range(n_nodes)]
    return edges, durations, demands, capacities


def plan_of(problem: Problem, max_schedules: int, seed: int = 0) -> ms.Plan:
    edges, durations, demands, capacities = problem
    source, target = [before for before, _ in edges], [after for _, after in edges]
    graph = ms.DependencyGraph.from_edges(len(durations), source, target)
    found = ms.plan(
        graph, durations, demands if capacities else None, capacities or None, max_schedules=max_schedules, seed=seed
    )
    assert list(violations(edges, durations, demands, capacities, found.start.tolist())) == []
    assert found.makespan >= found.lower_bound
    return found


@given(problems(n_nodes_max=25), st.integers(0, 200), st.integers(0, 2**63 - 1))
def test_plans_keep_edges_and_capacities(problem: Problem, max_schedules: int, seed: int) -> None:
    plan_of(problem, max_schedules, seed)


@given(problems(n_nodes_max=5))
def test_small_plans_are_the_shortest(problem: Problem) -> None:
    found = plan_of(problem, max_schedules=2_000)
    shortest = shortest_makespan(*problem)
    assert found.makespan == shortest
    assert found.lower_bound <= shortest
