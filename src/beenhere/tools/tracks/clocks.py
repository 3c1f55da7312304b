"""When a photo was taken: what its EXIF says, and what is still needed to know the moment."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from beenhere.dates import iso_date
from beenhere.errors import ConfigError, DataError
from beenhere.photos.exif import gps_time, ifd, xmp_date
from beenhere.photos.photo_file import EXIF_IFD, GPS_IFD, opened, read_header

_CLOCKS = ((0x9003, 0x9291, 0x9011), (0x9004, 0x9292, 0x9012))
"""Date, fraction of a second and UTC offset: of the picture, else of its digitisation. The third
such date is that of the file's last change, and says nothing of the picture."""

_OFFSET = re.compile(r"([+-])(\d{1,2}):?(\d{2})")


def camera_time(path: str) -> datetime | None:
    """The time of the camera's clock, to the fraction of a second; None if EXIF has none.

    With a time zone where EXIF has one (OffsetTimeOriginal), without where it has none. Where there
    is no date but one in XMP, or a GPS time, that; the latter is UTC.

    Raises:
        PhotoError: the file cannot be read or holds no picture.
    """
    with opened(path) as file:
        header = read_header(file, path)
    inner = ifd(header.exif, EXIF_IFD)
    for date, fraction, offset in _CLOCKS:
        clock = _clock(inner.get(date), inner.get(fraction))
        if clock is not None:
            return clock if clock.tzinfo else clock.replace(tzinfo=_zone(inner.get(offset)))
    return stated_time(xmp_date(header.xmp)) or gps_time(ifd(header.exif, GPS_IFD))


def stated_time(captured: str | None) -> datetime | None:
    """A table's ``captured`` as a time, with its zone if it has one; None for a mere date."""
    return _clock(captured, None)


def moment(clock: datetime, zone: tzinfo | None) -> datetime:
    """The moment that a camera's clock stood for, with its UTC offset.

    Args:
        clock: with a zone, which counts, or without.
        zone: of clocks without.

    Raises:
        DataError: no zone, or a time that this zone had twice or not at all: when its clocks are
            changed. The message is short enough to stand in a list beside the path.
    """
    if clock.tzinfo is not None:
        return clock
    if zone is None:
        raise DataError("its time has no UTC offset; give --timezone")
    first, second = clock.replace(tzinfo=zone, fold=0), clock.replace(tzinfo=zone, fold=1)
    if first.utcoffset() != second.utcoffset():
        again = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == clock
        times = "twice" if again else "never"
        raise DataError(
            f"its time {clock:%Y-%m-%d %H:%M:%S} was {times} in {zone}, where clocks were changed; "
            "give --timezone as an offset such as +02:00"
        )
    offset = first.utcoffset()
    return clock.replace(tzinfo=UTC if not offset else timezone(offset))


def time_zone(text: str) -> tzinfo:
    """A zone by its name (``Europe/Stockholm``) or its offset from UTC (``+02:00``, ``UTC``).

    Raises:
        ConfigError: neither; the message names the nearest zone.
    """
    offset = _zone(text)
    if offset is not None:
        return offset
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        near = get_close_matches(text, available_timezones(), 1, 0.0)
        raise ConfigError(
            f"timezone is {text!r}; expected an offset such as +02:00 or a name such as "
            f"{near[0] if near else 'Europe/Stockholm'}"
        ) from error


def _clock(date: Any, fraction: Any) -> datetime | None:
    text = iso_date(date) if isinstance(date, str) else None
    if text is None or "T" not in text:
        return None
    clock = datetime.fromisoformat(text)
    digits = fraction.strip(" \0") if isinstance(fraction, str) else ""
    if digits.isascii() and digits.isdigit():
        clock = clock.replace(microsecond=int(digits[:6].ljust(6, "0")))
    return clock


def _zone(text: Any) -> tzinfo | None:
    if not isinstance(text, str):
        return None
    stripped = text.strip(" \0")
    if stripped.upper() in ("Z", "UTC"):
        return UTC
    match = _OFFSET.fullmatch(stripped)
    if match is None:
        return None
    sign, hours, minutes = match.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    if offset >= timedelta(hours=24):
        return None
    return timezone(-offset if sign == "-" else offset) if offset else UTC
