"""`DependencyGraph`: what it takes, what it refuses and how it says so."""

import itertools
import pickle
import sys
import threading
from typing import Any

import networkx as nx
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
        (3, [0, -1], [1, 2], "edge 1 is -1; expected a node id from 0 to 2"),
        (3, [0, 1, 1], [1, 2, 3], "edge 2 is 3; expected a node id from 0 to 2"),
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


@pytest.mark.parametrize("durations", [[True, False], ["1", "2"], [1j, 2j], np.array([1, 2], dtype="m8[s]")])
def test_durations_that_are_no_numbers_are_refused(durations: Any) -> None:
    graph = ms.DependencyGraph.from_edges(2, [0], [1])
    for ask in (graph.critical_path, graph.upward_rank):
        with pytest.raises(ms.ValidationError, match=r"durations is .*; expected numbers"):
            ask(durations)


def test_rank_of_a_diamond() -> None:
    graph = ms.DependencyGraph.from_edges(4, [0, 0, 1, 2], [1, 2, 3, 3])
    assert graph.upward_rank([1.0, 5.0, 2.0, 1.0]).tolist() == [7.0, 6.0, 3.0, 1.0]
    with pytest.raises(ms.ValidationError, match=r"durations\[3\] is nan"):
        graph.upward_rank([1, 1, 1, np.nan])


@pytest.mark.parametrize(
    ("offsets", "targets", "message"),
    [
        ([], [], "offsets is 0; expected length 1"),
        ([1, 1], [0], "offsets[0] is 1; expected offsets that ascend from 0"),
        ([0, 2, 1], [1], "offsets[2] is 1; expected offsets that ascend from 0"),
        ([0, -1], [], "offsets[1] is -1"),
        ([0, 1], [], "targets is 0; expected length 1"),
        ([0, 1, 1], [2], "edge 0 is 2; expected a node id from 0 to 1"),
        ([0, 1, 1], [-1], "edge 0 is -1; expected a node id from 0 to 1"),
        ([0.0, 1.0], [0], "offsets is 'float64, shape (2,)'; expected integers, shape (n_nodes + 1,)"),
        ([0, 1], [[0]], "targets is 'int64, shape (1, 1)'; expected integers, shape (n_edges,)"),
    ],
)
def test_rows_that_are_no_graph_are_refused_by_name(offsets: Any, targets: Any, message: str) -> None:
    with pytest.raises(ms.ValidationError) as caught:
        ms.DependencyGraph.from_csr(offsets, targets)
    assert message in str(caught.value)


def test_rows_may_form_a_cycle_and_be_in_any_order() -> None:
    with pytest.raises(ms.CycleError) as caught:
        ms.DependencyGraph.from_csr([0, 1, 2], [1, 0])
    assert caught.value.cycle == (0, 1, 0)
    graph = ms.DependencyGraph.from_csr([0, 3, 3, 3], [2, 1, 2])
    offsets, targets = graph.to_csr()
    assert (offsets.tolist(), targets.tolist()) == ([0, 2, 2, 2], [1, 2])
    assert offsets.dtype == targets.dtype == np.int64
    assert ms.DependencyGraph.from_csr([0], []).n_nodes == 0


@pytest.mark.parametrize("node", [-1, 3, 2**70, 1.0, True, None, "a", np.int64(7)])
@pytest.mark.parametrize("question", ["successors", "predecessors", "ancestors", "descendants"])
def test_node_that_is_none_is_refused_by_name(question: str, node: Any) -> None:
    graph = ms.DependencyGraph.from_edges(3, [0, 1], [1, 2])
    with pytest.raises(ms.ValidationError, match=r"node is .*; expected a node id from 0 to 2"):
        getattr(graph, question)(node)
    with pytest.raises(ms.ValidationError, match="the graph has no nodes"):
        getattr(ms.DependencyGraph.from_edges(0, [], []), question)(0)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([0, 3], "nodes[1] is 3; expected a node id from 0 to 2"),
        ([-1], "nodes[0] is -1; expected a node id from 0 to 2"),
        ([1, 2, 1], "nodes[2] is 1; expected different nodes"),
        ([True, False, True], "nodes is 'bool, shape (3,)'; expected integers"),
        ([0.0], "nodes is 'float64, shape (1,)'; expected integers"),
    ],
)
def test_subgraph_of_what_is_no_node_is_refused_by_name(nodes: Any, message: str) -> None:
    graph = ms.DependencyGraph.from_edges(3, [0, 1], [1, 2])
    with pytest.raises(ms.ValidationError) as caught:
        graph.subgraph(nodes)
    assert message in str(caught.value)


def test_labels_are_kept_where_keys_are_not_ids() -> None:
    graph = ms.DependencyGraph.from_dict({"d": ["b", "c"], "b": ["a"], "c": {"a"}})
    assert graph.labels == ("d", "b", "c", "a")
    assert graph.subgraph([3, 0]).labels == ("a", "d")
    assert graph.transitive_reduction().labels == graph.labels
    assert ms.DependencyGraph.from_dict({0: [], 1: [0]}).labels is None
    assert ms.DependencyGraph.from_dict({1: [0], 0: []}).labels == (1, 0)
    assert ms.DependencyGraph.from_dict({0: [], 1.0: [0]}).labels == (0, 1.0)
    # Some of the names may be ids by chance.
    assert ms.DependencyGraph.from_dict({5: [], 0: [5], 1: []}).subgraph([1, 2]).labels is None


