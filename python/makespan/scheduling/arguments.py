"""What the array-level APIs take: checked here, and refused by the name of the argument."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from makespan.exceptions import ValidationError

if TYPE_CHECKING:
    from typing import TypeGuard

    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "array_of",
    "as_durations_ns",
    "as_integers",
    "as_n_nodes",
    "as_node",
    "count",
    "ids_of",
    "ns_of",
    "times_ns_of",
    "vector",
]

T = TypeVar("T", np.int64, np.float64)

SECONDS_MAX = 9.0e9
"""No time is later and no duration longer: 285 years, which nanoseconds in 64 bits can hold."""
_DURATION_S_MAX = 1e9
_N_NODES_MAX = 1 << 30
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


def as_integers(values: ArrayLike, argument: str, shape: str) -> NDArray[np.int64]:
    """Return one-dimensional integers as int64; `shape` is what the message expects."""
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and not np.issubdtype(array.dtype, np.integer)):
        raise ValidationError(argument, f"{array.dtype}, shape {array.shape}", f"integers, shape {shape}")
    if array.dtype == np.uint64 and array.size and array.max() > _INT64_MAX:
        place = int(np.argmax(array > _INT64_MAX))
        raise ValidationError(f"{argument}[{place}]", int(array[place]), "an integer below 2**63")
    return np.ascontiguousarray(array, dtype=np.int64)


def as_n_nodes(n_nodes: object) -> int:
    """Return how many nodes a graph is to have."""
    if _is_integer(n_nodes) and 0 <= n_nodes <= _N_NODES_MAX:
        return int(n_nodes)
    raise ValidationError("n_nodes", n_nodes, f"a whole number from 0 to {_N_NODES_MAX}")


def as_node(node: object, n_nodes: int) -> int:
    """Return the id of a node of a graph of this size."""
    if _is_integer(node) and 0 <= node < n_nodes:
        return int(node)
    expected = f"a node id from 0 to {n_nodes - 1}" if n_nodes else "no node id, since the graph has no nodes"
    raise ValidationError("node", node, expected)


def as_durations_ns(durations: ArrayLike, n_nodes: int) -> NDArray[np.uint64]:
    """Return durations in seconds, one per node, as nanoseconds."""
    given = np.asarray(durations)
    if given.shape != (n_nodes,):
        raise ValidationError("durations", given.shape, f"shape ({n_nodes},)")
    if given.dtype.kind not in "iuf":
        raise ValidationError("durations", str(given.dtype), "numbers")
    seconds = given.astype(np.float64, copy=False)
    is_wrong = ~((seconds >= 0) & (seconds < _DURATION_S_MAX))
    if is_wrong.any():
        node = int(np.argmax(is_wrong))
        raise ValidationError(f"durations[{node}]", float(seconds[node]), "seconds from 0 to 1e9")
    return np.rint(seconds * 1e9).astype(np.uint64)


def _is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
