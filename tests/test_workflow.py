"""Workflows: traced bodies and built ones, and that both can say the same."""

import asyncio
import threading
from collections import namedtuple
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from typing import Any, ClassVar, NamedTuple

import pytest

import makespan as ms
from engines import every_engine
from makespan.testing import assert_same


@ms.step
def add(a: int, b: int = 10) -> int:
    return a + b


@ms.step
def echo(value: Any) -> Any:
    return value


@ms.workflow
def total(numbers: list[int], start: int = 0) -> int:
    value = start
    for number in numbers:
        value = add(value, number)
    return value


def test_calling_running_and_serial_agree() -> None:
    assert total([1, 2, 3]) == 6
    assert total.run([1, 2, 3], start=4).value == 10
    assert total.serial([1, 2, 3], start=4) == 10
    assert asyncio.run(total.arun([1, 2])).value == 3


def test_workflow_looks_like_its_function() -> None:
    def body(x: int) -> int:
        """Say something."""
        return x

    made = ms.workflow(body)
    assert (made.name, made.__doc__, made.function, repr(made)) == ("body", "Say something.", body, "<workflow body>")
    assert ms.workflow(name="other")(body).name == "other"
    assert ms.workflow()(body).name == "body"


@every_engine
def test_loops_and_conditions_over_arguments_are_plain_python(engine: ms.SequentialExecutionEngine) -> None:
    @ms.workflow
    def body(xs: list[int]) -> dict[str, Any]:
        found = {str(x): add(x) if x % 2 else -x for x in xs}
        if len(xs) > 2:
            found["many"] = add(len(xs))
        return found

    for xs in ([], [1], [1, 2, 3]):
        assert_same(engine.run(body, xs).value, body.serial(xs))
    assert engine.run(body, [1, 2, 3]).n_nodes == 3


@every_engine
@pytest.mark.parametrize("value", [None, 3, "text", (), [], {}, [None], (1, [2, {"a": 3}])], ids=repr)
def test_constants_are_outputs_too(engine: ms.SequentialExecutionEngine, value: Any) -> None:
    @ms.workflow
    def constant() -> Any:
        return value

    run = engine.run(constant)
    assert_same(run.value, value)
    assert run.n_nodes == 0
    built = ms.Workflow("constant")
    built.add(echo, 1)
    built.output(value)
    assert_same(engine.run(built).value, value)
    assert_same(built.serial(), value)


@every_engine
def test_a_parameter_may_be_an_output(engine: ms.SequentialExecutionEngine) -> None:
    @ms.workflow
    def body(x: int) -> Any:
        return {"same": x, "more": [add(x), x]}

    assert engine.run(body, 1).value == engine.prepare(body).run(1).value == {"same": 1, "more": [11, 1]}


@every_engine
def test_empty_workflows_run(engine: ms.SequentialExecutionEngine) -> None:
    @ms.workflow
    def nothing() -> None:
        pass

    run = engine.run(nothing)
    assert (run.value, run.n_nodes, run.paths, len(run.nodes)) == (None, 0, [], 0)
    assert run.critical_path() == ms.CriticalPath((), 0.0)
    assert (run.makespan_s, run.mean_concurrency) == (0.0, 0.0)
    empty = ms.Workflow("empty")
    assert engine.run(empty).value == empty.serial() == ()


@every_engine
def test_steps_whose_results_nobody_takes_run_too(engine: ms.SequentialExecutionEngine) -> None:
    seen: list[int] = []
    note = ms.step(seen.append)

    @ms.workflow
    def body() -> None:
        for x in range(5):
            note(x)

    assert engine.run(body).value is None
    assert sorted(seen) == [0, 1, 2, 3, 4]


@every_engine
def test_equal_calls_are_made_as_often_as_they_stand_there(engine: ms.SequentialExecutionEngine) -> None:
    calls: list[int] = []

    @ms.step
    def count(x: int) -> int:
        calls.append(x)
        return x

    @ms.workflow
    def body() -> list[int]:
        return [count(1), count(1), count(1)]

    assert engine.run(body).value == [1, 1, 1]
    assert calls == [1, 1, 1]


