"""What a run leaves behind."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar, cast

from makespan.exceptions import RunFailedError, StepFailedError, UnknownNodeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from makespan import _core
    from makespan.run_analysis import RunAnalysis

__all__ = ["CriticalPath", "NodeColumns", "RunResult"]

R = TypeVar("R")

OUTCOMES = ("finished", "failed", "skipped", "cancelled", "pruned", "merged", "cached", "combined")


class CriticalPath(NamedTuple):
    """The chain of dependencies that took longest.

    Parameters
    ----------
    paths
        Its nodes, in order.
    length_s
        The sum of their durations in seconds.

    Examples
    --------
    >>> CriticalPath(("demo/load[0]",), 0.5).length_s
    0.5
    """

    paths: tuple[str, ...]
    length_s: float


class NodeColumns:
    """What happened to each node, in columns; entry ``i`` belongs to the node with id ``i``, program order.

    Parameters
    ----------
    path
        Names for people.
    outcome_code
        uint8, shape ``(n_nodes,)``: an index into `OUTCOMES`.
    start_s, finish_s
        float64 seconds after the start of the run, shape ``(n_nodes,)``; NaN where a node never ran.
    worker
        int16, shape ``(n_nodes,)``: 0 is the thread that called ``run``; -1 where a node never ran.
    batch
        int32, shape ``(n_nodes,)``: the number of the batch that a node was called in; -1 where it was called alone, or
        not at all. The nodes of a batch have equal parts of the time that its call took, in program order; waiting for
        calls of other runs is part of it.
    batch_size
        int64, shape ``(n_nodes,)``: of how many calls the batch was made, 1 where a node was called alone, 0 where it
        was not called. Calls that other runs of the engine brought to the batch are counted.

    Examples
    --------
    >>> import makespan as ms
    >>> nodes = ms.Workflow.sequence([abs, str]).run(-1).nodes
    >>> nodes.path, nodes.outcome, nodes.worker.tolist()
    (['sequence/abs[0]', 'sequence/str[0]'], ['finished', 'finished'], [0, 0])
    """

    __slots__ = ("batch", "batch_size", "finish_s", "outcome_code", "path", "start_s", "worker")

    def __init__(
        self,
        path: list[str],
        outcome_code: NDArray[np.uint8],
        start_s: NDArray[np.float64],
        finish_s: NDArray[np.float64],
        worker: NDArray[np.int16],
        batch: NDArray[np.int32],
        batch_size: NDArray[np.int64],
    ) -> None:
        self.path: list[str] = path
        self.outcome_code: NDArray[np.uint8] = outcome_code
        self.start_s: NDArray[np.float64] = start_s
        self.finish_s: NDArray[np.float64] = finish_s
        self.worker: NDArray[np.int16] = worker
        self.batch: NDArray[np.int32] = batch
        self.batch_size: NDArray[np.int64] = batch_size

    @property
    def outcome(self) -> list[str]:
        """How each node ended, one of `OUTCOMES`: skipped after a failure, cancelled when the run stopped."""
        return [OUTCOMES[code] for code in self.outcome_code.tolist()]

    @property
    def duration_s(self) -> NDArray[np.float64]:
        """Seconds that each node took; NaN where it never ran."""
        return self.finish_s - self.start_s

    def __len__(self) -> int:
        return len(self.path)

    def __repr__(self) -> str:
        return f"<columns of {len(self)} nodes>"


class RunResult(Generic[R]):
    """What a run leaves behind: its value, and what happened to each node.

    Columns are made when they are first asked for.

    Examples
    --------
    >>> import makespan as ms
    >>> run = ms.Workflow.sequence([str.strip, len]).run("  hi ")
    >>> run.value, run.n_nodes, run.paths
    (2, 2, ['sequence/strip[0]', 'sequence/len[0]'])
    """

    # Instances are made natively, without __init__.
    __slots__ = ("__dict__", "_record")

    _record: _core.Record

    @property
    def value(self) -> R:
        """What the workflow returned; None for a run that failed."""
        return cast("R", self._record.value)

    @property
    def workflow(self) -> str:
        """Name of the workflow."""
        return self._record.program.name

    @property
    def strategy(self) -> str:
        """Name of the strategy that it ran under."""
        return self._record.strategy

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the run was made as it was: what the strategy chose, and whether helpers could join."""
        return tuple(self._record.reasons())

    @property
    def workers(self) -> int:
        """How many steps might run at once."""
        return self._record.workers

    @property
    def n_nodes(self) -> int:
        """How many nodes the workflow has."""
        return self._record.program.n_nodes

    @property
    def n_calls(self) -> int:
        """How many calls of functions were made: the nodes of a batch are one, in each run that it was made for."""
        return self._record.n_calls()

    @property
    def elapsed_s(self) -> float:
        """Seconds from the first step's start to the value."""
        return self._record.elapsed_ns / 1e9

    @property
    def makespan_s(self) -> float:
        """Seconds from the first start to the last finish of a node."""
        return self._record.makespan_ns()[0] / 1e9

    @property
    def expected_makespan_s(self) -> float | None:
        """Seconds that the plan expected the makespan to be; None where the order was not planned."""
        expected_ns = self._record.expected_makespan_ns
        return None if expected_ns is None else expected_ns / 1e9

    @property
    def mean_concurrency(self) -> float:
        """How many nodes were running on average: the sum of durations over the makespan."""
        makespan_ns, work_ns = self._record.makespan_ns()
        return work_ns / makespan_ns if makespan_ns else 0.0

    @cached_property
    def paths(self) -> list[str]:
        """Every node's path, in program order."""
        return self._record.program.paths()

    @cached_property
    def nodes(self) -> NodeColumns:
        """What happened to each node, in columns."""
        import numpy as np

        start_ns, finish_ns, worker, outcome_code, batch, batch_size = self._record.columns()

        def seconds(ns: NDArray[np.int64]) -> NDArray[np.float64]:
            return np.where(ns < 0, np.nan, ns / 1e9)

        return NodeColumns(self.paths, outcome_code, seconds(start_ns), seconds(finish_ns), worker, batch, batch_size)

    @property
    def outcome_counts(self) -> dict[str, int]:
        """How many nodes ended in each way."""
        return dict(zip(OUTCOMES, self._record.outcome_counts(), strict=True))

    def critical_path(self) -> CriticalPath:
        """Return the chain of dependencies that took longest, by measured durations.

        Returns
        -------
        path
            Its nodes and its length; no run can be shorter than this.

        Examples
        --------
        >>> import makespan as ms
        >>> ms.Workflow.sequence([abs, str]).run(-1).critical_path().paths
        ('sequence/abs[0]', 'sequence/str[0]')
        """
        nodes, length_ns = self._record.critical_path()
        return CriticalPath(tuple(self.paths[node] for node in nodes), length_ns / 1e9)

    def slowest(self, n: int = 3) -> list[tuple[str, float]]:
        """Return the nodes that took longest.

        Parameters
        ----------
        n
            How many.

        Returns
        -------
        nodes
            Path and seconds, the slowest first.

        Examples
        --------
        >>> import makespan as ms
        >>> [path for path, _ in ms.Workflow.sequence([abs]).run(-1).slowest()]
        ['sequence/abs[0]']
        """
        return [(self.paths[node], ns / 1e9) for node, ns in self._record.slowest(n)]

    def kept(self) -> dict[str, Any]:
        """Return the results of steps that were declared with ``keep=True``.

        Returns
        -------
        results
            By path.

        Examples
        --------
        >>> import makespan as ms
        >>> wf = ms.Workflow("demo")
        >>> wf.output(wf.add(str, wf.add(ms.step(abs, keep=True), -1)))
        >>> wf.run().kept()
        {'demo/abs[0]': 1}
        """
        return {self.paths[node]: result for node, result in self._record.kept()}

    def analyze(self) -> RunAnalysis:
        """Find out what the time was made of, and what would have made it shorter.

        Changes are simulated on the recorded durations, on workers that nothing else keeps busy: twice the workers;
        for the steps that took most time, no order by their effects, and ``pure=True`` where calls are repeated or not
        needed.

        Returns
        -------
        analysis
            Measured times, bounds, and the changes that gain at least 1 %.

        Examples
        --------
        >>> import makespan as ms
        >>> ms.Workflow.sequence([abs]).run(-1).analyze().changes
        ()
        """
        from makespan.run_analysis import analyze_run

        return analyze_run(self)

    def explain(self, path: str | None = None) -> str:
        """Tell what the time of the run was made of; or what happened to one node.

        Of a node: what it waited for and why, when it ran and where, what waited for it; or why it did not run.

        Parameters
        ----------
        path
            The node's path, with or without the workflow's name; None for the run as a whole, as `analyze` reports it.

        Returns
        -------
        text
            A few lines.

        Raises
        ------
        UnknownNodeError
            No node has this path.

        Examples
        --------
        >>> import makespan as ms
        >>> run = ms.Workflow.sequence([abs, str]).run(-1)
        >>> print(run.explain("str[0]"))  # doctest: +ELLIPSIS
        sequence/str[0]: finished
          ran for ... on the calling thread, from ... to ...
          came after sequence/abs[0] (data, effect), the last of them finished ... before it started
          nothing waited for it
          is on the critical path
        """
        if path is None:
            return self.analyze().report()
        node = self._node(path)
        program, columns = self._record.program, self.nodes
        lines = [f"{self.paths[node]}: {columns.outcome[node]}"]
        worker = int(columns.worker[node])
        if columns.outcome[node] == "cached":
            lines.append("  its result was in the cache, so that it was not called")
            return "\n".join(lines)
        if worker >= 0:
            where = "the calling thread" if worker == 0 else f"helper {worker}"
            start_s, finish_s = float(columns.start_s[node]), float(columns.finish_s[node])
            lines.append(
                f"  ran for {seconds_text(finish_s - start_s)} on {where}, "
                f"from {seconds_text(start_s)} to {seconds_text(finish_s)}"
            )
        batch = self._record.batch_of(node)
        if batch and worker >= 0:
            others = f", {batch[2]} of them for other runs" if batch[2] else ""
            lines.append(f"  was called in a batch of {batch[1]} calls from {self.paths[batch[0]]} on{others}")
        if columns.outcome[node] == "pruned":
            lines.append("  nobody needs its result and its step is pure, so that it was left out")
            return "\n".join(lines)
        if columns.outcome[node] == "merged":
            lines.append(f"  is the same call as {self.paths[self._ran_for[node]]}, whose result was taken")
            return "\n".join(lines)
        if columns.outcome[node] == "combined":
            lines.append(f"  was made together with {self.paths[self._ran_for[node]]}, in one call of a step for both")
            return "\n".join(lines)
        outcome = columns.outcome
        along = [other for other, made in enumerate(self._ran_for) if made == node and outcome[other] == "combined"]
        if along:
            paths = ", ".join(self.paths[other] for other in along)
            lines.append(f"  was made together with {paths}, in one call of a step for all")
        of_all = [reason for made in (*along, node) for reason in program.reasons(made)]
        reasons = [(other, why) for other, why in of_all if self._ran_for[other] != node]
        if reasons:
            before = ", ".join(f"{self.paths[other]} ({', '.join(why)})" for other, why in reasons)
            wait = ""
            if worker >= 0:
                ready_s = max(float(columns.finish_s[self._ran_for[other]]) for other, _ in reasons)
                waited_s = max(float(columns.start_s[node]) - ready_s, 0.0)
                wait = f", the last of them finished {seconds_text(waited_s)} before it started"
            lines.append(f"  came after {before}{wait}")
        else:
            lines.append("  waited for nothing")
        successors = program.successors(node)
        shown = ", ".join(self.paths[other] for other in successors[:5])
        more = f" and {len(successors) - 5} more" if len(successors) > 5 else ""
        lines.append(f"  waited for by {shown}{more}" if successors else "  nothing waited for it")
        on_path = node in self._record.critical_path()[0]
        lines.append(f"  is {'' if on_path else 'not '}on the critical path")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but values as plain data, ready for JSON.

        Returns
        -------
        data
            Counts, times in seconds, and one entry per node.

        Examples
        --------
        >>> import makespan as ms
        >>> data = ms.Workflow.sequence([abs]).run(-1).to_dict()
        >>> data["workflow"], data["nodes"][0]["outcome"]
        ('sequence', 'finished')
        """
        columns = self.nodes
        critical = self.critical_path()

        def known(value: float) -> float | None:
            return value if value == value else None

        return {
            "workflow": self.workflow,
            "n_nodes": self.n_nodes,
            "strategy": self.strategy,
            "reasons": list(self.reasons),
            "n_calls": self.n_calls,
            "outcomes": self.outcome_counts,
            "elapsed_s": self.elapsed_s,
            "makespan_s": self.makespan_s,
            "expected_makespan_s": self.expected_makespan_s,
            "mean_concurrency": self.mean_concurrency,
            "critical_path": {"paths": list(critical.paths), "length_s": critical.length_s},
            "nodes": [
                {
                    "path": path,
                    "outcome": outcome,
                    "start_s": known(start_s),
                    "finish_s": known(finish_s),
                    "worker": worker if worker >= 0 else None,
                    "batch": batch if batch >= 0 else None,
                }
                for path, outcome, start_s, finish_s, worker, batch in zip(
                    columns.path,
                    columns.outcome,
                    columns.start_s.tolist(),
                    columns.finish_s.tolist(),
                    columns.worker.tolist(),
                    columns.batch.tolist(),
                    strict=True,
                )
            ],
        }

    @cached_property
    def _ran_for(self) -> list[int]:
        """By node, the node whose result was taken for its own."""
        representatives = enumerate(self._record.representatives())
        return [node if other is None else other for node, other in representatives]

    def _node(self, path: str) -> int:
        for wanted in (path, f"{self.workflow}/{path}"):
            if wanted in self.paths:
                return self.paths.index(wanted)
        raise UnknownNodeError(path, f"explain() of {self.workflow}")

    def __repr__(self) -> str:
        counts = self.outcome_counts
        other = "".join(f", {n} {name}" for name, n in counts.items() if n and name != "finished")
        finished = f"{counts['finished']} of {self.n_nodes} nodes finished{other}"
        return f"<run of {self.workflow}: {finished}, {seconds_text(self.elapsed_s)}>"


def to_exception(result: RunResult[Any], failures: Sequence[tuple[int, BaseException]]) -> RunFailedError:
    """Make the exception of a failed run; the native loops call this with the failures in program order.

    Parameters
    ----------
    result
        What the run leaves behind.
    failures
        Node id, and what the step raised.

    Returns
    -------
    error
        To be raised.

    Examples
    --------
    >>> import makespan as ms
    >>> try:
    ...     ms.Workflow.sequence([int]).run("x")
    ... except ms.RunFailedError as error:
    ...     print(error.failures[0])
    sequence/int[0] failed: ValueError: invalid literal for int() with base 10: 'x'
    """
    errors = []
    for node, cause in failures:
        batch = result._record.batch_of(node)
        error = StepFailedError(result.paths[node], node, 1, batch and (result.paths[batch[0]], batch[1]))
        error.__cause__ = cause
        errors.append(error)
    n_failed = len(errors)
    message = f"{result.workflow}: {n_failed} {'step' if n_failed == 1 else 'steps'} failed"
    group = RunFailedError(message, errors)
    group.result = result
    return group


def seconds_text(seconds: float) -> str:
    """Show a time in the unit that suits it."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"
