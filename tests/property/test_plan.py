"""What is said of a plan, beside the obvious way to find it out."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import makespan as ms
from makespan.testing.reference_planner import loose_links, order_agreement, violations
from property.test_planner import Problem, plan_of, problems


@given(problems(n_nodes_max=25), st.integers(0, 200))
def test_chains_reach_from_beginning_to_end_and_every_link_is_tight(problem: Problem, max_schedules: int) -> None:
    found = plan_of(problem, max_schedules)
    chain = found.critical_chain()
    links = chain.nodes.tolist(), chain.resources.tolist()
    assert list(loose_links(*problem, found.start.tolist(), *links)) == []
    assert chain.length == found.makespan
    assert found.durations[chain.nodes].sum() == pytest.approx(found.makespan)


@given(problems(n_nodes_max=12), st.data())
def test_check_finds_what_the_obvious_check_finds(problem: Problem, data: st.DataObject) -> None:
    found = plan_of(problem, 20)
    found.check()
    n_nodes = found.start.size
    moved = np.array(data.draw(st.lists(st.integers(0, 12), min_size=n_nodes, max_size=n_nodes)), np.float64)
    finish = moved + found.durations
    last = float(finish.max(initial=0.0))
    other = dataclasses.replace(found, start=moved, finish=finish, makespan=last, objective_value=last, lower_bound=0.0)
    if list(violations(*problem, moved.tolist())):
        with pytest.raises(ms.ValidationError):
            other.check()
    else:
        other.check()


@given(problems(n_nodes_max=25))
def test_json_brings_the_same_plan_back(problem: Problem) -> None:
    found = plan_of(problem, 20)
    again = ms.Plan.from_json(found.to_json())
    assert again.to_json() == found.to_json()
    assert again.graph == found.graph
    assert again.start.tolist() == found.start.tolist()
    assert again.demands.shape == found.demands.shape


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=20))
def test_orders_agree_as_counted_pair_by_pair(pairs: list[tuple[int, int]]) -> None:
    left, right = (np.array(column, np.float64) for column in zip(*pairs, strict=True))
    n_nodes = len(pairs)
    base = ms.plan(ms.DependencyGraph.from_edges(n_nodes, [], []), [0.0] * n_nodes)
    plans = [dataclasses.replace(base, start=start) for start in (left, right)]
    assert plans[0].compare(plans[1]).order_agreement == pytest.approx(order_agreement(left.tolist(), right.tolist()))


@given(problems(n_nodes_max=40), st.integers(20, 120))
def test_charts_are_drawn_for_every_plan(problem: Problem, width: int) -> None:
    found = plan_of(problem, 5)
    assert max(map(len, found.to_gantt(width).splitlines())) <= width
    assert found.to_svg().count("<title>") == found.start.size + found.capacities.size
