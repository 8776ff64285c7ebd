"""`makespan plan`: what is planned, and what is said about it. Functions of values, but for `planned`."""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
from rich.console import Console
from rich.live import Live
from rich.text import Text

import makespan as ms
from makespan.cli.arguments import UsageError
from makespan.cli.progress import REFRESHES_PER_SECOND, format_duration
from makespan.cli.summary import plural, shorten
from makespan.formats import PlanProblem

__all__ = ["HELP", "format_plan", "limited", "planned"]

HELP = """\
Plan the tasks of a file under limited resources; print the makespan, how near it is to the shortest possible, a chart
and the critical chain.

\b
Examples:
  makespan plan j301_1.sm
  makespan plan j301_1.sm --capacity 12,13,4,12 --time-limit 2
  makespan plan j301_1.sm --capacity R1=20 --gantt plan.svg
  makespan plan montage.json --cores 16 --json > plan.json
"""
# Whoever waits longer wants to see that something goes on.
WATCHED_S_MIN = 1.0
CORES = "cores"


def limited(problem: PlanProblem, cores: int | None, amounts: Sequence[str]) -> PlanProblem:
    """Return a problem with other capacities: NAME=AMOUNT for one resource, or amounts for all, with commas between.

    ``cores`` is the capacity of the resource of that name, or of the only one.
    """
    names = list(problem.resource_names)
    capacities = problem.capacities.copy()
    if cores is not None:
        if CORES not in names and len(names) != 1:
            raise UsageError(f"--cores means the only resource, and the file has {listed(names)}; use --capacity")
        capacities[names.index(CORES) if CORES in names else 0] = cores
    for text in amounts:
        name, separator, amount = text.rpartition("=")
        if separator:
            if name not in names:
                raise UsageError(f"--capacity {text}: there is no resource {name!r}; the file has {listed(names)}")
            capacities[names.index(name)] = whole(amount, text)
            continue
        parts = text.split(",")
        if len(parts) != len(names):
            raise UsageError(f"--capacity {text}: {len(parts)} amounts, and the file has {listed(names)}")
        capacities[:] = [whole(part, text) for part in parts]
    return replace(problem, capacities=capacities)


def whole(text: str, option: str) -> int:
    """Return an amount of a resource."""
    if not text.strip().isdecimal() or int(text) > np.iinfo(np.int64).max:
        raise UsageError(f"--capacity {option}: {text!r} is not a whole number")
    return int(text)


def listed(names: Sequence[str]) -> str:
    """Return the names of resources in words.

    >>> listed(["R1", "R2"]), listed(["cores"]), listed([])
    ('2 resources: R1, R2', '1 resource: cores', '0 resources')
    """
    return plural(len(names), "resource") + (f": {', '.join(names)}" if names else "")


def planned(
    problem: PlanProblem, time_limit: float | None, max_schedules: int | None, seed: int, console: Console
) -> ms.Plan:
    """Plan; on a terminal with a line that tells how long it still takes, where that is worth telling."""
    is_long = time_limit >= WATCHED_S_MIN if time_limit is not None else max_schedules is not None
    shown = Live(
        WaitingLine(problem.graph.n_nodes, time_limit),
        console=console,
        refresh_per_second=REFRESHES_PER_SECOND,
        transient=True,
    )
    columns = problem.graph, problem.durations, problem.demands, problem.capacities
    try:
        with shown if is_long and console.is_terminal else nullcontext():
            return ms.plan(
                *columns, time_limit=time_limit, max_schedules=max_schedules, seed=seed, options=problem.options
            )
    except KeyboardInterrupt:
        # It came while the line was drawn; during the search it ends the search.
        return ms.plan(*columns, time_limit=0.0, seed=seed, options=problem.options)
    except ms.UnsatisfiableError as error:
        node, resource = error.path, error.resource
        if isinstance(node, int) and isinstance(resource, int):
            node, resource = f"node {problem.names[node]}", problem.resource_names[resource]
        raise ms.UnsatisfiableError(node, resource, error.requested, error.capacity) from None


class WaitingLine:
    """What rich asks for the line each time that it draws."""

    def __init__(self, n_nodes: int, time_limit: float | None) -> None:
        self.n_nodes, self.time_limit = n_nodes, time_limit
        self.start_s = time.perf_counter()

    def __rich__(self) -> Text:
        line = format_waiting(self.n_nodes, time.perf_counter() - self.start_s, self.time_limit)
        return Text(line, no_wrap=True, overflow="ellipsis")


def format_waiting(n_nodes: int, elapsed_s: float, time_limit: float | None) -> str:
    """Return the line that is shown meanwhile.

    >>> format_waiting(60, 3.0, 10.0)
    'planning 60 nodes · 3 s of 10 s · Ctrl-C takes the best plan so far'
    """
    limit = "" if time_limit is None else f" of {format_duration(time_limit)}"
    return f"planning {n_nodes:,} nodes · {format_duration(elapsed_s)}{limit} · Ctrl-C takes the best plan so far"


def format_plan(plan: ms.Plan, problem: PlanProblem) -> list[tuple[str, str]]:
    """Return what is known of the plan as rows of a name and a text."""
    chain = plan.critical_chain()
    names = problem.names
    n_handed = int(np.count_nonzero(chain.resources >= 0))
    held = f", {n_handed} of its links by a resource" if n_handed else ""
    ended = ", ended by the limit of time or by Ctrl-C" if plan.is_truncated else ""
    rows = [
        ("nodes", f"{plan.start.size:,}"),
        ("makespan", seconds(plan.makespan)),
        ("lower bound", seconds(plan.lower_bound)),
        ("gap", "0, no plan is shorter" if plan.is_optimal else f"at most {plan.gap:.2%}"),
        ("method", f"{plan.method}, {plan.n_schedules:,} schedules in {format_duration(plan.elapsed_s)}{ended}"),
    ]
    rows += [
        (f"use of {name}", f"{plan.utilization(idx):.1%} of {capacity:,}")
        for idx, (name, capacity) in enumerate(zip(problem.resource_names, plan.capacities.tolist(), strict=True))
    ]
    path = shorten([names[node] for node in chain.nodes.tolist()])
    return [*rows, ("critical chain", f"{len(chain):,} nodes{held}: {path}")]


def seconds(value: float) -> str:
    """Return seconds as a number that can be copied, and for people where it is long.

    >>> seconds(85.0), seconds(7322.25)
    ('85 s', '7322.25 s (2:02 h)')
    """
    number = f"{value:.9f}".rstrip("0").rstrip(".")
    return f"{number} s ({format_duration(value)})" if value >= 120 else f"{number} s"
