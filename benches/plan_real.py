"""`make plan-real`: real graphs on equal cores, on workers of two speeds, and in orders that keep memory low."""

import statistics
import time
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

import makespan as ms
from benches.plan_runs import arguments, introduce, mapped, row
from benches.real_graphs import FOLDERS, RealGraph, real_graphs, source_of_graphs
from makespan.testing import reference_planner, reference_workers

K = TypeVar("K", str, tuple[str, object])
V = TypeVar("V")
N_CORES = [4, 16, 64]
N_WORKERS_OF_MEMORY = 4


@dataclass(frozen=True)
class Wanted:
    """One graph of a folder, on so many cores, and seconds for it."""

    folder_name: str
    idx: int
    n_cores: int
    limit_s: float


@dataclass(frozen=True)
class OnCores:
    """Quotients by the lower bound: of one pass by upward rank, by default, and after the time limit."""

    family: str
    one_pass: float
    by_default: float
    limited: float
    default_s: float
    default_us_per_node: float


@dataclass(frozen=True)
class OnWorkers:
    """Quotients by the lower bound: of HEFT, and after the time limit."""

    family: str
    heft: float
    limited: float


@dataclass(frozen=True)
class InMemory:
    """Peaks on one worker, quotients by that of depth first; on several, by the peak of not looking at memory."""

    family: str
    ours: float
    dask: float | None
    bound: float
    schedule: float
    makespan: float
    elapsed_s: float


@cache
def graphs(folder_name: str) -> list[RealGraph]:
    return real_graphs(folder_name)


def edges_of(graph: ms.DependencyGraph) -> list[tuple[int, int]]:
    return list(zip(*(ends.tolist() for ends in graph.edges()), strict=True))


def on_cores(wanted: Wanted) -> OnCores | None:
    """Plan under one resource; None where a node needs more cores than there are."""
    each = graphs(wanted.folder_name)[wanted.idx]
    if each.cores.max() > wanted.n_cores:
        return None
    columns = each.graph, each.durations, each.cores[:, None], [wanted.n_cores]
    first = ms.plan(*columns, max_schedules=1)
    begun_s = time.perf_counter()
    default = ms.plan(*columns)
    default_s = time.perf_counter() - begun_s
    limited = ms.plan(*columns, time_limit=wanted.limit_s)
    # What anybody can tell: the longest path, and the work divided by the cores.
    longest = each.graph.critical_path(each.durations).length
    simple = max(longest, float(each.durations @ each.cores) / wanted.n_cores)
    rows = each.durations.tolist(), each.cores[:, None].tolist(), [wanted.n_cores]
    for plan in (first, default, limited):
        broken = list(reference_planner.violations(edges_of(each.graph), *rows, plan.start.tolist()))
        assert broken == [], (each.name, broken[0])
        assert plan.makespan >= max(plan.lower_bound, simple * (1 - 1e-9)), each.name
    bound = max(first.lower_bound, default.lower_bound, limited.lower_bound)
    assert bound >= simple * (1 - 1e-9), each.name
    one_pass, by_default, after_limit = (plan.makespan / bound for plan in (first, default, limited))
    return OnCores(each.family, one_pass, by_default, after_limit, default_s, 1e6 * default_s / each.durations.size)


