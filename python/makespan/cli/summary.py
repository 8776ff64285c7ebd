"""What is said about a run when it has ended. Functions of values, but for the traceback."""

import reprlib
import traceback
from collections.abc import Sequence

import makespan as ms
from makespan.cli.progress import format_duration

__all__ = ["failure_json", "format_failures", "format_summary", "result_json"]

CRITICAL_PATHS_SHOWN_MAX = 8
VALUE_LENGTH_MAX = 400


def format_summary(run: ms.RunResult[object], comparison: ms.RunComparison[object] | None) -> list[tuple[str, str]]:
    """Return the summary as rows of a name and a text."""
    path = run.critical_path()
    rows = [
        ("workflow", f"{run.workflow} ({run.strategy}, {plural(run.workers, 'worker')})"),
        *(("chosen" if not at else "", reason) for at, reason in enumerate(run.reasons)),
        ("steps", f"{run.n_nodes:,}"),
        ("makespan", format_duration(run.makespan_s)),
        ("mean concurrency", f"{run.mean_concurrency:.2f}"),
        ("critical path", f"{format_duration(path.length_s)}: {shorten(path.paths)}"),
        (
            "slowest steps",
            ", ".join(f"{name} {format_duration(seconds)}" for name, seconds in run.slowest(3)),
        ),
        ("result", short_repr(run.value)),
    ]
    if comparison is not None:
        serial, elapsed = (
            format_duration(comparison.serial_s),
            format_duration(comparison.elapsed_s),
        )
        rows += [
            ("serial()", serial),
            ("speed-up", f"{comparison.speed_up:.2f} ({serial} ÷ {elapsed})"),
            ("saved", format_saved(comparison)),
            ("results", "equal" if comparison.is_equal else "DIFFERENT"),
        ]
    return rows


def format_saved(comparison: ms.RunComparison[object]) -> str:
    """Return what was saved, as measured, and what was applied for it."""
    if not comparison.applied:
        return "0: nothing applied"
    saved_s = comparison.saved_s
    text = format_duration(saved_s) if saved_s >= 0 else f"nothing, {format_duration(-saved_s)} lost"
    return f"{text}: {', '.join(comparison.applied)}"


def result_json(run: ms.RunResult[object], comparison: ms.RunComparison[object] | None) -> dict[str, object]:
    """Return the run as `to_dict` gives it, with how it was run, and the comparison if there was one."""
    result: dict[str, object] = {"strategy": run.strategy, "workers": run.workers, **run.to_dict()}
    if comparison is not None:
        result["comparison"] = {key: value for key, value in comparison.to_dict().items() if key != "run"}
    return result


def failure_json(error: ms.RunFailedError) -> dict[str, object]:
    """Return a failed run: what is known of it, and each failure."""
    return {"failures": [{"path": failure.path, **failure.to_dict()} for failure in error.failures]}


def format_failures(error: ms.RunFailedError) -> str:
    """Return each failure with its step's path and the user's own traceback."""
    parts = []
    for failure in error.failures:
        parts.append(f"step {failure.path} failed:")
        cause = failure.__cause__ or failure
        parts.append("".join(traceback.format_exception(cause)).rstrip())
    count = plural(len(error.failures), "step")
    return "\n".join([*parts, f"{count} failed; the run has no result"])


def plural(n: int, noun: str) -> str:
    """Return a count with its noun.

    >>> plural(1, "step"), plural(1200, "step")
    ('1 step', '1,200 steps')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def shorten(paths: Sequence[str]) -> str:
    """Return a path through the workflow, its middle left out where it is long.

    >>> shorten(["a", "b"])
    'a → b'
    >>> shorten([str(i) for i in range(100)])
    '0 → 1 → 2 → 3 → (92 more) → 96 → 97 → 98 → 99'
    """
    if len(paths) <= CRITICAL_PATHS_SHOWN_MAX:
        return " → ".join(paths)
    half = CRITICAL_PATHS_SHOWN_MAX // 2
    left_out = f"({len(paths) - 2 * half} more)"
    return " → ".join([*paths[:half], left_out, *paths[-half:]])


def short_repr(value: object) -> str:
    """Return a value's `repr`, cut off where it is long."""
    shortener = reprlib.Repr()
    shortener.maxlevel = 4
    shortener.maxstring = shortener.maxother = 120
    text = shortener.repr(value)
    return text if len(text) <= VALUE_LENGTH_MAX else f"{text[:VALUE_LENGTH_MAX]}…"
