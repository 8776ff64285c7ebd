"""Reports from SQLite: aggregates over a table, and the customers of open orders, looked up one by one."""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import makespan as ms
from benches.suite.case import Case

Row = tuple[object, ...]
SELECT = "select id, name, city from customers where id in ({})"


def queried(database: Path, query: str, values: tuple[object, ...] = ()) -> list[Row]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute(query, values).fetchall()


def customers(databases: list[Path], numbers: list[int]) -> list[Row]:
    known: dict[object, Row] = {}
    for database in dict.fromkeys(databases):
        wanted = sorted(set(numbers))
        known |= {row[0]: row for row in queried(database, SELECT.format(", ".join("?" * len(wanted))), tuple(wanted))}
    return [known[number] for number in numbers]


@ms.step(pure=True, batch=customers)
def customer(database: Path, number: int) -> Row:
    return customers([database], [number])[0]


@ms.step(reads="sales")
def by_group(database: Path, group: str) -> list[Row]:
    query = f"select {group}, count(*), sum(cents), avg(cents) from orders group by {group} order by {group}"
    return queried(database, query)


@ms.step(reads="sales")
def largest(database: Path, region: int) -> list[Row]:
    query = "select id, cents from orders where region = ? order by cents desc, id limit 10"
    return queried(database, query, (region,))


@ms.step(pure=True)
def address(order: int, found: Row) -> str:
    return f"order {order}: {found[1]}, {found[2]}"


@ms.workflow
def reports(database: Path, open_orders: list[tuple[int, int]]) -> dict[str, object]:
    return {
        "groups": [by_group(database, group) for group in ("region", "customer % 50", "day", "product")],
        "largest": [largest(database, region) for region in range(6)],
        "addresses": [address(order, customer(database, number)) for order, number in open_orders],
    }


@contextmanager
def data(folder: Path, is_tiny: bool) -> Iterator[tuple[Path, list[tuple[int, int]]]]:
    rng = random.Random(5)
    database = folder / "shop.sqlite"
    n_orders, n_customers, n_open = (200, 20, 10) if is_tiny else (250_000, 5_000, 400)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("create table customers (id integer primary key, name, city)")
        connection.execute("create table orders (id integer primary key, customer, region, day, product, cents)")
        people = ((i, f"Customer {i}", f"City {i % 90}") for i in range(n_customers))
        connection.executemany("insert into customers values (?, ?, ?)", people)
        bought = (
            (
                i,
                rng.randrange(n_customers),
                rng.randrange(6),
                rng.randrange(365),
                rng.randrange(300),
                rng.randrange(99_999),
            )
            for i in range(n_orders)
        )
        connection.executemany("insert into orders values (?, ?, ?, ?, ?, ?)", bought)
    yield database, [(i, rng.randrange(n_customers)) for i in range(n_open)]


CASE = Case("sqlite_reports", reports, data, "cpu", frozenset({"by_group", "largest"}), cached=frozenset({"customer"}))
