"""Runs that are fused into one node, in which the steps of a workflow are plain calls.

To describe a step costs some hundreds of nanoseconds. Where steps take less and nothing can be gained, `auto` comes
to run the workflow as the code that it is; the record of such a run has one node. What a failure says is the same.
"""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from makespan import _core
from makespan.abc import RunOptions
from makespan.exceptions import ExecutionException, RunFailedError, StepFailedError
from makespan.step import step
from makespan.workflow import is_serial

if TYPE_CHECKING:
    from collections.abc import Callable

    from makespan.engine import SequentialExecutionEngine
    from makespan.result import RunResult
    from makespan.workflow import WorkflowFunction

__all__ = ["run_fused"]


def run_fused(
    engine: SequentialExecutionEngine,
    workflow: WorkflowFunction[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    history: _core.History,
) -> RunResult[Any]:
    """Run a workflow whose runs by nodes were found to cost more than they gain, as one node."""
    calls = _core.PlainCalls()

    def fused() -> Any:
        token = is_serial.set(True)
        try:
            return calls.make(workflow.function, args, kwargs)
        finally:
            is_serial.reset(token)

    options = RunOptions("serial", reasons=(_reason(*history.grains_ns()),))
    prepared = engine._prepared(_of_one_node(workflow.name, fused), options, engine._fused_history, learns=False)
    begun_ns = perf_counter_ns()
    try:
        result = prepared.run()
    except RunFailedError as error:
        raise _failure(error, workflow, args, kwargs, calls.failed_call) from None
    history.observe_fused(perf_counter_ns() - begun_ns, calls.n_calls)
    return result


def _of_one_node(name: str, function: Callable[[], Any]) -> _core.Program:
    return _core.Draft(name).trace(step(function, name=name), (), {})


def _reason(nodes_ns: float | None, fused_ns: float | None) -> str:
    as_nodes = f"a step took {nodes_ns or 0:,.0f} ns as a node, description included"
    if fused_ns is None:
        return f"fused into one node as a trial: {as_nodes}, most of which was not its own"
    return f"fused into one node: {as_nodes}, and {fused_ns:,.0f} ns as a plain call"


def _failure(
    error: RunFailedError,
    workflow: WorkflowFunction[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    failed_call: int | None,
) -> BaseException:
    """Return what a run by nodes would have raised: the failure of a node, or what the body itself raised."""
    cause = error.failures[0].__cause__
    if cause is None or failed_call is None:
        return cause or error
    # Only now it matters which node the call would have been.
    try:
        program = workflow._traced(args, kwargs)
    except ExecutionException as described:
        return described
    node = program.node_of_call(failed_call)
    if node is None:
        return error
    failure = StepFailedError(program.paths()[node], node, 1)
    failure.__cause__ = cause
    named = RunFailedError(error.message, [failure])
    named.result = error.result
    return named
