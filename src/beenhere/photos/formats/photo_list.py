"""A CSV or Parquet file with one photo a row: ``path`` and where, when and which way.

Columns: ``path`` (relative to the file's folder, or absolute); ``lat, lon`` in degrees, or
``easting, northing, zone`` (such as ``10S``), or both; ``heading`` in degrees; ``captured``, an
ISO date that may be partial; ``place, city, condition``; indoors ``x, y`` on a plan, or ``frame``,
the number in a sequence, and ``map``, which plan or sequence. All but ``path`` may be missing, and
cells may be empty. Other names that people use are taken too, see :data:`ALIASES`; columns of any
other name are not used, and the table's notes name them.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import polars as pl

from beenhere import geo
from beenhere.dates import iso_date
from beenhere.errors import DataError
from beenhere.files.regular import regular
from beenhere.photos.formats.listing import Listing, existing
from beenhere.photos.table import SCHEMA, PhotoTable
from beenhere.wording import count, one_line

SOURCE = "a table of photos"

ALIASES = {
    "file": "path",
    "filename": "path",
    "image": "path",
    "latitude": "lat",
    "longitude": "lon",
    "lng": "lon",
    "utm_easting": "easting",
    "utm_northing": "northing",
    "utm_zone": "zone",
    "compass_angle": "heading",
    "date": "captured",
    "timestamp": "captured",
    "place_id": "place",
    "room": "place",
    "sequence": "map",
}
"""Other names of columns, without regard to case."""
SWAPPED = "looks swapped: latitude and longitude"
"""In the reason of a row that would be right the other way round."""

_POSITIONS = (("lat", "lon"), ("easting", "northing", "zone"), ("x", "y"))
_EMPTY = ("", "nan", "null", "none", "na", "n/a")


def read_photo_list(file: Path, strict: bool = True) -> PhotoTable:
    """The rows whose files exist; the others are listed as unusable.

    Args:
        strict: whether a cell that cannot be what its column needs is an error; else its row is
            listed as unusable, with the reason.

    Raises:
        DataError: not such a table, a column named twice, or a cell that cannot be what its column
            needs, by its line.
    """
    raw = _raw(file)
    columns = _named(file, raw.columns)
    texts = _texts(raw).select(pl.col(old).alias(new) for new, old in columns.items())
    empty = pl.all().str.to_lowercase().is_in(_EMPTY)
    table = texts.select(pl.when(~empty).then(pl.all()))
    checked, wrong = _check_cells(file, table, columns)
    if strict and wrong:
        raise DataError(f"{file} {next(iter(wrong.values()))}")
    paths = [_resolve(file.parent, path) for path in checked["path"]]
    # A place of one photo four times would teach nothing.
    repeated = [path for path, times in Counter(paths).items() if times > 1]
    if repeated:
        raise DataError(
            f"{file}: lists {repeated[0]} more than once ({count(len(repeated), 'such photo')}); "
            "expected one row a photo"
        )
    reasons = [
        wrong.get(row) if there else "no such file" for row, there in enumerate(existing(paths))
    ]
    unusable = [(path, reason) for path, reason in zip(paths, reasons, strict=True) if reason]
    used = pl.Series([reason is None for reason in reasons], dtype=pl.Boolean)
    kept = checked.with_columns(path=pl.Series(paths, dtype=pl.String)).filter(used)
    unused = [name for name in raw.columns if name not in columns.values()]
    return PhotoTable.from_columns(
        kept.to_dict(),
        unusable=unusable,
        notes=[(str(file), f"columns not used: {', '.join(unused)}")] if unused else [],
        source=f"{SOURCE} ({file.name})",
    )


def photo_list_in(listing: Listing) -> Path | None:
    """The table directly in a folder that lists photos; None if there is none.

    Raises:
        DataError: several do.
    """
    files = [listing.root / name for name in listing.tables]
    found = [file for file in files if is_photo_list(file)]
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        raise DataError(f"{listing.root}: holds several tables of photos ({names}); name one")
    return found[0] if found else None


def is_photo_list(file: Path) -> bool:
    """Whether a table's columns are those of a list of photos; only its header is read."""
    try:
        columns = {ALIASES.get(name.lower(), name.lower()) for name in _raw(file, 0).columns}
    except DataError:
        return False  # some other program's file
    return "path" in columns and not columns.isdisjoint({"lat", "easting", "place", "x", "frame"})


