"""Calls that look like cached ones and are not: what a reviewer found, so that it stays found."""

import collections
import functools
import pathlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

import makespan as ms
from makespan.testing import ManualClock


@pytest.fixture
def engine() -> Iterator[ms.SequentialExecutionEngine]:
    with ms.SequentialExecutionEngine(workers=2) as made:
        yield made


def run(engine: ms.SequentialExecutionEngine, step: ms.Step[..., Any], *args: Any) -> Any:
    workflow = ms.Workflow("one")
    workflow.output(workflow.add(step, *args))
    return engine.run(workflow).value


@ms.effect
def write(path: str, text: str) -> None:
    pathlib.Path(path).write_text(text)


@ms.step(pure=True, cache=True)
def read(file: ms.File) -> str:
    return file.path.read_text()


def test_what_an_effect_changes_before_a_call_counts(
    engine: ms.SequentialExecutionEngine, tmp_path: pathlib.Path
) -> None:
    path, other = tmp_path / "file", tmp_path / "other"
    other.write_text("zero")

    def written_and_read(text: str) -> Any:
        workflow = ms.Workflow("demo")
        before = workflow.add(write, str(path), text)
        workflow.output(workflow.add(read, ms.File(path), after=[before]))
        return engine.run(workflow).value

    # It is not there before the first run.
    assert [written_and_read(text) for text in ("zero", "one", "two", "one")] == ["zero", "one", "two", "one"]
    assert run(engine, read, ms.File(other)) == "zero"


def adding(n: int) -> Callable[[int], int]:
    return lambda x: x + n


class Model:
    def __init__(self, factor: int) -> None:
        self.factor = factor

    def __makespan_key__(self) -> object:
        return self.factor

    def predict(self, x: int) -> int:
        return self.factor * x


def twice(x: int, n: int) -> int:
    return x * n


def test_what_is_bound_to_a_function_counts_beside_a_declared_version(engine: ms.SequentialExecutionEngine) -> None:
    first = ms.Caching(version="1")
    functions: list[Callable[..., int]] = [
        *(Model(2).predict, Model(3).predict, adding(1), adding(2)),
        *(functools.partial(twice, n=4), functools.partial(twice, n=5), functools.partial(pow, exp=2)),
    ]
    steps = [ms.step(function, name="same", pure=True, cache=first) for function in functions]
    assert [run(engine, step, 10) for step in steps * 2] == [function(10) for function in functions * 2]


def test_functions_made_by_other_packages_count_with_what_they_close_over(
    engine: ms.SequentialExecutionEngine,
) -> None:
    def applied(function: Callable[[int], int]) -> ms.Step[..., Any]:
        return ms.step(lambda x: function(x), name="applied", pure=True, cache=True)

    made = [adding(1), adding(2)]
    for function in made:
        function.__module__ = "elsewhere"
    assert [run(engine, applied(function), 10) for function in made] == [11, 12]


def test_wrapping_a_step_does_not_hand_its_version_on(engine: ms.SequentialExecutionEngine) -> None:
    inner = ms.step(lambda x: x + 1, name="inner", pure=True, cache=True)
    assert run(engine, inner, 10) == 11

    @functools.wraps(inner)
    def doubled(x: int) -> int:
        return 2 * (x + 1)

    assert run(engine, ms.step(doubled, pure=True, cache=True), 10) == 22


@dataclass
class Point:
    x: int
    tags: list[str] = field(default_factory=list)


class Marked(Point):
    def __init__(self, x: int, mark: int) -> None:
        super().__init__(x)
        self.mark = mark


@dataclass
class Numbers(list[int]):
    n: int = 0


def test_values_with_more_than_their_fields_have_no_key() -> None:
    more = Point(1)
    more.extra = 1  # type: ignore[attr-defined]
    for value in (Marked(1, 2), Numbers(), more):
        with pytest.raises(ms.UnkeyableError):
            ms.key_of(value)
    kinds: list[Any] = [vars(collections)["namedtuple"]("Pair", names) for names in ("a b", "b a")]
    assert ms.key_of(kinds[0](1, 2)) != ms.key_of(kinds[1](1, 2))


def test_other_arguments_that_do_not_count_are_other_steps(engine: ms.SequentialExecutionEngine) -> None:
    narrow = ms.step(lambda a, b=0: b, name="narrow", pure=True, cache=ms.Caching(ignore=("a",)))
    assert run(engine, narrow, "s", 5) == 5
    assert run(engine, narrow.with_options(cache=True), 5) == 0


def test_what_is_made_of_a_passing_result_does_not_outlive_it() -> None:
    clock = ManualClock()
    made: list[float] = []

    def fetched() -> float:
        made.append(clock())
        return clock()

    fetch = ms.step(fetched, name="fetch", pure=True, cache=ms.Caching(ttl=60, version="1"))
    parse = ms.step(lambda at: at, name="parse", pure=True, cache=ms.Caching(version="1"))
    with ms.SequentialExecutionEngine(cache=ms.ResultCache(clock=clock)) as engine:
        workflow = ms.Workflow("demo")
        workflow.output(workflow.add(parse, workflow.add(fetch)))
        values = []
        for _ in range(3):
            values.append(engine.run(workflow).value)
            clock.advance(50)
    assert values == [0.0, 0.0, 100.0]


@ms.step(pure=True, cache=True)
def points(n: int) -> list[int]:
    return [Point(at).x for at in range(n)]


def test_ordinary_code_has_a_version(engine: ms.SequentialExecutionEngine) -> None:
    assert run(engine, points, 3) == [0, 1, 2]
    source = "def f0(x): return x\n" + "".join(f"def f{n}(x): return f{n - 1}(x)\n" for n in range(1, 150))
    namespace: dict[str, Any] = {"__name__": __name__}
    exec(source, namespace)
    assert run(engine, ms.step(namespace["f149"], pure=True, cache=True), 7) == 7


class OddError(Exception):
    def __init__(self, left: int, right: int) -> None:
        super().__init__(f"{left} {right}")


def test_failure_that_cannot_be_copied_is_the_failure(engine: ms.SequentialExecutionEngine) -> None:
    def fails() -> None:
        raise OddError(1, 2)

    step = ms.step(fails, pure=True, cache=ms.Caching(version="1", failures=60))
    for _ in range(2):
        with pytest.raises(ms.RunFailedError) as caught:
            run(engine, step)
        assert isinstance(caught.value.failures[0].__cause__, OddError)


def test_bound_of_bytes_holds_for_results_with_two_keys() -> None:
    text = ms.step(lambda n: str(n)[0] * 100_000, name="text", pure=True, cache=ms.Caching(version="1"))
    passed = ms.step(lambda n: n, name="passed", pure=True)
    cache = ms.ResultCache(1_000_000)
    with ms.SequentialExecutionEngine(cache=cache) as engine:
        for _ in range(2):
            for n in range(60):
                workflow = ms.Workflow("demo")
                workflow.output(workflow.add(text, workflow.add(passed, n)))
                assert len(engine.run(workflow).value) == 100_000
    assert cache.stats().n_hits < 60
