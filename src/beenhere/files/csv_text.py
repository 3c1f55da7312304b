"""CSV that programs read and that a spreadsheet opens without running anything in it."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A spreadsheet takes a text that begins so for a formula, which may start other programs."""


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A header, then a line a row, quoted as RFC 4180 has it; None is an empty cell.

    A text that a spreadsheet would run gets a ``'`` in front, which shows it as it is. Numbers
    stay numbers, and so do texts that are one.

    Args:
        columns: of the table, in their order.
        rows: by the names of the columns; what is of no column is left out.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([_harmless(name) for name in columns])
    table.writerows([_harmless(row.get(name)) for name in columns] for row in rows)
    return text.getvalue()


def _harmless(cell: Any) -> Any:
    if not isinstance(cell, str) or not cell.startswith(_FORMULA) or _is_number(cell):
        return cell
    return f"'{cell}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text == text.strip()
