"""Steps: Python functions with what is promised about them."""

from __future__ import annotations

import functools
import operator
import types
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, ParamSpec, Protocol, TypedDict, TypeVar, cast, overload

from makespan import _core
from makespan.exceptions import ConfigurationError, NotComputedYet, ValidationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Concatenate, Literal, Self, TypeAlias, Unpack

    from makespan.cache import Caching

    Names: TypeAlias = tuple[list[str], list[str]]
    """Effects that are read, effects that are written."""

__all__ = ["Effects", "Step", "each", "effect", "get", "step"]

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
A = TypeVar("A")
K = TypeVar("K", contravariant=True)
V = TypeVar("V", covariant=True)

Effects = str | Iterable[str] | Callable[..., str | Iterable[str]]
"""Names of effects: one, several, or a function of the call's arguments that returns them."""


class EffectOptions(TypedDict, total=False):
    """Options of `effect`."""

    name: str | None
    duration: float | None
    outputs: int | None
    keep: bool
    needs: Mapping[str, float | str] | None


class StepOptions(EffectOptions, total=False):
    """Options of `step`."""

    pure: bool
    cheap_check: bool
    merge: Mapping[Step[..., Any], Step[..., Any]] | None
    cache: bool | Caching
    batch: Callable[..., Collection[Any]] | None
    max_batch: int | None
    reads: Effects
    writes: Effects


class Indexable(Protocol[K, V]):
    """What `get` takes elements of."""

    def __getitem__(self, key: K, /) -> V: ...


_CO_VARARGS = 0x04
_CO_VARKEYWORDS = 0x08
_CO_ASYNC = 0x80 | 0x200


class Step(_core.Step, Generic[P, R]):
    """A Python function with what is promised about it: made by `step` and `effect`.

    Called while a workflow is described, it returns a handle of the result; anywhere else it is an ordinary call.

    Examples
    --------
    >>> import makespan as ms
    >>> @ms.step
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> double(21)
    42
    >>> double
    <step double>
    """

    function: Callable[P, R]
    """The plain function."""

    name: str
    """What the nodes of this step are called."""

    _options: StepOptions
    _caching: Caching | None
    _is_effect: bool

    if TYPE_CHECKING:

        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
            """Run the function, or record the call while a workflow is described."""
            ...

        @overload
        def __get__(self, instance: None, owner: type, /) -> Self: ...
        @overload
        def __get__(self: Step[Concatenate[A, Q], R], instance: A, owner: type, /) -> Callable[Q, R]: ...
        def __get__(self, instance: object, owner: type, /) -> object:
            """Bind to an instance, as a function in a class body does."""
            ...
    else:

        def __get__(self, instance, owner=None):
            return self if instance is None else types.MethodType(self, instance)

    def with_options(self, **options: Unpack[StepOptions]) -> Step[P, R]:
        """Return a copy of the step with some options changed.

        Parameters
        ----------
        **options
            Options of `step`.

        Returns
        -------
        step
            A new step; this one stays as it is.

        Raises
        ------
        ConfigurationError
            An option is unknown or has a value that it cannot have.

        Examples
        --------
        >>> import makespan as ms
        >>> fetch = ms.step(lambda url: url.upper(), name="fetch")
        >>> fetch.with_options(name="refetch", duration=0.5)
        <step refetch>
        """
        return _make(self.function, {**self._options, **options}, is_effect=self._is_effect)

    def __repr__(self) -> str:
        return f"<{'effect' if self._is_effect else 'step'} {self.name}>"


