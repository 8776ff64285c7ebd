"""What strategies are configured with, and what they say that they can do."""

import inspect
import itertools
import pickle
from typing import Any

import pytest

import makespan as ms
from makespan.abc import CAPABILITIES, Batching, RunOptions, Strategy, WorkflowFacts
from makespan.strategies import ConfiguredStrategy

CLASSES: tuple[type[ConfiguredStrategy], ...] = (
    ms.SequentialStrategy,
    ms.OptimizedSequentialStrategy,
    ms.BatchSequentialStrategy,
    ms.SmartSequentialStrategy,
    ms.AutoStrategy,
)
OTHER: dict[str, Any] = {
    "stop_on_failure": False,
    "passes": ("dedupe",),
    "max_batch": 7,
    "min_batch": 3,
    "max_wait": 0.5,
    "across_runs": False,
}
"""Another value than the default of each parameter."""

every_class = pytest.mark.parametrize("kind", CLASSES, ids=[kind.__name__ for kind in CLASSES])


def all_facts() -> list[WorkflowFacts]:
    """Every kind of workflow, as far as a strategy can tell them."""
    choices = itertools.product((0, 1, 9, 9_000), (1, 4), (0, 1), (0, 1), (0, 1), (False, True), (False, True), (0, 3))
    return [WorkflowFacts(*facts) for facts in choices]


def test_all_strategies_are_tested() -> None:
    known: set[type] = {type(ms.strategies.get(name)) for name in ("auto", "batch", "optimized", "sequential", "smart")}
    assert known == set(CLASSES)


@every_class
def test_configuration_is_read_back(kind: Any) -> None:
    assert kind().configuration == kind.parameters
    assert list(kind.parameters) == list(inspect.signature(kind.__init__).parameters)[1:]
    for key in kind.parameters:
        changed = kind(**{key: OTHER[key]})
        assert changed.configuration == {**kind.parameters, key: OTHER[key]}
        assert changed.configuration[key] != kind.parameters[key]
        again = kind(**changed.configuration)
        assert changed == again
        assert hash(changed) == hash(again)
        assert changed != kind()
        assert eval(repr(changed), vars(ms)) == changed
        assert pickle.loads(pickle.dumps(changed)) == changed


def test_strategies_of_different_classes_differ() -> None:
    assert len({kind() for kind in CLASSES}) == len(CLASSES)
    assert ms.SequentialStrategy() != "sequential"

    class Careful(ms.SequentialStrategy):
        def __init__(self, level: int) -> None:
            super().__init__()
            self.level = level

    assert Careful(1) == Careful(1)
    assert Careful(1) != Careful(2)
    assert Careful(1) != ms.SequentialStrategy()


@every_class
@pytest.mark.parametrize("value", [1, None, "yes"])
def test_what_stop_on_failure_cannot_be_is_refused(kind: Any, value: object) -> None:
    with pytest.raises(ms.ConfigurationError) as caught:
        kind(stop_on_failure=value)
    assert caught.value.key == "stop_on_failure"


def test_a_wait_is_not_yes_or_no() -> None:
    with pytest.raises(ms.ConfigurationError):
        ms.BatchSequentialStrategy(max_wait=True)


@pytest.mark.parametrize("passes", [("prune", "dedupe", "cache"), ("prune",), ("cache",), ()])
@every_class
def test_capabilities_are_what_the_decisions_have(kind: Any, passes: tuple[str, ...]) -> None:
    strategy = kind(passes=passes) if "passes" in kind.parameters else kind()
    decided = [strategy.options(facts).capabilities for facts in all_facts()]
    # No decision has more, and each is had for some workflow.
    assert strategy.capabilities == frozenset().union(*decided)
    assert strategy.capabilities <= set(CAPABILITIES)


@pytest.mark.parametrize(
    ("options", "capabilities"),
    [
        (RunOptions("serial"), set()),
        (RunOptions("threads"), {"parallel"}),
        (RunOptions("serial", passes=("prune",)), {"rewrites"}),
        (RunOptions("serial", passes=("cache",)), {"caches"}),
        (RunOptions("serial", batching=Batching()), {"batches"}),
        # One thread goes by program order, and nobody may join it.
        (RunOptions("serial", plans=True, adapts=True), set()),
        (RunOptions("threads", plans=True, adapts=True), {"parallel", "plans", "adapts"}),
    ],
)
def test_capabilities_of_a_decision(options: RunOptions, capabilities: set[str]) -> None:
    assert options.capabilities == capabilities


def test_what_a_strategy_cannot_do_does_not_happen() -> None:
    @ms.step(pure=True, cache=True, batch=list)
    def same(x: int) -> int:
        return x

    @ms.workflow
    def body() -> list[int]:
        return [same(1), same(1), same(2)]

    seen: dict[str, set[str]] = {}
    for kind in CLASSES:
        with ms.SequentialExecutionEngine(kind(), workers=1) as engine:
            first, second = engine.run(body), engine.run(body)
        did = {"rewrites"} if first.outcome_counts["merged"] else set()
        did |= {"batches"} if (first.nodes.batch_size > 1).any() else set()
        did |= {"caches"} if second.outcome_counts["cached"] else set()
        seen[kind.__name__] = did
        assert did == engine.strategy.capabilities & {"rewrites", "batches", "caches"}  # type: ignore[attr-defined]
    assert seen["SequentialStrategy"] == set()
    assert seen["BatchSequentialStrategy"] == {"rewrites", "batches", "caches"}


def test_strategies_of_ones_own_need_neither_configuration_nor_capabilities() -> None:
    class Plain:
        name = "plain"

        def options(self, facts: WorkflowFacts, /) -> RunOptions:
            return RunOptions("serial")

    assert isinstance(Plain(), Strategy)
    assert not hasattr(Plain(), "capabilities")
    workflow = ms.Workflow.sequence([abs, str])
    with ms.SequentialExecutionEngine(Plain()) as engine:
        assert engine.run(workflow, -1).value == "1"
        assert engine.prepare(workflow).run(-2).value == "2"
        assert engine.plan(workflow, x=-1).n_runs == 2
        assert engine.compare(workflow, -1).is_equal
        assert engine.statistics().n_runs == 3


def test_a_base_without_a_decision_says_so() -> None:
    with pytest.raises(NotImplementedError):
        ConfiguredStrategy().options(WorkflowFacts(n_nodes=1))
