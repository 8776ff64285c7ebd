"""The optimized strategy: less to do, parallel where data and effects allow, the critical path first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from makespan.abc import RunOptions, WorkflowFacts
from makespan.optimizer import PASSES, checked_passes
from makespan.strategies.configured import ConfiguredStrategy

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["OptimizedSequentialStrategy"]


class OptimizedSequentialStrategy(ConfiguredStrategy):
    """Whatever data and declared effects do not order may run at the same time, the critical path first.

    Before that the passes rewrite the graph: what nobody needs is left out, equal calls of pure steps are made once.

    Tiny steps stay on the calling thread: others are woken only where a step is expected to outlast a wake-up, or
    turns out to.

    Parameters
    ----------
    stop_on_failure
        Start nothing more after a failure.
    passes
        Which of `makespan.optimizer.PASSES` rewrite the graph.

    Raises
    ------
    ConfigurationError
        A pass does not exist, or ``stop_on_failure`` is neither True nor False.

    Examples
    --------
    >>> OptimizedSequentialStrategy(passes=["prune"]).options(WorkflowFacts(n_nodes=1)).passes
    ('prune',)
    """

    name = "optimized"
    parameters: ClassVar[dict[str, Any]] = {**ConfiguredStrategy.parameters, "passes": PASSES}

    def __init__(self, *, stop_on_failure: bool = True, passes: Iterable[str] = PASSES) -> None:
        super().__init__(stop_on_failure=stop_on_failure)
        self.passes = checked_passes(passes)

    def options(self, facts: WorkflowFacts, /) -> RunOptions:
        """Decide about the runs of a workflow.

        Parameters
        ----------
        facts
            What is known of the workflow.

        Returns
        -------
        options
            Always threads: whether a run uses them is decided step by step.

        Examples
        --------
        >>> OptimizedSequentialStrategy().options(WorkflowFacts(n_nodes=1)).executor
        'threads'
        """
        del facts
        return RunOptions(executor="threads", stop_on_failure=self.stop_on_failure, passes=self.passes)
