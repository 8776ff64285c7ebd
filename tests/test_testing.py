"""What "the same result" means, and what `makespan.testing` brings."""

import math
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from makespan import testing
from makespan.testing import assert_same, first_difference

Pair = namedtuple("Pair", "left right")


@dataclass
class Point:
    x: float
    y: object = None


def nest(depth: int, innermost: object) -> object:
    value = innermost
    for _ in range(depth):
        value = [value]
    return value


MAKERS: list[Callable[[], object]] = [
    lambda: 1,
    lambda: "text",
    lambda: math.nan,
    lambda: [1, (2.0, {"a": {3}})],
    lambda: Point(math.nan, [Point(1.0)]),
    lambda: Pair(1, [math.nan]),
    lambda: ValueError("no", 3),
    lambda: np.array([1.0, np.nan]),
    lambda: {"a": np.zeros((2, 3), dtype=np.int8)},
    lambda: np.array([1, "a", [2, None]], dtype=object),
    lambda: {frozenset({1, "a"}), (2, 3)},
    lambda: {math.nan, float("nan"), 1},
    lambda: {math.nan: 1},
    lambda: ExceptionGroup("two", [ValueError(1), TypeError()]),
    lambda: nest(100_000, "deep"),
]


@pytest.mark.parametrize("make", MAKERS)
def test_equal_values_are_the_same_without_identity(make: Callable[[], object]) -> None:
    assert_same(make(), make())


@pytest.mark.parametrize(
    ("actual", "expected", "place"),
    [
        (1, 1.0, "result"),
        (True, 1, "result"),
        ([1, 2], (1, 2), "result"),
        ([1, 2], [1], "result"),
        ([[1], [2, 3]], [[1], [2, 4]], "result[1][1]"),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, "result"),
        ({"a": [1]}, {"a": [2]}, "result['a'][0]"),
        (Point(1.0, "a"), Point(1.0, "b"), "result.y"),
        (Pair(1, 2), (1, 2), "result"),
        (ValueError("a"), ValueError("b"), "result.args[0]"),
        (ValueError("a"), TypeError("a"), "result"),
        (np.array([1, 2]), np.array([1, 3]), "result"),
        (np.array([1, 2]), np.array([1.0, 2.0]), "result"),
        (np.zeros((2, 3)), np.zeros((3, 2)), "result"),
        (np.array([0.0]), np.array([-0.0]), "result"),
        (np.array([1, [2]], dtype=object), np.array([1, [3]], dtype=object), "result.tolist()[1][0]"),
        ({1, 2}, {1, 3}, "result"),
        ({1, 2}, {1}, "result"),
        ({1, 2}, {True, 2}, "result{1}"),
        ({1: "a"}, {True: "a"}, "result"),
        (nest(10_000, 1), [1, 2], "result"),
        (nest(10_000, 1), nest(10_000, 2), "result" + "[0]" * 10_000),
    ],
)
def test_difference_is_named_by_its_place(actual: object, expected: object, place: str) -> None:
    difference = first_difference(actual, expected)
    assert difference is not None
    assert difference.startswith(f"{place} is ")
    with pytest.raises(AssertionError):
        assert_same(actual, expected)


def test_value_that_contains_itself_is_compared_once() -> None:
    left: list[object] = [1]
    right: list[object] = [1]
    left.append(left)
    right.append(right)
    assert_same(left, right)
    right[0] = 2
    assert first_difference(left, right) == "result[0] is 1 (int), expected 2 (int)"


class Silent:
    """Has no text to show."""

    def __repr__(self) -> str:
        raise LookupError


def test_difference_is_told_whatever_repr_does() -> None:
    assert first_difference([Silent()], [Silent()]) is not None
    assert "<Silent instance at" in str(first_difference(Silent(), 3))
    # An integer this long has no decimal text by default.
    assert first_difference(10**5000, 3) == "result is <repr raises ValueError> (int), expected 3 (int)"


def test_import_brings_no_numpy_before_it_is_needed() -> None:
    code = (
        "import sys, makespan.testing as t; print('numpy' in sys.modules, t.simulate.__name__, 'numpy' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "False simulate True\n"
    assert set(testing.__all__) <= set(dir(testing))
    with pytest.raises(AttributeError, match="no attribute 'simulated'"):
        testing.simulated  # type: ignore[attr-defined]  # noqa: B018
