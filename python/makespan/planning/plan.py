"""What planning finds: when each node starts and finishes, and how near that is to what is possible."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from makespan import _core
from makespan.exceptions import ValidationError
from makespan.planning.chain import CriticalChain
from makespan.planning.comparison import PlanComparison, order_agreement
from makespan.planning.gantt import text_gantt
from makespan.planning.kept import check_terms
from makespan.planning.stored import fields_of, text_of
from makespan.planning.svg import svg_gantt
from makespan.planning.uncertain import simulated
from makespan.scheduling.arguments import times_ns_of
from makespan.scheduling.usage import usage_over_time

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike
    from typing import TypeAlias

    from numpy.typing import ArrayLike, NDArray

    from makespan.planning.options import Objective, PlanOptions
    from makespan.planning.uncertain import DurationQuantiles, SimulatedMakespan
    from makespan.scheduling.graph import DependencyGraph

    _Times: TypeAlias = NDArray[np.uint64]

__all__ = ["Plan"]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Plan:
    """When each node starts and finishes; entry ``i`` of each column belongs to node ``i``.

    Parameters
    ----------
    start, finish
        float64 seconds from the beginning, shape ``(n_nodes,)``.
    makespan
        Seconds from the beginning to the last finish.
    lower_bound
        What no schedule can undercut, in the unit of ``objective_value``: of the makespan, seconds.
    method
        How it was found. ``"earliest_start"``: no resource can be short. ``"list_scheduling"``: one pass by upward
        rank, which met the bound or was all that size or budget allows. ``"search"``: improved from there.
    n_schedules
        How many schedules were generated, the passes of justification counted.
    elapsed_s
        Seconds that planning took.
    is_truncated
        Whether the time limit or Ctrl-C ended the search; only then does a repetition possibly give another plan.
    demands, capacities
        int64, shapes ``(n_nodes, n_resources)`` and ``(n_resources,)``: needs in each node's mode, the most there is.
    graph, durations
        What was planned: the dependencies, and float64 seconds, shape ``(n_nodes,)``, in the mode of each node.
    objective_value
        How small the objective is: seconds, times weights where it is a weighted sum.
    options
        What was asked for besides, and which objective was made small.
    modes
        int64, shape ``(n_nodes,)``: in which of its modes each node runs; None where the options name none.
    capacity_steps
        Seconds, shape ``(n_steps,)``, and the amounts from then on, int64, shape ``(n_steps, n_resources)``; None
        where capacities do not change.

    Examples
    --------
    >>> import makespan as ms
    >>> found = ms.plan(ms.DependencyGraph.from_edges(2, [0], [1]), [1.0, 2.0])
    >>> found.start.tolist(), found.makespan, found.is_optimal
    ([0.0, 1.0], 3.0, True)
    """

    start: NDArray[np.float64]
    finish: NDArray[np.float64]
    makespan: float
    lower_bound: float
    method: str
    n_schedules: int
    elapsed_s: float
    is_truncated: bool
    demands: NDArray[np.int64]
    capacities: NDArray[np.int64]
    graph: DependencyGraph
    durations: NDArray[np.float64]
    objective_value: float
    options: PlanOptions
    modes: NDArray[np.int64] | None = None
    capacity_steps: tuple[NDArray[np.float64], NDArray[np.int64]] | None = None

    @property
    def objective(self) -> Objective:
        """What was made small, as the options say."""
        return self.options.objective

    @property
    def gap(self) -> float:
        """By which share of the lower bound the objective is above it; 0 where it is proven to be the smallest.

        Infinite above a bound that is not positive.
        """
        if self.is_optimal:
            return 0.0
        return self.objective_value / self.lower_bound - 1.0 if self.lower_bound > 0 else math.inf

    @property
    def is_optimal(self) -> bool:
        """Whether the objective meets the lower bound, so that no schedule is better."""
        return self.objective_value == self.lower_bound

    @property
    def order(self) -> NDArray[np.int64]:
        """Node ids by start, then by finish, then by id: int64, shape ``(n_nodes,)``."""
        return np.lexsort((self.finish, self.start)).astype(np.int64)

    def usage(self, resource: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return how much of a resource is in use over time.

        Parameters
        ----------
        resource
            Its index.

        Returns
        -------
        times, amounts
            From ``times[k]`` on, in seconds and ascending, ``amounts[k]`` is in use, until ``times[k + 1]``.

        Raises
        ------
        ValidationError
            There is no such resource.

        Examples
        --------
        >>> import makespan as ms
        >>> graph = ms.DependencyGraph.from_edges(2, [], [])
        >>> times, amounts = ms.plan(graph, [1.0, 2.0], [[1], [2]], [3]).usage(0)
        >>> times.tolist(), amounts.tolist()
        ([0.0, 1.0, 2.0], [3, 2, 0])
        """
        self._check_resource(resource)
        # What is used up stays so.
        finish = np.full_like(self.finish, self.makespan) if self._is_consumed[resource] else self.finish
        return usage_over_time(self.start, finish, self.demands[:, resource])

    def utilization(self, resource: int = 0) -> float:
        """Return which share of a resource is in use on average, from the beginning to the makespan.

        Parameters
        ----------
        resource
            Its index.

        Returns
        -------
        share
            From 0 to 1; 0 where there is nothing to use or no time to use it.

        Raises
        ------
        ValidationError
            There is no such resource.

        Examples
        --------
        >>> import makespan as ms
        >>> graph = ms.DependencyGraph.from_edges(2, [], [])
        >>> ms.plan(graph, [1.0, 2.0], [[1], [1]], [2]).utilization()
        0.75
        """
        self._check_resource(resource)
        times, amounts = self.usage(resource)
        used = float(np.diff(times) @ amounts[:-1])
        steps, supply = self._supply(resource)
        there = float(np.diff(np.minimum([*steps, self.makespan], self.makespan)) @ supply)
        return used / there if there > 0 else 0.0

    def critical_chain(self) -> CriticalChain:
        """Return what makes the plan as long as it is: nodes without a gap, up to the makespan.

        Each starts at the moment at which the one before it finishes, since it waits for that node or for a resource
        that this node holds. The smallest id is taken among equals, edges before resources.

        Returns
        -------
        chain
            From 0 to the makespan, where no node can start earlier with all others left as they are: so it is with
            every plan of `makespan.plan`.

        Raises
        ------
        UnsatisfiableError
            A node demands more than there is, in a plan that was not made by `makespan.plan`.

        Notes
        -----
        Deterministic. O(r · n log n + m); releases the interpreter.

        Examples
        --------
        >>> import makespan as ms
        >>> graph = ms.DependencyGraph.from_edges(3, [], [])
        >>> ms.plan(graph, [3.0, 2.0, 2.0], [[1], [1], [1]], [2]).critical_chain().nodes.tolist()
        [1, 2]
        """
        nodes, resources = _core.critical_chain(*self._arrays())
        start = float(self.start[nodes[0]]) if nodes.size else 0.0
        return CriticalChain(nodes=nodes, resources=resources, start=start, finish=self.makespan)

    def check(self) -> None:
        """Verify the plan against the graph, the durations and the resources, by other code than that which made it.

        Raises
        ------
        ValidationError
            A time is not one, a node starts before another has finished, a resource is overdrawn, or what the plan says
            of itself is not so. The error names the first such node, edge or resource.
        UnsatisfiableError
            A node demands more than there is.

        Notes
        -----
        O(m + r · n log n).

        Examples
        --------
        >>> import dataclasses
        >>> import makespan as ms
        >>> found = ms.plan(ms.DependencyGraph.from_edges(2, [0], [1]), [1.0, 2.0])
        >>> found.check()
        >>> dataclasses.replace(found, start=found.start - [0, 1], finish=found.finish - [0, 1]).check()
        Traceback (most recent call last):
        makespan.exceptions.ValidationError: start[1] is 0.0; expected at least 1 s, when node 0 has finished
        """
        arrays = self._arrays()
        # A sum of large times is only as exact as its last place.
        slack = 1e-9 + 2 * np.spacing(self.finish)
        is_wrong = np.abs(self.finish - self.start - self.durations) > slack
        if is_wrong.any():
            node = int(np.argmax(is_wrong))
            expected = f"{self.start[node] + self.durations[node]:g} s, its start and its duration"
            raise ValidationError(f"finish[{node}]", float(self.finish[node]), expected)
        match _core.first_violation(*arrays):
            case ("precedence", before, after):
                expected = f"at least {self.finish[before]:g} s, when node {before} has finished"
                raise ValidationError(f"start[{after}]", float(self.start[after]), expected)
            case ("capacity", resource, at_ns):
                times, amounts = self.usage(resource)
                at = int(np.searchsorted(times, at_ns / 1e9, side="right")) - 1
                expected = f"at most {int(self.capacities[resource])} from {at_ns / 1e9:g} s on"
                raise ValidationError(f"the use of resource {resource}", int(amounts[at]), expected)
        last = float(self.finish.max(initial=0.0))
        if self.makespan != last:
            raise ValidationError("makespan", self.makespan, f"{last:g} s, the last finish")
        check_terms(self, slack)
        if self.lower_bound > self.objective_value:
            expected = f"at most {self.objective_value:g}, the value of the objective"
            raise ValidationError("lower_bound", self.lower_bound, expected)

    def compare(self, other: Plan) -> PlanComparison:
        """Return how another plan of the same nodes differs from this one.

        Parameters
        ----------
        other
            The other plan; its graph, durations and resources may be others.

        Returns
        -------
        comparison
            Ratio of the makespans, the nodes that moved and how far, agreement of the orders.

        Raises
        ------
        ValidationError
            It has another number of nodes.

        Notes
        -----
        O(n log² n).

        Examples
        --------
        >>> import makespan as ms
        >>> graph = ms.DependencyGraph.from_edges(2, [], [])
        >>> alone, together = (ms.plan(graph, [1.0, 2.0], [[1], [1]], [n]) for n in (1, 2))
        >>> alone.compare(together).makespan_ratio
        0.6666666666666666
        """
        if other.start.size != self.start.size:
            raise ValidationError("other", f"a plan of {other.start.size} nodes", f"one of {self.start.size} nodes")
        shift = other.start - self.start
        order = np.lexsort((np.arange(shift.size), -np.abs(shift))).astype(np.int64)
        both_nothing = self.makespan == other.makespan
        return PlanComparison(
            makespan_ratio=1.0 if both_nothing else other.makespan / self.makespan if self.makespan else float("inf"),
            moved=order[: np.count_nonzero(shift)],
            shift=shift,
            order_agreement=order_agreement(self.start, other.start),
        )

    def simulate(self, durations: DurationQuantiles, *, n_samples: int = 1_000, seed: int = 0) -> SimulatedMakespan:
        """Simulate runs that go by this plan while durations are drawn.

        The plan is taken as an order: whenever something ends, the ready nodes that fit are started, those that the
        plan starts first before the others.

        Parameters
        ----------
        durations
            Quantiles of all nodes.
        n_samples
            How many runs are simulated.
        seed
            Of the draws; a whole number that is not negative.

        Returns
        -------
        simulated
            Makespans with mean, quantiles and the probability to miss a deadline; how often each node was critical.

        Raises
        ------
        ValidationError
            An argument cannot be meant, or the plan was made under options that such runs do not keep.

        Notes
        -----
        Deterministic; Ctrl-C is raised. A sample takes about as long as a list schedule: 0.1 ms for 1,000 nodes.

        Examples
        --------
        >>> import makespan as ms
        >>> found = ms.plan(ms.DependencyGraph.from_edges(3, [], []), [1, 1, 2], [[1]] * 3, [2])
        >>> runs = found.simulate(ms.DurationQuantiles.spread([1, 1, 2], 2.0))
        >>> found.makespan < runs.mean < runs.quantile(0.9)
        True
        """
        return simulated(self, durations, n_samples, seed)

    def to_gantt(
        self,
        width: int = 100,
        *,
        names: Sequence[object] | None = None,
        resource_names: Sequence[str] | None = None,
    ) -> str:
        """Return a chart of text for a terminal, of about 30 lines at most.

        Up to 24 nodes have a line each. More nodes share lanes, which hold nodes that follow one another; more than 24
        lanes are drawn as shades of how many of them are taken. Nodes of the critical chain are solid. Below stands how
        much of each resource is in use.

        Parameters
        ----------
        width
            Characters in a line; at least 20 are taken.
        names
            What to call the nodes, one name each; by default the labels of the graph, or the ids.
        resource_names
            What to call the resources, one name each.

        Returns
        -------
        chart
            Lines of at most ``width`` characters.

        Raises
        ------
        ValidationError
            There is not one name per node or resource.

        Examples
        --------
        >>> import makespan as ms
        >>> graph = ms.DependencyGraph.from_edges(3, [0], [2])
        >>> print(ms.plan(graph, [2.0, 1.0, 1.0], [[1], [1], [1]], [2]).to_gantt(34, names=["load", "check", "fit"]))
        check      │▒▒▒▒▒▒▒              │
        load       │██████████████       │
        fit        │              ███████│
                   └─────────────────────┘
                    0 s                3 s
        resource 0 │███████▄▄▄▄▄▄▄▄▄▄▄▄▄▄│
        """
        return text_gantt(self, max(width, 20), names, self._resource_names(resource_names))

    def to_svg(
        self,
        path: str | PathLike[str] | None = None,
        *,
        names: Sequence[object] | None = None,
        resource_names: Sequence[str] | None = None,
    ) -> str:
        """Return a picture of the plan as SVG, which browsers show in the colors, light or dark, that their user likes.

        Nodes are bars in lanes, each with a tooltip; the critical chain stands out, and is held together by lines that
        are dashed where a resource is handed over. The use of up to 8 resources is drawn below.

        Parameters
        ----------
        path
            Where to write it as well.
        names
            What to call the nodes, one name each; by default the labels of the graph, or the ids.
        resource_names
            What to call the resources, one name each.

        Returns
        -------
        picture
            One self-contained text. With more than 20,000 nodes bars have no tooltips.

        Raises
        ------
        ValidationError
            There is not one name per node or resource.
        OSError
            The file cannot be written.

        Examples
        --------
        >>> import makespan as ms
        >>> picture = ms.plan(ms.DependencyGraph.from_edges(2, [0], [1]), [1.0, 2.0]).to_svg()
        >>> picture.startswith("<svg "), picture.count("<title>")
        (True, 2)
        """
        picture = svg_gantt(self, names, self._resource_names(resource_names))
        if path is not None:
            Path(path).write_text(picture, encoding="utf-8")
        return picture

    def to_json(self) -> str:
        """Return the plan as JSON, from which `from_json` makes an equal one.

        The object has ``"format": "makespan.plan"`` and ``"version": 1``; each field of this class under its own name,
        arrays as lists (of lists), times in seconds; and of the graph ``n_nodes``, the ends of its edges as ``source``
        and ``target``, and ``labels``: its labels where all of them are texts, otherwise null.

        Returns
        -------
        text
            One line.

        Examples
        --------
        >>> import makespan as ms
        >>> found = ms.plan(ms.DependencyGraph.from_edges(2, [0], [1]), [1.0, 2.0])
        >>> found.to_json()[:70]
        '{"format":"makespan.plan","version":1,"makespan":3.0,"lower_bound":3.0'
        """
        return text_of(self)

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Return the plan that `to_json` wrote.

        Parameters
        ----------
        text
            What it wrote. What stands in it is not verified: `check` does that.

        Returns
        -------
        plan
            With the same numbers in every place.

        Raises
        ------
        ValidationError
            This is not such a text; the error names the entry that is wrong.
        CycleError
            The edges form a cycle.

        Examples
        --------
        >>> import makespan as ms
        >>> found = ms.plan(ms.DependencyGraph.from_edges(2, [0], [1]), [1.0, 2.0])
        >>> ms.Plan.from_json(found.to_json()).start.tolist()
        [0.0, 1.0]
        """
        return cls(**fields_of(text))

    def _arrays(self) -> tuple[_core.Graph, _Times, _Times, NDArray[np.int64], NDArray[np.int64]]:
        """Return the graph, starts and durations in nanoseconds, demands and capacities.

        A duration is taken from both its ends, so that nodes that follow one another do so in nanoseconds as well,
        where seconds are too large to hold them.
        """
        start_ns, finish_ns = times_ns_of(self.start, "start"), times_ns_of(self.finish, "finish")
        if (finish_ns < start_ns).any():
            node = int(np.argmax(finish_ns < start_ns))
            raise ValidationError(
                f"finish[{node}]", float(self.finish[node]), f"at least {self.start[node]:g} s, its start"
            )
        held = np.where(self._is_consumed, 0, self.demands)
        return self.graph._graph, start_ns, finish_ns - start_ns, held, self.capacities

    @property
    def _is_consumed(self) -> NDArray[np.bool_]:
        """Which resources nodes use up instead of holding them."""
        if self.options.consumed is None:
            return np.zeros(self.capacities.size, np.bool_)
        return np.asarray(self.options.consumed, np.bool_)

    def _supply(self, resource: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the times from which on there is so much of a resource."""
        if self.capacity_steps is None:
            return np.zeros(1), self.capacities[resource : resource + 1]
        times, amounts = self.capacity_steps
        return times, amounts[:, resource]

    def _check_resource(self, resource: int) -> None:
        if not 0 <= resource < self.capacities.size:
            raise ValidationError("resource", resource, f"an index below {self.capacities.size}")

    def _resource_names(self, names: Sequence[str] | None) -> Sequence[str] | None:
        if names is not None and len(names) != self.capacities.size:
            expected = f"one for each of the {self.capacities.size} resources"
            raise ValidationError("resource_names", f"{len(names)} names", expected)
        return names

    def update(
        self,
        now: float,
        *,
        finished: ArrayLike = (),
        finish: ArrayLike | None = None,
        running: ArrayLike = (),
        start: ArrayLike | None = None,
        durations: ArrayLike | None = None,
        time_limit: float | None = None,
        max_schedules: int | None = None,
        seed: int = 0,
        workers: int = 1,
    ) -> Plan:
        """Plan again what is left at a moment, around what runs, beginning with the order of this plan.

        What has finished is left out of the problem; what runs keeps its resources until it is expected to finish;
        the rest starts at ``now`` or later. Only what is left is planned, so the time depends on that, besides one
        look at the edges.

        Parameters
        ----------
        now
            Seconds from the beginning.
        finished, finish
            Node ids, and when they finished, seconds, NaN or None for as planned; never after ``now``. All their
            predecessors have finished. A planned start that is after the finish is put there.
        running, start, durations
            Node ids, when they started and how long they are expected to take altogether, NaN or None for as
            planned. Who should have finished by now is expected to finish now. Their deadlines do not count any
            more, as planning cannot help.
        time_limit, max_schedules, seed, workers
            As for `makespan.plan`.

        Returns
        -------
        plan
            Of all nodes; ``lower_bound`` is that of all plans with the same past.

        Raises
        ------
        ValidationError
            Nodes are named twice, have predecessors that have not finished, or times contradict ``now``.
        UnsatisfiableError
            What is left cannot be planned around what runs, or no such plan was found.

        Examples
        --------
        Node 0 takes 5 seconds instead of 2.

        >>> import makespan as ms
        >>> graph = ms.DependencyGraph.from_edges(3, [0, 0], [1, 2])
        >>> found = ms.plan(graph, [2, 1, 1], [[1]] * 3, [1])
        >>> found.update(3.0, running=[0], durations=[5.0]).start.tolist()
        [0.0, 5.0, 6.0]
        """
        # The module makes plans, and so imports this one.
        from makespan.planning.replanning import Progress, updated

        progress = Progress.of(self, now, finished, finish, running, start, durations)
        limits = {"time_limit": time_limit, "max_schedules": max_schedules, "seed": seed, "workers": workers}
        return updated(self, progress, limits)

    def __repr__(self) -> str:
        proof = "optimal" if self.is_optimal else f"at most {self.gap:.1%} above the optimum"
        return (
            f"<Plan {self.start.size} nodes, makespan {self.makespan:g} s, {proof}, "
            f"{self.method} with {self.n_schedules} schedules>"
        )
