"""The passes of the optimizer, written down slowly: by definition, without tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["PlainCall", "checks_first", "combined", "representatives"]


@dataclass(frozen=True)
class PlainCall:
    """One call of a workflow.

    Parameters
    ----------
    step
        Names the function that is called.
    taken
        The earlier calls whose results it takes, by place.
    constant
        Another argument.
    is_pure
        Its step is pure.
    is_ordered
        Declared order names it.

    Examples
    --------
    >>> PlainCall("load", taken=(0,)).is_pure
    True
    """

    step: str
    taken: tuple[int, ...] = ()
    constant: object = None
    is_pure: bool = True
    is_ordered: bool = False


def representatives(calls: Sequence[PlainCall], outputs: Iterable[int], passes: Iterable[str]) -> list[int | None]:
    """Return, by call, the call whose result stands for its own; None for one that is left out.

    Parameters
    ----------
    calls
        In program order.
    outputs
        The calls whose results are wanted.
    passes
        Any of ``"prune"`` and ``"dedupe"``.

    Returns
    -------
    representatives
        A call that is made stands for itself. O(n³).

    Examples
    --------
    >>> calls = [PlainCall("a"), PlainCall("a"), PlainCall("b", (1,)), PlainCall("c", (0,))]
    >>> representatives(calls, [2], ["prune", "dedupe"])
    [None, 1, 2, None]
    """
    outputs, passes = set(outputs), set(passes)
    left = set(range(len(calls)))

    def is_unused(at: int) -> bool:
        is_free = calls[at].is_pure and not calls[at].is_ordered
        return is_free and at not in outputs and not any(at in calls[other].taken for other in left)

    # One at a time, until nothing more can go.
    while "prune" in passes and (unused := next(filter(is_unused, left), None)) is not None:
        left.remove(unused)

    found: list[int | None] = []
    for at, call in enumerate(calls):
        first: int | None = at if at in left else None
        if at in left and "dedupe" in passes and call.is_pure and not call.is_ordered:
            for other in range(at):
                earlier = calls[other]
                is_equal = (
                    found[other] == other
                    and earlier.is_pure
                    and not earlier.is_ordered
                    and earlier.step == call.step
                    and (type(earlier.constant), earlier.constant) == (type(call.constant), call.constant)
                    and [found[taken] for taken in earlier.taken] == [found[taken] for taken in call.taken]
                )
                if is_equal:
                    first = other
                    break
        found.append(first)
    return found


def checks_first(order: Iterable[int], edges: Iterable[tuple[int, int]], checks: Iterable[int]) -> list[int]:
    """Return an order with checks, and whatever they need, before all else.

    Parameters
    ----------
    order
        Nodes, each after those that it needs.
    edges
        Before and after.
    checks
        The nodes that go first.

    Returns
    -------
    order
        Among those that go first, and among the others, nothing changes. O(n · m).

    Examples
    --------
    >>> checks_first([0, 1, 2], [(1, 2)], [2])
    [1, 2, 0]
    """
    order, edges = list(order), set(edges)
    first = set(checks)
    while more := {before for before, after in edges if after in first} - first:
        first |= more
    return sorted(order, key=lambda node: node not in first)


def combined(
    calls: Sequence[PlainCall], outputs: Iterable[int], merges: Mapping[tuple[str, str], str]
) -> dict[int, int]:
    """Return the calls that are not made by themselves, and the later ones that are made for them as well.

    Parameters
    ----------
    calls
        In program order; the first call of ``taken`` is the first argument.
    outputs
        The calls whose results are wanted.
    merges
        By the steps of a call and of the one that takes its result first: the step that does both.

    Returns
    -------
    made_by
        By place. O(n²).

    Examples
    --------
    >>> combined([PlainCall("read"), PlainCall("columns", (0,))], [1], {("read", "columns"): "read_columns"})
    {0: 1}
    """
    outputs, made_by = set(outputs), {}
    step = [call.step for call in calls]
    for at, call in enumerate(calls):
        if not call.taken:
            continue
        before = call.taken[0]
        n_uses = sum(other.taken.count(before) for other in calls) + (before in outputs)
        are_free = all(one.is_pure and not one.is_ordered for one in (call, calls[before]))
        both = merges.get((step[before], step[at]))
        if n_uses == 1 and are_free and both is not None:
            step[at] = both
            made_by[before] = at
    return made_by
