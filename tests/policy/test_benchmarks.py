"""The benchmarks on both sides: they measure the same graphs, and the table is complete."""

import re
from collections import Counter

from benches.figures import FIGURES
from benches.instances import INSTANCES
from benches.table import BEGIN, END
from repository import CORE, ROOT


def test_instances_have_the_same_names_and_sizes_in_rust() -> None:
    text = (CORE / "benches" / "instances" / "mod.rs").read_text()
    made = {instance.name: instance for instance in (make() for make in INSTANCES)}
    names = set(re.findall(r'Instance::new\(\s*"(\w+)"', text))
    names |= set(re.findall(r'permuted\("(\w+)"\)', (CORE / "benches" / "graph.rs").read_text()))
    assert names == made.keys()
    sizes = dict(re.findall(r'Instance::new\(\s*"(\w+)",\s*([\d_]+)', text))
    assert len(sizes) >= 3
    assert {name: int(size.replace("_", "")) for name, size in sizes.items()} == {
        name: made[name].n_nodes for name in sizes
    }
    assert {name: len(instance.sources) for name, instance in made.items()} == {
        "independent_100k": 0,
        "chain_10k": 9_999,
        "layered_100k": 297_000,
        "random_1m": 3_000_000,
        "random_1m_permuted": 3_000_000,
    }


def test_table_shows_every_figure_once() -> None:
    readme = (ROOT / "benches" / "README.md").read_text()
    text = readme[readme.index(BEGIN) : readme.index(END)]
    rows = Counter(row.split(" | ")[0] for row in re.findall(r"^\| (?!figure|---)(.*) \|$", text, re.MULTILINE))
    assert rows == Counter(figure.title for figure in FIGURES.values())
    assert "not measured" not in text
