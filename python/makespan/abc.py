"""What others may implement."""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol, runtime_checkable

__all__ = ["RunOptions", "Strategy"]


class RunOptions(NamedTuple):
    """What a strategy decides about the runs of one workflow.

    Parameters
    ----------
    executor
        ``"serial"``: the calling thread alone, in program order. ``"threads"``: the calling thread and helpers, in the
        order of the critical path.
    stop_on_failure
        Start nothing more after a failure; otherwise whatever does not depend on it still runs.
    passes
        Which passes rewrite the graph before it runs: any of `makespan.optimizer.PASSES`.
    plans
        Plan the order under workers and resources, as soon as durations are known, where that can gain more than it
        costs.

    Examples
    --------
    >>> RunOptions(executor="threads")
    RunOptions(executor='threads', stop_on_failure=True, passes=(), plans=False)
    """

    executor: Literal["serial", "threads"]
    stop_on_failure: bool = True
    passes: tuple[str, ...] = ()
    plans: bool = False


@runtime_checkable
class Strategy(Protocol):
    """A policy for runs. Register one with `makespan.strategies.register`.

    Examples
    --------
    >>> from makespan.strategies import SequentialStrategy
    >>> isinstance(SequentialStrategy(), Strategy)
    True
    """

    @property
    def name(self) -> str:
        """What it is chosen by, and what results say."""
        ...

    def options(self, *, n_nodes: int) -> RunOptions:
        """Decide about the runs of a workflow.

        Parameters
        ----------
        n_nodes
            How many nodes the workflow has.

        Returns
        -------
        options
            The decision.

        Examples
        --------
        >>> from makespan.strategies import SequentialStrategy
        >>> SequentialStrategy().options(n_nodes=3).executor
        'serial'
        """
        ...
