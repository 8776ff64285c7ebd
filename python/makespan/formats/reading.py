"""Files by their suffix."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from makespan.exceptions import ValidationError
from makespan.formats.rcpsp import parse_patterson, parse_psplib
from makespan.formats.wfformat import parse_wfformat

if TYPE_CHECKING:
    from os import PathLike

    from makespan.formats.problem import PlanProblem

__all__ = ["SUFFIXES", "read_problem"]

SUFFIXES = {
    ".sm": "PSPLIB, one mode",
    ".mm": "PSPLIB, several modes",
    ".rcp": "Patterson",
    ".json": "WfFormat of WfCommons",
}


def read_problem(path: str | PathLike[str], *, n_cores: int | None = None) -> PlanProblem:
    """Read a file as a problem to plan; its suffix tells what it is.

    Parameters
    ----------
    path
        ``.sm`` and ``.mm`` are PSPLIB, ``.rcp`` Patterson's format, ``.json`` WfFormat.
    n_cores
        How many cores there are for a trace in WfFormat; by default those of its machines. Other formats say
        themselves what there is.

    Returns
    -------
    problem
        What `makespan.plan` takes.

    Raises
    ------
    ValidationError
        The suffix is none of these, the file is no text, or something in it is wrong.
    CycleError
        Its dependencies form a cycle.
    OSError
        The file cannot be read.

    Examples
    --------
    >>> read_problem("notes.txt")
    Traceback (most recent call last):
    makespan.exceptions.ValidationError: path is 'notes.txt'; expected a file with the suffix .sm (PSPLIB, one mode), \
.mm (PSPLIB, several modes), .rcp (Patterson), .json (WfFormat of WfCommons)
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        known = ", ".join(f"{known} ({what})" for known, what in SUFFIXES.items())
        raise ValidationError("path", str(path), f"a file with the suffix {known}")
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValidationError("path", str(path), f"a text in UTF-8; byte {error.start} is none") from None
    if suffix == ".json":
        return parse_wfformat(text).problem(n_cores)
    return parse_patterson(text) if suffix == ".rcp" else parse_psplib(text)