@every_engine
def test_one_handle_may_be_taken_often(engine: ms.SequentialExecutionEngine) -> None:
    @ms.workflow
    def body() -> Any:
        one = add(1)
        return [one, one, add(one, one), echo([one, {"a": one}, (one,)])]

    assert engine.run(body).value == body.serial() == [11, 11, 22, [11, {"a": 11}, (11,)]]


# --- containers -----------------------------------------------------------------------------------

Pair = namedtuple("Pair", "left right")


class Typed(NamedTuple):
    left: Any
    right: Any = 2


@dataclass
class Plain:
    value: Any
    kind: ClassVar[str] = "plain"


@dataclass(slots=True)
class Slotted:
    value: Any
    kind: ClassVar[str] = "slotted"


@dataclass(frozen=True, slots=True)
class Frozen:
    value: Any
    kind: ClassVar[str] = "frozen"
    made: int = field(default=5, init=False)


@dataclass
class Prepared:
    value: Any
    factor: InitVar[int] = 3
    scaled: int = field(init=False)

    def __post_init__(self, factor: int) -> None:
        self.scaled = factor


@dataclass(kw_only=True)
class Node:
    value: Any
    children: list[Any] = field(default_factory=list)


@dataclass
class Base:
    value: Any


@dataclass
class Derived(Base):
    other: Any = None


class Own(Base):
    def __init__(self, value: Any) -> None:
        super().__init__(value)
        self.checked = True


CONTAINERS = {
    "list": lambda it: [it, 1],
    "tuple": lambda it: (it, 1),
    "dict": lambda it: {"a": it, "b": 1},
    "namedtuple": lambda it: Pair(it, 1),
    "typed namedtuple": Typed,
    "dataclass": Plain,
    "slots": Slotted,
    "frozen slots": Frozen,
    "init var": Prepared,
    "keyword only": lambda it: Node(value=1, children=[Node(value=it)]),
    "inherited": lambda it: Derived(1, it),
    "own init": Own,
    "nested": lambda it: [({"a": [Pair(Plain(it), [it])]},)],
    "seven deep": lambda it: [[[[[[[it]]]]]]],
    "empty beside": lambda it: [[], (), {}, it],
}


@every_engine
@pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS.keys())
def test_handles_are_found_in_containers_and_the_container_is_rebuilt(
    engine: ms.SequentialExecutionEngine, make: Any
) -> None:
    @ms.workflow
    def body(x: int) -> Any:
        return echo(make(add(x))), make(add(x)), echo(value=make(x))

    expected = body.serial(1)
    for value in (engine.run(body, 1).value, engine.prepare(body).run(1).value):
        assert_same(value, expected)
        for ours, theirs in zip(value, expected, strict=True):
            assert vars_of(ours) == vars_of(theirs)
    built = ms.Workflow("built")
    x = built.parameter("x")
    built.output(built.add(echo, make(built.add(add, x))), make(built.add(add, x)), built.add(echo, value=make(x)))
    assert_same(engine.run(built, 1).value, expected)
    assert_same(built.serial(1), expected)


def vars_of(value: Any) -> Any:
    return sorted(getattr(value, "__dict__", ()))


def test_container_without_handles_is_passed_as_it_is() -> None:
    original = [1, {"a": Plain(2)}]

    @ms.workflow
    def body() -> Any:
        return echo(original)

    assert body() is original


def test_container_with_handles_is_not_changed() -> None:
    originals: list[Any] = []

    @ms.workflow
    def body() -> Any:
        holder = Plain([add(1)])
        originals.append(holder)
        return echo(holder)

    value = body()
    assert value == Plain([11])
    assert value is not originals[0]
    assert repr(originals[0].value[0]) == "<handle of body/add[0]>"


