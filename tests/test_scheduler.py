"""`ExecutionScheduler` by example: what starts when, what it says of it, and what it refuses."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import makespan as ms
from makespan.scheduling import SchedulerLog

NAN, INF = float("nan"), float("inf")


class FakeClock:
    """Shows the time that it is set to."""

    def __init__(self, time: float = 0.0) -> None:
        self.time = time

    def __call__(self) -> float:
        return self.time


def made(n_nodes: int, edges: list[tuple[int, int]] | None = None, **options: Any) -> ms.ExecutionScheduler:
    """Make a scheduler; its clock stands still unless one is given."""
    source, target = zip(*edges, strict=True) if edges else ((), ())
    graph = ms.DependencyGraph.from_edges(n_nodes, np.array(source, np.int64), np.array(target, np.int64))
    return ms.ExecutionScheduler(graph, **({"clock": FakeClock()} | options))


def check_rounds(scheduler: ms.ExecutionScheduler, expected: list[list[int]], n_max: int = 100) -> None:
    """Take and complete in turn: each round takes what is expected, and then nothing is left."""
    rounds = []
    while (nodes := scheduler.take(n_max)).size:
        rounds.append(nodes.tolist())
        assert scheduler.take(n_max).size == 0 or len(nodes) == n_max or scheduler.reservation is not None
        scheduler.complete(nodes)
    assert rounds == expected
    assert scheduler.is_done


def states(scheduler: ms.ExecutionScheduler) -> list[str]:
    state = scheduler.state()
    return [state.names[code] for code in state.state]


def everything(scheduler: ms.ExecutionScheduler) -> list[Any]:
    """Return all that a scheduler says of itself, to be compared."""
    state = scheduler.state()
    columns = (state.state, state.n_unmet, state.priority, state.attempts, state.not_before, state.worker)
    return [
        [str(column) for column in columns],
        scheduler.counts(),
        [column.tolist() for column in scheduler.usage()],
        (scheduler.n_nodes, scheduler.n_left, scheduler.is_done, scheduler.is_stopped),
        (scheduler.next_time, scheduler.reservation),
        [str(scheduler.explain(node)) for node in range(scheduler.n_nodes)],
        list(scheduler.log),
    ]


# --- what starts when -----------------------------------------------------------------------------


def test_nodes_start_when_all_before_them_have_finished() -> None:
    check_rounds(made(4, [(0, 1), (0, 2), (1, 3), (2, 3)]), [[0], [1, 2], [3]])
    check_rounds(made(0), [])


def test_larger_priorities_go_first_and_smaller_ids_among_equals() -> None:
    scheduler = made(6, priorities=[0, 1, -INF, 1, INF, -0.0])
    assert [scheduler.take().tolist() for _ in range(7)] == [[4], [1], [3], [0], [5], [2], []]


def test_take_gives_no_more_than_asked() -> None:
    scheduler = made(5)
    assert scheduler.take(0).tolist() == []
    assert scheduler.take(np.int64(2)).tolist() == [0, 1]
    assert scheduler.take(2**62).tolist() == [2, 3, 4]
    assert scheduler.take(0).dtype == np.int64


@pytest.mark.parametrize("kind", [list, tuple, np.int32, np.uint64, np.int64])
def test_ids_may_be_of_any_kind(kind: Any) -> None:
    scheduler = made(3)
    scheduler.take(3)
    given = kind([0, 2]) if kind in (list, tuple) else np.array([0, 9, 2], dtype=kind)[::2]
    scheduler.complete(given)
    scheduler.complete(1)
    scheduler.complete([])
    assert scheduler.is_done


def test_priorities_change_the_place_in_line_also_of_nodes_that_wait() -> None:
    scheduler = made(6, [(0, 5)])
    scheduler.set_priority([4], 2.0)
    scheduler.set_priority([3, 5], [1.0, 9.0])
    assert scheduler.take(3).tolist() == [4, 3, 0]
    scheduler.complete([0])
    assert scheduler.take(9).tolist() == [5, 1, 2]
    assert scheduler.state().priority.tolist() == [0, 0, 0, 1, 2, 9]


def test_what_a_node_needs_is_granted_at_once_and_given_back_at_its_end() -> None:
    scheduler = made(3, demands=[[2, 1], [1, 1], [1, 0]], capacities=[4, 1])
    assert scheduler.take(9).tolist() == [0, 2]
    assert [column.tolist() for column in scheduler.usage()] == [[4, 1], [3, 1]]
    scheduler.fail([0])
    assert [column.tolist() for column in scheduler.usage()] == [[4, 1], [1, 0]]
    assert scheduler.take(9).tolist() == [1]


def test_what_is_free_is_kept_for_the_first_in_line() -> None:
    scheduler = made(4, demands=[[2, 0], [3, 1], [1, 0], [0, 1]], capacities=[4, 2])
    assert scheduler.take(9).tolist() == [0, 3]
    assert scheduler.take(9).tolist() == []
    scheduler.complete([0])
    assert scheduler.take(9).tolist() == [1, 2]


def test_groups_limit_how_many_run_at_once() -> None:
    scheduler = made(6, groups=[0, 0, 0, 1, 1, -1], group_limits=[2, 1])
    check_rounds(scheduler, [[0, 1, 3, 5], [2, 4]])


def test_with_durations_others_go_before_the_first_unless_they_put_it_off() -> None:
    clock = FakeClock(1.0)
    durations = [4.0, 9.0, 5.0, 2.0, 3.0]
    demands = [[2], [3], [1], [1], [1]]
    patient = made(5, demands=demands, capacities=[3], clock=clock)
    assert patient.take(9).tolist() == [0]
    assert patient.reservation is None
    scheduler = made(5, demands=demands, capacities=[3], durations=durations, clock=clock)
    assert scheduler.take(9).tolist() == [0, 3], "node 2 would end after node 1 can start"
    assert scheduler.reservation == (1, 5.0)
    clock.time = 3.0
    scheduler.complete([3])
    assert scheduler.take(9).tolist() == [], "node 4 would too, from now on"
    clock.time = 5.0
    scheduler.complete([0])
    assert scheduler.take(9).tolist() == [1]


def test_faster_workers_are_given_out_first() -> None:
    scheduler = made(4, speeds=[1.0, 4.0, 2.0])
    assert scheduler.take(9).tolist() == [0, 1, 2]
    assert scheduler.workers_of([2, 0, 1, 3]).tolist() == [0, 1, 2, -1]
    scheduler.complete([1])
    assert scheduler.take(9).tolist() == [3]
    assert scheduler.state().worker.tolist() == [1, 2, 0, 2]
    assert made(1).workers_of([0]).tolist() == [-1]


def test_with_durations_a_node_waits_for_a_faster_worker_where_that_ends_earlier() -> None:
    scheduler = made(3, speeds=[1.0, 10.0], durations=[10.0, 10.0, 0.5])
    assert scheduler.take(9).tolist() == [0, 2]
    assert scheduler.workers_of([0, 2]).tolist() == [1, 0]
    scheduler.complete([0])
    assert scheduler.take(9).tolist() == [1]


# --- what fails, and what is not wanted -------------------------------------------------------------


def test_what_is_downstream_of_a_failure_is_skipped() -> None:
    scheduler = made(5, [(0, 1), (1, 2), (3, 2)])
    scheduler.take(9)
    assert scheduler.fail([0]).tolist() == [1, 2]
    assert states(scheduler) == ["failed", "skipped", "skipped", "running", "running"]
    assert scheduler.fail([]).tolist() == []


def test_a_failure_may_stop_everything() -> None:
    clock = FakeClock()
    scheduler = made(5, [(0, 1)], on_failure="stop", retries=1, clock=clock)
    scheduler.not_before([4], 9.0)
    assert scheduler.take(2).tolist() == [0, 2]
    assert scheduler.fail([0], retry_after=0.0).tolist() == []
    assert scheduler.take(1).tolist() == [0]
    assert scheduler.fail([0]).tolist() == [1, 3, 4]
    assert scheduler.is_stopped
    assert states(scheduler) == ["failed", "cancelled", "running", "cancelled", "cancelled"]
    assert scheduler.fail([2]).tolist() == [], "it is not tried again"
    assert scheduler.is_done
    assert scheduler.add(1).tolist() == [5]
    assert states(scheduler)[5] == "cancelled"


@pytest.mark.parametrize("retries", [0, 1, 5])
def test_a_node_is_tried_once_and_then_as_often_as_it_may(retries: int) -> None:
    clock = FakeClock()
    scheduler = made(1, retries=retries, retry_delay=1.5, retry_delay_max=10.0, clock=clock)
    delays = [1.5, 3.0, 6.0, 10.0, 10.0]
    for attempt in range(retries):
        assert scheduler.take().tolist() == [0]
        assert scheduler.fail([0]).tolist() == []
        assert scheduler.next_time == clock.time + delays[attempt]
        assert scheduler.take().tolist() == []
        clock.time += delays[attempt]
    assert scheduler.take().tolist() == [0]
    scheduler.fail([0])
    assert (states(scheduler), scheduler.state().attempts.tolist()) == (["failed"], [retries + 1])


def test_a_caller_may_try_again_as_often_as_it_likes() -> None:
    clock = FakeClock()
    scheduler = made(2, [(0, 1)], clock=clock)
    for _ in range(3):
        assert scheduler.take(9).tolist() == [0]
        assert scheduler.fail([0], retry_after=2).tolist() == []
        clock.time += 2
    check_rounds(scheduler, [[0], [1]])
    assert scheduler.state().attempts.tolist() == [4, 1]


@pytest.mark.parametrize("report", ["complete", "fail", "retry"])
def test_what_is_cancelled_while_it_runs_holds_what_it_needs_until_it_is_reported(report: str) -> None:
    scheduler = made(4, [(0, 2)], demands=[[1]] * 4, capacities=[1], retries=3)
    scheduler.take(9)
    assert scheduler.cancel([0, 3]).tolist() == [0]
    assert scheduler.cancel([0]).tolist() == [], "it was told before"
    assert states(scheduler) == ["cancelling", "ready", "cancelled", "cancelled"]
    assert scheduler.take(9).tolist() == []
    calls: dict[str, Callable[[], object]] = {
        "complete": lambda: scheduler.complete([0]),
        "fail": lambda: scheduler.fail([0]),
        "retry": lambda: scheduler.fail([0], retry_after=1.0),
    }
    calls[report]()
    assert states(scheduler)[0] == "cancelled"
    assert scheduler.take(9).tolist() == [1]
    scheduler.complete([1])
    assert scheduler.cancel([1]).tolist() == [], "what has ended stays as it is"
    assert states(scheduler)[1] == "finished"


# --- what changes -----------------------------------------------------------------------------------


def test_nodes_are_added_while_others_run() -> None:
    scheduler = made(2, [(0, 1)], demands=[[1], [1]], capacities=[2], groups=[0, -1], group_limits=[1])
    scheduler.complete(scheduler.take(1))
    added = scheduler.add(3, [1, 0, 2], [2, 3, 4], priorities=[0, 5, 0], demands=[[1], [2], [0]], groups=[-1, 0, 0])
    assert added.tolist() == [2, 3, 4]
    assert added.dtype == np.int64
    check_rounds(scheduler, [[3], [1], [2], [4]])
    assert scheduler.add(0).tolist() == []
    assert scheduler.n_nodes == 5


def test_a_node_that_is_added_after_one_that_never_finished_is_given_up() -> None:
    scheduler = made(2)
    scheduler.take(1)
    scheduler.fail([0])
    scheduler.cancel([1])
    scheduler.add(4, [0, 1, 2, 2], [2, 3, 4, 4])
    assert states(scheduler)[2:] == ["skipped", "cancelled", "skipped", "ready"]


def test_nodes_wait_for_their_time() -> None:
    clock = FakeClock(10.0)
    scheduler = made(4, [(0, 3)], clock=clock)
    scheduler.not_before([1, 2, 3], [12.0, 11.0, 10.5])
    assert (scheduler.next_time, scheduler.now) == (11.0, 10.0)
    assert scheduler.take(9).tolist() == [0]
    clock.time = 10.25
    scheduler.complete([0])
    assert scheduler.next_time == 10.5
    clock.time = 11.0
    assert scheduler.take(9).tolist() == [2, 3]
    scheduler.delay([1], 5)
    assert scheduler.next_time == 16.0
    scheduler.not_before(1, 3.0)
    assert scheduler.take(9).tolist() == [1]
    assert [scheduler.next_time] == [None]
    assert np.isnan(scheduler.state().not_before).all()


@pytest.mark.parametrize("start", [0.1, 1.7e9 + 0.1, 8e9 + 0.7])
def test_at_next_time_the_node_may_start(start: float) -> None:
    clock = FakeClock(start)
    scheduler = made(300, clock=clock)
    scheduler.not_before(range(300), start + np.arange(300) / 7)
    for n_started in range(300):
        taken = scheduler.take(9)
        assert taken.size, n_started
        if scheduler.next_time is None:
            break
        clock.time = scheduler.next_time
    assert scheduler.counts()["running"] == 300


def test_a_clock_that_goes_back_stands_still() -> None:
    clock = FakeClock(100.0)
    scheduler = made(2, clock=clock)
    scheduler.delay([0], 5.0)
    clock.time = 20.0
    assert scheduler.now == 100.0
    scheduler.delay([1], 1.0)
    assert scheduler.next_time == 101.0
    clock.time = 101.0
    assert scheduler.take(9).tolist() == [1]


def test_without_a_clock_time_passes_from_zero() -> None:
    scheduler = made(1, clock=None)
    first = scheduler.now
    assert 0 <= first <= scheduler.now < 3_600
    scheduler.delay([0], 1e6)
    assert scheduler.take().size == 0
    assert scheduler.next_time == pytest.approx(1e6, abs=3_600)


def test_capacities_change_while_nodes_run() -> None:
    scheduler = made(4, demands=[[2], [2], [1], [1]], capacities=[4], groups=[-1, -1, 0, 0], group_limits=[1])
    assert scheduler.take(9).tolist() == [0, 1]
    scheduler.set_capacity(0, 1)
    assert [column.tolist() for column in scheduler.usage()] == [[1, 1], [4, 0]]
    scheduler.fail([0, 1], retry_after=0)
    assert scheduler.take(9).tolist() == [2], "what needs more than there is holds up nobody"
    scheduler.set_capacity(0, 9)
    scheduler.set_group_limit(0, 2)
    assert scheduler.take(9).tolist() == [0, 1, 3]
    scheduler.set_group_limit(0, 0)
    scheduler.complete([0, 1, 2, 3])
    assert scheduler.is_done


# --- what it says -----------------------------------------------------------------------------------


def sentence(scheduler: ms.ExecutionScheduler, node: int) -> str:
    explanation = scheduler.explain(node)
    assert explanation.node == node
    return str(explanation)


def test_explanations_of_nodes_that_wait() -> None:
    edges = [(0, 2), (1, 2), (0, 3), *((before, 16) for before in range(4, 16))]
    scheduler = made(17, edges, clock=FakeClock(2.0))
    scheduler.not_before([1], 2.5)
    assert sentence(scheduler, 2) == "node 2 waits for nodes 0, 1"
    assert sentence(scheduler, 3) == "node 3 waits for node 0"
    assert sentence(scheduler, 16) == "node 16 waits for nodes 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 and others"
    assert sentence(scheduler, 1) == "node 1 may not start before 2.5 s on the scheduler's clock"
    assert sentence(scheduler, 0) == "node 0 may be taken now"
    assert scheduler.explain(2).nodes == (0, 1)
    assert scheduler.explain(1).until == 2.5
    scheduler.take(1)
    added = scheduler.add(1, [0, 3], [17, 17])
    assert sentence(scheduler, int(added[0])) == "node 17 waits for nodes 0, 3"
    scheduler.fail([0])
    assert sentence(scheduler, 0) == "node 0 is failed"
    assert sentence(scheduler, 2) == "node 2 is skipped"


def test_explanations_of_nodes_that_are_short_of_something() -> None:
    scheduler = made(
        5,
        demands=[[3, 0], [2, 1], [1, 0], [0, 1], [0, 0]],
        capacities=[4, 1],
        groups=[-1, -1, -1, 0, 0],
        group_limits=[1],
    )
    assert scheduler.take(1).tolist() == [0]
    assert sentence(scheduler, 1) == "node 1 needs 2 of resource 0 (1 free)"
    assert sentence(scheduler, 2) == "node 2 is behind node 1, which goes first"
    assert sentence(scheduler, 3) == "node 3 is behind node 1, which goes first"
    scheduler.set_capacity(0, 1)
    assert sentence(scheduler, 1) == "node 1 needs 2 of resource 0, of which there are only 1 since it was lowered"
    scheduler.complete([0])
    assert scheduler.take(9).tolist() == [2, 3]
    assert sentence(scheduler, 4) == "node 4 needs 1 of group 0 (0 free)"
    assert scheduler.explain(4).resources == ((2, 1, 0),)
    assert scheduler.explain(1).resources == ((0, 2, 1),)


def test_explanations_of_nodes_that_wait_for_workers() -> None:
    scheduler = made(3, speeds=[1.0])
    assert sentence(scheduler, 1) == "node 1 is behind node 0, which goes first"
    scheduler.take(9)
    assert sentence(scheduler, 1) == "node 1 waits for a worker: all have something to do"
    scheduler = made(2, speeds=[1.0, 10.0], durations=[10.0, 10.0])
    scheduler.take(9)
    assert sentence(scheduler, 1) == "node 1 would finish earlier on a faster worker that is busy"
    assert scheduler.explain(1).reason == "waits_for_faster_worker"


def test_explaining_changes_nothing() -> None:
    scheduler = made(4, [(0, 1)], demands=[[1]] * 4, capacities=[2], record=True)
    before = everything(scheduler)
    assert everything(scheduler) == before
    assert scheduler.take(9).tolist() == [0, 2]


def test_counts_state_and_text_agree() -> None:
    scheduler = made(5, [(0, 1)])
    assert repr(scheduler) == "<ExecutionScheduler 1 waiting, 4 ready>"
    assert repr(made(0)) == "<ExecutionScheduler no nodes>"
    scheduler.take(2)
    scheduler.cancel([2, 3])
    counts = scheduler.counts()
    state = scheduler.state()
    assert tuple(counts) == state.names
    assert {name: state.in_state(name).size for name in state.names} == counts
    assert state.in_state("running").tolist() == [0]
    assert (scheduler.n_nodes, scheduler.n_left, scheduler.is_done) == (5, 4, False)
    with pytest.raises(ms.ValidationError, match="name is 'asleep'; expected one of waiting"):
        state.in_state("asleep")
    state.state[:] = 0
    assert scheduler.counts() == counts


def test_memory_is_small_and_grows_with_the_nodes() -> None:
    n_nodes = 10_000
    plain = made(n_nodes)
    assert plain.memory_bytes <= 64 * n_nodes
    full = made(n_nodes, priorities=np.arange(n_nodes), demands=np.ones((n_nodes, 3), int), capacities=[9] * 3)
    assert full.memory_bytes <= 64 * n_nodes
    plain.add(n_nodes)
    assert plain.memory_bytes > n_nodes * 20


# --- the log ----------------------------------------------------------------------------------------


def lived(**options: Any) -> tuple[ms.ExecutionScheduler, FakeClock]:
    """Make a scheduler that has seen a call of every kind."""
    clock = FakeClock(0.25)
    demands, groups = [[1, 0], [2, 1], [1, 1], [0, 0]], [0, -1, 0, -1]
    options = {"demands": demands, "capacities": [3, 1], "groups": groups, "group_limits": [1], "retries": 1} | options
    scheduler = made(4, [(0, 2)], clock=clock, record=True, **options)
    scheduler.set_priority([3], INF)
    scheduler.delay([3], 1.5)
    assert scheduler.take(2).tolist() == [0, 1]
    clock.time = 1.0
    scheduler.fail([0])
    scheduler.complete([1])
    added = scheduler.add(2, [1, 2], [4, 5], demands=[[1, 0], [0, 1]], groups=[-1, 0])
    scheduler.add(0)
    scheduler.take(1)
    scheduler.fail(added[:1], retry_after=0.125)
    clock.time = 3.0
    scheduler.take(2)
    scheduler.cancel([0])
    scheduler.set_capacity(1, 0)
    scheduler.set_group_limit(0, 3)
    return scheduler, clock


def test_replaying_a_log_brings_a_scheduler_back() -> None:
    scheduler, clock = lived()
    log = SchedulerLog.from_json(scheduler.log.to_json())
    assert log == scheduler.log
    assert len(log) == 13
    assert repr(log) == "<SchedulerLog 13 calls>"
    replayed = scheduler.replay(log, clock)
    assert everything(replayed) == everything(scheduler)
    clock.time = 4.0
    assert replayed.take(9).tolist() == scheduler.take(9).tolist()
    assert everything(replayed) == everything(scheduler)


def test_a_replayed_scheduler_goes_on_by_the_time_that_passes() -> None:
    scheduler, _ = lived()
    replayed = scheduler.replay(scheduler.log)
    assert 3.0 <= replayed.now <= replayed.now < 3_600


def test_another_process_can_go_on_from_the_log() -> None:
    scheduler, _ = lived()
    code = """
