"""Keys, hits and the rewriting before a run, each beside what it is compared with.

Print only: ``pytest benches/bench_cache.py --benchmark-enable -q -s`` on a release build.
"""

import functools
import gc
import pickle
import statistics
from collections.abc import Callable
from typing import Any

import pytest
import xxhash

import makespan as ms
from benches.compare import timed

N_ROUNDS = 21
N_CALLS = 1_000
N_NODES = 100_000

KEYED: dict[str, Any] = {
    "small tuple": ("user", 17, 2.5, None, True),
    "dict of 100": {f"key {at}": at for at in range(100)},
    "nested": [{"id": at, "tags": ["a", "b"], "at": (at, at / 3)} for at in range(50)],
    "1 MiB of bytes": bytes(2**20),
}


def compare(
    benchmark: Any, name: str, ours: Callable[[], Any], baseline: Callable[[], Any], n: int, setup: Any = None
) -> None:
    """Time two functions in turns and print the ratio of the medians, and nanoseconds per call."""
    baseline_s: list[float] = []

    def before() -> None:
        if setup is not None:
            setup()
        baseline_s.append(timed(0, baseline))

    benchmark.pedantic(ours, setup=before, rounds=N_ROUNDS)
    if not benchmark.disabled:
        ours_s, median_s = benchmark.stats.stats.median, statistics.median(baseline_s)
        benchmark.extra_info["ratio"] = ours_s / median_s
        print(f"\n{name}: {ours_s / median_s:.2f} ({ours_s / n * 1e9:.0f} ns, baseline {median_s / n * 1e9:.0f} ns)")


@pytest.mark.parametrize("name", KEYED)
def bench_key(benchmark: Any, name: str) -> None:
    """A key that may be kept ÷ pickle and xxh3, which is not the same in every process."""
    value, n = KEYED[name], 20 if "MiB" in name else 500

    def ours() -> None:
        for _ in range(n):
            ms.key_of(value)

    def baseline() -> None:
        for _ in range(n):
            xxhash.xxh3_128_hexdigest(pickle.dumps(value, 5))

    assert ms.key_of(value) == ms.key_of(pickle.loads(pickle.dumps(value)))
    compare(benchmark, f"key of a {name} ÷ pickle + xxh3", ours, baseline, n)


def bench_hit(benchmark: Any) -> None:
    """A result from memory, when the call is due, ÷ `functools.lru_cache`."""

    def load(name: str, at: int) -> tuple[str, int]:
        return name, at

    step, cached = ms.step(load, pure=True, cache=True), functools.lru_cache(maxsize=None)(load)

    def body(name: str) -> list[tuple[str, int]]:
        return [step(name, at) for at in range(N_CALLS)]

    with ms.SequentialExecutionEngine("optimized", 1) as engine:
        prepared = engine.prepare(ms.workflow(body, name="hits"))
        expected = prepared.run("name").value
        run = prepared.run("name")
        assert run.value == expected
        assert run.outcome_counts["cached"] == N_CALLS
        assert [cached("name", at) for at in range(N_CALLS)] == expected
        compare(
            benchmark,
            "hit ÷ lru_cache",
            lambda: prepared.run("name"),
            lambda: [cached("name", at) for at in range(N_CALLS)],
            N_CALLS,
        )


def bench_rewriting(benchmark: Any) -> None:
    """All rewrites of a workflow of 100,000 nodes, keys included, ÷ tracing it; the cache has its last result."""

    def work(at: int, *others: int) -> int:
        return at + sum(others) % 7

    step = ms.step(work, pure=True)
    last = ms.step(work, name="last", pure=True, cache=True)

    def body() -> int:
        results: list[int] = []
        for at in range(N_NODES - 1):
            results.append(step(at, *results[-2:]))
        return last(N_NODES, *results[-2:])

    workflow = ms.workflow(body, name="large")
    with ms.SequentialExecutionEngine("optimized", 1) as engine:
        expected = engine.run(workflow).value
        assert expected == workflow.serial()
        prepared: list[Any] = []

        def setup() -> None:
            prepared[:] = [engine.prepare(workflow)]
            gc.collect()

        def run() -> None:
            assert prepared[0].run().value == expected

        setup()
        assert prepared[0].run().outcome_counts["pruned"] == N_NODES - 1
        compare(benchmark, "rewriting with keys ÷ tracing", run, lambda: workflow._traced((), {}), N_NODES, setup)
