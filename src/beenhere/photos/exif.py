"""Where, when and which way a photo was taken: EXIF headers, read and written.

EXIF is written by many hands. What cannot be believed is left out, and ``PhotoFacts.note`` says
what and why; it is never guessed.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from beenhere.dates import iso_date
from beenhere.photos.photo_file import opened, read_header

EXIF_IFD, GPS_IFD = 0x8769, 0x8825
"""Tags under which the blocks of the camera and of the receiver stand."""
_DATE_TAGS = ((EXIF_IFD, 0x9003), (EXIF_IFD, 0x9004), (None, 0x0132))
"""DateTimeOriginal, DateTimeDigitized, DateTime: the moment of the picture first."""

_DATE, _SUBSECOND, _OFFSET = 0x9003, 0x9291, 0x9011
_ISO = re.compile(
    r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(\d{2}:\d{2}:\d{2})(?:\.(\d+))?(Z|[+-]\d{2}:?\d{2})?)?)?)?"
)
_SECOND_PARTS = 1_000_000
"""Denominator of the seconds of a position: a millionth of a second of arc is 31 micrometres."""


@dataclass(frozen=True)
class PhotoFacts:
    """Facts from the header of a photo.

    Attributes:
        width, height: pixels, after EXIF orientation.
        lat, lon: degrees WGS84; both or neither.
        altitude: metres above sea level, negative below.
        heading: degrees clockwise from north, [0, 360); a magnetic one is taken as it is.
        captured: ISO 8601, local time as the camera's clock said; may be partial. Where only the
            GPS time is known it ends in ``Z`` (UTC).
        note: why a position that is there was not believed.
    """

    width: int
    height: int
    lat: float | None = None
    lon: float | None = None
    altitude: float | None = None
    heading: float | None = None
    captured: str | None = None
    note: str | None = None


def read_facts(photo: str | Path | bytes) -> PhotoFacts:
    """The facts in a photo's header; no pixel is decoded.

    Args:
        photo: a path, or what a file holds.

    Raises:
        PhotoError: the file cannot be read or holds no picture. Broken EXIF is no reason: the
            facts are then None.
    """
    with opened(photo) as file:
        header = read_header(file, photo)
        height, width = header.upright_size
        gps = ifd(header.exif, GPS_IFD)
        lat, lon, note = position(gps)
        altitude, heading = _number(gps.get(6)), _number(gps.get(17))
        if altitude is not None and gps.get(5) in (1, b"\x01", "1"):
            altitude = -abs(altitude)
        if heading is not None:
            heading %= 360.0
            heading = heading if heading < 360.0 else 0.0  # -1e-20 % 360 is 360 in floating point
        captured = _captured(header.exif, gps)
        return PhotoFacts(width, height, lat, lon, altitude, heading, captured, note)


def position(gps: Mapping[int, Any]) -> tuple[float | None, float | None, str | None]:
    """Latitude and longitude in degrees from EXIF GPS tags (1 to 4), and why there is none.

    Degrees, minutes and seconds may each be whole or carry a fraction, and parts at the end may be
    missing. S and W make a value negative; a value that is negative already stays so. Without a
    hemisphere letter only a negative value is clear. Latitude and longitude both 0 are what
    receivers write before they have a fix: no position.
    """
    if 2 not in gps and 4 not in gps:
        return None, None, None
    lat, lon = _angle(gps.get(2)), _angle(gps.get(4))
    if lat is None or lon is None:
        return None, None, "GPS position is not readable"
    if lat == 0 and lon == 0:
        return None, None, "GPS position is 0, 0 (no fix)"
    north, east = _letter(gps.get(1)), _letter(gps.get(3))
    if (north not in ("N", "S") and lat > 0) or (east not in ("E", "W") and lon > 0):
        return None, None, "GPS position without N or S, E or W"
    lat = -abs(lat) if north == "S" else lat
    lon = -abs(lon) if east == "W" else lon
    if abs(lat) > 90 or abs(lon) > 180:
        return None, None, f"GPS position is {lat:g}, {lon:g}: not on Earth"
    return lat, lon, None


def _angle(value: Any) -> float | None:
    """Degrees from one to three parts; None if any part that matters is undefined."""
    parts = value if isinstance(value, tuple | list) else (value,)
    numbers = [_number(part) for part in parts]
    if not 1 <= len(numbers) <= 3 or numbers[0] is None:
        return None
    total, before = 0.0, 0.5
    for number, unit in zip(numbers, (1, 60, 3600), strict=False):
        if number is None:
            # 0/0 stands for "not used" where the part before carries the fraction.
            if before == int(before):
                return None
            continue
        total += abs(number) / unit
        before = number
    return -total if any(number is not None and number < 0 for number in numbers) else total


def _number(value: Any) -> float | None:
    """A finite number, or None; EXIF's 1/0 and 0/0 are None."""
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _letter(value: Any) -> str:
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value or "")
    return text.strip(" \0")[:1].upper()


