"""Help for tests of workflows: what "the same result" means, schedules with a fake clock, problems, slow references.

`makespan.testing.reference` and `makespan.testing.reference_scheduler` hold the obvious implementations that the fast
ones are compared with; `makespan.testing.generated_workflows` generates workflows and needs hypothesis, so it is
imported by those who use it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from makespan.testing.clock import ManualClock
from makespan.testing.same import assert_same, first_difference

if TYPE_CHECKING:
    from makespan.testing.problems import generated_problem
    from makespan.testing.simulation import Simulation, simulate

__all__ = ["ManualClock", "Simulation", "assert_same", "first_difference", "generated_problem", "simulate"]

# What needs numpy is loaded when it is first asked for.
_LOADED_LATE = {
    "Simulation": "makespan.testing.simulation",
    "generated_problem": "makespan.testing.problems",
    "simulate": "makespan.testing.simulation",
}

if not TYPE_CHECKING:  # A checker that sees it would believe in every name.

    def __getattr__(name: str) -> object:
        if name in _LOADED_LATE:
            import importlib

            return getattr(importlib.import_module(_LOADED_LATE[name]), name)
        message = f"module 'makespan.testing' has no attribute {name!r}"
        raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted(__all__)
