"""What `import makespan` adds to the start of an interpreter."""

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
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
