"""All photos of a set, or of a folder of sets, in one frame: leakage shows only across sets."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere import geo
from beenhere.datasets.doctor.tested import tested
from beenhere.datasets.formats import PhotoSet, find_sets, read_photos, training_photos
from beenhere.datasets.ground_truth import GroundTruth
from beenhere.datasets.table import PhotoTable

Split = Literal["train", "val", "test"]
Side = Literal["database", "queries"]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Part:
    """One table of a collection.

    Attributes:
        name: such as ``"sf_xs/test queries"``.
        folder: of its set, below the collection's root; ``"."`` for the root itself.
        split: what the set is for; None where nothing tells.
        side: of an evaluation set; None of other photos.
        rows: of the collection's frame.
    """

    name: str
    folder: str
    split: Split | None
    side: Side | None
    table: PhotoTable
    rows: slice


@dataclass(frozen=True)
class Pair:
    """The two parts of an evaluation set, by their numbers, and which photos are right."""

    database: int
    queries: int
    truth: GroundTruth


@dataclass(frozen=True)
class Collection:
    """Photos to examine.

    Attributes:
        root: what was read.
        parts: its tables.
        pairs: which of them belong together.
        frame: all photos, the parts' one after the other, with the columns of a photo table and
            ``part``, the number of each photo's part.
        loose: ``(path, reason)`` of photos below the root that are in no set.
    """

    root: Path
    parts: tuple[Part, ...]
    pairs: tuple[Pair, ...]
    frame: pl.DataFrame
    loose: tuple[tuple[str, str], ...] = ()

    @cached_property
    def positions(self) -> geo.Positions:
        """Every photo's."""
        return geo.joined([part.table.positions for part in self.parts])

    @cached_property
    def part(self) -> Rows:
        """The number of every photo's part."""
        return self.frame["part"].to_numpy().astype(np.intp)

    def rows_of(self, *splits: Split) -> Rows:
        """Photos of sets with these purposes."""
        wanted = [number for number, part in enumerate(self.parts) if part.split in splits]
        return np.flatnonzero(np.isin(self.part, wanted))

    def __len__(self) -> int:
        return self.frame.height


def gather(path: Path) -> Collection:
    """Read every set at a path: whatever ``beenhere data show`` knows.

    Of a published set these are the photos of all its protocols, and of its training split. Rows
    of a table that cannot be used are listed, and end nothing.

    A set is for what its protocol says, else what its folder or one above it is called, up to the
    root: ``train``, ``val`` or ``test``. A database with queries is for tests otherwise, and photos
    with places for training.

    Raises:
        DataError: nothing there, or something that cannot be read.
    """
    root = path.expanduser()
    below = find_sets(root)
    given: list[_Given] = []
    pairs = []
    for found in below.sets:
        training = _training(root, found)
        given += training
        if not found.evaluation:
            continue
        each = tested(found.path)
        for one in each:
            folder = _below(root, found.path)
            split = _split_of(one.protocol) or _split(root, found.path) or "test"
            if one.protocol is not None and (len(each) > 1 or training):
                own = one.protocol if len(each) > 1 else split
                folder = f"{folder}/{own}".removeprefix("./")
            pairs.append(Pair(len(given), len(given) + 1, one.truth))
            given += [
                _Given(folder, split, "database", one.database),
                _Given(folder, split, "queries", one.queries),
            ]
    ends = np.cumsum([0, *(len(one.table) for one in given)]).tolist()
    parts = tuple(
        Part(
            name=" ".join(filter(None, (_name(root, one.folder), one.side))),
            folder=one.folder,
            split=one.split,
            side=one.side,
            table=one.table,
            rows=slice(ends[number], ends[number + 1]),
        )
        for number, one in enumerate(given)
    )
    frames = [
        part.table.frame.with_columns(part=pl.lit(number, pl.Int32))
        for number, part in enumerate(parts)
    ]
    return Collection(root, parts, tuple(pairs), pl.concat(frames), tuple(below.loose))


class _Given(NamedTuple):
    folder: str
    split: Split | None
    side: Side | None
    table: PhotoTable


def _training(root: Path, found: PhotoSet) -> list[_Given]:
    """The photos of a set that has no sides, or of a published set's training split."""
    folder = _below(root, found.path)
    if found.evaluation:
        table = training_photos(found.path)
        if table is None:
            return []
        return [_Given(f"{folder}/train".removeprefix("./"), "train", None, table)]
    table = read_photos(found.path, strict=False)
    labelled: Split | None = "train" if table.frame["place"].is_not_null().any() else None
    return [_Given(folder, _split(root, found.path) or labelled, None, table)]


def _below(root: Path, path: Path) -> str:
    """A table that is a set by itself gets a folder of its name."""
    whole = path.with_suffix("") if path.is_file() and path != root else path
    return whole.relative_to(root).as_posix()


def _name(root: Path, folder: str) -> str:
    return root.absolute().name if folder == "." else folder


def _split_of(protocol: str | None) -> Split | None:
    match (protocol or "").partition("-")[0]:
        case "train" | "val" | "test" as split:
            return split
    return None


def _split(root: Path, path: Path) -> Split | None:
    """By the nearest folder of such a name; what is above the root says nothing about the set."""
    for folder in reversed((root.absolute().name, *path.relative_to(root).parts)):
        match folder:
            case "train" | "val" | "test":
                return folder
    return None
