"""The figures that benchmarks report: what each says, and what is promised for it."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["FIGURES", "PEERS", "Figure", "Measured"]

Kind = Literal["ratio", "difference", "speedup", "nanoseconds", "bytes", "percent"]

PEERS = "Peers on fewer steps"


@dataclass(frozen=True)
class Figure:
    """A line of the table, and what is compared with its promise.

    ``ratio``: ours ÷ baseline. ``speedup``: baseline ÷ ours, larger is better. ``difference``: ours less baseline, in
    milliseconds. ``nanoseconds``: ours alone. ``bytes``, ``percent``: ours alone, a size or a share and
    no time.
    """

    name: str
    title: str
    group: str
    hold: float | None = None
    aim: float | None = None
    kind: Kind = "ratio"

    def keeps(self, value: float, promise: float | None) -> bool:
        """Tell whether a value is as good as a promise."""
        if promise is None:
            return False
        return value >= promise if self.kind == "speedup" else value <= promise


@dataclass(frozen=True)
class Measured:
    """Medians of one figure: seconds per `per` (bytes or percent, where that is its kind), all from the same rounds."""

    figure: str
    ours_s: float
    baseline_s: float
    baseline: str
    per: str
    source: str
    rounds: int
    straight_line_s: float | None = None

    def value(self, kind: Kind) -> float:
        """Return what is compared with the promise."""
        match kind:
            case "difference":
                return (self.ours_s - self.baseline_s) * 1e3
            case "speedup":
                return self.baseline_s / self.ours_s
            case "nanoseconds":
                return self.ours_s * 1e9
            case "bytes" | "percent":
                return self.ours_s
            case "ratio":
                return self.ours_s / self.baseline_s


def _serial() -> list[Figure]:
    group = "Serial, prepared, columns of times recorded"
    return [Figure(f"serial-{shape}", f"{shape}", group, 0.6, 0.25) for shape in ("a1", "a2", "a3")] + [
        Figure("serial-b", "b", group, 0.8, 0.4)
    ]


def _small_workflow() -> list[Figure]:
    group = "a4: a 10-step workflow, prepared, per run"
    return [
        Figure("small-sequential", "strategy sequential", group, 1.0, 0.3),
        Figure("small-optimized", "strategy optimized, 4 workers", group, 1.0, 0.3),
    ]


def _threads() -> list[Figure]:
    warm = "Threads (4 workers), no-op steps, prepared and warmed up"
    cold = "Threads (4 workers), no-op steps, first run of a new engine: nothing known, threads to be started"
    return [
        Figure(f"threads-{age}-{shape}", shape, group, 1.5, 0.5)
        for age, group in (("warm", warm), ("cold", cold))
        for shape in ("a1", "a2", "a3", "b")
    ]


def _sleeps() -> list[Figure]:
    group = "Threads (4 workers), f: 40 steps that sleep, after one warm-up run; makespan ÷ lower bound"
    promises = {"even": (1.04, 1.015), "uneven": (1.06, 1.02)}
    return [
        Figure(f"sleeps-{name}-{clock}", f"{name}, {title}", group, *promise)
        for name, promise in promises.items()
        for clock, title in (("wall", "wall clock of `prepared.run()`"), ("makespan", "`run.makespan_s`"))
    ]


def _describing() -> list[Figure]:
    forms = {
        "traced": "`prepare` of a traced body",
        "add-step": "`Workflow.add` of steps, and `prepare`",
        "add-callable": "`Workflow.add` of plain callables, and `prepare`",
    }
    return [
        Figure(f"describe-{form}-{shape}", shape, f"Describing, per node: {title}", 11, 2)
        for form, title in forms.items()
        for shape in ("a1", "a2", "a3", "b")
    ]


def _once() -> list[Figure]:
    group = "`index(xs)` once, unprepared, 1,000 tiny steps, all included"
    return [
        Figure(f"once-{age}-{strategy}", f"strategy {strategy}, {title}", group, 15, 4)
        for strategy in ("sequential", "optimized")
        for age, title in (("first", "first call of a new workflow on a new engine"), ("again", "later calls"))
    ]


def _graphs() -> list[Figure]:
    group = "Arrays: 1,000,000 nodes, 3,000,000 edges"
    whole = "build + topological order + levels + critical path"
    parts = {"build": "build", "order": "topological order", "levels": "levels", "path": "critical path"}
    return [
        Figure("graph-random_1m", f"{whole}, ids in topological order", group, 0.25, 0.1),
        Figure("graph-random_1m_permuted", f"{whole}, ids permuted", group, 0.25, 0.1),
        *(
            Figure(f"graph-{instance}-{part}", f"{title} alone{ids}", group)
            for instance, ids in (("random_1m", ""), ("random_1m_permuted", ", ids permuted"))
            for part, title in parts.items()
        ),
    ]


def _graph_peers() -> list[Figure]:
    group = "Arrays beside others: 100,000 nodes, 300,000 edges, ids permuted; ours finds the order while it builds"
    reduction = "Transitive reduction: 2,000 nodes, 6,000 edges, ids permuted"
    figures = []
    for peer, title, hold, aim in (("python", "plain Python", 15, 33), ("networkx", "networkx", None, None)):
        whole = f"{title}: build + topological order + levels + critical path"
        figures += [
            Figure(f"graph-{peer}", whole, group, hold, aim, kind="speedup"),
            Figure(f"graph-{peer}-order", f"{title}: build + topological order alone", group, kind="speedup"),
            Figure(f"graph-{peer}-levels", f"{title}: levels alone", group, kind="speedup"),
            Figure(f"graph-{peer}-path", f"{title}: critical path alone", group, kind="speedup"),
        ]
    return [
        *figures,
        Figure("graph-graphlib", "graphlib: build + topological order", group, kind="speedup"),
        Figure("graph-igraph", "igraph: build + topological order", group, kind="speedup"),
        Figure("reduction-python", "plain Python", reduction, 5, 11, kind="speedup"),
        Figure("reduction-networkx", "networkx", reduction, kind="speedup"),
        Figure("reduction-rustworkx", "rustworkx", reduction, kind="speedup"),
        Figure("reduction-time", "ours per node, beside plain Python's", reduction, 200, 100, kind="nanoseconds"),
    ]


def _schedulers() -> list[Figure]:
    group = "`ExecutionScheduler`: 1,000,000 nodes, 3,000,000 edges; `take(1024)` and `complete` until all are done"
    resources = "3 resources and priorities"
    return [
        Figure("scheduler-ready-set", "the ready set, made and gone through", group, 40, 90, "speedup"),
        Figure("scheduler-ready-set-loop", "the ready set, the loop alone", group, None, None, "speedup"),
        Figure("scheduler-resources", resources, group, 15, 40, "speedup"),
        Figure("scheduler-resources-ns", f"{resources}, ours per node", group, 500, 200, "nanoseconds"),
        Figure("scheduler-one-by-one", "`take(1)` one by one, 100,000 nodes", group, None, None, "speedup"),
        Figure("scheduler-construction", f"making it, {resources}", group, None, None, "speedup"),
        Figure("scheduler-construction-ns", f"making it, {resources}, ours per node", group, None, None, "nanoseconds"),
        Figure("scheduler-memory-scheduler", f"memory beside the graph, {resources}", group, 200, 64, "bytes"),
        Figure("scheduler-memory-graph", "memory of the graph", group, None, None, "bytes"),
        Figure("scheduler-simulate", f"`simulate`, {resources}", group, None, None, "speedup"),
    ]


def _crossings() -> list[Figure]:
    group = "The price of a crossing"
    return [
        Figure("boundary-call", "a native call without arguments", group),
        Figure("boundary-arrays-1k", "an array of 1,000 in, two of 1,000 out, and a walk over as many nodes", group),
        Figure("boundary-arrays-1m", "the same with 1,000,000", group),
    ]


def _peers() -> list[Figure]:
    peers = {
        "graphlib": "graphlib + ThreadPoolExecutor",
        "futures": "ThreadPoolExecutor, one submit per step",
        "task-group": "asyncio.TaskGroup",
    }
    return [
        Figure(f"peer-{peer}-{shape}", f"{title}, {shape}", PEERS)
        for peer, title in peers.items()
        for shape in ("a1", "a2", "a3")
    ]


def _queues() -> list[Figure]:
    batch = "Queue: 1,000,000 int keys in, then out in batches of 1,024, per entry; entries forgotten when taken"
    hold = "Queue: 100,000 entries, one out and one in at a time, per pair; entries forgotten when taken"
    threads = "Queue: 4 producers and 4 consumers, one entry at a time, per entry"
    keyed = "Queue: 100,000 keys, a change of priority for each, all out, per key"
    return [
        Figure("queue-batch-heapq", "heapq of tuples", batch, 12, 25, "speedup"),
        Figure("queue-batch-pure", "heapq and dict, keyed, frozen", batch, None, None, "speedup"),
        Figure("queue-batch-tracked", "heapq of tuples; ours tracked, and `done_many`", batch, None, None, "speedup"),
        Figure("queue-hold-queue", "queue.PriorityQueue", hold, 6, 11, "speedup"),
        Figure("queue-hold-asyncio", "asyncio.PriorityQueue, without waiting", hold, None, None, "speedup"),
        Figure("queue-hold-heapq", "heapq of tuples", hold, None, None, "speedup"),
        Figure("queue-hold-sorted", "sortedcontainers.SortedList of tuples", hold, None, None, "speedup"),
        Figure("queue-hold-pure", "heapq and dict, keyed, frozen", hold, None, None, "speedup"),
        Figure("queue-hold-tracked", "queue.PriorityQueue; ours tracked, and `done`", hold, None, None, "speedup"),
        Figure("queue-threads", "queue.PriorityQueue, unbounded", threads, 10, 40, "speedup"),
        Figure("queue-threads-bounded", "queue.PriorityQueue, at most 1,000 entries", threads, None, None, "speedup"),
        Figure("queue-keyed-pure", "heapq and dict, keyed, frozen", keyed, None, None, "speedup"),
        Figure("queue-keyed-sorted", "sortedcontainers.SortedDict, and a dict", keyed, None, None, "speedup"),
        Figure("queue-memory", "memory of an int entry that waits", "Queue: memory", None, None, "bytes"),
    ]


def _resources() -> list[Figure]:
    group = "Resources: acquire and release, plain Python ÷ ours"
    return [
        Figure("resources-one", "one resource, nobody waits", group, 4, 8, "speedup"),
        Figure("resources-three", "three resources, nobody waits", group, None, None, "speedup"),
        Figure("resources-contended", "32 threads that wait for each other", group, None, None, "speedup"),
    ]


def _plans() -> list[Figure]:
    limits = "Plans, one thread: mean % above the best known makespan, by time from outside of the call"
    budgets = "Plans: mean % above the best known makespan, by generated schedules (passes of justification counted)"
    names = {"j30": "j30", "j60": "j60", "j120": "j120", "rg300": "RG300"}
    promises = {
        ("j30", "0.1"): (0.15, 0.05),
        ("j30", "1"): (0.05, 0.0),
        ("j60", "1"): (0.4, 0.05),
        ("j120", "0.01"): (4.2, 2.5),
        ("j120", "0.1"): (2.3, 1.2),
        ("j120", "1"): (1.5, 0.6),
        ("rg300", "1"): (1.6, 0.5),
    }
    counts = [("j30", 5_000), ("j60", 5_000)]
    counts += [(name, count) for name in ("j120", "rg300") for count in (1_000, 5_000, 50_000)]
    speed = "Plans: time per generated schedule"
    default = "Plans with default limits, per node"
    return [
        *(
            Figure(f"plan-{name}-{limit}s", f"{names[name]}, {limit} s", limits, *promise, "percent")
            for (name, limit), promise in promises.items()
        ),
        *(
            Figure(f"plan-{name}-{count}", f"{names[name]}, {count:,} schedules", budgets, None, None, "percent")
            for name, count in counts
        ),
        Figure(
            "plan-j120-schedule",
            "j120; held are 142,000 a second",
            speed,
            7_042,
            2_000,
            "nanoseconds",
        ),
        Figure("plan-rg300-schedule", "RG300; held are 31,000 a second", speed, 32_258, 6_667, "nanoseconds"),
        Figure("plan-default-1000", "1,000 nodes", default, 10_000, 1_000, "nanoseconds"),
        Figure("plan-default-100000", "100,000 nodes", default, 10_000, None, "nanoseconds"),
        Figure("plan-default-1000000", "1,000,000 nodes", default, None, 1_000, "nanoseconds"),
    ]


_ALL = [
    *_serial(),
    *_small_workflow(),
    *_threads(),
    *_sleeps(),
    *_describing(),
    *_once(),
    *_graphs(),
    *_graph_peers(),
    *_schedulers(),
    Figure(
        "import", "`import makespan` over a bare interpreter; numpy is not imported", "Import", 30, None, "difference"
    ),
    *_crossings(),
    *_queues(),
    *_resources(),
    *_plans(),
    *_peers(),
]

FIGURES: dict[str, Figure] = {figure.name: figure for figure in _ALL}
"""By name, in the order of the table."""
