"""A backup's manifest: each file hashed and compressed, duplicates found; files are there in several copies."""

import hashlib
import lzma
import random
import zlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import makespan as ms
from benches.suite.case import Case
from benches.suite.texts import paragraphs, vocabulary


@ms.step(reads="files")
def read(path: Path) -> bytes:
    return path.read_bytes()


@ms.step(pure=True)
def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@ms.step(pure=True)
def packed_size(content: bytes) -> int:
    return len(lzma.compress(content, preset=1))


@ms.step(pure=True)
def quick_size(content: bytes) -> int:
    return len(zlib.compress(content, 6))


@ms.step(pure=True)
def entry(path: Path, digest: str, packed: int, quick: int) -> tuple[str, str, int, int]:
    return path.name, digest, packed, quick


@ms.step(pure=True)
def duplicates(paths: list[Path], digests: list[str]) -> list[list[str]]:
    same = defaultdict(list)
    for path, digest in zip(paths, digests, strict=True):
        same[digest].append(path.name)
    return [names for names in same.values() if len(names) > 1]


def described(path: Path) -> tuple[str, str, int, int]:
    content = read(path)
    return entry(path, sha256(content), packed_size(content), quick_size(content))


def found_twice(paths: list[Path]) -> list[list[str]]:
    return duplicates(paths, [sha256(read(path)) for path in paths])


@ms.workflow
def manifest(paths: list[Path]) -> tuple[list[tuple[str, str, int, int]], list[list[str]]]:
    return [described(path) for path in paths], found_twice(paths)


@contextmanager
def data(folder: Path, is_tiny: bool) -> Iterator[tuple[list[Path]]]:
    rng = random.Random(1)
    words = vocabulary(rng)
    paths = []
    for place in range(4 if is_tiny else 28):
        path = folder / f"{place}.txt"
        copied = place % 4 == 3
        path.write_text(
            (folder / f"{place - 1}.txt").read_text() if copied else paragraphs(rng, words, 2 if is_tiny else 250)
        )
        paths.append(path)
    yield (paths,)


FREES = frozenset({"sha256", "packed_size", "quick_size"})
CASE = Case("file_analysis", manifest, data, "cpu", FREES, cached=frozenset({"packed_size", "quick_size"}))
