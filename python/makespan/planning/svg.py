"""A plan as a picture that stands for itself: SVG without a script, a font or a file beside it."""

from __future__ import annotations

import html
import math
import re
from typing import TYPE_CHECKING

import numpy as np

from makespan.planning.lanes import lanes_of, mean_shares, names_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from makespan.planning.chain import CriticalChain
    from makespan.planning.plan import Plan

__all__ = ["svg_gantt"]

WIDTH, LEFT, RIGHT, TOP = 1200, 96, 56, 84
"""Of the whole picture, and of the margins around the lanes, in units of the picture."""
LANES_HEIGHT_MAX, LANE_HEIGHT_MAX = 560, 26
USAGE_HEIGHT, USAGE_GAP = 44, 16
N_RESOURCES_MAX = 8
N_NODES_TITLED_MAX = 20_000
"""With more nodes the bars are drawn to half a unit and have no tooltips, so that a browser still opens the picture."""
CHARACTER_WIDTH = 6.6
"""Of the font at its size, to tell whether a name fits into its bar."""

# Light first, then dark. Neighbors differ in brightness as well, for those who do not see all colors.
HUES = ["#4e79a7", "#76a34e", "#b07aa1", "#499894", "#9c755f", "#7d7fc2", "#a3a138", "#86929c"]
HUES_DARK = ["#6f9fd0", "#8fc065", "#c795b8", "#5fb5b0", "#b89079", "#9b9de0", "#c2c052", "#a3b0ba"]
STYLE = (
    "text{font:12px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#24292f}"
    ".back{fill:#fff}.title{font-size:18px;font-weight:600}.muted{fill:#65707c}.end{text-anchor:end}"
    ".middle{text-anchor:middle}.name{font-size:11px;fill:#fff;pointer-events:none}"
    ".grid{stroke:#e3e7eb;stroke-width:1}.track{fill:#f4f6f8}.bar{stroke:#fff;stroke-width:.6}"
    ".odd{fill-opacity:.8}.cells{fill:none;stroke:currentColor}"
    ".critical{fill:#dd5a2b;color:#dd5a2b}.link{fill:none;stroke:#dd5a2b;stroke-width:1.6}"
    ".handed{stroke-dasharray:3 2.4}"
    "rect.bar:hover{fill-opacity:.6}"
    + "".join(f".c{idx}{{fill:{hue};color:{hue}}}" for idx, hue in enumerate(HUES))
    + "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.back{fill:#11161d}.muted{fill:#93a1b0}"
    ".name{fill:#0b0f14}.grid{stroke:#2a323c}.track{fill:#19202a}.bar{stroke:#11161d}"
    ".critical{fill:#ff8a5c;color:#ff8a5c}.link{stroke:#ff8a5c}"
    + "".join(f".c{idx}{{fill:{hue};color:{hue}}}" for idx, hue in enumerate(HUES_DARK))
    + "}"
)


def svg_gantt(plan: Plan, names: Sequence[object] | None = None, resource_names: Sequence[str] | None = None) -> str:
    """Return the picture: lanes with a bar per node, the critical chain, and the use of each resource below."""
    node_names = names_of(plan, names)
    resources = list(resource_names or [f"resource {idx}" for idx in range(plan.capacities.size)])[:N_RESOURCES_MAX]
    lanes, n_lanes = lanes_of(plan)
    chain = plan.critical_chain()
    height = min(LANE_HEIGHT_MAX, LANES_HEIGHT_MAX / max(n_lanes, 1))
    bottom = TOP + height * n_lanes
    total = bottom + 34 + len(resources) * (USAGE_HEIGHT + USAGE_GAP) + 24
    kinds = _kinds(plan, chain)
    draw = _titled_bars if plan.start.size <= N_NODES_TITLED_MAX else _plain_bars
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {total:.0f}" width="{WIDTH}" '
        f'height="{total:.0f}" role="img" aria-label="Gantt chart of a plan">',
        f"<style>{STYLE}</style>",
        f'<rect class="back" width="{WIDTH}" height="{total:.0f}"/>',
        *_heading(plan, chain, n_lanes),
        f'<rect class="track" x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{bottom - TOP:.2f}"/>',
        *_axis(plan, bottom, total - 20),
        *_lane_labels(n_lanes, height),
        *draw(plan, node_names, resources, lanes, kinds, height),
        *_links(plan, chain, lanes, height),
        *_usages(plan, resources, bottom + 34),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _x(plan: Plan, seconds: float) -> float:
    return LEFT + (seconds / plan.makespan if plan.makespan > 0 else 0.0) * (WIDTH - LEFT - RIGHT)


