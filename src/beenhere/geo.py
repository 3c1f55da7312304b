"""Positions on Earth: WGS84 <-> UTM, distances, and who lies within a radius.

The benchmarks of the field measure plane distances between UTM coordinates. That is right inside
one zone and wrong by hundreds of kilometres across two, so :func:`distance` decides for each pair.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyproj import Geod, Transformer
from scipy.spatial import cKDTree

from beenhere.errors import DataError

Floats = NDArray[np.float64]

BANDS = "CDEFGHJKLMNPQRSTUVWX"
"""Latitude bands of 8 degrees from 80 S to 84 N (the last has 12); N is the first of the north."""

_GEOD = Geod(ellps="WGS84")
# A UTM plane distance differs from the one on the ground by less than 0.1% inside a zone; 1% and a
# metre is a safe margin for finding candidates by the other measure.
_MARGIN = 1.01
_LEAST_DEGREE = 110_500.0
"""Metres between two parallels a degree apart, at the equator and below."""


@dataclass(frozen=True)
class Positions:
    """``n`` positions, in both systems. Where nothing is known, all five are NaN and 0.

    Attributes:
        lat, lon: degrees, ``(n,)``.
        easting, northing: metres, ``(n,)``; NaN beyond 84 N and 80 S, where UTM ends.
        zone: ``(n,)`` signed zone number, negative in the south, 0 where there is none.
    """

    lat: Floats
    lon: Floats
    easting: Floats
    northing: Floats
    zone: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.lat)

    def __getitem__(self, rows: NDArray[np.intp] | slice) -> "Positions":
        return Positions(*(column[rows] for column in vars(self).values()))

    @property
    def known(self) -> NDArray[np.bool_]:
        """``(n,)``: whether there is a position at all."""
        return np.isfinite(self.lat) & np.isfinite(self.lon)


def zone_name(lat: float, lon: float) -> str | None:
    """Zone and latitude band, such as ``"10S"``; None beyond 84 N and 80 S.

    Norway (32V) and Svalbard (31X, 33X, 35X, 37X) have wider zones, as the UTM standard has it.

    >>> zone_name(37.7749, -122.4194), zone_name(60.39, 5.32), zone_name(88, 0)
    ('10S', '32V', None)
    """
    if not (-80 <= lat <= 84 and math.isfinite(lon)):
        return None
    band = BANDS[min(int((lat + 80) // 8), len(BANDS) - 1)]
    lon = lon if -180 <= lon < 180 else (lon + 180) % 360 - 180
    number = min(int((lon + 180) // 6), 59) + 1  # what is a hair's breadth from 180 rounds to it
    if band == "V" and 3 <= lon < 12:
        number = 32
    if band == "X" and 0 <= lon < 42:
        number = next(z for z, east in ((31, 9), (33, 21), (35, 33), (37, 42)) if lon < east)
    return f"{number}{band}"


def zone_code(name: str) -> int:
    """Signed zone number of a name such as ``"10S"`` (band letter), negative in the south.

    Raises:
        DataError: no such zone.

    >>> zone_code("10S"), zone_code("56H")
    (10, -56)
    """
    number, band = name[:-1], name[-1:].upper()
    if not (number.isdigit() and 1 <= int(number) <= 60 and band in BANDS and band):
        raise DataError(
            f"UTM zone is {name!r}; expected the number 1 to 60 and the latitude band's letter "
            "(C to X without I and O), such as 10S for San Francisco"
        )
    return int(number) if band >= "N" else -int(number)


@cache
def _projection(zone: int) -> Transformer:
    epsg = (32600 if zone > 0 else 32700) + abs(zone)
    return Transformer.from_crs("EPSG:4326", f"EPSG:{epsg}", always_xy=True)


def _by_zone(zone: NDArray[np.int8]) -> Iterator[tuple[int, NDArray[np.intp]]]:
    for code in np.unique(zone):
        if code:
            yield int(code), np.flatnonzero(zone == code)


def to_utm(lat: ArrayLike, lon: ArrayLike) -> tuple[Floats, Floats, list[str | None]]:
    """WGS84 degrees ``(n,)`` to easting and northing in metres ``(n,)`` and zone names.

    NaN and None where a position is unknown (NaN) or lies beyond 84 N and 80 S.

    >>> easting, northing, zones = to_utm([52.5163], [13.3777])
    >>> easting.round().tolist(), northing.round().tolist(), zones
    ([389918.0], [5819702.0], ['33U'])
    """
    lat, lon = np.asarray(lat, np.float64), np.asarray(lon, np.float64)
    names = list(map(zone_name, lat.tolist(), lon.tolist()))
    return *project(lat, lon, _codes(names)), names


def _codes(names: list[str | None]) -> NDArray[np.int8]:
    return np.array([zone_code(name) if name else 0 for name in names], np.int8)


def project(lat: Floats, lon: Floats, zone: NDArray[np.int8]) -> tuple[Floats, Floats]:
    """Easting and northing ``(n,)`` in planes of given zones, which need not be the points' own.

    So positions on both sides of a zone's border, or of the equator, come to lie in one plane. Of
    the zone 0 or an unknown position they are NaN.
    """
    easting, northing = np.full((2, len(lat)), np.nan)
    for code, rows in _by_zone(np.where(np.isfinite(lat), zone, 0)):
        easting[rows], northing[rows] = _projection(code).transform(lon[rows], lat[rows])
    return easting, northing


def to_wgs84(easting: ArrayLike, northing: ArrayLike, zone: ArrayLike) -> tuple[Floats, Floats]:
    """UTM metres ``(n,)`` and signed zone numbers ``(n,)`` to latitude and longitude in degrees.

    >>> lat, lon = to_wgs84([389918], [5819702], [33])
    >>> lat.round(4).tolist(), lon.round(4).tolist()
    ([52.5163], [13.3777])
    """
    easting, northing = np.asarray(easting, np.float64), np.asarray(northing, np.float64)
    lat, lon = np.full((2, len(easting)), np.nan)
    for code, rows in _by_zone(np.asarray(zone, np.int8)):
        back = _projection(code).transform(easting[rows], northing[rows], direction="INVERSE")
        lon[rows], lat[rows] = back
    # On the 180th meridian rounding leads out of [-180, 180].
    return lat, np.where(np.abs(lon) > 180, lon - np.copysign(360, lon), lon)


def positions(lat: ArrayLike, lon: ArrayLike) -> Positions:
    """Positions from degrees ``(n,)``, NaN where unknown.

    >>> positions([52.5163, float("nan")], [13.3777, float("nan")]).known
    array([ True, False])
    """
    lat, lon = np.asarray(lat, np.float64), np.asarray(lon, np.float64)
    easting, northing, names = to_utm(lat, lon)
    return Positions(lat, lon, easting, northing, _codes(names))


def joined(parts: Sequence[Positions]) -> Positions:
    """Positions one after the other; none of no parts."""
    columns = zip(*(vars(each).values() for each in parts), strict=True)
    return Positions(*map(np.concatenate, columns)) if parts else positions([], [])


def geodesic(
    lat1: ArrayLike, lon1: ArrayLike, lat2: ArrayLike, lon2: ArrayLike
) -> tuple[Floats, Floats]:
    """Which way and how far it is from a first position to a second, the shortest way on WGS84.

    Args:
        lat1, lon1, lat2, lon2: degrees, of any shapes that broadcast to one.

    Returns:
        The azimuth at the first position in degrees clockwise from north, -180 to 180, and the
        distance in metres, of that shape; NaN where a position is unknown.

    >>> azimuth, metres = geodesic(52.5163, 13.3777, [52.5186, 52.5163], [13.3762, 13.3777])
    >>> azimuth.round(1).tolist(), metres.round(1).tolist()
    ([-21.7, 180.0], [275.4, 0.0])
    """
    lat1, lon1, lat2, lon2 = _as_one_shape(lat1, lon1, lat2, lon2)
    azimuth, _, metres = _GEOD.inv(lon1, lat1, lon2, lat2)
    return np.asarray(azimuth, np.float64), np.asarray(metres, np.float64)


def destination(
    lat: ArrayLike, lon: ArrayLike, azimuth: ArrayLike, metres: ArrayLike
) -> tuple[Floats, Floats]:
    """Where a way that starts straight in a direction ends, along the WGS84 geodesic.

    Args:
        lat, lon: degrees, any shapes that broadcast to one with ``azimuth`` and ``metres``.
        azimuth: degrees clockwise from north. metres: below 0 for backwards.

    Returns:
        Latitude and longitude in degrees, of that shape; NaN where anything is.

    >>> lat, lon = destination(52.5163, 13.3777, [0, 90], 1000)
    >>> lat.round(4).tolist(), lon.round(4).tolist()
    ([52.5253, 52.5163], [13.3777, 13.3924])
    """
    lat, lon, azimuth, metres = _as_one_shape(lat, lon, azimuth, metres)
    lon, lat, _ = _GEOD.fwd(lon, lat, azimuth, metres)
    return np.asarray(lat, np.float64), np.asarray(lon, np.float64)


def _as_one_shape(*values: ArrayLike) -> Iterator[Floats]:
    # pyproj takes no lists beside numbers, and writes into arrays that it is given.
    arrays = np.broadcast_arrays(*(np.asarray(each, np.float64) for each in values))
    return (np.array(each) for each in arrays)


def to_plane(centre: Positions, points: Positions) -> tuple[Floats, Floats]:
    """Metres east and north of a centre, ``(n,)`` each, along the geodesic (Snyder, 1987, ch. 25).

    The azimuthal equidistant plane: right anywhere, at the poles and the 180th meridian too.

    Each point has a centre of its own; both are known.

    >>> east, north = to_plane(positions([0], [0]), positions([0], [0.01]))
    >>> east.round(1).tolist(), north.round(1).tolist()
    ([1113.2], [0.0])
    """
    azimuth, metres = geodesic(centre.lat, centre.lon, points.lat, points.lon)
    return metres * np.sin(np.radians(azimuth)), metres * np.cos(np.radians(azimuth))


def from_plane(centre: Positions, east: ArrayLike, north: ArrayLike) -> Positions:
    """The positions ``(n,)`` so many metres east and north of a centre; undoes :func:`to_plane`."""
    azimuth = np.degrees(np.arctan2(east, north))
    return positions(*destination(centre.lat, centre.lon, azimuth, np.hypot(east, north)))


def distance(a: Positions, b: Positions) -> Floats:
    """Metres between ``a[i]`` and ``b[i]``, ``(n,)``; NaN where a position is unknown.

    In one UTM zone the plane distance, as the field's benchmarks measure; across zones (and near
    the poles, where there is none) the WGS84 geodesic.

    >>> distance(positions([52.5163], [13.3777]), positions([52.5186], [13.3762])).round(1)
    array([275.4])
    """
    plane = np.hypot(a.easting - b.easting, a.northing - b.northing)
    across = a.known & b.known & ((a.zone != b.zone) | (a.zone == 0))
    if across.any():
        plane[across] = geodesic(a.lat[across], a.lon[across], b.lat[across], b.lon[across])[1]
    return plane


def within(database: Positions, queries: Positions, radius: float) -> list[NDArray[np.intp]]:
    """For each query the rows of the database at most ``radius`` metres away, ascending.

    A query without a position gets an empty array. Equal to comparing every pair by
    :func:`distance`, in the time of a few KD-trees.

    >>> database = positions([52.5163, 52.5164, 52.5186], [13.3777, 13.3777, 13.3762])
    >>> [rows.tolist() for rows in within(database, positions([52.5163], [13.3777]), 25)]
    [[0, 1]]
    """
    if not radius >= 0:
        raise DataError(f"radius is {radius} m; expected 0 or more")
    found: list[list[int]] = [[] for _ in range(len(queries))]
    for zone, rows in _by_zone(queries.zone):
        members = np.flatnonzero(database.zone == zone)
        plane = cKDTree(np.column_stack([database.easting[members], database.northing[members]]))
        points = np.column_stack([queries.easting[rows], queries.northing[rows]])
        for row, hits in zip(rows, plane.query_ball_point(points, radius * _MARGIN), strict=True):
            found[row].extend(members[hits].tolist())
    # What lies in another zone than the query, by chords in space.
    rows, members = np.flatnonzero(queries.known), np.flatnonzero(database.known)
    zones = np.union1d(database.zone[members], queries.zone[rows])
    if len(rows) and len(members) and (len(zones) > 1 or 0 in zones):
        tree = cKDTree(earth_centred(database[members]))
        balls = tree.query_ball_point(earth_centred(queries[rows]), radius * _MARGIN + 1)
        for row, hits in zip(rows, balls, strict=True):
            near = members[hits]
            other = (database.zone[near] != queries.zone[row]) | (queries.zone[row] == 0)
            found[row].extend(near[other].tolist())
    near = [np.array(sorted(hits), np.intp) for hits in found]
    return [rows[_to_one(database[rows], queries, row) <= radius] for row, rows in enumerate(near)]


def any_within(database: Positions, queries: Positions, radius: float) -> NDArray[np.bool_]:
    """Whether each query has a database position at most ``radius`` metres away, ``(queries,)``.

    Equal to asking :func:`within`, without its lists: the nearest alone decides for most queries.
    The radius is 1,000,000 m at most; beyond, a chord through the Earth says too little.
    """
    found = np.zeros(len(queries), np.bool_)
    members, rows = np.flatnonzero(database.known), np.flatnonzero(queries.known)
    tree = cKDTree(earth_centred(database[members]))
    reach = radius * _MARGIN + 1
    chord, _ = tree.query(earth_centred(queries[rows]), distance_upper_bound=reach)
    found[rows] = chord * _MARGIN + 1 <= radius
    unsure = rows[(chord <= reach) & ~found[rows]]
    found[unsure] = [len(rows) > 0 for rows in within(database, queries[unsure], radius)]
    return found


def near(database: Positions, centre: Positions, radius: float) -> NDArray[np.bool_]:
    """Whether each of ``n`` positions is at most ``radius`` metres from one, ``(n,)``.

    The one, ``centre``, is known. Equal to comparing by :func:`distance`, which only those in a
    band of latitude go through.
    """
    band = (radius * _MARGIN + 1) / _LEAST_DEGREE
    found: NDArray[np.bool_] = np.abs(database.lat - centre.lat[0]) <= band
    rows = np.flatnonzero(found)
    found[rows] = _to_one(database[rows], centre, 0) <= radius
    return found


def nearest(
    database: Positions, queries: Positions, excluded: Sequence[NDArray[np.intp]]
) -> Floats:
    """Metres from each query to the nearest of the database, ``(n,)``; NaN where there is none.

    Args:
        excluded: for each query the rows of the database that do not count.

    >>> street = positions([52.5163, 52.5164], [13.3777, 13.3777])
    >>> nearest(street, street, excluded=[np.array([0]), np.array([1])]).round(1)
    array([11.1, 11.1])
    """
    metres = np.full(len(queries), np.nan)
    members, rows = np.flatnonzero(database.known), np.flatnonzero(queries.known)
    most = max((len(out) for out in excluded), default=0) + 1
    if len(rows) == 0 or len(members) == 0:
        return metres
    tree, points = cKDTree(earth_centred(database[members])), earth_centred(queries[rows])
    chords, order = tree.query(points, k=range(1, most + 1))
    for each, near, row in zip(chords, members[order % len(members)], rows.tolist(), strict=True):
        each[np.isin(near, excluded[row])] = np.inf  # as it is where there are no more
    least = chords.min(axis=1)
    # The nearest by chord need not be the nearest by `distance`, but bounds it.
    balls = tree.query_ball_point(points, np.where(np.isfinite(least), least * _MARGIN + 1, 0))
    for row, bound, ball in zip(rows.tolist(), least, balls, strict=True):
        if np.isfinite(bound):
            close = np.setdiff1d(members[ball], excluded[row])
            metres[row] = _to_one(database[close], queries, row).min()
    return metres


def _to_one(points: Positions, centres: Positions, row: int) -> Floats:
    """Metres from each to one of the centres."""
    return distance(points, centres[np.full(len(points), row, np.intp)])


@dataclass(frozen=True)
class Extent:
    """The smallest box around positions, in degrees; ``west > east`` across the 180th meridian.

    Width and height are metres along its middle parallel and its middle meridian.
    """

    south: float
    north: float
    west: float
    east: float
    width: float
    height: float


def extent(positions: Positions) -> Extent | None:
    """The box around all positions that are known; None if none is.

    >>> box = extent(positions([52.5163, 52.5186], [13.3777, 13.3762]))
    >>> box.south, box.west, round(box.width), round(box.height)
    (52.5163, 13.3762, 102, 256)
    """
    lat, lon = positions.lat[positions.known], np.sort(positions.lon[positions.known])
    if len(lat) == 0:
        return None
    # East of the widest empty stretch of longitudes the box begins, west of it it ends.
    gaps = np.diff(np.append(lon, lon[0] + 360))
    widest = int(np.argmax(gaps))
    west, east = float(lon[(widest + 1) % len(lon)]), float(lon[widest])
    south, north = float(lat.min()), float(lat.max())
    # Half the way at a time: a geodesic over more than half the globe would take the short side.
    half = ((east - west) % 360) / 2
    middle = (south + north) / 2
    width = 2 * float(geodesic(middle, 0, middle, half)[1])
    height = float(geodesic(south, west, north, west)[1])
    return Extent(south, north, west, east, width, height)


def earth_centred(p: Positions) -> Floats:
    """Earth-centred coordinates in metres on the ellipsoid, ``(n, 3)``; NaN where unknown."""
    lat, lon = np.radians(p.lat), np.radians(p.lon)
    normal = _GEOD.a / np.sqrt(1 - _GEOD.es * np.sin(lat) ** 2)
    out, up = normal * np.cos(lat), normal * (1 - _GEOD.es) * np.sin(lat)
    return np.column_stack([out * np.cos(lon), out * np.sin(lon), up])
