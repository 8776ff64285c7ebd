"""The stub of the extension tells the truth: each function, method and property in it is used once.

stubtest compares names and signatures, and cannot see whether a type is right. The calls below conform to the stub
because mypy reads this file; that what they return conforms to it as well is what the tests show.
"""

import __future__

import inspect
import math
from collections.abc import Callable, Hashable
from types import FunctionType
from typing import Any, Literal, NamedTuple, NoReturn, Self, get_args, get_type_hints

import numpy as np
import pytest
from numpy.typing import NDArray

import makespan as ms
from conformance import conforms
from makespan import NotComputedYet, _core
from makespan.abc import Batching
from makespan.planning.options import PlanOptions
from makespan.planning.terms import terms_of
from repository import PACKAGE


def executed_stub() -> dict[str, Any]:
    """Run the stub as Python; its annotations stay text, so that it may name a class before it defines it."""
    path = PACKAGE / "_core.pyi"
    code = compile(path.read_text(), path, "exec", flags=__future__.annotations.compiler_flag, dont_inherit=True)
    names: dict[str, Any] = {"__name__": "stub"}
    exec(code, names)
    return names


STUB = executed_stub()
PUBLIC: list[str] = STUB["__all__"]
# Where an annotation names a class of the stub, the extension's own is meant.
NAMES = STUB | {name: getattr(_core, name) for name in PUBLIC}


def returned(function: FunctionType, owner: str = "") -> Any:
    annotation = get_type_hints(function, NAMES)["return"]
    return getattr(_core, owner) if annotation is Self else annotation


def annotated() -> dict[str, Any]:
    """Return the type of every constant, function, method and property of the stub."""
    constants: dict[str, str] = STUB["__annotations__"]
    found = {name: get_args(eval(text, NAMES))[0] for name, text in constants.items() if name in PUBLIC}
    for name in PUBLIC:
        if inspect.isfunction(value := STUB.get(name)):
            found[name] = returned(value)
        elif inspect.isclass(value):
            for member_name, member in vars(value).items():
                function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
                if inspect.isfunction(function):
                    found[f"{name}.{member_name}"] = returned(function, name)
    return found


ANNOTATED = annotated()


class Arity(NamedTuple):
    names: list[str]
    n_positional_only: int
    n_defaults: int
    keyword_only: list[str]
    keyword_only_required: list[str]
    has_var_positional: bool
    has_var_keyword: bool


class Result:
    _record: _core.Record


def new_step(*, pick: _core.Step | None = None, needs_net: bool = False, batches: bool = False) -> _core.Step:
    return _core.Step(
        function=max,
        name="max",
        arity=Arity(["a", "b", "c"], 3, 1, [], [], has_var_positional=False, has_var_keyword=False),
        declared="anything",
        duration_ns=1_000,
        n_outputs=2 if pick else 0,
        pick=pick,
        is_kept=True,
        is_cheap_check=False,
        merges=[],
        is_pure=False,
        needs=[("net", 1_000)] if needs_net else [],
        batch=max if batches else None,
        max_batch=None,
        caching=None,
    )


def batching_program() -> _core.Program:
    draft = _core.Draft("demo")
    return draft.finish((draft.add(new_step(batches=True), (1, 2), None, None),), None)


class Sample:
    """A workflow of two calls, the second of which takes the first one's result, and a run of it."""

    def __init__(self) -> None:
        self.draft = _core.Draft("demo")
        self.parameter = self.draft.parameter("x", 3)
        self.first = self.draft.add(new_step(needs_net=True), (self.parameter, 1), None, None)
        self.second = self.draft.add(new_step(), (self.first, 2), None, self.first)
        self.program = self.draft.finish((self.second,), None)
        self.prepared = _core.Prepared(
            program=self.program,
            n_workers=2,
            helpers="chosen",
            reasons=["because"],
            stops_on_failure=True,
            passes=["prune"],
            plans=True,
            batching=Batching(),
            predictor=_core.Predictor(),
            is_pinned=False,
            cache=None,
            history=_core.History(),
            team=_core.Team(lambda team, n_threads: None),
            resources=new_resources(),
            result_class=Result,
            to_exception=lambda result, failures: failures[0][1],
            strategy="demo",
        )
        result: Result = self.prepared.run(5)
        self.record = result._record


