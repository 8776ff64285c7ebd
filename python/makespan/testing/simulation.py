"""Whole schedules with a fake clock, by the scheduler that serves real programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from makespan.exceptions import ConfigurationError, ValidationError
from makespan.scheduling.arguments import count, ids_of, ns_of, times_ns_of, vector
from makespan.scheduling.graph import DependencyGraph
from makespan.scheduling.scheduler import ExecutionScheduler
from makespan.scheduling.scheduler_state import STATE_NAMES
from makespan.scheduling.usage import usage_over_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["Policy", "Simulation", "simulate"]

Policy: TypeAlias = Literal["critical_path", "program", "longest", "shortest", "random"]
"""By what nodes are prioritized: upward rank, id, duration, or chance."""

_POLICIES = ("critical_path", "program", "longest", "shortest", "random")
_NEVER_NS = np.iinfo(np.uint64).max


@dataclass(frozen=True, eq=False, slots=True)
class Simulation:
    """A schedule: entry ``i`` of each column belongs to node ``i``.

    Parameters
    ----------
    start, finish
        float64 seconds of the last attempt; NaN where there was none.
    state
        uint8, an index into ``names``; a node that is still ``waiting`` or ``ready`` could not move any more.
    attempts
        int64: how often the node was started.
    worker
        int64: the worker of the last attempt, -1 where there are no workers or it had none.
    makespan
        Seconds from the start to the last finish.
    demands
        int64, shape ``(n_nodes, n_resources)``, as they were given.

    Examples
    --------
    >>> import makespan as ms
    >>> simulate(ms.DependencyGraph.from_edges(2, [0], [1]), [1.0, 2.0]).makespan
    3.0
    """

    start: NDArray[np.float64]
    finish: NDArray[np.float64]
    state: NDArray[np.uint8]
    attempts: NDArray[np.int64]
    worker: NDArray[np.int64]
    makespan: float
    demands: NDArray[np.int64]

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each state, by number."""
        return STATE_NAMES

    @property
    def is_complete(self) -> bool:
        """Whether every node finished well."""
        return bool((self.state == STATE_NAMES.index("finished")).all())

    def usage(self, resource: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return how much of a resource the last attempts held over time.

        Parameters
        ----------
        resource
            Its index.

        Returns
        -------
        times, amounts
            From ``times[k]`` on, in seconds and ascending, ``amounts[k]`` was held, until ``times[k + 1]``.

        Raises
        ------
        ValidationError
            There is no such resource.

        Examples
        --------
        >>> import makespan as ms
        >>> graph = ms.DependencyGraph.from_edges(2, [], [])
        >>> times, amounts = simulate(graph, [1.0, 2.0], [[1], [2]], [3]).usage(0)
        >>> times.tolist(), amounts.tolist()
        ([0.0, 1.0, 2.0], [3, 2, 0])
        """
        if count(resource, "resource") >= self.demands.shape[1]:
            raise ValidationError("resource", resource, f"an index below {self.demands.shape[1]}")
        ran = ~np.isnan(self.start)
        return usage_over_time(self.start[ran], self.finish[ran], self.demands[ran, resource])

    def __repr__(self) -> str:
        n_finished = int((self.state == STATE_NAMES.index("finished")).sum())
        return f"<Simulation {n_finished} of {self.state.size} nodes finished, makespan {self.makespan:g} s>"


def simulate(
    graph: DependencyGraph,
    durations: ArrayLike,
    demands: ArrayLike | None = None,
    capacities: ArrayLike | None = None,
    policy: Policy | ArrayLike = "critical_path",
    seed: int = 0,
    *,
    backfill: bool = False,
    failure_rate: float = 0.0,
    cancels: Mapping[float, ArrayLike] | None = None,
    resizes: Sequence[tuple[float, int, int]] = (),
    **options: Any,
) -> Simulation:
    """Schedule a graph with a fake clock: the scheduler is the one that serves real programs, and nothing is run.

    Parameters
    ----------
    graph
        The dependencies.
    durations
        Seconds, shape ``(n_nodes,)``: how long nodes really take, on a worker of speed 1.
    demands, capacities
        As for `ExecutionScheduler`.
    policy
        ``"critical_path"``: the longest path to the end first. ``"program"``: the smallest id first. ``"longest"``,
        ``"shortest"``: by duration. ``"random"``: by ``seed``. Or priorities, shape ``(n_nodes,)``.
    seed
        Of random priorities, and of which attempts fail.
    backfill
        Whether the scheduler knows the durations, so that others may go before the first that waits.
    failure_rate
        Share of attempts that fail, from 0 to 1.
    cancels
        Nodes that are cancelled, by the second at which they are.
    resizes
        Changes of capacities: second, resource, capacity.
    **options
        Others of `ExecutionScheduler`: ``groups``, ``group_limits``, ``speeds``, ``on_failure``, ``retries``, ….

    Returns
    -------
    simulation
        When each node started and finished, and how it ended.

    Raises
    ------
    ConfigurationError
        The policy is unknown.
    ValidationError
        An argument has the wrong shape or a value that cannot be meant.
    UnsatisfiableError
        A node needs more of a resource than there is.

    Notes
    -----
    Deterministic for a seed. About half a second for a million nodes; releases the interpreter, and can be interrupted.

    Examples
    --------
    >>> import makespan as ms
    >>> graph = ms.DependencyGraph.from_edges(3, [0], [2])
    >>> simulate(graph, [1.0, 3.0, 2.0], demands=[[1], [1], [1]], capacities=[1]).start.tolist()
    [0.0, 1.0, 4.0]
    """
    if not isinstance(graph, DependencyGraph):
        raise ValidationError("graph", graph, "a DependencyGraph")
    n_nodes = graph.n_nodes
    seconds = vector(durations, "durations", np.float64, n_nodes)
    durations_ns = times_ns_of(seconds, "durations")
    scheduler = ExecutionScheduler(
        graph,
        priorities=_priorities(graph, seconds, policy, seed),
        demands=demands,
        capacities=capacities,
        durations=seconds if backfill else None,
        **options,
    )
    start_ns, finish_ns, makespan_ns, _ = scheduler._scheduler.simulate(
        durations_ns,
        _share(failure_rate, "failure_rate"),
        count(seed, "seed"),
        [(ns_of(at, "cancels"), ids_of(nodes, "cancels").tolist()) for at, nodes in (cancels or {}).items()],
        [
            (ns_of(at, "resizes"), count(resource, "resizes"), count(capacity, "resizes"))
            for at, resource, capacity in resizes
        ],
    )
    state = scheduler.state()
    n_resources = 0 if capacities is None else np.size(capacities)
    given = np.zeros((n_nodes, n_resources)) if demands is None else np.asarray(demands)
    return Simulation(
        start=_seconds(start_ns),
        finish=_seconds(finish_ns),
        state=state.state,
        attempts=state.attempts,
        worker=state.worker,
        makespan=makespan_ns / 1e9,
        demands=given.astype(np.int64),
    )


def _priorities(
    graph: DependencyGraph, seconds: NDArray[np.float64], policy: Policy | ArrayLike, seed: int
) -> ArrayLike | None:
    if not isinstance(policy, str):
        return policy
    match policy:
        case "critical_path":
            return -graph.critical_path(seconds).latest_start
        case "program":
            return None
        case "longest":
            return seconds
        case "shortest":
            return -seconds
        case "random":
            return np.random.default_rng(seed).random(graph.n_nodes)
    raise ConfigurationError("policy", policy, f"priorities, or one of {', '.join(_POLICIES)}")


def _share(value: Any, argument: str) -> float:
    is_number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= 1:
        raise ValidationError(argument, value, "a number from 0 to 1")
    return float(value)


def _seconds(times_ns: NDArray[np.uint64]) -> NDArray[np.float64]:
    return np.where(times_ns == _NEVER_NS, np.nan, times_ns / 1e9)
