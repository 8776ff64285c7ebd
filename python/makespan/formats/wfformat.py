"""WfFormat 1.2 to 1.5, in which the WfCommons project publishes traces of workflows (Coleman and others 2022)."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from makespan.exceptions import ValidationError
from makespan.formats.problem import PlanProblem
from makespan.scheduling.arguments import SECONDS_MAX
from makespan.scheduling.graph import DependencyGraph

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["TraceMachine", "WorkflowTrace", "parse_wfformat"]

VERSIONS = ("1.2", "1.3", "1.4", "1.5")
COUNT_MAX = 1e15
"""A petabyte: no file, memory or number of cores is larger, and sums of thousands still fit into 64 bits."""


@dataclass(frozen=True, slots=True)
class TraceMachine:
    """A machine that a trace was taken on.

    Parameters
    ----------
    name
        What the file calls it.
    n_cores
        How many cores it has; None where the file does not say.
    memory_bytes
        How much memory it has; None where the file does not say.
    """

    name: str
    n_cores: int | None
    memory_bytes: int | None


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class WorkflowTrace:
    """A workflow that was run somewhere, and what was measured.

    Parameters
    ----------
    name
        Of the workflow.
    graph
        The dependencies; its labels are the ids of the tasks.
    durations
        Measured seconds, float64, shape ``(n_nodes,)``.
    cores
        Cores that each task asked for, int64, shape ``(n_nodes,)``; 1 where the file does not say.
    output_bytes
        Size of the files that each task writes, int64, shape ``(n_nodes,)``; a file without a size counts as empty.
    edge_bytes
        Size of the files that the first task of each edge writes and the second one reads, int64, shape ``(n_edges,)``,
        edges as ``graph.edges()`` gives them.
    machines
        Where it was run; empty where the file does not say.

    Examples
    --------
    >>> trace = parse_wfformat('''{"name": "pair", "schemaVersion": "1.4", "workflow": {"tasks": [
    ...     {"name": "load", "runtimeInSeconds": 2.0, "cores": 2},
    ...     {"name": "fit", "runtimeInSeconds": 3.0, "parents": ["load"]}]}}''')
    >>> trace
    <WorkflowTrace 'pair', 2 nodes, 1 edges, 5 s of work>
    >>> trace.problem(n_cores=4).demands.tolist()
    [[2], [1]]
    """

    name: str
    graph: DependencyGraph
    durations: NDArray[np.float64]
    cores: NDArray[np.int64]
    output_bytes: NDArray[np.int64]
    edge_bytes: NDArray[np.int64]
    machines: tuple[TraceMachine, ...]

    def problem(self, n_cores: int | None = None) -> PlanProblem:
        """Return what `makespan.plan` takes: tasks that hold their cores while they run.

        Parameters
        ----------
        n_cores
            How many cores there are; by default all those of `machines`, as if they were one machine.

        Returns
        -------
        problem
            With one resource, ``"cores"``.

        Raises
        ------
        ValidationError
            Neither ``n_cores`` nor the file says how many cores there are.
        """
        if n_cores is None:
            known = [machine.n_cores for machine in self.machines if machine.n_cores is not None]
            if not known:
                expected = "a number of cores, since the file does not tell how many its machines have"
                raise ValidationError("n_cores", None, expected)
            n_cores = sum(known)
        capacities = np.array([n_cores], np.int64)
        return PlanProblem(self.graph, self.durations, self.cores.reshape(-1, 1), capacities, ("cores",))

    def __repr__(self) -> str:
        return (
            f"<WorkflowTrace {self.name!r}, {self.graph.n_nodes} nodes, {self.graph.n_edges} edges, "
            f"{self.durations.sum():g} s of work>"
        )


def parse_wfformat(text: str) -> WorkflowTrace:
    """Read a trace of the WfCommons project.

    Tasks name each other by id from version 1.5 on and by name before; parents and children are both heeded. Where a
    task names no parents, it waits for those who write the files that it reads.

    Parameters
    ----------
    text
        What the file says: JSON, schema version 1.2 to 1.5.

    Returns
    -------
    trace
        Tasks in the order of the file.

    Raises
    ------
    ValidationError
        The error names the place in the file, such as ``workflow.tasks[3].runtime``, and what was expected there.
    CycleError
        The tasks wait for each other in a circle; the error names their ids.

    Examples
    --------
    >>> parse_wfformat("{}")
    Traceback (most recent call last):
    makespan.exceptions.ValidationError: schemaVersion is None; expected one of 1.2, 1.3, 1.4, 1.5
    """
    try:
        root = _Place(json.loads(text), "the file")
    except (ValueError, RecursionError) as error:
        place = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "the text"
        raise ValidationError(place, getattr(error, "msg", str(error)), "JSON") from None
    root.expect(dict, "a JSON object")
    version = root.value.get("schemaVersion")
    if version not in VERSIONS:
        raise ValidationError("schemaVersion", version, f"one of {', '.join(VERSIONS)}")
    workflow = root["workflow"].expect(dict, "an object")
    tasks, machines = _read_split(workflow) if version == "1.5" else _read_single(workflow, version)
    name = root.value.get("name", "")
    return _trace(name if isinstance(name, str) else "", tasks, machines)


@dataclass(frozen=True, slots=True)
class _Place:
    """A value of the file, with the path that leads to it."""

    value: Any
    path: str

    def __getitem__(self, key: str) -> _Place:
        if key not in self.value:
            raise ValidationError(self._below(key), None, "an entry of this name")
        return _Place(self.value[key], self._below(key))

    def get(self, key: str) -> _Place | None:
        """Return an entry of an object, or None; what is null is not there."""
        return _Place(self.value[key], self._below(key)) if self.value.get(key) is not None else None

    def items(self, key: str, kind: type, what: str) -> Iterator[_Place]:
        """Yield the entries of a list, each of a type; none where there is no list."""
        place = self.get(key)
        if place is None:
            return
        for idx, value in enumerate(place.expect(list, "a list").value):
            yield _Place(value, f"{place.path}[{idx}]").expect(kind, what)

    def expect(self, kind: type, what: str) -> _Place:
        if not isinstance(self.value, kind):
            raise ValidationError(self.path, self.value, what)
        return self

    def text(self) -> str:
        value: str = self.expect(str, "a text").value
        if not value.isprintable():
            raise ValidationError(self.path, value, "a text of printable characters")
        return value

    def number(self) -> float:
        """Return a number that is not negative."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= SECONDS_MAX:
            raise ValidationError(self.path, value, f"a number from 0 to {SECONDS_MAX:g}")
        return float(value)

    def count(self, least: int = 0) -> int:
        """Return a whole number, rounded up: some traces have fractions of cores and bytes."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= COUNT_MAX:
            raise ValidationError(self.path, value, f"a number from {least} to {COUNT_MAX:g}")
        return math.ceil(value)

    def _below(self, key: str) -> str:
        return key if self.path == "the file" else f"{self.path}.{key}"


@dataclass(slots=True)
class _Task:
    """What all versions say of a task."""

    id: str
    place: _Place
    parents: list[_Place]
    children: list[_Place]
    reads: list[str]
    writes: dict[str, int]
    duration: float = 0.0
    cores: int = 1


def _read_single(workflow: _Place, version: str) -> tuple[list[_Task], list[TraceMachine]]:
    """Read versions 1.2 to 1.4, which say all of a task in one place."""
    in_old_words = version != "1.4"
    runtime, size = ("runtime", "size") if in_old_words else ("runtimeInSeconds", "sizeInBytes")
    tasks = []
    key = "jobs" if version == "1.2" else "tasks"
    workflow[key]
    for place in workflow.items(key, dict, "an object"):
        reads, writes = [], {}
        for file in place.items("files", dict, "an object"):
            name, link = file["name"].text(), file["link"].text().lower()
            if link == "input":
                reads.append(name)
            elif link == "output":
                given = file.get(size)
                writes[name] = given.count() if given else 0
            else:
                raise ValidationError(f"{file.path}.link", link, "'input' or 'output'")
        task = _Task(place["name"].text(), place, *_relatives(place), reads, writes)
        _measure(task, place, runtime, "cores")
        tasks.append(task)
    # Memory was counted in thousands of bytes.
    memory, factor = ("memory", 1000) if in_old_words else ("memoryInBytes", 1)
    return tasks, _machines(workflow, "count", memory, factor)


def _read_split(workflow: _Place) -> tuple[list[_Task], list[TraceMachine]]:
    """Read version 1.5, which tells what is to be done apart from what was measured."""
    specification = workflow["specification"].expect(dict, "an object")
    sizes = {file["id"].text(): file["sizeInBytes"].count() for file in specification.items("files", dict, "an object")}
    tasks: dict[str, _Task] = {}
    specification["tasks"]
    for place in specification.items("tasks", dict, "an object"):
        reads = [file.text() for file in place.items("inputFiles", str, "the id of a file")]
        writes = [file.text() for file in place.items("outputFiles", str, "the id of a file")]
        written = {file: sizes.get(file, 0) for file in writes}
        task = _Task(place["id"].text(), place, *_relatives(place), reads, written)
        if task.id in tasks:
            raise ValidationError(f"{place.path}.id", task.id, "another id than that of an earlier task")
        tasks[task.id] = task
    execution = workflow.get("execution")
    if execution is None:
        raise ValidationError("workflow.execution", None, "measured times: nothing can be planned without durations")
    execution.expect(dict, "an object")
    measured = set()
    for place in execution.items("tasks", dict, "an object"):
        task_id = place["id"].text()
        if task_id not in tasks:
            raise ValidationError(f"{place.path}.id", task_id, "the id of a task of workflow.specification")
        _measure(tasks[task_id], place, "runtimeInSeconds", "coreCount")
        measured.add(task_id)
    for task in tasks.values():
        if task.id not in measured:
            raise ValidationError(task.place.path, task.id, "an entry of workflow.execution.tasks for this task")
    return list(tasks.values()), _machines(execution, "coreCount", "memoryInBytes", 1)


def _relatives(place: _Place) -> tuple[list[_Place], list[_Place]]:
    parents, children = (list(place.items(key, str, "the name of a task")) for key in ("parents", "children"))
    return parents, children


def _measure(task: _Task, place: _Place, runtime: str, cores: str) -> None:
    task.duration = place[runtime].number()
    given = place.get(cores)
    # Some traces say 0 for "unknown".
    task.cores = max(given.count(), 1) if given else 1


def _machines(place: _Place, cores: str, memory: str, factor: int) -> list[TraceMachine]:
    machines = []
    for machine in place.items("machines", dict, "an object"):
        cpu, bytes_given = machine.get("cpu"), machine.get(memory)
        n_cores = cpu.expect(dict, "an object").get(cores) if cpu else None
        name = machine.get("nodeName")
        machines.append(
            TraceMachine(
                name.text() if name else "",
                n_cores.count(1) if n_cores else None,
                bytes_given.count() * factor if bytes_given else None,
            )
        )
    return machines


def _trace(name: str, tasks: list[_Task], machines: list[TraceMachine]) -> WorkflowTrace:
    nodes: dict[str, int] = {}
    for node, task in enumerate(tasks):
        if nodes.setdefault(task.id, node) != node:
            raise ValidationError(f"{task.place.path}.name", task.id, "another name than that of an earlier task")
    writers = {file: node for node, task in enumerate(tasks) for file in task.writes}
    parents: list[dict[int, None]] = [{} for _ in tasks]

    def known(place: _Place) -> int:
        if place.value not in nodes:
            raise ValidationError(place.path, place.value, "the name of a task of this file")
        return nodes[place.value]

    for node, task in enumerate(tasks):
        parents[node].update((known(parent), None) for parent in task.parents)
        for child in task.children:
            parents[known(child)][node] = None
    for node, task in enumerate(tasks):
        if not parents[node]:
            parents[node].update((writers[file], None) for file in task.reads if writers.get(file, node) != node)
    by_id = {task.id: [tasks[before].id for before in parents[node]] for node, task in enumerate(tasks)}
    graph = DependencyGraph.from_dict(by_id)
    source, target = graph.edges()
    reads = [set(task.reads) for task in tasks]
    carried = [
        sum(size for file, size in tasks[before].writes.items() if file in reads[after])
        for before, after in zip(source.tolist(), target.tolist(), strict=True)
    ]
    return WorkflowTrace(
        name=name,
        graph=graph,
        durations=np.array([task.duration for task in tasks], np.float64),
        cores=np.array([task.cores for task in tasks], np.int64),
        output_bytes=np.array([sum(task.writes.values()) for task in tasks], np.int64),
        edge_bytes=np.array(carried, np.int64),
        machines=tuple(machines),
    )
