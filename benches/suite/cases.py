"""All workflows of the suite, by name; a file is imported when its workflow is asked for."""

from importlib import import_module
from importlib.util import find_spec, module_from_spec

from benches.suite.case import Case

__all__ = ["NAMES", "NEEDS_PACKAGES", "cached_case", "case"]

NAMES = (
    "file_analysis",
    "search_index",
    "thumbnails",
    "sales_etl",
    "sqlite_reports",
    "crawl",
    "training",
    "documents",
    "matrix",
    "answers",
    "word_count",
    "trace",
    "order_rules",
    "archive",
)
NEEDS_PACKAGES = {"thumbnails": "PIL", "training": "sklearn"}
"""Those that need a package that the engine does not need, and the package."""


def case(name: str) -> Case:
    """Return the workflow of a name."""
    found: Case = import_module(f"benches.suite.{name}").CASE
    return found


def cached_case(name: str) -> Case:
    """Return the workflow of a name as it is with ``cache=True`` on the steps that `Case.cached` names.

    Its file is executed once more, as a module of its own: the workflow without caching stays as it is.
    """
    spec = find_spec(f"benches.suite.{name}")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Case = module.CASE
    for step in found.cached:
        setattr(module, step, vars(module)[step].with_options(cache=True))
    return found
