"""What the array-level API takes: arrays are checked here, and refused by the name of the argument."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from makespan.exceptions import ValidationError

if TYPE_CHECKING:
    from typing import TypeGuard

    from numpy.typing import ArrayLike, NDArray

__all__ = ["as_durations_ns", "as_integers", "as_n_nodes", "as_node"]

_ID_MAX = np.iinfo(np.int64).max
_N_NODES_MAX = 1 << 30
_SECONDS_MAX = 1e9


def as_integers(values: ArrayLike, argument: str, shape: str) -> NDArray[np.int64]:
    """Return one-dimensional integers as int64; `shape` is what the message expects."""
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and not np.issubdtype(array.dtype, np.integer)):
        raise ValidationError(argument, f"{array.dtype}, shape {array.shape}", f"integers, shape {shape}")
    if array.dtype == np.uint64 and array.size and array.max() > _ID_MAX:
        place = int(np.argmax(array > _ID_MAX))
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
    is_wrong = ~((seconds >= 0) & (seconds < _SECONDS_MAX))
    if is_wrong.any():
        node = int(np.argmax(is_wrong))
        raise ValidationError(f"durations[{node}]", float(seconds[node]), "seconds from 0 to 1e9")
    return np.rint(seconds * 1e9).astype(np.uint64)


def _is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
