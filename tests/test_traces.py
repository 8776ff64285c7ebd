"""WfFormat in its versions, PSPLIB with several modes, files by their suffix."""

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

import makespan as ms
from makespan.formats import PlanProblem, WorkflowTrace, parse_psplib, parse_wfformat, read_problem

DATA = os.environ.get("BENCH_DATA")

MULTI_MODE = """\
************************************************************************
PRECEDENCE RELATIONS:
jobnr.    #modes  #successors   successors
   1        1          2           2   3
   2        2          1           4
   3        1          1           4
   4        1          0
************************************************************************
REQUESTS/DURATIONS:
jobnr. mode duration  R 1  R 2  N 1
------------------------------------------------------------------------
  1      1     0       0    0    0
  2      1     3       2    0    4
         2     5       1    0    2
  3      1     4       2    1    0
  4      1     0       0    0    0
************************************************************************
RESOURCEAVAILABILITIES:
  R 1  R 2  N 1
    3    1    7
************************************************************************
"""


def old(version: str) -> dict[str, Any]:
    """Return the same three tasks as version 1.2, 1.3 or 1.4 writes them."""
    runtime, size = ("runtimeInSeconds", "sizeInBytes") if version == "1.4" else ("runtime", "size")
    memory = {"memoryInBytes": 64_000} if version == "1.4" else {"memory": 64}
    tasks = [
        {
            "name": "load",
            "id": "ID1",
            runtime: 2.5,
            "cores": 2,
            "children": ["fit"],
            "files": [
                {"link": "output", "name": "table", size: 1000},
                {"link": "output", "name": "log", size: 10},
            ],
        },
        {"name": "fit", runtime: 4, "parents": [], "files": [{"link": "input", "name": "table", size: 1000}]},
        {"name": "tell", runtime: 0.5, "files": [{"link": "input", "name": "log", size: 10}]},
    ]
    machines = [{"nodeName": "m1", "cpu": {"count": 4}, **memory}, {"nodeName": "m2"}]
    key = "jobs" if version == "1.2" else "tasks"
    return {"name": "demo", "schemaVersion": version, "workflow": {key: tasks, "machines": machines}}


def new() -> dict[str, Any]:
    """Return them as version 1.5 writes them."""
    names = {"load": "load_1", "fit": "fit_2", "tell": "tell_3"}
    return {
        "name": "demo",
        "schemaVersion": "1.5",
        "workflow": {
            "specification": {
                "tasks": [
                    {"name": "load", "id": names["load"], "parents": [], "outputFiles": ["table", "log"]},
                    {"name": "fit", "id": names["fit"], "parents": [names["load"]], "inputFiles": ["table"]},
                    {"name": "tell", "id": names["tell"], "parents": [], "inputFiles": ["log"]},
                ],
                "files": [{"id": "table", "sizeInBytes": 1000}, {"id": "log", "sizeInBytes": 10}],
            },
            "execution": {
                "tasks": [
                    {"id": names["tell"], "runtimeInSeconds": 0.5},
                    {"id": names["load"], "runtimeInSeconds": 2.5, "coreCount": 2},
                    {"id": names["fit"], "runtimeInSeconds": 4, "coreCount": None},
                ],
                "machines": [
                    {"nodeName": "m1", "cpu": {"coreCount": 4}, "memoryInBytes": 64_000},
                    {"nodeName": "m2"},
                ],
            },
        },
    }


@pytest.mark.parametrize("stored", [old("1.2"), old("1.3"), old("1.4"), new()], ids=lambda s: s["schemaVersion"])
def test_all_versions_say_the_same(stored: dict[str, Any]) -> None:
    trace = parse_wfformat(json.dumps(stored))
    assert repr(trace) == "<WorkflowTrace 'demo', 3 nodes, 2 edges, 7 s of work>"
    assert trace.graph.labels is not None
    assert [str(label).split("_")[0] for label in trace.graph.labels] == ["load", "fit", "tell"]
    assert [ends.tolist() for ends in trace.graph.edges()] == [[0, 0], [1, 2]]
    assert trace.durations.tolist() == [2.5, 4, 0.5]
    assert trace.cores.tolist() == [2, 1, 1]
    assert trace.output_bytes.tolist() == [1010, 0, 0]
    assert trace.edge_bytes.tolist() == [1000, 10]
    machines = [(machine.name, machine.n_cores, machine.memory_bytes) for machine in trace.machines]
    assert machines == [("m1", 4, 64_000), ("m2", None, None)]


