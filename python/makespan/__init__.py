"""makespan: an optimizing workflow engine for Python services with a Rust core.

Describe steps as plain functions, write them in order, and run them as fast as data and effects allow:
`step`, `workflow`, `Workflow`, `SequentialExecutionEngine`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from makespan import strategies
from makespan._core import BUILD_PROFILE, VERSION, Progress
from makespan.builder import Workflow
from makespan.engine import SequentialExecutionEngine, default_engine
from makespan.engine_statistics import EngineStatistics
from makespan.exceptions import (
    AcquireTimeoutError,
    ArgumentMismatchError,
    BatchResultError,
    ClosedEngineError,
    ClosedQueueError,
    ClosedResourcesError,
    ConfigurationError,
    CycleError,
    DeadlineError,
    DuplicateKeyError,
    EmptyQueueError,
    ExecutionException,
    Failed,
    ForeignHandleError,
    InternalError,
    MissingDependencyError,
    NotComputedYet,
    QueueError,
    QueueFullError,
    ResourceError,
    RunError,
    RunFailedError,
    SchedulerError,
    StepFailedError,
    StrategyError,
    UnkeyableError,
    UnknownKeyError,
    UnknownNodeError,
    UnsatisfiableError,
    ValidationError,
    WorkflowError,
)
from makespan.optimizer import Rewriting, WorkflowOptimizer
from makespan.prepared import PreparedWorkflow
from makespan.resources import Grant, PoolUsage, Rate, ResourceManager, ResourceStats, TicketView
from makespan.result import CriticalPath, NodeColumns, RunResult
from makespan.step import Step, each, effect, get, step
from makespan.strategies import (
    AutoStrategy,
    BatchSequentialStrategy,
    OptimizedSequentialStrategy,
    SequentialStrategy,
    SmartSequentialStrategy,
)
from makespan.workflow import WorkflowFunction, workflow

if TYPE_CHECKING:
    from makespan.cache import CacheEntry, CacheStats, Caching, ResultCache, cache_scope
    from makespan.keys import File, key_of
    from makespan.planning.analysis import Analysis, WhatIf, analyze
    from makespan.planning.chain import CriticalChain
    from makespan.planning.comparison import PlanComparison
    from makespan.planning.memory import MemoryPlan, peak_memory, plan_memory
    from makespan.planning.optimizer import ExecutionOptimizer
    from makespan.planning.options import PlanOptions
    from makespan.planning.plan import Plan
    from makespan.planning.planner import plan
    from makespan.planning.uncertain import DurationQuantiles, MissProbability, SimulatedMakespan
    from makespan.planning.workers import WorkerPlan, plan_on_workers
    from makespan.prediction import DurationPredictor, Prediction, PredictionScore, TimeLimit, size_of
    from makespan.run_analysis import RunAnalysis, RunChange
    from makespan.run_comparison import RunComparison
    from makespan.scheduling import (
        DeadEntry,
        DependencyGraph,
        ExecutionQueue,
        ExecutionScheduler,
        Priority,
        QueueHealth,
        QueueStatistics,
    )
    from makespan.workflow_plan import WorkflowPlan

__all__ = [
    "BUILD_PROFILE",
    "AcquireTimeoutError",
    "Analysis",
    "ArgumentMismatchError",
    "AutoStrategy",
    "BatchResultError",
    "BatchSequentialStrategy",
    "CacheEntry",
    "CacheStats",
    "Caching",
    "ClosedEngineError",
    "ClosedQueueError",
    "ClosedResourcesError",
    "ConfigurationError",
    "CriticalChain",
    "CriticalPath",
    "CycleError",
    "DeadEntry",
    "DeadlineError",
    "DependencyGraph",
    "DuplicateKeyError",
    "DurationPredictor",
    "DurationQuantiles",
    "EmptyQueueError",
    "EngineStatistics",
    "ExecutionException",
    "ExecutionOptimizer",
    "ExecutionQueue",
    "ExecutionScheduler",
    "Failed",
    "File",
    "ForeignHandleError",
    "Grant",
    "InternalError",
    "MemoryPlan",
    "MissProbability",
    "MissingDependencyError",
    "NodeColumns",
    "NotComputedYet",
    "OptimizedSequentialStrategy",
    "Plan",
    "PlanComparison",
    "PlanOptions",
    "PoolUsage",
    "Prediction",
    "PredictionScore",
    "PreparedWorkflow",
    "Priority",
    "Progress",
    "QueueError",
    "QueueFullError",
    "QueueHealth",
    "QueueStatistics",
    "Rate",
    "ResourceError",
    "ResourceManager",
    "ResourceStats",
    "ResultCache",
    "Rewriting",
    "RunAnalysis",
    "RunChange",
    "RunComparison",
    "RunError",
    "RunFailedError",
    "RunResult",
    "SchedulerError",
    "SequentialExecutionEngine",
    "SequentialStrategy",
    "SimulatedMakespan",
    "SmartSequentialStrategy",
    "Step",
    "StepFailedError",
    "StrategyError",
    "TicketView",
    "TimeLimit",
    "UnkeyableError",
    "UnknownKeyError",
    "UnknownNodeError",
    "UnsatisfiableError",
    "ValidationError",
    "WhatIf",
    "WorkerPlan",
    "Workflow",
    "WorkflowError",
    "WorkflowFunction",
    "WorkflowOptimizer",
    "WorkflowPlan",
    "__version__",
    "analyze",
    "cache_scope",
    "default_engine",
    "each",
    "effect",
    "get",
    "key_of",
    "peak_memory",
    "plan",
    "plan_memory",
    "plan_on_workers",
    "size_of",
    "step",
    "strategies",
    "workflow",
]


__version__ = VERSION


# What needs numpy is loaded when it is first asked for.
_LOADED_LATE = {
    "DeadEntry": "makespan.scheduling",
    "DependencyGraph": "makespan.scheduling",
    "ExecutionScheduler": "makespan.scheduling",
    "ExecutionQueue": "makespan.scheduling",
    "Priority": "makespan.scheduling",
    "QueueHealth": "makespan.scheduling",
    "QueueStatistics": "makespan.scheduling",
    **dict.fromkeys(("CacheEntry", "CacheStats", "Caching", "ResultCache", "cache_scope"), "makespan.cache"),
    **dict.fromkeys(("File", "key_of"), "makespan.keys"),
    "ExecutionOptimizer": "makespan.planning.optimizer",
    "PlanOptions": "makespan.planning.options",
    "Analysis": "makespan.planning.analysis",
    "WhatIf": "makespan.planning.analysis",
    "analyze": "makespan.planning.analysis",
    "CriticalChain": "makespan.planning.chain",
    "Plan": "makespan.planning.plan",
    "PlanComparison": "makespan.planning.comparison",
    "plan": "makespan.planning.planner",
    "MemoryPlan": "makespan.planning.memory",
    "peak_memory": "makespan.planning.memory",
    "plan_memory": "makespan.planning.memory",
    "DurationQuantiles": "makespan.planning.uncertain",
    "MissProbability": "makespan.planning.uncertain",
    "SimulatedMakespan": "makespan.planning.uncertain",
    "WorkerPlan": "makespan.planning.workers",
    "plan_on_workers": "makespan.planning.workers",
    "DurationPredictor": "makespan.prediction",
    "Prediction": "makespan.prediction",
    "PredictionScore": "makespan.prediction",
    "TimeLimit": "makespan.prediction",
    "size_of": "makespan.prediction",
    "RunAnalysis": "makespan.run_analysis",
    "RunChange": "makespan.run_analysis",
    "RunComparison": "makespan.run_comparison",
    "WorkflowPlan": "makespan.workflow_plan",
}

if not TYPE_CHECKING:  # A checker that sees it would believe in every name.

    def __getattr__(name: str) -> object:
        if name in _LOADED_LATE:
            import importlib

            # From now on it is found without coming here.
            found = globals()[name] = getattr(importlib.import_module(_LOADED_LATE[name]), name)
            return found
        message = f"module 'makespan' has no attribute {name!r}"
        raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted(__all__)
