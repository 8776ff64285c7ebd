"""How much of a resource a schedule occupies over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["usage_over_time"]


def usage_over_time(
    start: NDArray[np.float64], finish: NDArray[np.float64], held: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return moments, ascending, and what is held from each on; each amount is held from its start to its finish."""
    moments, place = np.unique(np.concatenate([start, finish]), return_inverse=True)
    change = np.zeros(moments.size, dtype=np.int64)
    np.add.at(change, place, np.concatenate([held, -held]))
    return moments, np.cumsum(change)
