"""What the optimizer leaves out and what it merges, case by case, seen in what is called."""

from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

import makespan as ms
from engines import every_engine

Point = namedtuple("Point", "x y")


@dataclass(frozen=True)
class Box:
    inside: Any


class Calls:
    """Steps that write down what they are called with."""

    def __init__(self) -> None:
        self.made: list[Any] = []
        self.load = ms.step(self._load, name="load", pure=True)
        self.note = ms.step(self._load, name="note")

    def _load(self, *args: Any, **kwargs: Any) -> int:
        self.made.append((args, kwargs))
        return len(self.made)


@pytest.fixture
def calls() -> Calls:
    return Calls()


def n_calls_of(calls: Calls, workflow: ms.Workflow, *args: Any, passes: tuple[str, ...] = ("prune", "dedupe")) -> int:
    engine = ms.SequentialExecutionEngine(ms.OptimizedSequentialStrategy(passes=passes), 1)
    with engine:
        engine.run(workflow, *args)
    return len(calls.made)


def test_what_nobody_needs_is_left_out_with_what_only_it_needed(calls: Calls) -> None:
    workflow = ms.Workflow("demo")
    base = workflow.add(calls.load, "base")
    workflow.add(calls.load, workflow.add(calls.load, base))
    workflow.output(base)
    assert n_calls_of(calls, workflow) == 1


def test_without_named_outputs_every_sink_is_one(calls: Calls) -> None:
    workflow = ms.Workflow("demo")
    workflow.add(calls.load, 1)
    workflow.add(calls.load, 2)
    assert n_calls_of(calls, workflow) == 2


@pytest.mark.parametrize(("passes", "n_calls"), [((), 4), (("prune",), 3), (("dedupe",), 2), (("prune", "dedupe"), 1)])
def test_each_pass_has_a_switch(calls: Calls, passes: tuple[str, ...], n_calls: int) -> None:
    workflow = ms.Workflow("demo")
    workflow.add(calls.load, "unused")
    workflow.output([workflow.add(calls.load, 1) for _ in range(3)])
    assert n_calls_of(calls, workflow, passes=passes) == n_calls


def test_a_step_that_is_not_pure_is_neither_left_out_nor_merged(calls: Calls) -> None:
    workflow = ms.Workflow("demo")
    workflow.add(calls.note, 1)
    workflow.output([workflow.add(calls.note, 1), workflow.add(calls.note, 1)])
    assert n_calls_of(calls, workflow) == 3


@pytest.mark.parametrize(
    ("left", "right"),
    [(1, True), (1, 1.0), (0.0, -0.0), ("a", b"a"), (None, False), ((1, 2), [1, 2]), ([1], [1]), (2**70, 2**70 + 1)],
    ids=repr,
)
def test_look_alikes_are_different_arguments(calls: Calls, left: object, right: object) -> None:
    workflow = ms.Workflow("demo")
    workflow.output([workflow.add(calls.load, left), workflow.add(calls.load, right)])
    assert n_calls_of(calls, workflow) == 2


@pytest.mark.parametrize(
    "value", [7, -1.5, "text" * 3, b"bytes", None, float("nan"), Point(1, 2), object(), [1]], ids=repr
)
def test_the_same_object_is_the_same_argument(calls: Calls, value: object) -> None:
    workflow = ms.Workflow("demo")
    workflow.output([workflow.add(calls.load, value), workflow.add(calls.load, value)])
    assert n_calls_of(calls, workflow) == 1


def test_equal_numbers_and_strings_need_not_be_the_same_object(calls: Calls) -> None:
    workflow = ms.Workflow("demo")
    for text in ("12", "345"):
        workflow.add(calls.load, int("1" + text), float(text), "".join(["a", text]), bytes([1, 2]), key="".join(text))
        workflow.add(calls.load, int("1" + text), float(text), "".join(["a", text]), bytes([1, 2]), key="".join(text))
    assert n_calls_of(calls, workflow) == 2


