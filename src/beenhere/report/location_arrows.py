"""Arrows at the edge of a map, to what lies outside."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from beenhere.report.location_view import GROUND, Mark, Points, View
from beenhere.wording import whole_metres

_TOGETHER = math.radians(20)
"""Strays in directions that differ by less share an arrow."""


def draw_strays(axes: Axes, strays: Sequence[Mark], view: View) -> None:
    """An arrow at the edge for each direction in which something lies, and how far it is."""
    groups: list[list[Mark]] = []
    for mark in sorted((mark for mark in strays if mark.label), key=_bearing):
        if groups and _turn(groups[-1][0], mark) < _TOGETHER:
            groups[-1].append(mark)
        else:
            groups.append([mark])
    if len(groups) > 1 and _turn(groups[0][0], groups[-1][0]) < _TOGETHER:
        groups[0] += groups.pop()
    for group in groups:
        _draw_arrow(axes, group, view)


def _draw_arrow(axes: Axes, group: Sequence[Mark], view: View) -> None:
    toward = np.array([group[0].east, group[0].north]) / group[0].far
    # From the answer, which is in view, to the edge.
    room = np.where(toward > 0, view.centre + view.half, view.centre - view.half)
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = room / toward
    edge = toward * 0.96 * float(np.min(steps[toward != 0]))
    step = toward * float(view.half.min())
    words = [f"{mark.label}: {whole_metres(mark.far)}" for mark in group]
    colour = group[0].colour
    arrow: dict[str, Any] = {"arrowstyle": "-|>", "color": colour, "lw": 2}
    axes.annotate("", _pair(edge), _pair(edge - 0.1 * step), arrowprops=arrow, zorder=9)
    axes.text(
        *_pair(edge - 0.12 * step),
        "\n".join(words),
        ha="right" if toward[0] > 0.3 else "left" if toward[0] < -0.3 else "center",
        va="top" if toward[1] > 0.3 else "bottom" if toward[1] < -0.3 else "center",
        color=colour,
        size=10,
        weight="bold",
        bbox={"fc": GROUND, "ec": "none", "alpha": 0.8, "pad": 1},
        zorder=9,
    )


def _bearing(mark: Mark) -> float:
    return math.atan2(mark.east, mark.north)


def _turn(one: Mark, other: Mark) -> float:
    """Radians between their directions."""
    turn = _bearing(one) - _bearing(other)
    return abs((turn + math.pi) % (2 * math.pi) - math.pi)


def _pair(point: Points) -> tuple[float, float]:
    return float(point[0]), float(point[1])
