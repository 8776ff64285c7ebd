"""Peak memory of one workflow, in a process of its own: `python -m benches.suite.memory NAME STRATEGY|serial [--tiny]`.

Prints bytes: the most that was in memory at once while the workflow ran, the interpreter, its modules and the data of
the workflow included. Processes that steps start are not.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import makespan as ms
from benches.suite.cases import case

__all__ = ["SERIAL", "peak_bytes"]

SERIAL = "serial"
"""Not the name of a strategy: the plain code."""
_ROOT = Path(__file__).parents[2]


def peak_bytes(name: str, strategy: str, *, is_tiny: bool) -> int:
    """Measure a workflow in a child."""
    command = [sys.executable, "-m", "benches.suite.memory", name, strategy, *(["--tiny"] if is_tiny else [])]
    done = subprocess.run(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return int(done.stdout)


def _own_peak_bytes() -> int:
    """Read the kernel's mark.

    Not ``getrusage``: its ``ru_maxrss`` begins, after ``exec``, with what the process had that made the child.
    """
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def _forget_peak() -> None:
    """Begin anew with what is in memory now, so that making the data does not count."""
    Path("/proc/self/clear_refs").write_text("5")


def main() -> None:
    """Run once, and print the peak."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("strategy")
    parser.add_argument("--tiny", action="store_true")
    asked = parser.parse_args()
    of = case(asked.name)
    with tempfile.TemporaryDirectory() as folder, of.data(Path(folder), asked.tiny) as arguments:
        if asked.strategy == SERIAL:
            _forget_peak()
            of.workflow.serial(*arguments)
            print(_own_peak_bytes())
            return
        with ms.SequentialExecutionEngine(asked.strategy) as engine:
            _forget_peak()
            engine.run(of.workflow, *arguments)
            print(_own_peak_bytes())


if __name__ == "__main__":
    main()
