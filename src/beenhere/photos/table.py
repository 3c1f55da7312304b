"""PhotoTable: where and when each photo was taken, one row an image."""

import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere import geo
from beenhere.errors import DataError
from beenhere.files.atomic import replacing
from beenhere.files.regular import named
from beenhere.wording import one_line

SCHEMA: dict[str, type[pl.DataType]] = {
    "path": pl.String,
    "lat": pl.Float64,
    "lon": pl.Float64,
    "easting": pl.Float64,
    "northing": pl.Float64,
    "zone": pl.String,
    "heading": pl.Float64,
    "captured": pl.String,
    "place": pl.String,
    "city": pl.String,
    "condition": pl.String,
    "x": pl.Float64,
    "y": pl.Float64,
    "frame": pl.Int64,
    "map": pl.String,
}
"""The columns, in their order. Only ``path`` is never null."""

_DEGREE = 111_000.0
"""Metres of a degree of latitude in UTM, within 0.4% everywhere."""

LATER = ("x", "y", "frame", "map")
"""Columns that tables which were written before have not."""


class PhotoTable:
    """A checked polars table of photos.

    Columns: ``path``; ``lat``, ``lon`` in degrees WGS84; ``easting``, ``northing`` in metres and
    ``zone`` such as ``"10S"``; ``heading`` in degrees, [0, 360); ``captured``, an ISO 8601 date
    that may be partial (``"2015"``, ``"2015-06"``, ``"2015-06-01T12:30:00"``); ``place``, its name,
    which is a label in training; ``city``; ``condition`` (day, night, ...); ``x``, ``y`` on a plan,
    in metres or any unit of its own; ``frame``, 0 or more, of a sequence; ``map``, the plan or
    sequence that these are of, or the building of the place. All but ``path`` may be null.

    Attributes:
        frame: the polars DataFrame, with exactly the columns of :data:`SCHEMA`.
        unusable: ``(path, reason)`` of what was found but cannot be a row; shown, never hidden.
        notes: ``(path, what)`` of what was found with a row or file and left out of the table.
        source: in words, what the table was read from.
        headings_outside: ``path``, ``heading``: the headings that were given outside of
            [0, 360), as they were; ``frame`` has the same directions within.

    >>> photos = PhotoTable.from_columns(
    ...     {"path": ["home.jpg", "away.jpg"], "lat": [52.5163, None], "lon": [13.3777, None]}
    ... )
    >>> photos
    PhotoTable(2 photos, 1 with a position)
    >>> photos.frame.select("path", "zone").rows()
    [('home.jpg', '33U'), ('away.jpg', None)]
    >>> len(photos)
    2
    """

    def __init__(
        self,
        frame: pl.DataFrame,
        unusable: list[tuple[str, str]] | None = None,
        notes: list[tuple[str, str]] | None = None,
        source: str = "",
        headings_outside: pl.DataFrame | None = None,
    ) -> None:
        self.frame = _checked(with_later_columns(frame))
        self.unusable = unusable or []
        self.notes = notes or []
        self.source = source
        if headings_outside is None:
            headings_outside = frame.select("path", "heading").clear()
        self.headings_outside = headings_outside

    @classmethod
    def from_columns(
        cls,
        columns: Mapping[str, Any],
        unusable: list[tuple[str, str]] | None = None,
        notes: list[tuple[str, str]] | None = None,
        source: str = "",
    ) -> "PhotoTable":
        """A table from any of the columns; missing ones are null, a missing position is derived.

        Positions may be given as ``lat``/``lon``, as ``easting``/``northing``/``zone``, or both;
        what is missing of one is worked out from the other. Headings are brought into [0, 360).
        NaN is null.

        Raises:
            DataError: an unknown column, no ``path``, a value out of its range, half a position.

        >>> utm = {"easting": [389918.0], "northing": [5819702.0], "zone": ["33U"]}
        >>> photos = PhotoTable.from_columns({"path": ["home.jpg"], "heading": [-90.0], **utm})
        >>> [round(value, 3) for value in photos.frame.select("lat", "lon", "heading").row(0)]
        [52.516, 13.378, 270.0]
        >>> photos.headings_outside.rows()
        [('home.jpg', -90.0)]
        """
        for name in columns:
            if name not in SCHEMA:
                raise DataError(
                    f"column {name!r} is unknown; a photo table has {', '.join(SCHEMA)}"
                )
        if "path" not in columns:
            raise DataError(f"column 'path' is missing; got {', '.join(columns) or 'no columns'}")
        given = _as_frame(columns)
        frame = given.with_columns(_nulls(name for name in SCHEMA if name not in columns))
        frame = frame.select(list(SCHEMA))
        frame = frame.with_columns(pl.col(pl.Float64).fill_nan(None))
        _refuse_half_positions(frame)
        read = zones_of_northings(frame["zone"], frame["northing"])
        frame = frame.with_columns(zone=read.zip_with(read.is_not_null(), frame["zone"]))
        outside = ~pl.col("heading").is_between(0, 360, closed="left")
        as_given = frame.filter(outside).select("path", "heading")
        angle = pl.col("heading") % 360.0
        # -1e-20 % 360 is 360 in floating point, and the least number below 0 stays as it is.
        frame = frame.with_columns(
            heading=pl.when((angle >= 0) & (angle < 360)).then(angle).otherwise(angle * 0)
        )
        return cls(_derive_positions(_checked(frame)), unusable, notes, source, as_given)

    def __len__(self) -> int:
        return self.frame.height

    def __repr__(self) -> str:
        return f"PhotoTable({len(self)} photos, {int(self.positions.known.sum())} with a position)"

    @property
    def paths(self) -> list[str]:
        """The path of every row.

        >>> PhotoTable.from_columns({"path": ["home.jpg", "away.jpg"]}).paths
        ['home.jpg', 'away.jpg']
        """
        return self.frame["path"].to_list()

    @cached_property
    def positions(self) -> geo.Positions:
        """Every row's position, for :mod:`beenhere.geo`.

        >>> PhotoTable.from_columns({"path": ["a.jpg"], "lat": [1.0], "lon": [2.0]}).positions.zone
        array([31], dtype=int8)
        """
        return geo.Positions(zone=_zone_codes(self.frame), **_numbers(self.frame))

    @property
    def without_fix(self) -> dict[str, str]:
        """Why photos have no position, by path, where one was there that is not to be believed."""
        return {path: note for path, note in self.notes if "position" in note}

    def rows(self, index: NDArray[np.intp] | list[int]) -> "PhotoTable":
        """The named rows, in the order given; what was unusable stays with the whole table.

        >>> PhotoTable.from_columns({"path": ["a.jpg", "b.jpg", "c.jpg"]}).rows([2, 0]).paths
        ['c.jpg', 'a.jpg']
        """
        return PhotoTable(self.frame[np.asarray(index, np.int64)])

    def write(self, path: str | Path) -> None:
        """Write as ``.parquet`` or ``.csv``, by the name's end; paths stay as they are.

        Raises:
            DataError: the name ends otherwise.

        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     PhotoTable.from_columns({"path": ["a.jpg"]}).write(f"{folder}/photos.csv")
        ...     print(Path(folder, "photos.csv").read_text().splitlines()[1])
        a.jpg,,,,,,,,,,,,,,
        """
        target = named(path)
        if target.suffix not in (".parquet", ".csv"):
            raise DataError(f"{target} ends in {target.suffix!r}; expected .parquet or .csv")
        with replacing(target) as new:
            if target.suffix == ".parquet":
                self.frame.write_parquet(new)
            else:
                self.frame.write_csv(new)

    def with_paths_from(self, folder: Path) -> "PhotoTable":
        """The same photos, named from a folder as :func:`paths_from` does.

        A file that lies there can so be moved with them.

        >>> PhotoTable.from_columns({"path": ["/town/a.jpg"]}).with_paths_from(Path("/maps")).paths
        ['../town/a.jpg']
        """
        paths = pl.Series(paths_from(self.paths, folder), dtype=pl.String)
        return PhotoTable(self.frame.with_columns(path=paths), source=self.source)


