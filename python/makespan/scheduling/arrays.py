"""Checks of what comes in as arrays: shape, type and range, with errors that name the argument."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from makespan.exceptions import ValidationError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["array_of", "count", "ids_of", "ns_of", "times_ns_of", "vector"]

T = TypeVar("T", np.int64, np.float64)

SECONDS_MAX = 9.0e9
"""No time is later and no duration longer: 285 years, which nanoseconds in 64 bits can hold."""
_INT64_MAX = np.iinfo(np.int64).max


def count(value: Any, argument: str) -> int:
    """Return a whole number that is not negative."""
    if isinstance(value, bool):
        raise ValidationError(argument, value, "a whole number")
    try:
        number = operator.index(value)
    except TypeError:
        raise ValidationError(argument, value, "a whole number") from None
    if not 0 <= number <= _INT64_MAX:
        raise ValidationError(argument, value, "a whole number that is not negative")
    return number


def array_of(values: ArrayLike, argument: str) -> NDArray[Any]:
    """Return an array of any type and shape."""
    try:
        return np.asarray(values)
    except ValueError:
        raise ValidationError(argument, values, "rows of equal length") from None


def vector(values: ArrayLike, argument: str, kind: type[T], n: int | None = None) -> NDArray[T]:
    """Return a one-dimensional array of a type, if nothing is lost by it; of ``n`` entries where that is said."""
    array = array_of(values, argument)
    shape = "(n,)" if n is None else f"({n},)"
    is_whole = np.issubdtype(kind, np.integer)
    wanted = "whole numbers" if is_whole else "numbers"
    if array.ndim != 1 or (n is not None and array.size != n):
        raise ValidationError(argument, f"shape {array.shape}", f"{wanted}, shape {shape}")
    if array.size and array.dtype.kind not in ("iu" if is_whole else "iuf"):
        raise ValidationError(argument, f"dtype {array.dtype}", f"{wanted}, shape {shape}")
    if is_whole and array.dtype == np.uint64 and array.size and array.max() > _INT64_MAX:
        place = int(np.argmax(array > _INT64_MAX))
        raise ValidationError(f"{argument}[{place}]", int(array[place]), f"at most {_INT64_MAX}")
    return np.ascontiguousarray(array, dtype=kind)


def ids_of(nodes: ArrayLike, argument: str = "nodes") -> NDArray[np.int64]:
    """Return ids as an array; one id is an array of one."""
    if type(nodes) is np.ndarray and nodes.dtype == np.int64 and nodes.ndim == 1:
        return nodes
    array = array_of(nodes, argument)
    return vector(array.reshape(1) if array.ndim == 0 else array, argument, np.int64)


def ns_of(seconds: Any, argument: str) -> int:
    """Return seconds as nanoseconds."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float | np.integer | np.floating):
        raise ValidationError(argument, seconds, "seconds")
    if not 0 <= seconds <= SECONDS_MAX:
        raise ValidationError(argument, seconds, f"seconds from 0 to {SECONDS_MAX:g}")
    return round(float(seconds) * 1e9)


def times_ns_of(seconds: NDArray[np.float64], argument: str) -> NDArray[np.uint64]:
    """Return an array of seconds as nanoseconds."""
    is_wrong = ~((seconds >= 0) & (seconds <= SECONDS_MAX))
    if is_wrong.any():
        place = int(np.argmax(is_wrong))
        raise ValidationError(f"{argument}[{place}]", float(seconds[place]), f"seconds from 0 to {SECONDS_MAX:g}")
    return np.rint(seconds * 1e9).astype(np.uint64)
