"""The automatic choice: a strategy with its reasons, and helpers only where they are no loss."""

import threading
import time
from typing import Any

import pytest

import makespan as ms
from makespan.abc import WorkflowFacts


@pytest.mark.parametrize(
    ("facts", "chosen", "reason"),
    [
        (WorkflowFacts(n_nodes=0, n_workers=4), "sequential", "there is no node"),
        (WorkflowFacts(n_nodes=1, n_workers=4), "sequential", "there is 1 node"),
        (WorkflowFacts(n_nodes=1, n_workers=4, n_pure=1), "smart", "1 nodes on 4 workers; 1 is pure"),
        (WorkflowFacts(n_nodes=9, n_workers=4, is_chain=True), "sequential", "each of the 9 nodes comes after"),
        (WorkflowFacts(n_nodes=9, n_workers=4, is_chain=True, n_pure=2), "smart", "2 are pure"),
        (WorkflowFacts(n_nodes=9, n_workers=1), "optimized", "9 nodes on one worker"),
        (WorkflowFacts(n_nodes=9, n_workers=1, n_batched=3), "batch", "3 have a batch form"),
        (WorkflowFacts(n_nodes=9, n_workers=2, n_pure=1, n_cached=1), "smart", "1 is pure; 1 may be cached"),
    ],
)
def test_choice_and_its_reason(facts: WorkflowFacts, chosen: str, reason: str) -> None:
    strategy, why = ms.AutoStrategy().choice(facts)
    assert strategy.name == chosen
    assert reason in why
    assert ms.AutoStrategy().options(facts).reasons == (f"{chosen}: {why}",)


def test_engine_tells_the_strategy_what_it_is_about() -> None:
    seen: list[WorkflowFacts] = []

    class Curious(ms.AutoStrategy):
        def options(self, facts: WorkflowFacts, /) -> ms.abc.RunOptions:
            seen.append(facts)
            return super().options(facts)

    pure = ms.step(lambda x: x, name="pure", pure=True, cache=ms.Caching(version="1"))
    many = ms.step(lambda x: x, name="many", batch=lambda xs: list(xs), needs={"net": 1})
    workflow = ms.Workflow("demo")
    workflow.output([workflow.add(many, workflow.add(pure, 1)), workflow.add(pure, 2)])
    with ms.SequentialExecutionEngine(Curious(), workers=3, resources={"net": 1}) as engine:
        for _ in range(2):
            engine.run(workflow)
    assert seen == [WorkflowFacts(3, 3, n_pure=2, n_batched=1, n_cached=2, has_needs=True, n_runs=n) for n in (0, 1)]


@pytest.mark.parametrize("kind", ["data", "effect", "after"])
def test_chains_are_recognised(kind: str) -> None:
    workflow = ms.Workflow("chain")
    step = ms.step(lambda *_: None, name="link", writes="log" if kind == "effect" else ())
    last: Any = None
    for at in range(3):
        last = workflow.add(step, *([last] if kind == "data" else []), after=[last] if kind == "after" and at else [])
    assert workflow._finished().traits()[3]
    workflow.add(ms.step(lambda: None, name="beside"))
    assert not workflow._finished().traits()[3]


def computing(n: int) -> int:
    return sum(i * i for i in range(n))


def test_steps_that_hold_the_interpreter_end_up_on_one_thread() -> None:
    compute = ms.step(computing)

    @ms.workflow
    def body() -> list[int]:
        return [compute(200_000 + at) for at in range(6)]

    expected = body.serial()
    with ms.SequentialExecutionEngine("auto", workers=2) as engine:
        runs = [engine.run(body) for _ in range(12)]
    assert [run.value for run in runs] == [expected] * 12
    # Whichever way is faster here today: both were tried, and said so.
    reasons = [run.reasons[-1] for run in runs]
    assert any("trial" in reason or "several cores" in reason for reason in reasons), reasons


def test_steps_that_wait_are_shared_for_good() -> None:
    @ms.step
    def pause(at: int) -> int:
        time.sleep(0.02 + 0.001 * at)
        return threading.get_ident()

    @ms.workflow
    def body() -> list[int]:
        return [pause(at) for at in range(4)]

    with ms.SequentialExecutionEngine("auto", workers=2) as engine:
        runs = [engine.run(body) for _ in range(4)]
    for run in runs[2:]:
        assert len(set(run.value)) == 2
        assert "overlapped" in run.reasons[-1]
        assert run.reasons[0].startswith("smart: 4 nodes on 2 workers")
        assert run.reasons[-1] in run.explain()
