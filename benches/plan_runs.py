"""What the long runs of planning share: one plan under a time limit, two processes at most, lines of a table."""

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import makespan as ms
from benches.compare import machine
from benches.plan_instances import PlanInstance, refuse_broken

__all__ = ["Ours", "arguments", "introduce", "mapped", "plan_in", "row"]

N_PROCESSES_MAX = 2
A = TypeVar("A")
R = TypeVar("R")


@dataclass(frozen=True)
class Ours:
    """A plan's makespan; that of one pass if it came late."""

    makespan: float
    one_pass: float
    lower_bound: float
    is_late: bool
    elapsed_s: float
    processor_s: float
    """Less than what elapsed where others kept the cores busy."""


def plan_in(instance: PlanInstance, limit_s: float | None, max_schedules: int | None = None) -> Ours:
    """Plan an instance on one thread under one of the limits, and verify what comes."""
    problem = instance.problem
    columns = problem.graph, problem.durations, problem.demands, problem.capacities
    first = ms.plan(*columns, max_schedules=1)
    begun_s, processor_s = time.perf_counter(), time.process_time()
    found = ms.plan(*columns, time_limit=limit_s, max_schedules=max_schedules)
    elapsed_s, processor_s = time.perf_counter() - begun_s, time.process_time() - processor_s
    for plan in (first, found):
        refuse_broken(instance, plan.start.tolist(), plan.makespan)
        assert plan.lower_bound <= (instance.best_known or plan.makespan), instance.name
    is_late = limit_s is not None and elapsed_s > 1.1 * limit_s + 0.002
    counted = first if is_late else found
    return Ours(counted.makespan, first.makespan, found.lower_bound, is_late, elapsed_s, processor_s)


def mapped(do: Callable[[A], R], given: Iterable[A], n_processes: int) -> Iterator[R]:
    """Return what becomes of each, in their order."""
    if n_processes == 1:
        yield from map(do, given)
        return
    with ProcessPoolExecutor(n_processes, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(do, given)


def arguments(about: str, *, limits: list[float]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument(
        "--limits", type=float, nargs="+", default=limits, help="seconds of planning (default %(default)s)"
    )
    parser.add_argument("--processes", type=int, choices=range(1, N_PROCESSES_MAX + 1), default=1)
    return parser


def introduce(what: str, n_processes: int) -> None:
    """Say what is measured, on what, and how busy that is."""
    host = machine()
    assert host["build_profile"] == "release", "figures of a dev build say nothing"
    print(f"{what}; {n_processes} processes, one planning thread in each")
    print(f"makespan {host['makespan']}, Python {host['python']}, {host['processor']}, {host['cores']} cores, ", end="")
    print(f"load average {os.getloadavg()[0]:.1f}\n", flush=True)


def row(*cells: object) -> None:
    """Print a line of a table at once."""
    print(
        "| " + " | ".join(f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in cells) + " |", flush=True
    )
