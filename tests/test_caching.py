"""Results from the cache: taken only where they are what the call would return, and never shared by accident."""

import pathlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import makespan as ms
from engines import every_engine
from makespan.testing import ManualClock, assert_same

CALLS: list[Any] = []


@pytest.fixture(autouse=True)
def no_calls() -> None:
    CALLS.clear()


@pytest.fixture
def engine() -> Iterator[ms.SequentialExecutionEngine]:
    with ms.SequentialExecutionEngine(workers=2) as made:
        yield made


@ms.step(pure=True, cache=True)
def load(name: Any) -> Any:
    CALLS.append(("load", name))
    return [name, {"length": len(str(name))}]


@ms.step(pure=True)
def tidy(loaded: Any) -> Any:
    CALLS.append("tidy")
    return loaded[0]


@ms.step(pure=True, cache=True)
def count(tidied: Any, *, factor: int = 1) -> int:
    CALLS.append("count")
    return len(str(tidied)) * factor


@ms.workflow
def report(name: Any) -> int:
    return count(tidy(load(name)), factor=2)


def one_call(step: ms.Step[..., Any], *args: Any, **kwargs: Any) -> ms.Workflow:
    workflow = ms.Workflow("one")
    workflow.output(workflow.add(step, *args, **kwargs))
    return workflow


@every_engine
def test_second_run_gives_the_same_and_calls_nothing(engine: ms.SequentialExecutionEngine) -> None:
    assert [engine.run(report, "abc").value for _ in range(3)] == [6, 6, 6]
    assert [call for call in CALLS if call != "tidy"] == [("load", "abc"), "count"] * (
        3 if engine.strategy.name == "sequential" else 1
    )


def test_what_only_an_answered_node_needed_is_cut_off(engine: ms.SequentialExecutionEngine) -> None:
    engine.run(report, "abc")
    CALLS.clear()
    run = engine.run(report, "abc")
    assert CALLS == []
    assert run.nodes.outcome == ["pruned", "pruned", "cached"]
    assert run.n_calls == 0
    assert "in the cache" in run.explain("count[0]")
    assert run.to_dict()["outcomes"]["cached"] == 1


def test_prepared_workflow_finds_results_when_calls_are_due(engine: ms.SequentialExecutionEngine) -> None:
    prepared = engine.prepare(report)
    assert [prepared.run("abc").value for _ in range(2)] == [6, 6]
    assert prepared.run("abc").nodes.outcome == ["cached", "finished", "cached"]
    assert [call for call in CALLS if call != "tidy"] == [("load", "abc"), "count"]
    assert prepared.run("abcd").value == 8


def test_early_cut_off_compares_what_was_computed(engine: ms.SequentialExecutionEngine) -> None:
    """Both names are tidied to the same value: what follows is not called again, though its origin is new."""

    @ms.step(pure=True, cache=ms.Caching(version="1"))
    def first_letter(name: str) -> str:
        CALLS.append("first")
        return name[0]

    @ms.workflow
    def initials(name: str) -> int:
        return count(first_letter(name))

    assert [engine.run(initials, name).value for name in ("abc", "axy")] == [1, 1]
    assert CALLS == ["first", "count", "first"]
    CALLS.clear()
    # From now on the way from "axy" is known.
    assert engine.run(initials, "axy").nodes.outcome == ["pruned", "cached"]


def test_arguments_that_look_alike_are_told_apart(engine: ms.SequentialExecutionEngine) -> None:
    alike = [1, True, 1.0, "1", b"1", (1,), [1], 0.0, -0.0, None]
    show = ms.step(repr, name="show", pure=True, cache=True)
    assert [engine.run(one_call(show, value)).value for value in alike * 2] == [repr(value) for value in alike * 2]
    assert engine.cache.stats().n_hits == len(alike)


def test_positions_and_names_of_arguments_are_told_apart(engine: ms.SequentialExecutionEngine) -> None:
    @ms.step(pure=True, cache=ms.Caching(version="1"))
    def shown(*args: Any, **kwargs: Any) -> str:
        return f"{args} {kwargs}"

    @ms.step(pure=True)
    def same(value: Any) -> Any:
        return value

    ways: list[Callable[[ms.Workflow], Any]] = [
        lambda wf: wf.add(shown, 1, 2),
        lambda wf: wf.add(shown, (1, 2)),
        lambda wf: wf.add(shown, [1, 2]),
        lambda wf: wf.add(shown, 1, b=2),
        lambda wf: wf.add(shown, a=1, b=2),
        lambda wf: wf.add(shown, {"a": 1, "b": 2}),
        lambda wf: wf.add(shown, wf.add(same, 1), [2]),
        lambda wf: wf.add(shown, [wf.add(same, 1)], 2),
        lambda wf: wf.add(shown, [wf.add(same, 1), 2]),
        lambda wf: wf.add(shown, (wf.add(same, 1), 2)),
        lambda wf: wf.add(shown, wf.add(same, 1), [[2]]),
        lambda wf: wf.add(shown, {"a": wf.add(same, 1), "b": 2}),
    ]
    for _ in range(2):
        for way in ways:
            workflow = ms.Workflow("ways")
            workflow.output(way(workflow))
            assert engine.run(workflow).value == workflow.serial()


