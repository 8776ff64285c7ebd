"""The sequential strategy: program order, one at a time."""

from __future__ import annotations

from makespan.abc import RunOptions, WorkflowFacts

__all__ = ["SequentialStrategy"]


class SequentialStrategy:
    """Program order, one step at a time, on the calling thread: the baseline, with monitoring.

    Parameters
    ----------
    stop_on_failure
        Start nothing more after a failure.

    Examples
    --------
    >>> SequentialStrategy(stop_on_failure=False).options(WorkflowFacts(n_nodes=1)).executor
    'serial'
    """

    name = "sequential"

    def __init__(self, *, stop_on_failure: bool = True) -> None:
        self.stop_on_failure = stop_on_failure

    def options(self, facts: WorkflowFacts, /) -> RunOptions:
        """Decide about the runs of a workflow.

        Parameters
        ----------
        facts
            What is known of the workflow.

        Returns
        -------
        options
            Always the calling thread alone.

        Examples
        --------
        >>> SequentialStrategy().options(WorkflowFacts(n_nodes=1)).executor
        'serial'
        """
        del facts
        return RunOptions(executor="serial", stop_on_failure=self.stop_on_failure)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(stop_on_failure={self.stop_on_failure})"
