"""Published evaluation sets, read where they lie: each in its own layout."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from beenhere.errors import ConfigError
from beenhere.photos.catalog.marker import assert_evaluation
from beenhere.photos.formats import (
    dbstruct,
    image_lists,
    msls,
    numbered_frames,
    query_folders,
)
from beenhere.photos.ground_truth import EvaluationTables
from beenhere.photos.table import PhotoTable


@dataclass(frozen=True)
class PublishedLayout:
    """The layout of a published set: whether a folder has it, and how it is read.

    Attributes:
        name: as the catalogue has it, or in words where several sets share the layout.
        fits: whether a folder has the layout; looks at names alone.
        read: the tables of one of its protocols; DataError where its files are not as its authors
            hand them out.
        protocols: those that the folder can serve, the default first; never empty where it fits.
        training: the photos of its training split; None where the folder has none of it.
    """

    name: str
    fits: Callable[[Path], bool]
    read: Callable[[Path, str], EvaluationTables]
    protocols: Callable[[Path], list[str]] = lambda folder: ["test"]
    training: Callable[[Path], PhotoTable | None] = lambda folder: None


LAYOUTS = (
    *(
        PublishedLayout(
            name,
            partial(dbstruct.fits_pittsburgh, name),
            dbstruct.read_pittsburgh,
            dbstruct.pittsburgh_protocols,
            dbstruct.read_pittsburgh_training,
        )
        for name in dbstruct.PITTSBURGH
    ),
    PublishedLayout("tokyo_247", dbstruct.fits_tokyo, dbstruct.read_tokyo),
    PublishedLayout(
        "msls", msls.fits_msls, msls.read_msls, msls.msls_protocols, msls.read_msls_training
    ),
    PublishedLayout(
        "nordland",
        partial(numbered_frames.fits_frames, "nordland"),
        partial(numbered_frames.read_frames, "nordland"),
        numbered_frames.nordland_protocols,
    ),
    PublishedLayout(
        "sped",
        partial(numbered_frames.fits_frames, "sped"),
        partial(numbered_frames.read_frames, "sped"),
    ),
    PublishedLayout(
        "image lists",
        image_lists.fits_image_lists,
        image_lists.read_image_lists,
        image_lists.image_list_protocols,
    ),
    PublishedLayout("amstertime", numbered_frames.is_amstertime, numbered_frames.read_amstertime),
    PublishedLayout(
        "query folders",
        query_folders.has_query_folders,
        query_folders.read_query_folder,
        query_folders.query_protocols,
        query_folders.read_training_folder,
    ),
)
"""In the order in which they are tried."""


def published_at(folder: Path) -> PublishedLayout | None:
    """The layout of a published set that a folder has, if any."""
    if not folder.is_dir():
        return None
    return next((one for one in LAYOUTS if one.fits(folder)), None)


def protocols_of(folder: Path) -> list[str]:
    """Protocols that a folder can serve, the default first; empty where it is no published set."""
    found = published_at(folder)
    return [] if found is None else found.protocols(folder)


def training_photos(folder: Path) -> PhotoTable | None:
    """The training photos of a published set; None where it has none, or it is no such set.

    Raises:
        DataError: something that cannot be read.
    """
    found = published_at(folder)
    return None if found is None else found.training(folder)


def read_published(found: PublishedLayout, folder: Path, protocol: str | None) -> EvaluationTables:
    """The tables of a protocol; of the default one, where none is named.

    Raises:
        ConfigError: the folder does not serve that protocol; the message lists those it does.
        DataError: a set that was got by name is not whole; the message explains it.
    """
    offered = found.protocols(folder)
    chosen = offered[0] if protocol is None else protocol
    if chosen not in offered:
        raise ConfigError(
            f"{folder} ({found.name}) has no protocol {chosen!r}; it can serve {', '.join(offered)}"
        )
    tables = found.read(folder, chosen)
    assert_evaluation(folder, chosen, tables)
    return tables
