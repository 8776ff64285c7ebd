"""Effects: declared conflicts keep program order, and nothing else does."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

import makespan as ms
from engines import every_engine

Log = list[tuple[str, int]]


def noting(log: Log, name: str, **options: Any) -> Callable[[int], None]:
    @ms.step(name=name, **options)
    def note(at: int) -> None:
        log.append((name, at))

    return note


def predecessors(run: ms.RunResult[Any], path: str) -> dict[str, str]:
    """Return what a node came after directly, and why, as `explain` tells it."""
    for line in run.explain(path).splitlines():
        if "came after" in line:
            told = line.strip().removeprefix("came after ").split("), the last")[0].removesuffix(")")
            return dict(part.split(" (") for part in told.split("), "))
    return {}


@every_engine
def test_writers_of_one_name_keep_program_order(engine: ms.SequentialExecutionEngine) -> None:
    log: Log = []
    write = noting(log, "write", writes="index")

    @ms.workflow
    def body(n: int) -> None:
        for at in range(n):
            write(at)

    for _ in range(3):
        log.clear()
        engine.run(body, 50)
        assert log == [("write", at) for at in range(50)]


def test_readers_wait_for_the_writer_and_the_next_writer_for_them() -> None:
    log: Log = []
    write, read = noting(log, "write", writes="index"), noting(log, "read", reads="index")

    @ms.workflow
    def body() -> None:
        write(0)
        read(0)
        read(1)
        write(1)
        read(2)

    run = body.run()
    assert predecessors(run, "write[0]") == {}
    assert predecessors(run, "read[0]") == predecessors(run, "read[1]") == {"body/write[0]": "effect"}
    assert predecessors(run, "write[1]") == {"body/read[0]": "effect", "body/read[1]": "effect"}
    assert predecessors(run, "read[2]") == {"body/write[1]": "effect"}


def test_names_are_independent_and_may_be_several() -> None:
    log: Log = []
    a, b = noting(log, "a", writes="a"), noting(log, "b", writes=["b"])
    both = noting(log, "both", reads="a", writes=("b", "c"))
    c = noting(log, "c", reads={"c"})

    @ms.workflow
    def body() -> None:
        a(0)
        b(0)
        both(0)
        a(1)
        c(0)

    run = body.run()
    assert predecessors(run, "b[0]") == {}
    assert predecessors(run, "both[0]") == {"body/a[0]": "effect", "body/b[0]": "effect"}
    assert predecessors(run, "a[1]") == {"body/both[0]": "effect"}
    assert predecessors(run, "c[0]") == {"body/both[0]": "effect"}


def test_effect_is_ordered_against_everything_that_touches_something() -> None:
    log: Log = []
    write, read, free = noting(log, "write", writes="a"), noting(log, "read", reads="b"), noting(log, "free")
    sweep = ms.effect(lambda: None, name="sweep")

    @ms.workflow
    def body() -> None:
        write(0)
        read(0)
        free(0)
        sweep()
        free(1)
        write(1)
        read(1)
        sweep()

    run = body.run()
    assert predecessors(run, "sweep[0]") == {"body/write[0]": "effect", "body/read[0]": "effect"}
    assert predecessors(run, "free[1]") == {}
    assert predecessors(run, "write[1]") == predecessors(run, "read[1]") == {"body/sweep[0]": "effect"}
    assert predecessors(run, "sweep[1]") == {"body/write[1]": "effect", "body/read[1]": "effect"}


def test_names_may_be_computed_from_the_arguments() -> None:
    log: Log = []

    @ms.step(writes=lambda shard, value: f"shard {shard}", reads=lambda shard, value: [])
    def put(shard: int, value: int) -> None:
        log.append(("put", value))

    @ms.workflow
    def body() -> None:
        put(0, 0)
        put(1, 1)
        put(0, value=2)

    run = body.run()
    assert predecessors(run, "put[1]") == {}
    assert predecessors(run, "put[2]") == {"body/put[0]": "effect"}


def test_computed_names_that_are_no_names_are_refused_when_described() -> None:
    wrong = ms.step(abs, writes=lambda x: 3)  # type: ignore[arg-type, return-value]
    with pytest.raises(ms.ConfigurationError, match="writes"):
        ms.Workflow("demo").add(wrong, 1)


def test_names_that_would_need_a_result_are_refused_by_name() -> None:
    write = ms.step(abs, writes=lambda x: f"shard {x}")

    @ms.workflow
    def body() -> int:
        return write(write(1))

    with pytest.raises(ms.NotComputedYet, match=r"body/abs\[0\]"):
        body.run()


def test_data_and_effect_are_both_reasons() -> None:
    write = ms.step(abs, writes="log")

    @ms.workflow
    def body() -> int:
        return write(write(1))

    assert predecessors(body.run(), "abs[1]") == {"body/abs[0]": "data, effect"}


def test_readers_may_run_at_the_same_time() -> None:
    barrier = threading.Barrier(4, timeout=60)
    read = ms.step(lambda: barrier.wait() >= 0, name="read", reads="index")

    @ms.workflow
    def body() -> list[bool]:
        return [read() for _ in range(4)]

    with ms.SequentialExecutionEngine("optimized", workers=4) as engine:
        assert engine.run(body).value == [True] * 4


def test_effects_do_not_cross_workflows() -> None:
    """A name belongs to the run: two runs at a time are two programs at a time."""
    inside, release = threading.Event(), threading.Event()

    @ms.step(writes="index")
    def first() -> bool:
        inside.set()
        return release.wait(60)

    @ms.step(writes="index")
    def second() -> None:
        release.set()

    with ms.SequentialExecutionEngine("optimized", workers=2) as engine:
        values: list[Any] = []
        wait, go = ms.Workflow("wait"), ms.Workflow("go")
        wait.add(first)
        go.add(second)
        thread = threading.Thread(target=lambda: values.append(engine.run(wait).value))
        thread.start()
        assert inside.wait(60)
        engine.run(go)
        thread.join()
    assert values == [True]
