"""What bounds the time that a graph takes, however many workers there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["GraphCriticalPath"]


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
    >>> import makespan as ms
    >>> graph = ms.DependencyGraph.from_edges(2, [0], [1])
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
