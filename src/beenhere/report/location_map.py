"""A map of an answer: the index's photos, the matches, the place with its radius, and north up.

No tiles are fetched; the index's photos draw the streets.
"""

import io
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Rectangle
from matplotlib.path import Path
from PIL import Image

from beenhere import geo
from beenhere.report.location import where_in_words
from beenhere.report.location_view import (
    FOR_IT,
    FOR_NEITHER,
    FOR_RUNNER_UP,
    MapMark,
    MapView,
    Points,
    match_marks,
    middle_of,
    on_plane,
    other_marks,
    streets,
    view_of,
)
from beenhere.report.pictures import GROUND, INK, PAPER, QUIET, RULE
from beenhere.retrieval.locate.answer import Location
from beenhere.wording import round_below, whole_metres

PHOTO = "#A9A9A9"

_LOOKS = {
    FOR_IT: ("o", "matches that speak for it"),
    FOR_RUNNER_UP: ("s", "matches for the runner-up"),
    FOR_NEITHER: ("D", "matches for neither"),
}
"""Shape and meaning of a match's mark, by its colour."""

_SMALL_MAP, _SMALL_MAP_FROM, _SMALL_MAP_DOTS = 0.24, 1.5, 5000
"""Its share of the map's width, how much farther than the map it must reach, and its most dots."""

_TOGETHER = math.radians(20)
"""Marks outside the map in directions that differ by less share an arrow."""

# Four strokes with a gap between, so that a match in the middle is seen.
_CROSSHAIR = Path(
    [
        point
        for x, y in ((1, 0), (0, 1), (-1, 0), (0, -1))
        for point in ((0.6 * x, 0.6 * y), (x, y))
    ],
    [Path.MOVETO, Path.LINETO] * 4,
)


def location_map(
    location: Location,
    photos: geo.Positions,
    size: tuple[int, int],
    numbered: int,
) -> Image.Image:
    """Draw an answer.

    Matches are numbered by their place in the answer. What lies far outside is an arrow at the
    edge with its distance. A place that is not known is drawn with a broken line. The streets are
    those that the index's photos were taken in; a small map says which part of all photos is seen.

    Args:
        location: the answer.
        photos: the index's, ``(n,)``, which may be unknown.
        size: width and height in pixels.
        numbered: of the first matches.
    """
    middle = middle_of(location, photos)
    figure = Figure(figsize=(size[0] / 100, size[1] / 100), dpi=100, facecolor=PAPER)
    axes = figure.add_axes((0.003, 0.14, 0.994, 0.857), facecolor=GROUND)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_color(PHOTO)
    if middle is None:
        place = location.place
        words = "no position is known" if place is None else where_in_words(place)
        axes.text(0.5, 0.5, words, ha="center", va="center", color=QUIET)
    else:
        _draw(axes, location, photos, middle, numbered, size[1] * 0.857 / size[0])
    pixels = io.BytesIO()
    figure.savefig(pixels, format="png")
    return Image.open(pixels).convert("RGB")


def _draw(
    axes: Axes,
    location: Location,
    photos: geo.Positions,
    middle: tuple[float, float],
    numbered: int,
    tall: float,
) -> None:
    marks, others = match_marks(location, middle, numbered), other_marks(location, middle)
    truth = location.own
    view = view_of(location, marks + others, photos, middle, tall)
    (left, low), (right, high) = view.centre - view.half, view.centre + view.half
    axes.set(xlim=(left, right), ylim=(low, high), aspect="equal")
    dots = on_plane(middle, photos, float(np.hypot(*view.centre) + np.hypot(*view.half)))
    _draw_streets(axes, dots, view)
    axes.scatter(dots[:, 0], dots[:, 1], s=12, color=PHOTO, linewidths=0, zorder=1)
    legend = {"photos of the index": _handle("o", PHOTO, 4), **_draw_answer(axes, location, view)}
    inside = [mark for mark in marks if view.holds(mark)]
    for mark in reversed(_apart(inside, 0.03 * float(view.half.min()))):
        _draw_match(axes, mark)
    colours = {mark.colour for mark in marks}
    for colour, (shape, words) in _LOOKS.items():
        if colour in colours:
            legend[words] = _handle(shape, colour, 8)
    for mark in filter(view.holds, others):
        shape, where = "P" if mark.colour == FOR_RUNNER_UP else "*", (mark.east, mark.north)
        axes.plot(*where, shape, color=mark.colour, mec=PAPER, mew=1.2, ms=15, zorder=7)
    if location.runner_up is not None:
        legend["runner-up"] = _handle("P", FOR_RUNNER_UP, 10)
    if truth is not None:
        legend[f"where {truth.source} says it was taken"] = _handle("*", INK, 12)
    _draw_arrows(axes, [mark for mark in marks + others if not view.holds(mark)], view)
    _draw_scale(axes, view)
    _draw_whole(axes, on_plane(middle, photos, math.inf), view, [*inside, *others])
    axes.figure.legend(
        list(legend.values()),
        list(legend),
        loc="lower left",
        bbox_to_anchor=(0, 0),
        ncols=2,
        frameon=False,
        fontsize=10,
        labelcolor=INK,
        columnspacing=1.4,
        handletextpad=0.5,
        borderpad=0,
    )


