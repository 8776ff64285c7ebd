"""`make plan-cpsat`: our planner beside OR-tools CP-SAT, on the same instances, for as long, one worker each."""

import time
from dataclasses import dataclass
from importlib.metadata import version
from itertools import product

import numpy as np

from benches.cpsat import Solved, solve
from benches.plan_instances import SETS, instances, refuse_broken, source
from benches.plan_runs import Ours, arguments, introduce, mapped, plan_in, row


@dataclass(frozen=True)
class Wanted:
    """One instance of so many of a set, and seconds for each planner."""

    name: str
    n_instances: int
    idx: int
    limit_s: float


def planned(wanted: Wanted) -> tuple[Ours, Solved]:
    """Let one plan after the other, and take turns in who comes first."""
    instance = instances(wanted.name, wanted.n_instances)[wanted.idx]
    if wanted.idx % 2:
        solved = solve(instance.problem, time_limit=wanted.limit_s)
        ours = plan_in(instance, wanted.limit_s)
    else:
        ours = plan_in(instance, wanted.limit_s)
        solved = solve(instance.problem, time_limit=wanted.limit_s)
    if solved.start is not None:
        refuse_broken(instance, solved.start, solved.makespan)
    # Neither may be below what the other has proven.
    assert ours.lower_bound <= solved.makespan, instance.name
    assert solved.lower_bound <= ours.makespan, instance.name
    return ours, solved


def main() -> None:
    parser = arguments(__doc__ or "", limits=[0.1, 1.0])
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--instances", type=int, default=40, help="of each set (default %(default)s)")
    given = parser.parse_args()
    introduce(f"makespan.plan beside OR-tools CP-SAT {version('ortools')}", given.processes)
    row("set", "limit, s", "ours, % above best known", "where CP-SAT has a schedule: ours", "CP-SAT",
        "ours, % above best bound", "CP-SAT", "ours better", "equal", "CP-SAT better", "CP-SAT has none",
        "proven: ours", "CP-SAT", "late: ours", "CP-SAT", "took, s")  # fmt: skip
    row(*["---"] * 16)
    for name, limit_s in product(given.sets, given.limits):
        drawn = instances(name, given.instances)
        begun_s = time.perf_counter()
        wanted = [Wanted(name, given.instances, idx, limit_s) for idx in range(len(drawn))]
        found = list(mapped(planned, wanted, given.processes))
        took_s = time.perf_counter() - begun_s
        ours = np.array([own.makespan for own, _ in found])
        others = np.array([solved.makespan for _, solved in found])
        proven = np.array([max(own.lower_bound, solved.lower_bound) for own, solved in found])
        lowest = np.maximum(proven, [each.lower_bound for each in drawn])
        best = np.array([each.best_known or bound for each, bound in zip(drawn, lowest, strict=True)])
        is_solved = np.isfinite(others)

        def mean(values: np.ndarray, has: np.ndarray = is_solved) -> float | str:
            """Compare where both have a schedule."""
            return 100 * float(np.mean(values[has])) if has.any() else "none"

        row(
            name,
            f"{limit_s:g}",
            100 * float(np.mean(ours / best - 1)),
            mean(ours / best - 1),
            mean(others / best - 1),
            mean(ours / lowest - 1),
            mean(others / lowest - 1),
            int((ours < others).sum()),
            int((ours == others).sum()),
            int((ours > others).sum()),
            int((~is_solved).sum()),
            sum(own.makespan == own.lower_bound for own, _ in found),
            sum(solved.is_optimal for _, solved in found),
            sum(own.is_late for own, _ in found),
            sum(solved.elapsed_s > 1.1 * limit_s + 0.002 for _, solved in found),
            f"{took_s:.0f}",
        )
    print("\nWhere CP-SAT has no schedule, ours counts as better.")
    print("Ours counts as one pass where it is late; what CP-SAT brings late counts in full.")
    print("; ".join(source(name, given.instances) for name in given.sets))


if __name__ == "__main__":
    main()
