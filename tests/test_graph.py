"""`DependencyGraph`: what it takes, what it refuses and how it says so."""

import itertools
import threading
from typing import Any

import numpy as np
import pytest

import makespan as ms


def test_graph_of_a_diamond() -> None:
    graph = ms.DependencyGraph.from_edges(4, [0, 0, 1, 2], [1, 2, 3, 3])
    assert (graph.n_nodes, graph.n_edges) == (4, 4)
    assert graph.topological_order().tolist() == [0, 1, 2, 3]
    assert graph.levels().tolist() == [0, 1, 1, 2]
    found = graph.critical_path([1.0, 5.0, 2.0, 1.0])
    assert (found.path.tolist(), found.length, found.slack.tolist()) == ([0, 1, 3], 7.0, [0, 0, 3, 0])
    assert repr(graph) == "<DependencyGraph 4 nodes, 4 edges>"


@pytest.mark.parametrize("n_nodes", [0, 1, 5, np.int64(3), np.uint8(2)])
def test_graph_without_edges(n_nodes: Any) -> None:
    graph = ms.DependencyGraph.from_edges(n_nodes, [], [])
    assert (graph.n_nodes, graph.n_edges) == (n_nodes, 0)
    assert graph.topological_order().tolist() == list(range(n_nodes))
    assert graph.levels().tolist() == [0] * n_nodes
    found = graph.critical_path([2.0] * int(n_nodes))
    assert found.length == (2.0 if n_nodes else 0.0)
    assert found.path.tolist() == ([0] if n_nodes else [])


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int32, np.uint32, np.int64, np.uint64])
def test_edges_may_be_integers_of_any_size(kind: type[np.integer[Any]]) -> None:
    graph = ms.DependencyGraph.from_edges(3, np.array([0, 1], dtype=kind), np.array([1, 2], dtype=kind))
    assert graph.levels().tolist() == [0, 1, 2]


def test_edges_may_be_views_and_are_copied() -> None:
    edges = np.array([[0, 1], [1, 2], [0, 2]])
    graph = ms.DependencyGraph.from_edges(3, edges[:, 0], edges[::1, 1])
    edges[:] = 0
    assert graph.levels().tolist() == [0, 1, 2]
    backwards = ms.DependencyGraph.from_edges(3, np.array([1, 0])[::-1], np.array([2, 1])[::-1])
    assert backwards.topological_order().tolist() == [0, 1, 2]


def test_answers_may_be_written_to_without_harm() -> None:
    graph = ms.DependencyGraph.from_edges(2, [0], [1])
    graph.topological_order()[:] = 9
    graph.levels()[:] = 9
    assert (graph.topological_order().tolist(), graph.levels().tolist()) == ([0, 1], [0, 1])


def test_repeated_edges_count_once() -> None:
    assert ms.DependencyGraph.from_edges(2, [0, 0, 0], [1, 1, 1]).n_edges == 1


@pytest.mark.parametrize(
    ("n_nodes", "source", "target", "message"),
    [
        (3, [0, -1], [1, 2], "edge 1 is -1; expected node ids from 0 to 2"),
        (3, [0, 1, 1], [1, 2, 3], "edge 2 is 3; expected node ids from 0 to 2"),
        (3, np.array([2**63], dtype=np.uint64), [1], f"source[0] is {2**63}"),
        (0, [0], [0], "edge 0 is 0; expected"),
        (3, [0, 1], [1], "target"),
        (3, [[0, 1]], [[1, 2]], "source"),
        (3, [0.5], [1], "source"),
        (3, [0], [True], "target"),
        (3, ["a"], [1], "source"),
        (3, 0, 1, "source"),
        (-1, [], [], "n_nodes is -1"),
        (1.0, [], [], "n_nodes is 1.0"),
        (True, [], [], "n_nodes is True"),
        (2**40, [], [], "n_nodes is 1099511627776"),
        (2**70, [], [], "n_nodes is 1180591620717411303424"),
    ],
)
def test_what_is_no_graph_is_refused_by_name(n_nodes: Any, source: Any, target: Any, message: str) -> None:
    with pytest.raises(ms.ValidationError) as caught:
        ms.DependencyGraph.from_edges(n_nodes, source, target)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("edges", "cycle"),
    [
        ([(1, 1)], (1, 1)),
        ([(0, 1), (1, 0)], (0, 1, 0)),
        ([(0, 1), (1, 2), (2, 3), (3, 1), (3, 0)], None),
        ([(3, 2), (2, 1), (1, 3), (0, 3)], None),
    ],
)
def test_cycle_is_named_in_order(edges: list[tuple[int, int]], cycle: tuple[int, ...] | None) -> None:
    with pytest.raises(ms.CycleError) as caught:
        ms.DependencyGraph.from_edges(4, *zip(*edges, strict=True))
    found = caught.value.cycle
    assert all(step in edges for step in itertools.pairwise(found))
    assert found[0] == found[-1]
    if cycle is not None:
        assert set(found) == set(cycle)
        assert len(found) == len(cycle)


@pytest.mark.parametrize(
    ("durations", "message"),
    [
        ([1.0], "durations is (1,); expected shape (2,)"),
        ([[1.0, 2.0]], "durations"),
        ([1.0, float("nan")], "durations[1] is nan"),
        ([-1.0, 1.0], "durations[0] is -1.0"),
        ([1.0, float("inf")], "durations[1] is inf"),
        ([1.0, 1e9], "durations[1] is 1000000000.0"),
        (["a", "b"], "durations"),
        (None, "durations"),
        (3.0, "durations"),
    ],
)
def test_durations_that_cannot_be_are_refused_by_name(durations: Any, message: str) -> None:
    with pytest.raises(ms.ValidationError) as caught:
        ms.DependencyGraph.from_edges(2, [0], [1]).critical_path(durations)
    assert message in str(caught.value)


def test_graph_is_made_of_edges_only() -> None:
    with pytest.raises((TypeError, ms.ExecutionException)):
        repr(ms.DependencyGraph())


def test_one_graph_answers_many_threads() -> None:
    n_nodes = 20_000
    graph = ms.DependencyGraph.from_edges(n_nodes, np.arange(n_nodes - 1), np.arange(1, n_nodes))
    wrong: list[Any] = []

    def ask() -> None:
        for _ in range(20):
            if graph.critical_path(np.ones(n_nodes)).length != n_nodes or graph.levels()[-1] != n_nodes - 1:
                wrong.append(1)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
