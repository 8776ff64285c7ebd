"""The live line of a run: finished of all, running, elapsed, estimated rest."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

import makespan as ms

__all__ = ["format_duration", "format_progress", "live_line"]

# Often enough to look alive; each refresh takes the interpreter from the steps for a moment.
REFRESHES_PER_SECOND = 8


def format_duration(seconds: float) -> str:
    """Return a duration for people, three figures at most below a minute.

    >>> [format_duration(s) for s in (0.00004, 0.0123, 4.56, 75, 7322)]
    ['40 µs', '12.3 ms', '4.56 s', '1:15 min', '2:02 h']
    """
    if seconds < 0.9995e-3:
        return f"{seconds * 1e6:.3g} µs"
    if seconds < 0.9995:
        return f"{seconds * 1e3:.3g} ms"
    if seconds < 59.95:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02} h"


def rest_s(n_finished: int, n_nodes: int, elapsed_s: float) -> float | None:
    """Estimate the time to go if steps keep finishing at this rate; None before the first one."""
    if n_finished == 0:
        return None
    return elapsed_s * (n_nodes - n_finished) / n_finished


def format_progress(n_finished: int, n_running: int, n_nodes: int, elapsed_s: float) -> str:
    """Return the line.

    >>> format_progress(50, 2, 200, 3.0)
    '50/200 steps · 2 running · 3 s elapsed · about 9 s to go'
    """
    if n_nodes == 0:
        return f"preparing · {format_duration(elapsed_s)} elapsed"
    rest = rest_s(n_finished, n_nodes, elapsed_s)
    end = "" if rest is None else f" · about {format_duration(rest)} to go"
    elapsed = format_duration(elapsed_s)
    return f"{n_finished}/{n_nodes} steps · {n_running} running · {elapsed} elapsed{end}"


class ProgressLine:
    """What rich asks for the line each time that it draws."""

    def __init__(self, progress: ms.Progress) -> None:
        self.progress = progress
        self.start_s = time.perf_counter()

    def __rich__(self) -> Text:
        n_finished, n_running, n_nodes = self.progress.snapshot()
        line = format_progress(n_finished, n_running, n_nodes, time.perf_counter() - self.start_s)
        return Text(line, no_wrap=True, overflow="ellipsis")


@contextmanager
def live_line(console: Console, progress: ms.Progress) -> Iterator[None]:
    """Show the line while the body runs and take it away afterwards; silent without a terminal."""
    if not console.is_terminal:
        yield
        return
    line = ProgressLine(progress)
    with Live(line, console=console, refresh_per_second=REFRESHES_PER_SECOND, transient=True):
        yield
