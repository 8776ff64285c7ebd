"""The workflows of the suite give the same under every strategy as their plain code."""

from pathlib import Path

import pytest

import makespan as ms
from benches.suite.cases import NAMES, NEEDS_PACKAGES, case
from engines import every_engine
from makespan.testing import assert_same


@every_engine
@pytest.mark.parametrize("name", NAMES)
def test_workflow_gives_what_serial_gives(engine: ms.SequentialExecutionEngine, name: str, tmp_path: Path) -> None:
    if name in NEEDS_PACKAGES:
        pytest.importorskip(NEEDS_PACKAGES[name])
    of = case(name)
    with of.data(tmp_path, True) as arguments:
        expected = of.workflow.serial(*arguments)
        for _ in range(2):
            assert_same(engine.run(of.workflow, *arguments).value, expected)


def test_suite_has_work_of_all_kinds() -> None:
    kinds = [case(name).bound_by for name in NAMES if name not in NEEDS_PACKAGES]
    assert len(NAMES) >= 12
    assert kinds.count("cpu") >= 5
    assert kinds.count("waiting") <= 3
