"""Plans on workers: what comes out, what limits do, what is refused."""

import signal

import numpy as np
import pytest

import makespan as ms

FIVE = ms.DependencyGraph.from_edges(5, [0, 1], [2, 2])


def planned(max_schedules: int | None = None, time_limit: float | None = None, seed: int = 0) -> ms.WorkerPlan:
    """Plan a problem whose bound is not met quickly."""
    rng = np.random.default_rng(3)
    source = np.array([int(rng.integers(0, node)) for node in range(1, 60)])
    graph = ms.DependencyGraph.from_edges(60, source, np.arange(1, 60))
    return ms.plan_on_workers(
        graph,
        rng.integers(1, 11, 60),
        speeds=[1.0, 0.75, 0.5],
        transfers=rng.integers(0, 5, 59),
        max_schedules=max_schedules,
        time_limit=time_limit,
        seed=seed,
    )


def test_a_plan_says_how_good_it_is() -> None:
    found = planned(max_schedules=2_000)
    assert found.method == "search"
    assert found.gap == found.makespan / found.lower_bound - 1
    assert found.is_optimal or found.n_schedules == 2_000
    assert not found.is_truncated
    assert found.elapsed_s > 0
    assert found.makespan == found.finish.max()
    assert repr(found).startswith("<WorkerPlan 60 nodes on 3 workers, makespan ")


def test_same_seed_same_plan_and_more_schedules_are_never_worse() -> None:
    few, again, many = planned(30), planned(30), planned(3_000)
    assert few.start.tolist() == again.start.tolist()
    assert few.worker.tolist() == again.worker.tolist()
    assert many.makespan <= few.makespan


def test_the_first_plan_is_made_whatever_the_limit() -> None:
    assert planned(max_schedules=0).n_schedules == 1
    found = planned(time_limit=0.0)
    assert (found.n_schedules, found.is_truncated) == (1, True)


def test_ctrl_c_ends_the_search_and_the_best_plan_so_far_is_the_answer() -> None:
    # Without the interrupt the search would go on until the suite's time limit.
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        assert planned(time_limit=3_600).is_truncated
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_workers_that_are_alike_are_planned_as_one_resource() -> None:
    graph = ms.DependencyGraph.from_edges(5, [], [])
    found = ms.plan_on_workers(graph, [3, 3, 2, 2, 2], n_workers=2, max_schedules=1_000)
    assert (found.makespan, found.is_optimal) == (6, True)
    assert found.makespan == ms.plan(graph, [3, 3, 2, 2, 2], [[1]] * 5, [2], max_schedules=1_000).makespan


def test_one_number_of_cores_is_for_all_workers() -> None:
    found = ms.plan_on_workers(FIVE, [1] * 5, n_workers=1, cores=5)
    assert found.makespan == 2
    assert ms.plan_on_workers(FIVE, [1] * 5, n_workers=1, cores=[5], demands=[5] * 5).makespan == 5


def test_a_duration_on_a_worker_is_rounded_to_the_nearest_nanosecond() -> None:
    graph = ms.DependencyGraph.from_edges(1, [], [])
    assert ms.plan_on_workers(graph, [1.0], speeds=[3.0]).makespan == 0.333333333


def test_large_graphs_get_one_pass() -> None:
    n_nodes = 100_000
    graph = ms.DependencyGraph.from_edges(n_nodes, np.arange(n_nodes // 2), np.arange(n_nodes // 2, n_nodes))
    found = ms.plan_on_workers(graph, 1.0 + np.arange(n_nodes) % 7, speeds=np.linspace(1, 2, 16))
    assert (found.method, found.n_schedules) == ("heft", 1)
    assert found.gap < 0.01


def test_nothing_to_plan_is_ordinary() -> None:
    empty = ms.DependencyGraph.from_edges(0, [], [])
    assert ms.plan_on_workers(empty, [], n_workers=0).makespan == 0
    assert ms.plan_on_workers(empty, np.zeros((0, 3))).gap == 0


def test_a_demand_that_no_worker_meets_names_the_node() -> None:
    with pytest.raises(ms.UnsatisfiableError) as caught:
        ms.plan_on_workers(FIVE, [1] * 5, n_workers=2, cores=[1, 3], demands=[1, 1, 3, 4, 1])
    assert caught.value.args == (3, "cores of one worker", 4, 3)
    with pytest.raises(ms.UnsatisfiableError):
        ms.plan_on_workers(FIVE, [1] * 5, n_workers=0)


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"durations": [1, 2, float("nan"), 4, 5]}, "durations[2]"),
        ({"durations": [1, 2]}, "durations"),
        ({"durations": [[1, 2]] * 4, "speeds": None}, "durations"),
        ({"durations": [[1, 2]] * 5}, "speeds"),
        ({"speeds": None}, "speeds"),
        ({"speeds": [1.0, 0.0]}, "speeds[1]"),
        ({"speeds": [1.0, float("inf")]}, "speeds[1]"),
        ({"n_workers": 3}, "n_workers"),
        ({"cores": [1]}, "cores"),
        ({"cores": [1, -1]}, "cores[1]"),
        ({"demands": [1, 1, 2**32, 1, 1]}, "demands[2]"),
        ({"demands": [0.5] * 5}, "demands"),
        ({"transfers": [1.0]}, "transfers"),
        ({"transfers": [1.0, -1.0]}, "transfers[1]"),
        ({"time_limit": -1.0}, "time_limit"),
        ({"max_schedules": 1.5}, "max_schedules"),
        ({"seed": -1}, "seed"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(arguments: dict[str, object], argument: str) -> None:
    given: dict[str, object] = {"durations": [1, 2, 3, 4, 5], "speeds": [1.0, 2.0], **arguments}
    with pytest.raises(ms.ValidationError) as caught:
        ms.plan_on_workers(FIVE, **given)  # type: ignore[arg-type]
    assert caught.value.args[0] == argument
