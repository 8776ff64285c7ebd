"""Graphs that somebody has run: builds, workflows of science, queries; without them, layered graphs of our own."""

import json
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import makespan as ms
from benches.instances import layered
from benches.plan_instances import data

__all__ = ["FOLDERS", "RealGraph", "real_graphs", "source_of_graphs"]

FOLDERS = ["builds", "wfinstances", "estee", "tpch"]
"""Under `BENCH_DATA`."""
N_GENERATED = 3


@dataclass(frozen=True, eq=False)
class RealGraph:
    """Entry `i` of each column belongs to node `i`; bytes of results where they are known."""

    name: str
    family: str
    graph: ms.DependencyGraph
    durations: NDArray[np.float64]
    cores: NDArray[np.int64]
    sizes: NDArray[np.int64] | None


def source_of_graphs() -> str:
    return "graphs of BENCH_DATA" if data() else "BENCH_DATA is not set: generated layered graphs"


def real_graphs(folder_name: str) -> list[RealGraph]:
    """Return the graphs of a folder."""
    folder = data()
    if folder is None:
        return [generated(folder_name, seed) for seed in range(N_GENERATED)]
    with zipfile.ZipFile(folder / folder_name / f"{folder_name}.zip") as archive:
        members = sorted(member for member in archive.namelist() if member.endswith(".json"))
        return [published(folder_name, json.loads(archive.read(member))) for member in members]


def published(folder_name: str, stored: dict[str, Any]) -> RealGraph:
    tasks = stored["tasks"]
    ends = [(before, after) for after, each in enumerate(tasks) for before in each["deps"]]
    sources, targets = np.array(ends, np.int64).reshape(-1, 2).T
    # Multi-core graphs are a family of their own.
    family = stored["family"] if stored["family"] == "estee-rg" else folder_name
    return RealGraph(
        stored["name"],
        family,
        ms.DependencyGraph.from_edges(len(tasks), sources, targets),
        np.array([each["dur"] for each in tasks], np.float64),
        np.array([1 if each["cores"] is None else each["cores"] for each in tasks], np.int64),
        sizes_of(tasks),
    )


def sizes_of(tasks: list[dict[str, Any]]) -> NDArray[np.int64] | None:
    """Return the most bytes that a consumer takes of each result, nothing for the last ones; None if any is unknown."""
    sizes = np.zeros(len(tasks), np.int64)
    for each in tasks:
        if each["deps"] and (each["in"] is None or None in each["in"]):
            return None
        for before, size in zip(each["deps"], each["in"] or (), strict=True):
            sizes[before] = max(sizes[before], size)
    return sizes if sizes.any() else None


def generated(folder_name: str, seed: int) -> RealGraph:
    drawn = layered(f"{folder_name} {seed}", 10 + 5 * seed, 20)
    rng = np.random.default_rng([FOLDERS.index(folder_name), seed])
    is_wide = folder_name == "estee"
    return RealGraph(
        f"generated {folder_name}, seed {seed}",
        folder_name,
        ms.DependencyGraph.from_edges(drawn.n_nodes, drawn.sources, drawn.targets),
        np.round(rng.lognormal(0.0, 1.0, drawn.n_nodes), 3),
        rng.integers(1, 5 if is_wide else 2, drawn.n_nodes),
        rng.integers(1, 1_000_000, drawn.n_nodes),
    )
