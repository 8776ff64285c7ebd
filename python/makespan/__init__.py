"""makespan: an optimizing workflow engine for Python services with a Rust core.

Describe steps as plain functions, write them in order, and run them as fast as data and effects allow:
`step`, `workflow`, `Workflow`, `SequentialExecutionEngine`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from makespan import strategies
from makespan._core import BUILD_PROFILE, Progress
from makespan._core import VERSION as __version__
from makespan.engine import PreparedWorkflow, SequentialExecutionEngine, default_engine
from makespan.exceptions import (
    ArgumentMismatchError,
    ConfigurationError,
    CycleError,
    ExecutionException,
    Failed,
    ForeignHandleError,
    InternalError,
    MissingDependencyError,
    NotComputedYet,
    RunError,
    RunFailedError,
    SchedulerError,
    StepFailedError,
    StrategyError,
    UnknownNodeError,
    ValidationError,
    WorkflowError,
)
from makespan.result import CriticalPath, NodeColumns, RunResult
from makespan.step import Step, each, effect, get, step
from makespan.strategies import OptimizedSequentialStrategy, SequentialStrategy
from makespan.workflow import Workflow, WorkflowFunction, workflow

if TYPE_CHECKING:
    from makespan.scheduling import DependencyGraph

__all__ = [
    "BUILD_PROFILE",
    "ArgumentMismatchError",
    "ConfigurationError",
    "CriticalPath",
    "CycleError",
    "DependencyGraph",
    "ExecutionException",
    "Failed",
    "ForeignHandleError",
    "InternalError",
    "MissingDependencyError",
    "NodeColumns",
    "NotComputedYet",
    "OptimizedSequentialStrategy",
    "PreparedWorkflow",
    "Progress",
    "RunError",
    "RunFailedError",
    "RunResult",
    "SchedulerError",
    "SequentialExecutionEngine",
    "SequentialStrategy",
    "Step",
    "StepFailedError",
    "StrategyError",
    "UnknownNodeError",
    "ValidationError",
    "Workflow",
    "WorkflowError",
    "WorkflowFunction",
    "__version__",
    "default_engine",
    "each",
    "effect",
    "get",
    "step",
    "strategies",
    "workflow",
]


def __getattr__(name: str) -> Any:
    """Load what needs numpy when it is first asked for."""
    if name == "DependencyGraph":
        from makespan.scheduling import DependencyGraph

        return DependencyGraph
    message = f"module 'makespan' has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted(__all__)