def test_step_with_effects_is_not_cached() -> None:
    for options in ({}, {"writes": "log"}, {"reads": "log"}):
        with pytest.raises(ms.ConfigurationError, match="pure=True") as caught:
            ms.step(print, cache=True, **options)  # type: ignore[call-overload]
        assert caught.value.key == "cache"


@pytest.mark.parametrize(
    ("cache", "key"),
    [
        ("yes", "cache"),
        (ms.Caching(ttl=-1), "cache.ttl"),
        (ms.Caching(failures=float("nan")), "cache.failures"),
        (ms.Caching(version=2), "cache.version"),  # type: ignore[arg-type]
        (ms.Caching(ignore="session"), "cache.ignore"),  # type: ignore[arg-type]
        (ms.Caching(shared=1), "cache.shared"),  # type: ignore[arg-type]
    ],
)
def test_options_that_cannot_be_meant_are_refused(cache: Any, key: str) -> None:
    with pytest.raises(ms.ConfigurationError) as caught:
        ms.step(abs, pure=True, cache=cache)
    assert caught.value.key == key


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"max_bytes": -1}, "max_bytes"),
        ({"max_bytes": True}, "max_bytes"),
        ({"ttl": -1.0}, "ttl"),
        ({"clock": 1}, "clock"),
        ({"pickle": True}, "pickle"),
        ({"pickle": 1}, "pickle"),
        ({"folder": __file__}, "folder"),
        ({"folder": 3}, "folder"),
    ],
)
def test_cache_refuses_what_cannot_be_meant(options: dict[str, Any], key: str) -> None:
    with pytest.raises(ms.ConfigurationError) as caught:
        ms.ResultCache(**options)
    assert caught.value.key == key


def test_engine_takes_no_other_cache() -> None:
    with pytest.raises(ms.ConfigurationError, match="a ResultCache"):
        ms.SequentialExecutionEngine(cache={})  # type: ignore[arg-type]


def test_switched_off_pass_takes_nothing_from_the_cache() -> None:
    strategy = ms.OptimizedSequentialStrategy(passes=["prune", "dedupe"])
    with ms.SequentialExecutionEngine(strategy) as engine:
        assert [engine.run(report, "abc").value for _ in range(2)] == [6, 6]
        assert CALLS.count("count") == 2
        assert engine.cache.stats().n_entries == 0


def test_results_are_copies_of_what_is_kept(engine: ms.SequentialExecutionEngine) -> None:
    prepared = engine.prepare(one_call(load, "abc"))
    first = prepared.run().value
    first.append("changed")
    second, third = prepared.run().value, prepared.run().value
    second[1]["length"] = 0
    assert third == ["abc", {"length": 3}]
    assert len(CALLS) == 1


def test_arrays_are_handed_out_read_only(engine: ms.SequentialExecutionEngine) -> None:
    made: list[Any] = []

    @ms.step(pure=True, cache=ms.Caching(version="1"))
    def ramp(n: int) -> Any:
        made.append(np.arange(n))
        return made[-1]

    prepared = engine.prepare(one_call(ramp, 3))
    first = prepared.run().value
    first[0] = 7
    second = prepared.run().value
    assert second.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="read-only"):
        second[0] = 1
    assert_same(second, np.arange(3))


def test_types_come_back_as_they_were(engine: ms.SequentialExecutionEngine) -> None:
    values = [(1, "a"), 2.5, {1, 2}, np.float32(1.5), pathlib.Path("a"), range(3), {"a": (b"x", [None])}]
    give = ms.step(lambda at: values[at], name="give", pure=True, cache=ms.Caching(version="1"))
    for _ in range(2):
        for at, value in enumerate(values):
            assert_same(engine.run(one_call(give, at)).value, value)


def test_what_cannot_be_copied_is_not_kept_and_said_so(engine: ms.SequentialExecutionEngine) -> None:
    @ms.step(pure=True, cache=ms.Caching(version="1"))
    def lock() -> Any:
        return threading.Lock()

    prepared = engine.prepare(one_call(lock))
    with pytest.warns(RuntimeWarning, match="what lock returned is not cached: a lock cannot be copied"):
        prepared.run()
    assert engine.cache.stats().n_not_kept == 1
    assert engine.cache.stats().n_entries == 0


