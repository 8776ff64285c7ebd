"""Files of the scheduling literature: what is read, and what is said of a file that is wrong."""

import pytest

import makespan as ms
from makespan.formats import PlanProblem, parse_patterson, parse_psplib

PSPLIB = """\
************************************************************************
jobs (incl. supersource/sink ):  4
************************************************************************
PRECEDENCE RELATIONS:
jobnr.    #modes  #successors   successors
   1        1          2           2   3
   2        1          1           4
   3        1          1           4
   4        1          0
************************************************************************
REQUESTS/DURATIONS:
jobnr. mode duration  R 1  R 2
------------------------------------------------------------------------
  1      1     0       0    0
  2      1     3       2    0
  3      1     4       2    1
  4      1     0       0    0
************************************************************************
RESOURCEAVAILABILITIES:
  R 1  R 2
    3    1
************************************************************************
"""
PATTERSON = """\
4 2
3 1
0 0 0 2 2 3
3 2 0 1 4
4 2 1
1 4
0 0 0 0
"""


@pytest.mark.parametrize("problem", [parse_psplib(PSPLIB), parse_patterson(PATTERSON)], ids=["psplib", "patterson"])
def test_both_formats_say_the_same(problem: PlanProblem) -> None:
    assert repr(problem) == "<PlanProblem 4 nodes, 4 edges, 2 resources>"
    assert problem.durations.tolist() == [0, 3, 4, 0]
    assert problem.demands.tolist() == [[0, 0], [2, 0], [2, 1], [0, 0]]
    assert problem.capacities.tolist() == [3, 1]
    found = ms.plan(problem.graph, problem.durations, problem.demands, problem.capacities)
    assert (found.makespan, found.is_optimal) == (7, True)


@pytest.mark.parametrize(
    ("before", "after", "line", "expected"),
    [
        ("PRECEDENCE", "PRECEDING", "line 22", "a section PRECEDENCE RELATIONS"),
        (
            "2        1          1           4",
            "2        1          2           4",
            "line 7",
            "job 2, the number of its modes",
        ),
        (
            "2        1          1           4",
            "2        2          1           4",
            "line 16",
            "mode 2, a duration, and 2 amounts",
        ),
        ("2        1          1           4", "2        1          1           5", "line 7", "successors from 1 to 4"),
        (
            "3      1     4       2    1",
            "3      1     4       2",
            "line 16",
            "job 3, mode 1, a duration, and 2 amounts",
        ),
        ("    3    1\n", "    3    x\n", "line 21", "the amount of each resource"),
    ],
)
def test_a_wrong_psplib_file_is_refused_by_line(before: str, after: str, line: str, expected: str) -> None:
    assert before in PSPLIB
    with pytest.raises(ms.ValidationError) as caught:
        parse_psplib(PSPLIB.replace(before, after, 1))
    assert caught.value.argument == line
    assert caught.value.expected.startswith(expected)


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("", "line 0", "the number of nodes"),
        ("1 1\n2\n3 x", "line 3", "demand 1 of node 1"),
        ("1 1\n2\n-3", "line 3", "the duration of node 1"),
        ("1 0\n3 1 2", "line 2", "a successor of node 1, from 1 to 1"),
        ("1 0\n3 0\n7", "line 3", "the end of the text"),
        ("2 0\n3 0", "line 2", "the duration of node 2"),
    ],
)
def test_a_wrong_patterson_file_is_refused_by_line(text: str, line: str, expected: str) -> None:
    with pytest.raises(ms.ValidationError) as caught:
        parse_patterson(text)
    assert (caught.value.argument, caught.value.expected) == (line, expected)


def test_a_cycle_is_named() -> None:
    with pytest.raises(ms.CycleError):
        parse_patterson("2 0  1 1 2  1 1 1")
