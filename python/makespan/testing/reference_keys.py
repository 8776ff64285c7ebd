"""The canonical bytes of plain data, slowly: what keys are digests of."""

from __future__ import annotations

import math
import struct

from makespan import _core

__all__ = ["canonical_bytes", "fast_canonical_bytes"]

_CONSTANTS = {None: b"\x00", False: b"\x01", True: b"\x02", ...: b"\x03"}
_CONTAINERS: dict[type, int] = {tuple: 0x24, list: 0x25, dict: 0x26, set: 0x27, frozenset: 0x28}


def canonical_bytes(value: object) -> bytes:
    """Return the bytes that stand for a value of plain data, and for no other value.

    Parameters
    ----------
    value
        Values of exact built-in types, nested in any way.

    Returns
    -------
    bytes
        Tags, lengths and content.

    Raises
    ------
    TypeError
        It is not plain data.

    Examples
    --------
    >>> canonical_bytes((1, "a")).hex()
    '240208018161'
    """
    if value is None or value is ... or isinstance(value, bool):
        return _CONSTANTS[value]
    if type(value) is int:
        return _of_int(value)
    if type(value) is float:
        return b"\x05" + _bits(value)
    if type(value) is complex:
        return b"\x06" + _bits(value.real) + _bits(value.imag)
    if type(value) is str:
        return _of_text(value)
    if type(value) is bytes:
        return b"\x22" + _length(len(value)) + value
    if type(value) is bytearray:
        return b"\x23" + _length(len(value)) + bytes(value)
    return _of_container(value)


def fast_canonical_bytes(value: object) -> bytes:
    """Return the bytes that the native walk makes of a value.

    Parameters
    ----------
    value
        Whatever has a key.

    Returns
    -------
    bytes
        For plain data the same as `canonical_bytes`.

    Examples
    --------
    >>> fast_canonical_bytes(["a"]) == canonical_bytes(["a"])
    True
    """
    return _core.canonical_bytes(value)


def _of_int(value: int) -> bytes:
    if not -(2**63) <= value < 2**63:
        magnitude = abs(value).to_bytes((abs(value).bit_length() + 7) // 8, "little")
        return bytes([0x04, value < 0]) + _length(len(magnitude)) + magnitude
    n_bytes = next(n for n in range(1, 9) if -(2 ** (8 * n - 1)) <= value < 2 ** (8 * n - 1))
    return bytes([0x07 + n_bytes]) + value.to_bytes(n_bytes, "little", signed=True)


def _of_text(value: str) -> bytes:
    encoded = value.encode("utf-8", "surrogatepass")
    try:
        value.encode()
    except UnicodeEncodeError:
        return b"\x21" + _length(len(encoded)) + encoded
    return (bytes([0x80 + len(encoded)]) if len(encoded) < 64 else b"\x20" + _length(len(encoded))) + encoded


def _of_container(value: object) -> bytes:
    tag = _CONTAINERS.get(type(value))
    if tag is None:
        message = f"{type(value).__name__} is not plain data"
        raise TypeError(message)
    if isinstance(value, dict):
        members = [canonical_bytes(key) + canonical_bytes(member) for key, member in value.items()]
    else:
        assert isinstance(value, tuple | list | set | frozenset)
        members = [canonical_bytes(member) for member in value]
        if isinstance(value, set | frozenset):
            members.sort()
    return bytes([tag]) + _length(len(members)) + b"".join(members)


def _bits(value: float) -> bytes:
    return struct.pack("<Q", 0x7FF8 << 48) if math.isnan(value) else struct.pack("<d", value)


def _length(length: int) -> bytes:
    found = []
    while length >= 0x80:
        found.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([*found, length])
