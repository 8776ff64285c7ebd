"""The binding: its classes are frozen, and each of its names is used."""

import re

from makespan import _core
from repository import BINDING, PACKAGE, source_files

PYCLASS = re.compile(r"#\[pyclass(?:\((?P<options>[^\]]*)\))?\]")


def test_every_pyclass_is_frozen() -> None:
    found = [
        (path.name, match["options"] or "")
        for path in source_files(".rs", under=BINDING / "src")
        for match in PYCLASS.finditer(path.read_text())
    ]
    assert found
    assert [name for name, options in found if not re.search(r"\bfrozen\b", options)] == []


def test_every_name_of_the_extension_is_used() -> None:
    names = [name for name in vars(_core) if not name.startswith("_")]
    assert names
    python = "\n".join(path.read_text() for path in source_files(".py", under=PACKAGE))
    assert [name for name in names if not re.search(rf"\b{name}\b", python)] == []
