"""The passes of the optimizer against their slow obvious versions, on random workflows."""

import functools
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import makespan as ms
from makespan.optimizer import REWRITES
from makespan.testing.reference_optimizer import PlainCall, combined, representatives

CONSTANTS = (0, 1, True, 1.0, "1", b"1", None, 2**70)


@functools.cache
def step_of(name: str, is_pure: bool) -> ms.Step[..., Any]:
    return ms.step(lambda *values: (name, values), name=name, pure=is_pure)


@st.composite
def call_lists(draw: st.DrawFn) -> list[PlainCall]:
    """Few steps, few constants and short distances, so that calls are often equal."""
    calls: list[PlainCall] = []
    for at in range(draw(st.integers(0, 14))):
        near = st.integers(max(0, at - 4), at - 1)
        calls.append(
            PlainCall(
                step=draw(st.sampled_from(["a", "b"])),
                taken=tuple(draw(st.lists(near, max_size=2))) if at else (),
                constant=draw(st.sampled_from(CONSTANTS[:3] if draw(st.booleans()) else CONSTANTS)),
                is_pure=draw(st.integers(0, 4)) > 0,
                is_ordered=draw(st.integers(0, 9)) == 9,
            )
        )
    return calls


def built(calls: list[PlainCall], outputs: list[int]) -> ms.Workflow:
    workflow = ms.Workflow("generated")
    handles: list[Any] = []
    ordered: list[Any] = []
    for call in calls:
        step = step_of(call.step, call.is_pure)
        after = ordered[-1:] if call.is_ordered else []
        handles.append(workflow.add(step, call.constant, *[handles[before] for before in call.taken], after=after))
        if call.is_ordered:
            ordered.append(handles[-1])
    workflow.output([handles[at] for at in outputs])
    return workflow


def told(calls: list[PlainCall]) -> list[PlainCall]:
    """Forget the order of what is ordered against nothing."""
    if sum(call.is_ordered for call in calls) > 1:
        return calls
    return [PlainCall(call.step, call.taken, call.constant, call.is_pure) for call in calls]


@settings(max_examples=500)
@given(call_lists(), st.data(), st.sets(st.sampled_from(REWRITES)))
def test_passes_agree_with_the_slow_versions(calls: list[PlainCall], data: st.DataObject, passes: set[str]) -> None:
    outputs = data.draw(st.lists(st.integers(0, len(calls) - 1), max_size=3)) if calls else []
    switches = {name: name in passes for name in REWRITES}
    rewriting = ms.WorkflowOptimizer(**switches).optimize(built(calls, outputs))
    expected = representatives(told(calls), outputs, passes)
    paths = rewriting.paths
    assert rewriting.pruned == [paths[at] for at, other in enumerate(expected) if other is None]
    assert rewriting.merged == {
        paths[at]: paths[other] for at, other in enumerate(expected) if other is not None and other != at
    }
    assert rewriting.n_runs == sum(at == other for at, other in enumerate(expected))


@settings(max_examples=200)
@given(call_lists(), st.data())
def test_a_rewritten_workflow_has_nothing_more_to_rewrite(calls: list[PlainCall], data: st.DataObject) -> None:
    outputs = data.draw(st.lists(st.integers(0, len(calls) - 1), max_size=3)) if calls else []
    known = representatives(told(calls), outputs, REWRITES)
    left = [at for at, other in enumerate(known) if at == other]
    new = {at: place for place, at in enumerate(left)}
    rest = [
        PlainCall(
            calls[at].step,
            tuple(new[other] for before in calls[at].taken if (other := known[before]) is not None),
            calls[at].constant,
            calls[at].is_pure,
            calls[at].is_ordered,
        )
        for at in left
    ]
    again = [new[other] for at in outputs if (other := known[at]) is not None]
    assert ms.WorkflowOptimizer().optimize(built(rest, again)).n_runs == len(rest)