@overload
def step(function: Callable[P, R], /, **options: Unpack[StepOptions]) -> Step[P, R]: ...
@overload
def step(**options: Unpack[StepOptions]) -> Callable[[Callable[P, R]], Step[P, R]]: ...
def step(function: Callable[..., Any] | None = None, /, **options: Unpack[StepOptions]) -> object:
    """Make a step of a function: it is ordered by its data and by the effects that it declares, and by nothing else.

    Parameters
    ----------
    function
        A plain function or another callable that is not asynchronous.
    name
        What its nodes are called; by default the function's name.
    pure
        A promise: the result depends on the arguments only, and nothing else happens. A call whose result nobody needs
        may be left out, and of equal calls one may be made for all, whose result they share.
    merge
        By step, another step: ``{read: read_columns}`` promises that the call ``this(read(a, b), c)`` is the same as
        ``read_columns(a, b, c)``. Where nobody else needs the result of ``read``, one call is made for both. All three
        are pure, and these very steps, no copies with other options. Calls with ``cache=`` or a batch form, and those
        that ``after=`` orders, stay by themselves, as do calls of ``read`` that have keyword arguments, handles inside
        of containers, or a positional parameter that is left to its default.
    cheap_check
        A promise: it takes next to nothing, and fails where there is no point in going on. It goes first, together with
        what it needs, as far as data and effects allow, so that a run that is bound to fail does so early. It is made
        also where it is pure and nobody needs its result.
    cache
        Keep results in the engine's `ResultCache`, and take them from there instead of calling the function again; a
        `Caching` says for how long and what counts. Needs ``pure=True``, and arguments that have a key (`key_of`).
    batch
        A function that makes several calls at once, which a strategy may call instead (`BatchSequentialStrategy` does).
        It is called as the step is, with a list in the place of each argument: the values of all calls, in program
        order; ``f(a, key=b)`` and ``f(c, key=d)`` become ``batch([a, c], key=[b, d])``. It returns a sequence of one
        result per call, what the calls would have returned one after the other. A result that is a ``Failed`` is the
        failure of its call. What it raises is the failure of all its calls; of a pure step the calls are then made one
        by one, so that only those fail that would have by themselves.
    max_batch
        Most calls that ``batch`` takes at once; by default the strategy says.
    reads, writes
        Effects by name: a step that writes a name keeps program order with all others that read or write it.
    duration
        Expected seconds, before the first run tells.
    outputs
        The function returns a sequence of this many results; a call is unpacked into as many handles.
    keep
        Keep the results of its nodes for the life of the `RunResult`.
    needs
        What a call occupies while it runs: amounts by resource, as for ``ResourceManager.acquire``. A node waits for
        them while others go on. Granted exactly as declared: a step without ``needs`` occupies nothing but its worker.

    Returns
    -------
    step
        The step; without ``function`` a decorator that makes one.

    Raises
    ------
    ConfigurationError
        An option is unknown or has a value that it cannot have, or the function is asynchronous.

    Examples
    --------
    >>> import makespan as ms
    >>> @ms.step(writes="log")
    ... def note(text: str) -> None:
    ...     print(text)
    >>> note("outside of a workflow this is a call")
    outside of a workflow this is a call
    """
    return _decorated(function, options, is_effect=False)


@overload
def effect(function: Callable[P, R], /, **options: Unpack[EffectOptions]) -> Step[P, R]: ...
@overload
def effect(**options: Unpack[EffectOptions]) -> Callable[[Callable[P, R]], Step[P, R]]: ...
def effect(function: Callable[..., Any] | None = None, /, **options: Unpack[EffectOptions]) -> object:
    """Make a step that may touch anything: it keeps program order with every other step that touches something.

    The safe wrapper for code whose effects nobody has written down yet.

    Parameters
    ----------
    function
        A plain function or another callable that is not asynchronous.
    name, duration, outputs, keep, needs
        As for `step`.

    Returns
    -------
    step
        The step; without ``function`` a decorator that makes one.

    Raises
    ------
    ConfigurationError
        As for `step`; and an effect takes neither ``reads`` nor ``writes``.

    Examples
    --------
    >>> import makespan as ms
    >>> @ms.effect
    ... def legacy() -> None: ...
    >>> legacy
    <effect legacy>
    """
    return _decorated(function, cast("StepOptions", options), is_effect=True)


def each(function: Callable[[A], R], xs: Iterable[A]) -> list[R]:
    """Call a step once for each element of a sequence that is known.

    Parameters
    ----------
    function
        A step that takes one argument.
    xs
        The elements; they may be handles, the sequence itself may not.

    Returns
    -------
    results
        While a workflow is described a handle of the list of results, to be passed on; otherwise the list.

    Raises
    ------
    NotComputedYet
        ``xs`` is a handle: how many elements it has is not known before it is computed.

    Examples
    --------
    >>> import makespan as ms
    >>> @ms.step
    ... def square(x: int) -> int:
    ...     return x * x
    >>> @ms.workflow
    ... def squares(n: int) -> list[int]:
    ...     return ms.each(square, range(n))
    >>> squares(4)
    [0, 1, 4, 9]
    """
    if type(xs) is _core.Handle:
        raise NotComputedYet(xs._path, "iterating over it")
    results = [function(x) for x in xs]
    handle = _core.each_handle(results) if _core.is_tracing() else None
    return results if handle is None else cast("list[R]", handle)


@overload
def get(container: tuple[A, *tuple[Any, ...]], key: Literal[0], /) -> A: ...
@overload
def get(container: tuple[Any, A, *tuple[Any, ...]], key: Literal[1], /) -> A: ...
@overload
def get(container: Indexable[K, V], key: K) -> V: ...
def get(container: Any, key: Any) -> Any:
    """Take an element of a result: ``container[key]``, as a node of its own while a workflow is described.

    Parameters
    ----------
    container
        A handle, or a container.
    key
        Index or key.

    Returns
    -------
    element
        A handle of the element, or the element.

    Examples
    --------
    >>> import makespan as ms
    >>> @ms.step
    ... def pair() -> tuple[int, int]:
    ...     return 1, 2
    >>> @ms.workflow
    ... def second() -> int:
    ...     return ms.get(pair(), 1)
    >>> second()
    2
    """
    return _GET(container, key)


