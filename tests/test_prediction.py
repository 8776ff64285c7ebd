"""What predicted durations promise, by example: fallbacks, failures, contention, profiles, and refusals."""

import json
import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import makespan as ms


def seconds_of(predictor: ms.DurationPredictor, step: str, **options: Any) -> tuple[float, ...]:
    found = predictor.predict(step, **options)
    assert found is not None
    return found.seconds


def test_nothing_is_known_of_nothing() -> None:
    predictor = ms.DurationPredictor()
    assert predictor.predict("load", kind="disk") is None
    assert predictor.time_limit("load") is None
    assert predictor.score().n == 0
    assert math.isnan(predictor.score().coverage)
    assert repr(predictor) == "<DurationPredictor of 0 durations: 0 steps, 0 kinds>"


def test_a_step_falls_back_on_its_kind_and_then_on_all() -> None:
    predictor = ms.DurationPredictor()
    predictor.observe_many(["a", "b", "c"], [1.0, 3.0, 50.0], kinds=["disk", "disk", "net"])
    cases = [("a", "net", "step", 1.0), ("d", "disk", "kind", 2.0), ("d", "new", "all", 3.0), ("d", None, "all", 3.0)]
    for step, kind, source, median in cases:
        found = predictor.predict(step, kind=kind, levels=[0.5])
        assert found == ms.Prediction((0.5,), (median,), source)


def test_drift_is_followed_and_the_interval_holds() -> None:
    rng = np.random.default_rng(3)
    seconds = np.exp(np.cumsum(rng.normal(0, 0.05, 1_000)) + rng.normal(0, 0.2, 1_000))
    predictor = ms.DurationPredictor()
    predictor.observe_many("load", seconds)
    score = predictor.score("load")
    assert score == predictor.score()
    assert score.n == 999
    assert 0.88 <= score.coverage <= 0.93
    assert score.below + score.coverage + score.above == pytest.approx(1)
    assert score.loss_per_mean < 0.5
    assert score.loss_per_last < 0.6


def test_sizes_tell_what_durations_do_not() -> None:
    rng = np.random.default_rng(4)
    sizes = (10 ** rng.uniform(3, 7, 300)).astype(np.int64)
    predictor = ms.DurationPredictor()
    predictor.observe_many("load", 1e-6 * sizes, sizes=sizes)
    assert seconds_of(predictor, "load", size=2_000_000, levels=[0.5])[0] == pytest.approx(2.0, rel=0.05)
    assert seconds_of(predictor, "load", size=2_000, levels=[0.5])[0] == pytest.approx(0.002, rel=0.05)


def test_failures_say_how_long_is_too_short() -> None:
    predictor = ms.DurationPredictor()
    predictor.observe_many("load", [2.0] * 20)
    before = predictor.predict("load")
    predictor.observe_many("load", [5.0, 1.0], failed=[True, True])
    assert predictor.predict("load") == before
    assert predictor.time_limit("load") == ms.TimeLimit(5.0, True)
    assert predictor.time_limit("load", factor=3.0) == ms.TimeLimit(6.0, False)
    predictor.observe("never", 7.0, failed=True)
    assert predictor.time_limit("never") == ms.TimeLimit(7.0, True)
    assert predictor.score().n == 19


def test_waiting_for_others_is_not_work() -> None:
    predictor = ms.DurationPredictor()
    alone, beside = [1.0] * 16, [4.0] * 16
    predictor.observe_many("compute", alone, cpu_times=alone)
    predictor.observe_many("compute", beside, n_concurrent=[4] * 16, cpu_times=alone)
    assert seconds_of(predictor, "compute") == (1.0, 1.0, 1.0)
    # What waits for a device waits as long beside others.
    predictor.observe_many("read", alone, cpu_times=[0.25] * 16)
    predictor.observe_many("read", alone, n_concurrent=[4] * 16, cpu_times=[0.25] * 16)
    assert seconds_of(predictor, "read") == (1.0, 1.0, 1.0)
    # A step that never ran alone is taken to be like others of its kind, and without those counts as it is.
    predictor.observe("other", 1.0, kind="computing", cpu_time=1.0)
    predictor.observe("new", 4.0, kind="computing", n_concurrent=4, cpu_time=1.0)
    assert seconds_of(predictor, "new", levels=[0.5]) == (1.0,)
    predictor.observe("newer", 4.0, n_concurrent=4, cpu_time=1.0)
    assert seconds_of(predictor, "newer", levels=[0.5]) == (4.0,)


