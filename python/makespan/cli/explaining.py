"""`makespan explain`: what would be done with a workflow, or what was. Functions of values."""

from collections.abc import Iterable

import makespan as ms
from makespan.cli.summary import plural, shorten

__all__ = ["HELP", "format_rewriting"]

HELP = """\
Tell what would be done with a workflow of a Python file: which calls are made, which are left out and why, and what
orders them. Nothing is run; the body is called. With --run it is run, and the time is explained as well.

\b
Examples:
  makespan explain report.py:report --arg year=2026
  makespan explain report.py:report --run
  makespan explain report.py:report --run --node "load[3]"
"""
_SHOWN_MAX = 6


def format_rewriting(rewriting: ms.Rewriting) -> list[tuple[str, str]]:
    """Return what would be done as rows of a name and a text."""
    edges = rewriting.n_edges
    return [
        ("steps", f"{plural(rewriting.n_nodes, 'call')} written, {rewriting.n_runs:,} made"),
        ("pruned", some(rewriting.pruned) or "none: every result is needed, or its step is not pure"),
        (
            "merged",
            some(f"{path} = {other}" for path, other in rewriting.merged.items())
            or "none: no two calls of pure steps are equal",
        ),
        (
            "combined",
            some(f"{path} with {other}" for path, other in rewriting.combined.items())
            or "none: no step declares merge= for what it takes",
        ),
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


def some(texts: Iterable[str]) -> str:
    """Return the first few of many, and how many more there are.

    >>> some(["a", "b"]), some(str(i) for i in range(9))
    ('a, b', '0, 1, 2, 3, 4, 5 and 3 more')
    """
    known = list(texts)
    more = f" and {len(known) - _SHOWN_MAX:,} more" if len(known) > _SHOWN_MAX else ""
    return ", ".join(known[:_SHOWN_MAX]) + more
