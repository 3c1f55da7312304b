"""CSV files that come with a set: texts in columns of known names."""

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from beenhere.errors import DataError
from beenhere.wording import one_line


def read_csv_columns(file: Path, columns: Iterable[str], what: str = "a CSV table") -> pl.DataFrame:
    """Every column of a CSV file as text, in the file's order; empty cells are null.

    Args:
        file: with the names of the columns in its first line.
        columns: those that it must have.
        what: it is expected to be, for the message.

    Raises:
        DataError: it cannot be read, or lacks a column.
    """
    expected = f"expected the columns {','.join(columns)}"
    try:
        rows = pl.read_csv(file, infer_schema=False, glob=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{file}: not {what} ({one_line(error)}); {expected}") from error
    missing = sorted(set(columns) - set(rows.columns))
    if missing:
        got = ", ".join(rows.columns)
        raise DataError(f"{file}: the column {missing[0]!r} is missing; got {got}, {expected}")
    return rows