def on_workers(wanted: Wanted) -> OnWorkers | None:
    """Plan on workers of which half have half the speed: with one core each, or with 4 where a node needs several."""
    each = graphs(wanted.folder_name)[wanted.idx]
    n_each = 1 if each.cores.max() <= 1 else 4
    n_workers = wanted.n_cores // n_each
    if each.cores.max() > n_each or n_workers < 2:
        return None
    speeds = [1.0] * (n_workers // 2) + [0.5] * (n_workers // 2)
    demands = np.maximum(each.cores, 1)

    def planned(time_limit: float | None, max_schedules: int | None) -> ms.WorkerPlan:
        return ms.plan_on_workers(
            each.graph,
            each.durations,
            speeds,
            cores=n_each,
            demands=demands,
            time_limit=time_limit,
            max_schedules=max_schedules,
        )

    first, found = planned(None, 1), planned(wanted.limit_s, None)
    assert first.method == "heft", first.method
    durations_ns = [
        [round(1e9 * seconds) * (1 + (speed < 1)) for speed in speeds] for seconds in each.durations.tolist()
    ]
    transfers = dict.fromkeys(edges_of(each.graph), 0)
    stated = reference_workers.Workers(durations_ns, transfers, cores=[n_each] * n_workers, demands=demands.tolist())
    for plan in (first, found):
        start_ns = [round(1e9 * seconds) for seconds in plan.start.tolist()]
        broken = list(reference_workers.violations(stated, start_ns, plan.worker.tolist()))
        assert broken == [], (each.name, broken[0])
        assert plan.makespan >= plan.lower_bound, each.name
    bound = max(first.lower_bound, found.lower_bound)
    return OnWorkers(each.family, first.makespan / bound, found.makespan / bound)


def in_memory(wanted: Wanted) -> InMemory | None:
    """Order for little memory; None where sizes are not known."""
    each = graphs(wanted.folder_name)[wanted.idx]
    if each.sizes is None:
        return None
    sizes = each.sizes
    begun_s = time.perf_counter()
    found = ms.plan_memory(each.graph, sizes, each.durations, n_workers=N_WORKERS_OF_MEMORY)
    elapsed_s = time.perf_counter() - begun_s
    peak = peak_of(each.graph, sizes, found.order.tolist())
    assert peak == found.order_peak_bytes >= found.lower_bound_bytes, each.name
    deep = peak_of(each.graph, sizes, depth_first(each.graph))
    dask = peak_of(each.graph, sizes, order_of_dask(each.graph)) / deep if find_spec("dask") else None
    return InMemory(
        each.family,
        peak / deep,
        dask,
        found.lower_bound_bytes / deep,
        found.peak_bytes / found.unaware_peak_bytes,
        found.makespan / found.unaware_makespan if found.unaware_makespan else 1.0,
        elapsed_s,
    )


def depth_first(graph: ms.DependencyGraph) -> list[int]:
    """Run what became ready last."""
    followers: list[list[int]] = [[] for _ in range(graph.n_nodes)]
    n_missing = [0] * graph.n_nodes
    for before, after in edges_of(graph):
        followers[before].append(after)
        n_missing[after] += 1
    ready, order = [node for node in reversed(range(graph.n_nodes)) if not n_missing[node]], []
    while ready:
        node = ready.pop()
        order.append(node)
        for after in reversed(followers[node]):
            n_missing[after] -= 1
            if not n_missing[after]:
                ready.append(after)
    return order


def order_of_dask(graph: ms.DependencyGraph) -> list[int]:
    """Return the order in which Dask's scheduler goes through a graph."""
    from dask.order import order

    takes: list[list[int]] = [[] for _ in range(graph.n_nodes)]
    for before, after in edges_of(graph):
        takes[after].append(before)
    calls = {f"n{node}": (sum, [f"n{before}" for before in taken]) for node, taken in enumerate(takes)}
    rank = order(calls)
    return sorted(range(graph.n_nodes), key=lambda node: rank[f"n{node}"])


def peak_of(graph: ms.DependencyGraph, sizes: NDArray[np.int64], order: list[int]) -> int:
    """Return the most bytes that are alive when one worker goes by an order; what nobody takes is kept."""
    takes: list[list[int]] = [[] for _ in range(graph.n_nodes)]
    n_takers = [0] * graph.n_nodes
    for before, after in edges_of(graph):
        takes[after].append(before)
        n_takers[before] += 1
    bytes_, live, peak, is_done = sizes.tolist(), 0, 0, [False] * graph.n_nodes
    for node in order:
        assert all(is_done[before] for before in takes[node]), "each node comes after its predecessors"
        is_done[node] = True
        live += bytes_[node]
        peak = max(peak, live)
        for before in takes[node]:
            n_takers[before] -= 1
            live -= 0 if n_takers[before] else bytes_[before]
    assert all(is_done)
    return peak


def ordered(groups: dict[K, V]) -> list[tuple[K, V]]:
    """Return what is about all graphs after what is about some."""
    return sorted(groups.items(), key=lambda group: "all" in (group[0], group[0][0]))


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def show_cores(found: list[tuple[int, OnCores]]) -> None:
    print("Equal cores: makespan ÷ lower bound.")
    row("graphs", "cores", "number", "one pass: mean", "max", "default: mean", "max", "limited: mean", "max",
        "within 1 % proven", "default, median ms", "max ms", "median µs/node")  # fmt: skip
    row(*["---"] * 13)
    groups: dict[tuple[str, object], list[OnCores]] = defaultdict(list)
    for n_cores, each in found:
        for key in ((each.family, n_cores), ("all", n_cores), ("all", "all")):
            groups[key].append(each)
    for (family, which), group in ordered(groups):
        assert all(each.limited <= each.one_pass for each in group), "a search never makes the first plan worse"
        quotients = [[getattr(each, name) for each in group] for name in ("one_pass", "by_default", "limited")]
        times_ms = [1e3 * each.default_s for each in group]
        row(
            family,
            which,
            len(group),
            *(pick(values) for values in quotients for pick in (statistics.fmean, max)),
            percent(sum(each.limited <= 1.01 for each in group) / len(group)),
            statistics.median(times_ms),
            max(times_ms),
            statistics.median(each.default_us_per_node for each in group),
        )


def show_workers(found: list[tuple[int, OnWorkers]]) -> None:
    print("\nHalf of the workers at half speed: makespan ÷ lower bound.")
    row("graphs", "cores", "number", "HEFT: mean", "max", "limited: mean", "max", "worse than HEFT",
        "HEFT > 5 % above its bound", "ours there, % below HEFT: mean", "at least 5 % below")  # fmt: skip
    row(*["---"] * 11)
    groups: dict[tuple[str, object], list[OnWorkers]] = defaultdict(list)
    for n_cores, each in found:
        for key in ((each.family, n_cores), ("all", "all")):
            groups[key].append(each)
    for (family, which), group in ordered(groups):
        below = [1 - each.limited / each.heft for each in group if each.heft > 1.05]
        row(
            family,
            which,
            len(group),
            statistics.fmean(each.heft for each in group),
            max(each.heft for each in group),
            statistics.fmean(each.limited for each in group),
            max(each.limited for each in group),
            sum(each.limited > each.heft for each in group),
            len(below),
            100 * statistics.fmean(below) if below else "-",
            sum(each >= 0.05 for each in below),
        )


def show_memory(found: list[InMemory]) -> None:
    print("\nMemory: peak on one worker ÷ depth first (geometric means); the schedule of 4 workers ÷ upward rank's.")
    row("graphs", "number", "ours: mean", "max", "lower bound: mean", "Dask: mean", "max", "ours below Dask", "equal",
        "above", "4 workers, peak: mean", "max", "makespan: max", "median ms")  # fmt: skip
    row(*["---"] * 14)
    groups: dict[str, list[InMemory]] = defaultdict(list)
    for each in found:
        groups[each.family].append(each)
        groups["all"].append(each)
    for family, group in ordered(groups):
        assert all(each.schedule <= 1 for each in group), "never a larger peak than without looking at memory"
        pairs = [(each.ours, each.dask) for each in group if each.dask is not None]
        row(
            family,
            len(group),
            statistics.geometric_mean(each.ours for each in group),
            max(each.ours for each in group),
            statistics.geometric_mean(each.bound for each in group),
            statistics.geometric_mean(dask for _, dask in pairs) if pairs else "-",
            max((dask for _, dask in pairs), default="-"),
            sum(ours < dask for ours, dask in pairs),
            sum(ours == dask for ours, dask in pairs),
            sum(ours > dask for ours, dask in pairs),
            statistics.geometric_mean(each.schedule for each in group),
            max(each.schedule for each in group),
            max(each.makespan for each in group),
            1e3 * statistics.median(each.elapsed_s for each in group),
        )


def main() -> None:
    parser = arguments(__doc__ or "", limits=[1.0])
    parser.add_argument("--graphs", type=int, help="the first so many of each folder")
    given = parser.parse_args()
    (limit_s,) = given.limits
    introduce(f"Plans of real graphs, {source_of_graphs()}; limit {limit_s:g} s", given.processes)
    begun_s = time.perf_counter()
    numbers = {name: min(given.graphs or len(graphs(name)), len(graphs(name))) for name in FOLDERS}
    wanted = [
        Wanted(name, idx, n_cores, limit_s) for name in FOLDERS for n_cores in N_CORES for idx in range(numbers[name])
    ]
    equal = mapped(on_cores, wanted, given.processes)
    show_cores([(each.n_cores, one) for each, one in zip(wanted, equal, strict=True) if one])
    unequal = mapped(on_workers, wanted, given.processes)
    show_workers([(each.n_cores, one) for each, one in zip(wanted, unequal, strict=True) if one])
    once = [each for each in wanted if each.n_cores == N_CORES[0]]
    show_memory([one for one in mapped(in_memory, once, given.processes) if one])
    print(f"\n{sum(numbers.values())} graphs ({', '.join(f'{n} {name}' for name, n in numbers.items())}); "
          f"took {time.perf_counter() - begun_s:.0f} s")  # fmt: skip


if __name__ == "__main__":
    main()
