"""What is public is documented, and documents say what is there."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator

import pytest

import makespan as ms
from repository import BINDING, CORE, PACKAGE, ROOT

# Where a path in a document may start.
BASES = (ROOT, PACKAGE, CORE / "src", BINDING / "src", ROOT / "rust")
PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:py|pyi|rs|toml|md))`")
# Made by a command, or by a person; not in the repository.
NOT_IN_THE_REPOSITORY = {"inventory-report/", "build/", "dist/", "target/"}


def public_objects() -> list[tuple[str, object]]:
    return [(name, getattr(ms, name)) for name in ms.__all__ if not name.startswith("__")]


def public_classes() -> list[tuple[str, type]]:
    return [(name, value) for name, value in public_objects() if inspect.isclass(value)]


def public_functions() -> list[tuple[str, object]]:
    """Return the public functions, and the public methods of public classes."""
    found: list[tuple[str, object]] = [(name, value) for name, value in public_objects() if inspect.isfunction(value)]
    for class_name, cls in public_classes():
        for name, member in vars(cls).items():
            function = getattr(member, "__func__", member)
            if not name.startswith("_") and inspect.isfunction(function):
                found.append((f"{class_name}.{name}", function))
    return found


def takes_arguments(function: object) -> bool:
    assert callable(function)
    names = list(inspect.signature(function).parameters)
    return bool([name for name in names if name not in ("self", "cls")])


def raises(function: object) -> bool:
    """Tell whether the body itself raises; what it calls may raise too, and says so there."""
    assert inspect.isfunction(function)
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return any(isinstance(node, ast.Raise) and node.exc is not None for node in ast.walk(tree))


def has_section(function: object, title: str) -> bool:
    return bool(re.search(rf"^{title}\n-+$", inspect.getdoc(function) or "", re.MULTILINE))


def test_public_objects_are_documented_and_have_a_public_home() -> None:
    named = [(name, value) for name, value in public_objects() if hasattr(value, "__module__")]
    assert len(named) > 10
    assert [name for name, value in named if not (getattr(value, "__doc__", "") or "").strip()] == []
    homes = {name: str(getattr(value, "__module__", "")) for name, value in named}
    private = {n: home for n, home in homes.items() if any(p.startswith("_") for p in home.split("."))}
    assert private == {}


def test_all_names_what_there_is() -> None:
    assert len(set(ms.__all__)) == len(ms.__all__)
    assert [name for name in ms.__all__ if not hasattr(ms, name)] == []


@pytest.mark.parametrize(
    ("title", "applies"),
    [("Parameters", takes_arguments), ("Raises", raises), ("Examples", lambda function: True)],
    ids=["parameters", "raises", "examples"],
)
def test_public_functions_have_section(title: str, applies: object) -> None:
    assert callable(applies)
    functions = public_functions()
    assert len(functions) > 5
    wanting = [name for name, function in functions if applies(function) and not has_section(function, title)]
    assert wanting == []


def named_paths(document: str) -> Iterator[str]:
    for path in PATH.findall((ROOT / document).read_text()):
        if path not in NOT_IN_THE_REPOSITORY:
            yield path


@pytest.mark.parametrize("document", ["ARCHITECTURE.md", "README.md", "examples/README.md"])
def test_paths_in_documents_exist(document: str) -> None:
    paths = list(named_paths(document))
    assert paths
    bases = (*BASES, (ROOT / document).parent)
    assert [path for path in paths if not any((base / path).exists() for base in bases)] == []
