"""Finds the panoramas among photos: what each covers, where it was taken and which way it looks.

A photo says that it is one by Google's Photo Sphere tags in its XMP packet, or by its aspect.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from beenhere.errors import DataError, PhotoError
from beenhere.photos.exif import PhotoFacts, read_facts, xmp_tags
from beenhere.photos.formats.reading import FROM_EXIF
from beenhere.photos.photo_file import HEADER_READERS, PhotoHeader, opened, read_header
from beenhere.photos.table import PhotoTable
from beenhere.progress import progress
from beenhere.tools.panoramas.cut import WHOLE_SPHERE, Cover, Sphere
from beenhere.wording import shortened

_NAMESPACE = "{http://ns.google.com/photos/1.0/panorama/}"
_ASPECT = 2.0
_ASPECT_SLACK = 0.01
"""How far, relative to 2:1, a picture may be off and still be a whole sphere: stitchers round."""
_SCALE_SLACK = 0.02
"""The same between a picture and the cropped area that its tags name."""


@dataclass(frozen=True)
class Panorama:
    """A panorama and what is known of it.

    Attributes:
        path: its file.
        sphere: how it lies on the sphere; the heading is that of its middle column.
        row: its row of the photo table, by column.
        altitude: metres above sea level.
    """

    path: str
    sphere: Sphere
    row: dict[str, Any]
    altitude: float | None


@dataclass(frozen=True)
class Panoramas:
    """The panoramas among photos, and the others.

    Attributes:
        panoramas: in the order of the table.
        photos: ``(path, why)`` of photos that are no panoramas.
        unusable: ``(path, reason)`` of files that cannot be read.
    """

    panoramas: list[Panorama]
    photos: list[tuple[str, str]]
    unusable: list[tuple[str, str]]


def find_panoramas(table: PhotoTable) -> Panoramas:
    """Look into the header of every photo of a table; no pixel is decoded.

    The heading is that of the table or of the ``@`` name; else PoseHeadingDegrees of XMP; else
    GPSImgDirection of EXIF. Position and date are those of the table, else of EXIF.
    """
    found = Panoramas([], [], list(table.unusable))
    rows: Sequence[dict[str, Any]] = table.frame.to_dicts()
    exif_alone = table.source == FROM_EXIF

    def look(row: dict[str, Any]) -> Panorama | DataError:
        try:
            with opened(row["path"]) as file:
                sphere = read_sphere(read_header(file, row["path"]))
            facts = read_facts(row["path"])
        except DataError as error:
            return error
        headings = (None if exif_alone else row["heading"], sphere.heading, facts.heading)
        heading = next((known for known in headings if known is not None), None)
        whole = row | _filled(row, facts)
        return Panorama(row["path"], replace(sphere, heading=heading), whole, facts.altitude)

    with (
        ThreadPoolExecutor(HEADER_READERS) as pool,
        progress("photo headers", len(rows)) as advance,
    ):
        for row, result in zip(rows, pool.map(look, rows), strict=True):
            if isinstance(result, PhotoError):
                found.unusable.append((row["path"], result.reason))
            elif isinstance(result, DataError):
                found.photos.append((row["path"], str(result)))
            else:
                found.panoramas.append(result)
            advance(1)
    return found


def _filled(row: dict[str, Any], facts: PhotoFacts) -> dict[str, Any]:
    """Columns that are empty in the table and known to the header."""
    filled: dict[str, Any] = {}
    if row["lat"] is None and row["easting"] is None:
        filled |= {"lat": facts.lat, "lon": facts.lon}
    if row["captured"] is None:
        filled["captured"] = facts.captured
    return filled


def read_sphere(header: PhotoHeader) -> Sphere:
    """The sphere of a panorama, by its XMP tags or, without any, by its aspect of 2:1.

    Source of the tags and their meaning: Google, Photo Sphere XMP Metadata.

    Raises:
        DataError: no equirectangular panorama, or tags that contradict the picture; the message
            is short enough to stand in a list beside the path.
    """
    height, width = header.upright_size
    tags = {
        name.removeprefix(_NAMESPACE): text
        for name, text in xmp_tags(header.xmp, _NAMESPACE).items()
    }
    kind = tags.get("ProjectionType", "equirectangular" if tags else "").lower()
    whole = abs(width / height / _ASPECT - 1) <= _ASPECT_SLACK
    if kind not in ("", "equirectangular"):
        what = shortened(kind)
        raise DataError(f"its XMP says {what}; only equirectangular panoramas can be cut")
    if not tags and not whole:
        raise DataError(
            f"{width} x {height} pixels, no XMP tags of a panorama; a panorama is twice as wide "
            "as high"
        )
    heading = _number(tags, "PoseHeadingDegrees")
    return Sphere(
        cover=_cover(tags, height, width, whole),
        heading=None if heading is None else heading % 360.0 % 360.0,
        pitch=_number(tags, "PosePitchDegrees") or 0.0,
        roll=_number(tags, "PoseRollDegrees") or 0.0,
    )


def _cover(tags: dict[str, str], height: int, width: int, whole: bool) -> Cover:
    full_width = _number(tags, "FullPanoWidthPixels")
    full_height = _number(tags, "FullPanoHeightPixels")
    if full_width is None or full_height is None:
        if whole:
            return WHOLE_SPHERE
        raise DataError(
            f"{width} x {height} pixels of a panorama whose XMP lacks FullPanoWidthPixels and "
            "FullPanoHeightPixels"
        )
    area_width = _number(tags, "CroppedAreaImageWidthPixels") or float(width)
    area_height = _number(tags, "CroppedAreaImageHeightPixels") or float(height)
    left = _number(tags, "CroppedAreaLeftPixels") or 0.0
    top = _number(tags, "CroppedAreaTopPixels") or 0.0
    # A picture may have been scaled since, but both ways alike.
    if abs(width / area_width / (height / area_height) - 1) > _SCALE_SLACK:
        raise DataError(
            f"{width} x {height} pixels, but its XMP says that they show an area of "
            f"{area_width:g} x {area_height:g}"
        )
    slack = 1e-3 * full_height
    fits = area_width <= full_width + slack and -slack <= top <= full_height - area_height + slack
    if not (fits and full_height > 0):
        raise DataError(
            f"its XMP says an area of {area_width:g} x {area_height:g} at row {top:g} of a "
            f"panorama of {full_width:g} x {full_height:g}: it does not fit"
        )
    return Cover(
        left / full_width, top / full_height, area_width / full_width, area_height / full_height
    )


def _number(tags: dict[str, str], name: str) -> float | None:
    try:
        value = float(tags[name])
    except (KeyError, ValueError):
        return None
    return value if math.isfinite(value) else None
