"""Where, when and which way a photo was taken: EXIF headers, read and written; XMP in their place.

XMP stands in a photo or in a file beside it, as darktable, digiKam and Adobe's programs write it.

Headers are written by many hands. What cannot be believed is left out, and ``PhotoFacts`` says
what and why; it is never guessed.
"""

import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import numpy as np
import simplejpeg
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from beenhere.dates import iso_date
from beenhere.files.regular import read_regular
from beenhere.photos.photo_file import EXIF_IFD, GPS_IFD, PhotoHeader, opened, read_header
from beenhere.wording import shortened

MARK = "located by picture"
"""Stands in GPSProcessingMethod, so that nobody takes an answer for a receiver's position."""
MARK_SPACE = "urn:beenhere:located-by-picture#"
"""The XMP namespace of what we say of such a position."""
BY_PICTURE = "its position was located by picture, not measured, and is not taken for the truth"
"""The note of a photo whose only position is an earlier answer."""

_STATUS, _METHOD = 9, 27
_SAME = 1e-5
"""Degrees, 1 m: an editor copies a position from EXIF to a file beside the photo, without its mark.
"""

_DATE_TAGS = ((EXIF_IFD, 0x9003), (EXIF_IFD, 0x9004), (None, 0x0132))
"""DateTimeOriginal, DateTimeDigitized, DateTime: the moment of the picture first."""

_XMP_EXIF = "{http://ns.adobe.com/exif/1.0/}"
_XMP_DATES = (
    f"{_XMP_EXIF}DateTimeOriginal",
    "{http://ns.adobe.com/photoshop/1.0/}DateCreated",
    "{http://ns.adobe.com/xap/1.0/}CreateDate",
)
_XMP_ANGLE = re.compile(r"\s*([-+]?[0-9.,]+)\s*([NSEWnsew]?)\s*")
_MOST_XMP = 1 << 22
"""Bytes; XMP of more is not looked into."""
_UNKNOWN = re.compile(r"[\s:0/-]*")
"""A date that says that it is not known."""

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
        unread: the same of a heading or date.
        answer: latitude and longitude of a photo that has no other position than an earlier answer
            of ``beenhere locate``, written into it or beside it. It is never ``lat``, ``lon``.
    """

    width: int
    height: int
    lat: float | None = None
    lon: float | None = None
    altitude: float | None = None
    heading: float | None = None
    captured: str | None = None
    note: str | None = None
    unread: str | None = None
    answer: tuple[float, float] | None = None


def read_facts(photo: str | Path | bytes) -> PhotoFacts:
    """The facts in a photo's header; no pixel is decoded.

    A position stands in EXIF, else in XMP, else in an XMP file beside the photo.

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
        if 2 not in gps and 4 not in gps:
            gps = _in_place_of(gps, header.xmp, but={_STATUS})
        beside = () if isinstance(photo, bytes) else _beside(Path(photo))
        gps, lat, lon, note, answer = _placed(gps, beside)
        altitude, heading = _number(gps.get(6)), _number(gps.get(17))
        if altitude is not None and gps.get(5) in (1, b"\x01", "1"):
            altitude = -abs(altitude)
        captured, unread = _captured(header, gps)
        if heading is not None and abs(heading) > 360:
            more = f"GPS direction is {heading:g}: more than a turn"
            heading, unread = None, f"{unread}; {more}" if unread else more
        elif heading is not None:
            heading %= 360.0
            heading = heading if heading < 360.0 else 0.0  # -1e-20 % 360 is 360 in floating point
        return PhotoFacts(
            width, height, lat, lon, altitude, heading, captured, note, unread, answer
        )


def sidecars(photo: Path) -> tuple[Path, ...]:
    """Where an XMP file beside a photo may be: ``a.jpg.xmp``, of darktable and digiKam; ``a.xmp``.

    Adobe's programs write the latter; those of other makers call it ``a.XMP``, too.
    """
    ends = (f"{photo.suffix}.xmp", ".xmp", ".XMP")
    return tuple(photo.with_suffix(end) for end in ends)


def _beside(photo: Path) -> Iterator[bytes]:
    """What stands in the XMP files beside a photo; a position that cannot be read is one."""
    for sidecar in sidecars(photo):
        try:
            yield read_regular(sidecar, _MOST_XMP)
        except FileNotFoundError:
            continue
        except OSError:
            yield b"GPSL"


def _placed(
    own: Mapping[int, Any], packets: Iterable[bytes]
) -> tuple[Mapping[int, Any], float | None, float | None, str | None, tuple[float, float] | None]:
    """GPS tags, latitude, longitude, note and answer (see PhotoFacts) of a photo or beside it."""
    used, why = own, None
    answer: tuple[float, float] | None = None
    for gps in chain([own], (_in_place_of(own, packet) for packet in packets)):
        lat, lon, note = position(gps)
        if lat is None or lon is None:
            why = why or note
            continue
        method = gps.get(_METHOD)
        text = method.decode("latin-1") if isinstance(method, bytes) else str(method)
        if MARK in text or (answer and max(abs(lat - answer[0]), abs(lon - answer[1])) < _SAME):
            used, answer = gps, answer or (lat, lon)
            continue
        return gps, lat, lon, None, None
    return used, None, None, BY_PICTURE if answer else why, answer


