"""Headings that were given outside of 0 to 360, and missing ones."""

import polars as pl

from beenhere.config import CheckConfig
from beenhere.datasets.doctor.collection import Collection
from beenhere.datasets.doctor.findings import Finding, cases, finding


def outside(collection: Collection, options: CheckConfig) -> list[Finding]:
    """Headings as they were given, before the table turned them; the farthest first."""
    turned = pl.concat(
        part.table.headings_outside.with_columns(part=pl.lit(number, pl.Int32))
        for number, part in enumerate(collection.parts)
    )
    frame = collection.frame.select("path", "part", read="heading").with_row_index("row")
    turned = turned.join(frame, on=["part", "path"]).sort(
        (pl.col("heading") - 180).abs(), "row", descending=[True, False]
    )
    number = pl.col("heading", "read").round(2).cast(pl.String).str.strip_suffix(".0")
    detail = turned.select(number).select(pl.format("heading {}, read as {}", "heading", "read"))
    return finding(
        "heading-range", "note", cases(collection, turned["row"], detail.to_series(), None)
    )


def missing(collection: Collection, options: CheckConfig) -> list[Finding]:
    """Photos without a heading where others of their table have one."""
    headed = pl.col("heading").is_not_null()
    rows = collection.frame.with_row_index("row").filter(~headed & headed.any().over("part"))["row"]
    detail = ["no heading"] * len(rows)
    return finding("no-heading", "note", cases(collection, rows, detail, None))
