"""The repository as a whole: versions agree, files stay readable, commands exist."""

import re
import tomllib

import makespan
from repository import ROOT, source_files

N_LINES_MAX = 600
# Files that may be longer, each with the reason.
LONGER_FILES: dict[str, str] = {
    "python/makespan/_core.pyi": "the types of one module stand in one file",
    "python/makespan/exceptions.py": "one hierarchy, read as a whole",
    "python/makespan/scheduling/scheduler.py": "one class, most of it documentation",
    "rust/py/src/queue.rs": "one class, and a third of it is what its users read",
    "tests/test_workflow.py": "both ways to describe a workflow, told side by side",
}


def test_versions_agree() -> None:
    cargo = tomllib.loads((ROOT / "Cargo.toml").read_text())
    python = tomllib.loads((ROOT / "pyproject.toml").read_text())
    version = python["project"]["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert cargo["workspace"]["package"]["version"] == version
    assert makespan.__version__ == version
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()


def test_files_stay_within_the_size_limit() -> None:
    files = source_files()
    assert len(files) > 20
    n_lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files}
    longer = {name for name, n in n_lines.items() if n > N_LINES_MAX}
    assert longer == LONGER_FILES.keys()


def test_make_has_the_promised_targets() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"dev", "fmt", "lint", "demo", "test", "test-all", "bench", "ci", "stubs"} <= targets


def test_ci_calls_make() -> None:
    assert "make ci" in (ROOT / ".ci" / "run").read_text()
