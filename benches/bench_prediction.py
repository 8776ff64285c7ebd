"""Predicted durations: one step ahead against the mean of history and the last value, coverage, and what it costs."""

import statistics
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import makespan as ms
from benches.prediction_traces import SETS, SYNTHETIC, Trace, measured, synthetic
from makespan.testing.reference_prediction import predicted_ns

LEVELS = (0.05, 0.5, 0.95)
N_COLD = 6
N_CHECKED = 40


@dataclass(frozen=True)
class Judged:
    """What came of a trace: ratios of losses summed over its kinds, and the share of durations within the interval."""

    per_mean: float
    per_last: float
    median_per_mean: float
    median_per_last: float
    coverage: float
    n_predicted: int
    cold: NDArray[np.float64]
    """By how many durations of the kind were known, from 1: how many were within, and how many there were."""


def judged(trace: Trace) -> Judged:
    """Predict each duration from those before it, then tell it."""
    predictor = ms.DurationPredictor()
    totals: dict[str, tuple[int, float, float]] = defaultdict(lambda: (0, 0.0, 0.0))
    losses = np.zeros((3, 3))
    n_within, cold = 0, np.zeros((2, N_COLD))
    levels = np.array(LEVELS)
    sizes = trace.sizes.tolist()
    for kind, seconds, size in zip(trace.kinds, trace.seconds.tolist(), sizes, strict=True):
        n_before, total, last = totals[kind]
        known_size = None if size < 0 else size
        if n_before:
            found = predictor.predict(kind, size=known_size, levels=LEVELS)
            assert found is not None
            assert found.source == "step"
            for row, said in enumerate((found.seconds, (total / n_before,) * 3, (last,) * 3)):
                excess = seconds - np.array(said)
                losses[row] += np.maximum(levels * excess, (levels - 1) * excess)
            # To the nanosecond: durations are whole ones.
            is_within = found.seconds[0] - 1e-9 <= seconds <= found.seconds[2] + 1e-9
            n_within += is_within
            if n_before <= N_COLD:
                cold[:, n_before - 1] += is_within, 1
        predictor.observe(kind, seconds, size=known_size)
        totals[kind] = (n_before + 1, total + seconds, seconds)
    n_predicted = len(trace.kinds) - len(totals)
    score = predictor.score()
    assert score.n == n_predicted
    # What is half a nanosecond outside is within here, and is not for the score.
    assert abs(score.coverage * n_predicted - n_within) <= 0.02 * n_predicted + 1
    ours, of_mean, of_last = losses

    def ratio(part: float, whole: float) -> float:
        return float(part / whole) if whole > 1e-9 else float("nan")

    return Judged(
        per_mean=ratio(ours.sum(), of_mean.sum()),
        per_last=ratio(ours.sum(), of_last.sum()),
        median_per_mean=ratio(ours[1], of_mean[1]),
        median_per_last=ratio(ours[1], of_last[1]),
        coverage=n_within / n_predicted,
        n_predicted=n_predicted,
        cold=cold,
    )


def report(title: str, found: list[Judged]) -> str:
    def middle(name: str) -> float:
        return float(statistics.median(getattr(each, name) for each in found))

    coverages = np.array([each.coverage for each in found])
    n_cold = np.sum([each.cold for each in found], axis=0)
    wide = np.mean((coverages >= 0.88) & (coverages <= 0.93))
    cold = " ".join(f"{100 * within / n:.0f}" for within, n in n_cold.T if n)
    return (
        f"{title:<16} {len(found):>3} traces: loss {middle('per_mean'):.3f} of the mean's, {middle('per_last'):.3f} of "
        f"the last value's; median alone {middle('median_per_mean'):.3f}, {middle('median_per_last'):.3f}; within "
        f"{100 * middle('coverage'):.1f}% ({100 * coverages.min():.1f} to {100 * coverages.max():.1f}, "
        f"{100 * wide:.0f}% of traces in 88-93%); after 1, 2, ... durations {cold}%"
    )


