"""Photos whose names hold what is known of them, between ``@``: GSV-XS, SF-XS, Tokyo-XS and kin.

``@easting@northing@zone number@zone letter@latitude@longitude@panorama@tile@heading@pitch@roll@
height@timestamp@note@.jpg``. Any field may be empty, and the last ones may be missing. Only the
file's name counts: folders may hold ``@`` too. GSV-XS keeps the place as the note, ``id_City``.
"""

import polars as pl

from beenhere.dates import iso_date
from beenhere.photos.formats.listing import Listing
from beenhere.photos.formats.photo_list import read_each, without_null_island
from beenhere.photos.table import PhotoTable

SOURCE = "photos; what is known of them comes from their names (@ fields, as in GSV-XS)"
NO_DATE = "no date that is known as its date"
"""The note of a photo whose name has a date that no calendar has."""

_NUMBERS = {"easting": 1, "northing": 2, "lat": 5, "lon": 6}
_FIELDS_WITH_NOTE = 16
_FARTHEST = 2e7
"""Metres; no UTM easting or northing is as large, and the projection of far larger ones fails."""
_ZONE = r"^(?:0?[1-9]|[1-5][0-9]|60)[C-HJ-NP-X]$"


def is_at_name(photo: str) -> bool:
    """Whether the name of a file (in a path with ``/``) starts with a field."""
    return photo.rpartition("/")[2].startswith("@")


def read_at_names(listing: Listing) -> PhotoTable:
    """One row for each photo with an ``@`` name; positions in UTM stay as they are written.

    Nothing is opened, so a folder of half a million names takes seconds. A name with a field that
    cannot be what it should is listed as unusable.
    """
    frame = _fields(listing)
    known = frame.filter(pl.col("reason").is_null())
    known = known.with_columns(
        _all_or_none(["easting", "northing", "zone"]),
        _all_or_none(["lat", "lon"]),
        captured=read_each(iso_date, known["timestamp"]),
    )
    known, island = without_null_island(known)
    columns = {name: known[name] for name in ("path", *_NUMBERS, "zone", "heading", "captured")}
    refused = frame.filter(pl.col("reason").is_not_null())
    return PhotoTable.from_columns(
        {**columns, "place": known["place"], "city": known["city"]},
        unusable=sorted([*listing.unusable, *refused.select("path", "reason").iter_rows()]),
        notes=[*listing.notes(), *_notes(known), *island],
        source=SOURCE,
    )


def _fields(listing: Listing) -> pl.DataFrame:
    """The fields of each name as columns, with the ``reason`` why a name cannot be used."""
    names = pl.Series(listing.photos, dtype=pl.String).str.extract(r"([^/]*)$")
    frame = pl.DataFrame(
        {
            "path": pl.Series(listing.paths(listing.photos), dtype=pl.String),
            "name": names,
            "field": names.str.replace(r"\.[^.@]*$", "").str.split("@"),  # the end is no field
        }
    )
    texts = {name: _field(index) for name, index in {**_NUMBERS, "heading": 9}.items()}
    zone = pl.concat_str(_field(3), _field(4).str.to_uppercase(), ignore_nulls=True)
    frame = frame.with_columns(
        **{f"{name}_text": text for name, text in texts.items()},
        **{name: _number(text) for name, text in texts.items()},
        zone=pl.when(zone != "").then(zone.str.strip_prefix("0")),
        timestamp=_field(13),
        place=pl.when(pl.col("field").list.len() >= _FIELDS_WITH_NOTE).then(_field(-2)),
    )
    return frame.with_columns(
        city=pl.col("place").str.extract(r"^\d+_(.+)$"), reason=_reason()
    ).drop("field")


def _field(index: int) -> pl.Expr:
    """Its text; null where it is empty or missing."""
    text = pl.col("field").list.get(index, null_on_oob=True).str.strip_chars()
    return pl.when(text != "").then(text)


def _number(text: pl.Expr) -> pl.Expr:
    number = text.cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)


def _all_or_none(group: list[str]) -> pl.Expr:
    """Half a position is dropped where the other one is whole."""
    return pl.when(pl.all_horizontal(pl.col(group).is_not_null())).then(pl.col(group))


def _reason() -> pl.Expr:
    """Why a name cannot be used; null if it can. A name without any position can."""

    def got(column: str, expected: str) -> pl.Expr:
        return pl.format(f"its name has {column} {{}}; expected {expected}", f"{column}_text")

    utm = pl.col("easting").is_not_null() & pl.col("northing").is_not_null()
    both = pl.col("lat").is_not_null() & pl.col("lon").is_not_null()
    some = pl.any_horizontal(pl.col(list(_NUMBERS)).is_not_null())
    zone = pl.col("zone")
    problems = [
        (~pl.col("name").str.starts_with("@"), pl.lit("its name holds no @, unlike the others")),
        *(
            (pl.col(f"{name}_text").is_not_null() & pl.col(name).is_null(), got(name, "a number"))
            for name in _NUMBERS
        ),
        *(
            (pl.col(name).abs() > limit, got(name, f"degrees from -{limit} to {limit}"))
            for name, limit in (("lat", 90), ("lon", 180))
        ),
        *(
            (pl.col(name).abs() > _FARTHEST, got(name, "metres in a UTM zone"))
            for name in ("easting", "northing")
        ),
        (
            ~zone.str.contains(_ZONE),
            pl.format("its name has UTM zone {}; expected such as 10S", zone),
        ),
        (
            ~both & utm & zone.is_null(),
            pl.lit("its name has easting and northing but no UTM zone; expected such as 10@S"),
        ),
        (some & ~both & ~utm, pl.lit("its name has half a position")),
    ]
    return pl.coalesce(pl.when(bad).then(reason) for bad, reason in problems)


def _notes(known: pl.DataFrame) -> list[tuple[str, str]]:
    notes = {
        "no number as heading": ("heading_text", "heading"),
        NO_DATE: ("timestamp", "captured"),
    }
    return [
        (path, note)
        for note, (given, read) in notes.items()
        for path in known.filter(known[given].is_not_null() & known[read].is_null())["path"]
    ]
