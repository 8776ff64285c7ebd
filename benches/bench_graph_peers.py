"""The array-level graph beside plain Python, graphlib, networkx and igraph; and its transitive reduction."""

from collections.abc import Callable
from graphlib import TopologicalSorter
from importlib.metadata import version
from typing import Any, NamedTuple

import igraph
import networkx as nx
import numpy as np
import pytest
import rustworkx

import makespan as ms
from benches.bench_graph import Stopwatch, is_topological
from benches.compare import Comparison
from benches.instances import Instance, durations_ns, random_2k_permuted, random_100k_permuted
from benches.pure_python import graph as pure

N_ROUNDS = 5
# The order is found where a graph is built, so that neither is compared alone.
PARTS = ("order", "levels", "path")


class Case:
    """A graph with durations, in the form that each side takes fastest."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.n_nodes = instance.n_nodes
        self.of_node_ns = durations_ns(instance.n_nodes)
        self.seconds = self.of_node_ns / 1e9
        self.durations: list[float] = self.of_node_ns.astype(float).tolist()
        self.sources: list[int] = instance.sources.tolist()
        self.targets: list[int] = instance.targets.tolist()
        self.edges = list(zip(self.sources, self.targets, strict=True))
        # networkx weighs edges, here with the source's duration.
        self.weighted = list(zip(self.sources, self.targets, self.of_node_ns[instance.sources].tolist(), strict=True))
        self.predecessors = dict(enumerate(instance.parents()))


class Answer(NamedTuple):
    """What was found; None for what a peer does not have."""

    order: Any
    levels: Any = None
    path: Any = None


Run = Callable[[Case, Stopwatch], Answer]


def with_makespan(case: Case, watch: Stopwatch, parts: tuple[str, ...] = PARTS) -> Answer:
    watch.start()
    graph = ms.DependencyGraph.from_edges(case.n_nodes, case.instance.sources, case.instance.targets)
    order = graph.topological_order()
    watch.lap("order")
    if "levels" not in parts:
        return Answer(order)
    levels = graph.levels()
    watch.lap("levels")
    path = graph.critical_path(case.seconds).path
    watch.lap("path")
    return Answer(order, levels, path)


def with_python(case: Case, watch: Stopwatch) -> Answer:
    watch.start()
    successors = pure.build(case.n_nodes, case.sources, case.targets)
    order = pure.topological_order(successors)
    watch.lap("order")
    levels = pure.levels(successors, order)
    watch.lap("levels")
    _, _, path, _ = pure.critical_path(successors, order, case.durations)
    watch.lap("path")
    return Answer(order, levels, path)


def with_graphlib(case: Case, watch: Stopwatch) -> Answer:
    watch.start()
    sorter = TopologicalSorter(case.predecessors)
    order = list(sorter.static_order())
    watch.lap("order")
    return Answer(order)


def with_networkx(case: Case, watch: Stopwatch) -> Answer:
    watch.start()
    graph = nx.DiGraph()
    graph.add_nodes_from(range(case.n_nodes))
    graph.add_weighted_edges_from(case.weighted)
    order = list(nx.topological_sort(graph))
    watch.lap("order")
    generations = list(nx.topological_generations(graph))
    watch.lap("levels")
    path = nx.dag_longest_path(graph)
    watch.lap("path")
    return Answer(order, generations, path)


def with_igraph(case: Case, watch: Stopwatch) -> Answer:
    watch.start()
    graph = igraph.Graph(n=case.n_nodes, edges=case.edges, directed=True)
    order = graph.topological_sorting()
    watch.lap("order")
    return Answer(order)


PEERS: dict[str, tuple[str, Run, tuple[str, ...]]] = {
    "python": ("plain Python", with_python, PARTS),
    "networkx": (f"networkx {version('networkx')}", with_networkx, PARTS),
    "graphlib": ("graphlib", with_graphlib, ("order",)),
    "igraph": (f"igraph {version('igraph')}", with_igraph, ("order",)),
}


def levels_of(generations: list[list[int]], n_nodes: int) -> list[int]:
    levels = [-1] * n_nodes
    for level, nodes in enumerate(generations):
        for node in nodes:
            levels[node] = level
    return levels


def agree(case: Case, ours: Answer, theirs: Answer, *, is_networkx: bool) -> bool:
    """Tell whether both found orders of the graph, the same levels, and paths of the same length."""
    orders = all(is_topological(case.instance, answer.order) for answer in (ours, theirs))
    if theirs.levels is None:
        return orders
    lead_ns = case.of_node_ns[ours.path].sum() - case.of_node_ns[list(theirs.path)].sum()
    # The weight of a path's last node is on no edge of networkx: ours is at least as long, by less than a node.
    is_as_long = 0 <= lead_ns < case.of_node_ns.max() if is_networkx else lead_ns == 0
    levels = levels_of(theirs.levels, case.n_nodes) if is_networkx else theirs.levels
    return bool(orders and is_as_long and np.array_equal(ours.levels, levels))


@pytest.mark.parametrize("peer", PEERS)
def bench_graph_beside(compare: Comparison, peer: str) -> None:
    baseline, run, parts = PEERS[peer]
    case = Case(random_100k_permuted())
    ours, theirs = Stopwatch(), Stopwatch()
    source = f"generated, seeded, {case.n_nodes:,} nodes, {len(case.edges):,} edges"
    compare(
        f"graph-{peer}",
        lambda: with_makespan(case, ours, parts),
        (baseline, lambda: run(case, theirs)),
        n=case.n_nodes,
        per="node",
        source=source,
        check=lambda found, expected: agree(case, found, expected, is_networkx=peer == "networkx"),
        rounds=N_ROUNDS,
    )
    for part in parts if parts == PARTS else ():
        compare.report(
            f"graph-{peer}-{part}",
            ours.parts_s[part][1:],
            (baseline, theirs.parts_s[part][1:]),
            n=case.n_nodes,
            per="node",
            source=source,
        )


@pytest.mark.parametrize("figure", ["python", "networkx", "rustworkx", "time"])
def bench_reduction(compare: Comparison, figure: str) -> None:
    case = Case(random_2k_permuted())
    graph = ms.DependencyGraph.from_edges(case.n_nodes, case.instance.sources, case.instance.targets)
    successors = [graph.successors(node).tolist() for node in range(case.n_nodes)]
    of_networkx = graph.to_networkx()
    of_rustworkx = rustworkx.PyDiGraph[None, None]()
    of_rustworkx.add_nodes_from([None] * case.n_nodes)
    of_rustworkx.add_edges_from_no_data([(node, target) for node, row in enumerate(successors) for target in row])

    def with_rustworkx() -> list[tuple[int, int]]:
        reduced, new_ids = rustworkx.transitive_reduction(of_rustworkx)
        assert all(old == new for old, new in new_ids.items())
        return list(reduced.edge_list())

    def with_python() -> list[tuple[int, int]]:
        return pure.transitive_reduction(successors)

    peers: dict[str, tuple[str, Callable[[], Any]]] = {
        "python": ("plain Python", with_python),
        "networkx": (f"networkx {version('networkx')}", lambda: nx.transitive_reduction(of_networkx).edges),
        "rustworkx": (f"rustworkx {version('rustworkx')}", with_rustworkx),
        "time": ("plain Python", with_python),
    }

    def check(reduced: ms.DependencyGraph, expected: Any) -> bool:
        source, target = reduced.edges()
        is_same = list(zip(source.tolist(), target.tolist(), strict=True)) == sorted(expected)
        return is_same and reduced.n_edges < graph.n_edges

    compare(
        f"reduction-{figure}",
        graph.transitive_reduction,
        peers[figure],
        n=case.n_nodes,
        per="node",
        source=f"generated, seeded, {case.n_nodes:,} nodes, {graph.n_edges:,} edges",
        check=check,
    )