def with_later_columns(frame: pl.DataFrame, before: str = "") -> pl.DataFrame:
    """The columns of today for a table that was written before some of them came; null there.

    Args:
        before: the column of the frame that they stand in front of; empty: at the end.
    """
    missing = [name for name in LATER if name not in frame.columns]
    if not missing:
        return frame
    names = frame.columns
    at = names.index(before) if before in names else len(names)
    return frame.with_columns(_nulls(missing)).select(*names[:at], *missing, *names[at:])


def _nulls(names: Iterable[str]) -> list[pl.Expr]:
    return [pl.lit(None, SCHEMA[name]).alias(name) for name in names]


def paths_from(paths: list[str], folder: Path) -> list[str]:
    """Paths relative to a folder, ``/`` between; where no such path leads there, absolute.

    Links to folders are followed on both sides: ``..`` leads out of what a link points to.

    Args:
        folder: need not be there yet.
    """
    start = os.path.realpath(folder)
    real: dict[str, str] = {}  # photos of one folder are many, and to follow links takes long
    found = []
    for path in paths:
        inside, name = os.path.split(path)
        if inside not in real:
            real[inside] = _relative(os.path.realpath(inside), start)
        found.append(f"{real[inside]}/{name}" if real[inside] != "." else name)
    return found


def _relative(folder: str, start: str) -> str:
    try:
        return Path(os.path.relpath(folder, start)).as_posix()
    except ValueError:  # another drive of Windows
        return Path(folder).as_posix()


