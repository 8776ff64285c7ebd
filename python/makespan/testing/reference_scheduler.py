"""The slow, obvious list scheduler, to be compared with `makespan.ExecutionScheduler`.

Plain lists and dicts, and everything is looked for anew at each call; nothing here is meant for more than a few hundred
nodes. It is told the time and trusts its caller: `ReferenceScheduler.may_report` tells what may be reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["ReferenceNode", "ReferenceScheduler"]

_N_LOOKED_AT_MAX = 256
_N_WAITS_MAX = 64


@dataclass
class ReferenceNode:
    """What is known of a node, and what becomes of it.

    Parameters
    ----------
    before
        The nodes that must have finished before it.
    priority
        Larger goes first.
    needs
        Pool to amount, above zero; a group is one more pool, of which each of its nodes needs one.
    duration
        How long it is expected to take, in the unit of all times; of all nodes or of none.

    Examples
    --------
    >>> ReferenceNode(before={0}, needs={0: 2}).state
    'waiting'
    """

    before: set[int] = field(default_factory=set)
    priority: float = 0.0
    needs: dict[int, int] = field(default_factory=dict)
    duration: float | None = None
    state: str = "waiting"
    attempts: int = 0
    not_before: float | None = None
    expected_finish: float = 0.0
    worker: int | None = None


class ReferenceScheduler:
    """The rules of `makespan.ExecutionScheduler`, each written down once.

    Parameters
    ----------
    capacities
        How much there is of each pool: first one per resource, then one per group.
    speeds
        One per worker, each of which runs one node at a time; without them any number of nodes may run.
    on_failure, retries, retry_delay, retry_delay_max
        As for `makespan.ExecutionScheduler`.

    Examples
    --------
    >>> scheduler = ReferenceScheduler([2])
    >>> scheduler.add(0, [ReferenceNode(needs={0: 1}), ReferenceNode(needs={0: 2}), ReferenceNode(needs={0: 1})])
    >>> scheduler.take(0, 3)
    [0]
    >>> scheduler.complete(1, [0])
    >>> scheduler.take(1, 3)
    [1]
    """

    def __init__(
        self,
        capacities: Sequence[int] = (),
        *,
        speeds: Sequence[float] | None = None,
        on_failure: Literal["continue", "stop"] = "continue",
        retries: int = 0,
        retry_delay: float = 1.0,
        retry_delay_max: float = 60.0,
    ) -> None:
        self.nodes: list[ReferenceNode] = []
        self.capacities = list(capacities)
        self.is_stopped = False
        self.reservation: tuple[int, float] | None = None
        self._speeds = speeds
        self._promised: dict[int, float] = {}
        self._n_waits = 0
        self._stops_on_failure = on_failure == "stop"
        self._retries = retries
        self._retry_delay = retry_delay
        self._retry_delay_max = retry_delay_max

    # --- what is asked --------------------------------------------------------------------------

    def in_state(self, *states: str) -> list[int]:
        """Return the nodes that are in one of these states.

        Parameters
        ----------
        *states
            Their names.

        Returns
        -------
        nodes
            Ascending.
        """
        return [node for node, known in enumerate(self.nodes) if known.state in states]

    def running(self) -> list[int]:
        """Return the nodes that hold what they need."""
        return self.in_state("running", "cancelling")

    def taken(self, pool: int) -> int:
        """Return how much of a pool is taken.

        Parameters
        ----------
        pool
            Its index.

        Returns
        -------
        amount
            Above its capacity after that was lowered.
        """
        return sum(self.nodes[node].needs.get(pool, 0) for node in self.running())

    def unmet(self, node: int) -> list[int]:
        """Return the predecessors of a node that have not finished.

        Parameters
        ----------
        node
            Its id.

        Returns
        -------
        nodes
            Ascending.
        """
        return [before for before in sorted(self.nodes[node].before) if self.nodes[before].state != "finished"]

    def may_report(self, nodes: Sequence[int]) -> bool:
        """Tell whether an end can be reported of these nodes: each runs and is named once.

        Parameters
        ----------
        nodes
            Ids, also of nodes that are not there.

        Returns
        -------
        may
            Whether `complete`, `fail` and `retry` may be called.
        """
        return len(set(nodes)) == len(nodes) and set(nodes) <= set(self.running())

    # --- what runs ------------------------------------------------------------------------------

    def take(self, now: float, n_max: int) -> list[int]:
        """Take nodes that may start now, in one pass over the line of those that are ready.

        Parameters
        ----------
        now
            The time.
        n_max
            How many at the most.

        Returns
        -------
        nodes
            In the order in which they go.
        """
        self._release_delayed(now)
        self.reservation = None
        line = sorted(self.in_state("ready"), key=lambda node: (-self.nodes[node].priority, node))
        # Who needs more than there is holds up nobody.
        line = [node for node in line if self._could_fit(node)]
        taken: list[int] = []
        if self._speeds is not None:
            n_max = min(n_max, len(self._idle()))
        self._promised = {}
        self._n_waits = 0
        closed: set[int] = set()
        kept: dict[int, int] | None = None
        for place, node in enumerate(line):
            if len(taken) == n_max:
                break
            needs = self.nodes[node].needs
            if closed & needs.keys() or self._waits_for_faster(now, node):
                continue
            left = {pool: self._free(pool) - (kept or {}).get(pool, 0) for pool in needs}
            short = {pool for pool, amount in needs.items() if amount > left[pool]}
            if not short:
                self._start(now, node, taken)
            elif self.nodes[node].duration is not None:
                behind = line[place + 1 : place + 1 + _N_LOOKED_AT_MAX]
                self._backfill(now, node, behind, n_max, taken)
                break
            else:
                closed |= short
                if kept is None:
                    # This is the head of the line: what it could use is kept for it as well.
                    kept = {pool: amount for pool, amount in needs.items() if pool not in short}
        return taken

    def _backfill(self, now: float, head: int, behind: list[int], n_max: int, taken: list[int]) -> None:
        """Take nodes that cannot put off the head: over by the time it starts, or beside it then."""
        head_start, left = self._reservation(now, head)
        self.reservation = (head, head_start)
        for node in behind:
            if len(taken) == n_max:
                break
            needs = self.nodes[node].needs
            is_free = all(amount <= self._free(pool) for pool, amount in needs.items())
            if not is_free or self._waits_for_faster(now, node):
                continue
            is_over = now + self._expected(node, self._next_worker()) <= head_start
            is_beside = all(amount <= left[pool] for pool, amount in needs.items())
            if is_over or is_beside:
                if not is_over:
                    for pool, amount in needs.items():
                        left[pool] -= amount
                self._start(now, node, taken)

    def _reservation(self, now: float, head: int) -> tuple[float, list[int]]:
        """Return when the head can start, if what runs takes as long as expected, and what is left beside it then."""
        # What should have ended by now may end at any moment.
        ends = {node: max(now, self.nodes[node].expected_finish) for node in self.running()}
        for at in sorted({now, *ends.values()}):
            left = [self._free(pool) - self.nodes[head].needs.get(pool, 0) for pool in range(len(self.capacities))]
            for node, end in ends.items():
                if end <= at:
                    for pool, amount in self.nodes[node].needs.items():
                        left[pool] += amount
            if all(left[pool] >= 0 for pool in self.nodes[head].needs):
                return at, left
        raise AssertionError("the head of the line fits when nothing runs")

    def complete(self, now: float, nodes: Iterable[int]) -> None:
        """Nodes ended well.

        Parameters
        ----------
        now
            The time.
        nodes
            What `may_report` allows.
        """
        for node in nodes:
            is_wanted = self.nodes[node].state == "running"
            self.nodes[node].state = "finished" if is_wanted else "cancelled"
        self._unblock(now)

    def fail(self, now: float, nodes: Iterable[int]) -> list[int]:
        """Nodes ended badly.

        Parameters
        ----------
        now
            The time.
        nodes
            What `may_report` allows.

        Returns
        -------
        given_up
            Nodes that will never run because of it, ascending.
        """
        given_up: list[int] = []
        is_stop = False
        for node in nodes:
            known = self.nodes[node]
            if known.state == "cancelling":
                known.state = "cancelled"
            elif known.attempts <= self._retries and not self.is_stopped:
                delay = self._retry_delay * 2 ** (known.attempts - 1)
                known.state, known.not_before = "delayed", now + min(delay, self._retry_delay_max)
            else:
                known.state = "failed"
                if self._stops_on_failure:
                    is_stop = True
                else:
                    given_up += self._give_up_after(node, "skipped")
        if is_stop:
            self.is_stopped = True
            for node in self.in_state("waiting", "delayed", "ready"):
                self._give_up(node, "cancelled")
                given_up.append(node)
        return sorted(given_up)

    def retry(self, now: float, nodes: Iterable[int], delay: float) -> None:
        """Nodes are to be tried again, however often they have been.

        Parameters
        ----------
        now
            The time.
        nodes
            What `may_report` allows.
        delay
            How long from now.
        """
        for node in nodes:
            known = self.nodes[node]
            if known.state == "cancelling":
                known.state = "cancelled"
            elif self.is_stopped:
                known.state = "failed"
            else:
                known.state, known.not_before = "delayed", now + delay

    def cancel(self, nodes: Iterable[int]) -> list[int]:
        """Nodes are not wanted any more, nor what is downstream of them.

        Parameters
        ----------
        nodes
            Any.

        Returns
        -------
        to_stop
            Those that run, in the order given.
        """
        to_stop: list[int] = []
        for node in nodes:
            match self.nodes[node].state:
                case "waiting" | "delayed" | "ready":
                    self._give_up(node, "cancelled")
                case "running":
                    self.nodes[node].state = "cancelling"
                    to_stop.append(node)
                case _:
                    continue
            self._give_up_after(node, "cancelled")
        return to_stop

    # --- what changes ---------------------------------------------------------------------------

    def add(self, now: float, nodes: Iterable[ReferenceNode]) -> None:
        """Add nodes.

        Parameters
        ----------
        now
            The time.
        nodes
            Numbered from the number of nodes on.
        """
        first = len(self.nodes)
        self.nodes.extend(nodes)
        follows = {"failed": "skipped", "skipped": "skipped", "cancelled": "cancelled", "cancelling": "cancelled"}
        # By ascending predecessors, which decides for which reason a node is given up.
        for before in range(len(self.nodes)):
            state = follows.get(self.nodes[before].state)
            for node in range(first, len(self.nodes)):
                if state and before in self.nodes[node].before and self.nodes[node].state == "waiting":
                    self._give_up(node, state)
                    self._give_up_after(node, state)
        if self.is_stopped:
            for node in self.in_state("waiting"):
                self._give_up(node, "cancelled")
        self._unblock(now)

    def not_before(self, now: float, nodes: Iterable[int], times: Iterable[float]) -> None:
        """Nodes that have not started may not start before a time.

        Parameters
        ----------
        now
            The time.
        nodes
            Nodes that wait, are delayed or are ready.
        times
            One per node.
        """
        for node, at in zip(nodes, times, strict=True):
            known = self.nodes[node]
            if known.state == "ready" and at > now:
                known.state, known.not_before = "delayed", at
            elif known.state != "ready":
                known.not_before = at

    # --- steps of these -------------------------------------------------------------------------

    def _free(self, pool: int) -> int:
        return self.capacities[pool] - self.taken(pool)

    def _could_fit(self, node: int) -> bool:
        return all(amount <= self.capacities[pool] for pool, amount in self.nodes[node].needs.items())

    def _start(self, now: float, node: int, taken: list[int]) -> None:
        known = self.nodes[node]
        known.worker = self._next_worker()
        known.expected_finish = now + self._expected(node, known.worker)
        known.state = "running"
        known.attempts += 1
        known.not_before = None
        taken.append(node)

    def _idle(self) -> list[int]:
        """Return the workers that have nothing to do, the fastest first."""
        speeds = self._speeds or ()
        busy = {self.nodes[node].worker for node in self.running()}
        return sorted({*range(len(speeds))} - busy, key=lambda worker: (-speeds[worker], worker))

    def _next_worker(self) -> int | None:
        return self._idle()[0] if self._speeds is not None else None

    def _expected(self, node: int, worker: int | None) -> float:
        duration = self.nodes[node].duration or 0.0
        return duration if self._speeds is None or worker is None else duration / self._speeds[worker]

    def _waits_for_faster(self, now: float, node: int) -> bool:
        """Tell whether a node would end earlier on a faster worker that is busy, which is then promised to it."""
        if self._speeds is None or self.nodes[node].duration is None or self._n_waits == _N_WAITS_MAX:
            return False
        next_worker = self._idle()[0]
        ends: list[tuple[float, float, int]] = []
        for other in self.running():
            worker = self.nodes[other].worker
            if worker is not None and self._goes_before(worker, next_worker):
                free_at = max(now, self._promised.get(worker, self.nodes[other].expected_finish))
                ends.append((free_at + self._expected(node, worker), -self._speeds[worker], worker))
        if not ends or min(ends)[0] >= now + self._expected(node, next_worker):
            return False
        end, _, worker = min(ends)
        self._promised[worker] = end
        self._n_waits += 1
        return True

    def _goes_before(self, worker: int, other: int) -> bool:
        assert self._speeds is not None
        return (-self._speeds[worker], worker) < (-self._speeds[other], other)

    def _unblock(self, now: float) -> None:
        for node in self.in_state("waiting"):
            known = self.nodes[node]
            if not self.unmet(node):
                known.state = "delayed" if known.not_before is not None and known.not_before > now else "ready"

    def _release_delayed(self, now: float) -> None:
        for node in self.in_state("delayed"):
            known = self.nodes[node]
            if known.not_before is not None and known.not_before <= now:
                known.state, known.not_before = "ready", None

    def _give_up(self, node: int, state: str) -> None:
        self.nodes[node].state = state
        self.nodes[node].not_before = None

    def _give_up_after(self, node: int, state: str) -> list[int]:
        given_up = [after for after in self.in_state("waiting") if node in self.nodes[after].before]
        for after in given_up:
            self._give_up(after, state)
        for after in tuple(given_up):
            given_up += self._give_up_after(after, state)
        return given_up
