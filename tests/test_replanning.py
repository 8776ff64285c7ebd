"""Planning again what is left, while durations drift."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import makespan as ms
from makespan.planning.options import OBJECTIVES

CHAIN = ms.DependencyGraph.from_edges(3, [0, 1], [1, 2])


def project(seed: int, options: ms.PlanOptions | None = None, n_nodes: int = 20) -> ms.Plan:
    rng = np.random.default_rng(seed)
    pairs = [(int(rng.integers(0, node)), node) for node in range(1, n_nodes) if node % 4]
    source, target = zip(*pairs, strict=True)
    graph = ms.DependencyGraph.from_edges(n_nodes, source, target)
    durations, demands = rng.integers(1, 8, n_nodes), rng.integers(0, 4, (n_nodes, 2))
    return ms.plan(graph, durations, demands, [5, 6], max_schedules=60, options=options)


def drifted(found: ms.Plan, now: float, seed: int) -> dict[str, np.ndarray]:
    """Return what has happened by then: what runs takes up to twice as long as it was planned to."""
    rng = np.random.default_rng(seed)
    finished, running = np.flatnonzero(found.finish <= now), np.flatnonzero((found.start <= now) & (found.finish > now))
    return {
        "finished": finished,
        "running": running,
        "durations": found.durations[running] * rng.uniform(1, 2, running.size).round(3),
    }


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_drift_is_planned_around_and_the_past_stays(objective: str) -> None:
    options = ms.PlanOptions(
        objective=objective,  # type: ignore[arg-type]
        due=np.arange(20.0),
        weights=np.arange(20.0),
        release=np.arange(20) % 3,
        delay=np.arange(20) % 2 * 0.5,
    )
    found = project(4, options)
    for step in range(1, 6):
        now = found.makespan * step / 6
        before, happened = found, drifted(found, now, step)
        found = before.update(now, **happened, max_schedules=60)  # type: ignore[arg-type]
        past = np.concatenate([happened["finished"], happened["running"]])
        assert found.start[past].tolist() == before.start[past].tolist()
        assert found.finish[happened["finished"]].tolist() == before.finish[happened["finished"]].tolist()
        rest = np.setdiff1d(np.arange(20), past)
        assert (found.start[rest] >= now - 1e-9).all()
        assert_kept(found)
        assert found.lower_bound <= found.objective_value + 1e-9


def assert_kept(found: ms.Plan) -> None:
    assert found.options.delay is not None
    delay = np.asarray(found.options.delay)
    source, target = found.graph.edges()
    assert (found.start[target] >= found.finish[source] + delay[target] - 1e-6).all()
    for moment in found.start:
        runs = (found.start <= moment + 1e-6) & (found.finish > moment + 1e-6)
        assert (found.demands[runs].sum(axis=0) <= found.capacities).all()
    late = found.finish - np.asarray(found.options.due)
    weights = np.asarray(found.options.weights)
    expected = {
        "makespan": found.finish.max(),
        "weighted_completion": (weights * found.finish).sum(),
        "weighted_tardiness": (weights * np.maximum(late, 0)).sum(),
        "maximum_lateness": late.max(),
    }
    assert found.objective_value == pytest.approx(expected[found.objective])


@given(st.integers(0, 1_000), st.floats(0.0, 1.0))
def test_an_update_is_the_plan_of_what_is_left(seed: int, share: float) -> None:
    found = project(seed, n_nodes=7)
    now = round(found.makespan * share, 3)
    happened = drifted(found, now, seed)
    again = found.update(now, **happened, max_schedules=2_000)  # type: ignore[arg-type]
    left = np.flatnonzero(found.finish > now)
    place = {int(node): idx for idx, node in enumerate(left)}
    edges = [
        (place[a], place[b]) for a, b in zip(*map(np.ndarray.tolist, found.graph.edges()), strict=True) if a in place
    ]
    durations, start = found.durations.copy(), np.full(7, np.nan)
    durations[happened["running"]] += found.start[happened["running"]] - now
    durations[happened["running"]] += happened["durations"] - found.durations[happened["running"]]
    start[happened["running"]] = now
    graph = ms.DependencyGraph.from_edges(left.size, [a for a, _ in edges], [b for _, b in edges])
    options = ms.PlanOptions(release=np.full(left.size, now), start=start[left])
    by_hand = ms.plan(
        graph, durations[left], found.demands[left], found.capacities, max_schedules=2_000, options=options
    )
    # What has finished may be the last to finish of all.
    past = found.finish[found.finish <= now].max(initial=0)
    assert again.makespan == pytest.approx(max(by_hand.makespan, past))
    assert again.lower_bound == pytest.approx(max(by_hand.lower_bound, past))


def test_who_runs_keeps_its_mode_and_what_is_consumed_stays_so() -> None:
    modes = {0: [(4, [1, 2])], 1: [(1, [1, 5]), (3, [1, 1])], 2: [(1, [1, 5]), (3, [1, 1])]}
    options = ms.PlanOptions(modes=modes, consumed=[False, True])
    found = ms.plan(CHAIN, [0] * 3, [[0, 0]] * 3, [1, 8], options=options)
    assert found.modes is not None
    assert found.makespan == 8
    slow = 1 if found.modes[1] else 2
    finish = found.finish[1]
    again = found.update(4.0, finished=[0], running=[1])
    assert again.modes is not None
    assert again.modes.tolist() == found.modes.tolist()
    assert (again.finish[1], again.makespan, again.durations[slow]) == (finish, 8, 3)
    # With the fast mode of the first behind it, the second has to be slow.
    assert again.update(finish, finished=[0, 1]).makespan == 8


def test_finishes_that_are_known_count_and_who_is_overdue_finishes_now() -> None:
    found = ms.plan(CHAIN, [2, 2, 2], options=ms.PlanOptions(deadline=[9, 4, 9]))
    again = found.update(5.0, finished=[0], finish=[1.5], running=[1], start=[1.75])
    assert again.start.tolist() == [0, 1.75, 5]
    assert again.finish.tolist() == [1.5, 5, 7]


def test_nothing_left_is_the_past() -> None:
    found = ms.plan(CHAIN, [1, 2, 3], options=ms.PlanOptions(objective="maximum_lateness", due=[9, 9, 9]))
    again = found.update(7.0, finished=[0, 1, 2], finish=[1, 3, 6.5])
    assert (again.makespan, again.objective_value, again.is_optimal) == (6.5, -2.5, True)


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"now": -1.0}, "now"),
        ({"finished": [7]}, "finished[0]"),
        ({"finished": [0, 0]}, "finished"),
        ({"finished": [0], "running": [0]}, "running"),
        ({"finished": [0], "finish": [2.5]}, "finish[0]"),
        ({"finished": [0], "finish": [1, 2]}, "finish"),
        ({"finished": [0], "running": [1], "start": [3.0]}, "start[0]"),
        ({"running": [0], "durations": [-1]}, "durations[0]"),
        ({"finished": [1]}, "finished"),
        ({"running": [1]}, "running"),
    ],
)
def test_a_past_that_cannot_be_is_refused_by_name(arguments: dict[str, object], argument: str) -> None:
    with pytest.raises(ms.ValidationError) as caught:
        ms.plan(CHAIN, [1, 1, 1]).update(**{"now": 2.0, **arguments})  # type: ignore[arg-type]
    assert caught.value.args[0] == argument
