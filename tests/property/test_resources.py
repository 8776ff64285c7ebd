"""`ResourceManager` against the slow obvious one, over random histories of requests, releases, limits and time."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import makespan as ms
from makespan.testing import ManualClock
from makespan.testing.reference_resources import ReferenceResources

LIMITS = {"net": 4, "disk": 1.5, "both": 3}
RATES = {"api": 2, "both": 1.25}
AGEING = 0.5

amounts = st.sampled_from([0.25, 0.5, 1, 1.25, 2, 3, 4])
needs = st.dictionaries(st.sampled_from(sorted(LIMITS.keys() | RATES.keys())), amounts, min_size=1, max_size=3)


class Histories(RuleBasedStateMachine):
    """What is done to both; nobody waits in a thread, so that every step is at a time of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.manager = ms.ResourceManager(LIMITS, rates=RATES, ageing=AGEING, clock=self.clock, detect=False)
        self.reference = ReferenceResources(LIMITS, RATES, AGEING)
        self.limits: dict[str, float] = dict(LIMITS)
        self.grants: dict[str, ms.Grant] = {}
        self.rung: set[str] = set()
        self.at_once: set[str] = set()
        self.n_asked = 0

    def is_satisfiable(self, needs: dict[str, float]) -> bool:
        bounds = [(self.limits.get(name, amount), RATES.get(name, amount)) for name, amount in needs.items()]
        return all(amount <= min(bound) for amount, bound in zip(needs.values(), bounds, strict=True))

    @rule(needs=needs, priority=st.sampled_from([-1, 0, 0, 0.5, 2]))
    def request(self, needs: dict[str, float], priority: float) -> None:
        holder = f"holder {self.n_asked}"
        self.n_asked += 1
        if not self.is_satisfiable(needs):
            with pytest.raises(ms.UnsatisfiableError) as caught:
                self.manager._request(needs, priority, holder, lambda: None)
            assert caught.value.path == holder
            return
        self.grants[holder] = self.manager._request(needs, priority, holder, lambda: self.rung.add(holder))
        if self.grants[holder].is_held:
            self.at_once.add(holder)
        self.reference.request(holder, needs, priority, self.clock())

    @precondition(lambda self: self.grants)
    @rule(pick=st.integers(0, 10**6))
    def release(self, pick: int) -> None:
        holder = sorted(self.grants)[pick % len(self.grants)]
        self.grants.pop(holder).release()
        self.reference.release(holder, self.clock())

    @rule(seconds=st.sampled_from([0.0078125, 0.125, 0.5, 1, 10]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        # Time is told to the manager by whoever looks.
        self.manager.usage()
        self.reference.wait(self.clock())

    @rule(name=st.sampled_from(sorted(LIMITS)), amount=st.sampled_from([0, 0.5, 1, 2, 4, 6]))
    def set_limit(self, name: str, amount: float) -> None:
        self.limits[name] = amount
        self.manager.set_limit(name, amount)
        self.reference.set_limit(name, amount, self.clock())

    @rule(needs=needs)
    def try_acquire(self, needs: dict[str, float]) -> None:
        if not self.is_satisfiable(needs):
            return
        holder = f"holder {self.n_asked}"
        self.n_asked += 1
        grant = self.manager.try_acquire(needs, holder=holder)
        self.reference.request(holder, needs, 0, self.clock())
        assert (grant is not None) == (holder in self.reference.held)
        if grant is None:
            self.reference.release(holder, self.clock())
        else:
            self.grants[holder] = grant
            self.at_once.add(holder)

    @invariant()
    def both_say_the_same(self) -> None:
        held: dict[str, Any] = {view.holder: view.needs for view in self.manager.holders()}
        assert held == self.reference.held
        assert [view.holder for view in self.manager.waiters()] == self.reference.waiting
        assert {holder for holder, grant in self.grants.items() if grant.is_held} == held.keys()
        usage = self.manager.usage()
        for name in LIMITS:
            assert usage[name].used == self.reference.used(name)
        for name in RATES:
            assert usage[name].tokens == int(1000 * self.reference.tokens[name]) / 1000

    @invariant()
    def who_waits_does_not_hold(self) -> None:
        for holder, grant in self.grants.items():
            assert (holder in self.reference.waiting) != grant.is_held

    @invariant()
    def who_was_granted_later_was_told(self) -> None:
        late = {holder for holder in self.grants if holder not in self.at_once and self.grants[holder].is_held}
        assert late <= self.rung

    def teardown(self) -> None:
        for name in LIMITS:
            self.set_limit(name, 6)
        while self.grants:
            for holder in sorted(holder for holder, grant in self.grants.items() if grant.is_held):
                self.grants.pop(holder).release()
                self.reference.release(holder, self.clock())
            self.wait(10)
        self.both_say_the_same()
        assert all(pool.used == 0 for pool in self.manager.usage().values())


class TestHistories(Histories.TestCase):  # type: ignore[misc, valid-type, unused-ignore]
    settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
