"""The optimized strategy: parallel where data and effects allow, the critical path first."""

from __future__ import annotations

from makespan.abc import RunOptions

__all__ = ["OptimizedSequentialStrategy"]


class OptimizedSequentialStrategy:
    """Whatever data and declared effects do not order may run at the same time, the critical path first.

    Tiny steps stay on the calling thread: others are woken only where a step is expected to outlast a wake-up, or
    turns out to.

    Parameters
    ----------
    stop_on_failure
        Start nothing more after a failure.

    Examples
    --------
    >>> OptimizedSequentialStrategy().options(n_nodes=1)
    RunOptions(executor='threads', stop_on_failure=True)
    """

    name = "optimized"

    def __init__(self, *, stop_on_failure: bool = True) -> None:
        self.stop_on_failure = stop_on_failure

    def options(self, *, n_nodes: int) -> RunOptions:
        """Decide about the runs of a workflow.

        Parameters
        ----------
        n_nodes
            How many nodes the workflow has.

        Returns
        -------
        options
            Always threads: whether a run uses them is decided step by step.

        Examples
        --------
        >>> OptimizedSequentialStrategy().options(n_nodes=1).executor
        'threads'
        """
        del n_nodes
        return RunOptions(executor="threads", stop_on_failure=self.stop_on_failure)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(stop_on_failure={self.stop_on_failure})"
