"""The command: its decisions by value, then the real thing in processes of its own."""

import inspect
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import makespan as ms
from makespan.cli import doctor, main
from makespan.cli.arguments import Target, UsageError, bind_arguments, parse_arguments, parse_target
from makespan.cli.progress import format_duration, format_progress
from makespan.cli.summary import format_saved, shorten

WORKFLOWS = """
import os
import sys
import makespan as ms

@ms.step
def double(x):
    return 2 * x

@ms.step
def explode(x):
    raise RuntimeError(f"no luck with {x!r}")

@ms.step
def wait(path):
    print("waiting", flush=True)
    with open(path) as pipe:  # blocks until somebody writes
        return pipe.read()

@ms.workflow
def quick(n: int = 3, start=1):
    values = [double(start + i) for i in range(n)]
    return values

@ms.workflow
def needs(path, *, mode="r"):
    return double(path)

@ms.workflow
def bad(x: str = "it"):
    return [explode(x), double(x)]

@ms.workflow
def waiting(path: str):
    return wait(path)

counter = [0]

@ms.step
def count():
    counter[0] += 1
    return counter[0]

@ms.workflow
def unequal():
    return count()

built = ms.Workflow("built")
built.output(built.add(double, built.parameter("x")))

not_a_workflow = 1
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "jobs.py"
    path.write_text(WORKFLOWS)
    return path


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "makespan", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


# --- decisions, by value ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("jobs.py:main", Target("jobs.py", "main")),
        ("a/b c.py:x_1", Target("a/b c.py", "x_1")),
        ("c:/odd.py:main", Target("c:/odd.py", "main")),
    ],
)
def test_target_is_split_at_the_last_colon(text: str, target: Target) -> None:
    assert parse_target(text) == target


@pytest.mark.parametrize("text", ["", "jobs.py", "jobs.py:", ":main", "jobs.py:two words", "jobs.py:1"])
def test_target_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"FILE\.py:workflow"):
        parse_target(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-2.5e3", -2500.0),
        ("None", None),
        ("True", True),
        ("true", "true"),
        ("[1, 'a']", [1, "a"]),
        ("{'a': (1,)}", {"a": (1,)}),
        ("'3'", "3"),
        ("", ""),
        ("/usr/lib", "/usr/lib"),
        ("a=b", "a=b"),
        ("1 + 1", "1 + 1"),
        ("__import__('os')", "__import__('os')"),
        ("(" * 500, "(" * 500),
        ("x\0y", "x\0y"),
    ],
)
def test_argument_is_a_literal_or_the_text_itself(text: str, value: object) -> None:
    parsed = parse_arguments([f"k={text}"])["k"]
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("pairs", "problem"), [(["k"], "name=value"), (["=3"], "name=value"), (["k=1", "k=2"], "twice")]
)
def test_argument_of_another_form_is_refused(pairs: list[str], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        parse_arguments(pairs)


def test_unknown_parameter_names_the_known_ones() -> None:
    def workflow(root: str, *, out: str = "") -> None: ...

    with pytest.raises(UsageError, match="no parameter 'rot': it has root, out"):
        bind_arguments(inspect.signature(workflow), {"rot": 1})
    with pytest.raises(UsageError, match="needs a value for root: give --arg root=…"):
        bind_arguments(inspect.signature(workflow), {})
    assert bind_arguments(inspect.signature(workflow), {"root": "a"}) == {"root": "a"}


def test_workflow_without_parameters_says_so() -> None:
    def workflow() -> None: ...

    with pytest.raises(UsageError, match="it has none"):
        bind_arguments(inspect.signature(workflow), {"x": 1})


def test_any_keyword_is_taken_where_the_workflow_takes_any() -> None:
    def workflow(**options: object) -> None: ...

    assert bind_arguments(inspect.signature(workflow), {"x": 1}) == {"x": 1}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 µs"),
        (999.4e-6, "999 µs"),
        (999.6e-6, "1 ms"),
        (0.9996, "1 s"),
        (59.94, "59.9 s"),
        (59.96, "1:00 min"),
        (3599.4, "59:59 min"),
        (3599.6, "1:00 h"),
    ],
)
def test_durations_change_unit_without_a_gap(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_progress_before_the_first_step_guesses_nothing() -> None:
    assert format_progress(0, 0, 0, 0.5) == "preparing · 500 ms elapsed"
    assert format_progress(0, 2, 10, 1.0) == "0/10 steps · 2 running · 1 s elapsed"
    assert format_progress(10, 0, 10, 4.0).endswith("about 0 µs to go")


def test_critical_path_is_shown_whole_up_to_a_length() -> None:
    assert shorten([str(i) for i in range(8)]).count("→") == 7
    assert "(1 more)" in shorten([str(i) for i in range(9)])


def test_speed_up_is_serial_over_run() -> None:
    run: ms.RunResult[object] = ms.Workflow.sequence([abs, str]).run(-1)
    found = ms.RunComparison(run=run, serial_s=3.0, elapsed_s=1.5, is_equal=True)
    assert found.speed_up == 2.0
    assert format_saved(found) == "0: nothing applied"


# --- limits of the machine, from a made-up tree of files ------------------------------------------


def write_tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_version_2_takes_the_least_limit_of_all_groups_around(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            "self": "0::/a/b\n",
            "fs/cgroup.controllers": "cpu memory\n",
            "fs/a/cpu.max": "150000 100000\n",
            "fs/a/memory.max": "max\n",
            "fs/a/b/cpu.max": "max 100000\n",
            "fs/a/b/memory.max": "1048576\n",
        },
    )
    limits = doctor.read_limits(tmp_path / "self", tmp_path / "fs")
    assert limits == doctor.Limits(version=2, cpus=1.5, memory_bytes=1 << 20)


def test_version_1_reads_each_controller_in_its_own_folder(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            "self": "3:cpu,cpuacct:/x\n2:memory:/y\n",
            "fs/cpu/x/cpu.cfs_quota_us": "-1\n",
            "fs/cpu/x/cpu.cfs_period_us": "100000\n",
            "fs/cpu/cpu.cfs_quota_us": "250000\n",
            "fs/cpu/cpu.cfs_period_us": "100000\n",
            "fs/memory/y/memory.limit_in_bytes": "9223372036854771712\n",
        },
    )
    limits = doctor.read_limits(tmp_path / "self", tmp_path / "fs")
    assert limits == doctor.Limits(version=1, cpus=2.5, memory_bytes=None)


def test_no_control_groups_is_no_error(tmp_path: Path) -> None:
    limits = doctor.read_limits(tmp_path / "none", tmp_path / "nothing")
    assert limits == doctor.Limits(version=None, cpus=None, memory_bytes=None)


@pytest.mark.parametrize("text", ["", "\n", "max\n", "max 100000", "-1\n100000\n", "0 100000", "100000 0"])
def test_odd_cpu_limits_are_no_limit(text: str) -> None:
    assert doctor.parse_cpu_max(text) is None


# --- without the extra ---------------------------------------------------------------------------


@pytest.fixture
def _without_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("makespan.cli.has_extra", lambda: False)


@pytest.mark.usefixtures("_without_extra")
def test_without_the_extra_run_prints_the_pip_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "x.py:y"]) == 2
    assert 'pip install "makespan[cli]"' in capsys.readouterr().err


@pytest.mark.usefixtures("_without_extra")
def test_without_the_extra_version_and_doctor_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith(f"makespan {ms.__version__} ")
    assert main(["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["makespan"] == ms.__version__


# --- the real thing ------------------------------------------------------------------------------


def test_run_prints_the_summary_and_no_progress_into_a_pipe(file: Path) -> None:
    answer = command("run", f"{file}:quick", "--arg", "n=5", "--arg", "start=10")
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    rows = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in answer.stdout.splitlines())
    assert rows["steps"] == "5"
    assert rows["result"] == "[20, 22, 24, 26, 28]"
    assert {"makespan", "mean concurrency", "critical path", "slowest steps"} <= rows.keys()
    assert rows["slowest steps"].count("double") == 3


def test_built_workflow_runs_with_its_parameters(file: Path) -> None:
    answer = command("run", f"{file}:built", "--arg", "x=21", "--compare")
    assert answer.returncode == 0, answer.stderr
    assert re.search(r"^result +42$", answer.stdout, re.MULTILINE)
    answer = command("run", f"{file}:built", "--arg", "y=21")
    assert answer.returncode == 2
    assert "it has x" in answer.stderr


def test_run_compares_with_serial(file: Path) -> None:
    answer = command("run", f"{file}:quick", "--compare")
    assert answer.returncode == 0, answer.stderr
    assert re.search(r"^results +equal$", answer.stdout, re.MULTILINE)
    assert re.search(r"^speed-up +\d", answer.stdout, re.MULTILINE)
    assert re.search(r"^saved +\S", answer.stdout, re.MULTILINE)


def test_without_a_comparison_nothing_is_said_to_be_saved(file: Path) -> None:
    answer = command("run", f"{file}:quick")
    assert answer.returncode == 0, answer.stderr
    assert not re.search(r"saved|speed-up|serial\(\)", answer.stdout)
    assert "comparison" not in json.loads(command("run", f"{file}:quick", "--json").stdout)


def test_run_with_different_results_fails_the_comparison(file: Path) -> None:
    answer = command("run", f"{file}:unequal", "--compare")
    assert answer.returncode == 1
    assert "DIFFERENT" in answer.stdout


def test_run_prints_json(file: Path) -> None:
    answer = command("run", f"{file}:quick", "--json", "--compare", "--workers", "2", "--strategy", "sequential")
    assert answer.returncode == 0, answer.stderr
    result = json.loads(answer.stdout)
    assert result["strategy"] == "sequential"
    comparison = result["comparison"]
    assert comparison["is_equal"] is True
    assert (comparison["applied"], comparison["saved_s"]) == ([], 0.0)
    assert comparison["speed_up"] == comparison["serial_s"] / comparison["elapsed_s"]


def test_failed_run_prints_each_failure_with_the_users_traceback(file: Path) -> None:
    answer = command("run", f"{file}:bad", "--arg", "x=him")
    assert answer.returncode == 1
    assert "RuntimeError: no luck with 'him'" in answer.stderr
    assert 'raise RuntimeError(f"no luck with {x!r}")' in answer.stderr
    assert "explode" in answer.stderr
    assert answer.stdout == ""


def test_failed_run_in_json_lists_the_failures(file: Path) -> None:
    answer = command("run", f"{file}:bad", "--json")
    assert answer.returncode == 1
    (failure,) = json.loads(answer.stdout)["failures"]
    assert "explode" in failure["path"]


@pytest.mark.parametrize(
    ("target", "arguments", "said"),
    [
        ("jobs.py", [], "FILE.py:workflow"),
        ("absent.py:x", [], "there is no file"),
        ("jobs.py:absent", [], "its workflows are: quick, needs, bad, waiting, unequal, built"),
        ("jobs.py:not_a_workflow", [], "not a workflow"),
        ("jobs.py:quick", ["--arg", "m=3"], "it has n, start"),
        ("jobs.py:needs", [], "--arg path=…"),
        ("jobs.py:quick", ["--strategy", "magic"], "known are"),
        ("jobs.py:quick", ["--workers", "0"], "workers"),
        ("jobs.py:quick", ["--what"], "--what"),
    ],
)
def test_wrong_call_is_explained_and_exits_with_2(file: Path, target: str, arguments: list[str], said: str) -> None:
    answer = command("run", file.parent / target, *arguments)
    assert answer.returncode == 2, answer.stderr
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr


def test_file_that_raises_shows_its_traceback(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import absent_library_of_nobody\n")
    answer = command("run", tmp_path / "broken.py:x")
    assert answer.returncode == 1
    assert "absent_library_of_nobody" in answer.stderr
    assert "broken.py" in answer.stderr


def test_file_may_import_its_neighbors(tmp_path: Path) -> None:
    (tmp_path / "neighbor_of_jobs.py").write_text("VALUE = 21\n")
    (tmp_path / "json.py").write_text(
        textwrap.dedent("""
            import makespan as ms
            from neighbor_of_jobs import VALUE

            @ms.step
            def double(x):
                return 2 * x

            @ms.workflow
            def main():
                return double(VALUE)
        """)
    )
    answer = command("run", tmp_path / "json.py:main", "--json")
    assert answer.returncode == 0, answer.stderr


def test_help_names_the_exit_codes() -> None:
    answer = command("run", "--help")
    assert answer.returncode == 0
    for word in ("Exit codes", "130", "--compare", "--arg"):
        assert word in answer.stdout


def test_doctor_says_what_a_report_needs() -> None:
    answer = command("doctor")
    assert answer.returncode == 0, answer.stderr
    for word in ("build profile", "python", "numpy", "typer", "affinity", "usable cores", "memory limit"):
        assert re.search(rf"^{word} ", answer.stdout, re.MULTILINE)


def test_interrupt_ends_the_command_with_130(file: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    words = [sys.executable, "-m", "makespan", "run", f"{file}:waiting", "--arg", f"path={pipe}"]
    # The step reads until this end is closed, or until the interrupt if it runs in the caller's thread.
    writing_end = os.open(pipe, os.O_RDWR)
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        os.close(writing_end)
        _, said = process.communicate()
    assert process.returncode == 130, said
    assert "interrupted" in said
    assert "Traceback" not in said


def test_progress_line_lives_in_a_terminal_and_leaves_no_trace(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "jobs.py").write_text(WORKFLOWS)
    words = [sys.executable, "-m", "makespan", "run", f"{tmp_path}/jobs.py:waiting", "--arg", f"path={pipe}"]
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(words, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        screen = read_until(ours, re.compile(rb"0/1 steps .* running .* elapsed"))
        with pipe.open("w") as end:
            end.write("done")
        screen += read_until(ours, None)
        os.close(ours)
        process.wait()
    assert process.returncode == 0, screen.decode()
    text = screen.decode()
    assert "1 running" in text
    # The line is wiped before the summary is printed: erase-line comes last before it.
    summary = text[text.rindex("\x1b[2K") :]
    assert "running" not in summary
    assert "'done'" in summary


def read_until(descriptor: int, pattern: re.Pattern[bytes] | None) -> bytes:
    """Read a terminal until the pattern has come, or without one until its other end is closed."""
    read = b""
    while pattern is None or not pattern.search(read):
        select.select([descriptor], [], [])
        try:
            chunk = os.read(descriptor, 65536)
        except OSError:  # what Linux says when the last process has left the terminal
            chunk = b""
        if not chunk:
            assert pattern is None, f"the terminal closed without {pattern!r}: {read!r}"
            break
        read += chunk
    return read
