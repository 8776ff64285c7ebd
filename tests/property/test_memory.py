"""Plans that look at memory against the slow versions and against every order."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import makespan as ms
from makespan.testing import reference_memory as reference


@st.composite
def problems(draw: st.DrawFn, n_nodes_max: int = 9) -> tuple[list[tuple[int, int]], list[int], list[bool], list[int]]:
    n_nodes = draw(st.integers(1, n_nodes_max))
    pairs = [(before, after) for after in range(n_nodes) for before in range(after)]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=12)) if pairs else []
    sizes = draw(st.lists(st.integers(0, 20), min_size=n_nodes, max_size=n_nodes))
    kept = (
        draw(st.lists(st.booleans(), min_size=n_nodes, max_size=n_nodes)) if draw(st.booleans()) else [False] * n_nodes
    )
    durations = draw(st.lists(st.integers(1, 9), min_size=n_nodes, max_size=n_nodes))
    return edges, sizes, kept, durations


def graph_of(n_nodes: int, edges: list[tuple[int, int]]) -> ms.DependencyGraph:
    return ms.DependencyGraph.from_edges(n_nodes, [edge[0] for edge in edges], [edge[1] for edge in edges])


@settings(max_examples=300)
@given(problems(), st.integers(1, 4), st.sampled_from([1.0, 1.1, 1.5, 100.0]))
def test_peaks_are_those_of_the_slow_version_and_prices_are_kept(
    problem: tuple[list[tuple[int, int]], list[int], list[bool], list[int]], n_workers: int, price: float
) -> None:
    edges, sizes, kept, durations = problem
    graph = graph_of(len(sizes), edges)
    found = ms.plan_memory(graph, sizes, durations, n_workers=n_workers, price=price, kept=np.array(kept))
    place = {node: at for at, node in enumerate(found.order.tolist())}
    assert all(place[before] < place[after] for before, after in edges)
    assert found.order_peak_bytes == reference.peak_of_order(edges, sizes, kept, found.order.tolist())
    start = [round(seconds) for seconds in found.start.tolist()]
    assert found.peak_bytes == reference.peak_of_schedule(edges, sizes, kept, start, durations)
    assert found.peak_bytes == ms.peak_memory(graph, sizes, start, durations, kept=np.array(kept))
    assert found.peak_bytes == max(found.live()[1].tolist())
    assert found.lower_bound_bytes <= min(found.order_peak_bytes, found.peak_bytes)
    assert found.peak_bytes <= found.unaware_peak_bytes
    assert found.makespan <= price * found.unaware_makespan + 1e-9
    assert found.makespan == max(begin + length for begin, length in zip(start, durations, strict=True))
    for moment in start:
        assert sum(b <= moment < b + d for b, d in zip(start, durations, strict=True)) <= n_workers


@settings(max_examples=100, deadline=None)
@given(problems(n_nodes_max=7))
def test_no_peak_is_below_the_smallest_there_is(
    problem: tuple[list[tuple[int, int]], list[int], list[bool], list[int]],
) -> None:
    edges, sizes, kept, _ = problem
    found = ms.plan_memory(graph_of(len(sizes), edges), sizes, kept=np.array(kept), max_tries=2_000)
    assert found.lower_bound_bytes <= reference.smallest_peak(edges, sizes, kept) <= found.order_peak_bytes


def test_most_small_graphs_get_the_smallest_peak_there_is() -> None:
    rng = np.random.default_rng(0)
    n_smallest = 0
    for _ in range(60):
        edges = [(before, after) for after in range(7) for before in range(after) if rng.random() < 0.3]
        sizes = rng.integers(0, 20, 7).tolist()
        found = ms.plan_memory(graph_of(7, edges), sizes, max_tries=2_000)
        n_smallest += found.order_peak_bytes == reference.smallest_peak(edges, sizes, [False] * 7)
    assert n_smallest >= 55
