"""Strategies, and the names that they are chosen by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from makespan.exceptions import StrategyError
from makespan.strategies.batch import BatchSequentialStrategy
from makespan.strategies.optimized import OptimizedSequentialStrategy
from makespan.strategies.sequential import SequentialStrategy

if TYPE_CHECKING:
    from collections.abc import Callable

    from makespan.abc import Strategy

__all__ = ["BatchSequentialStrategy", "OptimizedSequentialStrategy", "SequentialStrategy", "get", "names", "register"]

_FACTORIES: dict[str, Callable[[], Strategy]] = {
    "batch": BatchSequentialStrategy,
    "optimized": OptimizedSequentialStrategy,
    "sequential": SequentialStrategy,
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
    """Make the strategy of a name.

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
    if name not in _FACTORIES:
        raise StrategyError(name, names())
    return _FACTORIES[name]()


def names() -> tuple[str, ...]:
    """Return the names of all strategies, in alphabetical order.

    Returns
    -------
    names
        At least ``batch``, ``optimized`` and ``sequential``.

    Examples
    --------
    >>> from makespan import strategies
    >>> {"batch", "optimized", "sequential"} <= set(strategies.names())
    True
    """
    return tuple(sorted(_FACTORIES))
