"""All workflows of the suite, by name; a file is imported when its workflow is asked for."""

from importlib import import_module

from benches.suite.case import Case

__all__ = ["NAMES", "NEEDS_PACKAGES", "case"]

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
