"""The position that came with a photo, beside which an answer can be held."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beenhere.errors import PhotoError
from beenhere.photos.exif import read_facts
from beenhere.photos.formats.at_names import is_at_name, read_at_names
from beenhere.photos.formats.listing import Listing


@dataclass(frozen=True)
class OwnPosition:
    """A position that came with a photo.

    Attributes:
        lat, lon: degrees.
        source: ``"EXIF"``, ``"its name"``, or ``"an earlier answer"``, which is no receiver's.
    """

    lat: float
    lon: float
    source: str


def own_position(photo: Any) -> OwnPosition | None:
    """The position in a photo's EXIF header, else in its name; None where neither holds one.

    Args:
        photo: a path, or what a file holds; pixels have none.
    """
    if not isinstance(photo, str | Path | bytes):
        return None
    try:
        facts = read_facts(photo)
    except PhotoError:
        return None
    if facts.lat is not None and facts.lon is not None:
        return OwnPosition(facts.lat, facts.lon, "EXIF")
    if facts.answer is not None:
        return OwnPosition(*facts.answer, "an earlier answer")
    return None if isinstance(photo, bytes) else position_in_name(Path(photo))


def position_in_name(file: Path) -> OwnPosition | None:
    """The position that the name of a photo says, which need not be a file here."""
    if is_at_name(file.name):
        positions = read_at_names(Listing(file.parent, photos=[file.name])).positions
        if len(positions) and positions.known[0]:
            return OwnPosition(float(positions.lat[0]), float(positions.lon[0]), "its name")
    return None
