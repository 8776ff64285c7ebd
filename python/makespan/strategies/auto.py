"""The automatic strategy: chooses among the others, and says why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from makespan.abc import RunOptions, WorkflowFacts
from makespan.optimizer import PASSES
from makespan.strategies.batch import BatchSequentialStrategy
from makespan.strategies.configured import ConfiguredStrategy
from makespan.strategies.optimized import OptimizedSequentialStrategy
from makespan.strategies.sequential import SequentialStrategy
from makespan.strategies.smart import SmartSequentialStrategy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from makespan.abc import Strategy

__all__ = ["AutoStrategy"]


class AutoStrategy(ConfiguredStrategy):
    """Chooses a strategy for each workflow from its graph, its promises and its earlier runs.

    ``sequential`` where no two nodes could run at once and nothing could be left out or put together; with one worker
    ``batch`` where steps have a batch form, and ``optimized`` otherwise; with several workers ``smart``. The choice and
    its reasons are in ``run.reasons``.

    Where steps are so short that describing and dispatching them takes longer than they do, and nothing is gained by
    it, the engine comes to run a traced workflow fused into one node, its steps as plain calls. What nodes cost is
    measured, which takes three runs. A fused run has a record of one node: use another strategy where each one counts.

    Parameters
    ----------
    stop_on_failure, passes
        As for the strategies that it chooses among.

    Raises
    ------
    ConfigurationError
        A pass does not exist, or ``stop_on_failure`` is neither True nor False.

    Examples
    --------
    >>> import makespan as ms
    >>> with ms.SequentialExecutionEngine("auto") as engine:
    ...     engine.run(ms.Workflow.sequence([abs, str]), -1).reasons
    ('sequential: each of the 2 nodes comes after the one before, and no step is pure',)
    """

    name = "auto"
    parameters: ClassVar[dict[str, Any]] = OptimizedSequentialStrategy.parameters

    def __init__(self, *, stop_on_failure: bool = True, passes: Iterable[str] = PASSES) -> None:
        super().__init__(stop_on_failure=stop_on_failure)
        self._optimized = OptimizedSequentialStrategy(stop_on_failure=stop_on_failure, passes=passes)
        self.passes = self._optimized.passes
        self._sequential = SequentialStrategy(stop_on_failure=stop_on_failure)
        self._batch = BatchSequentialStrategy(stop_on_failure=stop_on_failure, passes=self.passes)
        self._smart = SmartSequentialStrategy(stop_on_failure=stop_on_failure, passes=self.passes)

    def choice(self, facts: WorkflowFacts, /) -> tuple[Strategy, str]:
        """Choose a strategy.

        Parameters
        ----------
        facts
            What is known of the workflow.

        Returns
        -------
        choice
            The strategy, and why it was chosen.

        Examples
        --------
        >>> AutoStrategy().choice(WorkflowFacts(n_nodes=5, n_workers=4, n_pure=3))[1]
        '5 nodes on 4 workers; 3 are pure'
        """
        if facts.n_nodes <= 1 and not facts.n_pure:
            return self._sequential, f"there is {facts.n_nodes or 'no'} node"
        promises = [
            f"{n} {is_} {what}"
            for n, is_, what in (
                (facts.n_pure, "are" if facts.n_pure > 1 else "is", "pure"),
                (facts.n_cached, "may be", "cached"),
                (facts.n_batched, "have" if facts.n_batched > 1 else "has", "a batch form"),
            )
            if n
        ]
        if facts.is_chain and not promises:
            reason = f"each of the {facts.n_nodes} nodes comes after the one before, and no step is pure"
            return self._sequential, reason
        if facts.n_workers == 1:
            chosen = self._batch if facts.n_batched else self._optimized
            return chosen, "; ".join([f"{facts.n_nodes} nodes on one worker", *promises])
        return self._smart, "; ".join([f"{facts.n_nodes} nodes on {facts.n_workers} workers", *promises])

    def options(self, facts: WorkflowFacts, /) -> RunOptions:
        """Decide about the runs of a workflow.

        Parameters
        ----------
        facts
            What is known of the workflow.

        Returns
        -------
        options
            Those of the chosen strategy, with the reason.

        Examples
        --------
        >>> AutoStrategy().options(WorkflowFacts(n_nodes=1)).reasons
        ('sequential: there is 1 node',)
        """
        chosen, reason = self.choice(facts)
        return chosen.options(facts)._replace(fuses=True, reasons=(f"{chosen.name}: {reason}",))

    @property
    def capabilities(self) -> frozenset[str]:
        """What the strategies can do that it chooses among, and what it adds."""
        chosen_among = (self._sequential, self._optimized, self._batch, self._smart)
        return super().capabilities.union(*(strategy.capabilities for strategy in chosen_among))
