"""Uncertain durations: distributions through quantiles, and simulated runs against what is known exactly."""

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

import makespan as ms


def chain(n_nodes: int) -> ms.DependencyGraph:
    return ms.DependencyGraph.from_edges(n_nodes, range(n_nodes - 1), range(1, n_nodes))


def test_the_sum_of_a_chain_has_the_mean_of_log_normals() -> None:
    # Of a log-normal distribution with median m and sigma s the mean is m exp(s^2 / 2).
    quantiles = ms.DurationQuantiles.spread([1.0, 2.0, 3.0], 2.0)
    sigma = math.log(2.0) / NormalDist().inv_cdf(0.9)
    found = ms.plan(chain(3), quantiles.at(0.5)).simulate(quantiles, n_samples=20_000, seed=1)
    expected = 6.0 * math.exp(sigma**2 / 2)
    assert abs(found.mean - expected) < 4 * found.standard_error
    assert found.criticality.tolist() == [1.0, 1.0, 1.0]


def test_one_node_has_the_given_quantiles() -> None:
    quantiles = ms.DurationQuantiles([0.1, 0.5, 0.99], [[1.0, 4.0, 5.0]])
    found = ms.plan(chain(1), quantiles.at(0.5)).simulate(quantiles, n_samples=20_000)
    for level, seconds in zip(quantiles.levels, quantiles.durations[0].tolist(), strict=True):
        missed = found.miss_probability(seconds)
        assert missed.low <= 1 - level <= missed.high
        assert missed.low < missed.probability < missed.high


def test_the_largest_of_independent_nodes() -> None:
    # Each of two ends by its median half of the time: both do in a quarter of the runs.
    quantiles = ms.DurationQuantiles.spread([1.0, 1.0], 1.5)
    plan = ms.plan(ms.DependencyGraph.from_edges(2, [], []), [1.0, 1.0])
    found = plan.simulate(quantiles, n_samples=20_000, seed=5)
    missed = found.miss_probability(1.0)
    assert missed.low <= 0.75 <= missed.high
    assert found.criticality.sum() == pytest.approx(1.0)
    assert found.criticality[0] == pytest.approx(0.5, abs=0.02)


def test_uncertainty_makes_runs_longer_than_the_plan_of_medians() -> None:
    graph = ms.DependencyGraph.from_edges(8, [], [])
    plan = ms.plan(graph, [1.0] * 8, [[1]] * 8, [4])
    found = plan.simulate(ms.DurationQuantiles.spread([1.0] * 8, 1.3))
    assert plan.makespan == 2.0 < found.mean


def test_a_certain_plan_is_what_happens() -> None:
    plan = ms.plan(ms.DependencyGraph.from_edges(3, [], []), [1, 2, 3], [[1]] * 3, [2])
    found = plan.simulate(ms.DurationQuantiles([0.5], [[1], [2], [3]]), n_samples=5)
    assert found.samples.tolist() == [plan.makespan] * 5
    assert found.miss_probability(plan.makespan).probability == 0.0
    assert repr(found) == "<SimulatedMakespan 5 samples: mean 3 s ± 0, 90% below 3 s>"


def test_the_same_seed_gives_the_same_samples() -> None:
    plan = ms.plan(chain(2), [1, 1])
    quantiles = ms.DurationQuantiles.spread([1, 1], 2.0)
    first, again, other = (plan.simulate(quantiles, n_samples=50, seed=seed).samples for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.array_equal(plan.simulate(quantiles, n_samples=7, seed=3).samples, first[:7])


def test_levels_between_are_on_the_distribution() -> None:
    quantiles = ms.DurationQuantiles([0.5, 0.9], [[1.0, 2.0], [0.0, 0.0]])
    assert quantiles.at(0.5).tolist() == [1.0, 0.0]
    between = quantiles.at(0.7)
    assert 1.0 < between[0] < 2.0
    assert quantiles.at(0.1)[0] == pytest.approx(0.5)
    assert ms.DurationQuantiles([0.5], [[3.0]]).at(0.99).tolist() == [3.0]


@pytest.mark.parametrize("level", [0.02, 0.3, 0.7, 0.95])
def test_runs_take_longer_than_a_level_as_often_as_it_says(level: float) -> None:
    quantiles = ms.DurationQuantiles([0.1, 0.5, 0.9], [[1.0, 4.0, 5.0]])
    found = ms.plan(chain(1), quantiles.at(0.5)).simulate(quantiles, n_samples=20_000, seed=2)
    missed = found.miss_probability(float(quantiles.at(level)[0]))
    assert missed.low <= 1 - level <= missed.high


def test_empty_plans_end_at_once() -> None:
    found = ms.plan(chain(0), []).simulate(ms.DurationQuantiles([0.5], np.zeros((0, 1))), n_samples=3)
    assert found.samples.tolist() == [0.0] * 3


@pytest.mark.parametrize(
    ("levels", "durations", "argument"),
    [
        ([], np.zeros((1, 0)), "levels"),
        ([0.9, 0.5], [[1, 2]], "levels"),
        ([0.0, 0.5], [[1, 2]], "levels"),
        ([0.5, 1.0], [[1, 2]], "levels"),
        ([0.5, float("nan")], [[1, 2]], "levels"),
        ([0.5], [1, 2], "durations"),
        ([0.5], [[1, 2]], "durations"),
        ([0.5], [[-1]], "durations"),
        ([0.5], [[float("nan")]], "durations"),
        ([0.5, 0.9], [[1, 2], [3, 2]], "durations[1]"),
    ],
)
def test_what_is_no_distribution_is_refused(levels: Any, durations: Any, argument: str) -> None:
    with pytest.raises(ms.ValidationError) as caught:
        ms.DurationQuantiles(levels, durations)
    assert caught.value.argument.startswith(argument)


def test_wrong_arguments_name_themselves() -> None:
    plan = ms.plan(chain(2), [1, 1])
    quantiles = ms.DurationQuantiles.spread([1, 1], 2.0)
    for call, argument in (
        (lambda: plan.simulate([1, 2]), "durations"),  # type: ignore[arg-type]
        (lambda: plan.simulate(ms.DurationQuantiles.spread([1], 2.0)), "durations"),
        (lambda: plan.simulate(quantiles, n_samples=0), "n_samples"),
        (lambda: plan.simulate(quantiles, seed=-1), "seed"),
        (lambda: plan.simulate(quantiles).quantile(1.5), "level"),
        (lambda: plan.simulate(quantiles).miss_probability(math.nan), "deadline"),
        (lambda: quantiles.at(0.0), "level"),
        (lambda: ms.DurationQuantiles.spread([1], 0.5), "factor"),
        (lambda: ms.DurationQuantiles.spread([1], 2.0, level=0.5), "level"),
    ):
        with pytest.raises(ms.ValidationError) as caught:
            call()
        assert caught.value.argument == argument
    released = ms.plan(chain(2), [1, 1], options=ms.PlanOptions(release=[3, 0]))
    with pytest.raises(ms.ValidationError, match="a plan without releases"):
        released.simulate(quantiles)
