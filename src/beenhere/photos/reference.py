"""Frames of reference: what says where photos were taken, and how far one is from another.

A photo may have a position on Earth (``lat``, ``lon``), a position on a plan (``x``, ``y``), a
number in a sequence (``frame``), or a place with a name (``place``). Whatever compares places does
it through the functions below, and need not know which of them it has.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from beenhere import geo
from beenhere.errors import DataError
from beenhere.photos.table import PhotoTable
from beenhere.wording import count

Floats = NDArray[np.float64]

Kind = Literal["position", "xy", "frame", "place"]


@dataclass(frozen=True)
class Reference:
    """One way to say where photos were taken.

    Attributes:
        kind: its name. column: of a table; a photo without it is nowhere.
        words: what it is, of several photos, such as ``"positions"``.
        radius: within which photos show one place, unless said otherwise.
        unit: of distances, with the space before it; empty where there are none.
        least: radius of an answer; no photo's own place is known better.
        groups: what photos near to each other make up, behind its preposition.
    """

    kind: Kind
    column: str
    words: str
    radius: float
    unit: str
    least: float
    groups: str

    @property
    def one(self) -> str:
        """What it is, of one photo, such as ``"a position"``."""
        return self.words if self.kind == "xy" else f"a {self.words.removesuffix('s')}"

    def in_groups(self, number: int) -> str:
        """Such as ``"on 12 streets"``."""
        where, what = self.groups.split()
        return f"{where} {count(number, what.removesuffix('s'))}"

    def within(self, radius: float) -> str:
        """Such as ``"within 25 m"``, ``"within 1 frame"``, or ``"of the same place"``."""
        if not self.unit:
            return "of the same place"
        return f"within {radius:g}{self.unit.removesuffix('s') if radius == 1 else self.unit}"


REFERENCES = {
    one.kind: one
    for one in (
        Reference("position", "lat", "positions", 25.0, " m", 1.0, "on streets"),
        Reference("xy", "x", "x and y", 5.0, " m", 0.1, "in areas"),
        Reference("frame", "frame", "frame numbers", 2.0, " frames", 1.0, "in parts"),
        # Two names are the same or not: any radius does.
        Reference("place", "place", "place names", 1.0, "", 0.0, "of places"),
    )
}
"""By their kinds. The first that any photo of a table has is the table's."""


@dataclass(frozen=True, eq=False)
class LocalPoints:
    """``n`` points that are not on Earth. Where nothing is known, x and y are NaN.

    Points on two maps, or of two names, are infinitely far apart.

    Attributes:
        map: ``(n,)`` texts, or None: the plan, building or sequence that they belong to.
        name: ``(n,)`` texts of places with names, else None.
        x, y: ``(n,)``, on the plan; of a sequence x is the frame; of a name both are 0.
    """

    map: NDArray[np.object_]
    name: NDArray[np.object_]
    x: Floats
    y: Floats

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: NDArray[np.intp] | slice) -> "LocalPoints":
        return LocalPoints(*(column[rows] for column in vars(self).values()))

    @property
    def known(self) -> NDArray[np.bool_]:
        """``(n,)``: whether there is a point at all."""
        return np.isfinite(self.x)


Points = geo.Positions | LocalPoints
"""Points of one frame of reference; those of two are never compared."""


def reference_of(tables: Sequence[PhotoTable], kind: str = "auto") -> Reference:
    """The frame of reference that some tables have in common.

    Args:
        tables: photos.
        kind: one of :data:`REFERENCES`; ``"auto"``: the first of these that photos of each table
            have, and positions where there is none.
    """
    if kind != "auto":
        return REFERENCES[kind]  # type: ignore[index]
    for one in REFERENCES.values():
        if all(table.frame[one.column].null_count() < len(table) for table in tables):
            return one
    return REFERENCES["position"]


def points_of(table: PhotoTable, reference: Reference) -> Points:
    """Where each photo of a table was taken, ``(n,)``."""
    if reference.kind == "position":
        return table.positions
    columns = table.frame.select("map", "place", "x", "y", "frame").to_dict()
    return _local(reference.kind, **columns)


