"""What is said to be saved was measured beside the plain code: case 13 of the capabilities."""

import itertools
import json
from collections.abc import Iterator

import pytest

import makespan as ms


@ms.step(pure=True)
def load(x: int) -> int:
    return x + 1


@ms.step
def note(x: int) -> int:
    return 2 * x


@ms.workflow
def repeated(n: int) -> list[int]:
    return [note(load(1)) for _ in range(n)]


@ms.workflow
def plain(n: int) -> int:
    for _ in range(n):
        n = note(n)
    return n


@pytest.fixture
def engine() -> Iterator[ms.SequentialExecutionEngine]:
    with ms.SequentialExecutionEngine(workers=1) as made:
        yield made


def clock(monkeypatch: pytest.MonkeyPatch, *seconds: float) -> None:
    """What `compare` reads: before the run, between, after the plain code."""
    readings = itertools.chain(seconds, itertools.repeat(seconds[-1]))
    monkeypatch.setattr("makespan.run_comparison.time.perf_counter", lambda: next(readings))


@pytest.mark.parametrize(("run_s", "serial_s"), [(1.0, 3.0), (3.0, 1.0), (2.0, 2.0)])
def test_saved_is_what_was_measured_with_and_without(
    engine: ms.SequentialExecutionEngine, monkeypatch: pytest.MonkeyPatch, run_s: float, serial_s: float
) -> None:
    clock(monkeypatch, 10.0, 10.0 + run_s, 10.0 + run_s + serial_s)
    found = engine.compare(repeated, 3)
    assert (found.elapsed_s, found.serial_s, found.saved_s) == (run_s, serial_s, serial_s - run_s)
    assert found.speed_up == serial_s / run_s
    assert found.applied == ("2 merged",)
    data = json.loads(json.dumps(found.to_dict()))
    assert (data["saved_s"], data["serial_s"] - data["elapsed_s"]) == (serial_s - run_s,) * 2
    assert repr(found) == (
        f"<repeated: serial() {serial_s:.3g} s, the run {run_s:.3g} s, "
        + {2.0: "2 s saved", -2.0: "2 s lost", 0.0: "0 ns saved"}[serial_s - run_s]
        + " by 2 merged>"
    )


def test_where_nothing_was_changed_nothing_was_saved(
    engine: ms.SequentialExecutionEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A difference of noise is no saving.
    clock(monkeypatch, 0.0, 1.0, 3.0)
    found = engine.compare(plain, 3)
    assert (found.applied, found.saved_s) == ((), 0.0)
    assert found.serial_s - found.elapsed_s == 1.0
    assert "nothing applied" in repr(found)


def test_the_baseline_is_of_the_same_input(engine: ms.SequentialExecutionEngine) -> None:
    calls: list[int] = []
    seen = ms.step(calls.append, name="seen")
    workflow = ms.Workflow("demo")
    workflow.add(seen, workflow.parameter("x"))
    found = engine.compare(workflow, x=7)
    assert calls == [7, 7]
    assert found.is_equal
    assert (found.run.n_calls, engine.statistics().n_runs) == (1, 1)


def test_without_a_baseline_no_saving_is_told(engine: ms.SequentialExecutionEngine) -> None:
    run = engine.run(repeated, 3)
    assert run.outcome_counts["merged"] == 2
    told = json.dumps(run.to_dict()) + json.dumps(run.analyze().to_dict()) + run.explain() + repr(run)
    told += repr(engine.plan(repeated, 3)) + json.dumps(engine.plan(repeated, 3).to_dict())
    told += repr(engine.statistics())
    for word in ("saved", "saving", "speed_up", "speed-up", "faster"):
        assert word not in told
    # What would have been gained is said to be simulated, and is about what was not done.
    assert all(change.change.startswith(("twice", "no order", "pure=True")) for change in run.analyze().changes)


def test_results_that_differ_are_told(engine: ms.SequentialExecutionEngine) -> None:
    counter = itertools.count()
    workflow = ms.Workflow("demo")
    workflow.output(workflow.add(ms.step(lambda: next(counter), name="count")))
    found = engine.compare(workflow)
    assert not found.is_equal
    assert repr(found).endswith("DIFFERENT results>")


@pytest.mark.parametrize(
    ("strategy", "workers", "applied"),
    [
        ("sequential", 1, ()),
        ("optimized", 1, ("1 pruned",)),
        ("batch", 1, ("1 pruned", "4 batched")),
    ],
)
def test_what_was_applied_is_what_happened(strategy: str, workers: int, applied: tuple[str, ...]) -> None:
    many = ms.step(lambda x: x, name="many", batch=lambda xs: list(xs))

    @ms.workflow
    def body() -> list[int]:
        load(99)
        return [many(x) for x in range(4)]

    with ms.SequentialExecutionEngine(strategy, workers) as engine:
        assert engine.compare(body).applied == applied


def test_workers_that_took_part_are_applied() -> None:
    import threading

    together = threading.Barrier(2, timeout=60)
    meet = ms.step(lambda x: together.wait() and None, name="meet", duration=1.0)
    workflow = ms.Workflow("demo")
    for x in range(2):
        workflow.add(meet, x)
    with ms.SequentialExecutionEngine("optimized", 2) as engine:
        run = engine.run(workflow)
    assert ms.RunComparison(run=run, elapsed_s=1.0, serial_s=2.0, is_equal=True).applied == ("2 workers",)


def test_what_has_no_plain_code_is_refused(engine: ms.SequentialExecutionEngine) -> None:
    with pytest.raises(ms.ConfigurationError, match="decorated or built"):
        engine.compare(engine.prepare(plain, n=2))  # type: ignore[call-overload]
