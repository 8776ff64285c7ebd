"""Scheduling without workflows: graphs, queues and schedulers over whole arrays."""

from makespan.scheduling.graph import DependencyGraph, GraphCriticalPath
from makespan.scheduling.queue import ExecutionQueue
from makespan.scheduling.queue_report import DeadEntry, Priority, QueueHealth, QueueStatistics

__all__ = [
    "DeadEntry",
    "DependencyGraph",
    "ExecutionQueue",
    "GraphCriticalPath",
    "Priority",
    "QueueHealth",
    "QueueStatistics",
]
