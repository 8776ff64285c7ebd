"""Generated problems have the measures that were asked for."""

import numpy as np
import pytest

import makespan as ms
from makespan.testing import generated_problem


@pytest.mark.parametrize("n_nodes", [20, 60, 150])
@pytest.mark.parametrize("complexity", [1.5, 1.8, 2.1])
def test_edges_are_as_many_as_asked_for_and_none_follows_from_others(n_nodes: int, complexity: float) -> None:
    graph = generated_problem(n_nodes, network_complexity=complexity, seed=1).graph
    assert graph.n_edges == round(complexity * n_nodes)
    assert graph.transitive_reduction().n_edges == graph.n_edges
    source, target = graph.edges()
    assert len(set(range(n_nodes)) - set(target.tolist())) <= 3
    assert len(set(range(n_nodes)) - set(source.tolist())) <= 3


@pytest.mark.parametrize("factor", [0.0, 0.25, 0.5, 1.0])
def test_nodes_need_the_share_of_the_resources_asked_for(factor: float) -> None:
    problem = generated_problem(60, resource_factor=factor, n_resources=4)
    assert np.count_nonzero(problem.demands) == round(factor * 240)
    assert problem.demands.max() <= 10


@pytest.mark.parametrize("strength", [0.0, 0.2, 0.7, 1.0])
def test_capacities_lie_between_the_largest_demand_and_the_free_peak(strength: float) -> None:
    problem = generated_problem(60, resource_strength=strength, seed=5)
    free = ms.plan(problem.graph, problem.durations, problem.demands, problem.demands.sum(axis=0))
    assert free.method == "earliest_start"
    for resource, capacity in enumerate(problem.capacities):
        least, most = problem.demands[:, resource].max(), free.usage(resource)[1].max()
        assert abs(capacity - (least + strength * (most - least))) <= 0.5


def test_the_same_seed_gives_the_same_problem() -> None:
    one, again, other = (generated_problem(30, seed=seed) for seed in (1, 1, 2))
    assert one.graph == again.graph
    assert (one.demands == again.demands).all()
    assert (one.durations == again.durations).all()
    assert one.graph != other.graph


def test_one_node_and_no_resource_are_problems() -> None:
    assert generated_problem(1, network_complexity=0).graph.n_nodes == 1
    assert generated_problem(20, n_resources=0, network_complexity=1.5).capacities.size == 0


@pytest.mark.parametrize(
    ("n_nodes", "arguments", "argument"),
    [
        (0, {}, "n_nodes"),
        (30, {"network_complexity": 0.5}, "network_complexity"),
        (30, {"network_complexity": 20.0}, "network_complexity"),
        (30, {"resource_factor": 1.5}, "resource_factor"),
        (30, {"resource_strength": float("nan")}, "resource_strength"),
    ],
)
def test_what_cannot_be_is_refused_by_name(n_nodes: int, arguments: dict[str, float], argument: str) -> None:
    with pytest.raises(ms.ValidationError) as caught:
        generated_problem(n_nodes, **arguments)  # type: ignore[arg-type]
    assert caught.value.argument == argument
