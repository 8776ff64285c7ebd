"""Settings of the default engine, from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from makespan.exceptions import ConfigurationError

__all__ = ["WORKERS_MAX", "Settings"]

WORKERS_MAX = 1024
"""More workers than any engine may have are a mistake."""


class Settings(NamedTuple):
    """Settings of an engine.

    Parameters
    ----------
    strategy
        Name of the strategy: ``MAKESPAN_STRATEGY``.
    workers
        How many steps may run at once, None for as many as there are usable cores: ``MAKESPAN_WORKERS``.

    Examples
    --------
    >>> Settings.from_environment({"MAKESPAN_WORKERS": "4"})
    Settings(strategy='auto', workers=4)
    """

    strategy: str = "auto"
    workers: int | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the settings.

        Parameters
        ----------
        environment
            The process's, unless told otherwise.

        Returns
        -------
        settings
            Defaults where nothing is set.

        Raises
        ------
        ConfigurationError
            A value cannot be read; the error names the variable.

        Examples
        --------
        >>> Settings.from_environment({})
        Settings(strategy='auto', workers=None)
        """
        workers = environment.get("MAKESPAN_WORKERS", "")
        if workers and not (workers.isascii() and workers.isdigit() and 1 <= int(workers[:9]) <= WORKERS_MAX):
            raise ConfigurationError("MAKESPAN_WORKERS", workers, f"a whole number from 1 to {WORKERS_MAX}")
        strategy = environment.get("MAKESPAN_STRATEGY") or cls._field_defaults["strategy"]
        return cls(strategy=strategy, workers=int(workers) if workers else None)
