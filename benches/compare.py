"""One comparison: rounds that alternate with the baseline, answers checked before any time is reported."""

import gc
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import makespan as ms
from benches.figures import FIGURES, Measured

__all__ = ["MEASURED", "Comparison", "Seconds"]

N_ROUNDS = 15
# The interpreter keeps frames in chunks: where a loop's frame is the last that fits into one, every call that the
# loop makes maps memory and unmaps it, and takes a hundred times as long. Not in the next round.
DEPTHS = (0, 3, 6)
MEASURED: list[Measured] = []
"""What this session has measured so far."""


class Seconds(float):
    """What a baseline returns that is no code to be timed but a bound, or that took its own time."""


class Comparison:
    """Times ours and its baseline in turn, so that what disturbs the machine disturbs both."""

    def __init__(self, benchmark: Any) -> None:
        self._benchmark = benchmark
        benchmark.extra_info.update(figures=[], **machine())

    @property
    def is_timed(self) -> bool:
        """Whether times are wanted, and not only that the answers are checked: then smaller data will do."""
        return not self._benchmark.disabled

    def __call__(
        self,
        figure: str,
        ours: Callable[[], Any],
        baseline: tuple[str, Callable[[], Any]],
        *,
        n: int,
        per: str,
        source: str,
        check: Callable[[Any, Any], bool],
        straight_line: Callable[[], Any] | None = None,
        before: Callable[[], None] | None = None,
        rounds: int = N_ROUNDS,
    ) -> None:
        """Measure a figure.

        Parameters
        ----------
        figure
            Its name in `figures.FIGURES`.
        ours, baseline, straight_line
            What is timed; the baseline has a name. Called as often as there are rounds, and once before.
        n, per
            What the times are divided by, and what it counts.
        source
            Where the data is from.
        check
            Given what ours and the baseline return; called before anything is timed, and for the last round.
        before
            Called before each call of `ours`, not timed.
        """
        baseline_name, run_baseline = baseline
        expected = run_baseline()

        def check_answer(answer: Any, whose: str) -> None:
            assert check(answer, expected), f"{figure}: the answer of {whose} is not the baseline's"

        if straight_line:
            check_answer(straight_line(), "straight-line code")
        if before:
            before()
        if self._benchmark.disabled:
            check_answer(self._benchmark.pedantic(ours), "ours")
            return
        check_answer(ours(), "ours")
        baseline_s: list[float] = []
        straight_line_s: list[float] = []

        def run_the_others() -> tuple[tuple[int, Callable[[], Any]], dict[str, Any]]:
            depth = DEPTHS[len(baseline_s) % len(DEPTHS)]
            baseline_s.append(timed(depth, run_baseline))
            if straight_line:
                straight_line_s.append(timed(depth, straight_line))
            if before:
                before()
            return (depth, ours), {}

        # What lives already is no business of the collections that happen while something is timed.
        gc.collect()
        gc.freeze()
        try:
            answer = self._benchmark.pedantic(at_depth, setup=run_the_others, rounds=rounds)
        finally:
            gc.unfreeze()
        check_answer(answer, "ours, in the last round,")
        self.report(
            figure,
            self._benchmark.stats.stats.data,
            (baseline_name, baseline_s),
            n=n,
            per=per,
            source=source,
            straight_line_s=straight_line_s,
        )

    def report(
        self,
        figure: str,
        ours_s: list[float],
        baseline: tuple[str, list[float]],
        *,
        n: int,
        per: str,
        source: str,
        straight_line_s: list[float] | None = None,
    ) -> None:
        """Report medians of times that were taken in the same rounds."""
        assert figure in FIGURES, figure
        if self._benchmark.disabled:
            return
        baseline_name, baseline_s = baseline
        measured = Measured(
            figure=figure,
            ours_s=statistics.median(ours_s) / n,
            baseline_s=statistics.median(baseline_s) / n,
            baseline=baseline_name,
            per=per,
            source=source,
            rounds=len(ours_s),
            straight_line_s=statistics.median(straight_line_s) / n if straight_line_s else None,
        )
        self._benchmark.extra_info["figures"].append(asdict(measured))
        MEASURED.append(measured)


def at_depth(depth: int, run: Callable[[], Any]) -> Any:
    """Make a call so many frames further down."""
    return at_depth(depth - 1, run) if depth else run()


def timed(depth: int, run: Callable[[], Any]) -> float:
    """Return how many seconds a call takes."""
    start = time.perf_counter()
    result = at_depth(depth, run)
    elapsed_s = time.perf_counter() - start
    return float(result) if isinstance(result, Seconds) else elapsed_s


def machine() -> dict[str, Any]:
    """Describe what the figures were measured on."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        processor = models[0] if models else processor
    return {
        "build_profile": ms.BUILD_PROFILE,
        "makespan": ms.__version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "processor": processor,
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_average": round(os.getloadavg()[0], 1),
    }
