"""A CSV or Parquet file with one photo a row: ``path`` and where, when and which way.

Columns: ``path`` (relative to the file's folder, or absolute); ``lat, lon`` in degrees, or
``easting, northing, zone`` (such as ``10S``), or both; ``heading`` in degrees; ``captured``, an
ISO date that may be partial; ``place, city, condition``; indoors ``x, y`` on a plan, or ``frame``,
the number in a sequence, and ``map``, which plan or sequence. All but ``path`` may be missing, and
cells may be empty. Other names that people use are taken too, see :data:`ALIASES`; columns of any
other name are not used, and the table's notes name them. A CSV may be separated by commas,
semicolons or tabs, and may begin with a byte order mark or with Excel's ``sep=;``; rows that are
empty are none.
"""

import os
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import polars as pl

from beenhere import geo
from beenhere.dates import iso_date
from beenhere.errors import DataError
from beenhere.files.regular import MOST_BYTES, regular
from beenhere.photos.formats.csv_file import read_csv, refuse_wide
from beenhere.photos.formats.listing import Listing, as_on_disk
from beenhere.photos.table import SCHEMA, PhotoTable, zones_of_northings
from beenhere.wording import count, file_size, one_line, shortened

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

NO_FIX = "its position is 0, 0 (no fix)"
"""The note of a row without a position, since receivers write 0, 0 before they have one."""

_DEGREES, _UTM = ("lat", "lon"), ("easting", "northing", "zone")
_POSITIONS = (_DEGREES, _UTM, ("x", "y"))
_EMPTY = ("", "nan", "null", "none", "na", "n/a")
_LINE = "line of the file"
_FEW_ROWS, _ROWS_A_BYTE, _TEXT_A_BYTE = 1_000_000, 10, 300
"""Of a Parquet file; paths that are numbered through take a third of a byte each."""


def read_photo_list(file: Path, strict: bool = True) -> PhotoTable:
    """The rows whose files exist; the others are listed as unusable.

    Args:
        strict: whether a cell that cannot be what its column needs is an error; else its row is
            listed as unusable, with the reason.

    Raises:
        DataError: not such a table, a column named twice, or a cell that cannot be what its column
            needs, by its line.
    """
    raw, start = _raw(file)
    columns = _named(file, raw.columns)
    empty = pl.all().str.to_lowercase().is_in(_EMPTY)
    texts = _texts(raw).select(pl.when(~empty).then(pl.all())).with_row_index(_LINE, start)
    texts = texts.filter(pl.any_horizontal(pl.exclude(_LINE).is_not_null()))
    if texts.is_empty():
        raise DataError(f"{file}: has names of columns and no rows; expected a row for each photo")
    table = texts.select(_LINE, *(pl.col(old).alias(new) for new, old in columns.items()))
    checked, wrong = _check_cells(file, _without_halves(table), columns)
    if strict and wrong:
        raise DataError(f"{file} {next(iter(wrong.values()))}")
    given = [_resolve(file.parent, path) for path in checked["path"]]
    found = as_on_disk(given)
    paths = [path or lost for path, lost in zip(found, given, strict=True)]
    # A place of one photo four times would teach nothing.
    repeated = [path for path, times in Counter(paths).items() if times > 1]
    if repeated:
        raise DataError(
            f"{file}: lists {shortened(repeated[0])} more than once "
            f"({count(len(repeated), 'such photo')}); expected one row a photo"
        )
    reasons = [wrong.get(row) if path else "no such file" for row, path in enumerate(found)]
    unusable = [(path, reason) for path, reason in zip(paths, reasons, strict=True) if reason]
    used = pl.Series([reason is None for reason in reasons], dtype=pl.Boolean)
    kept, notes = without_null_island(
        checked.with_columns(path=pl.Series(paths, dtype=pl.String)).filter(used)
    )
    unused = [name for name in raw.columns if name not in columns.values()]
    if unused:
        notes.insert(0, (str(file), f"columns not used: {shortened(', '.join(unused))}"))
    source = f"{SOURCE} ({file.name})"
    return PhotoTable.from_columns(kept.to_dict(), unusable=unusable, notes=notes, source=source)


