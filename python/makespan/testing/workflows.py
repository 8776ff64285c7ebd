"""Workflows as values; `makespan.testing.generated_workflows` generates them.

A `Description` says which calls a workflow makes, in program order. It can be written as a traced body or built call by
call; both make the same calls. Its steps look at what they are given and at a `World` of named effects: an effect's
version is part of the result of every step that touches it, and the order of the touches is on record.
"""

from __future__ import annotations

import functools
import zlib
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import makespan as ms
from makespan.testing.world import EFFECTS, World

__all__ = [
    "EFFECTS",
    "RESOURCES",
    "Box",
    "Call",
    "Constant",
    "Container",
    "Crate",
    "Description",
    "Pair",
    "Parameter",
    "Ref",
    "Tree",
    "World",
]

Pair = namedtuple("Pair", "left right")

Failure = Literal["raises", "declares", "returns"]
Form = Literal["positional", "defaults", "keyword_only", "variadic", "object"]
Kind = Literal["list", "tuple", "dict", "pair", "box", "crate"]
Result = Literal["number", "list", "dict", "nan", "none"]

RESOURCES = {"net": 1, "disk": 1.5}
"""What an engine has to have for workflows that are generated with needs."""


@dataclass
class Box:
    """A dataclass that arguments are nested in."""

    inside: Any
    label: str = "box"


@dataclass(frozen=True, slots=True)
class Crate:
    """A frozen dataclass with slots that arguments are nested in."""

    inside: Any
    label: str = "crate"


@dataclass(frozen=True)
class Constant:
    """An object that is known when the workflow is described."""

    value: Any


@dataclass(frozen=True)
class Parameter:
    """A parameter of the workflow, by its place."""

    index: int


@dataclass(frozen=True)
class Ref:
    """The result of an earlier call, by its place; a part of it where the call has several outputs."""

    call: int
    part: int | None = None


@dataclass(frozen=True)
class Container:
    """Arguments nested in a container."""

    kind: Kind
    members: tuple[Tree, ...]


Tree = Constant | Parameter | Ref | Container
"""What stands for an argument."""


@dataclass(frozen=True)
class Call:
    """One call of a step.

    Parameters
    ----------
    kind
        ``"step"``: a plain call; ``"each"``: one call per argument, whose results are a list; ``"get"``: the element at
        ``key`` of its only argument.
    args, kwargs
        Arguments; of ``"each"`` the elements.
    form
        The signature of the step's function.
    result
        What kind of object it returns.
    reads, writes
        Names of effects.
    is_effect
        It may touch anything.
    is_computed
        Names of effects are given as a function of the arguments.
    outputs
        It returns a tuple of so many results and is unpacked.
    failure
        How it fails, if it does.
    key
        For ``"get"``.
    duration
        Expected seconds, as declared.
    after
        Earlier calls that come first without a value being passed; only the builder can say this.
    is_inlined
        A traced body makes it inside a workflow of its own.
    needs
        What it occupies while it runs, among `RESOURCES`.
    is_pure
        Its step promises that its result depends on its arguments only.
    repeats
        The place of the earlier call that this one repeats.
    is_batched
        Its step has a batch form.
    is_cached
        Results of its step, which is pure, are cached.
    is_check
        Its step is a cheap check.

    Examples
    --------
    >>> Call(args=(Constant(1),), writes=("log",)).kind
    'step'
    """

    kind: Literal["step", "each", "get"] = "step"
    args: tuple[Tree, ...] = ()
    kwargs: tuple[tuple[str, Tree], ...] = ()
    form: Form = "positional"
    result: Result = "number"
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    is_effect: bool = False
    is_computed: bool = False
    outputs: int | None = None
    failure: Failure | None = None
    key: Any = None
    duration: float | None = None
    after: tuple[int, ...] = ()
    is_inlined: bool = False
    needs: tuple[tuple[str, float], ...] = ()
    is_pure: bool = False
    repeats: int | None = None
    is_batched: bool = False
    is_cached: bool = False
    is_check: bool = False

    def stamp(self, at: int) -> int:
        """Return the number that its step is told: its place, or that of the call that it repeats.

        Parameters
        ----------
        at
            Its place.

        Returns
        -------
        stamp
            Part of its result.

        Examples
        --------
        >>> Call().stamp(3), Call(repeats=1).stamp(3)
        (3, 1)
        """
        return at if self.repeats is None else self.repeats


