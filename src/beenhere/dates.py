"""Dates as people and cameras write them, to ISO 8601."""

import re
from datetime import date

FIRST_PHOTOGRAPH = 1826
"""The year of the oldest photograph that survives; an earlier one is a camera's mistake."""

_DATE = re.compile(
    r"\s*(\d{4})"  # year
    r"(?:[-:/._ ]?(\d{2})(?:[-:/._ ]?(\d{2}))?)?"  # month, day
    r"(?:[T ]?(\d{2}):?(\d{2})(?::?(\d{2}))?(?:\.\d*)?(Z|[+-]\d{2}:?\d{2})?)?\s*",  # time
)


def iso_date(text: str) -> str | None:
    """The ISO 8601 date in a text, as far as the text knows it; None if it holds none.

    ``"2015:06:01 12:30:00"`` (EXIF), ``"2015-06"``, ``"201506"``, ``"20150601"`` and ISO itself are
    read. A month or day of ``00`` ends the date there; fractions of a second are left out; a time
    zone stays. A date that no calendar has (``"0000:00:00"``, month 13) is None.
    """
    match = _DATE.fullmatch(text.replace("\0", " "))
    if match is None:
        return None
    year, month, day, hour, minute, second, zone = match.groups()
    if int(year) < FIRST_PHOTOGRAPH:
        return None
    if month in (None, "00"):
        return year
    if int(month) > 12:
        return None
    if day in (None, "00"):
        return f"{year}-{month}"
    try:
        date(int(year), int(month), int(day))
    except ValueError:
        return None
    whole = f"{year}-{month}-{day}"
    if hour is None or int(hour) > 23 or int(minute) > 59:
        return whole
    return f"{whole}T{hour}:{minute}:{min(int(second or 0), 59):02}{zone or ''}"
