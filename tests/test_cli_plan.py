"""`makespan plan` in processes of its own: what is printed, written and refused."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import makespan as ms
from makespan.cli import main
from makespan.formats import read_problem
from makespan.testing import generated_problem
from test_cli import read_until
from test_formats import PATTERSON, PSPLIB
from test_traces import MULTI_MODE, new


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "four.sm"
    path.write_text(PSPLIB)
    return path


@pytest.fixture
def hard(tmp_path: Path) -> Path:
    """Write a problem whose bound is not met, in Patterson's format."""
    problem = generated_problem(60, resource_factor=1.0, resource_strength=0.0, seed=2)
    source, target = problem.graph.edges()
    lines = [f"60 {problem.capacities.size}", " ".join(map(str, problem.capacities))]
    for node in range(60):
        after = (target[source == node] + 1).tolist()
        row = [int(problem.durations[node]), *problem.demands[node].tolist(), len(after), *after]
        lines.append(" ".join(map(str, row)))
    path = tmp_path / "hard.rcp"
    path.write_text("\n".join(lines))
    return path


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "makespan", "plan", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "90"})


def test_a_plan_is_printed_with_what_is_known_of_it(file: Path) -> None:
    answer = command(file)
    assert (answer.returncode, answer.stderr) == (0, "")
    lines = answer.stdout.splitlines()
    rows = dict(re.split(r"  +", line, maxsplit=1) for line in lines[: lines.index("")])
    assert rows["nodes"] == "4"
    assert rows["makespan"] == rows["lower bound"] == "7 s"
    assert rows["gap"] == "0, no plan is shorter"
    assert rows["use of R1"] == "66.7% of 3"
    assert rows["critical chain"].startswith("3 nodes, 1 of its links by a resource: 1 → ")
    assert "7 s" in answer.stdout.split("└")[1]
    assert all(len(line) <= 90 for line in lines[lines.index("") :])


def test_json_is_a_plan(file: Path) -> None:
    answer = command(file, "--json")
    assert (answer.returncode, answer.stderr) == (0, "")
    found = ms.Plan.from_json(answer.stdout)
    found.check()
    assert found.makespan == 7
    assert found.graph == read_problem(file).graph


def test_a_picture_is_written(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "plan.svg"
    assert command(file, "--gantt", path).returncode == 0
    assert "R1: 2" in path.read_text()
    ET.parse(path)


@pytest.mark.parametrize(
    ("arguments", "capacities"),
    [
        (["--capacity", "R1=5"], [5, 1]),
        (["--capacity", "5,4"], [5, 4]),
        (["--capacity", "5,4", "--capacity", "R2=9"], [5, 9]),
    ],
)
def test_capacities_are_those_of_the_command_line(
    file: Path, arguments: list[str], capacities: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", str(file), "--json", *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["capacities"] == capacities


def test_cores_are_those_of_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    path.write_text(json.dumps(new()))
    assert json.loads(command(path, "--json", "--cores", 3).stdout)["capacities"] == [3]
    found = ms.Plan.from_json(command(path, "--json").stdout)
    assert found.capacities.tolist() == [4]
    assert found.graph.labels == ("load_1", "fit_2", "tell_3")


def test_a_node_runs_in_one_of_the_modes_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.mm"
    path.write_text(MULTI_MODE)
    answer = command(path, "--json")
    assert (answer.returncode, answer.stderr) == (0, "")
    found, problem = ms.Plan.from_json(answer.stdout), read_problem(path)
    found.check()
    assert problem.modes is not None
    assert found.modes is not None
    for node, mode in enumerate(found.modes.tolist()):
        seconds, demand = problem.modes[node][mode]
        assert (found.durations[node], found.demands[node].tolist()) == (seconds, list(demand))


def test_the_same_seed_and_number_of_schedules_give_the_same_plan(hard: Path) -> None:
    one, again = (
        ms.Plan.from_json(command(hard, "--json", "--max-schedules", 200, "--seed", 7).stdout) for _ in range(2)
    )
    assert one.start.tolist() == again.start.tolist()
    assert one.n_schedules == 200


def test_a_time_limit_ends_the_search(hard: Path) -> None:
    answer = command(hard, "--time-limit", 0.01)
    assert answer.returncode == 0
    assert "ended by the limit of time or by Ctrl-C" in answer.stdout


@pytest.mark.parametrize(
    ("name", "text", "arguments", "said"),
    [
        ("a.sm", None, [], "No such file or directory"),
        ("a.txt", PSPLIB, [], "expected a file with the suffix .sm"),
        ("a.sm", PSPLIB[:-200], [], "expected"),
        ("a.sm", PATTERSON, [], "expected a section RESOURCEAVAILABILITIES"),
        ("a.json", "{", [], "expected JSON"),
        ("a.rcp", "2 0  1 1 2  1 1 1", [], "these nodes wait for each other"),
        ("a.sm", PSPLIB, ["--cores", 4], "--cores means the only resource, and the file has 2 resources: R1, R2"),
        ("a.sm", PSPLIB, ["--capacity", "R3=4"], "there is no resource 'R3'; the file has 2 resources: R1, R2"),
        ("a.sm", PSPLIB, ["--capacity", "1,2,3"], "3 amounts, and the file has 2 resources: R1, R2"),
        ("a.sm", PSPLIB, ["--capacity", "R1=x"], "'x' is not a whole number"),
        ("a.sm", PSPLIB, ["--capacity", "R1=1"], "node 2 needs 2 of resource 'R1', which has 1"),
        ("a.sm", PSPLIB, ["--gantt", "missing/plan.svg"], "missing/plan.svg: No such file or directory"),
        ("a.sm", PSPLIB, ["--time-limit", "inf"], "time_limit is inf"),
    ],
)
def test_what_is_wrong_is_one_line_and_exits_with_2(
    tmp_path: Path, name: str, text: str | None, arguments: list[object], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    assert main(["plan", str(path), *map(str, arguments)]) == 2
    answer = capsys.readouterr()
    assert answer.out == ""
    assert answer.err.startswith("makespan: ")
    assert answer.err.count("\n") == 1
    assert said in answer.err


def test_a_wrong_call_exits_with_2_in_a_process_of_its_own(file: Path) -> None:
    answer = command(file, "--capacity", "R3=4")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "there is no resource 'R3'" in answer.stderr


def test_help_has_examples() -> None:
    answer = command("--help")
    assert answer.returncode == 0
    assert "makespan plan montage.json --cores 16 --json" in answer.stdout
    assert "Exit codes" in answer.stdout


def test_on_a_terminal_a_long_search_shows_a_line_and_ctrl_c_takes_the_best_so_far(hard: Path) -> None:
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "makespan", "plan", str(hard), "--time-limit", "3600"]
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "90"}
    with subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        waiting = read_until(ours, re.compile(rb"planning 60 nodes .* Ctrl-C takes the best plan so far"))
        process.send_signal(signal.SIGINT)
        shown = read_until(ours, None).decode()
        os.close(ours)
        process.wait()
    assert process.returncode == 0, waiting + shown.encode()
    assert "lower bound" in shown
    assert "ended by the limit of time or by Ctrl-C" in shown
