"""The formats of the scheduling literature: PSPLIB's `.sm` and `.mm` (Kolisch and Sprecher 1996), and Patterson's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from makespan.exceptions import ValidationError
from makespan.formats.problem import PlanProblem
from makespan.scheduling.graph import DependencyGraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from makespan.formats.problem import Mode

__all__ = ["parse_patterson", "parse_psplib"]

N_DIGITS_MAX = 18
"""More digits may not fit into 64 bits."""


def parse_psplib(text: str) -> PlanProblem:
    """Read a PSPLIB file: `.sm` with one mode for each job, or `.mm` with several and nonrenewable resources.

    Parameters
    ----------
    text
        What the file says.

    Returns
    -------
    problem
        The dummies at both ends are nodes like others.

    Raises
    ------
    ValidationError
        The error names the line and what was expected there.
    CycleError
        The precedence relations form a cycle.

    Examples
    --------
    >>> text = '''PRECEDENCE RELATIONS:
    ... jobnr.    #modes  #successors   successors
    ...    1        1          1           2
    ...    2        1          0
    ... ****
    ... REQUESTS/DURATIONS:
    ... jobnr. mode duration  R 1
    ... ----
    ...   1      1     4       2
    ...   2      1     5       3
    ... ****
    ... RESOURCEAVAILABILITIES:
    ...   R 1
    ...   3
    ... '''
    >>> parse_psplib(text)
    <PlanProblem 2 nodes, 1 edges, 1 resources>
    """
    lines = text.splitlines()
    place = _section(lines, "RESOURCEAVAILABILITIES", 2)
    capacities = _row(lines, place, "the amount of each resource")
    kinds = lines[place - 1].split()[::2]
    if len(kinds) != len(capacities) or not set(kinds) <= {"R", "N"}:
        expected = f"R or N with its number, for each of the {len(capacities)} resources below"
        raise _wrong(lines, place - 1, expected)
    edges, n_modes = _precedences(lines)
    first = _section(lines, "REQUESTS/DURATIONS", 3)
    modes: list[list[Mode]] = []
    for job, n_of_job in enumerate(n_modes, 1):
        modes.append([])
        for mode in range(1, n_of_job + 1):
            what = f"{f'job {job}, ' if mode == 1 else ''}mode {mode}, a duration, and {len(capacities)} amounts"
            row, head = _row(lines, first, what), [job, mode] if mode == 1 else [mode]
            numbers = row[len(head) :]
            if row[: len(head)] != head or len(numbers) != 1 + len(capacities):
                raise _wrong(lines, first, what)
            modes[-1].append((float(numbers[0]), tuple(numbers[1:])))
            first += 1
    durations, demands = [of[0][0] for of in modes], [of[0][1] for of in modes]
    problem = _problem(edges, durations, demands, capacities)
    numbered = [f"{kind}{kinds[: idx + 1].count(kind)}" for idx, kind in enumerate(kinds)]
    return replace(
        problem,
        resource_names=tuple(numbered),
        modes=tuple(map(tuple, modes)) if sum(n_modes) > len(n_modes) else None,
        nonrenewable=tuple(idx for idx, kind in enumerate(kinds) if kind == "N"),
    )


def _precedences(lines: Sequence[str]) -> tuple[list[tuple[int, int]], list[int]]:
    """Return the edges, and the number of modes of each job."""
    first = _section(lines, "PRECEDENCE RELATIONS", 2)
    edges: list[tuple[int, int, int]] = []
    n_modes: list[int] = []
    while first + len(n_modes) < len(lines) and not lines[first + len(n_modes)].startswith("*"):
        place, node = first + len(n_modes), len(n_modes)
        what = f"job {node + 1}, the number of its modes, the number of its successors, and the successors"
        row = _row(lines, place, what)
        if len(row) < 3 or row[0] != node + 1 or row[1] < 1 or len(row) != 3 + row[2]:
            raise _wrong(lines, place, what)
        edges += [(node, after - 1, place) for after in row[3:]]
        n_modes.append(row[1])
    for _, after, place in edges:
        if not 0 <= after < len(n_modes):
            raise _wrong(lines, place, f"successors from 1 to {len(n_modes)}")
    return [(before, after) for before, after, _ in edges], n_modes


def parse_patterson(text: str) -> PlanProblem:
    """Read a file of Patterson's format, in which numbers may stand on any line.

    Parameters
    ----------
    text
        Numbers of nodes and resources, capacities; then for each node its duration, its demands, the number of its
        successors, and the successors, counted from 1.

    Returns
    -------
    problem
        The dummies at both ends are nodes like others.

    Raises
    ------
    ValidationError
        The error names the line and what was expected there.
    CycleError
        The successors form a cycle.

    Examples
    --------
    >>> parse_patterson("2 1  3   4 2 1 2   5 3 0")
    <PlanProblem 2 nodes, 1 edges, 1 resources>
    """
    numbers = _Numbers(text)
    n_nodes, n_resources = numbers.next("the number of nodes"), numbers.next("the number of resources")
    capacities = [numbers.next(f"the capacity of resource {resource + 1}") for resource in range(n_resources)]
    edges, durations, demands = [], [], []
    for node in range(n_nodes):
        whose = f"of node {node + 1}"
        durations.append(numbers.next(f"the duration {whose}"))
        demands.append([numbers.next(f"demand {resource + 1} {whose}") for resource in range(n_resources)])
        for _ in range(numbers.next(f"the number of successors {whose}")):
            edges.append((node, numbers.next(f"a successor {whose}, from 1 to {n_nodes}", 1, n_nodes) - 1))
    numbers.expect_end()
    return _problem(edges, durations, demands, capacities)


class _Numbers:
    """The words of a text, each with its line."""

    def __init__(self, text: str) -> None:
        lines = text.splitlines()
        self._words = [(place, word) for place, line in enumerate(lines, 1) for word in line.split()]
        self._n_lines = len(lines)
        self._n_read = 0

    def next(self, what: str, least: int = 0, most: int | None = None) -> int:
        """Return the next word as a whole number in a range."""
        if self._n_read == len(self._words):
            raise ValidationError(f"line {self._n_lines}", "the end of the text", what)
        place, word = self._words[self._n_read]
        self._n_read += 1
        if not _is_number(word) or int(word) < least or (most is not None and int(word) > most):
            raise ValidationError(f"line {place}", word, what)
        return int(word)

    def expect_end(self) -> None:
        """Refuse what follows."""
        if self._n_read < len(self._words):
            place, word = self._words[self._n_read]
            raise ValidationError(f"line {place}", word, "the end of the text")


def _problem(
    edges: Sequence[tuple[int, int]],
    durations: Sequence[float],
    demands: Sequence[Sequence[int]],
    capacities: Sequence[int],
) -> PlanProblem:
    ends = np.array(edges, dtype=np.int64).reshape(len(edges), 2)
    return PlanProblem(
        DependencyGraph.from_edges(len(durations), ends[:, 0], ends[:, 1]),
        np.array(durations, dtype=np.float64),
        np.array(demands, dtype=np.int64).reshape(len(durations), len(capacities)),
        np.array(capacities, dtype=np.int64),
    )


def _is_number(word: str) -> bool:
    """Tell whether a word is a whole number that an array can hold."""
    return word.isdecimal() and len(word) <= N_DIGITS_MAX


def _section(lines: Sequence[str], title: str, n_heading: int) -> int:
    """Return the index of the first line of numbers below a title."""
    for place, line in enumerate(lines):
        if line.startswith(title):
            return place + n_heading
    raise ValidationError(f"line {len(lines)}", "the end of the text", f"a section {title}")


def _row(lines: Sequence[str], place: int, what: str) -> list[int]:
    words = lines[place].split() if place < len(lines) else []
    if not words or not all(map(_is_number, words)):
        raise _wrong(lines, place, what)
    return [int(word) for word in words]


def _wrong(lines: Sequence[str], place: int, what: str) -> ValidationError:
    is_there = place < len(lines)
    return ValidationError(
        f"line {min(place + 1, len(lines))}", lines[place] if is_there else "the end of the text", what
    )
