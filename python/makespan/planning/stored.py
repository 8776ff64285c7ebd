"""Plans as JSON, and back: every number comes back as it was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from makespan.exceptions import ValidationError
from makespan.planning.options import OBJECTIVES, PlanOptions
from makespan.scheduling.graph import DependencyGraph

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["fields_of", "text_of"]

FORMAT, VERSION = "makespan.plan", 1
SCALARS: dict[str, type] = {
    "makespan": float,
    "lower_bound": float,
    "method": str,
    "n_schedules": int,
    "elapsed_s": float,
    "is_truncated": bool,
    "objective_value": float,
}
TIMES = ("start", "finish", "durations")
COLUMNS = ("release", "deadline", "due", "weights", "start", "delay")


def text_of(plan: Any) -> str:
    """Return a plan as one JSON object."""
    source, target = plan.graph.edges()
    labels = plan.graph.labels
    is_plain = labels is not None and all(isinstance(label, str) for label in labels)
    stored = {
        "format": FORMAT,
        "version": VERSION,
        **{name: kind(getattr(plan, name)) for name, kind in SCALARS.items()},
        "n_nodes": plan.graph.n_nodes,
        "source": source.tolist(),
        "target": target.tolist(),
        "labels": list(labels) if is_plain else None,
        **{name: getattr(plan, name).tolist() for name in TIMES},
        "demands": plan.demands.tolist(),
        "capacities": plan.capacities.tolist(),
        "modes": None if plan.modes is None else plan.modes.tolist(),
        "capacity_steps": None if plan.capacity_steps is None else [part.tolist() for part in plan.capacity_steps],
        "options": _options_stored(plan.options),
    }
    return json.dumps(stored, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def fields_of(text: str) -> dict[str, Any]:
    """Return what `Plan` takes; the error names the entry that is wrong."""
    try:
        stored = json.loads(text)
    except (ValueError, RecursionError) as error:
        place = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "the text"
        raise ValidationError(place, getattr(error, "msg", str(error)), "JSON") from None
    if not isinstance(stored, dict) or stored.get("format") != FORMAT:
        found = stored.get("format") if isinstance(stored, dict) else type(stored).__name__
        raise ValidationError("format", found, f"{FORMAT!r}, as `Plan.to_json` writes")
    if stored.get("version") != VERSION or isinstance(stored["version"], bool):
        raise ValidationError("version", stored.get("version"), f"{VERSION}: a newer makespan has written this plan")
    fields: dict[str, Any] = {}
    for name, kind in SCALARS.items():
        value = stored.get(name)
        is_whole_float = kind is float and type(value) is int
        if type(value) is not kind and not is_whole_float:
            raise ValidationError(name, value, f"a value of type {kind.__name__}")
        fields[name] = kind(value)
        if kind is float:
            _numbers(stored, name, np.float64, ())
    n_nodes = stored.get("n_nodes")
    if type(n_nodes) is not int or n_nodes < 0:
        raise ValidationError("n_nodes", n_nodes, "a whole number that is not negative")
    for name in TIMES:
        fields[name] = _numbers(stored, name, np.float64, (n_nodes,))
    fields["capacities"] = _numbers(stored, "capacities", np.int64, (-1,))
    fields["demands"] = _numbers(stored, "demands", np.int64, (n_nodes, fields["capacities"].size))
    fields["graph"] = _graph(stored, n_nodes)
    fields["options"] = _options(stored, n_nodes, fields["capacities"].size)
    fields["modes"] = None if stored.get("modes") is None else _numbers(stored, "modes", np.int64, (n_nodes,))
    fields["capacity_steps"] = _steps(stored, fields["capacities"].size)
    return fields


def _options_stored(options: PlanOptions) -> dict[str, Any]:
    """Return options as JSON has them: null stands for what asks for nothing, as NaN and infinity do."""
    stored: dict[str, Any] = {"objective": options.objective}
    for name in COLUMNS:
        column = getattr(options, name)
        if column is not None:
            stored[name] = [time if np.isfinite(time) else None for time in np.asarray(column, np.float64).tolist()]
    if options.consumed is not None:
        stored["consumed"] = np.asarray(options.consumed, np.bool_).tolist()
    if options.modes is not None:
        stored["modes"] = [
            [int(node), [[float(seconds), [int(amount) for amount in demand]] for seconds, demand in modes]]
            for node, modes in options.modes.items()
        ]
    return stored


def _options(stored: dict[str, Any], n_nodes: int, n_resources: int) -> PlanOptions:
    given = stored.get("options")
    if not isinstance(given, dict) or given.get("objective") not in OBJECTIVES:
        raise ValidationError("options", given, f"an object with an objective, one of {', '.join(OBJECTIVES)}")
    fields: dict[str, Any] = {"objective": given["objective"]}
    for name in COLUMNS:
        column = given.get(name)
        if column is not None:
            # Entries that are no numbers are refused as such, below.
            times = [np.nan if time is None else time for time in column] if isinstance(column, list) else column
            fields[name] = _numbers({name: times}, name, np.float64, (n_nodes,), finite=False)
    consumed = given.get("consumed")
    if consumed is not None:
        if not isinstance(consumed, list) or [type(is_used) for is_used in consumed] != [bool] * n_resources:
            raise ValidationError("consumed", consumed, f"{n_resources} times true or false")
        fields["consumed"] = consumed
    if given.get("modes") is not None:
        fields["modes"] = _modes(given["modes"], n_nodes, n_resources)
    return PlanOptions(**fields)


def _modes(given: Any, n_nodes: int, n_resources: int) -> dict[int, list[tuple[float, list[int]]]]:
    expected = f"[node, [[seconds, [amount of each of the {n_resources} resources]], ...]] for nodes below {n_nodes}"
    modes: dict[int, list[tuple[float, list[int]]]] = {}
    try:
        for node, alternatives in given:
            rows = [(seconds, demand) for seconds, demand in alternatives]
            is_fit = all(type(seconds) in (int, float) and len(demand) == n_resources for seconds, demand in rows)
            is_whole = all(type(amount) is int for _, demand in rows for amount in demand)
            if type(node) is not int or not 0 <= node < n_nodes or not rows or not is_fit or not is_whole:
                raise ValidationError("options.modes", node, expected)
            modes[node] = [(float(seconds), demand) for seconds, demand in rows]
    except (TypeError, ValueError):
        raise ValidationError("options.modes", type(given).__name__, expected) from None
    return modes


def _steps(stored: dict[str, Any], n_resources: int) -> tuple[NDArray[np.float64], NDArray[np.int64]] | None:
    given = stored.get("capacity_steps")
    if given is None:
        return None
    if not isinstance(given, list) or len(given) != 2:
        raise ValidationError("capacity_steps", given, "times and rows of amounts, or null")
    parts = {"capacity_steps[0]": given[0], "capacity_steps[1]": given[1]}
    times = _numbers(parts, "capacity_steps[0]", np.float64, (-1,))
    return times, _numbers(parts, "capacity_steps[1]", np.int64, (times.size, n_resources))


def _numbers(
    stored: dict[str, Any], name: str, kind: type, shape: tuple[int, ...], *, finite: bool = True
) -> NDArray[Any]:
    """Return an entry as an array of a shape, in which -1 stands for any length; JSON's lists without entries fit."""
    whole = np.issubdtype(kind, np.integer)
    what = f"{'whole numbers' if whole else 'finite numbers'}, shape {shape}".replace("-1", "n")
    try:
        array = np.array(stored.get(name))
    except ValueError:
        raise ValidationError(name, "rows of different lengths", what) from None
    wanted = tuple(have if want == -1 else want for want, have in zip(shape, array.shape, strict=False))
    if array.size == 0 and 0 in (array.shape + wanted) and np.prod(shape) in (0, -1):
        return np.zeros([max(length, 0) for length in shape], kind)
    if len(array.shape) != len(shape) or array.shape != wanted:
        raise ValidationError(name, f"shape {array.shape}", what)
    if array.dtype.kind not in ("i" if whole else "if") or (finite and not np.isfinite(array).all()):
        raise ValidationError(name, f"dtype {array.dtype}", what)
    return array.astype(kind)


def _graph(stored: dict[str, Any], n_nodes: int) -> DependencyGraph:
    source = _numbers(stored, "source", np.int64, (-1,))
    target = _numbers(stored, "target", np.int64, (source.size,))
    labels = stored.get("labels")
    if labels is None:
        return DependencyGraph.from_edges(n_nodes, source, target)
    is_named = isinstance(labels, list) and len(labels) == n_nodes and all(isinstance(label, str) for label in labels)
    if not is_named or len(set(labels)) != n_nodes:
        raise ValidationError("labels", labels, f"{n_nodes} different texts, or null")
    ends = DependencyGraph.from_edges(n_nodes, source, target)
    return DependencyGraph.from_dict(
        {label: [labels[before] for before in ends.predecessors(node)] for node, label in enumerate(labels)}
    )
