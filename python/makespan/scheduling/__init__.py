"""Scheduling without workflows: graphs, queues and schedulers over whole arrays."""

from makespan.scheduling.graph import DependencyGraph, GraphCriticalPath

__all__ = ["DependencyGraph", "GraphCriticalPath"]