@every_engine
def test_results_travel_by_identity(engine: ms.SequentialExecutionEngine) -> None:
    marker = object()

    @ms.workflow
    def body() -> Any:
        return echo(echo(marker)), [echo(marker)]

    first, (second,) = engine.run(body).value
    assert first is second is marker


# --- tracing --------------------------------------------------------------------------------------


def test_body_that_raises_raises_that() -> None:
    @ms.workflow
    def body() -> None:
        add(1)
        message = "no"
        raise LookupError(message)

    with pytest.raises(LookupError, match="no"):
        body()
    assert add(1) == 11


def test_body_called_with_wrong_arguments_raises_type_error() -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        total.run()  # type: ignore[call-arg]


@every_engine
def test_workflow_inside_a_workflow_is_part_of_it(engine: ms.SequentialExecutionEngine) -> None:
    @ms.workflow
    def inner(x: int) -> tuple[int, int]:
        return add(x), add(x, x)

    @ms.workflow
    def outer(x: int) -> list[Any]:
        first, second = inner(x)
        return [inner(second), first]

    run = engine.run(outer, 1)
    assert run.value == outer.serial(1) == [(12, 4), 11]
    assert run.paths == [f"outer/inner[{at}]/add[{n}]" for at in (0, 1) for n in (0, 1)]


def test_serial_takes_no_engine_also_for_workflows_inside() -> None:
    """The oracle shares nothing with what it judges, and a debugger sees the step's own exception."""

    @ms.step
    def fail() -> None:
        message = "plain"
        raise ValueError(message)

    @ms.workflow
    def inner() -> None:
        fail()

    @ms.workflow
    def outer() -> None:
        inner()

    with pytest.raises(ValueError, match="plain"):
        outer.serial()


def test_run_inside_a_body_is_a_run_of_its_own() -> None:
    seen: list[Any] = []

    @ms.workflow
    def inner(x: int) -> int:
        return add(x)

    @ms.workflow
    def outer(x: int) -> int:
        before = add(x)
        seen.append(inner.run(5).value)
        seen.append(inner.prepare().run(6).value)
        return add(before)

    run = outer.run(1)
    assert (run.value, run.n_nodes, seen) == (21, 2, [15, 16])


def test_builder_inside_a_body_is_apart() -> None:
    @ms.workflow
    def outer() -> int:
        built = ms.Workflow("apart")
        built.output(built.add(add, 1))
        assert built.run().value == 11
        return add(2)

    assert outer.run().paths == ["outer/add[0]"]


def test_other_threads_are_not_traced() -> None:
    seen: list[int] = []

    @ms.workflow
    def body() -> int:
        thread = threading.Thread(target=lambda: seen.append(add(1)))
        thread.start()
        thread.join()
        return add(2)

    assert body.run().n_nodes == 1
    assert seen == [11]


def test_workflow_called_inside_a_running_step_runs() -> None:
    @ms.step
    def outer_step(n: int) -> int:
        return total(list(range(n)))

    @ms.workflow
    def body() -> list[int]:
        return [outer_step(n) for n in range(4)]

    assert body() == [0, 0, 1, 3]


class Finalized:
    """Calls a step and a workflow when it is dropped."""

    def __init__(self, seen: list[int]) -> None:
        self.seen = seen

    def __del__(self) -> None:
        self.seen.append(add(1))
        self.seen.append(total([1, 2]))


@every_engine
def test_steps_and_workflows_called_while_results_are_dropped(engine: ms.SequentialExecutionEngine) -> None:
    seen: list[int] = []

    @ms.step
    def make(before: Any = None) -> Finalized:
        return Finalized(seen)

    @ms.workflow
    def body() -> int:
        last = None
        for _ in range(3):
            last = make(last)
        return add(1)

    assert engine.run(body).value == 11
    assert seen == [11, 3] * 3


async def coroutine() -> None: ...


async def agenerator() -> Any:
    yield 1


def generator() -> Any:
    yield 1


