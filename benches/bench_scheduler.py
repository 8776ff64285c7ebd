"""The scheduler of arrays beside graphlib, and beside the same decisions in plain Python, on the same graphs."""

import gc
import os
import subprocess
import sys
import time
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import makespan as ms
from benches.compare import Comparison, Seconds
from benches.instances import Instance, durations_ns, layered_100k, random_1m
from benches.pure_python.scheduler import HeapScheduler, PoolScheduler, simulate, successors_of
from makespan.testing import Simulation
from makespan.testing import simulate as simulate_ours

BATCH = 1_024
N_ROUNDS = 5
CAPACITIES = (1_200, 1_500, 1_800)
PURE = "pure Python"

Ids = NDArray[np.int64]


class Needed:
    """What is known of nodes: priorities with many equals, and amounts of three resources."""

    def __init__(self, n_nodes: int) -> None:
        drawn = durations_ns(n_nodes)
        self.priorities = (drawn * 7 % 1_000).astype(np.float64)
        self.demands = np.stack([drawn % 4, drawn // 4 % 4, drawn // 16 % 4], axis=1)
        self.durations = drawn
        self.as_lists: tuple[list[float], list[list[int]]] = (self.priorities.tolist(), self.demands.tolist())


@cache
def graph_of(instance: Instance) -> ms.DependencyGraph:
    return ms.DependencyGraph.from_edges(instance.n_nodes, instance.sources, instance.targets)


@cache
def lists_of(instance: Instance) -> tuple[list[list[int]], list[int]]:
    return successors_of(instance.n_nodes, instance.sources.tolist(), instance.targets.tolist())


def ours_of(instance: Instance, needed: Needed) -> ms.ExecutionScheduler:
    return ms.ExecutionScheduler(
        graph_of(instance), priorities=needed.priorities, demands=needed.demands, capacities=CAPACITIES
    )


def theirs_of(instance: Instance, needed: Needed, capacities: tuple[int, ...] = CAPACITIES) -> PoolScheduler:
    return PoolScheduler(*lists_of(instance), *needed.as_lists, capacities)


class Run:
    """A loop over a new scheduler, which is made outside of the time that is taken."""

    def __init__(self) -> None:
        self.times_s: list[float] = []
        self.order: list[Any] = []
        self._scheduler: Any = None

    def prepare(self, scheduler: Any) -> None:
        self._scheduler = scheduler
        self.order = []

    def loop(self, n_max: int) -> Seconds:
        """Take and complete until nothing is left; the order of the takes is kept."""
        scheduler, order = self._scheduler, self.order
        start = time.perf_counter()
        while len(nodes := scheduler.take(n_max)):
            order.append(nodes)
            scheduler.complete(nodes)
        self.times_s.append(time.perf_counter() - start)
        return Seconds(self.times_s[-1])

    def nodes(self) -> Ids:
        return np.concatenate([np.asarray(nodes, dtype=np.int64) for nodes in self.order])


def large_instance(is_timed: bool) -> Instance:
    """Return what is timed, or a tenth of its nodes where only answers are checked."""
    return random_1m() if is_timed else layered_100k()


def source_of(instance: Instance) -> str:
    return f"generated, seeded, {instance.n_nodes:,} nodes, {instance.sources.size:,} edges"


def bench_ready_set(compare: Comparison) -> None:
    """From the finished description, a graph or a sorter that all edges were added to, to the last node."""
    instance = large_instance(compare.is_timed)
    graph = graph_of(instance)
    ours = Run()
    their_order: list[tuple[int, ...]] = []
    their_loops_s: list[float] = []
    parents = instance.parents()

    def with_graphlib() -> Seconds:
        sorter: TopologicalSorter[int] = TopologicalSorter()
        for node, before in enumerate(parents):
            sorter.add(node, *before)
        their_order.clear()
        start = time.perf_counter()
        sorter.prepare()
        prepared = time.perf_counter()
        while sorter.is_active():
            ready = sorter.get_ready()
            their_order.append(ready)
            sorter.done(*ready)
        end = time.perf_counter()
        their_loops_s.append(end - prepared)
        return Seconds(end - start)

    def with_makespan() -> None:
        ours.prepare(ms.ExecutionScheduler(graph))
        ours.loop(BATCH)

    def check(_answer: Any, _expected: Any) -> bool:
        theirs = np.concatenate([np.array(nodes) for nodes in their_order])
        return is_topological(instance, ours.nodes()) and is_topological(instance, theirs)

    compare(
        "scheduler-ready-set",
        with_makespan,
        ("graphlib `prepare`, then `get_ready`, `done`", with_graphlib),
        n=instance.n_nodes,
        per="node",
        source=source_of(instance),
        check=check,
        # Once untimed: memory that lay idle for the seconds in which the sorter was filled comes back slowly.
        before=with_makespan,
        rounds=N_ROUNDS,
    )
    compare.report(
        "scheduler-ready-set-loop",
        ours.times_s[3::2],
        ("graphlib `get_ready`, `done`", their_loops_s[1:]),
        n=instance.n_nodes,
        per="node",
        source=source_of(instance),
    )


def bench_resources(compare: Comparison) -> None:
    instance = large_instance(compare.is_timed)
    needed = Needed(instance.n_nodes)
    ours, theirs = Run(), Run()

    def in_pure_python() -> Seconds:
        theirs.prepare(theirs_of(instance, needed))
        return theirs.loop(BATCH)

    compare(
        "scheduler-resources",
        lambda: ours.loop(BATCH),
        (PURE, in_pure_python),
        n=instance.n_nodes,
        per="node",
        source=source_of(instance),
        check=lambda *_: np.array_equal(ours.nodes(), theirs.nodes()) and is_topological(instance, ours.nodes()),
        before=lambda: ours.prepare(ours_of(instance, needed)),
        rounds=3,
    )
    report_ours(compare, "scheduler-resources-ns", ours, instance)


def bench_one_by_one(compare: Comparison) -> None:
    instance = layered_100k()
    priorities = Needed(instance.n_nodes).priorities
    ours, theirs = Run(), Run()

    def in_pure_python() -> Seconds:
        theirs.prepare(HeapScheduler(*lists_of(instance), priorities.tolist()))
        return theirs.loop(1)

    compare(
        "scheduler-one-by-one",
        lambda: ours.loop(1),
        (PURE, in_pure_python),
        n=instance.n_nodes,
        per="node",
        source=source_of(instance),
        check=lambda *_: np.array_equal(ours.nodes(), theirs.nodes()),
        before=lambda: ours.prepare(ms.ExecutionScheduler(graph_of(instance), priorities=priorities)),
        rounds=N_ROUNDS,
    )


def bench_simulation(compare: Comparison) -> None:
    """A tenth of the nodes for the baseline, where the answers are compared as well; both are reported per node."""
    large, small = large_instance(compare.is_timed), layered_100k()
    needed, needed_small = Needed(large.n_nodes), Needed(small.n_nodes)
    durations = needed_small.durations.tolist()
    capacities = (30, 40, 50)
    their_starts: list[int] = []

    def ours_on(instance: Instance, needed: Needed) -> Simulation:
        return simulate_ours(
            graph_of(instance), needed.durations.astype(float), needed.demands, capacities, needed.priorities
        )

    def in_pure_python() -> Seconds:
        scheduler = theirs_of(small, needed_small, capacities)
        start = time.perf_counter()
        their_starts[:] = simulate(scheduler, durations)
        return Seconds((time.perf_counter() - start) * (large.n_nodes / small.n_nodes))

    def check(simulation: Simulation, _expected: Any) -> bool:
        held = [simulation.usage(resource)[1].max() for resource in range(len(capacities))]
        is_in_order = (simulation.finish[large.sources] <= simulation.start[large.targets]).all()
        return bool(
            ours_on(small, needed_small).start.tolist() == their_starts
            and simulation.is_complete
            and is_in_order
            and (np.array(held) <= capacities).all()
        )

    compare(
        "scheduler-simulate",
        lambda: ours_on(large, needed),
        (f"{PURE}, on {small.n_nodes:,} nodes", in_pure_python),
        n=large.n_nodes,
        per="node",
        source=source_of(large),
        check=check,
        rounds=3,
    )


def bench_construction(compare: Comparison) -> None:
    """The time to make a scheduler, and the memory that it takes in processes that do nothing else."""
    instance = large_instance(compare.is_timed)
    needed = Needed(instance.n_nodes)
    times_s: list[float] = []

    def make() -> Ids:
        start = time.perf_counter()
        scheduler = ours_of(instance, needed)
        times_s.append(time.perf_counter() - start)
        return scheduler.take(BATCH)

    compare(
        "scheduler-construction",
        make,
        (PURE, lambda: theirs_of(instance, needed).take(BATCH)),
        n=instance.n_nodes,
        per="node",
        source=source_of(instance),
        check=lambda taken, expected: bool(taken.tolist() == expected),
        rounds=3,
    )
    ours, theirs = (memory_in_a_process(whose, compare.is_timed) for whose in ("ours", "theirs"))
    assert ours.pop("first") == theirs.pop("first")
    for part in ("scheduler", "graph"):
        assert ours[part] > 0
        compare.report(
            f"scheduler-memory-{part}",
            [float(ours[part])],
            (PURE, [float(theirs[part])]),
            n=instance.n_nodes,
            per="pending node",
            source=f"{source_of(instance)}, resident memory of new processes",
        )
    times_s = times_s[1:]
    compare.report(
        "scheduler-construction-ns",
        times_s,
        ("none", times_s),
        n=instance.n_nodes,
        per="node",
        source=source_of(instance),
    )


def report_ours(compare: Comparison, figure: str, ours: Run, instance: Instance) -> None:
    """Report the times of ours alone; the first was for the check."""
    times_s = ours.times_s[1:]
    compare.report(figure, times_s, ("none", times_s), n=instance.n_nodes, per="node", source=source_of(instance))


def is_topological(instance: Instance, order: Ids) -> bool:
    place = np.full(instance.n_nodes, -1, dtype=np.int64)
    place[order] = np.arange(order.size)
    is_each_once = order.size == instance.n_nodes and bool((place >= 0).all())
    return is_each_once and bool((place[instance.sources] < place[instance.targets]).all())


# --- memory: run in a process of its own ------------------------------------------------------------


def memory_in_a_process(whose: str, is_timed: bool) -> dict[str, int]:
    """Return how many bytes the graph, and the scheduler beside it, add to a new process, and what goes first."""
    code = f"from benches.bench_scheduler import print_memory; print_memory({whose!r}, {is_timed})"
    root = Path(__file__).parent.parent
    command = [sys.executable, "-c", code]
    # Large blocks go back to the system when they are freed: else what is made later takes their place unseen.
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    answer = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True).stdout
    graph, scheduler, first = map(int, answer.split())
    return {"graph": graph, "scheduler": scheduler, "first": first}


def print_memory(whose: str, is_timed: bool) -> None:
    instance = large_instance(is_timed)
    needed = Needed(instance.n_nodes)
    before = resident_bytes()
    if whose == "ours":
        graph_of(instance)
    else:
        lists_of(instance)
    with_graph = resident_bytes()
    scheduler = ours_of(instance, needed) if whose == "ours" else theirs_of(instance, needed)
    with_scheduler = resident_bytes()
    first = int(scheduler.take(1)[0])
    print(with_graph - before, with_scheduler - with_graph, first)


def resident_bytes() -> int:
    """Return the memory of this process that is not shared and not swapped out."""
    gc.collect()
    fields = Path("/proc/self/status").read_text().split("RssAnon:")[1].split()
    return int(fields[0]) * 1_024
