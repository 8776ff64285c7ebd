"""How close four workers come to what no schedule can beat, where steps block: the two workflows of sleeps."""

import statistics
import time
from typing import Any

import pytest

import makespan as ms
from benches.compare import Comparison, Seconds
from benches.shapes import sleeps

N_LONE_SLEEPS = 3


@pytest.mark.parametrize("name", ["even", "uneven"])
def bench_sleeps(compare: Comparison, name: str) -> None:
    instance = sleeps(name)

    @ms.step
    def nap(node: int, duration_ms: int, *before: int) -> int:
        time.sleep(duration_ms / 1e3)
        return node + sum(before)

    @ms.workflow
    def naps() -> list[int]:
        handles: list[int] = []
        for node, (duration, parents) in enumerate(zip(instance.duration_ms, instance.parents, strict=True)):
            handles.append(nap(node, duration, *[handles[j] for j in parents]))
        return handles

    expected = naps.serial()
    makespans_s: list[float] = []
    bounds_s: list[float] = []

    def bound() -> Seconds:
        """Evaluate the bound with what sleeps take now."""
        lone_s = {duration: lone_sleep(duration) for duration in set(instance.duration_ms)}
        bounds_s.append(instance.bound_s(lone_s))
        return Seconds(bounds_s[-1])

    with ms.SequentialExecutionEngine("optimized", workers=instance.workers) as engine:
        # The one warm-up run is the one that checks the answer.
        prepared = engine.prepare(naps)

        def run() -> Any:
            result = prepared.run()
            makespans_s.append(result.makespan_s)
            return result.value

        source = f"benches/data/{name}.json"
        compare(
            f"sleeps-{name}-wall",
            run,
            ("lower bound", bound),
            n=1,
            per="run",
            source=source,
            check=lambda value, _: bool(value == expected),
        )
    compare.report(
        f"sleeps-{name}-makespan",
        makespans_s[1:],
        ("lower bound", bounds_s[1:]),
        n=1,
        per="run",
        source=source,
    )


def lone_sleep(duration_ms: int) -> float:
    """Return the seconds that a sleep takes while nothing else happens here."""
    elapsed_s = []
    for _ in range(N_LONE_SLEEPS):
        start = time.perf_counter()
        time.sleep(duration_ms / 1e3)
        elapsed_s.append(time.perf_counter() - start)
    return statistics.median(elapsed_s)