def check_against_slow(trace: Trace) -> None:
    """The first durations of the first kind, predicted by the slow version."""
    rows = [row for row, kind in enumerate(trace.kinds) if kind == trace.kinds[0]][:N_CHECKED]
    history: list[tuple[int, int | None]] = []
    predictor = ms.DurationPredictor()
    for row in rows:
        size = None if trace.sizes[row] < 0 else int(trace.sizes[row])
        if history:
            found, expected = predictor.predict("kind", size=size), predicted_ns(history, LEVELS, size)
            assert found is not None
            assert [1e9 * seconds for seconds in found.seconds] == pytest.approx(expected, rel=1e-9, abs=1.5)
        predictor.observe("kind", float(trace.seconds[row]), size=size)
        history.append((round(float(trace.seconds[row]) * 1e9), size))


def show(capsys: pytest.CaptureFixture[str], *lines: str) -> None:
    with capsys.disabled():
        print("", *lines, sep="\n")


@pytest.mark.parametrize("names", [*((name,) for name in SETS), SETS], ids=" ".join)
def bench_traces(benchmark: Any, capsys: pytest.CaptureFixture[str], names: tuple[str, ...]) -> None:
    traces = [trace for name in names for trace in measured(name)]
    if not traces:
        pytest.skip("the traces lie where BENCH_DATA says")
    if benchmark.disabled:
        traces = traces[::15]
    for trace in traces[::20]:
        check_against_slow(trace)
    found = benchmark.pedantic(lambda: list(map(judged, traces)))
    benchmark.extra_info["figure"] = report(" + ".join(names), found)
    show(capsys, benchmark.extra_info["figure"])
    if benchmark.disabled:
        return
    assert statistics.median(each.per_mean for each in found) <= 0.8
    assert 0.88 <= statistics.median(each.coverage for each in found) <= 0.93


@pytest.mark.parametrize("name", SYNTHETIC)
def bench_synthetic(benchmark: Any, capsys: pytest.CaptureFixture[str], name: str) -> None:
    traces = synthetic(name, 1 if benchmark.disabled else 10)
    check_against_slow(traces[0])
    found = benchmark.pedantic(lambda: list(map(judged, traces)))
    benchmark.extra_info["figure"] = report(name, found)
    show(capsys, benchmark.extra_info["figure"])
    if name == "constant":
        assert all(each.coverage == 1 for each in found)


@pytest.mark.parametrize("is_sized", [False, True], ids=["unsized", "sized"])
def bench_cost(benchmark: Any, capsys: pytest.CaptureFixture[str], is_sized: bool) -> None:
    n_steps, n = 100, 1_000 if benchmark.disabled else 50_000
    rng = np.random.default_rng(7)
    seconds, sizes = np.exp(rng.normal(0, 0.5, n)), rng.integers(1, 10**6, n)
    given = sizes if is_sized else np.full(n, -1)
    names = [f"step {row % n_steps}" for row in range(n)]
    rows = list(zip(names, seconds.tolist(), (sizes.tolist() if is_sized else [None] * n), strict=True))
    predictor = ms.DurationPredictor()
    times: dict[str, list[float]] = defaultdict(list)

    def timed(what: str, run: Any) -> None:
        start = time.perf_counter()
        run()
        times[what].append((time.perf_counter() - start) / n * 1e9)

    def single_observations() -> None:
        for step, duration, size in rows:
            predictor.observe(step, duration, size=size)

    def single_predictions() -> None:
        for step, _, size in rows:
            predictor.predict(step, size=size)

    def all_ways() -> None:
        timed("observe_many", lambda: predictor.observe_many(names, seconds, sizes=given))
        timed("observe_many, one step", lambda: predictor.observe_many("one", seconds, sizes=given))
        timed("observe", single_observations)
        timed("predict_many", lambda: predictor.predict_many(names, sizes=given))
        timed("predict", single_predictions)

    benchmark.pedantic(all_ways, rounds=1 if benchmark.disabled else 7)
    assert predictor.score().n > 0
    medians = {what: statistics.median(each) for what, each in times.items()}
    n_bytes = len(predictor.export()) / (n_steps + 1)
    shown = ", ".join(f"{what} {median_ns:,.0f} ns" for what, median_ns in medians.items())
    benchmark.extra_info["figure"] = f"{'sized' if is_sized else 'unsized'}: {shown}; {n_bytes:,.0f} B of JSON a step"
    show(capsys, benchmark.extra_info["figure"])
