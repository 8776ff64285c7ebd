"""Small rules over many orders: every step takes about a microsecond, so that an engine can only add to it."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import makespan as ms
from benches.suite.case import Case

Order = tuple[int, int, float]


@ms.step
def discounted(order: Order) -> float:
    _, amount, price = order
    return amount * price * (0.9 if amount > 10 else 1.0)


@ms.step
def taxed(net: float, country: int) -> float:
    return round(net * (1.19 if country else 1.07), 2)


@ms.step
def total(amounts: list[float]) -> float:
    return sum(amounts)


@ms.workflow
def invoices(orders: list[Order]) -> float:
    return total([taxed(discounted(order), order[0]) for order in orders])


@contextmanager
def data(folder: Path, is_tiny: bool) -> Iterator[tuple[list[Order]]]:
    del folder
    rng = random.Random(9)
    yield ([(rng.randrange(2), rng.randint(1, 30), rng.uniform(1, 50)) for _ in range(20 if is_tiny else 20_000)],)


CASE = Case("order_rules", invoices, data, "overhead")
