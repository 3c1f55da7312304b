"""Writes a photo with what is known of it in its EXIF header, so that it stands alone."""

import re
from fractions import Fraction

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from beenhere.exif import EXIF_IFD, GPS_IFD, PhotoFacts

_DATE, _SUBSECOND, _OFFSET = 0x9003, 0x9291, 0x9011
_ISO = re.compile(
    r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(\d{2}:\d{2}:\d{2})(?:\.(\d+))?(Z|[+-]\d{2}:?\d{2})?)?)?)?"
)
_SECOND_PARTS = 1_000_000
"""Denominator of the seconds of a position: a millionth of a second of arc is 31 micrometres."""


def jpeg_bytes(pixels: NDArray[np.uint8], facts: PhotoFacts, quality: int) -> bytes:
    """A JPEG file with EXIF that :func:`beenhere.exif.read_facts` reads back.

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
    if date:
        _write_date(tags, date)
    return tags


def _sexagesimal(degrees: float) -> tuple[IFDRational, IFDRational, IFDRational]:
    """Degrees, minutes and seconds of an angle without its sign."""
    total = round(abs(Fraction(degrees)) * 3600 * _SECOND_PARTS)
    minutes, seconds = divmod(total, 60 * _SECOND_PARTS)
    return (
        IFDRational(minutes // 60, 1),
        IFDRational(minutes % 60, 1),
        IFDRational(seconds, _SECOND_PARTS),
    )


def _write_date(tags: Image.Exif, date: re.Match[str]) -> None:
    """The date; readers take a month or day of 00, and a missing time, as not known."""
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
