"""A trace replayed, in the form of WfCommons' Montage: projections, differences of neighbors, one fit, corrections.

Tasks burn as much of a processor as the trace says, in a hash that leaves the interpreter, and wait for their files.
The trace is made by a seeded generator, because none may be downloaded; only its form is Montage's.
"""

import hashlib
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import makespan as ms
from benches.suite.case import Case

N_ITERATIONS_PER_MS = 1_500


@ms.step(pure=True)
def replayed(name: str, cpu_ms: float, wait_ms: float, inputs: list[bytes]) -> bytes:
    time.sleep(wait_ms / 1e3)
    salt = b"".join(inputs) + name.encode()
    return hashlib.pbkdf2_hmac("sha256", b"montage", salt, max(1, int(cpu_ms * N_ITERATIONS_PER_MS)))


@ms.workflow
def replay(tasks: list[dict[str, Any]]) -> bytes:
    results: dict[str, bytes] = {}
    for task in tasks:
        inputs = [results[parent] for parent in task["parents"]]
        results[task["name"]] = replayed(task["name"], task["cpu_ms"], task["wait_ms"], inputs)
    return results[tasks[-1]["name"]]


@contextmanager
def data(folder: Path, is_tiny: bool) -> Iterator[tuple[list[dict[str, Any]]]]:
    del folder
    rng = random.Random(8)
    n, scale = (3, 0.02) if is_tiny else (16, 1.0)
    tasks: list[dict[str, Any]] = []

    def add(name: str, mean_ms: float, parents: list[str]) -> None:
        cpu_ms, wait_ms = mean_ms * scale * rng.uniform(0.5, 1.5), 3 * scale * rng.uniform(0.5, 1.5)
        tasks.append({"name": name, "cpu_ms": cpu_ms, "wait_ms": wait_ms, "parents": parents})

    for i in range(n):
        add(f"project{i}", 15, [])
    for i in range(n - 1):
        add(f"difference{i}", 6, [f"project{i}", f"project{i + 1}"])
    add("fit", 20, [f"difference{i}" for i in range(n - 1)])
    for i in range(n):
        add(f"correct{i}", 8, [f"project{i}", "fit"])
    add("mosaic", 40, [f"correct{i}" for i in range(n)])
    yield (tasks,)


CASE = Case("trace", replay, data, "cpu", frozenset({"replayed"}), cached=frozenset({"replayed"}))