def kind_of(place: Any) -> Kind:
    """By what a place of an answer is known; see :func:`points_at`."""
    known = (kind for kind, name in _ATTRIBUTES.items() if getattr(place, name) is not None)
    return next(known, "position")


def is_placed(place: Any) -> bool:
    """Whether anything says where a match was taken; see :func:`points_at`."""
    return any(getattr(place, name) is not None for name in _ATTRIBUTES.values())


def points_at(places: Sequence[Any], kind: Kind) -> Points:
    """Where places or matches of an answer are, ``(n,)``.

    Args:
        places: with the attributes ``lat``, ``lon``, ``x``, ``y``, ``frame``, ``map`` and ``name``.
        kind: of their frame of reference; unknown is what has nothing of it.
    """

    def column(name: str, kind: type[pl.DataType]) -> pl.Series:
        return pl.Series([getattr(place, name) for place in places], dtype=kind)

    if kind == "position":
        return geo.positions(_floats(column("lat", pl.Float64)), _floats(column("lon", pl.Float64)))
    numbers = {name: column(name, pl.Float64) for name in ("x", "y", "frame")}
    return _local(kind, column("map", pl.String), column("name", pl.String), **numbers)


_ATTRIBUTES: dict[Kind, str] = {"position": "lat", "xy": "x", "frame": "frame", "place": "name"}


def _local(
    kind: Kind, map: pl.Series, place: pl.Series, x: pl.Series, y: pl.Series, frame: pl.Series
) -> LocalPoints:
    maps = np.array(map.to_list(), object)
    nameless = np.full(len(maps), None, object)
    if kind == "xy":
        return LocalPoints(maps, nameless, _floats(x), _floats(y))
    if kind == "frame":
        return LocalPoints(maps, nameless, _floats(frame), np.zeros(len(maps)))
    here = np.where(place.is_null().to_numpy(), np.nan, 0.0)
    return LocalPoints(maps, np.array(place.to_list(), object), here, here.copy())


def _floats(column: pl.Series) -> Floats:
    return column.cast(pl.Float64).fill_null(np.nan).to_numpy()


def whereabouts(points: Points, row: int, reference: Reference) -> dict[str, Any]:
    """What a point is called: those of ``lat, lon, x, y, frame, map, name`` that say it."""
    if isinstance(points, geo.Positions):
        return {"lat": float(points.lat[row]), "lon": float(points.lon[row])}
    x, y, on = float(points.x[row]), float(points.y[row]), points.map[row]
    if reference.kind == "xy":
        return {"x": x, "y": y, "map": on}
    if reference.kind == "frame":
        return {"frame": round(x), "map": on}
    return {"name": points.name[row], "map": on}


def nowhere(points: Points, count: int) -> Points:
    """So many unknown points, of the kind of others."""
    unknown, nothing = np.full(count, np.nan), np.full(count, None, object)
    if isinstance(points, LocalPoints):
        return LocalPoints(nothing, nothing, unknown, unknown)
    return geo.positions(unknown, unknown)


def joined(parts: Sequence[Points]) -> Points:
    """Points one after the other; at least one part."""
    columns = zip(*(vars(each).values() for each in parts), strict=True)
    whole: Points = type(parts[0])(*map(np.concatenate, columns))
    return whole


def distance(a: Points, b: Points) -> Floats:
    """From ``a[i]`` to ``b[i]``, ``(n,)``, in the unit of their reference; NaN where unknown.

    Infinite between two maps, and between two names. Of positions that of
    :func:`beenhere.geo.distance`.
    """
    if isinstance(a, LocalPoints) and isinstance(b, LocalPoints):
        together = (a.map == b.map) & (a.name == b.name)
        plane = np.hypot(a.x - b.x, a.y - b.y)
        return np.where(together | np.isnan(plane), plane, np.inf)
    return geo.distance(*_on_earth(a, b))


