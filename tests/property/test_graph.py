"""Dependency graphs: the same answers as the slow reference, graphlib and nx."""

import copy
import graphlib
import itertools
import pickle
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import makespan as ms
from makespan.testing import reference

Edges = list[tuple[int, int]]
thorough = settings(max_examples=300)


@st.composite
def graphs(draw: st.DrawFn, *, with_cycles: bool = False) -> tuple[int, Edges]:
    """Generate graphs whose ids are in any order; edges may be given twice."""
    n_nodes = draw(st.integers(0, 12))
    places = draw(st.permutations(range(n_nodes)))
    if n_nodes < 2:
        return n_nodes, []
    ends = st.integers(0, n_nodes - 1)
    pairs = draw(st.lists(st.tuples(ends, ends), max_size=30))
    if with_cycles:
        return n_nodes, pairs
    return n_nodes, [(places[min(pair)], places[max(pair)]) for pair in pairs if pair[0] != pair[1]]


def built(n_nodes: int, edges: Edges) -> ms.DependencyGraph:
    source, target = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    return ms.DependencyGraph.from_edges(n_nodes, source, target)


def networkx_of(n_nodes: int, edges: Edges) -> Any:
    graph = nx.DiGraph(edges)
    graph.add_nodes_from(range(n_nodes))
    return graph


@thorough
@given(graphs())
def test_counts_order_and_levels_equal_reference(graph: tuple[int, Edges]) -> None:
    ours = built(*graph)
    assert (ours.n_nodes, ours.n_edges) == (graph[0], len(set(graph[1])))
    order = ours.topological_order()
    assert order.tolist() == reference.topological_order(*graph)
    assert ours.levels().tolist() == reference.levels(*graph)
    assert order.dtype == ours.levels().dtype == np.int64


@thorough
@given(graphs())
def test_order_and_levels_equal_networkx(graph: tuple[int, Edges]) -> None:
    ours, theirs = built(*graph), networkx_of(*graph)
    assert ours.topological_order().tolist() == list(nx.lexicographical_topological_sort(theirs))
    levels = ours.levels().tolist()
    for level, nodes in enumerate(nx.topological_generations(theirs)):
        assert {levels[node] for node in nodes} == {level}


@thorough
@given(graphs(), st.lists(st.integers(0, 9), min_size=12, max_size=12))
def test_critical_path_equals_reference_and_networkx(graph: tuple[int, Edges], durations: list[int]) -> None:
    n_nodes, edges = graph
    durations = durations[:n_nodes]
    found = built(n_nodes, edges).critical_path(durations)
    expected = reference.critical_path(n_nodes, edges, durations)
    assert found.length == expected.length
    assert found.path.tolist() == expected.path
    assert found.earliest_start.tolist() == expected.earliest_start
    assert found.latest_start.tolist() == expected.latest_start
    assert found.slack.tolist() == [
        latest - earliest for latest, earliest in zip(expected.latest_start, expected.earliest_start, strict=True)
    ]
    ends = nx.DiGraph()
    ends.add_nodes_from([(node, "out") for node in range(n_nodes)])
    ends.add_weighted_edges_from(((node, "in"), (node, "out"), durations[node]) for node in range(n_nodes))
    ends.add_weighted_edges_from(((before, "out"), (after, "in"), 0) for before, after in edges)
    assert found.length == nx.dag_longest_path_length(ends)


def pairs(graph: ms.DependencyGraph) -> Edges:
    source, target = graph.edges()
    return list(zip(source.tolist(), target.tolist(), strict=True))


@thorough
@given(graphs())
def test_neighbors_and_reach_equal_reference_and_networkx(graph: tuple[int, Edges]) -> None:
    (n_nodes, edges), ours, theirs = graph, built(*graph), networkx_of(*graph)
    assert pairs(ours) == sorted(set(edges))
    for node in range(n_nodes):
        assert ours.successors(node).tolist() == sorted(theirs.successors(node))
        assert ours.predecessors(node).tolist() == sorted(theirs.predecessors(node))
        after = sorted(reference.descendants(edges, node))
        assert ours.descendants(node).tolist() == after == sorted(nx.descendants(theirs, node))
        before = sorted(reference.ancestors(edges, node))
        assert ours.ancestors(node).tolist() == before == sorted(nx.ancestors(theirs, node))
    generations = list(nx.topological_generations(theirs))
    assert ours.width() == reference.width(*graph) == max(map(len, generations), default=0)


