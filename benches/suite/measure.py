"""Workflows of the suite beside their plain code: time with a cold and with a warm cache, bounds, memory.

Plain code and engine take turns, and every result is compared. A round has four runs:

serial
    The plain code.
cold
    No step has ``cache=True``: nothing is kept between runs but what the engine learned of durations. This is what a
    user has who asks for nothing, and what speed-ups are about where nothing else is said.
storing
    The steps of `Case.cached` have ``cache=True``, and the cache is empty: what asking for a cache costs at first.
warm
    The same again, with the same arguments: the cache holds what the run before stored. What is not pure is done again,
    and results that can be changed are copied.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

import makespan as ms
from benches.suite.case import Case
from benches.suite.cases import cached_case, case
from benches.suite.memory import SERIAL, peak_bytes
from makespan.testing import assert_same

__all__ = ["Measured", "measured", "timed"]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One workflow under one strategy; times by round."""

    of: Case
    serial_s: tuple[float, ...]
    cold_s: tuple[float, ...]
    storing_s: tuple[float, ...]
    warm_s: tuple[float, ...]
    bound_s: float
    n_nodes: int
    n_calls: int
    n_calls_warm: int
    serial_bytes: int
    cold_bytes: int

    @property
    def ratios(self) -> list[float]:
        """How many times faster than the plain code each round was, without a cache."""
        return [serial_s / cold_s for serial_s, cold_s in zip(self.serial_s, self.cold_s, strict=True)]

    @property
    def speed_up(self) -> float:
        """Median of the rounds, without a cache."""
        return statistics.median(self.ratios)

    @property
    def warm_speed_up(self) -> float:
        """Median of the rounds, with what the round before left in the cache."""
        return statistics.median(serial_s / warm_s for serial_s, warm_s in zip(self.serial_s, self.warm_s, strict=True))

    @property
    def reached(self) -> float:
        """The lower bound as a share of our time; above 1 where batch forms need less than single calls."""
        return self.bound_s / statistics.median(self.cold_s)

    @property
    def memory_ratio(self) -> float:
        """Our peak of memory over that of the plain code."""
        return self.cold_bytes / self.serial_bytes


def bound_s(of: Case, run: ms.RunResult[object], rewriting: ms.Rewriting, n_cores: int) -> float:
    """Return what the calls that are made take at least, by their durations one after another.

    The longest chain; all of it divided among the cores; and the steps that hold the interpreter, one at a time.
    """
    place = {path: at for at, path in enumerate(run.paths)}
    durations_s = run.nodes.duration_s[[place[path] for path in rewriting.running]]
    names = [path.rsplit("/", 1)[-1].partition("[")[0] for path in rewriting.running]
    is_free = np.array([name in of.frees or of.bound_by == "waiting" for name in names], np.bool_)
    longest_s = rewriting.graph.critical_path(durations_s).length if len(names) else 0.0
    return max(longest_s, float(durations_s.sum()) / n_cores, float(durations_s[~is_free].sum()))


def timed(function: Callable[[], T]) -> tuple[T, float]:
    """Return what a function returns, and the seconds that it took."""
    begun_s = time.perf_counter()
    result = function()
    return result, time.perf_counter() - begun_s


def measured(name: str, strategy: str, n_rounds: int, *, is_tiny: bool) -> Measured:
    """Take turns, and compare every result."""
    of, with_cache = case(name), cached_case(name).workflow
    memory = [peak_bytes(name, how, is_tiny=is_tiny) for how in (SERIAL, strategy)]
    rounds = []
    with (
        tempfile.TemporaryDirectory() as folder,
        of.data(Path(folder), is_tiny) as arguments,
        ms.SequentialExecutionEngine(strategy) as engine,
        ms.SequentialExecutionEngine("sequential") as one_by_one,
    ):
        # Imports, and what only a first run does. The cache is the engine's own.
        cold = engine.run(of.workflow, *arguments)
        warm = engine.run(with_cache, *arguments)
        for _ in range(n_rounds):
            engine.cache.clear()
            expected, serial_s = timed(lambda: of.workflow.serial(*arguments))
            cold, cold_s = timed(lambda: engine.run(of.workflow, *arguments))
            storing, storing_s = timed(lambda: engine.run(with_cache, *arguments))
            warm, warm_s = timed(lambda: engine.run(with_cache, *arguments))
            for run in (cold, storing, warm):
                assert_same(run.value, expected)
            assert not cold.outcome_counts["cached"]
            rounds.append((serial_s, cold_s, storing_s, warm_s))
        rewriting = ms.WorkflowOptimizer().optimize(of.workflow, *arguments)
        least_s = bound_s(of, one_by_one.run(of.workflow, *arguments), rewriting, len(os.sched_getaffinity(0)))
    serial, colds, storings, warms = zip(*rounds, strict=True)
    return Measured(
        of=of,
        serial_s=serial,
        cold_s=colds,
        storing_s=storings,
        warm_s=warms,
        bound_s=least_s,
        n_nodes=cold.n_nodes,
        n_calls=cold.n_calls,
        n_calls_warm=warm.n_calls,
        serial_bytes=memory[0],
        cold_bytes=memory[1],
    )