def test_argument_without_a_key_is_refused_with_its_path(engine: ms.SequentialExecutionEngine) -> None:
    prepared = engine.prepare(report)
    with pytest.raises(ms.RunFailedError) as caught:
        prepared.run([{"session": object()}])
    cause = caught.value.failures[0].__cause__
    assert isinstance(cause, ms.UnkeyableError)
    assert cause.path == "argument name[0]['session'] of load"


def test_ignored_arguments_are_no_part_of_the_key(engine: ms.SequentialExecutionEngine) -> None:
    """Names are compared exactly: "key" does not stand for "keyboard"."""

    @ms.step(pure=True, cache=ms.Caching(version="1", ignore=("key",)))
    def fetch(url: str, key: object = None, keyboard: object = None) -> str:
        CALLS.append((key, keyboard))
        return url

    sessions = [object(), object()]
    for session in sessions:
        engine.run(one_call(fetch, "a", session))
        engine.run(one_call(fetch, "a", key=session))
    assert [(sessions[0], None)] == CALLS
    with pytest.raises(ms.RunFailedError):
        engine.run(one_call(fetch, "a", keyboard=object()))


def test_time_to_live_of_each_entry_is_honoured() -> None:
    clock = ManualClock()
    short = ms.step(lambda x: (x, 1), name="short", pure=True, cache=ms.Caching(ttl=5))
    long = ms.step(lambda x: (x, 2), name="long", pure=True, cache=True)
    never = ms.step(lambda x: (x, 3), name="never", pure=True, cache=ms.Caching(ttl=0))
    cache = ms.ResultCache(ttl=60, clock=clock)
    with ms.SequentialExecutionEngine(cache=cache) as engine:

        def is_cached(step: ms.Step[..., Any]) -> bool:
            return engine.run(one_call(step, 1)).outcome_counts["cached"] == 1

        assert [is_cached(step) for step in (short, long, never)] == [False, False, False]
        clock.advance(4.9)
        assert [is_cached(step) for step in (short, long, never)] == [True, True, False]
        clock.advance(0.1)
        assert [is_cached(step) for step in (short, long)] == [False, True]
        clock.advance(55)
        assert not is_cached(long)
    assert cache.stats().n_expired >= 3


def test_least_recently_used_makes_room() -> None:
    text = ms.step(lambda n: str(n) * 10_000, name="text", pure=True, cache=ms.Caching(version="1"))
    cache = ms.ResultCache(25_000)
    with ms.SequentialExecutionEngine(cache=cache) as engine:
        found = [engine.run(one_call(text, n)).outcome_counts["cached"] for n in (1, 2, 1, 3, 1, 2)]
    assert found == [0, 0, 1, 0, 1, 0]
    assert (cache.stats().n_entries, cache.stats().n_evicted) == (2, 2)
    assert cache.stats().n_bytes <= 25_000


def test_cache_of_no_bytes_keeps_nothing() -> None:
    with ms.SequentialExecutionEngine(cache=ms.ResultCache(0)) as engine:
        assert [engine.run(report, "abc").value for _ in range(2)] == [6, 6]
        assert CALLS.count("count") == 2


def test_failures_are_remembered_where_that_is_asked_for(engine: ms.SequentialExecutionEngine) -> None:
    def fails(code: int) -> int:
        CALLS.append(code)
        raise LookupError(code, "gone")

    again = ms.step(fails, name="again", pure=True, cache=ms.Caching(version="1"))
    once = ms.step(fails, name="once", pure=True, cache=ms.Caching(version="1", failures=60))
    causes = []
    for step in (again, again, once, once):
        with pytest.raises(ms.RunFailedError) as caught:
            engine.run(one_call(step, 7))
        causes.append(caught.value.failures[0].__cause__)
    assert CALLS == [7, 7, 7]
    assert_same(causes[3], LookupError(7, "gone"))
    assert causes[3] is not causes[2]


def test_scopes_are_kept_apart_and_shared_steps_are_not(engine: ms.SequentialExecutionEngine) -> None:
    own = ms.step(lambda: CALLS.append("own"), name="own", pure=True, cache=ms.Caching(version="1"))
    shared = ms.step(
        lambda: CALLS.append("shared"), name="shared", pure=True, cache=ms.Caching(version="1", shared=True)
    )
    workflow = ms.Workflow("scopes")
    workflow.output([workflow.add(own), workflow.add(shared)])
    for tenant in ("a", "b", "a", ""):
        with ms.cache_scope(tenant):
            engine.run(workflow)
    engine.run(workflow)
    assert sorted(CALLS) == ["own", "own", "own", "shared"]
    with pytest.raises(ms.ValidationError), ms.cache_scope(1):  # type: ignore[arg-type]
        pass


