"""A map of an answer: the index's photos, the matches, the place with its radius, and north up.

No tiles are fetched; the index's photos draw the streets. Axes are metres on a plane around the
place, so that the map is right anywhere on Earth.
"""

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from matplotlib.path import Path
from numpy.typing import NDArray
from PIL import Image

from beenhere import geo
from beenhere.report.location_facts import supporting
from beenhere.report.numbers import round_below, whole_metres
from beenhere.report.own_position import OwnPosition
from beenhere.report.photo_boxes import INK, PAPER, QUIET
from beenhere.retrieval.locate.answer import Location, Match

# Colours that colour-blind people can tell apart (Okabe and Ito, 2008); shapes say the same.
FOR_IT, FOR_RUNNER_UP, FOR_NEITHER = "#0072B2", "#D55E00", "#767676"
PHOTO, GROUND = "#A9A9A9", "#F6F5F2"

NEAREST_VIEW = 30.0
"""Metres from the middle to the nearer edge, at least."""

_REACH = 3.0
"""What lies farther than so many times the answer's own extent is a stray at the edge."""

_WIDEST = 10.0
"""A radius is shown whole up to so many times the extent of the matches."""

_TOGETHER = math.radians(20)
"""Strays in directions that differ by less share an arrow."""

_METRES_A_DEGREE = 110_000.0
"""Of latitude, at least (110,574 at the equator)."""

# Four strokes with a gap between, so that a match in the middle is seen.
_CROSSHAIR = Path(
    [
        point
        for x, y in ((1, 0), (0, 1), (-1, 0), (0, -1))
        for point in ((0.6 * x, 0.6 * y), (x, y))
    ],
    [Path.MOVETO, Path.LINETO] * 4,
)

Points = NDArray[np.float64]


@dataclass(frozen=True)
class _View:
    """What the map shows, in metres east and north of the answer.

    Attributes:
        centre: ``(2,)``. half: ``(2,)``, from there to the edges.
    """

    centre: Points
    half: Points

    def holds(self, mark: "_Mark") -> bool:
        """Whether it lies inside, some pixels from the edge."""
        offset = np.abs(np.array([mark.east, mark.north]) - self.centre)
        return bool((offset <= 0.96 * self.half).all())


@dataclass(frozen=True)
class _Mark:
    """Something on the map: ``label`` and metres east and north of the answer."""

    label: str
    east: float
    north: float
    colour: str

    @property
    def far(self) -> float:
        return math.hypot(self.east, self.north)


def match_colour(location: Location, match: Match) -> str:
    """Of a match, by the place that it speaks for."""
    if match.rank in supporting(location):
        return FOR_IT
    rivals = location.runner_up.matches if location.runner_up is not None else ()
    return FOR_RUNNER_UP if match.rank in [rival.rank for rival in rivals] else FOR_NEITHER


def location_map(
    location: Location,
    photos: geo.Positions,
    truth: OwnPosition | None,
    size: tuple[int, int],
    numbered: int,
) -> Image.Image:
    """Draw an answer.

    Matches are numbered by their place in the answer. What lies far outside is an arrow at the
    edge with its distance. A place that is not known is drawn with a broken line.

    Args:
        location: the answer.
        photos: the index's, ``(n,)``, which may be unknown.
        truth: where the query says it was taken; None if it does not.
        size: width and height in pixels.
        numbered: of the first matches.
    """
    middle = _middle(location, photos)
    figure = Figure(figsize=(size[0] / 100, size[1] / 100), dpi=100, facecolor=PAPER)
    axes = figure.add_axes((0.003, 0.14, 0.994, 0.857), facecolor=GROUND)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_color(PHOTO)
    if middle is None:
        axes.text(0.5, 0.5, "no position is known", ha="center", va="center", color=QUIET)
    else:
        _draw(axes, location, photos, truth, middle, numbered, size[1] * 0.857 / size[0])
    pixels = io.BytesIO()
    figure.savefig(pixels, format="png")
    return Image.open(pixels).convert("RGB")


