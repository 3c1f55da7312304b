"""To a training set as GSV-XS is: a folder a city, and the place as the last field of the name."""

import re
from pathlib import Path

import polars as pl

from beenhere.datasets.convert.at_name import at_names, fit
from beenhere.datasets.convert.source import SourcePart
from beenhere.datasets.convert.utm import place_part
from beenhere.datasets.convert.written import Written
from beenhere.datasets.formats.sets import SPLITS
from beenhere.datasets.table import PhotoTable
from beenhere.errors import DataError

_LABEL = re.compile(r"\d+")


def write_gsv_xs(parts: list[SourcePart], folder: Path, source: Path, written: Written) -> None:
    """Write each training set into the folder of its name, ``City/@...@id_City@.jpg``.

    Photos without a city are of one that is called as the source's folder is.

    Raises:
        DataError: a part with a database and queries, or without places.
    """
    for part in parts:
        where = source / part.folder
        if part.tree is not None:
            raise DataError(
                f"{source / part.tree}: is a database with queries, and gsv-xs is for training "
                "photos with places; convert it --to utm, and the training photos by themselves"
            )
        if part.table.frame["place"].is_null().all():
            raise DataError(
                f"{where}: no photo has a place, as gsv-xs needs; form them by `beenhere data "
                "places`, or convert --to utm"
            )
        table = _with_cities(part.table, _name_of(source))
        notes = _notes(table, written)
        names: list[str] = [""] * len(table)
        for (city,), rows in table.frame.with_row_index("row").group_by("city"):
            here = rows["row"].to_list()
            new = at_names(table.rows(here), [notes[row] for row in here])
            for row, file in zip(here, new, strict=True):
                names[row] = f"{city}/{file}"
        place_part(part.table.paths, names, folder / part.folder, written)
        written.photos[part.folder] = len(names)
        conditions = table.frame["condition"].drop_nulls().n_unique()
        if conditions:
            written.lost.append(f"{conditions} condition{'s' * (conditions > 1)}")


def _name_of(source: Path) -> str:
    """A city's, if there is no better: that of the folder, or of the one above ``train``."""
    folder = source.absolute().parent if source.is_file() else source.absolute()
    name = folder.parent.name if folder.name in SPLITS else folder.name
    return fit(name).strip(".") or "City"


def _with_cities(table: PhotoTable, unnamed: str) -> PhotoTable:
    """Cities whose names can be folders; different ones stay different, on any file system."""
    known = sorted(table.frame["city"].drop_nulls().unique().to_list())
    names: dict[str | None, str] = {}
    for city in (*known, None):
        wanted = unnamed if city is None else fit(city).strip(".") or "City"
        taken = {name.casefold() for name in names.values()}
        name, number = wanted, 2
        while name.casefold() in taken:
            name, number = f"{wanted}-{number}", number + 1
        names[city] = name
    cities = [names[city] for city in table.frame["city"].to_list()]
    return PhotoTable(table.frame.with_columns(city=pl.Series(cities, dtype=pl.String)))


def _notes(table: PhotoTable, written: Written) -> list[str]:
    """``id_City`` of each photo, ``""`` without a place; new ids where old ones are no numbers."""
    pairs = list(zip(table.frame["place"].to_list(), table.frame["city"].to_list(), strict=True))
    labels = sorted({pair for pair in pairs if pair[0] is not None})
    notes = {(place, city): _note(place, city) for place, city in labels}
    if None in notes.values() or len(set(notes.values())) < len(notes):
        notes = {(place, city): f"{n:07d}_{city}" for n, (place, city) in enumerate(labels)}
        written.lost.append(
            f"the names of {len(labels):,} places, which are numbered: {labels[0][0]} is now "
            f"{notes[labels[0]]}"
        )
    return [notes.get(pair) or "" for pair in pairs]


def _note(place: str, city: str) -> str | None:
    if _LABEL.fullmatch(place):
        return f"{place}_{city}"
    return place if re.fullmatch(rf"\d+_{re.escape(city)}", place) else None
