"""Whether a plan keeps what its options ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from makespan.exceptions import ValidationError
from makespan.planning.objective import objective_value

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from makespan.planning.plan import Plan

__all__ = ["check_terms"]


def check_terms(plan: Plan, slack: NDArray[np.float64]) -> None:
    """Raise an error that names the first node or resource for which a plan does not keep its options.

    `slack` is by how much the float64 of a node's times may be off, seconds, shape ``(n_nodes,)``.
    """
    options = plan.options
    starts = _column(options.release)
    if starts is not None:
        _refuse("start", plan.start, plan.start < starts - slack, starts, "at least {:g} s, its release")
    fixed = _column(options.start)
    if fixed is not None:
        _refuse("start", plan.start, np.abs(plan.start - fixed) > slack, fixed, "{:g} s, where it is fixed")
    deadline = _column(options.deadline)
    if deadline is not None:
        _refuse("finish", plan.finish, plan.finish > deadline + slack, deadline, "at most {:g} s, its deadline")
    delay = _column(options.delay)
    if delay is not None:
        source, target = plan.graph.edges()
        earliest = np.zeros(plan.start.size)
        np.maximum.at(earliest, target, plan.finish[source] + delay[target])
        wrong = plan.start < earliest - 2 * slack
        _refuse("start", plan.start, wrong, earliest, "at least {:g} s, its delay after its last predecessor")
    _check_modes(plan)
    _check_supply(plan)
    value = objective_value(options, plan.finish, np.arange(plan.start.size))
    # Sums of many float64 are exact to a share of what was added up.
    if plan.start.size and not np.isclose(value, plan.objective_value, rtol=1e-9, atol=1e-6):
        raise ValidationError("objective_value", plan.objective_value, f"{value:g}, as the finishes say")


def _check_modes(plan: Plan) -> None:
    for node, modes in (plan.options.modes or {}).items():
        mode = -1 if plan.modes is None else int(plan.modes[node])
        if not 0 <= mode < len(modes):
            raise ValidationError(f"modes[{node}]", mode, f"one of its {len(modes)} modes")
        if list(modes[mode][1]) != plan.demands[node].tolist():
            expected = f"{list(modes[mode][1])}, those of its mode"
            raise ValidationError(f"demands[{node}]", plan.demands[node].tolist(), expected)


def _check_supply(plan: Plan) -> None:
    for resource in range(plan.capacities.size):
        steps, supply = plan._supply(resource)
        times, amounts = plan.usage(resource)
        moments = np.union1d(steps, times)
        there = supply[np.maximum(np.searchsorted(steps, moments, side="right") - 1, 0)]
        used = np.concatenate(([0], amounts))[np.searchsorted(times, moments, side="right")]
        if plan._is_consumed[resource]:
            there, used = supply.max(keepdims=True), plan.demands[:, resource].sum(keepdims=True)
        wrong = np.flatnonzero(used > there)
        if wrong.size:
            expected = f"at most {int(there[wrong[0]])} at {moments[wrong[0]]:g} s"
            raise ValidationError(f"the use of resource {resource}", int(used[wrong[0]]), expected)


def _column(given: ArrayLike | None) -> NDArray[np.float64] | None:
    return None if given is None else np.asarray(given, np.float64)


def _refuse(
    name: str,
    times: NDArray[np.float64],
    is_wrong: NDArray[np.bool_],
    limits: NDArray[np.float64],
    expected: str,
) -> None:
    """Raise an error about the first node that is wrong; comparisons with NaN, which asks for nothing, are false."""
    if is_wrong.any():
        node = int(np.argmax(is_wrong))
        raise ValidationError(f"{name}[{node}]", float(times[node]), expected.format(limits[node]))
