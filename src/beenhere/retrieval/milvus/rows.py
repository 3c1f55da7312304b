"""The rows of a collection: a photo, and what filters ask of it.

Milvus before 2.5 has no nulls. So what is unknown gets a value that no filter admits, and the photo
itself stands beside as JSON, from which it is read back exactly.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere.retrieval.index.photos import COLUMNS, photo_table
from beenhere.retrieval.search.filters import earliest_and_latest

NO_DEGREES = 1000.0
"""Latitude, longitude or heading that is not known."""

NO_ZONE = 0
NEVER_EARLIEST, NEVER_LATEST = "~", ""
"""Of a photo without a date: sorted after every date, and before."""

PHOTO = ("id", "path", "photo")
"""Fields that hold all of a photo; the others are for filters, and can be told from it."""

_BESIDE = ("path", "sha256")


def new_ids(contents: Iterable[bytes], taken: Iterable[str]) -> list[str]:
    """Primary keys of new photos: their SHA-256, and for further copies of one a number too.

    Args:
        contents: SHA-256 of each photo.
        taken: keys of all photos in the collection with one of these contents.
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
        frame: ``n`` rows with :data:`beenhere.retrieval.index.photos.COLUMNS`.
        vectors: ``(n, D)``.
        vector_field: their name.
    """
    positions = photo_table(frame).positions
    degrees = {
        name: np.nan_to_num(values, nan=NO_DEGREES)
        for name, values in (
            ("lat", positions.lat),
            ("lon", positions.lon),
            ("heading", frame["heading"].fill_null(np.nan).to_numpy()),
        )
    }
    metres = {
        "easting": np.nan_to_num(positions.easting),
        "northing": np.nan_to_num(positions.northing),
    }
    dates = earliest_and_latest(frame["captured"])
    columns: dict[str, list[Any]] = {
        "id": list(ids),
        "path": frame["path"].to_list(),
        "sha256": [content.hex() for content in frame["sha256"]],
        "photo": [_as_json(row) for row in frame.iter_rows(named=True)],
        "zone": positions.zone.tolist(),
        "earliest": dates["earliest"].fill_null(NEVER_EARLIEST).to_list(),
        "latest": dates["latest"].fill_null(NEVER_LATEST).to_list(),
        **{name: values.tolist() for name, values in (degrees | metres).items()},
        vector_field: list(np.asarray(vectors, np.float32)),
    }
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def photo_frame(found: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Photos as an index has them, with :data:`beenhere.retrieval.index.photos.COLUMNS`.

    Args:
        found: entities with the fields :data:`PHOTO`.
    """
    rows = [
        json.loads(entity["photo"])
        | {"path": entity["path"], "sha256": bytes.fromhex(entity["id"][:64])}
        for entity in found
    ]
    columns = [pl.Series(name, [row.get(name) for row in rows], COLUMNS[name]) for name in COLUMNS]
    return pl.DataFrame(columns)


def _as_json(row: dict[str, Any]) -> str:
    known = {
        name: value for name, value in row.items() if value is not None and name not in _BESIDE
    }
    return json.dumps(known, ensure_ascii=False)