def to_plane(centre: Points, points: Points) -> tuple[Floats, Floats]:
    """How far points of one map lie east and north, or along x and y, of their centres."""
    if isinstance(centre, LocalPoints) and isinstance(points, LocalPoints):
        return points.x - centre.x, points.y - centre.y
    return geo.to_plane(*_on_earth(centre, points))


def from_plane(centre: Points, east: Floats, north: Floats) -> Points:
    """The points so far from their centres; undoes :func:`to_plane`."""
    if isinstance(centre, LocalPoints):
        return LocalPoints(centre.map, centre.name, centre.x + east, centre.y + north)
    return geo.from_plane(centre, east, north)


def within(database: Points, queries: Points, radius: float) -> list[NDArray[np.intp]]:
    """For each query the rows of the database at most so far away; see :func:`geo.within`."""
    if isinstance(database, LocalPoints) and isinstance(queries, LocalPoints):
        if not radius >= 0:
            raise DataError(f"radius is {radius:g}; expected 0 or more")
        near = _each(database, queries, lambda tree, at: tree.query_ball_point(at, radius + 1e-9))
        return [
            rows[distance(database[rows], queries[np.full(len(rows), row)]) <= radius]
            for row, rows in enumerate(near)
        ]
    return geo.within(*_on_earth(database, queries), radius)


def nearest(database: Points, queries: Points, excluded: Sequence[NDArray[np.intp]]) -> Floats:
    """From each query to the nearest of the database, ``(n,)``; NaN where there is none on its map.

    Args:
        excluded: for each query the rows of the database that do not count.
    """
    if not (isinstance(database, LocalPoints) and isinstance(queries, LocalPoints)):
        return geo.nearest(*_on_earth(database, queries), excluded)
    most = max((len(out) for out in excluded), default=0) + 1
    found = _each(database, queries, lambda tree, at: tree.query(at, range(1, most + 1))[1])
    metres = np.full(len(queries), np.nan)
    for row, (near, out) in enumerate(zip(found, excluded, strict=True)):
        left = np.setdiff1d(near, out)
        if len(left):
            metres[row] = distance(database[left], queries[np.full(len(left), row)]).min()
    return metres


def any_within(database: Points, queries: Points, radius: float) -> NDArray[np.bool_]:
    """Whether each query has a point of the database at most so far away, ``(queries,)``."""
    if isinstance(database, LocalPoints) or isinstance(queries, LocalPoints):
        return np.array([len(rows) > 0 for rows in within(database, queries, radius)], np.bool_)
    return geo.any_within(database, queries, radius)


def _each(
    database: LocalPoints, queries: LocalPoints, ask: Callable[[cKDTree, Floats], Any]
) -> list[NDArray[np.intp]]:
    """For each query the rows that a tree of the points on its map gives, ascending."""
    found = [np.empty(0, np.intp) for _ in range(len(queries))]
    asked, held = _by_group(queries), _by_group(database)
    for group, rows in asked.items():
        members = held.get(group)
        if members is None:
            continue
        plane = np.column_stack([database.x[members], database.y[members]])
        points = np.column_stack([queries.x[rows], queries.y[rows]])
        for row, hits in zip(rows.tolist(), ask(cKDTree(plane), points), strict=True):
            inside = np.array([hit for hit in hits if hit < len(members)], np.intp)
            found[row] = np.sort(members[inside])
    return found


def _by_group(points: LocalPoints) -> dict[tuple[Any, Any], NDArray[np.intp]]:
    """Rows of known points by their map and name."""
    groups: dict[tuple[Any, Any], list[int]] = {}
    for row in np.flatnonzero(points.known).tolist():
        groups.setdefault((points.map[row], points.name[row]), []).append(row)
    return {group: np.array(rows, np.intp) for group, rows in groups.items()}


def _on_earth(a: Points, b: Points) -> tuple[geo.Positions, geo.Positions]:
    assert isinstance(a, geo.Positions) and isinstance(b, geo.Positions)
    return a, b
