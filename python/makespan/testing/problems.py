"""Problems to plan, made to measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from makespan.exceptions import ValidationError
from makespan.scheduling.graph import DependencyGraph
from makespan.scheduling.usage import usage_over_time

if TYPE_CHECKING:
    from makespan.formats import PlanProblem

__all__ = ["generated_problem"]

N_ENDS_MAX = 3
"""So many nodes are the only ones without predecessors, and those without successors, as in PSPLIB."""
DURATION_MAX = DEMAND_MAX = 10


def generated_problem(
    n_nodes: int,
    *,
    network_complexity: float = 1.8,
    resource_factor: float = 0.5,
    resource_strength: float = 0.5,
    n_resources: int = 4,
    seed: int = 0,
) -> PlanProblem:
    """Return a random problem with given measures, in the manner of ProGen (Kolisch, Sprecher and Drexl 1995).

    Durations are whole seconds from 1 to 10, demands whole numbers from 1 to 10. There are no dummy nodes.

    Parameters
    ----------
    n_nodes
        Number of nodes, at least 1.
    network_complexity
        Edges per node; none of the edges follows from others. From about 1.3 on; up to about 3 for 30 nodes, and
        to more for more of them.
    resource_factor
        Share of the resources that a node needs on average, from 0 to 1.
    resource_strength
        How much there is of each resource, from 0, no more than the largest demand, to 1, the most that is in use at
        once where every node starts as early as its predecessors allow.
    n_resources
        Number of resources.
    seed
        The same seed gives the same problem.

    Returns
    -------
    problem
        Its measures are those asked for, to the nearest edge, demand and unit of a resource.

    Raises
    ------
    ValidationError
        No such problem exists, or this way to make one does not lead to it; the error names the argument.

    Notes
    -----
    Deterministic. O(n³) operations on bits at worst; 1,000 nodes take less than a second.

    Examples
    --------
    >>> problem = generated_problem(30, network_complexity=1.5, seed=1)
    >>> problem
    <PlanProblem 30 nodes, 45 edges, 4 resources>
    """
    from makespan.formats import PlanProblem

    if n_nodes < 1:
        raise ValidationError("n_nodes", n_nodes, "at least 1")
    for name, share in (("resource_factor", resource_factor), ("resource_strength", resource_strength)):
        if not 0 <= share <= 1:
            raise ValidationError(name, share, "a number from 0 to 1")
    rng = np.random.default_rng(seed)
    graph = _network(n_nodes, network_complexity, rng)
    durations = rng.integers(1, DURATION_MAX + 1, n_nodes).astype(np.float64)
    demands = np.zeros((n_nodes, n_resources), np.int64)
    n_needed = round(resource_factor * demands.size)
    demands.flat[rng.permutation(demands.size)[:n_needed]] = rng.integers(1, DEMAND_MAX + 1, n_needed)
    start = graph.critical_path(durations).earliest_start
    finish = start + durations
    peaks = [usage_over_time(start, finish, demands[:, idx])[1].max() for idx in range(n_resources)]
    least = demands.max(axis=0, initial=0)
    capacities = least + np.rint(resource_strength * (np.array(peaks, np.int64) - least)).astype(np.int64)
    return PlanProblem(graph, durations, demands, capacities)


def _network(n_nodes: int, complexity: float, rng: np.random.Generator) -> DependencyGraph:
    """Return a graph whose edges ascend, each node with a predecessor and a successor but for a few at both ends."""
    n_edges = round(complexity * n_nodes)
    network = _Network(n_nodes)
    for after in range(N_ENDS_MAX, n_nodes):
        network.add(int(rng.integers(after)), after)
    for before in range(n_nodes - N_ENDS_MAX):
        if not network.successors[before]:
            later = before + 1 + rng.permutation(n_nodes - before - 1)
            fits = (after for after in later.tolist() if not network.is_redundant(before, after))
            network.add(before, next(fits, None))
    # A pair that is redundant stays so, since edges are only added: one pass over all pairs misses none.
    if len(network.edges) < n_edges:
        left, right = np.triu_indices(n_nodes, 1)
        for pair in rng.permutation(left.size).tolist():
            if len(network.edges) == n_edges:
                break
            before, after = int(left[pair]), int(right[pair])
            if not network.is_redundant(before, after):
                network.add(before, after)
    if len(network.edges) != n_edges:
        bound = "at least" if len(network.edges) > n_edges else "at most"
        expected = f"{bound} {len(network.edges) / n_nodes:.3g} for {n_nodes} nodes and this seed"
        raise ValidationError("network_complexity", complexity, expected)
    source, target = [before for before, _ in network.edges], [after for _, after in network.edges]
    return DependencyGraph.from_edges(n_nodes, np.array(source, np.int64), np.array(target, np.int64))


class _Network:
    """Edges none of which follows from others; sets of nodes are bits of whole numbers."""

    def __init__(self, n_nodes: int) -> None:
        self.edges: list[tuple[int, int]] = []
        self.successors = [0] * n_nodes
        # Each node itself included.
        self.ancestors = [1 << node for node in range(n_nodes)]
        self.descendants = [1 << node for node in range(n_nodes)]

    def add(self, before: int, after: int | None) -> None:
        if after is None:
            return
        self.edges.append((before, after))
        self.successors[before] |= 1 << after
        above, below = self.ancestors[before], self.descendants[after]
        for node in _members(above):
            self.descendants[node] |= below
        for node in _members(below):
            self.ancestors[node] |= above

    def is_redundant(self, before: int, after: int) -> bool:
        """Tell whether an edge follows from others, or others would follow from it."""
        below = self.descendants[after]
        if self.descendants[before] >> after & 1:
            return True
        return any(self.successors[node] & below for node in _members(self.ancestors[before]))


def _members(bits: int) -> list[int]:
    return [place for place, bit in enumerate(bin(bits)[:1:-1]) if bit == "1"]
