"""What all tests share: engines, and hypothesis that draws the same examples each time unless it is told to explore."""

import signal
import sys
from collections.abc import Iterator

import hypothesis
import pytest

import makespan as ms

# No deadline: the machines that run the suite are shared, and time is not what a property is about.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
# pytest --hypothesis-profile=explore: new examples each time, and more of them.
hypothesis.settings.register_profile("explore", max_examples=1000, deadline=None, print_blob=True)
hypothesis.settings.load_profile("ci")

# A shell that starts the suite in the background lets it ignore Ctrl-C, and processes that tests start would too.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> Iterator[ms.SequentialExecutionEngine]:
    """The optimized strategy with four workers, or the configuration that `engines.every_engine` gives."""
    strategy, workers = getattr(request, "param", ("optimized", 4))
    with ms.SequentialExecutionEngine(strategy, workers) as made:
        yield made


@pytest.fixture
def nervous_interpreter() -> Iterator[None]:
    """The interpreter changes threads as often as it can, so that what can interleave does."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)