def test_keywords_are_part_of_a_call(calls: Calls) -> None:
    workflow = ms.Workflow("demo")
    handles = [workflow.add(calls.load, a=1), workflow.add(calls.load, b=1), workflow.add(calls.load, 1)]
    handles.append(workflow.add(calls.load, a=handles[0]))
    handles.append(workflow.add(calls.load, a=[handles[0]]))
    handles.append(workflow.add(calls.load, a=(handles[0],)))
    handles.append(workflow.add(calls.load, b=[handles[0]]))
    workflow.output(handles)
    assert n_calls_of(calls, workflow) == len(handles)


def test_equal_nesting_of_equal_results_is_one_call(calls: Calls) -> None:
    workflow = ms.Workflow("demo")
    tops = []
    for _ in range(2):
        part = workflow.add(calls.load, "part")
        tops.append(workflow.add(calls.load, {"a": [part, 1], "b": (part,)}, key=[part]))
    workflow.output(tops)
    assert n_calls_of(calls, workflow) == 2


def test_parameters_are_told_apart(calls: Calls) -> None:
    workflow = ms.Workflow("demo")
    x, y = workflow.parameter("x"), workflow.parameter("y")
    workflow.output([workflow.add(calls.load, handle) for handle in (x, y, x, 0, 1)])
    assert n_calls_of(calls, workflow, 0, 0) == 4


def test_what_declared_order_names_stays(calls: Calls) -> None:
    workflow = ms.Workflow("demo")
    first = workflow.add(calls.load, 1)
    workflow.add(calls.load, 1, after=[first])
    unused = workflow.add(calls.load, 2)
    workflow.output(workflow.add(calls.note, 3, after=[unused]))
    assert n_calls_of(calls, workflow) == 4


def test_kept_results_are_there_for_merged_nodes_too() -> None:
    square = ms.step(lambda x: x * x, name="square", pure=True, keep=True)
    workflow = ms.Workflow("demo")
    workflow.add(square, 3)
    workflow.add(square, 3)
    workflow.output(None)
    run = workflow.run()
    assert run.kept() == {"demo/square[0]": 9, "demo/square[1]": 9}
    assert run.nodes.outcome == ["finished", "merged"]


@every_engine
def test_a_run_tells_what_did_not_run(engine: ms.SequentialExecutionEngine, calls: Calls) -> None:
    @ms.workflow
    def demo() -> tuple[int, int]:
        calls.load("unused")
        return calls.note(calls.load("used")), calls.note(calls.load("used"))

    run = engine.run(demo)
    if engine.strategy.name == "sequential":
        assert run.outcome_counts == {**dict.fromkeys(ms.result.OUTCOMES, 0), "finished": 5}
        return
    assert run.nodes.outcome == ["pruned", "finished", "finished", "merged", "finished"]
    assert repr(run).startswith("<run of demo: 3 of 5 nodes finished, 1 pruned, 1 merged")
    assert "nobody needs its result" in run.explain("load[0]")
    assert "is the same call as demo/load[1]" in run.explain("load[2]")
    assert "came after demo/load[2] (data), the last of them finished" in run.explain("note[1]")
    assert [node["outcome"] for node in run.to_dict()["nodes"]] == run.nodes.outcome
    assert run.critical_path().paths[0] == "demo/load[1]"