def test_labels_tell_graphs_apart() -> None:
    plain = ms.DependencyGraph.from_edges(2, [0], [1])
    named = ms.DependencyGraph.from_dict({"a": [], "b": ["a"]})
    assert named == ms.DependencyGraph.from_dict({"a": (), "b": iter(["a", "a"])})
    assert named != plain
    assert named != ms.DependencyGraph.from_dict({"a": [], "c": ["a"]})
    assert plain != "a graph"


@pytest.mark.parametrize(
    ("predecessors", "message"),
    [
        ({"ab": "ab"}, "predecessors['ab'] is 'ab'; expected keys in a list or another iterable, not a text"),
        ({"a": b"b"}, "predecessors['a'] is b'b'"),
        ({"a": 3}, "predecessors['a'] is 3; expected an iterable of hashable keys"),
        ({"a": [["b"]]}, "predecessors['a'] is [['b']]; expected an iterable of hashable keys"),
    ],
)
def test_predecessors_that_cannot_be_meant_are_refused_by_key(predecessors: Any, message: str) -> None:
    with pytest.raises(ms.ValidationError) as caught:
        ms.DependencyGraph.from_dict(predecessors)
    assert message in str(caught.value)


def test_cycle_is_named_by_keys() -> None:
    predecessors = {("load", 1): [("clean", 1)], ("clean", 1): [("load", 1)], "other": []}
    with pytest.raises(ms.CycleError) as caught:
        ms.DependencyGraph.from_dict(predecessors)
    assert caught.value.cycle == (("load", 1), ("clean", 1), ("load", 1))
    assert pickle.loads(pickle.dumps(caught.value)).cycle == caught.value.cycle
    with pytest.raises(ms.CycleError) as caught:
        ms.DependencyGraph.from_dict({"a": ["a"]})
    assert caught.value.cycle == ("a", "a")


def test_graph_of_networkx_has_to_be_directed() -> None:
    for wrong in (nx.Graph([(0, 1)]), {0: [1]}, None):
        with pytest.raises(ms.ValidationError, match="expected a directed graph of networkx"):
            ms.DependencyGraph.from_networkx(wrong)


def test_missing_networkx_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "networkx", None)
    with pytest.raises(ms.MissingDependencyError) as caught:
        ms.DependencyGraph.from_edges(1, [], []).to_networkx()
    assert "makespan[networkx]" in str(caught.value)


def test_pictures_escape_labels() -> None:
    graph = ms.DependencyGraph.from_dict(
        {'say "hi"': [], "a\\b\r\nc": ['say "hi"'], "<b>&amp;#35;`": [], "": [], "\x00é": []}
    )
    assert graph.to_mermaid() == (
        "flowchart TD\n"
        '    n0["say #34;hi#34;"]\n'
        '    n1["a#92;b<br>c"]\n'
        '    n2["#60;b#62;#38;amp;#35;35;#96;"]\n'
        '    n3[" "]\n'
        '    n4["\N{REPLACEMENT CHARACTER}é"]\n'
        "    n0 --> n1\n"
    )
    assert graph.to_dot() == (
        "digraph {\n"
        r'    0 [label="say \"hi\""];'
        "\n"
        r'    1 [label="a\\b\nc"];'
        "\n"
        '    2 [label="<b>&amp;amp;#35;`"];\n'
        '    3 [label=""];\n'
        '    4 [label="\N{REPLACEMENT CHARACTER}é"];\n'
        "    0 -> 1;\n"
        "}\n"
    )


@pytest.mark.parametrize("form", ["to_mermaid", "to_dot"])
def test_pictures_have_a_limit_that_can_be_lifted(form: str) -> None:
    graph = ms.DependencyGraph.from_edges(5_001, [0], [5_000])
    draw = getattr(graph, form)
    with pytest.raises(ms.ValidationError, match=r"n_nodes_max is .*; expected at least 5001.*subgraph"):
        draw()
    assert "5000" in draw(n_nodes_max=5_001)
    assert draw(n_nodes_max=None) == draw(n_nodes_max=5_001)
    assert getattr(ms.DependencyGraph.from_edges(0, [], []), form)(n_nodes_max=0)


def test_pickle_is_compact() -> None:
    n_nodes = 10_000
    graph = ms.DependencyGraph.from_edges(n_nodes, np.arange(n_nodes - 1), np.arange(1, n_nodes))
    assert len(pickle.dumps(graph)) < 4 * (graph.n_nodes + graph.n_edges) + 1_000


def test_length_is_the_number_of_nodes() -> None:
    assert len(ms.DependencyGraph.from_edges(3, [0], [1])) == 3


def test_refusal_leaves_the_graph_as_it_is() -> None:
    graph = ms.DependencyGraph.from_edges(3, [0, 1], [1, 2])
    before = pickle.dumps(graph)
    for refused in (lambda: graph.subgraph([7]), lambda: graph.ancestors(7), lambda: graph.critical_path([1])):
        with pytest.raises(ms.ValidationError):
            refused()
    assert pickle.dumps(graph) == before


def test_reduction_of_a_wide_graph_spans_blocks() -> None:
    """A comb: a chain of 5,000 nodes and an edge from each to the one 3,000 further; the chain is what is left."""
    n_nodes, reach = 5_000, 3_000
    chain, far = np.arange(n_nodes - 1), np.arange(n_nodes - reach)
    shuffled = np.random.default_rng(1).permutation(n_nodes)
    for names in (np.arange(n_nodes), shuffled):
        graph = ms.DependencyGraph.from_edges(n_nodes, names[np.r_[chain, far]], names[np.r_[chain + 1, far + reach]])
        expected = ms.DependencyGraph.from_edges(n_nodes, names[chain], names[chain + 1])
        assert graph.n_edges == expected.n_edges + far.size
        assert graph.transitive_reduction() == expected


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
