"""Calls of one step become one call of its batch form: with the same results, and the failure where it belongs."""

import json
import signal
import sqlite3
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import makespan as ms
from makespan.abc import Batching
from makespan.testing import assert_same

Sizes = list[int]


def engine_of(workers: int = 1, *, resources: dict[str, float | str] | None = None, **options: Any) -> Any:
    return ms.SequentialExecutionEngine(ms.BatchSequentialStrategy(**options), workers, resources=resources)


@pytest.fixture(params=[1, 2], ids=["alone", "two workers"])
def workers(request: pytest.FixtureRequest) -> int:
    found: int = request.param
    return found


# Real batch forms


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
    connection.execute("create table book (id integer primary key, author integer, title text)")
    connection.execute("create table author (id integer primary key, name text)")
    connection.executemany("insert into author values (?, ?)", [(at, f"author {at}") for at in range(20)])
    connection.executemany("insert into book values (?, ?, ?)", [(at, at % 20, f"book {at}") for at in range(100)])
    yield connection
    connection.close()


def test_look_ups_in_a_database_become_a_few_statements(database: sqlite3.Connection, workers: int) -> None:
    # Counted here, not by a trace callback: that would wait for the interpreter while SQLite holds the lock of the
    # connection, for which another thread waits with the interpreter in its hands.
    statements: list[str] = []

    def authors_of(ids: list[int]) -> list[str]:
        statements.append("authors")
        marks = ", ".join("?" * len(ids))
        found = dict(database.execute(f"select id, name from author where id in ({marks})", ids).fetchall())
        return [found[id_] for id_ in ids]

    @ms.step(reads="library", batch=authors_of)
    def author_of(id_: int) -> str:
        statements.append("author")
        (name,) = database.execute("select name from author where id = ?", [id_]).fetchone()
        return str(name)

    @ms.step(reads="library")
    def books() -> list[tuple[int, str]]:
        statements.append("books")
        return database.execute("select author, title from book order by id").fetchall()

    @ms.step
    def shown(book: tuple[int, str], author: str) -> str:
        return f"{book[1]} by {author}"

    @ms.workflow
    def report(n: int) -> list[str]:
        found = books()
        return [shown(ms.get(found, at), author_of(ms.get(ms.get(found, at), 0))) for at in range(n)]

    expected = report.serial(100)
    assert len(statements) == 101
    statements.clear()
    with engine_of(workers, max_batch=50) as engine:
        for _ in range(2):
            run = engine.run(report, 100)
            assert_same(run.value, expected)
    assert len(statements) // 2 in range(3, 6)


def test_a_run_of_writes_becomes_a_few_statements_in_their_order(database: sqlite3.Connection, workers: int) -> None:
    sizes: Sizes = []

    def insert_many(ids: list[int], titles: list[str]) -> list[None]:
        sizes.append(len(ids))
        database.executemany("insert or replace into book values (?, 0, ?)", zip(ids, titles, strict=True))
        return [None] * len(ids)

    @ms.step(writes="library", batch=insert_many)
    def insert(id_: int, title: str) -> None:
        sizes.append(1)
        database.execute("insert or replace into book values (?, 0, ?)", [id_, title])

    @ms.step(reads="library")
    def titles() -> list[str]:
        return [title for (title,) in database.execute("select title from book where id < 3 order by id")]

    @ms.workflow
    def fill(n: int) -> tuple[list[str], list[str]]:
        for at in range(n):
            insert(at % 5, f"first {at}")
        between = titles()
        for at in range(n):
            insert(at % 7, f"second {at}")
        return between, titles()

    expected = fill.serial(200)
    assert sizes == [1] * 400
    for max_batch, expected_sizes in ((256, [200, 200]), (90, [90, 90, 20, 90, 90, 20])):
        sizes.clear()
        with engine_of(workers, max_batch=max_batch) as engine:
            assert_same(engine.run(fill, 200).value, expected)
        assert sizes == expected_sizes


