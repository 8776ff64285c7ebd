"""What `import makespan` adds to the start of an interpreter."""

import os
import subprocess
import sys

from benches.compare import Comparison

CHECK = "import makespan, sys; print(makespan.BUILD_PROFILE, 'numpy' in sys.modules)"


def bench_import(compare: Comparison) -> None:
    _, has_numpy = run_python(CHECK).split()
    assert has_numpy == "False"
    compare(
        "import",
        lambda: run_python("import makespan"),
        ("bare interpreter", lambda: run_python("pass")),
        n=1,
        per="start",
        source="processes started in turn",
        check=lambda printed, expected: bool(printed == expected == ""),
        rounds=31,
    )


def run_python(code: str) -> str:
    # With the compiled modules that an installed package has; the first process writes them where they are not there.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
