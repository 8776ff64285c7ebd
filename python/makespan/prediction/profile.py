"""What a predictor has learned, as JSON: everything by name, so that a person can read it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

from makespan.exceptions import ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EXPECTED", "States", "profile_text", "states_of"]

EXPECTED = "JSON that DurationPredictor.export wrote"
_FORMAT = "makespan durations"
_VERSION = 1

# In the order in which the core writes them down.
_STEP_NUMBERS = (
    *("n_changes", "change", "loss_recent", "loss_window", "loss_line", "tail_low", "tail_high"),
    *("line_first_size", "line_first_ns", "line_weight", "line_size", "line_duration", "line_size_size"),
    *("line_size_duration", "n_line_changes", "line_change"),
    *("n_durations", "mean_ns", "n_cpu_shares", "cpu_share", "n_scored", "n_below", "n_above"),
    *("sum_loss_low_ns", "sum_loss_median_ns", "sum_loss_high_ns", "sum_off_mean_ns", "sum_off_last_ns"),
)
_POOL_NUMBERS = ("n_changes", "change", "n_step_changes", "step_change", "n_cpu_shares", "cpu_share")

Pool: TypeAlias = tuple[list[float], list[float]]

States: TypeAlias = tuple[
    list[tuple[str, str | None, list[float], list[float], list[int], list[float]]],
    list[tuple[str, list[float], list[float]]],
    Pool,
]
"""What the core writes down and reads."""


def profile_text(states: States) -> str:
    """Return JSON; the same for the same states."""
    steps, kinds, (durations_ns, numbers) = states
    profile = {
        "format": _FORMAT,
        "version": _VERSION,
        "steps": {
            name: {
                "kind": kind,
                "durations_ns": list(map(int, of_step_ns)),
                "residuals_ns": residuals_ns,
                "failures_ns": failures_ns,
                **dict(zip(_STEP_NUMBERS, of_step, strict=True)),
            }
            for name, kind, of_step_ns, residuals_ns, failures_ns, of_step in steps
        },
        "kinds": {name: _pool_data(of_kind_ns, of_kind) for name, of_kind_ns, of_kind in kinds},
        "all": _pool_data(durations_ns, numbers),
    }
    return json.dumps(profile, indent=1, allow_nan=False)


def states_of(profile: str) -> States:
    """Return what was written down; the numbers themselves are checked by the core."""
    try:
        read = json.loads(profile)
        found = read["format"], read["version"]
    except (TypeError, ValueError, KeyError):
        raise ValidationError("profile", profile, EXPECTED) from None
    if found != (_FORMAT, _VERSION):
        raise ValidationError("profile", found, f"{EXPECTED}, version {_VERSION}")
    try:
        steps = [
            (
                name,
                step["kind"],
                step["durations_ns"],
                step["residuals_ns"],
                step["failures_ns"],
                [step[number] for number in _STEP_NUMBERS],
            )
            for name, step in read["steps"].items()
        ]
        kinds = [(name, *_pool(kind)) for name, kind in read["kinds"].items()]
        return steps, kinds, _pool(read["all"])
    except (TypeError, KeyError, AttributeError) as error:
        raise ValidationError("profile", f"{type(error).__name__}: {error}", EXPECTED) from None


def _pool_data(durations_ns: list[float], numbers: list[float]) -> dict[str, Any]:
    return {"durations_ns": list(map(int, durations_ns)), **dict(zip(_POOL_NUMBERS, numbers, strict=True))}


def _pool(read: Mapping[str, Any]) -> Pool:
    return read["durations_ns"], [read[number] for number in _POOL_NUMBERS]
