"""What a run would do, told without one: `plan` beforehand, `makespan run --dry-run`."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import makespan as ms
from benches.suite.cases import NAMES, NEEDS_PACKAGES, cached_case
from engines import every_engine

WORKFLOWS = """
from pathlib import Path
import makespan as ms

TRACES = Path(__file__).parent

def trace(name):
    with (TRACES / "called.txt").open("a") as file:
        file.write(f"{name}\\n")

def many(texts):
    trace("many")
    return [text.upper() for text in texts]

@ms.step(pure=True, cache=True, duration=1.0)
def load(name):
    trace("load")
    return name

@ms.step(batch=many, duration=2.0)
def shout(text):
    trace("shout")
    return text.upper()

@ms.step(writes="log")
def store(text):
    trace("store")

@ms.workflow
def report(names: list = ["a", "b", "a"]):
    load("unused")
    for name in names:
        store(shout(load(name)))

@ms.workflow
def unknown():
    store("x")

built = ms.Workflow("built")
built.output(built.add(shout, built.parameter("x")))
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "flows.py"
    path.write_text(WORKFLOWS)
    return path


def dry_run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "makespan", "run", "--dry-run", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def rows(text: str) -> dict[str, str]:
    return {line[:10].strip(): line[10:].strip() for line in text.splitlines()}


def called(file: Path) -> list[str]:
    path = file.parent / "called.txt"
    return path.read_text().split() if path.exists() else []


def test_no_step_is_called(file: Path) -> None:
    done = dry_run(f"{file}:report", "--workers", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert called(file) == []
    told = rows(done.stdout)
    assert told["dry run"] == "report (auto, 2 workers): no step was called"
    assert told["steps"] == "10 calls written, 8 would be made"
    assert told["pruned"] == "report/load[0]"
    assert told["merged"] == "report/load[3] = report/load[1]"
    assert told["reused"] == "none: the cache has no result of these calls"
    assert told["batched"] == "up to 3 calls of shout at once"
    assert told["order"].startswith("report/load[")
    assert told["expected"].endswith("from the first start to the last finish; 3 durations of 8 guessed")


def test_a_run_does_what_the_dry_run_told(file: Path) -> None:
    data = json.loads(dry_run(f"{file}:report", "--workers", "1", "--json").stdout)
    assert called(file) == []
    command = [sys.executable, "-m", "makespan", "run", f"{file}:report", "--workers", "1", "--json"]
    run = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout)
    assert called(file) == ["load"] * 2 + ["many"] + ["store"] * 3
    outcomes = {node["path"]: node["outcome"].replace("finished", "runs") for node in run["nodes"]}
    assert outcomes == data["outcomes"]
    assert data["batchable"] == {"shout": 3}


def test_one_worker_keeps_the_order_that_was_told(file: Path) -> None:
    options = (f"{file}:report", "--workers", "1", "--strategy", "optimized", "--json")
    order = json.loads(dry_run(*options).stdout)["order"]
    command = [sys.executable, "-m", "makespan", "run", *options]
    run = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout)
    started = [(node["start_s"], node["finish_s"], node["path"]) for node in run["nodes"] if node["worker"] is not None]
    assert [path for *_, path in sorted(started)] == order
    assert len(order) == 8


def test_nothing_is_batched_by_strategies_that_do_not(file: Path) -> None:
    told = rows(dry_run(f"{file}:report", "--strategy", "sequential").stdout)
    assert told["steps"] == "10 calls written, 10 would be made"
    assert told["batched"].startswith("none")
    assert told["pruned"].startswith("none")


def test_what_is_not_known_is_said_to_be(file: Path) -> None:
    told = rows(dry_run(f"{file}:unknown").stdout)
    assert told["expected"].startswith("unknown")
    assert told["order"] == "unknown/store[0]"


def test_built_workflows_and_arguments(file: Path) -> None:
    assert rows(dry_run(f"{file}:built", "--arg", "x=a").stdout)["steps"] == "1 call written, 1 would be made"
    assert rows(dry_run(f"{file}:report", "--arg", "names=[]").stdout)["order"] == "nothing to run"
    assert called(file) == []


def test_a_comparison_is_no_dry_run(file: Path) -> None:
    done = dry_run(f"{file}:report", "--compare")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--compare" in done.stderr
    assert called(file) == []


# --- beforehand and afterwards, on one engine ----------------------------------------------------


CALLS: list[str] = []


@ms.step(pure=True, cache=True, duration=1.0)
def kept(x: int) -> int:
    CALLS.append("kept")
    return x


@ms.step(pure=True, duration=2.0)
def made(x: int) -> int:
    CALLS.append("made")
    return x


@ms.step(duration=4.0)
def told(x: int) -> None:
    CALLS.append("told")


@ms.workflow
def chain(x: int) -> None:
    told(kept(made(x)))


def test_what_the_cache_has_is_not_run_again() -> None:
    CALLS.clear()
    with ms.SequentialExecutionEngine(workers=2) as engine:
        before = engine.plan(chain, 1)
        assert CALLS == []
        assert (before.n_runs, before.reused, before.pruned, before.expected_makespan_s) == (3, [], [], 7.0)
        engine.run(chain, 1)
        after = engine.plan(chain, 1)
        assert (after.reused, after.pruned, after.running) == (["chain/kept[0]"], ["chain/made[0]"], ["chain/told[0]"])
        assert after.order == after.running
        assert repr(after).startswith("<plan of chain: 1 of 3 nodes run, 1 reused, ")
        assert engine.plan(chain, 2).reused == []
        assert engine.run(chain, 1).nodes.outcome == ["pruned", "cached", "finished"]
        engine.cache.clear()
        assert engine.plan(chain, 1).reused == []


def test_what_the_cache_has_takes_no_time() -> None:
    with ms.SequentialExecutionEngine(workers=1) as engine:
        engine.run(chain, 1)
        plan = engine.plan(chain, 1)
        assert plan.schedule is not None
        spent = dict(zip(plan.rewriting.running, (plan.schedule.finish - plan.schedule.start).tolist(), strict=True))
        assert (spent["chain/made[0]"], spent["chain/kept[0]"]) == (0, 0)
        assert plan.expected_makespan_s == spent["chain/told[0]"] > 0


def test_a_strategy_that_does_not_cache_reuses_nothing() -> None:
    with ms.SequentialExecutionEngine(ms.OptimizedSequentialStrategy(passes=("prune",)), workers=1) as engine:
        engine.run(chain, 1)
        assert engine.plan(chain, 1).reused == []


@every_engine
@pytest.mark.parametrize("name", [name for name in NAMES if name not in NEEDS_PACKAGES])
def test_runs_of_the_suite_do_what_was_told(engine: ms.SequentialExecutionEngine, name: str, tmp_path: Path) -> None:
    of = cached_case(name)
    with of.data(tmp_path, True) as arguments:
        for _ in range(2):
            plan = engine.plan(of.workflow, *arguments)
            run = engine.run(of.workflow, *arguments)
            for path, before, after in zip(run.paths, plan.outcome, run.nodes.outcome, strict=True):
                # What is the same by value only is found out by the run.
                possible = {"finished", "cached"} if before == "runs" else {before}
                assert after in possible, path
            assert sorted(plan.order) == sorted(plan.running)
            batched = {path for path, n in zip(run.paths, run.nodes.batch_size, strict=True) if n > 1}
            steps: dict[str, Any] = {}
            for path in batched:
                steps.setdefault(path.rpartition("/")[2].partition("[")[0], []).append(path)
            assert all(len(paths) <= plan.batchable.get(step, 0) for step, paths in steps.items())