def combined_nodes() -> list[int]:
    read = ms.step(lambda path: path, name="read", pure=True)
    both = ms.step(lambda path, names: path + names, name="both", pure=True)
    columns = ms.step(lambda table, names: table + names, name="columns", pure=True, merge={read: both})
    draft = _core.Draft("demo")
    taken = draft.add(columns, (draft.add(read, ("t",), None, None), "a"), None, None)
    return draft.finish((taken,), None).combined(["combine"])


def closed_team() -> _core.Team:
    team = _core.Team(lambda team, n_threads: None)
    team.close()
    return team


def new_result_cache() -> _core.ResultCache:
    return _core.ResultCache(max_bytes=1_000, ttl_ns=None, folder=None, clock=None)


def used_result_cache() -> _core.ResultCache:
    """Make a cache and run a workflow whose one result is in it afterwards."""
    workflow = ms.Workflow("demo")
    workflow.output(workflow.add(ms.step(abs, pure=True, cache=True), -1))
    with ms.SequentialExecutionEngine() as engine:
        engine.run(workflow)
        return engine.cache


def new_queue(*keys: Hashable, **options: Any) -> _core.Queue:
    """Make a queue; the bells of those below the public class are never hung up."""
    queue = _core.Queue(
        **{
            "by_deadline": False,
            "ageing": 0.0,
            "tracked": True,
            "retries": 0,
            "retry_delay_ns": 0,
            "retry_delay_ns_max": 0,
            "size_max": None,
            "when_full": "refuse",
            "clock": None,
            "start_ns": 0,
            **options,
        }
    )
    for key in keys:
        queue.push(key)
    return queue


def working_queue(key: Hashable) -> _core.Queue:
    queue = new_queue(key)
    queue.pop()
    return queue


def dead_queue(key: Hashable) -> _core.Queue:
    queue = working_queue(key)
    queue.failed(key, "reason")
    return queue


def new_resources() -> _core.Resources:
    resources = _core.Resources(ageing_milli=1_000, clock=None)
    resources._set_limit("net", 4_000)
    resources._set_rate("api", 1_000, 10**9, 2_000)
    return resources


def unlimited() -> _core.Resources:
    return _core.Resources(ageing_milli=0, clock=lambda: 0.0)


SAMPLE = Sample()
RESOURCES = new_resources()
GRAPH = _core.Graph.from_edges(3, np.array([0, 1]), np.array([1, 2]))


class Columns(NamedTuple):
    priorities: NDArray[np.float64] | None = None
    demands: NDArray[np.int64] | None = None
    groups: NDArray[np.int64] | None = None
    durations_ns: NDArray[np.uint64] | None = None


class SharedOptions(NamedTuple):
    capacities: list[int]
    group_limits: list[int]
    speeds: list[float] | None = None
    stops_on_failure: bool = False
    n_retries: int = 0
    retry_delay_ns: int = 0
    retry_delay_max_ns: int = 0


def new_scheduler(n_started: int = 0) -> _core.ListScheduler:
    """Make a scheduler of a chain of three, which is known to take a second each, and start some."""
    columns = Columns(demands=np.ones((3, 1), dtype=np.int64), durations_ns=np.full(3, 10**9, dtype=np.uint64))
    scheduler = _core.ListScheduler(GRAPH, columns, SharedOptions([1], [1]), lambda: 1.5)
    scheduler.take(n_started)
    return scheduler


def learned_predictor() -> _core.Predictor:
    predictor = _core.Predictor()
    predictor.observe("a", "kind", 5, 7, False, 2, 3)
    predictor.observe("a", None, 9, None, True, 1, None)
    return predictor


def scheduler_with_reservation() -> _core.ListScheduler:
    scheduler = new_scheduler(1)
    columns = Columns(demands=np.ones((1, 1), dtype=np.int64), durations_ns=np.ones(1, dtype=np.uint64))
    scheduler.add(1, NONE, NONE, columns)
    scheduler.take(1)
    return scheduler