def test_a_vectorized_function_is_called_once(workers: int) -> None:
    sizes: Sizes = []

    def norms(vectors: list[NDArray[np.float64]]) -> list[float]:
        sizes.append(len(vectors))
        return [float(norm) for norm in np.linalg.norm(np.stack(vectors), axis=1)]

    @ms.step(pure=True, batch=norms)
    def norm(vector: NDArray[np.float64]) -> float:
        return float(np.linalg.norm(vector[np.newaxis], axis=1)[0])

    @ms.step(pure=True)
    def vector(seed: int) -> NDArray[np.float64]:
        return np.random.default_rng(seed).normal(size=8)

    @ms.workflow
    def lengths(n: int) -> list[float]:
        return [norm(vector(seed)) for seed in range(n)]

    with engine_of(workers) as engine:
        run = engine.run(lengths, 64)
    assert_same(run.value, lengths.serial(64))
    assert sum(sizes) == 64
    assert run.n_calls - 64 == len(sizes) <= workers + 1


def test_results_may_be_an_array() -> None:
    @ms.step(batch=np.sqrt)
    def root(x: float) -> float:
        return float(np.sqrt(x))

    @ms.workflow
    def roots() -> list[float]:
        return [root(float(x)) for x in range(4)]

    with engine_of() as engine:
        run = engine.run(roots)
    assert run.value == roots.serial()
    assert run.n_calls == 1


class _Service(BaseHTTPRequestHandler):
    """Prices of articles: one by one, or several at once."""

    requests: list[str]

    def do_GET(self) -> None:
        self._answer(json.dumps(10 * int(self.path.rsplit("/", 1)[1])))

    def do_POST(self) -> None:
        ids = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(json.dumps([10 * id_ for id_ in ids]))

    def _answer(self, text: str) -> None:
        self.requests.append(f"{self.command} {self.path}")
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None: ...


@pytest.fixture
def service() -> Iterator[tuple[str, list[str]]]:
    requests: list[str] = []
    handler = type("Handler", (_Service,), {"requests": requests})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", requests
    server.shutdown()
    thread.join()
    server.server_close()


def test_requests_to_a_service_become_a_few(service: tuple[str, list[str]], workers: int) -> None:
    address, requests = service

    def asked(request: str | urllib.request.Request) -> Any:
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def prices(ids: list[int]) -> list[int]:
        found: list[int] = asked(urllib.request.Request(f"{address}/prices", json.dumps(ids).encode()))
        return found

    @ms.step(pure=True, batch=prices, max_batch=16)
    def price(id_: int) -> int:
        found: int = asked(f"{address}/price/{id_}")
        return found

    @ms.step
    def added(found: list[int]) -> int:
        return sum(found)

    @ms.workflow
    def total(n: int) -> int:
        return added([price(id_) for id_ in range(n)])

    expected = total.serial(40)
    assert len(requests) == 40
    requests.clear()
    with engine_of(workers) as engine:
        assert engine.run(total, 40).value == expected
    assert requests == ["POST /prices"] * 3


# How the form is called


def test_the_form_is_called_as_the_step_is_with_lists() -> None:
    seen: list[Any] = []

    def many(*columns: list[Any], **named: list[Any]) -> list[Any]:
        seen.append((columns, named))
        return list(zip(*columns, *named.values(), strict=True))

    @ms.step(batch=many)
    def pair(*values: Any, **named: Any) -> Any:
        return (*values, *named.values())

    @ms.step
    def one() -> int:
        return 1

    @ms.workflow
    def mixed() -> list[Any]:
        first = one()
        return [
            pair(1, [first, "a"]),
            pair(2, b=first),
            pair(3, {"k": first}),
            pair(4, b=5),
            pair(6, c=7),
            pair(),
            pair(),
        ]

    with engine_of() as engine:
        run = engine.run(mixed)
    assert_same(run.value, mixed.serial())
    assert seen == [(([1, 3], [[1, "a"], {"k": 1}]), {}), (([2, 4],), {"b": [1, 5]})]
    assert run.nodes.batch.tolist() == [-1, 0, 1, 0, 1, -1, -1, -1]
    assert run.nodes.batch_size.tolist() == [1, 2, 2, 2, 2, 1, 1, 1]


