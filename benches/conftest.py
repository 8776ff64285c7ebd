"""How benchmarks are run: on a release build, and timed only where `--benchmark-enable` asks for it.

Without it every benchmark makes one round and checks its answer.
"""

from typing import Any

import pytest

import makespan as ms
from benches.compare import MEASURED, Comparison
from benches.table import as_text


def pytest_configure(config: pytest.Config) -> None:
    """Turn timing off unless it is asked for, and refuse to time a debug build."""
    if not config.getoption("benchmark_enable") and not config.getoption("benchmark_only"):
        config.option.benchmark_disable = True
    elif ms.BUILD_PROFILE != "release":
        message = (
            f"makespan is a {ms.BUILD_PROFILE} build here, and its times would mean nothing: run `make bench`, "
            "which makes a release build, or pass --benchmark-disable to check the answers only"
        )
        raise pytest.UsageError(message)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the ratios."""
    if MEASURED:
        terminalreporter.section("figures")
        for line in as_text(MEASURED):
            terminalreporter.write_line(line)


@pytest.fixture
def compare(benchmark: Any) -> Comparison:
    return Comparison(benchmark)
