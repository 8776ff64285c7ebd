"""Concurrent runs of one engine make calls of a step together: fewer calls, with the results of each run alone."""

import asyncio
import json
import os
import signal
import threading
import urllib.request
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import makespan as ms

LONG_S = 60.0
"""Nothing here waits so long: a call goes earlier, or a test fails by its timeout."""


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def workers(request: pytest.FixtureRequest) -> int:
    found: int = request.param
    return found


def engine_of(workers: int = 1, **options: Any) -> ms.SequentialExecutionEngine:
    return ms.SequentialExecutionEngine(ms.BatchSequentialStrategy(**{"max_wait": LONG_S, **options}), workers)


class Squares:
    """A step that squares numbers, and its batch form; both count."""

    def __init__(self, **options: Any) -> None:
        self.batches: list[list[int]] = []
        self.alone: list[int] = []
        self.step: Any = ms.step(self.one, name="square", **{"pure": True, "batch": self.many, **options})

    def one(self, x: int) -> int:
        self.alone.append(x)
        return x * x

    def many(self, xs: list[int]) -> list[int]:
        self.batches.append(xs)
        return [x * x for x in xs]

    @property
    def sizes(self) -> list[int]:
        return sorted([1] * len(self.alone) + [len(xs) for xs in self.batches])


def together(n: int, run: Callable[[int], Any]) -> list[Any]:
    """Call ``run`` in threads at the same time; returns what each returned, or raised."""

    def ended(at: int) -> Any:
        try:
            return run(at)
        except BaseException as error:  # noqa: BLE001 (handed on)
            return error

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(ended, range(n)))


def met_first(n: int, step: Any, n_each: int = 1, **options: Any) -> Any:
    """A workflow of which ``n`` runs have begun before any calls ``step``: so that each is known to the others."""
    barrier = threading.Barrier(n, timeout=LONG_S)

    @ms.step(**options)
    def met(x: int) -> list[int]:
        barrier.wait()
        return [x + 100 * at for at in range(n_each)]

    @ms.workflow
    def squares(x: int) -> list[int]:
        begun = met(x)
        return [step(ms.get(begun, at)) for at in range(n_each)]

    return squares


def expected(n: int, n_each: int = 1) -> list[list[int]]:
    return [[(x + 100 * at) ** 2 for at in range(n_each)] for x in range(n)]


def values(runs: Sequence[Any]) -> list[Any]:
    return [run.value for run in runs]


def causes(error: Any) -> list[BaseException | None]:
    assert isinstance(error, ms.RunFailedError), error
    return [failure.__cause__ for failure in error.failures]


# Together


@pytest.mark.parametrize("is_prepared", [False, True])
def test_runs_at_the_same_time_make_one_call(is_prepared: bool, workers: int) -> None:
    squares = Squares()
    workflow = met_first(8, squares.step)
    with engine_of(workers) as engine:
        prepared = engine.prepare(workflow)
        runs = together(8, prepared.run if is_prepared else lambda x: engine.run(workflow, x))
    assert values(runs) == expected(8)
    assert squares.alone == []
    assert [sorted(xs) for xs in squares.batches] == [list(range(8))]
    for run in runs:
        # The batch is of calls of all runs; that call is one of each run's.
        assert run.nodes.batch_size.tolist() == [1, 1, 8]
        assert run.nodes.batch.tolist() == [-1, -1, 0]
        assert run.n_calls == 3
        assert "was called in a batch of 8 calls from squares/square[0] on, 7 of them for other runs" in run.explain(
            "square[0]"
        )


def test_runs_with_several_calls_keep_theirs_in_order(workers: int) -> None:
    squares = Squares()
    with engine_of(workers) as engine:
        runs = together(4, engine.prepare(met_first(4, squares.step, n_each=3)).run)
    assert values(runs) == expected(4, n_each=3)
    assert sum(squares.sizes) == 12
    for xs in squares.batches:
        for run in range(4):
            assert [x for x in xs if x % 100 == run] == sorted(x for x in xs if x % 100 == run)
    if workers == 1:
        assert squares.sizes == [12]
        assert {tuple(run.nodes.batch_size.tolist()) for run in runs} == {(1,) + (1, 12) * 3}
        assert {run.n_calls for run in runs} == {5}


