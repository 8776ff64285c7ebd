"""The stub of the extension tells the truth: each function, method and property in it is used once.

stubtest compares names and signatures, and cannot see whether a type is right. The calls below conform to the stub
because mypy reads this file; that what they return conforms to it as well is what the tests show.
"""

import __future__

import inspect
import math
from collections.abc import Callable
from types import FunctionType
from typing import Any, Literal, NamedTuple, NoReturn, Self, get_args, get_type_hints

import numpy as np
import pytest

from conformance import conforms
from makespan import NotComputedYet, _core
from repository import PACKAGE


def executed_stub() -> dict[str, Any]:
    """Run the stub as Python; its annotations stay text, so that it may name a class before it defines it."""
    path = PACKAGE / "_core.pyi"
    code = compile(path.read_text(), path, "exec", flags=__future__.annotations.compiler_flag, dont_inherit=True)
    names: dict[str, Any] = {"__name__": "stub"}
    exec(code, names)
    return names


STUB = executed_stub()
PUBLIC: list[str] = STUB["__all__"]
# Where an annotation names a class of the stub, the extension's own is meant.
NAMES = STUB | {name: getattr(_core, name) for name in PUBLIC}


def returned(function: FunctionType, owner: str = "") -> Any:
    annotation = get_type_hints(function, NAMES)["return"]
    return getattr(_core, owner) if annotation is Self else annotation


def annotated() -> dict[str, Any]:
    """Return the type of every constant, function, method and property of the stub."""
    constants: dict[str, str] = STUB["__annotations__"]
    found = {name: get_args(eval(text, NAMES))[0] for name, text in constants.items() if name in PUBLIC}
    for name in PUBLIC:
        if inspect.isfunction(value := STUB.get(name)):
            found[name] = returned(value)
        elif inspect.isclass(value):
            for member_name, member in vars(value).items():
                function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
                if inspect.isfunction(function):
                    found[f"{name}.{member_name}"] = returned(function, name)
    return found


ANNOTATED = annotated()


class Arity(NamedTuple):
    names: list[str]
    n_positional_only: int
    n_defaults: int
    keyword_only: list[str]
    keyword_only_required: list[str]
    has_var_positional: bool
    has_var_keyword: bool


class Result:
    _record: _core.Record


def new_step(*, pick: _core.Step | None = None) -> _core.Step:
    return _core.Step(
        function=max,
        name="max",
        arity=Arity(["a", "b", "c"], 3, 1, [], [], has_var_positional=False, has_var_keyword=False),
        declared="anything",
        duration_ns=1_000,
        n_outputs=2 if pick else 0,
        pick=pick,
        is_kept=True,
    )


class Sample:
    """A workflow of two calls, the second of which takes the first one's result, and a run of it."""

    def __init__(self) -> None:
        self.draft = _core.Draft("demo")
        self.parameter = self.draft.parameter("x", 3)
        self.first = self.draft.add(new_step(), (self.parameter, 1), None, None)
        self.second = self.draft.add(new_step(), (self.first, 2), None, self.first)
        self.program = self.draft.finish((self.second,), None)
        self.prepared = _core.Prepared(
            program=self.program,
            n_workers=2,
            is_shared=True,
            stops_on_failure=True,
            history=_core.History(),
            team=_core.Team(lambda team, n_threads: None),
            result_class=Result,
            to_exception=lambda result, failures: failures[0][1],
            strategy="demo",
        )
        result: Result = self.prepared.run(5)
        self.record = result._record


def closed_team() -> _core.Team:
    team = _core.Team(lambda team, n_threads: None)
    team.close()
    return team


SAMPLE = Sample()
GRAPH = _core.Graph.from_edges(3, np.array([0, 1]), np.array([1, 2]))

