"""From a graph with durations, resources and options to a plan."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from makespan import _core
from makespan.exceptions import ValidationError
from makespan.planning.options import PlanOptions
from makespan.planning.plan import Plan
from makespan.planning.terms import supply_of, terms_of
from makespan.scheduling.arguments import count, ns_of, times_ns_of, vector

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from makespan.scheduling.graph import DependencyGraph

__all__ = ["ExecutionOptimizer", "Hint"]

_WORKERS_MAX = 1_024


@dataclass(frozen=True, eq=False, slots=True)
class Hint:
    """Starts and modes of an earlier plan, by node."""

    start_ns: NDArray[np.uint64]
    modes: NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class ExecutionOptimizer:
    """Finds plans, under settings that are made once.

    Parameters
    ----------
    time_limit
        Seconds after which the best plan so far is returned; the first one is made in any case.
    max_schedules
        How many schedules are generated at most, by all workers together. Where neither limit is given, so many that
        it takes milliseconds.
    seed
        Of the search; a whole number that is not negative.
    workers
        How many threads search, each with a seed of its own and an equal share of ``max_schedules``; the best plan
        counts, the one of the first thread among equals.
    options
        What a plan is to keep besides edges and capacities, and what makes it good.

    Raises
    ------
    ValidationError
        A setting cannot be meant; the error names it.

    Notes
    -----
    Deterministic for ``seed``, ``max_schedules`` and ``workers`` as long as a plan does not say ``is_truncated``.

    Examples
    --------
    >>> import makespan as ms
    >>> optimizer = ms.ExecutionOptimizer(max_schedules=1_000, workers=2)
    >>> optimizer
    <ExecutionOptimizer max_schedules=1000, seed=0, workers=2, options=<PlanOptions objective='makespan'>>
    >>> optimizer.plan(ms.DependencyGraph.from_edges(5, [], []), [3, 3, 2, 2, 2], [[1]] * 5, [2]).makespan
    6.0
    """

    time_limit: float | None = None
    max_schedules: int | None = None
    seed: int = 0
    workers: int = 1
    options: PlanOptions = field(default_factory=PlanOptions)

    def __post_init__(self) -> None:
        if self.time_limit is not None:
            ns_of(self.time_limit, "time_limit")
        if self.max_schedules is not None:
            count(self.max_schedules, "max_schedules")
        count(self.seed, "seed")
        if not 1 <= count(self.workers, "workers") <= _WORKERS_MAX:
            raise ValidationError("workers", self.workers, f"a whole number from 1 to {_WORKERS_MAX}")
        if not isinstance(self.options, PlanOptions):
            raise ValidationError("options", self.options, "PlanOptions")

    def plan(
        self,
        graph: DependencyGraph,
        durations: ArrayLike,
        demands: ArrayLike | None = None,
        capacities: ArrayLike | tuple[ArrayLike, ArrayLike] | None = None,
        *,
        _hint: Hint | None = None,
    ) -> Plan:
        """Find starts under which the objective is small; see `makespan.plan`.

        Parameters
        ----------
        graph, durations, demands, capacities
            As for `makespan.plan`.

        Returns
        -------
        plan
            The best plan found, and a lower bound.

        Raises
        ------
        ValidationError
            An argument has the wrong shape or a value that cannot be meant; the error names it.
        UnsatisfiableError
            No plan exists, or none was found.

        Examples
        --------
        >>> import makespan as ms
        >>> ms.ExecutionOptimizer(seed=7).plan(ms.DependencyGraph.from_edges(2, [0], [1]), [1, 2]).makespan
        3.0
        """
        begun_s = time.perf_counter()
        n_nodes = graph.n_nodes
        durations_ns = times_ns_of(vector(durations, "durations", np.float64, n_nodes), "durations")
        step_ns, supply = supply_of(capacities)
        needed = _demands(demands, n_nodes, supply.shape[1])
        limit_ns = None if self.time_limit is None else ns_of(self.time_limit, "time_limit")
        n_max = None if self.max_schedules is None else int(self.max_schedules)
        limits = (limit_ns, n_max, int(self.seed), int(self.workers))
        modes = None
        if self.options.is_plain and step_ns is None and _hint is None:
            start_ns, value, bound, method, n_schedules, is_truncated = _core.plan(
                graph._graph, durations_ns, needed, supply[0], *limits
            )
            finish_ns = start_ns + durations_ns
        else:
            terms = terms_of(self.options, durations_ns, needed, step_ns, supply)
            if _hint is not None:
                terms = replace(terms, hint_keys=_hint.start_ns, hint_modes=_hint.modes.astype(np.uint32))
            start_ns, finish_ns, found, value, bound, method, n_schedules, is_truncated = _core.plan_constrained(
                graph._graph, terms, *limits
            )
            if self.options.modes:
                modes = found.astype(np.int64)
                rows = terms.mode_offsets[:-1].astype(np.int64) + modes
                needed = terms.demands.reshape(terms.duration_ns.size, supply.shape[1])[rows]
        # Weights are counted in millionths.
        scale = 10**15 if self.options.objective in {"weighted_completion", "weighted_tardiness"} else 10**9
        return Plan(
            start=start_ns / 1e9,
            finish=finish_ns / 1e9,
            makespan=float(finish_ns.max() / 1e9) if n_nodes else 0.0,
            lower_bound=bound / scale,
            method=method,
            n_schedules=n_schedules,
            elapsed_s=time.perf_counter() - begun_s,
            is_truncated=is_truncated,
            demands=needed,
            capacities=supply.max(axis=0),
            graph=graph,
            durations=(finish_ns - start_ns) / 1e9,
            options=self.options,
            objective_value=value / scale,
            modes=modes,
            capacity_steps=None if step_ns is None else (step_ns / 1e9, supply),
        )

    def __repr__(self) -> str:
        settings = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        shown = [f"{name}={value!r}" for name, value in settings.items() if value is not None]
        return f"<ExecutionOptimizer {', '.join(shown)}>"


def _demands(demands: ArrayLike | None, n_nodes: int, n_resources: int) -> NDArray[np.int64]:
    """Return demands as an array with a row per node; without any, nothing is needed."""
    if demands is None:
        return np.zeros((n_nodes, n_resources), np.int64)
    array = np.asarray(demands)
    if array.shape != (n_nodes, n_resources):
        raise ValidationError("demands", f"shape {array.shape}", f"whole numbers, shape ({n_nodes}, {n_resources})")
    return vector(array.ravel(), "demands", np.int64).reshape(n_nodes, n_resources)