def test_awaited_runs_make_one_call() -> None:
    squares = Squares()
    with engine_of() as engine:
        prepared = engine.prepare(met_first(4, squares.step))

        async def served() -> list[Any]:
            return list(await asyncio.gather(*(prepared.arun(x) for x in range(4))))

        runs = asyncio.run(served())
    assert values(runs) == expected(4)
    assert squares.sizes == [4]


def test_runs_that_begin_while_a_call_is_made_make_one_call() -> None:
    is_first_called, others = threading.Event(), threading.Barrier(4, timeout=LONG_S)
    sizes: list[int] = []

    def many(xs: list[int]) -> list[int]:
        sizes.append(len(xs))
        return xs

    @ms.step(pure=True, batch=many)
    def step(x: int) -> int:
        sizes.append(1)
        is_first_called.set()
        others.wait()
        return x

    @ms.step
    def begun(x: int) -> int:
        others.wait()
        return x

    with engine_of() as engine:
        first = engine.prepare(ms.workflow(lambda x: step(x), name="first"))
        later = engine.prepare(ms.workflow(lambda x: step(begun(x)), name="later"))

        def run(x: int) -> Any:
            if x == 0:
                return first.run(x)
            is_first_called.wait(LONG_S)
            return later.run(x)

        assert values(together(4, run)) == [0, 1, 2, 3]
    assert sizes == [1, 3]


def test_keywords_are_passed_as_lists_and_other_forms_are_other_calls() -> None:
    seen: list[Any] = []
    barrier = threading.Barrier(4, timeout=LONG_S)

    def many(xs: list[int], **named: list[int]) -> list[Any]:
        seen.append((sorted(xs), {key: sorted(values) for key, values in named.items()}))
        return list(zip(xs, *named.values(), strict=True))

    @ms.step(pure=True, batch=many)
    def pair(x: int, **named: int) -> Any:
        raise AssertionError(x, named)

    met = ms.step(lambda x: (barrier.wait(), x)[1], name="met")

    def workflow(key: str) -> Any:
        return ms.workflow(lambda x: pair(ms.get([met(x)], 0), **{key: [x, met(x)][0]}), name="pairs")

    with engine_of() as engine:
        prepared = [engine.prepare(workflow(key)) for key in ("a", "a", "b", "b")]
        runs = together(4, lambda x: prepared[x].run(x))
    assert values(runs) == [(x, x) for x in range(4)]
    assert sorted(seen, key=str) == [([0, 1], {"a": [0, 1]}), ([2, 3], {"b": [2, 3]})]


def test_no_call_is_larger_than_it_may_be(workers: int) -> None:
    squares = Squares(max_batch=4)
    with engine_of(workers) as engine:
        runs = together(10, engine.prepare(met_first(10, squares.step)).run)
    assert values(runs) == expected(10)
    assert squares.sizes == [2, 4, 4]


def test_fewer_calls_than_a_batch_has_at_least_are_made_one_by_one() -> None:
    squares = Squares()
    with engine_of(min_batch=4) as engine:
        assert values(together(3, engine.prepare(met_first(3, squares.step)).run)) == expected(3)
        assert squares.sizes == [1, 1, 1]
        assert values(together(4, engine.prepare(met_first(4, squares.step)).run)) == expected(4)
    assert squares.sizes == [1, 1, 1, 4]


def test_a_result_that_is_a_failure_is_that_of_one_run() -> None:
    step = ms.step(lambda x: x, name="step", pure=True, batch=lambda xs: [ms.Failed(x) if x == 1 else x for x in xs])
    with engine_of() as engine:
        runs = together(3, engine.prepare(met_first(3, step)).run)
    assert (runs[0].value, runs[2].value) == ([0], [2])
    assert [type(cause) for cause in causes(runs[1])] == [ms.Failed]
    assert runs[1].failures[0].batch == ("squares/step[0]", 3)


