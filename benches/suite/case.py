"""What a workflow of the suite is: real work, its data, and what bounds it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import makespan as ms

__all__ = ["Arguments", "Case"]

Arguments = AbstractContextManager[tuple[Any, ...]]
"""What the workflow is called with, for as long as its data and servers are there."""


@dataclass(frozen=True)
class Case:
    """A workflow of the suite.

    ``data`` makes what it works on, seeded, in an empty folder; tiny data are for tests. ``frees`` names the steps
    that spend their time outside of the interpreter, so that threads can run them at once; all others share one core.
    ``cached`` names the pure steps that a user who runs the workflow again would give ``cache=True``: those in which
    the time is spent, and those between them and the result. They have it in `cached_case` only.
    """

    name: str
    workflow: ms.WorkflowFunction[..., Any]
    data: Callable[[Path, bool], Arguments]
    bound_by: Literal["cpu", "waiting", "overhead"]
    frees: frozenset[str] = frozenset()
    cached: frozenset[str] = frozenset()
