"""What a file describes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from makespan.planning.options import PlanOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from makespan.scheduling.graph import DependencyGraph

__all__ = ["Mode", "PlanProblem"]

Mode = tuple[float, tuple[int, ...]]
"""A way to carry out a node: its duration in seconds, and its demands, one per resource."""


@dataclass(frozen=True, eq=False, slots=True)
class PlanProblem:
    """The arguments of `makespan.plan`.

    Parameters
    ----------
    graph
        The dependencies; node ``i`` is what the file counts as ``i + 1``, or calls ``graph.labels[i]``.
    durations
        float64, shape ``(n_nodes,)``: a unit of the file is a second.
    demands, capacities
        int64, shapes ``(n_nodes, n_resources)`` and ``(n_resources,)``.
    resource_names
        What the file calls the resources; ``R1``, ``R2`` and so on where it has no names for them.
    modes
        For each node the ways to carry it out, where the file gives several; `durations` and `demands` are those of
        the first. None where there is one way for each node.
    nonrenewable
        Indices of the resources that are used up rather than given back.

    Examples
    --------
    >>> import makespan as ms
    >>> from makespan.formats import parse_patterson
    >>> problem = parse_patterson("2 1  3   4 2 1 2   5 3 0")
    >>> ms.plan(problem.graph, problem.durations, problem.demands, problem.capacities).makespan
    9.0
    >>> problem.names, problem.resource_names
    (('1', '2'), ('R1',))
    """

    graph: DependencyGraph
    durations: NDArray[np.float64]
    demands: NDArray[np.int64]
    capacities: NDArray[np.int64]
    resource_names: Sequence[str] = ()
    modes: Sequence[Sequence[Mode]] | None = None
    nonrenewable: Sequence[int] = ()

    def __post_init__(self) -> None:
        if not self.resource_names:
            names = tuple(f"R{idx + 1}" for idx in range(self.capacities.size))
            object.__setattr__(self, "resource_names", names)

    @property
    def names(self) -> tuple[str, ...]:
        """What the file calls each node."""
        if self.graph.labels is not None:
            return tuple(map(str, self.graph.labels))
        return tuple(str(node + 1) for node in range(self.graph.n_nodes))

    @property
    def options(self) -> PlanOptions:
        """What `makespan.plan` is told besides: the modes, and which resources are used up."""
        consumed = None
        if self.nonrenewable:
            consumed = np.isin(np.arange(self.capacities.size), self.nonrenewable)
        modes = None if self.modes is None else {node: ways for node, ways in enumerate(self.modes) if len(ways) > 1}
        return PlanOptions(modes=modes or None, consumed=consumed)

    def __repr__(self) -> str:
        n_nodes, n_resources = self.demands.shape
        modes = "" if self.modes is None else f", {sum(map(len, self.modes))} modes"
        return f"<PlanProblem {n_nodes} nodes, {self.graph.n_edges} edges, {n_resources} resources{modes}>"
