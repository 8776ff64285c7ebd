"""Plans on workers beside the obvious planner."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

import makespan as ms
from makespan.testing.reference_workers import Workers, heft, peft, shortest_makespan, violations


@st.composite
def problems(draw: st.DrawFn, n_nodes_max: int, n_workers_max: int) -> Workers:
    """Draw a problem whose workers are related, unrelated or alike, and whose ids are in no order."""
    n_nodes, n_workers = draw(st.integers(1, n_nodes_max)), draw(st.integers(1, n_workers_max))
    names = draw(st.permutations(range(n_nodes)))
    pairs = [(names[before], names[after]) for after in range(n_nodes) for before in range(after)]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=2 * n_nodes)) if pairs else []
    longest = draw(st.sampled_from([0, 6, 1_000_000_007]))
    transfers = {edge: draw(st.integers(0, longest)) for edge in sorted(edges)}
    cores = draw(st.lists(st.integers(0, 3), min_size=n_workers, max_size=n_workers))
    demands = draw(st.lists(st.integers(0, max(cores)), min_size=n_nodes, max_size=n_nodes))
    own = draw(st.lists(st.integers(0, 9), min_size=n_nodes, max_size=n_nodes))
    row: Callable[[int], list[int]]
    if draw(st.booleans()):
        factors = draw(st.lists(st.integers(1, 3), min_size=n_workers, max_size=n_workers))
        row = lambda node: [own[node] * factor for factor in factors]  # noqa: E731
    else:
        row = lambda node: draw(st.lists(st.integers(0, 9), min_size=n_workers, max_size=n_workers))  # noqa: E731
    return Workers([row(node) for node in range(n_nodes)], transfers, cores, demands)


def plan_of(workers: Workers, max_schedules: int, seed: int = 0) -> tuple[ms.WorkerPlan, list[int], list[int]]:
    """Return the plan, and its starts and workers; a unit is a nanosecond."""
    source, target = [before for before, _ in workers.transfers], [after for _, after in workers.transfers]
    graph = ms.DependencyGraph.from_edges(workers.n_nodes, source, target)
    found = ms.plan_on_workers(
        graph,
        [[units / 1e9 for units in row] for row in workers.durations],
        cores=workers.cores,
        demands=workers.demands,
        transfers=[units / 1e9 for units in workers.transfers.values()],
        max_schedules=max_schedules,
        seed=seed,
    )
    start, worker = [round(seconds * 1e9) for seconds in found.start.tolist()], found.worker.tolist()
    assert list(violations(workers, start, worker)) == []
    assert found.makespan >= found.lower_bound
    assert round(found.makespan * 1e9) == makespan_of(workers, start, worker)
    return found, start, worker


def makespan_of(workers: Workers, start: list[int], worker: list[int]) -> int:
    return max(begin + workers.durations[node][worker[node]] for node, begin in enumerate(start))


@given(problems(n_nodes_max=20, n_workers_max=4))
def test_the_first_schedule_is_that_of_heft(workers: Workers) -> None:
    found, start, worker = plan_of(workers, max_schedules=1)
    assert found.method == "heft"
    assert (start, worker) == heft(workers)


@given(problems(n_nodes_max=20, n_workers_max=4))
def test_the_second_schedule_is_that_of_peft(workers: Workers) -> None:
    found, start, worker = plan_of(workers, max_schedules=2)
    if found.method == "peft":
        assert (start, worker) == peft(workers)
    elif found.method == "heft" and not is_one_pool(workers):
        assert found.is_optimal or makespan_of(workers, *peft(workers)) >= makespan_of(workers, start, worker)
    else:
        assert is_one_pool(workers)


def is_one_pool(workers: Workers) -> bool:
    """Tell whether it does not matter which worker a node gets, so that another planner takes over."""
    kinds = set(zip(workers.cores, *workers.durations, strict=True))
    return (
        len(kinds) == 1
        and (len(workers.cores) == 1 or max(workers.demands) <= 1)
        and not any(workers.transfers.values())
    )


@given(problems(n_nodes_max=25, n_workers_max=5), st.integers(0, 200), st.integers(0, 2**63 - 1))
def test_plans_are_sound_and_never_longer_than_heft(workers: Workers, max_schedules: int, seed: int) -> None:
    _, start, worker = plan_of(workers, max_schedules, seed)
    assert makespan_of(workers, start, worker) <= makespan_of(workers, *heft(workers))


@given(problems(n_nodes_max=4, n_workers_max=3))
def test_small_plans_are_the_shortest(workers: Workers) -> None:
    found, _, _ = plan_of(workers, max_schedules=2_000)
    shortest = shortest_makespan(workers)
    assert round(found.makespan * 1e9) == shortest
    assert round(found.lower_bound * 1e9) <= shortest
