"""Whatever the strategy and the number of workers: the same results and the same order of effects as `serial()`."""

import functools
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import makespan as ms
from engines import all_engines
from makespan import _core
from makespan.testing import assert_same
from makespan.testing.generated_workflows import descriptions
from makespan.testing.reference import Touch, hazard_edges
from makespan.testing.reference_optimizer import checks_first
from makespan.testing.workflows import EFFECTS, Description, Ref, Tree, World

pytestmark = pytest.mark.usefixtures("nervous_interpreter")
thorough = settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

VALUES = (10, "twenty", [30.0])


@pytest.fixture(scope="module")
def engines() -> Iterator[list[ms.SequentialExecutionEngine]]:
    with all_engines() as made:
        yield made
        assert [engine.resources.holders() + engine.resources.waiters() for engine in made] == [[]] * len(made)


@pytest.fixture(scope="module")
def engines_that_go_on() -> Iterator[list[ms.SequentialExecutionEngine]]:
    """What does not depend on a failure still runs."""
    with all_engines(stop_on_failure=False) as made:
        yield made


def check(description: Description, world: World, run: Callable[[], Any], expected: Any) -> None:
    """Check the value and the order of effects of one way to run a description."""
    world.reset()
    value = run()
    assert_same(value.value if isinstance(value, ms.RunResult) else value, expected)
    assert world.writers == description.writers()
    check_calls(description, world)
    if isinstance(value, ms.RunResult):
        batch = value.nodes.batch
        assert sorted(np.bincount(batch[batch >= 0]).tolist()) == sorted(world.batch_sizes)
        n_cached = sum(call.is_cached for call in description.calls)
        assert n_cached or not value.outcome_counts["cached"]
        assert value.n_calls == value.outcome_counts["finished"] - sum(world.batch_sizes) + len(world.batch_sizes)


def check_calls(description: Description, world: World) -> None:
    """Check that every call was made once, but for those of pure steps: not more often than it stands there."""
    n_made = Counter(world.calls)
    n_written: Counter[int] = Counter()
    for at, call in enumerate(description.calls):
        if call.kind != "get":
            n_written[call.stamp(at)] += len(call.args) if call.kind == "each" else 1
    for stamp, n in n_written.items():
        assert n_made[stamp] <= n if description.calls[stamp].is_pure else n_made[stamp] == n


@thorough
@given(descriptions(with_needs=True, with_pure=True, with_batch=True, with_cache=True, with_checks=True))
def test_results_and_effects_equal_serial(
    engines: list[ms.SequentialExecutionEngine], description: Description
) -> None:
    world = World()
    values = VALUES[: description.n_parameters]
    traced, built = description.traced(world), description.built(world)
    expected = traced.serial(*values)
    check(description, world, functools.partial(built.serial, *values), expected)
    for engine in engines:
        check(description, world, functools.partial(engine.run, traced, *values), expected)
        check(description, world, functools.partial(engine.run, built, *values), expected)
        for prepared in (engine.prepare(traced), engine.prepare(built)):
            # The second run knows durations, and may be laid out anew.
            for _ in range(2):
                check(description, world, functools.partial(prepared.run, *values), expected)


@thorough
@given(
    descriptions(with_after=True, with_needs=True, with_pure=True, with_batch=True, with_cache=True, with_checks=True)
)
def test_declared_order_changes_no_result(
    engines: list[ms.SequentialExecutionEngine], description: Description
) -> None:
    world = World()
    values = VALUES[: description.n_parameters]
    built = description.built(world)
    expected = built.serial(*values)
    for engine in engines:
        check(description, world, functools.partial(engine.run, built, *values), expected)


@thorough
@given(
    descriptions(
        with_failures=True, with_needs=True, with_pure=True, with_batch=True, with_cache=True, with_checks=True
    ),
    st.booleans(),
)
def test_effects_of_a_failed_run_are_a_prefix_of_program_order(
    engines: list[ms.SequentialExecutionEngine],
    engines_that_go_on: list[ms.SequentialExecutionEngine],
    description: Description,
    stop_on_failure: bool,
) -> None:
    world = World()
    values = VALUES[: description.n_parameters]
    traced = description.traced(world)
    in_order = description.writers()
    failing = {call.stamp(at) for at, call in enumerate(description.calls) if call.failure is not None}
    # What is pure may be left out, and cannot fail then.
    must_fail = any(call.failure is not None and not call.is_pure for call in description.calls)
    for engine in engines if stop_on_failure else engines_that_go_on:
        world.reset()
        try:
            engine.run(traced, *values)
        except ms.RunFailedError as error:
            failures = error.failures
            assert [failure.index for failure in failures] == sorted({failure.index for failure in failures})
            causes = [failure.__cause__ for failure in failures]
            assert {cause.args[0] for cause in causes if cause is not None} <= failing
            # The calls of a batch fail together, and those of a pure step are made one by one then.
            is_bounded = stop_on_failure and engine.strategy.name != "batch"
            assert not is_bounded or len(failures) <= engine.workers
        else:
            assert not must_fail
        for name in EFFECTS:
            took_place = world.writers[name]
            assert took_place == in_order[name][: len(took_place)]


