"""What stands on the command line, as values: the target and the arguments of the workflow."""

import ast
import inspect
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Target", "UsageError", "bind_arguments", "parse_arguments", "parse_target"]


class UsageError(Exception):
    """The command was called wrongly; the message says what would be right."""


@dataclass(frozen=True, slots=True)
class Target:
    """A file and the name of a workflow in it."""

    file: str
    name: str


def parse_target(text: str) -> Target:
    """Split FILE.py:workflow; the last colon counts, so that the file may have others.

    >>> parse_target("jobs/nightly.py:report")
    Target(file='jobs/nightly.py', name='report')
    """
    file, separator, name = text.rpartition(":")
    if not separator or not file or not name.isidentifier():
        raise UsageError(f"{text!r} is not of the form FILE.py:workflow")
    return Target(file, name)


def parse_arguments(pairs: Sequence[str]) -> dict[str, object]:
    """Turn name=value pairs into keyword arguments.

    A value is a Python literal where it reads as one and otherwise the string as it stands;
    nothing else is converted.

    >>> parse_arguments(["n=3", "root=src", "tags=['a', 'b']", "text='3'"])
    {'n': 3, 'root': 'src', 'tags': ['a', 'b'], 'text': '3'}
    """
    arguments: dict[str, object] = {}
    for pair in pairs:
        name, separator, text = pair.partition("=")
        if not separator or not name.isidentifier():
            raise UsageError(f"--arg {pair!r} is not of the form name=value")
        if name in arguments:
            raise UsageError(f"--arg {name}=… is given twice")
        arguments[name] = parse_value(text)
    return arguments


def parse_value(text: str) -> object:
    """Return the literal that a text spells, or the text."""
    try:
        value: object = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
    return value


def bind_arguments(signature: inspect.Signature, arguments: dict[str, object]) -> dict[str, object]:
    """Return the arguments if the signature takes them; name the known ones if it does not."""
    keywords = [
        name
        for name, parameter in signature.parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]
    takes_any = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    known = f"it has {', '.join(keywords)}" if keywords else "it has none"
    for name in arguments:
        if name not in keywords and not takes_any:
            raise UsageError(f"the workflow has no parameter {name!r}: {known}")
    missing = [
        name
        for name in keywords
        if name not in arguments and signature.parameters[name].default is inspect.Parameter.empty
    ]
    if missing:
        wanted = " ".join(f"--arg {name}=…" for name in missing)
        raise UsageError(f"the workflow needs a value for {', '.join(missing)}: give {wanted}")
    return arguments
