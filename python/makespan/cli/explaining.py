"""`makespan explain`, `makespan run --dry-run`: what would be done, or what was. Functions of values."""

from collections.abc import Iterable

import makespan as ms
from makespan.cli.progress import format_duration
from makespan.cli.summary import plural, shorten

__all__ = ["HELP", "format_rewriting", "format_workflow_plan"]

HELP = """\
Tell what would be done with a workflow of a Python file: which calls are made, which are left out and why, and what
orders them. Nothing is run; the body is called. With --run it is run, and the time is explained as well.

\b
Examples:
  makespan explain report.py:report --arg year=2026
  makespan explain report.py:report --run
  makespan explain report.py:report --run --node "load[3]"
"""
PRUNED_NONE = "none: every result is needed, or its step is not pure"
MERGED_NONE = "none: no two calls of pure steps are equal"
COMBINED_NONE = "none: no step declares merge= for what it takes"
_SHOWN_MAX = 6


def format_rewriting(rewriting: ms.Rewriting) -> list[tuple[str, str]]:
    """Return what would be done as rows of a name and a text."""
    edges = rewriting.n_edges
    return [
        ("steps", f"{plural(rewriting.n_nodes, 'call')} written, {rewriting.n_runs:,} made"),
        ("pruned", some(rewriting.pruned) or PRUNED_NONE),
        ("merged", some_merged(rewriting) or MERGED_NONE),
        ("combined", some_combined(rewriting) or COMBINED_NONE),
        (
            "promises",
            some(
                f"pure=True on {step} would save {plural(n, 'call')}" for step, n in rewriting.missing_promises.items()
            )
            or "none missing: no promise of purity would save a call",
        ),
        (
            "order",
            f"{plural(edges['data'], 'value')} passed, {edges['effect']:,} by effects, {edges['after']:,} declared",
        ),
        ("at once", f"at most {rewriting.width:,} of {rewriting.n_runs:,}"),
        ("longest chain", f"{plural(len(rewriting.longest_chain), 'step')}: {shorten(rewriting.longest_chain)}"),
    ]


def format_workflow_plan(plan: ms.WorkflowPlan, n_workers: int) -> list[tuple[str, str]]:
    """Return what a run would do as rows of a name and a text."""
    rewriting = plan.rewriting
    together = (f"up to {plural(n, 'call')} of {step} at once" for step, n in plan.batchable.items() if n > 1)
    return [
        ("dry run", f"{rewriting.workflow} ({plan.strategy}, {plural(n_workers, 'worker')}): no step was called"),
        ("steps", f"{plural(rewriting.n_nodes, 'call')} written, {plan.n_runs:,} would be made"),
        ("pruned", some(plan.pruned) or PRUNED_NONE),
        ("merged", some_merged(rewriting) or MERGED_NONE),
        ("combined", some_combined(rewriting) or COMBINED_NONE),
        ("reused", some(plan.reused) or "none: the cache has no result of these calls"),
        ("batched", some(together) or "none: nothing to batch, or the strategy does not"),
        ("order", shorten(plan.order) or "nothing to run"),
        ("at once", f"at most {min(rewriting.width, n_workers):,}"),
        ("expected", expected(plan)),
    ]


def expected(plan: ms.WorkflowPlan) -> str:
    """Return how long a run is expected to take, and how much of that is known."""
    if plan.schedule is None:
        return "unknown: no step has run yet, and none declares how long it takes (@step(duration=...))"
    n_guessed = plan.schedule.start.size - plan.n_known
    guessed = f"; {plural(n_guessed, 'duration')} of {plan.schedule.start.size:,} guessed" if n_guessed else ""
    return f"{format_duration(plan.schedule.makespan)} from the first start to the last finish{guessed}"


def some_merged(rewriting: ms.Rewriting) -> str:
    """Return the first few calls that are not made by themselves, and the equal one that is made."""
    return some(f"{path} = {other}" for path, other in rewriting.merged.items())


def some_combined(rewriting: ms.Rewriting) -> str:
    """Return the first few calls that are not made by themselves, and the later one that is made for both."""
    return some(f"{path} with {other}" for path, other in rewriting.combined.items())


def some(texts: Iterable[str]) -> str:
    """Return the first few of many, and how many more there are.

    >>> some(["a", "b"]), some(str(i) for i in range(9))
    ('a, b', '0, 1, 2, 3, 4, 5 and 3 more')
    """
    known = list(texts)
    more = f" and {len(known) - _SHOWN_MAX:,} more" if len(known) > _SHOWN_MAX else ""
    return ", ".join(known[:_SHOWN_MAX]) + more