def scheduler_with_delay() -> _core.ListScheduler:
    scheduler = new_scheduler()
    scheduler.set_not_before(FIRST, np.array([10**12], dtype=np.uint64))
    return scheduler


TERMS = terms_of(PlanOptions(), np.ones(3, np.uint64), np.ones((3, 1), np.int64), None, np.ones((1, 1), np.int64))

FIRST, NONE = np.array([0]), np.array([], dtype=np.int64)
# All nodes at once, though they wait for each other.
CHAIN = (GRAPH, np.zeros(3, np.uint64), np.ones(3, np.uint64), np.ones((3, 1), np.int64), np.ones(1, np.int64))
NO_TIMES = np.array([], dtype=np.uint64)

CALLS: dict[str, Callable[[], object]] = {
    "N_NODES_SEARCHED_MAX": lambda: _core.N_NODES_SEARCHED_MAX,
    "VERSION": lambda: _core.VERSION,
    "BUILD_PROFILE": lambda: _core.BUILD_PROFILE,
    "usable_cores": _core.usable_cores,
    "host": _core.host,
    "durable_key": lambda: _core.durable_key([1]),
    "canonical_bytes": lambda: _core.canonical_bytes([1]),
    "plain_bytes": lambda: _core.plain_bytes([1], "value", ()),
    "from_plain_bytes": lambda: _core.from_plain_bytes(_core.plain_bytes([1], "value", ())),
    "ResultCache.counts": lambda: new_result_cache().counts(),
    "ResultCache.__new__": new_result_cache,
    "ResultCache.entries": lambda: used_result_cache().entries(),
    "ResultCache.forget": lambda: new_result_cache().forget([1]),
    "Program.traits": lambda: Sample().program.traits(),
    "Record.reasons": lambda: Sample().record.reasons(),
    "Program.has_cached_steps": lambda: Sample().program.has_cached_steps,
    "foreseen_outcomes": lambda: _core.foreseen_outcomes(SAMPLE.program, ["prune", "cache"], new_result_cache()),
    "file_digest": lambda: _core.file_digest(__file__),
    "demands": lambda: _core.demands({"net": 1.5, "memory": "1 kB"}),
    "limit": lambda: _core.limit("net", 0),
    "is_tracing": _core.is_tracing,
    "critical_chain": lambda: _core.critical_chain(*CHAIN),
    "plan_memory": lambda: _core.plan_memory(
        GRAPH, np.ones(3, np.uint64), np.zeros(3, np.bool_), np.ones(3, np.uint64), 2, 1_000, None, 0
    ),
    "peak_bytes": lambda: _core.peak_bytes(
        GRAPH, np.ones(3, np.uint64), np.zeros(3, np.bool_), np.zeros(3, np.uint64), np.ones(3, np.uint64)
    ),
    "simulate_runs": lambda: _core.simulate_runs(
        CHAIN[0], *CHAIN[3:], np.ones(CHAIN[1].size, np.uint64), [0.0], CHAIN[2].reshape(-1, 1), 2, 0
    ),
    "quantile_durations": lambda: _core.quantile_durations([0.0], CHAIN[2].reshape(-1, 1), 1.0),
    "first_violation": lambda: _core.first_violation(*CHAIN),
    "plan": lambda: _core.plan(
        GRAPH, np.ones(3, np.uint64), np.ones((3, 1), np.int64), np.ones(1, np.int64), None, 10, 0, 1
    ),
    "plan_constrained": lambda: _core.plan_constrained(GRAPH, TERMS, None, 10, 0, 1),
    "plan_on_workers": lambda: _core.plan_on_workers(
        GRAPH, np.ones((3, 2), np.uint64), None, np.ones(2, np.uint32), np.ones(3, np.uint32), NO_TIMES, None, 10, 0
    ),
    "inline": lambda: _core.inline("inner", len, ("ab",), {}),
    "each_handle": lambda: _core.each_handle([SAMPLE.parameter]),
    "Step.__new__": new_step,
    "Step.__call__": lambda: new_step()(1, 2),
    "Draft.__new__": lambda: _core.Draft("demo"),
    "Draft.n_nodes": lambda: SAMPLE.draft.n_nodes,
    "Draft.parameter": lambda: _core.Draft("demo").parameter("x"),
    "Draft.trace": lambda: _core.Draft("demo").trace(new_step(), (1, 2), None),
    "Draft.add": lambda: _core.Draft("demo").add(new_step(pick=new_step()), (1, 2), {}, None),
    "Draft.finish": lambda: SAMPLE.draft.finish((SAMPLE.first,), {"x": 1}),
    "Handle._path": lambda: SAMPLE.parameter._path,
    "Handle.__hash__": lambda: hash(SAMPLE.parameter),
    "Handle.__eq__": lambda: SAMPLE.parameter.__eq__(SAMPLE.parameter),
    "Handle.__ne__": lambda: SAMPLE.parameter.__ne__(SAMPLE.parameter),
    "Program.name": lambda: SAMPLE.program.name,
    "Program.n_nodes": lambda: SAMPLE.program.n_nodes,
    "Program.has_needs": lambda: SAMPLE.program.has_needs,
    "Program.n_edges": lambda: SAMPLE.program.n_edges,
    "Program.parameters": lambda: SAMPLE.program.parameters,
    "Program.topological_order": lambda: SAMPLE.program.topological_order(),
    "Program.sinks": lambda: SAMPLE.program.sinks(),
    "Program.paths": lambda: SAMPLE.program.paths(),
    "Program.reasons": lambda: SAMPLE.program.reasons(1),
    "Program.representatives": lambda: SAMPLE.program.representatives(["dedupe"]),
    "Program.given_edges": lambda: SAMPLE.program.given_edges(),
    "Program.effect_edges": lambda: SAMPLE.program.effect_edges("max"),
    "Program.combined": combined_nodes,
    "Program.batchable": lambda: batching_program().batchable(),
    "Program.step_names": lambda: SAMPLE.program.step_names(),
    "Program.successors": lambda: SAMPLE.program.successors(0),
    "Prepared.__new__": lambda: Sample().prepared,
    "Prepared.program": lambda: SAMPLE.prepared.program,
    "Prepared.strategy": lambda: SAMPLE.prepared.strategy,
    "Prepared.workers": lambda: SAMPLE.prepared.workers,
    "Prepared.run": lambda: SAMPLE.prepared.run(x=5),
    "Prepared.expectations": lambda: SAMPLE.prepared.expectations(),
    "Prepared.order": lambda: SAMPLE.prepared.order(),
    "Record.value": lambda: SAMPLE.record.value,
    "Record.program": lambda: SAMPLE.record.program,
    "Record.strategy": lambda: SAMPLE.record.strategy,
    "Record.workers": lambda: SAMPLE.record.workers,
    "Record.elapsed_ns": lambda: SAMPLE.record.elapsed_ns,
    "Record.outcome_counts": lambda: SAMPLE.record.outcome_counts(),
    "Record.columns": lambda: SAMPLE.record.columns(),
    "Record.makespan_ns": lambda: SAMPLE.record.makespan_ns(),
    "Record.critical_path": lambda: SAMPLE.record.critical_path(),
    "Record.representatives": lambda: SAMPLE.record.representatives(),
    "Record.expected_makespan_ns": lambda: SAMPLE.record.expected_makespan_ns,
    "Record.n_calls": lambda: SAMPLE.record.n_calls(),
    "Record.batch_of": lambda: SAMPLE.record.batch_of(0),
    "Record.slowest": lambda: SAMPLE.record.slowest(1),
    "Record.kept": lambda: SAMPLE.record.kept(),
    "RunTotals.__new__": _core.RunTotals,
    "RunTotals.sums": lambda: _core.RunTotals().sums(),
    "History.__new__": lambda: _core.History(_core.RunTotals()),
    "History.n_runs": lambda: _core.History().n_runs,
    "History.is_fused": lambda: _core.History().is_fused(),
    "History.observe_nodes": lambda: _core.History().observe_nodes(SAMPLE.record, 1),
    "History.observe_fused": lambda: _core.History().observe_fused(1, 1, is_mixed=False),
    "History.grains_ns": lambda: _core.History().grains_ns(),
    "PlainCalls.__new__": _core.PlainCalls,
    "PlainCalls.make": lambda: _core.PlainCalls().make("demo", print, abs, (-1,), {}),
    "PlainCalls.n_calls": lambda: _core.PlainCalls().n_calls,
    "PlainCalls.is_mixed": lambda: _core.PlainCalls().is_mixed,
    "PlainCalls.failed_node": lambda: _core.PlainCalls().failed_node,
    "Team.__new__": closed_team,
    "Team.n_members": lambda: closed_team().n_members,
    "Team.work": lambda: closed_team().work(),
    "Team.restart": lambda: closed_team().restart(),
    "Team.close": lambda: closed_team().close(),
    "Progress.__new__": _core.Progress,
    "Progress.__enter__": lambda: entered(_core.Progress()),
    "Progress.__exit__": lambda: _core.Progress().__exit__(None, None, None),
    "Progress.snapshot": lambda: _core.Progress().snapshot(),
    "Queue.__new__": new_queue,
    "Queue.closed": lambda: new_queue().closed,
    "Queue.push": lambda: new_queue().push("a", "high", 1.0, 0.5),
    "Queue.pop": lambda: new_queue("a").pop(),
    "Queue.put": lambda: new_queue().put("a", 1, None, None, 0.5),
    "Queue.get": lambda: new_queue("a").get(0.5),
    "Queue.pop_many": lambda: new_queue("a").pop_many(1),
    "Queue.peek": lambda: new_queue("a").peek(),
    "Queue.update": lambda: new_queue("a").update("a", 2.5),
    "Queue.remove": lambda: new_queue("a").remove("a"),
    "Queue.done": lambda: working_queue("a").done("a"),
    "Queue.failed": lambda: working_queue("a").failed("a"),
    "Queue.revive": lambda: dead_queue("a").revive("a"),
    "Queue.clear": lambda: new_queue("a").clear(),
    "Queue.close": lambda: new_queue().close(),
    "Queue.state": lambda: new_queue("a").state("a"),
    "Queue.__contains__": lambda: new_queue("a").__contains__("a"),
    "Queue.__len__": lambda: new_queue("a").__len__(),
    "Queue._push_ints": lambda: new_queue()._push_ints(np.array([1]), np.array([0.5]), None),
    "Queue._push_objects": lambda: new_queue()._push_objects(["a"], np.array([0.5]), np.array([0.5])),
    "Queue._ints_done": lambda: working_queue(1)._ints_done(np.array([1])),
    "Queue._keys": lambda: new_queue("a")._keys("waiting"),
    "Queue._counts": lambda: new_queue("a")._counts(),
    "Queue._waits": lambda: new_queue("a")._waits([0.5, 0.9, 0.99]),
    "Queue._n_ready": lambda: new_queue("a")._n_ready(True),
    "Queue._due_in": lambda: new_queue("a")._due_in(),
    "Queue._hang_bell": lambda: new_queue()._hang_bell(True),
    "Queue._export": lambda: dead_queue("a")._export(),
    "Queue._load": lambda: new_queue()._load(dead_queue("a")._export()[1], (0, 1, 0)),
    "Queue._after_fork": lambda: new_queue()._after_fork(),
    "Grant.needs": lambda: RESOURCES.acquire({"net": 1}).needs,
    "Grant.is_held": lambda: RESOURCES.acquire({"net": 1}).is_held,
    "Grant.release": lambda: RESOURCES.acquire({"net": 1}).release(),
    "Grant.__enter__": lambda: entered(RESOURCES.acquire({"net": 1})),
    "Grant.__exit__": lambda: RESOURCES.acquire({"net": 1}).__exit__(None, None, None),
    "Grant._look": lambda: RESOURCES.acquire({"net": 1})._look(),
    "Grant._give_up": lambda: RESOURCES.acquire({"net": 1})._give_up(1.0),
    "Resources.__new__": new_resources,
    "Resources.is_closed": lambda: RESOURCES.is_closed,
    "Resources.acquire": lambda: RESOURCES.acquire({"net": 0.5}, timeout=1, priority=2, holder="me"),
    "Resources.try_acquire": lambda: RESOURCES.try_acquire({"net": 1}),
    "Resources.reclaim_dead": lambda: RESOURCES.reclaim_dead(),
    "Resources.close": lambda: new_resources().close(),
    "Resources._request": lambda: RESOURCES._request({"net": 1}, 0, None, lambda: None),
    "Resources._set_limit": lambda: unlimited()._set_limit("net", 1),
    "Resources._set_rate": lambda: unlimited()._set_rate("net", 1, 1, 1),
    "Resources._throttle": lambda: unlimited()._throttle([("net", 0.5)], lambda: [("net", 0.5)], 1.0),
    "Resources._usage": lambda: RESOURCES._usage(),
    "Resources._tickets": lambda: held_tickets(RESOURCES),
    "Resources._counts": lambda: RESOURCES._counts(),
    "Resources._restart": lambda: unlimited()._restart(),
    "Graph.from_edges": lambda: GRAPH,
    "Graph.n_nodes": lambda: GRAPH.n_nodes,
    "Graph.n_edges": lambda: GRAPH.n_edges,
    "Graph.topological_order": lambda: GRAPH.topological_order(),
    "Graph.levels": lambda: GRAPH.levels(),
    "Graph.from_csr": lambda: _core.Graph.from_csr(*GRAPH.to_csr()),
    "Graph.edges": lambda: GRAPH.edges(),
    "Graph.to_csr": lambda: GRAPH.to_csr(),
    "Graph.width": lambda: GRAPH.width(),
    "Graph.successors": lambda: GRAPH.successors(0),
    "Graph.predecessors": lambda: GRAPH.predecessors(1),
    "Graph.ancestors": lambda: GRAPH.ancestors(2),
    "Graph.descendants": lambda: GRAPH.descendants(0),
    "Graph.transitive_reduction": lambda: GRAPH.transitive_reduction(),
    "Graph.subgraph": lambda: GRAPH.subgraph(np.array([2, 0])),
    "Graph.upward_rank": lambda: GRAPH.upward_rank(np.array([1, 2, 3], dtype=np.uint64)),
    "Graph.__eq__": lambda: GRAPH.__eq__(GRAPH.transitive_reduction()),
    "Graph.__hash__": lambda: hash(GRAPH),
    "Graph.critical_path": lambda: GRAPH.critical_path(np.array([1, 2, 3], dtype=np.uint64)),
    "Predictor.__new__": _core.Predictor,
    "Predictor.observe": lambda: _core.Predictor().observe("a", "kind", 5, 7, False, 2, 3),
    "Predictor.observe_many": lambda: _core.Predictor().observe_many(
        [("a", None)], np.zeros(0, np.uint32), NO_TIMES, NONE, np.zeros(0, np.bool_), NONE, NONE
    ),
    "Predictor.predict": lambda: learned_predictor().predict("a", None, 7, [0.5]),
    "Predictor.predict_many": lambda: learned_predictor().predict_many(
        [("a", "kind")], np.zeros(2, np.uint32), np.ones(2, np.int64), [0.5]
    ),
    "Predictor.longest_failure_ns": lambda: learned_predictor().longest_failure_ns("a"),
    "Predictor.score": lambda: learned_predictor().score("a"),
    "Predictor.counts": lambda: learned_predictor().counts(),
    "Predictor.states": lambda: learned_predictor().states(),
    "Predictor.restore": lambda: _core.Predictor().restore(*learned_predictor().states()),
    "ListScheduler.__new__": new_scheduler,
    "ListScheduler.n_nodes": lambda: new_scheduler().n_nodes,
    "ListScheduler.n_left": lambda: new_scheduler().n_left,
    "ListScheduler.is_stopped": lambda: new_scheduler().is_stopped,
    "ListScheduler.last_ns": lambda: new_scheduler(1).last_ns,
    "ListScheduler.next_time_ns": lambda: scheduler_with_delay().next_time_ns,
    "ListScheduler.reservation_ns": lambda: scheduler_with_reservation().reservation_ns,
    "ListScheduler.memory_bytes": lambda: new_scheduler().memory_bytes,
    "ListScheduler.now_ns": lambda: new_scheduler().now_ns(),
    "ListScheduler.take": lambda: new_scheduler().take(1),
    "ListScheduler.complete": lambda: new_scheduler(1).complete(FIRST),
    "ListScheduler.fail": lambda: new_scheduler(1).fail(FIRST),
    "ListScheduler.retry": lambda: new_scheduler(1).retry(FIRST, 10),
    "ListScheduler.cancel": lambda: new_scheduler(1).cancel(FIRST),
    "ListScheduler.add": lambda: new_scheduler().add(
        1, FIRST, np.array([3]), Columns(durations_ns=np.ones(1, dtype=np.uint64))
    ),
    "ListScheduler.set_priority": lambda: new_scheduler().set_priority(FIRST, np.ones(1)),
    "ListScheduler.set_not_before": lambda: new_scheduler().set_not_before(FIRST, np.ones(1, dtype=np.uint64)),
    "ListScheduler.set_capacity": lambda: new_scheduler().set_capacity(0, 2),
    "ListScheduler.set_group_limit": lambda: new_scheduler().set_group_limit(0, 2),
    "ListScheduler.explain": lambda: new_scheduler().explain(1),
    "ListScheduler.counts": lambda: new_scheduler().counts(),
    "ListScheduler.pools": lambda: new_scheduler().pools(),
    "ListScheduler.workers_of": lambda: new_scheduler().workers_of(FIRST),
    "ListScheduler.columns": lambda: new_scheduler().columns(),
    "ListScheduler.simulate": lambda: new_scheduler().simulate(
        np.ones(3, dtype=np.uint64), 0.0, 0, [(5, [2])], [(7, 0, 2)]
    ),
}


