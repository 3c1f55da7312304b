"""Answers that a person agreed with, as files: for maps, beside the photos, and into them."""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from beenhere.errors import DataError
from beenhere.report.location import location_of, location_values, to_csv
from beenhere.report.map_layers import to_geojson, to_gpx, to_kml
from beenhere.retrieval.locate.answer import Location, Place
from beenhere.serve.schemas import Accepted, Answer
from beenhere.tools.tag import write_positions
from beenhere.tools.tag.write_positions import fix_of
from beenhere.tools.tag.xmp_sidecar import with_position

Form = Literal["geojson", "kml", "csv", "gpx"]
FORMS: dict[Form, str] = {
    "geojson": "application/geo+json",
    "kml": "application/vnd.google-earth.kml+xml",
    "csv": "text/csv",
    "gpx": "application/gpx+xml",
}

ACCEPTED, MOVED = "accepted by a person", "put there by a person"
"""Reasons, of what is known by more than pictures."""


def exported(form: Form, accepted: Accepted) -> str:
    """The content of a file."""
    write = {"geojson": to_geojson, "kml": to_kml, "csv": to_csv, "gpx": to_gpx}[form]
    return write(_locations(accepted.answers))


def sidecars(accepted: Accepted) -> bytes:
    """A zip of XMP files, each named after its photo; unknown places have none."""
    buffer, taken = io.BytesIO(), set[str]()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as files:
        for location in _locations(accepted.answers):
            fix = fix_of(location_values(location))
            if fix is None or location.status == "unknown":
                continue
            name = _inside(location.query)
            if name in taken:
                raise DataError(f"two photos are called {name[:100]!r}; give their folders, too")
            taken.add(name)
            files.writestr(f"{name}.xmp", with_position(None, fix))
    return buffer.getvalue()


def written(accepted: Accepted, folder: Path) -> dict[str, Any]:
    """Write positions into photos below a folder, by :class:`schemas.WrittenAll`.

    Names lead nowhere else: not by ``..``, nor by links.
    """
    root, photos = folder.resolve(), []
    for location in _locations(accepted.answers):
        try:
            photo = (root / _inside(location.query)).resolve()
            if not photo.is_relative_to(root):
                raise DataError("its name leads out of the folder")
            values = location_values(replace(location, query=str(photo)))
            done = write_positions(
                [values], exif=True, xmp=False, overwrite=accepted.overwrite, guesses=True
            )
            others = [reason for _, reason in (*done.kept, *done.failed)]
            written = ", ".join(str(file.relative_to(root)) for file in done.files)
            message = written or "".join(others) or "there is no position to write"
        except (DataError, OSError, ValueError) as error:
            written, message = "", str(error)
        said = message.replace(f"{root}", folder.name)
        photos.append({"query": location.query, "done": bool(written), "message": said})
    return {"photos": photos}


def _inside(name: str) -> str:
    """A name that stays in a folder, whatever it says. Raises DataError."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or not path.name or ":" in path.parts[0]:
        raise DataError(f"{name[:100]!r} is no name below a folder; expected such as trip/1.jpg")
    if any(ord(c) < 32 for c in name):
        raise DataError(f"{name[:100]!r} has a control character in it")
    return str(path)


def _locations(answers: Sequence[Answer]) -> list[Location]:
    return [_location(answer) for answer in answers if answer.status != "unreadable"]


def _location(answer: Answer) -> Location:
    """An answer as it was given; one that a person accepted is known, and one that was moved is
    where it was put, by nobody's probability."""
    try:
        location = location_of(answer.model_dump())
    except (KeyError, ValueError) as error:
        raise DataError(f"the answer of {answer.query[:100]!r} is not as it was given") from error
    if answer.accepted and not answer.moved and location.place is not None:
        return replace(location, status="known", reason=None if location.known else ACCEPTED)
    if not answer.moved:
        return location
    if answer.lat is None or answer.lon is None:
        raise DataError(f"the answer of {answer.query[:100]!r} was moved, and has no lat and lon")
    place = Place(answer.lat, answer.lon, spread=0.0, share=1.0, matches=())
    return replace(
        location, status="known", place=place, radius=None, probability=None, reason=MOVED
    )
