"""Photos far from the others of their set, and why: swapped numbers, a sign, another zone.

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
from beenhere.config import CheckConfig
from beenhere.datasets.doctor.collection import Collection, Rows
from beenhere.datasets.doctor.coordinates import disagreement, on_null_island
from beenhere.datasets.doctor.findings import Finding, cases, distance_text, finding, or_mend

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
NAMES = tuple(_SUGGESTIONS)
"""Of the findings."""

Floats = NDArray[np.float64]


def outliers(collection: Collection, options: CheckConfig) -> list[Finding]:
    """Photos in small groups, by what explains them."""
    found: dict[str, list[pl.DataFrame]] = {name: [] for name in _SUGGESTIONS}
    judged = {number for pair in collection.pairs for number in (pair.database, pair.queries)}
    changes = False
    for rows in _sets(collection, options):
        if len(rows) < 2:
            continue
        groups = _Groups(collection.positions[rows], options.far * 1000)
        small = groups.smaller
        for name, these, detail in _explained(collection.positions[rows], groups, small):
            found[name].append(cases(collection, rows[these], detail, _SUGGESTIONS[name]))
            small = np.setdiff1d(small, these)
        lone = groups.lone(small)
        metres = groups.metres_to_larger(lone)
        detail = [f"{distance_text(far)} from the nearest larger group" for far in metres]
        order = np.argsort(-metres, kind="stable")
        far_away = cases(collection, rows[lone], detail, _SUGGESTIONS["far-away"])[order]
        found["far-away"].append(far_away)
        changes |= any(number in judged for number in far_away["part"].unique())
    return [
        each
        for name, parts in found.items()
        if parts
        for each in finding(
            name, "score" if name != "far-away" or changes else "note", pl.concat(parts)
        )
    ]


def _sets(collection: Collection, options: CheckConfig) -> Iterator[Rows]:
    """Rows with a believable position, of one city of one set at a time."""
    positions = collection.positions
    good = positions.known & ~on_null_island(positions)
    good[disagreement(positions, options.disagree)[1]] = False
    folders = pl.DataFrame(
        {
            "part": range(len(collection.parts)),
            "folder": [part.folder for part in collection.parts],
        },
        schema={"part": pl.Int32, "folder": pl.String},
    )
    frame = collection.frame.select("part", "city").with_row_index("row")
    frame = frame.filter(pl.Series(good)).join(folders, on="part")
    for _, group in frame.group_by("folder", "city", maintain_order=True):
        yield group["row"].sort().to_numpy().astype(np.intp)


class _Groups:
    """Positions linked by steps of at most ``step`` metres, by way of cells of a quarter of it."""

    def __init__(self, positions: geo.Positions, step: float) -> None:
        points = geo.earth_centred(positions)
        cells, self._cell = np.unique(
            np.floor(points / (step / 4)).astype(np.int64), axis=0, return_inverse=True
        )
        self._middles = (cells + 0.5) * (step / 4)
        links = cKDTree(self._middles).query_pairs(step, output_type="ndarray")
        graph = coo_array((np.ones(len(links)), (links[:, 0], links[:, 1])), (len(cells),) * 2)
        _, self._group = connected_components(graph, directed=False)
        self._step, self._points = step, points
        counts = np.bincount(self._group[self._cell])
        self.size = counts[self._group[self._cell]]
        """Photos of each one's group."""
        self._cell_size = counts[self._group]
        self._total = len(points)

    @property
    def smaller(self) -> Rows:
        """Those in any group but the largest."""
        return np.flatnonzero(self.size < self.size.max())

    def lone(self, rows: Rows) -> Rows:
        """Those of the rows whose group is too small to be a place of its own."""
        if self.size.max() < _LEAST:
            return rows[:0]
        few: Rows = rows[self.size[rows] <= max(1, _LONE * self._total)]
        return few

    def joins_larger(self, rows: Rows, lat: Floats, lon: Floats) -> NDArray[np.bool_]:
        """Whether each would be in a larger group than its own, were it there; NaN is nowhere."""
        joins = np.zeros(len(rows), np.bool_)
        there = np.flatnonzero(np.isfinite(lat) & np.isfinite(lon))
        if len(there):
            points = geo.earth_centred(geo.positions(lat[there], lon[there]))
            metres, cell = cKDTree(self._middles).query(points)
            larger = self._cell_size[cell] > self.size[rows[there]]
            joins[there] = (metres <= self._step) & larger
        return joins

    def metres_to_larger(self, rows: Rows) -> Floats:
        """In a straight line to the nearest cell of a group with more photos than any of these."""
        if len(rows) == 0:
            return np.zeros(0)
        larger = self._cell_size > self.size[rows].max()
        metres: Floats = cKDTree(self._middles[larger]).query(self._points[rows])[0]
        return metres


def _explained(
    positions: geo.Positions, groups: _Groups, small: Rows
) -> Iterator[tuple[str, Rows, list[str]]]:
    """Rows whose numbers make sense when they are read another way, each once."""
    left = np.ones(len(small), np.bool_)
    for name, reading, lat, lon in _readings(positions, groups, small):
        explained = groups.joins_larger(small, lat, lon) & left
        left &= ~explained
        rows = small[explained]
        if len(rows):
            texts = [
                f"{y:.5f}, {x:.5f}; {reading} it is {v:.5f}, {u:.5f}, among the others"
                for y, x, v, u in zip(
                    positions.lat[rows],
                    positions.lon[rows],
                    lat[explained],
                    lon[explained],
                    strict=True,
                )
            ]
            yield name, rows, texts


def _readings(
    positions: geo.Positions, groups: _Groups, small: Rows
) -> Iterator[tuple[str, str, Floats, Floats]]:
    """Each other way to read the numbers of some rows: latitude and longitude, or NaN."""
    lat, lon = positions.lat[small], positions.lon[small]
    yield "swapped", "swapped", np.where(np.abs(lon) <= 90, lon, np.nan), lat
    for south, west in ((1, -1), (-1, 1), (-1, -1)):
        yield "wrong-sign", "with the other sign", south * lat, west * lon
    body = groups.size == groups.size.max()
    for zone in np.unique(positions.zone[body]):
        other = (positions.zone[small] != zone) & (positions.zone[small] != 0)
        codes = np.where(other, zone, 0)
        yield (
            "wrong-zone",
            f"in zone {abs(int(zone))}",
            *geo.to_wgs84(positions.easting[small], positions.northing[small], codes),
        )
