"""Mapillary Street-Level Sequences (Warburg et al., 2020), as its archives unpack.

``train_val/CITY/{database,query}/`` with ``images/KEY.jpg`` and, a row an image, ``raw.csv``
(where and when), ``postprocessed.csv`` (UTM, night, view) and ``subtask_index.csv``. The cities to
validate on are Copenhagen and San Francisco. As in its authors' code, panoramas are left out, and
a query counts if the subtask "all" has it: 747 do. Those of them with a database photo within 25 m
are 740, which most papers report.
"""

from pathlib import Path

import numpy as np
import polars as pl

from beenhere import geo
from beenhere.dates import iso_date
from beenhere.errors import DataError
from beenhere.photos.formats.csv_file import read_csv_columns
from beenhere.photos.formats.image_lists import find_named
from beenhere.photos.ground_truth import EvaluationTables
from beenhere.photos.table import PhotoTable

VALIDATION = ("cph", "sf")
"""Cities of the validation set."""

_RADIUS = 25.0
_INDEX = "__index"
_FLAGS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
_POSITION = ("lat", "lon", "easting", "northing")


def fits_msls(folder: Path) -> bool:
    """Whether both validation cities are here."""
    return all(is_msls_city(folder / "train_val" / city) for city in VALIDATION)


def msls_protocols(folder: Path) -> list[str]:
    """Named by their numbers of queries."""
    return ["val-740", "val-747"]


def read_msls(folder: Path, protocol: str) -> EvaluationTables:
    """The validation set."""
    cities = [folder / "train_val" / city for city in VALIDATION]
    database, queries = (
        pl.concat([_of_subtask(city / side) for city in cities]) for side in ("database", "query")
    )
    if protocol == "val-740":
        # By the tables, not by the files: a file that is missing takes no query away.
        found = geo.within(_positions(database), _positions(queries), _RADIUS)
        queries = queries.filter(pl.Series([len(rows) > 0 for rows in found], dtype=pl.Boolean))
    return EvaluationTables(_table(folder, database), _table(folder, queries), f"msls-{protocol}")


def read_msls_training(folder: Path) -> PhotoTable | None:
    """The cities that are not for validation, if any of them are here."""
    cities = msls_training_cities(folder / "train_val")
    return read_msls_cities(cities) if cities else None


def is_msls_city(folder: Path) -> bool:
    """Whether a folder is a city with positions."""
    return all((folder / side / "postprocessed.csv").is_file() for side in ("database", "query"))


def msls_training_cities(folder: Path) -> list[Path]:
    """The city itself, or those in a folder of cities that are not for validation."""
    if is_msls_city(folder):
        return [folder]
    if folder.name != "train_val" or not folder.is_dir():
        return []
    cities = sorted(path for path in folder.iterdir() if is_msls_city(path))
    return [city for city in cities if city.name not in VALIDATION]


def read_msls_cities(cities: list[Path]) -> PhotoTable:
    """All photos of some cities but panoramas, database and queries together.

    They have no places: ``beenhere data places`` forms them.

    Raises:
        DataError: a table of a city that is not as its authors hand it out.
    """
    sides = [city / side for city in cities for side in ("database", "query")]
    rows = pl.concat([_photos(side) for side in sides]).filter(~pl.col("pano"))
    return _table(cities[0].parent.parent, rows)


def _of_subtask(side: Path) -> pl.DataFrame:
    rows, subtasks = _photos(side), _csv(side / "subtask_index.csv", ["all"])
    # Some copies lack the keys; the numbers of the rows are in all of them.
    by = "key" if "key" in subtasks.columns else _INDEX
    chosen = subtasks.filter(_flag(side / "subtask_index.csv", subtasks, "all"))
    return rows.join(chosen.select(by), on=by, how="semi").filter(~pl.col("pano"))


def _photos(side: Path) -> pl.DataFrame:
    """One row an image, in the order of ``postprocessed.csv``."""
    raw_file, file = side / "raw.csv", side / "postprocessed.csv"
    raw = _csv(raw_file, ["key", "lon", "lat", "ca", "captured_at", "pano"])
    rows = _csv(file, ["key", "easting", "northing", "night"])
    joined = rows.join(
        raw.with_columns(pano=_flag(raw_file, raw, "pano")).drop(_INDEX),
        on="key",
        how="left",
        maintain_order="left",
    )
    numbers = {name: joined[name].cast(pl.Float64, strict=False) for name in _POSITION}
    if any(column.null_count() or not column.is_finite().all() for column in numbers.values()):
        raise DataError(
            f"{file}: an image has no position, or is not in raw.csv; get the metadata again"
        )
    _, _, zones = geo.to_utm(numbers["lat"].to_numpy(), numbers["lon"].to_numpy())
    dates = [text and iso_date(text) for text in joined["captured_at"]]
    below = f"train_val/{side.parent.name}/{side.name}/images/"
    return joined.select(
        _INDEX,
        "key",
        "pano",
        *(numbers[name] for name in _POSITION),
        path=below + pl.col("key") + ".jpg",
        zone=pl.Series(zones, dtype=pl.String),
        heading=pl.col("ca").cast(pl.Float64, strict=False),
        captured=pl.Series(dates, dtype=pl.String),
        condition=_flag(file, joined, "night").replace_strict({True: "night", False: "day"}),
        city=pl.lit(side.parent.name),
    )


def _csv(file: Path, columns: list[str]) -> pl.DataFrame:
    rows = read_csv_columns(file, columns, "a table of MSLS")
    return rows.rename({rows.columns[0]: _INDEX})


def _flag(file: Path, rows: pl.DataFrame, name: str) -> pl.Series:
    texts = rows[name].str.to_lowercase()
    flags = texts.replace_strict(_FLAGS, default=None, return_dtype=pl.Boolean)
    if flags.null_count():
        raise DataError(f"{file}: column {name!r} is not True or False in every row")
    return flags


def _positions(rows: pl.DataFrame) -> geo.Positions:
    numbers = {name: rows[name].to_numpy() for name in _POSITION}
    zone = np.array([geo.zone_code(name) for name in rows["zone"]], np.int8)
    return geo.Positions(zone=zone, **numbers)


def _table(root: Path, rows: pl.DataFrame) -> PhotoTable:
    facts = rows.select(*_POSITION, "zone", "heading", "captured", "city", "condition")
    source = "photos of MSLS; what is known of them comes from its tables"
    return find_named(root, rows["path"].to_list()).table(source, facts)
