"""Plans under limited resources: what comes out, what limits do, what is refused."""

import signal

import numpy as np
import pytest

import makespan as ms
from makespan.testing.reference_planner import violations

FIVE = ms.DependencyGraph.from_edges(5, [], [])


def hard(n_nodes: int = 60) -> tuple[list[tuple[int, int]], list[float], list[list[int]], list[int]]:
    """Return a problem whose bound is not met quickly."""
    rng = np.random.default_rng(3)
    edges = [(int(rng.integers(0, node)), node) for node in range(1, n_nodes) if node % 3]
    durations = [float(seconds) for seconds in rng.integers(1, 11, n_nodes)]
    demands = rng.integers(0, 8, (n_nodes, 4)).tolist()
    return edges, durations, demands, [13, 12, 11, 13]


def planned(max_schedules: int | None = None, time_limit: float | None = None, seed: int = 0) -> ms.Plan:
    edges, durations, demands, capacities = hard()
    source, target = zip(*edges, strict=True)
    graph = ms.DependencyGraph.from_edges(len(durations), source, target)
    found = ms.plan(
        graph, durations, demands, capacities, max_schedules=max_schedules, time_limit=time_limit, seed=seed
    )
    assert list(violations(edges, durations, demands, capacities, found.start.tolist())) == []
    assert found.makespan == found.finish.max() >= found.lower_bound
    return found


def test_a_plan_says_how_good_it_is() -> None:
    found = planned(max_schedules=2_000)
    assert found.method == "search"
    assert found.gap == found.makespan / found.lower_bound - 1
    assert found.is_optimal or found.n_schedules == 2_000
    assert not found.is_truncated
    assert found.elapsed_s > 0
    assert repr(found).startswith("<Plan 60 nodes, makespan ")


def test_order_is_by_start() -> None:
    found = planned(max_schedules=50)
    assert sorted(found.order.tolist()) == list(range(60))
    assert (np.diff(found.start[found.order]) >= 0).all()


def test_usage_stays_within_the_capacities_and_ends_at_nothing() -> None:
    found = planned(max_schedules=50)
    for resource, capacity in enumerate(found.capacities):
        times, amounts = found.usage(resource)
        assert (np.diff(times) > 0).all()
        assert amounts.max() <= capacity
        assert amounts[-1] == 0
    with pytest.raises(ms.ValidationError, match="an index below 4"):
        found.usage(4)


def test_same_seed_same_plan_and_more_schedules_are_never_worse() -> None:
    few, again, many = planned(30), planned(30), planned(3_000)
    assert few.start.tolist() == again.start.tolist()
    assert many.makespan <= few.makespan


def test_the_first_plan_is_made_whatever_the_limit() -> None:
    assert planned(max_schedules=0).n_schedules == 1
    found = planned(time_limit=0.0)
    assert (found.n_schedules, found.is_truncated) == (1, True)


def test_a_time_limit_ends_the_search() -> None:
    assert planned(time_limit=0.02).is_truncated


def test_ctrl_c_ends_the_search_and_the_best_plan_so_far_is_the_answer() -> None:
    # Without the interrupt the search would go on until the suite's time limit.
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        assert planned(time_limit=3_600).is_truncated
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_without_resources_every_node_starts_as_early_as_it_can() -> None:
    found = ms.plan(ms.DependencyGraph.from_edges(3, [0, 1], [1, 2]), [1, 2, 3])
    assert found.start.tolist() == [0, 1, 3]
    assert (found.method, found.is_optimal, found.gap) == ("earliest_start", True, 0)


def test_large_graphs_get_one_pass() -> None:
    n_nodes = 20_000
    graph = ms.DependencyGraph.from_edges(n_nodes, np.arange(n_nodes // 2), np.arange(n_nodes // 2, n_nodes))
    durations = 1.0 + np.arange(n_nodes) % 7
    found = ms.plan(graph, durations, np.ones((n_nodes, 1), np.int64), [16], max_schedules=1_000)
    assert (found.method, found.n_schedules) == ("list_scheduling", 1)
    assert found.gap < 0.01


def test_nothing_to_plan_is_ordinary() -> None:
    found = ms.plan(ms.DependencyGraph.from_edges(0, [], []), [])
    assert (found.makespan, found.gap, found.order.tolist()) == (0, 0, [])


def test_a_demand_above_the_capacity_names_node_and_resource() -> None:
    with pytest.raises(ms.UnsatisfiableError) as caught:
        ms.plan(FIVE, [1] * 5, [[1, 0], [1, 0], [1, 9], [0, 0], [0, 0]], [2, 8])
    assert caught.value.args == (2, 1, 9, 8)


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"durations": [1, 2, float("nan"), 4, 5]}, "durations[2]"),
        ({"durations": [1, -2, 3, 4, 5]}, "durations[1]"),
        ({"durations": [1, 2]}, "durations"),
        ({"demands": [[1]] * 4, "capacities": [1]}, "demands"),
        ({"demands": [[1]] * 5}, "demands"),
        ({"demands": [[0.5]] * 5, "capacities": [1]}, "demands"),
        ({"demands": [[1]] * 4 + [[-1]], "capacities": [1]}, "demands[4, 0]"),
        ({"capacities": [-1]}, "capacities[0]"),
        ({"time_limit": float("inf")}, "time_limit"),
        ({"time_limit": -1.0}, "time_limit"),
        ({"max_schedules": 1.5}, "max_schedules"),
        ({"seed": -1}, "seed"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(arguments: dict[str, object], argument: str) -> None:
    given: dict[str, object] = {"durations": [1, 2, 3, 4, 5], **arguments}
    with pytest.raises(ms.ValidationError) as caught:
        ms.plan(FIVE, **given)  # type: ignore[arg-type]
    assert caught.value.args[0] == argument