CALLS: dict[str, Callable[[], object]] = {
    "VERSION": lambda: _core.VERSION,
    "BUILD_PROFILE": lambda: _core.BUILD_PROFILE,
    "usable_cores": _core.usable_cores,
    "is_tracing": _core.is_tracing,
    "plan": lambda: _core.plan(
        GRAPH, np.ones(3, np.uint64), np.ones((3, 1), np.int64), np.ones(1, np.int64), None, 10, 0
    ),
    "inline": lambda: _core.inline("inner", len, ("ab",), {}),
    "each_handle": lambda: _core.each_handle([SAMPLE.parameter]),
    "Step.__new__": new_step,
    "Step.__call__": lambda: new_step()(1, 2),
    "Draft.__new__": lambda: _core.Draft("demo"),
    "Draft.n_nodes": lambda: SAMPLE.draft.n_nodes,
    "Draft.parameter": lambda: _core.Draft("demo").parameter("x"),
    "Draft.trace": lambda: _core.Draft("demo").trace(new_step(), (1, 2), None),
    "Draft.add": lambda: _core.Draft("demo").add(new_step(pick=new_step()), (1, 2), {}, None),
    "Draft.finish": lambda: SAMPLE.draft.finish((SAMPLE.first,), {"x": 1}),
    "Handle._path": lambda: SAMPLE.parameter._path,
    "Handle.__hash__": lambda: hash(SAMPLE.parameter),
    "Handle.__eq__": lambda: SAMPLE.parameter.__eq__(SAMPLE.parameter),
    "Handle.__ne__": lambda: SAMPLE.parameter.__ne__(SAMPLE.parameter),
    "Program.name": lambda: SAMPLE.program.name,
    "Program.n_nodes": lambda: SAMPLE.program.n_nodes,
    "Program.n_edges": lambda: SAMPLE.program.n_edges,
    "Program.parameters": lambda: SAMPLE.program.parameters,
    "Program.topological_order": lambda: SAMPLE.program.topological_order(),
    "Program.sinks": lambda: SAMPLE.program.sinks(),
    "Program.paths": lambda: SAMPLE.program.paths(),
    "Program.reasons": lambda: SAMPLE.program.reasons(1),
    "Program.successors": lambda: SAMPLE.program.successors(0),
    "Prepared.__new__": lambda: Sample().prepared,
    "Prepared.program": lambda: SAMPLE.prepared.program,
    "Prepared.strategy": lambda: SAMPLE.prepared.strategy,
    "Prepared.workers": lambda: SAMPLE.prepared.workers,
    "Prepared.run": lambda: SAMPLE.prepared.run(x=5),
    "Prepared.order": lambda: SAMPLE.prepared.order(),
    "Record.value": lambda: SAMPLE.record.value,
    "Record.program": lambda: SAMPLE.record.program,
    "Record.strategy": lambda: SAMPLE.record.strategy,
    "Record.workers": lambda: SAMPLE.record.workers,
    "Record.elapsed_ns": lambda: SAMPLE.record.elapsed_ns,
    "Record.outcome_counts": lambda: SAMPLE.record.outcome_counts(),
    "Record.columns": lambda: SAMPLE.record.columns(),
    "Record.makespan_ns": lambda: SAMPLE.record.makespan_ns(),
    "Record.critical_path": lambda: SAMPLE.record.critical_path(),
    "Record.slowest": lambda: SAMPLE.record.slowest(1),
    "Record.kept": lambda: SAMPLE.record.kept(),
    "History.__new__": _core.History,
    "History.n_runs": lambda: _core.History().n_runs,
    "Team.__new__": closed_team,
    "Team.n_members": lambda: closed_team().n_members,
    "Team.work": lambda: closed_team().work(),
    "Team.restart": lambda: closed_team().restart(),
    "Team.close": lambda: closed_team().close(),
    "Progress.__new__": _core.Progress,
    "Progress.__enter__": lambda: entered(_core.Progress()),
    "Progress.__exit__": lambda: _core.Progress().__exit__(None, None, None),
    "Progress.snapshot": lambda: _core.Progress().snapshot(),
    "Graph.from_edges": lambda: GRAPH,
    "Graph.n_nodes": lambda: GRAPH.n_nodes,
    "Graph.n_edges": lambda: GRAPH.n_edges,
    "Graph.topological_order": lambda: GRAPH.topological_order(),
    "Graph.levels": lambda: GRAPH.levels(),
    "Graph.critical_path": lambda: GRAPH.critical_path(np.array([1, 2, 3], dtype=np.uint64)),
}


def entered(progress: _core.Progress) -> object:
    with progress as inside:
        return inside


def refusing() -> list[str]:
    return [name for name, annotation in ANNOTATED.items() if annotation is NoReturn]


def test_every_name_of_the_stub_is_used() -> None:
    assert len(ANNOTATED) > 100
    assert CALLS.keys() | set(refusing()) == ANNOTATED.keys()


@pytest.mark.parametrize("name", CALLS)
def test_what_comes_out_is_what_the_stub_says(name: str) -> None:
    value = CALLS[name]()
    assert conforms(value, ANNOTATED[name]), f"{value!r} is not of the type {ANNOTATED[name]}"


@pytest.mark.parametrize("name", refusing())
def test_what_never_returns_raises(name: str) -> None:
    class_name, method = name.split(".")
    assert class_name == "Handle"
    parameters = list(inspect.signature(getattr(STUB["Handle"], method)).parameters.values())[1:]
    required = [p for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    arguments = ["text" if p.annotation == "str" else math for p in required]
    with pytest.raises(NotComputedYet):
        getattr(_core.Handle, method)(SAMPLE.parameter, *arguments)


def test_conforms_tells_types_apart() -> None:
    wrong: list[tuple[object, Any]] = [
        (True, int),
        (1, float),
        ((1, 2), list[int]),
        ([1, 2.0], list[int]),
        ([], list[int]),
        ([1], tuple[int, ...]),
        ((1, "a"), tuple[int, int]),
        ((1,), tuple[int, int]),
        ({"a": 1}, dict[str, str]),
        (1, str | None),
        (np.zeros(1, dtype=np.int32), np.ndarray[Any, np.dtype[np.int64]]),
        ("after", Literal["data", "effect"]),
    ]
    assert [pair for pair in wrong if conforms(*pair)] == []