# Symbolic steps: the first takes one value, the others two. What is merged does what two of them do.
ALPHA = ms.step(lambda x: ("alpha", x), name="alpha", pure=True)
ALPHA_BETA = ms.step(lambda x, y: ("beta", ("alpha", x), y), name="alpha_beta", pure=True)
ALPHA_BETA_GAMMA = ms.step(lambda x, y, z: ("gamma", ("beta", ("alpha", x), y), z), name="all", pure=True)
BETA = ms.step(lambda x, y: ("beta", x, y), name="beta", pure=True, merge={ALPHA: ALPHA_BETA})
BETA_GAMMA = ms.step(lambda x, y, z: ("gamma", ("beta", x, y), z), name="beta_gamma", pure=True)
GAMMA = ms.step(
    lambda x, y: ("gamma", x, y),
    name="gamma",
    pure=True,
    merge={ALPHA_BETA: ALPHA_BETA_GAMMA, BETA: BETA_GAMMA},
)
IMPURE = ms.step(lambda x, y: ("impure", x, y), name="impure")
MERGES = {("alpha", "beta"): "alpha_beta", ("alpha_beta", "gamma"): "all", ("beta", "gamma"): "beta_gamma"}
STEPS = {step.name: step for step in (ALPHA, BETA, GAMMA, IMPURE)}


@st.composite
def chains(draw: st.DrawFn) -> list[PlainCall]:
    """Calls that take results of calls that are near."""
    calls: list[PlainCall] = []
    for at in range(draw(st.integers(0, 12))):
        name = draw(st.sampled_from([*STEPS, "beta", "gamma"]))
        near = st.integers(max(0, at - 3), at - 1)
        taken = tuple(draw(st.lists(near, max_size=1 if name == "alpha" else 2))) if at else ()
        calls.append(PlainCall(name, taken, is_pure=name != "impure", is_ordered=draw(st.integers(0, 9)) == 9))
    return calls


def chained(calls: list[PlainCall], outputs: list[int]) -> ms.Workflow:
    workflow = ms.Workflow("generated")
    handles: list[Any] = []
    ordered: list[Any] = []
    for at, call in enumerate(calls):
        arguments = [handles[before] for before in call.taken] + [at] * 2
        after = ordered[-1:] if call.is_ordered else []
        handles.append(workflow.add(STEPS[call.step], *arguments[: 1 if call.step == "alpha" else 2], after=after))
        if call.is_ordered:
            ordered.append(handles[-1])
    workflow.output([handles[at] for at in outputs])
    return workflow


@settings(max_examples=500)
@given(chains(), st.data())
def test_combined_calls_give_what_two_would(calls: list[PlainCall], data: st.DataObject) -> None:
    outputs = data.draw(st.lists(st.integers(0, len(calls) - 1), max_size=3)) if calls else []
    workflow = chained(calls, outputs)
    rewriting = ms.WorkflowOptimizer(prune=False, dedupe=False).optimize(workflow)
    if sum(call.is_ordered for call in calls) <= 1:
        calls = [PlainCall(call.step, call.taken, is_pure=call.is_pure) for call in calls]
    made_by = combined(calls, outputs, MERGES)

    def last(at: int) -> int:
        return last(made_by[at]) if at in made_by else at

    assert rewriting.combined == {rewriting.paths[at]: rewriting.paths[last(at)] for at in made_by}
    assert rewriting.graph.n_nodes == rewriting.n_runs == len(calls) - len(made_by)
    expected = workflow.serial()
    for passes in (["combine"], REWRITES):
        strategy = ms.BatchSequentialStrategy(passes=passes)
        for n_workers in (1, 2):
            with ms.SequentialExecutionEngine(strategy, n_workers) as engine:
                run = engine.run(workflow)
            assert run.value == expected
            assert run.outcome_counts["combined"] == len(
                ms.WorkflowOptimizer(prune="prune" in passes, dedupe="dedupe" in passes).optimize(workflow).combined
            )
