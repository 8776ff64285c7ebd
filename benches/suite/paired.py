"""Whether one strategy is slower than another: paired runs, and bounds of the median that assume no distribution.

Both run the same workflow in turns, whoever was second going first in the next round. Of each round the ratio counts,
so that what the machine does meanwhile meets both. With ``n`` ratios in order, the median of what they are drawn from
lies below the ``k``-th with the probability that fewer than ``k`` of ``n`` tosses of a coin are heads: each ratio is
below the median with probability 1/2, whatever the distribution (H. A. David and H. N. Nagaraja, Order Statistics,
3rd edition, 2003, section 7.1, on distribution-free confidence intervals for quantiles).
"""

import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import comb
from pathlib import Path

import makespan as ms
from benches.suite.cases import case
from benches.suite.measure import timed
from makespan.testing import assert_same

__all__ = ["ALLOWED_RATIO", "ALLOWED_S", "CONFIDENCE", "N_ROUNDS_MIN", "Paired", "bounds_of_median", "paired"]

CONFIDENCE = 0.95
"""Of each of both bounds by itself."""
ALLOWED_RATIO, ALLOWED_S = 1.01, 50e-6
"""What a strategy may cost beside another: this ratio, and this much for each run."""
N_ROUNDS_MIN = 5
"""With fewer, not even the largest of them is above the median with 95 %."""


def bounds_of_median(values: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return what the median lies above, and what it lies below, each with the confidence given.

    >>> bounds_of_median(range(1, 31)), bounds_of_median([3.0, 1.0, 2.0, 5.0, 4.0])
    ((11, 20), (1.0, 5.0))
    """
    n, below = len(values), 0.0
    for k in range(1, n + 1):
        below += comb(n, k - 1) / 2**n
        if below >= confidence:
            in_order = sorted(values)
            return in_order[n - k], in_order[k - 1]
    message = f"{n} values are too few for a confidence of {confidence}"
    raise ValueError(message)


@dataclass(frozen=True)
class Paired:
    """One workflow under two strategies; times by round."""

    name: str
    ours_s: tuple[float, ...]
    other_s: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """Median of our time over the other's."""
        return statistics.median(ours_s / other_s for ours_s, other_s in zip(self.ours_s, self.other_s, strict=True))

    @property
    def bounds(self) -> tuple[float, float]:
        """What the median of the ratios lies above and below, after ``ALLOWED_S`` was taken from our time."""
        pairs = zip(self.ours_s, self.other_s, strict=True)
        return bounds_of_median([(ours_s - ALLOWED_S) / other_s for ours_s, other_s in pairs])

    @property
    def verdict(self) -> str:
        """``"not worse"`` and ``"worse"`` are shown with the confidence above, ``"open"`` is neither."""
        lower, upper = self.bounds
        if upper <= ALLOWED_RATIO:
            return "not worse"
        return "worse" if lower > ALLOWED_RATIO else "open"


def paired(name: str, strategy: str, other: str, n_rounds: int, *, is_tiny: bool) -> Paired:
    """Take turns, and compare every result. The first run of each does not count: it loads what later ones find."""
    of = case(name)
    seconds: tuple[list[float], list[float]] = ([], [])
    with (
        tempfile.TemporaryDirectory() as folder,
        of.data(Path(folder), is_tiny) as arguments,
        ms.SequentialExecutionEngine(strategy) as ours,
        ms.SequentialExecutionEngine(other) as theirs,
    ):
        expected = of.workflow.serial(*arguments)
        engines = [(ours, seconds[0]), (theirs, seconds[1])]
        for at in range(-1, n_rounds):
            for engine, times_s in engines:
                run, taken_s = timed(partial(engine.run, of.workflow, *arguments))
                assert_same(run.value, expected)
                if at >= 0:
                    times_s.append(taken_s)
            engines.reverse()
    return Paired(name, tuple(seconds[0]), tuple(seconds[1]))
