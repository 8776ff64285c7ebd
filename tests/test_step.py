"""Steps: outside of a workflow an ordinary call, inside a node; and what a step may be made of."""

import functools
import inspect
import math
import operator
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import makespan as ms
from engines import every_engine


@ms.step
def add(a: int, b: int = 10, *, scale: int = 1) -> int:
    """Add two numbers."""
    return (a + b) * scale


class Multiply:
    """A callable object."""

    def __init__(self, by: int) -> None:
        self.by = by

    def __call__(self, x: int) -> int:
        return self.by * x

    def times(self, x: int) -> int:
        return self.by * x

    @classmethod
    def of_class(cls, x: int) -> str:
        return cls.__name__ * x


def result_of(function: Callable[..., Any], *args: Any, engine: ms.SequentialExecutionEngine, **kwargs: Any) -> Any:
    """Make a step of a callable, and run it as the only node of a workflow."""
    made = ms.step(function)

    @ms.workflow
    def body() -> Any:
        return made(*args, **kwargs)

    assert body.serial() == function(*args, **kwargs)
    return engine.run(body).value


def test_step_outside_a_workflow_is_an_ordinary_call() -> None:
    assert add(1) == 11
    assert add(1, 2, scale=3) == 9
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        add()  # type: ignore[call-arg]


def test_step_looks_like_its_function() -> None:
    assert add.name == "add"
    assert add.__doc__ == "Add two numbers."
    assert inspect.signature(add) == inspect.signature(add.function)
    assert repr(add) == "<step add>"
    assert repr(ms.effect(print)) == "<effect print>"


@every_engine
def test_step_takes_every_kind_of_callable(engine: ms.SequentialExecutionEngine) -> None:
    assert result_of(lambda x: x + 1, 1, engine=engine) == 2
    assert result_of(math.hypot, 3, 4, engine=engine) == 5
    assert result_of(max, 3, 4, key=operator.neg, engine=engine) == 3
    assert result_of(str.upper, "a", engine=engine) == "A"
    assert result_of("-".join, ["a", "b"], engine=engine) == "a-b"
    assert result_of(dict, [("a", 1)], b=2, engine=engine) == {"a": 1, "b": 2}
    assert result_of(complex, 1, imag=2, engine=engine) == 1 + 2j
    assert result_of(functools.partial(operator.sub, 10), 3, engine=engine) == 7
    assert result_of(functools.partial(add.function, scale=2), 3, b=4, engine=engine) == 14
    assert result_of(Multiply(3), 4, engine=engine) == 12
    assert result_of(Multiply(3).times, 4, engine=engine) == 12
    assert result_of(Multiply.of_class, 2, engine=engine) == "MultiplyMultiply"
    assert result_of(operator.itemgetter(1), [5, 6], engine=engine) == 6
    assert result_of(functools.lru_cache(add.function), 1, engine=engine) == 11


@every_engine
def test_step_made_of_a_class_returns_an_instance(engine: ms.SequentialExecutionEngine) -> None:
    make = ms.step(Multiply)

    @ms.workflow
    def body() -> Multiply:
        return make(by=7)

    assert engine.run(body).value.by == 7


@pytest.mark.parametrize(
    ("args", "kwargs", "reason"),
    [
        ((), {}, "missing a required argument: 'a'"),
        ((1, 2, 3), {}, "takes at most 2 positional arguments, 3 were given"),
        ((1,), {"a": 2}, "multiple values for argument 'a'"),
        ((1,), {"c": 2}, "unexpected keyword argument 'c'"),
    ],
)
def test_step_with_wrong_arguments_fails_when_it_is_described(
    args: tuple[int, ...], kwargs: dict[str, int], reason: str
) -> None:
    @ms.workflow
    def body() -> Any:
        return add(*args, **kwargs)

    with pytest.raises(ms.ArgumentMismatchError) as caught:
        body.run()
    assert str(caught.value) == f"add: {reason}"
    assert isinstance(caught.value, TypeError)
    with pytest.raises(ms.ArgumentMismatchError, match=reason):
        ms.Workflow("demo").add(add, *args, **kwargs)