def _draw_streets(axes: Axes, dots: Points, view: MapView) -> None:
    """Lines between photos near each other, as a street of a plan, over a grid of round metres."""
    step = round_below(0.6 * float(view.half[0]))
    for at in range(2):
        low, high = (view.centre[at] + side * view.half[at] for side in (-1, 1))
        grid = np.arange(np.ceil(low / step), high / step) * step
        draw = axes.axvline if at == 0 else axes.axhline
        for line in grid.tolist():
            draw(line, color=RULE, lw=0.6, zorder=0.1)
    lines = list(streets(dots))
    for colour, width, order in ((RULE, 11, 0.2), (PAPER, 9, 0.3)):
        look: dict[str, Any] = {"colors": colour, "linewidths": width, "capstyle": "round"}
        axes.add_collection(LineCollection(lines, zorder=order, **look), autolim=False)


def _draw_whole(axes: Axes, dots: Points, view: MapView, marks: Sequence[MapMark]) -> None:
    """All photos of the index, small, and the part of them on the map, in a free corner of it."""
    if len(dots) == 0:
        return
    low = np.minimum(dots.min(axis=0), view.centre - view.half)
    high = np.maximum(dots.max(axis=0), view.centre + view.half)
    middle, half = (low + high) / 2, 0.55 * float((high - low).max())
    if half < _SMALL_MAP_FROM * float(view.half.max()):
        return
    size = _SMALL_MAP * np.array([1.0, view.half[0] / view.half[1]])
    # The scale and the arrow to the north have the other two corners.
    places = [np.array([0.02, 0.98 - size[1]]), np.array([0.98 - size[0], 0.02])]
    at = [((mark.east, mark.north) - view.centre) / view.half / 2 + 0.5 for mark in marks]
    covered = [sum(bool(((p >= c) & (p <= c + size)).all()) for p in at) for c in places]
    corner = places[int(np.argmin(covered))]
    small = axes.inset_axes((*corner.tolist(), *size.tolist()), zorder=11, facecolor=PAPER)
    small.set(xticks=[], yticks=[])
    small.set(xlim=middle[0] + half * np.array([-1, 1]), ylim=middle[1] + half * np.array([-1, 1]))
    some = dots[:: 1 + len(dots) // _SMALL_MAP_DOTS]
    small.scatter(some[:, 0], some[:, 1], s=2, color=PHOTO, linewidths=0)
    seen = np.maximum(view.half, 0.03 * half)
    (left, bottom), (wide, high) = (view.centre - seen).tolist(), (2 * seen).tolist()
    small.add_patch(Rectangle((left, bottom), wide, high, fill=False, ec=INK, lw=1.3))
    for spine in small.spines.values():
        spine.set_color(PHOTO)


def _draw_answer(axes: Axes, location: Location, view: MapView) -> dict[str, Line2D]:
    if location.place is None:
        return {}
    line: Any = "-" if location.known else (0, (4, 3))
    legend = {}
    if location.radius is not None:
        around = {"ls": line, "lw": 1.6, "ec": FOR_IT, "zorder": 2}
        axes.add_patch(Circle((0, 0), location.radius, fc=FOR_IT, alpha=0.1, zorder=2))
        axes.add_patch(Circle((0, 0), location.radius, fill=False, **around))
        words = f"radius of {whole_metres(location.radius)} (90%)"
        if location.radius > float((view.half - np.abs(view.centre)).min()):
            words += ",\nbeyond this map"
        legend[words] = Line2D([], [], color=FOR_IT, lw=1.6, ls=line)
    for colour, width, size in ((PAPER, 6, 41), (INK, 2.6, 38)):
        axes.plot(0, 0, marker=_CROSSHAIR, color=colour, mew=width, ms=size, zorder=8)
    words = "the answer" if location.known else "the best guess"
    legend[words] = Line2D([], [], marker=_CROSSHAIR, ls="", color=INK, mew=2, ms=13)
    return legend


def _apart(marks: Sequence[MapMark], least: float) -> list[MapMark]:
    """Marks of one colour that are nearer than so many metres are one, with the labels of all."""
    kept: list[MapMark] = []
    for mark in marks:
        for number, other in enumerate(kept):
            close = math.hypot(mark.east - other.east, mark.north - other.north) < least
            if close and mark.colour == other.colour:
                label = ",".join(filter(None, (other.label, mark.label)))
                kept[number] = replace(other, label=label)
                break
        else:
            kept.append(mark)
    return kept


def _draw_match(axes: Axes, mark: MapMark) -> None:
    size = 14 + 3 * mark.label.count(",") if mark.label else 8
    axes.plot(
        mark.east,
        mark.north,
        _LOOKS[mark.colour][0],
        color=mark.colour,
        mec=PAPER,
        mew=1.0,
        ms=size if mark.colour != FOR_NEITHER else size - 2,
        alpha=1.0 if mark.label else 0.7,
        zorder=9 if mark.label else 4,
    )
    if mark.label:
        look: dict[str, Any] = {"ha": "center", "va": "center_baseline", "weight": "bold"}
        axes.text(
            mark.east,
            mark.north,
            mark.label,
            color=PAPER,
            size=9 if len(mark.label) < 3 else 7,
            zorder=10,
            **look,
        )


def _draw_scale(axes: Axes, view: MapView) -> None:
    length = round_below(0.6 * float(view.half[0]))
    left, low = view.centre - [0.95, 0.94] * view.half
    axes.plot([left, left + length], [low, low], color=INK, lw=3, solid_capstyle="butt", zorder=10)
    look: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "color": INK}
    middle = (left + length / 2, low)
    axes.annotate(whole_metres(length), middle, (0, 5), size=10, zorder=10, **look)
    north = view.centre + [0.93, 0.95] * view.half
    arrow: dict[str, Any] = {"arrowstyle": "-|>", "color": INK, "lw": 1.6}
    axes.annotate(
        "N",
        tuple(north.tolist()),
        (0, -34),
        size=11,
        weight="bold",
        arrowprops=arrow,
        zorder=10,
        **look,
    )


