"""The batch strategy: as the optimized one, and many small calls become a few large ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from makespan.abc import Batching, RunOptions, WorkflowFacts
from makespan.exceptions import ConfigurationError
from makespan.optimizer import PASSES
from makespan.strategies.optimized import OptimizedSequentialStrategy

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["BatchSequentialStrategy"]

_BATCH_MAX = 2**32 - 1
_WAIT_S_MAX = 3600


class BatchSequentialStrategy(OptimizedSequentialStrategy):
    """Calls of one step that are ready at the same time become one call of its batch form, where it has one.

    Everything else is as in `OptimizedSequentialStrategy`. While there is other work to do, calls are gathered until
    there are as many as one may have; a worker that has nothing else to do takes those that there are. A run of calls
    that only keep each other in order (writes of one effect) is one call too, in program order.

    A service makes many runs at the same time, each with few calls. With a ``max_wait``, calls of a pure step are also
    put together across the runs of an engine, unless the step needs a resource or is cached. They wait, each for up to
    ``max_wait``, while the step is being called for other runs, and while other runs may still come to call it; so a
    run that is the only one never waits. The batch form is then given arguments of several runs, and called by a
    thread and in the context of one of them; each run gets its own results. If it raises, each run makes its own calls
    as if it were alone. A run that begins inside of a step always does.

    That pays where the step's calls get in each other's way (a model or a server that takes one request at a time, a
    limit of requests), and costs up to ``max_wait`` where they do not.

    Parameters
    ----------
    stop_on_failure
        Start nothing more after a failure.
    passes
        Which of `makespan.optimizer.PASSES` rewrite the graph.
    max_batch
        Most calls in one, for steps that do not say ``max_batch=``.
    min_batch
        Fewer calls than this are made one by one.
    max_wait
        For how many seconds calls that could start may wait for others of their step, while other steps run.
    across_runs
        Whether they may also wait for calls that other runs of the engine make, for as long again.

    Raises
    ------
    ConfigurationError
        A bound has a value that it cannot have, or a pass does not exist.

    Examples
    --------
    >>> import makespan as ms
    >>> @ms.step(pure=True, batch=lambda xs: [x * x for x in xs])
    ... def square(x: int) -> int:
    ...     return x * x
    >>> @ms.workflow
    ... def squares(n: int) -> list[int]:
    ...     return [square(x) for x in range(n)]
    >>> with ms.SequentialExecutionEngine(BatchSequentialStrategy(max_batch=4)) as engine:
    ...     run = engine.run(squares, 6)
    >>> run.value, run.n_calls, run.nodes.batch_size.tolist()
    ([0, 1, 4, 9, 16, 25], 2, [4, 4, 4, 4, 2, 2])
    """

    name = "batch"
    parameters: ClassVar[dict[str, Any]] = {**OptimizedSequentialStrategy.parameters, **Batching._field_defaults}

    def __init__(
        self,
        *,
        stop_on_failure: bool = True,
        passes: Iterable[str] = PASSES,
        max_batch: int = Batching._field_defaults["max_batch"],
        min_batch: int = Batching._field_defaults["min_batch"],
        max_wait: float = Batching._field_defaults["max_wait"],
        across_runs: bool = Batching._field_defaults["across_runs"],
    ) -> None:
        super().__init__(stop_on_failure=stop_on_failure, passes=passes)
        sizes: tuple[tuple[str, object], ...] = (("max_batch", max_batch), ("min_batch", min_batch))
        for key, size in sizes:
            if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= _BATCH_MAX:
                raise ConfigurationError(key, size, "a number of calls, at least 1")
        wait: object = max_wait
        if not isinstance(wait, int | float) or isinstance(wait, bool) or not 0 <= wait <= _WAIT_S_MAX:
            raise ConfigurationError("max_wait", wait, "seconds, from 0 to an hour")
        if not isinstance(across_runs, bool):
            raise ConfigurationError("across_runs", across_runs, "True or False")
        self.batching = Batching(max_batch, min_batch, max_wait, across_runs)

    def options(self, facts: WorkflowFacts, /) -> RunOptions:
        """Decide about the runs of a workflow.

        Parameters
        ----------
        facts
            What is known of the workflow.

        Returns
        -------
        options
            Those of the optimized strategy, and how calls are put together.

        Examples
        --------
        >>> BatchSequentialStrategy(max_wait=0.01).options(WorkflowFacts(n_nodes=1)).batching
        Batching(max_batch=256, min_batch=2, max_wait=0.01, across_runs=True)
        """
        return super().options(facts)._replace(batching=self.batching)

    @property
    def max_batch(self) -> int:
        """Most calls in one, for steps that do not say ``max_batch=``."""
        return self.batching.max_batch

    @property
    def min_batch(self) -> int:
        """Fewer calls than this are made one by one."""
        return self.batching.min_batch

    @property
    def max_wait(self) -> float:
        """For how many seconds calls may wait for others of their step."""
        return self.batching.max_wait

    @property
    def across_runs(self) -> bool:
        """Whether calls are also put together with those of other runs."""
        return self.batching.across_runs
