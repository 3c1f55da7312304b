"""Positions that are wrong: impossible or contradictory numbers, none, or far from all others.

A set may cover several cities, so "the others" are groups: photos that are linked by steps of at
most ``far`` kilometres. A photo in a small group is tried with its numbers read another way; if
that puts it into a larger group of its set, that is what happened to it.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from beenhere import geo
from beenhere.config.tools import CheckConfig
from beenhere.photos.formats.photo_list import NO_FIX
from beenhere.tools.doctor.findings import (
    LEAVE_OUT,
    Finding,
    Severity,
    cases,
    distance_text,
    finding,
    or_mend,
)
from beenhere.tools.doctor.photo_collection import PhotoCollection, Rows

_ISLAND = 0.001
"""Degrees around 0, 0, in which there is water alone."""
_EASTING, _NORTHING = (100_000, 900_000), (0, 10_000_000)
"""Metres. Zones are at most 12 degrees wide (33X), at 72 N; at the equator 6, 166 to 834 km."""
_LONE = 0.01
"""Of the photos of a set: a group with more is a place that the set covers."""
_LEAST = 10
"""Photos of the largest group, from which on a set has a body."""
_SUGGESTIONS = {
    "swapped": or_mend("swap its latitude and longitude"),
    "wrong-sign": or_mend("turn its sign"),
    "wrong-zone": or_mend("mend its zone"),
    "far-away": or_mend("mend its position"),
}
OUTLIERS = tuple(_SUGGESTIONS)
"""Kinds of findings of photos far from all others."""

Mask = NDArray[np.bool_]


def impossible_utm(collection: PhotoCollection, options: CheckConfig) -> list[Finding]:
    """Easting or northing that no zone has."""
    positions = collection.positions
    east, north = positions.easting, positions.northing
    # Comparisons with NaN are false: what has no easting has no fault here.
    bad = (east < _EASTING[0]) | (east > _EASTING[1])
    bad |= (north < _NORTHING[0]) | (north > _NORTHING[1])
    rows = np.flatnonzero(bad)
    detail = [
        f"easting {e:.0f}, northing {n:.0f}" for e, n in zip(east[rows], north[rows], strict=True)
    ]
    return finding("impossible-utm", cases(collection, rows, detail, LEAVE_OUT))


def null_island(collection: PhotoCollection, options: CheckConfig) -> list[Finding]:
    """Photos that a table or name has at 0, 0; of those in EXIF another finding says so."""
    rows = np.flatnonzero(on_null_island(collection.positions) | _placed_there(collection))
    return finding("null-island", cases(collection, rows, "latitude 0, longitude 0", LEAVE_OUT))


def _placed_there(collection: PhotoCollection) -> Mask:
    """``(n,)``: whether the reader took a position of 0, 0 for none."""
    found = np.zeros(len(collection), np.bool_)
    for part in collection.parts:
        paths = [path for path, note in part.table.notes if note == NO_FIX]
        if paths:  # the usual case is none, without a look at every path
            found[part.rows] = part.table.frame["path"].is_in(paths).to_numpy()
    return found


def disagreeing(collection: PhotoCollection, options: CheckConfig) -> list[Finding]:
    """Photos whose UTM position and whose latitude and longitude are two places."""
    positions = collection.positions
    metres, rows = disagreement(positions, options.disagree)
    zones = collection.frame["zone"][rows].to_list()
    lat, lon = positions.lat[rows], positions.lon[rows]
    _, _, expected = geo.to_utm(lat, lon)
    swapped = _metres_from_utm(positions[rows], lon, lat)
    detail, suggestion = [], []
    for far, zone, right, back in zip(metres, zones, expected, swapped, strict=True):
        text = f"UTM is {distance_text(far)} from latitude, longitude"
        mend = or_mend("mend the wrong one")
        if back <= options.disagree:
            text, mend = f"{text}, which are swapped", or_mend("swap its latitude and longitude")
        elif right is not None and right[:-1] != zone[:-1]:
            text = f"{text}; zone is {zone}, by these {right}"
            mend = or_mend("mend its zone")
        detail.append(text)
        suggestion.append(mend)
    found = cases(collection, rows, detail, suggestion)[np.argsort(-metres, kind="stable")]
    return finding("disagreeing", found)


def missing_positions(collection: PhotoCollection, options: CheckConfig) -> list[Finding]:
    """Photos without a position; it changes a score where positions say what is right."""
    known, island = collection.positions.known, _placed_there(collection)
    lists = [pair for pair in collection.pairs if pair.truth.listed]
    listed = {number for pair in lists for number in (pair.database, pair.queries)}
    found, bare = [], []
    severity: Severity = "note"
    for number, part in enumerate(collection.parts):
        rows = np.flatnonzero(~known[part.rows] & ~island[part.rows]) + part.rows.start
        if number in listed or (part.split == "train" and len(rows) == len(part.table)):
            continue  # lists or labels do their work
        evaluated = number in collection.evaluated
        if evaluated and len(rows):
            severity = "score"
        reasons = part.table.without_fix
        detail = [reasons.get(collection.frame["path"][int(row)], "no position") for row in rows]
        # Where no photo has one, to leave all out would leave nothing: somebody must act.
        some = len(rows) < len(part.table)
        if evaluated and not some:
            bare.append(part.name)
        found.append(cases(collection, rows, detail, LEAVE_OUT if evaluated and some else None))
    if not found:
        return []
    summary = f"None in {', '.join(bare)} has one: nothing is left out of it." if bare else ""
    return finding("no-position", pl.concat(found), summary, severity)


def outliers(collection: PhotoCollection, options: CheckConfig) -> list[Finding]:
    """Photos in small groups, by what explains them."""
    found: dict[str, list[pl.DataFrame]] = {name: [] for name in _SUGGESTIONS}
    severity: dict[str, Severity] = {}
    for rows in _sets(collection, options):
        if len(rows) < 2:
            continue
        positions = collection.positions[rows]
        groups = _Groups(positions, options.far * 1000)
        small = np.flatnonzero(groups.size < groups.size.max())
        left = np.ones(len(small), np.bool_)
        for name, reading, lat, lon in _readings(positions, groups, small):
            explained = groups.joins_larger(small, lat, lon) & left
            left &= ~explained
            these = small[explained]
            given, meant = positions[these], (lat[explained], lon[explained])
            detail = [
                f"{y:.5f}, {x:.5f}; {reading} it is {v:.5f}, {u:.5f}, among the others"
                for y, x, v, u in zip(given.lat, given.lon, *meant, strict=True)
            ]
            found[name].append(cases(collection, rows[these], detail, _SUGGESTIONS[name]))
        lone = groups.lone(small[left])
        metres = groups.metres_to_larger(lone)
        detail = [f"{distance_text(far)} from the nearest larger group" for far in metres]
        order = np.argsort(-metres, kind="stable")
        far_away = cases(collection, rows[lone], detail, _SUGGESTIONS["far-away"])[order]
        found["far-away"].append(far_away)
        if not collection.evaluated.isdisjoint(far_away["part"]):
            severity["far-away"] = "score"
    return [
        each
        for name, parts in found.items()
        if parts
        for each in finding(name, pl.concat(parts), severity=severity.get(name))
    ]


def _sets(collection: PhotoCollection, options: CheckConfig) -> Iterator[Rows]:
    """Rows with a believable position, of one city of one set at a time."""
    positions = collection.positions
    # The others have a finding of their own, and would only join groups by accident.
    good = positions.known & ~on_null_island(positions)
    good[disagreement(positions, options.disagree)[1]] = False
    folders = pl.Series([part.folder for part in collection.parts], dtype=pl.String)
    frame = collection.frame.select("city", folder=folders[collection.part]).with_row_index("row")
    for _, group in frame.filter(pl.Series(good)).group_by("folder", "city", maintain_order=True):
        yield group["row"].sort().to_numpy().astype(np.intp)


class _Groups:
    """Positions linked by steps of at most ``step`` metres, by way of cells of a quarter of it."""

    def __init__(self, positions: geo.Positions, step: float) -> None:
        points = geo.earth_centred(positions)
        # Pairs of photos would be too many: half a million of one city are all near each other.
        cells, cell = np.unique(
            np.floor(points / (step / 4)).astype(np.int64), axis=0, return_inverse=True
        )
        self._middles = (cells + 0.5) * (step / 4)
        links = cKDTree(self._middles).query_pairs(step, output_type="ndarray")
        graph = coo_array((np.ones(len(links)), (links[:, 0], links[:, 1])), (len(cells),) * 2)
        _, group = connected_components(graph, directed=False)
        self._step, self._points = step, points
        self._cell_size = np.bincount(group[cell])[group]
        """Photos of each cell's group."""
        self.size = self._cell_size[cell]
        """Photos of each photo's group."""

    def lone(self, rows: Rows) -> Rows:
        """Those of the rows whose group is too small to be a place of its own."""
        if self.size.max() < _LEAST:
            return rows[:0]
        return np.asarray(rows[self.size[rows] <= max(1, _LONE * len(self.size))])

    def joins_larger(self, rows: Rows, lat: geo.Floats, lon: geo.Floats) -> Mask:
        """Whether each would be in a larger group than its own, were it there; NaN is nowhere."""
        joins = np.zeros(len(rows), np.bool_)
        there = np.flatnonzero(np.isfinite(lat) & np.isfinite(lon))
        if len(there):
            points = geo.earth_centred(geo.positions(lat[there], lon[there]))
            metres, cell = cKDTree(self._middles).query(points)
            larger = self._cell_size[cell] > self.size[rows[there]]
            joins[there] = (metres <= self._step) & larger
        return joins

    def metres_to_larger(self, rows: Rows) -> geo.Floats:
        """In a straight line to the nearest cell of a group with more photos than any of these."""
        if len(rows) == 0:
            return np.zeros(0)
        larger = self._cell_size > self.size[rows].max()
        return np.asarray(cKDTree(self._middles[larger]).query(self._points[rows])[0])


