"""Graphs whose nodes have names of their own, as dictionaries and as graphs of networkx."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from makespan.exceptions import MissingDependencyError, ValidationError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

__all__ = ["NamedGraph", "are_names", "as_networkx", "named_by_dict", "named_by_networkx"]


class NamedGraph(NamedTuple):
    """The keys of nodes by id, and the two ends of every edge."""

    keys: list[Hashable]
    source: list[int]
    target: list[int]


def named_by_dict(predecessors: Mapping[Any, Iterable[Any]]) -> NamedGraph:
    """Give ids to the keys of a dictionary in its order, then to what occurs among predecessors only."""
    ids: dict[Hashable, int] = {key: node for node, key in enumerate(predecessors)}
    source: list[int] = []
    target: list[int] = []
    for node, (key, before) in enumerate(predecessors.items()):
        if isinstance(before, str | bytes):
            raise ValidationError(f"predecessors[{key!r}]", before, "keys in a list or another iterable, not a text")
        try:
            source += [ids.setdefault(other, len(ids)) for other in before]
        except TypeError as error:
            raise ValidationError(f"predecessors[{key!r}]", before, "an iterable of hashable keys") from error
        target += [node] * (len(source) - len(target))
    return NamedGraph(list(ids), source, target)


def named_by_networkx(graph: Any) -> NamedGraph:
    """Give ids to the nodes of a graph of networkx in its order."""
    is_directed = getattr(graph, "is_directed", None)
    if is_directed is None or not is_directed():
        raise ValidationError("graph", graph, "a directed graph of networkx, such as networkx.DiGraph")
    ids = {key: node for node, key in enumerate(graph.nodes)}
    # Without data and keys, so that edges of a multigraph are pairs as well.
    edges = [(ids[before], ids[after]) for before, after in graph.edges()]
    return NamedGraph(list(ids), [before for before, _ in edges], [after for _, after in edges])


def are_names(keys: Iterable[Hashable]) -> bool:
    """Tell whether keys say more than ids: whether one of them is not its own id."""
    return any(type(key) is not int or key != node for node, key in enumerate(keys))


def as_networkx(keys: Sequence[Hashable], edges: Iterable[tuple[int, int]]) -> Any:
    """Make a `networkx.DiGraph` of nodes that are called by their keys."""
    try:
        import networkx as nx
    except ImportError:
        raise MissingDependencyError("networkx") from None
    graph = nx.DiGraph()
    graph.add_nodes_from(keys)
    graph.add_edges_from((keys[before], keys[after]) for before, after in edges)
    return graph
