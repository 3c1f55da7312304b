"""CSV that programs read and that a spreadsheet opens without running anything in it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A spreadsheet takes a text that begins so for a formula, which may start other programs."""

_QUOTED = re.compile('[",\r\n]|^ | $')


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A header, then a line a row, quoted as RFC 4180 has it; None is an empty cell.

    A text that a spreadsheet would run gets a ``'`` in front, which shows it as it is. Numbers
    stay numbers, and so do texts that are one.

    Args:
        columns: of the table, in their order.
        rows: by the names of the columns; what is of no column is left out.
    """
    lines = [columns, *([row.get(name) for name in columns] for row in rows)]
    return "".join(f"{','.join(map(_cell, line))}\n" for line in lines)


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    if isinstance(value, str) and text.startswith(_FORMULA) and not _is_number(text):
        text = f"'{text}"
    # The csv module of Python leaves a carriage return unquoted, and readers end the row there.
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text == text.strip()
