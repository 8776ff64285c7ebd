"""Batch forms beside the same calls made one by one: a prepared run of the strategy ``batch`` ÷ ``serial()``."""

import sqlite3
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import makespan as ms
from benches.compare import at_depth, timed

N_CALLS = 1_000
N_ROUNDS = 15
N_DIMENSIONS = 64


def compare_with_serial(
    benchmark: Any, workflow: ms.WorkflowFunction[[], Any], is_same: Callable[[Any, Any], bool]
) -> None:
    """Time a prepared run, and `serial()` in the same rounds; the ratio of the medians stands in the extra info."""
    with ms.SequentialExecutionEngine("batch", 2) as engine:
        prepared = engine.prepare(workflow)
        expected = workflow.serial()
        n_calls = prepared.run().n_calls
        for _ in range(3):
            assert is_same(prepared.run().value, expected)
        serial_s: list[float] = []

        def run_serial() -> tuple[tuple[int, Callable[[], Any]], dict[str, Any]]:
            serial_s.append(timed(0, workflow.serial))
            return (0, lambda: prepared.run().value), {}

        value = benchmark.pedantic(at_depth, setup=run_serial, rounds=N_ROUNDS)
        assert is_same(value, expected)
        benchmark.extra_info["n_calls"] = (N_CALLS, n_calls)
        if not benchmark.disabled:
            benchmark.extra_info["ratio"] = benchmark.stats.stats.median / statistics.median(serial_s)
            print(f"\n{benchmark.name}: {benchmark.extra_info['ratio']:.3f} of serial(), {n_calls} calls")


@pytest.fixture
def database() -> Any:
    connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
    connection.execute("create table author (id integer primary key, name text)")
    rows = [(at, f"author {at}") for at in range(N_CALLS)]
    connection.executemany("insert into author values (?, ?)", rows)
    yield connection
    connection.close()


def bench_sqlite_look_ups(benchmark: Any, database: sqlite3.Connection) -> None:
    def names_of(ids: list[int]) -> list[str]:
        marks = ", ".join("?" * len(ids))
        found = dict(database.execute(f"select id, name from author where id in ({marks})", ids).fetchall())
        return [found[id_] for id_ in ids]

    @ms.step(reads="library", batch=names_of)
    def name_of(id_: int) -> str:
        return str(database.execute("select name from author where id = ?", [id_]).fetchone()[0])

    compare_with_serial(
        benchmark,
        ms.workflow(lambda: [name_of(id_) for id_ in range(N_CALLS)], name="names"),
        lambda value, expected: bool(value == expected),
    )


def bench_sqlite_writes(benchmark: Any, database: sqlite3.Connection) -> None:
    def rename_many(ids: list[int], names: list[str]) -> list[None]:
        database.executemany("insert or replace into author values (?, ?)", zip(ids, names, strict=True))
        return [None] * len(ids)

    @ms.step(writes="library", batch=rename_many)
    def rename(id_: int, name: str) -> None:
        database.execute("insert or replace into author values (?, ?)", [id_, name])

    @ms.step(reads="library")
    def first_names() -> list[Any]:
        return database.execute("select name from author order by id limit 10").fetchall()

    def renamed() -> Any:
        for id_ in range(N_CALLS):
            rename(id_, f"name {id_}")
        return first_names()

    compare_with_serial(benchmark, ms.workflow(renamed), lambda value, expected: bool(value == expected))


def bench_vectorized_norms(benchmark: Any) -> None:
    vectors = np.random.default_rng(0).normal(size=(N_CALLS, N_DIMENSIONS))

    def norms(rows: list[NDArray[np.float64]]) -> list[float]:
        found: list[float] = np.linalg.norm(np.stack(rows), axis=1).tolist()
        return found

    @ms.step(pure=True, batch=norms)
    def norm(row: NDArray[np.float64]) -> float:
        return float(np.linalg.norm(row))

    compare_with_serial(
        benchmark,
        ms.workflow(lambda: [norm(row) for row in vectors], name="norms"),
        lambda value, expected: bool(np.allclose(value, expected)),
    )