def without_null_island(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[tuple[str, str]]]:
    """Photos of which none is at 0, 0, in degrees or in metres; and a note for each that was.

    Args:
        frame: with the column ``path``, and such of the positions as there are.
    """
    there = set(frame.columns)
    groups = [(group, group[:2]) for group in (_DEGREES, _UTM) if there.issuperset(group)]
    none = {group: pl.all_horizontal(pl.col(pair) == 0).fill_null(False) for group, pair in groups}
    if not none:
        return frame, []
    if len(none) == 2:  # the same place in the other numbers
        east, north = (pl.col("easting") - 166_021.44).abs(), pl.col("northing").abs()
        none[_UTM] |= (none[_DEGREES] & (east < 1) & (north < 1)).fill_null(False)
    lost = frame.filter(pl.any_horizontal(none.values()))["path"]
    kept = [pl.when(~zero).then(pl.col(group)) for group, zero in none.items()]
    return frame.with_columns(kept), [(path, NO_FIX) for path in lost]


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
        columns = {ALIASES.get(name.lower(), name.lower()) for name in _raw(file, 0)[0].columns}
    except DataError:
        return False  # some other program's file
    return "path" in columns and not columns.isdisjoint({"lat", "easting", "place", "x", "frame"})


def listed_folders(root: Path, table: str) -> set[str]:
    """The folders below a root of the photos that a table below it lists; with ``/``.

    Raises:
        DataError: not such a table.
    """
    file = root / table
    raw, _ = _raw(file)
    paths = raw[_named(file, raw.columns)["path"]].cast(pl.String, strict=False).drop_nulls()
    start = os.path.abspath(root)  # noqa: PTH100 - half a million Paths take seconds
    whole = {os.path.dirname(_resolve(file.parent, path.strip())) for path in paths}  # noqa: PTH120
    below = (os.path.relpath(folder, start) for folder in whole)
    return {folder.replace(os.sep, "/") for folder in below if not folder.startswith(os.pardir)}


def _raw(file: Path, most: int | None = None) -> tuple[pl.DataFrame, int]:
    """The first rows of a table as they are, or all of them; and the number of the first."""
    parquet = file.suffix.lower() == ".parquet"
    try:
        if not parquet:
            return read_csv(file, most)
        refuse_wide(file, len(pl.read_parquet_schema(regular(file))))
        if most is None:
            _refuse_repeated(file)
        return pl.read_parquet(file, n_rows=most, glob=False), 1
    except OSError as error:
        problem = error.strerror or one_line(error, 100)
        raise DataError(f"{file}: cannot be read ({problem})") from error
    except pl.exceptions.PolarsError as error:
        kind = "Parquet" if parquet else "CSV"
        raise DataError(f"{file}: not a {kind} table ({one_line(error, 100)})") from error


def _refuse_repeated(file: Path) -> None:
    """Raise DataError where a few bytes of Parquet stand for rows or texts that fill a memory.

    Each photo has a path of its own, so a row takes its part of the file.
    """
    lazy = pl.scan_parquet(file, glob=False)
    rows, size = lazy.select(pl.len()).collect().item(), file.stat().st_size
    if rows > max(_FEW_ROWS, _ROWS_A_BYTE * size):
        raise DataError(
            f"{file}: has {rows:,} rows in {file_size(size)}; expected a photo with a path of its "
            "own in each"
        )
    lengths = lazy.select(pl.col(pl.String).str.len_bytes().cast(pl.UInt64).sum())
    text = sum(lengths.collect(engine="streaming").row(0))
    most = max(MOST_BYTES, _TEXT_A_BYTE * size)
    if text > most:
        raise DataError(
            f"{file}: has texts of {file_size(text)} in {file_size(size)}; expected at most "
            f"{file_size(most)}"
        )


