"""Plans with options: what each of them does, and what is refused by which name."""

import signal

import numpy as np
import pytest

import makespan as ms

TWO = ms.DependencyGraph.from_edges(2, [], [])
CHAIN = ms.DependencyGraph.from_edges(2, [0], [1])
FIVE = ms.DependencyGraph.from_edges(5, [], [])


def hard(n_nodes: int = 40) -> tuple[ms.DependencyGraph, list[float], list[list[int]], list[int]]:
    """Return a problem whose bound is not met quickly."""
    rng = np.random.default_rng(3)
    edges = [(int(rng.integers(0, node)), node) for node in range(1, n_nodes) if node % 3]
    source, target = zip(*edges, strict=True)
    graph = ms.DependencyGraph.from_edges(n_nodes, source, target)
    return graph, rng.integers(1, 11, n_nodes).tolist(), rng.integers(0, 8, (n_nodes, 3)).tolist(), [13, 12, 11]


def test_a_release_and_a_delay_put_a_start_off() -> None:
    found = ms.plan(CHAIN, [1, 1], options=ms.PlanOptions(release=[2, 0], delay=[9, 4]))
    assert found.start.tolist() == [2, 7]
    assert found.is_optimal


def test_a_fixed_node_keeps_its_start_and_its_resources() -> None:
    found = ms.plan(TWO, [3, 2], [[1], [1]], [1], options=ms.PlanOptions(start=[float("nan"), 1]))
    assert found.start.tolist() == [3, 1]


def test_a_deadline_goes_before_the_objective() -> None:
    options = ms.PlanOptions(objective="weighted_completion", weights=[9, 1], deadline=[float("inf"), 2])
    found = ms.plan(TWO, [3, 2], [[1], [1]], [1], options=options)
    assert found.start.tolist() == [2, 0]
    assert found.objective_value == 9 * 5 + 2


def test_tardiness_counts_nodes_with_a_due_date_only() -> None:
    options = ms.PlanOptions(objective="weighted_tardiness", weights=[0.5, 9], due=[1, float("nan")])
    found = ms.plan(TWO, [3, 2], [[1], [1]], [1], options=options)
    assert (found.start[0], found.objective_value, found.is_optimal) == (0, 1, True)


def test_lateness_may_be_negative_and_its_gap_infinite() -> None:
    options = ms.PlanOptions(objective="maximum_lateness", due=[9, 9])
    found = ms.plan(TWO, [3, 3], [[1], [1]], [1], options=options)
    assert (found.objective_value, found.lower_bound, found.gap) == (-3, -3, 0)
    # The bound does not see that the two cannot overlap, since each resource has room for both halves.
    found = ms.plan(TWO, [3, 3], [[2], [2]], [3], options=options)
    assert (found.objective_value, found.gap) == (-3, float("inf"))


def test_capacities_may_change() -> None:
    found = ms.plan(TWO, [2, 2], [[1], [1]], ([0, 1, 2], [[1], [0], [2]]))
    assert found.start.tolist() == [2, 2]
    assert found.capacities.tolist() == [2]
    assert found.capacity_steps is not None
    assert found.capacity_steps[0].tolist() == [0, 1, 2]


def test_a_mode_is_chosen_and_what_is_consumed_is_gone() -> None:
    modes = {0: [(1, [5]), (4, [1])], 1: [(1, [5]), (3, [1])]}
    options = ms.PlanOptions(modes=modes, consumed=[True])
    found = ms.plan(TWO, [0, 0], [[0], [0]], [6], options=options)
    assert found.modes is not None
    assert (found.modes.tolist(), found.makespan, found.durations.tolist()) == ([0, 1], 3, [1, 3])
    assert found.demands.tolist() == [[5], [1]]


def test_options_that_ask_for_nothing_are_the_plain_plan() -> None:
    graph, durations, demands, capacities = hard()
    plain = ms.plan(graph, durations, demands, capacities, max_schedules=300)
    assert ms.PlanOptions(weights=durations).is_plain
    same = ms.plan(graph, durations, demands, capacities, max_schedules=300, options=ms.PlanOptions())
    assert same.start.tolist() == plain.start.tolist()
    assert (plain.objective, plain.objective_value, plain.modes) == ("makespan", plain.makespan, None)


@pytest.mark.parametrize("options", [ms.PlanOptions(), ms.PlanOptions(objective="weighted_completion")])
def test_workers_share_the_schedules_and_repeat_themselves(options: ms.PlanOptions) -> None:
    graph, durations, demands, capacities = hard()

    def planned(workers: int, max_schedules: int = 301) -> ms.Plan:
        optimizer = ms.ExecutionOptimizer(max_schedules=max_schedules, workers=workers, options=options)
        return optimizer.plan(graph, durations, demands, capacities)

    found, again = planned(4), planned(4)
    assert found.start.tolist() == again.start.tolist()
    assert (found.n_schedules, found.is_truncated) == (again.n_schedules, False)
    assert found.is_optimal or found.n_schedules == 301
    # The first worker has the seed itself, and a share of its own.
    assert found.objective_value <= planned(1, 76).objective_value


