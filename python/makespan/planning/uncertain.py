"""Durations that are not known exactly, and what becomes of plans under them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from makespan import _core
from makespan.exceptions import ValidationError
from makespan.scheduling.arguments import count, times_ns_of, vector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from makespan.planning.plan import Plan

__all__ = ["DurationQuantiles", "MissProbability", "SimulatedMakespan", "simulated"]

_N_SAMPLES_MAX = 10_000_000


class DurationQuantiles:
    """How long nodes may take: quantiles, with a distribution through them.

    The logarithm of a duration is a piecewise linear function of a standard normal deviate, through the given quantiles
    and beyond them with the slope of the first and the last piece: with two levels the log-normal distribution
    through both, with one level a certain duration. Nodes are independent.

    Parameters
    ----------
    levels
        Shares between 0 and 1, ascending, shape ``(n_levels,)``.
    durations
        float64 seconds, shape ``(n_nodes, n_levels)``: a share of ``levels[k]`` of the runs of node ``i`` takes at most
        ``durations[i, k]``; never falling along a row.

    Raises
    ------
    ValidationError
        Levels do not ascend between 0 and 1, or durations fall along a row, are negative, or not one for each level.

    Examples
    --------
    >>> quantiles = DurationQuantiles([0.5, 0.9], [[1.0, 2.0], [3.0, 3.0]])
    >>> quantiles
    <DurationQuantiles of 2 nodes at 0.5, 0.9>
    >>> quantiles.at(0.9).tolist()
    [2.0, 3.0]
    """

    def __init__(self, levels: Sequence[float], durations: ArrayLike) -> None:
        self.levels: tuple[float, ...] = tuple(float(level) for level in levels)
        is_ascending = all(low < high for low, high in zip(self.levels, self.levels[1:], strict=False))
        if not self.levels or not is_ascending or not (self.levels[0] > 0 and self.levels[-1] < 1):
            raise ValidationError("levels", list(levels), "shares that ascend between 0 and 1, at least one")
        array = np.asarray(durations)
        n_levels = len(self.levels)
        if array.ndim != 2 or array.shape[1] != n_levels:
            raise ValidationError("durations", f"shape {array.shape}", f"seconds, shape (n_nodes, {n_levels})")
        flat = vector(array.ravel(), "durations", np.float64)
        self._ns: NDArray[np.uint64] = times_ns_of(flat, "durations").reshape(array.shape)
        self.durations: NDArray[np.float64] = self._ns / 1e9
        falling = np.argwhere(np.diff(self.durations, axis=1) < 0)
        if falling.size:
            node = int(falling[0, 0])
            row = self.durations[node].tolist()
            raise ValidationError(f"durations[{node}]", row, "seconds that do not fall from level to level")

    @classmethod
    def spread(cls, durations: ArrayLike, factor: float, *, level: float = 0.9) -> DurationQuantiles:
        """Say by how much all durations spread.

        Parameters
        ----------
        durations
            float64 seconds, shape ``(n_nodes,)``: the medians.
        factor
            How many times its median the quantile at ``level`` of every node is, at least 1.
        level
            A share between 0.5 and 1.

        Returns
        -------
        quantiles
            Log-normal distributions.

        Raises
        ------
        ValidationError
            ``factor`` is below 1, or ``level`` not between 0.5 and 1.

        Examples
        --------
        >>> DurationQuantiles.spread([1.0, 4.0], 1.5).durations.tolist()
        [[1.0, 1.5], [4.0, 6.0]]
        """
        if not 1 <= factor < math.inf:
            raise ValidationError("factor", factor, "a number, at least 1")
        if not 0.5 < level < 1:
            raise ValidationError("level", level, "a share between 0.5 and 1")
        medians = vector(durations, "durations", np.float64)
        return cls([0.5, level], np.column_stack([medians, medians * factor]))

    @property
    def n_nodes(self) -> int:
        """How many nodes there are."""
        return int(self.durations.shape[0])

    def at(self, level: float) -> NDArray[np.float64]:
        """Return durations at a level, to plan with.

        Parameters
        ----------
        level
            A share between 0 and 1; levels between and beyond the given ones as in the distribution.

        Returns
        -------
        durations
            float64 seconds, shape ``(n_nodes,)``.

        Raises
        ------
        ValidationError
            ``level`` is not between 0 and 1.

        Examples
        --------
        >>> DurationQuantiles([0.5, 0.9], [[1.0, 4.0]]).at(0.5).tolist()
        [1.0]
        """
        if not 0 < level < 1:
            raise ValidationError("level", level, "a share between 0 and 1")
        if level in self.levels or len(self.levels) == 1:
            column = self.levels.index(level) if level in self.levels else 0
            return self.durations[:, column].copy()
        return _core.quantile_durations(_deviates(self.levels), self._ns, *_deviates([level])) / 1e9

    def __repr__(self) -> str:
        return f"<DurationQuantiles of {self.n_nodes} nodes at {', '.join(f'{level:g}' for level in self.levels)}>"


class MissProbability(NamedTuple):
    """How probable it is that a deadline is missed.

    Parameters
    ----------
    probability
        The share of the samples that missed it.
    low, high
        The score interval that holds the true probability in 95 of 100 simulations (Wilson 1927).

    Examples
    --------
    >>> MissProbability(0.5, 0.4, 0.6).high
    0.6
    """

    probability: float
    low: float
    high: float


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class SimulatedMakespan:
    """What simulated runs of a plan found: made by `makespan.Plan.simulate`.

    Parameters
    ----------
    samples
        float64 seconds, shape ``(n_samples,)``: makespans, in the order in which they were drawn.
    criticality
        float64, shape ``(n_nodes,)``: in which share of the samples each node was on the critical chain.

    Examples
    --------
    >>> import makespan as ms
    >>> found = ms.plan(ms.DependencyGraph.from_edges(2, [0], [1]), [1.0, 2.0])
    >>> found.simulate(ms.DurationQuantiles([0.5], [[1.0], [2.0]]), n_samples=10).mean
    3.0
    """

    samples: NDArray[np.float64]
    criticality: NDArray[np.float64]

    @property
    def mean(self) -> float:
        """The expected makespan, seconds."""
        return float(self.samples.mean())

    @property
    def standard_error(self) -> float:
        """Of the mean, seconds; infinite for one sample."""
        n_samples = self.samples.size
        return float(self.samples.std(ddof=1) / math.sqrt(n_samples)) if n_samples > 1 else math.inf

    def quantile(self, level: float) -> float:
        """Return what a share of the runs does not exceed.

        Parameters
        ----------
        level
            A share from 0 to 1.

        Returns
        -------
        makespan
            Seconds.

        Raises
        ------
        ValidationError
            ``level`` is not a share.

        Examples
        --------
        >>> SimulatedMakespan(samples=np.array([1.0, 2.0, 3.0]), criticality=np.ones(1)).quantile(0.5)
        2.0
        """
        if not 0 <= level <= 1:
            raise ValidationError("level", level, "a share from 0 to 1")
        return float(np.quantile(self.samples, level))

    def miss_probability(self, deadline: float) -> MissProbability:
        """Return how probable it is that a run takes longer.

        Parameters
        ----------
        deadline
            Seconds from the beginning.

        Returns
        -------
        probability
            The share of the samples, and an interval around it.

        Raises
        ------
        ValidationError
            ``deadline`` is NaN.

        Examples
        --------
        >>> found = SimulatedMakespan(samples=np.array([1.0, 2.0, 3.0, 4.0]), criticality=np.ones(1))
        >>> probability, low, high = found.miss_probability(3.0)
        >>> probability, round(low, 2), round(high, 2)
        (0.25, 0.05, 0.7)
        """
        if math.isnan(deadline):
            raise ValidationError("deadline", deadline, "seconds")
        n_samples = self.samples.size
        share = float(np.count_nonzero(self.samples > deadline) / n_samples)
        z = NormalDist().inv_cdf(0.975)
        center = share + z * z / (2 * n_samples)
        spread = z * math.sqrt(share * (1 - share) / n_samples + (z / (2 * n_samples)) ** 2)
        scale = 1 + z * z / n_samples
        return MissProbability(share, max((center - spread) / scale, 0.0), min((center + spread) / scale, 1.0))

    def __repr__(self) -> str:
        error = f" ± {self.standard_error:.2g}" if self.samples.size > 1 else ""
        return (
            f"<SimulatedMakespan {self.samples.size} samples: mean {self.mean:.4g} s{error}, "
            f"90% below {self.quantile(0.9):.4g} s>"
        )


def simulated(plan: Plan, durations: DurationQuantiles, n_samples: int, seed: int) -> SimulatedMakespan:
    """Simulate runs; behind `Plan.simulate`, which documents it."""
    if not isinstance(durations, DurationQuantiles):
        raise ValidationError("durations", durations, "DurationQuantiles")
    n_nodes = plan.start.size
    if durations.n_nodes != n_nodes:
        raise ValidationError("durations", f"of {durations.n_nodes} nodes", f"quantiles of {n_nodes} nodes")
    if not 1 <= count(n_samples, "n_samples") <= _N_SAMPLES_MAX:
        raise ValidationError("n_samples", n_samples, f"a whole number from 1 to {_N_SAMPLES_MAX:,}")
    if not plan.options.is_plain or plan.capacity_steps is not None:
        expected = "a plan without releases, deadlines, fixed starts, delays, modes or capacities that change"
        raise ValidationError("plan", plan.options, expected)
    priorities = np.empty(n_nodes, np.uint64)
    priorities[plan.order] = np.arange(n_nodes, 0, -1, dtype=np.uint64)
    makespans_ns, n_critical = _core.simulate_runs(
        plan.graph._graph,
        plan.demands,
        plan.capacities,
        priorities,
        _deviates(durations.levels),
        durations._ns,
        int(n_samples),
        count(seed, "seed"),
    )
    return SimulatedMakespan(samples=makespans_ns / 1e9, criticality=n_critical / makespans_ns.size)


def _deviates(levels: Sequence[float]) -> list[float]:
    return [NormalDist().inv_cdf(level) for level in levels]
