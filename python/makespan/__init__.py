"""makespan: an optimizing workflow engine for Python services with a Rust core.

Describe steps as plain functions, write them in order, and run them as fast as data and effects allow:
`step`, `workflow`, `Workflow`, `SequentialExecutionEngine`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from makespan import strategies
from makespan._core import BUILD_PROFILE, VERSION, Progress
from makespan.builder import Workflow
from makespan.engine import PreparedWorkflow, SequentialExecutionEngine, default_engine
from makespan.exceptions import (
    ArgumentMismatchError,
    ClosedEngineError,
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
from makespan.workflow import WorkflowFunction, workflow

if TYPE_CHECKING:
    from makespan.scheduling import DependencyGraph

__all__ = [
    "BUILD_PROFILE",
    "ArgumentMismatchError",
    "ClosedEngineError",
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


__version__ = VERSION


if not TYPE_CHECKING:  # A checker that sees it would believe in every name.

    def __getattr__(name: str) -> object:
        """Load what needs numpy when it is first asked for."""
        if name == "DependencyGraph":
            from makespan.scheduling import DependencyGraph

            return DependencyGraph
        message = f"module 'makespan' has no attribute {name!r}"
        raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted(__all__)
