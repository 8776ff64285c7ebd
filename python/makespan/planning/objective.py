"""How good a schedule is by what was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from makespan.planning.options import PlanOptions

__all__ = ["objective_value"]


def objective_value(options: PlanOptions, finish: NDArray[np.float64], nodes: NDArray[np.int64]) -> float:
    """Return the objective of some nodes, by the finishes of all: seconds, times weights where it is a weighted sum."""
    ends = finish[nodes]
    if options.objective in {"makespan", "weighted_completion"}:
        due = np.zeros(ends.size)
    elif options.due is None:
        due = np.full(ends.size, np.nan)
    else:
        due = np.asarray(options.due, np.float64)[nodes]
    counts = np.isfinite(due)
    late = (ends - due)[counts]
    if options.objective == "maximum_lateness":
        return float(late.max(initial=-np.inf))
    if options.objective == "makespan":
        return float(late.max(initial=0.0))
    weights = np.ones(finish.size) if options.weights is None else np.asarray(options.weights, np.float64)
    return float((np.maximum(late, 0.0) * weights[nodes][counts]).sum())
