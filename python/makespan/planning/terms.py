"""Options as the columns that the core takes: checked here, and refused by the name of the field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from makespan.exceptions import ValidationError
from makespan.planning.options import OBJECTIVES
from makespan.scheduling.arguments import array_of, as_node, ns_of, times_ns_of, vector

if TYPE_CHECKING:
    from typing import TypeGuard

    from numpy.typing import ArrayLike, NDArray

    from makespan.planning.options import PlanOptions

__all__ = ["Terms", "are_steps", "supply_of", "terms_of"]

NEVER_NS = 2**64 - 1
"""Stands for no deadline, no due date, no fixed start."""

_WEIGHT_MAX = 1e12


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Terms:
    """Columns by node (or empty), by mode and by step of the capacities; rows lie one after another."""

    objective: str
    release_ns: NDArray[np.uint64]
    deadline_ns: NDArray[np.uint64]
    due_ns: NDArray[np.uint64]
    weights: NDArray[np.uint64]
    start_ns: NDArray[np.uint64]
    delay_ns: NDArray[np.uint64]
    mode_offsets: NDArray[np.uint64]
    duration_ns: NDArray[np.uint64]
    demands: NDArray[np.int64]
    step_ns: NDArray[np.uint64]
    capacities: NDArray[np.int64]
    is_consumed: NDArray[np.bool_]
    hint_keys: NDArray[np.uint64]
    hint_modes: NDArray[np.uint32]


def supply_of(
    capacities: ArrayLike | tuple[ArrayLike, ArrayLike] | None,
) -> tuple[NDArray[np.uint64] | None, NDArray[np.int64]]:
    """Return the times of steps, None for constant capacities, and a row of amounts per step."""
    if capacities is None:
        return None, np.zeros((1, 0), np.int64)
    if are_steps(capacities):
        times = times_ns_of(vector(capacities[0], "capacities[0]", np.float64), "capacities[0]")
        amounts = array_of(capacities[1], "capacities[1]")
        if amounts.shape[0] != times.size or times.size == 0:
            expected = f"a row for each of the {times.size} times, at least one"
            raise ValidationError("capacities[1]", f"shape {amounts.shape}", expected)
        return times, vector(amounts.ravel(), "capacities[1]", np.int64).reshape(amounts.shape)
    return None, vector(cast("ArrayLike", capacities), "capacities", np.int64).reshape(1, -1)


def are_steps(capacities: object) -> TypeGuard[tuple[ArrayLike, ArrayLike]]:
    """Tell times with rows of amounts from a tuple of two constant capacities."""
    return isinstance(capacities, tuple) and len(capacities) == 2 and np.ndim(capacities[1]) == 2


def terms_of(
    options: PlanOptions,
    durations_ns: NDArray[np.uint64],
    demands: NDArray[np.int64],
    step_ns: NDArray[np.uint64] | None,
    capacities: NDArray[np.int64],
) -> Terms:
    """Return options, durations, demands and capacities as columns."""
    n_nodes, n_resources = demands.shape
    if options.objective not in OBJECTIVES:
        raise ValidationError("objective", options.objective, f"one of {', '.join(OBJECTIVES)}")
    offsets, mode_durations_ns, mode_demands = _modes(options, durations_ns, demands)
    return Terms(
        objective=options.objective,
        release_ns=_every(options.release, "release", n_nodes),
        deadline_ns=_some(options.deadline, "deadline", n_nodes),
        due_ns=_some(options.due, "due", n_nodes),
        weights=_weights(options.weights, n_nodes),
        start_ns=_some(options.start, "start", n_nodes),
        delay_ns=_every(options.delay, "delay", n_nodes),
        mode_offsets=offsets,
        duration_ns=mode_durations_ns,
        demands=mode_demands.ravel(),
        step_ns=np.zeros(1, np.uint64) if step_ns is None else step_ns,
        capacities=capacities.ravel(),
        is_consumed=_consumed(options.consumed, n_resources),
        hint_keys=np.zeros(0, np.uint64),
        hint_modes=np.zeros(0, np.uint32),
    )


def _every(values: ArrayLike | None, field: str, n_nodes: int) -> NDArray[np.uint64]:
    """Return seconds of all nodes as nanoseconds."""
    return np.zeros(0, np.uint64) if values is None else times_ns_of(vector(values, field, np.float64, n_nodes), field)


def _some(values: ArrayLike | None, field: str, n_nodes: int) -> NDArray[np.uint64]:
    """Return seconds of nodes as nanoseconds, where NaN and infinity mean never."""
    if values is None:
        return np.zeros(0, np.uint64)
    seconds = vector(values, field, np.float64, n_nodes)
    is_given = ~(np.isnan(seconds) | np.isposinf(seconds))
    times_ns = times_ns_of(np.where(is_given, seconds, 0.0), field)
    return np.where(is_given, times_ns, np.uint64(NEVER_NS))


def _weights(values: ArrayLike | None, n_nodes: int) -> NDArray[np.uint64]:
    """Return weights in millionths."""
    if values is None:
        return np.full(n_nodes, 1_000_000, np.uint64)
    weights = vector(values, "weights", np.float64, n_nodes)
    is_wrong = ~((weights >= 0) & (weights <= _WEIGHT_MAX))
    if is_wrong.any():
        place = int(np.argmax(is_wrong))
        raise ValidationError(f"weights[{place}]", float(weights[place]), f"a number from 0 to {_WEIGHT_MAX:g}")
    return np.rint(weights * 1e6).astype(np.uint64)


def _consumed(values: ArrayLike | None, n_resources: int) -> NDArray[np.bool_]:
    """Return which resources are used up."""
    if values is None:
        return np.zeros(n_resources, np.bool_)
    array = array_of(values, "consumed")
    if array.shape != (n_resources,) or (array.size and array.dtype != np.bool_):
        raise ValidationError("consumed", f"{array.dtype}, shape {array.shape}", f"booleans, shape ({n_resources},)")
    return np.ascontiguousarray(array, np.bool_)


def _modes(
    options: PlanOptions, durations_ns: NDArray[np.uint64], demands: NDArray[np.int64]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.int64]]:
    """Return where the modes of each node begin, and durations and demands by mode."""
    n_nodes, n_resources = demands.shape
    if not options.modes:
        return np.arange(n_nodes + 1, dtype=np.uint64), durations_ns, demands
    named: dict[int, list[tuple[int, NDArray[np.int64]]]] = {}
    for node, modes in options.modes.items():
        try:
            as_node(node, n_nodes)
        except ValidationError as error:
            raise ValidationError(f"modes[{node!r}]", node, error.expected) from None
        named[int(node)] = [_mode(mode, f"modes[{node}][{idx}]", n_resources) for idx, mode in enumerate(modes)]
        if not modes:
            raise ValidationError(f"modes[{node}]", modes, "at least one mode")
    n_modes = np.ones(n_nodes, np.int64)
    n_modes[list(named)] = [len(checked) for checked in named.values()]
    offsets = np.concatenate([[0], np.cumsum(n_modes)])
    all_durations_ns, all_demands = np.repeat(durations_ns, n_modes), np.repeat(demands, n_modes, axis=0)
    for node, checked in named.items():
        for place, (duration_ns, demand) in enumerate(checked, int(offsets[node])):
            all_durations_ns[place], all_demands[place] = duration_ns, demand
    return offsets.astype(np.uint64), all_durations_ns, all_demands


def _mode(mode: object, name: str, n_resources: int) -> tuple[int, NDArray[np.int64]]:
    """Return the duration and the demands of a mode."""
    if not isinstance(mode, tuple | list) or len(mode) != len(("duration", "demand")):
        raise ValidationError(name, mode, "a pair of a duration and a demand per resource")
    duration, demand = mode
    demands = vector(demand, f"{name}[1]", np.int64, n_resources)
    if (demands < 0).any():
        raise ValidationError(f"{name}[1]", demands.tolist(), "whole numbers that are not negative")
    return ns_of(duration, f"{name}[0]"), demands
