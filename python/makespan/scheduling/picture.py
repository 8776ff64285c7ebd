"""Graphs as text that other tools draw: Mermaid and DOT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from makespan.exceptions import ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["as_dot", "as_mermaid"]

# What has no shape; both tools would refuse some of it.
_WITHOUT_SHAPE = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), 127) if chr(code) not in "\t\n"}
# What would end the text, begin another notation or be taken for an entity; entities are HTML's, but with "#" for "&".
_MERMAID = {ord(character): f"#{ord(character)};" for character in '"#&<>`\\'} | {ord("\n"): "<br>"}
# DOT takes HTML's entities in labels, beside its own escapes.
_DOT = {ord('"'): r"\"", ord("\\"): r"\\", ord("\n"): r"\n", ord("&"): "&amp;"}


def as_mermaid(labels: Sequence[object], edges: Iterable[tuple[int, int]], n_nodes_max: int | None) -> str:
    """Write a graph as a flow chart of Mermaid, the label of node ``i`` at ``labels[i]``."""
    _check_size(len(labels), n_nodes_max)
    # An empty text would be a syntax error.
    nodes = (f'    n{node}["{_clean(label).translate(_MERMAID) or " "}"]' for node, label in enumerate(labels))
    arrows = (f"    n{before} --> n{after}" for before, after in edges)
    return "\n".join(["flowchart TD", *nodes, *arrows, ""])


def as_dot(labels: Sequence[object], edges: Iterable[tuple[int, int]], n_nodes_max: int | None) -> str:
    """Write a graph in the language of Graphviz, the label of node ``i`` at ``labels[i]``."""
    _check_size(len(labels), n_nodes_max)
    nodes = (f'    {node} [label="{_clean(label).translate(_DOT)}"];' for node, label in enumerate(labels))
    arrows = (f"    {before} -> {after};" for before, after in edges)
    return "\n".join(["digraph {", *nodes, *arrows, "}", ""])


def _check_size(n_nodes: int, n_nodes_max: int | None) -> None:
    if n_nodes_max is not None and n_nodes > n_nodes_max:
        expected = f"at least {n_nodes}, the number of nodes; subgraph(nodes) draws a part of them"
        raise ValidationError("n_nodes_max", n_nodes_max, expected)


def _clean(label: object) -> str:
    return str(label).replace("\r\n", "\n").replace("\r", "\n").translate(_WITHOUT_SHAPE)
