"""What a file describes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from makespan.scheduling.graph import DependencyGraph

__all__ = ["PlanProblem"]


@dataclass(frozen=True, eq=False, slots=True)
class PlanProblem:
    """The arguments of `makespan.plan`.

    Parameters
    ----------
    graph
        The dependencies; node ``i`` is what the file counts as ``i + 1``.
    durations
        float64, shape ``(n_nodes,)``: a unit of the file is a second.
    demands, capacities
        int64, shapes ``(n_nodes, n_resources)`` and ``(n_resources,)``.

    Examples
    --------
    >>> import makespan as ms
    >>> from makespan.formats import parse_patterson
    >>> problem = parse_patterson("2 1  3   4 2 1 2   5 3 0")
    >>> ms.plan(problem.graph, problem.durations, problem.demands, problem.capacities).makespan
    9.0
    """

    graph: DependencyGraph
    durations: NDArray[np.float64]
    demands: NDArray[np.int64]
    capacities: NDArray[np.int64]

    def __repr__(self) -> str:
        n_nodes, n_resources = self.demands.shape
        return f"<PlanProblem {n_nodes} nodes, {self.graph.n_edges} edges, {n_resources} resources>"
