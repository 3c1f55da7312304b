"""The published sets that are known by name: what each is, its licence, how to get it.

Each is a file in ``sets/``, which a person can read and mend.
"""

from difflib import get_close_matches
from functools import cache
from importlib import resources
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from beenhere.errors import ConfigError
from beenhere.wording import one_line

SHOWN_ORDER = (
    *("gsv_xs", "sf_xs", "tokyo_xs", "gsv_cities", "pitts30k", "pitts250k", "msls"),
    *("nordland", "st_lucia", "sped", "tokyo_247", "sf_xl", "amstertime", "svox"),
)
"""Names of the sets, those that are quickest to start with first."""


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RemoteFile(_Facts):
    """One file that a program can fetch.

    Attributes:
        name: of the file, such as ``"sf_xs.zip"``; its end tells how it is unpacked.
        url: where it lies, or null.
        drive: its id at Google Drive, or null.
        bytes: its size, where it is known.
        checksum: ``"sha256:..."`` or ``"md5:..."``, where it is known.
    """

    name: str
    url: str | None = None
    drive: str | None = None
    bytes: Annotated[int, Field(ge=0)] | None = None
    checksum: Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64}|md5:[0-9a-f]{32})$")] | None = (
        None
    )


class NamedProtocol(_Facts):
    """One way to measure on a set. Scores of two protocols cannot be compared.

    Attributes:
        about: in words, which photos are searched, which are found, and what is right.
        threshold: metres within which a database photo is a positive; null where lists say it.
        split: the folder of the set that is used, such as ``"test"``; ``""`` for the set itself.
        database: photos that are searched, where known.
        queries: photos that are looked for, where known.
        published_as: the set's name in published figures; empty where none are known.
    """

    about: str
    threshold: float | None = None
    split: str = ""
    database: int | None = None
    queries: int | None = None
    published_as: str = ""


class NamedSet(_Facts):
    """A published set of photos.

    Attributes:
        name: as commands and folders have it, such as ``"sf_xs"``.
        title: as its paper has it.
        about: what is on the photos and what the set is known for.
        purpose: what it is for.
        photos: how many there are in all, where known; asserted of a set only for training.
        photos_about: roughly how many, where nobody has said it exactly; for show alone.
        disk_bytes: size once unpacked, where known.
        disk_about: roughly that, as a paper has it; for show alone.
        licence: by name, with what it asks for.
        commercial: whether commercial use is allowed.
        paper: authors, title, venue, year.
        page: where the set is described and asked for.
        files: what a program can fetch; empty if a person has to.
        steps: what a person does to get it, and what ``beenhere data import`` then expects.
        layouts: what the set's folder holds, one of these lists whole; paths below it, in which
            ``*`` stands for any name and ``**`` for any folders.
        protocols: by name, the default first; empty for a set that is only for training.
    """

    name: str
    title: str
    about: str
    purpose: tuple[Literal["train", "val", "test"], ...]
    photos: int | None = None
    photos_about: int | None = None
    disk_bytes: int | None = None
    disk_about: int | None = None
    licence: str
    commercial: Literal["allowed", "forbidden", "unknown"]
    paper: str
    page: str | None = None
    files: tuple[RemoteFile, ...] = ()
    steps: str
    layouts: Annotated[tuple[tuple[str, ...], ...], Field(min_length=1)]
    protocols: dict[str, NamedProtocol] = {}

    @property
    def has_places(self) -> bool:
        """Whether it is there to train on as it is; others need places first."""
        return self.purpose == ("train",)

    @property
    def training_folder(self) -> str:
        """Where its photos with places lie, below the set's folder; ``""``: everywhere."""
        return "train" if "train" in self.layouts[0] else ""


def named_sets() -> list[NamedSet]:
    """Every set of the catalogue, in the order of :data:`SHOWN_ORDER`."""
    return [_read(name) for name in SHOWN_ORDER]


def named_set(name: str) -> NamedSet:
    """One set by its name, in any case, with ``-``, ``_`` or nothing between the words.

    Raises:
        ConfigError: no such set; the message names the nearest.
    """
    spelt = {plain(known): known for known in SHOWN_ORDER}
    found = spelt.get(plain(name))
    if found is None:
        near = get_close_matches(plain(name), spelt, n=1, cutoff=0.5)
        hint = f"did you mean {spelt[near[0]]}?" if near else f"there are {', '.join(SHOWN_ORDER)}"
        raise ConfigError(f"no set is called {name!r}; {hint} (see 'beenhere data list')")
    return _read(found)


def plain(name: str) -> str:
    """A name as it is compared: its letters and digits alone, in lower case."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


@cache
def _read(name: str) -> NamedSet:
    file = resources.files("beenhere.photos.catalog") / "sets" / f"{name}.yaml"
    try:
        return NamedSet(name=name, **yaml.safe_load(file.read_text(encoding="utf-8")))
    except (ValidationError, yaml.YAMLError, TypeError) as error:
        raise ConfigError(f"{file}: {one_line(error, None)}") from error
