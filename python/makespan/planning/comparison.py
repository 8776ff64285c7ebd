"""Two plans of the same nodes beside each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PlanComparison", "order_agreement"]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class PlanComparison:
    """How another plan differs from this one.

    Parameters
    ----------
    makespan_ratio
        The makespan of the other plan divided by that of this one; 1 where both are 0.
    moved
        The nodes that start at another time, the furthest first, by id among equals: int64, shape ``(n_moved,)``.
    shift
        Seconds by which each node starts later in the other plan, negative where earlier: float64, shape
        ``(n_nodes,)``.
    order_agreement
        Of all pairs of nodes that start at different times in both plans, the share that start in the same order; 1
        where there is no such pair.

    Examples
    --------
    >>> import makespan as ms
    >>> graph = ms.DependencyGraph.from_edges(2, [], [])
    >>> alone, together = (ms.plan(graph, [1.0, 2.0], [[1], [1]], [n]) for n in (1, 2))
    >>> alone.compare(together)
    <PlanComparison makespan ratio 0.667, 1 of 2 nodes moved, by 2 s at most, 100.0% of pairs in the same order>
    """

    makespan_ratio: float
    moved: NDArray[np.int64]
    shift: NDArray[np.float64]
    order_agreement: float

    def __repr__(self) -> str:
        furthest = float(np.abs(self.shift).max(initial=0.0))
        return (
            f"<PlanComparison makespan ratio {self.makespan_ratio:.3g}, {self.moved.size} of {self.shift.size} nodes "
            f"moved, by {furthest:g} s at most, {self.order_agreement:.1%} of pairs in the same order>"
        )


def order_agreement(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    """Return the share of pairs that differ in both arrays and are in the same order in both: O(n log² n)."""
    n = left.size
    order = np.lexsort((right, left))
    _, ranks = np.unique(right[order], return_inverse=True)
    n_discordant = _inversions(ranks.astype(np.int64))
    n_pairs = n * (n - 1) // 2 - _equal_pairs(left) - _equal_pairs(right) + _equal_pairs(left + 1j * right)
    return 1.0 - n_discordant / n_pairs if n_pairs else 1.0


def _equal_pairs(values: NDArray[np.float64] | NDArray[np.complex128]) -> int:
    _, counts = np.unique(values, return_counts=True)
    return int((counts * (counts - 1) // 2).sum())


def _inversions(ranks: NDArray[np.int64]) -> int:
    """Count the pairs of which the later is smaller, by merging blocks whose width doubles."""
    n = ranks.size
    place = np.arange(n)
    n_found, width = 0, 1
    while width < n:
        # Blocks of twice the width, one key space each: what of its left half is larger counts for each on its right.
        keys = place // (2 * width) * n + ranks
        is_right = place // width % 2 == 1
        left = np.sort(keys[~is_right])
        block_end = np.searchsorted(left, (place[is_right] // (2 * width) + 1) * n)
        n_found += int((block_end - np.searchsorted(left, keys[is_right], side="right")).sum())
        width *= 2
    return n_found
