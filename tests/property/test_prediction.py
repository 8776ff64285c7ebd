"""Predicted durations against the slow obvious version, and laws of them."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import makespan as ms
from makespan.testing.reference_prediction import predicted_ns

LEVELS = [0.01, 0.05, 0.3, 0.5, 0.9, 0.95, 0.999]

durations = st.one_of(st.sampled_from([0, 1, 1_000, 1_001, 10**9]), st.integers(0, 10**4), st.integers(0, 10**15))
sizes = st.one_of(st.none(), st.integers(0, 10**6))
histories = st.lists(st.tuples(durations, sizes), max_size=90)


def learned(history: list[tuple[int, int | None]], step: str = "a") -> ms.DurationPredictor:
    predictor = ms.DurationPredictor()
    for duration_ns, size in history:
        predictor.observe(step, duration_ns / 1e9, size=size)
    return predictor


@settings(max_examples=150, deadline=None)
@given(histories, sizes)
@example([(1_000, None)] * 80 + [(5_000, None)] * 20, None)
@example([(0, 0), (1_787_248_048_054, 0)], 0)
@example([(1_000 * size, size) for size in range(1, 90)], 1_000)
def test_quantiles_are_those_of_the_slow_version(history: list[tuple[int, int | None]], size: int | None) -> None:
    found = learned(history).predict("a", size=size, levels=LEVELS)
    expected = predicted_ns(history, LEVELS, size)
    if found is None or expected is None:
        assert (found, expected) == (None, None)
        return
    # Logarithms and powers may differ in the last bit.
    assert [1e9 * seconds for seconds in found.seconds] == pytest.approx(expected, rel=1e-9, abs=1.5)


@settings(max_examples=100, deadline=None)
@given(histories, sizes)
def test_quantiles_ascend_and_lie_in_reach_of_what_was_seen(
    history: list[tuple[int, int | None]], size: int | None
) -> None:
    found = learned(history).predict("a", levels=LEVELS)
    if found is not None:
        assert list(found.seconds) == sorted(found.seconds)
        assert found.seconds[-1] <= 21 * max(duration_ns for duration_ns, _ in history) / 1e9 + 2e-9


@given(st.integers(0, 10**15), st.integers(16, 80), sizes)
def test_a_constant_comes_back_exactly(duration_ns: int, n: int, size: int | None) -> None:
    seconds = duration_ns / 1e9
    found = learned([(duration_ns, size)] * n).predict("a", size=size)
    assert found is not None
    assert found.seconds == pytest.approx((seconds,) * 3, rel=1e-15)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([None, "x", "y"]), durations, sizes), max_size=60))
def test_profiles_are_read_as_they_were_written(rows: list[tuple[str, str | None, int, int | None]]) -> None:
    one_by_one, together = ms.DurationPredictor(), ms.DurationPredictor()
    for step, kind, duration_ns, size in rows:
        one_by_one.observe(step, duration_ns / 1e9, kind=kind, size=size)
    together.observe_many(
        [row[0] for row in rows],
        [row[2] / 1e9 for row in rows],
        kinds=[row[1] for row in rows],
        sizes=[-1 if row[3] is None else row[3] for row in rows],
    )
    profile = one_by_one.export()
    assert together.export() == profile
    read = ms.DurationPredictor.from_profile(profile)
    assert read.export() == profile
    for predictor in (one_by_one, read):
        predictor.observe("a", 1.0, kind="x", size=5)
    assert read.export() == one_by_one.export()
    assert read.predict("b", kind="y") == one_by_one.predict("b", kind="y")