def test_step_checks_positional_only_and_keyword_only_parameters() -> None:
    @ms.step
    def strict(a: int, /, *, b: int) -> int:
        return a + b

    wf = ms.Workflow("demo")
    with pytest.raises(ms.ArgumentMismatchError, match="'a' is positional-only"):
        wf.add(strict, a=1, b=2)  # type: ignore[call-overload]
    with pytest.raises(ms.ArgumentMismatchError, match="missing a required argument: 'b'"):
        wf.add(strict, 1)  # type: ignore[call-overload]
    wf.output(wf.add(strict, 1, b=2))
    assert wf.run().value == 3


def test_step_with_a_positional_only_name_among_its_keywords_is_accepted() -> None:
    @ms.step
    def tagged(name: str, /, **tags: str) -> tuple[str, dict[str, str]]:
        return name, tags

    wf = ms.Workflow("demo")
    wf.output(wf.add(tagged, "a", name="b"))
    assert wf.run().value == wf.serial() == ("a", {"name": "b"})


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"name": ""}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": 3}, "name"),
        ({"duration": -1}, "duration"),
        ({"duration": math.nan}, "duration"),
        ({"duration": math.inf}, "duration"),
        ({"duration": "1 s"}, "duration"),
        ({"outputs": 0}, "outputs"),
        ({"outputs": 1.5}, "outputs"),
        ({"outputs": True}, "outputs"),
        ({"keep": 1}, "keep"),
        ({"reads": 3}, "reads"),
        ({"writes": ["a", ""]}, "writes"),
        ({"writes": [1]}, "writes"),
        ({"retries": 3}, "retries"),
        ({"cache": True}, "cache"),
        ({"needs": 3}, "needs"),
        ({"timeout": 3}, "timeout"),
    ],
)
def test_step_refuses_options_that_cannot_be_or_do_not_act_yet(options: dict[str, Any], key: str) -> None:
    with pytest.raises(ms.ConfigurationError) as caught:
        ms.step(**options)(abs)
    assert caught.value.key == key
    assert caught.value.value == options[key] or options[key] != options[key] or key == "writes"
    with pytest.raises(ms.ConfigurationError):
        ms.step(abs).with_options(**options)


def test_misspelled_option_names_the_nearest() -> None:
    with pytest.raises(ms.ConfigurationError, match="did you mean 'writes'") as caught:
        ms.step(write="log")(abs)  # type: ignore[call-overload]
    assert caught.value.nearest == "writes"


@pytest.mark.parametrize("option", ["reads", "writes"])
def test_effect_takes_no_names(option: str) -> None:
    with pytest.raises(ms.ConfigurationError):
        ms.effect(**{option: "log"})(print)  # type: ignore[call-overload]


async def coroutine(x: int) -> int:
    return x


async def generator() -> Any:
    yield 1


class Asynchronous:
    async def __call__(self, x: int) -> int:
        return x

    async def method(self, x: int) -> int:
        return x


@pytest.mark.parametrize(
    "function",
    [
        coroutine,
        generator,
        Asynchronous().method,
        functools.partial(coroutine, 1),
        functools.partial(functools.partial(coroutine), 1),
        Asynchronous(),
    ],
    ids=["function", "generator", "method", "partial", "partial of partial", "object"],
)
def test_asynchronous_steps_are_refused_with_the_reason(function: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ms.ConfigurationError, match="async"):
            ms.step(function)


@pytest.mark.parametrize("what", [3, "text", None, [print]])
def test_step_of_what_is_not_callable_is_refused(what: Any) -> None:
    with pytest.raises(ms.ConfigurationError, match="callable"):
        ms.step()(what)


def test_step_of_a_step_is_refused() -> None:
    with pytest.raises(ms.ConfigurationError, match="a step already"):
        ms.step(add)


def test_with_options_changes_a_copy() -> None:
    other = add.with_options(name="plus", duration=0.5)
    assert (other.name, add.name) == ("plus", "add")
    assert other.function is add.function
    assert repr(ms.effect(print).with_options(name="show")) == "<effect show>"
    again = other.with_options(keep=True)
    assert again.name == "plus"


def test_step_takes_the_name_of_what_it_is_made_of() -> None:
    assert ms.step(Multiply(1)).name == "Multiply"
    assert ms.step(functools.partial(print)).name == "partial"
    assert ms.step(lambda: None).name == "<lambda>"
    assert ms.step(abs, name="size").name == "size"


