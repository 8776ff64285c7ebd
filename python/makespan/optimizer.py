"""The optimizer of workflows: which calls are made at all, and what each pass did about it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from makespan.builder import Workflow
from makespan.exceptions import ConfigurationError
from makespan.step import unknown_option
from makespan.workflow import WorkflowFunction

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from makespan import _core
    from makespan.scheduling.graph import DependencyGraph

    Edges: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]

__all__ = ["PASSES", "REWRITES", "Rewriting", "WorkflowOptimizer"]

REWRITES = ("prune", "dedupe", "combine")
"""The passes that rewrite a graph by itself, in the order in which they do."""

PASSES = (*REWRITES, "cache", "check")
"""The passes that rewrite a graph before a run: ``cache`` by what the engine's cache has; ``check`` leaves its nodes as
they are, and puts those first whose steps are a ``cheap_check``, where a failure ends the run."""


def checked_passes(passes: Iterable[str]) -> tuple[str, ...]:
    """Return the passes in their order, each once; refuse those that do not exist."""
    if isinstance(passes, str):
        raise ConfigurationError("passes", passes, "several names of passes, not one")
    given = list(passes)
    for name in given:
        if name not in PASSES:
            nearest = unknown_option(str(name), name, PASSES).nearest
            raise ConfigurationError("passes", name, f"one of {', '.join(PASSES)}", nearest)
    return tuple(name for name in PASSES if name in given)


class Rewriting:
    """What the passes did to a workflow: made by `WorkflowOptimizer.optimize`.

    Parameters
    ----------
    program
        The described workflow.
    passes
        Those that are on.

    Examples
    --------
    >>> import makespan as ms
    >>> load = ms.step(str, name="load", pure=True)
    >>> wf = ms.Workflow("demo")
    >>> wf.output([wf.add(load, 1), wf.add(load, 1)])
    >>> ms.WorkflowOptimizer().optimize(wf)
    <rewriting: 1 of 2 nodes run, 0 pruned, 1 merged, 0 combined>
    """

    def __init__(self, program: _core.Program, passes: tuple[str, ...]) -> None:
        self.workflow: str = program.name
        self.paths: list[str] = program.paths()
        self.passes: tuple[str, ...] = passes
        self._program = program
        self._representatives = program.representatives(passes)
        self._combined = set(program.combined(passes))

    @property
    def n_nodes(self) -> int:
        """How many nodes the workflow has."""
        return len(self.paths)

    @property
    def n_runs(self) -> int:
        """How many of them run."""
        return len(self.running)

    @property
    def running_nodes(self) -> list[int]:
        """The nodes that run, in program order."""
        return [node for node, other in enumerate(self._representatives) if node == other]

    @property
    def running(self) -> list[str]:
        """Paths of the nodes that run, in program order."""
        return [self.paths[node] for node in self.running_nodes]

    @property
    def pruned(self) -> list[str]:
        """Paths of the nodes that are left out, since nobody needs their results."""
        return [path for path, node in zip(self.paths, self._representatives, strict=True) if node is None]

    @property
    def merged(self) -> dict[str, str]:
        """Paths of the nodes that are not called by themselves, and of the equal call that is made for each."""
        return {
            self.paths[node]: self.paths[other]
            for node, other in enumerate(self._representatives)
            if other is not None and other != node and node not in self._combined
        }

    @property
    def combined(self) -> dict[str, str]:
        """Paths of the nodes whose calls are not made by themselves, and of the later one that is made for both."""
        return {self.paths[node]: self.paths[self._representatives[node] or 0] for node in sorted(self._combined)}

    @cached_property
    def graph(self) -> DependencyGraph:
        """The nodes that run, in program order, and what orders them."""
        return graph_of_running(self._representatives, self._edges)

    @property
    def n_edges(self) -> dict[str, int]:
        """How many times a value is passed, and how many edges effects and declared order give, before the passes."""
        data, after, effect = self._edges
        return {"data": data[0].size, "effect": effect[0].size, "after": after[0].size}

    @property
    def width(self) -> int:
        """How many of the nodes that run might run at once, at most."""
        return self.graph.width()

    @cached_property
    def longest_chain(self) -> list[str]:
        """Paths of the longest chain of nodes that wait for each other, each counted as one."""
        import numpy as np

        running = self.running
        return [running[node] for node in self.graph.critical_path(np.ones(len(running))).path.tolist()]

    @cached_property
    def missing_promises(self) -> dict[str, int]:
        """By step, how many calls ``pure=True`` on it would save; steps where it would save none are left out."""
        saved, n_runs_now = {}, self.n_runs
        for step in dict.fromkeys(self._program.step_names()):
            assumed = self._program.representatives(self.passes, [step])
            n_runs = sum(node == other for node, other in enumerate(assumed))
            if n_runs < n_runs_now:
                saved[step] = n_runs_now - n_runs
        return saved

    @cached_property
    def _edges(self) -> tuple[Edges, Edges, Edges]:
        """Both ends of the edges of values, of declared order, of effects."""
        return (*self._program.given_edges(), self._program.effect_edges())

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, ready for JSON.

        Returns
        -------
        data
            Counts, the passes, and the paths of the nodes that do not run.

        Examples
        --------
        >>> import makespan as ms
        >>> ms.WorkflowOptimizer().optimize(ms.Workflow.sequence([abs, str])).to_dict()["n_runs"]
        2
        """
        return {
            "n_nodes": self.n_nodes,
            "n_runs": self.n_runs,
            "n_edges": self.n_edges,
            "width": self.width,
            "longest_chain": self.longest_chain,
            "missing_promises": self.missing_promises,
            "passes": list(self.passes),
            "pruned": self.pruned,
            "merged": self.merged,
            "combined": self.combined,
        }

    def __repr__(self) -> str:
        counts = f"{len(self.pruned)} pruned, {len(self.merged)} merged, {len(self._combined)} combined"
        return f"<rewriting: {self.n_runs} of {self.n_nodes} nodes run, {counts}>"


