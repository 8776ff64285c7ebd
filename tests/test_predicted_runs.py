"""Engines and what they know about durations: learned from runs, told to plans, pinned for reproducible ones."""

import json
import time
from typing import Any

import pytest

import makespan as ms


@ms.step
def pause(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


@ms.workflow
def pauses(*seconds: float) -> list[float]:
    return [pause(each) for each in seconds]


@ms.workflow
def other(n: int) -> list[float]:
    return [pause(0.001) for _ in range(n)]


def test_engine_learns_from_runs_by_step() -> None:
    with ms.SequentialExecutionEngine(workers=2) as engine:
        assert engine.predictor.predict("pause") is None
        for _ in range(3):
            engine.run(pauses, 0.002, 0.003)
        prediction = engine.predictor.predict("pause", levels=[0.5])
        assert prediction is not None
        assert prediction.source == "step"
        assert 0.001 < prediction.seconds[0] < 1
        assert engine.predictor.score().n >= 2


def test_new_workflow_is_planned_by_what_its_steps_took_elsewhere() -> None:
    with ms.SequentialExecutionEngine(workers=2) as engine:
        assert engine.plan(other, 4).expected_makespan_s is None
        engine.run(pauses, 0.002, 0.002, 0.002)
        planned = engine.plan(other, 4)
        assert planned.expected_makespan_s is not None
        assert planned.expected_makespan_s >= 0.004
        assert planned.n_known == 4


def test_failures_tell_how_long_a_step_takes_at_least() -> None:
    @ms.step
    def breaks() -> None:
        time.sleep(0.002)
        raise OSError

    with ms.SequentialExecutionEngine(workers=2) as engine:
        workflow = ms.Workflow("demo")
        workflow.add(breaks)
        workflow.add(breaks)
        with pytest.raises(ms.RunFailedError):
            engine.run(workflow)
        limit = engine.predictor.time_limit("breaks")
    assert limit is not None
    assert limit.is_lower_bound
    assert limit.seconds >= 0.002


def test_time_on_a_processor_is_recorded_with_long_steps() -> None:
    with ms.SequentialExecutionEngine("optimized", workers=2) as engine:
        for _ in range(4):
            # One at a time: what share it spends on a processor is learned from attempts alone.
            engine.run(ms.Workflow.sequence([pause, pause]), 0.005)
        numbers = json.loads(engine.predictor.export())["steps"]["pause"]
    assert numbers["n_cpu_shares"] >= 2
    assert 0 <= numbers["cpu_share"] < 0.5, "a step that sleeps computes nothing"


def test_what_was_not_called_is_not_learned() -> None:
    cached = ms.step(lambda x: time.sleep(0.002), name="cached", pure=True, cache=ms.Caching(version="1"))
    workflow = ms.Workflow("demo")
    workflow.output([workflow.add(cached, 1), workflow.add(cached, 1), workflow.add(cached, 2)])
    with ms.SequentialExecutionEngine(workers=2) as engine:
        for _ in range(5):
            engine.run(workflow)
        assert repr(engine.predictor) == "<DurationPredictor of 2 durations: 1 steps, 0 kinds>"


def test_plan_is_simulated_with_durations_as_they_were() -> None:
    with ms.SequentialExecutionEngine(workers=2) as engine:
        with pytest.raises(ms.ConfigurationError, match="run it once"):
            engine.plan(pauses, 0.001, 0.001).simulate()
        for seconds in (0.001, 0.004, 0.001, 0.003, 0.001, 0.006):
            engine.run(pauses, seconds, seconds)
        planned = engine.plan(pauses, 0.001, 0.001)
        simulated = planned.simulate(n_samples=200, seed=1)
        assert planned.durations is not None
        assert len(planned.durations.levels) == 3
        assert simulated.quantile(0.05) < simulated.quantile(0.95)
        assert planned.simulate(n_samples=200, seed=1).samples.tolist() == simulated.samples.tolist()


def pinned(**durations: float) -> ms.DurationPredictor:
    predictor = ms.DurationPredictor()
    for name, duration in durations.items():
        predictor.observe_many(name, [duration] * 20)
    return ms.DurationPredictor.from_profile(predictor.export(), pinned=True)


def test_pinned_profile_prevails_and_does_not_learn() -> None:
    profile = pinned(pause=2.0)
    before = profile.export()
    declared = ms.step(time.sleep, name="declared", duration=0.25)
    workflow = ms.Workflow("demo")
    workflow.add(declared, 0.001, after=[workflow.add(pause, 0.001)])
    with ms.SequentialExecutionEngine(workers=2, predictor=profile) as engine:
        assert engine.plan(workflow).expected_makespan_s == 2.25
        for _ in range(3):
            engine.run(workflow)
        planned = engine.plan(workflow)
        assert planned.expected_makespan_s is not None
        assert 2.0 <= planned.expected_makespan_s < 2.25
        assert engine.predictor.is_pinned
        assert engine.predictor.export() == before


@pytest.mark.parametrize("predictor", [{}, "profile", ms.DurationPredictor])
def test_engine_takes_no_other_predictor(predictor: Any) -> None:
    with pytest.raises(ms.ConfigurationError, match="a DurationPredictor"):
        ms.SequentialExecutionEngine(predictor=predictor)
