"""Durations that were measured, in the order in which they were written down; without them, drawn ones."""

import json
import os
import re
import zipfile
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SETS", "SYNTHETIC", "Trace", "measured", "synthetic"]

SETS = ("wfinstances", "tpch")
"""Folders under `BENCH_DATA`: workflow runs, and stages of queries."""
SYNTHETIC = ("drift", "jump", "lognormal", "pareto", "sized", "cold start", "constant")
N_SAMPLES_MIN = 20
SEED = 20_261_127


@dataclass(frozen=True, eq=False)
class Trace:
    """What a run took: kind, seconds and size (-1: unknown) of each task of the kinds that are there often enough."""

    name: str
    kinds: list[str]
    seconds: NDArray[np.float64]
    sizes: NDArray[np.int64]


@cache
def measured(name: str) -> list[Trace]:
    """Read the runs of a set: none where `BENCH_DATA` does not say where they are."""
    folder = os.environ.get("BENCH_DATA")
    if folder is None:
        return []
    with zipfile.ZipFile(Path(folder) / name / f"{name}.zip") as archive:
        read = [json.loads(archive.read(member)) for member in sorted(archive.namelist())]
    return [trace for trace in map(trace_of, read) if trace.kinds]


def trace_of(read: Any) -> Trace:
    rows = []
    for task in read["tasks"]:
        seconds, inputs = float(task["dur"]), task["in"] or []
        # A barrier takes no time and says nothing.
        if seconds > 0:
            rows.append((re.sub(r"\d+", "", task["id"]), seconds, round(sum(size or 0 for size in inputs)) or -1))
    counts = Counter(kind for kind, _, _ in rows)
    often = [row for row in rows if counts[row[0]] >= N_SAMPLES_MIN]
    return Trace(
        str(read["name"]),
        [kind for kind, _, _ in often],
        np.array([seconds for _, seconds, _ in often], np.float64),
        np.array([size for _, _, size in often], np.int64),
    )


def synthetic(name: str, n_traces: int, n: int = 300) -> list[Trace]:
    """Draw traces of one kind each, all with the same law."""
    rng = np.random.default_rng([SEED, SYNTHETIC.index(name)])
    return [drawn(name, n, rng) for _ in range(n_traces)]


def drawn(name: str, n: int, rng: np.random.Generator) -> Trace:
    sizes = np.full(n, -1, np.int64)
    if name == "drift":
        seconds = np.exp(np.cumsum(rng.normal(0, 0.05, n)) + rng.normal(0, 0.2, n))
    elif name == "jump":
        seconds = np.exp(rng.normal(0, 0.2, n) + 2 * (np.arange(n) > n // 2))
    elif name == "lognormal":
        seconds = np.exp(rng.normal(0, 1, n))
    elif name == "pareto":
        seconds = 1 + rng.pareto(1.5, n)
    elif name == "sized":
        sizes = (10 ** rng.uniform(3, 7, n)).astype(np.int64)
        seconds = 1e-6 * sizes * np.exp(rng.normal(0, 0.2, n))
    elif name == "cold start":
        # Thirty kinds, each seen eight times, alike in how they spread and in nothing else.
        n_kinds, n_each = 30, 8
        scales = np.repeat(10 ** rng.uniform(-1, 2, n_kinds), n_each)
        seconds = scales * np.exp(rng.normal(0, 0.4, n_kinds * n_each))
        kinds = [f"kind {kind}" for kind in range(n_kinds) for _ in range(n_each)]
        return Trace(name, kinds, seconds, np.full(seconds.size, -1, np.int64))
    else:
        assert name == "constant"
        seconds = np.full(n, 0.37)
    return Trace(name, ["kind"] * n, seconds, sizes)
