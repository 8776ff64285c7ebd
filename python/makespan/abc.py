"""What others may implement."""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol, runtime_checkable

__all__ = ["CAPABILITIES", "Batching", "RunOptions", "Strategy", "WorkflowFacts"]

CAPABILITIES = ("parallel", "rewrites", "caches", "batches", "plans", "adapts", "fuses")
"""What runs may do under a strategy.

``parallel``: run several steps at once. ``rewrites``: leave calls out, or make one for several. ``caches``: take
results from the engine's cache. ``batches``: make several calls at once by a batch form. ``plans``: search for an
order. ``adapts``: let helpers join or not, as earlier runs have shown.
``fuses``: run a workflow of tiny steps as one node.
"""


class Batching(NamedTuple):
    """How calls of steps with a batch form are put together.

    Parameters
    ----------
    max_batch
        Most calls in one, for steps that do not say ``max_batch=``.
    min_batch
        Fewer calls than this are made one by one.
    max_wait
        For how many seconds calls that could start may wait for others of their step, while something runs that may
        make more of them ready. 0: a worker that has nothing else to do takes what there is.
    across_runs
        Calls of steps that are pure, need nothing and are not cached may also wait for those of other runs of the
        engine: for up to ``max_wait``, while calls of the step are being made for other runs, or these may still come
        to it. With a ``max_wait`` of 0 nobody waits, so that each run makes its own calls.

    Examples
    --------
    >>> Batching(max_batch=64)
    Batching(max_batch=64, min_batch=2, max_wait=0.0, across_runs=True)
    """

    max_batch: int = 256
    min_batch: int = 2
    max_wait: float = 0.0
    across_runs: bool = True


class WorkflowFacts(NamedTuple):
    """What a strategy is told of a workflow.

    Parameters
    ----------
    n_nodes
        How many nodes it has.
    n_workers
        How many steps may run at once.
    n_pure, n_batched, n_cached
        How many of its nodes are calls of pure steps, of steps with a batch form, of steps with ``cache=``.
    has_needs
        Some step needs a resource.
    is_chain
        Each node comes after the one before: no two could ever run at once.
    n_runs
        How many runs of it were seen before.

    Examples
    --------
    >>> WorkflowFacts(n_nodes=3, is_chain=True).n_workers
    1
    """

    n_nodes: int
    n_workers: int = 1
    n_pure: int = 0
    n_batched: int = 0
    n_cached: int = 0
    has_needs: bool = False
    is_chain: bool = False
    n_runs: int = 0


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
    batching
        How calls of one step become one call of its batch form; None: they do not.
    adapts
        With threads: let helpers join only where earlier runs have shown that it is not slower.
    fuses
        Where runs by nodes are found to cost more than they gain, make further ones of a workflow that is traced as
        one node, in which its steps are plain calls. Needs ``stop_on_failure``.
    reasons
        Why the strategy decided so, for people.

    Examples
    --------
    >>> RunOptions(executor="threads").stop_on_failure
    True
    """

    executor: Literal["serial", "threads"]
    stop_on_failure: bool = True
    passes: tuple[str, ...] = ()
    plans: bool = False
    batching: Batching | None = None
    adapts: bool = False
    fuses: bool = False
    reasons: tuple[str, ...] = ()

    @property
    def capabilities(self) -> frozenset[str]:
        """Which of `CAPABILITIES` runs with these options have."""
        is_parallel = self.executor == "threads"
        having = {
            "parallel": is_parallel,
            "rewrites": not {"prune", "dedupe", "combine"}.isdisjoint(self.passes),
            "caches": "cache" in self.passes,
            "batches": self.batching is not None,
            "plans": self.plans and is_parallel,
            "adapts": self.adapts and is_parallel,
            "fuses": self.fuses and self.stop_on_failure,
        }
        return frozenset(name for name, has in having.items() if has)


@runtime_checkable
class Strategy(Protocol):
    """A policy for runs. Register one with `makespan.strategies.register`.

    Our own have a ``configuration`` and ``capabilities`` as well, which nothing asks for:
    `makespan.strategies.ConfiguredStrategy` brings them.

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

    def options(self, facts: WorkflowFacts, /) -> RunOptions:
        """Decide about the runs of a workflow.

        Parameters
        ----------
        facts
            What is known of the workflow.

        Returns
        -------
        options
            The decision.

        Examples
        --------
        >>> from makespan.strategies import SequentialStrategy
        >>> SequentialStrategy().options(WorkflowFacts(n_nodes=3)).executor
        'serial'
        """
        ...
