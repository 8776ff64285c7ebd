"""What the steps of generated workflows touch, with a record of who did it when."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

__all__ = ["EFFECTS", "World"]

EFFECTS = ("index", "log", "store")
"""The names of effects that generated steps touch."""


_numbers = itertools.count()


class World:
    """The named effects that the steps of one description touch.

    Examples
    --------
    >>> world = World()
    >>> world.touch(0, (), ("log",))
    [('log', ())]
    >>> world.touch(3, ("log",), ())
    [('log', (0,))]
    >>> world.writers
    {'index': [], 'log': [0], 'store': []}
    """

    def __init__(self) -> None:
        self.number = next(_numbers)
        """Tells it from every other world of this process: what is cached in one is not valid in another."""
        self.writers: dict[str, list[int]] = {name: [] for name in EFFECTS}
        """The calls that wrote each effect, in the order in which they did."""
        self.calls: list[int] = []
        """The calls that were made, in no particular order."""
        self.batch_sizes: list[int] = []
        """How many calls each call of a batch form made, in no particular order."""

    def reset(self) -> None:
        """Forget everything that happened.

        Examples
        --------
        >>> world = World()
        >>> _ = world.touch(0, (), ("log",))
        >>> world.reset()
        >>> world.writers["log"]
        []
        """
        for writers in self.writers.values():
            writers.clear()
        self.calls.clear()
        self.batch_sizes.clear()

    def touch(self, at: int, reads: Iterable[str], writes: Iterable[str]) -> list[tuple[str, tuple[int, ...]]]:
        """Read and write effects.

        Parameters
        ----------
        at
            The place of the call that does it.
        reads, writes
            Names.

        Returns
        -------
        seen
            For each effect that was touched who wrote it before.

        Examples
        --------
        >>> World().touch(0, ("index",), ("log",))
        [('index', ()), ('log', ())]
        """
        seen = [(name, tuple(self.writers[name])) for name in sorted({*reads, *writes})]
        for name in writes:
            self.writers[name].append(at)
        return seen
