"""Cells of a table that people filled in: numbers, zones and dates, or the line that is wrong."""

from collections.abc import Callable
from pathlib import Path

import polars as pl

from beenhere import geo
from beenhere.dates import iso_date
from beenhere.errors import DataError

_LIMITS = {"lat": 90.0, "lon": 180.0}
_POSITIONS = (("lat", "lon"), ("easting", "northing", "zone"))


SWAPPED = "looks swapped: latitude and longitude"
"""In the reason of a row that would be right the other way round."""


def check_cells(
    file: Path, table: pl.DataFrame, columns: dict[str, str]
) -> tuple[pl.DataFrame, dict[int, str]]:
    """The table with numbers as numbers, zones in capitals and dates as ISO writes them.

    Args:
        file: for the message.
        table: texts, null where a cell is empty, in columns of our names.
        columns: the file's name of each of them.

    Returns:
        The table, and why rows cannot be used: by their numbers, the first that was found first.
        That is a cell that cannot be read, or half a position.

    Raises:
        DataError: a row without a path.
    """
    wrong: dict[int, str] = {}
    swapped = _swapped(table)

    def look(bad: pl.Series, name: str, expected: str) -> None:
        for row in bad.fill_null(False).arg_true():
            got = table[name][row]
            reason = (
                f"{_place(file, row)}, column {columns[name]!r}: "
                f"got {'nothing' if got is None else repr(got)}; expected {expected}"
            )
            if name == "lat" and swapped[row]:
                reason += f"; {SWAPPED}"
            wrong.setdefault(row, reason)

    look(table["path"].is_null(), "path", "the path of a photo")
    if wrong:
        raise DataError(f"{file} {next(iter(wrong.values()))}")
    done = {}
    for name in table.columns:
        given = table[name]
        if name in ("lat", "lon", "easting", "northing", "heading"):
            done[name] = _numbers(given, _LIMITS.get(name))
            look(given.is_not_null() & done[name].is_null(), name, _number_of(name))
        elif name == "zone":
            done[name] = _mapped(given, _zone)
            look(given.is_not_null() & done[name].is_null(), name, "a UTM zone such as 10S")
        elif name == "captured":
            done[name] = _mapped(given, iso_date)
            look(given.is_not_null() & done[name].is_null(), name, "a date such as 2015-06-01")
    for group in _POSITIONS:
        if group[0] in columns:
            some = table.select(pl.any_horizontal(pl.col(group).is_not_null())).to_series()
            for name in group:
                look(some & table[name].is_null(), name, "the other part of the position")
    return table.with_columns(**done), wrong


def _swapped(table: pl.DataFrame) -> pl.Series:
    """Whether latitude and longitude of each row would do the other way round alone."""
    if not {"lat", "lon"} <= set(table.columns):
        return pl.Series([False] * table.height, dtype=pl.Boolean)
    lat, lon = (_numbers(table[name], _LIMITS["lon"]) for name in ("lat", "lon"))
    good = (lat.abs() > _LIMITS["lat"]) & (lon.abs() <= _LIMITS["lat"])
    return good.fill_null(False)


def _place(file: Path, row: int) -> str:
    return f"row {row + 1}" if file.suffix.lower() == ".parquet" else f"line {row + 2}"


def _numbers(texts: pl.Series, limit: float | None) -> pl.Series:
    """Null where a text is no finite number or beyond the limit."""
    number = texts.cast(pl.Float64, strict=False)
    good = number.is_finite() & (number.abs() <= (limit if limit is not None else float("inf")))
    return pl.select(pl.when(good).then(number)).to_series()


def _number_of(name: str) -> str:
    limit = _LIMITS.get(name)
    what = "a number" if limit is None else f"degrees from -{limit:g} to {limit:g}"
    return f"{what}, with a point for decimals"


def _mapped(texts: pl.Series, read: Callable[[str], str | None]) -> pl.Series:
    """Each different text read once."""
    different = texts.drop_nulls().unique()
    values = pl.Series([read(text) for text in different], dtype=pl.String)
    return texts.replace_strict(different, values, default=None, return_dtype=pl.String)


def _zone(text: str) -> str | None:
    name = text.upper().replace(" ", "").removeprefix("0")
    try:
        geo.zone_code(name)
    except DataError:
        return None
    return name
