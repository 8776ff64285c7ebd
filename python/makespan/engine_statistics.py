"""What the runs of an engine did, summed up."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["EngineStatistics"]


class EngineStatistics(NamedTuple):
    """What the runs of an engine did since it was made: from its ``statistics()``.

    Runs count when they are over: those that failed too, those that Ctrl-C ended do not.

    Parameters
    ----------
    n_runs, n_failed
        Runs that came to their end, and those of them in which a step failed.
    n_nodes
        Nodes of the workflows, run by run.
    n_calls
        Calls of functions that were made for them: the nodes of a batch are one.
    n_pruned, n_merged, n_combined, n_cached
        Nodes that were not called: nobody needed their result, an equal call was made, one call was made for them and a
        later one, the cache had it.
    n_batches, n_batched
        Calls of batch forms, and the nodes in them.
    work_s
        The sum over all nodes of how long they took.
    elapsed_s
        The sum over all runs of how long they took; runs at the same time count each.

    Examples
    --------
    >>> import makespan as ms
    >>> with ms.SequentialExecutionEngine() as engine:
    ...     _ = engine.run(ms.Workflow.sequence([abs, str]), -1)
    >>> engine.statistics().n_runs, engine.statistics().n_calls
    (1, 2)
    """

    n_runs: int = 0
    n_failed: int = 0
    n_nodes: int = 0
    n_calls: int = 0
    n_pruned: int = 0
    n_merged: int = 0
    n_combined: int = 0
    n_cached: int = 0
    n_batches: int = 0
    n_batched: int = 0
    work_s: float = 0.0
    elapsed_s: float = 0.0

    @property
    def n_left_out(self) -> int:
        """Nodes that were not called by themselves: pruned, merged, combined, or found in the cache."""
        return self.n_pruned + self.n_merged + self.n_combined + self.n_cached

    @property
    def mean_concurrency(self) -> float:
        """How many nodes were running on average during a run; 0 before the first one."""
        return self.work_s / self.elapsed_s if self.elapsed_s else 0.0

    def __repr__(self) -> str:
        # Late: it is only wanted by people.
        from makespan.result import seconds_text

        failed = f" ({self.n_failed:,} failed)" if self.n_failed else ""
        left_out = f", {self.n_left_out:,} left out" if self.n_left_out else ""
        batched = f", {self.n_batched:,} in {self.n_batches:,} batches" if self.n_batches else ""
        times = f"{seconds_text(self.work_s)} of work in {seconds_text(self.elapsed_s)}"
        return (
            f"<{self.n_runs:,} {'run' if self.n_runs == 1 else 'runs'}{failed}: "
            f"{self.n_nodes:,} nodes, {self.n_calls:,} calls{left_out}{batched}, {times}>"
        )
