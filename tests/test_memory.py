"""Plans that look at memory, case by case."""

from typing import Any

import numpy as np
import pytest

import makespan as ms


def chains(n: int) -> ms.DependencyGraph:
    """So many chains of a large and a small result."""
    return ms.DependencyGraph.from_edges(2 * n, range(n), range(n, 2 * n))


def test_one_chain_after_another() -> None:
    found = ms.plan_memory(chains(50), [100] * 50 + [1] * 50)
    # A large result, its own small one, and the small ones before it, which stay.
    assert (found.order_peak_bytes, found.lower_bound_bytes) == (150, 101)
    assert found.order[:4].tolist() == [0, 50, 1, 51]


def test_a_price_buys_memory() -> None:
    # By rank the large ones go first; whoever may take longer ends a chain before the next begins.
    sizes, durations = [100] * 6 + [1] * 6, [5.0] * 6 + [1.0] * 6
    peaks = [ms.plan_memory(chains(6), sizes, durations, n_workers=3, price=price).peak_bytes for price in (1, 2)]
    assert peaks[0] >= peaks[1]
    assert peaks[1] <= 3 * 100 + 6


def test_the_same_seed_gives_the_same_order() -> None:
    rng = np.random.default_rng(1)
    source, target = np.sort(rng.integers(0, 60, (2, 120)), axis=0)
    graph = ms.DependencyGraph.from_edges(60, source[source < target], target[source < target])
    sizes = rng.integers(0, 1_000, 60)
    orders = [ms.plan_memory(graph, sizes, max_tries=500, seed=3).order.tolist() for _ in range(2)]
    assert orders[0] == orders[1]
    peaks = [ms.plan_memory(graph, sizes, max_tries=n).order_peak_bytes for n in (0, 5_000)]
    assert peaks[1] <= peaks[0]


def test_large_graphs_are_ordered() -> None:
    found = ms.plan_memory(chains(100_000), [9] * 100_000 + [1] * 100_000, n_workers=4)
    assert found.order_peak_bytes == 100_009
    assert found.n_tried == 4


def test_empty_graphs_take_no_memory() -> None:
    found = ms.plan_memory(ms.DependencyGraph.from_edges(0, [], []), [])
    assert (found.peak_bytes, found.makespan, found.live()[0].size) == (0, 0.0, 0)
    assert repr(found) == "<MemoryPlan 0 nodes: peak 0 bytes, 0% less than unaware, makespan 0 s, +0.0%>"


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"sizes": [1]}, "sizes"),
        ({"sizes": [1, -1]}, "sizes[1]"),
        ({"sizes": [2**62, 2**62]}, "sizes"),
        ({"sizes": [0.5, 1]}, "sizes"),
        ({"durations": [1]}, "durations"),
        ({"durations": [1, float("nan")]}, "durations"),
        ({"n_workers": 0}, "n_workers"),
        ({"price": 0.9}, "price"),
        ({"kept": [True]}, "kept"),
        ({"kept": [1, 0]}, "kept"),
        ({"max_tries": -1}, "max_tries"),
        ({"seed": -1}, "seed"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: dict[str, Any], argument: str) -> None:
    graph = ms.DependencyGraph.from_edges(2, [0], [1])
    with pytest.raises(ms.ValidationError) as caught:
        ms.plan_memory(graph, **{"sizes": [1, 1], **arguments})
    assert caught.value.argument.startswith(argument)
