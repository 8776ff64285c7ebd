"""Dependency graphs as arrays: the scheduling without the workflows."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from makespan import _core
from makespan.exceptions import CycleError
from makespan.scheduling.arguments import as_durations_ns, as_integers, as_n_nodes, as_node
from makespan.scheduling.conversion import NamedGraph, are_names, as_networkx, named_by_dict, named_by_networkx
from makespan.scheduling.critical_path import GraphCriticalPath
from makespan.scheduling.picture import as_dot, as_mermaid

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
    from typing import Any, SupportsIndex

    import networkx as nx
    from numpy.typing import ArrayLike, NDArray

__all__ = ["DependencyGraph", "GraphCriticalPath"]

_Key = TypeVar("_Key", bound="Hashable")


class DependencyGraph:
    """An immutable directed graph without cycles; nodes are 0 to ``n_nodes - 1``.

    Entry ``i`` of an array over nodes belongs to node ``i``. Arrays that come out are the caller's own. Threads may
    share a graph; whatever takes long releases the interpreter. Graphs are equal where nodes, edges and `labels` are,
    and ``len(graph)`` is the number of nodes. A pickle holds the labels and rows as of `to_csr`, in uint32.

    Examples
    --------
    >>> graph = DependencyGraph.from_edges(4, [0, 0, 1, 2], [1, 2, 3, 3])
    >>> graph
    <DependencyGraph 4 nodes, 4 edges>
    >>> graph.levels().tolist()
    [0, 1, 1, 2]
    """

    __slots__ = ("__weakref__", "_graph", "_labels")

    _graph: _core.Graph
    _labels: tuple[Hashable, ...] | None

    def __init__(self) -> None:
        message = "a DependencyGraph is made of edges: DependencyGraph.from_edges(n_nodes, source, target)"
        raise TypeError(message)

    @classmethod
    def from_edges(cls, n_nodes: SupportsIndex, source: ArrayLike, target: ArrayLike) -> DependencyGraph:
        """Build a graph from its edges; an edge that is given twice counts once.

        Parameters
        ----------
        n_nodes
            Number of nodes.
        source, target
            The two ends of every edge, integers, shape ``(n_edges,)``: ``source`` comes before ``target``.

        Raises
        ------
        ValidationError
            An end is not a node, or the shapes do not fit; the error names the edge.
        CycleError
            The edges form a cycle; the error names its nodes in order.

        Notes
        -----
        O(n + m) time and memory; deterministic; releases the interpreter.

        Examples
        --------
        >>> DependencyGraph.from_edges(2, [0], [1]).n_edges
        1
        """
        ends = (as_integers(source, "source", "(n_edges,)"), as_integers(target, "target", "(n_edges,)"))
        return _wrapped(_core.Graph.from_edges(as_n_nodes(n_nodes), *ends))

    @classmethod
    def from_csr(cls, offsets: ArrayLike, targets: ArrayLike) -> DependencyGraph:
        """Build a graph from compressed rows: ``targets[offsets[i]:offsets[i + 1]]`` come after node ``i``.

        These are ``indptr`` and ``indices`` of a `scipy.sparse.csr_array` whose rows are the nodes that come before.

        Parameters
        ----------
        offsets
            Where the row of each node begins, and where the last one ends: integers that ascend from 0 to ``n_edges``,
            shape ``(n_nodes + 1,)``.
        targets
            The rows one after another, integers, shape ``(n_edges,)``; a row may be in any order and name a node twice.

        Raises
        ------
        ValidationError
            A target is not a node, an offset is smaller than the one before, or the shapes do not fit.
        CycleError
            The edges form a cycle; the error names its nodes in order.

        Examples
        --------
        >>> DependencyGraph.from_csr([0, 2, 3, 3], [1, 2, 2]) == DependencyGraph.from_edges(3, [0, 0, 1], [1, 2, 2])
        True
        """
        starts = as_integers(offsets, "offsets", "(n_nodes + 1,)")
        return _wrapped(_core.Graph.from_csr(starts, as_integers(targets, "targets", "(n_edges,)")))

    @classmethod
    def from_dict(cls, predecessors: Mapping[_Key, Iterable[_Key]]) -> DependencyGraph:
        """Build a graph from the predecessors of every node, in the form that `graphlib.TopologicalSorter` takes.

        Parameters
        ----------
        predecessors
            For each node the nodes that come before it; keys may be anything hashable. Node ``i`` is the ``i``-th key;
            what is no key follows in the order of its first occurrence, which for sets may differ between processes.

        Returns
        -------
        graph
            The graph; `labels` are the keys, unless each key is its own id.

        Raises
        ------
        ValidationError
            The predecessors of a key are no iterable of hashable keys, or a text.
        CycleError
            The edges form a cycle; the error names its keys in order.

        Examples
        --------
        >>> graph = DependencyGraph.from_dict({"publish": ["embed"], "embed": ["load"]})
        >>> graph.labels
        ('publish', 'embed', 'load')
        >>> [graph.labels[node] for node in graph.topological_order()]
        ['load', 'embed', 'publish']
        """
        return _of_named(named_by_dict(predecessors))

    @classmethod
    def from_networkx(cls, graph: nx.DiGraph) -> DependencyGraph:
        """Build a graph from one of networkx.

        Parameters
        ----------
        graph
            A directed graph; parallel edges count once, and attributes are left behind. Node ``i`` is the ``i``-th one
            of ``graph.nodes``.

        Returns
        -------
        graph
            The graph; `labels` are the nodes of ``graph``, unless each is its own id.

        Raises
        ------
        ValidationError
            The graph is not directed, or not one of networkx.
        CycleError
            The edges form a cycle; the error names its nodes in order.

        Examples
        --------
        >>> import networkx as nx
        >>> graph = DependencyGraph.from_networkx(nx.DiGraph([("load", "embed"), ("embed", "publish")]))
        >>> graph.labels
        ('load', 'embed', 'publish')
        """
        return _of_named(named_by_networkx(graph))

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return self._graph.n_nodes

    @property
    def n_edges(self) -> int:
        """Number of distinct edges."""
        return self._graph.n_edges

    @property
    def labels(self) -> tuple[Hashable, ...] | None:
        """What the nodes are called where they came from, by id; None where they are called by their ids.

        Set by `from_dict` and `from_networkx`, kept by `subgraph` and `transitive_reduction`, shown by `to_networkx`,
        by pictures and by the error that names a cycle. Everything else takes and returns ids.
        """
        return self._labels

    def edges(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the two ends of every edge, in ascending order.

        Returns
        -------
        source, target
            Node ids, int64, shape ``(n_edges,)``: ``source`` comes before ``target``.

        Examples
        --------
        >>> source, target = DependencyGraph.from_edges(3, [1, 0], [2, 2]).edges()
        >>> source.tolist(), target.tolist()
        ([0, 1], [2, 2])
        """
        return self._graph.edges()

    def to_csr(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the compressed rows of successors, as `from_csr` takes them; every row ascends.

        Returns
        -------
        offsets
            int64, shape ``(n_nodes + 1,)``.
        targets
            Node ids, int64, shape ``(n_edges,)``: ``targets[offsets[i]:offsets[i + 1]]`` come after node ``i``.

        Examples
        --------
        >>> offsets, targets = DependencyGraph.from_edges(3, [0, 0], [2, 1]).to_csr()
        >>> offsets.tolist(), targets.tolist()
        ([0, 2, 2, 2], [1, 2])
        """
        return self._graph.to_csr()

    def successors(self, node: SupportsIndex) -> NDArray[np.int64]:
        """Return the nodes that wait for a node directly.

        Parameters
        ----------
        node
            Node id.

        Returns
        -------
        successors
            Node ids, int64, ascending.

        Raises
        ------
        ValidationError
            The graph has no such node.

        Examples
        --------
        >>> DependencyGraph.from_edges(3, [0, 1], [1, 2]).successors(0).tolist()
        [1]
        """
        return self._graph.successors(as_node(node, self.n_nodes))

    def predecessors(self, node: SupportsIndex) -> NDArray[np.int64]:
        """Return the nodes that a node waits for directly.

        Parameters
        ----------
        node
            Node id.

        Returns
        -------
        predecessors
            Node ids, int64, ascending. The first call on a graph goes through all its edges.

        Raises
        ------
        ValidationError
            The graph has no such node.

        Examples
        --------
        >>> DependencyGraph.from_edges(3, [0, 1], [1, 2]).predecessors(2).tolist()
        [1]
        """
        return self._graph.predecessors(as_node(node, self.n_nodes))

    def descendants(self, node: SupportsIndex) -> NDArray[np.int64]:
        """Return the nodes that wait for a node, directly or not.

        Parameters
        ----------
        node
            Node id.

        Returns
        -------
        descendants
            Node ids, int64, ascending, without the node itself.

        Raises
        ------
        ValidationError
            The graph has no such node.

        Examples
        --------
        >>> DependencyGraph.from_edges(3, [0, 1], [1, 2]).descendants(0).tolist()
        [1, 2]
        """
        return self._graph.descendants(as_node(node, self.n_nodes))

    def ancestors(self, node: SupportsIndex) -> NDArray[np.int64]:
        """Return the nodes that a node waits for, directly or not.

        Parameters
        ----------
        node
            Node id.

        Returns
        -------
        ancestors
            Node ids, int64, ascending, without the node itself.

        Raises
        ------
        ValidationError
            The graph has no such node.

        Examples
        --------
        >>> DependencyGraph.from_edges(3, [0, 1], [1, 2]).ancestors(2).tolist()
        [0, 1]
        """
        return self._graph.ancestors(as_node(node, self.n_nodes))

    def topological_order(self) -> NDArray[np.int64]:
        """Return an order in which every node comes after its predecessors: among those possible the smallest id first.

        Returns
        -------
        order
            Node ids, int64, shape ``(n_nodes,)``.

        Examples
        --------
        >>> DependencyGraph.from_edges(3, [2, 1], [0, 0]).topological_order().tolist()
        [1, 2, 0]
        """
        return self._graph.topological_order()

    def levels(self) -> NDArray[np.int64]:
        """Return how many edges the longest path to each node has.

        Returns
        -------
        levels
            int64, shape ``(n_nodes,)``; 0 for nodes without predecessors.

        Examples
        --------
        >>> DependencyGraph.from_edges(3, [0, 1], [1, 2]).levels().tolist()
        [0, 1, 2]
        """
        return self._graph.levels()

    def width(self) -> int:
        """Return how many nodes the fullest level has.

        Returns
        -------
        width
            How much can run at once where all durations are alike; more may be independent of each other.

        Examples
        --------
        >>> DependencyGraph.from_edges(4, [0, 0, 0], [1, 2, 3]).width()
        3
        """
        return self._graph.width()

    def critical_path(self, durations: ArrayLike) -> GraphCriticalPath:
        """Return the longest path, and earliest and latest starts.

        Parameters
        ----------
        durations
            Seconds, shape ``(n_nodes,)``; finite and not negative. They are counted in nanoseconds.

        Returns
        -------
        path
            Ties break by the smallest id.

        Raises
        ------
        ValidationError
            A duration is negative or not finite, or the shape does not fit.

        Examples
        --------
        >>> graph = DependencyGraph.from_edges(3, [0, 1], [2, 2])
        >>> found = graph.critical_path([1.0, 2.0, 1.0])
        >>> found.path.tolist(), found.slack.tolist()
        ([1, 2], [1.0, 0.0, 0.0])
        """
        durations_ns = as_durations_ns(durations, self.n_nodes)
        earliest_ns, latest_ns, path, length_ns = self._graph.critical_path(durations_ns)
        return GraphCriticalPath(earliest_ns / 1e9, latest_ns / 1e9, path, length_ns / 1e9)

    def upward_rank(self, durations: ArrayLike) -> NDArray[np.float64]:
        """Return each node's longest path to a sink, its own duration included (Topcuoglu et al. 2002).

        Parameters
        ----------
        durations
            Seconds, shape ``(n_nodes,)``; finite and not negative. They are counted in nanoseconds.

        Returns
        -------
        ranks
            Seconds, float64, shape ``(n_nodes,)``; the priority of list scheduling, the larger first.

        Raises
        ------
        ValidationError
            A duration is negative or not finite, or the shape does not fit.

        Examples
        --------
        >>> DependencyGraph.from_edges(3, [0, 0], [1, 2]).upward_rank([1.0, 5.0, 2.0]).tolist()
        [6.0, 5.0, 2.0]
        """
        return self._graph.upward_rank(as_durations_ns(durations, self.n_nodes)) / 1e9

    def transitive_reduction(self) -> DependencyGraph:
        """Return the graph without the edges that a longer path implies.

        Returns
        -------
        graph
            The same nodes, and the fewest edges that leave the order the same: there is one such graph.

        Notes
        -----
        O(n + m) where no edge skips a level, O(n · m / 64) at worst; at most 256 bytes per node while it works.

        Examples
        --------
        >>> DependencyGraph.from_edges(3, [0, 1, 0], [1, 2, 2]).transitive_reduction().n_edges
        2
        """
        return _wrapped(self._graph.transitive_reduction(), self._labels)

    def subgraph(self, nodes: ArrayLike) -> DependencyGraph:
        """Return the graph of some nodes and the edges between them; a path through other nodes leaves no edge.

        Parameters
        ----------
        nodes
            Different node ids, integers, in any order: node ``nodes[i]`` is node ``i`` of the result.

        Returns
        -------
        graph
            With the labels of the nodes.

        Raises
        ------
        ValidationError
            The graph has no such node, or a node is named twice.

        Examples
        --------
        >>> graph = DependencyGraph.from_edges(4, [0, 1, 2], [1, 2, 3])
        >>> graph.subgraph([3, 2, 0]).successors(1).tolist()
        [0]
        """
        chosen = as_integers(nodes, "nodes", "(n_chosen,)")
        graph = self._graph.subgraph(chosen)
        return _wrapped(graph, tuple(self._labels[node] for node in chosen.tolist()) if self._labels else None)

    def to_networkx(self) -> nx.DiGraph:
        """Return the graph as one of networkx.

        Returns
        -------
        graph
            A ``networkx.DiGraph`` whose nodes are the labels, or the ids where there are none, in the order of ids.

        Raises
        ------
        MissingDependencyError
            networkx is not installed; the extra ``networkx`` brings it.

        Examples
        --------
        >>> graph = DependencyGraph.from_dict({"publish": ["load"], "load": []})
        >>> graph.to_networkx().edges
        OutEdgeView([('load', 'publish')])
        """
        return as_networkx(self._names(), self._pairs())

    def to_mermaid(self, *, n_nodes_max: int | None = 500) -> str:
        """Return the graph as a flow chart in the language of Mermaid, which GitHub and notebooks draw.

        Parameters
        ----------
        n_nodes_max
            Refuse graphs that have more nodes, since nobody could read them; None for no limit.

        Returns
        -------
        text
            Nodes show their labels, or their ids where there are none.

        Raises
        ------
        ValidationError
            The graph has more nodes than ``n_nodes_max``.

        Notes
        -----
        Mermaid itself draws 500 edges unless its ``maxEdges`` is raised.

        Examples
        --------
        >>> print(DependencyGraph.from_dict({"load": [], "publish": ["load"]}).to_mermaid(), end="")
        flowchart TD
            n0["load"]
            n1["publish"]
            n0 --> n1
        """
        return as_mermaid(self._names(), self._pairs(), n_nodes_max)

    def to_dot(self, *, n_nodes_max: int | None = 5_000) -> str:
        """Return the graph in DOT, the language of Graphviz.

        Parameters
        ----------
        n_nodes_max
            Refuse graphs that have more nodes, since nobody could read them; None for no limit.

        Returns
        -------
        text
            Nodes show their labels, or their ids where there are none.

        Raises
        ------
        ValidationError
            The graph has more nodes than ``n_nodes_max``.

        Examples
        --------
        >>> print(DependencyGraph.from_dict({"load": [], "publish": ["load"]}).to_dot(), end="")
        digraph {
            0 [label="load"];
            1 [label="publish"];
            0 -> 1;
        }
        """
        return as_dot(self._names(), self._pairs(), n_nodes_max)

    def __len__(self) -> int:
        return self.n_nodes

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DependencyGraph):
            return NotImplemented
        return self._labels == other._labels and self._graph == other._graph

    def __hash__(self) -> int:
        return hash((self._graph, self._labels))

    def __reduce__(self) -> tuple[Any, ...]:
        # Ids and numbers of edges fit into 32 bits, in half the room.
        offsets, targets = (array.astype(np.uint32) for array in self.to_csr())
        return _restored, (offsets, targets, self._labels)

    def __repr__(self) -> str:
        return f"<DependencyGraph {self.n_nodes} nodes, {self.n_edges} edges>"

    def _names(self) -> Sequence[Hashable]:
        return range(self.n_nodes) if self._labels is None else self._labels

    def _pairs(self) -> Iterator[tuple[int, int]]:
        source, target = self.edges()
        return zip(source.tolist(), target.tolist(), strict=True)


def _wrapped(graph: _core.Graph, labels: tuple[Hashable, ...] | None = None) -> DependencyGraph:
    made = DependencyGraph.__new__(DependencyGraph)
    made._graph = graph
    made._labels = labels if labels and are_names(labels) else None
    return made


def _of_named(named: NamedGraph) -> DependencyGraph:
    source, target = (np.array(end, dtype=np.int64) for end in (named.source, named.target))
    try:
        graph = _core.Graph.from_edges(len(named.keys), source, target)
    except CycleError as error:
        raise CycleError([named.keys[node] for node in error.cycle if isinstance(node, int)]) from None
    return _wrapped(graph, tuple(named.keys))


def _restored(offsets: ArrayLike, targets: ArrayLike, labels: tuple[Hashable, ...] | None) -> DependencyGraph:
    return _wrapped(DependencyGraph.from_csr(offsets, targets)._graph, labels)
