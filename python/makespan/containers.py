"""Containers that handles are found in: how named tuples and dataclasses are taken apart and rebuilt."""

from __future__ import annotations

import functools
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["open_container"]


def open_container(value: Any) -> tuple[Callable[..., Any], list[Any]] | None:
    """Take a named tuple or a dataclass apart: a function that builds an equal one, and the values for it.

    Parameters
    ----------
    value
        Any object.

    Returns
    -------
    parts
        None where it is neither.

    Examples
    --------
    >>> from collections import namedtuple
    >>> rebuild, values = open_container(namedtuple("Point", "x y")(1, 2))
    >>> rebuild(3, *values[1:])
    Point(x=3, y=2)
    """
    cls = type(value)
    if isinstance(value, tuple) and hasattr(cls, "_make"):
        return (lambda *items: cls._make(items)), list(value)
    fields = getattr(cls, "__dataclass_fields__", None)
    if fields is None or isinstance(value, type):
        return None
    names = [name for name in fields if _is_stored(value, name)]
    return functools.partial(_rebuilt, value, names), [object.__getattribute__(value, name) for name in names]


def _is_stored(value: Any, name: str) -> bool:
    """Tell whether the instance itself has the field, in its dict or in a slot that is set."""
    if name in getattr(value, "__dict__", ()):
        return True
    if not isinstance(getattr(type(value), name, None), types.MemberDescriptorType):
        return False
    try:
        object.__getattribute__(value, name)
    except AttributeError:
        return False
    return True


def _rebuilt(value: Any, names: list[str], *items: Any) -> Any:
    """Copy a dataclass instance with other values of its fields; frozen ones too, and without ``__init__``."""
    import copy

    twin = copy.copy(value)
    for name, item in zip(names, items, strict=True):
        object.__setattr__(twin, name, item)
    return twin