@thorough
@given(graphs())
def test_transitive_reduction_equals_reference_and_networkx(graph: tuple[int, Edges]) -> None:
    reduced = built(*graph).transitive_reduction()
    expected = reference.transitive_reduction(graph[1])
    assert pairs(reduced) == sorted(expected) == sorted(nx.transitive_reduction(networkx_of(*graph)).edges)
    assert reduced.n_nodes == graph[0]
    # The order of execution is the same.
    assert reduced.topological_order().tolist() == built(*graph).topological_order().tolist()


@thorough
@given(graphs(), st.lists(st.integers(0, 9), min_size=12, max_size=12))
def test_upward_rank_equals_reference(graph: tuple[int, Edges], durations: list[int]) -> None:
    n_nodes, edges = graph
    ranks = built(n_nodes, edges).upward_rank(durations[:n_nodes])
    assert ranks.tolist() == reference.upward_rank(n_nodes, edges, durations[:n_nodes])
    assert ranks.dtype == np.float64


@thorough
@given(graphs(), st.data())
def test_subgraph_equals_reference_and_networkx(graph: tuple[int, Edges], data: st.DataObject) -> None:
    nodes = data.draw(st.lists(st.sampled_from(range(graph[0])), unique=True)) if graph[0] else []
    part = built(*graph).subgraph(nodes)
    assert part.n_nodes == len(nodes)
    assert pairs(part) == sorted(reference.subgraph(graph[1], nodes))
    theirs = nx.relabel_nodes(networkx_of(*graph).subgraph(nodes), {node: new for new, node in enumerate(nodes)})
    assert pairs(part) == sorted(theirs.edges)


@thorough
@given(graphs())
def test_every_form_leads_back_to_the_same_graph(graph: tuple[int, Edges]) -> None:
    ours = built(*graph)
    predecessors = {node: ours.predecessors(node).tolist() for node in range(graph[0])}
    again = [
        ms.DependencyGraph.from_edges(graph[0], *ours.edges()),
        ms.DependencyGraph.from_csr(*ours.to_csr()),
        ms.DependencyGraph.from_dict(predecessors),
        ms.DependencyGraph.from_networkx(ours.to_networkx()),
        ms.DependencyGraph.from_networkx(nx.MultiDiGraph(ours.to_networkx())),
        ours.subgraph(range(graph[0])),
        pickle.loads(pickle.dumps(ours)),
        copy.deepcopy(ours),
    ]
    assert all(other == ours and hash(other) == hash(ours) and other.labels is None for other in again)
    assert len({ours, *again}) == 1


@thorough
@given(graphs(), st.permutations("abcdefghijkl"))
def test_names_lead_back_to_the_same_graph(graph: tuple[int, Edges], names: list[str]) -> None:
    predecessors: dict[str, list[str]] = {name: [] for name in names[: graph[0]]}
    for before, after in graph[1]:
        predecessors[names[after]].append(names[before])
    ours = ms.DependencyGraph.from_dict(predecessors)
    assert pairs(ours) == sorted(set(graph[1]))
    assert ours.labels == (tuple(names[: graph[0]]) or None)
    assert ms.DependencyGraph.from_networkx(ours.to_networkx()) == ours
    assert pickle.loads(pickle.dumps(ours)) == ours
    order = [names[node] for node in ours.topological_order()]
    places = {name: place for place, name in enumerate(order)}
    assert all(places[before] < places[after] for after, befores in predecessors.items() for before in befores)
    assert sorted(order) == sorted(graphlib.TopologicalSorter(predecessors).static_order())


@thorough
@given(graphs(), graphs())
def test_graphs_are_equal_exactly_if_their_edges_are(left: tuple[int, Edges], right: tuple[int, Edges]) -> None:
    are_alike = left[0] == right[0] and set(left[1]) == set(right[1])
    assert (built(*left) == built(*right)) is are_alike
    assert (built(*left) != built(*right)) is not are_alike