def position(gps: Mapping[int, Any]) -> tuple[float | None, float | None, str | None]:
    """Latitude and longitude in degrees from EXIF GPS tags (1 to 4, 9), and why there is none.

    Degrees, minutes and seconds may each be whole or carry a fraction, and parts at the end may be
    missing; 60 minutes or seconds come of rounding, and more are no angle, but for seconds that
    stand for the minutes too. S and W make a value negative; a value that is negative already stays
    so. Without a hemisphere letter only a negative value is clear. Latitude and longitude both 0
    are what receivers write before they have a fix: no position. A receiver that has lost its fix
    says so (GPSStatus V), and repeats the last position that it knew.
    """
    if 2 not in gps and 4 not in gps:
        return None, None, None
    lat, lon = _angle(gps.get(2)), _angle(gps.get(4))
    if lat is None or lon is None:
        return None, None, "GPS position is not readable"
    if lat == 0 and lon == 0:
        return None, None, "GPS position is 0, 0 (no fix)"
    if _letter(gps.get(9)) == "V":
        return None, None, "GPS position without a fix (GPSStatus V)"
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
    total, before, most = 0.0, 0.5, 60.0
    for number, unit in zip(numbers, (1, 60, 3600), strict=False):
        if number is None:
            # 0/0 stands for "not used" where the part before carries the fraction.
            if before == int(before):
                return None
            continue
        # Minutes and seconds beside what says them already, as a fraction, would count twice.
        if unit > 1 and number and (before != int(before) or not abs(number) <= most):
            return None
        total += abs(number) / unit
        before, most = number, 3600.0 if unit == 60 and number == 0 else 60.0
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


def _captured(header: PhotoHeader, gps: Mapping[int, Any]) -> tuple[str | None, str | None]:
    """The date, and which is there and cannot be read if there is no other."""
    unread = None
    for folder, tag in _DATE_TAGS:
        value = header.exif.get(tag) if folder is None else ifd(header.exif, folder).get(tag)
        if isinstance(value, str) and (found := iso_date(value)):
            return found, None
        if isinstance(value, str) and not _UNKNOWN.fullmatch(value.replace("\0", " ")):
            unread = unread or f"its date {shortened(value, 40)!r} is none"
    clock = gps_time(gps)
    stated = iso_date(gps[29]) if isinstance(gps.get(29), str) else None
    found = xmp_date(header.xmp) or (f"{clock:%Y-%m-%dT%H:%M:%SZ}" if clock else stated)
    return found, None if found else unread


def xmp_tags(xmp: bytes, *spaces: str) -> dict[str, str]:
    """The properties of an XMP packet whose names begin with one of some namespaces.

    Attributes and elements are two ways to write the same. Broken or hostile XMP is none.

    Args:
        xmp: the packet, or what stands there.
        spaces: such as ``"{http://ns.adobe.com/exif/1.0/}"``; the keys have them too.
    """
    found: dict[str, str] = {}
    if not xmp or len(xmp) > _MOST_XMP:
        return found
    try:
        for _, element in iterparse(io.BytesIO(xmp.strip(b" \0\r\n\t")), forbid_dtd=True):
            pairs = [(element.tag, element.text or ""), *element.attrib.items()]
            found |= {name: text.strip() for name, text in pairs if name.startswith(spaces)}
    except (ParseError, DefusedXmlException, ValueError):
        return {}
    return {name: text for name, text in found.items() if text}


def xmp_date(xmp: bytes) -> str | None:
    """When an XMP packet says that the photo was taken, as ISO 8601; it may be partial."""
    if b"Date" not in xmp:
        return None  # to parse it takes longer than to open the file
    tags = xmp_tags(xmp, *_XMP_DATES)
    dates = (iso_date(tags[name]) for name in _XMP_DATES if name in tags)
    return next((date for date in dates if date), None)


def _in_place_of(gps: Mapping[int, Any], xmp: bytes, but: Iterable[int] = ()) -> Mapping[int, Any]:
    """The GPS tags with the position of an XMP packet; the same tags where it has none.

    What they say of a position that they have not (letters, status, method) says nothing of XMP's;
    ``but`` for some.
    """
    found = _gps_of_xmp(xmp)
    dropped = {1, 2, 3, 4, _METHOD} | (set() if 2 in gps or 4 in gps else {_STATUS})
    own = {tag: value for tag, value in gps.items() if tag not in dropped - set(but)}
    return found | own if found else gps


def _gps_of_xmp(xmp: bytes) -> dict[int, Any]:
    """EXIF's GPS tags out of XMP, which writes ``55,42.27N`` (XMP part 2, GPSCoordinate)."""
    if b"GPSL" not in xmp:
        return {}
    tags = {
        name.rpartition("}")[2]: text
        for name, text in xmp_tags(xmp, _XMP_EXIF, f"{{{MARK_SPACE}}}").items()
    }
    if not tags:
        return {2: ""}  # broken: a position that cannot be read
    found: dict[int, Any] = {
        _STATUS: tags.get("GPSStatus"),
        _METHOD: tags.get("GPSProcessingMethod"),
    }
    if "LocatedByPicture" in tags:
        found[_METHOD] = MARK
    for tag, name in ((2, "GPSLatitude"), (4, "GPSLongitude")):
        match = _XMP_ANGLE.fullmatch(tags.get(name, "")[:64])
        if match is not None:
            number, letter = match.groups()
            letter = letter or tags.get(f"{name}Ref", "")
            if "," not in number and not letter:  # degrees with a sign
                letter = ("N" if tag == 2 else "E") if (_number(number) or 0) >= 0 else ""
            found |= {tag: tuple(number.split(",")), tag - 1: letter}
        elif name in tags:
            found[tag] = tags[name]
    part, _, whole = tags.get("GPSImgDirection", "").partition("/")
    if (angle := _number(part)) is not None:
        found[17] = angle / (_number(whole) or 1.0)
    return found


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
