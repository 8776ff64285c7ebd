"""The scheduler over arrays: what of a growing graph may start now."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Concatenate, Literal, NamedTuple, ParamSpec, TypeVar

import numpy as np

from makespan import _core
from makespan.exceptions import ConfigurationError, ExecutionException, ValidationError
from makespan.scheduling.arguments import array_of, count, ids_of, ns_of, times_ns_of, vector
from makespan.scheduling.graph import DependencyGraph
from makespan.scheduling.scheduler_log import Columns, LogEntry, ReplayClock, SchedulerLog, plain
from makespan.scheduling.scheduler_state import STATE_NAMES, Explanation, SchedulerState

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import SupportsIndex

    from numpy.typing import ArrayLike, NDArray

__all__ = ["ExecutionScheduler"]

P = ParamSpec("P")
R = TypeVar("R")

_N_RETRIES_MAX = 65_535
_NEVER_NS = np.iinfo(np.uint64).max


class _Options(NamedTuple):
    """What nodes share, as the native scheduler reads it."""

    capacities: list[int]
    group_limits: list[int]
    speeds: list[float] | None
    stops_on_failure: bool
    n_retries: int
    retry_delay_ns: int
    retry_delay_max_ns: int


class ExecutionScheduler:
    """Decides what of a graph may start now: ask it with `take`, tell it with `complete`, `fail` and `cancel`.

    It runs nothing. The largest priority goes first, the smallest id among equals. A node starts when all its
    predecessors have finished and all that it needs is free at once; it holds that until it is reported.

    Who waits is not passed by: what is free of the resources of the first that cannot start is kept for it, and whoever
    is further behind and short of a resource closes it to those behind. Where ``durations`` are given, nodes behind the
    first may use what it leaves free as long as they cannot put it off ("EASY" backfilling, Lifka 1995; at most 256
    nodes behind it are looked at in one call).

    Parameters
    ----------
    graph
        The dependencies.
    priorities
        float64, shape ``(n_nodes,)``; larger goes first, 0 for all if not given.
    demands
        int64, shape ``(n_nodes, n_resources)``: how much of each resource a node needs while it runs.
    capacities
        int64, shape ``(n_resources,)``: how much there is.
    groups, group_limits
        int64, shape ``(n_nodes,)``: the group of each node, -1 for none; int64, shape ``(n_groups,)``: how many of each
        group may run at once.
    durations
        Expected seconds, shape ``(n_nodes,)``; with them, others may go before the first that waits, as said above.
    speeds
        float64, shape ``(n_workers,)``: there are so many workers, of this speed, and each runs one node at a time. The
        first node goes to the fastest that is idle; with ``durations``, it waits for a faster one that is busy where it
        would finish earlier so. Without ``speeds`` any number of nodes may run.
    on_failure
        ``"continue"``: what is downstream of a failure is skipped. ``"stop"``: nothing more starts after one.
    retries
        How often a node that fails is tried again.
    retry_delay, retry_delay_max
        Seconds after the first failure before that; doubled after each further one, up to the second figure.
    clock
        Returns seconds that do not fall; by default seconds since the scheduler was made.
    record
        Keep a log of all calls, see `log` and `replay`.

    Raises
    ------
    ValidationError
        An argument has the wrong shape or a value that cannot be meant.
    ConfigurationError
        ``on_failure`` is unknown, or ``clock`` is no function.
    UnsatisfiableError
        A node needs more of a resource than there is.

    Notes
    -----
    Deterministic: the same calls at the same times give the same answers. A call is made with whole arrays; all of it
    is done or, where it is refused, nothing. About 36 bytes per pending node beside the graph; times are counted in
    nanoseconds. Safe to use from several threads.

    Examples
    --------
    >>> graph = DependencyGraph.from_edges(4, [0, 0, 1, 2], [1, 2, 3, 3])
    >>> scheduler = ExecutionScheduler(graph, demands=[[1], [2], [1], [1]], capacities=[2])
    >>> while (nodes := scheduler.take(64)).size:
    ...     print(nodes.tolist())
    ...     scheduler.complete(nodes)
    [0]
    [1]
    [2]
    [3]
    """

    def __init__(
        self,
        graph: DependencyGraph,
        *,
        priorities: ArrayLike | None = None,
        demands: ArrayLike | None = None,
        capacities: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        group_limits: ArrayLike | None = None,
        durations: ArrayLike | None = None,
        speeds: ArrayLike | None = None,
        on_failure: Literal["continue", "stop"] = "continue",
        retries: int = 0,
        retry_delay: float = 1.0,
        retry_delay_max: float = 60.0,
        clock: Callable[[], float] | None = None,
        record: bool = False,
    ) -> None:
        if not isinstance(graph, DependencyGraph):
            raise ValidationError("graph", graph, "a DependencyGraph")
        if on_failure not in ("continue", "stop"):
            raise ConfigurationError("on_failure", on_failure, "'continue' or 'stop'")
        if count(retries, "retries") > _N_RETRIES_MAX:
            raise ValidationError("retries", retries, f"a whole number from 0 to {_N_RETRIES_MAX}")
        if clock is not None and not callable(clock):
            raise ConfigurationError("clock", clock, "a function that returns seconds")
        if demands is not None and capacities is None:
            raise ValidationError("capacities", None, "how much there is of each resource that is demanded")
        if groups is not None and group_limits is None:
            raise ValidationError("group_limits", None, "how many of each group may run at once")
        limits = [] if capacities is None else vector(capacities, "capacities", np.int64).tolist()
        options = _Options(
            capacities=limits,
            group_limits=[] if group_limits is None else vector(group_limits, "group_limits", np.int64).tolist(),
            speeds=None if speeds is None else vector(speeds, "speeds", np.float64).tolist(),
            stops_on_failure=on_failure == "stop",
            n_retries=retries,
            retry_delay_ns=ns_of(retry_delay, "retry_delay"),
            retry_delay_max_ns=ns_of(retry_delay_max, "retry_delay_max"),
        )
        columns = _columns(graph.n_nodes, len(limits), priorities, demands, groups, durations)
        self._n_resources = len(limits)
        self._made_of = (graph._graph, columns, options)
        self._scheduler = _core.ListScheduler(*self._made_of, clock)
        self._log: SchedulerLog | None = SchedulerLog() if record else None
        # Held where the clock is read as well, so that the time that is noted is that of the call.
        self._recording = threading.Lock()

    # --- what runs ------------------------------------------------------------------------------

    def take(self, n_max: SupportsIndex = 1) -> NDArray[np.int64]:
        """Take nodes that may start now; they run from now on and hold what they need.

        Parameters
        ----------
        n_max
            How many at the most.

        Returns
        -------
        nodes
            Ids in the order in which they go, int64; empty where nothing may start now.

        Raises
        ------
        ValidationError
            ``n_max`` is negative or no whole number.

        Notes
        -----
        O(n_max) beside what the number of different sets of needed resources costs.

        Examples
        --------
        >>> ExecutionScheduler(DependencyGraph.from_edges(3, [], []), priorities=[1, 3, 2]).take(2)
        array([1, 2])
        """
        return self._call(_core.ListScheduler.take, count(n_max, "n_max"))

    def complete(self, nodes: ArrayLike) -> None:
        """Tell that nodes ended well: what only waited for them is ready.

        Parameters
        ----------
        nodes
            Ids of nodes that run, each once; int64 or anything that can be made so, also a single id.

        Raises
        ------
        ValidationError
            There is no such node.
        SchedulerError
            A node does not run, or is named twice.

        Notes
        -----
        O(1) per node and edge. A node that was cancelled while it ran is cancelled then.

        Examples
        --------
        >>> scheduler = ExecutionScheduler(DependencyGraph.from_edges(2, [0], [1]))
        >>> scheduler.complete(scheduler.take())
        >>> scheduler.take()
        array([1])
        """
        self._call(_core.ListScheduler.complete, ids_of(nodes))

    def fail(self, nodes: ArrayLike, *, retry_after: float | None = None) -> NDArray[np.int64]:
        """Tell that nodes ended badly.

        Parameters
        ----------
        nodes
            Ids of nodes that run, each once.
        retry_after
            Try them again after so many seconds, however often they have been tried; by default ``retries`` and
            ``retry_delay`` decide.

        Returns
        -------
        given_up
            Nodes that will never run because of it, int64, ascending: what is downstream, or everything that had not
            started where ``on_failure`` is ``"stop"``.

        Raises
        ------
        ValidationError
            There is no such node, or ``retry_after`` is negative.
        SchedulerError
            A node does not run, or is named twice.

        Examples
        --------
        >>> scheduler = ExecutionScheduler(DependencyGraph.from_edges(3, [0], [1]))
        >>> scheduler.fail(scheduler.take())
        array([1])
        >>> scheduler.counts()["failed"], scheduler.counts()["skipped"], scheduler.counts()["ready"]
        (1, 1, 1)
        """
        ids = ids_of(nodes)
        if retry_after is None:
            return self._call(_core.ListScheduler.fail, ids)
        self._call(_core.ListScheduler.retry, ids, ns_of(retry_after, "retry_after"))
        return np.empty(0, dtype=np.int64)

    def cancel(self, nodes: ArrayLike) -> NDArray[np.int64]:
        """Say that nodes are not wanted any more, nor what is downstream of them.

        What has not started is cancelled. What runs is *cancelling*: it holds what it needs until it is reported, well
        or badly, and is cancelled then. What has ended stays as it is.

        Parameters
        ----------
        nodes
            Ids.

        Returns
        -------
        to_stop
            Those that run, int64: stop them if you can, and report them.

        Raises
        ------
        ValidationError
            There is no such node.

        Examples
        --------
        >>> scheduler = ExecutionScheduler(DependencyGraph.from_edges(2, [0], [1]))
        >>> scheduler.cancel(scheduler.take())
        array([0])
        >>> scheduler.complete([0])
        >>> scheduler.counts()["cancelled"]
        2
        """
        return self._call(_core.ListScheduler.cancel, ids_of(nodes))

    # --- what changes ---------------------------------------------------------------------------

    def add(
        self,
        n_nodes: SupportsIndex,
        source: ArrayLike = (),
        target: ArrayLike = (),
        *,
        priorities: ArrayLike | None = None,
        demands: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        durations: ArrayLike | None = None,
    ) -> NDArray[np.int64]:
        """Add nodes while others run.

        Parameters
        ----------
        n_nodes
            How many.
        source, target
            The two ends of every edge, int64: from any node, old or new, to a new one. New nodes are numbered from the
            number of nodes on. An edge into an older node would come too late, since that may have started.
        priorities, demands, groups, durations
            As for the others, one entry or row per new node; durations exactly if the others have them.

        Returns
        -------
        nodes
            Ids of the new nodes, int64.

        Raises
        ------
        ValidationError
            An end of an edge does not exist, an edge ends at an older node, or a shape or value does not fit.
        CycleError
            The edges form a cycle.
        UnsatisfiableError
            A node needs more of a resource than there is.

        Notes
        -----
        A node behind one that failed, was skipped or was cancelled is given up at once.

        Examples
        --------
        >>> scheduler = ExecutionScheduler(DependencyGraph.from_edges(1, [], []))
        >>> scheduler.add(2, [0, 1], [1, 2])
        array([1, 2])
        """
        n_new = count(n_nodes, "n_nodes")
        sources, targets = ids_of(source, "source"), ids_of(target, "target")
        columns = _columns(n_new, self._n_resources, priorities, demands, groups, durations)
        first = self._call(_core.ListScheduler.add, n_new, sources, targets, columns)
        return np.arange(first, first + n_new, dtype=np.int64)

    def set_priority(self, nodes: ArrayLike, priorities: ArrayLike) -> None:
        """Give nodes other priorities; where they are ready, they change their place in line.

        Parameters
        ----------
        nodes
            Ids.
        priorities
            float64, one per node, or one for all.

        Raises
        ------
        ValidationError
            There is no such node, or a priority is NaN.

        Examples
        --------
        >>> scheduler = ExecutionScheduler(DependencyGraph.from_edges(3, [], []))
        >>> scheduler.set_priority([2], 1)
        >>> scheduler.take(3)
        array([2, 0, 1])
        """
        ids = ids_of(nodes)
        values = _per_node(ids, priorities, "priorities")
        self._call(_core.ListScheduler.set_priority, ids, values)

    def not_before(self, nodes: ArrayLike, times: ArrayLike) -> None:
        """Say before when nodes may not start; what was said before is forgotten.

        Parameters
        ----------
        nodes
            Ids of nodes that have not started.
        times
            Seconds on the scheduler's clock (see `now`), one per node, or one for all.

        Raises
        ------
        ValidationError
            There is no such node, or a time is negative or not finite.
        SchedulerError
            A node has started, or never will.

        Examples
        --------
        >>> scheduler = ExecutionScheduler(DependencyGraph.from_edges(2, [], []), clock=lambda: 5.0)
        >>> scheduler.not_before([0], scheduler.now + 10)
        >>> scheduler.take(2), scheduler.next_time
        (array([1]), 15.0)
        """
        ids = ids_of(nodes)
        values = _per_node(ids, times, "times")
        self._call(_core.ListScheduler.set_not_before, ids, times_ns_of(values, "times"))

    def delay(self, nodes: ArrayLike, seconds: float) -> None:
        """Say that nodes may not start for so many seconds from now.

        Parameters
        ----------
        nodes
            Ids of nodes that have not started.
        seconds
            Not negative.

        Raises
        ------
        ValidationError
            There is no such node, or ``seconds`` is negative or not finite.
        SchedulerError
            A node has started, or never will.

        Examples
        --------
        >>> scheduler = ExecutionScheduler(DependencyGraph.from_edges(1, [], []), clock=lambda: 5.0)
        >>> scheduler.delay(0, 1.5)
        >>> scheduler.next_time
        6.5
        """
        ns_of(seconds, "seconds")
        self.not_before(nodes, self.now + seconds)

    def set_capacity(self, resource: SupportsIndex, capacity: SupportsIndex) -> None:
        """Change how much there is of a resource; what is taken stays taken.

        A node that needs more than there is then waits until there is more, and holds up nobody.

        Parameters
        ----------
        resource
            Its index.
        capacity
            Not negative.

        Raises
        ------
        ValidationError
            There is no such resource, or the capacity is negative.

        Examples
        --------
        >>> scheduler = ExecutionScheduler(DependencyGraph.from_edges(2, [], []), demands=[[1], [1]], capacities=[1])
        >>> scheduler.set_capacity(0, 2)
        >>> scheduler.take(2)
        array([0, 1])
        """
        self._call(_core.ListScheduler.set_capacity, count(resource, "resource"), count(capacity, "capacity"))

    def set_group_limit(self, group: SupportsIndex, limit: SupportsIndex) -> None:
        """Change how many nodes of a group may run at once.

        Parameters
        ----------
        group
            Its index.
        limit
            Not negative.

        Raises
        ------
        ValidationError
            There is no such group, or the limit is negative.

        Examples
        --------
        >>> graph = DependencyGraph.from_edges(2, [], [])
        >>> scheduler = ExecutionScheduler(graph, groups=[0, 0], group_limits=[1])
        >>> scheduler.set_group_limit(0, 2)
        >>> scheduler.take(2)
        array([0, 1])
        """
        index = count(group, "group")
        n_groups = len(self._scheduler.pools()[0]) - self._n_resources
        if index >= n_groups:
            raise ValidationError("group", index, f"an index below {n_groups}")
        self._call(_core.ListScheduler.set_group_limit, index, count(limit, "limit"))

    # --- what is asked --------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """Seconds on the scheduler's clock."""
        with self._recording:
            return self._scheduler.now_ns() / 1e9

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return self._scheduler.n_nodes

    @property
    def n_left(self) -> int:
        """Number of nodes that have not ended."""
        return self._scheduler.n_left

    @property
    def is_done(self) -> bool:
        """Whether every node has ended, one way or another."""
        return self._scheduler.n_left == 0

    @property
    def is_stopped(self) -> bool:
        """Whether a failure has stopped everything, see ``on_failure``."""
        return self._scheduler.is_stopped

    @property
    def next_time(self) -> float | None:
        """When the next delayed node may start, in seconds on the scheduler's clock: at this time it may."""
        next_ns = self._scheduler.next_time_ns
        if next_ns is None:
            return None
        # Beyond a hundred days, floats are further apart than nanoseconds.
        seconds = next_ns / 1e9
        return seconds if round(seconds * 1e9) >= next_ns else math.nextafter(seconds, math.inf)

    @property
    def reservation(self) -> tuple[int, float] | None:
        """The node that was first in line and could not start at the last `take`, and when it should at the latest.

        Only where ``durations`` are given; None where nobody had to wait.
        """
        reservation = self._scheduler.reservation_ns
        return None if reservation is None else (reservation[0], reservation[1] / 1e9)

    @property
    def memory_bytes(self) -> int:
        """How much memory it takes, without the graph."""
        return self._scheduler.memory_bytes

    def counts(self) -> dict[str, int]:
        """Return how many nodes are in each state.

        Returns
        -------
        counts
            By the name of the state.

        Examples
        --------
        >>> counts = ExecutionScheduler(DependencyGraph.from_edges(2, [0], [1])).counts()
        >>> counts["ready"], counts["waiting"]
        (1, 1)
        """
        return dict(zip(STATE_NAMES, self._scheduler.counts(), strict=True))

    def usage(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return how much there is of each resource, and how much of it is taken.

        Returns
        -------
        capacity, taken
            int64, shape ``(n_resources + n_groups,)``: groups follow the resources.

        Examples
        --------
        >>> scheduler = ExecutionScheduler(DependencyGraph.from_edges(1, [], []), demands=[[2]], capacities=[3])
        >>> _ = scheduler.take()
        >>> scheduler.usage()
        (array([3]), array([2]))
        """
        capacities, taken = self._scheduler.pools()
        return np.array(capacities, dtype=np.int64), np.array(taken, dtype=np.int64)

    def workers_of(self, nodes: ArrayLike) -> NDArray[np.int64]:
        """Return the workers that nodes were given to.

        Parameters
        ----------
        nodes
            Ids.

        Returns
        -------
        workers
            int64, one per node; -1 where a node was given to none.

        Raises
        ------
        ValidationError
            There is no such node.

        Examples
        --------
        >>> scheduler = ExecutionScheduler(DependencyGraph.from_edges(2, [], []), speeds=[1.0, 2.0])
        >>> scheduler.workers_of(scheduler.take(2))
        array([1, 0])
        """
        return self._scheduler.workers_of(ids_of(nodes))

    def state(self) -> SchedulerState:
        """Return the state of every node.

        Returns
        -------
        state
            Columns, see `SchedulerState`.

        Examples
        --------
        >>> ExecutionScheduler(DependencyGraph.from_edges(2, [0], [1])).state().n_unmet
        array([0, 1])
        """
        state, n_unmet, priority, attempts, not_before_ns, worker = self._scheduler.columns()
        not_before = np.where(not_before_ns == _NEVER_NS, np.nan, not_before_ns / 1e9)
        return SchedulerState(state, n_unmet, priority, attempts, not_before, worker)

    def explain(self, node: SupportsIndex) -> Explanation:
        """Say what a node waits for.

        Parameters
        ----------
        node
            Its id.

        Returns
        -------
        explanation
            Data, and a sentence as its text.

        Raises
        ------
        ValidationError
            There is no such node.

        Notes
        -----
        It is tried on a copy what would be taken now: O(n log n).

        Examples
        --------
        >>> scheduler = ExecutionScheduler(DependencyGraph.from_edges(2, [], []), demands=[[2], [1]], capacities=[2])
        >>> _ = scheduler.take(2)
        >>> print(scheduler.explain(1))
        node 1 needs 1 of resource 0 (0 free)
        """
        node_id = count(node, "node")
        with self._recording:
            reason, values = self._scheduler.explain(node_id)
        match reason:
            case "waits_for" | "behind":
                return Explanation(node_id, reason, nodes=tuple(values))
            case "short" | "oversized":
                rows = [(values[k], values[k + 1], values[k + 2]) for k in range(0, len(values), 3)]
                return Explanation(node_id, reason, resources=tuple(rows), n_resources=self._n_resources)
            case "delayed":
                return Explanation(node_id, reason, until=values[0] / 1e9)
            case _:
                return Explanation(node_id, reason)

    # --- the log --------------------------------------------------------------------------------

    @property
    def log(self) -> SchedulerLog:
        """Every call so far that changed something, with its time and its answer; needs ``record=True``."""
        if self._log is None:
            raise ConfigurationError("record", False, "True, when the scheduler is made: only then is there a log")
        return self._log

    def replay(self, log: SchedulerLog, clock: Callable[[], float] | None = None) -> ExecutionScheduler:
        """Make the calls of a log again, at their times, on a new scheduler of the same things as this one.

        So a scheduler is brought back, also in another process: make one of the same arrays, and replay its log.

        Parameters
        ----------
        log
            What `log` returned, here or after `SchedulerLog.from_json`.
        clock
            Goes on from the time of the last call; by default the seconds that pass from now on are added to that.

        Returns
        -------
        scheduler
            The new one, where the logged one stood; it keeps a log itself.

        Raises
        ------
        ValidationError
            A call is refused, or its answer is not what it was: the logged scheduler was not made of the same things.

        Examples
        --------
        >>> graph = DependencyGraph.from_edges(3, [0], [1])
        >>> scheduler = ExecutionScheduler(graph, record=True)
        >>> scheduler.complete(scheduler.take(1))
        >>> ExecutionScheduler(graph).replay(scheduler.log).take(3)
        array([1, 2])
        """
        replayed = ReplayClock()
        copy = ExecutionScheduler.__new__(ExecutionScheduler)
        copy._n_resources = self._n_resources
        copy._made_of = self._made_of
        copy._scheduler = _core.ListScheduler(*self._made_of, replayed)
        copy._log = SchedulerLog()
        copy._recording = threading.Lock()
        for place, entry in enumerate(log):
            replayed.stand_at(entry.time)
            try:
                answer = plain(getattr(copy._scheduler, entry.method)(*entry.native_arguments()))
            except ExecutionException as error:
                raise ValidationError(f"log[{place}]", entry, f"a call that is not refused: {error}") from error
            if answer != entry.answer:
                raise ValidationError(f"log[{place}]", entry, f"the answer {answer}, if it is of the same things")
            copy._log.append(entry)
        replayed.go_on(clock)
        return copy

    def _call(self, method: Callable[Concatenate[_core.ListScheduler, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the native scheduler, and note it where there is a log."""
        if self._log is None:
            return method(self._scheduler, *args, **kwargs)
        with self._recording:
            answer = method(self._scheduler, *args, **kwargs)
            given = tuple(plain(argument) for argument in args)
            self._log.append(LogEntry(self._scheduler.last_ns / 1e9, method.__name__, given, plain(answer)))
        return answer

    def __repr__(self) -> str:
        counts = {name: n for name, n in self.counts().items() if n}
        told = ", ".join(f"{n} {name}" for name, n in counts.items()) or "no nodes"
        return f"<ExecutionScheduler {told}>"


def _columns(
    n_nodes: int,
    n_resources: int,
    priorities: ArrayLike | None,
    demands: ArrayLike | None,
    groups: ArrayLike | None,
    durations: ArrayLike | None,
) -> Columns:
    return Columns(
        priorities=None if priorities is None else vector(priorities, "priorities", np.float64, n_nodes),
        demands=None if demands is None else _demands(demands, n_nodes, n_resources),
        groups=None if groups is None else vector(groups, "groups", np.int64, n_nodes),
        durations_ns=None
        if durations is None
        else times_ns_of(vector(durations, "durations", np.float64, n_nodes), "durations"),
    )


def _demands(demands: ArrayLike, n_nodes: int, n_resources: int) -> NDArray[np.int64]:
    rows = array_of(demands, "demands")
    if rows.shape != (n_nodes, n_resources):
        raise ValidationError("demands", rows.shape, f"shape ({n_nodes}, {n_resources}): nodes by resources")
    return vector(rows.reshape(-1), "demands", np.int64).reshape(n_nodes, n_resources)


def _per_node(ids: NDArray[np.int64], values: ArrayLike, argument: str) -> NDArray[np.float64]:
    array = array_of(values, argument)
    if array.ndim == 0:
        array = np.full(ids.size, array)
    return vector(array, argument, np.float64, ids.size)