@every_engine
def test_outputs_are_unpacked_into_handles(engine: ms.SequentialExecutionEngine) -> None:
    divide = ms.step(divmod, outputs=2)

    @ms.workflow
    def body(x: int) -> dict[str, int]:
        quotient, remainder = divide(x, 10)
        return {"sum": add(quotient, remainder), "quotient": quotient}

    run = engine.run(body, 57)
    assert run.value == body.serial(57) == {"sum": 12, "quotient": 5}
    assert (
        run.paths == ["body/divmod[0]", "body/divmod.get[0]", "body/divmod.get[1]", "body/add[0]"] or run.n_nodes == 4
    )


@every_engine
@pytest.mark.parametrize("results", [(), (1,), (1, 2, 3)])
def test_wrong_number_of_outputs_fails_as_unpacking_does(
    engine: ms.SequentialExecutionEngine, results: tuple[int, ...]
) -> None:
    @ms.step(outputs=2)
    def several() -> Any:
        return results

    @ms.workflow
    def body() -> Any:
        first, second = several()
        return first, second

    with pytest.raises(ValueError, match="unpack"):
        body.serial()
    with pytest.raises(ms.RunFailedError):
        engine.run(body)


@every_engine
def test_one_output_is_unpacked_too(engine: ms.SequentialExecutionEngine) -> None:
    @ms.step(outputs=1)
    def single() -> tuple[int]:
        return (5,)

    @ms.workflow
    def body() -> int:
        (value,) = single()
        return value

    assert engine.run(body).value == body.serial() == 5


def test_each_and_get_outside_a_workflow_are_plain() -> None:
    assert ms.each(add, [1, 2]) == [11, 12]
    assert ms.get([5, 6], 1) == 6
    assert ms.get({"a": 3}, "a") == 3


@every_engine
def test_each_calls_a_step_for_every_element(engine: ms.SequentialExecutionEngine) -> None:
    @ms.step
    def total(numbers: list[int]) -> int:
        return sum(numbers)

    @ms.workflow
    def body(n: int) -> Any:
        found = ms.each(add, range(n))
        return total(found), found, ms.get(found, 0), [found, [found]]

    assert engine.run(body, 3).value == body.serial(3) == (33, [10, 11, 12], 10, [[10, 11, 12], [[10, 11, 12]]])


@every_engine
def test_each_over_handles_nothing_and_generators(engine: ms.SequentialExecutionEngine) -> None:
    @ms.workflow
    def body() -> Any:
        return ms.each(add, [add(1), 2]), ms.each(add, []), ms.each(add, (x for x in (1, 2)))

    assert engine.run(body).value == body.serial() == ([21, 12], [], [11, 12])


def test_each_over_a_handle_is_refused_by_name() -> None:
    @ms.workflow
    def body() -> Any:
        return ms.each(add, add(1))  # type: ignore[arg-type]

    with pytest.raises(ms.NotComputedYet, match=r"body/add\[0\]"):
        body.run()


@every_engine
def test_each_takes_whatever_can_be_called(engine: ms.SequentialExecutionEngine) -> None:
    both = ms.step(divmod, outputs=2, name="both")

    @ms.workflow
    def doubled(x: int) -> Any:
        return {"sum": add(x, x)}

    @ms.workflow
    def body() -> Any:
        return ms.each(abs, [-1, 2]), ms.each(doubled, [1, 2]), ms.each(lambda x: both(x, 10), [57])

    assert engine.run(body).value == ([1, 2], [{"sum": 2}, {"sum": 4}], [(5, 7)])


@every_engine
def test_steps_inside_a_running_step_are_plain_calls(engine: ms.SequentialExecutionEngine) -> None:
    @ms.step
    def outer(x: int) -> int:
        value = add(x)
        assert type(value) is int
        return value

    @ms.workflow
    def body() -> int:
        return outer(1)

    run = engine.run(body)
    assert run.value == 11
    assert run.n_nodes == 1


def test_step_of_a_method_binds_as_a_function_does() -> None:
    class Report:
        rate = 3

        @ms.step
        def scaled(self, x: int) -> int:
            return self.rate * x

    report = Report()
    assert report.scaled(2) == 6

    @ms.workflow
    def body() -> int:
        return report.scaled(2)

    assert body() == 6