@pytest.mark.parametrize("body", [coroutine, generator, agenerator])
def test_bodies_that_await_or_yield_are_refused_with_the_reason(body: Any) -> None:
    with pytest.raises(ms.ConfigurationError, match="only describes"):
        ms.workflow(body)


@pytest.mark.parametrize("body", [3, None, "text"])
def test_bodies_that_cannot_be_called_are_refused(body: Any) -> None:
    with pytest.raises(ms.ConfigurationError):
        ms.workflow()(body)


@pytest.mark.parametrize("name", ["", "a/b", 3])
def test_names_that_would_spoil_paths_are_refused(name: Any) -> None:
    with pytest.raises(ms.ConfigurationError):
        ms.Workflow(name)
    with pytest.raises(ms.ConfigurationError):
        ms.workflow(name=name)(print)


# --- builder --------------------------------------------------------------------------------------


@every_engine
def test_everything_the_traced_form_can_say_the_builder_can_say(engine: ms.SequentialExecutionEngine) -> None:
    log: list[str] = []
    divide = ms.step(divmod, outputs=2)
    note = ms.step(log.append, name="note", writes="log")
    look = ms.step(lambda: len(log), name="look", reads="log")
    sweep = ms.effect(lambda: log.append("sweep"), name="sweep")
    kept = add.with_options(keep=True, duration=0.001, name="kept")

    @ms.workflow
    def traced(x: int, y: int = 3) -> Any:
        quotient, remainder = divide(x, y)
        note("first")
        seen = look()
        sweep()
        squares = ms.each(add, [quotient, remainder, 5])
        picked = ms.get(squares, 2)
        return {"nested": [quotient, (kept(a=picked, b=remainder),)], "seen": seen, "squares": squares}

    built = ms.Workflow("traced")
    x, y = built.parameter("x"), built.parameter("y", 3)
    quotient, remainder = built.add(divide, x, y)
    built.add(note, "first")
    seen = built.add(look)
    built.add(sweep)
    squares = built.each(add, [quotient, remainder, 5])
    picked = built.add(ms.get, squares, 2)
    built.output({"nested": [quotient, (built.add(kept, a=picked, b=remainder),)], "seen": seen, "squares": squares})

    def fresh(run: Callable[..., Any], *args: Any) -> Any:
        log.clear()
        return run(*args)

    ours, theirs = fresh(engine.run, traced, 10), fresh(engine.run, built, 10)
    assert_same(theirs.value, ours.value)
    assert theirs.paths == ours.paths
    assert list(theirs.kept().items()) == list(ours.kept().items()) == [("traced/kept[0]", 16)]
    for path in ours.paths:
        assert reasons(theirs, path) == reasons(ours, path)
    assert_same(fresh(built.serial, 10), fresh(traced.serial, 10))
    assert_same(fresh(engine.prepare(built, y=4).run, 9).value, fresh(engine.prepare(traced, y=4).run, 9).value)


def reasons(run: ms.RunResult[Any], path: str) -> list[str]:
    """Return what a node came after and why, without times."""
    lines = run.explain(path).splitlines()
    return [line.split(", the last of them")[0] for line in lines if "came after" in line or "waited for" in line]


@every_engine
def test_without_named_outputs_all_sinks_are_outputs_in_order(engine: ms.SequentialExecutionEngine) -> None:
    built = ms.Workflow("sinks")
    first = built.add(add, 1)
    built.add(add, 2)
    built.add(add, first)
    assert engine.run(built).value == built.serial() == (12, 21)
    single = ms.Workflow("single")
    single.add(add, single.add(add, 1))
    assert engine.run(single).value == single.serial() == 21


def test_output_may_be_named_step_by_step() -> None:
    built = ms.Workflow("outputs")
    built.output(built.add(add, 1))
    assert built.run().value == built.serial() == 11
    built.output([built.add(add, 2)])
    assert built.run().value == built.serial() == (11, [12])


