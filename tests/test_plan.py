"""What is done with a plan: verified, explained, compared, drawn, stored."""

import dataclasses
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

import makespan as ms
from makespan.testing import generated_problem

PAIR = ms.DependencyGraph.from_edges(2, [0], [1])
NAMED = ms.DependencyGraph.from_dict({"load": [], "check": [], "fit": ["load"], "tell": ["fit", "check"]})


def small() -> ms.Plan:
    """Return a plan in which node 1 waits for a resource, and all else for nodes."""
    return ms.plan(NAMED, [2.0, 1.0, 3.0, 1.0], [[2, 0], [1, 1], [2, 1], [0, 0]], [2, 1])


def generated(n_nodes: int, seed: int = 0) -> ms.Plan:
    problem = generated_problem(n_nodes, seed=seed)
    return ms.plan(problem.graph, problem.durations, problem.demands, problem.capacities)


def wide(n_nodes: int, n_lanes: int) -> ms.Plan:
    graph = ms.DependencyGraph.from_edges(n_nodes, [], [])
    return ms.plan(graph, 1.0 + np.arange(n_nodes) % 7, np.ones((n_nodes, 1), np.int64), [n_lanes])


# --- the critical chain ---------------------------------------------------------------------------


def test_a_chain_goes_along_edges_and_resources() -> None:
    chain = small().critical_chain()
    assert (chain.start, chain.finish, chain.length, len(chain)) == (0, 7, 7, 4)
    assert chain.nodes.tolist() == [0, 2, 1, 3]
    assert chain.resources.tolist() == [-1, -1, 0, -1]
    assert repr(chain) == "<CriticalChain of 4 nodes, 0 s to 7 s, 2 links by edge, 1 by resource>"


def test_a_node_without_duration_takes_part_by_its_edges() -> None:
    graph = ms.DependencyGraph.from_edges(3, [0, 1], [1, 2])
    found = ms.plan(graph, [1.0, 0.0, 2.0], [[1], [1], [1]], [1])
    assert found.critical_chain().nodes.tolist() == [0, 1, 2]
    assert found.critical_chain().resources.tolist() == [-1, -1, -1]


def test_a_plan_with_a_hole_has_a_chain_from_there_on() -> None:
    found = ms.plan(PAIR, [1.0, 2.0])
    late = dataclasses.replace(found, start=found.start + 3, finish=found.finish + 3, makespan=6.0)
    chain = late.critical_chain()
    assert (chain.nodes.tolist(), chain.start, chain.length) == ([0, 1], 3, 3)


def test_nothing_has_an_empty_chain() -> None:
    chain = ms.plan(ms.DependencyGraph.from_edges(0, [], []), []).critical_chain()
    assert (len(chain), chain.length, repr(chain)) == (
        0,
        0,
        "<CriticalChain of 0 nodes, 0 s to 0 s, 0 links by edge, 0 by resource>",
    )


def test_utilization_is_the_mean_of_the_usage() -> None:
    found = generated(40)
    for resource, capacity in enumerate(found.capacities.tolist()):
        times, amounts = found.usage(resource)
        mean = float((np.diff(times) * amounts[:-1]).sum() / found.makespan / capacity)
        assert found.utilization(resource) == pytest.approx(mean)
    with pytest.raises(ms.ValidationError, match="an index below 4"):
        found.utilization(-1)
    assert ms.plan(PAIR, [0.0, 0.0], [[0], [0]], [0]).utilization() == 0


# --- check ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_nodes", [10, 60, 300])
def test_plans_pass_their_check(n_nodes: int) -> None:
    generated(n_nodes).check()


