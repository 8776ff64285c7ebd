"""What a plan is to keep besides edges and capacities, and what makes it good."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike

__all__ = ["OBJECTIVES", "Objective", "PlanOptions"]

Objective = Literal["makespan", "weighted_completion", "weighted_tardiness", "maximum_lateness"]

OBJECTIVES: tuple[Objective, ...] = ("makespan", "weighted_completion", "weighted_tardiness", "maximum_lateness")


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class PlanOptions:
    """What a plan is to keep besides edges and capacities, and what makes it good.

    Times are seconds from the beginning, counted in nanoseconds; entry ``i`` of each column belongs to node ``i``.
    Columns are looked at when a plan is made, and errors then name the field.

    Parameters
    ----------
    objective
        What is made small. ``"makespan"``: the last finish. ``"weighted_completion"``: the sum of all finishes, each
        times its weight. ``"weighted_tardiness"``: the sum of what nodes finish after their due dates, times their
        weights. ``"maximum_lateness"``: the most by which a node finishes after its due date, negative where all
        finish before.
    release
        Seconds, shape ``(n_nodes,)``: no start is earlier.
    deadline
        Seconds, shape ``(n_nodes,)``: no finish is later; NaN or infinity for none. A plan keeps all deadlines or is
        not made.
    due
        Seconds, shape ``(n_nodes,)``: what tardiness and lateness are counted from; NaN for nodes that do not count.
    weights
        Numbers that are not negative, shape ``(n_nodes,)``, counted in millionths; one each if None.
    start
        Seconds, shape ``(n_nodes,)``: the starts of nodes that run already or must begin at a moment; NaN for free
        ones. A fixed node has one mode.
    delay
        Seconds, shape ``(n_nodes,)``: how long after the last finish among its predecessors a node starts at the
        earliest.
    modes
        Alternatives by node id: pairs of a duration in seconds and a demand per resource, which replace the node's
        entries among ``durations`` and ``demands``. Nodes that are not named have one mode.
    consumed
        Booleans, shape ``(n_resources,)``: resources that nodes use up (nonrenewable) instead of holding them while
        they run.

    Examples
    --------
    Two nodes for one worker; the second arrives later and is due earlier.

    >>> import makespan as ms
    >>> options = ms.PlanOptions(objective="maximum_lateness", release=[0, 1], due=[9, 3])
    >>> graph = ms.DependencyGraph.from_edges(2, [], [])
    >>> found = ms.plan(graph, [4, 2], [[1], [1]], [1], options=options)
    >>> found.start.tolist(), found.objective_value
    ([3.0, 1.0], 0.0)

    A node that runs for 6 seconds alone or for 2 with three workers.

    >>> options = ms.PlanOptions(modes={0: [(6, [1]), (2, [3])]})
    >>> found = ms.plan(graph, [6, 1], [[1], [1]], [3], options=options)
    >>> found.makespan, found.modes.tolist()
    (3.0, [1, 0])
    """

    objective: Objective = "makespan"
    release: ArrayLike | None = None
    deadline: ArrayLike | None = None
    due: ArrayLike | None = None
    weights: ArrayLike | None = None
    start: ArrayLike | None = None
    delay: ArrayLike | None = None
    modes: Mapping[int, Sequence[tuple[float, Sequence[int]]]] | None = None
    consumed: ArrayLike | None = None

    @property
    def is_plain(self) -> bool:
        """Whether nothing is asked for but a short makespan; due dates and weights mean nothing to it."""
        asked = (self.release, self.deadline, self.start, self.delay, self.modes, self.consumed)
        return self.objective == "makespan" and all(field is None for field in asked)

    def __repr__(self) -> str:
        given = [f"objective={self.objective!r}"]
        given += [field.name for field in fields(self)[1:] if getattr(self, field.name) is not None]
        return f"<PlanOptions {', '.join(given)}>"
