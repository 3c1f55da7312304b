"""The fields of a collection: what is written of a photo, and what a filter asks of them.

Milvus before 2.5 has no nulls. So what is unknown gets a value that no filter admits, and the photo
itself is kept as JSON too, from which it is read back exactly.

An expression lets every photo through that meets the filter, and few others: what it cannot say
exactly (a circle) it says too widely, and
:meth:`beenhere.retrieval.search.filters.Filter.rows` decides.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere.retrieval.index.manifest import COLUMNS, photo_table
from beenhere.retrieval.search.filters import Filter, earliest_and_latest

NO_DEGREES = 1000.0
"""Latitude, longitude or heading that is not known."""

NEVER_EARLIEST, NEVER_LATEST = "~", ""
"""Of a photo without a date: sorted after every date, and before."""

PHOTO = ("id", "path", "photo")
"""Fields that hold all of a photo; the others are for filters, and follow from it."""

_OWN_FIELDS = ("path", "sha256")

# WGS84: the equator's radius, and the meridian's least radius of curvature, at the equator.
_EQUATOR = 6378137.0
_MERIDIAN = 6335439.0
# Rounding of metres and degrees stays far below these.
_MARGIN, _METRES, _DEGREES = 1.001, 0.001, 1e-9

_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def new_ids(contents: Iterable[bytes], taken: Iterable[str]) -> list[str]:
    """Primary keys of new photos: their SHA-256, and for further copies of one a number too.

    ``taken`` are the keys of all photos in the collection with one of these contents.
    """
    used = set(taken)
    found = []
    for content in contents:
        key, copy = content.hex(), 1
        while key in used:
            key, copy = f"{content.hex()}-{copy}", copy + 1
        used.add(key)
        found.append(key)
    return found


def entities(
    ids: Sequence[str], frame: pl.DataFrame, vectors: NDArray[np.floating], vector_field: str
) -> list[dict[str, Any]]:
    """Photos as Milvus takes them.

    Args:
        ids: primary keys, ``n``.
        frame: ``n`` rows with :data:`beenhere.retrieval.index.manifest.COLUMNS`.
        vectors: ``(n, D)``.
        vector_field: their name.
    """
    positions = photo_table(frame).positions
    headings = frame["heading"].fill_null(NO_DEGREES)
    dates = earliest_and_latest(frame["captured"])
    columns: dict[str, list[Any]] = {
        "id": list(ids),
        "path": frame["path"].to_list(),
        "sha256": [content.hex() for content in frame["sha256"]],
        "photo": [_as_json(row) for row in frame.iter_rows(named=True)],
        "zone": positions.zone.tolist(),
        "lat": np.nan_to_num(positions.lat, nan=NO_DEGREES).tolist(),
        "lon": np.nan_to_num(positions.lon, nan=NO_DEGREES).tolist(),
        "easting": np.nan_to_num(positions.easting).tolist(),
        "northing": np.nan_to_num(positions.northing).tolist(),
        "heading": headings.to_list(),
        "earliest": dates["earliest"].fill_null(NEVER_EARLIEST).to_list(),
        "latest": dates["latest"].fill_null(NEVER_LATEST).to_list(),
        vector_field: list(np.asarray(vectors, np.float32)),
    }
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def photo_frame(found: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Entities with the fields :data:`PHOTO` as an index has photos, with all its columns."""
    rows = [
        json.loads(entity["photo"])
        | {"path": entity["path"], "sha256": bytes.fromhex(entity["id"][:64])}
        for entity in found
    ]
    return pl.DataFrame(rows, COLUMNS)


def _as_json(row: dict[str, Any]) -> str:
    known = {
        name: value for name, value in row.items() if value is not None and name not in _OWN_FIELDS
    }
    return json.dumps(known, ensure_ascii=False)


def expression(where: Filter | None) -> str:
    """A filter as a boolean expression of Milvus; empty where photos may be anything."""
    if where is None:
        return ""
    parts = []
    if where.near is not None and where.radius is not None:
        parts.append(_near(where, where.radius))
    if where.dates is not None:
        first, last = where.first_and_last
        parts.append(f"earliest <= {quoted(last)} and latest >= {quoted(first)}")
    if where.heading is not None and where.tolerance is not None:
        parts.append(_arc("heading", where.heading, where.tolerance, (0, 360)))
    return both(*parts)


def both(*parts: str) -> str:
    """All of some expressions; empty ones ask nothing."""
    return " and ".join(f"({part})" for part in parts if part)


def one_of(field: str, values: Iterable[str]) -> str:
    """A field that has one of some texts."""
    return f"{field} in [{', '.join(map(quoted, values))}]"


def quoted(text: str) -> str:
    """A text as a literal."""
    return f'"{text.translate(_ESCAPED)}"'


def _near(where: Filter, radius: float) -> str:
    """A square in the position's own zone; in others, and near the poles, one of degrees."""
    centre = where.centre
    zone, lat, lon = int(centre.zone[0]), float(centre.lat[0]), float(centre.lon[0])
    around = _degrees(lat, lon, radius * _MARGIN + _METRES)
    if zone == 0:
        return around
    metres = radius + _METRES
    square = f"zone == {zone} and " + " and ".join(
        f"{name} >= {middle - metres!r} and {name} <= {middle + metres!r}"
        for name, middle in (
            ("easting", float(centre.easting[0])),
            ("northing", float(centre.northing[0])),
        )
    )
    return f"({square}) or (zone != {zone} and {around})"


def _degrees(lat: float, lon: float, metres: float) -> str:
    """Latitudes and longitudes that a way of some metres can lead to."""
    reach = math.degrees(metres / _MERIDIAN)
    south, north = max(lat - reach, -90.0), min(lat + reach, 90.0)
    parallel = _EQUATOR * math.cos(math.radians(max(abs(south), abs(north))))
    inside = f"lat >= {south!r} and lat <= {north!r}"
    # No parallel is shorter than the one nearest to a pole, and its radius no less than this.
    if metres >= math.pi * parallel:
        return inside
    return f"{inside} and ({_arc('lon', lon, math.degrees(metres / parallel), (-180, 180))})"


def _arc(field: str, middle: float, reach: float, circle: tuple[float, float]) -> str:
    """A direction at most ``reach`` degrees from another, on a circle that begins and ends."""
    least, most = map(float, circle)
    if reach + _DEGREES >= 180:
        return f"{field} >= {least!r} and {field} <= {most!r}"
    first = (middle - reach - _DEGREES - least) % 360 + least
    last = (middle + reach + _DEGREES - least) % 360 + least
    if first <= last:
        return f"{field} >= {first!r} and {field} <= {last!r}"
    return (
        f"({field} >= {first!r} and {field} <= {most!r}) or "
        f"({field} >= {least!r} and {field} <= {last!r})"
    )
