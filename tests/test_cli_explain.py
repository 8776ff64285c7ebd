"""`makespan explain`, as a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

WORKFLOWS = """
import makespan as ms

@ms.step(pure=True)
def load(name):
    return name

@ms.step
def count(text):
    return len(text)

@ms.step(writes="log")
def note(text):
    if text == "explode":
        raise ValueError(text)

@ms.workflow
def report(name: str = "a"):
    load("unused")
    note(load(name))
    note(load(name))
    return [count(load("b")), count(load("b"))]

built = ms.Workflow("built")
built.output(built.add(count, built.parameter("x")))
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "flows.py"
    path.write_text(WORKFLOWS)
    return path


def explain(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "makespan", "explain", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def rows(text: str) -> dict[str, str]:
    return {line[:15].strip(): line[15:].strip() for line in text.splitlines()}


def test_what_would_be_done_is_told_without_running(file: Path) -> None:
    done = explain(f"{file}:report", "--arg", "name=explode")
    assert (done.returncode, done.stderr) == (0, "")
    told = rows(done.stdout)
    assert told["steps"] == "9 calls written, 6 made"
    assert told["pruned"] == "report/load[0]"
    assert told["merged"] == "report/load[2] = report/load[1], report/load[4] = report/load[3]"
    assert told["promises"] == "pure=True on count would save 1 call"
    assert told["order"] == "4 values passed, 1 by effects, 0 declared"
    assert told["longest chain"].startswith("3 steps: report/load[1] → report/note[0] → report/note[1]")


def test_with_run_the_time_is_explained_too(file: Path) -> None:
    done = explain(f"{file}:report", "--run")
    assert done.returncode == 0
    assert "report: 6 nodes finished, 1 pruned, 2 merged in " in done.stdout
    assert "no order takes less than " in done.stdout


def test_a_node_is_explained(file: Path) -> None:
    done = explain(f"{file}:report", "--run", "--node", "load[2]")
    assert done.stdout.splitlines() == [
        "report/load[2]: merged",
        "  is the same call as report/load[1], whose result was taken",
    ]


def test_built_workflows_are_explained(file: Path) -> None:
    assert rows(explain(f"{file}:built", "--arg", "x=abc").stdout)["steps"] == "1 call written, 1 made"


def test_as_json(file: Path) -> None:
    data = json.loads(explain(f"{file}:report", "--run", "--json").stdout)
    assert (data["n_nodes"], data["n_runs"], data["missing_promises"]) == (9, 6, {"count": 1})
    assert data["run"]["outcome_counts"]["merged"] == 2


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--node", "load[0]"], 2, "--node tells what happened to a node: it takes --run"),
        (["--run", "--node", "nobody"], 1, "nobody"),
        (["--run", "--arg", "name=explode"], 1, "ValueError: explode"),
        (["--arg", "nme=a"], 2, "nme"),
    ],
)
def test_what_cannot_be_explained_says_why(file: Path, arguments: list[str], code: int, said: str) -> None:
    done = explain(f"{file}:report", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