def entered(manager: _core.Progress | _core.Grant) -> object:
    with manager as inside:
        return inside


def held_tickets(resources: _core.Resources) -> object:
    with resources.acquire({"net": 1}):
        return resources._tickets(False)


def refusing() -> list[str]:
    return [name for name, annotation in ANNOTATED.items() if annotation is NoReturn]


def test_every_name_of_the_stub_is_used() -> None:
    assert len(ANNOTATED) > 100
    assert CALLS.keys() | set(refusing()) == ANNOTATED.keys()


@pytest.mark.parametrize("name", CALLS)
def test_what_comes_out_is_what_the_stub_says(name: str) -> None:
    value = CALLS[name]()
    assert conforms(value, ANNOTATED[name]), f"{value!r} is not of the type {ANNOTATED[name]}"


@pytest.mark.parametrize("name", refusing())
def test_what_never_returns_raises(name: str) -> None:
    class_name, method = name.split(".")
    assert class_name == "Handle"
    parameters = list(inspect.signature(getattr(STUB["Handle"], method)).parameters.values())[1:]
    required = [p for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    arguments = ["text" if p.annotation == "str" else math for p in required]
    with pytest.raises(NotComputedYet):
        getattr(_core.Handle, method)(SAMPLE.parameter, *arguments)


def test_conforms_tells_types_apart() -> None:
    wrong: list[tuple[object, Any]] = [
        (True, int),
        (1, float),
        ((1, 2), list[int]),
        ([1, 2.0], list[int]),
        ([], list[int]),
        ([1], tuple[int, ...]),
        ((1, "a"), tuple[int, int]),
        ((1,), tuple[int, int]),
        ({"a": 1}, dict[str, str]),
        (1, str | None),
        (np.zeros(1, dtype=np.int32), np.ndarray[Any, np.dtype[np.int64]]),
        ("after", Literal["data", "effect"]),
    ]
    assert [pair for pair in wrong if conforms(*pair)] == []