def test_ctrl_c_ends_all_workers() -> None:
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    graph, durations, demands, capacities = hard()
    try:
        options = ms.PlanOptions(objective="weighted_completion")
        found = ms.plan(graph, durations, demands, capacities, time_limit=3_600, workers=2, options=options)
        assert found.is_truncated
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_deadline_that_cannot_be_kept_names_the_node_and_by_how_much() -> None:
    with pytest.raises(ms.DeadlineError) as caught:
        ms.plan(CHAIN, [3, 2], options=ms.PlanOptions(deadline=[9, 4]))
    assert caught.value.args == (1, "deadline", 4, 5, True)
    assert str(caught.value) == "node 1 cannot finish before 5 s, 1 s after its deadline at 4 s"
    assert isinstance(caught.value, ms.UnsatisfiableError)
    with pytest.raises(ms.DeadlineError) as caught:
        ms.plan(CHAIN, [3, 2], options=ms.PlanOptions(start=[float("nan"), 2]))
    assert caught.value.args == (1, "start", 2, 3, True)


def test_a_deadline_that_no_plan_was_found_for_says_so() -> None:
    # Each fits alone, both do not: no bound sees it.
    with pytest.raises(ms.DeadlineError, match="a longer search may find a plan") as caught:
        ms.plan(TWO, [3, 3], [[1], [1]], [1], options=ms.PlanOptions(deadline=[5, 5]))
    assert caught.value.args[1:] == ("deadline", 5, 6, False)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"options": ms.PlanOptions(start=[1, 2])}, (1, "0 at 2 s, beside the other fixed nodes,", 1, 0)),
        ({"capacities": ([0, 2], [[1], [0]])}, (0, "seconds on end that the capacities leave", 3, 2)),
        ({"options": ms.PlanOptions(consumed=[True])}, ("the graph at least", 0, 2, 1)),
        (
            {"options": ms.PlanOptions(modes={0: [(2, [3]), (1, [4])]})},
            (0, 0, 3, 1),
        ),
        (
            {"durations": [2, 2], "capacities": ([0, 2], [[1], [0]])},
            (1, "seconds on end that the best plan found leave", 2, 0),
        ),
    ],
)
def test_what_has_no_plan_names_node_and_resource(arguments: dict[str, object], expected: tuple[object, ...]) -> None:
    given: dict[str, object] = {"durations": [3, 3], "demands": [[1], [1]], "capacities": [1], **arguments}
    with pytest.raises(ms.UnsatisfiableError) as caught:
        ms.plan(TWO, **given)  # type: ignore[arg-type]
    assert caught.value.args == expected


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"objective": "cost"}, "objective"),
        ({"objective": "maximum_lateness"}, "due"),
        ({"release": [1]}, "release"),
        ({"release": [1, -1]}, "release[1]"),
        ({"release": [1, float("nan")]}, "release[1]"),
        ({"deadline": [-1, 1]}, "deadline[0]"),
        ({"due": [1, -2], "objective": "weighted_tardiness"}, "due[1]"),
        ({"weights": [1, -1], "objective": "weighted_completion"}, "weights[1]"),
        ({"start": ["a", "b"]}, "start"),
        ({"delay": [0, float("inf")]}, "delay[1]"),
        ({"modes": {5: [(1, [1])]}}, "modes[5]"),
        ({"modes": {0: []}}, "modes[0]"),
        ({"modes": {0: [(1, [1]), 3]}}, "modes[0][1]"),
        ({"modes": {0: [(-1, [1])]}}, "modes[0][0][0]"),
        ({"modes": {0: [(1, [1, 2])]}}, "modes[0][0][1]"),
        ({"modes": {0: [(1, [-1])]}}, "modes[0][0][1]"),
        ({"modes": {0: [(1, [1]), (2, [1])]}, "start": [0, 5]}, "modes[0]"),
        ({"consumed": [1]}, "consumed"),
        ({"consumed": [True, False]}, "consumed"),
    ],
)
def test_options_that_cannot_be_meant_are_refused_by_name(arguments: dict[str, object], argument: str) -> None:
    options = ms.PlanOptions(**arguments)  # type: ignore[arg-type]
    with pytest.raises(ms.ValidationError) as caught:
        ms.plan(TWO, [1, 1], [[1], [1]], [1], options=options)
    assert caught.value.args[0] == argument


@pytest.mark.parametrize(
    ("capacities", "argument"),
    [
        (([0, 1], [[1]]), "capacities[1]"),
        (([1], [[1]]), "capacities[0][0]"),
        (([0, 2, 2], [[1], [2], [3]]), "capacities[0][2]"),
        (([0, -1], [[1], [1]]), "capacities[0][1]"),
        (([0], [[-1]]), "capacities[0]"),
        (([0, 1], [[1], [2]]), "consumed[0]"),
    ],
)
def test_steps_that_cannot_be_meant_are_refused_by_name(capacities: object, argument: str) -> None:
    options = ms.PlanOptions(consumed=[argument == "consumed[0]"])
    with pytest.raises(ms.ValidationError) as caught:
        ms.plan(TWO, [1, 1], [[1], [1]], capacities, options=options)  # type: ignore[arg-type]
    assert caught.value.args[0] == argument


@pytest.mark.parametrize(
    ("settings", "argument"),
    [({"workers": 0}, "workers"), ({"workers": 5_000}, "workers"), ({"options": 3}, "options"), ({"seed": -1}, "seed")],
)
def test_settings_are_checked_when_they_are_made(settings: dict[str, object], argument: str) -> None:
    with pytest.raises(ms.ValidationError) as caught:
        ms.ExecutionOptimizer(**settings)  # type: ignore[arg-type]
    assert caught.value.args[0] == argument
