"""What must hold for a wheel as users get it, in an environment that has nothing but its needs.

Run by `make packaging` with the interpreter of that environment; needs no test tool.
"""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import makespan
from makespan import _core


def run_module(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "makespan", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def main() -> None:
    package = Path(makespan.__file__).parent
    assert package.is_relative_to(sys.prefix), f"imported from {package}, not from the wheel"
    assert _core.BUILD_PROFILE == "release", _core.BUILD_PROFILE
    assert (package / "py.typed").exists()
    assert (package / "_core.pyi").exists()
    assert find_spec("typer") is None
    assert "numpy" not in sys.modules

    answer = run_module("--version")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith(f"makespan {makespan.__version__} "), answer.stdout
    answer = run_module("doctor")
    assert answer.returncode == 0, answer.stderr
    assert "not installed" in answer.stdout
    answer = run_module("run", "anything.py:workflow")
    assert answer.returncode == 2
    assert 'pip install "makespan[cli]"' in answer.stderr, answer.stderr

    @makespan.step
    def double(x: int) -> int:
        return 2 * x

    @makespan.workflow
    def twice(x: int) -> int:
        return double(double(x))

    assert twice(3) == 12 == twice.serial(3)
    assert twice.run(3).nodes.duration_s.shape == (2,)
    print(f"wheel: all checks passed ({package})")


if __name__ == "__main__":
    main()
