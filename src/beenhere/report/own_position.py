"""What a photo itself says of where it was taken: in its EXIF header, or in its name."""

from dataclasses import dataclass
from pathlib import Path

from beenhere.datasets.formats.at_names import is_at_name, read_at_names
from beenhere.datasets.formats.listing import Listing
from beenhere.errors import PhotoError
from beenhere.exif import read_facts


@dataclass(frozen=True)
class OwnPosition:
    """A position that came with a photo.

    Attributes:
        lat, lon: degrees.
        source: ``"EXIF"`` or ``"its name"``.
    """

    lat: float
    lon: float
    source: str


def own_position(photo: str | bytes) -> OwnPosition | None:
    """The position in a photo's EXIF header, else in its name; None where neither holds one.

    Args:
        photo: a path, or what a file holds.
    """
    try:
        facts = read_facts(photo)
    except PhotoError:
        return None
    if facts.lat is not None and facts.lon is not None:
        return OwnPosition(facts.lat, facts.lon, "EXIF")
    if isinstance(photo, str) and is_at_name(Path(photo).name):
        file = Path(photo)
        positions = read_at_names(Listing(file.parent, photos=[file.name])).positions
        if len(positions) and positions.known[0]:
            return OwnPosition(float(positions.lat[0]), float(positions.lon[0]), "its name")
    return None
