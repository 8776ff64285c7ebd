"""Keys of values: what they tell apart, what they refuse, and that they stay what they are."""

import datetime as dt
import decimal
import enum
import fractions
import os
import pathlib
import subprocess
import sys
import uuid
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pytest

import makespan as ms


class Color(enum.Enum):
    RED = 1
    GREEN = 2


class Level(enum.IntEnum):
    LOW = 1


class Pair(NamedTuple):
    left: int
    right: int


@dataclass
class Point:
    x: object
    y: object = 0
    seen: int = field(default=0, compare=False)


@dataclass
class OtherPoint:
    x: object
    y: object = 0


class Own:
    def __init__(self, number: int) -> None:
        self.number = number

    def __makespan_key__(self) -> object:
        return self.number


LOOK_ALIKES: list[object] = [
    *(0, 0.0, -0.0, False, None, "", b"", (), [], {}, set(), frozenset(), bytearray(), 0j, ...),
    *(1, True, 1.0, "1", b"1", bytearray(b"1"), (1,), [1], {1}, frozenset({1}), {1: None}, 1 + 0j, 2**64, -(2**64)),
    *([[1], [2]], [[1, 2]], [[], [1, 2]], ["a", "bc"], ["ab", "c"], {"a": 1, "b": 2}, {"b": 2, "a": 1}),
    *(float("nan"), float("inf"), "nan", "\ud800", "\\ud800"),
    *(Color.RED, Color.GREEN, Level.LOW, Pair(1, 2), (1, 2), [1, 2], deque([1, 2]), deque([1, 2], 5), range(1, 3)),
    *(Point(1, 2), Point(2, 1), OtherPoint(1, 2), Own(1), Own(2), Point, OtherPoint, len, sum, int, slice(1, 2, None)),
    *(decimal.Decimal("1.0"), decimal.Decimal("1.00"), fractions.Fraction(1, 2), uuid.UUID(int=1)),
    *(dt.date(2026, 1, 1), dt.datetime(2026, 1, 1), dt.time(0), dt.timedelta(0)),
    dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    dt.datetime(2026, 1, 1, fold=1),
    *(OrderedDict(a=1), pathlib.PurePosixPath("a"), pathlib.PureWindowsPath("a"), "a"),
    *(np.float64(1), np.float32(1), np.int64(1), np.array(1), np.array([1]), np.array([[1]]), np.array([1.0])),
    *(np.array([1], "i4"), np.array([1], ">i8"), np.array(["a"]), np.array(["a"], object), np.array([b"a"])),
    *(np.array([(1, 2)], "i4,i4"), np.array([0], "M8[s]"), np.array([0], "M8[ms]"), np.zeros((0, 2)), np.zeros((2, 0))),
]


def test_look_alikes_have_different_keys() -> None:
    keys = [ms.key_of(value) for value in LOOK_ALIKES]
    same = [(left, right) for left, right in combinations(range(len(keys)), 2) if keys[left] == keys[right]]
    assert [(LOOK_ALIKES[left], LOOK_ALIKES[right]) for left, right in same] == []


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (float("nan"), -float("nan")),
        ({1, 2, "a"}, {"a", 2, 1}),
        (Point(1, 2, seen=1), Point(1, 2, seen=2)),
        (np.arange(6).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3))),
        (np.arange(10)[::2], np.array([0, 2, 4, 6, 8])),
        ("aé", "".join(["a", "é"])),
    ],
)
def test_equal_values_have_equal_keys(left: object, right: object) -> None:
    assert ms.key_of(left) == ms.key_of(right)


# A change here makes every kept key miss.
GOLDEN = {
    "(1, 'a', None, 2.5)": "d0ea6ea13f95c2346bebdaecb36fffd22e9f23c14d49b75fd3aa1cb7580f84e7",
    "{'a': [True, b'x'], 'b': {1, 2, 3}}": "919dc47dcc1b7920d837f6649f81a11dbf72d371602cdbf21131e7126f6f4221",
    "[2 ** 100, -0.0, frozenset({'x', 'y', 'z'})]": "8b6e4f3c4370921224a3c6e8ddf190e29752a838e8560b8a4f62f1a466985d6a",
}
PROGRAM = "import makespan as ms; print(*[ms.key_of(eval(text)) for text in {texts!r}])"


@pytest.mark.parametrize("seed", ["0", "1", "4294967295"])
def test_keys_are_the_same_in_every_process(seed: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(texts=list(GOLDEN))],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.split() == list(GOLDEN.values())


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (object(), "value"),
        ([1, {"x": (object(),)}], "value[1]['x'][0]"),
        ({(1, object()): 1}, "value.keys()[1]"),
        (Point(1, object()), "value[1][1]"),
        (np.array([object()], object), "value[2][0]"),
        (lambda: None, "value"),
    ],
)
def test_unknown_type_is_refused_with_its_path(value: object, path: str) -> None:
    with pytest.raises(ms.UnkeyableError, match="nothing is known of the type") as caught:
        ms.key_of(value)
    assert caught.value.path == path


def test_value_that_contains_itself_is_refused() -> None:
    ring: list[object] = []
    ring.append(ring)
    with pytest.raises(ms.UnkeyableError, match="contains itself"):
        ms.key_of(ring)


def test_classes_inside_functions_have_no_key() -> None:
    @dataclass
    class Local:
        x: int

    class LocalOwn(Own):
        pass

    for value in (Local(1), Local, LocalOwn(1)):
        with pytest.raises(ms.UnkeyableError, match="inside a function"):
            ms.key_of(value)


def test_error_of_the_hook_comes_through() -> None:
    class Broken:
        def __makespan_key__(self) -> object:
            raise LookupError

    Broken.__qualname__ = "Broken"
    with pytest.raises(LookupError):
        ms.key_of(Broken())


def test_subclasses_of_plain_types_are_not_taken_for_them() -> None:
    class Text(str):
        pass

    Text.__qualname__ = "Text"
    with pytest.raises(ms.UnkeyableError):
        ms.key_of(Text("a"))


def test_files_count_by_content_and_paths_by_name(tmp_path: pathlib.Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for path in (first, second):
        path.write_bytes(b"same")
    assert ms.key_of(first) != ms.key_of(second)
    assert ms.key_of(ms.File(first)) == ms.key_of(ms.File(second))
    second.write_bytes(b"other")
    assert ms.key_of(ms.File(first)) != ms.key_of(ms.File(second))
    assert os.fspath(ms.File(first)) == str(first)
    with pytest.raises(FileNotFoundError):
        ms.key_of(ms.File(tmp_path / "missing"))
