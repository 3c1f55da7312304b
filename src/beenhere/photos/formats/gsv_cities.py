"""GSV-Cities (Ali-bey et al., 2022): ``Images/<City>/`` and ``Dataframes/<City>.csv``.

A photo's name is ``{City}_{place:07d}_{year}_{month:02}_{north:03}_{lat}_{lon}_{panorama}.jpg``;
the dataframe has ``place_id, year, month, northdeg, city_id, lat, lon, panoid``. Place ids repeat
between cities, so a place is ``{City}_{place_id}`` here.
"""

from pathlib import Path

import polars as pl

from beenhere.errors import DataError
from beenhere.photos.formats.csv_file import read_csv_columns
from beenhere.photos.formats.listing import Listing, list_photos
from beenhere.photos.table import PhotoTable
from beenhere.wording import one_line

SOURCE = "GSV-Cities (images and dataframes)"

_COLUMNS = {
    "place_id": pl.Int64,
    "year": pl.Int64,
    "month": pl.Int64,
    "northdeg": pl.Float64,
    "lat": pl.Float64,
    "lon": pl.Float64,
    "panoid": pl.String,
}
_KEY = ["place_id", "year", "month", "northdeg", "panoid"]
_NAME = (
    r"^.+?_(?<place_id>\d{7})_(?<year>\d{4})_(?<month>\d{2})_(?<northdeg>\d{3})"
    r"_(?<lat>-?\d+(?:\.\d+)?)_(?<lon>-?\d+(?:\.\d+)?)_(?<panoid>.*)\.[^.]+$"
)


def is_gsv_cities(folder: Path) -> bool:
    """Whether the two folders are there."""
    return (folder / "Images").is_dir() and (folder / "Dataframes").is_dir()


def read_gsv_cities(folder: Path) -> PhotoTable:
    """Every photo that both a dataframe and the images have; the others are listed as unusable.

    A city's photos and its dataframe's rows are matched by place, date, direction and panorama,
    not by the spelling of coordinates. A city without a dataframe is read from its photos' names.

    Raises:
        DataError: a dataframe that cannot be read or lacks a column.
    """
    listing = list_photos(folder / "Images")
    cities = sorted({photo.split("/")[0] for photo in listing.photos if "/" in photo})
    unusable = list(listing.unusable)
    notes: list[tuple[str, str]] = []
    frames = []
    for city in cities:
        photos = _parsed(city, listing, unusable)
        table = folder / "Dataframes" / f"{city}.csv"
        if table.is_file():
            photos = _matched(photos, table, city, unusable)
        else:
            notes.append((str(table), "no such dataframe: the city is read from its photos' names"))
        frames.append(photos.with_columns(city=pl.lit(city)))
    for table in (folder / "Dataframes").glob("*.csv"):
        if table.stem not in cities:
            unusable.append((str(table), f"there are no photos in Images/{table.stem}"))
    stray = [photo for photo in listing.photos if "/" not in photo]
    unusable += [(path, "not in the folder of a city") for path in listing.paths(stray)]
    if not frames:
        raise DataError(
            f"{folder}: looks like GSV-Cities, but Images holds no photos in folders of cities"
        )
    month = pl.col("month").cast(pl.String).str.zfill(2)
    found = pl.concat(frames).with_columns(
        captured=pl.format("{}-{}", "year", month), place=pl.format("{}_{}", "city", "place_id")
    )
    return PhotoTable.from_columns(
        {
            "heading": found["northdeg"],
            **{name: found[name] for name in ("path", "lat", "lon", "captured", "place", "city")},
        },
        unusable=sorted(unusable),
        notes=notes,
        source=SOURCE,
    )


def _parsed(city: str, listing: Listing, unusable: list[tuple[str, str]]) -> pl.DataFrame:
    """A city's photos with what their names say."""
    photos = [photo for photo in listing.photos if photo.startswith(f"{city}/")]
    frame = pl.DataFrame({"path": listing.paths(photos), "photo": photos})
    name = pl.col("photo").str.extract(r"([^/]*)$")
    frame = frame.with_columns(name.str.extract_groups(_NAME).alias("groups")).unnest("groups")
    named = frame["place_id"].is_not_null()
    refused = frame.filter(~named)["path"]
    unusable += [(path, "not named as GSV-Cities names photos") for path in refused]
    frame = frame.filter(named)
    return frame.select("path", *(pl.col(name).cast(kind) for name, kind in _COLUMNS.items()))


def _matched(
    photos: pl.DataFrame, table: Path, city: str, unusable: list[tuple[str, str]]
) -> pl.DataFrame:
    """The photos that the dataframe has too, with its positions."""
    rows = _dataframe(table)
    both = photos.drop("lat", "lon").join(rows, on=_KEY, how="inner", maintain_order="left")
    for path in photos.join(rows, on=_KEY, how="anti")["path"]:
        unusable.append((path, f"not in Dataframes/{table.name}"))
    for row in rows.join(photos, on=_KEY, how="anti").iter_rows(named=True):
        photo = "{place_id:07d}_{year}_{month:02d}_{northdeg:03.0f}_..._{panoid}".format(**row)
        unusable.append((f"{city}_{photo}", f"in Dataframes/{table.name}, but not in Images"))
    return both.unique("path", keep="first", maintain_order=True).select("path", *_COLUMNS)


def _dataframe(table: Path) -> pl.DataFrame:
    text = read_csv_columns(table, _COLUMNS, "a dataframe of GSV-Cities")
    try:
        rows = text.select(pl.col(name).cast(kind) for name, kind in _COLUMNS.items())
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{table}: not a dataframe of GSV-Cities ({one_line(error)})") from error
    if rows.select(pl.any_horizontal(pl.all().is_null()).any()).item():
        raise DataError(f"{table}: has empty cells; expected {', '.join(_COLUMNS)} in every row")
    return rows
