"""The folder of a result cache: what is kept beyond the process, shared by processes, and never trusted."""

import os
import pathlib
import subprocess
import sys
import time
import warnings
from typing import Any

import pytest

import makespan as ms
from makespan.testing import assert_same

CALLS: list[Any] = []


@pytest.fixture(autouse=True)
def no_calls() -> None:
    CALLS.clear()


@ms.step(pure=True, cache=True)
def load(name: Any) -> Any:
    CALLS.append("load")
    return [name, {"length": len(str(name))}]


@ms.step(pure=True, cache=True)
def count(loaded: Any) -> int:
    CALLS.append("count")
    return len(str(loaded))


@ms.workflow
def report(name: Any) -> int:
    return count(load(name))


def one_call(step: ms.Step[..., Any], *args: Any, **kwargs: Any) -> ms.Workflow:
    workflow = ms.Workflow("one")
    workflow.output(workflow.add(step, *args, **kwargs))
    return workflow


def test_another_process_finds_it(tmp_path: pathlib.Path) -> None:
    program = pathlib.Path(tmp_path / "program.py")
    program.write_text(PROGRAM)
    outputs = [
        subprocess.run(
            [sys.executable, program, str(tmp_path / "cache")],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs == ["called\n{'a': [1.5, (2, None)]} [0 1 2]\n", "{'a': [1.5, (2, None)]} [0 1 2]\n"]


def test_processes_that_want_it_at_once_make_one_call(tmp_path: pathlib.Path) -> None:
    program = pathlib.Path(tmp_path / "program.py")
    program.write_text(PROGRAM.replace("print('called')", "print('called'); import time; time.sleep(0.3)"))
    processes = [
        subprocess.Popen([sys.executable, program, str(tmp_path / "cache")], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert sum("called" in output for output in outputs) == 1
    assert {output.replace("called\n", "") for output in outputs} == {"{'a': [1.5, (2, None)]} [0 1 2]\n"}


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "foreign"])
def test_damaged_file_counts_as_missing(tmp_path: pathlib.Path, damage: str) -> None:
    run_with(tmp_path, load, "abc")
    (file,) = files(tmp_path)
    content = file.read_bytes()
    file.write_bytes(
        {
            "cut": content[:-1],
            "flip": content[:-1] + bytes([content[-1] ^ 1]),
            "empty": b"",
            "foreign": b"something else entirely, longer than the head of a file",
        }[damage]
    )
    assert run_with(tmp_path, load, "abc") == ["abc", {"length": 3}]
    assert len(CALLS) == 2
    assert run_with(tmp_path, load, "abc") == ["abc", {"length": 3}]
    assert len(CALLS) == 2


def test_links_are_not_followed(tmp_path: pathlib.Path) -> None:
    run_with(tmp_path, load, "abc")
    (file,) = files(tmp_path)
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    run_with(tmp_path, load, "abc")
    assert len(CALLS) == 2


def test_only_the_owner_can_read(tmp_path: pathlib.Path) -> None:
    run_with(tmp_path / "new", load, "abc")
    (file,) = files(tmp_path / "new")
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0
    assert list((tmp_path / "new" / "locks").iterdir()) == []


def test_what_is_no_plain_data_is_stored_only_by_pickle(tmp_path: pathlib.Path) -> None:
    give = ms.step(lambda: ms.Caching(ttl=5.0), name="give", pure=True, cache=ms.Caching(version="1"))
    with pytest.warns(RuntimeWarning, match="what give returned is cached in memory only"):
        run_with(tmp_path, give)
    assert files(tmp_path) == []
    n_cached = []
    for _ in range(2):
        with ms.SequentialExecutionEngine(cache=ms.ResultCache(folder=tmp_path, pickle=True)) as engine:
            run = engine.run(one_call(give))
        assert_same(run.value, ms.Caching(ttl=5.0))
        n_cached.append(run.outcome_counts["cached"])
    assert n_cached == [0, 1]
    # Who did not ask for pickles does not load them.
    with pytest.warns(RuntimeWarning, match="in memory only"):
        run_with(tmp_path, give)


def test_pickled_code_is_not_run_unasked(tmp_path: pathlib.Path) -> None:
    give = ms.step(lambda: Bomb(), name="give", pure=True, cache=ms.Caching(version="1"))
    with ms.SequentialExecutionEngine(cache=ms.ResultCache(folder=tmp_path, pickle=True)) as engine:
        engine.run(one_call(give))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run_with(tmp_path, give)
    assert "boom" not in CALLS


def test_time_is_that_of_all_processes(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = ms.step(str, name="short", pure=True, cache=ms.Caching(ttl=60))
    with ms.SequentialExecutionEngine(cache=ms.ResultCache(folder=tmp_path)) as engine:
        engine.run(one_call(short, 1))
    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)
    with ms.SequentialExecutionEngine(cache=ms.ResultCache(folder=tmp_path)) as engine:
        assert engine.run(one_call(short, 1)).outcome_counts["cached"] == 0


def test_files_of_what_is_invalidated_are_removed(tmp_path: pathlib.Path) -> None:
    cache = ms.ResultCache(folder=tmp_path)
    with ms.SequentialExecutionEngine(cache=cache) as engine:
        engine.run(report, "abc")
    assert len(files(tmp_path)) == 3
    assert ms.ResultCache(folder=tmp_path).invalidate(step="count") == 1
    assert len(files(tmp_path)) == 1
    assert cache.clear() == 2
    assert files(tmp_path) == []


def test_failures_are_stored_where_that_is_asked_for(tmp_path: pathlib.Path) -> None:
    def fails() -> None:
        CALLS.append("fails")
        raise LookupError("gone")

    step = ms.step(fails, pure=True, cache=ms.Caching(version="1", failures=60))
    for _ in range(2):
        cache = ms.ResultCache(folder=tmp_path, pickle=True)
        with ms.SequentialExecutionEngine(cache=cache) as engine, pytest.raises(ms.RunFailedError) as caught:
            engine.run(one_call(step))
        assert_same(caught.value.failures[0].__cause__, LookupError("gone"))
    assert CALLS == ["fails"]


def test_folder_that_is_lost_costs_a_warning(tmp_path: pathlib.Path) -> None:
    cache = ms.ResultCache(folder=tmp_path / "cache")
    with ms.SequentialExecutionEngine(cache=cache) as engine:
        engine.run(one_call(load, "abc"))
        (file,) = files(tmp_path / "cache")
        file.unlink()
        file.parent.rmdir()
        (file.parent).write_text("in the way")
        cache.clear()
        with pytest.warns(RuntimeWarning, match="cached in memory only"):
            assert engine.run(one_call(load, "abc")).value == ["abc", {"length": 3}]


class Bomb:
    def __reduce__(self) -> Any:
        return (CALLS.append, ("boom",))

    def __deepcopy__(self, memo: Any) -> "Bomb":
        return self


PROGRAM = """
import sys
import numpy as np
import makespan as ms

@ms.step(pure=True, cache=True)
def made(n: int) -> tuple[dict, np.ndarray]:
    print('called')
    return {"a": [1.5, (2, None)]}, np.arange(n)

@ms.workflow
def demo() -> tuple[dict, np.ndarray]:
    return made(3)

with ms.SequentialExecutionEngine(cache=ms.ResultCache(folder=sys.argv[1])) as engine:
    print(*engine.run(demo).value)
"""


def run_with(folder: pathlib.Path, step: ms.Step[..., Any], *args: Any) -> Any:
    """Run a call as a process would that starts with this folder."""
    with ms.SequentialExecutionEngine(cache=ms.ResultCache(folder=folder)) as engine:
        return engine.run(one_call(step, *args)).value


def files(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(file for file in folder.glob("??/*"))
