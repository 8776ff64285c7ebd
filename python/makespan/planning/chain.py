"""What makes a plan as long as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["CriticalChain"]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class CriticalChain:
    """Nodes without a gap between them, the last of which ends the plan.

    To make a plan shorter, one of them must become shorter, start earlier by another order, or find more of the
    resource that it waits for. The name is Goldratt's (1997), for the critical path with resources considered.

    Parameters
    ----------
    nodes
        Node ids, the earliest first: int64, shape ``(n,)``.
    resources
        For each of them the index of the resource that the node before it handed over, or -1 where it is the first or
        waits for that node by an edge: int64, shape ``(n,)``.
    start, finish
        When its first node starts and its last one finishes, in seconds.

    Examples
    --------
    >>> import makespan as ms
    >>> graph = ms.DependencyGraph.from_edges(3, [0], [1])
    >>> chain = ms.plan(graph, [4.0, 2.0, 1.0], [[1], [1], [1]], [1]).critical_chain()
    >>> chain
    <CriticalChain of 3 nodes, 0 s to 7 s, 1 link by edge, 1 by resource>
    >>> chain.nodes.tolist(), chain.resources.tolist()
    ([0, 1, 2], [-1, -1, 0])
    """

    nodes: NDArray[np.int64]
    resources: NDArray[np.int64]
    start: float
    finish: float

    @property
    def length(self) -> float:
        """Seconds from its beginning to its end: the makespan where it begins at 0."""
        return self.finish - self.start

    def __len__(self) -> int:
        return self.nodes.size

    def __repr__(self) -> str:
        n_handed = int((self.resources >= 0).sum())
        n_edges = max(len(self) - 1 - n_handed, 0)
        return (
            f"<CriticalChain of {len(self)} nodes, {self.start:g} s to {self.finish:g} s, "
            f"{n_edges} link{'s' * (n_edges != 1)} by edge, {n_handed} by resource>"
        )
