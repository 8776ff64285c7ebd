"""Versions of code: another one whenever a call may return something else, the same one otherwise."""

import functools
import importlib
import pathlib
import subprocess
import sys
import textwrap
from typing import Any

import pytest

import makespan as ms
from makespan.code_version import version_of

MODULE = """
import math
import logging
from helpers import LIMIT, tidy
import helpers

logger = logging.getLogger("demo")
FACTOR = 2
TABLE = {"a": 1}
seen = {}

class Base:
    def scale(self, x):
        return x * FACTOR

class Scaler(Base):
    offset = 1
    @property
    def shift(self):
        return self.offset
    @staticmethod
    def double(x):
        return 2 * x

def inner(x):
    return [math.sqrt(y) for y in x]

def step(x, y=1, *, key=None):
    "Documentation."
    logger.info("no part of it")
    seen[x] = 1
    return tidy(inner(x)), Scaler().scale(y), TABLE, LIMIT, helpers.more(x)
"""
HELPERS = """
LIMIT = 3
def tidy(x):
    return sorted(x)
def more(x):
    return deeper(x)
def deeper(x):
    return x
def unused(x):
    return x
"""


def version(folder: pathlib.Path, module: str = MODULE, helpers: str = HELPERS) -> bytes:
    """Return the version of `step` in a package that consists of the two modules."""
    package = folder / "versioned"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "code.py").write_text(
        module.replace("from helpers", "from .helpers").replace("import helpers", "from . import helpers")
    )
    (package / "helpers.py").write_text(helpers)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        return version_of(ms.step(importlib.import_module("versioned.code").step, pure=True))
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.partition(".")[0] == "versioned"]:
            del sys.modules[name]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def inner(x):", "# A comment.\n\n\ndef inner(x):"),
        ('    "Documentation."\n', '    "Documentation."\n\n'),
        ("def unused(x):\n    return x", "def unused(x):\n    return 2 * x"),
        ("seen = {}", "seen = {1: 2}"),
        ('getLogger("demo")', 'getLogger("other")'),
    ],
)
def test_what_changes_no_result_changes_no_version(tmp_path: pathlib.Path, old: str, new: str) -> None:
    assert (MODULE + HELPERS).count(old) == 1
    changed = version(tmp_path / "new", MODULE.replace(old, new), HELPERS.replace(old, new))
    assert changed == version(tmp_path / "old")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("FACTOR = 2", "FACTOR = 3"),
        ('TABLE = {"a": 1}', 'TABLE = {"a": 2}'),
        ("math.sqrt(y)", "math.exp(y)"),
        ("for y in x]", "for y in x if y]"),
        ("y=1, *", "y=2, *"),
        ("key=None", "key=0"),
        ("key=None", "other=None"),
        ("x * FACTOR", "FACTOR * x"),
        ("offset = 1", "offset = 2"),
        ("return self.offset", "return -self.offset"),
        ("return 2 * x", "return 3 * x"),
        ("class Scaler(Base)", "class Scaler(Base, dict)"),
        ("LIMIT = 3", "LIMIT = 4"),
        ("sorted(x)", "list(x)"),
        ("return deeper(x)", "return deeper(x) or 1"),
        ("def deeper(x):\n    return x", "def deeper(x):\n    return [x]"),
    ],
)
def test_what_may_change_a_result_changes_the_version(tmp_path: pathlib.Path, old: str, new: str) -> None:
    assert (MODULE + HELPERS).count(old) >= 1
    changed = version(tmp_path / "new", MODULE.replace(old, new, 1), HELPERS.replace(old, new, 1))
    assert changed != version(tmp_path / "old")


def test_closures_and_bound_arguments_count() -> None:
    def adding(n: int) -> Any:
        return lambda x: x + n

    def add(n: int, x: int) -> int:
        return n + x

    versions = [
        version_of(ms.step(function, name="add", pure=True))
        for function in (
            *(adding(1), adding(1), adding(2)),
            *(
                functools.partial(add, 1),
                functools.partial(add, 1),
                functools.partial(add, 2),
                functools.partial(add, n=1),
            ),
            *("a".join, "a".join, "b".join, len, sum),
        )
    ]
    groups = [versions.index(version) for version in versions]
    assert groups == [0, 0, 2, 3, 3, 5, 6, 7, 7, 9, 10, 11]


def test_recursion_ends() -> None:
    def even(n: int) -> bool:
        return n == 0 or odd(n - 1)

    def odd(n: int) -> bool:
        return n != 0 and even(n - 1)

    assert version_of(ms.step(even, pure=True)) != version_of(ms.step(odd, pure=True))


def test_closed_over_variable_without_a_key_is_refused() -> None:
    session = object()
    step = ms.step(lambda url: (session, url), name="fetch", pure=True, cache=True)
    with pytest.raises(ms.UnkeyableError) as caught:
        version_of(step)
    assert caught.value.path == "closed-over variable 'session' of fetch"
    workflow = ms.Workflow("demo")
    workflow.output(workflow.add(step, 1))
    with pytest.raises(ms.UnkeyableError):
        workflow.run()


def test_declared_version_stands_for_the_code() -> None:
    def declared(version: str, name: str = "load") -> bytes:
        step = ms.step(lambda x: (object(), x), name=name, pure=True, cache=ms.Caching(version=version))
        return version_of(step)

    assert declared("1") == declared("1")
    assert len({declared("1"), declared("2"), declared("1", "other")}) == 3


def test_version_is_the_same_in_every_process() -> None:
    program = textwrap.dedent("""
        import makespan as ms
        from makespan.code_version import version_of
        NAMES = {"a", "b", "c"}
        def step(x): return {name for name in NAMES if x in {"p", "q", "r"}}
        print(version_of(ms.step(step, pure=True)).hex())
    """)
    versions = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in "123"
    }
    assert len(versions) == 1