def listed_folders(root: Path, table: str) -> set[str]:
    """The folders below a root of the photos that a table below it lists; with ``/``.

    Raises:
        DataError: not such a table.
    """
    file = root / table
    raw = _raw(file)
    paths = raw[_named(file, raw.columns)["path"]].cast(pl.String, strict=False).drop_nulls()
    start = os.path.abspath(root)  # noqa: PTH100 - half a million Paths take seconds
    whole = {os.path.dirname(_resolve(file.parent, path.strip())) for path in paths}  # noqa: PTH120
    below = (os.path.relpath(folder, start) for folder in whole)
    return {folder.replace(os.sep, "/") for folder in below if not folder.startswith(os.pardir)}


def read_csv_columns(file: Path, columns: Iterable[str], what: str = "a CSV table") -> pl.DataFrame:
    """Every column of a CSV file as text, in the file's order; empty cells are null.

    Args:
        file: with the names of the columns in its first line.
        columns: those that it must have.
        what: it is expected to be, for the message.

    Raises:
        DataError: it cannot be read, or lacks a column.
    """
    expected = f"expected the columns {','.join(columns)}"
    try:
        rows = pl.read_csv(regular(file), infer_schema=False, glob=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{file}: not {what} ({one_line(error)}); {expected}") from error
    missing = sorted(set(columns) - set(rows.columns))
    if missing:
        got = ", ".join(rows.columns)
        raise DataError(f"{file}: the column {missing[0]!r} is missing; got {got}, {expected}")
    return rows


def _raw(file: Path, most: int | None = None) -> pl.DataFrame:
    """The first rows of a table as they are, or all of them."""
    parquet = file.suffix.lower() == ".parquet"
    try:
        if parquet:
            return pl.read_parquet(regular(file), n_rows=most, glob=False)
        separator = _separator(file)
        rows = pl.read_csv(file, separator=separator, infer_schema=False, n_rows=most, glob=False)
        return rows.rename({name: name.strip() for name in rows.columns})
    except OSError as error:
        problem = error.strerror or one_line(error)
        raise DataError(f"{file}: cannot be read ({problem})") from error
    except pl.exceptions.PolarsError as error:
        kind = "Parquet" if parquet else "CSV"
        raise DataError(f"{file}: not a {kind} table ({one_line(error)})") from error


def _separator(file: Path) -> str:
    """The one that the first line has most of; spreadsheets in some countries write ``;``."""
    try:
        with regular(file).open(encoding="utf-8-sig") as lines:
            return max(",", ";", "\t", key=lines.readline(1 << 16).count)
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: is not UTF-8 text; save it as UTF-8") from error


def _named(file: Path, columns: list[str]) -> dict[str, str]:
    """Our name of each column that is used, and the file's name of it."""
    found: dict[str, str] = {}
    for column in columns:
        name = ALIASES.get(column.lower(), column.lower())
        if name not in SCHEMA:
            continue
        if name in found:
            raise DataError(f"{file}: {found[name]!r} and {column!r} both mean {name}; keep one")
        found[name] = column
    if "path" not in found:
        raise DataError(
            f"{file}: the column 'path' is missing; got {', '.join(columns) or 'no columns'}, "
            "expected path and such as lat,lon, easting,northing,zone, x,y, frame or place"
        )
    for group in _POSITIONS:
        missing = [name for name in group if name not in found]
        if 0 < len(missing) < len(group):
            there = next(name for name in group if name in found)
            raise DataError(f"{file}: has the column {there!r} but no {missing[0]!r}")
    return found


def _texts(raw: pl.DataFrame) -> pl.DataFrame:
    """Every cell as text; dates as ISO writes them."""

    def text(name: str, kind: pl.DataType) -> pl.Expr:
        if isinstance(kind, pl.Datetime):
            return pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%S")
        if kind.is_nested() or kind == pl.Binary:
            return pl.lit(None, pl.String).alias(name)
        return pl.col(name).cast(pl.String, strict=False).str.strip_chars()

    return raw.with_columns(text(name, kind) for name, kind in raw.schema.items())


def _resolve(folder: Path, path: str) -> str:
    """The path with the table's folder in front; a backslash is Windows' slash."""
    if "\\" in path and "/" not in path and os.sep == "/":
        path = path.replace("\\", "/")
    return os.path.join(folder, path)  # noqa: PTH118 - half a million Paths take seconds


def _check_cells(
    file: Path, table: pl.DataFrame, columns: dict[str, str]
) -> tuple[pl.DataFrame, dict[int, str]]:
    """The table with numbers as numbers, zones in capitals and dates as ISO writes them.

    Args:
        file: for the message.
        table: texts, null where a cell is empty, in columns of our names.
        columns: the file's name of each of them.

    Returns:
        The table, and by row why it cannot be used: a cell that cannot be read, half a position.

    Raises:
        DataError: a row without a path.
    """
    wrong: dict[int, str] = {}
    swapped = [False] * table.height
    if {"lat", "lon"} <= set(table.columns):
        lat, lon = (_numbers(table[name], 180).abs() for name in ("lat", "lon"))
        swapped = ((lat > 90) & (lon <= 90)).to_list()
    place, start = ("row", 1) if file.suffix.lower() == ".parquet" else ("line", 2)

    def look(bad: pl.Series, name: str, expected: str) -> None:
        for row in bad.fill_null(False).arg_true():
            got = table[name][row]
            reason = (
                f"{place} {row + start}, column {columns[name]!r}: "
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
        if name in _CELLS:
            read, expected = _CELLS[name]
            done[name] = read(table[name])
            look(table[name].is_not_null() & done[name].is_null(), name, expected)
    for group in _POSITIONS:
        if group[0] in columns:
            some = table.select(pl.any_horizontal(pl.col(group).is_not_null())).to_series()
            for name in group:
                look(some & table[name].is_null(), name, "the other part of the position")
    return table.with_columns(**done), wrong


def _numbers(texts: pl.Series, limit: float = float("inf")) -> pl.Series:
    """Null where a text is no finite number or beyond the limit."""
    number = texts.cast(pl.Float64, strict=False)
    good = number.is_finite() & (number.abs() <= limit)
    return pl.select(pl.when(good).then(number)).to_series()


def _wholes(texts: pl.Series) -> pl.Series:
    """Null where a text is no whole number, 0 or more; 12.0 is one."""
    number = _numbers(texts, 2.0**53)
    good = (number >= 0) & (number == number.floor())
    return pl.select(pl.when(good).then(number).cast(pl.Int64)).to_series()


def read_each(read: Callable[[str], str | None], texts: pl.Series) -> pl.Series:
    """A function's result for each text, worked out once for equal ones; null where it fails."""
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


_NUMBER = (_numbers, "a number, with a point for decimals")
_CELLS: dict[str, tuple[Callable[[pl.Series], pl.Series], str]] = {
    "lat": (partial(_numbers, limit=90), "degrees from -90 to 90, with a point for decimals"),
    "lon": (partial(_numbers, limit=180), "degrees from -180 to 180, with a point for decimals"),
    **dict.fromkeys(("easting", "northing", "heading", "x", "y"), _NUMBER),
    "frame": (_wholes, "the number of a frame, such as 17"),
    "zone": (partial(read_each, _zone), "a UTM zone such as 10S"),
    "captured": (partial(read_each, iso_date), "a date such as 2015-06-01"),
}
"""How the cells of a column are read, and what is expected in them."""
