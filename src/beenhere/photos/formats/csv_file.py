"""CSV files as people and spreadsheets write them, read as texts.

Separated by commas, semicolons or tabs; perhaps with a byte order mark, or Excel's ``sep=;``.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import polars as pl

from beenhere.errors import DataError
from beenhere.files.regular import regular
from beenhere.wording import one_line, shortened

MOST_COLUMNS = 1000
"""A table with more is refused by its first line: it is none of photos."""


def read_csv(file: Path, most: int | None = None) -> tuple[pl.DataFrame, int]:
    """The first rows or all, as texts under the names of the first line; and the first row's line.

    Raises:
        DataError: it is not UTF-8, or has too many columns.
        polars.exceptions.PolarsError, OSError: it cannot be read.
    """
    try:
        with regular(file).open(encoding="utf-8-sig", newline="") as lines:
            first = lines.readline(1 << 16)
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: is not UTF-8 text; save it as UTF-8") from error
    # Spreadsheets in some countries write ";"; Excel says so in a line of its own.
    excel = re.fullmatch(r"\"?sep=(.)\"?\s*", first, re.ASCII | re.IGNORECASE)
    separator = excel.group(1) if excel else max(",", ";", "\t", key=first.count)
    refuse_wide(file, first.count(separator) + 1)
    rows = pl.read_csv(
        file,
        separator=separator,
        eol_char="\r" if first.endswith("\r") else "\n",  # Excel's "CSV (Macintosh)"
        skip_lines=1 if excel else 0,
        infer_schema=False,
        n_rows=most,
        glob=False,
    )
    return rows.rename({name: name.strip() for name in rows.columns}), 3 if excel else 2


def refuse_wide(file: Path, columns: int) -> None:
    """Raise DataError where a table has more columns than any of photos."""
    if columns > MOST_COLUMNS:
        raise DataError(
            f"{file}: has {columns:,} columns or more; expected at most {MOST_COLUMNS:,}, with a "
            "photo in each row"
        )


def read_csv_columns(
    file: Path,
    columns: Iterable[str],
    what: str = "a CSV table",
    aliases: Mapping[str, str] = MappingProxyType({}),
) -> pl.DataFrame:
    """Every column of a CSV file as text, in the file's order; empty cells are null.

    Args:
        file: with the names of the columns in its first line, in capitals or not.
        columns: those that it must have.
        what: it is expected to be, for the message.
        aliases: other names of them, in small letters.

    Raises:
        DataError: it cannot be read, or lacks a column.
    """
    expected = f"expected the columns {','.join(columns)}"
    try:
        rows, _ = read_csv(file)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{file}: not {what} ({one_line(error, 100)}); {expected}") from error
    for name in rows.columns:
        meant = aliases.get(name.lower(), name.lower())
        if meant in columns and meant not in rows.columns:
            rows = rows.rename({name: meant})
    missing = sorted(set(columns) - set(rows.columns))
    if missing:
        got = shortened(", ".join(rows.columns))
        raise DataError(f"{file}: the column {missing[0]!r} is missing; got {got}, {expected}")
    return rows
