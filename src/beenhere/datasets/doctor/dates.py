"""Dates that cannot be: in the future, or in no calendar."""

from datetime import date, timedelta

import polars as pl

from beenhere.config import CheckConfig
from beenhere.datasets.doctor.collection import Collection
from beenhere.datasets.doctor.findings import MEND, Finding, cases, finding
from beenhere.datasets.formats.at_names import NO_DATE


def future(collection: Collection, options: CheckConfig) -> list[Finding]:
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
    return finding("future-date", "note", cases(collection, late["row"], detail, MEND))


def impossible(collection: Collection, options: CheckConfig) -> list[Finding]:
    """Photos whose name has a date that no calendar has."""
    noted = {
        (number, path)
        for number, part in enumerate(collection.parts)
        for path, note in part.table.notes
        if note == NO_DATE
    }
    if not noted:
        return []
    columns = zip(collection.frame["part"], collection.frame["path"], strict=True)
    rows = [row for row, each in enumerate(columns) if each in noted]
    found = cases(collection, rows, ["the date in its name is none"] * len(rows), MEND)
    return finding("no-such-date", "note", found)
