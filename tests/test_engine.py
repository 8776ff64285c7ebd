"""The engine: strategies, workers, settings, the event loop, closing, forking."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import makespan as ms
from engines import every_engine
from makespan.abc import RunOptions, Strategy, WorkflowFacts


@ms.step
def square(x: int) -> int:
    return x * x


@ms.workflow
def squares(n: int) -> list[int]:
    return [square(x) for x in range(n)]


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter."""
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )


def test_strategies_go_by_name_or_as_objects() -> None:
    for strategy in ("sequential", "optimized", ms.SequentialStrategy(), ms.OptimizedSequentialStrategy()):
        with ms.SequentialExecutionEngine(strategy, 2) as engine:
            assert engine.run(squares, 3).value == [0, 1, 4]
            assert engine.strategy.name == engine.run(squares, 1).strategy
            assert repr(engine) == f"<engine {engine.strategy.name}, 2 workers>"


def test_unknown_strategy_names_those_there_are() -> None:
    with pytest.raises(ms.StrategyError) as caught:
        ms.SequentialExecutionEngine("quick")
    assert caught.value.name == "quick"
    assert {"optimized", "sequential"} <= set(caught.value.known)
    assert isinstance(caught.value, LookupError)


@pytest.mark.parametrize("strategy", [None, 3, object(), ms.SequentialStrategy])
def test_what_is_no_strategy_is_refused(strategy: Any) -> None:
    with pytest.raises((ms.ConfigurationError, ms.StrategyError)):
        ms.SequentialExecutionEngine(strategy)


def test_strategies_of_ones_own_are_registered_and_used(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class Careful:
        name = "careful"

        def options(self, facts: WorkflowFacts, /) -> RunOptions:
            asked.append(facts.n_nodes)
            return RunOptions(executor="serial", stop_on_failure=False)

    assert isinstance(Careful(), Strategy)
    monkeypatch.setattr(ms.strategies, "_FACTORIES", dict(ms.strategies._FACTORIES))
    ms.strategies.register("careful", Careful)
    assert "careful" in ms.strategies.names()
    with ms.SequentialExecutionEngine("careful") as engine:
        run = engine.run(squares, 4)
    assert (run.strategy, run.value, asked) == ("careful", [0, 1, 4, 9], [4])


def test_installed_packages_offer_strategies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "careful_strategies.py").write_text(
        "import makespan as ms\nclass Careful(ms.SequentialStrategy):\n    name = 'careful'\n"
    )
    about = tmp_path / "careful-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: careful\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[makespan.strategies]\ncareful = careful_strategies:Careful\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "careful" in ms.strategies.names()
    assert "careful_strategies" not in sys.modules
    with ms.SequentialExecutionEngine("careful") as engine:
        assert engine.run(squares, 2).strategy == "careful"


@pytest.mark.parametrize("workers", [0, -1, 1025, 1.5, "4", True, 10**30])
def test_numbers_of_workers_that_cannot_be_are_refused(workers: Any) -> None:
    with pytest.raises(ms.ConfigurationError) as caught:
        ms.SequentialExecutionEngine("optimized", workers=workers)
    assert caught.value.key == "workers"


def test_workers_are_the_usable_cores_by_default() -> None:
    with ms.SequentialExecutionEngine() as engine:
        assert engine.workers == len(os.sched_getaffinity(0))


