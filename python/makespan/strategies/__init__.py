"""Strategies, and the names that they are chosen by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from makespan.exceptions import StrategyError
from makespan.strategies.auto import AutoStrategy
from makespan.strategies.batch import BatchSequentialStrategy
from makespan.strategies.configured import ConfiguredStrategy
from makespan.strategies.optimized import OptimizedSequentialStrategy
from makespan.strategies.sequential import SequentialStrategy
from makespan.strategies.smart import SmartSequentialStrategy

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.metadata import EntryPoint

    from makespan.abc import Strategy

__all__ = [
    "ENTRY_POINTS",
    "AutoStrategy",
    "BatchSequentialStrategy",
    "ConfiguredStrategy",
    "OptimizedSequentialStrategy",
    "SequentialStrategy",
    "SmartSequentialStrategy",
    "get",
    "names",
    "register",
]

ENTRY_POINTS = "makespan.strategies"
"""The group of entry points in which installed packages offer strategies, by name."""

_FACTORIES: dict[str, Callable[[], Strategy]] = {
    "auto": AutoStrategy,
    "batch": BatchSequentialStrategy,
    "optimized": OptimizedSequentialStrategy,
    "sequential": SequentialStrategy,
    "smart": SmartSequentialStrategy,
}


def register(name: str, factory: Callable[[], Strategy]) -> None:
    """Make a strategy known by a name; a name that is known already gets the new one.

    Parameters
    ----------
    name
        What it is chosen by.
    factory
        Makes one, without arguments: usually the class.

    Examples
    --------
    >>> from makespan import strategies
    >>> class Careful(strategies.SequentialStrategy):
    ...     name = "careful"
    >>> strategies.register("careful", Careful)
    >>> strategies.get("careful").name
    'careful'
    """
    _FACTORIES[name] = factory


def get(name: str) -> Strategy:
    """Make the strategy of a name: one of ours, a registered one, or one that an installed package offers.

    A package offers strategies as entry points of the group ``makespan.strategies``; they are loaded when asked for.

    Parameters
    ----------
    name
        One of `names`.

    Returns
    -------
    strategy
        A new one.

    Raises
    ------
    StrategyError
        No strategy has this name; the message lists those that exist.

    Examples
    --------
    >>> from makespan import strategies
    >>> strategies.get("sequential")
    SequentialStrategy(stop_on_failure=True)
    """
    factory = _FACTORIES.get(name)
    if factory is None:
        offered = _offered().get(name)
        if offered is None:
            raise StrategyError(name, names())
        factory = offered.load()
    return factory()


def names() -> tuple[str, ...]:
    """Return the names of all strategies, those of installed packages too, in alphabetical order.

    Returns
    -------
    names
        At least ``auto``, ``batch``, ``optimized``, ``sequential`` and ``smart``.

    Examples
    --------
    >>> from makespan import strategies
    >>> {"batch", "optimized", "sequential"} <= set(strategies.names())
    True
    """
    return tuple(sorted({*_FACTORIES, *_offered()}))


def _offered() -> dict[str, EntryPoint]:
    """Find what installed packages offer, without loading it; which takes milliseconds."""
    from importlib.metadata import entry_points

    return {offered.name: offered for offered in entry_points(group=ENTRY_POINTS)}
