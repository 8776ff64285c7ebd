"""What predictors say: quantiles, time limits, and how good they were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from makespan.planning.uncertain import DurationQuantiles
from makespan.scheduling.arguments import count

__all__ = ["Prediction", "PredictionScore", "TimeLimit"]


class TimeLimit(NamedTuple):
    """How much time to allow a step: made by `DurationPredictor.time_limit`.

    Parameters
    ----------
    seconds
        The limit.
    is_lower_bound
        True where a failed attempt already took that long: if it was cut off, allow more.

    Examples
    --------
    >>> TimeLimit(2.0, False).seconds
    2.0
    """

    seconds: float
    is_lower_bound: bool


@dataclass(frozen=True, slots=True)
class Prediction:
    """How long a step will probably take: made by `DurationPredictor.predict`.

    Parameters
    ----------
    levels
        Shares between 0 and 1, ascending.
    seconds
        A share of ``levels[k]`` of the attempts takes at most ``seconds[k]``; never falling.
    source
        What they are made from: "step", earlier durations of the step itself, "kind", those of steps of its kind, or
        "all", those of all steps.

    Examples
    --------
    >>> Prediction((0.05, 0.5, 0.95), (1.0, 2.0, 4.0), "step")
    <Prediction from step: 5% 1 s, 50% 2 s, 95% 4 s>
    """

    levels: tuple[float, ...]
    seconds: tuple[float, ...]
    source: str

    def quantiles(self, n_nodes: int = 1) -> DurationQuantiles:
        """Return the same for a number of nodes, to plan with.

        Parameters
        ----------
        n_nodes
            How many nodes take so long, each independently.

        Returns
        -------
        quantiles
            With a row for each node.

        Raises
        ------
        ValidationError
            ``n_nodes`` is no number of nodes.

        Examples
        --------
        >>> Prediction((0.5, 0.9), (1.0, 2.0), "step").quantiles(3)
        <DurationQuantiles of 3 nodes at 0.5, 0.9>
        """
        return DurationQuantiles(self.levels, np.tile(self.seconds, (count(n_nodes, "n_nodes"), 1)))

    def __repr__(self) -> str:
        pairs = zip(self.levels, self.seconds, strict=True)
        shown = ", ".join(f"{100 * level:g}% {seconds:.4g} s" for level, seconds in pairs)
        return f"<Prediction from {self.source}: {shown}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionScore:
    """How good predictions were, each made before its observation: made by `DurationPredictor.score`.

    What was observed first of each step does not count: of the step itself nothing was known then.

    Parameters
    ----------
    n
        How many observations were predicted.
    coverage
        The share of them between the quantiles at 0.05 and 0.95, of which 0.9 is right; NaN where there are none.
    below, above
        The shares of them below and above, of which 0.05 is right.
    loss_s
        The mean pinball loss at these quantiles and the median, seconds.
    loss_per_mean, loss_per_last
        The same, divided by that of the mean of all earlier durations, and of the duration before: below 1 is better
        than that. NaN where those were always right.

    Examples
    --------
    >>> PredictionScore(n=9, coverage=0.9, below=0.1, above=0.0, loss_s=0.1, loss_per_mean=0.5, loss_per_last=0.6)
    <PredictionScore of 9: 90% within, loss 0.5 of the mean's, 0.6 of the last value's>
    """

    n: int
    coverage: float
    below: float
    above: float
    loss_s: float
    loss_per_mean: float
    loss_per_last: float

    def __repr__(self) -> str:
        return (
            f"<PredictionScore of {self.n}: {self.coverage:.0%} within, loss {self.loss_per_mean:.2g} of the mean's, "
            f"{self.loss_per_last:.2g} of the last value's>"
        )
