"""Dates as people, cameras and receivers write them, to ISO 8601."""

import re
from datetime import date

FIRST_PHOTOGRAPH = 1826
"""The year of the oldest photograph that survives; an earlier one is a camera's mistake."""

_LONGEST = 64
"""Characters; a longer text is no date."""
_TWO = r"([0-9]{1,2}+)"
_NEXT = r"(?:[-:/._ ] ?|(?=[0-9]{2}))" + _TWO  # one digit alone needs a sign before it
_THEN = r"(?::[ ]?|(?=[0-9]{2}))" + _TWO
_HALF = r"([AaPp])\.?[Mm]\.?|(\u4e0a|\u4e0b)\u5348"  # the last as cameras set to Chinese write it
_DATE = re.compile(
    rf"([0-9]{{4}})(?:{_NEXT}(?:{_NEXT})?)?"
    rf"(?:(?:[Tt]|\s+|(?=[0-9]{{4}}))(?:{_HALF})?\s*{_TWO}"
    rf"(?:{_THEN}(?:{_THEN}(?:([.,:])([0-9]*))?)?)?\s*(?:{_HALF})?"
    r"\s*(?:(Z|z|UTC|GMT)|([+-])([0-9]{1,2})(?::?([0-9]{2}))?)?)?"
)


def iso_date(text: str) -> str | None:
    """The ISO 8601 date in a text, as far as the text knows it; None if it holds none.

    ``"2015:06:01 12:30:00"`` (EXIF), ``"2015-06"``, ``"201506"``, ``"20150601"`` and ISO itself are
    read; so are ``"2015:6:1 2:30:00 PM"``, ``"2015:06:01 12:30:00:250"`` and ``"2015/06/01 12:30
    +0200"``. A month or day of ``00``, or blanks, end the date there; a fraction of a second stays,
    to the microsecond, and so does a time zone. A date that no calendar has (``"0000:00:00"``,
    month 13), or a zone that the Earth has not, is None.

    >>> iso_date("2015:6:1 2:30:00,5 PM UTC"), iso_date("2015:06:00 00:00:00")
    ('2015-06-01T14:30:00.5Z', '2015-06')
    """
    # Where a camera does not know a part, it writes blanks between the colons.
    stripped = text.replace("\0", " ").strip().rstrip(": ")
    match = _DATE.fullmatch(stripped) if len(stripped) <= _LONGEST else None
    if match is None:
        return None
    year, month, day, early, early_han, hour, minute, second, sign, digits = match.groups()[:10]
    late, late_han, *zone = match.groups()[10:]
    if int(year) < FIRST_PHOTOGRAPH:
        return None
    if month is None or int(month) == 0:
        return year
    if int(month) > 12:
        return None
    if day is None or int(day) == 0:
        return f"{year}-{int(month):02}"
    try:
        whole = date(int(year), int(month), int(day)).isoformat()
        offset = _offset(*zone)
    except ValueError:
        return None
    half = {"\u4e0a": "A", "\u4e0b": "P"}.get(early_han or late_han, (early or late or "").upper())
    if hour is None or minute is None or int(hour) > 23 or int(minute) > 59:
        return whole
    hours = int(hour) % 12 + 12 * (half == "P") if half and int(hour) <= 12 else int(hour)
    # A number after a third colon counts milliseconds.
    fraction = (digits or "").zfill(3) if sign == ":" and digits else digits or ""
    fraction = fraction[:6].rstrip("0")
    clock = f"{hours:02}:{minute:0>2}:{min(int(second or 0), 59):02}"
    return f"{whole}T{clock}{'.' if fraction else ''}{fraction}{offset}"


def _offset(utc: str | None, sign: str | None, hours: str | None, minutes: str | None) -> str:
    """``"Z"``, or such as ``"+02:00"``; empty where none is given."""
    if sign is None or hours is None:
        return "Z" if utc else ""
    if int(hours) > 15 or int(minutes or 0) > 59:
        raise ValueError("no zone of the Earth")
    return f"{sign}{int(hours):02}:{int(minutes or 0):02}"