def test_times_beyond_the_exact_ones_pass_the_check() -> None:
    # A float64 holds nanoseconds only up to 104 days.
    graph = ms.DependencyGraph.from_edges(4, [0, 1, 2], [1, 2, 3])
    found = ms.plan(graph, [1e9 + 0.1, 0.3, 1e8 / 3, 1.0], [[1]] * 4, [1])
    found.check()
    assert found.critical_chain().nodes.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("changes", "argument", "expected"),
    [
        ({"start": [0.0, 0.5], "finish": [1.0, 2.5]}, "start[1]", "at least 1 s, when node 0 has finished"),
        ({"start": [-1.0, 1.0], "finish": [0.0, 3.0]}, "start[0]", "seconds from 0 to 9e+09"),
        ({"start": [0.0, float("nan")]}, "start[1]", "seconds from 0 to 9e+09"),
        ({"finish": [1.0, 0.5]}, "finish[1]", "at least 1 s, its start"),
        ({"finish": [1.0, 4.0], "makespan": 4.0}, "finish[1]", "3 s, its start and its duration"),
        ({"makespan": 2.0}, "makespan", "3 s, the last finish"),
        ({"objective_value": 2.0}, "objective_value", "3, as the finishes say"),
        ({"lower_bound": 4.0}, "lower_bound", "at most 3, the value of the objective"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, object], argument: str, expected: str) -> None:
    found = ms.plan(PAIR, [1.0, 2.0], [[1], [1]], [1])
    arrays = {name: np.array(value) if isinstance(value, list) else value for name, value in changes.items()}
    with pytest.raises(ms.ValidationError) as caught:
        dataclasses.replace(found, **arrays).check()  # type: ignore[arg-type]
    assert (caught.value.argument, caught.value.expected) == (argument, expected)


def test_an_overdrawn_resource_is_named_with_its_moment() -> None:
    found = ms.plan(ms.DependencyGraph.from_edges(3, [], []), [2.0, 2.0, 1.0], [[1], [1], [1]], [3])
    shifted = dataclasses.replace(
        found, start=np.array([0.0, 0.0, 1.0]), finish=np.array([2.0, 2.0, 2.0]), capacities=np.array([2])
    )
    with pytest.raises(ms.ValidationError) as caught:
        shifted.check()
    assert caught.value.args == ("the use of resource 0", 3, "at most 2 from 1 s on")
    with pytest.raises(ms.UnsatisfiableError):
        dataclasses.replace(found, capacities=np.array([0])).check()


# --- compare --------------------------------------------------------------------------------------


def test_a_comparison_says_what_moved() -> None:
    graph = ms.DependencyGraph.from_edges(3, [], [])
    one, three = (ms.plan(graph, [3.0, 2.0, 1.0], [[1]] * 3, [n]) for n in (1, 3))
    compared = one.compare(three)
    assert compared.makespan_ratio == 0.5
    assert compared.shift.tolist() == (-one.start).tolist()
    assert (np.diff(np.abs(compared.shift[compared.moved])) <= 0).all()
    assert compared.moved.size == 2
    assert compared.order_agreement == 1
    back = three.compare(one)
    assert (back.makespan_ratio, back.moved.tolist()) == (2, compared.moved.tolist())


def test_a_plan_is_like_itself() -> None:
    found = generated(50)
    compared = found.compare(found)
    assert (compared.makespan_ratio, compared.moved.size, compared.order_agreement) == (1, 0, 1)


def test_the_opposite_order_agrees_nowhere() -> None:
    found = ms.plan(ms.DependencyGraph.from_edges(3, [], []), [1.0] * 3, [[1]] * 3, [1])
    opposite = dataclasses.replace(found, start=2 - found.start, finish=3 - found.start)
    assert found.compare(opposite).order_agreement == 0


def test_plans_of_other_nodes_cannot_be_compared() -> None:
    with pytest.raises(ms.ValidationError, match="a plan of 4 nodes"):
        ms.plan(PAIR, [1.0, 2.0]).compare(small())


# --- charts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [-5, 20, 57, 200])
@pytest.mark.parametrize("found", [small(), generated(60), wide(5_000, 300)], ids=["nodes", "lanes", "shades"])
def test_a_chart_fits_the_screen(found: ms.Plan, width: int) -> None:
    lines = found.to_gantt(width).splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= max(width, 20)


