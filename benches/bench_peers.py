"""What a user would reach for otherwise, from the standard library, on fewer steps: only for the table."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from benches.baselines import generic_loop, run_with_futures, run_with_graphlib, run_with_task_group
from benches.compare import Comparison
from benches.shapes import small_shape

N_WORKERS = 4


@pytest.mark.parametrize("name", ["a1", "a2", "a3"])
@pytest.mark.parametrize("peer", ["graphlib", "futures", "task-group"])
def bench_peer(compare: Comparison, peer: str, name: str) -> None:
    graph = small_shape(name)
    with ThreadPoolExecutor(N_WORKERS) as pool, asyncio.Runner() as runner:
        run: dict[str, Callable[[], list[Any]]] = {
            "graphlib": lambda: run_with_graphlib(graph, pool),
            "futures": lambda: run_with_futures(graph, pool),
            "task-group": lambda: runner.run(run_with_task_group(graph)),
        }
        compare(
            f"peer-{peer}-{name}",
            run[peer],
            ("generic loop", lambda: generic_loop(graph.functions, graph.parents)),
            n=graph.n_steps,
            per="step",
            source=graph.source,
            check=lambda results, expected: bool(results == expected),
        )
