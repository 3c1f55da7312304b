"""A map of a training set: which ground is for training, validation and test, and the gap."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from beenhere.files.atomic import replacing
from beenhere.report.pictures import BLUE, GREY, GROUND, INK, PAPER, QUIET, RED, RULE
from beenhere.tools.places import BuiltPlaces
from beenhere.tools.places.split import SplitPart
from beenhere.wording import count, round_below, whole_metres

MOST_AREAS = 6
"""That are drawn, the largest first."""

_LOOKS: dict[str, dict[str, Any]] = {
    "unanswered": {"marker": ".", "color": "#C4C4C4", "ms": 5, "mew": 0},
    "in no place": {"marker": ".", "color": "#9CC3DE", "ms": 5, "mew": 0},
    "gap": {"marker": "x", "color": GREY, "ms": 4, "mew": 0.8},
    "train": {"marker": "o", "color": BLUE, "ms": 4, "mew": 0},
    "val": {"marker": "s", "color": "#E69F00", "ms": 4.5, "mew": 0},
    "test": {"marker": "^", "color": RED, "ms": 5.5, "mew": 0},
}
_EDGE = 0.06
"""Of a panel around its photos, as a share of the longer side."""
_LEAST = 20.0
"""Metres of a panel's side, at least: one spot is no street."""


def draw_split(built: BuiltPlaces, file: Path) -> None:
    """Draw each area from above, north up, with a scale bar, as a PNG.

    Args:
        built: what is drawn. "in no place" are photos on ground to train on that are not trained
            on; "unanswered" those of validation and test that are in none of the tables.
        file: ends in ``.png``.
    """
    kinds = _kinds(built)
    areas, sizes = np.unique(built.planes.area, return_counts=True)
    largest = areas[np.argsort(-sizes, kind="stable")][:MOST_AREAS]
    columns = {1: 1, 2: 2, 3: 3, 4: 2}.get(len(largest), 3)
    rows = -(-len(largest) // columns)
    width, height = (9.0, 7.6) if columns == 1 else (5.0 * columns, 4.9 * rows + 0.7)
    figure = Figure(figsize=(width, height), dpi=120, facecolor=PAPER)
    FigureCanvasAgg(figure)
    for number, area in enumerate(largest):
        inside = built.planes.area == area
        axes = figure.add_subplot(rows, columns, number + 1, facecolor=GROUND)
        _draw_area(axes, built, inside, kinds)
    _legend(figure, kinds, height, hidden=len(areas) - len(largest))
    with replacing(file) as new:
        figure.savefig(new, format="png")


def _kinds(built: BuiltPlaces) -> NDArray[np.str_]:
    """How each photo is drawn: a name of :data:`_LOOKS`."""
    paths = built.photos.frame["path"]
    kinds = np.full(len(paths), "unanswered", dtype="<U11")
    kinds[built.part == SplitPart.TRAIN] = "in no place"
    kinds[built.part == SplitPart.GAP] = "gap"
    kinds[paths.is_in(built.train.frame["path"].implode()).to_numpy()] = "train"
    for name, part in built.evaluation.items():
        for table in (part.database, part.queries):
            kinds[paths.is_in(table.frame["path"].implode()).to_numpy()] = name
    return kinds


def _draw_area(
    axes: Axes, built: BuiltPlaces, inside: NDArray[np.bool_], kinds: NDArray[np.str_]
) -> None:
    east, north = built.planes.east, built.planes.north
    middle = [(side[inside].min() + side[inside].max()) / 2 for side in (east, north)]
    longest = max(np.ptp(east[inside]), np.ptp(north[inside]), _LEAST)
    half = longest * (0.5 + _EDGE)
    for kind, look in _LOOKS.items():
        shown = inside & (kinds == kind)
        axes.plot(east[shown] - middle[0], north[shown] - middle[1], ls="", **look)
    axes.set(xlim=(-half, half), ylim=(-half, half), aspect="equal", xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_color(RULE)
    rows = np.flatnonzero(inside)
    cities = built.photos.frame["city"][rows].drop_nulls().mode().sort()
    at = built.photos.positions[rows[:1]]
    where = cities[0] if len(cities) else f"{at.lat[0]:.3f}, {at.lon[0]:.3f}"
    title = f"{where}: {count(len(rows), 'photo')}"
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    _scale_bar(axes, half)


def _scale_bar(axes: Axes, half: float) -> None:
    length = round_below(0.6 * half)
    left, low = -0.94 * half, -0.93 * half
    look: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "color": INK}
    axes.plot([left, left + length], [low, low], color=PAPER, lw=6, solid_capstyle="butt")
    axes.plot([left, left + length], [low, low], color=INK, lw=3, solid_capstyle="butt")
    axes.annotate(whole_metres(length), (left + length / 2, low), (0, 5), size=9, **look)
    arrow: dict[str, Any] = {"arrowstyle": "-|>", "color": INK, "lw": 1.4}
    axes.annotate("N", (0.93 * half, 0.95 * half), (0, -30), size=9, arrowprops=arrow, **look)


def _legend(figure: Figure, kinds: NDArray[np.str_], height: float, hidden: int) -> None:
    handles, words = [], []
    for kind in ("train", "in no place", "val", "test", "unanswered", "gap"):
        number = int((kinds == kind).sum())
        if number:
            handles.append(Line2D([], [], ls="", **{**_LOOKS[kind], "ms": 8}))
            words.append(f"{kind} {number:,}")
    figure.legend(
        handles, words, loc="lower center", ncols=len(words), frameon=False, labelcolor=INK
    )
    if hidden:
        note = f"and {count(hidden, 'smaller area')}, not drawn"
        figure.text(0.99, 0.985, note, ha="right", va="top", fontsize=9, color=QUIET)
    figure.subplots_adjust(0.02, 0.55 / height, 0.98, 1 - 0.45 / height, 0.05, 0.12)
