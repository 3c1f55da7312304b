"""Names of photos that hold what is known of them, as the field's sets have it.

:mod:`beenhere.photos.formats.at_names` reads them:
``@easting@northing@zone number@zone letter@latitude@longitude@panorama@tile@heading@pitch@roll@
height@timestamp@note@.jpg``: metres to the centimetre, degrees to a millimetre on the ground, the
heading to the last digit. In GSV-XS they lie in a folder a city, and the note is the place.
"""

import hashlib
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any

from beenhere.photos.formats.at_names import is_at_name
from beenhere.photos.table import PhotoTable
from beenhere.wording import count

MOST_BYTES = 240
"""Of a name: file systems take 255, and programs add an end to it."""

_KEPT = (7, 8, 10, 11, 12)
"""Fields that are as they were: panorama, tile, pitch, roll, height."""
# What a field or a file name of Windows cannot hold.
_UNFIT = re.compile(r'[@/\\:*?"<>|\x00-\x1f\x7f]')
_LABEL = re.compile(r"\d+")


def fit(text: str) -> str:
    """A text that can be a field of a name, and a folder."""
    return _UNFIT.sub("-", text).strip()


def at_names(table: PhotoTable, notes: Sequence[str]) -> list[str]:
    """A name for each photo; names that differ by no more than case do not occur.

    The photo's old name (of an ``@`` name its panorama, tile, pitch, roll and height) goes into the
    fields that are for it; where two photos would get one name, a number is added, by path.

    Args:
        notes: the last field of each, ``""`` for none; :func:`fit` texts.
    """
    photos = table.frame.rows(named=True)
    names = [""] * len(photos)
    taken: set[str] = set()
    for row in sorted(range(len(photos)), key=lambda row: photos[row]["path"]):
        candidates = _candidates(photos[row], notes[row])
        names[row] = next(name for name in candidates if name.casefold() not in taken)
        taken.add(names[row].casefold())
    return names


def gsv_xs_names(table: PhotoTable, unnamed: str) -> tuple[list[str], list[str]]:
    """A name for each photo, ``City/@...@id_City@.jpg``; and in words what names cannot hold.

    Args:
        unnamed: the city of photos that have none.
    """
    cities = _cities(table, unnamed)
    labels = list(zip(table.frame["place"].to_list(), cities, strict=True))
    known = sorted({label for label in labels if label[0] is not None})
    notes = {label: _note(*label) for label in known}
    lost = []
    if None in notes.values() or len(set(notes.values())) < len(notes):
        notes = {(place, city): f"{n:07d}_{city}" for n, (place, city) in enumerate(known)}
        lost.append(
            f"the names of {len(known):,} places, which are numbered: {known[0][0]} is now "
            f"{notes[known[0]]}"
        )
    names = [""] * len(table)
    for city in dict.fromkeys(cities):
        rows = [row for row, each in enumerate(cities) if each == city]
        new = at_names(table.rows(rows), [notes.get(labels[row]) or "" for row in rows])
        for row, name in zip(rows, new, strict=True):
            names[row] = f"{city}/{name}"
    conditions = table.frame["condition"].drop_nulls().n_unique()
    if conditions:
        lost.append(count(conditions, "condition"))
    return names, lost


def _cities(table: PhotoTable, unnamed: str) -> list[str]:
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
    return [names[city] for city in table.frame["city"].to_list()]


def _note(place: str, city: str) -> str | None:
    """``id_City``; None for a place whose name has no number to be the id."""
    if _LABEL.fullmatch(place):
        return f"{place}_{city}"
    return place if re.fullmatch(rf"\d+_{re.escape(city)}", place) else None


def _candidates(photo: dict[str, Any], note: str) -> Iterator[str]:
    """The name, then the same with numbers."""
    old = photo["path"].rpartition("/")[2]
    stem, dot, end = old.rpartition(".")
    if not is_at_name(old):
        # The whole name becomes the panorama's; it has no field for a tile, a pitch, ...
        stem = "@" * _KEPT[0] + fit(stem if dot else old)
    fields = [*stem.split("@"), *([""] * _KEPT[-1])]
    panorama, tile, pitch, roll, height = (fit(fields[field]) for field in _KEPT)
    utm, degrees = ["", "", "", ""], ["", ""]
    if photo["zone"] is not None:
        zone = photo["zone"]
        utm = [f"{photo['easting']:.2f}", f"{photo['northing']:.2f}", zone[:-1], zone[-1]]
    if photo["lat"] is not None:
        degrees = [_degrees(photo["lat"]), _degrees(photo["lon"])]
    heading = "" if photo["heading"] is None else repr(photo["heading"]).removesuffix(".0")
    # The date without what a file name cannot hold, such as 20150601T123000Z.
    captured = photo["captured"] or ""
    moment = captured[:10].replace("-", "") + captured[10:].replace(":", "")
    before = "@".join(["", *utm, *degrees])
    after = "@".join([tile, heading, pitch, roll, height, moment, note, f"{dot}{end}"])
    room = MOST_BYTES - len(f"{before}@@{after}".encode())
    if len(panorama.encode()) > room:
        tag = hashlib.sha256(panorama.encode()).hexdigest()[:8]
        panorama = panorama.encode()[: max(0, room - 16)].decode("utf-8", "ignore") + tag
    yield f"{before}@{panorama}@{after}"
    for number in itertools.count(2):
        yield f"{before}@{panorama}-{number}@{after}"


def _degrees(value: float) -> str:
    return f"{value:.8f}".rstrip("0").rstrip(".")
