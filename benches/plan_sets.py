"""`make plan-sets`: whole sets of the literature, and how far above the best known makespans plans are on average."""

import time
from dataclasses import dataclass
from itertools import product

import numpy as np

from benches.plan_instances import SETS, instances, set_size, source
from benches.plan_runs import Ours, arguments, introduce, mapped, plan_in, row


@dataclass(frozen=True)
class Wanted:
    """One instance of so many of a set, and what limits its planning."""

    name: str
    n_instances: int
    idx: int
    limit_s: float | None
    max_schedules: int | None


def planned(wanted: Wanted) -> Ours:
    return plan_in(instances(wanted.name, wanted.n_instances)[wanted.idx], wanted.limit_s, wanted.max_schedules)


def main() -> None:
    parser = arguments(__doc__ or "", limits=[0.1, 1.0])
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--instances", type=int, help="a seeded sample of so many instead of the whole set")
    parser.add_argument("--schedules", type=int, nargs="+", help="instead of seconds: a busy machine changes nothing")
    given = parser.parse_args()
    limits: list[tuple[float | None, int | None]] = [(limit_s, None) for limit_s in given.limits]
    if given.schedules:
        limits = [(None, max_schedules) for max_schedules in given.schedules]
    introduce("Plans of whole sets, % above the best known makespan", given.processes)
    row("set", "limit", "mean %", "max %", "one pass, mean %", "above longest path, %", "best known reached",
        "proven", "late", "mean s", "of a core", "took, s")  # fmt: skip
    row(*["---"] * 12)
    for name, (limit_s, max_schedules) in product(given.sets, limits):
        n_instances = min(given.instances or set_size(name), set_size(name))
        drawn = instances(name, n_instances)
        begun_s = time.perf_counter()
        wanted = [Wanted(name, n_instances, idx, limit_s, max_schedules) for idx in range(len(drawn))]
        found = list(mapped(planned, wanted, given.processes))
        took_s = time.perf_counter() - begun_s
        best = [each.best_known or plan.lower_bound for each, plan in zip(drawn, found, strict=True)]
        paths = [each.problem.graph.critical_path(each.problem.durations).length for each in drawn]
        above = np.array([plan.makespan for plan in found]) / best - 1
        row(
            name,
            f"{limit_s:g} s" if limit_s else f"{max_schedules:,} schedules",
            100 * float(above.mean()),
            100 * float(above.max()),
            100 * float(np.mean(np.array([plan.one_pass for plan in found]) / best - 1)),
            100 * float(np.mean(np.array([plan.makespan for plan in found]) / paths - 1)),
            f"{int((above <= 0).sum())} of {len(drawn)}",
            sum(plan.makespan == plan.lower_bound for plan in found),
            sum(plan.is_late for plan in found),
            float(np.mean([plan.elapsed_s for plan in found])),
            f"{sum(plan.processor_s for plan in found) / sum(plan.elapsed_s for plan in found):.0%}",
            f"{took_s:.0f}",
        )
        for each, plan in zip(drawn, found, strict=True):
            if each.best_known is not None and plan.makespan < each.best_known:
                print(f"new best: {each.name}, {plan.makespan:g} instead of {each.best_known:g}")
    print("\n" + "; ".join(source(name, min(given.instances or set_size(name), set_size(name))) for name in given.sets))


if __name__ == "__main__":
    main()