def test_a_chart_has_names_and_solid_bars_where_it_is_critical() -> None:
    lines = small().to_gantt(47).splitlines()
    bars = {line.split("│")[0].strip(): line for line in lines if "│" in line}
    assert list(bars) == [str(NAMED.labels[node]) for node in small().order] + ["resource 0", "resource 1"]  # type: ignore[index]
    assert all("█" in bars[name] and "▒" not in bars[name] for name in ("load", "check", "fit", "tell"))
    assert "7 s" in lines[5]


def test_a_chart_of_many_lanes_is_of_shades() -> None:
    chart = wide(5_000, 300).to_gantt(80)
    assert "lanes 0-12" in chart
    assert chart.count("█") > 500


def test_names_cannot_break_a_chart() -> None:
    found = ms.plan(PAIR, [1.0, 2.0])
    chart = found.to_gantt(60, names=["two\nlines\x1b[31m\ud800", "n" * 100])
    assert "two lines [31m " in chart
    assert "\x1b" not in chart
    assert "n" * 19 + "…" in chart


def test_a_chart_of_nothing_says_so() -> None:
    assert ms.plan(ms.DependencyGraph.from_edges(0, [], []), []).to_gantt() == "0 nodes, all at 0 s"
    assert ms.plan(PAIR, [0.0, 0.0]).to_gantt() == "2 nodes, all at 0 s"


def test_names_must_be_as_many_as_nodes() -> None:
    for draw in (small().to_gantt, small().to_svg):
        with pytest.raises(ms.ValidationError) as caught:
            draw(names=["a"])
        assert caught.value.args == ("names", "1 names", "one for each of the 4 nodes")
        with pytest.raises(ms.ValidationError) as caught:
            draw(resource_names=["a"])
        assert caught.value.argument == "resource_names"


def titles(picture: str) -> list[str]:
    root = ET.fromstring(picture)
    return [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}title")]


def test_a_picture_has_a_tooltip_for_each_node_and_resource(tmp_path: Path) -> None:
    path = tmp_path / "plan.svg"
    picture = small().to_svg(path, names=["<&\"'>", "b\x00", "c\ud800", "d"], resource_names=["cores", "disks"])
    assert path.read_text(encoding="utf-8") == picture
    found = titles(picture)
    assert len(found) == 6
    assert found[0] == "<&\"'>\n0 s to 2 s, takes 2 s\ncores: 2"
    assert found[4] == "cores: 78.6% of 2 in use on average"


def test_a_picture_says_that_capacities_change() -> None:
    found = ms.plan(ms.DependencyGraph.from_edges(2, [], []), [2, 2], [[1], [1]], ([0, 1, 2], [[1], [0], [2]]))
    assert titles(found.to_svg())[2] == "resource 0: 80.0% of up to 2 in use on average"


def test_a_picture_shows_the_chain() -> None:
    found = small()
    picture = found.to_svg()
    assert picture.count('class="bar critical') == len(found.critical_chain())


@pytest.mark.parametrize(
    ("options", "capacity", "expected"),
    [
        (ms.PlanOptions(), 2, "proven shortest"),
        (ms.PlanOptions(objective="maximum_lateness", due=[9, 9]), 2, "maximum lateness -3, proven smallest"),
        # The bound does not see that the two cannot overlap: each resource has room for both halves.
        (
            ms.PlanOptions(objective="maximum_lateness", due=[9, 9]),
            3,
            "maximum lateness -3, no more than 2 above the smallest possible",
        ),
        (
            ms.PlanOptions(objective="weighted_completion"),
            3,
            "weighted completion 9, at most 50.0% above the smallest possible",
        ),
    ],
)
def test_a_heading_says_what_was_made_small(options: ms.PlanOptions, capacity: int, expected: str) -> None:
    found = ms.plan(ms.DependencyGraph.from_edges(2, [], []), [3, 3], [[2], [2]], [capacity], options=options)
    assert f"2 nodes, up to 1 at once, {expected}; found by" in found.to_svg()


