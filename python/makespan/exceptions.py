"""Every exception of makespan, under one root.

``except makespan.ExecutionException`` catches all of them. Each has a stable ``code``, typed fields, and survives
pickling; data travel in ``args`` and the text is made when it is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from makespan.result import RunResult

__all__ = [
    "AcquireTimeoutError",
    "ArgumentMismatchError",
    "BatchResultError",
    "ClosedEngineError",
    "ClosedQueueError",
    "ClosedResourcesError",
    "ConfigurationError",
    "CycleError",
    "DeadlineError",
    "DuplicateKeyError",
    "EmptyQueueError",
    "ExecutionException",
    "Failed",
    "ForeignHandleError",
    "InternalError",
    "MissingDependencyError",
    "NotComputedYet",
    "QueueError",
    "QueueFullError",
    "ResourceError",
    "RunError",
    "RunFailedError",
    "SchedulerError",
    "StepFailedError",
    "StrategyError",
    "UnkeyableError",
    "UnknownKeyError",
    "UnknownNodeError",
    "UnsatisfiableError",
    "ValidationError",
    "WorkflowError",
]


_N_SHOWN_MAX = 20


class ExecutionException(Exception):  # noqa: N818 (the name that users asked for)
    """The root: everything that makespan raises is one of these."""

    code: ClassVar[str] = "execution"
    """Stable name of the kind, for programs and logs."""

    retryable: ClassVar[bool] = False
    """True where the same call may succeed later without a change."""

    def to_dict(self) -> dict[str, Any]:
        """Return the exception as plain data, ready for JSON.

        Returns
        -------
        data
            ``code``, ``type``, ``message``, ``retryable``, and ``cause`` where there is one.

        Examples
        --------
        >>> StrategyError("quick", ("optimized", "sequential")).to_dict()["code"]
        'strategy'
        """
        data: dict[str, Any] = {
            "code": self.code,
            "type": type(self).__name__,
            "message": str(self),
            "retryable": self.retryable,
        }
        if self.__cause__ is not None:
            data["cause"] = {
                "type": type(self.__cause__).__name__,
                "message": _shortened(self.__cause__, text=True),
            }
        return data


class WorkflowError(ExecutionException, ValueError):
    """The description of a workflow is wrong."""

    code = "workflow"


class CycleError(WorkflowError):
    """Nodes wait for each other.

    Parameters
    ----------
    cycle
        Paths, the keys that nodes were given, or ids where there are neither, in order; the first is repeated last.
    """

    code = "cycle"

    def __init__(self, cycle: Sequence[Hashable]) -> None:
        self.cycle: tuple[Hashable, ...] = tuple(cycle)
        super().__init__(self.cycle)

    def __str__(self) -> str:
        shown = list(map(str, self.cycle))
        if len(shown) > _N_SHOWN_MAX:
            n_left_out = len(shown) - _N_SHOWN_MAX
            shown[_N_SHOWN_MAX // 2 : -_N_SHOWN_MAX // 2] = [f"({n_left_out} more, see .cycle)"]
        return "these nodes wait for each other: " + " -> ".join(shown)


class UnknownNodeError(WorkflowError, LookupError):
    """A node was named that the workflow does not have.

    Parameters
    ----------
    path
        The name that was looked for.
    referrer
        Path of the node that names it.
    """

    code = "unknown_node"

    def __init__(self, path: str, referrer: str) -> None:
        self.path = path
        self.referrer = referrer
        super().__init__(path, referrer)

    def __str__(self) -> str:
        return (
            f"{self.referrer} comes after {self.path!r}, which is no node of the workflow, or not a single one; "
            "name it by its path, such as 'load[0]'"
        )


class ForeignHandleError(WorkflowError):
    """A handle was passed to a call outside of the workflow that it belongs to.

    Parameters
    ----------
    step
        Name of the step that was called.
    handle
        What the handle stands for.
    """

    code = "foreign_handle"

    def __init__(self, step: str, handle: str) -> None:
        self.step = step
        self.handle = handle
        super().__init__(step, handle)

    def __str__(self) -> str:
        return (
            f"{self.step} was called with the handle of {self.handle}, which means something only while its own "
            "workflow is described; pass the value of a finished run, or make the call in that workflow"
        )


class UnsatisfiableError(WorkflowError):
    """A node needs more of a resource than there is altogether, so that it could never start.

    Parameters
    ----------
    path
        The node, by path or id; or whoever asks.
    resource
        Name or index of the resource.
    requested
        How much is needed.
    capacity
        How much there is; None where there is no such resource.
    """

    code = "unsatisfiable"

    def __init__(self, path: str | int, resource: str | int, requested: float, capacity: float | None) -> None:
        self.path = path
        self.resource = resource
        self.requested = requested
        self.capacity = capacity
        super().__init__(path, resource, requested, capacity)

    def __str__(self) -> str:
        who = f"node {self.path}" if isinstance(self.path, int) else self.path
        there = f"has {self.capacity}" if self.capacity is not None else "is not known here"
        return f"{who} needs {self.requested} of resource {self.resource!r}, which {there}"


class DeadlineError(UnsatisfiableError):
    """A node cannot keep its deadline or its fixed start, or no plan was found in which it does.

    Parameters
    ----------
    path
        The node, by path or id.
    term
        ``"deadline"`` or ``"start"``.
    limit_s
        When the node has to finish or to start.
    reached_s
        When it can do so at the earliest, or does so in the best plan that was found.
    is_proven
        Whether no plan keeps the term. Otherwise a longer search, or another seed, may find one.
    """

    code = "deadline"

    def __init__(self, path: str | int, term: str, limit_s: float, reached_s: float, is_proven: bool) -> None:
        super().__init__(path, term, reached_s, limit_s)
        self.term = term
        self.limit_s = limit_s
        self.reached_s = reached_s
        self.is_proven = is_proven
        self.args = (path, term, limit_s, reached_s, is_proven)

    def __str__(self) -> str:
        who = f"node {self.path}" if isinstance(self.path, int) else self.path
        verb = "finish" if self.term == "deadline" else "start"
        how = f"cannot {verb}" if self.is_proven else f"does not {verb} in the best plan found"
        late_s = self.reached_s - self.limit_s
        text = f"{who} {how} before {self.reached_s:g} s, {late_s:g} s after its {self.term} at {self.limit_s:g} s"
        return text if self.is_proven else f"{text}; a longer search may find a plan that keeps it"


class ArgumentMismatchError(WorkflowError, TypeError):
    """The arguments of a call do not fit the signature.

    Parameters
    ----------
    callee
        Name of the step or workflow.
    reason
        What does not fit.
    """

    code = "argument_mismatch"

    def __init__(self, callee: str, reason: str) -> None:
        self.callee = callee
        self.reason = reason
        super().__init__(callee, reason)

    def __str__(self) -> str:
        return f"{self.callee}: {self.reason}"


class NotComputedYet(WorkflowError, TypeError):  # noqa: N818 (a state, and the name that the documentation uses)
    """A handle was used as a value while the workflow was described.

    Parameters
    ----------
    path
        What the handle stands for.
    operation
        What was tried.
    """

    code = "not_computed_yet"

    def __init__(self, path: str, operation: str) -> None:
        self.path = path
        self.operation = operation
        super().__init__(path, operation)

    def __str__(self) -> str:
        return f"{self.path} is not computed yet: {self.operation} needs its value; {self._remedy()}"

    def _remedy(self) -> str:
        if self.path.startswith("parameter '"):
            name = self.path.split("'")[1]
            return f"give it when the workflow is prepared, prepare({name}=...), or do this inside a step"
        if self.operation == "taking an element of it":
            return "take it with ms.get(handle, key), or unpack with @step(outputs=n)"
        if self.operation == "reading an attribute of it":
            return "read it inside a step that takes the object as an argument"
        if self.operation == "iterating over it":
            return "iterate inside a step, use ms.each over a sequence that is known, or unpack with @step(outputs=n)"
        return "do it inside a step that takes the value as an argument"


class ValidationError(ExecutionException, ValueError):
    """An argument has a value that cannot be meant.

    Parameters
    ----------
    argument
        Name of the argument.
    value
        What was given.
    expected
        What would do.
    """

    code = "validation"

    def __init__(self, argument: str, value: object, expected: str) -> None:
        self.argument = argument
        self.value = value
        self.expected = expected
        super().__init__(argument, value, expected)

    def __str__(self) -> str:
        return f"{self.argument} is {_shortened(self.value)}; expected {self.expected}"


class UnkeyableError(ExecutionException, TypeError):
    """A value has no key, so that nothing can be cached or merged by it.

    Parameters
    ----------
    path
        Where the value stands in what was given.
    reason
        What is wrong with it.
    """

    code = "unkeyable"

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(path, reason)

    def __str__(self) -> str:
        return (
            f"{self.path} has no key: {self.reason}; pass what identifies it instead, or give its class a method "
            "__makespan_key__ that returns that"
        )


class ConfigurationError(ExecutionException, ValueError):
    """An option is unknown, or has a value that it cannot have.

    Parameters
    ----------
    key
        Name of the option.
    value
        What was given.
    expected
        What would do.
    nearest
        The known name that is most like ``key``, where the key is unknown.
    """

    code = "configuration"

    def __init__(self, key: str, value: object, expected: str, nearest: str | None = None) -> None:
        self.key = key
        self.value = value
        self.expected = expected
        self.nearest = nearest
        super().__init__(key, value, expected, nearest)

    def __str__(self) -> str:
        hint = f"; did you mean {self.nearest!r}?" if self.nearest else ""
        return f"option {self.key}={_shortened(self.value)}: expected {self.expected}{hint}"


class StrategyError(ExecutionException, LookupError):
    """No strategy has this name.

    Parameters
    ----------
    name
        The name that was looked for.
    known
        The names that exist.
    """

    code = "strategy"

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.name = name
        self.known: tuple[str, ...] = tuple(known)
        super().__init__(name, self.known)

    def __str__(self) -> str:
        return f"no strategy is named {self.name!r}; known: {', '.join(self.known)}"


class Failed(ExecutionException):
    """A declared failure: a step that raises it, or returns it, has failed.

    Parameters
    ----------
    value
        What the step has to say about it.
    """

    code = "failed"

    def __init__(self, value: object = None) -> None:
        self.value = value
        super().__init__(value)

    def __str__(self) -> str:
        return f"declared failure: {_shortened(self.value)}"


class RunError(ExecutionException):
    """Something went wrong while a workflow ran."""

    code = "run"


class StepFailedError(RunError):
    """A step failed; what it raised is ``__cause__``.

    Parameters
    ----------
    path
        Path of the node.
    index
        Place of the node in program order; 0 is the first.
    attempts
        How often it was tried.
    batch
        Path of the first call and number of calls of the batch that it was made in, if it was in one.
    """

    code = "step_failed"

    def __init__(self, path: str, index: int, attempts: int, batch: tuple[str, int] | None = None) -> None:
        self.path = path
        self.index = index
        self.attempts = attempts
        self.batch = batch
        super().__init__(path, index, attempts, batch)

    def __str__(self) -> str:
        cause = f": {type(self.__cause__).__name__}: {_shortened(self.__cause__, text=True)}" if self.__cause__ else ""
        tries = "" if self.attempts == 1 else f" after {self.attempts} attempts"
        together = f" in a batch of {self.batch[1]} calls from {self.batch[0]} on" if self.batch else ""
        return f"{self.path} failed{together}{tries}{cause}"


class BatchResultError(RunError, ValueError):
    """The batch form of a step returned something else than one result for each of its calls.

    Parameters
    ----------
    step
        Name of the step.
    expected
        How many calls it was to make.
    found
        What it returned: ``"3 results"``, or what kind of object.
    """

    code = "batch_result"

    def __init__(self, step: str, expected: int, found: str) -> None:
        self.step = step
        self.expected = expected
        self.found = found
        super().__init__(step, expected, found)

    def __str__(self) -> str:
        return (
            f"the batch form of {self.step} was given {self.expected} calls and must return a sequence of "
            f"{self.expected} results, in their order; it returned {self.found}"
        )


class RunFailedError(ExecutionException, ExceptionGroup[StepFailedError]):
    """A run failed: every failure of it, in program order; also where there is one.

    Attributes
    ----------
    failures
        The ``StepFailedError`` of each node that failed.
    result
        What the run leaves behind: times and outcomes of its nodes; none after unpickling.
    """

    code = "run_failed"
    result: RunResult[Any] | None = None

    @property
    def failures(self) -> tuple[StepFailedError, ...]:
        """Every failure, in program order."""
        return tuple(self.exceptions)  # type: ignore[arg-type]

    def derive(self, excs: Sequence[StepFailedError], /) -> RunFailedError:  # type: ignore[override]
        """Return a group of some of the failures, as ``except*`` and ``split`` ask for.

        Parameters
        ----------
        excs
            The failures.

        Returns
        -------
        group
            A ``RunFailedError`` with the same message.

        Examples
        --------
        >>> group = RunFailedError("demo failed", [StepFailedError("demo/f[0]", 0, 1)])
        >>> type(group.subgroup(StepFailedError)).__name__
        'RunFailedError'
        """
        return RunFailedError(self.message, excs)

    def __reduce__(self) -> tuple[type[RunFailedError], tuple[str, tuple[StepFailedError, ...]]]:
        return type(self), (self.message, self.failures)


class SchedulerError(ExecutionException):
    """An executor reported what cannot be.

    Parameters
    ----------
    path
        The node, by path or id.
    state
        The state it is in.
    event
        The event that was reported.
    """

    code = "scheduler"

    def __init__(self, path: str | int, state: str, event: str) -> None:
        self.path = path
        self.state = state
        self.event = event
        super().__init__(path, state, event)

    def __str__(self) -> str:
        return f"event {self.event!r} cannot happen to node {self.path}, which is {self.state}"


class QueueError(ExecutionException):
    """A queue could not do what was asked of it."""

    code = "queue"


class QueueFullError(QueueError):
    """The queue holds as much as it may.

    Parameters
    ----------
    size_max
        How many entries it may hold.
    n_refused
        How many entries were refused; none of them was taken in.
    """

    code = "queue_full"
    retryable = True

    def __init__(self, size_max: int, n_refused: int) -> None:
        self.size_max = size_max
        self.n_refused = n_refused
        super().__init__(size_max, n_refused)

    def __str__(self) -> str:
        entries = "entry was" if self.n_refused == 1 else "entries were"
        return f"the queue is full at {self.size_max}, and {self.n_refused} {entries} refused"


class EmptyQueueError(QueueError, LookupError):
    """There was nothing to take, or nothing came in time."""

    code = "queue_empty"
    retryable = True

    def __str__(self) -> str:
        return "the queue has nothing to give"


class ClosedQueueError(QueueError):
    """The queue is closed: it takes nothing in any more, and what it held has been taken out."""

    code = "queue_closed"

    def __str__(self) -> str:
        return "this queue is closed; make another one"


class DuplicateKeyError(QueueError, ValueError):
    """A key is in the queue already.

    Parameters
    ----------
    key
        The key.
    state
        Where it is: waiting, in work, delayed or dead.
    """

    code = "duplicate_key"

    def __init__(self, key: object, state: str) -> None:
        self.key = key
        self.state = state
        super().__init__(key, state)

    def __str__(self) -> str:
        remedy = {"in work": "end it with done or failed", "dead": "revive or remove it"}
        change = remedy.get(self.state, "change it with update")
        return f"key {_shortened(self.key)} is in the queue already ({self.state}); {change}"


class UnknownKeyError(QueueError, LookupError):
    """A key is not where it would have to be.

    Parameters
    ----------
    key
        The key.
    expected
        Where it would have to be: waiting, in work or dead.
    """

    code = "unknown_key"

    def __init__(self, key: object, expected: str) -> None:
        self.key = key
        self.expected = expected
        super().__init__(key, expected)

    def __str__(self) -> str:
        return f"key {_shortened(self.key)} is not {self.expected} in this queue"


class ResourceError(ExecutionException):
    """A resource could not be had.

    Parameters
    ----------
    resource
        Its name.
    requested
        How much of it was asked for.
    available
        How much of it was free.
    """

    code = "resource"
    retryable = True

    def __init__(self, resource: str, requested: float, available: float) -> None:
        self.resource = resource
        self.requested = requested
        self.available = available
        super().__init__(resource, requested, available)

    def __str__(self) -> str:
        return f"{self.requested} of resource {self.resource!r} were asked for, and {self.available} are free"


class AcquireTimeoutError(ResourceError, TimeoutError):
    """A resource could not be had in time; nothing is held, and nobody waits any more.

    Parameters
    ----------
    resource
        The first resource that was short.
    requested
        How much of it was asked for.
    available
        How much of it was free in the end.
    timeout_s
        How long it was waited for.
    """

    code = "acquire_timeout"

    def __init__(self, resource: str, requested: float, available: float, timeout_s: float) -> None:
        ResourceError.__init__(self, resource, requested, available)
        self.timeout_s = timeout_s
        self.args = (resource, requested, available, timeout_s)

    def __str__(self) -> str:
        return f"{super().__str__()} after {self.timeout_s:g} s"


class ClosedResourcesError(ExecutionException):
    """The manager of resources is closed: it grants nothing more."""

    code = "closed_resources"

    def __str__(self) -> str:
        return "this manager of resources is closed and grants nothing more; make another one"


class ClosedEngineError(ExecutionException):
    """The engine is closed: it runs nothing more."""

    code = "closed_engine"

    def __str__(self) -> str:
        return "this engine is closed and runs nothing more; make another one"


class InternalError(ExecutionException):
    """A mistake of makespan's own.

    Parameters
    ----------
    story
        What happened.
    """

    code = "internal"

    def __init__(self, story: str) -> None:
        self.story = story
        super().__init__(story)

    def __str__(self) -> str:
        return f"this is a mistake of makespan's own, please report it: {self.story}"


class MissingDependencyError(ExecutionException, ImportError):
    """An optional library is not installed.

    Parameters
    ----------
    extra
        The extra of makespan that brings it.
    """

    code = "missing_dependency"

    def __init__(self, extra: str) -> None:
        self.extra = extra
        super().__init__(extra)

    def __str__(self) -> str:
        return f'this needs an optional library: pip install "makespan[{self.extra}]"'


def _shortened(value: object, *, text: bool = False) -> str:
    """Show a value in at most 200 characters, whatever its ``repr`` does."""
    try:
        shown = str(value) if text else repr(value)
    except Exception as error:  # noqa: BLE001 (somebody else's __repr__)
        shown = f"<{type(value).__name__}, whose repr raises {type(error).__name__}>"
    return shown if len(shown) <= 200 else shown[:197] + "..."