import sys
import makespan as ms
from makespan.scheduling import SchedulerLog
graph = ms.DependencyGraph.from_edges(4, [0], [2])
made = ms.ExecutionScheduler(graph, demands=[[1, 0], [2, 1], [1, 1], [0, 0]], capacities=[3, 1],
                             groups=[0, -1, 0, -1], group_limits=[1], retries=1)
replayed = made.replay(SchedulerLog.from_json(sys.stdin.read()), clock=lambda: 4.0)
print(replayed.take(9).tolist(), replayed.counts())
"""
    answer = subprocess.run(
        [sys.executable, "-c", code], input=scheduler.log.to_json(), capture_output=True, text=True, check=True
    )
    continued = scheduler.replay(scheduler.log, clock=lambda: 4.0)
    assert answer.stdout == f"{continued.take(9).tolist()} {continued.counts()}\n"


def test_a_log_is_of_one_scheduler() -> None:
    scheduler, _ = lived()
    with pytest.raises(ms.ValidationError, match=r"log\[0\] is LogEntry.*a call that is not refused: nodes\[0\] is 3"):
        made(2).replay(scheduler.log)
    scheduler = made(2, [(0, 1)], record=True)
    scheduler.complete(scheduler.take(2))
    with pytest.raises(ms.ValidationError, match=r"log\[0\] is LogEntry.*the answer \[0, 1\]"):
        made(2).replay(scheduler.log)
    with pytest.raises(ms.ConfigurationError, match="record"):
        _ = made(1).log


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '{"version": 2, "entries": []}',
        '{"version": 1}',
        '{"version": 1, "entries": [1]}',
        '{"version": 1, "entries": [[0, "take", [1]]]}',
        '{"version": 1, "entries": [[0, "take", [], []]]}',
        '{"version": 1, "entries": [[0, "run", [1], []]]}',
        '{"version": 1, "entries": [[0, "complete", [[1.5, "a"]], null]]}',
        '{"version": 1, "entries": [[0, ["take"], [1], []]]}',
    ],
)
def test_what_is_no_log_is_refused(text: str) -> None:
    with pytest.raises(ms.ValidationError, match="text is"):
        SchedulerLog.from_json(text)


# --- threads, and size ------------------------------------------------------------------------------


def test_threads_share_the_nodes_and_each_runs_once(nervous_interpreter: None) -> None:
    n_nodes = 20_000
    numbers = np.random.default_rng(3)
    ends = np.sort(numbers.integers(0, n_nodes, size=(40_000, 2)), axis=1)
    ends = ends[ends[:, 0] < ends[:, 1]]
    scheduler = ms.ExecutionScheduler(
        ms.DependencyGraph.from_edges(n_nodes, ends[:, 0], ends[:, 1]),
        priorities=numbers.random(n_nodes),
        demands=numbers.integers(0, 3, size=(n_nodes, 2)),
        capacities=[200, 200],
        record=True,
    )
    taken: list[list[int]] = [[] for _ in range(8)]

    def work(place: int) -> None:
        while not scheduler.is_done:
            nodes = scheduler.take(1 + place)
            taken[place] += nodes.tolist()
            scheduler.complete(nodes)

    with ThreadPoolExecutor(len(taken)) as pool:
        assert [*pool.map(work, range(len(taken)))] == [None] * len(taken)
    assert sorted(node for nodes in taken for node in nodes) == list(range(n_nodes))
    assert scheduler.usage()[1].tolist() == [0, 0]
    replayed = scheduler.replay(scheduler.log)
    assert replayed.is_done


@pytest.mark.slow
def test_a_million_nodes_with_everything_known_of_them() -> None:
    n_nodes, n_edges = 1_000_000, 3_000_000
    numbers = np.random.default_rng(7)
    ends = np.sort(numbers.integers(0, n_nodes, size=(n_edges, 2)), axis=1)
    ends = ends[ends[:, 0] < ends[:, 1]]
    clock = FakeClock()
    scheduler = ms.ExecutionScheduler(
        ms.DependencyGraph.from_edges(n_nodes, ends[:, 0], ends[:, 1]),
        priorities=numbers.random(n_nodes),
        demands=numbers.integers(0, 4, size=(n_nodes, 3)),
        capacities=[5_000, 6_000, 7_000],
        groups=numbers.integers(-1, 2, size=n_nodes),
        group_limits=[2_000, 900],
        durations=numbers.random(n_nodes),
        clock=clock,
    )
    place = np.full(n_nodes, -1)
    n_taken = 0
    while not scheduler.is_done:
        nodes = scheduler.take(4_096)
        capacity, in_use = scheduler.usage()
        assert (in_use <= capacity).all()
        assert (place[nodes] == -1).all()
        place[nodes] = np.arange(n_taken, n_taken + nodes.size)
        n_taken += nodes.size
        clock.time += 1.0
        scheduler.complete(nodes)
    assert n_taken == n_nodes
    assert (place[ends[:, 0]] < place[ends[:, 1]]).all()
