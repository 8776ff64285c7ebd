"""Exceptions: one root, the built-in kinds that callers know, and groups that stay groups."""

import pickle

import pytest

import makespan as ms

FAILURES = [ms.StepFailedError("report/load[0]", 0, 1), ms.StepFailedError("report/clean[0]", 3, 2)]


@pytest.mark.parametrize(
    ("error", "kinds"),
    [
        (ms.NotComputedYet("demo/load[0]", "adding"), (ms.WorkflowError, TypeError, ValueError)),
        (ms.CycleError((0, 1, 0)), (ms.WorkflowError, ValueError)),
        (ms.UnknownNodeError("load", "demo/clean[0]"), (ms.WorkflowError, LookupError)),
        (ms.ArgumentMismatchError("load", "too many"), (ms.WorkflowError, TypeError)),
        (ms.ForeignHandleError("load", "demo/load[0]"), (ms.WorkflowError,)),
        (ms.ConfigurationError("workers", 0, "at least 1"), (ValueError,)),
        (ms.ValidationError("source", 3, "less"), (ValueError,)),
        (ms.StrategyError("quick", ("optimized",)), (LookupError,)),
        (ms.MissingDependencyError("cli"), (ImportError,)),
        (ms.StepFailedError("demo/load[0]", 0, 1), (ms.RunError,)),
        (ms.RunFailedError("demo", FAILURES), (ExceptionGroup,)),
        (ms.Failed(3), ()),
        (ms.InternalError("story"), ()),
        (ms.SchedulerError(3, "waiting", "finished"), ()),
    ],
)
def test_exception_has_the_root_and_the_kinds_that_callers_know(
    error: ms.ExecutionException, kinds: tuple[type[Exception], ...]
) -> None:
    assert isinstance(error, (ms.ExecutionException, *kinds))
    assert all(isinstance(error, kind) for kind in kinds)
    assert str(error)
    assert error.to_dict()["code"] == error.code


def test_cycle_is_shown_as_it_is_walked() -> None:
    assert str(ms.CycleError(("a", "b", "a"))) == "these nodes wait for each other: a -> b -> a"


def test_group_splits_into_groups_of_its_kind() -> None:
    group = ms.RunFailedError("report failed", FAILURES)
    assert group.failures == group.exceptions == tuple(FAILURES)
    matched, rest = group.split(lambda error: isinstance(error, ms.StepFailedError) and error.index == 3)
    assert isinstance(matched, ms.RunFailedError)
    assert isinstance(rest, ms.RunFailedError)
    assert (matched.failures, rest.failures) == ((FAILURES[1],), (FAILURES[0],))
    assert group.subgroup(ValueError) is None


def test_group_of_nothing_is_refused_as_every_group() -> None:
    with pytest.raises(ValueError, match="non-empty"):
        ms.RunFailedError("report failed", [])


def test_failed_run_survives_pickling_without_its_result() -> None:
    with pytest.raises(ms.RunFailedError) as caught:
        ms.Workflow.sequence([int], name="report").run("x")
    error = caught.value
    copy = pickle.loads(pickle.dumps(error))
    assert [(failure.path, failure.index, failure.attempts) for failure in copy.failures] == [("report/int[0]", 0, 1)]
    assert copy.message == error.message
    assert copy.result is None


def test_long_values_are_cut_in_messages() -> None:
    assert len(str(ms.ConfigurationError("workers", "x" * 10_000, "a number"))) < 300
    assert len(str(ms.Failed([0] * 10_000))) < 300
