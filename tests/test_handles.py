"""Handles: they may be passed on, compared by identity, hashed and shown, and refuse everything else by name."""

import copy
import json
import math
import operator
import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

import makespan as ms

load = ms.step(abs, name="load")


def handle() -> Any:
    return ms.Workflow("report").add(load, -1)


def enter(it: Any) -> None:
    with it:
        pass


def unpack(it: Any) -> Any:
    first, second = it
    return first, second


def remove_item(it: Any) -> None:
    del it[0]


def remove_attribute(it: Any) -> None:
    del it.size


def augment(it: Any) -> None:
    it += 1


def set_item(it: Any) -> None:
    it[0] = 1


def set_attribute(it: Any) -> None:
    it.size = 1


OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "bool": bool,
    "not": operator.not_,
    "if": lambda it: 1 if it else 2,
    "and": lambda it: it and 1,
    "len": len,
    "iter": iter,
    "list": list,
    "for": lambda it: [x for x in it],  # noqa: C416 (the loop is the point)
    "unpack": unpack,
    "star": lambda it: max(*it),
    "double star": lambda it: dict(**it),
    "next": next,
    "reversed": reversed,
    "in": lambda it: 1 in it,
    "within": lambda it: it in [1],
    "item": lambda it: it[0],
    "slice": lambda it: it[1:2],
    "set item": set_item,
    "delete item": remove_item,
    "attribute": lambda it: it.size,
    "private attribute": lambda it: it._asdict(),
    "has attribute": lambda it: hasattr(it, "size"),
    "set attribute": set_attribute,
    "delete attribute": remove_attribute,
    "call": lambda it: it(),
    "equal": lambda it: it == 1,
    "unequal": lambda it: it != 1,
    "less": lambda it: it < 1,
    "less or equal": lambda it: it <= 1,
    "greater": lambda it: it > 1,
    "greater or equal": lambda it: it >= 1,
    "max": lambda it: max(it, 1),
    "sorted": lambda it: sorted([it, it]),
    "match": lambda it: operator.eq(1, it),
    "str": str,
    "format": lambda it: f"{it}",
    "format with width": lambda it: f"{it:>10}",
    "percent": lambda it: "%s" % it,  # noqa: UP031 (an operation like the others)
    "bytes": bytes,
    "int": int,
    "float": float,
    "complex": complex,
    "index": lambda it: [1, 2][it],
    "range": range,
    "round": round,
    "round to digits": lambda it: round(it, 2),
    "trunc": math.trunc,
    "floor": math.floor,
    "ceil": math.ceil,
    "with": enter,
    "path": os.fspath,
    "open": lambda it: open(it),  # noqa: PTH123, SIM115 (an operation like the others)
    "add": lambda it: it + 1,
    "added": lambda it: 1 + it,
    "augmented add": augment,
    "subtract": lambda it: it - 1,
    "subtracted": lambda it: 1 - it,
    "multiply": lambda it: it * 2,
    "multiplied": lambda it: 2 * it,
    "matrix multiply": lambda it: it @ it,
    "divide": lambda it: it / 2,
    "divided": lambda it: 2 / it,
    "floor divide": lambda it: it // 2,
    "floor divided": lambda it: 2 // it,
    "modulo": lambda it: it % 2,
    "modulo of": lambda it: 2 % it,
    "divmod": lambda it: divmod(it, 2),
    "divmod of": lambda it: divmod(2, it),
    "power": lambda it: it**2,
    "power of": lambda it: 2**it,
    "power modulo": lambda it: pow(it, 2, 3),
    "shift": lambda it: it << 1,
    "shifted": lambda it: 1 << it,
    "right shift": lambda it: it >> 1,
    "right shifted": lambda it: 1 >> it,
    "bit and": lambda it: it & 1,
    "bit and of": lambda it: 1 & it,
    "bit or": lambda it: it | 1,
    "bit or of": lambda it: 1 | it,
    "exclusive or": lambda it: it ^ 1,
    "exclusive or of": lambda it: 1 ^ it,
    "negative": operator.neg,
    "positive": operator.pos,
    "absolute": abs,
    "invert": operator.invert,
    "sum": lambda it: sum([it]),
    "await": lambda it: it.__await__(),
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS.keys())
def test_handle_used_as_a_value_names_node_and_remedy(operation: Callable[[Any], Any]) -> None:
    with pytest.raises(ms.NotComputedYet) as caught:
        operation(handle())
    error = caught.value
    assert error.path == "report/load[0]"
    assert error.operation
    assert str(error).startswith(f"report/load[0] is not computed yet: {error.operation} needs its value; ")
    remedy = str(error).partition("; ")[2]
    assert "step" in remedy or "ms." in remedy
    assert isinstance(error, TypeError)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS.keys())
def test_parameter_used_as_a_value_is_named_with_the_way_to_give_it(operation: Callable[[Any], Any]) -> None:
    with pytest.raises(ms.NotComputedYet, match=r"parameter 'path' of report .*prepare\(path=\.\.\.\)"):
        operation(ms.Workflow("report").parameter("path"))


