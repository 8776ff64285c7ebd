"""The main job: the engine's run and plain Python give the same value and the same report files."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from makespan.testing import assert_same
from repository import ROOT

TREE = {
    "top.py": "import os, json\nfrom package import inner\n",
    "copy_of_top.py": "import os, json\nfrom package import inner\n",
    "empty.py": "",
    "other_empty.py": "",
    "broken.py": "def f(:\n",
    "package/__init__.py": "",
    "package/inner.py": "def f():\n    if True:\n        import top\n    from . import nothing\n",
    "package/deep/leaf.py": "try:\n    import broken\nexcept ImportError:\n    import top.x as y\n",
    "site-packages/not_ours.py": "import top\n",
    "notes.txt": "not Python\n",
}


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("inventory", ROOT / "examples" / "inventory.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["inventory"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    for name, text in TREE.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def reports(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def check_same(example: ModuleType, folder: Path, **arguments: Any) -> dict[str, bytes]:
    """Run the inventory both ways into the same folder; return the reports if all is equal."""
    out = folder / "out"
    expected = example.inventory.serial(out=str(out), **arguments)
    serial = reports(out)
    assert serial.keys() == {"inventory.md", "inventory.json"}
    for path in out.iterdir():
        path.unlink()
    assert_same(example.inventory(out=str(out), **arguments), expected)
    assert reports(out) == serial
    return serial


def test_run_equals_serial(example: ModuleType, tree: Path, tmp_path: Path) -> None:
    check_same(example, tmp_path, root=str(tree))


def test_reports_do_not_depend_on_when_they_are_made(example: ModuleType, tree: Path, tmp_path: Path) -> None:
    first = check_same(example, tmp_path, root=str(tree))
    assert check_same(example, tmp_path, root=str(tree)) == first


def test_report_is_right(example: ModuleType, tree: Path, tmp_path: Path) -> None:
    report = json.loads(check_same(example, tmp_path, root=str(tree))["inventory.json"])
    files = {file["path"]: file for file in report["files"]}
    assert files.keys() == {name for name in TREE if name.endswith(".py") and "site-packages" not in name}
    assert files["top.py"]["imports"] == ["json", "os", "package"]
    assert files["package/deep/leaf.py"]["imports"] == ["broken", "top"]
    assert files["broken.py"]["imports"] is None
    assert (files["top.py"]["lines"], files["top.py"]["tokens"]) == (2, 7)
    assert report["duplicates"] == [["copy_of_top.py", "top.py"]]
    assert report["imports"]["top"] == ["package"]
    assert report["imports"]["package"] == ["broken", "top"]
    assert report["totals"]["package"]["files"] == 3
    assert report["totals"]["(all)"]["bytes"] == sum(len(TREE[name]) for name in files)


def test_report_can_be_read_by_people(example: ModuleType, tree: Path, tmp_path: Path) -> None:
    text = check_same(example, tmp_path, root=str(tree))["inventory.md"].decode()
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in table}) == 1
    assert "| (all) | 8 |" in text
    assert "- copy_of_top.py, top.py" in text


def test_empty_tree_has_an_empty_report(example: ModuleType, tmp_path: Path) -> None:
    root = tmp_path / "nothing"
    root.mkdir()
    report = json.loads(check_same(example, tmp_path, root=str(root))["inventory.json"])
    assert report["files"] == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_run_equals_serial_on_the_standard_library(example: ModuleType, tmp_path: Path) -> None:
    report = json.loads(check_same(example, tmp_path)["inventory.json"])
    assert report["totals"]["(all)"]["files"] > 300
    assert "json" in report["imports"]