class WorkflowOptimizer:
    """Rewrites workflows: the same results and the same effects from fewer calls.

    An engine does this by itself under every strategy but ``sequential``; here one sees what it would do.

    Parameters
    ----------
    prune
        Leave out calls of pure steps whose results nobody needs, together with whatever only they needed.
    dedupe
        Make equal calls of pure steps once: the same function, and arguments that are the same value (numbers, strings,
        bytes), the same object, or results of calls that are equal. Calls that ``after=`` orders stay by themselves.
    combine
        Make one call for two where a step declares it (``merge=``).

    Raises
    ------
    ConfigurationError
        A switch is not True or False.

    Examples
    --------
    >>> import makespan as ms
    >>> @ms.step(pure=True)
    ... def load(name: str) -> str:
    ...     return name.upper()
    >>> @ms.workflow
    ... def report() -> str:
    ...     load("never used")
    ...     return load("used")
    >>> ms.WorkflowOptimizer().optimize(report)
    <rewriting: 1 of 2 nodes run, 1 pruned, 0 merged, 0 combined>
    """

    def __init__(self, *, prune: bool = True, dedupe: bool = True, combine: bool = True) -> None:
        switches = {"prune": prune, "dedupe": dedupe, "combine": combine}
        for key, value in switches.items():
            if not isinstance(value, bool):
                raise ConfigurationError(key, value, "True or False")
        self.passes: tuple[str, ...] = tuple(name for name in REWRITES if switches[name])

    def optimize(
        self, workflow: WorkflowFunction[..., Any] | Workflow, /, *args: object, **kwargs: object
    ) -> Rewriting:
        """Tell what the passes do to a workflow, without running it.

        Parameters
        ----------
        workflow
            Traced, whose body is called with the arguments, or built.
        *args, **kwargs
            Arguments of a traced workflow; a built one takes values of its parameters by name.

        Returns
        -------
        rewriting
            Which nodes run, and what became of the others.

        Raises
        ------
        ConfigurationError
            ``workflow`` is something else, or a built one and given arguments by position.

        Examples
        --------
        >>> import makespan as ms
        >>> wf = ms.Workflow("demo")
        >>> double = ms.step(lambda x: 2 * x, name="double", pure=True)
        >>> wf.output([wf.add(double, 1), wf.add(double, 1)])
        >>> ms.WorkflowOptimizer().optimize(wf).merged
        {'demo/double[1]': 'demo/double[0]'}
        """
        return Rewriting(described(workflow, args, kwargs), self.passes)

    def __repr__(self) -> str:
        switches = ", ".join(f"{name}={name in self.passes}" for name in REWRITES)
        return f"{type(self).__name__}({switches})"


def described(workflow: object, args: tuple[object, ...], kwargs: dict[str, object]) -> _core.Program:
    """Return the program of a workflow, traced with arguments or built; refuse what is none."""
    if isinstance(workflow, WorkflowFunction):
        return workflow._traced(args, kwargs)
    if isinstance(workflow, Workflow):
        if args:
            raise ConfigurationError("args", args, "values by the names of the parameters of a built workflow")
        return workflow._finished(kwargs)
    raise ConfigurationError("workflow", workflow, "a workflow: decorated or built")


def graph_of_running(representatives: Sequence[int | None], edges: Iterable[Edges]) -> DependencyGraph:
    """Return the graph of the nodes that stand for themselves, in their order; edges come from what stands in."""
    import numpy as np

    from makespan.scheduling.graph import DependencyGraph

    stands_in = np.array([-1 if other is None else other for other in representatives], np.int64)
    runs = stands_in == np.arange(stands_in.size)
    place = np.cumsum(runs) - 1
    before, after = (np.concatenate(ends) for ends in zip(*edges, strict=True))
    before = stands_in[before]
    after = stands_in[after]
    # Between calls that are made as one there is nothing to wait for.
    is_left = (before >= 0) & (after >= 0) & (before != after)
    return DependencyGraph.from_edges(int(runs.sum()), place[before[is_left]], place[after[is_left]])
