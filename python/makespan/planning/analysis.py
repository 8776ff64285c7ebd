"""What a graph's time is made of, and what would make it shorter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from makespan.exceptions import ValidationError
from makespan.planning.optimizer import ExecutionOptimizer
from makespan.planning.terms import are_steps
from makespan.scheduling.graph import DependencyGraph

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import ArrayLike, NDArray

    from makespan.planning.plan import Plan

__all__ = ["Analysis", "WhatIf", "analyze"]

_NODES_TRIED_MAX = 5


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class WhatIf:
    """What the same planning finds for a changed problem.

    Parameters
    ----------
    change
        The change in words.
    plan
        The plan of the changed problem, made with the budget and seed of the original one.
    gain
        Seconds by which it is shorter than the original plan; negative where it is longer.

    Examples
    --------
    >>> import makespan as ms
    >>> ms.analyze(ms.DependencyGraph.from_edges(2, [], []), [2, 1], [[1], [1]], [1]).what_if(more={0: 1})
    <WhatIf 1 more of resource 0: 1 s shorter, 33.3%>
    """

    change: str
    plan: Plan
    gain: float

    @property
    def share(self) -> float:
        """The gain as a share of the original makespan; 0 where that is 0."""
        original = self.plan.makespan + self.gain
        return self.gain / original if original > 0 else 0.0

    def __repr__(self) -> str:
        direction = "longer" if self.gain < 0 else "shorter"
        return f"<WhatIf {self.change}: {abs(self.gain):g} s {direction}, {abs(self.share):.1%}>"


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Analysis:
    """What a graph's time is made of; entry ``i`` of each column belongs to node ``i``.

    Parameters
    ----------
    plan
        A plan of the graph, with which changes are compared.
    critical_path
        Node ids of the longest path in order, int64.
    critical_path_length
        Seconds: what remains with unlimited resources.
    slack
        float64 seconds, shape ``(n_nodes,)``: by how much each node may be late without making that path longer.
    n_parts
        How many parts of the graph have nothing to do with each other.
    optimizer
        What plans are made with.

    Examples
    --------
    >>> import makespan as ms
    >>> found = ms.analyze(ms.DependencyGraph.from_edges(3, [0], [1]), [2, 3, 1], [[1]] * 3, [1])
    >>> found.critical_path.tolist(), found.slack.tolist(), found.n_parts
    ([0, 1], [0.0, 0.0, 4.0], 2)
    >>> print(found.report())
    makespan 6 s, no plan is shorter; the longest path takes 5 s
    3 nodes in 2 parts, at most 2 at once
    resource 0: 100.0% of 1 in use
    node 1 in half the time: 1.5 s shorter, 25.0%
    1 more of resource 0: 1 s shorter, 16.7%
    node 0 in half the time: 1 s shorter, 16.7%
    node 2 in half the time: 0.5 s shorter, 8.3%
    """

    plan: Plan
    critical_path: NDArray[np.int64]
    critical_path_length: float
    slack: NDArray[np.float64]
    n_parts: int
    optimizer: ExecutionOptimizer

    @property
    def width(self) -> int:
        """The largest number of nodes none of which waits for another; see `DependencyGraph.width`."""
        return self.plan.graph.width()

    def what_if(
        self,
        *,
        more: Mapping[int, int] | None = None,
        faster: Mapping[int, float] | None = None,
        without: Iterable[tuple[int, int]] = (),
    ) -> WhatIf:
        """Plan a changed problem, with the same budget and seed.

        Parameters
        ----------
        more
            How much more there is of resources, by index; less where it is negative.
        faster
            How many times as fast nodes are, by id; slower where it is below 1.
        without
            Edges that are left out, each a pair of node ids.

        Returns
        -------
        scenario
            The plan, and what it gains.

        Raises
        ------
        ValidationError
            There is no such resource, node or edge, or a factor is not a positive number.
        UnsatisfiableError
            A node demands more than would be left.

        Notes
        -----
        Deterministic. What only relaxes the problem is never reported as a loss: the original plan still holds.
        Takes as long as a plan.

        Examples
        --------
        >>> import makespan as ms
        >>> found = ms.analyze(ms.DependencyGraph.from_edges(2, [0], [1]), [2, 3])
        >>> found.what_if(faster={1: 2.0}).gain, found.what_if(without=[(0, 1)]).plan.makespan
        (1.5, 3.0)
        """
        more, faster, gone = dict(more or {}), dict(faster or {}), list(without)
        capacities, durations = self.plan.capacities.copy(), self.plan.durations.copy()
        changes = []
        for resource, amount in more.items():
            _refuse_index("more", resource, capacities.size, "resource")
            capacities[resource] += amount
            changes.append(f"{abs(amount)} {'more' if amount >= 0 else 'less'} of resource {resource}")
        for node, factor in faster.items():
            _refuse_index("faster", node, durations.size, "node")
            if not 0 < factor < np.inf:
                raise ValidationError(f"faster[{node}]", factor, "a positive number")
            durations[node] /= factor
            changes.append(f"node {node} in half the time" if factor == 2 else f"node {node} {factor:g} times as fast")
        graph = self.plan.graph
        if gone:
            graph = _without(graph, gone)
            changes += [f"no edge from {before} to {after}" for before, after in gone]
        plan = self.optimizer.plan(graph, durations, self.plan.demands, capacities)
        gain = self.plan.makespan - plan.makespan
        if min(more.values(), default=0) >= 0 and min(faster.values(), default=1) >= 1:
            gain = max(gain, 0.0)
        return WhatIf(change=", ".join(changes) or "nothing else", plan=plan, gain=gain)

    def recommendations(self) -> list[WhatIf]:
        """Return what would make the plan shorter, the largest gain first.

        Tried are one more of each resource, and in half the time each of the five longest nodes among those on the
        critical chain and the critical path. More of a resource cannot help where the plan is as long as the
        critical path.

        Returns
        -------
        scenarios
            Those that gain something; equal gains in the order of the sentence above, then by id.

        Notes
        -----
        Deterministic. Takes as long as so many plans.

        Examples
        --------
        >>> import makespan as ms
        >>> found = ms.analyze(ms.DependencyGraph.from_edges(2, [], []), [2, 2], [[1], [1]], [1])
        >>> found.recommendations()[0]
        <WhatIf 1 more of resource 0: 2 s shorter, 50.0%>
        """
        tried = []
        if self.plan.makespan > self.critical_path_length:
            tried += [self.what_if(more={resource: 1}) for resource in range(self.plan.capacities.size)]
        nodes = np.union1d(self.plan.critical_chain().nodes, self.critical_path)
        longest = nodes[np.argsort(-self.plan.durations[nodes], kind="stable")][:_NODES_TRIED_MAX]
        tried += [self.what_if(faster={node: 2.0}) for node in sorted(longest.tolist())]
        return sorted((each for each in tried if each.gain > 0), key=lambda each: -each.gain)

    def report(self) -> str:
        """Return all of it as text, a line for each thing that is known.

        Returns
        -------
        text
            For people.

        Examples
        --------
        >>> import makespan as ms
        >>> print(ms.analyze(ms.DependencyGraph.from_edges(0, [], []), []).report())
        makespan 0 s, no plan is shorter; the longest path takes 0 s
        0 nodes in 0 parts, at most 0 at once
        """
        plan = self.plan
        proof = "no plan is shorter" if plan.is_optimal else f"at most {plan.gap:.1%} above the shortest"
        lines = [
            f"makespan {plan.makespan:g} s, {proof}; the longest path takes {self.critical_path_length:g} s",
            f"{plan.start.size} nodes in {self._parts}, at most {self.width} at once",
        ]
        lines += [
            f"resource {resource}: {plan.utilization(resource):.1%} of {capacity} in use"
            for resource, capacity in enumerate(plan.capacities.tolist())
        ]
        lines += [f"{each.change}: {each.gain:g} s shorter, {each.share:.1%}" for each in self.recommendations()]
        return "\n".join(lines)

    @property
    def _parts(self) -> str:
        return "1 part" if self.n_parts == 1 else f"{self.n_parts} parts"

    def __repr__(self) -> str:
        return (
            f"<Analysis {self.plan.start.size} nodes, makespan {self.plan.makespan:g} s, "
            f"critical path {self.critical_path_length:g} s, {self._parts}>"
        )


def analyze(
    graph: DependencyGraph,
    durations: ArrayLike,
    demands: ArrayLike | None = None,
    capacities: ArrayLike | None = None,
    *,
    max_schedules: int | None = None,
    seed: int = 0,
) -> Analysis:
    """Find out what a graph's time is made of, and what would make it shorter.

    Parameters
    ----------
    graph, durations, demands, capacities
        As for `makespan.plan`; capacities are the same at all times.
    max_schedules, seed
        Of each plan that is made.

    Returns
    -------
    analysis
        A plan, the critical path, slack; `what_if` and `recommendations` plan changed problems.

    Raises
    ------
    ValidationError
        An argument has the wrong shape or a value that cannot be meant; the error names it.
    UnsatisfiableError
        A node demands more than there is; the error names node and resource.

    Notes
    -----
    Deterministic. Takes as long as one plan, and O(n + m) besides.

    Examples
    --------
    >>> import makespan as ms
    >>> ms.analyze(ms.DependencyGraph.from_edges(2, [0], [1]), [1.0, 2.0])
    <Analysis 2 nodes, makespan 3 s, critical path 3 s, 1 part>
    """
    if are_steps(capacities):
        raise ValidationError("capacities", "steps", "amounts that are the same at all times")
    optimizer = ExecutionOptimizer(max_schedules=max_schedules, seed=seed)
    plan = optimizer.plan(graph, durations, demands, capacities)
    critical = graph.critical_path(plan.durations)
    return Analysis(
        plan=plan,
        critical_path=critical.path,
        critical_path_length=critical.length,
        slack=critical.slack,
        n_parts=_n_parts(graph),
        optimizer=optimizer,
    )


def _n_parts(graph: DependencyGraph) -> int:
    """Return the number of connected parts: labels sink to the smallest id of each part, by edges and by shortcuts."""
    source, target = graph.edges()
    label = np.arange(graph.n_nodes)
    while True:
        lower = label.copy()
        np.minimum.at(lower, source, label[target])
        np.minimum.at(lower, target, label[source])
        lower = lower[lower]
        if np.array_equal(lower, label):
            return int(np.unique(label).size)
        label = lower


def _without(graph: DependencyGraph, gone: list[tuple[int, int]]) -> DependencyGraph:
    source, target = graph.edges()
    is_kept = np.ones(source.size, np.bool_)
    for before, after in gone:
        is_it = (source == before) & (target == after)
        if not is_it.any():
            raise ValidationError("without", (before, after), "an edge of the graph")
        is_kept &= ~is_it
    return DependencyGraph.from_edges(graph.n_nodes, source[is_kept], target[is_kept])


def _refuse_index(argument: str, idx: int, n: int, what: str) -> None:
    if not 0 <= idx < n:
        raise ValidationError(argument, idx, f"a {what} below {n}")
