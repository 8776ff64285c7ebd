"""The shapes as workflows of makespan, as a user would write them."""

from collections.abc import Callable
from typing import Any

import makespan as ms
from benches.baselines import filled, generic_loop
from benches.shapes import Function, Mixed, Shape

__all__ = ["built", "check_wiring", "traced"]

MASK = 0xFFFF_FFFF


def traced(graph: Shape | Mixed) -> ms.WorkflowFunction[[], list[Any]]:
    """Make a workflow whose body calls a step per node."""
    steps = _steps(graph)
    if isinstance(graph, Mixed):
        calls = [(steps[call.function], call.args, call.kwargs, call.is_nested) for call in graph.calls]

        def mixed_body() -> list[Any]:
            handles: list[Any] = []
            for step, args, kwargs, is_nested in calls:
                if is_nested:
                    handles.append(step(*[filled(argument, handles) for argument in args]))
                elif kwargs:
                    named = {key: handles[j] for key, j in kwargs.items()}
                    handles.append(step(*[handles[j] for j in args], **named))
                else:
                    handles.append(step(*[handles[j] for j in args]))
            return graph.answer(handles)

        return ms.workflow(mixed_body)
    plain = [(steps[function], parents) for function, parents in zip(graph.functions, graph.parents, strict=True)]

    def body() -> list[Any]:
        handles: list[Any] = []
        for step, parents in plain:
            handles.append(step(*[handles[j] for j in parents]))
        return graph.answer(handles)

    return ms.workflow(body)


def built(graph: Shape | Mixed, *, of_steps: bool) -> Callable[[], ms.Workflow]:
    """Return a function that builds the workflow call by call, of steps or of plain callables."""
    steps = _steps(graph) if of_steps else {}

    def build() -> ms.Workflow:
        workflow = ms.Workflow(graph.name)
        add: Any = workflow.add
        handles: list[Any] = []
        if isinstance(graph, Mixed):
            for function, args, kwargs, is_nested in graph.calls:
                step = steps.get(function, function)
                if is_nested:
                    handles.append(add(step, *[filled(argument, handles) for argument in args]))
                elif kwargs:
                    named = {key: handles[j] for key, j in kwargs.items()}
                    handles.append(add(step, *[handles[j] for j in args], **named))
                else:
                    handles.append(add(step, *[handles[j] for j in args]))
        else:
            for function, parents in zip(graph.functions, graph.parents, strict=True):
                handles.append(add(steps.get(function, function), *[handles[j] for j in parents]))
        workflow.output(graph.answer(handles))
        return workflow

    return build


def check_wiring(engine: ms.SequentialExecutionEngine, graph: Shape) -> None:
    """Assert that a run of the graph gives every step the results that belong to it; no-op steps cannot tell."""

    def told(node: int, *results: int) -> int:
        return hash((node, results)) & MASK

    workflow = ms.Workflow(graph.name)
    step = ms.step(told)
    handles: list[int] = []
    for node, parents in enumerate(graph.parents):
        handles.append(workflow.add(step, node, *[handles[j] for j in parents]))
    workflow.output(handles)
    functions = [_bound(told, node) for node in range(graph.n_steps)]
    run = engine.run(workflow)
    assert run.value == generic_loop(functions, graph.parents)
    assert run.outcome_counts["finished"] == graph.n_steps


def _bound(function: Function, node: int) -> Function:
    return lambda *results: function(node, *results)


def _steps(graph: Shape | Mixed) -> dict[Function, ms.Step[..., Any]]:
    functions = [call.function for call in graph.calls] if isinstance(graph, Mixed) else graph.functions
    return {function: ms.step(function) for function in dict.fromkeys(functions)}