def test_built_workflow_may_grow_between_runs() -> None:
    built = ms.Workflow("grows")
    first = built.add(add, 1)
    assert built.run().value == 11
    built.add(add, first)
    assert built.run().value == 21
    assert repr(built) == "<workflow grows, 2 nodes>"


@every_engine
def test_after_keeps_an_order_without_passing_a_value(engine: ms.SequentialExecutionEngine) -> None:
    seen: list[str] = []
    note = ms.step(seen.append, name="note")
    built = ms.Workflow("after")
    last = built.add(note, "last", after=["note[1]", "after/note[2]"])
    first = built.add(note, "first")
    built.add(note, "second", after=first)
    built.add(note, "end", after=[last])
    engine.run(built)
    assert seen == ["first", "second", "last", "end"]
    seen.clear()
    built.serial()
    assert seen == ["first", "second", "last", "end"]


def test_after_takes_a_step_name_that_is_used_once() -> None:
    seen: list[str] = []
    built = ms.Workflow("after")
    built.add(ms.step(seen.append, name="second"), "b", after="first")
    built.add(ms.step(seen.append, name="first"), "a")
    built.run()
    assert seen == ["a", "b"]


def test_after_an_each_waits_for_all_of_it() -> None:
    seen: list[Any] = []
    built = ms.Workflow("after")
    found = built.each(ms.step(seen.append), [1, 2])
    built.add(seen.append, "end", after=found)
    run = built.run()
    assert seen[-1] == "end"
    assert "append[0] (after), after/append[1] (after)" in run.explain("append[2]")


@pytest.mark.parametrize("name", ["missing", "add", "add[7]", "other/add[0]", ""])
def test_unknown_or_ambiguous_names_are_refused(name: str) -> None:
    built = ms.Workflow("demo")
    built.add(add, 1)
    built.add(add, 2, after=name)
    built.add(add, 3)
    with pytest.raises(ms.UnknownNodeError) as caught:
        built.run()
    assert (caught.value.path, caught.value.referrer) == (name, "demo/add[1]")
    assert isinstance(caught.value, LookupError)


def test_cycle_names_its_nodes_in_order() -> None:
    built = ms.Workflow("demo")
    first = built.add(add, 1, after="clean[0]")
    middle = built.add(add.with_options(name="middle"), first)
    built.add(add.with_options(name="clean"), middle)
    built.add(add, 5)
    with pytest.raises(ms.CycleError) as caught:
        built.run()
    cycle = caught.value.cycle
    assert cycle[0] == cycle[-1]
    assert len(cycle) == 4
    around = ["demo/add[0]", "demo/middle[0]", "demo/clean[0]"]
    at = around.index(str(cycle[0]))
    assert list(cycle[:-1]) == around[at:] + around[:at]
    assert " -> ".join(map(str, cycle)) in str(caught.value)


def test_self_dependency_is_refused() -> None:
    built = ms.Workflow("demo")
    built.add(add, 1, after="add[0]")
    with pytest.raises(ms.CycleError) as caught:
        built.run()
    assert caught.value.cycle == ("demo/add[0]", "demo/add[0]")


@pytest.mark.parametrize("after", [3, [3], [None]])
def test_after_of_something_else_is_refused(after: Any) -> None:
    with pytest.raises((ms.WorkflowError, TypeError)):
        ms.Workflow("demo").add(add, 1, after=after)


def test_add_of_what_is_not_callable_is_refused() -> None:
    with pytest.raises(ms.ConfigurationError):
        ms.Workflow("demo").add(3)  # type: ignore[call-overload]


def test_duplicate_parameter_is_refused() -> None:
    built = ms.Workflow("demo")
    built.parameter("x")
    with pytest.raises(ms.WorkflowError, match="'x'"):
        built.parameter("x")


