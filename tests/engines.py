"""Engines for tests: every strategy, alone and with helpers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

import makespan as ms
from makespan.abc import Strategy
from makespan.testing.workflows import RESOURCES

# Strategy and number of workers.
CONFIGURATIONS = (
    ("sequential", 1),
    ("optimized", 1),
    ("optimized", 2),
    ("optimized", 4),
    ("auto", 2),
    ("smart", 2),
    ("batch", 1),
    ("batch", 2),
)

every_engine = pytest.mark.parametrize(
    "engine", CONFIGURATIONS, indirect=True, ids=[f"{strategy}-{workers}" for strategy, workers in CONFIGURATIONS]
)
"""Runs a test once per configuration, with the fixture ``engine``."""


def strategy_of(name: str, *, stop_on_failure: bool = True) -> Strategy:
    """Make a strategy that does or does not stop at a failure."""
    kinds: dict[str, Callable[..., Strategy]] = {
        "auto": ms.AutoStrategy,
        "sequential": ms.SequentialStrategy,
        "optimized": ms.OptimizedSequentialStrategy,
        "smart": ms.SmartSequentialStrategy,
        "batch": ms.BatchSequentialStrategy,
    }
    return kinds[name](stop_on_failure=stop_on_failure)


@contextmanager
def all_engines(*, stop_on_failure: bool = True) -> Iterator[list[ms.SequentialExecutionEngine]]:
    """One engine per configuration, closed at the end."""
    engines = [
        ms.SequentialExecutionEngine(
            strategy_of(name, stop_on_failure=stop_on_failure), workers, resources=ms.ResourceManager(RESOURCES)
        )
        for name, workers in CONFIGURATIONS
    ]
    try:
        yield engines
    finally:
        for engine in engines:
            engine.close()
