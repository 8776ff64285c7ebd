"""What the runs are measured on: graphs of tiny steps, seeded, and the two workflows of sleeps."""

import json
import math
import operator
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from benches.instances import Instance, chain_10k, independent_100k, layered, layered_100k

__all__ = ["SHAPES", "Call", "Mixed", "Shape", "Sleeps", "shape", "sleeps", "small_shape"]

Function = Callable[..., Any]

DATA = Path(__file__).parent / "data"
MIXED_CHUNK = 1_000
MIXED_SEED = 17
N_MIXED_ROOTS = 100


@dataclass(frozen=True, eq=False)
class Graph:
    """What all graphs of tiny steps have."""

    name: str
    n_steps: int
    chunk_size: int
    """Straight-line code is written in chunks of so many nodes; parents are in the same chunk or the one before."""
    n_outputs: int
    """How many of the last nodes are the answer."""

    @property
    def chunks(self) -> list[range]:
        begins = range(0, self.n_steps, self.chunk_size)
        return [range(begin, min(begin + self.chunk_size, self.n_steps)) for begin in begins]

    @property
    def source(self) -> str:
        """Tell where it is from."""
        return f"generated, seeded, {self.n_steps:,} steps"

    def answer(self, results: Sequence[Any]) -> list[Any]:
        """Take what a workflow of this shape returns from the results of all nodes."""
        return list(results[-self.n_outputs :])


@dataclass(frozen=True, eq=False)
class Shape(Graph):
    """A graph of no-op steps; node `i` is `functions[i]` of the results of `parents[i]`."""

    functions: list[Function]
    parents: list[list[int]]


class Call(NamedTuple):
    """A step call: integers stand for results of nodes, anywhere in the arguments; strings for themselves."""

    function: Function
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    is_nested: bool


@dataclass(frozen=True, eq=False)
class Mixed(Graph):
    """A graph of calls of many kinds, written as a user would keep it."""

    calls: list[Call]


@dataclass(frozen=True)
class Sleeps:
    """Steps that only sleep."""

    name: str
    workers: int
    duration_ms: list[int]
    parents: list[list[int]]

    def bound_s(self, lone_s: dict[int, float]) -> float:
        """Return what no schedule can beat if a sleep of `d` ms takes `lone_s[d]`."""
        finish_s: list[float] = []
        for duration, parents in zip(self.duration_ms, self.parents, strict=True):
            finish_s.append(lone_s[duration] + max((finish_s[j] for j in parents), default=0.0))
        work_s = sum(lone_s[duration] for duration in self.duration_ms)
        return max(*finish_s, work_s / self.workers)


def nothing() -> None:
    pass


def same(a: Any) -> Any:
    return a


def first(a: Any, b: Any, c: Any) -> Any:  # noqa: ARG001
    return a


_BY_ARITY: dict[int, Function] = {0: nothing, 1: same, 3: first}


SHAPES = ("a1", "a2", "a3", "b")


@cache
def shape(name: str) -> Shape | Mixed:
    """Make a1 (independent steps), a2 (a chain), a3 (layers) or b (calls of many kinds)."""
    match name:
        case "b":
            return _mixed()
        case "a1":
            return _of_no_ops(name, independent_100k(), 1_000, n_outputs=100_000)
        case "a2":
            return _of_no_ops(name, chain_10k(), 1_000, n_outputs=1)
        case "a3":
            return _of_no_ops(name, layered_100k(), 1_000, n_outputs=1_000)
    raise ValueError(name)


@cache
def small_shape(name: str) -> Shape:
    """Make the same with fewer steps, for what would take minutes on the whole."""
    match name:
        case "a1":
            return _of_no_ops(name, Instance("independent_2k", 2_000, *_no_edges()), 1_000, n_outputs=2_000)
        case "a2":
            chain = chain_10k()
            short = Instance("chain_1k", 1_000, chain.sources[:999], chain.targets[:999])
            return _of_no_ops(name, short, 1_000, n_outputs=1)
        case "a3":
            return _of_no_ops(name, layered("layered_2k", 20, 100), 100, n_outputs=100)
    raise ValueError(name)