@pytest.mark.parametrize("key", ["item", "slice"])
def test_taking_an_element_names_get(key: str) -> None:
    with pytest.raises(ms.NotComputedYet, match=r"ms\.get\(handle, key\)"):
        OPERATIONS[key](handle())


def test_iteration_names_each_and_outputs() -> None:
    with pytest.raises(ms.NotComputedYet, match=r"ms\.each.*outputs=n"):
        iter(handle())


def test_handle_is_equal_to_itself_only_by_identity() -> None:
    it = handle()
    same = it
    assert it == same
    assert (it != same) is False
    assert it in [1, it][1:]
    assert {it: 1}[it] == 1
    assert len({it, handle(), it}) == 2


def test_hash_is_stable_and_repr_names_what_it_stands_for() -> None:
    wf = ms.Workflow("report")
    first, second = wf.add(load, 1), wf.add(load, 2)
    assert hash(first) == hash(first)
    assert [repr(first), repr(second)] == ["<handle of report/load[0]>", "<handle of report/load[1]>"]
    assert f"{first!r}" == repr(first)
    assert repr([second]) == "[<handle of report/load[1]>]"
    assert repr(wf.parameter("path")) == "<handle of parameter 'path' of report>"
    assert "each of 2 results" in repr(wf.each(load, [1, 2]))


def test_repr_of_a_handle_lives_longer_than_its_workflow() -> None:
    kept: list[Any] = []

    @ms.workflow
    def body() -> Any:
        kept.append(load(1))
        return kept[0]

    assert body() == 1
    assert repr(kept[0]) == "<handle of body/load[0]>"
    with pytest.raises(ms.NotComputedYet):
        bool(kept[0])


def test_handle_is_no_none_and_has_a_class() -> None:
    it = handle()
    assert it is not None
    assert isinstance(it, type(it))
    assert not isinstance(it, int | str | list)


@pytest.mark.parametrize("refused", [copy.copy, copy.deepcopy, pickle.dumps, json.dumps])
def test_handle_does_not_travel(refused: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match="Handle"):
        refused(handle())


def test_handle_outside_of_its_workflow_is_refused_by_name() -> None:
    with pytest.raises(ms.ForeignHandleError) as caught:
        load(handle())
    assert (caught.value.step, caught.value.handle) == ("load", "report/load[0]")
    with pytest.raises(ms.ForeignHandleError, match="load was called with the handle of report/load"):
        ms.Workflow("other").add(load, handle())
    with pytest.raises(ms.ForeignHandleError):
        ms.Workflow("other").add(load, [handle()])  # type: ignore[call-overload]
    with pytest.raises(ms.ForeignHandleError):
        ms.Workflow("other").add(load, 1, after=[handle()])


def test_handle_of_a_finished_trace_is_refused_by_name() -> None:
    kept: list[Any] = []

    @ms.workflow
    def first() -> Any:
        kept.append(load(1))
        return kept[0]

    @ms.workflow
    def second() -> Any:
        return load(kept[0])

    first()
    with pytest.raises(ms.ForeignHandleError, match=r"first/load\[0\]"):
        second()
    with pytest.raises(ms.ForeignHandleError, match=r"first/load\[0\]"):
        load(kept[0])


def test_handle_of_another_workflow_as_output_is_refused() -> None:
    it = handle()

    @ms.workflow
    def body() -> Any:
        return [it]

    with pytest.raises(ms.ForeignHandleError):
        body.run()
    wf = ms.Workflow("other")
    wf.output(it)
    with pytest.raises(ms.ForeignHandleError):
        wf.run()


def test_nested_handle_passed_to_a_plain_call_is_refused() -> None:
    """A handle in a container is found by its first use at the latest."""
    size = ms.step(lambda xs: xs[0] + 1, name="size")
    with pytest.raises((ms.ForeignHandleError, ms.NotComputedYet), match=r"report/load\[0\]"):
        size([handle()])


@dataclass
class Holder:
    value: Any


@pytest.mark.parametrize(
    "hide",
    [
        lambda it: {it},
        lambda it: frozenset([it]),
        lambda it: iter([it]),
        lambda it: [[[[[[[[[[it]]]]]]]]]],
        lambda it: type("Plain", (), {"value": it})(),
    ],
    ids=["set", "frozenset", "iterator", "too deep", "object"],
)
def test_handle_where_it_is_not_looked_for_never_becomes_a_value(hide: Callable[[Any], Any]) -> None:
    """It raises on first use, or when the workflow is described; it is never part of a result."""

    @ms.step
    def dig(value: Any) -> Any:
        while not isinstance(value, int):
            value = value.value if hasattr(type(value), "value") else next(iter(value))
            if type(value).__name__ == "Handle":
                return value + 1
        return value

    @ms.workflow
    def body() -> Any:
        return dig(hide(load(1)))

    with pytest.raises((ms.RunFailedError, ms.WorkflowError)) as caught:
        body.run()
    if isinstance(caught.value, ms.RunFailedError):
        assert isinstance(caught.value.failures[0].__cause__, ms.NotComputedYet)


def test_output_that_hides_a_handle_is_refused() -> None:
    @ms.workflow
    def body() -> Any:
        return {load(1)}

    with pytest.raises(ms.WorkflowError):
        body.run()
