"""Keys of values: the same for equal values in every process, refused where nothing tells values apart."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import fractions
import os
import pathlib
import re
import sys
import types
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

from makespan import _core

__all__ = ["File", "key_of"]


def key_of(value: object) -> str:
    """Return the key of a value: a digest of its type and content that may be kept.

    It is the same in every process, whatever the hash seed, and on every machine.

    Parameters
    ----------
    value
        Plain data, arrays, tables of pandas and polars by their content, dates, numbers, paths (by name), `File` (by
        content), enums, named tuples and dataclasses, nested in any way. An object of another class has a key if its
        class has a method ``__makespan_key__()`` that returns a value which stands for it.

    Returns
    -------
    key
        64 hexadecimal digits.

    Raises
    ------
    UnkeyableError
        There is a value of another type in it; the message names the place.

    Notes
    -----
    Values of different types have different keys: ``1``, ``True`` and ``1.0``; ``""`` and ``b""``; a list and a tuple.
    So have ``0.0`` and ``-0.0``, and dicts whose keys are in different order, since a function can tell them apart. The
    order of sets does not matter, and every NaN is the same. Arrays count by dtype, shape and content, whatever their
    layout; dataclasses by the fields that are compared. What the methods of a class do is not part of the key.

    Examples
    --------
    >>> import makespan as ms
    >>> ms.key_of({"a": [1, 2]})[:16]
    'f6b92bfbf3d11c75'
    >>> ms.key_of({1, 2, 3}) == ms.key_of({3, 2, 1})
    True
    >>> ms.key_of([1, {"session": object()}])
    Traceback (most recent call last):
        ...
    makespan.exceptions.UnkeyableError: value[1]['session'] has no key: nothing is known of the type ...
    """
    return _core.durable_key(value)


class File:
    """A file that counts by what is in it, where a path counts by its name.

    Parameters
    ----------
    path
        Where it is. It is read each time that its key is made.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import makespan as ms
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "data.txt"
    ...     _ = path.write_text("one")
    ...     before = ms.key_of(ms.File(path))
    ...     _ = path.write_text("two")
    ...     before == ms.key_of(ms.File(path))
    False
    """

    __slots__ = ("path",)

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = pathlib.Path(path)
        """Where it is."""

    def __makespan_key__(self) -> bytes:
        return _core.file_digest(self.path)

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"File({str(self.path)!r})"


_PARTS: dict[type, Callable[[Any], object]] = {
    dt.date: lambda value: value.isoformat(),
    dt.time: lambda value: (value.replace(tzinfo=None).isoformat(), value.fold, value.tzinfo),
    dt.datetime: lambda value: (value.replace(tzinfo=None).isoformat(), value.fold, value.tzinfo),
    dt.timedelta: lambda value: (value.days, value.seconds, value.microseconds),
    dt.timezone: lambda value: (value.utcoffset(None), value.tzname(None)),
    decimal.Decimal: str,
    fractions.Fraction: lambda value: (value.numerator, value.denominator),
    uuid.UUID: lambda value: value.bytes,
    range: lambda value: (value.start, value.stop, value.step),
    slice: lambda value: (value.start, value.stop, value.step),
    OrderedDict: dict,
    re.Pattern: lambda value: (value.pattern, value.flags),
    deque: lambda value: (list(value), value.maxlen),
}


_REBUILT: dict[str, Callable[[Any], object]] = {
    "datetime.date": dt.date.fromisoformat,
    "datetime.time": lambda inner: dt.time.fromisoformat(inner[0]).replace(fold=inner[1], tzinfo=inner[2]),
    "datetime.datetime": lambda inner: dt.datetime.fromisoformat(inner[0]).replace(fold=inner[1], tzinfo=inner[2]),
    "datetime.timedelta": lambda inner: dt.timedelta(*inner),
    "datetime.timezone": lambda inner: dt.timezone(*inner),
    "zoneinfo.ZoneInfo": lambda inner: _zone(inner),
    "decimal.Decimal": decimal.Decimal,
    "fractions.Fraction": lambda inner: fractions.Fraction(*inner),
    "uuid.UUID": lambda inner: uuid.UUID(bytes=inner),
    "builtins.range": lambda inner: range(*inner),
    "builtins.slice": lambda inner: slice(*inner),
    "collections.OrderedDict": OrderedDict,
    "collections.deque": lambda inner: deque(*inner),
    **{
        f"pathlib.{kind.__name__}": kind
        for kind in (pathlib.PurePosixPath, pathlib.PureWindowsPath, type(pathlib.Path()))
    },
}
_NUMPY_SCALARS = (
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128 "
    "datetime64 timedelta64"
)
_REBUILT |= {f"numpy.{name}": lambda inner: array_of(inner[0], [1], inner[1])[0] for name in _NUMPY_SCALARS.split()}


def plain_bytes(value: object) -> bytes:
    """Return bytes that a value can be read from again, where nothing but plain data is in it.

    Parameters
    ----------
    value
        Plain data, arrays, dates, numbers, paths: what can be made again without running code that came with it.

    Returns
    -------
    bytes
        For `from_plain_bytes`.

    Raises
    ------
    UnkeyableError
        There is something else in it.

    Examples
    --------
    >>> from_plain_bytes(plain_bytes({"a": [1, 2.5]}))
    {'a': [1, 2.5]}
    """
    return _core.plain_bytes(value, "value", _REBUILT)


def from_plain_bytes(data: bytes) -> Any:
    """Return the value that bytes are of. Arrays in it are read-only.

    Parameters
    ----------
    data
        From `plain_bytes`.

    Returns
    -------
    value
        Equal in type and value to what the bytes were made of.

    Raises
    ------
    ValueError
        They were not made by `plain_bytes`.

    Examples
    --------
    >>> from_plain_bytes(plain_bytes((None, "a")))
    (None, 'a')
    """
    return _core.from_plain_bytes(data)


def rebuilt(name: str, inner: Any) -> object:
    """Make an object of what stood for it, for the native reader; only of the types of a fixed table."""
    rebuild = _REBUILT.get(name)
    if rebuild is None:
        message = f"nothing is known of how to read a {name} back"
        raise ValueError(message)
    return rebuild(inner)


def array_of(dtype: str, shape: list[int], content: bytes) -> Any:
    """Make an array of its content, which it does not own: nobody can write to it."""
    import numpy as np

    if not content:
        made = np.empty(shape, dtype)
        made.flags.writeable = False
        return made
    return np.frombuffer(content, dtype).reshape(shape)


def _zone(key: str) -> object:
    import zoneinfo

    return zoneinfo.ZoneInfo(key)


def parts(value: Any) -> tuple[str, object] | str:
    """Take an object apart, for the native walk; a text says why there is no way to.

    Parameters
    ----------
    value
        What is no exact built-in type of plain data and says nothing of its key itself.

    Returns
    -------
    parts
        Name of its type, and a value that stands for it within the type.
    """
    cls = type(value)
    name = _name_of(cls)
    known = _PARTS.get(cls)
    if known is not None:
        return name, known(value)
    if isinstance(value, type):
        return _named("type", value, _name_of(value))
    if isinstance(value, types.BuiltinFunctionType) and isinstance(value.__self__, types.ModuleType):
        return "builtin", f"{value.__self__.__name__}.{value.__qualname__}"
    found = _parts_of_array(value, cls, name)
    if found is None:
        found = _parts_of_frame(value, cls)
    if found is None:
        found = _parts_of_instance(value, cls)
    if found is None:
        return f"nothing is known of the type {name}"
    return _named(name, cls, found)


def _parts_of_instance(value: Any, cls: type) -> object:
    """Return what stands for an object of a class that says what it is made of; None where the class does not."""
    if isinstance(value, enum.Enum):
        return value.name, value.value
    if is_dataclass(cls):
        known = {field.name for field in fields(cls)}
        has_more = "__dataclass_fields__" not in vars(cls) or not known.issuperset(getattr(value, "__dict__", ()))
        if has_more or isinstance(value, list | dict | set | tuple | str | bytes | int | float):
            # A function can see what is in no field.
            return None
        compared = [field.name for field in fields(cls) if field.compare]
        return tuple((name, getattr(value, name)) for name in compared)
    if isinstance(value, tuple) and hasattr(cls, "_fields"):
        return None if getattr(value, "__dict__", None) else (cls._fields, tuple(value))
    if isinstance(value, pathlib.PurePath):
        return str(value)
    if cls.__module__ == "zoneinfo" and getattr(value, "key", None) is not None:
        return value.key
    return None


def _parts_of_array(value: Any, cls: type, name: str) -> object:
    """Return what stands for numbers and arrays of numpy, where it is loaded."""
    library = cls.__module__.partition(".")[0]
    if library == "numpy" and "numpy" in sys.modules:
        if name == "numpy.ndarray" and value.dtype.kind in "OTV":
            return repr(value.dtype), value.shape, value.tolist()
        if isinstance(value, sys.modules["numpy"].generic) and value.dtype.kind != "V":
            return value.dtype.str, value.tobytes()
        if isinstance(value, sys.modules["numpy"].dtype):
            return repr(value)
    return None


_PANDAS_SCALARS: dict[str, Callable[[Any], object]] = {
    "NAType": repr,
    "NaTType": repr,
    "Timestamp": lambda value: (value.isoformat(), value.unit, value.fold, str(value.tz)),
    "Timedelta": lambda value: (value.isoformat(), value.unit),
    "Interval": lambda value: (value.left, value.right, value.closed),
}


def _parts_of_frame(value: Any, cls: type) -> object:
    """Return what stands for tables, columns and what is in them, of the libraries that are loaded."""
    library = cls.__module__.partition(".")[0]
    loaded = sys.modules.get(library)
    if library == "polars" and loaded is not None:
        if cls is loaded.DataFrame:
            return [(column.name, _polars_column(column)) for column in value]
        return (value.name, _polars_column(value)) if cls is loaded.Series else None
    if library != "pandas" or loaded is None:
        return None
    if cls is loaded.DataFrame:
        columns = [_pandas_column(value.iloc[:, at]) for at in range(value.shape[1])]
        return value.columns, value.index, columns
    if cls is loaded.Series:
        return value.name, value.index, _pandas_column(value)
    if isinstance(value, loaded.Index):
        return list(value.names), _pandas_column(value)
    known = _PANDAS_SCALARS.get(cls.__name__)
    return None if known is None else (known(value),)


def _pandas_column(column: Any) -> object:
    """Return type and content of a column or an index."""
    dtype = column.dtype
    content = column.to_numpy() if hasattr(dtype, "char") and dtype.kind != "O" else column.tolist()
    categories = getattr(dtype, "categories", None)
    return str(dtype), content, None if categories is None else (categories.tolist(), dtype.ordered)


def _polars_column(column: Any) -> object:
    """Return type and content of a column."""
    is_plain = column.dtype.is_numeric() and not column.null_count() and not column.dtype.is_decimal()
    return str(column.dtype), column.to_numpy() if is_plain else column.to_list()


def _named(kind: str, cls: type, found: object) -> tuple[str, object] | str:
    """Return parts, unless nothing tells the class from others of its name."""
    name = _name_of(cls)
    return f"{name} is a class inside a function, which has no name of its own" if "<locals>" in name else (kind, found)


def _name_of(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
