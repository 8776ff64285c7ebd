"""The sequential strategy: program order, one at a time."""

from __future__ import annotations

from makespan.abc import RunOptions, WorkflowFacts
from makespan.strategies.configured import ConfiguredStrategy

__all__ = ["SequentialStrategy"]


class SequentialStrategy(ConfiguredStrategy):
    """Program order, one step at a time, on the calling thread: the baseline, with monitoring.

    Parameters
    ----------
    stop_on_failure
        Start nothing more after a failure.

    Raises
    ------
    ConfigurationError
        ``stop_on_failure`` is neither True nor False.

    Examples
    --------
    >>> SequentialStrategy(stop_on_failure=False).options(WorkflowFacts(n_nodes=1)).executor
    'serial'
    """

    name = "sequential"

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
