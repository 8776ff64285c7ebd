"""Problems to plan whose best known makespans are published; without them, problems of our own generator."""

import csv
import io
import os
import zipfile
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from makespan.formats import PlanProblem, parse_patterson, parse_psplib
from makespan.testing import generated_problem
from makespan.testing.reference_planner import violations

__all__ = ["SETS", "PlanInstance", "data", "instances", "refuse_broken", "set_size", "source"]

SETS = {"j30": "psplib_j30", "j60": "psplib_j60", "j120": "psplib_j120", "rg300": "rg300"}
"""Names of the literature, and the folders under `BENCH_DATA` that hold them."""
SIZES = {"j30": 30, "j60": 60, "j120": 120, "rg300": 300}
SEED = 20_261_127
N_GENERATED = 40
"""How many instances stand for a whole set where `BENCH_DATA` is absent."""


@dataclass(frozen=True, eq=False)
class PlanInstance:
    """A problem; no schedule is shorter than `lower_bound`; some schedule is `best_known` long, if that is known."""

    name: str
    problem: PlanProblem
    lower_bound: float
    best_known: float | None


def data() -> Path | None:
    folder = os.environ.get("BENCH_DATA")
    return None if folder is None else Path(folder)


def source(name: str, n_instances: int) -> str:
    """Say where the instances of a set are from."""
    if not data():
        where = "generated; above our own lower bound"
    elif n_instances == set_size(name):
        where = f"all of {SETS[name]}"
    else:
        where = f"seeded sample of {SETS[name]}"
    return f"{n_instances} instances, {where}"


@cache
def set_size(name: str) -> int:
    """Return how many instances a set has."""
    folder = data()
    return N_GENERATED if folder is None else len(bounds(folder / SETS[name]))


def bounds(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / "bounds.csv").read_text())))


@cache
def instances(name: str, n_instances: int) -> list[PlanInstance]:
    """Draw instances of a set: one from each stretch of its list, which goes through the parameters in order."""
    folder, rng = data(), np.random.default_rng(SEED)
    if folder is None:
        return [generated(SIZES[name], seed) for seed in range(n_instances)]
    folder /= SETS[name]
    rows = bounds(folder)
    borders = np.linspace(0, len(rows), n_instances + 1).astype(np.int64)
    chosen = [rows[int(rng.integers(begin, end))] for begin, end in pairwise(borders)]
    with zipfile.ZipFile(folder / f"{SETS[name]}.zip") as archive:
        members = {Path(member).name: member for member in archive.namelist()}
        return [published(row, archive.read(members[row["instance"]]).decode()) for row in chosen]


def published(row: dict[str, str], text: str) -> PlanInstance:
    problem = parse_psplib(text) if row["instance"].endswith(".sm") else parse_patterson(text)
    return PlanInstance(row["instance"], problem, float(row["lb"]), float(row["ub"]))


def generated(n_nodes: int, seed: int) -> PlanInstance:
    problem = generated_problem(n_nodes, resource_strength=0.2, seed=seed)
    return PlanInstance(f"generated {n_nodes}, seed {seed}", problem, 0.0, None)


def refuse_broken(instance: PlanInstance, start: list[float], makespan: float) -> None:
    """Check a schedule of anybody by plain Python, and against the best known lower bound."""
    problem = instance.problem
    edges = list(zip(*(ends.tolist() for ends in problem.graph.edges()), strict=True))
    columns = problem.durations.tolist(), problem.demands.tolist(), problem.capacities.tolist()
    assert list(violations(edges, *columns, start)) == [], instance.name
    last = max(begin + duration for begin, duration in zip(start, columns[0], strict=True))
    assert abs(makespan - last) < 1e-9 * last, instance.name
    assert makespan >= instance.lower_bound, instance.name
