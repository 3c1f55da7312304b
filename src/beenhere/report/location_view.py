"""The contents of a map of an answer: its marks, in which colours, and how far around it reaches.

Everything lies on a plane around the place, in metres east and north, so that the map is right
anywhere on Earth.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial import cKDTree

from beenhere import geo
from beenhere.report.location import supporting
from beenhere.report.pictures import BLUE, GREY, INK, ORANGE
from beenhere.retrieval.locate.answer import Location, Match

FOR_IT, FOR_RUNNER_UP, FOR_NEITHER = BLUE, ORANGE, GREY

NEAREST_VIEW = 30.0
"""Metres from the middle to the nearer edge, at least."""

_REACH = 3.0
"""Marks farther than so many times the answer's own extent are arrows at the edge."""

_WIDEST = 10.0
"""A radius is shown whole up to so many times the extent of the matches."""

_METRES_A_DEGREE = 110_000.0
"""Of latitude, at least (110,574 at the equator)."""

_NEIGHBOURS, _MOST_SPOTS = 6, 50_000
_JOINED = (15.0, 60.0)
"""Metres between photos that are joined into a street, at most: three times their usual distance,
within these bounds."""

Points = NDArray[np.float64]


@dataclass(frozen=True)
class MapView:
    """The part of the plane that the map shows, in metres east and north of the answer.

    Attributes:
        centre: ``(2,)``. half: ``(2,)``, from there to the edges.
    """

    centre: Points
    half: Points

    def holds(self, mark: "MapMark") -> bool:
        """Whether it lies inside, some pixels from the edge."""
        offset = np.abs(np.array([mark.east, mark.north]) - self.centre)
        return bool((offset <= 0.96 * self.half).all())


@dataclass(frozen=True)
class MapMark:
    """Something on the map.

    Attributes:
        label: next to it; none: "". east, north: metres from the answer. colour: as matplotlib has.
    """

    label: str
    east: float
    north: float
    colour: str

    @property
    def far(self) -> float:
        """Metres from the answer."""
        return math.hypot(self.east, self.north)


def match_colour(location: Location, match: Match) -> str:
    """Of a match, by the place that it speaks for."""
    if match.rank in supporting(location):
        return FOR_IT
    rivals = location.runner_up.matches if location.runner_up is not None else ()
    return FOR_RUNNER_UP if match.rank in [rival.rank for rival in rivals] else FOR_NEITHER


def middle_of(location: Location, photos: geo.Positions) -> tuple[float, float] | None:
    """Latitude and longitude of the place, or else of the middle of all photos.

    None where neither has any: a place may be known by x and y, a frame or a name instead.
    """
    place = location.place
    if place is not None:
        return None if place.lat is None or place.lon is None else (place.lat, place.lon)
    box = geo.extent(photos)
    if box is None:
        return None
    east = box.west + ((box.east - box.west) % 360) / 2
    return (box.south + box.north) / 2, (east + 180) % 360 - 180


def on_plane(middle: tuple[float, float], points: geo.Positions, within: float) -> Points:
    """Metres east and north of the middle, ``(k, 2)``, of the points ``within`` metres of it.

    Args:
        middle: latitude and longitude. points: ``(n,)``, which may be unknown. within: may be inf.
    """
    # Most of a large index is passed over by its latitude, before any geodesic is worked out.
    near = np.abs(points.lat - middle[0]) <= within / _METRES_A_DEGREE
    chosen = points[np.flatnonzero(points.known & near)]
    plane = np.stack(geo.to_plane(geo.positions([middle[0]], [middle[1]]), chosen), axis=1)
    found: Points = plane[np.hypot(*plane.T) <= within]
    return found


def _at(middle: tuple[float, float], lat: float, lon: float) -> tuple[float, float]:
    ((east, north),) = on_plane(middle, geo.positions([lat], [lon]), math.inf)
    return float(east), float(north)


def match_marks(location: Location, middle: tuple[float, float], numbered: int) -> list[MapMark]:
    """Of the matches that have positions; the first ``numbered`` have their number as label."""
    marks = []
    for number, match in enumerate(location.matches, 1):
        if match.lat is not None and match.lon is not None:
            label = str(number) if number <= numbered else ""
            colour = match_colour(location, match)
            marks.append(MapMark(label, *_at(middle, match.lat, match.lon), colour))
    return marks


def other_marks(location: Location, middle: tuple[float, float]) -> list[MapMark]:
    """Of the runner-up, and of where the query says it was taken."""
    marks, rival, truth = [], location.runner_up, location.own
    if rival is not None and rival.lat is not None and rival.lon is not None:
        marks.append(MapMark("runner-up", *_at(middle, rival.lat, rival.lon), FOR_RUNNER_UP))
    if truth is not None:
        marks.append(MapMark(truth.source, *_at(middle, truth.lat, truth.lon), INK))
    return marks


def view_of(
    location: Location,
    marks: list[MapMark],
    photos: geo.Positions,
    middle: tuple[float, float],
    tall: float,
) -> MapView:
    """All but strays, with some ground around, ``tall`` times as high as wide."""
    if location.place is None:
        shown = on_plane(middle, photos, math.inf)
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
    return MapView((low + high) / 2, np.array([wide, wide * tall]))


def streets(points: Points) -> Points:
    """Lines between photos that follow each other along a street, ``(m, 2, 2)``.

    They are the edges of a minimum spanning tree over near neighbours, but for the long ones: what
    order the photos have is not asked, as photos of several walks have none.

    Args:
        points: ``(n, 2)``, metres on a plane.
    """
    # Several photos of one spot, such as the views of a panorama, are one point.
    spots = np.unique(np.round(points * 2), axis=0) / 2
    if not 2 <= len(spots) <= _MOST_SPOTS:
        return np.empty((0, 2, 2))
    near = min(len(spots), _NEIGHBOURS + 1)
    far, which = cKDTree(spots).query(spots, near)
    rows = np.repeat(np.arange(len(spots)), near)
    tree = minimum_spanning_tree(csr_matrix((far.ravel(), (rows, which.ravel()))))
    one, other = tree.nonzero()
    longest = np.clip(3 * np.median(tree.data), *_JOINED)
    joined = np.hypot(*(spots[one] - spots[other]).T) <= longest
    return np.stack([spots[one[joined]], spots[other[joined]]], axis=1)
