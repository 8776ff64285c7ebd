"""Prepared workflows: traced and laid out once, run again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from makespan import _core

if TYPE_CHECKING:
    from makespan.result import RunResult

__all__ = ["PreparedWorkflow"]

R = TypeVar("R")


class PreparedWorkflow(_core.Prepared, Generic[R]):
    """A workflow traced and laid out once, to be run again and again: made by ``prepare``.

    It may be run from several threads at once.

    Examples
    --------
    >>> import makespan as ms
    >>> @ms.step
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> @ms.workflow
    ... def quadruple(x: int) -> int:
    ...     return double(double(x))
    >>> prepared = quadruple.prepare()
    >>> [prepared.run(x).value for x in range(3)]
    [0, 4, 8]
    """

    if TYPE_CHECKING:

        def run(self, *args: object, **kwargs: object) -> RunResult[R]:
            """Run the workflow with values of its parameters."""
            ...

    @property
    def name(self) -> str:
        """Name of the workflow."""
        return self.program.name

    @property
    def n_nodes(self) -> int:
        """How many nodes it has."""
        return self.program.n_nodes

    @property
    def parameters(self) -> list[str]:
        """What ``run`` takes."""
        return self.program.parameters

    async def arun(self, *args: object, **kwargs: object) -> RunResult[R]:
        """Run in a thread, so that the event loop goes on.

        Parameters
        ----------
        *args, **kwargs
            Values of the parameters.

        Returns
        -------
        result
            As from ``run``.

        Raises
        ------
        RunFailedError
            One step or several failed.

        Examples
        --------
        >>> import asyncio, makespan as ms
        >>> asyncio.run(ms.Workflow.sequence([abs]).prepare().arun(-1)).value
        1
        """
        import asyncio

        return await asyncio.to_thread(self.run, *args, **kwargs)

    def __repr__(self) -> str:
        return f"<prepared workflow {self.name}({', '.join(self.parameters)}), {self.n_nodes} nodes>"
