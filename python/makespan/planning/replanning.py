"""Planning again what is left, when some nodes have finished and others run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from makespan.exceptions import ValidationError
from makespan.planning.objective import objective_value
from makespan.planning.optimizer import ExecutionOptimizer, Hint
from makespan.scheduling.arguments import ids_of, ns_of, vector

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from makespan.planning.options import PlanOptions
    from makespan.planning.plan import Plan

__all__ = ["Progress", "updated"]


@dataclass(frozen=True, eq=False, slots=True)
class Progress:
    """What has happened and what happens at a moment; times of running nodes are whole, by node id."""

    now: float
    finished: NDArray[np.int64]
    running: NDArray[np.int64]
    start: NDArray[np.float64]
    finish: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        plan: Plan,
        now: float,
        finished: ArrayLike,
        finish: ArrayLike | None,
        running: ArrayLike,
        start: ArrayLike | None,
        durations: ArrayLike | None,
    ) -> Progress:
        """Check what is said about a plan at a moment."""
        ns_of(now, "now")
        n_nodes = plan.start.size
        done, active = _nodes(finished, "finished", n_nodes), _nodes(running, "running", n_nodes)
        twice = np.intersect1d(done, active)
        if twice.size:
            raise ValidationError("running", int(twice[0]), "nodes that have not finished")
        starts, finishes = plan.start.copy(), plan.finish.copy()
        finishes[done] = _times(finish, "finish", plan.finish[done])
        _check_past(finishes[done], "finish", now)
        starts[done] = np.minimum(starts[done], finishes[done])
        starts[active] = _times(start, "start", plan.start[active])
        _check_past(starts[active], "start", now)
        expected = _times(durations, "durations", plan.durations[active])
        if (expected < 0).any():
            place = int(np.argmax(expected < 0))
            raise ValidationError(f"durations[{place}]", float(expected[place]), "seconds that are not negative")
        finishes[active] = np.maximum(starts[active] + expected, now)
        progress = cls(float(now), done, active, starts, finishes)
        progress._check_order(plan)
        return progress

    def _check_order(self, plan: Plan) -> None:
        """Refuse nodes that have started before their predecessors have finished."""
        has_finished, has_started = np.zeros((2, plan.start.size), np.bool_)
        has_finished[self.finished] = True
        has_started[self.finished] = has_started[self.running] = True
        source, target = plan.graph.edges()
        wrong = np.flatnonzero(has_started[target] & ~has_finished[source])
        if wrong.size:
            before, after = int(source[wrong[0]]), int(target[wrong[0]])
            argument = "finished" if has_finished[after] else "running"
            raise ValidationError(argument, after, f"nodes behind finished ones, and node {before} has not finished")


def updated(plan: Plan, progress: Progress, limits: dict[str, Any]) -> Plan:
    """Return a plan of all nodes, in which what is not in the past is planned anew."""
    n_nodes = plan.start.size
    is_left = np.ones(n_nodes, np.bool_)
    is_left[progress.finished] = False
    left = np.flatnonzero(is_left)
    options, durations, demands = _left(plan, progress, left)
    capacities: Any = plan.capacities if plan.capacity_steps is None else plan.capacity_steps
    if plan.options.consumed is not None:
        used = plan.demands[progress.finished].sum(axis=0) * np.asarray(plan.options.consumed)
        capacities = plan.capacities - used if plan.capacity_steps is None else (capacities[0], capacities[1] - used)
    modes = np.zeros(n_nodes, np.int64) if plan.modes is None else plan.modes.copy()
    # A running node has only the mode in which it runs.
    free_modes = modes.copy()
    free_modes[progress.running] = 0
    hint = Hint(np.rint(plan.start[left] * 1e9).astype(np.uint64), free_modes[left])
    optimizer = ExecutionOptimizer(options=options, **limits)
    found = optimizer.plan(plan.graph.subgraph(left), durations, demands, capacities, _hint=hint)

    start, finish = progress.start.copy(), progress.finish.copy()
    start[left], finish[left] = found.start, found.finish
    start[progress.running] = progress.start[progress.running]
    all_demands = plan.demands.copy()
    all_demands[left] = found.demands
    if found.modes is not None:
        is_running = np.isin(left, progress.running)
        modes[left[~is_running]] = found.modes[~is_running]
    is_sum = plan.objective in {"weighted_completion", "weighted_tardiness"}
    past = objective_value(plan.options, finish, progress.finished)
    if not left.size or options.objective != plan.objective:
        value = bound = past
    elif is_sum:
        value, bound = found.objective_value + past, found.lower_bound + past
    else:
        value, bound = (max(part, past) for part in (found.objective_value, found.lower_bound))
    return replace(
        found,
        start=start,
        finish=finish,
        makespan=float(finish.max(initial=0.0)),
        lower_bound=bound,
        demands=all_demands,
        capacities=plan.capacities,
        graph=plan.graph,
        durations=finish - start,
        options=plan.options,
        objective_value=value,
        modes=None if plan.modes is None else modes,
        capacity_steps=plan.capacity_steps,
    )


def _left(
    plan: Plan, progress: Progress, left: NDArray[np.int64]
) -> tuple[PlanOptions, NDArray[np.float64], NDArray[np.int64]]:
    """Return the options, durations and demands of what is left; running nodes are fixed now, for their rest."""
    options, n_nodes, running = plan.options, plan.start.size, progress.running
    delay = np.zeros(n_nodes) if options.delay is None else np.asarray(options.delay, np.float64)
    release = np.full(n_nodes, progress.now)
    if options.release is not None:
        release = np.maximum(release, np.asarray(options.release, np.float64))
    # Edges from finished nodes are cut: what they ask for is a release.
    source, target = plan.graph.edges()
    is_cut = np.zeros(n_nodes, np.bool_)
    is_cut[progress.finished] = True
    cut = is_cut[source]
    np.maximum.at(release, target[cut], progress.finish[source[cut]] + delay[target[cut]])
    start = np.full(n_nodes, np.nan) if options.start is None else np.array(options.start, np.float64)
    release[running] = start[running] = progress.now
    durations = plan.durations.copy()
    durations[running] = progress.finish[running] - progress.now
    deadline = None if options.deadline is None else np.array(options.deadline, np.float64)
    if deadline is not None:
        deadline[running] = np.nan
        deadline = deadline[left]
    pick = {name: None if column is None else np.asarray(column)[left] for name, column in _columns(options).items()}
    objective = options.objective
    if not left.size or (objective == "maximum_lateness" and np.isnan(np.asarray(options.due, np.float64)[left]).all()):
        # Nothing that is left counts.
        objective, pick["due"] = "makespan", None
    modes = None
    if options.modes:
        place = {int(node): idx for idx, node in enumerate(left)}
        free = options.modes.keys() - set(running.tolist())
        modes = {place[node]: options.modes[node] for node in sorted(free) if node in place}
    left_options = replace(
        options,
        objective=objective,
        release=release[left],
        deadline=deadline,
        start=start[left],
        modes=modes,
        **pick,
    )
    return left_options, durations[left], plan.demands[left]


def _columns(options: PlanOptions) -> dict[str, Any]:
    return {"due": options.due, "weights": options.weights, "delay": options.delay}


def _nodes(nodes: ArrayLike, argument: str, n_nodes: int) -> NDArray[np.int64]:
    """Return different node ids."""
    ids = np.zeros(0, np.int64) if np.size(np.asarray(nodes)) == 0 else ids_of(nodes, argument)
    is_wrong = (ids < 0) | (ids >= n_nodes)
    if is_wrong.any():
        place = int(np.argmax(is_wrong))
        raise ValidationError(f"{argument}[{place}]", int(ids[place]), f"a node id below {n_nodes}")
    if np.unique(ids).size != ids.size:
        values, counts = np.unique(ids, return_counts=True)
        raise ValidationError(argument, int(values[counts > 1][0]), "different nodes")
    return ids


def _times(given: ArrayLike | None, argument: str, planned: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return given times, or the planned ones where none is given."""
    if given is None:
        return planned
    times = vector(given, argument, np.float64, planned.size)
    return np.where(np.isnan(times), planned, times)


def _check_past(times: NDArray[np.float64], argument: str, now: float) -> None:
    is_wrong = ~((times >= 0) & (times <= now))
    if is_wrong.any():
        place = int(np.argmax(is_wrong))
        raise ValidationError(f"{argument}[{place}]", float(times[place]), f"a time from 0 to now, {now:g}")
