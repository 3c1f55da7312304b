"""The photos of an index as they are kept: a photo table's columns, and what each file was."""

import io
from pathlib import Path

import polars as pl

from beenhere.photos.table import SCHEMA, PhotoTable

FILE_COLUMNS: dict[str, type[pl.DataType]] = {
    "sha256": pl.Binary,
    "size": pl.Int64,
    "mtime_ns": pl.Int64,
}
"""Of a photo file when it was added: its content's SHA-256 (32 bytes), bytes, and mtime in ns."""

COLUMNS = SCHEMA | FILE_COLUMNS
"""The columns of a segment's photos. Paths are absolute."""

LEFT_OUT: dict[str, type[pl.DataType]] = {"path": pl.String, "reason": pl.String}
"""The columns of what could not be read."""

_POSITION = ("lat", "lon", "easting", "northing", "zone")


def photo_table(frame: pl.DataFrame) -> PhotoTable:
    """The rows of a frame with :data:`COLUMNS` as a photo table.

    Raises:
        DataError: values that a photo table cannot hold.
    """
    return PhotoTable(frame.select(list(SCHEMA)), source="a saved index")


def updated(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Rows with what is newly known of them; what the new rows do not say stays.

    A position is one thing: none of its numbers is taken from the old row if the new one has one.

    Args:
        old: ``(n)`` rows with :data:`COLUMNS`.
        new: ``(n)`` rows, alike, of the same photos.
    """
    positioned = new["lat"].is_not_null()
    columns = []
    for name in COLUMNS:
        said = positioned if name in _POSITION else new[name].is_not_null()
        columns.append(new[name].zip_with(said, old[name]))
    return pl.DataFrame(columns)


def differing(old: pl.DataFrame, new: pl.DataFrame) -> pl.Series:
    """``(n)``: whether any column of a row differs."""
    pairs = [old[name].ne_missing(new[name]) for name in COLUMNS]
    return pl.select(pl.any_horizontal(pairs)).to_series()


def write_parquet(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame; what goes wrong on the disk is an OSError.

    Raises:
        OSError: the disk is full, say.
    """
    # In memory first: polars reports a full disk as an error of its own, without a number.
    data = io.BytesIO()
    frame.write_parquet(data)
    path.write_bytes(data.getbuffer())
