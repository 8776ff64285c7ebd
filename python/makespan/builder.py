"""Workflows built call by call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast, overload

from makespan import _core
from makespan.containers import open_container
from makespan.exceptions import ArgumentMismatchError, WorkflowError
from makespan.step import Step, check_name, effect, unknown_option
from makespan.step import step as make_step
from makespan.workflow import is_serial

if TYPE_CHECKING:
    import inspect
    from collections.abc import Callable, Iterable, Sequence

    from makespan.prepared import PreparedWorkflow
    from makespan.result import RunResult
    from makespan.workflow_plan import WorkflowPlan

__all__ = ["Workflow"]

P = ParamSpec("P")
R = TypeVar("R")
A = TypeVar("A")
T = TypeVar("T")


class Workflow:
    """A workflow built call by call.

    Parameters
    ----------
    name
        What it is called.

    Examples
    --------
    >>> import makespan as ms
    >>> wf = ms.Workflow("report")
    >>> path = wf.parameter("path")
    >>> text = wf.add(str.upper, path)
    >>> wf.output(wf.add(len, text))
    >>> wf.run("notes.txt").value
    9
    """

    def __init__(self, name: str) -> None:
        check_name(name)
        self.name = name
        self._draft = _core.Draft(name)
        # The calls as they were made, with the first node of each: what the serial run makes.
        self._calls: list[tuple[int, _core.Step, tuple[Any, ...], dict[str, Any], Any]] = []
        self._n_nodes = 0
        self._parameters: dict[str, tuple[Any, ...]] = {}
        self._parameter_handles: list[_core.Handle] = []
        self._outputs: list[object] = []
        self._steps: dict[Callable[..., Any], Step[..., Any]] = {}
        self._each: dict[int, list[Any]] = {}
        self._program: _core.Program | None = None

    @overload
    def parameter(self, name: str) -> Any: ...
    @overload
    def parameter(self, name: str, default: T, /) -> T: ...
    def parameter(self, name: str, *default: Any) -> Any:
        """Add a parameter that a run takes.

        Parameters
        ----------
        name
            Its name.
        *default
            Its value where a run gives none.

        Returns
        -------
        handle
            Stands for its value.

        Raises
        ------
        WorkflowError
            There is a parameter of this name already.

        Examples
        --------
        >>> import makespan as ms
        >>> wf = ms.Workflow("demo")
        >>> wf.parameter("path", "notes.txt")
        <handle of parameter 'path' of demo>
        """
        if name in self._parameters:
            message = f"workflow '{self.name}' has a parameter '{name}' already"
            raise WorkflowError(message)
        self._program = None
        self._parameters[name] = default[:1]
        handle = self._draft.parameter(name, *default[:1])
        self._parameter_handles.append(handle)
        return handle

    @property
    def signature(self) -> inspect.Signature:
        """What a run takes: the parameters in the order in which they were added."""
        import inspect

        kind = inspect.Parameter
        return inspect.Signature(
            [
                kind(name, kind.POSITIONAL_OR_KEYWORD, default=default[0] if default else kind.empty)
                for name, default in self._parameters.items()
            ]
        )

    @overload
    def add(self, function: Callable[..., R], /, *args: object, after: object, **kwargs: object) -> R: ...
    @overload
    def add(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    def add(self, function: Callable[..., Any], /, *args: Any, after: Any = None, **kwargs: Any) -> Any:
        """Add a call.

        A callable that is no step is taken as one that is ordered by its data and by ``after``; where it may have
        effects, wrap it in `effect` or use `sequence`.

        Parameters
        ----------
        function
            A step, or another callable.
        *args, **kwargs
            Its arguments; handles among them are the nodes that it waits for.
        after
            Handles or paths of nodes that come first although no value is passed.

        Returns
        -------
        handle
            Stands for the result.

        Raises
        ------
        ArgumentMismatchError
            The arguments do not fit the function's signature.
        ForeignHandleError
            A handle belongs to another workflow.

        Examples
        --------
        >>> import makespan as ms
        >>> wf = ms.Workflow("demo")
        >>> first = wf.add(print, "first")
        >>> wf.add(print, "second", after=[first])
        <handle of demo/print[1]>
        """
        self._program = None
        step = function if isinstance(function, _core.Step) else self._step_of(function)
        handle = self._draft.add(step, args, kwargs, after)
        self._calls.append((self._n_nodes, step, args, kwargs, handle))
        self._n_nodes += 1 + len(handle) if type(handle) is tuple else 1
        return handle

    def each(self, function: Callable[[A], R], xs: Iterable[A]) -> list[R]:
        """Add a call for each element of a sequence that is known.

        Parameters
        ----------
        function
            A step or another callable that takes one argument.
        xs
            The elements; they may be handles.

        Returns
        -------
        handle
            Stands for the list of results.

        Examples
        --------
        >>> import makespan as ms
        >>> wf = ms.Workflow("demo")
        >>> wf.output(wf.each(abs, [-1, 2]))
        >>> wf.run().value
        [1, 2]
        """
        handles = [self.add(function, x) for x in xs]
        handle = _core.each_handle(handles)
        if handle is None:
            return handles
        self._each[id(handle)] = [handle, handles]
        return cast("list[R]", handle)

    def output(self, *handles: object) -> None:
        """Name outputs: one gives its value, several a tuple; without any, all sinks are outputs.

        Parameters
        ----------
        *handles
            Handles, in any nesting.

        Examples
        --------
        >>> import makespan as ms
        >>> wf = ms.Workflow("demo")
        >>> wf.output(wf.add(abs, -1), wf.add(abs, -2))
        >>> wf.run().value
        (1, 2)
        """
        self._program = None
        self._outputs.extend(handles)

    @classmethod
    def sequence(cls, functions: Sequence[Callable[..., Any]], *, name: str = "sequence") -> Workflow:
        """Make a workflow of callables in order, as they would be called one after another.

        Each gets the result of the one before if it takes a parameter, nothing otherwise. Callables that are no steps
        may touch anything and keep their order; it gets faster as promises are declared.

        Parameters
        ----------
        functions
            Steps or other callables. The first may take the workflow's argument.
        name
            What the workflow is called.

        Returns
        -------
        workflow
            Its value is the last one's result.

        Raises
        ------
        WorkflowError
            There are no functions.

        Examples
        --------
        >>> import makespan as ms
        >>> wf = ms.Workflow.sequence([str.strip, str.title, len])
        >>> wf.run("  a tale ").value
        6
        """
        if not functions:
            message = "a sequence needs at least one function"
            raise WorkflowError(message)
        built = cls(name)
        previous: Any = None
        for place, function in enumerate(functions):
            step = function if isinstance(function, _core.Step) else effect(function)
            parameter = _first_parameter(cast("Step[..., Any]", step).function)
            if parameter is None:
                previous = built.add(cast("Any", step))
            elif place == 0:
                previous = built.add(cast("Any", step), built.parameter(*parameter))
            else:
                previous = built.add(cast("Any", step), previous)
        built.output(previous)
        return built

    def run(self, *args: object, **kwargs: object) -> RunResult[Any]:
        """Run on the default engine.

        Parameters
        ----------
        *args, **kwargs
            Values of the parameters, in the order in which they were added.

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
        >>> ms.Workflow.sequence([abs]).run(-1).value
        1
        """
        from makespan.engine import default_engine

        return default_engine().run(self, *args, **kwargs)

    async def arun(self, *args: object, **kwargs: object) -> RunResult[Any]:
        """Run on the default engine, in a thread, so that the event loop goes on.

        Parameters
        ----------
        *args, **kwargs
            Values of the parameters.

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
        >>> asyncio.run(ms.Workflow.sequence([abs]).arun(-1)).value
        1
        """
        from makespan.engine import default_engine

        return await default_engine().arun(self, *args, **kwargs)

    def plan(self) -> WorkflowPlan:
        """Tell what a run on the default engine would do, without running it.

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
        >>> ms.Workflow.sequence([ms.step(abs, name="not run yet")]).plan()
        <plan of sequence: 1 of 1 node runs, durations unknown>
        """
        from makespan.engine import default_engine

        return default_engine().plan(self)

    def prepare(self, **values: object) -> PreparedWorkflow[Any]:
        """Lay the workflow out once, for many runs on the default engine.

        Parameters
        ----------
        **values
            Values of parameters; the others stay parameters of ``prepared.run``.

        Returns
        -------
        prepared
            Runs in microseconds.

        Raises
        ------
        ConfigurationError
            A value is given for a parameter that does not exist.

        Examples
        --------
        >>> import makespan as ms
        >>> prepared = ms.Workflow.sequence([abs]).prepare()
        >>> prepared.run(-1).value
        1
        """
        from makespan.engine import default_engine

        return default_engine().prepare(self, **values)

    def serial(self, *args: object, **kwargs: object) -> Any:
        """Make the calls one after another as plain Python, without an engine.

        Parameters
        ----------
        *args, **kwargs
            Values of the parameters.

        Returns
        -------
        value
            As of a run.

        Raises
        ------
        ArgumentMismatchError
            The arguments do not fit the parameters.

        Examples
        --------
        >>> import makespan as ms
        >>> ms.Workflow.sequence([abs]).serial(-1)
        1
        """
        token = is_serial.set(True)
        try:
            return self._made_serially(self._bound(args, kwargs))
        finally:
            is_serial.reset(token)

    def _made_serially(self, arguments: list[Any]) -> Any:
        values: dict[int, Any] = {
            id(handle): value for handle, value in zip(self._parameter_handles, arguments, strict=True)
        }
        program = self._finished()
        place = {node: at for at, node in enumerate(program.topological_order())}
        calls = sorted(self._calls, key=lambda call: place[call[0]])
        for _, step, call_args, call_kwargs, handle in calls:
            result = cast("Step[..., Any]", step)(
                *(self._filled(argument, values) for argument in call_args),
                **{key: self._filled(argument, values) for key, argument in call_kwargs.items()},
            )
            if isinstance(handle, tuple):
                values.update((id(part), result[at]) for at, part in enumerate(handle))
            else:
                values[id(handle)] = result
        if self._outputs:
            outputs: Any = self._outputs[0] if len(self._outputs) == 1 else tuple(self._outputs)
            return self._filled(outputs, values)
        return _one_or_tuple([values[id(handle)] for handle in self._sink_handles(program)])

    def _bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        """Put the arguments of a run in the order of the parameters."""
        if len(args) > len(self._parameters):
            reason = f"takes {len(self._parameters)} arguments, {len(args)} were given"
            raise ArgumentMismatchError(self.name, reason)
        given = dict(zip(self._parameters, args, strict=False))
        for key, value in kwargs.items():
            if key in given:
                raise ArgumentMismatchError(self.name, f"multiple values for argument '{key}'")
            if key not in self._parameters:
                raise ArgumentMismatchError(self.name, f"unexpected keyword argument '{key}'")
            given[key] = value
        for name, default in self._parameters.items():
            if name not in given and not default:
                raise ArgumentMismatchError(self.name, f"missing a required argument: '{name}'")
        return [given[name] if name in given else default[0] for name, default in self._parameters.items()]

    def _sink_handles(self, program: _core.Program) -> list[Any]:
        sinks = set(program.sinks())
        handles: dict[int, Any] = {}
        for node, _, _, _, handle in self._calls:
            parts = handle if isinstance(handle, tuple) else (handle,)
            first = node + 1 if isinstance(handle, tuple) else node
            handles.update((first + at, part) for at, part in enumerate(parts))
        return [handles[node] for node in sorted(sinks)]

    def _filled(self, value: Any, values: dict[int, Any]) -> Any:
        """Put results in the place of handles."""
        if type(value) is _core.Handle:
            if id(value) in self._each:
                return [values[id(handle)] for handle in self._each[id(value)][1]]
            return values[id(value)]
        if type(value) is list:
            return [self._filled(item, values) for item in value]
        if type(value) is tuple:
            return tuple(self._filled(item, values) for item in value)
        if type(value) is dict:
            return {self._filled(key, values): self._filled(item, values) for key, item in value.items()}
        opened = open_container(value)
        if opened is None:
            return value
        rebuild, items = opened
        filled = [self._filled(item, values) for item in items]
        if all(new is old for new, old in zip(filled, items, strict=True)):
            return value
        return rebuild(*filled)

    def _finished(self, values: dict[str, Any] | None = None) -> _core.Program:
        if values:
            known = tuple(self._parameters)
            for key, value in values.items():
                if key not in known:
                    raise unknown_option(key, value, known)
            return self._draft.finish(self._output_tree(), values)
        if self._program is None:
            self._program = self._draft.finish(self._output_tree(), None)
        return self._program

    def _output_tree(self) -> Any:
        return (_one_or_tuple(self._outputs),) if self._outputs else None

    def _step_of(self, function: Callable[..., Any]) -> Step[..., Any]:
        """Return the step that stands for a plain callable in this workflow."""
        try:
            known = self._steps.get(function)
        except TypeError:
            return make_step(function)
        if known is None:
            known = self._steps[function] = make_step(function)
        return known

    def __repr__(self) -> str:
        return f"<workflow {self.name}, {self._draft.n_nodes} nodes>"


def _one_or_tuple(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else tuple(values)


def _first_parameter(function: Callable[..., Any]) -> tuple[Any, ...] | None:
    """Return the name (and the default, if any) of the first positional parameter."""
    import inspect

    kind = inspect.Parameter
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ("value",)
    for p in parameters:
        if p.kind in (kind.POSITIONAL_ONLY, kind.POSITIONAL_OR_KEYWORD, kind.VAR_POSITIONAL):
            has_default = p.default is not kind.empty
            return (p.name, p.default) if has_default else (p.name,)
    return None