def _no_edges() -> tuple[Any, Any]:
    none = independent_100k()
    return none.sources, none.targets


def _of_no_ops(name: str, graph: Instance, chunk: int, *, n_outputs: int) -> Shape:
    parents = graph.parents()
    functions = [_BY_ARITY[len(of_node)] for of_node in parents]
    return Shape(name, graph.n_nodes, chunk, n_outputs, functions, parents)


def five() -> int:
    return 5


def middle(a: int, b: int, c: int) -> int:  # noqa: ARG001
    return b


def ends(a: int, b: int, c: int, d: int, e: int) -> int:  # noqa: ARG001
    return a ^ e


def shifted(a: int, *, by: int) -> int:
    return a ^ by


def clipped(a: int, low: int = 0, high: int = 255) -> int:
    return low if a < low else min(a, high)


def last(xs: list[int]) -> int:
    return xs[-1]


def both(pair: tuple[int, int]) -> int:
    return pair[0] ^ pair[1]


def sides(row: dict[str, int]) -> int:
    return row["left"] ^ row["right"]


def corner(table: dict[str, Any]) -> int:
    return int(table["rows"][0][1])


# Weight, how many earlier nodes are drawn, and the call made of them: Python functions and builtins of
# arity 0 to 5, keywords, lists, tuples, dicts, and containers in containers. One turns its number into a
# constant, so that results differ.
_KINDS: list[tuple[int, int, Callable[..., Call]]] = [
    (5, 0, lambda: Call(five, (), {}, is_nested=False)),
    (5, 1, lambda a: Call(int, (str(a),), {}, is_nested=True)),
    (10, 1, lambda a: Call(same, (a,), {}, is_nested=False)),
    (10, 3, lambda a, b, c: Call(middle, (a, b, c), {}, is_nested=False)),
    (5, 5, lambda a, b, c, d, e: Call(ends, (a, b, c, d, e), {}, is_nested=False)),
    (10, 2, lambda a, b: Call(shifted, (a,), {"by": b}, is_nested=False)),
    (5, 3, lambda a, b, c: Call(clipped, (a,), {"high": b, "low": c}, is_nested=False)),
    (10, 3, lambda a, b, c: Call(last, ([a, b, c],), {}, is_nested=True)),
    (7, 2, lambda a, b: Call(both, ((a, b),), {}, is_nested=True)),
    (8, 2, lambda a, b: Call(sides, ({"left": a, "right": b},), {}, is_nested=True)),
    (5, 3, lambda a, b, c: Call(corner, ({"rows": [(a, b), c], "unit": "ms"},), {}, is_nested=True)),
    (6, 2, lambda a, b: Call(max, (a, b), {}, is_nested=False)),
    (6, 2, lambda a, b: Call(operator.xor, (a, b), {}, is_nested=False)),
    (4, 2, lambda a, b: Call(math.gcd, (a, b), {}, is_nested=False)),
    (4, 1, lambda a: Call(abs, (a,), {}, is_nested=False)),
]


def _mixed() -> Mixed:
    """Make b: 100,000 calls, so that a special case cannot win on uniform ones only."""
    n_steps = 100_000
    drawn = random.Random(MIXED_SEED)
    weights = [weight for weight, _, _ in _KINDS]
    calls: list[Call] = []
    for node in range(n_steps):
        # There must be something to refer to.
        kind = drawn.choices(_KINDS, weights)[0] if node >= N_MIXED_ROOTS else _KINDS[min(node, 1)]
        _, n_parents, make = kind
        begin = max(0, node // MIXED_CHUNK - 1) * MIXED_CHUNK
        calls.append(make(*(drawn.randrange(begin, node) for _ in range(n_parents))))
    return Mixed("b", n_steps, MIXED_CHUNK, MIXED_CHUNK, calls)


@cache
def sleeps(name: str) -> Sleeps:
    """Read one of the two workflows of sleeps: `even` or `uneven`."""
    read = json.loads((DATA / f"{name}.json").read_text())
    return Sleeps(name, read["workers"], read["duration_ms"], read["parents"])