def test_a_merged_call_that_fails_is_one_failure() -> None:
    fail = ms.step(lambda x: 1 // x, name="fail", pure=True)
    workflow = ms.Workflow("demo")
    workflow.output([workflow.add(fail, 0), workflow.add(fail, 0)])
    with pytest.raises(ms.RunFailedError) as caught:
        workflow.run()
    assert [failure.path for failure in caught.value.failures] == ["demo/fail[0]"]


def test_prepared_workflows_are_rewritten_once_and_run_often(calls: Calls) -> None:
    @ms.workflow
    def demo(x: int) -> list[int]:
        return [calls.load(x), calls.load(x), calls.load(calls.load(x))]

    prepared = demo.prepare()
    assert [prepared.run(7).value, prepared.run(7).value] == [[1, 1, 2], [3, 3, 4]]


@pytest.mark.parametrize("option", [{"reads": "index"}, {"writes": ["index"]}, {"writes": lambda x: "index"}])
def test_a_pure_step_declares_no_effects(option: dict[str, Any]) -> None:
    with pytest.raises(ms.ConfigurationError, match="a pure step depends on its arguments only"):
        ms.step(abs, pure=True, **option)


def test_wrong_switches_are_refused() -> None:
    with pytest.raises(ms.ConfigurationError, match="pure='yes'"):
        ms.step(abs, pure="yes")  # type: ignore[call-overload]
    with pytest.raises(ms.ConfigurationError, match="dedupe=1"):
        ms.WorkflowOptimizer(dedupe=1)  # type: ignore[arg-type]
    with pytest.raises(ms.ConfigurationError, match="did you mean 'prune'"):
        ms.OptimizedSequentialStrategy(passes=["prun"])
    with pytest.raises(ms.ConfigurationError, match="several names"):
        ms.OptimizedSequentialStrategy(passes="prune")
    with pytest.raises(ms.ConfigurationError, match="a workflow"):
        ms.WorkflowOptimizer().optimize(abs)  # type: ignore[arg-type]


def test_a_strategy_that_names_an_unknown_pass_is_refused() -> None:
    class Odd(ms.SequentialStrategy):
        def options(self, facts: ms.abc.WorkflowFacts, /) -> ms.abc.RunOptions:
            return super().options(facts)._replace(passes=("fly",))

    with pytest.raises(ms.ValidationError, match="prune, dedupe, combine, cache and check"):
        ms.SequentialExecutionEngine(Odd()).run(ms.Workflow.sequence([abs]), 1)


def test_everything_may_be_left_out(calls: Calls) -> None:
    workflow = ms.Workflow("demo")
    workflow.add(calls.load, 1)
    workflow.output(5)
    run = workflow.run()
    assert (run.value, calls.made, run.nodes.outcome) == (5, [], ["pruned"])
    assert (run.makespan_s, run.critical_path().paths) == (0.0, ())


class Checked:
    """A long step and a check beside it, which write down when they are called."""

    def __init__(self, *, reads: str = "", writes: str = "") -> None:
        self.made: list[str] = []
        self.long = ms.step(lambda: self.made.append("long"), name="long", writes=writes or ())
        self.check = ms.step(self._refuse, name="check", cheap_check=True, reads=reads or ())
        self.look = ms.step(lambda: self.made.append("look"), name="look")

    def _refuse(self, *_: Any) -> None:
        self.made.append("check")
        raise ms.Failed("no point in going on")

    def workflow(self) -> ms.Workflow:
        workflow = ms.Workflow("checked")
        workflow.add(self.long)
        workflow.add(self.check, workflow.add(self.look))
        return workflow


def run_failing(engine: ms.SequentialExecutionEngine, workflow: ms.Workflow) -> None:
    with pytest.raises(ms.RunFailedError, match="checked: 1 step failed"):
        engine.run(workflow)


@every_engine
def test_a_check_that_fails_spares_what_would_be_in_vain(engine: ms.SequentialExecutionEngine) -> None:
    checked = Checked()
    run_failing(engine, checked.workflow())
    if engine.strategy.name == "sequential":
        assert checked.made == ["long", "look", "check"]
    elif engine.workers == 1:
        assert checked.made == ["look", "check"]
    else:
        # Another worker may have begun the long step meanwhile.
        assert [name for name in checked.made if name != "long"] == ["look", "check"]


def test_a_check_waits_for_the_effects_that_it_reads() -> None:
    checked = Checked(reads="table", writes="table")
    with ms.SequentialExecutionEngine("optimized", 1) as engine:
        run_failing(engine, checked.workflow())
    assert checked.made == ["long", "look", "check"]


@pytest.mark.parametrize(
    "strategy",
    [
        ms.OptimizedSequentialStrategy(passes=["prune", "dedupe"]),
        ms.OptimizedSequentialStrategy(stop_on_failure=False),
        ms.SequentialStrategy(),
    ],
    ids=["switched off", "goes on anyway", "sequential"],
)
def test_program_order_where_checks_are_not_put_first(strategy: Any) -> None:
    checked = Checked()
    with ms.SequentialExecutionEngine(strategy, 1) as engine:
        run_failing(engine, checked.workflow())
    assert checked.made == ["long", "look", "check"]


def test_checks_come_first_in_planned_orders_too() -> None:
    checked = Checked()
    with ms.SequentialExecutionEngine("smart", 2) as engine:
        workflow = checked.workflow()
        prepared = engine.prepare(workflow)
        for _ in range(3):
            assert prepared.order() == [1, 2, 0]
            with pytest.raises(ms.RunFailedError):
                prepared.run()


def test_no_makespan_is_expected_of_an_order_that_checks_have_changed() -> None:
    check = ms.step(lambda: None, name="check", cheap_check=True, duration=0.03)
    chain = ms.step(lambda _: None, name="chain", duration=0.01)
    workflow = ms.Workflow("checked")
    last: Any = None
    for _ in range(4):
        last = workflow.add(chain, last)
    for _ in range(2):
        workflow.add(check)
    for passes, is_expected in ((["prune"], True), (["check"], False)):
        with ms.SequentialExecutionEngine(ms.SmartSequentialStrategy(passes=passes), 2) as engine:
            assert (engine.run(workflow).expected_makespan_s is not None) == is_expected


@every_engine
def test_a_pure_check_is_made_though_nobody_needs_its_result(engine: ms.SequentialExecutionEngine) -> None:
    workflow = ms.Workflow("checked")
    check = ms.step(lambda x: 1 / x, name="check", pure=True, cheap_check=True)
    workflow.add(check, workflow.add(ms.step(abs, name="look", pure=True), 0))
    workflow.output(workflow.add(ms.step(abs, name="rest"), 1))
    with pytest.raises(ms.RunFailedError) as caught:
        engine.run(workflow)
    assert [failure.path for failure in caught.value.failures] == ["checked/check[0]"]


def test_a_check_is_one_or_is_none() -> None:
    with pytest.raises(ms.ConfigurationError, match="cheap_check"):
        ms.step(abs, cheap_check="yes")  # type: ignore[call-overload]


class Columns:
    """A table that is read, columns of it, and a step that reads only these."""

    def __init__(self, **options: Any) -> None:
        self.made: list[str] = []
        self.read = ms.step(self._read, name="read", pure=True)
        self.read_columns = ms.step(self._read_columns, name="read_columns", pure=True)
        self.columns = ms.step(
            self._columns, name="columns", pure=True, merge={self.read: self.read_columns}, **options
        )

    def _read(self, path: str) -> dict[str, str]:
        self.made.append("read")
        return {name: f"{path}.{name}" for name in "abc"}

    def _columns(self, table: dict[str, str], names: str) -> list[str]:
        self.made.append("columns")
        return [table[name] for name in names]

    def _read_columns(self, path: str, names: str) -> list[str]:
        self.made.append("read_columns")
        return [f"{path}.{name}" for name in names]


@every_engine
def test_a_declared_merge_is_one_call(engine: ms.SequentialExecutionEngine) -> None:
    table = Columns()
    workflow = ms.Workflow("demo")
    workflow.output(workflow.add(table.columns, workflow.add(table.read, "t"), names="ac"))
    for _ in range(3):
        run = engine.run(workflow)
        assert run.value == ["t.a", "t.c"]
        if engine.strategy.name == "sequential":
            assert table.made == ["read", "columns"]
        else:
            assert table.made == ["read_columns"]
            assert (run.n_calls, run.outcome_counts["combined"]) == (1, 1)
            assert run.nodes.outcome == ["combined", "finished"]
            assert "made together with demo/columns[0]" in run.explain("read[0]")
            assert "made together with demo/read[0]" in run.explain("columns[0]")
            assert "came after" not in run.explain("columns[0]")
            assert run.analyze().makespan_s >= 0
        table.made.clear()


def test_a_result_that_others_need_is_not_merged_away() -> None:
    table = Columns()
    for use in ("other", "output", "after", "keyword", "nested"):
        workflow = ms.Workflow("demo")
        read = workflow.add(table.read, path="t") if use == "keyword" else workflow.add(table.read, "t")
        columns = workflow.add(table.columns, read, "a")
        outputs: list[Any] = [columns]
        if use == "other":
            outputs.append(workflow.add(table.columns, read, "b"))
        elif use == "output":
            outputs.append(read)
        elif use == "after":
            workflow.add(ms.step(list, name="later", writes="log"), after=[read])
        elif use == "nested":
            nested: Any = {"a": workflow.add(table.read, "t")}
            outputs = [workflow.add(table.columns, nested, "a")]
        workflow.output(outputs)
        assert not ms.WorkflowOptimizer().optimize(workflow).combined, use
        with ms.SequentialExecutionEngine("optimized") as engine:
            assert engine.run(workflow).value == workflow.serial()
        assert "read_columns" not in table.made


@every_engine
def test_what_a_merged_call_would_take_for_another_argument_is_not_merged(
    engine: ms.SequentialExecutionEngine,
) -> None:
    read = ms.step(lambda path, mark=".": path + mark, name="read", pure=True)
    both = ms.step(lambda path, mark=".", names="-": path + mark + names, name="both", pure=True)
    columns = ms.step(lambda table, names="-": table + names, name="columns", pure=True, merge={read: both})
    whole = ms.step(lambda table, names="-", end="": table + names + end, name="whole", pure=True)
    last = ms.step(lambda table, end: table + end, name="last", pure=True, merge={both: whole})
    calls: dict[str, Callable[[ms.Workflow], Any]] = {
        "left to its default": lambda wf: wf.add(columns, wf.add(read, "t"), "a"),
        "by keyword": lambda wf: wf.add(columns, table=wf.add(read, "t", ";"), names="a"),
        "later in a chain": lambda wf: wf.add(last, wf.add(columns, wf.add(read, "t", ";")), "!"),
        "all there": lambda wf: wf.add(columns, wf.add(read, "t", ";"), names="a"),
    }
    n_combined = []
    for add in calls.values():
        workflow = ms.Workflow("demo")
        workflow.output(add(workflow))
        assert engine.run(workflow).value == workflow.serial()
        n_combined.append(len(ms.WorkflowOptimizer().optimize(workflow).combined))
    assert n_combined == [0, 0, 1, 1]


def test_an_explanation_tells_all_that_a_combined_call_stands_for_and_waited_for() -> None:
    path = ms.step(lambda: "t", name="path")
    read = ms.step(lambda path: path, name="read", pure=True)
    both = ms.step(lambda path, names: path + names, name="both", pure=True)
    columns = ms.step(lambda table, names: table + names, name="columns", pure=True, merge={read: both})
    whole = ms.step(lambda path, names, end: path + names + end, name="whole", pure=True)
    last = ms.step(lambda table, end: table + end, name="last", pure=True, merge={both: whole})
    workflow = ms.Workflow("demo")
    workflow.output(workflow.add(last, workflow.add(columns, workflow.add(read, workflow.add(path)), "a"), "!"))
    with ms.SequentialExecutionEngine("optimized") as engine:
        run = engine.run(workflow)
    assert (run.value, run.nodes.outcome) == ("ta!", ["finished", "combined", "combined", "finished"])
    explanation = run.explain("last[0]")
    assert "was made together with demo/read[0], demo/columns[0]" in explanation
    assert "came after demo/path[0] (data)" in explanation


def test_a_call_that_equals_a_combined_one_is_combined_with_it() -> None:
    table = Columns()
    workflow = ms.Workflow("demo")
    workflow.output([workflow.add(table.columns, workflow.add(table.read, "t"), "a") for _ in range(2)])
    rewriting = ms.WorkflowOptimizer().optimize(workflow)
    assert rewriting.combined == dict.fromkeys(("demo/read[0]", "demo/read[1]"), "demo/columns[0]")
    assert rewriting.merged == {"demo/columns[1]": "demo/columns[0]"}
    with ms.SequentialExecutionEngine("optimized") as engine:
        run = engine.run(workflow)
    assert run.value == workflow.serial()
    assert run.nodes.outcome == ["combined", "finished", "combined", "merged"]
    assert (run.outcome_counts["combined"], run.outcome_counts["merged"]) == (2, 1)


@pytest.mark.parametrize(
    "options",
    [{"needs": {"nowhere": 1}}, {"cache": True}],
    ids=["needs what is not there", "is cached without a version"],
)
def test_what_a_step_that_is_not_called_declares_is_no_matter(options: dict[str, Any]) -> None:
    table = Columns()
    both = table.read_columns.with_options(**options)
    columns = table.columns.with_options(merge={table.read: both})
    workflow = ms.Workflow("demo")
    workflow.output(workflow.add(columns, {"a": "1"}, "a"))
    with ms.SequentialExecutionEngine("optimized") as engine:
        assert engine.run(workflow).value == ["1"]


def test_a_merged_step_that_needs_what_is_not_there_is_refused_by_name() -> None:
    table = Columns()
    both = table.read_columns.with_options(needs={"nowhere": 1})
    columns = table.columns.with_options(merge={table.read: both})
    workflow = ms.Workflow("demo")
    workflow.output(workflow.add(columns, workflow.add(table.read, "t"), "a"))
    refused = pytest.raises(ms.UnsatisfiableError, match=r"demo/columns\[0\]")
    with ms.SequentialExecutionEngine("optimized") as engine, refused:
        engine.run(workflow)
    with ms.SequentialExecutionEngine("sequential") as engine:
        assert engine.run(workflow).value == workflow.serial()


@pytest.mark.parametrize(
    "options", [{"cache": ms.Caching(version="1")}, {"batch": lambda *_: []}], ids=["cache", "batch"]
)
def test_cached_and_batched_calls_are_made_by_themselves(options: dict[str, Any]) -> None:
    table = Columns(**options)
    workflow = ms.Workflow("demo")
    workflow.output(workflow.add(table.columns, workflow.add(table.read, "t"), "a"))
    assert not ms.WorkflowOptimizer().optimize(workflow).combined


def test_a_merge_that_fails_is_the_failure_of_the_later_node() -> None:
    table = Columns()
    with ms.SequentialExecutionEngine("optimized") as engine:
        workflow = ms.Workflow("demo")
        names: Any = 5
        workflow.output(workflow.add(table.columns, workflow.add(table.read, "t"), names))
        with pytest.raises(ms.RunFailedError) as caught:
            engine.run(workflow)
    assert str(caught.value.failures[0]) == "demo/columns[0] failed: TypeError: 'int' object is not iterable"


def test_what_a_merged_step_needs_is_what_is_granted() -> None:
    manager = ms.ResourceManager({"disk": 1})
    seen: list[float] = []

    def read_columns(path: str, names: str) -> list[str]:
        seen.append(manager.usage()["disk"].used)
        return [f"{path}.{name}" for name in names]

    table = Columns()
    both = ms.step(read_columns, pure=True, needs={"disk": 1})
    columns = table.columns.with_options(merge={table.read: both})
    workflow = ms.Workflow("demo")
    workflow.output(workflow.add(columns, workflow.add(table.read, "t"), "a"))
    with ms.SequentialExecutionEngine("optimized", resources=manager) as engine:
        assert engine.run(workflow).value == ["t.a"]
    assert seen == [1]


@pytest.mark.parametrize(
    "merge", [{abs: abs}, "read", {ms.step(abs, name="impure"): ms.step(abs, name="x", pure=True)}]
)
def test_merges_are_pure_steps_by_pure_step(merge: Any) -> None:
    with pytest.raises(ms.ConfigurationError, match="merge"):
        ms.step(abs, pure=True, merge=merge)
    table = Columns()
    with pytest.raises(ms.ConfigurationError, match="nothing without pure=True"):
        ms.step(abs, merge={table.read: table.read_columns})
