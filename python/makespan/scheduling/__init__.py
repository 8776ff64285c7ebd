"""Scheduling without workflows: graphs, queues and schedulers over whole arrays."""

from makespan.scheduling.graph import DependencyGraph, GraphCriticalPath
from makespan.scheduling.scheduler import ExecutionScheduler
from makespan.scheduling.scheduler_log import LogEntry, SchedulerLog
from makespan.scheduling.scheduler_state import Explanation, SchedulerState

__all__ = [
    "DependencyGraph",
    "ExecutionScheduler",
    "Explanation",
    "GraphCriticalPath",
    "LogEntry",
    "SchedulerLog",
    "SchedulerState",
]
