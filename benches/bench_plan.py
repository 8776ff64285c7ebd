"""Plans: how far above the best known makespans, after how long, and how fast schedules are generated."""

import time
from dataclasses import dataclass

import numpy as np
import pytest

import makespan as ms
from benches.compare import Comparison
from benches.instances import random
from benches.plan_instances import PlanInstance, instances, refuse_broken, source

N_INSTANCES = 40
LIMITS = [
    ("j30", 0.1),
    ("j30", 1.0),
    ("j60", 1.0),
    ("j120", 0.01),
    ("j120", 0.1),
    ("j120", 1.0),
    ("rg300", 1.0),
]
BUDGETS = [("j30", 5_000), ("j60", 5_000)] + [
    (name, n_schedules) for name in ("j120", "rg300") for n_schedules in (1_000, 5_000, 50_000)
]
SIZES = [1_000, 100_000, 1_000_000]


@dataclass(frozen=True)
class Outcome:
    """What came of a set of instances: means, and sums."""

    gap_percent: float
    gap_percent_of_one_pass: float
    n_late: int
    n_schedules: int
    elapsed_s: float


def run(drawn: list[PlanInstance], *, time_limit: float | None = None, max_schedules: int | None = None) -> Outcome:
    """Plan instances and verify every plan; one that comes late counts as none, so as that of one pass."""
    gaps, gaps_of_one_pass, n_late, n_schedules, elapsed_s = [], [], 0, 0, 0.0
    for instance in drawn:
        problem = instance.problem
        columns = problem.graph, problem.durations, problem.demands, problem.capacities
        first = ms.plan(*columns, max_schedules=1)
        start_s = time.perf_counter()
        found = ms.plan(*columns, time_limit=time_limit, max_schedules=max_schedules)
        own_s = time.perf_counter() - start_s
        for plan in (first, found):
            verify(instance, plan)
        is_late = time_limit is not None and own_s > 1.1 * time_limit + 0.002
        best = instance.best_known or max(found.lower_bound, first.lower_bound)
        gaps.append((first if is_late else found).makespan / best - 1)
        gaps_of_one_pass.append(first.makespan / best - 1)
        n_late += is_late
        n_schedules += found.n_schedules
        elapsed_s += own_s
    return Outcome(100 * float(np.mean(gaps)), 100 * float(np.mean(gaps_of_one_pass)), n_late, n_schedules, elapsed_s)


def verify(instance: PlanInstance, plan: ms.Plan) -> None:
    """Check a plan by plain Python, and against the bounds of others and our own."""
    refuse_broken(instance, plan.start.tolist(), plan.makespan)
    assert plan.makespan >= plan.lower_bound, instance.name
    if instance.best_known is not None:
        assert plan.lower_bound <= instance.best_known, instance.name


@pytest.mark.parametrize(("name", "limit_s"), LIMITS)
def bench_time_limit(compare: Comparison, name: str, limit_s: float) -> None:
    drawn = instances(name, N_INSTANCES if compare.is_timed else 1)
    limits = {"time_limit": limit_s} if compare.is_timed else {"max_schedules": 50}
    outcome = compare._benchmark.pedantic(run, args=(drawn,), kwargs=limits)
    compare.report(
        f"plan-{name}-{limit_s:g}s",
        [outcome.gap_percent],
        ("one pass by upward rank", [outcome.gap_percent_of_one_pass]),
        n=1,
        per=f"plan of {limit_s:g} s",
        source=f"{source(name, len(drawn))}; {outcome.n_late} came late and count as one pass",
    )


@pytest.mark.parametrize(("name", "n_schedules"), BUDGETS)
def bench_schedules(compare: Comparison, name: str, n_schedules: int) -> None:
    drawn = instances(name, N_INSTANCES if compare.is_timed else 1)
    limit = n_schedules if compare.is_timed else 50
    outcome = compare._benchmark.pedantic(run, args=(drawn,), kwargs={"max_schedules": limit})
    compare.report(
        f"plan-{name}-{n_schedules}",
        [outcome.gap_percent],
        ("one pass by upward rank", [outcome.gap_percent_of_one_pass]),
        n=1,
        per=f"plan of {n_schedules:,} schedules",
        source=source(name, len(drawn)),
    )
    if f"plan-{name}-schedule" in RATES and n_schedules == RATES[f"plan-{name}-schedule"]:
        per_schedule_s = outcome.elapsed_s / outcome.n_schedules
        compare.report(
            f"plan-{name}-schedule",
            [per_schedule_s],
            ("the same", [per_schedule_s]),
            n=1,
            per="schedule",
            source=source(name, len(drawn)),
        )


RATES = {"plan-j120-schedule": 50_000, "plan-rg300-schedule": 50_000}
"""Where the time per schedule is taken from."""


@pytest.mark.parametrize("n_nodes", SIZES)
def bench_default_plan(compare: Comparison, n_nodes: int) -> None:
    n = n_nodes if compare.is_timed else 1_000
    drawn = random(f"random_{n}", n, 3 * n)
    graph = ms.DependencyGraph.from_edges(n, drawn.sources, drawn.targets)
    rng = np.random.default_rng(SIZES.index(n_nodes))
    durations, demands = rng.integers(1, 101, n) / 10, rng.integers(1, 4, (n, 2))

    def checked(plan: ms.Plan, expected: float) -> bool:
        plan.check()
        return plan.makespan >= expected

    compare(
        f"plan-default-{n_nodes}",
        lambda: ms.plan(graph, durations, demands, [64, 64]),
        ("the critical path alone", lambda: graph.critical_path(durations).length),
        n=n,
        per="node",
        source=f"random graph of {n:,} nodes and {3 * n:,} edges, 2 resources",
        check=checked,
        rounds=5,
    )
