"""Predicted durations of one step, written down slowly: from the whole history, in the order of the definition."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["predicted_ns"]

_LEVELS = (0.05, 0.5, 0.95)


def predicted_ns(
    history: Sequence[tuple[int, int | None]], levels: Sequence[float], size: int | None = None
) -> list[int] | None:
    """Return quantiles of the next duration of a step that has no kind, where there is no other step.

    Parameters
    ----------
    history
        Nanoseconds and size, or None, of each attempt that came to its end, oldest first.
    levels
        Shares between 0 and 1, ascending.
    size
        Of what comes next.

    Returns
    -------
    quantiles
        Nanoseconds, or None without a history.

    Examples
    --------
    >>> predicted_ns([(1_000, None)] * 16, [0.05, 0.95])
    [1000, 1000]
    >>> predicted_ns([(1_000, None), (2_000, None), (1_200, None)], [0.5])
    [1200]
    """
    # Everything that adapts is a fold over the history: what was predicted at each moment is predicted again.
    tails, losses = [0.05, 0.05], [0.0, 0.0, 0.0]
    for at, (duration_ns, own_size) in enumerate(history):
        before = history[:at]
        if not before:
            continue
        low_ns, _, high_ns = _quantiles(before, _LEVELS, own_size, tails, losses)
        for side, is_missed in enumerate((duration_ns < low_ns, duration_ns > high_ns)):
            tails[side] = min(max(tails[side] + 0.03 * (0.05 - is_missed), -0.1), 0.2)
        at_levels = [_forecasts(before, level, own_size) for level in _LEVELS]
        for which in range(3):
            losses[which] *= 0.95
            for level, forecasts in zip(_LEVELS, at_levels, strict=True):
                excess = duration_ns - forecasts[which]
                losses[which] += max(level * excess, (level - 1) * excess)
    return _quantiles(history, levels, size, tails, losses) if history else None


def _quantiles(
    history: Sequence[tuple[int, int | None]],
    levels: Sequence[float],
    size: int | None,
    tails: Sequence[float],
    losses: Sequence[float],
) -> list[int]:
    window = [duration_ns for duration_ns, _ in history[-64:]]
    if len(window) >= 16 and len(set(window)) == 1:
        return [window[0]] * len(levels)
    has_line = size is not None and any(own_size is not None for _, own_size in history)
    counted = losses if has_line else losses[:2]
    weights = [1.0 if loss <= min(counted) else (min(counted) / loss) ** 4 for loss in counted]
    quantiles: list[int] = []
    for level in levels:
        if level < 0.5:
            asked = level + (tails[0] - 0.05) * (0.5 - level) / 0.45
        else:
            asked = level - (tails[1] - 0.05) * (level - 0.5) / 0.45
        forecasts = _forecasts(history, asked, size)
        pairs = [(weight, value) for weight, value in zip(weights, forecasts, strict=False) if weight > 0]
        blend = sum(weight / sum(weights) * value for weight, value in pairs)
        blend = min(max(blend, min(value for _, value in pairs)), max(value for _, value in pairs))
        ns = math.ceil(blend) if level > 0.5 else math.floor(blend if level < 0.5 else blend + 0.5)
        quantiles.append(max([min(ns, 9 * 10**18), *quantiles]))
    return quantiles


def _forecasts(history: Sequence[tuple[int, int | None]], level: float, size: int | None) -> list[float]:
    """Return what the last 4, the last 64, and the line say."""
    durations = [float(duration_ns) for duration_ns, _ in history]
    n_counted = min(len(durations) - 1, 16)
    # All steps together are this one: how much they change is the prior of its own.
    spread = (_spread(durations) + n_counted * _mean_change(durations)) / (1 + n_counted)
    of_window = _quantile(durations[-64:], level, spread)
    of_line = of_window
    *residuals, growth = _line([(ns, own) for ns, own in history if own is not None], size)
    if residuals and size is not None:
        of_line = growth * _quantile(residuals[-64:], level, _spread(residuals))
    return [_quantile(durations[-4:], level, spread), of_window, of_line]


def _mean_change(values: Sequence[float]) -> float:
    mean = 0.0
    for n, (before, after) in enumerate(pairwise(values), 1):
        change = min(abs(math.log(max(after, 1.0) / max(before, 1.0))), 3.0)
        mean += (change - mean) / min(n, 16)
    return mean


def _spread(values: Sequence[float]) -> float:
    n_counted = min(len(values) - 1, 16)
    return (0.5 + n_counted * _mean_change(values)) / (1 + n_counted)


def _quantile(values: Sequence[float], level: float, spread: float) -> float:
    ranked, last = sorted(values), len(values) - 1
    slope = (1.5 + 1.0 / len(values)) * spread
    place = level * (len(values) + 1) - 1
    if place < 0:
        return ranked[0] * math.exp(max(slope * place, -3.0))
    if place >= last:
        return ranked[last] * math.exp(min(slope * (place - last), 3.0))
    below = math.floor(place)
    return ranked[below] + (ranked[below + 1] - ranked[below]) * (place - below)


def _line(sized: Sequence[tuple[int, int]], size: int | None) -> Iterator[float]:
    """Yield how far each was from the line before it, as a duration of the first size, and the growth for a size."""
    weight = mean_size = mean_duration = size_size = size_duration = 0.0

    def at(own_size: float) -> float:
        slope = min(max(size_duration / (size_size + 0.3), 0.0), 2.0)
        return min(max(mean_duration + slope * (own_size - mean_size), -50.0), 50.0)

    first_ns, first_size = (max(float(sized[0][0]), 1.0), math.log(max(sized[0][1], 1))) if sized else (1.0, 0.0)
    for duration_ns, own in sized:
        own_size, duration = math.log(max(own, 1)) - first_size, math.log(max(float(duration_ns), 1.0) / first_ns)
        yield math.exp(duration - at(own_size)) * first_ns
        weight = weight * 0.98 + 1
        off_size, off_duration = own_size - mean_size, duration - mean_duration
        mean_size += off_size / weight
        mean_duration += off_duration / weight
        size_size = size_size * 0.98 + off_size * (own_size - mean_size)
        size_duration = size_duration * 0.98 + off_size * (duration - mean_duration)
    yield math.exp(at(0.0 if size is None else math.log(max(size, 1)) - first_size))
