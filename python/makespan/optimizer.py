"""The optimizer of workflows: which calls are made at all, and what each pass did about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from makespan.exceptions import ConfigurationError
from makespan.step import unknown_option

if TYPE_CHECKING:
    from collections.abc import Iterable

    from makespan import _core
    from makespan.builder import Workflow
    from makespan.workflow import WorkflowFunction

__all__ = ["PASSES", "Rewriting", "WorkflowOptimizer"]

PASSES = ("prune", "dedupe")
"""The passes that rewrite a graph, in the order in which they do."""


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
    paths
        Of all nodes, in program order.
    representatives
        By node, the node whose result stands for its own, itself where it runs; None for one that is left out.
    passes
        Those that were on.

    Examples
    --------
    >>> Rewriting(["demo/a[0]", "demo/a[1]", "demo/b[0]"], [0, 0, None], ("prune", "dedupe"))
    <rewriting: 1 of 3 nodes run, 1 pruned, 1 merged>
    """

    def __init__(self, paths: list[str], representatives: list[int | None], passes: tuple[str, ...]) -> None:
        self.paths: list[str] = paths
        self.passes: tuple[str, ...] = passes
        self._representatives = representatives

    @property
    def n_nodes(self) -> int:
        """How many nodes the workflow has."""
        return len(self.paths)

    @property
    def n_runs(self) -> int:
        """How many of them run."""
        return len(self.paths) - len(self.pruned) - len(self.merged)

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
            if other is not None and other != node
        }

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, ready for JSON.

        Returns
        -------
        data
            Counts, the passes, and the paths of the nodes that do not run.

        Examples
        --------
        >>> Rewriting(["demo/a[0]", "demo/a[1]"], [0, 0], ("dedupe",)).to_dict()["merged"]
        {'demo/a[1]': 'demo/a[0]'}
        """
        return {
            "n_nodes": self.n_nodes,
            "n_runs": self.n_runs,
            "passes": list(self.passes),
            "pruned": self.pruned,
            "merged": self.merged,
        }

    def __repr__(self) -> str:
        counts = f"{len(self.pruned)} pruned, {len(self.merged)} merged"
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
    <rewriting: 1 of 2 nodes run, 1 pruned, 0 merged>
    """

    def __init__(self, *, prune: bool = True, dedupe: bool = True) -> None:
        for key, value in (("prune", prune), ("dedupe", dedupe)):
            if not isinstance(value, bool):
                raise ConfigurationError(key, value, "True or False")
        self.passes: tuple[str, ...] = tuple(name for name, is_on in zip(PASSES, (prune, dedupe), strict=True) if is_on)

    def optimize(
        self, workflow: WorkflowFunction[..., Any] | Workflow, /, *args: object, **kwargs: object
    ) -> Rewriting:
        """Tell what the passes do to a workflow, without running it.

        Parameters
        ----------
        workflow
            Traced, whose body is called with the arguments, or built.
        *args, **kwargs
            Arguments of a traced workflow; a built one takes none here.

        Returns
        -------
        rewriting
            Which nodes run, and what became of the others.

        Raises
        ------
        ConfigurationError
            ``workflow`` is something else.

        Examples
        --------
        >>> import makespan as ms
        >>> wf = ms.Workflow("demo")
        >>> double = ms.step(lambda x: 2 * x, name="double", pure=True)
        >>> wf.output([wf.add(double, 1), wf.add(double, 1)])
        >>> ms.WorkflowOptimizer().optimize(wf).merged
        {'demo/double[1]': 'demo/double[0]'}
        """
        program = _program(workflow, args, kwargs)
        return Rewriting(program.paths(), program.representatives(list(self.passes)), self.passes)

    def __repr__(self) -> str:
        switches = ", ".join(f"{name}={name in self.passes}" for name in PASSES)
        return f"{type(self).__name__}({switches})"


def _program(workflow: object, args: tuple[object, ...], kwargs: dict[str, object]) -> _core.Program:
    from makespan.builder import Workflow
    from makespan.workflow import WorkflowFunction

    if isinstance(workflow, WorkflowFunction):
        return workflow._traced(args, kwargs)
    if isinstance(workflow, Workflow):
        return workflow._finished(kwargs)
    raise ConfigurationError("workflow", workflow, "a workflow: decorated or built")