def _as_frame(columns: Mapping[str, Any]) -> pl.DataFrame:
    series = {}
    for name, values in columns.items():
        try:
            series[name] = pl.Series(name, values, SCHEMA[name])
        except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
            kind = "texts" if SCHEMA[name] == pl.String else "numbers"
            raise DataError(
                f"column {name!r} cannot be read ({one_line(error, 80)}); expected a list of "
                f"{kind}, None where nothing is known"
            ) from error
    lengths = {name: len(values) for name, values in series.items()}
    if len(set(lengths.values())) > 1:
        got = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise DataError(f"columns have different lengths ({got}); expected a value for each photo")
    return pl.DataFrame(series)


def _checked(frame: pl.DataFrame) -> pl.DataFrame:
    if dict(frame.schema) != {name: kind() for name, kind in SCHEMA.items()}:
        raise DataError(f"a photo table has the columns {dict(SCHEMA)}; got {dict(frame.schema)}")
    checks = {
        "path": (pl.col("path").is_null() | (pl.col("path") == ""), "a file's path"),
        "lat": (~pl.col("lat").is_between(-90, 90), "degrees from -90 to 90"),
        "lon": (~pl.col("lon").is_between(-180, 180), "degrees from -180 to 180"),
        "heading": (
            ~pl.col("heading").is_between(0, 360, closed="left"),
            "degrees from 0 to below 360",
        ),
        "x": (~pl.col("x").is_finite(), "a finite number"),
        "y": (~pl.col("y").is_finite(), "a finite number"),
        "frame": (pl.col("frame") < 0, "a whole number, 0 or more"),
    }
    for column, (bad, expected) in checks.items():
        wrong = frame.filter(bad)
        if wrong.height:
            row = wrong.row(0, named=True)
            raise DataError(
                f"{row['path']}: {column} is {row[column]!r}; expected {expected} "
                f"({wrong.height} such rows)"
            )
    return frame


def _refuse_half_positions(frame: pl.DataFrame) -> None:
    for group in (["lat", "lon"], ["easting", "northing", "zone"], ["x", "y"]):
        there = [pl.col(name).is_not_null() for name in group]
        half = frame.filter(pl.any_horizontal(there) & ~pl.all_horizontal(there))
        if half.height:
            row = half.row(0, named=True)
            got = ", ".join(f"{name} {row[name]}" for name in group)
            raise DataError(f"{row['path']}: half a position ({got}); expected all of it or none")