def _named(file: Path, columns: list[str]) -> dict[str, str]:
    """Our name of each column that is used, and the file's name of it."""
    found: dict[str, str] = {}
    for column in columns:
        name = ALIASES.get(column.lower(), column.lower())
        if name not in SCHEMA:
            continue
        if name in found:
            both = f"{shortened(found[name])!r} and {shortened(column)!r}"
            raise DataError(f"{file}: {both} both mean {name}; keep one")
        found[name] = column
    if "path" not in found:
        raise DataError(
            f"{file}: the column 'path' is missing; got "
            f"{shortened(', '.join(columns)) or 'no columns'}, expected path and such as lat,lon, "
            "easting,northing,zone, x,y, frame or place"
        )
    whole = [group for group in _POSITIONS if found.keys() >= set(group)]
    for group in _POSITIONS:
        missing = [name for name in group if name not in found]
        if 0 < len(missing) < len(group):
            there = [name for name in group if name in found]
            if not whole:
                raise DataError(f"{file}: has the column {there[0]!r} but no {missing[0]!r}")
            for name in there:  # latitude and longitude do without a zone
                del found[name]
    return found


def _without_halves(table: pl.DataFrame) -> pl.DataFrame:
    """Rows of which half a position is left out where they have another that is whole."""
    for half, other in ((_UTM, _DEGREES), (_DEGREES, _UTM)):
        if {*half, *other} <= set(table.columns):
            both = pl.all_horizontal(pl.col(other).is_not_null())
            lacks = pl.any_horizontal(pl.col(half).is_null())
            table = table.with_columns(pl.when(~(both & lacks)).then(pl.col(half)))
    return table


def _texts(raw: pl.DataFrame) -> pl.DataFrame:
    """Every cell as text; dates as ISO writes them."""

    def text(name: str, kind: pl.DataType) -> pl.Expr:
        if isinstance(kind, pl.Datetime):
            zone = "%:z" if kind.time_zone else ""
            return pl.col(name).dt.strftime(f"%Y-%m-%dT%H:%M:%S%.f{zone}")
        if kind.is_nested() or kind == pl.Binary:
            return pl.lit(None, pl.String).alias(name)
        return pl.col(name).cast(pl.String, strict=False).str.strip_chars()

    return raw.with_columns(text(name, kind) for name, kind in raw.schema.items())


def _resolve(folder: Path, path: str) -> str:
    """The path with the table's folder in front."""
    return os.path.join(folder, with_slashes(path))  # noqa: PTH118 - half a million Paths take long


def with_slashes(path: str) -> str:
    """A path of a table; where it has no slash, a backslash is Windows' own."""
    return path.replace("\\", "/") if os.sep == "/" and "/" not in path else path


def _check_cells(
    file: Path, table: pl.DataFrame, columns: dict[str, str]
) -> tuple[pl.DataFrame, dict[int, str]]:
    """The table with numbers as numbers, zones in capitals and dates as ISO writes them.

    Args:
        file: for the message.
        table: texts, null where a cell is empty, in columns of our names; and the number of each
            row's line.
        columns: the file's name of each of them.

    Returns:
        The table, and by row why it cannot be used: a cell that cannot be read, half a position.

    Raises:
        DataError: a row without a path.
    """
    wrong: dict[int, str] = {}
    lines, table = table[_LINE], table.drop(_LINE)
    swapped = [False] * table.height
    if set(_DEGREES) <= set(table.columns):
        lat, lon = (_numbers(table[name], 180).abs() for name in _DEGREES)
        swapped = ((lat > 90) & (lon <= 90)).to_list()
    place = "row" if file.suffix.lower() == ".parquet" else "line"

    def look(bad: pl.Series, name: str, expected: str) -> None:
        for row in bad.fill_null(False).arg_true():
            got = table[name][row]
            reason = (
                f"{place} {lines[row]}, column {shortened(columns[name])!r}: got "
                f"{'nothing' if got is None else repr(shortened(got))}; expected {expected}"
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
    if set(_UTM) <= done.keys():
        fits = zones_of_northings(done["zone"], done["northing"]).is_not_null()
        alone = done["zone"].is_not_null() & (done["northing"] != 0)
        if set(_DEGREES) <= done.keys():  # which say where it is
            alone &= done["lat"].is_null()
        look(alone & ~fits, "zone", "the band of that northing, such as 33U of 5,800,000 m")
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
