"""Finds the panoramas among photos: what each covers, where it was taken and which way it looks."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from beenhere.datasets.formats.exif_folder import SOURCE as FROM_EXIF
from beenhere.datasets.panoramas.gpano import Sphere, read_sphere
from beenhere.datasets.table import PhotoTable
from beenhere.errors import DataError, PhotoError
from beenhere.exif import PhotoFacts, read_facts
from beenhere.photo_file import HEADER_READERS, opened, read_header
from beenhere.progress import progress


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
class Found:
    """The panoramas among photos, and the others.

    Attributes:
        panoramas: in the order of the table.
        photos: ``(path, why)`` of photos that are no panoramas.
        unusable: ``(path, reason)`` of files that cannot be read.
    """

    panoramas: list[Panorama]
    photos: list[tuple[str, str]]
    unusable: list[tuple[str, str]]


def find_panoramas(table: PhotoTable) -> Found:
    """Look into the header of every photo of a table; no pixel is decoded.

    The heading is that of the table or of the ``@`` name; else PoseHeadingDegrees of XMP; else
    GPSImgDirection of EXIF. Position and date are those of the table, else of EXIF.
    """
    found = Found([], [], list(table.unusable))
    rows: Sequence[dict[str, Any]] = table.frame.to_dicts()
    exif_alone = table.source == FROM_EXIF

    def look(row: dict[str, Any]) -> Panorama | DataError:
        try:
            return _look(row, exif_alone)
        except DataError as error:
            return error

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


def _look(row: dict[str, Any], exif_alone: bool) -> Panorama:
    with opened(row["path"]) as file:
        sphere = read_sphere(read_header(file, row["path"]))
    facts = read_facts(row["path"])
    stated = None if exif_alone else row["heading"]
    headings = (stated, sphere.heading, facts.heading)
    heading = next((known for known in headings if known is not None), None)
    return Panorama(
        path=row["path"],
        sphere=replace(sphere, heading=heading),
        row=row | _filled(row, facts),
        altitude=facts.altitude,
    )


def _filled(row: dict[str, Any], facts: PhotoFacts) -> dict[str, Any]:
    """What the table does not know and the header does."""
    filled: dict[str, Any] = {}
    if row["lat"] is None and row["easting"] is None:
        filled |= {"lat": facts.lat, "lon": facts.lon}
    if row["captured"] is None:
        filled["captured"] = facts.captured
    return filled
