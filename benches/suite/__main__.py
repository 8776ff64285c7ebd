"""Every workflow of the suite beside its plain code: `python -m benches.suite [NAME ...] [--strategy S] [--rounds N]`.

What is measured is told in `measure.py`. With `--against OTHER` two strategies are compared with each other instead,
run by run, as told in `paired.py`; the exit code is 1 where the first one is worse.
"""

import argparse
import math
import os
import statistics
import sys
from collections.abc import Iterable, Iterator, Sequence

import makespan as ms
from benches.suite.cases import NAMES
from benches.suite.measure import Measured, measured
from benches.suite.paired import ALLOWED_RATIO, ALLOWED_S, CONFIDENCE, N_ROUNDS_MIN, Paired, paired

HEADER = (
    *("workflow", "bound by", "serial()", "cold", "speed-up", "worst", "bound ÷ cold"),
    *("storing", "warm", "warm speed-up", "steps", "made", "made warm", "serial() peak", "our peak", "peak ÷ peak"),
)
PAIRED_HEADER = ("workflow", "ours", "other", "ours ÷ other", "lower", "upper", "verdict")


def row(each: Measured) -> tuple[str, ...]:
    """Return a line of the table; what is about a cache is empty where no step of the workflow is pure."""
    serial, cold, storing, warm = (
        milliseconds(of_rounds) for of_rounds in (each.serial_s, each.cold_s, each.storing_s, each.warm_s)
    )
    with_cache = (storing, warm, f"{each.warm_speed_up:.2f}") if each.of.cached else ("", "", "")
    return (
        *(each.of.name, each.of.bound_by, serial, cold),
        *(f"{each.speed_up:.2f}", f"{min(each.ratios):.2f}", f"{each.reached:.0%}"),
        *with_cache,
        *(f"{each.n_nodes:,}", f"{each.n_calls:,}", f"{each.n_calls_warm:,}" if each.of.cached else ""),
        *(megabytes(each.serial_bytes), megabytes(each.cold_bytes), f"{each.memory_ratio:.2f}"),
    )


def paired_row(each: Paired) -> tuple[str, ...]:
    """Return a line of the table of two strategies."""
    times = (milliseconds(each.ours_s), milliseconds(each.other_s))
    return (each.name, *times, f"{each.ratio:.3f}", *(f"{bound:.3f}" for bound in each.bounds), each.verdict)


def milliseconds(seconds: Sequence[float]) -> str:
    """Return the median as text.

    >>> milliseconds([0.1, 0.002, 4.5]), milliseconds([0.0012])
    ('100 ms', '1.2 ms')
    """
    median_ms = statistics.median(seconds) * 1e3
    return f"{median_ms:,.1f} ms" if median_ms < 10 else f"{median_ms:,.0f} ms"


def megabytes(n: int) -> str:
    """Return bytes as text.

    >>> megabytes(52_400_000)
    '52 MB'
    """
    return f"{n / 1e6:,.0f} MB"


def geometric_mean(values: Iterable[float]) -> float:
    """Return the geometric mean; 1 of nothing.

    >>> geometric_mean([1.0, 4.0]), geometric_mean([])
    (2.0, 1.0)
    """
    logarithms = [math.log(value) for value in values]
    return math.exp(statistics.fmean(logarithms)) if logarithms else 1.0


def show(table: Sequence[Sequence[str]], n_left: int) -> None:
    """Print a table, the first columns to the left."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        cells = enumerate(zip(line, widths, strict=True))
        print("  ".join(cell.ljust(width) if at < n_left else cell.rjust(width) for at, (cell, width) in cells))


def compare_with_serial(found: Sequence[Measured]) -> None:
    """Print times beside those of the plain code."""
    show([HEADER, *map(row, found)], 2)
    working = [each.speed_up for each in found if each.of.bound_by != "waiting"]
    print(f"\ngeometric mean of speed-up over serial(): {geometric_mean(each.speed_up for each in found):.2f}", end="")
    print(f", without those bound by waiting {geometric_mean(working):.2f}")
    print(f"lower bound ÷ cold, median: {statistics.median(each.reached for each in found):.0%}")
    print(f"cold ÷ serial(), worst workflow: {max(1 / each.speed_up for each in found):.2f}")
    with_cache = [each for each in found if each.of.cached]
    print(f"warm: geometric mean of speed-up {geometric_mean(each.warm_speed_up for each in with_cache):.2f}", end="")
    costs = (statistics.median(each.storing_s) / statistics.median(each.cold_s) for each in with_cache)
    print(f"; storing ÷ cold, geometric mean {geometric_mean(costs):.2f}")
    print(
        f"peak of memory ÷ that of serial(), geometric mean {geometric_mean(each.memory_ratio for each in found):.2f}"
    )


def compare_strategies(found: Sequence[Paired]) -> bool:
    """Print times beside those of another strategy; return whether none is worse for certain."""
    show([PAIRED_HEADER, *map(paired_row, found)], 1)
    allowed = f"{ALLOWED_RATIO - 1:.0%} and {ALLOWED_S * 1e6:.0f} µs a run"
    print(f"\nmedian of the paired ratios, and what it is above and below with {CONFIDENCE:.0%} each after", end=" ")
    print(f"{ALLOWED_S * 1e6:.0f} µs were taken from ours; worse means by more than {allowed}")
    print(f"geometric mean of ours ÷ other: {geometric_mean(each.ratio for each in found):.3f}")
    for verdict in ("not worse", "open", "worse"):
        names = [each.name for each in found if each.verdict == verdict]
        print(f"{verdict}: {len(names)} of {len(found)}{': ' if names else ''}{', '.join(names)}")
    return all(each.verdict != "worse" for each in found)


def told(names: Sequence[str]) -> Iterator[str]:
    """Go through the names, and tell whoever waits at a terminal which one it is about."""
    for name in names:
        if sys.stderr.isatty():
            print(name, "…", file=sys.stderr)
        yield name


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for, print it, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benches.suite", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all without any")
    parser.add_argument("--strategy", choices=ms.strategies.names(), help="auto; smart with --against")
    parser.add_argument("--against", choices=ms.strategies.names(), help="compare with this strategy, run by run")
    parser.add_argument("--rounds", type=int, help="5; 30 with --against")
    parser.add_argument("--tiny", action="store_true", help="data for tests, too small to say anything about speed")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.names) - set(NAMES):
        parser.error(f"there is no workflow {', '.join(sorted(unknown))}")
    strategy = asked.strategy or ("smart" if asked.against else "auto")
    n_rounds = asked.rounds if asked.rounds is not None else (30 if asked.against else 5)
    n_rounds_min = N_ROUNDS_MIN if asked.against else 1
    if n_rounds < n_rounds_min:
        parser.error(f"--rounds {n_rounds}: at least {n_rounds_min}")
    print(f"strategy {strategy}{f' against {asked.against}' if asked.against else ''}, {n_rounds} rounds,", end=" ")
    print(f"{ms.BUILD_PROFILE} build, load average {os.getloadavg()[0]:.1f} before", flush=True)
    names, is_none_worse = told(asked.names or NAMES), True
    if asked.against:
        both = (strategy, asked.against)
        is_none_worse = compare_strategies([paired(name, *both, n_rounds, is_tiny=asked.tiny) for name in names])
    else:
        compare_with_serial([measured(name, strategy, n_rounds, is_tiny=asked.tiny) for name in names])
    print(f"load average {os.getloadavg()[0]:.1f} after")
    return 0 if is_none_worse else 1


if __name__ == "__main__":
    sys.exit(main())
