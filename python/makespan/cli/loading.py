"""From FILE.py:workflow to the workflow."""

import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType

import makespan as ms
from makespan.cli.arguments import Target, UsageError

__all__ = ["FileFailedError", "Runnable", "find_workflow", "load_file", "signature_of"]

Runnable = ms.WorkflowFunction[..., object] | ms.Workflow


class FileFailedError(Exception):
    """The user's file raised while it was loaded; the cause is what it raised."""


def load_file(file: str) -> ModuleType:
    """Execute a Python file as a module, with its own folder first on the import path.

    Raises
    ------
    UsageError
        There is no such file, or it is not a Python file.
    FileFailedError
        The file raised; its exception is the cause.
    """
    path = Path(file)
    if not path.is_file():
        raise UsageError(f"there is no file {file!r}")
    name = path.stem if path.stem not in sys.modules else f"{path.stem}_workflows"
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise UsageError(f"{file!r} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickle look a class's module up by its name.
    sys.modules[name] = module
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise FileFailedError(file) from error
    return module


def find_workflow(module: ModuleType, target: Target) -> Runnable:
    """Return the workflow that the target names.

    Raises
    ------
    UsageError
        The file has no such name, or it is not a workflow; the message names those it has.
    """
    found = vars(module).get(target.name)
    if isinstance(found, ms.WorkflowFunction | ms.Workflow):
        return found
    known = known_workflows(module)
    has = f"its workflows are: {', '.join(known)}" if known else "it has no workflow"
    problem = "has no" if found is None else f"has a {type(found).__name__}, not a workflow,"
    raise UsageError(f"{target.file!r} {problem} {target.name!r}: {has}")


def known_workflows(module: ModuleType) -> list[str]:
    """Return the names of a module's workflows, in order of definition."""
    kinds = (ms.WorkflowFunction, ms.Workflow)
    return [name for name, value in vars(module).items() if isinstance(value, kinds)]


def signature_of(workflow: Runnable) -> inspect.Signature:
    """Return the parameters that a run takes."""
    if isinstance(workflow, ms.WorkflowFunction):
        return inspect.signature(workflow.function)
    return workflow.signature