def test_requests_of_threads_to_a_service_become_a_few() -> None:
    requests: list[str] = []

    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            requests.append(self.path)
            ids = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps([10 * id_ for id_ in ids]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()

    def prices(ids: list[int]) -> list[int]:
        address = f"http://127.0.0.1:{server.server_address[1]}/prices"
        with urllib.request.urlopen(urllib.request.Request(address, json.dumps(ids).encode()), timeout=10) as response:
            found: list[int] = json.load(response)
        return found

    price = ms.step(lambda id_: prices([id_])[0], name="price", pure=True, batch=prices)
    try:
        with engine_of(max_wait=5.0) as engine:
            prepared = engine.prepare(met_first(8, price, n_each=2))
            assert values(together(8, prepared.run)) == [[10 * x, 10 * (x + 100)] for x in range(8)]
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
    assert requests == ["/prices"]


# Alone


def test_a_run_that_is_the_only_one_never_waits(workers: int) -> None:
    squares = Squares()

    @ms.workflow
    def chain(x: int) -> int:
        for _ in range(3):
            x = squares.step(x)
        return x

    with engine_of(workers) as engine:
        prepared = engine.prepare(chain)
        for _ in range(3):
            run = prepared.run(2)
            assert (run.value, run.n_calls, run.nodes.batch.tolist()) == (256, 3, [-1] * 3)
    assert squares.batches == []


@pytest.mark.parametrize(
    ("of_step", "of_strategy"),
    [
        ({"pure": False}, {}),
        ({"pure": False, "reads": "library"}, {}),
        ({"needs": {"cpu": 0.001}}, {}),
        ({"cache": ms.Caching(version="1")}, {}),
        ({"max_batch": 1}, {}),
        ({}, {"across_runs": False}),
        ({}, {"max_wait": 0.0}),
    ],
    ids=["not pure", "reads", "needs", "cached", "no batches", "off", "no wait"],
)
def test_calls_that_are_each_runs_own(of_step: dict[str, Any], of_strategy: dict[str, Any]) -> None:
    squares = Squares(**of_step)
    with engine_of(**of_strategy) as engine:
        assert values(together(4, engine.prepare(met_first(4, squares.step)).run)) == expected(4)
    assert squares.sizes == [1] * 4


def test_engines_do_not_mix() -> None:
    squares = Squares()
    workflow = met_first(2, squares.step)
    with engine_of() as one, engine_of() as other:
        prepared = [one.prepare(workflow), other.prepare(workflow)]
        assert values(together(2, lambda x: prepared[x].run(x))) == expected(2)
    assert squares.sizes == [1, 1]


def test_a_run_inside_of_a_step_makes_its_own_calls(workers: int) -> None:
    squares = Squares()
    barrier = threading.Barrier(3, timeout=LONG_S)

    @ms.step
    def inner(x: int) -> int:
        barrier.wait()
        # It holds up the run that it is part of, for whose call others wait.
        return int(engine.run(ms.workflow(lambda: squares.step(x), name="inner")).value)

    with engine_of(workers) as engine:
        prepared = engine.prepare(ms.workflow(lambda x: squares.step(inner(x)), name="outer"))
        assert values(together(3, prepared.run)) == [x**4 for x in range(3)]
    assert squares.sizes == [1, 1, 1, 3]


def test_a_batch_form_may_run_a_workflow_of_its_own_step(workers: int) -> None:
    def many(xs: list[int]) -> list[int]:
        n_called.append(len(xs))
        return [int(engine.run(ms.workflow(lambda x=x: step(x), name="inner")).value) for x in xs]

    n_called: list[int] = []
    step: Any = ms.step(lambda x: x * x, name="step", pure=True, batch=many)
    with engine_of(workers) as engine:
        assert values(together(3, engine.prepare(met_first(3, step)).run)) == expected(3)
    assert n_called == [3]


# Failures


def test_a_call_that_raises_is_made_by_each_run_for_itself(workers: int) -> None:
    made: list[list[int]] = []

    def many(xs: list[int]) -> list[float]:
        made.append(sorted(xs))
        return [1 / (x % 100) for x in xs]

    step = ms.step(lambda x: 1 / (x % 100), name="reciprocal", pure=True, batch=many)
    with engine_of(workers) as engine:
        runs = together(3, engine.prepare(met_first(3, step, n_each=2)).run)
    assert values(runs[1:]) == [[1.0, 1.0], [0.5, 0.5]]
    assert {type(cause) for cause in causes(runs[0])} == {ZeroDivisionError}
    assert runs[0].failures[0].batch is None
    if workers == 1:
        # Together first, then as each run would alone.
        assert sorted(made) == [[0, 1, 2, 100, 101, 102], [0, 100], [1, 101], [2, 102]]
        assert runs[1].nodes.batch_size.tolist() == [1, 1, 2, 1, 2]


@pytest.mark.parametrize(("returned", "found"), [([1], "1 results"), ({1: 1}, "dict"), (None, "NoneType")])
def test_a_wrong_number_of_results_fails_each_run(returned: Any, found: str) -> None:
    step = ms.step(lambda x: x, name="step", pure=True, batch=lambda xs: returned)
    with engine_of() as engine:
        errors = together(3, engine.prepare(met_first(3, step)).run)
    of_runs = [cause for error in errors for cause in causes(error)]
    assert len({id(cause) for cause in of_runs}) == 3
    for cause in of_runs:
        assert isinstance(cause, ms.BatchResultError)
        assert (cause.step, cause.expected, cause.found) == ("step", 3, found)
    assert "squares/step[0] failed in a batch of 3 calls from squares/step[0] on" in str(errors[0].failures[0])


def test_a_run_that_fails_before_its_call_is_not_waited_for() -> None:
    squares = Squares()
    barrier = threading.Barrier(3, timeout=LONG_S)

    @ms.step
    def begun(x: int) -> int:
        barrier.wait()
        if x == 0:
            raise ValueError(x)
        return x

    workflow = ms.workflow(lambda x: squares.step(begun(x)), name="squares")
    with engine_of() as engine:
        runs = together(3, engine.prepare(workflow).run)
    assert [type(cause) for cause in causes(runs[0])] == [ValueError]
    assert values(runs[1:]) == [1, 4]
    assert squares.sizes == [2]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_in_the_call_ends_the_run_whose_thread_it_was(error: type[BaseException], workers: int) -> None:
    interrupted: list[int] = []

    def many(xs: list[int]) -> list[int]:
        interrupted.append(threading.get_ident())
        raise error

    step = ms.step(lambda x: x * x, name="step", pure=True, batch=many)
    with engine_of(workers) as engine:
        ends = together(4, engine.prepare(met_first(4, step)).run)
        assert len(interrupted) == 1
        assert [type(end) for end in ends].count(error) == 1
        for x, end in enumerate(ends):
            assert isinstance(end, error) or end.value == [x * x]
        assert engine.run(ms.Workflow.sequence([abs]), -1).value == 1


@pytest.mark.skipif(os.name != "posix", reason="a signal to a thread")
def test_who_waits_for_a_call_can_be_interrupted(workers: int) -> None:
    main = threading.main_thread().ident
    assert main is not None
    is_interrupted, is_sent = threading.Event(), threading.Lock()

    def many(xs: list[int]) -> list[int]:
        if is_sent.acquire(blocking=False):
            if threading.get_ident() == main:
                # It is the main thread that makes the call.
                raise KeyboardInterrupt
            signal.pthread_kill(main, signal.SIGINT)
        assert is_interrupted.wait(LONG_S), "the main thread, whose calls are among these, leaves"
        return [x * x for x in xs]

    step = ms.step(lambda x: many([x])[0], name="step", pure=True, batch=many)
    with engine_of(workers) as engine, ThreadPoolExecutor(3) as pool:
        prepared = engine.prepare(met_first(4, step))
        others = [pool.submit(prepared.run, x) for x in range(1, 4)]
        with pytest.raises(KeyboardInterrupt):
            prepared.run(0)
        is_interrupted.set()
        assert [other.result().value for other in others] == [[1], [4], [9]]
        assert engine.run(ms.Workflow.sequence([abs]), -1).value == 1


@pytest.mark.parametrize("stop_on_failure", [True, False])
def test_a_failure_of_one_run_does_not_stop_the_others(stop_on_failure: bool, workers: int) -> None:
    barrier = threading.Barrier(4, timeout=LONG_S)
    squares = Squares()

    @ms.step
    def met(x: int) -> int:
        barrier.wait()
        return x

    @ms.step
    def checked(x: int) -> int:
        if x == 4:
            raise ValueError(x)
        return x

    @ms.workflow
    def wf(x: int) -> Any:
        first = squares.step(met(x))
        return checked(first), squares.step(first)

    with engine_of(workers, stop_on_failure=stop_on_failure) as engine:
        runs = together(4, engine.prepare(wf).run)
    assert [type(cause) for cause in causes(runs.pop(2))] == [ValueError]
    assert values(runs) == [(x**2, x**4) for x in (0, 1, 3)]


def test_nothing_is_kept_of_what_was_called_together() -> None:
    class Value: ...

    barrier = threading.Barrier(3, timeout=LONG_S)
    seen: list[weakref.ref[Value]] = []

    @ms.step
    def made(_x: int) -> Value:
        value = Value()
        seen.append(weakref.ref(value))
        barrier.wait()
        return value

    step = ms.step(lambda _value: 1, name="step", pure=True, batch=lambda values: [1] * len(values))
    with engine_of() as engine:
        runs = together(3, engine.prepare(ms.workflow(lambda x: step(made(x)), name="values")).run)
        assert values(runs) == [1, 1, 1]
        assert [value() for value in seen] == [None] * 3


# As serial


class TroubleError(Exception): ...


@settings(max_examples=40, deadline=None)
@given(
    n_threads=st.integers(2, 6),
    n_runs=st.integers(1, 4),
    n_workers=st.integers(1, 3),
    max_batch=st.integers(1, 8),
    min_batch=st.integers(1, 4),
    max_wait=st.sampled_from([0.0, 0.0005, 0.02]),
    bad=st.frozensets(st.integers(0, 30), max_size=2),
    stop_on_failure=st.booleans(),
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4),
)
def test_each_run_gets_what_it_would_alone(
    n_threads: int,
    n_runs: int,
    n_workers: int,
    max_batch: int,
    min_batch: int,
    max_wait: float,
    bad: frozenset[int],
    stop_on_failure: bool,
    sizes: list[int],
) -> None:
    batches: list[int] = []

    def one(x: int, k: int = 1) -> int:
        if x in bad:
            raise TroubleError(x)
        return x * k

    def many(xs: list[int], k: list[int] | None = None) -> list[int]:
        batches.append(len(xs))
        return [one(x, k) for x, k in zip(xs, k or [1] * len(xs), strict=True)]

    step = ms.step(one, name="step", pure=True, batch=many)
    plus = ms.step(lambda x, y: x + y, name="plus")

    def body(seed: int) -> Any:
        found: list[Any] = []
        for at, n in enumerate(sizes):
            level = [step(plus(seed, at + k)) if k % 2 else step(seed, k=at + k) for k in range(n)]
            found += [step(x, k=2) for x in level]
        return found

    workflow = ms.workflow(body, name="levels")

    def outcome(run: Callable[[int], Any], seed: int) -> Any:
        try:
            return run(seed)
        except TroubleError as error:
            return error.args
        except ms.RunFailedError as error:
            return next(failure.__cause__.args for failure in error.failures if failure.__cause__)

    with engine_of(
        n_workers, max_batch=max_batch, min_batch=min_batch, max_wait=max_wait, stop_on_failure=stop_on_failure
    ) as engine:
        prepared = engine.prepare(workflow)

        def runs_of_thread(thread: int) -> list[Any]:
            return [outcome(lambda seed: prepared.run(seed).value, 7 * thread + x) for x in range(n_runs)]

        found = together(n_threads, runs_of_thread)
    for thread in range(n_threads):
        for x, got in enumerate(found[thread]):
            alone = outcome(workflow.serial, 7 * thread + x)
            if isinstance(alone, tuple):
                # Which of the failures comes first is not determined.
                assert isinstance(got, tuple)
                assert got[0] in bad
            else:
                assert got == alone
    assert all(size <= max_batch for size in batches)


def test_options_are_checked() -> None:
    bad: Any = "yes"
    with pytest.raises(ms.ConfigurationError, match="across_runs"):
        ms.BatchSequentialStrategy(across_runs=bad)
    assert "across_runs=False" in repr(ms.SmartSequentialStrategy(across_runs=False))
