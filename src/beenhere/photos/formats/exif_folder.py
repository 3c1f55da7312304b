"""A folder of photos as cameras and phones make them: facts come from each file's EXIF."""

from concurrent.futures import ThreadPoolExecutor

from beenhere.errors import PhotoError
from beenhere.photos.exif import PhotoFacts, read_facts
from beenhere.photos.formats.listing import Listing
from beenhere.photos.photo_file import HEADER_READERS
from beenhere.photos.table import PhotoTable
from beenhere.progress import progress

SOURCE = "photos; what is known of them comes from their EXIF headers"


def read_exif_folder(listing: Listing) -> PhotoTable:
    """One row for each photo whose header can be read, with or without a position."""
    paths = listing.paths(listing.photos)
    facts: list[tuple[str, PhotoFacts]] = []
    unusable = list(listing.unusable)
    with (
        ThreadPoolExecutor(HEADER_READERS) as pool,
        progress("photo headers", len(paths)) as advance,
    ):
        for path, found in zip(paths, pool.map(_facts_or_error, paths), strict=True):
            if isinstance(found, PhotoError):
                unusable.append((path, found.reason))
            else:
                facts.append((path, found))
            advance(1)
    return PhotoTable.from_columns(
        {
            "path": [path for path, _ in facts],
            "lat": [fact.lat for _, fact in facts],
            "lon": [fact.lon for _, fact in facts],
            "heading": [fact.heading for _, fact in facts],
            "captured": [fact.captured for _, fact in facts],
        },
        unusable=sorted(unusable),
        notes=[(path, fact.note) for path, fact in facts if fact.note],
        source=SOURCE,
    )


def _facts_or_error(path: str) -> PhotoFacts | PhotoError:
    try:
        return read_facts(path)
    except PhotoError as error:
        return error
