"""Published evaluation sets, read where they lie: each in its own layout."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from beenhere.datasets.catalog.marker import assert_evaluation
from beenhere.datasets.formats.amstertime import (
    amstertime_protocols,
    is_amstertime,
    read_amstertime,
)
from beenhere.datasets.formats.dbstruct import (
    PITTSBURGH,
    fits_pittsburgh,
    fits_tokyo,
    pittsburgh_protocols,
    read_pittsburgh,
    read_pittsburgh_training,
    read_tokyo,
    tokyo_protocols,
)
from beenhere.datasets.formats.frames import (
    fits_nordland,
    fits_sped,
    nordland_protocols,
    read_nordland,
    read_sped,
    sped_protocols,
)
from beenhere.datasets.formats.image_lists import (
    fits_image_lists,
    image_list_protocols,
    read_image_lists,
)
from beenhere.datasets.formats.msls import (
    fits_msls,
    msls_protocols,
    read_msls,
    read_msls_training,
)
from beenhere.datasets.formats.query_folders import (
    has_query_folders,
    query_protocols,
    read_query_folder,
    read_training_folder,
)
from beenhere.datasets.ground_truth import EvaluationTables
from beenhere.datasets.table import PhotoTable
from beenhere.errors import ConfigError


@dataclass(frozen=True)
class Published:
    """How one published set is told and read.

    Attributes:
        name: as the catalogue has it.
        fits: whether a folder has the set's layout; looks at names alone.
        protocols: what the folder can serve, the default first; never empty where it fits.
        read: the tables of one of these protocols.
        training: the photos of its training split; None where the folder has none of it.
    """

    name: str
    fits: Callable[[Path], bool]
    protocols: Callable[[Path], list[str]]
    read: Callable[[Path, str], EvaluationTables]
    training: Callable[[Path], PhotoTable | None] = lambda folder: None


PUBLISHED: tuple[Published, ...] = (
    *(
        Published(
            name,
            fits_pittsburgh(name),
            pittsburgh_protocols,
            read_pittsburgh,
            read_pittsburgh_training,
        )
        for name in PITTSBURGH
    ),
    Published("tokyo_247", fits_tokyo, tokyo_protocols, read_tokyo),
    Published("msls", fits_msls, msls_protocols, read_msls, read_msls_training),
    Published("nordland", fits_nordland, nordland_protocols, read_nordland),
    Published("sped", fits_sped, sped_protocols, read_sped),
    Published("image lists", fits_image_lists, image_list_protocols, read_image_lists),
    Published("amstertime", is_amstertime, amstertime_protocols, read_amstertime),
    Published(
        "query folders",
        has_query_folders,
        query_protocols,
        read_query_folder,
        read_training_folder,
    ),
)
"""In the order in which they are tried."""


def published_at(folder: Path) -> Published | None:
    """The published set whose layout a folder has, if any."""
    if not folder.is_dir():
        return None
    return next((one for one in PUBLISHED if one.fits(folder)), None)


def protocols_of(folder: Path) -> list[str]:
    """What a folder can serve, the default first; empty where it is no published set."""
    found = published_at(folder)
    return [] if found is None else found.protocols(folder)


def training_photos(folder: Path) -> PhotoTable | None:
    """The training photos of a published set; None where it has none, or it is no such set.

    Raises:
        DataError: something that cannot be read.
    """
    found = published_at(folder)
    return None if found is None else found.training(folder)


def read_published(found: Published, folder: Path, protocol: str | None) -> EvaluationTables:
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