@dataclass(frozen=True)
class Description:
    """A workflow as a value.

    Parameters
    ----------
    calls
        In program order.
    output
        What it returns.
    n_parameters
        How many arguments a run takes.

    Examples
    --------
    >>> calls = (Call(args=(Constant(1),)), Call(args=(Container("list", (Ref(0), Parameter(0))),)))
    >>> description = Description(calls, Ref(1), n_parameters=1)
    >>> workflow, built = description.traced(World()), description.built(World())
    >>> workflow(7) == built.run(7).value == workflow.serial(7)
    True
    """

    calls: tuple[Call, ...]
    output: Tree
    n_parameters: int = 0

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return ("first", "second", "third")[: self.n_parameters]

    def writers(self) -> dict[str, list[int]]:
        """Return the calls that write each effect, in program order.

        Returns
        -------
        writers
            Places of calls by effect; an ``each`` stands there once per element.

        Examples
        --------
        >>> Description((Call(writes=("log",)), Call(is_effect=True)), Ref(0)).writers()["log"]
        [0, 1]
        """
        return {
            name: [
                at
                for at, call in enumerate(self.calls)
                if call.is_effect or name in call.writes
                for _ in range(len(call.args) if call.kind == "each" else 1)
            ]
            for name in EFFECTS
        }

    def traced(self, world: World) -> ms.WorkflowFunction[..., Any]:
        """Write it as the body of a workflow.

        Parameters
        ----------
        world
            What its steps touch.

        Returns
        -------
        workflow
            ``after`` is left out: a body has no way to say it.

        Examples
        --------
        >>> Description((Call(),), Ref(0)).traced(World())
        <workflow generated>
        """
        steps = _Steps(world)

        def body(*values: Any) -> Any:
            results: list[Any] = []
            for at, call in enumerate(self.calls):
                args, kwargs = self._arguments(call, values, results)
                if call.kind == "get":
                    results.append(ms.get(args[0], call.key))
                elif call.kind == "each":
                    results.append(ms.each(steps.of(call, call.stamp(at), is_bound=True), args))
                else:
                    made = steps.of(call, call.stamp(at))
                    called = ms.workflow(name="inlined")(made) if call.is_inlined else made
                    results.append(called(call.stamp(at), *args, **kwargs))
            return _filled(self.output, values, results)

        # The body has as many parameters as the description says, so that it can be prepared.
        bodies: tuple[Callable[..., Any], ...] = (
            lambda: body(),
            lambda first: body(first),
            lambda first, second: body(first, second),
            lambda first, second, third=3: body(first, second, third),
        )
        return ms.workflow(name="generated")(bodies[self.n_parameters])

    def built(self, world: World) -> ms.Workflow:
        """Build it call by call.

        Parameters
        ----------
        world
            What its steps touch.

        Returns
        -------
        workflow
            The same calls as the traced one's.

        Examples
        --------
        >>> Description((Call(),), Ref(0)).built(World())
        <workflow generated, 1 nodes>
        """
        steps = _Steps(world)
        workflow = ms.Workflow("generated")
        defaults = {"third": (3,)}
        values = tuple(workflow.parameter(name, *defaults.get(name, ())) for name in self.parameters)
        results: list[Any] = []
        for at, call in enumerate(self.calls):
            args, kwargs = self._arguments(call, values, results)
            after = [handle for before in call.after for handle in _handles(results[before])]
            if call.kind == "get":
                results.append(workflow.add(ms.get, args[0], call.key, after=after))
            elif call.kind == "each":
                results.append(workflow.each(steps.of(call, call.stamp(at), is_bound=True), args))
            else:
                stamp = call.stamp(at)
                results.append(workflow.add(steps.of(call, stamp), stamp, *args, after=after, **kwargs))
        workflow.output(_filled(self.output, values, results))
        return workflow

    def _arguments(self, call: Call, values: tuple[Any, ...], results: list[Any]) -> tuple[list[Any], dict[str, Any]]:
        args = [_filled(tree, values, results) for tree in call.args]
        return args, {name: _filled(tree, values, results) for name, tree in call.kwargs}


