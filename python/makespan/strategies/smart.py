"""The smart strategy: what the batch strategy does, in an order that is planned."""

from __future__ import annotations

from makespan import _core
from makespan.abc import RunOptions, WorkflowFacts
from makespan.strategies.batch import BatchSequentialStrategy

__all__ = ["SmartSequentialStrategy"]


class SmartSequentialStrategy(BatchSequentialStrategy):
    """What `BatchSequentialStrategy` does, in an order planned under workers and resources.

    The first run tells durations; from then on a search looks for a better order where list scheduling by the critical
    path leaves something to gain. It may cost a tenth of that, and its order is taken only if it is shorter. Whenever
    runs take longer or shorter than before, the next one is planned anew. Workflows of more than 4,000 nodes, which no
    search looks through, go by the critical path at once. Where steps run at the same time and yet keep
    one core busy, a run is made by the calling thread alone, and from then on what is faster.

    Parameters
    ----------
    stop_on_failure, passes, max_batch, min_batch, max_wait, across_runs
        As for `BatchSequentialStrategy`.

    Raises
    ------
    ConfigurationError
        A pass does not exist, or a bound of batches cannot be.

    Examples
    --------
    >>> SmartSequentialStrategy().options(WorkflowFacts(n_nodes=1)).plans
    True
    """

    name = "smart"

    def options(self, facts: WorkflowFacts, /) -> RunOptions:
        """Decide about the runs of a workflow.

        Parameters
        ----------
        facts
            What is known of the workflow.

        Returns
        -------
        options
            Those of the batch strategy; the order is planned where a search might find a better one, and helpers join
            where that is not slower.

        Examples
        --------
        >>> SmartSequentialStrategy().options(WorkflowFacts(n_nodes=1)).executor
        'threads'
        """
        # To find that nothing can be gained takes longer than the steps of a large workflow, where they are tiny.
        plans = facts.n_nodes <= _core.N_NODES_SEARCHED_MAX
        return super().options(facts)._replace(plans=plans, adapts=True)
