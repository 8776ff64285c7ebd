"""A plan as a chart of text, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from makespan.planning.lanes import lanes_of, mean_shares, names_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from makespan.planning.plan import Plan

__all__ = ["text_gantt"]

N_ROWS_MAX = 24
"""A screen of a terminal has about as many lines; more nodes or lanes share them."""
N_RESOURCES_MAX = 8
WIDTH_LABEL_MAX = 24
CRITICAL, PLAIN, MOMENT = "█", "▒▓", "◆"
SHADES = " ░▒▓█"
HEIGHTS = " ▁▂▃▄▅▆▇█"


def text_gantt(
    plan: Plan, width: int, names: Sequence[object] | None = None, resource_names: Sequence[str] | None = None
) -> str:
    """Return the chart, no line longer than ``width``: nodes, lanes, or shades of lanes, whatever is few enough."""
    n_nodes = plan.start.size
    node_names = names_of(plan, names)
    if n_nodes == 0 or plan.makespan <= 0:
        return f"{n_nodes} node{'s' * (n_nodes != 1)}, all at 0 s"
    lanes, n_lanes = lanes_of(plan)
    resources = [f"resource {idx}" for idx in range(plan.capacities.size)]
    resources = list(resource_names or resources)[:N_RESOURCES_MAX]
    per_row = -(-n_lanes // N_ROWS_MAX)
    order = plan.order.tolist()
    if n_nodes <= N_ROWS_MAX:
        labels = [node_names[node] for node in order]
    elif per_row == 1:
        labels = [f"lane {lane}" for lane in range(n_lanes)]
    else:
        firsts = range(0, n_lanes, per_row)
        labels = [f"lanes {first}-{min(first + per_row, n_lanes) - 1}" for first in firsts]
    cut = min(max(len(label) for label in [*labels, *resources]), WIDTH_LABEL_MAX, max(width // 3, 1))
    n_cells = max(width - cut - 3, 8)
    is_critical = np.zeros(n_nodes, np.bool_)
    is_critical[plan.critical_chain().nodes] = True
    if n_nodes <= N_ROWS_MAX:
        rows = [_bars(plan, [node], is_critical, n_cells) for node in order]
    elif per_row == 1:
        members: list[list[int]] = [[] for _ in range(n_lanes)]
        for node in order:
            members[lanes[node]].append(node)
        rows = [_bars(plan, nodes, is_critical, n_cells) for nodes in members]
    else:
        rows = [
            _shades(plan, lanes // per_row == row, min(per_row, n_lanes - row * per_row), n_cells)
            for row in range(len(labels))
        ]
    lines = [f"{_cut(label, cut):<{cut}} │{row}│" for label, row in zip(labels, rows, strict=True)]
    for idx, name in enumerate(resources):
        levels = np.ceil(mean_shares(plan, idx, n_cells) * (len(HEIGHTS) - 1) - 1e-9).astype(np.int64)
        lines.append(f"{_cut(name, cut):<{cut}} │{''.join(HEIGHTS[level] for level in levels)}│")
    n_hidden = plan.capacities.size - len(resources)
    end = f"{plan.makespan:g} s"
    lines.insert(len(rows), " " * cut + " └" + "─" * n_cells + "┘")
    lines.insert(len(rows) + 1, " " * (cut + 2) + "0 s" + end.rjust(n_cells - 3))
    if n_hidden:
        lines.append(f"and {n_hidden} more resource{'s' * (n_hidden != 1)}")
    return "\n".join(line.rstrip() for line in lines)


def _bars(plan: Plan, nodes: Sequence[int], is_critical: NDArray[np.bool_], n_cells: int) -> str:
    """Draw nodes that do not overlap: a cell shows the node that takes most of it, the first among equals."""
    cells = [" "] * n_cells
    taken = [0.0] * n_cells
    for place, node in enumerate(nodes):
        mark = CRITICAL if is_critical[node] else PLAIN[place % len(PLAIN)]
        start, finish = (float(at) / plan.makespan * n_cells for at in (plan.start[node], plan.finish[node]))
        first = min(int(start), n_cells - 1)
        if finish == start:
            cells[first] = cells[first] if taken[first] else MOMENT
        for cell in range(first, min(int(np.ceil(finish)), n_cells)):
            share = min(finish, cell + 1) - max(start, cell)
            if share > taken[cell]:
                cells[cell], taken[cell] = mark, share
    return "".join(cells)


def _shades(plan: Plan, is_member: NDArray[np.bool_], n_lanes: int, n_cells: int) -> str:
    """Draw how much of several lanes is taken."""
    ends = np.linspace(0.0, plan.makespan, n_cells + 1)
    used = np.zeros(n_cells + 1)
    # The integral of what runs is the sum of what has run since each start, minus what has run since each finish.
    for sign, moments in ((1.0, np.sort(plan.start[is_member])), (-1.0, np.sort(plan.finish[is_member]))):
        n_before = np.searchsorted(moments, ends)
        used += sign * (n_before * ends - np.concatenate([[0.0], np.cumsum(moments)])[n_before])
    shares = np.diff(used) * n_cells / (plan.makespan * n_lanes)
    levels = np.ceil(shares.clip(0.0, 1.0) * (len(SHADES) - 1) - 1e-9).astype(np.int64)
    return "".join(SHADES[level] for level in levels)


def _cut(text: str, width: int) -> str:
    text = "".join(character if character.isprintable() else " " for character in text)
    return text if len(text) <= width else text[: width - 1] + "…"