def _draw(
    axes: Axes,
    location: Location,
    photos: geo.Positions,
    truth: OwnPosition | None,
    middle: tuple[float, float],
    numbered: int,
    tall: float,
) -> None:
    marks = list(_match_marks(location, middle, numbered))
    others = list(_other_marks(location, truth, middle))
    view = _view(location, marks + others, photos, middle, tall)
    (left, low), (right, high) = view.centre - view.half, view.centre + view.half
    axes.set(xlim=(left, right), ylim=(low, high), aspect="equal")
    legend: list[tuple[Any, str]] = []
    dots = _plane(middle, photos, float(np.hypot(*view.centre) + np.hypot(*view.half)))
    axes.scatter(dots[:, 0], dots[:, 1], s=9, color=PHOTO, linewidths=0, zorder=1)
    legend.append((_handle("o", PHOTO, 4), "photos of the index"))
    legend += _draw_answer(axes, location)
    inside = [mark for mark in marks if view.holds(mark)]
    for mark in reversed(_apart(inside, 0.03 * float(view.half.min()))):
        _draw_match(axes, mark)
    colours = {mark.colour for mark in marks}
    for colour, words in (
        (FOR_IT, "matches that speak for it"),
        (FOR_RUNNER_UP, "matches for the runner-up"),
        (FOR_NEITHER, "matches for neither"),
    ):
        if colour in colours:
            legend.append((_handle(_SHAPES[colour], colour, 8), words))
    for mark in others:
        if view.holds(mark):
            shape = "P" if mark.colour == FOR_RUNNER_UP else "*"
            axes.plot(
                mark.east, mark.north, shape, color=mark.colour, mec=PAPER, mew=1.2, ms=15, zorder=7
            )
    if location.runner_up is not None:
        legend.append((_handle("P", FOR_RUNNER_UP, 10), "runner-up"))
    if truth is not None:
        legend.append((_handle("*", INK, 12), f"where {truth.source} says it was taken"))
    _draw_strays(axes, [mark for mark in marks + others if not view.holds(mark)], view)
    _draw_scale(axes, view)
    handles, words_of = zip(*legend, strict=True)
    axes.figure.legend(
        handles,
        words_of,
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


_SHAPES = {FOR_IT: "o", FOR_RUNNER_UP: "s", FOR_NEITHER: "D"}


def _middle(location: Location, photos: geo.Positions) -> tuple[float, float] | None:
    """Of the map: the place, or else the middle of all photos."""
    if location.place is not None:
        return location.place.lat, location.place.lon
    box = geo.extent(photos)
    if box is None:
        return None
    east = box.west + ((box.east - box.west) % 360) / 2
    return (box.south + box.north) / 2, (east + 180) % 360 - 180


def _plane(middle: tuple[float, float], points: geo.Positions, within: float) -> Points:
    """Metres east and north of the middle, ``(k, 2)``, of the points not farther than that."""
    # Most of a large index is passed over by its latitude, before any geodesic is worked out.
    near = np.abs(points.lat - middle[0]) <= within / _METRES_A_DEGREE
    chosen = points[np.flatnonzero(points.known & near)]
    centre = geo.positions(np.full(len(chosen), middle[0]), np.full(len(chosen), middle[1]))
    plane = np.stack(geo.to_plane(centre, chosen), axis=1)
    found: Points = plane[np.hypot(*plane.T) <= within]
    return found


def _at(middle: tuple[float, float], lat: float, lon: float) -> tuple[float, float]:
    (east,), (north,) = geo.to_plane(
        geo.positions([middle[0]], [middle[1]]), geo.positions([lat], [lon])
    )
    return float(east), float(north)


def _match_marks(location: Location, middle: tuple[float, float], numbered: int) -> Iterator[_Mark]:
    for number, match in enumerate(location.matches, 1):
        if match.lat is not None and match.lon is not None:
            label = str(number) if number <= numbered else ""
            colour = match_colour(location, match)
            yield _Mark(label, *_at(middle, match.lat, match.lon), colour)


def _other_marks(
    location: Location, truth: OwnPosition | None, middle: tuple[float, float]
) -> Iterator[_Mark]:
    if location.runner_up is not None:
        where = _at(middle, location.runner_up.lat, location.runner_up.lon)
        yield _Mark("runner-up", *where, FOR_RUNNER_UP)
    if truth is not None:
        yield _Mark(truth.source, *_at(middle, truth.lat, truth.lon), INK)


def _view(
    location: Location,
    marks: list[_Mark],
    photos: geo.Positions,
    middle: tuple[float, float],
    tall: float,
) -> _View:
    """All but strays, with some ground around, ``tall`` times as high as wide."""
    if location.place is None:
        shown = _plane(middle, photos, math.inf)
    else:
        own = max((mark.far for mark in marks if mark.colour == FOR_IT), default=0.0)
        core = max(own, NEAREST_VIEW / 2)
        reach = min(location.radius or 0.0, _WIDEST * core)
        near = max(core, reach) * _REACH
        close = [(mark.east, mark.north) for mark in marks if mark.far <= near]
        around = [(reach, 0), (-reach, 0), (0, reach), (0, -reach)]
        shown = np.array([*close, *around], np.float64)
    low, high = shown.min(axis=0), shown.max(axis=0)
    wide = max(NEAREST_VIEW, *(1.25 * (high - low) / 2 / [1, tall]))
    return _View((low + high) / 2, np.array([wide, wide * tall]))


def _draw_answer(axes: Axes, location: Location) -> list[tuple[Any, str]]:
    if location.place is None:
        return []
    line = "-" if location.known else (0, (4, 3))
    legend: list[tuple[Any, str]] = []
    if location.radius is not None:
        around = {"ls": line, "lw": 1.6, "ec": FOR_IT, "zorder": 2}
        axes.add_patch(Circle((0, 0), location.radius, fc=FOR_IT, alpha=0.1, zorder=2))
        axes.add_patch(Circle((0, 0), location.radius, fill=False, **around))
        handle = Line2D([], [], color=FOR_IT, lw=1.6, ls=line)
        legend.append((handle, f"radius of {whole_metres(location.radius)} (90%)"))
    for colour, width, size in ((PAPER, 6, 41), (INK, 2.6, 38)):
        axes.plot(0, 0, marker=_CROSSHAIR, color=colour, mew=width, ms=size, zorder=8)
    handle = Line2D([], [], marker=_CROSSHAIR, ls="", color=INK, mew=2, ms=13)
    legend.append((handle, "the answer" if location.known else "the best guess"))
    return legend


def _apart(marks: Sequence[_Mark], least: float) -> list[_Mark]:
    """Marks of one colour that are nearer than so many metres are one, with the labels of all."""
    kept: list[_Mark] = []
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


def _draw_match(axes: Axes, mark: _Mark) -> None:
    size = 14 + 3 * mark.label.count(",") if mark.label else 8
    axes.plot(
        mark.east,
        mark.north,
        _SHAPES[mark.colour],
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


def _draw_strays(axes: Axes, strays: Sequence[_Mark], view: _View) -> None:
    """An arrow at the edge for each direction in which something lies, and how far it is."""
    groups: list[list[_Mark]] = []
    for mark in sorted((mark for mark in strays if mark.label), key=_bearing):
        if groups and _turn(groups[-1][0], mark) < _TOGETHER:
            groups[-1].append(mark)
        else:
            groups.append([mark])
    if len(groups) > 1 and _turn(groups[0][0], groups[-1][0]) < _TOGETHER:
        groups[0] += groups.pop()
    for group in groups:
        _draw_arrow(axes, group, view)


def _draw_arrow(axes: Axes, group: Sequence[_Mark], view: _View) -> None:
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


def _bearing(mark: _Mark) -> float:
    return math.atan2(mark.east, mark.north)


def _turn(one: _Mark, other: _Mark) -> float:
    """Radians between their directions."""
    turn = _bearing(one) - _bearing(other)
    return abs((turn + math.pi) % (2 * math.pi) - math.pi)


def _draw_scale(axes: Axes, view: _View) -> None:
    length = round_below(0.6 * float(view.half[0]))
    left, low = view.centre - [0.95, 0.94] * view.half
    axes.plot([left, left + length], [low, low], color=INK, lw=3, solid_capstyle="butt", zorder=10)
    look: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "color": INK}
    middle = (left + length / 2, low)
    axes.annotate(whole_metres(length), middle, (0, 5), size=10, zorder=10, **look)
    north = view.centre + [0.93, 0.95] * view.half
    arrow: dict[str, Any] = {"arrowstyle": "-|>", "color": INK, "lw": 1.6}
    axes.annotate(
        "N", _pair(north), (0, -34), size=11, weight="bold", arrowprops=arrow, zorder=10, **look
    )


def _pair(point: Points) -> tuple[float, float]:
    return float(point[0]), float(point[1])


def _handle(marker: str, colour: str, size: float) -> Line2D:
    return Line2D([], [], marker=marker, ls="", color=colour, mec=PAPER, mew=0.6, ms=size)