def _readings(
    positions: geo.Positions, groups: _Groups, small: Rows
) -> Iterator[tuple[str, str, geo.Floats, geo.Floats]]:
    """Each other way to read the numbers of some rows: latitude and longitude, or NaN."""
    lat, lon = positions.lat[small], positions.lon[small]
    yield "swapped", "swapped", np.where(np.abs(lon) <= 90, lon, np.nan), lat
    for south, west in ((1, -1), (-1, 1), (-1, -1)):
        yield "wrong-sign", "with the other sign", south * lat, west * lon
    body = groups.size == groups.size.max()
    east, north, own = positions.easting[small], positions.northing[small], positions.zone[small]
    for zone in np.unique(positions.zone[body]):
        codes = np.where((own != zone) & (own != 0), zone, 0)
        yield "wrong-zone", f"in zone {abs(int(zone))}", *geo.to_wgs84(east, north, codes)


def on_null_island(positions: geo.Positions) -> Mask:
    """``(n,)``: whether a position is 0, 0."""
    return np.maximum(np.abs(positions.lat), np.abs(positions.lon)) < _ISLAND


def disagreement(positions: geo.Positions, most: float) -> tuple[geo.Floats, Rows]:
    """Metres between UTM and latitude, longitude, and the rows where that is more than ``most``."""
    rows = np.flatnonzero(positions.known & (positions.zone != 0))
    metres = _metres_from_utm(positions[rows], positions.lat[rows], positions.lon[rows])
    off = ~(metres <= most)
    return metres[off], rows[off]


def _metres_from_utm(positions: geo.Positions, lat: geo.Floats, lon: geo.Floats) -> geo.Floats:
    """Metres from each UTM position to a latitude and longitude."""
    from_utm = geo.to_wgs84(positions.easting, positions.northing, positions.zone)
    return geo.geodesic(*from_utm, lat, lon)[1]
