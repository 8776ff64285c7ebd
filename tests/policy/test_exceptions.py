"""Every exception has one root, survives pickling, and says what it is."""

import inspect
import json
import pickle

import pytest

import makespan as ms
from makespan import exceptions

# A value of each parameter that an exception's constructor may have, by its name.
SAMPLES: dict[str, object] = {
    "argument": "durations[3]",
    "attempts": 2,
    "available": 1.0,
    "batch": ("report/load[0]", 12),
    "callee": "load",
    "capacity": 4,
    "cycle": ("a", "b", "a"),
    "event": "finished",
    "expected": "a number of at least 1",
    "extra": "cli",
    "found": "3 results",
    "handle": "report/load[0]",
    "index": 7,
    "is_proven": True,
    "key": "workers",
    "known": ("optimized", "sequential"),
    "limit_s": 2.0,
    "n_refused": 2,
    "name": "quick",
    "nearest": "workers",
    "operation": "bool()",
    "path": "report/load[0]",
    "reached_s": 3.5,
    "reason": "missing a required argument: 'x'",
    "referrer": "report/clean[0]",
    "requested": 2.5,
    "resource": "net",
    "size_max": 1_000,
    "state": "waiting",
    "step": "load",
    "story": "a node finished twice",
    "term": "deadline",
    "timeout_s": 0.5,
    "value": 0,
}


def subclasses(cls: type[ms.ExecutionException]) -> list[type[ms.ExecutionException]]:
    """Return the class and all below it, in a stable order; those of tests are not ours."""
    found, pending = [], [cls]
    while pending:
        current = pending.pop()
        if current.__module__.startswith("makespan.") and current not in found:
            found.append(current)
        pending.extend(current.__subclasses__())
    return sorted(found, key=lambda found_class: found_class.__name__)


CLASSES = subclasses(exceptions.ExecutionException)


def sample(cls: type[ms.ExecutionException]) -> ms.ExecutionException:
    if issubclass(cls, ExceptionGroup):
        failures = [ms.StepFailedError("report/load[0]", 0, 1), ms.StepFailedError("report/load[1]", 1, 2)]
        return cls("report failed", failures)
    if "__init__" not in vars(cls):
        return cls("what happened")
    parameters = list(inspect.signature(cls).parameters)
    return cls(*(SAMPLES[name] for name in parameters))


def test_the_hierarchy_is_there() -> None:
    assert len(CLASSES) > 10
    assert {ms.RunFailedError, ms.StepFailedError, ms.CycleError, ms.Failed} <= set(CLASSES)


def test_all_exceptions_are_reachable_from_the_root() -> None:
    defined = {
        value
        for value in vars(exceptions).values()
        if inspect.isclass(value) and issubclass(value, BaseException) and value.__module__ == exceptions.__name__
    }
    assert defined <= set(CLASSES)
    assert {cls.__name__ for cls in defined} == set(exceptions.__all__)


def test_codes_are_distinct() -> None:
    assert len({cls.code for cls in CLASSES}) == len(CLASSES)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_exception_survives_pickling(cls: type[ms.ExecutionException]) -> None:
    error = sample(cls)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is cls
    assert str(copy) == str(error)
    if isinstance(error, ms.RunFailedError):
        assert isinstance(copy, ms.RunFailedError)
        assert list(map(str, copy.failures)) == list(map(str, error.failures))
    else:
        assert copy.args == error.args
        assert vars(copy) == vars(error)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_message_names_the_data_and_is_one_sentence(cls: type[ms.ExecutionException]) -> None:
    message = str(sample(cls))
    assert message
    assert not message.endswith(".")
    assert "\n" not in message


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_exception_has_a_json_form(cls: type[ms.ExecutionException]) -> None:
    form = json.loads(json.dumps(sample(cls).to_dict()))
    assert form["code"] == cls.code
    assert form["type"] == cls.__name__
