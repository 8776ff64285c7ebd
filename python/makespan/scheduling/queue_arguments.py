"""What a queue is given, checked: keys and columns as arrays, options."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from makespan.exceptions import ValidationError
from makespan.scheduling.queue_report import Priority

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__: list[str] = []

_NAMED = {priority.name.lower(): float(priority) for priority in Priority}


def as_keys(keys: object) -> NDArray[np.int64] | list[Any]:
    """Return keys as an int64 array where they all are such integers, else as a list."""
    if isinstance(keys, np.ndarray):
        if keys.ndim != 1:
            raise ValidationError("keys", keys.shape, "keys, shape (n,)")
        if np.issubdtype(keys.dtype, np.signedinteger):
            return np.ascontiguousarray(keys, dtype=np.int64)
        return list(keys.tolist())
    if isinstance(keys, str | bytes) or not isinstance(keys, Iterable):
        raise ValidationError("keys", keys, "several keys; one is pushed by push")
    listed = list(keys)
    if all(type(key) is int for key in listed):
        try:
            return np.array(listed, dtype=np.int64)
        except OverflowError:
            return listed
    return listed


def as_priorities(values: object, n: int) -> NDArray[np.float64]:
    """Return priorities as a column; a name or a single number is that of all."""
    if isinstance(values, str):
        if values not in _NAMED:
            raise ValidationError("priorities", values, f"numbers, or one of {', '.join(_NAMED)}")
        values = _NAMED[values]
    return as_column("priorities", values, n)


def as_column(argument: str, values: Any, n: int) -> NDArray[np.float64]:
    """Return numbers as a column of this length; a single one is that of all."""
    try:
        column: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValidationError(argument, values, "numbers") from None
    if column.ndim == 0:
        return np.full(n, column, dtype=np.float64)
    if column.shape != (n,):
        raise ValidationError(argument, column.shape, f"shape ({n},), one for each key")
    return column


def one_of(argument: str, value: object, known: tuple[str, ...]) -> str:
    """Return a value that has to be one of these."""
    if isinstance(value, str) and value in known:
        return value
    raise ValidationError(argument, value, f"one of {', '.join(known)}")


def number(argument: str, value: object) -> float:
    """Return a finite number that is not negative."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0:
        return float(value)
    raise ValidationError(argument, value, "a number, 0 or more")


def flag(argument: str, value: object) -> bool:
    """Return a value that has to be true or false."""
    if isinstance(value, bool):
        return value
    raise ValidationError(argument, value, "True or False")


def count(argument: str, value: object, least: int, most: int) -> int:
    """Return a whole number in a range."""
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return value
    raise ValidationError(argument, value, f"a whole number from {least} to {most}")
