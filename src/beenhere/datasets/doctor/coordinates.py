"""Positions that are wrong by themselves: impossible numbers, two places in one, none at all."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere import geo
from beenhere.config import CheckConfig
from beenhere.datasets.doctor.collection import Collection
from beenhere.datasets.doctor.findings import (
    LEAVE_OUT,
    Finding,
    cases,
    distance_text,
    finding,
    or_mend,
)

_ISLAND = 0.001
"""Degrees around 0, 0, in which there is water alone."""
_EASTING, _NORTHING = (100_000, 900_000), (0, 10_000_000)
"""Metres. Zones are at most 12 degrees wide (33X), at 72 N; at the equator 6, 166 to 834 km."""

Mask = NDArray[np.bool_]


def impossible_utm(collection: Collection, options: CheckConfig) -> list[Finding]:
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
    return finding("impossible-utm", "score", cases(collection, rows, detail, LEAVE_OUT))


def null_island(collection: Collection, options: CheckConfig) -> list[Finding]:
    """Photos at 0, 0; of those in EXIF the reader makes none at all."""
    rows = np.flatnonzero(on_null_island(collection.positions))
    detail = ["latitude 0, longitude 0"] * len(rows)
    return finding("null-island", "score", cases(collection, rows, detail, LEAVE_OUT))


def disagreeing(collection: Collection, options: CheckConfig) -> list[Finding]:
    """Photos whose UTM position and whose latitude and longitude are two places."""
    metres, rows = disagreement(collection.positions, options.disagree)
    frame = collection.frame
    names = frame["zone"][rows].to_list()
    lat, lon = collection.positions.lat[rows], collection.positions.lon[rows]
    _, _, expected = geo.to_utm(lat, lon)
    turned = _metres_from(collection.positions, rows, lon, lat)
    detail, suggestion = [], []
    for far, name, right, back in zip(metres, names, expected, turned, strict=True):
        text = f"UTM is {distance_text(far)} from latitude, longitude"
        mend = or_mend("mend the wrong one")
        if back <= options.disagree:
            text, mend = f"{text}, which are swapped", or_mend("swap its latitude and longitude")
        elif right is not None and right[:-1] != name[:-1]:
            text = f"{text}; zone is {name}, by these {right}"
            mend = or_mend("mend its zone")
        detail.append(text)
        suggestion.append(mend)
    found = cases(collection, rows, detail, suggestion)[np.argsort(-metres, kind="stable")]
    return finding("disagreeing", "score", found)


def missing(collection: Collection, options: CheckConfig) -> list[Finding]:
    """Photos without a position; it changes a score where positions say what is right."""
    known = collection.positions.known
    listed, judged = (
        {
            number
            for pair in collection.pairs
            if pair.truth.listed == by_lists
            for number in (pair.database, pair.queries)
        }
        for by_lists in (True, False)
    )
    found, bare = [], []
    changes = False
    for number, part in enumerate(collection.parts):
        rows = np.flatnonzero(~known[part.rows]) + part.rows.start
        if number in listed or (part.split == "train" and len(rows) == len(part.table)):
            continue  # lists or labels do their work
        changes |= number in judged and len(rows) > 0
        reasons = dict(part.table.notes)
        detail = [reasons.get(collection.frame["path"][int(row)], "no position") for row in rows]
        some = len(rows) < len(part.table)
        if not some and number in judged:
            bare.append(part.name)
        leave = LEAVE_OUT if some and number in judged else None
        found.append(cases(collection, rows, detail, leave))
    if not found:
        return []
    summary = f"None in {', '.join(bare)} has one: nothing is left out of it." if bare else ""
    return finding("no-position", "score" if changes else "note", pl.concat(found), summary)


def on_null_island(positions: geo.Positions) -> Mask:
    """``(n,)``: whether a position is 0, 0."""
    mask: Mask = (np.abs(positions.lat) < _ISLAND) & (np.abs(positions.lon) < _ISLAND)
    return mask


def disagreement(
    positions: geo.Positions, most: float
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Metres between the two, and the rows where that is more than ``most``."""
    rows = np.flatnonzero(positions.known & (positions.zone != 0))
    metres = _metres_from(positions, rows, positions.lat[rows], positions.lon[rows])
    off = ~(metres <= most)
    return metres[off], rows[off]


def _metres_from(
    positions: geo.Positions,
    rows: NDArray[np.intp],
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Metres from the UTM positions of some rows to a latitude and longitude each."""
    plain_lat, plain_lon = geo.to_wgs84(
        positions.easting[rows], positions.northing[rows], positions.zone[rows]
    )
    return geo.geodesic(plain_lat, plain_lon, lat, lon)[1]
