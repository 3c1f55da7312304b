"""A position in the EXIF block of a JPEG, put there without touching any other byte of it.

The block is a TIFF file whose parts are found by their offsets, and maker notes hold offsets that
no public document tells. So nothing in it is moved: the new GPS directory, and a new main
directory if the old one had no entry for it, are appended, and one offset leads to them
(TIFF 6.0, section 2; CIPA DC-008-2023, 4.6.6).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from beenhere.errors import DataError
from beenhere.photos.exif import MARK

_GPS_POINTER = 0x8825
_BYTE, _ASCII, _LONG, _RATIONAL, _UNDEFINED = 1, 2, 4, 5, 7
_OF_A_RECEIVER = {8, 9, 10, 11, 31}
"""Satellites, status, measure mode, dilution and error: true of another fix alone."""
_EMPTY = b"MM\0*" + struct.pack(">IHI", 8, 0, 0)
_LONGEST = 65_533
"""Bytes in a segment of a JPEG: its length, of two bytes, counts itself."""
_SECOND_PARTS = 10_000
"""Denominator of the seconds: 3 mm."""


@dataclass(frozen=True)
class Fix:
    """A position to be written.

    Attributes:
        lat, lon: degrees WGS84.
        radius: metres around it that hold the truth in 90 of 100 cases; None if unknown.
        status: ``"known"`` or ``"guess"``.
        probability: that it is right; None if unknown.
        by: the program that says so, and its version.
    """

    lat: float
    lon: float
    radius: float | None
    status: str
    probability: float | None
    by: str

    @property
    def method(self) -> str:
        """How it was found, in a few words."""
        sure = "" if self.probability is None else f", probability {self.probability:.3f}"
        return f"{MARK} ({self.by}): {self.status}{sure}"


@dataclass(frozen=True)
class Splice:
    """Bytes ``start`` to ``end`` of a file become ``new``; all others stay."""

    start: int
    end: int
    new: bytes

    def of(self, content: bytes) -> bytes:
        """The file afterwards."""
        return content[: self.start] + self.new + content[self.end :]


def gps_splice(jpeg: bytes, fix: Fix) -> Splice:
    """How a JPEG gets a position.

    Args:
        jpeg: the whole file.
        fix: the position. Other GPS tags (time, heading, altitude) stay; what describes a
            receiver's fix goes.

    Raises:
        DataError: the file is damaged, or its EXIF has no room or cannot be added to.
    """
    exif, index, after = None, None, 2
    for code, start, end in _segments(jpeg):
        if code == 0xE0 and start == after:
            after = end  # JFIF stands first
        elif code == 0xE1 and exif is None and jpeg.startswith(b"Exif\0", start + 4):
            exif = start, end
        elif code == 0xE2 and index is None and jpeg.startswith(b"MPF\0", start + 4):
            index = start, end
    start, end = exif or (after, after)
    if index is not None and index[0] < start:
        raise DataError("its EXIF stands behind its index of further pictures")
    block = with_gps(jpeg[start + 10 : end] if exif else _EMPTY, fix)
    if len(block) + 6 > _LONGEST:
        raise DataError("its EXIF is full: 64 kB are the most; write a sidecar instead")
    new = b"\xff\xe1" + struct.pack(">H", len(block) + 8) + b"Exif\0\0" + block
    if index is None:
        return Splice(start, end, new)
    grown = len(new) - (end - start)
    pictures = _grown_first(jpeg[slice(*index)], grown)
    return Splice(start, index[1], new + jpeg[end : index[0]] + pictures)


def _segments(jpeg: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment before the picture (ITU T.81, B.1)."""
    at = 2
    while jpeg[at : at + 1] == b"\xff":
        while jpeg[at : at + 1] == b"\xff":  # any number of them may come before a marker
            at += 1
        code, end = (
            int.from_bytes(jpeg[at : at + 1]),
            at + 1 + int.from_bytes(jpeg[at + 1 : at + 3]),
        )
        if code == 0xDA:
            return
        if end < at + 3 or end > len(jpeg):
            break
        yield code, at - 1, end
        at = end
    raise DataError("damaged JPEG: cut off or broken before the picture starts")


