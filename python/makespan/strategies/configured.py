"""What all strategies of ours have: a configuration that can be read back, and what they can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from makespan.abc import WorkflowFacts
from makespan.exceptions import ConfigurationError

if TYPE_CHECKING:
    from makespan.abc import RunOptions

__all__ = ["ConfiguredStrategy"]


class ConfiguredStrategy:
    """The base of our strategies; a strategy of one's own needs only what `makespan.abc.Strategy` says.

    A subclass lists its parameters in ``parameters``, each with its default, keeps each in an attribute of its name,
    and decides in ``options``. Two strategies are equal if they are of one class and configured equally.

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
    >>> from makespan.abc import RunOptions
    >>> class Careful(ConfiguredStrategy):
    ...     name = "careful"
    ...     def options(self, facts: WorkflowFacts, /) -> RunOptions:
    ...         return RunOptions("serial", stop_on_failure=self.stop_on_failure, passes=("prune",))
    >>> Careful(), Careful() == Careful(stop_on_failure=False), sorted(Careful().capabilities)
    (Careful(stop_on_failure=True), False, ['rewrites'])
    """

    name: str
    """What it is chosen by, and what results say."""

    parameters: ClassVar[dict[str, Any]] = {"stop_on_failure": True}
    """The parameters of the class, and their defaults."""

    def __init__(self, *, stop_on_failure: bool = True) -> None:
        if not isinstance(stop_on_failure, bool):
            raise ConfigurationError("stop_on_failure", stop_on_failure, "True or False")
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
            The decision.

        Raises
        ------
        NotImplementedError
            The subclass has no decision.

        Examples
        --------
        >>> from makespan.strategies import SequentialStrategy
        >>> SequentialStrategy().options(WorkflowFacts(n_nodes=3)).executor
        'serial'
        """
        raise NotImplementedError

    @property
    def configuration(self) -> dict[str, Any]:
        """The value of each parameter; called with these, the class makes an equal strategy."""
        return {key: getattr(self, key) for key in self.parameters}

    @property
    def capabilities(self) -> frozenset[str]:
        """What it may do, in the words of `makespan.abc.CAPABILITIES`, as it is configured: read off its decision."""
        return self.options(WorkflowFacts(n_nodes=2, n_workers=2)).capabilities

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *self.configuration.items()))

    def __repr__(self) -> str:
        values = ", ".join(f"{key}={value!r}" for key, value in self.configuration.items())
        return f"{type(self).__name__}({values})"