def test_predictions_fit_plans() -> None:
    predictor = ms.DurationPredictor()
    predictor.observe_many(["a", "b"] * 20, [1.0, 2.0] * 20)
    quantiles = predictor.predict_many(["a", "b", "a"])
    graph = ms.DependencyGraph.from_edges(3, [0, 1], [1, 2])
    found = ms.plan(graph, quantiles.at(0.5))
    assert found.makespan == 4.0
    assert found.simulate(quantiles, n_samples=10).mean == 4.0
    single = predictor.predict("b")
    assert single is not None
    assert single.quantiles(2).durations.tolist() == [[2.0] * 3] * 2
    empty = ms.DurationPredictor().predict_many(["a", "b"], levels=[0.5], default=3.0)
    assert empty.durations.tolist() == [[3.0], [3.0]]
    assert predictor.predict_many([]).n_nodes == 0


def test_whatever_is_predicted_can_be_planned_with() -> None:
    predictor = ms.DurationPredictor()
    predictor.observe_many("odd", [0.0, 9e9, 0.0, 9e9], sizes=[0, 2**62, 2**62, 0])
    quantiles = predictor.predict_many(["odd"] * 3, sizes=[0, 1, 2**62], levels=[0.001, 0.5, 0.999])
    assert quantiles.durations.max() <= 9e9


def test_pinned_predictors_do_not_learn() -> None:
    learned = ms.DurationPredictor()
    learned.observe_many("load", [1.0, 2.0, 3.0], kinds="disk", sizes=[1, 2, 3])
    profile = learned.export()
    pinned = ms.DurationPredictor.from_profile(profile, pinned=True)
    assert pinned.is_pinned
    assert not learned.is_pinned
    pinned.observe("load", 9.0)
    pinned.observe_many("save", [9.0])
    assert pinned.export() == profile
    assert "pinned" in repr(pinned)
    with pytest.raises(ms.ValidationError):
        pinned.observe("load", -1.0)


def test_profiles_are_json_by_name() -> None:
    predictor = ms.DurationPredictor()
    predictor.observe("load", 0.5, kind="disk")
    read = json.loads(predictor.export())
    assert read["steps"]["load"]["durations_ns"] == [500_000_000]
    assert read["steps"]["load"]["kind"] == "disk"
    assert read["kinds"]["disk"]["durations_ns"] == [500_000_000]


def edited(change: Callable[[Any], object]) -> str:
    predictor = ms.DurationPredictor()
    predictor.observe("load", 0.5, kind="disk")
    read = json.loads(predictor.export())
    change(read)
    return json.dumps(read)