class _Steps:
    """Makes the steps of one workflow; calls that differ in nothing but their arguments share one."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._made: dict[Any, ms.Step[..., Any]] = {}

    def of(self, call: Call, at: int, *, is_bound: bool = False) -> ms.Step[..., Any]:
        """Return the step of a call; a bound one takes one argument and knows its place."""
        kept = replace(call, args=(), kwargs=(), after=(), key=None, is_inlined=False, repeats=None)
        key = (kept, at if is_bound or call.is_computed else None)
        if key not in self._made:
            self._made[key] = self._new(kept, at if is_bound else None)
        return self._made[key]

    def _new(self, call: Call, bound_at: int | None) -> ms.Step[..., Any]:
        world = self._world
        reads, writes = (EFFECTS, EFFECTS) if call.is_effect else (call.reads, call.writes)

        def act(at: int, *seen: Any) -> Any:
            world.calls.append(at)
            if call.failure == "raises":
                raise ValueError(at)
            if call.failure == "declares":
                raise ms.Failed(at)
            if call.failure == "returns":
                return ms.Failed(at)
            touched = world.touch(at, reads, writes)
            return _result(call, at, zlib.crc32(repr((at, seen, touched)).encode()))

        function = _FORMS[call.form](act) if bound_at is None else functools.partial(act, bound_at)

        def act_on_all(*columns: Any, **named: Any) -> list[Any]:
            rows = list(zip(*columns, *named.values(), strict=True))
            world.batch_sizes.append(len(rows))
            n_positional = len(columns)
            return [function(*row[:n_positional], **dict(zip(named, row[n_positional:], strict=True))) for row in rows]

        if call.is_effect:
            return ms.effect(
                function, name="effect", outputs=call.outputs, duration=call.duration, needs=dict(call.needs)
            )
        return ms.step(
            function,
            name=call.form,
            pure=call.is_pure,
            cheap_check=call.is_check,
            cache=call.is_cached and ms.Caching(version=f"{world.number} {bound_at} {call}"),
            reads=(lambda *_args, **_kwargs: reads) if call.is_computed else reads,
            writes=(lambda *_args, **_kwargs: writes) if call.is_computed else writes,
            outputs=call.outputs,
            duration=call.duration,
            needs=dict(call.needs),
            batch=act_on_all if call.is_batched else None,
        )


def _positional(act: Callable[..., Any]) -> Callable[..., Any]:
    def positional(at: int, /, *values: Any) -> Any:
        return act(at, *values)

    return positional


def _defaults(act: Callable[..., Any]) -> Callable[..., Any]:
    def defaults(at: int, first: Any = 1, second: Any = None, third: Any = (3,)) -> Any:
        return act(at, first, second, third)

    return defaults


def _keyword_only(act: Callable[..., Any]) -> Callable[..., Any]:
    def keyword_only(at: int, *values: Any, key: Any, other: Any = 5) -> Any:
        return act(at, values, key, other)

    return keyword_only


def _variadic(act: Callable[..., Any]) -> Callable[..., Any]:
    def variadic(at: int, *values: Any, **named: Any) -> Any:
        return act(at, values, named)

    return variadic


class _Callable:
    """A callable that is no function."""

    def __init__(self, act: Callable[..., Any]) -> None:
        self._act = act

    def __call__(self, at: int, *values: Any, **named: Any) -> Any:
        return self._act(at, values, named)


_FORMS: dict[Form, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "positional": _positional,
    "defaults": _defaults,
    "keyword_only": _keyword_only,
    "variadic": _variadic,
    "object": _Callable,
}


def _result(call: Call, at: int, digest: int) -> Any:
    if call.outputs is not None:
        return tuple(digest + part for part in range(call.outputs))
    if call.result == "list":
        return [at, digest]
    if call.result == "dict":
        return {"a": at, "b": digest}
    if call.result == "nan":
        return float("nan")
    return digest if call.result == "number" else None


def _filled(tree: Tree, values: tuple[Any, ...], results: list[Any]) -> Any:
    """Put values, or handles, in the place of what stands for them."""
    if isinstance(tree, Constant):
        return tree.value
    if isinstance(tree, Parameter):
        return values[tree.index]
    if isinstance(tree, Ref):
        return results[tree.call] if tree.part is None else results[tree.call][tree.part]
    members = [_filled(member, values, results) for member in tree.members]
    makers: dict[str, Callable[..., Any]] = {
        "list": lambda *members: list(members),
        "tuple": lambda *members: members,
        "dict": lambda *members: {f"k{at}": member for at, member in enumerate(members)},
        "pair": Pair,
        "box": Box,
        "crate": Crate,
    }
    return makers[tree.kind](*members)


def _handles(result: Any) -> list[Any]:
    """Return the handles of a call: several where it has several outputs."""
    return list(result) if isinstance(result, tuple) else [result]