def test_workflows_of_one_name_share_nothing_but_equal_calls(engine: ms.SequentialExecutionEngine) -> None:
    double = ms.step(lambda x: 2 * x, name="step", pure=True, cache=True)
    triple = ms.step(lambda x: 3 * x, name="step", pure=True, cache=True)
    assert [engine.run(one_call(step, 5)).value for step in (double, triple, double)] == [10, 15, 10]


def test_invalidation(engine: ms.SequentialExecutionEngine) -> None:
    engine.run(report, "abc")
    engine.run(one_call(load, "xyz"))
    cache = engine.cache
    with pytest.raises(ms.ValidationError, match="clear"):
        cache.invalidate()
    with pytest.raises(ms.ValidationError, match="older_than"):
        cache.invalidate(older_than=-1)
    assert cache.invalidate(step="nothing") == 0
    assert cache.invalidate(step="load", workflow="one") == 1
    assert cache.invalidate(where=lambda entry: entry.size_bytes > 10**6) == 0
    assert cache.invalidate(older_than=10_000) == 0
    assert cache.invalidate(step="count") == 1
    CALLS.clear()
    engine.run(report, "abc")
    assert CALLS == ["tidy", "count"]
    assert cache.clear() == 2
    assert cache.stats().n_entries == 0
    assert repr(cache).startswith("<result cache: 0 entries, 0 bytes")


def test_equal_calls_that_are_due_at_once_are_made_once() -> None:
    is_in, may_go = threading.Event(), threading.Event()

    @ms.step(pure=True, cache=ms.Caching(version="1"))
    def slow() -> str:
        CALLS.append("slow")
        is_in.set()
        assert may_go.wait(30)
        return "done"

    with ms.SequentialExecutionEngine() as engine:
        values: list[Any] = []
        threads = [threading.Thread(target=lambda: values.append(engine.run(one_call(slow)).value)) for _ in range(4)]
        for thread in threads:
            thread.start()
        assert is_in.wait(30)
        while engine.cache.stats().n_waited < 3:
            pass
        may_go.set()
        for thread in threads:
            thread.join()
    assert (values, CALLS) == (["done"] * 4, ["slow"])


def test_who_waited_makes_the_call_where_the_first_one_failed() -> None:
    may_fail = threading.Event()

    @ms.step(pure=True, cache=ms.Caching(version="1"))
    def flaky() -> str:
        CALLS.append("flaky")
        if len(CALLS) == 1:
            assert may_fail.wait(30)
            raise OSError
        return "done"

    ends: list[Any] = []

    def run(engine: ms.SequentialExecutionEngine) -> None:
        try:
            ends.append(engine.run(one_call(flaky)).value)
        except ms.RunFailedError:
            ends.append("failed")

    with ms.SequentialExecutionEngine() as engine:
        threads = [threading.Thread(target=run, args=(engine,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        while engine.cache.stats().n_waited < 2:
            pass
        may_fail.set()
        for thread in threads:
            thread.join()
    assert sorted(ends) == ["done", "done", "failed"]
    assert CALLS == ["flaky"] * 2


def test_call_within_itself_does_not_wait_for_itself() -> None:
    with ms.SequentialExecutionEngine() as engine:

        @ms.step(pure=True, cache=ms.Caching(version="1", ignore=("depth",)))
        def nested(depth: int) -> str:
            CALLS.append(depth)
            return "end" if depth == 0 else engine.run(one_call(nested, depth - 1)).value

        assert engine.run(one_call(nested, 2)).value == "end"
    assert CALLS == [2, 1, 0]


def test_batch_form_is_called_with_what_is_missing() -> None:
    sizes: list[int] = []

    def look_up_all(names: list[str]) -> list[str]:
        sizes.append(len(names))
        return [name.upper() for name in names]

    look_up = ms.step(str.upper, name="look_up", pure=True, batch=look_up_all, cache=ms.Caching(version="1"))

    @ms.workflow
    def all_of(names: list[str]) -> list[str]:
        return [look_up(name) for name in names]

    with ms.SequentialExecutionEngine("batch") as engine:
        prepared = engine.prepare(all_of, names=list("abc"))
        assert prepared.run().value == ["A", "B", "C"]
        run = engine.prepare(all_of, names=list("abcdef")).run()
        assert (run.value, sizes) == (["A", "B", "C", "D", "E", "F"], [3, 3])
        assert run.outcome_counts["cached"] == 3
        assert run.n_calls == 1


def test_learned_durations_are_not_those_of_look_ups() -> None:
    clock_s = ms.step(lambda: sum(range(300_000)), name="slow", pure=True, cache=ms.Caching(version="1"))
    workflow = one_call(clock_s)
    with ms.SequentialExecutionEngine() as engine:
        for _ in range(5):
            engine.run(workflow)
        assert engine.plan(workflow).expected_makespan_s == 0
        engine.cache.clear()
        plan = engine.plan(workflow)
    assert plan.expected_makespan_s is not None
    assert plan.expected_makespan_s > 1e-4