@pytest.mark.parametrize(
    "profile",
    [
        "",
        "[]",
        "{}",
        edited(lambda read: read.update(version=2)),
        edited(lambda read: read.pop("kinds")),
        edited(lambda read: read.update(steps=[])),
        edited(lambda read: read["steps"]["load"].pop("mean_ns")),
        edited(lambda read: read["steps"]["load"].update(kind="unheard of")),
        edited(lambda read: read["steps"]["load"].update(durations_ns=[-1])),
        edited(lambda read: read["steps"]["load"].update(durations_ns="soon")),
        edited(lambda read: read["steps"]["load"].update(tail_low=math.nan)),
        edited(lambda read: read["kinds"]["disk"].update(change=-1)),
        edited(lambda read: read["all"].update(n_changes=math.inf)),
    ],
)
def test_profiles_that_were_not_written_by_export_are_refused(profile: str) -> None:
    with pytest.raises(ms.ValidationError, match=r"profile.*DurationPredictor\.export"):
        ms.DurationPredictor.from_profile(profile)


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("duration", lambda made: made.observe("a", -1.0)),
        ("duration", lambda made: made.observe("a", math.nan)),
        ("duration", lambda made: made.observe("a", "soon")),
        ("step", lambda made: made.observe(5, 1.0)),
        ("kind", lambda made: made.observe("a", 1.0, kind=5)),
        ("size", lambda made: made.observe("a", 1.0, size=-1)),
        ("size", lambda made: made.observe("a", 1.0, size=1.5)),
        ("n_concurrent", lambda made: made.observe("a", 1.0, n_concurrent=0)),
        ("cpu_time", lambda made: made.observe("a", 1.0, cpu_time=-1.0)),
        ("durations[1]", lambda made: made.observe_many("a", [1.0, math.inf])),
        ("durations", lambda made: made.observe_many("a", [[1.0]])),
        ("steps", lambda made: made.observe_many(["a"], [1.0, 2.0])),
        ("steps", lambda made: made.observe_many([5], [1.0])),
        ("kinds", lambda made: made.observe_many("a", [1.0, 2.0], kinds=["k"])),
        ("kinds", lambda made: made.observe_many("a", [1.0], kinds=[5])),
        ("sizes[0]", lambda made: made.observe_many("a", [1.0], sizes=[-2])),
        ("sizes", lambda made: made.observe_many("a", [1.0], sizes=[0.5])),
        ("failed", lambda made: made.observe_many("a", [1.0], failed=[1])),
        ("failed", lambda made: made.observe_many("a", [1.0], failed=[True, False])),
        ("n_concurrent[1]", lambda made: made.observe_many("a", [1.0, 1.0], n_concurrent=[1, 0])),
        ("cpu_times[0]", lambda made: made.observe_many("a", [1.0], cpu_times=[-1.0])),
        ("levels", lambda made: made.predict("a", levels=[])),
        ("levels", lambda made: made.predict("a", levels=[0.5, 0.5])),
        ("levels", lambda made: made.predict("a", levels=[0.0, 0.5])),
        ("levels", lambda made: made.predict("a", levels=["x"])),
        ("default", lambda made: made.predict_many(["a"])),
        ("level", lambda made: made.time_limit("a", level=1.0)),
        ("factor", lambda made: made.time_limit("a", factor=0.5)),
        ("step", lambda made: made.score("a")),
    ],
)
def test_refusals_name_the_argument(argument: str, call: Callable[[Any], object]) -> None:
    predictor = ms.DurationPredictor()
    with pytest.raises(ms.ValidationError) as caught:
        call(predictor)
    assert caught.value.argument == argument
    assert repr(predictor) == "<DurationPredictor of 0 durations: 0 steps, 0 kinds>"


def test_unknown_processor_times_are_nan() -> None:
    predictor = ms.DurationPredictor()
    predictor.observe_many("a", [1.0, 4.0], cpu_times=[math.nan, 1.0], n_concurrent=[1, 4])
    assert json.loads(predictor.export())["steps"]["a"]["durations_ns"] == [10**9, 4 * 10**9]


def test_threads_observe_and_predict_together() -> None:
    predictor = ms.DurationPredictor()

    def work(name: str) -> None:
        for _ in range(20):
            predictor.observe_many(name, np.ones(2_000))
            predictor.observe(name, 1.0)
            assert seconds_of(predictor, name) == (1.0, 1.0, 1.0)

    threads = [threading.Thread(target=work, args=(f"step {k}",)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert repr(predictor) == f"<DurationPredictor of {4 * 20 * 2_001} durations: 4 steps, 0 kinds>"


def test_sizes_of_values(tmp_path: Path) -> None:
    class Odd:
        nbytes = "many"

        def __len__(self) -> int:
            raise RuntimeError

    (tmp_path / "data").write_bytes(b"12345")
    cases: list[tuple[object, int | None]] = [
        (tmp_path / "data", 5),
        (tmp_path / "missing", None),
        (tmp_path, None),
        (str(tmp_path / "data"), len(str(tmp_path / "data"))),
        (np.zeros((2, 3), np.float32), 24),
        (memoryview(b"abc"), 3),
        ([1, 2], 2),
        ({}, 0),
        (7, None),
        (None, None),
        (iter([1]), None),
        (Odd(), None),
    ]
    for value, size in cases:
        assert ms.size_of(value) == size