@thorough
@given(descriptions(with_failures=True, with_pure=True))
def test_fused_runs_equal_serial_and_fail_at_the_same_node(description: Description) -> None:
    world = World()
    values = VALUES[: description.n_parameters]
    traced = description.traced(world)
    with ms.SequentialExecutionEngine("auto", 1) as engine, ms.SequentialExecutionEngine("sequential") as one_by_one:
        history = engine._history(traced)
        world.reset()
        by_nodes, failure = outcome_of(functools.partial(one_by_one.run, traced, *values))
        for _ in range(3):
            history.observe_nodes(by_nodes._record, 10**12)
        if not history.is_fused():
            assert sum(engine.run(traced, *values).outcome_counts[name] for name in ("pruned", "merged"))
            return
        world.reset()
        fused, failure_of_fused = outcome_of(functools.partial(engine.run, traced, *values))
        assert fused.n_nodes == 1
        assert world.writers == {
            name: order[: len(world.writers[name])] for name, order in description.writers().items()
        }
        if failure is None:
            assert_same(fused.value, by_nodes.value)
            assert world.writers == description.writers()
            check_calls(description, world)
            assert failure_of_fused is None
        else:
            assert failure_of_fused is not None
            assert [failure_of_fused.path, failure_of_fused.index] == [failure.path, failure.index]
            assert repr(failure_of_fused.__cause__) == repr(failure.__cause__)


def outcome_of(run: Callable[[], ms.RunResult[Any]]) -> tuple[ms.RunResult[Any], ms.StepFailedError | None]:
    try:
        return run(), None
    except ms.RunFailedError as error:
        result: Any = error.result
        return result, error.failures[0]


@thorough
@given(descriptions(with_after=True, with_pure=True, with_batch=True, with_cache=True, with_checks=True))
def test_static_order_is_a_linear_extension(
    engines: list[ms.SequentialExecutionEngine], description: Description
) -> None:
    world = World()
    built = description.built(world)
    for engine in engines:
        prepared = engine.prepare(built)
        for _ in range(2):
            order = prepared.order()
            passes = engine._options(prepared.program, _core.History()).passes
            representatives = prepared.program.representatives(passes)
            assert sorted(order) == [node for node, other in enumerate(representatives) if node == other]
            place = {node: at for at, node in enumerate(order)}
            for before, after in edges_of(description):
                stands_in = representatives[before]
                assert after not in place or (stands_in is not None and place[stands_in] < place[after])
            prepared.run(*VALUES[: description.n_parameters])


@thorough
@given(descriptions(with_after=True, with_pure=True, with_checks=True))
def test_checks_and_what_they_need_go_first(description: Description) -> None:
    built = description.built(World())
    for n_workers in (1, 2):
        orders = []
        program = built._finished()
        for passes in (("prune", "dedupe"), ("prune", "dedupe", "check")):
            strategy = ms.OptimizedSequentialStrategy(passes=passes)
            with ms.SequentialExecutionEngine(strategy, n_workers) as engine:
                orders.append(engine.prepare(built).order())
        stands_in = {
            node: other for node, other in enumerate(program.representatives(["prune", "dedupe"])) if other is not None
        }
        edges = [
            (stands_in[before], stands_in[after])
            for before, after in edges_of(description)
            if before in stands_in and after in stands_in
        ]
        calls = enumerate(calls_of_nodes(description))
        checks = [
            stands_in[node]
            for node, at in calls
            if at is not None and description.calls[at].is_check and node in stands_in
        ]
        assert orders[1] == checks_first(orders[0], edges, checks)


def calls_of_nodes(description: Description) -> list[int | None]:
    """Return the place of the call that each node is; none of those that take a result apart."""
    nodes: list[int | None] = []
    for at, call in enumerate(description.calls):
        nodes += [at] * (len(call.args) if call.kind == "each" else 1)
        nodes += [None] * (call.outputs or 0)
    return nodes