def test_no_more_than_the_workers_run_at_once() -> None:
    inside = 0
    most = 0
    lock = threading.Lock()
    pause = threading.Event()

    @ms.step(duration=0.002)
    def count() -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        pause.wait(0.002)
        with lock:
            inside -= 1

    @ms.workflow
    def body() -> None:
        for _ in range(40):
            count()

    with ms.SequentialExecutionEngine("optimized", workers=3) as engine:
        engine.run(body)
        assert most == 3
        most = 0
        threads = [threading.Thread(target=engine.run, args=(body,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # Two helpers, and the two threads that called.
        assert most <= 4


@pytest.mark.parametrize("what", [3, None, squares.function, "squares"])
def test_running_what_is_no_workflow_is_refused(what: Any) -> None:
    with pytest.raises(ms.ConfigurationError, match="workflow"):
        ms.default_engine().run(what)
    with pytest.raises(ms.ConfigurationError, match="workflow"):
        ms.default_engine().prepare(what)


def test_closed_engine_runs_nothing_more() -> None:
    engine = ms.SequentialExecutionEngine("optimized", workers=2)
    prepared = engine.prepare(squares, n=3)
    with engine:
        assert prepared.run().value == [0, 1, 4]
    assert repr(engine) == "<engine optimized, 2 workers, closed>"
    for run in (lambda: engine.run(squares, 1), lambda: engine.prepare(squares, n=1), prepared.run):
        with pytest.raises(ms.ExecutionException, match="closed"):
            run()
    engine.close()


def test_closing_ends_the_threads() -> None:
    before = set(threading.enumerate())
    with ms.SequentialExecutionEngine("optimized", workers=4) as engine:
        barrier = threading.Barrier(4, timeout=60)
        wf = ms.Workflow("all")
        for _ in range(4):
            wf.add(ms.step(barrier.wait))
        engine.run(wf)
        mine = set(threading.enumerate()) - before
        assert len(mine) == 3
        assert all(thread.daemon and thread.name.startswith("makespan-") for thread in mine)
    assert not any(thread.is_alive() for thread in mine)


@pytest.mark.parametrize("n_closing", [1, 4])
def test_engine_may_be_closed_by_its_own_steps(n_closing: int) -> None:
    together = threading.Barrier(4, timeout=60)

    @ms.step
    def close(at: int) -> int:
        together.wait()
        if at < n_closing:
            engine.close()
        return at

    wf = ms.Workflow("closing")
    wf.output([wf.add(close, at) for at in range(4)])
    engine = ms.SequentialExecutionEngine("optimized", workers=4)
    values: list[Any] = []
    thread = threading.Thread(target=lambda: values.append(engine.run(wf).value), daemon=True)
    thread.start()
    thread.join(30)
    assert values == [[0, 1, 2, 3]]


def test_threads_are_started_only_when_there_is_something_to_share() -> None:
    before = threading.active_count()
    with ms.SequentialExecutionEngine("optimized", workers=64) as engine:
        assert threading.active_count() == before
        engine.run(squares, 1)
        assert threading.active_count() == before
        # Three nodes, of which nobody knows how long they take: two helpers are all that could be of use.
        engine.run(ms.workflow()(lambda: [ms.step(abs)(x) for x in range(3)]))
        assert threading.active_count() <= before + 2


def test_default_engine_is_one() -> None:
    assert ms.default_engine() is ms.default_engine()
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(ms.default_engine())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(map(id, found)) == {id(ms.default_engine())}


SHOW = "import makespan as ms; e = ms.default_engine(); print(e.strategy.name, e.workers)"


def test_environment_configures_the_default_engine() -> None:
    assert python(SHOW, MAKESPAN_STRATEGY="sequential", MAKESPAN_WORKERS="7").stdout == "sequential 7\n"
    assert python(SHOW, MAKESPAN_STRATEGY="", MAKESPAN_WORKERS="").stdout.startswith("auto ")


@pytest.mark.parametrize("workers", ["0", "-1", "four", "1.5", " 2", "²", "4096", "9" * 5000])
def test_environment_that_cannot_be_read_names_the_variable(workers: str) -> None:
    answer = python(SHOW, MAKESPAN_WORKERS=workers)
    assert answer.returncode == 1
    assert "ConfigurationError" in answer.stderr
    assert "MAKESPAN_WORKERS" in answer.stderr


def test_unknown_strategy_in_the_environment_is_named() -> None:
    answer = python(SHOW, MAKESPAN_STRATEGY="quick")
    assert "StrategyError: no strategy is named 'quick'" in answer.stderr


def test_arun_lets_the_loop_go_on() -> None:
    """The step waits for what only the event loop can give."""
    release = threading.Event()

    async def main() -> Any:
        waiting = asyncio.create_task(wf.arun())
        await asyncio.sleep(0)
        release.set()
        return (await waiting).value

    wf = ms.Workflow("waits")
    wf.output(wf.add(ms.step(lambda: release.wait(60))))
    assert asyncio.run(main()) is True


def test_many_aruns_at_a_time() -> None:
    async def main() -> list[Any]:
        with ms.SequentialExecutionEngine("optimized", workers=3) as engine:
            runs = await asyncio.gather(*(engine.arun(squares, n) for n in range(20)))
        return [run.value for run in runs]

    assert asyncio.run(main()) == [[x * x for x in range(n)] for n in range(20)]


def test_arun_raises_what_run_raises() -> None:
    wf = ms.Workflow.sequence([lambda: 1 // 0])
    with pytest.raises(ms.RunFailedError):
        asyncio.run(wf.arun())


def test_run_inside_a_running_loop_works() -> None:
    async def main() -> list[int]:
        return squares(3)

    assert asyncio.run(main()) == [0, 1, 4]


@every_engine
def test_runs_inside_steps_share_the_engine_without_waiting_for_each_other(
    engine: ms.SequentialExecutionEngine,
) -> None:
    @ms.step
    def inner(depth: int, x: int) -> int:
        return x if depth == 0 else sum(engine.run(fan, depth - 1).value)

    @ms.workflow
    def fan(depth: int) -> list[int]:
        return [inner(depth, x) for x in range(3)]

    assert engine.run(fan, 4).value == [81, 81, 81]


@every_engine
def test_one_engine_serves_many_threads(engine: ms.SequentialExecutionEngine) -> None:
    wrong: list[Any] = []

    def many(base: int) -> None:
        for n in range(60):
            value = engine.run(squares, n % 17 + base % 3).value
            if value != [x * x for x in range(n % 17 + base % 3)]:
                wrong.append(value)

    threads = [threading.Thread(target=many, args=(at,)) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def in_child(work: Callable[[], bool]) -> bool:
    """Fork, and tell whether the work returned true in the child; a child that hangs is ended by an alarm."""
    import signal
    import warnings

    with warnings.catch_warnings():
        # Newer interpreters warn of forks in processes with threads: this is what is tested.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(60)
        code = 1
        try:
            code = 0 if work() else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def meeting(n: int) -> ms.Workflow:
    """Steps that wait for each other: they end only where they run at the same time."""
    barrier = threading.Barrier(n, timeout=30)
    wf = ms.Workflow("meeting")
    wf.output([wf.add(ms.step(barrier.wait, name="wait")) for _ in range(n)])
    return wf


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_engine_works_in_a_forked_child_and_in_the_parent() -> None:
    with ms.SequentialExecutionEngine("optimized", workers=3) as engine:
        assert sorted(engine.run(meeting(3)).value) == [0, 1, 2]
        prepared = engine.prepare(meeting(3))
        assert sorted(prepared.run().value) == [0, 1, 2]
        assert in_child(lambda: sorted(engine.run(meeting(3)).value) == [0, 1, 2])
        assert in_child(lambda: squares(3) == [0, 1, 4])
        assert in_child(lambda: engine.close() is None)  # type: ignore[func-returns-value]
        assert sorted(engine.run(meeting(3)).value) == [0, 1, 2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_what_was_prepared_in_the_parent_runs_in_a_forked_child() -> None:
    with ms.SequentialExecutionEngine("optimized", workers=3) as engine:
        prepared = engine.prepare(meeting(3))
        assert sorted(prepared.run().value) == [0, 1, 2]
        assert in_child(lambda: sorted(prepared.run().value) == [0, 1, 2])


def test_process_ends_although_an_engine_was_never_closed() -> None:
    code = (
        "import makespan as ms, threading, time\n"
        "e = ms.SequentialExecutionEngine('optimized', workers=4); b = threading.Barrier(4)\n"
        "wf = ms.Workflow('w'); [wf.add(ms.step(b.wait)) for _ in range(4)]; e.run(wf)\n"
        "print('ran', flush=True)\n"
    )
    answer = python(code)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "ran\n", "")


def test_process_ends_although_a_helper_is_inside_a_step() -> None:
    code = (
        "import makespan as ms, threading, time\n"
        "e = ms.SequentialExecutionEngine('optimized', workers=2); inside = threading.Event()\n"
        "def long():\n"
        "    if threading.current_thread() is not threading.main_thread():\n"
        "        inside.set(); time.sleep(1000)\n"
        "    inside.wait(); raise SystemExit(5)\n"
        "wf = ms.Workflow('w'); [wf.add(ms.step(long)) for _ in range(2)]\n"
        "e.run(wf)\n"
    )
    answer = python(code)
    assert answer.returncode == 5, answer.stderr


# Dropped late, so that the interpreter takes long to end: threads that come back meanwhile are ended by force.
LAST = """
import builtins, threading, time
import makespan as ms
class Last:
    def __del__(self, sleep=time.sleep): sleep(0.5)
builtins.last = Last()
"""


def test_helper_that_comes_back_while_the_interpreter_ends_does_no_harm() -> None:
    code = """
engine, inside = ms.SequentialExecutionEngine("optimized", workers=2), threading.Event()
def step():
    if threading.current_thread() is not threading.main_thread():
        inside.set(); time.sleep(0.2); return
    inside.wait(); raise SystemExit(5)
wf = ms.Workflow("demo")
for _ in range(2): wf.add(ms.step(step))
engine.run(wf)
"""
    answer = python(LAST + code)
    assert (answer.returncode, answer.stderr) == (5, "")


@pytest.mark.parametrize("strategy", ["sequential", "optimized"])
@pytest.mark.parametrize("step", ["abs", "lambda x: x", "lambda x: time.sleep(0.001) or x"])
def test_interpreter_may_end_while_other_threads_run_workflows(strategy: str, step: str) -> None:
    code = f"""
engine, step, started = ms.SequentialExecutionEngine({strategy!r}, 3), ms.step({step}), threading.Event()
wf = ms.Workflow("demo")
wf.output([wf.add(step, wf.add(step, at)) for at in range(200)])
prepared = engine.prepare(wf)
def run():
    while True: prepared.run(); started.set()
for _ in range(2): threading.Thread(target=run, daemon=True).start()
started.wait(); raise SystemExit(5)
"""
    answer = python(LAST + code)
    assert (answer.returncode, answer.stderr) == (5, "")