def _captured(exif: Image.Exif, gps: Mapping[int, Any]) -> str | None:
    for folder, tag in _DATE_TAGS:
        value = exif.get(tag) if folder is None else ifd(exif, folder).get(tag)
        if isinstance(value, str) and (found := iso_date(value)):
            return found
    clock = gps_time(gps)
    if clock is not None:
        return f"{clock:%Y-%m-%dT%H:%M:%SZ}"
    return iso_date(gps[29]) if isinstance(gps.get(29), str) else None


def gps_time(gps: Mapping[int, Any]) -> datetime | None:
    """GPSDateStamp and GPSTimeStamp, which receivers write in UTC; None where one is missing."""
    day = iso_date(gps[29]) if isinstance(gps.get(29), str) else None
    time = gps.get(7)
    clock = [_number(part) for part in time] if isinstance(time, tuple | list) else []
    if day is None or len(day) != len("2015-06-01") or len(clock) != 3:
        return None
    hours, minutes, seconds = (-1.0 if part is None else part for part in clock)
    if not (0 <= hours < 24 and 0 <= minutes < 60 and 0 <= seconds < 61):  # 60: a leap second
        return None
    midnight = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return midnight + timedelta(hours=hours, minutes=minutes, seconds=seconds)


def ifd(exif: Image.Exif, tag: int) -> Mapping[int, Any]:
    """The tags of one block, such as GPS (0x8825); empty where there is none, or a broken one."""
    try:
        return dict(exif.get_ifd(tag))
    except Exception:
        return {}  # a broken block of tags is no tags


def jpeg_bytes(pixels: NDArray[np.uint8], facts: PhotoFacts, quality: int) -> bytes:
    """A JPEG file with EXIF that :func:`read_facts` reads back.

    Args:
        pixels: ``(height, width, 3)`` RGB, upright.
        facts: position, altitude, heading and date; what is None is left out. A date that is
            partial is written as far as it goes; fractions of a second and a UTC offset go to
            their own tags (EXIF 2.31).
        quality: of the JPEG, 1 to 100.
    """
    data: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=quality)
    tags = _tags(facts).tobytes()
    return data[:2] + b"\xff\xe1" + (len(tags) + 2).to_bytes(2) + tags + data[2:]


def _tags(facts: PhotoFacts) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = 1
    gps = tags.get_ifd(GPS_IFD)
    if facts.lat is not None and facts.lon is not None:
        gps[1], gps[2] = "N" if facts.lat >= 0 else "S", _sexagesimal(facts.lat)
        gps[3], gps[4] = "E" if facts.lon >= 0 else "W", _sexagesimal(facts.lon)
    if facts.altitude is not None:
        gps[5] = b"\x01" if facts.altitude < 0 else b"\x00"
        gps[6] = IFDRational(round(abs(facts.altitude) * 1000), 1000)
    if facts.heading is not None:
        gps[16], gps[17] = "T", IFDRational(round(facts.heading * 10_000), 10_000)
    date = _ISO.fullmatch(facts.captured or "")
    if date is None:
        return tags
    # Readers take a month or day of 00, and a missing time, as not known.
    year, month, day, clock, fraction, offset = date.groups()
    inner = tags.get_ifd(EXIF_IFD)
    if day is None:
        inner[_DATE] = f"{year}:{month or '00'}:00 00:00:00"
    else:
        inner[_DATE] = f"{year}:{month}:{day}" + (f" {clock}" if clock else "")
    if fraction:
        inner[_SUBSECOND] = fraction
    if offset:
        inner[_OFFSET] = "+00:00" if offset == "Z" else f"{offset[:3]}:{offset[-2:]}"
    return tags


def _sexagesimal(angle: float) -> tuple[IFDRational, IFDRational, IFDRational]:
    """Degrees, minutes and seconds of an angle without its sign."""
    total = round(abs(Fraction(angle)) * 3600 * _SECOND_PARTS)
    minutes, seconds = divmod(total, 60 * _SECOND_PARTS)
    degrees, minutes = divmod(minutes, 60)
    return IFDRational(degrees), IFDRational(minutes), IFDRational(seconds, _SECOND_PARTS)