def test_a_trace_becomes_a_problem_with_cores() -> None:
    trace = parse_wfformat(json.dumps(new()))
    assert trace.problem().capacities.tolist() == [4]
    problem = trace.problem(n_cores=16)
    assert (problem.capacities.tolist(), problem.resource_names) == ([16], ("cores",))
    assert problem.names == ("load_1", "fit_2", "tell_3")
    assert ms.plan(problem.graph, problem.durations, problem.demands, problem.capacities).makespan == 6.5


def test_without_machines_somebody_must_say_how_many_cores_there_are() -> None:
    stored = new()
    del stored["workflow"]["execution"]["machines"]
    with pytest.raises(ms.ValidationError, match="n_cores is None"):
        parse_wfformat(json.dumps(stored)).problem()


def wrong(stored: dict[str, Any], *path: str | int, to: object = ...) -> str:
    """Return a file in which one entry is another, or is missing."""
    parent: Any = stored
    for key in path[:-1]:
        parent = parent[key]
    if to is ...:
        del parent[path[-1]]
    else:
        parent[path[-1]] = to
    return json.dumps(stored)


TASKS = ("workflow", "specification", "tasks")
MEASURED = ("workflow", "execution", "tasks")
RUNTIME = "workflow.execution.tasks[0].runtimeInSeconds"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "line 1"),
        ('{"a":\n1,}', "line 2"),
        ("[]", "the file"),
        ("{}", "schemaVersion"),
        (wrong(new(), "schemaVersion", to="1.1"), "schemaVersion"),
        (wrong(new(), "workflow"), "workflow"),
        (wrong(new(), "workflow", to=[]), "workflow"),
        (wrong(new(), "workflow", "execution"), "workflow.execution"),
        (wrong(new(), *TASKS), "workflow.specification.tasks"),
        (wrong(new(), *TASKS, to={}), "workflow.specification.tasks"),
        (wrong(new(), *TASKS, 1, to=7), "workflow.specification.tasks[1]"),
        (wrong(new(), *TASKS, 1, "id"), "workflow.specification.tasks[1].id"),
        (wrong(new(), *TASKS, 1, "id", to="load_1"), "workflow.specification.tasks[1].id"),
        (wrong(new(), *TASKS, 1, "id", to="\x1b[2J"), "workflow.specification.tasks[1].id"),
        (wrong(new(), *TASKS, 1, "parents", to=["x"]), "workflow.specification.tasks[1].parents[0]"),
        (wrong(new(), *TASKS, 1, "inputFiles", to=[3]), "workflow.specification.tasks[1].inputFiles[0]"),
        (wrong(new(), *MEASURED, 1, "id", to="x"), "workflow.execution.tasks[1].id"),
        (wrong(new(), *MEASURED, 1), "workflow.specification.tasks[0]"),
        (wrong(new(), *MEASURED, 0, "runtimeInSeconds", to=-1), RUNTIME),
        (wrong(new(), *MEASURED, 0, "runtimeInSeconds", to=10**400), RUNTIME),
        (
            wrong(new(), *MEASURED, 0, "runtimeInSeconds", to=float("nan")),
            RUNTIME,
        ),
        (wrong(new(), *MEASURED, 1, "coreCount", to="two"), "workflow.execution.tasks[1].coreCount"),
        (wrong(old("1.4"), "workflow", "tasks", 1, "name", to="load"), "workflow.tasks[1].name"),
        (wrong(old("1.4"), "workflow", "tasks", 0, "children", 0, to="x"), "workflow.tasks[0].children[0]"),
        (wrong(old("1.3"), "workflow", "tasks", 0, "files", 1, "link", to="x"), "workflow.tasks[0].files[1].link"),
        (wrong(old("1.3"), "workflow", "tasks", 0, "files", 1, "size", to=True), "workflow.tasks[0].files[1].size"),
        (wrong(old("1.2"), "workflow", "jobs"), "workflow.jobs"),
        (wrong(old("1.2"), "workflow", "machines", 0, "cpu", to=[]), "workflow.machines[0].cpu"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(text: str, place: str) -> None:
    with pytest.raises(ms.ValidationError) as caught:
        parse_wfformat(text)
    assert caught.value.argument == place


def test_a_circle_of_tasks_is_named() -> None:
    with pytest.raises(ms.CycleError, match="load_1"):
        parse_wfformat(wrong(new(), *TASKS, 0, "parents", to=["fit_2"]))


# --- several modes --------------------------------------------------------------------------------


def test_modes_and_nonrenewable_resources_are_read() -> None:
    problem = parse_psplib(MULTI_MODE)
    assert repr(problem) == "<PlanProblem 4 nodes, 4 edges, 3 resources, 5 modes>"
    assert problem.modes is not None
    assert problem.modes[1] == ((3.0, (2, 0, 4)), (5.0, (1, 0, 2)))
    assert problem.durations.tolist() == [0, 3, 4, 0]
    assert problem.demands.tolist() == [[0, 0, 0], [2, 0, 4], [2, 1, 0], [0, 0, 0]]
    assert (problem.capacities.tolist(), problem.nonrenewable) == ([3, 1, 7], (2,))
    assert problem.resource_names == ("R1", "R2", "N1")


@pytest.mark.parametrize(
    ("before", "after", "line", "expected"),
    [
        ("         2     5 ", "         3     5 ", "line 14", "mode 2, a duration, and 3 amounts"),
        ("         2     5       1    0    2\n", "", "line 14", "mode 2, a duration, and 3 amounts"),
        ("  R 1  R 2  N 1\n    3", "  R 1  D 2  N 1\n    3", "line 19", "R or N with its number, for each"),
        ("    3    1    7", "    3    1    7    9", "line 19", "R or N with its number, for each"),
        ("    3    1    7", "    3    1    7" + 20 * "0", "line 20", "the amount of each resource"),
    ],
)
def test_a_wrong_file_with_modes_is_refused_by_line(before: str, after: str, line: str, expected: str) -> None:
    assert before in MULTI_MODE
    with pytest.raises(ms.ValidationError) as caught:
        parse_psplib(MULTI_MODE.replace(before, after, 1))
    assert caught.value.argument == line
    assert caught.value.expected.startswith(expected)


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "n_nodes"),
    [("a.mm", MULTI_MODE, 4), ("a.RCP", "1 0  3 0", 1), ("a.json", "\ufeff" + json.dumps(new()), 3)],
)
def test_the_suffix_tells_the_format(tmp_path: Path, name: str, text: str, n_nodes: int) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    problem = read_problem(path)
    assert isinstance(problem, PlanProblem)
    assert problem.graph.n_nodes == n_nodes


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.sm"
    path.write_bytes(b"jobs \xff")
    with pytest.raises(ms.ValidationError, match="byte 5 is none"):
        read_problem(path)


@pytest.mark.skipif(DATA is None, reason="BENCH_DATA is not set")
def test_published_traces_are_read_and_planned() -> None:
    assert DATA is not None
    with zipfile.ZipFile(Path(DATA) / "wfinstances" / "wfformat_originals.zip") as files:
        traces: list[WorkflowTrace] = [parse_wfformat(files.read(name).decode()) for name in files.namelist()]
    assert len(traces) == 7
    for trace in traces:
        problem = trace.problem(n_cores=48)
        found = ms.plan(problem.graph, problem.durations, problem.demands, problem.capacities)
        found.check()
        assert trace.graph.n_edges > 0
        assert trace.output_bytes.sum() > 0


@pytest.mark.skipif(DATA is None, reason="BENCH_DATA is not set")
def test_published_problems_with_modes_are_read() -> None:
    assert DATA is not None
    with zipfile.ZipFile(Path(DATA) / "psplib_mm_j10" / "psplib_mm_j10.zip") as files:
        problems = [parse_psplib(files.read(name).decode()) for name in files.namelist() if name.endswith(".mm")]
    assert len(problems) > 100
    assert all(problem.modes is not None and problem.nonrenewable == (2, 3) for problem in problems)
