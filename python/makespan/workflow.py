"""Workflows written as a function body: its step calls are the nodes."""

from __future__ import annotations

import functools
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar, overload

from makespan import _core
from makespan.exceptions import ConfigurationError, WorkflowError
from makespan.step import check_name, name_of, unknown_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from makespan.prepared import PreparedWorkflow
    from makespan.result import RunResult
    from makespan.workflow_plan import WorkflowPlan

__all__ = ["WorkflowFunction", "workflow"]

P = ParamSpec("P")
R = TypeVar("R")


is_serial: ContextVar[bool] = ContextVar("makespan_is_serial", default=False)
"""True inside ``serial()``, where workflows that are called are plain functions too."""


_KINDS: dict[str, Literal["positional-only", "keyword-only"]] = {
    "POSITIONAL_ONLY": "positional-only",
    "KEYWORD_ONLY": "keyword-only",
}


class WorkflowFunction(Generic[P, R]):
    """A workflow written as a function body: made by `workflow`.

    Called, it runs on the default engine and returns the value; called inside another workflow's body, its steps
    become part of that one.

    Examples
    --------
    >>> import makespan as ms
    >>> @ms.step
    ... def add(a: int, b: int) -> int:
    ...     return a + b
    >>> @ms.workflow
    ... def total(numbers: list[int]) -> int:
    ...     value = 0
    ...     for number in numbers:
    ...         value = add(value, number)
    ...     return value
    >>> total([1, 2, 3])
    6
    """

    def __init__(self, function: Callable[P, R], name: str) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name = name

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run on the default engine and return the value, or become part of the workflow that is described."""
        if _core.is_tracing() or is_serial.get():
            return _core.inline(self.name, self.function, args, kwargs)
        return self.run(*args, **kwargs).value

    def run(self, *args: P.args, **kwargs: P.kwargs) -> RunResult[R]:
        """Run on the default engine.

        Parameters
        ----------
        *args, **kwargs
            The workflow's own.

        Returns
        -------
        result
            The value, and what happened to each node.

        Raises
        ------
        RunFailedError
            One step or several failed.

        Examples
        --------
        >>> import makespan as ms
        >>> @ms.workflow
        ... def constant(x: int) -> int:
        ...     return x
        >>> constant.run(3).value
        3
        """
        from makespan.engine import default_engine

        return default_engine().run(self, *args, **kwargs)

    async def arun(self, *args: P.args, **kwargs: P.kwargs) -> RunResult[R]:
        """Run on the default engine, in a thread, so that the event loop goes on.

        Parameters
        ----------
        *args, **kwargs
            The workflow's own.

        Returns
        -------
        result
            As from `run`.

        Raises
        ------
        RunFailedError
            One step or several failed.

        Examples
        --------
        >>> import asyncio, makespan as ms
        >>> @ms.workflow
        ... def constant(x: int) -> int:
        ...     return x
        >>> asyncio.run(constant.arun(3)).value
        3
        """
        from makespan.engine import default_engine

        return await default_engine().arun(self, *args, **kwargs)

    def serial(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the body and its steps as plain Python, without an engine: for a debugger, and as the oracle of tests.

        Parameters
        ----------
        *args, **kwargs
            The workflow's own.

        Returns
        -------
        value
            What the body returns.

        Examples
        --------
        >>> import makespan as ms
        >>> @ms.workflow
        ... def constant(x: int) -> int:
        ...     return x
        >>> constant.serial(3)
        3
        """
        token = is_serial.set(True)
        try:
            return self.function(*args, **kwargs)
        finally:
            is_serial.reset(token)

    def plan(self, *args: P.args, **kwargs: P.kwargs) -> WorkflowPlan:
        """Tell what a run on the default engine would do, without running it.

        Parameters
        ----------
        *args, **kwargs
            The workflow's own; the body is called with them.

        Returns
        -------
        plan
            What the passes do, and a plan under workers and resources as soon as durations are known.

        Raises
        ------
        UnsatisfiableError
            A step needs more of a resource than there is.

        Examples
        --------
        >>> import makespan as ms
        >>> wait = ms.step(lambda x: x, name="wait", duration=2.0)
        >>> @ms.workflow
        ... def demo(n: int) -> list[int]:
        ...     return [wait(x) for x in range(n)]
        >>> demo.plan(1)
        <plan of demo: 1 of 1 node runs, 2 s expected, no order is shorter>
        """
        from makespan.engine import default_engine

        return default_engine().plan(self, *args, **kwargs)

    def prepare(self, **values: object) -> PreparedWorkflow[R]:
        """Trace the body once, for many runs on the default engine.

        Parameters
        ----------
        **values
            Parameters that the body must look at; the others stay parameters of ``prepared.run``.

        Returns
        -------
        prepared
            Runs in microseconds.

        Raises
        ------
        NotComputedYet
            The body looks at a parameter that has no value; the message names it.
        ConfigurationError
            A value is given for a parameter that does not exist.

        Examples
        --------
        >>> import makespan as ms
        >>> @ms.step
        ... def scale(x: float, by: float) -> float:
        ...     return x * by
        >>> @ms.workflow
        ... def scaled(x: float, times: int) -> float:
        ...     for _ in range(times):
        ...         x = scale(x, 2.0)
        ...     return x
        >>> prepared = scaled.prepare(times=3)
        >>> prepared.run(1.5).value
        12.0
        """
        from makespan.engine import default_engine

        return default_engine().prepare(self, **values)

    def _traced(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _core.Program:
        return _core.Draft(self.name).trace(self.function, args, kwargs)

    def _traced_with(self, values: dict[str, Any]) -> _core.Program:
        """Trace with handles for the parameters that have no value."""
        import inspect

        kind = inspect.Parameter
        parameters = inspect.signature(self.function).parameters
        named = list(parameters.values())
        for p in named:
            if p.kind in (kind.VAR_POSITIONAL, kind.VAR_KEYWORD):
                message = f"{self.name} takes any number of arguments ({p}): it can be run, but not prepared"
                raise WorkflowError(message)
        known = [p.name for p in named]
        for key, value in values.items():
            if key not in known:
                raise unknown_option(key, value, known)
        draft = _core.Draft(self.name)
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for p in named:
            if p.name in values:
                value = values[p.name]
            else:
                default = () if p.default is kind.empty else (p.default,)
                value = draft.parameter(p.name, *default, kind=_KINDS.get(p.kind.name))
            if p.kind is kind.POSITIONAL_ONLY:
                args.append(value)
            else:
                kwargs[p.name] = value
        return draft.trace(self.function, tuple(args), kwargs)

    def __repr__(self) -> str:
        return f"<workflow {self.name}>"


@overload
def workflow(function: Callable[P, R], /, *, name: str | None = None) -> WorkflowFunction[P, R]: ...
@overload
def workflow(*, name: str | None = None) -> Callable[[Callable[P, R]], WorkflowFunction[P, R]]: ...
def workflow(function: Callable[..., Any] | None = None, /, *, name: str | None = None) -> object:
    """Make a workflow of a function whose body calls steps.

    A run calls the body once, with the actual arguments; step calls in it return handles. What the body returns, in
    any nesting, are the outputs.

    Parameters
    ----------
    function
        A plain function.
    name
        What the workflow is called; by default the function's name.

    Returns
    -------
    workflow
        The workflow; without ``function`` a decorator that makes one.

    Raises
    ------
    ConfigurationError
        The function is asynchronous: a body only describes, so there is nothing in it to wait for.

    Examples
    --------
    >>> import makespan as ms
    >>> @ms.step
    ... def greet(name: str) -> str:
    ...     return f"hello, {name}"
    >>> @ms.workflow
    ... def greetings(names: list[str]) -> list[str]:
    ...     return [greet(name) for name in names]
    >>> greetings(["Ada", "Grace"])
    ['hello, Ada', 'hello, Grace']
    """
    if function is None:
        return lambda function: _named_workflow(function, name)
    return _named_workflow(function, name)


def _named_workflow(function: Callable[P, R], name: str | None) -> WorkflowFunction[P, R]:
    if not callable(function):
        raise ConfigurationError("function", function, "a function")
    code = getattr(function, "__code__", None)
    if code is not None and code.co_flags & (0x80 | 0x200 | 0x20):
        expected = "a plain function: a body only describes the workflow, so it has nothing to await or yield"
        raise ConfigurationError("function", function, expected)
    name = name_of(function) if name is None else name
    check_name(name)
    return WorkflowFunction(function, name)