@pytest.mark.parametrize(
    "names",
    [(("from",),), (("two words",),), (("x", 1), ("y",)), (("class", 1),)],
    ids=["keyword", "words", "default before", "keyword with default"],
)
def test_serial_takes_the_parameters_that_run_takes(names: tuple[tuple[Any, ...], ...]) -> None:
    built = ms.Workflow("demo")
    built.output([built.parameter(*name) for name in names])
    values = {name[0]: 5 for name in names}
    assert built.run(**values).value == built.serial(**values) == [5] * len(names)


@pytest.mark.parametrize(
    ("args", "kwargs"), [((), {}), ((1, 2, 3), {}), ((1,), {"x": 2}), ((1,), {"z": 2}), ((), {"y": 1})]
)
def test_built_workflow_refuses_arguments_that_do_not_fit(args: tuple[int, ...], kwargs: dict[str, int]) -> None:
    built = ms.Workflow("demo")
    built.output(built.parameter("x"), built.parameter("y", 5))
    with pytest.raises(ms.ArgumentMismatchError, match="demo"):
        built.run(*args, **kwargs)
    with pytest.raises(TypeError):
        built.serial(*args, **kwargs)


def test_dict_keys_are_taken_alike_by_run_and_serial() -> None:
    built = ms.Workflow("demo")
    key = built.add(add, 1)
    built.output(built.add(echo, {key: "value"}))
    try:
        expected = built.serial()
    except ms.WorkflowError as error:
        expected = type(error)
    try:
        value: Any = built.run().value
    except ms.WorkflowError as error:
        value = type(error)
    assert_same(value, expected)


# --- sequence -------------------------------------------------------------------------------------


@every_engine
def test_sequence_passes_results_to_those_that_take_one(engine: ms.SequentialExecutionEngine) -> None:
    seen: list[Any] = []

    def start() -> int:
        seen.append("start")
        return 1

    def more(x: int) -> int:
        seen.append(x)
        return x + 1

    def nothing() -> None:
        seen.append("nothing")

    def end(*values: Any) -> Any:
        return values

    wf = ms.Workflow.sequence([start, more, more, nothing, end], name="plain")
    assert engine.run(wf).value == (None,)
    assert seen == ["start", 1, 2, "nothing"]
    seen.clear()
    assert wf.serial() == (None,)
    assert seen == ["start", 1, 2, "nothing"]
    assert wf.name == "plain"


@every_engine
def test_sequence_keeps_the_order_of_unknown_effects(engine: ms.SequentialExecutionEngine) -> None:
    seen: list[int] = []

    def noting(at: int) -> Any:
        def note() -> None:
            seen.append(at)

        return note

    engine.run(ms.Workflow.sequence([noting(at) for at in range(20)]))
    assert seen == list(range(20))


def test_sequence_whose_first_takes_something_has_a_parameter() -> None:
    wf = ms.Workflow.sequence([str.strip, str.title, len])
    assert wf.run("  a tale ").value == wf.serial("  a tale ") == 6
    with pytest.raises(ms.ArgumentMismatchError):
        wf.run()

    def greet(name: str = "you") -> str:
        return f"hello, {name}"

    polite = ms.Workflow.sequence([greet])
    assert (polite.run().value, polite.run("Ada").value, polite.run(name="Ada").value) == (
        "hello, you",
        "hello, Ada",
        "hello, Ada",
    )


def test_sequence_lets_steps_with_promises_go_free() -> None:
    """A step of the sequence that touches nothing is not ordered against those that do."""
    run = ms.Workflow.sequence([ms.step(lambda: 1, name="free"), lambda: 2, lambda: 3]).run()
    assert "waited for nothing" in run.explain("free[0]")
    assert "effect" in run.explain("<lambda>[1]")


def test_sequence_of_nothing_is_refused() -> None:
    with pytest.raises(ms.WorkflowError):
        ms.Workflow.sequence([])


def test_sequence_of_keyword_only_functions_is_refused_or_gives_nothing() -> None:
    def configured(*, level: int = 3) -> int:
        return level

    assert ms.Workflow.sequence([configured]).run().value == 3
