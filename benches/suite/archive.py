"""One big step between two small ones: an archive is compressed as a whole, and nothing can be done beside it."""

import lzma
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import makespan as ms
from benches.suite.case import Case
from benches.suite.texts import paragraphs, vocabulary


@ms.step(pure=True)
def joined(parts: list[str]) -> bytes:
    return "\n".join(parts).encode()


@ms.step(pure=True)
def compressed(content: bytes) -> bytes:
    return lzma.compress(content, preset=6)


@ms.step(pure=True)
def ratio(content: bytes, packed: bytes) -> float:
    return len(packed) / len(content)


@ms.workflow
def archive(parts: list[str]) -> tuple[float, bytes]:
    content = joined(parts)
    packed = compressed(content)
    return ratio(content, packed), packed


@contextmanager
def data(folder: Path, is_tiny: bool) -> Iterator[tuple[list[str]]]:
    del folder
    rng = random.Random(10)
    words = vocabulary(rng)
    yield ([paragraphs(rng, words, 2 if is_tiny else 400) for _ in range(2 if is_tiny else 8)],)


CASE = Case("archive", archive, data, "cpu", frozenset({"compressed"}), cached=frozenset({"compressed"}))