def edges_of(description: Description) -> set[tuple[int, int]]:
    """Return every pair of nodes whose order is given: by data, by `after`, by effects."""
    nodes_of_call: list[list[int]] = []
    n_nodes = 0
    edges: set[tuple[int, int]] = set()
    touches: list[list[Touch]] = []
    for call in description.calls:
        n_calls = len(call.args) if call.kind == "each" else 1
        nodes = list(range(n_nodes, n_nodes + n_calls))
        n_picks = call.outputs or 0
        n_nodes += n_calls + n_picks
        touches_of_call: list[Touch] = ["anything"] if call.is_effect else []
        touches_of_call += [("reads", name) for name in call.reads]
        touches_of_call += [("writes", name) for name in call.writes]
        touches += [touches_of_call] * n_calls + [[] for _ in range(n_picks)]
        trees = [*call.args, *(tree for _, tree in call.kwargs)]
        for at, node in enumerate(nodes):
            needed = refs_of(trees[at]) if call.kind == "each" else [ref for tree in trees for ref in refs_of(tree)]
            sources = [before for ref in needed for before in nodes_behind(ref, nodes_of_call[ref.call])]
            sources += [
                before
                for other in call.after
                for before in nodes_of_call[other][-(n_picks_of(description, other) or 10) :]
            ]
            edges |= {(before, node) for before in sources}
        picks = list(range(n_nodes - n_picks, n_nodes))
        edges |= {(nodes[0], pick) for pick in picks}
        nodes_of_call.append([*nodes, *picks])
    return edges | hazard_edges(touches)


def n_picks_of(description: Description, at: int) -> int:
    return description.calls[at].outputs or 0


def nodes_behind(ref: Ref, nodes: list[int]) -> list[int]:
    return nodes if ref.part is None else [nodes[1 + ref.part]]


def refs_of(tree: Tree) -> list[Ref]:
    if isinstance(tree, Ref):
        return [tree]
    return [ref for member in getattr(tree, "members", ()) for ref in refs_of(member)]


def test_generated_workflows_make_batches(engines: list[ms.SequentialExecutionEngine]) -> None:
    sizes: set[int] = set()
    hazards: set[bool] = set()

    @settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
    @given(descriptions(with_needs=True, with_pure=True, with_batch=True))
    def look(description: Description) -> None:
        world = World()
        batching = [engine for engine in engines if engine.strategy.name == "batch"]
        batching[0].run(description.traced(world), *VALUES[: description.n_parameters])
        sizes.update(world.batch_sizes)
        is_writing = any(call.is_batched and call.writes for call in description.calls)
        hazards.add(is_writing and max(world.batch_sizes, default=0) > 1)

    look()
    assert {2, 3} <= sizes
    assert max(sizes) > 3
    assert hazards == {False, True}


def test_generated_workflows_reach_what_they_are_for() -> None:
    seen: set[Any] = set()

    @settings(max_examples=300)
    @given(descriptions(with_failures=True, with_after=True, with_needs=True))
    def look(description: Description) -> None:
        for call in description.calls:
            seen.update({call.kind, call.form, call.result, call.failure, call.outputs, call.is_inlined})
            seen.update(
                {
                    ("needs", bool(call.needs)),
                    ("effect", call.is_effect),
                    ("after", bool(call.after)),
                    ("keywords", bool(call.kwargs)),
                }
            )
            seen.update(tree.kind for tree in call.args if hasattr(tree, "kind"))
        pairs = combinations(description.calls, 2)
        seen.update({("conflict", bool(set(left.writes) & {*right.reads, *right.writes})) for left, right in pairs})

    look()
    kinds = {"step", "each", "get", "positional", "defaults", "keyword_only", "variadic", "object"}
    containers = {"list", "tuple", "dict", "pair", "box", "crate"}
    assert kinds | containers | {"raises", "declares", "returns", 1, 2, 3, "nan"} <= seen
    flags = {("needs", True), ("effect", True), ("after", True), ("keywords", True), ("conflict", True), True}
    assert flags <= seen


def test_generated_workflows_take_results_from_the_cache(engines: list[ms.SequentialExecutionEngine]) -> None:
    n_found, n_cut_off = 0, 0

    @settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
    @given(descriptions(with_pure=True, with_batch=True, with_cache=True))
    def look(description: Description) -> None:
        nonlocal n_found, n_cut_off
        traced, values = description.traced(World()), VALUES[: description.n_parameters]
        engine = next(engine for engine in engines if engine.strategy.name == "batch")
        first, second = engine.run(traced, *values), engine.run(traced, *values)
        n_found += second.outcome_counts["cached"]
        n_cut_off += second.outcome_counts["pruned"] - first.outcome_counts["pruned"]

    look()
    assert n_found > 50
    assert n_cut_off > 10
