"""A crawl of a local server: pages with their authors' profiles; authors write many pages."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import makespan as ms
from benches.suite.case import Case
from benches.suite.servers import fetch, serving

LINK = re.compile(r'href="([^"]+)"')


@ms.step(reads="site")
def page(url: str) -> str:
    return fetch(url)


@ms.step(pure=True)
def profile(site: str, author: int) -> str:
    return fetch(f"{site}/author/{author}")


@ms.step(pure=True)
def links(text: str) -> list[str]:
    return LINK.findall(text)


@ms.step(pure=True)
def summary(text: str, found: list[str], by: str) -> tuple[int, list[str], str]:
    return len(text), found, by


@ms.workflow
def crawl(site: str, authors: list[int]) -> list[tuple[int, list[str], str]]:
    found = []
    for number, author in enumerate(authors):
        text = page(f"{site}/page/{number}")
        found.append(summary(text, links(text), profile(site, author)))
    return found


@contextmanager
def data(folder: Path, is_tiny: bool) -> Iterator[tuple[str, list[int]]]:
    del folder
    n_pages = 4 if is_tiny else 24

    def answer(path: str, body: bytes) -> bytes:
        del body
        return f'{path} <a href="{path}/next">next</a>'.encode()

    with serving(answer, 0.001 if is_tiny else 0.015) as site:
        yield site, [number % 6 for number in range(n_pages)]


CASE = Case("crawl", crawl, data, "waiting", frozenset({"page", "profile"}), cached=frozenset({"profile"}))