def _kinds(plan: Plan, chain: CriticalChain) -> NDArray[np.int64]:
    """Return for each node the resource of which it takes the largest share, or -1 where it is of the chain."""
    kinds = np.zeros(plan.start.size, np.int64)
    if plan.capacities.size:
        kinds = np.argmax(plan.demands / np.maximum(plan.capacities, 1), axis=1).astype(np.int64) % len(HUES)
    kinds[chain.nodes] = -1
    return kinds


def _class(kind: int) -> str:
    return "critical" if kind < 0 else f"c{kind}"


def _heading(plan: Plan, chain: CriticalChain, n_lanes: int) -> Iterator[str]:
    is_makespan = plan.objective == "makespan"
    least = "shortest" if is_makespan else "smallest"
    if plan.is_optimal:
        proof = f"proven {least}"
    elif math.isfinite(plan.gap):
        proof = f"at most {plan.gap:.1%} above the {least} possible"
    else:
        proof = f"no more than {plan.objective_value - plan.lower_bound:g} above the {least} possible"
    if not is_makespan:
        proof = f"{plan.objective.replace('_', ' ')} {plan.objective_value:g}, {proof}"
    facts = f"{plan.start.size:,} nodes, up to {n_lanes:,} at once, {proof}; found by {plan.method.replace('_', ' ')}"
    yield f'<text class="title" x="{LEFT}" y="32">Makespan {plan.makespan:g} s</text>'
    yield f'<text class="muted" x="{LEFT}" y="52">{html.escape(facts)}</text>'
    x = WIDTH - RIGHT
    yield f'<rect class="critical" x="{x - 12}" y="23" width="12" height="10" rx="2"/>'
    yield f'<text class="end" x="{x - 18}" y="32">critical chain, {len(chain):,} nodes</text>'
    if plan.capacities.size > 1:
        yield f'<text class="muted end" x="{x}" y="52">other bars: color of the resource they take most of</text>'


def _axis(plan: Plan, bottom: float, end: float) -> Iterator[str]:
    """Draw a line at each round number of seconds, and the last moment."""
    if plan.makespan <= 0:
        return
    step = 10.0 ** math.floor(math.log10(plan.makespan / 8))
    step *= next(factor for factor in (1, 2, 5, 10) if plan.makespan / (step * factor) <= 10)
    for idx in range(int(plan.makespan / step + 1e-9) + 1):
        x = _x(plan, idx * step)
        yield f'<path class="grid" d="M{x:.2f} {TOP}V{end:.2f}"/>'
        if x < WIDTH - RIGHT - 60:
            yield f'<text class="muted middle" x="{x:.2f}" y="{bottom + 18:.2f}">{idx * step:g}</text>'
    yield f'<text class="middle" x="{WIDTH - RIGHT}" y="{bottom + 18:.2f}">{plan.makespan:g} s</text>'


def _lane_labels(n_lanes: int, height: float) -> Iterator[str]:
    every = max(math.ceil(14 / height), 1) if n_lanes else 1
    for lane in range(0, n_lanes, every):
        y = TOP + height * lane + min(height / 2, 7) + 4
        yield f'<text class="muted end" x="{LEFT - 8}" y="{y:.2f}">{"lane " * (lane == 0)}{lane}</text>'


def _titled_bars(
    plan: Plan,
    names: Sequence[str],
    resources: Sequence[str],
    lanes: NDArray[np.int64],
    kinds: NDArray[np.int64],
    height: float,
) -> Iterator[str]:
    """Draw a bar with a tooltip for each node, and its name where there is room."""
    thickness = height * 0.86 if height > 6 else height
    n_in_lane: dict[int, int] = {}
    for node in plan.order.tolist():
        lane, start, finish = int(lanes[node]), float(plan.start[node]), float(plan.finish[node])
        n_in_lane[lane] = n_in_lane.get(lane, 0) + 1
        x, y = _x(plan, start), TOP + height * lane + (height - thickness) / 2
        width = max(_x(plan, finish) - x, 1.0)
        shade = " odd" if n_in_lane[lane] % 2 and kinds[node] >= 0 else ""
        amounts = zip(resources, plan.demands[node].tolist(), strict=False)
        needs = [f"{name}: {amount}" for name, amount in amounts if amount]
        when = f"{start:g} s to {finish:g} s, takes {float(plan.durations[node]):g} s"
        title = "\n".join([names[node], when, *needs])
        corner = min(3.0, width / 4, thickness / 4)
        yield (
            f'<rect class="bar {_class(int(kinds[node]))}{shade}" x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" '
            f'height="{thickness:.2f}" rx="{corner:.1f}"><title>{_clean(title)}</title></rect>'
        )
        if thickness >= 12 and width >= CHARACTER_WIDTH * len(names[node]) + 6:
            middle = f'x="{x + width / 2:.2f}" y="{y + thickness / 2 + 4:.2f}"'
            yield f'<text class="name middle" {middle}>{_clean(names[node])}</text>'