def with_gps(tiff: bytes, fix: Fix) -> bytes:
    """An EXIF block with a position; what it held lies where it lay.

    Args:
        tiff: from its byte order on.

    Raises:
        DataError: it is no such block, or a directory of it lies outside of it.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        raise DataError("its EXIF is damaged: it has no byte order")
    (first,) = struct.unpack(f"{order}I", tiff[4:8])
    main, following = _directory(tiff, first, order)
    pointers = [row for row, (tag, _) in enumerate(main) if tag == _GPS_POINTER]
    kept: list[tuple[int, bytes]] = []
    if pointers:
        (there,) = struct.unpack(f"{order}I", main[pointers[0]][1][8:])
        kept, _ = _directory(tiff, there, order)
    at = len(tiff) + len(tiff) % 2
    block = tiff.ljust(at, b"\0") + _gps(kept, fix, order, at)
    pointer = struct.pack(f"{order}HHII", _GPS_POINTER, _LONG, 1, at)
    if pointers:
        where = first + 2 + 12 * pointers[0]
        return block[:where] + pointer + block[where + 12 :]
    entries = sorted([*main, (_GPS_POINTER, pointer)], key=lambda entry: entry[0])
    moved = struct.pack(f"{order}I", len(block))
    block += struct.pack(f"{order}H", len(entries)) + b"".join(entry for _, entry in entries)
    return block[:4] + moved + block[8:] + following


def _directory(tiff: bytes, at: int, order: str) -> tuple[list[tuple[int, bytes]], bytes]:
    """Its entries, each a tag and its 12 bytes, and the offset of the next directory."""
    start = at + 2
    count = struct.unpack(f"{order}H", tiff[at:start])[0] if start <= len(tiff) else 0
    end = start + 12 * count
    if at < 8 or start > len(tiff) or end > len(tiff):
        raise DataError("its EXIF is damaged: a directory lies outside of it")
    raw = [tiff[row : row + 12] for row in range(start, end, 12)]
    entries = [(struct.unpack(f"{order}H", one[:2])[0], one) for one in raw]
    return entries, tiff[end : end + 4].ljust(4, b"\0")


def _gps(kept: list[tuple[int, bytes]], fix: Fix, order: str, at: int) -> bytes:
    """The directory, to lie at an offset, and its values behind it."""
    method = b"ASCII\0\0\0" + fix.method.encode("ascii", "replace")
    values: dict[int, tuple[int, int, bytes]] = {
        0: (_BYTE, 4, bytes((2, 3, 0, 0))),
        1: (_ASCII, 2, b"N\0" if fix.lat >= 0 else b"S\0"),
        2: (_RATIONAL, 3, _degrees(fix.lat, order)),
        3: (_ASCII, 2, b"E\0" if fix.lon >= 0 else b"W\0"),
        4: (_RATIONAL, 3, _degrees(fix.lon, order)),
        18: (_ASCII, 7, b"WGS-84\0"),
        27: (_UNDEFINED, len(method), method),
    }
    if fix.radius is not None:
        centimetres = min(round(fix.radius * 100), 2**32 - 1)
        values[31] = (_RATIONAL, 1, struct.pack(f"{order}II", centimetres, 100))
    entries = [entry for entry in kept if entry[0] not in {*values, *_OF_A_RECEIVER}]
    free, behind = at + 2 + 12 * (len(entries) + len(values)) + 4, b""
    for tag, (kind, count, value) in values.items():
        head = struct.pack(f"{order}HHI", tag, kind, count)
        if len(value) <= 4:
            entries.append((tag, head + value.ljust(4, b"\0")))
        else:
            entries.append((tag, head + struct.pack(f"{order}I", free + len(behind))))
            behind += value + bytes(len(value) % 2)
    entries.sort(key=lambda entry: entry[0])
    directory = struct.pack(f"{order}H", len(entries)) + b"".join(entry for _, entry in entries)
    return directory + bytes(4) + behind


def _degrees(angle: float, order: str) -> bytes:
    total = round(abs(Fraction(angle)) * 3600 * _SECOND_PARTS)
    minutes, seconds = divmod(total, 60 * _SECOND_PARTS)
    degrees, minutes = divmod(minutes, 60)
    return struct.pack(f"{order}6I", degrees, 1, minutes, 1, seconds, _SECOND_PARTS)


def _grown_first(segment: bytes, grown: int) -> bytes:
    """An index of several pictures in one file (CIPA DC-007) after the first of them has grown.

    The others are found from the index itself, which moves with them.
    """
    head, tiff = segment[:8], segment[8:]
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return segment
    try:
        entries, _ = _directory(tiff, struct.unpack(f"{order}I", tiff[4:8])[0], order)
        (at,) = struct.unpack(f"{order}I", dict(entries)[0xB002][8:])
        (size,) = struct.unpack(f"{order}I", tiff[at + 4 : at + 8])
        size = struct.pack(f"{order}I", size + grown)
    except (DataError, KeyError, struct.error):
        return segment
    return head + tiff[: at + 4] + size + tiff[at + 8 :]
