"""Several tables as one: the sides of a training split."""

from collections.abc import Sequence

import polars as pl

from beenhere.datasets.table import PhotoTable


def joined(tables: Sequence[PhotoTable]) -> PhotoTable:
    """The rows of all tables, one after the other, with the first one's source."""
    return PhotoTable(
        pl.concat([table.frame for table in tables]),
        [each for table in tables for each in table.unusable],
        [each for table in tables for each in table.notes],
        tables[0].source,
        pl.concat([table.headings_outside for table in tables]),
    )
