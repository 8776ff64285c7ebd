"""A documentation site: pages, contents and search from sources that each of the three parses for itself."""

import html
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import makespan as ms
from benches.suite.case import Case
from benches.suite.texts import paragraphs, vocabulary

Block = tuple[str, str]
WORD = re.compile(r"[a-z]{4,}")
LINKED = re.compile(r"\b(ba\w+)")


@ms.step(pure=True)
def parsed(source: str) -> list[Block]:
    blocks = []
    for text in source.split("\n\n"):
        kind = "h2" if text.startswith("## ") else "p"
        blocks.append((kind, LINKED.sub(r"<a>\1</a>", html.escape(text.removeprefix("## ")))))
    return blocks


@ms.step(pure=True)
def rendered(blocks: list[Block], contents: list[str]) -> str:
    menu = "".join(f"<li>{title}</li>" for title in contents)
    return f"<ul>{menu}</ul>" + "\n".join(f"<{kind}>{text}</{kind}>" for kind, text in blocks)


@ms.step(pure=True)
def titles(pages: list[list[Block]]) -> list[str]:
    return [text for blocks in pages for kind, text in blocks if kind == "h2"]


@ms.step(pure=True)
def words(blocks: list[Block]) -> list[str]:
    return sorted({word for _, text in blocks for word in WORD.findall(text)})


@ms.step(writes="site")
def written(folder: Path, name: str, text: str) -> int:
    return (folder / name).write_text(text)


@ms.workflow
def site(sources: list[str], folder: Path) -> tuple[list[int], list[list[str]]]:
    contents = titles([parsed(source) for source in sources])
    sizes = [written(folder, f"{i}.html", rendered(parsed(source), contents)) for i, source in enumerate(sources)]
    return sizes, [words(parsed(source)) for source in sources]


@contextmanager
def data(folder: Path, is_tiny: bool) -> Iterator[tuple[list[str], Path]]:
    rng = random.Random(6)
    known = vocabulary(rng)
    n_sources, n_chapters = (3, 2) if is_tiny else (60, 10)

    def source() -> str:
        return "\n\n".join(f"## {known[i]}\n\n{paragraphs(rng, known, 8)}" for i in range(n_chapters))

    yield [source() for _ in range(n_sources)], folder


CASE = Case("documents", site, data, "cpu", cached=frozenset({"parsed", "rendered", "words"}))
