"""The version of a step's code: a digest that changes when what a call does may have changed."""

from __future__ import annotations

import functools
import sys
import types
import weakref
from typing import TYPE_CHECKING, Any

from makespan import _core
from makespan.exceptions import UnkeyableError

if TYPE_CHECKING:
    from makespan.step import Step

__all__ = ["version_of"]


def version_of(step: Step[..., Any]) -> bytes:
    """Return what the keys of a step's calls begin with.

    It is made of the step's declared version, or else of its function: code, constants, defaults, closure, and in the
    same way of the functions and classes of the same package that it uses by name, and of values in its modules that
    have a key (dicts, lists and sets where their name is in capitals). Of other packages only the names count. Made
    once per step.

    Parameters
    ----------
    step
        A step.

    Returns
    -------
    version
        32 bytes.

    Raises
    ------
    UnkeyableError
        A default or a closed-over variable of the function has no key, or it is no function.

    Examples
    --------
    >>> import makespan as ms
    >>> version_of(ms.step(lambda x: x + 1)) == version_of(ms.step(lambda x: x + 2))
    False
    """
    known = _versions.get(step)
    if known is None:
        known = _versions[step] = _version(step)
    return known


_versions: weakref.WeakKeyDictionary[Step[..., Any], bytes] = weakref.WeakKeyDictionary()


def _version(step: Step[..., Any]) -> bytes:
    function: Any = step.function
    caching = step._caching
    walk = _Walk(step.name, _package(function))
    try:
        if caching is not None and caching.version is not None:
            described: object = ("declared", step.name, caching.version, walk.declared(function))
        else:
            described = walk.callable_(function)
    except RecursionError:
        raise UnkeyableError(f"code of {step.name}", "what it uses is nested too deep; give its version") from None
    ignored = None if caching is None else tuple(caching.ignore)
    return bytes.fromhex(_core.durable_key((described, ignored), f"code of {step.name}"))


def _package(function: Any) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    module = getattr(function, "__module__", None) or type(function).__module__
    return str(module).partition(".")[0]


