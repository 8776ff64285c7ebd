"""Runs that are fused into one node, in which the steps of a workflow are plain calls.

To describe a step costs some hundreds of nanoseconds. Where steps take less and nothing can be gained, `auto` comes
to run the workflow as the code that it is; the record of such a run has one node. What a failure says is the same.
A step that needs something or is cached is a run of its own inside of it.
"""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from makespan import _core
from makespan.abc import RunOptions
from makespan.exceptions import Failed, RunFailedError, StepFailedError
from makespan.step import step
from makespan.workflow import is_serial

if TYPE_CHECKING:
    from collections.abc import Callable

    from makespan.engine import SequentialExecutionEngine
    from makespan.result import RunResult
    from makespan.step import Step
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
    returned: list[Failed] = []

    def apart(step: Step[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> Any:
        program = _core.Draft(workflow.name).trace(step, args, kwargs or {})
        unknown = _core.History()
        try:
            return engine._prepared(program, engine._options(program, unknown), unknown).run().value
        except RunFailedError as error:
            raise error.failures[0].__cause__ or error from None

    def fused() -> Any:
        token = is_serial.set(True)
        try:
            value = calls.make(workflow.name, apart, workflow.function, args, kwargs)
        finally:
            is_serial.reset(token)
        if isinstance(value, Failed):
            returned.append(value)
        return value

    options = RunOptions("serial", reasons=(_reason(*history.grains_ns()),))
    prepared = engine._prepared(_of_one_node(workflow.name, fused), options, engine._fused_history, learns=False)
    begun_ns = perf_counter_ns()
    try:
        result = prepared.run()
    except RunFailedError as error:
        if returned:
            # A step would fail by it; to a body it is a value.
            constant = _core.Draft(workflow.name).trace(returned.pop, (), {})
            return engine._prepared(constant, options, _core.History(), learns=False).run()
        raise _failure(error, calls.failed_node) from None
    history.observe_fused(perf_counter_ns() - begun_ns, calls.n_calls, is_mixed=calls.is_mixed)
    return result


def _of_one_node(name: str, function: Callable[[], Any]) -> _core.Program:
    return _core.Draft(name).trace(step(function, name=name), (), {})


def _reason(nodes_ns: float | None, fused_ns: float | None) -> str:
    as_nodes = f"a step took {nodes_ns or 0:,.0f} ns as a node, description included"
    if fused_ns is None:
        return f"fused into one node: {as_nodes}, much of which was not its own"
    return f"fused into one node: {as_nodes}, and {fused_ns:,.0f} ns as a plain call"


def _failure(error: RunFailedError, failed_node: tuple[str, int] | None) -> BaseException:
    """Return what a run by nodes would have raised: the failure of a node, or what the body itself raised."""
    cause = error.failures[0].__cause__
    if cause is None or failed_node is None:
        return cause or error
    path, index = failed_node
    failure = StepFailedError(path, index, 1)
    failure.__cause__ = cause
    named = RunFailedError(error.message, [failure])
    named.result = error.result
    return named
