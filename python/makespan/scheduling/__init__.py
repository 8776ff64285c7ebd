"""Scheduling without workflows: graphs, queues and schedulers over whole arrays."""

from makespan.scheduling.graph import DependencyGraph, GraphCriticalPath
from makespan.scheduling.queue import ExecutionQueue
from makespan.scheduling.queue_report import DeadEntry, Priority, QueueHealth, QueueStatistics
from makespan.scheduling.scheduler import ExecutionScheduler
from makespan.scheduling.scheduler_log import LogEntry, SchedulerLog
from makespan.scheduling.scheduler_state import Explanation, SchedulerState

__all__ = [
    "DeadEntry",
    "DependencyGraph",
    "ExecutionQueue",
    "ExecutionScheduler",
    "Explanation",
    "GraphCriticalPath",
    "LogEntry",
    "Priority",
    "QueueHealth",
    "QueueStatistics",
    "SchedulerLog",
    "SchedulerState",
]
