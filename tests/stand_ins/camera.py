"""Writes photos as cameras do, and headers that no library would write."""

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray

GPS, EXIF = 0x8825, 0x8769
BYTE, ASCII, SHORT, LONG, RATIONAL, SRATIONAL = 1, 2, 3, 4, 5, 10
_FORMATS = {BYTE: "B", SHORT: "H", LONG: "I", RATIONAL: "II", SRATIONAL: "ii"}

Tag = tuple[int, Any]
"""A type and its values: text for ASCII, pairs for rationals, else numbers."""


def street(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """A picture with edges, slopes and grain, ``(height, width, 3)``."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    picture = np.stack([90 + 100 * y, 120 + 60 * x, 200 - 120 * y], axis=2)
    for _ in range(12):
        top, left = rng.integers(0, height), rng.integers(0, width)
        bottom, right = top + height // 5, left + width // 6
        picture[top:bottom, left:right] = rng.integers(0, 256, 3)
    picture += rng.normal(0, 4, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


def tiff(tags: dict[int, Tag], folders: dict[int, dict[int, Tag]] | None = None) -> bytes:
    """A big-endian block of EXIF tags (TIFF 6.0, section 2), with folders such as :data:`GPS`."""
    folders = folders or {}
    count = len(tags) + len(folders)
    at = 8 + 2 + 12 * count + 4
    body, spill = _folder(tags, at)
    at += len(spill)
    pointers = blocks = b""
    for tag, inner in folders.items():
        pointers += struct.pack(">HHII", tag, LONG, 1, at)
        entries, values = _folder(inner, at + 2 + 12 * len(inner) + 4)
        block = struct.pack(">H", len(inner)) + entries + bytes(4) + values
        blocks += block
        at += len(block)
    head = b"MM\0*" + struct.pack(">I", 8) + struct.pack(">H", count)
    return head + body + pointers + bytes(4) + spill + blocks


def _folder(tags: dict[int, Tag], at: int) -> tuple[bytes, bytes]:
    entries, values = b"", b""
    for tag, (kind, given) in sorted(tags.items()):
        if kind == ASCII:
            data = given if isinstance(given, bytes) else given.encode() + b"\0"
            number = len(data)
        else:
            flat = [part for value in given for part in np.atleast_1d(value).tolist()]
            form = _FORMATS[kind]
            number = len(flat) // len(form)
            data = struct.pack(">" + form * number, *flat)
        if len(data) <= 4:
            entries += struct.pack(">HHI", tag, kind, number) + data.ljust(4, b"\0")
        else:
            entries += struct.pack(">HHII", tag, kind, number, at + len(values))
            values += data
    return entries, values


def gps(lat: Any, north: str | None, lon: Any, east: str | None, kind: int = RATIONAL) -> bytes:
    """EXIF with a position; ``lat`` and ``lon`` as lists of values of a type."""
    tags: dict[int, Tag] = {2: (kind, lat), 4: (kind, lon)}
    if north is not None:
        tags[1] = (ASCII, north)
    if east is not None:
        tags[3] = (ASCII, east)
    return tiff({}, {GPS: tags})


def dms(degrees: float, denominator: int = 10_000) -> list[tuple[int, int]]:
    """Degrees, minutes and seconds as rationals, without a sign."""
    total = round(abs(Fraction(degrees)) * 3600 * denominator)
    whole, rest = divmod(total, 3600 * denominator)
    minutes, seconds = divmod(rest, 60 * denominator)
    return [(whole, 1), (minutes, 1), (seconds, denominator)]


def jpeg(picture: NDArray[np.uint8], exif: bytes = b"", quality: int = 90) -> bytes:
    """A JPEG with an EXIF block."""
    data: bytes = simplejpeg.encode_jpeg(picture, quality=quality)
    if not exif:
        return data
    payload = b"Exif\0\0" + exif
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload + data[2:]


def write_photo(
    path: Path,
    size: tuple[int, int] = (24, 32),
    position: tuple[float, float] | None = None,
    orientation: int = 1,
    captured: str | None = None,
    seed: int = 0,
) -> Path:
    """A small JPEG of ``(height, width)`` with the EXIF that a phone writes."""
    tags: dict[int, Tag] = {0x0112: (SHORT, [orientation])}
    folders: dict[int, dict[int, Tag]] = {}
    if captured is not None:
        folders[EXIF] = {0x9003: (ASCII, captured)}
    if position is not None:
        lat, lon = position
        folders[GPS] = {
            1: (ASCII, "N" if lat >= 0 else "S"),
            2: (RATIONAL, dms(lat)),
            3: (ASCII, "E" if lon >= 0 else "W"),
            4: (RATIONAL, dms(lon)),
        }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(jpeg(street(*size, seed), tiff(tags, folders)))
    return path
