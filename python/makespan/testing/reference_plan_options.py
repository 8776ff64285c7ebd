"""The obvious planner with options: what a schedule must keep, what it is worth, and the best one of a few nodes."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import permutations, product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["OptionsProblem", "best_value", "objective_value", "serial_schedule_with_options", "violations_of_options"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionsProblem:
    """A problem in whole seconds, all of it spelled out.

    Parameters
    ----------
    edges
        Pairs of nodes: the first must finish before the second starts.
    modes
        By node, the alternatives: a duration and a demand per resource.
    steps
        Times that ascend from 0, and the capacities from each of them on.
    consumed
        By resource: whether it is used up.
    release, delay, weights
        One per node.
    deadline, due, start
        One per node; None for none.
    objective
        As in `makespan.PlanOptions`.
    """

    edges: Sequence[tuple[int, int]]
    modes: Sequence[Sequence[tuple[int, Sequence[int]]]]
    steps: Sequence[tuple[int, Sequence[int]]]
    consumed: Sequence[bool]
    release: Sequence[int]
    delay: Sequence[int]
    weights: Sequence[int]
    deadline: Sequence[int | None]
    due: Sequence[int | None]
    start: Sequence[int | None] = field(default=())
    objective: str = "makespan"


def violations_of_options(problem: OptionsProblem, start: Sequence[float], chosen: Sequence[int]) -> Iterator[str]:
    """Yield what is wrong with a schedule, a sentence each.

    Parameters
    ----------
    problem
        What is to be kept.
    start, chosen
        By node: when it starts, and in which of its modes it runs.

    Yields
    ------
    sentence
        A term of a node, an edge or a capacity that is not kept.

    Examples
    --------
    >>> problem = OptionsProblem(
    ...     edges=[], modes=[[(2, [1])]], steps=[(0, [1])], consumed=[False], release=[3], delay=[0], weights=[1],
    ...     deadline=[4], due=[None], start=[None],
    ... )
    >>> list(violations_of_options(problem, [2], [0]))
    ['node 0 starts before its release']
    """
    finish = [begin + problem.modes[node][chosen[node]][0] for node, begin in enumerate(start)]
    for node, begin in enumerate(start):
        deadline, fixed = problem.deadline[node], problem.start[node]
        if begin < problem.release[node]:
            yield f"node {node} starts before its release"
        if deadline is not None and finish[node] > deadline:
            yield f"node {node} finishes after its deadline"
        if fixed is not None and begin != fixed:
            yield f"node {node} does not start when it must"
    for before, after in problem.edges:
        if start[after] < finish[before] + problem.delay[after]:
            yield f"node {after} starts too early after node {before}"
    for moment in sorted({*start, *(time for time, _ in problem.steps)}):
        capacities = next(amounts for time, amounts in reversed(problem.steps) if time <= moment)
        for resource, capacity in enumerate(capacities):
            used = sum(
                problem.modes[node][chosen[node]][1][resource]
                for node in range(len(start))
                if problem.consumed[resource] or start[node] <= moment < finish[node]
            )
            if used > capacity:
                yield f"{used} of resource {resource} are used at {moment:g} s, and there are {capacity}"


def objective_value(problem: OptionsProblem, finish: Sequence[float]) -> float:
    """Return what a schedule is worth; less is better.

    Parameters
    ----------
    problem
        What says so.
    finish
        By node.

    Returns
    -------
    value
        Of the problem's objective.

    Examples
    --------
    >>> problem = OptionsProblem(
    ...     edges=[], modes=[[(2, [])]], steps=[(0, [])], consumed=[], release=[0], delay=[0], weights=[3],
    ...     deadline=[None], due=[1], start=[None], objective="weighted_tardiness",
    ... )
    >>> objective_value(problem, [2])
    3
    """
    late = [
        (time - due, weight)
        for time, due, weight in zip(finish, problem.due, problem.weights, strict=True)
        if due is not None
    ]
    match problem.objective:
        case "makespan":
            return max(finish, default=0)
        case "weighted_completion":
            return sum(time * weight for time, weight in zip(finish, problem.weights, strict=True))
        case "weighted_tardiness":
            return sum(max(time, 0) * weight for time, weight in late)
        case _:
            return max((time for time, _ in late), default=0)


def serial_schedule_with_options(
    problem: OptionsProblem, order: Sequence[int], chosen: Sequence[int]
) -> list[int] | None:
    """Return starts: fixed nodes first, then each node of the order at the first whole second at which it fits.

    Parameters
    ----------
    problem
        What is to be kept. Deadlines are not looked at.
    order
        All nodes, each after its predecessors.
    chosen
        By node: its mode.

    Returns
    -------
    start
        Whole seconds, by node; None where a node never fits.

    Examples
    --------
    >>> problem = OptionsProblem(
    ...     edges=[], modes=[[(2, [1])]] * 2, steps=[(0, [0]), (1, [1])], consumed=[False], release=[0, 0],
    ...     delay=[0, 0], weights=[1, 1], deadline=[None] * 2, due=[None] * 2, start=[None, 4],
    ... )
    >>> serial_schedule_with_options(problem, [0, 1], [0, 0])
    [1, 4]
    """
    mode = [problem.modes[node][chosen[node]] for node in range(len(problem.modes))]
    fixed = {node: begin for node, begin in enumerate(problem.start) if begin is not None}
    times = [time for time, _ in problem.steps]
    horizon = max([*times, *problem.release, *(begin for begin in fixed.values())], default=0)
    horizon += sum(duration for duration, _ in mode) + sum(problem.delay) + 1
    free = [list(next(row for time, row in reversed(problem.steps) if time <= at)) for at in range(2 * horizon)]
    start = dict(fixed)

    def take(node: int) -> None:
        duration, demand = mode[node]
        for at in range(start[node], start[node] + duration):
            for resource, amount in enumerate(demand):
                free[at][resource] -= 0 if problem.consumed[resource] else amount

    def fits(node: int, begin: int) -> bool:
        duration, demand = mode[node]
        return all(
            problem.consumed[resource] or free[at][resource] >= amount
            for at in range(begin, begin + duration)
            for resource, amount in enumerate(demand)
        )

    for node in fixed:
        take(node)
    for node in order:
        if node in fixed:
            continue
        before = [
            start[other] + mode[other][0] + problem.delay[node] for other, after in problem.edges if after == node
        ]
        earliest = max([problem.release[node], *before])
        begin = next((at for at in range(earliest, horizon) if fits(node, at)), None)
        if begin is None:
            return None
        start[node] = begin
        take(node)
    return [start[node] for node in range(len(mode))]


def best_value(problem: OptionsProblem) -> float | None:
    """Return the best objective of a few nodes: every order in every mode is tried.

    Parameters
    ----------
    problem
        What is to be kept, and what is good.

    Returns
    -------
    value
        The best objective; None where nothing keeps all terms.

    Examples
    --------
    >>> problem = OptionsProblem(
    ...     edges=[], modes=[[(6, [1]), (2, [3])], [(1, [1])]], steps=[(0, [3])], consumed=[False], release=[0, 0],
    ...     delay=[0, 0], weights=[1, 1], deadline=[None] * 2, due=[None] * 2, start=[None, None],
    ... )
    >>> best_value(problem)
    3
    """
    n_nodes = len(problem.modes)
    best: float | None = None
    for order in permutations(range(n_nodes)):
        place = {node: idx for idx, node in enumerate(order)}
        if any(place[before] > place[after] for before, after in problem.edges):
            continue
        for chosen in product(*(range(len(modes)) for modes in problem.modes)):
            start = serial_schedule_with_options(problem, order, chosen)
            if start is None or any(violations_of_options(problem, start, chosen)):
                continue
            finish = [begin + problem.modes[node][chosen[node]][0] for node, begin in enumerate(start)]
            value = objective_value(problem, finish)
            best = value if best is None else min(best, value)
    return best
