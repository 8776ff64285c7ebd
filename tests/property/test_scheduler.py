"""`ExecutionScheduler` beside the slow reference: the same decisions, whatever happens in whatever order."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import makespan as ms
from makespan.scheduling import SchedulerLog
from makespan.testing.reference_scheduler import ReferenceNode, ReferenceScheduler

# Quarters of a second are whole nanoseconds and exact as floats, so that both sides reckon alike.
seconds = st.integers(0, 40).map(lambda quarters: quarters / 4)
priorities = st.sampled_from([-1.5, 0.0, 2.0, float("inf")])
bits = st.integers(0, 2**12 - 1)


def kept_by(mask: int, nodes: list[int]) -> list[int]:
    """Return the nodes that the bits of a number choose, those of odd numbers backwards."""
    chosen = [node for place, node in enumerate(nodes) if mask >> (place % 12) & 1]
    return chosen[::-1] if mask & 1 else chosen


class SideBySide(RuleBasedStateMachine):
    """Tells both the same, and compares what they say."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 0.0

    @initialize(
        capacities=st.lists(st.integers(0, 4), max_size=2),
        limits=st.lists(st.integers(1, 2), max_size=2),
        has_durations=st.booleans(),
        # Powers of two, so that what nodes take on workers is exact as well.
        speeds=st.none() | st.lists(st.sampled_from([0.5, 1.0, 4.0]), max_size=4),
        options=st.fixed_dictionaries(
            {
                "on_failure": st.sampled_from(["continue", "continue", "stop"]),
                "retries": st.integers(0, 2),
                "retry_delay": seconds,
                "retry_delay_max": st.just(6.0),
            }
        ),
        data=st.data(),
        n_nodes=st.integers(0, 12),
    )
    def make(
        self,
        capacities: list[int],
        limits: list[int],
        has_durations: bool,
        speeds: list[float] | None,
        options: dict[str, Any],
        data: st.DataObject,
        n_nodes: int,
    ) -> None:
        self.capacities, self.limits, self.has_durations = capacities, limits, has_durations
        self.has_no_worker = speeds == []
        self.reference = ReferenceScheduler([*capacities, *limits], speeds=speeds, **options)
        nodes, edges, columns = self.described(data, n_nodes)
        graph = ms.DependencyGraph.from_edges(n_nodes, *ends_of(edges))

        def made(record: bool) -> ms.ExecutionScheduler:
            return ms.ExecutionScheduler(
                graph,
                capacities=capacities,
                group_limits=limits,
                speeds=speeds,
                clock=self.clock,
                record=record,
                **columns,
                **options,
            )

        self.made = made
        self.scheduler = made(record=True)
        self.reference.add(0.0, nodes)

    def clock(self) -> float:
        return self.time

    def described(
        self, data: st.DataObject, n_nodes: int
    ) -> tuple[list[ReferenceNode], list[tuple[int, int]], dict[str, Any]]:
        """Draw new nodes, for both sides; none needs more than there was at the beginning."""
        first = len(self.reference.nodes)
        nodes, edges, demands, groups = [], [], [], []
        for node in range(first, first + n_nodes):
            before = data.draw(st.sets(st.integers(0, node - 1), max_size=2)) if node else set()
            row = [data.draw(st.integers(0, most)) for most in self.capacities]
            group = data.draw(st.integers(-1, len(self.limits) - 1))
            needs = {resource: amount for resource, amount in enumerate(row) if amount}
            if group >= 0:
                needs[len(self.capacities) + group] = 1
            edges += [(other, node) for other in before]
            demands.append(row)
            groups.append(group)
            duration = data.draw(seconds) if self.has_durations else None
            nodes.append(ReferenceNode(before, data.draw(priorities), needs, duration))
        columns: dict[str, Any] = {
            "priorities": [node.priority for node in nodes],
            "demands": np.array(demands, dtype=np.int64).reshape(n_nodes, len(self.capacities)),
            "groups": groups,
        }
        if self.has_durations:
            columns["durations"] = [node.duration for node in nodes]
        return nodes, edges, columns

    # --- what happens ---------------------------------------------------------------------------

    @rule(later=seconds)
    def time_passes(self, later: float) -> None:
        self.time += later

    @rule(n_max=st.sampled_from([0, 1, 2, 3, 100]))
    def take(self, n_max: int) -> None:
        taken = self.scheduler.take(n_max)
        assert taken.dtype == np.int64
        assert taken.tolist() == self.reference.take(self.time, n_max)
        assert self.scheduler.reservation == self.reference.reservation

    @rule(mask=bits, wrong=st.sampled_from([None, None, None, None, -1, 0, 3, 2**40]))
    def complete(self, mask: int, wrong: int | None) -> None:
        nodes = self.reported(mask, wrong)
        if self.accepts(nodes, lambda: self.scheduler.complete(nodes)):
            self.reference.complete(self.time, nodes)

    @rule(mask=bits, wrong=st.sampled_from([None, None, None, None, -1, 0, 3, 2**40]))
    def fail(self, mask: int, wrong: int | None) -> None:
        nodes = self.reported(mask, wrong)
        given_up: list[Any] = []
        if self.accepts(nodes, lambda: given_up.extend(self.scheduler.fail(nodes).tolist())):
            assert given_up == self.reference.fail(self.time, nodes)

    @rule(mask=bits, wrong=st.sampled_from([None, None, -1]), delay=seconds)
    def fail_and_retry_after(self, mask: int, wrong: int | None, delay: float) -> None:
        nodes = self.reported(mask, wrong)
        if self.accepts(nodes, lambda: self.scheduler.fail(nodes, retry_after=delay)):
            self.reference.retry(self.time, nodes, delay)

    def reported(self, mask: int, wrong: int | None) -> list[int]:
        return kept_by(mask, self.reference.running()) + ([] if wrong is None else [wrong])

    def accepts(self, nodes: list[int], call: Callable[[], object]) -> bool:
        """Report nodes; tell whether that was accepted, as it is exactly where it may be."""
        if self.reference.may_report(nodes):
            call()
            return True
        with pytest.raises((ms.ValidationError, ms.SchedulerError)):
            call()
        return False

    @rule(nodes=st.lists(st.integers(0, 15), min_size=1, max_size=2))
    def cancel(self, nodes: list[int]) -> None:
        if max(nodes) >= len(self.reference.nodes):
            with pytest.raises(ms.ValidationError):
                self.scheduler.cancel(nodes)
            return
        assert self.scheduler.cancel(nodes).tolist() == self.reference.cancel(nodes)

    @precondition(lambda self: len(self.reference.nodes) < 20)
    @rule(data=st.data(), n_nodes=st.integers(0, 3))
    def add(self, data: st.DataObject, n_nodes: int) -> None:
        first = len(self.reference.nodes)
        nodes, edges, columns = self.described(data, n_nodes)
        pools = [*self.capacities, *self.limits]
        if any(amount > self.reference.capacities[pool] for node in nodes for pool, amount in node.needs.items()):
            assert pools != self.reference.capacities
            with pytest.raises(ms.UnsatisfiableError):
                self.scheduler.add(n_nodes, *ends_of(edges), **columns)
            return
        added = self.scheduler.add(n_nodes, *ends_of(edges), **columns)
        assert added.tolist() == list(range(first, first + n_nodes))
        self.reference.add(self.time, nodes)

    @rule(mask=bits, priority=priorities)
    def set_priority(self, mask: int, priority: float) -> None:
        nodes = kept_by(mask, [*range(len(self.reference.nodes))])
        self.scheduler.set_priority(nodes, priority)
        for node in nodes:
            self.reference.nodes[node].priority = priority

    @rule(mask=bits, times=st.lists(seconds, min_size=12, max_size=12))
    def not_before(self, mask: int, times: list[float]) -> None:
        nodes = kept_by(mask, self.reference.in_state("waiting", "delayed", "ready"))[:12]
        starts = [self.time - 2 + later for later in times[: len(nodes)] if self.time + later >= 2]
        if len(starts) == len(nodes):
            self.scheduler.not_before(nodes, starts)
            self.reference.not_before(self.time, nodes, starts)

    @rule(mask=bits, later=seconds)
    def delay(self, mask: int, later: float) -> None:
        nodes = kept_by(mask, self.reference.in_state("waiting", "delayed", "ready"))
        self.scheduler.delay(nodes, later)
        self.reference.not_before(self.time, nodes, [self.time + later] * len(nodes))

    @rule(pool=st.integers(0, 3), capacity=st.integers(-1, 5))
    def resize(self, pool: int, capacity: int) -> None:
        n_resources = len(self.capacities)
        setter = self.scheduler.set_capacity if pool < n_resources else self.scheduler.set_group_limit
        index = pool if pool < n_resources else pool - n_resources
        if capacity < 0 or pool >= len(self.reference.capacities):
            with pytest.raises(ms.ValidationError):
                setter(index, capacity)
            return
        setter(index, capacity)
        self.reference.capacities[pool] = capacity

    @rule()
    def bad_calls(self) -> None:
        n_nodes = len(self.reference.nodes)
        ended = self.reference.in_state("running", "cancelling", "finished", "failed", "skipped", "cancelled")
        calls: list[Callable[[], object]] = [
            lambda: self.scheduler.take(-1),
            lambda: self.scheduler.cancel([n_nodes]),
            lambda: self.scheduler.set_priority([n_nodes], 1.0),
            lambda: self.scheduler.set_priority([0] * min(n_nodes, 1), [float("nan")]),
            lambda: self.scheduler.not_before([*ended[:1], n_nodes], 1.0),
            lambda: self.scheduler.not_before([n_nodes - 1], -1.0),
            lambda: self.scheduler.add(1, [n_nodes], [n_nodes - 1], **self.one_more()),
            lambda: self.scheduler.add(2, [n_nodes, n_nodes + 1], [n_nodes + 1, n_nodes]),
            lambda: self.scheduler.add(1, [n_nodes + 7], [n_nodes], **self.one_more()),
            lambda: self.scheduler.add(1, **(self.one_more() | {"priorities": [float("nan")]})),
        ]
        for call in calls:
            with pytest.raises((ms.ValidationError, ms.SchedulerError, ms.CycleError)):
                call()

    def one_more(self) -> dict[str, Any]:
        return {"durations": [1.0]} if self.has_durations else {}

    @rule()
    def continue_from_the_log(self) -> None:
        """A scheduler that was brought back from text stands where this one does, and goes on from there."""
        text = self.scheduler.log.to_json()
        replayed = self.made(record=False).replay(SchedulerLog.from_json(text), self.clock)
        assert replayed.log == self.scheduler.log
        self.scheduler = replayed

    # --- what holds -----------------------------------------------------------------------------

    @invariant()
    def states_agree(self) -> None:
        state = self.scheduler.state()
        nodes = self.reference.nodes
        assert [state.names[code] for code in state.state] == [node.state for node in nodes]
        assert state.n_unmet.tolist() == [len(self.reference.unmet(node)) for node in range(len(nodes))]
        assert state.priority.tolist() == [node.priority for node in nodes]
        assert state.attempts.tolist() == [node.attempts for node in nodes]
        times = [None if np.isnan(at) else at for at in state.not_before.tolist()]
        assert times == [node.not_before for node in nodes]
        assert state.worker.tolist() == [-1 if node.worker is None else node.worker for node in nodes]

    @invariant()
    def totals_agree(self) -> None:
        counts = self.scheduler.counts()
        assert counts == {name: len(self.reference.in_state(name)) for name in counts}
        n_ended = len(self.reference.in_state("finished", "failed", "skipped", "cancelled"))
        assert self.scheduler.n_nodes == len(self.reference.nodes)
        assert self.scheduler.n_left == len(self.reference.nodes) - n_ended
        assert self.scheduler.is_done == (self.scheduler.n_left == 0)
        assert self.scheduler.is_stopped == self.reference.is_stopped
        delayed = [self.reference.nodes[node].not_before for node in self.reference.in_state("delayed")]
        assert self.scheduler.next_time == min((at for at in delayed if at is not None), default=None)
        capacity, taken = self.scheduler.usage()
        assert capacity.tolist() == self.reference.capacities
        assert taken.tolist() == [self.reference.taken(pool) for pool in range(capacity.size)]

    def teardown(self) -> None:
        """What is left runs to its end, so that nothing waits for ever."""
        if not hasattr(self, "scheduler"):
            return
        for pool, capacity in enumerate([*self.capacities, *self.limits]):
            self.reference.capacities[pool] = 9
            index = pool if pool < len(self.capacities) else pool - len(self.capacities)
            (self.scheduler.set_capacity if pool < len(self.capacities) else self.scheduler.set_group_limit)(index, 9)
            assert capacity <= 9
        while not self.scheduler.is_done and not self.has_no_worker:
            self.time += 100.0
            self.scheduler.complete(self.reference.running())
            self.reference.complete(self.time, self.reference.running())
            taken = self.scheduler.take(1_000).tolist()
            assert taken == self.reference.take(self.time, 1_000)
            self.states_agree()


def ends_of(edges: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [source for source, _ in edges], [target for _, target in edges]


TestSideBySide = SideBySide.TestCase
TestSideBySide.settings = settings(max_examples=200, stateful_step_count=40)