class _Arity(NamedTuple):
    """The parameters of a function, for the native check of a call."""

    names: list[str]
    n_positional_only: int
    n_defaults: int
    keyword_only: list[str]
    keyword_only_required: list[str]
    has_var_positional: bool
    has_var_keyword: bool


def _decorated(function: Callable[..., Any] | None, options: StepOptions, *, is_effect: bool) -> object:
    if function is None:
        return lambda function: _make(function, options, is_effect=is_effect)
    return _make(function, options, is_effect=is_effect)


def _make(
    function: Callable[P, R], options: StepOptions, *, is_effect: bool, arity: _Arity | None = None
) -> Step[P, R]:
    if isinstance(function, _core.Step):
        raise ConfigurationError("function", function, "a function; this is a step already, see with_options")
    if not callable(function):
        raise ConfigurationError("function", function, "a callable")
    if _is_async(function):
        raise ConfigurationError("function", function, "a function that is not async: no executor runs those yet")
    _check_options(options, is_effect=is_effect)
    name = options.get("name") or name_of(function)
    outputs = options.get("outputs") or 0
    cache: Any = options.get("cache", False)
    caching = None if cache is False else _caching(cache, options)
    duration = options.get("duration")
    made: Step[P, R] = Step(
        function=function,
        name=name,
        arity=arity or _arity(function),
        declared="anything" if is_effect else _declared(options.get("reads", ()), options.get("writes", ())),
        duration_ns=None if duration is None else round(duration * 1e9),
        n_outputs=outputs,
        pick=_PICK if outputs else None,
        is_kept=options.get("keep", False),
        is_cheap_check=options.get("cheap_check", False),
        is_pure=options.get("pure", False),
        merges=_merges(options.get("merge"), is_pure=options.get("pure", False)),
        needs=_demands(options.get("needs")),
        batch=options.get("batch"),
        max_batch=options.get("max_batch"),
        caching=None if caching is None else caching.native(),
    )
    functools.update_wrapper(made, function)
    made.function = function
    made.name = name
    made._options = options
    made._caching = caching
    made._is_effect = is_effect
    return made


def _check_options(options: Mapping[str, object], *, is_effect: bool) -> None:
    known = sorted((EffectOptions if is_effect else StepOptions).__annotations__)
    for key, value in options.items():
        if key not in known:
            raise unknown_option(key, value, known)
    name = options.get("name")
    if name is not None:
        check_name(name)
    duration = options.get("duration")
    if duration is not None and not (isinstance(duration, int | float) and 0 <= duration < 1e9):
        raise ConfigurationError("duration", duration, "seconds, not negative")
    outputs = options.get("outputs")
    if outputs is not None and (not isinstance(outputs, int) or isinstance(outputs, bool) or outputs < 1):
        raise ConfigurationError("outputs", outputs, "the number of results, at least 1")
    for key in ("keep", "pure", "cheap_check"):
        if not isinstance(options.get(key, False), bool):
            raise ConfigurationError(key, options[key], "True or False")
    _check_batch(options.get("batch"), options.get("max_batch"))
    if options.get("pure"):
        for key in ("reads", "writes"):
            if options.get(key):
                expected = "nothing: a pure step depends on its arguments only and touches nothing else"
                raise ConfigurationError(key, options[key], expected)


def _merges(merge: object, *, is_pure: bool) -> list[tuple[Any, Any]]:
    if merge is None:
        return []
    if not isinstance(merge, Mapping) or not all(
        isinstance(step, Step) and step._options.get("pure", False) for pair in merge.items() for step in pair
    ):
        raise ConfigurationError("merge", merge, "by pure step, the pure step that is called for both")
    if not is_pure:
        raise ConfigurationError("merge", merge, "nothing without pure=True: calls are left out")
    return list(merge.items())


def _check_batch(batch: object, max_batch: object) -> None:
    if batch is not None and (not callable(batch) or _is_async(batch)):
        raise ConfigurationError("batch", batch, "a function that is not async and makes several calls at once")
    if max_batch is None:
        return
    if batch is None:
        raise ConfigurationError("max_batch", max_batch, "nothing without batch=, whose calls it bounds")
    if not isinstance(max_batch, int) or isinstance(max_batch, bool) or not 1 <= max_batch < 2**32:
        raise ConfigurationError("max_batch", max_batch, "a number of calls, at least 1")


def _caching(cache: object, options: Mapping[str, Any]) -> Caching:
    # Loaded where it is asked for: most programs cache nothing.
    from makespan.cache import checked_caching

    return checked_caching(cache, is_pure=options.get("pure", False))


