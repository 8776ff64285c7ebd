"""When two results are the same: the definition behind "same results as `serial()`"."""

from __future__ import annotations

import reprlib
from collections.abc import Hashable, Iterator, Mapping, Set
from dataclasses import fields, is_dataclass
from typing import Any, NamedTuple

__all__ = ["assert_same", "first_difference"]

_N_CHARACTERS_MAX = 80


def assert_same(actual: object, expected: object) -> None:
    """Assert that two results are the same.

    The same means: of the same type, and ``==``, with NaN equal to itself; containers and dataclasses member by member,
    dicts with their keys in the same order; arrays by dtype, shape and bits; exceptions by type and arguments. Identity
    does not matter.

    Parameters
    ----------
    actual, expected
        The two results, for instance of ``workflow(...)`` and of ``workflow.serial(...)``.

    Raises
    ------
    AssertionError
        They differ; the message names the place of the first difference and both values.

    Notes
    -----
    Without recursion: results may be nested deeper than the interpreter's stack, and may contain themselves.

    Examples
    --------
    >>> from makespan.testing import assert_same
    >>> assert_same([1, float("nan")], [1, float("nan")])
    >>> assert_same({"a": [1, 2]}, {"a": [1, 2.0]})
    Traceback (most recent call last):
        ...
    AssertionError: result['a'][1] is 2 (int), expected 2.0 (float)
    """
    difference = first_difference(actual, expected)
    if difference is not None:
        raise AssertionError(difference)


def first_difference(actual: object, expected: object) -> str | None:
    """Return where two results differ, None where they are the same.

    Parameters
    ----------
    actual, expected
        The two results; `assert_same` says when they are the same.

    Returns
    -------
    difference
        One sentence with the place and both values.

    Examples
    --------
    >>> from makespan.testing import first_difference
    >>> first_difference((1, 2), (1, 3))
    'result[1] is 2 (int), expected 3 (int)'
    """
    pending = [_Pair(None, "result", actual, expected)]
    seen: set[tuple[int, int]] = set()
    while pending:
        pair = pending.pop()
        left, right = pair.actual, pair.expected
        if left is right or (id(left), id(right)) in seen:
            continue
        members = _members(pair) if type(left) is type(right) else None
        if members is None:
            return f"{_place(pair)} is {_shown(left)}, expected {_shown(right)}"
        if members:
            # What has members is kept alive by the two results, so its address stays its own.
            seen.add((id(left), id(right)))
            pending.extend(reversed(members))
    return None


class _Pair(NamedTuple):
    """Two values to be compared, and where they stand: the step from the pair around them."""

    around: _Pair | None
    step: str
    actual: Any
    expected: Any


class _Missing:
    """Stands for a field without a value."""

    def __repr__(self) -> str:
        return "no value"


_MISSING = _Missing()


def _place(pair: _Pair) -> str:
    steps: list[str] = []
    inner: _Pair | None = pair
    while inner is not None:
        steps.append(inner.step)
        inner = inner.around
    return "".join(reversed(steps))


def _members(pair: _Pair) -> list[_Pair] | None:
    """Return the members that remain to be compared; None where the two, of one type, differ already."""
    left, right = pair.actual, pair.expected
    if isinstance(left, BaseException):
        return [_Pair(pair, ".args", left.args, right.args)]
    if isinstance(left, list | tuple):
        if len(left) != len(right):
            return None
        return [_Pair(pair, f"[{at}]", *both) for at, both in enumerate(zip(left, right, strict=True))]
    if isinstance(left, Mapping):
        return list(_mapping_members(pair)) if _has_same_keys(left, right) else None
    if isinstance(left, Set):
        return _set_members(pair)
    if is_dataclass(left) and not isinstance(left, type):
        return [
            _Pair(pair, f".{field.name}", getattr(left, field.name, _MISSING), getattr(right, field.name, _MISSING))
            for field in fields(left)
            if field.compare
        ]
    if hasattr(left, "dtype") and hasattr(left, "tobytes"):
        return _array_members(pair)
    return [] if _is_same_leaf(left, right) else None


def _has_same_keys(left: Mapping[Any, Any], right: Mapping[Any, Any]) -> bool:
    return len(left) == len(right) and all(
        type(ours) is type(theirs) and _is_same_leaf(ours, theirs) for ours, theirs in zip(left, right, strict=True)
    )


def _mapping_members(pair: _Pair) -> Iterator[_Pair]:
    for ours, theirs in zip(pair.actual.items(), pair.expected.items(), strict=True):
        yield _Pair(pair, f"[{_cut(ours[0])}]", ours[1], theirs[1])


def _set_members(pair: _Pair) -> list[_Pair] | None:
    """Pair the equal elements of two sets, so that their types are compared; NaNs are as many in both."""
    left, right = ([item for item in found if item == item] for found in (pair.actual, pair.expected))
    if len(pair.actual) != len(pair.expected) or len(left) != len(right):
        return None
    twins: dict[Hashable, Any] = {item: item for item in right}
    if any(item not in twins for item in left):
        return None
    return [_Pair(pair, f"{{{_cut(item)}}}", item, twins[item]) for item in left]


def _array_members(pair: _Pair) -> list[_Pair] | None:
    left, right = pair.actual, pair.expected
    if left.dtype != right.dtype or getattr(left, "shape", None) != getattr(right, "shape", None):
        return None
    if getattr(left.dtype, "hasobject", False):
        # The bits of an array of objects are addresses.
        return [_Pair(pair, ".tolist()", left.tolist(), right.tolist())]
    return [] if left.tobytes() == right.tobytes() else None


def _is_same_leaf(left: Any, right: Any) -> bool:
    """Compare what has no members: by ``==``, and NaN is equal to itself."""
    return bool(left == right) or bool(left != left and right != right)


def _shown(value: object) -> str:
    return f"{_cut(value)} ({type(value).__name__})"


def _cut(value: object) -> str:
    """Show a value in a few characters, whatever its nesting and its ``repr`` do."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = _N_CHARACTERS_MAX
    try:
        text = short.repr(value)
    except Exception as error:  # noqa: BLE001 (somebody else's __repr__)
        text = f"<repr raises {type(error).__name__}>"
    return text if len(text) <= _N_CHARACTERS_MAX else text[: _N_CHARACTERS_MAX - 3] + "..."
