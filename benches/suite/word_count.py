"""Words counted by map and reduce, in pure Python: threads cannot help, and nothing is done twice."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import makespan as ms
from benches.suite.case import Case
from benches.suite.texts import paragraphs, vocabulary


@ms.step(pure=True)
def counted(part: str) -> Counter[str]:
    return Counter(word.strip(".,").lower() for word in part.split())


@ms.step(pure=True)
def added(left: Counter[str], right: Counter[str]) -> Counter[str]:
    return left + right


@ms.workflow
def word_count(parts: list[str]) -> Counter[str]:
    counts = [counted(part) for part in parts]
    while len(counts) > 1:
        counts = [added(*counts[i : i + 2]) if i + 1 < len(counts) else counts[i] for i in range(0, len(counts), 2)]
    return counts[0]


@contextmanager
def data(folder: Path, is_tiny: bool) -> Iterator[tuple[list[str]]]:
    del folder
    rng = random.Random(7)
    words = vocabulary(rng)
    yield ([paragraphs(rng, words, 3 if is_tiny else 450) for _ in range(3 if is_tiny else 32)],)


CASE = Case("word_count", word_count, data, "cpu", cached=frozenset({"counted", "added"}))
