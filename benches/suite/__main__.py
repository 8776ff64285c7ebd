"""Every workflow of the suite beside its plain code: `python -m benches.suite [NAME ...] [--strategy S] [--rounds N]`.

Plain code and engine take turns, and every result is compared. A round makes one cold run: nothing is kept between runs
but what the engine learned of durations.
"""

import argparse
import math
import os
import statistics
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import makespan as ms
from benches.suite.case import Case
from benches.suite.cases import NAMES, case
from makespan.testing import assert_same

HEADER = ("workflow", "bound by", "serial()", "ours", "speed-up", "worst", "bound ÷ ours", "steps", "made")


@dataclass(frozen=True)
class Measured:
    """One workflow under one strategy."""

    of: Case
    serial_s: float
    ours_s: float
    ratios: tuple[float, ...]
    bound_s: float
    n_nodes: int
    n_calls: int

    @property
    def speed_up(self) -> float:
        """Median of the rounds."""
        return statistics.median(self.ratios)

    @property
    def reached(self) -> float:
        """The lower bound as a share of our time; above 1 where batch forms need less than single calls."""
        return self.bound_s / self.ours_s


def bound_s(of: Case, run: ms.RunResult[object], rewriting: ms.Rewriting, n_cores: int) -> float:
    """Return what the calls that are made take at least, by their durations one after another.

    The longest chain; all of it divided among the cores; and the steps that hold the interpreter, one at a time.
    """
    place = {path: at for at, path in enumerate(run.paths)}
    durations_s = run.nodes.duration_s[[place[path] for path in rewriting.running]]
    names = [path.rsplit("/", 1)[-1].partition("[")[0] for path in rewriting.running]
    is_free = np.array([name in of.frees or of.bound_by == "waiting" for name in names], np.bool_)
    longest_s = rewriting.graph.critical_path(durations_s).length if len(names) else 0.0
    return max(longest_s, float(durations_s.sum()) / n_cores, float(durations_s[~is_free].sum()))


def measured(of: Case, strategy: str, n_rounds: int, *, is_tiny: bool) -> Measured:
    """Take turns, and compare every result."""
    n_cores = len(os.sched_getaffinity(0))
    serial_s, ours_s = [], []
    with (
        tempfile.TemporaryDirectory() as folder,
        of.data(Path(folder), is_tiny) as arguments,
        ms.SequentialExecutionEngine(strategy) as engine,
        ms.SequentialExecutionEngine("sequential") as one_by_one,
    ):
        run = engine.run(of.workflow, *arguments)
        for _ in range(n_rounds):
            begun_s = time.perf_counter()
            expected = of.workflow.serial(*arguments)
            between_s = time.perf_counter()
            run = engine.run(of.workflow, *arguments)
            ended_s = time.perf_counter()
            assert_same(run.value, expected)
            serial_s.append(between_s - begun_s)
            ours_s.append(ended_s - between_s)
        rewriting = ms.WorkflowOptimizer().optimize(of.workflow, *arguments)
        least_s = bound_s(of, one_by_one.run(of.workflow, *arguments), rewriting, n_cores)
    return Measured(
        of=of,
        serial_s=statistics.median(serial_s),
        ours_s=statistics.median(ours_s),
        ratios=tuple(plain_s / own_s for plain_s, own_s in zip(serial_s, ours_s, strict=True)),
        bound_s=least_s,
        n_nodes=run.n_nodes,
        n_calls=run.n_calls,
    )


def row(each: Measured) -> tuple[str, ...]:
    """Return a line of the table."""
    times = (f"{each.serial_s * 1e3:,.0f} ms", f"{each.ours_s * 1e3:,.0f} ms")
    ratios = (f"{each.speed_up:.2f}", f"{min(each.ratios):.2f}", f"{each.reached:.0%}")
    return (each.of.name, each.of.bound_by, *times, *ratios, f"{each.n_nodes:,}", f"{each.n_calls:,}")


def geometric_mean(values: Iterable[float]) -> float:
    """Return the geometric mean; 1 of nothing.

    >>> geometric_mean([1.0, 4.0]), geometric_mean([])
    (2.0, 1.0)
    """
    logarithms = [math.log(value) for value in values]
    return math.exp(statistics.fmean(logarithms)) if logarithms else 1.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what was asked for, and print it."""
    parser = argparse.ArgumentParser(prog="python -m benches.suite", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all without any")
    parser.add_argument("--strategy", default="auto", choices=ms.strategies.names())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tiny", action="store_true", help="data for tests, too small to say anything about speed")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.names) - set(NAMES):
        parser.error(f"there is no workflow {', '.join(sorted(unknown))}")
    found = [measured(case(name), asked.strategy, asked.rounds, is_tiny=asked.tiny) for name in asked.names or NAMES]
    table = [HEADER, *map(row, found)]
    widths = [max(len(line[column]) for line in table) for column in range(len(HEADER))]
    for line in table:
        print(
            "  ".join(
                cell.ljust(width) if at < 2 else cell.rjust(width)
                for at, (cell, width) in enumerate(zip(line, widths, strict=True))
            )
        )
    working = [each.speed_up for each in found if each.of.bound_by != "waiting"]
    print(f"\nstrategy {asked.strategy}, {ms.BUILD_PROFILE} build, {asked.rounds} rounds")
    print(f"geometric mean of speed-up over serial(): {geometric_mean(each.speed_up for each in found):.2f}", end="")
    print(f", without those bound by waiting {geometric_mean(working):.2f}")
    print(f"lower bound ÷ ours, median: {statistics.median(each.reached for each in found):.0%}")
    print(f"ours ÷ serial(), worst workflow: {max(1 / each.speed_up for each in found):.2f}")


if __name__ == "__main__":
    main()
