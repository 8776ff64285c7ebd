"""Dependency graphs as arrays: the scheduling without the workflows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from makespan import _core
from makespan.exceptions import ValidationError

if TYPE_CHECKING:
    from typing import SupportsIndex

    from numpy.typing import ArrayLike, NDArray

__all__ = ["DependencyGraph", "GraphCriticalPath"]


@dataclass(frozen=True, eq=False)
class GraphCriticalPath:
    """The longest path through a graph, and how far each node is from it.

    Parameters
    ----------
    earliest_start, latest_start
        Seconds, float64, shape ``(n_nodes,)``: without any limit on workers, and without making the whole longer.
    path
        Node ids of the path in order, int64.
    length
        Seconds from start to end of the path.

    Examples
    --------
    >>> graph = DependencyGraph.from_edges(2, [0], [1])
    >>> graph.critical_path([1.0, 2.0]).length
    3.0
    """

    earliest_start: NDArray[np.float64]
    latest_start: NDArray[np.float64]
    path: NDArray[np.int64]
    length: float

    @property
    def slack(self) -> NDArray[np.float64]:
        """Seconds by which each node may be late without making the whole longer."""
        return self.latest_start - self.earliest_start


_N_NODES_MAX = 1 << 30
_ID_MAX = np.iinfo(np.int64).max


class DependencyGraph:
    """An immutable directed graph without cycles; nodes are 0 to ``n_nodes - 1``.

    Examples
    --------
    >>> graph = DependencyGraph.from_edges(4, [0, 0, 1, 2], [1, 2, 3, 3])
    >>> graph
    <DependencyGraph 4 nodes, 4 edges>
    >>> graph.levels().tolist()
    [0, 1, 1, 2]
    """

    _graph: _core.Graph

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

        Returns
        -------
        graph
            The graph.

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
        is_count = isinstance(n_nodes, int | np.integer) and not isinstance(n_nodes, bool)
        if not is_count or not 0 <= int(n_nodes) <= _N_NODES_MAX:
            raise ValidationError("n_nodes", n_nodes, f"a whole number from 0 to {_N_NODES_MAX}")
        graph = cls.__new__(cls)
        graph._graph = _core.Graph.from_edges(int(n_nodes), _ids(source, "source"), _ids(target, "target"))
        return graph

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return self._graph.n_nodes

    @property
    def n_edges(self) -> int:
        """Number of distinct edges."""
        return self._graph.n_edges

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
        try:
            seconds = np.asarray(durations, dtype=np.float64)
        except (TypeError, ValueError):
            raise ValidationError("durations", durations, "numbers") from None
        if seconds.shape != (self.n_nodes,):
            raise ValidationError("durations", seconds.shape, f"shape ({self.n_nodes},)")
        is_wrong = ~((seconds >= 0) & (seconds < 1e9))
        if is_wrong.any():
            node = int(np.argmax(is_wrong))
            raise ValidationError(f"durations[{node}]", float(seconds[node]), "seconds from 0 to 1e9")
        durations_ns = np.rint(seconds * 1e9).astype(np.uint64)
        earliest_ns, latest_ns, path, length_ns = self._graph.critical_path(durations_ns)
        return GraphCriticalPath(earliest_ns / 1e9, latest_ns / 1e9, path, length_ns / 1e9)

    def __repr__(self) -> str:
        return f"<DependencyGraph {self.n_nodes} nodes, {self.n_edges} edges>"


def _ids(values: ArrayLike, argument: str) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and not np.issubdtype(array.dtype, np.integer)):
        raise ValidationError(argument, f"{array.dtype}, shape {array.shape}", "integers, shape (n_edges,)")
    if array.dtype == np.uint64 and array.size and array.max() > _ID_MAX:
        edge = int(np.argmax(array > _ID_MAX))
        raise ValidationError(f"{argument}[{edge}]", int(array[edge]), "a node id")
    return np.ascontiguousarray(array, dtype=np.int64)
