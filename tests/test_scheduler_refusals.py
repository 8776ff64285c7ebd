"""What `ExecutionScheduler` refuses: the error names argument and value, and the scheduler is as it was."""

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import makespan as ms

NAN, INF = float("nan"), float("inf")
GRAPH = ms.DependencyGraph.from_edges(4, [0, 1], [1, 2])

Refusal = tuple[Any, type[ms.ExecutionException], str]


def check_refusal(call: Callable[[], object], kind: type[ms.ExecutionException], message: str) -> None:
    """An exception of exactly this kind says this, also after pickling."""
    with pytest.raises(ms.ExecutionException) as caught:
        call()
    assert type(caught.value) is kind
    assert message in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


# --- what it is made of -----------------------------------------------------------------------------

OPTIONS: list[Refusal] = [
    ({"priorities": [0, NAN, 0, 0]}, ms.ValidationError, "priorities[1] is nan"),
    ({"priorities": [0, 1, 2]}, ms.ValidationError, "priorities is 'shape (3,)'; expected numbers, shape (4,)"),
    ({"priorities": [[0, 1, 2, 3]]}, ms.ValidationError, "priorities is 'shape (1, 4)'"),
    ({"priorities": 1.0}, ms.ValidationError, "priorities is 'shape ()'"),
    ({"priorities": [True] * 4}, ms.ValidationError, "priorities is 'dtype bool'"),
    ({"priorities": ["high"] * 4}, ms.ValidationError, "priorities is 'dtype <U4'"),
    ({"priorities": [1, [2], 3, 4]}, ms.ValidationError, "priorities is [1, [2], 3, 4]"),
    ({"demands": [[1]] * 4}, ms.ValidationError, "capacities is None"),
    ({"demands": [[1]] * 3, "capacities": [1]}, ms.ValidationError, "demands is (3, 1); expected shape (4, 1)"),
    ({"demands": [1] * 4, "capacities": [1]}, ms.ValidationError, "demands is (4,); expected shape (4, 1)"),
    ({"demands": [[1, 1]] * 4, "capacities": [1]}, ms.ValidationError, "demands is (4, 2); expected shape (4, 1)"),
    ({"demands": [[1], [1, 2], [1], [1]], "capacities": [1]}, ms.ValidationError, "demands is [[1], [1, 2], [1], [1]]"),
    ({"demands": [[0.5]] * 4, "capacities": [1]}, ms.ValidationError, "demands is 'dtype float64'"),
    ({"demands": [[True]] * 4, "capacities": [1]}, ms.ValidationError, "demands is 'dtype bool'"),
    ({"demands": [[0], [0], [-3], [0]], "capacities": [1]}, ms.ValidationError, "demands[2, 0] is -3"),
    ({"demands": [[0], [2], [0], [0]], "capacities": [1]}, ms.UnsatisfiableError, "node 1 needs 2 of resource 0"),
    ({"capacities": [1, -2]}, ms.ValidationError, "capacities[1] is -2"),
    ({"capacities": [1.5]}, ms.ValidationError, "capacities is 'dtype float64'"),
    ({"capacities": 3}, ms.ValidationError, "capacities is 'shape ()'"),
    ({"capacities": np.array([2**63], np.uint64)}, ms.ValidationError, f"capacities[0] is {2**63}"),
    ({"groups": [0] * 4}, ms.ValidationError, "group_limits is None"),
    (
        {"groups": [0, 1, -1, 0], "group_limits": [3]},
        ms.ValidationError,
        "groups[1] is 1; expected a group from 0 to 0, or -1",
    ),
    ({"groups": [0, 0, -2, 0], "group_limits": [3]}, ms.ValidationError, "groups[2] is -2"),
    ({"groups": [0] * 3, "group_limits": [3]}, ms.ValidationError, "groups is 'shape (3,)'"),
    ({"groups": [-1, -1, 0, -1], "group_limits": [0]}, ms.UnsatisfiableError, "node 2 needs 1 of resource 'group 0'"),
    ({"group_limits": [-1]}, ms.ValidationError, "group_limits[0] is -1"),
    ({"durations": [1, 2, 3]}, ms.ValidationError, "durations is 'shape (3,)'"),
    ({"durations": [1, 2, -1, 3]}, ms.ValidationError, "durations[2] is -1.0"),
    ({"durations": [1, NAN, 1, 3]}, ms.ValidationError, "durations[1] is nan"),
    ({"durations": [1, 1e10, 1, 3]}, ms.ValidationError, "durations[1] is 10000000000.0"),
    ({"speeds": [1, 0]}, ms.ValidationError, "speeds[1] is 0.0"),
    ({"speeds": [-1.0]}, ms.ValidationError, "speeds[0] is -1.0"),
    ({"speeds": [1, 1, NAN]}, ms.ValidationError, "speeds[2] is nan"),
    ({"speeds": [INF]}, ms.ValidationError, "speeds[0] is inf"),
    ({"speeds": 2.0}, ms.ValidationError, "speeds is 'shape ()'"),
    ({"on_failure": "panic"}, ms.ConfigurationError, "on_failure"),
    ({"on_failure": ["stop"]}, ms.ConfigurationError, "on_failure"),
    ({"retries": -1}, ms.ValidationError, "retries is -1"),
    ({"retries": True}, ms.ValidationError, "retries is True"),
    ({"retries": 1.0}, ms.ValidationError, "retries is 1.0"),
    ({"retries": 65_536}, ms.ValidationError, "retries is 65536; expected a whole number from 0 to 65535"),
    ({"retry_delay": -0.5}, ms.ValidationError, "retry_delay is -0.5"),
    ({"retry_delay": NAN}, ms.ValidationError, "retry_delay is nan"),
    ({"retry_delay": True}, ms.ValidationError, "retry_delay is True"),
    ({"retry_delay_max": "1 s"}, ms.ValidationError, "retry_delay_max is '1 s'"),
    ({"retry_delay_max": INF}, ms.ValidationError, "retry_delay_max is inf"),
    ({"clock": 3.0}, ms.ConfigurationError, "clock"),
]


