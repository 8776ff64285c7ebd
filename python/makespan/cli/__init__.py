"""The command `makespan`.

Running workflows needs the extra `[cli]`; `--version` and `doctor` work without it, because they
are wanted most when an installation is not as it should be.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from makespan.cli import doctor
from makespan.cli.codes import EXIT_OK, EXIT_USAGE
from makespan.exceptions import MissingDependencyError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Parameters
    ----------
    arguments
        What follows the command's name; by default that of this process.

    Returns
    -------
    code
        0 when all went well, 1 when a run or a file failed, 2 when the command was called wrongly,
        130 after Ctrl-C.

    Examples
    --------
    >>> from makespan.cli import main
    >>> main(["--version"])  # doctest: +ELLIPSIS
    makespan ...
    0
    """
    if arguments is None:
        arguments = sys.argv[1:]
    if has_extra():
        from makespan.cli.app import run_app

        return run_app(arguments)
    return run_without_extra(arguments)


def has_extra() -> bool:
    """Tell whether the libraries of the extra `[cli]` are installed."""
    return all(find_spec(name) is not None for name in doctor.CLI_LIBRARIES)


def run_without_extra(arguments: Sequence[str]) -> int:
    """Answer what can be answered without the extra; name the way to install it for the rest."""
    if "--version" in arguments[:1]:
        print(doctor.version_line())
        return EXIT_OK
    if arguments[:1] == ["doctor"]:
        parser = argparse.ArgumentParser("makespan doctor", description=doctor.HELP)
        parser.add_argument("--json", action="store_true", help=doctor.HELP_JSON)
        print(doctor.report(as_json=parser.parse_args(arguments[1:]).json))
        return EXIT_OK
    print(f"makespan: {MissingDependencyError('cli')}", file=sys.stderr)
    print("Without it there are `makespan --version` and `makespan doctor`.", file=sys.stderr)
    return EXIT_USAGE
