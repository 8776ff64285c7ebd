"""The sequential strategy: program order, one at a time."""

from __future__ import annotations

from makespan.abc import RunOptions

__all__ = ["SequentialStrategy"]


class SequentialStrategy:
    """Program order, one step at a time, on the calling thread: the baseline, with monitoring.

    Parameters
    ----------
    stop_on_failure
        Start nothing more after a failure.

    Examples
    --------
    >>> SequentialStrategy(stop_on_failure=False).options(n_nodes=1)
    RunOptions(executor='serial', stop_on_failure=False, passes=(), plans=False, batching=None)
    """

    name = "sequential"

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
            Always the calling thread alone.

        Examples
        --------
        >>> SequentialStrategy().options(n_nodes=1).executor
        'serial'
        """
        del n_nodes
        return RunOptions(executor="serial", stop_on_failure=self.stop_on_failure)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(stop_on_failure={self.stop_on_failure})"