def shortest_cycle(graph: Any, node: int) -> int:
    """Return how many edges the shortest cycle through a node has."""
    lengths: dict[int, int] = dict(nx.single_target_shortest_path_length(graph, node))
    return 1 + min(lengths[after] for after in graph.successors(node) if after in lengths)


@thorough
@given(graphs(with_cycles=True))
def test_cycles_are_found_when_there_are_some_and_named_in_order(graph: tuple[int, Edges]) -> None:
    n_nodes, edges = graph
    sorter: graphlib.TopologicalSorter[int] = graphlib.TopologicalSorter()
    for before, after in edges:
        sorter.add(after, before)
    try:
        sorter.prepare()
    except graphlib.CycleError:
        with pytest.raises(ms.CycleError) as caught:
            built(n_nodes, edges)
        cycle = [node for node in caught.value.cycle if isinstance(node, int)]
        assert reference.is_cycle(cycle, edges)
        # It is the shortest one through a node of it.
        others = networkx_of(n_nodes, edges)
        assert len(cycle) - 1 in {shortest_cycle(others, node) for node in cycle}
    else:
        assert reference.topological_order(n_nodes, edges) is not None
        built(n_nodes, edges)


@thorough
@given(graphs(), st.lists(st.integers(0, 9), min_size=12, max_size=12), st.integers(1, 4))
def test_reference_schedule_respects_edges_workers_and_bounds(
    graph: tuple[int, Edges], durations: list[int], n_workers: int
) -> None:
    n_nodes, edges = graph
    durations = durations[:n_nodes]
    schedule = reference.list_schedule(n_nodes, edges, durations, n_workers)
    assert all(schedule.finish[before] <= schedule.start[after] for before, after in edges)
    for now in {*schedule.start}:
        running = [node for node in range(n_nodes) if schedule.start[node] <= now < schedule.finish[node]]
        assert len(running) <= n_workers
    longest = reference.critical_path(n_nodes, edges, durations).length
    bound = max(longest, sum(durations) / n_workers)
    assert bound <= schedule.makespan <= longest + sum(durations) / n_workers


@thorough
@given(st.lists(st.sets(st.sampled_from([("reads", "a"), ("writes", "a"), ("writes", "b"), "anything"])), max_size=8))
def test_declared_effects_order_exactly_the_nodes_in_conflict(touches: list[set[reference.Touch]]) -> None:
    """What `explain` says a node came after, followed to the start, is what the definition by pairs says."""
    wf = ms.Workflow("demo")
    for touched in touches:
        names = [touch for touch in touched if isinstance(touch, tuple)]
        step = (
            ms.effect(int)
            if "anything" in touched
            else ms.step(
                int,
                reads=[name for kind, name in names if kind == "reads"],
                writes=[name for kind, name in names if kind == "writes"],
            )
        )
        wf.add(step)
    run = wf.run()
    before: list[set[int]] = []
    for node in range(len(touches)):
        came_after = [line for line in run.explain(run.paths[node]).splitlines() if "came after" in line]
        direct = {other for other in range(node) if came_after and f"{run.paths[other]} (" in came_after[0]}
        before.append(direct.union(*(before[other] for other in direct)))
    expected = reference.hazard_edges(touches)
    closed: list[set[int]] = []
    for node in range(len(touches)):
        direct = {other for other, after in expected if after == node}
        closed.append(direct.union(*(closed[other] for other in direct)))
    assert before == closed


def test_reference_schedule_knows_no_worker_and_no_cycle() -> None:
    with pytest.raises(ValueError, match="worker"):
        reference.list_schedule(1, [], [1], 0)
    with pytest.raises(ValueError, match="cycle"):
        reference.list_schedule(2, [(0, 1), (1, 0)], [1, 1], 1)


def test_reference_takes_priorities() -> None:
    schedule = reference.list_schedule(3, [], [1, 1, 1], 1, priorities=[0, 2, 1])
    assert schedule.start == [2, 0, 1]
    assert list(itertools.accumulate([1, 1, 1])) == sorted(schedule.finish)
