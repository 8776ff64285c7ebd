"""Sales from CSV files into columns: cleaned for totals and again for outliers; nobody asks for the quality here."""

import csv
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import makespan as ms
from benches.suite.case import Case

Rows = list[list[str]]
Columns = dict[str, NDArray[np.float64]]


@ms.step(reads="files")
def load(path: Path) -> Rows:
    with path.open(newline="") as file:
        return list(csv.reader(file))[1:]


@ms.step(pure=True)
def clean(rows: Rows) -> Columns:
    kept = [(int(shop), float(amount), float(price)) for shop, amount, price in rows if amount and price]
    table = np.array(kept)
    return {"shop": table[:, 0], "revenue": table[:, 1] * table[:, 2]}


@ms.step(pure=True)
def totals(months: list[Columns]) -> dict[int, float]:
    shops = np.concatenate([month["shop"] for month in months]).astype(np.int64)
    revenue = np.concatenate([month["revenue"] for month in months])
    return dict(enumerate(np.bincount(shops, revenue).tolist()))


@ms.step(pure=True)
def outliers(month: Columns) -> list[float]:
    revenue = month["revenue"]
    low, high = np.percentile(revenue, [0.1, 99.9])
    return sorted(revenue[(revenue < low) | (revenue > high)].tolist())[:50]


@ms.step(pure=True)
def quality(rows: Rows) -> float:
    return sum(not all(row) for row in rows) / len(rows)


def report(months: list[Rows]) -> dict[str, object]:
    return {
        "totals": totals([clean(rows) for rows in months]),
        "outliers": [outliers(clean(rows)) for rows in months],
        "quality": [quality(rows) for rows in months],
    }


@ms.workflow
def sales(paths: list[Path]) -> tuple[object, object]:
    found = report([load(path) for path in paths])
    return found["totals"], found["outliers"]


@contextmanager
def data(folder: Path, is_tiny: bool) -> Iterator[tuple[list[Path]]]:
    rng = random.Random(4)
    paths = []
    for month in range(2 if is_tiny else 12):
        path = folder / f"{month}.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["shop", "amount", "price"])
            for _ in range(50 if is_tiny else 40_000):
                amount = "" if rng.random() < 0.01 else rng.randint(1, 9)
                writer.writerow([rng.randrange(40), amount, round(rng.uniform(1, 90), 2)])
        paths.append(path)
    yield (paths,)


CASE = Case("sales_etl", sales, data, "cpu", cached=frozenset({"clean", "outliers"}))
