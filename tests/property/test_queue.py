"""The queue against the slow, obvious one, through its public methods."""

import pickle
from collections.abc import Hashable
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import makespan as ms
from makespan.testing import ManualClock
from makespan.testing.reference_queue import ReferenceQueue

KEYS = st.one_of(st.integers(0, 30), st.sampled_from(["a", "b", "c", (1, 2), (3,), None, 2**70, -5, 10**15]))
# Eighths, so that every sum of them is exact.
PRIORITIES = st.integers(-16, 16).map(lambda n: n / 8)
SECONDS = st.integers(1, 40).map(lambda n: n / 8)
DEADLINES = st.one_of(st.none(), st.integers(-8, 40).map(lambda n: n / 8))


class QueueMachine(RuleBasedStateMachine):
    """Two queues that are told the same."""

    @initialize(
        order=st.sampled_from(["priority", "deadline"]),
        ageing=st.sampled_from([0.0, 0.5]),
        retries=st.integers(0, 2),
    )
    def start(self, order: Literal["priority", "deadline"], ageing: float, retries: int) -> None:
        self.clock = ManualClock()
        self.queue = ms.ExecutionQueue(
            order=order, ageing=ageing, retries=retries, retry_delay=1, retry_delay_max=1.5, clock=self.clock
        )
        self.model = ReferenceQueue(order=order, ageing=ageing, retries=retries, retry_delay=1, retry_delay_max=1.5)

    @rule(key=KEYS, priority=PRIORITIES, deadline=DEADLINES, delay=st.one_of(st.none(), st.just(0), SECONDS))
    def push(self, key: Hashable, priority: float, deadline: float | None, delay: float | None) -> None:
        if (state := self.model.state(key)) is not None:
            with pytest.raises(ms.DuplicateKeyError) as caught:
                self.queue.push(key, priority, deadline, delay)
            assert caught.value.state == state
        else:
            self.queue.push(key, priority, deadline, delay)
            self.model.push(key, priority, deadline, delay)

    @rule(entries=st.lists(st.tuples(KEYS, PRIORITIES), max_size=40, unique_by=lambda entry: entry[0]), data=st.data())
    def push_many(self, entries: list[tuple[Hashable, float]], data: st.DataObject) -> None:
        keys, priorities = [key for key, _ in entries], [priority for _, priority in entries]
        deadlines = data.draw(st.one_of(st.none(), st.lists(SECONDS, min_size=len(keys), max_size=len(keys))))
        if any(self.model.state(key) for key in keys):
            with pytest.raises(ms.DuplicateKeyError):
                self.queue.push_many(keys, priorities, deadlines)
            return
        self.queue.push_many(keys, priorities, deadlines)
        for at, (key, priority) in enumerate(entries):
            self.model.push(key, priority, deadlines[at] if deadlines else None)

    @rule()
    def pop(self) -> None:
        if self.model.keys():
            assert self.queue.pop() == self.model.pop()
        else:
            with pytest.raises(ms.EmptyQueueError):
                self.queue.pop()

    @rule(n=st.integers(0, 30))
    def pop_many(self, n: int) -> None:
        expected = [self.model.pop() for _ in range(min(n, len(self.model.keys())))]
        taken = self.queue.pop_many(n)
        assert list(taken) == expected
        is_array = all(type(key) is int and abs(key) < 2**63 for key in expected)
        assert isinstance(taken, np.ndarray if is_array else list)

    @rule(key=KEYS, priority=PRIORITIES)
    def update(self, key: Hashable, priority: float) -> None:
        if self.model.state(key) in ("waiting", "delayed"):
            self.queue.update(key, priority)
            self.model.update(key, priority)
        else:
            with pytest.raises(ms.UnknownKeyError):
                self.queue.update(key, priority)

    @rule(key=KEYS)
    def remove(self, key: Hashable) -> None:
        if self.model.state(key) in ("waiting", "delayed", "dead"):
            self.queue.remove(key)
            self.model.remove(key)
        else:
            with pytest.raises(ms.UnknownKeyError):
                self.queue.remove(key)

    @rule(data=st.data(), ends_well=st.booleans())
    @precondition(lambda self: self.queue.in_work())
    def finish(self, data: st.DataObject, ends_well: bool) -> None:
        key: Any = data.draw(st.sampled_from(self.queue.in_work()))
        if ends_well:
            self.queue.done(key)
            self.model.remove(key)
        else:
            assert self.queue.failed(key) == self.model.failed(key)

    @rule(data=st.data())
    @precondition(lambda self: self.queue.dead())
    def revive(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(self.model.dead()))
        self.queue.revive(key)
        self.model.revive(key)

    @rule(seconds=SECONDS)
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.model.advance(seconds)

    @rule()
    @precondition(lambda self: not self.queue.in_work())
    def travel(self) -> None:
        self.queue = pickle.loads(pickle.dumps(self.queue))
        clock = self.queue._clock
        assert isinstance(clock, ManualClock)
        self.clock = clock

    @invariant()
    def agree(self) -> None:
        expected = self.model.keys()
        assert self.queue.keys() == expected
        assert len(self.queue) == len(expected)
        assert [entry.key for entry in self.queue.dead()] == self.model.dead()
        if expected:
            assert self.queue.peek() == expected[0]


QueueMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
TestQueue = QueueMachine.TestCase
