"""A clock for tests: it shows what it is told to."""

from __future__ import annotations

import math

from makespan.exceptions import ValidationError

__all__ = ["ManualClock"]


class ManualClock:
    """Seconds that pass when the test says so; to be given as ``clock=``.

    Parameters
    ----------
    start
        Seconds that it shows first.

    Examples
    --------
    >>> clock = ManualClock()
    >>> clock.advance(1.5)
    >>> clock()
    1.5
    """

    def __init__(self, start: float = 0.0) -> None:
        self._now = float(start)

    def __call__(self) -> float:  # noqa: D102 (what it is for)
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Parameters
        ----------
        seconds
            How much of it; 0 or more.

        Raises
        ------
        ValidationError
            It would run backwards, or stop being a number.

        Examples
        --------
        >>> clock = ManualClock(10.0)
        >>> clock.advance(5)
        >>> clock()
        15.0
        """
        if not (math.isfinite(seconds) and seconds >= 0):
            raise ValidationError("seconds", seconds, "a number, 0 or more")
        self._now += seconds

    def __repr__(self) -> str:
        return f"ManualClock({self._now!r})"