@pytest.mark.parametrize(("options", "kind", "message"), OPTIONS, ids=[message for *_, message in OPTIONS])
def test_what_cannot_be_meant_is_refused(
    options: dict[str, Any], kind: type[ms.ExecutionException], message: str
) -> None:
    check_refusal(lambda: ms.ExecutionScheduler(GRAPH, **options), kind, message)


@pytest.mark.parametrize("graph", [None, 3, [(0, 1)], "graph"])
def test_only_a_graph_is_a_graph(graph: Any) -> None:
    check_refusal(lambda: ms.ExecutionScheduler(graph), ms.ValidationError, "graph is")


def test_options_have_names() -> None:
    with pytest.raises(TypeError, match="prioritys"):
        ms.ExecutionScheduler(GRAPH, prioritys=[1] * 4)  # type: ignore[call-arg]


@pytest.mark.parametrize("reading", [-1.0, NAN, INF, 1e10])
def test_a_clock_that_shows_no_time_is_named(reading: float) -> None:
    scheduler = ms.ExecutionScheduler(GRAPH, clock=lambda: reading)
    check_refusal(lambda: scheduler.take(9), ms.ValidationError, f"clock() is {reading}")
    assert scheduler.counts()["ready"] == 2


def test_what_a_clock_raises_is_raised() -> None:
    def broken() -> float:
        raise LookupError("no battery")

    scheduler = ms.ExecutionScheduler(GRAPH, clock=broken, record=True)
    with pytest.raises(LookupError, match="no battery"):
        scheduler.take(9)
    assert (scheduler.counts()["ready"], len(scheduler.log)) == (2, 0)
    wordy: Any = ms.ExecutionScheduler(GRAPH, clock=lambda: "noon")  # type: ignore[arg-type, return-value]
    with pytest.raises(TypeError):
        wordy.take(9)


# --- what it is told --------------------------------------------------------------------------------


def living(**options: Any) -> ms.ExecutionScheduler:
    """Make a scheduler of six nodes: 0 runs, 3 has finished, 5 failed, 1 and 2 wait, 4 is ready."""
    graph = ms.DependencyGraph.from_edges(6, [0, 1], [1, 2])
    scheduler = ms.ExecutionScheduler(
        graph,
        demands=[[1, 0]] * 6,
        capacities=[2, 3],
        groups=[-1, -1, -1, -1, 0, -1],
        group_limits=[2],
        clock=lambda: 7.0,
        record=True,
        **options,
    )
    scheduler.set_priority([3, 5, 0], [9.0, 8.0, 7.0])
    scheduler.complete(scheduler.take())
    scheduler.fail(scheduler.take())
    assert scheduler.take().tolist() == [0]
    return scheduler


CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any], type[ms.ExecutionException], str]] = [
    ("take", (-1,), {}, ms.ValidationError, "n_max is -1"),
    ("take", (1.0,), {}, ms.ValidationError, "n_max is 1.0"),
    ("take", (True,), {}, ms.ValidationError, "n_max is True"),
    ("take", ("all",), {}, ms.ValidationError, "n_max is 'all'"),
    ("take", (2**70,), {}, ms.ValidationError, f"n_max is {2**70}"),
    *(
        (method, (nodes, *more), {}, kind, message)
        for method, right, more in (
            ("complete", 0, ()),
            ("fail", 0, ()),
            ("cancel", 4, ()),
            ("set_priority", 4, (1.0,)),
            ("not_before", 4, (1.0,)),
            ("delay", 4, (1.0,)),
            ("workers_of", 4, ()),
        )
        for nodes, kind, message in (
            ([right, 6], ms.ValidationError, "nodes[1] is 6; expected a node id from 0 to 5"),
            (-1, ms.ValidationError, "nodes[0] is -1"),
            ([right, 2**40], ms.ValidationError, f"nodes[1] is {2**40}"),
            ([0.0], ms.ValidationError, "nodes is 'dtype float64'"),
            ([True], ms.ValidationError, "nodes is 'dtype bool'"),
            (False, ms.ValidationError, "nodes is 'dtype bool'"),
            (["0"], ms.ValidationError, "nodes is 'dtype <U1'"),
            ([[0]], ms.ValidationError, "nodes is 'shape (1, 1)'"),
            ([0, [1]], ms.ValidationError, "nodes is [0, [1]]"),
            (None, ms.ValidationError, "nodes is 'dtype object'"),
            ([2**70], ms.ValidationError, "nodes is 'dtype object'"),
        )
    ),
    *(
        (method, (nodes,), options, ms.SchedulerError, message)
        for method, options in (("complete", {}), ("fail", {}), ("fail", {"retry_after": 1.0}))
        for nodes, message in (
            ([0, 4], "cannot happen to node 4, which is ready"),
            ([0, 1], "cannot happen to node 1, which is waiting"),
            ([0, 3], "cannot happen to node 3, which is finished"),
            ([5], "cannot happen to node 5, which is failed"),
            ([0, 0], "cannot happen to node 0, which is"),
        )
    ),
    ("fail", ([0],), {"retry_after": -1.0}, ms.ValidationError, "retry_after is -1.0"),
    ("fail", ([0],), {"retry_after": NAN}, ms.ValidationError, "retry_after is nan"),
    ("fail", ([0],), {"retry_after": True}, ms.ValidationError, "retry_after is True"),
    ("fail", ([0],), {"retry_after": "soon"}, ms.ValidationError, "retry_after is 'soon'"),
    ("set_priority", ([4, 1], [1.0, NAN]), {}, ms.ValidationError, "priorities[1] is nan"),
    (
        "set_priority",
        ([4, 1], [1.0]),
        {},
        ms.ValidationError,
        "priorities is 'shape (1,)'; expected numbers, shape (2,)",
    ),
    ("set_priority", ([4], [True]), {}, ms.ValidationError, "priorities is 'dtype bool'"),
    ("set_priority", ([4], None), {}, ms.ValidationError, "priorities is 'dtype object'"),
    ("not_before", ([4, 1], [1.0, -1.0]), {}, ms.ValidationError, "times[1] is -1.0"),
    ("not_before", ([4, 1], NAN), {}, ms.ValidationError, "times[0] is nan"),
    ("not_before", ([4, 1], [1.0, 2.0, 3.0]), {}, ms.ValidationError, "times is 'shape (3,)'"),
    ("not_before", ([4], [1e10]), {}, ms.ValidationError, "times[0] is 10000000000.0"),
    ("not_before", ([4, 0], 9.0), {}, ms.SchedulerError, "cannot happen to node 0, which is running"),
    ("not_before", ([4, 3], 9.0), {}, ms.SchedulerError, "cannot happen to node 3, which is finished"),
    ("delay", ([4], -1.0), {}, ms.ValidationError, "seconds is -1.0"),
    ("delay", ([4], [1.0]), {}, ms.ValidationError, "seconds is [1.0]"),
    ("delay", ([4], True), {}, ms.ValidationError, "seconds is True"),
    ("delay", ([4, 5], 1.0), {}, ms.SchedulerError, "cannot happen to node 5, which is failed"),
    ("set_capacity", (2, 1), {}, ms.ValidationError, "resource is 2; expected a resource from 0 to 1"),
    ("set_capacity", (-1, 1), {}, ms.ValidationError, "resource is -1"),
    ("set_capacity", (0, -1), {}, ms.ValidationError, "capacity is -1"),
    ("set_capacity", (0, 1.5), {}, ms.ValidationError, "capacity is 1.5"),
    ("set_capacity", (0, True), {}, ms.ValidationError, "capacity is True"),
    ("set_capacity", (0, 2**63), {}, ms.ValidationError, f"capacity is {2**63}"),
    ("set_group_limit", (1, 1), {}, ms.ValidationError, "group is 1; expected an index below 1"),
    ("set_group_limit", (-1, 1), {}, ms.ValidationError, "group is -1"),
    ("set_group_limit", (0, -1), {}, ms.ValidationError, "limit is -1"),
    ("add", (-1,), {}, ms.ValidationError, "n_nodes is -1"),
    ("add", (True,), {}, ms.ValidationError, "n_nodes is True"),
    ("add", (2**40,), {}, ms.ValidationError, f"n_nodes is {2**40 + 6}"),
    ("add", (1, [7], [6]), {}, ms.ValidationError, "edge 0 is 7; expected a node id from 0 to 6"),
    ("add", (1, [0], [4]), {}, ms.ValidationError, "target[0] is 4; expected a node that is added now, from 6 on"),
    ("add", (1, [0, 1], [6]), {}, ms.ValidationError, "target"),
    ("add", (1, [0.0], [6]), {}, ms.ValidationError, "source is 'dtype float64'"),
    ("add", (2, [6, 7], [7, 6]), {}, ms.CycleError, "6"),
    ("add", (1, [6], [6]), {}, ms.CycleError, "6"),
    ("add", (1,), {"priorities": [NAN]}, ms.ValidationError, "priorities[0] is nan"),
    ("add", (1,), {"priorities": [1, 2]}, ms.ValidationError, "priorities is 'shape (2,)'"),
    ("add", (2,), {"demands": [[1, 1], [0, 4]]}, ms.UnsatisfiableError, "node 7 needs 4 of resource 1"),
    ("add", (1,), {"demands": [[-1, 1]]}, ms.ValidationError, "demands[0, 0] is -1"),
    ("add", (1,), {"demands": [[1]]}, ms.ValidationError, "demands is (1, 1); expected shape (1, 2)"),
    ("add", (1,), {"groups": [1]}, ms.ValidationError, "groups[0] is 1"),
    ("add", (1,), {"durations": [1.0]}, ms.ValidationError, "durations is 'given'; expected none"),
    ("explain", (6,), {}, ms.ValidationError, "is 6; expected a node id from 0 to 5"),
    ("explain", (-1,), {}, ms.ValidationError, "node is -1"),
    ("explain", (1.5,), {}, ms.ValidationError, "node is 1.5"),
    ("explain", (2**70,), {}, ms.ValidationError, f"node is {2**70}"),
]


