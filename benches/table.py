"""Turns what the benchmarks saved into the table of `benches/README.md`: `python -m benches.table build/bench.json`."""

import json
import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

from benches.figures import FIGURES, PEERS, Figure, Measured

__all__ = ["as_markdown", "as_text", "main"]

README = Path(__file__).parent / "README.md"
BEGIN = "<!-- table: begin (written by benches/table.py, not by hand) -->"
END = "<!-- table: end -->"
HEADER = (
    "| figure | {whose} | baseline | ratio | straight-line ÷ baseline | hold | aim | verdict | data |\n"
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- |"
)


def verdict(figure: Figure, value: float) -> str:
    """Say which of its promises a figure keeps."""
    if figure.keeps(value, figure.aim):
        return "aim"
    if figure.hold is not None:
        return "hold" if figure.keeps(value, figure.hold) else "**missed**"
    return ""


def as_markdown(measured: Iterable[Measured], machine: dict[str, Any]) -> str:
    """Write the table; figures that were not measured are listed as such."""
    found = {each.figure: each for each in measured}
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, {machine['python']}, "
        f"makespan {machine['makespan']} ({machine['build_profile']} build), "
        f"load average {machine['load_average']} when the run began."
    ]
    for group, figures in groupby(FIGURES.values(), lambda figure: figure.group):
        lines += ["", f"**{group}**", "", HEADER.format(whose="theirs" if group == PEERS else "ours")]
        lines += [_row(figure, found.get(figure.name)) for figure in figures]
    return "\n".join(lines)


def as_text(measured: Iterable[Measured]) -> list[str]:
    """Write a line per figure, for a terminal."""
    lines = []
    for each in measured:
        figure = FIGURES[each.figure]
        value = each.value(figure.kind)
        beside = ""
        if each.straight_line_s is not None:
            beside = f"  (straight-line code {each.straight_line_s / each.baseline_s:.2f})"
        promise = "" if figure.hold is None else f"hold {figure.hold:g}"
        promise += "" if figure.aim is None else f", aim {figure.aim:g}"
        said = verdict(figure, value).strip("*")
        lines.append(f"{each.figure:34} {_shown(value, figure):>9}  {said:7} {promise:20}{beside}".rstrip())
    return lines


def _row(figure: Figure, measured: Measured | None) -> str:
    hold = "" if figure.hold is None else f"{figure.hold:g}"
    aim = "" if figure.aim is None else f"{figure.aim:g}"
    if measured is None:
        cells = [figure.title, "", "", "", "", hold, aim, "not measured", ""]
    else:
        value = measured.value(figure.kind)
        straight = measured.straight_line_s
        cells = [
            figure.title,
            f"{_amount(measured.ours_s, figure)} / {measured.per}",
            f"{measured.baseline}, {_amount(measured.baseline_s, figure)}",
            _shown(value, figure),
            "" if straight is None else f"{straight / measured.baseline_s:.2f}",
            hold,
            aim,
            verdict(figure, value),
            f"{measured.source}; {measured.rounds} rounds",
        ]
    return f"| {' | '.join(cells)} |"


def _shown(value: float, figure: Figure) -> str:
    match figure.kind:
        case "difference":
            return f"+{value:.1f} ms"
        case "nanoseconds":
            return f"{value:.0f} ns"
        case "bytes":
            return f"{value:.0f} bytes"
        case "percent":
            return f"{value:.2f} %"
        case "speedup":
            return f"{value:.1f} x"
        case "ratio":
            return f"{value:.3f}" if value < 10 else f"{value:.0f}"


def _amount(value: float, figure: Figure) -> str:
    match figure.kind:
        case "bytes":
            return f"{value:.0f} bytes"
        case "percent":
            return f"{value:.2f} %"
        case _:
            return _time(value)


def _time(seconds: float) -> str:
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def main(arguments: list[str]) -> int:
    """Put the table into the README.

    Parameters
    ----------
    arguments
        The file that `--benchmark-json` wrote.

    Returns
    -------
    code
        0, also where a promise is missed: noise is no reason to lose the table.
    """
    if len(arguments) != 1:
        print("usage: python -m benches.table build/bench.json", file=sys.stderr)
        return 2
    saved = json.loads(Path(arguments[0]).read_text())["benchmarks"]
    measured = [Measured(**figure) for benchmark in saved for figure in benchmark["extra_info"]["figures"]]
    if not measured:
        print(f"{arguments[0]} has no figures", file=sys.stderr)
        return 1
    text = README.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        print(f"{README} has no place for the table", file=sys.stderr)
        return 1
    machine = saved[0]["extra_info"]
    README.write_text(f"{before}{BEGIN}\n\n{as_markdown(measured, machine)}\n\n{END}{after}")
    n_missed = sum(
        "missed" in verdict(FIGURES[each.figure], each.value(FIGURES[each.figure].kind)) for each in measured
    )
    print(f"benches/README.md: {len(measured)} of {len(FIGURES)} figures, {n_missed} promises missed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
