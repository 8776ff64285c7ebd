"""Expected durations, declared and learned, and the order that follows from them."""

import threading
from typing import Any

import makespan as ms
from engines import every_engine
from makespan.testing import reference


def order_of(prepared: ms.PreparedWorkflow[Any]) -> list[int]:
    return prepared.order()


def test_declared_durations_put_the_critical_path_first() -> None:
    short = ms.step(lambda *before: None, name="short", duration=0.001)
    long = ms.step(lambda *before: None, name="long", duration=1.0)

    @ms.workflow
    def body() -> None:
        first = short()
        short(first)
        other = short()
        long(other)

    with ms.SequentialExecutionEngine(workers=2) as engine:
        assert order_of(engine.prepare(body)) == [2, 3, 0, 1]
    with ms.SequentialExecutionEngine("sequential", 2) as engine:
        assert order_of(engine.prepare(body)) == [0, 1, 2, 3]


def test_durations_of_earlier_runs_take_over() -> None:
    pause = threading.Event()

    @ms.step
    def wait(seconds: float) -> None:
        pause.wait(seconds)

    @ms.workflow
    def body() -> None:
        wait(0)
        wait(0.02)
        wait(0.05)

    with ms.SequentialExecutionEngine(workers=2) as engine:
        prepared = engine.prepare(body)
        assert order_of(prepared) == [0, 1, 2]
        prepared.run()
        assert order_of(prepared) == [2, 1, 0]
        # The next one prepared from the same workflow knows it, too.
        assert order_of(engine.prepare(body)) == [2, 1, 0]
    with ms.SequentialExecutionEngine(workers=2) as other:
        assert order_of(other.prepare(body)) == [0, 1, 2]


def test_what_was_learned_corrects_what_was_declared() -> None:
    pause = threading.Event()
    boast = ms.step(lambda: None, name="boast", duration=5.0)
    modest = ms.step(lambda: pause.wait(0.03), name="modest", duration=0.0)

    @ms.workflow
    def body() -> None:
        modest()
        boast()

    with ms.SequentialExecutionEngine(workers=2) as engine:
        prepared = engine.prepare(body)
        assert order_of(prepared) == [1, 0]
        prepared.run()
        assert order_of(prepared) == [0, 1]


def test_runs_of_other_sizes_share_what_is_known_of_a_step() -> None:
    pause = threading.Event()
    slow = ms.step(lambda: pause.wait(0.03), name="slow")
    quick = ms.step(lambda: None, name="quick")

    @ms.workflow
    def body(n: int) -> None:
        for _ in range(n):
            quick()
        slow()

    with ms.SequentialExecutionEngine(workers=2) as engine:
        engine.run(body, 2)
        assert order_of(engine.prepare(body, n=5))[0] == 5


def test_order_of_a_small_graph_is_by_upward_rank() -> None:
    parents = [[], [0], [], [2], [1, 3], [2], []]
    durations = [0.003, 0.001, 0.002, 0.004, 0.001, 0.009, 0.005]
    wf = ms.Workflow("ranked")
    handles: list[Any] = []
    for at, before in enumerate(parents):
        step = ms.step(lambda *before: None, name=f"step {at}", duration=durations[at])
        handles.append(wf.add(step, *[handles[parent] for parent in before]))
    edges = [(parent, at) for at, before in enumerate(parents) for parent in before]
    ranks = reference.upward_rank(len(parents), edges, durations)
    with ms.SequentialExecutionEngine(workers=2) as engine:
        order = order_of(engine.prepare(wf))
    assert [round(ranks[node], 9) for node in order] == sorted((round(rank, 9) for rank in ranks), reverse=True)


@every_engine
def test_wrong_expectations_change_no_result(engine: ms.SequentialExecutionEngine) -> None:
    steps = [
        ms.step(lambda x, *before: x, name=f"step {at}", duration=duration)
        for at, duration in enumerate((0.0, 100.0, 1e-9, None, 5e8))
    ]

    @ms.workflow
    def body() -> list[int]:
        found: list[Any] = []
        for at in range(50):
            found.append(steps[at % 5](at, *found[-2:]))
        return found

    for _ in range(5):
        assert engine.run(body).value == list(range(50))
