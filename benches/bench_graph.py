"""The array-level graph beside rustworkx, on the same edges and durations."""

import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
import pytest
import rustworkx

import makespan as ms
from benches.compare import Comparison
from benches.instances import Instance, durations_ns, random_1m, random_1m_permuted

PARTS = ("build", "order", "levels", "path")
N_ROUNDS = 5


class Stopwatch:
    """Collects how long the parts of a run take."""

    def __init__(self) -> None:
        self.parts_s: dict[str, list[float]] = {part: [] for part in PARTS}
        self._last = 0.0

    def start(self) -> None:
        self._last = time.perf_counter()

    def lap(self, part: str) -> None:
        now = time.perf_counter()
        self.parts_s[part].append(now - self._last)
        self._last = now


@pytest.mark.parametrize("make", [random_1m, random_1m_permuted], ids=lambda make: make.__name__)
def bench_graph(compare: Comparison, make: Callable[[], Instance]) -> None:
    instance = make()
    of_node_ns = durations_ns(instance.n_nodes)
    seconds = of_node_ns / 1e9
    # Handed over in the form that each side takes fastest; rustworkx weighs edges, here with the source's duration.
    edges = list(
        zip(instance.sources.tolist(), instance.targets.tolist(), of_node_ns[instance.sources].tolist(), strict=True)
    )
    ours, theirs = Stopwatch(), Stopwatch()

    def with_makespan() -> Any:
        ours.start()
        graph = ms.DependencyGraph.from_edges(instance.n_nodes, instance.sources, instance.targets)
        ours.lap("build")
        order = graph.topological_order()
        ours.lap("order")
        levels = graph.levels()
        ours.lap("levels")
        critical = graph.critical_path(seconds)
        ours.lap("path")
        return order, levels, critical.path

    def with_rustworkx() -> Any:
        theirs.start()
        graph = rustworkx.PyDiGraph[None, int]()
        graph.add_nodes_from([None] * instance.n_nodes)
        graph.add_edges_from(edges)
        theirs.lap("build")
        order = rustworkx.topological_sort(graph)
        theirs.lap("order")
        generations = rustworkx.topological_generations(graph)
        theirs.lap("levels")
        path = rustworkx.dag_longest_path(graph, lambda _source, _target, weight: weight)
        theirs.lap("path")
        return order, generations, path

    def check(answer: Any, expected: Any) -> bool:
        order, levels, path = answer
        their_order, generations, their_path = expected
        their_levels = np.empty(instance.n_nodes, dtype=np.int64)
        for level, nodes in enumerate(generations):
            their_levels[list(nodes)] = level
        # The weight of a path's last node is on no edge of theirs: ours is at least as long, by less than a node.
        lead_ns = of_node_ns[path].sum() - of_node_ns[list(their_path)].sum()
        return bool(
            is_topological(instance, order)
            and is_topological(instance, list(their_order))
            and (levels == their_levels).all()
            and 0 <= lead_ns < of_node_ns.max()
        )

    source = f"generated, seeded, {instance.n_nodes:,} nodes, {len(edges):,} edges"
    baseline = f"rustworkx {version('rustworkx')}"
    compare(
        f"graph-{instance.name}",
        with_makespan,
        (baseline, with_rustworkx),
        n=instance.n_nodes,
        per="node",
        source=source,
        check=check,
        rounds=N_ROUNDS,
    )
    for part in PARTS:
        compare.report(
            f"graph-{instance.name}-{part}",
            ours.parts_s[part][1:],
            (baseline, theirs.parts_s[part][1:]),
            n=instance.n_nodes,
            per="node",
            source=source,
        )


def is_topological(instance: Instance, order: Any) -> bool:
    place = np.full(instance.n_nodes, -1, dtype=np.int64)
    place[order] = np.arange(instance.n_nodes)
    return bool((place >= 0).all() and (place[instance.sources] < place[instance.targets]).all())
