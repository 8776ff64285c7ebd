"""The price of a crossing: it decides how large a batch must be."""

from typing import Any

import numpy as np
import pytest

import makespan as ms
from benches.compare import Comparison
from benches.shapes import nothing

N_CALLS = 100_000


def bench_call(compare: Comparison) -> None:
    # A frozen class, a getter that returns a number: the least that a crossing does.
    graph = ms.DependencyGraph.from_edges(1, [], [])._graph

    def cross() -> int:
        for _ in range(N_CALLS - 1):
            graph.n_nodes  # noqa: B018
        return graph.n_nodes

    def call_python() -> int:
        for _ in range(N_CALLS):
            nothing()
        return 1

    compare(
        "boundary-call",
        cross,
        ("a Python call", call_python),
        n=N_CALLS,
        per="call",
        source=f"{N_CALLS:,} calls a round",
        check=lambda n_nodes, expected: bool(n_nodes == expected),
    )


@pytest.mark.parametrize(("size", "title", "n_calls"), [(1_000, "1k", 1_000), (1_000_000, "1m", 1)])
def bench_arrays(compare: Comparison, size: int, title: str, n_calls: int) -> None:
    # Without edges the walk is the least work that an array can be sent for.
    graph = ms.DependencyGraph.from_edges(size, [], [])
    durations = np.full(size, 1e-6)

    def cross() -> Any:
        found = graph.critical_path(durations)
        for _ in range(n_calls - 1):
            found = graph.critical_path(durations)
        return found.earliest_start, found.latest_start

    def copy() -> Any:
        copies = [durations.copy() for _ in range(3)]
        for _ in range(n_calls - 1):
            copies = [durations.copy() for _ in range(3)]
        return copies[0] * 0, copies[1] * 0

    compare(
        f"boundary-arrays-{title}",
        cross,
        ("three copies by numpy", copy),
        n=n_calls,
        per="call",
        source=f"float64, {size:,} elements",
        check=lambda found, expected: all(map(np.array_equal, found, expected)),
    )
