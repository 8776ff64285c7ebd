"""Who may depend on whom: crates, modules of the package, and what an import brings."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from repository import CORE, PACKAGE, source_files

# Everything that makespan-core builds on. A new name needs a reason in ARCHITECTURE.md.
CORE_DEPENDENCIES: set[str] = set()

# Higher ranks may import lower ones and their own; DESIGN: "dependencies point one way".
RANKS = {
    "_core": 0,
    "abc": 0,
    "config": 0,
    "exceptions": 0,
    "code_version": 1,
    "keys": 1,
    "scheduling": 1,
    "step": 1,
    "workflow": 1,
    "builder": 1,
    "containers": 1,
    "composed": 1,
    "cache": 2,
    "cache_folder": 2,
    "executors": 2,
    "optimizer": 2,
    "planning": 2,
    "prediction": 2,
    "resources": 2,
    "strategies": 3,
    "result": 3,
    "engine_statistics": 3,
    "run_analysis": 4,
    "run_comparison": 4,
    "workflow_plan": 4,
    "engine": 4,
    "fused": 4,
    "prepared": 3,
    "cli": 5,
    "services": 5,
    "__main__": 6,
    "__init__": 6,
}
# They stand beside the engine: they see what it sees, and nobody below the command imports them.
BESIDE_THE_ENGINE = {"formats", "monitoring", "store", "testing"}
# The ground that all stands on: what each of these may import of ours.
GROUND: dict[str, set[str]] = {"abc": set(), "config": {"exceptions"}, "exceptions": set()}


def part_of(path: Path) -> str:
    """Return the part of the package that a file belongs to: its module or folder under makespan."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_parts(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the parts of our package that a file imports when it is loaded, with the line.

    Imports inside functions are left out: they are how a lower part reaches the default engine,
    at the moment of its use. So are those for the type checker only.
    """
    tree = ast.parse(path.read_bytes())
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            pending.extend(ast.iter_child_nodes(node))
            continue
        for name in names:
            package, _, rest = name.partition(".")
            if package == "makespan":
                yield rest.split(".")[0] or "__init__", node.lineno


def known_part(name: str) -> str:
    """Return the part that an imported name belongs to: `from makespan import step` is the package."""
    return name if name in RANKS or name in BESIDE_THE_ENGINE else "__init__"


def test_core_depends_on_what_is_listed() -> None:
    manifest = tomllib.loads((CORE / "Cargo.toml").read_text())
    assert manifest["package"]["name"] == "makespan-core"
    assert set(manifest.get("dependencies", {})) == CORE_DEPENDENCIES
    assert not {"build-dependencies", "target"} & manifest.keys()


def test_every_part_has_a_rank() -> None:
    parts = {part_of(path) for path in source_files(".py", under=PACKAGE)}
    assert len(parts) > 5
    assert parts <= RANKS.keys() | BESIDE_THE_ENGINE


def test_imports_point_one_way() -> None:
    n_imports = 0
    wrong = []
    for path in source_files(".py", under=PACKAGE):
        part = part_of(path)
        for name, line in imported_parts(path):
            n_imports += 1
            imported = known_part(name)
            if part == imported:
                continue
            place = f"{path.relative_to(PACKAGE)}:{line} imports {imported}"
            if part in GROUND:
                wrong += [place] if imported not in GROUND[part] else []
            elif imported in BESIDE_THE_ENGINE:
                if RANKS.get(part, 0) <= RANKS["engine"]:
                    wrong.append(place)
            elif imported == "__init__":
                if part not in BESIDE_THE_ENGINE and RANKS[part] <= RANKS["engine"]:
                    wrong.append(place)
            elif RANKS[imported] > RANKS.get(part, RANKS["engine"]):
                wrong.append(place)
    assert n_imports > 10
    assert wrong == []


def test_import_brings_neither_numpy_nor_extras() -> None:
    code = "import sys, makespan; print(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(answer.stdout.split())
    assert {"makespan", "makespan._core"} <= loaded
    assert not loaded & {"numpy", "rich", "typer", "networkx", "rustworkx", "pytest"}
