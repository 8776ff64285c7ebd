"""OR-tools CP-SAT on the problem that `makespan.plan` solves: the usual model of intervals and cumulative resources."""

import time
from dataclasses import dataclass

import numpy as np
from ortools.sat.python import cp_model

from makespan.formats import PlanProblem

__all__ = ["Solved", "solve"]


@dataclass(frozen=True)
class Solved:
    """What was found in how long; no start where there is no schedule."""

    start: list[float] | None
    makespan: float
    lower_bound: float
    is_optimal: bool
    elapsed_s: float


def solve(problem: PlanProblem, *, time_limit: float) -> Solved:
    """Minimize the makespan on one worker; the limit and the time are of the solver alone, not of making the model."""
    durations = np.rint(problem.durations).astype(np.int64).tolist()
    assert durations == problem.durations.tolist(), "CP-SAT counts in whole seconds"
    model, horizon = cp_model.CpModel(), sum(durations)
    start = [model.new_int_var(0, horizon - duration, "") for duration in durations]
    spans = [
        model.new_fixed_size_interval_var(begin, duration, "") for begin, duration in zip(start, durations, strict=True)
    ]
    sources, targets = (ends.tolist() for ends in problem.graph.edges())
    for before, after in zip(sources, targets, strict=True):
        model.add(start[after] >= start[before] + durations[before])
    for demands, capacity in zip(problem.demands.T.tolist(), problem.capacities.tolist(), strict=True):
        users = [node for node, demand in enumerate(demands) if demand and durations[node]]
        model.add_cumulative([spans[node] for node in users], [demands[node] for node in users], capacity)
    makespan = model.new_int_var(0, horizon, "")
    for node in set(range(len(durations))) - set(sources):
        model.add(makespan >= start[node] + durations[node])
    model.minimize(makespan)
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = time_limit
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 0
    begun_s = time.perf_counter()
    status = solver.solve(model)
    elapsed_s = time.perf_counter() - begun_s
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Solved(None, float("inf"), solver.best_objective_bound, False, elapsed_s)
    found = [float(solver.value(begin)) for begin in start]
    is_optimal = status == cp_model.OPTIMAL
    return Solved(found, solver.objective_value, solver.best_objective_bound, is_optimal, elapsed_s)
