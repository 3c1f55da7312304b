"""A plan of an answer by x and y, or a line of one by frame numbers, with the matches on it."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from matplotlib.ticker import MaxNLocator
from PIL import Image

from beenhere.photos.reference import Kind, LocalPoints, kind_of, points_at
from beenhere.report.location import far_in_words
from beenhere.report.location_map import PHOTO
from beenhere.report.location_view import FOR_IT, FOR_NEITHER, FOR_RUNNER_UP, match_colour
from beenhere.report.pictures import GROUND, INK, PAPER, QUIET
from beenhere.retrieval.locate.answer import Location, Match
from beenhere.wording import count

_WORDS = {
    FOR_IT: "matches that speak for it",
    FOR_RUNNER_UP: "matches for the runner-up",
    FOR_NEITHER: "matches for neither",
}


def location_plan(
    location: Location, photos: LocalPoints, size: tuple[int, int], numbered: int
) -> Image.Image:
    """Draw an answer on the plan, or the sequence, that it lies on.

    On a plan x and y have one scale, in its own unit. Of a sequence the matches stand as high as
    they are similar, above the frames of the index. A place that is not known has a broken line.

    Args:
        location: the answer, by x and y or a frame number; of one without a place nothing but the
            photos is drawn.
        photos: the index's, ``(n,)``, on one plan or several.
        size: width and height in pixels.
        numbered: of the first matches.
    """
    place = location.place
    kind: Kind = "xy" if place is None else kind_of(place)
    on = place.map if place is not None else None
    figure = Figure(figsize=(size[0] / 100, size[1] / 100), dpi=100, facecolor=PAPER)
    axes = figure.add_axes((0.11, 0.22, 0.87, 0.74), facecolor=GROUND)
    axes.tick_params(labelsize=9, colors=QUIET)
    here = photos[np.flatnonzero((photos.map == on) & photos.known)]
    legend = {"photos of the index": _mark("o", PHOTO, 5)}
    height = 0.0 if kind == "frame" else None
    if place is not None:
        matches = [match for match in location.matches if match.map == on]
        height = _height(matches) if kind == "frame" else None
        legend |= _draw_answer(axes, location, kind, height)
        legend |= _draw_matches(axes, location, kind, matches[::-1], numbered)
        elsewhere = len(location.matches) - len(matches)
        if elsewhere:
            words = f"{count(elsewhere, 'match', 'matches')} on another map"
            legend[words] = Line2D([], [], ls="")
    y = here.y if height is None else np.full(len(here), height)
    axes.scatter(here.x, y, s=14, marker="o" if height is None else "|", color=PHOTO, zorder=1)
    if kind == "frame":
        axes.set(xlabel="frame", ylabel="similarity")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    else:
        axes.set(xlabel="x", ylabel="y", aspect="equal")
        axes.set_adjustable("datalim")
    if on is not None:
        axes.set_title(on, fontsize=11, color=INK, loc="left")
    axes.margins(0.08)
    figure.legend(list(legend.values()), list(legend), loc="lower left", ncols=2, **_LEGEND)
    pixels = io.BytesIO()
    figure.savefig(pixels, format="png")
    return Image.open(pixels).convert("RGB")


_LEGEND: dict[str, Any] = {"frameon": False, "fontsize": 10, "labelcolor": INK, "borderpad": 0}


def _height(matches: Sequence[Match]) -> float:
    """Of the frames' line: below all matches."""
    similarity = [match.similarity for match in matches] or [0.0]
    return min(similarity) - 0.15 * (max(similarity) - min(similarity) or 1.0)


def _draw_answer(
    axes: Axes, location: Location, kind: Kind, height: float | None
) -> dict[str, Line2D]:
    place, legend = location.place, {}
    assert place is not None
    line: Any = "-" if location.known else (0, (4, 3))
    x, y = _point(place, kind)
    if location.radius is not None:
        look: dict[str, Any] = {"fc": FOR_IT, "ec": FOR_IT, "alpha": 0.15, "zorder": 0}
        if height is None:
            axes.add_patch(Circle((x, y), location.radius, **look))
        else:
            axes.axvspan(x - location.radius, x + location.radius, **look)
        words = f"radius of {far_in_words(location.radius, kind)} (90%)"
        legend[words] = Line2D([], [], color=FOR_IT, lw=6, alpha=0.25)
    if height is None:
        axes.plot(x, y, "+", color=INK, mew=2.6, ms=34, zorder=8)
        answer = _mark("+", INK, 13)
    else:
        axes.axvline(x, color=INK, lw=1.6, ls=line, zorder=2)
        answer = Line2D([], [], color=INK, lw=1.6, ls=line)
    legend["the answer" if location.known else "the best guess"] = answer
    return legend


def _draw_matches(
    axes: Axes, location: Location, kind: Kind, matches: Sequence[Match], numbered: int
) -> dict[str, Line2D]:
    legend = {}
    for match in matches:
        x, y = _point(match, kind)
        if not np.isfinite(x):
            continue
        if kind == "frame":
            y = match.similarity
        colour, number = match_colour(location, match), location.matches.index(match) + 1
        shown = number <= numbered
        look: dict[str, Any] = {"mec": PAPER, "mew": 1.0, "zorder": 9 if shown else 4}
        axes.plot(x, y, "o", color=colour, ms=14 if shown else 7, **look)
        if shown:
            text: dict[str, Any] = {"ha": "center", "va": "center_baseline", "weight": "bold"}
            axes.text(x, y, str(number), color=PAPER, size=9, zorder=10, **text)
        legend[_WORDS[colour]] = _mark("o", colour, 8)
    return legend


def _point(place: Any, kind: Kind) -> tuple[float, float]:
    point = points_at([place], kind)
    assert isinstance(point, LocalPoints)
    return float(point.x[0]), float(point.y[0])


def _mark(marker: str, colour: str, size: float) -> Line2D:
    return Line2D([], [], marker=marker, ls="", color=colour, ms=size, mew=1.6)