def zones_of_northings(zone: pl.Series, northing: pl.Series) -> pl.Series:
    """Zones whose letters are the bands of the northings; null where no such reading fits.

    A letter is the latitude's band, except where people write S for south (and N for north, which
    is also the first band there). S is the band from 32 to 40 degrees north; where the northing
    lies elsewhere it is south. In a table of no letters but N and S that holds for every S of it.
    A band may be off by a degree: maps write one zone over its edge.

    Args:
        zone, northing: such as ``10S``, and metres; null in either is left as it is.

    >>> zones_of_northings(pl.Series(["34S", "10S"]), pl.Series([6243186.0, 4180635.5])).to_list()
    ['34H', '10F']
    >>> zones_of_northings(pl.Series(["34S", "33U"]), pl.Series([4180635.5, 1.0])).to_list()
    ['34S', None]
    """
    names = zone.to_list()
    bands = {name: geo.BANDS.find(name[-1].upper()) if name else -1 for name in set(names)}
    letters = np.array([bands[name] for name in names], np.int64)
    north = northing.cast(pl.Float64).fill_null(np.nan).to_numpy() / _DEGREE
    south = north - 1e7 / _DEGREE
    first, s = geo.BANDS.index("N"), geo.BANDS.index("S")
    low = 8 * letters - 80
    high = np.where(letters == len(geo.BANDS) - 1, low + 12, low + 8)
    own = np.where(letters >= first, north, south)
    fits = ~((own < low - 1) | (own > high + 1)) | (letters < 0)
    fits |= (letters == first) & (north >= 0) & (north <= 85)
    turned = (letters == s) & ~fits & (south >= -81) & (south <= 0.5)
    if turned.any() and np.isin(letters, [-1, first, s]).all():
        turned = (letters == s) & (south >= -81) & (south <= 0.5)
    if fits.all() and not turned.any():
        return zone
    band = np.clip((south + 80) // 8, 0, first - 1)
    read: list[str | None] = []
    for name, good, wrong, at in zip(names, fits, turned, band, strict=True):
        read.append(f"{name[:-1]}{geo.BANDS[int(at)]}" if wrong else name if good else None)
    return pl.Series(zone.name, read, pl.String)


def _zone_codes(frame: pl.DataFrame) -> NDArray[np.int8]:
    """``(n,)`` signed numbers of the zones, 0 where there is none; each name is read once."""
    names = frame["zone"].to_list()
    codes = {name: geo.zone_code(name) if name else 0 for name in set(names)}
    return np.array([codes[name] for name in names], np.int8)


def _numbers(frame: pl.DataFrame) -> dict[str, NDArray[np.float64]]:
    """``(n,)`` latitudes, longitudes, eastings and northings; NaN where there is none."""
    names = ("lat", "lon", "easting", "northing")
    return {name: frame[name].fill_null(np.nan).to_numpy() for name in names}


def _derive_positions(frame: pl.DataFrame) -> pl.DataFrame:
    """Fill UTM from WGS84 where UTM is missing, and the other way round."""
    zone, given = _zone_codes(frame), _numbers(frame)
    # What is there already is not projected again: that is the slow part of a large table.
    easting, northing, names = geo.to_utm(np.where(zone == 0, given["lat"], np.nan), given["lon"])
    lat, lon = geo.to_wgs84(
        given["easting"], given["northing"], np.where(np.isnan(given["lat"]), zone, 0)
    )
    derived = pl.DataFrame(
        {
            **{"lat": lat, "lon": lon, "easting": easting, "northing": northing},
            "zone": pl.Series(names, dtype=pl.String),
        }
    ).with_columns(pl.col(pl.Float64).fill_nan(None))
    return frame.with_columns(
        frame[name].zip_with(frame[name].is_not_null(), derived[name]) for name in derived.columns
    )
