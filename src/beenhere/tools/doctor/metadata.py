"""Headings and dates that are wrong by themselves or missing, and files of which no row came."""

from datetime import date, timedelta

import polars as pl

from beenhere.config.tools import CheckConfig
from beenhere.photos.formats.at_names import NO_DATE
from beenhere.photos.formats.photo_list import SWAPPED
from beenhere.tools.doctor.findings import CASES, MEND, Finding, cases, finding, or_mend
from beenhere.tools.doctor.photo_collection import PhotoCollection

_MEND, _SWAP = or_mend("mend it"), or_mend("swap latitude and longitude")


def unused_files(collection: PhotoCollection, options: CheckConfig) -> list[Finding]:
    """Files that a reader could make no row of, with its reason; and photos that are in no set."""
    rows = [
        (path, number, None, None, reason, _SWAP if SWAPPED in reason else _MEND)
        for number, part in enumerate(collection.parts)
        for path, reason in part.table.unusable
    ]
    loose = [(path, None, None, None, reason, None) for path, reason in collection.loose]
    return [
        *finding("not-used", pl.DataFrame(rows, schema=CASES, orient="row")),
        *finding("in-no-set", pl.DataFrame(loose, schema=CASES, orient="row")),
    ]


def headings_outside(collection: PhotoCollection, options: CheckConfig) -> list[Finding]:
    """Headings that were given outside of 0 to 360, as they were; the farthest first."""
    given = pl.concat(
        part.table.headings_outside.with_columns(part=pl.lit(number, pl.Int32))
        for number, part in enumerate(collection.parts)
    )
    frame = collection.frame.select("path", "part", read="heading").with_row_index("row")
    given = given.join(frame, on=["part", "path"]).sort(
        (pl.col("heading") - 180).abs(), "row", descending=[True, False]
    )
    number = pl.col("heading", "read").round(2).cast(pl.String).str.strip_suffix(".0")
    detail = given.select(number).select(pl.format("heading {}, read as {}", "heading", "read"))
    return finding("heading-range", cases(collection, given["row"], detail.to_series()))


def missing_headings(collection: PhotoCollection, options: CheckConfig) -> list[Finding]:
    """Photos without a heading where others of their table have one."""
    known = pl.col("heading").is_not_null()
    rows = collection.frame.with_row_index("row").filter(~known & known.any().over("part"))["row"]
    return finding("no-heading", cases(collection, rows, "no heading"))


def future_dates(collection: PhotoCollection, options: CheckConfig) -> list[Finding]:
    """Photos dated later than tomorrow: it is tomorrow already somewhere. The latest first."""
    limit = (date.today() + timedelta(days=1)).isoformat()
    # ISO texts sort as dates do; a partial date is less than any day in it.
    late = (
        collection.frame.select("captured")
        .with_row_index("row")
        .filter(pl.col("captured").str.slice(0, 10) > limit)
        .sort("captured", descending=True, maintain_order=True)
    )
    detail = late.select(pl.format("dated {}", "captured")).to_series()
    return finding("future-date", cases(collection, late["row"], detail, MEND))


def impossible_dates(collection: PhotoCollection, options: CheckConfig) -> list[Finding]:
    """Photos whose name has a date that no calendar has."""
    noted = {
        (number, path)
        for number, part in enumerate(collection.parts)
        for path, note in part.table.notes
        if note == NO_DATE
    }
    if not noted:
        return []  # the usual case, without a look at every path
    columns = zip(collection.frame["part"], collection.frame["path"], strict=True)
    rows = [row for row, each in enumerate(columns) if each in noted]
    return finding("no-such-date", cases(collection, rows, "the date in its name is none", MEND))
