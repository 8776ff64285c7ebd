"""The hypothesis strategies that generate workflows."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar, get_args

from hypothesis import strategies as st

from makespan.testing.workflows import (
    Call,
    Constant,
    Container,
    Description,
    Failure,
    Form,
    Kind,
    Parameter,
    Ref,
    Result,
    Tree,
)
from makespan.testing.world import EFFECTS

__all__ = ["descriptions"]

T = TypeVar("T")


def descriptions(
    *,
    n_calls_max: int = 12,
    with_failures: bool = False,
    with_after: bool = False,
    with_needs: bool = False,
    with_pure: bool = False,
    with_batch: bool = False,
    with_cache: bool = False,
    with_checks: bool = False,
) -> st.SearchStrategy[Description]:
    """Generate workflows: mixed arity, keyword arguments, nested handles, effects, ``each``, ``get``, several outputs.

    Parameters
    ----------
    n_calls_max
        The most calls that one makes.
    with_failures
        Some steps fail.
    with_after
        Some calls come after others without a value being passed; for workflows that are built.
    with_needs
        Some steps need some of `RESOURCES`; for engines that have them.
    with_pure
        Some steps promise to be pure, and some of their calls are repeated.
    with_batch
        Some steps have a batch form, and are called several times.
    with_cache
        Results of some of the pure steps are cached.
    with_checks
        Some steps are cheap checks.

    Returns
    -------
    strategy
        Of hypothesis.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(descriptions(), lambda description: len(description.calls) > 1).n_parameters
    0
    """
    return _descriptions(
        n_calls_max, with_failures, with_after, with_needs, with_pure, with_batch, with_cache, with_checks
    )


@st.composite
def _descriptions(
    draw: st.DrawFn,
    n_calls_max: int,
    with_failures: bool,
    with_after: bool,
    with_needs: bool,
    with_pure: bool,
    with_batch: bool,
    with_cache: bool,
    with_checks: bool,
) -> Description:
    chooser = _Chooser(draw, n_parameters=draw(_up_to(3)))
    for at in range(draw(_up_to(n_calls_max))):
        repeatable = [place for place, call in enumerate(chooser.calls) if call.is_pure and call.repeats is None]
        if repeatable and chooser.one_in(3):
            place = chooser.among(repeatable)
            chooser.calls.append(replace(chooser.calls[place], repeats=place))
            continue
        batched = [call for call in chooser.calls if call.is_batched and call.kind == "step"]
        if batched and not chooser.one_in(3):
            chooser.calls.append(chooser.twin(chooser.among(batched)))
            continue
        call = chooser.call()
        if with_batch and call.kind != "get" and not chooser.one_in(4):
            call = replace(call, is_batched=True, is_effect=False)
        if with_pure and call.kind != "get" and not chooser.one_in(3):
            call = replace(call, is_pure=True, reads=(), writes=(), is_effect=False, is_computed=False)
        if with_cache and call.is_pure and not chooser.one_in(3):
            call = replace(call, is_cached=True)
        if with_checks and not call.is_effect and call.kind != "get" and chooser.one_in(4):
            call = replace(call, is_check=True)
        if with_failures and call.kind == "step" and chooser.one_in(5):
            call = replace(call, failure=chooser.among(_FAILURES))
        if with_after and call.kind != "each" and at:
            call = replace(call, after=tuple(draw(_up_to(at - 1)) for _ in range(draw(_up_to(2)))))
        if with_needs and call.kind != "get":
            call = replace(call, needs=chooser.among(_NEEDS))
        chooser.calls.append(call)
    return Description(tuple(chooser.calls), chooser.tree(), chooser.n_parameters)


@functools.cache
def _up_to(n: int) -> st.SearchStrategy[int]:
    """Generate integers from 0 to n; the strategies are made once, since making one costs more than drawing."""
    return st.integers(0, n)


_CONSTANTS = (0, 1, -7, None, True, "text", b"bytes", 2.5, (1, [2]))
_CONTAINERS: tuple[Kind, ...] = ("list", "tuple", "dict", "pair", "box", "crate")
_N_MEMBERS = {"pair": 2, "box": 1, "crate": 1}
_FAILURES: tuple[Failure, ...] = ("raises", "declares", "returns")
_RESULTS: tuple[Result, ...] = ("number", "list", "dict", "nan", "none")
_DURATIONS = (None, 1e-3, None, 0.0, 1e-6)
_NEEDS = ((), (), (("net", 1.0),), (("disk", 0.5),), (("disk", 1.0), ("net", 0.5)))
_KEYWORDS = ("key", "word", "class_")
# Of results that have an element at a key that is known.
_KEYS: dict[str, Any] = {"list": 1, "dict": "b"}
_DEPTH_MAX = 3


class _Chooser:
    """Draws the parts of one description. What is simplest stands first among the choices: examples shrink to it."""

    def __init__(self, draw: st.DrawFn, n_parameters: int) -> None:
        self._draw = draw
        self.n_parameters = n_parameters
        self.calls: list[Call] = []

    def among(self, choices: Sequence[T]) -> T:
        return choices[self._draw(_up_to(len(choices) - 1))]

    def one_in(self, n: int) -> bool:
        return self._draw(_up_to(n - 1)) == n - 1

    def tree(self, depth: int = 0) -> Tree:
        kind = self.among(("ref", "ref", "constant", "parameter", "container"))
        if kind == "container" and depth < _DEPTH_MAX:
            container = self.among(_CONTAINERS)
            n_members = _N_MEMBERS.get(container) or self._draw(_up_to(3))
            return Container(container, tuple(self.tree(depth + 1) for _ in range(n_members)))
        if kind == "parameter" and self.n_parameters:
            return Parameter(self._draw(_up_to(self.n_parameters - 1)))
        if kind == "constant" or not self.calls:
            return Constant(self.among(_CONSTANTS))
        at = self._draw(_up_to(len(self.calls) - 1))
        n_outputs = self.calls[at].outputs
        return Ref(at, None if n_outputs is None else self._draw(_up_to(n_outputs - 1)))

    def trees(self, n_max: int) -> tuple[Tree, ...]:
        return tuple(self.tree() for _ in range(self._draw(_up_to(n_max))))

    def call(self) -> Call:
        kind = self.among(("step", "step", "step", "each", "get"))
        holders = [
            (at, 0 if call.kind == "each" else _KEYS[call.result])
            for at, call in enumerate(self.calls)
            if call.kind == "each" or (call.kind == "step" and call.result in _KEYS and call.outputs is None)
        ]
        if kind == "get" and holders:
            at, key = self.among(holders)
            return Call(kind="get", args=(Ref(at),), key=key)
        call = Call(
            result=self.among(_RESULTS),
            duration=self.among(_DURATIONS),
            # Half of the steps touch nothing.
            reads=self.effects() if self.one_in(2) else (),
            writes=self.effects() if self.one_in(2) else (),
            is_effect=self.one_in(10),
        )
        if kind == "each":
            return replace(call, kind="each", args=(self.tree(), *self.trees(2)))
        form = self.among(get_args(Form))
        names = ("key",) if form == "keyword_only" else _KEYWORDS if form in ("variadic", "object") else ()
        return replace(
            call,
            form=form,
            args=self.trees(3),
            kwargs=tuple((name, self.tree()) for name in names if name == "key" or self.one_in(2)),
            outputs=1 + self._draw(_up_to(2)) if self.one_in(4) else None,
            is_computed=self.one_in(2),
            is_inlined=self.one_in(4),
        )

    def twin(self, call: Call) -> Call:
        """Draw another call of the same step."""
        args = tuple(self.tree() for _ in call.args)
        return replace(call, args=args, kwargs=tuple((name, self.tree()) for name, _ in call.kwargs), repeats=None)

    def effects(self) -> tuple[str, ...]:
        return tuple(name for name in EFFECTS if self.one_in(2))
