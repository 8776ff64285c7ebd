"""A search index over articles, with statistics: both need the terms of every article, few callers need phrases."""

import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import makespan as ms
from benches.suite.case import Case
from benches.suite.texts import paragraphs, vocabulary

WORD = re.compile(r"[a-z]+")
Index = dict[str, list[tuple[int, float]]]


@ms.step(pure=True)
def terms(article: str) -> Counter[str]:
    return Counter(word[:6] for word in WORD.findall(article.lower()))


@ms.step(pure=True)
def document_frequency(counted: list[Counter[str]]) -> Counter[str]:
    return Counter(term for counts in counted for term in counts)


@ms.step(pure=True)
def weights(counts: Counter[str], frequency: Counter[str], n_articles: int) -> dict[str, float]:
    return {term: count * math.log(n_articles / frequency[term] + 1) for term, count in counts.items()}


@ms.step(pure=True)
def postings(weighted: list[dict[str, float]]) -> Index:
    index = defaultdict(list)
    for article, found in enumerate(weighted):
        for term, weight in found.items():
            index[term].append((article, weight))
    return {term: sorted(index[term], key=lambda posting: -posting[1])[:20] for term in sorted(index)}


@ms.step(pure=True)
def pairs(article: str) -> Counter[tuple[str, str]]:
    words = WORD.findall(article.lower())
    return Counter(pairwise(words))


@ms.step(pure=True)
def most_common(counted: list[Counter[tuple[str, str]]]) -> list[tuple[tuple[str, str], int]]:
    total: Counter[tuple[str, str]] = Counter()
    for counts in counted:
        total.update(counts)
    return total.most_common(20)


def built(articles: list[str]) -> Index:
    counted = [terms(article) for article in articles]
    frequency = document_frequency(counted)
    return postings([weights(counts, frequency, len(articles)) for counts in counted])


def statistics(articles: list[str]) -> dict[str, object]:
    return {
        "frequency": document_frequency([terms(article) for article in articles]),
        "phrases": most_common([pairs(article) for article in articles]),
    }


@ms.workflow
def index(articles: list[str]) -> tuple[Index, object]:
    # The page of phrases is made by the same function, and not shown here.
    return built(articles), statistics(articles)["frequency"]


@contextmanager
def data(folder: Path, is_tiny: bool) -> Iterator[tuple[list[str]]]:
    del folder
    rng = random.Random(2)
    words = vocabulary(rng)
    yield ([paragraphs(rng, words, 2 if is_tiny else 45) for _ in range(3 if is_tiny else 60)],)


CASE = Case("search_index", index, data, "cpu", cached=frozenset({"terms", "document_frequency", "postings"}))
