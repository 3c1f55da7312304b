"""Where on the map queries are right and wrong."""

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from beenhere.report.charts.drawing import (
    FADED,
    PAPER,
    QUIET,
    RIGHT,
    RULE,
    WIDTH,
    WRONG,
    blank,
    finish,
)
from beenhere.wording import round_below

_METRES_A_DEGREE = 111_195.0
"""Of latitude, on a sphere of 6,371 km; near enough for a picture of a city."""

_APART = 50.0
"""Metres: queries in squares of this side that touch belong together."""

_MOST_GROUPS = 9

_LABEL = 0.16
"""Height of the words above a group, as a share of the side of its cell."""


def error_map(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    right: NDArray[np.bool_],
    possible: NDArray[np.bool_],
    title: str,
    key: str,
) -> str:
    """Queries at their places: found, wrong, or with no photo to be found.

    Where they lie in a few groups with much empty ground between, the groups are side by
    side at one scale, the northernmost first, each with its number of right queries.

    Args:
        lat, lon: degrees, ``(queries,)``; NaN where unknown, which the map leaves out.
        right: whether the first prediction is.
        possible: whether any database photo would be.
    """
    known = np.isfinite(lat) & np.isfinite(lon)
    north = (lat[known] - lat[known].mean()) * _METRES_A_DEGREE
    turned = (lon[known] - lon[known][0] + 180) % 360  # a city may lie on the 180th meridian
    scale = _METRES_A_DEGREE * np.cos(np.radians(lat[known].mean()))
    places = np.stack([(turned - turned.mean()) * scale, north], axis=1)
    hit, there = right[known], possible[known]
    groups = groups_of(places)
    cell = 1.2 * max(_APART, *(float(np.ptp(places[group], axis=0).max()) for group in groups))
    columns = math.ceil(math.sqrt(len(groups)))
    if 1 < len(groups) <= _MOST_GROUPS and 1.5 * columns * cell < np.ptp(places, axis=0).max():
        lines = math.ceil(len(groups) / columns)
        height = WIDTH * ((1 + _LABEL) * lines + _LABEL) / columns
        axes = blank(title, "", "", height + 64, left=4)
        places = _side_by_side(axes, places, groups, hit, cell, columns)
    else:
        axes = blank(title, "metres east of the middle", "metres north", WIDTH)
        axes.set_aspect("equal", adjustable="datalim")
        axes.margins(0.06)
    # The last is drawn over the others: what is wrong must be seen.
    kinds: dict[str, tuple[NDArray[np.bool_], dict[str, Any]]] = {
        "with no photo to be found": (~there, {"s": 12, "c": "none", "ec": FADED, "lw": 0.9}),
        "right": (there & hit, {"s": 15, "c": RIGHT, "ec": PAPER, "lw": 0.4, "alpha": 0.65}),
        "wrong": (there & ~hit, {"marker": "x", "s": 12, "c": WRONG, "lw": 1.1, "alpha": 0.85}),
    }
    for members, look in kinds.values():
        axes.scatter(*places[members].T, **look)
    said = [f"{int(members.sum())} {kind}" for kind, (members, _) in kinds.items()]
    unknown = int((~known).sum())
    return finish(
        axes,
        key,
        f"Map of the queries of {title}",
        ", ".join([*said, *([f"{unknown} nobody knows where"] if unknown else [])]),
    )


def groups_of(places: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    """Rows of ``places`` (``(n, 2)``, metres) that lie together, the northernmost group first."""
    squares, member = np.unique(np.floor(places / _APART), axis=0, return_inverse=True)
    pairs = cKDTree(squares).query_pairs(1, p=np.inf, output_type="ndarray")
    graph = coo_array((np.ones(len(pairs)), tuple(pairs.T)), shape=(len(squares),) * 2)
    number, labels = connected_components(graph, directed=False)
    of_place = labels[member.ravel()]
    groups = [np.flatnonzero(of_place == label) for label in range(number)]
    return sorted(groups, key=lambda group: -float(places[group, 1].mean()))


def _side_by_side(
    axes: Axes,
    places: NDArray[np.float64],
    groups: list[NDArray[np.int64]],
    right: NDArray[np.bool_],
    cell: float,
    columns: int,
) -> NDArray[np.float64]:
    """The places with each group moved into a cell of its own, left to right, top to bottom."""
    moved = np.empty_like(places)
    line = (1 + _LABEL) * cell
    for number, group in enumerate(groups):
        row, column = divmod(number, columns)
        corner = np.array([column * cell, -row * line])
        centre = (places[group].min(axis=0) + places[group].max(axis=0)) / 2
        moved[group] = places[group] - centre + corner + [cell / 2, -line + cell / 2]
        axes.annotate(
            f"{int(right[group].sum())} of {len(group)} right",
            tuple(corner),
            (4, -4),
            textcoords="offset points",
            va="top",
            color=QUIET,
            fontsize=9.5,
        )
    rows = math.ceil(len(groups) / columns)
    for column in range(1, columns):
        axes.plot([column * cell] * 2, [0, -rows * line], color=RULE, linewidth=1)
    for row in range(1, rows + 1):
        axes.plot([0, columns * cell], [-row * line] * 2, color=RULE, linewidth=1)
    metres, y = round_below(cell / 2), -rows * line - _LABEL * cell / 2
    axes.plot([0, metres], [y, y], color=QUIET, linewidth=2)
    look: dict[str, Any] = {"textcoords": "offset points", "va": "center", "color": QUIET}
    axes.annotate(f"{metres:g} m", (metres, y), (6, 0), **look)
    axes.set(xlim=(0, columns * cell), ylim=(-rows * line - _LABEL * cell, 0), xticks=[], yticks=[])
    axes.set_aspect("equal", anchor="NW")
    axes.spines["bottom"].set_visible(False)
    return moved
