"""When two results are the same: the definition behind "same results as `serial()`"."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass

__all__ = ["assert_same", "first_difference"]

Pair = tuple[str, object, object]


def assert_same(actual: object, expected: object) -> None:
    """Assert that two results are the same.

    The same means: of the same type, and `==`, with NaN equal to itself; containers and
    dataclasses member by member, dicts with their keys in the same order; arrays by dtype, shape
    and bits; exceptions by type and arguments. Identity does not matter.

    Parameters
    ----------
    actual, expected
        The two results, for instance of `workflow(...)` and of `workflow.serial(...)`.

    Raises
    ------
    AssertionError
        They differ; the message names the place of the first difference and both values.

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
    # Results may be nested deeper than the interpreter's stack, and may contain themselves.
    pending: list[Pair] = [("result", actual, expected)]
    seen: set[tuple[int, int]] = set()
    while pending:
        place, left, right = pending.pop()
        if left is right or (id(left), id(right)) in seen:
            continue
        members = pair_members(place, left, right)
        if members is None:
            return f"{place} is {describe(left)}, expected {describe(right)}"
        seen.add((id(left), id(right)))
        pending.extend(reversed(members))
    return None


def pair_members(place: str, left: object, right: object) -> list[Pair] | None:
    """Return the members that remain to be compared, None if the two differ already."""
    if type(left) is not type(right):
        return None
    if isinstance(left, BaseException) and isinstance(right, BaseException):
        return [(f"{place}.args", left.args, right.args)]
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        pairs = enumerate(zip(left, right, strict=False))
        same_length = len(left) == len(right)
        return [(f"{place}[{i}]", a, b) for i, (a, b) in pairs] if same_length else None
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        if list(left) != list(right):
            return None
        return [(f"{place}[{key!r}]", left[key], right[key]) for key in left]
    if is_dataclass(left) and not isinstance(left, type):
        return list(dataclass_members(place, left, right))
    return [] if is_same_leaf(left, right) else None


def dataclass_members(place: str, left: object, right: object) -> Iterator[Pair]:
    """Yield the fields that take part in comparison."""
    for field in fields(left):  # type: ignore[arg-type]
        if field.compare:
            name = field.name
            yield f"{place}.{name}", getattr(left, name), getattr(right, name)


def is_same_leaf(left: object, right: object) -> bool:
    """Compare what has no members: arrays by their bits, all else by `==`, NaN equal to itself."""
    if hasattr(left, "dtype") and hasattr(left, "tobytes") and hasattr(right, "tobytes"):
        same_kind = left.dtype == getattr(right, "dtype", None)
        same_shape = getattr(left, "shape", None) == getattr(right, "shape", None)
        return bool(same_kind and same_shape and left.tobytes() == right.tobytes())
    return bool(left == right) or bool(left != left and right != right)


def describe(value: object) -> str:
    """Return a value cut short, with its type."""
    text = repr(value)
    return f"{text if len(text) <= 80 else text[:77] + '...'} ({type(value).__name__})"
