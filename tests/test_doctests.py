"""The examples in the docstrings of the package are true."""

import doctest
import importlib
import pkgutil

import pytest

import makespan


def module_names() -> list[str]:
    found = [module.name for module in pkgutil.walk_packages(makespan.__path__, "makespan.")]
    return ["makespan", *(name for name in found if not name.endswith(("__main__", "_core")))]


def test_modules_have_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    examples = [
        example
        for name in module_names()
        for test in finder.find(importlib.import_module(name))
        for example in test.examples
    ]
    assert len(examples) > 20


@pytest.mark.parametrize("name", module_names())
def test_examples_are_true(name: str) -> None:
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    result = doctest.testmod(importlib.import_module(name), optionflags=flags)
    assert result.failed == 0