def _demands(needs: Mapping[str, float | str] | None) -> list[tuple[str, int]]:
    """Read what a step needs, as the core counts it."""
    if needs is None:
        return []
    try:
        return _core.demands(needs)
    except ValidationError as error:
        raise ConfigurationError(error.argument, error.value, error.expected) from None


def check_name(name: object) -> None:
    """Refuse what cannot be part of a path."""
    if not isinstance(name, str) or not name or "/" in name:
        raise ConfigurationError("name", name, "a name without '/'")


def name_of(function: object) -> str:
    """Return what a callable is called; its class's name where it has none of its own."""
    return str(getattr(function, "__name__", type(function).__name__))


def unknown_option(key: str, value: object, known: Sequence[str]) -> ConfigurationError:
    """Make the error for an option that does not exist, with the name that was probably meant."""
    import difflib

    nearest = difflib.get_close_matches(key, known, n=1)
    return ConfigurationError(key, value, f"one of {', '.join(known)}", nearest[0] if nearest else None)


def _names(effects: object, option: str) -> list[str]:
    if isinstance(effects, str):
        effects = (effects,)
    if not isinstance(effects, Iterable):
        raise ConfigurationError(option, effects, "a name, several names, or a function that returns them")
    names = list(effects)
    for name in names:
        if not isinstance(name, str) or not name:
            raise ConfigurationError(option, name, "names that are strings and not empty")
    return names


def _declared(reads: Effects, writes: Effects) -> Names | Callable[..., Names] | None:
    """Return what the native step takes: nothing, two lists, or a function that returns them."""
    if not callable(reads) and not callable(writes):
        names = (_names(reads, "reads"), _names(writes, "writes"))
        return names if any(names) else None

    def computed(*args: Any, **kwargs: Any) -> Names:
        return (
            _names(reads(*args, **kwargs) if callable(reads) else reads, "reads"),
            _names(writes(*args, **kwargs) if callable(writes) else writes, "writes"),
        )

    return computed


def _arity(function: Callable[..., Any]) -> _Arity | None:
    """Read a function's parameters; nothing where it does not tell (some builtins)."""
    if type(function) is types.FunctionType:
        code = function.__code__
        names = code.co_varnames
        keyword_only = list(names[code.co_argcount : code.co_argcount + code.co_kwonlyargcount])
        defaults = function.__kwdefaults__ or {}
        return _Arity(
            names=list(names[: code.co_argcount]),
            n_positional_only=code.co_posonlyargcount,
            n_defaults=len(function.__defaults__ or ()),
            keyword_only=keyword_only,
            keyword_only_required=[name for name in keyword_only if name not in defaults],
            has_var_positional=bool(code.co_flags & _CO_VARARGS),
            has_var_keyword=bool(code.co_flags & _CO_VARKEYWORDS),
        )
    import inspect

    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    kind = inspect.Parameter
    positional = [p for p in parameters if p.kind in (kind.POSITIONAL_ONLY, kind.POSITIONAL_OR_KEYWORD)]
    keyword_only_parameters = [p for p in parameters if p.kind is kind.KEYWORD_ONLY]
    return _Arity(
        names=[p.name for p in positional],
        n_positional_only=sum(p.kind is kind.POSITIONAL_ONLY for p in positional),
        n_defaults=sum(p.default is not kind.empty for p in positional),
        keyword_only=[p.name for p in keyword_only_parameters],
        keyword_only_required=[p.name for p in keyword_only_parameters if p.default is kind.empty],
        has_var_positional=any(p.kind is kind.VAR_POSITIONAL for p in parameters),
        has_var_keyword=any(p.kind is kind.VAR_KEYWORD for p in parameters),
    )


# Its arity is given, since reading that of a builtin imports `inspect`, a third of the time of `import makespan`.
def _is_async(function: Any) -> bool:
    """Tell whether a call returns something to be awaited."""
    while isinstance(function, functools.partial):
        function = function.func
    for called in (function, getattr(function, "__func__", None), vars(type(function)).get("__call__")):
        code = getattr(called, "__code__", None)
        if code is not None and code.co_flags & _CO_ASYNC:
            return True
    return False


def _picked(results: Sequence[Any], idx: int, n_outputs: int) -> Any:
    """Take one of the results of a step with several outputs, which must be as many as it said."""
    if len(results) != n_outputs:
        problem = "too many" if len(results) > n_outputs else "not enough"
        message = f"{problem} values to unpack (expected {n_outputs}, got {len(results)})"
        raise ValueError(message)
    return results[idx]


_GET: Step[..., Any] = _make(
    operator.getitem,
    {"name": "get", "pure": True},
    is_effect=False,
    arity=_Arity(["container", "key"], 2, 0, [], [], has_var_positional=False, has_var_keyword=False),
)
_PICK: Step[..., Any] = _make(_picked, {"name": "get", "pure": True}, is_effect=False)
