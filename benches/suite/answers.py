"""Questions answered by a language model over passages: embeddings have a bulk endpoint, completions have not."""

import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import makespan as ms
from benches.suite.case import Case
from benches.suite.servers import ask, serving

Vector = list[float]


def embeddings(servers: list[str], texts: list[str]) -> list[Vector]:
    found: Any = ask(f"{servers[0]}/embed", texts)
    return list(found)


@ms.step(pure=True, batch=embeddings, max_batch=32)
def embedding(server: str, text: str) -> Vector:
    return embeddings([server], [text])[0]


@ms.step(pure=True)
def nearest(question: Vector, passages: list[Vector]) -> int:
    distances = [sum((a - b) ** 2 for a, b in zip(question, passage, strict=True)) for passage in passages]
    return distances.index(min(distances))


@ms.step(pure=True)
def prompt(question: str, passages: list[str], place: int) -> str:
    return f"Answer from this passage.\n{passages[place]}\nQuestion: {question}"


@ms.step(reads="model")
def completion(server: str, text: str) -> str:
    return str(ask(f"{server}/complete", text))


def answered(server: str, question: str, passages: list[str]) -> str:
    near = nearest(embedding(server, question), [embedding(server, passage) for passage in passages])
    return completion(server, prompt(question, passages, near))


@ms.workflow
def answers(server: str, questions: list[str], passages: list[str]) -> list[str]:
    return [answered(server, question, passages) for question in questions]


@contextmanager
def data(folder: Path, is_tiny: bool) -> Iterator[tuple[str, list[str], list[str]]]:
    del folder

    def answer(path: str, body: bytes) -> bytes:
        given = json.loads(body)
        if path == "/complete":
            return json.dumps(f"answer {zlib.crc32(body)}").encode()
        return json.dumps([[zlib.crc32(f"{text}{i}".encode()) / 2**32 for i in range(8)] for text in given]).encode()

    with serving(answer, 0.001 if is_tiny else 0.02) as server:
        n_questions, n_passages = (2, 3) if is_tiny else (6, 8)
        yield (
            server,
            [f"Question {i}?" for i in range(n_questions)],
            [f"Passage {i}." for i in range(n_passages)],
        )


CASE = Case(
    "answers", answers, data, "waiting", frozenset({"embedding", "completion"}), cached=frozenset({"embedding"})
)
