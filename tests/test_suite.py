"""The workflows of the suite give what their plain code gives, and what is measured is what it says."""

import itertools
import re
from pathlib import Path

import pytest

import makespan as ms
from benches.suite.__main__ import HEADER, PAIRED_HEADER, main
from benches.suite.cases import NAMES, NEEDS_PACKAGES, cached_case, case
from benches.suite.paired import ALLOWED_S, Paired, bounds_of_median
from engines import every_engine
from makespan.testing import assert_same


@every_engine
@pytest.mark.parametrize("name", NAMES)
def test_workflow_gives_what_serial_gives(engine: ms.SequentialExecutionEngine, name: str, tmp_path: Path) -> None:
    if name in NEEDS_PACKAGES:
        pytest.importorskip(NEEDS_PACKAGES[name])
    of = case(name)
    with of.data(tmp_path, True) as arguments:
        expected = of.workflow.serial(*arguments)
        for _ in range(2):
            assert_same(engine.run(of.workflow, *arguments).value, expected)


@pytest.mark.parametrize("name", NAMES)
def test_with_a_cache_the_same_is_given_and_less_is_called(name: str, tmp_path: Path) -> None:
    if name in NEEDS_PACKAGES:
        pytest.importorskip(NEEDS_PACKAGES[name])
    of = cached_case(name)
    with of.data(tmp_path, True) as arguments, ms.SequentialExecutionEngine(workers=1) as engine:
        expected = of.workflow.serial(*arguments)
        cold, warm = (engine.run(of.workflow, *arguments) for _ in range(2))
        assert_same(cold.value, expected)
        assert_same(warm.value, expected)
        outcomes = zip(warm.nodes.path, warm.nodes.outcome, strict=True)
        ended = {(path.rpartition("/")[2].partition("[")[0], outcome) for path, outcome in outcomes}
        assert {step for step, outcome in ended if outcome == "cached"} <= of.cached
        assert not of.cached & {step for step, outcome in ended if outcome == "finished"}
        assert (warm.n_calls < cold.n_calls) == bool(of.cached)
        # The cache can be emptied, so that a run is a first one again.
        engine.cache.clear()
        assert engine.run(of.workflow, *arguments).n_calls == cold.n_calls


@pytest.mark.parametrize("name", [name for name in NAMES if name not in NEEDS_PACKAGES])
def test_without_a_cache_nothing_is_kept_between_runs(name: str, tmp_path: Path) -> None:
    cached_case(name)
    of = case(name)
    with of.data(tmp_path, True) as arguments, ms.SequentialExecutionEngine(workers=2) as engine:
        assert [engine.run(of.workflow, *arguments).outcome_counts["cached"] for _ in range(2)] == [0, 0]


def test_suite_has_work_of_all_kinds() -> None:
    kinds = [case(name).bound_by for name in NAMES if name not in NEEDS_PACKAGES]
    assert len(NAMES) >= 12
    assert kinds.count("cpu") >= 5
    assert kinds.count("waiting") <= 3


def cells(output: str, header: tuple[str, ...], name: str) -> dict[str, str]:
    """Return the line of a workflow by column."""
    lines = output.splitlines()
    at = next(place for place, line in enumerate(lines) if line.startswith("workflow "))
    assert re.split(r"  +", lines[at]) == list(header)
    line = next(line for line in lines[at + 1 :] if line.startswith(name))
    return dict(zip(header, re.split(r"  +", line), strict=True))


def test_table_shows_cold_and_warm_and_memory(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["documents", "--tiny", "--rounds", "1"]) == 0
    output = capsys.readouterr().out
    shown = cells(output, HEADER, "documents")
    assert (shown["steps"], shown["made"]) == ("19", "13")
    assert int(shown["made warm"]) < int(shown["made"])
    for column in ("serial()", "cold", "storing", "warm"):
        assert float(shown[column].removesuffix(" ms").replace(",", "")) >= 0
    for column in ("serial() peak", "our peak"):
        assert int(shown[column].removesuffix(" MB")) > 5
    serial, ours = (int(shown[column].removesuffix(" MB")) for column in ("serial() peak", "our peak"))
    assert float(shown["peak ÷ peak"]) == pytest.approx(ours / serial, rel=0.1)
    assert "load average" in output


def test_what_is_not_pure_has_no_warm_columns(capsys: pytest.CaptureFixture[str]) -> None:
    main(["order_rules", "--tiny", "--rounds", "1", "--strategy", "optimized"])
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("order_rules"))
    assert len(re.split(r"  +", line)) == len(HEADER) - 4


def test_two_strategies_are_compared_run_by_run(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["word_count", "--tiny", "--against", "sequential", "--strategy", "optimized", "--rounds", "5"])
    shown = cells(capsys.readouterr().out, PAIRED_HEADER, "word_count")
    assert shown["verdict"] in {"not worse", "open", "worse"}
    assert float(shown["lower"]) <= float(shown["upper"])
    assert code == (1 if shown["verdict"] == "worse" else 0)


@pytest.mark.parametrize(
    "arguments", [["nothing"], ["--rounds", "0"], ["--against", "optimized", "--rounds", "4"], ["--against", "nobody"]]
)
def test_what_cannot_be_measured_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("n", [5, 6, 7, 8])
def test_bounds_hold_the_median_as_often_as_they_say(n: int) -> None:
    # By all orders of heads and tails: which of n values are below the median of what they are drawn from.
    samples = list(itertools.product((-1.0, 1.0), repeat=n))
    above = sum(bounds_of_median(sample)[1] > 0 for sample in samples)
    below = sum(bounds_of_median(sample)[0] < 0 for sample in samples)
    assert above == below >= 0.95 * len(samples)
    # And no tighter bound of this kind would: the next smaller value is below the median too often.
    k = next(place for place, value in enumerate(sorted(range(n))) if value == bounds_of_median(range(n))[1])
    assert k == 0 or sum(sorted(sample)[k - 1] > 0 for sample in samples) < 0.95 * len(samples)


def test_too_few_rounds_have_no_bounds() -> None:
    with pytest.raises(ValueError, match="too few"):
        bounds_of_median([1.0] * 4)


@pytest.mark.parametrize(
    ("ours_s", "verdict"),
    [
        ([1.0] * 30, "not worse"),
        ([1.009] * 30, "not worse"),
        ([1.02] * 30, "worse"),
        # The median may be on both sides of what is allowed.
        ([0.9] * 15 + [1.1] * 15, "open"),
        ([0.9] * 20 + [1.1] * 10, "not worse"),
        ([0.9] * 10 + [1.1] * 20, "worse"),
    ],
)
def test_verdict_follows_from_the_bounds(ours_s: list[float], verdict: str) -> None:
    assert Paired("any", tuple(ours_s), (1.0,) * 30).verdict == verdict


def test_a_run_may_cost_fifty_microseconds_more() -> None:
    tiny_s = 100e-6
    assert Paired("any", (tiny_s + ALLOWED_S,) * 30, (tiny_s,) * 30).verdict == "not worse"
    assert Paired("any", (tiny_s + 2 * ALLOWED_S,) * 30, (tiny_s,) * 30).verdict == "worse"