def test_results_that_are_unpacked_or_kept() -> None:
    @ms.step(batch=lambda xs: [(x, -x) for x in xs], outputs=2, keep=True)
    def both(x: int) -> tuple[int, int]:
        return x, -x

    @ms.workflow
    def pairs() -> list[int]:
        return [part for x in range(3) for part in both(x)]

    with engine_of() as engine:
        run = engine.run(pairs)
    assert run.value == pairs.serial()
    assert run.kept() == {f"pairs/both[{x}]": (x, -x) for x in range(3)}
    assert run.nodes.batch_size[:1].tolist() == [3]


def test_other_strategies_call_the_step(database: sqlite3.Connection) -> None:
    def many(xs: list[int]) -> list[int]:
        raise AssertionError(xs)

    square = ms.step(lambda x: x * x, name="square", batch=many)
    squares = ms.workflow(lambda n: [square(x) for x in range(n)], name="squares")
    for strategy in ("sequential", "optimized"):
        with ms.SequentialExecutionEngine(strategy, 2) as engine:
            run = engine.run(squares, 5)
            assert (run.value, run.n_calls) == ([0, 1, 4, 9, 16], 5)
            assert run.nodes.batch.tolist() == [-1] * 5
    with engine_of() as engine:
        without = ms.workflow(lambda n: [square.with_options(batch=None)(x) for x in range(n)], name="squares")
        assert engine.run(without, 5).n_calls == 5


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(0, 30),
    max_batch=st.integers(1, 12),
    min_batch=st.integers(1, 5),
    n_workers=st.integers(1, 3),
    is_chain=st.booleans(),
)
def test_each_call_is_made_once_and_reported_as_it_was(
    n: int, max_batch: int, min_batch: int, n_workers: int, is_chain: bool
) -> None:
    made: list[int] = []
    sizes: Sizes = []

    def many(xs: list[int]) -> list[int]:
        sizes.append(len(xs))
        made.extend(xs)
        return [x + 1 for x in xs]

    @ms.step(batch=many, writes="made" if is_chain else ())
    def one(x: int) -> int:
        sizes.append(1)
        made.append(x)
        return x + 1

    workflow = ms.workflow(lambda: [one(x) for x in range(n)], name="ones")
    with engine_of(n_workers, max_batch=max_batch, min_batch=min_batch) as engine:
        run = engine.run(workflow)
    assert run.value == [x + 1 for x in range(n)]
    assert sorted(made) == list(range(n))
    if is_chain:
        assert made == list(range(n))
    assert run.n_calls == len(sizes)
    assert all(size == 1 or min_batch <= size <= max_batch for size in sizes)
    assert sorted(run.nodes.batch_size.tolist()) == sorted(size for size in sizes for _ in range(size))
    assert len(sizes) == -(-n // max_batch) or min_batch > 2 or n_workers > 1


def test_times_of_a_batch_are_equal_parts_of_its_call() -> None:
    def many(xs: list[int]) -> list[int]:
        time.sleep(0.01)
        return xs

    step = ms.step(lambda x: x, name="step", batch=many)
    with engine_of() as engine:
        run = engine.run(ms.workflow(lambda: [step(x) for x in range(5)], name="five"))
    nodes = run.nodes
    assert np.allclose(nodes.duration_s, nodes.duration_s[0], rtol=1e-3)
    assert np.allclose(nodes.start_s[1:], nodes.finish_s[:-1])
    assert run.mean_concurrency == pytest.approx(1, rel=1e-3)
    assert "was called in a batch of 5 calls from five/step[0] on" in run.explain("step[3]")
    assert [node["batch"] for node in run.to_dict()["nodes"]] == [0] * 5
    assert run.to_dict()["n_calls"] == 1


# Failures


class TroubleError(Exception): ...


def failures_of(engine: Any, workflow: Any) -> Sequence[ms.StepFailedError]:
    with pytest.raises(ms.RunFailedError) as caught:
        engine.run(workflow)
    return caught.value.failures


def reciprocal(x: int) -> float:
    return 1 / x


def test_of_a_pure_step_those_fail_that_would_alone(workers: int) -> None:
    batches: list[list[int]] = []

    def many(xs: list[int]) -> list[float]:
        batches.append(xs)
        return [1 / x for x in xs]

    step = ms.step(reciprocal, pure=True, batch=many)
    workflow = ms.workflow(lambda: [step(x - 2) for x in range(5)], name="some")
    with engine_of(workers) as engine:
        failures = failures_of(engine, workflow)
    assert batches
    assert [str(failure) for failure in failures] == ["some/reciprocal[2] failed: ZeroDivisionError: division by zero"]


def test_of_other_steps_all_calls_of_the_batch_fail(workers: int) -> None:
    n_calls = 0

    def many(xs: list[int]) -> list[int]:
        nonlocal n_calls
        n_calls += 1
        raise TroubleError(len(xs))

    step = ms.step(lambda x: x, name="write", writes="log", batch=many)
    workflow = ms.workflow(lambda: [step(x) for x in range(3)], name="some")
    with engine_of(workers) as engine:
        failures = failures_of(engine, workflow)
    assert n_calls == 1
    assert [failure.index for failure in failures] == [0, 1, 2]
    assert {type(failure.__cause__) for failure in failures} == {TroubleError}
    assert failures[1].batch == ("some/write[0]", 3)
    assert str(failures[1]) == "some/write[1] failed in a batch of 3 calls from some/write[0] on: TroubleError: 3"


def test_a_form_tells_the_failure_of_one_call_by_its_result() -> None:
    step = ms.step(lambda x: x, name="step", batch=lambda xs: [ms.Failed(x) if x == 1 else x for x in xs])
    after = ms.step(lambda x: 10 * x, name="after")
    workflow = ms.workflow(lambda: [after(step(x)) for x in range(3)], name="some")
    with engine_of(stop_on_failure=False) as engine, pytest.raises(ms.RunFailedError) as caught:
        engine.run(workflow)
    run = caught.value.result
    assert run is not None
    assert [failure.path for failure in caught.value.failures] == ["some/step[1]"]
    assert run.nodes.outcome == ["finished", "finished", "failed", "skipped", "finished", "finished"]


@pytest.mark.parametrize(
    ("returned", "found"),
    [
        ([1], "1 results"),
        ([1, 2, 3], "3 results"),
        ({1: 1, 2: 2}, "dict"),
        ("ab", "str"),
        ({1, 2}, "set"),
        (None, "NoneType"),
        (iter([1, 2]), "list_iterator"),
    ],
)
def test_anything_but_one_result_per_call_is_an_error(returned: Any, found: str) -> None:
    step = ms.step(lambda x: x, name="step", pure=True, batch=lambda xs: returned)
    with engine_of() as engine:
        failures = failures_of(engine, ms.workflow(lambda: [step(1), step(2)], name="two"))
    assert len(failures) == 2
    cause = failures[0].__cause__
    assert isinstance(cause, ms.BatchResultError)
    assert (cause.step, cause.expected, cause.found) == ("step", 2, found)
    assert "was given 2 calls and must return a sequence of 2 results, in their order" in str(cause)


def test_what_depends_on_a_failed_batch_is_skipped_and_the_rest_goes_on() -> None:
    def many(xs: list[int]) -> list[int]:
        raise TroubleError

    step = ms.step(lambda x: x, name="step", batch=many)
    other = ms.step(lambda x: x, name="other")
    workflow = ms.workflow(lambda: [other(step(1)), other(step(2)), other(3)], name="some")
    with engine_of(stop_on_failure=False) as engine, pytest.raises(ms.RunFailedError) as caught:
        engine.run(workflow)
    run = caught.value.result
    assert run is not None
    assert run.nodes.outcome == ["failed", "skipped", "failed", "skipped", "finished"]


def test_an_interrupt_in_a_batch_ends_the_program(workers: int) -> None:
    def many(xs: list[int]) -> list[int]:
        signal.raise_signal(signal.SIGINT)
        return xs

    step = ms.step(lambda x: x, name="step", pure=True, batch=many)
    with engine_of(workers) as engine:
        with pytest.raises(KeyboardInterrupt):
            engine.run(ms.workflow(lambda: [step(x) for x in range(3)], name="some"))
        assert engine.run(ms.Workflow.sequence([abs]), -1).value == 1


# Grants, waiting


def test_a_batch_needs_what_one_call_needs(workers: int) -> None:
    sizes: Sizes = []
    n_held: list[int] = []

    def many(xs: list[int]) -> list[int]:
        sizes.append(len(xs))
        n_held.append(len(engine.resources.holders()))
        return xs

    step = ms.step(lambda x: x, name="step", needs={"net": 1}, batch=many, max_batch=4)
    with engine_of(workers, resources={"net": 1}) as engine:
        run = engine.run(ms.workflow(lambda: [step(x) for x in range(10)], name="ten"))
        assert run.value == list(range(10))
        assert engine.resources.holders() == engine.resources.waiters() == []
    assert sorted(sizes) == [2, 4, 4]
    assert n_held == [1, 1, 1]


def test_calls_wait_for_others_of_their_step_while_something_runs() -> None:
    sizes: Sizes = []
    is_first_over = threading.Event()

    def many(xs: list[int]) -> list[int]:
        sizes.append(len(xs))
        return xs

    def embed(x: int) -> int:
        sizes.append(1)
        return x

    @ms.step(duration=0.05)
    def fetch(x: int) -> int:
        # The second ends long after the first: what follows the first is ready and waits.
        if x == 0:
            is_first_over.set()
        else:
            is_first_over.wait(5)
            time.sleep(0.05)
        return x

    step = ms.step(embed, batch=many, duration=0.05)
    with engine_of(2, max_wait=30.0) as engine:
        assert engine.run(ms.workflow(lambda: [step(fetch(x)) for x in range(2)], name="two")).value == [0, 1]
    assert sizes == [2]


@pytest.mark.parametrize("max_wait", [0.0, 0.005])
def test_waiting_for_others_has_an_end(max_wait: float) -> None:
    is_embedded = threading.Event()

    def embed(x: bool) -> bool:
        is_embedded.set()
        return x

    @ms.step(duration=0.05)
    def fetch(x: int) -> bool:
        # The second fetch ends when the first result was embedded: were that to wait for it, neither would end.
        return x == 0 or is_embedded.wait(20)

    step = ms.step(embed, batch=list, duration=0.05)
    with engine_of(2, max_wait=max_wait) as engine:
        assert engine.run(ms.workflow(lambda: [step(fetch(x)) for x in range(2)], name="two")).value == [True, True]


# Options


def test_options_are_checked() -> None:
    async def many(xs: list[int]) -> list[int]:
        return xs

    for options in ({"batch": 3}, {"batch": many}, {"batch": list, "max_batch": 0}, {"max_batch": 5}):
        with pytest.raises(ms.ConfigurationError, match="batch"):
            ms.step(abs, **options)
    with pytest.raises(ms.ConfigurationError, match="batch"):
        ms.effect(abs, batch=list)  # type: ignore[call-overload]
    for bad in ({"max_batch": 0}, {"min_batch": True}, {"max_wait": -1}, {"max_wait": "1"}):
        with pytest.raises(ms.ConfigurationError, match=next(iter(bad))):
            ms.BatchSequentialStrategy(**bad)
    assert ms.BatchSequentialStrategy(max_batch=7).batching == Batching(7, 2, 0.0)
    assert "max_batch=7" in repr(ms.BatchSequentialStrategy(max_batch=7))
