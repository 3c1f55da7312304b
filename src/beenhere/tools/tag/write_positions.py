"""Positions that were found, written into photos or beside them, and never over another."""

import json
import math
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from beenhere import __version__
from beenhere.errors import DataError, PhotoError
from beenhere.photos.exif import ifd, position
from beenhere.photos.photo_file import GPS_IFD, MAX_BYTES, opened, read_header
from beenhere.tools.tag.exif_gps import Fix, Splice, gps_splice
from beenhere.tools.tag.undo import alone, change
from beenhere.tools.tag.xmp_sidecar import blanked, position_in, sidecar_of, with_position

_GPS_LATITUDE, _GPS_LONGITUDE = 2, 4


@dataclass
class Written:
    """What became of some answers.

    Attributes:
        files: that were written: photos, and sidecars.
        kept: path and reason of photos with a position of their own, which were left as they are.
        failed: path and reason of those that could not be written.
        guesses, unknown: how many were not written for what they are.
    """

    files: list[Path] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    guesses: int = 0
    unknown: int = 0


def read_answers(file: Path) -> list[dict[str, Any]]:
    """The answers that ``beenhere locate`` wrote as JSON.

    Raises:
        DataError: another file; what it holds is named.
    """
    expected = "expected the JSON that `beenhere locate --out answers.json` writes"
    try:
        answers = json.loads(file.read_bytes())
    except OSError as error:
        raise DataError(f"{file} cannot be read ({(error.strerror or '').lower()})") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file} is no JSON; {expected}") from error
    if not isinstance(answers, list):
        raise DataError(f"{file} holds no list of answers; {expected}")
    for number, answer in enumerate(answers, 1):
        if not _is_answer(answer):
            raise DataError(f"{file}: answer {number} is none of a photo; {expected}")
    return answers


def _is_answer(answer: Any) -> bool:
    if not isinstance(answer, dict) or not isinstance(answer.get("query"), str):
        return False
    place = answer.get("place")
    numbers = [answer.get(name) for name in ("lat", "lon", "radius_m", "probability")]
    if isinstance(place, dict):
        numbers += [place.get("lat"), place.get("lon")]
    elif place is not None:
        return False
    known = answer.get("status") in ("known", "guess", "unknown")
    return known and all(each is None or _is_number(each) for each in numbers)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def write_positions(
    answers: Sequence[Mapping[str, Any]],
    *,
    exif: bool,
    xmp: bool,
    overwrite: bool = False,
    guesses: bool = False,
) -> Written:
    """Write what is known into photos or beside them; what a photo held can be brought back.

    Args:
        answers: as :func:`beenhere.report.location.to_json` has them.
        exif: into EXIF, of JPEG files; beside all others.
        xmp: beside all photos.
        overwrite: also where a photo has a position of its own.
        guesses: also guesses, which are marked as such.
    """
    written = Written()
    for answer in answers:
        name = answer["query"]
        fix = fix_of(answer)
        if answer["status"] == "unknown" or fix is None:
            written.unknown += 1
            continue
        if answer["status"] == "guess" and not guesses:
            written.guesses += 1
            continue
        photo = Path(name)
        try:
            # A link stays one: what it leads to is written.
            with alone(photo.resolve().parent):
                written.files += _write(photo.resolve(), fix, exif, xmp, overwrite)
        except _HasPosition as error:
            written.kept.append((name, str(error)))
        except PhotoError as error:
            written.failed.append((name, error.reason))
        except DataError as error:
            written.failed.append((name, str(error)))
        except OSError as error:
            written.failed.append((name, (error.strerror or str(error)).lower()))
    return written


def fix_of(answer: Mapping[str, Any]) -> Fix | None:
    """The position of an answer, known or a guess; None where it has none."""
    where = answer if answer["status"] == "known" else answer.get("place") or {}
    lat, lon = where.get("lat"), where.get("lon")
    if lat is None or lon is None or abs(lat) > 90 or abs(lon) > 180:
        return None
    by = f"beenhere {__version__}"
    radius, probability = answer.get("radius_m"), answer.get("probability")
    return Fix(float(lat), float(lon), radius, answer["status"], probability, by)


class _HasPosition(DataError):
    """A photo with a position that is not to be overwritten."""


def _write(photo: Path, fix: Fix, exif: bool, xmp: bool, overwrite: bool) -> list[Path]:
    """The files of one photo; all are made before the first is written."""
    content, sidecar = _content(photo), sidecar_of(photo)
    jpeg = content.startswith(b"\xff\xd8\xff")
    if exif and jpeg:
        _check_writable(photo)
    beside = _content(sidecar) if sidecar.exists() else None
    if beside is not None and (xmp or not jpeg):
        _check_writable(sidecar)
    if not overwrite and (own := _own_position(content, beside)) is not None:
        raise _HasPosition(f"has a position already ({own})")
    changes: list[tuple[Path, bytes | None, Splice]] = []
    if exif and jpeg:
        changes.append((photo, content, _into(content, fix)))
    if xmp or (exif and not jpeg):
        new = Splice(0, len(beside or b""), with_position(beside, fix))
        changes.append((sidecar, beside, new))
    for one in changes:
        change(*one)
    return [file for file, _, _ in changes]


def _into(jpeg: bytes, fix: Fix) -> Splice:
    """How a JPEG gets a position in EXIF; one in its XMP packet is blanked, byte for byte."""
    with opened(jpeg) as file:
        packet = read_header(file, jpeg).xmp
    if b"GPSL" not in packet:
        return gps_splice(jpeg, fix)
    at = jpeg.index(packet)
    end = at + len(packet)
    cleared = jpeg[:at] + blanked(packet) + jpeg[end:]
    exif = gps_splice(cleared, fix)
    new = exif.of(cleared)
    start, behind = min(at, exif.start), len(jpeg) - max(end, exif.end)
    return Splice(start, len(jpeg) - behind, new[start : len(new) - behind])


def _check_writable(file: Path) -> None:
    if not file.stat().st_mode & 0o222:
        raise DataError("is read-only, and is left as it is")


def _content(file: Path) -> bytes:
    status = file.stat()
    if not stat.S_ISREG(status.st_mode):
        raise DataError("not a regular file")
    if status.st_size > MAX_BYTES:
        raise DataError(f"file of {status.st_size >> 20} MiB; expected at most {MAX_BYTES >> 20}")
    return file.read_bytes()


def _own_position(content: bytes, beside: bytes | None) -> str | None:
    """The position of a photo or of its sidecar in words, also one that cannot be believed."""
    if beside is not None and (found := position_in(beside)) is not None:
        return f"{found} in its sidecar"
    try:
        with opened(content) as file:
            header = read_header(file, content)
    except PhotoError:
        return None  # a camera's raw file, say: only what lies beside it is looked at
    gps = ifd(header.exif, GPS_IFD)
    if _GPS_LATITUDE in gps or _GPS_LONGITUDE in gps:
        lat, lon, note = position(gps)
        return note or f"{lat:.5f}, {lon:.5f} in EXIF"
    return "in XMP" if b"GPSLatitude" in header.xmp else None
