"""Where the project's own files are, for tests that read them."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "python" / "makespan"
CORE = ROOT / "rust" / "core"
BINDING = ROOT / "rust" / "py"
SOURCE_FOLDERS = ("python", "rust", "tests", "benches", "examples")
SOURCE_SUFFIXES = (".py", ".pyi", ".rs")


def source_files(*suffixes: str, under: Path = ROOT) -> list[Path]:
    """Return the project's source files, sorted; fail if there is none, so that no check is empty."""
    folders = [under] if under != ROOT else [ROOT / name for name in SOURCE_FOLDERS]
    wanted = suffixes or SOURCE_SUFFIXES
    found = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix in wanted)
    assert found, f"no {wanted} file under {under}"
    return found
