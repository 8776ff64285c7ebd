"""What the runs are measured against: what a user writes who runs a graph without an engine."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from graphlib import TopologicalSorter
from queue import SimpleQueue
from typing import Any

from benches.shapes import Call, Function, Mixed, Shape

__all__ = [
    "filled",
    "generic_loop",
    "generic_loop_of_inputs",
    "generic_mixed_loop",
    "loop_of",
    "run_with_futures",
    "run_with_graphlib",
    "run_with_task_group",
    "straight_line",
]


def generic_loop(functions: Sequence[Function], parents: Sequence[Sequence[int]]) -> list[Any]:
    """Run the generic loop: the baseline of every ratio."""
    results: list[Any] = [None] * len(functions)
    for i, f in enumerate(functions):
        results[i] = f(*[results[j] for j in parents[i]])
    return results


def loop_of(graph: Shape | Mixed) -> tuple[str, Callable[[], list[Any]]]:
    """Return the name and a call of the loop that a graph is compared with."""
    if isinstance(graph, Mixed):
        return "its generic loop", lambda: generic_mixed_loop(graph.calls)
    return "generic loop", lambda: generic_loop(graph.functions, graph.parents)


def generic_loop_of_inputs(
    functions: Sequence[Function], parents: Sequence[Sequence[int]], inputs: Sequence[Any]
) -> list[Any]:
    """Run the generic loop where node 0 and those after it are inputs; `parents` has an entry for them too."""
    results = [*inputs, *[None] * len(functions)]
    for i, f in enumerate(functions, len(inputs)):
        results[i] = f(*[results[j] for j in parents[i]])
    return results


def generic_mixed_loop(calls: Sequence[Call]) -> list[Any]:
    """Run the generic loop of a user whose calls have keywords and nested results as well."""
    results: list[Any] = [None] * len(calls)
    for i, (function, args, kwargs, is_nested) in enumerate(calls):
        if is_nested:
            results[i] = function(*[filled(argument, results) for argument in args])
        elif kwargs:
            results[i] = function(*[results[j] for j in args], **{key: results[j] for key, j in kwargs.items()})
        else:
            results[i] = function(*[results[j] for j in args])
    return results


def filled(argument: Any, results: list[Any]) -> Any:
    """Put results in the place of numbers, in an argument of a `Call`."""
    kind = type(argument)
    if kind is int:
        return results[argument]
    if kind is list:
        return [filled(item, results) for item in argument]
    if kind is tuple:
        return tuple([filled(item, results) for item in argument])
    if kind is dict:
        return {key: filled(item, results) for key, item in argument.items()}
    return argument


def straight_line(graph: Shape | Mixed) -> Callable[[], list[Any]]:
    """Write the code that a person would write by hand: one assignment per step, in functions of a bearable size.

    Parameters
    ----------
    graph
        Its chunks become functions; each gets the results of the chunk before.

    Returns
    -------
    run
        Returns the results of the last chunk; of all chunks where the answer is all of them.
    """
    calls = graph.calls if isinstance(graph, Mixed) else map(_plain_call, graph.functions, graph.parents)
    is_one_value = graph.n_outputs == 1
    keeps_all = graph.n_outputs == graph.n_steps
    names: dict[Function, str] = {}
    lines: list[str] = []
    sources = list(calls)
    for place, chunk in enumerate(graph.chunks):
        used = sorted({j for i in chunk for j in _nodes_in((sources[i].args, sources[i].kwargs)) if j < chunk.start})
        lines.append(f"def part_{place}({'previous' if place else ''}):")
        if used:
            lines.extend(f"    r{j} = previous[{j - graph.chunks[place - 1].start}]" for j in used if not is_one_value)
            lines.extend(f"    r{j} = previous" for j in used if is_one_value)
        for i in chunk:
            call = sources[i]
            name = names.setdefault(call.function, call.function.__name__)
            arguments = [_source(argument) for argument in call.args]
            arguments += [f"{key}={_source(argument)}" for key, argument in call.kwargs.items()]
            lines.append(f"    r{i} = {name}({', '.join(arguments)})")
        kept = f"r{chunk[-1]}" if is_one_value else f"[{', '.join(f'r{i}' for i in chunk)}]"
        lines.append(f"    return {kept}")
    lines.append("def run():")
    lines.extend(
        [f"    r{place} = part_{place}({f'r{place - 1}' if place else ''})" for place in range(len(graph.chunks))]
    )
    n_parts = len(graph.chunks)
    whole = ", ".join(f"*r{place}" for place in range(n_parts)) if keeps_all else f"*r{n_parts - 1}"
    lines.append(f"    return [r{n_parts - 1}]" if is_one_value else f"    return [{whole}]")
    scope: dict[str, Any] = {name: function for function, name in names.items()}
    exec(compile("\n".join(lines), f"<straight-line {graph.name}>", "exec"), scope)
    run: Callable[[], list[Any]] = scope["run"]
    return run


def _plain_call(function: Function, parents: list[int]) -> Call:
    return Call(function, tuple(parents), {}, is_nested=False)


def _nodes_in(argument: Any) -> list[int]:
    if isinstance(argument, int):
        return [argument]
    if isinstance(argument, dict):
        argument = list(argument.values())
    return [node for item in argument for node in _nodes_in(item)] if isinstance(argument, list | tuple) else []


def _source(argument: Any) -> str:
    if isinstance(argument, int):
        return f"r{argument}"
    if isinstance(argument, list):
        return f"[{', '.join(map(_source, argument))}]"
    if isinstance(argument, tuple):
        return f"({', '.join(map(_source, argument))},)"
    if isinstance(argument, dict):
        return f"{{{', '.join(f'{key!r}: {_source(item)}' for key, item in argument.items())}}}"
    return repr(argument)


def run_with_graphlib(graph: Shape, pool: ThreadPoolExecutor) -> list[Any]:
    """Run with the standard library's sorter and thread pool, as its documentation shows."""
    results: list[Any] = [None] * graph.n_steps
    done: SimpleQueue[int] = SimpleQueue()

    def work(node: int) -> None:
        results[node] = graph.functions[node](*[results[j] for j in graph.parents[node]])
        done.put(node)

    sorter = TopologicalSorter(dict(enumerate(graph.parents)))
    sorter.prepare()
    while sorter.is_active():
        for node in sorter.get_ready():
            pool.submit(work, node)
        sorter.done(done.get())
    return results


def run_with_futures(graph: Shape, pool: ThreadPoolExecutor) -> list[Any]:
    """Submit every step in order; each takes its arguments from the futures before it."""
    futures: list[Future[Any]] = []

    def work(node: int) -> Any:
        return graph.functions[node](*[futures[j].result() for j in graph.parents[node]])

    for node in range(graph.n_steps):
        futures.append(pool.submit(work, node))
    wait_for(futures)
    return [future.result() for future in futures]


async def run_with_task_group(graph: Shape) -> list[Any]:
    """Make a task of every step; each awaits the tasks before it."""
    tasks: list[asyncio.Task[Any]] = []

    async def work(node: int) -> Any:
        return graph.functions[node](*[await tasks[j] for j in graph.parents[node]])

    async with asyncio.TaskGroup() as group:
        for node in range(graph.n_steps):
            tasks.append(group.create_task(work(node)))
    return [task.result() for task in tasks]