def _plain_bars(
    plan: Plan,
    _names: Sequence[str],
    _resources: Sequence[str],
    lanes: NDArray[np.int64],
    kinds: NDArray[np.int64],
    height: float,
) -> Iterator[str]:
    """Draw bars to half a unit, each place of a kind once; the chain comes last, above all others."""
    row_height = max(height, 1.0)
    rows = (lanes * height / row_height).astype(np.int64)
    scale = 2 * (WIDTH - LEFT - RIGHT) / plan.makespan if plan.makespan > 0 else 0.0
    first = np.floor(plan.start * scale).astype(np.int64)
    last = np.maximum(np.ceil(plan.finish * scale).astype(np.int64), first + 1)
    for kind in sorted(set(kinds.tolist()), reverse=True):
        is_of = kinds == kind
        places = np.unique(np.stack([rows[is_of], first[is_of], last[is_of]], axis=1), axis=0)
        moves = "".join(
            f"M{LEFT + begin / 2:g} {TOP + row_height * (row + 0.5):.2f}h{(end - begin) / 2:g}"
            for row, begin, end in places.tolist()
        )
        yield f'<path class="{_class(kind)} cells" stroke-width="{row_height * 0.9:.2f}" d="{moves}"/>'


def _links(plan: Plan, chain: CriticalChain, lanes: NDArray[np.int64], height: float) -> Iterator[str]:
    """Draw what holds the chain together: a line where it changes lanes, dashed where a resource is handed over."""
    nodes, resources = chain.nodes.tolist(), chain.resources.tolist()
    for before, after, resource in zip(nodes[:-1], nodes[1:], resources[1:], strict=True):
        if lanes[before] != lanes[after]:
            x = _x(plan, float(plan.start[after]))
            ends = [TOP + height * (float(lanes[node]) + 0.5) for node in (before, after)]
            handed = " handed" if resource >= 0 else ""
            yield f'<path class="link{handed}" d="M{x:.2f} {ends[0]:.2f}V{ends[1]:.2f}"/>'


def _usages(plan: Plan, resources: Sequence[str], top: float) -> Iterator[str]:
    n_cells = WIDTH - LEFT - RIGHT
    for idx, name in enumerate(resources):
        y = top + idx * (USAGE_HEIGHT + USAGE_GAP)
        shares = mean_shares(plan, idx, n_cells)
        begins = np.flatnonzero(np.diff(shares, prepend=-1.0))
        levels = [(cell, y + USAGE_HEIGHT * (1 - share)) for cell, share in zip(begins, shares[begins], strict=True)]
        moves = "".join(f"H{LEFT + cell}V{level:.2f}" for cell, level in levels)
        floor = y + USAGE_HEIGHT
        # The height stands for the most there is at any time; the average is of what there is at each.
        capacity = f"of {'up to ' if plan.capacity_steps else ''}{int(plan.capacities[idx])}"
        title = f"{name}: {plan.utilization(idx):.1%} {capacity} in use on average"
        yield f'<rect class="track" x="{LEFT}" y="{y:.2f}" width="{n_cells}" height="{USAGE_HEIGHT}"/>'
        yield (
            f'<path class="c{idx}" fill-opacity=".75" d="M{LEFT} {floor:.2f}{moves}H{WIDTH - RIGHT}V{floor:.2f}Z">'
            f"<title>{_clean(title)}</title></path>"
        )
        shown = name if len(name) <= 13 else f"{name[:12]}…"
        middle = y + USAGE_HEIGHT / 2
        yield f'<text class="end" x="{LEFT - 8}" y="{middle:.2f}">{_clean(shown)}</text>'
        yield f'<text class="muted end" x="{LEFT - 8}" y="{middle + 15:.2f}">{capacity}</text>'
        yield f'<text class="muted" x="{WIDTH - RIGHT + 6}" y="{middle + 4:.2f}">{plan.utilization(idx):.0%}</text>'


def _clean(text: str) -> str:
    """Return what XML can hold."""
    return html.escape(
        re.sub(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\N{REPLACEMENT CHARACTER}", text)
    )