def test_a_picture_of_very_many_nodes_stays_small() -> None:
    found = wide(100_000, 1_000)
    picture = found.to_svg()
    ET.fromstring(picture)
    assert len(picture) < 5_000_000
    assert len(titles(picture)) == 1


def test_a_picture_of_nothing_is_one() -> None:
    for found in (ms.plan(ms.DependencyGraph.from_edges(0, [], []), []), ms.plan(PAIR, [0.0, 0.0])):
        ET.fromstring(found.to_svg())


def test_pictures_are_the_same_each_time_and_bring_nothing_along() -> None:
    picture = generated(30).to_svg()
    assert generated(30).to_svg().split("\n")[4:] == picture.split("\n")[4:]
    assert re.findall(r"(?:href|src|url\()", picture) == []


# --- JSON -----------------------------------------------------------------------------------------


def same(left: ms.Plan, right: ms.Plan) -> bool:
    return all(
        np.array_equal(getattr(left, field.name), getattr(right, field.name))
        if field.type.startswith("NDArray")
        else getattr(left, field.name) == getattr(right, field.name)
        for field in dataclasses.fields(ms.Plan)
        if field.name != "options"
    ) and repr(left.options) == repr(right.options)


@pytest.mark.parametrize(
    "found",
    [
        small(),
        generated(60),
        ms.plan(PAIR, [1 / 3, 1e-9]),
        ms.plan(ms.DependencyGraph.from_edges(0, [], []), [], np.zeros((0, 2), np.int64), [1, 2]),
        ms.plan(ms.DependencyGraph.from_edges(3, [], []), [1.0] * 3),
    ],
)
def test_json_brings_every_number_back(found: ms.Plan) -> None:
    again = ms.Plan.from_json(found.to_json())
    assert same(found, again)
    assert again.to_json() == found.to_json()
    assert [getattr(again, name).dtype for name in ("start", "demands")] == [np.float64, np.int64]
    again.check()


def test_labels_that_are_not_text_stay_behind() -> None:
    graph = ms.DependencyGraph.from_dict({("a", 1): [], ("b", 2): [("a", 1)]})
    again = ms.Plan.from_json(ms.plan(graph, [1.0, 1.0]).to_json())
    assert again.graph.labels is None
    assert again.graph.n_edges == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format", "another"),
        ("version", 2),
        ("version", True),
        ("makespan", "7"),
        ("makespan", float("nan")),
        ("method", None),
        ("is_truncated", 0),
        ("n_schedules", 1.5),
        ("n_nodes", -1),
        ("start", [0.0, 1.0]),
        ("start", [0.0, 1.0, 2.0, float("inf")]),
        ("finish", "0123"),
        ("durations", [True, True, True, True]),
        ("demands", [[1, 2]] * 3),
        ("demands", [[1, 2], [1], [1, 2], [1, 2]]),
        ("demands", [[1.5, 2]] * 4),
        ("capacities", [[2, 1]]),
        ("capacities", [2**70, 1]),
        ("source", [0]),
        ("target", ["a", "b", "c"]),
        ("labels", ["a", "a", "b", "c"]),
        ("labels", "abcd"),
    ],
)
def test_an_entry_that_is_wrong_is_named(name: str, value: object) -> None:
    stored = json.loads(small().to_json())
    with pytest.raises(ms.ValidationError) as caught:
        ms.Plan.from_json(json.dumps({**stored, name: value}))
    assert caught.value.argument in (name, "target") if name == "source" else caught.value.argument == name


@pytest.mark.parametrize("text", ["", "[]", "7", '"makespan.plan"', "{", "[" * 100_000, '{"format": "makespan.plan"}'])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ms.ValidationError):
        ms.Plan.from_json(text)