class _Walk:
    """Describes code by values that have keys; what was met before is named by the order in which it was met."""

    def __init__(self, step: str, package: str) -> None:
        self._step = step
        self._package = package
        self._met: dict[int, int] = {}
        self._held: list[object] = []

    def declared(self, function: Any) -> object:
        """Describe what a declared version does not stand for: the name, and what is bound to the function."""
        if isinstance(function, functools.partial):
            bound = (self._bound(function.args), self._bound(tuple(function.keywords.items())))
            return ("partial", self.declared(function.func), bound)
        if isinstance(function, types.MethodType):
            return ("method", self._bound(function.__self__), self.declared(function.__func__))
        name = (getattr(function, "__module__", None), getattr(function, "__qualname__", None))
        if not isinstance(function, types.FunctionType):
            return (*name, self._bound(function))
        cells = [self._bound(_contents(cell)) for cell in function.__closure__ or ()]
        return (*name, cells, [self._bound(value) for value in function.__defaults__ or ()])

    def _bound(self, value: object) -> object:
        """Describe a value where it has a key; the version has to stand for it where it has none."""
        try:
            return self._value(value, "bound value")
        except UnkeyableError:
            return None

    def callable_(self, function: Any) -> object:
        """Describe what a step calls."""
        if isinstance(function, functools.partial):
            name = f"argument of {function.func!r}"
            bound = (self._value(function.args, name), self._value(tuple(function.keywords.items()), name))
            return ("partial", self.callable_(function.func), bound)
        if isinstance(function, types.MethodType):
            return ("method", self._value(function.__self__, "self"), self.callable_(function.__func__))
        if isinstance(function, types.FunctionType):
            return self._function(function)
        if isinstance(function, type):
            return self._class(function)
        if isinstance(function, types.BuiltinFunctionType | types.MethodDescriptorType | types.WrapperDescriptorType):
            owner = getattr(function, "__self__", None)
            of = None if owner is None or isinstance(owner, types.ModuleType) else self._value(owner, "self")
            return ("builtin", getattr(function, "__module__", None) or "builtins", function.__qualname__, of)
        if isinstance(function, _core.Step):
            return self.callable_(function.function)  # type: ignore[attr-defined]
        if hasattr(function, "__wrapped__"):
            return ("wrapper", _name(type(function)), self.callable_(function.__wrapped__))
        if isinstance(vars(type(function)).get("__call__"), types.FunctionType):
            return ("instance", self._value(function, "self"), self._class(type(function)))
        raise UnkeyableError(f"code of {self._step}", f"nothing is known of the code of {function!r}; give its version")

    def _function(self, function: types.FunctionType) -> object:
        met = self._meet(function)
        if met is not None:
            return met
        # What the step's own function closes over must have a key; of what others hold the type has to do.
        is_required = len(self._met) == 1
        code = function.__code__
        closure = [
            (name, self._used(_contents(cell), f"closed-over variable {name!r}", is_required=is_required))
            for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True)
        ]
        defaults = [self._used(value, "a default", is_required=is_required) for value in function.__defaults__ or ()]
        keywords = [
            (name, self._used(value, f"default of {name!r}", is_required=is_required))
            for name, value in (function.__kwdefaults__ or {}).items()
        ]
        names = self._names(code, function.__globals__)
        # A digest, so that a long chain of calls is not nested deep.
        return self._value(("function", self._code(code), closure, defaults, keywords, names), "code")

    def _code(self, code: types.CodeType) -> object:
        """Describe code without where it stands: file, lines."""
        constants = [
            self._code(constant) if isinstance(constant, types.CodeType) else constant for constant in code.co_consts
        ]
        counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
        names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
        version = sys.version_info[:2]
        return ("code", version, code.co_name, counts, code.co_code, code.co_exceptiontable, names, constants)

    def _names(self, code: types.CodeType, namespace: dict[str, Any]) -> object:
        """Describe what the names stand for that code looks up in its module."""
        found: list[object] = []
        codes = [code]
        while codes:
            code = codes.pop()
            codes.extend(constant for constant in code.co_consts if isinstance(constant, types.CodeType))
            for name in code.co_names:
                if name not in namespace:
                    continue
                value = namespace[name]
                found.append((name, self._of_module(value, name, code, set())))
        return found

    def _of_module(self, value: Any, name: str, code: types.CodeType, met: set[int]) -> object:
        """Describe a value that code names, or, of a module of ours, what it may name in that."""
        if not isinstance(value, types.ModuleType) or not self._is_ours(value.__name__) or id(value) in met:
            return self._used(value, name)
        met.add(id(value))
        members = [member for member in code.co_names if member in vars(value)]
        return [(member, self._of_module(vars(value)[member], member, code, met)) for member in members]

    def _used(self, value: Any, name: str, *, is_required: bool = False) -> object:
        """Describe what code uses by name; a value without a key by its type, unless it is required."""
        if isinstance(value, dict | list | set | bytearray) and not (is_required or name.isupper()):
            # It may be something that code fills as it goes, which a name in capitals says it is not.
            return ("object", _name(type(value)))
        try:
            return self._thing(value, name)
        except UnkeyableError:
            if is_required:
                raise
            return ("object", _name(type(value)))

    def _thing(self, value: Any, name: str) -> object:
        """Describe code by what it is made of, and everything else by its key."""
        if isinstance(value, types.ModuleType):
            return ("module", value.__name__)
        if isinstance(value, _core.Step):
            return self.callable_(value.function)  # type: ignore[attr-defined]
        if isinstance(value, types.FunctionType | type):
            if not self._is_ours(value.__module__) and "<locals>" not in value.__qualname__:
                return ("foreign", _name(value))
            return self._function(value) if isinstance(value, types.FunctionType) else self._class(value)
        if isinstance(value, functools.cached_property | functools.partialmethod):
            return ("descriptor", self._used(value.func, name))
        if isinstance(value, types.MethodType | functools.partial | types.BuiltinFunctionType):
            return self.callable_(value)
        wrapped = vars(value).get("__wrapped__") if _has_dict(value) else None
        if callable(wrapped):
            return ("wrapper", _name(type(value)), self._used(wrapped, name))
        return ("value", self._value(value, name))

    def _class(self, cls: type) -> object:
        if not self._is_ours(cls.__module__) and "<locals>" not in cls.__qualname__:
            return ("foreign", _name(cls))
        met = self._meet(cls)
        if met is not None:
            return met
        bases = [self._class(base) for base in cls.__bases__ if base is not object]
        members = []
        for name, member in sorted(vars(cls).items()):
            plain = getattr(member, "__func__", member)
            if isinstance(plain, property):
                members.append((name, [self._used(part, name) for part in (plain.fget, plain.fset, plain.fdel)]))
            elif isinstance(plain, types.FunctionType | type | _core.Step) or not (
                name.startswith("__") and name.endswith("__")
            ):
                members.append((name, [self._used(plain, name)]))
        return self._value(("class", _name(cls), bases, members), "code")

    def _value(self, value: object, name: str) -> object:
        """Return the key of a value that is part of the code."""
        return _core.durable_key(value, f"{name} of {self._step}")

    def _meet(self, thing: object) -> object:
        """Tell how a function or class that was met already is referred to."""
        if id(thing) in self._met:
            return ("met", self._met[id(thing)])
        self._met[id(thing)] = len(self._met)
        self._held.append(thing)
        return None

    def _is_ours(self, module: str | None) -> bool:
        return module is not None and module.partition(".")[0] == self._package


def _contents(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        # Not assigned yet: it cannot have mattered.
        return None


def _name(thing: Any) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


def _has_dict(value: Any) -> bool:
    try:
        return isinstance(vars(value), dict)
    except Exception:  # noqa: BLE001 (somebody else's attributes)
        return False