def _handle(marker: str, colour: str, size: float) -> Line2D:
    return Line2D([], [], marker=marker, ls="", color=colour, mec=PAPER, mew=0.6, ms=size)


def _draw_arrows(axes: Axes, outside: Sequence[MapMark], view: MapView) -> None:
    """An arrow at the edge for each direction in which marks lie outside, with their distances."""
    groups: list[list[MapMark]] = []
    for mark in sorted((mark for mark in outside if mark.label), key=_bearing):
        if groups and _turn(groups[-1][0], mark) < _TOGETHER:
            groups[-1].append(mark)
        else:
            groups.append([mark])
    if len(groups) > 1 and _turn(groups[0][0], groups[-1][0]) < _TOGETHER:
        groups[0] += groups.pop()
    for group in groups:
        _draw_arrow(axes, group, view)


def _draw_arrow(axes: Axes, group: Sequence[MapMark], view: MapView) -> None:
    toward = np.array([group[0].east, group[0].north]) / group[0].far
    # From the answer, which is in view, to the edge.
    room = np.where(toward > 0, view.centre + view.half, view.centre - view.half)
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = room / toward
    edge = toward * 0.96 * float(np.min(steps[toward != 0]))
    step = toward * float(view.half.min())
    tip, tail = ((edge - back * step).tolist() for back in (0, 0.1))
    x, y = (edge - 0.12 * step).tolist()
    words = [f"{mark.label}: {whole_metres(mark.far)}" for mark in group]
    colour = group[0].colour
    arrow: dict[str, Any] = {"arrowstyle": "-|>", "color": colour, "lw": 2}
    axes.annotate("", tuple(tip), tuple(tail), arrowprops=arrow, zorder=9)
    axes.text(
        x,
        y,
        "\n".join(words),
        ha="right" if toward[0] > 0.3 else "left" if toward[0] < -0.3 else "center",
        va="top" if toward[1] > 0.3 else "bottom" if toward[1] < -0.3 else "center",
        color=colour,
        size=10,
        weight="bold",
        bbox={"fc": GROUND, "ec": "none", "alpha": 0.8, "pad": 1},
        zorder=9,
    )


def _bearing(mark: MapMark) -> float:
    return math.atan2(mark.east, mark.north)


def _turn(one: MapMark, other: MapMark) -> float:
    """Radians between their directions."""
    turn = _bearing(one) - _bearing(other)
    return abs((turn + math.pi) % (2 * math.pi) - math.pi)
