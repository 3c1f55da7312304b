"""A database and several folders of queries: SVOX, SF-XL, and the layout they share with others.

``[images/]{train,val,test}/{database|gallery}/`` beside ``queries/`` and ``queries_NAME/``. Each
folder of queries is a protocol: ``queries_night`` of the test split is ``night``, ``queries`` is
``test``; of the other splits they are ``val``, ``val-night`` and so on. Photos are named with ``@``
fields. Those of SVOX (Berton et al., 2021) may lack the UTM zone: all of it is in Oxford.
"""

import os
import re
from pathlib import Path

import polars as pl

from beenhere.dates import iso_date
from beenhere.photos.formats.at_names import read_at_names
from beenhere.photos.formats.listing import list_photos
from beenhere.photos.ground_truth import EvaluationTables
from beenhere.photos.table import PhotoTable

SOURCE = "photos of SVOX; position and date come from their names, the UTM zone is Oxford's (30U)"

_SPLITS = ("test", "val", "train")
_CONDITIONS = frozenset({"night", "overcast", "rain", "snow", "sun"})
_NUMBER = r"(\d+(?:\.\d+)?)"
_WITHOUT_ZONE = re.compile(rf"@{_NUMBER}@{_NUMBER}@(?!\d{{1,2}}@[A-Za-z]@)([^@]*)")
_OXFORD = ((600_000, 640_000), (5_700_000, 5_770_000))
"""Least and greatest easting and northing of zone 30U, in metres."""


def has_query_folders(folder: Path) -> bool:
    """Whether a folder needs this reader: it has a gallery, ``queries_NAME/``, or ``images/``.

    What other readers of folders know stays theirs: photos whose names hold no ``@``, and one
    ``database/`` beside one ``queries/``.
    """
    served = list(_served(folder).values())
    special = any(
        folder / "images" in database.parents
        or database.name == "gallery"
        or queries.name != "queries"
        for database, queries in served
    )
    return special and all((_first_file(one) or "").startswith("@") for one, _ in served)


def query_protocols(folder: Path) -> list[str]:
    """The folders of queries as protocols: test before val, plain ones first, then by name.

    Numbered ones (``queries_v1``) come before the others: these are the main ones of SF-XL.
    """
    return list(_served(folder))


def read_query_folder(folder: Path, protocol: str) -> EvaluationTables:
    """The database and the queries of a protocol; a condition that it names is each query's."""
    database, queries = _served(folder)[protocol]
    found = _read_side(queries)
    if protocol in _CONDITIONS:
        frame = found.frame.with_columns(condition=pl.lit(protocol))
        found = PhotoTable(frame, found.unusable, found.notes, found.source)
    whole = folder.absolute()
    name = whole.parent.name if whole.name in _SPLITS else whole.name
    return EvaluationTables(_read_side(database), found, name=f"{name}-{protocol}")


def read_training_folder(folder: Path) -> PhotoTable | None:
    """The photos of ``train/``, database and queries together, if there are any.

    They have no places where their names hold none: ``beenhere data places`` forms them.
    """
    train = _base(folder) / "train"
    return _read_side(train) if train.is_dir() and _first_file(train) is not None else None


def _first_file(folder: Path) -> str | None:
    """The name of the first file that is met below a folder."""
    with os.scandir(folder) as entries:  # millions of names: the first will do
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if not entry.is_dir():
                return entry.name
            found = _first_file(Path(entry.path))
            if found is not None:
                return found
    return None


def _served(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Database and queries by protocol: of the splits below, else of the folder as a split."""
    served: dict[str, tuple[Path, Path]] = {}
    for split in _SPLITS:
        served |= _of_split(_base(folder) / split, split)
    return served or _of_split(folder, "test")


def _base(folder: Path) -> Path:
    return folder / "images" if (folder / "images").is_dir() else folder


def _of_split(folder: Path, split: str) -> dict[str, tuple[Path, Path]]:
    sides = [folder / name for name in ("database", "gallery")]
    database = next((side for side in sides if side.is_dir()), None)
    if database is None:
        return {}
    with os.scandir(folder) as entries:
        names = [
            entry.name
            for entry in entries
            if f"{entry.name}_".startswith("queries_") and entry.is_dir()
        ]
    served = {}
    for name in sorted(names, key=lambda name: (name != "queries", not name[-1].isdigit(), name)):
        special = name.removeprefix("queries").removeprefix("_")
        protocol = special if split == "test" and special else f"{split}-{special}".rstrip("-")
        served[protocol] = (database, folder / name)
    return served


def _read_side(folder: Path) -> PhotoTable:
    listing = list_photos(folder)
    named = ((photo, _without_zone(photo.rpartition("/")[2])) for photo in listing.photos)
    known = {photo: facts for photo, facts in named if facts is not None}
    if not known:
        return read_at_names(listing)
    others = [photo for photo in listing.photos if photo not in known]
    refused = [(path, "its name is unlike the others") for path in listing.paths(others)]
    easting, northing, captured = zip(*known.values(), strict=True)
    columns = {"path": listing.paths(list(known)), "easting": easting, "northing": northing}
    constant = {"zone": ["30U"] * len(known), "city": ["Oxford"] * len(known)}
    return PhotoTable.from_columns(
        {**columns, "captured": captured, **constant},
        unusable=sorted([*listing.unusable, *refused]),
        source=SOURCE,
    )


def _without_zone(name: str) -> tuple[float, float, str | None] | None:
    """Easting, northing and date of a name that lacks its zone; None if it is no such name."""
    fields = _WITHOUT_ZONE.match(name)
    if fields is None:
        return None
    place = float(fields[1]), float(fields[2])
    if not all(least <= one <= most for one, (least, most) in zip(place, _OXFORD, strict=True)):
        return None
    return *place, iso_date(fields[3]) if fields[3] else None