@pytest.mark.parametrize(
    ("method", "arguments", "options", "kind", "message"),
    CALLS,
    ids=[f"{method}-{message}" for method, *_, message in CALLS],
)
def test_a_call_that_is_refused_changes_nothing(
    method: str,
    arguments: tuple[Any, ...],
    options: dict[str, Any],
    kind: type[ms.ExecutionException],
    message: str,
) -> None:
    scheduler = living()
    before = described(scheduler)
    check_refusal(lambda: getattr(scheduler, method)(*arguments, **options), kind, message)
    assert described(scheduler) == before
    assert scheduler.take(9).tolist() == [4]


def test_added_nodes_have_durations_where_the_others_have() -> None:
    scheduler = ms.ExecutionScheduler(GRAPH, durations=[1.0] * 4)
    check_refusal(lambda: scheduler.add(1), ms.ValidationError, "durations is 'missing'")
    assert scheduler.n_nodes == 4
    assert scheduler.add(0).size == 0


def described(scheduler: ms.ExecutionScheduler) -> list[Any]:
    state = scheduler.state()
    columns = (state.state, state.n_unmet, state.priority, state.attempts, state.worker, *scheduler.usage())
    told = [str(scheduler.explain(node)) for node in range(scheduler.n_nodes)]
    return [
        *(column.tolist() for column in columns),
        told,
        scheduler.next_time,
        scheduler.counts(),
        list(scheduler.log),
    ]
